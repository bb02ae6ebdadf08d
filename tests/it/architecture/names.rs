//! One name of a type has one meaning. The names that are declared in two files are counted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{Source, sources_of};

/// The most names of types that are declared in more than one file outside of tests. The number may only fall.
const SHARED: usize = 14;

/// The name of the type that a line at the top level declares.
fn declared(line: &str) -> Option<&str> {
    let declaration = match line.strip_prefix("pub") {
        Some(rest) if rest.starts_with('(') => rest.split_once(") ")?.1,
        Some(rest) => rest.strip_prefix(' ')?,
        None => line,
    };
    let keywords = ["struct ", "enum ", "trait ", "type "];
    let name = keywords.iter().find_map(|keyword| declaration.strip_prefix(keyword))?;
    name.split(|c: char| !c.is_alphanumeric() && c != '_').next()
}

/// The names that several files declare, with these files.
fn shared(sources: &[(String, Source)]) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut files: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for (path, source) in sources {
        for name in source.lines.iter().filter_map(|(_, line)| declared(line)) {
            files.entry(name).or_default().insert(path.as_str());
        }
    }
    files.retain(|_, files| files.len() > 1);
    files
}

#[test]
fn few_names_of_types_have_two_meanings() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    for folder in ["src", "crates/pii/src", "crates/sample/src"] {
        let of_folder = sources_of(&root.join(folder)).into_iter();
        sources.extend(of_folder.map(|source| (format!("{folder}/{}", source.path), source)));
    }
    let shared = shared(&sources);
    assert!(
        shared.len() <= SHARED,
        "{} names are declared twice, such as for another meaning: {shared:#?}",
        shared.len()
    );
}

#[test]
fn a_declaration_is_known_by_its_line() {
    for (line, name) in [
        ("pub struct Row {", Some("Row")),
        ("pub(in crate::store) enum Side<'a> {", Some("Side")),
        ("type Rows = Vec<Row>;", Some("Rows")),
        ("    struct Inner;", None),
        ("pub fn row() {}", None),
        ("publish(struct)", None),
    ] {
        assert_eq!(declared(line), name, "{line}");
    }
}

//! The files that documents name.

use crate::prose::{extension, files, root};

/// The paths that a document names, in code spans and links: `archive/search.rs`, `docs/adr/`.
fn named_paths(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let spans = line.split('`').enumerate().filter(|(no, _)| no % 2 == 1).map(|(_, span)| span);
        let links = line.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
        let is_path = |path: &str| path.chars().all(plain) && !path.starts_with(['/', '.']);
        let is_file =
            |path: &str| [".rs", ".md", ".sql"].iter().any(|end| path.ends_with(end) && path.len() > end.len());
        let is_named = |path: &&str| is_path(path) && (is_file(path) || path.ends_with('/'));
        found.extend(spans.filter(is_named).map(|path| (number + 1, path.to_owned())));
        let is_link = |path: &&str| !path.is_empty() && !path.contains("://");
        found.extend(links.filter(is_link).map(|path| (number + 1, path.trim_start_matches("../").to_owned())));
    }
    found
}

#[test]
fn every_path_that_a_document_names_exists() {
    let files = files();
    let is_there = |path: &str| {
        let inner = format!("/{path}");
        let is_it = |file: &String| {
            if path.ends_with('/') {
                file.starts_with(path) || file.contains(&inner)
            } else {
                file == path || file.ends_with(&inner)
            }
        };
        files.iter().any(is_it) || root().join(path).is_dir()
    };
    let (mut missing, mut count) = (Vec::new(), 0);
    for document in files.iter().filter(|path| extension(path) == "md" && !path.starts_with("CHANGELOG")) {
        for (line, path) in named_paths(&std::fs::read_to_string(root().join(document)).unwrap()) {
            count += 1;
            if !is_there(&path) {
                missing.push(format!("{document}:{line}: {path}"));
            }
        }
    }
    assert!(count > 100, "only {count} paths were found");
    assert!(missing.is_empty(), "documents name paths that do not exist:\n{}", missing.join("\n"));
}

//! The rules about the imports of rooms and about the owners of tables. A test that fails prints the line and the rule.

mod names;
mod owners;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::statements::{Literal, pieces};

/// The rooms from the top down. A room imports rooms below it, and never another room of its own rank.
const RANKS: [&[&str]; 26] = [
    &["main"],
    &["cli"],
    &["app"],
    &["nightly"],
    &["certificates"],
    &["scan"],
    &["requests"],
    &["exports"],
    &["delivery", "webhooks"],
    &["ageing"],
    &["content"],
    &["totals", "suppressions", "reveals"],
    &["archive"],
    &["recording_keys", "holds", "content_rows"],
    &["seals"],
    &["recipients"],
    &["outbox"],
    &["vault"],
    &["journal"],
    &["tenants"],
    &["audit", "idempotency"],
    &["http"],
    &["store", "objects"],
    &["telemetry"],
    &["config", "cdr"],
    &["base"],
];

/// The rooms that have the files `http`, `mod`, `model`, and `sql`.
const SLICES: [&str; 24] = [
    "nightly",
    "certificates",
    "scan",
    "requests",
    "exports",
    "delivery",
    "ageing",
    "webhooks",
    "content",
    "content_rows",
    "totals",
    "suppressions",
    "reveals",
    "archive",
    "recording_keys",
    "seals",
    "holds",
    "recipients",
    "outbox",
    "vault",
    "journal",
    "tenants",
    "audit",
    "idempotency",
];

/// The doors through which an identifier or a key leaves its type.
const DOORS: [&str; 2] = ["audit/model.rs", "vault/keyset.rs"];

/// The files of `nightly` that open transactions: the context of a pass itself, and those that work without a lease.
const OUTSIDE_OF_PASSES: [&str; 12] = [
    "nightly/context.rs",
    "nightly/lease.rs",
    "nightly/run.rs",
    "nightly/dry_run.rs",
    "nightly/http.rs",
    "nightly/restore/expiry.rs",
    "nightly/restore/horizon.rs",
    "nightly/restore/look.rs",
    "nightly/restore/lost.rs",
    "nightly/restore/replay.rs",
    "nightly/restore/settle.rs",
    "nightly/restore/verify.rs",
];

/// A file of `src` without its comments and its tests.
struct Source {
    path: String,
    /// Line numbers and code.
    lines: Vec<(usize, String)>,
    literals: Vec<Literal>,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        let mut lines = Vec::new();
        let mut all = text.lines().enumerate().peekable();
        while let Some((number, line)) = all.next() {
            if line == "#[cfg(test)]" && all.peek().is_some_and(|(_, next)| next.ends_with('{')) {
                break;
            }
            let code = line.split_once("//").map_or(line, |(code, _)| code);
            lines.push((number + 1, code.to_owned()));
        }
        let code: String = text.split_inclusive('\n').take(lines.len()).collect();
        Self { path: path.to_owned(), lines, literals: pieces(&code) }
    }

    /// The first part of the path: the room.
    fn room(&self) -> &str {
        let room = self.path.split('/').next().unwrap_or_default();
        room.strip_suffix(".rs").unwrap_or(room)
    }

    /// The second part of the path, for a slice: `http`, `mod`, `model`, `sql` or a file of its own.
    fn part(&self) -> &str {
        let part = self.path.split('/').nth(1).unwrap_or_default();
        part.strip_suffix(".rs").unwrap_or(part)
    }

    fn is_slice(&self) -> bool {
        SLICES.contains(&self.room())
    }
}

fn rank(room: &str) -> Option<usize> {
    RANKS.iter().position(|rooms| rooms.contains(&room))
}

/// The rooms that a line names: `crate::vault::…`, `lethe::cli::…`.
fn rooms_in(line: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    for root in ["crate::", "lethe::"] {
        for (at, _) in line.match_indices(root) {
            if line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$') {
                continue;
            }
            let rest = &line[at + root.len()..];
            if let Some((group, _)) = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
                rooms
                    .extend(group.split(',').map(|name| name.trim().split("::").next().unwrap_or_default().to_owned()));
                continue;
            }
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            rooms.push(rest[..end].to_owned());
        }
    }
    rooms
}

fn faults(source: &Source) -> Vec<String> {
    let mut faults = Vec::new();
    for (number, line) in &source.lines {
        let mut fault = |rule: &str| faults.push(format!("src/{}:{number}: {}\n    {rule}", source.path, line.trim()));
        for room in rooms_in(line) {
            check_import(source, &room, &mut fault);
        }
        check_words(source, line, &mut fault);
    }
    faults
}

fn check_import(source: &Source, room: &str, fault: &mut impl FnMut(&str)) {
    let own = source.room();
    if own == "lib" {
        return;
    }
    match (rank(own), rank(room)) {
        (None, _) => fault(&format!("the room `{own}` has no rank: give it one here and in ARCHITECTURE.md")),
        (_, None) => fault("name the room: `crate::room::…`"),
        (Some(from), Some(to)) if own != room && to <= from => {
            fault(&format!("`{own}` may only import rooms below it, and `{room}` is not"));
        }
        _ => {}
    }
    if room == "http" && source.is_slice() && source.part() != "http" {
        fault("only a slice's `http` may import `crate::http`");
    }
}

fn check_words(source: &Source, line: &str, fault: &mut impl FnMut(&str)) {
    let (room, part) = (source.room(), source.part());
    let may_serve = ["http", "app", "cli", "main"].contains(&room) || source.is_slice() && part == "http";
    if line.contains("actix_web::") && !may_serve {
        fault("only `http`, `app` and a slice's `http` know actix");
    }
    if source.is_slice() {
        let inner =
            |name: &str| line.contains(&format!("super::{name}")) || line.contains(&format!("crate::{room}::{name}"));
        if part == "http" && inner("sql") {
            fault("a slice's `http` asks its `mod`, never its `sql`");
        }
        if part != "http" && inner("http") {
            fault("nothing in a slice imports its `http`");
        }
        if part == "model" && inner("sql") {
            fault("a slice's `model` knows nothing of its `sql`");
        }
    }
    let may_query = room == "store" || part == "sql" || source.path.ends_with("/sql.rs");
    let is_derive = line.contains("#[derive(") && (line.contains("sqlx::Type") || line.contains("sqlx::FromRow"));
    if line.contains("sqlx::") && !may_query && !is_derive {
        fault("sqlx is named in `store`, in a slice's `sql`, and where a type derives how it is kept");
    }
    if line.contains("Code::Forbidden") && room != "http" {
        fault("a refusal names the missing scopes: build it by `http::caller::forbidden`");
    }
    let is_fence = line.contains("fence::") || line.contains("crate::tenants") && line.contains("fence");
    if is_fence && source.path != "vault/admission.rs" && !["nightly", "tenants"].contains(&room) {
        fault("only `vault/admission.rs` and the pass use the epoch fence: write through `vault::admit`");
    }
    let opens =
        ["archive.read(", "archive.write(", "vault.read(", "vault.write("].iter().any(|call| line.contains(call))
            || [".read(", ".write("].iter().any(|call| line.trim_start().starts_with(call));
    if opens && room == "nightly" && !OUTSIDE_OF_PASSES.contains(&source.path.as_str()) {
        fault("a step begins its transactions by `PassContext`, which renews the lease");
    }
    if room == "scan" && (line.contains("pii::") || line.contains("vault::find")) {
        fault("the scan is independent evidence: it shares no code with the search for identifiers at ingest");
    }
    if line.contains(".expose()") && !DOORS.contains(&source.path.as_str()) {
        fault("an identifier leaves its type in a handful of files only, listed in this test");
    }
}

/// All files of `src`, but those that are tests.
fn sources() -> Vec<Source> {
    sources_of(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
}

/// All files of a folder, but those that are tests.
fn sources_of(root: &Path) -> Vec<Source> {
    let mut files = Vec::new();
    collect(root, &mut files);
    let texts: Vec<_> = files.iter().map(|file| (file.clone(), std::fs::read_to_string(file).unwrap())).collect();
    let tests: BTreeSet<PathBuf> = texts.iter().flat_map(|(file, text)| test_modules(file, text)).collect();
    let sources =
        texts.iter().filter(|(file, _)| !file.ancestors().any(|part| tests.contains(&part.with_extension(""))));
    sources.map(|(file, text)| Source::new(file.strip_prefix(root).unwrap().to_str().unwrap(), text)).collect()
}

#[test]
fn no_file_is_longer_than_four_hundred_lines() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["src", "crates", "tests"] {
        collect(&root.join(folder), &mut files);
    }
    let is_long = |file: &PathBuf| std::fs::read_to_string(file).unwrap().lines().count() > 400;
    let long: Vec<_> = files.into_iter().filter(is_long).collect();
    assert_eq!(long, Vec::<PathBuf>::new());
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
}

/// The modules that a file declares for its tests, `#[cfg(test)] mod tests;`, as paths without `.rs`.
fn test_modules(file: &Path, text: &str) -> Vec<PathBuf> {
    let name = file.file_stem().unwrap().to_str().unwrap();
    let folder = match name {
        "mod" | "lib" | "main" => file.parent().unwrap().to_owned(),
        _ => file.with_extension(""),
    };
    let lines: Vec<_> = text.lines().collect();
    let declared = lines.windows(2).filter(|pair| pair[0] == "#[cfg(test)]").filter_map(|pair| {
        let name = pair[1].strip_prefix("mod ")?.strip_suffix(';')?;
        Some(folder.join(name))
    });
    declared.collect()
}

#[test]
fn every_room_imports_only_what_lies_below_it() {
    let sources = sources();
    assert!(sources.len() > 50, "only {} files were read", sources.len());
    let faults: Vec<_> = sources.iter().flat_map(faults).collect();
    assert!(faults.is_empty(), "{} lines break a rule:\n{}", faults.len(), faults.join("\n"));
}

/// The names in a part of ARCHITECTURE.md, without the signs of a folder or a file.
fn names_in(text: &str) -> Vec<&str> {
    let names = text.split('`').skip(1).step_by(2);
    names.map(|name| name.trim_end_matches('/').trim_end_matches(".rs")).collect()
}

/// Readers look at the document, and the test looks at the lists above.
#[test]
fn the_document_has_the_same_ranks_and_slices() {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md")).unwrap();
    let table = text.lines().skip_while(|line| !line.starts_with("| rank | room |")).skip(2);
    let rows: Vec<_> = table.take_while(|line| line.starts_with('|')).collect();
    assert_eq!(rows.len(), RANKS.len());
    for (no, (row, rooms)) in rows.iter().zip(RANKS).enumerate() {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        assert_eq!((cells[1], names_in(cells[2])), ((no + 1).to_string().as_str(), rooms.to_vec()), "{row}");
    }
    let (_, slices) = text.split_once("rooms are *slices*:").unwrap();
    let (slices, _) = slices.split_once('.').unwrap();
    let slices: BTreeSet<_> = names_in(slices).into_iter().collect();
    assert_eq!(slices, SLICES.into_iter().collect());
}

/// The crates that `crates/pii` may use. It is pure: no runtime, no database, no HTTP.
const PURE: [&str; 14] = [
    "base64",
    "chrono",
    "email_address",
    "encoding_rs",
    "idna",
    "memchr",
    "regex-automata",
    "regex-syntax",
    "rlibphonenumber",
    "serde",
    "serde_json",
    "thiserror",
    "unicode-normalization",
    "uuid",
];

#[test]
fn the_library_of_personal_data_is_pure() {
    let manifest =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/pii/Cargo.toml")).unwrap();
    let (_, dependencies) = manifest.split_once("[dependencies]\n").unwrap();
    let lines = dependencies.lines().take_while(|line| !line.is_empty());
    let names: Vec<_> = lines.map(|line| line.split([' ', '.']).next().unwrap_or_default()).collect();
    assert_eq!(names, PURE);
}

#[test]
fn every_listed_door_is_used() {
    let sources = sources();
    for door in DOORS {
        let source = sources.iter().find(|source| source.path == door).unwrap_or_else(|| panic!("{door} is gone"));
        assert!(
            source.lines.iter().any(|(_, line)| line.contains("expose")),
            "{door} exposes nothing: take it off the list"
        );
    }
}

#[test]
fn a_line_that_breaks_a_rule_is_named() {
    let faults_of = |path: &str, line: &str| faults(&Source::new(path, line)).len();
    for (path, line) in [
        ("vault/mod.rs", "use crate::archive::Record;"),
        ("cdr/mod.rs", "use crate::config::Config;"),
        ("base/id.rs", "    crate::store::migrate(db)"),
        ("kitchen/mod.rs", "use crate::base::id::TenantId;"),
        ("vault/mod.rs", "use crate::{base, archive};"),
        ("main.rs", "use lethe::main::x;\nuse lethe::unheard_of::x;"),
        ("requests/mod.rs", "use crate::http::Problem;"),
        ("requests/model.rs", "use actix_web::web;"),
        ("requests/http.rs", "use super::sql;"),
        ("archive/http/search.rs", "use crate::archive::sql;"),
        ("archive/sql.rs", "use super::http::Page;"),
        ("tenants/model.rs", "use super::sql;"),
        ("nightly/pass.rs", "    sqlx::query(\"SELECT 1\")"),
        ("requests/mod.rs", "    let number = phone.expose();"),
        ("archive/http/search.rs", "    Problem::new(Code::Forbidden)"),
        ("nightly/pass.rs", "    let mut tx = context.app.archive.write().await?;"),
        ("nightly/steps/plan.rs", "        .read()"),
        ("archive/ingest.rs", "use crate::tenants::{self, fence};"),
        ("scan/projection.rs", "use pii::text::find;"),
        ("scan/matcher.rs", "    vault::find(&mut tx, keyset, [&identifier])"),
    ] {
        assert_eq!(faults_of(path, line), 1, "{path}: {line}");
    }
    for (path, line) in [
        ("vault/mod.rs", "use crate::audit::Grant; // not crate::archive"),
        ("requests/http.rs", "use crate::http::Problem;\nuse super::model;"),
        ("base/id.rs", "#[derive(sqlx::Type)]"),
        ("vault/admission.rs", "use crate::tenants::fence;"),
        ("nightly/steps/plan.rs", "    let tx = context.read().await?;"),
        ("nightly/lease.rs", "    let mut tx = archive.write().await?;"),
        ("archive/sql.rs", "use sqlx::FromRow;\nuse super::model::Row;"),
        ("vault/mod.rs", "#[cfg(test)]\nmod tests {\n    use crate::archive::Record;\n}"),
    ] {
        assert_eq!(faults_of(path, line), 0, "{path}: {line}");
    }
}

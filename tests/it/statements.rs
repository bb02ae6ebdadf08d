//! The rules of a distributed PostgreSQL for the project's SQL.
//!
//! Two checks enforce them. A debug build checks every statement before it runs (`src/store/rules.rs`), so every test
//! of this suite checks them: the bound tenant at every table, INSERT before WITH, and no list of columns after the
//! name of a WITH. That check sees the complete text, but only the statements that a test runs. The first test below
//! reads the sources instead. It sees all statements, but in pieces, so it knows only the two shapes and not whether a
//! table has its tenant. Neither check sees the text that `sqlx::raw_sql` sends: migrations and VACUUM.

use std::path::Path;

use lethe::store::{Archive, Db, StoreSettings};
use sqlx::{Connection as _, Executor as _, PgConnection};

use crate::harness::Databases;

/// A string literal of a source.
pub struct Literal {
    pub line: usize,
    pub text: String,
    /// The code between the literal before it and this one, without comments.
    pub before: String,
    /// The code between this literal and the next one, without comments.
    pub after: String,
}

/// The string literals of a source. The pieces of one statement stay separate.
pub fn pieces(source: &str) -> Vec<Literal> {
    let (mut pieces, mut rest, mut line, mut code) = (Vec::<Literal>::new(), source, 1, String::new());
    while let Some(at) = rest.find(['"', '\n', '/', '\'']) {
        let (before, found) = rest.split_at(at);
        code.push_str(before);
        let length = match found.as_bytes() {
            [b'"', ..] if !before.ends_with('#') => {
                let end = end_of_literal(&found[1..]) + 1;
                let text = &found[1..end];
                // A continued line: the backslash, the end of the line, and the indentation of the next one.
                let joined = text.split("\\\n").enumerate();
                let joined = joined.map(|(no, part)| if no == 0 { part } else { part.trim_start() });
                let before = std::mem::take(&mut code);
                pieces.push(Literal { line, text: joined.collect(), before, after: String::new() });
                line += text.matches('\n').count();
                rest = &found[(end + 1).min(found.len())..];
                continue;
            }
            [b'/', b'/', ..] => {
                rest = &found[found.find('\n').unwrap_or(found.len())..];
                continue;
            }
            [b'\'', b'"', b'\'', ..] => 3,
            [b'\n', ..] => {
                line += 1;
                1
            }
            _ => 1,
        };
        code.push_str(&found[..length]);
        rest = &found[length..];
    }
    code.push_str(rest);
    let after: Vec<_> = pieces.iter().skip(1).map(|piece| piece.before.clone()).chain([code]).collect();
    pieces.iter_mut().zip(after).for_each(|(piece, after)| piece.after = after);
    pieces
}

/// The string literals of a source, each with its line.
pub fn literals(source: &str) -> Vec<(usize, String)> {
    pieces(source).into_iter().map(|Literal { line, text, .. }| (line, text)).collect()
}

fn end_of_literal(text: &str) -> usize {
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' => drop(characters.next()),
            '"' => return at,
            _ => {}
        }
    }
    text.len()
}

/// The rule that a piece of SQL breaks.
fn broken(literal: &str) -> Option<&'static str> {
    if literal.find("INSERT INTO ").is_some_and(|at| at > 0) {
        return Some("a statement that inserts begins with it: its WITH comes behind the columns");
    }
    let lists = literal.match_indices(") AS ").filter(|(at, list)| {
        let body = literal[at + list.len()..].trim_start_matches("NOT ").trim_start_matches("MATERIALIZED ");
        let name = literal[..*at].rfind('(').and_then(|open| literal[..open].strip_suffix(' '));
        let is_list = name.is_some_and(|name| name.ends_with(|c: char| c.is_ascii_lowercase() || c == '_'));
        is_list && body.starts_with('(') && !body.starts_with("(VALUES")
    });
    (lists.count() > 0).then_some("the SELECT names the columns of a WITH, unless it is VALUES")
}

fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.to_string_lossy().into_owned();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && !name.contains("/tests")
            && !name.ends_with("store/rules.rs")
        {
            found.push((name, std::fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn no_piece_of_sql_has_a_shape_that_citus_refuses() {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let literals = files.iter().flat_map(|(name, text)| literals(text).into_iter().map(move |found| (name, found)));
    let literals: Vec<_> = literals.collect();
    let inserts = literals.iter().filter(|(_, (_, text))| text.starts_with("INSERT INTO ")).count();
    assert!(inserts > 30, "only {inserts} statements that insert were read");
    let broken: Vec<_> = literals
        .iter()
        .filter_map(|(name, (line, text))| Some(format!("{name}:{line}: {text}\n    {}", broken(text)?)))
        .collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn a_piece_of_sql_that_citus_refuses_is_told() {
    for piece in [
        ") INSERT INTO pass_mentions (tenant_id, record_id) SELECT ",
        " INSERT INTO request_counts (tenant_id) SELECT s.tenant_id",
        "WITH hit (record_id, at) AS (SELECT id, at FROM customers",
        ", noted (id, pieces) AS MATERIALIZED (SELECT h.id, 1",
        "WITH selected (request_id) AS (",
    ] {
        assert!(broken(piece).is_some(), "{piece}");
    }
    for piece in [
        "INSERT INTO pass_mentions (tenant_id, record_id) WITH ",
        "WITH selected (identifier_id, cutoff) AS (VALUES ",
        "(interaction_id, pieces) AS (VALUES ",
        ") AS one (interaction_id, pieces)",
        "SELECT count(*) AS records FROM (SELECT max(pieces) AS pieces FROM a) AS one",
        ", customers AS (SELECT id FROM a WHERE tenant_id = ",
    ] {
        assert_eq!(broken(piece), None, "{piece}");
    }
    let source = "// \"no\"\nlet a = '\"'; query(\"WITH a \\\n    AS\").with(\"a \\\" b\");\n\"c\"";
    let found: Vec<_> = literals(source).into_iter().map(|(line, text)| format!("{line} {text}")).collect();
    assert_eq!(found, ["2 WITH a AS", "3 a \\\" b", "4 c"]);
}

/// Citus forwards a change of a distributed table to the shards with the whole text that contains it, and they accept
/// one statement at a time. The server reports the texts that contained the changes.
#[test]
fn a_migration_goes_out_statement_by_statement() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let databases = Databases::default();
        let database = databases.create_empty().await;
        let mut server = PgConnection::connect(&database.url()).await.unwrap();
        server
            .execute(
                "CREATE TABLE texts (at SERIAL, text TEXT); \
                 CREATE FUNCTION note() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN \
                 INSERT INTO texts (text) VALUES (current_query()); END $$; \
                 CREATE EVENT TRIGGER noting ON ddl_command_start EXECUTE FUNCTION note();",
            )
            .await
            .unwrap();
        let patience = std::time::Duration::from_mins(1);
        let settings = StoreSettings { url: database.url().into(), schema: None, connections: 1, patience };
        let archive = Db::<Archive>::open(&settings).await.unwrap();
        lethe::store::migrate(&archive).await.unwrap();
        lethe::store::migrate(&archive).await.unwrap();
        archive.close().await;

        let texts: Vec<String> =
            sqlx::query_scalar("SELECT text FROM texts ORDER BY at").fetch_all(&mut server).await.unwrap();
        let applied: i64 = sqlx::query_scalar("SELECT count(*) FROM _sqlx_migrations WHERE success")
            .fetch_one(&mut server)
            .await
            .unwrap();
        server.close().await.unwrap();
        databases.drop_all().await;
        assert!(texts.len() > 60 && applied >= 1, "{} changes, {applied} migrations", texts.len());
        for text in texts {
            let begun = ["CREATE ", "ALTER TABLE ", "DROP ", "INSERT INTO ", "UPDATE "];
            let statements = text.lines().filter(|line| begun.iter().any(|word| line.trim_start().starts_with(word)));
            assert_eq!(statements.count(), 1, "{text}");
        }
    });
}

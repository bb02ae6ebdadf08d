//! The rules of prose that a program can check: in comments, in the texts that users meet, and in documents.

use std::path::{Path, PathBuf};

use crate::statements::literals;

/// A sentence that begins like this is a question, or hides its subject.
const FIRST_WORDS: [&str; 6] = ["What", "Who", "Whoever", "Whom", "Whose", "Those"];

/// Words that plain English or the glossary replaces.
const WORDS: [&str; 33] = [
    "whom", "whoever", "whomever", "stands", "stood", "goes", "courier", "couriers", "errand", "errands", "parcel",
    "parcels", "shelf", "shelves", "strays", "sweep", "sweeps", "swept", "reread", "rereads", "sought", "fault",
    "faults", "slot", "slots", "draft", "drafts", "choose", "chooses", "chose", "chosen", "lens", "eyes",
];

/// Words of which some are left. Their number may only fall.
const OLDER_WORDS: [&str; 4] = ["told", "asked", "night", "nights"];

/// The most sentences with a word of [`OLDER_WORDS`].
const WITH_OLDER_WORDS: usize = 45;

/// The most words of a sentence.
const LONGEST: usize = 25;

/// The most sentences of README.md, ARCHITECTURE.md, and `docs/*.md` that are longer. Their number may only fall.
const TOO_LONG: usize = 7;

/// The same for several words.
const PHRASES: [&str; 9] = [
    "the night",
    "comes to",
    "came to",
    "is none of",
    "is no such",
    "there is no such thing",
    "it answers",
    "that answers",
    "which answers",
];

/// Files whose texts are data in natural languages, or the rules themselves.
const DATA: [&str; 3] = ["crates/sample/", "crates/pii/src/text/stories", "tests/it/prose.rs"];

/// Documents for the readers of the code, who know the numbers of promises.
const FOR_ENGINEERS: [&str; 4] = ["ARCHITECTURE.md", "CONTRIBUTING.md", "docs/behaviours.md", "docs/adr/"];

/// A paragraph of prose, and the line where it begins.
struct Paragraph {
    line: usize,
    text: String,
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files of the repository that git could know, as paths from its root.
pub fn files() -> Vec<String> {
    let (mut folders, mut files) = (vec![root().to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            match path.is_dir() {
                true if name == "target" || name == ".git" => {}
                true => folders.push(path),
                false => files.push(path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned()),
            }
        }
    }
    files.sort();
    files
}

/// The paragraphs of the lines for which `prose` gives a text. Other lines separate paragraphs.
fn paragraphs<'a>(text: &'a str, prose: impl Fn(&'a str) -> Option<&'a str>) -> Vec<Paragraph> {
    let (mut found, mut is_open, mut is_code) = (Vec::<Paragraph>::new(), false, false);
    for (number, line) in text.lines().enumerate() {
        let prose = prose(line).map(str::trim).filter(|prose| !prose.is_empty());
        let is_fence = prose.is_some_and(|prose| prose.starts_with("```"));
        is_code ^= is_fence;
        match prose.filter(|_| !is_code && !is_fence) {
            Some(prose) if is_open && !prose.starts_with(['-', '*', '|', '#']) && !is_numbered(prose) => {
                let last = found.last_mut().unwrap();
                last.text = format!("{} {prose}", last.text);
            }
            Some(prose) => found.push(Paragraph { line: number + 1, text: prose.to_owned() }),
            None => {}
        }
        is_open = prose.is_some() && !is_code && !is_fence;
    }
    found
}

/// Whether a line begins an item of a numbered list.
fn is_numbered(line: &str) -> bool {
    let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
    rest.len() < line.len() && rest.starts_with(". ")
}

/// The text of a line that is a comment, in the way of the file's language.
fn comment<'a>(line: &'a str, marks: &[&str]) -> Option<&'a str> {
    marks.iter().find_map(|mark| line.trim_start().strip_prefix(mark))
}

/// The sign that replaces code in a sentence.
const CODE: char = '¤';

/// The sentences of a paragraph, without code.
fn sentences(text: &str) -> Vec<String> {
    let sign = CODE.to_string();
    let parts = text.split('`').enumerate();
    let prose: String = parts.map(|(no, part)| if no % 2 == 0 { part } else { &sign }).collect();
    let (mut sentences, mut from) = (Vec::new(), 0);
    for (at, _) in prose.match_indices([' ', '|']) {
        let (before, after) =
            (prose[..at].trim_end_matches(['*', '"', ')']), prose[at + 1..].trim_start_matches(['*', '"', '[', '(']));
        let is_cell = prose[at..].starts_with('|');
        let ends = before.ends_with(['.', '?', '!']) && after.starts_with(|c: char| c.is_uppercase() || c == CODE);
        if is_cell || ends || before.ends_with(':') && after.starts_with(char::is_uppercase) {
            sentences.push(prose[from..at].to_owned());
            from = at + 1;
        }
    }
    sentences.push(prose[from..].to_owned());
    sentences
}

/// The rule that a sentence breaks.
fn broken(sentence: &str) -> Option<String> {
    let trimmed = sentence.trim().trim_start_matches(['-', '*', '#', '"', '(', ' ']);
    let words: Vec<_> = trimmed.split(|c: char| !c.is_alphanumeric() && c != '-' && c != '_').collect();
    let is_question = trimmed.trim_end_matches(['*', '"', ')']).ends_with('?');
    let is_heading = sentence.starts_with('#');
    if FIRST_WORDS.contains(&words[0]) && words.len() > 1 && !is_question && !is_heading {
        return Some(format!("begins with {}: name the subject", words[0]));
    }
    let lower = trimmed.to_lowercase();
    let padded = format!(" {} ", words.join(" ").to_lowercase());
    let word = WORDS.iter().find(|word| lower.contains(*word) && padded.contains(&format!(" {word} ")));
    let phrase = PHRASES.iter().find(|phrase| padded.contains(&format!(" {phrase} ")));
    word.or(phrase).map(|found| format!("says `{found}`: docs/glossary.md and CONTRIBUTING.md have plain words"))
}

/// Whether a sentence has a word of [`OLDER_WORDS`].
fn has_older_word(sentence: &str) -> bool {
    let lower = sentence.to_lowercase();
    lower.split(|c: char| !c.is_alphanumeric() && c != '-' && c != '_').any(|word| OLDER_WORDS.contains(&word))
}

/// The number of words of a sentence.
fn length(sentence: &str) -> usize {
    sentence.split_whitespace().filter(|word| word.contains(|c: char| c.is_alphanumeric() || c == CODE)).count()
}

/// Whether the sentences of a document may have at most [`LONGEST`] words.
fn is_counted(path: &str) -> bool {
    let of_docs = path.strip_prefix("docs/").is_some_and(|name| !name.contains('/'));
    path == "README.md" || path == "ARCHITECTURE.md" || of_docs && extension(path) == "md"
}

/// The number of a promise, such as A15, in a text that users meet.
fn promise(text: &str) -> Option<String> {
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '-' && c != '_');
    let is_number = |word: &str| {
        let digits = word.strip_prefix(['A', 'B', 'C', 'D', 'N']).unwrap_or_default();
        (1..=2).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    words.into_iter().find(|word| is_number(word)).map(|word| format!("cites the promise {word}: users do not know it"))
}

/// The end of a file's name, behind the last full stop.
pub fn extension(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or_default()
}

/// The line, and the text, of each sentence in comments or in a document.
fn prose(path: &str, text: &str) -> Vec<(usize, String)> {
    let paragraphs = match extension(path) {
        "rs" => paragraphs(text, |line| comment(line, &["//!", "///", "//"])),
        "sql" => paragraphs(text, |line| comment(line, &["--"])),
        "md" => paragraphs(text, Some),
        _ => Vec::new(),
    };
    let of = |Paragraph { line, text }: Paragraph| sentences(&text).into_iter().map(move |sentence| (line, sentence));
    paragraphs.into_iter().flat_map(of).collect()
}

/// The line, and the text, of each sentence in the literals of a file.
fn literal_texts(path: &str, text: &str) -> Vec<(usize, String)> {
    if extension(path) != "rs" || path.contains("tests") || DATA.iter().any(|data| path.starts_with(data)) {
        return Vec::new();
    }
    let (code, _) = text.split_once("#[cfg(test)]\nmod ").unwrap_or((text, ""));
    let texts = literals(code).into_iter().filter(|(_, text)| text.contains(' ') && !text.contains(" = "));
    texts.flat_map(|(line, text)| sentences(&text).into_iter().map(move |sentence| (line, sentence))).collect()
}

/// The broken rules of one file, with its lines.
fn mistakes(path: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut add = |line: usize, rule: String, text: &str| {
        found.push(format!("{path}:{line}: {rule}\n    {}", text.chars().take(160).collect::<String>()));
    };
    let is_for_users = extension(path) == "md" && !FOR_ENGINEERS.iter().any(|prefix| path.starts_with(prefix));
    for (line, sentence) in prose(path, text) {
        let rule = broken(&sentence).or_else(|| promise(&sentence).filter(|_| is_for_users));
        if let Some(rule) = rule {
            add(line, rule, &sentence);
        }
    }
    for (line, sentence) in literal_texts(path, text) {
        if let Some(rule) = broken(&sentence).or_else(|| promise(&sentence)) {
            add(line, rule, &sentence);
        }
    }
    if extension(path) == "md" {
        let mut is_code = false;
        for (number, line) in text.lines().enumerate() {
            is_code ^= line.trim_start().starts_with("```");
            if line.chars().count() > 100 && !is_code && !line.starts_with('|') && line.trim().contains(' ') {
                add(number + 1, "is wider than 100 columns".to_owned(), line);
            }
        }
    }
    found
}

#[test]
fn comments_texts_and_documents_are_plain() {
    let files = files();
    let read = |path: &String| std::fs::read_to_string(root().join(path)).unwrap_or_default();
    // The rules themselves name the words.
    let is_prose = |path: &&String| path.as_str() != "tests/it/prose.rs";
    let mut found: Vec<_> = files.iter().filter(is_prose).flat_map(|path| mistakes(path, &read(path))).collect();
    let document = read(&"openapi/lethe.json".to_owned());
    found.extend(promise(&document).map(|rule| format!("openapi/lethe.json {rule}")));
    assert!(found.is_empty(), "{} sentences break a rule:\n{}", found.len(), found.join("\n"));
}

/// The sentences of all files for which a condition is true, with their lines.
fn all_sentences(is_one: impl Fn(&str, &str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for path in files().iter().filter(|path| path.as_str() != "tests/it/prose.rs") {
        let text = std::fs::read_to_string(root().join(path)).unwrap_or_default();
        for (line, sentence) in prose(path, &text).into_iter().chain(literal_texts(path, &text)) {
            if is_one(path, &sentence) {
                found.push(format!("{path}:{line}: {}", sentence.trim()));
            }
        }
    }
    found
}

#[test]
fn older_words_and_long_sentences_only_get_fewer() {
    let is_data = |path: &str| DATA.iter().any(|data| path.starts_with(data));
    let older = all_sentences(|path, sentence| !is_data(path) && has_older_word(sentence));
    assert!(older.len() <= WITH_OLDER_WORDS, "{} sentences have an older word:\n{}", older.len(), older.join("\n"));
    let long = all_sentences(|path, sentence| is_counted(path) && length(sentence) > LONGEST);
    assert!(long.len() <= TOO_LONG, "{} sentences have more than {LONGEST} words:\n{}", long.len(), long.join("\n"));
}

#[test]
fn a_sentence_that_breaks_a_rule_is_named() {
    let count = |path: &str, text: &str| mistakes(path, text).len();
    for (path, text) in [
        ("src/a.rs", "/// Its id. What it is."),
        ("src/a.rs", "    // The customer\n    // whom it names."),
        ("src/a.rs", "    info!(tenant, \"The night is over\");"),
        ("src/a.rs", "    Problem::new(Code::NotFound).detail(\"see A15\")"),
        ("migrations/a.sql", "-- Who asked."),
        ("docs/a.md", "The value stands in a row."),
        ("docs/a.md", "As A15 says."),
        ("src/a.rs", "// The draft of a record."),
        ("src/a.rs", "    Problem::new(Code::NotFound).detail(\"a fault\")"),
    ] {
        assert_eq!(count(path, text), 1, "{path}: {text}");
    }
    assert_eq!(count("README.md", &"word ".repeat(21)), 1);
    for (path, text) in [
        ("src/a.rs", "/// The id, whose value is `What`. (A15)\nlet stands = \"SELECT a WHERE b = 'Who'\";"),
        ("docs/a.md", "# What is it?\n\n```\nWhat stands here\n```\n| a | b |"),
        ("docs/behaviours.md", "As A15 says."),
    ] {
        assert_eq!(count(path, text), 0, "{path}: {text}");
    }
    assert!(has_older_word("The caller was told.") && !has_older_word("The nightly job has ended."));
    assert_eq!(length("The row has `two words` - and a number, 25."), 9);
}

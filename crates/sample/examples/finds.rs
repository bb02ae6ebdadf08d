//! The finds of the finder in texts whose identifiers are known: `benches/run texts`.
//!
//! It reads JSON Lines: `{"region", "phone", "email", "format", "text"}`. It writes a line for each: the finds of a plain
//! text with their places in characters, or a document of another format with the value in the place of each find.

use std::io::{self, BufRead as _, Write};

use pii::text::document::{Case, Filled, Format, tokenize};
use pii::text::{Find, Finder, Found, Own, Patterns};
use pii::{Email, Kind, Phone, Region};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Line {
    region: String,
    /// The number and address of the record's customer, if the record knows them.
    phone: Option<String>,
    email: Option<String>,
    #[serde(default)]
    format: Option<String>,
    text: String,
}

#[derive(Serialize, Default)]
struct Reading {
    finds: Vec<Match>,
    /// The document with its identifiers.
    shown: Option<String>,
}

#[derive(Serialize)]
struct Match {
    kind: &'static str,
    value: String,
    /// The places of its parts, in characters.
    parts: Vec<(usize, usize)>,
}

fn main() -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    for line in io::stdin().lock().lines() {
        let line: Line = serde_json::from_str(&line?)?;
        let region = line.region.parse().map_err(io::Error::other)?;
        let own = Own {
            phone: line.phone.as_deref().and_then(|phone| Phone::parse(phone, region).ok()),
            email: line.email.as_deref().and_then(|email| Email::parse(email).ok()),
            name: None,
        };
        let reading = match line.format {
            None => Reading { finds: matches(&Finder::new(region, own), &line.text), shown: None },
            Some(format) => Reading { finds: Vec::new(), shown: Some(shown(&format, &line.text, region, own)?) },
        };
        serde_json::to_writer(&mut out, &reading)?;
        out.write_all(b"\n")?;
    }
    out.flush()
}

/// The finds of a text. The parts of an interrupted find follow its first part.
fn matches(finder: &Finder, text: &str) -> Vec<Match> {
    let characters = |at: usize| text[..at].chars().count();
    let mut all: Vec<Match> = Vec::new();
    for (range, find) in finder.find_all(text) {
        let range = (characters(range.start), characters(range.end));
        match find {
            Find::Identifier(found) => {
                all.push(Match { kind: found.kind().as_str(), value: value(&found), parts: vec![range] });
            }
            Find::Suppressed(word) => {
                all.push(Match { kind: "suppressed", value: word.word().to_owned(), parts: vec![range] });
            }
            Find::Rest => {
                if let Some(last) = all.last_mut() {
                    last.parts.push(range);
                }
            }
        }
    }
    all
}

fn value(found: &Found) -> String {
    match found {
        Found::Phone(phone) => phone.expose().as_str().to_owned(),
        Found::Email(email) => email.expose().as_str().to_owned(),
        Found::OwnName => Kind::Name.to_string(),
    }
}

fn shown(format: &str, text: &str, region: Region, own: Own) -> io::Result<String> {
    let format = Format::of(format).ok_or_else(|| io::Error::other("unknown format"))?;
    let case = Case { region, own, forgotten: false, stored: false, patterns: Patterns::default() };
    let document = tokenize(format, text.as_bytes(), &case).map_err(io::Error::other)?;
    let filled = Filled::new(format, document.text, |n| value(&document.mentions[n]));
    let (mut shown, mut from) = (String::new(), Some(0));
    while let Some(at) = from {
        from = filled.part(at, 1 << 16, &mut shown);
    }
    Ok(shown)
}

//! E-mails: the header's fields of sender, recipients, and subject, and the parts that are text.
//!
//! A message is stored as a message: `open` decodes its texts and drops what is none, and what it makes is a message in 8-bit
//! UTF-8 that this file takes apart. So identifiers are looked for in what a reader of the message sees.

mod open;
mod parts;

use super::super::Finder;
use super::pieces::{Belongs, Pieces, Put};
use super::speakers::{Labels, is_role};
use super::{Case, DocumentError, Replaced, html};

pub(super) use open::{Opened, open};
use parts::{Field, MailPart};

/// The fields that name persons.
const PERSONS: [&str; 6] = ["from", "sender", "reply-to", "to", "cc", "bcc"];

/// Replaces what identifies somebody in a message that was opened; `None` where nothing does.
pub(super) fn tokenize(
    text: &str,
    case: &Case,
    finder: &Finder,
    first: usize,
) -> Result<Option<Replaced>, DocumentError> {
    let (mut pieces, mut labels, mut block) = (Pieces::new(text.len(), first), Labels::default(), 0_u64);
    let at = |part: &str| part.as_ptr().addr() - text.as_ptr().addr();
    let mut parts = vec![MailPart::of(text, 0)];
    while let Some(part) = parts.pop() {
        for field in part.fields() {
            let Field { name, value } = field?;
            let is_person = case.forgotten && PERSONS.iter().any(|person| name.eq_ignore_ascii_case(person));
            let name = is_person.then(|| display_of(value)).flatten();
            if let Some(name) = name {
                labels.add(name, case)?;
                let piece = pieces.settle(at(name), at(name) + name.len());
                pieces.mark(piece, 0, name.len(), Some(Put::Word))?;
                let behind = &value[at(name) + name.len() - at(value)..];
                pieces.add(at(behind), at(behind) + behind.len(), Belongs::Alone);
            } else if !value.is_empty() {
                pieces.add(at(value), at(value) + value.len(), Belongs::Alone);
            }
        }
        let body = part.body();
        let kind = part.kind();
        if kind.starts_with("multipart/") || kind == "message/rfc822" {
            let mut inner = part.parts()?;
            inner.reverse();
            parts.extend(inner);
        } else if kind == "text/html" {
            block += 1;
            pieces = html::read_part(text, at(body)..at(body) + body.len(), pieces, block);
        } else if !body.is_empty() {
            block += 1;
            pieces.add(at(body), at(body) + body.len(), Belongs::With { key: block, part: Some(0) });
        }
    }
    // The names of persons who are unknown are looked for in the bodies, too.
    html::finish_with(text, pieces, labels, case, finder)
}

/// The name before the address of a person, unless it is a role.
fn display_of(value: &str) -> Option<&str> {
    let (display, _) = value.split_once('<')?;
    let display = display.trim().trim_matches('"');
    (!display.is_empty() && !display.contains('@') && !is_role(display)).then_some(display)
}

/// Whether a text is plainly a message: it begins with fields, among them one that only mail programs write.
pub(super) fn is_one(text: &str) -> bool {
    const OF_PROGRAMS: [&str; 6] =
        ["mime-version", "message-id", "received", "return-path", "content-transfer-encoding", "delivered-to"];
    let part = MailPart::of(text, 0);
    let mut fields: Vec<String> = Vec::new();
    for field in part.fields().take(200) {
        let Ok(field) = field else { return false };
        fields.push(field.name.to_ascii_lowercase());
    }
    let has = |name: &str| fields.iter().any(|field| field == name);
    fields.len() > 1 && (has("from") || has("subject") || has("to")) && OF_PROGRAMS.iter().any(|name| has(name))
}

//! Comments know no identifiers: they are read like every text, and what was found stands in mentions (A9).

use pii::Identifier;
use pii::text::placeholder::{CLOSE, OPEN};
use pii::text::{Finder, Found, tokenize_text};

use crate::archive::mentions::Mention;
use crate::vault::Resolved;

/// A comment with placeholders, and what they stand for.
#[derive(Clone, Debug, Default)]
pub struct Comment {
    pub text: Option<String>,
    kept: Vec<Mention>,
    found: Vec<(usize, Identifier)>,
}

impl Comment {
    /// A comment that stays as it is.
    pub fn kept(text: Option<String>, mentions: Vec<Mention>) -> Self {
        Self { text, kept: mentions, found: Vec::new() }
    }

    /// Reads a comment as somebody wrote it.
    pub fn read(finder: &Finder, text: &str) -> Self {
        let mut found = Vec::new();
        let text = tokenize_text(finder, text, &mut found);
        Self { text: Some(text), kept: Vec::new(), found: numbered(found, 0) }
    }

    /// Looks once more through what stands between the placeholders: the request's number is another one now, and may
    /// be one that only counts as a number because it is the request's own.
    pub fn read_again(finder: &Finder, text: &str, mentions: Vec<Mention>) -> Self {
        let first = mentions.iter().filter_map(|mention| usize::try_from(mention.n).ok()).max().map_or(0, |n| n + 1);
        // Numbers go on where those of the kept mentions end.
        let mut found = vec![Found::OwnName; first];
        let mut again = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((clear, behind)) = rest.split_once(OPEN) {
            again.push_str(&tokenize_text(finder, clear, &mut found));
            let (number, behind) = behind.split_once(CLOSE).unwrap_or((behind, ""));
            again.extend([OPEN].into_iter().chain(number.chars()).chain([CLOSE]));
            rest = behind;
        }
        again.push_str(&tokenize_text(finder, rest, &mut found));
        Self { text: Some(again), kept: mentions, found: numbered(found, first) }
    }

    /// What the vault has to know before the comment can be stored.
    pub fn identifiers(&self) -> impl Iterator<Item = &Identifier> {
        self.found.iter().map(|(_, identifier)| identifier)
    }

    pub const fn has_identifier(&self) -> bool {
        !self.kept.is_empty() || !self.found.is_empty()
    }

    pub fn mentions(self, ids: &Resolved) -> Vec<Mention> {
        let mention = |(n, identifier): (usize, Identifier)| Mention {
            n: i32::try_from(n).unwrap_or(i32::MAX),
            kind: identifier.kind(),
            identifier: ids.get(&identifier).copied(),
        };
        self.kept.into_iter().chain(self.found.into_iter().map(mention)).collect()
    }
}

fn numbered(found: Vec<Found>, first: usize) -> Vec<(usize, Identifier)> {
    let identifier = |(n, one)| match one {
        Found::Phone(phone) => Some((n, Identifier::Phone(phone))),
        Found::Email(email) => Some((n, Identifier::Email(email))),
        // A request has no name of its own.
        Found::OwnName => None,
    };
    found.into_iter().enumerate().skip(first).filter_map(identifier).collect()
}

#[cfg(test)]
mod tests {
    use pii::text::Own;
    use pii::{Kind, Phone, Region};

    use super::*;
    use crate::base::id::IdentifierId;

    fn norway() -> Region {
        "NO".parse().unwrap()
    }

    fn finder(own: Option<&str>) -> Finder {
        let phone = own.map(|raw| Phone::parse(raw, norway()).unwrap());
        Finder::new(norway(), Own { phone, ..Own::default() })
    }

    #[test]
    fn a_comment_keeps_no_number() {
        let comment = Comment::read(&finder(None), "Kari called from 98765432 today");
        assert_eq!(comment.text.as_deref(), Some("Kari called from \u{E000}0\u{E001} today"));
        assert_eq!(comment.identifiers().count(), 1);
    }

    #[test]
    fn a_number_that_becomes_the_requests_own_is_found_in_a_comment_that_stays() {
        let id = IdentifierId::random();
        let kept = vec![Mention { n: 2, kind: Kind::Phone, identifier: Some(id) }];
        let before = "not \u{E000}2\u{E001} but 98765 it is";
        let comment = Comment::read_again(&finder(Some("004798765")), before, kept.clone());
        assert_eq!(comment.text.as_deref(), Some("not \u{E000}2\u{E001} but \u{E000}3\u{E001} it is"));
        let own = Identifier::Phone(Phone::parse("004798765", norway()).unwrap());
        let own_id = IdentifierId::random();
        let mentions = comment.mentions(&[(own, own_id)].into());
        assert_eq!(mentions, [kept[0], Mention { n: 3, kind: Kind::Phone, identifier: Some(own_id) }]);
    }
}

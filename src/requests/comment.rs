//! Comments contain no identifiers: they are searched as every text is, and a mention row says what was found (A9).

use std::collections::HashMap;

use pii::text::placeholder::{CLOSE, OPEN};
use pii::text::{Finder, Found, Own, tokenize_text};
use pii::{Identifier, Kind, PersonName, Pii};

use super::entry::ValidatedRequest;
use super::model::StoredRequest;
use crate::archive::mentions::Mention;
use crate::base::id::IdentifierId;
use crate::base::patch::PatchField;
use crate::tenants::Tenant;
use crate::vault::Resolved;

/// A comment with placeholders, and the identifiers that they stand for.
#[derive(Clone, Debug, Default)]
pub struct Comment {
    pub text: Option<String>,
    kept: Vec<Mention>,
    found: Vec<(usize, Identifier)>,
    /// The placeholder of the customer's name.
    named: Option<(usize, IdentifierId)>,
}

/// The customers of requests with a new comment, as the vault knows them.
#[derive(Default)]
pub struct KnownCustomers {
    /// The identifiers that stay.
    pub kept: HashMap<IdentifierId, Identifier>,
    /// The ids of the identifiers that were entered, as far as the vault knows them.
    pub found: Resolved,
    /// The names of customers, with their ids, by the id of a number, an address, or an interaction.
    pub names: HashMap<IdentifierId, (IdentifierId, Pii<PersonName>)>,
}

impl KnownCustomers {
    /// The ids of a row by which the name of its customer is found.
    pub fn ids(&self, row: &ValidatedRequest) -> Vec<IdentifierId> {
        let entered = row.new_identifiers().filter_map(|one| self.found.get(&one).copied());
        let interactions = row.interactions.iter().map(|named| IdentifierId(named.id.0));
        entered.chain(row.kept_phone()).chain(row.kept_email()).chain(interactions).collect()
    }
}

impl Comment {
    /// The comment that a request has after a row is saved.
    pub fn of(row: &ValidatedRequest, tenant: &Tenant, known: &KnownCustomers) -> Self {
        let own = own_of(row, &known.kept);
        match (&row.comment, &row.before) {
            (PatchField::Is(text), _) => {
                let (id, name) = known.ids(row).iter().find_map(|id| known.names.get(id)).cloned().unzip();
                Self::read(&tenant.finder(Own { name, ..own }), text, id)
            }
            (PatchField::Absent, Some(StoredRequest { request, mentions, .. })) => match &request.comment {
                Some(text) if row.new_identifiers().next().is_some() => {
                    // The tenant's patterns are for what arrives.
                    Self::read_again(&Finder::new(tenant.region, own), text, mentions.clone())
                }
                text => Self { text: text.clone(), kept: mentions.clone(), ..Self::default() },
            },
            (PatchField::Null, _) | (PatchField::Absent, None) => Self::default(),
        }
    }

    /// Searches a comment as the user wrote it. The name of the customer has an id, if the vault knows it.
    pub fn read(finder: &Finder, text: &str, name: Option<IdentifierId>) -> Self {
        let mut found = Vec::new();
        let text = tokenize_text(finder, text, &mut found);
        let named = found.iter().position(|one| *one == Found::OwnName).zip(name);
        Self { text: Some(text), kept: Vec::new(), found: numbered(found, 0), named }
    }

    /// Searches the stored text between the placeholders again. The request's number is another one now, and some digits
    /// count as a number only because they are the request's own.
    fn read_again(finder: &Finder, text: &str, mentions: Vec<Mention>) -> Self {
        // The pass deletes the mentions of people who were forgotten, and their placeholders stay in the text.
        let first = text.split(OPEN).skip(1).filter_map(|behind| behind.split_once(CLOSE)?.0.parse::<usize>().ok());
        let first = first.max().map_or(0, |n| n + 1);
        // New numbers follow those of the kept mentions.
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
        Self { text: Some(again), kept: mentions, found: numbered(found, first), named: None }
    }

    /// The identifiers that the vault has to know before the comment can be stored.
    pub fn identifiers(&self) -> impl Iterator<Item = &Identifier> {
        self.found.iter().map(|(_, identifier)| identifier)
    }

    pub const fn has_identifier(&self) -> bool {
        !self.kept.is_empty() || !self.found.is_empty() || self.named.is_some()
    }

    pub fn mentions(self, ids: &Resolved) -> Vec<Mention> {
        let mention = |(n, identifier): (usize, Identifier)| Mention {
            n: i32::try_from(n).unwrap_or(i32::MAX),
            kind: identifier.kind(),
            identifier: ids.get(&identifier).copied(),
        };
        let named = self
            .named
            .and_then(|(n, id)| Some(Mention { n: i32::try_from(n).ok()?, kind: Kind::Name, identifier: Some(id) }));
        self.kept.into_iter().chain(self.found.into_iter().map(mention)).chain(named).collect()
    }
}

/// The identifiers that a request has after a row is saved.
pub fn own_of(row: &ValidatedRequest, kept: &HashMap<IdentifierId, Identifier>) -> Own {
    let kept = |id: Option<IdentifierId>| kept.get(&id?).cloned();
    let phone = match kept(row.kept_phone()) {
        Some(Identifier::Phone(phone)) => Some(phone),
        _ => row.phone.value().cloned(),
    };
    let email = match kept(row.kept_email()) {
        Some(Identifier::Email(email)) => Some(email),
        _ => row.email.value().cloned(),
    };
    Own { phone, email, name: None }
}

fn numbered(found: Vec<Found>, first: usize) -> Vec<(usize, Identifier)> {
    let identifier = |(n, one)| match one {
        Found::Phone(phone) => Some((n, Identifier::Phone(phone))),
        Found::Email(email) => Some((n, Identifier::Email(email))),
        // Its id is known already.
        Found::OwnName => None,
    };
    found.into_iter().enumerate().skip(first).filter_map(identifier).collect()
}

#[cfg(test)]
mod tests {
    use pii::{Phone, Region};

    use super::*;

    fn norway() -> Region {
        "NO".parse().unwrap()
    }

    fn finder(own: Option<&str>) -> Finder {
        let phone = own.map(|raw| Phone::parse(raw, norway()).unwrap());
        Finder::new(norway(), Own { phone, ..Own::default() })
    }

    #[test]
    fn a_comment_keeps_no_number() {
        let comment = Comment::read(&finder(None), "Kari called from 98765432 today", None);
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

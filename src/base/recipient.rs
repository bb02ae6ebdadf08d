//! The form in which a recipient sees tokens, ids, and times (D7).
//!
//! A recipient's token is one block of AES-256 over the id of an identifier, under the recipient's key. So each recipient
//! has tokens of its own, and the service needs no table to translate them back. Ids of records and of content are
//! translated in the same way, under keys of their own.

use std::fmt;
use std::sync::Arc;

use super::crypto::{CryptoError, Key, Permutation};
use super::id::{ContentId, IdentifierId, RecipientId, RecordId, Token};
use chrono::{DateTime, TimeDelta, Utc};

/// The form of what a caller sends and sees. The default form shows everything as it is stored.
#[derive(Clone, Default)]
pub struct TokenForm(Option<Arc<RecipientForm>>);

/// The form of one recipient.
struct RecipientForm {
    id: RecipientId,
    version: i32,
    tokens: Permutation,
    /// It is absent if the recipient sees the ids of records that others see.
    records: Option<Permutation>,
    contents: Permutation,
    grain: FormGrain,
    shows_external_ids: bool,
}

/// The grain of the times that a recipient sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormGrain {
    /// Times are shown as they are.
    Second,
    Hour,
}

/// The rules of a recipient's form.
#[derive(Clone, Copy, Debug)]
pub struct FormRules {
    pub own_record_ids: bool,
    pub grain: FormGrain,
    pub shows_external_ids: bool,
}

/// The recipient that a caller belongs to.
#[derive(Clone, Debug)]
pub enum Membership {
    /// The caller may see what the scopes of the token allow.
    Unlimited,
    /// The caller belongs to a recipient.
    Recipient(TokenForm),
    /// The tenant has recipients, and the caller is a program that belongs to none of them.
    Outside,
    /// The caller belongs to a recipient whose key the vault does not have, so no form can be made.
    KeyMissing,
}

impl fmt::Debug for TokenForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenForm({:?})", self.0.as_ref().map(|form| form.id))
    }
}

impl TokenForm {
    /// The form of a recipient with the key of a version.
    pub fn new(id: RecipientId, version: i32, key: &Key, rules: FormRules) -> Result<Self, CryptoError> {
        let FormRules { own_record_ids, grain, shows_external_ids } = rules;
        let permutation = |purpose| Permutation::new(&key.derive(purpose));
        Ok(Self(Some(Arc::new(RecipientForm {
            id,
            version,
            tokens: permutation("token")?,
            records: if own_record_ids { Some(permutation("record")?) } else { None },
            contents: permutation("content")?,
            grain,
            shows_external_ids,
        }))))
    }

    /// Whether the caller belongs to a recipient.
    #[must_use]
    pub const fn is_of_recipient(&self) -> bool {
        self.0.is_some()
    }

    /// The recipient and the version of its key. A cursor contains these bytes, so that it is bound to the form.
    #[must_use]
    pub fn fingerprint(&self) -> Vec<u8> {
        let bytes = |form: &Arc<RecipientForm>| [&form.id.0.as_bytes()[..], &form.version.to_be_bytes()].concat();
        self.0.as_ref().map(bytes).unwrap_or_default()
    }

    /// A token as the caller sees it.
    #[must_use]
    pub fn show_token(&self, token: Token) -> Token {
        let id = self.0.as_ref().map_or(token.id.0, |form| form.tokens.apply(token.id.0));
        Token { id: IdentifierId(id), ..token }
    }

    /// A token that the caller sent. A token of another recipient becomes a token of nobody.
    #[must_use]
    pub fn read_token(&self, token: Token) -> Token {
        let id = self.0.as_ref().map_or(token.id.0, |form| form.tokens.reverse(token.id.0));
        Token { id: IdentifierId(id), ..token }
    }

    /// The id of a record as the caller sees it.
    #[must_use]
    pub fn show_record(&self, id: RecordId) -> RecordId {
        RecordId(self.records().map_or(id.0, |records| records.apply(id.0)))
    }

    /// The id of a record that the caller sent.
    #[must_use]
    pub fn read_record(&self, id: RecordId) -> RecordId {
        RecordId(self.records().map_or(id.0, |records| records.reverse(id.0)))
    }

    fn records(&self) -> Option<&Permutation> {
        self.0.as_ref()?.records.as_ref()
    }

    /// The id of content as the caller sees it.
    #[must_use]
    pub fn show_content(&self, id: ContentId) -> ContentId {
        ContentId(self.0.as_ref().map_or(id.0, |form| form.contents.apply(id.0)))
    }

    /// The id of content that the caller sent.
    #[must_use]
    pub fn read_content(&self, id: ContentId) -> ContentId {
        ContentId(self.0.as_ref().map_or(id.0, |form| form.contents.reverse(id.0)))
    }

    /// Whether the caller sees the ids that the senders of records gave them.
    #[must_use]
    pub fn shows_external_ids(&self) -> bool {
        self.0.as_ref().is_none_or(|form| form.shows_external_ids)
    }

    /// A time as the caller sees it, which is also the earliest time of a filter.
    #[must_use]
    pub fn show_time(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        if !self.is_by_hour() {
            return at;
        }
        let seconds = at.timestamp().div_euclid(HOUR) * HOUR;
        DateTime::from_timestamp(seconds, 0).unwrap_or(at)
    }

    /// The latest time of a filter. It is rounded up, so that no filter isolates less than the caller sees.
    #[must_use]
    pub fn until(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        let begin = self.show_time(at);
        if begin < at { begin.checked_add_signed(TimeDelta::seconds(HOUR)).unwrap_or(at) } else { at }
    }

    fn is_by_hour(&self) -> bool {
        self.0.as_ref().is_some_and(|form| form.grain == FormGrain::Hour)
    }
}

/// The seconds of an hour.
const HOUR: i64 = 3_600;

#[cfg(test)]
mod tests {
    use super::*;
    use pii::Kind;
    use proptest::prelude::*;
    use uuid::Uuid;

    const RULES: FormRules = FormRules { own_record_ids: true, grain: FormGrain::Hour, shows_external_ids: false };

    fn form() -> TokenForm {
        TokenForm::new(RecipientId::new(), 1, &Key::random().unwrap(), RULES).unwrap()
    }

    proptest! {
        #[test]
        fn a_form_is_a_permutation_that_nobody_else_reads(bits: u128, other: u128) {
            let (crm, dialler) = (form(), form());
            let token = |bits| Token { kind: Kind::Phone, id: IdentifierId(Uuid::from_u128(bits)) };
            let shown = crm.show_token(token(bits));
            prop_assert_eq!(crm.read_token(shown), token(bits));
            prop_assert_eq!(crm.show_token(crm.read_token(token(bits))), token(bits));
            prop_assert_eq!(shown == crm.show_token(token(other)), bits == other);
            prop_assert_ne!(shown, dialler.show_token(token(bits)));
            prop_assert_ne!(dialler.read_token(shown), token(bits));
            prop_assert_eq!(shown.to_string().len(), "phone_".len() + 26);

            let (record, content) = (RecordId(Uuid::from_u128(bits)), ContentId(Uuid::from_u128(bits)));
            prop_assert_eq!(crm.read_record(crm.show_record(record)), record);
            prop_assert_eq!(crm.read_content(crm.show_content(content)), content);
            let ids = [shown.id.0, crm.show_record(record).0, crm.show_content(content).0, Uuid::from_u128(bits)];
            prop_assert!((0..4).all(|one| (0..one).all(|before| ids[one] != ids[before])));
        }

        #[test]
        fn a_filter_isolates_no_less_than_an_hour(seconds in -62_000_000_000_i64..250_000_000_000, nanos in 0_u32..1_000_000_000) {
            let (form, plain) = (form(), TokenForm::default());
            let at = DateTime::from_timestamp(seconds, nanos).unwrap();
            let (from, to) = (form.show_time(at), form.until(at));
            prop_assert!(from <= at && at <= to && to - from <= TimeDelta::hours(1));
            prop_assert_eq!((from.timestamp() % 3_600, to.timestamp() % 3_600), (0, 0));
            prop_assert_eq!((from == to, from == at), (from == at, to == at));
            prop_assert_eq!((plain.show_time(at), plain.until(at)), (at, at));
        }
    }

    #[test]
    fn without_a_recipient_everything_is_as_it_is_stored() {
        let (plain, token) = (TokenForm::default(), Token { kind: Kind::Name, id: IdentifierId::random() });
        assert_eq!((plain.show_token(token), plain.read_token(token)), (token, token));
        let (record, content) = (RecordId::new(), ContentId::new());
        assert_eq!((plain.show_record(record), plain.show_content(content)), (record, content));
        assert!(plain.fingerprint().is_empty() && plain.shows_external_ids() && !plain.is_of_recipient());
        let shared = FormRules { own_record_ids: false, ..RULES };
        let shared = TokenForm::new(RecipientId::new(), 1, &Key::random().unwrap(), shared).unwrap();
        assert_eq!((shared.show_record(record), shared.read_record(record)), (record, record));
        assert_ne!(shared.show_content(content), content);
    }
}

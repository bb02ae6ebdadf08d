//! E-mail addresses: one spelling each (A14).

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use super::field::Bare;
use super::phone::is_nowhere;
use super::{IdentifierError, Pii, is_withheld};

/// An e-mail address in its canonical spelling.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Email(String);

impl Email {
    /// A value that was read before and comes back from the vault.
    #[must_use]
    pub const fn stored(value: String) -> Pii<Self> {
        Pii::new(Self(value))
    }

    /// The longest address there can be, in octets (RFC 5321, A14).
    pub const LONGEST: usize = 254;

    /// Reads an address: trimmed, NFC, lower case, the domain in ASCII. Dots and plus tags are kept (A14).
    pub fn parse(raw: &str) -> Result<Pii<Self>, IdentifierError> {
        if is_withheld(raw) { Err(IdentifierError::Withheld) } else { Self::read(raw) }
    }

    /// Reads the address of a field without its wrapping.
    pub(crate) fn of_bare(bare: &Bare) -> Result<Pii<Self>, IdentifierError> {
        // A sentence or a list that the address was copied from leaves its sign behind.
        Self::read(bare.text.trim_end_matches(['.', ',', ';']))
    }

    fn read(raw: &str) -> Result<Pii<Self>, IdentifierError> {
        let raw = raw.trim();
        let folded: String = if raw.is_ascii() {
            raw.to_ascii_lowercase()
        } else {
            raw.nfc().collect::<String>().to_lowercase().nfc().collect()
        };
        let (local, domain) = folded.rsplit_once('@').ok_or(IdentifierError::Email)?;
        // Such a host is the machine of the system that writes it.
        let is_nobody_here = || domain == "localhost" && is_withheld(local);
        if is_nowhere(domain) || is_nobody_here() {
            return Err(IdentifierError::Withheld);
        }
        let domain = if is_plain(domain) {
            Cow::Borrowed(domain)
        } else {
            Cow::Owned(idna::domain_to_ascii_strict(domain).map_err(|_| IdentifierError::Email)?)
        };
        let address = format!("{local}@{domain}");
        let is_one = address.len() <= Self::LONGEST
            && !address.chars().any(|c| c.is_whitespace() || c.is_control())
            && !address.starts_with(is_combining_mark)
            && email_address::EmailAddress::is_valid(&without_marks(&address));
        if is_one { Ok(Pii::new(Self(address))) } else { Err(IdentifierError::Email) }
    }

    /// The address in its canonical spelling.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An address without the marks of its letters (RFC 6531), which the library takes for signs.
fn without_marks(address: &str) -> Cow<'_, str> {
    if address.is_ascii() {
        return Cow::Borrowed(address);
    }
    Cow::Owned(address.chars().filter(|c| !is_combining_mark(*c)).collect())
}

/// Whether a domain in small letters is the same in ASCII. Nearly all are, and texts have many.
fn is_plain(domain: &str) -> bool {
    let is_label = |label: &str| {
        let bytes = label.as_bytes();
        (1..=LONGEST_LABEL).contains(&bytes.len())
            && bytes.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
            // These labels are in the encoding of other letters (RFC 5891).
            && bytes.get(2..4) != Some(b"--")
    };
    domain.len() < Email::LONGEST && domain.split('.').all(is_label)
}

/// The longest label of a domain, in octets (RFC 1035).
const LONGEST_LABEL: usize = 63;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_address_has_one_spelling() {
        let read = |raw: &str| Email::parse(raw).map(|email| email.expose().as_str().to_owned());
        assert_eq!(read("  Bob.Test+x@MyTest.NO ").as_deref(), Ok("bob.test+x@mytest.no"));
        assert_eq!(read("anonymous@anonymous.invalid"), Err(IdentifierError::Withheld));
        assert_eq!(read("kari@blåbær.no").as_deref(), Ok("kari@xn--blbr-roah.no"));
        for raw in ["a@b.no", "private@client.no", "unknown@kunde.no"] {
            assert_eq!(read(raw).as_deref(), Ok(raw));
        }
        for (raw, one) in [
            ("संपर्क@डाटामेल.भारत", "संपर्क@xn--c2bd4bq1db8d.xn--h2brj9c"),
            ("İPEK@firma.com.tr", "i\u{307}pek@firma.com.tr"),
            ("x\u{303}@x.de", "x\u{303}@x.de"),
        ] {
            assert_eq!(read(raw).as_deref(), Ok(one), "letters with marks");
        }
        assert_eq!(read("\u{303}x@x.de"), Err(IdentifierError::Email), "a mark without its letter");
        for raw in ["kari", "kari@", "@x.no", "a b@x.no", "Kari <kari@x.no>", &format!("{}@x.no", "a".repeat(300))] {
            assert_eq!(read(raw), Err(IdentifierError::Email), "{raw}");
        }
    }

    proptest! {
        #[test]
        fn a_plain_domain_is_the_same_in_ascii(domain in "[a-z0-9.-]{1,12}|([a-z0-9-]{55,65}\\.){1,5}") {
            if is_plain(&domain) {
                prop_assert_eq!(idna::domain_to_ascii_strict(&domain).ok(), Some(domain));
            }
        }

        #[test]
        fn no_text_makes_the_parser_panic(raw: String) {
            let _ = Email::parse(&raw);
        }
    }
}

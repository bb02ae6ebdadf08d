//! Checkpoints of a tree as signed notes: <https://c2sp.org/tlog-checkpoint> and <https://c2sp.org/signed-note>.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::tree::{HASH, Hash};
use crate::base::crypto::sha256;
use crate::base::hex::hex;
use crate::base::id::TenantId;
use crate::base::signing::{PublicKey, SigningKey};

/// The type of an Ed25519 key in its id and in its text.
const ED25519: u8 = 1;

/// The length of the id of a key.
const KEY_ID: usize = 4;

/// The name of a tenant's log, which is also the name of the key that signs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogName(String);

impl LogName {
    #[must_use]
    pub fn new(host: &str, tenant: TenantId) -> Self {
        Self(format!("{host}/{tenant}/audit"))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The origin of one tree of the log. The first tree has the number zero. A restore begins another one.
    fn origin(&self, number: u32) -> String {
        if number == 0 { self.0.clone() } else { format!("{}/{number}", self.0) }
    }
}

/// The size and the root of a tree, at an instant that a signature attests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    pub log: LogName,
    /// The number of the tree.
    pub tree: u32,
    pub size: u64,
    pub root: Hash,
}

/// The text is no checkpoint of an audit log.
#[derive(Debug, thiserror::Error)]
#[error("the text is not a signed checkpoint of an audit log")]
pub struct CheckpointError;

impl Checkpoint {
    /// The lines that are signed.
    fn body(&self) -> String {
        format!("{}\n{}\n{}\n", self.log.origin(self.tree), self.size, STANDARD.encode(self.root))
    }

    /// The signed note.
    #[must_use]
    pub fn signed(&self, key: &SigningKey) -> String {
        let (body, name) = (self.body(), self.log.as_str());
        let verifier = VerifierKey { name: name.to_owned(), key: key.public() };
        let signature = [&verifier.id()[..], &key.sign(body.as_bytes())].concat();
        format!("{body}\n\u{2014} {name} {}\n", STANDARD.encode(signature))
    }

    /// The tenant of the log.
    #[must_use]
    pub fn tenant(&self) -> Option<TenantId> {
        let (host, _) = self.log.0.strip_suffix("/audit")?.rsplit_once('/').map(|(host, id)| (id, host))?;
        host.parse().ok().map(TenantId)
    }

    /// The checkpoint of a note, and whether one of some keys has signed it.
    pub fn read(note: &str, keys: &CheckpointKeys) -> Result<(Self, bool), CheckpointError> {
        let (body, signatures) = note.split_once("\n\n").ok_or(CheckpointError)?;
        let mut lines = body.split('\n');
        let (Some(origin), Some(size), Some(root), None) = (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(CheckpointError);
        };
        let (log, tree) = match origin.rsplit_once('/').ok_or(CheckpointError)? {
            (_, "audit") => (origin, 0),
            (log, number) => (log, number.parse().map_err(|_| CheckpointError)?),
        };
        let root: [u8; HASH] = decoded(root)?.try_into().map_err(|_| CheckpointError)?;
        let size = size.parse().map_err(|_| CheckpointError)?;
        let checkpoint = Self { log: LogName(log.to_owned()), tree, size, root };
        // A number in another form would be another text than the signed one.
        if checkpoint.body().strip_suffix('\n') != Some(body) || checkpoint.tenant().is_none() {
            return Err(CheckpointError);
        }
        let is_signed = signatures.lines().any(|line| is_signed(&checkpoint, line, keys));
        Ok((checkpoint, is_signed))
    }
}

/// Whether a line of a note is the signature of one of some keys.
fn is_signed(checkpoint: &Checkpoint, line: &str, keys: &CheckpointKeys) -> bool {
    let Some((name, signature)) = line.strip_prefix("\u{2014} ").and_then(|line| line.rsplit_once(' ')) else {
        return false;
    };
    let Ok(signature) = decoded(signature) else { return false };
    let Some((id, signature)) = signature.split_first_chunk::<KEY_ID>() else { return false };
    let verifies = |key: &VerifierKey| key.id() == *id && key.key.verifies(checkpoint.body().as_bytes(), signature);
    name == checkpoint.log.as_str() && keys.of(name).iter().any(verifies)
}

fn decoded(text: &str) -> Result<Vec<u8>, CheckpointError> {
    STANDARD.decode(text).map_err(|_| CheckpointError)
}

/// The keys that may have signed a checkpoint.
#[derive(Clone, Debug)]
pub enum CheckpointKeys {
    /// The keys of some logs.
    Named(Vec<VerifierKey>),
    /// The keys of this service, for each of its logs. An older name of a log has the host of an earlier issuer.
    OfService(Vec<PublicKey>),
}

impl CheckpointKeys {
    /// No keys, to read a checkpoint without a look at its signature.
    pub const NONE: Self = Self::Named(Vec::new());

    fn of(&self, name: &str) -> Vec<VerifierKey> {
        match self {
            Self::Named(keys) => keys.iter().filter(|key| key.name == name).cloned().collect(),
            Self::OfService(keys) => keys.iter().map(|key| VerifierKey { name: name.to_owned(), key: *key }).collect(),
        }
    }
}

/// A key that verifies the checkpoints of a log: `<name>+<id in hexadecimal digits>+<base64>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    pub name: String,
    pub key: PublicKey,
}

impl VerifierKey {
    fn id(&self) -> [u8; KEY_ID] {
        let hash = sha256(&[self.name.as_bytes(), b"\n", &[ED25519], &self.key.0].concat());
        [hash[0], hash[1], hash[2], hash[3]]
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = STANDARD.encode([&[ED25519], &self.key.0[..]].concat());
        write!(f, "{}+{}+{key}", self.name, hex(&self.id()))
    }
}

impl FromStr for VerifierKey {
    type Err = CheckpointError;

    fn from_str(text: &str) -> Result<Self, CheckpointError> {
        let mut parts = text.trim().splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(CheckpointError);
        };
        let key = decoded(key)?;
        let (Some(&ED25519), Some(bytes)) = (key.first(), key.get(1..)) else { return Err(CheckpointError) };
        let key = PublicKey(bytes.try_into().map_err(|_| CheckpointError)?);
        let key = Self { name: name.to_owned(), key };
        if hex(&key.id()) == id { Ok(key) } else { Err(CheckpointError) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::base::crypto::Key;

    fn signing_key(seed: u8) -> SigningKey {
        SigningKey::from_seed(&Key::from_bytes(&[seed; 32]).unwrap()).unwrap()
    }

    prop_compose! {
        fn checkpoints()(host in "[a-z.]{1,20}", id: u128, tree in 0_u32..3, size: u64, root: [u8; 32]) -> Checkpoint {
            Checkpoint { log: LogName::new(&host, TenantId(uuid::Uuid::from_u128(id))), tree, size, root }
        }
    }

    proptest! {
        #[test]
        fn a_note_reads_back_as_its_checkpoint(checkpoint in checkpoints()) {
            let key = signing_key(1);
            let verifier = VerifierKey { name: checkpoint.log.as_str().to_owned(), key: key.public() };
            prop_assert_eq!(&verifier.to_string().parse::<VerifierKey>().unwrap(), &verifier);
            let other = VerifierKey { key: signing_key(2).public(), ..verifier.clone() };
            let note = checkpoint.signed(&key);
            let (read, is_signed) = Checkpoint::read(&note, &CheckpointKeys::Named(vec![other.clone(), verifier])).unwrap();
            prop_assert!(is_signed);
            prop_assert_eq!(read, checkpoint);
            prop_assert!(!Checkpoint::read(&note, &CheckpointKeys::Named(vec![other])).unwrap().1);
        }

        #[test]
        fn an_altered_note_is_not_signed(checkpoint in checkpoints(), at: prop::sample::Index, bit in 0_u8..7) {
            let key = signing_key(1);
            let verifier = VerifierKey { name: checkpoint.log.as_str().to_owned(), key: key.public() };
            let mut note = checkpoint.signed(&key).into_bytes();
            let at = at.index(note.len());
            note[at] ^= 1 << bit;
            if let Ok(note) = String::from_utf8(note)
                && let Ok((read, is_signed)) = Checkpoint::read(&note, &CheckpointKeys::Named(vec![verifier.clone()]))
            {
                // Unused bits at the end of base64 and the last line break are not part of what is signed.
                prop_assert!(!is_signed || read == checkpoint, "{}", note);
            }
        }

        #[test]
        fn no_text_makes_the_readers_panic(text: String) {
            let _ = Checkpoint::read(&text, &CheckpointKeys::NONE);
            let _ = text.parse::<VerifierKey>();
        }
    }

    /// The example of the specification, with the key of the Go checksum database.
    #[test]
    fn a_key_of_another_log_reads_back() {
        let text = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
        assert_eq!(text.parse::<VerifierKey>().unwrap().to_string(), text);
    }
}

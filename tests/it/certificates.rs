//! OpenPGP certificates that describe themselves in several signatures. The service accepts a certificate if `gpg` and
//! `sq` both encrypt for it, and refuses it if either does not.

use std::time::SystemTime;

use pgp::composed::{Deserializable as _, SignedSecretKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{
    KeyFlags, Notation, RevocationCode, SecretKey, SecretSubkey, Signature, SignatureConfig, SignatureType, Subpacket,
    SubpacketData, UserId,
};
use pgp::types::{Duration, KeyDetails as _, PacketHeaderVersion, Password, Tag, Timestamp};
use serde_json::json;

use crate::harness::{Answer, Keyring, each_store};

const DAY: u32 = 86_400;

/// An owner who signs any statement about their own keys, which are this many days old.
struct Owner {
    primary: SecretKey,
    subkey: SecretSubkey,
}

const AGE: u32 = 100;

fn seconds_ago(days: u32) -> u32 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    u32::try_from(now).unwrap() - days * DAY
}

/// The statements of a signature, besides its time and its signer.
type Says = Vec<SubpacketData>;

fn ends_after(days: u32) -> SubpacketData {
    SubpacketData::KeyExpirationTime(Duration::from_secs(days * DAY))
}

fn lapses_after(days: u32) -> SubpacketData {
    SubpacketData::SignatureExpirationTime(Duration::from_secs(days * DAY))
}

fn flags(set: fn(&mut KeyFlags)) -> SubpacketData {
    let mut flags = KeyFlags::default();
    set(&mut flags);
    SubpacketData::KeyFlags(flags)
}

fn certifies() -> SubpacketData {
    flags(|flags| flags.set_certify(true))
}

fn encrypts() -> SubpacketData {
    flags(|flags| flags.set_encrypt_comms(true))
}

fn notation(name: &'static str) -> SubpacketData {
    SubpacketData::Notation(Notation { readable: true, name: name.into(), value: "x".into() })
}

fn because(reason: RevocationCode) -> SubpacketData {
    SubpacketData::RevocationReason(reason, "".into())
}

fn name(text: &str) -> UserId {
    UserId::from_str(PacketHeaderVersion::New, text).unwrap()
}

impl Owner {
    fn new(keys: &Keyring) -> Self {
        let at = chrono::DateTime::from_timestamp(seconds_ago(AGE).into(), 0).unwrap();
        // The exclamation mark stops gpg's clock. On a clock that runs, a slow machine makes the key in the next second,
        // and the subkey would be older than its key.
        let at = at.format("%Y%m%dT%H%M%S!").to_string();
        let then = ["--faked-system-time", at.as_str()];
        let fingerprint = keys.primary("Kontoret", "ed25519", ("cert", "never"), &then);
        keys.subkey(&fingerprint, "cv25519", "never", &then);
        let secret = keys.gpg(&["--export-secret-keys", &fingerprint], b"");
        let SignedSecretKey { primary_key, mut secret_subkeys, .. } = SignedSecretKey::from_bytes(&secret[..]).unwrap();
        Self { primary: primary_key, subkey: secret_subkeys.remove(0).key }
    }

    /// A signature of this many days ago. The marked parts are critical.
    fn config(&self, kind: SignatureType, days_ago: u32, says: Says, critical: Says) -> SignatureConfig {
        let mut config = SignatureConfig::v4(kind, self.primary.algorithm(), HashAlgorithm::Sha256);
        let made = SubpacketData::SignatureCreationTime(Timestamp::from_secs(seconds_ago(days_ago)));
        let by = SubpacketData::IssuerFingerprint(self.primary.fingerprint());
        let plain = [made, by].into_iter().chain(says).map(Subpacket::regular);
        config.hashed_subpackets =
            plain.chain(critical.into_iter().map(Subpacket::critical)).map(Result::unwrap).collect();
        config.unhashed_subpackets =
            vec![Subpacket::regular(SubpacketData::IssuerKeyId(self.primary.legacy_key_id())).unwrap()];
        config
    }

    /// A signature about the primary key itself.
    fn direct(&self, days_ago: u32, says: Says) -> Signature {
        self.about_primary(SignatureType::Key, days_ago, says, vec![])
    }

    fn about_primary(&self, kind: SignatureType, days_ago: u32, says: Says, critical: Says) -> Signature {
        let config = self.config(kind, days_ago, says, critical);
        config.sign_key(&self.primary, &Password::empty(), self.primary.public_key()).unwrap()
    }

    fn about_user(&self, user: &UserId, kind: SignatureType, days_ago: u32, says: Says, critical: Says) -> Signature {
        let config = self.config(kind, days_ago, says, critical);
        let (key, none) = (self.primary.public_key(), Password::empty());
        config.sign_certification(&self.primary, key, &none, Tag::UserId, user).unwrap()
    }

    /// A user id with a signature that says that the key certifies, and more statements.
    fn user(&self, text: &str, days_ago: u32, mut says: Says) -> Vec<u8> {
        says.push(certifies());
        let user = name(text);
        let signature = self.about_user(&user, SignatureType::CertPositive, days_ago, says, vec![]);
        [packet(&user), packet(&signature)].concat()
    }

    fn binding(&self, kind: SignatureType, days_ago: u32, says: Says, critical: Says) -> Vec<u8> {
        let config = self.config(kind, days_ago, says, critical);
        let (key, none) = (self.primary.public_key(), Password::empty());
        packet(&config.sign_subkey_binding(&self.primary, key, &none, self.subkey.public_key()).unwrap())
    }

    /// The subkey with a signature that says that it is for encryption, and more statements.
    fn bound(&self, days_ago: u32, mut says: Says) -> Vec<u8> {
        says.push(encrypts());
        [packet(self.subkey.public_key()), self.binding(SignatureType::SubkeyBinding, days_ago, says, vec![])].concat()
    }

    fn certificate(&self, parts: &[Vec<u8>]) -> Vec<u8> {
        [packet(self.primary.public_key()), parts.concat()].concat()
    }
}

fn packet(packet: &impl pgp::packet::PacketTrait) -> Vec<u8> {
    let mut bytes = Vec::new();
    packet.to_writer_with_header(&mut bytes).unwrap();
    bytes
}

/// Packets, and the reason why a certificate of them is refused.
type Case = (&'static str, Vec<Vec<u8>>, Option<&'static str>);

/// The end of the primary key, in each place that may state it.
fn ends_of_the_primary(owner: &Owner) -> Vec<Case> {
    let (expired, primary) = (|| ends_after(10), || SubpacketData::IsPrimary(true));
    let (plain, bound) = (owner.user("Kontoret", 90, vec![]), owner.bound(90, vec![]));
    let direct = |days_ago, says| packet(&owner.direct(days_ago, says));
    let first = |says| owner.user("Kontoret", 90, says);
    let second = |days_ago, says| owner.user("Huset", days_ago, says);
    let case = |of, parts: &[&Vec<u8>], code| (of, parts.iter().map(|part| (*part).clone()).collect(), code);
    vec![
        case("plain", &[&plain, &bound], None),
        case("user id ends it", &[&first(vec![expired()]), &bound], Some("expired")),
        case("user id ends it later", &[&first(vec![ends_after(AGE + 10)]), &bound], None),
        case("direct ends it", &[&direct(90, vec![expired()]), &plain, &bound], Some("expired")),
        case("older direct ends it", &[&direct(95, vec![expired()]), &plain, &bound], Some("expired")),
        case("direct took it back", &[&direct(95, vec![expired()]), &direct(94, vec![]), &plain, &bound], None),
        case(
            "direct ends it, user id renews",
            &[&direct(95, vec![expired()]), &first(vec![ends_after(AGE + 10)]), &bound],
            Some("expired"),
        ),
        case(
            "primary user id ends it",
            &[&first(vec![primary(), expired()]), &second(80, vec![]), &bound],
            Some("expired"),
        ),
        case(
            "other user id ends it",
            &[&first(vec![primary()]), &second(80, vec![expired()]), &bound],
            Some("expired"),
        ),
        case(
            "primary user id renews",
            &[&first(vec![expired()]), &second(80, vec![primary(), ends_after(AGE + 10)]), &bound],
            None,
        ),
        case("direct lapsed", &[&direct(95, vec![expired(), lapses_after(5)]), &plain, &bound], None),
        case("only the user id's signature lapsed", &[&first(vec![lapses_after(5)]), &bound], Some("expired")),
        case("no signature about the primary", &[&bound], Some("unbound")),
    ]
}

/// Unknown critical parts.
fn critical(owner: &Owner) -> Vec<Case> {
    let (user, bound) = (name("Kontoret"), owner.bound(90, vec![]));
    let certified = |days_ago, critical| {
        packet(&owner.about_user(&user, SignatureType::CertPositive, days_ago, vec![certifies()], critical))
    };
    let user = packet(&user);
    let odd = || vec![notation("odd@example.org")];
    let bound_by = |says, critical| {
        let binding = owner.binding(SignatureType::SubkeyBinding, 90, says, critical);
        [packet(owner.subkey.public_key()), binding].concat()
    };
    let direct = packet(&owner.about_primary(SignatureType::Key, 80, vec![ends_after(10)], odd()));
    let usual = certified(90, vec![]);
    vec![
        ("notation", vec![user.clone(), certified(90, odd()), bound.clone()], Some("unbound")),
        (
            "notation known to others",
            vec![user.clone(), certified(90, vec![notation("preferred-email-encoding@pgp.com")]), bound.clone()],
            Some("unbound"),
        ),
        (
            "experimental",
            vec![user.clone(), certified(90, vec![SubpacketData::Experimental(101, "x".into())]), bound.clone()],
            Some("unbound"),
        ),
        ("newer, beside a good one", vec![user.clone(), usual.clone(), certified(80, odd()), bound.clone()], None),
        ("direct, beside a good user id", vec![direct, user.clone(), usual.clone(), bound], None),
        (
            "known, and critical",
            vec![user.clone(), certified(90, vec![ends_after(AGE + 10)]), bound_by(vec![], vec![encrypts()])],
            None,
        ),
        ("of the subkey", vec![user, usual, bound_by(vec![encrypts()], odd())], Some("unbound")),
    ]
}

/// Revocations, and the ends of the subkey.
fn revoked_and_renewed(owner: &Owner) -> Vec<Case> {
    let (user, plain, bound) = (name("Kontoret"), owner.user("Kontoret", 90, vec![]), owner.bound(90, vec![]));
    let soft = || vec![because(RevocationCode::KeySuperseded)];
    let hard = || vec![because(RevocationCode::KeyCompromised)];
    let key = |says| packet(&owner.about_primary(SignatureType::KeyRevocation, 50, says, vec![]));
    let taken_back = packet(&owner.about_user(&user, SignatureType::CertRevocation, 50, vec![], vec![]));
    let renewed = packet(&owner.about_user(&user, SignatureType::CertPositive, 40, vec![certifies()], vec![]));
    let subkey = |says| owner.binding(SignatureType::SubkeyRevocation, 50, says, vec![]);
    let again = |days_ago, mut says: Says| {
        says.push(encrypts());
        owner.binding(SignatureType::SubkeyBinding, days_ago, says, vec![])
    };
    let trust = [0xCC, 2, 0, 3].to_vec();
    let expired = || owner.bound(90, vec![ends_after(20)]);
    vec![
        ("key compromised", vec![key(hard()), plain.clone(), bound.clone()], Some("revoked")),
        ("key superseded", vec![key(soft()), plain.clone(), bound.clone()], Some("revoked")),
        ("subkey compromised", vec![plain.clone(), bound.clone(), subkey(hard())], Some("revoked")),
        ("subkey superseded", vec![plain.clone(), bound.clone(), subkey(soft())], Some("revoked")),
        (
            "subkey superseded, bound again",
            vec![plain.clone(), bound.clone(), subkey(soft()), again(40, vec![])],
            Some("revoked"),
        ),
        ("user id revoked, certified again", vec![plain.clone(), taken_back.clone(), renewed, bound.clone()], None),
        ("only user id revoked", vec![plain.clone(), taken_back, bound.clone()], None),
        ("subkey ended", vec![plain.clone(), expired()], Some("expired")),
        ("subkey ended, renewed", vec![plain.clone(), expired(), again(40, vec![])], None),
        (
            "subkey renewed, then ended",
            vec![plain.clone(), bound.clone(), again(40, vec![ends_after(20)])],
            Some("expired"),
        ),
        ("binding lapsed", vec![plain.clone(), owner.bound(90, vec![lapses_after(20)])], Some("expired")),
        (
            "binding lapsed, bound again",
            vec![plain.clone(), owner.bound(90, vec![lapses_after(20)]), again(40, vec![])],
            None,
        ),
        ("as in a keyring", vec![trust.clone(), plain, trust.clone(), bound, trust], None),
    ]
}

/// Whether a program encrypts for a certificate, with a keyring that contains nothing else.
fn tools_encrypt(certificate: &[u8], fingerprint: &str) -> [bool; 2] {
    let keys = Keyring::new();
    std::fs::write(keys.path("certificate.pgp"), certificate).unwrap();
    let quiet = ["--batch", "--quiet", "--import-options", "import-minimal", "--import", "certificate.pgp"];
    keys.gives_up("gpg", &quiet, b"");
    let gpg = ["--batch", "--quiet", "--trust-model", "always", "--recipient", fingerprint, "--encrypt"];
    let sq = ["encrypt", "--recipient-cert", "certificate.pgp"];
    [!keys.gives_up("gpg", &gpg, b"x"), !keys.gives_up("sq", &sq, b"x")]
}

each_store!(
    the_signature_that_decides_about_an_openpgp_key_is_found_as_gpg_and_sq_find_it,
    |lethe: TestLethe| async move {
        let keys = Keyring::new();
        let owner = Owner::new(&keys);
        let fingerprint = format!("{:X}", owner.primary.fingerprint());
        let cases = [ends_of_the_primary(&owner), critical(&owner), revoked_and_renewed(&owner)].concat();
        let mut wrong = Vec::new();
        for (of, parts, code) in cases {
            let certificate = owner.certificate(&parts);
            let body = json!({ "kind": "openpgp", "certificate": base64(&certificate) });
            let answer = Answer::of(lethe.caller("operator").call("PUT", "/tenant/recording-key").json(&body)).await;
            let refused = answer.json()["errors"][0]["code"].as_str().map(str::to_owned);
            let tools = tools_encrypt(&certificate, &fingerprint);
            if refused.as_deref() != code || code.is_none() != (tools == [true, true]) {
                wrong.push(format!("{of}: {refused:?}, not {code:?}; gpg and sq encrypt: {tools:?}"));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
);

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

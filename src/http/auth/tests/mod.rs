mod providers;
mod remembered;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
    RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// A key of an identity provider.
struct Signer {
    kid: &'static str,
    algorithm: Algorithm,
    key: EncodingKey,
    public: Value,
}

impl Signer {
    fn new(kid: &'static str, algorithm: Algorithm) -> Self {
        let random = SystemRandom::new();
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let (key, public) = match algorithm {
            Algorithm::RS256 | Algorithm::PS256 => {
                let pair = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
                let parts = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                // PKCS #8 is PKCS #1 after 26 bytes.
                let key = EncodingKey::from_rsa_der(&pair.as_der().unwrap().as_ref()[26..]);
                (key, json!({ "kty": "RSA", "n": text(&parts.n), "e": text(&parts.e) }))
            }
            Algorithm::ES256 | Algorithm::ES384 => {
                let (curve, name, size) = if algorithm == Algorithm::ES256 {
                    (&ECDSA_P256_SHA256_FIXED_SIGNING, "P-256", 32)
                } else {
                    (&ECDSA_P384_SHA384_FIXED_SIGNING, "P-384", 48)
                };
                let made = EcdsaKeyPair::generate_pkcs8(curve, &random).unwrap();
                let pair = EcdsaKeyPair::from_pkcs8(curve, made.as_ref()).unwrap();
                let (x, y) = pair.public_key().as_ref()[1..].split_at(size);
                let public = json!({ "kty": "EC", "crv": name, "x": text(x), "y": text(y) });
                (EncodingKey::from_ec_der(made.as_ref()), public)
            }
            _ => {
                let made = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
                let pair = Ed25519KeyPair::from_pkcs8(made.as_ref()).unwrap();
                let public = json!({ "kty": "OKP", "crv": "Ed25519", "x": text(pair.public_key().as_ref()) });
                (EncodingKey::from_ed_der(made.as_ref()), public)
            }
        };
        Self { kid, algorithm, key, public }
    }

    fn jwk(&self) -> Value {
        let mut jwk = self.public.clone();
        jwk["kid"] = json!(self.kid);
        jwk
    }

    fn sign(&self, claims: &Value) -> String {
        let header = Header { kid: Some(self.kid.to_owned()), ..Header::new(self.algorithm) };
        encode(&header, claims, &self.key).unwrap()
    }

    /// A token with a header of its own.
    fn sign_with(&self, header: &Value, claims: &Value) -> String {
        let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let signed = format!("{header}.{claims}");
        let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &self.key, self.algorithm).unwrap();
        format!("{signed}.{signature}")
    }
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_770_000_000, 0).unwrap()
}

fn claims() -> Value {
    json!({ "iss": "https://id.example", "aud": "lethe", "exp": now().timestamp() + 60, "sub": "u-17",
        "tenant": "demo", "name": "Paal", "scope": "requests:read openid", "roles": ["manager", "stranger"] })
}

/// The usual claims with some changes. Null removes a claim.
fn but(changes: Value) -> Value {
    let mut all = claims();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            all.as_object_mut().unwrap().remove(name);
        } else {
            all[name] = value.clone();
        }
    }
    all
}

fn folder(name: &str) -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("lethe-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn config() -> Config {
    let mut config = Config::default();
    config.auth.issuer = Some("https://id.example".to_owned());
    config.auth.audience = Some("lethe".to_owned());
    config
}

fn keys_of(name: &str, jwks: &[Value], adjust: impl Fn(&mut Config)) -> TokenKeys {
    let file = folder(name).join("jwks.json");
    std::fs::write(&file, json!({ "keys": jwks }).to_string()).unwrap();
    let mut config = config();
    config.auth.jwks_file = Some(file.clone());
    adjust(&mut config);
    let keys = TokenKeys::open(&config, Clock::Fixed(now())).unwrap();
    std::fs::remove_dir_all(file.parent().unwrap()).unwrap();
    keys
}

#[actix_web::test]
async fn a_token_of_each_algorithm_says_who_it_is() {
    let all = [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA];
    for signer in all.map(|algorithm| Signer::new("k", algorithm)) {
        let keys = keys_of("each", &[signer.jwk(), json!({ "kty": "oct", "k": "AA", "kid": "k" })], |_| {});
        let found = keys.verify(&signer.sign(&claims())).await.unwrap();
        assert_eq!((found.tenant.as_deref(), found.sub.as_str(), found.name.as_str()), (Some("demo"), "u-17", "Paal"));
        assert_eq!(found.scopes, BTreeSet::from([Scope::RequestsRead, Scope::ArchiveTotals]));
    }
}

#[actix_web::test]
async fn claims_that_do_not_fit_are_refused() {
    let signer = Signer::new("k", Algorithm::EdDSA);
    let keys = keys_of("claims", &[signer.jwk()], |_| {});
    let at = now().timestamp();
    for (changes, outcome) in [
        (json!({ "exp": at - 60 }), Err(TokenError::Expired)),
        (json!({ "exp": at - 5 }), Err(TokenError::Expired)),
        (json!({ "exp": at - 4 }), Ok(())),
        (json!({ "exp": 1_770_000_000.5 }), Ok(())),
        (json!({ "exp": null }), Err(TokenError::Endless)),
        (json!({ "exp": "tomorrow" }), Err(TokenError::Endless)),
        (json!({ "nbf": at + 60 }), Err(TokenError::Early)),
        (json!({ "nbf": at + 5 }), Ok(())),
        (json!({ "nbf": "now" }), Err(TokenError::Early)),
        (json!({ "iat": at - 3600 }), Ok(())),
        (json!({ "iat": at + 60 }), Ok(())),
        (json!({ "iat": at + 61 }), Err(TokenError::Early)),
        (json!({ "iat": at + 86_400, "exp": at + 90_000 }), Err(TokenError::Early)),
        (json!({ "iat": at + 86_400, "nbf": at, "exp": at + 90_000 }), Err(TokenError::Early)),
        (json!({ "iat": "now" }), Err(TokenError::Early)),
        (json!({ "iss": "https://id.example/" }), Err(TokenError::Issuer)),
        (json!({ "iss": ["https://id.example"] }), Err(TokenError::Issuer)),
        (json!({ "iss": null }), Err(TokenError::Issuer)),
        (json!({ "aud": "other" }), Err(TokenError::Audience)),
        (json!({ "aud": null }), Err(TokenError::Audience)),
        (json!({ "aud": ["other", "lethe"] }), Ok(())),
        (json!({ "aud": [] }), Err(TokenError::Audience)),
        (json!({ "sub": null }), Err(TokenError::Subject)),
        (json!({ "sub": "a\u{0}b" }), Err(TokenError::Subject)),
        (json!({ "azp": "crm", "client_id": "crm" }), Ok(())),
        (json!({ "azp": "crm", "client_id": "other" }), Err(TokenError::Client)),
    ] {
        let outcome_seen = keys.verify(&signer.sign(&but(changes.clone()))).await.map(drop);
        assert_eq!(outcome_seen, outcome, "{changes}");
    }
}

#[actix_web::test]
async fn tokens_of_other_kinds_give_no_access() {
    let signer = Signer::new("k", Algorithm::EdDSA);
    let keys = keys_of("typ", &[signer.jwk()], |_| {});
    for (typ, outcome) in [
        (None, Ok(())),
        (Some("JWT"), Ok(())),
        (Some("jwt"), Ok(())),
        (Some("at+jwt"), Ok(())),
        (Some("application/at+JWT"), Ok(())),
        (Some("secevent+jwt"), Err(TokenError::Type)),
        (Some("application/secevent+jwt"), Err(TokenError::Type)),
        (Some("logout+jwt"), Err(TokenError::Type)),
        (Some("dpop+jwt"), Err(TokenError::Type)),
        (Some("text/jwt"), Err(TokenError::Type)),
        (Some(""), Err(TokenError::Type)),
    ] {
        let header = Header { kid: Some("k".to_owned()), typ: typ.map(str::to_owned), ..Header::new(signer.algorithm) };
        let token = encode(&header, &claims(), &signer.key).unwrap();
        for _ in 0..2 {
            assert_eq!(keys.verify(&token).await.map(drop), outcome, "{typ:?}");
        }
    }
}

#[actix_web::test]
async fn the_key_fixes_the_algorithm() {
    let rsa = Signer::new("rsa", Algorithm::RS256);
    let ed = Signer::new("ed", Algorithm::EdDSA);
    let keys = keys_of("alg", &[rsa.jwk(), ed.jwk()], |_| {});
    let claims = claims();
    // HMAC with the public key as its secret, in the forms that an attacker could have.
    let modulus = rsa.jwk()["n"].as_str().unwrap().to_owned();
    for secret in [modulus.as_bytes(), &URL_SAFE_NO_PAD.decode(&modulus).unwrap()] {
        let header = Header { kid: Some("rsa".to_owned()), ..Header::new(Algorithm::HS256) };
        let forged = encode(&header, &claims, &EncodingKey::from_secret(secret)).unwrap();
        assert_eq!(keys.verify(&forged).await, Err(TokenError::Malformed));
    }
    let (_, rest) = rsa.sign(&claims).split_once('.').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let body = rest.split_once('.').unwrap().0.to_owned();
    for alg in ["none", "None", "HS256", "RS512", "PS256"] {
        let header = URL_SAFE_NO_PAD.encode(json!({ "alg": alg, "kid": "rsa" }).to_string());
        for forged in [format!("{header}.{body}."), format!("{header}.{rest}")] {
            assert!(keys.verify(&forged).await.is_err(), "{alg}");
        }
    }
    // The right key under another algorithm's or another key's name.
    let confused = Signer { kid: "rsa", ..ed };
    assert_eq!(keys.verify(&confused.sign(&claims)).await, Err(TokenError::Signature));
    let stranger = Signer::new("ed", Algorithm::EdDSA);
    assert_eq!(keys.verify(&stranger.sign(&claims)).await, Err(TokenError::Signature));
    let unknown = Signer { kid: "lost", ..confused };
    assert_eq!(keys.verify(&unknown.sign(&claims)).await, Err(TokenError::Signature));
}

#[actix_web::test]
async fn a_token_cannot_bring_its_own_key() {
    let own = Signer::new("own", Algorithm::EdDSA);
    let keys = keys_of("own", &[Signer::new("k", Algorithm::EdDSA).jwk()], |_| {});
    let jwk: Jwk = serde_json::from_value(own.jwk()).unwrap();
    let header = Header {
        kid: Some("k".to_owned()),
        jwk: Some(jwk),
        jku: Some("https://evil.example/jwks".to_owned()),
        x5u: Some("https://evil.example/x5u".to_owned()),
        ..Header::new(Algorithm::EdDSA)
    };
    let token = encode(&header, &claims(), &own.key).unwrap();
    assert_eq!(keys.verify(&token).await, Err(TokenError::Signature));
    let critical = Header { crit: Some(vec!["b64".to_owned()]), ..Header::new(Algorithm::EdDSA) };
    assert_eq!(keys.verify(&encode(&critical, &claims(), &own.key).unwrap()).await, Err(TokenError::Malformed));
}

#[actix_web::test]
async fn keys_for_other_uses_verify_nothing() {
    for change in [json!({ "use": "enc" }), json!({ "key_ops": ["encrypt"] }), json!({ "alg": "ES384" })] {
        let (signer, other) = (Signer::new("k", Algorithm::ES256), Signer::new("other", Algorithm::ES256));
        let mut jwk = signer.jwk();
        jwk.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let keys = keys_of("uses", &[jwk, other.jwk()], |_| {});
        assert_eq!(keys.verify(&signer.sign(&claims())).await, Err(TokenError::Signature), "{change}");
    }
}

#[actix_web::test]
async fn claim_names_may_be_paths_and_names_fall_back() {
    let signer = Signer::new("k", Algorithm::EdDSA);
    let keys = keys_of("paths", &[signer.jwk()], |config| {
        config.auth.tenant_claim = "org.slug".to_owned();
        config.auth.roles_claim = "https://id.example/roles".to_owned();
        config.auth.name_claim = "nick".to_owned();
    });
    let found = async |changes| keys.verify(&signer.sign(&but(changes))).await.unwrap();
    let one =
        found(json!({ "org": { "slug": "acme" }, "https://id.example/roles": "qa, integration", "scope": null })).await;
    assert_eq!((one.tenant.as_deref(), one.name.as_str()), (Some("acme"), "u-17"));
    assert!(one.scopes.contains(&Scope::ArchiveSearch) && one.scopes.contains(&Scope::ArchiveIngest));
    let two = found(json!({ "preferred_username": "paal\n", "org": "acme" })).await;
    assert_eq!((two.tenant, two.name.as_str()), (None, "paal"));
}

#[actix_web::test]
async fn a_key_verifies_the_algorithm_that_its_provider_names() {
    let (rsa, ed) = (Signer::new("k", Algorithm::RS256), Signer::new("k", Algorithm::EdDSA));
    for (signer, stated, named, outcome) in [
        (&rsa, json!("RS256"), "RS256", Ok(())),
        (&rsa, json!("PS256"), "RS256", Err(TokenError::Signature)),
        (&rsa, json!("RS512"), "RS256", Err(TokenError::Signature)),
        (&rsa, json!(null), "RS256", Ok(())),
        // The signature is of another algorithm than the header says.
        (&rsa, json!(null), "PS256", Err(TokenError::Signature)),
        (&ed, json!("EdDSA"), "EdDSA", Ok(())),
        (&ed, json!("Ed25519"), "Ed25519", Ok(())),
        (&ed, json!("Ed25519"), "EdDSA", Ok(())),
        (&ed, json!("EdDSA"), "Ed25519", Ok(())),
        (&ed, json!(null), "Ed25519", Ok(())),
        (&ed, json!("Ed448"), "Ed25519", Err(TokenError::Signature)),
        (&ed, json!(25519), "Ed25519", Err(TokenError::Signature)),
        (&ed, json!(null), "Ed448", Err(TokenError::Malformed)),
    ] {
        let mut jwk = signer.jwk();
        jwk["alg"] = stated.clone();
        let keys = keys_of("stated", &[jwk, Signer::new("other", Algorithm::ES256).jwk()], |_| {});
        let token = signer.sign_with(&json!({ "alg": named, "kid": "k" }), &claims());
        assert_eq!(keys.verify(&token).await.map(drop), outcome, "{stated} {named}");
    }
}

#[actix_web::test]
async fn each_key_that_fits_a_token_is_tried() {
    let (one, other) = (Signer::new("k", Algorithm::RS256), Signer::new("k", Algorithm::RS256));
    let header = json!({ "alg": "RS256" });
    for jwks in [vec![one.jwk(), one.jwk()], vec![other.jwk(), one.jwk()], vec![other.jwk(), other.jwk(), one.jwk()]] {
        let keys = keys_of("fitting", &jwks, |_| {});
        assert!(keys.verify(&one.sign(&claims())).await.is_ok(), "{} keys of one name", jwks.len());
        assert!(keys.verify(&one.sign_with(&header, &claims())).await.is_ok(), "a token without kid");
        let stranger = Signer::new("k", Algorithm::RS256);
        assert_eq!(keys.verify(&stranger.sign(&claims())).await, Err(TokenError::Signature));
    }
    // A set of many keys does not make a token expensive.
    let many: Vec<_> = (0..8).map(|_| Signer::new("k", Algorithm::EdDSA).jwk()).collect();
    let last = Signer::new("k", Algorithm::EdDSA);
    let keys = keys_of("many", &[many, vec![last.jwk()]].concat(), |_| {});
    assert_eq!(keys.verify(&last.sign(&claims())).await, Err(TokenError::Signature));
}

#[actix_web::test]
async fn claims_are_read_as_providers_write_them() {
    let signer = Signer::new("k", Algorithm::EdDSA);
    let plain = json!({ "scope": null, "roles": null });
    let with = |more: Value| {
        let mut changes = plain.clone();
        changes.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        but(changes)
    };
    let read = BTreeSet::from([Scope::RequestsRead]);
    for (setting, changes, scopes) in [
        ("scope", json!({ "scp": "requests:read openid" }), &read),
        ("scope", json!({ "scp": ["requests:read"] }), &read),
        ("scope", json!({ "scope": ["requests:read", "openid"] }), &read),
        ("scope", json!({ "scope": "", "scp": "requests:read" }), &BTreeSet::new()),
        ("permissions", json!({ "permissions": ["requests:read"] }), &read),
        ("access.scopes", json!({ "access": { "scopes": "requests:read" } }), &read),
        ("permissions", json!({ "scope": "requests:read" }), &BTreeSet::new()),
    ] {
        let keys = keys_of("scopes", &[signer.jwk()], |config| config.auth.scope_claim = setting.to_owned());
        assert_eq!(&keys.verify(&signer.sign(&with(changes.clone()))).await.unwrap().scopes, scopes, "{changes}");
    }
    let keys = keys_of("arrays", &[signer.jwk()], |_| {});
    for (tenant, slug) in [
        (json!(["acme"]), Some("acme")),
        (json!("acme"), Some("acme")),
        (json!(["acme", "other"]), None),
        (json!([]), None),
        (json!([["acme"]]), None),
        (json!({ "acme": {} }), None),
    ] {
        let found = keys.verify(&signer.sign(&but(json!({ "tenant": tenant, "name": ["Siri"] })))).await.unwrap();
        assert_eq!((found.tenant.as_deref(), found.name.as_str()), (slug, "Siri"), "{tenant}");
    }
}

#[actix_web::test]
async fn development_tokens_are_for_development() {
    let mut config = Config { data_dir: folder("dev").join("data"), ..Config::default() };
    let token = dev_token(&config, "demo", &["agent".to_owned()], "paal").unwrap();
    let keys = TokenKeys::open(&config, Clock::System).unwrap();
    let found = keys.verify(&token).await.unwrap();
    assert_eq!((found.tenant.as_deref(), found.name.as_str()), (Some("demo"), "paal"));
    assert_eq!(found.scopes, BTreeSet::from([Scope::ArchiveSearch]));
    let tomorrow = Clock::System.now() + TimeDelta::hours(25);
    assert_eq!(keys.verify_at(&token, tomorrow).await, Err(TokenError::Expired));
    assert!(matches!(dev_token(&config, "demo", &["king".to_owned()], "paal"), Err(DevKeyError::UnknownRole(_))));
    for user in ["", "a\nb", &"x".repeat(201)] {
        assert!(matches!(dev_token(&config, "demo", &[], user), Err(DevKeyError::User)), "{user}");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(config.data_dir.join("dev-signing-key.pem")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(&config.data_dir).unwrap().count(), 1);
    }
    config.auth.issuer = Some("https://id.example".to_owned());
    assert!(matches!(dev_token(&config, "demo", &[], "paal"), Err(DevKeyError::IssuerSet)));
    std::fs::remove_dir_all(config.data_dir.parent().unwrap()).unwrap();
}

proptest! {
    #[test]
    fn no_text_makes_the_verifier_panic(token in "[a-zA-Z0-9_.-]{0,80}|\\PC{0,40}") {
        let source = KeySource::Fixed(Arc::new(ProviderKeySet::new(Vec::new())));
        let terms = Terms::new(&development::issuer(), &AuthConfig::default(), &Arc::default());
        let keys = TokenKeys { issuers: vec![Issuer { source, terms }], clock: Clock::Fixed(now()) };
        let verified = futures_util::FutureExt::now_or_never(keys.verify(&token)).unwrap();
        prop_assert!(verified.is_err());
    }
}

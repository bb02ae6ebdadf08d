mod remembered;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use actix_web::web::{self, Data};
use actix_web::{App, HttpResponse, HttpServer};
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use proptest::prelude::*;
use serde_json::json;

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
            Algorithm::RS256 => {
                let pair = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
                let parts = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                // PKCS #8 is PKCS #1 after 26 bytes.
                let key = EncodingKey::from_rsa_der(&pair.as_der().unwrap().as_ref()[26..]);
                (key, json!({ "kty": "RSA", "n": text(&parts.n), "e": text(&parts.e) }))
            }
            Algorithm::ES256 => {
                let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.as_ref()).unwrap();
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                let public = json!({ "kty": "EC", "crv": "P-256", "x": text(x), "y": text(y) });
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
    let signers = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA].map(|alg| Signer::new("k", alg));
    for signer in signers {
        let keys = keys_of("each", &[signer.jwk(), json!({ "kty": "oct", "k": "AA", "kid": "k" })], |_| {});
        let found = keys.verify(&signer.sign(&claims())).await.unwrap();
        assert_eq!((found.tenant.as_deref(), found.sub.as_str(), found.name.as_str()), (Some("demo"), "u-17", "Paal"));
        assert_eq!(found.scopes, BTreeSet::from([Scope::RequestsRead, Scope::ArchiveRead]));
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
        (json!({ "exp": null }), Err(TokenError::Expired)),
        (json!({ "exp": "tomorrow" }), Err(TokenError::Expired)),
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
        let keys = TokenKeys {
            source: KeySource::Fixed(Arc::new(KeySet::new(Vec::new()))),
            terms: Terms { issuer: String::new(), audience: String::new(), tenant_claim: String::new(),
                name_claim: String::new(), roles_claim: String::new(), roles: BTreeMap::new() },
            clock: Clock::Fixed(now()),
        };
        let verified = futures_util::FutureExt::now_or_never(keys.verify(&token)).unwrap();
        prop_assert!(verified.is_err());
    }
}

/// An identity provider that counts its fetches.
struct Counter {
    fetches: AtomicUsize,
    away: AtomicBool,
    jwks: std::sync::Mutex<Value>,
}

fn provider(jwks: Value) -> (Data<Counter>, TokenKeys, actix_web::dev::ServerHandle) {
    let counter = Data::new(Counter {
        fetches: AtomicUsize::new(0),
        away: AtomicBool::new(false),
        jwks: std::sync::Mutex::new(jwks),
    });
    let data = counter.clone();
    let response = async |counter: Data<Counter>| {
        counter.fetches.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        if counter.away.load(Ordering::SeqCst) {
            return HttpResponse::ServiceUnavailable().finish();
        }
        HttpResponse::Ok().json(&*counter.jwks.lock().unwrap())
    };
    let server = HttpServer::new(move || App::new().app_data(data.clone()).route("/keys", web::get().to(response)))
        .workers(1)
        .bind("127.0.0.1:0")
        .unwrap();
    let mut config = config();
    config.auth.jwks_url = Some(format!("http://{}/keys", server.addrs()[0]));
    let server = server.run();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    (counter, TokenKeys::open(&config, Clock::Fixed(now())).unwrap(), handle)
}

#[actix_web::test]
async fn the_provider_is_asked_once_and_again_for_a_new_key() {
    let (old, new) = (Signer::new("old", Algorithm::ES256), Signer::new("new", Algorithm::EdDSA));
    let (provider, keys, server) = provider(json!({ "keys": [old.jwk()] }));
    let fetches = || provider.fetches.load(Ordering::SeqCst);
    let later = |seconds| now() + TimeDelta::seconds(seconds);
    let lasting = but(json!({ "exp": now().timestamp() + 3 * 86_400 }));

    let token = old.sign(&lasting);
    let all = futures_util::future::join_all((0..20).map(|_| keys.verify_at(&token, now()))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(fetches(), 1, "twenty first calls share one question");

    *provider.jwks.lock().unwrap() = json!({ "keys": [old.jwk(), new.jwk()] });
    let rotated = new.sign(&lasting);
    assert_eq!(keys.verify_at(&rotated, later(30)).await, Err(TokenError::Signature));
    assert_eq!(fetches(), 1, "not asked again within a minute");
    assert!(keys.verify_at(&rotated, later(61)).await.is_ok());
    assert_eq!(fetches(), 2);
    let unknown = Signer::new("never", Algorithm::EdDSA).sign(&lasting);
    for second in 62..120 {
        assert_eq!(keys.verify_at(&unknown, later(second)).await, Err(TokenError::Signature));
    }
    assert_eq!(fetches(), 2, "made-up keys do not make the service a hammer");

    provider.away.store(true, Ordering::SeqCst);
    assert!(keys.verify_at(&token, later(23 * 3600)).await.is_ok(), "stale keys go on for a day");
    assert_eq!(fetches(), 3);
    assert_eq!(keys.verify_at(&token, later(25 * 3600)).await, Err(TokenError::KeysAway));
    provider.away.store(false, Ordering::SeqCst);
    assert!(keys.verify_at(&token, later(25 * 3600 + 6)).await.is_ok(), "and the provider is asked again soon");
    server.stop(false).await;
}

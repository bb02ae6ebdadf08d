//! Providers that publish their keys, and several of them.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use actix_web::web::{self, Data};
use actix_web::{App, HttpResponse, HttpServer};

use super::*;

/// An identity provider that counts its fetches.
pub(super) struct Counter {
    pub(super) asked: AtomicUsize,
    pub(super) away: AtomicBool,
    pub(super) jwks: std::sync::Mutex<Value>,
}

pub(super) fn provider(jwks: Value) -> (Data<Counter>, TokenKeys, actix_web::dev::ServerHandle) {
    let counter = Data::new(Counter {
        asked: AtomicUsize::new(0),
        away: AtomicBool::new(false),
        jwks: std::sync::Mutex::new(jwks),
    });
    let data = counter.clone();
    let answer = async |counter: Data<Counter>| {
        counter.asked.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        if counter.away.load(Ordering::SeqCst) {
            return HttpResponse::ServiceUnavailable().finish();
        }
        HttpResponse::Ok().json(&*counter.jwks.lock().unwrap())
    };
    let server = HttpServer::new(move || App::new().app_data(data.clone()).route("/keys", web::get().to(answer)))
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
    let asked = || provider.asked.load(Ordering::SeqCst);
    let later = |seconds| now() + TimeDelta::seconds(seconds);
    let lasting = but(json!({ "exp": now().timestamp() + 3 * 86_400 }));

    let token = old.sign(&lasting);
    let all = futures_util::future::join_all((0..20).map(|_| keys.verify_at(&token, now()))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(asked(), 1, "twenty first calls share one question");

    *provider.jwks.lock().unwrap() = json!({ "keys": [old.jwk(), new.jwk()] });
    let rotated = new.sign(&lasting);
    assert_eq!(keys.verify_at(&rotated, later(30)).await, Err(TokenError::Signature));
    assert_eq!(asked(), 1, "not asked again within a minute");
    assert!(keys.verify_at(&rotated, later(61)).await.is_ok());
    assert_eq!(asked(), 2);
    let unknown = Signer::new("never", Algorithm::EdDSA).sign(&lasting);
    for second in 62..120 {
        assert_eq!(keys.verify_at(&unknown, later(second)).await, Err(TokenError::Signature));
    }
    assert_eq!(asked(), 2, "made-up keys do not make the service a hammer");

    provider.away.store(true, Ordering::SeqCst);
    assert!(keys.verify_at(&token, later(23 * 3600)).await.is_ok(), "stale keys go on for a day");
    assert_eq!(asked(), 3);
    assert_eq!(keys.verify_at(&token, later(25 * 3600)).await, Err(TokenError::KeysAway));
    provider.away.store(false, Ordering::SeqCst);
    assert!(keys.verify_at(&token, later(25 * 3600 + 6)).await.is_ok(), "and the provider is asked again soon");
    server.stop(false).await;
}

#[actix_web::test]
async fn a_new_key_under_an_old_name_is_fetched_once_a_minute() {
    let (old, new) = (Signer::new("k1", Algorithm::ES256), Signer::new("k1", Algorithm::ES256));
    let (provider, keys, server) = provider(json!({ "keys": [old.jwk()] }));
    let asked = || provider.asked.load(Ordering::SeqCst);
    let later = |seconds| now() + TimeDelta::seconds(seconds);
    let lasting = but(json!({ "exp": now().timestamp() + 86_400 }));
    assert!(keys.verify_at(&old.sign(&lasting), now()).await.is_ok());

    *provider.jwks.lock().unwrap() = json!({ "keys": [new.jwk()] });
    let token = new.sign(&lasting);
    assert_eq!(keys.verify_at(&token, later(59)).await, Err(TokenError::Signature));
    assert_eq!(asked(), 1, "the provider was asked less than a minute ago");
    assert!(keys.verify_at(&token, later(60)).await.is_ok());
    assert_eq!(asked(), 2);
    assert_eq!(keys.verify_at(&old.sign(&lasting), later(61)).await, Err(TokenError::Signature));

    let forged = Signer::new("k1", Algorithm::ES256).sign(&lasting);
    for second in 62..120 {
        assert_eq!(keys.verify_at(&forged, later(second)).await, Err(TokenError::Signature));
    }
    assert_eq!(asked(), 2, "forged tokens do not make the service ask more often");
    let several = (0..20).map(|_| keys.verify_at(&forged, later(120)));
    assert!(futures_util::future::join_all(several).await.iter().all(Result::is_err));
    assert_eq!(asked(), 3, "twenty forged tokens at once share one fetch");
    provider.away.store(true, Ordering::SeqCst);
    assert_eq!(keys.verify_at(&forged, later(180)).await, Err(TokenError::Signature));
    assert!(keys.verify_at(&token, later(181)).await.is_ok(), "a provider that is away takes no key away");
    server.stop(false).await;
}

#[actix_web::test]
async fn a_provider_may_withdraw_all_of_its_keys() {
    let signer = Signer::new("k", Algorithm::ES256);
    let mut unsupported = Signer::new("other", Algorithm::ES256).jwk();
    unsupported["alg"] = json!("ES512");
    let lasting = signer.sign(&but(json!({ "exp": now().timestamp() + 86_400 })));
    let later = |seconds| now() + TimeDelta::seconds(seconds);
    for left in [json!([]), json!([unsupported])] {
        let (provider, keys, server) = provider(json!({ "keys": [signer.jwk()] }));
        assert!(keys.verify_at(&lasting, now()).await.is_ok());
        *provider.jwks.lock().unwrap() = json!({ "keys": left });
        assert!(keys.verify_at(&lasting, later(599)).await.is_ok(), "the keys are still fresh");
        assert_eq!(keys.verify_at(&lasting, later(601)).await, Err(TokenError::Signature), "{left}");
        // A new key is found soon, because no other key verifies anything meanwhile.
        *provider.jwks.lock().unwrap() = json!({ "keys": [signer.jwk()] });
        assert!(keys.verify_at(&lasting, later(607)).await.is_ok());
        // A response that is no set of keys withdraws nothing.
        *provider.jwks.lock().unwrap() = json!({ "error": "later" });
        assert!(keys.verify_at(&lasting, later(1_300)).await.is_ok());
        server.stop(false).await;
    }
}

#[actix_web::test]
async fn the_issuer_names_the_url_of_its_keys() {
    let signer = Signer::new("k", Algorithm::EdDSA);
    for (issuer, outcome) in [(None, Ok(())), (Some("https://other.example"), Err(TokenError::KeysAway))] {
        let jwks = json!({ "keys": [signer.jwk()] });
        let server = HttpServer::new(move || {
            let jwks = jwks.clone();
            let document = move |request: actix_web::HttpRequest| {
                let here = format!("http://{}", request.connection_info().host());
                let issuer = issuer.map_or_else(|| format!("{here}/realm"), str::to_owned);
                let document = json!({ "issuer": issuer, "jwks_uri": format!("{here}/realm/certs") });
                std::future::ready(HttpResponse::Ok().json(document))
            };
            App::new()
                .route("/realm/.well-known/openid-configuration", web::get().to(document))
                .route("/realm/certs", web::get().to(move || std::future::ready(HttpResponse::Ok().json(&jwks))))
        });
        let server = server.workers(1).bind("127.0.0.1:0").unwrap();
        let mut config = config();
        let name = format!("http://{}/realm", server.addrs()[0]);
        config.auth.issuer = Some(name.clone());
        let server = server.run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        let keys = TokenKeys::open(&config, Clock::Fixed(now())).unwrap();
        assert_eq!(keys.verify(&signer.sign(&but(json!({ "iss": name })))).await.map(drop), outcome);
        handle.stop(false).await;
    }
}

#[actix_web::test]
async fn each_issuer_has_keys_audiences_and_claims_of_its_own() {
    let (first, second) = (Signer::new("k", Algorithm::EdDSA), Signer::new("k", Algorithm::EdDSA));
    let place = folder("issuers");
    let file = place.join("second.json");
    std::fs::write(&file, json!({ "keys": [second.jwk()] }).to_string()).unwrap();
    let keys = keys_of("several", &[first.jwk()], |config| {
        config.auth.issuers = vec![IssuerConfig {
            issuer: "https://second.example".to_owned(),
            audiences: vec!["api://lethe".to_owned(), "lethe-console".to_owned()],
            jwks_file: Some(file.clone()),
            tenant_claim: Some("organization".to_owned()),
            ..development::issuer()
        }];
    });
    std::fs::remove_dir_all(place).unwrap();
    let of_second = |audience: &str| {
        but(json!({ "iss": "https://second.example", "aud": audience, "tenant": null, "organization": ["acme"] }))
    };
    assert_eq!(keys.verify(&first.sign(&claims())).await.unwrap().tenant.as_deref(), Some("demo"));
    for audience in ["api://lethe", "lethe-console"] {
        let found = keys.verify(&second.sign(&of_second(audience))).await.unwrap();
        assert_eq!(found.tenant.as_deref(), Some("acme"));
    }
    // Neither issuer speaks for the other, nor for an unknown one.
    for (signer, claims, error) in [
        (&second, claims(), TokenError::Signature),
        (&first, of_second("api://lethe"), TokenError::Signature),
        (&second, of_second("lethe"), TokenError::Audience),
        (&first, but(json!({ "iss": "https://third.example" })), TokenError::Issuer),
        (&first, but(json!({ "iss": null })), TokenError::Issuer),
    ] {
        assert_eq!(keys.verify(&signer.sign(&claims)).await, Err(error), "{claims}");
    }
}

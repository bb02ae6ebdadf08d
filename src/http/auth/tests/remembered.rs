//! Tokens that were verified a moment before.

use super::*;

#[actix_web::test]
async fn a_remembered_token_is_refused_when_its_time_is_over() {
    let signer = Signer::new("k", Algorithm::EdDSA);
    let keys = keys_of("remembered", &[signer.jwk()], |_| {});
    let later = |seconds| now() + TimeDelta::seconds(seconds);
    let token = signer.sign(&but(json!({ "nbf": now().timestamp() })));
    for seconds in [0, 30, 64] {
        assert_eq!(keys.verify_at(&token, later(seconds)).await.unwrap().sub, "u-17");
    }
    let KeySource::Fixed(set) = &keys.issuers[0].source else { panic!("the keys come from a file") };
    assert_eq!(set.verified.len(), 1, "it was remembered");
    assert_eq!(keys.verify_at(&token, later(65)).await, Err(TokenError::Expired));
    assert_eq!(keys.verify_at(&token, later(-6)).await, Err(TokenError::Early), "a clock that was set back");

    // Another signature under the same words, and the same signature under other words.
    let (words, _) = token.rsplit_once('.').unwrap();
    let other = Signer::new("k", Algorithm::EdDSA).sign(&but(json!({ "nbf": now().timestamp() })));
    let (_, signature) = other.rsplit_once('.').unwrap();
    assert_eq!(keys.verify_at(&format!("{words}.{signature}"), now()).await, Err(TokenError::Signature));
    assert_eq!(keys.verify_at(&other, now()).await, Err(TokenError::Signature));
    assert_eq!(set.verified.len(), 1, "what was refused is not remembered");
}

#[actix_web::test]
async fn a_remembered_token_goes_with_its_key() {
    let (old, new) = (Signer::new("old", Algorithm::ES256), Signer::new("new", Algorithm::EdDSA));
    let (provider, keys, server) = providers::provider(json!({ "keys": [old.jwk(), new.jwk()] }));
    let later = |seconds| now() + TimeDelta::seconds(seconds);
    let lasting = but(json!({ "exp": now().timestamp() + 86_400 }));
    let (token, lasts) = (old.sign(&lasting), new.sign(&lasting));
    assert!(keys.verify_at(&token, now()).await.is_ok());

    *provider.jwks.lock().unwrap() = json!({ "keys": [new.jwk()] });
    assert!(keys.verify_at(&token, later(599)).await.is_ok(), "the provider has not been asked yet");
    assert_eq!(keys.verify_at(&token, later(600)).await, Err(TokenError::Signature));
    assert!(keys.verify_at(&lasts, later(600)).await.is_ok());

    // A token with an unknown key makes the service fetch the provider's keys before that.
    *provider.jwks.lock().unwrap() = json!({ "keys": [old.jwk()] });
    assert!(keys.verify_at(&lasts, later(700)).await.is_ok());
    assert!(keys.verify_at(&token, later(701)).await.is_ok());
    assert_eq!(keys.verify_at(&lasts, later(702)).await, Err(TokenError::Signature));
    server.stop(false).await;
}

#[actix_web::test]
async fn no_more_tokens_are_remembered_than_there_is_room_for() {
    let signer = Signer::new("k", Algorithm::EdDSA);
    let keys = keys_of("room", &[signer.jwk()], |_| {});
    let KeySource::Fixed(set) = &keys.issuers[0].source else { panic!("the keys come from a file") };
    let claims = keys.verify(&signer.sign(&claims())).await.unwrap();
    let times = |ends: i64| {
        let all = but(json!({ "exp": now().timestamp() + ends }));
        keys.issuers[0].terms.read(all.as_object().unwrap(), now()).unwrap().1
    };
    let (short, long) = (times(10), times(3_600));
    for no in 0..3_000 {
        set.verified.remember(&format!("short {no}"), claims.clone(), short, now());
    }
    for no in 0..1_500 {
        set.verified.remember(&format!("long {no}"), claims.clone(), long, now() + TimeDelta::seconds(60));
    }
    assert!(set.verified.len() <= 1_501, "those whose time is over have made room");
    assert!(set.verified.find("long 0", now()).is_some());
    for no in 0..10_000 {
        set.verified.remember(&format!("more {no}"), claims.clone(), long, now());
        assert!(set.verified.len() <= 4_096);
    }
    assert!(set.verified.find("more 9999", now()).is_some());
}

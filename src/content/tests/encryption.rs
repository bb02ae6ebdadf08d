//! Recordings of a tenant with a key of its own, and what comes of it when that ends.

use super::*;
use crate::recording_keys::{self, KeyKind};

/// A certificate whose key for encryption ends in September 2026.
const CERTIFICATE: &str = include_str!("../../recording_keys/kontoret.asc");

async fn house_with_key() -> House {
    let house = House::new().await;
    let registered = recording_keys::register(&house.app, &house.actor, KeyKind::OpenPgp, CERTIFICATE.to_owned()).await;
    assert_eq!(registered.unwrap().algorithm, "Curve25519");
    house
}

#[actix_web::test]
async fn what_is_stored_is_ciphertext_of_another_length() {
    let house = house_with_key().await;
    let content = house.store(&sound(200_000)).await;
    assert_eq!(content.encrypted_for.as_deref(), Some("23A6E1FC3F838A51D0BA3A9AC040643E11E12836"));
    assert_eq!((content.size, content.sha256), (200_000, Some(sha256(&sound(200_000)))));
    let stored = house.read(&content, 0..content.stored_size).await.unwrap();
    assert!(stored.len() > 200_000 && stored.len() as u64 == content.stored_size && !content.is_playable());
    let part = house.read(&content, 100_000..100_010).await.unwrap();
    assert_eq!(part, stored[100_000..100_010]);
}

#[actix_web::test]
async fn with_an_expired_key_nothing_is_stored() {
    let house = house_with_key().await.later(TimeDelta::days(60));
    let refused = house.begin(house.recording()).await;
    assert!(matches!(refused, Err(ContentError::KeyExpired)));
    assert!(house.is_empty().await);
    let attachment = NewContent { kind: ContentKind::Attachment, ..house.recording() };
    assert_eq!(house.store_as(attachment, b"a form").await.encrypted_for, None);
    recording_keys::remove(&house.app, &house.actor).await.unwrap();
    assert_eq!(house.store(b"in clear again").await.encrypted_for, None);
}

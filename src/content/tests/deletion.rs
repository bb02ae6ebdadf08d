//! Content that is deleted, one by one and in batches.

use super::*;

#[tokio::test]
async fn deleted_content_is_unreadable_in_every_copy() {
    let house = House::new().await;
    let content = house.store(&sound(200_000)).await;
    let object = house.objects().await.remove(0);
    let copy = std::fs::read(&object).unwrap();
    delete(&house.app, &house.content_store, &house.actor, content.id).await.unwrap();
    assert!(house.is_empty().await);
    // A backup of object store and archive brings both back: without the key it is of no use.
    std::fs::create_dir(object.parent().unwrap()).unwrap();
    std::fs::write(&object, copy).unwrap();
    let mut tx = house.app.archive.write().await.unwrap();
    sql::insert(&mut tx, house.tenant.id, &content, None).await.unwrap();
    tx.commit().await.unwrap();
    assert!(matches!(house.read(&content, 0..content.size).await, Err(ContentError::Unknown)));
    // The deletion can be repeated.
    delete(&house.app, &house.content_store, &house.actor, content.id).await.unwrap();
    let again = delete(&house.app, &house.content_store, &house.actor, content.id).await;
    assert!(matches!(again, Err(ContentError::Unknown)));
    let actions: Vec<_> = house.events().await.into_iter().map(|event| event.action).collect();
    assert_eq!(actions, ["content.deleted", "content.downloaded", "content.deleted"]);
}

#[tokio::test]
async fn a_batch_deletes_what_was_asked_for_and_only_that() {
    let house = House::new().await;
    let attachment = NewContent { kind: ContentKind::Attachment, ..house.recording() };
    for number in 0..7_u8 {
        house.store(&[number]).await;
        house.store_as(attachment.clone(), &[number]).await;
    }
    let another = house.another_call("cdr-2").await;
    let kept = house.store_as(NewContent { interaction: another, ..house.recording() }, b"kept").await;
    let asked = vec![house.call, RecordId::new()];
    let recordings = Some(vec![ContentKind::Recording]);
    let batch = delete_batch(&house.app, &house.content_store, &house.actor, asked.clone(), recordings).await.unwrap();
    assert_eq!(batch, Deleted { deleted: 7, failures: Vec::new() });
    assert!(house.list().await.iter().all(|content| content.kind == ContentKind::Attachment));
    let batch = delete_batch(&house.app, &house.content_store, &house.actor, asked.clone(), None).await.unwrap();
    assert_eq!((batch.deleted, house.keys().await, house.objects().await.len()), (7, 1, 1));
    let batch = delete_batch(&house.app, &house.content_store, &house.actor, asked, None).await.unwrap();
    assert_eq!(batch, Deleted::default());
    assert_eq!(house.read(&kept, 0..4).await.unwrap(), b"kept");
    let records: Vec<_> = house.events().await.iter().map(|event| (event.action.clone(), event.records)).collect();
    assert_eq!(records[..2], [("content.deleted".to_owned(), 7), ("content.deleted".to_owned(), 7)]);
}

#[tokio::test]
async fn one_batch_at_a_time_and_a_dead_one_ends_by_itself() {
    let house = House::new().await;
    let (tenant, now) = (house.tenant.id, house.app.clock.now());
    let mut tx = house.app.archive.write().await.unwrap();
    sql::take_batch(&mut tx, tenant, ContentId::new(), now, now + TimeDelta::seconds(60)).await.unwrap();
    tx.commit().await.unwrap();
    let batch = delete_batch(&house.app, &house.content_store, &house.actor, vec![house.call], None).await;
    assert!(matches!(batch, Err(ContentError::Busy)));
    let house = house.later(TimeDelta::seconds(61));
    for _ in 0..2 {
        let batch = delete_batch(&house.app, &house.content_store, &house.actor, vec![house.call], None).await;
        assert_eq!(batch.unwrap(), Deleted::default());
    }
}

#[tokio::test]
async fn a_batch_says_what_it_could_not_delete() {
    let house = House::new().await;
    house.store(b"one").await;
    let mut tx = house.app.vault.write().await.unwrap();
    tx.query("ALTER TABLE content_keys RENAME TO content_keys_away").execute().await.unwrap();
    tx.commit().await.unwrap();
    let batch = delete_batch(&house.app, &house.content_store, &house.actor, vec![house.call], None).await.unwrap();
    assert_eq!(batch, Deleted { deleted: 0, failures: vec![(house.call, "internal")] });
    let mut tx = house.app.vault.write().await.unwrap();
    tx.query("ALTER TABLE content_keys_away RENAME TO content_keys").execute().await.unwrap();
    tx.commit().await.unwrap();
    let batch = delete_batch(&house.app, &house.content_store, &house.actor, vec![house.call], None).await.unwrap();
    assert_eq!(batch.deleted, 1);
}

#[tokio::test]
async fn an_object_that_stays_is_of_no_use() {
    let house = House::new().await;
    let content = house.store(b"one").await;
    let object = house.objects().await.remove(0);
    std::fs::remove_file(&object).unwrap();
    std::fs::create_dir_all(object.join("in the way")).unwrap();
    delete(&house.app, &house.content_store, &house.actor, content.id).await.unwrap();
    assert_eq!((house.list().await, house.keys().await), (Vec::new(), 0));
}

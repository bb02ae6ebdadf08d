//! The store of the erasure journal is away, moved, or lacks something: nothing is destroyed, and what can be replayed is.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::harness::{Answer, Part, TestLethe, each_store};

const JOB: &[&str] = &["job", "nightly", "--as-of", "2026-03-03T02:00:00Z", "--json"];

fn request(number: &str) -> Value {
    json!({ "phone_number": number, "to_date": "2026-03-01", "targets": ["archive"] })
}

async fn call(lethe: &TestLethe, external_id: &str) -> Value {
    let call = json!({ "external_id": external_id, "channel": "call", "started_at": "2026-02-10T10:00:00Z",
        "customer": { "phone_number": "91234567" } });
    lethe.record(&call).await;
    lethe.upload(external_id, "recording", b"hello").await
}

async fn delete_content(lethe: &TestLethe, content: &Value) -> Answer {
    let path = format!("/archive/content/{}", content["id"].as_str().unwrap());
    Answer::of(lethe.caller("dpo").call("DELETE", &path)).await
}

async fn status(lethe: &TestLethe) -> Value {
    let ran = lethe.run(&["journal", "status", "--json"]).await;
    serde_json::from_str(ran.stdout.trim()).unwrap_or_else(|_| panic!("{ran:?}"))
}

each_store!(a_journal_that_was_moved_away_is_not_begun_anew, |mut lethe: TestLethe| async move {
    let content = call(&lethe, "a").await;
    lethe.enter_request(&request("91234567")).await;
    let journal = lethe.data_folder().join("journal");
    let aside = journal.with_file_name("aside");
    std::fs::rename(&journal, &aside).unwrap();
    let dpo = lethe.caller("dpo");
    assert_eq!(dpo.post("/anonymize-requests", &request("92345678")).await.problem(503), "unavailable");
    assert_eq!(delete_content(&lethe, &content).await.problem(503), "unavailable");
    let batch = json!({ "interaction_ids": [content["interaction_id"]] });
    assert_eq!(dpo.post("/archive/content/delete-batch", &batch).await.problem(503), "unavailable");
    for folder in ["decisions", "contents"] {
        assert!(!journal.join(folder).exists(), "{folder}: nothing is written to an empty place");
    }
    let _ = std::fs::remove_dir_all(&journal);
    std::fs::rename(&aside, &journal).unwrap();
    lethe.enter_request(&request("92345678")).await;
    delete_content(&lethe, &content).await.expect(204);
    lethe.stop().await;
    assert_eq!(status(&lethe).await["state"], json!("in_step"));
    lethe.run(JOB).await.well();
});

each_store!(a_list_of_content_that_is_missing_or_altered_is_damage, |mut lethe: TestLethe| async move {
    let content = call(&lethe, "a").await;
    delete_content(&lethe, &content).await.expect(204);
    lethe.stop().await;
    let altered = lethe.copy().await;
    let list = |lethe: &TestLethe| {
        let tenant = std::fs::read_dir(lethe.data_folder().join("journal/contents")).unwrap().next().unwrap().unwrap();
        std::fs::read_dir(tenant.path()).unwrap().next().unwrap().unwrap().path()
    };
    std::fs::remove_file(list(&lethe)).unwrap();
    assert_eq!(lethe.run(JOB).await.code(), Some(78));
    assert!(status(&lethe).await["damage"].as_str().unwrap().contains("is missing"));

    let file = list(&altered);
    let mut bytes = std::fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let told = status(&altered).await;
    assert_eq!((&told["state"], told["damage"].is_string()), (&json!("damaged"), true), "{told}");
});

/// The folders of the journal with the wrapped keys of each tenant.
fn folders_of_keys(lethe: &TestLethe) -> Vec<PathBuf> {
    let folders = std::fs::read_dir(lethe.data_folder().join("journal/keys")).unwrap();
    folders.map(|folder| folder.unwrap().path()).collect()
}

fn flip(file: &Path, at: usize) {
    let mut bytes = std::fs::read(file).unwrap();
    bytes[at] ^= 1;
    std::fs::write(file, bytes).unwrap();
}

each_store!(a_key_of_the_journal_that_is_missing_or_altered_is_damage, |mut lethe: TestLethe| async move {
    lethe.enter_request(&request("91234567")).await;
    lethe.stop().await;
    let backup = lethe.copy().await;
    let [first] = folders_of_keys(&lethe).try_into().unwrap();
    lethe.run(&["tenant", "create", "other"]).await.well();
    lethe.serve().await;
    lethe.caller_of("other", "dpo", "kari").post("/anonymize-requests", &request("93456789")).await.expect(201);
    lethe.stop().await;
    assert_eq!(status(&lethe).await["state"], json!("in_step"));
    let second = folders_of_keys(&lethe).into_iter().find(|folder| *folder != first).unwrap();
    let is_damaged = async |why: &str| {
        let told = status(&lethe).await;
        let damage = told["damage"].as_str().unwrap_or_default();
        assert!(told["state"] == "damaged" && damage.contains("keys/") && damage.contains(why), "{told}");
    };
    let names: Vec<_> = std::fs::read_dir(&second).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "one that seals the objects, and one that finds identifiers: {names:?}");
    for name in &names {
        let file = second.join(name);
        let bytes = std::fs::read(&file).unwrap();
        for at in [0, 31, 32, bytes.len() - 1] {
            flip(&file, at);
            is_damaged("it is not the key that was wrapped").await;
            flip(&file, at);
        }
        std::fs::write(&file, std::fs::read(first.join(name)).unwrap()).unwrap();
        is_damaged("it is not the key that was wrapped").await;
        std::fs::remove_file(&file).unwrap();
        is_damaged("it is missing").await;
        std::fs::write(&file, bytes).unwrap();
    }
    assert_eq!(status(&lethe).await["state"], json!("in_step"));

    // A vault from before the tenant was created needs the keys. The master key is the right one, so it is not blamed.
    lethe.restore(&backup, &[Part::Vault]).await;
    for name in &names {
        let file = second.join(name);
        let bytes = std::fs::read(&file).unwrap();
        flip(&file, bytes.len() - 1);
        is_damaged("it is not the key that was wrapped").await;
        let refused = lethe.run(&["replay", "--json"]).await;
        assert_eq!(refused.code(), Some(78), "{refused:?}");
        assert!(refused.stdout.contains("journal_damaged") && !refused.stderr.contains("master_key"), "{refused:?}");
        flip(&file, bytes.len() - 1);
    }
    lethe.run(&["replay"]).await.well();
    assert_eq!(status(&lethe).await["state"], json!("in_step"));
});

each_store!(a_backup_from_before_a_tenant_was_created_is_replayed, |mut lethe: TestLethe| async move {
    call(&lethe, "a").await;
    lethe.enter_request(&request("91234567")).await;
    lethe.stop().await;
    let backup = lethe.copy().await;
    lethe.run(&["tenant", "create", "other"]).await.well();
    lethe.serve().await;
    lethe.caller_of("other", "dpo", "kari").post("/anonymize-requests", &request("93456789")).await.expect(201);
    lethe.stop().await;
    lethe.run(JOB).await.well();
    lethe.restore(&backup, &[Part::Archive]).await;
    assert_eq!(lethe.run(JOB).await.code(), Some(78));
    for command in [
        &["export-archive"] as &[&str],
        &["scan"],
        &["linkability"],
        &["keys", "rotate"],
        &["job", "nightly", "--dry-run"],
    ] {
        assert_eq!(lethe.run(command).await.code(), Some(78), "{command:?} waits for the replay");
    }
    lethe.run(&["replay"]).await.well();
    let told = status(&lethe).await;
    assert_eq!((&told["state"], told["lost_tenants"].as_array().unwrap().len()), (&json!("in_step"), 1), "{told}");
    lethe.run(JOB).await.well();
});

each_store!(an_object_that_nobody_can_read_hides_no_restore, |mut lethe: TestLethe| async move {
    call(&lethe, "a").await;
    lethe.enter_request(&request("91234567")).await;
    lethe.stop().await;
    let backup = lethe.copy().await;
    lethe.run(JOB).await.well();
    lethe.restore(&backup, &[Part::Archive, Part::Vault, Part::Objects]).await;
    std::fs::write(lethe.decisions().last().unwrap(), "no object").unwrap();
    lethe.serve().await;
    assert_eq!(lethe.caller("dpo").get("/me").await.problem(503), "replay_needed");
    lethe.stop().await;
    assert_eq!(lethe.run(&["replay"]).await.code(), Some(78));
});

//! Delivery to a folder: the deliveries that are made, those that are not, and their reports.

use std::time::Duration;

use lethe::store::{Archive, Db, StoreSettings};
use serde_json::{Value, json};

use super::{
    NUMBER, WORDS, call, calmly, deliver, deliveries, departures, ends, files, files_named, folder_of, operator, pairs,
    set_recordings, set_target, state, states, upload,
};
use crate::harness::{Answer, TestLethe, each_store, signal, until};

async fn into_folder(lethe: &TestLethe) {
    set_target(lethe, &json!({ "url": "file:///calls" })).await.expect(200);
}

each_store!(a_recording_is_delivered_with_its_metadata, |mut lethe: TestLethe| async move {
    calmly(&mut lethe).await;
    let path = call(&lethe, "cdr-1").await;
    let before = upload(&lethe, &path, "recording", WORDS).await;
    into_folder(&lethe).await;
    let item = upload(&lethe, &path, "recording", &WORDS.repeat(10_000)).await;
    upload(&lethe, &path, "attachment", WORDS).await;
    upload(&lethe, &path, "voicemail", WORDS).await;
    assert_eq!(states(&lethe).await.len(), 2, "recordings of before, and what is no recording, are not delivered");
    let told = deliver(&lethe).await.well();
    assert_eq!(told.stdout.trim(), r#"{"delivered":2,"failed":0,"held":0,"cancelled":0,"tenant":"demo"}"#);

    let folder = folder_of(&lethe).join("calls");
    let recordings = pairs(&folder);
    let id = item["id"].as_str().unwrap();
    let stem = format!("20260801T001010Z_{id}");
    let (_, bytes) = recordings.iter().find(|(name, _)| *name == format!("{stem}.wav")).expect("the recording");
    assert!(*bytes == WORDS.repeat(10_000));
    let xml = std::fs::read_to_string(folder.join(format!("{stem}.xml"))).unwrap();
    for told in [
        "<external_id>cdr-1</external_id>",
        "<queue>A &lt;&amp;&gt; B &quot;q&quot;</queue>",
        "<phone_number>+4798765432</phone_number>",
        "<name>Kari Nordmann</name>",
        "<started_at>2026-08-01T00:10:10Z</started_at>",
        &format!("<sha256>{}</sha256>", item["sha256"].as_str().unwrap()),
        &format!("<file_name>{stem}.wav</file_name>"),
        "<kind>recording</kind>",
    ] {
        assert!(xml.contains(told), "{told} in\n{xml}");
    }

    let listed = deliveries(&lethe).await;
    assert_eq!(listed[0]["file_names"], json!([format!("{stem}.wav"), format!("{stem}.xml")]));
    assert_eq!((&listed[0]["state"], &listed[0]["attempts"]), (&json!("delivered"), &json!(1)));
    assert_eq!(listed[0]["content_id"], item["id"]);
    assert!(listed.iter().all(|one| one["content_id"] != before["id"]));
    assert_eq!(departures(&lethe).await, 2);
    let said = lethe.journal().text();
    assert!(!said.contains("98765432") && !said.contains("Nordmann"), "a customer stands in the log");
    // A finished delivery stays finished.
    deliver(&lethe).await.well();
    let retry = format!("/deliveries/{}/retry", listed[0]["id"].as_str().unwrap());
    assert_eq!(operator(&lethe).post(&retry, &Value::Null).await.problem(409), "state_conflict");
    assert_eq!((departures(&lethe).await, pairs(&folder).len()), (2, 2));
});

each_store!(what_was_deleted_or_forgotten_is_not_delivered, |mut lethe: TestLethe| async move {
    calmly(&mut lethe).await;
    into_folder(&lethe).await;
    let (path, other) = (call(&lethe, "cdr-1").await, call(&lethe, "cdr-2").await);
    let deleted = upload(&lethe, &path, "recording", WORDS).await;
    let deleted = format!("/archive/content/{}", deleted["id"].as_str().unwrap());
    Answer::of(lethe.caller("dpo").call("DELETE", &deleted)).await.expect(204);
    assert_eq!(state(&lethe).await, ("cancelled".to_owned(), None));
    upload(&lethe, &other, "recording", WORDS).await;
    let request = json!({ "phone_number": NUMBER, "to_date": "2026-08-02", "targets": ["archive"] });
    lethe.enter_request(&request).await;
    lethe.night("2026-12-01T02:00:00Z").await.well();
    deliver(&lethe).await.well();
    let states = states(&lethe).await;
    assert!(states.iter().all(|(state, _)| state == "cancelled"), "{states:?}");
    assert_eq!(files(&folder_of(&lethe)), []);
    assert_eq!(departures(&lethe).await, 0);
    // A recording that arrives for a forgotten customer is not delivered either.
    upload(&lethe, &other, "recording", WORDS).await;
    deliver(&lethe).await.well();
    assert_eq!(departures(&lethe).await, 0);
});

each_store!(two_workers_share_the_outbox, |mut lethe: TestLethe| async move {
    calmly(&mut lethe).await;
    into_folder(&lethe).await;
    let path = call(&lethe, "cdr-1").await;
    for _ in 0..24 {
        upload(&lethe, &path, "recording", &WORDS.repeat(2_000)).await;
    }
    let workers = (0..3).map(|_| deliver(&lethe));
    let mut delivered = 0;
    for ran in futures_util::future::join_all(workers).await {
        let told = ran.well().stdout;
        for line in told.lines() {
            delivered += serde_json::from_str::<Value>(line).unwrap()["delivered"].as_u64().unwrap();
        }
    }
    assert_eq!(delivered, 24);
    assert_eq!(departures(&lethe).await, 24, "each recording left once");
    assert_eq!(pairs(&folder_of(&lethe).join("calls")).len(), 24);
});

each_store!(a_worker_killed_in_mid_transfer_loses_and_doubles_nothing, |mut lethe: TestLethe| async move {
    calmly(&mut lethe).await;
    into_folder(&lethe).await;
    let path = call(&lethe, "cdr-1").await;
    let bytes = WORDS.repeat(1_500_000);
    upload(&lethe, &path, "recording", &bytes).await;
    let folder = folder_of(&lethe).join("calls");
    let running = lethe.start(&["deliver"]);
    let is_part = |name: &str| ends(name, "part");
    until("the transfer has begun", async || files_named(&folder).iter().any(|name| is_part(name))).await;
    assert!(signal(running.pid, "KILL"));
    assert!(running.end().await.killed());
    let left = files_named(&folder);
    assert!(left.iter().all(|name| is_part(name)), "nothing has its own name yet: {left:?}");
    assert_eq!(state(&lethe).await.0, "pending");
    // No other worker takes the delivery before the claim has ended. Then another one does.
    until("the claim of the killed worker has ended", async || {
        deliver(&lethe).await.well();
        state(&lethe).await.0 != "pending"
    })
    .await;
    assert_eq!(state(&lethe).await.0, "delivered");
    let recordings = pairs(&folder);
    assert!(recordings.len() == 1 && recordings[0].1 == bytes, "one whole recording");
    assert_eq!(deliveries(&lethe).await[0]["attempts"], 2);
});

each_store!(what_is_deleted_in_mid_transfer_gets_no_name, |mut lethe: TestLethe| async move {
    calmly(&mut lethe).await;
    into_folder(&lethe).await;
    let path = call(&lethe, "cdr-1").await;
    let item = upload(&lethe, &path, "recording", &WORDS.repeat(1_500_000)).await;
    let folder = folder_of(&lethe).join("calls");
    let running = lethe.start(&["deliver", "--once"]);
    until("the transfer has begun", async || files_named(&folder).iter().any(|name| ends(name, "part"))).await;
    let content = format!("/archive/content/{}", item["id"].as_str().unwrap());
    Answer::of(lethe.caller("dpo").call("DELETE", &content)).await.expect(204);
    running.end().await.well();
    assert_eq!(state(&lethe).await.0, "cancelled");
    assert_eq!(files_named(&folder), Vec::<String>::new(), "not even a part of it is left");
});

each_store!(an_answer_that_was_lost_does_not_double_a_file, |mut lethe: TestLethe| async move {
    calmly(&mut lethe).await;
    into_folder(&lethe).await;
    let path = call(&lethe, "cdr-1").await;
    upload(&lethe, &path, "recording", WORDS).await;
    deliver(&lethe).await.well();
    // A worker that is killed after the last file got its name and before that was noted leaves this state.
    let settings = StoreSettings {
        url: lethe.archive_url().into(),
        schema: None,
        connections: 1,
        patience: Duration::from_secs(5),
    };
    let archive = Db::<Archive>::open(&settings).await.unwrap();
    let mut tx = archive.write().await.unwrap();
    let undo = "UPDATE deliveries SET state = 'pending', delivered_at = NULL, file_names = '[]'";
    assert_eq!(tx.query(undo).execute().await.unwrap(), 1);
    tx.commit().await.unwrap();
    archive.close().await;

    let folder = folder_of(&lethe).join("calls");
    let before = std::fs::metadata(folder.join(&pairs(&folder)[0].0)).unwrap().modified().unwrap();
    deliver(&lethe).await.well();
    assert_eq!((state(&lethe).await.0, departures(&lethe).await), ("delivered".to_owned(), 1), "it left once");
    assert_eq!(std::fs::metadata(folder.join(&pairs(&folder)[0].0)).unwrap().modified().unwrap(), before);
});

each_store!(without_a_target_deliveries_are_held_until_there_is_one, |mut lethe: TestLethe| async move {
    calmly(&mut lethe).await;
    into_folder(&lethe).await;
    let path = call(&lethe, "cdr-1").await;
    upload(&lethe, &path, "recording", WORDS).await;
    Answer::of(operator(&lethe).call("DELETE", "/tenant/delivery-target")).await.expect(204);
    assert_eq!(operator(&lethe).get("/tenant/delivery-target").await.problem(404), "not_found");
    let again = Answer::of(operator(&lethe).call("DELETE", "/tenant/delivery-target")).await;
    assert_eq!(again.problem(404), "not_found");
    let held = || ("held".to_owned(), Some("target_missing".to_owned()));
    assert_eq!(state(&lethe).await, held());
    let id = deliveries(&lethe).await[0]["id"].as_str().unwrap().to_owned();
    operator(&lethe).post(&format!("/deliveries/{id}/retry"), &Value::Null).await.expect(200);
    assert_eq!(deliver(&lethe).await.code(), Some(2));
    assert_eq!(state(&lethe).await, held());
    into_folder(&lethe).await;
    deliver(&lethe).await.well();
    assert_eq!(state(&lethe).await, ("delivered".to_owned(), None));
    let pages = operator(&lethe);
    assert_eq!(pages.get("/deliveries?state=delivered").await.json()["items"].as_array().unwrap().len(), 1);
    assert_eq!(pages.get("/deliveries?state=held").await.json()["items"], json!([]));
    assert_eq!(pages.get("/deliveries?state=lost").await.mistakes(), ["state format"]);
});

each_store!(the_server_of_development_mode_delivers_by_itself, |mut lethe: TestLethe| async move {
    lethe.stop().await;
    lethe.set("DELIVERY__INTERVAL", "1");
    lethe.serve().await;
    into_folder(&lethe).await;
    let path = call(&lethe, "cdr-1").await;
    upload(&lethe, &path, "recording", WORDS).await;
    until("the recording is delivered", async || state(&lethe).await.0 != "pending").await;
    assert_eq!(state(&lethe).await.0, "delivered");
    assert_eq!(pairs(&folder_of(&lethe).join("calls")).len(), 1);
    lethe.stop().await;
});

each_store!(a_target_says_what_is_wrong_with_it, |mut lethe: TestLethe| async move {
    calmly(&mut lethe).await;
    let host_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    let login = "lethe@files.example";
    for (target, mistake) in [
        (json!({ "url": "sftp://lethe:geheim@files.example/" }), "/url format"),
        (json!({ "url": "http://files.example/" }), "/url format"),
        (json!({ "url": "file:///../../etc" }), "/url format"),
        (json!({ "url": "file:///calls", "password": "geheim" }), "/password format"),
        (json!({ "url": "file:///calls", "rename": false }), "/rename format"),
        (json!({ "url": format!("sftp://{login}/") }), "/password required"),
        (json!({ "url": format!("sftp://{login}/"), "password": "geheim" }), "/host_key required"),
        (json!({ "url": format!("sftp://{login}/"), "password": "geheim", "host_key": "geheim" }), "/host_key format"),
        (
            json!({ "url": format!("sftp://{login}/"), "private_key": "geheim", "host_key": host_key }),
            "/private_key format",
        ),
        (json!({ "url": format!("sftp://{login}/"), "private_key": "x", "password": "geheim" }), "/host_key required"),
        (json!({ "url": format!("ftps://{login}/") }), "/password required"),
        (json!({ "url": format!("ftps://{login}/"), "password": "geheim\r\nDELE x" }), "/password format"),
        (json!({ "url": format!("ftps://{login}/"), "password": "geheim", "host_key": host_key }), "/host_key format"),
        (json!({ "url": format!("ftp://{login}/"), "password": "geheim" }), "/url plain_ftp_not_allowed"),
        (json!({ "url": "s3://calls/", "password": "geheim" }), "/access_key_id required"),
        (
            json!({ "url": "s3://calls/", "password": "geheim", "access_key_id": "a", "endpoint": "file:///" }),
            "/endpoint format",
        ),
    ] {
        let refused = set_target(&lethe, &target).await;
        assert_eq!(refused.mistakes(), [mistake], "{target}");
        assert!(!refused.text.contains("geheim") && !refused.text.contains("files.example"), "{}", refused.text);
    }
    set_recordings(&lethe, &json!({ "allow_plain_ftp": true })).await;
    set_target(&lethe, &json!({ "url": format!("ftp://{login}/in/"), "password": "geheim-wort" })).await.expect(200);
    let shown = operator(&lethe).get("/tenant/delivery-target").await.expect(200);
    assert_eq!(shown.json()["url"], "ftp://lethe@files.example:21/in");
    assert!(!shown.text.contains("geheim"));
    // The setting is read again at each delivery.
    set_recordings(&lethe, &json!({ "allow_plain_ftp": false })).await;
    let path = call(&lethe, "cdr-1").await;
    upload(&lethe, &path, "recording", WORDS).await;
    assert_eq!(deliver(&lethe).await.code(), Some(2));
    assert_eq!(state(&lethe).await, ("held".to_owned(), Some("plain_ftp_not_allowed".to_owned())));
    lethe.stop().await;
    let everything = lethe.folder_bytes();
    assert!(!everything.windows(11).any(|window| window == b"geheim-wort"), "the secret lies somewhere in clear");
    assert!(!lethe.journal().text().contains("geheim"));
});

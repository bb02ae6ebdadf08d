//! Recordings: stored, delivered and deleted through the real program.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::harness::{Answer, Caller, each_store, until};

const WORDS: &[u8] = b"Kari said that nobody will ever read this again. ";

/// A call, and the path of its content.
async fn call(lethe: &crate::harness::TestLethe) -> (String, String) {
    lethe
        .record(&json!({ "external_id": "cdr-1", "channel": "call", "started_at": "2026-08-01T00:10:10Z",
            "customer": { "phone_number": "004798765432" } }))
        .await;
    let found = lethe.search(&json!({})).await;
    let id = found["items"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/archive/interactions/{id}/content");
    (id, path)
}

async fn upload(caller: &Caller, path: &str, bytes: &[u8]) -> Value {
    caller.post_raw(&format!("{path}?kind=recording"), "audio/wav", bytes).await.expect(201).json()
}

fn at(item: &Value) -> String {
    format!("/archive/content/{}", item["id"].as_str().unwrap())
}

each_store!(a_recording_is_kept_sealed_delivered_and_deleted, |mut lethe: TestLethe| async move {
    let (id, path) = call(&lethe).await;
    let (sender, officer) = (lethe.caller("integration"), lethe.caller("dpo"));
    let bytes = WORDS.repeat(100_000);
    let item = upload(&sender, &path, &bytes).await;
    let other = upload(&sender, &path, WORDS).await;
    assert_eq!(item["size"], json!(bytes.len()));
    let items = officer.get(&path).await.expect(200).json();
    assert_eq!((&items["items"], &items["next_cursor"]), (&json!([item, other]), &Value::Null));

    let download = officer.call("GET", &format!("{}/download", at(&item))).send().await.unwrap();
    assert_eq!(download.content_length(), Some(bytes.len() as u64));
    assert!(download.bytes().await.unwrap() == bytes);
    let part = officer.call("GET", &format!("{}/play", at(&item))).header("range", "bytes=131070-131075");
    let part = Answer::of(part).await.expect(206);
    assert_eq!(part.text.as_bytes(), &bytes[131_070..131_076]);
    let head = Answer::of(officer.call("HEAD", &format!("{}/download", at(&item)))).await.expect(200);
    assert_eq!(head.header("content-length"), Some(bytes.len().to_string().as_str()));

    let ticket = Answer::of(officer.call("POST", &format!("{}/ticket", at(&other)))).await.expect(201).json();
    let nobody = lethe.caller_with(None);
    let url = format!("/{}", ticket["url"].as_str().unwrap());
    for _ in 0..2 {
        let part = Answer::of(nobody.call("GET", &url).header("range", "bytes=1-3")).await.expect(206);
        assert_eq!(part.text.as_bytes(), &WORDS[1..4], "a player fetches a recording piece by piece");
    }
    assert_eq!(nobody.get(&url).await.expect(200).text.as_bytes(), WORDS);
    let range = nobody.call("GET", &url).header("range", "bytes=1-3");
    assert_eq!(Answer::of(range).await.problem(404), "not_found", "the whole was given once");
    assert_eq!(nobody.get(&url).await.problem(404), "not_found");
    let tag = Answer::of(officer.call("GET", &format!("{}/download", at(&other)))).await.expect(200);
    let tag = tag.header("etag").unwrap().to_owned();
    for known in [tag.as_str(), "*", &format!("\"x\", W/{tag}")] {
        let same = officer.call("GET", &format!("{}/download", at(&other))).header("if-none-match", known);
        let same = Answer::of(same.header("range", "bytes=0-1")).await.expect(304);
        assert_eq!((same.header("etag"), same.text.as_str()), (Some(tag.as_str()), ""));
    }
    let changed = officer.call("GET", &format!("{}/download", at(&other))).header("if-none-match", "\"x\"");
    assert_eq!(Answer::of(changed).await.expect(200).text.as_bytes(), WORDS);

    Answer::of(officer.call("DELETE", &at(&item))).await.expect(204);
    assert_eq!(officer.get(&format!("{}/download", at(&item))).await.problem(404), "not_found");
    let batch = json!({ "interaction_ids": [id, other["id"]], "kinds": null });
    let deleted = officer.post("/archive/content/delete-batch", &batch).await.expect(200).json();
    assert_eq!(deleted, json!({ "deleted": 1, "failures": [] }));
    assert_eq!(officer.get(&path).await.expect(200).json()["items"], json!([]));
    let audited = officer.get("/audit-events").await.expect(200).json();
    let actions: Vec<_> = audited["items"].as_array().unwrap().iter().map(|event| event["action"].clone()).collect();
    assert_eq!(actions.iter().filter(|action| **action == "content.deleted").count(), 2);
    lethe.stop().await;
    let folder = lethe.folder_bytes();
    assert!(!folder.windows(20).any(|window| window == &WORDS[..20]));
});

each_store!(an_upload_that_breaks_off_leaves_nothing, |lethe: TestLethe| async move {
    let (_, path) = call(&lethe).await;
    let sender = lethe.caller("integration");
    let address = lethe.address();
    let mut line = tokio::net::TcpStream::connect(address.trim_start_matches("http://")).await.unwrap();
    let head = format!(
        "POST /api/v1{path}?kind=recording HTTP/1.1\r\nHost: lethe\r\nAuthorization: Bearer {}\r\n\
         Content-Type: audio/wav\r\nContent-Length: 9000000\r\n\r\n",
        sender.token()
    );
    line.write_all(head.as_bytes()).await.unwrap();
    line.write_all(&WORDS.repeat(100_000)).await.unwrap();
    line.shutdown().await.unwrap();
    let _ = line.read_to_end(&mut Vec::new()).await;
    drop(line);

    assert_eq!(lethe.caller("dpo").get(&path).await.expect(200).json()["items"], json!([]));
    until("the bytes of the broken upload are gone", async || lethe.folder_bytes().len() < 4_000_000).await;
});

each_store!(of_many_deletions_at_once_each_is_whole_or_refused, |lethe: TestLethe| async move {
    let (id, path) = call(&lethe).await;
    let (sender, officer) = (lethe.caller("integration"), lethe.caller("dpo"));
    for _ in 0..20 {
        upload(&sender, &path, WORDS).await;
    }
    let batch = json!({ "interaction_ids": [id] });
    let calls = (0..6).map(|_| officer.post("/archive/content/delete-batch", &batch));
    let mut deleted = 0;
    for answer in futures_util::future::join_all(calls).await {
        match answer.status {
            200 => deleted += answer.json()["deleted"].as_u64().unwrap(),
            _ => assert_eq!(answer.problem(429), "too_many_requests"),
        }
    }
    assert_eq!(deleted, 20);
    assert_eq!(officer.get(&path).await.expect(200).json()["items"], json!([]));
});

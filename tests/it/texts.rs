//! Texts of interactions: they are stored without identifiers, and each reader sees the text in their view.

use serde_json::{Value, json};

use crate::harness::{Answer, Caller, Needles, TestLethe, each_store};

const NUMBER: &str = "+4791827364";
const OTHER: &str = "+4740506071";
const ADDRESS: &str = "canary.bird@example.net";
const NAME: &str = "Kanari Fuglesang";

fn needles() -> Needles {
    Needles::new(["91827364", "918 27 364", "40506071", "405 06 071", ADDRESS, "canary.bird", NAME, "Fuglesang"])
}

/// An interaction of the customer, on a day of February.
async fn interaction(lethe: &TestLethe, id: &str, day: u32) -> String {
    lethe
        .record(&json!({ "external_id": id, "channel": "chat", "started_at": format!("2026-02-{day:02}T10:00:00Z"),
            "customer": { "phone_number": NUMBER, "email": ADDRESS, "name": NAME } }))
        .await;
    let found = lethe.caller("dpo").all("/archive/search", &json!({})).await;
    let item = found.into_iter().find(|item| item["external_id"] == id).unwrap();
    format!("/archive/interactions/{}/content", item["id"].as_str().unwrap())
}

async fn upload(lethe: &TestLethe, path: &str, kind: &str, media_type: &str, text: &str) -> Value {
    let sender = lethe.caller("integration");
    sender.post_raw(&format!("{path}?kind={kind}"), media_type, text).await.expect(201).json()
}

async fn read(caller: &Caller, item: &Value, view: &str) -> Answer {
    let path = format!("/archive/content/{}/download?view={view}", item["id"].as_str().unwrap());
    caller.get(&path).await.expect(200)
}

fn chat() -> Value {
    json!([
        { "speaker": NAME, "at": "2026-02-10T10:00:01Z", "text": "Hei, jeg har nummer 918 27" },
        { "speaker": "agent", "at": "2026-02-10T10:00:05Z", "text": "Takk, Fuglesang" },
        { "speaker": NAME, "at": "2026-02-10T10:00:09Z", "text": "364, og Canary.Bird@example.net. Ring søsteren min, 405 06 071" },
    ])
}

fn chat_with(name: &str, number: &str, address: &str, other: &str) -> Value {
    json!([
        { "speaker": name, "at": "2026-02-10T10:00:01Z", "text": format!("Hei, jeg har nummer {number}") },
        { "speaker": "agent", "at": "2026-02-10T10:00:05Z", "text": format!("Takk, {name}") },
        { "speaker": name, "at": "2026-02-10T10:00:09Z", "text": format!(", og {address}. Ring søsteren min, {other}") },
    ])
}

each_store!(a_chat_is_kept_without_identifiers_and_read_by_view, |mut lethe: TestLethe| async move {
    lethe.stop().await;
    lethe.set("LOG__LEVEL", "trace");
    lethe.set("AUTH__ROLES__SEARCHER", "archive:search,content:read");
    lethe.set("AUTH__ROLES__READER", "content:read");
    lethe.serve().await;
    let path = interaction(&lethe, "c", 10).await;
    let text = chat().to_string();
    let item = upload(&lethe, &path, "chat_log", "application/json", &text).await;
    assert_eq!((&item["size"].is_u64(), &item["playable"]), (&true, &json!(false)));
    assert!(item["sha256"].is_string(), "the answer has the digest of what was sent");

    let officer = lethe.caller("dpo");
    let at = format!("/archive/content/{}", item["id"].as_str().unwrap());
    assert_eq!(officer.get(&at).await.expect(200).json()["sha256"], Value::Null, "and nobody else");
    let shown = read(&officer, &item, "identified").await;
    assert_eq!(shown.json(), chat_with(NAME, NUMBER, ADDRESS, OTHER));
    assert_eq!((shown.header("content-type"), shown.header("repr-digest")), (Some("application/json"), None));
    let customer = lethe.search(&json!({ "view": "pseudonymous" })).await["items"][0]["customer"].clone();
    let tokens = read(&officer, &item, "pseudonymous").await;
    let other = tokens.json()[2]["text"].as_str().unwrap().rsplit(' ').next().unwrap().to_owned();
    let token = |slot: &str| customer[slot].as_str().unwrap().to_owned();
    assert!(other.starts_with("phone_") && other != token("phone_number"));
    assert_eq!(tokens.json(), chat_with(&token("name"), &token("phone_number"), &token("email"), &other));
    let nobody = read(&officer, &item, "anonymized").await;
    assert_eq!(nobody.json(), chat_with("Anonymized", "Anonymized", "Anonymized", "Anonymized"));

    for (role, widest, refused) in [("searcher", &tokens, "identified"), ("reader", &nobody, "pseudonymous")] {
        let caller = lethe.caller(role);
        let shown = caller.get(&format!("{at}/download")).await.expect(200);
        assert_eq!((&shown.text, shown.etag()), (&widest.text, widest.etag()), "{role}");
        assert_eq!(caller.get(&format!("{at}/download?view={refused}")).await.problem(403), "forbidden");
        needles().absent_from(role, shown.text.as_bytes());
    }
    let tags = [shown.etag(), tokens.etag(), nobody.etag()];
    assert!(tags[0] != tags[1] && tags[1] != tags[2] && tags[0] != tags[2]);
    let part =
        |tag: &str| officer.call("GET", &format!("{at}/download")).header("range", "bytes=0-9").header("if-range", tag);
    assert_eq!(Answer::of(part(&tags[0])).await.expect(206).text, shown.text[..10]);
    assert_eq!(Answer::of(part(&tags[1])).await.expect(200).text, shown.text);
    let outside = officer.call("GET", &format!("{at}/download")).header("range", "bytes=99999-");
    assert_eq!(Answer::of(outside).await.problem(416), "range_not_satisfiable");
    assert_eq!(officer.get(&format!("{at}/play")).await.problem(409), "state_conflict");
    let ticket = Answer::of(officer.call("POST", &format!("{at}/ticket"))).await.expect(201).json();
    let by_ticket = || lethe.caller_with(None).call("GET", &format!("/{}", ticket["url"].as_str().unwrap()));
    let shown = Answer::of(by_ticket().header("range", "bytes=0-")).await.expect(206);
    assert_eq!(shown.text, nobody.text, "a ticket shows nobody");
    assert_eq!(Answer::of(by_ticket()).await.problem(404), "not_found", "a text is read once");

    let audited = officer.get("/audit-events?limit=200").await.expect(200);
    let views: Vec<_> = audited.json()["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["action"] == "content.downloaded")
        .map(|event| event["detail"]["view"].clone())
        .collect();
    assert_eq!(views.iter().filter(|view| **view == "identified").count(), 4, "{views:?}");
    needles().absent_from("the audit log", audited.text.as_bytes());
    needles().absent_from("the archive", &lethe.archive_bytes().await);
    needles().absent_from("all files", &lethe.folder_bytes());
    needles().absent_from("what the programs said", lethe.journal().text().as_bytes());
});

each_store!(a_number_over_timed_words_is_found_and_the_cues_stay_cues, |lethe: TestLethe| async move {
    let path = interaction(&lethe, "c", 10).await;
    let cues = format!(
        "WEBVTT\r\n\r\nNOTE call of {NUMBER}\r\n\r\n1\r\n00:00:01.000 --> 00:00:03.000\r\n<v {NAME}><00:00:01.000>nine<00:00:01.500> 91\r\n82<c> 73</c>\r\n\r\n\
         00:00:03.000 --> 00:00:04.000\r\n<v {NAME}>64 it is &amp; bye\r\n"
    );
    let cues = cues.replace("nine<00:00:01.500> 91", "<00:00:01.500> 91");
    let item = upload(&lethe, &path, "transcript", "text/vtt; charset=UTF-8", &cues).await;
    let officer = lethe.caller("dpo");
    let anonymized = read(&officer, &item, "anonymized").await;
    assert_eq!(
        anonymized.text,
        "WEBVTT\r\n\r\nNOTE call of Anonymized\r\n\r\n1\r\n00:00:01.000 --> 00:00:03.000\r\n<v Anonymized><00:00:01.000><00:00:01.500> Anonymized<c></c>\r\n\r\n\
         00:00:03.000 --> 00:00:04.000\r\n<v Anonymized> it is &amp; bye\r\n"
    );
    assert_eq!(anonymized.header("content-type"), Some("text/vtt; charset=utf-8"));
    let identified = read(&officer, &item, "identified").await;
    assert_eq!(
        identified.text,
        anonymized
            .text
            .replace("of Anonymized", &format!("of {NUMBER}"))
            .replace("<v Anonymized", &format!("<v {NAME}"))
            .replace("> Anonymized<", &format!("> {NUMBER}<"))
    );

    let timed = |word| json!({ "word": word, "start": 1.5, "end": 2.0 });
    let words = json!({ "words": [timed("91"), timed("82"), timed("73"), timed("64"), timed("da")] });
    let item = upload(&lethe, &path, "analysis", "application/json", &words.to_string()).await;
    let shown = read(&officer, &item, "identified").await.json();
    let said: Vec<_> = shown["words"].as_array().unwrap().iter().map(|word| word["word"].as_str().unwrap()).collect();
    assert_eq!((said, &shown["words"][0]["start"]), (vec![NUMBER, "", "", "", "da"], &json!(1.5)));

    let plain = upload(&lethe, &path, "comment", "text/plain", "nothing to hide\n").await;
    let at = format!("/archive/content/{}", plain["id"].as_str().unwrap());
    assert_eq!(officer.get(&at).await.expect(200).json(), plain, "a text that names nobody keeps its digest");
    assert_eq!(officer.get(&format!("{at}/download")).await.expect(200).text, "nothing to hide\n");
    needles().absent_from("the archive", &lethe.archive_bytes().await);
});

each_store!(a_container_names_none_of_its_parties, |lethe: TestLethe| async move {
    let path = interaction(&lethe, "c", 10).await;
    let mut vcon = json!({
        "vcon": "0.0.2", "uuid": "0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f11", "created_at": "2026-02-10T10:00:00Z",
        "parties": [{ "tel": "tel:+47-918-27-364", "mailto": format!("mailto:{ADDRESS}"), "name": "Kanari F." }, { "tel": "405 06 071", "name": "Agent" }],
        "dialog": [
            { "type": "text", "start": "2026-02-10T10:00:00Z", "parties": 0, "encoding": "none", "body": "Ring 918 27" },
            { "type": "text", "start": "2026-02-10T10:00:05Z", "parties": 0, "encoding": "base64url", "body": "MzY0LCBoaWxzZW4gS2FuYXJp" },
        ],
    });
    let item = upload(&lethe, &path, "chat_log", "application/vcon+json", &vcon.to_string()).await;
    let shown = read(&lethe.caller("dpo"), &item, "identified").await.json();
    assert_eq!(
        shown["parties"],
        json!([{ "tel": NUMBER, "mailto": ADDRESS, "name": NAME }, { "tel": OTHER, "name": "Agent" }])
    );
    assert_eq!(
        (&shown["dialog"][0]["body"], &shown["dialog"][1]["body"]),
        (&json!(format!("Ring {NUMBER}")), &json!(format!(", hilsen {NAME}")))
    );
    assert_eq!((&shown["dialog"][1]["encoding"], &shown["uuid"]), (&json!("none"), &vcon["uuid"]));
    needles().absent_from("the archive", &lethe.archive_bytes().await);

    let sender = lethe.caller("integration");
    vcon["dialog"][0] = json!({ "type": "recording", "encoding": "base64url", "body": "UklGRg" });
    let refused = sender.post_raw(&format!("{path}?kind=chat_log"), "application/vcon+json", vcon.to_string()).await;
    assert_eq!(refused.mistakes(), ["/dialog/0/body format"]);
    assert!(refused.json()["errors"][0]["detail"].as_str().unwrap().contains("kind recording"));
});

each_store!(a_late_text_arrives_forgotten, |lethe: TestLethe| async move {
    let path = interaction(&lethe, "c", 10).await;
    let later = interaction(&lethe, "later", 20).await;
    lethe.enter_request(&json!({ "phone_number": NUMBER, "to_date": "2026-02-15", "targets": ["archive"] })).await;
    lethe.enter_request(&json!({ "phone_number": OTHER, "to_date": "2026-02-15", "targets": ["archive"] })).await;
    lethe.night("2026-02-16T02:00:00Z").await.well();

    let officer = lethe.caller("dpo");
    let item = upload(&lethe, &path, "chat_log", "application/json", &chat().to_string()).await;
    let expected = chat_with("Anonymized", "Anonymized", "Anonymized", "Anonymized");
    for view in ["identified", "pseudonymous"] {
        assert_eq!(read(&officer, &item, view).await.json(), expected, "{view}");
    }
    let plain = upload(
        &lethe,
        &path,
        "comment",
        "text/plain",
        &format!("Fuglesang, Kanari: ring {NUMBER}\nKunde: ja, Kanari her"),
    )
    .await;
    assert_eq!(
        read(&officer, &plain, "identified").await.text,
        "Anonymized: ring Anonymized\nKunde: ja, Anonymized her"
    );
    let dump = lethe.dump().await;
    let held: Vec<_> = dump
        .rows("mentions")
        .iter()
        .filter(|row| row["target"].as_deref() == Some("4") && row["identifier_id"].is_some())
        .collect();
    assert!(held.is_empty(), "{held:?}");

    // An interaction after the requested day keeps its customer.
    let item = upload(&lethe, &later, "chat_log", "application/json", &chat().to_string()).await;
    assert_eq!(read(&officer, &item, "identified").await.json(), chat_with(NAME, NUMBER, ADDRESS, OTHER));

    // A forgotten customer is also forgotten in the text about another customer.
    lethe.record(&json!({ "external_id": "x", "channel": "call", "started_at": "2026-02-11T10:00:00Z", "customer": { "phone_number": "+4741516171", "name": "Ola Hansen" } })).await;
    let found = officer.all("/archive/search", &json!({ "phone_number": "+4741516171" })).await;
    let path = format!("/archive/interactions/{}/content", found[0]["id"].as_str().unwrap());
    let item = upload(&lethe, &path, "comment", "text/plain", &format!("Ola, +4741516171, about {NUMBER}")).await;
    assert_eq!(read(&officer, &item, "identified").await.text, "Ola Hansen, +4741516171, about Anonymized");

    // If an interaction moves to another day, its texts move too. If its customer arrives forgotten, its texts lose
    // them.
    let item = upload(&lethe, &later, "comment", "text/plain", &format!("Kanari, {NUMBER}")).await;
    let moved = interaction(&lethe, "later", 12).await;
    assert_eq!(moved, later);
    assert_eq!(read(&officer, &item, "identified").await.text, "Anonymized, Anonymized");
    let dump = lethe.dump().await;
    let of_text = |table: &str, column: &str| {
        let id = item["id"].as_str().unwrap().replace('-', "");
        let rows: Vec<_> = dump
            .rows(table)
            .iter()
            .filter(|row| row[column].as_deref().is_some_and(|held| held.replace('-', "").eq_ignore_ascii_case(&id)))
            .cloned()
            .collect();
        rows.iter().map(|row| row["at"].clone().unwrap()).collect::<Vec<_>>()
    };
    let times = [of_text("contents", "id"), of_text("mentions", "record_id")].concat();
    assert!(times.len() == 3 && times.iter().all(|at| at.starts_with("2026-02-12")), "{times:?}");
});

each_store!(a_deleted_text_leaves_nothing, |lethe: TestLethe| async move {
    let path = interaction(&lethe, "c", 10).await;
    let item = upload(&lethe, &path, "chat_log", "application/json", &chat().to_string()).await;
    let other = upload(&lethe, &path, "comment", "text/plain", NUMBER).await;
    let officer = lethe.caller("dpo");
    let of_texts =
        async || lethe.dump().await.rows("mentions").iter().filter(|row| row["target"].as_deref() == Some("4")).count();
    assert_eq!(of_texts().await, 5);
    let at = format!("/archive/content/{}", item["id"].as_str().unwrap());
    Answer::of(officer.call("DELETE", &at)).await.expect(204);
    assert_eq!(of_texts().await, 1);
    assert_eq!(officer.get(&format!("{at}/download")).await.problem(404), "not_found");
    let interaction = other["interaction_id"].clone();
    officer.post("/archive/content/delete-batch", &json!({ "interaction_ids": [interaction] })).await.expect(200);
    let dump = lethe.dump().await;
    assert_eq!((of_texts().await, dump.rows("contents").len(), dump.rows("vault.content_keys").len()), (0, 0, 0));

    // The pass deletes the number that only the text knew from the vault, and no number that is in use.
    let before = dump.rows("vault.identifiers").len();
    lethe.night("2026-02-16T02:00:00Z").await.well();
    assert_eq!(lethe.dump().await.rows("vault.identifiers").len(), before - 1);
});

each_store!(what_is_no_text_of_its_format_is_refused, |lethe: TestLethe| async move {
    let path = interaction(&lethe, "c", 10).await;
    let sender = lethe.caller("integration");
    let send = async |media_type: &str, text: &[u8]| {
        sender.post_raw(&format!("{path}?kind=transcript"), media_type, text).await
    };
    let told = |answer: &Answer| answer.json()["errors"][0]["detail"].as_str().unwrap_or_default().to_owned();
    for (media_type, text, detail) in [
        ("text/plain", &b"91827364\xff"[..], "is not UTF-8 from byte 8 on"),
        ("text/plain", b"9\x001\x008\x002\x007\x003\x006\x004\x00", "line 1 must not hold NUL"),
        ("text/vtt", b"91827364", "line 1 must be WEBVTT"),
        ("text/vtt", b"WEBVTT\n\n91827364\nhi", "line 3 must be followed by the times of a cue"),
        ("application/json", br#"{"91827364":1,"91827364":2}"#, "must name each field of an object once"),
        ("application/vcon", br#"{"parties":[{"tel":"91827364"}]}"#, "must be the version of the vCon"),
    ] {
        let refused = send(media_type, text).await;
        assert_eq!((refused.problem(422), told(&refused)), ("validation_failed".to_owned(), detail.to_owned()));
        needles().absent_from("a refusal", refused.text.as_bytes());
    }
    let broken = send("application/json", b"[\"91827364\",\n").await;
    assert_eq!(
        (broken.problem(400), broken.json()["detail"].clone()),
        ("json_invalid".to_owned(), json!("The text is not JSON from line 2, column 1 on. Correct it there."))
    );
    for media_type in ["application/octet-stream", "text/css", "audio/wav", "text/plain; charset=latin1"] {
        assert_eq!(send(media_type, b"hi").await.problem(415), "media_type_unsupported", "{media_type}");
    }
    assert_eq!(send("text/plain", &vec![b' '; (16 << 20) + 1]).await.problem(413), "too_large");
    let digest = sender.call("POST", &format!("{path}?kind=comment")).header("content-type", "text/plain");
    let digest = digest.header("content-digest", "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:").body("hi");
    assert_eq!(Answer::of(digest).await.mistakes(), ["Content-Digest digest_mismatch"]);
    let nowhere = "/archive/interactions/0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f11/content?kind=comment";
    assert_eq!(sender.post_raw(nowhere, "text/plain", "hi").await.problem(404), "not_found");
    let dump = lethe.dump().await;
    assert_eq!((dump.rows("contents").len(), dump.rows("vault.content_keys").len()), (0, 0));
    assert_eq!(dump.rows("vault.identifiers").len(), 3);
});

each_store!(a_tenant_can_demand_a_purpose_for_identified_texts, |lethe: TestLethe| async move {
    let path = interaction(&lethe, "c", 10).await;
    let item = upload(&lethe, &path, "comment", "text/plain", NUMBER).await;
    let admin = lethe.caller("admin");
    let tag = admin.get("/tenant").await.expect(200).etag();
    admin.patch("/tenant", &tag, &json!({ "purpose_required": true })).await.expect(200);
    let officer = lethe.caller("dpo");
    let at = format!("/archive/content/{}/download", item["id"].as_str().unwrap());
    let refused = officer.get(&at).await;
    assert_eq!(
        (refused.problem(403), &refused.json()["errors"][0]["parameter"]),
        ("purpose_required".to_owned(), &json!("Access-Reason"))
    );
    assert!(read(&officer, &item, "pseudonymous").await.text.starts_with("phone_"));
    let reason = officer.call("GET", &at).header("access-reason", format!("complaint of {NUMBER}"));
    assert_eq!(Answer::of(reason).await.expect(200).text, NUMBER);
    let audited = officer.get("/audit-events").await.expect(200).json();
    assert_eq!(audited["items"][0]["purpose"], "complaint of *****");
});

each_store!(a_text_and_its_interaction_happened_at_one_time, |lethe: TestLethe| async move {
    let path = interaction(&lethe, "c", 10).await;
    let move_about = async {
        for day in [11, 12, 13, 14, 15, 16, 17, 18, 19, 20] {
            interaction(&lethe, "c", day).await;
        }
    };
    let text = chat().to_string();
    let write = async {
        for _ in 0..4 {
            let uploads = (0..5).map(|_| upload(&lethe, &path, "chat_log", "application/json", &text));
            futures_util::future::join_all(uploads).await;
        }
    };
    tokio::join!(move_about, write);
    let dump = lethe.dump().await;
    let at = dump.rows("interactions")[0]["at"].clone();
    let of_texts: Vec<_> = dump.rows("mentions").iter().filter(|row| row["target"].as_deref() == Some("4")).collect();
    assert_eq!((dump.rows("contents").len(), of_texts.len()), (20, 80));
    let others: Vec<_> = dump
        .rows("contents")
        .iter()
        .chain(of_texts)
        .filter(|row| row["at"] != at)
        .map(|row| row["at"].clone())
        .collect();
    assert!(others.is_empty(), "{others:?}, not {at:?}");
});

each_store!(signs_and_spread_digits_hide_nobody, |lethe: TestLethe| async move {
    let path = interaction(&lethe, "c", 10).await;
    let cues = "WEBVTT\n\n00:00.000 --> 00:02.000\n918&ensp;27&thinsp;364 canary.bird&#64example.net\n";
    let item = upload(&lethe, &path, "transcript", "text/vtt", cues).await;
    let shown = read(&lethe.caller("dpo"), &item, "anonymized").await.text;
    assert!(shown.ends_with("\nAnonymized Anonymized\n"), "{shown}");
    let item = upload(
        &lethe,
        &path,
        "transcript",
        "application/json",
        r#"{"words":[9,1,8,2,7,3,6,4],"digits":["918",27,"364"]}"#,
    )
    .await;
    needles().absent_from("digits in arrays", read(&lethe.caller("dpo"), &item, "anonymized").await.text.as_bytes());
    let sender = lethe.caller("integration");
    for (kind, media_type, body) in
        [("recording", "application/json", r#"{"text":"91827364"}"#), ("voicemail", "application/vcon+json", "{}")]
    {
        let refused = sender.post_raw(&format!("{path}?kind={kind}"), media_type, body).await;
        assert_eq!(refused.problem(415), "media_type_unsupported");
    }
    let hidden = json!({ "vcon": "0.0.1", "uuid": "0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f21", "parties": [],
        "dialog": [{ "type": "text", "mimetype": "text/plain", "body": "S2FyaSBoZXJlIDkxODI3MzY0" }] });
    let refused = sender.post_raw(&format!("{path}?kind=chat_log"), "application/vcon+json", hidden.to_string()).await;
    assert_eq!(refused.problem(422), "validation_failed");
});

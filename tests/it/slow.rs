//! Slow peers, whether on purpose or not: the service waits for them for a short time, and other peers do not wait at
//! all.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::harness::{Answer, Wire, each_store};

/// Long enough for everything that ends by itself on a busy machine, and a sign that something never ends.
const ENDS: Duration = Duration::from_secs(25);
const DRIP: Duration = Duration::from_millis(100);

/// The announcement of a body.
#[derive(Clone, Copy)]
enum Framing {
    Chunked,
    Length(usize),
}

fn post(path: &str, token: Option<&str>, media_type: &str, framing: Framing) -> String {
    let token = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    let framing = match framing {
        Framing::Chunked => "Transfer-Encoding: chunked".to_owned(),
        Framing::Length(length) => format!("Content-Length: {length}"),
    };
    format!("POST {path} HTTP/1.1\r\nHost: lethe\r\n{token}Content-Type: {media_type}\r\n{framing}\r\n\r\n")
}

/// The output of a server for a body that drips, until the server closes the connection.
async fn dripped(address: &str, head: &str) -> String {
    let mut wire = Wire::connect(address).await.unwrap();
    wire.send(head.as_bytes()).await.unwrap();
    let drop: &[u8] = if head.contains("chunked") { b"1\r\n \r\n" } else { b" " };
    let told = timeout(ENDS, wire.drip(drop, DRIP)).await;
    String::from_utf8(told.unwrap_or_else(|_| panic!("still open: {head}"))).unwrap()
}

#[track_caller]
fn refused(told: &str, status: u16, code: &str) {
    assert!(told.starts_with(&format!("HTTP/1.1 {status} ")), "{told}");
    assert!(told.to_lowercase().contains("\r\nconnection: close\r\n"), "{told}");
    assert!(told.contains(&format!("\"code\":\"{code}\"")), "{told}");
}

each_store!(an_early_refusal_ends_the_connection_while_the_body_drips, |lethe: TestLethe| async move {
    let address = lethe.address();
    let reader = lethe.caller("analyst");
    let sender = lethe.caller("integration");
    let unknown = "/api/v1/archive/interactions/0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f11/content?kind=recording";
    let interactions = "/api/v1/archive/interactions";
    let mut calls = Vec::new();
    for framing in [Framing::Chunked, Framing::Length(100_000)] {
        for (path, token, media_type, status, code) in [
            ("/api/v1/archive/search", None, "application/json", 401, "unauthorized"),
            (interactions, None, "application/x-ndjson", 401, "unauthorized"),
            (unknown, None, "audio/wav", 401, "unauthorized"),
            (interactions, Some(reader.token()), "application/x-ndjson", 403, "forbidden"),
            (unknown, Some(sender.token()), "audio/wav", 404, "not_found"),
            ("/nothing", None, "application/json", 404, "not_found"),
            ("/healthz", None, "application/json", 405, "method_not_allowed"),
            (interactions, Some(sender.token()), "text/csv", 415, "media_type_unsupported"),
        ] {
            calls.push((post(path, token, media_type, framing), status, code));
        }
    }
    let too_large = post(interactions, Some(sender.token()), "application/json", Framing::Length(50 << 20));
    calls.push((too_large, 413, "too_large"));
    let begun = Instant::now();
    let told = join_all(calls.iter().map(|(head, ..)| dripped(&address, head))).await;
    for (told, (_, status, code)) in told.iter().zip(&calls) {
        refused(told, *status, code);
    }
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    lethe.caller("integration").get("/me").await.expect(200);
});

each_store!(a_peer_that_sends_all_before_it_reads_sees_why_it_was_refused, |lethe: TestLethe| async move {
    for framing in [Framing::Chunked, Framing::Length(1 << 20)] {
        let mut wire = Wire::connect(&lethe.address()).await.unwrap();
        wire.send(post("/api/v1/archive/search", None, "application/json", framing).as_bytes()).await.unwrap();
        for _ in 0..64 {
            let piece = vec![b' '; 16 << 10];
            if let Framing::Chunked = framing {
                wire.send(b"4000\r\n").await.unwrap();
                wire.send(&piece).await.unwrap();
                wire.send(b"\r\n").await.unwrap();
            } else {
                wire.send(&piece).await.unwrap();
            }
        }
        refused(&String::from_utf8(wire.rest().await).unwrap(), 401, "unauthorized");
    }
});

async fn interaction(lethe: &crate::harness::TestLethe, external_id: &str) -> String {
    let record = json!({ "external_id": external_id, "channel": "call", "started_at": "2026-02-10T10:00:00Z" });
    lethe.record(&record).await;
    let found = lethe.search(&json!({})).await;
    format!("/api/v1/archive/interactions/{}/content?kind=recording", found["items"][0]["id"].as_str().unwrap())
}

each_store!(a_body_that_drips_is_408_and_one_that_flows_is_taken, |mut lethe: TestLethe| async move {
    lethe.stop().await;
    lethe.set("HTTP__REQUEST_TIMEOUT", "2");
    lethe.serve().await;
    let upload = interaction(&lethe, "a").await;
    let (address, sender, officer) = (lethe.address(), lethe.caller("integration"), lethe.caller("dpo"));
    let token = Some(sender.token());
    let interactions = "/api/v1/archive/interactions";
    let mut heads = Vec::new();
    for framing in [Framing::Chunked, Framing::Length(100_000)] {
        heads.push(post(&upload, token, "audio/wav", framing));
        heads.push(post(interactions, token, "application/x-ndjson", framing));
        heads.push(post(interactions, token, "application/json", framing));
        heads.push(post("/api/v1/archive/search", Some(officer.token()), "application/json", framing));
    }
    let drips = join_all(heads.iter().map(|head| dripped(&address, head)));
    // Six times as long as a call may take, and fast enough in each part of it.
    let flows = async {
        let mut wire = Wire::connect(&address).await.unwrap();
        wire.send(post(interactions, token, "application/x-ndjson", Framing::Chunked).as_bytes()).await.unwrap();
        let line = json!({ "external_id": "b", "channel": "call", "started_at": "2026-02-10T10:00:00Z",
            "attributes": { "note": "x".repeat(20_000) } });
        let line = format!("{line}\n");
        for _ in 0..60 {
            wire.send(format!("{:x}\r\n{line}\r\n", line.len()).as_bytes()).await.unwrap();
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        wire.send(b"0\r\n\r\n").await.unwrap();
        wire.reply().await.unwrap()
    };
    let (told, taken) = tokio::join!(drips, flows);
    for told in told {
        refused(&told, 408, "timeout");
    }
    let report: Value = serde_json::from_slice(&taken.body).unwrap();
    assert_eq!((taken.status, &report["received"]), (200, &json!(60)), "{report}");
});

each_store!(a_stream_has_an_end, |mut lethe: TestLethe| async move {
    lethe.stop().await;
    lethe.set("HTTP__STREAM_TIMEOUT", "3");
    lethe.serve().await;
    let upload = interaction(&lethe, "a").await;
    let sender = lethe.caller("integration");
    let mut wire = Wire::connect(&lethe.address()).await.unwrap();
    let head = post(&upload, Some(sender.token()), "audio/wav", Framing::Length(1 << 30));
    wire.send(head.as_bytes()).await.unwrap();
    let told = timeout(ENDS, wire.drip(&[7; 8 << 10], DRIP)).await.expect("the upload goes on for ever");
    refused(&String::from_utf8(told).unwrap(), 408, "timeout");
});

each_store!(a_request_head_that_drips_ends_the_first_time_and_later, |lethe: TestLethe| async move {
    let address = lethe.address();
    let first = async {
        let wire = Wire::connect(&address).await.unwrap();
        timeout(ENDS, wire.drip(b"G", DRIP)).await.expect("a first head that never ends")
    };
    let later = async {
        let mut wire = Wire::connect(&address).await.unwrap();
        wire.send(b"GET /healthz HTTP/1.1\r\nHost: lethe\r\n\r\n").await.unwrap();
        let reply = wire.reply().await.unwrap();
        assert!(reply.status == 200 && !reply.closes(), "{reply:?}");
        timeout(ENDS, wire.drip(b"G", DRIP)).await.expect("a later head that never ends")
    };
    let (first, later) = tokio::join!(first, later);
    assert!(first.starts_with(b"HTTP/1.1 408 "), "{first:?}");
    assert!(later.is_empty(), "{later:?}");
});

/// Interactions whose attributes are nearly as long as allowed.
fn long_interactions(count: usize) -> String {
    let line = |no: usize| {
        let attributes = json!({ "note": "x".repeat(31_000) });
        let line = json!({ "external_id": format!("long-{no}"), "channel": "call", "started_at": "2026-02-10T10:00:00Z",
            "attributes": attributes });
        format!("{line}\n")
    };
    (0..count).map(line).collect()
}

each_store!(who_does_not_read_the_answer_is_dropped, |mut lethe: TestLethe| async move {
    lethe.stop().await;
    lethe.set("HTTP__REQUEST_TIMEOUT", "2");
    lethe.serve().await;
    lethe.ingest("interactions", long_interactions(60)).await;
    let (address, officer) = (lethe.address(), lethe.caller("dpo"));
    let body = json!({ "limit": 200 }).to_string();
    let head = post("/api/v1/archive/search", Some(officer.token()), "application/json", Framing::Length(body.len()));
    let before = lethe.server().connections();
    let mut readers = Vec::new();
    for _ in 0..10 {
        let mut wire = Wire::narrow(&address).await.unwrap();
        wire.send(format!("{head}{body}").as_bytes()).await.unwrap();
        readers.push(wire);
    }
    for wire in &mut readers {
        assert!(wire.head().await.unwrap().starts_with("HTTP/1.1 200"));
    }
    let begun = Instant::now();
    while lethe.server().connections() > before {
        assert!(begun.elapsed() < ENDS, "{} are open", lethe.server().connections());
        tokio::time::sleep(DRIP).await;
    }
    for wire in readers {
        assert!(wire.rest().await.len() < 500_000, "the whole answer was there");
    }
    officer.post("/archive/search", &json!({ "limit": 200 })).await.expect(200);
});

each_store!(where_all_connections_are_taken_the_one_that_waits_longest_ends, |mut lethe: TestLethe| async move {
    lethe.stop().await;
    lethe.set("HTTP__MAX_CONNECTIONS", "4");
    lethe.serve().await;
    let upload = interaction(&lethe, "a").await;
    let address = lethe.address();
    let mut idle = Vec::new();
    for _ in 0..30 {
        idle.push(Wire::connect(&address).await.unwrap());
    }
    let me = async || Answer::of(lethe.caller("dpo").call("GET", "/me").timeout(ENDS)).await.expect(200);
    me().await;
    drop(idle);

    // Calls are not ended. While the largest number of calls is running, no connection is accepted, and the probes use
    // another listener.
    let sender = lethe.caller("integration");
    let mut busy = Vec::new();
    for _ in 0..4 {
        let mut wire = Wire::connect(&address).await.unwrap();
        let head = post(&upload, Some(sender.token()), "audio/wav", Framing::Length(4));
        wire.send(head.as_bytes()).await.unwrap();
        busy.push(wire);
    }
    let mut other = Wire::connect(&address).await.unwrap();
    other.send(b"GET /healthz HTTP/1.1\r\nHost: lethe\r\n\r\n").await.unwrap();
    for probe in ["/healthz", "/readyz"] {
        let mut wire = Wire::connect(&lethe.server().internal).await.unwrap();
        wire.send(format!("GET {probe} HTTP/1.1\r\nHost: lethe\r\n\r\n").as_bytes()).await.unwrap();
        assert_eq!(timeout(ENDS, wire.reply()).await.unwrap().unwrap().status, 200);
    }
    for wire in &mut busy {
        wire.send(b"RIFF").await.unwrap();
        assert_eq!(wire.reply().await.unwrap().status, 201);
    }
    assert_eq!(timeout(ENDS, other.reply()).await.unwrap().unwrap().status, 200);
});

each_store!(a_page_ends_early_where_its_items_are_long, |lethe: TestLethe| async move {
    let lines = |kind: &str, at: &str, extra: Value, text: &str| -> String {
        let line = |no: usize| {
            let mut line = extra.clone();
            line["external_id"] = json!(format!("{kind}-{no}"));
            line[at] = json!("2026-02-10T10:00:00Z");
            line[text] = match text {
                "comment" => json!("x".repeat(9_900)),
                _ => json!({ "note": "x".repeat(31_000) }),
            };
            format!("{line}\n")
        };
        (0..120).map(line).collect()
    };
    let officer = lethe.caller("dpo");
    for (path, search, lines) in [
        ("interactions", "/archive/search", lines("i", "started_at", json!({ "channel": "call" }), "attributes")),
        (
            "survey-responses",
            "/archive/survey-responses/search",
            lines("s", "answered_at", json!({ "score": 5 }), "comment"),
        ),
        ("raw-events", "/archive/raw-events/search", lines("e", "occurred_at", json!({ "event": "x" }), "attributes")),
    ] {
        assert_eq!(lethe.ingest(path, lines).await["rejected"], json!([]), "{path}");
        let answer = officer.post(search, &json!({ "limit": 200 })).await.expect(200);
        let page = answer.json();
        assert!(answer.text.len() < 600_000 && answer.text.len() > 400_000, "{path}: {}", answer.text.len());
        assert!(page["next_cursor"].is_string(), "{path}");
        let all = officer.all(search, &json!({ "limit": 200 })).await;
        let mut ids: Vec<_> = all.iter().map(|item| item["external_id"].to_string()).collect();
        ids.sort();
        ids.dedup();
        assert_eq!((all.len(), ids.len()), (120, 120), "{path}");
    }
});

/// The times of some searches, the longest last. All of them succeed.
async fn times_of_searches(lethe: &crate::harness::TestLethe) -> Vec<Duration> {
    let officer = lethe.caller("dpo");
    let mut times = Vec::new();
    for _ in 0..200 {
        let begun = Instant::now();
        officer.post("/archive/search", &json!({ "queue": "short", "limit": 50 })).await.expect(200);
        times.push(begun.elapsed());
    }
    times.sort();
    times
}

each_store!(five_hundred_slow_peers_fail_no_call_of_another, |lethe: TestLethe| async move {
    lethe.ingest("interactions", long_interactions(40)).await;
    let short = |no: usize| {
        json!({ "external_id": format!("short-{no}"), "channel": "call", "queue": "short",
            "started_at": "2026-02-10T10:00:00Z", "attributes": { "line": "AA0204" } })
        .to_string()
    };
    lethe.ingest("interactions", (0..50).map(short).collect::<Vec<_>>().join("\n")).await;
    let quiet = times_of_searches(&lethe).await;
    let (address, officer, sender) = (lethe.address(), lethe.caller("dpo"), lethe.caller("integration"));
    let search = json!({ "limit": 200 }).to_string();
    let page = post("/api/v1/archive/search", Some(officer.token()), "application/json", Framing::Length(search.len()));
    let slow_body = |path, media_type| post(path, Some(sender.token()), media_type, Framing::Chunked);
    let kinds = [
        "POST /api/v1/archive/sea".to_owned(),
        slow_body("/api/v1/archive/interactions", "application/json"),
        slow_body("/api/v1/archive/interactions", "application/x-ndjson"),
        format!("{page}{search}"),
    ];
    let mut peers = Vec::new();
    for no in 0..500 {
        let mut wire = Wire::narrow(&address).await.unwrap();
        wire.send(kinds[no % kinds.len()].as_bytes()).await.unwrap();
        if no % kinds.len() == 1 || no % kinds.len() == 2 {
            wire.send(format!("4000\r\n{}\r\n", " ".repeat(0x4000)).as_bytes()).await.unwrap();
        }
        peers.push(wire);
    }
    let busy = times_of_searches(&lethe).await;
    let of = |times: &[Duration]| (times[times.len() / 2], times[times.len() * 99 / 100]);
    eprintln!("median and p99 of a search: quiet {:?}, beside 500 slow peers {:?}", of(&quiet), of(&busy));
    drop(peers);
});

each_store!(what_anybody_can_send_is_no_error_of_the_service, |lethe: TestLethe| async move {
    let long = format!("GET /{} HTTP/1.1\r\nHost: lethe\r\n\r\n", "x".repeat(300_000));
    for request in [
        "GET / HTTP/3.0\r\n\r\n",
        "\0\0\0\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: lethe\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: lethe\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        long.as_str(),
    ] {
        let mut wire = Wire::connect(&lethe.address()).await.unwrap();
        let _ = wire.send(request.as_bytes()).await;
        timeout(ENDS, wire.rest()).await.expect("a bad request that keeps its connection");
    }
    lethe.caller("dpo").get("/me").await.expect(200);
    let journal = lethe.journal().text();
    assert!(!journal.contains("ERROR"), "{journal}");
});

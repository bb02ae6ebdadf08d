//! The memory of the service is bounded by its settings, whatever legal calls arrive side by side.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{Answer, Caller, TestLethe, Wire, each_store, until};

/// The memory of an idle service as it is built for an image, in bytes. The program of the tests is larger.
const IDLE: u64 = 52 << 20;

/// The memory limit of the service in the chart, in bytes.
fn limit_of_the_chart() -> u64 {
    let values = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("helm/lethe/values.yaml")).unwrap();
    let (_, serve) = values.split_once("\nserve:\n").unwrap();
    let (_, limits) = serve.split_once("    limits:\n      memory: ").unwrap();
    limits.split_once("Mi\n").unwrap().0.parse::<u64>().unwrap() << 20
}

/// Lines of interactions, each with attributes of nearly the length that is allowed.
fn lines(name: &str, count: usize, note: &str) -> String {
    let line = |no: usize| {
        let attributes = json!({ "note": note.repeat(31_000 / note.len()) });
        let line = json!({ "external_id": format!("{name}-{no}"), "channel": "call",
            "started_at": "2026-02-10T10:00:00Z", "attributes": attributes });
        format!("{line}\n")
    };
    (0..count).map(line).collect()
}

/// The same as an array.
fn array(name: &str, count: usize) -> String {
    format!("[{}]", lines(name, count, "x").trim_end().replace('\n', ","))
}

fn text(size: usize) -> String {
    let piece = "Agent: and then nine of them went to see the house on the hill\n";
    piece.repeat(size / piece.len())
}

/// Makes a call until it fits, and checks each refusal.
async fn until_it_fits(mut call: impl AsyncFnMut() -> Answer) -> Answer {
    loop {
        let answer = call().await;
        if answer.status != 503 {
            return answer;
        }
        assert_eq!(answer.problem(503), "unavailable");
        assert!(answer.header("retry-after").is_some(), "{}", answer.text);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// The size of each pool, and the bytes that are drawn from it.
async fn drawn(lethe: &TestLethe) -> BTreeMap<String, (u64, u64)> {
    let metrics = lethe.metrics().await;
    let figure = |name: &str, pool: &str| {
        let line = metrics.lines().find_map(|line| line.strip_prefix(&format!("{name}{{pool=\"{pool}\"}} ")));
        line.unwrap_or_else(|| panic!("no {name} of {pool}")).parse::<u64>().unwrap()
    };
    ["texts", "analysis", "arriving", "work", "leaving"]
        .map(|pool| {
            let figures = (figure("lethe_memory_budget_bytes", pool), figure("lethe_memory_drawn_bytes", pool));
            (pool.to_owned(), figures)
        })
        .into()
}

async fn contents_of(lethe: &TestLethe, kind: &str) -> String {
    lethe.record(&json!({ "external_id": "c", "channel": "chat", "started_at": "2026-02-10T10:00:00Z" })).await;
    format!("/archive/interactions/{}/content?kind={kind}", lethe.call_of("c").await.id)
}

async fn post(caller: &Caller, path: &str, media_type: &str, body: &str) -> Answer {
    until_it_fits(async || {
        loop {
            let call = caller.call("POST", path).header("content-type", media_type).body(body.to_owned());
            // A client that is refused while it sends may see only that the connection was closed.
            if let Ok(answer) = Answer::try_of(call).await {
                return answer;
            }
        }
    })
    .await
}

each_store!(calls_that_do_not_fit_wait_or_are_sent_again_and_nothing_stays_drawn, |mut lethe: TestLethe| async move {
    lethe.stop().await;
    lethe.set("MEMORY__BUDGET", "16777216");
    lethe.serve().await;
    let (sender, officer) = (lethe.caller("integration"), lethe.caller("dpo"));
    let (transcript, recording) = (contents_of(&lethe, "transcript").await, contents_of(&lethe, "recording").await);
    let (note, audio) = (text(1_200_000), "RIFF".repeat(300_000));
    let calls = (0..4).map(async |no| {
        let (array, lines) = (array(&format!("a{no}"), 20), lines(&format!("s{no}"), 40, "x"));
        let taken = tokio::join!(
            post(&sender, "/archive/interactions", "application/json", &array),
            post(&sender, "/archive/interactions", "application/x-ndjson", &lines),
            post(&sender, &transcript, "text/plain", &note),
            post(&sender, &recording, "audio/wav", &audio),
            until_it_fits(async || officer.post("/archive/search", &json!({ "limit": 200 })).await),
        );
        assert_eq!((taken.0.json()["created"].clone(), taken.1.status), (json!(20), 200));
        assert_eq!((taken.4.status, taken.3.status), (200, 201));
        let path = format!("/archive/content/{}/download", taken.2.expect(201).json()["id"].as_str().unwrap());
        let shown = until_it_fits(async || officer.get(&path).await).await;
        assert_eq!((shown.status, shown.text.len()), (200, note.len()));
    });
    let mut most = BTreeMap::<String, u64>::new();
    let watch = async {
        loop {
            for (pool, (budget, drawn)) in drawn(&lethe).await {
                assert!(drawn <= budget, "{pool}: {drawn} of {budget}");
                let seen = most.entry(pool).or_default();
                *seen = drawn.max(*seen);
            }
            // A look without a pause would take the processor from the calls.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        _ = join_all(calls) => {}
        () = watch => {}
    }
    assert!(most["arriving"] > 1 << 20 && most["analysis"] > 1 << 20, "{most:?}");
    until("nothing is drawn from the budget", async || drawn(&lethe).await.values().all(|(_, drawn)| *drawn == 0))
        .await;
    // A text that can never fit is refused at once.
    let long = sender.post_raw(&transcript, "text/plain", text(2 << 20)).await;
    assert_eq!(long.problem(413), "too_large");
});

/// A reader of a long page who takes nothing of it.
async fn idle_reader(lethe: &TestLethe) -> Wire {
    let search = json!({ "limit": 200 }).to_string();
    let mut wire = Wire::narrow(&lethe.address()).await.unwrap();
    let head = format!(
        "POST /api/v1/archive/search HTTP/1.1\r\nHost: lethe\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{search}",
        lethe.caller("dpo").token(),
        search.len()
    );
    wire.send(head.as_bytes()).await.unwrap();
    wire
}

each_store!(a_reader_who_takes_nothing_gives_way_to_others, |mut lethe: TestLethe| async move {
    lethe.stop().await;
    lethe.set("MEMORY__BUDGET", "8388608");
    lethe.serve().await;
    lethe.ingest("interactions", lines("page", 40, "x")).await;
    let mut idle = idle_reader(&lethe).await;
    assert!(idle.head().await.unwrap().starts_with("HTTP/1.1 200"));
    let officer = lethe.caller("dpo");
    // A short page needs no room, and a long one has it a second later.
    officer.post("/archive/search", &json!({ "limit": 1 })).await.expect(200);
    assert_eq!(officer.post("/archive/search", &json!({ "limit": 200 })).await.problem(503), "unavailable");
    let page = until_it_fits(async || officer.post("/archive/search", &json!({ "limit": 200 })).await).await;
    assert_eq!(page.expect(200).json()["items"].as_array().unwrap().len(), 16);
    assert!(idle.rest().await.len() < 400_000, "the whole page was there");
});

/// A body that is refused, of the shape that takes the most memory.
fn objects(size: usize) -> String {
    format!("[{}0]", r#"{"a":0},"#.repeat(size / 8))
}

each_store!(the_largest_calls_side_by_side_stay_below_the_limit_of_the_chart, |lethe: TestLethe| async move {
    let (sender, officer) = (lethe.caller("integration"), lethe.caller("dpo"));
    let (transcript, recording) = (contents_of(&lethe, "transcript").await, contents_of(&lethe, "recording").await);
    lethe.ingest("interactions", lines("page", 40, "x")).await;
    let idle = lethe.peak_memory();

    // Readers of long pages, who read nothing.
    let mut readers = Vec::new();
    for _ in 0..150 {
        readers.push(idle_reader(&lethe).await);
    }
    let (long, audio, hostile) = (text((16 << 20) - 64), "RIFF".repeat(1 << 20), objects((2 << 20) - 16));
    let texts = join_all((0..3).map(|_| post(&sender, &transcript, "text/plain", &long)));
    let recordings = join_all((0..40).map(|_| post(&sender, &recording, "audio/wav", &audio)));
    let ingest = async |name: String, count: usize, note: &str| {
        post(&sender, "/archive/interactions", "application/x-ndjson", &lines(&name, count, note)).await
    };
    let plain = join_all((0..8).map(|no| ingest(format!("plain{no}"), 200, "x")));
    let numbers = join_all((0..8).map(|no| ingest(format!("numbers{no}"), 12, "91 23 45 67, ")));
    let bodies = join_all((0..20).map(|_| post(&officer, "/anonymize-requests/batch", "application/json", &hostile)));
    let (texts, recordings, plain, numbers, bodies) = tokio::join!(texts, recordings, plain, numbers, bodies);
    for taken in texts.iter().chain(&recordings) {
        assert_eq!(taken.status, 201, "{}", taken.text);
    }
    for taken in plain.iter().chain(&numbers) {
        assert_eq!((taken.status, taken.json()["rejected"].clone()), (200, json!([])), "{}", taken.text);
    }
    assert!(bodies.iter().all(|refused| refused.status == 422), "{}", bodies[0].text);
    let ids: Vec<Value> = texts.iter().map(|text| text.json()["id"].clone()).collect();
    let shown = join_all(ids.iter().map(async |id| {
        let path = format!("/archive/content/{}/download", id.as_str().unwrap());
        until_it_fits(async || officer.get(&path).await).await.text.len()
    }));
    assert_eq!(shown.await, [long.len(); 3]);
    drop(readers);
    let (more, most) = (lethe.peak_memory() - idle, limit_of_the_chart() - IDLE);
    eprintln!("{} MiB more than idle, of {} MiB", more >> 20, most >> 20);
    assert!(more < most, "{} MiB more than idle, of {} MiB", more >> 20, most >> 20);
});

//! Deliveries of recordings to their tenants, through the real program and to real servers.

mod customers;
mod faults;
mod folder;
mod replies;
mod servers;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::harness::{Answer, Caller, Ran, TestLethe};

/// The content of a recording of these stories.
const WORDS: &[u8] = b"RIFF Kari said that she would like to hear this again. ";

/// The identifiers of a caller of these stories.
const NUMBER: &str = "+4798765432";

/// A stage whose server leaves the outbox to the story, and whose claims end fast.
async fn calmly(lethe: &mut TestLethe) {
    lethe.stop().await;
    lethe.set("DELIVERY__SERVE", "false");
    lethe.set("DELIVERY__LEASE", "1");
    lethe.set("DELIVERY__TIMEOUT", "5");
    // The output of all programs that connect to servers.
    let talkative = "info,sqlx=warn,russh=trace,russh_sftp=trace,rustls=debug,object_store=trace,reqwest=trace";
    lethe.set("LOG__LEVEL", talkative);
    lethe.serve().await;
}

/// A call, and the path of its content.
async fn call(lethe: &TestLethe, external_id: &str) -> String {
    lethe
        .record(
            &json!({ "external_id": external_id, "channel": "call", "direction": "inbound", "queue": "A <&> B \"q\"",
            "started_at": "2026-08-01T00:10:10Z", "ended_at": "2026-08-01T00:12:10Z", "agent_id": "a17",
            "outcome": "answered", "customer": { "phone_number": NUMBER, "name": "Kari Nordmann" } }),
        )
        .await;
    let found = lethe.caller("dpo").all("/archive/search", &json!({})).await;
    let item = found.iter().find(|item| item["external_id"] == external_id).unwrap();
    format!("/archive/interactions/{}/content", item["id"].as_str().unwrap())
}

async fn upload(lethe: &TestLethe, path: &str, kind: &str, bytes: &[u8]) -> Value {
    let path = format!("{path}?kind={kind}");
    lethe.caller("integration").post_raw(&path, "audio/wav", bytes).await.expect(201).json()
}

/// Sets the tenant's target as an operator.
async fn set_target(lethe: &TestLethe, target: &Value) -> Answer {
    Answer::of(lethe.caller("operator").call("PUT", "/tenant/delivery-target").json(target)).await
}

/// Changes the settings of recordings.
async fn set_recordings(lethe: &TestLethe, settings: &Value) {
    let admin = lethe.caller("admin");
    admin.patch("/tenant", "*", &json!({ "recordings": settings })).await.expect(200);
}

/// One attempt for each due entry of the outbox.
async fn deliver(lethe: &TestLethe) -> Ran {
    lethe.run(&["deliver", "--once", "--json"]).await
}

fn operator(lethe: &TestLethe) -> Caller {
    lethe.caller("operator")
}

/// All deliveries, oldest first.
async fn deliveries(lethe: &TestLethe) -> Vec<Value> {
    let page = operator(lethe).get("/deliveries?limit=200").await.expect(200).json();
    assert_eq!(page["next_cursor"], Value::Null);
    let mut items = page["items"].as_array().unwrap().clone();
    items.reverse();
    items
}

/// The state and the last error of each delivery.
async fn states(lethe: &TestLethe) -> Vec<(String, Option<String>)> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    deliveries(lethe).await.iter().map(|one| (text(&one["state"]).unwrap(), text(&one["last_error"]))).collect()
}

/// The one state and error that all deliveries have.
async fn state(lethe: &TestLethe) -> (String, Option<String>) {
    let mut states = states(lethe).await;
    states.dedup();
    assert_eq!(states.len(), 1, "{states:?}");
    states.remove(0)
}

/// The number of times that recordings were opened for a delivery.
async fn departures(lethe: &TestLethe) -> usize {
    let dump = lethe.dump().await;
    let rows = dump.rows("audit_events").iter();
    rows.filter(|row| row["action"].as_deref() == Some("content.delivered")).count()
}

/// The files of a folder with their bytes, sorted by name.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap()))
        .collect();
    files.sort();
    files
}

/// Each recording of a folder has its metadata, and the folder contains nothing else.
fn pairs(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let files = files(folder);
    let (described, recordings): (Vec<_>, Vec<_>) = files.into_iter().partition(|(name, _)| name.contains(".xml"));
    let stem = |name: &str| name.split('.').next().unwrap().to_owned();
    let stems = |files: &[(String, Vec<u8>)]| files.iter().map(|(name, _)| stem(name)).collect::<Vec<_>>();
    assert_eq!(stems(&described), stems(&recordings));
    recordings
}

/// The folder that contains the tenant's targets `file:///`.
fn folder_of(lethe: &TestLethe) -> PathBuf {
    lethe.data_folder().join("deliveries/demo")
}

/// The names of the files of a folder that may not exist yet.
fn files_named(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Whether a name has this ending.
fn ends(name: &str, extension: &str) -> bool {
    Path::new(name).extension().is_some_and(|end| end == extension)
}

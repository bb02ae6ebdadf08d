//! The disk of the embedded databases is full for a while. It is a small file system of the story's own, which is
//! filled and cleared.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{Caller, Store, TestLethe, tell, until};

/// A file system in memory of a few MiB. A drop unmounts it.
struct SmallDisk {
    folder: PathBuf,
}

impl SmallDisk {
    /// Mounts one at a folder. Returns `None` if this is not allowed.
    fn mount(folder: &Path) -> Option<Self> {
        std::fs::create_dir_all(folder).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"]).arg(folder).status();
        if !mounted.is_ok_and(|status| status.success()) {
            eprintln!("SKIPPED: no file system can be mounted here, which root may do; a full disk was not tried");
            return None;
        }
        Some(Self { folder: folder.to_owned() })
    }

    /// Takes all space that is left, and all file names if there are few.
    fn fill(&self) {
        let mut filler = std::fs::File::options().append(true).create(true).open(self.folder.join("filler")).unwrap();
        for size in [64 << 10, 4096, 1] {
            let some = vec![1; size];
            while filler.write_all(&some).is_ok() {}
        }
    }

    /// Frees some bytes.
    fn free(&self, bytes: u64) {
        let filler = std::fs::File::options().write(true).open(self.folder.join("filler")).unwrap();
        let size = filler.metadata().unwrap().len();
        filler.set_len(size.saturating_sub(bytes)).unwrap();
    }

    fn clear(&self) {
        std::fs::remove_file(self.folder.join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // The unmount is lazy, because the program may still have its files open.
        let _ = Command::new("umount").arg("-l").arg(&self.folder).status();
    }
}

fn call(no: usize) -> Value {
    json!([{ "external_id": format!("call-{no}"), "channel": "call", "started_at": "2026-02-01T10:00:00Z",
             "customer": { "phone_number": format!("9123{no:04}"), "name": "Kari Nordmann" },
             "attributes": { "note": format!("call 9123{no:04}, Kari. {}", "x".repeat(3000)) } }])
}

async fn readiness(caller: &Caller) -> u16 {
    caller.get("//readyz").await.status
}

/// Every write is 503 with a time to try again, each time.
async fn is_refused(lethe: &TestLethe) {
    let (caller, integration) = (lethe.caller("dpo"), lethe.caller("integration"));
    for round in 0..4 {
        let refused = integration.post("/archive/interactions", &call(9000 + round)).await;
        assert_eq!(refused.problem(503), "unavailable");
        assert_eq!(refused.header("retry-after"), Some("5"));
        let request = json!({ "phone_number": "91239999", "to_date": "2026-02-15", "targets": ["archive"] });
        assert_eq!(caller.post("/anonymize-requests", &request).await.problem(503), "unavailable");
        assert_eq!(caller.get("/me").await.status, 200, "what needs no disk is served");
    }
    until("the service is not ready", async || readiness(&caller).await == 503).await;
    assert_eq!(caller.get("//healthz").await.status, 200);
}

async fn works(lethe: &TestLethe, no: usize) {
    lethe.caller("integration").post("/archive/interactions", &call(no)).await.expect(200);
    let request = json!({ "phone_number": format!("9123{no:04}"), "to_date": "2026-02-15", "targets": ["archive"] });
    lethe.enter_request(&request).await;
    assert_eq!(lethe.find(&json!({ "phone_number": format!("9123{no:04}") })).await, [format!("call-{no}")]);
}

/// The disk of a story's databases: of both, or of one.
async fn full_and_free_again(mut lethe: TestLethe, archive: bool, vault: bool) {
    lethe.stop().await;
    let Some(disk) = SmallDisk::mount(&lethe.data_folder().with_file_name("small")) else { return };
    let url = |name: &str| format!("sqlite:{}", disk.folder.join(name).display());
    if archive {
        lethe.set("DATABASE__URL", &url("archive.db"));
        lethe.set("CONTENT__FOLDER", disk.folder.join("objects").to_str().unwrap());
    }
    if vault {
        lethe.set("VAULT__URL", &url("vault.db"));
    }
    lethe.serve().await;
    let caller = lethe.caller("dpo");
    for round in 0..2 {
        works(&lethe, round).await;
        assert_eq!(readiness(&caller).await, 200);
        disk.fill();
        // The rest of the logs' files takes some more writes.
        let integration = lethe.caller("integration");
        let mut no = 1000 * (round + 1);
        while integration.post("/archive/interactions", &call(no)).await.status == 200 {
            no += 1;
        }
        is_refused(&lethe).await;
        disk.clear();
        until("the service is ready", async || readiness(&caller).await == 200).await;
        works(&lethe, 100 + round).await;
        for stored in 1000 * (round + 1)..no {
            assert_eq!(
                lethe.find(&json!({ "phone_number": format!("9123{stored:04}") })).await,
                [format!("call-{stored}")]
            );
        }
    }
    // The nightly job works as usual: everything that was acknowledged is there, and nothing is there in part.
    lethe.night("2026-02-16T02:00:00Z").await.well();
    assert_eq!(lethe.find(&json!({ "phone_number": "91230000" })).await, [""; 0]);
    lethe.stop().await;
}

#[test]
fn both_databases_on_a_full_disk() {
    tell(Store::Sqlite, |lethe| full_and_free_again(lethe, true, true));
}

#[test]
fn the_archive_on_a_full_disk() {
    tell(Store::Sqlite, |lethe| full_and_free_again(lethe, true, false));
}

#[test]
fn the_vault_on_a_full_disk() {
    tell(Store::Sqlite, |lethe| full_and_free_again(lethe, false, true));
}

#[test]
fn a_disk_that_fills_and_clears_bit_by_bit() {
    tell(Store::Sqlite, |mut lethe| async move {
        lethe.stop().await;
        let Some(disk) = SmallDisk::mount(&lethe.data_folder()) else { return };
        lethe.serve().await;
        let integration = lethe.caller("integration");
        disk.fill();
        let mut stored = Vec::new();
        for no in 0..60 {
            let told = integration.post("/archive/interactions", &call(no)).await;
            assert!(matches!(told.status, 200 | 503), "{}", told.text);
            if told.status == 200 {
                stored.push(no);
            }
            disk.free(8192);
        }
        assert!(!stored.is_empty() && stored.len() < 60, "{stored:?}");
        disk.clear();
        for no in &stored {
            let found = lethe.find(&json!({ "phone_number": format!("9123{no:04}") })).await;
            assert_eq!(found, [format!("call-{no}")], "what was acknowledged is there");
        }
        for no in 0..60 {
            integration.post("/archive/interactions", &call(no)).await.expect(200);
        }
        let all = lethe.find(&json!({ "view": "identified" })).await;
        assert_eq!(all.len(), 60, "what was refused can be sent again, and nothing is there twice");
        lethe.stop().await;
    });
}

#[test]
fn content_and_jobs_on_a_full_disk() {
    tell(Store::Sqlite, |mut lethe| async move {
        lethe.stop().await;
        let Some(disk) = SmallDisk::mount(&lethe.data_folder()) else { return };
        lethe.serve().await;
        let (caller, integration) = (lethe.caller("dpo"), lethe.caller("integration"));
        works(&lethe, 1).await;
        lethe.night("2026-02-10T02:00:00Z").await.well();
        let path = format!("/archive/interactions/{}/content?kind=recording", lethe.call_of("call-1").await.id);
        let recording = vec![7; 200_000];
        integration.post_raw(&path, "audio/wav", recording.clone()).await.expect(201);
        disk.fill();
        for _ in 0..3 {
            let refused = integration.post_raw(&path, "audio/wav", recording.clone()).await;
            assert_eq!(refused.problem(503), "unavailable");
            assert!(refused.header("retry-after").is_some());
        }
        let text = integration.post_raw(&path.replace("recording", "chat_log"), "text/plain", "Kari: hei").await;
        assert_eq!(text.problem(503), "unavailable");
        assert_eq!(lethe.night("2026-02-16T02:00:00Z").await.code(), Some(75), "a night is tried again");
        assert_eq!(lethe.import(&["--kind", "interactions"], call(7)[0].to_string()).await.code(), Some(75));
        disk.clear();
        until("the service is ready", async || readiness(&caller).await == 200).await;
        integration.post_raw(&path, "audio/wav", recording).await.expect(201);
        let call = lethe.call_of("call-1").await.id;
        let listed = caller.get(&format!("/archive/interactions/{call}/content")).await.expect(200).json();
        assert_eq!(listed["items"].as_array().unwrap().len(), 2, "{listed}");
        lethe.import(&["--kind", "interactions"], self::call(7)[0].to_string()).await.well();
        lethe.night("2026-02-16T02:00:00Z").await.well();
        lethe.stop().await;
    });
}

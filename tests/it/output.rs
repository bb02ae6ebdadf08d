//! Nobody reads the output of the program, or it cannot be written: lost log lines are no error, and lost data are one.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Command, ExitStatus, Stdio};

use serde_json::json;

use crate::harness::{Caller, Store, TestLethe, signal, tell, until};

/// A file that accepts no byte, like a file on a full disk.
fn full() -> File {
    File::options().write(true).open("/dev/full").unwrap()
}

/// A pipe whose reader is closed.
fn closed() -> Stdio {
    let mut reader = Command::new("true").stdin(Stdio::piped()).spawn().unwrap();
    let pipe = reader.stdin.take().unwrap();
    reader.wait().unwrap();
    pipe.into()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Calls of several kinds, each of which writes lines of the log.
async fn make_calls(caller: &Caller) {
    assert_eq!(caller.get("/me").await.status, 200);
    assert_eq!(caller.get("/nowhere").await.status, 404);
    assert_eq!(caller.post("/archive/search", &json!({ "queue": "Sales" })).await.status, 200);
    assert_eq!(caller.post("/archive/search", &json!({ "queue": 7 })).await.status, 422);
    assert_eq!(caller.get("//readyz").await.status, 200);
}

async fn ended(mut server: std::process::Child) -> ExitStatus {
    assert!(signal(server.id(), "TERM"));
    tokio::task::spawn_blocking(move || server.wait().unwrap()).await.unwrap()
}

async fn serves_without_a_log(lethe: &mut TestLethe, stderr: Stdio) {
    let (port, internal) = (free_port(), free_port());
    lethe.set("HTTP__LISTEN", &format!("127.0.0.1:{port}"));
    lethe.set("HTTP__INTERNAL_LISTEN", &format!("127.0.0.1:{internal}"));
    lethe.set("LOG__LEVEL", "trace");
    let token = lethe.run(&["token", "--roles", "dpo,admin"]).await.well().stdout;
    let mut command = lethe.command(&["serve"]);
    let mut server = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr).spawn().unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let caller = Caller::new(client.clone(), &format!("http://127.0.0.1:{port}"), Some(token.trim()));
    let healthz = format!("http://127.0.0.1:{port}/healthz");
    until("the server responds", async || {
        assert!(server.try_wait().unwrap().is_none(), "the server has ended");
        client.get(&healthz).send().await.is_ok()
    })
    .await;
    make_calls(&caller).await;
    let status = ended(server).await;
    assert!(status.success(), "{status}");
}

#[test]
fn a_log_that_cannot_be_written_ends_no_service() {
    tell(Store::Sqlite, |mut lethe| async move {
        lethe.stop().await;
        serves_without_a_log(&mut lethe, full().into()).await;
        serves_without_a_log(&mut lethe, closed()).await;
    });
}

#[test]
fn a_log_whose_reader_goes_away_ends_no_service() {
    tell(Store::Sqlite, |mut lethe| async move {
        lethe.stop().await;
        let token = lethe.run(&["token", "--roles", "dpo,admin"]).await.well().stdout;
        let mut server = lethe.command(&["serve"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(server.stderr.take().unwrap());
        let said = log.lines().map(Result::unwrap).find(|line| line.starts_with("listening on ")).unwrap();
        let address = said.strip_prefix("listening on ").unwrap();
        let caller = Caller::new(reqwest::Client::builder().no_proxy().build().unwrap(), address, Some(token.trim()));
        make_calls(&caller).await;
        let status = ended(server).await;
        assert!(status.success(), "{status}");
    });
}

#[test]
fn a_night_of_which_only_the_first_line_is_read_is_a_whole_night() {
    tell(Store::Sqlite, |lethe| async move {
        let call = json!({ "external_id": "one", "channel": "call", "started_at": "2026-02-01T10:00:00Z",
                           "customer": { "phone_number": "91234567" } });
        lethe.record(&call).await;
        let entered = lethe
            .enter_request(&json!({ "phone_number": "91234567", "to_date": "2026-02-15", "targets": ["archive"] }))
            .await;
        let night = ["job", "nightly", "--as-of", "2026-02-16T02:00:00Z"];
        // `job nightly 2>&1 | head -1` does this: one pipe for both.
        let mut head = Command::new("head").arg("-1").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let pipe = std::os::fd::OwnedFd::from(head.stdin.take().unwrap());
        let mut command = lethe.command(&night);
        command.env("LETHE_LOG__LEVEL", "trace").stdout(pipe.try_clone().unwrap()).stderr(pipe);
        let ran = tokio::task::spawn_blocking(move || command.status().unwrap()).await.unwrap();
        head.wait().unwrap();
        assert_eq!(ran.code(), Some(0));
        assert_eq!(lethe.request(&entered["id"]).await.expect(200).json()["status"], "done");
    });
}

#[test]
fn data_that_cannot_be_written_are_a_failure() {
    tell(Store::Sqlite, |lethe| async move {
        let folder = lethe.data_folder();
        let lines = folder.join("lines");
        std::fs::write(
            &lines,
            "{\"channel\":\"call\",\"started_at\":\"2026-02-01T10:00:00Z\",\"external_id\":\"1\"}\n",
        )
        .unwrap();
        let lines = lines.to_str().unwrap();
        let call = json!({ "external_id": "one", "channel": "call", "started_at": "2026-02-01T10:00:00Z" });
        lethe.record(&call).await;
        let commands: &[&[&str]] = &[
            &["openapi"],
            &["completions", "bash"],
            &["token", "--roles", "dpo"],
            &["sample", "--interactions", "2000", "--days", "5"],
            &["tenant", "list"],
            &["export-archive", "--tenant", "demo"],
            &["export-archive", "--tenant", "demo", "--format", "csv"],
            &["job", "nightly"],
            &["job", "nightly", "--json"],
            &["job", "nightly", "--dry-run"],
            &["deliver", "--once"],
            &["import", lines],
            &["import", "--json", lines],
            &["--help"],
            &["--version"],
        ];
        for arguments in commands {
            let mut command = lethe.command(arguments);
            let lost = command.stdin(Stdio::null()).stdout(full()).stderr(Stdio::piped()).output().unwrap();
            let said = String::from_utf8_lossy(&lost.stderr);
            assert_eq!(lost.status.code(), Some(1), "{arguments:?}: {said}");
            assert!(said.contains("standard output cannot be written"), "{arguments:?}: {said}");
            // This is also true if nobody reads the message.
            let mut command = lethe.command(arguments);
            let lost = command.stdin(Stdio::null()).stdout(full()).stderr(full()).status().unwrap();
            assert_eq!(lost.code(), Some(1), "{arguments:?}");
            // A reader that stops reading is not a failure.
            let mut command = lethe.command(arguments);
            let left = command.stdin(Stdio::null()).stdout(closed()).stderr(closed()).status().unwrap();
            assert_eq!(left.code(), Some(0), "{arguments:?}");
        }
        // A command that fails for another reason has the exit code of that reason.
        let mut command = lethe.command(&["tenant", "bogus"]);
        assert_eq!(command.stdout(full()).stderr(full()).status().unwrap().code(), Some(64));
        let mut command = lethe.command(&["import", "/nowhere"]);
        assert_eq!(command.stdout(closed()).stderr(closed()).status().unwrap().code(), Some(64));
    });
}

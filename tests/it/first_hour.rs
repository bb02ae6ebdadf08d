//! The first hour of a newcomer: the README's tour, the demo, and what the command line says about mistakes.

use std::net::TcpListener;
use std::process::Stdio;

use serde_json::Value;

use crate::harness::{OwnServer, Ran, Store, signal, tell};
use crate::restart::in_production;

/// A command ends with an exit code and says something on standard error.
#[track_caller]
fn says(ran: &Ran, code: i32, words: &str) {
    assert_eq!((ran.code(), ran.stderr.contains(words)), (Some(code), true), "{words}: {}", ran.stderr);
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The block of shell commands below a heading of the README.
fn block_below(heading: &str) -> &'static str {
    let (_, text) = include_str!("../../README.md").split_once(heading).unwrap();
    let (_, block) = text.split_once("```sh\n").unwrap();
    block.split_once("```").unwrap().0
}

#[test]
fn the_tour_works_as_one_block() {
    tell(Store::Sqlite, |mut lethe| async move {
        lethe.stop().await;
        let folder = lethe.data_folder();
        std::fs::create_dir_all(folder.join("target/debug")).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_lethe"), folder.join("target/debug/lethe")).unwrap();
        let (port, internal) = (free_port(), free_port());
        // The program is built already. Each failed call ends the script.
        let tour =
            block_below("## A tour with curl").replace("cargo build\n", "").replace(":8080", &format!(":{port}"));
        let script = format!("set -e -o pipefail\n{tour}\nkill %1\nwait\n");
        let mut command = lethe.shell(&script);
        command.env("LETHE_DATA_DIR", folder.join("tour"));
        command.env("LETHE_HTTP__LISTEN", format!("127.0.0.1:{port}"));
        command.env("LETHE_HTTP__INTERNAL_LISTEN", format!("127.0.0.1:{internal}"));
        command.current_dir(&folder).stdin(Stdio::null());
        let ran = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let (said, errors) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
        assert!(ran.status.success(), "{said}\n{errors}");
        assert!(std::fs::read(folder.join("call.wav")).unwrap().starts_with(b"RIFF"));
        for words in ["Kari Nordmann", "phone_", "1 request done, 0 left waiting; anonymized: archive 1"] {
            assert!(said.contains(words), "{words}: {said}\n{errors}");
        }
        let (_, after) = said.split_once("1 request done").unwrap();
        assert!(after.contains("\"items\": []") && after.contains("call back at Anonymized, Anonymized"), "{after}");
    });
}

#[test]
fn the_demo_shows_the_records_around_the_cutoff() {
    tell(Store::Sqlite, |lethe| async move {
        let folder = lethe.data_folder().join("demo");
        let ran = lethe.run(&["demo", "--once", "--dir", folder.to_str().unwrap()]).await.well();
        let said = ran.stdout;
        assert_eq!(said.matches("started_at (UTC)     channel ").count(), 3, "{said}");
        assert_eq!(said.matches("── up to and including ").count(), 2, "{said}");
        let total =
            |text: &str| text.split(" records in all").next().unwrap().rsplit(' ').next().unwrap().parse::<u32>();
        let (before, after) = said.split_once("After the pass").unwrap();
        let (before, after) = (total(before).unwrap(), total(after).unwrap());
        assert!(before > after && after > 0, "{said}");
        let sum = format!("{before} → {after} records: nobody finds the {} others", before - after);
        assert!(said.contains(&sum) && said.contains("contain the number in clear: no"), "{said}");
        let (_, totals) = said.split_once("The totals are the same as before.").unwrap();
        let (table, linkability) = totals.split_once("\nOf 1000 interactions, ").unwrap();
        let rows: Vec<_> = table.lines().filter(|line| line.starts_with("  ")).collect();
        let head = ["queue", "call", "chat", "email", "sms", "voicemail"];
        assert_eq!(rows[0].split_whitespace().collect::<Vec<_>>(), head, "{table}");
        let counts = rows[1..].iter().flat_map(|row| row[20..].split_whitespace());
        let known: u64 = counts.filter_map(|count| count.parse::<u64>().ok()).sum();
        assert!(rows.len() == 7 && (900..1_000).contains(&known) && table.contains("<5"), "{known}: {table}");
        let alone = |text: &str| text.trim_start_matches("and ").split(' ').next().unwrap().parse::<u32>().unwrap();
        let (second, day) = linkability.split_once(" are alone by second and queue, ").unwrap();
        assert!(day.contains(" by day and queue.") && alone(second) > 900 && alone(day) < 20, "{linkability}");
        assert!(!folder.exists(), "the folder is left");
        lethe.run(&["demo", "--once", "--keep", "--dir", folder.to_str().unwrap()]).await.well();
        assert!(folder.join("archive.db").exists(), "the folder is not kept");
        says(&lethe.run(&["demo", "--once", "--dir", folder.to_str().unwrap()]).await, 64, "a folder that exists");
    });
}

#[test]
fn the_demo_finds_another_port_and_removes_its_folder() {
    tell(Store::Sqlite, |mut lethe| async move {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap().to_string();
        lethe.set("HTTP__LISTEN", &address);
        let folder = lethe.data_folder().join("demo");
        let mut command = lethe.command(&["demo", "--dir", folder.to_str().unwrap()]);
        let mut demo = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let (mut said, mut lines) = (String::new(), std::io::BufReader::new(demo.stdout.take().unwrap()));
        while !said.contains("is removed at the end") {
            assert!(std::io::BufRead::read_line(&mut lines, &mut said).unwrap() > 0, "{said}");
        }
        assert!(said.contains(&format!("Another program listens on {address}")), "{said}");
        // The last line of the invitation carries out the requests that its calls enter.
        let token = said.lines().find_map(|line| line.strip_prefix("export TOKEN=")).unwrap();
        let calls = said.lines().filter(|line| line.starts_with("curl -s "));
        let job = said.lines().find(|line| line.starts_with("LETHE_DATA_DIR=")).unwrap();
        let script = format!("set -e\nTOKEN={token}\n{}\n{job}\n", calls.collect::<Vec<_>>().join("\n"));
        let ran = lethe.shell(&script).output().unwrap();
        let told = String::from_utf8_lossy(&ran.stdout);
        assert!(told.contains("demo: 1 request done, 0 left waiting"), "{told}");
        assert!(signal(demo.id(), "TERM"));
        tokio::task::spawn_blocking(move || demo.wait().unwrap()).await.unwrap();
        assert!(!folder.exists(), "the folder is left");
    });
}

#[test]
fn a_mistake_is_named_with_the_rule_and_an_example() {
    tell(Store::Sqlite, |lethe| async move {
        let nofile = ["--config", "nofile.toml", "tenant", "list"];
        says(&lethe.run(&nofile).await, 78, "the settings file nofile.toml: cannot be read: it does not exist");
        let listen = [("LETHE_HTTP__LISTEN", "8080")];
        let ran = lethe.run_with(&["tenant", "list"], &listen, Vec::new()).await;
        says(&ran, 78, "setting http.listen: must be an IP address and a port, such as 127.0.0.1:8080");
        says(&lethe.run(&["import", "nofile"]).await, 64, "the file nofile cannot be read: it does not exist");
        let other = lethe.import(&["--format", "asterisk-csv"], "a,b\n1,2\n").await;
        says(&other, 2, "line 2 rejected: format: the number of columns");
        says(&other, 2, "no line of - was imported. Each row must have the columns of cdr_csv: accountcode,src,");
        says(&lethe.import(&[], "a,b\n1,2\n").await, 2, "Each line must be one JSON object, such as {\"external_id\"");
        let local = r#"{"external_id":"1","channel":"call","started_at":"2026-08-01T09:00:00"}"#;
        let rule = "at /started_at: must be a time with its offset from UTC, such as 2026-08-01T09:00:00+02:00";
        says(&lethe.import(&[], local).await, 2, rule);
    });
}

#[test]
fn a_database_that_cannot_be_reached_is_named_with_the_reason() {
    tell(Store::Sqlite, |mut lethe| async move {
        lethe.stop().await;
        lethe.set("DATABASE__ACQUIRE_TIMEOUT", "1");
        lethe.set("VAULT__ACQUIRE_TIMEOUT", "1");
        let refused = format!("postgres://lethe@127.0.0.1:{}/archive", free_port());
        let nowhere = "postgres://lethe@nowhere.invalid/archive".to_owned();
        for (url, reason) in [(refused, "the host refuses the connection"), (nowhere, "the host is not found")] {
            for (setting, name) in [("LETHE_DATABASE__URL", "archive"), ("LETHE_VAULT__URL", "vault")] {
                let other = if name == "archive" { "LETHE_VAULT__URL" } else { "LETHE_DATABASE__URL" };
                let settings = [(setting, url.as_str()), (other, "sqlite:other.db")];
                let ran = lethe.run_with(&["job", "nightly"], &settings, Vec::new()).await;
                says(&ran, 75, &format!("the {name} cannot be used: the database is unavailable: {reason}"));
            }
        }
        let server = OwnServer::start();
        let url = format!("{}?sslmode=require", server.restart_on_tcp());
        let ran = lethe.run_with(&["migrate"], &[("LETHE_DATABASE__URL", &url)], Vec::new()).await;
        says(&ran, 75, "TLS failed: check whether the server has TLS on, and sslmode");
    });
}

#[test]
fn a_server_on_an_empty_database_says_what_is_missing() {
    tell(Store::Postgres, |mut lethe| async move {
        in_production(&mut lethe, "0").await;
        let empty = lethe.databases().create_empty().await;
        lethe.set("DATABASE__URL", &empty.url());
        lethe.serve().await;
        let said = lethe.journal().text();
        assert!(said.contains("not ready, so /readyz returns 503: archive: "), "{said}");
        assert!(said.contains("migrations are missing: run lethe migrate"), "{said}");
        let readyz = format!("{}/readyz", lethe.address());
        let problem: Value = reqwest::get(&readyz).await.unwrap().json().await.unwrap();
        assert_eq!(problem["status"], 503, "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains("missing: run lethe migrate"), "{problem}");
        let check = ["healthcheck", "--wait", "1", "--url", &lethe.address()];
        says(&lethe.run(&check).await, 1, "is not ready: The service is not ready: archive: ");
        lethe.run(&["healthcheck", "--url", &lethe.address()]).await.well();
        lethe.run(&["migrate"]).await.well();
        lethe.run(&["healthcheck", "--wait", "--url", &lethe.address()]).await.well();
    });
}

#[test]
fn a_new_tenant_has_the_zone_of_its_region_and_every_setting() {
    tell(Store::Sqlite, |lethe| async move {
        let created = lethe.run(&["tenant", "create", "acme", "--region", "FI"]).await.well();
        assert!(
            created.stdout.contains("slug: \"acme\"\nregion: \"FI\"\ntime_zone: \"Europe/Helsinki\"\n"),
            "{created:?}"
        );
        let several = lethe.run(&["tenant", "create", "other", "--region", "US"]).await;
        says(&several, 64, "--time-zone is required, because the region has several zones");
        let other = ["tenant", "create", "other", "--region", "US", "--time-zone", "America/New_York", "--json"];
        let other: Value = serde_json::from_str(&lethe.run(&other).await.well().stdout).unwrap();
        assert!(other["slug"] == "other" && other["time_zone"] == "America/New_York", "{other}");
        let days = ["tenant", "set", "acme", "--retention-days", "recording=0"];
        says(&lethe.run(&days).await, 64, "--retention-days recording must be 1 to 36500");
        let smallest = ["tenant", "set", "acme", "--min-cell", "0"];
        says(&lethe.run(&smallest).await, 64, "--min-cell must be 1 to 100");
        let late = ["tenant", "set", "acme", "--reveal-minutes", "0"];
        says(&lethe.run(&late).await, 64, "--reveal-minutes must be 1 to 10080");

        let caller = lethe.caller_of("acme", "dpo", "kari");
        let before = caller.get("/tenant").await.expect(200).json();
        let all = "--region SE --time-zone Europe/Stockholm --targets archive --purpose-required true \
                   --request-retention-months 24 --request-retention-paused true \
                   --erasure-retention-months 36 --erasure-retention-paused true --delete-content true --hide-waiting true --own-numbers +46812345* \
                   --dial-out-prefixes 9 --encrypt false --only-encrypt-delivery true --encrypt-metadata true \
                   --allow-plain-ftp true --retention-days recording=90,comment=never --retention-paused true \
                   --min-cell 10 --perturbation true --reveal-approval true --reveal-minutes 30 \
                   --reveal-per-call 5 --reveal-per-day 10 --identified-view by_identifier \
                   --attestation-required true --external-systems Salesforce=CRM=20 --export-approval false \
                   --processing {\"controller\":\"Acme\"}";
        let patterns = ["tenant", "set", "acme", "--patterns", "customer number=KN-?[0-9]{6}"];
        let arguments = [patterns.to_vec(), all.split_whitespace().collect()].concat();
        lethe.run(&arguments).await.well();
        let after = caller.get("/tenant").await.expect(200).json();
        // Each setting that the API shows has an option, and each option had an effect.
        let kept = ["slug", "retention_state"];
        let differ = |before: &Value, after: &Value| {
            for (name, value) in before.as_object().unwrap().iter().filter(|(name, _)| !kept.contains(&name.as_str())) {
                assert_ne!(value, &after[name], "{name}");
            }
        };
        differ(&before, &after);
        differ(&before["recordings"], &after["recordings"]);
        differ(&before["totals"], &after["totals"]);
        differ(&before["reveal"], &after["reveal"]);
    });
}

#[test]
fn the_address_of_the_service_leads_to_its_documentation() {
    tell(Store::Sqlite, |mut lethe| async move {
        lethe.stop().await;
        lethe.set("HTTP__CORS_ORIGINS", "https://crm.example");
        lethe.serve().await;
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let page = client.get(lethe.address()).send().await.unwrap();
        assert_eq!((page.status().as_u16(), page.url().path()), (200, "/docs/"));
        // A page of another origin sees the 404 or 405 of its call, because the preflight succeeds.
        for (path, method) in [("/api/v1/nowhere", "GET"), ("/api/v1/me", "DELETE")] {
            let call = client.request(reqwest::Method::OPTIONS, format!("{}{path}", lethe.address()));
            let call = call.header("Origin", "https://crm.example").header("Access-Control-Request-Method", method);
            let preflight = call.send().await.unwrap();
            assert_eq!(preflight.status(), 204, "{path}");
            let allowed = preflight.headers()["access-control-allow-methods"].to_str().unwrap();
            assert!(allowed.contains(method), "{path}: {allowed}");
            assert_eq!(preflight.headers()["access-control-allow-origin"], "https://crm.example");
        }
    });
}

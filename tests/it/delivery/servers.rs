//! Delivery to real servers: sshd, ProFTPD with TLS, and S3.

use serde_json::{Value, json};

use super::{
    WORDS, call, calmly, deliver, deliveries, departures, ends, files_named, operator, pairs, set_target, state, upload,
};
use crate::harness::servers::{S3, Server, proftpd, proftpd_with, sshd, sshd_with};
use crate::harness::{TestLethe, each_store, signal, until};

/// The target of an sshd, for a key of its folder.
fn by_sftp(server: &Server, key: &str) -> Value {
    let url = format!("sftp://{}@127.0.0.1:{}{}", server.user, server.port, server.inbox().display());
    json!({ "url": url, "private_key": server.text(key), "host_key": server.text("host.pub") })
}

fn by_ftps(server: &Server) -> Value {
    json!({ "url": format!("ftps://lethe@localhost:{}/inbox", server.port), "password": "geheim-wort" })
}

fn by_s3(server: &S3) -> Value {
    json!({ "url": "s3://calls/in", "endpoint": server.address, "access_key_id": "lethe-key", "password": "geheim-wort" })
}

fn failed(word: &str) -> (String, Option<String>) {
    ("pending".to_owned(), Some(word.to_owned()))
}

/// Tries the due deliveries with a target that does not work, and returns their state.
async fn attempt(lethe: &TestLethe, target: &Value) -> (String, Option<String>) {
    set_target(lethe, target).await.expect(200);
    retry_all(lethe).await;
    assert_eq!(deliver(lethe).await.code(), Some(2), "{target}");
    state(lethe).await
}

async fn retry_all(lethe: &TestLethe) {
    for delivery in deliveries(lethe).await {
        let path = format!("/deliveries/{}/retry", delivery["id"].as_str().unwrap());
        operator(lethe).post(&path, &Value::Null).await.expect(200);
    }
}

/// Delivers once with a target that works, whatever failed before.
async fn arrive(lethe: &TestLethe, target: &Value) {
    set_target(lethe, target).await.expect(200);
    retry_all(lethe).await;
    deliver(lethe).await.well();
    assert_eq!(state(lethe).await, ("delivered".to_owned(), None));
}

/// Kills a worker as soon as a part of a file is at the target, and lets another one finish.
async fn kill_in_mid_transfer(lethe: &TestLethe, has_begun: impl Fn() -> bool, is_partial: impl Fn() -> bool) {
    let running = lethe.start(&["deliver"]);
    until("the transfer has begun", async || has_begun()).await;
    assert!(signal(running.pid, "KILL"));
    assert!(running.end().await.killed());
    assert!(!is_partial(), "a file that is not whole has its own name");
    assert_eq!(state(lethe).await.0, "pending");
    until("the claim of the killed worker has ended", async || {
        deliver(lethe).await.well();
        state(lethe).await.0 != "pending"
    })
    .await;
    assert_eq!(state(lethe).await.0, "delivered");
    assert_eq!(deliveries(lethe).await[0]["attempts"], 2);
}

each_store!(recordings_go_to_an_sshd_whose_key_is_pinned, |mut lethe: TestLethe| async move {
    calmly(&mut lethe).await;
    let server = sshd();
    set_target(&lethe, &by_sftp(&server, "user")).await.expect(200);
    let path = call(&lethe, "cdr-1").await;
    let bytes = WORDS.repeat(20_000);
    upload(&lethe, &path, "recording", &bytes).await;

    let mut other = by_sftp(&server, "user");
    other["host_key"] = json!(server.text("stranger.pub"));
    assert_eq!(attempt(&lethe, &other).await, ("held".to_owned(), Some("host_key_mismatch".to_owned())));
    other["host_key"] = json!("SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU");
    assert_eq!(attempt(&lethe, &other).await, ("held".to_owned(), Some("host_key_mismatch".to_owned())));
    assert_eq!(attempt(&lethe, &by_sftp(&server, "stranger")).await, failed("auth_failed"));
    let mut password = by_sftp(&server, "user");
    password["private_key"] = Value::Null;
    password["password"] = json!("geheim-wort");
    assert_eq!(attempt(&lethe, &password).await, failed("auth_failed"));
    let mut missing = by_sftp(&server, "user");
    missing["url"] = json!(format!("{}/nowhere", missing["url"].as_str().unwrap()));
    assert_eq!(attempt(&lethe, &missing).await, failed("folder_missing"));
    let mut nobody = by_sftp(&server, "user");
    nobody["url"] = json!("sftp://lethe@127.0.0.1:1/");
    assert_eq!(attempt(&lethe, &nobody).await, failed("connection_refused"));
    assert_eq!(departures(&lethe).await, 0, "nothing left for a server that was not reached");
    assert_eq!(files_named(&server.inbox()), Vec::<String>::new());

    arrive(&lethe, &by_sftp(&server, "user_rsa")).await;
    let recordings = pairs(&server.inbox());
    assert!(recordings.len() == 1 && recordings[0].1 == bytes);
    assert_eq!(departures(&lethe).await, 1);
    assert!(!lethe.journal().text().contains("PRIVATE KEY"));
});

each_store!(a_fingerprint_pins_any_key_of_an_sshd, |mut lethe: TestLethe| async move {
    calmly(&mut lethe).await;
    let server = sshd_with(&["ed25519", "ecdsa", "rsa"], "");
    set_target(&lethe, &by_sftp(&server, "user")).await.expect(200);
    let path = call(&lethe, "cdr-1").await;
    for name in ["host", "host_ecdsa", "host_rsa"] {
        upload(&lethe, &path, "recording", WORDS).await;
        let listed = std::process::Command::new("ssh-keygen").arg("-lf").arg(server.file(name)).output().unwrap();
        let listed = String::from_utf8(listed.stdout).unwrap();
        let mut target = by_sftp(&server, "user");
        target["host_key"] = json!(listed.split(' ').nth(1).unwrap());
        set_target(&lethe, &target).await.expect(200);
        deliver(&lethe).await.well();
        assert_eq!(state(&lethe).await, ("delivered".to_owned(), None), "{name}");
    }
    // No key of the server has this fingerprint.
    upload(&lethe, &path, "recording", WORDS).await;
    let mut other = by_sftp(&server, "user");
    other["host_key"] = json!("SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU");
    set_target(&lethe, &other).await.expect(200);
    assert_eq!(deliver(&lethe).await.code(), Some(2));
    let held = deliveries(&lethe).await.iter().filter(|one| one["last_error"] == "host_key_mismatch").count();
    assert_eq!((held, pairs(&server.inbox()).len()), (1, 3));
});

each_store!(recordings_go_to_an_sshd_that_renames_nothing, |mut lethe: TestLethe| async move {
    calmly(&mut lethe).await;
    let server = sshd_with(&["ed25519"], "-P posix-rename,rename");
    let mut target = by_sftp(&server, "user");
    set_target(&lethe, &target).await.expect(200);
    let path = call(&lethe, "cdr-1").await;
    upload(&lethe, &path, "recording", &WORDS.repeat(20_000)).await;
    assert_eq!(attempt(&lethe, &target).await, failed("permission"));
    target["rename"] = json!(false);
    arrive(&lethe, &target).await;
    let recordings = pairs(&server.inbox());
    assert!(recordings.len() == 1 && recordings[0].1 == WORDS.repeat(20_000));
    assert!(!files_named(&server.inbox()).iter().any(|name| ends(name, "part")));
    let shown = operator(&lethe).get("/tenant/delivery-target").await.expect(200);
    assert_eq!(shown.json()["rename"], json!(false));
});

each_store!(recordings_go_to_an_sshd_that_lets_nobody_remove_files, |mut lethe: TestLethe| async move {
    calmly(&mut lethe).await;
    let server = sshd_with(&["ed25519"], "-P posix-rename,remove");
    set_target(&lethe, &by_sftp(&server, "stranger")).await.expect(200);
    let path = call(&lethe, "cdr-1").await;
    upload(&lethe, &path, "recording", WORDS).await;
    assert_eq!(attempt(&lethe, &by_sftp(&server, "stranger")).await, failed("auth_failed"));
    // The second attempt looks for what the first one may have left.
    arrive(&lethe, &by_sftp(&server, "user")).await;
    assert_eq!(pairs(&server.inbox()).len(), 1);
    assert!(!files_named(&server.inbox()).iter().any(|name| ends(name, "part")));
});

each_store!(a_worker_to_an_sshd_may_be_killed, |mut lethe: TestLethe| async move {
    calmly(&mut lethe).await;
    let server = sshd();
    set_target(&lethe, &by_sftp(&server, "user")).await.expect(200);
    let path = call(&lethe, "cdr-1").await;
    let bytes = WORDS.repeat(800_000);
    upload(&lethe, &path, "recording", &bytes).await;
    let inbox = server.inbox();
    let part = |name: &String| ends(name, "part");
    let whole = || files_named(&inbox).iter().any(|name| !part(name));
    kill_in_mid_transfer(&lethe, || files_named(&inbox).iter().any(part), whole).await;
    let recordings = pairs(&inbox);
    assert!(recordings.len() == 1 && recordings[0].1 == bytes);
});

each_store!(recordings_go_to_an_ftp_server_over_tls, |mut lethe: TestLethe| async move {
    calmly(&mut lethe).await;
    let server = proftpd();
    set_target(&lethe, &by_ftps(&server)).await.expect(200);
    let path = call(&lethe, "cdr-1").await;
    let bytes = WORDS.repeat(20_000);
    upload(&lethe, &path, "recording", &bytes).await;
    assert_eq!(attempt(&lethe, &by_ftps(&server)).await, failed("certificate_invalid"), "nobody vouches for it");

    lethe.set("DELIVERY__CA_FILE", server.file("ca.pem").to_str().unwrap());
    let mut wrong = by_ftps(&server);
    wrong["url"] = json!(format!("ftps://lethe@127.0.0.1:{}/inbox", server.port));
    assert_eq!(attempt(&lethe, &wrong).await, failed("certificate_invalid"), "it is for another name");
    let mut wrong = by_ftps(&server);
    wrong["password"] = json!("another-word");
    assert_eq!(attempt(&lethe, &wrong).await, failed("auth_failed"));
    let mut missing = by_ftps(&server);
    missing["url"] = json!(format!("ftps://lethe@localhost:{}/nowhere", server.port));
    assert_eq!(attempt(&lethe, &missing).await, failed("folder_missing"));
    assert_eq!(departures(&lethe).await, 0);

    arrive(&lethe, &by_ftps(&server)).await;
    let recordings = pairs(&server.inbox());
    assert!(recordings.len() == 1 && recordings[0].1 == bytes);
    assert!(!lethe.journal().text().contains("geheim-wort"));
});

each_store!(recordings_go_to_an_ftp_server_that_begins_with_tls, |mut lethe: TestLethe| async move {
    calmly(&mut lethe).await;
    let server = proftpd_with("TLSOptions UseImplicitSSL");
    lethe.set("DELIVERY__CA_FILE", server.file("ca.pem").to_str().unwrap());
    let path = call(&lethe, "cdr-1").await;
    let mut target = by_ftps(&server);
    set_target(&lethe, &target).await.expect(200);
    let bytes = WORDS.repeat(20_000);
    upload(&lethe, &path, "recording", &bytes).await;
    target["url"] = json!(format!("ftps+implicit://lethe@127.0.0.1:{}/inbox", server.port));
    assert_eq!(attempt(&lethe, &target).await, failed("certificate_invalid"), "it is for another name");
    target["url"] = json!(format!("ftps+implicit://lethe@localhost:{}/inbox", server.port));
    arrive(&lethe, &target).await;
    let recordings = pairs(&server.inbox());
    assert!(recordings.len() == 1 && recordings[0].1 == bytes);
});

each_store!(an_ftp_server_may_have_a_certificate_that_only_its_target_knows, |mut lethe: TestLethe| async move {
    calmly(&mut lethe).await;
    let server = proftpd();
    let mut target = by_ftps(&server);
    target["host_key"] = json!("SHA256:0a");
    assert_eq!(set_target(&lethe, &target).await.problem(422), "validation_failed");
    target["host_key"] = json!(format!("SHA256:{}", "0a".repeat(32)));
    set_target(&lethe, &target).await.expect(200);
    let path = call(&lethe, "cdr-1").await;
    let bytes = WORDS.repeat(20_000);
    upload(&lethe, &path, "recording", &bytes).await;
    let mismatch = ("held".to_owned(), Some("host_key_mismatch".to_owned()));
    assert_eq!(attempt(&lethe, &target).await, mismatch, "it is another certificate");

    let mut openssl = std::process::Command::new("openssl");
    openssl.args(["x509", "-noout", "-fingerprint", "-sha256", "-in"]).arg(server.file("server.pem"));
    let told = String::from_utf8(openssl.output().unwrap().stdout).unwrap();
    target["host_key"] = json!(format!("SHA256:{}", told.trim().split_once('=').unwrap().1));
    arrive(&lethe, &target).await;
    let recordings = pairs(&server.inbox());
    assert!(recordings.len() == 1 && recordings[0].1 == bytes);
});

each_store!(a_worker_to_an_ftp_server_may_be_killed, |mut lethe: TestLethe| async move {
    calmly(&mut lethe).await;
    let server = proftpd();
    lethe.set("DELIVERY__CA_FILE", server.file("ca.pem").to_str().unwrap());
    set_target(&lethe, &by_ftps(&server)).await.expect(200);
    let path = call(&lethe, "cdr-1").await;
    let bytes = WORDS.repeat(1_000_000);
    upload(&lethe, &path, "recording", &bytes).await;
    let inbox = server.inbox();
    let part = |name: &String| ends(name, "part");
    let whole = || files_named(&inbox).iter().any(|name| !part(name));
    kill_in_mid_transfer(&lethe, || files_named(&inbox).iter().any(part), whole).await;
    let recordings = pairs(&inbox);
    assert!(recordings.len() == 1 && recordings[0].1 == bytes);
});

each_store!(recordings_go_to_a_bucket, |mut lethe: TestLethe| async move {
    calmly(&mut lethe).await;
    let server = S3::start().await;
    set_target(&lethe, &by_s3(&server)).await.expect(200);
    let path = call(&lethe, "cdr-1").await;
    let bytes = WORDS.repeat(200_000);
    upload(&lethe, &path, "recording", &bytes).await;
    let mut wrong = by_s3(&server);
    wrong["password"] = json!("another-word");
    assert_eq!(attempt(&lethe, &wrong).await, failed("permission"));
    assert_eq!(files_named(&server.bucket().join("in")), Vec::<String>::new());

    arrive(&lethe, &by_s3(&server)).await;
    let recordings = pairs(&server.bucket().join("in"));
    assert!(recordings.len() == 1 && recordings[0].1 == bytes);
    assert!(!lethe.journal().text().contains("geheim-wort"));
});

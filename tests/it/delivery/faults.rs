//! Servers that fail, and keys: each failure is reported by a code, and nothing is sent in clear that must not be.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use lethe::store::{Db, StoreSettings, Vault};
use serde_json::{Value, json};

use super::{
    NUMBER, WORDS, call, calmly, deliver, deliveries, departures, ends, files_named, folder_of, operator, pairs,
    set_recordings, set_target, state, upload,
};
use crate::harness::{Answer, Keyring, TestLethe, each_store};

/// The behaviour of an FTP server of the tests when a file is to be written.
#[derive(Clone, Copy, Debug)]
enum Part {
    /// It is silent.
    Silent,
    /// It says at once that it is too busy.
    Busy,
    /// It refuses the file.
    Refusing,
    /// It has no more space after a while.
    Full,
    /// It drops both connections after a while.
    Dropping,
    /// It accepts all bytes, and reports a shorter file.
    Forgetful,
}

/// The messages of these servers. Nothing may ever repeat them.
const SAID: &str = "Kari-Nordmanns-file";

fn play(part: Part) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for line in listener.incoming().flatten() {
            std::thread::spawn(move || drop(serve(&line, part)));
        }
    });
    port
}

fn serve(line: &TcpStream, part: Part) -> std::io::Result<()> {
    let say = |text: &str| -> std::io::Result<()> {
        let mut line = line;
        line.write_all(format!("{text}\r\n").as_bytes())
    };
    match part {
        Part::Silent => return line.try_clone()?.read_to_end(&mut Vec::new()).map(drop),
        Part::Busy => return say(&format!("421 {SAID}")),
        _ => say("220 ready")?,
    }
    let data = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let mut size = 0;
    for command in BufReader::new(line).lines() {
        let command = command?;
        match command.split(' ').next().unwrap_or_default() {
            "USER" => say("331 password")?,
            "PASS" => say("230 in")?,
            "TYPE" => say("200 ok")?,
            "PASV" => {
                let port = data.local_addr()?.port();
                say(&format!("227 passive (127,0,0,1,{},{})", port >> 8, port & 255))?;
            }
            "STOR" if matches!(part, Part::Refusing) => say(&format!("550 {SAID}"))?,
            "STOR" => {
                let (mut file, _) = data.accept()?;
                say("150 go on")?;
                if matches!(part, Part::Forgetful) {
                    size = std::io::copy(&mut file, &mut std::io::sink())? - 1;
                    say("226 done")?;
                    continue;
                }
                file.read_exact(&mut [0; 1_000])?;
                drop(file);
                match part {
                    Part::Full => say(&format!("552 {SAID}"))?,
                    _ => return Ok(()),
                }
            }
            "SIZE" if size > 0 => say(&format!("213 {size}"))?,
            _ => say("550 no such file")?,
        }
    }
    Ok(())
}

each_store!(a_server_that_fails_leaves_the_delivery_for_later, |mut lethe: TestLethe| async move {
    calmly(&mut lethe).await;
    lethe.set("DELIVERY__TIMEOUT", "1");
    set_recordings(&lethe, &json!({ "allow_plain_ftp": true })).await;
    set_target(&lethe, &json!({ "url": "file:///calls" })).await.expect(200);
    let path = call(&lethe, "cdr-1").await;
    upload(&lethe, &path, "recording", &WORDS.repeat(40_000)).await;
    for (part, word) in [
        (Part::Silent, "timeout"),
        (Part::Busy, "busy"),
        (Part::Refusing, "permission"),
        (Part::Full, "quota"),
        (Part::Dropping, "connection_lost"),
        (Part::Forgetful, "quota"),
    ] {
        let target = json!({ "url": format!("ftp://lethe@127.0.0.1:{}/", play(part)), "password": "geheim-wort" });
        set_target(&lethe, &target).await.expect(200);
        let id = deliveries(&lethe).await[0]["id"].as_str().unwrap().to_owned();
        operator(&lethe).post(&format!("/deliveries/{id}/retry"), &Value::Null).await.expect(200);
        assert_eq!(deliver(&lethe).await.code(), Some(2), "{part:?}");
        assert_eq!(state(&lethe).await, ("pending".to_owned(), Some(word.to_owned())), "{part:?}");
        // The delivery is not attempted before its time.
        deliver(&lethe).await.well();
    }
    assert_eq!(deliveries(&lethe).await[0]["attempts"], 6);
    // The delivered file exists once in the end.
    set_target(&lethe, &json!({ "url": "file:///calls" })).await.expect(200);
    let id = deliveries(&lethe).await[0]["id"].as_str().unwrap().to_owned();
    operator(&lethe).post(&format!("/deliveries/{id}/retry"), &Value::Null).await.expect(200);
    deliver(&lethe).await.well();
    assert_eq!(pairs(&folder_of(&lethe).join("calls")).len(), 1);
    lethe.stop().await;
    let everything = [lethe.folder_bytes(), lethe.journal().text().into_bytes()].concat();
    assert!(!everything.windows(SAID.len()).any(|window| window == SAID.as_bytes()), "a server's words were kept");
});

/// Makes a key, registers it, and returns its owner's keyring.
async fn register_key(lethe: &TestLethe) -> Keyring {
    let keys = Keyring::new();
    let fingerprint = keys.primary("Recordings", "ed25519", ("cert", "never"), &[]);
    keys.subkey(&fingerprint, "cv25519", "never", &[]);
    let key = json!({ "kind": "openpgp", "certificate": keys.certificate(&[&fingerprint]) });
    Answer::of(operator(lethe).call("PUT", "/tenant/recording-key").json(&key)).await.expect(200);
    keys
}

each_store!(with_a_key_only_its_owner_opens_what_is_delivered, |mut lethe: TestLethe| async move {
    calmly(&mut lethe).await;
    let keys = register_key(&lethe).await;
    set_recordings(&lethe, &json!({ "encrypt": true, "only_encrypt_delivery": true, "encrypt_metadata": true })).await;
    set_target(&lethe, &json!({ "url": "file:///calls" })).await.expect(200);
    let path = call(&lethe, "cdr-1").await;
    let bytes = WORDS.repeat(10_000);
    let item = upload(&lethe, &path, "recording", &bytes).await;
    assert_eq!(item["playable"], true, "the archive keeps it playable");
    deliver(&lethe).await.well();
    let folder = folder_of(&lethe).join("calls");
    let names = files_named(&folder);
    assert!(names.len() == 2 && names.iter().all(|name| name.ends_with(".wav.pgp") || name.ends_with(".xml.pgp")));
    for name in names {
        let clear = keys.gpg_decrypt(&std::fs::read(folder.join(&name)).unwrap());
        if name.ends_with(".wav.pgp") {
            assert!(clear == bytes);
        } else {
            let xml = String::from_utf8(clear).unwrap();
            assert!(
                xml.contains("<phone_number>+4798765432</phone_number>") && xml.contains("<encrypted_for>"),
                "{xml}"
            );
        }
    }
    // Encryption is off although a key is set, so the recording is in clear.
    set_recordings(&lethe, &json!({ "encrypt": false })).await;
    upload(&lethe, &path, "recording", WORDS).await;
    deliver(&lethe).await.well();
    assert!(files_named(&folder).iter().any(|name| ends(name, "wav")));
});

each_store!(an_expired_key_holds_what_is_to_be_encrypted, |mut lethe: TestLethe| async move {
    calmly(&mut lethe).await;
    let _keys = register_key(&lethe).await;
    set_recordings(&lethe, &json!({ "encrypt": true, "only_encrypt_delivery": true })).await;
    set_target(&lethe, &json!({ "url": "file:///calls" })).await.expect(200);
    let path = call(&lethe, "cdr-1").await;
    upload(&lethe, &path, "recording", WORDS).await;
    expire_key(&lethe, Some("2026-01-01T00:00:00Z")).await;
    assert_eq!(deliver(&lethe).await.code(), Some(2));
    assert_eq!(state(&lethe).await, ("held".to_owned(), Some("recording_key_expired".to_owned())));
    assert_eq!((departures(&lethe).await, files_named(&folder_of(&lethe))), (0, Vec::new()));
    deliver(&lethe).await.well();
    expire_key(&lethe, None).await;
    lethe.run(&["deliver", "--once", "--held"]).await.well();
    assert_eq!(state(&lethe).await.0, "delivered");
    assert!(files_named(&folder_of(&lethe).join("calls")).iter().any(|name| name.ends_with(".wav.pgp")));
});

each_store!(what_waits_for_a_key_goes_for_the_next_one_and_never_in_clear, |mut lethe: TestLethe| async move {
    calmly(&mut lethe).await;
    let _old = register_key(&lethe).await;
    set_recordings(&lethe, &json!({ "only_encrypt_delivery": true, "encrypt_metadata": true })).await;
    set_target(&lethe, &json!({ "url": "file:///calls" })).await.expect(200);
    let path = call(&lethe, "cdr-1").await;
    upload(&lethe, &path, "recording", WORDS).await;
    expire_key(&lethe, Some("2026-01-01T00:00:00Z")).await;
    assert_eq!(deliver(&lethe).await.code(), Some(2));
    Answer::of(operator(&lethe).call("DELETE", "/tenant/recording-key")).await.expect(204);
    assert_eq!(lethe.run(&["deliver", "--once", "--held"]).await.code(), Some(2));
    assert_eq!(state(&lethe).await, ("held".to_owned(), Some("recording_key_expired".to_owned())));
    assert_eq!(files_named(&folder_of(&lethe).join("calls")), Vec::<String>::new());
    let next = register_key(&lethe).await;
    lethe.run(&["deliver", "--once", "--held"]).await.well();
    let folder = folder_of(&lethe).join("calls");
    let files: Vec<_> = files_named(&folder).iter().map(|name| std::fs::read(folder.join(name)).unwrap()).collect();
    assert!(files.len() == 2 && files.iter().any(|bytes| next.gpg_decrypt(bytes) == WORDS));
});

each_store!(every_name_that_a_file_may_have_is_remembered, |mut lethe: TestLethe| async move {
    calmly(&mut lethe).await;
    set_recordings(&lethe, &json!({ "only_encrypt_delivery": true })).await;
    set_target(&lethe, &json!({ "url": "file:///calls" })).await.expect(200);
    let path = call(&lethe, "cdr-1").await;
    let item = upload(&lethe, &path, "recording", WORDS).await;
    let (folder, stem) =
        (folder_of(&lethe).join("calls"), format!("20260801T001010Z_{}", item["id"].as_str().unwrap()));
    // Something has the name of the metadata, so each attempt ends after the recording.
    let obstacle = folder.join(format!("{stem}.xml"));
    std::fs::create_dir_all(obstacle.join("in the way")).unwrap();
    let again = async || {
        let path = format!("/deliveries/{}/retry", deliveries(&lethe).await[0]["id"].as_str().unwrap());
        operator(&lethe).post(&path, &Value::Null).await.expect(200);
        deliver(&lethe).await.code()
    };
    assert_eq!(again().await, Some(2));
    let _old = register_key(&lethe).await;
    assert_eq!(again().await, Some(2));
    let next = register_key(&lethe).await;
    std::fs::remove_dir_all(&obstacle).unwrap();
    assert_eq!(again().await, Some(0));
    let sent = std::fs::read(folder.join(format!("{stem}.wav.pgp"))).unwrap();
    assert!(next.gpg_decrypt(&sent) == WORDS, "for the key that the metadata name");
    let names = json!([format!("{stem}.wav"), format!("{stem}.wav.pgp"), format!("{stem}.xml")]);
    assert_eq!(deliveries(&lethe).await[0]["file_names"], names);

    let request = json!({ "phone_number": NUMBER, "to_date": "2026-08-01", "targets": ["archive"] });
    let entered = lethe.caller("dpo").post("/anonymize-requests", &request).await.expect(201).json();
    lethe.night("2026-08-02T02:00:00Z").await.well();
    let path = format!("/anonymize-requests/{}", entered["id"].as_str().unwrap());
    let done = lethe.caller("dpo").get(&path).await.expect(200).json();
    assert_eq!(done["result"]["delivered_files"], names);
});

/// Sets the end of the tenant's key to an instant, as if time had passed.
async fn expire_key(lethe: &TestLethe, at: Option<&str>) {
    let (url, schema) = match lethe.store() {
        crate::harness::Store::Postgres => (lethe.archive_url(), Some("vault")),
        crate::harness::Store::Sqlite => (lethe.archive_url().replace("archive.db", "vault.db"), None),
    };
    let patience = std::time::Duration::from_secs(5);
    let vault = Db::<Vault>::open(&StoreSettings { url: url.into(), schema, connections: 1, patience }).await.unwrap();
    let at = at.map(|at| at.parse::<chrono::DateTime<chrono::Utc>>().unwrap());
    let mut tx = vault.write().await.unwrap();
    let changed = tx.query("UPDATE recording_keys SET expires_at = ").with("", at).execute().await.unwrap();
    assert_eq!(changed, 1);
    tx.commit().await.unwrap();
    vault.close().await;
}

//! The tenant's own key: an upload comes back as ciphertext that only the tenant opens, with the tenant's own tools.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::harness::{Answer, Caller, Keyring, TestLethe, each_store};

const KEY: &str = "/tenant/recording-key";

/// Words that must not be found anywhere.
const WORDS: &[u8] = b"Kari said that only the tenant may ever hear this. ";

/// Sizes around the ends of parts, and one of several parts.
const SIZES: [usize; 8] = [0, 1, 511, 65_529, 65_530, 65_535, 65_537, 3_000_001];

fn recording(size: usize) -> Vec<u8> {
    WORDS.iter().copied().cycle().take(size).collect()
}

async fn register(lethe: &TestLethe, kind: &str, certificate: &str) -> Answer {
    let body = json!({ "kind": kind, "certificate": certificate });
    Answer::of(lethe.caller("operator").call("PUT", KEY).json(&body)).await
}

/// The path of the content of a new call.
async fn call(lethe: &TestLethe) -> String {
    lethe
        .record(&json!({ "external_id": "cdr-1", "channel": "call", "started_at": "2026-08-01T00:10:10Z",
            "customer": { "phone_number": "004798765432" } }))
        .await;
    let found = lethe.search(&json!({})).await;
    format!("/archive/interactions/{}/content", found["items"][0]["id"].as_str().unwrap())
}

async fn upload(caller: &Caller, path: &str, kind: &str, bytes: Vec<u8>) -> Value {
    caller.post_raw(&format!("{path}?kind={kind}"), "audio/wav", bytes).await.expect(201).json()
}

fn at(item: &Value, door: &str) -> String {
    format!("/archive/content/{}/{door}", item["id"].as_str().unwrap())
}

async fn download(lethe: &TestLethe, item: &Value) -> Vec<u8> {
    let answer = lethe.caller("dpo").call("GET", &at(item, "download")).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.bytes().await.unwrap().to_vec()
}

/// Registers a certificate, uploads recordings of all sizes, and opens each of them.
async fn play_through(lethe: &TestLethe, path: &str, key: (&str, &str, &str), open: impl Fn(&[u8]) -> Vec<u8>) {
    let (kind, certificate, algorithm) = key;
    let registered = register(lethe, kind, certificate).await.expect(200).json();
    assert_eq!((&registered["kind"], &registered["algorithm"]), (&json!(kind), &json!(algorithm)));
    let sender = lethe.caller("integration");
    for size in SIZES {
        let item = upload(&sender, path, "recording", recording(size)).await;
        assert_eq!((&item["size"], &item["encrypted_for"]), (&json!(size), &registered["fingerprint"]));
        let message = download(lethe, &item).await;
        assert!(open(&message) == recording(size), "{algorithm}: other bytes than the {size} that went in");
    }
}

each_store!(gpg_opens_what_was_encrypted_for_its_keys, |lethe: TestLethe| async move {
    let (keys, path) = (Keyring::new(), call(&lethe).await);
    for (primary, subkey, algorithm) in [
        ("rsa2048", "rsa2048", "RSA 2048"),
        ("ed25519", "rsa3072", "RSA 3072"),
        ("ed25519", "rsa4096", "RSA 4096"),
        ("ed25519", "cv25519", "Curve25519"),
        ("nistp256", "nistp256", "NIST P-256"),
    ] {
        let fingerprint = keys.primary(algorithm, primary, ("cert", "never"), &[]);
        keys.subkey(&fingerprint, subkey, "never", &[]);
        let certificate = keys.certificate(&[&fingerprint]);
        play_through(&lethe, &path, ("openpgp", &certificate, algorithm), |message| keys.gpg_decrypt(message)).await;
        let known = lethe.caller("dpo").get(KEY).await.expect(200).json();
        assert_eq!(
            known,
            json!({ "kind": "openpgp", "fingerprint": fingerprint, "algorithm": algorithm, "expires_at": null })
        );
    }
});

each_store!(sq_opens_what_was_encrypted_for_its_keys, |lethe: TestLethe| async move {
    let (keys, path) = (Keyring::new(), call(&lethe).await);
    for (suite, algorithm) in [("cv25519", "Curve25519"), ("rsa3k", "RSA 3072")] {
        let certificate = keys.sq_key(suite, suite);
        play_through(&lethe, &path, ("openpgp", &certificate, algorithm), |message| keys.sq_decrypt(suite, message))
            .await;
        let known = lethe.caller("dpo").get(KEY).await.expect(200).json();
        assert!(known["expires_at"].is_string(), "sq's keys end after three years");
    }
});

each_store!(openssl_opens_what_was_encrypted_for_its_keys, |lethe: TestLethe| async move {
    let (keys, path) = (Keyring::new(), call(&lethe).await);
    let curve = |name| ["-newkey", "ec", "-pkeyopt", name];
    for (name, algorithm, words) in [
        ("rsa2048", &["-newkey", "rsa:2048"][..], "RSA 2048"),
        ("rsa3072", &["-newkey", "rsa:3072"], "RSA 3072"),
        ("rsa4096", &["-newkey", "rsa:4096"], "RSA 4096"),
        ("p256", &curve("ec_paramgen_curve:P-256"), "NIST P-256"),
        ("p384", &curve("ec_paramgen_curve:P-384"), "NIST P-384"),
        ("p521", &curve("ec_paramgen_curve:P-521"), "NIST P-521"),
    ] {
        let certificate = keys.x509(name, algorithm, &[]);
        play_through(&lethe, &path, ("x509", &certificate, words), |message| keys.openssl_decrypt(name, message)).await;
        let printed = keys.openssl(&["x509", "-noout", "-fingerprint", "-sha256", "-in", &format!("{name}.pem")], b"");
        let known = lethe.caller("dpo").get(KEY).await.expect(200).json();
        let fingerprint = String::from_utf8(printed).unwrap().trim().rsplit('=').next().unwrap().replace(':', "");
        assert_eq!(known["fingerprint"], json!(fingerprint));
        assert!(known["expires_at"].is_string());
    }
});

async fn set(lethe: &TestLethe, recordings: Value) {
    let change = json!({ "recordings": recordings });
    lethe.caller("operator").patch("/tenant", "*", &change).await.expect(200);
}

each_store!(recordings_are_encrypted_where_the_settings_say_so, |mut lethe: TestLethe| async move {
    let (keys, path) = (Keyring::new(), call(&lethe).await);
    let (sender, officer, operator) = (lethe.caller("integration"), lethe.caller("dpo"), lethe.caller("operator"));
    let clear = upload(&sender, &path, "recording", b"clear".to_vec()).await;
    assert_eq!((&clear["encrypted_for"], &clear["playable"]), (&Value::Null, &json!(true)));

    let fingerprint = keys.primary("Kontoret", "rsa2048", ("cert,encr", "never"), &[]);
    register(&lethe, "openpgp", &keys.certificate(&[&fingerprint])).await.expect(200);
    for kind in ["recording", "screen_recording", "voicemail"] {
        let item = upload(&sender, &path, kind, recording(5_000)).await;
        assert_eq!((&item["encrypted_for"], &item["playable"]), (&json!(fingerprint), &json!(false)), "{kind}");
        assert_eq!((&item["size"], &item["media_type"]), (&json!(5_000), &json!("audio/wav")));
        assert_eq!(officer.get(&at(&item, "play")).await.problem(409), "recording_encrypted");
        let whole = officer.call("GET", &at(&item, "download")).send().await.unwrap();
        assert_eq!(whole.headers()["content-type"], "application/pgp-encrypted");
        let name = format!("attachment; filename=\"{}.pgp\"", item["id"].as_str().unwrap());
        assert_eq!(whole.headers()["content-disposition"].to_str().unwrap(), name);
        assert!(whole.headers().get("repr-digest").is_none(), "the digest is of what was uploaded");
        let whole = whole.bytes().await.unwrap();
        let part = officer.call("GET", &at(&item, "download")).header("range", "bytes=100-4999").send().await.unwrap();
        assert_eq!(part.headers()["content-range"].to_str().unwrap(), format!("bytes 100-4999/{}", whole.len()));
        assert!(part.bytes().await.unwrap() == whole[100..5_000]);
        let ticket = officer.post(&at(&item, "ticket"), &json!({})).await.expect(201).json();
        let nobody = lethe.caller_with(None).call("GET", &format!("/{}", ticket["url"].as_str().unwrap()));
        assert!(nobody.send().await.unwrap().bytes().await.unwrap() == whole);
    }
    let attachment = upload(&sender, &path, "attachment", recording(100)).await;
    assert_eq!(attachment["encrypted_for"], Value::Null);

    for settings in [json!({ "encrypt": false }), json!({ "encrypt": true, "only_encrypt_delivery": true })] {
        set(&lethe, settings).await;
        assert_eq!(upload(&sender, &path, "recording", b"clear".to_vec()).await["playable"], json!(true));
    }
    set(&lethe, json!({ "only_encrypt_delivery": false })).await;
    register(&lethe, "x509", &keys.x509("other", &["-newkey", "rsa:2048"], &[])).await.expect(200);
    let other = upload(&sender, &path, "recording", recording(5_000)).await;
    let answer = officer.call("HEAD", &at(&other, "download")).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/pkcs7-mime");
    Answer::of(operator.call("DELETE", KEY)).await.expect(204);
    assert_eq!(Answer::of(operator.call("DELETE", KEY)).await.problem(404), "not_found");
    assert_eq!(officer.get(KEY).await.problem(404), "not_found");
    assert_eq!(upload(&sender, &path, "recording", b"clear".to_vec()).await["playable"], json!(true));
    assert!(keys.openssl_decrypt("other", &download(&lethe, &other).await) == recording(5_000));

    let events = audited(&lethe).await;
    let keyed = events.iter().filter(|event| event["action"].as_str().unwrap().starts_with("recording_key."));
    let actions: Vec<_> = keyed.map(|event| event["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["recording_key.removed", "recording_key.registered", "recording_key.registered"]);
    lethe.stop().await;
    let folder = lethe.folder_bytes();
    assert!(!folder.windows(40).any(|window| window == &WORDS[..40]), "cleartext is left in the data folder");
});

each_store!(an_upload_with_a_key_leaves_nothing_where_it_breaks_off, |lethe: TestLethe| async move {
    let (keys, path) = (Keyring::new(), call(&lethe).await);
    register(&lethe, "x509", &keys.x509("office", &["-newkey", "rsa:2048"], &[])).await.expect(200);
    let upload = lethe.caller("integration").call("POST", &format!("{path}?kind=recording"));
    let wrong = base64(&[7; 32]);
    let upload = upload.header("content-type", "audio/wav").header("content-digest", format!("sha-256=:{wrong}:"));
    let answer = Answer::of(upload.body(recording(3_000_000))).await;
    assert_eq!(answer.mistakes(), ["Content-Digest digest_mismatch"]);
    assert_eq!(lethe.caller("dpo").get(&path).await.expect(200).json()["items"], json!([]));
    let folder = lethe.folder_bytes();
    assert!(folder.len() < 3_000_000, "bytes of the broken upload are left");
    assert!(!folder.windows(40).any(|window| window == &WORDS[..40]));
});

/// Uploads a long recording that is never in memory as a whole.
async fn upload_long(lethe: &TestLethe, sender: &Caller, path: &str) -> Value {
    let mut line = tokio::net::TcpStream::connect(lethe.address().trim_start_matches("http://")).await.unwrap();
    let head = format!(
        "POST /api/v1{path}?kind=recording HTTP/1.1\r\nHost: lethe\r\nAuthorization: Bearer {}\r\n\
         Content-Type: audio/wav\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        sender.token(),
        LONG << 20
    );
    line.write_all(head.as_bytes()).await.unwrap();
    let piece = recording(1 << 20);
    for _ in 0..LONG {
        line.write_all(&piece).await.unwrap();
    }
    let mut answer = String::new();
    line.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

each_store!(a_long_recording_is_encrypted_in_constant_memory, |lethe: TestLethe| async move {
    let (keys, path) = (Keyring::new(), call(&lethe).await);
    let sender = lethe.caller("integration");
    let fingerprint = keys.primary("Kontoret", "rsa2048", ("cert,encr", "never"), &[]);
    let x509 = keys.x509("office", &["-newkey", "rsa:2048"], &[]);
    for (kind, certificate) in [("openpgp", keys.certificate(&[&fingerprint])), ("x509", x509)] {
        register(&lethe, kind, &certificate).await.expect(200);
        // After the first upload, the server has the memory that any upload needs.
        upload(&sender, &path, "recording", recording(100_000)).await;
        let idle = lethe.server().memory("VmRSS");
        let item = upload_long(&lethe, &sender, &path).await;
        assert_eq!(item["size"], json!(LONG << 20));
        let grown = lethe.server().memory("VmHWM").saturating_sub(idle);
        assert!(grown <= 32 << 10, "{kind}: {grown} KiB more than idle");
        Answer::of(lethe.caller("dpo").call("DELETE", at(&item, "").trim_end_matches('/'))).await.expect(204);
    }
});

/// The MiB of a long recording: four times the growth of memory that is allowed.
const LONG: usize = 128;

each_store!(a_message_that_was_altered_or_cut_short_opens_nowhere, |lethe: TestLethe| async move {
    let (keys, path) = (Keyring::new(), call(&lethe).await);
    let fingerprint = keys.primary("Kontoret", "ed25519", ("cert", "never"), &[]);
    keys.subkey(&fingerprint, "cv25519", "never", &[]);
    register(&lethe, "openpgp", &keys.certificate(&[&fingerprint])).await.expect(200);
    let sender = lethe.caller("integration");
    let openpgp = download(&lethe, &upload(&sender, &path, "recording", recording(200_000)).await).await;
    register(&lethe, "x509", &keys.x509("p256", &["-newkey", "rsa:2048"], &[])).await.expect(200);
    let cms = download(&lethe, &upload(&sender, &path, "recording", recording(200_000)).await).await;
    let gpg = ["--batch", "--pinentry-mode", "loopback", "--passphrase", "", "--decrypt"];
    let openssl = ["cms", "-decrypt", "-binary", "-inform", "DER", "-inkey", "p256.key", "-recip", "p256.pem"];
    for (program, arguments, message) in [("gpg", &gpg[..], openpgp), ("openssl", &openssl, cms)] {
        assert!(!keys.gives_up(program, arguments, &message), "{program} opens it as it is");
        for at in [message.len() / 2, message.len() - 25] {
            let mut altered = message.clone();
            altered[at] ^= 1;
            assert!(keys.gives_up(program, arguments, &altered), "{program}, altered at {at}");
        }
        assert!(keys.gives_up(program, arguments, &message[..message.len() - 70_000]), "{program}, cut short");
    }
});

/// Sends certificates that are refused, each with its reason.
async fn refuse(lethe: &TestLethe, kind: &str, certificates: Vec<(&str, String)>) {
    for (code, certificate) in certificates {
        let refused = register(lethe, kind, &certificate).await;
        assert_eq!(refused.mistakes(), [format!("/certificate {code}")], "{kind}");
        assert!(!refused.text.contains("4798765432"));
    }
    assert_eq!(lethe.caller("dpo").get(KEY).await.problem(404), "not_found");
}

const LONG_AGO: &[&str] = &["--faked-system-time", "20200101T000000!"];

/// Invalid OpenPGP certificates, and the reasons.
fn broken_openpgp(keys: &Keyring) -> Vec<(&'static str, String)> {
    let primary = |name: &str| keys.primary(name, "ed25519", ("cert", "never"), &[]);
    let rsa = |name: &str, ends: &str, options: &[&str]| keys.primary(name, "rsa2048", ("cert,encr", ends), options);
    let shown = |fingerprint: &str| keys.certificate(&[fingerprint]);
    let signs_only = primary("signs only");
    let several = keys.certificate(&[&signs_only, &rsa("second", "never", &[])]);
    let lasting = keys.primary("lasting", "ed25519", ("cert", "never"), LONG_AGO);
    keys.subkey(&lasting, "cv25519", "1d", LONG_AGO);
    let revoked = rsa("revoked", "never", &[]);
    keys.revoke(&revoked);
    let half_revoked = primary("half revoked");
    keys.subkey(&half_revoked, "cv25519", "never", &[]);
    keys.revoke_subkey(&half_revoked);
    let weak = keys.primary("weak", "rsa1024", ("cert,encr", "never"), &[]);
    let half_weak = primary("half weak");
    keys.subkey(&half_weak, "rsa1024", "never", &[]);
    let sha1 = ["--cert-digest-algo", "SHA1"];
    let half_sha1 = primary("half sha1");
    keys.subkey(&half_sha1, "cv25519", "never", &sha1);
    let elgamal = primary("elgamal");
    keys.subkey(&elgamal, "elg2048", "never", &[]);
    let brainpool = keys.primary("brainpool", "brainpoolP256r1", ("cert", "never"), &[]);
    keys.subkey(&brainpool, "brainpoolP256r1", "never", &[]);
    let koblitz = primary("koblitz");
    keys.subkey(&koblitz, "secp256k1", "never", &[]);
    let signed_by_koblitz = keys.primary("signed by koblitz", "secp256k1", ("cert", "never"), &[]);
    keys.subkey(&signed_by_koblitz, "cv25519", "never", &[]);
    vec![
        ("no_encryption_key", shown(&signs_only)),
        ("several_certificates", several),
        ("several_certificates", shown(&signs_only).repeat(2)),
        ("expired", shown(&rsa("expired", "1d", LONG_AGO))),
        ("expired", shown(&lasting)),
        ("revoked", shown(&revoked)),
        ("revoked", shown(&half_revoked)),
        ("too_weak", shown(&weak)),
        ("too_weak", shown(&half_weak)),
        ("sha1_binding", shown(&rsa("sha1", "never", &sha1))),
        ("sha1_binding", shown(&half_sha1)),
        ("not_yet_valid", shown(&rsa("later", "never", &["--faked-system-time", "20990101T000000!"]))),
        ("algorithm_unsupported", shown(&elgamal)),
        ("algorithm_unsupported", shown(&brainpool)),
        ("algorithm_unsupported", shown(&koblitz)),
        ("algorithm_unsupported", shown(&signed_by_koblitz)),
    ]
}

each_store!(an_openpgp_certificate_with_a_defect_is_refused_with_its_reason, |lethe: TestLethe| async move {
    let keys = Keyring::new();
    refuse(&lethe, "openpgp", broken_openpgp(&keys)).await;
    let good = keys.primary("good", "ed25519", ("cert", "never"), &[]);
    keys.subkey(&good, "cv25519", "never", &[]);
    let secret = String::from_utf8(keys.gpg(&["--armor", "--export-secret-keys", &good], b"")).unwrap();
    let binary = base64(&keys.gpg(&["--export-secret-keys", &good], b""));
    let private = vec![("private_key", secret), ("private_key", binary)];
    refuse(&lethe, "openpgp", private).await;
    let events = audited(&lethe).await;
    let told: Vec<_> = events.iter().filter(|event| event["outcome"] == "refused").collect();
    assert!(told.len() == 2 && told.iter().all(|event| event["detail"]["refused"] == "private_key"));

    // A newer key that cannot be read here is skipped.
    keys.subkey(&good, "secp256k1", "never", &[]);
    for usable in [keys.certificate(&[&good]), base64(&keys.gpg(&["--export", &good], b""))] {
        let registered = register(&lethe, "openpgp", &usable).await.expect(200).json();
        assert_eq!(registered["fingerprint"], json!(good));
    }
});

each_store!(an_x509_certificate_with_a_defect_is_refused_with_its_reason, |lethe: TestLethe| async move {
    let (keys, rsa) = (Keyring::new(), &["-newkey", "rsa:2048"][..]);
    let curve = |name| ["-newkey", "ec", "-pkeyopt", name];
    let used = |name: &str, key: &[&str], usage| keys.x509(name, key, &["-addext", usage]);
    let office = keys.x509("office", rsa, &[]);
    let key = keys.text("office.key");
    let convert = |arguments: &[&str]| base64(&keys.openssl(arguments, key.as_bytes()));
    keys.openssl(&["req", "-new", "-key", "office.key", "-subj", "/CN=Kontoret", "-out", "office.csr"], b"");
    let expired = ["x509", "-req", "-in", "office.csr", "-signkey", "office.key", "-days", "-1"];
    let wrong = vec![
        ("private_key", key.clone()),
        ("private_key", office.clone() + &key),
        ("private_key", convert(&["pkcs8", "-topk8", "-nocrypt", "-outform", "DER"])),
        ("private_key", convert(&["rsa", "-traditional", "-outform", "DER"])),
        ("several_certificates", office.repeat(2)),
        ("not_a_certificate", keys.text("office.csr")),
        ("expired", String::from_utf8(keys.openssl(&expired, b"")).unwrap()),
        ("too_weak", keys.x509("weak", &["-newkey", "rsa:1024"], &[])),
        ("sha1_binding", keys.x509("sha1", rsa, &["-sha1"])),
        ("sha1_binding", keys.x509("pss", rsa, &["-sigopt", "rsa_padding_mode:pss", "-sha1"])),
        ("not_for_encryption", used("signs", rsa, "keyUsage=digitalSignature")),
        ("not_for_encryption", used("serves", rsa, "extendedKeyUsage=serverAuth")),
        ("not_for_encryption", used("transports", &curve("ec_paramgen_curve:P-256"), "keyUsage=keyEncipherment")),
        ("algorithm_unsupported", keys.x509("edwards", &["-newkey", "ed25519"], &[])),
        ("algorithm_unsupported", keys.x509("koblitz", &curve("ec_paramgen_curve:secp256k1"), &[])),
    ];
    refuse(&lethe, "x509", wrong).await;

    let usable = [
        keys.x509("pads", rsa, &["-sigopt", "rsa_padding_mode:pss", "-sha256"]),
        keys.x509("mails", rsa, &["-addext", "extendedKeyUsage=emailProtection,clientAuth"]),
        keys.x509("enciphers", rsa, &["-addext", "keyUsage=keyEncipherment,digitalSignature"]),
        base64(&keys.openssl(&["x509", "-in", "office.pem", "-outform", "DER"], b"")),
        String::from_utf8(keys.openssl(&["x509", "-in", "office.pem", "-text"], b"")).unwrap(),
    ];
    for certificate in usable {
        register(&lethe, "x509", &certificate).await.expect(200);
    }
});

each_store!(what_is_no_certificate_is_refused, |lethe: TestLethe| async move {
    let keys = Keyring::new();
    let x509 = keys.x509("office", &["-newkey", "rsa:2048"], &[]);
    let openpgp = keys.certificate(&[&keys.primary("Kontoret", "rsa2048", ("cert,encr", "never"), &[])]);
    for (kind, other) in [("openpgp", x509), ("x509", openpgp)] {
        let wrong = vec![
            ("not_a_certificate", other.clone()),
            ("not_a_certificate", other[..other.len() / 2].to_owned()),
            ("not_a_certificate", String::new()),
            ("not_a_certificate", "Kari Nordmann, 4798765432".to_owned()),
            ("not_a_certificate", base64(b"Kari Nordmann, 4798765432")),
            ("too_long", "A".repeat(65_537)),
        ];
        refuse(&lethe, kind, wrong).await;
    }
    let armor = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n".to_owned() + &"mDMEaSE\n".repeat(1_300_000);
    assert_eq!(register(&lethe, "openpgp", &armor).await.problem(413), "too_large");
    assert_eq!(register(&lethe, "pgp", "x").await.mistakes().len(), 1);
});

async fn audited(lethe: &TestLethe) -> Vec<Value> {
    let page = lethe.caller("dpo").get("/audit-events?limit=200").await.expect(200).json();
    page["items"].as_array().unwrap().clone()
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

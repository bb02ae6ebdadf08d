//! The same certificate in the text forms that programs write. Each is accepted with the same fingerprint.

use serde_json::json;

use crate::harness::{Answer, Keyring, TestLethe, each_store};

async fn register(lethe: &TestLethe, kind: &str, certificate: &str) -> Answer {
    let body = json!({ "kind": kind, "certificate": certificate });
    Answer::of(lethe.caller("operator").call("PUT", "/tenant/recording-key").json(&body)).await
}

/// The base64 between the first and the last line of a PEM, without the ends of lines.
fn dense(pem: &str) -> String {
    pem.lines().filter(|line| !line.starts_with("-----")).collect()
}

/// Base64 in lines of a length, within a block of this label.
fn block(label: &str, body: &str, columns: usize) -> String {
    let lines = body.as_bytes().chunks(columns).map(|line| String::from_utf8(line.to_vec()).unwrap() + "\n");
    format!("-----BEGIN {label}-----\n{}-----END {label}-----\n", lines.collect::<String>())
}

each_store!(an_x509_certificate_may_be_written_as_any_program_writes_it, |lethe: TestLethe| async move {
    let keys = Keyring::new();
    let pem = keys.x509("office", &["-newkey", "rsa:2048"], &[]);
    let described = keys.openssl(&["x509", "-text"], pem.as_bytes());
    let trusted =
        keys.openssl(&["x509", "-trustout", "-addtrust", "emailProtection", "-setalias", "us"], pem.as_bytes());
    let trusted = String::from_utf8(trusted).unwrap();
    assert!(trusted.contains("TRUSTED CERTIFICATE"));
    let body = dense(&pem);
    let expected = register(&lethe, "x509", &pem).await.expect(200).json()["fingerprint"].clone();
    for (name, text) in [
        ("76 columns", block("CERTIFICATE", &body, 76)),
        ("one line", block("CERTIFICATE", &body, 100_000)),
        ("the ends of lines are lost", pem.replace('\n', " ")),
        ("carriage returns", pem.replace('\n', "\r\n")),
        ("indented, with blanks at the ends", pem.replace('\n', " \t\n  ")),
        ("an older label", block("X509 CERTIFICATE", &body, 64)),
        ("a trusted certificate", trusted),
        ("text before", String::from_utf8(described).unwrap()),
        ("text behind", format!("{pem}subject=CN = Kontoret\n---\nNo client certificate CA names sent\n")),
        ("a blank line", pem.replacen('\n', "\n\n", 1)),
        ("blank lines between", pem.replace('\n', "\n\n")),
        ("a byte order mark", format!("\u{feff}{pem}")),
        ("base64 alone", body.clone()),
    ] {
        let answer = register(&lethe, "x509", &text).await.expect(200);
        assert_eq!(answer.json()["fingerprint"], expected, "{name}");
    }
    for (name, text) in [
        ("another label", block("PKCS7", &body, 64)),
        ("no end", pem.split("-----END").next().unwrap().to_owned()),
        ("the end of another label", pem.replace("END CERTIFICATE", "END X509 CERTIFICATE")),
        ("bytes behind the certificate", block("CERTIFICATE", &format!("{}AAAA", body.trim_end_matches('=')), 64)),
        ("an empty block", block("CERTIFICATE", "", 64)),
    ] {
        assert_eq!(register(&lethe, "x509", &text).await.mistakes(), ["/certificate not_a_certificate"], "{name}");
    }
    assert_eq!(
        register(&lethe, "x509", &format!("{pem}{pem}")).await.mistakes(),
        ["/certificate several_certificates"]
    );
});

each_store!(an_openpgp_certificate_may_be_written_as_any_program_writes_it, |lethe: TestLethe| async move {
    let keys = Keyring::new();
    let fingerprint = keys.primary("Kontoret", "ed25519", ("cert", "never"), &[]);
    keys.subkey(&fingerprint, "cv25519", "never", &[]);
    let armor = keys.certificate(&[&fingerprint]);
    let (head, rest) = armor.split_once("\n\n").unwrap();
    let checksum = rest.lines().find(|line| line.starts_with('=')).unwrap();
    for (name, text) in [
        ("text before", format!("pub   ed25519 2026-11-28\nuid   Kontoret\n\n{armor}")),
        ("text behind", format!("{armor}\nBest regards\n")),
        ("no blank line", format!("{head}\n{rest}")),
        ("headers", format!("{head}\nVersion: GnuPG v2\nComment: of the office\n\n{rest}")),
        ("headers without a blank line", format!("{head}\nVersion: GnuPG v2\n{rest}")),
        ("carriage returns", armor.replace('\n', "\r\n")),
        ("no checksum", armor.replace(&format!("{checksum}\n"), "")),
        ("another checksum", armor.replace(checksum, "=AAAA")),
    ] {
        let answer = register(&lethe, "openpgp", &text).await.expect(200);
        assert_eq!(answer.json()["fingerprint"], json!(fingerprint), "{name}");
    }
    let signature = armor.replace("PUBLIC KEY BLOCK", "SIGNATURE");
    assert_eq!(register(&lethe, "openpgp", &signature).await.mistakes(), ["/certificate not_a_certificate"]);
});

each_store!(a_certificate_of_windows_for_cms_is_for_encryption, |lethe: TestLethe| async move {
    let keys = Keyring::new();
    let usages = ["-addext", "keyUsage=keyEncipherment", "-addext", "extendedKeyUsage=1.3.6.1.4.1.311.80.1"];
    let pem = keys.x509("documents", &["-newkey", "rsa:2048"], &usages);
    assert_eq!(register(&lethe, "x509", &pem).await.expect(200).json()["algorithm"], "RSA 2048");
});

//! The keys of a tenant: the real `gpg`, `sq`, and `openssl` in a folder of their own. `scripts/test` installs the programs.
//! Without a program, the stories that need it fail.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// A folder of keys that is removed when this is dropped.
pub struct Keyring(PathBuf);

impl Keyring {
    pub fn new() -> Self {
        // gpg's agent listens on a socket below it, whose path may not be long.
        let folder = std::env::temp_dir().join(format!("lethe-keys-{}", super::fresh()));
        std::fs::create_dir(&folder).unwrap();
        std::fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        Self(folder)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn run(&self, program: &str, arguments: &[&str], input: &[u8]) -> Output {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.0).env("GNUPGHOME", &self.0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let started = command.spawn();
        let mut child = started.unwrap_or_else(|error| {
            panic!(
                "{program} cannot be run ({error}): these tests need gnupg, sq and openssl, which scripts/test installs"
            )
        });
        let (mut stdin, input) = (child.stdin.take().unwrap(), input.to_vec());
        let writer = std::thread::spawn(move || {
            // A program that has read enough closes the pipe.
            let _ = stdin.write_all(&input);
        });
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        output
    }

    /// Runs a program that must succeed.
    #[track_caller]
    fn well(&self, program: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let output = self.run(program, arguments, input);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{program} {arguments:?}: {}\n{said}", output.status);
        output.stdout
    }

    /// Runs gpg without questions.
    #[track_caller]
    pub fn gpg(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let quiet = ["--batch", "--quiet", "--yes", "--pinentry-mode", "loopback", "--passphrase", ""];
        self.well("gpg", &[&quiet[..], arguments].concat(), input)
    }

    /// A primary key for some usage that ends so, such as `never`; returns its fingerprint.
    #[track_caller]
    pub fn primary(&self, name: &str, algorithm: &str, (usage, ends): (&str, &str), options: &[&str]) -> String {
        let make = ["--quick-generate-key", name, algorithm, usage, ends];
        self.gpg(&[options, &make].concat(), b"");
        let listed = String::from_utf8(self.gpg(&["--with-colons", "--list-keys", name], b"")).unwrap();
        listed.lines().find_map(|line| line.strip_prefix("fpr:::::::::")?.strip_suffix(':')).unwrap().to_owned()
    }

    /// A subkey for encryption of a primary key.
    #[track_caller]
    pub fn subkey(&self, fingerprint: &str, algorithm: &str, ends: &str, options: &[&str]) {
        let make = ["--quick-add-key", fingerprint, algorithm, "encr", ends];
        self.gpg(&[options, &make].concat(), b"");
    }

    /// A certificate in armor.
    pub fn certificate(&self, fingerprints: &[&str]) -> String {
        String::from_utf8(self.gpg(&[&["--armor", "--export"], fingerprints].concat(), b"")).unwrap()
    }

    /// The decryption of a message by gpg: the bytes, and its status lines.
    #[track_caller]
    pub fn gpg_decrypt(&self, message: &[u8]) -> Vec<u8> {
        self.gpg(&["--decrypt"], message)
    }

    /// A key of sq, in the file `NAME.pgp`; returns its certificate.
    #[track_caller]
    pub fn sq_key(&self, name: &str, suite: &str) -> String {
        let file = format!("{name}.pgp");
        let make = ["key", "generate", "--userid", "Kontoret", "--cipher-suite", suite, "--export", &file];
        self.well("sq", &make, b"");
        String::from_utf8(self.well("sq", &["key", "extract-cert", &file], b"")).unwrap()
    }

    #[track_caller]
    pub fn sq_decrypt(&self, name: &str, message: &[u8]) -> Vec<u8> {
        self.well("sq", &["decrypt", "--recipient-key", &format!("{name}.pgp")], message)
    }

    #[track_caller]
    pub fn openssl(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        self.well("openssl", arguments, input)
    }

    /// A key in `NAME.key` and a certificate signed with it, by further options; returns the certificate.
    #[track_caller]
    pub fn x509(&self, name: &str, algorithm: &[&str], options: &[&str]) -> String {
        let (key, file) = (format!("{name}.key"), format!("{name}.pem"));
        let make = ["req", "-x509", "-nodes", "-subj", "/CN=Kontoret", "-days", "30", "-keyout", &key, "-out", &file];
        self.openssl(&[&make[..], algorithm, options].concat(), b"");
        self.text(&file)
    }

    #[track_caller]
    pub fn openssl_decrypt(&self, name: &str, message: &[u8]) -> Vec<u8> {
        let (key, certificate) = (format!("{name}.key"), format!("{name}.pem"));
        let read = ["cms", "-decrypt", "-binary", "-inform", "DER", "-inkey", &key, "-recip", &certificate];
        self.openssl(&read, message)
    }

    /// Whether a program fails to decrypt a message.
    pub fn gives_up(&self, program: &str, arguments: &[&str], message: &[u8]) -> bool {
        !self.run(program, arguments, message).status.success()
    }

    /// Revokes a subkey of a primary key by gpg's own dialogue.
    #[track_caller]
    pub fn revoke_subkey(&self, fingerprint: &str) {
        let answers = b"key 1\nrevkey\ny\n0\n\ny\nsave\n";
        self.gpg(&["--command-fd", "0", "--edit-key", fingerprint], answers);
    }

    /// Revokes a primary key with the revocation that gpg made beside it.
    #[track_caller]
    pub fn revoke(&self, fingerprint: &str) {
        let kept = self.text(&format!("openpgp-revocs.d/{fingerprint}.rev"));
        self.gpg(&["--import"], kept.replace(":-----BEGIN", "-----BEGIN").as_bytes());
    }
}

impl Drop for Keyring {
    fn drop(&mut self) {
        // The agent that gpg started for this folder, and no other.
        let _ = Command::new("gpgconf").args(["--kill", "all"]).env("GNUPGHOME", &self.0).status();
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

//! Errors of the command line: they name the argument and the file, in words of the field.

use crate::harness::{Store, TestLethe, tell};

/// A command that is used wrongly says so in these words, and in none of the system's.
async fn is_refused(lethe: &TestLethe, arguments: &[&str], words: &str) {
    let ran = lethe.run(arguments).await;
    assert!(ran.code() != Some(0) && ran.stderr.contains(words), "{arguments:?}: {}", ran.stderr);
    for other in ["os error", "entity not found", "premature end"] {
        assert!(!ran.stderr.contains(other), "{arguments:?}: {}", ran.stderr);
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    tell(Store::Sqlite, |lethe| async move {
        let (none, folder) = (lethe.data_folder().join("none"), lethe.data_folder());
        let there = folder.join("archive.db");
        let (none, folder, there) = (none.to_str().unwrap(), folder.to_str().unwrap(), there.to_str().unwrap());
        let missing = format!("the file {none} cannot be read: it does not exist");
        for arguments in [
            &["requests", "import", none][..],
            &["import", none],
            &["verify", none, "--keys", there],
            &["verify", there, "--keys", none],
            &["audit", "verify", "--export", none, "--keys", "/dev/null"],
            &["audit", "verify", "--export", there, "--keys", none],
            &["scan", "--file", there, "--file", none],
        ] {
            is_refused(&lethe, arguments, &missing).await;
        }
        let is_folder = format!("the file {folder} cannot be read: it is a folder");
        for arguments in [&["requests", "import", folder][..], &["scan", "--file", folder]] {
            is_refused(&lethe, arguments, &is_folder).await;
        }
        let sample = ["sample", "--content", there];
        is_refused(&lethe, &sample, &format!("the folder {there} cannot be created: it exists already")).await;
    });
}

#[test]
fn an_argument_that_cannot_be_used_has_its_rule() {
    tell(Store::Sqlite, |lethe| async move {
        for time in ["2026-08-04", "2026-08-04T03:00:00", "2026-8-4T03:00:00Z", "soon"] {
            is_refused(&lethe, &["job", "nightly", "--as-of", time], "must be a time with its offset from UTC").await;
        }
        is_refused(&lethe, &["sample", "--until", "2026-8-4"], "must be a day, such as 2026-08-04").await;
        is_refused(&lethe, &["token", "--user", ""], "the user must be 1 to 200 characters").await;
        is_refused(&lethe, &["token", "--user", &"x".repeat(201)], "the user must be 1 to 200 characters").await;
    });
}

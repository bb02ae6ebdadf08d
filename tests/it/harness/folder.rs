//! Folders of a test, in memory where the machine has enough of it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// Where the tests keep their files.
static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = Path::new("/dev/shm");
    if free(memory) > 2 << 30 { memory.to_owned() } else { std::env::temp_dir() }
});

/// Free bytes of a file system; 0 where nobody can tell.
fn free(place: &Path) -> u64 {
    let told = Command::new("df").args(["-B1", "--output=avail"]).arg(place).output();
    let text = told.map(|told| String::from_utf8_lossy(&told.stdout).into_owned()).unwrap_or_default();
    text.lines().last().and_then(|line| line.trim().parse().ok()).unwrap_or(0)
}

/// The folder in which the folders of tests lie.
pub fn root() -> &'static Path {
    &ROOT
}

/// A fresh folder that is gone when this is dropped.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        let folder = root().join(format!("lethe-test-{}", super::fresh()));
        std::fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Another fresh folder with the same files.
    pub fn copy(&self) -> Self {
        let copy = Self::new();
        copy_files(&self.0, &copy.0);
        copy
    }
}

fn copy_files(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy_files(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // For whoever wants to look at what a story left behind.
        if std::env::var_os("LETHE_TEST_KEEP").is_none() {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

//! Folders of a test. They are in memory if the machine has enough of it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// The folder with the files of all tests.
static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = Path::new("/dev/shm");
    if free(memory) > 2 << 30 { memory.to_owned() } else { std::env::temp_dir() }
});

/// The free bytes of a file system, or 0 if they are unknown.
fn free(place: &Path) -> u64 {
    let told = Command::new("df").args(["-B1", "--output=avail"]).arg(place).output();
    let text = told.map(|told| String::from_utf8_lossy(&told.stdout).into_owned()).unwrap_or_default();
    text.lines().last().and_then(|line| line.trim().parse().ok()).unwrap_or(0)
}

pub fn root() -> &'static Path {
    &ROOT
}

/// A new folder that is removed when this is dropped.
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

    /// A new folder with the same files.
    pub fn copy(&self) -> Self {
        let copy = Self::new();
        copy_files(&self.0, &copy.0);
        copy
    }
}

pub fn copy_files(from: &Path, to: &Path) {
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
        // An engineer may want to look at the files of a story.
        if std::env::var_os("LETHE_TEST_KEEP").is_none() {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

//! Backups of a story's databases and objects, and restores of a part of them.

use std::path::Path;

use super::folder::copy_files;
use super::stage::TestLethe;

/// A part that is backed up and restored by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Archive,
    Vault,
    Objects,
}

impl Part {
    /// The name of the part's file, and its schema on PostgreSQL.
    pub const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Archive => ("archive", "public"),
            Self::Vault => ("vault", "vault"),
            Self::Objects => ("objects", ""),
        }
    }
}

impl TestLethe {
    /// Brings parts of a backup back, which [`TestLethe::copy`] has made. The journal stays as it is. No server may run.
    pub async fn restore(&self, backup: &Self, parts: &[Part]) {
        for part in parts {
            let (name, schema) = part.names();
            match (self.database(), backup.database()) {
                (Some(own), Some(from)) if *part != Part::Objects => own.restore(from, schema).await,
                _ if *part == Part::Objects => {
                    let folder = self.objects_folder();
                    let _ = std::fs::remove_dir_all(&folder);
                    std::fs::create_dir_all(&folder).unwrap();
                    if backup.objects_folder().exists() {
                        copy_files(&backup.objects_folder(), &folder);
                    }
                }
                _ => restore_files(name, &backup.data_folder(), &self.data_folder()),
            }
        }
    }

    /// The files of the journal's chain, in their order.
    pub fn decisions(&self) -> Vec<std::path::PathBuf> {
        let folder = self.data_folder().join("journal/decisions");
        let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }
}

/// Replaces the file of an embedded database, with its log.
fn restore_files(name: &str, from: &Path, to: &Path) {
    for ending in [".db", ".db-wal", ".db-shm"] {
        let file = format!("{name}{ending}");
        let _ = std::fs::remove_file(to.join(&file));
        if from.join(&file).exists() {
            std::fs::copy(from.join(&file), to.join(&file)).unwrap();
        }
    }
}

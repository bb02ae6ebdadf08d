//! Objects that are created once, never changed, and deleted when they expire: the store of the erasure journal.

use std::io::ErrorKind;
use std::path::Path as FilePath;
use std::time::Duration;

#[cfg(feature = "s3")]
use futures_util::TryStreamExt as _;
use object_store::path::Path;
use object_store::{ObjectStoreExt as _, PutMode, PutPayload};

use super::{ObjectError, ObjectPlace, Objects};

/// A store in which an object keeps its name and its bytes. Each call has a time limit.
#[derive(Debug)]
pub struct Ledger {
    objects: Objects,
    patience: Duration,
}

impl Ledger {
    #[must_use]
    pub const fn new(objects: Objects, patience: Duration) -> Self {
        Self { objects, patience }
    }

    /// Creates an object that is durable when this returns. Returns false if another object has this name.
    pub async fn create(&self, name: &str, bytes: &[u8]) -> Result<bool, ObjectError> {
        let created = self.in_time(async {
            let payload = PutPayload::from(bytes.to_vec());
            match self.objects.store()?.put_opts(&Path::from(name), payload, PutMode::Create.into()).await {
                Ok(_) => Ok(true),
                Err(object_store::Error::AlreadyExists { .. }) => Ok(false),
                Err(error) => Err(error.into()),
            }
        });
        // A write whose response was lost may have been repeated by the client of the store.
        Ok(created.await? || self.get(name).await?.is_some_and(|there| there == bytes))
    }

    pub async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, ObjectError> {
        if !self.objects.is_made() {
            return Ok(None);
        }
        let read = async { Ok(self.objects.store()?.get(&Path::from(name)).await?.bytes().await?.to_vec()) };
        match self.in_time(read).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(ObjectError::Missing) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Deletes an object, or finds it deleted.
    pub async fn delete(&self, name: &str) -> Result<(), ObjectError> {
        let deleted = self.in_time(async { Ok(self.objects.store()?.delete(&Path::from(name)).await?) });
        match deleted.await {
            Err(ObjectError::Missing) => Ok(()),
            ended => ended,
        }
    }

    /// The names in a folder, without the folder and sorted. With `after`, only later names are listed.
    pub async fn list(&self, folder: &str, after: Option<&str>) -> Result<Vec<String>, ObjectError> {
        if !self.objects.is_made() {
            return Ok(Vec::new());
        }
        let mut names = match self.objects.place() {
            ObjectPlace::Folder(root) => {
                let folder = root.join(folder);
                self.in_time(async {
                    let listed = tokio::task::spawn_blocking(move || names_in(&folder)).await;
                    listed.map_err(|_| ObjectError::Interrupted)?.map_err(ObjectError::Folder)
                })
                .await?
            }
            #[cfg(feature = "s3")]
            ObjectPlace::Bucket(_) => self.list_in_bucket(folder, after).await?,
        };
        names.retain(|name| after.is_none_or(|after| name.as_str() > after));
        names.sort_unstable();
        Ok(names)
    }

    #[cfg(feature = "s3")]
    async fn list_in_bucket(&self, folder: &str, after: Option<&str>) -> Result<Vec<String>, ObjectError> {
        let listed = self.in_time(async {
            let (store, prefix) = (self.objects.store()?, Path::from(folder));
            let listed = match after {
                Some(after) => store.list_with_offset(Some(&prefix), &prefix.clone().join(after)),
                None => store.list(Some(&prefix)),
            };
            Ok(listed.try_collect::<Vec<_>>().await?)
        });
        let is_inside = |object: &object_store::ObjectMeta| {
            let inside = object.location.prefix_match(&Path::from(folder))?;
            let parts: Vec<_> = inside.collect();
            match &parts[..] {
                [name] => Some(name.as_ref().to_owned()),
                _ => None,
            }
        };
        Ok(listed.await?.iter().filter_map(is_inside).collect())
    }

    /// The names of the folders in a folder, sorted.
    pub async fn folders(&self, folder: &str) -> Result<Vec<String>, ObjectError> {
        if !self.objects.is_made() {
            return Ok(Vec::new());
        }
        let listed = self.in_time(async {
            Ok(self.objects.store()?.list_with_delimiter(Some(&Path::from(folder))).await?.common_prefixes)
        });
        let mut names: Vec<_> = listed.await?.iter().filter_map(|path| path.filename().map(str::to_owned)).collect();
        names.sort_unstable();
        Ok(names)
    }

    async fn in_time<T>(&self, work: impl Future<Output = Result<T, ObjectError>>) -> Result<T, ObjectError> {
        tokio::time::timeout(self.patience, work).await.map_err(|_| ObjectError::TimedOut)?
    }
}

/// The names of the files in a folder. The library would ask the system for the size and the time of each, which takes
/// most of the time of a look at a large journal. It leaves out files with a `#` in their names too: they are not complete.
fn names_in(folder: &FilePath) -> std::io::Result<Vec<String>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().into_string().unwrap_or_default();
        if entry.file_type()?.is_file() && !name.is_empty() && !name.contains('#') {
            names.push(name);
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::Folder;

    #[tokio::test]
    async fn an_object_is_created_once() {
        let folder = Folder::new();
        let ledger = Ledger::new(Objects::in_folder(folder.join("journal")), Duration::from_secs(5));
        assert_eq!(ledger.get("decisions/2").await.unwrap(), None);
        assert_eq!(ledger.list("decisions", None).await.unwrap(), Vec::<String>::new());
        assert!(!folder.join("journal").exists(), "a read makes no folder");
        assert!(ledger.create("decisions/2", b"two").await.unwrap());
        assert!(ledger.create("decisions/2", b"two").await.unwrap(), "the same object is the same");
        assert!(!ledger.create("decisions/2", b"other").await.unwrap());
        assert!(ledger.create("decisions/1", b"one").await.unwrap());
        assert!(ledger.create("contents/a/3", b"three").await.unwrap());
        assert_eq!(ledger.get("decisions/2").await.unwrap().as_deref(), Some(&b"two"[..]));
        assert_eq!(ledger.list("decisions", None).await.unwrap(), ["1", "2"]);
        assert_eq!(ledger.list("decisions", Some("1")).await.unwrap(), ["2"]);
        assert_eq!(ledger.list("contents/a", None).await.unwrap(), ["3"]);
        assert_eq!(ledger.folders("contents").await.unwrap(), ["a"]);
        assert_eq!(ledger.folders("anchors").await.unwrap(), [""; 0]);
        for _ in 0..2 {
            ledger.delete("decisions/1").await.unwrap();
        }
        assert_eq!(ledger.list("decisions", None).await.unwrap(), ["2"]);
    }
}

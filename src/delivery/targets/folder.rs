//! A folder of this machine, or a mounted one. It is in the tenant's folder, below the folder of the settings.

use std::io::ErrorKind;
use std::path::PathBuf;

use tokio::fs::{self, File};
use tokio::io::AsyncWriteExt as _;

use super::{Reach, of_io};
use crate::delivery::model::{AttemptError, SendError};
use crate::delivery::payload::PayloadBody;

#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// Opens the folder. A missing folder is created.
    pub async fn open(reach: &Reach, parts: &[String]) -> Result<Self, SendError> {
        let folder = parts.iter().fold(reach.folder.clone(), |folder, part| folder.join(part));
        fs::create_dir_all(&folder).await.map_err(|error| of_io(&error))?;
        Ok(Self(folder))
    }

    pub async fn size(&mut self, name: &str) -> Result<Option<u64>, SendError> {
        match fs::metadata(self.0.join(name)).await {
            Ok(file) => Ok(Some(file.len())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(of_io(&error)),
        }
    }

    pub async fn write(&mut self, name: &str, body: &mut PayloadBody) -> Result<(), AttemptError> {
        let mut file = File::create(self.0.join(name)).await.map_err(|error| of_io(&error))?;
        while let Some(bytes) = body.next().await? {
            file.write_all(&bytes).await.map_err(|error| of_io(&error))?;
        }
        // A file is on the disk before it is renamed.
        file.flush().await.map_err(|error| of_io(&error))?;
        file.sync_all().await.map_err(|error| of_io(&error))?;
        Ok(())
    }

    pub async fn rename(&mut self, from: &str, to: &str) -> Result<(), SendError> {
        let renamed = async {
            fs::rename(self.0.join(from), self.0.join(to)).await?;
            File::open(&self.0).await?.sync_all().await
        };
        renamed.await.map_err(|error| of_io(&error))
    }

    pub async fn remove(&mut self, name: &str) -> Result<(), SendError> {
        match fs::remove_file(self.0.join(name)).await {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(of_io(&error)),
            _ => Ok(()),
        }
    }
}

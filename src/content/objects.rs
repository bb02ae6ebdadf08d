//! The object store: sealed bytes under a content's id. It holds no name, no number and no key.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::OnceLock;

use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, MultipartUpload, ObjectStore, ObjectStoreExt as _, PutPayload};

use crate::base::id::{ContentId, TenantId};

/// How much is collected before it is written, in bytes: with a chunk on its way, what an upload needs of memory.
const PART: usize = 1 << 20;

/// Why the object store did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// The object is not there.
    #[error("the object is missing")]
    Missing,
    /// The store is away, full or refuses: the same call may succeed later.
    #[error("the object store is unavailable: {0}")]
    Unavailable(#[source] object_store::Error),
    /// The folder cannot be made.
    #[error("the folder of the objects cannot be made: {0}")]
    Folder(#[source] std::io::Error),
}

impl From<object_store::Error> for ObjectError {
    fn from(error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { .. } => Self::Missing,
            error => Self::Unavailable(error),
        }
    }
}

/// Where sealed objects lie.
#[derive(Debug)]
pub struct Objects {
    folder: PathBuf,
    store: OnceLock<LocalFileSystem>,
}

impl Objects {
    /// Objects in a folder. It is made at the first use, so that a service without a disk of its own starts and does all
    /// else. What was written is on the disk before anybody hears of it.
    #[must_use]
    pub const fn in_folder(folder: PathBuf) -> Self {
        Self { folder, store: OnceLock::new() }
    }

    fn store(&self) -> Result<&impl ObjectStore, ObjectError> {
        if let Some(store) = self.store.get() {
            return Ok(store);
        }
        std::fs::create_dir_all(&self.folder).map_err(ObjectError::Folder)?;
        let store = LocalFileSystem::new_with_prefix(&self.folder)?.with_fsync(true);
        Ok(self.store.get_or_init(|| store))
    }

    /// Begins an object. Until it is complete it has another name; dropped, it is gone.
    pub async fn create(&self, tenant: TenantId, id: ContentId) -> Result<Writing, ObjectError> {
        let upload = self.store()?.put_multipart(&name(tenant, id)).await?;
        Ok(Writing { upload, waiting: Vec::with_capacity(PART) })
    }

    /// The bytes of a range of an object, as they come.
    pub async fn read(
        &self,
        tenant: TenantId,
        id: ContentId,
        range: Range<u64>,
    ) -> Result<BoxStream<'static, Result<Vec<u8>, ObjectError>>, ObjectError> {
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        let object = self.store()?.get_opts(&name(tenant, id), options).await?;
        Ok(object.into_stream().map_ok(|bytes| bytes.to_vec()).map_err(ObjectError::from).boxed())
    }

    /// Deletes an object; one that is not there is none the less gone.
    pub async fn delete(&self, tenant: TenantId, id: ContentId) -> Result<(), ObjectError> {
        match self.store()?.delete(&name(tenant, id)).await.map_err(ObjectError::from) {
            Err(ObjectError::Missing) => Ok(()),
            deleted => deleted,
        }
    }
}

/// `TENANT/xx/ID`: the last two digits part the objects into folders of which none grows too long.
fn name(tenant: TenantId, id: ContentId) -> Path {
    let id = id.to_string();
    let folder = id.get(id.len() - 2..).unwrap_or_default();
    Path::from_iter([tenant.to_string().as_str(), folder, &id])
}

/// An object on its way into the store.
#[derive(Debug)]
pub struct Writing {
    upload: Box<dyn MultipartUpload>,
    waiting: Vec<u8>,
}

impl Writing {
    /// Where the next bytes are appended, before [`Writing::flush`].
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.waiting
    }

    /// Writes what was appended, once there is enough of it.
    pub async fn flush(&mut self) -> Result<(), ObjectError> {
        if self.waiting.len() < PART {
            return Ok(());
        }
        self.write().await
    }

    /// Writes the rest and gives the object its name.
    pub async fn complete(mut self) -> Result<(), ObjectError> {
        self.write().await?;
        self.upload.complete().await?;
        Ok(())
    }

    /// Leaves nothing of the object.
    pub async fn abort(mut self) -> Result<(), ObjectError> {
        Ok(self.upload.abort().await?)
    }

    async fn write(&mut self) -> Result<(), ObjectError> {
        let part = std::mem::replace(&mut self.waiting, Vec::with_capacity(PART));
        Ok(self.upload.put_part(PutPayload::from(part)).await?)
    }
}

//! The object store: sealed bytes under the id of their content and a generation. It contains no identifier and no key.

mod ledger;
mod listing;
mod reason;

use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path as FilePath, PathBuf};
use std::sync::{Arc, OnceLock};

use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
#[cfg(feature = "s3")]
use object_store::prefix::PrefixStore;
use object_store::{GetOptions, GetRange, MultipartUpload, ObjectStore, ObjectStoreExt as _, PutPayload};

use tokio::task::JoinHandle;

use crate::base::id::{ObjectId, TenantId};

use reason::reason_of;

pub use ledger::Ledger;

/// How much is collected before it is written to a folder, in bytes: with a chunk on its way, what an upload needs of
/// memory.
const PART: usize = 512 << 10;

/// The same for S3, which takes no smaller parts than 5 MiB and no more of them than 10,000.
#[cfg(feature = "s3")]
const PART_OF_S3: usize = 5 << 20;

/// How many files are deleted without a pause.
const TURN: usize = 16;

/// Why the object store did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    #[error("the object is missing")]
    Missing,
    /// The store is unavailable or full, or it refuses the call. The same call may succeed later.
    #[error("the object store is unavailable: {0}")]
    Unavailable(String),
    #[error("the write was interrupted")]
    Interrupted,
    #[error("timeout: the object store did not respond in time")]
    TimedOut,
    #[error("the object cannot be deleted: {0}")]
    Kept(#[source] std::io::Error),
    #[error("the folder of the objects cannot be created: {0}")]
    Folder(#[source] std::io::Error),
}

impl From<object_store::Error> for ObjectError {
    fn from(error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { .. } => Self::Missing,
            error => Self::Unavailable(reason_of(&error)),
        }
    }
}

/// Something of a store, as it comes.
pub type Flow<'f, T> = BoxStream<'f, Result<T, ObjectError>>;

#[derive(Debug)]
pub struct Objects {
    place: ObjectPlace,
    store: OnceLock<Arc<dyn ObjectStore>>,
}

#[derive(Clone, Debug)]
enum ObjectPlace {
    Folder(PathBuf),
    #[cfg(feature = "s3")]
    Bucket(Bucket),
}

/// A bucket of an S3 service. Settings that are not given are read from the environment, as AWS' own tools do (`AWS_…`,
/// the role of the pod or machine).
#[cfg(feature = "s3")]
#[derive(Clone, Debug, Default)]
pub struct Bucket {
    pub name: String,
    /// The beginning of the names of all objects.
    pub prefix: String,
    pub region: Option<String>,
    /// Where the service is, if it is not AWS.
    pub endpoint: Option<String>,
    /// The access key and its secret.
    pub access: Option<(String, secrecy::SecretString)>,
}

impl Objects {
    /// Objects in a folder. It is created at the first use, so that a service without a disk of its own starts and does all
    /// other work. A complete object is on the disk before its writer returns.
    #[must_use]
    pub const fn in_folder(folder: PathBuf) -> Self {
        Self { place: ObjectPlace::Folder(folder), store: OnceLock::new() }
    }

    #[cfg(feature = "s3")]
    #[must_use]
    pub const fn in_bucket(bucket: Bucket) -> Self {
        Self { place: ObjectPlace::Bucket(bucket), store: OnceLock::new() }
    }

    const fn place(&self) -> &ObjectPlace {
        &self.place
    }

    fn store(&self) -> Result<&dyn ObjectStore, ObjectError> {
        if let Some(store) = self.store.get() {
            return Ok(store.as_ref());
        }
        let store: Arc<dyn ObjectStore> = match &self.place {
            ObjectPlace::Folder(folder) => {
                std::fs::create_dir_all(folder).map_err(ObjectError::Folder)?;
                Arc::new(LocalFileSystem::new_with_prefix(folder)?.with_fsync(true))
            }
            #[cfg(feature = "s3")]
            ObjectPlace::Bucket(bucket) => Arc::new(bucket.open()?),
        };
        Ok(self.store.get_or_init(|| store).as_ref())
    }

    /// How much is collected before it is written, in bytes.
    pub const fn part(&self) -> usize {
        match self.place {
            ObjectPlace::Folder(_) => PART,
            #[cfg(feature = "s3")]
            ObjectPlace::Bucket(_) => PART_OF_S3,
        }
    }

    /// Begins an object. Until it is complete it has another name. If it is dropped, it is removed.
    pub async fn create(&self, tenant: TenantId, id: ObjectId) -> Result<Writing, ObjectError> {
        let upload = self.store()?.put_multipart(&name(tenant, id)).await?;
        Ok(Writing { upload, under_way: None })
    }

    /// The bytes of a range of an object, as they come. A missing folder is an error, and is not
    /// created: a reader knows of an object.
    pub async fn read(
        &self,
        tenant: TenantId,
        id: ObjectId,
        range: Range<u64>,
    ) -> Result<Flow<'static, Vec<u8>>, ObjectError> {
        if !self.is_made() {
            return Err(ObjectError::Folder(std::io::ErrorKind::NotFound.into()));
        }
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        let object = self.store()?.get_opts(&name(tenant, id), options).await?;
        Ok(object.into_stream().map_ok(|bytes| bytes.to_vec()).map_err(ObjectError::from).boxed())
    }

    /// The length of an object as it is stored, in bytes. A missing folder is an error, as for a reader.
    pub async fn size(&self, tenant: TenantId, id: ObjectId) -> Result<u64, ObjectError> {
        if !self.is_made() {
            return Err(ObjectError::Folder(std::io::ErrorKind::NotFound.into()));
        }
        Ok(self.store()?.head(&name(tenant, id)).await?.size)
    }

    /// Deletes an object. A missing object counts as deleted.
    pub async fn delete(&self, tenant: TenantId, id: ObjectId) -> Result<(), ObjectError> {
        self.delete_some(tenant, vec![id]).await.pop().map_or(Err(ObjectError::Interrupted), |(_, deleted)| deleted)
    }

    /// How many objects one turn of [`Objects::delete_some`] deletes: of a folder several, since handing a file over to another thread
    /// costs as much as to delete it.
    pub const fn turn(&self) -> usize {
        match self.place {
            ObjectPlace::Folder(_) => TURN,
            #[cfg(feature = "s3")]
            ObjectPlace::Bucket(_) => 1,
        }
    }

    /// Deletes some objects, each as [`Objects::delete`] does; one that is not named in the answer was not tried.
    pub async fn delete_some(&self, tenant: TenantId, ids: Vec<ObjectId>) -> Vec<(ObjectId, Result<(), ObjectError>)> {
        match &self.place {
            ObjectPlace::Folder(root) => {
                let root = root.clone();
                let unlink = move |id| (id, unlink(&root, tenant, id));
                tokio::task::spawn_blocking(move || ids.into_iter().map(unlink).collect()).await.unwrap_or_default()
            }
            #[cfg(feature = "s3")]
            ObjectPlace::Bucket(_) => {
                let mut deleted = Vec::with_capacity(ids.len());
                for id in ids {
                    let outcome = match self.store() {
                        Ok(store) => store.delete(&name(tenant, id)).await.map_err(ObjectError::from),
                        Err(error) => Err(error),
                    };
                    deleted.push((id, if matches!(outcome, Err(ObjectError::Missing)) { Ok(()) } else { outcome }));
                }
                deleted
            }
        }
    }
}

/// Deletes one object of a folder. If the whole folder is missing, it is unknown whether the object still exists.
fn unlink(root: &FilePath, tenant: TenantId, id: ObjectId) -> Result<(), ObjectError> {
    let place = root.join(name(tenant, id).as_ref());
    match std::fs::remove_file(&place) {
        Err(error) if error.kind() != ErrorKind::NotFound || !root.exists() => Err(ObjectError::Kept(error)),
        _ => {
            remove_folder_of(&place);
            Ok(())
        }
    }
}

/// Deletes the folder of a piece of content after its last object. A folder that is not empty stays.
fn remove_folder_of(place: &FilePath) {
    let _ = place.parent().map(std::fs::remove_dir);
}

#[cfg(feature = "s3")]
impl Bucket {
    fn open(&self) -> Result<PrefixStore<object_store::aws::AmazonS3>, ObjectError> {
        use secrecy::ExposeSecret as _;
        let mut builder = object_store::aws::AmazonS3Builder::from_env().with_bucket_name(&self.name);
        if let Some(region) = &self.region {
            builder = builder.with_region(region);
        }
        if let Some(endpoint) = &self.endpoint {
            builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://"));
        }
        if let Some((id, secret)) = &self.access {
            builder = builder.with_access_key_id(id).with_secret_access_key(secret.expose_secret());
        }
        Ok(PrefixStore::new(builder.build()?, self.prefix.as_str()))
    }
}

/// `TENANT/xx/ID/GENERATION`: the last two digits of the id part the content into folders of which none grows too long.
#[must_use]
pub fn name(tenant: TenantId, id: ObjectId) -> Path {
    let (generation, id) = (id.generation.to_string(), id.id.to_string());
    let folder = id.get(id.len() - 2..).unwrap_or_default();
    Path::from_iter([tenant.to_string().as_str(), folder, &id, &generation])
}

/// An object on its way into the store.
#[derive(Debug)]
pub struct Writing {
    upload: Box<dyn MultipartUpload>,
    /// The part that is being written while the next one is made.
    under_way: Option<JoinHandle<object_store::Result<()>>>,
}

impl Writing {
    /// Writes the next part: of [`Objects::part`] bytes at least, but for the last.
    pub async fn put(&mut self, part: Vec<u8>) -> Result<(), ObjectError> {
        self.written().await?;
        self.under_way = Some(tokio::spawn(self.upload.put_part(PutPayload::from(part))));
        Ok(())
    }

    pub async fn complete(mut self) -> Result<(), ObjectError> {
        self.written().await?;
        self.upload.complete().await?;
        Ok(())
    }

    pub async fn abort(mut self) -> Result<(), ObjectError> {
        // A part that could not be written needs no removal.
        drop(self.written().await);
        Ok(self.upload.abort().await?)
    }

    /// Waits for the part that is being written.
    async fn written(&mut self) -> Result<(), ObjectError> {
        let Some(part) = self.under_way.take() else { return Ok(()) };
        Ok(part.await.map_err(|_| ObjectError::Interrupted)??)
    }
}

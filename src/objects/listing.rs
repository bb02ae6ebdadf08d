//! The object store folder by folder, for the check of objects against rows.

use std::path::Path as FilePath;

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt as _;
use object_store::ObjectStoreExt as _;
use object_store::path::Path;

use super::{ObjectError, ObjectPlace, Objects, name};
use crate::base::id::{ContentId, Generation, ObjectId, TenantId};

impl Objects {
    /// The folders in which a tenant has objects, in their order.
    pub async fn folders(&self, tenant: TenantId) -> Result<Vec<u8>, ObjectError> {
        if !self.is_made() {
            return Ok(Vec::new());
        }
        let listed = self.store()?.list_with_delimiter(Some(&Path::from(tenant.to_string()))).await?;
        let number = |folder: &Path| folder.filename().and_then(|name| u8::from_str_radix(name, 16).ok());
        let mut folders: Vec<_> = listed.common_prefixes.iter().filter_map(number).collect();
        folders.sort_unstable();
        Ok(folders)
    }

    /// The objects of one folder of a tenant. Files with other names are left out.
    pub async fn list(&self, tenant: TenantId, folder: u8) -> Result<Vec<ObjectId>, ObjectError> {
        let folder = Path::from_iter([tenant.to_string(), format!("{folder:02x}")]);
        let listed: Vec<_> = self.store()?.list(Some(&folder)).try_collect().await?;
        let known = |object: &object_store::ObjectMeta| {
            let mut parts = object.location.parts().map(|part| part.as_ref().parse().ok()).rev();
            let (generation, id) = (Generation(parts.next()??), ContentId(parts.next()??));
            Some(ObjectId { id, generation }).filter(|id| object.location == name(tenant, *id))
        };
        Ok(listed.iter().filter_map(known).collect())
    }

    /// Whether an object exists. A missing folder is an error, because the caller knows of an object.
    pub async fn has(&self, tenant: TenantId, id: ObjectId) -> Result<bool, ObjectError> {
        if !self.is_made() {
            return Err(ObjectError::Folder(std::io::ErrorKind::NotFound.into()));
        }
        match self.store()?.head(&name(tenant, id)).await.map_err(ObjectError::from) {
            Ok(_) => Ok(true),
            Err(ObjectError::Missing) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Deletes what uploads that broke off before an instant left in one folder of a tenant: in a folder, an object that is not
    /// complete lies beside the others with a `#` in its name. Of S3 its own rules clear such away. Returns how many.
    pub async fn remove_drafts(&self, tenant: TenantId, folder: u8, before: DateTime<Utc>) -> Result<u64, ObjectError> {
        match self.place() {
            ObjectPlace::Folder(root) => {
                let folder = root.join(tenant.to_string()).join(format!("{folder:02x}"));
                let removed = tokio::task::spawn_blocking(move || remove_drafts(&folder, before)).await;
                removed.map_err(|_| ObjectError::Missing)?.map_err(ObjectError::Folder)
            }
            #[cfg(feature = "s3")]
            ObjectPlace::Bucket(_) => Ok(0),
        }
    }

    /// Whether there is a store to look into: a folder is made at the first use.
    pub fn is_made(&self) -> bool {
        match self.place() {
            ObjectPlace::Folder(root) => root.exists(),
            #[cfg(feature = "s3")]
            ObjectPlace::Bucket(_) => true,
        }
    }
}

fn remove_drafts(folder: &FilePath, before: DateTime<Utc>) -> std::io::Result<u64> {
    // A file that is missing by now has become an object.
    let is_old = |place: &FilePath| {
        let written = place.metadata().and_then(|metadata| metadata.modified());
        written.is_ok_and(|written| DateTime::<Utc>::from(written) < before)
    };
    let mut removed = 0;
    for content in std::fs::read_dir(folder)? {
        let content = content?.path();
        for entry in std::fs::read_dir(&content).into_iter().flatten() {
            let draft = entry?.path();
            let is_draft = draft.file_name().is_some_and(|name| name.to_string_lossy().contains('#'));
            removed += u64::from(is_draft && is_old(&draft) && std::fs::remove_file(&draft).is_ok());
        }
        // An upload that broke off leaves an empty folder. A folder with an object is not removed.
        if is_old(&content) {
            let _ = std::fs::remove_dir(&content);
        }
    }
    Ok(removed)
}

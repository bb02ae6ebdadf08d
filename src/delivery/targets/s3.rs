//! A bucket. A file appears in it only when it is whole, so that no other name is needed.

use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{Certificate, ClientOptions, Error, MultipartUpload, ObjectStoreExt as _, PutPayload, RetryConfig};
use secrecy::ExposeSecret as _;

use super::{Reach, read_file, within};
use crate::delivery::model::{AttemptError, SendError};
use crate::delivery::payload::PayloadBody;
use crate::outbox::Destination;
use crate::vault::DeliverySecret;

/// The size of a part, in bytes. S3 accepts parts from 5 MiB on, and at most 10,000 of them.
const PART: usize = 8 << 20;

/// A bucket and the prefix of the names in it.
pub struct BucketTarget {
    store: AmazonS3,
    prefix: Vec<String>,
    /// A file that is written but not complete.
    written: Option<Box<dyn MultipartUpload>>,
    timeout: Duration,
}

impl BucketTarget {
    /// The bucket. No request is sent yet.
    pub async fn open(
        (bucket, prefix): (&str, &[String]),
        destination: &Destination,
        secret: Option<&DeliverySecret>,
        reach: &Reach,
    ) -> Result<Self, SendError> {
        let (Some(key), Some(DeliverySecret::Password(secret))) = (&destination.access_key_id, secret) else {
            return Err(SendError::AuthFailed);
        };
        let mut client = ClientOptions::new().with_connect_timeout(reach.timeout).with_timeout_disabled();
        if let Some(file) = &reach.ca_file {
            let text = read_file(file).await?;
            for certificate in Certificate::from_pem_bundle(&text).map_err(|_| SendError::CertificateInvalid)? {
                client = client.with_root_certificate(certificate);
            }
        }
        // The worker tries a failed transfer again, not this client.
        let retries = RetryConfig { max_retries: 0, ..RetryConfig::default() };
        // The environment is not read: the service's own keys must not be sent to the tenant's bucket.
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(bucket)
            .with_access_key_id(key)
            .with_secret_access_key(secret.expose_secret())
            .with_region(destination.region.as_deref().unwrap_or("us-east-1"))
            .with_retry(retries);
        if let Some(endpoint) = &destination.endpoint {
            let is_plain = endpoint.starts_with("http://");
            client = client.with_allow_http(is_plain);
            builder = builder.with_endpoint(endpoint);
        }
        let store = builder.with_client_options(client).build().map_err(|_| SendError::Refused)?;
        Ok(Self { store, prefix: prefix.to_vec(), written: None, timeout: reach.timeout })
    }

    fn path(&self, name: &str) -> Path {
        self.prefix.iter().map(String::as_str).chain([name]).collect()
    }

    pub async fn size(&mut self, name: &str) -> Result<Option<u64>, SendError> {
        let (store, path) = (&self.store, self.path(name));
        within(self.timeout, async {
            match store.head(&path).await {
                Ok(found) => Ok(Some(found.size)),
                Err(Error::NotFound { .. }) => Ok(None),
                Err(error) => Err(of_s3(&error)),
            }
        })
        .await
    }

    /// Sends all parts. A bucket needs no name for a partial file.
    pub async fn write(&mut self, name: &str, body: &mut PayloadBody) -> Result<(), AttemptError> {
        let own = name.rsplit_once('.').and_then(|(rest, _)| rest.rsplit_once('.')).map_or(name, |(own, _)| own);
        let (store, path) = (&self.store, self.path(own));
        let mut upload =
            within(self.timeout, async { store.put_multipart(&path).await.map_err(|error| of_s3(&error)) }).await?;
        let sent = send(self.timeout, upload.as_mut(), body).await;
        if let Err(failed) = sent {
            let _ = within(self.timeout, async { upload.abort().await.map_err(|error| of_s3(&error)) }).await;
            return Err(failed);
        }
        self.written = Some(upload);
        Ok(())
    }

    pub async fn rename(&mut self, _: &str, _: &str) -> Result<(), SendError> {
        let Some(mut upload) = self.written.take() else { return Err(SendError::Internal) };
        within(self.timeout, async { upload.complete().await.map(drop).map_err(|error| of_s3(&error)) }).await
    }

    /// Aborts the upload of a file that is not complete.
    pub async fn remove(&mut self, _: &str) -> Result<(), SendError> {
        let Some(mut upload) = self.written.take() else { return Ok(()) };
        within(self.timeout, async { upload.abort().await.map_err(|error| of_s3(&error)) }).await
    }
}

/// Sends all parts, and at least one, because S3 does not accept an object without parts.
async fn send(timeout: Duration, upload: &mut dyn MultipartUpload, body: &mut PayloadBody) -> Result<(), AttemptError> {
    let (mut waiting, mut is_first) = (Vec::new(), true);
    loop {
        let bytes = body.next().await?;
        let is_end = bytes.is_none();
        waiting.extend_from_slice(&bytes.unwrap_or_default());
        if waiting.len() >= PART || is_end && (is_first || !waiting.is_empty()) {
            let part = PutPayload::from(std::mem::take(&mut waiting));
            within(timeout.max(Duration::from_mins(2)), async {
                upload.put_part(part).await.map_err(|error| of_s3(&error))
            })
            .await?;
            is_first = false;
        }
        if is_end {
            return Ok(());
        }
    }
}

fn of_s3(error: &Error) -> SendError {
    match error {
        Error::NotFound { .. } => SendError::FolderMissing,
        Error::PermissionDenied { .. } => SendError::Permission,
        Error::Unauthenticated { .. } => SendError::AuthFailed,
        Error::Generic { source, .. } => of_source(source.as_ref()),
        _ => SendError::Refused,
    }
}

/// Finds the I/O error among the causes of an error.
fn of_source(error: &(dyn std::error::Error + 'static)) -> SendError {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            return super::of_io(error);
        }
        cause = error.source();
    }
    SendError::Refused
}

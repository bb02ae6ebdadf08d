//! Deliveries and their targets in JSON.

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::base::id::{ContentId, DeliveryId, RecordId};
use crate::delivery::{AddressError, Delivery, DeliveryState, Destination, NewDestination};
use crate::http::FieldError;
use crate::http::query::Limit;
use crate::vault::DeliverySecret;

/// The delivery target of a tenant.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "url": "sftp://lethe@files.example/inbox", "password": "…",
    "host_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHVtOPdYkLFm2R/6qhxt7AuxTyBqBb+PPdGMIRmaWsO2"
}))]
pub struct DeliveryTarget {
    /// The address, without a password: `sftp://user@host:port/folder`, `ftps://…`, `ftp://…`, `s3://bucket/prefix`, or
    /// `file:///folder`.
    #[schema(max_length = 500)]
    url: String,
    /// The password, or the secret of the access key.
    #[serde(default)]
    #[schema(write_only, max_length = 16384)]
    password: Option<String>,
    /// For `sftp://`: an OpenSSH private key without a passphrase, instead of a password, or together with one if the
    /// server asks for both.
    #[serde(default)]
    #[schema(write_only, max_length = 16384)]
    private_key: Option<String>,
    /// For `sftp://`: the server's public key, or its `SHA256:` fingerprint. For `ftps://`, if it is given: `SHA256:` and
    /// the hexadecimal fingerprint of the server's certificate. The service never logs in to a server with another one.
    #[serde(default)]
    #[schema(max_length = 16384)]
    host_key: Option<String>,
    /// For `s3://`: the address of the service, unless it is AWS.
    #[serde(default)]
    #[schema(max_length = 200)]
    endpoint: Option<String>,
    /// For `s3://`: the region of the bucket. The default is `us-east-1`.
    #[serde(default)]
    #[schema(max_length = 200)]
    region: Option<String>,
    /// For `s3://`: the access key.
    #[serde(default)]
    #[schema(max_length = 200)]
    access_key_id: Option<String>,
    /// Whether each file is written under a name with `.part` and renamed when it is complete, which is the default.
    /// `false` is for servers that rename nothing.
    #[serde(default = "yes")]
    #[schema(required = false)]
    rename: bool,
}

const fn yes() -> bool {
    true
}

impl DeliveryTarget {
    /// The target, or the errors of its fields.
    pub fn read(self) -> Result<NewDestination, Vec<FieldError>> {
        let Self { url, password, private_key, host_key, endpoint, region, access_key_id, rename: renames } = self;
        let address =
            url.parse().map_err(|error: AddressError| vec![FieldError::at("/url", "format", error.to_string())])?;
        let secret = match (password, private_key) {
            (password, Some(key)) => {
                Some(DeliverySecret::PrivateKey(SecretString::from(key), password.map(SecretString::from)))
            }
            (Some(password), None) => Some(DeliverySecret::Password(SecretString::from(password))),
            (None, None) => None,
        };
        Ok(NewDestination { address, secret, host_key, endpoint, region, access_key_id, renames })
    }
}

/// The delivery target of a tenant, without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "url": "sftp://lethe@files.example:22/inbox",
    "host_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHVtOPdYkLFm2R/6qhxt7AuxTyBqBb+PPdGMIRmaWsO2",
    "endpoint": null, "region": null, "access_key_id": null, "rename": true, "updated_at": "2026-08-03T12:00:00Z"
}))]
pub struct DeliveryTargetItem {
    /// The address, without a password.
    #[schema(example = "sftp://lethe@files.example:22/inbox")]
    pub url: String,
    /// For `sftp://`: the server's public key.
    #[schema(required)]
    pub host_key: Option<String>,
    /// For `s3://`: the address of the service, unless it is AWS.
    #[schema(required)]
    pub endpoint: Option<String>,
    /// For `s3://`: the region of the bucket.
    #[schema(required)]
    pub region: Option<String>,
    /// For `s3://`: the access key.
    #[schema(required)]
    pub access_key_id: Option<String>,
    /// Whether each file gets its name when it is complete.
    pub rename: bool,
    /// The time at which the target was set.
    pub updated_at: DateTime<Utc>,
}

impl From<Destination> for DeliveryTargetItem {
    fn from(destination: Destination) -> Self {
        let Destination { url, host_key, endpoint, region, access_key_id, renames, updated_at } = destination;
        Self { url, host_key, endpoint, region, access_key_id, rename: renames, updated_at }
    }
}

/// The delivery of one recording to the tenant.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Delivery, example = json!({
    "id": "0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f51", "content_id": "0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f21",
    "interaction_id": "0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f11", "state": "pending", "attempts": 1,
    "next_at": "2026-08-03T12:05:00Z", "last_error": "connection_refused", "file_names": [],
    "created_at": "2026-08-03T12:00:00Z", "delivered_at": null
}))]
pub struct DeliveryItem {
    /// The id of the delivery.
    pub id: DeliveryId,
    /// The recording.
    pub content_id: ContentId,
    /// The interaction that the recording belongs to.
    pub interaction_id: RecordId,
    /// The state of the delivery.
    pub state: DeliveryState,
    /// The number of attempts.
    pub attempts: i32,
    /// The time of the next attempt. It is null unless the delivery is pending.
    #[schema(required)]
    pub next_at: Option<DateTime<Utc>>,
    /// The reason of the last failure, of the hold, or of the cancellation, as a stable code.
    #[schema(required, example = "connection_refused")]
    pub last_error: Option<String>,
    /// The names of the files at the target: the recording and its metadata. If the delivery is not `delivered`, a
    /// failed attempt may have left these files there. No name contains an identifier.
    #[schema(example = json!(["20260731T221010Z_0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f21.wav.pgp", "20260731T221010Z_0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f21.xml"]))]
    pub file_names: Vec<String>,
    /// The time at which the recording was stored.
    pub created_at: DateTime<Utc>,
    /// The time at which both files were at the target.
    #[schema(required)]
    pub delivered_at: Option<DateTime<Utc>>,
}

impl From<Delivery> for DeliveryItem {
    fn from(delivery: Delivery) -> Self {
        let Delivery { id, content, interaction, state, attempts, next_at, last_error, file_names, .. } = delivery;
        Self {
            id,
            content_id: content,
            interaction_id: interaction,
            state,
            attempts,
            next_at: (state == DeliveryState::Pending).then_some(next_at),
            last_error,
            file_names,
            created_at: delivery.created_at,
            delivered_at: delivery.delivered_at,
        }
    }
}

/// The query of a list of deliveries.
#[derive(Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeliveryListing {
    /// The state that the listed deliveries have.
    pub state: Option<DeliveryState>,
    /// The `next_cursor` of the previous page.
    #[param(format = "cursor")]
    pub cursor: Option<String>,
    /// The largest number of items in the page.
    #[param(inline)]
    pub limit: Limit,
}

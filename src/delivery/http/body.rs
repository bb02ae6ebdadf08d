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

/// Where recordings are to be delivered.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "url": "sftp://lethe@files.example/inbox", "password": "…", "host_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI…"
}))]
pub struct DeliveryTarget {
    /// The address, without a password: `sftp://user@host:port/folder`, `ftps://…`, `ftp://…`, `s3://bucket/prefix` or
    /// `file:///folder`.
    #[schema(max_length = 500)]
    url: String,
    /// The password, or the secret of the access key.
    #[serde(default)]
    #[schema(write_only, max_length = 16384)]
    password: Option<String>,
    /// `sftp://`: a private key of OpenSSH without a passphrase, instead of a password.
    #[serde(default)]
    #[schema(write_only, max_length = 16384)]
    private_key: Option<String>,
    /// `sftp://`: the server's public key, or its `SHA256:` fingerprint. A server with another key is never logged in to.
    #[serde(default)]
    #[schema(max_length = 16384)]
    host_key: Option<String>,
    /// `s3://`: where the service is, if it is not AWS.
    #[serde(default)]
    #[schema(max_length = 200)]
    endpoint: Option<String>,
    /// `s3://`: the bucket's region; `us-east-1` where nothing is said.
    #[serde(default)]
    #[schema(max_length = 200)]
    region: Option<String>,
    /// `s3://`: the access key.
    #[serde(default)]
    #[schema(max_length = 200)]
    access_key_id: Option<String>,
}

impl DeliveryTarget {
    /// The target as it was meant, or what is wrong with it.
    pub fn read(self) -> Result<NewDestination, Vec<FieldError>> {
        let Self { url, password, private_key, host_key, endpoint, region, access_key_id } = self;
        let address =
            url.parse().map_err(|error: AddressError| vec![FieldError::at("/url", "format", error.to_string())])?;
        let secret = match (password, private_key) {
            (Some(_), Some(_)) => {
                return Err(vec![FieldError::at("/private_key", "format", "must not stand beside a password")]);
            }
            (Some(password), None) => Some(DeliverySecret::Password(SecretString::from(password))),
            (None, Some(key)) => Some(DeliverySecret::PrivateKey(SecretString::from(key))),
            (None, None) => None,
        };
        Ok(NewDestination { address, secret, host_key, endpoint, region, access_key_id })
    }
}

/// Where recordings are delivered.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryTargetItem {
    /// The address.
    #[schema(example = "sftp://lethe@files.example:22/inbox")]
    pub url: String,
    /// `sftp://`: the server's public key.
    pub host_key: Option<String>,
    /// `s3://`: where the service is, if it is not AWS.
    pub endpoint: Option<String>,
    /// `s3://`: the bucket's region.
    pub region: Option<String>,
    /// `s3://`: the access key.
    pub access_key_id: Option<String>,
    /// When it was set.
    pub updated_at: DateTime<Utc>,
}

impl From<Destination> for DeliveryTargetItem {
    fn from(destination: Destination) -> Self {
        let Destination { url, host_key, endpoint, region, access_key_id, updated_at } = destination;
        Self { url, host_key, endpoint, region, access_key_id, updated_at }
    }
}

/// One recording on its way to the tenant.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "Delivery")]
pub struct DeliveryItem {
    /// Its id.
    pub id: DeliveryId,
    /// What is delivered.
    pub content_id: ContentId,
    /// The interaction that it belongs to.
    pub interaction_id: RecordId,
    /// How it stands.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: i32,
    /// When it is tried next; null unless it is pending.
    pub next_at: Option<DateTime<Utc>>,
    /// Why it failed last, or why it is held or cancelled, as a stable word.
    #[schema(example = "connection_refused")]
    pub last_error: Option<String>,
    /// What lies at the target: the recording and its metadata; of a delivery that is not `delivered`, what an attempt that was
    /// broken off may have left there. No name holds an identifier.
    #[schema(example = json!(["20260731T221010Z_0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f21.wav.pgp", "20260731T221010Z_0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f21.xml"]))]
    pub file_names: Vec<String>,
    /// When the recording was stored.
    pub created_at: DateTime<Utc>,
    /// When both files were at the target.
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

/// Which deliveries a list has.
#[derive(Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeliveryListing {
    /// Only those in this state.
    pub state: Option<DeliveryState>,
    /// `next_cursor` of the page before.
    #[param(format = "cursor")]
    pub cursor: Option<String>,
    /// The most items.
    #[param(inline)]
    pub limit: Limit,
}

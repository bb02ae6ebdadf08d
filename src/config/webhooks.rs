//! Settings of webhooks.

use std::path::PathBuf;

use serde::Deserialize;

use super::{ConfigError, layers, values};
use crate::base::network::Network;

/// The settings of the messages to webhooks.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookConfig {
    /// Private networks to which messages may be sent.
    #[serde(deserialize_with = "layers::list")]
    pub allow: Vec<String>,
    /// Certificates (PEM) of authorities for receivers, in addition to those that the system trusts.
    pub ca_file: Option<PathBuf>,
}

impl WebhookConfig {
    /// The private networks to which messages may be sent.
    pub fn networks(&self) -> Result<Vec<Network>, ConfigError> {
        let networks = self.allow.iter().map(|text| text.parse()).collect::<Result<_, _>>();
        networks.map_err(|_| ConfigError::new("webhooks.allow", "must be networks, such as 10.1.0.0/16"))
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        self.networks()?;
        values::has_certificates("webhooks.ca_file", self.ca_file.as_deref())
    }
}

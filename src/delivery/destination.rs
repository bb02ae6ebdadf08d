//! A tenant's destination. It is set, shown without its secret, and removed.

use secrecy::ExposeSecret;
use serde_json::json;

use super::address::{Address, FtpTls};
use super::model::{DeliveryError, NewDestination, SendError};
use super::targets::TargetSession;
use crate::audit::{self, Action, Entry};
use crate::base::actor::Actor;
use crate::base::id::TenantId;
use crate::outbox::{self, Destination};
use crate::tenants;
use crate::vault::{self, AppContext, DeliverySecret};

pub async fn find(stores: &AppContext, tenant: TenantId) -> Result<Option<Destination>, DeliveryError> {
    Ok(outbox::destination(&mut stores.archive.read().await?, tenant).await?)
}

/// Sets the tenant's destination in place of the one before. Held deliveries are tried there.
///
/// The secret is written first. It can be opened for this address only, so that a worker with the old address does not
/// send it to the old server.
pub async fn set(stores: &AppContext, actor: &Actor, new: NewDestination) -> Result<Destination, DeliveryError> {
    let tenant = tenants::find(&mut stores.archive.read().await?, actor.tenant).await?;
    new.check(tenant.settings.recordings.allow_plain_ftp)?;
    let NewDestination { address, secret, host_key, endpoint, region, access_key_id, renames } = new;
    let now = stores.clock.now();
    let url = address.to_url();
    let destination = Destination { url, host_key, endpoint, region, access_key_id, renames, updated_at: now };
    let keyset = stores.keysets.get(&stores.vault, actor.tenant).await?;
    let mut tx = stores.vault.write().await?;
    match secret {
        Some(secret) => vault::keep_delivery_secret(&mut tx, &keyset, &destination.url, &secret).await?,
        None => drop(vault::drop_delivery_secret(&mut tx, actor.tenant).await?),
    }
    tx.commit().await?;
    let mut tx = stores.archive.write().await?;
    outbox::upsert_destination(&mut tx, actor.tenant, &destination).await?;
    let released = outbox::release_all(&mut tx, actor.tenant, now).await?;
    let scheme = destination.url.split_once(':').map_or("", |(scheme, _)| scheme);
    let entry = Entry::new(Action::DeliveryTargetSet, 0, json!({ "scheme": scheme, "released": released }));
    audit::record(&mut tx, stores.clock, actor, &entry).await?;
    tx.commit().await?;
    Ok(destination)
}

/// Removes the tenant's destination. Pending deliveries are held. Returns whether there was a destination.
pub async fn remove(stores: &AppContext, actor: &Actor) -> Result<bool, DeliveryError> {
    let now = stores.clock.now();
    let mut tx = stores.archive.write().await?;
    if outbox::delete_destination(&mut tx, actor.tenant).await? == 0 {
        return Ok(false);
    }
    let held = outbox::hold_all(&mut tx, actor.tenant, SendError::TargetMissing.as_str(), now).await?;
    let entry = Entry::new(Action::DeliveryTargetRemoved, 0, json!({ "held": held }));
    audit::record(&mut tx, stores.clock, actor, &entry).await?;
    tx.commit().await?;
    let mut tx = stores.vault.write().await?;
    vault::drop_delivery_secret(&mut tx, actor.tenant).await?;
    tx.commit().await?;
    Ok(true)
}

/// The largest size of a secret, in bytes. An RSA key of 16384 bits is shorter.
const LONGEST_SECRET: usize = 16 << 10;

impl NewDestination {
    /// Checks that the fields are exactly those that the address needs (B8).
    fn check(&self, allow_plain_ftp: bool) -> Result<(), DeliveryError> {
        let rule = |pointer, code, rule| Err(DeliveryError::Rule(pointer, code, rule));
        let Self { address, secret, host_key, endpoint, region, access_key_id, renames } = self;
        let (password, private_key) = match secret {
            Some(DeliverySecret::Password(password)) => (Some(password), None),
            Some(DeliverySecret::PrivateKey(key, password)) => (password.as_ref(), Some(key)),
            None => (None, None),
        };
        for (pointer, text) in [("/password", password), ("/private_key", private_key)] {
            let Some(text) = text.map(ExposeSecret::expose_secret) else { continue };
            if text.is_empty() || text.len() > LONGEST_SECRET {
                return rule(pointer, "out_of_range", "must be 1 to 16384 bytes");
            }
            if text.chars().any(|c| c.is_control() && (pointer == "/password" || !c.is_ascii_whitespace())) {
                return rule(pointer, "format", "must not contain control characters");
            }
        }
        let is_s3 = matches!(address, Address::S3 { .. });
        if !is_s3 && (endpoint.is_some() || region.is_some() || access_key_id.is_some()) {
            return rule("/endpoint", "format", "endpoint, region, and access_key_id are allowed for s3:// only");
        }
        if !renames && !matches!(address, Address::Sftp(_) | Address::Ftp { .. }) {
            return rule("/rename", "format", "false is allowed for sftp://, ftps://, and ftp:// only");
        }
        let has_tls = matches!(address, Address::Ftp { tls: FtpTls::Explicit | FtpTls::Implicit, .. });
        if host_key.is_some() && !has_tls && !matches!(address, Address::Sftp(_)) {
            return rule("/host_key", "format", "is allowed for sftp:// and ftps:// only");
        }
        if private_key.is_some() && !matches!(address, Address::Sftp(_)) {
            return rule("/private_key", "format", "is allowed for sftp:// only");
        }
        if !TargetSession::is_built_in(address) {
            return Err(DeliveryError::NotBuiltIn);
        }
        match address {
            Address::Folder(_) if secret.is_some() => rule("/password", "format", "is not allowed for file:///"),
            Address::Folder(_) => Ok(()),
            _ if secret.is_none() => {
                rule("/password", "required", "is required; for sftp://, a private_key may be sent instead, or as well")
            }
            Address::Ftp { tls: FtpTls::None, .. } if !allow_plain_ftp => rule(
                "/url",
                "plain_ftp_not_allowed",
                "must not begin with ftp://, unless the tenant's setting recordings.allow_plain_ftp is true",
            ),
            Address::Ftp { .. } => self.check_ftp(),
            Address::S3 { .. } => self.check_s3(),
            Address::Sftp(_) => self.check_sftp(),
        }
    }

    fn check_s3(&self) -> Result<(), DeliveryError> {
        let rule = |pointer, code, rule| Err(DeliveryError::Rule(pointer, code, rule));
        let is_word =
            |text: &String| (1..=200).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !self.access_key_id.as_ref().is_some_and(is_word) {
            return rule("/access_key_id", "required", "is required for s3://");
        }
        if self.region.as_ref().is_some_and(|region| !is_word(region)) {
            return rule("/region", "format", "must be a region, such as eu-north-1");
        }
        let is_url = |url: &String| {
            is_word(url)
                && url.split_once("://").is_some_and(|(scheme, rest)| {
                    ["https", "http"].contains(&scheme) && !rest.is_empty() && !rest.contains(['@', '?', '#'])
                })
        };
        if self.endpoint.as_ref().is_some_and(|endpoint| !is_url(endpoint)) {
            return rule("/endpoint", "format", "must be an address, such as https://s3.example");
        }
        Ok(())
    }

    #[cfg(feature = "ftp")]
    fn check_ftp(&self) -> Result<(), DeliveryError> {
        let rule = "must be the certificate's SHA-256 fingerprint: SHA256: and 64 hexadecimal digits";
        match &self.host_key {
            Some(text) if super::targets::read_fingerprint(text).is_none() => {
                Err(DeliveryError::Rule("/host_key", "format", rule))
            }
            _ => Ok(()),
        }
    }

    #[cfg(not(feature = "ftp"))]
    fn check_ftp(&self) -> Result<(), DeliveryError> {
        Err(DeliveryError::NotBuiltIn)
    }

    #[cfg(feature = "sftp")]
    fn check_sftp(&self) -> Result<(), DeliveryError> {
        use super::targets::{read_host_key, read_private_key};
        let rule = |pointer, code, rule| Err(DeliveryError::Rule(pointer, code, rule));
        let Some(host_key) = &self.host_key else {
            return rule("/host_key", "required", "is required: ssh-ed25519 AAAA…, or SHA256:…");
        };
        if host_key.len() > LONGEST_SECRET || read_host_key(host_key).is_none() {
            return rule("/host_key", "format", "must be an OpenSSH public key, or its SHA256 fingerprint");
        }
        match &self.secret {
            Some(DeliverySecret::PrivateKey(text, _)) if read_private_key(text.expose_secret()).is_none() => {
                rule("/private_key", "format", "must be an OpenSSH private key without a passphrase")
            }
            _ => Ok(()),
        }
    }

    #[cfg(not(feature = "sftp"))]
    fn check_sftp(&self) -> Result<(), DeliveryError> {
        Err(DeliveryError::NotBuiltIn)
    }
}

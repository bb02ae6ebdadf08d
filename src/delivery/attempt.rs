//! One attempt at one delivery. It reads the current state, opens the target, writes both files, and renames them.

use std::collections::HashMap;

use serde_json::json;

use super::address::{Address, FtpTls};
use super::context::DeliveryWorker;
use super::metadata::{InteractionMetadata, Metadata, RecordingMetadata};
use super::model::{Addressee, AttemptError, DeliveryError, SendError};
use super::payload::{EncryptionPlan, FileNames, PayloadBody, part};
use super::targets::{Reach, TargetSession};
use crate::archive::{self, Channel, CustomerField, Direction, Record};
use crate::audit::{self, Action, Entry, Grant};
use crate::base::actor::Actor;
use crate::base::hex::hex;
use crate::base::id::IdentifierId;
use crate::content::{self, Content};
use crate::outbox::{self, ClaimedDelivery, Destination};
use crate::recording_keys;
use crate::tenants::{self, Tenant};
use crate::vault::{self, DeliverySecret};

/// The state of a delivery when an attempt begins.
pub struct Attempt<'a> {
    worker: &'a DeliveryWorker,
    tenant: &'a Tenant,
    claim: ClaimedDelivery,
    content: Content,
    record: Record<archive::Interaction>,
    plan: EncryptionPlan,
    names: FileNames,
    address: Address,
    destination: Destination,
    secret: Option<DeliverySecret>,
}

impl<'a> Attempt<'a> {
    /// Decides whether the delivery may be made, and how. It reads after the claim, so that it sees every deletion and
    /// every forgotten customer before the claim.
    pub async fn prepare(
        worker: &'a DeliveryWorker,
        tenant: &'a Tenant,
        claim: ClaimedDelivery,
    ) -> Result<Self, AttemptError> {
        let stores = &worker.stores;
        let mut tx = stores.archive.read().await.map_err(DeliveryError::from)?;
        let destination = outbox::destination(&mut tx, tenant.id).await.map_err(DeliveryError::from)?;
        let destination = destination.ok_or(SendError::TargetMissing)?;
        // A round may last for hours, so the settings are read again.
        let settings = tenants::find(&mut tx, tenant.id).await.map_err(DeliveryError::from)?.settings.recordings;
        let record = archive::find(&mut tx, tenant.id, claim.interaction).await;
        let last_error = outbox::last_error(&mut tx, tenant.id, claim.id).await.map_err(DeliveryError::from)?;
        drop(tx);
        let record = record.map_err(DeliveryError::from)?.ok_or(AttemptError::Forgotten)?;
        if [record.phone, record.email, record.name].contains(&CustomerField::Forgotten) {
            return Err(AttemptError::Forgotten);
        }
        let content = content::find(stores, tenant.id, claim.content).await.map_err(DeliveryError::from)?;
        // The content is being deleted, and its delivery is cancelled with it.
        let content = content.ok_or(AttemptError::Lost)?;
        let address = Address::of(&destination).map_err(DeliveryError::from)?;
        if matches!(address, Address::Ftp { tls: FtpTls::None, .. }) && !settings.allow_plain_ftp {
            return Err(SendError::PlainFtpNotAllowed.into());
        }
        let key = recording_keys::find(stores, tenant.id).await.map_err(DeliveryError::from)?;
        // A delivery that waits for a new key is not made in clear because the old key was removed (B8).
        let waits_for_key = last_error.is_some_and(|error| error == SendError::RecordingKeyExpired.as_str());
        if waits_for_key && key.is_none() && settings.encrypt {
            return Err(SendError::RecordingKeyExpired.into());
        }
        let plan = EncryptionPlan::new(&content, &settings, key, stores.clock.now())?;
        let keyset = stores.keysets.get(&stores.vault, tenant.id).await.map_err(DeliveryError::from)?;
        let secret = if matches!(address, Address::Folder(_)) {
            None
        } else {
            let mut tx = stores.vault.read().await.map_err(DeliveryError::from)?;
            // A secret that does not open was stored for another address: the destination is being changed.
            vault::delivery_secret(&mut tx, &keyset, &destination.url).await.map_err(|error| match error {
                vault::VaultError::Crypto(_) => AttemptError::Send(SendError::TargetChanged),
                error => DeliveryError::from(error).into(),
            })?
        };
        let names = plan.names(&content);
        Ok(Self { worker, tenant, claim, content, record, plan, names, address, destination, secret })
    }

    async fn reach(&self) -> Result<TargetSession, SendError> {
        let DeliveryWorker { config, folder, .. } = self.worker;
        let reach = Reach {
            folder: folder.join(&self.tenant.slug),
            ca_file: config.ca_file.clone(),
            timeout: config.timeout(),
        };
        TargetSession::open(&self.address, &self.destination, self.secret.as_ref(), &reach).await
    }

    /// Delivers the recording first and the metadata last, so that a reader that waits for the metadata finds a whole
    /// recording. A whole file of an earlier attempt stays as it is. Returns the names of the files.
    pub async fn run(&self) -> Result<Vec<String>, AttemptError> {
        let mut target = self.reach().await?;
        let ended = self.write_files(&mut target).await;
        if self.destination.renames && ended.as_ref().is_err_and(AttemptError::keeps_the_connection) {
            // Partial files are removed at once if possible. Otherwise the next attempt removes them.
            for name in self.names.both() {
                let _ = target.remove(&part(name, self.claim.attempt)).await;
            }
        }
        ended.map(|()| self.file_names())
    }

    fn file_names(&self) -> Vec<String> {
        self.names.both().map(str::to_owned).to_vec()
    }

    async fn write_files(&self, target: &mut TargetSession) -> Result<(), AttemptError> {
        let renames = self.destination.renames;
        for attempt in (1..self.claim.attempt).take_while(|_| renames) {
            for name in self.names.both() {
                match target.remove(&part(name, attempt)).await {
                    // A server may forbid the removal of files. The partial files of an earlier attempt do no harm.
                    Ok(()) | Err(SendError::Permission) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        let FileNames { recording, metadata } = &self.names;
        let wanted = self.plan.size(&self.content);
        // A file that is encrypted on the way out may be for a key that was replaced meanwhile. It is sent again.
        let has_recording = wanted.is_some() && target.size(recording).await? == wanted;
        // Without renaming, a metadata file of any size may be incomplete.
        if has_recording && renames && target.size(metadata).await?.is_some() {
            return Ok(());
        }
        let grant = self.note().await?;
        if !has_recording {
            let DeliveryWorker { stores, content_store, .. } = self.worker;
            let whole = 0..self.content.stored_size;
            let reading = content::read(stores, content_store, self.tenant.id, &self.content, whole, &grant).await;
            let mut body = self.plan.recording(reading.map_err(DeliveryError::from)?)?;
            self.write(target, recording, &mut body).await?;
        }
        let mut body = self.plan.metadata(self.describe(&grant).await?)?;
        self.write(target, metadata, &mut body).await
    }

    /// Writes a file, and renames it when it is whole. At a server without renaming, the file has its name from the
    /// beginning. So the name is announced before the file is written.
    async fn write(&self, target: &mut TargetSession, name: &str, body: &mut PayloadBody) -> Result<(), AttemptError> {
        if !self.destination.renames {
            self.announce().await?;
            return target.write(name, body).await;
        }
        let part = part(name, self.claim.attempt);
        target.write(&part, body).await?;
        self.announce().await?;
        Ok(target.rename(&part, name).await?)
    }

    async fn announce(&self) -> Result<(), AttemptError> {
        let to = Addressee { phone_id: identifier_id(self.record.phone), email_id: identifier_id(self.record.email) };
        self.worker.announce(self.tenant.id, &self.claim, (&self.file_names(), to)).await
    }

    /// Removes the partial files of an interrupted attempt, over a new connection.
    pub async fn clear(&self) {
        // Without renaming, the next attempt may already write these files.
        if !self.destination.renames {
            return;
        }
        let cleared = async {
            let mut target = self.reach().await?;
            for name in self.names.both() {
                target.remove(&part(name, self.claim.attempt)).await?;
            }
            Ok::<_, SendError>(())
        };
        if let Err(error) = cleared.await {
            tracing::warn!(delivery.id = %self.claim.id, error = error.as_str(), "The removal of a partial file failed; the file stays at the delivery target");
        }
    }

    /// Writes into the audit log that the recording is being delivered with the identifiers of its customer.
    async fn note(&self) -> Result<Grant, DeliveryError> {
        let stores = &self.worker.stores;
        let detail = json!({
            "delivery_id": self.claim.id, "content_id": self.content.id,
            "kind": self.content.kind, "attempt": self.claim.attempt, "encrypted_for": self.plan.encrypted_for,
        });
        let entry = Entry::new(Action::ContentDelivered, 1, detail).of_interaction(self.content.interaction);
        let actor = Actor::service(self.tenant.id, "deliver");
        Ok(audit::commit(stores.archive.write().await?, stores.clock, &actor, &entry).await?)
    }

    async fn describe(&self, grant: &Grant) -> Result<Vec<u8>, DeliveryError> {
        let stores = &self.worker.stores;
        let Record { phone, email, name, .. } = self.record;
        let (phone, email, name) = (identifier_id(phone), identifier_id(email), identifier_id(name));
        let keyset = stores.keysets.get(&stores.vault, self.tenant.id).await?;
        let ids = [phone, email, name].into_iter().flatten();
        let mut clear = vault::reveal(&mut stores.vault.read().await?, &keyset, grant, ids).await?;
        let mut revealed = |id: Option<IdentifierId>| take(&mut clear, id);
        let archive::Interaction { ended_at, channel, direction, queue, agent_id, outcome, attributes: _, .. } =
            &self.record.columns;
        let interaction = InteractionMetadata {
            external_id: &self.record.external_id,
            channel: Channel::as_str(*channel),
            direction: direction.map(Direction::as_str),
            started_at: self.record.at,
            ended_at: *ended_at,
            queue: queue.as_deref(),
            agent_id: agent_id.as_deref(),
            outcome: outcome.as_deref(),
            phone_number: revealed(phone),
            email: revealed(email),
            name: revealed(name),
        };
        let recording = RecordingMetadata {
            content_id: self.content.id.to_string(),
            kind: self.content.kind.as_str(),
            media_type: &self.content.media_type,
            size: self.content.size,
            sha256: self.content.sha256.map(|hash| hex(&hash)),
            encrypted_for: self.plan.encrypted_for.as_deref(),
            file_name: &self.names.recording,
        };
        let delivery = self.claim.id.to_string();
        Metadata { tenant: &self.tenant.slug, delivery, interaction, recording }.to_xml()
    }
}

const fn identifier_id(field: CustomerField) -> Option<IdentifierId> {
    match field {
        CustomerField::Held(_, id) => Some(id),
        CustomerField::Forgotten | CustomerField::Empty => None,
    }
}

fn take(clear: &mut HashMap<IdentifierId, String>, id: Option<IdentifierId>) -> Option<String> {
    id.and_then(|id| clear.remove(&id))
}

//! The part of a replay that its pass needs: masks, the rows to write at the end, and what differs afterwards.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

use serde_json::json;

use crate::audit::{self, Action, Entry};
use crate::base::actor::Actor;
use crate::base::id::{IdentifierId, RequestId};
use crate::journal::{self, JournalEntry, Outcome};
use crate::nightly::context::PassContext;
use crate::nightly::model::{Pass, PassResult};
use crate::nightly::steps::finish::ACTOR;
use crate::requests::outcomes::{self, Restored};
use crate::store::{Archive, Tx};

/// A replay that a pass carries out.
#[derive(Debug, Default)]
pub struct Replay {
    /// The masks of identifiers that may have left the vault.
    pub masks: BTreeMap<IdentifierId, String>,
    /// The numbers that the requests had before the restore.
    pub outcomes: BTreeMap<RequestId, Outcome>,
    /// The objects that the databases know when the pass has ended.
    pub entries: Vec<JournalEntry>,
    /// The requests of which the replay counted other numbers than before the restore. They keep the numbers of that
    /// time.
    pub differing: Mutex<Vec<RequestId>>,
}

impl Replay {
    /// Adds the masks that the vault does not give any more.
    pub fn add_masks(&self, ids: &[IdentifierId], masks: &mut HashMap<IdentifierId, Option<String>>) {
        for id in ids {
            let mask = masks.entry(*id).or_default();
            if mask.is_none() {
                *mask = self.masks.get(id).cloned();
            }
        }
    }

    /// Ends the replay in the transaction that deletes its pass: both databases know the objects from now on. The vault
    /// comes first. If the process is killed in between, the replay is repeated.
    pub async fn finish(&self, context: &PassContext<'_>, tx: &mut Tx<Archive>, pass: &Pass) -> PassResult<()> {
        let (app, tenant) = (context.app, context.tenant.id);
        let ids: Vec<RequestId> = self.outcomes.keys().copied().collect();
        let mut differing = Vec::new();
        for chunk in ids.chunks(1_000) {
            let now = outcomes::of(tx, tenant, chunk).await?;
            let both = now.into_iter().filter_map(|now| {
                let recorded = *self.outcomes.get(&now.request)?;
                (recorded != now).then_some(Restored { recorded, now })
            });
            let changed: Vec<_> = both.collect();
            outcomes::restore(tx, tenant, &changed).await?;
            differing.extend(changed.into_iter().map(|one| one.recorded.request));
        }
        journal::insert(tx, tenant, &self.entries).await?;
        let detail = json!({ "pass": pass.id, "objects": self.entries.len() });
        let entry = Entry::new(Action::ArchiveReplayed, ids.len(), detail);
        audit::record(tx, app.clock, &Actor::service(tenant, ACTOR), &entry).await?;
        if let Ok(mut all) = self.differing.lock() {
            *all = differing;
        }
        Ok(())
    }

    /// Records in the vault that it knows the objects.
    pub async fn know_in_vault(&self, context: &PassContext<'_>) -> PassResult<()> {
        let mut tx = context.begin_vault().await?;
        journal::insert(&mut tx, context.tenant.id, &self.vault_entries()).await?;
        Ok(tx.commit().await?)
    }

    /// Only the objects of passes have rows in the vault.
    fn vault_entries(&self) -> Vec<JournalEntry> {
        self.entries.iter().copied().filter(|entry| entry.kind.is_of_pass()).collect()
    }
}

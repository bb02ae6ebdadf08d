//! The report of `lethe journal status`: every object is read and verified.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::look;
use crate::base::hex::hex;
use crate::base::id::TenantId;
use crate::journal::{JournalError, ObjectKind, SealedObject, State};
use crate::nightly::model::{PassError, PassResult};
use crate::vault::{self, AppContext};

/// The state of the journal and of each tenant against it.
#[derive(Debug, Serialize)]
pub struct JournalReport {
    pub state: State,
    pub damage: Option<String>,
    /// How many objects of the chain there are, by their kinds.
    pub objects: BTreeMap<String, u64>,
    pub tenants: Vec<TenantReport>,
    /// The tenants of this installation that the archive does not have, because its backup is older.
    pub lost_tenants: Vec<TenantId>,
}

#[derive(Debug, Serialize)]
pub struct TenantReport {
    pub tenant: String,
    pub behind: Option<String>,
    /// The objects that the archive does not know.
    pub not_in_archive: usize,
    /// The objects of passes that the vault does not know.
    pub not_in_vault: usize,
    /// The objects that list content and that one of the databases does not know.
    pub contents: usize,
}

/// Compares the journal with the databases, and verifies each object: its seal, its number, and its place in the chain.
pub async fn verify(app: &AppContext) -> PassResult<JournalReport> {
    let report = verify_once(app).await?;
    if report.damage.is_none() {
        return Ok(report);
    }
    // Another process may have deleted expired objects meanwhile.
    verify_once(app).await
}

async fn verify_once(app: &AppContext) -> PassResult<JournalReport> {
    if app.journal.is_off() {
        return Ok(JournalReport {
            state: State::Off,
            damage: None,
            objects: BTreeMap::new(),
            tenants: Vec::new(),
            lost_tenants: Vec::new(),
        });
    }
    let look = look::look(app).await?;
    let mut report = JournalReport {
        state: app.journal.standing.state(),
        damage: look.damage,
        objects: BTreeMap::new(),
        tenants: Vec::new(),
        lost_tenants: look.lost_tenants.into_iter().collect(),
    };
    let ids: Vec<TenantId> = look.tenants.iter().map(|one| one.tenant.id).collect();
    for one in look.tenants {
        report.tenants.push(TenantReport {
            tenant: one.tenant.slug,
            behind: one.behind,
            not_in_archive: one.not_in_archive.len(),
            not_in_vault: one.not_in_vault.len(),
            contents: one.contents.len(),
        });
    }
    let lowest = look.horizon.as_ref().map_or(1, |one| one.lowest);
    let verified = async {
        let mut named = verify_chain(app, lowest, &mut report.objects).await?;
        for tenant in ids {
            if verify_contents(app, tenant, &mut report.objects).await? {
                named.insert(tenant);
            }
            verify_keys(app, tenant, named.contains(&tenant)).await?;
        }
        Ok(())
    };
    match verified.await {
        Ok(()) => {}
        Err(PassError::Journal(error)) if !error.is_transient() => {
            report.damage.get_or_insert_with(|| error.to_string());
            report.state = State::Damaged;
        }
        Err(error) => return Err(error),
    }
    Ok(report)
}

/// Verifies the objects of the chain. Returns the tenants that they belong to.
async fn verify_chain(
    app: &AppContext,
    lowest: i64,
    objects: &mut BTreeMap<String, u64>,
) -> PassResult<BTreeSet<TenantId>> {
    let (mut prev, mut named) = (None::<String>, BTreeSet::new());
    for seq in app.journal.numbers(lowest - 1).await? {
        let (name, object): (String, SealedObject) = app.journal.sealed(seq).await?;
        let damaged = |why| PassError::Journal(JournalError::Damaged(name.clone(), why));
        // The object before the first one has expired.
        let is_first = prev.is_none() && lowest > 1;
        if !is_first && object.header.prev.as_deref() != Some(prev.as_deref().unwrap_or_default()) {
            return Err(damaged("it does not follow the one before"));
        }
        prev = Some(hex(&object.hash));
        open(app, &name, &object).await?;
        *objects.entry(word(object.header.kind)).or_default() += 1;
        named.insert(object.header.tenant);
    }
    Ok(named)
}

/// Opens the objects that list content of a tenant, if the vault has the keys. Returns whether it did.
async fn verify_contents(app: &AppContext, tenant: TenantId, objects: &mut BTreeMap<String, u64>) -> PassResult<bool> {
    let ids = app.journal.content_objects(tenant).await?;
    if ids.is_empty() || !vault::has_keys(&mut app.vault.read().await?, tenant).await? {
        return Ok(false);
    }
    let keyset = app.keysets.get(&app.vault, tenant).await?;
    for id in ids {
        app.journal.contents(keyset.journal(), id).await?;
        *objects.entry(word(ObjectKind::Contents)).or_default() += 1;
    }
    Ok(true)
}

/// Verifies the keys of a tenant. The first object of a tenant brings them, so without an object none is missing.
async fn verify_keys(app: &AppContext, tenant: TenantId, has_objects: bool) -> PassResult<()> {
    let kept = app.journal.wrapped_keys(tenant).await?;
    let keyset = if has_objects && vault::has_keys(&mut app.vault.read().await?, tenant).await? {
        Some(app.keysets.get(&app.vault, tenant).await?)
    } else {
        None
    };
    match app.keysets.damaged_key(tenant, keyset.as_ref().map(|keyset| keyset.journal()), &kept) {
        Some(damage) => Err(damage.into()),
        None => Ok(()),
    }
}

/// Opens an object, if the vault has the keys of its tenant.
async fn open(app: &AppContext, name: &str, object: &SealedObject) -> PassResult<()> {
    let tenant: TenantId = object.header.tenant;
    if vault::has_keys(&mut app.vault.read().await?, tenant).await? {
        let keyset = app.keysets.get(&app.vault, tenant).await?;
        object.open(name, &keyset.journal().key)?;
    }
    Ok(())
}

fn word(kind: ObjectKind) -> String {
    serde_json::to_value(kind).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}

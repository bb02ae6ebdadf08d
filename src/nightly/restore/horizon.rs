//! The border of expiry: which objects of the journal may be gone, and which backups are too old therefore.

use crate::base::id::{JournalId, TenantId};
use crate::journal::{Body, KnownObject, ObjectKind, TenantKeys};
use crate::nightly::model::PassResult;
use crate::vault::{self, AppContext};

/// The border of expiry: all objects of the chain below it may be gone.
#[derive(Clone, Debug)]
pub struct Horizon {
    pub object: KnownObject,
    /// The lowest object that must exist.
    pub lowest: i64,
}

/// The newest object that tells what has expired, or the damage of one that nobody can read.
pub async fn find(app: &AppContext, objects: &[KnownObject]) -> PassResult<(Option<Horizon>, Option<String>)> {
    let newest = objects.iter().rfind(|one| one.entry.kind == ObjectKind::Horizon);
    let Some(object) = newest.cloned() else { return Ok((None, None)) };
    let seq = object.entry.seq;
    let Some(keys) = journal_keys(app, &object).await? else {
        let damage = format!("the object {seq} tells which objects have expired, and its key is missing");
        return Ok((None, Some(damage)));
    };
    match app.journal.body(&keys, seq).await {
        Ok(Body::Horizon(lowest)) => Ok((Some(Horizon { object, lowest }), None)),
        Ok(_) => Ok((None, None)),
        Err(error) if error.is_transient() => Err(error.into()),
        Err(error) => Ok((None, Some(error.to_string()))),
    }
}

/// The keys of an object's tenant: those of the vault, or those that the journal itself has, if the vault is from before
/// the tenant's first object.
async fn journal_keys(app: &AppContext, object: &KnownObject) -> PassResult<Option<TenantKeys>> {
    let tenant = object.header.tenant;
    if vault::has_keys(&mut app.vault.read().await?, tenant).await? {
        return Ok(Some(app.keysets.get(&app.vault, tenant).await?.journal().clone()));
    }
    let kept = app.journal.wrapped_keys(tenant).await?;
    Ok(app.keysets.kept_journal_keys(tenant, object.header.key, &kept))
}

/// The newest object that a database knows of a tenant, if objects after it have expired. A database that knows none is
/// from before all of the tenant's objects, or the tenant is younger than what has expired.
pub async fn too_old(app: &AppContext, tenant: TenantId, heads: [i64; 2], lowest: i64) -> PassResult<Option<i64>> {
    let head = heads.into_iter().min().filter(|head| *head < lowest && lowest > 1);
    if head != Some(0) {
        return Ok(head);
    }
    match app.journal.sealed(lowest).await {
        Ok((_, object)) => Ok(head.filter(|_| tenant < TenantId::before(object.header.at))),
        Err(error) if error.is_transient() => Err(error.into()),
        // The damage of this object is told by itself.
        Err(_) => Ok(None),
    }
}

/// The id from which on objects that list content must exist: that of the time of the lowest object of the chain.
pub async fn oldest_contents(app: &AppContext, lowest: i64) -> PassResult<JournalId> {
    Ok(JournalId::before(app.journal.sealed(lowest).await?.1.header.at))
}

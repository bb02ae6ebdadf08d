//! The keys of recipients (D7). They are keys of the tenant with purposes of their own, so a rotation of the master key wraps
//! them again like all others.

use super::key_sql::{self, KeyRow};
use super::model::VaultError;
use super::stores::AppContext;
use crate::base::crypto::Key;
use crate::base::id::{RecipientId, TenantId};

fn purpose(recipient: RecipientId) -> String {
    format!("recipient:{recipient}")
}

/// Makes the key of a version, unless there is one already.
pub async fn keep_recipient_key(
    app: &AppContext,
    tenant: TenantId,
    recipient: RecipientId,
    version: i32,
) -> Result<(), VaultError> {
    let mut tx = app.vault.write().await?;
    app.keysets.insert(&mut tx, tenant, &purpose(recipient), version).await?;
    Ok(tx.commit().await?)
}

/// The key of a version. A deleted key is none.
pub async fn recipient_key(
    app: &AppContext,
    tenant: TenantId,
    recipient: RecipientId,
    version: i32,
) -> Result<Option<Key>, VaultError> {
    let rows = of(&key_sql::keys(&mut app.vault.read().await?, tenant).await?, recipient, |one| one == version);
    rows.first().map(|row| app.keysets.masters.unwrap(row)).transpose()
}

/// Deletes the keys of the versions before one.
pub async fn drop_recipient_keys(
    app: &AppContext,
    tenant: TenantId,
    recipient: RecipientId,
    before: i32,
) -> Result<(), VaultError> {
    let mut tx = app.vault.write().await?;
    for row in of(&key_sql::keys(&mut tx, tenant).await?, recipient, |version| version < before) {
        key_sql::delete_key(&mut tx, &row).await?;
    }
    Ok(tx.commit().await?)
}

/// The keys of some versions of a recipient.
fn of(rows: &[KeyRow], recipient: RecipientId, is_wanted: impl Fn(i32) -> bool) -> Vec<KeyRow> {
    let purpose = purpose(recipient);
    rows.iter().filter(|row| row.purpose == purpose && is_wanted(row.key_version)).cloned().collect()
}

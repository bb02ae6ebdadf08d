//! The customer of an interaction, for rooms whose work depends on them.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use pii::{PersonName, Pii};

use super::ageing::Grain;
use super::selector::keys as keys_of;
use crate::base::id::{IdentifierId, RecordId, TenantId};
use crate::base::target::Target;
use crate::store::{self, Archive, Query, Sql, Tx};
use crate::vault::{self, AppContext, VaultError};

/// The customer of an interaction, which decides over its texts and its deliveries.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Customer {
    pub at: DateTime<Utc>,
    pub phone_id: Option<IdentifierId>,
    pub email_id: Option<IdentifierId>,
    pub name_id: Option<IdentifierId>,
    pub forgotten: i16,
    /// The precision of the time, if the interaction is aged.
    pub aged: Option<Grain>,
}

/// The customer of an interaction. If `held`, no other transaction changes it until this one ends.
pub async fn customer(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    interaction: RecordId,
    held: bool,
) -> store::Result<Option<Customer>> {
    let query = tx
        .query("SELECT at, phone_id, email_id, name_id, forgotten, aged FROM interactions")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND id = ", interaction);
    // SQLite has one writer, so that nothing changes.
    let query = if held { query.push(Sql::per(" FOR SHARE", "")) } else { query };
    query.maybe().await
}

/// An interaction with the number and the address of its customer.
#[derive(sqlx::FromRow)]
pub struct InteractionCustomer {
    pub id: RecordId,
    pub phone_id: Option<IdentifierId>,
    pub email_id: Option<IdentifierId>,
}

/// The numbers and addresses of the customers of some interactions. An interaction that the tenant does not have is left
/// out.
pub async fn customers(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    interactions: &[RecordId],
) -> store::Result<Vec<InteractionCustomer>> {
    let mut found = Vec::with_capacity(interactions.len());
    for chunk in interactions.chunks(1_000) {
        let query = tx.query("SELECT id, phone_id, email_id FROM interactions").with(" WHERE tenant_id = ", tenant);
        found.append(&mut query.with_keys(" AND id", chunk.iter().copied()).all().await?);
    }
    Ok(found)
}

/// The customers of some interactions with what was forgotten of them. An interaction that the tenant does not have is
/// left out.
pub async fn forgotten_customers(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    interactions: &[RecordId],
) -> store::Result<Vec<(RecordId, Customer)>> {
    let rows: Vec<CustomerRow> = tx
        .query("SELECT id, at, phone_id, email_id, name_id, forgotten, aged FROM interactions")
        .with(" WHERE tenant_id = ", tenant)
        .with_keys(" AND id", interactions.iter().copied())
        .all()
        .await?;
    Ok(rows.into_iter().map(|CustomerRow { id, customer }| (id, customer)).collect())
}

#[derive(sqlx::FromRow)]
struct CustomerRow {
    id: RecordId,
    #[sqlx(flatten)]
    customer: Customer,
}

/// An interaction as it is stored, with its customer.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct StoredInteraction {
    pub external_id: String,
    pub id: RecordId,
    #[sqlx(flatten)]
    pub customer: Customer,
}

/// The interactions of some external ids, as these are stored.
pub async fn by_external_id<'i>(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    external_ids: impl IntoIterator<Item = &'i str>,
) -> store::Result<Vec<StoredInteraction>> {
    select(tx.query(""), tenant).with_any(" AND external_id", external_ids).all().await
}

/// The same by their ids.
pub async fn by_id(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    ids: impl IntoIterator<Item = RecordId>,
) -> store::Result<Vec<StoredInteraction>> {
    select(tx.query(""), tenant).with_keys(" AND id", ids).all().await
}

fn select(query: Query<'_>, tenant: TenantId) -> Query<'_> {
    query
        .push("SELECT external_id, id, at, phone_id, email_id, name_id, forgotten, aged FROM interactions")
        .with(" WHERE tenant_id = ", tenant)
}

/// The names of customers as the vault has them, with their ids, by some keys: see [`newest_names`].
pub async fn names(
    app: &AppContext,
    tenant: TenantId,
    keys: &[IdentifierId],
) -> Result<HashMap<IdentifierId, (IdentifierId, Pii<PersonName>)>, VaultError> {
    let named = newest_names(&mut app.archive.read().await?, tenant, keys).await?;
    if named.is_empty() {
        return Ok(HashMap::new());
    }
    let keyset = app.keysets.get(&app.vault, tenant).await?;
    let names: HashSet<_> = named.iter().map(|(_, name)| *name).collect();
    let opened = vault::open(&mut app.vault.read().await?, &keyset, names).await?;
    let name_of = |id: &IdentifierId| Some((*id, opened.get(id)?.name()?.clone()));
    Ok(named.iter().filter_map(|(key, name)| Some((*key, name_of(name)?))).collect())
}

/// The names of customers by some keys: that of the newest interaction with a number or an address, and that of an
/// interaction by its own id. `(key, name_id)`.
///
/// Each limited subselect is an index probe.
pub async fn newest_names(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    keys: &[IdentifierId],
) -> store::Result<Vec<(IdentifierId, IdentifierId)>> {
    let mut names = Vec::new();
    for chunk in keys.chunks(1_000) {
        for column in keys_of(Target::Archive) {
            let query = tx.query("WITH checked (id) AS (VALUES ");
            let query = query.each(chunk, |query, id| query.with("(", *id).push(")"));
            let rows: Vec<(IdentifierId, Option<IdentifierId>)> = query
                .push(") SELECT c.id, (SELECT r.name_id FROM interactions r")
                .with(" WHERE r.tenant_id = ", tenant)
                .push(" AND r.")
                .push(*column)
                .push(" = c.id AND r.name_id IS NOT NULL ORDER BY r.at DESC LIMIT 1) FROM checked c")
                .once()
                .all()
                .await?;
            names.extend(rows.into_iter().filter_map(|(key, name)| Some((key, name?))));
        }
    }
    Ok(names)
}

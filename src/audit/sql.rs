//! Statements of the audit log. Rows are added, numbered once, and read, but never changed. `retention.rs` deletes them.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::model::{Action, ActorName, Entry, Event, EventFilter, SealedRow};
use super::retention;
use crate::base::actor::Actor;
use crate::base::crypto::sha256;
use crate::base::id::{ActorId, AuditId, RecordId, Salt, TenantId};
use crate::base::page::Position;
use crate::store::{Archive, Query, Result, Tx};

/// The length of a digest of a record's id.
const DIGEST: usize = 32;

/// The name of an actor whose name has left.
const NOBODY: &str = "Anonymized";

#[derive(sqlx::FromRow)]
struct AuditRow {
    id: AuditId,
    seq: Option<i64>,
    at: DateTime<Utc>,
    sub: Option<String>,
    name: Option<String>,
    action: String,
    outcome: String,
    purpose: Option<String>,
    records: i64,
    detail: String,
    digests: Vec<u8>,
}

/// The digest that commits to the id of a record. Without the salt, it tells nothing of the id.
#[must_use]
pub fn digest(salt: Salt, record: RecordId) -> [u8; DIGEST] {
    sha256(&[*salt.0.as_bytes(), *record.0.as_bytes()].concat())
}

/// An entry with the salts of its records.
struct Committed<'e> {
    id: AuditId,
    entry: &'e Entry,
    records: Vec<(RecordId, Salt)>,
    digests: Vec<u8>,
}

impl<'e> Committed<'e> {
    fn new(entry: &'e Entry) -> Self {
        let ids: HashSet<RecordId> = entry.record_ids.iter().copied().collect();
        let records: Vec<_> = ids.into_iter().map(|id| (id, Salt::random())).collect();
        let mut digests: Vec<_> = records.iter().map(|(id, salt)| digest(*salt, *id)).collect();
        // The order of the digests does not tell which one belongs to which record.
        digests.sort_unstable();
        Self { id: AuditId::new(), entry, records, digests: digests.concat() }
    }
}

/// The caller's transaction must cover all of it, if an entry concerns records.
pub async fn insert(tx: &mut Tx<Archive>, now: DateTime<Utc>, actor: &Actor, entries: &[Entry]) -> Result<()> {
    let actor_id = actor_id(tx, actor).await?;
    let committed: Vec<_> = entries.iter().map(Committed::new).collect();
    for one in committed.iter().filter(|one| !one.records.is_empty()) {
        insert_records(tx, actor.tenant, one).await?;
    }
    tx.query(
        "INSERT INTO audit_events \
         (tenant_id, id, at, actor_id, action, outcome, purpose, records, detail, digests) VALUES ",
    )
    .each(&committed, |query, one| {
        let Committed { id, entry, digests, .. } = one;
        query
            .with("(", actor.tenant)
            .with(", ", *id)
            .with(", ", now)
            .with(", ", actor_id)
            .with(", ", entry.action.as_str())
            .with(", ", if entry.allowed { "allowed" } else { "refused" })
            .with(", ", entry.purpose.as_deref())
            .with(", ", i64::try_from(entry.records).unwrap_or(i64::MAX))
            .with(", ", entry.detail.to_string())
            .with(", ", digests.as_slice())
            .push(")")
    })
    .execute()
    .await
    .map(drop)
}

/// PostgreSQL takes the rows as columns: see `Query::with_unnested`.
async fn insert_records(tx: &mut Tx<Archive>, tenant: TenantId, one: &Committed<'_>) -> Result<()> {
    for chunk in one.records.chunks(1_000) {
        let query = tx.query("INSERT INTO audit_records (tenant_id, event_id, record_id, salt) ");
        let query = if query.is_postgres() {
            query
                .with("SELECT ", tenant)
                .with(", ", one.id)
                .with_unnested(", ", chunk.iter().map(|(id, _)| id.0))
                .with_unnested(", ", chunk.iter().map(|(_, salt)| salt.0))
        } else {
            query.push("VALUES ").each(chunk, |query, (id, salt)| {
                query.with("(", tenant).with(", ", one.id).with(", ", *id).with(", ", *salt).push(")")
            })
        };
        query.execute().await?;
    }
    Ok(())
}

/// The id of an actor's name. The name gets one with its first row.
async fn actor_id(tx: &mut Tx<Archive>, actor: &Actor) -> Result<ActorId> {
    if let Some(id) = find_actor(tx, actor).await? {
        return Ok(id);
    }
    let name = new_name(actor);
    let id = name.id();
    let inserted = tx
        .query("INSERT INTO actors (tenant_id, id, sub, name, salt) VALUES ")
        .with("(", actor.tenant)
        .with(", ", id)
        .with(", ", actor.sub.as_str())
        .with(", ", actor.name.as_str())
        .with(", ", name.salt)
        .push(") ON CONFLICT (tenant_id, sub, name) DO NOTHING")
        .execute()
        .await?;
    if inserted > 0 {
        return Ok(id);
    }
    Ok(find_actor(tx, actor).await?.unwrap_or(id))
}

/// The name of an actor under a salt with which its id does not look like one of a migration.
fn new_name(actor: &Actor) -> ActorName {
    loop {
        let name = ActorName { sub: actor.sub.clone(), name: actor.name.clone(), salt: Salt::random() };
        if !ActorName::is_migrated(name.id()) {
            return name;
        }
    }
}

async fn find_actor(tx: &mut Tx<Archive>, actor: &Actor) -> Result<Option<ActorId>> {
    let row: Option<(ActorId, Option<DateTime<Utc>>)> = tx
        .query("SELECT id, unused_since FROM actors WHERE")
        .with(" tenant_id = ", actor.tenant)
        .with(" AND sub = ", actor.sub.as_str())
        .with(" AND name = ", actor.name.as_str())
        .maybe()
        .await?;
    match row {
        Some((id, Some(_))) => Ok(retention::keep_actor(tx, actor.tenant, id).await?.then_some(id)),
        row => Ok(row.map(|(id, _)| id)),
    }
}

pub async fn page(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    filter: &EventFilter,
    after: Option<Position>,
    limit: u32,
) -> Result<Vec<Event>> {
    let EventFilter { actor, action, from, to } = filter;
    let actors = match actor {
        Some(sub) => Some(actors_of(tx, tenant, sub).await?),
        None => None,
    };
    let mut query = with_actors(
        tx.query(
            "SELECT e.id, e.seq, e.at, a.sub, a.name, e.action, e.outcome, e.purpose, e.records, e.detail, e.digests",
        ),
        tenant,
    )
    .with_some(" AND e.action = ", action.map(Action::as_str))
    .with_some(" AND e.at >= ", *from)
    .with_some(" AND e.at < ", *to);
    if let Some(actors) = actors {
        query = query.with_any(" AND e.actor_id", actors);
    }
    if let Some(Position { at, id }) = after {
        query = query.with(" AND (e.at, e.id) < (", at).with(", ", id).push(")");
    }
    let rows: Vec<AuditRow> = query.with(" ORDER BY e.at DESC, e.id DESC LIMIT ", i64::from(limit)).all().await?;
    let concerned = rows.iter().filter(|row| !row.digests.is_empty()).map(|row| row.id).collect();
    let mut records = records_of(tx, tenant, concerned).await?;
    let show = |row: AuditRow| {
        let (id, has_records) = (row.id, !row.digests.is_empty());
        let mut event = Event::from(row);
        if has_records {
            let ids: Vec<_> = records.remove(&id).unwrap_or_default().into_iter().map(|(id, _)| id).collect();
            event.show(&ids);
        }
        event
    };
    Ok(rows.into_iter().map(show).collect())
}

/// Appends the tables of rows and their actors, and the condition on the tenant.
fn with_actors(query: Query<'_>, tenant: TenantId) -> Query<'_> {
    query
        .push(" FROM audit_events e LEFT JOIN actors a ON a.id = e.actor_id")
        .with(" AND a.tenant_id = ", tenant)
        .with(" WHERE e.tenant_id = ", tenant)
}

/// All names of a subject.
async fn actors_of(tx: &mut Tx<Archive>, tenant: TenantId, sub: &str) -> Result<Vec<ActorId>> {
    let rows: Vec<(ActorId,)> =
        tx.query("SELECT id FROM actors WHERE").with(" tenant_id = ", tenant).with(" AND sub = ", sub).all().await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// The records of some rows with their salts, the newest first.
pub async fn records_of(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    events: Vec<AuditId>,
) -> Result<HashMap<AuditId, Vec<(RecordId, Salt)>>> {
    let mut records = HashMap::<_, Vec<_>>::new();
    if events.is_empty() {
        return Ok(records);
    }
    let rows: Vec<(AuditId, RecordId, Salt)> = tx
        .query("SELECT event_id, record_id, salt FROM audit_records WHERE")
        .with(" tenant_id = ", tenant)
        .with_any(" AND event_id", events)
        .push(" ORDER BY event_id, record_id DESC")
        .once()
        .all()
        .await?;
    for (event, record, salt) in rows {
        records.entry(event).or_default().push((record, salt));
    }
    Ok(records)
}

/// Whether any row names a record.
pub async fn any_record(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<bool> {
    let row: Option<(AuditId,)> = tx
        .query("SELECT event_id FROM audit_records")
        .with(" WHERE tenant_id = ", tenant)
        .push(" LIMIT 1")
        .maybe()
        .await?;
    Ok(row.is_some())
}

/// Deletes the ids of the records of the relation `gone (id)`, of which `gone` appends a WITH.
pub async fn delete_records(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    gone: impl FnOnce(Query<'_>) -> Query<'_>,
) -> Result<u64> {
    gone(tx.query(""))
        .push(" DELETE FROM audit_records")
        .with(" WHERE tenant_id = ", tenant)
        .push(" AND record_id IN (SELECT id FROM gone)")
        .execute()
        .await
}

/// Appends a SELECT of the records that rows since an id name: `(id)`.
pub fn records_since(query: Query<'_>, tenant: TenantId, since: AuditId) -> Query<'_> {
    query
        .push("SELECT DISTINCT record_id AS id FROM audit_records")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND event_id >= ", since)
}

#[derive(sqlx::FromRow)]
struct LogRow {
    id: AuditId,
    seq: Option<i64>,
    at: DateTime<Utc>,
    actor_id: ActorId,
    sub: Option<String>,
    name: Option<String>,
    salt: Option<Salt>,
    action: String,
    outcome: String,
    purpose: Option<String>,
    records: i64,
    detail: String,
    digests: Vec<u8>,
}

const LOG_ROW: &str = "SELECT e.id, e.seq, e.at, e.actor_id, a.sub, a.name, a.salt, e.action, e.outcome, e.purpose, \
                       e.records, e.detail, e.digests";

/// The first rows that are not sealed yet, with the numbers that they would get after `seq`: all, or those of one action.
pub async fn unsealed(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    seq: i64,
    action: Option<Action>,
    limit: u32,
) -> Result<Vec<SealedRow>> {
    let rows: Vec<LogRow> = with_actors(tx.query(LOG_ROW), tenant)
        .with_some(" AND e.action = ", action.map(Action::as_str))
        .with(" AND e.seq IS NULL ORDER BY e.at, e.id LIMIT ", i64::from(limit))
        .all()
        .await?;
    Ok((seq + 1..).zip(rows).map(|(seq, row)| row.numbered(seq)).collect())
}

/// Numbers rows that have no number yet, and returns how many.
pub async fn number(tx: &mut Tx<Archive>, tenant: TenantId, rows: &[SealedRow]) -> Result<u64> {
    tx.query("WITH numbered (id, seq) AS (VALUES ")
        .each(rows, |query, row| query.with("(", row.id).with(", ", row.seq).push(")"))
        .push(") UPDATE audit_events SET seq = n.seq FROM numbered n")
        .with(" WHERE audit_events.tenant_id = ", tenant)
        .push(" AND audit_events.id = n.id AND audit_events.seq IS NULL")
        .once()
        .execute()
        .await
}

/// The sealed rows after a number and up to another one, in their order.
pub async fn sealed(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    (after, last): (i64, i64),
    limit: u32,
) -> Result<Vec<SealedRow>> {
    let rows: Vec<LogRow> = with_actors(tx.query(LOG_ROW), tenant)
        .with(" AND e.seq > ", after)
        .with(" AND e.seq <= ", last)
        .with(" ORDER BY e.seq LIMIT ", i64::from(limit))
        .all()
        .await?;
    // The condition leaves out rows without a number.
    Ok(rows.into_iter().filter_map(|row| row.seq.map(|seq| row.numbered(seq))).collect())
}

/// The first number of a sealed row after one number, and up to another one.
pub async fn first_number(tx: &mut Tx<Archive>, tenant: TenantId, (after, last): (i64, i64)) -> Result<Option<i64>> {
    let query = tx.query("SELECT seq FROM audit_events").with(" WHERE tenant_id = ", tenant);
    let query = query.with(" AND seq > ", after).with(" AND seq <= ", last);
    let row: Option<(i64,)> = query.push(" ORDER BY seq LIMIT 1").maybe().await?;
    Ok(row.map(|(seq,)| seq))
}

/// The time of the oldest row that is not sealed yet.
pub async fn oldest_unsealed(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<Option<DateTime<Utc>>> {
    let row: Option<(DateTime<Utc>,)> = tx
        .query("SELECT at FROM audit_events")
        .with(" WHERE tenant_id = ", tenant)
        .push(" AND seq IS NULL ORDER BY at, id LIMIT 1")
        .maybe()
        .await?;
    Ok(row.map(|(at,)| at))
}

/// How many ids of records all rows say that they have deleted.
pub async fn unlinked(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<i64> {
    let rows: Vec<(i64,)> = tx
        .query("SELECT records FROM audit_events")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND action = ", Action::AuditUnlinked.as_str())
        .all()
        .await?;
    Ok(rows.into_iter().map(|(records,)| records).sum())
}

impl LogRow {
    fn numbered(self, seq: i64) -> SealedRow {
        let Self { id, seq: _, at, actor_id, sub, name, salt, action, outcome, purpose, records, detail, digests } =
            self;
        SealedRow {
            id,
            seq,
            at,
            actor: actor_id,
            actor_name: sub.zip(name).zip(salt).map(|((sub, name), salt)| ActorName { sub, name, salt }),
            action,
            outcome,
            purpose,
            records,
            detail,
            digests,
        }
    }
}

impl From<AuditRow> for Event {
    fn from(row: AuditRow) -> Self {
        let AuditRow { id, seq, at, sub, name, action, outcome, purpose, records, detail, digests: _ } = row;
        let detail = serde_json::from_str(&detail).unwrap_or(Value::Null);
        let [actor_sub, actor_name] = [sub, name].map(|name| name.unwrap_or_else(|| NOBODY.to_owned()));
        Self { id, seq, at, actor_sub, actor_name, action, outcome, purpose, records, detail }
    }
}

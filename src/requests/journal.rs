//! What the audit log says of saved requests: ids and the names of members, no identifier.

use serde_json::json;

use super::model::{Record, Request};
use crate::audit::{self, Action, Entry, Grant};
use crate::base::actor::Actor;
use crate::base::clock::Clock;
use crate::store::{Archive, Result, Tx};

/// The rows of one call: one for all that was entered, one for each change and each cancellation.
pub fn entries(created: &[Record], changes: &[&(Record, Record)], deleted: &[Request]) -> Vec<Entry> {
    let mut entries = Vec::with_capacity(1 + changes.len() + deleted.len());
    if !created.is_empty() {
        let ids: Vec<_> = created.iter().map(|record| record.request.id).collect();
        entries.push(Entry::new(Action::RequestCreated, ids.len(), json!({ "requests": ids })));
    }
    entries.extend(changes.iter().map(|(before, after)| {
        let detail = json!({ "request": after.request.id, "members": members(before, after) });
        Entry::new(Action::RequestChanged, 1, detail)
    }));
    let cancelled = |one: &Request| Entry::new(Action::RequestDeleted, 1, json!({ "request": one.id }));
    entries.extend(deleted.iter().map(cancelled));
    entries
}

/// Writes the rows with the work and commits both; the grant is there if there was a row.
pub async fn commit(
    mut tx: Tx<Archive>,
    clock: Clock,
    actor: &Actor,
    mut entries: Vec<Entry>,
) -> Result<Option<Grant>> {
    let Some(last) = entries.pop() else {
        tx.commit().await?;
        return Ok(None);
    };
    audit::record_all(&mut tx, clock, actor, &entries).await?;
    audit::commit(tx, clock, actor, &last).await.map(Some)
}

/// The names of what a change changed.
fn members(before: &Record, after: &Record) -> Vec<&'static str> {
    let (a, b) = (&before.request, &after.request);
    let comment = a.comment != b.comment || before.mentions != after.mentions;
    let members = [
        ("phone_number", a.phone != b.phone),
        ("email", a.email != b.email),
        ("to_date", a.to_date != b.to_date),
        ("comment", comment),
        ("targets", a.targets != b.targets),
        ("delete_content", a.delete_content != b.delete_content),
    ];
    members.into_iter().filter(|(_, changed)| *changed).map(|(name, _)| name).collect()
}

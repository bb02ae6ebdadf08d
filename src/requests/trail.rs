//! The audit rows of saved requests: ids and the names of changed fields, no identifier.

use serde_json::json;

use super::model::{LARGEST_BATCH, Request, Revision, StoredRequest};
use crate::audit::{self, Action, Entry, Grant};
use crate::base::actor::Actor;
use crate::base::clock::Clock;
use crate::store::{Archive, Result, Tx};

/// The rows of one call: one row for up to 500 new requests, and one for each change and each cancellation.
pub fn entries(revisions: &[Revision], cancelled: &[Request]) -> Vec<Entry> {
    let mut entries = Vec::new();
    let created: Vec<_> = revisions.iter().filter(|one| one.is_new()).map(|one| one.after.request.id).collect();
    for some in created.chunks(LARGEST_BATCH) {
        entries.push(Entry::new(Action::RequestCreated, some.len(), json!({ "requests": some })));
    }
    let previewed: Vec<_> = revisions.iter().filter(|one| one.is_new() && one.after.preview.is_some()).collect();
    if !previewed.is_empty() {
        let records: u64 = previewed.iter().flat_map(|one| one.after.preview.iter().flatten()).map(|(_, n)| n).sum();
        let ids: Vec<_> = previewed.iter().map(|one| one.after.request.id).collect();
        let records = usize::try_from(records).unwrap_or(usize::MAX);
        entries.push(Entry::new(Action::RequestPreviewed, records, json!({ "requests": ids })));
    }
    for Revision { before, after } in revisions.iter().filter(|one| one.is_change()) {
        let members = before.as_ref().map(|before| changed_fields(before, after));
        let detail = json!({ "request": after.request.id, "members": members });
        entries.push(Entry::new(Action::RequestChanged, 1, detail));
    }
    let cancellation = |one: &Request| Entry::new(Action::RequestDeleted, 1, json!({ "request": one.id }));
    entries.extend(cancelled.iter().map(cancellation));
    entries
}

/// Writes the rows in the transaction of the work and commits it. There is a grant if there was a row.
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

fn changed_fields(before: &StoredRequest, after: &StoredRequest) -> Vec<&'static str> {
    let (a, b) = (&before.request, &after.request);
    let comment = a.comment != b.comment || before.mentions != after.mentions;
    let fields = [
        ("phone_number", a.phone != b.phone),
        ("email", a.email != b.email),
        ("interaction_ids", before.interactions != after.interactions),
        ("to_date", a.to_date != b.to_date),
        ("comment", comment),
        ("reference", a.reference != b.reference),
        ("targets", a.targets != b.targets),
        ("delete_content", a.delete_content != b.delete_content),
        ("received_on", a.case.received_on != b.case.received_on),
        ("extended_to", a.case.extended_to != b.case.extended_to),
        ("extension_reason", a.case.extension_reason != b.case.extension_reason),
        ("checklist", before.checklist != after.checklist),
        ("attestation", a.case.attestation != b.case.attestation),
    ];
    fields.into_iter().filter(|(_, changed)| *changed).map(|(name, _)| name).collect()
}

//! Plan: one work row for each identifier and target, in an order in which every record is counted once.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};

use crate::base::id::{IdentifierId, PassId, RequestId, TenantId};
use crate::base::target::Target;
use crate::nightly::context::PassContext;
use crate::nightly::failpoint;
use crate::nightly::model::{Pass, PassResult, Step};
use crate::nightly::sql;
use crate::requests::passes::{self as requests, BATCH, ClaimedRequest};
use crate::requests::repeat;
use crate::reveals::passes as reveals;
use crate::store::{Archive, Result, Tx};
use crate::vault::{self, FoundAgain};

/// In how many passes all erasures of the vault are looked at, and how many first bytes of keyed hashes a part has.
const PARTS: i64 = 32;
const PART: u8 = 8;

/// A work row: everything of a key in a target, before the latest cut-off of any request. A key is an identifier, or an
/// interaction that a request names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassWork {
    /// The position of the row in the order, from 1.
    pub no: i32,
    pub target: Target,
    /// Identifiers that requests name together share a component, and a component is unlinked in one chunk. So a record
    /// that a request selects twice is counted once.
    pub component: i32,
    pub identifier: IdentifierId,
    pub cutoff: DateTime<Utc>,
}

/// Writes the pass's selections and work rows.
pub async fn plan(context: &PassContext<'_>, pass: &Pass) -> PassResult<()> {
    let tenant = context.tenant.id;
    let found = vault_finds(context, pass).await?;
    let mut tx = context.begin().await?;
    let (mut claimed, mut after) = (Vec::<ClaimedRequest>::new(), None);
    loop {
        let batch = requests::claimed(&mut tx, tenant, pass.id, after, BATCH).await?;
        let Some(last) = batch.last() else { break };
        after = Some(last.id);
        insert_selections(&mut tx, tenant, pass.id, &batch).await?;
        claimed.extend(batch);
    }
    let found = found_again(&mut tx, tenant, found).await?;
    insert_found(&mut tx, tenant, pass.id, &claimed, &found).await?;
    for chunk in work(&claimed, &found).chunks(1_000) {
        insert_work(&mut tx, tenant, pass.id, chunk).await?;
    }
    reveals::forget(&mut tx, tenant, |query| {
        query
            .with("(SELECT 1 FROM pass_work w WHERE w.tenant_id = ", tenant)
            .with(" AND w.pass_id = ", pass.id)
            .push(" AND w.identifier_id = reveal_items.identifier_id LIMIT 1) IS NOT NULL")
    })
    .await?;
    if tx.is_postgres() {
        // Without statistics the planner assumes one new row, and joins the matches row by row.
        tx.query("ANALYZE pass_work, pass_selections").execute().await?;
    }
    sql::set_step(&mut tx, tenant, pass.id, Step::Planned).await?;
    failpoint::reach("plan.before-commit");
    tx.commit().await?;
    failpoint::reach("plan");
    Ok(())
}

/// The identifiers of the vault that earlier erasures still cover. A restored vault may have brought them back, so a
/// replay looks for all of them, and each other pass for a part.
async fn vault_finds(context: &PassContext<'_>, pass: &Pass) -> PassResult<Vec<FoundAgain>> {
    let mut tx = context.read_vault().await?;
    let (from, to) = if context.replay.is_some() {
        (0, None)
    } else {
        let part = u8::try_from(pass.as_of.timestamp().div_euclid(86_400).rem_euclid(PARTS)).unwrap_or_default();
        (part * PART, (part + 1).checked_mul(PART).map(|to| [to]))
    };
    Ok(vault::erased_identifiers(&mut tx, context.tenant.id, [from], to).await?)
}

/// The finds whose requests the archive has. The counts of the others would have no request.
async fn found_again(tx: &mut Tx<Archive>, tenant: TenantId, mut found: Vec<FoundAgain>) -> Result<Vec<FoundAgain>> {
    let mut ids: Vec<RequestId> = found.iter().map(|one| one.request).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut known = HashSet::new();
    for chunk in ids.chunks(1_000) {
        known.extend(repeat::existing(tx, tenant, chunk).await?);
    }
    found.retain(|one| known.contains(&one.request));
    Ok(found)
}

/// Writes the selections of identifiers that were found again. A claimed request may have written the same.
async fn insert_found(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    pass: PassId,
    claimed: &[ClaimedRequest],
    found: &[FoundAgain],
) -> Result<()> {
    let own: HashSet<(RequestId, IdentifierId)> =
        claimed.iter().flat_map(|request| request.identifiers().map(move |id| (request.id, id))).collect();
    let others: Vec<ClaimedRequest> = found
        .iter()
        .filter(|one| !own.contains(&(one.request, one.identifier)))
        .map(|one| ClaimedRequest {
            id: one.request,
            phone_id: Some(one.identifier),
            email_id: None,
            due_at: one.erasure.cutoff,
            targets: one.erasure.targets,
            delete_content: false,
            interactions: Vec::new(),
        })
        .collect();
    for chunk in others.chunks(500) {
        insert_selections(tx, tenant, pass, chunk).await?;
    }
    Ok(())
}

fn work(requests: &[ClaimedRequest], found: &[FoundAgain]) -> Vec<PassWork> {
    let mut components = Components::default();
    for request in requests {
        let mut keys = request.keys(Target::Archive);
        if let Some(first) = keys.next() {
            keys.for_each(|key| components.join(first, key));
        }
    }
    // An identifier that was found again belongs to the component of its request's own identifiers.
    let own: HashMap<RequestId, IdentifierId> =
        requests.iter().filter_map(|request| Some((request.id, request.identifiers().next()?))).collect();
    for one in found {
        if let Some(own) = own.get(&one.request) {
            components.join(*own, one.identifier);
        }
    }
    let mut rows = BTreeMap::<(i16, IdentifierId, IdentifierId), DateTime<Utc>>::new();
    for request in requests {
        for (target, identifier) in
            request.targets.iter().flat_map(|target| request.keys(target).map(move |key| (target, key)))
        {
            let cutoff = rows.entry((target as i16, components.root(identifier), identifier)).or_insert(request.due_at);
            *cutoff = request.due_at.max(*cutoff);
        }
    }
    for (target, one) in found.iter().flat_map(|one| one.erasure.targets.iter().map(move |target| (target, one))) {
        let key = (target as i16, components.root(one.identifier), one.identifier);
        let cutoff = rows.entry(key).or_insert(one.erasure.cutoff);
        *cutoff = one.erasure.cutoff.max(*cutoff);
    }
    let mut numbers = HashMap::new();
    rows.into_iter()
        .zip(1..)
        .filter_map(|(((target, root, identifier), cutoff), no)| {
            let next = i32::try_from(numbers.len()).ok()?;
            let component = *numbers.entry((target, root)).or_insert(next);
            let target = Target::ALL.into_iter().find(|one| *one as i16 == target)?;
            Some(PassWork { no, target, component, identifier, cutoff })
        })
        .collect()
}

/// The connected components of identifiers that requests name together, directly or over others (union-find).
#[derive(Default)]
struct Components(HashMap<IdentifierId, IdentifierId>);

impl Components {
    fn root(&self, mut id: IdentifierId) -> IdentifierId {
        while let Some(parent) = self.0.get(&id) {
            id = *parent;
        }
        id
    }

    fn join(&mut self, one: IdentifierId, another: IdentifierId) {
        let (one, another) = (self.root(one), self.root(another));
        if one != another {
            // The root is the smaller id, so that the result does not depend on the order of the requests.
            self.0.insert(one.max(another), one.min(another));
        }
    }
}

async fn insert_selections(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    pass: PassId,
    requests: &[ClaimedRequest],
) -> Result<()> {
    let rows = requests.iter().flat_map(|request| {
        request.targets.iter().flat_map(move |target| request.keys(target).map(move |key| (request, target, key)))
    });
    for chunk in rows.collect::<Vec<_>>().chunks(1_000) {
        tx.query("INSERT INTO pass_selections (tenant_id, pass_id, target, identifier_id, request_id, cutoff) VALUES ")
            .each(chunk, |query, (request, target, key)| {
                query
                    .with("(", tenant)
                    .with(", ", pass)
                    .with(", ", *target)
                    .with(", ", *key)
                    .with(", ", request.id)
                    .with(", ", request.due_at)
                    .push(")")
            })
            .once()
            .execute()
            .await?;
    }
    Ok(())
}

async fn insert_work(tx: &mut Tx<Archive>, tenant: TenantId, pass: PassId, rows: &[PassWork]) -> Result<u64> {
    tx.query("INSERT INTO pass_work (tenant_id, pass_id, no, target, component, identifier_id, cutoff) VALUES ")
        .each(rows, |query, PassWork { no, target, component, identifier, cutoff }| {
            query
                .with("(", tenant)
                .with(", ", pass)
                .with(", ", *no)
                .with(", ", *target)
                .with(", ", *component)
                .with(", ", *identifier)
                .with(", ", *cutoff)
                .push(")")
        })
        .once()
        .execute()
        .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::RecordId;
    use crate::base::target::Targets;
    use crate::requests::NamedInteraction;

    fn request(phone: u128, email: u128, hour: i64, targets: Targets) -> ClaimedRequest {
        let id = |bits: u128| (bits > 0).then(|| IdentifierId(uuid::Uuid::from_u128(bits)));
        let due_at = DateTime::from_timestamp(hour * 3600, 0).unwrap();
        ClaimedRequest {
            id: RequestId::new(),
            phone_id: id(phone),
            email_id: id(email),
            due_at,
            targets,
            delete_content: false,
            interactions: Vec::new(),
        }
    }

    fn archive_only() -> Targets {
        Targets::from_iter([Target::Archive])
    }

    #[test]
    fn the_latest_cutoff_of_an_identifier_wins() {
        let rows = work(&[request(1, 0, 5, archive_only()), request(1, 0, 9, archive_only())], &[]);
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].cutoff.timestamp(), 9 * 3600);
    }

    #[test]
    fn identifiers_named_together_share_a_component_over_others_too() {
        let rows = work(
            &[request(1, 2, 1, archive_only()), request(3, 2, 1, archive_only()), request(4, 0, 1, archive_only())],
            &[],
        );
        let component = |bits: u128| rows.iter().find(|row| row.identifier.0.as_u128() == bits).unwrap().component;
        assert_eq!(component(1), component(2));
        assert_eq!(component(2), component(3));
        assert_ne!(component(3), component(4));
        assert_eq!(rows.iter().map(|row| row.no).collect::<Vec<_>>(), [1, 2, 3, 4]);
    }

    #[test]
    fn a_named_interaction_is_a_key_of_the_archive_and_joins_its_customer() {
        let customer = request(7, 0, 1, Targets::ALL).phone_id;
        let named = NamedInteraction { id: RecordId(uuid::Uuid::from_u128(5)), phone: customer, email: None };
        let rows = work(
            &[
                ClaimedRequest { interactions: vec![named], ..request(1, 0, 1, Targets::ALL) },
                request(7, 0, 2, archive_only()),
            ],
            &[],
        );
        let keys = |target| {
            let of_target = rows.iter().filter(|row| row.target == target);
            of_target.map(|row| (row.identifier.0.as_u128(), row.component)).collect::<Vec<_>>()
        };
        assert_eq!(keys(Target::Archive), [(1, 0), (5, 0), (7, 0)]);
        assert_eq!(keys(Target::RawData), [(1, 2), (7, 2)]);
    }

    #[test]
    fn targets_are_walked_one_after_the_other() {
        let rows = work(&[request(1, 2, 1, Targets::ALL), request(3, 0, 1, Targets::ALL)], &[]);
        assert_eq!(rows.len(), 9);
        assert!(rows.is_sorted_by_key(|row| row.target));
        assert!(rows.is_sorted_by_key(|row| row.component));
    }
}

//! The preview of a policy: the levels that the interactions of the next months would get. It writes nothing.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::Month;
use super::model::{AgeingError, AgeingPolicy, Leftover};
use crate::archive::ageing::{self, Features, settle};
use crate::archive::{Channel, Direction, held};
use crate::base::id::RecordId;
use crate::base::target::Target;
use crate::tenants::Tenant;
use crate::vault::AppContext;

/// The most memory that the interactions of a preview take, in bytes. They are about 50,000.
const MEMORY: usize = 25_000_000;

/// How many interactions one statement reads.
const PAGE: i64 = 500;

/// The numbers of a pass that is not made.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(example = json!({
    "records": 42078, "levels": [18010, 12660, 6690, 4460, 52], "leftover": 206, "deleted": 206, "months": 1,
    "complete": true, "k": {"before": {"unique": 0.97, "below_k": 1.0}, "after": {"unique": 0.0, "below_k": 0.0}}
}))]
pub struct AgeingPreview {
    /// The number of interactions that are old enough now.
    #[schema(example = 42078)]
    pub records: u64,
    /// The number of interactions that each level settles.
    pub levels: Vec<u64>,
    /// The number of interactions that no level settles.
    #[schema(example = 206)]
    pub leftover: u64,
    /// The number of interactions that would be deleted.
    #[schema(example = 206)]
    pub deleted: u64,
    /// The number of months that were read, the oldest first.
    #[schema(example = 1)]
    pub months: u64,
    /// Whether all months were read. A preview reads about 50,000 interactions. If the oldest month has more, a part of it
    /// is read, whose classes are smaller than those of the month.
    pub complete: bool,
    /// The shares of interactions in small classes, before and after.
    pub k: KShares,
}

/// The shares of interactions in small classes. A class is the interactions with the same kept values.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(example = json!({"before": {"unique": 0.97, "below_k": 1.0}, "after": {"unique": 0.0, "below_k": 0.0}}))]
pub struct KShares {
    /// By the second, and all words that can be kept.
    pub before: KShare,
    /// By all values that are kept.
    pub after: KShare,
}

/// Two shares, from 0 to 1.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(example = json!({"unique": 0.97, "below_k": 1.0}))]
pub struct KShare {
    /// The share of interactions that are alone in their class.
    pub unique: f64,
    /// The share of interactions in classes of fewer than `k`.
    pub below_k: f64,
}

/// Previews a policy as of now, whether it is on, pending, or paused.
pub async fn preview(app: &AppContext, tenant: &Tenant, policy: &AgeingPolicy) -> Result<AgeingPreview, AgeingError> {
    let (chosen, levels, now) = (policy.chosen(), policy.levels(), app.clock.now());
    let mut preview = AgeingPreview { levels: vec![0; levels.len()], complete: true, ..AgeingPreview::default() };
    let (mut unique, mut below, mut free) = (0, 0, MEMORY);
    let mut from: Option<DateTime<Utc>> = None;
    let _work = app.memory.work(MEMORY as u64).await?;
    loop {
        let mut tx = app.archive.read().await?;
        let Some(oldest) = ageing::oldest(&mut tx, tenant.id, &chosen, from).await? else { break };
        let month = Month::of(oldest, tenant.zone).filter(|month| month.is_due(policy, now, tenant.zone));
        let Some(month) = month else { break };
        drop(tx);
        from = Some(month.ends_at);
        let (records, is_whole) = read(app, tenant, policy, month, &mut free).await?;
        preview.complete = is_whole;
        // The classes of a part are too small. So a part counts only if there would be nothing to show without it.
        if !is_whole && preview.records > 0 {
            break;
        }
        let settled = settle(&records, &levels, policy.k);
        for number in settled.iter().flatten() {
            preview.levels[*number] += 1;
        }
        let left: Vec<&Features> =
            records.iter().zip(&settled).filter(|(_, own)| own.is_none()).map(|(one, _)| one).collect();
        preview.leftover += left.len() as u64;
        preview.deleted += deleted(policy, &left);
        preview.records += records.len() as u64;
        preview.months += 1;
        let sizes = sizes_before(&records);
        unique += sizes.values().filter(|size| **size == 1).count();
        below += sizes.values().filter(|size| **size < policy.k as usize).sum::<usize>();
        if !is_whole {
            break;
        }
    }
    preview.k.before = KShare { unique: share(unique, preview.records), below_k: share(below, preview.records) };
    Ok(preview)
}

/// The interactions of a month that fit into the free memory, and whether these are all. Held interactions are left
/// out, as a plan leaves them out.
async fn read(
    app: &AppContext,
    tenant: &Tenant,
    policy: &AgeingPolicy,
    month: Month,
    free: &mut usize,
) -> Result<(Vec<Features>, bool), AgeingError> {
    let (chosen, mut records) = (policy.chosen(), Vec::new());
    for channel in chosen.channels.iter().copied() {
        let mut after = None;
        loop {
            let mut tx = app.archive.read().await?;
            let span = (month.starts_at, month.ends_at);
            let mut page =
                ageing::page(&mut tx, (tenant.id, tenant.zone), (&chosen, channel), span, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some((last.at, last.id));
            let ids: Vec<RecordId> = page.iter().map(|one| one.id).collect();
            let kept = held::among(&mut tx, tenant.id, Target::Archive, &ids).await?;
            page.retain(|one| !kept.contains(&one.id));
            let weight: usize = page.iter().map(Features::weight).sum();
            if weight > *free {
                *free = 0;
                return Ok((records, false));
            }
            *free -= weight;
            records.append(&mut page);
        }
    }
    Ok((records, true))
}

/// How many of the interactions that are left would be deleted.
fn deleted(policy: &AgeingPolicy, left: &[&Features]) -> u64 {
    if policy.leftover == Leftover::Delete {
        return left.len() as u64;
    }
    let mut classes = HashMap::<_, u64>::new();
    for one in left {
        *classes.entry((one.channel.as_str(), one.direction.map(Direction::as_str))).or_default() += 1;
    }
    classes.into_values().filter(|size| *size < u64::from(policy.k)).sum()
}

/// The sizes of the classes by the second and all words.
fn sizes_before(records: &[Features]) -> HashMap<impl Eq + std::hash::Hash + use<>, usize> {
    let mut sizes = HashMap::new();
    for one in records {
        let Features { at, channel, direction, queue, agent_id, outcome, seconds, .. } = one;
        let words = [queue.clone(), agent_id.clone(), outcome.clone()];
        let key = (at.timestamp(), Channel::as_str(*channel), direction.map(Direction::as_str), words, *seconds);
        *sizes.entry(key).or_default() += 1;
    }
    sizes
}

#[expect(clippy::cast_precision_loss, reason = "a share needs few digits")]
fn share(part: usize, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

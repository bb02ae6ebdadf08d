//! The classes of a planned month, from chunk to chunk. A chunk has whole classes. So a class is either aged or as it was,
//! when a hold or content stops one of its members.

use std::collections::{HashMap, HashSet};

use crate::base::id::{RecordId, TenantId};
use crate::store::{Archive, Result, Tx};

/// An interaction of a plan with its class. It has none if it is to be deleted.
type Member = (RecordId, Option<RecordId>);

/// The next interactions of a plan: whole classes, about `most` interactions together. A class that is larger than that
/// has several chunks, and at least `k` of it are in each of them.
pub async fn next(tx: &mut Tx<Archive>, tenant: TenantId, most: usize, k: u32) -> Result<Vec<RecordId>> {
    let limit = most + k as usize;
    let mut members: Vec<Member> = tx
        .query("SELECT record_id, class_id FROM ageing_work")
        .with(" WHERE tenant_id = ", tenant)
        .with(" ORDER BY class_id, record_id LIMIT ", i64::try_from(limit).unwrap_or(i64::MAX))
        .all()
        .await?;
    if members.len() == limit {
        cut(&mut members, most);
    }
    Ok(members.into_iter().map(|(id, _)| id).collect())
}

/// Leaves the last class to the next chunk, because it may have more members. A class that fills the chunk is divided.
fn cut(members: &mut Vec<Member>, most: usize) {
    let Some((_, Some(last))) = members.last().copied() else { return };
    match members.iter().position(|(_, class)| *class == Some(last)) {
        Some(first) if first > 0 => members.truncate(first),
        _ => members.truncate(most),
    }
}

/// The interactions of a chunk that are not aged now.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct KeptBack {
    /// They stay in the plan: a member of their class has content that is not deleted yet.
    pub waiting: HashSet<RecordId>,
    /// They leave the plan as they are: a hold keeps them, or so many members of their class that the others are fewer
    /// than `k`. A later pass plans the others again.
    pub spared: HashSet<RecordId>,
}

#[derive(Default)]
struct ClassCount {
    free: u32,
    held: u32,
    is_waiting: bool,
}

impl KeptBack {
    #[must_use]
    pub fn of(members: &[Member], (held, with_content): (&HashSet<RecordId>, &HashSet<RecordId>), k: u32) -> Self {
        // An interaction without a class is alone.
        let class_of = |(id, class): &Member| class.unwrap_or(*id);
        let mut classes = HashMap::<RecordId, ClassCount>::new();
        for member in members {
            let class = classes.entry(class_of(member)).or_default();
            let is_held = held.contains(&member.0);
            class.held += u32::from(is_held);
            class.free += u32::from(!is_held);
            class.is_waiting |= !is_held && with_content.contains(&member.0);
        }
        let mut kept = Self::default();
        for member in members {
            let Some(class) = classes.get(&class_of(member)) else { continue };
            if class.is_waiting {
                kept.waiting.insert(member.0);
            } else if held.contains(&member.0) || class.held > 0 && class.free < k {
                kept.spared.insert(member.0);
            }
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn id(no: u128) -> RecordId {
        RecordId(Uuid::from_u128(no))
    }

    fn members(classes: &[Option<u128>]) -> Vec<Member> {
        (1_000..).zip(classes).map(|(no, class)| (id(no), class.map(id))).collect()
    }

    fn ids(all: &[u128]) -> HashSet<RecordId> {
        all.iter().copied().map(id).collect()
    }

    #[test]
    fn a_chunk_has_whole_classes_or_a_large_part_of_one() {
        let left = |classes: &[Option<u128>], most| {
            let mut members = members(classes);
            cut(&mut members, most);
            members.len()
        };
        assert_eq!(left(&[Some(1), Some(1), Some(1), Some(2), Some(2)], 3), 3);
        assert_eq!(left(&[Some(1), Some(1), Some(1), Some(1), Some(1)], 3), 3);
        assert_eq!(left(&[None, None, Some(1), Some(1), Some(1)], 3), 2);
        assert_eq!(left(&[Some(1), Some(1), None, None, None], 3), 5);
    }

    #[test]
    fn a_hold_leaves_no_small_class_behind() {
        let members = members(&[Some(1), Some(1), Some(1), Some(2), Some(2), Some(2), Some(2), None, None]);
        let of = |held: &[u128], content: &[u128]| KeptBack::of(&members, (&ids(held), &ids(content)), 3);
        assert_eq!(of(&[], &[]), KeptBack::default());
        let kept = |waiting: &[u128], spared: &[u128]| KeptBack { waiting: ids(waiting), spared: ids(spared) };
        assert_eq!(of(&[1_001], &[]), kept(&[], &[1_000, 1_001, 1_002]), "two are left of the first class");
        assert_eq!(of(&[1_003], &[]), kept(&[], &[1_003]), "three are left of the second one");
        assert_eq!(of(&[1_007], &[1_007]), kept(&[], &[1_007]), "the content of a held interaction stays");
        assert_eq!(of(&[], &[1_008]), kept(&[1_008], &[]));
        assert_eq!(of(&[1_000], &[1_001]), kept(&[1_000, 1_001, 1_002], &[]), "the next chunk decides");
    }
}

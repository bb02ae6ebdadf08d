//! Compares candidates with the vault: each is hashed as the vault does it, looked up in a filter in memory, and
//! confirmed in the vault. The filter is small and lets some strangers through, which the vault then does not know.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::calling_codes;
use super::model::{FindingClass, FoundPlace, MOST_PLACES, ScanReport};
use super::numbers::{self, Misses};
use super::projection::{ScanCandidate, candidates, is_too_short};
use crate::base::crypto::BlindIndex;
use crate::base::target::Target;
use crate::store::{Db, Vault};
use crate::tenants::Tenant;
use crate::vault::{self, AppContext, ErasedHash, HashesOf, Keyset, VaultError};

/// The bits of the filter: 16 MiB, whatever the number of identifiers.
const FILTER_BITS: u32 = 27;

/// How many keyed hashes are read from the vault at a time.
const HASHES: i64 = 20_000;

/// How many look-ups one statement confirms.
const BATCH: usize = 1_000;

/// The longest text that is remembered if nothing in it can be an identifier, in bytes, and how many are.
const REMEMBERED: (usize, usize) = (64, 8_192);

/// The bits of the coarse filter for each member, and the fewest and the most of all. It stays in the processor's cache, and
/// most hashes need no look into the large filter.
const COARSE: (u64, std::ops::RangeInclusive<u32>) = (8, 10..=24);

/// A set of keyed hashes that knows all of its members and some others.
struct Filter {
    fine: Vec<u64>,
    /// A bit for each range of bits of the large filter.
    coarse: Vec<u64>,
    coarse_bits: u32,
}

impl Filter {
    async fn read(db: &Db<Vault>, keyset: &Keyset) -> Result<Self, VaultError> {
        let (mut fine, mut count) = (vec![0; 1 << (FILTER_BITS - 6)], 0);
        for of in [HashesOf::Identifiers, HashesOf::Erasures] {
            let mut after = None;
            loop {
                let hashes = vault::hashes(&mut db.read().await?, keyset.tenant, of, after, HASHES).await?;
                let Some(last) = hashes.last() else { break };
                after = Some(*last);
                count += hashes.len() as u64;
                for hash in hashes {
                    insert(&mut fine, place(hash, FILTER_BITS));
                }
            }
        }
        Ok(Self::of(fine, count))
    }

    /// The filter of a number of members.
    fn of(fine: Vec<u64>, count: u64) -> Self {
        let (bits_each, bits) = COARSE;
        let coarse_bits = (count * bits_each).max(1).ilog2().clamp(*bits.start(), *bits.end());
        let mut coarse = vec![0; 1 << (coarse_bits - 6)];
        for (no, word) in fine.iter().enumerate().filter(|(_, word)| **word != 0) {
            for bit in (0..64).filter(|bit| word >> bit & 1 == 1) {
                let at = (no * 64 + bit) >> (FILTER_BITS - coarse_bits);
                insert(&mut coarse, (at / 64, 1 << (at % 64)));
            }
        }
        Self { fine, coarse, coarse_bits }
    }

    fn may_contain(&self, hash: BlindIndex) -> bool {
        has(&self.coarse, place(hash, self.coarse_bits)) && has(&self.fine, place(hash, FILTER_BITS))
    }
}

/// The word and the bit of a hash in a filter of so many bits, as a power of two.
fn place(hash: BlindIndex, bits: u32) -> (usize, u64) {
    let at = u32::from_be_bytes([hash.0[0], hash.0[1], hash.0[2], hash.0[3]]) >> (32 - bits);
    (usize::try_from(at / 64).unwrap_or_default(), 1 << (at % 64))
}

fn insert(filter: &mut [u64], (word, bit): (usize, u64)) {
    if let Some(word) = filter.get_mut(word) {
        *word |= bit;
    }
}

fn has(filter: &[u64], (word, bit): (usize, u64)) -> bool {
    filter.get(word).is_some_and(|word| word & bit != 0)
}

/// The meaning of a look-up whose hash the vault knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum LookupKind {
    Whole,
    /// A window inside a longer run of digits.
    Window,
    /// A number that nobody has written. It begins like a number in the text.
    Control,
}

/// Where a text is from.
#[derive(Clone, Debug, Default)]
pub struct TextSource {
    pub table: Option<String>,
    pub column: Option<String>,
    pub record: Option<String>,
    /// The position of the text in a file.
    pub offset: Option<u64>,
    /// The time of the record and its target, by which erasures cover it. Without them, every erasure does.
    pub at: Option<DateTime<Utc>>,
    pub target: Option<Target>,
}

struct Pending {
    hash: BlindIndex,
    look: LookupKind,
    source: Arc<TextSource>,
    /// The position in the text.
    position: usize,
}

/// The identifiers of a tenant, as far as keyed hashes tell them.
pub struct Matcher {
    keyset: Arc<Keyset>,
    filter: Filter,
    misses: Misses,
    /// Short texts without any look-up that the filter let through: most columns have the same values in many rows.
    clean: HashSet<String>,
    calling_code: &'static str,
    pending: Vec<Pending>,
    /// The control numbers that were found. Each counts once, so that a number that is written often hides no finding.
    controls: HashSet<BlindIndex>,
    /// The findings in a column of a record. A record that changed may be read a second time in one scan.
    found: HashSet<(BlindIndex, String, String, String)>,
}

impl Matcher {
    pub async fn open(app: &AppContext, tenant: &Tenant) -> Result<Self, VaultError> {
        let keyset = app.keysets.get(&app.vault, tenant.id).await?;
        let filter = Filter::read(&app.vault, &keyset).await?;
        let calling_code = calling_codes::of_region(&tenant.region.to_string()).unwrap_or_default();
        Ok(Self {
            keyset,
            filter,
            misses: Misses::default(),
            clean: HashSet::new(),
            calling_code,
            pending: Vec::new(),
            controls: HashSet::new(),
            found: HashSet::new(),
        })
    }

    pub fn keyset(&self) -> &Keyset {
        &self.keyset
    }

    /// Searches a text. The look-ups that the filter lets through wait for [`Matcher::confirm`].
    pub fn search(&mut self, text: &str, source: impl Fn() -> TextSource) {
        if is_too_short(text) {
            return;
        }
        let (longest, most) = REMEMBERED;
        // A text with a digit, such as an id, rarely comes twice.
        let is_common = text.len() <= longest && !text.bytes().any(|byte| byte.is_ascii_digit());
        if is_common && self.clean.contains(text) {
            return;
        }
        let before = self.pending.len();
        self.search_part(text, None, source);
        if is_common && self.pending.len() == before {
            if self.clean.len() == most {
                self.clean.clear();
            }
            self.clean.insert(text.to_owned());
        }
    }

    /// Searches a part of a file. Candidates that begin at the end of the part belong to the next one. In a file, each
    /// position is a finding of its own.
    pub fn search_part(&mut self, text: &str, end: Option<usize>, source: impl Fn() -> TextSource) {
        let (mut seen, mut shared) = (HashSet::new(), None);
        let Self { keyset, filter, misses, calling_code, pending, .. } = self;
        candidates(text, &mut |position, candidate| {
            if end.is_some_and(|end| position >= end) {
                return;
            }
            let mut look_up = |hash: BlindIndex, look: LookupKind| {
                let may_be_known = filter.may_contain(hash);
                // Two readings of one text are one finding.
                let place = if end.is_some() { position } else { 0 };
                if may_be_known && seen.insert((hash, look, place)) {
                    let source = Arc::clone(shared.get_or_insert_with(|| Arc::new(source())));
                    pending.push(Pending { hash, look, source, position });
                }
                may_be_known
            };
            match candidate {
                ScanCandidate::Email(address) => {
                    look_up(keyset.index_of_email(address), LookupKind::Whole);
                }
                ScanCandidate::Digits { digits, is_international, is_whole } => {
                    numbers::read(digits, is_international, calling_code, &mut |number| {
                        if misses.contain(number, is_whole) {
                            return;
                        }
                        let look = if is_whole { LookupKind::Whole } else { LookupKind::Window };
                        let mut may_be_known = look_up(keyset.index_of_phone(number.as_str()), look);
                        if let Some(control) = number.control().filter(|_| is_whole) {
                            may_be_known |= look_up(keyset.index_of_phone(control.as_str()), LookupKind::Control);
                        }
                        if !may_be_known {
                            misses.insert(number, is_whole);
                        }
                    });
                }
            }
        });
    }

    /// Whether so many look-ups wait that they should be confirmed.
    pub const fn is_full(&self) -> bool {
        self.pending.len() >= BATCH
    }

    /// Asks the vault about everything that waits, and adds the findings to a report.
    pub async fn confirm(&mut self, db: &Db<Vault>, report: &mut ScanReport) -> Result<(), VaultError> {
        let pending = std::mem::take(&mut self.pending);
        for chunk in pending.chunks(BATCH) {
            let hashes: HashSet<BlindIndex> = chunk.iter().map(|one| one.hash).collect();
            let mut tx = db.read().await?;
            let known = vault::identified(&mut tx, self.keyset.tenant, hashes.iter().copied()).await?;
            let erased = vault::erased(&mut tx, self.keyset.tenant, hashes.iter().copied()).await?;
            drop(tx);
            for one in chunk {
                let TextSource { table, column, record, at, target, .. } = &*one.source;
                let own = erased.iter().filter(|erased| erased.index == one.hash);
                let covering: Vec<_> = own
                    .clone()
                    .filter(|ErasedHash { erasure, .. }| {
                        at.is_none_or(|at| at < erasure.cutoff)
                            && target.is_none_or(|target| erasure.targets.contains(target))
                    })
                    .map(|erased| erased.request)
                    .collect();
                let class = if covering.is_empty() { FindingClass::Exposed } else { FindingClass::Residue };
                if let (LookupKind::Whole, Some(table), Some(column), Some(record)) = (one.look, table, column, record)
                    && !self.found.insert((one.hash, table.clone(), column.clone(), record.clone()))
                {
                    continue;
                }
                let is_known = !covering.is_empty() || known.contains(&one.hash) || own.count() > 0;
                if is_known && (one.look != LookupKind::Control || self.controls.insert(one.hash)) {
                    note(report, one, class);
                }
                if one.look == LookupKind::Whole {
                    for request in covering {
                        *report.requests.entry(request).or_default() += 1;
                    }
                }
            }
        }
        Ok(())
    }
}

fn note(report: &mut ScanReport, found: &Pending, class: FindingClass) {
    let counts = &mut report.counts;
    match (found.look, class) {
        (LookupKind::Window, _) => counts.coincidence += 1,
        (LookupKind::Control, FindingClass::Residue) => counts.residue_control += 1,
        (LookupKind::Control, FindingClass::Exposed) => counts.exposed_control += 1,
        (LookupKind::Whole, FindingClass::Residue) => counts.residue += 1,
        (LookupKind::Whole, FindingClass::Exposed) => counts.exposed += 1,
    }
    if found.look == LookupKind::Whole && report.places.len() < MOST_PLACES {
        let TextSource { table, column, record, offset, .. } = &*found.source;
        report.places.push(FoundPlace {
            class,
            table: table.clone(),
            column: column.clone(),
            record: record.clone(),
            offset: offset.map(|offset| offset + found.position as u64),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_knows_its_members() {
        let hash = |no: u32| crate::base::crypto::Key::from_bytes(&[7; 32]).unwrap().hash(&[&no.to_be_bytes()]);
        for count in [1, 1_000, 100_000] {
            let mut fine = vec![0; 1 << (FILTER_BITS - 6)];
            (0..count).for_each(|no| insert(&mut fine, place(hash(no), FILTER_BITS)));
            let filter = Filter::of(fine, count.into());
            assert!((0..count).all(|no| filter.may_contain(hash(no))), "{count}");
            let strangers = (count..count + 10_000).filter(|no| filter.may_contain(hash(*no))).count();
            assert!(strangers < 50, "{count}: {strangers}");
        }
    }
}

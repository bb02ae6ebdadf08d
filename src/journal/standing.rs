//! The standing of each tenant against the journal, in memory: the conclusions of the last look, and the newest objects
//! that this process has seen the databases know.

use std::collections::{BTreeMap, HashMap};
use std::sync::RwLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::base::id::TenantId;
use crate::base::words::words;

words! {
    /// The state of the journal and of the databases against it.
    #[derive(utoipa::ToSchema)]
    #[schema(as = JournalState)]
    pub enum State {
        /// Both databases know all that the journal says.
        InStep = "in_step",
        /// A database was restored from a backup. `lethe replay` brings it up to date.
        Behind = "behind",
        /// The journal could not be read since the start.
        Unknown = "unknown",
        /// Objects are missing or were altered, or the journal belongs to another installation.
        Damaged = "damaged",
        /// There is no journal. No restore is noticed.
        Off = "off",
    }
}

/// Why a tenant's calls are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    ReplayNeeded,
    /// It is not known whether a database was restored.
    Unknown,
}

/// The newest objects that the archive and the vault know.
pub type Heads = [i64; 2];

#[derive(Debug)]
pub struct Standing {
    found: RwLock<FoundState>,
    failures: AtomicU64,
}

#[derive(Debug)]
struct FoundState {
    state: State,
    tenants: usize,
    /// The tenants that are behind, each with the reason.
    behind: BTreeMap<TenantId, String>,
    damage: Option<String>,
    heads: HashMap<TenantId, Heads>,
}

impl Standing {
    pub(super) fn new(is_on: bool) -> Self {
        let state = if is_on { State::Unknown } else { State::Off };
        let found = FoundState { state, tenants: 0, behind: BTreeMap::new(), damage: None, heads: HashMap::new() };
        Self { found: RwLock::new(found), failures: AtomicU64::new(0) }
    }

    /// Records the conclusions of a look at the journal.
    pub fn record(&self, tenants: usize, behind: BTreeMap<TenantId, String>, damage: Option<String>) {
        let Ok(mut found) = self.found.write() else { return };
        found.state = match (&damage, behind.is_empty()) {
            (Some(_), _) => State::Damaged,
            (None, false) => State::Behind,
            (None, true) => State::InStep,
        };
        (found.tenants, found.behind, found.damage) = (tenants, behind, damage);
    }

    /// Records that the journal is damaged, and leaves all else as an earlier look has found it.
    pub fn record_damage(&self, damage: &str) {
        let Ok(mut found) = self.found.write() else { return };
        (found.state, found.damage) = (State::Damaged, Some(damage.to_owned()));
    }

    /// The newest object that this process has seen any database know.
    #[must_use]
    pub fn newest(&self) -> i64 {
        let Ok(found) = self.found.read() else { return 0 };
        found.heads.values().flatten().copied().max().unwrap_or_default()
    }

    /// Whether neither database knows less than this process has seen before. A database that does was restored.
    pub fn note(&self, tenant: TenantId, heads: Heads) -> bool {
        let Ok(mut found) = self.found.write() else { return false };
        let seen = found.heads.entry(tenant).or_default();
        if heads.iter().zip(seen.iter()).any(|(now, before)| now < before) {
            return false;
        }
        *seen = heads;
        true
    }

    /// Records that a tenant is behind, until the next look.
    pub fn set_behind(&self, tenant: TenantId, reason: String) {
        let Ok(mut found) = self.found.write() else { return };
        found.behind.insert(tenant, reason);
        if found.state == State::InStep {
            found.state = State::Behind;
        }
    }

    #[must_use]
    pub fn state(&self) -> State {
        self.found.read().map_or(State::Unknown, |found| found.state)
    }

    /// The reason why the journal counts as damaged.
    #[must_use]
    pub fn damage(&self) -> Option<String> {
        self.found.read().ok().and_then(|found| found.damage.clone())
    }

    /// How many tenants are behind, and whether all are.
    #[must_use]
    pub fn tenants_behind(&self) -> (usize, bool) {
        self.found.read().map_or((0, false), |found| {
            let behind = found.behind.len();
            (behind, behind > 0 && behind >= found.tenants)
        })
    }

    /// Whether calls of a tenant are refused.
    #[must_use]
    pub fn refusal(&self, tenant: TenantId) -> Option<Refusal> {
        let Ok(found) = self.found.read() else { return Some(Refusal::Unknown) };
        match found.state {
            State::Unknown => Some(Refusal::Unknown),
            _ => found.behind.contains_key(&tenant).then_some(Refusal::ReplayNeeded),
        }
    }

    pub(super) fn count_failure(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    /// How many objects could not be written since the start.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }
}

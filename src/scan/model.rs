//! The findings of the scan. A finding names a place, never a value.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::base::id::RequestId;
use crate::base::words::words;
use crate::content::ContentError;
use crate::store::StoreError;
use crate::vault::VaultError;

/// The most places that a report names. The counts are exact.
pub const MOST_PLACES: usize = 1_000;

words! {
    /// The kind of a finding.
    #[derive(PartialOrd, Ord, Hash)]
    pub enum FindingClass {
        /// An identifier that was erased, in data that its erasure covers.
        Residue = "residue",
        /// An identifier in clear, whose customer is not forgotten.
        Exposed = "exposed",
    }
}

/// A place in which something was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct FoundPlace {
    pub class: FindingClass,
    /// The table, or `content` for the text of an object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The id of the record, or the numbers and ids of its key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    /// The position in a file, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
}

/// The numbers of a scan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ScanCounts {
    pub rows: u64,
    /// The bytes of text that were searched.
    pub bytes: u64,
    /// The texts of content that were opened and searched.
    pub objects: u64,
    /// The columns that were searched.
    pub columns: u64,
    pub residue: u64,
    /// The control numbers, as many as there are erased ones, that would be residue: what chance alone gives.
    pub residue_control: u64,
    pub exposed: u64,
    pub exposed_control: u64,
    /// Windows inside longer runs of digits that equal an identifier.
    pub coincidence: u64,
    /// Content that cannot be searched, by kind: it is encrypted, no text, or its object is missing.
    pub unreadable: BTreeMap<String, u64>,
}

/// A column that the census does not know. It is searched like a text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct UnclassifiedColumn {
    pub table: String,
    pub column: String,
}

/// The report of a scan.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ScanReport {
    #[serde(flatten)]
    pub counts: ScanCounts,
    pub unclassified: BTreeSet<UnclassifiedColumn>,
    pub places: Vec<FoundPlace>,
    /// How often something of each request was found.
    #[serde(skip)]
    pub requests: BTreeMap<RequestId, u64>,
}

impl ScanCounts {
    /// How many rows and pieces of content were read.
    #[must_use]
    pub fn read(&self) -> u64 {
        self.rows + self.objects + self.unreadable.values().sum::<u64>()
    }

    /// Erased identifiers beyond chance.
    #[must_use]
    pub const fn true_residue(&self) -> u64 {
        self.residue.saturating_sub(self.residue_control)
    }

    /// Identifiers of living customers beyond chance.
    #[must_use]
    pub const fn true_exposed(&self) -> u64 {
        self.exposed.saturating_sub(self.exposed_control)
    }

    /// The difference to earlier numbers of the same scan.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let unreadable = self
            .unreadable
            .iter()
            .map(|(kind, count)| (kind.clone(), count - before.unreadable.get(kind).copied().unwrap_or_default()));
        Self {
            rows: self.rows - before.rows,
            bytes: self.bytes - before.bytes,
            objects: self.objects - before.objects,
            columns: self.columns,
            residue: self.residue - before.residue,
            residue_control: self.residue_control - before.residue_control,
            exposed: self.exposed - before.exposed,
            exposed_control: self.exposed_control - before.exposed_control,
            coincidence: self.coincidence - before.coincidence,
            unreadable: unreadable.filter(|(_, count)| *count > 0).collect(),
        }
    }

    /// The sum of two parts of one round.
    #[must_use]
    pub fn plus(mut self, other: &Self) -> Self {
        self.rows += other.rows;
        self.bytes += other.bytes;
        self.objects += other.objects;
        self.columns = self.columns.max(other.columns);
        self.residue += other.residue;
        self.residue_control += other.residue_control;
        self.exposed += other.exposed;
        self.exposed_control += other.exposed_control;
        self.coincidence += other.coincidence;
        for (kind, count) in &other.unreadable {
            *self.unreadable.entry(kind.clone()).or_default() += count;
        }
        self
    }
}

impl ScanReport {
    /// Whether an operator must check the result: an identifier was found, or a column is not classified.
    #[must_use]
    pub fn has_findings(&self) -> bool {
        self.counts.true_residue() + self.counts.true_exposed() > 0 || !self.unclassified.is_empty()
    }
}

/// The round in which the scan reads the whole archive.
#[derive(Clone, Debug)]
pub struct Round {
    pub begun_at: DateTime<Utc>,
    /// The table that is read next. It is empty at the beginning.
    pub table: String,
    /// The key of the last row that was read of it.
    pub position: Option<Vec<String>>,
    pub counts: ScanCounts,
    pub last: Option<FullRound>,
    /// The time up to which changes were read.
    pub changed_until: Option<DateTime<Utc>>,
}

/// A round that has read everything.
#[derive(Clone, Debug)]
pub struct FullRound {
    pub begun_at: DateTime<Utc>,
    pub counts: ScanCounts,
}

impl Round {
    #[must_use]
    pub fn new(begun_at: DateTime<Utc>) -> Self {
        let counts = ScanCounts::default();
        Self { begun_at, table: String::new(), position: None, counts, last: None, changed_until: None }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Content(#[from] ContentError),
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("the scan was stopped")]
    Stopped,
}

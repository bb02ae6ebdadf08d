//! The export of a sealed log as lines of JSON, and its verification without a database.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{BufRead, Error, Read, Seek, SeekFrom};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use uuid::Uuid;

use super::checkpoint::{Checkpoint, CheckpointKeys};
use super::leaf::{FORMAT, canonical};
use super::tree::{HASH, Hash, Tree, leaf_hash};
use super::verify::{Fault, FaultKind, LogEntry, LogStart, Verification};
use crate::audit::{ActorName, SealedRow};
use crate::base::id::{ActorId, AuditId, Salt, TenantId};

/// The most bytes of the last line.
const LAST_LINE: u64 = 64 << 10;

/// A line of the export. All but the names are in the leaf, and the actor's id commits to the names.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExportLine<'l> {
    seq: i64,
    #[serde(borrow)]
    leaf: Cow<'l, str>,
    /// The hash of the leaf at the time of its seal.
    #[serde(borrow)]
    leaf_hash: Cow<'l, str>,
    id: AuditId,
    at: DateTime<Utc>,
    actor_id: ActorId,
    #[serde(borrow)]
    actor_sub: Option<Cow<'l, str>>,
    #[serde(borrow)]
    actor_name: Option<Cow<'l, str>>,
    actor_salt: Option<Salt>,
    #[serde(borrow)]
    action: Cow<'l, str>,
    #[serde(borrow)]
    outcome: Cow<'l, str>,
    #[serde(borrow)]
    purpose: Option<Cow<'l, str>>,
    records: i64,
    #[serde(borrow)]
    detail: &'l RawValue,
    #[serde(borrow)]
    digests: Cow<'l, str>,
}

/// The last line of an export.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportEnd {
    /// The signed checkpoint at the last row. It is null if nothing is sealed.
    pub checkpoint: Option<String>,
    /// The tree before the first row, unless that is the first one of the log.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub before: Option<ExportStart>,
}

/// The tree before the first row of an export.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportStart {
    /// The number of the row before the first one.
    pub seq: i64,
    /// The number of the tree.
    pub tree: u32,
    pub size: u64,
    /// The roots of its complete subtrees, the largest first.
    pub hashes: Vec<String>,
}

impl ExportStart {
    fn start(&self) -> Option<LogStart> {
        let hashes: Vec<Vec<u8>> = self.hashes.iter().map(|hash| STANDARD.decode(hash).ok()).collect::<Option<_>>()?;
        let tree = Tree::from_frontier(self.size, &hashes.concat())?;
        Some(LogStart { seq: self.seq, number: self.tree, tree })
    }
}

/// The frontier of a tree as text.
#[must_use]
pub fn encoded(frontier: &[u8]) -> Vec<String> {
    frontier.chunks(HASH).map(|hash| STANDARD.encode(hash)).collect()
}

/// The line of a row, with its line break.
pub fn line(tenant: TenantId, row: &SealedRow, sealed: Option<&Hash>) -> Result<Vec<u8>, serde_json::Error> {
    let leaf = canonical(tenant, row);
    let SealedRow { id, seq, at, actor, actor_name, action, outcome, purpose, records, detail, digests } = row;
    let name = actor_name.as_ref();
    // A detail that is no JSON was changed. As a text it cannot agree with the leaf.
    let quoted;
    let detail = if let Ok(detail) = serde_json::from_str::<&RawValue>(detail) {
        detail
    } else {
        quoted = to_raw_value(detail)?;
        &quoted
    };
    let line = ExportLine {
        seq: *seq,
        leaf_hash: STANDARD.encode(sealed.copied().unwrap_or_else(|| leaf_hash(&leaf))).into(),
        leaf: STANDARD.encode(leaf).into(),
        id: *id,
        at: *at,
        actor_id: *actor,
        actor_sub: name.map(|name| name.sub.as_str().into()),
        actor_name: name.map(|name| name.name.as_str().into()),
        actor_salt: name.map(|name| name.salt),
        action: action.into(),
        outcome: outcome.into(),
        purpose: purpose.as_deref().map(Cow::from),
        records: *records,
        detail,
        digests: STANDARD.encode(digests).into(),
    };
    let mut bytes = serde_json::to_vec(&line)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The outcome of the verification of an export.
#[derive(Debug, Serialize)]
pub struct ExportVerdict {
    pub rows: u64,
    pub checkpoints: u64,
    /// How many rows restores have lost, as the log says.
    pub lost: i64,
    pub fault: Option<Fault>,
}

/// Verifies an export by the keys of its log. Each line must be as it was exported, byte by byte.
pub fn verify(file: &mut (impl BufRead + Seek), keys: &CheckpointKeys) -> Result<ExportVerdict, Error> {
    let end = last_line(file)?;
    let start = match end.as_ref().map(|end| &end.before) {
        Some(Some(before)) => before.start(),
        Some(None) => Some(LogStart::default()),
        // Only the last line has the tree before the first row, and without it no root is compared.
        None => Some(LogStart { seq: first_row(file)? - 1, ..LogStart::default() }),
    };
    file.seek(SeekFrom::Start(0))?;
    let checkpoint = end.as_ref().and_then(|end| end.checkpoint.as_deref()).map(|note| Checkpoint::read(note, keys));
    let signed = checkpoint.as_ref().and_then(|read| read.as_ref().ok()).filter(|(_, is_signed)| *is_signed);
    let tenant = signed.and_then(|(checkpoint, _)| checkpoint.tenant());
    let mut lines = AuditLines { names: HashMap::new(), tenant, has_broken_end: false, again: Vec::new() };
    let mut verification = Verification::new(start.clone().unwrap_or_default(), keys);
    let mut fault = lines.read_all(file, &mut verification)?;
    let last = verification.last();
    if fault.is_none() {
        fault = match (&end, checkpoint) {
            (None, _) if lines.has_broken_end => Some(FaultKind::Forged.at(last)),
            (None, _) => Some(FaultKind::Truncated.at(last + 1)),
            _ if start.is_none() => Some(FaultKind::Forged.at(last)),
            (Some(_), Some(Ok((checkpoint, true)))) => verification.end_at(&checkpoint).err(),
            // Nothing is sealed.
            (Some(_), None) if verification.rows == 0 => None,
            (Some(_), _) => Some(FaultKind::Forged.at(last)),
        };
    }
    let Verification { rows, checkpoints, lost, .. } = verification;
    Ok(ExportVerdict { rows, checkpoints, lost, fault })
}

/// The last line, if it is complete and ends an export.
fn last_line(file: &mut (impl Read + Seek)) -> Result<Option<ExportEnd>, Error> {
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(length.saturating_sub(LAST_LINE)))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    let Some(tail) = tail.strip_suffix(b"\n") else { return Ok(None) };
    let last = tail.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(serde_json::from_slice(last).ok())
}

/// The number of the first row, as far as its line tells it.
fn first_row(file: &mut (impl BufRead + Seek)) -> Result<i64, Error> {
    file.seek(SeekFrom::Start(0))?;
    let mut text = Vec::new();
    file.read_until(b'\n', &mut text)?;
    let line = serde_json::from_slice::<ExportLine<'_>>(&text);
    Ok(line.map_or(1, |line| line.seq.max(1)))
}

/// The lines of an export, and what was verified before.
struct AuditLines {
    /// Names whose ids commit to them.
    names: HashMap<ActorId, ActorName>,
    /// The tenant of the log, as the checkpoint names it.
    tenant: Option<TenantId>,
    has_broken_end: bool,
    /// The line as this program writes it.
    again: Vec<u8>,
}

impl AuditLines {
    /// Adds all lines to a verification, and returns the first error.
    fn read_all(
        &mut self,
        file: &mut impl BufRead,
        verification: &mut Verification<'_>,
    ) -> Result<Option<Fault>, Error> {
        let mut text = Vec::new();
        loop {
            text.clear();
            file.read_until(b'\n', &mut text)?;
            // A line without its line break was cut, also where the cut left all of a row.
            if !text.ends_with(b"\n") {
                return Ok(None);
            }
            if let Ok(line) = serde_json::from_slice::<ExportLine<'_>>(&text) {
                if let Err(fault) = self.push(line, &text, verification) {
                    return Ok(Some(fault));
                }
            } else if file.fill_buf()?.is_empty() {
                self.has_broken_end = serde_json::from_slice::<ExportEnd>(&text).is_err();
                return Ok(None);
            } else {
                return Ok(Some(FaultKind::Changed.at(verification.last() + 1)));
            }
        }
    }

    fn push(&mut self, line: ExportLine<'_>, text: &[u8], verification: &mut Verification<'_>) -> Result<(), Fault> {
        let changed = FaultKind::Changed.at(verification.last() + 1);
        let leaf = STANDARD.decode(&*line.leaf).map_err(|_| changed)?;
        let sealed = STANDARD.decode(&*line.leaf_hash).ok().and_then(|hash| Hash::try_from(hash).ok());
        let sealed = sealed.ok_or(changed)?;
        let tenant = self.tenant.or_else(|| tenant_of(&leaf)).unwrap_or(TenantId(Uuid::nil()));
        // Base64 has one form only, so the line is the exported one if its parts are.
        self.again.clear();
        serde_json::to_writer(&mut self.again, &line).map_err(|_| changed)?;
        self.again.push(b'\n');
        let is_exact = self.again == text;
        let row = row(line).ok_or(changed)?;
        let is_named = row.actor_name.as_ref().is_none_or(|name| self.is_named(row.actor, name));
        verification.push(&LogEntry {
            seq: row.seq,
            hash: leaf_hash(&leaf),
            sealed: Some(sealed),
            agrees: is_named && is_exact && canonical(tenant, &row) == leaf,
            action: &row.action,
            detail: &row.detail,
        })
    }

    /// Whether an id commits to a name.
    fn is_named(&mut self, id: ActorId, name: &ActorName) -> bool {
        if self.names.get(&id) == Some(name) {
            return true;
        }
        let is_named = name.is_of(id);
        if is_named {
            self.names.insert(id, name.clone());
        }
        is_named
    }
}

/// The row that a line shows.
fn row(line: ExportLine<'_>) -> Option<SealedRow> {
    let actor_name = match (line.actor_sub, line.actor_name, line.actor_salt) {
        (None, None, None) => None,
        (Some(sub), Some(name), Some(salt)) => Some(ActorName { sub: sub.into_owned(), name: name.into_owned(), salt }),
        _ => return None,
    };
    Some(SealedRow {
        id: line.id,
        seq: line.seq,
        at: line.at,
        actor: line.actor_id,
        actor_name,
        action: line.action.into_owned(),
        outcome: line.outcome.into_owned(),
        purpose: line.purpose.map(Cow::into_owned),
        records: line.records,
        detail: line.detail.get().to_owned(),
        digests: STANDARD.decode(&*line.digests).ok()?,
    })
}

/// The tenant of a leaf, where no checkpoint names it: its second field.
fn tenant_of(leaf: &[u8]) -> Option<TenantId> {
    let at = 4 + FORMAT.len() + 4;
    Some(TenantId(Uuid::from_slice(leaf.get(at..at + 16)?).ok()?))
}

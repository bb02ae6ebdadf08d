//! The format of an object: a line of JSON in clear, and sealed records of one length.
//!
//! The line is the associated data of the seal. So the seal is the signature of the whole object, its place in the
//! chain included.

use chrono::{DateTime, Datelike as _, NaiveDate, Utc};
use pii::Kind;
use uuid::Uuid;

use super::model::{Body, Header, HoldKey, JournalError, ObjectKind, Outcome, Selection};
use crate::base::crypto::{BlindIndex, Key, sha256};
use crate::base::ground::Ground;
use crate::base::id::{ContentId, HoldId, IdentifierId, RecordId, RequestId};
use crate::base::target::{Target, Targets};

/// The lengths of records, in bytes.
const SELECTION: usize = 144;
const OUTCOME: usize = 64;
const CONTENT: usize = 16;
const HOLD: usize = 112;
const RELEASE: usize = 16;

/// The kinds of identifiers, by their number in a record.
const KINDS: [Kind; 3] = [Kind::Phone, Kind::Email, Kind::Name];

/// The longest mask, in bytes.
const MASK: usize = 20;

/// The longest header, in bytes.
const LONGEST_LINE: usize = 1_000;

/// An object as it was read. Its body is not opened yet.
#[derive(Clone, Debug)]
pub struct SealedObject {
    pub header: Header,
    /// The SHA-256 of the whole object.
    pub hash: [u8; 32],
    line: Vec<u8>,
    sealed: Vec<u8>,
}

/// Seals an object.
pub fn seal(header: &Header, body: &Body, key: &Key) -> Result<Vec<u8>, JournalError> {
    let mut line =
        serde_json::to_vec(header).map_err(|_| JournalError::Damaged("header".to_owned(), "it cannot be written"))?;
    line.push(b'\n');
    let records = encode(body);
    let sealed = key.seal(&records, &line, records.len())?;
    line.extend(sealed);
    Ok(line)
}

impl SealedObject {
    /// Reads an object. Only its name, for the errors, tells where it comes from.
    pub fn read(name: &str, bytes: &[u8]) -> Result<Self, JournalError> {
        let damaged = |why| JournalError::Damaged(name.to_owned(), why);
        let head = bytes.get(..LONGEST_LINE.min(bytes.len())).unwrap_or_default();
        let end = head.iter().position(|byte| *byte == b'\n').ok_or_else(|| damaged("it has no header"))?;
        let (line, sealed) = bytes.split_at(end + 1);
        let header: Header = serde_json::from_slice(line).map_err(|_| damaged("its header cannot be read"))?;
        if header.v != 1 {
            return Err(damaged("a newer version of this program has written it"));
        }
        Ok(Self { header, hash: sha256(bytes), line: line.to_vec(), sealed: sealed.to_vec() })
    }

    /// Opens the body and so verifies the whole object.
    pub fn open(&self, name: &str, key: &Key) -> Result<Body, JournalError> {
        let damaged = |why| JournalError::Damaged(name.to_owned(), why);
        let records = key.open(&self.sealed, &self.line).map_err(|_| damaged("its seal is broken"))?;
        let body = decode(self.header.kind, &records).ok_or_else(|| damaged("a record cannot be read"))?;
        if body.len() == self.header.count { Ok(body) } else { Err(damaged("it has another number of records")) }
    }
}

fn encode(body: &Body) -> Vec<u8> {
    let mut bytes = Vec::new();
    match body {
        Body::Nothing => {}
        Body::Selections(all) => all.iter().for_each(|one| write_selection(one, &mut bytes)),
        Body::Outcomes(all) => all.iter().for_each(|one| write_outcome(one, &mut bytes)),
        Body::Contents(all) => all.iter().for_each(|one| bytes.extend(one.0.as_bytes())),
        Body::Hold(all) => all.iter().for_each(|one| write_hold(one, &mut bytes)),
        Body::Release(all) => all.iter().for_each(|one| bytes.extend(one.0.as_bytes())),
        Body::Horizon(lowest) => bytes.extend(lowest.to_be_bytes()),
    }
    bytes
}

fn decode(kind: ObjectKind, bytes: &[u8]) -> Option<Body> {
    Some(match kind {
        ObjectKind::Erasures | ObjectKind::Entered | ObjectKind::Edited | ObjectKind::Cancelled => {
            Body::Selections(each::<SELECTION, _>(bytes, |record| read_selection(&mut RecordReader(record)))?)
        }
        ObjectKind::Finishing => {
            Body::Outcomes(each::<OUTCOME, _>(bytes, |record| read_outcome(&mut RecordReader(record)))?)
        }
        ObjectKind::Contents => {
            Body::Contents(each::<CONTENT, _>(bytes, |record| Some(ContentId(RecordReader(record).uuid()?)))?)
        }
        ObjectKind::Hold => Body::Hold(each::<HOLD, _>(bytes, |record| read_hold(&mut RecordReader(record)))?),
        ObjectKind::Release => {
            Body::Release(each::<RELEASE, _>(bytes, |record| Some(HoldId(RecordReader(record).uuid()?)))?)
        }
        ObjectKind::Horizon => Body::Horizon(i64::from_be_bytes(bytes.try_into().ok()?)),
        ObjectKind::Heartbeat | ObjectKind::Replay if bytes.is_empty() => Body::Nothing,
        _ => return None,
    })
}

/// Reads records of one length. A rest is an error.
fn each<const LENGTH: usize, T>(bytes: &[u8], read: impl Fn(&[u8]) -> Option<T>) -> Option<Vec<T>> {
    let (records, []) = bytes.as_chunks::<LENGTH>() else { return None };
    records.iter().map(|record| read(record)).collect()
}

fn write_selection(one: &Selection, bytes: &mut Vec<u8>) {
    let end = bytes.len() + SELECTION;
    let kind = KINDS.iter().position(|kind| *kind == one.kind).unwrap_or_default();
    let mask = &one.mask.as_bytes()[..one.mask.floor_char_boundary(MASK)];
    bytes.extend(one.request.0.as_bytes());
    bytes.extend(one.interaction.map_or(Uuid::nil(), |id| id.0).as_bytes());
    bytes.extend(one.identifier.map_or(Uuid::nil(), |id| id.0).as_bytes());
    bytes.extend(one.index.0);
    bytes.extend(one.version.to_be_bytes());
    bytes.extend(one.cutoff.timestamp_micros().to_be_bytes());
    bytes.extend(one.created_at.timestamp_micros().to_be_bytes());
    bytes.extend(one.to_date.num_days_from_ce().to_be_bytes());
    bytes.extend(one.entry_day.num_days_from_ce().to_be_bytes());
    bytes.extend(one.index_version.to_be_bytes());
    bytes.extend([byte(kind), bits(one.targets), u8::from(one.delete_content), byte(mask.len())]);
    bytes.extend(mask);
    bytes.resize(end, 0);
}

fn read_selection(reader: &mut RecordReader<'_>) -> Option<Selection> {
    let request = RequestId(reader.uuid()?);
    let (interaction, identifier) = (reader.uuid()?, reader.uuid()?);
    let index = BlindIndex(*reader.take::<32>()?);
    let (version, cutoff, created_at) = (reader.number()?, reader.time()?, reader.time()?);
    let (to_date, entry_day) = (reader.day()?, reader.day()?);
    let index_version = i32::from_be_bytes(*reader.take()?);
    let [kind, targets, delete_content, length] = *reader.take()?;
    let mask = reader.0.get(..usize::from(length))?;
    Some(Selection {
        request,
        version,
        interaction: (!interaction.is_nil()).then_some(RecordId(interaction)),
        identifier: (!identifier.is_nil()).then_some(IdentifierId(identifier)),
        kind: *KINDS.get(usize::from(kind))?,
        index,
        index_version,
        cutoff,
        to_date,
        entry_day,
        created_at,
        targets: Target::ALL
            .into_iter()
            .filter(|target| targets & bits([*target].into_iter().collect()) != 0)
            .collect(),
        delete_content: delete_content != 0,
        mask: String::from_utf8(mask.to_vec()).ok()?,
    })
}

fn write_hold(one: &HoldKey, bytes: &mut Vec<u8>) {
    let end = bytes.len() + HOLD;
    let kind = KINDS.iter().position(|kind| *kind == one.kind).unwrap_or_default();
    let ground = Ground::ALL.iter().position(|ground| *ground == one.ground).unwrap_or_default();
    bytes.extend(one.hold.0.as_bytes());
    bytes.extend(one.interaction.map_or(Uuid::nil(), |id| id.0).as_bytes());
    bytes.extend(one.identifier.map_or(Uuid::nil(), |id| id.0).as_bytes());
    bytes.extend(one.index.0);
    bytes.extend(one.placed_at.timestamp_micros().to_be_bytes());
    bytes.extend(one.review_on.num_days_from_ce().to_be_bytes());
    bytes.extend(one.index_version.to_be_bytes());
    bytes.extend([byte(kind), byte(ground), u8::from(one.hide)]);
    bytes.resize(end, 0);
}

fn read_hold(reader: &mut RecordReader<'_>) -> Option<HoldKey> {
    let hold = HoldId(reader.uuid()?);
    let (interaction, identifier) = (reader.uuid()?, reader.uuid()?);
    let index = BlindIndex(*reader.take::<32>()?);
    let (placed_at, review_on) = (reader.time()?, reader.day()?);
    let index_version = i32::from_be_bytes(*reader.take()?);
    let [kind, ground, hide] = *reader.take()?;
    Some(HoldKey {
        hold,
        interaction: (!interaction.is_nil()).then_some(RecordId(interaction)),
        identifier: (!identifier.is_nil()).then_some(IdentifierId(identifier)),
        kind: *KINDS.get(usize::from(kind))?,
        index,
        index_version,
        ground: *Ground::ALL.get(usize::from(ground))?,
        review_on,
        hide: hide != 0,
        placed_at,
    })
}

fn write_outcome(one: &Outcome, bytes: &mut Vec<u8>) {
    let end = bytes.len() + OUTCOME;
    let Outcome { request, anonymized: [archive, sms_survey, raw_data], content_deleted, texts_anonymized } = one;
    bytes.extend(request.0.as_bytes());
    for number in [archive, sms_survey, raw_data, content_deleted, texts_anonymized] {
        bytes.extend(number.to_be_bytes());
    }
    bytes.resize(end, 0);
}

fn read_outcome(reader: &mut RecordReader<'_>) -> Option<Outcome> {
    let request = RequestId(reader.uuid()?);
    let mut number = || Some(reader.number()?.cast_unsigned());
    let anonymized = [number()?, number()?, number()?];
    Some(Outcome { request, anonymized, content_deleted: number()?, texts_anonymized: number()? })
}

/// The targets as bits.
fn bits(targets: Targets) -> u8 {
    targets.iter().fold(0, |bits, target| bits | 1 << (target as i16 - 1))
}

/// A number that is known to be small.
fn byte(number: usize) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}

/// The rest of a record.
struct RecordReader<'a>(&'a [u8]);

impl RecordReader<'_> {
    fn take<const LENGTH: usize>(&mut self) -> Option<&[u8; LENGTH]> {
        let (first, rest) = self.0.split_first_chunk::<LENGTH>()?;
        self.0 = rest;
        Some(first)
    }

    fn uuid(&mut self) -> Option<Uuid> {
        Some(Uuid::from_bytes(*self.take()?))
    }

    fn number(&mut self) -> Option<i64> {
        Some(i64::from_be_bytes(*self.take()?))
    }

    fn time(&mut self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_micros(self.number()?)
    }

    fn day(&mut self) -> Option<NaiveDate> {
        NaiveDate::from_num_days_from_ce_opt(i32::from_be_bytes(*self.take()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::{JournalId, PassId, TenantId};
    use proptest::prelude::*;

    fn header(kind: ObjectKind, count: usize) -> Header {
        let at = DateTime::from_timestamp(1_770_000_000, 0).unwrap();
        let (tenant, pass) = (TenantId::new(), Some(PassId::new()));
        Header { v: 1, seq: Some(42), id: None, tenant, pass, kind, prev: Some("00".repeat(32)), at, count, key: 1 }
    }

    prop_compose! {
        fn selections()(
            ids: (u128, u128, u128), index: [u8; 32], numbers: (i64, i32), times: (i32, i32), days in (0_i32..3_000_000, 0_i32..3_000_000),
            kind in 0_usize..3, targets in 0_u8..8, delete_content: bool, last in "[a-zæ0-9]?"
        ) -> Selection {
            Selection {
                request: RequestId(Uuid::from_u128(ids.0)),
                version: numbers.0,
                interaction: (ids.2 != 0).then_some(RecordId(Uuid::from_u128(ids.2))),
                identifier: (ids.1 != 0).then_some(IdentifierId(Uuid::from_u128(ids.1))),
                kind: KINDS[kind],
                index: BlindIndex(index),
                index_version: numbers.1,
                cutoff: DateTime::from_timestamp_micros(i64::from(times.0) * 1_000_001).unwrap(),
                created_at: DateTime::from_timestamp_micros(i64::from(times.1) * 1_000_003).unwrap(),
                to_date: NaiveDate::from_num_days_from_ce_opt(days.0).unwrap(),
                entry_day: NaiveDate::from_num_days_from_ce_opt(days.1).unwrap(),
                targets: Target::ALL.into_iter().filter(|one| targets & (1 << (*one as i16 - 1)) != 0).collect(),
                delete_content,
                mask: format!("*****{last}"),
            }
        }
    }

    fn bodies() -> impl Strategy<Value = (ObjectKind, Body)> {
        prop_oneof![
            prop::collection::vec(selections(), 0..9).prop_map(|all| (ObjectKind::Erasures, Body::Selections(all))),
            prop::collection::vec(any::<(u128, [u32; 5])>(), 0..9).prop_map(|all| {
                let outcome = |(id, [a, b, c, d, e]): (u128, [u32; 5])| Outcome {
                    request: RequestId(Uuid::from_u128(id)),
                    anonymized: [a.into(), b.into(), c.into()],
                    content_deleted: d.into(),
                    texts_anonymized: e.into(),
                };
                (ObjectKind::Finishing, Body::Outcomes(all.into_iter().map(outcome).collect()))
            }),
            prop::collection::vec(any::<u128>(), 0..9).prop_map(|all| {
                let ids = all.into_iter().map(|id| ContentId(Uuid::from_u128(id)));
                (ObjectKind::Contents, Body::Contents(ids.collect()))
            }),
            prop::collection::vec((selections(), 0..Ground::ALL.len(), any::<bool>()), 0..9).prop_map(|all| {
                let key = |(one, ground, hide): (Selection, usize, bool)| HoldKey {
                    hold: HoldId(one.request.0),
                    interaction: one.interaction,
                    identifier: one.identifier,
                    kind: one.kind,
                    index: one.index,
                    index_version: one.index_version,
                    ground: Ground::ALL[ground],
                    review_on: one.to_date,
                    hide,
                    placed_at: one.created_at,
                };
                (ObjectKind::Hold, Body::Hold(all.into_iter().map(key).collect()))
            }),
            prop::collection::vec(any::<u128>(), 0..9).prop_map(|all| {
                let ids = all.into_iter().map(|id| HoldId(Uuid::from_u128(id)));
                (ObjectKind::Release, Body::Release(ids.collect()))
            }),
            Just((ObjectKind::Heartbeat, Body::Nothing)),
        ]
    }

    proptest! {
        #[test]
        fn an_object_reads_back_as_itself((kind, body) in bodies()) {
            let key = Key::random().unwrap();
            let header = header(kind, body.len());
            let bytes = seal(&header, &body, &key).unwrap();
            let object = SealedObject::read("42", &bytes).unwrap();
            prop_assert_eq!(&object.header, &header);
            prop_assert_eq!(object.open("42", &key).unwrap(), body);
            prop_assert!(object.open("42", &Key::random().unwrap()).is_err());
        }

        #[test]
        fn a_flipped_bit_breaks_the_seal((kind, body) in bodies(), at: prop::sample::Index, bit in 0_u8..8) {
            let key = Key::random().unwrap();
            let mut bytes = seal(&header(kind, body.len()), &body, &key).unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert!(SealedObject::read("42", &bytes).and_then(|object| object.open("42", &key)).is_err());
        }

        #[test]
        fn a_truncated_object_is_refused((kind, body) in bodies(), at: prop::sample::Index) {
            let key = Key::random().unwrap();
            let bytes = seal(&header(kind, body.len()), &body, &key).unwrap();
            let bytes = &bytes[..at.index(bytes.len())];
            prop_assert!(SealedObject::read("42", bytes).and_then(|object| object.open("42", &key)).is_err());
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes: Vec<u8>, tail: Vec<u8>, (kind, body) in bodies()) {
            let _ = SealedObject::read("42", &bytes);
            let _ = decode(kind, &[encode(&body), tail].concat());
        }
    }

    #[test]
    fn the_header_is_one_line_in_clear() {
        let header = Header { id: Some(JournalId::new()), seq: None, prev: None, ..header(ObjectKind::Contents, 0) };
        let bytes = seal(&header, &Body::Contents(Vec::new()), &Key::random().unwrap()).unwrap();
        let line = bytes.split(|byte| *byte == b'\n').next().unwrap();
        let read: serde_json::Value = serde_json::from_slice(line).unwrap();
        assert_eq!(read["kind"], "contents");
        assert_eq!(read["tenant"], header.tenant.to_string());
    }
}

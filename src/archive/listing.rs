//! Statements of a search: one page of records, read along one index.
//!
//! A page is read along an index that ends in its order, so that it costs what it shows. A condition that the index does
//! not serve is checked on the records along the way. A call reads at most [`MOST_READ`] of them. Then its page ends
//! early, and the next one begins where it ended. So no search costs more than that, however rare its matches are.

use chrono::{DateTime, Utc};
use pii::Kind;
use uuid::Uuid;

use super::expressions;
use super::hidden::{Hiding, not_hidden};
use super::kinds::RecordKind;
use super::model::{Record, Search};
use super::parsed::is_keyed;
use super::sql::{RecordRow, columns};
use crate::base::id::{IdentifierId, TenantId};
use crate::base::page::{LARGEST_PAGE_BYTES, Listed as _, Position};
use crate::content_rows;
use crate::store::{Archive, Query, Result, Sql, Tx};

/// The most records that a call reads along an index.
pub const MOST_READ: u32 = 20_000;

/// The next page begins at least this many records before the end, because other transactions may have removed some
/// records from the index between the two statements of a page.
const MARGIN: u32 = 1_000;

/// An identifier of a customer.
type Selected = (Kind, IdentifierId);

/// The records of a page.
pub struct RecordPage<K> {
    pub records: Vec<Record<K>>,
    /// The position up to which records were read, if the page ends before its limit and others may follow.
    pub read_to: Option<Position>,
}

/// The way in which a page is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Along {
    /// The records of a customer, or the one record of an external id. All conditions are checked on them.
    Few,
    Change,
    Agent,
    Queue,
    /// The records that lost an identifier.
    Anonymized,
    Channel,
    Time,
}

/// A condition of a search.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Condition {
    ExternalId,
    Token,
    Span,
    Change,
    Agent,
    Queue,
    Queues,
    Channels,
    Outcome,
    Direction,
    Anonymized,
    Content,
}

impl Condition {
    const ALL: [Self; 12] = [
        Self::ExternalId,
        Self::Token,
        Self::Span,
        Self::Change,
        Self::Agent,
        Self::Queue,
        Self::Queues,
        Self::Channels,
        Self::Outcome,
        Self::Direction,
        Self::Anonymized,
        Self::Content,
    ];

    fn is_in(self, wanted: &Search) -> bool {
        match self {
            Self::ExternalId => wanted.external_id.is_some(),
            Self::Token => wanted.token.is_some(),
            Self::Span => wanted.from.is_some() || wanted.to.is_some(),
            Self::Change => wanted.changed_since.is_some(),
            Self::Agent => wanted.agent_id.is_some(),
            Self::Queue => wanted.queue.is_some(),
            Self::Queues => wanted.queues.is_some(),
            Self::Channels => wanted.channels.is_some(),
            Self::Outcome => wanted.outcome.is_some(),
            Self::Direction => wanted.direction.is_some(),
            Self::Anonymized => wanted.anonymized.is_some(),
            Self::Content => wanted.has_content.is_some(),
        }
    }

    /// Appends the condition, with an AND before it. The record is `r`.
    fn append<'c>(self, query: Query<'c>, tenant: TenantId, wanted: &Search) -> Query<'c> {
        match self {
            Self::ExternalId => with_external_id(query, wanted.external_id.as_deref()),
            Self::Token => match wanted.token {
                Some(token) => with_customer(query, token.kind, token.id),
                None => query,
            },
            Self::Span => query.with_some(" AND r.at >= ", wanted.from).with_some(" AND r.at < ", wanted.to),
            Self::Change => query.with_some(" AND r.changed_at >= ", wanted.changed_since),
            Self::Agent => query.with_some(" AND r.agent_id = ", wanted.agent_id.as_deref()),
            Self::Queue => query.with_some(" AND r.queue = ", wanted.queue.as_deref()),
            Self::Queues => match &wanted.queues {
                Some(queues) => query.with_any(" AND r.queue", queues.iter().map(String::as_str)),
                None => query,
            },
            Self::Channels => expressions::with_channels(query, "r.channel", wanted.channels.as_deref()),
            Self::Outcome => query.with_some(" AND r.outcome = ", wanted.outcome.as_deref()),
            Self::Direction => query.with_some(" AND r.direction = ", wanted.direction),
            Self::Anonymized => match wanted.anonymized {
                Some(true) => query.push(" AND r.forgotten & ").push(expressions::ANYBODY).push(" <> 0"),
                Some(false) => query.push(" AND r.forgotten & ").push(expressions::ANYBODY).push(" = 0"),
                None => query,
            },
            Self::Content => with_content(query, tenant, wanted.has_content),
        }
    }
}

/// An external id matches as it is shown. So the keyed hash of one that contained the customer matches, and what was sent
/// does not: the hash tells nobody who is behind a number. When the customer was forgotten, nothing matches any more.
fn with_external_id<'c>(query: Query<'c>, external_id: Option<&str>) -> Query<'c> {
    let query = query.with_some(" AND r.external_id = ", external_id);
    if external_id.is_some_and(is_keyed) {
        query.push(" AND r.forgotten & ").push(expressions::CUSTOMER).push(" = 0")
    } else {
        query
    }
}

fn with_customer(query: Query<'_>, kind: Kind, id: IdentifierId) -> Query<'_> {
    let column = match kind {
        Kind::Phone => " AND r.phone_id = ",
        Kind::Email => " AND r.email_id = ",
        Kind::Name => " AND r.name_id = ",
    };
    query.with(column, id)
}

fn with_content(query: Query<'_>, tenant: TenantId, has_content: Option<bool>) -> Query<'_> {
    let Some(has_content) = has_content else { return query };
    content_rows::is_there(query.push(" AND "), tenant, "r.id", has_content)
}

impl Along {
    /// The index of a search. The most selective one comes first.
    fn of(wanted: &Search, any_of: &[Selected]) -> Self {
        let Search { external_id, token, changed_since, agent_id, queue, anonymized, channels, .. } = wanted;
        match () {
            () if external_id.is_some() || token.is_some() || !any_of.is_empty() => Self::Few,
            () if changed_since.is_some() => Self::Change,
            () if agent_id.is_some() => Self::Agent,
            () if queue.is_some() => Self::Queue,
            () if *anonymized == Some(true) => Self::Anonymized,
            () if channels.as_ref().is_some_and(|channels| channels.len() == 1) => Self::Channel,
            () => Self::Time,
        }
    }

    /// Whether a condition is checked by the index.
    fn serves(self, condition: Condition) -> bool {
        let own = match self {
            Self::Few => return true,
            Self::Change => return condition == Condition::Change,
            Self::Agent => Condition::Agent,
            Self::Queue => Condition::Queue,
            Self::Anonymized => Condition::Anonymized,
            Self::Channel => Condition::Channels,
            Self::Time => Condition::Span,
        };
        [Condition::Span, own].contains(&condition)
    }
}

/// A search, the tenant, and the end of the page before.
#[derive(Clone, Copy)]
pub struct PageQuery<'s> {
    pub tenant: TenantId,
    /// The decisions that hide customers, so that no search by a customer finds them.
    pub hiding: &'s Hiding,
    pub wanted: &'s Search,
    /// The identifiers of which the customer has one.
    pub any_of: &'s [Selected],
    pub after: Option<Position>,
}

/// A page of at most so many records.
pub async fn page<K: RecordKind>(tx: &mut Tx<Archive>, page: PageQuery<'_>, limit: u32) -> Result<RecordPage<K>> {
    let rows = page.statement::<K>(tx.query(""), limit).within(LARGEST_PAGE_BYTES, RecordRow::weight).await?;
    let records: Vec<Record<K>> = rows.into_iter().map(Record::from).collect();
    let along = Along::of(page.wanted, page.any_of);
    if records.len() >= limit as usize || page.rest(along).next().is_none() {
        return Ok(RecordPage { records, read_to: None });
    }
    let query = page.along::<K>(tx.query("SELECT listed_by, id FROM ("), None, along);
    let end: Option<(DateTime<Utc>, Uuid)> =
        query.with(" LIMIT 1 OFFSET ", i64::from(MOST_READ - MARGIN)).push(") AS r").maybe().await?;
    // The records of the margin were read as well, and the last of them may be in this page.
    let end = end.map(|(at, id)| Position { at, id });
    let last = records.last().map(Record::position);
    let read_to = end.map(|end| last.filter(|last| (last.at, last.id) < (end.at, end.id)).unwrap_or(end));
    Ok(RecordPage { records, read_to })
}

impl PageQuery<'_> {
    /// The statement of a page: one scan of an index, or two of them merged for a search by number or address.
    pub fn statement<'c, K: RecordKind>(self, query: Query<'c>, limit: u32) -> Query<'c> {
        let scan = |query: Query<'c>, by: Option<Selected>| self.scan::<K>(query, by, limit);
        match self.any_of {
            [] => scan(query, None),
            [one] => scan(query, Some(*one)),
            [one, another, ..] => {
                let query = scan(query.push("SELECT * FROM ("), Some(*one)).push(") AS one UNION SELECT * FROM (");
                scan(query, Some(*another))
                    .push(") AS another ORDER BY listed_by DESC, id DESC")
                    .with(" LIMIT ", i64::from(limit))
            }
        }
    }

    fn scan<K: RecordKind>(self, query: Query<'_>, by: Option<Selected>, limit: u32) -> Query<'_> {
        let along = Along::of(self.wanted, self.any_of);
        if self.rest(along).next().is_none() {
            return self.along::<K>(query, by, along).with(" LIMIT ", i64::from(limit));
        }
        let query = self.along::<K>(query.push("SELECT * FROM ("), by, along).with(" LIMIT ", i64::from(MOST_READ));
        let query = query.push(") AS r WHERE TRUE");
        let query = self.rest(along).fold(query, |query, condition| condition.append(query, self.tenant, self.wanted));
        // SQLite would read and sort all of them, and it keeps their order without that.
        query.push(Sql::per(" ORDER BY listed_by DESC, id DESC", "")).with(" LIMIT ", i64::from(limit))
    }

    /// The conditions that the index does not serve.
    fn rest(self, along: Along) -> impl Iterator<Item = Condition> {
        let wanted = self.wanted;
        Condition::ALL.into_iter().filter(move |one| !along.serves(*one) && one.is_in(wanted))
    }

    /// Appends the records along an index, without a limit.
    fn along<K: RecordKind>(self, query: Query<'_>, by: Option<Selected>, along: Along) -> Query<'_> {
        let Self { tenant, hiding, wanted, after, .. } = self;
        let is_by_change = wanted.changed_since.is_some();
        let query = columns::<K>(query.push("SELECT "));
        let query =
            query.push(if is_by_change { ", changed_at AS listed_by FROM " } else { ", at AS listed_by FROM " });
        let query = query.push(K::TABLE).with(" r WHERE r.tenant_id = ", tenant);
        let query = by.into_iter().fold(query, |query, (kind, id)| with_customer(query, kind, id));
        let served = Condition::ALL.into_iter().filter(|condition| along.serves(*condition));
        let query = served.fold(query, |query, condition| condition.append(query, tenant, wanted));
        let is_by_customer =
            by.is_some() || wanted.token.is_some() || wanted.external_id.as_deref().is_some_and(is_keyed);
        let query = if is_by_customer { not_hidden(query, tenant, K::TARGET, hiding) } else { query };
        let (position, order) = if is_by_change {
            (" AND (r.changed_at, r.id) < (", " ORDER BY r.changed_at DESC, r.id DESC")
        } else {
            (" AND (r.at, r.id) < (", " ORDER BY r.at DESC, r.id DESC")
        };
        let query = match after {
            Some(Position { at, id }) => query.with(position, at).with(", ", id).push(")"),
            None => query,
        };
        // One record needs no order, and PostgreSQL does not see that it is one.
        if wanted.external_id.is_some() { query } else { query.push(order) }
    }
}

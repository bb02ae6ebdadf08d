//! The records of one customer for the copy of their data (D13), by the selector of the pass.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::kinds::{RecordKind, table};
use super::mentions::Owner;
use super::model::{ArchiveError, CustomerField, Record};
use super::search::attach_mentions;
use super::selector::{self, Span};
use super::sql::{self, RecordRow};
use crate::base::id::{IdentifierId, TenantId};
use crate::base::page::Position;
use crate::base::target::Target;
use crate::store::{self, Archive, Query, Tx};

/// A customer's records: those that a pass would select by some identifiers, within a span.
#[derive(Clone, Debug)]
pub struct CustomerRecords {
    pub identifiers: Vec<IdentifierId>,
    pub from: Option<DateTime<Utc>>,
    /// The first instant after them.
    pub to: DateTime<Utc>,
}

/// A page of records.
#[derive(Clone, Copy, Debug)]
struct PageOf {
    after: Option<Position>,
    limit: u32,
}

impl CustomerRecords {
    /// Appends a WITH of the relation `selected`, which the selector reads.
    fn with_selected<'c>(&self, query: Query<'c>) -> Query<'c> {
        let query = query.push("WITH selected (identifier_id, cutoff) AS (VALUES ");
        query.each(&self.identifiers, |query, id| query.with("(", *id).with(", ", self.to).push(")")).push(") ")
    }

    const fn span(&self) -> Span {
        Span { from: self.from, to: None }
    }

    /// Appends all records of a target, or a page of them, each once: those by each identifier and column, and those that
    /// only mention the customer. `select` appends the beginning of a statement, up to its FROM.
    ///
    /// Each part has an index in the order of time. So a page costs the same wherever it is, and its rows need no sorting.
    fn each_once<'c>(
        &self,
        query: Query<'c>,
        select: impl Fn(Query<'c>) -> Query<'c>,
        (tenant, target): (TenantId, Target),
        page: Option<PageOf>,
    ) -> Query<'c> {
        let (mut query, mut union) = (query, "SELECT * FROM (");
        for (no, column) in selector::IDENTIFIERS.iter().enumerate() {
            for id in &self.identifiers {
                query = select(query.push(union)).push(table(target)).with(" r WHERE r.tenant_id = ", tenant);
                query = query.push(" AND r.").push(*column).with(" = ", *id);
                query = self.not_by(query, selector::IDENTIFIERS.get(..no).unwrap_or_default());
                query = self.within(query, ["r.at", "r.id"], page);
                // SQLite would sort the rows of each part. Without a limit of the part, it merges them by their indexes.
                query = if query.is_postgres() { first(query, ["r.at", "r.id"], page) } else { query };
                union = ") AS k UNION ALL SELECT * FROM (";
            }
        }
        query = select(query.push(union));
        let mut union = "(SELECT record_id FROM (";
        for id in &self.identifiers {
            // A record may be mentioned often, and each of its mentions would count.
            query = query
                .push(union)
                .with("SELECT DISTINCT m.record_id, m.at FROM mentions m WHERE m.tenant_id = ", tenant)
                .with(" AND m.identifier_id = ", *id)
                .with(" AND m.target = ", Owner::from(target));
            query = first(self.within(query, ["m.at", "m.record_id"], page), ["m.at", "m.record_id"], page);
            union = ") AS k UNION SELECT record_id FROM (";
        }
        // With another join, SQLite would read the whole table in the order of time, and compare each record.
        let query = query.push(") AS k) AS said CROSS JOIN ").push(table(target));
        let query = query.with(" r WHERE r.tenant_id = ", tenant).push(" AND r.id = said.record_id");
        self.not_by(query, selector::IDENTIFIERS).push(") AS k")
    }

    /// Appends the condition that some columns have no identifier of the customer.
    fn not_by<'c>(&self, query: Query<'c>, columns: selector::Keys) -> Query<'c> {
        columns.iter().fold(query, |query, column| {
            let query = query.push(" AND (r.").push(*column).push(" IS NULL OR NOT r.").push(*column);
            query.with_any("", self.identifiers.iter().copied()).push(")")
        })
    }

    /// Appends the condition that a record is within the span, and behind the page before.
    fn within<'c>(&self, query: Query<'c>, [at, id]: [&'static str; 2], page: Option<PageOf>) -> Query<'c> {
        let query = query.push(" AND ").push(at).with(" < ", self.to);
        match (page.and_then(|page| page.after), self.from) {
            (Some(after), _) => {
                query.push(" AND (").push(at).push(", ").push(id).with(") > (", after.at).with(", ", after.id).push(")")
            }
            (None, Some(from)) => query.push(" AND ").push(at).with(" >= ", from),
            (None, None) => query,
        }
    }

    /// Whether a record is the customer's own. A record that only mentions the customer is another customer's.
    pub fn is_own<K>(&self, record: &Record<K>) -> bool {
        [record.phone, record.email].iter().any(|field| match field {
            CustomerField::Held(_, id) => self.identifiers.contains(id),
            CustomerField::Empty | CustomerField::Forgotten => false,
        })
    }

    /// The next records after one, oldest first, up to a number and to about so many bytes.
    pub async fn page<K: RecordKind>(
        &self,
        tx: &mut Tx<Archive>,
        tenant: TenantId,
        after: Option<Position>,
        (limit, bytes): (u32, usize),
    ) -> Result<Vec<Record<K>>, ArchiveError> {
        let select = |query| sql::columns::<K>(Query::push(query, "SELECT ")).push(", at AS listed_by FROM ");
        let page = PageOf { after, limit };
        let query = tx.query("SELECT * FROM (");
        let query = self.each_once(query, select, (tenant, K::TARGET), Some(page));
        let query = query.with(") AS u ORDER BY at, id LIMIT ", i64::from(limit));
        let rows = query.within(bytes, RecordRow::<K>::weight).await?;
        let mut records = rows.into_iter().map(Record::from).collect::<Vec<_>>();
        attach_mentions(tx, tenant, &mut records).await?;
        Ok(records)
    }

    /// The number of records of a target.
    pub async fn count(&self, tx: &mut Tx<Archive>, tenant: TenantId, target: Target) -> Result<u64, ArchiveError> {
        let query = tx.query("SELECT count(*) FROM (");
        let query = self.each_once(query, |query| query.push("SELECT r.id FROM "), (tenant, target), None);
        let query = query.push(") AS u");
        let (count,): (i64,) = query.one().await?;
        Ok(count.unsigned_abs())
    }

    /// All identifiers of the customer: those by which they are selected, and the others of the same records. The second
    /// set has their names.
    pub async fn own(
        &self,
        tx: &mut Tx<Archive>,
        tenant: TenantId,
    ) -> store::Result<(BTreeSet<IdentifierId>, BTreeSet<IdentifierId>)> {
        type Row = (Option<IdentifierId>, Option<IdentifierId>, Option<IdentifierId>);
        let (mut own, mut names) = (self.identifiers.iter().copied().collect::<BTreeSet<_>>(), BTreeSet::new());
        for target in Target::ALL {
            let (query, columns) = (self.with_selected(tx.query("")), "r.phone_id, r.email_id, r.name_id");
            let query = selector::columns_of_customers(columns, query, tenant, target, self.span());
            let rows: Vec<Row> = query.all().await?;
            for (phone, email, name) in rows {
                own.extend([phone, email, name].into_iter().flatten());
                names.extend(name);
            }
        }
        Ok((own, names))
    }
}

/// Appends the order and the limit of a page.
fn first<'c>(query: Query<'c>, [at, id]: [&'static str; 2], page: Option<PageOf>) -> Query<'c> {
    let Some(PageOf { limit, .. }) = page else { return query };
    query.push(" ORDER BY ").push(at).push(", ").push(id).with(" LIMIT ", i64::from(limit))
}

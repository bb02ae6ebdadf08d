//! A chunk of the walk, and the parts of statements that select by it.

use chrono::{DateTime, Utc};

use crate::archive::mentions;
use crate::archive::selector::{self, IDENTIFIERS, Keys, Span};
use crate::audit;
use crate::base::id::{PassId, TenantId};
use crate::base::target::Target;
use crate::requests::passes as requests;
use crate::store::{Archive, Query, Result, Sql, Tx};
use crate::{content, delivery};

/// Some work rows, and within them a span of time.
#[derive(Clone, Copy)]
pub struct Chunk {
    pub tenant: TenantId,
    pub pass: PassId,
    pub target: Target,
    /// The chunk begins after this row.
    pub after: i32,
    /// The last row of the chunk.
    pub last: i32,
    pub span: Span,
    pub traces: RecordTraces,
}

/// The other tables in which the target's records have rows. A chunk runs no statement about the others.
#[derive(Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each spares a chunk statements of its own")]
pub struct RecordTraces {
    /// A text of the target mentions an identifier.
    pub mentions: bool,
    /// A text of content mentions an identifier.
    pub texts: bool,
    /// Content was or is to be delivered.
    pub deliveries: bool,
    /// A delivery has a customer.
    pub delivery_customers: bool,
    /// A request names interactions.
    pub named: bool,
    /// The audit log names a record.
    pub audited: bool,
}

impl RecordTraces {
    /// Reads the traces of a target. Only interactions have content.
    pub async fn read(tx: &mut Tx<Archive>, tenant: TenantId, target: Target) -> Result<Self> {
        let mentions = mentions::is_any(tx, tenant, target.into()).await?;
        let audited = audit::any_record(tx, tenant).await?;
        if target != Target::Archive {
            return Ok(Self { mentions, audited, ..Self::default() });
        }
        let content::Traces { mentions: texts, deliveries } = content::traces(tx, tenant).await?;
        let delivery_customers = delivery::passes::any_customer(tx, tenant).await?;
        let named = requests::any_interaction(tx, tenant).await?;
        Ok(Self { mentions, texts, deliveries, delivery_customers, named, audited })
    }
}

impl Chunk {
    /// The columns by which its work rows select records.
    pub const fn keys(&self) -> Keys {
        if self.traces.named { selector::keys(self.target) } else { IDENTIFIERS }
    }

    /// The position after the chunk: its last row, or, after a slice of time, its first row and an instant.
    pub const fn end(&self) -> (i32, Option<DateTime<Utc>>) {
        match self.span.to {
            Some(to) => (self.after, Some(to)),
            None => (self.last, None),
        }
    }
}

/// Appends a WITH of the relation `selected (no, identifier_id, cutoff)`: the chunk's work rows.
pub fn with_selected<'c>(query: Query<'c>, chunk: &Chunk) -> Query<'c> {
    query
        .push("WITH selected AS (SELECT no, identifier_id, cutoff FROM pass_work")
        .with(" WHERE tenant_id = ", chunk.tenant)
        .with(" AND pass_id = ", chunk.pass)
        .with(" AND no > ", chunk.after)
        .with(" AND no <= ", chunk.last)
        .push(")")
}

/// Appends a WITH of the relation `customers`: the records whose customer the chunk selects.
pub fn with_customers<'c>(query: Query<'c>, chunk: &Chunk) -> Query<'c> {
    let query = with_selected(query, chunk).push(", customers AS (");
    selector::customers_by(chunk.keys(), query, chunk.tenant, chunk.target, chunk.span).push(")")
}

/// Appends the condition that this pass forgets the mention `m`.
pub fn is_forgotten<'c>(query: Query<'c>, chunk: &Chunk) -> Query<'c> {
    query
        .with("EXISTS (SELECT 1 FROM pass_work w WHERE w.tenant_id = ", chunk.tenant)
        .with(" AND w.pass_id = ", chunk.pass)
        .with(" AND w.target = ", chunk.target)
        .push(" AND w.identifier_id = m.identifier_id AND m.at < w.cutoff)")
}

/// Ends an INSERT of the mentions of the relation `said`, whose SELECT is before this.
pub fn insert_said<'c>(query: Query<'c>, chunk: &Chunk) -> Query<'c> {
    query
        .with(") SELECT ", chunk.tenant)
        .push(Sql::CAST_UUID)
        .push(", record_id, n, identifier_id, at FROM said WHERE TRUE ON CONFLICT DO NOTHING")
}

//! Columns of the archive that contain the ids of identifiers, and the statements that are the same for each of them.

use super::{Archive, Query, Result, Tx};
use crate::base::id::{IdentifierId, TenantId};

/// A column that contains the id of an identifier. Only the owner of its table makes it, and other rooms cannot put the
/// table into a statement of their own.
#[derive(Clone, Copy, Debug)]
pub struct Reference {
    table: &'static str,
    column: &'static str,
}

impl Reference {
    #[must_use]
    pub const fn new(table: &'static str, column: &'static str) -> Self {
        Self { table, column }
    }

    /// The names of the table and the column, to compare them with the schema.
    #[must_use]
    pub const fn names(self) -> (&'static str, &'static str) {
        (self.table, self.column)
    }

    /// Appends the condition that no row refers to an identifier. `id` is the column of its id.
    ///
    /// The limited subselect is an index probe. The planner could compute a plain EXISTS by hashing a whole table.
    pub fn refers_to_none<'c>(self, query: Query<'c>, tenant: TenantId, id: &'static str) -> Query<'c> {
        query
            .push(" AND (SELECT 1 FROM ")
            .push(self.table)
            .with(" r WHERE r.tenant_id = ", tenant)
            .push(" AND r.")
            .push(self.column)
            .push(" = ")
            .push(id)
            .push(" LIMIT 1) IS NULL")
    }

    /// The next identifiers to which rows refer, after one, in the order of their ids.
    pub async fn next(
        self,
        tx: &mut Tx<Archive>,
        tenant: TenantId,
        after: Option<IdentifierId>,
        limit: i64,
    ) -> Result<Vec<IdentifierId>> {
        let Self { table, column } = self;
        let mut query = tx.query("SELECT DISTINCT ").push(column).push(" FROM ").push(table);
        query = query.with(" WHERE tenant_id = ", tenant).push(" AND ").push(column).push(" IS NOT NULL");
        if let Some(after) = after {
            query = query.push(" AND ").push(column).with(" > ", after);
        }
        let rows: Vec<(IdentifierId,)> = query.push(" ORDER BY ").push(column).with(" LIMIT ", limit).all().await?;
        Ok(rows.into_iter().map(|(id,)| id).collect())
    }
}

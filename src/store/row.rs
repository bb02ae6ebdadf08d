//! Rows of either database, read by the places of their columns.
//!
//! The driver looks up the name of a column in each row. For long lists of records that takes longer than the decoding of
//! the values.

use sqlx::postgres::{PgRow, Postgres};
use sqlx::sqlite::{Sqlite, SqliteRow};
use sqlx::{Decode, Row as _, Type};

/// The outcome of reading a row, as the driver expects it.
pub type RowResult<T> = std::result::Result<T, sqlx::Error>;

/// A value that both databases return.
pub trait ReadValue: for<'r> Decode<'r, Postgres> + Type<Postgres> + for<'r> Decode<'r, Sqlite> + Type<Sqlite> {}
impl<T> ReadValue for T where
    T: for<'r> Decode<'r, Postgres> + Type<Postgres> + for<'r> Decode<'r, Sqlite> + Type<Sqlite>
{
}

/// Columns that follow each other in a row.
pub trait ReadColumns: Sized {
    fn read(row: &mut RowReader<'_>) -> RowResult<Self>;
}

/// The columns of a row in the order of its statement.
pub struct RowReader<'r> {
    row: BorrowedRow<'r>,
    next: usize,
}

enum BorrowedRow<'r> {
    Postgres(&'r PgRow),
    Sqlite(&'r SqliteRow),
}

impl RowReader<'_> {
    /// The value of the next column.
    pub fn value<T: ReadValue>(&mut self) -> RowResult<T> {
        let at = self.next;
        self.next += 1;
        match self.row {
            // The migrations enforce the types of columns. Like the rules of statements, a debug build checks them.
            BorrowedRow::Postgres(row) if cfg!(debug_assertions) => row.try_get(at),
            BorrowedRow::Postgres(row) => row.try_get_unchecked(at),
            BorrowedRow::Sqlite(row) => row.try_get(at),
        }
    }
}

impl<'r> From<&'r PgRow> for RowReader<'r> {
    fn from(row: &'r PgRow) -> Self {
        Self { row: BorrowedRow::Postgres(row), next: 0 }
    }
}

impl<'r> From<&'r SqliteRow> for RowReader<'r> {
    fn from(row: &'r SqliteRow) -> Self {
        Self { row: BorrowedRow::Sqlite(row), next: 0 }
    }
}

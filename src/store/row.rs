//! Rows of either database, read by the places of their columns.
//!
//! The driver looks up the name of a column in each row. For long lists of records that takes longer than the decoding of
//! the values.

use std::borrow::Cow;

use futures_util::TryStreamExt as _;
use futures_util::stream::BoxStream;
use sqlx::postgres::{PgRow, Postgres};
use sqlx::sqlite::{Sqlite, SqliteRow};
use sqlx::{Decode, Row as _, Type};

use super::Result;

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

/// A row as the driver has read it.
pub(super) enum StoredRow {
    Postgres(PgRow),
    Sqlite(SqliteRow),
}

impl StoredRow {
    pub const fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    pub fn get<T: ReadValue>(&self, at: usize) -> RowResult<T> {
        match self {
            Self::Postgres(row) => row.try_get(at),
            Self::Sqlite(row) => row.try_get(at),
        }
    }

    /// A value that the statement has made a text on PostgreSQL, and bytes on SQLite.
    pub fn text(&self, at: usize) -> RowResult<Option<Cow<'_, str>>> {
        match self {
            Self::Postgres(row) => Ok(row.try_get_unchecked::<Option<&str>, _>(at)?.map(Cow::Borrowed)),
            Self::Sqlite(row) => Ok(row.try_get::<Option<&[u8]>, _>(at)?.map(String::from_utf8_lossy)),
        }
    }
}

/// Gives rows to `take` until it returns false, and returns the last one that it was given.
pub(super) async fn give_rows<R>(
    mut rows: BoxStream<'_, RowResult<R>>,
    stored: fn(R) -> StoredRow,
    mut take: impl FnMut(&StoredRow) -> Result<bool>,
) -> Result<Option<StoredRow>> {
    let (mut last, mut is_wanted) = (None, true);
    while let Some(row) = rows.try_next().await? {
        if is_wanted {
            let row = stored(row);
            is_wanted = take(&row)?;
            last = Some(row);
        }
    }
    Ok(last)
}

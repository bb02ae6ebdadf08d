//! One statement: literal text and bound values, in the dialect of its database.

use std::borrow::Cow;
use std::fmt::Write as _;

use futures_util::TryStreamExt as _;
use futures_util::stream::BoxStream;
use sqlx::postgres::{PgArguments, PgHasArrayType, PgRow};
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{
    Arguments as _, AssertSqlSafe, Encode, FromRow, PgConnection, Postgres, Row as _, SqlSafeStr as _, SqlStr, Sqlite,
    SqliteConnection, Type,
};

use super::row::{StoredRow, give_rows};
use super::watch::{CallSite, Watch};
use super::{Result, StoreError, rules};

/// A value that both databases bind.
pub trait Param<'t>: Encode<'t, Postgres> + Type<Postgres> + Encode<'t, Sqlite> + Type<Sqlite> {}
impl<'t, T> Param<'t> for T where T: Encode<'t, Postgres> + Type<Postgres> + Encode<'t, Sqlite> + Type<Sqlite> {}

/// A row that both databases decode. `#[derive(sqlx::FromRow)]` implements it.
pub trait DecodeRow: for<'r> FromRow<'r, PgRow> + for<'r> FromRow<'r, SqliteRow> + Send + Unpin {}
impl<T> DecodeRow for T where T: for<'r> FromRow<'r, PgRow> + for<'r> FromRow<'r, SqliteRow> + Send + Unpin {}

/// The text of a statement: one for both databases, or one for each.
#[derive(Clone, Copy, Debug)]
pub struct Sql {
    postgres: &'static str,
    sqlite: &'static str,
}

impl Sql {
    /// Follows a bound id that has no column to take its type from: in a SELECT list, or in VALUES of a WITH.
    pub const CAST_UUID: Self = Self::per("::uuid", "");

    #[must_use]
    pub const fn per(postgres: &'static str, sqlite: &'static str) -> Self {
        Self { postgres, sqlite }
    }

    pub(super) const fn text(self, postgres: bool) -> &'static str {
        if postgres { self.postgres } else { self.sqlite }
    }
}

impl From<&'static str> for Sql {
    fn from(both: &'static str) -> Self {
        Self { postgres: both, sqlite: both }
    }
}

/// The number of values that PostgreSQL expects in an array that it does not know.
const UNKNOWN_ARRAY: usize = 10;

enum Driver<'c> {
    Postgres(&'c mut PgConnection, PgArguments, Watch<'c>),
    Sqlite(&'c mut SqliteConnection, SqliteArguments, Watch<'c>),
}

/// A statement that is ready to run.
struct Ready<'c> {
    text: SqlStr,
    target: Driver<'c>,
    cached: bool,
    place: CallSite,
}

/// A statement under construction. Text is only ever literal, and values are only ever bound.
#[must_use = "a query does nothing until it is run"]
pub struct Query<'c> {
    text: Cow<'static, str>,
    place: CallSite,
    target: Driver<'c>,
    bound: usize,
    unencodable: bool,
    cached: bool,
}

impl<'c> Query<'c> {
    pub(super) fn postgres(sql: Sql, place: CallSite, (connection, watch): (&'c mut PgConnection, Watch<'c>)) -> Self {
        Self::new(sql.postgres, place, Driver::Postgres(connection, PgArguments::default(), watch.of(place)))
    }

    pub(super) fn sqlite(
        sql: Sql,
        place: CallSite,
        (connection, watch): (&'c mut SqliteConnection, Watch<'c>),
    ) -> Self {
        Self::new(sql.sqlite, place, Driver::Sqlite(connection, SqliteArguments::default(), watch.of(place)))
    }

    fn new(text: &'static str, place: CallSite, target: Driver<'c>) -> Self {
        Self { text: Cow::Borrowed(text), place, target, bound: 0, unencodable: false, cached: true }
    }

    pub fn push(mut self, sql: impl Into<Sql>) -> Self {
        let text = sql.into().text(matches!(self.target, Driver::Postgres(..)));
        self.text.to_mut().push_str(text);
        self
    }

    /// Appends a name of the database's own catalogue, in quotes. Names that a caller sent never come here.
    pub(super) fn name(mut self, name: &str) -> Self {
        let _ = write!(self.text.to_mut(), "\"{}\"", name.replace('"', "\"\""));
        self
    }

    /// Appends a type of the database's own catalogue.
    pub(super) fn kind(mut self, kind: &str) -> Self {
        self.text.to_mut().push_str(kind);
        self
    }

    /// Appends literal text and one bound value.
    ///
    /// SQLite looks up `$n` by name, which is quadratic over a long `VALUES` list. So a bare `?` is written for it.
    pub fn with<'t>(self, sql: impl Into<Sql>, value: impl Param<'t>) -> Self {
        let mut query = self.push(sql);
        query.bound += 1;
        let added = match &mut query.target {
            Driver::Postgres(_, arguments, _) => {
                let _ = write!(query.text.to_mut(), "${}", query.bound);
                arguments.add(value)
            }
            Driver::Sqlite(_, arguments, _) => {
                query.text.to_mut().push('?');
                arguments.add(value)
            }
        };
        query.unencodable |= added.is_err();
        query
    }

    /// Appends text and value if there is a value: an optional filter.
    pub fn with_some<'t>(self, sql: &'static str, value: Option<impl Param<'t>>) -> Self {
        match value {
            Some(value) => self.with(sql, value),
            None => self,
        }
    }

    /// Appends one piece for each item, separated by commas: the tuples of `VALUES`, or the list of `IN`.
    pub fn each<T>(mut self, items: impl IntoIterator<Item = T>, add: impl Fn(Self, T) -> Self) -> Self {
        let mut separator = "";
        for item in items {
            self = add(self.push(separator), item);
            separator = ", ";
        }
        self
    }

    /// Appends `sql` and a condition that is true for any of the values: one array on PostgreSQL, so that the text does
    /// not depend on their number, and a list on SQLite. An empty list is never true. A missing filter is an `Option`.
    pub fn with_any<'t, T>(self, sql: &'static str, values: impl IntoIterator<Item = T>) -> Self
    where
        T: Param<'t> + PgHasArrayType + Clone + Sync,
        Vec<T>: Encode<'t, Postgres> + Type<Postgres>,
    {
        let values: Vec<T> = values.into_iter().collect();
        let mut query = self.push(sql);
        match &mut query.target {
            Driver::Postgres(_, arguments, _) => {
                query.bound += 1;
                let _ = write!(query.text.to_mut(), " = ANY(${})", query.bound);
                let added = arguments.add(values);
                query.unencodable |= added.is_err();
                query
            }
            Driver::Sqlite(..) if values.is_empty() => query.push(" IN (NULL)"),
            Driver::Sqlite(..) => query.push(" IN (").each(values, |query, value| query.with("", value)).push(")"),
        }
    }

    /// The same for values that are unique in their column, such as ids.
    ///
    /// PostgreSQL assumes that an array that it does not know yet has ten values. With fewer values, a plan for these
    /// values alone looks cheaper than the plan that it could keep. So it would plan the statement at every call, which
    /// takes longer than running it. Therefore some values are named twice. An index reads each of them once.
    pub fn with_keys<'t, T>(self, sql: &'static str, values: impl IntoIterator<Item = T>) -> Self
    where
        T: Param<'t> + PgHasArrayType + Clone + Sync,
        Vec<T>: Encode<'t, Postgres> + Type<Postgres>,
    {
        let mut values: Vec<T> = values.into_iter().collect();
        if let (true, Some(one)) = (self.is_postgres(), values.first().cloned()) {
            values.resize(values.len().max(UNKNOWN_ARRAY), one);
        }
        self.with_any(sql, values)
    }

    /// Appends `sql` and `unnest` of one bound array, which only PostgreSQL has: a column of rows in the list of a SELECT.
    /// A set of rows is then one short text whatever its size. For PostgreSQL, parsing a long `VALUES` list costs more
    /// than some of the rows do, and so does `FROM unnest`, which first stores each array as a table.
    pub fn with_unnested<'t, T>(self, sql: &'static str, values: impl IntoIterator<Item = T>) -> Self
    where
        Vec<T>: Encode<'t, Postgres> + Type<Postgres>,
    {
        let values: Vec<T> = values.into_iter().collect();
        let mut query = self.push(sql);
        query.bound += 1;
        query.unencodable |= match &mut query.target {
            Driver::Postgres(_, arguments, _) => arguments.add(values).is_err(),
            Driver::Sqlite(..) => true,
        };
        let _ = write!(query.text.to_mut(), "unnest(${})", query.bound);
        query
    }

    /// Whether the statement is for PostgreSQL, for the few that differ.
    #[must_use]
    pub const fn is_postgres(&self) -> bool {
        matches!(self.target, Driver::Postgres(..))
    }

    /// Keeps the statement out of the cache of prepared statements. This is for a length that is rarely the same.
    pub fn once(mut self) -> Self {
        self.cached = false;
        self
    }

    /// Runs the statement and returns the number of changed rows.
    pub async fn execute(self) -> Result<u64> {
        let Ready { text, target, cached, place } = self.ready()?;
        let done = match target {
            Driver::Postgres(connection, arguments, watch) => {
                let query = sqlx::query_with(text, arguments).persistent(cached);
                watch.over(query.execute(connection)).await.map(|done| done.rows_affected())
            }
            Driver::Sqlite(connection, arguments, watch) => {
                let query = sqlx::query_with(text, arguments).persistent(cached);
                watch.over(query.execute(connection)).await.map(|done| done.rows_affected())
            }
        };
        done.map_err(|error| failed(place, error))
    }

    pub async fn all<T: DecodeRow>(self) -> Result<Vec<T>> {
        let Ready { text, target, cached, place } = self.ready()?;
        let found = match target {
            Driver::Postgres(connection, arguments, watch) => {
                let query = sqlx::query_as_with(text, arguments).persistent(cached);
                watch.over(query.fetch_all(connection)).await
            }
            Driver::Sqlite(connection, arguments, watch) => {
                let query = sqlx::query_as_with(text, arguments).persistent(cached);
                watch.over(query.fetch_all(connection)).await
            }
        };
        found.map_err(|error| failed(place, error))
    }

    /// The rows whose sizes together are within a limit, and the first row beyond it, which shows that there are more.
    /// The others are read from the database and dropped, so the memory in use is that of the limit.
    pub async fn within<T: DecodeRow>(self, most: usize, size: impl Fn(&T) -> usize) -> Result<Vec<T>> {
        let (mut kept, mut sum) = (Vec::new(), 0);
        let keep = |row: T| {
            if sum <= most {
                sum += size(&row);
                kept.push(row);
            }
        };
        self.for_each(keep).await?;
        Ok(kept)
    }

    /// Gives each row to `take`. No more than one of them is in memory.
    pub async fn for_each<T: DecodeRow>(self, take: impl FnMut(T)) -> Result<()> {
        let Ready { text, target, cached, place } = self.ready()?;
        let ended = match target {
            Driver::Postgres(connection, arguments, watch) => {
                let query = sqlx::query_as_with(text, arguments).persistent(cached);
                watch.over(give(query.fetch(connection), take)).await
            }
            Driver::Sqlite(connection, arguments, watch) => {
                let query = sqlx::query_as_with(text, arguments).persistent(cached);
                watch.over(give(query.fetch(connection), take)).await
            }
        };
        ended.map_err(|error| failed(place, error))
    }

    /// Gives each row to `take` until it returns false, and returns the last one that it was given. The others are read from
    /// the database and dropped.
    pub(super) async fn rows(self, take: impl FnMut(&StoredRow) -> Result<bool>) -> Result<Option<StoredRow>> {
        let Ready { text, target, cached, place } = self.ready()?;
        let last = match target {
            Driver::Postgres(connection, arguments, watch) => {
                let query = sqlx::query_with(text, arguments).persistent(cached);
                watch.over(give_rows(query.fetch(connection), StoredRow::Postgres, take)).await
            }
            Driver::Sqlite(connection, arguments, watch) => {
                let query = sqlx::query_with(text, arguments).persistent(cached);
                watch.over(give_rows(query.fetch(connection), StoredRow::Sqlite, take)).await
            }
        };
        last.map_err(|error| failed(place, error))
    }

    pub async fn maybe<T: DecodeRow>(self) -> Result<Option<T>> {
        let Ready { text, target, cached, place } = self.ready()?;
        let found = match target {
            Driver::Postgres(connection, arguments, watch) => {
                let query = sqlx::query_as_with(text, arguments).persistent(cached);
                watch.over(query.fetch_optional(connection)).await
            }
            Driver::Sqlite(connection, arguments, watch) => {
                let query = sqlx::query_as_with(text, arguments).persistent(cached);
                watch.over(query.fetch_optional(connection)).await
            }
        };
        found.map_err(|error| failed(place, error))
    }

    /// The one row that must exist.
    pub async fn one<T: DecodeRow>(self) -> Result<T> {
        self.maybe().await?.ok_or(StoreError::NoRow)
    }

    /// The one value of the one row that must exist.
    pub async fn scalar<T>(self) -> Result<T>
    where
        (T,): DecodeRow,
    {
        self.one::<(T,)>().await.map(|(value,)| value)
    }

    /// The plan of the database, one line for each step. Tests use it to check that no search scans a table.
    pub async fn plan(mut self) -> Result<Vec<String>> {
        let explain = match self.target {
            Driver::Postgres(..) => "EXPLAIN (COSTS OFF) ",
            Driver::Sqlite(..) => "EXPLAIN QUERY PLAN ",
        };
        self.text.to_mut().insert_str(0, explain);
        self.cached = false;
        let Ready { text, target, cached, .. } = self.ready()?;
        Ok(match target {
            Driver::Postgres(connection, arguments, watch) => {
                let query = sqlx::query_with(text, arguments).persistent(cached);
                let rows = watch.over(query.fetch_all(connection)).await?;
                rows.iter().map(|row| row.try_get(0)).collect::<std::result::Result<_, _>>()?
            }
            Driver::Sqlite(connection, arguments, watch) => {
                let query = sqlx::query_with(text, arguments).persistent(cached);
                let rows = watch.over(query.fetch_all(connection)).await?;
                rows.iter().map(|row| row.try_get("detail")).collect::<std::result::Result<_, _>>()?
            }
        })
    }

    fn ready(self) -> Result<Ready<'c>> {
        let Self { text, place, target, unencodable, cached, .. } = self;
        if unencodable {
            return Err(StoreError::Refused("encoding".to_owned()));
        }
        tracing::trace!(statement = %text, "Running a statement");
        if cfg!(debug_assertions) && is_checked(place) {
            let broken = rules::broken(&text);
            debug_assert!(broken.is_none(), "{place}: {broken:?} in {text}");
        }
        // `push` accepts only `&'static str`, so the whole text is the service's own.
        Ok(Ready { text: AssertSqlSafe(text.into_owned()).into_sql_str(), target, cached, place })
    }
}

async fn give<T>(
    mut rows: BoxStream<'_, std::result::Result<T, sqlx::Error>>,
    mut take: impl FnMut(T),
) -> std::result::Result<(), sqlx::Error> {
    while let Some(row) = rows.try_next().await? {
        take(row);
    }
    Ok(())
}

/// Whether a statement belongs to the service. Tests read all tenants, and break rules that no statement may break. The
/// catalogue of a database has no tenants.
fn is_checked(place: CallSite) -> bool {
    let file = place.file();
    file.starts_with("src/") && !file.contains("/tests") && file != "src/store/catalogue.rs"
}

/// The report of a failure. A statement that the database refuses is an error of the program. The log names the
/// statement, because nobody could find it by its code.
fn failed(place: CallSite, error: StoreError) -> StoreError {
    if error.is_mistake() {
        tracing::error!(statement = %place, %error, "A statement failed");
    }
    error
}

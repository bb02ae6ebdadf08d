//! Migrations. They only go forward. Each database and dialect has a folder, with the same names in the same order.

use std::ops::DerefMut;

use sqlx::migrate::{AppliedMigration, Migrate, MigrateError, Migration, Migrator};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Transaction};

use super::error::NO_SCHEMA;
use super::lexer::statements;
use super::{Archive, Db, Pool, Result, StoreError, Vault};

pub trait Migrations: Sized {
    const POSTGRES: &'static Migrator;
    const SQLITE: &'static Migrator;
    /// The PostgreSQL schema that is created first, if the database has a schema of its own.
    const SCHEMA: Option<&'static str>;
}

/// The version of the first migration.
const BASELINE: i64 = 1;

static ARCHIVE_POSTGRES: Migrator = sqlx::migrate!("migrations/archive/postgres");
static ARCHIVE_SQLITE: Migrator = sqlx::migrate!("migrations/archive/sqlite");
static VAULT_POSTGRES: Migrator = sqlx::migrate!("migrations/vault/postgres");
static VAULT_SQLITE: Migrator = sqlx::migrate!("migrations/vault/sqlite");

impl Migrations for Archive {
    const POSTGRES: &'static Migrator = &ARCHIVE_POSTGRES;
    const SQLITE: &'static Migrator = &ARCHIVE_SQLITE;
    const SCHEMA: Option<&'static str> = None;
}

impl Migrations for Vault {
    const POSTGRES: &'static Migrator = &VAULT_POSTGRES;
    const SQLITE: &'static Migrator = &VAULT_SQLITE;
    const SCHEMA: Option<&'static str> = Some("vault");
}

/// Applies the migrations that are missing. Several processes may call it at once.
pub async fn migrate<S: Migrations>(db: &Db<S>) -> Result<()> {
    match &db.pool {
        Pool::Postgres(pool) => {
            let mut checkout = pool.check_out().await?;
            let connection = checkout.without_limit().await?;
            if let Some(schema) = S::SCHEMA {
                create_schema(connection, schema).await?;
            }
            check(connection, S::SCHEMA).await?;
            check_rights(connection, S::SCHEMA).await?;
            apply_all(S::POSTGRES, connection).await
        }
        Pool::Sqlite { writer, lock, .. } => {
            let _writing = lock.acquire().await?;
            apply_all(S::SQLITE, &mut *writer.acquire().await?).await
        }
    }
}

/// Applies the missing migrations, each in a transaction, one statement after the other. The driver would send a file
/// as one query. Citus forwards a change of a distributed table to the shards together with the whole text.
async fn apply_all<C>(migrator: &'static Migrator, connection: &mut C) -> Result<()>
where
    C: Connection + Migrate,
    for<'c> Transaction<'c, C::Database>: DerefMut<Target = C>,
    for<'c> &'c mut C: Executor<'c, Database = C::Database>,
{
    let table = migrator.table_name.as_ref();
    connection.lock().await?;
    connection.ensure_migrations_table(table).await?;
    let applied = connection.list_applied_migrations(table).await?;
    for migration in missing(migrator, &applied)? {
        apply(migration, table, connection).await?;
    }
    Ok(connection.unlock().await?)
}

/// The migrations that are not applied yet; an error where this program does not know one that is.
fn missing(migrator: &'static Migrator, applied: &[AppliedMigration]) -> Result<Vec<&'static Migration>> {
    for done in applied {
        match migrator.iter().find(|known| known.version == done.version) {
            Some(known) if known.checksum == done.checksum => {}
            // Lethe 0.1 had another first migration. It was never deployed, so nothing migrates from it.
            Some(_) if done.version == BASELINE => return Err(StoreError::MadeByOldVersion),
            Some(_) => return Err(MigrateError::VersionMismatch(done.version).into()),
            None => return Err(MigrateError::VersionMissing(done.version).into()),
        }
    }
    Ok(migrator.iter().filter(|known| !applied.iter().any(|done| done.version == known.version)).collect())
}

async fn apply<C>(migration: &'static Migration, table: &'static str, connection: &mut C) -> Result<()>
where
    C: Connection + Migrate,
    for<'c> Transaction<'c, C::Database>: DerefMut<Target = C>,
    for<'c> &'c mut C: Executor<'c, Database = C::Database>,
{
    let mut transaction = connection.begin().await?;
    for (statement, number) in statements(migration.sql.as_str()).into_iter().zip(1_usize..) {
        let statement = sqlx::raw_sql(AssertSqlSafe(statement.to_owned()));
        if let Err(error) = statement.execute(&mut *transaction).await {
            let error = StoreError::from(error);
            tracing::error!(migration = migration.version, statement = number, %error, "A migration failed");
            return Err(error);
        }
    }
    // This statement only says that the migration is applied.
    transaction.skip(table, migration).await?;
    Ok(transaction.commit().await?)
}

/// Creates a schema if it does not exist. PostgreSQL checks the right to create one even if there is nothing to create, and
/// many administrators give that right to nobody.
async fn create_schema(connection: &mut PgConnection, schema: &str) -> Result<()> {
    let known = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1)");
    if known.bind(schema).fetch_one(&mut *connection).await? {
        return Ok(());
    }
    let created = sqlx::raw_sql(AssertSqlSafe(format!("CREATE SCHEMA IF NOT EXISTS {schema}"))).execute(connection);
    match created.await.map_err(StoreError::from) {
        // If two processes create it at the same instant, one of them meets the other's row.
        Ok(_) | Err(StoreError::Constraint(_)) => Ok(()),
        Err(StoreError::Unsuitable(_)) => Err(StoreError::Unsuitable(
            "the schema vault is missing and the user may not create it: CREATE SCHEMA vault AUTHORIZATION the user",
        )),
        Err(error) => Err(error),
    }
}

/// Whether all texts fit into the database, and whether the tables are in the requested schema. A pooler that drops the
/// start-up parameter `options` would put them into another schema, and a backup of the requested one would miss them.
async fn check(connection: &mut PgConnection, schema: Option<&str>) -> Result<()> {
    let encoding: String = sqlx::query_scalar("SHOW server_encoding").fetch_one(&mut *connection).await?;
    if encoding != "UTF8" {
        return Err(StoreError::Unsuitable("its encoding must be UTF8: create a database with ENCODING 'UTF8'"));
    }
    // The schema is unknown until the first migration creates it.
    let current: Option<String> = sqlx::query_scalar("SELECT current_schema()::text").fetch_one(connection).await?;
    match (schema, current) {
        (Some(schema), Some(current)) if schema != current => Err(StoreError::Unsuitable(
            "the tables of the vault would not be in the schema vault, because a connection pooler drops search_path: \
             see \"Connection poolers\" in docs/operating.md",
        )),
        (None, None) => Err(StoreError::Unsuitable(NO_SCHEMA)),
        _ => Ok(()),
    }
}

/// Whether the user may create tables. Since PostgreSQL 15, only the owner of a database may do so in `public`.
async fn check_rights(connection: &mut PgConnection, schema: Option<&str>) -> Result<()> {
    let may_create = sqlx::query_scalar("SELECT has_schema_privilege(current_schema(), 'CREATE')");
    // Without a current schema, the result is NULL.
    let may_create: Option<bool> = may_create.fetch_one(connection).await?;
    match (schema, may_create) {
        (_, Some(true)) => Ok(()),
        (Some(_), _) => Err(StoreError::Unsuitable(
            "the user may not create tables in the schema vault: GRANT USAGE, CREATE ON SCHEMA vault TO the user",
        )),
        (None, _) => Err(StoreError::Unsuitable(
            "the user may not create tables in the first schema of search_path: GRANT CREATE ON SCHEMA public TO the \
             user, or let search_path name a schema of the user",
        )),
    }
}

/// The number of missing migrations. Returns an error if an applied migration is unknown to this program.
pub async fn pending_migrations<S: Migrations>(db: &Db<S>) -> Result<usize> {
    let (known, applied) = match &db.pool {
        Pool::Postgres(pool) => {
            let mut checkout = pool.check_out().await?;
            let (connection, watch) = checkout.parts();
            watch.over(check(connection, S::SCHEMA)).await?;
            let (connection, watch) = checkout.parts();
            (S::POSTGRES, watch.over(connection.list_applied_migrations(&S::POSTGRES.table_name)).await)
        }
        Pool::Sqlite { readers, .. } => {
            let mut connection = readers.acquire().await?;
            (S::SQLITE, connection.list_applied_migrations(&S::SQLITE.table_name).await.map_err(StoreError::from))
        }
    };
    match applied {
        Ok(applied) => Ok(missing(known, &applied)?.len()),
        // Without a table of migrations, no migration was applied.
        Err(StoreError::Refused(_) | StoreError::Migration(_)) => Ok(known.iter().count()),
        Err(error) => Err(error),
    }
}

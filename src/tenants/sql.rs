//! Statements about tenants and their epochs.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use pii::Region;

use super::model::{Tenant, TenantError};
use crate::base::id::{TenantId, random_i64};
use crate::base::target::Targets;
use crate::store::{Archive, Result, Sql, StoreError, Tx};

const SELECT: &str =
    "SELECT tenant_id, slug, region, time_zone, targets, settings, version, recipients_epoch FROM tenants";

/// A tenant as it is stored. [`Tenant::try_from`] reads its texts.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct TenantRow {
    tenant_id: TenantId,
    slug: String,
    region: String,
    time_zone: String,
    targets: Targets,
    settings: String,
    version: i64,
    recipients_epoch: Option<i64>,
}

impl TryFrom<TenantRow> for Tenant {
    type Error = TenantError;

    fn try_from(row: TenantRow) -> std::result::Result<Self, TenantError> {
        let tenant = row.lenient();
        tenant.check_readable()?;
        Ok(tenant)
    }
}

impl TenantRow {
    /// A random number that changes with each change of the tenant's recipients. A tenant that never had any has none.
    #[must_use]
    pub const fn recipients_epoch(&self) -> Option<i64> {
        self.recipients_epoch
    }

    /// The tenant, also if a column cannot be read.
    #[must_use]
    pub fn lenient(self) -> Tenant {
        let Self { tenant_id: id, slug, region, time_zone, targets, settings, version, recipients_epoch: _ } = self;
        let (region, zone, settings) =
            (Region::stored(&region).ok(), time_zone.parse().ok(), serde_json::from_str(&settings).ok());
        let unreadable = match (&region, &zone, &settings) {
            (None, ..) => Some("region"),
            (_, None, _) => Some("time_zone"),
            (.., None) => Some("settings"),
            _ => None,
        };
        Tenant {
            id,
            slug,
            region: region.unwrap_or_default(),
            zone: zone.unwrap_or(Tz::UTC),
            targets,
            settings: settings.unwrap_or_default(),
            version,
            unreadable,
        }
    }
}

pub async fn by_id(tx: &mut Tx<Archive>, id: TenantId) -> Result<Option<TenantRow>> {
    tx.query(SELECT).with(" WHERE tenant_id = ", id).maybe().await
}

pub async fn lock(tx: &mut Tx<Archive>, id: TenantId) -> Result<()> {
    let _: Option<(TenantId,)> = tx
        .query("SELECT tenant_id FROM tenants")
        .with(" WHERE tenant_id = ", id)
        .push(Sql::per(" FOR UPDATE", ""))
        .maybe()
        .await?;
    Ok(())
}

pub async fn by_slug(tx: &mut Tx<Archive>, slug: &str) -> Result<Option<TenantRow>> {
    tx.query(SELECT).with(" WHERE slug = ", slug).maybe().await
}

pub async fn all(tx: &mut Tx<Archive>) -> Result<Vec<TenantRow>> {
    tx.query(SELECT).push(" ORDER BY slug").all().await
}

pub async fn insert(tx: &mut Tx<Archive>, tenant: &Tenant, now: DateTime<Utc>) -> Result<u64> {
    let Tenant { id, slug, region, zone, targets, settings, version, unreadable: _ } = tenant;
    tx.query("INSERT INTO tenants (tenant_id, slug, region, time_zone, targets, settings, version, created_at, updated_at) VALUES (")
        .with("", *id)
        .with(", ", slug.as_str())
        .with(", ", region.to_string())
        .with(", ", zone.name())
        .with(", ", *targets)
        .with(", ", to_json(settings)?)
        .with(", ", *version)
        .with(", ", now)
        .with(", ", now)
        .push(")")
        .execute()
        .await
}

pub async fn insert_epoch(tx: &mut Tx<Archive>, id: TenantId) -> Result<u64> {
    tx.query("INSERT INTO epochs (tenant_id, epoch) VALUES (")
        .with("", id)
        .with(", ", random_i64())
        .push(")")
        .execute()
        .await
}

pub async fn update(tx: &mut Tx<Archive>, tenant: &Tenant, now: DateTime<Utc>) -> Result<u64> {
    let Tenant { id, slug: _, region, zone, targets, settings, version, unreadable: _ } = tenant;
    tx.query("UPDATE tenants SET")
        .with(" region = ", region.to_string())
        .with(", time_zone = ", zone.name())
        .with(", targets = ", *targets)
        .with(", settings = ", to_json(settings)?)
        .with(", version = ", *version)
        .with(", updated_at = ", now)
        .with(" WHERE tenant_id = ", *id)
        .with(" AND version = ", version - 1)
        .execute()
        .await
}

pub async fn renew_recipients_epoch(tx: &mut Tx<Archive>, id: TenantId) -> Result<()> {
    let query = tx.query("UPDATE tenants SET").with(" recipients_epoch = ", random_i64());
    query.with(" WHERE tenant_id = ", id).execute().await.map(drop)
}

fn to_json(settings: &super::settings::Settings) -> Result<String> {
    serde_json::to_string(settings).map_err(|_| StoreError::Refused("settings".to_owned()))
}

//! `lethe tenant`.

use pii::Region;
use serde_json::json;

use super::COMMAND_LINE;
use super::args::{TenantArguments, TenantCommand};
use super::exit::{CommandError, Exit};
use super::job::{find, open};
use super::output::print;
use crate::app::house;
use crate::base::actor::Actor;
use crate::base::field::FieldError;
use crate::base::target::{TargetError, Targets};
use crate::config::Config;
use crate::tenants::{self, Tenant, TenantChange};

pub async fn run(config: &Config, command: TenantCommand) -> Result<Exit, CommandError> {
    let stores = open(config).await?;
    match command {
        TenantCommand::List { json } => {
            for tenant in tenants::list(&mut stores.archive.read().await?).await? {
                show(&tenant, json);
            }
        }
        TenantCommand::Create(arguments) => {
            let mut tx = stores.archive.write().await?;
            let tenant = tenants::create(&mut tx, stores.clock, &arguments.slug).await?;
            let change = read(arguments, tenant.region)?;
            let tenant = tenants::change(&mut tx, stores.clock, &actor(&tenant), &tenant, change).await?;
            tx.commit().await?;
            show(&tenant, false);
        }
        TenantCommand::Set(arguments) => {
            let tenant = find(&stores, &arguments.slug).await?;
            let change = read(arguments, tenant.region)?;
            let mut tx = stores.archive.write().await?;
            let tenant = tenants::change(&mut tx, stores.clock, &actor(&tenant), &tenant, change).await?;
            tx.commit().await?;
            show(&tenant, false);
        }
    }
    Ok(Exit::Done)
}

fn actor(tenant: &Tenant) -> Actor {
    Actor::service(tenant.id, COMMAND_LINE)
}

/// The change of a tenant of a region.
fn read(arguments: TenantArguments, home: Region) -> Result<TenantChange, CommandError> {
    let TenantArguments {
        slug: _,
        region,
        time_zone,
        targets,
        purpose_required,
        request_retention_months,
        own_numbers,
        dial_out_prefixes,
    } = arguments;
    let usage = |message: String| CommandError::Usage(message);
    let region: Option<Region> =
        region.map(|code| code.parse()).transpose().map_err(|error| usage(format!("--region {error}")))?;
    let mut invalid = Vec::new();
    let own_numbers =
        entries(own_numbers).and_then(|raw| house::own_numbers(&raw, region.unwrap_or(home), &mut invalid));
    let dial_out_prefixes = entries(dial_out_prefixes).and_then(|raw| house::dial_out_prefixes(&raw, &mut invalid));
    if let Some(FieldError { pointer, detail, .. }) = invalid.into_iter().next() {
        let place = pointer.unwrap_or_default();
        return Err(usage(format!("--{} {detail}", place.trim_start_matches('/').replace('_', "-").replace('/', " "))));
    }
    let targets = targets.map(|words| words.iter().map(|word| word.parse()).collect::<Result<Targets, TargetError>>());
    let change = TenantChange {
        region,
        zone: time_zone,
        targets: targets.transpose().map_err(|error| usage(format!("--targets {error}")))?,
        purpose_required,
        request_retention_months,
        own_numbers,
        dial_out_prefixes,
        ..TenantChange::default()
    };
    Ok(change)
}

/// The entries of a list; an empty one is none.
fn entries(list: Option<Vec<String>>) -> Option<Vec<String>> {
    list.map(|list| list.into_iter().filter(|entry| !entry.is_empty()).collect())
}

fn show(tenant: &Tenant, json: bool) {
    let Tenant { slug, region, zone, targets, settings, .. } = tenant;
    if json {
        let mut line = json!(settings);
        line["slug"] = json!(slug);
        line["region"] = json!(region.to_string());
        line["time_zone"] = json!(zone.name());
        line["targets"] = json!(targets.words());
        print(&line.to_string());
    } else {
        print(&format!("{slug}\t{region}\t{}\t{}", zone.name(), targets.words().join(",")));
    }
}

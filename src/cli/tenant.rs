//! `lethe tenant`.

use serde_json::json;

use super::args::{TenantArguments, TenantCommand};
use super::exit::{CommandError, Exit};
use super::job::{find, open};
use super::output::print;
use crate::base::actor::Actor;
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
            let (slug, change) = read(arguments)?;
            let mut tx = stores.archive.write().await?;
            let tenant = tenants::create(&mut tx, stores.clock, &slug).await?;
            let tenant = tenants::change(&mut tx, stores.clock, &actor(&tenant), &tenant, change).await?;
            tx.commit().await?;
            show(&tenant, false);
        }
        TenantCommand::Set(arguments) => {
            let (slug, change) = read(arguments)?;
            let tenant = find(&stores, &slug).await?;
            let mut tx = stores.archive.write().await?;
            let tenant = tenants::change(&mut tx, stores.clock, &actor(&tenant), &tenant, change).await?;
            tx.commit().await?;
            show(&tenant, false);
        }
    }
    Ok(Exit::Done)
}

/// The actor of the audit log for the command line, which does not know the user's name.
fn actor(tenant: &Tenant) -> Actor {
    Actor::service(tenant.id, "command-line")
}

fn read(arguments: TenantArguments) -> Result<(String, TenantChange), CommandError> {
    let TenantArguments { slug, region, time_zone, targets, purpose_required, request_retention_months } = arguments;
    let usage = |message: String| CommandError::Usage(message);
    let region = region.map(|code| code.parse()).transpose();
    let targets = targets.map(|words| words.iter().map(|word| word.parse()).collect::<Result<Targets, TargetError>>());
    let change = TenantChange {
        region: region.map_err(|error: pii::RegionError| usage(format!("--region {error}")))?,
        zone: time_zone,
        targets: targets.transpose().map_err(|error| usage(format!("--targets {error}")))?,
        purpose_required,
        request_retention_months,
        ..TenantChange::default()
    };
    Ok((slug, change))
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

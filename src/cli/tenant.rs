//! `lethe tenant`.

use pii::Region;
use serde_json::{Map, Value, json};

use super::COMMAND_LINE;
use super::exit::{CommandError, Exit};
use super::job::{find, open};
use super::output::print;
use super::tenant_args::{DisclosureArguments, TenantArguments, TenantCommand, TotalsArguments};
use super::zones;
use crate::app;
use crate::base::actor::Actor;
use crate::base::field::FieldError;
use crate::config::Config;
use crate::tenants::{self, Tenant, TenantChange};

impl DisclosureArguments {
    /// The options as fields of a merge patch.
    fn patch(self) -> Result<Map<String, Value>, CommandError> {
        let Self { reveal_approval, reveal_minutes, reveal_per_call, reveal_per_day, identified_view, .. } = &self;
        let reveal = given([
            ("approval", json!(reveal_approval)),
            ("minutes", json!(reveal_minutes)),
            ("per_call", json!(reveal_per_call)),
            ("per_day", json!(reveal_per_day)),
        ]);
        let reveal = if reveal.is_empty() { Value::Null } else { Value::Object(reveal) };
        let read = |text: String| {
            serde_json::from_str::<Value>(&text)
                .map_err(|_| CommandError::Usage("--processing must be JSON".to_owned()))
        };
        Ok(given([
            ("reveal", reveal),
            ("identified_view", json!(identified_view)),
            ("export_approval", json!(self.export_approval)),
            ("processing", self.processing.map(read).transpose()?.unwrap_or_default()),
        ]))
    }
}

pub async fn run(config: &Config, command: TenantCommand) -> Result<Exit, CommandError> {
    let stores = open(config).await?;
    match command {
        TenantCommand::List { json } => {
            for tenant in tenants::list(&mut stores.archive.read().await?).await? {
                tenant.check_readable()?;
                list(&tenant, json);
            }
        }
        TenantCommand::Create(mut arguments) => {
            take_zone_of_region(&mut arguments)?;
            let json = arguments.json;
            let mut tx = stores.archive.write().await?;
            let tenant = tenants::create(&mut tx, stores.clock, &arguments.slug).await?;
            let change = read(*arguments, tenant.region)?;
            let tenant = tenants::change(&mut tx, stores.clock, &actor(&tenant), &tenant, change).await?;
            tx.commit().await?;
            show(&tenant, json);
        }
        TenantCommand::Set(arguments) => {
            let json = arguments.json;
            let tenant = find(&stores, &arguments.slug).await?;
            let change = read(*arguments, tenant.region)?;
            let mut tx = stores.archive.write().await?;
            let tenant = tenants::change(&mut tx, stores.clock, &actor(&tenant), &tenant, change).await?;
            tx.commit().await?;
            show(&tenant, json);
        }
    }
    Ok(Exit::Done)
}

fn actor(tenant: &Tenant) -> Actor {
    Actor::service(tenant.id, COMMAND_LINE)
}

/// Adds the zone of a region that has one. In other regions, an operator must name the zone.
fn take_zone_of_region(arguments: &mut TenantArguments) -> Result<(), CommandError> {
    let Some(region) = arguments.region.as_deref().filter(|_| arguments.time_zone.is_none()) else { return Ok(()) };
    let Ok(region) = region.parse::<Region>() else { return Ok(()) };
    let zone = zones::of_region(region).ok_or_else(|| {
        let rule = "is required, because the region has several zones: --time-zone America/New_York";
        CommandError::Usage(format!("--time-zone {rule}"))
    })?;
    arguments.time_zone = Some(zone);
    Ok(())
}

/// The change of a tenant of a region, by the rules of the API.
fn read(arguments: TenantArguments, home: Region) -> Result<TenantChange, CommandError> {
    let patch = patch(arguments)?;
    app::tenant_change(patch, home).map_err(|invalid| {
        let first = invalid.into_iter().next();
        let FieldError { pointer, detail, .. } = first.unwrap_or_else(|| FieldError::at("", "format", "is invalid"));
        let place = pointer.unwrap_or_default();
        let flag = place
            .trim_start_matches("/recordings")
            .trim_start_matches("/totals")
            .replace("/reveal/", "/reveal-")
            .trim_start_matches('/')
            .replace('_', "-")
            .replace('/', " ");
        CommandError::Usage(format!("--{flag} {detail}"))
    })
}

/// The options as a merge patch of the API.
fn patch(arguments: TenantArguments) -> Result<Value, CommandError> {
    let TenantArguments {
        slug: _,
        json: _,
        region,
        time_zone,
        targets,
        purpose_required,
        request_retention_months,
        request_retention_paused,
        erasure_retention_months,
        erasure_retention_paused,
        delete_content,
        hide_waiting,
        own_numbers,
        dial_out_prefixes,
        patterns: own_patterns,
        attestation_required,
        external_systems,
        encrypt,
        only_encrypt_delivery,
        encrypt_metadata,
        allow_plain_ftp,
        retention_days,
        retention_paused,
        totals: TotalsArguments { min_cell, perturbation },
        disclosure,
    } = arguments;
    let recordings = given([
        ("encrypt", json!(encrypt)),
        ("only_encrypt_delivery", json!(only_encrypt_delivery)),
        ("encrypt_metadata", json!(encrypt_metadata)),
        ("allow_plain_ftp", json!(allow_plain_ftp)),
        ("retention_days", json!(retention_days.map(|days| days_of_kinds(&days)).transpose()?)),
        ("retention_paused", json!(retention_paused)),
    ]);
    let mut patch = given([
        ("region", json!(region)),
        ("time_zone", json!(time_zone.map(chrono_tz::Tz::name))),
        ("targets", json!(targets)),
        ("purpose_required", json!(purpose_required)),
        ("request_retention_months", json!(request_retention_months)),
        ("request_retention", paused(request_retention_paused)),
        ("erasure_retention_months", json!(erasure_retention_months)),
        ("erasure_retention", paused(erasure_retention_paused)),
        ("delete_content", json!(delete_content)),
        ("hide_waiting", json!(hide_waiting)),
        ("own_numbers", json!(entries(own_numbers))),
        ("dial_out_prefixes", json!(entries(dial_out_prefixes))),
        ("patterns", json!(entries(own_patterns).map(|all| patterns(&all)).transpose()?)),
        ("attestation_required", json!(attestation_required)),
        ("external_systems", json!(entries(external_systems).map(|all| systems(&all)).transpose()?)),
    ]);
    patch.extend(disclosure.patch()?);
    let totals = given([("min_cell", json!(min_cell)), ("perturbation", json!(perturbation))]);
    for (name, fields) in
        [("totals", totals), ("recordings", recordings)].into_iter().filter(|(_, all)| !all.is_empty())
    {
        patch.insert(name.to_owned(), Value::Object(fields));
    }
    Ok(Value::Object(patch))
}

/// The fields that were given.
fn given<const N: usize>(fields: [(&str, Value); N]) -> Map<String, Value> {
    fields.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.to_owned(), value)).collect()
}

fn paused(given: Option<bool>) -> Value {
    given.map_or(Value::Null, |paused| json!({ "paused": paused }))
}

/// The days by kind, where `never` keeps the content.
fn days_of_kinds(entries: &[String]) -> Result<Map<String, Value>, CommandError> {
    let read = |entry: &String| {
        let (kind, days) = entry.split_once('=')?;
        let days = if days == "never" { Value::Null } else { json!(days.parse::<u32>().ok()?) };
        Some((kind.to_owned(), days))
    };
    let rule = || {
        CommandError::Usage("--retention-days must be kinds with days or never: recording=90,comment=never".to_owned())
    };
    entries.iter().map(|entry| read(entry).ok_or_else(rule)).collect()
}

/// Patterns by their names. An expression may contain an equals sign, and a name may not.
fn patterns(entries: &[String]) -> Result<Vec<Value>, CommandError> {
    let read = |entry: &String| entry.split_once('=').map(|(name, regex)| json!({ "name": name, "regex": regex }));
    let rule =
        || CommandError::Usage("--patterns must be a name and an expression: 'plate=[A-Z]{2} ?[0-9]{5}'".to_owned());
    entries.iter().map(|entry| read(entry).ok_or_else(rule)).collect()
}

/// Systems by their names, with their owners and days.
fn systems(entries: &[String]) -> Result<Vec<Value>, CommandError> {
    let read = |entry: &String| {
        let (name, rest) = entry.split_once('=')?;
        let (owner, days) = rest.rsplit_once('=')?;
        Some(json!({ "name": name, "owner": owner, "days": days.parse::<u32>().ok()? }))
    };
    let rule = || {
        CommandError::Usage(
            "--external-systems must be a name, an owner, and days: 'Salesforce=CRM team=20'".to_owned(),
        )
    };
    entries.iter().map(|entry| read(entry).ok_or_else(rule)).collect()
}

/// The entries of a list; an empty one is none.
fn entries(list: Option<Vec<String>>) -> Option<Vec<String>> {
    list.map(|list| list.into_iter().filter(|entry| !entry.is_empty()).collect())
}

/// All settings of a tenant, by their names in the API.
fn settings(tenant: &Tenant) -> Value {
    let Tenant { slug, region, zone, targets, settings, .. } = tenant;
    let mut all = json!({
        "slug": slug, "region": region.to_string(), "time_zone": zone.name(), "targets": targets.words()
    });
    if let (Value::Object(all), Value::Object(settings)) = (&mut all, json!(settings)) {
        all.extend(settings);
    }
    all
}

fn list(tenant: &Tenant, json: bool) {
    let Tenant { slug, region, zone, targets, .. } = tenant;
    if json {
        print(&settings(tenant).to_string());
    } else {
        print(&format!("{slug}\t{region}\t{}\t{}", zone.name(), targets.words().join(",")));
    }
}

/// Prints a tenant with a line for each setting, or as one line of JSON.
fn show(tenant: &Tenant, json: bool) {
    let all = settings(tenant);
    if json {
        return print(&all.to_string());
    }
    for (name, value) in all.as_object().into_iter().flatten() {
        match value {
            Value::Object(fields) => {
                fields.iter().for_each(|(field, value)| print(&format!("{name}.{field}: {value}")));
            }
            value => print(&format!("{name}: {value}")),
        }
    }
}

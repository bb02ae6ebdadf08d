//! `lethe linkability`.

use clap::Args;
use serde_json::json;

use super::exit::{CommandError, Exit};
use super::job::{find, open_in_step};
use super::output::print;
use crate::archive::linkability::{Compared, LinkingColumn, USUAL_K, linkability};
use crate::config::Config;

/// The options of the linkability report.
#[derive(Args)]
pub struct LinkabilityArguments {
    /// The tenant whose interactions are compared
    #[arg(long, value_name = "SLUG", default_value = "demo")]
    pub tenant: String,
    /// Report as JSON
    #[arg(long)]
    pub json: bool,
}

pub async fn run(config: &Config, arguments: LinkabilityArguments) -> Result<Exit, CommandError> {
    let app = open_in_step(config, Some(&arguments.tenant)).await?;
    let tenant = find(&app, &arguments.tenant).await?;
    let when = (tenant.zone, app.clock.now());
    let mut tx = app.archive.read().await?;
    let classes = linkability(&mut tx, tenant.id, &Compared::default(), USUAL_K, when).await?;
    if arguments.json {
        print(&json!({ "tenant": tenant.slug, "classes": classes, "k": USUAL_K }).to_string());
        return Ok(Exit::Done);
    }
    print(&format!("interactions\talone\tin classes below {USUAL_K}\tby"));
    for class in classes {
        let columns: Vec<_> = class.columns.iter().map(|column| LinkingColumn::as_str(*column)).collect();
        print(&format!("{}\t{}\t{}\t{}", class.rows, class.unique, class.below_k, columns.join(", ")));
    }
    Ok(Exit::Done)
}

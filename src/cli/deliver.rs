//! `lethe deliver`.

use std::sync::Arc;

use serde_json::json;
use tokio::sync::watch;

use super::args::DeliverArguments;
use super::exit::{CommandError, Exit};
use super::job::{find, open_in_step};
use super::output::print;
use crate::app;
use crate::config::Config;
use crate::delivery::DeliveryReport;
use crate::tenants::Tenant;

/// Works the outbox once, or until the process is asked to stop.
pub async fn run(config: &Config, arguments: DeliverArguments) -> Result<Exit, CommandError> {
    let DeliverArguments { once, tenant, held, json } = arguments;
    let stores = Arc::new(open_in_step(config, tenant.as_deref()).await?);
    let only = match tenant {
        Some(slug) => Some(find(&stores, &slug).await?.id),
        None => None,
    };
    let worker = app::delivery_worker(config, &stores, &Arc::new(app::content_store(config)));
    if held {
        let released = worker.release_held(only).await?;
        tracing::info!(deliveries.count = released, "Retrying the deliveries that were held");
    }
    let (stop, stopping) = watch::channel(false);
    let listening = tokio::spawn(async move {
        app::stop_asked().await;
        let _ = stop.send(true);
        // The receiver reads the value later, so the sender must not be dropped.
        std::future::pending::<()>().await;
    });
    if !once {
        worker.run(only, &stopping, |tenant, report| show(tenant, report, json)).await;
        return Ok(Exit::Done);
    }
    let reports = worker.round(only, &stopping).await?;
    listening.abort();
    for (tenant, report) in &reports {
        show(tenant, report, json);
    }
    if reports.is_empty() && !json {
        print("No delivery is due.");
    }
    Ok(if *stopping.borrow() {
        Exit::TryAgain
    } else if reports.iter().any(|(_, report)| report.failed + report.held > 0) {
        Exit::Incomplete
    } else {
        Exit::Done
    })
}

fn show(tenant: &Tenant, report: &DeliveryReport, json: bool) {
    if json {
        let mut line = json!(report);
        line["tenant"] = json!(tenant.slug);
        print(&line.to_string());
        return;
    }
    let DeliveryReport { delivered, failed, held, cancelled } = report;
    print(&format!(
        "{}: {delivered} delivered, {failed} failed and to be retried, {held} held, {cancelled} cancelled",
        tenant.slug
    ));
}

//! `lethe deliver`.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::watch;

use super::args::DeliverArguments;
use super::exit::{CommandError, Exit};
use super::job::{find, open_in_step};
use super::output::print;
use crate::app;
use crate::config::Config;
use crate::delivery::DeliveryReport;
use crate::tenants::Tenant;
use crate::webhooks::WebhookReport;

/// Processes the outbox once, or until the process is stopped.
pub async fn run(config: &Config, arguments: DeliverArguments) -> Result<Exit, CommandError> {
    let DeliverArguments { once, tenant, held, json } = arguments;
    let stores = Arc::new(open_in_step(config, tenant.as_deref()).await?);
    let only = match tenant {
        Some(slug) => Some(find(&stores, &slug).await?.id),
        None => None,
    };
    let worker = app::delivery_worker(config, &stores, &Arc::new(app::content_store(config)));
    let webhook_worker = app::webhook_worker(config, &stores)?;
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
        tokio::join!(
            worker.run(only, &stopping, |tenant, report| show(tenant, report, json)),
            webhook_worker.run(only, &stopping, |tenant, report| show_messages(tenant, report, json))
        );
        return Ok(Exit::Done);
    }
    // A failing receiver does not keep recordings from being delivered, and the other way round.
    let (reports, messages) = tokio::join!(worker.round(only, &stopping), webhook_worker.round(only, &stopping));
    listening.abort();
    let (reports, messages) = (reports?, messages?);
    for (tenant, report) in &reports {
        show(tenant, report, json);
    }
    for (tenant, report) in &messages {
        show_messages(tenant, report, json);
    }
    if reports.is_empty() && messages.is_empty() && !json {
        print("Nothing is due.");
    }
    Ok(if *stopping.borrow() {
        Exit::TryAgain
    } else if reports.iter().any(|(_, report)| report.failed + report.held > 0)
        || messages.iter().any(|(_, report)| report.messages_failed + report.messages_held > 0)
    {
        Exit::Incomplete
    } else {
        Exit::Done
    })
}

fn show(tenant: &Tenant, report: &DeliveryReport, json: bool) {
    if json {
        return show_json(tenant, json!(report));
    }
    let DeliveryReport { delivered, failed, held, cancelled } = report;
    print(&format!(
        "{}: {delivered} delivered, {failed} failed and will be retried, {held} held, {cancelled} cancelled",
        tenant.slug
    ));
}

fn show_messages(tenant: &Tenant, report: &WebhookReport, json: bool) {
    if json {
        return show_json(tenant, json!(report));
    }
    let WebhookReport { messages_delivered, messages_failed, messages_held } = report;
    print(&format!(
        "{}: messages: {messages_delivered} delivered, {messages_failed} failed and will be retried, {messages_held} held",
        tenant.slug
    ));
}

fn show_json(tenant: &Tenant, mut line: Value) {
    line["tenant"] = json!(tenant.slug);
    print(&line.to_string());
}

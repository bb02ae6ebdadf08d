use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::json;
use tokio::sync::watch;

use super::*;
use crate::base::actor::Scope;
use crate::base::id::MessageId;
use crate::base::version::Versions;
use crate::telemetry::Metrics;
use crate::tests::{Stage, instant};

/// An address at which nobody listens.
fn nowhere() -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    format!("http://127.0.0.1:{}/", listener.local_addr().unwrap().port())
}

/// Enters a webhook that gets some kinds of events.
async fn enter(stage: &Stage, events: &[EventKind]) -> WebhookId {
    let events = events.iter().copied().collect();
    let new = NewWebhook { url: nowhere(), events, recipient: None, enabled: true };
    let guard = AddressGuard::new(&[], true);
    create(&stage.app, &guard, &stage.actor, new, None).await.unwrap().webhook.id
}

/// A worker after a look at the journal.
fn worker(stage: &Stage) -> WebhookWorker {
    stage.app.journal.standing.record(1, BTreeMap::new(), None);
    let client = WebhookClient::new(AddressGuard::new(&[], true), None, Duration::from_secs(5)).unwrap();
    WebhookWorker::new(stage.app.clone(), client, Duration::from_secs(1), Duration::from_secs(5))
}

/// Sends everything that is due.
async fn round(stage: &Stage) -> WebhookReport {
    let (_stop, stopping) = watch::channel(false);
    let reports = worker(stage).round(None, &stopping).await.unwrap();
    reports.first().map(|(_, report)| *report).unwrap_or_default()
}

async fn only_message(stage: &Stage, id: WebhookId) -> Message {
    let mut messages = list_messages(&stage.app, stage.tenant.id, id, None, (None, 10)).await.unwrap();
    assert_eq!(messages.len(), 1);
    messages.remove(0)
}

#[tokio::test]
async fn a_failed_job_is_told_ten_times_and_the_message_leaves_in_the_end() {
    let mut stage = Stage::new("kari", &[Scope::WebhooksAdmin]).await;
    let id = enter(&stage, &[EventKind::JobFailed]).await;
    stage.begin_nightly("2026-08-04T02:00:00Z").await;
    // Each wait is longer than that of the schedule with its chance.
    let (minute, hour) = (60, 3_600);
    for wait in [0, 7, 7 * minute, 40 * minute, 3 * hour, 7 * hour, 13 * hour, 17 * hour, 25 * hour, 30 * hour] {
        stage = stage.later(TimeDelta::seconds(wait));
        assert!(!round(&stage).await.is_empty(), "after {wait} s");
    }
    let message = only_message(&stage, id).await;
    assert_eq!((message.kind.as_str(), message.state, message.attempts), ("job.failed", MessageState::Held, 10));
    assert_eq!(message.last_error.as_deref(), Some("unreachable"));
    assert!(round(&stage).await.is_empty());
    assert!(find(&stage.app, stage.tenant.id, id).await.unwrap().enabled);

    let mut tx = stage.app.archive.write().await.unwrap();
    assert_eq!(purge(&mut tx, stage.tenant.id, instant("2020-01-01T00:00:00Z")).await.unwrap(), 0);
    // First the messages, and then the events.
    for _ in 0..2 {
        assert_eq!(purge(&mut tx, stage.tenant.id, instant("2100-01-01T00:00:00Z")).await.unwrap(), 1);
    }
    assert_eq!(purge(&mut tx, stage.tenant.id, instant("2100-01-01T00:00:00Z")).await.unwrap(), 0);
}

#[tokio::test]
async fn a_receiver_that_fails_for_five_days_is_disabled() {
    let mut stage = Stage::new("kari", &[Scope::WebhooksAdmin]).await;
    let id = enter(&stage, &[EventKind::JobFailed]).await;
    test(&stage.app, &stage.actor, id).await.unwrap();
    round(&stage).await;
    for (days, is_enabled) in [(4, true), (2, false)] {
        stage = stage.later(TimeDelta::days(days));
        assert_eq!(round(&stage).await.messages_failed, 1);
        let webhook = find(&stage.app, stage.tenant.id, id).await.unwrap();
        assert_eq!(webhook.enabled, is_enabled, "{webhook:?}");
    }
    let webhook = find(&stage.app, stage.tenant.id, id).await.unwrap();
    assert_eq!((webhook.disabled_reason.as_deref(), webhook.version), (Some("failing"), 2));
    let last = stage.events().await.pop().unwrap();
    assert_eq!((last.action.as_str(), last.actor_sub.as_str()), ("webhook.disabled", "lethe:deliver"));
    // Nothing is stored that nobody gets.
    let published = "SELECT count(*) FROM webhook_events WHERE tenant_id IS NOT NULL AND kind <> 'webhook.test'";
    assert_eq!(stage.count(published).await, 0);
}

#[tokio::test]
async fn the_metrics_show_what_waits_and_how_attempts_ended() {
    let stage = Stage::new("kari", &[Scope::WebhooksAdmin]).await;
    let id = enter(&stage, &[EventKind::JobFailed]).await;
    let (tenant, at) = (stage.tenant.id, stage.app.clock.now());
    let waiting = async || backlog(&mut stage.app.archive.read().await.unwrap(), tenant).await.unwrap();
    assert_eq!(waiting().await, Backlog::default());
    // An event waits also if no worker makes messages.
    let mut tx = stage.app.archive.write().await.unwrap();
    outbox::publish(&mut tx, tenant, EventKind::JobFailed, [json!({}), json!({})], at).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(waiting().await, Backlog { pending: 2, oldest: Some(at) });
    let metrics = Metrics::new().unwrap();
    let (_stop, stopping) = watch::channel(false);
    worker(&stage).counting(metrics.clone()).round(None, &stopping).await.unwrap();
    let text = metrics.render().unwrap();
    for line in ["{state=\"delivered\"} 0", "{state=\"failed\"} 2", "{state=\"held\"} 0"] {
        assert!(text.contains(&format!("lethe_webhook_messages_total{line}")), "{line} in\n{text}");
    }
    // The messages wait for their next attempt. The messages of a webhook that is disabled wait for nobody.
    assert_eq!(waiting().await, Backlog { pending: 2, oldest: Some(at) });
    let disabled = WebhookChange { enabled: Some(false), ..WebhookChange::default() };
    change(&stage.app, &AddressGuard::new(&[], true), &stage.actor, (id, &Versions::Any), disabled).await.unwrap();
    assert_eq!(waiting().await, Backlog::default());
}

#[tokio::test]
async fn a_replay_of_one_large_transaction_goes_on_where_it_ended() {
    let stage = Stage::new("kari", &[Scope::WebhooksAdmin]).await;
    let id = enter(&stage, &[EventKind::JobFailed]).await;
    let mut tx = stage.app.archive.write().await.unwrap();
    let events = (0..5_400).map(|number| json!({ "number": number }));
    let now = stage.app.clock.now();
    outbox::publish(&mut tx, stage.tenant.id, EventKind::JobFailed, events, now).await.unwrap();
    tx.commit().await.unwrap();
    let from = instant("2020-01-01T00:00:00Z");
    let first = replay(&stage.app, &stage.actor, id, from).await.unwrap();
    let next = first.next_from.unwrap();
    assert!(first.messages == 5_000 && next > from, "{first:?}");
    let second = replay(&stage.app, &stage.actor, id, next).await.unwrap();
    assert!((400..5_000).contains(&second.messages) && second.next_from.is_none(), "{second:?}");
    assert_eq!(stage.count("SELECT count(*) FROM webhook_messages WHERE tenant_id IS NOT NULL").await, 5_400);
}

#[tokio::test]
async fn an_unreadable_secret_delays_its_own_webhook_only() {
    let stage = Stage::new("kari", &[Scope::WebhooksAdmin]).await;
    let (unreadable, other) =
        (enter(&stage, &[EventKind::JobFailed]).await, enter(&stage, &[EventKind::JobFailed]).await);
    let mut tx = stage.app.vault.write().await.unwrap();
    let query = tx.query("UPDATE webhook_secrets SET").with(" sealed = ", vec![7_u8; 64]);
    let query = query.with(" WHERE tenant_id = ", stage.tenant.id).with(" AND webhook_id = ", unreadable);
    assert_eq!(query.execute().await.unwrap(), 1);
    tx.commit().await.unwrap();
    for id in [unreadable, other] {
        test(&stage.app, &stage.actor, id).await.unwrap();
    }
    assert_eq!(round(&stage).await.messages_failed, 2);
    for (id, error) in [(unreadable, "secret_missing"), (other, "unreachable")] {
        assert_eq!(only_message(&stage, id).await.last_error.as_deref(), Some(error));
    }
}

#[tokio::test]
async fn an_answer_of_an_earlier_address_says_nothing_about_the_present_one() {
    let stage = Stage::new("kari", &[Scope::WebhooksAdmin]).await;
    let (tenant, now) = (stage.tenant.id, stage.app.clock.now());
    let id = enter(&stage, &[EventKind::JobFailed]).await;
    let url = |path: &str| WebhookChange { url: Some(format!("{}{path}", nowhere())), ..WebhookChange::default() };
    let events = WebhookChange { events: Some([EventKind::DeliveryHeld].into()), ..WebhookChange::default() };
    let guard = AddressGuard::new(&[], true);
    let change = async |patch| change(&stage.app, &guard, &stage.actor, (id, &Versions::Any), patch).await.unwrap();
    assert_eq!(change(url("second")).await.version, 2);
    let mut tx = stage.app.archive.write().await.unwrap();
    for (version, rows) in [(1, 0), (2, 1)] {
        let version = (id, version);
        assert_eq!(outbox::note_failure(&mut tx, tenant, version, now).await.unwrap(), rows);
        assert_eq!(outbox::pause_webhook(&mut tx, tenant, version, now).await.unwrap(), rows);
    }
    assert_eq!(outbox::disable_webhook(&mut tx, tenant, (id, 1), ("gone", None), now).await.unwrap(), 0);
    tx.commit().await.unwrap();
    // Another change keeps these notes, and another address begins anew.
    for (patch, noted) in [(events, Some(now)), (url("third"), None)] {
        change(patch).await;
        let webhook = find(&stage.app, tenant, id).await.unwrap();
        assert_eq!((webhook.failing_since, webhook.paused_until), (noted, noted));
    }

    // A message that is not due any more is not claimed.
    let message = test(&stage.app, &stage.actor, id).await.unwrap();
    let mut tx = stage.app.archive.write().await.unwrap();
    let early = now - TimeDelta::seconds(1);
    let claimed = sql::claim(&mut tx, tenant, &[message.id], MessageId::new(), early, now).await.unwrap();
    assert!(claimed.is_empty(), "{claimed:?}");
}

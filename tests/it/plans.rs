//! The plans of a search: along an index that ends in time and id, never over a table.

use std::time::Duration;

use chrono::{DateTime, Utc};
use lethe::archive::hidden::Hiding;
use lethe::archive::{Channel, Direction, Interaction, RawEvent, Search, SurveyResponse, plan};
use lethe::base::id::{IdentifierId, TenantId, Token};
use lethe::base::page::Position;
use lethe::store::{Archive, Db, StoreSettings};
use lethe::{holds, requests, tenants};
use pii::Kind;

use crate::harness::each_store;

/// A search, the identifiers that it names, and the index that it uses.
struct Asked {
    name: &'static str,
    search: Search,
    any_of: Vec<(Kind, IdentifierId)>,
    index: &'static str,
}

fn asked(name: &'static str, index: &'static str, search: Search) -> Asked {
    Asked { name, search, any_of: Vec::new(), index }
}

/// Every filter alone, and some together.
fn searches() -> Vec<Asked> {
    let usual = Search::default;
    let at = |text: &str| Some(text.parse::<DateTime<Utc>>().unwrap());
    let id = IdentifierId::random();
    let by = |kinds: &[Kind]| kinds.iter().map(|kind| (*kind, id)).collect::<Vec<_>>();
    let token = |kind| Some(Token { kind, id });
    vec![
        asked("everything", "interactions_at", usual()),
        asked(
            "a span",
            "interactions_at",
            Search { from: at("2026-07-30T00:00:00Z"), to: at("2026-07-31T00:00:00Z"), ..usual() },
        ),
        asked("a queue", "interactions_queue", Search { queue: Some("Invoice".to_owned()), ..usual() }),
        asked("an agent", "interactions_agent", Search { agent_id: Some("a17".to_owned()), ..usual() }),
        asked("a channel", "interactions_channel", Search { channels: Some(vec![Channel::Voicemail]), ..usual() }),
        asked("a phone token", "interactions_phone", Search { token: token(Kind::Phone), ..usual() }),
        asked("an e-mail token", "interactions_email", Search { token: token(Kind::Email), ..usual() }),
        asked("a name token", "interactions_name", Search { token: token(Kind::Name), ..usual() }),
        Asked { any_of: by(&[Kind::Phone]), ..asked("a number", "interactions_phone", usual()) },
        Asked { any_of: by(&[Kind::Email]), ..asked("an address", "interactions_email", usual()) },
        Asked {
            any_of: by(&[Kind::Phone, Kind::Email]),
            ..asked("a number or an address", "interactions_email", usual())
        },
        asked("channels", "interactions_at", Search { channels: Some(vec![Channel::Call, Channel::Chat]), ..usual() }),
        asked(
            "queues",
            "interactions_at",
            Search { queues: Some(vec!["Invoice".to_owned(), "q".to_owned()]), ..usual() },
        ),
        asked("an outcome", "interactions_at", Search { outcome: Some("answered".to_owned()), ..usual() }),
        asked("a direction", "interactions_at", Search { direction: Some(Direction::Outbound), ..usual() }),
        asked("forgotten records", "interactions_forgotten", Search { anonymized: Some(true), ..usual() }),
        asked("records with their customer", "interactions_at", Search { anonymized: Some(false), ..usual() }),
        asked("records with content", "interactions_at", Search { has_content: Some(true), ..usual() }),
        asked("records without content", "interactions_at", Search { has_content: Some(false), ..usual() }),
        asked("changes", "interactions_changed", Search { changed_since: at("2026-07-30T00:00:00Z"), ..usual() }),
        asked(
            "changes of a span",
            "interactions_changed",
            Search { changed_since: at("2026-07-30T00:00:00Z"), from: at("2026-07-30T00:00:00Z"), ..usual() },
        ),
        asked("an external id", "external_id", Search { external_id: Some("cdr-1".to_owned()), ..usual() }),
        asked(
            "a hashed external id",
            "external_id",
            Search { external_id: Some(format!("hash-{}", "0".repeat(64))), ..usual() },
        ),
        asked(
            "a queue and an agent",
            "interactions_agent",
            Search { queue: Some("Invoice".to_owned()), agent_id: Some("a17".to_owned()), ..usual() },
        ),
    ]
}

each_store!(no_search_scans_a_table, |lethe: TestLethe| async move {
    let sample = lethe.run(&["sample", "--interactions", "3000", "--days", "30", "--seed", "5"]).await.well();
    lethe.ingest("interactions", sample.stdout).await;

    let mut url = lethe.archive_url();
    if url.starts_with("postgres") {
        // A small table is read fastest from end to end, and a small page by sorting it. The test asks whether the plan
        // can avoid both.
        url.push_str(if url.contains('?') { "&" } else { "?" });
        url.push_str("options=-c%20enable_seqscan%3Doff%20-c%20enable_bitmapscan%3Doff");
    }
    let settings = StoreSettings { url: url.into(), schema: None, connections: 1, patience: Duration::from_secs(5) };
    let archive = Db::<Archive>::open(&settings).await.unwrap();
    let mut tx = archive.write().await.unwrap();
    tx.query("ANALYZE").execute().await.unwrap();
    tx.commit().await.unwrap();

    let mut tx = archive.read().await.unwrap();
    let tenant: TenantId = tenants::find_by_slug(&mut tx, "demo").await.unwrap().unwrap().id;
    // Requests and holds hide customers, so that a search by a customer has all conditions.
    let hiding = Hiding::all(&[requests::HIDING, holds::HIDING]);
    let after = Position { at: "2026-08-01T00:00:00Z".parse().unwrap(), id: tenant.0 };
    for Asked { name, search, any_of, index } in searches() {
        for after in [None, Some(after)] {
            let lines =
                plan::<Interaction>(&mut tx, (tenant, &hiding), &search, &any_of, after).await.unwrap().join("\n");
            // SQLite calls the rows along an index `r` as well, if further conditions are checked on them.
            let count = |line: &str| lines.lines().filter(|one| one.trim_end() == line).count();
            let scans = lines.contains("Seq Scan") || count("SCAN c") > 0 || count("SCAN r") > count("CO-ROUTINE r");
            assert!(!scans, "{name} scans the table:\n{lines}");
            assert!(lines.contains(index), "{name} does not run along {index}:\n{lines}");
            let sorts = lines.contains("Sort") || lines.contains("USE TEMP B-TREE FOR ORDER BY");
            assert!(!sorts || any_of.len() > 1, "{name} sorts what it finds:\n{lines}");
        }
    }
    let all = Search::default();
    for lines in [
        plan::<SurveyResponse>(&mut tx, (tenant, &hiding), &all, &[], Some(after)).await.unwrap().join("\n"),
        plan::<RawEvent>(&mut tx, (tenant, &hiding), &all, &[], Some(after)).await.unwrap().join("\n"),
    ] {
        assert!(lines.contains("_at"), "a search does not run along the time:\n{lines}");
    }
    drop(tx);
    archive.close().await;
});

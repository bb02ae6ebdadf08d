//! The records of a customer's copy: those that have an identifier of the customer, and those that mention one.

use lethe::archive::{CustomerRecords, Interaction};
use lethe::base::id::IdentifierId;
use lethe::base::page::Position;
use lethe::base::target::Target;
use serde_json::json;

use crate::harness::each_store;

const NUMBER: &str = "+4791234567";
const OTHER: &str = "+4798765432";

each_store!(a_record_is_read_once_whatever_selects_it, |lethe: TestLethe| async move {
    let (ours, mine) = ("+47 912 34 567, again 912 34 567", "kari@example.net");
    for (no, number, address, note) in [
        (1, NUMBER, mine, ours),
        (2, NUMBER, "", mine),
        (3, OTHER, mine, "none"),
        (4, OTHER, "", ours),
        (5, OTHER, "", "by kari@example.net or 912 34 567"),
        (6, OTHER, "", "none"),
        (7, NUMBER, "", "none"),
    ] {
        let customer = json!({ "phone_number": number, "email": (!address.is_empty()).then_some(address) });
        let (id, at) = (format!("cdr-{no}"), format!("2026-02-0{no}T10:00:00Z"));
        let call = json!({ "external_id": id, "channel": "call", "started_at": at, "customer": customer,
            "attributes": { "notes": note } });
        lethe.record(&call).await;
    }
    let tenant = lethe.call_of("cdr-1").await.tenant_id;
    let archive = lethe.archive().await;
    let mut tx = archive.read().await.unwrap();
    let first = tx.query("SELECT phone_id, email_id FROM interactions").with(" WHERE external_id = ", "cdr-1");
    let (phone, email): (IdentifierId, IdentifierId) = first.one().await.unwrap();
    let to = "2026-03-01T00:00:00Z".parse().unwrap();
    for (identifiers, expected) in [(vec![phone], "12457"), (vec![email], "1235"), (vec![phone, email], "123457")] {
        let records = CustomerRecords { identifiers, from: None, to };
        for limit in [1, 2, 3, 7] {
            let (mut read, mut after) = (String::new(), None);
            loop {
                let page = records.page::<Interaction>(&mut tx, tenant, after, (limit, 1 << 20)).await.unwrap();
                let Some(last) = page.last() else { break };
                after = Some(Position { at: last.at, id: last.id.0 });
                read.extend(page.iter().map(|record| record.external_id.trim_start_matches("cdr-")));
            }
            assert_eq!(read, expected, "in pages of {limit}");
        }
        let count = records.count(&mut tx, tenant, Target::Archive).await.unwrap();
        assert_eq!(count, expected.len() as u64, "{expected}");
    }
    drop(tx);
    archive.close().await;
});

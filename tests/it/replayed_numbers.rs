//! The numbers of requests after a replay: those of the passes that carried them out.

use serde_json::json;

use crate::harness::{Part, each_store};

each_store!(two_requests_of_one_customer_keep_their_own_numbers, |mut lethe: TestLethe| async move {
    let number = "+4791827364";
    for (id, day) in [("a", 10), ("b", 11), ("c", 12), ("later", 20)] {
        let call = json!({ "external_id": id, "channel": "call", "started_at": format!("2026-02-{day}T10:00:00Z"),
            "customer": { "phone_number": number } });
        lethe.record(&call).await;
    }
    lethe.stop().await;
    let backup = lethe.copy().await;
    let mut requests = Vec::new();
    for (to, night) in [("2026-02-15", "2026-02-16T02:00:00Z"), ("2026-02-17", "2026-02-18T02:00:00Z")] {
        lethe.serve().await;
        let request = json!({ "phone_number": number, "to_date": to, "targets": ["archive"] });
        requests.push(lethe.enter_request(&request).await);
        lethe.stop().await;
        lethe.run(&["job", "nightly", "--as-of", night]).await.well();
    }
    let results = async |lethe: &TestLethe| {
        let mut results = Vec::new();
        for request in &requests {
            results.push(lethe.request(&request["id"]).await.json()["result"].clone());
        }
        results
    };
    lethe.serve().await;
    let before = results(&lethe).await;
    assert_ne!(before[0], before[1]);
    lethe.stop().await;
    lethe.restore(&backup, &[Part::Archive, Part::Vault]).await;
    lethe.run(&["replay", "--json"]).await.well();
    lethe.serve().await;
    assert_eq!(results(&lethe).await, before);
});

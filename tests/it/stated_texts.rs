//! Texts that a user states about a customer: the audit log and the lists that show them do not contain the customer.

use serde_json::{Value, json};

use crate::harness::{TestLethe, each_store};

const NUMBER: &str = "40506070";
const ADDRESS: &str = "ola.berg@example.net";

/// Spellings of the customer's number and address that would not be found in a text about anybody.
const SPELLINGS: [&str; 4] = ["sak 40506070", "CASE40506070", "4.0.5.0.6.0.7.0", "ola.berg at example.net"];

async fn stock(lethe: &TestLethe) {
    let customer = json!({ "phone_number": NUMBER, "email": ADDRESS, "name": "Ola Berg" });
    let call =
        json!({ "external_id": "a", "channel": "call", "started_at": "2026-02-10T10:00:00Z", "customer": customer });
    lethe.record(&call).await;
}

/// Whether a text of the customer is in a response.
fn names_customer(response: &Value) -> bool {
    let text = response.to_string();
    ["40506070", "4.0.5.0", "ola.berg", "Berg"].iter().any(|part| text.contains(part))
}

each_store!(a_reveal_and_a_search_state_nothing_of_their_customers, |lethe: TestLethe| async move {
    stock(&lethe).await;
    let officer = lethe.caller("dpo");
    let shown = lethe.caller("analyst").post("/archive/search", &json!({})).await.expect(200).json();
    let customer = &shown["items"][0]["customer"];
    let tokens = json!([customer["phone_number"], customer["email"]]);
    for text in SPELLINGS {
        let reveal = json!({ "tokens": tokens, "purpose": format!("{text}, Ola Berg"), "ticket": text });
        let entered = officer.post("/reveals", &reveal).await.expect(201).json();
        assert!(!names_customer(&entered), "{entered}");
        assert!(entered["ticket"].as_str().unwrap().contains("*****"), "{entered}");
        officer.post("/archive/search", &json!({ "purpose": text })).await.expect(200);
    }
    for path in ["/reveals", "/audit-events?limit=200"] {
        let listed = officer.get(path).await.expect(200).json();
        assert!(!names_customer(&listed), "{path}: {listed}");
    }
    // A purpose about nobody stays as it is.
    officer.post("/archive/search", &json!({ "purpose": "audit of 2026, case 118" })).await.expect(200);
    let audit = officer.get("/audit-events?action=archive.searched").await.expect(200).json();
    assert_eq!(audit["items"][0]["purpose"], "audit of 2026, case 118");
});

each_store!(the_reference_of_a_hold_does_not_name_its_customer, |lethe: TestLethe| async move {
    stock(&lethe).await;
    let officer = lethe.caller("dpo");
    let call = lethe.search(&json!({})).await["items"][0]["id"].clone();
    let hold = |named: &Value, reference: &str| {
        let mut hold = named.clone();
        hold["ground"] = json!("17(3)(e)");
        hold["review_on"] = json!("2036-08-03");
        hold["reference"] = json!(reference);
        hold
    };
    let ways = [json!({ "phone_number": NUMBER, "email": ADDRESS }), json!({ "interaction_ids": [call] })];
    for named in &ways {
        for reference in SPELLINGS.iter().chain(&["sak Ola Berg"]) {
            let refused = officer.post("/holds", &hold(named, reference)).await.expect(422).json();
            assert_eq!(refused["errors"][0]["pointer"], "/reference", "{reference}: {refused}");
            assert!(!names_customer(&refused), "{refused}");
        }
    }
    officer.post("/holds", &hold(&ways[0], "case 118")).await.expect(201);
    let listed = officer.get("/holds").await.expect(200).json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
});

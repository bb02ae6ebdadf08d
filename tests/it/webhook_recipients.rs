//! Webhooks that name a recipient: their messages have the tokens of the recipient, and end with it.

use serde_json::{Value, json};

use crate::harness::receiver::{Got, Receiver};
use crate::harness::{Answer, each_store};
use crate::webhooks::{call, calmly, deliver, operator, path};

each_store!(a_webhook_of_a_recipient_has_tokens_of_its_own, |mut lethe: TestLethe| async move {
    calmly(&mut lethe).await;
    let clients = json!([{ "issuer": "https://id.example", "client_id": "crm" }]);
    let new = json!({ "name": "crm", "clients": clients });
    let created = lethe.caller("admin").post("/recipients", &new).await.expect(201).json();
    let receiver = Receiver::start();
    let events = ["interaction.stored", "reveal.requested", "audit.checkpoint"];
    let body = json!({ "url": receiver.url, "events": events, "recipient": "crm" });
    let create = || operator(&lethe).call("POST", "/webhooks").header("idempotency-key", "crm").json(&body);
    let webhook = Answer::of(create()).await.expect(201).json();
    assert_eq!(webhook["recipient"], "crm");
    lethe.record(&call("a", "+4791234567")).await;
    deliver(&lethe).await.well();
    let stored = receiver.one().json()["data"]["interactions"][0].clone();
    let page = lethe.caller("agent").post("/archive/search", &json!({})).await.expect(200).json();
    let shared = &page["items"][0];
    for (own, shared) in
        [(&stored["id"], &shared["id"]), (&stored["customer"]["phone_number"], &shared["customer"]["phone_number"])]
    {
        assert!(own.is_string() && own != shared, "{own} {shared}");
    }
    assert!(stored["customer"]["phone_number"].as_str().unwrap().starts_with("phone_"));

    // A customer that a hold hides is hidden here too.
    let hold = json!({ "phone_number": "+4791234567", "ground": "18(1)(b)", "reference": "case 7",
        "review_on": "2036-08-03", "hide": true });
    let hold = lethe.caller("dpo").post("/holds", &hold).await.expect(201).json();
    lethe.record(&call("a", "+4791234567")).await;
    deliver(&lethe).await.well();
    let hidden = receiver.one().json()["data"]["interactions"][0].clone();
    assert_eq!((&hidden["customer"]["phone_number"], &hidden["anonymized"]), (&json!("Anonymized"), &json!(false)));
    let released = lethe.caller("dpo").delete(&format!("/holds/{}", hold["id"].as_str().unwrap()), "*").await;
    assert!(matches!(released.status, 200 | 204), "{}", released.text);

    // A webhook is disabled if its recipient is deleted, because its messages would show the ids of the tenant.
    let admin = lethe.caller("admin");
    let crm = format!("/recipients/{}", created["id"].as_str().unwrap());
    lethe.record(&call("b", "+4798765432")).await;
    admin.delete(&crm, "*").await.expect(204);
    let disabled = operator(&lethe).get(&path(&webhook, "")).await.expect(200).json();
    assert_eq!((&disabled["enabled"], &disabled["recipient"]), (&json!(false), &Value::Null));
    assert_eq!((&disabled["disabled_reason"], &disabled["version"]), (&json!("recipient_deleted"), &json!(2)));
    assert_eq!(Answer::of(create()).await.expect(201).json()["id"], webhook["id"], "a replay is not validated again");
    deliver(&lethe).await.well();
    assert!(receiver.take().is_empty());
    let change = async |body: Value| operator(&lethe).patch(&path(&webhook, ""), "*", &body).await;
    let refused = change(json!({ "enabled": true })).await.expect(422).json();
    assert_eq!(refused["errors"][0]["pointer"], "/recipient", "{refused}");
    change(json!({ "events": events })).await.expect(200);

    // Without the recipient, a message has no tokens. Reveals and checkpoints are events too.
    let changed = change(json!({ "recipient": null, "enabled": true })).await.expect(200).json();
    assert_eq!((&changed["recipient"], &changed["disabled_reason"]), (&Value::Null, &Value::Null));
    lethe.record(&call("a", "+4791234567")).await;
    let tokens = json!([shared["customer"]["phone_number"]]);
    let reveal = json!({ "tokens": tokens, "purpose": "call back" });
    let reveal = lethe.caller("dpo").post("/reveals", &reveal).await.expect(201).json();
    lethe.night("2026-03-03T02:00:00Z").await.well();
    deliver(&lethe).await.well();
    let mut all: Vec<Value> = receiver.take().iter().map(Got::json).collect();
    all.sort_by_key(|event| event["type"].as_str().unwrap().to_owned());
    let kinds: Vec<_> = all.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["audit.checkpoint", "interaction.stored", "interaction.stored", "reveal.requested"]);
    assert!(all[0]["data"]["checkpoint"].as_str().unwrap().starts_with("lethe/"), "{}", all[0]);
    assert_eq!(all[1]["data"]["interactions"][0]["customer"]["phone_number"], "Anonymized");
    assert_eq!(all[2]["data"]["interactions"][0]["customer"]["phone_number"], "Anonymized");
    assert_eq!(all[3]["data"]["reveal_id"], reveal["id"]);
});

//! Fields of customers as systems write them, and the numbers of the house.

use serde_json::{Value, json};

use crate::harness::each_store;

fn record(id: &str, channel: &str, customer: Value) -> Value {
    json!({ "external_id": id, "channel": channel, "started_at": "2026-02-10T10:00:00Z", "customer": customer })
}

each_store!(a_field_loses_what_wraps_its_identifier_and_no_identifier, |lethe: TestLethe| async move {
    let lines = [
        record("sip", "call", json!({ "phone_number": "\"Matti\" <sip:+4798765432@10.0.0.1;user=phone>" })),
        record("mail", "email", json!({ "email": "=?UTF-8?Q?J=C3=B6rg?= <mailto:joerg@example.de>" })),
        record("other", "email", json!({ "email": "tel:+4798765432", "phone_number": "joerg@example.de" })),
        record("list", "call", json!({ "phone_number": "98765432 / 91234567" })),
        record("withheld", "call", json!({ "phone_number": "+266696687", "name": "Okänd uppringare" })),
        record("visitor", "chat", json!({ "name": "Visitor 98765432" })),
    ];
    let lines: Vec<_> = lines.iter().map(Value::to_string).collect();
    let told = lethe.ingest("interactions", lines.join("\n")).await;
    assert_eq!(
        told["warnings"],
        json!([
            { "line": 4, "code": "identifier_ignored", "pointer": "/customer/phone_number" },
            { "line": 6, "code": "identifier_ignored", "pointer": "/customer/name" },
        ])
    );
    let page = lethe.search(&json!({})).await;
    let customer = |id: &str| {
        let items = page["items"].as_array().unwrap();
        items.iter().find(|item| item["external_id"] == id).unwrap()["customer"].clone()
    };
    let nobody = json!({ "phone_number": null, "email": null, "name": null });
    assert_eq!(customer("sip"), json!({ "phone_number": "+4798765432", "email": null, "name": "Matti" }));
    assert_eq!(customer("mail"), json!({ "phone_number": null, "email": "joerg@example.de", "name": "Jörg" }));
    assert_eq!(customer("other"), json!({ "phone_number": "+4798765432", "email": "joerg@example.de", "name": null }));
    assert_eq!([customer("list"), customer("withheld"), customer("visitor")], [nobody.clone(), nobody.clone(), nobody]);
});

each_store!(a_name_in_capitals_is_the_same_name_within_one_call, |lethe: TestLethe| async move {
    let customer = |name: &str| json!({ "name": name, "phone_number": "98765432" });
    let mut lines = vec![record("stored", "call", customer("Ingrid Solheim"))];
    lethe.record(&lines[0]).await;
    let names = ["Ingrid Solheim", "INGRID SOLHEIM", "ingrid solheim", "Ingrid SOLHEIM"];
    for (no, name) in names.iter().enumerate() {
        let mut call = record(&format!("call-{no}"), "call", customer(name));
        call["attributes"] = json!({ "note": format!("{name} rang") });
        lines.push(call);
    }
    let lines: Vec<_> = lines.iter().map(Value::to_string).collect();
    assert_eq!(lethe.ingest("interactions", lines.join("\n")).await["warnings"], json!([]));
    let page = lethe.search(&json!({})).await;
    let items = page["items"].as_array().unwrap();
    assert!(items.len() == 5 && items.iter().all(|item| item["customer"]["name"] == "Ingrid Solheim"), "{page}");
    let notes = items.iter().filter_map(|item| item["attributes"]["note"].as_str());
    let notes: Vec<_> = notes.map(str::to_lowercase).collect();
    assert_eq!(notes, vec!["ingrid solheim rang"; 4]);
});

each_store!(a_number_of_the_house_is_nobodys, |lethe: TestLethe| async move {
    let admin = lethe.caller("admin,operator");
    let settings = json!({ "own_numbers": ["22 33 44 55", "+46812*"], "dial_out_prefixes": ["9"] });
    let changed = admin.patch("/tenant", "*", &settings).await.expect(200).json();
    assert_eq!(changed["own_numbers"], json!(["+46812", "+4722334455"]));
    assert_eq!(changed["dial_out_prefixes"], json!(["9"]));
    let lines = [
        record("a", "call", json!({ "phone_number": "+47 22 33 44 55", "name": "Reception desk" })),
        record("b", "call", json!({ "phone_number": "0046 8 123 456 78" })),
        record("c", "call", json!({ "phone_number": "22334456" })),
    ];
    let lines: Vec<_> = lines.iter().map(Value::to_string).collect();
    let told = lethe.ingest("interactions", lines.join("\n")).await;
    let ignored: Vec<_> = told["warnings"].as_array().unwrap().iter().map(|warning| warning["line"].clone()).collect();
    assert_eq!(ignored, [json!(1), json!(2)]);
    assert_eq!(lethe.find(&json!({ "phone_number": "22334455" })).await, Vec::<String>::new());
    assert_eq!(lethe.find(&json!({ "phone_number": "22334456" })).await, ["c"]);
    for (patch, place) in [
        (json!({ "own_numbers": ["22334455", "+47*"] }), "/own_numbers/1 phone_number_invalid"),
        (json!({ "own_numbers": null }), "/own_numbers required"),
        (json!({ "dial_out_prefixes": ["9w"] }), "/dial_out_prefixes/0 format"),
        (
            json!({ "dial_out_prefixes": ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0", "00"] }),
            "/dial_out_prefixes too_many",
        ),
    ] {
        assert_eq!(admin.patch("/tenant", "*", &patch).await.expect(422).mistakes(), [place]);
    }
    let cleared = admin.patch("/tenant", "*", &json!({ "own_numbers": [] })).await.expect(200).json();
    assert_eq!((&cleared["own_numbers"], &cleared["dial_out_prefixes"]), (&json!([]), &json!(["9"])));
    let audit = lethe.caller("dpo").get("/audit-events").await.expect(200).json();
    let changes = audit["items"].as_array().unwrap().iter().filter(|event| event["action"] == "tenant.changed");
    let changes: Vec<_> = changes.map(|event| event["detail"]["changed"].clone()).collect();
    assert_eq!(changes, [json!(["own_numbers"]), json!(["own_numbers", "dial_out_prefixes"])]);
});

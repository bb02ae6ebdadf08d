//! The customer of a delivered file stays known until that customer is forgotten, even if the call belongs to another one now.

use serde_json::{Value, json};

use super::{
    WORDS, calmly, deliver, deliveries, ends, files, files_named, folder_of, operator, set_target, state, upload,
};
use crate::harness::{TestLethe, each_store, until};

const KARI: &str = "91234567";
const ADDRESS: &str = "kari@example.net";
const OLA: &str = "41234567";
const NIGHT: &str = "2026-12-01T02:00:00Z";

/// A stage whose recordings are delivered to a folder.
async fn staged(lethe: &mut TestLethe) {
    calmly(lethe).await;
    set_target(lethe, &json!({ "url": "file:///calls" })).await.expect(200);
}

/// The call of a customer. Returns the path of its content.
async fn call(lethe: &TestLethe, external_id: &str, customer: Value) -> String {
    let call = json!({ "external_id": external_id, "channel": "call", "started_at": "2026-08-01T00:10:10Z",
        "customer": customer });
    lethe.record(&call).await;
    format!("/archive/interactions/{}/content", lethe.call_of(external_id).await.id)
}

/// A request for the identifiers of a customer.
fn request(customer: &Value) -> Value {
    let mut request = json!({ "to_date": "2026-08-02", "targets": ["archive"] });
    request.as_object_mut().unwrap().extend(customer.as_object().unwrap().clone());
    request
}

/// The statements of a preview about files.
async fn told(lethe: &TestLethe, request: &Value) -> Option<String> {
    let preview = lethe.caller("dpo").post("/anonymize-requests/preview", request).await.expect(200).json();
    let warnings = preview["warnings"].as_array().unwrap();
    let warning = warnings.iter().find(|warning| warning["code"] == "files_were_delivered")?;
    Some(warning["detail"].as_str().unwrap().split('.').next().unwrap().to_owned())
}

async fn result(lethe: &TestLethe, request: &Value) -> Value {
    lethe.request(&request["id"]).await.json()["result"].clone()
}

each_store!(
    a_file_is_listed_for_whom_it_was_delivered_and_for_whom_the_call_is_now,
    |mut lethe: TestLethe| async move {
        staged(&mut lethe).await;
        let (number, address) = (json!({ "phone_number": KARI }), json!({ "email": ADDRESS }));
        let (ola, late) = (json!({ "phone_number": OLA }), json!({ "phone_number": "40404040" }));
        let path = call(&lethe, "cdr-1", json!({ "phone_number": KARI, "email": ADDRESS })).await;
        upload(&lethe, &path, "recording", WORDS).await;
        deliver(&lethe).await.well();
        let names = deliveries(&lethe).await[0]["file_names"].clone();
        call(&lethe, "cdr-1", ola.clone()).await;
        assert_eq!(lethe.find(&number).await, Vec::<String>::new());
        for asked in [&number, &address, &ola] {
            assert_eq!(told(&lethe, &request(asked)).await.as_deref(), Some("Delivered files: 2"));
        }
        assert_eq!(told(&lethe, &request(&late)).await, None);
        let before = json!({ "phone_number": KARI, "to_date": "2026-07-31", "targets": ["archive"] });
        assert_eq!(told(&lethe, &before).await, None, "the call was later");

        // Up to a day before the call, nothing belongs to Kari, and she stays known.
        let before = lethe.enter_request(&before).await;
        lethe.night(NIGHT).await.well();
        assert_eq!(result(&lethe, &before).await, json!({ "archive": { "anonymized": 0 } }));
        assert_eq!(lethe.dump().await.rows("delivery_customers").len(), 1);

        // Two requests that share nothing but the delivery.
        let by_number = lethe.enter_request(&request(&number)).await;
        let by_address = lethe.enter_request(&request(&address)).await;
        lethe.night(NIGHT).await.well();
        for asked in [&by_number, &by_address] {
            let wanted = json!({ "archive": { "anonymized": 0 }, "delivered_files": names });
            assert_eq!(result(&lethe, asked).await, wanted);
        }
        let dump = lethe.dump().await;
        assert_eq!(
            (dump.rows("delivery_customers").len(), dump.rows("vault.identifiers").len()),
            (0, 1),
            "Ola is known"
        );
        assert_eq!(lethe.find(&ola).await, ["cdr-1"]);

        let of_ola = lethe.enter_request(&request(&ola)).await;
        lethe.night(NIGHT).await.well();
        let wanted = json!({ "archive": { "anonymized": 1 }, "delivered_files": names });
        assert_eq!(result(&lethe, &of_ola).await, wanted);
        assert_eq!(lethe.dump().await.rows("vault.identifiers").len(), 0);
    }
);

each_store!(a_customer_who_goes_leaves_no_trace_with_a_delivery_and_others_stay, |mut lethe: TestLethe| async move {
    staged(&mut lethe).await;
    // The same call belongs to Kari, then to Ola, and then to Kari by her address and another number.
    let path = call(&lethe, "cdr-1", json!({ "phone_number": KARI, "email": ADDRESS })).await;
    upload(&lethe, &path, "recording", WORDS).await;
    deliver(&lethe).await.well();
    call(&lethe, "cdr-1", json!({ "phone_number": OLA })).await;
    upload(&lethe, &path, "recording", WORDS).await;
    deliver(&lethe).await.well();
    call(&lethe, "cdr-1", json!({ "phone_number": "40404040", "email": ADDRESS })).await;
    let asked = lethe.enter_request(&request(&json!({ "phone_number": "40404040" }))).await;
    lethe.night(NIGHT).await.well();
    assert_eq!(result(&lethe, &asked).await["delivered_files"].as_array().unwrap().len(), 4);
    // Her address was unlinked from the call, so it is unlinked from the delivery too, and with it her first number.
    let dump = lethe.dump().await;
    assert_eq!((dump.rows("delivery_customers").len(), dump.rows("vault.identifiers").len()), (1, 1));
    assert_eq!(told(&lethe, &request(&json!({ "phone_number": OLA }))).await.as_deref(), Some("Delivered files: 2"));
    assert_eq!(told(&lethe, &request(&json!({ "phone_number": KARI }))).await, None);
});

each_store!(a_call_that_gets_another_customer_in_mid_transfer_is_delivered_anew, |mut lethe: TestLethe| async move {
    staged(&mut lethe).await;
    let path = call(&lethe, "cdr-1", json!({ "phone_number": KARI })).await;
    upload(&lethe, &path, "recording", &WORDS.repeat(1_500_000)).await;
    let folder = folder_of(&lethe).join("calls");
    let running = lethe.start(&["deliver", "--once"]);
    until("the transfer has begun", async || files_named(&folder).iter().any(|name| ends(name, "part"))).await;
    call(&lethe, "cdr-1", json!({ "phone_number": OLA })).await;
    assert_eq!(running.end().await.code(), Some(2));
    assert_eq!(state(&lethe).await, ("pending".to_owned(), Some("customer_changed".to_owned())));
    assert_eq!(files_named(&folder), Vec::<String>::new(), "nothing has a name yet");
    assert_eq!(lethe.dump().await.rows("delivery_customers").len(), 0);

    let id = deliveries(&lethe).await[0]["id"].as_str().unwrap().to_owned();
    operator(&lethe).post(&format!("/deliveries/{id}/retry"), &Value::Null).await.expect(200);
    deliver(&lethe).await.well();
    let xml = files(&folder).into_iter().find(|(name, _)| ends(name, "xml")).unwrap().1;
    assert!(String::from_utf8(xml).unwrap().contains("<phone_number>+4741234567</phone_number>"));
    assert_eq!(told(&lethe, &request(&json!({ "phone_number": KARI }))).await, None);
    assert_eq!(told(&lethe, &request(&json!({ "phone_number": OLA }))).await.as_deref(), Some("Delivered files: 2"));
});

each_store!(a_delivery_that_was_begun_is_listed_for_whom_it_was_begun, |mut lethe: TestLethe| async move {
    staged(&mut lethe).await;
    let path = call(&lethe, "cdr-1", json!({ "phone_number": KARI })).await;
    let item = upload(&lethe, &path, "recording", WORDS).await;
    // The recording gets its name, and the metadata cannot, because something else has that name.
    let folder = folder_of(&lethe).join("calls");
    let stem = format!("20260801T001010Z_{}", item["id"].as_str().unwrap());
    std::fs::create_dir_all(folder.join(format!("{stem}.xml.1.part"))).unwrap();
    assert_eq!(deliver(&lethe).await.code(), Some(2));
    assert_eq!(state(&lethe).await.0, "pending");
    assert!(folder.join(format!("{stem}.wav")).exists());
    call(&lethe, "cdr-1", json!({ "phone_number": OLA })).await;
    let asked = lethe.enter_request(&request(&json!({ "phone_number": KARI }))).await;
    lethe.night(NIGHT).await.well();
    let listed = json!([format!("{stem}.wav"), format!("{stem}.xml")]);
    assert_eq!(result(&lethe, &asked).await["delivered_files"], listed);
    // The delivery belongs to Ola now, and is attempted again.
    assert_eq!(state(&lethe).await.0, "pending");
    let asked = lethe.enter_request(&request(&json!({ "phone_number": OLA }))).await;
    lethe.night(NIGHT).await.well();
    assert_eq!(result(&lethe, &asked).await["delivered_files"], listed);
    assert_eq!(state(&lethe).await, ("cancelled".to_owned(), Some("forgotten".to_owned())));
});

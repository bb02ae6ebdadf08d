//! The codes of each operation.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{document, examples, operations, responses};

#[test]
fn an_operation_lists_its_own_codes() {
    let document = document();
    let mut conflicts = BTreeMap::new();
    for (name, operation) in operations(&document) {
        for (status, response) in responses(&document, operation) {
            if status.starts_with(['4', '5']) {
                let examples = examples(&document, &response["content"]["application/problem+json"]);
                let is_own = |example: &&Value| example["status"].as_u64() == status.parse().ok();
                assert!(!examples.is_empty() && examples.iter().all(is_own), "{name} {status}");
                let codes: Vec<_> = examples.iter().map(|example| example["code"].as_str().unwrap()).collect();
                let about = response["description"].as_str().unwrap();
                assert!(codes.iter().all(|code| about.contains(&format!("`{code}`"))), "{name} {status}: {about}");
                if status == "409" {
                    conflicts.insert(name, codes.join(" "));
                }
            }
        }
    }
    let expected = BTreeMap::from(
        [
            ("approve_access_export", "state_conflict"),
            ("create_access_export", "in_progress state_conflict"),
            ("create_access_export_ticket", "in_progress state_conflict"),
            ("create_anonymize_request", "in_progress state_conflict"),
            ("create_webhook", "in_progress state_conflict"),
            ("deny_access_export", "state_conflict"),
            ("import_anonymize_requests", "in_progress"),
            ("replay_webhook", "state_conflict"),
            ("retry_webhook_message", "state_conflict"),
            ("test_webhook", "state_conflict"),
            ("approve_reveal", "reveal_expired state_conflict"),
            ("create_content_ticket", "in_progress"),
            ("create_recipient", "in_progress state_conflict"),
            ("create_reveal", "in_progress"),
            ("delete_anonymize_request", "pass_started state_conflict"),
            ("delete_content", "legal_hold"),
            ("delete_reveal", "state_conflict"),
            ("deny_reveal", "reveal_expired state_conflict"),
            ("download_content", "state_conflict"),
            ("open_reveal", "reveal_expired reveal_waiting state_conflict"),
            ("place_hold", "in_progress pass_started state_conflict"),
            ("play_content", "recording_encrypted state_conflict"),
            ("redeem_content_ticket", "state_conflict"),
            ("release_hold", "state_conflict"),
            ("retry_delivery", "state_conflict"),
            ("rotate_recipient", "state_conflict"),
            ("save_anonymize_requests", "in_progress state_conflict"),
            ("update_anonymize_request", "pass_started state_conflict"),
            ("upload_content", "content_forgotten in_progress record_aged recording_key_expired state_conflict"),
        ]
        .map(|(name, codes)| (name, codes.to_owned())),
    );
    assert_eq!(conflicts, expected);
    let optional =
        operations(&document).into_iter().filter(|(_, operation)| operation["responses"].get("501").is_some());
    let optional: Vec<_> = optional.map(|(name, _)| name).collect();
    assert_eq!(optional, ["upload_content", "set_delivery_target", "register_recording_key"]);
}

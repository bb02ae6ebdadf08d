//! The texts of the OpenAPI document. The same fact has the same words in each operation.

use serde_json::Value;

use super::{document, inside, operations};

/// The words with which an operation names its scopes.
const NEEDS: &str = "This operation needs ";

/// Other words for the same facts.
const OTHER_WORDS: [&str; 5] = ["This needs ", "Needs the scope", "page before", "out of the house", "somebody"];

#[test]
fn every_operation_names_its_scopes_in_the_same_words() {
    let document = document();
    for (name, operation) in operations(&document) {
        let about = operation["description"].as_str().unwrap_or_default();
        let about = about.split_whitespace().collect::<Vec<_>>().join(" ");
        let found: Vec<_> = about.split(NEEDS).skip(1).collect();
        let [needs] = found.as_slice() else { panic!("{name} does not say `{NEEDS}…` once") };
        match operation["x-required-scopes"].as_array() {
            None => assert!(needs.starts_with("no token"), "{name} needs {needs}"),
            Some(scopes) if scopes.is_empty() => {
                assert!(needs.starts_with("a valid token and no scope."), "{name} needs {needs}");
            }
            Some(scopes) => {
                let begins = needs.starts_with("the scope `") || needs.starts_with("the scopes `");
                assert!(begins, "{name} needs {needs}");
                for scope in scopes.iter().filter_map(Value::as_str) {
                    assert!(needs.contains(&format!("`{scope}`")), "{name} needs {scope}");
                }
            }
        }
    }
}

#[test]
fn no_description_has_other_words_for_the_same_facts() {
    let document = document();
    let mut parts = Vec::new();
    inside(&document, &mut parts);
    let texts = parts.iter().filter_map(|part| part["description"].as_str());
    let found: Vec<_> = texts.filter(|text| OTHER_WORDS.iter().any(|words| text.contains(words))).collect();
    assert!(found.is_empty(), "{found:#?}");
}

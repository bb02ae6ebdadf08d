//! The part of JSON Schema that the document uses, as a check of values.

use serde_json::Value;

/// The value that a reference names, or the value itself.
pub fn resolved<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    match value["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
        None => value,
    }
}

/// The rules of a schema that a value breaks, with the place of each.
pub fn broken(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(document, schema, value, "", &mut found);
    found
}

fn check(document: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    let schema = resolved(document, schema);
    for part in schema["allOf"].as_array().into_iter().flatten() {
        check(document, part, value, at, found);
    }
    for either in ["oneOf", "anyOf"] {
        let Some(parts) = schema[either].as_array() else { continue };
        if !parts.iter().any(|part| broken(document, part, value).is_empty()) {
            found.push(format!("{at}: none of {either}"));
        }
    }
    if schema.get("type").is_some_and(|wanted| !types(wanted).any(|wanted| is_of(value, wanted))) {
        found.push(format!("{at}: is no {}", schema["type"]));
    }
    if schema["enum"].as_array().is_some_and(|words| !value.is_null() && !words.contains(value)) {
        found.push(format!("{at}: is none of {}", schema["enum"]));
    }
    if let Some(text) = value.as_str()
        && !has_format(text, schema["format"].as_str().unwrap_or_default())
    {
        found.push(format!("{at}: is no {}", schema["format"]));
    }
    let (least, most) = (schema["minimum"].as_f64(), schema["maximum"].as_f64());
    if value.as_f64().is_some_and(|n| least.is_some_and(|least| n < least) || most.is_some_and(|most| n > most)) {
        found.push(format!("{at}: is out of range"));
    }
    for (no, item) in value.as_array().into_iter().flatten().enumerate() {
        check(document, &schema["items"], item, &format!("{at}/{no}"), found);
    }
    check_fields(document, schema, value, at, found);
}

fn check_fields(document: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    let Some(fields) = value.as_object() else { return };
    for required in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !fields.contains_key(required) {
            found.push(format!("{at}/{required}: is missing"));
        }
    }
    for (name, field) in fields {
        let at = format!("{at}/{name}");
        match (schema["properties"].get(name), &schema["additionalProperties"]) {
            (None, Value::Bool(false)) => found.push(format!("{at}: is unknown")),
            (Some(schema), _) | (None, schema) => check(document, schema, field, &at, found),
        }
    }
}

fn types(wanted: &Value) -> impl Iterator<Item = &str> {
    wanted.as_str().into_iter().chain(wanted.as_array().into_iter().flatten().filter_map(Value::as_str))
}

fn is_of(value: &Value, wanted: &str) -> bool {
    match wanted {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}

fn has_format(text: &str, format: &str) -> bool {
    match format {
        "uuid" => uuid::Uuid::parse_str(text).is_ok(),
        "date" => text.parse::<chrono::NaiveDate>().is_ok(),
        "date-time" => chrono::DateTime::parse_from_rfc3339(text).is_ok(),
        _ => true,
    }
}

#[test]
fn a_value_that_breaks_a_rule_is_named() {
    let document = serde_json::json!({ "a": {
        "type": "object", "required": ["id"], "additionalProperties": false,
        "properties": {
            "id": { "type": "string", "format": "uuid" },
            "word": { "oneOf": [{ "type": "string", "enum": ["x"] }, { "type": "null" }] },
            "numbers": { "type": ["array", "null"], "items": { "type": "integer", "minimum": 1 } }
        }
    } });
    let schema = serde_json::json!({ "$ref": "#/a" });
    let id = "0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f11";
    for (value, count) in [
        (serde_json::json!({ "id": id, "word": null, "numbers": [1, 2] }), 0),
        (serde_json::json!({ "id": id, "word": "x", "numbers": null }), 0),
        (serde_json::json!({ "id": "1" }), 1),
        (serde_json::json!({ "word": "y" }), 2),
        (serde_json::json!({ "id": id, "numbers": [0, "a", 1] }), 2),
        (serde_json::json!({ "id": id, "wrod": "x" }), 1),
        (serde_json::json!([]), 1),
    ] {
        assert_eq!(broken(&document, &schema, &value).len(), count, "{value}");
    }
}

//! Texts of one record: numbers of placeholders, JSON values, external ids.

use serde_json::json;

use super::*;

#[test]
fn an_external_id_holds_the_own_number_address_or_name() {
    let numbers = ["cdr-98765432", "out-2026-08-01-004798765432-1", "x_987_65_432", "4798765432"];
    let names =
        ["kari_nordmann/7", "VIP Kari Nordmann", "Nordmann, Kari", "chat:KARI+NORDMANN", "Kari.Nordmann@eksempel.no#1"];
    for id in numbers.into_iter().chain(names) {
        assert!(kari().holds_own(id), "{id}");
    }
    // A word of the name alone is an agent's name, or a queue's, as well.
    for id in ["cdr-98765433", "Kari", "kari.hansen", "Ola Nordmann", "91234567", "ola@eksempel.no", ""] {
        assert!(!kari().holds_own(id), "{id}");
    }
}

#[test]
fn an_identifier_keeps_its_number_within_a_record() {
    let mut mentions = Vec::new();
    let first = tokenize_text(&kari(), "98765432 og 91234567", &mut mentions);
    assert_eq!(first, "\u{e000}0\u{e001} og \u{e000}1\u{e001}");
    let second = tokenize_text(&kari(), "+47 912 34 567 fra Kari", &mut mentions);
    assert_eq!(second, "\u{e000}1\u{e001} fra \u{e000}2\u{e001}");
    assert_eq!(mentions.iter().map(Found::kind).collect::<Vec<_>>(), [Kind::Phone, Kind::Phone, Kind::Name]);
}

#[test]
fn nobody_forges_a_placeholder() {
    let mut mentions = Vec::new();
    assert_eq!(tokenize_text(&kari(), "a \u{e000}0\u{e001} b", &mut mentions), "a 0 b");
    assert_eq!(tokenize_text(&kari(), "98\u{e000}765\u{e001}432", &mut mentions), "\u{e000}0\u{e001}");
    let garbled =
        "\u{e000}\u{e001} \u{e000}x\u{e001} \u{e001} \u{e000}99999999999999999999999\u{e001} \u{e000}\u{e000}7\u{e001}";
    let filled = fill_text(garbled, |n| format!("[{n}]"));
    assert_eq!(filled, garbled.replace("\u{e000}7\u{e001}", "[7]"));
}

#[test]
fn json_values_at_any_depth() {
    let mut mentions = Vec::new();
    let value = json!({
        "line": "AA0204", "wait_seconds": 17, "counter": 91_234_567, "created": 1_715_500_800, "created_ms": 1_715_500_800_123_u64,
        "night": 20_240_512_103_000_u64, "called": 4_791_234_567_u64, "own": 98_765_432, "from_sheet": 98_765_432.0, "rate": 0.912_345_67,
        "dialled": "4791234567", "deep": [{"note": "ring 912 34 567"}, null, true, "46701234567"],
        "98765432": 1, "+4798765432": 2, "91234567": 3, "kari@x.no": 4, "Kari": 5, "Kari Nordmann": 6,
    });
    let before = value.clone();
    let tokenized = tokenize_json(&kari(), value, &mut mentions);
    let filled = fill_json(tokenized.clone(), &|n| show(&mentions[n]));
    assert_eq!(
        filled,
        json!({
            "line": "AA0204", "wait_seconds": 17, "counter": 91_234_567, "created": 1_715_500_800, "created_ms": 1_715_500_800_123_u64,
            "night": 20_240_512_103_000_u64, "called": "<+4791234567>", "own": "<+4798765432>", "from_sheet": "<+4798765432>",
            "rate": 0.912_345_67,
            "dialled": "<+4791234567>", "deep": [{"note": "ring <+4791234567>"}, null, true, "<+46701234567>"],
            "<+4798765432>": 1, "<+4798765432> 2": 2, "91234567": 3, "<kari@x.no>": 4, "Kari": 5, "<name>": 6,
        })
    );
    let anonymous = fill_json(tokenized, &|_| "Anonymized".to_owned());
    assert_eq!(anonymous.as_object().unwrap().len(), before.as_object().unwrap().len(), "nothing is lost");
}

#[test]
fn a_number_that_is_dialled_at_a_host_is_a_number() {
    let numbers = |text: &str| {
        let found = Finder::new("NO".parse().unwrap(), Own::default()).find(text);
        found.into_iter().map(|(range, found)| (text[range].to_owned(), found.kind())).collect::<Vec<_>>()
    };
    for (text, number) in [
        ("sip:+4791234567@sip.example.no", "+4791234567"),
        ("<sip:91234567@pbx.example.com:5060;user=phone>", "91234567"),
        ("004791234567@chat.example.no", "004791234567"),
    ] {
        assert_eq!(numbers(text), [(number.to_owned(), Kind::Phone)], "{text}");
    }
    assert_eq!(numbers("91234567@example.no"), [("91234567@example.no".to_owned(), Kind::Email)]);
    let mut mentions = Vec::new();
    assert_eq!(
        tokenize_text(&kari(), "caller 98765432@pbx.example.no", &mut mentions),
        "caller \u{e000}0\u{e001}@pbx.example.no"
    );
}

#[test]
fn a_counter_that_holds_the_own_digits_stays_a_counter() {
    let value = json!({ "ts": 1_798_765_432_u64, "cnt": 98_765_432_000_u64, "half": 98_765_432.5 });
    let mut mentions = Vec::new();
    assert_eq!(tokenize_json(&kari(), value.clone(), &mut mentions), value);
    assert!(mentions.is_empty());
}

#[test]
fn a_minus_does_not_hide_the_own_number_and_makes_nobody_else() {
    let mut mentions = Vec::new();
    let value = json!({ "own": -98_765_432, "other": -4_791_234_567_i64, "card": -4_111_111_111_111_111_i64 });
    let read = tokenize_json(&kari(), value.clone(), &mut mentions);
    assert_eq!(read["own"], "\u{e000}0\u{e001}");
    assert_eq!((&read["other"], &read["card"], mentions.len()), (&value["other"], &value["card"], 1));
}

#[test]
fn an_id_of_parts_holds_the_own_address() {
    assert!(kari().holds_own("ext-Kari.Nordmann@eksempel.no"));
}

#[test]
fn the_own_number_is_joined_over_one_field_of_a_list() {
    let read = |value| {
        let mut mentions = Vec::new();
        fill_json(tokenize_json(&kari(), value, &mut mentions), &|n| show(&mentions[n]))
    };
    let keys =
        |keys: &[&str]| json!({ "ivr": keys.iter().map(|key| json!({ "key": key, "ms": 120 })).collect::<Vec<_>>() });
    let seen = read(keys(&["9", "8", "7", "6", "5", "4", "3", "2"]));
    assert_eq!(seen["ivr"][0], json!({ "key": "<+4798765432>", "ms": 120 }));
    assert_eq!(seen["ivr"][7], json!({ "key": "", "ms": 120 }));
    for keys in [keys(&["98", "76", "54", "31"]), keys(&["41", "32", "77", "86"])] {
        assert_eq!(read(keys.clone()), keys);
    }
}

#[test]
fn the_name_of_an_attribute_says_what_its_figure_is() {
    let mut mentions = Vec::new();
    let finder = in_region("DK");
    let value = json!({
        "order_id": "31662338", "ts": "1707728511", "mobile": "31662338", "callback": "20304050", "ref": 4_531_662_338_u64,
    });
    let seen = fill_json(tokenize_json(&finder, value, &mut mentions), &|n| show(&mentions[n]));
    let expected = json!({
        "order_id": "31662338", "ts": "1707728511", "mobile": "<+4531662338>", "callback": "<+4520304050>",
        "ref": 4_531_662_338_u64,
    });
    assert_eq!(seen, expected);
}

/// A name such as `number` or `value` says nothing. Then the field above it does.
#[test]
fn the_name_above_an_attribute_says_what_its_figure_is() {
    let figures = |figure: &str| {
        json!([
            { "price": { "value": figure } },
            { "price": figure },
            { "order": { "number": figure } },
            { "orders": [{ "id": figure }, { "id": figure }] },
            { "order": { "number": { "value": figure } } },
            { "faktura": { "nr": figure } },
            { "sak": { "id": figure } },
            { "Auftrag": { "Value": figure } },
            { "tilaus": { "value": figure } },
            { "pedido": { "id": figure } },
            { "amount": { "value": figure } },
        ])
    };
    let mut mentions = Vec::new();
    let unchanged = figures("91234567");
    assert_eq!(tokenize_json(&in_region("NO"), unchanged.clone(), &mut mentions), unchanged);
    let called = json!([
        { "customer": { "number": "91234567" } },
        { "caller": { "id": "91234567" } },
        { "phone": { "value": "91234567" } },
        { "contact": { "value": "91234567" } },
        { "order": { "phone": "91234567" } },
        { "order": { "customer": { "number": "91234567" } } },
        { "order": { "text": "91234567" } },
    ]);
    for value in called.as_array().unwrap() {
        let seen = fill_json(tokenize_json(&in_region("NO"), value.clone(), &mut mentions), &|n| show(&mentions[n]));
        assert!(seen.to_string().contains("<+4791234567>"), "{seen}");
    }
    let own = tokenize_json(&kari(), figures("98765432"), &mut mentions).to_string();
    assert!(!own.contains("98765432"), "{own}");
}

//! Figures in the fields of JSON and in the cells of tables.

use super::*;

fn birgit() -> Case {
    let own = Own { phone: Some(Phone::parse("40123331", region("DK")).unwrap()), ..Own::default() };
    Case { region: region("DK"), own, ..nobody() }
}

fn stays(case: &Case, values: &[Value]) {
    for value in values {
        assert_eq!(seen_json(Format::Json, value, case), *value);
    }
}

#[test]
fn a_column_of_figures_is_nobodys_number() {
    for code in ["NO", "DK"] {
        let case = Case { region: region(code), own: Own::default(), ..nobody() };
        stays(
            &case,
            &[
                json!({ "lines": [{ "count": "24" }, { "count": "42" }, { "count": "46" }, { "count": "44" }] }),
                json!({ "bins": ["22", "31", "45", "67"], "labels": ["a", "b", "c", "d"] }),
                json!({ "grid": [["41", "32"], ["77", "86"]] }),
                json!({ "stops": [{ "zone": "2231" }, { "zone": "4567" }] }),
                json!({ "x": [{ "d": "4" }, { "d": "1" }, { "d": "3" }, { "d": "2" }, { "d": "7" }, { "d": "7" }, { "d": "8" }, { "d": "6" }] }),
            ],
        );
        // Somebody says these.
        for field in ["text", "word", "content", "lexical", "digits"] {
            let said = json!({ "a": [{ field: "24" }, { field: "42" }, { field: "46" }, { field: "44" }] });
            let seen = seen_json(Format::Json, &said, &case).to_string();
            assert!(seen.contains("24424644>") && !seen.contains("\"42\""), "{field}: {seen}");
        }
    }
}

#[test]
fn the_own_number_is_found_in_any_column() {
    for value in [
        json!({ "keys": [{ "k": "40" }, { "k": "12" }, { "k": "33" }, { "k": "31" }] }),
        json!({ "bins": ["4012", "3331"] }),
        json!({ "order_id": "40123331" }),
        json!({ "amount": "40 12 33 31" }),
    ] {
        let seen = seen_json(Format::Json, &value, &birgit()).to_string();
        assert!(seen.contains("<+4540123331>") && !seen.contains("31\""), "{seen}");
    }
}

#[test]
fn the_name_of_a_field_says_what_its_figure_is() {
    let case = Case { region: region("DK"), own: Own::default(), ..nobody() };
    stays(
        &case,
        &[
            json!({ "order": { "number": "31662338" }, "price": { "value": "20304050" } }),
            json!({ "orders": [{ "id": "31662338", "value": "20304050" }] }),
            json!({ "reservationNumber": "31662338", "workOrderNumber": "20304050" }),
            json!({ "date_unixtime": "1707728511", "edited": "1712129804", "createdAt": "1712129804" }),
            json!({ "orderId": "31662338", "booking_reference": "20304050", "invoice": "40123456" }),
            json!({ "conversationId": "31662338", "message_id": "20304050", "trackingNumber": "40123456" }),
            json!({ "total": "31662338", "saldo": "20304050", "file_size": "40123456" }),
            json!({ "chat_id": 4_531_662_338_u64, "id": 4_520_304_050_u64, "updated_ts": 4_540_123_456_u64 }),
        ],
    );
    let named = json!({
        "caller_id": "31662338", "from": "20304050", "calledNumber": "40123456", "customer_phone": "4798765431",
        "n": "26123456", "msisdn": 4_791_234_567_u64, "cpr": "1707728511",
    });
    let seen = seen_json(Format::Json, &named, &case);
    assert_eq!(
        seen,
        json!({
            "caller_id": "<+4531662338>", "from": "<+4520304050>", "calledNumber": "<+4540123456>",
            "customer_phone": "<+4798765431>", "n": "<+4526123456>", "msisdn": "<+4791234567>",
            "cpr": "[national identity number]",
        })
    );
}

/// A table with the cells of each row.
fn table(rows: &[&[&str]]) -> String {
    let mut text = "<table>".to_owned();
    for row in rows {
        let cells: Vec<String> = row.iter().map(|cell| format!("<td>{cell}</td>")).collect();
        text.extend(["<tr>", &cells.concat(), "</tr>"]);
    }
    text + "</table>"
}

#[test]
fn a_table_of_turns_is_read_speaker_by_speaker() {
    for rows in [
        [
            ["time", "name", "words"],
            ["09:14", "Kari", "den er 987"],
            ["09:15", "Bo", "ja, 12"],
            ["09:16", "Kari", "65432"],
        ],
        [
            ["1", "Kunde", "ni <b>åtte</b> sju seks"],
            ["2", "Agent", "to"],
            ["3", "Kunde", "fem fire tre to"],
            ["4", "Agent", "ok"],
        ],
        [["Ola", "10:31", "987"], ["Liv", "10:32", "vent"], ["Ola", "10:33", "65"], ["Ola", "10:34", "432"]],
    ] {
        let rows: Vec<&[&str]> = rows.iter().map(|row| &row[..]).collect();
        let seen = seen(Format::Html, &table(&rows), &kari());
        assert!(seen.contains("<+4798765432>"), "{seen}");
        assert!(!["<td>65432", "<td>432", "fire", "sju"].iter().any(|left| seen.contains(left)), "{seen}");
    }
    let address =
        table(&[&["Kari", "skriv til kari.nordmann@"], &["Bo", "mm"], &["Kari", "eksempel.no"], &["Bo", "ok"]]);
    let seen = seen(Format::Html, &address, &kari());
    assert!(seen.contains("skriv til <kari.nordmann@eksempel.no>") && !seen.contains("<td>eksempel.no"), "{seen}");
}

#[test]
fn a_table_of_figures_is_nobodys_number() {
    for rows in [
        [["Vare", "Antall", "Pris"], ["Te", "98", "76"], ["Kaffe", "54", "32"]],
        [["98", "kr", "a"], ["76", "kr", "b"], ["5432", "kr", "c"]],
        [["a", "98765", "x"], ["b", "98", "y"], ["c", "76543", "z"]],
    ] {
        let rows: Vec<&[&str]> = rows.iter().map(|row| &row[..]).collect();
        let text = table(&rows);
        assert_eq!(seen(Format::Html, &text, &kari()), text);
    }
}

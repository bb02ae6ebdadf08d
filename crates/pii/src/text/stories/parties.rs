//! Numbers beside words for a party, a side, or the direction of a call.

use serde_json::{Value, json};

use super::*;

/// A value of JSON with what was found in it.
fn shown(finder: &Finder, value: Value) -> Value {
    let mut mentions = Vec::new();
    let tokenized = tokenize_json(finder, value, &mut mentions);
    fill_json(tokenized, &|n| show(&mentions[n]))
}

/// Programs name the numbers of calls so, each in its own way.
#[test]
fn a_number_of_a_party_of_a_call_is_a_phone_number() {
    let names = [
        "destinationNumber",
        "destination_number",
        "externalNumber",
        "external_number",
        "inboundNumber",
        "outboundNumber",
        "sourceNumber",
        "remoteNumber",
        "originationNumber",
        "terminatingNumber",
        "redirectingNumber",
        "forwardedNumber",
        "transfer_number",
        "addressableNumber",
        "aNumber",
        "bNumber",
        "b_number",
        "B-nummer",
        "A-nummer",
        "userNumber",
        "new_number",
        "kundens nummer",
        "mottakernummer",
        "avsändarnummer",
        "Zielnummer",
        "kohdenumero",
    ];
    let numbers = [
        ("NO", "91234567", "<+4791234567>"),
        ("SE", "0701234567", "<+46701234567>"),
        ("DK", "31662338", "<+4531662338>"),
        ("FI", "0401234567", "<+358401234567>"),
        ("US", "3129876543", "<+13129876543>"),
        ("GB", "07921123456", "<+447921123456>"),
    ];
    for name in names {
        for (code, number, found) in numbers {
            let finder = in_region(code);
            assert_eq!(shown(&finder, json!({ name: number })), json!({ name: found }), "{code}");
            assert_eq!(seen(&finder, &format!("{name}: {number}")), format!("{name}: {found}"), "{code}");
        }
        // A country code needs no sign behind such a word.
        let foreign = json!({ name: "4531662338" });
        assert_eq!(shown(&in_region("NO"), foreign), json!({ name: "<+4531662338>" }));
    }
}

/// In a name that a program gives, the last word before `Number` says whose number it is. An unknown one is of a thing.
#[test]
fn the_word_before_a_number_says_whose_it_is() {
    for name in ["lineNumber", "line_number", "didNumber", "subscriberNumber", "connectedNumber", "tollFreeNumber"] {
        let fields = json!({ name: "91234567" });
        assert_eq!(shown(&in_region("NO"), fields), json!({ name: "<+4791234567>" }));
    }
    let things = json!({
        "passportNumber": "91234567", "flight_number": "91234567", "routingNumber": "91234567", "idNumber": "91234567",
        "externalReferenceNumber": "91234567", "kundeNr": "91234567", "medlemsNummer": "91234567", "lotNumber": "91234567",
        "socialSecurityNumber": "91234567", "purchase_order_number": "91234567", "batchNumber": "91234567",
        "terminalNumber": "91234567", "product_number": "91234567", "recordNumber": "91234567",
    });
    assert_eq!(shown(&in_region("NO"), things.clone()), things);
}

#[test]
fn words_that_mean_a_phone() {
    check(
        &in_region("NO"),
        &[
            ("tilbakeringingsnummer 91234567", "tilbakeringingsnummer <+4791234567>"),
            ("viderekoblingsnummer: 91234567", "viderekoblingsnummer: <+4791234567>"),
            ("tilbakeringingsnummer: 4531662338", "tilbakeringingsnummer: <+4531662338>"),
        ],
    );
    check(&in_region("SE"), &[("återuppringningsnummer 0701234567", "återuppringningsnummer <+46701234567>")]);
    check(
        &in_region("DK"),
        &[
            ("lokalnummer 31662338", "lokalnummer <+4531662338>"),
            ("omstillingsnummer 31662338", "omstillingsnummer <+4531662338>"),
        ],
    );
    check(
        &in_region("DE"),
        &[
            ("Zielrufnummer 01701234567", "Zielrufnummer <+491701234567>"),
            ("Notfallnummer 01701234567", "Notfallnummer <+491701234567>"),
        ],
    );
    check(
        &in_region("FI"),
        &[
            ("takaisinsoittonumero 0401234567", "takaisinsoittonumero <+358401234567>"),
            ("soittonumero 0401234567", "soittonumero <+358401234567>"),
        ],
    );
}

#[test]
fn a_thing_keeps_its_number_whatever_word_is_before_it() {
    let things = json!({
        "orderNumber": "91234567", "invoice_number": "91234567", "ticketNumber": "91234567", "serialNumber": "91234567",
        "accountNumber": "91234567", "customerNumber": "91234567", "caseNumber": "91234567", "employeeNumber": "91234567",
        "source_account_number": "91234567", "destinationAccountNumber": "91234567", "externalOrderNumber": "91234567",
        "new_order_number": "91234567", "user_id": "91234567", "externalId": "91234567", "trackingNumber": "91234567",
    });
    assert_eq!(shown(&in_region("NO"), things.clone()), things);
    let untouched = [
        "order number 91234567",
        "customer number 91234567",
        "kundenummer 91234567",
        "medlemsnr 91234567",
        "kundens ordrenummer 91234567",
    ];
    let untouched: Vec<(&str, &str)> = untouched.iter().map(|text| (*text, *text)).collect();
    check(&in_region("NO"), &untouched);
}

#[test]
fn labels_that_are_glued_to_several_numbers() {
    for (code, text, expected) in [
        ("NO", "Telefon22334455Mobil98765432Epost", "Telefon<+4722334455>Mobil<+4798765432>Epost"),
        ("NO", "Tlf22334455Mob98765432", "Tlf<+4722334455>Mob<+4798765432>"),
        ("NO", "Mobil98765432Fast22 33 44 55", "Mobil<+4798765432>Fast<+4722334455>"),
        ("SE", "Telefon0812345678Mobil0701234567Epost", "Telefon<+46812345678>Mobil<+46701234567>Epost"),
        ("DK", "telefon20304050fax31662338", "telefon<+4520304050>fax<+4531662338>"),
        ("US", "Phone2125551234Cell4156667777", "Phone<+12125551234>Cell<+14156667777>"),
        ("NO", "abc22334455def98765432x1", "abc22334455def98765432x1"),
    ] {
        assert_eq!(seen(&in_region(code), text), expected);
    }
}

#[test]
fn the_own_country_code_without_a_plus_before_the_zero_in_brackets() {
    for (code, text, expected) in [
        ("DE", "49 (0)171 2345678", "<+491712345678>"),
        ("DE", "rufen Sie 49 (0) 171 2345678 an", "rufen Sie <+491712345678> an"),
        ("NL", "31 (0)6 12345678", "<+31612345678>"),
        ("FR", "33 (0)6 12 34 56 78", "<+33612345678>"),
        ("GB", "44 (0)7921 123456", "<+447921123456>"),
        ("FI", "358 (0)40 1234567", "<+358401234567>"),
        ("SE", "46 (0)70 123 45 67", "<+46701234567>"),
    ] {
        assert_eq!(seen(&in_region(code), text), expected);
    }
}

#[test]
fn who_sends_and_who_gets_a_message() {
    for label in ["From: ", "from=", "to=", "sender=", "Til: ", "Från: ", "smsto:", "PJSIP/"] {
        let seen = seen(&in_region("NO"), &format!("{label}46701234567"));
        assert_eq!(seen, format!("{label}<+46701234567>"));
    }
    check(
        &in_region("NO"),
        &[
            ("PJSIP/46701234567@trunk", "PJSIP/<+46701234567>@trunk"),
            ("46701234567:12@s.whatsapp.net", "<+46701234567>@s.whatsapp.net"),
            ("from 46701234567 to 46701234568", "from 46701234567 to 46701234568"),
            ("valid_from=46701234567", "valid_from=46701234567"),
            ("range from: 1707728511 to: 1707728599", "range from: 1707728511 to: 1707728599"),
        ],
    );
}

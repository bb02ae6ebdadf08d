//! The beginning of the record's own number, said again before the whole number is said.

use serde_json::json;

use super::*;

fn own(code: &str, number: &str) -> Finder {
    Finder::new(region(code), Own { phone: Phone::parse(number, region(code)).ok(), ..Own::default() })
}

#[test]
fn a_repeated_beginning_of_the_own_number_is_gone_too() {
    check(
        &kari(),
        &[
            ("Kunde: 98 76 54\nAgent: 98 76 54\nKunde: 32", "Kunde: <+4798765432>\nAgent: <+4798765432>\nKunde: "),
            ("98 76 5, altså 98 76 54 32", "<+4798765432>, altså <+4798765432>"),
            ("98 76 54 98 76 54 32", "<+4798765432> <+4798765432>"),
            (
                "ni åtte sju seks fem fire, nei beklager, ni åtte sju seks fem fire tre to",
                "<+4798765432>, nei beklager, <+4798765432>",
            ),
            (
                "Customer: 98 76 54\nAgent: nine eight seven six five four\nCustomer: 32",
                "Customer: <+4798765432>\nAgent: <+4798765432>\nCustomer: ",
            ),
            (
                "Kunde: ni åtte sju\nAgent: ni åtte sju?\nKunde: seks fem fire\nAgent: seks fem fire\nKunde: tre to",
                "Kunde: <+4798765432>\nAgent: <+4798765432>?\nKunde: \nAgent: \nKunde: ",
            ),
        ],
    );
    check(&own("DK", "31662338"), &[("31 66 23, undskyld 31 66 23 38", "<+4531662338>, undskyld <+4531662338>")]);
    check(
        &own("SE", "0701234567"),
        &[
            ("070 123 45, förlåt, 070-123 45 67", "<+46701234567>, förlåt, <+46701234567>"),
            (
                "noll sju noll ett två tre fyra, nej, noll sju noll ett två tre fyra fem sex sju",
                "<+46701234567>, nej, <+46701234567>",
            ),
        ],
    );
}

/// The other side speaks in strings of its own there.
#[test]
fn a_repeated_beginning_in_turns_of_json_is_gone_too() {
    let turns = json!([
        { "speaker": "customer", "text": "98 76 54" },
        { "speaker": "agent", "text": "98 76 54, ja" },
        { "speaker": "customer", "text": "32" },
    ]);
    let case = document::Case {
        region: region("NO"),
        own: Own { phone: Phone::parse("98765432", region("NO")).ok(), ..Own::default() },
        forgotten: false,
        stored: false,
        patterns: Patterns::default(),
    };
    let read = document::tokenize(document::Format::Json, turns.to_string().as_bytes(), &case).unwrap();
    assert!(!read.text.contains(|c: char| c.is_ascii_digit() && !"0".contains(c)), "{}", read.text);
}

#[test]
fn a_beginning_that_goes_on_as_another_number_stays() {
    check(
        &kari(),
        &[
            ("98 76 54 31 og 98 76 54 32", "<+4798765431> og <+4798765432>"),
            ("98 76 54 1 eller 98 76 54 32", "98 76 54 1 eller <+4798765432>"),
            ("kl. 9.87 og 98 76 54 32", "kl. 9.87 og <+4798765432>"),
            ("1 98 76 5, tlf 98 76 54 32", "1 98 76 5, tlf <+4798765432>"),
            ("98 76 5", "98 76 5"),
            ("fra 98 til 76, så 54", "fra 98 til 76, så 54"),
            ("987,65 kr, tlf 98 76 54 32", "987,65 kr, tlf <+4798765432>"),
            ("98 765 kroner, tlf 98 76 54 32", "98 765 kroner, tlf <+4798765432>"),
            ("kode 987654 og 98 76 54 32", "kode 987654 og <+4798765432>"),
            ("color:#987654; 98 76 54 32", "color:#987654; <+4798765432>"),
        ],
    );
    check(
        &own("US", "2125551234"),
        &[("212 555 9999 and 212 555 1234", "<+12125559999> and <+12125551234>"), ("area 212 555", "area 212 555")],
    );
}

/// Four digits say little. They are gone where nothing but fillers is between them and the whole number.
#[test]
fn a_beginning_of_four_digits_beside_the_own_number_is_gone_too() {
    check(
        &kari(),
        &[
            ("98 76, altså 98 76 54 32", "<+4798765432>, altså <+4798765432>"),
            ("Kunde: 98 76\nAgent: ja\nKunde: 98 76 54 32", "Kunde: <+4798765432>\nAgent: ja\nKunde: <+4798765432>"),
            ("98 76 54 32. Ja, 98 76?", "<+4798765432>. Ja, <+4798765432>?"),
            ("ni åtte sju seks, unnskyld, ni åtte sju seks fem fire tre to", "<+4798765432>, unnskyld, <+4798765432>"),
            ("kode 9876, tlf 98 76 54 32", "kode 9876, tlf <+4798765432>"),
            ("9876 kr, tlf 98 76 54 32", "9876 kr, tlf <+4798765432>"),
            ("rom 9876 er ledig. Ring 98 76 54 32", "rom 9876 er ledig. Ring <+4798765432>"),
            ("98 76 eller 98 76 54 32", "98 76 eller <+4798765432>"),
        ],
    );
    check(&own("DK", "31662338"), &[("31 66, undskyld 31 66 23 38", "<+4531662338>, undskyld <+4531662338>")]);
    check(&own("DE", "015123456789"), &[("0151 2, also 0151 23456789", "<+4915123456789>, also <+4915123456789>")]);
    check(&own("GB", "07921123456"), &[("079 21, sorry, 07921 123456", "<+447921123456>, sorry, <+447921123456>")]);
}

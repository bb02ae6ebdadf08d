//! Words of things that have numbers, in one piece with the word for a number and apart from it.

use serde_json::json;

use super::*;

#[test]
fn a_word_in_one_piece_and_apart_is_the_same_word() {
    let things = [
        "Vare nr",
        "varenr",
        "art.nr.",
        "Art. nr.",
        "Oppdrag nr",
        "oppdragsnr",
        "låne nr",
        "lånenr",
        "Del-nr.",
        "delenr",
        "S/N:",
        "P/N",
        "SN",
        "s/n",
        "SE-nr.",
        "Check no.",
        "Numéro de série",
        "Serie nr",
        "pakke nr.",
        "Bestellung Nr.",
    ];
    let numbers =
        [("NO", "91234567"), ("DK", "31662338"), ("SE", "0701234567"), ("GB", "07921123456"), ("US", "3129876543")];
    for (code, number) in numbers {
        for thing in things {
            let text = format!("{thing} {number}");
            assert_eq!(seen(&in_region(code), &text), text);
        }
    }
}

#[test]
fn a_figure_behind_the_word_of_a_thing_is_no_number() {
    for (code, number, words) in [
        (
            "NO",
            "91234567",
            "pakke|Transaksjon|meldingsid|meldings-id|brukernavn:|passord|billett|reservasjon|versjon|token|konto|lån|Antall:",
        ),
        ("DK", "31662338", "Vare|Pakke|Billet|Konto|Brugernavn|Antal"),
        ("SE", "0701234567", "Varunr|Paket|Biljett|Lösenord|Användarnamn|Antal:|Lån"),
        ("FI", "0401234567", "paketti|lippu|salasana|käyttäjätunnus|lukumäärä:"),
        ("GB", "07921123456", "Parcel|Meter|Username|Password|Version|Loan|Quantity:"),
        ("US", "4156667777", "RMA|Package|Token|Transaction"),
        ("DE", "01701234567", "Paket|Passwort|Benutzername|Anzahl:|Version"),
        ("FR", "0612345678", "Réf.|Référence"),
        ("NL", "0612345678", "Referentie|Pakket"),
        ("ES", "612345678", "Expediente|Póliza|Albarán|Reserva"),
        ("PL", "512345678", "Zgłoszenie|Paczka|Reklamacja"),
        ("PT", "912345678", "Encomenda|Fatura|Processo|Referência"),
    ] {
        for word in words.split('|') {
            let text = format!("{word} {number}");
            assert_eq!(seen(&in_region(code), &text), text, "{code}");
        }
    }
    check(
        &in_region("NO"),
        &[
            ("Modell 4123-4567", "Modell 4123-4567"),
            ("98 765 432 tonn", "98 765 432 tonn"),
            ("se nr 91234567", "se nr <+4791234567>"),
            ("sjekk nr 91234567", "sjekk nr <+4791234567>"),
            ("mitt nr 91234567", "mitt nr <+4791234567>"),
            ("jeg venter på en pakke, ring 91234567", "jeg venter på en pakke, ring <+4791234567>"),
            ("ang. reservasjon, tlf: 91234567", "ang. reservasjon, tlf: <+4791234567>"),
        ],
    );
    check(&kari(), &[("pakke 98765432", "pakke <+4798765432>")]);
    let rows = json!({ "contactId": "91234567", "contact_id": "91234567" });
    let mut mentions = Vec::new();
    assert_eq!(tokenize_json(&in_region("NO"), rows.clone(), &mut mentions), rows);
    let _ = tokenize_json(&in_region("NO"), json!({ "contactNumber": "91234567" }), &mut mentions);
    assert_eq!(mentions.len(), 1);
}

/// The numbers that a lottery draws are written in their order.
#[test]
fn no_number_is_taken_from_the_midst_of_a_growing_row() {
    check(
        &in_region("NO"),
        &[
            ("Lottotall: 4 12 23 34 41 45 48", "Lottotall: 4 12 23 34 41 45 48"),
            ("rekken 21 23 34 41 45 48", "rekken 21 23 34 41 45 48"),
            ("rom 41 98 76 54 31", "rom 41 <+4798765431>"),
            ("22 33 44 51", "<+4722334451>"),
            ("rom 12 22 33 44 51", "rom 12 <+4722334451>"),
            ("40 61 22 33 92 11 22 33", "<+4740612233> <+4792112233>"),
        ],
    );
}

/// The last word before the one for a number says what has it, in one piece and in the names of programs.
#[test]
fn a_longer_word_for_a_thing_is_no_word_for_a_phone() {
    for (code, number, words) in [
        ("NO", "91234567", "reservasjonsnummer|arbeidsordrenummer|Reservasjonsnr.|jobbordrenr"),
        ("DK", "31662338", "arbejdsordrenummer|reservationsnummer"),
        ("SE", "0701234567", "reservationsnummer|Reservationsnr"),
        ("DE", "01701234567", "Reservierungsnummer|Reservierungsnr."),
        ("NL", "0612345678", "reserveringsnummer"),
        (
            "GB",
            "07921123456",
            "reservationNumber|workOrderNumber|work_order_number|mobileOrderNumber|homeAccountNumber",
        ),
    ] {
        for word in words.split('|') {
            let text = format!("{word}: {number}");
            assert_eq!(seen(&in_region(code), &text), text, "{code}");
        }
    }
    check(
        &in_region("NO"),
        &[
            ("reservenummer 91234567", "reservenummer <+4791234567>"),
            ("jobbnummer 91234567", "jobbnummer <+4791234567>"),
            ("workNumber: 91234567", "workNumber: <+4791234567>"),
            ("orderContactNumber: 91234567", "orderContactNumber: <+4791234567>"),
            ("kontornummeret 91234567", "kontornummeret <+4791234567>"),
        ],
    );
}

/// The addresses of machines and of their hardware have pairs and fours of figures, as numbers have.
#[test]
fn addresses_of_hardware_and_of_machines_in_brackets() {
    for (code, text) in [
        ("NO", "MAC 98-76-54-32-10-AB"),
        ("NO", "mac: 98-76-54-32-ab-cd"),
        ("NO", "aa-bb-98-76-54-32"),
        ("NO", "MAC-adresse 98-76-54-32-10-01"),
        ("NO", "Wi-Fi 9876.5432.aabb"),
        ("NO", "98:76:54:32:10:ab"),
        ("DE", "MAC 03-01-23-45-67-AB"),
        ("FR", "mac 06-12-34-56-78-AB"),
        ("DK", "MAC 20-30-40-50-60-AB"),
        ("NO", "::ffff:98.76.54.32"),
        ("NO", "[98.76.54.32]:5060"),
        ("NO", "from mx.x.no (mx.x.no [98.76.54.32]) by y"),
        ("NO", "medlem 98765432"),
        ("NO", "lisens 98765432"),
        ("NO", "src=\"cid:logo@acme.example.no\""),
    ] {
        assert_eq!(seen(&in_region(code), text), text, "{code}");
    }
    check(
        &in_region("NO"),
        &[
            ("[98.76.54.32] ringte", "[<+4798765432>] ringte"),
            ("98-76-54-32", "<+4798765432>"),
            ("mobil (98.76.54.32)", "mobil (<+4798765432>)"),
        ],
    );
    check(&kari(), &[("MAC 98-76-54-32-10-AB", "MAC <+4798765432>-10-AB")]);
}

/// A program measures and counts in fields whose figures could be numbers.
#[test]
fn what_a_program_measures_is_no_number() {
    let figures = serde_json::json!({
        "duration": "2125551234", "offsetInTicks": "2125551234", "elapsed": "2125551234", "start": "2125551234",
        "segment_end": "2125551234", "contentLength": "2125551234", "latency_ms": "2125551234", "seq": "2125551234",
        "views": "2125551234",
    });
    let mut mentions = Vec::new();
    assert_eq!(tokenize_json(&in_region("US"), figures.clone(), &mut mentions), figures);
    let number = serde_json::json!({ "endUserPhone": "2125551234", "to": "4156667777" });
    let _ = tokenize_json(&in_region("US"), number, &mut mentions);
    assert_eq!(mentions.len(), 2);
}

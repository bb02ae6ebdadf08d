//! Words and signs beside a figure that say that it is no phone number: cases of authorities, paths of URLs, references
//! of payments, and what is counted.

use super::*;

/// A number of each region that the texts are searched in, as its people write it in one piece.
const NUMBERS: [(&str, &str); 6] = [
    ("NO", "98765431"),
    ("DK", "28469137"),
    ("SE", "0736184925"),
    ("FI", "0407382915"),
    ("DE", "01718342956"),
    ("US", "2126834917"),
];

/// Checks that texts stay with the number of every region in the place of `N`.
#[track_caller]
fn stay_with_any_number(texts: &[&str]) {
    for (code, number) in NUMBERS {
        let texts: Vec<String> = texts.iter().map(|text| text.replace('N', number)).collect();
        let untouched: Vec<(&str, &str)> = texts.iter().map(|text| (text.as_str(), text.as_str())).collect();
        check(&in_region(code), &untouched);
    }
}

/// Checks that the number in the place of `N` is found in every region.
#[track_caller]
fn are_found(texts: &[&str]) {
    for (code, number) in NUMBERS {
        let phone = Phone::parse(number, region(code)).unwrap();
        let found = format!("<{}>", phone.expose().as_str());
        let texts: Vec<(String, String)> =
            texts.iter().map(|text| (text.replace('N', number), text.replace('N', &found))).collect();
        let texts: Vec<(&str, &str)> = texts.iter().map(|(text, found)| (text.as_str(), found.as_str())).collect();
        check(&in_region(code), &texts);
    }
}

#[test]
fn the_cases_of_authorities_are_no_numbers() {
    stay_with_any_number(&[
        "sak 2024/N",
        "saksnr. 2024/N",
        "saksnr.: 2024/N",
        "sak nr. 24/N",
        "case 2024/N",
        "case no. 2024-N",
        "vår ref. 2024/N",
        "dnr 2024/N",
        "dnr N",
        "Dnr: 2024:N",
        "ärende 2024-N",
        "ärendenr 2024/N",
        "diarienummer 2024/N",
        "journalnr. N",
        "j.nr. 2024/N",
        "sagsnr. N",
        "sag 2024-N",
        "asia 2024/N",
        "asianro N",
        "dnro 2024/N",
        "diaarinumero N",
        "Aktenzeichen 2024/N",
        "Az. 2024/N",
        "Az.: N/24",
        "Geschäftszeichen N",
        "2024/N",
        "N/2024",
        "Se 2024/N, takk",
        "saken med nummer N",
        "ordren har nummer N",
        "the case with number N",
        "ärendet med nummer N",
        "sagen har nr. N",
        "Vertrag mit nr. N",
        "sak (nr. N)",
    ]);
}

#[test]
fn numbers_beside_cases_are_found() {
    are_found(&[
        "call me on N about case 12345",
        "case 2024/12345, call N",
        "sak 2024/12345 tlf. N",
        "saksnr. 2024/12345: N",
        "dnr 2024/12345, N",
        "12.05.2024 / N",
        "ring N/tlf. jobb",
        "ärende 12345. Ring N",
        "asia 2024/123, soita N",
        "Az. 2024/123, Telefon N",
        "År 2024: N",
        "kunden med nummer N",
        "Kari har nummer N",
        "mobil 2024/N",
        "A: nr N",
        "Kunde: Nummeret mitt er N",
        "Asiakas: Numeroni on N",
        "Kund: Mitt nummer är N",
        "Customer: My number is N",
        "Ola/N",
    ]);
    check(&kari(), &[("sak 2024/98765432", "sak 2024/<+4798765432>"), ("dnr 98765432", "dnr <+4798765432>")]);
    check(&in_region("DE"), &[("030/1234567", "<+49301234567>"), ("0171/8342956", "<+491718342956>")]);
}

#[test]
fn the_path_of_a_url_has_no_numbers() {
    stay_with_any_number(&[
        "https://x.no/orders/N",
        "https://x.no/orders/N.",
        "https://x.no/N",
        "http://shop.example.com/a/b/N/edit?x=1",
        "https://x.no/orders/N#top",
        "https://x.no/sak-N",
        "https://x.no/p_N.html",
        "www.x.se/artikel/N",
        "x.fi/tuote/N",
        "(https://x.dk/ordre/N)",
        "\"https://x.de/produkt/N\"",
        "<https://x.no/orders/N>",
    ]);
    are_found(&[
        "https://x.no N",
        "https://x.no/a, N",
        "https://x.no/tlf/N",
        "x.no/phone/N",
        "https://x.no/a?phone=N",
        "se https://x.no/orders/12345 eller ring N",
        "tlf/N",
        "tlf./N",
        "kontakt/N",
        "Ola/N",
    ]);
    check(
        &in_region("NO"),
        &[
            ("https://wa.me/46701740605", "https://wa.me/<+46701740605>"),
            ("https://x.no/+4798765431", "https://x.no/<+4798765431>"),
        ],
    );
    check(&kari(), &[("https://x.no/orders/98765432", "https://x.no/orders/<+4798765432>")]);
}

#[test]
fn the_reference_of_a_payment_is_no_number() {
    stay_with_any_number(&[
        "KID N",
        "KID: N",
        "KID-nummer N",
        "KID-nr. N",
        "kid nr N",
        "med KID N",
        "OCR N",
        "OCR-nummer: N",
        "viitenumero N",
        "viite N",
        "Zahlungsreferenz N",
        "Verwendungszweck: N",
        "betalingsid N",
        "payment reference N",
        "FIK N",
    ]);
    for text in [
        "KID 98 76 54 31",
        "KID: 987 65 431",
        "KID-nummer: 98 76 54 31 5",
        "KID 0123 4567 8901 2345",
        "KID 9876 5431",
        "OCR 98 76 54 31",
        "viitenumero 98 765 431",
    ] {
        for code in ["NO", "DK"] {
            check(&in_region(code), &[(text, text)]);
        }
    }
    are_found(&["KID 1234567. Ring N", "KID 123456789012345, N", "betal med KID, eller ring N"]);
    check(&kari(), &[("KID 98 76 54 32", "KID <+4798765432>")]);
    check(&in_region("NO"), &[("KID 12345678901 98 76 54 31", "KID 12345678901 <+4798765431>")]);
}

/// Words for what is counted.
const COUNTED: &str = "kroner kr euroa visninger avspillinger nedlastinger bestillinger transaksjoner brukere følgere \
    kunder visningar användare transaktioner invånare brugere indbyggere views users units downloads \
    transactions subscribers Nutzer Aufrufe Einwohner Bestellungen käyttäjää näyttökertaa asukasta \
    kappaletta";

#[test]
fn what_is_counted_is_no_number() {
    for word in COUNTED.split(' ') {
        for figure in ["98 765 431", "98.765.431", "12 345 678", "98765431", "41,327,786"] {
            for text in [format!("{figure} {word}"), format!("i alt {figure} {word}.")] {
                for code in ["NO", "DK"] {
                    check(&in_region(code), &[(&text, &text)]);
                }
            }
        }
    }
    check(&kari(), &[("98 765 432 visninger", "<+4798765432> visninger")]);
    are_found(&[
        "N ringer",
        "N ringte",
        "N answers",
        "N svarer ikke",
        "N senere",
        "N later",
        "N tidligere",
        "N Bestellung",
        "N soittaa",
        "ring N kunder venter",
        "tlf N brukere",
        "N er nummeret",
        "N or write",
    ]);
    check(
        &in_region("NO"),
        &[
            ("98 76 54 31 kunder", "<+4798765431> kunder"),
            ("98 765 431 er mobilen min", "<+4798765431> er mobilen min"),
            ("98 765 431", "<+4798765431>"),
        ],
    );
}

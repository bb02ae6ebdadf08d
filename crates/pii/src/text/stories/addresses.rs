//! Addresses as they are spoken, obfuscated, or broken, and what only looks like one.

use super::*;

#[test]
fn the_own_address_in_words_and_pieces() {
    for text in [
        "kari dot nordmann at eksempel dot no",
        "kari punktum nordmann krøllalfa eksempel punktum no",
        "Kari punkt Nordmann snabel-a eksempel punkt no",
        "kari.nordmann (at) eksempel (dot) no",
        "kari.nordmann[at]eksempel[dot]no",
        "kari.nordmann @ eksempel.no",
        "kari.nordmann@\neksempel.no",
        "kari . nordmann @ eksempel . no",
        "kari.nordmann {at} eksempel.no",
        "kari.nordmann alfakrøll eksempel punktum no",
        "k a r i . n o r d m a n n @ e k s e m p e l . n o",
        "kari piste nordmann ät eksempel piste no",
        "kari Punkt nordmann Klammeraffe eksempel Punkt no",
        "kari.nordmann＠eksempel．no",
        "kari nordmann at eksempel dot no",
    ] {
        let seen = seen(&kari(), text);
        assert!(seen.contains("<kari.nordmann@eksempel.no>"), "{text:?} {seen:?}");
    }
}

#[test]
fn other_addresses_in_words() {
    check(
        &in_region("NO"),
        &[
            ("ola (at) firma (dot) no", "<ola@firma.no>"),
            ("skriv til ola[at]firma[dot]com.", "skriv til <ola@firma.com>."),
            ("ola dot hansen at firma dot com", "<ola.hansen@firma.com>"),
            ("ola krøllalfa firma punktum no", "<ola@firma.no>"),
            ("anna snabel-a firma punkt se", "<anna@firma.se>"),
            ("sähköposti: matti ät yritys piste fi", "sähköposti: <matti@yritys.fi>"),
            ("ola @ firma.no", "<ola@firma.no>"),
            ("look at this dot", "look at this dot"),
            ("meet me at noon", "meet me at noon"),
            ("we met at firma dot com", "we met at firma dot com"),
            ("my mail is ola at firma dot com", "my mail is <ola@firma.com>"),
            ("vi møtes @ kl. 10", "vi møtes @ kl. 10"),
        ],
    );
}

#[test]
fn what_only_looks_like_an_address_stays() {
    let untouched = [
        "Message-ID: <CAF+abc123@mail.gmail.com>",
        "In-Reply-To: <20260801.1234@mx.firma.no>",
        "https://bruker:hemmelig@vert.firma.no/x",
        "git@github.com:firma/verktøy.git",
        "lodash@4.17.21",
        "cid:image001.png@01D9AB12.3456",
        "ftp://anonymous@ftp.firma.no/pub",
        "sftp deploy@10.0.0.5",
    ];
    let untouched: Vec<(&str, &str)> = untouched.iter().map(|text| (*text, *text)).collect();
    check(&in_region("NO"), &untouched);
}

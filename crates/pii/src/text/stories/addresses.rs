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

/// The signs of an address are spoken in each language, sometimes in two words.
#[test]
fn spoken_signs_of_other_languages() {
    check(
        &in_region("NO"),
        &[
            ("min mail er lars understreg lund snabel-a mail punktum dk", "min mail er <lars_lund@mail.dk>"),
            ("osoite on matti alaviiva virtanen miukumauku posti piste fi", "osoite on <matti_virtanen@posti.fi>"),
            ("meine adresse ist max bindestrich muster at web punkt de", "meine adresse ist <max-muster@web.de>"),
            ("min mejl är anna minus berg snabel-a mail punkt se", "min mejl är <anna-berg@mail.se>"),
            ("my mail is anna plus news at mail dot com", "my mail is <anna+news@mail.com>"),
            ("it is anna dot berg at sign mail full stop com", "it is <anna.berg@mail.com>"),
            ("ola<at>example<dot>no", "<ola@example.no>"),
        ],
    );
    let own = Own { email: Email::parse("kari@example.no").ok(), ..Own::default() };
    let finder = Finder::new(region("NO"), own);
    for text in [
        "kari snabel a example punkt no",
        "kari krøll alfa example punktum no",
        "kari snabel-a example prick no",
        "kari<at>example.no",
        "kari at sign example dot no",
        "kari at example period no",
        "kari at example full stop no",
        "kari ät merkki example piste no",
    ] {
        assert_eq!(seen(&finder, text), "<kari@example.no>", "{text}");
    }
    check(
        &finder,
        &[("han så at sign var borte", "han så at sign var borte"), ("a plus b at home", "a plus b at home")],
    );
}

/// An address that differs in a sign is somebody else's (A14). Only in speech a dot may be left out.
#[test]
fn an_address_with_other_signs_is_somebody_else() {
    let own = |address: &str| Finder::new(region("NO"), Own { email: Email::parse(address).ok(), ..Own::default() });
    let finder = own("ola.berg@x.no");
    for other in ["olaberg@x.no", "ola_berg@x.no", "ola-berg@x.no", "ola+berg@x.no", "olab.erg@x.no"] {
        assert_eq!(seen(&finder, &format!("Skriv til {other}, takk")), format!("Skriv til <{other}>, takk"));
    }
    check(
        &finder,
        &[
            ("ola_berg (at) x.no", "<ola_berg@x.no>"),
            ("olaberg(at)x(dot)no", "<olaberg@x.no>"),
            ("ola underscore berg at x dot no", "<ola_berg@x.no>"),
            ("ola berg krøllalfa x punktum no", "<ola.berg@x.no>"),
            ("ola punktum berg at x dot no", "<ola.berg@x.no>"),
            ("olaberg at x dot no", "<ola.berg@x.no>"),
            ("ola.berg (at) x.no", "<ola.berg@x.no>"),
        ],
    );
    check(&own("olaberg@x.no"), &[("ola.berg@x.no", "<ola.berg@x.no>"), ("ola berg at x dot no", "<olaberg@x.no>")]);
    check(
        &own("ola@fjord-post.no"),
        &[
            ("ola@fjordpost.no", "<ola@fjordpost.no>"),
            ("ola@fjord.post.no", "<ola@fjord.post.no>"),
            ("ola bindestrek@fjord", "ola bindestrek@fjord"),
            ("ola krøllalfa fjord bindestrek post punktum no", "<ola@fjord-post.no>"),
        ],
    );
    check(&own("kari@x.no"), &[("min.kari (at) x.no", "<min.kari@x.no>"), ("k-a-r-i at x dot no", "<kari@x.no>")]);
}

/// An `a` in brackets is the sign in the North, and a letter of a list elsewhere.
#[test]
fn a_letter_in_brackets_is_a_sign() {
    let own = Own { email: Email::parse("aino.rautio@jarvi.fi").ok(), ..Own::default() };
    for finder in [in_region("FI"), Finder::new(region("FI"), own)] {
        for text in
            ["aino.rautio(a)jarvi.fi", "aino.rautio[a]jarvi.fi", "aino.rautio{A}jarvi.fi", "aino.rautio (a) jarvi.fi"]
        {
            assert_eq!(seen(&finder, &format!("osoite {text}.")), "osoite <aino.rautio@jarvi.fi>.", "{text}");
        }
    }
    check(
        &in_region("FI"),
        &[
            ("matti(a)yritys.fi", "<matti@yritys.fi>"),
            ("sähköposti: matti (a) yritys.fi", "sähköposti: <matti@yritys.fi>"),
            ("either (a) yritys.fi or (b) firma.fi", "either (a) yritys.fi or (b) firma.fi"),
            ("liste[a] og x[a].navn", "liste[a] og x[a].navn"),
            ("kunde(n) eller kunde(a) er her", "kunde(n) eller kunde(a) er her"),
        ],
    );
}

#[test]
fn full_width_letters_are_letters() {
    let own = Own { email: Email::parse("aino.rautio82@jarvi.fi").ok(), ..Own::default() };
    for finder in [in_region("FI"), Finder::new(region("FI"), own)] {
        for text in [
            "ａｉｎｏ．ｒａｕｔｉｏ８２＠ｊａｒｖｉ．ｆｉ",
            "aino.rautio82＠jarvi．fi",
            "ＡＩＮＯ．ＲＡＵＴＩＯ８２@ＪＡＲＶＩ.ＦＩ",
            "aino．rautio82@jarvi.fi",
        ] {
            assert_eq!(seen(&finder, &format!("（{text}）。")), "（<aino.rautio82@jarvi.fi>）。", "{text}");
        }
    }
    check(&in_region("NO"), &[("ＯＫ，９８７６５４３２", "ＯＫ，<+4798765432>"), ("ＯＫ．", "ＯＫ．")]);
}

/// Azure names a guest after the address.
#[test]
fn the_name_of_a_guest_has_an_address() {
    let own = Own { email: Email::parse("ingrid_solheim@fjordpost.no").ok(), ..Own::default() };
    for finder in [in_region("NO"), Finder::new(region("NO"), own)] {
        check(
            &finder,
            &[
                (
                    "upn: ingrid_solheim_fjordpost.no#EXT#@tenant.onmicrosoft.com",
                    "upn: <ingrid_solheim@fjordpost.no>#EXT#@tenant.onmicrosoft.com",
                ),
                ("ola.berg_x.no#ext#@tenant.onmicrosoft.com,", "<ola.berg@x.no>#ext#@tenant.onmicrosoft.com,"),
                (
                    "ola.berg_x.no%23EXT%23%40tenant.onmicrosoft.com",
                    "<ola.berg@x.no>%23EXT%23%40tenant.onmicrosoft.com",
                ),
                ("min.ingrid_fjordpost.no#EXT#", "<min.ingrid@fjordpost.no>#EXT#"),
                ("file_name#EXT#", "file_name#EXT#"),
            ],
        );
    }
}

#[test]
fn letters_with_marks_are_letters_of_an_address() {
    check(
        &in_region("NO"),
        &[
            ("til kari@हिन्दी.com takk", "til <kari@xn--j2bd4cyah0f.com> takk"),
            ("kari@ที่นี่.com", "<kari@xn--o3ce7fb7gc.com>"),
            ("skriv संपर्क@डाटामेल.भारत nå", "skriv <संपर्क@xn--c2bd4bq1db8d.xn--h2brj9c> nå"),
            ("x\u{303}@x.de og தமிழ்@x.in", "<x\u{303}@x.de> og <தமிழ்@x.in>"),
            ("İpek.Yılmaz@FİRMA.com.tr", "<i\u{307}pek.yılmaz@xn--firma-8fd.com.tr>"),
        ],
    );
}

#[test]
fn words_for_the_signs_of_an_address_in_more_languages() {
    for text in [
        "anna punt berg apenstaartje gmail punt com",
        "anna.berg apenstaartje gmail.com",
        "anna.berg (apestaartje) gmail.com",
        "anna kropka berg małpa gmail kropka com",
        "anna.berg małpa gmail.com",
        "anna.berg (małpa) gmail.com",
        "anna ponto berg arroba gmail ponto com",
        "anna punkt berg at-zeichen gmail punkt com",
        "anna.berg At-Zeichen gmail.com",
        "anna piste berg ätmerkki gmail piste com",
        "anna piste berg at-merkki gmail piste com",
    ] {
        let own = Own { email: Email::parse("anna.berg@gmail.com").ok(), ..Own::default() };
        for finder in [in_region("NO"), Finder::new(region("NO"), own)] {
            assert_eq!(seen(&finder, text), "<anna.berg@gmail.com>", "{text}");
        }
    }
}

/// In JSON, the name of the field says that it is an id. Exchange makes ids that have the form of an address.
#[test]
fn ids_of_messages_in_fields_are_no_addresses() {
    let id = "<DB7PR04MB5211A1F2@DB7PR04MB5211.eurprd04.prod.outlook.com>";
    let fields = serde_json::json!({
        "message_id": id, "messageId": id, "internetMessageId": id, "Message-ID": id, "in_reply_to": id,
        "inReplyTo": "<abc@x.no>", "references": ["<CAF+abc123=xyz@mail.gmail.com>", id],
        "headers": [{ "name": "Message-ID", "value": id }],
    });
    let mut mentions = Vec::new();
    assert_eq!(tokenize_json(&in_region("NO"), fields.clone(), &mut mentions), fields);
    let others = serde_json::json!({
        "from": "<ola@x.no>", "text": "<ola@x.no>", "headers": [{ "name": "From", "value": "<ola@x.no>" }],
    });
    let tokenized = tokenize_json(&in_region("NO"), others, &mut mentions);
    assert!(mentions.len() == 1 && !tokenized.to_string().contains("ola"), "{tokenized}");
    // The record's own address is found there nevertheless.
    let mut mentions = Vec::new();
    let _ = tokenize_json(&kari(), serde_json::json!({ "message_id": "<kari.nordmann@eksempel.no>" }), &mut mentions);
    assert_eq!(mentions.len(), 1);
}

/// Programs write the dot of what is said, and leave the word for `@`.
#[test]
fn a_word_before_a_written_domain() {
    check(
        &in_region("NO"),
        &[
            ("my email is bob at gmail.com", "my email is <bob@gmail.com>"),
            (
                "my email address is bob.smith at example.com, thanks",
                "my email address is <bob.smith@example.com>, thanks",
            ),
            ("email: bob at example.com", "email: <bob@example.com>"),
            ("e-posten min er kari at gmail.com", "e-posten min er <kari@gmail.com>"),
            ("min mejl är erik at gmail.com", "min mejl är <erik@gmail.com>"),
            ("meine E-Mail ist max ät gmail.com", "meine E-Mail ist <max@gmail.com>"),
            ("max ät gmail.com", "<max@gmail.com>"),
            ("bob.smith at hotmail.com", "<bob.smith@hotmail.com>"),
        ],
    );
    for text in [
        "look at gmail.com",
        "meet me at cafe.no",
        "jeg arbeider at eksempel.no",
        "email me at gmail.com",
        "I have mail at gmail.com",
        "the mail is hosted at example.com",
        "my email is down at work.com",
        "see index.html at example.com",
        "my email is the one at gmail.com",
    ] {
        assert_eq!(seen(&in_region("NO"), text), text);
    }
}

#[test]
fn digits_of_the_own_address_in_words() {
    let own = |address: &str| Finder::new(region("NO"), Own { email: Email::parse(address).ok(), ..Own::default() });
    for (address, text) in [
        ("kari77@example.no", "kari syttisju krøllalfa example punktum no"),
        ("kari77@example.no", "kari sju sju krøllalfa example punktum no"),
        ("erik12@example.se", "erik tolv snabel-a example punkt se"),
        ("max7@example.de", "max sieben at example punkt de"),
        ("bob77@example.com", "bob seven seven at example dot com"),
        ("bob77@example.com", "bob seventy-seven at example dot com"),
        ("bob77@example.com", "bob double seven at example dot com"),
        ("jo_smith-2@mail.example.co.uk", "jo underscore smith dash two at mail dot example dot co dot uk"),
    ] {
        assert_eq!(seen(&own(address), text), format!("<{address}>"), "{text}");
    }
    let other = "bob seven at example dot com";
    assert_eq!(seen(&own("bob77@example.com"), other), other);
}

#[test]
fn a_longer_address_in_words_is_somebody_elses() {
    let own = Own { email: Email::parse("kari@example.no").ok(), ..Own::default() };
    check(
        &Finder::new(region("NO"), own),
        &[
            ("ola punktum kari krøllalfa example punktum no", "<ola.kari@example.no>"),
            ("ola dash kari at example dot no", "<ola-kari@example.no>"),
            ("kari krøllalfa example punktum no punktum uk", "<kari@example.no.uk>"),
            ("kari_@example.no", "<kari_@example.no>"),
            ("kari-@example.no", "<kari-@example.no>"),
            ("kari+@example.no", "<kari+@example.no>"),
            ("kari.@example.no", "<kari@example.no>"),
            ("kari_at_example.no", "<kari@example.no>"),
            ("adressen er kari krøllalfa example punktum no", "adressen er <kari@example.no>"),
            ("kari krøllalfa example punktum no punktum takk", "<kari@example.no> punktum takk"),
            ("kari krøllalfa example punktum no punktum se på det", "<kari@example.no> punktum se på det"),
        ],
    );
}

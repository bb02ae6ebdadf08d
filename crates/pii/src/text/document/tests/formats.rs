//! Documents in the formats that subtitle editors, mail programs, and web chats write.

use super::*;

#[test]
fn the_cues_of_subrip_are_one_text() {
    let text = "1\n00:00:01,000 --> 00:00:04,000\nMitt nummer er 987\n\n2\n00:00:04,500 --> 00:00:07,250 X1:0\n<i>65 432</i>, takk\n";
    assert_eq!(
        seen(Format::Srt, text, &kari()),
        "1\n00:00:01,000 --> 00:00:04,000\nMitt nummer er <+4798765432>\n\n2\n00:00:04,500 --> 00:00:07,250 X1:0\n<i>\u{A0}</i>, takk\n"
    );
    // Other programs write a point, no numbers, or other ends of lines; times are no numbers.
    let text = "00:00:01.5 --> 00:00:04.000\r\nkari.nordmann@\r\neksempel.no\r\n\r\n00:01:22 --> 00:01:33\r\n22 33 44 55\r\n\r\n\r\n";
    let seen_text = seen(Format::Srt, text, &kari());
    assert!(
        seen_text.contains("00:00:01.5 --> 00:00:04.000")
            && seen_text.contains("00:01:22 --> 00:01:33\r\n<+4722334455>")
    );
    // Between the halves of a number somebody else may speak.
    let text = "1\n00:00:01,000 --> 00:00:02,000\nKunde: 987 65\n\n2\n00:00:02,000 --> 00:00:03,000\nAgent: ja, 12?\n\n3\n00:00:03,000 --> 00:00:04,000\nKunde: 432\n";
    assert!(seen(Format::Srt, text, &kari()).contains("Agent: ja, 12?"));
}

#[test]
fn labels_within_the_words_are_labels_in_every_format() {
    let turns = ["Kunde: 987", "Agent: ja, 1 av 3", "Kunde: 65", "Agent: 2 av 3, og så?", "Kunde: 432"];
    let cue = |no: usize, comma: char| {
        let time = |at: usize| format!("00:00:{at:02}{comma}000");
        format!("{} --> {}\n{}\n\n", time(no), time(no + 1), turns[no])
    };
    let joined = |one: &dyn Fn(usize) -> String| (0..turns.len()).map(one).collect::<String>();
    let json = |no: usize| serde_json::json!({ "text": turns[no] }).to_string();
    let lines = joined(&|no| json(no) + "\n");
    for (format, text) in [
        (Format::Vtt, format!("WEBVTT\n\n{}", joined(&|no| cue(no, '.')))),
        (Format::Srt, joined(&|no| format!("{}\n{}", no + 1, cue(no, ',')))),
        (Format::Json, format!("[{}]", lines.trim_end().replace('\n', ","))),
        (Format::NdJson, lines),
        (Format::Html, joined(&|no| format!("<p>{}</p>", turns[no]))),
        (Format::Html, format!("<ul>{}</ul>", joined(&|no| format!("<li>{}</li>", turns[no])))),
        (Format::Html, joined(&|no| format!("{}<br>", turns[no]))),
    ] {
        let shown = seen(format, &text, &kari());
        let is_gone = ["Kunde: 987", "Kunde: 65", "Kunde: 432"].iter().all(|part| !shown.contains(part));
        assert!(shown.contains("Kunde: <+4798765432>") && is_gone, "{format:?}\n{text}\n{shown}");
        assert!(shown.contains("Agent: ja, 1 av 3") && shown.contains("Agent: 2 av 3, og så?"), "{shown}");
    }
}

#[test]
fn broken_subrip_is_refused_by_its_line() {
    for (text, wanted) in [
        ("1\nHello\n", "line 2 "),
        ("1\n00:00:02,000 --> 00:00:01,000\nHello\n", "line 2 "),
        ("1\n00:00:01,000 --> 00:00:02,000\nHello\n\nand more\n", "line 5 "),
        ("7\n", "line 1 "),
    ] {
        assert!(broken(Format::Srt, text).starts_with(wanted), "{text}: {}", broken(Format::Srt, text));
    }
}

#[test]
fn html_is_read_as_a_browser_shows_it() {
    let page = "<!DOCTYPE html><html><head><title>Chat 98765432</title><style>p{color:#987654}</style></head>\
                <body><p class=\"x\">Ring <b>987</b>&nbsp;<i>65</i>\n432</p><p>K&#97;ri &amp; Co</p>\
                <a href=\"tel:+4798765432\" title='mail kari.nordmann&#64;eksempel.no'>ring</a><!-- 98765432 --><br/></body></html>";
    let shown = seen(Format::Html, page, &kari());
    for gone in ["987", "432", "K&#97;ri", "eksempel"] {
        assert!(
            !shown
                .replace("<+4798765432>", "")
                .replace("<kari.nordmann@eksempel.no>", "")
                .replace("#987654", "")
                .contains(gone),
            "{gone}: {shown}"
        );
    }
    assert!(shown.contains("&amp; Co</p>") && shown.contains("<style>p{color:#987654}</style>"), "{shown}");
    // The cells of a table are no number, and the lines of a paragraph are one text.
    let table = "<table><tr><td>22</td><td>33</td><td>44</td><td>55</td></tr></table>";
    assert_eq!(seen(Format::Html, table, &kari()), table);
    for text in ["<p>987 65<br>432</p>", "<div>987 65</div>\n<div>432</div>", "<ul><li>987<li>65<li>432</ul>"] {
        assert!(!seen(Format::Html, text, &kari()).contains("432<"), "{text}");
    }
}

#[test]
fn what_looks_like_a_tag_is_searched_too() {
    for (inside, shown) in [
        ("kari.nordmann@eksempel.no", "<<kari.nordmann@eksempel.no>>"),
        ("ola@eksempel.no", "<<ola@eksempel.no>>"),
        ("ola@eksempel.no a=1", "<<ola@eksempel.no> a=1>"),
        ("![CDATA[98765432]]", "<![CDATA[<+4798765432>]]>"),
        ("!98765432", "<!<+4798765432>>"),
        ("?98765432?", "<?<+4798765432>?>"),
        ("tlf98765432", "<tlf<+4798765432>>"),
        ("/tlf98765432", "</tlf<+4798765432>>"),
        ("kari 98765432", "<kari <+4798765432>>"),
    ] {
        let text = format!("<p>From: Kari <{inside}> hei</p>");
        assert_eq!(seen(Format::Html, &text, &kari()), format!("<p>From: <name> {shown} hei</p>"), "{inside}");
    }
    // A customer may be called as an element is.
    let own = Own { name: PersonName::parse("Mark Center").ok(), ..Own::default() };
    let page = "<p><mark a=\"1\">x</mark><center b=1>y</center><h1>z</h1><o:p></o:p></p>";
    assert_eq!(seen(Format::Html, page, &Case { own, ..nobody() }), page);
}

#[test]
fn the_own_number_is_found_over_the_cells_of_a_table() {
    for (table, shown) in [
        (
            "<table><tr><td>98</td><td>76</td><td>54</td><td>32</td></tr></table>",
            "<table><tr><td><+4798765432></td><td></td><td></td><td></td></tr></table>",
        ),
        (
            "<tr>\n<th>Tlf</th>\n<td>987</td>\n<td> 65 </td>\n<td><b>432</b></td>\n</tr>",
            "<tr>\n<th>Tlf</th>\n<td><+4798765432></td>\n<td></td>\n<td><b></b></td>\n</tr>",
        ),
        ("<tr><td>9876</td></tr><tr><td>5432</td></tr>", "<tr><td><+4798765432></td></tr><tr><td></td></tr>"),
    ] {
        assert_eq!(seen(Format::Html, table, &kari()), shown);
        assert_eq!(seen(Format::Html, table, &nobody()), table);
    }
    for table in [
        "<tr><td>98</td><td>76</td><td>54</td><td>31</td></tr>",
        "<tr><td>98</td><td>76</td><td>stk</td><td>54</td><td>32</td></tr>",
        "<tr><td>98</td><td>76</td><td>1</td><td>54</td><td>32</td></tr>",
    ] {
        assert_eq!(seen(Format::Html, table, &kari()), table);
    }
}

#[test]
fn a_value_is_shown_in_html_without_becoming_mark_up() {
    let document = tokenize(Format::Html, b"<p title=\"Kari\">Kari</p>", &kari()).unwrap();
    assert_eq!(
        fill(Format::Html, &document.text, |_| "\"<b>&'".to_owned()),
        "<p title=\"&quot;&lt;b&gt;&amp;&#39;\">&quot;&lt;b&gt;&amp;&#39;</p>"
    );
}

#[test]
fn a_message_is_stored_with_the_texts_that_a_reader_sees() {
    let mail = "Return-Path: <bounce-98765432@lists.example>\r\nReceived: from [10.0.0.1]\r\nFrom: =?UTF-8?Q?Kari_Nordmann?=\r\n <kari.nordmann@eksempel.no>\r\n\
        Subject: Ring =?iso-8859-1?Q?p=E5_98765432?=\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"b1\"\r\n\r\npreamble\r\n\
        --b1\r\nContent-Type: multipart/alternative; boundary=b2\r\n\r\n--b2\r\nContent-Type: text/plain; charset=utf-8\r\n\
        Content-Transfer-Encoding: base64\r\n\r\nUmluZyBtZWcgcMOlIDk4NyA2NSA0MzIu\r\n--b2\r\nContent-Type: text/html; charset=iso-8859-1\r\n\
        Content-Transfer-Encoding: quoted-printable\r\n\r\n<p>Ring meg p=E5 987=\r\n65 <b>432</b></p>\r\n--b2--\r\n\
        --b1\r\nContent-Type: image/png; name=\"98765432.png\"\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo=\r\n--b1--\r\n";
    let document = tokenize(Format::Mail, mail.as_bytes(), &kari()).unwrap();
    assert_eq!(document.dropped, 1);
    let shown = fill(Format::Mail, &document.text, |n| show(&document.mentions[n]));
    for (what, times) in [
        ("98765432", 3),
        ("kari.nordmann@eksempel.no", 1),
        ("987 65 432", 0),
        ("png", 0),
        ("Received", 0),
        ("på", 3),
        ("base64", 0),
    ] {
        assert_eq!(shown.matches(what).count(), times, "{what} in {shown}");
    }
    // The stored text is a message again, and reading it again finds nothing more.
    let again = tokenize_again(Format::Mail, document.text.clone(), document.mentions.len(), &kari()).unwrap();
    assert!(!again.is_replaced);
    assert_eq!(
        fill(Format::Plain, &document.text, |_| "x".to_owned()),
        fill(Format::Mail, &document.text, |_| "x".to_owned())
    );
}

#[test]
fn a_message_of_any_charset_is_read() {
    for (head, body) in [
        ("Content-Type: text/plain; charset=windows-1252", &b"K\xE5re: 98765432"[..]),
        ("Content-Type: text/plain; charset=\"utf-8\"", "Kåre: 98765432".as_bytes()),
        ("X-Other: y", b"K\xE5re: 98765432"),
        (
            "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable",
            b"K=C3=A5re: 9876=\r\n5432",
        ),
    ] {
        let mail = [b"From: a@example.com\r\n", head.as_bytes(), b"\r\n\r\n", body].concat();
        let document = tokenize(Format::Mail, &mail, &kari()).unwrap();
        assert!(document.text.contains("Kåre: \u{E000}"), "{head}: {}", document.text);
    }
}

#[test]
fn a_broken_message_is_refused() {
    for (mail, wanted) in [
        ("Hello there\n\nno header", "line 1 "),
        ("", "line 1 "),
        ("From: a@b.no\nContent-Type: multipart/mixed\n\nx", "must name the boundary"),
        ("From: a@b.no\nContent-Type: multipart/mixed; boundary=q\n\nx", "must have the parts"),
        ("From: a@b.no\nContent-Transfer-Encoding: base64\n\n*", "must be base64"),
        ("From: a@b.no\nContent-Transfer-Encoding: x-uuencode\n\n*", "must be encoded"),
    ] {
        assert!(broken(Format::Mail, mail).contains(wanted), "{mail}: {}", broken(Format::Mail, mail));
    }
    let deep = "Content-Type: message/rfc822\n\n".repeat(40);
    assert!(broken(Format::Mail, format!("From: a@b.no\n{deep}")).contains("16 deep"));
    let parts = |count: usize| {
        format!("From: a@b.no\nContent-Type: multipart/mixed; boundary=x\n\n{}--x--\n", "--x\n\na\n".repeat(count))
    };
    assert!(broken(Format::Mail, parts(1_000)).contains("at most 1000 parts"), "the message is a part as well");
    assert!(tokenize(Format::Mail, parts(999).as_bytes(), &kari()).is_ok());
}

#[test]
fn the_lines_of_json_lines_are_turns() {
    let text = "{\"who\":\"agent\",\"said\":\"Nummer?\", \"n\": 1.50}\r\n\n{\"who\":\"kunde\",\"said\":\"987 65\"}\n{\"who\":\"agent\",\"said\":\"ja, 12?\"}\n{\"who\":\"kunde\",\"said\":\"432\"}\n\n";
    assert_eq!(seen(Format::NdJson, text, &kari()), text.replace("987 65", "<+4798765432>").replace("\"432\"", "\"\""));
    let plain = "{\"a\": 1.0}\n[2]\n\"x\"";
    assert_eq!(seen(Format::NdJson, plain, &kari()), plain);
    assert_eq!(broken(Format::NdJson, "{}\n\n{\"a\":}\n"), "not JSON from line 3, column 6 on");
    assert!(broken(Format::NdJson, "{}\n{\"a\":1,\"a\":2}\n").starts_with("line 2 "));
    // Keys that come out alike are kept apart in each line.
    let keys = "{\"98765432\":1,\"+4798765432\":2}\n{\"98765432\":1,\"+4798765432\":2}";
    let document = tokenize(Format::NdJson, keys.as_bytes(), &kari()).unwrap();
    let shown = fill(Format::NdJson, &document.text, |_| "x".to_owned());
    assert_eq!(
        shown
            .lines()
            .filter(|line| serde_json::from_str::<Value>(line).unwrap().as_object().unwrap().len() == 2)
            .count(),
        2
    );
}

#[test]
fn whose_turn_it_is_is_told_by_what_comes_again() {
    let turns = |speaker: &str, text: &str| {
        json!({ "Transcript": [
            { "at": "00:01", speaker: "K", text: "det er 987 65", "mood": "calm" }, { "at": "00:02", speaker: "A", text: "ja, 12?", "mood": "calm" },
            { "at": "00:03", speaker: "K", text: "432", "mood": "angry" }, { "at": "00:04", speaker: "A", text: "Takk", "mood": "calm" },
        ] })
    };
    for (speaker, text) in [
        ("ParticipantId", "Content"),
        ("kilde", "innhold"),
        ("puhuja", "teksti"),
        ("leg", "value"),
        ("participantPurpose", "t"),
    ] {
        let seen = seen_json(Format::Json, &turns(speaker, text), &kari()).to_string();
        assert!(seen.contains("<+4798765432>") && !seen.contains("432\"") && seen.contains("ja, 12?"), "{seen}");
    }
    let nested = json!([
        { "track": 0, "lines": [{ "t": "987" }, { "t": "65" }] }, { "track": 1, "lines": [{ "t": "ja 7" }] }, { "track": 0, "lines": [{ "t": "432" }] },
    ]);
    assert!(seen_json(Format::Json, &nested, &kari()).to_string().contains("<+4798765432>"));
    // The words of one speaker stay one text, whatever comes again in them.
    let words = json!([{ "w": "ni", "s": 1 }, { "w": "åtte", "s": 2 }, { "w": "ni", "s": 3 }, { "w": "åtte", "s": 4 }]);
    assert_eq!(seen_json(Format::Json, &words, &kari()), words);
}

#[test]
fn rows_of_figures_are_no_number() {
    for value in [
        json!({ "items": [{ "score": "0.983" }, { "score": "0.969" }, { "score": "1.0" }, { "score": "0.968" }] }),
        json!({ "lines": [{ "amount": "22.50" }, { "amount": "33.40" }, { "amount": "45.10" }] }),
        json!({ "tokens": [50364, 3280, 1230, 22, 334, 455] }),
    ] {
        assert_eq!(seen_json(Format::Json, &value, &kari()), value);
    }
    let dialled = json!({ "digits": [9, 8, 7, 6, 5, 4, 3, 2] });
    assert!(seen_json(Format::Json, &dialled, &kari()).to_string().contains("<+4798765432>"));
}

#[test]
fn a_container_is_read_as_reference_servers_write_it() {
    let container = json!({
        "uuid": "05cec3d4-0561-4010-9fb8-23cc7edef146", "created_at": "2024-03-16T16:09:20.701906", "group": null,
        "dialog": [{ "type": "recording", "url": "https://x.example/a.mp3", "parties": [1, 0], "mimetype": "audio/mp3" }],
        "parties": [{ "tel": "+4722334455", "meta": { "role": "agent" } }, { "tel": "98765432", "email": "kari.nordmann@eksempel.no", "name": "Kari" }],
        "attachments": [{ "type": "info", "encoding": "none", "body": { "customer": "98765432" } }, { "type": "tags", "body": ["a:1"], "encoding": "json" }],
        "analysis": [{ "type": "summary", "encoding": "json", "body": "Kari, 98765432, was \"angry\"" }],
    });
    let seen = seen_json(Format::Vcon, &container, &kari());
    assert_eq!(seen["analysis"][0]["body"], "<name>, <+4798765432>, was \"angry\"");
    assert_eq!(seen["parties"][1]["tel"], "<+4798765432>");
    assert!(!seen.to_string().replace("<+4798765432>", "").contains("98765432"));
    assert_eq!(seen, seen_json(Format::Plain, &container, &kari()));
}

#[test]
fn a_plain_text_is_read_as_what_it_plainly_is() {
    for (text, format) in [
        ("WEBVTT\n\n00:01.000 --> 00:02.000\nhei", Format::Vtt),
        ("\n1\n00:00:01,000 --> 00:00:02,000\nhei\n", Format::Srt),
        ("{\"a\":\n1}", Format::Json),
        ("{\"a\":1}\n{\"a\":2}\n", Format::NdJson),
        ("<p>hei</p>", Format::Html),
        ("From: a@b.no\nMIME-Version: 1.0\n\nhei", Format::Mail),
        ("[10:02] Kari: hei\n[10:03] Ola: hei", Format::Plain),
        ("From: a@b.no\nhei", Format::Plain),
        ("1 --> 2", Format::Plain),
        ("<3 hei", Format::Plain),
        ("WEBVTT is a format", Format::Plain),
        ("Subject: hei", Format::Plain),
        ("{ikke json}", Format::Plain),
        ("", Format::Plain),
    ] {
        assert_eq!(Format::Plain.of_text(text), format, "{text}");
    }
    assert_eq!(
        seen(Format::Plain, "{\"a\": 1.50, \"t\":\"\\u0039\\u00387 65 432\"}", &kari()),
        "{\"a\": 1.50, \"t\":\"<+4798765432>\"}"
    );
    let document = tokenize(Format::Plain, b"{\"t\":\"98765432\"}", &kari()).unwrap();
    assert_eq!(fill(Format::Plain, &document.text, |_| "\"".to_owned()), "{\"t\":\"\\\"\"}");
}

proptest::proptest! {
    #[test]
    fn no_text_makes_a_format_panic(text in "(\\PC|[<>&;:,\n\r{}\"=-]|--b|00:00:01,000|From: |Content-Type: multipart/mixed; boundary=b|\n\n){0,80}") {
        for format in [Format::Plain, Format::Srt, Format::Html, Format::Mail, Format::NdJson, Format::Json] {
            if let Ok(document) = tokenize(format, text.as_bytes(), &kari()) {
                let _ = fill(format, &document.text, |_| "x".to_owned());
                let _ = tokenize_again(format, document.text, document.mentions.len(), &kari());
            }
        }
    }
}

/// Some programs write the words of a line behind its times.
#[test]
fn the_words_behind_the_times_of_a_cue_are_searched() {
    let text = "0:00:12.340 --> 0:00:15.000 Kari: 98 76\n\n0:00:15.100 --> 0:00:18.000 Kari: 54 32\n\n\
                0:00:18.100 --> 0:00:20.000 ring 91234567\n";
    for format in [Format::Plain, Format::Srt] {
        let shown = seen(format, text, &kari());
        assert!(shown.contains("<+4798765432>") && !shown.contains("54 32"), "{shown}");
        assert!(shown.contains("<+4791234567>") && shown.contains("0:00:18.100 --> 0:00:20.000"), "{shown}");
    }
    let places = "1\n00:00:01,000 --> 00:00:02,000 X1:40 X2:600 Y1:20 Y2:50\nring 98765432\n";
    assert_eq!(seen(Format::Plain, places, &kari()), places.replace("98765432", "<+4798765432>"));
}

//! The properties of every document.

use proptest::prelude::*;

use super::*;

/// Pieces of words, signs, digits and parts of identifiers.
fn piece() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        any::<char>().prop_map(String::from),
        "[0-9]{1,4}",
        prop::sample::select(vec![
            " ",
            "\n",
            "+47",
            "912",
            "34",
            "567",
            "98765432",
            "Kari",
            "Nordmann",
            "kari.nordmann",
            "@",
            "eksempel",
            ".",
            "no",
            "-",
            "&nbsp;",
            "&#57;",
            "<",
            ">",
            "<c>",
            "</c>",
            "<00:00:01.000>",
            "<v Kari>",
            "\u{e000}",
            "\u{e001}",
            "\u{e000}0\u{e001}",
            "\r",
            "ola@eksempel.no",
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(part, 0..6).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn of_what_is_found_nothing_stays_and_all_else_does(
        parts in prop::collection::vec(prop::collection::vec(piece(), 1..5), 1..5), spaced in any::<bool>(), wraps in any::<bool>(),
    ) {
        let finder = Finder::new(region("NO"), kari().own);
        let (mut text, mut pieces) = (String::new(), Pieces::new(0, 0));
        for (no, part) in parts.iter().enumerate() {
            for piece in part.iter().map(|piece| strip(piece).unwrap_or_else(|| piece.clone())) {
                let part = u32::try_from(no).ok();
                pieces.add(text.len(), text.len() + piece.len(), Belongs::With { key: 7, part });
                text.push_str(&piece);
            }
        }
        let mut labels = Labels::default();
        labels.add("Ola", &nobody()).unwrap();
        let eyes = Eyes::new(&finder, labels.names());
        let says = |piece: pieces::Piece| &text[piece.start as usize..piece.end as usize];
        eyes.mark(&mut pieces, &|piece| Cow::Borrowed(says(piece)), Layout { spaced, wraps, stored: false }).unwrap();
        pieces.sort();
        for no in 0..pieces.list.len() {
            let first = pieces.marks.partition_point(|mark| (mark.piece as usize) < no);
            let last = pieces.marks.partition_point(|mark| mark.piece as usize <= no);
            let piece = says(pieces.list[no]);
            let marks: Vec<_> = pieces.marks[first..last].iter().map(|mark| mark.start as usize..mark.end as usize).collect();
            let mut free = 0;
            for mark in &marks {
                prop_assert!(mark.start >= free && mark.start < mark.end, "{:?}", marks);
                prop_assert!(piece.is_char_boundary(mark.start) && piece.is_char_boundary(mark.end));
                free = mark.end;
            }
            for (range, found) in finder.find_all(piece) {
                let covered = |at: usize| marks.iter().any(|mark| mark.contains(&at));
                prop_assert!(range.clone().all(covered), "{piece:?} {found:?}");
            }
            let kept: String = piece.char_indices().filter(|(at, _)| !marks.iter().any(|mark| mark.contains(at))).map(|(_, c)| c).collect();
            let mut left = String::new();
            pieces.write(piece, first..last, &mut left);
            let left = fill_text(&left, |_| String::new());
            let without = |text: &str| {
                let words = ["Anonymized", "[card number]", "[bank account]", "[national identity number]"];
                words.iter().fold(text.to_owned(), |text, word| text.replace(word, ""))
            };
            prop_assert_eq!(without(&left), without(&kept));
        }
    }

    #[test]
    fn json_keeps_all_that_is_not_replaced(words in prop::collection::vec(piece(), 0..4), key in piece(), number in any::<f64>()) {
        let value = json!({ "a": words, key.as_str(): { "n": number, "w": words.concat() }, "e": [[], {}, null, true, ""] });
        let text = value.to_string();
        let document = tokenize(Format::Json, text.as_bytes(), &kari()).unwrap();
        let read: Value = serde_json::from_str(&document.text).unwrap();
        prop_assert_eq!(read["e"].clone(), value["e"].clone());
        if !document.is_replaced {
            prop_assert_eq!(document.text, text);
        }
    }

    #[test]
    fn a_number_cut_anywhere_is_found_and_its_neighbours_stay(
        number in "(4[156][0-9]|47[1-9]|9[0-8][0-9])[0-9]{5}".prop_filter("assigned", |number| Phone::parse_valid(number, region("NO")).is_some()),
        cuts in prop::collection::vec(any::<bool>(), 7),
        before in prop::sample::select(vec!["ring", "på", "takk"]),
    ) {
        let mut words = vec![before.to_owned(), String::new()];
        for (at, digit) in number.chars().enumerate() {
            words.last_mut().unwrap().push(digit);
            if cuts.get(at) == Some(&true) {
                words.push(String::new());
            }
        }
        words.push("da".to_owned());
        let expected: Vec<String> = words.iter().enumerate().map(|(no, word)| match no {
            1 => format!("<+47{number}>"),
            no if no == 0 || no == words.len() - 1 => word.clone(),
            _ => String::new(),
        }).collect();
        let list = json!({ "words": words.iter().map(|word| json!({ "word": word, "start": 1.5 })).collect::<Vec<_>>() });
        let shown = seen_json(Format::Json, &list, &nobody());
        let shown: Vec<_> = shown["words"].as_array().unwrap().iter().map(|word| word["word"].as_str().unwrap().to_owned()).collect();
        prop_assert_eq!(&shown, &expected);

        let cue: String = words.iter().flat_map(|word| ["<00:00:01.000>", word, " "]).collect();
        let file = format!("WEBVTT\n\n00:01.000 --> 00:02.000\n{cue}\n");
        let shown = seen(Format::Vtt, &file, &nobody());
        let digits = shown.replace("<00:00:01.000>", "").replace("00:01.000 --> 00:02.000", "").replace(&format!("<+47{number}>"), "");
        prop_assert!(shown.contains(&format!("<+47{number}>")) && !digits.contains(|c: char| c.is_ascii_digit()), "{shown}");
    }

    #[test]
    fn read_again_a_document_keeps_what_stood_in_it(parts in prop::collection::vec(piece(), 0..6)) {
        let text = parts.concat();
        let Ok(first) = tokenize(Format::Plain, text.as_bytes(), &nobody()) else { return Ok(()) };
        let numbers = |text: &str| {
            let seen = std::cell::RefCell::new(Vec::new());
            let _ = fill_text(text, |n| { seen.borrow_mut().push(n); String::new() });
            seen.into_inner()
        };
        let known = first.mentions.len();
        let again = tokenize_again(Format::Plain, first.text.clone(), known, &kari()).unwrap();
        let (before, now) = (numbers(&first.text), numbers(&again.text));
        prop_assert_eq!(now.iter().copied().filter(|n| *n < known).collect::<Vec<_>>(), before);
        prop_assert!(now.iter().all(|n| *n < known + again.mentions.len()));
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in piece()) {
        for format in [Format::Plain, Format::Json, Format::Vtt, Format::Vcon] {
            let _ = tokenize(format, &bytes, &kari());
            let _ = tokenize(format, text.as_bytes(), &forgotten());
        }
    }

    #[test]
    fn cues_of_any_words_stay_cues(
        cues in prop::collection::vec((piece(), prop::collection::vec(piece(), 0..3)), 0..4), is_late in any::<bool>(),
    ) {
        let clean = |text: &String| text.replace(['\n', '\r'], " ");
        let mut file = String::from("WEBVTT\n");
        for (id, lines) in &cues {
            let lines: String = lines.iter().flat_map(|line| [clean(line), ".\n".to_owned()]).collect();
            file.extend(["\n", &clean(id), "\n00:01.000 --> 00:02.000\n", &lines]);
        }
        let case = if is_late { forgotten() } else { kari() };
        if let Ok(document) = tokenize(Format::Vtt, file.as_bytes(), &case) {
            let arrows = |text: &str| text.matches("00:01.000 --> 00:02.000\n").count();
            for value in ["Anonymized", "a\n\n-->b<"] {
                let filled = fill(Format::Vtt, &document.text, |_| value.to_owned());
                prop_assert_eq!(arrows(&filled), cues.len());
                prop_assert!(tokenize(Format::Vtt, filled.as_bytes(), &nobody()).is_ok(), "{file:?} {filled:?}");
            }
            if !document.is_replaced {
                prop_assert_eq!(&document.text, &file);
            }
        }
    }

    #[test]
    fn json_of_any_words_stays_json(words in prop::collection::vec(piece(), 0..6), speaker in piece(), is_late in any::<bool>()) {
        let document = json!({ "speaker": speaker, "text": words.concat(), "words": words, speaker.as_str(): words });
        let case = if is_late { forgotten() } else { kari() };
        let document = tokenize(Format::Json, document.to_string().as_bytes(), &case).unwrap();
        let filled = fill(Format::Json, &document.text, |_| "a\"b".to_owned());
        prop_assert!(serde_json::from_str::<crate::json::Unambiguous>(&filled).is_ok(), "{filled}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn in_a_long_text_as_much_is_found_as_in_a_short_one(before in 50_000..70_000_usize, between in 0..9_000_usize, after in 0..5_000_usize) {
        let letters = |count: usize| "å ".repeat(count / 3);
        let text = [&letters(before), "9", "8765432 ", &letters(between), "ola@eksempel.no ", &letters(after)].concat();
        let left = text.replace("98765432", "<+4798765432>").replace("ola@eksempel.no", "<ola@eksempel.no>");
        prop_assert!(seen(Format::Plain, &text, &kari()) == left, "a text differs");
        let words: Vec<_> = text.split(' ').collect();
        let shown = seen_json(Format::Json, &json!({ "words": words }), &kari());
        let left: Vec<_> = left.split(' ').collect();
        prop_assert!(shown["words"] == json!(left), "a word differs");
    }
}

//! A text costs as much as it is long, whatever is in it: somebody may send the dearest.

use super::*;
use crate::readings;

/// The repeated parts of a text that is expensive for the finder.
const PIECES: [&str; 48] = [
    "1",
    "1-",
    "1 ",
    "12 ",
    "98 ",
    "9 8 7 ",
    "0 ",
    "00",
    "00 ",
    "+",
    "+1",
    "+4",
    "+47",
    "+45 ",
    "+45 98 76 54 32 ",
    "(",
    ")(",
    "1(",
    "1, ",
    "1\n",
    "12.",
    "12:",
    "10.10.",
    "2024-",
    "45 678 ",
    "123 kr ",
    "NO93 ",
    "4111 ",
    "4111",
    "131052-308T",
    "070761-4285 ",
    "98765432",
    "98765432 ",
    "９８７６５４３２",
    "9\u{200b}",
    "9\u{301}",
    "a@",
    "@a.",
    "%40",
    "kari.nordmann@eksempel.no",
    "ni ",
    "one ",
    "twenty ",
    "ni eh ",
    "tjue og ",
    "double ",
    "Kari",
    "\u{e000}1\u{e001}",
];

#[test]
fn twice_the_text_takes_twice_the_readings() {
    let finder = kari();
    let count = |piece: &str, times: usize| {
        let text = piece.repeat(times);
        readings::of(|| {
            let _ = finder.find_all(&text);
            let _ = finder.holds_own(&text);
        })
    };
    for piece in PIECES {
        let times = 2_000 / piece.len();
        let (once, twice) = (count(piece, times), count(piece, 2 * times));
        assert!(twice <= 2 * once + 100, "{piece:?}: {once} readings, then {twice}");
    }
}

/// A text that gives no result is cheap, unless the search repeats for the whole text again and again. That would take
/// hours here.
#[test]
fn no_piece_of_a_long_text_is_gone_through_for_each_of_its_places() {
    let finder = kari();
    for piece in [
        "98765432",
        "９８７６５４３２",
        "9\u{200b}8\u{200b}7\u{200b}6\u{200b}5432",
        "Kari",
        "kari.nordmann@",
        "NO",
        "(",
        "a.",
    ] {
        let text = piece.repeat(400_000 / piece.len());
        let _ = finder.find_all(&text);
        let _ = finder.holds_own(&text);
    }
}

//! A text costs as much as it is long, whatever is in it: somebody may send the dearest.

use super::*;
use crate::work;

/// The repeated parts of a text that is expensive for the finder.
const PIECES: [&str; 117] = [
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
    "98 76 5, ",
    "98 76 54, 98 76 54 32\n",
    "a: 98 76 54\nb: 98 76 54\n",
    "førti tusen fem hundre ",
    "nei ni ",
    "12 23 34 45 56 ",
    "978-82-",
    "978-82-525-41-",
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
    // Signs of addresses, and annotations beside them.
    "<at>",
    "[at]",
    "(at)",
    "(at) ",
    "(at)(dot)",
    "(at)x(dot)no",
    "(krøllalfa)",
    "[at]x",
    "(a)x.",
    "at ",
    "ät ",
    "at eh dot ",
    "at [x] ",
    "a: at\nb: eh\n",
    "@eksempel.no",
    "4741327786@c.us ",
    "a@b.no ",
    "a@=C3v1.",
    "http://a@12.05.",
    "git@x.no:",
    "plus 54 32 98 76 ",
    "x_y.no#EXT#@",
    "ａ",
    "ａ＠ｂ．ｎｏ ",
    "x．",
    "ni ",
    "one ",
    "twenty ",
    "ni eh ",
    "tjue og ",
    "double ",
    "Kari",
    "\u{e000}1\u{e001}",
    // Encodings and escapes, whole and broken, and escapes of escapes.
    "%25",
    "%2525",
    "%4",
    "&#49;",
    "&amp;",
    "&amp;amp;nbsp;",
    "&",
    "=31",
    "=C3=A5",
    "=\n",
    "=?utf-8?q?",
    "=?utf-8?B?cmluZyA5ODc2NTQzMg==?= ",
    "cmluZyA5ODc2",
    "cmluZyA5ODc2NTQzMiBuw6U= ",
    "\\u0031",
    "\\\\",
    "\\ud800",
    // Tags, within tags, and never closed.
    "<b>",
    "</b>",
    "<b",
    "<b x=\"98765432\">",
    "<!--",
    "<<a>>",
    "<td>9</td>",
    // Marks that are not seen, that combine, and that turn the direction.
    "\u{301}",
    "\u{200b}",
    "\u{202e}9\u{2066}8",
    "9\u{301}\u{200d}\u{fe0f}",
    // Several kinds of all of this.
    "=C3=A5+45 <b>98 76 %20 one ",
    "tlf 98 76 54 31, &#49;12.1(1, ",
    "98 eh 76 og 54 ",
    "a: 1\nb: 2\n",
    "a at b dot no ",
    "98765432 to tjue fem hundred ",
    "00 =\nnull ",
    "[1] ",
];

/// The most steps for each byte of a text. Each of its layers is undone once, and what comes of it is read a few times: decoded and as it
/// is, without tags and within them, and as each way in which words may be digits.
const MOST_STEPS: usize = 60;

/// The readings and the steps that a text takes.
fn work_of(text: &str) -> (usize, usize) {
    let finder = kari();
    work::of(|| {
        let _ = finder.find_all(text);
        let _ = finder.holds_own(text);
    })
}

#[test]
fn twice_the_text_takes_twice_the_work() {
    for piece in PIECES {
        let times = 2_000 / piece.len();
        let (readings, steps) = work_of(&piece.repeat(times));
        let (more_readings, more_steps) = work_of(&piece.repeat(2 * times));
        assert!(more_readings <= 2 * readings + 100, "{piece:?}: {readings} readings, then {more_readings}");
        assert!(more_steps <= 2 * steps + 500, "{piece:?}: {steps} steps, then {more_steps}");
        assert!(steps <= MOST_STEPS * piece.len() * times, "{piece:?}: {steps} steps");
    }
}

/// Numbers that come again are read once, and what is no number of any country costs no reading at all.
#[test]
fn what_comes_again_is_not_read_again() {
    for (piece, most) in [("98 76 54 31 ", 6), ("1-", 1), ("98 ", 3), ("ni ", 3), ("4111 ", 4)] {
        let text = piece.repeat(2_000);
        let finder = in_region("NO");
        let found = finder.find_all(&text).len();
        let finder = in_region("NO");
        let (readings, _) = work::of(|| drop(finder.find_all(&text)));
        assert!(readings <= most + 2 * found, "{piece:?}: {readings} readings for {found} numbers");
    }
}

/// A text that gives no result is cheap, unless the search repeats for the whole text again and again. That would take
/// hours here.
#[test]
fn no_piece_of_a_long_text_is_gone_through_for_each_of_its_places() {
    let finder = kari();
    for piece in [
        "1",
        "1-",
        "\u{e000}1\u{e001}",
        "98765432",
        "９８７６５４３２",
        "9\u{200b}8\u{200b}7\u{200b}6\u{200b}5432",
        "9\u{301}",
        "\u{202e}9\u{2066}8",
        "Kari",
        "kari.nordmann@",
        "NO",
        "(",
        "a.",
        "<b>",
        "<",
        "&amp;",
        "%25",
        "\\\\u0031",
        "=?utf-8?q?",
        "http://a@12.05.",
        "plus 54 32 98 76 ",
        "98765432 nedlastninger ",
    ] {
        let text = piece.repeat(400_000 / piece.len());
        let _ = finder.find_all(&text);
        let _ = finder.holds_own(&text);
    }
}

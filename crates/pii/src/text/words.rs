//! The words that numbers are spoken in: English, Swedish, Norwegian (bokmål, nynorsk), Danish, German, and Finnish.
//!
//! One vocabulary for all languages, because no word means two numbers. A question in one language may get an answer in
//! another one.

mod quick;
mod shapes;

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;

pub(super) use quick::Quick;
use shapes::{Shapes, small_in};

/// The meaning of a word in a spoken number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// 0 to 9.
    Unit(u8),
    /// 20, 30 and so on, to which a unit may follow.
    Ten(u8),
    /// Any other of two digits.
    Pair(u8),
    /// Hundreds, to which more may follow.
    Hundreds(u8),
    /// Three digits in one word: `nihundreogåttisju`.
    Triple(u16),
    /// `hundred` by itself.
    Hundred,
    /// `thousand`: three zeros behind a number.
    Thousand,
    /// `double`, `triple`.
    Times(u8),
    /// Several of a digit: `nuller` in `to nuller`, `fives` in `two fives`.
    Many(u8),
    /// `plus`.
    Plus,
    /// `and`: between the parts of a number, or between two.
    And,
    /// The filler words between two groups.
    Filler,
}

impl Word {
    /// The number that a word means by itself; 0 for one that means none.
    pub(super) fn number(self) -> u16 {
        match self {
            Self::Unit(value) | Self::Ten(value) | Self::Pair(value) | Self::Many(value) => u16::from(value),
            Self::Triple(value) => value,
            Self::Hundreds(times) => u16::from(times) * 100,
            Self::Hundred => 100,
            Self::Times(_) | Self::Thousand | Self::Plus | Self::And | Self::Filler => 0,
        }
    }
}

const UNITS: [(u8, &str); 10] = [
    (0, "zero oh o nought naught aught null nul noll nolla nolle"),
    (1, "one en ein ett et én ei eit eitt een éin etta ener enar"),
    (2, "two to too två tvo tvaa tvåa toer toar"),
    (3, "three tre tri trea treer trear"),
    (4, "four fire fyra fyre firer firar"),
    (5, "five fem femma femmer femmar"),
    (6, "six seks sex sexa sekser seksar"),
    (7, "seven sju syv sjau sjua sjuer syver"),
    (8, "eight åtte åtta otte aatte åtter otter"),
    (9, "nine niner ni nio nie nia nier"),
];

const TENS: [(u8, &str); 8] = [
    (20, "twenty tjue tyve tjuge tjugo tjugu"),
    (30, "thirty tretti tredve trettio tredive tretio trædve"),
    (40, "forty fourty førti firti fyrtio fyrti fyrre førr fyrretyve"),
    (50, "fifty femti femtio halvtreds halvtredsindstyve"),
    (60, "sixty seksti sextio sexti tres tresindstyve"),
    (70, "seventy sytti søtti sjuttio sjutti halvfjerds halvfjerdsindstyve"),
    (80, "eighty åtti åttio firs firsindstyve"),
    (90, "ninety nitti nittio halvfems halvfemsindstyve"),
];

const PAIRS: [(u8, &str); 10] = [
    (10, "ten ti tio zehn kymmenen kymppi"),
    (11, "eleven elleve elva elf"),
    (12, "twelve tolv zwölf"),
    (13, "thirteen tretten tretton trettan dreizehn"),
    (14, "fourteen fjorten fjorton vierzehn"),
    (15, "fifteen femten femton fünfzehn fuffzehn"),
    (16, "sixteen seksten sexton sekstan sechzehn"),
    (17, "seventeen sytten søtten sjutton syttan siebzehn"),
    (18, "eighteen atten arton aderton attan achtzehn"),
    (19, "nineteen nitten nitton nittan neunzehn"),
];

/// The units of German, from 0, and its tens, from 20.
const GERMAN: [&str; 10] =
    ["null", "eins", "zwei zwo", "drei", "vier", "fünf fuenf", "sechs", "sieben", "acht", "neun"];
const GERMAN_TENS: [&str; 8] =
    ["zwanzig", "dreißig", "vierzig", "fünfzig fuffzig", "sechzig", "siebzig", "achtzig", "neunzig"];

/// The units of Finnish, from 0, as they are written, as they are spoken, and as the names of figures.
const FINNISH: [&str; 10] = [
    "nolla",
    "yksi yks ykkönen yy",
    "kaksi kaks kakkonen kaa",
    "kolme kolmonen kol koo",
    "neljä nelonen nel nee",
    "viisi viis viitonen vii",
    "kuusi kuus kutonen kuu",
    "seitsemän seittemän seiska seit",
    "kahdeksan kaheksan kasi",
    "yhdeksän yheksän ysi",
];

/// The beginnings of its words of two digits, from 1, and their ends: `kolmekymmentä`, `kolkyt`, `kakstoista`.
const FINNISH_STEMS: [&str; 9] = [
    "yksi yks",
    "kaksi kaks",
    "kolme kol",
    "neljä nel",
    "viisi viis",
    "kuusi kuus",
    "seitsemän seittemän seit",
    "kahdeksan kaheksan",
    "yhdeksän yheksän",
];
const FINNISH_TEN: [&str; 3] = ["kymmentä", "kymment", "kyt"];
const FINNISH_TEEN: [&str; 2] = ["toista", "toist"];

/// Several of a digit, from 0: `two fives`, `to nuller`, `kaksi nollaa`.
const MANY: [&str; 10] = [
    "zeros zeroes ohs noughts nuller nullar nollor nullen nollaa",
    "ones enere enarar ettor einsen ykköstä",
    "twos toere toarar tvåor zweien kakkosta",
    "threes treere trearar treor dreien kolmosta",
    "fours firere firarar fyror vieren nelosta",
    "fives femmere femmarar femmor fünfen viitosta",
    "sixes seksere seksarar sexor sechsen kutosta",
    "sevens sjuere syvere sjuor seiskaa",
    "eights åttere ottere åttor achten kasia",
    "nines niere nior neunen ysiä",
];

const HUNDRED: &str = "hundred hundre hundra hundrede hundert sata sataa";
/// The same within a word, longest first.
const HUNDREDS: [&str; 7] = ["hundrede", "hundert", "hundred", "hundre", "hundra", "sataa", "sata"];
const THOUSAND: &str = "thousand tusen tusind tausend tuhat tuhatta";
const TWICE: &str = "double dobbelt dobbel dubbelt dubbel dobbeltt doppel doppelt zweimal tupla tuplana";
const THRICE: &str = "triple treble trippel tredobbelt tredubbelt dreifach dreimal tripla";
const PLUS: &str = "plus pluss plussa";
const AND: &str = "and og och und";
const FILLERS: &str = "eh ehm øh øhm öh öhm æh æhm äh ähm uh uhm um uhh umm er erm hm hmm mm mhm ah aah eeh komma comma dash \
    hyphen bindestrek bindestreck streck strek tankestrek space mellomrom mellanslag mellemrum dot punktum punkt så sen sedan \
    deretter then dernest så ja yes yeah okay ok nej nei liksom altså alltså altså then dann danach sitten niin öö joo genau";

/// Units that are words of everyday language as well: alone they say little.
const WEAK: &str = "oh o en ein ett et ei eit to too fire tri six sex tres ener enar toer toar treer trear firer firar \
    femmer femmar sekser seksar sjuer syver åtter otter nier aught yy kaa kol koo nel nee vii kuu seit";

/// The longest word that is looked at, in bytes.
const LONGEST: usize = 48;

struct Vocabulary {
    /// The meaning of each word, and whether it is a word of everyday language too.
    words: HashMap<String, (Word, bool), BuildHasherDefault<Quick>>,
    /// Which pairs of first bytes words have: nearly every word of a text is told by them.
    begins: Box<[u64; 1024]>,
    /// The shapes of the words in ASCII by their first two letters, which tell nearly all others.
    shapes: Shapes,
}

static VOCABULARY: LazyLock<Vocabulary> = LazyLock::new(Vocabulary::new);

impl Vocabulary {
    fn new() -> Self {
        let mut words = HashMap::default();
        let mut add = |spellings: &str, word: Word| {
            for spelling in spellings.split_whitespace() {
                let is_weak = WEAK.split(' ').any(|weak| weak == spelling);
                words.insert(spelling.to_owned(), (word, is_weak));
                if let Some(written) = with_two_letters(spelling) {
                    words.entry(written).or_insert((word, is_weak));
                }
            }
        };
        for (ten, tens) in TENS {
            for (unit, units) in UNITS.into_iter().skip(1) {
                for (ten_word, unit_word) in pairs(tens, units) {
                    // `nittiåtte`, `ninetyeight`; `åtteognitti`, `otteoghalvfems`, and as it is swallowed, `åttenitti`.
                    for compound in [
                        format!("{ten_word}{unit_word}"),
                        format!("{unit_word}og{ten_word}"),
                        format!("{unit_word}{ten_word}"),
                    ] {
                        add(&compound, Word::Pair(ten + unit));
                    }
                }
            }
        }
        for (value, spellings) in TENS {
            add(spellings, Word::Ten(value));
        }
        add_german(&mut add);
        add_finnish(&mut add);
        for (value, spellings) in PAIRS {
            add(spellings, Word::Pair(value));
        }
        for (value, spellings) in UNITS {
            add(spellings, Word::Unit(value));
        }
        for (spellings, value) in MANY.into_iter().zip(0..) {
            add(spellings, Word::Many(value));
        }
        for (spellings, word) in [
            (HUNDRED, Word::Hundred),
            (THOUSAND, Word::Thousand),
            (TWICE, Word::Times(2)),
            (THRICE, Word::Times(3)),
            (PLUS, Word::Plus),
            (AND, Word::And),
            (FILLERS, Word::Filler),
        ] {
            add(spellings, word);
        }
        let mut begins = Box::new([0; 1024]);
        for word in words.keys() {
            let mut capital = word.chars();
            let capital: String =
                capital.next().into_iter().flat_map(char::to_uppercase).chain(capital.as_str().chars()).collect();
            for spelling in [word, &word.to_uppercase(), &capital] {
                let place = place(spelling.as_bytes());
                begins[place / 64] |= 1 << (place % 64);
            }
        }
        let shapes = Shapes::of(words.keys());
        Self { words, begins, shapes }
    }
}

impl Vocabulary {
    fn known(&self, word: &str) -> Option<(Word, bool)> {
        self.words.get(word).copied().or_else(|| Some((hundreds(word, self)?, false)))
    }

    fn word(&self, word: &str) -> Option<Word> {
        self.words.get(word).map(|(word, _)| *word)
    }
}

/// A word as a keyboard without its letters writes it: `dreissig`, `zwoelf`.
fn with_two_letters(word: &str) -> Option<String> {
    let has_one = word.contains(['ß', 'ü', 'ö']);
    has_one.then(|| word.replace('ß', "ss").replace('ü', "ue").replace('ö', "oe"))
}

/// Adds the units and tens of German: `achtundneunzig`, `einundzwanzig`.
fn add_german(add: &mut impl FnMut(&str, Word)) {
    for (tens, ten) in GERMAN_TENS.into_iter().zip((20..).step_by(10)) {
        add(tens, Word::Ten(ten));
        for (units, unit) in GERMAN.into_iter().zip(0..).skip(1) {
            for (unit_word, ten_word) in pairs(units, tens) {
                let unit_word = if unit_word == "eins" { "ein" } else { unit_word };
                add(&format!("{unit_word}und{ten_word}"), Word::Pair(ten + unit));
            }
        }
    }
    for (units, unit) in GERMAN.into_iter().zip(0..) {
        add(units, Word::Unit(unit));
    }
}

/// Adds the units, teens, and tens of Finnish: `yhdeksänkymmentäkahdeksan`, `kolkytviis`.
fn add_finnish(add: &mut impl FnMut(&str, Word)) {
    for (stems, value) in FINNISH_STEMS.into_iter().zip(1..) {
        for stem in stems.split(' ') {
            for teen in FINNISH_TEEN {
                add(&format!("{stem}{teen}"), Word::Pair(10 + value));
            }
            for ten in FINNISH_TEN.into_iter().filter(|_| value > 1) {
                add(&format!("{stem}{ten}"), Word::Ten(value * 10));
                for (units, unit) in FINNISH.into_iter().zip(0..).skip(1) {
                    for unit_word in units.split(' ') {
                        add(&format!("{stem}{ten}{unit_word}"), Word::Pair(value * 10 + unit));
                    }
                }
            }
        }
    }
    for (units, unit) in FINNISH.into_iter().zip(0..) {
        add(units, Word::Unit(unit));
    }
}

/// Each of some words with each of others.
fn pairs<'w>(some: &'w str, others: &'w str) -> impl Iterator<Item = (&'w str, &'w str)> {
    some.split(' ').flat_map(move |one| others.split(' ').map(move |other| (one, other)))
}

fn place(word: &[u8]) -> usize {
    usize::from(word[0]) << 8 | word.get(1).copied().map_or(0, usize::from)
}

/// The meaning of a word, if it is a number word.
pub(super) fn meaning(word: &str) -> Option<Word> {
    known(word).map(|(word, _)| word)
}

/// The same, and whether it is a word of everyday language too.
pub(super) fn known(word: &str) -> Option<(Word, bool)> {
    let known = &*VOCABULARY;
    let place = place(word.as_bytes());
    // Accents may be letters of their own; such a word is looked at closely.
    let may_be = known.begins[place / 64] >> (place % 64) & 1 == 1 || word.as_bytes().get(1) == Some(&0xCC);
    if !may_be || word.len() > LONGEST {
        return None;
    }
    if word.is_ascii() && !known.shapes.may_have(word.as_bytes()) && !may_have_hundreds(word) {
        return None;
    }
    let mut small = [0; LONGEST];
    if let Some(small) = small_in(&mut small, word.as_bytes()) {
        return known.known(std::str::from_utf8(small).ok()?);
    }
    let has_mark = word.as_bytes().contains(&0xCC);
    let small: String = if has_mark { word.nfc().flat_map(char::to_lowercase).collect() } else { word.to_lowercase() };
    known.known(&small)
}

/// Whether a word is longer than one for a hundred, so that it may have such a word in it.
const fn may_have_hundreds(word: &str) -> bool {
    word.len() > "hundre".len()
}

/// `nihundre`, `nihundreogåttisju`, `niohundraåttiosju`, `zweihundertvier`, `kaksisataakolme`.
fn hundreds(word: &str, known: &Vocabulary) -> Option<Word> {
    // Nearly no word gets beyond these lines, so they must be quick.
    if !may_have_hundreds(word) {
        return None;
    }
    let at = word.as_bytes().windows(4).position(|four| four == b"hund" || four == b"sata")?;
    let times = match known.word(&word[..at]) {
        Some(Word::Unit(times @ 1..)) => times,
        None if at == 0 => 1,
        _ => return None,
    };
    HUNDREDS.into_iter().filter_map(|hundred| word[at..].strip_prefix(hundred)).find_map(|rest| {
        let rest = ["och", "og", "und", "ja"].into_iter().find_map(|and| rest.strip_prefix(and)).unwrap_or(rest);
        match known.word(rest) {
            None if rest.is_empty() => Some(Word::Hundreds(times)),
            Some(Word::Unit(more) | Word::Ten(more) | Word::Pair(more)) => {
                Some(Word::Triple(u16::from(times) * 100 + u16::from(more)))
            }
            _ => None,
        }
    })
}

/// Where the parts end of a word that begins with a zero and has one or two more numbers behind it: `nollåtta`, `nullsju`,
/// `nollsjuttiotre`, `nollsjunoll`. The last part ends with the word.
pub(super) fn after_zero(word: &str) -> Option<Vec<usize>> {
    if !word.starts_with(['n', 'N']) {
        return None;
    }
    let zero = ["noll", "null", "nul"].into_iter().find(|zero| {
        word.len() > zero.len() && word.get(..zero.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(zero))
    })?;
    let rest = &word[zero.len()..];
    let is_number = |part: &str| matches!(meaning(part), Some(Word::Unit(_) | Word::Ten(_) | Word::Pair(_)));
    if is_number(rest) {
        return Some(vec![zero.len(), word.len()]);
    }
    let is_unit = |part: &str| matches!(meaning(part), Some(Word::Unit(_)));
    let mut ends = rest.char_indices().map(|(at, _)| at).skip(1).take(LONGEST);
    let end = ends.find(|end| is_unit(&rest[..*end]) && is_number(&rest[*end..]))?;
    Some(vec![zero.len(), zero.len() + end, word.len()])
}

/// Whether a word is the English `to`, which a machine that writes down speech takes for `two`, and the other way.
pub(super) fn is_preposition(word: &str) -> bool {
    word.eq_ignore_ascii_case("to") || word.eq_ignore_ascii_case("too")
}

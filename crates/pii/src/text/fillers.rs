//! The words that people say and write between two parts of a number, in the languages of the service.

use std::collections::HashSet;
use std::hash::BuildHasherDefault;
use std::sync::LazyLock;

use super::address_signs::small;
use super::words::{Quick, Word, meaning};

/// Filler words: pauses, assent, and words before the rest of a number.
const FILLERS: &str = "ja jo jepp jau yes yeah yep ok okay no nei nej nein joo juu kyllä og och and und ja sitten sen sedan then \
    so så derefter dernest danach next after that to slutt til slut slutligen finally lopuksi zum schluss last sist til sidst \
    altså alltså eli also well right just det stemmer correct exactly precis nettopp netop genau igen again mhm mm hmm hm eh \
    ehm øh øhm öh öhm äh ähm æh uh uhm um er erm ah aah vent wait moment warte vänta odota litt lidt lite bitte please takk tak \
    tack thanks danke kiitos sorry unnskyld undskyld förlåt is it its it's er är ist on dash bindestrek bindestreck bindestreg \
    strek streck komma comma punktum punkt punktum space mellomrom mellanslag mellemrum first second part half del første \
    andre anden andra första forsta teil ensin nummer number numero pause noise inaudible uhørlig utydelig ohörbart i you \
    kan can repeat got have har with med mit the den denne jeg jag ich unclear crosstalk music laughter \
    unk hold on go followed by comes kommer kommt tulee lyder niin hetkinen hetki selvä joo okei alkuosa loppuosa gut javel nå \
    nu jo nämlich und zwar erster zweiter teil nochmal toinen osa ensimmäinen rest resten loput grei fint fine öö ööö aa mmm niinku niinkun tota tuota hva hvad liksom ligesom typ sozusagen quasi et y en e";

/// Words that take back what was said just before them.
const CORRECTIONS: &str = "no nope nei nej nein eiku eikun eipä sorry unnskyld beklager undskyld förlåt ursäkta anteeksi \
    entschuldigung oops correction korreksjon korrigerer rettelse rettelser korrektion mean meant mente mener menar menade \
    meine meinte quatsch";

/// Words of what is counted or measured.
const UNITS: &str = "kr kroner kronor kroners nok sek dkk eur euro euros euroa usd gbp dollar dollars pund cent øre öre stk stykk \
    stykker stycken styck stück kpl kappaletta pcs pieces piece items % prosent procent percent prozent prosenttia € $ £ år years \
    jahre vuotta minutter minuter minutes minuten minuuttia timer timmar hours stunden tuntia dager dagar dage days tage päivää \
    kg km m cm mm g l liter meter gb mb ganger gånger gange times mal kertaa personer personen people";

/// Words by their hash. A list is gone through for each word of a text otherwise.
type Words = HashSet<&'static str, BuildHasherDefault<Quick>>;

static FILLER_WORDS: LazyLock<Words> = LazyLock::new(|| FILLERS.split_ascii_whitespace().collect());
static CORRECTION_WORDS: LazyLock<Words> = LazyLock::new(|| CORRECTIONS.split_ascii_whitespace().collect());
static UNIT_WORDS: LazyLock<Words> = LazyLock::new(|| UNITS.split_ascii_whitespace().collect());

/// Whether a word in small letters is a filler.
pub(super) fn is_filler(word: &str) -> bool {
    word.len() < 16 && (FILLER_WORDS.contains(word) || matches!(meaning(word), Some(Word::And | Word::Filler)))
}

/// Whether a word says what is counted.
pub(super) fn is_unit(word: &str) -> bool {
    !word.is_empty() && word.len() < 16 && UNIT_WORDS.contains(&word.to_lowercase()[..])
}

/// The text behind the last word that takes back what was said before it.
pub(super) fn behind_correction(text: &str) -> Option<&str> {
    let mut words = text.split(|c: char| !c.is_alphabetic()).rev();
    let last = words.find(|word| !word.is_empty() && CORRECTION_WORDS.contains(&*small(word)))?;
    // The word is a part of the text.
    let end = text.rfind(last)? + last.len();
    text.get(end..)
}

/// Whether nothing but fillers, annotations, and labels of lines stand in what divides two parts.
pub(super) fn is_said_between(between: &str) -> bool {
    let mut rest = between;
    while let Some(start) = rest.find(char::is_alphabetic) {
        // An annotation in brackets, and the label and time that a line begins with.
        let before = &rest[..start];
        let open = before.rfind(['[', '(', '<', '{']).filter(|open| !before[*open..].contains([']', ')', '>', '}']));
        if open.is_some() {
            let Some(close) = rest[start..].find([']', ')', '>', '}']) else { return false };
            rest = &rest[start + close + 1..];
            continue;
        }
        if before.contains('\n') {
            let line = &rest[start..rest[start..].find('\n').map_or(rest.len(), |end| start + end)];
            if let Some(colon) = line.find(':').filter(|colon| *colon <= 40) {
                rest = &rest[start + colon + 1..];
                continue;
            }
        }
        let word = &rest[start..];
        let word = &word[..word.find(|c: char| !c.is_alphabetic() && c != '\'').unwrap_or(word.len())];
        if !is_filler(&small(word)) {
            return false;
        }
        rest = &rest[start + word.len()..];
    }
    true
}

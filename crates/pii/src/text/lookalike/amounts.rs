//! Amounts: prices with a sign of money before or behind them, or with cents, and figures with a unit behind them.

use std::collections::HashSet;
use std::hash::BuildHasherDefault;
use std::sync::LazyLock;

use super::{goes_on, run, set};
use crate::digit;
use crate::text::cues::ends_with_cue;
use crate::text::digits::{Group, Lookalike, Stretch};
use crate::text::words::Quick;

/// `45 678 912,50`, `kr 45 678 912`, `$45.678.912`, `45 678 912 kr`: thousands, and a sign of money or cents. A price
/// that a number follows or is followed by takes nothing of it: `kr 99 98 76 54 32`, `98 76 54 32 1 500 kr`.
pub(super) fn mark(text: &str, stretch: &mut Stretch, first: usize) {
    let groups = &stretch.groups;
    let count = run(groups, first) - usize::from(ends_with_area(text, groups, first));
    let is_thousand = |group: &Group| group.len() == 3 && group.gap.width == 1;
    let begins = (1..=3).contains(&groups[first].len());
    let thousands = count > 1
        && begins
        && !goes_on(groups, first)
        && matches!(groups[first + 1].gap.sign, Some(' ' | '.'))
        && groups[first + 1..first + count].iter().all(is_thousand);
    let before = ends_with_money(&text[..groups[first].start]) || ends_with_share(&text[..groups[first].start]);
    let single = count == 1 && groups[first].len() >= 4;
    let is_amount = single
        && (first == 0 || !groups[first].gap.joins)
        && is_amount(&text[..groups[first].start], &text[groups[first].end..]);
    if thousands || single && before || is_amount {
        let last = first + count - 1;
        let cents = thousands
            && groups
                .get(last + 1)
                .is_some_and(|group| group.len() == 2 && matches!(&text[groups[last].end..group.start], "," | "."));
        let is_symbol = thousands && before && text[..groups[first].start].trim_end().ends_with(['$', '£']);
        let is_whole = cents || before || is_amount || thousands && begins_with_money(&text[groups[last].end..]);
        if is_whole && !(is_symbol && groups[first + 1].gap.sign == Some(' ')) {
            let end = if cents { last + 2 } else { last + 1 };
            set(&mut stretch.groups[first..end], Lookalike::Likely);
            return;
        }
    }
    if before && begins {
        set(&mut stretch.groups[first..=first], Lookalike::Likely);
    } else if first > 0
        && groups[first].gap.joins
        && groups[first].len() == 3
        && groups[first - 1].len() == 1
        && is_thousand(&groups[first])
        && begins_with_money(&text[groups[first].end..])
    {
        set(&mut stretch.groups[first - 1..=first], Lookalike::Likely);
    }
}

/// Whether the second of two groups begins a number that continues after a sign: `kr 99 070-3472792`. In `1 500-2 000`,
/// another amount is behind the sign.
fn ends_with_area(text: &str, groups: &[Group], first: usize) -> bool {
    let Some([_, area, rest, ..]) = groups.get(first..) else { return false };
    if rest.gap.sign == Some(' ') {
        return false;
    }
    let is_sign =
        |group: &Group, before: &Group| matches!(&text[before.end..group.start], "-" | "/" | "\u{2011}" | "\u{2013}");
    let goes_on = groups.get(first + 3).filter(|group| group.gap.joins);
    let is_amount = rest.len() <= 3 && goes_on.is_none_or(|group| group.len() == 3 && !is_sign(group, rest));
    is_sign(rest, area) && !is_amount && run(groups, first) == 2
}

/// Whether a group is an amount by the sign behind it. The sign is not one of the next amount, as in `98765432 kr
/// 500`, and no label is before the group: `tlf 98765432,-`.
fn is_amount(before: &str, after: &str) -> bool {
    let rest = after.trim_start_matches([' ', '\u{A0}']);
    let rest =
        rest.trim_start_matches(|c: char| c.is_alphabetic() || matches!(c, '$' | '€' | '£' | ',' | '-' | '\u{2013}'));
    // In Norwegian and Danish, `nok` is a word too.
    let is_word = after.trim_start_matches([' ', '\u{A0}']).starts_with("nok");
    begins_with_money(after)
        && !is_word
        && !ends_with_cue(before)
        && !rest.trim_start_matches([' ', '.', '\u{A0}']).starts_with(|c: char| digit(c).is_some())
}

const MONEY: [&str; 12] = ["kr", "kr.", "nok", "sek", "dkk", "eur", "euro", "usd", "gbp", "kroner", "kronor", "chf"];

/// Units of what is measured, what is counted by the million, and the money of Poland. They count behind a figure only. In
/// all languages here, a word of several meanings, such as `calls`, is none.
const UNITS: &str = "kwh mwh gwh wh kw stk stck stück styck st kpl pcs ms µs ns byte bytes tavua kb gb tb kib mib gib km kg \
    poeng kappaletta euroa dollar dollars brukere brugere følgere lesere læsere seere lyttere innbyggere \
    indbyggere kunder abonnenter medlemmer besøkende besøgende personer mennesker enheter enheder användare \
    följare läsare tittare lyssnare invånare prenumeranter medlemmar besökare människor nutzer nutzern \
    benutzer einwohner einwohnern aufrufe abonnenten besucher follower mitglieder stücke käyttäjää asukasta \
    asiakasta näyttökertaa latausta tilausta katselukertaa seuraajaa jäsentä views users units downloads \
    customers subscribers followers members viewers visitors listeners readers inhabitants impressions pln zł złotych złote rows \
    records items pieces euros pounds tonn ton tons tonnes tonnia tonnen liter litraa";

/// The endings of words for several deeds, which are counted: `visninger`, `beställningar`, `Bestellungen`.
const DEEDS: [&str; 10] =
    ["ninger", "linger", "dinger", "tinger", "ningar", "lingar", "sjoner", "tioner", "ungen", "tions"];

/// The fewest letters before such an ending.
const SHORTEST_STEM: usize = 3;

static UNIT_WORDS: LazyLock<HashSet<&str, BuildHasherDefault<Quick>>> =
    LazyLock::new(|| UNITS.split_ascii_whitespace().collect());

/// The longest word of money and the longest unit, in bytes. A longer word is neither, and is not read: it may be as
/// long as the text.
const LONGEST_WORD: usize = 24;

fn is_unit(word: &str) -> bool {
    let small = word.to_lowercase();
    let is_deed = |ending: &&str| small.strip_suffix(*ending).is_some_and(|stem| stem.len() >= SHORTEST_STEM);
    UNIT_WORDS.contains(small.as_str()) || word == "MB" || DEEDS.iter().any(is_deed)
}

fn is_money(word: &str) -> bool {
    matches!(word, "$" | "€" | "£") || MONEY.iter().any(|known| known.eq_ignore_ascii_case(word))
}

fn ends_with_money(before: &str) -> bool {
    let before = before.trim_end_matches([' ', '\u{A0}']);
    let symbol = before.ends_with(['$', '€', '£']);
    let start = before
        .char_indices()
        .rev()
        .take(8)
        .find(|(_, c)| c.is_whitespace() || matches!(c, '(' | '[' | '"' | '=' | ':'))
        .map_or(0, |(at, c)| at + c.len_utf8());
    // The sign of `499 kr 98765432` belongs to the text before it.
    let word = if symbol { before.trim_end_matches(['$', '€', '£']) } else { &before[..start] };
    let is_behind = word.trim_end_matches([' ', '\u{A0}', ',', '-', '.']).ends_with(|c: char| digit(c).is_some());
    !is_behind && (symbol || before.len() - start <= 8 && is_money(&before[start..]))
}

/// Words between a share and what it is a share of.
const OF: [&str; 9] = ["av", "af", "of", "von", "van", "de", "des", "di", "del"];

/// Whether a text ends with a share of the figure behind it: `40 % av`.
fn ends_with_share(before: &str) -> bool {
    let near = before.trim_end_matches([' ', '\u{A0}']);
    let share = OF.iter().find_map(|of| {
        let at = near.len().checked_sub(of.len())?;
        near.get(at..).filter(|end| end.eq_ignore_ascii_case(of)).map(|_| &near[..at])
    });
    share
        .is_some_and(|share| share.ends_with([' ', '\u{A0}']) && share.trim_end_matches([' ', '\u{A0}']).ends_with('%'))
}

pub(in crate::text) fn begins_with_money(after: &str) -> bool {
    let after = after.trim_start_matches([' ', '\u{A0}']);
    let is_whole = [",-", ",\u{2013}"].iter().any(|sign| after.starts_with(sign));
    if is_whole || after.starts_with(['$', '€', '£']) {
        return true;
    }
    let near = &after[..after.floor_char_boundary(LONGEST_WORD)];
    let word = near.find(|c: char| !c.is_alphabetic()).map_or(near, |end| &near[..end]);
    !word.is_empty() && word.len() < LONGEST_WORD && (is_money(word) || is_unit(word))
}

//! Numbers in the words of everyday speech: short forms, names of figures, and several of one digit.

use super::*;

fn all_are(code: &str, number: &str, expected: &str, spoken: &[&str]) {
    let own = Own { phone: Phone::parse(number, region(code)).ok(), ..Own::default() };
    let finder = Finder::new(region(code), own);
    let stories: Vec<(&str, &str)> = spoken.iter().map(|text| (*text, expected)).collect();
    check(&finder, &stories);
    check(&in_region(code), &stories);
}

#[test]
fn finnish_is_spoken_in_short_forms() {
    all_are(
        "FI",
        "0401234567",
        "<+358401234567>",
        &[
            "nolla neljäkyt yks kaks kolme neljä viis kuus seittemän",
            "nolla nelkyt kakstoista kolkytneljä viiskytkuus seiska",
            "nolla nelonen nolla ykkönen kakkonen kolmonen nelonen viitonen kutonen seiska",
            "nolla neljä nolla yks kaks kol nel viis kuus seit",
        ],
    );
    all_are(
        "FI",
        "0508970341",
        "<+358508970341>",
        &[
            "nolla viisi nolla kasi ysi seiska nolla kolme nelonen ykkönen",
            "nolla viiskyt kaheksan yheksän seittemän nolla kolme neljä yks",
        ],
    );
    let untouched = ["kuusi palaa ja koo on kirjain", "luin seiskaa ysiin asti", "yks kaks se oli ohi"];
    check(&in_region("FI"), &untouched.map(|text| (text, text)));
}

#[test]
fn a_word_for_several_of_a_digit_is_all_of_them() {
    all_are("NO", "90012345", "<+4790012345>", &["ni to nuller en to tre fire fem"]);
    all_are("NO", "90001233", "<+4790001233>", &["ni tre nuller en to to treere"]);
    all_are("DK", "31662338", "<+4531662338>", &["tre en to seksere to to treere otte"]);
    all_are("SE", "084465000", "<+4684465000>", &["noll åtta två fyror sex fem tre nollor"]);
    all_are("GB", "07400112255", "<+447400112255>", &["oh seven four two zeros two ones two twos two fives"]);
    all_are("DE", "03011234", "<+493011234>", &["null drei null zwei Einsen zwei drei vier"]);
    let untouched =
        ["det er to nuller i kassen", "two fives and three fours", "vi fick två nollor", "drei Nullen und zwei Einsen"];
    for code in ["NO", "SE", "GB", "DE"] {
        check(&in_region(code), &untouched.map(|text| (text, text)));
    }
}

#[test]
fn tens_and_counts_have_several_words() {
    all_are(
        "NO",
        "41327786",
        "<+4741327786>",
        &["firti en tretti to sytti sju åtti seks", "firtien trettito søttisju åttiseks"],
    );
    all_are("NO", "40713313", "<+4740713313>", &["førti søttien trettitre tretten"]);
    all_are("DE", "0301552233", "<+49301552233>", &["null drei null fuffzehn fünf zweimal zwei zweimal drei"]);
    all_are("DK", "40333112", "<+4540333112>", &["fyrre treogtredive enogtrædve tolv"]);
}

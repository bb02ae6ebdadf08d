//! How often the finder is right, on texts that are generated.

use super::*;

/// Random numbers that are the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[usize::try_from(self.below(all.len() as u64)).unwrap()]
    }

    fn digits(&mut self, count: usize) -> String {
        (0..count).map(|_| char::from(b'0' + u8::try_from(self.below(10)).unwrap())).collect()
    }

    fn hexadecimal(&mut self, count: usize) -> String {
        (0..count).map(|_| char::from_digit(u32::try_from(self.below(16)).unwrap(), 16).unwrap()).collect()
    }

    fn uuid(&mut self) -> String {
        [8, 4, 4, 4, 12].map(|count| self.hexadecimal(count)).join("-")
    }

    fn clock(&mut self, sign: &str) -> String {
        format!("{:02}{sign}{:02}", self.below(24), self.below(60))
    }

    /// A text with figures of which none is a phone number.
    fn figures(&mut self) -> String {
        let date = format!("{}-{:02}-{:02}", 2015 + self.below(15), 1 + self.below(12), 1 + self.below(28));
        match self.below(10) {
            0 => format!("session {} ended", self.uuid()),
            1 => format!("rec_{}.wav", self.uuid()),
            2 => format!("{date}T{}:{:02}.{}Z", self.clock(":"), self.below(60), self.digits(3)),
            3 => format!("{date} {}", self.clock(":")),
            4 => format!("{}-{}", self.clock("."), self.clock(".")),
            5 => format!("00:{},{} --> 00:{},{}", self.clock(":"), self.digits(3), self.clock(":"), self.digits(3)),
            6 => format!("kr {} {},{}", 1 + self.below(999), self.digits(3), self.digits(2)),
            7 => {
                format!("{{\"confidence\": 0.{}, \"start\": {}.{}}}", self.digits(6), self.below(4000), self.digits(2))
            }
            8 => format!("[{}, {}, {}]", self.below(51000), self.below(51000), self.below(51000)),
            _ => {
                format!("ts={} ms={}", 1_500_000_000 + self.below(300_000_000), 1_500_000_000_000 + self.below(1 << 38))
            }
        }
    }
}

#[test]
fn ids_times_prices_and_scores_are_hardly_ever_callers() {
    let mut dice = Dice(88_172_645_463_325_252);
    for code in ["NO", "SE", "DK", "FI", "DE", "US"] {
        let finder = in_region(code);
        let texts: Vec<String> = (0..5_000).map(|_| dice.figures()).collect();
        let wrong: Vec<_> = texts.iter().filter(|text| !finder.find(text).is_empty()).collect();
        assert!(wrong.is_empty(), "{code} {wrong:?}");
    }
}

#[test]
fn the_own_number_is_found_in_every_distortion() {
    const GAPS: [&str; 20] = [
        "",
        " ",
        "-",
        ".",
        "  ",
        "    ",
        "\u{a0}",
        "&nbsp;",
        "<b>",
        "<br>",
        "%20",
        "\\n",
        "\n",
        "=20",
        " eh ",
        ", ",
        " -- ",
        " [00:01] ",
        " (pause) ",
        " og ",
    ];
    let mut dice = Dice(7_046_029_254_386_353_131);
    for _ in 0..3_000 {
        let (number, gap) = (format!("9{}", dice.digits(7)), dice.of(&GAPS));
        let own = Own { phone: Phone::parse(&number, region("NO")).ok(), ..Own::default() };
        let pairs: Vec<&str> = number.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap()).collect();
        let text = format!("ring meg på {} takk", pairs.join(gap));
        let seen = seen(&Finder::new(region("NO"), own), &text);
        let left: String = seen.replace(&format!("<+47{number}>"), "").chars().filter(char::is_ascii_digit).collect();
        assert!(seen.contains(&format!("<+47{number}>")) && !left.contains(&number[4..]), "{text:?} {seen:?}");
    }
}

#[test]
fn other_numbers_are_found_beside_figures_and_take_none_of_them() {
    let mut dice = Dice(2_463_534_242_463_534_242);
    let mut all = 0;
    while all < 5_000 {
        let (code, number, groups): (_, _, &[usize]) = match dice.below(6) {
            0 => ("NO", format!("9{}", dice.digits(7)), &[3, 2, 3]),
            1 => ("NO", format!("4{}", dice.digits(7)), &[2, 2, 2, 2]),
            2 => ("SE", format!("07{}", dice.digits(8)), &[3, 3, 2, 2]),
            3 => ("DK", format!("31{}", dice.digits(6)), &[2, 2, 2, 2]),
            4 => ("FI", format!("04{}", dice.digits(8)), &[3, 7]),
            _ => ("DE", format!("015{}", dice.digits(9)), &[4, 8]),
        };
        let Some(phone) = Phone::parse_valid(&number, region(code)) else { continue };
        all += 1;
        let mut rest = &number[..];
        let mut written = Vec::new();
        for length in groups {
            let (group, behind) = rest.split_at(*length);
            written.push(group);
            rest = behind;
        }
        let written = written.join(" ");
        let (before, after) = match dice.below(5) {
            0 => ("Ring ", " i morgen"),
            1 => ("rom 12, ", "."),
            2 => ("", " kl 10:30"),
            3 => ("2 stk til 499 kr ", ""),
            _ => ("Kunde 41 ", " ok"),
        };
        let expected = format!("{before}<{}>{after}", phone.expose().as_str());
        assert_eq!(seen(&in_region(code), &format!("{before}{written}{after}")), expected, "{code}");
    }
}

//! Chat logs and transcripts, and the speed of the finder on them: `benches/run texts`.
//!
//!     texts make 500          writes texts, one JSON object a line
//!     texts find < texts      tokenizes the texts on one core, and writes bytes and seconds

use std::io::{self, BufRead as _, Write};

use chrono::NaiveDate;
use pii::text::{Finder, Own, tokenize_text};
use pii::{Email, Phone, Region};
use sample::{REGION, Sample, SampleCustomer, customer, spellings};
use serde::{Deserialize, Serialize};

/// The number of times that the texts are read. The fastest time counts.
const ROUNDS: usize = 5;

#[derive(Serialize, Deserialize, Default)]
struct Log {
    text: String,
    /// The customer. The record knows their number and address.
    phone: String,
    email: Option<String>,
}

#[derive(Serialize)]
struct Speed {
    bytes: usize,
    seconds: f64,
}

/// The texts of a language: openings, turns without and with identifiers, and the digits as words.
struct Language {
    talk: &'static [&'static str],
    telling: &'static [&'static str],
    digits: [&'static str; 10],
}

const LANGUAGES: [Language; 4] = [
    Language {
        talk: &[
            "Hei, og velkommen til kundeservice. Hva kan jeg hjelpe deg med i dag?",
            "Fakturaen fra mai er på 1 249,50 kr, men jeg skulle hatt tre måneder gratis.",
            "Et øyeblikk, så skal jeg se på saken din.",
            "Ordren ble sendt 12.05.2024 og skulle vært levert for to dager siden.",
            "Sporingsnummeret er 70712345678901234 og den står fremdeles i Oslo.",
            "Jeg har vært kunde i over ti år, og dette har aldri skjedd før.",
            "Det forstår jeg godt. Vi ordner det med en gang, og du får en kreditnota på epost.",
            "Kan dere ringe etter klokken 15.30? Jeg er på jobb fram til da.",
            "Sak 2024-118832 er registrert, og svaret kommer innen fem virkedager.",
            "Takk for hjelpen, og ha en fin dag videre!",
        ],
        telling: &[
            "Du når meg på {phone} hele dagen.",
            "Send bekreftelsen til {email}, er du snill.",
            "Nummeret mitt er {phone}, og adressen er {email}.",
            "Ja, det er {spoken}.",
        ],
        digits: ["null", "en", "to", "tre", "fire", "fem", "seks", "sju", "åtte", "ni"],
    },
    Language {
        talk: &[
            "Good morning, thank you for calling, how can I help you today?",
            "My order 4500018823 still has not arrived, it was due on 2024-05-12 at 10:30.",
            "One moment please, I am just going to look that up for you.",
            "It says here that two of the four items were sent on Monday.",
            "The total was $1,249.50 including delivery, and I was charged twice for it.",
            "I have been on hold for twenty five minutes, that is not one bit funny.",
            "I do understand, and I am sorry about that. Let me see what I can do.",
            "The reference is RF-20240512-77, please keep it for next time.",
            "We are open from nine to five, seven days a week.",
            "Thanks a lot for your patience, and have a nice evening.",
        ],
        telling: &[
            "You can reach me at {phone} any time.",
            "Could you send it to {email} please?",
            "Call {phone} or write to {email}.",
            "Sure, it's {spoken}.",
        ],
        digits: ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"],
    },
    Language {
        talk: &[
            "Hej och välkommen till kundtjänst, vad kan jag hjälpa dig med?",
            "Fakturan på 1 249,50 kr kom den 12 maj, men jag har redan betalat den.",
            "Ett ögonblick så ska jag titta på ärendet.",
            "Paketet med nummer 00370712345678901234 ligger kvar i Malmö sedan sex dagar.",
            "Jag har varit kund i åtta år och det har alltid fungerat förut.",
            "Det låter inte bra, jag förstår att du är besviken.",
            "Ordernumret är 880123-55, det står överst på kvittot.",
            "Vi återkommer inom fem arbetsdagar, senast klockan 17.00 på fredag.",
            "Kan ni ringa mig efter klockan fyra i stället?",
            "Tack så mycket för hjälpen, ha en trevlig helg!",
        ],
        telling: &[
            "Jag nås på {phone} under dagen.",
            "Skicka det gärna till {email}.",
            "Mitt nummer är {phone} och min adress {email}.",
            "Ja visst, det är {spoken}.",
        ],
        digits: ["noll", "ett", "två", "tre", "fyra", "fem", "sex", "sju", "åtta", "nio"],
    },
    Language {
        talk: &[
            "Hej, og velkommen til kundeservice. Hvad kan jeg hjælpe med?",
            "Regningen lyder på 1.249,50 kr., men jeg har kun bestilt to af de tre varer.",
            "Lige et øjeblik, så slår jeg det op.",
            "Ordren er fra den 12-05-2024 og skulle have været leveret for fire dage siden.",
            "Jeg har ventet i femogtyve minutter, og det er otte gange i denne uge.",
            "Det beklager jeg meget. Vi retter det med det samme.",
            "Sagsnummeret er 118832, og du får svar inden syv hverdage.",
            "Vi har åbent fra ni til fem, også om lørdagen.",
            "Kan I ringe efter klokken 15.30 i stedet for?",
            "Mange tak for hjælpen og fortsat god dag!",
        ],
        telling: &[
            "I kan træffe mig på {phone} hele dagen.",
            "Send den gerne til {email}, tak.",
            "Mit nummer er {phone}, og adressen er {email}.",
            "Ja, det er {spoken}.",
        ],
        digits: ["nul", "en", "to", "tre", "fire", "fem", "seks", "syv", "otte", "ni"],
    },
];

/// Draws that are the same on every machine.
struct Draws(u64);

impl Draws {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or_default() % count
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let region: Region = REGION.parse().map_err(io::Error::other)?;
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["make", count] => make(count.parse().map_err(io::Error::other)?, region),
        ["find"] => find(region),
        _ => Err(io::Error::other("texts make COUNT, or texts find")),
    }
}

fn make(count: u64, region: Region) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let until = NaiveDate::from_ymd_opt(2026, 8, 4).unwrap_or_default();
    let sample = Sample { interactions: count, days: 30, seed: 7, until };
    for index in 0..count {
        let mut draws = Draws(index);
        let person = customer(&sample, index);
        let language = &LANGUAGES[draws.below(LANGUAGES.len())];
        let mut made = Log { phone: person.phone_e164.clone(), email: person.email.clone(), ..Log::default() };
        for turn in 0..16 + draws.below(16) {
            made.text.push_str(if turn % 2 == 0 { "Agent: " } else { "Kunde: " });
            let telling = turn % 2 == 1 && draws.below(4) == 0;
            made.say(
                draws.pick(if telling { language.telling } else { language.talk }),
                &person,
                language,
                region,
                &mut draws,
            );
            made.text.push('\n');
        }
        serde_json::to_writer(&mut out, &made)?;
        out.write_all(b"\n")?;
    }
    out.flush()
}

impl Log {
    fn say(&mut self, line: &str, person: &SampleCustomer, language: &Language, region: Region, draws: &mut Draws) {
        let mut rest = line;
        while let Some((before, after)) = rest.split_once('{') {
            self.text.push_str(before);
            let (word, after) = after.split_once('}').unwrap_or((after, ""));
            rest = after;
            let spelled = spellings(&person.phone_e164, region);
            let digit = |digit: u8| language.digits.get(usize::from(digit.wrapping_sub(b'0'))).copied();
            match (word, &person.email) {
                ("email", Some(email)) => self.text.push_str(email),
                ("spoken", _) => {
                    // From abroad, the number is dialled with its country code.
                    let e164 = person.phone_e164.as_str();
                    let dialled = e164.strip_prefix("+47").map_or_else(|| e164.replacen('+', "00", 1), str::to_owned);
                    let digits: Vec<&str> = dialled.bytes().filter_map(digit).collect();
                    let groups: Vec<String> = digits.chunks(3).map(|group| group.join(" ")).collect();
                    self.text.push_str(&groups.join(", "));
                }
                _ => {
                    let choice = draws.below(spelled.len().max(1));
                    self.text.push_str(spelled.get(choice).unwrap_or(&person.phone_e164));
                }
            }
        }
        self.text.push_str(rest);
    }
}

/// The seconds of processor time that this process has used, so that other processes of the machine do not count.
fn processor_seconds() -> io::Result<f64> {
    let used = std::fs::read_to_string("/proc/self/schedstat")?;
    let nanoseconds: f64 = used.split(' ').next().unwrap_or_default().parse().map_err(io::Error::other)?;
    Ok(nanoseconds / 1e9)
}

fn find(region: Region) -> io::Result<()> {
    let texts = io::stdin().lock().lines().map(|line| Ok(serde_json::from_str(&line?)?));
    let texts = texts.collect::<io::Result<Vec<Log>>>()?;
    let bytes = texts.iter().map(|text| text.text.len()).sum();
    let mut seconds = f64::INFINITY;
    for _ in 0..ROUNDS {
        let began = processor_seconds()?;
        for text in &texts {
            let own = Own {
                phone: Phone::parse(&text.phone, region).ok(),
                email: text.email.as_deref().and_then(|email| Email::parse(email).ok()),
                name: None,
            };
            let mut mentions = vec![];
            std::hint::black_box(tokenize_text(&Finder::new(region, own), &text.text, &mut mentions));
        }
        seconds = seconds.min(processor_seconds()? - began);
    }
    let mut out = io::BufWriter::new(io::stdout().lock());
    serde_json::to_writer(&mut out, &Speed { bytes, seconds })?;
    out.write_all(b"\n")?;
    out.flush()
}

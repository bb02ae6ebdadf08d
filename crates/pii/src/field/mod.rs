//! The fields of a customer, as telephony, mail, and chat systems write them.
//!
//! A field is read more generously than free text. `bare` removes the text around its identifier, and `encoded` undoes
//! one more encoding. The text besides the identifier is a name, if it can be one.

mod bare;
mod encoded;

#[cfg(test)]
mod tests;

use chrono::{Datelike as _, NaiveDate};

pub(crate) use bare::Bare;
pub(crate) use encoded::{hexadecimal, words};

use crate::nobody::{is_counter, is_in, is_numbered};
use crate::text::{Find, Finder, Found, Own, Patterns};
use crate::{
    Email, IdentifierError, Kind, PersonName, Phone, Pii, Region, digit, is_nobody, is_separator, is_withheld,
};

/// The identifiers of a field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldReading {
    pub phone: Option<Pii<Phone>>,
    pub email: Option<Pii<Email>>,
    pub name: Option<Pii<PersonName>>,
    /// Whether the field contains a text that is not one of them, or one of a kind too many.
    pub is_ignored: bool,
}

/// Reads a field that is meant for an identifier of a kind. Whatever it is meant for, an identifier of another kind is read as
/// such. A name loses what matches a pattern of the tenant.
#[must_use]
pub fn read_field(raw: &str, kind: Kind, region: Region, patterns: &Patterns) -> FieldReading {
    if is_withheld(raw) {
        return FieldReading::default();
    }
    let bare = Bare::of(raw);
    if is_date(&bare.text) {
        return FieldReading { is_ignored: true, ..FieldReading::default() };
    }
    let phone = || Phone::of_bare(&bare, region).map(Found::Phone);
    let email = || Email::of_bare(&bare).map(Found::Email);
    let first = match kind {
        Kind::Name if is_numbered(raw) => Err(IdentifierError::Name),
        Kind::Phone => phone(),
        // An address that is called is a number, or nobody's.
        Kind::Email | Kind::Name if bare.is_call => phone(),
        Kind::Email | Kind::Name => email(),
    };
    let second = || if kind == Kind::Phone || bare.is_call { email() } else { phone() };
    let whole = match first {
        Err(IdentifierError::Phone | IdentifierError::Email) => second(),
        first => first,
    };
    let name = bare.display.as_deref().and_then(|display| name_of(display, region, patterns));
    let reading = FieldReading { name, ..FieldReading::default() };
    match whole {
        Ok(Found::Phone(phone)) => FieldReading { phone: Some(phone), ..reading },
        Ok(Found::Email(email)) => FieldReading { phone: number_in(&bare, region), email: Some(email), ..reading },
        Err(IdentifierError::Withheld) => reading,
        _ if kind == Kind::Name => read_name(&bare, region, patterns),
        _ => read_one(&bare, region, patterns),
    }
}

/// The number that the user of an address is: gateways of messages and of calls write `+4798765432@sms.example.no`. The
/// address is an identifier too, since mail is sent to it.
fn number_in(bare: &Bare, region: Region) -> Option<Pii<Phone>> {
    let (user, host) = bare.user();
    let digits = user.strip_prefix('+').filter(|_| !host.is_empty())?;
    let is_number = (8..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    Phone::parse_valid(&user, region).filter(|_| is_number)
}

/// Whether a field is a day as calendars write it: `2024-05-12`. Its digits are a number in some countries, and a column
/// of days would make one person of all who called on a day.
fn is_date(text: &str) -> bool {
    const WRITTEN: [&str; 4] = ["%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y"];
    let is_usual = |date: &NaiveDate| (1900..2100).contains(&date.year());
    let read = |written: &str| NaiveDate::parse_from_str(text.trim(), written).ok().filter(is_usual);
    text.trim().len() == "2024-05-12".len() && WRITTEN.iter().any(|written| read(written).is_some())
}

/// Reads what should be a name. Numbers and addresses in it are identifiers of their own; what is suppressed is left out.
fn read_name(bare: &Bare, region: Region, patterns: &Patterns) -> FieldReading {
    let said = said(bare);
    if is_nobody(&said) && (is_numbered(&said) || !said.chars().any(|c| digit(c).is_some())) {
        return FieldReading {
            is_ignored: is_numbered(&said) && said.contains(char::is_numeric),
            ..FieldReading::default()
        };
    }
    let Searched { mut reading, rest, is_found, .. } = search(&said, region, patterns);
    match if is_found { name_beside(&rest) } else { PersonName::parse(&rest) } {
        Ok(name) => reading.name = Some(name),
        Err(IdentifierError::Withheld) => reading.is_ignored |= !is_found && rest.chars().any(|c| digit(c).is_some()),
        Err(_) => reading.is_ignored = true,
    }
    reading
}

/// Reads the only identifier in a field that contains more than that, and the name beside it. If there are several, it is unknown
/// which one is the customer's, and figures beside a number may belong to it.
fn read_one(bare: &Bare, region: Region, patterns: &Patterns) -> FieldReading {
    let said = said(bare);
    let Searched { reading, rest, is_glued, .. } =
        search(said.trim_matches(|c: char| c.is_whitespace() || matches!(c, '#' | '*')), region, patterns);
    let has_digits = reading.phone.is_some() && rest.chars().any(|c| digit(c).is_some());
    let is_one = reading.phone.is_some() != reading.email.is_some();
    // The digits of `Visitor 4711` count visitors. No system counts with a `+`.
    let counts = is_counter(&said) && !said.contains('+');
    if bare.is_call || reading.is_ignored || has_digits || counts || !is_one {
        return FieldReading { is_ignored: true, ..FieldReading::default() };
    }
    let name = name_beside(&rest).ok().filter(|_| !is_glued);
    FieldReading { name, ..reading }
}

/// The text of a field without its wrapping.
fn said(bare: &Bare) -> String {
    match &bare.display {
        Some(display) => format!("{display} <{}>", bare.text),
        None => bare.text.clone(),
    }
}

/// The identifiers in a text, and what is left of it.
struct Searched {
    reading: FieldReading,
    rest: String,
    is_found: bool,
    /// Whether the text before an identifier is the scheme or the path of a link: `facetime:+47…`, `PJSIP/98765432`.
    is_glued: bool,
}

fn search(said: &str, region: Region, patterns: &Patterns) -> Searched {
    let mut searched =
        Searched { reading: FieldReading::default(), rest: String::new(), is_found: false, is_glued: false };
    let (reading, mut end) = (&mut searched.reading, 0);
    for (range, found) in Finder::new(region, Own::default()).with_patterns(patterns).find_all(said) {
        searched.is_found = true;
        searched.is_glued |= said[..range.start].ends_with([':', '/', '=']);
        searched.rest.push_str(&said[end..range.start]);
        searched.rest.push(' ');
        end = range.end;
        match found {
            Find::Identifier(Found::Phone(phone)) if reading.phone.as_ref().is_none_or(|known| *known == phone) => {
                reading.phone = Some(phone);
            }
            Find::Identifier(Found::Email(email)) if reading.email.as_ref().is_none_or(|known| *known == email) => {
                reading.email = Some(email);
            }
            _ => reading.is_ignored = true,
        }
    }
    searched.rest.push_str(&said[end..]);
    searched
}

/// The name that is left beside an identifier, without the signs around it.
fn name_beside(rest: &str) -> Result<Pii<PersonName>, IdentifierError> {
    let name = rest.replace(['<', '>', '(', ')', '[', ']', '"'], " ");
    let is_sign =
        |c: char| c.is_whitespace() || c.is_ascii_punctuation() && c != '.' || matches!(c, '\u{2013}' | '\u{2014}');
    let name = name.trim_matches(is_sign);
    if is_label(name) { Err(IdentifierError::Withheld) } else { PersonName::parse(name) }
}

/// The name that is written beside an identifier, unless it only repeats a number or an address, or says what it is.
fn name_of(display: &str, region: Region, patterns: &Patterns) -> Option<Pii<PersonName>> {
    let is_free = || Finder::new(region, Own::default()).with_patterns(patterns).find_all(display).is_empty();
    PersonName::parse(display).ok().filter(|_| !is_label(display) && is_free())
}

/// Whether a text has only words that say what an identifier is, and words between two of them.
fn is_label(text: &str) -> bool {
    let small = text.to_lowercase().replace('-', "");
    let mut words = small.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.all(|word| is_in(LABELS, word) || is_in(BETWEEN, word))
}

/// Words between two identifiers, or between one and its label.
const BETWEEN: &str =
    "and at auf av der die eller en et eta etter for i ja og och oder on or på sekä soita tai till to und";

/// Words before or behind a number that say what it is.
const LABELS: &str = "adresse address arbeid arbeit arbete arbejde bureau buero büro business caller cell cellphone contact dienst \
    dienstlich email epost fax fon fra från from fixnet festnetz geschäftlich gsm handy handynr handynummer hem hemma hjem \
    hjemme home jobb jobbet job kontakt kontor kontoret koti mail mejl mob mobiel mobil mobilen mobile mobilnr mobilnummer \
    mobiltelefon móvil no nr num number numero número nummer office osoite ph phone post privat privé puh puhelin sms tel \
    telefon telefonnr telefonnummer telephone teléfono telnr tfn tlf tlfnr toimisto työ von whatsapp work zuhause";

/// Words and signs between a number and its extension.
const EXTENSIONS: &str = "# * , ,, ; ala alanro alanumero ankn anknyt anknytning anexo app apparat durchwahl dw ext extension \
    extn int intern internnr internnummer interno linje lok lokal lokalnr lokalnummer nebenstelle nst p \
    poste ramal w x";

/// The number of a field without its label, its extension, and the `.0` that a spreadsheet has put behind it.
pub(crate) fn number_of(text: &str) -> &str {
    let text = without_label(text.trim());
    let is_number = |c: char| c == '+' || c == '\u{FF0B}' || digit(c).is_some() || is_separator(c);
    let end = text.find(|c| !is_number(c)).unwrap_or(text.len());
    let (number, behind) = text.split_at(end);
    let number_is_one = number.chars().filter_map(digit).count() > 4;
    if behind.is_empty() {
        return without_fraction(text);
    }
    let (mark, extension) = behind.split_at(behind.find(|c| digit(c).is_some()).unwrap_or(behind.len()));
    let mark = mark.to_lowercase();
    let mark = mark.trim_matches(|c: char| c.is_whitespace() || matches!(c, '.' | ':' | '=' | '-' | '('));
    let length = extension.trim_end_matches(|c: char| !c.is_alphanumeric()).chars().count();
    let is_digits = extension.chars().all(|c| digit(c).is_some() || !c.is_alphanumeric());
    // A sign alone may also separate two numbers.
    let longest = if mark.starts_with(char::is_alphabetic) { 7 } else { 5 };
    let is_extension = is_digits && (1..=longest).contains(&length) && is_in(EXTENSIONS, mark);
    let is_label = extension.is_empty()
        && !mark.is_empty()
        && mark.split([' ', '.', ',']).all(|word| word.is_empty() || is_in(LABELS, word));
    if number_is_one && (is_extension || is_label) { number.trim_end() } else { text }
}

/// The text behind the words that say what it is, as in `Tlf. nr.: 98765432`.
fn without_label(text: &str) -> &str {
    let mut rest = text;
    loop {
        let end = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
        if end == 0 {
            return rest;
        }
        let behind = rest[end..].trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '.' | ':'));
        if behind.len() == rest.len() - end || !is_in(LABELS, rest[..end].to_lowercase().as_str()) {
            return text;
        }
        rest = behind;
    }
}

/// The number before the `.0` of a spreadsheet.
fn without_fraction(text: &str) -> &str {
    let whole = text.split_once(['.', ',']).filter(|(_, fraction)| {
        !fraction.is_empty() && fraction.len() <= 2 && fraction.bytes().all(|byte| byte == b'0')
    });
    whole
        .map(|(whole, _)| whole)
        .filter(|whole| whole.len() > 4 && whole.chars().all(|c| c == '+' || digit(c).is_some()))
        .unwrap_or(text)
}

//! The wrapping of an identifier in a field: a display name, a URI with its parameters, the quotes of a spreadsheet, an encoding.

use super::encoded::decoded;
use crate::digit::is_invisible;

/// The most layers that are taken off.
const LAYERS: usize = 8;

/// URI schemes behind which a number or an address is written.
const SCHEMES: &[&str] = &[
    "callto", "fax", "h323", "iax", "iax2", "im", "mailto", "mms", "mmsto", "phone", "pres", "rcs", "sip", "sips",
    "skype", "sms", "smsto", "smtp", "tel", "viber", "whatsapp", "xmpp",
];

/// The schemes of what is called.
const CALLS: &[&str] = &["callto", "fax", "h323", "iax", "iax2", "phone", "sip", "sips", "tel"];

/// Quotes, each with the one that closes it.
const QUOTES: &[(char, char)] = &[
    ('"', '"'),
    ('\'', '\''),
    ('`', '`'),
    ('\u{201C}', '\u{201D}'),
    ('\u{2018}', '\u{2019}'),
    ('\u{201D}', '\u{201D}'),
    ('\u{2019}', '\u{2019}'),
    ('\u{AB}', '\u{BB}'),
    ('\u{BB}', '\u{AB}'),
    ('\u{201E}', '\u{201C}'),
    ('\u{201E}', '\u{201D}'),
    ('\u{201A}', '\u{2018}'),
    ('\u{FF02}', '\u{FF02}'),
];

/// Hosts of addresses whose user is a number that begins with its country code: the accounts of `WhatsApp`.
const INTERNATIONAL: &[&str] = &["s.whatsapp.net", "c.us"];

/// A field without what wraps it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Bare {
    /// The number, the address, or whatever else there is.
    pub text: String,
    /// The name before an address in angle brackets, or the comment behind it.
    pub display: Option<String>,
    /// The country code that a `tel:` URI says its number belongs to, with its `+`.
    pub context: Option<String>,
    /// Whether it is the URI of something that is called, such as `sip:`.
    pub is_call: bool,
}

impl Bare {
    /// Takes off the layers of a field.
    pub fn of(raw: &str) -> Self {
        let mut bare = Self { text: raw.to_owned(), ..Self::default() };
        for _ in 0..LAYERS {
            if !bare.take_off() {
                break;
            }
        }
        bare
    }

    /// Takes off one layer, if there is one.
    fn take_off(&mut self) -> bool {
        let trimmed = self.text.trim_matches(|c: char| c.is_whitespace() || is_invisible(c));
        if trimmed.len() < self.text.len() {
            self.text = trimmed.to_owned();
            return true;
        }
        if let Some(decoded) = decoded(trimmed) {
            self.text = decoded;
            return true;
        }
        if let Some((scheme, inner)) = behind_scheme(trimmed) {
            self.is_call |= CALLS.contains(&scheme.as_str());
            self.text = inner.to_owned();
            return true;
        }
        if let Some(inner) = spreadsheet(trimmed).or_else(|| unquoted(trimmed)) {
            self.text = inner.to_owned();
            return true;
        }
        if let Some((inner, display)) = in_brackets(trimmed).or_else(|| before_comment(trimmed)) {
            let display = Self::of(display).text;
            let inner = inner.to_owned();
            self.display = self.display.take().or(Some(display)).filter(|display| !display.is_empty());
            self.text = inner;
            return true;
        }
        let Some((inner, parameters)) = parameters(trimmed) else { return false };
        let context = parameters.split(';').find_map(|parameter| parameter.trim().strip_prefix("phone-context="));
        // Some write the host behind the parameters of the user.
        let context = context.and_then(|context| context.split('@').next());
        let context = context.filter(|context| context.starts_with('+')).map(str::to_owned);
        self.context = context.or(self.context.take());
        self.text = inner.to_owned();
        true
    }

    /// The user of an address and its host: of `+4798765432:secret@10.0.0.1` the number.
    pub fn user(&self) -> (String, &str) {
        match self.text.rsplit_once('@') {
            None => (self.text.clone(), ""),
            Some((user, host)) => {
                let user = user.split([':', ';']).next().unwrap_or_default();
                let host = host.split([':', ';', '/']).next().unwrap_or_default();
                let is_international = INTERNATIONAL.iter().any(|one| host.eq_ignore_ascii_case(one));
                let plus = if is_international && !user.starts_with('+') { "+" } else { "" };
                (format!("{plus}{user}"), host)
            }
        }
    }
}

/// The text that a spreadsheet was kept from reading as a number: `'+4798765432`, `="0047 98765432"`, `=+4798765432`.
fn spreadsheet(text: &str) -> Option<&str> {
    let formula = text
        .strip_prefix('=')
        .filter(|rest| rest.starts_with(['"', '+', '\'']) || rest.starts_with(|c: char| c.is_ascii_digit()));
    let is_open = |rest: &&str| !rest.is_empty() && !rest.contains(['\'', '\u{2019}']);
    formula.or_else(|| text.strip_prefix(['\'', '\u{2019}']).filter(is_open))
}

/// The text in a pair of quotes.
fn unquoted(text: &str) -> Option<&str> {
    let pairs = QUOTES.iter().filter_map(|(open, close)| {
        let inner = text.strip_prefix(*open)?.strip_suffix(*close)?;
        (!inner.contains([*open, *close])).then_some(inner)
    });
    pairs.into_iter().next()
}

/// The scheme of a URI and the text behind it, or the number of a link that opens a conversation with it.
fn behind_scheme(text: &str) -> Option<(String, &str)> {
    let (scheme, rest) = text.split_once(':').filter(|(scheme, _)| scheme.len() <= 8)?;
    let scheme = scheme.to_ascii_lowercase();
    let rest = rest.trim_start_matches('/');
    if scheme == "http" || scheme == "https" {
        let number = rest.strip_prefix("wa.me/").or_else(|| rest.strip_prefix("www.wa.me/"))?;
        return Some((scheme, number.split(['?', '/']).next().unwrap_or_default()));
    }
    let known = SCHEMES.contains(&scheme.as_str());
    known.then(|| (scheme, rest.split('?').next().unwrap_or_default()))
}

/// The address in angle brackets and the name before it. Of several addresses nobody knows which is the customer's.
fn in_brackets(text: &str) -> Option<(&str, &str)> {
    let (display, rest) = text.split_once('<')?;
    let (address, behind) = rest.split_once('>').unwrap_or((rest, ""));
    let is_one = !address.contains('<')
        && (behind.is_empty() || behind.trim_start().starts_with(';') && !behind.contains(['<', '@']));
    (is_one && !address.trim().is_empty()).then_some((address, display))
}

/// The number or address before a comment in brackets, as `kari@example.no (Kari Nordmann)` has one.
fn before_comment(text: &str) -> Option<(&str, &str)> {
    let (before, comment) = text.strip_suffix(')')?.rsplit_once('(')?;
    let is_identifier = before.contains('@') || before.chars().filter_map(crate::digit).count() > 4;
    (is_identifier && comment.contains(char::is_alphabetic)).then_some((before, comment))
}

/// The text before the parameters of a URI, and these: `;user=phone`, `;ext=12`, `;phone-context=+47`, `;npdi`.
fn parameters(text: &str) -> Option<(&str, &str)> {
    let (before, all) = text.split_once(';')?;
    let is_parameter = |parameter: &str| {
        let name = parameter.trim().split('=').next().unwrap_or_default();
        name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    let is_identifier = before.contains(|c: char| c == '@' || c.is_numeric());
    (is_identifier && all.split(';').all(|parameter| parameter.trim().is_empty() || is_parameter(parameter)))
        .then_some((before, all))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_taken_out_of_its_wrapping() {
        for (raw, text, display) in [
            (
                "\"Matti Virtanen\" <sip:+358401234567@pbx.example.fi;user=phone>;tag=1",
                "+358401234567@pbx.example.fi",
                Some("Matti Virtanen"),
            ),
            ("Erika <tel:+49-151-2345-6789>", "+49-151-2345-6789", Some("Erika")),
            ("=?UTF-8?Q?J=C3=B6rg_M=C3=BCller?= <j@example.de>", "j@example.de", Some("Jörg Müller")),
            ("j@example.de (Jörg Müller)", "j@example.de", Some("Jörg Müller")),
            ("mailto:kari%2Bx@example.no?subject=Hei", "kari+x@example.no", None),
            ("'+4798765432", "+4798765432", None),
            ("=\"0047 98765432\"", "0047 98765432", None),
            ("\u{200E}“98765432”", "98765432", None),
            ("https://wa.me/4798765432?text=hei", "4798765432", None),
            ("a@example.no, b@example.no", "a@example.no, b@example.no", None),
            ("<a@example.no>, <b@example.no>", "<a@example.no>, <b@example.no>", None),
            ("100% Kari", "100% Kari", None),
            ("K&aring;re", "Kåre", None),
            ("K%C3%A5re+Nordmann", "Kåre Nordmann", None),
            ("K\\u00e5re", "Kåre", None),
        ] {
            let bare = Bare::of(raw);
            assert_eq!((bare.text.as_str(), bare.display.as_deref()), (text, display), "{raw}");
        }
    }
}

//! The text around four pairs of digits with points between them that says that they are the address of a machine:
//! `IP 91.23.45.67`, `http://91.23.45.67/`, `91.23.45.67/24`, `([91.23.45.67])`.

use crate::text::cues::{last_word, last_words};

/// Words for an address of a machine, or for a machine that has one, in small letters. One of the parts of a name is
/// enough: `client_ip`, `remoteAddr`.
const MACHINES: &str = "ip ips ipv addr ipaddr ipaddress ipadresse ipadress ipadressen ipnumber ipnummer server \
    serveren servern dns nameserver gateway router routern subnet subnett subnetmask netmask cidr host \
    hostname ping pinger traceroute tracert nslookup forwardedfor xff";

/// Words behind `IP`: `IP-adresse`, `IP-osoite`.
const ADDRESSES: &str = "en n adresse adressen address addresses adresser adress adressen adr osoite osoitteesta osoitteen adres \
    dirección indirizzo nummer number nr";

/// Words between such a label and the address.
const BETWEEN: [&str; 7] = [" er ", " is ", " är ", " ist ", " on ", " var ", " was "];

/// The beginnings of URLs with a number.
const CALLED: [&str; 5] = ["callto://", "sip://", "sips://", "sms://", "tel://"];

/// Text behind an address at the beginning of a line that a server writes for each call.
const LOGGED: &str = " - - [";

/// The bits of the widest mask.
const WIDEST_MASK: u8 = 32;

/// Whether the text before and behind such digits makes them the address of a machine.
pub(super) fn is_one(before: &str, behind: &str) -> bool {
    let is_bracketed = before.ends_with("([") && behind.starts_with("])");
    let is_url = before.ends_with("://") && !CALLED.iter().any(|scheme| before.ends_with(scheme));
    is_bracketed
        || is_url
        || before.ends_with('@')
        || has_port(behind)
        || has_mask(behind)
        || behind.starts_with(LOGGED)
        || is_labelled(before)
}

/// `:8080`.
fn has_port(behind: &str) -> bool {
    behind.strip_prefix(':').is_some_and(|port| port.starts_with(|c: char| c.is_ascii_digit()))
}

/// `/24`: how many bits the addresses of a network share.
fn has_mask(behind: &str) -> bool {
    let Some(mask) = behind.strip_prefix('/') else { return false };
    let length = mask.bytes().take(3).take_while(u8::is_ascii_digit).count();
    let ends = !mask[length..].starts_with(|c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '-'));
    ends && mask[..length].parse::<u8>().is_ok_and(|bits| (8..=WIDEST_MASK).contains(&bits))
}

/// Whether the label before them is for an address of a machine.
pub(in crate::text) fn is_labelled(before: &str) -> bool {
    let is_in = |list: &str, word: &str| list.split_ascii_whitespace().any(|known| known == word);
    // `IP-en er `, `IPv4: `.
    let before = BETWEEN.iter().find_map(|word| before.strip_suffix(word)).unwrap_or(before);
    let before = before.trim_end_matches([' ', ':', '=']).trim_end_matches(|c: char| c.is_ascii_digit());
    let Some(parts) = last_words(before) else { return false };
    let is_forwarded = |pair: &[String]| pair[0] == "forwarded" && pair[1] == "for";
    if parts.iter().any(|part| is_in(MACHINES, part)) || parts.windows(2).any(is_forwarded) {
        return true;
    }
    let Some((rest, last)) = last_word(near(before)) else { return false };
    let Some((_, other)) = last_word(rest) else { return false };
    other == "ip" && is_in(ADDRESSES, &last) || other == "forwarded" && last == "for"
}

/// The text before such digits that is looked at, in bytes.
const NEAR: usize = 48;

fn near(before: &str) -> &str {
    &before[before.ceil_char_boundary(before.len().saturating_sub(NEAR))..]
}

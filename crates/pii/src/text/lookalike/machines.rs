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
    let is_bracketed = is_in_brackets(before, behind) || ends_with_mapped(before);
    let is_url = before.ends_with("://") && !CALLED.iter().any(|scheme| before.ends_with(scheme));
    is_bracketed
        || is_url
        || before.ends_with('@')
        || has_port(behind)
        || has_mask(behind)
        || behind.starts_with(LOGGED)
        || is_labelled(before)
        || is_behind_another(before)
}

/// `([91.23.45.67])`, `(mx.x.no [91.23.45.67])`, `[91.23.45.67]:5060`.
fn is_in_brackets(before: &str, behind: &str) -> bool {
    let Some(outside) = before.strip_suffix('[') else { return false };
    let has_host = || {
        let word = near(outside).trim_end().rsplit([' ', '(']).next().unwrap_or_default();
        word.contains('.') && word.contains(char::is_alphabetic)
    };
    let is_closed = behind.starts_with("])") && (outside.ends_with('(') || outside.ends_with(' ') && has_host());
    is_closed || behind.strip_prefix(']').is_some_and(has_port)
}

/// `::ffff:`: what is behind it is an address of the old kind in one of the new kind.
fn ends_with_mapped(before: &str) -> bool {
    const MAPPED: &str = "::ffff:";
    let end = before.len().checked_sub(MAPPED.len()).and_then(|at| before.get(at..));
    end.is_some_and(|end| end.eq_ignore_ascii_case(MAPPED))
}

/// The longest address of the hardware of a machine.
const LONGEST_HARDWARE: usize = "98-76-54-32-10-AB".len();

/// Words before such an address that has no letter.
const HARDWARE: [&str; 8] = ["mac", "macaddr", "macaddress", "bssid", "wifi", "wlan", "ethernet", "hwaddr"];

/// Whether digits are a part of the address of the hardware of a machine: `98-76-54-32-10-AB`, `9876.5432.aabb`.
pub(super) fn is_of_hardware(text: &str, start: usize, end: usize) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b'-' | b':' | b'.');
    let bytes = text.as_bytes();
    let before = bytes[..start].iter().rev().take(LONGEST_HARDWARE + 1).take_while(|byte| is_part(byte)).count();
    let after = bytes[end..].iter().take(LONGEST_HARDWARE + 1).take_while(|byte| is_part(byte)).count();
    let (from, to) = (start - before, end + after);
    // The sign of a label and the end of a sentence.
    let address = text[from..to].trim_start_matches(':').trim_end_matches(['.', ':']);
    let has = |sign: char, count: usize, length: usize| {
        address.split(sign).count() == count && address.split(sign).all(|part| part.len() == length)
    };
    if !(has('-', 6, 2) || has(':', 6, 2) || has('.', 3, 4)) {
        return false;
    }
    let is_labelled = || {
        let label = near(&text[..from]).to_lowercase().replace(['-', ' '], "");
        HARDWARE.iter().any(|word| label.trim_end_matches(':').trim_end_matches("adresse").ends_with(word))
    };
    address.contains(|c: char| c.is_ascii_alphabetic()) || is_labelled()
}

/// The most addresses of a row of them.
const MOST_IN_ROW: usize = 8;

/// Signs and words between two addresses of a row: `DNS 91.23.45.67 og 91.23.45.68`.
const BETWEEN_TWO: &str = ", ; / | & og och and und ja sekä samt eller or oder tai et ou y en of e i";

/// Whether another address is before this one, which a label or its own groups make one.
fn is_behind_another(before: &str) -> bool {
    let mut rest = before;
    for _ in 0..MOST_IN_ROW {
        let near = rest.trim_end_matches([' ', '\u{A0}']);
        let without = near.trim_end_matches(char::is_alphabetic);
        let sign = near.char_indices().next_back().map_or(near.len(), |(at, _)| at);
        let between = if without.len() < near.len() { &near[without.len()..] } else { &near[sign..] };
        if !BETWEEN_TWO.split(' ').any(|known| known.eq_ignore_ascii_case(between)) {
            return false;
        }
        let near = near[..near.len() - between.len()].trim_end_matches([' ', '\u{A0}', ',']);
        let Some((before, is_written)) = address_at_end(near) else { return false };
        if is_written || is_labelled(before) {
            return true;
        }
        rest = before;
    }
    false
}

/// The text before the address that a text ends with, and whether its groups are not those of a phone number.
fn address_at_end(text: &str) -> Option<(&str, bool)> {
    const LONGEST: usize = "255.255.255.255".len();
    let length = text.bytes().rev().take(LONGEST + 1).take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    let (before, address) = text.split_at(text.len() - length);
    let parts: Vec<&str> = address.split('.').collect();
    let is_one = parts.len() == 4 && parts.iter().all(|part| part.parse::<u8>().is_ok());
    is_one.then(|| (before, parts.iter().any(|part| part.len() != 2)))
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

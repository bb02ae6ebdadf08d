//! E-mail addresses in texts.

use std::collections::HashMap;
use std::ops::Range;

use super::digits::{is_invisible, is_mark, next_byte};
use super::message_ids::is_id;
use super::{Find, Found};
use crate::{Email, Pii, Region};

/// An address and its position.
type AddressAt = (Range<usize>, Pii<Email>);

/// Characters before and after the `@` that are looked at: more has no address.
const LONGEST_PART: usize = 255;

/// The text around an `@`.
enum Around {
    Address(AddressAt),
    /// The id of a message.
    Id(Range<usize>),
}

/// Adds every address of a text, in the order of the text. Returns the ids of messages, which look like addresses.
pub(super) fn find(text: &str, own: Option<&Pii<Email>>, found: &mut Vec<(Range<usize>, Find)>) -> Vec<Range<usize>> {
    let (mut ids, mut free): (Vec<Range<usize>>, _) = (Vec::new(), 0);
    let mut known = KnownAddresses::default();
    for at in places(text) {
        if at.start < free {
            continue;
        }
        if text.as_bytes()[at.start] == b'#' {
            if let Some((range, address)) = guest(text, free, &at) {
                free = range.end;
                found.push((range, Find::Identifier(Found::Email(address))));
            }
            continue;
        }
        let last_id = ids.last().map_or(0, |id| id.end);
        match around(text, free, &at, own, last_id, &mut known) {
            Some(Around::Address((range, address))) => {
                free = range.end;
                found.push((range, Find::Identifier(Found::Email(address))));
            }
            Some(Around::Id(range)) => {
                free = range.end;
                ids.push(range);
            }
            None => {}
        }
    }
    ids
}

/// Whether a text contains an address, whatever is around it.
pub(super) fn is_in(address: &Pii<Email>, text: &str) -> bool {
    text.to_lowercase().contains(address.expose().as_str())
}

/// Azure writes this behind the address of a guest, whose `@` becomes `_`: `kari_x.no#EXT#@tenant.onmicrosoft.com`.
const GUEST: &str = "#EXT#";

/// The address of a guest before the mark of one.
fn guest(text: &str, free: usize, mark: &Range<usize>) -> Option<AddressAt> {
    let before = &text[free..mark.start];
    let taken = before.chars().rev().take(LONGEST_PART).take_while(|c| is_local(*c, false));
    let name = &before[before.len() - taken.map(char::len_utf8).sum::<usize>()..];
    let name = name.trim_start_matches(|c: char| matches!(c, '.' | '-' | '\'' | '+') || is_invisible(c));
    // No domain has such a sign.
    let (local, domain) = name.rsplit_once('_').filter(|(_, domain)| is_public(domain))?;
    Some((mark.start - name.len()..mark.start, parse(&joined(local, domain))?))
}

/// The position of an `@`, also full-width or as a URL writes it, and of the mark of a guest.
fn places(text: &str) -> impl Iterator<Item = Range<usize>> {
    let bytes = text.as_bytes();
    let mut wide = next_byte(text, 0xEF, 0);
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            if wide.is_some_and(|wide| wide < from) {
                wide = next_byte(text, 0xEF, from);
            }
            let near = &bytes[from..wide.unwrap_or(bytes.len())];
            let at = memchr::memchr3(b'@', b'%', b'#', near).map(|ahead| from + ahead).or(wide)?;
            let length = match bytes[at] {
                b'@' => 1,
                b'#' if bytes[at..]
                    .get(..GUEST.len())
                    .is_some_and(|mark| mark.eq_ignore_ascii_case(GUEST.as_bytes())) =>
                {
                    GUEST.len()
                }
                b'%' if bytes[at..].starts_with(b"%40") => 3,
                0xEF if bytes[at..].starts_with("\u{FF20}".as_bytes()) => 3,
                _ => 0,
            };
            from = at + length.max(1);
            if length > 0 {
                return Some(at..from);
            }
        }
    })
}

fn around(
    text: &str,
    free: usize,
    at: &Range<usize>,
    own: Option<&Pii<Email>>,
    last_id: usize,
    known: &mut KnownAddresses,
) -> Option<Around> {
    let local = |wide: bool| {
        let before = &text[free..at.start];
        let taken = before.chars().rev().take(LONGEST_PART).take_while(|c| is_local(*c, wide));
        &before[before.len() - taken.map(char::len_utf8).sum::<usize>()..]
    };
    let after = &text[at.end..];
    let taken = after.chars().take(LONGEST_PART).take_while(|c| is_domain(*c));
    let domain = &after[..taken.map(char::len_utf8).sum::<usize>()];
    let domain = domain.trim_end_matches(|c: char| matches!(c, '.' | '-') || is_invisible(c));
    // Nearly every hostile `@` fails here. The text before it is longer and is only read for the others.
    if domain.is_empty() {
        return None;
    }
    let mut read = |local: &str, domain: &str| {
        let address = known.parse(local, domain)?;
        Some((at.start - local.len()..at.end + domain.len(), address))
    };
    let is_own = |hit: &AddressAt| Some(&hit.1) == own;
    // The record's own address counts however strange its local part, and whatever was written on behind it.
    if let Some(own) = own
        && may_begin_with(own, domain)
        && let Some(hit) = own_around(own, local(true), domain, &mut read).filter(is_own)
    {
        return Some(Around::Address(hit));
    }
    let whole = domain;
    let domain = word_end(sentence_end(domain));
    if !is_public(domain) || is_scale(domain) {
        return None;
    }
    let local = local(false).trim_start_matches(|c: char| matches!(c, '.' | '-' | '\'' | '+' | '%') || is_invisible(c));
    let local = if after[whole.len()..].starts_with('_') { local.trim_start_matches('_') } else { local };
    let begins = at.start - local.len();
    let end = at.end + domain.len();
    if is_id(text, &(begins..end), local, last_id) {
        return Some(Around::Id(begins..end));
    }
    if is_of_machine(&text[..begins], &text[end..]) { None } else { read(local, domain).map(Around::Address) }
}

/// Whether a domain in a text may be the one of an address. Domains of addresses are ASCII, and so one in ASCII is compared as
/// it is.
fn may_begin_with(own: &Pii<Email>, domain: &str) -> bool {
    let own_domain = own.expose().as_str().rsplit_once('@').map_or("", |(_, domain)| domain);
    let begins = |start: &str| start.eq_ignore_ascii_case(own_domain);
    if domain.is_ascii() {
        domain.get(..own_domain.len()).is_some_and(begins)
    } else {
        (domain.contains('.') || !own_domain.contains('.')) && begins_alike(domain, own_domain)
    }
}

/// Whether a domain may have the letters of another one, as far as it has letters that are the same in ASCII.
fn begins_alike(domain: &str, own_domain: &str) -> bool {
    // A label of other letters has others in ASCII.
    if own_domain.contains("xn--") {
        return true;
    }
    let written = domain.chars().filter(|c| !is_invisible(*c)).take_while(char::is_ascii);
    written.zip(own_domain.chars()).all(|(c, own)| c.eq_ignore_ascii_case(&own))
}

/// Whether what looks like an address is none that anybody writes to: the user of a URL (`postgres://user:pw@db.x.no`) or of a
/// copy (`git@github.com:acme/repo.git`).
fn is_of_machine(before: &str, after: &str) -> bool {
    let near = &before[before.ceil_char_boundary(before.len().saturating_sub(LONGEST_PART))..];
    // No user has such a character, so that nothing is read beyond it.
    let last = near.rfind(|c: char| matches!(c, '/' | '?' | '#') || c.is_whitespace());
    let scheme = last.and_then(|last| near[..last].strip_suffix(":/").filter(|_| near[last..].starts_with('/')));
    let is_user = scheme.is_some_and(|scheme| !["mailto", "sip", "sips"].iter().any(|known| scheme.ends_with(known)));
    let is_copy = after.strip_prefix(':').is_some_and(|path| {
        let path = &path[..path.floor_char_boundary(LONGEST_PART)];
        // A part of them is counted: the paths near the end of a text are shorter, so that half a text has less of them.
        #[cfg(test)]
        crate::work::count_steps(path.len() / 16);
        let path = &path[..path.find(char::is_whitespace).unwrap_or(path.len())];
        path.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '~')) && path.contains('/')
    });
    // The id of a part of a message, as a page names its pictures: `cid:logo@x.no`.
    let is_part = before.len().checked_sub("cid:".len()).and_then(|at| before.get(at..));
    is_user || is_copy || is_part.is_some_and(|scheme| scheme.eq_ignore_ascii_case("cid:"))
}

/// Whether a domain is the end of the name of a picture, which says for how fine a screen it is: `icon@2x.png`.
fn is_scale(domain: &str) -> bool {
    let Some((scale, kind)) = domain.split_once('.') else { return false };
    let digits = scale.strip_suffix(['x', 'X']).unwrap_or_default();
    let kinds = ["png", "jpg", "jpeg", "gif", "webp", "svg", "heic", "avif", "pdf"];
    matches!(digits.as_bytes(), [b'1'..=b'9']) && kinds.iter().any(|known| known.eq_ignore_ascii_case(kind))
}

/// Cuts off the word that follows without a space: `kari@x.noTlf`.
fn word_end(domain: &str) -> &str {
    let label = domain.rfind('.').map_or(0, |dot| dot + 1);
    let capital = domain[label..].find(char::is_uppercase).filter(|at| *at > 0).map(|at| label + at);
    capital.filter(|at| is_top_level(&domain[label..*at])).map_or(domain, |at| &domain[..at])
}

/// The record's own address where local part and domain may have more around them than belongs to it.
fn own_around(
    own: &Pii<Email>,
    local: &str,
    domain: &str,
    read: &mut dyn FnMut(&str, &str) -> Option<AddressAt>,
) -> Option<AddressAt> {
    let (own_local, own_domain) = own.expose().as_str().rsplit_once('@')?;
    let length = own_local.chars().count();
    let visible = local.char_indices().rev().filter(|(_, c)| !is_invisible(*c));
    let (before, local) = local.split_at(visible.take(length).last().map_or(0, |(at, _)| at));
    // Nearly every other address of the own domain has other letters, so it is read once.
    if local.is_ascii() && !local.eq_ignore_ascii_case(own_local) {
        return None;
    }
    // `minkari@x.no` and `min.kari@x.no` are somebody else's.
    let before = before.trim_end_matches(|c: char| matches!(c, '.' | '-' | '\'' | '+') || is_invisible(c));
    if before.ends_with(|c: char| c != '%' && is_local(c, false)) {
        return None;
    }
    let ends = domain.match_indices(['.', '-']).map(|(at, _)| at).chain([domain.len()]);
    let glued = Some(own_domain.len())
        .filter(|end| domain[..].get(*end..).is_some_and(|rest| rest.starts_with(char::is_uppercase)));
    let ends = glued.into_iter().chain(ends.filter(|end| !goes_on(&domain[*end..])));
    ends.filter_map(|end| read(local, &domain[..end])).find(|hit| hit.1 == *own)
}

/// Whether what follows a whole address makes a longer one of it: `.uk` and `-mail.com` do, the sentence of `.ring meg` and
/// the name of `-Kari` do not.
fn goes_on(rest: &str) -> bool {
    let rest = rest.trim_end_matches(|c: char| matches!(c, '.' | '-') || is_invisible(c));
    rest.rsplit_once('.').is_some_and(|(_, label)| is_top_level(label))
}

/// Whether a label is a country's domain, or one of the general domains that were there first. A word that begins the
/// next sentence hardly ever is one.
pub(super) fn is_top_level(label: &str) -> bool {
    const OTHERS: [&str; 11] = ["com", "net", "org", "edu", "gov", "mil", "int", "info", "biz", "eu", "uk"];
    let visible: String = label.chars().filter(|c| !is_invisible(*c)).collect();
    OTHERS.iter().any(|other| visible.eq_ignore_ascii_case(other))
        || visible.len() == 2 && visible.to_ascii_uppercase().parse::<Region>().is_ok()
}

fn joined(local: &str, domain: &str) -> String {
    if local.is_ascii() && domain.is_ascii() {
        return [local, "@", domain].concat();
    }
    local.chars().chain(['@']).chain(domain.chars()).filter(|c| !is_invisible(*c)).collect()
}

fn parse(address: &str) -> Option<Pii<Email>> {
    let is_whole = !address.starts_with('@') && !address.ends_with('@');
    is_whole.then(|| Email::parse(address).ok()).flatten()
}

/// Addresses of a text that were read before. A hostile text repeats one whose domain is dear to read.
#[derive(Default)]
struct KnownAddresses(HashMap<String, Option<Pii<Email>>>);

impl KnownAddresses {
    /// How many addresses are remembered.
    const MOST: usize = 256;

    fn parse(&mut self, local: &str, domain: &str) -> Option<Pii<Email>> {
        let address = joined(local, domain);
        if let Some(known) = self.0.get(&address) {
            return known.clone();
        }
        let read = parse(&address);
        if self.0.len() >= Self::MOST {
            self.0.clear();
        }
        self.0.insert(address, read.clone());
        read
    }
}

/// Characters of a local part. Signs that are allowed in one but in practice stand around addresses, as in
/// `?mail=kari@x.no&`, end it, unless the record's own address has them (`wide`).
fn is_local(c: char, wide: bool) -> bool {
    c.is_alphanumeric()
        || matches!(c, '.' | '_' | '+' | '-' | '\'')
        || is_invisible(c)
        || is_mark(c)
        || wide && matches!(c, '!' | '#' | '$' | '%' | '&' | '*' | '/' | '=' | '?' | '^' | '`' | '{' | '|' | '}' | '~')
}

fn is_domain(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '-') || is_invisible(c) || is_mark(c)
}

/// A domain as mail is sent to across the net: at least two labels, the last of letters.
pub(super) fn is_public(domain: &str) -> bool {
    domain.rsplit_once('.').is_some_and(|(rest, top)| {
        let top: String = top.chars().filter(|c| !is_invisible(*c)).collect();
        let letters = top.chars().count() >= 2 && top.chars().all(|c| c.is_alphabetic() || is_mark(c));
        !rest.is_empty() && (letters || top.to_lowercase().starts_with("xn--"))
    })
}

/// Cuts off the sentence that follows without a space: `kari@x.no.Ring meg`.
fn sentence_end(domain: &str) -> &str {
    let begins_sentence = |label: &str| {
        let mut letters = label.chars();
        letters.next().is_some_and(char::is_uppercase) && letters.next().is_none_or(char::is_lowercase)
    };
    match domain.rsplit_once('.') {
        Some((rest, label)) if rest.contains('.') && begins_sentence(label) && !rest.contains(char::is_uppercase) => {
            rest
        }
        _ => domain,
    }
}

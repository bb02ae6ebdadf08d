//! Containers of conversations (vCon, drafted by the IETF): who took part, what was said, and what was made of it.
//!
//! Numbers, addresses and names of the parties go whole. Bodies that are text in base64url are read and kept as text; other
//! bytes cannot be looked through, so they are refused: a recording is uploaded as a recording.

use std::borrow::Cow;
use std::ops::Range;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::super::{Find, Found};
use super::DocumentError;
use super::pieces::Put;
use super::rereading::has_placeholder;
use super::scan::{Json, quoted};
use super::speakers::is_role;
use super::walk::{JsonWalk, Trail};
use crate::{ANONYMIZED, Email, IdentifierError, Phone, Pii};

/// The lists whose entries have bodies.
const LISTS: [&str; 6] = ["dialog", "analysis", "attachments", "group", "appended", "amended"];

/// Reads base64 of either alphabet once its signs are those of URLs, padded or not.
const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Whether a JSON document is a container, whatever it was called. Reference servers leave out the version.
pub(super) fn is_one(json: Json<'_>) -> bool {
    let begins = |key: &str| Some(json.byte(json.get(json.root(), key)?));
    let is_list = |key: &str| begins(key) == Some(b'[');
    let says_so = begins("vcon") == Some(b'"')
        || begins("uuid") == Some(b'"') && (is_list("dialog") || is_list("analysis") || is_list("attachments"));
    json.byte(json.root()) == b'{' && says_so && is_list("parties")
}

/// The container with text in place of the bodies that are none, `None` where all are; or refuses what cannot be looked through.
pub(super) fn open(json: Json<'_>) -> Result<Option<String>, DocumentError> {
    let refuse = |pointer: &str, rule| Err(DocumentError::Rule { pointer: pointer.to_owned(), rule });
    let root = json.root();
    if json.byte(root) != b'{' {
        return refuse("", "must be a vCon: an object");
    }
    if ["payload", "ciphertext", "signatures"].iter().any(|key| json.get(root, key).is_some()) {
        return refuse("", "must be a vCon that is neither signed nor encrypted");
    }
    let version = json.get(root, "vcon").map(|version| json.byte(version));
    if version != Some(b'"') && (version.is_some() || !is_one(json)) {
        return refuse("/vcon", "must be the version of the vCon");
    }
    let is_null = |list: usize| json.byte(list) == b'n';
    if json.get(root, "parties").is_some_and(|parties| !is_null(parties) && !all_objects(json, parties)) {
        return refuse("/parties", "must be an array of objects");
    }
    let (mut opened, mut end) = (String::new(), 0);
    for member in json.members(root) {
        let list = json.read(member.key.clone());
        if !LISTS.contains(&list.as_ref()) || is_null(member.value) {
            continue;
        }
        if !all_objects(json, member.value) {
            return refuse(&format!("/{list}"), "must be an array of objects");
        }
        for (at, entry) in json.items(member.value).enumerate() {
            let rule = |rule| DocumentError::Rule { pointer: format!("/{list}/{at}/body"), rule };
            let entry = VconEntry { json, at: entry };
            if list == "dialog" && entry.is_recording() && entry.has_body() {
                return Err(rule("must not hold a recording: upload it as content of the kind recording"));
            }
            for (range, anew) in entry.open().map_err(rule)? {
                opened.push_str(&json.text[end..range.start]);
                opened.push_str(&anew);
                end = range.end;
            }
        }
    }
    if end == 0 {
        return Ok(None);
    }
    opened.push_str(&json.text[end..]);
    Ok(Some(opened))
}

fn all_objects(json: Json<'_>, list: usize) -> bool {
    json.byte(list) == b'[' && json.items(list).all(|entry| json.byte(entry) == b'{')
}

#[derive(Clone, Copy)]
struct VconEntry<'t> {
    json: Json<'t>,
    at: usize,
}

impl<'t> VconEntry<'t> {
    /// Where a field is, if it is a string.
    fn string(self, key: &str) -> Option<Range<usize>> {
        let start = self.json.get(self.at, key).filter(|start| self.json.byte(*start) == b'"')?;
        Some(start..self.json.end(start))
    }

    fn text(self, key: &str) -> Option<Cow<'t, str>> {
        self.string(key).map(|range| self.json.read(range))
    }

    fn has_body(self) -> bool {
        let body = self.json.get(self.at, "body").filter(|body| self.json.byte(*body) != b'n');
        body.is_some() && self.text("body").as_deref() != Some("")
    }

    fn is_recording(self) -> bool {
        let kind = self.text("type").unwrap_or_default();
        let media = ["mediatype", "mimetype"].iter().find_map(|key| self.text(key)).unwrap_or_default();
        kind == "recording" || kind == "video" || media.starts_with("audio/") || media.starts_with("video/")
    }

    /// The new body and its encoding, in the order of the document, so that the body is text.
    fn open(self) -> Result<Vec<(Range<usize>, String)>, &'static str> {
        const UNKNOWN: &str = "must have an encoding of base64url, json or none";
        let stated = self.json.get(self.at, "encoding").filter(|start| self.json.byte(*start) != b'n');
        let encoding = match stated {
            None => Cow::Borrowed("none"),
            Some(_) => self.text("encoding").ok_or(UNKNOWN)?,
        };
        let Some(place) = self.string("body") else { return Ok(Vec::new()) };
        let body = self.json.read(place.clone());
        let body = match encoding.to_ascii_lowercase().as_str() {
            "none" => return readable(&body).map(|()| Vec::new()),
            "json" => match Json::check(&body) {
                Ok(inner) if inner.byte(inner.root()) != b'"' => return Ok(vec![(place, body.into_owned())]),
                Ok(inner) => {
                    readable(&inner.string(inner.root()))?;
                    body.into_owned()
                }
                // Reference servers write what a model has said as if it were JSON.
                Err(_) if !body.trim_start().starts_with(['{', '[', '"']) => {
                    readable(&body)?;
                    quoted(&body)
                }
                Err(_) => return Err("must be JSON, as its encoding says"),
            },
            "base64url" | "base64" => {
                let text = String::from_utf8(decoded(&body).ok_or("must be base64url, as its encoding says")?);
                let text = text.ok().filter(|text| !text.contains('\0'));
                let text = text.ok_or("must be text: upload other bytes as content of their own")?;
                readable(&text)?;
                quoted(&text)
            }
            _ => return Err(UNKNOWN),
        };
        let encoding = self.string("encoding").map(|range| (range, "\"none\"".to_owned()));
        let mut anew: Vec<_> = [(place, body)].into_iter().chain(encoding).collect();
        anew.sort_by_key(|(range, _)| range.start);
        Ok(anew)
    }
}

fn readable(body: &str) -> Result<(), &'static str> {
    if is_encoded(body) { Err("must say its encoding: it looks like base64url") } else { Ok(()) }
}

/// Whether a body that is said to be text is text in base64: nobody could look for identifiers in it.
fn is_encoded(body: &str) -> bool {
    const SHORTEST: usize = 16;
    let signs = body.trim();
    let is_sign = |byte: u8| byte.is_ascii_alphanumeric() || b"+/-_=".contains(&byte);
    let is_text = |bytes| String::from_utf8(bytes).is_ok_and(|text| !text.chars().any(|c| c.is_control() && c != '\n'));
    signs.len() >= SHORTEST && signs.bytes().all(is_sign) && decoded(signs).is_some_and(is_text)
}

fn decoded(body: &str) -> Option<Vec<u8>> {
    let signs = body.trim();
    if !signs.contains(['+', '/']) {
        return ENGINE.decode(signs).ok();
    }
    let signs: Vec<u8> = signs
        .bytes()
        .map(|byte| {
            if byte == b'+' {
                b'-'
            } else if byte == b'/' {
                b'_'
            } else {
                byte
            }
        })
        .collect();
    ENGINE.decode(signs).ok()
}

/// Collects the strings of a container; of its parties the identifiers go whole.
pub(super) fn walk(walk: &mut JsonWalk<'_>) -> Result<(), DocumentError> {
    let json = walk.json;
    let root = json.root();
    if json.byte(root) != b'{' {
        return Ok(());
    }
    let mut is_renamed = false;
    for member in json.members(root) {
        let key = json.read(member.key.clone());
        is_renamed |= walk.key(&member.key, &key)?;
        let trail = Trail::default().field(&key);
        if key != "parties" || json.byte(member.value) != b'[' {
            walk.value(member.value, trail)?;
            continue;
        }
        for party in json.items(member.value) {
            if json.byte(party) == b'{' {
                walk_party(party, trail, walk)?;
            } else {
                walk.value(party, trail)?;
            }
        }
    }
    if is_renamed {
        walk.keep_apart(root);
    }
    Ok(())
}

fn walk_party(party: usize, trail: Trail, walk: &mut JsonWalk<'_>) -> Result<(), DocumentError> {
    let (json, case, finder) = (walk.json, walk.case, walk.finder);
    let entry = VconEntry { json, at: party };
    let phone = entry.text("tel").map(|tel| Phone::parse(&tel, case.region));
    let email = entry.text("mailto").map(|address| Email::parse(address_of(&address)));
    let is_own = phone.as_ref().is_some_and(|phone| is_known(phone, case.own.phone.as_ref()))
        || email.as_ref().is_some_and(|email| is_known(email, case.own.email.as_ref()));
    let mut is_renamed = false;
    for member in json.members(party) {
        let key = json.read(member.key.clone());
        is_renamed |= walk.key(&member.key, &key)?;
        let (inner, is_string) = (trail.field(&key), json.byte(member.value) == b'"');
        let text = if is_string { json.string(member.value) } else { Cow::Borrowed("") };
        match key.as_ref() {
            // It went whole when the document came.
            "tel" | "mailto" | "name" | "stir"
                if is_string && case.stored && (has_placeholder(&text) || text == ANONYMIZED) => {}
            "tel" if is_string => {
                let put = phone.as_ref().and_then(|phone| whole(phone, Found::Phone));
                walk.string(member.value, inner, put)?;
            }
            "mailto" if is_string => {
                let put = email.as_ref().and_then(|email| whole(email, Found::Email));
                walk.string(member.value, inner, put)?;
            }
            // A signed claim about the number, in letters that hide it.
            "stir" if is_string => {
                walk.string(member.value, inner, Some(Put::Word))?;
            }
            "name" if is_string => {
                let names_own = finder.find(&text).iter().any(|(_, found)| *found == Found::OwnName);
                let put = if names_own { Put::Find(Find::Identifier(Found::OwnName)) } else { Put::Word };
                // The name of a customer that the archive knows by a number only is searched in the texts, too.
                let is_looked_for = !names_own && (is_own || case.forgotten);
                let inner = if is_looked_for { Trail::label() } else { inner };
                walk.string(member.value, inner, (!is_role(&text)).then_some(put))?;
            }
            _ => {
                walk.value(member.value, inner)?;
            }
        }
    }
    if is_renamed {
        walk.keep_apart(party);
    }
    Ok(())
}

fn address_of(mailto: &str) -> &str {
    let has_scheme = mailto.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("mailto:"));
    let address = if has_scheme { &mailto[7..] } else { mailto };
    address.split('?').next().unwrap_or_default()
}

fn is_known<T: PartialEq>(read: &Result<Pii<T>, IdentifierError>, own: Option<&Pii<T>>) -> bool {
    read.as_ref().ok().is_some_and(|read| Some(read) == own)
}

/// The replacement of a field that contains an identifier. A field that says that there is none stays.
fn whole<T: Clone>(read: &Result<Pii<T>, IdentifierError>, found: impl Fn(Pii<T>) -> Found) -> Option<Put> {
    match read {
        Ok(identifier) => Some(Put::Find(Find::Identifier(found(identifier.clone())))),
        Err(IdentifierError::Withheld) => None,
        Err(_) => Some(Put::Word),
    }
}

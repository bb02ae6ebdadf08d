//! Containers of conversations (vCon, drafted by the IETF): who took part, what was said, and what was made of it.
//!
//! Numbers, addresses and names of the parties go whole. Bodies that are text in base64url are read and kept as text; other
//! bytes cannot be looked through, so they are refused: a recording is uploaded as a recording.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value};

use super::super::{Find, Finder, Found};
use super::joined::{ANONYMIZED, Put};
use super::json::{Trail, Walk};
use super::rereading::is_hidden;
use super::{Broken, Case};
use crate::base::json::Unambiguous;
use crate::base::pii::{Email, Phone, Pii, Unidentified};

/// The lists whose entries have bodies.
const LISTS: [&str; 6] = ["dialog", "analysis", "attachments", "group", "appended", "amended"];

/// Reads base64 of either alphabet once its signs are those of URLs, padded or not.
const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Whether a JSON document is a container, whatever it was called.
pub(super) fn is_one(value: &Value) -> bool {
    value.get("vcon").is_some_and(Value::is_string) && value.get("parties").is_some_and(Value::is_array)
}

/// Makes text of the bodies, or refuses what cannot be looked through. Answers whether anything was changed.
pub(super) fn open(value: &mut Value) -> Result<bool, Broken> {
    let refuse = |pointer: &str, rule| Err(Broken::Rule { pointer: pointer.to_owned(), rule });
    let Value::Object(fields) = value else { return refuse("", "must be a vCon: an object") };
    if ["payload", "ciphertext", "signatures"].iter().any(|key| fields.contains_key(*key)) {
        return refuse("", "must be a vCon that is neither signed nor encrypted");
    }
    if !fields.get("vcon").is_some_and(Value::is_string) {
        return refuse("/vcon", "must be the version of the vCon");
    }
    if !fields.get("parties").is_none_or(all_objects) {
        return refuse("/parties", "must be an array of objects");
    }
    let mut is_changed = false;
    for list in LISTS {
        let Some(entries) = fields.get_mut(list) else { continue };
        if !all_objects(entries) {
            return refuse(&format!("/{list}"), "must be an array of objects");
        }
        for (at, entry) in entries.as_array_mut().into_iter().flatten().enumerate() {
            let Value::Object(entry) = entry else { continue };
            let rule = |rule| Broken::Rule { pointer: format!("/{list}/{at}/body"), rule };
            if list == "dialog" && is_recording(entry) && entry.get("body").is_some_and(is_something) {
                return Err(rule("must not hold a recording: upload it as content of the kind recording"));
            }
            is_changed |= open_body(entry).map_err(rule)?;
        }
    }
    Ok(is_changed)
}

fn all_objects(value: &Value) -> bool {
    value.as_array().is_some_and(|entries| entries.iter().all(Value::is_object))
}

fn is_something(value: &Value) -> bool {
    !value.is_null() && value.as_str() != Some("")
}

fn is_recording(dialog: &Map<String, Value>) -> bool {
    let of_type = |kind: &str| dialog.get("type").and_then(Value::as_str) == Some(kind);
    let media = ["mediatype", "mimetype"].iter().find_map(|key| dialog.get(*key)?.as_str()).unwrap_or_default();
    of_type("recording") || of_type("video") || media.starts_with("audio/") || media.starts_with("video/")
}

/// Makes text of a body, if it is none.
fn open_body(entry: &mut Map<String, Value>) -> Result<bool, &'static str> {
    let encoding = match entry.get("encoding") {
        None | Some(Value::Null) => "none".to_owned(),
        Some(encoding) => encoding.as_str().ok_or("must have an encoding of base64url, json or none")?.to_owned(),
    };
    let Some(Value::String(body)) = entry.get_mut("body") else { return Ok(false) };
    match encoding.as_str() {
        "none" => readable(body).map(|()| false),
        "json" => {
            let Unambiguous(inner) = serde_json::from_str(body).map_err(|_| "must be JSON, as its encoding says")?;
            if let Value::String(text) = &inner {
                readable(text)?;
                entry.insert("encoding".to_owned(), Value::String("none".to_owned()));
            }
            entry.insert("body".to_owned(), inner);
            Ok(true)
        }
        "base64url" | "base64" => {
            let signs = body.replace('+', "-").replace('/', "_");
            let bytes = ENGINE.decode(signs.trim()).map_err(|_| "must be base64url, as its encoding says")?;
            let text = String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
            let text = text.ok_or("must be text: upload other bytes as content of their own")?;
            readable(&text)?;
            entry.insert("body".to_owned(), Value::String(text));
            entry.insert("encoding".to_owned(), Value::String("none".to_owned()));
            Ok(true)
        }
        _ => Err("must have an encoding of base64url, json or none"),
    }
}

fn readable(body: &str) -> Result<(), &'static str> {
    if is_encoded(body) { Err("must say its encoding: it looks like base64url") } else { Ok(()) }
}

/// Whether a body that is said to be text is text in base64: nobody could look for identifiers in it.
fn is_encoded(body: &str) -> bool {
    const SHORTEST: usize = 16;
    let signs = body.trim().replace('+', "-").replace('/', "_");
    let is_text = |bytes| String::from_utf8(bytes).is_ok_and(|text| !text.chars().any(|c| c.is_control() && c != '\n'));
    signs.len() >= SHORTEST && ENGINE.decode(signs).is_ok_and(is_text)
}

/// Collects the strings of a container; of its parties the identifiers go whole.
pub(super) fn walk<'v>(value: &'v mut Value, case: &Case, finder: &Finder, walk: &mut Walk<'v>) {
    let Value::Object(fields) = value else { return };
    for (key, value) in fields {
        let trail = Walk::field(Trail::default(), key);
        match (key.as_str(), value) {
            ("parties", Value::Array(parties)) => {
                for party in parties.iter_mut().filter_map(Value::as_object_mut) {
                    walk_party(party, case, finder, trail, walk);
                }
            }
            (_, value) => walk.value(value, trail),
        }
    }
}

fn walk_party<'v>(party: &'v mut Map<String, Value>, case: &Case, finder: &Finder, trail: Trail, walk: &mut Walk<'v>) {
    let text = |key: &str| party.get(key).and_then(Value::as_str);
    let phone = text("tel").map(|tel| Phone::parse(tel, case.region));
    let email = text("mailto").map(|address| Email::parse(address_of(address)));
    let is_own = phone.as_ref().is_some_and(|phone| is_known(phone, case.own.phone.as_ref()))
        || email.as_ref().is_some_and(|email| is_known(email, case.own.email.as_ref()));
    for (key, value) in party {
        let inner = Walk::field(trail, key);
        match (key.as_str(), &*value) {
            // It went whole when the document came.
            ("tel" | "mailto" | "name" | "stir", Value::String(text))
                if case.stored && (text.contains(is_hidden) || text == ANONYMIZED) => {}
            ("tel", Value::String(_)) => {
                walk.string(value, inner, phone.as_ref().and_then(|phone| whole(phone, Found::Phone)));
            }
            ("mailto", Value::String(_)) => {
                walk.string(value, inner, email.as_ref().and_then(|email| whole(email, Found::Email)));
            }
            // A signed claim about the number, in letters that hide it.
            ("stir", Value::String(_)) => walk.string(value, inner, Some(Put::Word)),
            ("name", Value::String(name)) => {
                let names_own = finder.find(name).iter().any(|(_, found)| *found == Found::OwnName);
                let is_role = super::speakers::is_role(name);
                let put = if names_own { Put::Find(Find::Identifier(Found::OwnName)) } else { Put::Word };
                // The name of a customer whom the archive knows by a number only is looked for in the texts, too.
                let is_looked_for = !names_own && (is_own || case.forgotten);
                let inner = if is_looked_for { Walk::label() } else { inner };
                walk.string(value, inner, (!is_role).then_some(put));
            }
            _ => walk.value(value, inner),
        }
    }
}

fn address_of(mailto: &str) -> &str {
    let has_scheme = mailto.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("mailto:"));
    let address = if has_scheme { &mailto[7..] } else { mailto };
    address.split('?').next().unwrap_or_default()
}

fn is_known<T: PartialEq>(read: &Result<Pii<T>, Unidentified>, own: Option<&Pii<T>>) -> bool {
    read.as_ref().ok().is_some_and(|read| Some(read) == own)
}

/// What stands for a field that is to be an identifier. One that says there is none stays.
fn whole<T: Clone>(read: &Result<Pii<T>, Unidentified>, found: impl Fn(Pii<T>) -> Found) -> Option<Put> {
    match read {
        Ok(identifier) => Some(Put::Find(Find::Identifier(found(identifier.clone())))),
        Err(Unidentified::Withheld) => None,
        Err(_) => Some(Put::Word),
    }
}

//! The ids of messages and calls. They look like addresses, and nobody writes to them.

use std::ops::Range;

/// Fields that have ids, in small letters without hyphens and underscores.
const FIELDS: [&str; 4] = ["inreplyto", "references", "contentid", "callid"];

/// Fields whose ids count without angle brackets too. The references of a person are also people.
const BARE: [&str; 3] = ["inreplyto", "contentid", "callid"];

/// Whether a field has the id of a message, whatever word is before it: `internetMessageId`, `X-Message-ID`.
fn is_of_message(field: &str) -> bool {
    field.ends_with("messageid")
}

/// How much before an id is looked at, in bytes.
const NEAR: usize = 255;

/// Whether what looks like an address is an id: in angle brackets behind another id or the name of a field that has ids, behind
/// such a name without them, or made by a machine.
pub(super) fn is_id(text: &str, range: &Range<usize>, local: &str, last_id: usize) -> bool {
    let before = &text[text.ceil_char_boundary(range.start.saturating_sub(NEAR))..range.start];
    let is_closed = text[range.end..].starts_with('>');
    let Some(open) = is_closed.then(|| before.rfind('<')).flatten() else {
        return field(before).is_some_and(|field| BARE.contains(&field.as_str()) || is_of_message(&field));
    };
    if before[open..].contains(char::is_whitespace) {
        return false;
    }
    let open_at = range.start - before.len() + open;
    let between = text.get(last_id..open_at).filter(|_| last_id > 0);
    let follows_id = between.and_then(|between| between.strip_prefix('>')).is_some_and(is_folded);
    let digits = local.bytes().filter(u8::is_ascii_digit).count();
    follows_id || is_for_ids(&before[..open]) || digits > 14 && digits * 2 > local.len()
}

/// Whether a text ends with the name of a field for ids.
pub(super) fn is_for_ids(before: &str) -> bool {
    field(before).is_some_and(|field| FIELDS.contains(&field.as_str()) || is_of_message(&field))
}

/// Whether a gap in a header is blanks, perhaps with one line end and a blank behind it, as long fields are folded (RFC 5322).
fn is_folded(gap: &str) -> bool {
    let is_blank = |text: &str| text.len() <= NEAR && text.trim_matches([' ', '\t', '\u{A0}']).is_empty();
    match gap.split_once('\n') {
        Some((line, next)) => is_blank(line.trim_end_matches('\r')) && next.starts_with([' ', '\t']) && is_blank(next),
        None => is_blank(gap),
    }
}

/// The name of the field whose value begins here: `Message-Id: `, `"message_id": "`, `call_id=`. A long value may begin on the next
/// line.
fn field(before: &str) -> Option<String> {
    // Nearly no value has such a sign before it, and the text before it is not read then.
    let is_blank = |c: char| matches!(c, ' ' | '\t' | '\r' | '\n' | '\u{A0}' | '"' | '\'');
    if !before.trim_end_matches(is_blank).ends_with([':', '=']) {
        return None;
    }
    let (name, gap) = before.rsplit_once([':', '='])?;
    if !is_folded(gap.trim_end_matches(['"', '\''])) {
        return None;
    }
    let name = name.trim_end_matches([' ', '"', '\'']);
    let start = name.rfind(|c: char| !c.is_alphanumeric() && !matches!(c, '-' | '_')).map_or(0, |at| at + 1);
    let name = name.get(start..)?;
    Some(name.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase())
}

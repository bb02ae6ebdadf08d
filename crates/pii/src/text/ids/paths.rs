//! Figures in the path of a URL: `https://x.no/orders/98765432`, `x.no/p_98765432.html`. They are ids of the site.

use crate::text::cues::ends_with_cue;
use crate::text::email::{is_public, is_top_level};

/// How much of a URL is looked at, in bytes.
const LONGEST: usize = 128;

/// Whether a text ends within the path of a URL, and not with the word for a phone: `x.no/tlf/98765432`.
pub(super) fn is_path(before: &str) -> bool {
    if !before.ends_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.' | '=')) {
        return false;
    }
    let near = &before[before.ceil_char_boundary(before.len().saturating_sub(LONGEST))..];
    // A query is searched: it may be one for a number.
    let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '(' | ')' | '[' | ']' | '?' | '#');
    let url = near.rfind(ends).map_or(near, |at| near[at..].trim_start_matches(ends));
    let is_in_path = match url.split_once("://") {
        Some((scheme, rest)) => rest.contains('/') && scheme.ends_with(|c: char| c.is_ascii_alphabetic()),
        None => url.split_once('/').is_some_and(|(host, _)| is_host(host)),
    };
    is_in_path && !ends_with_cue(before)
}

/// Whether a text is the name of a host without a scheme. The label `mob.tlf` is none.
fn is_host(host: &str) -> bool {
    is_public(host)
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
        && host.rsplit('.').next().is_some_and(is_top_level)
}

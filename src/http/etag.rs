//! Versions of resources in headers: `ETag`, `If-Match`, `If-None-Match` (RFC 9110, 8.8 and 13).

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{ETag, EntityTag, HeaderMap, HeaderName, IF_MATCH, IF_NONE_MATCH};
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use serde::Serialize;

use super::problem::{Code, Problem};
use crate::base::version::{VersionError, Versions};

/// The header of a version: `ETag: "3"`.
#[must_use]
pub fn etag(version: i64) -> ETag {
    ETag(EntityTag::new_strong(version.to_string()))
}

/// The response with a body and its version.
#[must_use]
pub fn versioned(version: i64, body: impl Serialize) -> HttpResponse {
    HttpResponse::Ok().insert_header(etag(version)).json(body)
}

/// The response to a caller that has the version.
#[must_use]
pub fn not_modified(version: i64) -> HttpResponse {
    HttpResponse::NotModified().insert_header(etag(version)).finish()
}

/// The condition of a change: the version that the caller read. A header that cannot be read names no version.
#[derive(Clone, Debug)]
pub struct IfMatch(pub Versions);

impl FromRequest for IfMatch {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(versions(request.headers(), &IF_MATCH, |is_weak| !is_weak))))
    }
}

/// The condition of a read: the versions that the caller already has.
#[derive(Clone, Debug)]
pub struct IfNoneMatch(pub Versions);

impl FromRequest for IfNoneMatch {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(versions(request.headers(), &IF_NONE_MATCH, |_| true))))
    }
}

impl From<VersionError> for Problem {
    fn from(error: VersionError) -> Self {
        match error {
            VersionError::Missing => Self::new(Code::IfMatchRequired)
                .detail("The header If-Match is missing. Send it with the ETag of the last read."),
            VersionError::Stale => Self::new(Code::VersionStale)
                .detail("The header If-Match does not name the present version. Read the resource again, and repeat the change."),
        }
    }
}

/// The versions of a header. The types of actix-web for these headers leave out each tag that they cannot read. A change
/// would then apply with `*, "3"`, so the headers are read here.
fn versions(headers: &HeaderMap, name: &HeaderName, counts: impl Fn(bool) -> bool) -> Versions {
    let mut all = Vec::new();
    for header in headers.get_all(name) {
        match header.to_str().ok().and_then(tags) {
            None => return Versions::Listed(Vec::new()),
            Some(tags) => all.extend(tags),
        }
    }
    match all.as_slice() {
        [] if !headers.contains_key(name) => Versions::Absent,
        [Tag::Any] => Versions::Any,
        tags if tags.contains(&Tag::Any) => Versions::Listed(Vec::new()),
        tags => Versions::Listed(tags.iter().filter_map(|tag| tag.version(&counts)).collect()),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tag<'h> {
    Any,
    /// The text between the quotes.
    Quoted {
        text: &'h str,
        is_weak: bool,
    },
}

impl Tag<'_> {
    /// The version in its one spelling.
    fn version(self, counts: impl Fn(bool) -> bool) -> Option<i64> {
        match self {
            Self::Quoted { text, is_weak } if counts(is_weak) => {
                text.parse().ok().filter(|version: &i64| version.to_string() == text)
            }
            Self::Any | Self::Quoted { .. } => None,
        }
    }
}

/// Reads a list of tags, or `*`.
fn tags(header: &str) -> Option<Vec<Tag<'_>>> {
    let mut rest = header.trim();
    if rest == "*" {
        return Some(vec![Tag::Any]);
    }
    let mut tags = Vec::new();
    loop {
        // Empty elements of a list are ignored (RFC 9110, 5.6.1.2).
        rest = rest.trim_start_matches([',', ' ', '\t']);
        if rest.is_empty() {
            return Some(tags);
        }
        let (is_weak, quoted) = rest.strip_prefix("W/").map_or((false, rest), |quoted| (true, quoted));
        let (text, after) = quoted.strip_prefix('"')?.split_once('"')?;
        tags.push(Tag::Quoted { text, is_weak });
        rest = after.trim_start();
        if !(rest.is_empty() || rest.starts_with(',')) {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;
    use proptest::prelude::*;

    fn check(header: Option<&str>) -> Result<(), VersionError> {
        let request =
            header.into_iter().fold(TestRequest::get(), |request, tag| request.insert_header((IF_MATCH, tag)));
        let if_match = IfMatch::from_request(&request.to_http_request(), &mut Payload::None).into_inner();
        let Ok(IfMatch(versions)) = if_match else { panic!("every header is read") };
        versions.check(3)
    }

    #[test]
    fn a_change_needs_the_current_version() {
        for fine in
            ["\"3\"", "*", "\"1\", \"3\"", " \"3\" ", "\"3\" ,\"4\"", "\"a b\", \"3\"", ", \"3\"", "\"3\",,\t,\"4\","]
        {
            assert_eq!(check(Some(fine)), Ok(()), "{fine}");
        }
        for stale in ["\"2\"", "3", "W/\"3\"", "\"3", "", "*, \"3\"", "\"3\"\"4\"", "\"03\"", ",", ",*"] {
            assert_eq!(check(Some(stale)), Err(VersionError::Stale), "{stale}");
        }
        assert_eq!(check(None), Err(VersionError::Missing));
    }

    #[test]
    fn a_caller_that_has_the_version_gets_no_body() {
        let has = |tag: &str| {
            let request = TestRequest::get().insert_header((IF_NONE_MATCH, tag)).to_http_request();
            versions(request.headers(), &IF_NONE_MATCH, |_| true).contain(3)
        };
        assert!(has(",,\"3\"") && has("\"3\"") && has("W/\"3\"") && has("*"));
        assert!(!has("\"4\"") && !has("nonsense"));
        assert_eq!(etag(3).0.to_string(), "\"3\"");
    }

    proptest! {
        #[test]
        fn no_header_makes_the_parser_panic(header: String) {
            let _ = tags(&header);
        }
    }
}

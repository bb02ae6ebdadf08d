//! Versions of resources in headers: `ETag`, `If-Match`, `If-None-Match` (RFC 9110, 8.8 and 13).

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{ETAG, HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH};
use actix_web::{FromRequest, HttpRequest};

use super::problem::{Code, Problem};

/// The header of a version: `ETag: "3"`.
#[must_use]
pub fn etag(version: i64) -> (HeaderName, HeaderValue) {
    let tag = HeaderValue::from_str(&format!("\"{version}\""));
    (ETAG, tag.unwrap_or_else(|_| HeaderValue::from_static("\"\"")))
}

/// The tags of a header of conditions.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Tags {
    Absent,
    Any,
    /// Each tag and whether it is a weak one.
    Listed(Vec<(bool, String)>),
    Malformed,
}

impl Tags {
    fn of(headers: &HeaderMap, name: &HeaderName) -> Self {
        let mut all = Vec::new();
        for header in headers.get_all(name) {
            match header.to_str().ok().and_then(tags) {
                None => return Self::Malformed,
                Some(tags) => all.extend(tags),
            }
        }
        let any = |(_, tag): &(bool, String)| tag == "*";
        match all.as_slice() {
            [] if headers.contains_key(name) => Self::Malformed,
            [] => Self::Absent,
            [tag] if any(tag) => Self::Any,
            tags if tags.iter().any(any) => Self::Malformed,
            _ => Self::Listed(all),
        }
    }

    fn name(&self, version: i64, weak_too: bool) -> bool {
        let version = format!("\"{version}\"");
        match self {
            Self::Absent | Self::Malformed => false,
            Self::Any => true,
            Self::Listed(tags) => tags.iter().any(|(weak, tag)| (weak_too || !weak) && *tag == version),
        }
    }
}

/// Reads a list of tags with their quotes, or `*`.
fn tags(header: &str) -> Option<Vec<(bool, String)>> {
    let mut rest = header.trim();
    if rest == "*" {
        return Some(vec![(false, "*".to_owned())]);
    }
    let mut tags = Vec::new();
    while !rest.is_empty() {
        let (weak, quoted) = rest.strip_prefix("W/").map_or((false, rest), |quoted| (true, quoted));
        let (tag, after) = quoted.strip_prefix('"')?.split_once('"')?;
        tags.push((weak, format!("\"{tag}\"")));
        let after = after.trim_start();
        rest = match after.strip_prefix(',') {
            Some(more) => more.trim_start(),
            None if after.is_empty() => after,
            None => return None,
        };
    }
    Some(tags)
}

/// The condition of a change: the version that the caller has seen.
#[derive(Clone, Debug)]
pub struct IfMatch(Tags);

impl IfMatch {
    /// 428 without the header, so that nobody overwrites unseen. For the moment between 404 and 412.
    pub fn given(&self) -> Result<(), Problem> {
        match self.0 {
            Tags::Absent => {
                Err(Problem::new(Code::IfMatchRequired).detail("Send If-Match with the ETag of the last read."))
            }
            _ => Ok(()),
        }
    }

    /// 428 without the header, 412 where it names another version, or nothing that can be read.
    pub fn check(&self, version: i64) -> Result<(), Problem> {
        self.given()?;
        if self.0.name(version, false) {
            Ok(())
        } else {
            Err(Problem::new(Code::VersionStale).detail("Read it again, and send the change with the new ETag."))
        }
    }
}

impl FromRequest for IfMatch {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(Tags::of(request.headers(), &IF_MATCH))))
    }
}

/// The condition of a read: the versions that the caller has already.
#[derive(Clone, Debug)]
pub struct IfNoneMatch(Tags);

impl IfNoneMatch {
    /// Whether the caller has this version, so that 304 is enough.
    #[must_use]
    pub fn has(&self, version: i64) -> bool {
        self.0.name(version, true)
    }
}

impl FromRequest for IfNoneMatch {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(Tags::of(request.headers(), &IF_NONE_MATCH))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;
    use proptest::prelude::*;

    fn answer(header: Option<&str>) -> Option<Code> {
        let request =
            header.into_iter().fold(TestRequest::get(), |request, tag| request.insert_header((IF_MATCH, tag)));
        let tags = IfMatch(Tags::of(request.to_http_request().headers(), &IF_MATCH));
        tags.check(3).err().map(|problem| problem.code())
    }

    #[test]
    fn a_change_needs_the_version_that_stands() {
        for fine in ["\"3\"", "*", "\"1\", \"3\"", " \"3\" ", "\"3\" ,\"4\""] {
            assert_eq!(answer(Some(fine)), None, "{fine}");
        }
        for stale in ["\"2\"", "3", "W/\"3\"", "\"3", "", "*, \"3\"", "\"3\"\"4\"", "\"03\""] {
            assert_eq!(answer(Some(stale)), Some(Code::VersionStale), "{stale}");
        }
        assert_eq!(answer(None), Some(Code::IfMatchRequired));
    }

    #[test]
    fn a_read_is_spared_what_the_caller_has() {
        let has = |tag: &str| {
            let request = TestRequest::get().insert_header((IF_NONE_MATCH, tag)).to_http_request();
            IfNoneMatch(Tags::of(request.headers(), &IF_NONE_MATCH)).has(3)
        };
        assert!(has("\"3\"") && has("W/\"3\"") && has("*"));
        assert!(!has("\"4\"") && !has("nonsense"));
        assert_eq!(etag(3).1, "\"3\"");
    }

    proptest! {
        #[test]
        fn no_header_makes_the_parser_panic(header: String) {
            let _ = tags(&header);
        }
    }
}

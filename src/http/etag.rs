//! Versions of resources in headers: `ETag`, `If-Match`, `If-None-Match` (RFC 9110, 8.8 and 13).

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{ETag, EntityTag, HeaderMap, HeaderName, IF_MATCH, IF_NONE_MATCH};
use actix_web::{FromRequest, HttpRequest};

use super::problem::{Code, Problem};

/// The header of a version: `ETag: "3"`.
#[must_use]
pub fn etag(version: i64) -> ETag {
    ETag(EntityTag::new_strong(version.to_string()))
}

/// The tags of a condition. The types of actix-web for these headers leave out each tag that they cannot read. A change
/// would then pass with `*, "3"`, so the headers are read here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Tags {
    #[default]
    Absent,
    Any,
    /// Each tag, and whether it is weak.
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

/// The condition of a change: the version that the caller read.
#[derive(Clone, Debug)]
pub struct IfMatch(Tags);

impl IfMatch {
    #[cfg(test)]
    pub fn of(version: i64) -> Self {
        Self(Tags::Listed(vec![(false, format!("\"{version}\""))]))
    }

    /// Compares the condition with the stored version. A header that cannot be read names no version.
    pub fn check(&self, version: i64) -> Result<(), VersionError> {
        match &self.0 {
            Tags::Absent => Err(VersionError::Missing),
            tags if tags.name(version, false) => Ok(()),
            _ => Err(VersionError::Stale),
        }
    }
}

/// Why a change does not apply to the stored version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    /// Without a condition, a caller could overwrite a version that they have not seen.
    #[error("If-Match is missing")]
    Missing,
    #[error("If-Match names another version")]
    Stale,
}

impl From<VersionError> for Problem {
    fn from(error: VersionError) -> Self {
        match error {
            VersionError::Missing => Self::new(Code::IfMatchRequired)
                .detail("The header If-Match is missing. Send it with the ETag of the last read."),
            VersionError::Stale => Self::new(Code::VersionStale)
                .detail("Another call has changed it. Read it again, and repeat the change."),
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

/// The condition of a read: the versions that the caller already has.
#[derive(Clone, Debug, Default)]
pub struct IfNoneMatch(Tags);

impl IfNoneMatch {
    /// Whether the caller has this version, so that the response is 304.
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

    fn check(header: Option<&str>) -> Result<(), VersionError> {
        let request =
            header.into_iter().fold(TestRequest::get(), |request, tag| request.insert_header((IF_MATCH, tag)));
        IfMatch(Tags::of(request.to_http_request().headers(), &IF_MATCH)).check(3)
    }

    #[test]
    fn a_change_needs_the_current_version() {
        for fine in ["\"3\"", "*", "\"1\", \"3\"", " \"3\" ", "\"3\" ,\"4\""] {
            assert_eq!(check(Some(fine)), Ok(()), "{fine}");
        }
        for stale in ["\"2\"", "3", "W/\"3\"", "\"3", "", "*, \"3\"", "\"3\"\"4\"", "\"03\""] {
            assert_eq!(check(Some(stale)), Err(VersionError::Stale), "{stale}");
        }
        assert_eq!(check(None), Err(VersionError::Missing));
        assert_eq!(IfMatch::of(3).check(3), Ok(()));
    }

    #[test]
    fn a_caller_that_has_the_version_gets_no_body() {
        let has = |tag: &str| {
            let request = TestRequest::get().insert_header((IF_NONE_MATCH, tag)).to_http_request();
            IfNoneMatch(Tags::of(request.headers(), &IF_NONE_MATCH)).has(3)
        };
        assert!(has("\"3\"") && has("W/\"3\"") && has("*"));
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

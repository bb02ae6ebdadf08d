//! The headers of content: a digest, a range, and a reason.

use std::future::{Ready, ready};
use std::ops::Range;

use actix_web::dev::Payload;
use actix_web::http::header::{
    CONTENT_TYPE, EntityTag, Header as _, HeaderMap, IF_NONE_MATCH, IF_RANGE, IfNoneMatch, RANGE,
};
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use crate::base::purpose::stated;
use crate::content::MediaType;
use crate::http::middleware::HeadCall;
use crate::http::{Code, Problem};

const CONTENT_DIGEST: &str = "Content-Digest";
/// The base64 of structured fields, whose readers accept it without padding (RFC 9651, 4.2.7).
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// An attachment that a browser opens as a page of this service's origin can do nothing.
pub(super) const SANDBOX: &str = "sandbox; default-src 'none'; frame-ancestors 'none'";

const ACCESS_REASON: &str = "Access-Reason";

/// The headers of an upload.
#[derive(Debug)]
pub struct Declared {
    pub media_type: MediaType,
    /// Its SHA-256, where it was given (RFC 9530).
    pub sha256: Option<[u8; 32]>,
    /// Whether a text is said to be in UTF-8, or nothing is said.
    pub is_utf8: bool,
}

impl FromRequest for Declared {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let declared = media_type(request.headers()).and_then(|media_type| {
            let sha256 = digest(request.headers())?;
            Ok(Self { media_type, sha256, is_utf8: is_utf8(request.headers()) })
        });
        ready(declared)
    }
}

fn media_type(headers: &HeaderMap) -> Result<MediaType, Problem> {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = given.and_then(|given| MediaType::parse(given).ok());
    media_type.ok_or_else(|| {
        Problem::new(Code::MediaTypeUnsupported)
            .detail("Send the header Content-Type with a media type, such as audio/wav.")
    })
}

fn is_utf8(headers: &HeaderMap) -> bool {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    given.split(';').skip(1).filter_map(|parameter| parameter.split_once('=')).all(|(name, value)| {
        let value = value.trim().trim_matches('"');
        let is_ascii = value.eq_ignore_ascii_case("us-ascii");
        !name.trim().eq_ignore_ascii_case("charset") || is_ascii || value.eq_ignore_ascii_case("utf-8")
    })
}

fn digest(headers: &HeaderMap) -> Result<Option<[u8; 32]>, Problem> {
    let mut found = None;
    for header in headers.get_all(CONTENT_DIGEST) {
        let refused = || {
            let rule = "must be sha-256=:…: with 32 bytes in base64";
            Problem::new(Code::ValidationFailed).parameter(CONTENT_DIGEST, "format", rule)
        };
        for member in header.to_str().map_err(|_| refused())?.split(',') {
            let (algorithm, value) = member.trim().split_once('=').ok_or_else(refused)?;
            if algorithm != "sha-256" {
                continue;
            }
            let (encoded, rest) =
                value.strip_prefix(':').and_then(|value| value.split_once(':')).ok_or_else(refused)?;
            // No parameter of a digest has a meaning.
            if !(rest.is_empty() || rest.starts_with(';')) {
                return Err(refused());
            }
            let hash = BASE64.decode(encoded).map_err(|_| refused())?;
            found = Some(hash.try_into().map_err(|_| refused())?);
        }
    }
    Ok(found)
}

/// The stated reason of a reading, with its identifiers still in it.
#[derive(Debug, Default)]
pub struct AccessReason(pub Option<String>);

impl FromRequest for AccessReason {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let refuse = |code: &'static str, rule: &'static str| {
            Err(Problem::new(Code::ValidationFailed).parameter(ACCESS_REASON, code, rule))
        };
        let mut given = request.headers().get_all(ACCESS_REASON);
        let reason = match (given.next(), given.next()) {
            (None, _) => Ok(Self(None)),
            (Some(_), Some(_)) => refuse("format", "must be sent only once"),
            (Some(reason), None) => match std::str::from_utf8(reason.as_bytes()).map(stated) {
                Ok(None) => refuse("out_of_range", "must be 1 to 200 characters"),
                Ok(Some(reason)) if reason.chars().any(char::is_control) => {
                    refuse("format", "must be one line of text")
                }
                Ok(Some(reason)) => Ok(Self(Some(reason.to_owned()))),
                Err(_) => refuse("format", "must be UTF-8"),
            },
        };
        ready(reason)
    }
}

/// Whether the caller has the version with this tag already, so that 304 is enough.
pub fn is_known(request: &HttpRequest, tag: &str) -> bool {
    let tag = EntityTag::new_strong(tag.trim_matches('"').to_owned());
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => request.headers().contains_key(IF_NONE_MATCH),
        Ok(IfNoneMatch::Items(known)) => known.iter().any(|known| known.weak_eq(&tag)),
        Err(_) => false,
    }
}

/// The requested bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestedRange {
    Whole,
    Part(Range<u64>),
    Outside,
}

/// Whether the call is a HEAD, which is served as a GET.
pub fn is_head(request: &HttpRequest) -> bool {
    request.extensions().contains::<HeadCall>()
}

/// The bytes that a call asks for, of content with this size and tag. Several ranges, another unit, and a range for
/// another tag ask for the whole (RFC 9110).
/// Only a GET has a range.
pub fn requested_range(request: &HttpRequest, size: u64, tag: &str) -> RequestedRange {
    if is_head(request) {
        return RequestedRange::Whole;
    }
    let headers = request.headers();
    if headers.get(IF_RANGE).is_some_and(|known| known != tag) {
        return RequestedRange::Whole;
    }
    let mut given = headers.get_all(RANGE);
    match (given.next(), given.next()) {
        (Some(range), None) => range.to_str().map_or(RequestedRange::Whole, |range| read(range, size)),
        _ => RequestedRange::Whole,
    }
}

fn read(range: &str, size: u64) -> RequestedRange {
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // Longer than a number can be: beyond any end.
        is_number.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let bytes = range.split_once('=').filter(|(unit, _)| unit.trim().eq_ignore_ascii_case("bytes"));
    let Some((from, to)) = bytes.and_then(|(_, span)| span.trim().split_once('-')) else {
        return RequestedRange::Whole;
    };
    match (number(from), number(to)) {
        (Some(from), Some(to)) if from > to => RequestedRange::Whole,
        (Some(from), _) if from >= size && (to.is_empty() || number(to).is_some()) => RequestedRange::Outside,
        (Some(from), Some(to)) => RequestedRange::Part(from..to.saturating_add(1).min(size)),
        (Some(from), None) if to.is_empty() => RequestedRange::Part(from..size),
        (None, Some(last)) if from.is_empty() => match last.min(size) {
            0 => RequestedRange::Outside,
            last => RequestedRange::Part(size - last..size),
        },
        _ => RequestedRange::Whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;
    use proptest::prelude::*;

    #[test]
    fn a_single_range_is_read() {
        for (range, part) in [
            ("bytes=0-0", RequestedRange::Part(0..1)),
            ("bytes=2-5", RequestedRange::Part(2..6)),
            ("bytes=2-", RequestedRange::Part(2..10)),
            ("bytes=-3", RequestedRange::Part(7..10)),
            ("bytes=-30", RequestedRange::Part(0..10)),
            ("bytes=5-99999999999999999999999", RequestedRange::Part(5..10)),
            ("bytes=10-", RequestedRange::Outside),
            ("bytes=99999999999999999999999-", RequestedRange::Outside),
            ("bytes=-0", RequestedRange::Outside),
            ("bytes=5-2", RequestedRange::Whole),
            ("bytes=0-1,4-5", RequestedRange::Whole),
            ("bytes=20-30,4-5", RequestedRange::Whole),
            ("bytes=a-b", RequestedRange::Whole),
            ("bytes=-", RequestedRange::Whole),
            ("bytes=--1", RequestedRange::Whole),
            ("items=0-1", RequestedRange::Whole),
            ("0-1", RequestedRange::Whole),
        ] {
            assert_eq!(read(range, 10), part, "{range}");
        }
        assert_eq!((read("bytes=0-", 0), read("bytes=-1", 0)), (RequestedRange::Outside, RequestedRange::Outside));
    }

    #[test]
    fn a_range_for_another_version_asks_for_the_whole() {
        let asked_with = |tag: &str| {
            let request = TestRequest::get().insert_header((RANGE, "bytes=0-1")).insert_header((IF_RANGE, tag));
            requested_range(&request.to_http_request(), 10, "\"a\"")
        };
        assert_eq!((asked_with("\"a\""), asked_with("\"b\"")), (RequestedRange::Part(0..2), RequestedRange::Whole));
    }

    #[test]
    fn a_head_asks_for_no_range() {
        for range in ["bytes=0-1", "bytes=20-"] {
            let request = TestRequest::get().insert_header((RANGE, range)).to_http_request();
            assert_ne!(requested_range(&request, 10, "\"a\""), RequestedRange::Whole, "{range}");
            request.extensions_mut().insert(HeadCall);
            assert_eq!(requested_range(&request, 10, "\"a\""), RequestedRange::Whole, "{range}");
        }
    }

    fn digest_of(header: &str) -> Result<Option<[u8; 32]>, Problem> {
        digest(TestRequest::post().insert_header((CONTENT_DIGEST, header)).to_http_request().headers())
    }

    #[test]
    fn a_digest_is_read_among_others() {
        let of_nothing = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";
        assert_eq!(digest_of(of_nothing).unwrap().unwrap()[..2], [0xE3, 0xB0]);
        assert!(digest_of(&format!("md5=:AA==:, {of_nothing}")).unwrap().is_some());
        assert!(digest_of("sha-512=:AA==:").unwrap().is_none());
        for same in
            [of_nothing.replace("=:", ":").replacen(':', "=:", 1), format!("{of_nothing};q=1, sha-512=:AA==:;x")]
        {
            assert_eq!(digest_of(&same).unwrap(), digest_of(of_nothing).unwrap(), "{same}");
        }
        assert!(digest_of(&format!("{of_nothing}x")).is_err());
        for wrong in ["sha-256", "sha-256=47DE", "sha-256=:47DE:", "sha-256=:47DE=:", "", "sha-256=:%:"] {
            assert!(digest_of(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_header_makes_a_parser_panic(text in "[ -~]{0,60}", size: u64) {
            let _ = digest_of(&text);
            if let RequestedRange::Part(part) = read(&text, size) {
                prop_assert!(part.start < part.end && part.end <= size);
            }
            let _ = read(&format!("bytes={text}"), size);
        }

        #[test]
        fn every_range_lies_within(from: u64, to: u64, size: u64) {
            for range in [format!("bytes={from}-{to}"), format!("bytes={from}-"), format!("bytes=-{to}")] {
                if let RequestedRange::Part(part) = read(&range, size) {
                    prop_assert!(part.start < part.end && part.end <= size, "{}", range);
                }
            }
        }
    }
}

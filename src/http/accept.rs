//! Reads the header `Accept`, where a resource has two media types.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::ACCEPT;
use actix_web::{FromRequest, HttpRequest};

use super::problem::Problem;

/// Whether the caller prefers CSV to JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WantsCsv(pub bool);

impl FromRequest for WantsCsv {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let headers = request.headers().get_all(ACCEPT).filter_map(|header| header.to_str().ok());
        let ranges: Vec<_> = headers.flat_map(|header| header.split(',')).collect();
        let weight = |media_type: &str| ranges.iter().filter_map(|range| weight(range, media_type)).max().unwrap_or(0);
        ready(Ok(Self(weight("text/csv") > weight("application/json"))))
    }
}

/// The thousandths by which a media range weighs, if it is the media type.
fn weight(range: &str, media_type: &str) -> Option<u16> {
    let mut parts = range.split(';').map(str::trim);
    if !parts.next()?.eq_ignore_ascii_case(media_type) {
        return None;
    }
    let quality = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    let Some(quality) = quality else { return Some(1_000) };
    let (whole, fraction) = quality.split_once('.').unwrap_or((quality, ""));
    let thousandths = format!("{whole}{fraction:0<3}");
    Some(thousandths.parse().unwrap_or(0).min(1_000))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use proptest::prelude::*;

    use super::*;

    fn wants(accept: &str) -> bool {
        let request = TestRequest::get().insert_header((ACCEPT, accept)).to_http_request();
        WantsCsv::from_request(&request, &mut Payload::None).into_inner().is_ok_and(|WantsCsv(csv)| csv)
    }

    #[test]
    fn csv_is_sent_to_those_who_prefer_it() {
        for accept in ["text/csv", "Text/CSV; charset=utf-8", "application/json;q=0.9, text/csv", "text/csv;q=0.5,*/*"]
        {
            assert!(wants(accept), "{accept}");
        }
        for accept in ["*/*", "application/json", "text/csv;q=0", "application/json, text/csv", "text/html, */*"] {
            assert!(!wants(accept), "{accept}");
        }
    }

    proptest! {
        #[test]
        fn no_range_makes_the_reader_panic(range: String) {
            let _ = weight(&range, "text/csv");
            let _ = weight(&format!("text/csv;q={range}"), "text/csv");
        }
    }
}

//! The form in which a caller wants a list: JSON, or CSV for a spreadsheet.

use std::convert::Infallible;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::ACCEPT;
use actix_web::{FromRequest, HttpRequest};

/// The form that the header `Accept` prefers. JSON is sent unless the caller names CSV, and gives JSON a lower weight or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preferred {
    Json,
    Csv,
}

impl FromRequest for Preferred {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let accepted = request.headers().get_all(ACCEPT).filter_map(|header| header.to_str().ok());
        let weight = |media_type: &str| {
            let ranges = accepted.clone().flat_map(|header| header.split(','));
            ranges.filter_map(|range| weight_of(range, media_type)).reduce(f32::max)
        };
        let csv = weight("text/csv").unwrap_or_default();
        let is_csv = match weight("application/json") {
            Some(json) => csv > json,
            // A range with a star has the weight of JSON. If both are equal, the caller has named CSV only.
            None => csv > 0.0 && csv >= weight("application/*").or_else(|| weight("*/*")).unwrap_or_default(),
        };
        ready(Ok(if is_csv { Self::Csv } else { Self::Json }))
    }
}

/// The weight of a media range of the header, if it names a media type.
fn weight_of(range: &str, media_type: &str) -> Option<f32> {
    let mut parts = range.split(';').map(str::trim);
    if !parts.next()?.eq_ignore_ascii_case(media_type) {
        return None;
    }
    let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    weight.map_or(Some(1.0), |weight| weight.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn csv_is_sent_to_a_caller_that_names_it() {
        let preferred = |accept: &str| {
            let request = TestRequest::post().insert_header((ACCEPT, accept)).to_http_request();
            Preferred::from_request(&request, &mut Payload::None).into_inner().unwrap()
        };
        for accept in [
            "text/csv",
            "Text/CSV; charset=utf-8",
            "text/csv, */*;q=0.1",
            "text/csv, */*",
            "text/csv;q=0.5, application/*;q=0.2, */*",
            "text/csv;q=0.5, application/json;q=0, */*",
            "application/json;q=0.5, text/csv",
        ] {
            assert_eq!(preferred(accept), Preferred::Csv, "{accept}");
        }
        for accept in [
            "*/*",
            "text/*",
            "application/json",
            "text/csv;q=0",
            "text/csv;q=0, */*;q=0",
            "text/csv;q=0.5, */*;q=0.8",
            "text/csv;q=0.5, application/*",
            "application/json, text/csv",
            "å",
        ] {
            assert_eq!(preferred(accept), Preferred::Json, "{accept}");
        }
    }
}

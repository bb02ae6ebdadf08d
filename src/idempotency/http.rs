//! Reads the header `Idempotency-Key`. The endpoint decides its effect.

use std::fmt::Display;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{HeaderName, LOCATION};
use actix_web::{FromRequest, HttpRequest, HttpResponse, HttpResponseBuilder};
use serde::Serialize;

use super::IdempotencyError;
use crate::http::etag::etag;
use crate::http::problem::{Code, Problem};

/// The key under which a call may be sent again, if the caller gave one: 1 to 255 visible ASCII characters. Otherwise
/// it is 422.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyHeader(pub Option<String>);

/// The response header of a call whose outcome is that of an earlier call.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

const NAME: &str = "Idempotency-Key";
const LONGEST: usize = 255;

impl FromRequest for IdempotencyHeader {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let refuse = |code: &'static str, detail: &'static str| {
            Err(Problem::new(Code::ValidationFailed).parameter(NAME, code, detail))
        };
        let mut given = request.headers().get_all(NAME);
        let key = match (given.next(), given.next()) {
            (None, _) => Ok(Self(None)),
            (Some(_), Some(_)) => refuse("format", "must be sent only once"),
            (Some(key), None) if key.len() > LONGEST => refuse("too_long", "must be at most 255 characters"),
            (Some(key), None) => match key.to_str() {
                Ok(key) if !key.is_empty() && key.bytes().all(|byte| (0x20..0x7F).contains(&byte)) => {
                    Ok(Self(Some(key.to_owned())))
                }
                _ => refuse("format", "must be visible ASCII"),
            },
        };
        ready(key)
    }
}

/// Adds the header to a response whose outcome is that of an earlier call.
pub fn mark(response: &mut HttpResponseBuilder, replayed: bool) -> &mut HttpResponseBuilder {
    if replayed {
        response.insert_header((REPLAYED, "true"));
    }
    response
}

/// The response to a call that has created a resource below its own address.
pub fn created(
    request: &HttpRequest,
    (id, version): (impl Display, i64),
    replayed: bool,
    body: impl Serialize,
) -> HttpResponse {
    let mut response = HttpResponse::Created();
    response.insert_header((LOCATION, format!("{}/{id}", request.path()))).insert_header(etag(version));
    mark(&mut response, replayed).json(body)
}

impl From<IdempotencyError> for Problem {
    fn from(error: IdempotencyError) -> Self {
        match error {
            IdempotencyError::InProgress => Self::new(Code::InProgress),
            IdempotencyError::KeyReused => Self::new(Code::IdempotencyKeyReused),
            IdempotencyError::Store(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn read(keys: &[&str]) -> Result<Option<String>, Option<String>> {
        let request = keys.iter().fold(TestRequest::post(), |request, key| request.append_header((NAME, *key)));
        let key = IdempotencyHeader::from_request(&request.to_http_request(), &mut Payload::None).into_inner();
        key.map(|IdempotencyHeader(key)| key).map_err(|problem| problem.places()[0].parameter.clone().map(Into::into))
    }

    #[test]
    fn a_key_is_one_header_of_visible_ascii() {
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&["a-1"]), Ok(Some("a-1".to_owned())));
        for bad in [&[""][..], &["å"], &["a", "b"], &["a".repeat(256).as_str()]] {
            assert_eq!(read(bad), Err(Some(NAME.to_owned())), "{bad:?}");
        }
    }
}

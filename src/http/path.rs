//! Reads ids from paths.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error, StrDeserializer};
use uuid::Uuid;

use super::problem::{Code, Problem};

/// The path's id, which is its only variable part. A text that is not a UUID is 404.
#[derive(Clone, Copy, Debug)]
pub struct Id<T>(pub T);

impl<T: for<'de> Deserialize<'de>> FromRequest for Id<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let part = request.match_info().iter().next().map(|(_, part)| part);
        ready(part.and_then(read).map(Self).ok_or_else(|| Problem::new(Code::NotFound)))
    }
}

/// The path's name, which is its only variable part: 1 to 63 lower-case letters, digits, and dashes. Another text is 404.
#[derive(Clone, Debug)]
pub struct PathName(pub String);

impl FromRequest for PathName {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let part = request.match_info().iter().next().map(|(_, part)| part);
        ready(part.filter(|part| is_name(part)).map(|part| Self(part.to_owned())).ok_or(Problem::new(Code::NotFound)))
    }
}

fn is_name(part: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&part.len()) && part.bytes().all(is_part)
}

/// The two ids of a path, in their order. A text that is not a UUID is 404.
#[derive(Clone, Copy, Debug)]
pub struct Ids<A, B>(pub A, pub B);

impl<A, B> FromRequest for Ids<A, B>
where
    A: for<'de> Deserialize<'de>,
    B: for<'de> Deserialize<'de>,
{
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let mut parts = request.match_info().iter().map(|(_, part)| part);
        let (first, second) = (parts.next().and_then(read), parts.next().and_then(read));
        ready(first.zip(second).map(|(a, b)| Self(a, b)).ok_or_else(|| Problem::new(Code::NotFound)))
    }
}

/// Reads an id in its one spelling, so that no resource has two addresses.
fn read<T: for<'de> Deserialize<'de>>(part: &str) -> Option<T> {
    let id = Uuid::try_parse(part).ok().filter(|_| part.len() == 36)?.to_string();
    let deserializer: StrDeserializer<'_, Error> = id.as_str().into_deserializer();
    T::deserialize(deserializer).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::RequestId;

    #[test]
    fn only_a_uuid_with_its_hyphens_is_an_id() {
        assert!(read::<RequestId>("0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f11").is_some());
        for other in ["batch", "", "0198c1de5f367cc3b5a53a5e0d4b8f11", "{0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f11}", "1"] {
            assert!(read::<RequestId>(other).is_none(), "{other}");
        }
    }
}

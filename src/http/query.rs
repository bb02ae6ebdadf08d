//! Reads query parameters. Unknown and repeated ones are refused, and errors name the parameter.

use std::fmt;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::web::Query;
use actix_web::{FromRequest, HttpRequest};
use serde::de::{Deserializer, Unexpected, Visitor};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use utoipa::PartialSchema;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};

use super::problem::{Code, Problem};
use crate::base::field::FieldError;
use crate::base::json::from_texts;
use crate::base::page::{LARGEST_PAGE, USUAL_PAGE};

/// The query as a type. `Params<Nothing>` accepts no parameters.
#[derive(Clone, Copy, Debug)]
pub struct Params<T>(pub T);

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

impl<T: DeserializeOwned> FromRequest for Params<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(read(request.query_string()).map(Self))
    }
}

fn read<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    let pairs = Query::<Vec<(String, String)>>::from_query(query);
    let pairs = pairs.map_err(|_| {
        Problem::new(Code::BadRequest).detail("The query string cannot be read. Correct its percent-encoding.")
    })?;
    let mut texts = Map::new();
    let mut invalid = None;
    for (name, value) in pairs.into_inner() {
        if value.contains('\0') {
            invalid = Some((name.clone(), "must not contain the character NUL"));
        }
        if texts.insert(name.clone(), Value::String(value)).is_some() {
            invalid = Some((name, "must be sent only once"));
        }
    }
    // Unknown names come first, because only a name that the type knows may be returned to the caller.
    let value = from_texts(texts).map_err(unknown_is_a_parameter).map_err(|place| Problem::invalid(vec![place]))?;
    match invalid {
        Some((name, rule)) => Err(Problem::new(Code::ValidationFailed).parameter(name, "format", rule)),
        None => Ok(value),
    }
}

fn unknown_is_a_parameter(mut place: FieldError) -> FieldError {
    if place.code == "unknown_field" {
        place.detail = "unknown parameter".into();
    }
    place
}

/// The number of items that a page may have: 1 to 200, and 50 by default. Queries and bodies use it with
/// `#[serde(default)]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Limit(u32);

impl Limit {
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(USUAL_PAGE)
    }
}

/// A limit of a body, where null counts as absent.
pub fn limit_or_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Limit, D::Error> {
    Option::<Limit>::deserialize(deserializer).map(Option::unwrap_or_default)
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LimitVisitor;

        impl Visitor<'_> for LimitVisitor {
            type Value = Limit;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "1 to {LARGEST_PAGE}")
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Limit, E> {
                match u32::try_from(number) {
                    Ok(limit @ 1..=LARGEST_PAGE) => Ok(Limit(limit)),
                    _ => Err(E::invalid_value(Unexpected::Unsigned(number), &self)),
                }
            }

            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Limit, E> {
                let refused = || E::invalid_value(Unexpected::Signed(number), &self);
                u64::try_from(number).map_err(|_| refused()).and_then(|number| LimitVisitor.visit_u64(number))
            }
        }

        deserializer.deserialize_u64(LimitVisitor)
    }
}

impl PartialSchema for Limit {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Integer)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int32)))
            .minimum(Some(1))
            .maximum(Some(LARGEST_PAGE))
            .description(Some(
                "The largest number of items in a page: 1 to 200. It is 50 if it is left out. A page has fewer items if they \
                 are long.",
            ))
            .into()
    }
}

impl utoipa::ToSchema for Limit {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Listing {
        status: Option<Status>,
        cursor: Option<String>,
        #[serde(default)]
        limit: Limit,
    }

    #[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Status {
        Waiting,
        Done,
    }

    fn refused(query: &str) -> (String, String) {
        let problem = read::<Listing>(query).unwrap_err();
        let place = problem.places()[0].clone();
        assert_eq!(place.pointer, None);
        (place.parameter.unwrap_or_default().into_owned(), place.code.into_owned())
    }

    #[test]
    fn a_listing_is_read() {
        let listing: Listing = read("status=done&limit=7&cursor=12").unwrap();
        assert_eq!((listing.status, listing.limit.get()), (Some(Status::Done), 7));
        assert_eq!(listing.cursor.as_deref(), Some("12"));
        let usual: Listing = read("").unwrap();
        assert_eq!((usual.status, usual.limit), (None, Limit(50)));
    }

    #[test]
    fn what_is_wrong_names_its_parameter() {
        for (query, parameter, code) in [
            ("limit=0", "limit", "out_of_range"),
            ("limit=201", "limit", "out_of_range"),
            ("limit=-1", "limit", "out_of_range"),
            ("limit=99999999999999999999", "limit", "type"),
            ("limit=many", "limit", "type"),
            ("limit=", "limit", "type"),
            ("limit=1.5", "limit", "type"),
            ("status=lost", "status", "format"),
            ("colour=red", "colour", "unknown_field"),
            ("+4798765432=red", "", "unknown_field"),
            ("limit=5&limit=6", "limit", "format"),
            ("cursor=%00", "cursor", "format"),
        ] {
            assert_eq!(refused(query), (parameter.to_owned(), code.to_owned()), "{query}");
        }
        assert!(read::<Nothing>("").is_ok() && read::<Nothing>("a=b").is_err());
    }

    proptest! {
        #[test]
        fn no_query_makes_the_parser_panic(query: String) {
            let _ = read::<Listing>(&query);
        }
    }
}

//! Closed sets of words as named schemas of the OpenAPI document, so that a generated client has an enumeration of each.

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};

/// The schema of a set of words.
#[must_use]
pub fn schema(about: &str, words: impl IntoIterator<Item = &'static str>) -> RefOr<Schema> {
    let about = format!("{about} A later version of the service may add values.");
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).description(Some(about)).into()
}

/// Describes a type as a set of words in the document: its name there, its description, and its words.
macro_rules! described {
    ($type:ty as $name:literal, $about:literal, $words:expr) => {
        impl utoipa::PartialSchema for $type {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                $crate::base::words::schema($about, $words)
            }
        }

        impl utoipa::ToSchema for $type {
            fn name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }
        }
    };
}

pub(crate) use described;

//! Closed sets of words: enumerations, each with its words, and their schemas in the OpenAPI document.

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};

/// Declares an enumeration, and for each variant the word of bodies, columns, logs, and texts. A `stored` one is bound to
/// columns of text. The `error` is that of a text that is not one of the words.
macro_rules! words {
    (impl $name:ident { $($variant:ident = $word:tt,)+ } $($(#[$error_about:meta])* error $error:ident = $text:tt;)?) => {
        impl $name {
            pub const ALL: [Self; [$($word),+].len()] = [$(Self::$variant),+];

            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        $(
            $(#[$error_about])*
            #[derive(Debug, thiserror::Error)]
            #[error($text)]
            pub struct $error;

            impl std::str::FromStr for $name {
                type Err = $error;

                fn from_str(word: &str) -> Result<Self, $error> {
                    Self::ALL.into_iter().find(|one| one.as_str() == word).ok_or($error)
                }
            }
        )?
    };
    (stored $(#[$about:meta])* pub enum $name:ident { $($(#[$meta:meta])* $variant:ident = $word:tt,)+ } $($error:tt)*) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, sqlx::Type)]
        #[sqlx(type_name = "text")]
        pub enum $name { $($(#[$meta])* #[serde(rename = $word)] #[sqlx(rename = $word)] $variant,)+ }

        $crate::base::words::words!(impl $name { $($variant = $word,)+ } $($error)*);
    };
    ($(#[$about:meta])* pub enum $name:ident { $($(#[$meta:meta])* $variant:ident = $word:tt,)+ } $($error:tt)*) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$meta])* #[serde(rename = $word)] $variant,)+ }

        $crate::base::words::words!(impl $name { $($variant = $word,)+ } $($error)*);
    };
}

/// The schema of a set of words.
#[must_use]
pub fn schema(about: &str, words: impl IntoIterator<Item = &'static str>) -> RefOr<Schema> {
    let about = format!("{about} A later version of the service may add values.");
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).description(Some(about)).into()
}

/// Describes a type as a set of words in the document: its name there, its description, and its words. The words of an
/// enumeration are known.
macro_rules! described {
    ($type:ty as $name:literal, $about:literal) => {
        $crate::base::words::described!($type as $name, $about, <$type>::ALL.iter().map(|one| one.as_str()));
    };
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

pub(crate) use {described, words};

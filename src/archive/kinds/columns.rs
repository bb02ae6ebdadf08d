//! The columns of a kind of records: one list, from which all statements, values, and accessors are made.

use crate::store::Query;

/// The columns of a kind alone. [`columns!`] implements it.
pub trait KindColumns {
    /// All columns, in the order in which they are bound and read.
    const COLUMNS: &'static [&'static str];
    /// The columns that describe a record in a word, or join it to another. If such a value contained the record's own
    /// number, address, or name, its keyed hash is stored.
    const DESCRIPTIVE: &'static [&'static str];
    /// The column of the text that may have placeholders.
    const TEXT: &'static str;

    /// Appends the values of [`Self::COLUMNS`].
    fn bind<'c>(&self, query: Query<'c>) -> Query<'c>;

    /// Appends one array for each of [`Self::COLUMNS`].
    fn bind_arrays<'c>(query: Query<'c>, all: &[&Self]) -> Query<'c>;

    fn text(&self) -> Option<&str>;

    fn set_text(&mut self, text: String);

    /// The values of [`Self::DESCRIPTIVE`].
    fn descriptive(&self) -> Vec<Option<&str>>;

    fn descriptive_mut(&mut self) -> Vec<Option<&mut String>>;
}

/// Declares a kind and its columns once. A plain column cannot contain an identifier. A descriptive one is a word, and the
/// text has placeholders.
macro_rules! columns {
    ($(#[$about:meta])* $kind:ident {
        plain { $($(#[$plain_about:meta])* $plain:ident: $plain_type:ty),* $(,)? }
        descriptive { $($descriptive:ident: $descriptive_type:ty),* $(,)? }
        text { $text:ident }
    }) => {
        $(#[$about])*
        #[derive(Clone, Debug)]
        pub struct $kind {
            $($(#[$plain_about])* pub $plain: $plain_type,)*
            $(pub $descriptive: $descriptive_type,)*
            pub $text: Option<String>,
        }

        impl $crate::store::ReadColumns for $kind {
            fn read(row: &mut $crate::store::RowReader<'_>) -> $crate::store::RowResult<Self> {
                Ok(Self {
                    $($plain: row.value()?,)*
                    $($descriptive: row.value()?,)*
                    $text: row.value()?,
                })
            }
        }

        impl $crate::archive::kinds::KindColumns for $kind {
            const COLUMNS: &'static [&'static str] =
                &[$(stringify!($plain),)* $(stringify!($descriptive),)* stringify!($text)];
            const DESCRIPTIVE: &'static [&'static str] = &[$(stringify!($descriptive)),*];
            const TEXT: &'static str = stringify!($text);

            fn bind<'c>(&self, query: $crate::store::Query<'c>) -> $crate::store::Query<'c> {
                query
                    $(.with(", ", &self.$plain))*
                    $(.with(", ", &self.$descriptive))*
                    .with(", ", &self.$text)
            }

            fn bind_arrays<'c>(query: $crate::store::Query<'c>, all: &[&Self]) -> $crate::store::Query<'c> {
                query
                    $(.with_unnested(", ", all.iter().map(|one| &one.$plain)))*
                    $(.with_unnested(", ", all.iter().map(|one| &one.$descriptive)))*
                    .with_unnested(", ", all.iter().map(|one| &one.$text))
            }

            fn text(&self) -> Option<&str> {
                self.$text.as_deref()
            }

            fn set_text(&mut self, text: String) {
                self.$text = Some(text);
            }

            fn descriptive(&self) -> Vec<Option<&str>> {
                vec![$(Option::<&String>::from(&self.$descriptive).map(String::as_str)),*]
            }

            fn descriptive_mut(&mut self) -> Vec<Option<&mut String>> {
                vec![$(Option::<&mut String>::from(&mut self.$descriptive)),*]
            }
        }
    };
}

pub(super) use columns;

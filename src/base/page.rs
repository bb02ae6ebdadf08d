//! Keyset pages and their sealed cursors.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use pii::text::placeholder;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

use super::crypto::Key;

/// The most items a page may have.
pub const LARGEST_PAGE: u32 = 200;
/// The items of a page without a limit.
pub const USUAL_PAGE: u32 = 50;

/// About the most bytes of a page's items. A page ends before an item that would not fit, but has at least one item.
pub const LARGEST_PAGE_BYTES: usize = 512 << 10;

pub trait Listed {
    fn position(&self) -> Position;

    /// About the length of the item in JSON, in bytes.
    fn weight(&self) -> usize {
        1024
    }
}

/// About the length of a text with filled placeholders, in bytes.
#[must_use]
pub fn weight_of_text(text: Option<&str>) -> usize {
    text.map_or(0, |text| text.len() + 100 * text.matches(placeholder::OPEN).count())
}

/// One page of a list.
#[derive(Debug, Serialize)]
pub struct Page<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// The cursor of the next page. It is null on the last page.
    pub next_cursor: Option<String>,
}

/// The schema of a page in the document. It refers to the schema of the items.
#[must_use]
pub fn page_schema<T: ToSchema>() -> ObjectBuilder {
    let cursor = SchemaType::Array(vec![Type::String, Type::Null]);
    let items = ArrayBuilder::new().items(Ref::from_schema_name(T::name()));
    let about_cursor = "The cursor of the next page. It is null on the last page.";
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .property("items", items.description(Some("The items, in the order of the list.")))
        .required("items")
        .property("next_cursor", ObjectBuilder::new().schema_type(cursor).description(Some(about_cursor)))
        .required("next_cursor")
        .examples([json!({ "items": [example_of::<T>()], "next_cursor": null })])
}

/// The example of a schema in the document.
#[must_use]
pub fn example_of<T: ToSchema>() -> Value {
    json!(T::schema())["example"].clone()
}

impl<T: ToSchema> PartialSchema for Page<T> {
    fn schema() -> RefOr<Schema> {
        page_schema::<T>().description(Some("A page of a list.")).into()
    }
}

impl<T: ToSchema> ToSchema for Page<T> {
    fn name() -> Cow<'static, str> {
        format!("{}Page", T::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(schemas);
    }
}

impl<T: Listed> Page<T> {
    /// The page of a list of which one item more than `limit` was read. That item says whether there is a next page.
    pub fn of(mut items: Vec<T>, limit: u32, key: &Key, query: &[u8]) -> Self {
        let weights = items.iter().scan(0, |sum, item| {
            *sum += item.weight();
            Some(*sum)
        });
        let fitting = weights.take_while(|sum| *sum <= LARGEST_PAGE_BYTES).count().max(1).min(limit as usize);
        let has_next = items.len() > fitting;
        items.truncate(fitting);
        let last = items.last().filter(|_| has_next).map(Listed::position);
        Self { items, next_cursor: last.and_then(|last| last.to_cursor(key, query)) }
    }
}

impl<T> Page<T> {
    /// The same page of other items.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(change).collect(), next_cursor: self.next_cursor }
    }
}

/// The end of a page: the last item's time and id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The time by which the list is ordered.
    pub at: DateTime<Utc>,
    /// The id, which orders items of the same time.
    pub id: Uuid,
}

/// The cursor was altered, or belongs to another tenant or query.
#[derive(Debug, thiserror::Error)]
#[error("the cursor does not belong to this query")]
pub struct CursorError;

impl Position {
    /// The position as a cursor, sealed and bound to a tenant and a query.
    #[must_use]
    pub fn to_cursor(self, key: &Key, query: &[u8]) -> Option<String> {
        let clear = [&self.at.timestamp_micros().to_be_bytes()[..], self.id.as_bytes()].concat();
        key.seal(&clear, query, clear.len()).ok().map(|sealed| URL_SAFE_NO_PAD.encode(sealed))
    }

    /// Reads a cursor that [`Position::to_cursor`] made for the same query.
    pub fn from_cursor(cursor: &str, key: &Key, query: &[u8]) -> Result<Self, CursorError> {
        let sealed = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| CursorError)?;
        let clear = key.open(&sealed, query).map_err(|_| CursorError)?;
        let (at, id) = clear.split_first_chunk::<8>().ok_or(CursorError)?;
        let at = DateTime::from_timestamp_micros(i64::from_be_bytes(*at)).ok_or(CursorError)?;
        Ok(Self { at, id: Uuid::from_slice(id).map_err(|_| CursorError)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    struct Item(usize);

    impl Listed for Item {
        fn position(&self) -> Position {
            Position { at: DateTime::UNIX_EPOCH, id: Uuid::nil() }
        }

        fn weight(&self) -> usize {
            self.0
        }
    }

    #[test]
    fn a_page_ends_at_its_limit_or_where_the_next_item_does_not_fit() {
        let page = |weights: &[usize], limit| {
            let items = weights.iter().copied().map(Item).collect();
            let page = Page::of(items, limit, &Key::random().unwrap(), b"");
            (page.items.len(), page.next_cursor.is_some())
        };
        let most = LARGEST_PAGE_BYTES;
        assert_eq!(page(&[], 2), (0, false));
        assert_eq!(page(&[1, 1], 2), (2, false));
        assert_eq!(page(&[1, 1, 1], 2), (2, true));
        assert_eq!(page(&[most - 1, 1, 1], 2), (2, true));
        assert_eq!(page(&[most, 1], 2), (1, true));
        assert_eq!(page(&[most + 1, 1], 2), (1, true), "never without an item");
        assert_eq!(page(&[most + 1], 2), (1, false));
    }

    proptest! {
        #[test]
        fn a_cursor_reads_back_for_its_own_query_only(micros in 0_i64..253_402_300_799_000_000, id: u128, query: Vec<u8>) {
            let key = Key::random().unwrap();
            let position = Position { at: DateTime::from_timestamp_micros(micros).unwrap(), id: Uuid::from_u128(id) };
            let cursor = position.to_cursor(&key, &query).unwrap();
            prop_assert_eq!(Position::from_cursor(&cursor, &key, &query).unwrap(), position);
            prop_assert!(Position::from_cursor(&cursor, &key, &[&query[..], b"x"].concat()).is_err());
        }

        #[test]
        fn no_text_makes_the_parser_panic(text: String) {
            prop_assert!(Position::from_cursor(&text, &Key::random().unwrap(), b"").is_err());
        }
    }
}

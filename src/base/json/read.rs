//! Reads a type from a JSON value. If that fails, the error has the pointer and the rule.
//!
//! The errors of serde are converted before they become text, because their text quotes the input.

use std::borrow::Cow;
use std::fmt::{self, Display};

use chrono::Datelike as _;
use serde::de::value::{MapAccessDeserializer, StringDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error, Expected, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value};

use crate::base::clock::{microseconds, rfc3339};
use crate::base::day::plain_date;
use crate::base::field::FieldError;

/// Reads a type from a JSON value.
pub(super) fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, FieldError> {
    let read = T::deserialize(ValueReader { value, texts: false });
    read.map_err(|error| FieldError::at(error.pointer, error.code, error.detail))
}

/// Reads a type from texts by name. Numbers are texts, too, and errors name parameters.
pub fn from_texts<T: DeserializeOwned>(texts: Map<String, Value>) -> Result<T, FieldError> {
    T::deserialize(TextsReader(texts)).map_err(|error| {
        let name = error.pointer.trim_start_matches('/').to_owned();
        FieldError::parameter(name, error.code, error.detail)
    })
}

/// The first text or key that contains a NUL, which PostgreSQL cannot store.
pub(super) fn nul_in(value: &Value) -> Option<FieldError> {
    let place = |pointer: &str| FieldError::at(pointer, "format", "must not contain the character NUL");
    match value {
        Value::String(text) => text.contains('\0').then(|| place("")),
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(at, item)| nul_in(item).map(|inner| inner.within(&format!("/{at}"))))
        }
        Value::Object(members) => members.iter().find_map(|(key, member)| {
            if key.contains('\0') {
                return Some(place(""));
            }
            nul_in(member).map(|inner| step(key).map_or_else(|| place(""), |step| inner.within(&step)))
        }),
        _ => None,
    }
}

/// One step of a pointer, if the key is like a field's name. Other keys are values that a caller sent, and are not
/// returned.
fn step(key: &str) -> Option<String> {
    let name = !key.is_empty() && key.len() <= 40 && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    name.then(|| format!("/{key}"))
}

/// A value that could not be read. Its pointer is built from the inside to the outside.
#[derive(Debug)]
struct ReadError {
    pointer: String,
    code: &'static str,
    detail: Cow<'static, str>,
}

impl ReadError {
    fn new(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { pointer: String::new(), code, detail: detail.into() }
    }

    fn under(mut self, key: &str) -> Self {
        self.pointer = step(key).map_or_else(String::new, |step| step + &self.pointer);
        self
    }
}

impl Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for ReadError {}

/// The expected type, in the words of JSON.
fn wanted(expected: &dyn Expected) -> String {
    let words = expected.to_string();
    match words.as_str() {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number that is not negative".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a sequence" => "an array".to_owned(),
        "a map" => "an object".to_owned(),
        "unit" => "null".to_owned(),
        words if words.starts_with("struct ") => "an object".to_owned(),
        words if words.starts_with("enum ") => "one of the known words".to_owned(),
        words => words.to_owned(),
    }
}

/// The documented format of texts.
const FORMAT: &str = "must have the documented format";

/// A text that a library reads.
enum LibraryText {
    Time,
    Date,
    Other,
}

impl LibraryText {
    /// The kind of the text that a type reads, by the name of the type.
    fn by<V>() -> Self {
        let visitor = std::any::type_name::<V>();
        if visitor.ends_with("DateTimeVisitor") {
            Self::Time
        } else if visitor.ends_with("NaiveDateVisitor") {
            Self::Date
        } else {
            Self::Other
        }
    }

    const fn format(&self) -> &'static str {
        match self {
            Self::Time => "must be a time with its offset from UTC, such as 2026-08-01T09:00:00+02:00",
            Self::Date => "must be a date, such as 2026-08-01",
            Self::Other => FORMAT,
        }
    }

    /// A text for the library, which reads more spellings than the documented one. A time has the precision of the
    /// databases, and lies in the years in which they sort times alike.
    fn checked(&self, text: String) -> Result<String, ReadError> {
        let wrong = || ReadError::new("format", self.format());
        match self {
            Self::Time => {
                let at = rfc3339(&text).ok_or_else(wrong)?;
                if !(0..=9_999).contains(&at.year()) {
                    return Err(ReadError::new("out_of_range", "must lie in the years 0 to 9999"));
                }
                let stored = microseconds(at);
                Ok(if stored == at { text } else { stored.to_rfc3339() })
            }
            Self::Date if plain_date(&text).is_none() => Err(wrong()),
            Self::Date | Self::Other => Ok(text),
        }
    }
}

impl Error for ReadError {
    fn custom<T: Display>(message: T) -> Self {
        // The rules of this service begin like this. A library's message is not repeated, because it may contain the
        // value.
        let message = message.to_string();
        if message.starts_with("must ") { Self::new("format", message) } else { Self::new("format", FORMAT) }
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        if unexpected == Unexpected::Unit {
            return Self::new("required", "is required");
        }
        Self::new("type", format!("must be {}", wanted(expected)))
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let number = matches!(unexpected, Unexpected::Signed(_) | Unexpected::Unsigned(_) | Unexpected::Float(_));
        Self::new(if number { "out_of_range" } else { "format" }, format!("must be {}", wanted(expected)))
    }

    fn invalid_length(_: usize, expected: &dyn Expected) -> Self {
        Self::new("out_of_range", format!("must be {}", wanted(expected)))
    }

    fn unknown_variant(_: &str, known: &'static [&'static str]) -> Self {
        Self::new("format", format!("must be one of {}", known.join(", ")))
    }

    fn unknown_field(name: &str, _: &'static [&'static str]) -> Self {
        Self::new("unknown_field", "unknown field").under(name)
    }

    fn missing_field(name: &'static str) -> Self {
        Self::new("required", "is required").under(name)
    }

    fn duplicate_field(name: &'static str) -> Self {
        Self::new("format", "must be sent only once").under(name)
    }
}

/// Reads one value. With `texts`, a text may be a number or a boolean.
struct ValueReader {
    value: Value,
    texts: bool,
}

impl ValueReader {
    /// The number or boolean of a text, if texts are allowed.
    fn scalar(self) -> Self {
        let read = match &self.value {
            Value::String(text) if self.texts => serde_json::from_str::<Value>(text).ok(),
            _ => None,
        };
        let value = read.filter(|value| value.is_number() || value.is_boolean()).unwrap_or(self.value);
        Self { value, texts: false }
    }
}

/// Reads an object as a struct. Unknown fields are refused, whatever the type declares.
fn members_of<'de, V: Visitor<'de>>(
    members: Map<String, Value>,
    texts: bool,
    fields: &'static [&'static str],
    visitor: V,
) -> Result<V::Value, ReadError> {
    match members.keys().find(|key| !fields.contains(&key.as_str())) {
        Some(unknown) => Err(ReadError::unknown_field(unknown, fields)),
        None => visitor.visit_map(Members::new(members, texts)),
    }
}

/// Reads numbers and booleans from texts, if texts are allowed.
macro_rules! scalars {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
            self.scalar().deserialize_any(visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for ValueReader {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::String(text) => {
                let read = LibraryText::by::<V>();
                visitor.visit_string(read.checked(text)?).map_err(|mut error: ReadError| {
                    if error.detail == FORMAT {
                        error.detail = read.format().into();
                    }
                    error
                })
            }
            Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(number), ..) => visitor.visit_u64(number),
                (_, Some(number), _) => visitor.visit_i64(number),
                (.., Some(number)) => visitor.visit_f64(number),
                _ => Err(ReadError::new("out_of_range", "must be a number of 64 bits")),
            },
            Value::Array(items) => visitor.visit_seq(Items { items: items.into_iter(), at: 0 }),
            Value::Object(members) => visitor.visit_map(Members::new(members, self.texts)),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        if self.value.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        match self.value {
            Value::Object(members) => members_of(members, self.texts, fields, visitor),
            Value::Null => Err(ReadError::new("required", "is required")),
            _ => Err(ReadError::new("type", "must be an object")),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        match self.value {
            Value::String(word) => visitor.visit_enum(StringDeserializer::<ReadError>::new(word)),
            Value::Object(members) if members.len() == 1 => {
                visitor.visit_enum(MapAccessDeserializer::new(Members::new(members, self.texts)))
            }
            Value::Null => Err(ReadError::new("required", "is required")),
            _ => Err(ReadError::new("type", format!("must be one of {}", variants.join(", ")))),
        }
    }

    scalars! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_u8 deserialize_u16
        deserialize_u32 deserialize_u64 deserialize_f32 deserialize_f64
    }

    forward_to_deserialize_any! {
        i128 u128 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map identifier ignored_any
    }
}

struct Items {
    items: std::vec::IntoIter<Value>,
    at: usize,
}

impl<'de> SeqAccess<'de> for Items {
    type Error = ReadError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, ReadError> {
        let Some(value) = self.items.next() else { return Ok(None) };
        let at = self.at;
        self.at += 1;
        let read = seed.deserialize(ValueReader { value, texts: false });
        read.map(Some).map_err(|error| ReadError { pointer: format!("/{at}{}", error.pointer), ..error })
    }
}

struct Members {
    rest: serde_json::map::IntoIter,
    /// The last key, and the value that belongs to it.
    current: Option<(String, Value)>,
    texts: bool,
}

impl Members {
    fn new(members: Map<String, Value>, texts: bool) -> Self {
        Self { rest: members.into_iter(), current: None, texts }
    }
}

impl<'de> MapAccess<'de> for Members {
    type Error = ReadError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, ReadError> {
        self.current = self.rest.next();
        let Some((key, _)) = &self.current else { return Ok(None) };
        seed.deserialize(key.as_str().into_deserializer()).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, ReadError> {
        let (key, value) = self.current.take().ok_or_else(|| ReadError::new("format", "must be an object"))?;
        seed.deserialize(ValueReader { value, texts: self.texts }).map_err(|error| error.under(&key))
    }
}

/// Reads a type from texts by name.
struct TextsReader(Map<String, Value>);

impl<'de> Deserializer<'de> for TextsReader {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_map(Members::new(self.0, true))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        members_of(self.0, true, fields, visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

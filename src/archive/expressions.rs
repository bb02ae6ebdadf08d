//! Expressions that several statements have, so that they mean the same everywhere.
//!
//! Numbers of these expressions are text and not bound values. A database uses an index with a condition only if it sees
//! that the statement has the same one.

use super::kinds::Channel;
use crate::store::{Query, Sql};

/// [`forgotten::CUSTOMER`](super::forgotten::CUSTOMER) in a statement.
pub const CUSTOMER: &str = "7";

/// [`forgotten::ANYBODY`](super::forgotten::ANYBODY) in a statement.
pub const ANYBODY: &str = "15";

/// The mask of the bits of a cell key that are summed: [`CELL_KEYS`](super::counting::CELL_KEYS) less one.
pub const CELL_KEY: &str = "16777215";

/// The seconds of the record `r` since 1970, without their fraction.
pub const SECONDS: Sql = Sql::per("CAST(floor(date_part('epoch', r.at)) AS BIGINT)", "unixepoch(substr(r.at, 1, 19))");

/// The whole seconds of the interaction `r`. SQLite has times as texts, whose fractions of a second can be compared.
/// Without that, it would cut both fractions off first, and an interaction could be a second too long. On PostgreSQL it is a
/// floating-point number, because these are added up faster than others.
pub const DURATION: Sql = Sql::per(
    "floor(date_part('epoch', r.ended_at - r.at))",
    "unixepoch(substr(r.ended_at, 1, 19)) - unixepoch(substr(r.at, 1, 19)) - (substr(r.ended_at, 20) < substr(r.at, 20))",
);

/// Appends the condition that a value is a keyed hash, as `parsed::is_keyed` decides it. The length in bytes comes first,
/// because both databases know it without reading the value. LIKE would ignore the case on SQLite.
pub fn is_keyed<'c>(query: Query<'c>, column: &'static str) -> Query<'c> {
    query.push("octet_length(").push(column).push(") = 69 AND substr(").push(column).push(", 1, 5) = 'hash-'")
}

/// Appends a descriptive value. A keyed hash reads `Anonymized`.
pub fn without_hash<'c>(query: Query<'c>, column: &'static str) -> Query<'c> {
    is_keyed(query.push("CASE WHEN "), column).push(" THEN 'Anonymized' ELSE ").push(column).push(" END")
}

/// Appends the condition of a filter by channel. A single channel is compared without an array, so that an index by channel
/// and time gives the order.
pub fn with_channels<'c>(query: Query<'c>, column: &'static str, channels: Option<&[Channel]>) -> Query<'c> {
    match channels {
        Some([one]) => query.push(" AND ").push(column).with(" = ", *one),
        Some(several) => query.push(" AND ").push(column).with_any("", several.iter().map(|channel| channel.as_str())),
        None => query,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::counting::CELL_KEYS;
    use crate::archive::forgotten;

    #[test]
    fn the_numbers_are_those_of_the_constants() {
        assert_eq!(CUSTOMER, forgotten::CUSTOMER.to_string());
        assert_eq!(ANYBODY, forgotten::ANYBODY.to_string());
        assert_eq!(CELL_KEY, (CELL_KEYS - 1).to_string());
    }
}

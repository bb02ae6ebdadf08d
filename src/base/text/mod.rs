//! Texts that know no identifiers: finding them, keeping placeholders, filling them in again.

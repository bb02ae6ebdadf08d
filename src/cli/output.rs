//! Standard output. Whoever reads it may stop reading: that is no failure.

use std::io::Write as _;

/// Prints a line of data.
pub fn print(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

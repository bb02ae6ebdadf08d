//! Standard output, which carries data. If the reader stops reading, that is not a failure. If data cannot be written
//! for another reason, such as a full disk, the command does its work and then fails.

use std::io::{Error, ErrorKind, Write as _};
use std::sync::Mutex;

use super::exit::CommandError;

/// The first reason why data could not be written.
static LOST: Mutex<Option<Error>> = Mutex::new(None);

/// A count with its noun: `1 request`, `2 requests`.
pub fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

pub fn print(line: &str) {
    let mut stdout = std::io::stdout();
    note(writeln!(stdout, "{line}").and_then(|()| stdout.flush()));
}

/// Remembers whether data could be written.
pub fn note(written: Result<(), Error>) {
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            if let Ok(mut lost) = LOST.lock() {
                lost.get_or_insert(error);
            }
        }
        _ => {}
    }
}

/// Returns an error if data were lost.
pub fn check() -> Result<(), CommandError> {
    match LOST.lock().ok().and_then(|mut lost| lost.take()) {
        Some(error) => Err(CommandError::Output(error)),
        None => Ok(()),
    }
}

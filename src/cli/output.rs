//! Standard output, which carries data. A reader may stop reading: that is no failure. Data that cannot be written for
//! another reason, such as a full disk, make the command fail, once it has done its work.

use std::io::{Error, ErrorKind, Write as _};
use std::sync::Mutex;

use super::exit::CommandError;

/// Why data could not be written; the first reason.
static LOST: Mutex<Option<Error>> = Mutex::new(None);

pub fn print(line: &str) {
    let mut stdout = std::io::stdout();
    note(writeln!(stdout, "{line}").and_then(|()| stdout.flush()));
}

/// Keeps in mind whether data could be written.
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

/// An error if data were lost.
pub fn check() -> Result<(), CommandError> {
    match LOST.lock().ok().and_then(|mut lost| lost.take()) {
        Some(error) => Err(CommandError::Output(error)),
        None => Ok(()),
    }
}

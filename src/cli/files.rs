//! Files that a command line names. An error says which file it is, because the system's own text does not.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use super::exit::CommandError;

/// Checks that a file exists, without opening it: a pipe is opened once.
pub fn check(path: &Path) -> Result<(), CommandError> {
    let found = std::fs::metadata(path);
    let found = found.and_then(|file| if file.is_dir() { Err(io::ErrorKind::IsADirectory.into()) } else { Ok(()) });
    found.map_err(|error| unusable("the file", path, "read", &error))
}

/// Opens a file for reading.
pub fn open(path: &Path) -> Result<File, CommandError> {
    let opened = File::open(path).and_then(|file| {
        // A folder can be opened, and fails at the first read.
        if file.metadata()?.is_dir() { Err(io::ErrorKind::IsADirectory.into()) } else { Ok(file) }
    });
    opened.map_err(|error| unusable("the file", path, "read", &error))
}

/// Reads a whole file.
pub fn read(path: &Path) -> Result<Vec<u8>, CommandError> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes).map_err(|error| unusable("the file", path, "read", &error))?;
    Ok(bytes)
}

/// The error of a file or a folder that cannot be read or written.
pub fn unusable(kind: &str, path: &Path, action: &str, error: &io::Error) -> CommandError {
    let reason = match error.kind() {
        io::ErrorKind::NotFound => "it does not exist".to_owned(),
        io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        io::ErrorKind::AlreadyExists => "it exists already".to_owned(),
        kind => kind.to_string(),
    };
    CommandError::Usage(format!("{kind} {} cannot be {action}: {reason}", path.display()))
}

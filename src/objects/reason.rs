//! Why the object store failed, without the driver's words: they quote URLs, paths, and responses.

use std::error::Error;
use std::iter::successors;

/// How the driver introduces the status of a response.
const STATUS: &str = "status code: ";

/// The reason of a failure: the status of the response, or the kind of the error of the network or the disk.
pub(super) fn reason_of(error: &object_store::Error) -> String {
    match error {
        object_store::Error::PermissionDenied { .. } => return "it denies the call (status 403)".to_owned(),
        object_store::Error::Unauthenticated { .. } => {
            return "it does not know the credentials (status 401)".to_owned();
        }
        _ => {}
    }
    if let Some(status) = status_in(&error.to_string()) {
        return format!("it responded with the status {status}");
    }
    let mut causes = successors(error.source(), |&cause| cause.source());
    match causes.find_map(|cause| cause.downcast_ref::<std::io::Error>()) {
        Some(io) => io.kind().to_string(),
        None => "it cannot be reached or used".to_owned(),
    }
}

/// The status of a response in the driver's words.
fn status_in(words: &str) -> Option<u16> {
    let (_, behind) = words.split_once(STATUS)?;
    behind.get(..3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(source: impl Into<Box<dyn Error + Send + Sync>>) -> object_store::Error {
        object_store::Error::Generic { store: "S3", source: source.into() }
    }

    #[test]
    fn the_reason_is_a_status_or_a_kind_and_quotes_nothing() {
        let denied = object_store::Error::PermissionDenied { path: "calls/kari".to_owned(), source: "secret".into() };
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let words = "Error after 10 retries: Server returned non-2xx status code: 503 Slow Down: <Key>kari</Key>";
        for (error, reason) in [
            (denied, "it denies the call (status 403)"),
            (failed(words), "it responded with the status 503"),
            (failed(full), "no storage space"),
            (failed("error sending request for url (http://kari.example/)"), "it cannot be reached or used"),
        ] {
            assert_eq!(reason_of(&error), reason);
        }
    }
}

//! Why the object store failed, without the driver's words: they quote URLs, paths, and responses.

use std::error::Error;
use std::iter::successors;

const DENIED: &str = "it denies the call (status 403): check the key, the policy, and the clock";

/// The driver's words for a redirect to another region, of which it knows neither a status nor a cause.
const REDIRECT: &str = "redirect without LOCATION";

/// How the driver introduces the status of a response.
const STATUS: &str = "status code: ";

/// The reason of a failure: the status of the response, or the kind of the error of the network or the disk.
pub(super) fn reason_of(error: &object_store::Error) -> String {
    let known = match error {
        object_store::Error::PermissionDenied { .. } => Some(DENIED),
        object_store::Error::Unauthenticated { .. } => Some("it does not know the credentials (status 401)"),
        _ if error.to_string().contains(REDIRECT) => Some("it redirects the call: check the region"),
        _ if is_timeout(error) => Some("timeout: it did not respond in time"),
        _ => None,
    };
    let io = causes(error).find_map(|cause| cause.downcast_ref::<std::io::Error>());
    match (known, status_in(&error.to_string()), io) {
        (Some(known), ..) => known.to_owned(),
        (None, Some(status), _) => format!("it responded with the status {status}"),
        // The standard library has no kind for a failed look-up.
        (.., Some(io)) if io.to_string().starts_with("failed to lookup") => {
            "its host is not found: check its name and the DNS".to_owned()
        }
        (.., Some(io)) => io.kind().to_string(),
        (None, None, None) => "it cannot be reached or used".to_owned(),
    }
}

fn causes(error: &object_store::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    successors(error.source(), |&cause| cause.source())
}

#[cfg(feature = "s3")]
fn is_timeout(error: &object_store::Error) -> bool {
    use object_store::client::{HttpError, HttpErrorKind};
    let mut http = causes(error).filter_map(|cause| cause.downcast_ref::<HttpError>());
    http.any(|http| http.kind() == HttpErrorKind::Timeout)
}

#[cfg(not(feature = "s3"))]
const fn is_timeout(_error: &object_store::Error) -> bool {
    false
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
            (denied, DENIED),
            (failed(words), "it responded with the status 503"),
            (failed(full), "no storage space"),
            (
                failed("Received redirect without LOCATION, http://kari.example"),
                "it redirects the call: check the region",
            ),
            (failed("error sending request for url (http://kari.example/)"), "it cannot be reached or used"),
        ] {
            assert_eq!(reason_of(&error), reason);
        }
    }
}

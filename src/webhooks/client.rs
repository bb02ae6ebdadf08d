//! The client that sends messages. It follows no redirect, uses no proxy, and connects only where its guard permits. It
//! reads a little of a response and shows nothing of it.

use std::path::Path;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Response, StatusCode};

use super::body::MEDIA_TYPE;
use super::guard::{AddressGuard, WebhookAddressError};
use super::model::SendError;
use super::signature::SignedHeaders;

/// The most bytes of a response that are read, so that the connection of a short response can be used again.
const MOST_READ: usize = 1 << 10;

/// The longest pause that a receiver can ask for.
const LONGEST_PAUSE: u64 = 3_600;

/// The pause if the receiver names none.
const USUAL_PAUSE: u64 = 60;

/// The client cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("must name a file of certificates in PEM")]
    Authorities,
    #[error("the client of webhooks cannot be made")]
    Client(#[source] reqwest::Error),
}

#[derive(Clone, Debug)]
pub struct WebhookClient {
    guard: AddressGuard,
    client: Client,
}

/// An attempt that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    pub error: SendError,
    pub status: Option<u16>,
    /// For how many seconds the receiver wants no messages.
    pub pause: Option<u64>,
}

impl From<SendError> for Failure {
    fn from(error: SendError) -> Self {
        Self { error, status: None, pause: None }
    }
}

impl WebhookClient {
    pub fn new(guard: AddressGuard, authorities: Option<&Path>, timeout: Duration) -> Result<Self, ClientError> {
        let authorities = match authorities {
            None => Vec::new(),
            Some(file) => {
                let pem = std::fs::read(file).map_err(|_| ClientError::Authorities)?;
                let found = Certificate::from_pem_bundle(&pem).unwrap_or_default();
                if found.is_empty() {
                    return Err(ClientError::Authorities);
                }
                found
            }
        };
        let client = Client::builder()
            .dns_resolver(guard.clone())
            .no_proxy()
            .redirect(Policy::none())
            .timeout(timeout)
            .tls_certs_merge(authorities)
            .user_agent(concat!("lethe/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(ClientError::Client)?;
        Ok(Self { guard, client })
    }

    /// Sends a message. Returns the status by which the receiver accepted it.
    pub async fn send(&self, url: &str, headers: &SignedHeaders, body: String) -> Result<u16, Failure> {
        // An IP address in the URL is not resolved, so it is checked here.
        let url = self.guard.read(url).map_err(|_| SendError::AddressBlocked)?;
        let SignedHeaders { id, timestamp, signature } = headers;
        let call = self
            .client
            .post(url)
            .header(CONTENT_TYPE, MEDIA_TYPE)
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature)
            .body(body);
        let mut response = call.send().await.map_err(|error| reason(&error))?;
        let outcome = outcome(&response);
        if outcome.is_ok() {
            read_some(&mut response).await;
        }
        outcome
    }
}

fn outcome(response: &Response) -> Result<u16, Failure> {
    let status = response.status();
    let failed = |error| Err(Failure { error, status: Some(status.as_u16()), pause: None });
    match status {
        _ if status.is_success() => Ok(status.as_u16()),
        StatusCode::GONE => failed(SendError::Gone),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => {
            let named = response.headers().get(RETRY_AFTER).and_then(|seconds| seconds.to_str().ok()?.parse().ok());
            let pause = named.unwrap_or(USUAL_PAUSE).min(LONGEST_PAUSE);
            Err(Failure { error: SendError::Throttled, status: Some(status.as_u16()), pause: Some(pause) })
        }
        _ if status.is_redirection() => failed(SendError::Redirected),
        _ => failed(SendError::Refused),
    }
}

/// Reads the beginning of a response. The receiver has accepted the message, whatever follows.
async fn read_some(response: &mut Response) {
    let mut read = 0;
    while let Ok(Some(chunk)) = response.chunk().await {
        read += chunk.len();
        if read > MOST_READ {
            break;
        }
    }
}

/// The word for an error of the client. Its own text contains the address.
fn reason(error: &reqwest::Error) -> SendError {
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        if inner.downcast_ref::<WebhookAddressError>().is_some() {
            return SendError::AddressBlocked;
        }
        cause = inner.source();
    }
    if error.is_timeout() {
        SendError::Timeout
    } else if error.is_connect() {
        SendError::Unreachable
    } else {
        SendError::ConnectionLost
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{Ipv4Addr, SocketAddr, TcpListener};
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// The address of the receiver, which represents the Internet: the guard permits it, and blocks the canary.
    const RECEIVER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

    fn guard() -> AddressGuard {
        AddressGuard::new(&["127.0.0.2/32".parse().unwrap()], false)
    }

    /// A receiver, and a canary at the same port of the address that the guard blocks. Neither waits for connections.
    fn receiver_and_canary() -> (TcpListener, TcpListener, u16) {
        let canary = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = canary.local_addr().unwrap().port();
        let receiver = TcpListener::bind((RECEIVER, port)).unwrap();
        canary.set_nonblocking(true).unwrap();
        receiver.set_nonblocking(true).unwrap();
        (receiver, canary, port)
    }

    fn headers() -> SignedHeaders {
        SignedHeaders { id: "1".to_owned(), timestamp: "2".to_owned(), signature: "3".to_owned() }
    }

    #[tokio::test]
    async fn nothing_connects_to_an_address_that_the_guard_blocks() {
        let canary = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        canary.set_nonblocking(true).unwrap();
        let port = canary.local_addr().unwrap().port();
        let client = WebhookClient::new(AddressGuard::new(&[], false), None, Duration::from_secs(5)).unwrap();
        // `localhost` is a name, so only the resolver sees its address.
        for host in ["127.0.0.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "localhost"] {
            let sent = client.send(&format!("https://{host}:{port}/"), &headers(), "{}".to_owned()).await;
            assert_eq!(sent, Err(SendError::AddressBlocked.into()), "{host}");
        }
        assert!(canary.accept().is_err(), "the canary was reached");
        // With the permission, the same name is reached. The canary speaks no TLS and answers nothing.
        let guard = AddressGuard::new(&["127.0.0.0/8".parse().unwrap()], false);
        let client = WebhookClient::new(guard, None, Duration::from_millis(200)).unwrap();
        let sent = client.send(&format!("https://localhost:{port}/"), &headers(), "{}".to_owned()).await;
        assert_eq!(sent, Err(SendError::Timeout.into()));
        assert!(canary.accept().is_ok());
    }

    #[tokio::test]
    async fn a_name_that_changes_between_the_check_and_the_connection_reaches_no_blocked_address() {
        static LOOKUPS: AtomicUsize = AtomicUsize::new(0);
        /// The addresses of the name at the next lookups, again and again.
        const ANSWERS: [&[Ipv4Addr]; 3] = [&[RECEIVER], &[Ipv4Addr::LOCALHOST], &[Ipv4Addr::LOCALHOST, RECEIVER]];
        let (receiver, canary, port) = receiver_and_canary();
        let guard = guard().looking_up(|_| {
            let addresses = ANSWERS[LOOKUPS.fetch_add(1, Ordering::Relaxed) % ANSWERS.len()];
            let addresses = addresses.iter().map(|address| SocketAddr::from((*address, 0)));
            Box::pin(std::future::ready(Ok::<Vec<SocketAddr>, std::io::Error>(addresses.collect())))
        });
        let client = WebhookClient::new(guard.clone(), None, Duration::from_millis(200)).unwrap();
        let url = format!("https://rebind.example:{port}/");
        let mut expected = 0;
        for round in 0..6 {
            // Each round is a check and a connection. After three rounds, each of them has had each answer.
            let is_blocked = |lookup: usize| ANSWERS[lookup % ANSWERS.len()] == [Ipv4Addr::LOCALHOST];
            let checked = guard.check(&guard.read(&url).unwrap()).await;
            assert_eq!(checked.is_err(), is_blocked(2 * round), "round {round}: {checked:?}");
            let sent = client.send(&url, &headers(), "{}".to_owned()).await.unwrap_err();
            assert_eq!(sent.error == SendError::AddressBlocked, is_blocked(2 * round + 1), "round {round}: {sent:?}");
            expected += usize::from(!is_blocked(2 * round + 1));
            assert!(canary.accept().is_err(), "round {round}: the canary was reached");
        }
        assert_eq!(LOOKUPS.load(Ordering::Relaxed), 12);
        let mut connected = 0;
        while receiver.accept().is_ok() {
            connected += 1;
        }
        assert_eq!((connected, expected), (4, 4));
    }

    #[tokio::test]
    async fn a_redirect_to_a_blocked_address_is_not_followed() {
        let (receiver, canary, port) = receiver_and_canary();
        receiver.set_nonblocking(false).unwrap();
        let guard = guard().looking_up(|_| {
            Box::pin(std::future::ready(Ok::<_, std::io::Error>(vec![SocketAddr::from((RECEIVER, 0))])))
        });
        let client = WebhookClient::new(guard, None, Duration::from_secs(5)).unwrap();
        let redirects = [301, 302, 303, 307, 308].into_iter().flat_map(|status| {
            ["127.0.0.1", "localhost", "rebind.example"].map(|host| (status, format!("http://{host}:{port}/")))
        });
        let redirects: Vec<(u16, String)> = redirects.collect();
        let answers = redirects.clone();
        let answering = std::thread::spawn(move || {
            for (status, location) in answers {
                let (mut line, _) = receiver.accept().unwrap();
                assert!(line.read(&mut [0; 4_096]).unwrap() > 0);
                let head = format!("HTTP/1.1 {status} X\r\nlocation: {location}\r\nconnection: close\r\n");
                line.write_all(format!("{head}content-length: 0\r\n\r\n").as_bytes()).unwrap();
            }
            // A redirect to the receiver's own name would be another connection.
            receiver.set_nonblocking(true).unwrap();
            receiver.accept().is_err()
        });
        for (status, location) in redirects {
            // The receiver speaks no TLS, so this is the client below the check of the scheme.
            let response = client.client.get(format!("http://crm.example:{port}/")).send().await.unwrap();
            let refused = Failure { error: SendError::Redirected, status: Some(status), pause: None };
            assert_eq!(outcome(&response), Err(refused), "{location}");
            assert!(canary.accept().is_err(), "{location}: the canary was reached");
        }
        assert!(answering.join().unwrap(), "a redirect was followed");
    }
}

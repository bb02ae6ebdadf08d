//! The listeners and what a call may cost.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::Deserialize;

use super::at_least_one;
use super::layers::{self, ConfigError};

/// The seconds of a year: times of more could not be added to the present.
const LONGEST: u64 = 365 * 24 * 60 * 60;

/// The listeners and what a call may cost.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    pub listen: SocketAddr,
    /// Where `/metrics` listens.
    pub internal_listen: SocketAddr,
    /// Origins whose pages may call the API (CORS); none by default, `*` for any.
    #[serde(deserialize_with = "layers::list")]
    pub cors_origins: Vec<String>,
    /// The longest JSON body, in bytes. Streams of NDJSON are not limited by it.
    pub body_limit: usize,
    /// The longest a call may take, in seconds. Streams of NDJSON and uploads of content have `stream_timeout`
    /// instead. It is also how long a peer may be slow, with any body and any answer.
    pub request_timeout: u64,
    /// The longest that the body of a stream of NDJSON or an upload of content may take to arrive, in seconds.
    pub stream_timeout: u64,
    /// The most connections at a time. It has to be less than the limit of open files.
    pub max_connections: usize,
    /// How long the service goes on with `/readyz` saying no before the listeners close, in seconds; unset: 5, or 0 in
    /// development mode.
    pub drain: Option<u64>,
    /// How long calls in hand may take after that, in seconds.
    pub shutdown: u64,
    /// Worker threads; unset: as many as the machine has cores, at most four.
    pub workers: Option<usize>,
}

impl HttpConfig {
    /// The longest a call may take.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        Duration::from_secs(self.request_timeout)
    }

    /// The longest that the body of a stream may take.
    #[must_use]
    pub const fn stream_time(&self) -> Duration {
        Duration::from_secs(self.stream_timeout)
    }

    #[must_use]
    pub fn worker_count(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from).min(4);
        self.workers.unwrap_or_else(cores)
    }

    pub(super) fn check(&self, development: bool) -> Result<(), ConfigError> {
        for (setting, address) in [("http.listen", self.listen), ("http.internal_listen", self.internal_listen)] {
            if development && !address.ip().is_loopback() {
                return Err(ConfigError::new(setting, "must be a loopback address, unless auth.issuer is set"));
            }
        }
        for origin in &self.cors_origins {
            if origin != "*" && (!origin.contains("://") || origin.ends_with('/') || !origin.is_ascii()) {
                return Err(ConfigError::new(
                    "http.cors_origins",
                    "must be a list of origins such as \
                    https://crm.example, or *",
                ));
            }
        }
        at_least_one("http.body_limit", self.body_limit as u64)?;
        at_least_one("http.request_timeout", self.request_timeout)?;
        at_least_one("http.stream_timeout", self.stream_timeout)?;
        for (setting, seconds) in [
            ("http.request_timeout", self.request_timeout),
            ("http.stream_timeout", self.stream_timeout),
            ("http.drain", self.drain.unwrap_or_default()),
            ("http.shutdown", self.shutdown),
        ] {
            if seconds > LONGEST {
                return Err(ConfigError::new(setting, "must be at most 31536000, which is one year"));
            }
        }
        at_least_one("http.max_connections", self.max_connections as u64)?;
        at_least_one("http.workers", self.workers.map_or(1, |workers| workers as u64))
    }
}

impl Default for HttpConfig {
    fn default() -> Self {
        let loopback = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        Self {
            listen: loopback(8080),
            internal_listen: loopback(9090),
            cors_origins: Vec::new(),
            body_limit: 2 << 20,
            request_timeout: 30,
            stream_timeout: 3600,
            max_connections: 600,
            drain: None,
            shutdown: 30,
            workers: None,
        }
    }
}

//! The listeners and the limits of a call.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::Deserialize;

use super::layers::{self, ConfigError};
use super::values::{at_least_one, at_most, at_most_a_year};

/// The most worker threads. The service listens when all of them run.
const MOST_WORKERS: u64 = 1024;

/// The listeners and the limits of a call.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    #[serde(deserialize_with = "layers::address")]
    pub listen: SocketAddr,
    /// The address of `/metrics`.
    #[serde(deserialize_with = "layers::address")]
    pub internal_listen: SocketAddr,
    /// The origins whose pages may call the API (CORS). The default is none, and `*` allows any.
    #[serde(deserialize_with = "layers::list")]
    pub cors_origins: Vec<String>,
    /// The longest JSON body, in bytes. It does not limit streams of NDJSON.
    pub body_limit: usize,
    /// The longest time of a call, in seconds. Streams of NDJSON and uploads of content have `stream_timeout` instead.
    /// It is also the time for which a peer may be slow, with any body and any response.
    pub request_timeout: u64,
    /// The longest time, in seconds, in which the body of a stream of NDJSON or an upload of content may arrive.
    pub stream_timeout: u64,
    /// The most connections at a time. It must be less than the limit of open files.
    pub max_connections: usize,
    /// The seconds for which `/readyz` fails before the listeners close. The default is 5, and 0 in development mode.
    pub drain: Option<u64>,
    /// The seconds that running calls may take after that.
    pub shutdown: u64,
    /// The number of worker threads. The default is the number of cores, at most four.
    pub workers: Option<usize>,
    /// The most calls of one subject of a token in a window. The default is no limit.
    pub calls_per_subject: Option<u32>,
    /// The most calls of all subjects of a tenant in a window. The default is no limit.
    pub calls_per_tenant: Option<u32>,
    /// The seconds of a window.
    pub calls_window: u64,
}

impl HttpConfig {
    /// The longest time of a call.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        Duration::from_secs(self.request_timeout)
    }

    /// The longest time in which the body of a stream may arrive.
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
            if origin != "*" && !is_origin(origin) {
                return Err(ConfigError::new(
                    "http.cors_origins",
                    "must be a list of origins such as https://crm.example, or *",
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
            ("http.calls_window", self.calls_window),
        ] {
            at_most_a_year(setting, seconds)?;
        }
        at_least_one("http.calls_per_subject", self.calls_per_subject.map_or(1, u64::from))?;
        at_least_one("http.calls_per_tenant", self.calls_per_tenant.map_or(1, u64::from))?;
        at_least_one("http.calls_window", self.calls_window)?;
        at_least_one("http.max_connections", self.max_connections as u64)?;
        let workers = self.workers.map_or(1, |workers| workers as u64);
        at_least_one("http.workers", workers)?;
        at_most("http.workers", workers, MOST_WORKERS)
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
            calls_per_subject: None,
            calls_per_tenant: None,
            calls_window: 60,
        }
    }
}

/// Whether a text is an origin as browsers send it: a scheme and a host, in lower case, perhaps with a port.
fn is_origin(text: &str) -> bool {
    let is_of_host = |c: char| c.is_ascii_graphic() && !c.is_ascii_uppercase() && !"/?#@\\".contains(c);
    text.split_once("://").is_some_and(|(scheme, host)| {
        !scheme.is_empty()
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
            && !host.is_empty()
            && host.chars().all(is_of_host)
    })
}

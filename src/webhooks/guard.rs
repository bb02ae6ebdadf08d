//! The guard against requests to the service's own network (SSRF). A webhook's address comes from a user, and the
//! service connects to it from the place where it runs.
//!
//! The guard checks the host of an address when a webhook is saved, and before each attempt. The resolver of the client
//! checks each address of a name when the connection is made, so a name cannot change in between. The
//! client asks its resolver about names only, so literals are checked before.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::base::network::Network;

/// The longest address, in characters.
const LONGEST: usize = 500;

/// The longest wait for the addresses of a name when a webhook is saved.
const PATIENCE: Duration = Duration::from_secs(5);

/// Finds the addresses of a name. The ports are zero.
type Lookup = fn(String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>>;

/// Decides to which addresses the service may send messages.
#[derive(Clone, Debug)]
pub struct AddressGuard {
    allowed: Arc<[Network]>,
    is_development: bool,
    lookup: Lookup,
}

/// The rule that an address breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebhookAddressError {
    #[error("must be an address that begins with https://")]
    Malformed,
    #[error("must be at most {LONGEST} characters")]
    TooLong,
    #[error("must not contain a user, a password, or a fragment")]
    Userinfo,
    #[error("must not lead to a private or reserved network")]
    Blocked,
}

impl WebhookAddressError {
    /// The stable code of the field.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed | Self::Userinfo => "format",
            Self::TooLong => "too_long",
            Self::Blocked => "address_blocked",
        }
    }
}

impl AddressGuard {
    /// A guard that also lets some private networks pass. In development mode, this machine is one of them.
    #[must_use]
    pub fn new(allowed: &[Network], is_development: bool) -> Self {
        Self { allowed: allowed.into(), is_development, lookup: by_system }
    }

    /// The same guard with other addresses of names.
    #[cfg(test)]
    pub(super) fn looking_up(self, lookup: Lookup) -> Self {
        Self { lookup, ..self }
    }

    /// Whether messages may be sent to an address.
    #[must_use]
    pub fn permits(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        is_global(address)
            || self.is_development && address.is_loopback()
            || self.allowed.iter().any(|network| network.contains(address))
    }

    /// Reads an address of a webhook. A host that is a number in any spelling becomes an IP address, and is checked.
    pub fn read(&self, raw: &str) -> Result<Url, WebhookAddressError> {
        if raw.chars().count() > LONGEST {
            return Err(WebhookAddressError::TooLong);
        }
        let url = Url::parse(raw).map_err(|_| WebhookAddressError::Malformed)?;
        let host = url.host_str().ok_or(WebhookAddressError::Malformed)?;
        let literal = literal(host);
        let is_here = literal.map_or(host == "localhost", |address| address.to_canonical().is_loopback());
        match url.scheme() {
            "https" => {}
            "http" if self.is_development && is_here => {}
            _ => return Err(WebhookAddressError::Malformed),
        }
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(WebhookAddressError::Userinfo);
        }
        if literal.is_some_and(|address| !self.permits(address)) {
            return Err(WebhookAddressError::Blocked);
        }
        if url.as_str().len() > LONGEST {
            return Err(WebhookAddressError::TooLong);
        }
        Ok(url)
    }

    /// Checks that the host of an address leads to an address to which messages may be sent. A name that has no address
    /// at this moment passes, since each attempt resolves it again.
    pub async fn check(&self, url: &Url) -> Result<(), WebhookAddressError> {
        let host = url.host_str().ok_or(WebhookAddressError::Malformed)?;
        if let Some(address) = literal(host) {
            return if self.permits(address) { Ok(()) } else { Err(WebhookAddressError::Blocked) };
        }
        let found = tokio::time::timeout(PATIENCE, (self.lookup)(host.to_owned())).await;
        let found = found.ok().and_then(Result::ok).unwrap_or_default();
        if found.is_empty() {
            return Ok(());
        }
        self.filter(found).map(drop)
    }

    /// The addresses of a name to which messages may be sent. It is an error if none is left.
    fn filter(&self, mut found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, WebhookAddressError> {
        found.retain(|address| self.permits(address.ip()));
        if found.is_empty() { Err(WebhookAddressError::Blocked) } else { Ok(found) }
    }
}

impl Resolve for AddressGuard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let found = (guard.lookup)(name.as_str().to_owned()).await?;
            let addresses: Addrs = Box::new(guard.filter(found)?.into_iter());
            Ok(addresses)
        })
    }
}

/// The addresses that the system knows of a name.
fn by_system(name: String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
    Box::pin(async move { Ok(tokio::net::lookup_host((name.as_str(), 0)).await?.collect()) })
}

/// The IP address that a host is, if it is no name.
fn literal(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Whether an address belongs to one host of the public Internet. `IpAddr::is_global` is not stable.
fn is_global(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_global_v4(address),
        IpAddr::V6(address) => is_global_v6(address),
    }
}

/// The registries of special addresses: RFC 6890, RFC 1112, RFC 6598, RFC 7526. The second network of 169 contains the
/// metadata services of clouds.
const fn is_global_v4(address: Ipv4Addr) -> bool {
    !matches!(
        address.octets(),
        // This network, private use, loopback, multicast, and reserved addresses with the broadcast.
        [0 | 10 | 127 | 224..=255, ..] | [172, 16..=31, ..] | [192, 168, ..]
        // The shared addresses of providers, and link-local addresses.
        | [100, 64..=127, ..] | [169, 254, ..]
        // Protocol assignments, the relays of 6to4, documentation, and benchmarks.
        | [192, 0, 0 | 2, _] | [192, 88, 99, _] | [198, 51, 100, _] | [203, 0, 113, _] | [198, 18 | 19, ..]
    )
}

/// Only `2000::/3` is for hosts of the Internet. It contains addresses that embed others, and documentation. The addresses
/// that embed IPv4 addresses, such as those of NAT64, are outside of it.
fn is_global_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let is_special = match first {
        // Protocol assignments with Teredo, and documentation.
        0x2001 => second < 0x200 || second == 0xDB8,
        // 6to4.
        0x2002 => true,
        // Documentation: 3fff::/20.
        0x3FFF => second < 0x1000,
        _ => false,
    };
    first & 0xE000 == 0x2000 && !is_special
}

#[cfg(test)]
mod tests;

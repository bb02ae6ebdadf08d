//! Networks of IP addresses, as settings name them.

use std::net::IpAddr;
use std::str::FromStr;

/// A network such as `10.1.0.0/16`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    prefix: u32,
}

/// The text names no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a network, such as 10.1.0.0/16 or fd00::/8")]
pub struct NetworkError;

impl Network {
    /// Whether the network contains an address. An IPv4 address that is mapped into IPv6 counts as itself.
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let (width, shift) = (width(self.first), width(self.first) - self.prefix);
        width == self::width(address) && bits(self.first).checked_shr(shift) == bits(address).checked_shr(shift)
    }
}

const fn width(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, prefix) = text.split_once('/').unzip();
        let first: IpAddr = address.unwrap_or(text).parse().map_err(|_| NetworkError)?;
        let is_plain = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let prefix = match prefix {
            None => width(first),
            Some(digits) if is_plain(digits) => digits.parse().map_err(|_| NetworkError)?,
            Some(_) => return Err(NetworkError),
        };
        let network = Self { first, prefix };
        // Bits behind the prefix are a mistake of the author.
        let is_whole =
            prefix <= width(first) && bits(first).trailing_zeros().min(width(first)) >= width(first) - prefix;
        if is_whole { Ok(network) } else { Err(NetworkError) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn contains(network: &str, address: &str) -> bool {
        network.parse::<Network>().unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn a_network_contains_its_addresses_only() {
        assert!(contains("10.1.0.0/16", "10.1.255.255") && contains("10.1.0.0/16", "::ffff:10.1.0.1"));
        assert!(!contains("10.1.0.0/16", "10.2.0.0") && !contains("10.1.0.0/16", "a01::"));
        assert!(contains("10.1.0.7", "10.1.0.7") && !contains("10.1.0.7", "10.1.0.8"));
        assert!(contains("fd00::/8", "fdff::1") && !contains("fd00::/8", "fe00::1"));
        assert!(contains("0.0.0.0/0", "192.0.2.1") && contains("::/0", "2001:db8::1"));
        for wrong in ["", "/8", "10.1.0.0/33", "10.1.0.1/16", "10.1.0.0/", "10.1.0.0/+8", "10.1/16", "::/129", "a/8"] {
            assert_eq!(wrong.parse::<Network>(), Err(NetworkError), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "[0-9a-f.:/]{0,20}", address: u128) {
            if let Ok(network) = text.parse::<Network>() {
                let _ = network.contains(IpAddr::V6(address.into()));
            }
        }
    }
}

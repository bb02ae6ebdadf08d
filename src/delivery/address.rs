//! The address of a delivery target, as an operator writes it: `sftp://user@host:port/folder` and the like.
//!
//! The parser is strict. A URL is shown and logged, so it must contain no password. A folder stays below its beginning.

use std::fmt::Write as _;
use std::net::Ipv6Addr;
use std::str::FromStr;

use crate::outbox::Destination;
use crate::store::StoreError;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// An SFTP server. The folder is absolute, or below the home folder of the login if it begins with `~`.
    Sftp(Login),
    /// An FTP server. The folder is below the one that the login begins in.
    Ftp { login: Login, tls: FtpTls },
    /// A bucket and the prefix of the names in it.
    S3 { bucket: String, prefix: Vec<String> },
    /// A folder below the folder of the settings.
    Folder(Vec<String>),
}

/// The way in which an FTP server begins TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FtpTls {
    /// The connection is plain.
    None,
    /// The client requests TLS in the connection (`AUTH TLS`).
    Explicit,
    /// The connection begins with TLS.
    Implicit,
}

impl FtpTls {
    const fn scheme(self) -> &'static str {
        match self {
            Self::None => "ftp",
            Self::Explicit => "ftps",
            Self::Implicit => "ftps+implicit",
        }
    }
}

/// The server and its user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    pub user: String,
    /// The server: a name or an IP address.
    pub host: String,
    pub port: u16,
    pub folder: Vec<String>,
}

/// The rule that an address breaks. It never quotes the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("must begin with sftp://, ftps://, ftps+implicit://, ftp://, s3://, or file:///")]
    Scheme,
    #[error("must not contain a password: send it in the field password")]
    Password,
    #[error("must name a user: sftp://user@host/folder")]
    User,
    #[error("must name a server: sftp://user@host/folder")]
    Host,
    /// The port is not a number from 1 to 65535.
    #[error("must have a port from 1 to 65535, or none")]
    Port,
    #[error("must name a bucket of 3 to 63 lower-case letters, digits, dots, and dashes")]
    Bucket,
    /// The folder contains `..`, or characters that are not allowed.
    #[error("must have a folder of at most 16 parts, without .., control characters, and backslashes")]
    Folder,
    #[error("must not contain ? or #")]
    Extra,
    #[error("must be at most 500 bytes")]
    TooLong,
}

/// The longest address, in bytes.
const LONGEST: usize = 500;

impl Address {
    /// The address of a stored destination.
    pub fn of(destination: &Destination) -> Result<Self, StoreError> {
        let read = destination.url.parse();
        read.map_err(|_: AddressError| StoreError::Inconsistent("delivery_targets.url".to_owned()))
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.len() > LONGEST {
            return Err(AddressError::TooLong);
        }
        let (scheme, rest) = text.split_once("://").ok_or(AddressError::Scheme)?;
        let scheme = scheme.to_ascii_lowercase();
        if !["sftp", "ftps", "ftps+implicit", "ftp", "s3", "file"].contains(&scheme.as_str()) {
            return Err(AddressError::Scheme);
        }
        if rest.contains(['?', '#']) {
            return Err(AddressError::Extra);
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let folder = read_folder(path)?;
        match scheme.as_str() {
            "sftp" => Ok(Self::Sftp(read_login(authority, 22, folder)?)),
            "file" if authority.is_empty() => Ok(Self::Folder(folder)),
            "file" => Err(AddressError::Scheme),
            "s3" => Ok(Self::S3 { bucket: read_bucket(authority)?, prefix: folder }),
            "ftps+implicit" => Ok(Self::Ftp { login: read_login(authority, 990, folder)?, tls: FtpTls::Implicit }),
            scheme => {
                let tls = if scheme == "ftps" { FtpTls::Explicit } else { FtpTls::None };
                Ok(Self::Ftp { login: read_login(authority, 21, folder)?, tls })
            }
        }
    }
}

fn read_login(authority: &str, usual_port: u16, folder: Vec<String>) -> Result<Login, AddressError> {
    let (user, server) = authority.rsplit_once('@').ok_or(AddressError::User)?;
    if user.contains(':') {
        return Err(AddressError::Password);
    }
    // The user of a Windows domain has a backslash: `DOMAIN\user`.
    let user = decode(user).filter(|user| is_word(&user.replacen('\\', "-", 1))).ok_or(AddressError::User)?;
    let (host, port) = match server.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']').ok_or(AddressError::Host)?;
            host.parse::<Ipv6Addr>().map_err(|_| AddressError::Host)?;
            let port = if after.is_empty() { Some("") } else { after.strip_prefix(':') };
            (host, port.ok_or(AddressError::Host)?)
        }
        None => server.split_once(':').unwrap_or((server, "")),
    };
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    let is_host = !host.is_empty() && host.len() <= 253 && (host.contains(':') || host.bytes().all(is_name));
    if !is_host || host.starts_with(['-', '.']) {
        return Err(AddressError::Host);
    }
    let port = match port {
        "" => usual_port,
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().ok().filter(|port| *port > 0).ok_or(AddressError::Port)?
        }
        _ => return Err(AddressError::Port),
    };
    Ok(Login { user, host: host.to_ascii_lowercase(), port, folder })
}

fn read_bucket(authority: &str) -> Result<String, AddressError> {
    if authority.contains('@') {
        return Err(AddressError::Password);
    }
    let is_one = (3..=63).contains(&authority.len())
        && authority.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte))
        && !authority.starts_with(['.', '-'])
        && !authority.ends_with(['.', '-'])
        && !authority.contains("..");
    if is_one { Ok(authority.to_owned()) } else { Err(AddressError::Bucket) }
}

fn read_folder(path: &str) -> Result<Vec<String>, AddressError> {
    let parts = path.split('/').filter(|part| !part.is_empty());
    let parts: Option<Vec<String>> = parts.map(|part| decode(part).filter(|part| is_word(part))).collect();
    let parts = parts.ok_or(AddressError::Folder)?;
    if parts.len() > 16 { Err(AddressError::Folder) } else { Ok(parts) }
}

/// Whether a text can be a user or one part of a folder. It contains no FTP command and no path to a parent folder.
fn is_word(text: &str) -> bool {
    let is_allowed = |c: char| !c.is_control() && !['/', '\\'].contains(&c);
    !text.is_empty() && text != "." && text != ".." && text.chars().all(is_allowed)
}

/// Decodes `%41` and the like. Returns `None` if the result is not UTF-8, or if the digits are not a hexadecimal pair.
fn decode(text: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, after) = rest.split_first_chunk::<2>()?;
        let digit = |digit: u8| char::from(digit).to_digit(16);
        bytes.push(u8::try_from(digit(digits[0])? * 16 + digit(digits[1])?).ok()?);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

impl Address {
    /// The address in its canonical spelling, which is stored and shown.
    #[must_use]
    pub fn to_url(&self) -> String {
        let (mut url, folder) = match self {
            Self::Sftp(login) => (login.url("sftp"), &login.folder),
            Self::Ftp { login, tls } => (login.url(tls.scheme()), &login.folder),
            Self::S3 { bucket, prefix } => (format!("s3://{bucket}"), prefix),
            Self::Folder(folder) => ("file://".to_owned(), folder),
        };
        for part in folder {
            url.push('/');
            encode(part, &mut url);
        }
        if folder.is_empty() {
            url.push('/');
        }
        url
    }
}

impl Login {
    fn url(&self, scheme: &str) -> String {
        let Self { user, host, port, folder: _ } = self;
        let mut url = format!("{scheme}://");
        encode(user, &mut url);
        let _ = if host.contains(':') { write!(url, "@[{host}]:{port}") } else { write!(url, "@{host}:{port}") };
        url
    }
}

fn encode(text: &str, url: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~+=,".contains(&byte) {
            url.push(char::from(byte));
        } else {
            let _ = write!(url, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<String, AddressError> {
        text.parse::<Address>().map(|address| address.to_url())
    }

    #[test]
    fn addresses_are_read() {
        for (text, kept) in [
            ("sftp://lethe@files.example/inbox/calls/", "sftp://lethe@files.example:22/inbox/calls"),
            ("SFTP://lethe@Files.Example:2222", "sftp://lethe@files.example:2222/"),
            ("sftp://paal@[::1]:2022/~/in", "sftp://paal@[::1]:2022/~/in"),
            ("ftps://paal@firm.example@ftp.example", "ftps://paal%40firm.example@ftp.example:21/"),
            ("FTPS+implicit://paal@ftp.example/in", "ftps+implicit://paal@ftp.example:990/in"),
            ("sftp://DOMAIN%5Cpaal@files.example/in", "sftp://DOMAIN%5Cpaal@files.example:22/in"),
            ("sftp://DOMAIN\\paal@files.example/in", "sftp://DOMAIN%5Cpaal@files.example:22/in"),
            ("ftps://lethe@ftp.example/%C3%A5pen", "ftps://lethe@ftp.example:21/%C3%A5pen"),
            ("ftp://lethe@10.0.0.7", "ftp://lethe@10.0.0.7:21/"),
            ("s3://calls.example/out//a", "s3://calls.example/out/a"),
            ("file:///acme/calls", "file:///acme/calls"),
            ("file:///", "file:///"),
        ] {
            assert_eq!(read(text).unwrap_or_default(), kept, "{text}");
        }
    }

    #[test]
    fn an_invalid_address_names_the_broken_rule() {
        for (text, rule) in [
            ("", AddressError::Scheme),
            ("http://files.example/", AddressError::Scheme),
            ("/tmp", AddressError::Scheme),
            ("file://host/tmp", AddressError::Scheme),
            ("sftp://lethe:secret@files.example/", AddressError::Password),
            ("s3://key:secret@calls/", AddressError::Password),
            ("sftp://files.example/", AddressError::User),
            ("sftp://@files.example/", AddressError::User),
            ("sftp://a%5Cb%5Cc@files.example/", AddressError::User),
            ("sftp://paal@files.example/a%5Cb", AddressError::Folder),
            ("ftp://a%0d%0aDELE%20x@files.example/", AddressError::User),
            ("sftp://lethe@/in", AddressError::Host),
            ("sftp://lethe@-oProxyCommand/in", AddressError::Host),
            ("sftp://lethe@[::1/in", AddressError::Host),
            ("sftp://lethe@a b/in", AddressError::Host),
            ("sftp://lethe@host:0/", AddressError::Port),
            ("sftp://lethe@host:99999/", AddressError::Port),
            ("sftp://lethe@host:+22/", AddressError::Port),
            ("s3://AB/", AddressError::Bucket),
            ("file:///../etc", AddressError::Folder),
            ("file:///%2e%2e/etc", AddressError::Folder),
            ("file:///a%2fb", AddressError::Folder),
            ("ftp://lethe@host/a%0aDELE", AddressError::Folder),
            ("ftp://lethe@host/a%zz", AddressError::Folder),
            ("ftp://lethe@host/a%00", AddressError::Folder),
            ("s3://calls/a?b", AddressError::Extra),
        ] {
            assert_eq!(text.parse::<Address>(), Err(rule), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text: String, path in "[ -~]{0,40}") {
            let _ = text.parse::<Address>();
            let _ = format!("sftp://{path}").parse::<Address>();
        }

        #[test]
        fn the_canonical_spelling_is_read_back_as_the_same_address(
            user in "[a-zæ %@.]{1,8}\\\\?[a-z]{0,3}", port in 1..u16::MAX, folder in prop::collection::vec("[a-zå %#?.~]{1,6}", 0..4)
        ) {
            let folder: Vec<String> = folder.into_iter().filter(|part| is_word(part)).collect();
            prop_assume!(is_word(&user.replace('\\', "-")));
            let address = Address::Sftp(Login { user, host: "files.example".to_owned(), port, folder });
            prop_assert_eq!(address.to_url().parse::<Address>().unwrap(), address);
        }
    }
}

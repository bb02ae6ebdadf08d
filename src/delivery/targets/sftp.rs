//! An SFTP server. Its key is pinned: the worker never logs in to a server with another key.

use std::borrow::Cow;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use russh::MethodKind;
use russh::client::{self, AuthResult, Handle, KeyboardInteractiveAuthResponse, Prompt};
use russh::keys::ssh_key::Fingerprint;
use russh::keys::{
    Algorithm, EcdsaCurve, HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey, PublicKeyOrCertificate,
    decode_secret_key,
};
use russh_sftp::client::error::Error as SftpError;
use russh_sftp::client::{Config as SftpConfig, RawSftpSession};
use russh_sftp::protocol::{FileAttributes, OpenFlags, Packet, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};

use super::dial::dial;
use super::{Reach, of_io, within};
use crate::delivery::address::Login;
use crate::delivery::model::{AttemptError, SendError};
use crate::delivery::payload::PayloadBody;
use crate::outbox::Destination;
use crate::vault::DeliverySecret;

/// The size of one packet, in bytes. Every server accepts this size.
const PACKET: usize = 32 << 10;

/// The number of packets that are sent before a reply is awaited.
const AT_ONCE: usize = 32;

/// The extension that replaces a file by another one in one step.
const POSIX_RENAME: &str = "posix-rename@openssh.com";

/// A server's key as an operator registered it.
#[derive(Clone, Debug)]
pub enum HostKey {
    Key(PublicKey),
    /// Its SHA-256.
    Fingerprint(Fingerprint),
}

/// Reads `ssh-ed25519 AAAA…`, a line of a `known_hosts` file, or `SHA256:…`.
#[must_use]
pub fn read_host_key(text: &str) -> Option<HostKey> {
    let text = text.trim();
    if text.starts_with("SHA256:") {
        return Fingerprint::from_str(text).ok().map(HostKey::Fingerprint);
    }
    // A line of `known_hosts`, which `ssh-keyscan` writes, begins with the server's names.
    let without_names = || PublicKey::from_openssh(text.split_once(' ')?.1.trim_start()).ok();
    PublicKey::from_openssh(text).ok().or_else(without_names).map(HostKey::Key)
}

/// Reads a private key of OpenSSH that no passphrase protects.
#[must_use]
pub fn read_private_key(text: &str) -> Option<PrivateKey> {
    decode_secret_key(text, None).ok().filter(|key| !key.is_encrypted())
}

impl HostKey {
    fn is(&self, key: &PublicKey) -> bool {
        match self {
            Self::Key(wanted) => wanted.key_data() == key.key_data(),
            Self::Fingerprint(wanted) => *wanted == key.fingerprint(HashAlg::Sha256),
        }
    }

    /// The algorithms to request from a server, one kind of key after the other. A fingerprint does not say of which kind the
    /// key is, and a server shows only one key at a time.
    fn kinds(&self) -> Vec<Vec<Algorithm>> {
        let ecdsa = |curve| vec![Algorithm::Ecdsa { curve }];
        match self {
            Self::Key(key) if key.algorithm().is_rsa() => vec![rsa()],
            Self::Key(key) => vec![vec![key.algorithm()]],
            Self::Fingerprint(_) => vec![
                vec![Algorithm::Ed25519],
                rsa(),
                ecdsa(EcdsaCurve::NistP256),
                ecdsa(EcdsaCurve::NistP384),
                ecdsa(EcdsaCurve::NistP521),
            ],
        }
    }
}

/// The signatures of RSA keys. SHA-1 is not among them.
fn rsa() -> Vec<Algorithm> {
    [HashAlg::Sha512, HashAlg::Sha256].map(|hash| Algorithm::Rsa { hash: Some(hash) }).to_vec()
}

/// Accepts only the server with the registered key.
struct Pinned(HostKey);

impl client::Handler for Pinned {
    type Error = russh::Error;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        Ok(match shown {
            PublicKeyOrCertificate::PublicKey { key, .. } => self.0.is(key),
            PublicKeyOrCertificate::Certificate(_) => false,
        })
    }
}

/// A session of a server, after the login.
pub struct Sftp {
    /// The connection is closed when the session is dropped.
    _session: Handle<Pinned>,
    files: RawSftpSession,
    folder: String,
    replaces: bool,
    timeout: Duration,
}

impl Sftp {
    /// Connects to the server, checks its key, and logs in.
    pub async fn open(
        login: &Login,
        destination: &Destination,
        secret: Option<&DeliverySecret>,
        reach: &Reach,
    ) -> Result<Self, SendError> {
        let host_key = destination.host_key.as_deref().and_then(read_host_key).ok_or(SendError::HostKeyMismatch)?;
        let timeout = reach.timeout;
        let mut session = Err(SendError::HostKeyMismatch);
        for kind in host_key.kinds() {
            session = connect(login, kind, &host_key, timeout).await;
            if !matches!(session, Err(SendError::HostKeyMismatch)) {
                break;
            }
        }
        let mut session = session?;
        within(timeout, authenticate(&mut session, &login.user, secret)).await?;
        let files = async {
            let channel = session.channel_open_session().await.map_err(of_ssh)?;
            channel.request_subsystem(true, "sftp").await.map_err(of_ssh)?;
            let config = SftpConfig { request_timeout_secs: timeout.as_secs(), ..SftpConfig::default() };
            let files = RawSftpSession::new_with_config(channel.into_stream(), config);
            let version = files.init().await.map_err(of_sftp)?;
            Ok((files, version.extensions.contains_key(POSIX_RENAME)))
        };
        let (files, replaces) = within(timeout, files).await?;
        let sftp = Self { _session: session, files, folder: folder_of(login), replaces, timeout };
        match sftp.files.stat(sftp.folder.as_str()).await {
            Ok(_) => Ok(sftp),
            Err(error) => Err(of_sftp(error)),
        }
    }

    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.folder.trim_end_matches('/'))
    }

    pub async fn size(&mut self, name: &str) -> Result<Option<u64>, SendError> {
        match self.files.stat(self.path(name)).await {
            Ok(found) => Ok(Some(found.attrs.size.unwrap_or_default())),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(of_sftp(error)),
        }
    }

    pub async fn write(&mut self, name: &str, body: &mut PayloadBody) -> Result<(), AttemptError> {
        let flags = OpenFlags::CREATE | OpenFlags::TRUNCATE | OpenFlags::WRITE;
        let opened = self.files.open(self.path(name), flags, FileAttributes::empty()).await.map_err(of_sftp)?;
        let written = self.fill(&opened.handle, body).await;
        let closed = self.files.close(opened.handle.as_str()).await.map_err(of_sftp);
        let size = written?;
        closed?;
        match self.size(name).await? {
            Some(there) if there == size => Ok(()),
            _ => Err(SendError::Quota.into()),
        }
    }

    /// Writes many packets at a time, so that the worker does not wait for a distant server after each one.
    async fn fill(&self, handle: &str, body: &mut PayloadBody) -> Result<u64, AttemptError> {
        let (mut at, mut writing) = (0, FuturesUnordered::new());
        while let Some(bytes) = body.next().await? {
            for packet in bytes.chunks(PACKET) {
                while writing.len() >= AT_ONCE {
                    writing.next().await.transpose().map_err(of_sftp)?;
                }
                writing.push(self.files.write(handle.to_owned(), at, packet.to_vec()));
                at += packet.len() as u64;
            }
        }
        while let Some(written) = writing.next().await {
            written.map_err(of_sftp)?;
        }
        Ok(at)
    }

    pub async fn rename(&mut self, from: &str, to: &str) -> Result<(), SendError> {
        let name = to;
        let (from, to) = (self.path(from), self.path(to));
        if self.replaces && self.replace(&from, &to).await.is_ok() {
            return Ok(());
        }
        // A server may refuse to replace files, or to remove them. The older rename refuses a name that is taken, and only
        // then is there a file to remove.
        match self.files.rename(from.as_str(), to.as_str()).await {
            Ok(_) => Ok(()),
            Err(error) if self.size(name).await?.is_none() => Err(of_sftp(error)),
            Err(_) => {
                self.remove_path(&to).await?;
                self.files.rename(from, to).await.map(drop).map_err(of_sftp)
            }
        }
    }

    /// Renames a file in place of another one in one step.
    async fn replace(&self, from: &str, to: &str) -> Result<(), SendError> {
        let mut names = Vec::with_capacity(from.len() + to.len() + 8);
        for name in [from, to] {
            names.extend_from_slice(&u32::try_from(name.len()).map_err(|_| SendError::Internal)?.to_be_bytes());
            names.extend_from_slice(name.as_bytes());
        }
        let renamed = within(self.timeout, async { self.files.extended(POSIX_RENAME, names).await.map_err(of_sftp) });
        match renamed.await? {
            Packet::Status(status) if status.status_code == StatusCode::Ok => Ok(()),
            Packet::Status(status) => Err(of_sftp(SftpError::Status(status))),
            _ => Err(SendError::Refused),
        }
    }

    pub async fn remove(&mut self, name: &str) -> Result<(), SendError> {
        self.remove_path(&self.path(name)).await
    }

    async fn remove_path(&self, path: &str) -> Result<(), SendError> {
        match self.files.remove(path).await {
            Err(error) if !is_missing(&error) => Err(of_sftp(error)),
            _ => Ok(()),
        }
    }
}

/// The folder as the server names it: absolute, or below the home folder of the login.
fn folder_of(login: &Login) -> String {
    match login.folder.split_first() {
        Some((first, [])) if first == "~" => ".".to_owned(),
        Some((first, rest)) if first == "~" => rest.join("/"),
        _ => format!("/{}", login.folder.join("/")),
    }
}

/// Connects to a server with keys of one kind. If the server shows another key than the pinned one, the
/// connection ends at once.
async fn connect(
    login: &Login,
    kind: Vec<Algorithm>,
    host_key: &HostKey,
    timeout: Duration,
) -> Result<Handle<Pinned>, SendError> {
    let connection = dial(login, timeout).await?;
    let mut config = client::Config {
        inactivity_timeout: Some(timeout),
        keepalive_interval: Some(timeout / 3),
        nodelay: true,
        ..client::Config::default()
    };
    config.preferred.key = Cow::Owned(kind);
    let pinned = Pinned(host_key.clone());
    within(timeout, async { client::connect_stream(Arc::new(config), connection, pinned).await.map_err(of_ssh) }).await
}

async fn authenticate(
    session: &mut Handle<Pinned>,
    user: &str,
    secret: Option<&DeliverySecret>,
) -> Result<(), SendError> {
    let (text, password) = match secret {
        Some(DeliverySecret::Password(password)) => return send_password(session, user, password).await,
        Some(DeliverySecret::PrivateKey(text, password)) => (text, password),
        None => return Err(SendError::AuthFailed),
    };
    let key = read_private_key(text.expose_secret()).ok_or(SendError::AuthFailed)?;
    // The best hash for RSA that the server takes. SHA-1 is not offered.
    let hash = session.best_supported_rsa_hash().await.map_err(of_ssh)?.flatten().or(Some(HashAlg::Sha512));
    let key = PrivateKeyWithHashAlg::new(Arc::new(key), hash);
    match (session.authenticate_publickey(user, key).await.map_err(of_ssh)?, password) {
        (AuthResult::Success, _) => Ok(()),
        // The key is right, and the server wants the password as well (RFC 4252, section 5.1).
        (AuthResult::Failure { partial_success: true, .. }, Some(password)) => {
            send_password(session, user, password).await
        }
        (AuthResult::Failure { .. }, _) => Err(SendError::AuthFailed),
    }
}

async fn send_password(session: &mut Handle<Pinned>, user: &str, password: &SecretString) -> Result<(), SendError> {
    let password = password.expose_secret();
    match session.authenticate_password(user, password).await.map_err(of_ssh)? {
        AuthResult::Success => Ok(()),
        AuthResult::Failure { remaining_methods, partial_success: false }
            if remaining_methods.contains(&MethodKind::KeyboardInteractive) =>
        {
            reply_to_prompt(session, user, password).await
        }
        AuthResult::Failure { .. } => Err(SendError::AuthFailed),
    }
}

/// Logs in at a server whose password is the reply to a prompt (RFC 4256). The password is sent to one prompt without an
/// echo, and only once. A second prompt is for something else.
async fn reply_to_prompt(session: &mut Handle<Pinned>, user: &str, password: &str) -> Result<(), SendError> {
    let mut has_replied = false;
    let mut response = session.authenticate_keyboard_interactive_start(user, None).await.map_err(of_ssh)?;
    loop {
        let replies = match response {
            KeyboardInteractiveAuthResponse::Success => return Ok(()),
            KeyboardInteractiveAuthResponse::Failure { .. } => return Err(SendError::AuthFailed),
            KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. } => match prompts.as_slice() {
                [] => Vec::new(),
                [Prompt { echo: false, .. }] if !has_replied => {
                    has_replied = true;
                    vec![password.to_owned()]
                }
                _ => return Err(SendError::AuthFailed),
            },
        };
        response = session.authenticate_keyboard_interactive_respond(replies).await.map_err(of_ssh)?;
    }
}

fn of_ssh(error: russh::Error) -> SendError {
    use russh::{AlgorithmKind, Error};
    match error {
        Error::UnknownKey
        | Error::WrongServerSig
        | Error::KeyChanged { .. }
        | Error::NoCommonAlgo { kind: AlgorithmKind::Key, .. } => SendError::HostKeyMismatch,
        Error::ConnectionTimeout | Error::KeepaliveTimeout | Error::InactivityTimeout | Error::Elapsed(_) => {
            SendError::Timeout
        }
        Error::Disconnect | Error::HUP | Error::SendError | Error::RecvError => SendError::ConnectionLost,
        Error::NoAuthMethod | Error::UnsupportedAuthMethod | Error::NotAuthenticated => SendError::AuthFailed,
        Error::IO(error) => of_io(&error),
        _ => SendError::Refused,
    }
}

fn of_sftp(error: SftpError) -> SendError {
    match error {
        SftpError::Status(status) => match status.status_code {
            StatusCode::NoSuchFile => SendError::FolderMissing,
            StatusCode::PermissionDenied => SendError::Permission,
            StatusCode::NoConnection | StatusCode::ConnectionLost => SendError::ConnectionLost,
            // The protocol has no better code for a full disk. OpenSSH uses this one.
            StatusCode::Failure => SendError::Quota,
            _ => SendError::Refused,
        },
        SftpError::Timeout => SendError::Timeout,
        SftpError::IO(_) | SftpError::UnexpectedBehavior(_) => SendError::ConnectionLost,
        SftpError::Limited(_) | SftpError::UnexpectedPacket => SendError::Refused,
    }
}

fn is_missing(error: &SftpError) -> bool {
    matches!(error, SftpError::Status(status) if status.status_code == StatusCode::NoSuchFile)
}

#[cfg(test)]
mod tests;

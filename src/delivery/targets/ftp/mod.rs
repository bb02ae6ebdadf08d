//! An FTP server: over TLS with a certificate that is checked, for the data too, or plain where the tenant's settings
//! allow it (B8).
//!
//! The client is written here, because delivery needs few commands and must accept all replies that RFC 959 and its
//! successors allow.

mod control;
mod passive;
mod pin;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, Error, RootCertStore};

use self::control::{Control, ControlStream, Reply};
use super::dial::dial;
use super::{Reach, of_io, read_file, within};
use crate::delivery::address::{FtpTls, Login};
use crate::delivery::model::{AttemptError, SendError};
use crate::delivery::payload::PayloadBody;
use crate::vault::DeliverySecret;

pub use self::pin::read_fingerprint;
use self::pin::{Fingerprint, PinnedCertificate};

/// The TLS client of a server, and the name that its certificate must have. Commands and data share the client, because
/// many servers accept data only from a session that they know.
#[derive(Clone)]
struct Tls {
    client: TlsConnector,
    name: ServerName<'static>,
    /// Whether the target names the certificate.
    is_pinned: bool,
}

/// A server with an open login, in its folder.
pub struct Ftp {
    control: Control,
    /// The server's address. Data go to the same address.
    peer: SocketAddr,
    tls: Option<Tls>,
    timeout: Duration,
}

impl Ftp {
    /// Connects to the server, logs in, and changes to the folder.
    pub async fn open(
        login: &Login,
        security: FtpTls,
        certificate: Option<&str>,
        secret: Option<&DeliverySecret>,
        reach: &Reach,
    ) -> Result<Self, SendError> {
        let Some(DeliverySecret::Password(password)) = secret else { return Err(SendError::AuthFailed) };
        let timeout = reach.timeout;
        let connection = dial(login, timeout).await?;
        let peer = connection.peer_addr().map_err(|error| of_io(&error))?;
        let tls = match security {
            FtpTls::None => None,
            FtpTls::Explicit | FtpTls::Implicit => Some(Tls::new(login, certificate, reach).await?),
        };
        let mut connection: Box<dyn ControlStream> = Box::new(connection);
        if let (Some(tls), FtpTls::Implicit) = (&tls, security) {
            connection = within(timeout, tls.begin(connection)).await?;
        }
        let mut control = Control::new(connection);
        within(timeout, async { control.final_reply().await?.done() }).await?;
        if let Some(tls) = &tls {
            control = within(timeout, async {
                let control = if security == FtpTls::Explicit { switched(control, tls).await? } else { control };
                protected(control).await
            })
            .await?;
        }
        let mut ftp = Self { control, peer, tls, timeout };
        ftp.enter(login, password.expose_secret()).await?;
        Ok(ftp)
    }

    async fn enter(&mut self, login: &Login, password: &str) -> Result<(), SendError> {
        let user = self.command("USER", &login.user).await?;
        // A server may need no password.
        if user.is_intermediate() {
            self.command("PASS", password).await?.logged_in()?;
        } else {
            user.logged_in()?;
        }
        self.command("TYPE", "I").await?.done()?;
        for part in &login.folder {
            let entered = self.command("CWD", part).await?;
            if matches!(entered.code, 501 | 550 | 553) {
                return Err(SendError::FolderMissing);
            }
            entered.done()?;
        }
        Ok(())
    }

    /// Sends a command, and returns its final reply.
    async fn command(&mut self, verb: &str, argument: &str) -> Result<Reply, SendError> {
        let Self { control, timeout, .. } = self;
        within(*timeout, async {
            control.send(verb, argument).await?;
            control.final_reply().await
        })
        .await
    }

    pub async fn size(&mut self, name: &str) -> Result<Option<u64>, SendError> {
        let size = self.command("SIZE", name).await?;
        // The file does not exist, or the server does not know the command.
        if (500..600).contains(&size.code) {
            return Ok(None);
        }
        size.done()?;
        Ok(size.text.trim().parse().ok())
    }

    pub async fn write(&mut self, name: &str, body: &mut PayloadBody) -> Result<(), AttemptError> {
        let timeout = self.timeout;
        let mut file = self.store(name).await?;
        let mut size = 0;
        let mut broken = None;
        while broken.is_none()
            && let Some(bytes) = body.next().await?
        {
            size += bytes.len() as u64;
            let written = within(timeout, async { file.write_all(&bytes).await.map_err(|error| of_io(&error)) });
            broken = written.await.err();
        }
        if broken.is_none() {
            broken = within(timeout, async { file.shutdown().await.map_err(|error| of_io(&error)) }).await.err();
        }
        drop(file);
        // A server without free space ends the data first, and then says why.
        let finished = within(timeout, async { self.control.final_reply().await?.done() }).await;
        match (broken, finished) {
            (Some(error), Ok(()) | Err(SendError::ConnectionLost | SendError::Timeout)) | (_, Err(error)) => {
                return Err(error.into());
            }
            (None, Ok(())) => {}
        }
        match self.size(name).await? {
            Some(there) if there != size => Err(SendError::Quota.into()),
            _ => Ok(()),
        }
    }

    /// Opens a file for writing.
    async fn store(&mut self, name: &str) -> Result<Box<dyn ControlStream>, SendError> {
        let address = self.passive().await?;
        let timeout = self.timeout;
        let connection =
            within(timeout, async { TcpStream::connect(address).await.map_err(|error| of_io(&error)) }).await?;
        within(timeout, async {
            self.control.send("STOR", name).await?;
            self.control.reply().await?.preliminary()
        })
        .await?;
        let Some(tls) = &self.tls else { return Ok(Box::new(connection)) };
        let secure = async { tls.wrap(Box::new(connection)).await.map_err(|_| SendError::ConnectionLost) };
        within(timeout, secure).await
    }

    /// The address for the data of the next file. IPv6 has only EPSV. With IPv4, PASV is tried first, because some firewalls
    /// understand nothing else. If the server does not know one of the two, the other is tried.
    async fn passive(&mut self) -> Result<SocketAddr, SendError> {
        let extended: (_, fn(&str) -> Option<u16>) = ("EPSV", passive::extended_port);
        let older: (_, fn(&str) -> Option<u16>) = ("PASV", passive::port);
        let ways = if self.peer.is_ipv6() { [extended, older] } else { [older, extended] };
        let mut error = SendError::Refused;
        for (verb, read) in ways {
            let reply = self.command(verb, "").await?;
            match reply.done() {
                // Behind a router, a server may name an address that nobody reaches, so only the port is used.
                Ok(()) => match read(&reply.text) {
                    Some(port) => return Ok(SocketAddr::new(self.peer.ip(), port)),
                    None => error = SendError::Refused,
                },
                Err(SendError::Busy) => return Err(SendError::Busy),
                Err(refused) => error = refused,
            }
        }
        Err(error)
    }

    pub async fn rename(&mut self, from: &str, to: &str) -> Result<(), SendError> {
        let renamed = self.rename_once(from, to).await;
        if renamed != Err(SendError::Permission) {
            return renamed;
        }
        // Some servers refuse a name that is taken.
        self.remove(to).await?;
        self.rename_once(from, to).await
    }

    async fn rename_once(&mut self, from: &str, to: &str) -> Result<(), SendError> {
        let found = self.command("RNFR", from).await?;
        if !found.is_intermediate() {
            found.done()?;
        }
        self.command("RNTO", to).await?.done()
    }

    pub async fn remove(&mut self, name: &str) -> Result<(), SendError> {
        let removed = self.command("DELE", name).await?;
        // In most cases the file does not exist.
        if matches!(removed.code, 450 | 550) { Ok(()) } else { removed.done() }
    }
}

/// Switches a connection to TLS (RFC 4217).
async fn switched(mut control: Control, tls: &Tls) -> Result<Control, SendError> {
    control.send("AUTH", "TLS").await?;
    let offered = control.final_reply().await?;
    if matches!(offered.code, 500..=504 | 530 | 534 | 550) {
        return Err(SendError::CertificateInvalid);
    }
    offered.done()?;
    let connection = control.into_connection().ok_or(SendError::Refused)?;
    Ok(Control::new(tls.begin(connection).await?))
}

/// Requests TLS for data.
async fn protected(mut control: Control) -> Result<Control, SendError> {
    // The size of the protection buffer means nothing in TLS, but must be sent.
    control.send("PBSZ", "0").await?;
    control.final_reply().await?;
    control.send("PROT", "P").await?;
    control.final_reply().await?.done()?;
    Ok(control)
}

impl Tls {
    async fn new(login: &Login, certificate: Option<&str>, reach: &Reach) -> Result<Self, SendError> {
        let name = ServerName::try_from(login.host.clone()).map_err(|_| SendError::CertificateInvalid)?;
        let client = match certificate {
            Some(text) => pinned(read_fingerprint(text).ok_or(SendError::HostKeyMismatch)?)?,
            None => trust(reach.ca_file.as_deref()).await?,
        };
        Ok(Self { client: TlsConnector::from(client), name, is_pinned: certificate.is_some() })
    }

    /// Begins TLS in the connection of the commands.
    async fn begin(&self, connection: Box<dyn ControlStream>) -> Result<Box<dyn ControlStream>, SendError> {
        self.wrap(connection).await.map_err(|error| {
            let error = error.get_ref().and_then(|error| error.downcast_ref::<Error>());
            match error {
                Some(Error::InvalidCertificate(_)) if self.is_pinned => SendError::HostKeyMismatch,
                _ => SendError::CertificateInvalid,
            }
        })
    }

    async fn wrap(&self, connection: Box<dyn ControlStream>) -> std::io::Result<Box<dyn ControlStream>> {
        Ok(Box::new(self.client.connect(self.name.clone(), connection).await?))
    }
}

/// Trusts one certificate.
fn pinned(fingerprint: Fingerprint) -> Result<Arc<ClientConfig>, SendError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let pinned = PinnedCertificate { fingerprint, provider: Arc::clone(&provider) };
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|_| SendError::Internal)?.dangerous();
    Ok(Arc::new(config.with_custom_certificate_verifier(Arc::new(pinned)).with_no_client_auth()))
}

/// The trusted authorities: those of the system, and those in the file of the settings.
async fn trust(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, SendError> {
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(system.certs);
    if let Some(file) = ca_file {
        let text = read_file(file).await?;
        for certificate in CertificateDer::pem_slice_iter(&text) {
            let certificate = certificate.map_err(|_| SendError::CertificateInvalid)?;
            roots.add(certificate).map_err(|_| SendError::CertificateInvalid)?;
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|_| SendError::Internal)?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

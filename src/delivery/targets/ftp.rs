//! A server of FTP: over explicit TLS with a certificate that is checked, data as well, or plain where the tenant's
//! settings allow it (B8).

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use suppaftp::tokio::{AsyncRustlsConnector, AsyncRustlsFtpStream};
use suppaftp::tokio_rustls::TlsConnector;
use suppaftp::tokio_rustls::rustls::crypto::aws_lc_rs;
use suppaftp::tokio_rustls::rustls::pki_types::CertificateDer;
use suppaftp::tokio_rustls::rustls::pki_types::pem::PemObject as _;
use suppaftp::tokio_rustls::rustls::{ClientConfig, RootCertStore};
use suppaftp::types::FileType;
use suppaftp::{FtpError, Status};
use tokio::io::AsyncWriteExt as _;

use super::dial::dial;
use super::{Reach, of_io, read_file, within};
use crate::delivery::address::Login;
use crate::delivery::model::{AttemptError, SendError};
use crate::delivery::payload::Body;
use crate::vault::DeliverySecret;

/// A server that was logged in to, in its folder.
pub struct Ftp {
    server: AsyncRustlsFtpStream,
    timeout: Duration,
}

impl Ftp {
    /// Connects to the server, logs in, and enters the folder.
    pub async fn open(
        login: &Login,
        is_secure: bool,
        secret: Option<&DeliverySecret>,
        reach: &Reach,
    ) -> Result<Self, SendError> {
        let Some(DeliverySecret::Password(password)) = secret else { return Err(SendError::AuthFailed) };
        let (timeout, host) = (reach.timeout, login.host.as_str());
        let line = dial(login, timeout).await?;
        let greeted = async { AsyncRustlsFtpStream::connect_with_stream(line).await.map_err(|error| of_ftp(&error)) };
        let mut server = within(timeout, greeted).await?;
        if is_secure {
            let tls = AsyncRustlsConnector::from(TlsConnector::from(trust(reach.ca_file.as_deref()).await?));
            let secured = async { server.into_secure(tls, host).await.map_err(|error| of_tls(&error)) };
            server = within(timeout, secured).await?;
        }
        // A server behind a router may send an unreachable address, so the address of the control connection is used.
        server.set_passive_nat_workaround(true);
        let mut ftp = Self { server, timeout };
        ftp.enter(login, password.expose_secret()).await?;
        Ok(ftp)
    }

    async fn enter(&mut self, login: &Login, password: &str) -> Result<(), SendError> {
        let Self { server, timeout } = self;
        within(*timeout, async { server.login(login.user.as_str(), password).await.map_err(|error| of_login(&error)) })
            .await?;
        within(*timeout, async { server.transfer_type(FileType::Binary).await.map_err(|error| of_ftp(&error)) })
            .await?;
        for part in &login.folder {
            let entered = async {
                server.cwd(part.as_str()).await.map_err(|error| match code(&error) {
                    Some(550 | 501 | 553) => SendError::FolderMissing,
                    _ => of_ftp(&error),
                })
            };
            within(*timeout, entered).await?;
        }
        Ok(())
    }

    pub async fn size(&mut self, name: &str) -> Result<Option<u64>, SendError> {
        within(self.timeout, async {
            match self.server.size(name).await {
                Ok(size) => Ok(Some(size as u64)),
                // Not there; or a server that does not tell.
                Err(error) if matches!(code(&error), Some(500..=599)) => Ok(None),
                Err(error) => Err(of_ftp(&error)),
            }
        })
        .await
    }

    pub async fn write(&mut self, name: &str, body: &mut Body) -> Result<(), AttemptError> {
        let timeout = self.timeout;
        let opened = async { self.server.put_with_stream(name).await.map_err(|error| of_ftp(&error)) };
        let mut file = within(timeout, opened).await?;
        let mut size = 0;
        let mut broken = None;
        while broken.is_none()
            && let Some(bytes) = body.next().await?
        {
            size += bytes.len() as u64;
            let written = within(timeout, async { file.write_all(&bytes).await.map_err(|error| of_io(&error)) });
            broken = written.await.err();
        }
        // A server that runs out of room ends the data first and then says why.
        let finished = within(timeout, async { file.finish().await.map_err(|error| of_ftp(&error)) }).await;
        match (broken, finished) {
            (Some(fault), Ok(()) | Err(SendError::ConnectionLost | SendError::Timeout)) | (_, Err(fault)) => {
                return Err(fault.into());
            }
            (None, Ok(())) => {}
        }
        match self.size(name).await? {
            Some(there) if there != size => Err(SendError::Quota.into()),
            _ => Ok(()),
        }
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
        within(self.timeout, async { self.server.rename(from, to).await.map_err(|error| of_ftp(&error)) }).await
    }

    pub async fn remove(&mut self, name: &str) -> Result<(), SendError> {
        within(self.timeout, async {
            match self.server.rm(name).await {
                // Mostly: there is none.
                Err(error) if !matches!(code(&error), Some(450 | 550)) => Err(of_ftp(&error)),
                _ => Ok(()),
            }
        })
        .await
    }
}

/// The trusted authorities: those of the system, and the file of the settings.
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

/// The number of a server's answer.
fn code(error: &FtpError) -> Option<u32> {
    match error {
        FtpError::UnexpectedResponse(answer) => Some(answer.status.code()),
        _ => None,
    }
}

fn of_ftp(error: &FtpError) -> SendError {
    match error {
        FtpError::ConnectionError(error) => of_io(error),
        FtpError::SecureError(_) => SendError::ConnectionLost,
        FtpError::UnexpectedResponse(answer) => match answer.status {
            Status::NotAvailable => SendError::Busy,
            Status::NotLoggedIn => SendError::AuthFailed,
            status => match status.code() {
                425 | 426 => SendError::ConnectionLost,
                450 | 451 => SendError::Busy,
                452 | 552 => SendError::Quota,
                532 | 550 | 553 => SendError::Permission,
                534..=536 | 431 => SendError::CertificateInvalid,
                _ => SendError::Refused,
            },
        },
        _ => SendError::Refused,
    }
}

fn of_login(error: &FtpError) -> SendError {
    match code(error) {
        Some(430 | 530..=532) => SendError::AuthFailed,
        _ => of_ftp(error),
    }
}

/// The server offers no TLS, or its certificate is not of a known authority and for its name.
fn of_tls(error: &FtpError) -> SendError {
    match error {
        FtpError::SecureError(_) => SendError::CertificateInvalid,
        error if matches!(code(error), Some(500..=504 | 530 | 534 | 550)) => SendError::CertificateInvalid,
        error => of_ftp(error),
    }
}

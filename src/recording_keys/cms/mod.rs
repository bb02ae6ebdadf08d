//! CMS (RFC 5652): X.509 certificates, and messages of the type AuthEnvelopedData (RFC 5083) with AES-256-GCM (RFC 5084).
//! `openssl cms -decrypt` reads them.

mod certificate;
mod der;
mod gcm;
mod message;
mod recipient;

pub use certificate::read;
pub use message::CmsMessage;

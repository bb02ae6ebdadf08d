//! CMS (RFC 5652): X.509 certificates in, AuthEnvelopedData (RFC 5083) with AES-256-GCM (RFC 5084) out, which
//! `openssl cms -decrypt` reads.

mod certificate;
mod der;
mod gcm;
mod message;
mod recipient;

pub use certificate::read;
pub use message::Message;

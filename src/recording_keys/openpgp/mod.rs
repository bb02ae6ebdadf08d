//! OpenPGP (RFC 4880): certificates in, messages out that GnuPG 2.2 reads.
//!
//! Certificates are read and their signatures verified by the crate `pgp`, which encrypts the session key as well; the
//! message itself is composed here, since that is pushed as bytes come and must keep up with the line.

mod certificate;
mod message;
mod packets;

pub use certificate::read;
pub use message::OpenPgpMessage;

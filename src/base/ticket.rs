//! Tickets: addresses that open one thing for a short time, because a browser sends no headers when it follows a link.
//!
//! The address contains only a sealed ticket: the tenant, a random number, and the id of the
//! thing. A table has the number's hash, so that a
//! copy of the table opens nothing.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use super::crypto::{CryptoError, Key, random, sha256};
use super::id::TenantId;

/// How long the parts of a ticket are together, in bytes: the tenant's id, the number, and the id of the thing.
const LENGTH: usize = 16 + 16 + 16;

/// A new ticket of a thing of a tenant: its text, and the hash that a table keeps. A ticket opens only in its own place.
pub fn issue(key: &Key, place: &[u8], (tenant, thing): (TenantId, Uuid)) -> Result<(String, [u8; 32]), CryptoError> {
    let number: [u8; 16] = random()?;
    let clear = [tenant.0.as_bytes(), &number[..], thing.as_bytes()].concat();
    Ok((URL_SAFE_NO_PAD.encode(key.seal(&clear, place, LENGTH)?), sha256(&number)))
}

/// The parts of a ticket.
#[derive(Debug)]
pub struct OpenedTicket {
    pub tenant: TenantId,
    /// The hash that a table keeps.
    pub hash: [u8; 32],
    pub thing: Uuid,
}

/// The parts of a ticket. `None`: the text never was a ticket of this place.
#[must_use]
pub fn read(key: &Key, place: &[u8], text: &str) -> Option<OpenedTicket> {
    let clear = key.open(&URL_SAFE_NO_PAD.decode(text).ok()?, place).ok()?;
    let (tenant, rest) = clear.split_first_chunk::<16>()?;
    let (number, thing) = rest.split_first_chunk::<16>()?;
    let tenant = TenantId(Uuid::from_bytes(*tenant));
    Some(OpenedTicket { tenant, hash: sha256(number), thing: Uuid::from_slice(thing).ok()? })
}

//! A CMS message of bytes that arrive in pieces: AuthEnvelopedData in BER, because the length is not known beforehand.

use std::fmt;

use super::der::{OCTETS, SEQUENCE, SET, context, element, number, oid, push_length};
use super::gcm::{Gcm, NONCE, TAG};
use super::recipient::recipient;
use crate::base::crypto::random;
use crate::recording_keys::KeyError;

/// The length of a piece of the content.
const PIECE: usize = 1 << 16;

/// An indefinite length, and the end of such an element.
const OPEN: u8 = 0x80;
const END: [u8; 2] = [0, 0];

/// id-ct-authEnvelopedData, 1.2.840.113549.1.9.16.1.23.
const AUTH_ENVELOPED_DATA: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x10, 0x01, 0x17];
/// id-data, 1.2.840.113549.1.7.1.
const DATA: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x01];
/// id-aes256-GCM, 2.16.840.1.101.3.4.1.46.
const AES_256_GCM: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2E];

pub struct CmsMessage {
    /// The part of the message before the content.
    head: Vec<u8>,
    /// Clear bytes that are less than a piece.
    clear: Vec<u8>,
    gcm: Gcm,
}

impl fmt::Debug for CmsMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Message(..)")
    }
}

impl CmsMessage {
    /// For a certificate in DER.
    pub fn new(certificate: &[u8]) -> Result<Self, KeyError> {
        let (key, nonce): ([u8; 32], [u8; NONCE]) = (random()?, random()?);
        let recipient = recipient(certificate, &key)?;
        let tag = u8::try_from(TAG).unwrap_or_default();
        let parameters = element(SEQUENCE, &[&element(OCTETS, &[&nonce]), &number(tag)]);
        let head = [
            &[SEQUENCE, OPEN],
            &oid(AUTH_ENVELOPED_DATA)[..],
            &[context(0), OPEN, SEQUENCE, OPEN],
            &number(0),
            &element(SET, &[&recipient]),
            &[SEQUENCE, OPEN],
            &oid(DATA),
            &element(SEQUENCE, &[&oid(AES_256_GCM), &parameters]),
            &[context(0), OPEN],
        ];
        Ok(Self { head: head.concat(), clear: Vec::with_capacity(PIECE), gcm: Gcm::new(&key, &nonce)? })
    }

    /// Takes the next bytes.
    pub fn push(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) -> Result<(), KeyError> {
        out.append(&mut self.head);
        while let Some((now, later)) = bytes.split_at_checked(PIECE - self.clear.len()) {
            bytes = later;
            if self.clear.is_empty() {
                self.emit(now, out)?;
            } else {
                self.clear.extend_from_slice(now);
                self.emit_waiting(out)?;
            }
        }
        self.clear.extend_from_slice(bytes);
        Ok(())
    }

    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<(), KeyError> {
        out.append(&mut self.head);
        if !self.clear.is_empty() {
            self.emit_waiting(out)?;
        }
        // The ends of the content and of its container, the tag, and the ends of the three outer containers.
        out.extend_from_slice(&[END, END].concat());
        out.extend_from_slice(&element(OCTETS, &[&self.gcm.finish()]));
        out.extend_from_slice(&[END, END, END].concat());
        Ok(())
    }

    fn emit_waiting(&mut self, out: &mut Vec<u8>) -> Result<(), KeyError> {
        let mut waited = std::mem::take(&mut self.clear);
        self.emit(&waited, out)?;
        waited.clear();
        self.clear = waited;
        Ok(())
    }

    /// Writes a piece of the content.
    fn emit(&mut self, clear: &[u8], out: &mut Vec<u8>) -> Result<(), KeyError> {
        out.push(OCTETS);
        push_length(clear.len(), out);
        self.gcm.push(clear, out)
    }
}

//! An OpenPGP message of bytes that arrive in pieces: a session key encrypted for the recipient (tag 1), then the
//! data encrypted with it (tag 18, version 1) around one literal packet and the digest that guards both (tag 19).
//!
//! Nothing is compressed, because recordings already are, and compressed lengths tell an observer more. Both packets have
//! partial lengths (RFC 4880, 4.2.2.4), because the length is not known beforehand. GnuPG up to 2.4 reads version 1, which
//! has SHA-1.

use std::fmt;

use aws_lc_rs::cipher::{AES_256, EncryptionContext, StreamingEncryptingKey, UnboundCipherKey};
use aws_lc_rs::digest;
use aws_lc_rs::iv::FixedLength;
use pgp::composed::RawSessionKey;
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use pgp::packet::{Packet, PacketParser, PacketTrait as _, PublicKeyEncryptedSessionKey};
use rand_core::OsRng;

use crate::base::crypto::random;
use crate::recording_keys::KeyError;

/// The length of a packet's part: a power of two of at least 512.
const PART: usize = 1 << PART_BITS;
const PART_BITS: u8 = 16;

const BLOCK: usize = 16;

/// Tag 18 in the new format.
const ENCRYPTED_DATA: u8 = 0xD2;
/// Tag 11.
const LITERAL_DATA: u8 = 0xCB;
/// Tag 19 and its length. The digest covers them too.
const DIGEST_HEADER: [u8; 2] = [0xD3, 0x14];

/// The beginning of a literal packet: binary, no name, and no date.
const LITERAL_HEAD: [u8; 6] = [b'b', 0, 0, 0, 0, 0];

pub struct OpenPgpMessage {
    /// The whole packets before the first part.
    head: Vec<u8>,
    /// Clear data that are less than a part.
    clear: Vec<u8>,
    /// Ciphertext that is less than a part.
    sealed: Vec<u8>,
    cipher: StreamingEncryptingKey,
    digest: digest::Context,
}

impl fmt::Debug for OpenPgpMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Message(..)")
    }
}

impl OpenPgpMessage {
    /// A message for a stored key packet.
    pub fn new(key_packet: &[u8]) -> Result<Self, KeyError> {
        let session: [u8; 32] = random()?;
        let mut head = session_packet(key_packet, &session)?;
        head.push(ENCRYPTED_DATA);
        let key = UnboundCipherKey::new(&AES_256, &session).map_err(|_| KeyError::Unusable)?;
        let zero = EncryptionContext::Iv128(FixedLength::from([0; BLOCK]));
        let cipher = StreamingEncryptingKey::less_safe_cfb128(key, zero).map_err(|_| KeyError::Unusable)?;
        let mut clear = Vec::with_capacity(PART);
        clear.extend_from_slice(&LITERAL_HEAD);
        // The version of the encrypted packet is before its ciphertext.
        let mut sealed = Vec::with_capacity(2 * PART + 64);
        sealed.push(1);
        let digest = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
        let mut message = Self { head, clear, sealed, cipher, digest };
        // A random block and its last two bytes again. They reveal a wrong session key.
        let block: [u8; BLOCK] = random()?;
        message.seal(&block)?;
        message.seal(&block[BLOCK - 2..])?;
        message.seal(&[LITERAL_DATA])?;
        Ok(message)
    }

    /// Takes the next bytes.
    pub fn push(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) -> Result<(), KeyError> {
        out.append(&mut self.head);
        while let Some((now, later)) = bytes.split_at_checked(PART - self.clear.len()) {
            bytes = later;
            self.seal(&[0xE0 | PART_BITS])?;
            let mut waited = std::mem::take(&mut self.clear);
            self.seal(&waited)?;
            self.seal(now)?;
            waited.clear();
            self.clear = waited;
            self.emit(out);
        }
        self.clear.extend_from_slice(bytes);
        Ok(())
    }

    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<(), KeyError> {
        out.append(&mut self.head);
        let rest = std::mem::take(&mut self.clear);
        self.seal(&last_length(rest.len()))?;
        self.seal(&rest)?;
        self.seal(&DIGEST_HEADER)?;
        let digest = self.digest.clone().finish();
        self.seal(digest.as_ref())?;
        self.emit(out);
        out.extend_from_slice(&last_length(self.sealed.len()));
        out.append(&mut self.sealed);
        Ok(())
    }

    /// Appends encrypted bytes to the waiting ciphertext.
    fn seal(&mut self, bytes: &[u8]) -> Result<(), KeyError> {
        self.digest.update(bytes);
        let from = self.sealed.len();
        self.sealed.resize(from + bytes.len() + BLOCK, 0);
        let written = self.cipher.update(bytes, &mut self.sealed[from..]).map_err(|_| KeyError::Unusable)?;
        let written = written.written().len();
        self.sealed.truncate(from + written);
        Ok(())
    }

    /// Writes the whole parts.
    fn emit(&mut self, out: &mut Vec<u8>) {
        let mut parts = self.sealed.chunks_exact(PART);
        for part in parts.by_ref() {
            out.push(0xE0 | PART_BITS);
            out.extend_from_slice(part);
        }
        let left = parts.remainder().len();
        self.sealed.drain(..self.sealed.len() - left);
    }
}

/// The packet that tells the recipient the session key.
fn session_packet(key_packet: &[u8], session: &[u8; 32]) -> Result<Vec<u8>, KeyError> {
    let (key, algorithm) = (RawSessionKey::from(&session[..]), SymmetricKeyAlgorithm::AES256);
    let packet = match PacketParser::new(key_packet).next() {
        Some(Ok(Packet::PublicSubkey(recipient))) => {
            PublicKeyEncryptedSessionKey::from_session_key_v3(OsRng, &key, algorithm, &recipient)
        }
        Some(Ok(Packet::PublicKey(recipient))) => {
            PublicKeyEncryptedSessionKey::from_session_key_v3(OsRng, &key, algorithm, &recipient)
        }
        _ => return Err(KeyError::Unusable),
    };
    let mut bytes = Vec::with_capacity(1024);
    packet.and_then(|packet| packet.to_writer_with_header(&mut bytes)).map_err(|_| KeyError::Unusable)?;
    Ok(bytes)
}

/// The length of the last part of a packet, in the fewest bytes.
fn last_length(length: usize) -> Vec<u8> {
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    match length.to_be_bytes() {
        [0, 0, 0, short] if short < 192 => vec![short],
        _ if length < 8384 => {
            let [.., high, low] = (length - 192).to_be_bytes();
            vec![high + 192, low]
        }
        [a, b, c, d] => vec![0xFF, a, b, c, d],
    }
}

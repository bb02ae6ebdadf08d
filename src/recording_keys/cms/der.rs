//! The parts of DER that the head of a message needs.

pub const SEQUENCE: u8 = 0x30;
pub const SET: u8 = 0x31;
/// The tag of a string of bytes.
pub const OCTETS: u8 = 0x04;
const INTEGER: u8 = 0x02;
const OID: u8 = 0x06;
const BITS: u8 = 0x03;

/// The tag of a context-specific element that contains other elements.
pub const fn context(number: u8) -> u8 {
    0xA0 | number
}

pub fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length = parts.iter().map(|part| part.len()).sum();
    let mut bytes = Vec::with_capacity(length + 6);
    bytes.push(tag);
    push_length(length, &mut bytes);
    for part in parts {
        bytes.extend_from_slice(part);
    }
    bytes
}

pub fn number(value: u8) -> Vec<u8> {
    element(INTEGER, &[&[value]])
}

/// An object identifier from its encoded arcs.
pub fn oid(arcs: &[u8]) -> Vec<u8> {
    element(OID, &[arcs])
}

/// Whole bytes as a string of bits.
pub fn bits(bytes: &[u8]) -> Vec<u8> {
    element(BITS, &[&[0], bytes])
}

/// The length of an element, in the fewest bytes.
pub fn push_length(length: usize, out: &mut Vec<u8>) {
    let bytes = length.to_be_bytes();
    let from = length.leading_zeros() as usize / 8;
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            // At most 8 bytes.
            out.push(0x80 | u8::try_from(bytes.len() - from).unwrap_or_default());
            out.extend_from_slice(&bytes[from..]);
        }
    }
}

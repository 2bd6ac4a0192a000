//! Bytes as letters, digits, `-` and `_`. Source: RFC 4648, section 5, without padding.

use super::PositionError;
use super::bytes::BYTES_MAX;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Longest text of a position.
const TEXT_BYTES_MAX: usize = BYTES_MAX.div_ceil(3) * 4;

pub(super) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |index: usize| u32::from(group.get(index).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for index in 0..=group.len() {
            let six = bits >> (18 - 6 * index) & 63;
            text.push(ALPHABET.get(six as usize).copied().map_or('A', char::from));
        }
    }
    text
}

/// # Errors
/// [`PositionError::TooLong`] and [`PositionError::NoText`]. There is one text for each sequence of bytes: bits that
/// say nothing must be zero.
pub(super) fn decode(text: &str) -> Result<Vec<u8>, PositionError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(PositionError::TooLong { n_bytes: text.len(), n_bytes_max: TEXT_BYTES_MAX });
    }
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let (mut bits, mut n_bits) = (0_u32, 0_u32);
    for (index, character) in text.bytes().enumerate() {
        let six = value(character).ok_or(PositionError::NoText { index })?;
        bits = bits << 6 | six;
        n_bits += 6;
        if n_bits >= 8 {
            n_bits -= 8;
            // The lower eight bits of what is left of the shift.
            bytes.push((bits >> n_bits & 0xFF) as u8);
            bits &= (1 << n_bits) - 1;
        }
    }
    // One character alone is no byte.
    if bits != 0 || n_bits == 6 {
        return Err(PositionError::NoText { index: text.len().saturating_sub(1) });
    }
    Ok(bytes)
}

fn value(character: u8) -> Option<u32> {
    let value = match character {
        b'A'..=b'Z' => character - b'A',
        b'a'..=b'z' => character - b'a' + 26,
        b'0'..=b'9' => character - b'0' + 52,
        b'-' => 62,
        b'_' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

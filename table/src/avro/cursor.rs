//! Bytes read from front to back, in Avro's binary encoding.
//!
//! Source: Avro specification, "Binary Encoding".

use crate::varint::{varint, zigzag};

/// What is left of some bytes. Every method fails at the end of them instead of making something up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn n_left(&self) -> usize {
        self.rest.len()
    }

    pub(crate) fn take(&mut self, n: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.rest.split_at_checked(n).ok_or_else(|| {
            format!("it is cut off, or a length is wrong: `{n}` bytes are due where `{}` are left", self.rest.len())
        })?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        self.take(N)?.try_into().map_err(|_| "it is cut off".to_owned())
    }

    /// A zig-zag number, which `int` and `long` are.
    pub(crate) fn long(&mut self) -> Result<i64, String> {
        let value = varint(|| self.array().map(|[byte]| byte))?;
        value.map(zigzag).ok_or_else(|| "a number has more than ten bytes".to_owned())
    }

    /// A number that cannot be negative.
    pub(crate) fn length(&mut self) -> Result<usize, String> {
        let length = self.long()?;
        usize::try_from(length).map_err(|_| format!("a length of `{length}`"))
    }

    /// Bytes after their length.
    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], String> {
        let length = self.length()?;
        self.take(length)
    }

    /// Items in this block of an array or map; 0 ends it. Each takes `item_bytes_min` bytes at least.
    pub(crate) fn n_items(&mut self, item_bytes_min: usize) -> Result<usize, String> {
        let n = self.long()?;
        if n < 0 {
            // The size of the block in bytes follows, for those who want to skip it.
            self.length()?;
        }
        usize::try_from(n.unsigned_abs())
            .ok()
            .filter(|n| n.checked_mul(item_bytes_min).is_some_and(|n_bytes| n_bytes <= self.n_left()))
            .ok_or_else(|| format!("an array of `{n}` items where `{}` bytes are left", self.n_left()))
    }
}

/// A two's-complement big-endian number of at most 16 bytes (longer ones only if they are padded).
pub(crate) fn unscaled(bytes: &[u8]) -> Option<i128> {
    let sign = if bytes.first().is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 };
    let (padding, digits) = bytes.split_at(bytes.len().saturating_sub(16));
    if padding.iter().any(|byte| *byte != sign) {
        return None;
    }
    let mut full = [sign; 16];
    full.get_mut(16 - digits.len()..)?.copy_from_slice(digits);
    // Padding must not hide the sign of the digits.
    (full[0] & 0x80 == sign & 0x80).then(|| i128::from_be_bytes(full))
}

//! Bytes in runs, and booleans in such bytes.
//!
//! Source: ORC specification, "Byte Run Length Encoding" and "Boolean Run Length Encoding".

use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder};

use super::Fault;
use super::compression::ByteStream;

/// Bytes of one stream. A clone goes on from the same place.
#[derive(Debug, Clone)]
pub(super) struct ByteRuns {
    stream: ByteStream,
    /// Bytes left of the run at hand.
    n_left: u16,
    /// What it repeats; `None` if its bytes stand in the stream.
    repeated: Option<u8>,
}

impl ByteRuns {
    pub(super) fn new(stream: ByteStream) -> Self {
        Self { stream, n_left: 0, repeated: None }
    }

    pub(super) fn next(&mut self) -> Result<u8, Fault> {
        if self.n_left == 0 {
            let control = self.stream.byte()?;
            if control < 0x80 {
                self.n_left = u16::from(control) + 3;
                self.repeated = Some(self.stream.byte()?);
            } else {
                self.n_left = 256 - u16::from(control);
                self.repeated = None;
            }
        }
        self.n_left -= 1;
        match self.repeated {
            Some(byte) => Ok(byte),
            None => self.stream.byte(),
        }
    }
}

/// Booleans of one stream, the highest bit of each byte first. A clone goes on from the same place.
#[derive(Debug, Clone)]
pub(super) struct Booleans {
    bytes: ByteRuns,
    byte: u8,
    n_bits: u8,
}

impl Booleans {
    pub(super) fn new(stream: ByteStream) -> Self {
        Self { bytes: ByteRuns::new(stream), byte: 0, n_bits: 0 }
    }

    pub(super) fn read(&mut self, n: usize) -> Result<BooleanBuffer, Fault> {
        let mut booleans = BooleanBufferBuilder::new(n);
        for _ in 0..n {
            if self.n_bits == 0 {
                self.byte = self.bytes.next()?;
                self.n_bits = 8;
            }
            self.n_bits -= 1;
            booleans.append(self.byte >> self.n_bits & 1 == 1);
        }
        Ok(booleans.build())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use bytes::Bytes;

    use super::super::compression::Codec;
    use super::*;

    fn stream(bytes: &'static [u8]) -> ByteStream {
        ByteStream::new(Codec::new(0, None).unwrap(), Bytes::from_static(bytes))
    }

    // The examples of the specification.

    #[test]
    fn bytes_are_repeated_or_stand_for_themselves() {
        let mut runs = ByteRuns::new(stream(&[0x61, 0, 0xfe, 0x44, 0x45]));
        for _ in 0..100 {
            assert_eq!(runs.next().unwrap(), 0);
        }
        assert_eq!([runs.next().unwrap(), runs.next().unwrap()], [0x44, 0x45]);
        assert!(runs.next().is_err());
    }

    #[test]
    fn the_highest_bit_is_the_first_boolean() {
        let mut booleans = Booleans::new(stream(&[0xff, 0x80]));
        let read: Vec<bool> = booleans.read(8).unwrap().iter().collect();
        assert_eq!(read, [true, false, false, false, false, false, false, false]);
        assert!(booleans.read(1).is_err());
    }
}

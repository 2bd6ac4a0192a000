//! Writing Avro containers: values in the order of the schema, one after the other, in deflated blocks.

use std::io::Write;

use flate2::Compression;
use flate2::write::DeflateEncoder;

use super::container::{MAGIC, MARKER_BYTES};

/// A block is closed once its records take this many bytes. What other writers do, too.
const BLOCK_BYTES: usize = 64 << 10;

/// Writes values of the types that metadata files use. The caller keeps to the schema.
#[derive(Debug, Default)]
pub(crate) struct Encoder {
    bytes: Vec<u8>,
}

impl Encoder {
    /// `int`, `long`, and the dates and times that are kept as one.
    pub(crate) fn long(&mut self, value: i64) {
        // Zigzag: the sign becomes the lowest bit.
        let mut rest = u64::from_ne_bytes(((value << 1) ^ (value >> 63)).to_ne_bytes());
        while rest >= 128 {
            self.bytes.push(rest.to_le_bytes()[0] | 0x80);
            rest >>= 7;
        }
        self.bytes.push(rest.to_le_bytes()[0]);
    }

    /// A count or size. What is beyond `i64` cannot stand in a file, and is not one.
    pub(crate) fn count(&mut self, value: u64) {
        self.long(i64::try_from(value).unwrap_or(i64::MAX));
    }

    pub(crate) fn boolean(&mut self, value: bool) {
        self.bytes.push(u8::from(value));
    }

    /// `float`, `double` and `fixed`: bytes without a length.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// `bytes` and `string`.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len() as u64);
        self.raw(bytes);
    }

    /// A union of null and one other type.
    pub(crate) fn optional<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        match value {
            None => self.long(0),
            Some(value) => {
                self.long(1);
                write(self, value);
            }
        }
    }

    /// An array.
    pub(crate) fn array<T>(&mut self, items: impl ExactSizeIterator<Item = T>, mut write: impl FnMut(&mut Self, T)) {
        if items.len() > 0 {
            self.count(items.len() as u64);
            items.for_each(|item| write(self, item));
        }
        self.long(0);
    }
}

/// A container under construction.
#[derive(Debug)]
pub(crate) struct ContainerWriter {
    file: Encoder,
    marker: [u8; MARKER_BYTES],
    block: Encoder,
    n_records: u64,
}

impl ContainerWriter {
    /// `schema` is JSON; `entries` are further keys and values of the header.
    pub(crate) fn new<'a>(schema: &str, entries: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        let mut file = Encoder::default();
        file.raw(&MAGIC);
        let fixed = [("avro.schema", schema.to_owned()), ("avro.codec", "deflate".to_owned())];
        let entries: Vec<_> = fixed.into_iter().chain(entries).collect();
        file.array(entries.into_iter(), |file, (key, value)| {
            file.bytes(key.as_bytes());
            file.bytes(value.as_bytes());
        });
        let marker = uuid::Uuid::new_v4().into_bytes();
        file.raw(&marker);
        Self { file, marker, block: Encoder::default(), n_records: 0 }
    }

    /// Adds one record; `write` writes its fields.
    pub(crate) fn record(&mut self, write: impl FnOnce(&mut Encoder)) -> std::io::Result<()> {
        write(&mut self.block);
        self.n_records += 1;
        if self.block.bytes.len() >= BLOCK_BYTES { self.end_block() } else { Ok(()) }
    }

    fn end_block(&mut self) -> std::io::Result<()> {
        if self.n_records == 0 {
            return Ok(());
        }
        let mut compressed = DeflateEncoder::new(Vec::new(), Compression::default());
        compressed.write_all(&self.block.bytes)?;
        self.file.count(self.n_records);
        self.file.bytes(&compressed.finish()?);
        self.file.raw(&self.marker);
        self.block.bytes.clear();
        self.n_records = 0;
        Ok(())
    }

    /// Bytes of the file so far, without the records of the open block.
    pub(crate) fn n_bytes(&self) -> usize {
        self.file.bytes.len()
    }

    /// The file.
    pub(crate) fn finish(mut self) -> std::io::Result<Vec<u8>> {
        self.end_block()?;
        Ok(self.file.bytes)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::cursor::Cursor;
    use super::*;

    #[test]
    fn numbers_are_read_as_they_were_written() {
        let numbers = [0, -1, 1, 63, 64, -64, -65, 127, 128, 8191, 8192, i64::MAX, i64::MIN, 1 << 40, -(1 << 40)];
        let mut encoder = Encoder::default();
        numbers.iter().for_each(|number| encoder.long(*number));
        let mut cursor = Cursor::new(&encoder.bytes);
        for number in numbers {
            assert_eq!(cursor.long().unwrap(), number);
        }
        assert_eq!(cursor.n_left(), 0);
    }

    /// Source: Avro specification, "Binary Encoding", examples.
    #[test]
    fn numbers_have_the_bytes_of_the_specification() {
        for (number, bytes) in [(0, vec![0]), (-1, vec![1]), (1, vec![2]), (-64, vec![0x7f]), (64, vec![0x80, 1])] {
            let mut encoder = Encoder::default();
            encoder.long(number);
            assert_eq!(encoder.bytes, bytes);
        }
    }
}

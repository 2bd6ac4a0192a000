//! Avro files taken apart and put together, so that a fuzzer can reach into a block: in a file as it is, every
//! mutation would only break the compression, a length or the marker at the end.

use std::io::Read;

use flate2::read::DeflateDecoder;

const MAGIC: &[u8] = b"Obj\x01";
const MARKER: [u8; 16] = [7; 16];

/// What one of the fixtures' avro files is made of: they have a single block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parts {
    /// Its schema, as JSON.
    pub(crate) schema: Vec<u8>,
    pub(crate) n_records: u8,
    /// The records, not compressed.
    pub(crate) block: Vec<u8>,
}

impl Parts {
    /// Takes a file apart. `None` if it has more than one block, or more than 127 records.
    pub(crate) fn of(file: &[u8]) -> Option<Self> {
        let key = b"avro.schema";
        let mut schema = file.get(find(file, key)? + key.len()..)?;
        let schema_bytes = usize::try_from(long(&mut schema)?).ok()?;
        let schema = schema.get(..schema_bytes)?.to_vec();
        let marker = file.last_chunk::<16>()?;
        let mut block = file.get(find(file, marker)? + marker.len()..)?;
        let n_records = u8::try_from(long(&mut block)?).ok().filter(|n| *n < 128)?;
        let block_bytes = usize::try_from(long(&mut block)?).ok()?;
        if block.len() != block_bytes + marker.len() {
            return None;
        }
        let compressed = block.get(..block_bytes)?;
        let mut block = Vec::new();
        DeflateDecoder::new(compressed).read_to_end(&mut block).ok()?;
        Some(Self { schema, n_records, block })
    }

    /// An uncompressed file.
    pub(crate) fn to_file(&self) -> Vec<u8> {
        let mut file = MAGIC.to_vec();
        write_long(&mut file, 1);
        for part in [b"avro.schema", self.schema.as_slice()] {
            write_long(&mut file, part.len());
            file.extend(part);
        }
        write_long(&mut file, 0);
        file.extend(MARKER);
        write_long(&mut file, self.n_records.into());
        write_long(&mut file, self.block.len());
        file.extend(&self.block);
        file.extend(MARKER);
        file
    }
}

pub(crate) fn is_file(data: &[u8]) -> bool {
    data.starts_with(MAGIC)
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

fn long(bytes: &mut &[u8]) -> Option<i64> {
    let mut value = 0_i64;
    for shift in (0..63).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= i64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((value >> 1) ^ -(value & 1));
        }
    }
    None
}

fn write_long(to: &mut Vec<u8>, value: usize) {
    let mut rest = value << 1;
    while rest >= 0x80 {
        to.push(u8::try_from(rest & 0x7f).unwrap() | 0x80);
        rest >>= 7;
    }
    to.push(u8::try_from(rest).unwrap());
}

//! Avro object container files: a header with the schema, then blocks of records.
//!
//! Source: Avro specification, "Object Container Files".

use std::borrow::Cow;
use std::io::Read;
use std::sync::Arc;

use super::cursor::Cursor;
use super::schema::{self, RecordType};

const MAGIC: [u8; 4] = *b"Obj\x01";

/// Ends the header and every block; another in each file.
const MARKER_BYTES: usize = 16;

/// A block may decompress to this many bytes at most: a small file must not exhaust memory. Writers begin a
/// new block after some ten kilobytes.
const BLOCK_BYTES_MAX: usize = 256 << 20;

/// Why a file cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is damaged.
    Corrupt(String),
    /// It uses something that this version cannot read.
    Unsupported(String),
}

impl From<String> for Fault {
    fn from(cause: String) -> Self {
        Self::Corrupt(cause)
    }
}

impl From<&str> for Fault {
    fn from(cause: &str) -> Self {
        Self::Corrupt(cause.to_owned())
    }
}

/// How blocks are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Codec {
    Null,
    Deflate,
    Snappy,
    Zstandard,
}

/// A file whose header has been read.
#[derive(Debug)]
pub(super) struct Container<'a> {
    schema: Arc<RecordType>,
    codec: Codec,
    marker: [u8; MARKER_BYTES],
    blocks: Cursor<'a>,
}

/// Some records, still encoded.
pub(super) struct Block<'a> {
    pub(super) n_records: usize,
    pub(super) bytes: Cow<'a, [u8]>,
}

impl<'a> Container<'a> {
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, Fault> {
        let mut cursor = Cursor::new(bytes);
        if cursor.array() != Ok(MAGIC) {
            return Err("it does not begin like one".into());
        }
        let (mut schema, mut codec) = (None, Codec::Null);
        loop {
            // A key and a value are a byte each at least.
            let n = cursor.n_items(2)?;
            for _ in 0..n {
                match (cursor.bytes()?, cursor.bytes()?) {
                    (b"avro.schema", json) => schema = Some(schema::parse(json)?),
                    (b"avro.codec", name) => codec = Codec::from_name(name)?,
                    _ => {}
                }
            }
            if n == 0 {
                break;
            }
        }
        let schema = schema.ok_or("its header has no schema")?;
        Ok(Self { schema, codec, marker: cursor.array()?, blocks: cursor })
    }

    pub(super) fn schema(&self) -> &Arc<RecordType> {
        &self.schema
    }

    /// The next block; `None` at the end of the file.
    pub(super) fn next_block(&mut self) -> Result<Option<Block<'a>>, Fault> {
        if self.blocks.n_left() == 0 {
            return Ok(None);
        }
        let n_records = self.blocks.length()?;
        let bytes = self.blocks.bytes()?;
        if self.blocks.array() != Ok(self.marker) {
            return Err("a block does not end in the file's marker: it is cut off or overwritten".into());
        }
        Ok(Some(Block { n_records, bytes: self.codec.decompress(bytes)? }))
    }
}

impl Codec {
    fn from_name(name: &[u8]) -> Result<Self, Fault> {
        match name {
            b"null" | b"" => Ok(Self::Null),
            b"deflate" => Ok(Self::Deflate),
            b"snappy" => Ok(Self::Snappy),
            b"zstandard" => Ok(Self::Zstandard),
            other => Err(Fault::Unsupported(format!(
                "avro files compressed as `{}`; null, deflate, snappy and zstandard can be read",
                String::from_utf8_lossy(other)
            ))),
        }
    }

    fn decompress(self, bytes: &[u8]) -> Result<Cow<'_, [u8]>, Fault> {
        match self {
            Self::Null => Ok(Cow::Borrowed(bytes)),
            Self::Deflate => limited(flate2::read::DeflateDecoder::new(bytes)),
            Self::Zstandard => match zstd::stream::read::Decoder::with_buffer(bytes) {
                Ok(decoder) => limited(decoder),
                Err(error) => Err(Fault::Corrupt(format!("a block cannot be decompressed: {error}"))),
            },
            Self::Snappy => snappy(bytes),
        }
    }
}

fn limited<'a>(decoder: impl Read) -> Result<Cow<'a, [u8]>, Fault> {
    let mut bytes = Vec::new();
    let read = decoder.take(BLOCK_BYTES_MAX as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| format!("a block cannot be decompressed: {error}"))?;
    if bytes.len() > BLOCK_BYTES_MAX { Err(too_large()) } else { Ok(Cow::Owned(bytes)) }
}

/// A checksum of the decompressed bytes follows the compressed ones.
fn snappy<'a>(bytes: &[u8]) -> Result<Cow<'a, [u8]>, Fault> {
    let cause = |error: snap::Error| format!("a block cannot be decompressed: {error}");
    let (bytes, checksum) = bytes.split_last_chunk::<4>().ok_or("a block is too short for its checksum")?;
    if snap::raw::decompress_len(bytes).map_err(cause)? > BLOCK_BYTES_MAX {
        return Err(too_large());
    }
    let bytes = snap::raw::Decoder::new().decompress_vec(bytes).map_err(cause)?;
    let mut crc = flate2::Crc::new();
    crc.update(&bytes);
    if crc.sum() != u32::from_be_bytes(*checksum) {
        return Err("the checksum of a block does not fit".into());
    }
    Ok(Cow::Owned(bytes))
}

fn too_large() -> Fault {
    Fault::Corrupt(format!("a block decompresses to more than `{BLOCK_BYTES_MAX}` bytes"))
}

//! Containers: a header with the schema, then blocks of records.
//!
//! Source: Avro specification, "Object Container Files".

use std::borrow::Cow;
use std::io::Read;
use std::ops::Range;
use std::sync::Arc;

use super::cursor::Cursor;
use super::schema::{self, RecordType};

pub(super) const MAGIC: [u8; 4] = *b"Obj\x01";

/// Ends the header and every block; another in each file.
pub(super) const MARKER_BYTES: usize = 16;

/// A block may decompress to this many bytes at most: a small file must not exhaust memory. Writers begin a
/// new block after some ten kilobytes.
const BLOCK_BYTES_MAX: usize = 256 << 20;

/// Two numbers of ten bytes at most stand before the records of a block.
const LENGTHS_BYTES_MAX: usize = 20;

/// Why a file cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
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

/// What stands before the blocks.
#[derive(Debug, Clone)]
pub(crate) struct Header {
    pub(crate) schema: Arc<RecordType>,
    codec: Codec,
    marker: [u8; MARKER_BYTES],
}

impl Header {
    /// Reads the header, and leaves `cursor` where the blocks begin.
    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Result<Self, Fault> {
        Self::read_with(cursor, &mut |_, _| {})
    }

    /// Also shows every key and value.
    pub(crate) fn read_with(cursor: &mut Cursor<'_>, visit: &mut dyn FnMut(&[u8], &[u8])) -> Result<Self, Fault> {
        if cursor.array() != Ok(MAGIC) {
            return Err("it does not begin like one".into());
        }
        let (mut schema, mut codec) = (None, Codec::Null);
        loop {
            // A key and a value are a byte each at least.
            let n = cursor.n_items(2)?;
            for _ in 0..n {
                let (key, value) = (cursor.bytes()?, cursor.bytes()?);
                match key {
                    b"avro.schema" => schema = Some(schema::parse(value)?),
                    b"avro.codec" => codec = Codec::from_name(value)?,
                    _ => visit(key, value),
                }
            }
            if n == 0 {
                break;
            }
        }
        let schema = schema.ok_or("its header has no schema")?;
        Ok(Self { schema, codec, marker: cursor.array()? })
    }

    /// The records of a block, from its bytes.
    pub(crate) fn decompress<'a>(&self, bytes: &'a [u8]) -> Result<Cow<'a, [u8]>, Fault> {
        self.codec.decompress(bytes)
    }

    /// `marker` is what ends every block of this file.
    pub(crate) fn check_marker(&self, marker: &[u8]) -> Result<(), Fault> {
        if marker == self.marker {
            return Ok(());
        }
        Err("a block does not end in the file's marker: it is cut off or overwritten".into())
    }
}

/// Where a block lies in the bytes that begin with it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) n_records: usize,
    /// Its records, compressed.
    pub(crate) data: Range<usize>,
    /// The marker after it, which the next block follows.
    pub(crate) marker: Range<usize>,
}

/// Looks at the block that `bytes` begin with, which may be cut off. `None` if not even its size is there.
pub(crate) fn extent(bytes: &[u8]) -> Result<Option<Extent>, Fault> {
    let mut cursor = Cursor::new(bytes);
    let lengths = cursor.length().and_then(|n_records| Ok((n_records, cursor.length()?)));
    match lengths {
        Ok((n_records, n_bytes)) => {
            let start = bytes.len() - cursor.n_left();
            let end = start.checked_add(n_bytes).filter(|_| n_bytes <= BLOCK_BYTES_MAX).ok_or_else(too_large)?;
            Ok(Some(Extent { n_records, data: start..end, marker: end..end + MARKER_BYTES }))
        }
        Err(_) if bytes.len() < LENGTHS_BYTES_MAX => Ok(None),
        Err(cause) => Err(cause.into()),
    }
}

/// A file that is wholly in memory, and whose header has been read.
#[derive(Debug)]
pub(crate) struct Container<'a> {
    header: Header,
    blocks: Cursor<'a>,
}

/// Some records, still encoded.
pub(crate) struct Block<'a> {
    pub(crate) n_records: usize,
    pub(crate) bytes: Cow<'a, [u8]>,
}

impl<'a> Container<'a> {
    pub(crate) fn open(bytes: &'a [u8]) -> Result<Self, Fault> {
        let mut cursor = Cursor::new(bytes);
        Ok(Self { header: Header::read(&mut cursor)?, blocks: cursor })
    }

    pub(crate) fn schema(&self) -> &Arc<RecordType> {
        &self.header.schema
    }

    /// The next block; `None` at the end of the file.
    pub(crate) fn next_block(&mut self) -> Result<Option<Block<'a>>, Fault> {
        if self.blocks.n_left() == 0 {
            return Ok(None);
        }
        let n_records = self.blocks.length()?;
        let bytes = self.blocks.bytes()?;
        self.header.check_marker(self.blocks.take(MARKER_BYTES.min(self.blocks.n_left()))?)?;
        Ok(Some(Block { n_records, bytes: self.header.decompress(bytes)? }))
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

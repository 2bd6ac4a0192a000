//! Streams of bytes, compressed in chunks.
//!
//! Source: ORC specification, "Compression".

use std::io::Read;

use bytes::Bytes;

use super::Fault;
use crate::varint::varint;

/// Length and kind of a chunk.
const HEADER_BYTES: usize = 3;

/// What a chunk decompresses to at most, if the file does not say. Source: as above.
const CHUNK_BYTES_DEFAULT: u64 = 256 * 1024;

/// No file may say more: the length of a chunk has 23 bits.
const CHUNK_BYTES_MAX: u64 = 1 << 23;

/// Files of this codec may say less: what decompresses it takes memory by the numbers that it finds.
const LZO_CHUNK_BYTES_MAX: u64 = 1 << 20;

/// How the streams of a file are compressed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Codec {
    kind: Kind,
    chunk_bytes_max: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    None,
    Zlib,
    Snappy,
    Lzo,
    Lz4,
    Zstd,
}

impl Codec {
    /// From the numbers of a postscript.
    pub(super) fn new(kind: u64, chunk_bytes_max: Option<u64>) -> Result<Self, Fault> {
        let kind = match kind {
            0 => Kind::None,
            1 => Kind::Zlib,
            2 => Kind::Snappy,
            3 => Kind::Lzo,
            4 => Kind::Lz4,
            5 => Kind::Zstd,
            6 => return Err(Fault::Unsupported("orc files compressed with brotli cannot be read".to_owned())),
            other => return Err(format!("compression `{other}` is unknown").into()),
        };
        let limit = if kind == Kind::Lzo { LZO_CHUNK_BYTES_MAX } else { CHUNK_BYTES_MAX };
        let n_bytes = chunk_bytes_max.unwrap_or(CHUNK_BYTES_DEFAULT);
        match usize::try_from(n_bytes) {
            Ok(chunk_bytes_max) if n_bytes <= limit || kind == Kind::None => Ok(Self { kind, chunk_bytes_max }),
            _ => Err(format!("it claims chunks of `{n_bytes}` bytes, at most `{limit}` are read").into()),
        }
    }

    /// Decompresses a whole stream of at most `n_bytes_max`.
    pub(super) fn decompress(self, bytes: Bytes, n_bytes_max: usize) -> Result<Vec<u8>, Fault> {
        let mut stream = ByteStream::new(self, bytes);
        let mut all = Vec::new();
        while stream.refill()? {
            if all.len() + stream.chunk.len() > n_bytes_max {
                return Err(format!("its footer has more than `{n_bytes_max}` bytes").into());
            }
            all.extend_from_slice(&stream.chunk);
        }
        Ok(all)
    }

    fn chunk(self, compressed: &[u8]) -> Result<Bytes, Fault> {
        let failed = |cause: &dyn std::fmt::Display| format!("a chunk cannot be decompressed: {cause}");
        let limit = self.chunk_bytes_max;
        let limited = |reader: &mut dyn Read| {
            let mut bytes = Vec::new();
            let read = reader.take(limit as u64 + 1).read_to_end(&mut bytes);
            read.map_err(|error| failed(&error))?;
            Ok::<_, String>(bytes)
        };
        let bytes = match self.kind {
            Kind::None => compressed.to_vec(),
            Kind::Zlib => limited(&mut flate2::read::DeflateDecoder::new(compressed))?,
            Kind::Zstd => {
                let mut decoder =
                    zstd::stream::read::Decoder::with_buffer(compressed).map_err(|error| failed(&error))?;
                limited(&mut decoder)?
            }
            Kind::Snappy => {
                let n_bytes = snap::raw::decompress_len(compressed).map_err(|error| failed(&error))?;
                if n_bytes > limit {
                    return Err(too_large(limit));
                }
                snap::raw::Decoder::new().decompress_vec(compressed).map_err(|error| failed(&error))?
            }
            Kind::Lz4 => lz4_flex::block::decompress(compressed, limit).map_err(|error| failed(&error))?,
            Kind::Lzo => lzokay_native::decompress_all(compressed, None).map_err(|error| failed(&error))?,
        };
        if bytes.len() > limit { Err(too_large(limit)) } else { Ok(bytes.into()) }
    }
}

fn too_large(limit: usize) -> Fault {
    format!("a chunk decompresses to more than the `{limit}` bytes that the file says").into()
}

/// A stream, decompressed chunk by chunk as it is read. A clone goes on from the same place.
#[derive(Debug, Clone)]
pub(super) struct ByteStream {
    codec: Codec,
    rest: Bytes,
    chunk: Bytes,
    at: usize,
}

impl ByteStream {
    pub(super) fn new(codec: Codec, bytes: Bytes) -> Self {
        Self { codec, rest: bytes, chunk: Bytes::new(), at: 0 }
    }

    /// The next byte.
    pub(super) fn byte(&mut self) -> Result<u8, Fault> {
        while self.at >= self.chunk.len() {
            if !self.refill()? {
                return Err(cut_off());
            }
        }
        let byte = self.chunk[self.at];
        self.at += 1;
        Ok(byte)
    }

    /// Appends the next `n` bytes.
    pub(super) fn read(&mut self, mut n: usize, to: &mut Vec<u8>) -> Result<(), Fault> {
        while n > 0 {
            let here = self.chunk.get(self.at..).unwrap_or_default();
            if here.is_empty() {
                if !self.refill()? {
                    return Err(cut_off());
                }
                continue;
            }
            let taken = here.len().min(n);
            to.extend_from_slice(&here[..taken]);
            self.at += taken;
            n -= taken;
        }
        Ok(())
    }

    /// The next bytes.
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let mut array = [0; N];
        match self.chunk.get(self.at..self.at + N) {
            Some(bytes) => {
                array.copy_from_slice(bytes);
                self.at += N;
            }
            None => {
                for byte in &mut array {
                    *byte = self.byte()?;
                }
            }
        }
        Ok(array)
    }

    /// A number of seven bits in each byte.
    pub(super) fn varint(&mut self) -> Result<u64, Fault> {
        varint(|| self.byte())?.ok_or_else(|| "a number has more than ten bytes".into())
    }

    /// Decompresses the next chunk. False at the end.
    fn refill(&mut self) -> Result<bool, Fault> {
        self.at = 0;
        self.chunk = Bytes::new();
        if self.rest.is_empty() {
            return Ok(false);
        }
        if self.codec.kind == Kind::None {
            self.chunk = std::mem::take(&mut self.rest);
            return Ok(true);
        }
        let [a, b, c] = self.rest.first_chunk::<HEADER_BYTES>().copied().ok_or_else(cut_off)?;
        let header = u32::from_le_bytes([a, b, c, 0]);
        let n_bytes = usize::try_from(header >> 1).map_err(|_| cut_off())?;
        let end = HEADER_BYTES + n_bytes;
        if end > self.rest.len() {
            return Err(cut_off());
        }
        // A chunk that compression would make larger is stored as it is.
        if n_bytes > self.codec.chunk_bytes_max {
            return Err(too_large(self.codec.chunk_bytes_max));
        }
        let bytes = self.rest.slice(HEADER_BYTES..end);
        self.rest = self.rest.slice(end..);
        self.chunk = if header & 1 == 1 { bytes } else { self.codec.chunk(&bytes)? };
        Ok(true)
    }
}

fn cut_off() -> Fault {
    "a stream is cut off".into()
}

//! The end of an ORC file: postscript and footer, and the statistics of stripes before it.

use std::ops::Range;

use bytes::Bytes;

use super::Fault;
use super::compression::Codec;
use super::messages::{Footer, PostScript, Stripe, Type};
use crate::file::FileEntry;
use crate::pool::on_pool;
use crate::table::Table;
use crate::{Result, TableError};

/// Bytes of the end of a file that are read first; nearly all footers are smaller.
const TAIL_GUESS_BYTES: u64 = 64 * 1024;

/// A footer beyond this is not read, compressed or not.
const FOOTER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Statistics beyond this are not read, compressed or not: they only save reading.
pub(super) const METADATA_BYTES_MAX: usize = 16 * 1024 * 1024;

const MAGIC: &[u8] = b"ORC";

/// What reading rows needs of the end of a file.
#[derive(Debug)]
pub(super) struct Tail {
    pub(super) codec: Codec,
    pub(super) types: Vec<Type>,
    pub(super) stripes: Vec<Stripe>,
    pub(super) n_rows: u64,
    pub(super) metadata: Metadata,
    pub(super) writer_version: u64,
}

/// The statistics of stripes, compressed.
#[derive(Debug, Clone, Default)]
pub(super) struct Metadata {
    range: Range<u64>,
    /// As they were read with the footer.
    bytes: Option<Bytes>,
}

impl Metadata {
    /// `None` if there are none, or too many.
    pub(super) async fn read(&self, table: &Table, file: &FileEntry) -> Result<Option<Bytes>> {
        let n_bytes = self.range.end.saturating_sub(self.range.start);
        if n_bytes == 0 || n_bytes > METADATA_BYTES_MAX as u64 {
            return Ok(None);
        }
        match &self.bytes {
            Some(bytes) => Ok(Some(bytes.clone())),
            None => {
                let read = table.storage().read_ranges(&file.path, std::slice::from_ref(&self.range)).await?;
                Ok(read.into_iter().next())
            }
        }
    }
}

/// Reads the end of a file.
pub(super) async fn read(table: &Table, file: &FileEntry) -> Result<Tail> {
    let corrupt = |detail: String| TableError::corrupt(&*file.path, detail);
    let (end, size) = table.storage().read_suffix(&file.path, TAIL_GUESS_BYTES).await?;
    if size != file.file_size_bytes {
        return Err(corrupt(format!("the file has `{size}` bytes, the manifest says `{}`", file.file_size_bytes)));
    }
    let place = postscript(&end, size).map_err(|fault| fault.at(&file.path))?;
    if place.footer_bytes > FOOTER_BYTES_MAX as u64 {
        return Err(TableError::MemoryLimit {
            needed_bytes: place.footer_bytes,
            limit_bytes: FOOTER_BYTES_MAX as u64,
            detail: format!("reading the footer of `{}`", file.path),
        });
    }
    // The footer stands right before the postscript.
    let footer_end = size - place.postscript_bytes;
    let start = footer_end - place.footer_bytes;
    let have_from = size - end.len() as u64;
    let footer = match (start.checked_sub(have_from), footer_end.checked_sub(have_from)) {
        (Some(start), Some(footer_end)) => slice(&end, start, footer_end),
        _ => {
            let range = start..footer_end;
            table.storage().read_ranges(&file.path, std::slice::from_ref(&range)).await?.into_iter().next()
        }
    };
    let metadata_start = start - place.metadata_bytes;
    let metadata = Metadata {
        range: metadata_start..start,
        // A copy, so that the whole end of the file does not stay in memory.
        bytes: metadata_start
            .checked_sub(have_from)
            .and_then(|from| slice(&end, from, start - have_from))
            .map(|bytes| Bytes::copy_from_slice(&bytes)),
    };
    let footer = footer.ok_or_else(|| TableError::internal("a range was not read"))?;
    let path = file.path.clone();
    on_pool(move || parse(footer, place, metadata).map_err(|fault| fault.at(&path))).await?
}

fn slice(bytes: &Bytes, start: u64, end: u64) -> Option<Bytes> {
    let (start, end) = (usize::try_from(start).ok()?, usize::try_from(end).ok()?);
    (start <= end && end <= bytes.len()).then(|| bytes.slice(start..end))
}

/// Where the footer is, and how it is compressed.
#[derive(Debug, Clone, Copy)]
struct Place {
    codec: Codec,
    footer_bytes: u64,
    metadata_bytes: u64,
    writer_version: u64,
    /// With the byte that tells its length.
    postscript_bytes: u64,
}

fn postscript(end: &[u8], size: u64) -> std::result::Result<Place, Fault> {
    const NO_END: &str = "it does not end like one; it is cut off, or no orc file";
    let (length, rest) = end.split_last().ok_or("it has no bytes")?;
    let start = rest.len().checked_sub(usize::from(*length)).ok_or(NO_END)?;
    let postscript = PostScript::parse(rest.get(start..).unwrap_or_default()).map_err(|_| NO_END)?;
    // Writers before version 0.11 left it out here, and none of them knew of Iceberg.
    if postscript.magic != MAGIC {
        return Err(NO_END.into());
    }
    let postscript_bytes = u64::from(*length) + 1;
    let used = postscript.footer_bytes.checked_add(postscript.metadata_bytes);
    if used.and_then(|used| used.checked_add(postscript_bytes)).is_none_or(|used| used > size) {
        return Err("its footer claims more bytes than the file has".into());
    }
    let codec = Codec::new(postscript.compression, postscript.chunk_bytes_max)?;
    let PostScript { footer_bytes, metadata_bytes, writer_version, .. } = postscript;
    Ok(Place { codec, footer_bytes, metadata_bytes, writer_version, postscript_bytes })
}

fn parse(footer: Bytes, place: Place, metadata: Metadata) -> std::result::Result<Tail, Fault> {
    let Place { codec, writer_version, .. } = place;
    let footer = Footer::parse(&codec.decompress(footer, FOOTER_BYTES_MAX)?)?;
    if footer.is_encrypted {
        return Err(encrypted());
    }
    let Footer { types, stripes, n_rows, .. } = footer;
    Ok(Tail { codec, types, stripes, n_rows, metadata, writer_version })
}

/// Columns of an ORC file may be encrypted by themselves.
pub(super) fn encrypted() -> Fault {
    Fault::Unsupported("the file has encrypted columns; encrypted files cannot be read yet".to_owned())
}

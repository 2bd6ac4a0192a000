//! Deletion vectors: the `deletion-vector-v1` blob of a puffin file.
//!
//! Source: Iceberg puffin spec, "deletion-vector-v1 blob type": length of what follows (4 bytes, big-endian),
//! magic `D1 D3 39 64`, a 64-bit roaring bitmap in portable form, CRC-32 of magic and bitmap (big-endian).

use std::collections::BTreeMap;
use std::ops::Range;

use roaring::RoaringTreemap;

use crate::file::FileEntry;
use crate::storage::Storage;
use crate::{Result, TableError, on_pool};

const MAGIC: [u8; 4] = [0xD1, 0xD3, 0x39, 0x64];

/// Larger blobs are refused: a vector that deletes every second row of a billion takes 125 MB.
const BLOB_BYTES_MAX: u64 = 1 << 30;

/// Blobs of one puffin file that are held at a time, unless a single one is larger.
const READ_BYTES: u64 = 32 << 20;

/// Reads the deletion vectors that `entries` describe, in that order. Manifests' offsets and lengths lead to them,
/// so no puffin footer is needed; those of one file are read together.
///
/// # Errors
/// [`TableError::Corrupt`] if a blob is damaged or not what the manifest says.
pub(super) async fn read_deletion_vectors(storage: &Storage, entries: &[&FileEntry]) -> Result<Vec<RoaringTreemap>> {
    let mut by_path: BTreeMap<&str, Vec<(Range<u64>, usize)>> = BTreeMap::new();
    for (index, entry) in entries.iter().enumerate() {
        by_path.entry(entry.key()).or_default().push((blob_range(entry)?, index));
    }
    let mut vectors: BTreeMap<usize, RoaringTreemap> = BTreeMap::new();
    for blobs in by_path.values_mut() {
        blobs.sort_unstable_by_key(|(range, _)| range.start);
        for blobs in chunks(blobs) {
            let Some(entry) = blobs.first().and_then(|(_, index)| entries.get(*index)) else { continue };
            let (ranges, indexes): (Vec<Range<u64>>, Vec<usize>) = blobs.iter().cloned().unzip();
            let read = storage.read_ranges(&entry.path, &ranges).await?;
            let path = entry.path.to_string();
            let parse = move || read.iter().map(|blob| parse_deletion_vector(blob, &path)).collect::<Result<Vec<_>>>();
            vectors.extend(indexes.into_iter().zip(on_pool(parse).await??));
        }
    }
    for (entry, vector) in entries.iter().zip(vectors.values()) {
        if vector.len() != entry.record_count {
            let detail = format!(
                "the deletion vector holds `{}` positions, its manifest says `{}`",
                vector.len(),
                entry.record_count
            );
            return Err(TableError::corrupt(&*entry.path, detail));
        }
    }
    Ok(vectors.into_values().collect())
}

fn blob_range(entry: &FileEntry) -> Result<Range<u64>> {
    let corrupt = |detail: String| TableError::corrupt(&*entry.path, detail);
    let (offset, length) =
        entry.content_range.ok_or_else(|| corrupt("a deletion vector has no content offset and size".to_owned()))?;
    if length > BLOB_BYTES_MAX {
        return Err(corrupt(format!("deletion vector of `{length}` bytes; at most `{BLOB_BYTES_MAX}` are read")));
    }
    let end = offset.checked_add(length).ok_or_else(|| corrupt("content offset overflows".to_owned()))?;
    Ok(offset..end)
}

/// Cuts blobs into pieces that are read with one call each.
fn chunks(blobs: &[(Range<u64>, usize)]) -> impl Iterator<Item = &[(Range<u64>, usize)]> {
    let mut n_bytes = 0_u64;
    blobs.chunk_by(move |(previous, _), (next, _)| {
        n_bytes = n_bytes.saturating_add(previous.end - previous.start);
        let fits = n_bytes.saturating_add(next.end - next.start) <= READ_BYTES;
        if !fits {
            n_bytes = 0;
        }
        fits
    })
}

/// Decodes a `deletion-vector-v1` blob. `path` is for messages.
///
/// # Errors
/// [`TableError::Corrupt`] if length, magic, checksum or bitmap are wrong.
pub fn parse_deletion_vector(blob: &[u8], path: &str) -> Result<RoaringTreemap> {
    let corrupt = |detail: &str| TableError::corrupt(path, format!("deletion vector: {detail}"));
    let (length, rest) = blob.split_first_chunk::<4>().ok_or_else(|| corrupt("too short"))?;
    let (body, checksum) = rest.split_last_chunk::<4>().ok_or_else(|| corrupt("too short"))?;
    if usize::try_from(u32::from_be_bytes(*length)).ok() != Some(body.len()) {
        return Err(corrupt("its length field does not fit its size"));
    }
    let bitmap = body.strip_prefix(&MAGIC).ok_or_else(|| corrupt("magic bytes are wrong"))?;
    let mut crc = flate2::Crc::new();
    crc.update(body);
    if crc.sum() != u32::from_be_bytes(*checksum) {
        return Err(corrupt("checksum does not fit"));
    }
    let mut reader = bitmap;
    let parsed =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| RoaringTreemap::deserialize_from(&mut reader)));
    match parsed {
        Ok(Ok(vector)) if reader.is_empty() => Ok(vector),
        _ => Err(corrupt("the bitmap is damaged")),
    }
}

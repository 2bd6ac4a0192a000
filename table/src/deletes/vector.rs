//! Deletion vectors: the `deletion-vector-v1` blob of a puffin file.
//!
//! Source: Iceberg puffin spec, "deletion-vector-v1 blob type": length of what follows (4 bytes, big-endian),
//! magic `D1 D3 39 64`, a 64-bit roaring bitmap in portable form, CRC-32 of magic and bitmap (big-endian).

use bytes::Bytes;
use roaring::RoaringTreemap;

use crate::file::FileEntry;
use crate::storage::Storage;
use crate::{Result, TableError, on_pool};

const MAGIC: [u8; 4] = [0xD1, 0xD3, 0x39, 0x64];

/// Larger blobs are refused: a vector that deletes every second row of a billion takes 125 MB.
const BLOB_BYTES_MAX: u64 = 1 << 30;

/// Reads the deletion vector that `entry` describes: the manifest's offset and length lead to it, so the
/// puffin footer is not needed.
///
/// # Errors
/// [`TableError::Corrupt`] if the blob is damaged or not what the manifest says.
pub(super) async fn read_deletion_vector(storage: &Storage, entry: &FileEntry) -> Result<RoaringTreemap> {
    let corrupt = |detail: String| TableError::corrupt(&*entry.path, detail);
    let (offset, length) =
        entry.content_range.ok_or_else(|| corrupt("a deletion vector has no content offset and size".to_owned()))?;
    if length > BLOB_BYTES_MAX {
        return Err(corrupt(format!("deletion vector of `{length}` bytes; at most `{BLOB_BYTES_MAX}` are read")));
    }
    let end = offset.checked_add(length).ok_or_else(|| corrupt("content offset overflows".to_owned()))?;
    let blob = storage.read_ranges(&entry.path, std::slice::from_ref(&(offset..end))).await?;
    let blob = blob.into_iter().next().unwrap_or_else(Bytes::new);
    let path = entry.path.to_string();
    let vector = on_pool(move || parse_deletion_vector(&blob, &path)).await??;
    if vector.len() != entry.record_count {
        return Err(corrupt(format!(
            "the deletion vector holds `{}` positions, its manifest says `{}`",
            vector.len(),
            entry.record_count
        )));
    }
    Ok(vector)
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

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

/// Type of the blob in a puffin file's footer.
pub(crate) const BLOB_TYPE: &str = "deletion-vector-v1";

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

/// Encodes a `deletion-vector-v1` blob.
///
/// # Errors
/// [`TableError::InvalidRequest`] if it would be larger than readers take.
pub(crate) fn serialize_deletion_vector(positions: &RoaringTreemap) -> Result<Vec<u8>> {
    let n_bytes = positions.serialized_size().saturating_add(MAGIC.len());
    let length = u32::try_from(n_bytes).ok().filter(|n| u64::from(*n) < BLOB_BYTES_MAX - 8).ok_or_else(|| {
        TableError::invalid(format!("a deletion vector would have `{n_bytes}` bytes; rewrite its data file instead"))
    })?;
    let mut blob = Vec::with_capacity(n_bytes.saturating_add(8));
    blob.extend_from_slice(&length.to_be_bytes());
    blob.extend_from_slice(&MAGIC);
    positions.serialize_into(&mut blob).map_err(TableError::internal)?;
    let mut crc = flate2::Crc::new();
    crc.update(blob.get(4..).unwrap_or_default());
    blob.extend_from_slice(&crc.sum().to_be_bytes());
    Ok(blob)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::single_range_in_vec_init)]
    use std::sync::Arc;

    use super::*;
    use crate::file::{ColumnMetrics, EntryOrder, FileContent, FileFormat, PartitionTuple};
    use crate::ids::{DataSequenceNumber, SnapshotId, SpecId};

    fn blob(positions: &RoaringTreemap) -> Vec<u8> {
        let mut body = MAGIC.to_vec();
        positions.serialize_into(&mut body).unwrap();
        let mut crc = flate2::Crc::new();
        crc.update(&body);
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        [&length, body.as_slice(), &crc.sum().to_be_bytes()].concat()
    }

    fn entry(path: &str, content_range: (u64, u64), record_count: u64) -> FileEntry {
        FileEntry {
            content: FileContent::PositionDeletes,
            path: path.into(),
            format: FileFormat::Puffin,
            spec_id: SpecId::new(0),
            partition: PartitionTuple::default(),
            record_count,
            file_size_bytes: 0,
            data_sequence_number: DataSequenceNumber::new(1),
            file_sequence_number: None,
            added_snapshot_id: SnapshotId::new(1),
            metrics: Arc::new(ColumnMetrics::default()),
            equality_ids: Vec::new(),
            referenced_data_file: None,
            content_range: Some(content_range),
            first_row_id: None,
            is_encrypted: false,
            order: EntryOrder::default(),
        }
    }

    /// A puffin file with these vectors, and their entries.
    async fn written(storage: &Storage, path: &str, vectors: &[RoaringTreemap]) -> Vec<FileEntry> {
        let mut file = b"PFA1".to_vec();
        let mut entries = Vec::new();
        for vector in vectors {
            let blob = blob(vector);
            entries.push(entry(path, (file.len() as u64, blob.len() as u64), vector.len()));
            file.extend(blob);
        }
        storage.write(path, file.into()).await.unwrap();
        entries
    }

    #[tokio::test]
    async fn vectors_of_one_file_take_one_request_and_keep_their_order() {
        let storage = Storage::local();
        let vectors: Vec<RoaringTreemap> = (0..5).map(|n| (n..2 * n + 1).collect()).collect();
        let one = written(&storage, "memory://table/one.puffin", &vectors).await;
        let other = written(&storage, "memory://table/other.puffin", &vectors[1..3]).await;
        let entries = [&one[4], &other[1], &one[0], &one[2], &other[0], &one[1], &one[3]];
        let before = storage.counters().n_requests;

        let read = read_deletion_vectors(&storage, &entries).await.unwrap();

        assert_eq!(storage.counters().n_requests - before, 2);
        let expected = [4, 2, 0, 2, 1, 1, 3].map(|index: usize| vectors[index].clone());
        assert_eq!(read, expected);
    }

    #[tokio::test]
    async fn a_vector_that_holds_other_than_its_manifest_says_is_corrupt() {
        let storage = Storage::local();
        let vectors = [[1, 2].into_iter().collect(), [3].into_iter().collect::<RoaringTreemap>()];
        let mut entries = written(&storage, "memory://table/lie.puffin", &vectors).await;
        entries[1].record_count = 2;
        let error = read_deletion_vectors(&storage, &entries.iter().collect::<Vec<_>>()).await.unwrap_err();
        assert!(error.to_string().contains("holds `1` positions, its manifest says `2`"), "{error}");
    }

    #[test]
    fn blobs_are_cut_where_they_become_too_large_together() {
        let size = READ_BYTES / 4;
        let blobs: Vec<(Range<u64>, usize)> =
            (0..10_u64).zip(0..).map(|(n, index)| (n * size..(n + 1) * size, index)).collect();
        assert_eq!(chunks(&blobs).map(<[_]>::len).collect::<Vec<_>>(), [4, 4, 2]);
        assert_eq!(chunks(&[(0..READ_BYTES * 2, 0), (READ_BYTES * 2..READ_BYTES * 2 + 1, 1)]).count(), 2);
        assert_eq!(chunks(&[]).count(), 0);
    }
}

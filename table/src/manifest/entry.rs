//! Manifests: the files that one manifest lists, with what they inherit from it.

use std::collections::HashMap;
use std::sync::Arc;

use super::avro::{Record, Value, bytes, for_each_record, long};
use super::list::{ManifestContent, ManifestFile};
use crate::avro::unscaled;
use crate::file::{
    ColumnMetrics, EntryOrder, FileContent, FileEntry, FileFormat, PartitionTuple, PartitionValue, WrittenFile,
};
use crate::ids::{DataSequenceNumber, FieldId, SnapshotId};
use crate::{Result, TableError};

/// What happened to a file when its manifest was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryStatus {
    /// It was there before.
    Existing,
    /// It was added by [`ManifestEntry::snapshot_id`].
    Added,
    /// It was removed by [`ManifestEntry::snapshot_id`]; it is not live.
    Deleted,
}

/// One entry of a manifest.
#[derive(Debug, Clone)]
pub struct ManifestEntry {
    /// What happened to the file.
    pub status: EntryStatus,
    /// The snapshot that added the file, or, for [`EntryStatus::Deleted`], that removed it.
    pub snapshot_id: SnapshotId,
    /// The file.
    pub file: Arc<FileEntry>,
}

/// Reads a manifest. `partition_field_ids` are the fields of its partition spec, in order.
///
/// # Errors
/// [`TableError::Corrupt`] if `bytes` is no manifest, or does not hold what `manifest` says.
pub fn parse_manifest(
    bytes: &[u8],
    manifest: &ManifestFile,
    partition_field_ids: &[FieldId],
) -> Result<Vec<ManifestEntry>> {
    let mut entries = Vec::new();
    for_each_entry(bytes, manifest, partition_field_ids, |entry| {
        entries.push(entry);
        Ok(())
    })?;
    Ok(entries)
}

/// Reads a manifest entry by entry, as [`parse_manifest`] does, and keeps none.
pub(super) fn for_each_entry(
    bytes: &[u8],
    manifest: &ManifestFile,
    partition_field_ids: &[FieldId],
    mut visit: impl FnMut(ManifestEntry) -> Result<()>,
) -> Result<()> {
    let mut counts = StatusCounts::default();
    let mut next_row_id = manifest.first_row_id;
    for_each_record(bytes, &manifest.path, |index, record| {
        let entry = entry(index, record, manifest, partition_field_ids, &mut next_row_id)?;
        counts.add(entry.status);
        visit(entry)
    })?;
    counts.check(manifest)
}

/// Reads a manifest with everything that its entries say of files, so that another manifest can say it again.
///
/// # Errors
/// As [`parse_manifest`]; [`TableError::Unsupported`] for encrypted files.
pub(crate) fn parse_whole_entries(
    bytes: &[u8],
    manifest: &ManifestFile,
    partition_field_ids: &[FieldId],
) -> Result<Vec<(ManifestEntry, WrittenFile)>> {
    let mut entries = Vec::new();
    let mut counts = StatusCounts::default();
    let mut next_row_id = manifest.first_row_id;
    for_each_record(bytes, &manifest.path, |index, record| {
        let entry = entry(index, record, manifest, partition_field_ids, &mut next_row_id)?;
        counts.add(entry.status);
        let file = written_file(&entry.file, &record.record(2, "data_file")?)?;
        entries.push((entry, file));
        Ok(())
    })?;
    counts.check(manifest)?;
    Ok(entries)
}

fn written_file(entry: &FileEntry, file: &Record<'_>) -> Result<WrittenFile> {
    if entry.is_encrypted {
        return Err(TableError::unsupported(&*entry.path, "the file is encrypted: its manifest cannot be rewritten"));
    }
    let sizes = file.map(108, "column_sizes", (117, 118), long)?;
    let sizes = sizes.into_iter().filter_map(|(id, size)| Some((FieldId::new(id), u64::try_from(size).ok()?)));
    let offsets = file.integers(132, "split_offsets")?;
    Ok(WrittenFile {
        content: entry.content,
        path: entry.path.clone(),
        format: entry.format,
        spec_id: entry.spec_id,
        partition: entry.partition.clone(),
        record_count: entry.record_count,
        file_size_bytes: entry.file_size_bytes,
        metrics: entry.metrics.clone(),
        column_sizes: sizes.collect(),
        split_offsets: offsets.into_iter().filter_map(|offset| u64::try_from(offset).ok()).collect(),
        equality_ids: entry.equality_ids.clone(),
        sort_order_id: file.optional_int(140, "sort_order_id")?,
        referenced_data_file: entry.referenced_data_file.clone(),
        content_range: entry.content_range,
    })
}

/// Entries of a manifest, by status.
#[derive(Debug, Default)]
struct StatusCounts {
    n_added: u64,
    n_existing: u64,
    n_deleted: u64,
}

impl StatusCounts {
    fn add(&mut self, status: EntryStatus) {
        match status {
            EntryStatus::Added => self.n_added += 1,
            EntryStatus::Existing => self.n_existing += 1,
            EntryStatus::Deleted => self.n_deleted += 1,
        }
    }

    /// A manifest that holds fewer files than its list says would lose rows silently.
    fn check(&self, manifest: &ManifestFile) -> Result<()> {
        let expected = [
            (self.n_added, manifest.n_added, "added"),
            (self.n_existing, manifest.n_existing, "existing"),
            (self.n_deleted, manifest.n_deleted, "deleted"),
        ];
        for (found, expected, name) in expected {
            if let Some(expected) = expected.filter(|expected| *expected != found) {
                return Err(TableError::corrupt(
                    &*manifest.path,
                    format!("it holds `{found}` {name} files, its manifest list says `{expected}`"),
                ));
            }
        }
        Ok(())
    }
}

fn entry(
    index: usize,
    record: Record<'_>,
    manifest: &ManifestFile,
    partition_field_ids: &[FieldId],
    next_row_id: &mut Option<u64>,
) -> Result<ManifestEntry> {
    let status = match record.optional_int(0, "status")? {
        Some(0) => EntryStatus::Existing,
        Some(1) => EntryStatus::Added,
        Some(2) => EntryStatus::Deleted,
        Some(other) => return Err(record.error(format!("entry status `{other}` is unknown"))),
        None => return Err(record.error("an entry has no status")),
    };
    // Source: Iceberg spec, "Sequence Number Inheritance".
    let inherited = (status == EntryStatus::Added || manifest.sequence_number == 0).then_some(manifest.sequence_number);
    let data_sequence_number = record
        .optional_long(3, "sequence_number")?
        .or(inherited)
        .ok_or_else(|| record.error("an existing file has no data sequence number"))?;
    let file_sequence_number = record.optional_long(4, "file_sequence_number")?.or(inherited);
    let snapshot_id = record.optional_long(1, "snapshot_id")?.map_or(manifest.added_snapshot_id, SnapshotId::new);

    let file = record.record(2, "data_file")?;
    let content = content(&file, manifest)?;
    let record_count = file.count(103, "record_count")?;
    let entry = FileEntry {
        content,
        path: file.string(100, "file_path")?.into(),
        format: format(&file)?,
        spec_id: manifest.spec_id,
        partition: partition(&file, partition_field_ids)?,
        record_count,
        file_size_bytes: file.count(104, "file_size_in_bytes")?,
        data_sequence_number: DataSequenceNumber::new(data_sequence_number),
        file_sequence_number,
        added_snapshot_id: snapshot_id,
        metrics: Arc::new(metrics(&file)?),
        equality_ids: equality_ids(&file, content)?,
        referenced_data_file: file.optional_string(143, "referenced_data_file")?.map(Into::into),
        content_range: match (
            file.optional_count(144, "content_offset")?,
            file.optional_count(145, "content_size_in_bytes")?,
        ) {
            (Some(offset), Some(length)) => Some((offset, length)),
            _ => None,
        },
        first_row_id: first_row_id(&file, status, content, record_count, next_row_id)?,
        is_encrypted: file.optional_bytes(131, "key_metadata")?.is_some_and(|key| !key.is_empty()),
        order: EntryOrder {
            manifest_index: manifest.index,
            entry_index: u32::try_from(index).map_err(|_| record.error("more than 2^32 entries"))?,
        },
    };
    Ok(ManifestEntry { status, snapshot_id, file: Arc::new(entry) })
}

/// Source: Iceberg spec, "First Row ID Inheritance": files without an own number get consecutive ones,
/// counted from the manifest's; removed files take none.
fn first_row_id(
    file: &Record<'_>,
    status: EntryStatus,
    content: FileContent,
    record_count: u64,
    next_row_id: &mut Option<u64>,
) -> Result<Option<u64>> {
    let (FileContent::Data, Some(next)) = (content, next_row_id.as_mut()) else { return Ok(None) };
    if let Some(own) = file.optional_count(142, "first_row_id")? {
        return Ok(Some(own));
    }
    if status == EntryStatus::Deleted {
        return Ok(None);
    }
    let first = *next;
    *next = first.checked_add(record_count).ok_or_else(|| file.error("row ids overflow"))?;
    Ok(Some(first))
}

fn content(file: &Record<'_>, manifest: &ManifestFile) -> Result<FileContent> {
    let content = match file.optional_int(134, "content")? {
        None | Some(0) => FileContent::Data,
        Some(1) => FileContent::PositionDeletes,
        Some(2) => FileContent::EqualityDeletes,
        Some(other) => return Err(file.error(format!("file content `{other}` is unknown"))),
    };
    let is_data = content == FileContent::Data;
    if is_data != (manifest.content == ManifestContent::Data) {
        return Err(file.error("a data manifest lists a delete file, or the other way round"));
    }
    Ok(content)
}

fn format(file: &Record<'_>) -> Result<FileFormat> {
    let text = file.string(101, "file_format")?;
    match text.to_ascii_lowercase().as_str() {
        "parquet" => Ok(FileFormat::Parquet),
        "avro" => Ok(FileFormat::Avro),
        "orc" => Ok(FileFormat::Orc),
        "puffin" => Ok(FileFormat::Puffin),
        _ => Err(file.error(format!("file format `{text}` is unknown"))),
    }
}

fn equality_ids(file: &Record<'_>, content: FileContent) -> Result<Vec<FieldId>> {
    let ids: Vec<FieldId> = file
        .integers(135, "equality_ids")?
        .into_iter()
        .map(|id| i32::try_from(id).map(FieldId::new).map_err(|_| file.error("equality id is out of range")))
        .collect::<Result<_>>()?;
    match content {
        FileContent::EqualityDeletes if ids.is_empty() => Err(file.error("an equality delete file names no columns")),
        FileContent::EqualityDeletes => Ok(ids),
        // Some writers put an empty or stale list on other files; it means nothing there.
        FileContent::Data | FileContent::PositionDeletes => Ok(Vec::new()),
    }
}

fn partition(file: &Record<'_>, field_ids: &[FieldId]) -> Result<PartitionTuple> {
    if field_ids.is_empty() {
        return Ok(PartitionTuple::default());
    }
    let record = file.record(102, "partition")?;
    let values: Vec<Option<PartitionValue>> = field_ids
        .iter()
        .map(|id| match record.get(id.get(), "") {
            None => Ok(None),
            Some(value) => partition_value(value)
                .map(Some)
                .ok_or_else(|| file.error(format!("partition field `{id}` has an unknown type"))),
        })
        .collect::<Result<_>>()?;
    Ok(PartitionTuple(values.into()))
}

fn partition_value(value: &Value<'_>) -> Option<PartitionValue> {
    if let Some(value) = long(value) {
        return Some(PartitionValue::Long(value));
    }
    Some(match value {
        Value::Boolean(value) => PartitionValue::Boolean(*value),
        Value::Float(value) => PartitionValue::Float(if value.is_nan() { f32::NAN } else { *value }.to_bits()),
        Value::Double(value) => PartitionValue::Double(if value.is_nan() { f64::NAN } else { *value }.to_bits()),
        Value::String(text) => PartitionValue::String((*text).into()),
        Value::Decimal(bytes) => PartitionValue::Decimal(unscaled(bytes)?),
        other => PartitionValue::Bytes(bytes(other)?.into()),
    })
}

fn metrics(file: &Record<'_>) -> Result<ColumnMetrics> {
    fn by_field<T>(map: HashMap<i32, T>) -> HashMap<FieldId, T> {
        map.into_iter().map(|(id, value)| (FieldId::new(id), value)).collect()
    }
    // A negative count is a broken statistic, not a broken file: it says nothing, so it is left out.
    let counts = |id, name, ids| -> Result<HashMap<FieldId, u64>> {
        let counts = file.map(id, name, ids, long)?;
        Ok(counts.into_iter().filter_map(|(id, count)| Some((FieldId::new(id), u64::try_from(count).ok()?))).collect())
    };
    let bounds = |id, name, ids| -> Result<HashMap<FieldId, Vec<u8>>> {
        Ok(by_field(file.map(id, name, ids, |value| bytes(value).map(<[u8]>::to_vec))?))
    };
    Ok(ColumnMetrics {
        value_counts: counts(109, "value_counts", (119, 120))?,
        null_counts: counts(110, "null_value_counts", (121, 122))?,
        nan_counts: counts(137, "nan_value_counts", (138, 139))?,
        lower_bounds: bounds(125, "lower_bounds", (126, 127))?,
        upper_bounds: bounds(128, "upper_bounds", (129, 130))?,
    })
}

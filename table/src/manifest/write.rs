//! Writing manifests and manifest lists.
//!
//! By the same rules as they are read: field ids, and numbers that entries leave to be inherited. Source: Iceberg spec,
//! "Manifests", "Manifest Lists", "Sequence Number Inheritance", "First Row ID Assignment".

mod schema;
mod values;

use std::collections::HashMap;
use std::sync::Arc;

use iceberg::spec::FormatVersion;
use serde_json::Value;

pub(crate) use self::schema::PartitionColumn;
use self::values::{PartitionSummary, partition_value};
use super::entry::EntryStatus;
use super::list::{FieldSummary, ListedManifest, ManifestContent, ManifestFile, Numbers, RowCounts};
use crate::avro::{ContainerWriter, Encoder};
use crate::file::{ColumnMetrics, FileContent, FileFormat, WrittenFile};
use crate::ids::{FieldId, SnapshotId, SpecId};
use crate::{Result, TableError};

/// What the version 1 wants of every file, and nobody reads.
const BLOCK_SIZE_BYTES: i64 = 64 << 20;

/// What all entries of a manifest share.
#[derive(Debug, Clone)]
pub(crate) struct ManifestShape {
    /// Format version of the table.
    pub(crate) version: u8,
    /// Data or deletes.
    pub(crate) content: ManifestContent,
    /// The partition spec of the files.
    pub(crate) spec_id: SpecId,
    /// Its fields, as table metadata has them.
    pub(crate) spec_fields: Value,
    /// Names and types of partition values, in the order of the spec.
    pub(crate) partition: Vec<PartitionColumn>,
    /// A schema that has the spec's columns, as table metadata has it.
    pub(crate) schema: Value,
}

/// An entry to be written. Numbers that are `None` are inherited from the commit.
#[derive(Debug, Clone)]
pub(crate) struct NewEntry {
    pub(crate) status: EntryStatus,
    /// Snapshot that added the file, or removed it.
    pub(crate) snapshot_id: SnapshotId,
    pub(crate) data_sequence_number: Option<i64>,
    pub(crate) file_sequence_number: Option<i64>,
    pub(crate) first_row_id: Option<u64>,
    pub(crate) file: Arc<WrittenFile>,
}

/// The number of a format version.
pub(crate) fn version_number(version: FormatVersion) -> u8 {
    match version {
        FormatVersion::V1 => 1,
        FormatVersion::V2 => 2,
        FormatVersion::V3 => 3,
    }
}

/// Writes manifests of one shape; the next one begins when one is as large as is wanted.
#[derive(Debug)]
pub(crate) struct ManifestWriter<'a> {
    shape: &'a ManifestShape,
    snapshot_id: SnapshotId,
    container: ContainerWriter,
    partitions: Vec<PartitionSummary>,
    counts: [u64; 3],
    rows: [u64; 3],
    lowest_number: Option<i64>,
    inherits_number: bool,
}

impl<'a> ManifestWriter<'a> {
    pub(crate) fn new(shape: &'a ManifestShape, snapshot_id: SnapshotId) -> Self {
        let mut entries = vec![
            ("schema", shape.schema.to_string()),
            ("partition-spec", shape.spec_fields.to_string()),
            ("partition-spec-id", shape.spec_id.to_string()),
            ("format-version", shape.version.to_string()),
        ];
        if let Some(id) = shape.schema.get("schema-id") {
            entries.push(("schema-id", id.to_string()));
        }
        if shape.version > 1 {
            let content = match shape.content {
                ManifestContent::Data => "data",
                ManifestContent::Deletes => "deletes",
            };
            entries.push(("content", content.to_owned()));
        }
        let schema = schema::manifest(shape.version, &shape.partition).to_string();
        Self {
            shape,
            snapshot_id,
            container: ContainerWriter::new(&schema, entries),
            partitions: shape.partition.iter().map(|column| PartitionSummary::new(&column.value_type)).collect(),
            counts: [0; 3],
            rows: [0; 3],
            lowest_number: None,
            inherits_number: false,
        }
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// [`TableError::Internal`] if the file is not of this manifest's shape.
    pub(crate) fn add(&mut self, entry: &NewEntry) -> Result<()> {
        let file = &*entry.file;
        let is_data = file.content == FileContent::Data;
        if is_data != (self.shape.content == ManifestContent::Data) || file.spec_id != self.shape.spec_id {
            return Err(TableError::internal(format!("`{}` is written into a manifest of others", file.path)));
        }
        if file.partition.0.len() != self.partitions.len() {
            return Err(TableError::internal(format!("`{}` has a partition of another spec", file.path)));
        }
        if self.shape.version == 1 && !is_data {
            return Err(TableError::invalid("tables of format version 1 have no delete files; upgrade the table"));
        }
        // Removed files count as well: who plans by the summary has to find them in incremental scans.
        for (summary, value) in self.partitions.iter_mut().zip(file.partition.0.iter()) {
            summary.add(value.as_ref());
        }
        let slot = match entry.status {
            EntryStatus::Added => 0,
            EntryStatus::Existing => 1,
            EntryStatus::Deleted => 2,
        };
        if let (Some(count), Some(rows)) = (self.counts.get_mut(slot), self.rows.get_mut(slot)) {
            *count += 1;
            *rows = rows.saturating_add(file.record_count);
        }
        if entry.status != EntryStatus::Deleted {
            match entry.data_sequence_number {
                None => self.inherits_number = true,
                Some(number) => self.lowest_number = Some(self.lowest_number.map_or(number, |low| low.min(number))),
            }
        }
        let (version, partition) = (self.shape.version, &self.shape.partition);
        let mut outcome = Ok(());
        self.container
            .record(|encoder| outcome = write_entry(encoder, entry, version, partition))
            .map_err(TableError::internal)?;
        outcome
    }

    /// Bytes so far; the records of the open block are not counted.
    pub(crate) fn n_bytes(&self) -> usize {
        self.container.n_bytes()
    }

    /// The file's bytes, and how a list describes it when it is at `path`.
    pub(crate) fn finish(self, path: Arc<str>) -> Result<(Vec<u8>, ListedManifest)> {
        let bytes = self.container.finish().map_err(TableError::internal)?;
        let (summaries, contains_nan): (Vec<FieldSummary>, Vec<Option<bool>>) =
            self.partitions.iter().map(PartitionSummary::finish).unzip();
        let [added, existing, deleted] = self.counts;
        let [added_rows, existing_rows, deleted_rows] = self.rows;
        let file = ManifestFile {
            path,
            length_bytes: Some(bytes.len() as u64),
            spec_id: self.shape.spec_id,
            content: self.shape.content,
            sequence_number: 0,
            min_sequence_number: 0,
            added_snapshot_id: self.snapshot_id,
            n_added: Some(added),
            n_existing: Some(existing),
            n_deleted: Some(deleted),
            partitions: summaries,
            first_row_id: None,
            is_encrypted: false,
            index: 0,
        };
        let listed = ListedManifest {
            file,
            rows: RowCounts { added: Some(added_rows), existing: Some(existing_rows), deleted: Some(deleted_rows) },
            contains_nan,
            key_metadata: None,
            numbers: Numbers::OfCommit { lowest: self.lowest_number, inherits: self.inherits_number },
        };
        Ok((bytes, listed))
    }
}

fn write_entry(encoder: &mut Encoder, entry: &NewEntry, version: u8, partition: &[PartitionColumn]) -> Result<()> {
    encoder.long(match entry.status {
        EntryStatus::Existing => 0,
        EntryStatus::Added => 1,
        EntryStatus::Deleted => 2,
    });
    let snapshot_id = entry.snapshot_id.get();
    if version == 1 {
        encoder.long(snapshot_id);
    } else {
        encoder.optional(Some(snapshot_id), Encoder::long);
        encoder.optional(entry.data_sequence_number, Encoder::long);
        encoder.optional(entry.file_sequence_number, Encoder::long);
    }
    write_file(encoder, &entry.file, entry.first_row_id, version, partition)
}

fn write_file(
    encoder: &mut Encoder,
    file: &WrittenFile,
    first_row_id: Option<u64>,
    version: u8,
    partition: &[PartitionColumn],
) -> Result<()> {
    if version > 1 {
        encoder.long(match file.content {
            FileContent::Data => 0,
            FileContent::PositionDeletes => 1,
            FileContent::EqualityDeletes => 2,
        });
    }
    encoder.bytes(file.path.as_bytes());
    // Upper case is what every reader takes.
    encoder.bytes(match file.format {
        FileFormat::Parquet => b"PARQUET",
        FileFormat::Avro => b"AVRO",
        FileFormat::Orc => b"ORC",
        FileFormat::Puffin => b"PUFFIN",
    });
    for (column, value) in partition.iter().zip(file.partition.0.iter()) {
        partition_value(encoder, value.as_ref(), &column.value_type).map_err(|cause| {
            TableError::internal(format!("partition field `{}` of `{}`: {cause}", column.name, file.path))
        })?;
    }
    encoder.count(file.record_count);
    encoder.count(file.file_size_bytes);
    if version == 1 {
        encoder.long(BLOCK_SIZE_BYTES);
    }
    write_metrics(encoder, &file.column_sizes, &file.metrics);
    encoder.optional(None::<&[u8]>, Encoder::bytes);
    let offsets = Some(&file.split_offsets).filter(|offsets| !offsets.is_empty());
    encoder.optional(offsets, |encoder, offsets| {
        encoder.array(offsets.iter(), |encoder, offset| encoder.count(*offset));
    });
    if version > 1 {
        let ids = Some(&file.equality_ids).filter(|ids| !ids.is_empty());
        encoder.optional(ids, |encoder, ids| {
            encoder.array(ids.iter(), |encoder, id| encoder.long(id.get().into()));
        });
    }
    encoder.optional(file.sort_order_id, |encoder, id| encoder.long(id.into()));
    if version > 1 {
        encoder.optional(file.referenced_data_file.as_deref(), |encoder, path| encoder.bytes(path.as_bytes()));
    }
    if version > 2 {
        encoder.optional(first_row_id, Encoder::count);
        encoder.optional(file.content_range.map(|range| range.0), Encoder::count);
        encoder.optional(file.content_range.map(|range| range.1), Encoder::count);
    }
    Ok(())
}

fn write_metrics(encoder: &mut Encoder, column_sizes: &HashMap<FieldId, u64>, metrics: &ColumnMetrics) {
    let counts = [column_sizes, &metrics.value_counts, &metrics.null_counts, &metrics.nan_counts];
    for counts in counts {
        write_map(encoder, counts, |encoder, count| encoder.count(*count));
    }
    for bounds in [&metrics.lower_bounds, &metrics.upper_bounds] {
        write_map(encoder, bounds, |encoder, bound| encoder.bytes(bound));
    }
}

fn write_map<T>(encoder: &mut Encoder, map: &HashMap<FieldId, T>, mut value: impl FnMut(&mut Encoder, &T)) {
    // Sorted, so that equal files have equal entries.
    let mut pairs: Vec<(&FieldId, &T)> = map.iter().collect();
    pairs.sort_unstable_by_key(|(id, _)| **id);
    encoder.optional(Some(pairs).filter(|pairs| !pairs.is_empty()), |encoder, pairs| {
        encoder.array(pairs.into_iter(), |encoder, (id, item)| {
            encoder.long(id.get().into());
            value(encoder, item);
        });
    });
}

/// What the list of one snapshot says of itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ListHeader {
    pub(crate) version: u8,
    pub(crate) snapshot_id: SnapshotId,
    pub(crate) parent_snapshot_id: Option<SnapshotId>,
    pub(crate) sequence_number: i64,
    /// `next-row-id` of the table before this snapshot (v3).
    pub(crate) next_row_id: u64,
}

/// Writes a manifest list. Manifests of this commit get its sequence number, and data manifests that have none their
/// first row id (v3). Returns the bytes, and `next-row-id` after it.
///
/// # Errors
/// [`TableError::Internal`] if a count is missing that the version demands.
pub(crate) fn write_manifest_list(header: &ListHeader, manifests: &[ListedManifest]) -> Result<(Vec<u8>, u64)> {
    let mut entries = vec![
        ("snapshot-id", header.snapshot_id.to_string()),
        ("parent-snapshot-id", header.parent_snapshot_id.map_or_else(|| "null".to_owned(), |id| id.to_string())),
        ("format-version", header.version.to_string()),
    ];
    if header.version > 1 {
        entries.push(("sequence-number", header.sequence_number.to_string()));
    }
    if header.version > 2 {
        entries.push(("first-row-id", header.next_row_id.to_string()));
    }
    let mut container = ContainerWriter::new(&schema::manifest_list(header.version).to_string(), entries);
    let mut next_row_id = header.next_row_id;
    for manifest in manifests {
        let first_row_id = first_row_id(manifest, header.version, &mut next_row_id)?;
        let mut outcome = Ok(());
        container
            .record(|encoder| outcome = write_listed(encoder, manifest, header, first_row_id))
            .map_err(TableError::internal)?;
        outcome?;
    }
    Ok((container.finish().map_err(TableError::internal)?, next_row_id))
}

/// Source: Iceberg spec, "First Row ID Assignment": by the rows of all live files, so that those without an own id have one.
fn first_row_id(manifest: &ListedManifest, version: u8, next_row_id: &mut u64) -> Result<Option<u64>> {
    if version < 3 || manifest.file.content == ManifestContent::Deletes {
        return Ok(None);
    }
    if let Some(first) = manifest.file.first_row_id {
        return Ok(Some(first));
    }
    let first = *next_row_id;
    let n_rows = [manifest.rows.added, manifest.rows.existing].into_iter().sum::<Option<u64>>();
    let after = n_rows.and_then(|n_rows| first.checked_add(n_rows));
    *next_row_id =
        after.ok_or_else(|| TableError::internal(format!("manifest `{}` has no row counts", manifest.file.path)))?;
    Ok(Some(first))
}

fn write_listed(
    encoder: &mut Encoder,
    manifest: &ListedManifest,
    header: &ListHeader,
    first_row_id: Option<u64>,
) -> Result<()> {
    let file = &manifest.file;
    let missing = || TableError::internal(format!("manifest `{}` has no counts", file.path));
    encoder.bytes(file.path.as_bytes());
    encoder.count(file.length_bytes.ok_or_else(missing)?);
    encoder.long(file.spec_id.get().into());
    let files = [file.n_added, file.n_existing, file.n_deleted];
    let rows = [manifest.rows.added, manifest.rows.existing, manifest.rows.deleted];
    let partitions = |encoder: &mut Encoder| {
        let summaries = Some(&file.partitions).filter(|summaries| !summaries.is_empty());
        encoder.optional(summaries, |encoder, summaries| {
            encoder.array(summaries.iter().enumerate(), |encoder, (index, summary)| {
                encoder.boolean(summary.contains_null);
                encoder.optional(manifest.contains_nan.get(index).copied().flatten(), Encoder::boolean);
                encoder.optional(summary.lower_bound.as_deref(), Encoder::bytes);
                encoder.optional(summary.upper_bound.as_deref(), Encoder::bytes);
            });
        });
    };
    if header.version == 1 {
        encoder.long(file.added_snapshot_id.get());
        files.iter().for_each(|count| encoder.optional(*count, Encoder::count));
        partitions(encoder);
        rows.iter().for_each(|count| encoder.optional(*count, Encoder::count));
        encoder.optional(manifest.key_metadata.as_deref(), Encoder::bytes);
        return Ok(());
    }
    let (number, lowest) = manifest.sequence_numbers(header.sequence_number);
    encoder.long(match file.content {
        ManifestContent::Data => 0,
        ManifestContent::Deletes => 1,
    });
    encoder.long(number);
    encoder.long(lowest);
    encoder.long(file.added_snapshot_id.get());
    for count in files.into_iter().chain(rows) {
        encoder.count(count.ok_or_else(missing)?);
    }
    partitions(encoder);
    encoder.optional(manifest.key_metadata.as_deref(), Encoder::bytes);
    if header.version > 2 {
        encoder.optional(first_row_id, Encoder::count);
    }
    Ok(())
}

#[cfg(test)]
mod tests;

//! Entries of manifests for tests.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::sync::Arc;

use frazil_table::file::{
    ColumnMetrics, EntryOrder, FileContent, FileEntry, FileFormat, PartitionTuple, PartitionValue,
};
use frazil_table::{DataSequenceNumber, FieldId, SnapshotId, SpecId};

/// A data file without a partition, added by the commit of its number.
pub(crate) fn data_file(path: &str, size_bytes: u64, n_rows: u64, sequence_number: i64) -> FileEntry {
    FileEntry {
        content: FileContent::Data,
        path: path.into(),
        format: FileFormat::Parquet,
        spec_id: SpecId::new(0),
        partition: PartitionTuple::default(),
        record_count: n_rows,
        file_size_bytes: size_bytes,
        data_sequence_number: DataSequenceNumber::new(sequence_number),
        file_sequence_number: Some(sequence_number),
        added_snapshot_id: SnapshotId::new(sequence_number),
        metrics: Arc::new(ColumnMetrics::default()),
        equality_ids: Vec::new(),
        referenced_data_file: None,
        content_range: None,
        first_row_id: None,
        is_encrypted: false,
        order: EntryOrder::default(),
    }
}

/// A position delete file, or a deletion vector if its name says so, with bounds of its paths.
pub(crate) fn delete_file(
    path: &str,
    sequence_number: i64,
    n_rows: u64,
    names: Option<&str>,
    bounds: Option<(&str, &str)>,
) -> Arc<FileEntry> {
    let id = FieldId::new(2_147_483_546);
    let bound = |of: fn((&str, &str)) -> Vec<u8>| -> HashMap<FieldId, Vec<u8>> {
        bounds.map(|bounds| (id, of(bounds))).into_iter().collect()
    };
    let lower_bounds = bound(|(lower, _)| lower.as_bytes().to_vec());
    let upper_bounds = bound(|(_, upper)| upper.as_bytes().to_vec());
    let is_vector = path.ends_with(".puffin");
    Arc::new(FileEntry {
        content: FileContent::PositionDeletes,
        format: if is_vector { FileFormat::Puffin } else { FileFormat::Parquet },
        metrics: Arc::new(ColumnMetrics { lower_bounds, upper_bounds, ..ColumnMetrics::default() }),
        referenced_data_file: names.map(Into::into),
        content_range: is_vector.then_some((4, 50)),
        ..data_file(path, 100, n_rows, sequence_number)
    })
}

/// An equality delete file.
pub(crate) fn equality_file(path: &str, sequence_number: i64, n_rows: u64) -> Arc<FileEntry> {
    Arc::new(FileEntry {
        content: FileContent::EqualityDeletes,
        equality_ids: vec![FieldId::new(1)],
        ..data_file(path, 100, n_rows, sequence_number)
    })
}

/// A partition of one number.
pub(crate) fn partition(value: i64) -> PartitionTuple {
    PartitionTuple(Arc::from([Some(PartitionValue::Long(value))]))
}

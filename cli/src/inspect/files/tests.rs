#![allow(clippy::unwrap_used)]
use std::sync::Arc;

use frazil_table::file::{ColumnMetrics, EntryOrder, FileFormat, PartitionValue};
use frazil_table::{DataSequenceNumber, FieldId, SnapshotId};

use super::*;

/// A file of ten rows and a kilobyte, in partition `p` of spec 1.
fn file(content: FileContent, path: &str, sequence: i64, p: i64) -> FileEntry {
    FileEntry {
        content,
        path: path.into(),
        format: FileFormat::Parquet,
        spec_id: SpecId::new(1),
        partition: PartitionTuple(Arc::from([Some(PartitionValue::Long(p))])),
        record_count: 10,
        file_size_bytes: 1024,
        data_sequence_number: DataSequenceNumber::new(sequence),
        file_sequence_number: None,
        added_snapshot_id: SnapshotId::new(1),
        metrics: Arc::new(ColumnMetrics::default()),
        equality_ids: if content == FileContent::EqualityDeletes { vec![FieldId::new(1)] } else { Vec::new() },
        referenced_data_file: None,
        content_range: None,
        first_row_id: None,
        is_encrypted: false,
        order: EntryOrder::default(),
    }
}

fn data(path: &str, sequence: i64, p: i64) -> FileEntry {
    file(FileContent::Data, path, sequence, p)
}

fn equality(sequence: i64, p: i64) -> FileEntry {
    file(FileContent::EqualityDeletes, "e", sequence, p)
}

/// A deletion vector of three positions, fifty bytes of its puffin file.
fn vector(of: &str, sequence: i64, p: i64) -> FileEntry {
    FileEntry {
        format: FileFormat::Puffin,
        record_count: 3,
        referenced_data_file: Some(of.into()),
        content_range: Some((4, 50)),
        ..file(FileContent::PositionDeletes, "v.puffin", sequence, p)
    }
}

fn in_spec(spec_id: i32, entry: FileEntry) -> FileEntry {
    FileEntry { spec_id: SpecId::new(spec_id), ..entry }
}

/// Spec 0 is the unpartitioned one.
fn unpartitioned(entry: FileEntry) -> FileEntry {
    FileEntry { partition: PartitionTuple::default(), ..in_spec(0, entry) }
}

fn tally(deletes: &[FileEntry], files: &[FileEntry]) -> FileCounts {
    let mut tally = Tally { small_file_size_bytes: 1025, ..Tally::default() };
    for delete in deletes {
        tally.add_delete(delete, delete.spec_id == SpecId::new(0));
    }
    for file in files {
        tally.add_data(file);
    }
    tally.finish()
}

#[test]
fn files_are_counted_by_partition_and_in_total() {
    let large = FileEntry { file_size_bytes: 5000, ..data("b", 1, 1) };
    let counts = tally(&[vector("s3://b/a", 2, 1)], &[data("s3://b/a", 1, 1), large, data("c", 1, 2)]);
    let first = &counts.partitions[0].counts;
    assert_eq!((first.data_files, first.data_rows, first.data_bytes), (2, 20, 6024));
    assert_eq!((first.average_file_size_bytes, first.small_files), (3012, 1));
    assert!((first.small_file_ratio - 0.5).abs() < 1e-9 && (first.deleted_row_ratio - 0.15).abs() < 1e-9);
    assert_eq!((first.deletion_vectors, first.deleted_positions, first.delete_bytes), (1, 3, 50));
    assert_eq!((counts.total.data_files, counts.total.small_files, counts.total.dangling_delete_files), (3, 2, 0));
}

#[test]
fn equality_deletes_reach_older_files_of_their_partition_only() {
    let counts = tally(&[equality(5, 1)], &[data("a", 4, 1), data("b", 5, 1), data("c", 4, 2)]);
    let under: Vec<u64> =
        counts.partitions.iter().map(|partition| partition.counts.data_files_under_equality_deletes).collect();
    assert_eq!((under, counts.total.data_files_under_equality_deletes), (vec![1, 0], 1));
    assert_eq!(counts.total.dangling_delete_files, 0);
}

#[test]
fn unpartitioned_equality_deletes_reach_all_partitions_of_all_specs() {
    let counts =
        tally(&[unpartitioned(equality(5, 0))], &[data("a", 4, 1), in_spec(2, data("b", 3, 7)), data("c", 5, 1)]);
    assert_eq!(counts.total.data_files_under_equality_deletes, 2);
    let global = &counts.partitions[0];
    assert_eq!((global.spec_id, global.counts.data_files_under_equality_deletes), (SpecId::new(0), 2));
    assert_eq!((counts.total.dangling_delete_files, counts.data_files_beyond_equality_deletes), (0, 0));
}

#[test]
fn equality_deletes_that_are_not_newer_than_any_file_dangle() {
    let files = [data("a", 5, 1), data("b", 9, 2)];
    let counts = tally(&[equality(5, 1), equality(6, 1), equality(9, 2), equality(9, 3)], &files);
    let dangling: Vec<u64> = counts.partitions.iter().map(|partition| partition.counts.dangling_delete_files).collect();
    assert_eq!(dangling, [1, 1, 1]);
    let global = tally(&[unpartitioned(equality(5, 0)), unpartitioned(equality(6, 0))], &files);
    assert_eq!(global.total.dangling_delete_files, 1);
}

#[test]
fn deletes_by_position_reach_files_of_their_own_commit() {
    let position = |sequence, p| file(FileContent::PositionDeletes, "d", sequence, p);
    let counts = tally(&[position(5, 1), position(4, 1), position(5, 2)], &[data("a", 5, 1)]);
    assert_eq!((counts.total.position_delete_files, counts.total.dangling_delete_files), (3, 2));
}

#[test]
fn vectors_dangle_when_the_file_that_they_name_is_gone_or_newer() {
    let files = [data("file:/t/a", 5, 1), data("file:/t/b", 9, 1)];
    // One place is written in two ways.
    let vectors = [vector("file:///t/a", 6, 1), vector("file:/t/b", 6, 1), vector("file:/t/gone", 6, 1)];
    assert_eq!(tally(&vectors, &files).total.dangling_delete_files, 2);
}

#[test]
fn files_of_another_spec_that_newer_equality_deletes_miss_are_counted() {
    let files = [in_spec(2, data("a", 4, 1)), in_spec(2, data("b", 5, 1)), data("c", 4, 1)];
    assert_eq!(tally(&[equality(5, 1)], &files).data_files_beyond_equality_deletes, 1);
}

#![allow(clippy::unwrap_used)]

use std::collections::HashMap;

use iceberg::spec::PrimitiveType;
use serde_json::json;

use super::*;
use crate::file::{PartitionTuple, PartitionValue};
use crate::manifest::list::parse_listed_manifests;
use crate::manifest::{parse_manifest, parse_whole_entries};

fn shape(version: u8, content: ManifestContent) -> ManifestShape {
    let column = |name: &str, field_id, value_type| PartitionColumn { name: name.to_owned(), field_id, value_type };
    ManifestShape {
        version,
        content,
        spec_id: SpecId::new(3),
        spec_fields: json!([]),
        partition: vec![
            column("größe", 1000, PrimitiveType::Decimal { precision: 9, scale: 2 }),
            column("day", 1001, PrimitiveType::Date),
            column("other", 1002, PrimitiveType::Decimal { precision: 9, scale: 2 }),
            column("x", 1003, PrimitiveType::Double),
        ],
        schema: json!({"schema-id": 7, "type": "struct", "fields": []}),
    }
}

fn file(path: &str, content: FileContent, day: i64) -> WrittenFile {
    let id = FieldId::new;
    WrittenFile {
        content,
        path: path.into(),
        format: FileFormat::Parquet,
        spec_id: SpecId::new(3),
        partition: PartitionTuple(
            [
                Some(PartitionValue::Decimal(-1420)),
                Some(PartitionValue::Long(day)),
                None,
                Some(PartitionValue::Double(0.5_f64.to_bits())),
            ]
            .into(),
        ),
        record_count: 10,
        file_size_bytes: 1234,
        metrics: Arc::new(ColumnMetrics {
            value_counts: HashMap::from([(id(1), 10), (id(2), 10)]),
            null_counts: HashMap::from([(id(2), 3)]),
            nan_counts: HashMap::from([(id(2), 1)]),
            lower_bounds: HashMap::from([(id(1), vec![1, 0, 0, 0])]),
            upper_bounds: HashMap::from([(id(1), vec![9, 0, 0, 0])]),
        }),
        column_sizes: HashMap::from([(id(1), 100)]),
        split_offsets: vec![4, 900],
        equality_ids: if content == FileContent::EqualityDeletes { vec![id(1)] } else { Vec::new() },
        sort_order_id: Some(0),
        referenced_data_file: None,
        content_range: None,
    }
}

fn entry(status: EntryStatus, number: Option<i64>, file: WrittenFile) -> NewEntry {
    NewEntry {
        status,
        snapshot_id: SnapshotId::new(77),
        data_sequence_number: number,
        file_sequence_number: number,
        first_row_id: None,
        file: Arc::new(file),
    }
}

fn ids() -> Vec<FieldId> {
    (1000..1004).map(FieldId::new).collect()
}

#[test]
fn what_is_written_is_read_back_in_every_version() {
    for version in 1..=3 {
        let shape = shape(version, ManifestContent::Data);
        let mut writer = ManifestWriter::new(&shape, SnapshotId::new(77));
        let number = (version > 1).then_some(5);
        writer.add(&entry(EntryStatus::Existing, number, file("/a", FileContent::Data, 19_000))).unwrap();
        writer.add(&entry(EntryStatus::Added, None, file("/b", FileContent::Data, -1))).unwrap();
        writer.add(&entry(EntryStatus::Deleted, number, file("/c", FileContent::Data, 7))).unwrap();
        let (bytes, listed) = writer.finish("/m.avro".into()).unwrap();
        let header = ListHeader {
            version,
            snapshot_id: SnapshotId::new(77),
            parent_snapshot_id: None,
            sequence_number: 9,
            next_row_id: 50,
        };
        let (list, next_row_id) = write_manifest_list(&header, &[listed]).unwrap();
        let read = parse_listed_manifests(&list, "/list").unwrap().remove(0);
        assert_eq!((read.file.n_added, read.file.n_existing, read.file.n_deleted), (Some(1), Some(1), Some(1)));
        assert_eq!(read.rows, RowCounts { added: Some(10), existing: Some(10), deleted: Some(10) });
        let numbers = (read.file.sequence_number, read.file.min_sequence_number);
        assert_eq!(numbers, if version == 1 { (0, 0) } else { (9, 5) });
        assert_eq!((read.file.first_row_id, next_row_id), if version == 3 { (Some(50), 70) } else { (None, 50) });
        assert_eq!(read.file.partitions[1].lower_bound, Some((-1_i32).to_le_bytes().to_vec()));
        assert_eq!(read.file.partitions[1].upper_bound, Some(19_000_i32.to_le_bytes().to_vec()));
        assert!(read.file.partitions[2].contains_null);
        assert_eq!(read.contains_nan, [None, None, None, Some(false)]);

        let entries = parse_whole_entries(&bytes, &read.file, &ids()).unwrap();
        let paths: Vec<_> = entries.iter().map(|(entry, _)| (&*entry.file.path, entry.status)).collect();
        assert_eq!(paths, [("/a", EntryStatus::Existing), ("/b", EntryStatus::Added), ("/c", EntryStatus::Deleted)]);
        let expected = [
            file("/a", FileContent::Data, 19_000),
            file("/b", FileContent::Data, -1),
            file("/c", FileContent::Data, 7),
        ];
        for ((_, read), expected) in entries.iter().zip(expected) {
            assert_eq!(*read, expected);
        }
        let sequence = |index: usize| entries[index].0.file.data_sequence_number.get();
        assert_eq!((sequence(0), sequence(1)), if version == 1 { (0, 0) } else { (5, 9) });
        assert_eq!(entries[1].0.file.first_row_id, (version == 3).then_some(60));
    }
}

#[test]
fn removed_entries_decide_no_lowest_number() {
    let shape = shape(2, ManifestContent::Deletes);
    let mut writer = ManifestWriter::new(&shape, SnapshotId::new(1));
    writer.add(&entry(EntryStatus::Deleted, Some(2), file("/a", FileContent::EqualityDeletes, 1))).unwrap();
    writer.add(&entry(EntryStatus::Existing, Some(6), file("/b", FileContent::EqualityDeletes, 1))).unwrap();
    let (bytes, listed) = writer.finish("/m.avro".into()).unwrap();
    assert_eq!(listed.sequence_numbers(9), (9, 6));
    let read = parse_manifest(&bytes, &ManifestFile { sequence_number: 9, ..listed.file }, &ids()).unwrap();
    assert_eq!(read[1].file.equality_ids, [FieldId::new(1)]);
}

#[test]
fn a_file_of_another_kind_is_refused() {
    let shape = shape(2, ManifestContent::Deletes);
    let mut writer = ManifestWriter::new(&shape, SnapshotId::new(1));
    assert!(writer.add(&entry(EntryStatus::Added, None, file("/a", FileContent::Data, 1))).is_err());
}

#[test]
fn blocks_end_and_all_entries_are_there() {
    let shape = shape(2, ManifestContent::Data);
    let mut writer = ManifestWriter::new(&shape, SnapshotId::new(1));
    for index in 0..2000 {
        writer
            .add(&entry(EntryStatus::Added, None, file(&format!("/data/{index}"), FileContent::Data, index)))
            .unwrap();
    }
    let (bytes, listed) = writer.finish("/m.avro".into()).unwrap();
    let read = parse_manifest(&bytes, &listed.file, &ids()).unwrap();
    assert_eq!(read.len(), 2000);
    assert_eq!(&*read[1999].file.path, "/data/1999");
}

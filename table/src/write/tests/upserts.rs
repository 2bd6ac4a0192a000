//! Transactions of upserts leave what a map would hold.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema as ArrowSchema};
use iceberg::spec::PrimitiveType as P;
use rstest::rstest;

use super::*;
use crate::TableError;
use crate::file::{FileContent, FileFormat};
use crate::write::{UpsertWriter, WriteOptions, WrittenChanges};

fn made(version: u8) -> Made {
    let mut made = Made::new(version, vec![required(1, "k", P::Long), optional(2, "v", P::String)]);
    made.identifiers = vec![1];
    made
}

fn batch(rows: &[(i64, String)]) -> RecordBatch {
    let schema = ArrowSchema::new(vec![Field::new("k", DataType::Int64, true), Field::new("v", DataType::Utf8, true)]);
    let keys: ArrayRef = Arc::new(rows.iter().map(|(key, _)| Some(*key)).collect::<Int64Array>());
    let values: ArrayRef = Arc::new(rows.iter().map(|(_, value)| Some(value.as_str())).collect::<StringArray>());
    RecordBatch::try_new(Arc::new(schema), vec![keys, values]).unwrap()
}

fn rows(rows: &[(i64, &str)]) -> RecordBatch {
    batch(&rows.iter().map(|(key, value)| (*key, (*value).to_owned())).collect::<Vec<_>>())
}

fn counts(changes: &WrittenChanges, content: FileContent) -> u64 {
    changes.deletes.iter().filter(|file| file.content == content).map(|file| file.record_count).sum()
}

#[rstest]
#[case(2, FileFormat::Parquet)]
#[case(3, FileFormat::Puffin)]
#[tokio::test]
async fn a_repeated_key_deletes_the_earlier_row_by_position(#[case] version: u8, #[case] format: FileFormat) {
    let table = made(version).table();
    let mut writer = UpsertWriter::new(&table, &WriteOptions::of(&table).unwrap()).unwrap();
    writer.upsert(&rows(&[(1, "a"), (2, "b"), (1, "c")])).await.unwrap();
    writer.upsert(&rows(&[(2, "d")])).await.unwrap();
    writer.delete(&rows(&[(1, "?"), (7, "?")]).project(&[0]).unwrap()).await.unwrap();
    writer.upsert(&rows(&[(1, "e")])).await.unwrap();
    let changes = writer.finish().await.unwrap();

    assert_eq!(counts(&changes, FileContent::Data), 0);
    assert_eq!(changes.data.iter().map(|file| file.record_count).sum::<u64>(), 5);
    assert_eq!(counts(&changes, FileContent::EqualityDeletes), 3);
    assert_eq!(counts(&changes, FileContent::PositionDeletes), 3);
    let by_position = changes.deletes.iter().find(|file| file.content == FileContent::PositionDeletes).unwrap();
    assert_eq!(by_position.format, format);
    let data: Vec<_> = changes.data.iter().map(|file| listed(file, 1)).collect();
    let deletes: Vec<_> = changes.deletes.iter().map(|file| listed(file, 1)).collect();
    assert_eq!(live_rows(&table, &data, &deletes).await, ["1 | e", "2 | d"]);
}

#[tokio::test]
async fn more_keys_than_memory_is_allowed_for_are_refused_before_anything_is_written() {
    let table = made(2).table();
    let options = WriteOptions::of(&table).unwrap().tracked_key_bytes_max(250);
    let mut writer = UpsertWriter::new(&table, &options).unwrap();
    writer.upsert(&rows(&[(1, "a"), (2, "b")])).await.unwrap();
    let error = writer.upsert(&rows(&[(3, "c")])).await.unwrap_err();
    assert!(matches!(error, TableError::MemoryLimit { .. }), "{error}");
    assert!(error.to_string().contains("commit more often"), "{error}");
    writer.upsert(&rows(&[(1, "c")])).await.unwrap();
    assert_eq!(writer.finish().await.unwrap().data[0].record_count, 3);
}

#[tokio::test]
async fn a_key_without_the_partition_column_cannot_be_deleted_alone() {
    let mut made = made(2);
    made.partition = vec![(2, "identity")];
    let table = made.table();
    let mut writer = UpsertWriter::new(&table, &WriteOptions::of(&table).unwrap()).unwrap();
    let error = writer.delete(&rows(&[(1, "a")])).await.unwrap_err();
    assert!(error.to_string().contains("the key lacks a column that the table is partitioned by"), "{error}");
    writer.delete_rows(&rows(&[(1, "a")])).await.unwrap();
    let changes = writer.finish().await.unwrap();
    assert!(changes.data.is_empty());
    assert_eq!(changes.deletes[0].partition.0.len(), 1);
}

/// A generator of numbers that a seed decides.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

#[rstest]
#[tokio::test]
async fn random_transactions_leave_what_a_map_would_hold(
    #[values(2, 3)] version: u8,
    #[values(false, true)] partitioned: bool,
) {
    for seed in 0..30 {
        println!("seed={seed} version={version} partitioned={partitioned}");
        let mut random = Random(seed);
        let mut made = made(version);
        if partitioned {
            made.partition = vec![(1, "bucket[3]")];
        }
        let table = made.table();
        let options = WriteOptions::of(&table).unwrap().target_file_size_bytes(600).open_partitions_max(2);
        let mut model: BTreeMap<i64, String> = BTreeMap::new();
        let (mut data, mut deletes) = (Vec::new(), Vec::new());
        for transaction in 1..=3 {
            let mut writer = UpsertWriter::new(&table, &options).unwrap();
            for step in 0..=random.below(5) {
                let n_rows = random.below(12);
                let changed: Vec<(i64, String)> = (0..n_rows)
                    .map(|row| (random.below(10).cast_signed(), format!("{transaction}.{step}.{row}")))
                    .collect();
                if random.below(3) == 0 {
                    writer.delete(&batch(&changed)).await.unwrap();
                    changed.iter().for_each(|(key, _)| drop(model.remove(key)));
                } else {
                    writer.upsert(&batch(&changed)).await.unwrap();
                    model.extend(changed);
                }
            }
            let changes = writer.finish().await.unwrap();
            data.extend(changes.data.iter().map(|file| listed(file, transaction)));
            let mut vectors: Vec<_> = changes.deletes.iter().map(|file| listed(file, transaction)).collect();
            deletes.append(&mut vectors);
        }
        let expected: Vec<String> = model.iter().map(|(key, value)| format!("{key} | {value}")).collect();
        assert_eq!(live_rows(&table, &data, &deletes).await, expected, "seed={seed}");
    }
}

//! Tables that were written here, read by others: pyiceberg, and Iceberg's Java library.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use frazil_lock::{Holder, MemoryLock};
use frazil_reader::{RowsOptions, read_rows};
use frazil_table::catalog::{TableLocator, create_table, table_source};
use frazil_table::commit::{
    AddedFile, Change, CommitOptions, CommitOutcome, CommitRequest, Committer, FileRef, NewTable, RewriteCheck,
    SnapshotChange,
};
use frazil_table::file::{FileEntry, WrittenFile};
use frazil_table::manifest::{LiveFiles, live_files};
use frazil_table::storage::{Storage, identity};
use frazil_table::write::{
    AppendWriter, DeleteTarget, DeletionVectorWriter, PositionDeleteWriter, UpsertWriter, WriteOptions,
};
use frazil_table::{DataSequenceNumber, SystemClock, Table};
use serde_json::{Value, json};
use tempfile::TempDir;

/// What another reader prints of each table.
fn read_with(reader: &str, tables: &[&Table]) -> Vec<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/services/readers.sh");
    let places = tables.iter().map(|table| identity(table.metadata_location()));
    let output = Command::new(&script).arg(reader).args(places).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{} {reader} has failed, without which nothing is compared: {errors}",
        script.display()
    );
    let lines: Vec<Value> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), tables.len(), "{errors}");
    lines
}

struct Written {
    _folder: TempDir,
    committer: Committer,
    version: u8,
}

impl Written {
    async fn new(version: u8) -> Self {
        let folder = TempDir::new().unwrap();
        let schema = json!({"type": "struct", "schema-id": 0, "identifier-field-ids": [1], "fields": [
            {"id": 1, "name": "k", "required": true, "type": "long"},
            {"id": 2, "name": "v", "required": false, "type": "string"}]});
        let mut new = NewTable::new(serde_json::from_value(schema).unwrap());
        new.format_version = serde_json::from_value(json!(version)).unwrap();
        let (locator, storage) = (TableLocator::Path(folder.path().join("t").display().to_string()), Storage::local());
        create_table(&locator, &storage, new).await.unwrap();
        let target = table_source(&locator, &storage).commit_target().await.unwrap();
        let holder = Holder::of_this_process("test", "test", 0);
        let (lock, clock) = (Arc::new(MemoryLock::new()), Arc::new(SystemClock));
        let committer = Committer::new(target, lock, holder, clock, CommitOptions::default());
        Self { _folder: folder, committer, version }
    }

    async fn table(&self) -> Table {
        self.committer.target().load().await.unwrap().table
    }

    async fn commit(&self, change: SnapshotChange) {
        match self.committer.commit(CommitRequest::new(Change::Snapshot(Box::new(change)))).await.unwrap() {
            CommitOutcome::Committed(_) => {}
            other => panic!("{other:?}"),
        }
    }

    async fn write(&self, rows: &RecordBatch) -> WrittenFile {
        let table = self.table().await;
        let mut options = WriteOptions::of(&table).unwrap();
        if rows.num_columns() > 2 {
            options = options.with_row_lineage();
        }
        let mut writer = AppendWriter::new(&table, &options).unwrap();
        writer.write(rows).await.unwrap();
        writer.finish().await.unwrap().remove(0)
    }

    async fn append(&self, rows: &[(i64, &str)]) -> WrittenFile {
        let file = self.write(&batch(rows)).await;
        self.commit(SnapshotChange::append([file.clone()])).await;
        file
    }

    /// Deletes a row of a file by its position, as the version does it.
    async fn delete(&self, file: &WrittenFile, position: u64) -> WrittenFile {
        let table = self.table().await;
        let options = WriteOptions::of(&table).unwrap();
        let target = DeleteTarget { path: file.path.clone(), spec_id: file.spec_id, partition: file.partition.clone() };
        let mut files = if self.version == 3 {
            let mut writer = DeletionVectorWriter::new(&table, &options).unwrap();
            writer.delete(&target, [position]).unwrap();
            writer.finish().await.unwrap()
        } else {
            let mut writer = PositionDeleteWriter::new(&table, &options).unwrap();
            writer.delete(&target, [position]).unwrap();
            writer.finish().await.unwrap()
        };
        files.remove(0)
    }
}

fn batch(rows: &[(i64, &str)]) -> RecordBatch {
    let columns: [(&str, ArrayRef); 2] = [
        ("k", Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.0)))),
        ("v", Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.1)))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

/// Rows that are copied, with where they came from.
fn copied(rows: &[(i64, &str)], ids: &[i64], sequence_numbers: &[i64]) -> RecordBatch {
    let batch = batch(rows);
    let columns: [(&str, ArrayRef); 4] = [
        ("k", batch.column(0).clone()),
        ("v", batch.column(1).clone()),
        ("_row_id", Arc::new(Int64Array::from_iter_values(ids.iter().copied()))),
        ("_last_updated_sequence_number", Arc::new(Int64Array::from_iter_values(sequence_numbers.iter().copied()))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

async fn live(table: &Table) -> LiveFiles {
    live_files(table, table.metadata().current_snapshot().unwrap()).await.unwrap()
}

fn entry(live: &LiveFiles, path: &str) -> Arc<FileEntry> {
    live.data.iter().chain(&live.deletes).find(|entry| &*entry.path == path).unwrap().clone()
}

/// Rows as a reader of this project gives them.
async fn rows(table: &Table) -> BTreeMap<i64, String> {
    let mut stream = read_rows(table, RowsOptions::default()).await.unwrap();
    let mut rows = BTreeMap::new();
    while let Some(batch) = stream.next().await.unwrap() {
        let keys = batch.column_by_name("k").unwrap().as_primitive::<Int64Type>();
        let values = batch.column_by_name("v").unwrap().as_string::<i32>();
        for row in 0..batch.num_rows() {
            assert_eq!(rows.insert(keys.value(row), values.value(row).to_owned()), None);
        }
    }
    rows
}

fn rows_of(read: &Value) -> Vec<(i64, &str)> {
    let rows = read["rows"].as_array().unwrap().iter();
    rows.map(|row| (row["k"].as_i64().unwrap(), row["v"].as_str().unwrap())).collect()
}

/// A table after appends, a row delta, a rewrite that keeps an older sequence number, and deletes on top; and the
/// deletes that are left, by the data file that they apply to.
async fn history(version: u8) -> (Written, BTreeMap<String, String>) {
    let written = Written::new(version).await;
    let a = written.append(&[(1, "a"), (2, "b"), (3, "c")]).await;
    let b = written.append(&[(4, "d"), (5, "e")]).await;
    let mut check = RewriteCheck::default();
    let mut removed = Vec::new();
    let mut kept = vec![(1, "a"), (2, "b"), (3, "c"), (4, "d"), (5, "e")];
    if version > 1 {
        let new = written.write(&batch(&[(2, "b2"), (6, "f")])).await;
        let delete = written.delete(&a, 1).await;
        let required = vec![FileRef::of(&entry(&live(&written.table().await).await, &a.path))];
        written.commit(SnapshotChange::row_delta([new, delete.clone()], required, Vec::new())).await;
        kept.remove(1);
        let applied = entry(&live(&written.table().await).await, &delete.path);
        removed.push(FileRef::of(&applied));
        check.applied = vec![applied];
        check.starting_sequence_number = 3;
    }
    let kept = if version == 3 { copied(&kept, &[0, 2, 3, 4], &[1, 1, 2, 2]) } else { batch(&kept) };
    let rewritten = written.write(&kept).await;
    let files = live(&written.table().await).await;
    removed.extend([&a, &b].map(|file| FileRef::of(&entry(&files, &file.path))));
    let number = Some(DataSequenceNumber::new(if version > 1 { 2 } else { 0 }));
    let added = AddedFile {
        data_sequence_number: number,
        inputs_sequence_number_max: number,
        ..AddedFile::from(rewritten.clone())
    };
    written.commit(SnapshotChange::rewrite(vec![added], removed, check)).await;
    let mut deletes = BTreeMap::new();
    if version > 1 {
        let delete = written.delete(&rewritten, 0).await;
        let required = vec![FileRef::of(&entry(&live(&written.table().await).await, &rewritten.path))];
        written.commit(SnapshotChange::row_delta([delete.clone()], required, Vec::new())).await;
        deletes.insert(rewritten.path.to_string(), format!("{} 5", delete.path));
    }
    written.append(&[(7, "g")]).await;
    (written, deletes)
}

fn expected_rows(version: u8) -> Vec<(i64, &'static str)> {
    match version {
        1 => vec![(1, "a"), (2, "b"), (3, "c"), (4, "d"), (5, "e"), (7, "g")],
        _ => vec![(2, "b2"), (3, "c"), (4, "d"), (5, "e"), (6, "f"), (7, "g")],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn others_read_the_rows_that_were_written_and_java_plans_the_same_files() {
    let mut histories = Vec::new();
    for version in [1, 2, 3] {
        let (written, deletes) = history(version).await;
        let table = written.table().await;
        let ours: Vec<(i64, String)> = rows(&table).await.into_iter().collect();
        let ours: Vec<(i64, &str)> = ours.iter().map(|(k, v)| (*k, v.as_str())).collect();
        assert_eq!(ours, expected_rows(version), "version {version}");
        histories.push((written, table, deletes));
    }
    let tables: Vec<&Table> = histories.iter().map(|(_, table, _)| table).collect();
    let [by_python, by_java] = ["pyiceberg", "java"].map(|reader| read_with(reader, &tables));
    for ((python, java), version) in by_python.iter().zip(&by_java).zip([1, 2, 3]) {
        assert_eq!(rows_of(python), expected_rows(version), "pyiceberg, version {version}");
        assert_eq!(rows_of(java), expected_rows(version), "java, version {version}");
    }
    for ((read, version), (_, table, deletes)) in by_java.iter().zip([1, 2, 3]).zip(&histories) {
        let mut data = live(table).await.data;
        data.sort_by(|left, right| left.path.cmp(&right.path));
        let files: Vec<Value> = data
            .iter()
            .map(|file| {
                json!({"path": &*file.path, "data-sequence-number": file.data_sequence_number.get(),
                    "file-sequence-number": file.file_sequence_number.unwrap_or(0), "first-row-id": file.first_row_id,
                    "deletes": deletes.get(&*file.path).into_iter().collect::<Vec<_>>()})
            })
            .collect();
        assert_eq!(read["files"], json!(files), "version {version}");
        let mut numbers: Vec<i64> = data.iter().map(|file| file.data_sequence_number.get()).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, if version == 1 { vec![0, 0] } else { vec![2, 3, 6] }, "version {version}");
        if version == 3 {
            let lineage = |name: &str| -> Vec<Option<i64>> {
                read["rows"].as_array().unwrap().iter().map(|row| row[name].as_i64()).collect()
            };
            // Copied rows keep theirs; the rewrite has taken 7 to 10 for its file all the same.
            assert_eq!(lineage("_row_id"), [5, 2, 3, 4, 6, 11].map(Some));
            assert_eq!(lineage("_last_updated_sequence_number"), [3, 1, 2, 2, 3, 6].map(Some));
        }
    }
}

/// Of which pyiceberg cannot read the equality deletes.
#[tokio::test(flavor = "multi_thread")]
async fn java_reads_upserts_that_were_written() {
    let mut tables = Vec::new();
    for version in [2, 3] {
        let written = Written::new(version).await;
        for rows in [vec![(1, "a"), (2, "b"), (4, "d")], vec![(2, "b2"), (3, "c"), (2, "b3"), (1, "a2")]] {
            let table = written.table().await;
            let mut writer = UpsertWriter::new(&table, &WriteOptions::of(&table).unwrap()).unwrap();
            writer.upsert(&batch(&rows[..2])).await.unwrap();
            writer.upsert(&batch(&rows[2..])).await.unwrap();
            if rows.len() > 3 {
                writer.delete(&batch(&[(1, "")])).await.unwrap();
            }
            let changes = writer.finish().await.unwrap();
            let files = changes.data.into_iter().chain(changes.deletes);
            written.commit(SnapshotChange::row_delta(files, Vec::new(), Vec::new())).await;
        }
        let table = written.table().await;
        tables.push((written, table));
    }
    let read = read_with("java", &tables.iter().map(|(_, table)| table).collect::<Vec<_>>());
    for (read, version) in read.iter().zip([2, 3]) {
        assert_eq!(rows_of(read), [(2, "b3"), (3, "c"), (4, "d")], "version {version}");
    }
}

//! Tables that the product wrote, read back: the write path and the commit protocol from end to end, on a disk.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use frazil_lock::{Holder, MemoryLock};
use frazil_reader::{ChangelogOperation, Event, ReadOptions, RowsOptions, read_changes, read_rows};
use frazil_table::catalog::{TableLocator, create_table, table_source};
use frazil_table::commit::{
    Change, CommitOptions, CommitOutcome, CommitRequest, Committed, Committer, NewTable, SnapshotChange,
};
use frazil_table::storage::Storage;
use frazil_table::write::{AppendWriter, UpsertWriter, WriteOptions};
use frazil_table::{SystemClock, Table};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rstest::rstest;
use serde_json::json;
use tempfile::TempDir;

const REGIONS: [&str; 3] = ["eu", "us", "ap"];

/// Key and value; the region, by which the table is partitioned, is part of the key.
type Rows = BTreeMap<(i64, String), String>;

struct Written {
    _folder: TempDir,
    committer: Committer,
}

impl Written {
    async fn new(version: u8) -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("t").display().to_string();
        let schema = json!({"type": "struct", "schema-id": 0, "identifier-field-ids": [1, 2], "fields": [
            {"id": 1, "name": "k", "required": true, "type": "long"},
            {"id": 2, "name": "region", "required": true, "type": "string"},
            {"id": 3, "name": "v", "required": false, "type": "string"}]});
        let mut new = NewTable::new(serde_json::from_value(schema).unwrap());
        let spec = json!({"fields": [{"source-id": 2, "name": "region", "transform": "identity"}]});
        new.partition_spec = serde_json::from_value(spec).unwrap();
        new.format_version = serde_json::from_value(json!(version)).unwrap();
        new.properties.insert("commit.manifest.min-count-to-merge".to_owned(), "5".to_owned());
        let (locator, storage) = (TableLocator::Path(path), Storage::local());
        create_table(&locator, &storage, new).await.unwrap();
        let target = table_source(&locator, &storage).commit_target().await.unwrap();
        let holder = Holder::of_this_process("test", "test", 0);
        let lock = Arc::new(MemoryLock::new());
        let committer = Committer::new(target, lock, holder, Arc::new(SystemClock), CommitOptions::default());
        Self { _folder: folder, committer }
    }

    async fn table(&self) -> Table {
        self.committer.target().load().await.unwrap().table
    }

    async fn commit(&self, change: SnapshotChange) -> Committed {
        let request = CommitRequest::new(Change::Snapshot(Box::new(change)));
        match self.committer.commit(request).await.unwrap() {
            CommitOutcome::Committed(committed) => committed,
            other => panic!("{other:?}"),
        }
    }
}

fn batch(rows: &[(i64, &str, &str)]) -> RecordBatch {
    let columns: [(&str, ArrayRef); 3] = [
        ("k", Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.0)))),
        ("region", Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.1)))),
        ("v", Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.2)))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn rows_of(batch: &RecordBatch) -> Vec<((i64, String), String)> {
    let texts = |name: &str| batch.column_by_name(name).unwrap().as_string::<i32>().clone();
    let (keys, regions, values) =
        (batch.column_by_name("k").unwrap().as_primitive::<Int64Type>(), texts("region"), texts("v"));
    (0..batch.num_rows())
        .map(|row| ((keys.value(row), regions.value(row).to_owned()), values.value(row).to_owned()))
        .collect()
}

async fn rows(table: &Table) -> Rows {
    let mut stream = read_rows(table, RowsOptions::default()).await.unwrap();
    let mut rows = Rows::new();
    while let Some(batch) = stream.next().await.unwrap() {
        for (key, value) in rows_of(&batch) {
            assert!(rows.insert(key.clone(), value).is_none(), "a key is there twice: {key:?}");
        }
    }
    rows
}

/// What the changes come to, each checked against the state that it changes.
async fn folded(table: &Table) -> Rows {
    let mut stream = read_changes(table, ReadOptions::default()).await.unwrap();
    let mut state = Rows::new();
    while let Some(event) = stream.next().await.unwrap() {
        let Event::Changes(batch) = event else { continue };
        for (operation, (key, value)) in batch.operations.iter().zip(rows_of(&batch.rows)) {
            match operation {
                ChangelogOperation::Insert | ChangelogOperation::UpdateAfter => {
                    assert!(
                        state.insert(key.clone(), value).is_none(),
                        "{operation:?} of a key that is there: {key:?}"
                    );
                }
                ChangelogOperation::UpdateBefore | ChangelogOperation::Delete => {
                    assert_eq!(state.remove(&key), Some(value), "{operation:?} without its before image: {key:?}");
                }
            }
        }
    }
    state
}

/// Keys come several times within a transaction, and are deleted and come back.
#[rstest]
#[case::position_deletes(2)]
#[case::deletion_vectors(3)]
#[tokio::test]
async fn upserts_are_read_back_as_the_state_and_as_its_changes(#[case] version: u8) {
    for seed in 1..=4 {
        println!("seed={seed} version={version}");
        let mut random = StdRng::seed_from_u64(seed);
        let written = Written::new(version).await;
        let mut model = Rows::new();
        for round in 0..12 {
            let table = written.table().await;
            let mut writer = UpsertWriter::new(&table, &WriteOptions::of(&table).unwrap()).unwrap();
            for _ in 0..random.random_range(1..4) {
                let values: Vec<(i64, &str, String)> = (0..random.random_range(1..20))
                    .map(|n| (random.random_range(0..15), REGIONS[random.random_range(0..3)], format!("{round}-{n}")))
                    .collect();
                let rows: Vec<(i64, &str, &str)> = values.iter().map(|row| (row.0, row.1, row.2.as_str())).collect();
                if random.random_bool(0.7) {
                    writer.upsert(&batch(&rows)).await.unwrap();
                    model.extend(rows.iter().map(|row| ((row.0, row.1.to_owned()), row.2.to_owned())));
                } else {
                    writer.delete(&batch(&rows)).await.unwrap();
                    rows.iter().for_each(|row| drop(model.remove(&(row.0, row.1.to_owned()))));
                }
            }
            let changes = writer.finish().await.unwrap();
            let files = changes.data.into_iter().chain(changes.deletes);
            written.commit(SnapshotChange::row_delta(files, Vec::new(), Vec::new())).await;
            assert_eq!(rows(&written.table().await).await, model, "seed={seed} round={round}");
        }
        assert_eq!(folded(&written.table().await).await, model, "seed={seed}");
    }
}

/// Every acknowledged commit is in the history exactly once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_appends_are_all_there_once() {
    let written = Arc::new(Written::new(2).await);
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..8_i64 {
        let written = written.clone();
        tasks.spawn(async move {
            let mut ids = Vec::new();
            for n in 0..5 {
                let table = written.table().await;
                let mut files = AppendWriter::new(&table, &WriteOptions::of(&table).unwrap()).unwrap();
                files.write(&batch(&[(writer * 100 + n, "eu", "x")])).await.unwrap();
                let committed = written.commit(SnapshotChange::append(files.finish().await.unwrap())).await;
                ids.push(committed.snapshot_id.unwrap().get());
            }
            ids
        });
    }
    let mut acknowledged: Vec<i64> = tasks.join_all().await.into_iter().flatten().collect();
    let table = written.table().await;
    let mut history = Vec::new();
    let mut next = table.metadata().current_snapshot();
    while let Some(snapshot) = next {
        history.push(snapshot.snapshot_id());
        next = snapshot.parent_snapshot_id().and_then(|id| table.metadata().snapshot_by_id(id));
    }
    history.sort_unstable();
    acknowledged.sort_unstable();
    assert_eq!(history, acknowledged);
    assert_eq!(rows(&table).await.len(), 40);
}

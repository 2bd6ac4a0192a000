//! The cases of the change-stream semantics, one small table each. The names begin with the number of the case;
//! `f@n` in comments is a data file with data sequence number `n`.

mod append;
mod delete;
mod equality;
mod lineage;
mod net;
mod overwrite;
mod replace;
mod schema;
mod upsert;
mod upsert_mode;

use frazil_reader::{ReadError, ReadOptions};
use frazil_testkit::{Change, IntoRow, Kind, MAIN, Row, TestTable, Transform, Value};

use crate::built::{self, Delivery};

/// A table whose key is `k`, with a value `v`.
fn keyed() -> TestTable {
    TestTable::v2("k int, v string", "k")
}

/// A keyed table partitioned by `p`.
fn partitioned() -> TestTable {
    let mut table = TestTable::v2("k int, v string, p string", "k");
    table.partition_by(&[("p", Transform::Identity)]);
    table
}

/// Changes from pairs of kind and row.
fn set<R: IntoRow>(changes: impl IntoIterator<Item = (Kind, R)>) -> Vec<Change> {
    changes.into_iter().map(|(kind, row)| (kind, row.into_row())).collect()
}

fn nothing() -> Vec<Change> {
    Vec::new()
}

fn options() -> ReadOptions {
    ReadOptions::default()
}

/// Everything that a stream over the whole branch delivers. The model must agree, and so must the fold.
async fn read(table: &TestTable) -> Vec<Delivery> {
    let read = table.table();
    let (deliveries, error) = built::changes(&read, options()).await;
    assert!(error.is_none(), "{error:?}");
    let line = table.lineage(MAIN);
    let key = table.history().default_key(line.first().unwrap(), line.last().unwrap());
    built::compare(&deliveries, &built::expected(table, &line, &key)).unwrap();
    built::check_fold(table, &deliveries).unwrap();
    for snapshot in line {
        let mut rows = built::rows_at(&read, snapshot.id).await.unwrap();
        rows.sort();
        let expected: Vec<Row> = table.history().rows(snapshot).into_iter().flat_map(|(row, n)| vec![row; n]).collect();
        assert_eq!(rows, expected, "rows at {}", snapshot.id);
    }
    deliveries
}

/// What a stream delivers of the newest snapshot.
async fn last(table: &TestTable) -> Vec<Change> {
    read(table).await.pop().unwrap().changes
}

/// The error in which a stream ends.
async fn error(table: &TestTable, options: ReadOptions) -> ReadError {
    built::changes(&table.table(), options).await.1.expect("the stream must fail")
}

/// NULL.
fn null() -> Value {
    Value::Null
}

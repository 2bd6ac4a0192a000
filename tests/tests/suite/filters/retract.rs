//! Updates across the edge of a filter.

use std::collections::BTreeMap;

use frazil_reader::{ChangelogOperation, Event, FilterUpdates, From, Mode, ReadOptions, read_changes};
use frazil_table::Table;
use frazil_testkit::encode::rows_of;
use frazil_testkit::{Change, Kind, TestTable};

use super::changes_where;

/// Changes by snapshot, whatever their kinds.
pub async fn collected(table: &Table, options: ReadOptions) -> Result<BTreeMap<i64, Vec<Change>>, String> {
    let mut stream = read_changes(table, options).await.map_err(|error| error.to_string())?;
    let mut changes: BTreeMap<i64, Vec<Change>> = BTreeMap::new();
    while let Some(event) = stream.next().await.map_err(|error| error.to_string())? {
        if let Event::Changes(batch) = event {
            let kinds = batch.operations.iter().map(|operation| match operation {
                ChangelogOperation::Insert => Kind::Insert,
                ChangelogOperation::UpdateBefore => Kind::UpdateBefore,
                ChangelogOperation::UpdateAfter => Kind::UpdateAfter,
                ChangelogOperation::Delete => Kind::Delete,
            });
            let of_snapshot = changes.entry(batch.snapshot.snapshot_id.get()).or_default();
            of_snapshot.extend(kinds.zip(rows_of(&batch.rows)));
        }
    }
    Ok(changes)
}

/// Key 1 stays in view, 2 leaves it, 3 comes into it, 4 stays out of it; 5 is deleted in view, 6 out of it; 7 is new in
/// view, 8 out of it.
fn table() -> TestTable {
    let mut table = TestTable::v2("k int, v int, note string", "k");
    table.append([(1, 10, "a"), (2, 10, "b"), (3, 0, "c"), (4, 0, "d"), (5, 10, "e"), (6, 0, "f")]);
    table
        .overwrite()
        .delete_where("k", [1, 2, 3, 4, 5, 6])
        .rows([(1, 20, "A"), (2, 0, "B"), (3, 10, "C"), (4, 1, "D"), (7, 10, "g"), (8, 0, "h")])
        .commit();
    table
}

fn change(kind: Kind, k: i32, v: i32, note: &str) -> Change {
    (kind, vec![k.into(), v.into(), note.into()])
}

async fn last(table: &TestTable, options: ReadOptions) -> Vec<Change> {
    let mut changes = collected(&table.table(), options).await.unwrap();
    changes.remove(&table.main_head()).unwrap_or_default()
}

#[tokio::test]
async fn rows_that_leave_the_view_are_deleted_and_those_that_come_are_inserted() {
    assert_eq!(
        last(&table(), changes_where("v >= 10")).await,
        [
            change(Kind::Delete, 5, 10, "e"),
            change(Kind::UpdateBefore, 1, 10, "a"),
            change(Kind::UpdateAfter, 1, 20, "A"),
            change(Kind::Delete, 2, 10, "b"),
            change(Kind::Insert, 3, 10, "C"),
            change(Kind::Insert, 7, 10, "g"),
        ]
    );
}

#[tokio::test]
async fn independent_images_are_left_out_one_by_one() {
    let options = ReadOptions { filter_updates: FilterUpdates::Independent, ..changes_where("v >= 10") };
    assert_eq!(
        last(&table(), options).await,
        [
            change(Kind::Delete, 5, 10, "e"),
            change(Kind::UpdateBefore, 1, 10, "a"),
            change(Kind::UpdateAfter, 1, 20, "A"),
            change(Kind::UpdateBefore, 2, 10, "b"),
            change(Kind::UpdateAfter, 3, 10, "C"),
            change(Kind::Insert, 7, 10, "g"),
        ]
    );
}

#[tokio::test]
async fn the_filter_sees_columns_that_are_not_shown() {
    let options = ReadOptions { columns: Some(vec!["note".to_owned()]), ..changes_where("v >= 10 AND k <> 1") };
    let notes: Vec<Change> = last(&table(), options).await;
    let note = |kind, note: &str| (kind, vec![note.into()]);
    assert_eq!(
        notes,
        [note(Kind::Delete, "e"), note(Kind::Delete, "b"), note(Kind::Insert, "C"), note(Kind::Insert, "g")]
    );
}

#[tokio::test]
async fn kinds_are_dropped_after_filtering() {
    let options = ReadOptions {
        drop_kinds: vec![ChangelogOperation::UpdateBefore, ChangelogOperation::Delete],
        ..changes_where("v >= 10")
    };
    // Dropping before images first would have made an update of the row that comes into view.
    assert_eq!(
        last(&table(), options).await,
        [change(Kind::UpdateAfter, 1, 20, "A"), change(Kind::Insert, 3, 10, "C"), change(Kind::Insert, 7, 10, "g")]
    );
}

#[tokio::test]
async fn rows_that_were_carried_over_are_no_changes_whatever_the_filter() {
    let mut table = TestTable::v2("k int, v int", "k");
    let path = table.append([(1, 10), (2, 0)]);
    table.overwrite().remove(path).rows([(1, 10), (2, 20)]).commit();
    let changes = last(&table, changes_where("v >= 10")).await;
    assert_eq!(changes, [(Kind::Insert, vec![2.into(), 20.into()])]);
}

#[tokio::test]
async fn folding_filtered_changes_gives_the_filtered_rows() {
    let table = table();
    let sql = "v >= 10 OR note IN ('D')";
    let deliveries = collected(&table.table(), changes_where(sql)).await.unwrap();
    let mut state = frazil_testkit::Multiset::new();
    for changes in deliveries.values() {
        frazil_testkit::model::fold(&mut state, changes).unwrap();
    }
    let rows = crate::built::rows(&table.table(), super::rows_where(sql)).await.unwrap();
    assert_eq!(state, frazil_testkit::model::multiset(rows));
}

#[tokio::test]
async fn appends_and_full_scans_are_filtered_too() {
    let mut table = TestTable::v2("k int, v int", "k");
    table.append([(1, 10), (2, 0)]);
    table.append([(3, 0), (4, 30)]);
    let row = |k: i32, v: i32| (Kind::Insert, vec![k.into(), v.into()]);
    let append = ReadOptions { mode: Mode::Append, ..changes_where("v > 5") };
    let changes = collected(&table.table(), append).await.unwrap();
    assert_eq!(changes.into_values().collect::<Vec<_>>(), [[row(1, 10)], [row(4, 30)]]);
    let full = ReadOptions { from: From::Full, ..changes_where("v > 5") };
    let mut changes = collected(&table.table(), full).await.unwrap().remove(&table.main_head()).unwrap();
    changes.sort_by(|a, b| a.1.cmp(&b.1));
    assert_eq!(changes, [row(1, 10), row(4, 30)]);
}

#[tokio::test]
async fn a_column_that_a_snapshot_does_not_have_yet_has_its_default() {
    let mut table = TestTable::v3("k int, v int", "k");
    table.append([(1, 10)]);
    table.add_column("c", "int", 7);
    table.add_column("d", "int", frazil_testkit::Value::Null);
    table.append([(2, 20, 8, 1)]);
    let all = collected(&table.table(), changes_where("c = 7 AND d IS NULL")).await.unwrap();
    let rows: Vec<_> = all.into_values().flatten().collect();
    assert_eq!(rows, [(Kind::Insert, vec![1.into(), 10.into()])]);
    let none = collected(&table.table(), changes_where("d = 1 AND k = 1")).await.unwrap();
    assert!(none.is_empty(), "{none:?}");
}

#[tokio::test]
async fn a_renamed_column_is_followed_and_a_dropped_one_still_read() {
    let mut table = TestTable::v2("k int, v int", "k");
    table.append([(1, 10), (2, 20)]);
    table.rename_column("v", "w");
    table.append([(3, 10), (4, 20)]);
    table.drop_column("w");
    table.append([5, 6]);
    let changes = collected(&table.table(), changes_where("v = 20")).await.unwrap();
    let keys: Vec<_> = changes.into_values().flatten().map(|(_, row)| row[0].clone()).collect();
    assert_eq!(keys, [2.into(), 4.into()]);
}

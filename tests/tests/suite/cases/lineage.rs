//! Cases L: where the branch has gone since.

use frazil_reader::{From, ReadOptions};
use frazil_table::lineage::check_table_uuid;
use frazil_table::{SnapshotId, TableError};
use frazil_testkit::Kind::{Insert, UpdateAfter, UpdateBefore};
use frazil_testkit::{MAIN, TestTable};

use super::{error, keyed, last, options, set};
use crate::built;

fn after(snapshot_id: i64) -> ReadOptions {
    ReadOptions { from: From::SnapshotExclusive(SnapshotId::new(snapshot_id)), ..options() }
}

/// A table with three appends; returns their snapshots.
fn three() -> (TestTable, [i64; 3]) {
    let mut table = keyed();
    let ids = [1, 2, 3].map(|k| table.delta("append").rows([(k, "a")]).commit());
    (table, ids)
}

#[tokio::test]
async fn l1_a_stream_goes_on_after_the_last_consumed_snapshot() {
    let (table, ids) = three();
    let (deliveries, error) = built::changes(&table.table(), after(ids[1])).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(deliveries.len(), 1);
    assert_eq!(deliveries[0].id(), ids[2]);
    assert_eq!(deliveries[0].changes, set([(Insert, (3, "a"))]));
}

#[tokio::test]
async fn l2_an_expired_snapshot_is_an_error_that_names_the_oldest() {
    let (mut table, ids) = three();
    table.expire([ids[0], ids[1]]);
    let error = error(&table, after(ids[0])).await;
    assert_eq!(error.code(), "SNAPSHOT_EXPIRED");
    let text = error.to_string();
    assert!(text.contains(&ids[0].to_string()) && text.contains(&ids[2].to_string()), "{text}");
}

#[tokio::test]
async fn l2_a_stream_from_the_earliest_snapshot_begins_with_all_its_rows() {
    let (mut table, ids) = three();
    table.expire([ids[0]]);
    let (deliveries, error) = built::changes(&table.table(), options()).await;
    assert!(error.is_none(), "{error:?}");
    let mut first = deliveries[0].changes.clone();
    first.sort();
    assert_eq!(deliveries[0].snapshot.phase, frazil_reader::Phase::Full);
    assert_eq!(first, set([(Insert, (1, "a")), (Insert, (2, "a"))]));
    assert_eq!(deliveries[1].changes, set([(Insert, (3, "a"))]));
}

#[tokio::test]
async fn l3_a_snapshot_that_was_rolled_back_is_an_error_that_names_the_common_ancestor() {
    let (mut table, ids) = three();
    table.set_branch(MAIN, ids[0]);
    let head = table.delta("append").rows([(4, "a")]).commit();
    let error = error(&table, after(ids[2])).await;
    assert_eq!(error.code(), "LINEAGE_BROKEN");
    let text = error.to_string();
    for id in [ids[2], ids[0], head] {
        assert!(text.contains(&id.to_string()), "{text}");
    }
}

#[tokio::test]
async fn l4_a_staged_snapshot_is_delivered_when_it_is_published() {
    let (mut table, ids) = three();
    let staged = table.overwrite().delete_where("k", [3]).rows([(3, "b")]).staged().commit();
    let (deliveries, error) = built::changes(&table.table(), after(ids[2])).await;
    assert!(error.is_none() && deliveries.is_empty(), "{error:?} {deliveries:?}");
    table.set_branch(MAIN, staged);
    assert_eq!(last(&table).await, set([(UpdateBefore, (3, "a")), (UpdateAfter, (3, "b"))]));
}

#[tokio::test]
async fn l4_a_cherry_picked_snapshot_changes_what_it_changes_on_the_branch() {
    let (mut table, ids) = three();
    let staged = table.delta("append").rows([(4, "d")]).staged().commit();
    table.append([(5, "e")]);
    // Published on top of another head, it is a new snapshot that names its source.
    let picked = table.delta("append").rows([(4, "d")]).summary("source-snapshot-id", &staged.to_string()).commit();
    let (deliveries, error) = built::changes(&table.table(), after(ids[2])).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(deliveries.iter().map(built::Delivery::id).collect::<Vec<_>>(), [picked - 1, picked]);
    assert_eq!(last(&table).await, set([(Insert, (4, "d"))]));
}

#[tokio::test]
async fn l5_a_table_made_again_under_its_name_is_another_table() {
    let (mut table, _) = three();
    let uuid = table.table().metadata().uuid();
    check_table_uuid(table.table().metadata(), uuid).unwrap();
    table.replace_uuid("0b6e3f0a-5a6e-4d6f-9f2b-6f1d6ff8f0a1");
    let error = check_table_uuid(table.table().metadata(), uuid).unwrap_err();
    assert!(matches!(error, TableError::TableReplaced { .. }), "{error:?}");
    assert_eq!(error.code(), "TABLE_REPLACED");
}

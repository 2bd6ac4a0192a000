//! Cases R: `replace` snapshots, sound and faulty.

use frazil_reader::{OnReplaceMismatch, ReadError, ReadOptions, ReplaceCheck};
use frazil_testkit::Kind::{Delete, Insert, UpdateAfter, UpdateBefore};
use frazil_testkit::{TestTable, Transform, Value};

use super::{keyed, last, nothing, options, partitioned, read, set};
use crate::built;

#[tokio::test]
async fn r1_a_compaction_changes_nothing() {
    let mut table = keyed();
    let f = table.append([(1, "a")]);
    let g = table.append([(2, "b")]);
    table.replace().remove(f).remove(g).rows_at(2, [(1, "a"), (2, "b")]).commit();
    assert_eq!(last(&table).await, nothing());
}

#[tokio::test]
async fn r2_a_compaction_that_applies_deletes_changes_nothing() {
    let mut table = keyed();
    let f = table.append([(1, "a"), (2, "b")]);
    table.equality_delete("k", [1]);
    table.replace().remove(f).remove_deletes().rows_at(2, [(2, "b")]).commit();
    assert_eq!(last(&table).await, nothing());
}

/// A compaction that began before an upsert of key 1 and is committed after it.
fn concurrent(data_sequence: i64) -> TestTable {
    let mut table = keyed();
    for _ in 1..10 {
        table.delta("append").commit();
    }
    let f = table.append([(1, "a"), (2, "x")]); // f@10
    table.overwrite().delete_where("k", [1]).rows([(1, "b")]).commit(); // E(1)@11
    table.replace().remove(f).rows_at(data_sequence, [(1, "a"), (2, "x")]).commit();
    table
}

#[tokio::test]
async fn r3_a_delete_committed_during_a_compaction_applies_to_its_output() {
    let table = concurrent(10);
    let deliveries = read(&table).await;
    assert_eq!(deliveries[10].changes, set([(UpdateBefore, (1, "a")), (UpdateAfter, (1, "b"))]));
    assert_eq!(deliveries[11].changes, nothing());
}

#[tokio::test]
async fn r4_rows_that_a_faulty_compaction_brings_back_are_inserted() {
    let table = concurrent(12);
    assert_eq!(last(&table).await, set([(Insert, (1, "a"))]));
}

#[tokio::test]
async fn r4_a_faulty_compaction_is_an_error_if_asked_for() {
    let table = concurrent(12);
    let options = ReadOptions { on_replace_mismatch: OnReplaceMismatch::Fail, ..options() };
    let error = super::error(&table, options).await;
    match error {
        ReadError::ReplaceMismatch { snapshot_id, n_added, n_removed } => {
            assert_eq!((snapshot_id.get(), n_added, n_removed), (table.main_head(), 1, 0));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn r4_a_faulty_compaction_is_passed_over_if_asked_for() {
    let table = concurrent(12);
    let ignored = ReadOptions { on_replace_mismatch: OnReplaceMismatch::Ignore, ..options() };
    let trusted = ReadOptions { replace_check: ReplaceCheck::Trust, ..options() };
    for options in [ignored, trusted] {
        let (deliveries, error) = built::changes(&table.table(), options).await;
        assert!(error.is_none(), "{error:?}");
        assert_eq!(deliveries.last().unwrap().changes, nothing());
    }
}

#[tokio::test]
async fn r5_rewriting_manifests_changes_nothing() {
    let mut table = keyed();
    let f = table.append([(1, "a"), (2, "b")]);
    table.append([(3, "c")]);
    table.delete().delete_at(&f, [0]).commit();
    table.replace().merge_manifests().commit();
    assert_eq!(last(&table).await, nothing());
}

#[tokio::test]
async fn r5_merging_position_deletes_changes_nothing() {
    let mut table = keyed();
    let f = table.append([(1, "a"), (2, "b"), (3, "c")]);
    table.delete().delete_at(&f, [0]).commit();
    table.delete().delete_at(&f, [2]).commit();
    table.replace().remove_deletes().delete_at(&f, [0, 2]).commit();
    assert_eq!(last(&table).await, nothing());
}

#[tokio::test]
async fn r5_rewriting_a_deletion_vector_changes_nothing() {
    let mut table = TestTable::v3("k int, v string", "k");
    let f = table.append([(1, "a"), (2, "b"), (3, "c")]);
    table.delete().vector(&f, [0, 2]).commit();
    table.replace().remove_deletes().vector(&f, [0, 2]).commit();
    assert_eq!(last(&table).await, nothing());
}

#[tokio::test]
async fn r6_equality_deletes_turned_into_position_deletes_change_nothing() {
    let mut table = keyed();
    let f = table.append([(1, "a"), (2, "b")]);
    table.equality_delete("k", [2]);
    table.replace().remove_deletes().delete_at(&f, [1]).commit();
    assert_eq!(last(&table).await, nothing());
}

#[tokio::test]
async fn r6_equality_deletes_turned_into_a_deletion_vector_change_nothing() {
    let mut table = TestTable::v3("k int, v string", "k");
    let f = table.append([(1, "a"), (2, "b")]);
    table.equality_delete("k", [2]);
    table.replace().remove_deletes().vector(&f, [1]).commit();
    assert_eq!(last(&table).await, nothing());
}

#[tokio::test]
async fn r7_after_compaction_into_another_spec_deletes_of_the_old_one_miss() {
    let mut table = partitioned();
    let f = table.append([(1, "a", "p1"), (2, "b", "p1")]);
    let bucketed = table.partition_by(&[("k", Transform::Bucket(1))]);
    table.replace().spec(bucketed).remove(f).rows_at(1, [(1, "a", "p1"), (2, "b", "p1")]).commit();
    assert_eq!(last(&table).await, nothing());
    table.delete().spec(0).delete_where_in("p1", "k", [1]).commit();
    assert_eq!(last(&table).await, nothing());
    let bucket = table.partition_with(bucketed, |_| Value::from(1));
    table.delete().spec(bucketed).delete_where_in(bucket, "k", [1]).commit();
    assert_eq!(last(&table).await, set([(Delete, (1, "a", "p1"))]));
}

#[tokio::test]
async fn r8_compaction_into_the_spec_of_a_live_delete_deletes_rows() {
    let mut table = partitioned();
    let f = table.append([(1, "a", "p1"), (2, "b", "p1")]);
    let bucketed = table.partition_by(&[("k", Transform::Bucket(1))]);
    let bucket = table.partition_with(bucketed, |_| Value::from(1));
    table.delete().delete_where_in(bucket, "k", [1]).commit();
    assert_eq!(last(&table).await, nothing());
    table.replace().remove(f).rows_at(1, [(1, "a", "p1"), (2, "b", "p1")]).commit();
    assert_eq!(last(&table).await, set([(Delete, (1, "a", "p1"))]));
}

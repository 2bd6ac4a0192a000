//! Cases E: equality deletes.

use frazil_testkit::Kind::{Delete, Insert};
use frazil_testkit::{TestTable, Transform, Value};

use super::{keyed, last, nothing, null, partitioned, set};

#[tokio::test]
async fn e1_an_equality_delete_deletes_with_the_whole_row() {
    let mut table = keyed();
    table.append([(1, "a"), (2, "b")]);
    table.equality_delete("k", [1]);
    assert_eq!(last(&table).await, set([(Delete, (1, "a"))]));
}

#[tokio::test]
async fn e2_an_equality_delete_without_a_row_is_dropped() {
    let mut table = keyed();
    table.append([(1, "a")]);
    table.equality_delete("k", [9]);
    assert_eq!(last(&table).await, nothing());
}

#[tokio::test]
async fn e3_an_equality_delete_of_a_deleted_row_is_dropped() {
    let mut table = keyed();
    table.append([(1, "a")]);
    table.equality_delete("k", [1]);
    table.equality_delete("k", [1]);
    assert_eq!(last(&table).await, nothing());
}

#[tokio::test]
async fn e4_one_equality_delete_removes_all_duplicates() {
    let mut table = keyed();
    table.append([(1, "a")]);
    table.append([(1, "b")]);
    table.equality_delete("k", [1]);
    assert_eq!(last(&table).await, set([(Delete, (1, "a")), (Delete, (1, "b"))]));
}

#[tokio::test]
async fn e5_an_equality_delete_stays_in_its_partition() {
    let mut table = partitioned();
    table.append([(1, "a", "p1")]);
    table.append([(1, "b", "p2")]);
    table.delete().delete_where_in("p1", "k", [1]).commit();
    assert_eq!(last(&table).await, set([(Delete, (1, "a", "p1"))]));
}

#[tokio::test]
async fn e6_an_equality_delete_of_an_unpartitioned_spec_is_global() {
    let mut table = partitioned();
    table.append([(1, "a", "p1")]);
    table.append([(1, "b", "p2")]);
    let unpartitioned = table.partition_by(&[]);
    table.delete().spec(unpartitioned).delete_where("k", [1]).commit();
    assert_eq!(last(&table).await, set([(Delete, (1, "a", "p1")), (Delete, (1, "b", "p2"))]));
}

#[tokio::test]
async fn e6_a_spec_of_void_transforms_is_unpartitioned() {
    let mut table = partitioned();
    table.append([(1, "a", "p1")]);
    table.append([(1, "b", "p2")]);
    let void = table.partition_by(&[("p", Transform::Void)]);
    table.delete().spec(void).delete_where_in(null(), "k", [1]).commit();
    assert_eq!(last(&table).await, set([(Delete, (1, "a", "p1")), (Delete, (1, "b", "p2"))]));
}

#[tokio::test]
async fn e7_an_equality_delete_of_another_spec_does_not_apply() {
    let mut table = partitioned();
    table.append([(1, "a", "p1")]);
    let bucketed = table.partition_by(&[("k", Transform::Bucket(4))]);
    let bucket = table.partition_with(bucketed, |_| Value::from(1));
    table.overwrite().delete_where_in(bucket, "k", [1]).rows([(1, "b", "p1")]).commit();
    assert_eq!(last(&table).await, set([(Insert, (1, "b", "p1"))]));
}

#[tokio::test]
async fn e8_an_equality_delete_does_not_apply_to_its_own_commit() {
    let mut table = keyed();
    table.overwrite().delete_where("k", [1]).rows([(1, "a")]).commit();
    assert_eq!(last(&table).await, set([(Insert, (1, "a"))]));
}

#[tokio::test]
async fn e9_null_equals_null_in_an_equality_delete() {
    let mut table = TestTable::v2("k int, v string, c int", "k");
    table.append([(1, "x", null()), (2, "y", null()), (3, "z", Value::from(5))]);
    table.equality_delete("k, c", [(1, null()), (3, null())]);
    assert_eq!(last(&table).await, set([(Delete, (1, "x", null()))]));
}

#[tokio::test]
async fn e10_a_missing_column_has_its_initial_default_in_an_equality_delete() {
    let mut table = TestTable::v3("k int, v string", "k");
    table.append([(1, "a"), (2, "b")]);
    table.add_column("c", "int", 7);
    table.delta("append").commit();
    table.equality_delete("k, c", [(1, 7), (2, 8)]);
    assert_eq!(last(&table).await, set([(Delete, (1, "a", 7))]));
}

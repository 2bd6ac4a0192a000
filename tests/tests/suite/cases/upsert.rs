//! Cases U: updates, however they are written.

use frazil_testkit::Kind::{Delete, Insert, UpdateAfter, UpdateBefore};
use frazil_testkit::TestTable;

use super::{keyed, last, nothing, partitioned, set};

#[tokio::test]
async fn u1_a_deleted_and_added_key_is_an_update() {
    let mut table = keyed();
    table.append([(1, "a")]);
    table.overwrite().delete_where("k", [1]).rows([(1, "b")]).commit();
    assert_eq!(last(&table).await, set([(UpdateBefore, (1, "a")), (UpdateAfter, (1, "b"))]));
}

#[tokio::test]
async fn u2_a_row_written_again_as_it_was_is_no_change() {
    let mut table = keyed();
    table.append([(1, "a")]);
    table.overwrite().delete_where("k", [1]).rows([(1, "a")]).commit();
    assert_eq!(last(&table).await, nothing());
}

#[tokio::test]
async fn u3_an_upsert_of_a_new_key_is_an_insert() {
    let mut table = keyed();
    table.append([(2, "x")]);
    table.overwrite().delete_where("k", [1]).rows([(1, "b")]).commit();
    assert_eq!(last(&table).await, set([(Insert, (1, "b"))]));
}

#[tokio::test]
async fn u4_a_version_deleted_within_its_commit_is_never_seen() {
    let mut table = keyed();
    table.append([(1, "a")]);
    let delta = table.overwrite().delete_where("k", [1]).rows([(1, "b"), (1, "c")]);
    let g = delta.last_path();
    delta.delete_at(&g, [0]).commit();
    assert_eq!(last(&table).await, set([(UpdateBefore, (1, "a")), (UpdateAfter, (1, "c"))]));
}

#[tokio::test]
async fn u5_an_insert_deleted_within_its_commit_is_nothing() {
    let mut table = keyed();
    table.append([(2, "x")]);
    let delta = table.overwrite().rows([(1, "b")]);
    let g = delta.last_path();
    delta.delete_at(&g, [0]).commit();
    assert_eq!(last(&table).await, nothing());
}

#[tokio::test]
async fn u6_an_update_deleted_within_its_commit_is_a_delete() {
    let mut table = keyed();
    table.append([(1, "a")]);
    let delta = table.overwrite().delete_where("k", [1]).rows([(1, "b")]);
    let g = delta.last_path();
    delta.delete_at(&g, [0]).commit();
    assert_eq!(last(&table).await, set([(Delete, (1, "a"))]));
}

#[tokio::test]
async fn u7_duplicates_of_a_commit_are_one_update_and_inserts() {
    let mut table = keyed();
    table.append([(1, "a")]);
    table.overwrite().delete_where("k", [1]).rows([(1, "b"), (1, "c")]).commit();
    let expected = set([(UpdateBefore, (1, "a")), (UpdateAfter, (1, "b")), (Insert, (1, "c"))]);
    assert_eq!(last(&table).await, expected);
}

#[tokio::test]
async fn u8_of_duplicates_that_become_one_row_the_first_are_deleted() {
    let mut table = keyed();
    table.append([(1, "a")]);
    table.append([(1, "b")]);
    table.overwrite().delete_where("k", [1]).rows([(1, "c")]).commit();
    let expected = set([(Delete, (1, "a")), (UpdateBefore, (1, "b")), (UpdateAfter, (1, "c"))]);
    assert_eq!(last(&table).await, expected);
}

#[tokio::test]
async fn u9_an_update_by_position_is_an_update() {
    let mut table = keyed();
    let f = table.append([(1, "a")]);
    table.overwrite().delete_at(&f, [0]).rows([(1, "b")]).commit();
    assert_eq!(last(&table).await, set([(UpdateBefore, (1, "a")), (UpdateAfter, (1, "b"))]));
}

#[tokio::test]
async fn u10_without_a_key_rows_are_paired_by_row_id() {
    let mut table = TestTable::v3("k int, v string", "");
    let f = table.append([(1, "a"), (2, "x")]);
    // Even a changed `k` is an update of that row.
    table.overwrite().vector(&f, [0]).rows_with_lineage([((3, "b"), (Some(0), None))]).commit();
    assert_eq!(last(&table).await, set([(UpdateBefore, (1, "a")), (UpdateAfter, (3, "b"))]));
}

#[tokio::test]
async fn u11_without_key_and_row_id_nothing_is_paired() {
    let mut table = TestTable::v2("k int, v string", "");
    let f = table.append([(1, "a")]);
    table.overwrite().delete_at(&f, [0]).rows([(1, "b")]).commit();
    assert_eq!(last(&table).await, set([(Delete, (1, "a")), (Insert, (1, "b"))]));
}

#[tokio::test]
async fn u12_a_row_that_moves_to_another_partition_is_an_update() {
    let mut table = partitioned();
    table.append([(1, "a", "eu")]);
    table.overwrite().delete_where_in("eu", "k", [1]).rows([(1, "a", "us")]).commit();
    assert_eq!(last(&table).await, set([(UpdateBefore, (1, "a", "eu")), (UpdateAfter, (1, "a", "us"))]));
}

#[tokio::test]
async fn u13_a_delete_written_for_the_new_partition_only_leaves_both_rows() {
    let mut table = partitioned();
    table.append([(1, "a", "p1")]);
    table.overwrite().delete_where_in("p2", "k", [1]).rows([(1, "b", "p2")]).commit();
    assert_eq!(last(&table).await, set([(Insert, (1, "b", "p2"))]));
}

//! Mode `upsert`: what a sink that keeps one row for each key is told in the cases.

use frazil_reader::{From, Mode, OnKeyChange, ReadOptions};
use frazil_table::SnapshotId;
use frazil_testkit::Kind::{Delete, Insert, UpdateAfter};
use frazil_testkit::{MAIN, TestTable};

use super::{keyed, nothing, null, options, partitioned, set};
use crate::built::{self, Delivery};

fn upsert() -> ReadOptions {
    ReadOptions { mode: Mode::Upsert, ..options() }
}

/// Everything that an upsert stream over the whole branch delivers; the fold by key must be the table.
async fn read(table: &TestTable) -> Vec<Delivery> {
    let (deliveries, error) = built::changes(&table.table(), upsert()).await;
    assert!(error.is_none(), "{error:?}");
    let line = table.lineage(MAIN);
    let key = table.history().default_key(line.first().unwrap(), line.last().unwrap());
    built::check_keyed_fold(table, &line, &key, &deliveries).unwrap();
    deliveries
}

async fn last(table: &TestTable) -> Vec<frazil_testkit::Change> {
    read(table).await.pop().unwrap().changes
}

#[tokio::test]
async fn a1_an_append_upserts_its_rows() {
    let mut table = keyed();
    table.append([(1, "a"), (2, "b")]);
    assert_eq!(last(&table).await, set([(UpdateAfter, (1, "a")), (UpdateAfter, (2, "b"))]));
}

#[tokio::test]
async fn u1_an_update_is_its_new_row_alone() {
    let mut table = keyed();
    table.append([(1, "a")]);
    table.overwrite().delete_where("k", [1]).rows([(1, "b")]).commit();
    assert_eq!(last(&table).await, set([(UpdateAfter, (1, "b"))]));
}

#[tokio::test]
async fn u2_a_row_written_again_is_upserted_again() {
    let mut table = keyed();
    table.append([(1, "a")]);
    table.overwrite().delete_where("k", [1]).rows([(1, "a")]).commit();
    assert_eq!(last(&table).await, set([(UpdateAfter, (1, "a"))]));
}

#[tokio::test]
async fn u4_a_version_deleted_within_its_commit_is_never_seen() {
    let mut table = keyed();
    table.append([(1, "a")]);
    let delta = table.overwrite().delete_where("k", [1]).rows([(1, "b"), (1, "c")]);
    let g = delta.last_path();
    delta.delete_at(&g, [0]).commit();
    assert_eq!(last(&table).await, set([(UpdateAfter, (1, "c"))]));
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
async fn u6_an_update_deleted_within_its_commit_is_the_delete_of_its_key() {
    let mut table = keyed();
    table.append([(1, "a")]);
    let delta = table.overwrite().delete_where("k", [1]).rows([(1, "b")]);
    let g = delta.last_path();
    delta.delete_at(&g, [0]).commit();
    assert_eq!(last(&table).await, set([(Delete, (1, null()))]));
}

#[tokio::test]
async fn u7_duplicates_of_a_commit_are_all_upserted() {
    let mut table = keyed();
    table.append([(1, "a")]);
    table.overwrite().delete_where("k", [1]).rows([(1, "b"), (1, "c")]).commit();
    assert_eq!(last(&table).await, set([(UpdateAfter, (1, "b")), (UpdateAfter, (1, "c"))]));
}

#[tokio::test]
async fn e1_a_delete_is_its_key_and_nothing_else() {
    let mut table = keyed();
    table.append([(1, "a"), (2, "b")]);
    table.equality_delete("k", [1]);
    assert_eq!(last(&table).await, set([(Delete, (1, null()))]));
}

#[tokio::test]
async fn e2_a_delete_of_nothing_is_passed_on_once_for_each_key() {
    let mut table = keyed();
    table.append([(1, "a")]);
    table.delete().delete_where("k", [9, 8, 9]).delete_where("k", [8]).commit();
    assert_eq!(last(&table).await, set([(Delete, (9, null())), (Delete, (8, null()))]));
}

#[tokio::test]
async fn e4_a_delete_of_duplicates_is_one_delete() {
    let mut table = keyed();
    table.append([(1, "a")]);
    table.append([(1, "b")]);
    table.equality_delete("k", [1]);
    assert_eq!(last(&table).await, set([(Delete, (1, null()))]));
}

#[tokio::test]
async fn d1_d3_rows_removed_by_position_or_with_their_file_are_deleted_by_key() {
    let mut table = keyed();
    let f = table.append([(1, "a"), (2, "b"), (3, "c")]);
    table.delete().delete_at(&f, [0]).commit();
    assert_eq!(last(&table).await, set([(Delete, (1, null()))]));
    table.delete().remove(f).commit();
    assert_eq!(last(&table).await, set([(Delete, (2, null())), (Delete, (3, null()))]));
}

#[tokio::test]
async fn d8_a_row_that_is_live_again_is_upserted() {
    let mut table = keyed();
    table.append([(1, "a")]);
    table.equality_delete("k", [1]);
    table.delete().remove_deletes().commit();
    assert_eq!(last(&table).await, set([(UpdateAfter, (1, "a"))]));
}

#[tokio::test]
async fn o1_a_rewritten_file_upserts_all_its_rows() {
    let mut table = keyed();
    let f = table.append([(1, "a"), (2, "b"), (3, "c")]);
    table.overwrite().remove(f).rows([(1, "a"), (2, "x")]).commit();
    let mut expected = set([(Delete, (3, null()))]);
    expected.extend(set([(UpdateAfter, (1, "a")), (UpdateAfter, (2, "x"))]));
    assert_eq!(last(&table).await, expected);
}

#[tokio::test]
async fn r1_a_compaction_says_nothing() {
    let mut table = keyed();
    let f = table.append([(1, "a")]);
    let g = table.append([(2, "b")]);
    table.replace().remove(f).remove(g).rows_at(2, [(1, "a"), (2, "b")]).commit();
    assert_eq!(last(&table).await, nothing());
}

#[tokio::test]
async fn r4_rows_that_a_faulty_compaction_brings_back_are_upserted() {
    let mut table = keyed();
    let f = table.append([(1, "a"), (2, "x")]);
    table.equality_delete("k", [1]);
    table.replace().remove(f).rows_at(3, [(1, "a"), (2, "x")]).commit();
    assert_eq!(last(&table).await, set([(UpdateAfter, (1, "a")), (UpdateAfter, (2, "x"))]));
}

/// The key is `k`; a delete compares more than that, so it may leave the row with that key alone.
#[tokio::test]
async fn a_delete_over_other_columns_than_the_key_deletes_the_rows_it_removes() {
    let mut table = TestTable::v2("k int, v string, w int", "k");
    table.append([(1, "a", 5), (2, "b", 6), (3, "c", 6)]);
    table.delete().delete_where("k, v", [(1, "a"), (2, "other")]).commit();
    assert_eq!(last(&table).await, set([(Delete, (1, null(), null()))]));
    table.equality_delete("w", [6]);
    assert_eq!(last(&table).await, set([(Delete, (2, null(), null())), (Delete, (3, null(), null()))]));
}

/// The row is in another partition than the delete, which does not reach it.
#[tokio::test]
async fn u13_a_delete_that_does_not_reach_the_row_of_its_key_deletes_nothing() {
    let mut table = partitioned();
    table.append([(1, "a", "p1")]);
    table.delete().delete_where_in("p2", "k", [1]).commit();
    assert_eq!(last(&table).await, nothing());
}

/// The row was written under another partition spec, which the delete does not reach.
#[tokio::test]
async fn e7_a_delete_of_another_partition_spec_deletes_nothing() {
    let mut table = TestTable::v2("k int, v string", "k");
    table.append([(1, "a")]);
    table.partition_by(&[("k", frazil_testkit::Transform::Identity)]);
    table.delete().delete_where_in(1, "k", [1]).commit();
    assert_eq!(last(&table).await, nothing());
}

/// A delete with an older number than its snapshot's does not hit rows that came in between.
#[tokio::test]
async fn a_delete_with_an_older_number_deletes_what_it_removes() {
    let mut table = keyed();
    table.append([(1, "a"), (2, "b")]);
    table.overwrite().delete_where("k", [1]).rows([(1, "c")]).commit();
    let file = table.write_equality(frazil_testkit::EqualitySpec {
        column_ids: table.schema().ids_of("k"),
        rows: vec![vec![1.into()], vec![2.into()]],
        ..Default::default()
    });
    table.delete().file(file, Some(2)).commit();
    assert_eq!(last(&table).await, set([(Delete, (2, null()))]));
}

#[tokio::test]
async fn all_rows_of_the_start_are_inserts() {
    let mut table = keyed();
    table.append([(1, "a")]);
    let options = ReadOptions { from: From::Full, ..upsert() };
    let (deliveries, error) = built::changes(&table.table(), options).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(deliveries[0].changes, set([(Insert, (1, "a"))]));
}

#[tokio::test]
async fn a_required_column_is_null_in_a_delete() {
    let mut table = TestTable::v2("k int, v string, w int", "k,w");
    let first = table.append([(1, "a", 5)]);
    table.set_identifier("k");
    table.append([(2, "b", 6)]);
    table.delete().remove(first).commit();
    let start = table.lineage(MAIN)[1].id;
    let options = ReadOptions { from: From::SnapshotInclusive(SnapshotId::new(start)), ..upsert() };
    let (deliveries, error) = built::changes(&table.table(), options).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(deliveries[1].changes, set([(Delete, (1, null(), null()))]));
    let nullable: Vec<bool> = deliveries[1].schema.fields().iter().map(|field| field.is_nullable()).collect();
    assert_eq!(nullable, [false, true, true]);
}

#[tokio::test]
async fn without_a_key_it_is_refused() {
    let mut table = TestTable::v2("k int, v string", "");
    table.append([(1, "a")]);
    let error = super::error(&table, upsert()).await;
    assert_eq!(error.code(), "INVALID_ARGUMENT");
    assert!(error.to_string().contains("--key"), "{error}");
}

#[tokio::test]
async fn columns_without_the_key_are_refused() {
    let mut table = keyed();
    table.append([(1, "a")]);
    let error = super::error(&table, ReadOptions { columns: Some(vec!["v".to_owned()]), ..upsert() }).await;
    assert_eq!(error.code(), "INVALID_ARGUMENT");
    assert!(error.to_string().contains("`k`"), "{error}");
}

#[tokio::test]
async fn x4_a_changed_key_ends_it_whatever_the_policy() {
    let mut table = TestTable::v2("k int, j int, v string", "k");
    table.append([(1, 1, "a")]);
    table.set_identifier("j");
    table.append([(2, 2, "b")]);
    let options = ReadOptions { on_key_change: OnKeyChange::Continue, ..upsert() };
    assert_eq!(super::error(&table, options).await.code(), "KEY_CHANGED");
}

#[tokio::test]
async fn the_header_says_that_before_images_are_not_exact() {
    let mut table = keyed();
    table.append([(1, "a")]);
    let upserts = frazil_reader::read_changes(&table.table(), upsert()).await.unwrap();
    assert!(!upserts.header().exact_before);
    let changelog = frazil_reader::read_changes(&table.table(), options()).await.unwrap();
    assert!(changelog.header().exact_before);
}

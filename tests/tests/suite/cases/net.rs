//! Mode `net`, and the policies for keys that change and snapshots that do more than add.

use frazil_reader::{From, Mode, OnKeyChange, OnNonAppend, Phase, ReadOptions, To};
use frazil_table::SnapshotId;
use frazil_testkit::Kind::{Delete, Insert, UpdateAfter, UpdateBefore};
use frazil_testkit::{Change, TestTable};

use super::{keyed, nothing, options, set};
use crate::built::{self, Delivery};

async fn read(table: &TestTable, options: ReadOptions) -> Vec<Delivery> {
    let (deliveries, error) = built::changes(&table.table(), options).await;
    assert!(error.is_none(), "{error:?}");
    deliveries
}

/// The net changes after a snapshot.
async fn net(table: &TestTable, after: i64) -> Vec<Change> {
    let from = From::SnapshotExclusive(SnapshotId::new(after));
    let mut deliveries = read(table, ReadOptions { mode: Mode::Net, from, ..options() }).await;
    assert_eq!(deliveries.len(), 1);
    deliveries.pop().unwrap().changes
}

#[tokio::test]
async fn the_first_and_the_last_image_of_a_key_remain() {
    let mut table = keyed();
    let start = table.delta("append").rows([(1, "a"), (2, "b"), (3, "c"), (4, "d")]).commit();
    table.overwrite().delete_where("k", [1]).rows([(1, "b")]).commit();
    table.overwrite().delete_where("k", [1, 5]).rows([(1, "c"), (5, "e")]).commit();
    table.overwrite().delete_where("k", [2]).rows([(2, "x")]).commit();
    table.overwrite().delete_where("k", [2, 3, 5]).rows([(2, "b"), (6, "f")]).commit();
    // 2 is back as it was, 5 came and went.
    let expected = set([(Delete, (3, "c")), (UpdateBefore, (1, "a")), (UpdateAfter, (1, "c")), (Insert, (6, "f"))]);
    assert_eq!(net(&table, start).await, expected);
}

#[tokio::test]
async fn compactions_in_the_range_leave_no_trace() {
    let mut table = keyed();
    let start = table.delta("append").rows([(1, "a")]).commit();
    let g = table.append([(2, "b"), (3, "c")]);
    let h = table.append([(4, "d")]);
    table.replace().remove(g).remove(h).rows_at(3, [(2, "b"), (3, "c"), (4, "d")]).commit();
    table.overwrite().delete_where("k", [3]).rows([(3, "x")]).commit();
    // (3, c) was added in one file and removed from another.
    let expected = set([(Insert, (2, "b")), (Insert, (4, "d")), (Insert, (3, "x"))]);
    assert_eq!(net(&table, start).await, expected);
}

#[tokio::test]
async fn without_a_key_whole_rows_are_summed_up() {
    let mut table = TestTable::v2("k int, v string", "");
    let f = table.append([(1, "a"), (1, "a"), (2, "b")]);
    let start = table.main_head();
    table.delete().delete_at(&f, [0]).commit();
    table.append([(2, "b"), (3, "c")]);
    table.delete().delete_at(&f, [0, 1]).commit();
    table.append([(1, "a")]);
    assert_eq!(net(&table, start).await, set([(Delete, (1, "a")), (Insert, (2, "b")), (Insert, (3, "c"))]));
}

#[tokio::test]
async fn a_range_that_changes_nothing_is_one_snapshot_without_changes() {
    let mut table = keyed();
    let start = table.delta("append").rows([(1, "a")]).commit();
    table.append([(2, "b")]);
    table.equality_delete("k", [2]);
    assert_eq!(net(&table, start).await, nothing());
}

#[tokio::test]
async fn it_is_told_of_as_the_last_snapshot_relative_to_the_first() {
    let mut table = keyed();
    let ids = [1, 2, 3, 4].map(|k| table.delta("append").rows([(k, "a")]).commit());
    let options = ReadOptions {
        mode: Mode::Net,
        from: From::SnapshotExclusive(SnapshotId::new(ids[0])),
        to: To::Snapshot(SnapshotId::new(ids[2])),
        ..options()
    };
    let deliveries = read(&table, options).await;
    assert_eq!(deliveries.len(), 1);
    let info = &deliveries[0].snapshot;
    assert_eq!((info.snapshot_id.get(), info.ordinal, info.phase), (ids[2], 0, Phase::Incremental));
    assert_eq!(info.parent_snapshot_id.map(SnapshotId::get), Some(ids[0]));
    assert_eq!(deliveries[0].changes, set([(Insert, (2, "a")), (Insert, (3, "a"))]));
}

#[tokio::test]
async fn where_the_start_has_expired_all_rows_are_inserts() {
    let mut table = keyed();
    let first = table.delta("append").rows([(1, "a")]).commit();
    table.append([(2, "b")]);
    table.overwrite().delete_where("k", [2]).rows([(2, "c")]).commit();
    table.expire([first]);
    let deliveries = read(&table, ReadOptions { mode: Mode::Net, ..options() }).await;
    assert_eq!(deliveries[0].snapshot.phase, Phase::Full);
    assert_eq!(deliveries[0].changes, set([(Insert, (1, "a")), (Insert, (2, "c"))]));
}

#[tokio::test]
async fn images_of_a_range_have_the_schema_of_its_end() {
    let mut table = TestTable::v3("k int, v string", "k");
    let start = table.delta("append").rows([(1, "a"), (2, "b")]).commit();
    table.overwrite().delete_where("k", [1]).rows([(1, "x")]).commit();
    table.add_column("c", "int", 7);
    table.overwrite().delete_where("k", [2]).rows([(2, "b", 8)]).commit();
    let expected = set([
        (UpdateBefore, (1, "a", 7)),
        (UpdateAfter, (1, "x", 7)),
        (UpdateBefore, (2, "b", 7)),
        (UpdateAfter, (2, "b", 8)),
    ]);
    assert_eq!(net(&table, start).await, expected);
}

#[tokio::test]
async fn whole_rows_are_compared_whatever_is_shown() {
    let mut table = keyed();
    let start = table.delta("append").rows([(1, "a"), (2, "b")]).commit();
    table.overwrite().delete_where("k", [1, 2]).rows([(1, "a"), (2, "c")]).commit();
    let options = ReadOptions {
        mode: Mode::Net,
        from: From::SnapshotExclusive(SnapshotId::new(start)),
        columns: Some(vec!["k".to_owned()]),
        ..options()
    };
    assert_eq!(read(&table, options).await[0].changes, set([(UpdateBefore, 2), (UpdateAfter, 2)]));
}

/// Two identifier fields in turn, with an update before, in and after the snapshot where they change.
fn with_new_key() -> TestTable {
    let mut table = TestTable::v2("k int, j int, v string", "k");
    table.append([(1, 10, "a"), (2, 20, "b")]);
    table.overwrite().delete_where("k", [1]).rows([(1, 10, "c")]).commit();
    table.set_identifier("j");
    table.overwrite().delete_where("k", [1]).rows([(1, 10, "d")]).commit();
    table.overwrite().delete_where("j", [20]).rows([(3, 20, "e")]).commit();
    table
}

#[tokio::test]
async fn x4_a_stream_can_go_on_with_the_new_key_without_pairs_in_between() {
    let table = with_new_key();
    let deliveries = read(&table, ReadOptions { on_key_change: OnKeyChange::Continue, ..options() }).await;
    assert_eq!(deliveries[1].changes, set([(UpdateBefore, (1, 10, "a")), (UpdateAfter, (1, 10, "c"))]));
    assert_eq!(deliveries[1].key_change, None);
    assert_eq!(deliveries[2].key_change, Some((vec!["k".to_owned()], vec!["j".to_owned()])));
    assert_eq!(deliveries[2].changes, set([(Delete, (1, 10, "c")), (Insert, (1, 10, "d"))]));
    assert_eq!(deliveries[3].key_change, None);
    assert_eq!(deliveries[3].changes, set([(UpdateBefore, (2, 20, "b")), (UpdateAfter, (3, 20, "e"))]));
    built::check_fold(&table, &deliveries).unwrap();
}

#[tokio::test]
async fn x4_a_range_with_two_keys_is_summed_up_by_whole_rows() {
    let table = with_new_key();
    let start = table.lineage(frazil_testkit::MAIN)[0].id;
    let from = From::SnapshotExclusive(SnapshotId::new(start));
    let base = ReadOptions { mode: Mode::Net, from, ..options() };
    assert_eq!(super::error(&table, base.clone()).await.code(), "KEY_CHANGED");
    let deliveries = read(&table, ReadOptions { on_key_change: OnKeyChange::Continue, ..base }).await;
    let expected = [(Delete, (1, 10, "a")), (Delete, (2, 20, "b")), (Insert, (1, 10, "d")), (Insert, (3, 20, "e"))];
    assert_eq!(deliveries[0].changes, set(expected));
    assert_eq!(deliveries[0].key_change, Some((vec!["k".to_owned()], vec!["j".to_owned()])));
}

#[tokio::test]
async fn u2_a_row_written_again_as_it_was_can_be_an_update() {
    let mut table = keyed();
    table.append([(1, "a"), (2, "b")]);
    table.overwrite().delete_where("k", [1, 2]).rows([(1, "a"), (2, "c")]).commit();
    let mut deliveries = read(&table, ReadOptions { emit_noop_updates: true, ..options() }).await;
    let expected =
        set([(UpdateBefore, (1, "a")), (UpdateAfter, (1, "a")), (UpdateBefore, (2, "b")), (UpdateAfter, (2, "c"))]);
    assert_eq!(deliveries.pop().unwrap().changes, expected);
}

#[tokio::test]
async fn r1_a_compaction_is_no_update_that_changes_nothing() {
    let mut table = keyed();
    let f = table.append([(1, "a")]);
    let g = table.append([(2, "b")]);
    table.replace().remove(f).remove(g).rows_at(2, [(1, "a"), (2, "b")]).commit();
    for replace_check in [frazil_reader::ReplaceCheck::Metadata, frazil_reader::ReplaceCheck::Full] {
        let options = ReadOptions { emit_noop_updates: true, replace_check, ..options() };
        assert_eq!(read(&table, options).await.pop().unwrap().changes, nothing());
    }
}

/// An append, an upsert, a delete, an append.
fn mixed() -> TestTable {
    let mut table = keyed();
    table.append([(1, "a"), (2, "b")]);
    let delta = table.overwrite().delete_where("k", [1]).rows([(1, "b"), (9, "z")]);
    let g = delta.last_path();
    delta.delete_at(&g, [1]).commit();
    table.equality_delete("k", [2]);
    table.append([(3, "c")]);
    table
}

#[tokio::test]
async fn snapshots_that_do_more_than_add_can_be_skipped() {
    let options = ReadOptions { mode: Mode::Append, on_non_append: OnNonAppend::Skip, ..options() };
    let changes: Vec<_> = read(&mixed(), options).await.into_iter().map(|delivery| delivery.changes).collect();
    let expected = [set([(Insert, (1, "a")), (Insert, (2, "b"))]), nothing(), nothing(), set([(Insert, (3, "c"))])];
    assert_eq!(changes, expected);
}

#[tokio::test]
async fn of_snapshots_that_do_more_than_add_the_added_rows_can_be_had() {
    let options = ReadOptions { mode: Mode::Append, on_non_append: OnNonAppend::AddedOnly, ..options() };
    let changes: Vec<_> = read(&mixed(), options).await.into_iter().map(|delivery| delivery.changes).collect();
    let expected = [
        set([(Insert, (1, "a")), (Insert, (2, "b"))]),
        set([(Insert, (1, "b"))]),
        nothing(),
        set([(Insert, (3, "c"))]),
    ];
    assert_eq!(changes, expected);
}

#[tokio::test]
async fn r4_of_a_faulty_compaction_the_added_rows_are_those_it_brought_back() {
    let mut table = keyed();
    let f = table.append([(1, "a"), (2, "x")]);
    table.equality_delete("k", [1]);
    table.replace().remove(f).rows_at(3, [(1, "a"), (2, "x")]).commit();
    let base = ReadOptions { mode: Mode::Append, ..options() };
    let from = From::SnapshotInclusive(SnapshotId::new(table.main_head()));
    assert_eq!(super::error(&table, ReadOptions { from: from.clone(), ..base.clone() }).await.code(), "NON_APPEND");
    let added = ReadOptions { on_non_append: OnNonAppend::AddedOnly, from: from.clone(), ..base.clone() };
    assert_eq!(read(&table, added).await[0].changes, set([(Insert, (1, "a"))]));
    let skipped = ReadOptions { on_non_append: OnNonAppend::Skip, from, ..base };
    assert_eq!(read(&table, skipped).await[0].changes, nothing());
}

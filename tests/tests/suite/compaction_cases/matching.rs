//! Cases 21 to 28: which rows deletes apply to, and which files are rewritten.

use std::fmt::Write as _;

use frazil_compactor::{GroupOutcome, LeftAlone};
use frazil_table::commit::{FileRef, SnapshotChange};
use frazil_table::file::FileContent;
use frazil_testkit::{TestTable, Transform};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rstest::rstest;
use serde_json::json;

use super::table::Lab;

/// Case 21.
#[tokio::test]
async fn a_null_key_deletes_rows_with_null_only() {
    let lab = Lab::new(2, false).await;
    lab.append(&["- eu a", "0 eu b", "1 - c", "- - d"]).await;
    lab.delete_keys(&["-"]).await;
    assert_eq!(lab.rows().await, ["0 eu b", "1 - c"]);
    lab.append(&["- eu e", "2 - f", "3 us g"]).await;
    let of_two = lab.equality(None, &[1, 2], &["2 -", "- us", "3 -"]).await;
    lab.commit_deletes(of_two).await;
    let expected = ["- eu e", "0 eu b", "1 - c", "3 us g"];
    assert_eq!(lab.rows().await, expected);
    lab.compact().await;
    assert!(lab.live().await.deletes.is_empty());
    assert_eq!(lab.rows().await, expected);
}

/// Case 22: the same key in several partitions, one of them NULL, and a delete under the spec without a partition.
#[tokio::test]
async fn a_delete_reaches_its_own_partition_and_one_without_a_partition_all() {
    let lab = Lab::new(2, false).await;
    lab.append(&["1 eu a", "2 eu b", "9 us c"]).await;
    lab.respecify(true).await;
    lab.append(&["1 eu d", "2 eu e", "9 eu f"]).await;
    lab.append(&["1 us g", "2 us h", "9 - i", "1 - j"]).await;
    let of_eu = lab.equality(Some("eu"), &[1], &["1"]).await;
    let of_eu = lab.commit_deletes(of_eu).await;
    let expected = ["1 - j", "1 eu a", "1 us g", "2 eu b", "2 eu e", "2 us h", "9 - i", "9 eu f", "9 us c"];
    assert_eq!(lab.rows().await, expected);
    let global = lab.equality(None, &[1], &["9"]).await;
    let global = lab.commit_deletes(global).await;
    let expected: Vec<&str> = expected.into_iter().filter(|row| !row.starts_with('9')).collect();
    assert_eq!(lab.rows().await, expected);
    // A rewrite that began before a global delete, and is committed after it.
    let rewrite = lab.rewrite().await;
    let late = lab.commit_deletes(lab.equality(None, &[1], &["2"]).await).await;
    lab.finish(rewrite).await;
    assert_eq!([lab.lists(&of_eu).await, lab.lists(&global).await, lab.lists(&late).await], [false, false, true]);
    let expected: Vec<&str> = expected.into_iter().filter(|row| !row.starts_with('2')).collect();
    assert_eq!(lab.rows().await, expected);
    lab.compact().await;
    assert!(!lab.lists(&late).await);
    assert_eq!(lab.rows().await, expected);
}

/// A global delete stays while files of any partition are older.
#[tokio::test]
async fn a_delete_without_a_partition_outlives_all_older_files() {
    let mut lab = Lab::new(2, false).await;
    lab.respecify(true).await;
    lab.append(&["1 eu a", "2 eu b", "1 us c", "2 us d"]).await;
    let global = lab.commit_deletes(lab.equality(None, &[1], &["1"]).await).await;
    for (partition, is_left) in [("eu", true), ("us", false)] {
        lab.options.filter = Some(format!("p = '{partition}'"));
        lab.compact().await;
        assert_eq!(lab.lists(&global).await, is_left);
        assert_eq!(lab.rows().await, ["2 eu b", "2 us d"]);
    }
}

/// Case 23: keys of different columns one after the other, and of columns in another order than the schema's.
#[rstest]
#[tokio::test]
async fn keys_of_several_columns_are_matched_by_field_id(#[values(2, 3)] version: u8) {
    let lab = Lab::new(version, false).await;
    lab.append(&["1 eu a", "1 us b", "2 eu a", "3 eu c"]).await;
    let one = lab.equality(None, &[3, 1], &["a 2", "b 2"]).await;
    assert_eq!(one[0].equality_ids.iter().map(|id| id.get()).collect::<Vec<_>>(), [3, 1]);
    lab.commit_deletes(one).await;
    lab.append(&["2 eu a", "4 us d"]).await;
    lab.delete_keys(&["3"]).await;
    lab.append(&["3 eu x"]).await;
    let by_region = lab.equality(None, &[2, 1], &["us 1", "eu 4"]).await;
    lab.commit_deletes(by_region).await;
    lab.append(&["1 us y"]).await;
    let expected = ["1 eu a", "1 us y", "2 eu a", "3 eu x", "4 us d"];
    assert_eq!(lab.rows().await, expected);
    lab.compact().await;
    assert!(lab.live().await.deletes.is_empty());
    assert_eq!(lab.rows().await, expected);
}

/// Case 23: a column of a key is renamed and its name given away, one was added after the data, and one is dropped.
#[rstest]
#[tokio::test]
async fn keys_follow_columns_through_schema_changes(#[values(2, 3)] version: u8) {
    let lab = Lab::new(version, false).await;
    let column = |id: i32, name: &str, kind: &str| json!({"id": id, "name": name, "required": false, "type": kind});
    let (key, value) = (column(1, "k", "long"), column(3, "v", "string"));
    lab.append(&["1 eu a", "2 us b", "3 ap c"]).await;
    let by_region = lab.equality(None, &[2], &["eu"]).await;
    lab.commit_deletes(by_region).await;
    lab.evolve(json!([key, column(2, "region", "string"), value, column(4, "p", "string")])).await;
    lab.append(&["4 za d eu", "5 za e us"]).await;
    assert_eq!(lab.rows().await, ["2 us b -", "3 ap c -", "4 za d eu", "5 za e us"]);
    // Older rows have NULL in a column that was added later.
    let by_new = lab.equality(None, &[4, 1], &["- 3", "us 2", "us 5"]).await;
    lab.commit_deletes(by_new).await;
    assert_eq!(lab.rows().await, ["2 us b -", "4 za d eu"]);
    // The column that the first delete compares is no longer in the schema.
    lab.evolve(json!([column(4, "p", "string"), key, value])).await;
    lab.append(&["us 6 f"]).await;
    let expected = ["- 2 b", "eu 4 d", "us 6 f"];
    assert_eq!(lab.rows().await, expected);
    lab.compact().await;
    assert!(lab.live().await.deletes.is_empty());
    assert_eq!(lab.rows().await, expected);
}

/// Case 23: a column that was added with a default, by which older rows are deleted (version 3).
#[tokio::test]
async fn a_default_is_what_older_rows_are_compared_by() {
    let mut table = TestTable::v3("k int, v string", "");
    table.append([(1, "a"), (2, "b")]);
    table.add_column("state", "string", "new");
    table.append([(3, "c", "old"), (4, "d", "new")]);
    table.equality_delete("state,k", [("new", 1), ("old", 2), ("new", 4)]);
    let lab = Lab::of(&table).await;
    assert_eq!(lab.rows().await, ["2 b new", "3 c old"]);
    lab.compact().await;
    assert!(lab.live().await.deletes.is_empty());
    assert_eq!(lab.rows().await, ["2 b new", "3 c old"]);
}

/// Case 24: files of many row groups and pages, with deletes of both kinds, and more of them amid the rewrite.
#[rstest]
#[tokio::test]
async fn positions_are_those_of_the_file_across_row_groups(#[values(2, 3)] version: u8) {
    let properties = [("write.parquet.row-group-size-bytes", "20000"), ("write.parquet.page-row-limit", "100")];
    let lab = Lab::with_properties(version, false, &properties).await;
    let seed = 24;
    println!("seed={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let all: Vec<String> = (0..30_000).map(|k| format!("{k} eu v{}", k % 7)).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let file = lab.append(&all).await;
    assert!(file.split_offsets.len() > 3, "{:?}", file.split_offsets);
    let mut deleted = vec![false; all.len()];
    let mut some = |random: &mut StdRng, n: usize| -> Vec<u64> {
        let rows: Vec<u64> = (0..n).map(|_| random.random_range(0..30_000)).collect();
        rows.iter().for_each(|row| deleted[usize::try_from(*row).unwrap()] = true);
        rows
    };
    let mut by_position: Vec<u64> = some(&mut random, 500);
    lab.delete_at(&file, &by_position).await;
    let keys: Vec<String> = some(&mut random, 500).iter().map(u64::to_string).collect();
    lab.delete_keys(&keys.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let rewrite = lab.rewrite().await;
    by_position.extend(some(&mut random, 300));
    let old = if version == 2 { Vec::new() } else { lab.live().await.deletes };
    let old = old.iter().filter(|delete| delete.is_deletion_vector());
    let old = old.map(|delete| FileRef::of(delete)).collect();
    let new = lab.positions(&file, &by_position).await;
    lab.commit(SnapshotChange::row_delta(new, Vec::new(), old)).await;
    let outcome = lab.finish(rewrite).await;
    assert!(outcome.n_rows_remapped > 250, "{}", outcome.n_rows_remapped);
    let mut expected: Vec<String> =
        all.iter().zip(&deleted).filter(|(_, is_deleted)| !**is_deleted).map(|(row, _)| (*row).to_owned()).collect();
    expected.sort();
    assert!(lab.rows().await == expected, "after the first rewrite");
    lab.compact().await;
    assert!(lab.rows().await == expected, "after the second one");
    assert!(lab.live().await.deletes.is_empty());
}

/// Case 25: more deletes than data files, and the delete of the first file is the last one.
#[tokio::test]
async fn deletes_belong_to_files_by_scope_and_not_by_order() {
    let lab = Lab::new(2, false).await;
    let first = lab.append(&["1 eu a", "2 eu b"]).await;
    let second = lab.append(&["3 eu c", "4 eu d"]).await;
    let third = lab.append(&["1 eu e", "6 eu f"]).await;
    lab.delete_at(&third, &[1]).await;
    lab.delete_keys(&["3", "9"]).await;
    lab.append(&["3 eu g"]).await;
    lab.delete_at(&first, &[0]).await;
    let both = lab.positions(&second, &[1]).await;
    lab.commit_deletes(both).await;
    let expected = ["1 eu e", "2 eu b", "3 eu g"];
    assert_eq!(lab.rows().await, expected);
    lab.compact().await;
    assert!(lab.live().await.deletes.is_empty());
    assert_eq!(lab.rows().await, expected);
}

/// Case 26: no file is added, and none is left.
#[rstest]
#[tokio::test]
async fn a_table_whose_rows_are_all_deleted_becomes_empty(#[values(2, 3)] version: u8) {
    let lab = Lab::new(version, false).await;
    let first = lab.append(&["1 eu a", "2 eu b"]).await;
    lab.append(&["3 eu c"]).await;
    lab.delete_at(&first, &[0]).await;
    lab.delete_keys(&["2", "3"]).await;
    let report = lab.compact().await;
    assert_eq!((report.n_data_files_rewritten(), report.n_data_files_added()), (2, 0));
    assert_eq!(report.groups[0].outcome, GroupOutcome::Committed);
    let live = lab.live().await;
    assert_eq!((live.data.len(), live.deletes.len(), lab.rows().await.len()), (0, 0, 0));
    assert!(lab.compact().await.snapshot_ids.is_empty());
    lab.append(&["1 eu z"]).await;
    assert_eq!(lab.rows().await, ["1 eu z"]);
    lab.nothing_missing_and_nothing_left().await;
}

/// Case 26: rows of the one output that would be are deleted while the others are rewritten.
#[tokio::test]
async fn all_rows_of_an_output_may_be_deleted_meanwhile() {
    let lab = Lab::new(2, false).await;
    let first = lab.append(&["1 eu a", "2 eu b"]).await;
    let rewrite = lab.rewrite().await;
    lab.delete_at(&first, &[0, 1]).await;
    assert_eq!(lab.finish(rewrite).await.n_rows_remapped, 2);
    assert!(lab.rows().await.is_empty());
    lab.compact().await;
    let live = lab.live().await;
    assert_eq!((live.data.len(), live.deletes.len()), (0, 0));
}

/// Case 26: a table without a snapshot, and a commit without groups.
#[tokio::test]
async fn there_is_nothing_to_do_without_groups_or_snapshots() {
    let lab = Lab::new(2, false).await;
    assert!(lab.compact().await.snapshot_ids.is_empty());
    assert!(lab.table().await.metadata().current_snapshot().is_none());
    lab.append(&["1 eu a"]).await;
    let mut rewrite = lab.rewrite().await;
    rewrite.groups.clear();
    let outcome = lab.try_commit(rewrite).await.unwrap();
    assert!(outcome.committed.is_none() && outcome.conflicts.is_empty() && outcome.unknown.is_none());
    let mut plan = lab.plan().await;
    plan.groups[0].inputs.clear();
    let rewrite = lab.rewrite_planned(plan, 64 << 20).await;
    assert!(rewrite.outputs().is_empty());
    assert_eq!(lab.rows().await, ["1 eu a"]);
}

/// Case 27: keys that take many times the memory that they may.
#[tokio::test]
async fn more_keys_than_memory_are_applied_all_the_same() {
    let lab = Lab::new(2, false).await;
    let all: Vec<String> = (0..40_000).map(|k| format!("{k} eu {k}")).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    lab.append(&all).await;
    let keys: Vec<String> = (0..40_000).filter(|k| k % 100 != 7).map(|k: u32| k.to_string()).collect();
    lab.delete_keys(&keys.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let plan = lab.plan().await;
    // A quarter of it is for keys.
    let rewrite = lab.rewrite_planned(plan, 1 << 20).await;
    assert_eq!(rewrite.groups[0].1.n_rows_deleted, 39_600);
    lab.finish(rewrite).await;
    let mut expected: Vec<String> = (0..400).map(|n| format!("{0} eu {0}", n * 100 + 7)).collect();
    expected.sort();
    assert_eq!(lab.rows().await, expected);
    assert!(lab.live().await.deletes.is_empty());
}

/// Case 28.
#[tokio::test]
async fn a_file_above_the_target_is_split_once_and_then_left_alone() {
    let mut lab = Lab::with_properties(2, false, &[("write.parquet.compression-codec", "none")]).await;
    let mut random = StdRng::seed_from_u64(28);
    let mut text = String::new();
    let rows: Vec<String> = (0..20_000)
        .map(|k| {
            text.clear();
            write!(text, "{k} eu {:032x}", random.random::<u128>()).unwrap();
            text.clone()
        })
        .collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let file = lab.append(&rows).await;
    assert!(file.file_size_bytes > 600_000, "{}", file.file_size_bytes);
    let mut expected: Vec<String> = rows.iter().map(|row| (*row).to_owned()).collect();
    expected.sort();
    lab.options.rewrite_all = false;
    lab.options.target_file_size_bytes = Some(200_000);
    let report = lab.compact().await;
    assert_eq!(report.n_data_files_rewritten(), 1);
    assert!((3..=7).contains(&report.n_data_files_added()), "{report:?}");
    assert!(lab.rows().await == expected);
    for _ in 0..2 {
        let plan = lab.plan().await;
        assert!(plan.is_empty(), "{plan:?}");
        assert!(lab.compact().await.snapshot_ids.is_empty());
    }
    assert!(lab.rows().await == expected);
}

/// Case 28: whatever the deletes, a table that was just compacted plans nothing.
#[rstest]
#[tokio::test]
async fn what_was_just_compacted_is_planned_no_more(
    #[values(2, 3)] version: u8,
    #[values(false, true)] is_partitioned: bool,
) {
    let mut lab = Lab::new(version, is_partitioned).await;
    lab.options.rewrite_all = false;
    lab.options.min_input_files = 2;
    lab.options.delete_file_threshold = Some(1);
    let first = lab.append(&["1 eu a", "2 eu b"]).await;
    lab.append(&["3 us c"]).await;
    lab.upsert(&["1 eu d", "3 us e"]).await;
    lab.delete_at(&first, &[1]).await;
    lab.compact().await;
    let plan = lab.plan().await;
    assert!(plan.is_empty(), "{plan:?}");
    assert!(plan.left_alone().keys().all(|why| *why == LeftAlone::TooFewFiles), "{plan:?}");
    assert!(lab.live().await.data.iter().all(|file| file.content == FileContent::Data));
    assert_eq!(lab.rows().await, ["1 eu d", "3 us e"]);
}

/// The same key in partitions of several specs, as other writers leave them.
#[tokio::test]
async fn keys_are_matched_within_their_transformed_partition() {
    let mut table = TestTable::v2("k int, p string", "");
    table.partition_by(&[("p", Transform::Truncate(1))]);
    table.append([(1, "aa"), (2, "ab")]);
    table.append([(1, "ba")]);
    table.delete().delete_where_in(("a",), "k", [1]).commit();
    let lab = Lab::of(&table).await;
    assert_eq!(lab.rows().await, ["1 ba", "2 ab"]);
    lab.compact().await;
    assert_eq!(lab.rows().await, ["1 ba", "2 ab"]);
    assert!(lab.live().await.deletes.is_empty());
}

//! Cases 1 to 12: sequence numbers, and deletes that are committed while files are rewritten.

use std::sync::Arc;

use frazil_compactor::OnConflict;
use frazil_table::commit::{Change, CommitOutcome, CommitRequest, FileRef, SnapshotChange, dangling_deletes};
use frazil_table::file::{ColumnMetrics, WrittenFile};
use frazil_table::{DataSequenceNumber, FieldId};
use rstest::rstest;
use serde_json::json;

use super::table::{Fault, Lab};

/// `_file_path` of position deletes. Source: Iceberg spec, "Reserved Field IDs".
const DELETED_PATH: i32 = 2_147_483_546;

/// Case 1: rewritten from @1, then a delete @2 and an append @3.
#[rstest]
#[tokio::test]
async fn a_delete_committed_while_files_are_rewritten_applies_to_the_output(#[values(2, 3)] version: u8) {
    let lab = Lab::new(version, false).await;
    lab.append(&["1 eu a", "2 eu b"]).await;
    let rewrite = lab.rewrite().await;
    let delete = lab.delete_keys(&["1"]).await;
    lab.append(&["3 eu c"]).await;
    lab.finish(rewrite).await;
    assert!(lab.lists(&delete).await);
    assert_eq!(lab.rows().await, ["2 eu b", "3 eu c"]);
    // The next one applies it, and nothing is left of it.
    lab.compact().await;
    assert!(!lab.lists(&delete).await);
    assert_eq!(lab.rows().await, ["2 eu b", "3 eu c"]);
    lab.nothing_missing_and_nothing_left().await;
}

/// Case 2: commits @2 and @3 that only delete.
#[tokio::test]
async fn deletes_committed_one_after_the_other_are_both_kept() {
    let lab = Lab::new(2, false).await;
    lab.append(&["1 eu a", "2 eu b", "3 eu c"]).await;
    let rewrite = lab.rewrite().await;
    let deletes = [lab.delete_keys(&["1"]).await, lab.delete_keys(&["2"]).await];
    lab.finish(rewrite).await;
    for delete in &deletes {
        assert!(lab.lists(delete).await);
    }
    assert_eq!(lab.rows().await, ["3 eu c"]);
}

/// Case 3: upserts @2 and @3, then the data file of @2 is removed.
#[tokio::test]
async fn a_delete_outlives_the_data_file_that_came_with_it() {
    let lab = Lab::new(2, false).await;
    lab.append(&["1 eu old", "2 eu old", "3 eu old"]).await;
    let [first, second] = [lab.upsertion(&["1 eu new"]).await, lab.upsertion(&["2 eu new"]).await];
    let data = first.added[0].file.clone();
    let delete = first.added[1].file.clone();
    lab.commit(first).await;
    lab.commit(second).await;
    let data = FileRef::of(&*lab.entry(&data).await);
    let retired = lab.live().await.deletes;
    lab.commit(SnapshotChange { retired, ..SnapshotChange::overwrite([], vec![data]) }).await;
    assert!(lab.lists(&delete).await);
    assert_eq!(lab.rows().await, ["2 eu new", "3 eu old"]);
    lab.compact().await;
    assert!(lab.live().await.deletes.is_empty());
    assert_eq!(lab.rows().await, ["2 eu new", "3 eu old"]);
}

/// Case 4: what the manifest list says of the lowest sequence numbers is what the Java library drops deletes by.
#[rstest]
#[tokio::test]
async fn the_next_java_writer_drops_no_delete_that_is_needed(#[values(2, 3)] version: u8) {
    let lab = Lab::new(version, false).await;
    let first = lab.append(&["1 eu a", "2 eu b", "3 eu c", "4 eu d"]).await;
    let rewrite = lab.rewrite().await;
    let needed = lab.delete_keys(&["1"]).await;
    lab.append(&["5 eu e"]).await;
    let at = lab.delete_at(&first, &[1]).await;
    lab.finish(rewrite).await;
    assert!(!lab.lists(&at).await, "it was translated to the output");
    assert_eq!(lab.rows().await, ["3 eu c", "4 eu d", "5 eu e"]);
    lab.let_a_java_writer_commit().await;
    assert!(lab.lists(&needed).await);
    assert_eq!(lab.rows().await, ["3 eu c", "4 eu d", "5 eu e"]);
    // Files of an old commit that share a manifest with removed ones.
    lab.upsert(&["3 eu new", "6 eu f"]).await;
    let rewrite = lab.rewrite().await;
    lab.upsert(&["4 eu new"]).await;
    lab.finish(rewrite).await;
    for _ in 0..2 {
        lab.let_a_java_writer_commit().await;
        assert_eq!(lab.rows().await, ["3 eu new", "4 eu new", "5 eu e", "6 eu f"]);
    }
}

/// Case 5: below its inputs, rows that were written anew after a delete vanish; above the snapshot, deleted ones return.
#[rstest]
#[case::below_the_inputs(1)]
#[case::above_the_snapshot(4)]
#[tokio::test]
async fn a_sequence_number_outside_of_what_is_safe_is_refused(#[case] number: i64) {
    let lab = Lab::new(2, false).await;
    lab.append(&["1 eu a"]).await;
    lab.upsert(&["1 eu b"]).await;
    lab.append(&["2 eu c"]).await;
    let before = (lab.stored().await, lab.table().await.metadata_location().to_owned());
    let mut rewrite = lab.rewrite().await;
    rewrite.groups[0].0.data_sequence_number = DataSequenceNumber::new(number);
    let error = lab.try_commit(rewrite).await.unwrap_err();
    assert_eq!(error.code(), "INVALID_ARGUMENT", "{error}");
    assert!(error.to_string().contains("from `3` (its inputs) to `3`"), "{error}");
    assert_eq!((lab.stored().await, lab.table().await.metadata_location().to_owned()), before);
}

/// Case 6: an equality delete applies to older commits only, a position delete to its own, too.
#[rstest]
#[tokio::test]
async fn a_commit_deletes_rows_of_its_own_by_position_only(#[values(2, 3)] version: u8) {
    let lab = Lab::new(version, false).await;
    lab.append(&["1 eu old"]).await;
    // The key comes twice: its first row is deleted by position.
    lab.upsert(&["1 eu x", "2 eu b", "1 eu new"]).await;
    assert_eq!(lab.rows().await, ["1 eu new", "2 eu b"]);
    let plan = lab.plan().await;
    assert_eq!(plan.groups[0].data_sequence_number.get(), 2);
    lab.compact().await;
    assert!(lab.live().await.deletes.is_empty());
    assert_eq!(lab.rows().await, ["1 eu new", "2 eu b"]);
}

/// Case 7.
#[tokio::test]
async fn rows_deleted_by_position_meanwhile_stay_deleted() {
    let lab = Lab::new(2, false).await;
    let first = lab.append(&["1 eu a", "2 eu b", "3 eu c"]).await;
    let second = lab.append(&["4 eu d", "5 eu e"]).await;
    lab.delete_at(&first, &[0]).await;
    let rewrite = lab.rewrite().await;
    let meanwhile = [lab.delete_at(&first, &[2]).await, lab.delete_at(&second, &[1]).await];
    let output = rewrite.outputs()[0].clone();
    let outcome = lab.finish(rewrite).await;
    assert_eq!(outcome.n_rows_remapped, 2);
    assert_eq!(lab.rows().await, ["2 eu b", "4 eu d"]);
    for delete in &meanwhile {
        assert!(!lab.lists(delete).await);
    }
    let deletes = lab.live().await.deletes;
    assert_eq!(deletes.len(), 1);
    assert_eq!(deletes[0].referenced_data_file.as_ref(), Some(&output.path));
    lab.nothing_missing_and_nothing_left().await;
}

/// Case 7, without translation: by one commit nothing of the group goes in, by a whole run it is rewritten again.
#[tokio::test]
async fn a_group_whose_rows_were_deleted_is_redone() {
    let mut lab = Lab::new(2, false).await;
    let first = lab.append(&["1 eu a", "2 eu b"]).await;
    let rewrite = lab.rewrite().await;
    lab.delete_at(&first, &[0]).await;
    let outcome = lab.commit_resolved(rewrite, OnConflict::Redo).await.unwrap();
    assert!(outcome.committed.is_none(), "{outcome:?}");
    assert_eq!(outcome.conflicts.len(), 1);
    assert_eq!(lab.rows().await, ["2 eu b"]);
    lab.nothing_missing_and_nothing_left().await;

    let other = lab.append(&["3 eu c", "4 eu d"]).await;
    let delete = lab.positions(&other, &[1]).await;
    lab.will([Fault::Raced(SnapshotChange::row_delta(delete, Vec::new(), Vec::new()))]);
    lab.options.on_conflict = OnConflict::Redo;
    let report = lab.compact().await;
    assert_eq!((report.n_groups_overtaken, report.n_rows_remapped, lab.n_faults_left()), (1, 0, 0));
    assert_eq!(lab.rows().await, ["2 eu b", "3 eu c"]);
    assert!(lab.live().await.deletes.is_empty());
    lab.nothing_missing_and_nothing_left().await;
}

/// Case 8: a vector that is added, one that replaces another, and both between two tries of the commit.
#[tokio::test]
async fn the_output_has_one_deletion_vector_whatever_came_meanwhile() {
    let lab = Lab::new(3, false).await;
    let first = lab.append(&["1 eu a", "2 eu b", "3 eu c", "4 eu d"]).await;
    let second = lab.append(&["5 eu e", "6 eu f", "7 eu g"]).await;
    lab.delete_at(&first, &[0]).await;
    let replacing = async |target: &WrittenFile, rows: &[u64]| {
        let deletes = lab.live().await.deletes;
        let old = deletes.iter().filter(|old| old.referenced_data_file.as_ref() == Some(&target.path));
        let old = old.map(|old| FileRef::of(old)).collect();
        SnapshotChange::row_delta(lab.positions(target, rows).await, Vec::new(), old)
    };
    let rewrite = lab.rewrite().await;
    let output = rewrite.outputs()[0].path.clone();
    lab.commit(replacing(&first, &[0, 1]).await).await;
    lab.will([Fault::Raced(replacing(&second, &[2]).await)]);
    let outcome = lab.finish(rewrite).await;
    assert_eq!((outcome.n_rows_remapped, lab.n_faults_left()), (2, 0));
    assert_eq!(outcome.committed.unwrap().n_attempts, 2);
    assert_eq!(lab.rows().await, ["3 eu c", "4 eu d", "5 eu e", "6 eu f"]);
    let deletes = lab.live().await.deletes;
    assert_eq!(deletes.len(), 1, "{deletes:?}");
    assert_eq!(deletes[0].referenced_data_file.as_ref(), Some(&output));
    assert_eq!(deletes[0].record_count, 2);
    lab.nothing_missing_and_nothing_left().await;
}

/// Case 9: prepared before the rewrite was committed, and committed after it.
#[rstest]
#[tokio::test]
async fn deletes_at_a_replaced_file_dangle_and_nothing_fails(#[values(2, 3)] version: u8) {
    let lab = Lab::new(version, false).await;
    let first = lab.append(&["1 eu a", "2 eu b"]).await;
    let entry = FileRef::of(&*lab.entry(&first).await);
    let deletes = lab.positions(&first, &[0]).await;
    lab.compact().await;
    let checked = SnapshotChange::row_delta(deletes.clone(), vec![entry], Vec::new());
    let outcome = lab.committer.commit(CommitRequest::new(Change::Snapshot(Box::new(checked)))).await.unwrap();
    assert!(matches!(outcome, CommitOutcome::Conflict { .. }), "who asks is told: {outcome:?}");
    // Who does not ask writes deletes of nothing.
    let delete = lab.commit_deletes(deletes).await;
    assert_eq!(lab.rows().await, ["1 eu a", "2 eu b"]);
    let dangling = dangling_deletes(&lab.table().await, "main").await.unwrap();
    assert_eq!(dangling.iter().map(|file| &file.path).collect::<Vec<_>>(), [&delete.path]);
    let mut lab = lab;
    lab.options.remove_dangling_deletes = true;
    lab.compact().await;
    assert!(!lab.lists(&delete).await);
    assert_eq!(lab.rows().await, ["1 eu a", "2 eu b"]);
}

/// Case 10.
#[tokio::test]
async fn only_the_group_that_lost_a_file_is_left_out() {
    let lab = Lab::new(2, true).await;
    let eu = lab.append(&["1 eu a"]).await;
    lab.append(&["2 eu b"]).await;
    let us = lab.append(&["3 us c"]).await;
    lab.append(&["4 us d"]).await;
    let rewrite = lab.rewrite().await;
    assert_eq!(rewrite.groups.len(), 2);
    let gone = FileRef::of(&*lab.entry(&eu).await);
    let new = lab.data(&["9 eu z"]).await;
    lab.commit(SnapshotChange::overwrite(new, vec![gone])).await;
    let outcome = lab.try_commit(rewrite).await.unwrap();
    assert!(outcome.committed.is_some());
    assert_eq!((outcome.group_ids.len(), outcome.conflicts.len()), (1, 1));
    assert!(outcome.conflicts[0].1.contains(&*eu.path), "{outcome:?}");
    assert_eq!(lab.rows().await, ["2 eu b", "3 us c", "4 us d", "9 eu z"]);
    let live = lab.live().await.data;
    assert_eq!(live.len(), 3);
    assert!(live.iter().all(|file| file.path != us.path));
    lab.nothing_missing_and_nothing_left().await;
}

/// Case 10: the file vanishes between two tries of one commit.
#[tokio::test]
async fn a_retry_puts_no_file_back() {
    let lab = Lab::new(2, false).await;
    let first = lab.append(&["1 eu a"]).await;
    lab.append(&["2 eu b"]).await;
    let gone = FileRef::of(&*lab.entry(&first).await);
    lab.will([Fault::Raced(SnapshotChange::overwrite([], vec![gone]))]);
    let report = lab.compact().await;
    assert_eq!((report.n_groups_overtaken, lab.n_faults_left()), (1, 0));
    assert_eq!(lab.rows().await, ["2 eu b"]);
    lab.nothing_missing_and_nothing_left().await;
}

/// Case 11: only the head is left in the metadata.
#[tokio::test]
async fn conflicts_are_seen_though_the_snapshot_that_was_read_has_expired() {
    let lab = Lab::new(2, true).await;
    let eu = lab.append(&["1 eu a", "2 eu b"]).await;
    let us = lab.append(&["3 us c", "4 us d"]).await;
    let ap = lab.append(&["5 ap e"]).await;
    let rewrite = lab.rewrite().await;
    lab.delete_at(&eu, &[0]).await;
    let gone = FileRef::of(&*lab.entry(&ap).await);
    lab.commit(SnapshotChange::overwrite([], vec![gone])).await;
    let of_us = lab.equality(Some("us"), &[1], &["3"]).await;
    let delete = lab.commit_deletes(of_us).await;
    lab.edit(|document| {
        let head = document["current-snapshot-id"].clone();
        document["snapshots"].as_array_mut().unwrap().retain(|snapshot| snapshot["snapshot-id"] == head);
        document["snapshot-log"] = json!([]);
    })
    .await;
    assert_eq!(lab.table().await.metadata().snapshots().count(), 1);
    let outcome = lab.try_commit(rewrite).await.unwrap();
    assert_eq!((outcome.group_ids.len(), outcome.conflicts.len(), outcome.n_rows_remapped), (2, 1, 1));
    assert!(lab.lists(&delete).await);
    assert_eq!(lab.rows().await, ["2 eu b", "4 us d"]);
    assert!(lab.live().await.data.iter().all(|file| file.path != us.path && file.path != eu.path));
}

/// Case 12: another writer's position deletes, which name a file that is not rewritten.
#[tokio::test]
async fn cut_bounds_that_could_name_an_input_are_no_conflict() {
    let lab = Lab::new(2, false).await;
    let input = lab.append(&["1 eu a", "2 eu b"]).await;
    let rewrite = lab.rewrite().await;
    let other = lab.append(&["3 eu c", "4 eu d"]).await;
    let mut deletes = lab.positions(&other, &[0]).await;
    let column = FieldId::new(DELETED_PATH);
    let common: Vec<u8> =
        input.path.bytes().zip(other.path.bytes()).take_while(|(a, b)| a == b).map(|(a, _)| a).collect();
    let mut upper = common.clone();
    *upper.last_mut().unwrap() += 1;
    deletes[0].referenced_data_file = None;
    deletes[0].metrics = Arc::new(ColumnMetrics {
        lower_bounds: [(column, common)].into(),
        upper_bounds: [(column, upper)].into(),
        ..ColumnMetrics::default()
    });
    let delete = lab.commit_deletes(deletes).await;
    let outcome = lab.finish(rewrite).await;
    assert_eq!(outcome.n_rows_remapped, 0);
    assert!(lab.lists(&delete).await, "it deletes a row of a file that stays");
    assert_eq!(lab.rows().await, ["1 eu a", "2 eu b", "4 eu d"]);
    assert!(lab.live().await.data.iter().all(|file| file.path != input.path));
}

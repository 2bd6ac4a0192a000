//! One commit, and one fault.

use std::collections::BTreeMap;
use std::collections::HashSet;
use std::sync::Arc;

use iceberg::spec::FormatVersion;
use rstest::rstest;

use super::fake::{FakeTarget, Fault, LOCATION, committer, data, file};
use crate::commit::{AddedFile, PendingCommit};
use crate::commit::{Change, CommitOutcome, CommitRequest, Committed, FileRef, RewriteCheck, Settled, SnapshotChange};
use crate::file::{FileContent, FileEntry, WrittenFile};
use crate::ids::DataSequenceNumber;
use crate::manifest::{LiveFiles, live_files};
use crate::table::Table;

pub(super) async fn table(target: &Arc<FakeTarget>) -> Table {
    committer(target.clone()).target().load().await.unwrap().table
}

pub(super) async fn live(target: &Arc<FakeTarget>) -> LiveFiles {
    let table = table(target).await;
    match table.metadata().current_snapshot() {
        None => LiveFiles::default(),
        Some(head) => live_files(&table, head).await.unwrap(),
    }
}

pub(super) async fn names(target: &Arc<FakeTarget>) -> Vec<String> {
    let files = live(target).await;
    let mut names: Vec<String> = files.data.iter().chain(&files.deletes).map(|file| name(&file.path)).collect();
    names.sort();
    names
}

pub(super) fn name(path: &str) -> String {
    path.rsplit('/').next().unwrap().trim_end_matches(".parquet").to_owned()
}

pub(super) async fn entry(target: &Arc<FakeTarget>, wanted: &str) -> Arc<FileEntry> {
    let files = live(target).await;
    files.data.into_iter().chain(files.deletes).find(|file| name(&file.path) == wanted).unwrap()
}

pub(super) async fn commit(target: &Arc<FakeTarget>, change: SnapshotChange) -> CommitOutcome {
    committer(target.clone()).commit(CommitRequest::new(change.into_change())).await.unwrap()
}

pub(super) fn committed(outcome: CommitOutcome) -> Committed {
    match outcome {
        CommitOutcome::Committed(committed) => committed,
        other => panic!("{other:?}"),
    }
}

pub(super) fn conflict(outcome: CommitOutcome) -> String {
    match outcome {
        CommitOutcome::Conflict { reason, .. } => reason,
        other => panic!("{other:?}"),
    }
}

fn unknown(outcome: CommitOutcome) -> PendingCommit {
    match outcome {
        CommitOutcome::StateUnknown { pending, .. } => *pending,
        other => panic!("{other:?}"),
    }
}

/// Every metadata file in the store is named by some metadata of the table, and every one that is named is there.
pub(super) async fn nothing_lost_and_nothing_left(target: &Arc<FakeTarget>) {
    let table = table(target).await;
    let mut named = HashSet::new();
    for snapshot in table.metadata().snapshots() {
        named.insert(snapshot.manifest_list().to_owned());
        for manifest in crate::manifest::manifest_list(&table, snapshot).await.unwrap().iter() {
            named.insert(manifest.path.to_string());
        }
    }
    let stored = target.storage.list(&format!("{LOCATION}/metadata")).await.unwrap();
    let stored: HashSet<String> =
        stored.into_iter().map(|file| file.path).filter(|path| !path.ends_with(".json")).collect();
    assert_eq!(stored, named);
}

pub(super) async fn new_table() -> Arc<FakeTarget> {
    FakeTarget::new(FormatVersion::V2, &[]).await
}

#[rstest]
#[case(FormatVersion::V1)]
#[case(FormatVersion::V2)]
#[case(FormatVersion::V3)]
#[tokio::test]
async fn files_are_appended_in_every_version(#[case] version: FormatVersion) {
    let target = FakeTarget::new(version, &[]).await;
    committed(commit(&target, SnapshotChange::append([data("a"), data("b")])).await);
    committed(commit(&target, SnapshotChange::append([data("c")]).with_watermark("w", 5)).await);
    assert_eq!(names(&target).await, ["a", "b", "c"]);
    let table = table(&target).await;
    let summary = &table.metadata().current_snapshot().unwrap().summary().additional_properties;
    assert_eq!(summary["total-data-files"], "3");
    assert_eq!(summary["total-records"], "30");
    assert_eq!(summary["watermark.w"], "5");
    let ids: Vec<_> = live(&target).await.data.iter().map(|file| file.first_row_id).collect();
    if version == FormatVersion::V3 {
        assert_eq!(ids, [Some(20), Some(0), Some(10)]);
        assert_eq!(table.metadata().next_row_id(), 30);
    } else {
        assert_eq!(ids, [None; 3]);
    }
    nothing_lost_and_nothing_left(&target).await;
}

#[tokio::test]
async fn a_watermark_stays_when_the_next_commit_says_none() {
    let target = new_table().await;
    committed(commit(&target, SnapshotChange::append([data("a")]).with_watermark("w", 5)).await);
    committed(commit(&target, SnapshotChange::append([data("b")])).await);
    let table = table(&target).await;
    assert_eq!(table.metadata().current_snapshot().unwrap().summary().additional_properties["watermark.w"], "5");
}

/// The summary tells who made the commit, and under which lock.
#[tokio::test]
async fn a_commit_says_its_id_and_fencing_token() {
    let target = new_table().await;
    let committed = committed(commit(&target, SnapshotChange::append([data("a")])).await);
    let table = table(&target).await;
    let summary = table.metadata().current_snapshot().unwrap().summary().additional_properties.clone();
    assert_eq!(summary["frazil.commit-id"], committed.commit_id);
    assert!(summary["frazil.fencing-token"].parse::<i64>().is_ok());
}

/// Case 13 and 14: of four files one is removed, three are EXISTING with the numbers that they had, and the removed one
/// does not come back.
#[tokio::test]
async fn files_that_stay_keep_their_numbers() {
    let target = new_table().await;
    let first = committed(commit(&target, SnapshotChange::append(["a", "b", "c", "d"].map(data))).await);
    let b = entry(&target, "b").await;
    committed(commit(&target, SnapshotChange::overwrite([data("e")], vec![FileRef::of(&b)])).await);
    committed(commit(&target, SnapshotChange::overwrite([], vec![FileRef::of(&*entry(&target, "c").await)])).await);
    assert_eq!(names(&target).await, ["a", "d", "e"]);
    let a = entry(&target, "a").await;
    assert_eq!((a.data_sequence_number.get(), a.file_sequence_number), (1, Some(1)));
    assert_eq!(Some(a.added_snapshot_id), first.snapshot_id);
    nothing_lost_and_nothing_left(&target).await;
}

/// Case 1: rewrite from S=1, then an equality delete @2 and an append @3; the rewritten file keeps 1.
#[tokio::test]
async fn an_equality_delete_committed_during_a_rewrite_still_applies() {
    let target = new_table().await;
    committed(commit(&target, SnapshotChange::append([data("a"), data("b")])).await);
    let inputs = [entry(&target, "a").await, entry(&target, "b").await];
    let delete = file(FileContent::EqualityDeletes, "e2", Some("eu"), 1);
    committed(commit(&target, SnapshotChange::row_delta([delete], Vec::new(), Vec::new())).await);
    committed(commit(&target, SnapshotChange::append([data("c")])).await);
    committed(commit(&target, rewrite(&inputs, "ab", 1)).await);
    assert_eq!(names(&target).await, ["ab", "c", "e2"]);
    let output = entry(&target, "ab").await;
    assert_eq!((output.data_sequence_number.get(), output.file_sequence_number), (1, Some(4)));
    // Case 4: the minimum must tell the truth, or the next writer drops the delete.
    let table = table(&target).await;
    let head = table.metadata().current_snapshot().unwrap();
    let list = crate::manifest::manifest_list(&table, head).await.unwrap();
    assert_eq!(list.iter().map(|manifest| manifest.min_sequence_number).min(), Some(1));
}

pub(super) fn rewrite(inputs: &[Arc<FileEntry>], output: &str, number: i64) -> SnapshotChange {
    let check = RewriteCheck { starting_sequence_number: number, ..RewriteCheck::default() };
    let number = DataSequenceNumber::new(number);
    let added = AddedFile::rewritten(data(output), number, number);
    SnapshotChange::rewrite(vec![added], inputs.iter().map(|file| FileRef::of(file)).collect(), check)
}

pub(super) fn position_delete(name: &str, target: &str) -> WrittenFile {
    WrittenFile {
        referenced_data_file: Some(data(target).path),
        ..file(FileContent::PositionDeletes, name, Some("eu"), 1)
    }
}

/// Case 7: rows that were deleted by position meanwhile would come back.
#[tokio::test]
async fn a_position_delete_on_a_rewritten_file_is_a_conflict() {
    let target = new_table().await;
    committed(commit(&target, SnapshotChange::append([data("a"), data("b"), data("c")])).await);
    let inputs = [entry(&target, "a").await, entry(&target, "b").await];
    let on_c = SnapshotChange::row_delta([position_delete("pc", "c")], Vec::new(), Vec::new());
    committed(commit(&target, on_c).await);
    let on_a = SnapshotChange::row_delta([position_delete("pa", "a")], Vec::new(), Vec::new());
    target.will([Fault::Raced(Box::new(on_a))]);
    let reason = conflict(commit(&target, rewrite(&inputs, "ab", 1)).await);
    assert!(reason.starts_with("rows of a rewritten file were deleted meanwhile"), "{reason}");
    assert_eq!(names(&target).await, ["a", "b", "c", "pa", "pc"]);
    nothing_lost_and_nothing_left(&target).await;
}

/// Case 10: a retry never puts a file back that another commit took out.
#[tokio::test]
async fn a_vanished_input_is_a_conflict() {
    let target = new_table().await;
    committed(commit(&target, SnapshotChange::append([data("a"), data("b")])).await);
    let inputs = [entry(&target, "a").await, entry(&target, "b").await];
    let other = SnapshotChange::overwrite([], vec![FileRef::of(&inputs[0])]);
    target.will([Fault::Raced(Box::new(other))]);
    let reason = conflict(commit(&target, rewrite(&inputs, "ab", 1)).await);
    assert!(reason.contains("no longer live"), "{reason}");
    assert_eq!(names(&target).await, ["b"]);
    nothing_lost_and_nothing_left(&target).await;
}

/// Case 9, at commit time: deletes that point into a replaced file would hit nothing.
#[tokio::test]
async fn deletes_that_point_into_a_replaced_file_are_a_conflict() {
    let target = new_table().await;
    committed(commit(&target, SnapshotChange::append([data("a")])).await);
    let a = entry(&target, "a").await;
    committed(commit(&target, SnapshotChange::overwrite([data("b")], vec![FileRef::of(&a)])).await);
    let late = SnapshotChange::row_delta([position_delete("pa", "a")], vec![FileRef::of(&a)], Vec::new());
    let reason = conflict(commit(&target, late).await);
    assert!(reason.contains("no longer live"), "{reason}");
}

pub(super) fn vector(name: &str, target: &str, offset: u64) -> WrittenFile {
    WrittenFile {
        format: crate::file::FileFormat::Puffin,
        content_range: Some((offset, 50)),
        ..position_delete(name, target)
    }
}

/// Case 8: a data file has one deletion vector, whoever was faster.
#[tokio::test]
async fn a_second_deletion_vector_is_a_conflict_and_a_replacement_is_not() {
    let target = FakeTarget::new(FormatVersion::V3, &[]).await;
    committed(commit(&target, SnapshotChange::append([data("a"), data("b")])).await);
    let first = || SnapshotChange::row_delta([vector("v1", "a", 4), vector("v1", "b", 60)], Vec::new(), Vec::new());
    committed(commit(&target, first()).await);
    let second = SnapshotChange::row_delta([vector("v2", "a", 4)], Vec::new(), Vec::new());
    let reason = conflict(commit(&target, second.clone()).await);
    assert!(reason.contains("deletion vector"), "{reason}");
    let old = live(&target).await.deletes.into_iter().find(|file| file.content_range == Some((4, 50))).unwrap();
    committed(commit(&target, SnapshotChange { removed: vec![FileRef::of(&old)], ..second }).await);
    let left: Vec<_> = live(&target).await.deletes.iter().map(|file| (name(&file.path), file.content_range)).collect();
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(left.contains(&("v1".to_owned(), Some((60, 50)))), "the other vector of the same file stays: {left:?}");
}

#[tokio::test]
async fn another_writer_in_between_costs_a_try() {
    let target = new_table().await;
    let others = ["x", "y", "z"].map(|name| Fault::Raced(Box::new(SnapshotChange::append([data(name)]))));
    target.will(others);
    assert_eq!(committed(commit(&target, SnapshotChange::append([data("a")])).await).n_attempts, 4);
    assert_eq!(names(&target).await, ["a", "x", "y", "z"]);
    nothing_lost_and_nothing_left(&target).await;
}

#[tokio::test]
async fn a_commit_that_always_loses_ends_as_a_conflict() {
    let target = new_table().await;
    target.will((0..5).map(|n| Fault::Raced(Box::new(SnapshotChange::append([data(&format!("x{n}"))])))));
    let reason = conflict(commit(&target, SnapshotChange::append([data("a")])).await);
    assert!(reason.starts_with("other writers came first, n_attempts=`5`"), "{reason}");
    nothing_lost_and_nothing_left(&target).await;
}

#[tokio::test]
async fn a_refusal_for_good_leaves_nothing() {
    let target = new_table().await;
    target.will([Fault::Forbidden]);
    let request = CommitRequest::new(SnapshotChange::append([data("a")]).into_change());
    assert_eq!(committer(target.clone()).commit(request).await.unwrap_err().to_string(), "forbidden");
    nothing_lost_and_nothing_left(&target).await;
}

/// Case 30, landed.
#[rstest]
#[case(Fault::LostAfter)]
#[case(Fault::LostThenOthers(3))]
#[case(Fault::Late(0))]
#[case(Fault::Late(2))]
#[tokio::test]
async fn a_lost_answer_of_a_commit_that_was_made_is_found_out(#[case] fault: Fault) {
    let target = new_table().await;
    target.will([fault]);
    assert_eq!(committed(commit(&target, SnapshotChange::append([data("a")])).await).n_attempts, 1);
    assert_eq!(names(&target).await, ["a"]);
    nothing_lost_and_nothing_left(&target).await;
}

/// Case 30, not landed and superseded: proved, so it is tried again, and is there once.
#[tokio::test]
async fn a_lost_request_that_can_no_longer_arrive_is_repeated() {
    let target = new_table().await;
    target.will([Fault::LostAndOvertaken(Box::new(SnapshotChange::append([data("x")])))]);
    assert_eq!(committed(commit(&target, SnapshotChange::append([data("a")])).await).n_attempts, 2);
    assert_eq!(names(&target).await, ["a", "x"]);
    nothing_lost_and_nothing_left(&target).await;
}

/// Nothing is deleted while the request may still arrive, and when it does, all its files are there.
#[tokio::test]
async fn what_may_still_arrive_keeps_its_files() {
    let target = new_table().await;
    target.will([Fault::Late(50)]);
    let pending = unknown(commit(&target, SnapshotChange::append([data("a")])).await);
    assert_eq!(pending.files.len(), 2);
    let committer = committer(target.clone());
    let mut n_looks = 0;
    let settled = loop {
        match committer.settle(&pending, &target.storage).await {
            Settled::Unknown(_) => n_looks += 1,
            other => break other,
        }
    };
    assert!(matches!(settled, Settled::Committed(_)), "{settled:?}");
    assert!(n_looks > 10, "{n_looks}");
    assert_eq!(names(&target).await, ["a"]);
    nothing_lost_and_nothing_left(&target).await;
}

#[tokio::test]
async fn what_was_not_made_is_cleaned_up_once_it_is_proved() {
    let target = new_table().await;
    target.will([Fault::LostBefore]);
    let pending = unknown(commit(&target, SnapshotChange::append([data("a")])).await);
    let written: Vec<String> = pending.files.clone();
    for file in &written {
        assert!(target.storage.exists(file).await.unwrap());
    }
    target.commit_of_another(SnapshotChange::append([data("x")])).await;
    let settled = committer(target.clone()).settle(&pending, &target.storage).await;
    assert!(matches!(settled, Settled::NotCommitted), "{settled:?}");
    assert_eq!(names(&target).await, ["x"]);
    nothing_lost_and_nothing_left(&target).await;
}

/// More commits than the metadata log keeps: what is not seen is not guessed.
#[tokio::test]
async fn a_log_that_does_not_reach_back_proves_nothing() {
    let target = FakeTarget::new(FormatVersion::V2, &[("write.metadata.previous-versions-max", "2")]).await;
    target.will([Fault::LostBefore]);
    let pending = unknown(commit(&target, SnapshotChange::append([data("a")])).await);
    for n in 0..4 {
        target.commit_of_another(SnapshotChange::append([data(&format!("x{n}"))])).await;
    }
    let settled = committer(target.clone()).settle(&pending, &target.storage).await;
    assert!(matches!(settled, Settled::Unknown(_)), "{settled:?}");
    assert!(target.storage.exists(&pending.files[0]).await.unwrap(), "nothing is deleted");
}

/// The metadata files that are there after some commits and one whose answer is lost, by number.
async fn metadata_files(properties: &[(&str, &str)], fault: Fault) -> Vec<u32> {
    let target = FakeTarget::new(FormatVersion::V2, properties).await;
    for n in 0..4 {
        let _ = committed(commit(&target, SnapshotChange::append([data(&format!("a{n}"))])).await);
    }
    target.will([fault]);
    let _ = commit(&target, SnapshotChange::append([data("b")])).await;
    let mut found = Vec::new();
    for n in 1..=10 {
        if target.storage.exists(&format!("{LOCATION}/metadata/{n:05}-x.metadata.json")).await.unwrap() {
            found.push(n);
        }
    }
    found
}

/// The first file is that of the new table, the sixth that of the last commit.
#[tokio::test]
async fn metadata_that_is_remembered_no_more_is_deleted_where_the_table_says_so() {
    let max = ("write.metadata.previous-versions-max", "2");
    let delete = ("write.metadata.delete-after-commit.enabled", "true");
    assert_eq!(metadata_files(&[max, delete], Fault::LostAfter).await, [4, 5, 6]);
    assert_eq!(metadata_files(&[delete], Fault::LostAfter).await, [1, 2, 3, 4, 5, 6]);
    assert_eq!(metadata_files(&[max], Fault::LostAfter).await, [1, 2, 3, 4, 5, 6]);
    let keep = ("write.metadata.delete-after-commit.enabled", "false");
    assert_eq!(metadata_files(&[max, keep], Fault::LostAfter).await, [1, 2, 3, 4, 5, 6]);
    // Nobody knows whether the last commit was made: what it would have dropped stays.
    assert_eq!(metadata_files(&[max, delete], Fault::LostBefore).await, [3, 4, 5]);
}

/// It was made and rolled back since: found in the metadata in between, and so not repeated.
#[tokio::test]
async fn a_commit_that_was_rolled_back_was_made() {
    let target = new_table().await;
    let first = committed(commit(&target, SnapshotChange::append([data("a")])).await);
    target.will([Fault::Late(50)]);
    let pending = unknown(commit(&target, SnapshotChange::append([data("b")])).await);
    let committer = committer(target.clone());
    while !names(&target).await.contains(&"b".to_owned()) {}
    let back = Change::set_branch("main", first.snapshot_id.unwrap().get());
    assert!(matches!(committer.commit(CommitRequest::new(back)).await.unwrap(), CommitOutcome::Committed(_)));
    assert_eq!(names(&target).await, ["a"]);
    assert!(matches!(committer.settle(&pending, &target.storage).await, Settled::Committed(_)));
}

#[tokio::test]
async fn properties_and_refs_are_set_and_dropped() {
    let target = new_table().await;
    let first = committed(commit(&target, SnapshotChange::append([data("a")])).await).snapshot_id.unwrap().get();
    let committer = committer(target.clone());
    let run = async |change| match committer.commit(CommitRequest::new(change)).await.unwrap() {
        CommitOutcome::Committed(committed) => assert_eq!(committed.snapshot_id, None),
        other => panic!("{other:?}"),
    };
    run(Change::set_branch("audit", first)).await;
    run(Change::set_tag("v1", first)).await;
    run(Change::Properties {
        set: BTreeMap::from([("x".to_owned(), "1".to_owned())]),
        remove: vec!["nothing".to_owned()],
    })
    .await;
    // Case 34: one branch moves, the other stays; sequence numbers are the table's.
    let on_audit = CommitRequest {
        branch: "audit".to_owned(),
        ..CommitRequest::new(SnapshotChange::append([data("b")]).into_change())
    };
    assert!(matches!(committer.commit(on_audit).await.unwrap(), CommitOutcome::Committed(_)));
    assert_eq!(names(&target).await, ["a"]);
    let now = table(&target).await;
    let audit = now.metadata().snapshot_for_ref("audit").unwrap();
    assert_eq!((audit.parent_snapshot_id(), audit.sequence_number()), (Some(first), 2));
    assert_eq!(now.metadata().properties()["x"], "1");
    let on_tag = CommitRequest {
        branch: "v1".to_owned(),
        ..CommitRequest::new(SnapshotChange::append([data("c")]).into_change())
    };
    let refused = committer.commit(on_tag).await.unwrap_err().to_string();
    assert_eq!(refused, "`v1` is a tag, and tags do not move; name a branch");
    run(Change::RemoveRef("v1".to_owned())).await;
    assert!(table(&target).await.metadata().snapshot_for_ref("v1").is_none());
}

/// A property commit whose answer is lost is known by its id.
#[tokio::test]
async fn a_lost_answer_of_a_property_commit_is_found_out() {
    let target = new_table().await;
    target.will([Fault::LostAfter]);
    let change = Change::Properties { set: BTreeMap::from([("x".to_owned(), "1".to_owned())]), remove: Vec::new() };
    let outcome = committer(target.clone()).commit(CommitRequest::new(change)).await.unwrap();
    assert_eq!(committed(outcome).n_attempts, 1);
}

#[tokio::test]
async fn small_manifests_are_merged_and_nothing_of_them_is_left() {
    let target = FakeTarget::new(FormatVersion::V3, &[("commit.manifest.min-count-to-merge", "4")]).await;
    let mut row_ids = BTreeMap::new();
    for n in 0..10 {
        committed(commit(&target, SnapshotChange::append([data(&format!("a{n}"))])).await);
        row_ids.insert(n, entry(&target, &format!("a{n}")).await.first_row_id);
    }
    let now = table(&target).await;
    let head = now.metadata().current_snapshot().unwrap();
    let n_manifests = crate::manifest::manifest_list(&now, head).await.unwrap().len();
    assert!(n_manifests <= 4, "{n_manifests}");
    let files = live(&target).await.data;
    assert_eq!(files.len(), 10);
    for file in files {
        let n: i64 = name(&file.path)[1..].parse().unwrap();
        assert_eq!(file.data_sequence_number.get(), n + 1, "{}", file.path);
        assert_eq!(file.first_row_id, row_ids[&n], "{}", file.path);
    }
    assert_eq!(target.n_faults_left(), 0);
    nothing_lost_and_nothing_left(&target).await;
}

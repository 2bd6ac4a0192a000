//! Rewrites beside other commits: what has to be mended, and which deletes go.

use std::sync::Arc;

use async_trait::async_trait;
use iceberg::spec::FormatVersion;
use rstest::rstest;

use super::fake::{FakeTarget, Fault, committer, data, file};
use super::protocol::{
    commit, committed, conflict, entry, live, names, new_table, nothing_lost_and_nothing_left, position_delete,
    rewrite, table, vector,
};
use crate::Result;
use crate::commit::{
    AddedFile, Change, CommitOutcome, CommitRequest, FileRef, Layout, Misfit, Rebase, RewriteCheck, SnapshotChange,
    dangling_deletes,
};
use crate::file::{FileContent, FileEntry, WrittenFile};
use crate::ids::FieldId;
use crate::table::Table;

fn equality(name: &str) -> WrittenFile {
    file(FileContent::EqualityDeletes, name, Some("eu"), 1)
}

async fn row_delta(target: &Arc<FakeTarget>, files: impl IntoIterator<Item = WrittenFile>) {
    committed(commit(target, SnapshotChange::row_delta(files, Vec::new(), Vec::new())).await);
}

/// A rewrite that has applied these deletes, and retires those that are dead.
async fn rewrite_applying(
    target: &Arc<FakeTarget>,
    inputs: &[&str],
    deletes: &[&str],
    output: &str,
    number: i64,
) -> SnapshotChange {
    let mut files = Vec::new();
    for input in inputs {
        files.push(entry(target, input).await);
    }
    let mut applied = Vec::new();
    for delete in deletes {
        applied.push(entry(target, delete).await);
    }
    let mut change = rewrite(&files, output, number);
    change.rewrite = change.rewrite.map(|check| RewriteCheck { applied, retires_deletes: true, ..check });
    change
}

/// Case 1 with a rewrite that has applied a delete: that one goes, the one committed meanwhile stays.
#[tokio::test]
async fn an_applied_delete_is_retired_and_a_concurrent_one_is_not() {
    let target = new_table().await;
    committed(commit(&target, SnapshotChange::append([data("a")])).await);
    row_delta(&target, [data("b"), equality("e2")]).await;
    let change = rewrite_applying(&target, &["a", "b"], &["e2"], "ab", 2).await;
    target.will([Fault::Raced(Box::new(SnapshotChange::row_delta(
        [equality("e3"), data("c")],
        Vec::new(),
        Vec::new(),
    )))]);
    committed(commit(&target, change).await);
    assert_eq!(names(&target).await, ["ab", "c", "e3"]);
    nothing_lost_and_nothing_left(&target).await;
}

/// Case 2 and 3: what is older than a delete and was not rewritten keeps it.
#[rstest]
#[case::nothing_older_is_left(&["a", "b"], &["ab", "c"])]
#[case::an_older_file_is_left(&["a"], &["ab", "b", "c", "e3"])]
#[tokio::test]
async fn a_delete_stays_while_an_older_file_is_live(#[case] inputs: &[&str], #[case] left: &[&str]) {
    let target = new_table().await;
    committed(commit(&target, SnapshotChange::append([data("a")])).await);
    committed(commit(&target, SnapshotChange::append([data("b")])).await);
    row_delta(&target, [data("c"), equality("e3")]).await;
    let change = rewrite_applying(&target, inputs, &["e3"], "ab", 3).await;
    committed(commit(&target, change).await);
    assert_eq!(names(&target).await, left);
}

/// An upsert of new keys: its delete is as old as the only rows of the partition, and no file needs it.
#[tokio::test]
async fn a_delete_that_never_had_anything_to_delete_is_retired() {
    let target = new_table().await;
    let us = |content, name| file(content, name, Some("us"), 1);
    committed(commit(&target, SnapshotChange::append([data("a")])).await);
    row_delta(&target, [us(FileContent::Data, "u"), us(FileContent::EqualityDeletes, "f2"), equality("e2")]).await;
    let input = entry(&target, "u").await;
    let mut change = rewrite_applying(&target, &["u"], &[], "u2", 2).await;
    change.added =
        vec![AddedFile::rewritten(us(FileContent::Data, "u2"), input.data_sequence_number, input.data_sequence_number)];
    committed(commit(&target, change).await);
    assert_eq!(names(&target).await, ["a", "e2", "u2"]);
}

/// The output has the number of its inputs, so that the delete still applies to it.
#[tokio::test]
async fn a_delete_stays_while_the_output_is_older() {
    let target = new_table().await;
    committed(commit(&target, SnapshotChange::append([data("a")])).await);
    row_delta(&target, [equality("e2")]).await;
    let change = rewrite_applying(&target, &["a"], &["e2"], "a2", 1).await;
    committed(commit(&target, change).await);
    assert_eq!(names(&target).await, ["a2", "e2"]);
}

/// Case 19: a delete of another partition is none of this partition's business.
#[tokio::test]
async fn deletes_are_retired_partition_by_partition() {
    let target = new_table().await;
    let us = |content, name| file(content, name, Some("us"), 1);
    committed(commit(&target, SnapshotChange::append([data("a"), us(FileContent::Data, "u")])).await);
    row_delta(&target, [equality("e2"), us(FileContent::EqualityDeletes, "f2")]).await;
    let mut change = rewrite_applying(&target, &["a"], &["e2"], "a2", 2).await;
    change.retired.push(entry(&target, "f2").await);
    committed(commit(&target, change).await);
    assert_eq!(names(&target).await, ["a2", "f2", "u"]);
}

/// Case 18: position deletes go with the one file that they name, and stay while they may name another.
#[tokio::test]
async fn position_deletes_go_with_their_file() {
    let target = new_table().await;
    committed(commit(&target, SnapshotChange::append([data("a"), data("b")])).await);
    row_delta(&target, [position_delete("pa", "a"), position_delete("pb", "b")]).await;
    let mut change = rewrite_applying(&target, &["a"], &["pa"], "a2", 2).await;
    change.retired.push(entry(&target, "pb").await);
    committed(commit(&target, change).await);
    assert_eq!(names(&target).await, ["a2", "b", "pb"]);
    nothing_lost_and_nothing_left(&target).await;
}

/// A deletion vector goes with its data file; the other one in the same puffin file stays.
#[tokio::test]
async fn a_deletion_vector_goes_with_its_file() {
    let target = FakeTarget::new(FormatVersion::V3, &[]).await;
    committed(commit(&target, SnapshotChange::append([data("a"), data("b")])).await);
    row_delta(&target, [vector("v", "a", 4), vector("v", "b", 60)]).await;
    let of_a = live(&target).await.deletes.into_iter().find(|file| file.content_range == Some((4, 50))).unwrap();
    let mut change = rewrite_applying(&target, &["a"], &[], "a2", 2).await;
    change.rewrite = change.rewrite.map(|check| RewriteCheck { applied: vec![of_a], ..check });
    committed(commit(&target, change).await);
    let left: Vec<_> = live(&target).await.deletes.iter().map(|file| file.content_range).collect();
    assert_eq!(left, [Some((60, 50))]);
}

#[tokio::test]
async fn deletes_without_files_to_apply_to_dangle() {
    let target = new_table().await;
    committed(commit(&target, SnapshotChange::append([data("a")])).await);
    row_delta(&target, [equality("e2"), position_delete("pa", "a"), position_delete("px", "x")]).await;
    let dangling = async || {
        let table = table(&target).await;
        let found = dangling_deletes(&table, "main").await.unwrap();
        found.iter().map(|delete| super::protocol::name(&delete.path)).collect::<Vec<_>>()
    };
    assert_eq!(dangling().await, ["px"]);
    let a = entry(&target, "a").await;
    committed(commit(&target, SnapshotChange::overwrite([data("b")], vec![FileRef::of(&a)])).await);
    let mut found = dangling().await;
    found.sort();
    assert_eq!(found, ["e2", "pa", "px"]);
}

/// The rows that the delete removed are in no output, but nobody deletes them any more.
#[tokio::test]
async fn an_applied_delete_that_is_gone_is_a_conflict() {
    let target = new_table().await;
    committed(commit(&target, SnapshotChange::append([data("a")])).await);
    row_delta(&target, [equality("e2"), position_delete("pa", "a")]).await;
    for gone in ["e2", "pa"] {
        let change = rewrite_applying(&target, &["a"], &["e2", "pa"], "a2", 2).await;
        let other = SnapshotChange::overwrite([], vec![FileRef::of(&*entry(&target, gone).await)]);
        target.will([Fault::Raced(Box::new(other))]);
        let reason = conflict(commit(&target, change).await);
        assert!(reason.starts_with("deletes of a rewritten file are not those"), "{reason}");
        row_delta(&target, [if gone == "e2" { equality("e2") } else { position_delete("pa", "a") }]).await;
    }
}

/// An older head, and a delete of its own: the branch did not go on from the snapshot that was read.
#[tokio::test]
async fn a_delete_that_was_in_the_snapshot_and_not_applied_is_a_conflict() {
    let target = new_table().await;
    committed(commit(&target, SnapshotChange::append([data("a")])).await);
    let unaware = rewrite_applying(&target, &["a"], &[], "a2", 2).await;
    row_delta(&target, [equality("e2")]).await;
    let reason = conflict(commit(&target, unaware).await);
    assert!(reason.starts_with("deletes of a rewritten file are not those"), "{reason}");
}

/// A writer that knows an older schema deletes by a column that rewritten files do not have.
#[tokio::test]
async fn a_concurrent_delete_by_a_dropped_column_is_a_conflict() {
    let target = new_table().await;
    committed(commit(&target, SnapshotChange::append([data("a")])).await);
    let change = rewrite_applying(&target, &["a"], &[], "a2", 1).await;
    let by_dropped = WrittenFile { equality_ids: vec![FieldId::new(1), FieldId::new(99)], ..equality("e2") };
    target.will([Fault::Raced(Box::new(SnapshotChange::row_delta([by_dropped], Vec::new(), Vec::new())))]);
    let reason = conflict(commit(&target, change).await);
    assert!(reason.starts_with("deletes of a rewritten file are not those"), "{reason}");
    assert_eq!(names(&target).await, ["a", "e2"]);
}

/// A table that was upgraded gives its rows ids by its first commit; a rewrite that read them before would give others.
#[tokio::test]
async fn row_ids_given_meanwhile_are_a_conflict() {
    let target = FakeTarget::new(FormatVersion::V3, &[]).await;
    committed(commit(&target, SnapshotChange::append([data("a")])).await);
    let mut change = rewrite_applying(&target, &["a"], &[], "a2", 1).await;
    assert_eq!(change.removed[0].first_row_id.take(), Some(0));
    let reason = conflict(commit(&target, change).await);
    assert!(reason.starts_with("rows of a rewritten file were given ids meanwhile"), "{reason}");
}

/// Case 31.
#[tokio::test]
async fn another_schema_or_spec_is_a_conflict() {
    let target = new_table().await;
    committed(commit(&target, SnapshotChange::append([data("a")])).await);
    let mut change = rewrite_applying(&target, &["a"], &[], "a2", 1).await;
    let layout = Layout::of(&table(&target).await);
    let with = |change: &mut SnapshotChange, layout| {
        change.rewrite = change.rewrite.take().map(|check| RewriteCheck { layout: Some(layout), ..check });
    };
    with(&mut change, Layout { schema_id: layout.schema_id + 1, ..layout });
    let reason = conflict(commit(&target, change.clone()).await);
    assert!(reason.starts_with("the table's layout has changed since files were read: schema"), "{reason}");
    with(&mut change, layout);
    committed(commit(&target, change).await);
    assert_eq!(names(&target).await, ["a2"]);
}

/// Answers misfits by adding a delete on the output, or by leaving an input's group out.
#[derive(Debug, Default)]
struct Mend {
    seen: Vec<(Vec<String>, Vec<String>)>,
    gives_up: bool,
}

#[async_trait]
impl Rebase for Mend {
    async fn rebase(&mut self, _: &Table, change: &SnapshotChange, misfit: &Misfit) -> Result<Option<SnapshotChange>> {
        let stale: Vec<String> = misfit.stale.iter().map(|file| super::protocol::name(&file.path)).collect();
        let deleted: Vec<String> = misfit.deleted.iter().map(|(file, _)| super::protocol::name(&file.path)).collect();
        self.seen.push((stale.clone(), deleted));
        if self.gives_up {
            return Ok(None);
        }
        let mut change = change.clone();
        change.removed.retain(|file| !misfit.stale.contains(file));
        if !stale.is_empty() {
            change.added.retain(|added| &*added.file.path != data("a2").path.as_ref());
        }
        for (_, deletes) in &misfit.deleted {
            let new: Vec<Arc<FileEntry>> = deletes.vector.iter().chain(&deletes.positions).cloned().collect();
            change.added.push(AddedFile::from(position_delete(&format!("p{}", self.seen.len()), "b2")));
            if let Some(check) = &mut change.rewrite {
                check.applied.extend(new);
            }
        }
        Ok(Some(change))
    }
}

/// Two groups, `a` to `a2` and `b` to `b2`.
async fn two_groups(target: &Arc<FakeTarget>) -> SnapshotChange {
    let mut change = rewrite_applying(target, &["a"], &[], "a2", 1).await;
    let other = rewrite_applying(target, &["b"], &[], "b2", 1).await;
    change.added.extend(other.added);
    change.removed.extend(other.removed);
    change
}

/// Case 7 and 10: of two groups one lost its input, and rows of the other were deleted, again at the second try.
#[tokio::test]
async fn a_change_is_mended_and_goes_through() {
    let target = new_table().await;
    committed(commit(&target, SnapshotChange::append([data("a"), data("b")])).await);
    let change = two_groups(&target).await;
    let a = entry(&target, "a").await;
    let on_b = |name: &str| SnapshotChange::row_delta([position_delete(name, "b")], Vec::new(), Vec::new());
    target.will([
        Fault::Raced(Box::new(SnapshotChange::overwrite([], vec![FileRef::of(&a)]))),
        Fault::Raced(Box::new(on_b("x"))),
        Fault::Raced(Box::new(on_b("y"))),
    ]);
    let mut mend = Mend::default();
    let request = CommitRequest::new(Change::Snapshot(Box::new(change)));
    let done = committed(committer(target.clone()).commit_rebased(request, &mut mend).await.unwrap());
    assert_eq!(done.n_attempts, 4);
    let seen = |stale: &[&str], deleted: &[&str]| {
        (
            stale.iter().map(|&s| s.to_owned()).collect::<Vec<_>>(),
            deleted.iter().map(|&s| s.to_owned()).collect::<Vec<_>>(),
        )
    };
    assert_eq!(mend.seen, [seen(&["a"], &[]), seen(&[], &["b"]), seen(&[], &["b"])]);
    assert_eq!(names(&target).await, ["b2", "p2", "p3"], "`x` and `y` named `b` alone and went with it");
    nothing_lost_and_nothing_left(&target).await;
}

#[tokio::test]
async fn who_gives_up_gets_a_conflict() {
    let target = new_table().await;
    committed(commit(&target, SnapshotChange::append([data("a"), data("b")])).await);
    let change = two_groups(&target).await;
    row_delta(&target, [position_delete("x", "b")]).await;
    let request = CommitRequest::new(Change::Snapshot(Box::new(change)));
    let mut mend = Mend { gives_up: true, ..Mend::default() };
    let outcome = committer(target.clone()).commit_rebased(request, &mut mend).await.unwrap();
    assert!(matches!(outcome, CommitOutcome::Conflict { .. }));
    assert_eq!(names(&target).await, ["a", "b", "x"]);
    nothing_lost_and_nothing_left(&target).await;
}

/// The winner gave ids to the rows of a manifest that the lost try had written anew without them.
#[rstest]
#[case::filtered("false")]
#[case::merged("true")]
#[tokio::test]
async fn a_second_try_keeps_row_ids_that_the_winner_gave(#[case] merges: &str) {
    let properties = [("commit.manifest-merge.enabled", merges), ("commit.manifest.min-count-to-merge", "2")];
    let target = FakeTarget::new(FormatVersion::V2, &properties).await;
    committed(commit(&target, SnapshotChange::append([data("a"), data("b")])).await);
    target.upgrade().await;
    let a = entry(&target, "a").await;
    target.will([Fault::Raced(Box::new(SnapshotChange::append([data("x")])))]);
    let change = match merges {
        "true" => SnapshotChange::append([data("y")]),
        _ => SnapshotChange::overwrite([], vec![FileRef::of(&a)]),
    };
    let outcome = committed(commit(&target, change).await);
    assert_eq!(outcome.n_attempts, 2);
    let table = table(&target).await;
    let winner = table.metadata().snapshots().find(|snapshot| snapshot.sequence_number() == 2).unwrap();
    let of_winner = crate::manifest::live_files(&table, winner).await.unwrap().data;
    let id = |files: &[Arc<FileEntry>], wanted: &str| {
        let file = files.iter().find(|file| super::protocol::name(&file.path) == wanted);
        file.unwrap().first_row_id
    };
    assert!(id(&of_winner, "b").is_some());
    let now = live(&target).await.data;
    for name in ["b", "x"] {
        assert_eq!(id(&now, name), id(&of_winner, name), "{name}");
    }
}

/// A try that was lost leaves manifests that the next one uses: what it writes does not grow with the rewrite.
#[tokio::test]
async fn a_second_try_writes_a_list_and_no_manifest() {
    let target = FakeTarget::new(FormatVersion::V2, &[("commit.manifest-merge.enabled", "false")]).await;
    for index in 0..4 {
        committed(
            commit(&target, SnapshotChange::append([data(&format!("a{index}")), data(&format!("b{index}"))])).await,
        );
    }
    let inputs: Vec<Arc<FileEntry>> = live(&target)
        .await
        .data
        .iter()
        .filter(|file| super::protocol::name(&file.path).starts_with('a'))
        .cloned()
        .collect();
    target.will([Fault::Raced(Box::new(SnapshotChange::append([data("x")])))]);
    committed(commit(&target, rewrite(&inputs, "out", 4)).await);
    let table = table(&target).await;
    let head = table.metadata().current_snapshot().unwrap();
    let list = crate::manifest::manifest_list(&table, head).await.unwrap();
    // Manifests are numbered as they are written: one for the output, four without their input.
    let id = head.summary().additional_properties["frazil.commit-id"].clone();
    let mut written: Vec<String> = list
        .iter()
        .filter_map(|manifest| manifest.path.rsplit('/').next()?.strip_prefix(&format!("{id}-")).map(str::to_owned))
        .collect();
    written.sort();
    assert_eq!(written, ["m0.avro", "m1.avro", "m2.avro", "m3.avro", "m4.avro"]);
    nothing_lost_and_nothing_left(&target).await;
}

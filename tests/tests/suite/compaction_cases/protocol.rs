//! Cases 29 to 35: how a commit goes about it.

use std::collections::BTreeMap;

use frazil_compactor::{CompactionOptions, GroupOutcome, PartialProgress, compact};
use frazil_reader::{At, RowsOptions};
use frazil_table::SnapshotId;
use frazil_table::commit::{Change, CommitOutcome, CommitRequest, FileRef, Settled, SnapshotChange};
use rstest::rstest;
use serde_json::json;

use super::table::{Fault, Lab, name};

async fn appended(lab: &Lab, row: &str) -> SnapshotChange {
    SnapshotChange::append(lab.data(&[row]).await)
}

async fn two_files(lab: &Lab) {
    lab.append(&["1 eu a", "2 eu b"]).await;
    lab.upsert(&["1 eu c", "3 eu d"]).await;
}

const TWO_FILES: [&str; 3] = ["1 eu c", "2 eu b", "3 eu d"];

fn n_snapshots(table: &frazil_table::Table) -> usize {
    table.metadata().snapshots().count()
}

/// Case 29: of two groups one cannot be read. Nothing of it is kept for the next run.
#[tokio::test]
async fn a_run_that_failed_leaves_nothing_half_done() {
    let lab = Lab::new(2, true).await;
    let eu = lab.append(&["1 eu a", "2 eu b"]).await;
    lab.upsert(&["1 eu c", "5 us d"]).await;
    let expected = ["1 eu c", "2 eu b", "5 us d"];
    let bytes = lab.storage.read(&eu.path).await.unwrap();
    lab.storage.write(&eu.path, bytes.slice(0..bytes.len() / 2)).await.unwrap();
    let report = compact(&lab.committer, &lab.options, &()).await.unwrap();
    let n_failed = report.groups.iter().filter(|group| matches!(group.outcome, GroupOutcome::Failed(_))).count();
    assert_eq!((report.groups.len(), n_failed, report.snapshot_ids.len()), (2, 1, 1), "{report:?}");
    lab.storage.write(&eu.path, bytes).await.unwrap();
    assert_eq!(lab.rows().await, expected);
    lab.nothing_missing_and_nothing_left().await;
    lab.compact().await;
    assert_eq!(lab.rows().await, expected);
    lab.nothing_missing_and_nothing_left().await;
}

/// Case 30: it was made.
#[tokio::test]
async fn a_lost_answer_of_a_compaction_that_was_made_is_found_out() {
    let lab = Lab::new(2, false).await;
    two_files(&lab).await;
    lab.will([Fault::LostAfter]);
    let report = lab.compact().await;
    assert_eq!((report.snapshot_ids.len(), n_snapshots(&lab.table().await), lab.n_faults_left()), (1, 3, 0));
    assert_eq!(lab.rows().await, TWO_FILES);
    assert_eq!(lab.live().await.data.len(), 1);
    lab.nothing_missing_and_nothing_left().await;
}

/// Case 30: it was made, and others went on from it, even replaced what it had added.
#[tokio::test]
async fn a_lost_answer_of_a_compaction_that_was_superseded_is_found_out() {
    let lab = Lab::new(2, false).await;
    two_files(&lab).await;
    let later = lab.upsertion(&["2 eu z"]).await;
    lab.will([Fault::LostThenSuperseded(later)]);
    let report = lab.compact().await;
    assert_eq!((report.snapshot_ids.len(), n_snapshots(&lab.table().await)), (1, 4));
    assert_eq!(lab.rows().await, ["1 eu c", "2 eu z", "3 eu d"]);
    lab.nothing_missing_and_nothing_left().await;
}

/// Case 30: it was not made and cannot be any more, so that it is tried again.
#[tokio::test]
async fn a_lost_answer_of_a_compaction_that_can_no_longer_arrive_is_repeated() {
    let lab = Lab::new(2, false).await;
    two_files(&lab).await;
    let other = appended(&lab, "9 eu x").await;
    lab.will([Fault::LostAndOvertaken(other)]);
    let report = lab.compact().await;
    assert_eq!((report.snapshot_ids.len(), n_snapshots(&lab.table().await)), (1, 4));
    assert_eq!(lab.rows().await, ["1 eu c", "2 eu b", "3 eu d", "9 eu x"]);
    assert_eq!(lab.live().await.data.len(), 2);
    lab.nothing_missing_and_nothing_left().await;
}

/// Case 30: it may still arrive, until another commit is made.
#[tokio::test]
async fn a_lost_answer_that_stays_unknown_keeps_every_file() {
    let lab = Lab::new(2, false).await;
    two_files(&lab).await;
    let before = lab.stored().await;
    lab.will([Fault::LostBefore]);
    let report = compact(&lab.committer, &lab.options, &()).await.unwrap();
    assert_eq!((report.unknown.len(), report.snapshot_ids.len()), (1, 0));
    assert!(report.groups.iter().all(|group| group.outcome == GroupOutcome::Unknown) && !report.is_complete());
    assert_eq!(lab.stored().await.difference(&before).count(), 1, "the output may be needed");
    let pending = &report.unknown[0];
    let stored = lab.stored_metadata().await;
    assert!(!pending.files.is_empty() && pending.files.iter().all(|file| stored.contains(name(file))));
    assert!(matches!(lab.committer.settle(pending, &lab.storage).await, Settled::Unknown(_)));
    assert_eq!(lab.stored_metadata().await, stored);
    assert_eq!(lab.rows().await, TWO_FILES);

    lab.append(&["9 eu x"]).await;
    assert!(matches!(lab.committer.settle(pending, &lab.storage).await, Settled::NotCommitted));
    assert!(lab.stored_metadata().await.iter().all(|file| pending.files.iter().all(|own| name(own) != file)));
    lab.compact().await;
    assert_eq!(lab.rows().await, ["1 eu c", "2 eu b", "3 eu d", "9 eu x"]);
}

/// Case 30: what is refused for good, and what loses every time, leaves nothing.
#[rstest]
#[tokio::test]
async fn what_was_refused_leaves_no_file(#[values(false, true)] is_forbidden: bool) {
    let lab = Lab::new(2, false).await;
    two_files(&lab).await;
    let rewrite = lab.rewrite().await;
    if is_forbidden {
        lab.will([Fault::Forbidden]);
        let error = lab.try_commit(rewrite).await.unwrap_err();
        assert!(error.to_string().contains("forbidden"), "{error}");
    } else {
        // One more than the table's `commit.retry.num-retries` allows.
        for n in 0..5 {
            lab.will([Fault::Raced(appended(&lab, &format!("1{n} eu x")).await)]);
        }
        let outcome = lab.try_commit(rewrite).await.unwrap();
        assert!(outcome.committed.is_none() && outcome.unknown.is_none());
        assert!(outcome.conflicts[0].1.contains("other writers came first"), "{outcome:?}");
    }
    assert_eq!(lab.n_faults_left(), 0);
    lab.nothing_missing_and_nothing_left().await;
    let mut rows = lab.rows().await;
    rows.retain(|row| !row.ends_with('x'));
    assert_eq!(rows, TWO_FILES);
}

/// Case 31.
#[rstest]
#[tokio::test]
async fn another_schema_or_spec_leaves_the_groups_out(#[values(false, true)] is_spec: bool) {
    let lab = Lab::new(2, false).await;
    two_files(&lab).await;
    let rewrite = lab.rewrite().await;
    let expected: Vec<String> = if is_spec {
        lab.respecify(true).await;
        TWO_FILES.map(str::to_owned).into()
    } else {
        let column = |id: i32, name: &str, kind: &str| json!({"id": id, "name": name, "required": false, "type": kind});
        lab.evolve(json!([column(1, "k", "long"), column(2, "p", "string"), column(4, "w", "string")])).await;
        ["1 eu -", "2 eu -", "3 eu -"].map(str::to_owned).into()
    };
    let outcome = lab.try_commit(rewrite).await.unwrap();
    assert!(outcome.committed.is_none());
    assert!(outcome.conflicts[0].1.contains("layout has changed"), "{outcome:?}");
    lab.nothing_missing_and_nothing_left().await;
    lab.compact().await;
    assert_eq!(lab.rows().await, expected);
    lab.nothing_missing_and_nothing_left().await;
}

/// Case 32: the head's, not those of the snapshot that was read; and an engine finds its checkpoint where it left it.
#[tokio::test]
async fn watermarks_are_the_parents_and_bookkeeping_is_not_copied() {
    let lab = Lab::new(2, false).await;
    let by_engine = async |row: &str, time_ms: i64| {
        let mut change = appended(&lab, row).await.with_watermark("a", time_ms);
        for key in ["flink.job-id", "flink.operator-id", "flink.max-committed-checkpoint-id"] {
            change.summary.insert(key.to_owned(), time_ms.to_string());
        }
        lab.commit(change).await;
    };
    by_engine("1 eu a", 100).await;
    let rewrite = lab.rewrite().await;
    by_engine("2 eu b", 200).await;
    lab.will([Fault::Raced(appended(&lab, "3 eu c").await.with_watermark("a", 300))]);
    lab.finish(rewrite).await;
    let table = lab.table().await;
    let head = table.metadata().current_snapshot().unwrap();
    let summary: BTreeMap<_, _> = head.summary().additional_properties.iter().collect();
    let watermarks: Vec<&&String> =
        summary.iter().filter(|(key, _)| key.contains("watermark")).map(|(_, value)| value).collect();
    assert_eq!(watermarks, [&&"300".to_owned()]);
    assert!(summary.keys().all(|key| !key.starts_with("flink")), "{summary:?}");
}

/// Case 33: within the retries of the table, whatever comes: each try finds other rows deleted.
#[rstest]
#[tokio::test]
async fn a_compaction_gets_through_beside_a_writer_who_always_comes_first(#[values(2, 3)] version: u8) {
    let lab = Lab::new(version, false).await;
    let first = lab.append(&["1 eu a", "2 eu b", "3 eu c"]).await;
    let second = lab.append(&["4 eu d", "5 eu e"]).await;
    lab.will([
        Fault::Raced(appended(&lab, "6 eu f").await),
        Fault::Raced(SnapshotChange::row_delta(lab.positions(&first, &[1]).await, Vec::new(), Vec::new())),
        Fault::Raced(lab.upsertion(&["5 eu z"]).await),
        Fault::Raced(SnapshotChange::row_delta(lab.positions(&second, &[0]).await, Vec::new(), Vec::new())),
    ]);
    let report = lab.compact().await;
    assert_eq!((report.snapshot_ids.len(), report.n_groups_overtaken, report.n_rows_remapped), (1, 0, 2));
    assert_eq!(lab.n_faults_left(), 0);
    assert_eq!(lab.rows().await, ["1 eu a", "3 eu c", "5 eu z", "6 eu f"]);
    lab.nothing_missing_and_nothing_left().await;
}

/// Case 33: what was written for a try that was lost is used by the next one.
#[tokio::test]
async fn tries_that_were_lost_write_no_manifest_again() {
    let properties = [("commit.retry.num-retries", "20"), ("commit.manifest-merge.enabled", "false")];
    let mut lab = Lab::with_properties(2, true, &properties).await;
    for k in 0..3 {
        lab.append(&[&format!("{k} eu a"), &format!("{k} us b")]).await;
    }
    for k in 10..25 {
        lab.will([Fault::Raced(appended(&lab, &format!("{k} us x")).await)]);
    }
    lab.options.filter = Some("p = 'eu'".to_owned());
    lab.compact().await;
    assert_eq!(lab.n_faults_left(), 0);
    assert_eq!(lab.rows().await.len(), 21);
    let table = lab.table().await;
    let summary = &table.metadata().current_snapshot().unwrap().summary().additional_properties;
    let prefix = format!("{}-", summary["frazil.commit-id"]);
    let manifests = lab.manifests().await;
    let mut written: Vec<&str> =
        manifests.iter().filter_map(|(manifest, _)| name(&manifest.path).strip_prefix(&prefix)).collect();
    written.sort_unstable();
    // Numbered as they are written: one with the output, and three without the input that they had.
    assert_eq!(written, ["m0.avro", "m1.avro", "m2.avro", "m3.avro"]);
    lab.nothing_missing_and_nothing_left().await;
}

/// Case 33: a writer commits every second, and the first try takes three, for the table has many manifests. If a try
/// that was lost began from nothing, none would ever be in time.
#[tokio::test]
async fn tries_after_the_first_are_short() {
    let properties = [("commit.manifest-merge.enabled", "false")];
    let lab = Lab::with_properties(2, false, &properties).await;
    for k in 0..60 {
        lab.append(&[&format!("{k} eu a")]).await;
    }
    let rewrite = lab.rewrite().await;
    for k in 100..104 {
        lab.will([Fault::Raced(appended(&lab, &format!("{k} eu b")).await)]);
    }
    let before = lab.storage.counters().n_requests;
    let outcome = lab.finish(rewrite).await;
    let n_first = lab.storage.counters().n_requests - before;
    assert_eq!(outcome.committed.unwrap().n_attempts, 5);
    let tries = lab.requests_of_tries();
    println!("n_requests={n_first} tries={tries:?}");
    // Each of the 60 manifests is read and written once, however many tries there are.
    assert_eq!(tries.len(), 4);
    assert!(n_first > 60 && tries.iter().all(|n| *n <= 15), "n_requests={n_first} tries={tries:?}");
    assert_eq!(lab.rows().await.len(), 64);
    lab.nothing_missing_and_nothing_left().await;
}

/// Case 33: a commit that has used up its tries is planned again.
#[tokio::test]
async fn who_loses_all_tries_plans_again() {
    let lab = Lab::new(2, false).await;
    two_files(&lab).await;
    for k in 10..19 {
        lab.will([Fault::Raced(appended(&lab, &format!("{k} eu x")).await)]);
    }
    let report = lab.compact().await;
    assert_eq!((report.snapshot_ids.len(), report.n_groups_overtaken, lab.n_faults_left()), (1, 1, 0));
    assert_eq!(lab.rows().await.len(), 12);
    lab.nothing_missing_and_nothing_left().await;
}

/// Case 34.
#[tokio::test]
async fn only_the_branch_that_was_named_is_compacted() {
    let mut lab = Lab::new(2, false).await;
    lab.append(&["1 eu a"]).await;
    let head = lab.table().await.metadata().current_snapshot().unwrap().snapshot_id();
    let made = lab.committer.commit(CommitRequest::new(Change::set_branch("audit", head))).await.unwrap();
    assert!(matches!(made, CommitOutcome::Committed(_)));
    let on_audit = async |lab: &Lab, change: SnapshotChange| {
        let change = Change::Snapshot(Box::new(change));
        let request = CommitRequest { branch: "audit".to_owned(), ..CommitRequest::new(change) };
        assert!(matches!(lab.committer.commit(request).await.unwrap(), CommitOutcome::Committed(_)));
    };
    lab.append(&["2 eu b"]).await;
    on_audit(&lab, lab.upsertion(&["1 eu audited"]).await).await;
    lab.append(&["3 eu c"]).await;
    let rows = async |lab: &Lab, branch: &str| {
        lab.rows_of(RowsOptions { branch: branch.to_owned(), ..RowsOptions::default() }).await
    };
    lab.options.branch = "audit".to_owned();
    let rewrite = lab.rewrite().await;
    // Numbers are those of the table: @1 and @3, with @2 and @4 on the main branch.
    assert_eq!(rewrite.groups[0].0.data_sequence_number.get(), 3);
    on_audit(&lab, lab.upsertion(&["4 eu d"]).await).await;
    let main = lab.table().await.metadata().current_snapshot().unwrap().snapshot_id();
    lab.finish(rewrite).await;
    let table = lab.table().await;
    assert_eq!(table.metadata().current_snapshot().unwrap().snapshot_id(), main);
    assert_eq!(table.metadata().snapshot_for_ref("audit").unwrap().sequence_number(), 6);
    assert_eq!(rows(&lab, "audit").await, ["1 eu audited", "4 eu d"]);
    assert_eq!(rows(&lab, "main").await, ["1 eu a", "2 eu b", "3 eu c"]);
    lab.options.branch = "main".to_owned();
    lab.compact().await;
    assert_eq!(rows(&lab, "audit").await, ["1 eu audited", "4 eu d"]);
    assert_eq!(rows(&lab, "main").await, ["1 eu a", "2 eu b", "3 eu c"]);
    lab.nothing_missing_and_nothing_left().await;
}

/// Case 35: every state in between holds all rows, also when a partition is overtaken.
#[tokio::test]
async fn partitions_that_are_committed_one_by_one_hide_nothing() {
    let mut lab = Lab::new(2, true).await;
    let files = lab.data(&["1 ap a", "1 eu a", "1 us a", "1 za a"]).await;
    lab.commit(SnapshotChange::append(files.clone())).await;
    lab.upsert(&["1 ap b", "2 eu b", "3 us b", "4 za b"]).await;
    let of_za = files.iter().find(|file| file.path.contains("p=za")).unwrap();
    let gone = FileRef::of(&*lab.entry(of_za).await);
    lab.options = CompactionOptions {
        partial_progress: Some(PartialProgress { commits_max: 4, failed_commits_max: 0 }),
        max_concurrent_file_group_rewrites: 1,
        rewrite_all: false,
        min_input_files: 2,
        delete_file_threshold: Some(1),
        ..lab.options.clone()
    };
    let replaced = lab.data(&["1 za c"]).await;
    lab.will([Fault::Raced(SnapshotChange::overwrite(replaced, vec![gone]))]);
    let report = lab.compact().await;
    assert_eq!((report.snapshot_ids.len(), report.n_groups_overtaken, lab.n_faults_left()), (4, 1, 0), "{report:?}");
    let after = ["1 ap b", "1 eu a", "1 us a", "1 za c", "2 eu b", "3 us b", "4 za b"];
    for id in &report.snapshot_ids {
        let at = At::Snapshot(SnapshotId::new(id.get()));
        assert_eq!(lab.rows_of(RowsOptions { at, ..RowsOptions::default() }).await, after);
    }
    lab.nothing_missing_and_nothing_left().await;
}

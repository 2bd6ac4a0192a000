//! What the atomic step of every kind of catalog has to do, written once and run against each:
//! [`commit_contract!`](crate::commit_contract) makes a test of every function here for one kind.

mod committers;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, Date32Array, Int64Array, RecordBatch};
use frazil_lock::{Holder, MemoryLock};
use frazil_table::catalog::TableSource;
use frazil_table::commit::target::{CommitBase, CommitTarget, SwapAnswer};
use frazil_table::commit::update::{MetadataUpdate, Requirement};
use frazil_table::commit::{
    Change, CommitOptions, CommitOutcome, CommitRequest, Committer, NewTable, PendingCommit, SnapshotChange,
};
use frazil_table::manifest::live_files;
use frazil_table::storage::Storage;
use frazil_table::write::{AppendWriter, WriteOptions};
use frazil_table::{SystemClock, TableError};
use serde_json::json;

pub use self::committers::many_commit_at_once_and_every_acknowledged_commit_is_there_once;

/// A catalog to be tried.
#[async_trait::async_trait]
pub trait Subject: Send + Sync {
    /// Makes a table of this name.
    async fn create(&self, table: &str, new: NewTable) -> Result<(), TableError>;

    /// The table as another program would open it.
    async fn source(&self, table: &str) -> Arc<dyn TableSource>;

    /// Holds the metadata files that this crate writes; `None` if the catalog writes them.
    fn storage(&self) -> Option<Storage>;
}

/// A table of one column, `id`.
pub fn new_table(version: u8) -> NewTable {
    let schema = json!({"type": "struct", "schema-id": 0, "fields": [
        {"id": 1, "name": "id", "required": true, "type": "long"},
        {"id": 2, "name": "day", "required": false, "type": "date"}]});
    let mut new = NewTable::new(serde_json::from_value(schema).unwrap());
    let spec = json!({"fields": [{"source-id": 2, "name": "day", "transform": "identity"}]});
    new.partition_spec = serde_json::from_value(spec).unwrap();
    new.format_version = serde_json::from_value(json!(version)).unwrap();
    new.properties.insert("owner".to_owned(), "me".to_owned());
    new
}

pub async fn target(subject: &dyn Subject, table: &str) -> Arc<dyn CommitTarget> {
    subject.source(table).await.commit_target().await.unwrap()
}

/// A new table, as it can be committed to.
pub async fn made(subject: &dyn Subject, table: &str) -> Arc<dyn CommitTarget> {
    subject.create(table, new_table(2)).await.unwrap();
    target(subject, table).await
}

pub fn properties(all: &[(&str, &str)]) -> MetadataUpdate {
    MetadataUpdate::SetProperties(all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
}

/// Updates that add a snapshot and make it the head of main.
pub fn snapshot(base: &CommitBase, id: i64) -> Vec<MetadataUpdate> {
    let metadata = base.table.metadata();
    let mut snapshot = json!({
        "snapshot-id": id, "sequence-number": metadata.last_sequence_number() + 1,
        "timestamp-ms": metadata.last_updated_ms() + 1, "schema-id": 0,
        "manifest-list": format!("{}/metadata/snap-{id}.avro", metadata.location()),
        "summary": {"operation": "append", "frazil.commit-id": id.to_string()}});
    if let Some(parent) = metadata.current_snapshot_id() {
        snapshot["parent-snapshot-id"] = parent.into();
    }
    if metadata.format_version().to_string() == "v3" {
        snapshot["first-row-id"] = metadata.next_row_id().into();
        snapshot["added-rows"] = 10.into();
    }
    let reference = json!({"snapshot-id": id, "type": "branch"});
    vec![MetadataUpdate::AddSnapshot(snapshot), MetadataUpdate::SetRef { name: "main".to_owned(), reference }]
}

/// The head of main is still that of `base`, and the table the same.
pub fn unmoved(base: &CommitBase) -> Vec<Requirement> {
    let metadata = base.table.metadata();
    vec![
        Requirement::TableUuid(metadata.uuid().to_string()),
        Requirement::RefSnapshot { name: "main".to_owned(), snapshot_id: metadata.current_snapshot_id() },
    ]
}

#[track_caller]
pub fn assert_swapped(answer: &SwapAnswer) {
    assert!(matches!(answer, SwapAnswer::Swapped), "{answer:?}");
}

#[track_caller]
pub fn assert_refused(answer: &SwapAnswer) {
    match answer {
        SwapAnswer::Refused { reason } => assert!(!reason.is_empty() && !reason.contains('\n'), "{reason}"),
        other => panic!("{other:?}"),
    }
}

pub async fn a_table_is_made_once(subject: &dyn Subject) {
    for version in [1_u8, 2, 3] {
        let name = format!("made{version}");
        subject.create(&name, new_table(version)).await.unwrap();
        let base = target(subject, &name).await.load().await.unwrap();
        let metadata = base.table.metadata();
        assert_eq!(metadata.format_version().to_string(), format!("v{version}"));
        assert_eq!(metadata.current_schema().field_by_id(1).unwrap().name, "id");
        assert_eq!(metadata.default_partition_spec().fields()[0].name, "day");
        assert_eq!(metadata.properties()["owner"], "me");
        assert!(metadata.current_snapshot().is_none());
        match subject.create(&name, new_table(version)).await {
            Err(TableError::InvalidRequest { detail }) => assert!(detail.contains(&name), "{detail}"),
            other => panic!("{other:?}"),
        }
    }
}

pub async fn properties_are_committed(subject: &dyn Subject) {
    let target = made(subject, "props").await;
    let base = target.load().await.unwrap();
    assert_swapped(&target.swap(&base, &[properties(&[("a", "1"), ("b", "2")])], &unmoved(&base)).await);
    let next = target.load().await.unwrap();
    let dropped = [MetadataUpdate::RemoveProperties(vec!["a".to_owned()]), properties(&[("b", "3")])];
    assert_swapped(&target.swap(&next, &dropped, &unmoved(&next)).await);
    let last = subject.source("props").await.load().await.unwrap();
    let found: BTreeMap<_, _> = last.metadata().properties().iter().filter(|(name, _)| name.len() == 1).collect();
    assert_eq!(found, BTreeMap::from([(&"b".to_owned(), &"3".to_owned())]));
    assert!(last.metadata().last_updated_ms() >= next.table.metadata().last_updated_ms());
    let log: Vec<&str> = last.metadata().metadata_log().iter().map(|entry| entry.metadata_file.as_str()).collect();
    assert_eq!(log, [base.table.metadata_location(), next.table.metadata_location()]);
}

pub async fn snapshots_and_refs_are_committed(subject: &dyn Subject) {
    for version in [1_u8, 2, 3] {
        let name = format!("snapshots{version}");
        subject.create(&name, new_table(version)).await.unwrap();
        let target = target(subject, &name).await;
        for id in [11, 12] {
            let base = target.load().await.unwrap();
            let mut updates = snapshot(&base, id);
            if version == 1
                && let MetadataUpdate::AddSnapshot(snapshot) = &mut updates[0]
            {
                snapshot.as_object_mut().unwrap().remove("sequence-number");
            }
            let tag = json!({"snapshot-id": id, "type": "tag"});
            updates.push(MetadataUpdate::SetRef { name: format!("t{id}"), reference: tag });
            assert_swapped(&target.swap(&base, &updates, &unmoved(&base)).await);
            assert!(target.is_superseded(&PendingCommit::new(&base, "main", "x"), &target.load().await.unwrap()));
        }
        let base = target.load().await.unwrap();
        assert!(!target.is_superseded(&PendingCommit::new(&base, "main", "x"), &target.load().await.unwrap()));
        assert_swapped(&target.swap(&base, &[MetadataUpdate::RemoveRef("t11".to_owned())], &unmoved(&base)).await);
        let table = subject.source(&name).await.load().await.unwrap();
        let metadata = table.metadata();
        assert_eq!(metadata.current_snapshot_id(), Some(12));
        assert_eq!(metadata.history().iter().map(|entry| entry.snapshot_id).collect::<Vec<_>>(), [11, 12]);
        assert_eq!(metadata.last_sequence_number(), if version == 1 { 0 } else { 2 });
        assert_eq!(metadata.snapshot_for_ref("t12").unwrap().snapshot_id(), 12);
        assert!(metadata.snapshot_for_ref("t11").is_none());
        assert_eq!(metadata.next_row_id(), if version == 3 { 20 } else { 0 });
    }
}

pub async fn a_stale_base_is_refused(subject: &dyn Subject) {
    let target = made(subject, "stale").await;
    let base = target.load().await.unwrap();
    assert_swapped(&target.swap(&base, &snapshot(&base, 1), &unmoved(&base)).await);
    assert_refused(&target.swap(&base, &snapshot(&base, 2), &unmoved(&base)).await);
    if subject.storage().is_some() {
        // The place of the metadata is compared, whatever the commit requires.
        assert_refused(&target.swap(&base, &[properties(&[("a", "1")])], &[]).await);
    }
    let now = subject.source("stale").await.load().await.unwrap();
    assert_eq!(now.metadata().current_snapshot_id(), Some(1));
    assert_eq!(now.metadata().snapshots().count(), 1);
    assert!(!now.metadata().properties().contains_key("a"));
}

pub async fn a_requirement_that_does_not_hold_is_refused(subject: &dyn Subject) {
    let target = made(subject, "required").await;
    let base = target.load().await.unwrap();
    let other = Requirement::TableUuid("9c12d441-03fe-4693-9a96-a0705ddf69c1".to_owned());
    assert_refused(&target.swap(&base, &snapshot(&base, 1), &[other]).await);
    let elsewhere = Requirement::RefSnapshot { name: "main".to_owned(), snapshot_id: Some(77) };
    assert_refused(&target.swap(&base, &snapshot(&base, 1), &[elsewhere]).await);
    let now = target.load().await.unwrap();
    assert_eq!(now.table.metadata_location(), base.table.metadata_location());
}

pub async fn an_update_that_contradicts_the_table_changes_nothing(subject: &dyn Subject) {
    let target = made(subject, "contradicts").await;
    let base = target.load().await.unwrap();
    let unknown = json!({"snapshot-id": 404, "type": "branch"});
    let answer =
        target.swap(&base, &[MetadataUpdate::SetRef { name: "main".to_owned(), reference: unknown }], &[]).await;
    assert!(!matches!(answer, SwapAnswer::Swapped | SwapAnswer::Refused { .. }), "{answer:?}");
    let now = target.load().await.unwrap();
    assert_eq!(now.table.metadata_location(), base.table.metadata_location());
}

pub async fn of_racing_swaps_one_wins(subject: &dyn Subject) {
    subject.create("raced", new_table(2)).await.unwrap();
    let base = target(subject, "raced").await.load().await.unwrap();
    let mut racing = tokio::task::JoinSet::new();
    for id in 1..=8 {
        // Each as a program of its own.
        let (target, base) = (target(subject, "raced").await, base.clone());
        racing.spawn(async move { (id, target.swap(&base, &snapshot(&base, id), &unmoved(&base)).await) });
    }
    let answers = racing.join_all().await;
    let winners: Vec<i64> =
        answers.iter().filter(|(_, answer)| matches!(answer, SwapAnswer::Swapped)).map(|(id, _)| *id).collect();
    assert_eq!(winners.len(), 1, "{answers:?}");
    answers.iter().filter(|(id, _)| *id != winners[0]).for_each(|(_, answer)| assert_refused(answer));
    let now = subject.source("raced").await.load().await.unwrap();
    assert_eq!(now.metadata().current_snapshot_id(), Some(winners[0]));
    assert_eq!(now.metadata().snapshots().count(), 1);
    // Files of those who were refused are gone.
    if let Some(storage) = subject.storage() {
        let folder = now.metadata_location().rsplit_once('/').unwrap().0;
        let files = storage.list(folder).await.unwrap();
        let n_files = files.iter().filter(|file| file.path.ends_with(".metadata.json")).count();
        assert_eq!(n_files, 2, "{files:?}");
    }
}

pub async fn every_acknowledged_commit_is_in_the_history_once(subject: &dyn Subject) {
    subject.create("busy", new_table(2)).await.unwrap();
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..4_i64 {
        let target = target(subject, "busy").await;
        writers.spawn(async move {
            let mut committed = Vec::new();
            let mut attempt = 0;
            while committed.len() < 3 {
                attempt += 1;
                assert!(attempt < 200, "starved");
                let id = writer * 1_000 + attempt + 1;
                let base = target.load().await.unwrap();
                match target.swap(&base, &snapshot(&base, id), &unmoved(&base)).await {
                    SwapAnswer::Swapped => committed.push(id),
                    SwapAnswer::Refused { .. } => {}
                    other => panic!("{other:?}"),
                }
            }
            committed
        });
    }
    let mut committed = writers.join_all().await.concat();
    committed.sort_unstable();
    let now = subject.source("busy").await.load().await.unwrap();
    let mut history: Vec<i64> = now.metadata().history().iter().map(|entry| entry.snapshot_id).collect();
    history.sort_unstable();
    assert_eq!(history, committed);
    assert_eq!(now.metadata().last_sequence_number(), 12);
}

pub async fn what_is_not_known_of_the_metadata_survives(subject: &dyn Subject) {
    let target = made(subject, "future").await;
    // A catalog that writes metadata itself keeps what it knows.
    let Some(storage) = subject.storage() else { return };
    let base = target.load().await.unwrap();
    let mut document = base.document.clone();
    document.insert("of-the-future".to_owned(), json!({"deep": [1, {"er": null}]}));
    document["schemas"][0]["fields"][0]["mark"] = json!("kept");
    let bytes = serde_json::to_vec(&document).unwrap();
    storage.write(base.table.metadata_location(), bytes.into()).await.unwrap();
    let base = target.load().await.unwrap();
    assert_swapped(&target.swap(&base, &snapshot(&base, 5), &unmoved(&base)).await);
    let now = target.load().await.unwrap().document;
    assert_eq!(now["of-the-future"], document["of-the-future"]);
    assert_eq!(now["schemas"], document["schemas"]);
}

pub async fn everyone_locks_the_same_name(subject: &dyn Subject) {
    let first = made(subject, "locked").await;
    let second = target(subject, "locked").await;
    assert_eq!(first.lock_name(), second.lock_name());
    assert!(first.lock_name().ends_with("locked"), "{}", first.lock_name());
    assert!(first.name().ends_with("locked"), "{}", first.name());
}

/// The whole way: files, manifests, the protocol, and the table read back. A branch keeps its retention when it moves,
/// and a tag does not move.
pub async fn files_are_committed_and_read_back_and_refs_keep_what_they_are(subject: &dyn Subject) {
    for version in [2_u8, 3] {
        let name = format!("written{version}");
        let mut new = new_table(version);
        new.properties.insert("commit.manifest.min-count-to-merge".to_owned(), "3".to_owned());
        subject.create(&name, new).await.unwrap();
        let holder = Holder::of_this_process("test", "test", 0);
        let (clock, lock) = (Arc::new(SystemClock), Arc::new(MemoryLock::new()));
        let target = target(subject, &name).await;
        let committer = Committer::new(target, lock, holder, clock, CommitOptions::default());
        let commit = async |branch: &str, change: Change| {
            let request = CommitRequest { branch: branch.to_owned(), ..CommitRequest::new(change) };
            match committer.commit(request).await {
                Ok(CommitOutcome::Committed(committed)) => Ok(committed.snapshot_id.map_or(0, |id| id.get())),
                Ok(other) => panic!("{other:?}"),
                Err(error) => Err(error),
            }
        };
        let append = async |ids: std::ops::Range<i64>| {
            let table = committer.target().load().await.unwrap().table;
            let mut writer = AppendWriter::new(&table, &WriteOptions::of(&table).unwrap()).unwrap();
            let days = Date32Array::from_iter_values(ids.clone().map(|id| i32::try_from(id % 2).unwrap()));
            let columns: [(&str, ArrayRef); 2] =
                [("id", Arc::new(Int64Array::from_iter_values(ids))), ("day", Arc::new(days))];
            writer.write(&RecordBatch::try_from_iter(columns).unwrap()).await.unwrap();
            Change::Snapshot(Box::new(SnapshotChange::append(writer.finish().await.unwrap())))
        };
        for n in 0..5 {
            commit("main", append(n * 10..n * 10 + 10).await).await.unwrap();
        }
        let head = committer.target().load().await.unwrap().table.metadata().current_snapshot_id().unwrap();
        let retention = json!({"snapshot-id": head, "type": "branch", "min-snapshots-to-keep": 7});
        let branch = Change::SetRef { name: "audit".to_owned(), reference: retention };
        commit("main", branch).await.unwrap();
        commit("main", Change::set_tag("v1", head)).await.unwrap();
        let on_branch = commit("audit", append(50..60).await).await.unwrap();
        let refused = commit("v1", append(60..70).await).await.unwrap_err().to_string();
        assert_eq!(refused, "`v1` is a tag, and tags do not move; name a branch");

        let base = committer.target().load().await.unwrap();
        let audit = &base.document["refs"]["audit"];
        assert_eq!(
            (audit["snapshot-id"].as_i64(), audit["min-snapshots-to-keep"].as_i64()),
            (Some(on_branch), Some(7))
        );
        assert_eq!(base.table.metadata().current_snapshot_id(), Some(head));
        for (branch, n_rows) in [("main", 50), ("audit", 60)] {
            let snapshot = base.table.metadata().snapshot_for_ref(branch).unwrap();
            let live = live_files(&base.table, snapshot).await.unwrap();
            assert_eq!(live.data.iter().map(|file| file.record_count).sum::<u64>(), n_rows, "{branch}");
            for file in live.data {
                let path = &*file.path;
                assert!(base.table.storage().exists(path).await.unwrap(), "{path}");
            }
        }
    }
}

/// Makes a test of everything that an atomic step has to do. `$make` is a future that gives a [`Subject`].
#[macro_export]
macro_rules! commit_contract {
    ($($name:ident => $make:expr),+ $(,)?) => {
        $($crate::commit_contract_of!(
            $name, $make,
            a_table_is_made_once,
            properties_are_committed,
            snapshots_and_refs_are_committed,
            a_stale_base_is_refused,
            a_requirement_that_does_not_hold_is_refused,
            an_update_that_contradicts_the_table_changes_nothing,
            of_racing_swaps_one_wins,
            every_acknowledged_commit_is_in_the_history_once,
            what_is_not_known_of_the_metadata_survives,
            everyone_locks_the_same_name,
            files_are_committed_and_read_back_and_refs_keep_what_they_are,
        );)+
    };
}

/// A module with a test of each of these for one kind of catalog.
#[macro_export]
macro_rules! commit_contract_of {
    ($name:ident, $make:expr, $($check:ident),+ $(,)?) => {
        mod $name {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $check() {
                    super::contract::$check(&$make.await).await;
                }
            )+
        }
    };
}

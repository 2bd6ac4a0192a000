//! What failed leaves no file behind, and what may yet be committed loses none.

use std::sync::{Arc, Mutex};

use frazil_compactor::{GroupOutcome, compact};
use frazil_table::commit::{FileRef, SnapshotChange};
use frazil_table::storage::Storage;
use frazil_testkit::{Decision, Request, WatchedStore, Watcher};
use rstest::rstest;

use super::table::{Fault, Lab, name};

/// Fails requests, and remembers which data and delete files were written and deleted.
#[derive(Debug, Default)]
struct Store {
    failing: Mutex<Option<Failing>>,
    written: Mutex<Vec<String>>,
    deleted: Mutex<Vec<String>>,
}

/// Such requests fail from the one after the next `n_left` on.
#[derive(Debug)]
struct Failing {
    request: Request,
    part_of_key: String,
    n_left: usize,
    how: Decision,
}

impl Watcher for Store {
    fn before(&self, request: Request, key: &str) -> Decision {
        let mut failing = self.failing.lock().unwrap();
        match failing.as_mut().filter(|failing| failing.request == request && key.contains(&failing.part_of_key)) {
            None => Decision::Pass,
            Some(failing) if failing.n_left > 0 => {
                failing.n_left -= 1;
                Decision::Pass
            }
            Some(failing) => failing.how,
        }
    }

    fn after(&self, request: Request, key: &str) {
        let list = match request {
            Request::Write => &self.written,
            Request::Delete => &self.deleted,
            Request::Read | Request::List | Request::Create => return,
        };
        if key.contains("/data/") {
            list.lock().unwrap().push(name(key).to_owned());
        }
    }
}

impl Store {
    fn fail(&self, request: Request, part_of_key: &str, n_left: usize, how: Decision) {
        let part_of_key = part_of_key.to_owned();
        *self.failing.lock().unwrap() = Some(Failing { request, part_of_key, n_left, how });
    }

    fn heal(&self) {
        self.failing.lock().unwrap().take();
    }
}

async fn lab(version: u8, is_partitioned: bool, properties: &[(&str, &str)]) -> (Lab, Arc<Store>) {
    let store = Arc::new(Store::default());
    let storage = Storage::builder().store("memory", Arc::new(WatchedStore::in_memory(store.clone()))).build();
    (Lab::on_storage(storage, version, is_partitioned, properties).await, store)
}

/// The outputs are several, so that some are finished when it fails.
#[rstest]
#[case::an_input_cannot_be_read(Request::Read, Decision::Fail)]
#[case::an_output_cannot_be_written(Request::Write, Decision::Fail)]
#[case::an_output_is_written_in_part(Request::Write, Decision::Tear)]
#[tokio::test]
async fn a_group_that_failed_half_way_leaves_no_file(#[case] request: Request, #[case] how: Decision) {
    let properties = [("write.parquet.row-group-size-bytes", "20000"), ("write.parquet.page-row-limit", "100")];
    let (mut lab, store) = lab(2, false, &properties).await;
    lab.options.target_file_size_bytes = Some(20_000);
    let all: Vec<String> = (0..30_000).map(|k| format!("{k} eu v{}", k % 7)).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    lab.append(&all).await;
    let last = lab.append(&["30000 eu last"]).await;
    let before = lab.stored().await;
    let n_before = store.written.lock().unwrap().len();
    match request {
        Request::Read => store.fail(request, name(&last.path), 0, how),
        _ => store.fail(request, "/data/", 2, how),
    }
    let report = compact(&lab.committer, &lab.options, &()).await.unwrap();
    let outcomes: Vec<_> = report.groups.iter().map(|group| &group.outcome).collect();
    assert!(matches!(outcomes[..], [GroupOutcome::Failed(_)]) && report.snapshot_ids.is_empty(), "{report:?}");
    let written = store.written.lock().unwrap()[n_before..].to_vec();
    assert!(written.len() >= 2, "it failed before it had finished a file: {written:?}");
    let deleted = store.deleted.lock().unwrap().clone();
    assert!(written.iter().all(|file| deleted.contains(file)), "{written:?} {deleted:?}");
    assert_eq!(lab.stored().await, before);

    store.heal();
    lab.nothing_missing_and_nothing_left().await;
    lab.compact().await;
    assert_eq!(lab.rows().await.len(), 30_001);
    lab.nothing_missing_and_nothing_left().await;
}

/// Rows were deleted meanwhile, and their deletes cannot be written for the output.
#[rstest]
#[tokio::test]
async fn a_commit_that_cannot_be_mended_leaves_no_file(#[values(2, 3)] version: u8) {
    let (lab, store) = lab(version, false, &[]).await;
    let first = lab.append(&["1 eu a", "2 eu b"]).await;
    lab.append(&["3 eu c"]).await;
    let meanwhile = lab.positions(&first, &[1]).await;
    lab.will([Fault::Raced(SnapshotChange::row_delta(meanwhile, Vec::new(), Vec::new()))]);
    store.fail(Request::Write, "-deletes", 0, Decision::Tear);
    let report = compact(&lab.committer, &lab.options, &()).await.unwrap();
    assert!(matches!(report.groups[0].outcome, GroupOutcome::Failed(_)), "{report:?}");
    assert_eq!((report.snapshot_ids.len(), report.failed_commits.len(), lab.n_faults_left()), (0, 1, 0));
    store.heal();
    lab.nothing_missing_and_nothing_left().await;
    lab.compact().await;
    assert_eq!(lab.rows().await, ["1 eu a", "3 eu c"]);
    lab.nothing_missing_and_nothing_left().await;
}

/// One group was left out of the commit before its answer was lost.
#[tokio::test]
async fn while_an_outcome_is_unknown_nothing_is_deleted() {
    let (lab, store) = lab(2, true, &[]).await;
    let files = lab.data(&["1 eu a", "2 us b"]).await;
    lab.commit(SnapshotChange::append(files.clone())).await;
    lab.append(&["3 eu c", "4 us d"]).await;
    let of_eu = files.iter().find(|file| file.path.contains("p=eu")).unwrap();
    let gone = FileRef::of(&*lab.entry(of_eu).await);
    let replaced = lab.data(&["1 eu z"]).await;
    let before = lab.stored().await;
    lab.will([Fault::Raced(SnapshotChange::overwrite(replaced, vec![gone])), Fault::LostBefore]);
    let report = compact(&lab.committer, &lab.options, &()).await.unwrap();
    assert_eq!((report.unknown.len(), report.snapshot_ids.len(), lab.n_faults_left()), (1, 0, 0), "{report:?}");
    assert!(report.groups.iter().any(|group| group.outcome == GroupOutcome::Unknown), "{report:?}");
    assert_eq!(lab.stored().await.difference(&before).count(), 2, "an output of each group");
    assert_eq!(*store.deleted.lock().unwrap(), Vec::<String>::new());
    assert_eq!(lab.rows().await, ["1 eu z", "2 us b", "3 eu c", "4 us d"]);
}

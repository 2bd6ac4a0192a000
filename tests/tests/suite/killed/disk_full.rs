//! Disks that are full, and writes that put a part of a file under its name.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use frazil_table::TableError;
use frazil_table::catalog::load_table;
use frazil_table::commit::Settled;
use frazil_testkit::{Decision, Request, WatchedStore, Watcher};

use super::process::{Moment, Work, run};
use super::*;

/// Makes the n-th write of metadata fail, and those after it if the disk stays full.
#[derive(Debug)]
struct Full {
    n: AtomicUsize,
    fail_at: usize,
    how: How,
    failed: Mutex<Vec<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// One write fails.
    Once,
    /// There is no space from then on.
    Stays,
    /// One write puts half of the file under its name. Creating a file that must not be there is one step wherever
    /// commits rest on it, so that it fails whole.
    Torn,
}

impl Watcher for Full {
    fn before(&self, request: Request, key: &str) -> Decision {
        if !request.writes() || key.contains("/data/") {
            return Decision::Pass;
        }
        let n = self.n.fetch_add(1, Ordering::Relaxed) + 1;
        if n < self.fail_at || (n > self.fail_at && self.how != How::Stays) {
            return Decision::Pass;
        }
        self.failed.lock().unwrap().push(format!("{request:?} of {}", key.rsplit('/').next().unwrap_or(key)));
        if self.how == How::Torn && request == Request::Write { Decision::Tear } else { Decision::Fail }
    }
}

/// Every file of the table that ends as metadata does is whole.
async fn assert_metadata_is_whole(kind: Kind, root: &str, whole: &Whole, shown: &str) {
    for path in whole.metadata_files().await {
        let table = load_table(&TableLocator::Path(path.clone()), &Storage::local()).await;
        assert!(table.is_ok(), "{kind:?}, {shown}: {path} of {root}: {table:?}");
    }
}

/// For every write of two commits, of which the second merges manifests and removes a file.
#[rstest]
#[case::of_a_folder_once(Kind::Folder, How::Once)]
#[case::of_a_folder_that_stays_so(Kind::Folder, How::Stays)]
#[case::of_a_folder_with_parts_of_files(Kind::Folder, How::Torn)]
#[case::of_a_database_once(Kind::Sqlite, How::Once)]
#[case::of_a_database_that_stays_so(Kind::Sqlite, How::Stays)]
#[case::of_a_database_with_parts_of_files(Kind::Sqlite, How::Torn)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_loses_no_commit_and_leaves_no_part_of_one(#[case] kind: Kind, #[case] how: How) {
    for fail_at in 1..100 {
        let folder = TempDir::new().unwrap();
        let root = folder.path().to_str().unwrap();
        prepare(kind, root).await;
        let mut expected = Expected::of(kind, root).await;
        let full = Full { n: AtomicUsize::new(0), fail_at, how, failed: Mutex::default() };
        let full = Arc::new(full);
        let storage = Storage::builder().store("file", Arc::new(WatchedStore::local(full.clone()))).build();
        let writer = committer(kind.source(root, &storage).commit_target().await.unwrap());
        let (mut said, mut pending) = (Vec::new(), Vec::new());
        for name in ["first", "second"] {
            let file = data_file(&Storage::local(), &location(root), name).await;
            let mut commit = Said { added: vec![file.path.to_string()], ..Said::default() };
            match writer.commit(CommitRequest::new(snapshot(SnapshotChange::append([file])))).await {
                Ok(CommitOutcome::Committed(committed)) => {
                    commit.is_acknowledged = true;
                    commit.snapshot_id = committed.snapshot_id.map(|id| id.get());
                }
                Ok(CommitOutcome::StateUnknown { pending: unknown, .. }) => pending.push(unknown),
                Ok(other) => panic!("{other:?}"),
                Err(error) => {
                    assert!(matches!(error, TableError::Storage { .. }), "{error:?}");
                    commit.failure = Some(error.to_string());
                }
            }
            said.push(commit);
        }
        let failed = full.failed.lock().unwrap().clone();
        let shown = format!("{how:?}, {failed:?}");
        expected.check(kind, root, &said, &shown).await;
        assert_metadata_is_whole(kind, root, &whole(kind, root).await, &shown).await;
        // There is space again.
        expected.go_on(kind, root, "after").await;
        for pending in pending {
            let settled = committer(kind.source(root, &Storage::local()).commit_target().await.unwrap());
            let settled = settled.settle(&pending, &Storage::local()).await;
            assert!(matches!(settled, Settled::NotCommitted), "{shown}: {settled:?}");
        }
        let unlisted = whole(kind, root).await.unlisted().await;
        assert!(unlisted.is_empty(), "{kind:?}, {shown} leaves {unlisted:?}");
        if failed.is_empty() {
            println!("{kind:?}, {how:?}: each of {} writes failed", fail_at - 1);
            assert!(fail_at > 6, "two commits write more");
            return;
        }
    }
    panic!("there is always one more write");
}

/// The operating system refuses to make a file larger than a limit, for every limit up to one that suffices: real
/// files, and a real database.
#[rstest]
#[case::of_a_folder(Kind::Folder)]
#[case::of_a_database(Kind::Sqlite)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_whose_files_cannot_grow_loses_no_commit_and_leaves_no_part_of_one(#[case] kind: Kind) {
    let (mut n_failed, mut n_unknown) = (0, 0);
    for blocks_max in 1..200 {
        let folder = TempDir::new().unwrap();
        let root = folder.path().to_str().unwrap();
        prepare(kind, root).await;
        let mut expected = Expected::of(kind, root).await;
        let output = run(kind, root, Work::Tries { blocks_max }, Moment::Never);
        let shown = format!("{kind:?}, files of {blocks_max} blocks at most");
        expected.check(kind, root, &output.said, &shown).await;
        let left = whole(kind, root).await;
        assert_metadata_is_whole(kind, root, &left, &shown).await;
        let failed = output.said.iter().filter(|said| said.failure.is_some()).count();
        let unknown = output.said.iter().filter(|said| said.failure.is_none() && !said.is_acknowledged).count();
        if unknown == 0 {
            let unlisted = left.unlisted().await;
            assert!(unlisted.is_empty(), "{shown} leaves {unlisted:?} of {:?}", output.said);
        }
        expected.go_on(kind, root, "after").await;
        (n_failed, n_unknown) = (n_failed + failed, n_unknown + unknown);
        if failed + unknown == 0 {
            println!("{kind:?}: {n_failed} commits failed and {n_unknown} are unknown, up to {blocks_max} blocks");
            assert!(n_failed > 3, "limits below have failed");
            return;
        }
    }
    panic!("no limit suffices");
}

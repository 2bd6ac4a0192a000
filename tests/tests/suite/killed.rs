//! Processes that are killed while they commit, or whose disk is full, and others that go on from what is left.

mod disk_full;
mod process;

use std::collections::BTreeSet;
use std::sync::Arc;

use frazil_lock::{Holder, MemoryLock};
use frazil_table::SystemClock;
use frazil_table::catalog::{TableLocator, TableSource, create_table, table_source};
use frazil_table::commit::target::CommitTarget;
use frazil_table::commit::{
    Change, CommitOptions, CommitOutcome, CommitRequest, Committed, Committer, NewTable, SnapshotChange,
};
use frazil_table::storage::Storage;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rstest::rstest;
use serde_json::json;
use tempfile::TempDir;

use self::process::{Moment, Said, Work, run};
use crate::integrity::{Whole, data_file};

/// Where the table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A folder of versions.
    Folder,
    /// A database.
    Sqlite,
}

impl Kind {
    fn locator(self, root: &str) -> TableLocator {
        match self {
            Self::Folder => TableLocator::Path(location(root)),
            Self::Sqlite => TableLocator::Sql {
                uri: format!("sqlite://{root}/catalog.db"),
                catalog: Some("killed".to_owned()),
                namespace: vec!["db".to_owned()],
                table: "t".to_owned(),
            },
        }
    }

    fn source(self, root: &str, storage: &Storage) -> Arc<dyn TableSource> {
        table_source(&self.locator(root), storage)
    }
}

fn location(root: &str) -> String {
    format!("{root}/t")
}

fn committer(target: Arc<dyn CommitTarget>) -> Committer {
    let holder = Holder::of_this_process("test", "test", 0);
    Committer::new(target, Arc::new(MemoryLock::new()), holder, Arc::new(SystemClock), CommitOptions::default())
}

async fn committed(committer: &Committer, change: Change) -> Committed {
    match committer.commit(CommitRequest::new(change)).await.unwrap() {
        CommitOutcome::Committed(committed) => committed,
        other => panic!("{other:?}"),
    }
}

fn snapshot(change: SnapshotChange) -> Change {
    Change::Snapshot(Box::new(change))
}

/// A table with three files, `base0` to `base2`, whose manifests the next append merges.
async fn prepare(kind: Kind, root: &str) {
    let schema = json!({"type": "struct", "schema-id": 0, "fields": [
        {"id": 1, "name": "id", "required": true, "type": "long"}]});
    let mut new = NewTable::new(serde_json::from_value(schema).unwrap());
    new.location = Some(location(root));
    let settings = [
        ("commit.manifest.min-count-to-merge", "3"),
        ("commit.retry.min-wait-ms", "1"),
        ("commit.status-check.min-wait-ms", "1"),
    ];
    new.properties.extend(settings.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let storage = Storage::local();
    create_table(&kind.locator(root), &storage, new).await.unwrap();
    let committer = committer(kind.source(root, &storage).commit_target().await.unwrap());
    for n in 0..3 {
        let file = data_file(&storage, &location(root), &format!("base{n}")).await;
        let _ = committed(&committer, snapshot(SnapshotChange::append([file]))).await;
    }
}

/// What a table must be: what was there, what was acknowledged, and of what was only announced each all or nothing.
#[derive(Debug, Clone, Default)]
struct Expected {
    live: BTreeSet<String>,
    snapshots: Vec<i64>,
}

impl Expected {
    async fn of(kind: Kind, root: &str) -> Self {
        let whole = whole(kind, root).await;
        Self { live: whole.live, snapshots: whole.history }
    }

    fn apply(&mut self, said: &Said) {
        self.live.extend(said.added.iter().cloned());
        self.live.retain(|path| !said.removed.contains(path));
        self.snapshots.extend(said.snapshot_id);
    }

    /// Checks a table against what a process said before it ended, and takes over what is found.
    async fn check(&mut self, kind: Kind, root: &str, said: &[Said], shown: &str) {
        let whole = whole(kind, root).await;
        said.iter().filter(|said| said.is_acknowledged).for_each(|said| self.apply(said));
        let pending: Vec<&Said> = said.iter().filter(|said| !said.is_acknowledged && said.failure.is_none()).collect();
        let possible = (0..1_u32 << pending.len()).map(|choice| {
            let mut expected = self.clone();
            let made = pending.iter().enumerate().filter(|(n, _)| choice & (1 << n) != 0);
            made.clone().for_each(|(_, said)| expected.apply(said));
            (expected, made.filter(|(_, said)| !said.added.is_empty()).count())
        });
        let found = possible.into_iter().find(|(expected, _)| expected.live == whole.live);
        let (_, n_made) = found.unwrap_or_else(|| panic!("{shown}: live {:?}, said {said:?}", whole.live));
        // Each acknowledged snapshot once, and no others but those of commits that were only announced.
        assert_eq!(whole.history.len(), self.snapshots.len() + n_made, "{shown}");
        for snapshot in &self.snapshots {
            let n = whole.history.iter().filter(|found| *found == snapshot).count();
            assert_eq!(n, 1, "{shown}: {snapshot} in {:?}", whole.history);
        }
        *self = Self { live: whole.live, snapshots: whole.history };
    }

    /// Another process goes on.
    async fn go_on(&mut self, kind: Kind, root: &str, name: &str) {
        let storage = Storage::local();
        let file = data_file(&storage, &location(root), name).await;
        let said = Said { added: vec![file.path.to_string()], ..Said::default() };
        let committer = committer(kind.source(root, &storage).commit_target().await.unwrap());
        let committed = committed(&committer, snapshot(SnapshotChange::append([file]))).await;
        let said = Said { is_acknowledged: true, snapshot_id: committed.snapshot_id.map(|id| id.get()), ..said };
        self.check(kind, root, &[said], name).await;
    }
}

async fn whole(kind: Kind, root: &str) -> Whole {
    Whole::of(kind.source(root, &Storage::local()).load().await.unwrap()).await
}

/// Before and after every step of commits: taking the lock, loading, each file that is read, written or deleted, the
/// atomic step, and giving the lock back. One of the commits meets another writer, so that it is made twice and cleans
/// up.
#[rstest]
#[case::of_a_folder(Kind::Folder)]
#[case::of_a_database(Kind::Sqlite)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_is_killed_at_any_step_is_made_or_not(#[case] kind: Kind) {
    let mut n_steps = 0;
    for step in 1..1_000 {
        let folder = TempDir::new().unwrap();
        let root = folder.path().to_str().unwrap();
        prepare(kind, root).await;
        let mut expected = Expected::of(kind, root).await;
        let output = run(kind, root, Work::Steps, Moment::Step(step));
        let shown = format!("{kind:?}, killed at step {step} ({})", output.last_step);
        expected.check(kind, root, &output.said, &shown).await;
        if output.is_finished {
            assert!(output.said.iter().all(|said| said.is_acknowledged), "{shown}");
            let unlisted = whole(kind, root).await.unlisted().await;
            assert!(unlisted.is_empty(), "left by commits that have ended: {unlisted:?}");
            break;
        }
        println!("{shown}");
        expected.go_on(kind, root, "after").await;
        n_steps = step;
    }
    println!("{kind:?}: {n_steps} steps");
    assert!((60..999).contains(&n_steps), "{n_steps} steps are not those of three commits");
}

/// Also in the middle of a step: of a file that is being written, or of a transaction of the database.
#[rstest]
#[case::of_a_folder(Kind::Folder)]
#[case::of_a_database(Kind::Sqlite)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_that_are_killed_at_any_moment_are_made_or_not(#[case] kind: Kind) {
    let seed = 5;
    let mut random = StdRng::seed_from_u64(seed);
    let folder = TempDir::new().unwrap();
    let root = folder.path().to_str().unwrap();
    prepare(kind, root).await;
    let mut expected = Expected::of(kind, root).await;
    let mut n_acknowledged = 0;
    for round in 0..12 {
        let micros = random.random_range(1_000..80_000);
        let output = run(kind, root, Work::Appends { round }, Moment::Micros(micros));
        n_acknowledged += output.said.iter().filter(|said| said.is_acknowledged).count();
        let shown = format!("{kind:?}, seed {seed}, round {round}, killed {micros} µs after it began");
        expected.check(kind, root, &output.said, &shown).await;
        expected.go_on(kind, root, &format!("after{round}")).await;
    }
    println!("{kind:?}: {n_acknowledged} commits acknowledged in 12 rounds, seed {seed}");
    assert!(n_acknowledged > 0, "every process was killed before its first commit");
}

//! Many who commit to one table at the same time.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use frazil_lock::{CommitLock, Holder, MemoryLock};
use frazil_table::SystemClock;
use frazil_table::commit::{Change, CommitOptions, CommitOutcome, CommitRequest, Committer, SnapshotChange};
use frazil_table::storage::identity;

use super::{Subject, new_table, target};
use crate::integrity::{Whole, data_file};

const N_COMMITTERS: usize = 32;
/// Of these, so many know nothing of the lock, as other engines do not.
const N_WITHOUT_LOCK: usize = 4;

/// How long commits are made; `FRAZIL_COMMITTERS_SECONDS` sets it.
fn duration() -> Duration {
    let seconds = std::env::var("FRAZIL_COMMITTERS_SECONDS").ok();
    Duration::from_secs(seconds.map_or(2, |seconds| seconds.parse().unwrap()))
}

/// What one committer has done.
#[derive(Default)]
struct Done {
    /// Snapshot and file of each commit that was acknowledged.
    acknowledged: Vec<(i64, String)>,
    n_conflicts: usize,
    n_attempts: u32,
}

async fn commit_until(end: Instant, committer: Committer, name: usize) -> Done {
    let base = committer.target().load().await.unwrap().table;
    let (storage, location) = (base.storage().clone(), base.metadata().location().to_owned());
    let mut done = Done::default();
    for n in 0.. {
        if Instant::now() >= end {
            break;
        }
        let mut file = data_file(&storage, &location, &format!("{name}-{n}")).await;
        // The contract's tables are partitioned by day.
        file.partition.0 = [None].into();
        let path = identity(&file.path).to_owned();
        let change = Change::Snapshot(Box::new(SnapshotChange::append([file])));
        match committer.commit(CommitRequest::new(change)).await.unwrap() {
            CommitOutcome::Committed(committed) => {
                done.acknowledged.push((committed.snapshot_id.unwrap().get(), path));
                done.n_attempts += committed.n_attempts;
            }
            CommitOutcome::Conflict { .. } => done.n_conflicts += 1,
            other @ CommitOutcome::StateUnknown { .. } => panic!("{other:?}"),
        }
    }
    done
}

pub async fn many_commit_at_once_and_every_acknowledged_commit_is_there_once(subject: &dyn Subject) {
    subject.create("crowd", new_table(2)).await.unwrap();
    let lock: Arc<dyn CommitLock> = Arc::new(MemoryLock::new());
    let (start, duration) = (Instant::now(), duration());
    let mut committers = tokio::task::JoinSet::new();
    for name in 0..N_COMMITTERS {
        let lock = if name < N_WITHOUT_LOCK { Arc::new(MemoryLock::new()) } else { lock.clone() };
        let holder = Holder::of_this_process("test", "test", 0);
        // Each as a program of its own.
        let target = target(subject, "crowd").await;
        let committer = Committer::new(target, lock, holder, Arc::new(SystemClock), CommitOptions::default());
        committers.spawn(commit_until(start + duration, committer, name));
    }
    let done = committers.join_all().await;
    let seconds = start.elapsed().as_secs_f64();
    let acknowledged: Vec<(i64, String)> = done.iter().flat_map(|done| done.acknowledged.iter().cloned()).collect();
    let n_conflicts: usize = done.iter().map(|done| done.n_conflicts).sum();
    let n_attempts: u32 = done.iter().map(|done| done.n_attempts).sum();
    let fewest = done.iter().map(|done| done.acknowledged.len()).min().unwrap();

    let whole = Whole::of(subject.source("crowd").await.load().await.unwrap()).await;
    println!(
        "{N_COMMITTERS} committers, {seconds:.1} s: {} commits acknowledged ({:.1} a second, {n_attempts} tries, at least \
         {fewest} of each), {n_conflicts} gave up",
        acknowledged.len(),
        acknowledged.len() as f64 / seconds,
    );
    let snapshots: BTreeSet<i64> = acknowledged.iter().map(|(snapshot, _)| *snapshot).collect();
    assert_eq!(snapshots.len(), acknowledged.len(), "two commits have one snapshot");
    assert_eq!(whole.history.iter().copied().collect::<BTreeSet<_>>(), snapshots);
    assert_eq!(whole.live, acknowledged.iter().map(|(_, path)| path.clone()).collect());
    let unlisted = whole.unlisted().await;
    assert!(unlisted.is_empty(), "left by commits that have ended: {unlisted:?}");
    // Those of tries that were refused are gone.
    if subject.storage().is_some() {
        assert_eq!(whole.metadata_files().await.len(), 1 + acknowledged.len());
    }
}

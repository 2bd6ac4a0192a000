//! Stops a run where that leaves nothing unknown: not while a commit of it is at the catalog.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use frazil_table::TableError;
use frazil_table::commit::PendingCommit;
use frazil_table::commit::target::{CommitBase, CommitTarget, SwapAnswer};
use frazil_table::commit::update::{MetadataUpdate, Requirement};
use tokio::sync::watch;

/// Tells a run to stop, and knows what it has committed.
#[derive(Debug)]
pub(super) struct Stop {
    is_asked: watch::Sender<bool>,
    is_swapping: watch::Sender<bool>,
    committed: Mutex<Vec<i64>>,
}

impl Stop {
    pub(super) fn new() -> Self {
        Self {
            is_asked: watch::Sender::new(false),
            is_swapping: watch::Sender::new(false),
            committed: Mutex::default(),
        }
    }

    /// The run is to stop.
    pub(super) fn ask(&self) {
        self.is_asked.send_replace(true);
    }

    /// Returns when the run is to stop.
    pub(super) async fn asked(&self) {
        // The sender is as old as `self`.
        let _ = self.is_asked.subscribe().wait_for(|is_asked| *is_asked).await;
    }

    /// Returns when no commit is at the catalog. Once the run has been told to stop, none will be.
    pub(super) async fn no_swap(&self) {
        let _ = self.is_swapping.subscribe().wait_for(|is_swapping| !is_swapping).await;
    }

    /// Snapshots that were committed.
    pub(super) fn committed(&self) -> Vec<i64> {
        self.committed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A target that takes no commits after the run was told to stop.
#[derive(Debug)]
pub(super) struct StoppableTarget {
    pub(super) target: Arc<dyn CommitTarget>,
    pub(super) stop: Arc<Stop>,
}

#[async_trait]
impl CommitTarget for StoppableTarget {
    fn name(&self) -> &str {
        self.target.name()
    }

    fn lock_name(&self) -> String {
        self.target.lock_name()
    }

    async fn load(&self) -> frazil_table::Result<CommitBase> {
        self.target.load().await
    }

    async fn swap(&self, base: &CommitBase, updates: &[MetadataUpdate], requirements: &[Requirement]) -> SwapAnswer {
        self.stop.is_swapping.send_replace(true);
        let answer = if *self.stop.is_asked.borrow() {
            SwapAnswer::Failed(TableError::CommitLocked { detail: "the run is being stopped".to_owned() })
        } else {
            self.target.swap(base, updates, requirements).await
        };
        if matches!(answer, SwapAnswer::Swapped) {
            let ids = updates.iter().filter_map(|update| match update {
                MetadataUpdate::AddSnapshot(snapshot) => snapshot.get("snapshot-id")?.as_i64(),
                _ => None,
            });
            self.stop.committed.lock().unwrap_or_else(PoisonError::into_inner).extend(ids);
        }
        self.stop.is_swapping.send_replace(false);
        answer
    }

    fn is_superseded(&self, pending: &PendingCommit, now: &CommitBase) -> bool {
        self.target.is_superseded(pending, now)
    }

    fn may_delete_old_metadata(&self) -> bool {
        self.target.may_delete_old_metadata()
    }
}

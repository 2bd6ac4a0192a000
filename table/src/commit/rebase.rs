//! What happens to a change that does not fit the head of its branch.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::change::{FileRef, SnapshotChange};
use crate::Result;
use crate::deletes::FileDeletes;
use crate::file::FileEntry;
use crate::table::Table;

/// What the head of a branch has that a change does not fit.
#[derive(Debug, Clone, Default)]
pub struct Misfit {
    /// The first of it, in words.
    pub reason: String,
    /// Inputs of a rewrite that have to be read again, if they are live at all: the file or a delete that was applied is
    /// gone, or a delete has come to apply that should have been.
    pub stale: Vec<FileRef>,
    /// Inputs of a rewrite with what deletes rows of them by position and was not applied: those rows would come back.
    pub deleted: Vec<(Arc<FileEntry>, FileDeletes)>,
}

impl Misfit {
    /// One that nothing can be done about.
    pub(super) fn of(reason: String) -> Self {
        Self { reason, ..Self::default() }
    }
}

/// Mends changes that do not fit. Asked while the lock is held and others may commit: it should take little time.
#[async_trait]
pub trait Rebase: fmt::Debug + Send + Sync {
    /// The change to make on top of `table` instead of `change`; `None` if there is none: the commit then ends as a
    /// conflict. Files that it added before and no longer adds are the caller's to delete, once the commit has ended
    /// in another way than [`StateUnknown`](super::CommitOutcome::StateUnknown).
    ///
    /// # Errors
    /// Any ends the commit.
    async fn rebase(
        &mut self,
        table: &Table,
        change: &SnapshotChange,
        misfit: &Misfit,
    ) -> Result<Option<SnapshotChange>>;
}

/// Takes changes as they are.
#[derive(Debug)]
pub(super) struct Unmended;

#[async_trait]
impl Rebase for Unmended {
    async fn rebase(&mut self, _: &Table, _: &SnapshotChange, _: &Misfit) -> Result<Option<SnapshotChange>> {
        Ok(None)
    }
}

//! The backlog of snapshots that were planned together, read when the first of them is.

use frazil_table::changes::{Backlog, SnapshotChanges};
use frazil_table::{Advice, Table};
use iceberg::spec::SnapshotRef;
use tokio::sync::OnceCell;

use crate::Result;

/// The backlog that ends with one snapshot. It is read once, by whoever asks first.
#[derive(Debug)]
pub(crate) struct PlannedBacklog {
    last: SnapshotRef,
    read: OnceCell<Backlog>,
}

impl PlannedBacklog {
    pub(crate) fn ending_with(last: SnapshotRef) -> Self {
        Self { last, read: OnceCell::new() }
    }

    /// As [`Backlog::changes`].
    pub(crate) async fn changes(
        &self,
        table: &Table,
        snapshot: &SnapshotRef,
        parent: &SnapshotRef,
    ) -> Result<Option<SnapshotChanges>> {
        let backlog = self.read.get_or_try_init(|| self.open(table)).await?;
        Ok(backlog.changes(table, snapshot, parent).await?)
    }

    async fn open(&self, table: &Table) -> Result<Backlog> {
        match Backlog::of(table, &self.last).await {
            // A list that is gone or broken fails its own snapshot, and not those before it: they have their own.
            Err(error) if error.advice() != Advice::RetryLater => Ok(Backlog::default()),
            backlog => Ok(backlog?),
        }
    }
}

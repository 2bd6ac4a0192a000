//! The backlog of snapshots that were planned together, read when the first of them is.

use frazil_table::changes::{Backlog, SnapshotChanges};
use frazil_table::{Advice, Table, TableError};
use iceberg::spec::SnapshotRef;
use tokio::sync::OnceCell;
use tracing::debug;

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

    /// As [`Backlog::changes`]. A list that cannot be read is no reason to stop before its own snapshot: each of the
    /// others can be asked itself.
    pub(crate) async fn changes(
        &self,
        table: &Table,
        snapshot: &SnapshotRef,
        parent: &SnapshotRef,
    ) -> Result<Option<SnapshotChanges>> {
        match self.read.get_or_try_init(|| self.open(table)).await {
            Ok(backlog) => Ok(backlog.changes(table, snapshot, parent).await?),
            Err(error) => {
                debug!(table = table.name(), snapshot_id = self.last.snapshot_id(), %error, "no manifest list of a backlog");
                Ok(None)
            }
        }
    }

    /// What may pass is an error, so that it is tried again; anything else proves nothing, now and later.
    async fn open(&self, table: &Table) -> std::result::Result<Backlog, TableError> {
        match Backlog::of(table, &self.last).await {
            Err(error) if error.advice() != Advice::RetryLater => Ok(Backlog::default()),
            backlog => backlog,
        }
    }
}

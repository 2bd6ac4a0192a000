//! Compactions of a table that is being written to.

use std::time::Duration;

use frazil_compactor::{CompactionOptions, compact};
use frazil_table::commit::Committer;
use frazil_table::{Clock, SnapshotId, SystemClock, Table};
use iceberg::spec::Operation;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::error::CliError;

/// Longest and shortest time between two compactions.
const INTERVALS: (Duration, Duration) = (Duration::from_secs(4), Duration::from_millis(300));

/// What a compaction made of a table's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Compaction {
    pub(super) snapshot_id: SnapshotId,
    pub(super) data_files: Change,
    pub(super) delete_files: Change,
}

/// Files before and after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Change {
    before: u64,
    after: u64,
}

impl Compaction {
    /// What a snapshot did to the files; `None` if it is no compaction.
    pub(super) fn of(table: &Table, snapshot_id: SnapshotId) -> Option<Self> {
        let snapshot = table.metadata().snapshot_by_id(snapshot_id.get())?;
        if snapshot.summary().operation != Operation::Replace {
            return None;
        }
        let parent = snapshot.parent_snapshot_id()?;
        let change = |key: &str| {
            let total = |id: i64| {
                let snapshot = table.metadata().snapshot_by_id(id)?;
                snapshot.summary().additional_properties.get(key)?.parse::<u64>().ok()
            };
            Some(Change { before: total(parent)?, after: total(snapshot_id.get())? })
        };
        let (data_files, delete_files) = (change("total-data-files")?, change("total-delete-files")?);
        Some(Self { snapshot_id, data_files, delete_files })
    }

    /// For people.
    pub(super) fn line(&self) -> String {
        let Self { data_files, delete_files, .. } = self;
        format!(
            "-- compacted: {} -> {} data files, {} -> {} delete files; no row changed",
            data_files.before, data_files.after, delete_files.before, delete_files.after
        )
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        json!({
            "snapshot_id": self.snapshot_id.get(),
            "data_files_before": self.data_files.before,
            "data_files_after": self.data_files.after,
            "delete_files_before": self.delete_files.before,
            "delete_files_after": self.delete_files.after,
        })
    }

    /// Data files and delete files that were left.
    pub(super) fn left(&self) -> (u64, u64) {
        (self.data_files.after, self.delete_files.after)
    }
}

/// Compacts again and again until the writer is done, and once more then. Returns the table's last snapshot.
///
/// Each writer of a table has a committer of its own, and they share the lock.
pub(super) async fn compact_until(
    committer: &Committer,
    mut written: oneshot::Receiver<()>,
    seconds: u64,
) -> Result<SnapshotId, CliError> {
    // A table this small has nothing that the thresholds of real ones would find.
    let options = CompactionOptions {
        min_input_files: 2,
        delete_file_threshold: Some(1),
        remove_dangling_deletes: true,
        ..CompactionOptions::default()
    };
    let (longest, shortest) = INTERVALS;
    let interval = Duration::from_millis(seconds.saturating_mul(1000) / 4).clamp(shortest, longest);
    let mut is_written = false;
    while !is_written {
        tokio::select! {
            biased;
            // Where the writer has failed, there is nobody to wait for either.
            _ = &mut written => is_written = true,
            () = SystemClock.sleep(interval) => {}
        }
        let report = compact(committer, &options, &()).await?;
        if !report.is_complete() {
            return Err(CliError::CheckFailed(format!(
                "a compaction beside a writer was done only in part: {report:?}"
            )));
        }
    }
    let table = committer.target().load().await?.table;
    let head = table.metadata().current_snapshot_id().map(SnapshotId::new);
    head.ok_or_else(|| CliError::Internal("a table that was written to has no snapshot".to_owned()))
}

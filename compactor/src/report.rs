//! What a compaction did.

use std::time::Duration;

use frazil_table::SnapshotId;
use frazil_table::commit::PendingCommit;

use crate::plan::{FileGroup, PlanBase};
use crate::result::GroupResult;

/// What one run of a compaction did.
#[derive(Debug, Clone, Default)]
pub struct CompactionReport {
    /// Snapshot that was read first; `None` if the table has none.
    pub starting_snapshot_id: Option<SnapshotId>,
    /// Snapshots that were committed, oldest first.
    pub snapshot_ids: Vec<SnapshotId>,
    /// Every group that was tried, in the order in which it ended, without those that were overtaken and planned again.
    pub groups: Vec<GroupReport>,
    /// Groups that others overtook, and that were planned again.
    pub n_groups_overtaken: u64,
    /// Delete files that no data file needed any more.
    pub n_delete_files_removed: u64,
    /// Rows that others deleted by position meanwhile, translated to the outputs.
    pub n_rows_remapped: u64,
    /// Commits whose outcome is unknown: their files must stay until it is found out.
    pub unknown: Vec<PendingCommit>,
    /// Commits that failed, each with the reason.
    pub failed_commits: Vec<String>,
    /// One of them failed because others held the lock for too long: later it may succeed.
    pub is_locked_out: bool,
    /// Time that the run took.
    pub elapsed: Duration,
}

/// What became of one group.
#[derive(Debug, Clone)]
pub struct GroupReport {
    /// Its number in its plan.
    pub group_id: u32,
    /// Data files that were to be rewritten.
    pub n_files_in: u64,
    /// Their size.
    pub bytes_in: u64,
    /// Data files that were written; 0 if it failed before.
    pub n_files_out: u64,
    /// Their size.
    pub bytes_out: u64,
    /// Rows that were read, with deleted ones.
    pub n_rows_read: u64,
    /// Those of them that were deleted.
    pub n_rows_deleted: u64,
    /// Time that rewriting took.
    pub elapsed: Duration,
    /// How it ended.
    pub outcome: GroupOutcome,
}

/// How a group ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupOutcome {
    /// Its outputs are part of the table.
    Committed,
    /// Others changed its files meanwhile; nothing of it was committed. It may be planned again.
    Conflict(String),
    /// It could not be rewritten or committed.
    Failed(String),
    /// Whether it was committed is not known.
    Unknown,
}

impl CompactionReport {
    pub(crate) fn new(base: &PlanBase) -> Self {
        Self { starting_snapshot_id: base.snapshot_id, ..Self::default() }
    }

    fn committed(&self) -> impl Iterator<Item = &GroupReport> {
        self.groups.iter().filter(|group| group.outcome == GroupOutcome::Committed)
    }

    /// Data files that were replaced.
    pub fn n_data_files_rewritten(&self) -> u64 {
        self.committed().map(|group| group.n_files_in).sum()
    }

    /// Their size.
    pub fn bytes_rewritten(&self) -> u64 {
        self.committed().map(|group| group.bytes_in).sum()
    }

    /// Data files that replace them.
    pub fn n_data_files_added(&self) -> u64 {
        self.committed().map(|group| group.n_files_out).sum()
    }

    /// Data files of groups that could not be rewritten or committed.
    pub fn n_data_files_failed(&self) -> u64 {
        let failed = self.groups.iter().filter(|group| matches!(group.outcome, GroupOutcome::Failed(_)));
        failed.map(|group| group.n_files_in).sum()
    }

    /// Everything that was planned is done: no group and no commit is left that failed, was overtaken or is unknown.
    pub fn is_complete(&self) -> bool {
        self.unknown.is_empty()
            && self.failed_commits.is_empty()
            && self.groups.iter().all(|group| group.outcome == GroupOutcome::Committed)
    }
}

impl GroupReport {
    pub(crate) fn new(
        group: &FileGroup,
        result: Option<&GroupResult>,
        elapsed: Duration,
        outcome: GroupOutcome,
    ) -> Self {
        let outputs = result.map(|result| result.outputs.as_slice()).unwrap_or_default();
        Self {
            group_id: group.id,
            n_files_in: group.inputs.len() as u64,
            bytes_in: group.inputs.iter().map(|input| input.file.file_size_bytes).sum(),
            n_files_out: outputs.len() as u64,
            bytes_out: outputs.iter().map(|file| file.file_size_bytes).sum(),
            n_rows_read: result.map_or(0, |result| result.n_rows_read),
            n_rows_deleted: result.map_or(0, |result| result.n_rows_deleted),
            elapsed,
            outcome,
        }
    }
}

//! What is to be rewritten: file groups of one pinned snapshot.

use std::sync::Arc;

use frazil_table::deletes::FileDeletes;
use frazil_table::file::{FileEntry, PartitionTuple};
use frazil_table::{DataSequenceNumber, SnapshotId, SpecId};

/// What one compaction is going to rewrite.
#[derive(Debug, Clone)]
pub struct CompactionPlan {
    /// What it was made from.
    pub base: PlanBase,
    /// Files to rewrite together, in the order in which it is to be done.
    pub groups: Vec<FileGroup>,
}

/// The state of the table that a plan was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanBase {
    /// `table-uuid`
    pub table_uuid: String,
    /// The branch.
    pub branch: String,
    /// Head of the branch; `None` if the table has no snapshot.
    pub snapshot_id: Option<SnapshotId>,
    /// Its sequence number; 0 without a snapshot.
    pub sequence_number: i64,
    /// The table's current schema, in which outputs are written.
    pub schema_id: i32,
    /// The table's default partition spec.
    pub default_spec_id: SpecId,
}

/// Files that are rewritten together, all of one partition of one spec.
#[derive(Debug, Clone)]
pub struct FileGroup {
    /// Its number in the plan.
    pub id: u32,
    /// Partition spec of inputs and outputs.
    pub spec_id: SpecId,
    /// Partition of inputs and outputs.
    pub partition: PartitionTuple,
    /// In write order: by data sequence number, then as the snapshot lists them. No file is there twice.
    pub inputs: Vec<GroupInput>,
    /// Data sequence number that the outputs get.
    pub data_sequence_number: DataSequenceNumber,
    /// Size that output files are to have, in bytes.
    pub target_file_size_bytes: u64,
}

/// A data file that is to be rewritten.
#[derive(Debug, Clone)]
pub struct GroupInput {
    /// The file.
    pub file: Arc<FileEntry>,
    /// The deletes of the snapshot that apply to it.
    pub deletes: FileDeletes,
    /// Why it was chosen.
    pub reason: InputReason,
}

/// Why a data file was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum InputReason {
    /// Below the minimum size.
    Small,
    /// Above the maximum size.
    Large,
    /// As many delete files apply as the threshold says, or more.
    ManyDeletes,
    /// The share of rows deleted by position has reached the threshold.
    DeleteRatio,
    /// Every file was asked for.
    All,
}

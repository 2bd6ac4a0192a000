//! What is to be rewritten: file groups of one pinned snapshot.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
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
    /// Why each of `groups` is worth rewriting, in the same order.
    pub choices: Vec<GroupChoice>,
    /// What each partition holds and what becomes of it, by spec and partition. Only partitions with live data files,
    /// and without those of manifests that the condition rules out.
    pub partitions: Vec<PartitionPlan>,
    /// What was read to make it.
    pub cost: PlanCost,
}

impl CompactionPlan {
    /// A plan of these groups, without anything to show of how it was made.
    pub fn new(base: PlanBase, groups: Vec<FileGroup>) -> Self {
        Self { base, groups, choices: Vec::new(), partitions: Vec::new(), cost: PlanCost::default() }
    }

    /// There is nothing to rewrite.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Leaves out groups that have none but these files, by their paths.
    pub(crate) fn leave_out_groups_of(&mut self, files: &HashSet<Arc<str>>) {
        let has_others = |group: &FileGroup| group.inputs.iter().any(|input| !files.contains(&input.file.path));
        self.groups.retain(has_others);
        let left: HashSet<u32> = self.groups.iter().map(|group| group.id).collect();
        self.choices.retain(|choice| left.contains(&choice.group_id));
    }

    /// Data files that are left alone, by the reason.
    pub fn left_alone(&self) -> BTreeMap<LeftAlone, u64> {
        let mut counts = BTreeMap::new();
        for (reason, n_files) in self.partitions.iter().flat_map(|partition| &partition.left_alone) {
            *counts.entry(*reason).or_default() += n_files;
        }
        counts
    }
}

/// What was read to make a plan, beside the manifest list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PlanCost {
    /// Manifests of the snapshot.
    pub n_manifests: u64,
    /// Those of them that were read, or were in memory from earlier reads.
    pub n_manifests_read: u64,
}

/// Why a file group is worth rewriting, and what is expected of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupChoice {
    /// [`FileGroup::id`]
    pub group_id: u32,
    /// Why it is rewritten.
    pub reason: GroupReason,
    /// Size of the inputs.
    pub input_bytes: u64,
    /// Output files, as far as sizes and deletes by position tell.
    pub n_outputs_expected: u64,
}

/// Why a file group is worth rewriting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GroupReason {
    /// It has as many files as `min-input-files` says, or more, and will have fewer.
    EnoughFiles,
    /// Its files make more than one of the target size, and fewer than now.
    EnoughBytes,
    /// It has a file above the maximum size.
    LargeFile,
    /// It has a file with too many deletes.
    Deletes,
    /// Every file was asked for.
    All,
}

impl GroupReason {
    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EnoughFiles => "enough files",
            Self::EnoughBytes => "enough bytes",
            Self::LargeFile => "large file",
            Self::Deletes => "deletes",
            Self::All => "rewrite-all",
        }
    }
}

impl fmt::Display for GroupReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a partition holds, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionPlan {
    /// Its partition spec.
    pub spec_id: SpecId,
    /// Its values.
    pub partition: PartitionTuple,
    /// Live data files.
    pub n_data_files: u64,
    /// Their size.
    pub data_bytes: u64,
    /// Live delete files listed under it. Equality deletes of an unpartitioned spec apply to all partitions and are
    /// counted under their own.
    pub n_delete_files: u64,
    /// Data files that are to be rewritten.
    pub n_inputs: u64,
    /// Their size.
    pub input_bytes: u64,
    /// Groups of them.
    pub n_groups: u64,
    /// Data files afterwards, as far as sizes and deletes by position tell.
    pub n_data_files_expected: u64,
    /// Data files that are left alone, by the reason.
    pub left_alone: BTreeMap<LeftAlone, u64>,
}

/// Why a data file is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LeftAlone {
    /// Its size is within bounds, and no delete applies to it.
    RightSize,
    /// Its size is within bounds, and fewer deletes apply to it than the thresholds say.
    FewDeletes,
    /// It is small, but there are fewer such files in its partition than `min-input-files`, and not enough bytes for a
    /// file of the target size.
    TooFewFiles,
    /// It is small, but its group would have as many files after a rewrite as it has now.
    NothingGained,
    /// It is large, but a rewrite would not split it: it would make one file at this target size, or its rows are so
    /// large that an earlier rewrite did not split it either.
    Indivisible,
    /// The condition rules out that it holds matching rows.
    FilteredOut,
    /// It is encrypted.
    Encrypted,
}

impl LeftAlone {
    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RightSize => "right size",
            Self::FewDeletes => "few deletes",
            Self::TooFewFiles => "fewer files than min-input-files",
            Self::NothingGained => "as few files as can be",
            Self::Indivisible => "cannot be split",
            Self::FilteredOut => "filtered out",
            Self::Encrypted => "encrypted",
        }
    }
}

impl fmt::Display for LeftAlone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
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
    /// The file. A plan leaves its column statistics out: they are most of an entry, and only choosing needs them.
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

impl InputReason {
    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Large => "large",
            Self::ManyDeletes => "many deletes",
            Self::DeleteRatio => "delete ratio",
            Self::All => "rewrite-all",
        }
    }
}

impl fmt::Display for InputReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

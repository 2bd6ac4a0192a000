//! What a compaction is to do: Spark's names and meanings, and what is ours.

mod names;

use frazil_table::{MAIN_BRANCH, SpecId, TableError};

use crate::Result;

const MIB: u64 = 1 << 20;

/// What one compaction of a table is to do.
#[derive(Debug, Clone, PartialEq)]
pub struct CompactionOptions {
    /// Only this branch is compacted.
    pub branch: String,
    /// Size that output files are to have, in bytes; `None` leaves it to the table's
    /// `write.target-file-size-bytes`, else 512 MiB.
    pub target_file_size_bytes: Option<u64>,
    /// Files below this size are rewritten, in bytes; `None` is 75 % of the target.
    pub min_file_size_bytes: Option<u64>,
    /// Files above this size are split, in bytes; `None` is 180 % of the target.
    pub max_file_size_bytes: Option<u64>,
    /// Files of a group that make rewriting it worth while, whatever their sizes.
    pub min_input_files: usize,
    /// Delete files that apply to a data file, from which on it is rewritten; `None` is never.
    pub delete_file_threshold: Option<usize>,
    /// Share of a file's rows deleted by position, from which on it is rewritten.
    pub delete_ratio_threshold: f64,
    /// Bytes of the inputs of one file group at most.
    pub max_file_group_size_bytes: u64,
    /// File groups that are rewritten at the same time.
    pub max_concurrent_file_group_rewrites: usize,
    /// Commits before all groups are done.
    pub partial_progress: Option<PartialProgress>,
    /// Which groups go first.
    pub rewrite_job_order: JobOrder,
    /// Every file is rewritten, whatever its size and deletes.
    pub rewrite_all: bool,
    /// Drops delete files that apply to no live file, also if nothing is rewritten.
    pub remove_dangling_deletes: bool,
    /// Only files that may hold rows matching this condition: SQL of a `WHERE` clause.
    pub filter: Option<String>,
    /// Partition spec of the outputs; `None` keeps that of the inputs.
    pub output_spec_id: Option<SpecId>,
    /// What becomes of a group whose rows were deleted by position meanwhile.
    pub on_conflict: OnConflict,
    /// Data sequence number of the outputs.
    pub output_sequence_number: OutputSequenceNumber,
    /// Memory that the run may take, in bytes.
    pub memory_limit_bytes: u64,
    /// Order of the rows in the outputs.
    pub sort: SortRows,
    /// What is checked of the outputs before they are committed.
    pub verify: Verify,
}

/// Commits of groups that are done, while others are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartialProgress {
    /// Commits at most.
    pub commits_max: usize,
    /// Commits that may fail before the run counts as failed.
    pub failed_commits_max: usize,
}

impl Default for PartialProgress {
    /// Spark's values.
    fn default() -> Self {
        Self { commits_max: 10, failed_commits_max: 10 }
    }
}

/// Which groups are rewritten first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum JobOrder {
    /// Partition by partition.
    #[default]
    None,
    /// Fewest bytes first.
    BytesAsc,
    /// Most bytes first.
    BytesDesc,
    /// Fewest files first.
    FilesAsc,
    /// Most files first.
    FilesDesc,
}

/// What becomes of a group whose rows were deleted by position while it was rewritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnConflict {
    /// The deletes are translated to the outputs.
    #[default]
    Remap,
    /// The group is rewritten again.
    Redo,
}

/// Data sequence number of the outputs: it decides which deletes apply to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OutputSequenceNumber {
    /// The highest of everything merged: input data files, equality deletes in their scope, and the position deletes
    /// that were applied. No delete that was applied stays attached.
    #[default]
    MergedMax,
    /// That of the snapshot that was read, as Spark's `use-starting-sequence-number` does.
    StartingSnapshot,
    /// The highest of the input data files. Applied equality deletes stay attached.
    MaxInput,
}

/// Order of the rows in the outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SortRows {
    /// As they were written: by data sequence number, file and position.
    #[default]
    WriteOrder,
    /// The table's sort order, within each output file.
    TableOrder,
}

/// What is checked of the outputs before they are committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verify {
    /// Rows read less rows deleted are the rows of the outputs, by their footers.
    #[default]
    Count,
    /// Also that the outputs, read back, hold the same rows: a checksum that does not depend on the order.
    Checksum,
    /// Nothing.
    Off,
}

impl Default for CompactionOptions {
    /// Spark's values, but for the delete file threshold: Spark leaves deletes alone for ever, and tables that are
    /// upserted into need them applied.
    fn default() -> Self {
        Self {
            branch: MAIN_BRANCH.to_owned(),
            target_file_size_bytes: None,
            min_file_size_bytes: None,
            max_file_size_bytes: None,
            min_input_files: 5,
            delete_file_threshold: Some(10),
            delete_ratio_threshold: 0.3,
            max_file_group_size_bytes: 100 * 1024 * MIB,
            max_concurrent_file_group_rewrites: 2,
            partial_progress: None,
            rewrite_job_order: JobOrder::None,
            rewrite_all: false,
            remove_dangling_deletes: false,
            filter: None,
            output_spec_id: None,
            on_conflict: OnConflict::Remap,
            output_sequence_number: OutputSequenceNumber::MergedMax,
            memory_limit_bytes: 1024 * MIB,
            sort: SortRows::WriteOrder,
            verify: Verify::Count,
        }
    }
}

impl CompactionOptions {
    /// Refuses values that are out of range or contradict each other, as far as that can be told without the table.
    ///
    /// # Errors
    /// [`TableError::InvalidRequest`] names the option.
    pub fn check(&self) -> Result<()> {
        let ratio = self.delete_ratio_threshold;
        let is_below =
            |lower: Option<u64>, upper: Option<u64>| lower.zip(upper).is_none_or(|(lower, upper)| lower < upper);
        let (min, target, max) = (self.min_file_size_bytes, self.target_file_size_bytes, self.max_file_size_bytes);
        let rules = [
            (target != Some(0), "target-file-size-bytes must be above 0"),
            (is_below(min, target), "min-file-size-bytes must be below target-file-size-bytes"),
            (is_below(target, max), "max-file-size-bytes must be above target-file-size-bytes"),
            (is_below(min, max), "min-file-size-bytes must be below max-file-size-bytes"),
            (self.min_input_files > 0, "min-input-files must be above 0"),
            (
                self.delete_file_threshold != Some(0),
                "delete-file-threshold must be above 0, or `none`; rewrite-all rewrites files without deletes too",
            ),
            (ratio > 0.0 && ratio <= 1.0, "delete-ratio-threshold must be above 0 and at most 1"),
            (self.max_file_group_size_bytes > 0, "max-file-group-size-bytes must be above 0"),
            (self.max_concurrent_file_group_rewrites > 0, "max-concurrent-file-group-rewrites must be above 0"),
            (self.memory_limit_bytes > 0, "memory-limit-bytes must be above 0"),
            (
                self.partial_progress.is_none_or(|progress| progress.commits_max > 0),
                "partial-progress.max-commits must be above 0",
            ),
        ];
        match rules.iter().find(|(is_kept, _)| !is_kept) {
            None => Ok(()),
            Some((_, rule)) => Err(TableError::invalid(format!("compaction option {rule}"))),
        }
    }
}

//! From candidates to file groups: which files go together, and which groups are worth the work.
//!
//! Everything here is decided by values alone. The rules are Spark's (`rewrite_data_files`), but that a group has to
//! gain something: fewer files, files of the right size, or fewer deletes. Source: Iceberg 1.11,
//! `SizeBasedFileRewritePlanner`, `BinPackRewriteFilePlanner`.

mod choose;
mod order;
mod pack;
mod sequence;

use std::collections::BTreeMap;

use frazil_table::file::PartitionTuple;
use frazil_table::{DataSequenceNumber, SpecId, TableError};

use self::choose::choose;
pub(crate) use self::sequence::SequenceScope;
use crate::candidate::Candidate;
use crate::{
    CompactionOptions, FileGroup, GroupChoice, GroupInput, JobOrder, LeftAlone, OutputSequenceNumber, PartitionPlan,
    Result,
};

/// Sizes of files, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sizes {
    pub(crate) target: u64,
    /// Smaller files are worth merging.
    pub(crate) min: u64,
    /// Larger files are worth splitting.
    pub(crate) max: u64,
}

/// What decides, with all defaults filled in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Policy {
    pub(crate) sizes: Sizes,
    pub(crate) min_input_files: usize,
    pub(crate) delete_file_threshold: Option<usize>,
    pub(crate) delete_ratio_threshold: f64,
    pub(crate) group_bytes_max: u64,
    /// Memory that a group may take for its deletes and its list of inputs.
    pub(crate) group_memory_bytes_max: u64,
    pub(crate) rewrite_all: bool,
    pub(crate) job_order: JobOrder,
    pub(crate) output_sequence_number: OutputSequenceNumber,
}

impl Policy {
    /// `table_target_bytes` is what the table says of the size of its files.
    ///
    /// # Errors
    /// [`TableError::InvalidRequest`] if the options contradict each other.
    pub(crate) fn new(options: &CompactionOptions, table_target_bytes: u64) -> Result<Self> {
        let target = options.target_file_size_bytes.unwrap_or(table_target_bytes);
        let part = |percent: u128| u64::try_from(u128::from(target) * percent / 100).unwrap_or(u64::MAX);
        let sizes = Sizes {
            target,
            min: options.min_file_size_bytes.unwrap_or_else(|| part(75)),
            max: options.max_file_size_bytes.unwrap_or_else(|| part(180)),
        };
        let has_room = options.max_file_group_size_bytes >= target;
        for (is_right, rule) in [
            (target > 0, "target-file-size-bytes must be above 0"),
            (sizes.min < target, "min-file-size-bytes must be below target-file-size-bytes"),
            // Below 2, the default of a target of 1 is no larger than it.
            (sizes.max > target || target < 2, "max-file-size-bytes must be above target-file-size-bytes"),
            (has_room, "max-file-group-size-bytes must be no less than target-file-size-bytes"),
        ] {
            if !is_right {
                return Err(TableError::invalid(format!(
                    "{rule}; target-file-size-bytes=`{target}`, min-file-size-bytes=`{}`, max-file-size-bytes=`{}`, \
                     max-file-group-size-bytes=`{}`",
                    sizes.min, sizes.max, options.max_file_group_size_bytes
                )));
            }
        }
        let n_concurrent = u64::try_from(options.max_concurrent_file_group_rewrites).unwrap_or(u64::MAX).max(1);
        Ok(Self {
            sizes,
            min_input_files: options.min_input_files,
            delete_file_threshold: options.delete_file_threshold,
            delete_ratio_threshold: options.delete_ratio_threshold,
            group_bytes_max: options.max_file_group_size_bytes,
            // The other half is for rows.
            group_memory_bytes_max: options.memory_limit_bytes / 2 / n_concurrent,
            rewrite_all: options.rewrite_all,
            job_order: options.rewrite_job_order,
            output_sequence_number: options.output_sequence_number,
        })
    }
}

/// Size that a rewrite lets a file reach when that saves a tiny last one: half way to where it would be split again.
fn written_max(sizes: &Sizes) -> u64 {
    sizes.target.saturating_add(sizes.max.saturating_sub(sizes.target) / 2)
}

/// Files that a rewrite makes of so many bytes: the last one is spread over the others if it would be small and
/// they do not grow by more than 10 %.
pub(crate) fn expected_files(sizes: &Sizes, bytes: u64) -> u64 {
    let target = sizes.target.max(1);
    if bytes < target {
        return u64::from(bytes > 0);
    }
    let (n_full, rest) = (bytes / target, bytes % target);
    if rest > sizes.min {
        return n_full + 1;
    }
    let spread = bytes / n_full;
    let is_close = u128::from(spread) * 10 < u128::from(target) * 11;
    if rest == 0 || (is_close && spread < written_max(sizes)) { n_full } else { n_full + 1 }
}

/// Size at which a rewrite of so many bytes goes on to the next file, so that it makes [`expected_files`] of like sizes.
fn split_bytes(sizes: &Sizes, bytes: u64) -> u64 {
    let n_files = expected_files(sizes, bytes).max(1);
    let even = bytes / n_files;
    // Sizes are estimates: without some room, what is over by a little would be a file of its own.
    let with_room = even.saturating_add(even / 50).saturating_add(1);
    let at_least = if n_files == 1 { sizes.target } else { 1 };
    with_room.max(at_least).min(written_max(sizes))
}

/// Files of one spec and partition belong together.
pub(crate) type Partition = (SpecId, PartitionTuple);

/// What was found in one partition.
#[derive(Debug, Default)]
pub(crate) struct PartitionFindings {
    pub(crate) n_data_files: u64,
    pub(crate) data_bytes: u64,
    pub(crate) candidates: Vec<Candidate>,
    pub(crate) left_alone: BTreeMap<LeftAlone, u64>,
}

impl PartitionFindings {
    pub(crate) fn leave_alone(&mut self, reason: LeftAlone, n_files: u64) {
        *self.left_alone.entry(reason).or_default() += n_files;
    }

    /// Adds what another manifest holds of the partition.
    pub(crate) fn merge(&mut self, other: Self) {
        self.n_data_files += other.n_data_files;
        self.data_bytes = self.data_bytes.saturating_add(other.data_bytes);
        self.candidates.extend(other.candidates);
        for (reason, n_files) in other.left_alone {
            self.leave_alone(reason, n_files);
        }
    }
}

/// What is to be done.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    pub(crate) groups: Vec<FileGroup>,
    pub(crate) choices: Vec<GroupChoice>,
    pub(crate) partitions: Vec<PartitionPlan>,
}

/// Chooses groups among the candidates of all partitions. `scope` tells of the deletes that files of a partition are in
/// the scope of.
///
/// # Errors
/// [`TableError::Corrupt`] if a file is newer than the snapshot that lists it.
pub(crate) fn select(
    policy: &Policy,
    findings: BTreeMap<Partition, PartitionFindings>,
    scope: impl Fn(&Partition) -> SequenceScope,
) -> Result<Selection> {
    let mut chosen = Vec::new();
    let mut partitions = Vec::with_capacity(findings.len());
    for (partition, mut found) in findings {
        let scope = scope(&partition);
        let (n_data_files, data_bytes) = (found.n_data_files, found.data_bytes);
        let mut plan = PartitionPlan {
            spec_id: partition.0,
            partition: partition.1.clone(),
            n_data_files,
            data_bytes,
            n_delete_files: scope.n_delete_files,
            n_inputs: 0,
            input_bytes: 0,
            n_groups: 0,
            n_data_files_expected: n_data_files,
            left_alone: BTreeMap::new(),
        };
        for bin in pack::pack(policy, std::mem::take(&mut found.candidates)) {
            let n_files = bin.len() as u64;
            match choose(policy, &bin) {
                Err(reason) => found.leave_alone(reason, n_files),
                Ok(reason) => {
                    let live_bytes = bin.iter().map(|candidate| candidate.live_bytes).sum();
                    let choice = GroupChoice {
                        group_id: 0,
                        reason,
                        input_bytes: bin.iter().map(|candidate| candidate.file.file_size_bytes).sum(),
                        n_outputs_expected: expected_files(&policy.sizes, live_bytes),
                    };
                    plan.n_groups += 1;
                    plan.n_inputs += n_files;
                    plan.input_bytes += choice.input_bytes;
                    plan.n_data_files_expected =
                        plan.n_data_files_expected.saturating_sub(n_files) + choice.n_outputs_expected;
                    let number = sequence::of_output(policy.output_sequence_number, &scope, &bin)?;
                    chosen.push((group(policy, &partition, bin, number, live_bytes), choice));
                }
            }
        }
        plan.left_alone = found.left_alone;
        partitions.push(plan);
    }
    order::order(policy.job_order, &mut chosen);
    let numbered = chosen
        .into_iter()
        .zip(0..)
        .map(|((group, choice), id)| (FileGroup { id, ..group }, GroupChoice { group_id: id, ..choice }));
    let (groups, choices) = numbered.unzip();
    Ok(Selection { groups, choices, partitions })
}

fn group(
    policy: &Policy,
    (spec_id, partition): &Partition,
    bin: Vec<Candidate>,
    data_sequence_number: DataSequenceNumber,
    live_bytes: u64,
) -> FileGroup {
    let input = |Candidate { file, deletes, reason, .. }| GroupInput { file, deletes, reason };
    FileGroup {
        id: 0,
        spec_id: *spec_id,
        partition: partition.clone(),
        inputs: bin.into_iter().map(input).collect(),
        data_sequence_number,
        target_file_size_bytes: split_bytes(&policy.sizes, live_bytes),
    }
}

#[cfg(test)]
mod tests;

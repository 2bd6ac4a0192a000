//! Which data files are worth rewriting, each by itself, and why.

use std::sync::Arc;

use frazil_table::FieldId;
use frazil_table::deletes::FileDeletes;
use frazil_table::file::FileEntry;

use crate::policy::{Policy, expected_files};
use crate::{InputReason, LeftAlone, OutputSequenceNumber};

/// Rows that a writer takes at once at most: a file is not cut within them.
const N_BATCH_ROWS: u128 = 8_192;

/// Column of position delete files that holds paths. Source: Iceberg spec, "Reserved Field IDs".
const FILE_PATH: FieldId = FieldId::new(2_147_483_546);

/// What decides about a data file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileFacts {
    pub(crate) size_bytes: u64,
    pub(crate) n_rows: u64,
    /// Delete files that apply, a deletion vector among them.
    pub(crate) n_delete_files: usize,
    /// Rows known to be deleted by position.
    pub(crate) n_deleted_rows: u64,
    /// It is what a rewrite made of other files.
    pub(crate) is_rewritten: bool,
    pub(crate) is_encrypted: bool,
}

/// What was found about a data file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Candidate(InputReason),
    LeftAlone(LeftAlone),
}

/// A data file that may be rewritten.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub(crate) file: Arc<FileEntry>,
    pub(crate) deletes: FileDeletes,
    pub(crate) reason: InputReason,
    /// Size without the share of rows known to be deleted.
    pub(crate) live_bytes: u64,
    pub(crate) is_rewritten: bool,
}

impl FileFacts {
    /// `is_rewritten`: the snapshot that added the file says so of itself.
    pub(crate) fn new(policy: &Policy, file: &FileEntry, deletes: &FileDeletes, is_rewritten: bool) -> Self {
        let equality = deletes.equality.iter().filter(|delete| {
            // These stay attached to what was rewritten, although they were applied.
            let stays = policy.output_sequence_number == OutputSequenceNumber::MaxInput && is_rewritten;
            !stays || is_not_older(delete, file)
        });
        // A file cannot be named by a delete older than itself, only lie within the bounds of its paths.
        let positions = || deletes.positions.iter().filter(|delete| is_not_older(delete, file));
        let vector = deletes.vector.as_ref();
        let n_deleted_rows = vector.into_iter().chain(positions().filter(|delete| names_only(delete, file)));
        Self {
            size_bytes: file.file_size_bytes,
            n_rows: file.record_count,
            n_delete_files: equality.count() + positions().count() + usize::from(vector.is_some()),
            n_deleted_rows: n_deleted_rows.map(|delete| delete.record_count).sum::<u64>().min(file.record_count),
            is_rewritten,
            is_encrypted: file.is_encrypted,
        }
    }

    /// Size without the share of rows known to be deleted.
    pub(crate) fn live_bytes(&self) -> u64 {
        let n_live = u128::from(self.n_rows.saturating_sub(self.n_deleted_rows));
        let bytes = u128::from(self.size_bytes) * n_live / u128::from(self.n_rows.max(1));
        u64::try_from(bytes).unwrap_or(self.size_bytes)
    }
}

fn is_not_older(delete: &FileEntry, file: &FileEntry) -> bool {
    file.file_sequence_number.is_none_or(|number| number <= delete.data_sequence_number.get())
}

/// Every row of a position delete file is about this data file.
fn names_only(delete: &FileEntry, file: &FileEntry) -> bool {
    // An index has found it by this path.
    if delete.referenced_data_file.is_some() {
        return true;
    }
    // Paths that are the same in both bounds, and not cut, since they are that of a file.
    let is_path = |bytes: &[u8]| bytes == file.path.as_bytes() || bytes == file.key().as_bytes();
    let (lower, upper) = (delete.metrics.lower_bounds.get(&FILE_PATH), delete.metrics.upper_bounds.get(&FILE_PATH));
    lower.is_some_and(|lower| is_path(lower)) && lower == upper
}

/// Whether a data file is worth rewriting, by itself.
pub(crate) fn judge(policy: &Policy, file: &FileFacts) -> Verdict {
    if file.is_encrypted {
        return Verdict::LeftAlone(LeftAlone::Encrypted);
    }
    if policy.rewrite_all {
        return Verdict::Candidate(InputReason::All);
    }
    // Deletes go first: unlike a size, they make a file worth rewriting alone.
    if policy.delete_file_threshold.is_some_and(|threshold| file.n_delete_files >= threshold) {
        return Verdict::Candidate(InputReason::ManyDeletes);
    }
    if file.n_deleted_rows > 0 && file.n_deleted_rows as f64 >= policy.delete_ratio_threshold * file.n_rows as f64 {
        return Verdict::Candidate(InputReason::DeleteRatio);
    }
    if file.size_bytes < policy.sizes.min {
        return Verdict::Candidate(InputReason::Small);
    }
    if file.size_bytes > policy.sizes.max {
        return match is_divisible(policy, file) {
            true => Verdict::Candidate(InputReason::Large),
            false => Verdict::LeftAlone(LeftAlone::Indivisible),
        };
    }
    Verdict::LeftAlone(if file.n_delete_files == 0 { LeftAlone::RightSize } else { LeftAlone::FewDeletes })
}

/// Whether a rewrite makes more than one file of this one. What a rewrite left this large is tried again only if its
/// rows are small enough to be cut between: else it would be rewritten for ever.
fn is_divisible(policy: &Policy, file: &FileFacts) -> bool {
    let batch_bytes = u128::from(file.size_bytes) * N_BATCH_ROWS / u128::from(file.n_rows.max(1));
    let has_huge_rows = batch_bytes > u128::from(policy.sizes.target);
    file.n_rows > 1 && expected_files(&policy.sizes, file.live_bytes()) > 1 && !(file.is_rewritten && has_huge_rows)
}

#[cfg(test)]
mod tests;

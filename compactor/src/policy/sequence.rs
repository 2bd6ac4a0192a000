//! The data sequence number of what a group is rewritten into.

use frazil_table::{DataSequenceNumber, TableError};

use crate::candidate::Candidate;
use crate::{OutputSequenceNumber, Result};

/// The deletes that files of a partition are in the scope of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SequenceScope {
    /// Sequence number of the snapshot.
    pub(crate) snapshot: i64,
    /// Highest number of the equality deletes, whatever the bounds of their keys; `None` without any.
    pub(crate) equality_max: Option<DataSequenceNumber>,
    /// Delete files of the partition.
    pub(crate) n_delete_files: u64,
}

/// No lower than any input, or rows written anew after a delete would vanish; no higher than the snapshot, or deletes
/// committed since would miss their rows.
///
/// # Errors
/// [`TableError::Corrupt`] if an input is newer than its snapshot.
pub(super) fn of_output(
    choice: OutputSequenceNumber,
    scope: &SequenceScope,
    inputs: &[Candidate],
) -> Result<DataSequenceNumber> {
    let numbers = || inputs.iter().map(|input| input.file.data_sequence_number);
    let lowest = numbers().min().unwrap_or(DataSequenceNumber::new(0));
    let highest = numbers().max().unwrap_or(DataSequenceNumber::new(0));
    let snapshot = DataSequenceNumber::new(scope.snapshot);
    if let Some(input) = inputs.iter().find(|input| input.file.data_sequence_number > snapshot) {
        return Err(TableError::Corrupt {
            path: input.file.path.to_string(),
            detail: format!(
                "its data sequence number is `{}`, but that of the snapshot that lists it is `{snapshot}`",
                input.file.data_sequence_number
            ),
        });
    }
    Ok(match choice {
        OutputSequenceNumber::MaxInput => highest,
        OutputSequenceNumber::StartingSnapshot => snapshot,
        OutputSequenceNumber::MergedMax => {
            // In scope is what is newer than some input: the oldest decides.
            let equality = scope.equality_max.filter(|equality| *equality > lowest);
            let by_position = inputs
                .iter()
                .flat_map(|input| input.deletes.vector.iter().chain(&input.deletes.positions))
                .map(|delete| delete.data_sequence_number)
                .max();
            let applied = equality.into_iter().chain(by_position).max();
            applied.map_or(highest, |applied| applied.max(highest)).min(snapshot)
        }
    })
}

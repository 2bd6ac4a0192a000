//! Where the rows of a snapshot's changes come from, and how far they have been handled.

use arrow_array::RecordBatch;

use crate::event::ChangelogOperation;

/// Part of what is delivered of one snapshot, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum PlacePhase {
    /// All rows of the snapshot.
    Full,
    /// Rows that are gone.
    Removals,
    /// Rows that are there now, updated ones with their before images.
    Additions,
}

/// How far one snapshot has been handled. It counts in files and their rows, never in rows delivered, so that it means
/// the same whatever the filter, the columns, the batches and the memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    pub(crate) phase: PlacePhase,
    /// Index in the list of files of the snapshot and phase, which follows from the snapshot alone.
    pub(crate) file_ordinal: u32,
    /// Position in that file of the last row handled, delivered or not.
    pub(crate) row_position: u64,
}

/// Consecutive changes out of one file.
#[derive(Debug)]
pub(crate) struct Delivered {
    /// One for each row.
    pub(crate) operations: Vec<ChangelogOperation>,
    /// There may be none: no row matched.
    pub(crate) rows: RecordBatch,
    /// Every row up to here has been handled.
    pub(crate) place: Place,
}

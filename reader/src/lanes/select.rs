//! What is still to be delivered of one snapshot to a stream over some lanes.

use std::ops::Range;

use arrow_array::{BooleanArray, RecordBatch};
use arrow_select::filter::filter_record_batch;
use frazil_table::file::FileEntry;
use frazil_table::scan::Positions;
use frazil_table::{FieldId, TableError};

use super::{Route, StreamLanes, hash};
use crate::Result;
use crate::event::ChangelogOperation;
use crate::place::Place;
use crate::split::Split;

/// What has been handled of a snapshot in a lane that is ahead of its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Done {
    UpTo(Place),
    All,
}

/// Rows of some lanes, each after what has been handled of it.
#[derive(Debug, Clone)]
pub(crate) struct Selection {
    pub(crate) lanes: StreamLanes,
    /// Columns that decide the lane of a row, with route `key`.
    pub(crate) key: Vec<FieldId>,
    /// What has been handled in every lane.
    pub(crate) after: Option<Place>,
    /// Lanes that are further.
    pub(crate) ahead: Vec<(Range<u16>, Done)>,
}

impl Selection {
    /// Each row is to be looked at: it alone tells its lane.
    pub(crate) fn is_by_row(&self) -> bool {
        self.lanes.route == Route::Key && !(self.lanes.is_whole() && self.ahead.is_empty())
    }

    /// Columns that rows must have, behind all others, for [`Selection::rows_of`]: empty where rows need not be looked at.
    pub(crate) fn key_columns(&self) -> &[FieldId] {
        if self.is_by_row() { &self.key } else { &[] }
    }

    /// Nothing is left of the snapshot.
    pub(crate) fn is_nothing(&self) -> bool {
        self.lanes.range.clone().all(|lane| self.done(lane) == Some(Done::All))
    }

    /// The file may have rows that are wanted.
    pub(crate) fn may_hold(&self, file: &FileEntry) -> bool {
        self.lanes.may_hold(file)
    }

    /// Position of the first row of a split that is wanted, as far as the file tells; `None` if none is.
    pub(crate) fn first_position(&self, split: &Split) -> Option<u64> {
        let first = self.after.map_or(Some(0), |place| split.rest_after(place))?;
        if self.lanes.is_whole() && self.ahead.is_empty() {
            return Some(first);
        }
        let Some(lane) = self.lanes.lane_of(&split.file) else { return Some(first) };
        if !self.lanes.range.contains(&lane) {
            return None;
        }
        match self.done(lane) {
            None => Some(first),
            Some(Done::All) => None,
            Some(Done::UpTo(place)) => Some(split.rest_after(place)?.max(first)),
        }
    }

    /// Chooses the rows of a split; `None` if each of them is wanted from its first position on.
    pub(crate) fn rows_of(&self, split: &Split) -> Option<RowSelector> {
        if !self.is_by_row() {
            return None;
        }
        let first_position = |lane: u16| match self.done(lane) {
            _ if !self.lanes.range.contains(&lane) => u64::MAX,
            None => 0,
            Some(Done::All) => u64::MAX,
            Some(Done::UpTo(place)) => split.rest_after(place).unwrap_or(u64::MAX),
        };
        let first_positions: Vec<u64> = (0..self.lanes.n_lanes).map(first_position).collect();
        let needs_positions = first_positions.iter().any(|first| !matches!(first, 0 | &u64::MAX));
        Some(RowSelector { n_key_columns: self.key.len(), first_positions, needs_positions })
    }

    fn done(&self, lane: u16) -> Option<Done> {
        self.ahead.iter().find(|(lanes, _)| lanes.contains(&lane)).map(|(_, done)| *done)
    }
}

/// Chooses rows by their keys, which are the last columns.
#[derive(Debug, Clone)]
pub(crate) struct RowSelector {
    n_key_columns: usize,
    /// Of each lane the position of its first row that is wanted.
    first_positions: Vec<u64>,
    /// Lanes differ in that within the split.
    pub(crate) needs_positions: bool,
}

impl RowSelector {
    /// The rows that are wanted, without the columns of the key; an update goes by its after image. `positions` are
    /// those of the rows, where [`RowSelector::needs_positions`] says so: one for both images of an update.
    pub(crate) fn select(
        &self,
        operations: Vec<ChangelogOperation>,
        rows: &RecordBatch,
        positions: Option<&Positions>,
    ) -> Result<(Vec<ChangelogOperation>, RecordBatch)> {
        let internal = |detail: String| TableError::Internal { detail };
        let n_shown = rows.num_columns().saturating_sub(self.n_key_columns);
        let hashes = hash::of_rows(rows.columns().get(n_shown..).unwrap_or_default(), rows.num_rows())?;
        let n_lanes = u16::try_from(self.first_positions.len()).unwrap_or(u16::MAX);
        let (mut wanted, mut next_position) = (vec![false; rows.num_rows()], 0);
        for (row, operation) in operations.iter().enumerate() {
            if *operation == ChangelogOperation::UpdateBefore {
                continue;
            }
            let lane = hash::lane(hashes.get(row).copied().unwrap_or_default(), n_lanes);
            let first = self.first_positions.get(usize::from(lane)).copied().unwrap_or(u64::MAX);
            let position = match (self.needs_positions, positions) {
                (true, Some(positions)) => {
                    positions.get(next_position).ok_or_else(|| internal("a row has no position".to_owned()))?
                }
                (true, None) => return Err(internal("rows without positions".to_owned()).into()),
                // Any will do.
                (false, _) => 0,
            };
            next_position += 1;
            let is_wanted = position >= first;
            let before =
                row.checked_sub(1).filter(|row| operations.get(*row) == Some(&ChangelogOperation::UpdateBefore));
            for row in before.into_iter().chain([row]) {
                if let Some(wanted) = wanted.get_mut(row) {
                    *wanted = is_wanted;
                }
            }
        }
        let shown: Vec<usize> = (0..n_shown).collect();
        let rows = rows.project(&shown).map_err(|error| internal(error.to_string()))?;
        if wanted.iter().all(|is_wanted| *is_wanted) {
            return Ok((operations, rows));
        }
        let operations =
            operations.into_iter().zip(&wanted).filter(|(_, wanted)| **wanted).map(|(one, _)| one).collect();
        let rows =
            filter_record_batch(&rows, &BooleanArray::from(wanted)).map_err(|error| internal(error.to_string()))?;
        Ok((operations, rows))
    }
}

//! Lanes: which rows of a stream stay together and in order when several streams share it.
//!
//! The lane of a row follows from the row, or its file, alone: it is the same in every process and version.
//! Source: `docs/semantics.md`, "Lanes".

mod ahead;
mod hash;
mod select;

use std::fmt;
use std::ops::Range;

use frazil_table::file::FileEntry;
use frazil_table::{FieldId, Table, TableError};
use iceberg::spec::Transform;

pub(crate) use self::ahead::Ahead;
pub(crate) use self::select::{Done, RowSelector, Selection};
use crate::Result;
use crate::options::Mode;

/// Most lanes of a stream, and how many it has unless told otherwise.
pub const N_LANES_MAX: u16 = 256;

/// What decides the lane of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Route {
    /// The partition of its file: rows that were added to one partition are in one lane.
    Partition,
    /// Its key: changes of one key are in one lane.
    Key,
    /// Its file. There is no order between files.
    File,
    /// Nothing: all rows are in lane 0.
    Single,
}

impl Route {
    /// Its name in options.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Partition => "partition",
            Self::Key => "key",
            Self::File => "file",
            Self::Single => "single",
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The share of a stream that is read: rows of some of its lanes.
///
/// Streams over different lanes deliver, together, the rows of the whole stream; each of them tells where snapshots end
/// and schemas change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lanes {
    /// What decides the lane of a row. `None` takes that of the position, or chooses by the table: see
    /// `docs/semantics.md`, "Lanes".
    pub route: Option<Route>,
    /// Lanes that there are, 1 to [`N_LANES_MAX`].
    pub n_lanes: u16,
    /// Lanes that are read.
    pub range: Range<u16>,
}

impl Default for Lanes {
    /// All of as many lanes as there may be.
    fn default() -> Self {
        Self { route: None, n_lanes: N_LANES_MAX, range: 0..N_LANES_MAX }
    }
}

impl Lanes {
    /// The whole of a stream that has one lane.
    pub const SINGLE: Self = Self { route: Some(Route::Single), n_lanes: 1, range: 0..1 };

    /// The lanes in at most `n_streams` shares of nearly one size, in order. None is empty.
    pub fn shares(&self, n_streams: u16) -> Vec<Self> {
        let n_lanes = self.range.end.saturating_sub(self.range.start);
        let n_streams = n_streams.clamp(1, n_lanes.max(1));
        let bound = |index: u16| {
            let offset = u32::from(n_lanes) * u32::from(index) / u32::from(n_streams);
            self.range.start + u16::try_from(offset).unwrap_or(n_lanes)
        };
        (0..n_streams).map(|index| Self { range: bound(index)..bound(index + 1), ..self.clone() }).collect()
    }
}

/// The lanes of a stream whose route is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StreamLanes {
    pub(crate) route: Route,
    pub(crate) n_lanes: u16,
    pub(crate) range: Range<u16>,
}

impl StreamLanes {
    /// # Errors
    /// [`TableError::InvalidRequest`] for lanes that there cannot be.
    pub(crate) fn check(lanes: Option<&Lanes>) -> Result<()> {
        let Some(Lanes { n_lanes, range, .. }) = lanes else { return Ok(()) };
        if !(1..=N_LANES_MAX).contains(n_lanes) {
            return Err(TableError::invalid(format!("a stream has 1 to {N_LANES_MAX} lanes, not {n_lanes}")).into());
        }
        if range.is_empty() || range.end > *n_lanes {
            let Range { start, end } = range;
            return Err(TableError::invalid(format!(
                "lanes {start} to {end} are no share of {n_lanes} lanes; the end is not part of a range"
            ))
            .into());
        }
        Ok(())
    }

    /// What was asked for, by what route it may be; `known` is that of the position, if there is one.
    ///
    /// # Errors
    /// [`TableError::InvalidRequest`] for route `key` without a key.
    pub(crate) fn resolve(
        lanes: Option<&Lanes>,
        known: Option<Route>,
        table: &Table,
        key: &[FieldId],
        mode: Mode,
    ) -> Result<Self> {
        let lanes = lanes.unwrap_or(&Lanes::SINGLE);
        let route = lanes.route.or(known).unwrap_or_else(|| default_route(table, key, mode));
        if route == Route::Key && key.is_empty() && known.is_none() {
            return Err(TableError::invalid(format!(
                "route `key` needs a key, and table `{}` has neither identifier fields nor equality deletes over one \
                 set of columns; name the columns with --key, or take route file",
                table.name()
            ))
            .into());
        }
        Ok(Self { route, n_lanes: lanes.n_lanes, range: lanes.range.clone() })
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.range == (0..self.n_lanes)
    }

    /// The lane of all rows of a file; `None` if that is a matter of each row.
    pub(crate) fn lane_of(&self, file: &FileEntry) -> Option<u16> {
        match self.route {
            Route::Partition => Some(hash::lane(hash::of_partition(file.spec_id, &file.partition), self.n_lanes)),
            Route::File => Some(hash::lane(hash::of_path(file.key()), self.n_lanes)),
            Route::Single => Some(0),
            Route::Key => None,
        }
    }

    /// The file may have rows of these lanes.
    pub(crate) fn may_hold(&self, file: &FileEntry) -> bool {
        self.is_whole() || self.lane_of(file).is_none_or(|lane| self.range.contains(&lane))
    }
}

/// By partitions where rows of one key cannot be in several, else by the key, else by files.
fn default_route(table: &Table, key: &[FieldId], mode: Mode) -> Route {
    let spec = table.metadata().default_partition_spec();
    let mut sources = spec.fields().iter().filter(|field| field.transform != Transform::Void).peekable();
    let is_partitioned = sources.peek().is_some();
    let follows_key = sources.all(|field| key.contains(&FieldId::new(field.source_id)));
    match key.is_empty() {
        // What a keyed sink is told to delete may be of no partition.
        false if mode == Mode::Upsert => Route::Key,
        false if is_partitioned && follows_key => Route::Partition,
        false => Route::Key,
        true if is_partitioned => Route::Partition,
        true => Route::File,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_all_lanes_in_order() {
        for n_lanes in [1, 2, 7, 255, 256] {
            let lanes = Lanes { n_lanes, range: 0..n_lanes, ..Lanes::default() };
            for n_streams in [0, 1, 2, 7, 256, 1000] {
                let shares = lanes.shares(n_streams);
                assert_eq!(shares.len(), usize::from(n_streams.clamp(1, n_lanes)));
                let all: Vec<u16> = shares.iter().flat_map(|share| share.range.clone()).collect();
                assert_eq!(all, (0..n_lanes).collect::<Vec<u16>>());
                let sizes: Vec<usize> = shares.iter().map(|share| share.range.len()).collect();
                assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1, "{sizes:?}");
            }
        }
    }

    #[test]
    fn lanes_that_there_cannot_be_are_refused() {
        let check = |n_lanes, range| StreamLanes::check(Some(&Lanes { route: None, n_lanes, range }));
        assert!(check(256, 0..256).is_ok());
        assert!(check(1, 0..1).is_ok());
        for (n_lanes, range) in [(0, 0..0), (257, 0..1), (8, 3..3), (8, 0..9), (8, 8..9)] {
            assert!(check(n_lanes, range.clone()).is_err(), "{n_lanes} {range:?}");
        }
    }
}

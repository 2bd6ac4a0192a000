//! Rows of one data or delete file, by field id, in the schema asked for.
//!
//! A [`FileReader`] reads the footer or header, then rows in batches: [`Projection`] says which columns in which types,
//! [`RowSelect`] which rows. What a file does not have is filled in from its manifest entry and the schema.
//! Deletes are not applied here.

mod avro;
mod bloom;
mod columns;
mod constant;
mod convert;
mod may_match;
mod orc;
mod pages;
mod parquet;
mod projection;
mod prune;
mod reader;
mod resolve;
mod rows;
mod statistics;
mod stream;
mod thrift;
mod transform;

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use roaring::RoaringTreemap;

pub use projection::Projection;
pub use reader::FileReader;
pub use stream::BatchStream;

use crate::ids::FieldId;

/// Which rows of a file to read.
#[derive(Debug, Clone, Default)]
pub struct RowSelect {
    /// Only these row groups, by index, in any order; `None` is all.
    pub row_groups: Option<Vec<usize>>,
    /// Only these 0-based positions in the file; `None` is all.
    pub positions: Option<Arc<RoaringTreemap>>,
    /// Only rows from this position on; 0 is all.
    pub first_position: u64,
}

impl RowSelect {
    /// The rows that both select.
    pub fn and(self, other: Self) -> Self {
        let row_groups = match (self.row_groups, other.row_groups) {
            (Some(mut these), Some(others)) => {
                these.retain(|index| others.contains(index));
                Some(these)
            }
            (these, others) => these.or(others),
        };
        let positions = match (self.positions, other.positions) {
            (Some(these), Some(others)) => Some(Arc::new(&*these & &*others)),
            (these, others) => these.or(others),
        };
        Self { row_groups, positions, first_position: self.first_position.max(other.first_position) }
    }
}

/// 0-based positions of a batch's rows in the file, also where row groups before them were left out.
#[derive(Debug, Clone)]
pub enum Positions {
    /// Consecutive rows.
    Range(Range<u64>),
    /// One position for each row, ascending.
    List(Arc<[u64]>),
}

impl Positions {
    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            // A batch's rows are counted by a usize.
            Self::Range(range) => usize::try_from(range.end - range.start).unwrap_or(usize::MAX),
            Self::List(list) => list.len(),
        }
    }

    /// There are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Position of the batch's row `row`.
    pub fn get(&self, row: usize) -> Option<u64> {
        match self {
            Self::Range(range) => Some(range.start.checked_add(row as u64)?).filter(|position| *position < range.end),
            Self::List(list) => list.get(row).copied(),
        }
    }
}

/// Rows, and where they stand in their file.
#[derive(Debug, Clone)]
pub struct PositionedBatch {
    /// Position of each row.
    pub positions: Positions,
    /// The rows, in the schema of the projection.
    pub batch: RecordBatch,
}

/// Where a row group lies in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowGroupSpan {
    /// Its index.
    pub index: usize,
    /// Position of its first row.
    pub first_position: u64,
    /// Its rows.
    pub n_rows: u64,
}

/// Distinct keys to look for.
#[derive(Debug, Clone)]
pub struct KeyRanges {
    /// Key columns.
    pub ids: Vec<FieldId>,
    /// One array for each, in the type that [`Projection::keys`] gives it. Each row is a key; null is the NULL
    /// key, which only equals null.
    pub arrays: Vec<ArrayRef>,
}

#[cfg(test)]
mod tests;

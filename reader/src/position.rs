//! Where a stream stands, so that another can go on from there: an opaque token that can be kept anywhere.
//!
//! Source: `docs/semantics.md`, "Positions".

mod bytes;
mod config;
mod text;

use std::fmt;
use std::str::FromStr;

use frazil_table::{FieldId, SnapshotId};
use uuid::Uuid;

pub(crate) use self::config::Config;
use crate::place::Place;

/// Where a stream of changes stands: what has been delivered, of which table, and with which options.
///
/// Its text ([`Display`](std::fmt::Display)) is opaque: letters, digits, `-` and `_` only, so that it fits into a file, a
/// column, a header or a command. Positions of later versions are refused, and so is whatever was cut or changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    pub(crate) table_uuid: Uuid,
    pub(crate) branch: String,
    pub(crate) config: Config,
    /// Key of the stream, as it was at the base.
    pub(crate) key: Vec<FieldId>,
    /// Identifier fields of the schema of the base.
    pub(crate) identifier_ids: Vec<FieldId>,
    pub(crate) base: Base,
    /// Lanes ahead of the base.
    pub(crate) lanes: Vec<LaneCursor>,
    /// Ordinal of the first snapshot after the base.
    pub(crate) ordinal: u64,
    /// Schema that was told last, as of the base.
    pub(crate) schema_id: i32,
    /// All commits up to this time have been delivered; `None` if no snapshot is complete.
    pub(crate) snapshot_watermark_ms: Option<i64>,
    /// Event time of the table at the base; `None` if nobody looked.
    pub(crate) table_watermark_ms: Option<i64>,
}

/// What has been delivered in all lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Base {
    /// Nothing, of a table that had nothing: its first snapshot comes next.
    Empty,
    /// Everything up to this snapshot, inclusive.
    Complete(SnapshotMark),
    /// A part of the rows of this snapshot, with which the stream began.
    InitialScan(SnapshotMark),
}

/// A snapshot, with enough of it to say how far behind a position is once the table has forgotten it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SnapshotMark {
    pub(crate) snapshot_id: SnapshotId,
    pub(crate) sequence_number: i64,
    pub(crate) timestamp_ms: i64,
}

/// How far one lane is with a snapshot that is not complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LaneCursor {
    pub(crate) lane: u16,
    /// The snapshot, or the one whose rows are all delivered.
    pub(crate) snapshot_id: SnapshotId,
    pub(crate) place: CursorPlace,
}

/// How far in a snapshot: a cursor over files, never a count of delivered rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CursorPlace {
    /// So many of the events before its first row have been told.
    Begun { n_told: u64 },
    /// The last row handled, delivered or not.
    Row(Place),
}

/// Why a text is no position that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PositionError {
    /// It is longer than any position.
    #[error("position is too long, n_bytes=`{n_bytes}`, n_bytes_max=`{n_bytes_max}`")]
    TooLong {
        /// Length of the text.
        n_bytes: usize,
        /// Longest that is taken.
        n_bytes_max: usize,
    },
    /// A character that no position has, or an ending that none has.
    #[error("position has a character that does not belong there, index=`{index}`")]
    NoText {
        /// Index of the byte.
        index: usize,
    },
    /// Its end is missing.
    #[error("position is cut off, n_bytes=`{n_bytes}`")]
    Truncated {
        /// Bytes that are there.
        n_bytes: usize,
    },
    /// It is not what was written: its checksum does not fit.
    #[error("position is damaged: its checksum does not fit")]
    Checksum,
    /// It was written by another version of this software.
    #[error("position is of another version, version=`{version}`, known=`{known}`")]
    Version {
        /// Version of the position.
        version: u16,
        /// Version that is understood.
        known: u16,
    },
    /// It was written by other software, or by a faulty version of this one.
    #[error("position makes no sense: {0}")]
    Malformed(&'static str),
}

impl Position {
    /// The table that it is of.
    pub fn table_uuid(&self) -> Uuid {
        self.table_uuid
    }

    /// The branch whose history is read.
    pub fn branch(&self) -> &str {
        &self.branch
    }

    /// The snapshot up to which everything has been delivered, inclusive. `None` if the stream has not got through
    /// its first one.
    pub fn snapshot_id(&self) -> Option<SnapshotId> {
        match self.base {
            Base::Complete(mark) => Some(mark.snapshot_id),
            Base::Empty | Base::InitialScan(_) => None,
        }
    }

    /// The snapshot of which all rows are being delivered, where the stream began. `None` once they are.
    pub fn scanned_snapshot_id(&self) -> Option<SnapshotId> {
        match self.base {
            Base::InitialScan(mark) => Some(mark.snapshot_id),
            Base::Empty | Base::Complete(_) => None,
        }
    }

    /// Sequence number and commit time (milliseconds since the epoch) of [`Position::snapshot_id`].
    pub fn committed(&self) -> Option<(i64, i64)> {
        match self.base {
            Base::Complete(mark) => Some((mark.sequence_number, mark.timestamp_ms)),
            Base::Empty | Base::InitialScan(_) => None,
        }
    }

    /// The snapshot of which a part has been delivered. `None` between two snapshots.
    pub fn started_snapshot_id(&self) -> Option<SnapshotId> {
        self.lanes.first().map(|lane| lane.snapshot_id)
    }

    /// Ordinal that the next snapshot has, or the one that is being delivered.
    pub fn next_ordinal(&self) -> u64 {
        self.ordinal
    }

    /// All commits up to this time (milliseconds since the epoch) have been delivered; `None` if no snapshot has been.
    pub fn snapshot_watermark_ms(&self) -> Option<i64> {
        self.snapshot_watermark_ms
    }

    /// Bytes of the position, for stores that take such.
    pub fn to_bytes(&self) -> Vec<u8> {
        bytes::encode(self)
    }

    /// From [`Position::to_bytes`].
    ///
    /// # Errors
    /// [`PositionError`] says what is wrong with the bytes. They are of no use then.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PositionError> {
        bytes::decode(bytes)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&text::encode(&self.to_bytes()))
    }
}

impl FromStr for Position {
    type Err = PositionError;

    fn from_str(text: &str) -> Result<Self, PositionError> {
        Self::from_bytes(&text::decode(text.trim())?)
    }
}

#[cfg(test)]
mod tests;

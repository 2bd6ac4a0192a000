//! Where a stream stands, so that another can go on from there: an opaque token that can be kept anywhere.
//!
//! Source: `docs/semantics.md`, "Positions".

mod bytes;
mod config;
mod parts;
mod text;

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use frazil_table::{FieldId, SnapshotId};
use uuid::Uuid;

pub(crate) use self::config::Config;
pub(crate) use self::parts::{Part, Parts};
use crate::lanes::Lanes;
use crate::place::Place;

/// Where a stream of changes stands: what has been delivered, of which table, and with which options.
///
/// It covers the lanes that its stream was of. Positions of other lanes can be put together ([`Position::join`]), and a
/// position can be taken apart ([`Position::part`]), so that another number of streams can go on.
///
/// Its text ([`Display`](std::fmt::Display)) is opaque: letters, digits, `-` and `_` only, so that it fits into a file, a
/// column, a header or a command. Positions of later versions are refused, and so is whatever was cut or changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    pub(crate) table_uuid: Uuid,
    pub(crate) branch: String,
    pub(crate) config: Config,
    pub(crate) parts: Parts,
}

/// Where one stream stands after another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stand {
    /// Key of the stream, as it was at the base.
    pub(crate) key: Vec<FieldId>,
    /// Identifier fields of the schema of the base.
    pub(crate) identifier_ids: Vec<FieldId>,
    pub(crate) base: Base,
    /// How far in the snapshot after the base; `None` if nothing of it has been told.
    pub(crate) cursor: Option<Cursor>,
    /// Ordinal of the first snapshot after the base.
    pub(crate) ordinal: u64,
    /// Schema that was told last, as of the base.
    pub(crate) schema_id: i32,
    /// All commits up to this time have been delivered; `None` if no snapshot is complete.
    pub(crate) snapshot_watermark_ms: Option<i64>,
    /// Event time of the table at the base; `None` if nobody looked.
    pub(crate) table_watermark_ms: Option<i64>,
}

impl Stand {
    /// Of two places of one stream, the later one has the greater progress.
    pub(crate) fn progress(&self) -> (u64, Option<CursorPlace>) {
        (self.ordinal, self.cursor.map(|cursor| cursor.place))
    }
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

impl Base {
    pub(crate) fn snapshot_id(self) -> Option<SnapshotId> {
        match self {
            Self::Empty => None,
            Self::Complete(mark) | Self::InitialScan(mark) => Some(mark.snapshot_id),
        }
    }
}

/// A snapshot, with enough of it to say how far behind a position is once the table has forgotten it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SnapshotMark {
    pub(crate) snapshot_id: SnapshotId,
    pub(crate) sequence_number: i64,
    pub(crate) timestamp_ms: i64,
}

/// How far a snapshot that is not complete has been delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) snapshot_id: SnapshotId,
    pub(crate) place: CursorPlace,
}

/// How far in a snapshot: a cursor over files, never a count of delivered rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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
    /// Lanes of several positions do not go together, or a position does not cover the lanes that are asked for.
    #[error("position lanes do not fit: {0}")]
    Parts(&'static str),
}

impl Position {
    /// One position of all lanes that the positions of several streams cover, which may stand at different places.
    ///
    /// # Errors
    /// [`PositionError::Parts`] if there are none, they are of different tables, branches or options, or two of them
    /// cover the same lane.
    pub fn join(positions: impl IntoIterator<Item = Self>) -> Result<Self, PositionError> {
        let mut positions = positions.into_iter();
        let mut joined = positions.next().ok_or(PositionError::Parts("there are none"))?;
        let mut parts: Vec<Part> = joined.parts.iter().cloned().collect();
        for position in positions {
            joined.check_same_stream(&position)?;
            parts.extend(position.parts.iter().cloned());
        }
        parts.sort_unstable_by_key(|part| part.lanes.start);
        joined.parts = Parts::new(parts)?;
        Ok(joined)
    }

    /// The position of some of its lanes.
    ///
    /// # Errors
    /// [`PositionError::Parts`] if it does not cover all of them.
    pub fn part(&self, lanes: Range<u16>) -> Result<Self, PositionError> {
        let parts = self.parts.within(&lanes);
        let n_covered: usize = parts.iter().map(|part| part.lanes.len()).sum();
        if lanes.is_empty() || n_covered != lanes.len() {
            return Err(PositionError::Parts("lanes are asked for that it does not cover"));
        }
        Ok(Self { parts: Parts::new(parts)?, ..self.clone() })
    }

    /// The same with the lanes of `other` as they are there: for whoever keeps one position of several streams.
    ///
    /// # Errors
    /// [`PositionError::Parts`] if `other` is of another table, branch or options.
    pub fn with(&self, other: &Self) -> Result<Self, PositionError> {
        self.check_same_stream(other)?;
        let mut parts: Vec<Part> = other.parts.iter().cloned().collect();
        let mut next = 0;
        let taken = other.parts.iter().map(|part| part.lanes.clone());
        for lanes in taken.chain(std::iter::once(u16::MAX..u16::MAX)) {
            parts.extend(self.parts.within(&(next..lanes.start)));
            next = lanes.end;
        }
        parts.sort_unstable_by_key(|part| part.lanes.start);
        Ok(Self { parts: Parts::new(parts)?, ..self.clone() })
    }

    fn check_same_stream(&self, other: &Self) -> Result<(), PositionError> {
        let is_same = self.table_uuid == other.table_uuid && self.branch == other.branch && self.config == other.config;
        if is_same { Ok(()) } else { Err(PositionError::Parts("they are of different tables, branches or options")) }
    }

    /// The lanes of its stream, from the first to the last that it covers. The route is known.
    pub fn lanes(&self) -> Lanes {
        let (route, n_lanes) = self.config.lanes();
        Lanes { route: Some(route), n_lanes, range: self.parts.first().lanes.start..self.parts.last().lanes.end }
    }

    /// Its lanes stand at different places.
    pub fn is_spread(&self) -> bool {
        self.parts.iter().any(|part| part.at != self.parts.first().at)
    }

    /// Where all its lanes stand, if that is one place.
    pub(crate) fn only(&self) -> Option<&Stand> {
        (self.parts.len() == 1).then(|| &self.parts.first().at)
    }

    /// The same with all its lanes at another place.
    pub(crate) fn at(&self, stand: Stand) -> Self {
        let lanes = self.lanes().range;
        Self { parts: Parts::one(lanes, stand), ..self.clone() }
    }

    /// Where the lanes stand that are furthest behind.
    pub(crate) fn oldest(&self) -> &Stand {
        let first = &self.parts.first().at;
        self.parts.iter().map(|part| &part.at).fold(
            first,
            |oldest, at| {
                if at.progress() < oldest.progress() { at } else { oldest }
            },
        )
    }

    /// The table that it is of.
    pub fn table_uuid(&self) -> Uuid {
        self.table_uuid
    }

    /// The branch whose history is read.
    pub fn branch(&self) -> &str {
        &self.branch
    }

    /// The snapshot up to which everything has been delivered in all lanes, inclusive. `None` if the stream has not got
    /// through its first one.
    pub fn snapshot_id(&self) -> Option<SnapshotId> {
        match self.oldest().base {
            Base::Complete(mark) => Some(mark.snapshot_id),
            Base::Empty | Base::InitialScan(_) => None,
        }
    }

    /// The snapshot of which all rows are being delivered, where the stream began. `None` once they are.
    pub fn scanned_snapshot_id(&self) -> Option<SnapshotId> {
        match self.oldest().base {
            Base::InitialScan(mark) => Some(mark.snapshot_id),
            Base::Empty | Base::Complete(_) => None,
        }
    }

    /// Sequence number and commit time (milliseconds since the epoch) of [`Position::snapshot_id`].
    pub fn committed(&self) -> Option<(i64, i64)> {
        match self.oldest().base {
            Base::Complete(mark) => Some((mark.sequence_number, mark.timestamp_ms)),
            Base::Empty | Base::InitialScan(_) => None,
        }
    }

    /// The snapshot of which a part has been delivered. `None` between two snapshots. Of several lanes, those that are
    /// furthest behind.
    pub fn started_snapshot_id(&self) -> Option<SnapshotId> {
        self.oldest().cursor.map(|cursor| cursor.snapshot_id)
    }

    /// Ordinal that the next snapshot has, or the one that is being delivered, in the lanes that are furthest behind.
    pub fn next_ordinal(&self) -> u64 {
        self.oldest().ordinal
    }

    /// All commits up to this time (milliseconds since the epoch) have been delivered in all lanes; `None` if no snapshot
    /// has been.
    pub fn snapshot_watermark_ms(&self) -> Option<i64> {
        self.oldest().snapshot_watermark_ms
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

//! What a change stream delivers.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use frazil_table::SnapshotId;

use crate::lanes::Lanes;

/// Kind of one change. The numbers are the order of Flink's `RowKind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum ChangelogOperation {
    /// A row appeared (`+I`).
    Insert = 0,
    /// A row as it was before an update (`-U`); its new image follows at once.
    UpdateBefore = 1,
    /// A row as it is after an update (`+U`).
    UpdateAfter = 2,
    /// A row disappeared (`-D`), as it was.
    Delete = 3,
}

impl ChangelogOperation {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Insert, Self::UpdateBefore, Self::UpdateAfter, Self::Delete];

    /// Text of the `_change_type` column, as in Iceberg's changelog view.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Insert => "INSERT",
            Self::UpdateBefore => "UPDATE_BEFORE",
            Self::UpdateAfter => "UPDATE_AFTER",
            Self::Delete => "DELETE",
        }
    }

    /// `+I`, `-U`, `+U` or `-D`, for people.
    pub fn short(self) -> &'static str {
        match self {
            Self::Insert => "+I",
            Self::UpdateBefore => "-U",
            Self::UpdateAfter => "+U",
            Self::Delete => "-D",
        }
    }

    /// The change adds its row to the folded state; otherwise it takes the row away.
    pub fn adds(self) -> bool {
        matches!(self, Self::Insert | Self::UpdateAfter)
    }
}

/// What part of a stream a batch belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// All rows of the snapshot, as inserts: where the stream starts.
    Full,
    /// What the snapshot changed.
    Incremental,
    /// By what the snapshot differs from one that is not its parent: those in between have expired.
    Gap,
    /// What a snapshot that is no longer on the branch changed, the other way round. The snapshot is its parent,
    /// whose rows are the table's again.
    Rollback,
}

/// The snapshot that changes belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotInfo {
    /// Its id.
    pub snapshot_id: SnapshotId,
    /// The snapshot that the changes are relative to: the one before it on the branch, or, in `net` mode, before
    /// the range.
    pub parent_snapshot_id: Option<SnapshotId>,
    /// Its sequence number; 0 in v1 tables.
    pub sequence_number: i64,
    /// When it was committed, milliseconds since the epoch, as its writer's clock said.
    pub timestamp_ms: i64,
    /// Its operation: `append`, `overwrite`, `delete` or `replace`.
    pub operation: String,
    /// Schema in which its rows are shown.
    pub schema_id: i32,
    /// 0 for the first snapshot delivered, then counting up, snapshots without changes included.
    pub ordinal: u64,
    /// Whether all its rows or only its changes are delivered.
    pub phase: Phase,
}

/// Consecutive changes of one snapshot. An update's two images are always in one batch.
#[derive(Debug, Clone)]
pub struct ChangeBatch {
    /// Where they belong.
    pub snapshot: Arc<SnapshotInfo>,
    /// One kind for each row of `rows`.
    pub operations: Vec<ChangelogOperation>,
    /// The table's columns, in the schema last announced.
    pub rows: RecordBatch,
}

/// What the stream is, known before its first event.
#[derive(Debug, Clone)]
pub struct StreamHeader {
    /// Arrow schema of the first batches (columns only; the change columns are the format's).
    pub schema: SchemaRef,
    /// Id of that schema in the table.
    pub schema_id: i32,
    /// Names of the key columns; empty without a key.
    pub key: Vec<String>,
    /// Which share of a stream it is; the route is known. A stream that is not shared has one lane.
    pub lanes: Lanes,
    /// Deletes carry the row that was there, and updates come with it. `false` in `upsert` mode, where a delete
    /// has its key alone and may be of a row that never was.
    pub exact_before: bool,
}

/// One thing that a change stream delivers, in order.
#[derive(Debug, Clone)]
pub enum Event {
    /// From here on rows have another schema.
    SchemaChange {
        /// First snapshot with it.
        snapshot: Arc<SnapshotInfo>,
        /// Id of the schema until now.
        from: i32,
        /// Id of the schema from now on.
        to: i32,
        /// The schema of all batches that follow.
        schema: SchemaRef,
    },
    /// From here on updates are paired by another key; rows of this snapshot are not paired at all.
    KeyChange {
        /// First snapshot with it.
        snapshot: Arc<SnapshotInfo>,
        /// Names of the key columns until now.
        before: Vec<String>,
        /// Names of the key columns from now on; empty without a key.
        now: Vec<String>,
    },
    /// All that was delivered before is void: all rows of a snapshot follow.
    Truncate {
        /// The snapshot whose rows follow.
        snapshot: Arc<SnapshotInfo>,
        /// The snapshot up to which the stream had delivered; `None` if it had not got through the first.
        consumed: Option<SnapshotId>,
    },
    /// Snapshots were left out, because they have expired.
    Gap {
        /// The snapshot after which the stream goes on.
        snapshot: Arc<SnapshotInfo>,
        /// The snapshot up to which the stream had delivered; `None` if it had not got through the first.
        consumed: Option<SnapshotId>,
        /// The changes in between are lost. Otherwise what they come to follows, as one change set.
        is_lossy: bool,
    },
    /// The branch was rolled back: what a snapshot had changed is taken back by the changes that follow.
    Rollback {
        /// The snapshot whose rows are the table's again after these changes.
        snapshot: Arc<SnapshotInfo>,
        /// The snapshot whose changes are taken back.
        undone: SnapshotId,
    },
    /// Some changes.
    Changes(ChangeBatch),
    /// Every change of the snapshot has been delivered. Applying changes only here shows the table's commits.
    SnapshotEnd {
        /// The snapshot that is complete.
        snapshot: Arc<SnapshotInfo>,
        /// All commits up to this time (milliseconds since the epoch) have been delivered:
        /// the running maximum of commit times.
        snapshot_watermark_ms: i64,
    },
}

//! Names and values of the change columns.

use crate::event::{ChangelogOperation, SnapshotInfo};

/// Whose names and values the change columns have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Style {
    /// Iceberg's changelog view: `INSERT`, `UPDATE_BEFORE`, `UPDATE_AFTER`, `DELETE`.
    #[default]
    Iceberg,
    /// The same columns, with Flink's short names of kinds: `+I`, `-U`, `+U`, `-D`.
    RowKind,
    /// Delta's change data feed: `insert`, `update_preimage`, `update_postimage`, `delete`, and a version.
    Delta,
}

/// A column beside those of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeColumn {
    /// The kind of change.
    Type,
    /// Counts snapshots.
    Ordinal,
    /// Id of the snapshot.
    SnapshotId,
    /// Sequence number of the snapshot.
    Version,
    /// Time of the commit.
    Timestamp,
}

impl Style {
    /// The columns, in order.
    pub fn columns(self) -> &'static [ChangeColumn] {
        use ChangeColumn::{Ordinal, SnapshotId, Timestamp, Type, Version};
        match self {
            Self::Iceberg | Self::RowKind => &[Type, Ordinal, SnapshotId, Timestamp],
            Self::Delta => &[Type, Version, Timestamp],
        }
    }

    /// Text of a kind of change.
    pub fn kind(self, operation: ChangelogOperation) -> &'static str {
        match self {
            Self::Iceberg => operation.as_str(),
            Self::RowKind => operation.short(),
            Self::Delta => match operation {
                ChangelogOperation::Insert => "insert",
                ChangelogOperation::UpdateBefore => "update_preimage",
                ChangelogOperation::UpdateAfter => "update_postimage",
                ChangelogOperation::Delete => "delete",
            },
        }
    }
}

impl ChangeColumn {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Type => "_change_type",
            Self::Ordinal => "_change_ordinal",
            Self::SnapshotId => "_commit_snapshot_id",
            Self::Version => "_commit_version",
            Self::Timestamp => "_commit_timestamp",
        }
    }

    /// Its field id, if the format reserves one. Source: Iceberg spec, "Reserved Field IDs".
    pub fn field_id(self) -> Option<i32> {
        match self {
            Self::Type => Some(2_147_483_543),
            Self::Ordinal => Some(2_147_483_542),
            Self::SnapshotId => Some(2_147_483_541),
            Self::Version | Self::Timestamp => None,
        }
    }

    /// Its value where it is a number; `None` for kind and time.
    pub fn number(self, snapshot: &SnapshotInfo) -> Option<i64> {
        match self {
            // No stream has 2^63 snapshots.
            Self::Ordinal => Some(i64::try_from(snapshot.ordinal).unwrap_or(i64::MAX)),
            Self::SnapshotId => Some(snapshot.snapshot_id.get()),
            Self::Version => Some(snapshot.sequence_number),
            Self::Type | Self::Timestamp => None,
        }
    }
}

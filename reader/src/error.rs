//! Why a read failed, and what the caller can do about it.

use frazil_table::{Advice, SnapshotId, TableError};

use crate::position::PositionError;

/// Why a read failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The table could not be read as asked.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A `replace` snapshot changed rows: a faulty compaction brought rows back or lost some.
    /// Read with `on-replace-mismatch` `emit` to get the rows that changed, or `ignore` to go on without them.
    #[error(
        "replace snapshot changed rows, snapshot=`{snapshot_id}`, n_rows_added=`{n_added}`, n_rows_removed=`{n_removed}`"
    )]
    ReplaceMismatch {
        /// The snapshot that claims to change nothing.
        snapshot_id: SnapshotId,
        /// Rows that the table shows after it and not before.
        n_added: u64,
        /// Rows that the table showed before it and not after.
        n_removed: u64,
    },
    /// Several rows of one snapshot share a key, and `duplicate-keys` is `error`.
    #[error("duplicate key in a change set, snapshot=`{snapshot_id}`, key=`{key}`")]
    DuplicateKey {
        /// The snapshot.
        snapshot_id: SnapshotId,
        /// The columns of the key.
        key: String,
    },
    /// The identifier fields changed: updates cannot be paired across that snapshot. Read on from it.
    #[error("key columns changed, snapshot=`{snapshot_id}`, before=`{before}`, now=`{now}`")]
    KeyChanged {
        /// First snapshot whose schema has other identifier fields.
        snapshot_id: SnapshotId,
        /// Key columns of the stream.
        before: String,
        /// Key columns of the snapshot's schema.
        now: String,
    },
    /// In `append` mode, a snapshot did more than add rows. Read in `changelog` mode, or let `on-non-append` say what
    /// becomes of such snapshots.
    #[error("snapshot is no append, snapshot=`{snapshot_id}`, operation=`{operation}`")]
    NonAppend {
        /// The snapshot.
        snapshot_id: SnapshotId,
        /// Its operation.
        operation: String,
    },
    /// The position is of a stream with other options, which has other rows or another order. Pass the same options,
    /// or start anew.
    #[error("position is of a stream with other options, changed=`{changed}`")]
    ConfigChanged {
        /// Names of the options, separated by commas.
        changed: String,
    },
    /// What was given as a position is none.
    #[error(transparent)]
    Position(#[from] PositionError),
    /// A spill file could not be written or read. Free space in the temporary folder.
    #[error("spill file failed")]
    Spill(#[source] std::io::Error),
}

impl ReadError {
    /// What the caller can do.
    pub fn advice(&self) -> Advice {
        match self {
            Self::Table(error) => error.advice(),
            Self::Spill(_) => Advice::RetryLater,
            _ => Advice::FixRequest,
        }
    }

    /// Stable code for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Table(error) => error.code(),
            Self::ReplaceMismatch { .. } => "REPLACE_MISMATCH",
            Self::DuplicateKey { .. } => "DUPLICATE_KEY",
            Self::KeyChanged { .. } => "KEY_CHANGED",
            Self::NonAppend { .. } => "NON_APPEND",
            Self::ConfigChanged { .. } => "CONFIG_CHANGED",
            Self::Position(_) => "POSITION_INVALID",
            Self::Spill(_) => "SPILL_FAILED",
        }
    }
}

//! What can be chosen from: forms of output, kinds of changes, policies.

use clap::ValueEnum;
use frazil_reader::{
    ChangelogOperation, DuplicateKeys, FilterUpdates, OnExpired, OnKeyChange, OnNonAppend, OnReplaceMismatch,
    OnRollback, ReplaceCheck, Route,
};

use crate::format::value::Longs;
use frazil_reader::change_columns::Style;

/// Form of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatArg {
    /// One JSON object a row
    Jsonl,
    /// Comma-separated values with a header
    Csv,
    /// Arrow IPC stream
    Arrow,
    /// Parquet file
    Parquet,
    /// Debezium's change events, one JSON object each
    DebeziumJson,
    /// Aligned text for people
    Table,
}

/// A kind of change, as in the column `_change_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum KindArg {
    Insert,
    UpdateBefore,
    UpdateAfter,
    Delete,
}

impl std::convert::From<KindArg> for ChangelogOperation {
    fn from(kind: KindArg) -> Self {
        match kind {
            KindArg::Insert => Self::Insert,
            KindArg::UpdateBefore => Self::UpdateBefore,
            KindArg::UpdateAfter => Self::UpdateAfter,
            KindArg::Delete => Self::Delete,
        }
    }
}

/// What decides the lane of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RouteArg {
    /// Its partition
    Partition,
    /// Its key: changes of one key are in one lane
    Key,
    /// Its file; there is no order between files
    File,
    /// All rows are in lane 0
    Single,
}

impl std::convert::From<RouteArg> for Route {
    fn from(route: RouteArg) -> Self {
        match route {
            RouteArg::Partition => Self::Partition,
            RouteArg::Key => Self::Key,
            RouteArg::File => Self::File,
            RouteArg::Single => Self::Single,
        }
    }
}

/// Policy for compactions that changed rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MismatchArg {
    /// Deliver the changes, with a warning (default)
    Emit,
    /// Fail
    Fail,
    /// Deliver nothing of it
    Ignore,
}

impl std::convert::From<MismatchArg> for OnReplaceMismatch {
    fn from(policy: MismatchArg) -> Self {
        match policy {
            MismatchArg::Emit => Self::Emit,
            MismatchArg::Fail => Self::Fail,
            MismatchArg::Ignore => Self::Ignore,
        }
    }
}

/// Policy for positions that have expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExpiredArg {
    /// Fail (default)
    Fail,
    /// Deliver what the lost snapshots come to, as one change set; while the last one read is still there
    Diff,
    /// Tell that what was delivered is void, and deliver all rows again
    Rescan,
    /// Go on after the oldest snapshot; the changes up to it are lost
    Skip,
}

impl std::convert::From<ExpiredArg> for OnExpired {
    fn from(policy: ExpiredArg) -> Self {
        match policy {
            ExpiredArg::Fail => Self::Fail,
            ExpiredArg::Diff => Self::Diff,
            ExpiredArg::Rescan => Self::Rescan,
            ExpiredArg::Skip => Self::Skip,
        }
    }
}

/// Policy for branches that were rolled back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RollbackArg {
    /// Fail (default)
    Fail,
    /// Take back what the lost snapshots changed, newest first; while they are still there
    Compensate,
    /// Tell that what was delivered is void, and deliver all rows again
    Rescan,
}

impl std::convert::From<RollbackArg> for OnRollback {
    fn from(policy: RollbackArg) -> Self {
        match policy {
            RollbackArg::Fail => Self::Fail,
            RollbackArg::Compensate => Self::Compensate,
            RollbackArg::Rescan => Self::Rescan,
        }
    }
}

/// Policy for updates that cross the edge of a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FilterUpdatesArg {
    /// A row that no longer matches is a delete, one that matches now is an insert (default)
    Retract,
    /// Each image is kept or left out for itself
    Independent,
}

impl std::convert::From<FilterUpdatesArg> for FilterUpdates {
    fn from(policy: FilterUpdatesArg) -> Self {
        match policy {
            FilterUpdatesArg::Retract => Self::Retract,
            FilterUpdatesArg::Independent => Self::Independent,
        }
    }
}

/// Level of the check of compactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckArg {
    /// Believe the label
    Trust,
    /// By metadata, and by rows where that proves nothing (default)
    Metadata,
    /// By rows
    Full,
}

impl std::convert::From<CheckArg> for ReplaceCheck {
    fn from(level: CheckArg) -> Self {
        match level {
            CheckArg::Trust => Self::Trust,
            CheckArg::Metadata => Self::Metadata,
            CheckArg::Full => Self::Full,
        }
    }
}

/// Policy for several changes of one key in one snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DuplicateArg {
    /// Surplus deletes first, then updates, then surplus inserts (default)
    Pair,
    /// All deletes, then all inserts
    Plain,
    /// Fail
    Error,
}

impl std::convert::From<DuplicateArg> for DuplicateKeys {
    fn from(policy: DuplicateArg) -> Self {
        match policy {
            DuplicateArg::Pair => Self::Pair,
            DuplicateArg::Plain => Self::Plain,
            DuplicateArg::Error => Self::Error,
        }
    }
}

/// Policy for changes of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeyChangeArg {
    /// Fail (default)
    Fail,
    /// Go on with the new key
    Continue,
}

impl std::convert::From<KeyChangeArg> for OnKeyChange {
    fn from(policy: KeyChangeArg) -> Self {
        match policy {
            KeyChangeArg::Fail => Self::Fail,
            KeyChangeArg::Continue => Self::Continue,
        }
    }
}

/// Policy for snapshots that do more than add.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum NonAppendArg {
    /// Fail (default)
    Fail,
    /// Deliver nothing of it
    Skip,
    /// Deliver the rows of the files that it added
    AddedOnly,
}

impl std::convert::From<NonAppendArg> for OnNonAppend {
    fn from(policy: NonAppendArg) -> Self {
        match policy {
            NonAppendArg::Fail => Self::Fail,
            NonAppendArg::Skip => Self::Skip,
            NonAppendArg::AddedOnly => Self::AddedOnly,
        }
    }
}

/// Names and values of the change columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StyleArg {
    /// INSERT, UPDATE_BEFORE, UPDATE_AFTER, DELETE
    Iceberg,
    /// +I, -U, +U, -D
    Rowkind,
    /// insert, update_preimage, update_postimage, delete, and _commit_version
    Delta,
}

impl std::convert::From<StyleArg> for Style {
    fn from(style: StyleArg) -> Self {
        match style {
            StyleArg::Iceberg => Self::Iceberg,
            StyleArg::Rowkind => Self::RowKind,
            StyleArg::Delta => Self::Delta,
        }
    }
}

/// 64-bit integers in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LongsArg {
    /// As numbers
    Number,
    /// As text, for tools that take every number for a double
    String,
}

impl std::convert::From<LongsArg> for Longs {
    fn from(longs: LongsArg) -> Self {
        match longs {
            LongsArg::Number => Self::Number,
            LongsArg::String => Self::Text,
        }
    }
}

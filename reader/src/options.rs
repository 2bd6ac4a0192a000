//! What to read, and how.

pub(crate) mod text;

use frazil_table::filter::Filter;
use frazil_table::{MAIN_BRANCH, SnapshotId};

use crate::event::ChangelogOperation;
use crate::lanes::Lanes;
use crate::position::Position;

/// What a change stream emits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Rows added by snapshots that only add data files, whatever their label; an error at the first that
    /// does more. Compactions are skipped.
    Append,
    /// For a sink that keeps one row for each key: rows as they are now, and the keys of rows that are gone.
    /// No before images, and old files are hardly read. Needs a key.
    Upsert,
    /// Every change, with exact before images.
    #[default]
    Changelog,
    /// What all changes of the range come to, as one change set: how the last state differs from the first.
    Net,
}

/// Where a change stream starts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum From {
    /// The oldest snapshot that the branch still has, inclusive. If its parent has expired, its rows are
    /// delivered in full, since what it changed cannot be known.
    #[default]
    Earliest,
    /// Only changes after the head.
    Latest,
    /// All rows of the last snapshot of the range.
    Full,
    /// This snapshot's changes and those after it.
    SnapshotInclusive(SnapshotId),
    /// Changes after this snapshot.
    SnapshotExclusive(SnapshotId),
    /// The first snapshot committed at or after this time (milliseconds since the epoch), inclusive.
    Timestamp(i64),
    /// Changes after the tagged snapshot.
    Tag(String),
    /// What comes after a position of an earlier stream, with the same options.
    Position(Box<Position>),
}

/// Where a change stream ends, inclusive.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum To {
    /// The branch's head.
    #[default]
    Latest,
    /// This snapshot.
    Snapshot(SnapshotId),
    /// The last snapshot committed at or before this time (milliseconds since the epoch).
    Timestamp(i64),
}

/// Which state of the table to read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum At {
    /// The branch's head.
    #[default]
    Latest,
    /// Any snapshot that the metadata has.
    Snapshot(SnapshotId),
    /// The branch's last snapshot at or before this time (milliseconds since the epoch).
    Timestamp(i64),
    /// The tagged snapshot.
    Tag(String),
}

/// In which schema rows are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SchemaMode {
    /// Each snapshot's own; a change is announced.
    #[default]
    Follow,
    /// Always this one.
    Pinned(i32),
    /// Always that of the last snapshot of the range.
    PinnedToEnd,
}

/// What to do with several changes of one key in one snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DuplicateKeys {
    /// Surplus removals first, then pairs, then surplus additions.
    #[default]
    Pair,
    /// All removals as deletes, then all additions as inserts, for keys that are not one to one.
    Plain,
    /// Fail.
    Error,
}

/// What a filter makes of an update of which it matches one image only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FilterUpdates {
    /// A row that no longer matches is a delete, one that matches now is an insert: whoever applies the changes ends
    /// with the rows that match.
    #[default]
    Retract,
    /// Each image is kept or left out for itself.
    Independent,
}

/// How thoroughly `replace` snapshots are checked to change no row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReplaceCheck {
    /// The label is believed.
    Trust,
    /// By manifests; in full where those cannot prove it.
    #[default]
    Metadata,
    /// By computing the change set.
    Full,
}

/// What to do with a `replace` snapshot that did change rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnReplaceMismatch {
    /// Deliver the changes, with a warning: the metadata is the truth.
    #[default]
    Emit,
    /// Fail.
    Fail,
    /// Deliver nothing.
    Ignore,
}

/// What to do where the identifier fields of the schema change and the key was taken from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnKeyChange {
    /// Fail.
    #[default]
    Fail,
    /// Go on with the new key. The snapshot in which it changes has no updates, only deletes and inserts: rows
    /// are never paired across a change of the key.
    Continue,
}

/// What to do where the snapshot up to which a stream has delivered has expired, with others after it: what they
/// changed cannot be known any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnExpired {
    /// Fail.
    #[default]
    Fail,
    /// Deliver by what the rows of the oldest snapshot that is left differ from those delivered, as one change set.
    /// Only while the snapshot delivered last can still be read, as when a tag holds it. For mode `changelog`.
    Diff,
    /// Declare all that was delivered void, deliver all rows of the last snapshot, and go on from there.
    Rescan,
    /// Go on after the oldest snapshot that is left. The changes up to it are lost.
    Skip,
}

/// What to do where the branch was rolled back behind what a stream has delivered, or moved to another line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnRollback {
    /// Fail.
    #[default]
    Fail,
    /// Take back the changes of the snapshots that are no longer on the branch, newest first, and go on from the last
    /// one that is on both lines. Only while those snapshots can still be read. For mode `changelog`.
    Compensate,
    /// Declare all that was delivered void, deliver all rows of the last snapshot, and go on from there.
    Rescan,
}

/// What to do in `append` mode with a snapshot that does more than add data files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnNonAppend {
    /// Fail.
    #[default]
    Fail,
    /// Deliver nothing of it.
    Skip,
    /// Deliver the rows of the files that it added, and not what it removed.
    AddedOnly,
}

/// What to read from a range of snapshots, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadOptions {
    /// What is emitted.
    pub mode: Mode,
    /// Where to start.
    pub from: From,
    /// Where to end.
    pub to: To,
    /// Branch whose history is read.
    pub branch: String,
    /// Key columns by name; `None` takes the identifier fields, else the columns of equality deletes.
    pub key: Option<Vec<String>>,
    /// Columns by (dotted) name, in this order; `None` takes all.
    pub columns: Option<Vec<String>>,
    /// Only changes of rows that match; `None` is all. It sees every column, also those that are not shown.
    pub filter: Option<Filter>,
    /// Updates of which one image matches.
    pub filter_updates: FilterUpdates,
    /// Kinds left out of the output, after filtering.
    pub drop_kinds: Vec<ChangelogOperation>,
    /// Schema of the output.
    pub schema: SchemaMode,
    /// Several changes of one key.
    pub duplicate_keys: DuplicateKeys,
    /// Checking of `replace` snapshots.
    pub replace_check: ReplaceCheck,
    /// Their failing the check.
    pub on_replace_mismatch: OnReplaceMismatch,
    /// Rows that were written again as they were are updates too. Needs a key, or row lineage.
    pub emit_noop_updates: bool,
    /// Changes of the identifier fields.
    pub on_key_change: OnKeyChange,
    /// Snapshots that do more than add, in `append` mode.
    pub on_non_append: OnNonAppend,
    /// Files that are read at once. With more than one, rows are decoded before they are asked for, on the Tokio runtime
    /// that the stream is read on. What is delivered is the same, and in the same order.
    pub readers: usize,
    /// The share of the stream that is read, where several streams share it. `None` is the whole, in one lane.
    pub lanes: Option<Lanes>,
    /// Positions that the table has forgotten.
    pub on_expired: OnExpired,
    /// Positions that are no longer on the branch.
    pub on_rollback: OnRollback,
    /// Memory that delete sets, before images and decoded batches may take together.
    pub memory_limit_bytes: u64,
    /// Rows of one batch at most.
    pub batch_rows: usize,
}

/// Default of `memory_limit_bytes`: leaves room for decoding within the 512 MB that a small container has.
pub const DEFAULT_MEMORY_LIMIT_BYTES: u64 = 256 * 1024 * 1024;

/// Default of `batch_rows`: larger batches decode no faster.
pub const DEFAULT_BATCH_ROWS: usize = 8192;

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            from: From::default(),
            to: To::default(),
            branch: MAIN_BRANCH.to_owned(),
            key: None,
            columns: None,
            filter: None,
            filter_updates: FilterUpdates::default(),
            drop_kinds: Vec::new(),
            schema: SchemaMode::default(),
            duplicate_keys: DuplicateKeys::default(),
            replace_check: ReplaceCheck::default(),
            on_replace_mismatch: OnReplaceMismatch::default(),
            emit_noop_updates: false,
            on_key_change: OnKeyChange::default(),
            on_non_append: OnNonAppend::default(),
            readers: 1,
            lanes: None,
            on_expired: OnExpired::default(),
            on_rollback: OnRollback::default(),
            memory_limit_bytes: DEFAULT_MEMORY_LIMIT_BYTES,
            batch_rows: DEFAULT_BATCH_ROWS,
        }
    }
}

/// Which rows to read from one state of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowsOptions {
    /// The state.
    pub at: At,
    /// Branch for [`At::Latest`] and [`At::Timestamp`].
    pub branch: String,
    /// Columns by (dotted) name, in this order; `None` takes all.
    pub columns: Option<Vec<String>>,
    /// Only rows that match; `None` is all. It sees every column, also those that are not shown.
    pub filter: Option<Filter>,
    /// `_row_id` and `_last_updated_sequence_number` are added at the end (v3 tables).
    pub with_lineage: bool,
    /// `Follow` is the snapshot's own schema.
    pub schema: SchemaMode,
    /// Memory that delete sets may take.
    pub memory_limit_bytes: u64,
    /// Rows of one batch at most.
    pub batch_rows: usize,
}

impl Default for RowsOptions {
    fn default() -> Self {
        Self {
            at: At::default(),
            branch: MAIN_BRANCH.to_owned(),
            columns: None,
            filter: None,
            with_lineage: false,
            schema: SchemaMode::default(),
            memory_limit_bytes: DEFAULT_MEMORY_LIMIT_BYTES,
            batch_rows: DEFAULT_BATCH_ROWS,
        }
    }
}

//! From the snapshots of a table to ordered batches of changes.
//!
//! [`read_changes`] gives the changes of a range of snapshots, [`read_rows`] the rows of one.
//!
//! Inside, from the outside in: `stream` walks over snapshots, `replace` proves compactions harmless,
//! `change_set` drives one snapshot, `resolution` decides which of its rows belong together.

mod change_set;
mod columns;
mod error;
mod event;
mod filter;
mod images;
mod options;
mod range;
mod replace;
mod resolution;
mod row_hash;
mod rows;
mod source;
mod stream;

pub use error::ReadError;
pub use event::{ChangeBatch, ChangelogOperation, Event, Phase, SnapshotInfo, StreamHeader};
pub use frazil_table::MAIN_BRANCH;
pub use options::{
    At, DEFAULT_BATCH_ROWS, DEFAULT_MEMORY_LIMIT_BYTES, DuplicateKeys, FilterUpdates, From, Mode, OnReplaceMismatch,
    ReadOptions, ReplaceCheck, RowsOptions, SchemaMode, To,
};
pub use rows::{RowStream, read_rows};
pub use stream::{ChangeStream, read_changes};

/// What every fallible function of this crate returns.
pub type Result<T> = std::result::Result<T, ReadError>;

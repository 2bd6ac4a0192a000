//! From the snapshots of a table to ordered batches of changes.
//!
//! [`read_changes`] gives the changes of a range of snapshots, [`follow_changes`] those of a table that grows, and
//! [`read_rows`] the rows of one snapshot.
//!
//! Inside, from the outside in: `stream` walks over snapshots, `follow` plans those of a table that grows and `resume`
//! those after a `position`, of which a stream keeps what `standing` has; `delivery` lists what a mode delivers of one
//! snapshot or, with `net`, of several, as a `split` for each file, and `place` says how far that has got; `engine` reads
//! several splits at once; `lanes` chooses the rows of a stream that is shared by several, and `alignment` keeps those close together; `replace` proves compactions harmless, `change_set` drives one change set, `resolution`
//! decides which of its rows belong together, `upsert` finds what a
//! keyed sink needs.

pub mod alignment;
pub mod change_columns;
mod change_set;
mod columns;
mod delivery;
pub mod discovery;
mod engine;
mod error;
mod event;
mod filter;
mod follow;
pub mod groups;
mod images;
mod lanes;
mod net;
mod options;
mod place;
mod position;
mod range;
mod replace;
mod resolution;
mod resume;
mod row_hash;
mod rows;
pub mod shared;
mod source;
mod split;
mod standing;
mod stream;
mod upsert;

pub use engine::EngineStats;
pub use error::ReadError;
pub use event::{ChangeBatch, ChangelogOperation, Event, Phase, SnapshotInfo, StreamHeader};
pub use frazil_table::MAIN_BRANCH;
pub use lanes::{Lanes, N_LANES_MAX, Route};
pub use options::text::{Time, parse_time};
pub use options::{
    At, DEFAULT_BATCH_ROWS, DEFAULT_MEMORY_LIMIT_BYTES, DuplicateKeys, FilterUpdates, From, Mode, OnExpired,
    OnKeyChange, OnNonAppend, OnReplaceMismatch, OnRollback, ReadOptions, ReplaceCheck, RowsOptions, SchemaMode, To,
};
pub use position::{Position, PositionError};
pub use rows::{RowStream, read_rows};
pub use stream::{ChangeStream, follow_changes, position_at, read_changes};

/// What every fallible function of this crate returns.
pub type Result<T> = std::result::Result<T, ReadError>;

//! What an Apache Iceberg table is: where it is found, what its snapshots list, which rows they hold.
//!
//! Layers, each using only those above it: [`storage`] (bytes at a path), [`catalog`] (from a name to a
//! [`Table`]), [`manifest`] and [`mod@file`] (what a snapshot lists), [`lineage`] (which snapshots follow each
//! other), [`changes`] (what one snapshot added and removed), [`scan`] (rows of one data file, by field id),
//! [`deletes`] (which of them are live), [`mod@write`] (new data and delete files), [`commit`] (how the table changes).
//! Beside them stand [`watermark`] (how far a table's events reach) and [`hash`] (numbers by which rows are spread).

mod avro;
mod bounds;
pub mod catalog;
pub mod changes;
mod clock;
pub mod commit;
pub mod deletes;
mod error;
pub mod file;
pub mod filter;
pub mod hash;
mod ids;
pub mod lineage;
pub mod manifest;
mod metadata;
mod pool;
pub mod scan;
pub mod storage;
mod table;
mod varint;
pub mod watermark;
pub mod write;

pub use clock::{Clock, SystemClock};
pub use error::{Advice, TableError, with_causes};
pub use ids::{DataSequenceNumber, FieldId, SnapshotId, SpecId};
pub use metadata::{ForeignFields, parse_metadata};
pub use pool::{is_on_pool, on_pool};
pub use table::Table;

/// The branch that is meant when none is named.
pub const MAIN_BRANCH: &str = "main";

/// What every fallible function of this crate returns.
pub type Result<T> = std::result::Result<T, TableError>;

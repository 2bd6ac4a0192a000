//! Support for tests: tables written commit by commit, and an independent model of what they hold and change.
//!
//! [`table::TestTable`] writes real files of any format version into memory and keeps the same history as plain
//! data; [`model::History`] says what a reader has to deliver.

// Test support stops at the first surprise.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod encode;
pub mod fake_s3;
pub mod faulty_store;
pub mod fluent;
pub mod http_server;
pub mod model;
pub mod random;
pub mod schema;
mod stored;
pub mod table;
pub mod value;
pub mod watched_store;

pub use fake_s3::FakeS3;
pub use faulty_store::{Fault, FaultyStore, WriteFault};
pub use fluent::Delta;
pub use model::{Change, Duplicates, History, Key, Kind, Multiset, Snapshot};
pub use schema::Transform;
pub use stored::StoredFile;
pub use table::{Commit, DataSpec, EqualitySpec, MAIN, ManifestLayout, PositionSpec, TestTable};
pub use value::{IntoRow, Row, Value};
pub use watched_store::{Decision, Request, WatchedStore, Watcher};

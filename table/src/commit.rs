//! Changes to tables: the only place that writes metadata and moves a table's pointer.
//!
//! A commit says what is to change (`change`). The [`Committer`] takes the lock, loads the table, checks that the
//! change still fits (`validate`; what does not may be mended by a [`Rebase`]), writes manifests and their list (`snapshot`), and has the catalog make its one
//! atomic step ([`target`]). How that ended is a value, [`CommitOutcome`]: what cannot be known is found out
//! (`settle`), and only what is proved uncommitted is deleted (`cleanup`).

mod assemble;
mod change;
mod cleanup;
mod create;
pub(crate) mod document;
mod driver;
mod listener;
pub(crate) mod metadata_file;
mod options;
mod outcome;
mod properties;
mod rebase;
mod retire;
mod settle;
mod shape;
mod snapshot;
mod summary;
pub mod target;
pub mod update;
mod validate;

pub use change::{AddedFile, Change, CommitRequest, FileRef, Layout, RewriteCheck, SnapshotChange};
pub use cleanup::delete_unused;
pub use create::NewTable;
pub use driver::{Committer, Settled};
pub use listener::CommitListener;
pub use options::CommitOptions;
pub use outcome::{CommitOutcome, Committed, PendingCommit};
pub use rebase::{Misfit, Rebase};
pub use retire::dangling_deletes;

#[cfg(test)]
mod tests;

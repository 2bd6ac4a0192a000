//! Who is told of commits.

use std::fmt;

use crate::ids::SnapshotId;

/// Is told of commits to one table, by [`Committer::with_listener`](super::Committer::with_listener).
pub trait CommitListener: fmt::Debug + Send + Sync {
    /// A commit was made: the catalog has it, and whoever loads the table sees it. `snapshot_id` is its snapshot;
    /// `None` for a commit that makes none. Must return at once.
    fn committed(&self, snapshot_id: Option<SnapshotId>);
}

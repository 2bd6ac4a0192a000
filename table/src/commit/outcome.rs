//! How a commit ended.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::change::CommitRequest;
use super::target::CommitBase;
use crate::TableError;
use crate::ids::SnapshotId;

/// How a commit ended. Every case is ordinary, and the caller must handle each.
#[derive(Debug)]
#[must_use]
pub enum CommitOutcome {
    /// It is part of the table's history.
    Committed(Committed),
    /// It was not made, and its own files are gone; data and delete files that it was to add are the caller's. What
    /// the request counts on is no longer so, or other writers came first each time: load the table, and build it anew.
    Conflict {
        /// The request.
        request: Box<CommitRequest>,
        /// What does not fit.
        reason: String,
    },
    /// Nobody knows yet whether it was made. Delete nothing; [`Committer::settle`](super::Committer::settle) finds out.
    StateUnknown {
        /// What is needed to find out.
        pending: Box<PendingCommit>,
        /// Why the answer is missing.
        cause: TableError,
    },
}

/// A commit that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The new snapshot; `None` for commits that make none.
    pub snapshot_id: Option<SnapshotId>,
    /// Its id: `frazil.commit-id` in the snapshot's summary, else in the table's properties.
    pub commit_id: String,
    /// Tries that it took.
    pub n_attempts: u32,
    /// The new snapshot's summary; empty without a snapshot, and for a commit that was found out about later.
    pub summary: BTreeMap<String, String>,
}

/// A commit whose outcome is unknown: what is needed to find out, in a form that can be kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PendingCommit {
    /// Its id.
    pub commit_id: String,
    /// The branch that it was to move.
    pub branch: String,
    /// Its snapshot; `None` if it makes none.
    pub snapshot_id: Option<i64>,
    /// `table-uuid` of its table.
    pub table_uuid: String,
    /// Metadata file that it was built on.
    pub base_metadata_location: String,
    /// Head of the branch that it was built on.
    pub base_snapshot_id: Option<i64>,
    /// Manifests and lists that are nobody's if it was not made.
    pub files: Vec<String>,
    /// Tries so far.
    pub n_attempts: u32,
}

impl PendingCommit {
    /// A commit to `branch` that was built on `base`, without a snapshot and files yet.
    pub fn new(base: &CommitBase, branch: &str, commit_id: &str) -> Self {
        let metadata = base.table.metadata();
        Self {
            commit_id: commit_id.to_owned(),
            branch: branch.to_owned(),
            snapshot_id: None,
            table_uuid: metadata.uuid().to_string(),
            base_metadata_location: base.table.metadata_location().to_owned(),
            base_snapshot_id: metadata.snapshot_for_ref(branch).map(|head| head.snapshot_id()),
            files: Vec::new(),
            n_attempts: 0,
        }
    }
}

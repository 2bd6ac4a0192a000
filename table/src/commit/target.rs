//! Where commits go: the one atomic step of a catalog.

use std::fmt;

use async_trait::async_trait;
use serde_json::{Map, Value};

use super::outcome::PendingCommit;
use super::update::{MetadataUpdate, Requirement};
use crate::catalog::TableName;
use crate::storage::canonical;
use crate::table::Table;
use crate::{Result, TableError};

/// The state that a commit is built on.
#[derive(Debug, Clone)]
pub struct CommitBase {
    /// The table.
    pub table: Table,
    /// Its metadata as it is stored, with everything that this version knows nothing of.
    pub document: Map<String, Value>,
}

/// How the one step ended that makes a commit.
#[derive(Debug)]
#[must_use]
pub enum SwapAnswer {
    /// The commit is made.
    Swapped,
    /// Definitely not made, and never will be: the base is no longer current, or a requirement does not hold. The
    /// attempt was sent once, so that it cannot have been refused because of itself.
    Refused {
        /// What the catalog said.
        reason: String,
    },
    /// Definitely not made, for a reason that another base does not change: nothing was sent, or it is not allowed.
    Failed(TableError),
    /// It was sent, and what became of it is not known. It may even happen later.
    Unknown(TableError),
}

/// A table that can be committed to. Implemented by each catalog.
#[async_trait]
pub trait CommitTarget: fmt::Debug + Send + Sync {
    /// The table as the user named it.
    fn name(&self) -> &str;

    /// Name under which commits to this table are locked: the same for everyone who commits to it.
    ///
    /// For a table of a catalog it is `catalog.namespace.table`; the catalog by the name that its database has for it,
    /// and for REST by that of the settings, which must be the same everywhere. For a table without a catalog it is
    /// the location that its metadata gives, in one spelling for all that mean the same store.
    fn lock_name(&self) -> String;

    /// Loads the current state, past every cache.
    ///
    /// # Errors
    /// As [`TableSource::load`](crate::catalog::TableSource::load).
    async fn load(&self) -> Result<CommitBase>;

    /// Makes the commit if `requirements` hold and, where the catalog compares the metadata's location, `base` is
    /// current. Sent at most once. A metadata file that was written for it stays where it is unless the answer is
    /// [`SwapAnswer::Refused`] or [`SwapAnswer::Failed`].
    async fn swap(&self, base: &CommitBase, updates: &[MetadataUpdate], requirements: &[Requirement]) -> SwapAnswer;

    /// The commit `pending` can no longer be made, because what the atomic step compares has changed for good by the
    /// time of `now`: the metadata's location, or for REST the snapshot of the branch. While it still can, an answer
    /// that did not come may yet turn out as made.
    fn is_superseded(&self, pending: &PendingCommit, now: &CommitBase) -> bool;

    /// Metadata files that the log has dropped may be deleted after a commit, where the table's properties ask for it.
    /// Not where a catalog does that itself, and not where the next version's file must be absent for a commit to fail:
    /// whoever commits on an old state would then succeed, and be seen by nobody.
    fn may_delete_old_metadata(&self) -> bool {
        false
    }
}

/// [`CommitTarget::lock_name`] of a table of a catalog.
pub(crate) fn lock_name_in_catalog(catalog: &str, table: &TableName) -> String {
    format!("{catalog}.{table}")
}

/// [`CommitTarget::lock_name`] of a table without a catalog.
pub(crate) fn lock_name_of_location(location: &str) -> String {
    canonical(location.trim_end_matches('/')).into_owned()
}

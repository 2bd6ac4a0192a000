//! What a writer has left in the store, for whoever has to tidy up after it.

use std::sync::{Arc, Mutex, PoisonError};

/// Paths of the files that writers have finished, or were about to when they failed: with
/// [`WriteOptions::remember_paths`](super::WriteOptions::remember_paths). Clones share one list.
///
/// A writer that fails hands nothing out. What it had written before is in no commit, and may be deleted
/// ([`delete_unused`](crate::commit::delete_unused)).
#[derive(Debug, Clone, Default)]
pub struct WrittenPaths(Arc<Mutex<Vec<String>>>);

impl WrittenPaths {
    /// All of them, in the order in which they were finished.
    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Before a file is finished: whether it is there is not known if that fails.
    pub(super) fn add(&self, path: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(path.to_owned());
    }
}

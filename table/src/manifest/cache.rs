//! Manifests that were read already. They never change, so a path is enough to find one; what its entries
//! inherit from the list may differ, since the first list of a table upgraded to v3 gives them row ids.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::entry::ManifestEntry;
use super::list::ManifestFile;

/// What one entry or manifest takes in memory, roughly: path, statistics of a dozen columns.
const ENTRY_BYTES: usize = 1_500;

/// Keeps what was read last, within a limit. Shared by all clones of a table handle.
#[derive(Debug)]
pub struct ManifestCache {
    state: Mutex<State>,
    n_entries_max: usize,
}

#[derive(Debug, Default)]
struct State {
    lists: HashMap<String, Arc<[ManifestFile]>>,
    entries: HashMap<String, Arc<[ManifestEntry]>>,
    order: VecDeque<(Kind, String, usize)>,
    n_entries: usize,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    List,
    Entries,
}

impl ManifestCache {
    /// A cache that holds about `bytes_max`.
    pub fn new(bytes_max: usize) -> Self {
        Self { state: Mutex::default(), n_entries_max: bytes_max / ENTRY_BYTES }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic while the lock was held cannot leave a wrong entry behind: entries are immutable.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn list(&self, path: &str) -> Option<Arc<[ManifestFile]>> {
        self.state().lists.get(path).cloned()
    }

    pub(super) fn entries(&self, manifest: &ManifestFile) -> Option<Arc<[ManifestEntry]>> {
        self.state().entries.get(&key(manifest)).cloned()
    }

    pub(super) fn insert_list(&self, path: &str, list: Arc<[ManifestFile]>) {
        let mut state = self.state();
        let n = list.len().max(1);
        if state.lists.insert(path.to_owned(), list).is_none() {
            self.account(&mut state, Kind::List, path, n);
        }
    }

    pub(super) fn insert_entries(&self, manifest: &ManifestFile, entries: Arc<[ManifestEntry]>) {
        let (mut state, path) = (self.state(), key(manifest));
        let n = entries.len().max(1);
        if state.entries.insert(path.clone(), entries).is_none() {
            self.account(&mut state, Kind::Entries, &path, n);
        }
    }

    fn account(&self, state: &mut State, kind: Kind, path: &str, n: usize) {
        state.order.push_back((kind, path.to_owned(), n));
        state.n_entries += n;
        while state.n_entries > self.n_entries_max {
            let Some((kind, path, n)) = state.order.pop_front() else { break };
            match kind {
                Kind::List => drop(state.lists.remove(&path)),
                Kind::Entries => drop(state.entries.remove(&path)),
            }
            state.n_entries -= n;
        }
    }
}

/// Tells apart what a manifest's entries may inherit from different lists.
pub(crate) fn key(manifest: &ManifestFile) -> String {
    match manifest.first_row_id {
        None => manifest.path.to_string(),
        Some(first) => format!("{}#{first}", manifest.path),
    }
}

//! Which delete files no data file needs any more.
//!
//! A delete file is dead if that is proved from the data files that are live after the commit, those that others
//! committed meanwhile included. Counting on the lowest sequence number of all data files is not a proof: Java's library
//! loses concurrent deletes that way (apache/iceberg#10312).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::change::{FileKey, SnapshotChange, key_of};
use crate::bounds::{may_hold_partition, may_name_path};
use crate::deletes::named_paths;
use crate::file::{FileContent, FileEntry, PartitionTuple};
use crate::ids::SpecId;
use crate::manifest::{EntryStatus, ManifestContent, ManifestFile, manifest_list, read_manifests};
use crate::storage::identity;
use crate::table::Table;
use crate::{Result, TableError};

/// Manifests that are read before it is asked again whether others need be.
const N_READ_AT_ONCE: usize = 8;

/// What position delete files name, by their keys: read once for all tries of a commit.
pub(super) type NamedPaths = HashMap<String, Arc<HashSet<String>>>;

/// The delete files at the head of a branch that apply to no data file.
///
/// # Errors
/// What reading manifests and position delete files may give; [`TableError::InvalidRequest`] if there is no such branch.
pub async fn dangling_deletes(table: &Table, branch: &str) -> Result<Vec<Arc<FileEntry>>> {
    let Some(head) = table.metadata().snapshot_for_ref(branch) else {
        if branch == crate::MAIN_BRANCH {
            return Ok(Vec::new());
        }
        return Err(TableError::invalid(format!("there is no branch `{branch}`; name another")));
    };
    let manifests = manifest_list(table, head).await?;
    let manifests: Vec<&ManifestFile> = manifests.iter().filter(|manifest| manifest.may_have_live_files()).collect();
    let of_deletes = manifests.iter().filter(|manifest| manifest.content == ManifestContent::Deletes).copied();
    let mut deletes = Vec::new();
    for (_, entries) in read_manifests(table, of_deletes).await? {
        let live = entries.iter().filter(|entry| entry.status != EntryStatus::Deleted);
        deletes.extend(live.map(|entry| entry.file.clone()));
    }
    let nothing = SnapshotChange { retired: deletes, ..SnapshotChange::append([]) };
    dead(table, &manifests, &nothing, &mut NamedPaths::new()).await
}

/// Those of `change.retired` that are dead once the change is made on top of the snapshot with these manifests.
///
/// # Errors
/// As [`dangling_deletes`].
pub(super) async fn dead(
    table: &Table,
    manifests: &[&ManifestFile],
    change: &SnapshotChange,
    named: &mut NamedPaths,
) -> Result<Vec<Arc<FileEntry>>> {
    let mut proof = Proof::new(table, change);
    let mut manifests: Vec<&ManifestFile> =
        manifests.iter().filter(|manifest| manifest.content == ManifestContent::Data).copied().collect();
    // What needs a delete is old: the sooner it is found, the less is read.
    manifests.sort_by_key(|manifest| manifest.min_sequence_number);
    while !manifests.is_empty() {
        manifests.retain(|manifest| proof.is_concerned_by(manifest));
        let rest = manifests.split_off(manifests.len().min(N_READ_AT_ONCE));
        for (_, entries) in read_manifests(table, manifests).await? {
            for entry in entries.iter().filter(|entry| entry.status != EntryStatus::Deleted) {
                proof.see(&entry.file);
            }
        }
        manifests = rest;
    }
    for delete in proof.unread() {
        if !named.contains_key(delete.key()) {
            named.insert(delete.key().to_owned(), Arc::new(read_paths(table, delete.clone()).await?));
        }
    }
    Ok(proof.finish(named))
}

/// Boxed, so that the compiler can tell that it may move between threads.
fn read_paths(table: &Table, delete: Arc<FileEntry>) -> BoxFuture<'_, Result<HashSet<String>>> {
    async move { named_paths(table, &delete).await }.boxed()
}

/// Looks at data files, and remembers which deletes they need.
struct Proof<'a> {
    table: &'a Table,
    removed: HashSet<FileKey>,
    candidates: Vec<Candidate>,
}

struct Candidate {
    delete: Arc<FileEntry>,
    state: State,
}

enum State {
    /// A live data file needs it.
    Needed,
    /// No data file can need it: it names one that is removed.
    Dead,
    /// No data file that was seen needs it.
    Unneeded,
    /// It may name one of these live data files; only its rows can tell.
    MayName(HashSet<String>),
}

impl<'a> Proof<'a> {
    fn new(table: &'a Table, change: &SnapshotChange) -> Self {
        let data = change.removed.iter().filter(|file| file.content == FileContent::Data);
        let removed: HashSet<FileKey> = data.map(super::change::FileRef::key).collect();
        let state = |delete: &Arc<FileEntry>| match &delete.referenced_data_file {
            // A path stands in a snapshot once.
            Some(path) if removed.contains(&key_of(path, None)) => State::Dead,
            _ => State::Unneeded,
        };
        let candidates = change.retired.iter().map(|delete| Candidate { delete: delete.clone(), state: state(delete) });
        let mut proof = Self { table, candidates: candidates.collect(), removed };
        for added in change.added.iter().filter(|added| added.file.content == FileContent::Data) {
            // Without a number of its own it is newer than every delete.
            let Some(number) = added.data_sequence_number else { continue };
            let (spec_id, partition) = (added.file.spec_id, &added.file.partition);
            for candidate in &mut proof.candidates {
                if candidate.delete.content == FileContent::EqualityDeletes
                    && number < candidate.delete.data_sequence_number
                    && is_in_scope(table, &candidate.delete, spec_id, partition)
                {
                    candidate.state = State::Needed;
                }
            }
        }
        proof
    }

    /// The manifest may list a data file that decides something.
    fn is_concerned_by(&self, manifest: &ManifestFile) -> bool {
        self.candidates.iter().filter(|candidate| !matches!(candidate.state, State::Needed | State::Dead)).any(
            |candidate| {
                let delete = &candidate.delete;
                let is_global =
                    delete.content == FileContent::EqualityDeletes && self.table.is_unpartitioned(delete.spec_id);
                is_global || (delete.spec_id == manifest.spec_id && may_hold_partition(manifest, &delete.partition.0))
            },
        )
    }

    fn see(&mut self, data: &FileEntry) {
        if self.removed.contains(&key_of(&data.path, None)) {
            return;
        }
        for candidate in &mut self.candidates {
            candidate.see(self.table, data);
        }
    }

    /// Position delete files that have to be read.
    fn unread(&self) -> Vec<Arc<FileEntry>> {
        let unread = self.candidates.iter().filter(|candidate| matches!(candidate.state, State::MayName(_)));
        unread.map(|candidate| candidate.delete.clone()).collect()
    }

    fn finish(self, named: &NamedPaths) -> Vec<Arc<FileEntry>> {
        let is_dead = |candidate: &Candidate| match &candidate.state {
            State::Needed => false,
            State::Dead | State::Unneeded => true,
            State::MayName(live) => named.get(candidate.delete.key()).is_some_and(|named| named.is_disjoint(live)),
        };
        self.candidates.into_iter().filter(is_dead).map(|candidate| candidate.delete).collect()
    }
}

impl Candidate {
    fn see(&mut self, table: &Table, data: &FileEntry) {
        if matches!(self.state, State::Needed | State::Dead)
            || !is_in_scope(table, &self.delete, data.spec_id, &data.partition)
        {
            return;
        }
        if self.delete.content == FileContent::EqualityDeletes {
            if data.data_sequence_number < self.delete.data_sequence_number {
                self.state = State::Needed;
            }
        } else if let Some(path) = &self.delete.referenced_data_file {
            if identity(path) == data.key() {
                self.state = State::Needed;
            }
        } else if may_name_path(&self.delete, data) {
            match &mut self.state {
                State::MayName(paths) => {
                    paths.insert(data.key().to_owned());
                }
                state => *state = State::MayName(HashSet::from([data.key().to_owned()])),
            }
        }
    }
}

/// Source: Iceberg spec, "Scan Planning". Sequence numbers of position deletes decide nothing here.
fn is_in_scope(table: &Table, delete: &FileEntry, spec_id: SpecId, partition: &PartitionTuple) -> bool {
    let is_global = delete.content == FileContent::EqualityDeletes && table.is_unpartitioned(delete.spec_id);
    is_global || (delete.spec_id == spec_id && delete.partition == *partition)
}

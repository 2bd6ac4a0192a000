//! Which delete files no data file needs any more.
//!
//! A delete file is dead if that is proved from the data files that are live after the commit, those that others
//! committed meanwhile included. Counting on the lowest sequence number of all data files is not a proof: Java's library
//! loses concurrent deletes that way (apache/iceberg#10312).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_recursion::async_recursion as boxed;
use futures::FutureExt;
use futures::future::BoxFuture;

use super::change::{FileKey, FileRef, SnapshotChange, key_of};
use crate::bounds::{may_hold_partition, may_name_path};
use crate::deletes::named_paths;
use crate::file::{FileContent, FileEntry, PartitionTuple};
use crate::ids::{DataSequenceNumber, SpecId};
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
#[boxed]
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
    dead(table, &manifests, &SnapshotChange::append([]), &deletes, &mut NamedPaths::new()).await
}

/// Those of `candidates` that are dead once the change is made on top of the snapshot with these manifests.
///
/// # Errors
/// As [`dangling_deletes`].
pub(super) async fn dead(
    table: &Table,
    manifests: &[&ManifestFile],
    change: &SnapshotChange,
    candidates: &[Arc<FileEntry>],
    named: &mut NamedPaths,
) -> Result<Vec<Arc<FileEntry>>> {
    let mut proof = Proof::new(table, change, candidates);
    let mut manifests: Vec<&ManifestFile> =
        manifests.iter().filter(|manifest| manifest.content == ManifestContent::Data).copied().collect();
    // What needs a delete is old: the sooner it is found, the less is read.
    manifests.sort_by_key(|manifest| manifest.min_sequence_number);
    while !manifests.is_empty() {
        let open = proof.open();
        manifests.retain(|manifest| open.iter().any(|delete| may_decide(table, manifest, delete)));
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

/// The manifest may list a data file that needs the delete.
fn may_decide(table: &Table, manifest: &ManifestFile, delete: &FileEntry) -> bool {
    is_global(table, delete)
        || (delete.spec_id == manifest.spec_id && may_hold_partition(manifest, &delete.partition.0))
}

/// Source: Iceberg spec, "Scan Planning".
fn is_global(table: &Table, delete: &FileEntry) -> bool {
    delete.content == FileContent::EqualityDeletes && table.is_unpartitioned(delete.spec_id)
}

/// Boxed, so that the compiler can tell that it may move between threads.
fn read_paths(table: &Table, delete: Arc<FileEntry>) -> BoxFuture<'_, Result<HashSet<String>>> {
    async move { named_paths(table, &delete).await }.boxed()
}

type Partition = (SpecId, PartitionTuple);

/// Looks at the data files that are live after the commit, and remembers which deletes they need.
struct Proof<'a> {
    table: &'a Table,
    removed: HashSet<FileKey>,
    candidates: Vec<Candidate>,
    /// Those that name one data file, by it.
    by_path: HashMap<String, Vec<usize>>,
    /// Those that may name several data files, by their partition.
    by_partition: HashMap<Partition, Vec<usize>>,
    /// Lowest data sequence number in each partition, and of all.
    oldest: HashMap<Partition, DataSequenceNumber>,
    oldest_of_all: Option<DataSequenceNumber>,
}

struct Candidate {
    delete: Arc<FileEntry>,
    state: State,
}

enum State {
    /// The data file that it names is live.
    Needed,
    /// The one data file that it names is removed: a path stands in a snapshot once.
    Dead,
    /// No data file that was seen needs it by position; an equality delete is judged by the oldest data file.
    Open,
    /// It may name one of these live data files; only its rows can tell.
    MayName(HashSet<String>),
}

impl<'a> Proof<'a> {
    fn new(table: &'a Table, change: &SnapshotChange, candidates: &[Arc<FileEntry>]) -> Self {
        let data = change.removed.iter().filter(|file| file.content == FileContent::Data);
        let mut proof = Self {
            table,
            removed: data.map(FileRef::key).collect(),
            candidates: Vec::new(),
            by_path: HashMap::new(),
            by_partition: HashMap::new(),
            oldest: HashMap::new(),
            oldest_of_all: None,
        };
        let mut seen = HashSet::new();
        for delete in candidates.iter().filter(|delete| seen.insert(key_of(&delete.path, delete.content_range))) {
            proof.add(delete);
        }
        for added in change.added.iter().filter(|added| added.file.content == FileContent::Data) {
            // Without a number of its own it is newer than every delete.
            if let Some(number) = added.data_sequence_number {
                proof.is_live((added.file.spec_id, added.file.partition.clone()), number);
            }
        }
        proof
    }

    fn add(&mut self, delete: &Arc<FileEntry>) {
        let index = self.candidates.len();
        let mut state = State::Open;
        match (&delete.referenced_data_file, delete.content) {
            (_, FileContent::EqualityDeletes | FileContent::Data) => {}
            (Some(path), _) if self.removed.contains(&key_of(path, None)) => state = State::Dead,
            (Some(path), _) => self.by_path.entry(identity(path).to_owned()).or_default().push(index),
            (None, _) => {
                let partition = (delete.spec_id, delete.partition.clone());
                self.by_partition.entry(partition).or_default().push(index);
            }
        }
        self.candidates.push(Candidate { delete: delete.clone(), state });
    }

    fn is_live(&mut self, partition: Partition, number: DataSequenceNumber) {
        let oldest = self.oldest.entry(partition).or_insert(number);
        *oldest = number.min(*oldest);
        self.oldest_of_all = Some(self.oldest_of_all.map_or(number, |oldest| number.min(oldest)));
    }

    fn see(&mut self, data: &FileEntry) {
        if self.removed.contains(&key_of(&data.path, None)) {
            return;
        }
        let partition = (data.spec_id, data.partition.clone());
        for index in self.by_path.get(data.key()).into_iter().flatten() {
            if let Some(candidate) = self.candidates.get_mut(*index)
                && (candidate.delete.spec_id, &candidate.delete.partition) == (partition.0, &partition.1)
            {
                candidate.state = State::Needed;
            }
        }
        for index in self.by_partition.get(&partition).into_iter().flatten() {
            let Some(candidate) = self.candidates.get_mut(*index) else { continue };
            if may_name_path(&candidate.delete, data) {
                match &mut candidate.state {
                    State::MayName(paths) => {
                        paths.insert(data.key().to_owned());
                    }
                    state => *state = State::MayName(HashSet::from([data.key().to_owned()])),
                }
            }
        }
        self.is_live(partition, data.data_sequence_number);
    }

    /// A live data file is older than the equality delete. Sequence numbers of position deletes decide nothing.
    fn is_older_live(&self, delete: &FileEntry) -> bool {
        let oldest = match is_global(self.table, delete) {
            true => self.oldest_of_all.as_ref(),
            false => self.oldest.get(&(delete.spec_id, delete.partition.clone())),
        };
        delete.content == FileContent::EqualityDeletes
            && oldest.is_some_and(|oldest| *oldest < delete.data_sequence_number)
    }

    /// Deletes that further data files may need.
    fn open(&self) -> Vec<Arc<FileEntry>> {
        let is_open = |candidate: &&Candidate| match candidate.state {
            State::Needed | State::Dead => false,
            State::Open | State::MayName(_) => !self.is_older_live(&candidate.delete),
        };
        self.candidates.iter().filter(is_open).map(|candidate| candidate.delete.clone()).collect()
    }

    /// Position delete files that have to be read.
    fn unread(&self) -> Vec<Arc<FileEntry>> {
        let unread = self.candidates.iter().filter(|candidate| matches!(candidate.state, State::MayName(_)));
        unread.map(|candidate| candidate.delete.clone()).collect()
    }

    fn finish(self, named: &NamedPaths) -> Vec<Arc<FileEntry>> {
        let is_dead = |candidate: &&Candidate| match &candidate.state {
            State::Needed => false,
            State::Dead => true,
            State::Open => !self.is_older_live(&candidate.delete),
            State::MayName(live) => named.get(candidate.delete.key()).is_some_and(|named| named.is_disjoint(live)),
        };
        self.candidates.iter().filter(is_dead).map(|candidate| candidate.delete.clone()).collect()
    }
}

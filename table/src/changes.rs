//! What one snapshot added to its parent and removed from it, in files.
//!
//! The manifests that a snapshot wrote name the files that it added and removed. Whether they name all of
//! them is checked by counting, and where counts are missing or disagree, the two snapshots' manifests are
//! compared: nothing is taken from a label.

mod backlog;
mod row_set;
mod rows;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_recursion::async_recursion as boxed;
use iceberg::spec::{Operation, SnapshotRef};

pub use backlog::Backlog;
pub use row_set::RowSet;
pub use rows::{RowChanges, RowSource, added_rows, deletes_in_scope, fetch_ahead_only, row_changes};

use crate::Result;
use crate::bounds;
use crate::deletes::DeleteIndex;
use crate::file::{FileContent, FileEntry};
use crate::ids::SnapshotId;
use crate::manifest::{
    EntryStatus, LiveFiles, ManifestContent, ManifestFile, live_files, live_files_in, manifest_list, read_manifests,
};
use crate::table::Table;

/// Files by which a snapshot differs from its parent, each list in the order of the manifests.
#[derive(Debug, Clone, Default)]
pub struct SnapshotChanges {
    /// Live in the snapshot and not in its parent.
    pub added: LiveFiles,
    /// Live in the parent and not in the snapshot.
    pub removed: LiveFiles,
}

impl SnapshotChanges {
    /// No row that was live before can be touched: only data files were added.
    pub fn only_adds_data(&self) -> bool {
        self.removed.data.is_empty() && self.removed.deletes.is_empty() && self.added.deletes.is_empty()
    }

    /// Nothing changed.
    pub fn is_empty(&self) -> bool {
        self.only_adds_data() && self.added.data.is_empty()
    }
}

/// The files that `snapshot` added and removed. `parent` is `None` for the first snapshot of a table.
///
/// A snapshot that only appends costs its manifest list and the manifests that it wrote.
///
/// # Errors
/// As for [`manifest_list`] and [`read_manifests`].
#[boxed]
pub async fn snapshot_changes(
    table: &Table,
    snapshot: &SnapshotRef,
    parent: Option<&SnapshotRef>,
) -> Result<SnapshotChanges> {
    let Some(parent) = parent else {
        return Ok(SnapshotChanges { added: live_files(table, snapshot).await?, removed: LiveFiles::default() });
    };
    let list = manifest_list(table, snapshot).await?;
    let claimed = claimed_changes(table, snapshot, &list).await?;
    if is_plain_append(snapshot, parent, &claimed, &list) {
        return Ok(claimed);
    }
    let parent_list = manifest_list(table, parent).await?;
    if counts_agree(&list, &parent_list, &claimed) {
        return Ok(claimed);
    }
    compare_manifests(table, &parent_list, &list).await
}

/// What the manifests written by the snapshot say.
async fn claimed_changes(table: &Table, snapshot: &SnapshotRef, list: &[ManifestFile]) -> Result<SnapshotChanges> {
    let id = SnapshotId::new(snapshot.snapshot_id());
    let own = list.iter().filter(|manifest| manifest.added_snapshot_id == id && manifest.may_have_changes());
    let mut changes = SnapshotChanges::default();
    for (manifest, entries) in read_manifests(table, own).await? {
        // Merged manifests carry entries of older snapshots along.
        for entry in entries.iter().filter(|entry| entry.snapshot_id == id) {
            let side = match entry.status {
                EntryStatus::Added => &mut changes.added,
                EntryStatus::Deleted => &mut changes.removed,
                EntryStatus::Existing => continue,
            };
            push(side, entry.file_in(manifest));
        }
    }
    Ok(changes)
}

fn push(files: &mut LiveFiles, file: Arc<FileEntry>) {
    match file.content {
        FileContent::Data => files.data.push(file),
        FileContent::PositionDeletes | FileContent::EqualityDeletes => files.deletes.push(file),
    }
}

/// Files that the list says are live, of one kind; `None` if a count is missing.
fn n_live(list: &[ManifestFile], content: ManifestContent) -> Option<u64> {
    let mut counts = list.iter().filter(|manifest| manifest.content == content).map(ManifestFile::n_live);
    counts.try_fold(0_u64, |sum, count| sum.checked_add(count?))
}

/// A number in a snapshot's summary.
fn summary_count(snapshot: &SnapshotRef, key: &str) -> Option<u64> {
    snapshot.summary().additional_properties.get(key)?.parse().ok()
}

/// An append whose claim fits the totals in the summaries of both snapshots, and the list's counts: then
/// the parent's list need not be read.
fn is_plain_append(
    snapshot: &SnapshotRef,
    parent: &SnapshotRef,
    claimed: &SnapshotChanges,
    list: &[ManifestFile],
) -> bool {
    let fits = |content, key, n_added: usize| {
        let (Some(now), Some(before)) = (summary_count(snapshot, key), summary_count(parent, key)) else {
            return false;
        };
        n_live(list, content) == Some(now) && before.checked_add(n_added as u64) == Some(now)
    };
    snapshot.summary().operation == Operation::Append
        && claimed.only_adds_data()
        && fits(ManifestContent::Data, "total-data-files", claimed.added.data.len())
        && fits(ManifestContent::Deletes, "total-delete-files", 0)
}

fn counts_agree(list: &[ManifestFile], parent_list: &[ManifestFile], claimed: &SnapshotChanges) -> bool {
    let agree = |content, n_added: usize, n_removed: usize| {
        let (Some(now), Some(before)) = (n_live(list, content), n_live(parent_list, content)) else { return false };
        before.checked_add(n_added as u64).and_then(|n| n.checked_sub(n_removed as u64)) == Some(now)
    };
    agree(ManifestContent::Data, claimed.added.data.len(), claimed.removed.data.len())
        && agree(ManifestContent::Deletes, claimed.added.deletes.len(), claimed.removed.deletes.len())
}

/// The difference of the files that two manifest lists hold, from the manifests that only one of them has.
async fn compare_manifests(table: &Table, before: &[ManifestFile], after: &[ManifestFile]) -> Result<SnapshotChanges> {
    fn paths(list: &[ManifestFile]) -> HashSet<&str> {
        list.iter().map(|manifest| &*manifest.path).collect()
    }
    async fn only_in(table: &Table, list: &[ManifestFile], other: &HashSet<&str>) -> Result<Vec<Arc<FileEntry>>> {
        let manifests = list.iter().filter(|manifest| !other.contains(&*manifest.path));
        let mut files = Vec::new();
        for (manifest, entries) in read_manifests(table, manifests).await? {
            let live = entries.iter().filter(|entry| entry.status != EntryStatus::Deleted);
            files.extend(live.map(|entry| entry.file_in(manifest)));
        }
        Ok(files)
    }
    fn without(files: &[Arc<FileEntry>], others: &[Arc<FileEntry>]) -> LiveFiles {
        // Deletion vectors share a puffin file, so a path alone does not identify a file.
        type Identity<'a> = (&'a str, Option<(u64, u64)>);
        fn identity(file: &FileEntry) -> Identity<'_> {
            (file.key(), file.content_range)
        }
        let mut counts: HashMap<Identity<'_>, usize> = HashMap::new();
        for file in others {
            *counts.entry(identity(file)).or_default() += 1;
        }
        let mut left = LiveFiles::default();
        for file in files {
            match counts.get_mut(&identity(file)) {
                Some(count) if *count > 0 => *count -= 1,
                _ => push(&mut left, file.clone()),
            }
        }
        left
    }
    let gone = only_in(table, before, &paths(after)).await?;
    let come = only_in(table, after, &paths(before)).await?;
    Ok(SnapshotChanges { added: without(&come, &gone), removed: without(&gone, &come) })
}

/// The data files, live both in `snapshot` and in its parent, whose rows may be deleted or brought back by
/// the delete files that the snapshot added or removed.
///
/// Reads the data manifests that can list such a file, by partition and sequence number, and no data.
///
/// # Errors
/// As for [`manifest_list`] and [`read_manifests`].
#[boxed]
pub async fn kept_files_in_scope(
    table: &Table,
    snapshot: &SnapshotRef,
    changes: &SnapshotChanges,
) -> Result<Vec<Arc<FileEntry>>> {
    let deletes: Vec<_> = changes.added.deletes.iter().chain(&changes.removed.deletes).cloned().collect();
    if deletes.is_empty() {
        return Ok(Vec::new());
    }
    let added: HashSet<&str> = changes.added.data.iter().map(|file| file.key()).collect();
    // Apart, since a deletion vector may be replaced by another for the same file.
    let new = DeleteIndex::new(table, &changes.added.deletes)?;
    let gone = DeleteIndex::new(table, &changes.removed.deletes)?;
    let live = live_files_in(table, snapshot, |manifest| {
        manifest.content == ManifestContent::Data && deletes.iter().any(|delete| may_concern(table, delete, manifest))
    })
    .await?;
    Ok(live
        .data
        .into_iter()
        .filter(|file| !added.contains(file.key()) && (new.may_concern(table, file) || gone.may_concern(table, file)))
        .collect())
}

fn may_concern(table: &Table, delete: &FileEntry, manifest: &ManifestFile) -> bool {
    // Equality deletes hit smaller numbers only; allowing equal ones here is merely less sharp.
    if manifest.min_sequence_number > delete.data_sequence_number.get() {
        return false;
    }
    let is_global = delete.content == FileContent::EqualityDeletes && table.is_unpartitioned(delete.spec_id);
    is_global || (manifest.spec_id == delete.spec_id && bounds::may_hold_partition(manifest, &delete.partition.0))
}

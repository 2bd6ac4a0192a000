//! Many snapshots that follow each other, from one manifest list: that of the last.
//!
//! The list of each snapshot names every manifest that is live in it, so that reading all of them is quadratic in
//! their number. A manifest says which snapshot wrote it, and stays in the lists of later snapshots until it is
//! rewritten. What the last list still has of a snapshot is all that the snapshot added if it is as many files as the
//! summary says, and if the totals of the summary leave no room for others. Anything else is not proved here, and is
//! found out from the snapshot's own list.

use std::collections::HashMap;

use async_recursion::async_recursion as boxed;
use iceberg::spec::{Operation, SnapshotRef};

use super::{SnapshotChanges, claimed_changes, n_live, summary_count};
use crate::Result;
use crate::ids::SnapshotId;
use crate::manifest::{ManifestContent, ManifestFile, manifest_list};
use crate::table::Table;

/// What the manifest list of one snapshot, the last of a backlog, tells of those before it.
#[derive(Debug, Default)]
pub struct Backlog {
    /// Manifests with changes, by the snapshot that wrote them; in the order of the list.
    written: HashMap<SnapshotId, Vec<ManifestFile>>,
}

impl Backlog {
    /// Reads the manifest list of `last`, and nothing more.
    ///
    /// # Errors
    /// As for [`manifest_list`].
    #[boxed]
    pub async fn of(table: &Table, last: &SnapshotRef) -> Result<Self> {
        let list = manifest_list(table, last).await?;
        let total = |content, key| n_live(&list, content).filter(|n| summary_count(last, key) == Some(*n));
        let is_sound = total(ManifestContent::Data, "total-data-files").is_some()
            && total(ManifestContent::Deletes, "total-delete-files").is_some();
        let mut written: HashMap<_, Vec<_>> = HashMap::new();
        // Summaries that are wrong at the end prove nothing of what was before.
        if is_sound {
            for manifest in list.iter().filter(|manifest| manifest.may_have_changes()) {
                written.entry(manifest.added_snapshot_id).or_default().push(manifest.clone());
            }
        }
        Ok(Self { written })
    }

    /// The manifests that list everything that `snapshot` added, if it is proved that these are all and that it
    /// removed nothing: at most one of data files and one of delete files, since the order of several could be another
    /// than in the snapshot's own list. `parent` is the snapshot before it.
    pub fn added_manifests(&self, snapshot: &SnapshotRef, parent: &SnapshotRef) -> Option<&[ManifestFile]> {
        let id = SnapshotId::new(snapshot.snapshot_id());
        let manifests = self.written.get(&id).map(Vec::as_slice).unwrap_or_default();
        // A table that was upgraded to version 3 gives row ids to what older snapshots wrote, and only later lists
        // say so.
        let is_as_then =
            snapshot.row_range().is_some() || manifests.iter().all(|manifest| manifest.first_row_id.is_none());
        let is_proved = snapshot.summary().operation != Operation::Replace
            && is_as_then
            && removes_nothing(snapshot)
            && manifests.iter().all(|manifest| manifest.n_deleted == Some(0))
            && is_complete(snapshot, parent, manifests, ManifestContent::Data)
            && is_complete(snapshot, parent, manifests, ManifestContent::Deletes);
        is_proved.then_some(manifests)
    }

    /// The files that `snapshot` added, if it is proved that these are all of its changes. Reads the manifests that it
    /// wrote; `None` if [`snapshot_changes`](super::snapshot_changes) has to be asked.
    ///
    /// # Errors
    /// As for [`read_manifests`](crate::manifest::read_manifests).
    #[boxed]
    pub async fn changes(
        &self,
        table: &Table,
        snapshot: &SnapshotRef,
        parent: &SnapshotRef,
    ) -> Result<Option<SnapshotChanges>> {
        let Some(manifests) = self.added_manifests(snapshot, parent) else { return Ok(None) };
        let changes = claimed_changes(table, snapshot, manifests).await?;
        // Entries of a merged manifest have the numbers of older snapshots, and are none of its changes.
        let is_all = n_added(manifests, ManifestContent::Data) == Some(changes.added.data.len() as u64)
            && n_added(manifests, ManifestContent::Deletes) == Some(changes.added.deletes.len() as u64)
            && changes.removed.data.is_empty()
            && changes.removed.deletes.is_empty();
        Ok(is_all.then_some(changes))
    }
}

fn removes_nothing(snapshot: &SnapshotRef) -> bool {
    const REMOVED: [&str; 2] = ["deleted-data-files", "removed-delete-files"];
    let summary = &snapshot.summary().additional_properties;
    REMOVED.iter().all(|key| summary.get(*key).is_none_or(|n| n == "0"))
}

fn n_added(manifests: &[ManifestFile], content: ManifestContent) -> Option<u64> {
    let mut counts = manifests.iter().filter(|manifest| manifest.content == content).map(|manifest| manifest.n_added);
    counts.try_fold(0_u64, |sum, count| sum.checked_add(count?))
}

/// The files of one kind that the manifests say were added are those that the summary says were, and nothing else
/// became of the table's files of that kind.
fn is_complete(
    snapshot: &SnapshotRef,
    parent: &SnapshotRef,
    manifests: &[ManifestFile],
    content: ManifestContent,
) -> bool {
    let (added, total) = match content {
        ManifestContent::Data => ("added-data-files", "total-data-files"),
        ManifestContent::Deletes => ("added-delete-files", "total-delete-files"),
    };
    let said = match snapshot.summary().additional_properties.get(added) {
        // Writers leave a count of zero out.
        None => Some(0),
        Some(_) => summary_count(snapshot, added),
    };
    let (Some(said), Some(found)) = (said, n_added(manifests, content)) else { return false };
    let (Some(before), Some(now)) = (summary_count(parent, total), summary_count(snapshot, total)) else {
        return false;
    };
    said == found
        && before.checked_add(found) == Some(now)
        && manifests.iter().filter(|manifest| manifest.content == content).count() <= 1
}

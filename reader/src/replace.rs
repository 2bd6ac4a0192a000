//! Does a `replace` snapshot change no row? Proved from manifests where that is possible.
//!
//! Source of the rules: `docs/semantics.md`, "Replace check"; the letters are those of that section.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use frazil_table::changes::{SnapshotChanges, deletes_in_scope, kept_files_in_scope};
use frazil_table::deletes::DeleteIndex;
use frazil_table::file::{FileContent, FileEntry, PartitionTuple};
use frazil_table::{SpecId, Table};
use iceberg::spec::SnapshotRef;

use crate::Result;

/// Whether the manifests prove that `snapshot` shows the same rows as `parent`. `false` means that they do
/// not, not that rows changed.
pub(crate) async fn is_proved_unchanged(
    table: &Table,
    snapshot: &SnapshotRef,
    parent: &SnapshotRef,
    changes: &SnapshotChanges,
) -> Result<bool> {
    if changes.is_empty() {
        return Ok(true);
    }
    let (removed, added) = (&changes.removed.data, &changes.added.data);
    // Where only deletes were reworked, their contents decide.
    if removed.is_empty() || added.is_empty() || !same_specs(removed, added) {
        return Ok(false);
    }
    // (b) for files that stay.
    if !kept_files_in_scope(table, snapshot, changes).await?.is_empty() {
        return Ok(false);
    }
    let before = deletes_in_scope(table, parent, &all(removed, added)).await?;
    let after = deletes_in_scope(table, snapshot, added).await?;
    let view = View {
        table,
        sequence_number: snapshot.sequence_number(),
        before: DeleteIndex::new(table, &before)?,
        after: DeleteIndex::new(table, &after)?,
        new: DeleteIndex::new(table, &changes.added.deletes)?,
        gone: DeleteIndex::new(table, &changes.removed.deletes)?,
    };
    let (removed, added) = (by_partition(removed), by_partition(added));
    // A partition that lost all its files, or got files from nowhere, is looked at in full.
    Ok(removed.len() == added.len()
        && removed.iter().all(|(partition, removed)| {
            added.get(partition).is_some_and(|added| partition_is_unchanged(&view, removed, added))
        }))
}

/// The deletes that matter to the proof.
struct View<'a> {
    table: &'a Table,
    sequence_number: i64,
    before: DeleteIndex,
    after: DeleteIndex,
    new: DeleteIndex,
    gone: DeleteIndex,
}

fn all(a: &[Arc<FileEntry>], b: &[Arc<FileEntry>]) -> Vec<Arc<FileEntry>> {
    a.iter().chain(b).cloned().collect()
}

/// (c), more strictly: with another spec in play, partition-scoped deletes lose or gain their files.
fn same_specs(removed: &[Arc<FileEntry>], added: &[Arc<FileEntry>]) -> bool {
    let specs: HashSet<SpecId> = removed.iter().chain(added).map(|file| file.spec_id).collect();
    specs.len() == 1
}

type Partition = (SpecId, PartitionTuple);

fn by_partition(files: &[Arc<FileEntry>]) -> BTreeMap<Partition, Vec<&FileEntry>> {
    let mut groups: BTreeMap<Partition, Vec<&FileEntry>> = BTreeMap::new();
    for file in files {
        groups.entry((file.spec_id, file.partition.clone())).or_default().push(file);
    }
    groups
}

fn partition_is_unchanged(view: &View<'_>, removed: &[&FileEntry], added: &[&FileEntry]) -> bool {
    let numbers = || removed.iter().map(|file| file.data_sequence_number.get());
    let (Some(lowest), Some(highest)) = (numbers().min(), numbers().max()) else { return false };
    let deletes_are_sound = added.iter().all(|file| {
        let number = file.data_sequence_number.get();
        let equality = |index: &DeleteIndex, above: i64| -> Vec<i64> {
            let file =
                FileEntry { data_sequence_number: frazil_table::DataSequenceNumber::new(above), ..(*file).clone() };
            index.for_file(view.table, &file).equality.iter().map(|delete| delete.data_sequence_number.get()).collect()
        };
        // (a) A number as high as the snapshot's own hides the rows from every delete that came before.
        let is_carried = number < view.sequence_number || equality(&view.before, lowest).is_empty();
        // (a) A delete that did not apply to an input must not begin to apply.
        let begins_to_apply = equality(&view.after, number).iter().any(|delete| *delete <= highest);
        // (b) A delete that is added or removed must not concern an output.
        is_carried
            && !begins_to_apply
            && !view.new.may_concern(view.table, file)
            && !view.gone.may_concern(view.table, file)
    });
    deletes_are_sound && counts_fit(view, removed, added)
}

/// (d)
fn counts_fit(view: &View<'_>, removed: &[&FileEntry], added: &[&FileEntry]) -> bool {
    let live = |index: &DeleteIndex, file: &FileEntry| -> Option<u64> {
        let deletes = index.for_file(view.table, file);
        match (&deletes.vector, deletes.positions.is_empty() && deletes.equality.is_empty()) {
            (None, true) => Some(file.record_count),
            (Some(vector), true) => file.record_count.checked_sub(vector.record_count),
            _ => None,
        }
    };
    let n_added: u64 = added.iter().map(|file| file.record_count).sum();
    let n_removed: Option<u64> = removed.iter().map(|file| live(&view.before, file)).sum();
    if let Some(n_removed) = n_removed {
        return n_removed == n_added;
    }
    let lowest_added = added.iter().map(|file| file.data_sequence_number).min();
    let n_removed_max: u64 = removed.iter().map(|file| file.record_count).sum();
    let late_position_delete = removed.iter().any(|file| {
        let deletes = view.before.for_file(view.table, file);
        deletes.vector.iter().chain(&deletes.positions).any(|delete| {
            delete.content == FileContent::PositionDeletes && Some(delete.data_sequence_number) > lowest_added
        })
    });
    n_added <= n_removed_max && !late_position_delete
}

//! Whether a change still fits the table as it is now.
//!
//! The inputs and the deletes that concern them are compared with what the head lists, so no snapshot in between is
//! needed, and nothing is missed when the one that the change was planned on has expired, or is no ancestor any more.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::assemble::{Part, Places};
use super::change::{FileKey, FileRef, Layout, RewriteCheck, SnapshotChange, key_of};
use super::rebase::Misfit;
use crate::Result;
use crate::deletes::{DeleteIndex, FileDeletes};
use crate::file::{FileContent, FileEntry, PartitionTuple};
use crate::ids::SpecId;
use crate::manifest::{EntryStatus, ManifestContent, ManifestFile, read_manifests};
use crate::storage::identity;
use crate::table::Table;

/// What was found out about a change.
#[derive(Debug, Default)]
pub(super) struct Checked {
    /// What does not fit.
    pub(super) misfit: Option<Misfit>,
    /// Deletes that apply to an input of a rewrite, whatever their bounds say, and equality deletes of its partition.
    pub(super) in_scope: Vec<Arc<FileEntry>>,
}

impl Checked {
    fn misfit(reason: String) -> Self {
        Self { misfit: Some(Misfit::of(reason)), in_scope: Vec::new() }
    }
}

/// Checks a change against the manifests of the head.
///
/// An added equality delete is always welcome, and so is a concurrent one: it applies to lower sequence numbers only,
/// whatever files the rows are in.
///
/// # Errors
/// What reading manifests may give.
pub(super) async fn check(table: &Table, parts: &[Part], change: &SnapshotChange) -> Result<Checked> {
    if let Some(reason) = change.rewrite.as_ref().and_then(|check| other_layout(table, check)) {
        return Ok(Checked::misfit(reason));
    }
    let inputs: Vec<&FileRef> = match change.rewrite {
        Some(_) => change.removed.iter().filter(|file| file.content == FileContent::Data).collect(),
        None => Vec::new(),
    };
    let added_vectors: Vec<FileRef> = change.added.iter().filter_map(|added| vector_target(&added.file)).collect();
    let data: Vec<&FileRef> = change.required.iter().chain(inputs.iter().copied()).collect();
    if data.is_empty() && added_vectors.is_empty() {
        return Ok(Checked::default());
    }
    let live_data = live(table, parts, &data).await?;
    if let Some(gone) = change.required.iter().find(|file| !live_data.contains_key(&file.key())) {
        let reason = format!("a data file that deletes point into is no longer live, path=`{}`", gone.path);
        return Ok(Checked::misfit(reason));
    }
    let removed: HashSet<FileKey> = change.removed.iter().map(FileRef::key).collect();
    let as_deletes = inputs.iter().map(|input| FileRef { content: FileContent::PositionDeletes, ..(*input).clone() });
    let concerned: Vec<FileRef> = as_deletes.chain(added_vectors.iter().cloned()).collect();
    let deletes = live_deletes(table, parts, &concerned, change.rewrite.is_some()).await?;
    if let Some(reason) = second_vector(&deletes, &added_vectors, &removed) {
        return Ok(Checked::misfit(reason));
    }
    let Some(check) = &change.rewrite else { return Ok(Checked::default()) };
    checked_rewrite(table, &inputs, &live_data, &deletes, check)
}

/// A rewrite puts rows into the schema that it has read, and files under the specs that it knew.
fn other_layout(table: &Table, check: &RewriteCheck) -> Option<String> {
    let (read, now) = (check.layout?, Layout::of(table));
    let text = |layout: Layout| {
        format!("schema `{}`, spec `{}`, version `{}`", layout.schema_id, layout.spec_id, layout.format_version)
    };
    (now != read)
        .then(|| format!("the table's layout has changed since files were read: {}; it was {}", text(now), text(read)))
}

/// The data file that a deletion vector is for, as a place to look for others of the same file.
fn vector_target(file: &crate::file::WrittenFile) -> Option<FileRef> {
    let target = file.referenced_data_file.as_ref().filter(|_| file.content_range.is_some())?;
    Some(FileRef {
        path: target.clone(),
        offset: None,
        content: FileContent::PositionDeletes,
        spec_id: file.spec_id,
        partition: file.partition.clone(),
        first_row_id: None,
    })
}

/// Those of `wanted` that are live.
async fn live(table: &Table, parts: &[Part], wanted: &[&FileRef]) -> Result<HashMap<FileKey, Arc<FileEntry>>> {
    let keys: HashSet<FileKey> = wanted.iter().map(|file| file.key()).collect();
    let places = Places::of(wanted.iter().copied());
    let mut manifests: Vec<&ManifestFile> = parts.iter().map(|part| &part.listed.file).collect();
    manifests.retain(|manifest| places.may_be_in(manifest));
    let mut found = HashMap::new();
    for (_, entries) in read_manifests(table, manifests).await? {
        for entry in entries.iter().filter(|entry| entry.status != EntryStatus::Deleted) {
            let key = key_of(&entry.file.path, entry.file.content_range);
            if keys.contains(&key) {
                found.insert(key, entry.file.clone());
            }
        }
    }
    Ok(found)
}

/// Deletes that may apply to some files: those by position of their partitions, and with equality deletes also those
/// of specs without a partition, which apply to every file.
async fn live_deletes(
    table: &Table,
    parts: &[Part],
    concerned: &[FileRef],
    with_equality: bool,
) -> Result<Vec<Arc<FileEntry>>> {
    let places = Places::of(concerned);
    let mut manifests: Vec<&ManifestFile> = parts.iter().map(|part| &part.listed.file).collect();
    manifests.retain(|manifest| {
        let is_global = with_equality && table.is_unpartitioned(manifest.spec_id);
        manifest.content == ManifestContent::Deletes && (is_global || places.may_be_in(manifest))
    });
    let mut found = Vec::new();
    for (_, entries) in read_manifests(table, manifests).await? {
        let live = entries.iter().filter(|entry| entry.status != EntryStatus::Deleted);
        let wanted = live.filter(|entry| with_equality || entry.file.content == FileContent::PositionDeletes);
        found.extend(wanted.map(|entry| entry.file.clone()));
    }
    Ok(found)
}

/// A data file has one deletion vector at most. Source: Iceberg spec, "Deletion Vectors".
fn second_vector(deletes: &[Arc<FileEntry>], added: &[FileRef], removed: &HashSet<FileKey>) -> Option<String> {
    let targets: HashSet<&str> = added.iter().map(|file| identity(&file.path)).collect();
    let other = deletes.iter().filter(|delete| delete.is_deletion_vector()).find(|delete| {
        let target = delete.referenced_data_file.as_deref().map(identity);
        target.is_some_and(|target| targets.contains(target))
            && !removed.contains(&key_of(&delete.path, delete.content_range))
    })?;
    let target = other.referenced_data_file.as_deref().unwrap_or_default();
    Some(format!("another commit wrote a deletion vector for the same data file, path=`{target}`"))
}

/// Compares the deletes that were applied to each input with those that apply to it now.
fn checked_rewrite(
    table: &Table,
    inputs: &[&FileRef],
    live_data: &HashMap<FileKey, Arc<FileEntry>>,
    deletes: &[Arc<FileEntry>],
    check: &RewriteCheck,
) -> Result<Checked> {
    let key = |delete: &Arc<FileEntry>| key_of(&delete.path, delete.content_range);
    let live: HashSet<FileKey> = deletes.iter().map(key).collect();
    let applied: HashSet<FileKey> = check.applied.iter().map(key).collect();
    let gone: Vec<Arc<FileEntry>> =
        check.applied.iter().filter(|delete| !live.contains(&key(delete))).cloned().collect();
    let gone = DeleteIndex::new(table, &gone)?;
    let index = DeleteIndex::new(table, deletes)?;
    // Those that are newer than every row of their partition, too: an upsert of new keys leaves such behind.
    let partitions: HashSet<(SpecId, &PartitionTuple)> =
        inputs.iter().map(|input| (input.spec_id, &input.partition)).collect();
    let equality = deletes.iter().filter(|delete| delete.content == FileContent::EqualityDeletes);
    let of_partitions = equality.filter(|delete| partitions.contains(&(delete.spec_id, &delete.partition)));
    let mut in_scope: HashMap<FileKey, Arc<FileEntry>> =
        of_partitions.map(|delete| (key(delete), delete.clone())).collect();
    let mut misfit = Misfit::default();
    let mut reasons = Vec::new();
    for input in inputs {
        let Some(entry) = live_data.get(&input.key()) else {
            reasons.push(format!("a file that was rewritten is no longer live, path=`{}`", input.path));
            misfit.stale.push((*input).clone());
            continue;
        };
        if entry.first_row_id != input.first_row_id {
            reasons.push(format!("rows of a rewritten file were given ids meanwhile, path=`{}`", entry.path));
            misfit.stale.push((*input).clone());
            continue;
        }
        let now = index.for_file(table, entry);
        in_scope.extend(index.in_scope(entry).map(|delete| (key(delete), delete.clone())));
        let gone = gone.for_file(table, entry);
        // A deletion vector contains what was deleted by position before it, unless somebody took a delete back in
        // between: whoever mends the change reads it, and has to look.
        let is_kept = |delete: &Arc<FileEntry>| now.vector.is_some() && delete.content == FileContent::PositionDeletes;
        let lost = gone.vector.iter().chain(&gone.positions).chain(&gone.equality).find(|delete| !is_kept(delete));
        // A newer delete reaches the output, but not by a column that has been dropped: the output does not have it.
        let schema = table.metadata().current_schema();
        let is_out_of_reach = |delete: &Arc<FileEntry>| {
            delete.data_sequence_number.get() <= check.starting_sequence_number
                || delete.equality_ids.iter().any(|id| schema.field_by_id(id.get()).is_none())
        };
        let overlooked = now.equality.iter().find(|delete| is_out_of_reach(delete) && !applied.contains(&key(delete)));
        if let Some(delete) = lost.or(overlooked) {
            reasons.push(format!(
                "deletes of a rewritten file are not those that it was read with, path=`{}` delete_file=`{}`",
                entry.path, delete.path
            ));
            misfit.stale.push((*input).clone());
            continue;
        }
        let is_new = |delete: &Arc<FileEntry>| !applied.contains(&key(delete));
        let new = FileDeletes {
            vector: now.vector.filter(is_new),
            positions: now.positions.into_iter().filter(is_new).collect(),
            equality: Vec::new(),
        };
        if let Some(delete) = new.vector.iter().chain(&new.positions).next() {
            reasons.push(format!(
                "rows of a rewritten file were deleted meanwhile, path=`{}` delete_file=`{}`",
                entry.path, delete.path
            ));
            misfit.deleted.push((entry.clone(), new));
        }
    }
    let misfit = reasons.into_iter().next().map(|reason| Misfit { reason, ..misfit });
    Ok(Checked { misfit, in_scope: in_scope.into_values().collect() })
}

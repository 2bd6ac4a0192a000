//! Whether a change still fits the table as it is now.
//!
//! The inputs and the deletes that concern them are compared with what the head lists, so no snapshot in between is
//! needed, and nothing is missed when the one that the change was planned on has expired.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::assemble::{Part, may_list};
use super::change::{FileKey, FileRef, RewriteCheck, SnapshotChange, key_of};
use crate::Result;
use crate::deletes::DeleteIndex;
use crate::file::{FileContent, FileEntry};
use crate::manifest::{EntryStatus, ManifestContent, ManifestFile, read_manifests};
use crate::storage::identity;
use crate::table::Table;

/// Checks a change against the manifests of the head; `Some` says what does not fit.
///
/// An added equality delete is always welcome, and so is a concurrent one: it applies to lower sequence numbers only,
/// whatever files the rows are in.
///
/// # Errors
/// What reading manifests may give.
pub(super) async fn conflict(table: &Table, parts: &[Part], change: &SnapshotChange) -> Result<Option<String>> {
    let inputs: Vec<&FileRef> = match change.rewrite {
        Some(_) => change.removed.iter().filter(|file| file.content == FileContent::Data).collect(),
        None => Vec::new(),
    };
    let added_vectors: Vec<FileRef> = change.added.iter().filter_map(|added| vector_target(&added.file)).collect();
    let data: Vec<&FileRef> = change.required.iter().chain(inputs.iter().copied()).collect();
    if data.is_empty() && added_vectors.is_empty() {
        return Ok(None);
    }
    let live_data = live(table, parts, &data).await?;
    if let Some(gone) = change.required.iter().find(|file| !live_data.contains_key(&file.key())) {
        return Ok(Some(format!("a data file that deletes point into is no longer live, path=`{}`", gone.path)));
    }
    let removed: HashSet<FileKey> = change.removed.iter().map(FileRef::key).collect();
    let concerned: Vec<FileRef> = inputs
        .iter()
        .map(|input| FileRef { content: FileContent::PositionDeletes, ..(*input).clone() })
        .chain(added_vectors.iter().cloned())
        .collect();
    let deletes = live_deletes(table, parts, &concerned).await?;
    if let Some(reason) = second_vector(&deletes, &added_vectors, &removed) {
        return Ok(Some(reason));
    }
    let Some(check) = &change.rewrite else { return Ok(None) };
    let entries = inputs.iter().filter_map(|input| live_data.get(&input.key()));
    new_position_delete(table, &deletes, entries, check)
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
    })
}

/// Those of `wanted` that are live.
async fn live(table: &Table, parts: &[Part], wanted: &[&FileRef]) -> Result<HashMap<FileKey, Arc<FileEntry>>> {
    let keys: HashSet<FileKey> = wanted.iter().map(|file| file.key()).collect();
    let mut manifests: Vec<&ManifestFile> = parts.iter().map(|part| &part.listed.file).collect();
    manifests.retain(|manifest| wanted.iter().any(|file| may_list(manifest, file)));
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

/// Position deletes and deletion vectors in the partitions of some files.
async fn live_deletes(table: &Table, parts: &[Part], concerned: &[FileRef]) -> Result<Vec<Arc<FileEntry>>> {
    let mut manifests: Vec<&ManifestFile> = parts.iter().map(|part| &part.listed.file).collect();
    manifests.retain(|manifest| {
        manifest.content == ManifestContent::Deletes && concerned.iter().any(|file| may_list(manifest, file))
    });
    let mut found = Vec::new();
    for (_, entries) in read_manifests(table, manifests).await? {
        let live = entries.iter().filter(|entry| entry.status != EntryStatus::Deleted);
        let positions = live.filter(|entry| entry.file.content == FileContent::PositionDeletes);
        found.extend(positions.map(|entry| entry.file.clone()));
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

/// Rows that others deleted by position meanwhile would come back with the rewritten file.
fn new_position_delete<'a>(
    table: &Table,
    deletes: &[Arc<FileEntry>],
    inputs: impl Iterator<Item = &'a Arc<FileEntry>>,
    check: &RewriteCheck,
) -> Result<Option<String>> {
    let is_applied =
        |delete: &Arc<FileEntry>| check.applied_deletes.contains(&key_of(&delete.path, delete.content_range));
    let new: Vec<Arc<FileEntry>> = deletes.iter().filter(|delete| !is_applied(delete)).cloned().collect();
    if new.is_empty() {
        return Ok(None);
    }
    let index = DeleteIndex::new(table, &new)?;
    for input in inputs {
        let found = index.for_file(table, input);
        if let Some(delete) = found.vector.iter().chain(&found.positions).next() {
            return Ok(Some(format!(
                "rows of a rewritten file were deleted meanwhile, path=`{}` delete_file=`{}`",
                input.path, delete.path
            )));
        }
    }
    Ok(None)
}

//! A snapshot that is ready to be committed: its manifests are written, and its JSON says where.

use std::collections::BTreeMap;

use iceberg::spec::SnapshotRef;
use serde_json::{Value, json};

use super::assemble::{Filtered, Merged, MetadataFiles, Part, added_parts, listed_paths, merged, parts_of, without};
use super::change::{AddedFile, FileRef, SnapshotChange};
use super::properties::ManifestMerge;
use super::rebase::Misfit;
use super::retire::{NamedPaths, dead};
use super::summary::{SummaryCounts, carried};
use super::target::CommitBase;
use super::validate;
use crate::ids::SnapshotId;
use crate::manifest::{ListHeader, ListedManifest, version_number, write_manifest_list};
use crate::{MAIN_BRANCH, Result, TableError, on_pool};

/// What names one commit among all.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    pub(super) snapshot_id: SnapshotId,
    pub(super) commit_id: String,
}

/// What stays the same from one try of a commit to the next: manifests are written once, and a try after a lost one
/// costs what the winner has committed. Otherwise who needs longer than others leave time for would never come through.
#[derive(Debug, Default)]
pub(super) struct Reused {
    added: Option<(u8, Vec<AddedFile>, Vec<Part>)>,
    filtered: Filtered,
    merged: Merged,
    named: NamedPaths,
}

/// A snapshot whose files are written.
#[derive(Debug)]
pub(super) struct Built {
    /// As table metadata has it.
    pub(super) json: Value,
    pub(super) parent: Option<i64>,
    pub(super) summary: BTreeMap<String, String>,
    /// Files that it needs, among those that were written.
    pub(super) needed: Vec<String>,
}

/// The head of a branch; `None` if the table has no snapshot yet.
///
/// # Errors
/// [`TableError::InvalidRequest`] if there is no such branch, or if it is a tag.
pub(super) fn head<'a>(base: &'a CommitBase, branch: &str) -> Result<Option<&'a SnapshotRef>> {
    let metadata = base.table.metadata();
    if let Some(head) = metadata.snapshot_for_ref(branch) {
        let reference = base.document.get("refs").and_then(|refs| refs.get(branch));
        if reference.and_then(|reference| reference.get("type")).and_then(Value::as_str) == Some("tag") {
            return Err(TableError::invalid(format!("`{branch}` is a tag, and tags do not move; name a branch")));
        }
        return Ok(Some(head));
    }
    if branch == MAIN_BRANCH {
        return Ok(None);
    }
    Err(TableError::invalid(format!("there is no branch `{branch}`; make it first, or name another")))
}

/// Writes what a snapshot needs, on top of the head of `branch`. The inner error says what the change does not fit.
///
/// # Errors
/// What reading and writing metadata may give.
pub(super) async fn build(
    base: &CommitBase,
    branch: &str,
    change: &SnapshotChange,
    identity: &Identity,
    attempt: Attempt,
    reused: &mut Reused,
    files: &mut MetadataFiles,
) -> Result<std::result::Result<Built, Misfit>> {
    let metadata = base.table.metadata();
    let version = version_number(metadata.format_version());
    let head = head(base, branch)?;
    let parts = parts_of(base, head, version).await?;
    let checked = validate::check(&base.table, &parts, change).await?;
    if let Some(misfit) = checked.misfit {
        return Ok(Err(misfit));
    }
    let mut candidates = change.retired.clone();
    if change.rewrite.as_ref().is_some_and(|check| check.retires_deletes) {
        candidates.extend(checked.in_scope);
    }
    let manifests: Vec<_> = parts.iter().map(|part| &part.listed.file).collect();
    let retired = dead(&base.table, &manifests, change, &candidates, &mut reused.named).await?;
    let removals: Vec<FileRef> =
        change.removed.iter().cloned().chain(retired.iter().map(|delete| FileRef::of(delete))).collect();
    let carried_over = without(base, parts, &removals, identity.snapshot_id, &mut reused.filtered, files).await?;
    // What is to be retired may be gone already.
    if let Some(missing) = carried_over.missing.iter().find(|missing| change.removed.contains(missing)) {
        let reason = format!("a file that is to be replaced is no longer live, path=`{}`", missing.path);
        return Ok(Err(Misfit::of(reason)));
    }
    let added = match reused.added.take() {
        Some((same, files, parts)) if same == version && files == change.added => parts,
        _ => added_parts(base, &change.added, identity.snapshot_id, files).await?,
    };
    reused.added = Some((version, change.added.clone(), added.clone()));
    let parts = added.into_iter().chain(carried_over.parts).collect();
    let merge = ManifestMerge::of(metadata.properties());
    let parts = merged(base, parts, merge, identity.snapshot_id, &mut reused.merged, files).await?;

    let mut counts = SummaryCounts::default();
    change.added.iter().for_each(|added| counts.add(&added.file));
    carried_over.removed.iter().for_each(|file| counts.remove(file));
    let before = head.map(|head| &head.summary().additional_properties);
    let mut summary: BTreeMap<String, String> = before.into_iter().flat_map(carried).collect();
    summary.extend(counts.finish(before));
    summary.extend(change.summary.clone());
    summary.insert(COMMIT_ID.to_owned(), identity.commit_id.clone());
    if let Some(token) = attempt.fencing_token {
        summary.insert(FENCING_TOKEN.to_owned(), token.to_string());
    }
    summary.insert("operation".to_owned(), change.operation.as_str().to_owned());

    let parent = head.map(|head| head.snapshot_id());
    let header = ListHeader {
        version,
        snapshot_id: identity.snapshot_id,
        parent_snapshot_id: parent.map(SnapshotId::new),
        sequence_number: if version == 1 { 0 } else { metadata.last_sequence_number().saturating_add(1) },
        next_row_id: metadata.next_row_id(),
    };
    let list_path = files.list(identity.snapshot_id, attempt.number);
    let listed: Vec<ListedManifest> = parts.iter().map(|part| part.listed.clone()).collect();
    let (bytes, next_row_id) = on_pool(move || write_manifest_list(&header, &listed)).await??;
    files.write(&list_path, bytes).await?;

    // Two snapshots in wrong order would make the table's history go backwards.
    let parent_ms = head.map_or(0, |head| head.timestamp_ms());
    let timestamp_ms = attempt.now_ms.max(parent_ms).max(metadata.last_updated_ms());
    let json = snapshot_json(&header, &list_path, timestamp_ms, metadata.current_schema_id(), &summary, next_row_id);
    let listed = listed_paths(&parts);
    let mut needed: Vec<String> = files.written.iter().filter(|path| listed.contains(path.as_str())).cloned().collect();
    needed.push(list_path);
    Ok(Ok(Built { json, parent, summary, needed }))
}

/// What one try of a commit has of its own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt {
    /// 1 for the first.
    pub(super) number: u32,
    pub(super) now_ms: i64,
    pub(super) fencing_token: Option<i64>,
}

/// Summary key, and table property of commits without a snapshot: the commit's own id, which tells later whether it was
/// made.
pub(super) const COMMIT_ID: &str = "frazil.commit-id";

/// Summary key: the fencing token of the lock that the commit was made under.
const FENCING_TOKEN: &str = "frazil.fencing-token";

fn snapshot_json(
    header: &ListHeader,
    list_path: &str,
    timestamp_ms: i64,
    schema_id: i32,
    summary: &BTreeMap<String, String>,
    next_row_id: u64,
) -> Value {
    let mut snapshot = json!({
        "snapshot-id": header.snapshot_id.get(),
        "timestamp-ms": timestamp_ms,
        "summary": summary,
        "manifest-list": list_path,
        "schema-id": schema_id,
    });
    if let Some(parent) = header.parent_snapshot_id {
        snapshot["parent-snapshot-id"] = json!(parent.get());
    }
    if header.version > 1 {
        snapshot["sequence-number"] = json!(header.sequence_number);
    }
    if header.version > 2 {
        snapshot["first-row-id"] = json!(header.next_row_id);
        snapshot["added-rows"] = json!(next_row_id.saturating_sub(header.next_row_id));
    }
    snapshot
}

//! The manifests of a new snapshot: those of its parent, without what is removed, with what is added, merged where
//! the table wants it.
//!
//! Live entries that are carried into another manifest stay EXISTING, with the snapshot and both sequence numbers that
//! they had; what an earlier snapshot removed is dropped and never comes back. Source: Iceberg spec, "Manifests".

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use iceberg::spec::SnapshotRef;

use super::change::{AddedFile, FileKey, FileRef, key_of};
use super::properties::ManifestMerge;
use super::shape::manifest_shape;
use super::target::CommitBase;
use crate::bounds::may_hold_partition;
use crate::file::{FileContent, PartitionTuple, WrittenFile};
use crate::ids::{SnapshotId, SpecId};
use crate::manifest::{
    EntryStatus, INLINE_MANIFESTS, ListedManifest, ManifestContent, ManifestEntry, ManifestFile, ManifestWriter,
    NewEntry, Numbers, RowCounts, check_list, manifest_entries, manifest_key, manifest_list, parse_listed_manifests,
    parse_whole_entries, partition_field_ids,
};
use crate::storage::Storage;
use crate::table::Table;
use crate::{Result, TableError, on_pool};

/// A manifest of the snapshot under construction.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) listed: ListedManifest,
    /// Its entries if it was written for this commit: they cannot be read back before the commit has its number.
    entries: Option<Arc<[NewEntry]>>,
}

/// Writes metadata files, and remembers each before it is written.
#[derive(Debug)]
pub(super) struct MetadataFiles {
    storage: Storage,
    folder: String,
    commit_id: String,
    n_manifests: u32,
    /// Paths of all files that may be there.
    pub(super) written: Vec<String>,
}

impl MetadataFiles {
    pub(super) fn new(table: &Table, commit_id: &str) -> Self {
        let metadata = table.metadata();
        let folder = metadata.properties().get("write.metadata.path").cloned();
        let folder = folder.unwrap_or_else(|| format!("{}/metadata", metadata.location().trim_end_matches('/')));
        Self {
            storage: table.storage().clone(),
            folder: folder.trim_end_matches('/').to_owned(),
            commit_id: commit_id.to_owned(),
            n_manifests: 0,
            written: Vec::new(),
        }
    }

    pub(super) fn storage(&self) -> &Storage {
        &self.storage
    }

    fn next_manifest(&mut self) -> String {
        let index = self.n_manifests;
        self.n_manifests += 1;
        format!("{}/{}-m{index}.avro", self.folder, self.commit_id)
    }

    /// A list for try number `attempt`.
    pub(super) fn list(&self, snapshot_id: SnapshotId, attempt: u32) -> String {
        format!("{}/snap-{snapshot_id}-{attempt}-{}.avro", self.folder, self.commit_id)
    }

    pub(super) async fn write(&mut self, path: &str, bytes: Vec<u8>) -> Result<()> {
        self.written.push(path.to_owned());
        self.storage.write(path, Bytes::from(bytes)).await
    }
}

/// The manifests of a snapshot, as its list has them, with every count that `version` demands.
///
/// # Errors
/// As [`manifest_list`].
pub(super) async fn parts_of(base: &CommitBase, head: Option<&SnapshotRef>, version: u8) -> Result<Vec<Part>> {
    let Some(head) = head else { return Ok(Vec::new()) };
    let table = &base.table;
    let path = head.manifest_list();
    let listed = if path.is_empty() || path.starts_with(INLINE_MANIFESTS) {
        let none = RowCounts { added: None, existing: None, deleted: None };
        let inline = manifest_list(table, head).await?;
        let listed = |file: &ManifestFile| ListedManifest {
            file: file.clone(),
            rows: none,
            contains_nan: Vec::new(),
            key_metadata: None,
            numbers: Numbers::Known,
        };
        inline.iter().map(listed).collect()
    } else {
        if head.encryption_key_id().is_some() {
            return Err(TableError::unsupported(path, "the manifest list is encrypted"));
        }
        let bytes = table.storage().read(path).await?;
        let owned = path.to_owned();
        let listed = on_pool(move || parse_listed_manifests(&bytes, &owned)).await??;
        check_list(head, listed.len())?;
        listed
    };
    let mut parts = Vec::with_capacity(listed.len());
    for manifest in listed {
        let listed = if version > 1 { with_counts(table, manifest).await? } else { manifest };
        // Manifests with nothing but removed files are left out of later lists.
        if listed.file.may_have_live_files() {
            parts.push(Part { listed, entries: None });
        }
    }
    Ok(parts)
}

/// Old writers left out what later versions demand: it is counted then.
async fn with_counts(table: &Table, mut manifest: ListedManifest) -> Result<ListedManifest> {
    let file = &manifest.file;
    let rows = manifest.rows;
    let counts = [file.n_added, file.n_existing, file.n_deleted, rows.added, rows.existing, rows.deleted];
    if counts.iter().all(Option::is_some) && file.length_bytes.is_some() {
        return Ok(manifest);
    }
    let entries = manifest_entries(table, file).await?;
    let count = |status| entries.iter().filter(|entry| entry.status == status).count() as u64;
    let rows = |status| {
        entries.iter().filter(|entry| entry.status == status).map(|entry| entry.file.record_count).sum::<u64>()
    };
    manifest.rows = RowCounts {
        added: Some(rows(EntryStatus::Added)),
        existing: Some(rows(EntryStatus::Existing)),
        deleted: Some(rows(EntryStatus::Deleted)),
    };
    manifest.file.n_added = Some(count(EntryStatus::Added));
    manifest.file.n_existing = Some(count(EntryStatus::Existing));
    manifest.file.n_deleted = Some(count(EntryStatus::Deleted));
    if manifest.file.length_bytes.is_none() {
        manifest.file.length_bytes = Some(table.storage().size(&manifest.file.path).await?);
    }
    Ok(manifest)
}

/// What is left of the parent's manifests once files are removed.
#[derive(Debug)]
pub(super) struct Carried {
    pub(super) parts: Vec<Part>,
    /// The removed files.
    pub(super) removed: Vec<Arc<WrittenFile>>,
    /// Files that were to be removed and are not live.
    pub(super) missing: Vec<FileRef>,
}

/// Takes files out of manifests. Reads the manifests whose partitions may have them, and writes those anew that do.
/// What an earlier try wrote is taken from `reused`, so that a try costs what others have committed since.
///
/// # Errors
/// What reading and writing manifests may give.
pub(super) async fn without(
    base: &CommitBase,
    parts: Vec<Part>,
    removals: &[FileRef],
    snapshot_id: SnapshotId,
    reused: &mut Filtered,
    files: &mut MetadataFiles,
) -> Result<Carried> {
    let mut wanted: HashMap<FileKey, &FileRef> = removals.iter().map(|removal| (removal.key(), removal)).collect();
    reused.begin(wanted.keys());
    let mut places = Places::of(removals);
    let mut carried = Carried { parts: Vec::with_capacity(parts.len()), removed: Vec::new(), missing: Vec::new() };
    for part in parts {
        if !places.may_be_in(&part.listed.file) {
            carried.parts.push(part);
            continue;
        }
        let key = manifest_key(&part.listed.file);
        let outcome = match reused.of_manifest.remove(&key) {
            Some(outcome) => outcome,
            None => Arc::new(filtered(base, &part, &wanted, snapshot_id, files).await?),
        };
        for file in &outcome.removed {
            if let Some(removal) = wanted.remove(&key_of(&file.path, file.content_range)) {
                places.remove(removal);
            }
        }
        carried.removed.extend(outcome.removed.iter().cloned());
        match &outcome.rewritten {
            None => carried.parts.push(part),
            Some(rewritten) => carried.parts.extend(rewritten.iter().cloned()),
        }
        reused.used.insert(key, outcome);
    }
    carried.missing = wanted.into_values().cloned().collect();
    Ok(carried)
}

/// What taking files out of manifests has given, by [`manifest_key`], for further tries of the same commit.
#[derive(Debug, Default)]
pub(super) struct Filtered {
    removals: HashSet<FileKey>,
    of_manifest: HashMap<String, Arc<WithoutFiles>>,
    used: HashMap<String, Arc<WithoutFiles>>,
}

impl Filtered {
    fn begin<'a>(&mut self, removals: impl Iterator<Item = &'a FileKey>) {
        let removals: HashSet<FileKey> = removals.cloned().collect();
        self.of_manifest = std::mem::take(&mut self.used);
        if self.removals != removals {
            self.of_manifest.clear();
            self.removals = removals;
        }
    }
}

/// One manifest without the files that are removed.
#[derive(Debug)]
struct WithoutFiles {
    removed: Vec<Arc<WrittenFile>>,
    /// `None` if it has none of them, and stays.
    rewritten: Option<Vec<Part>>,
}

async fn filtered(
    base: &CommitBase,
    part: &Part,
    wanted: &HashMap<FileKey, &FileRef>,
    snapshot_id: SnapshotId,
    files: &mut MetadataFiles,
) -> Result<WithoutFiles> {
    let is_wanted = |path: &str, content_range: Option<(u64, u64)>| wanted.contains_key(&key_of(path, content_range));
    // Validation has read it, too; the whole of it is only read if it has to be written anew.
    let known = manifest_entries(&base.table, &part.listed.file).await?;
    let mut live = known.iter().filter(|entry| entry.status != EntryStatus::Deleted);
    if !live.any(|entry| is_wanted(&entry.file.path, entry.file.content_range)) {
        return Ok(WithoutFiles { removed: Vec::new(), rewritten: None });
    }
    let entries = whole_entries(&base.table, &part.listed.file).await?;
    let mut removed = Vec::new();
    let mut rewritten = Vec::with_capacity(entries.len());
    for (entry, file) in entries.into_iter().filter(|(entry, _)| entry.status != EntryStatus::Deleted) {
        let file = Arc::new(file);
        let mut entry = carried_entry(&entry, file.clone());
        if is_wanted(&file.path, file.content_range) {
            entry = NewEntry { status: EntryStatus::Deleted, snapshot_id, ..entry };
            removed.push(file);
        }
        rewritten.push(entry);
    }
    let (spec_id, content) = (part.listed.file.spec_id, part.listed.file.content);
    let rewritten = write_parts(base, spec_id, content, rewritten, snapshot_id, files).await?;
    Ok(WithoutFiles { removed, rewritten: Some(rewritten) })
}

/// The partitions that some files are in, to tell which manifests may list them.
#[derive(Debug, Default)]
pub(super) struct Places(HashMap<(bool, SpecId, PartitionTuple), usize>);

impl Places {
    pub(super) fn of<'a>(files: impl IntoIterator<Item = &'a FileRef>) -> Self {
        let mut places = Self::default();
        for file in files {
            *places.0.entry(Self::key(file)).or_default() += 1;
        }
        places
    }

    fn key(file: &FileRef) -> (bool, SpecId, PartitionTuple) {
        (file.content == FileContent::Data, file.spec_id, file.partition.clone())
    }

    /// One file of its partition fewer.
    fn remove(&mut self, file: &FileRef) {
        let key = Self::key(file);
        if let Some(n) = self.0.get_mut(&key) {
            *n -= 1;
            if *n == 0 {
                self.0.remove(&key);
            }
        }
    }

    /// A manifest may list one of the files.
    pub(super) fn may_be_in(&self, manifest: &ManifestFile) -> bool {
        self.0.keys().any(|(is_data, spec_id, partition)| {
            *is_data == (manifest.content == ManifestContent::Data)
                && *spec_id == manifest.spec_id
                && may_hold_partition(manifest, &partition.0)
        })
    }
}

async fn whole_entries(table: &Table, manifest: &ManifestFile) -> Result<Vec<(ManifestEntry, WrittenFile)>> {
    if manifest.is_encrypted {
        return Err(TableError::unsupported(&*manifest.path, "the manifest is encrypted"));
    }
    let field_ids = partition_field_ids(table, manifest)?;
    let bytes = table.storage().read(&manifest.path).await?;
    let owned = manifest.clone();
    on_pool(move || parse_whole_entries(&bytes, &owned, &field_ids)).await?
}

/// A live entry of another manifest, with the numbers that it has had.
fn carried_entry(entry: &ManifestEntry, file: Arc<WrittenFile>) -> NewEntry {
    let data_sequence_number = entry.file.data_sequence_number.get();
    NewEntry {
        status: EntryStatus::Existing,
        snapshot_id: entry.file.added_snapshot_id,
        data_sequence_number: Some(data_sequence_number),
        // Who left it out wrote before files were rewritten with other numbers.
        file_sequence_number: Some(entry.file.file_sequence_number.unwrap_or(data_sequence_number)),
        first_row_id: entry.file.first_row_id,
        file,
    }
}

/// Manifests of added files, one for each spec and kind of content.
///
/// # Errors
/// [`TableError::InvalidRequest`] if a file is of a spec that the table does not have.
pub(super) async fn added_parts(
    base: &CommitBase,
    added: &[AddedFile],
    snapshot_id: SnapshotId,
    files: &mut MetadataFiles,
) -> Result<Vec<Part>> {
    let mut groups: BTreeMap<(bool, SpecId), Vec<NewEntry>> = BTreeMap::new();
    for added in added {
        let is_deletes = added.file.content != FileContent::Data;
        groups.entry((is_deletes, added.file.spec_id)).or_default().push(NewEntry {
            status: EntryStatus::Added,
            snapshot_id,
            data_sequence_number: added.data_sequence_number.map(crate::DataSequenceNumber::get),
            file_sequence_number: None,
            first_row_id: None,
            file: added.file.clone(),
        });
    }
    let mut parts = Vec::with_capacity(groups.len());
    for ((is_deletes, spec_id), entries) in groups {
        let content = if is_deletes { ManifestContent::Deletes } else { ManifestContent::Data };
        parts.extend(write_parts(base, spec_id, content, entries, snapshot_id, files).await?);
    }
    Ok(parts)
}

/// Writes entries into manifests of the size that the table wants.
async fn write_parts(
    base: &CommitBase,
    spec_id: SpecId,
    content: ManifestContent,
    entries: Vec<NewEntry>,
    snapshot_id: SnapshotId,
    files: &mut MetadataFiles,
) -> Result<Vec<Part>> {
    let shape = manifest_shape(base, spec_id, content)?;
    let target_bytes = usize::try_from(ManifestMerge::of(base.table.metadata().properties()).target_bytes);
    let target_bytes = target_bytes.unwrap_or(usize::MAX);
    let mut entries = entries.into_iter().peekable();
    let mut parts = Vec::new();
    while entries.peek().is_some() {
        let path = files.next_manifest();
        let place: Arc<str> = path.as_str().into();
        let shape = shape.clone();
        let written = on_pool(move || {
            let mut writer = ManifestWriter::new(&shape, snapshot_id);
            let mut written = Vec::new();
            // One at least, however small the size is that the table wants.
            for entry in entries.by_ref() {
                writer.add(&entry)?;
                written.push(entry);
                if writer.n_bytes() >= target_bytes {
                    break;
                }
            }
            let (bytes, listed) = writer.finish(place)?;
            Ok::<_, TableError>((entries, written, bytes, listed))
        });
        let (rest, written, bytes, listed) = written.await??;
        entries = rest;
        files.write(&path, bytes).await?;
        parts.push(Part { listed, entries: Some(written.into()) });
    }
    Ok(parts)
}

/// What merging manifests has given, by [`manifest_key`], for further tries of the same commit.
pub(super) type Merged = HashMap<Vec<String>, Vec<Part>>;

/// Merges small manifests, newest first in `parts`, as the table's properties ask for.
///
/// # Errors
/// What reading and writing manifests may give.
pub(super) async fn merged(
    base: &CommitBase,
    parts: Vec<Part>,
    merge: ManifestMerge,
    snapshot_id: SnapshotId,
    reused: &mut Merged,
    files: &mut MetadataFiles,
) -> Result<Vec<Part>> {
    let mut before = std::mem::take(reused);
    if !merge.is_enabled {
        return Ok(parts);
    }
    let mut groups: BTreeMap<(bool, SpecId), Vec<Part>> = BTreeMap::new();
    for part in parts {
        let file = &part.listed.file;
        groups.entry((file.content == ManifestContent::Deletes, file.spec_id)).or_default().push(part);
    }
    let mut result = Vec::new();
    for ((is_deletes, spec_id), parts) in groups {
        let content = if is_deletes { ManifestContent::Deletes } else { ManifestContent::Data };
        let sizes: Vec<u64> = parts.iter().map(|part| part.listed.file.length_bytes.unwrap_or(0)).collect();
        let mut parts = parts.into_iter();
        for (n, is_merged) in bins(&sizes, merge) {
            let bin: Vec<Part> = parts.by_ref().take(n).collect();
            if !is_merged {
                result.extend(bin);
                continue;
            }
            let keys: Vec<String> = bin.iter().map(|part| manifest_key(&part.listed.file)).collect();
            let merged = match before.remove(&keys) {
                Some(merged) => merged,
                None => {
                    let mut entries = Vec::new();
                    for part in &bin {
                        entries.extend(entries_to_merge(&base.table, part).await?);
                    }
                    write_parts(base, spec_id, content, entries, snapshot_id, files).await?
                }
            };
            result.extend(merged.iter().cloned());
            reused.insert(keys, merged);
        }
    }
    Ok(result)
}

async fn entries_to_merge(table: &Table, part: &Part) -> Result<Vec<NewEntry>> {
    if let Some(entries) = &part.entries {
        return Ok(entries.to_vec());
    }
    let entries = whole_entries(table, &part.listed.file).await?.into_iter();
    let live = entries.filter(|(entry, _)| entry.status != EntryStatus::Deleted);
    Ok(live.map(|(entry, file)| carried_entry(&entry, Arc::new(file))).collect())
}

/// How many manifests, one after the other, go together, and whether they are merged. `sizes` are newest first, and
/// bins are filled from the oldest, so that a full one is never touched again. The bin of the newest waits until it has
/// enough. As Java's `ManifestMergeManager` does it, so that two writers of one table do not work against each other.
fn bins(sizes: &[u64], merge: ManifestMerge) -> Vec<(usize, bool)> {
    let mut bins: Vec<usize> = Vec::new();
    let (mut n, mut n_bytes) = (0, 0_u64);
    for size in sizes.iter().rev() {
        if n > 0 && n_bytes.saturating_add(*size) > merge.target_bytes {
            bins.push(n);
            (n, n_bytes) = (0, 0);
        }
        n += 1;
        n_bytes = n_bytes.saturating_add(*size);
    }
    if n > 0 {
        bins.push(n);
    }
    let newest = bins.len().saturating_sub(1);
    let is_merged = |index: usize, n: usize| n > 1 && (index != newest || n >= merge.n_min);
    bins.iter().enumerate().map(|(index, n)| (*n, is_merged(index, *n))).rev().collect()
}

/// Paths of the manifests that a list names.
pub(super) fn listed_paths(parts: &[Part]) -> HashSet<&str> {
    parts.iter().map(|part| &*part.listed.file.path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merge(target_bytes: u64, n_min: usize) -> ManifestMerge {
        ManifestMerge { is_enabled: true, target_bytes, n_min }
    }

    #[test]
    fn the_newest_wait_until_there_are_enough() {
        assert_eq!(bins(&[10; 3], merge(100, 4)), [(3, false)]);
        assert_eq!(bins(&[10; 4], merge(100, 4)), [(4, true)]);
        assert_eq!(bins(&[], merge(100, 4)), []);
    }

    #[test]
    fn full_bins_are_at_the_old_end() {
        // Newest first: the two old ones of 60 fill a bin each, what is left is the newest bin.
        assert_eq!(bins(&[10, 10, 60, 60], merge(100, 100)), [(3, false), (1, false)]);
        assert_eq!(bins(&[10, 10, 90, 40, 40], merge(100, 100)), [(1, false), (2, true), (2, true)]);
    }

    #[test]
    fn every_manifest_is_in_one_bin() {
        for n in 0..50_u64 {
            let sizes: Vec<u64> = (0..n).map(|index| (index * 37) % 90 + 1).collect();
            assert_eq!(bins(&sizes, merge(100, 3)).iter().map(|(n, _)| n).sum::<usize>(), sizes.len(), "n={n}");
        }
    }
}

//! Manifest lists and manifests: which files a snapshot lists.
//!
//! Read with the Avro schema that each file carries and by field id, as the spec asks, so that files of
//! every format version and writer are read alike. Source: Iceberg spec, "Manifests", "Manifest Lists".

mod avro;
mod cache;
mod entry;
mod list;
mod write;

use std::sync::Arc;

use async_recursion::async_recursion as boxed;
use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt, TryStreamExt};
use iceberg::spec::SnapshotRef;

pub use cache::ManifestCache;
pub(crate) use cache::key as manifest_key;
use entry::for_each_entry;
pub(crate) use entry::parse_whole_entries;
pub use entry::{EntryStatus, ManifestEntry, parse_manifest};
pub use list::{FieldSummary, ManifestContent, ManifestFile, parse_manifest_list};
pub(crate) use list::{ListedManifest, Numbers, RowCounts, parse_listed_manifests};

pub(crate) use write::{
    ListHeader, ManifestShape, ManifestWriter, NewEntry, PartitionColumn, version_number, write_manifest_list,
};

use crate::file::{EntryOrder, FileContent, FileEntry};
use crate::ids::{FieldId, SnapshotId, SpecId};
use crate::table::Table;
use crate::{Result, TableError, on_pool};

/// Manifests read at once.
const N_CONCURRENT_READS: usize = 8;

/// Entries of a manifest that is worth keeping although all of a table's manifests are read.
const N_CACHED_ENTRIES_MAX: u64 = 1_000;

/// What stands before a JSON list of manifests in place of the path of a manifest list.
pub(crate) const INLINE_MANIFESTS: &str = "manifests:";

/// The files that are live in a snapshot, in the order of its manifests.
#[derive(Debug, Clone, Default)]
pub struct LiveFiles {
    /// Data files.
    pub data: Vec<Arc<FileEntry>>,
    /// Position deletes, equality deletes and deletion vectors.
    pub deletes: Vec<Arc<FileEntry>>,
}

/// Reads the manifest list of a snapshot.
///
/// # Errors
/// [`TableError::FileMissing`], [`TableError::Corrupt`] or [`TableError::Storage`] for the list;
/// [`TableError::Unsupported`] if it is encrypted.
#[boxed]
pub async fn manifest_list(table: &Table, snapshot: &SnapshotRef) -> Result<Arc<[ManifestFile]>> {
    let path = snapshot.manifest_list();
    if path.is_empty() {
        return Ok(Arc::from([]));
    }
    if snapshot.encryption_key_id().is_some() {
        return Err(TableError::unsupported(path, "the manifest list is encrypted"));
    }
    if let Some(list) = table.manifest_cache().list(path) {
        return Ok(list);
    }
    if let Some(manifests) = path.strip_prefix(INLINE_MANIFESTS) {
        let list: Arc<[ManifestFile]> = inline_list(table, snapshot, manifests).await?.into();
        table.manifest_cache().insert_list(path, list.clone());
        return Ok(list);
    }
    let bytes = table.storage().read(path).await?;
    let owned_path = path.to_owned();
    let list: Arc<[ManifestFile]> = on_pool(move || parse_manifest_list(&bytes, &owned_path)).await??.into();
    check_list(snapshot, list.len())?;
    table.manifest_cache().insert_list(path, list.clone());
    Ok(list)
}

/// The manifests that a snapshot of version 1 names itself. Nothing else is said of them: they may list any files, and
/// their partition spec stands in their own headers.
async fn inline_list(table: &Table, snapshot: &SnapshotRef, manifests: &str) -> Result<Vec<ManifestFile>> {
    let paths: Vec<String> = serde_json::from_str(manifests).map_err(TableError::internal)?;
    let mut list = Vec::with_capacity(paths.len());
    for (index, path) in (0..).zip(paths) {
        let bytes = table.storage().read(&path).await?;
        let length_bytes = Some(bytes.len() as u64);
        let owned_path = path.clone();
        let spec_id = on_pool(move || inline_spec_id(&bytes, &owned_path)).await??;
        list.push(ManifestFile {
            path: path.into(),
            length_bytes,
            spec_id,
            content: ManifestContent::Data,
            sequence_number: 0,
            min_sequence_number: 0,
            added_snapshot_id: SnapshotId::new(snapshot.snapshot_id()),
            n_added: None,
            n_existing: None,
            n_deleted: None,
            partitions: Vec::new(),
            first_row_id: None,
            is_encrypted: false,
            index,
        });
    }
    Ok(list)
}

/// Source: Iceberg spec, "Manifests", metadata of the file.
fn inline_spec_id(bytes: &[u8], path: &str) -> Result<SpecId> {
    const KEY: &str = "partition-spec-id";
    match avro::header_value(bytes, path, KEY)? {
        None => Ok(SpecId::new(0)),
        Some(text) => text.parse().map(SpecId::new).map_err(|_| TableError::corrupt(path, format!("{KEY}=`{text}`"))),
    }
}

/// An avro file that is cut off between two blocks is sound in itself, and a manifest list mostly has one block.
/// The totals of a summary decide nothing else here: some writers count them wrongly.
pub(crate) fn check_list(snapshot: &SnapshotRef, n_manifests: usize) -> Result<()> {
    const TOTAL: &str = "total-data-files";
    let total = snapshot.summary().additional_properties.get(TOTAL).and_then(|total| total.parse::<u64>().ok());
    match total {
        Some(total @ 1..) if n_manifests == 0 => Err(TableError::corrupt(
            snapshot.manifest_list(),
            format!("it lists no manifests, its snapshot's summary says {TOTAL}=`{total}`; it is cut off"),
        )),
        _ => Ok(()),
    }
}

/// Reads the entries of one manifest, those with status DELETED included.
///
/// # Errors
/// As for [`manifest_list`], and [`TableError::Corrupt`] if the manifest belongs to a partition spec that
/// the table does not have, or does not hold as many entries as its list says.
#[boxed]
pub async fn manifest_entries(table: &Table, manifest: &ManifestFile) -> Result<Arc<[ManifestEntry]>> {
    if manifest.is_encrypted {
        return Err(TableError::unsupported(&*manifest.path, "the manifest is encrypted"));
    }
    if let Some(entries) = table.manifest_cache().entries(manifest) {
        return Ok(entries);
    }
    let partition_field_ids = partition_field_ids(table, manifest)?;
    let bytes = table.storage().read(&manifest.path).await?;
    let owned = manifest.clone();
    let entries: Arc<[ManifestEntry]> =
        on_pool(move || parse_manifest(&bytes, &owned, &partition_field_ids)).await??.into();
    table.manifest_cache().insert_entries(manifest, entries.clone());
    Ok(entries)
}

/// Reads many manifests, several at once; results come in the order of `manifests`.
///
/// # Errors
/// As for [`manifest_entries`].
pub async fn read_manifests<'a>(
    table: &'a Table,
    manifests: impl IntoIterator<Item = &'a ManifestFile>,
) -> Result<Vec<(&'a ManifestFile, Arc<[ManifestEntry]>)>> {
    let reads: Vec<_> = manifests.into_iter().map(|manifest| with_entries(table, manifest)).collect();
    stream::iter(reads).buffered(N_CONCURRENT_READS).try_collect().await
}

type ReadManifest<'a> = (&'a ManifestFile, Arc<[ManifestEntry]>);

/// A manifest and its entries. Boxed, so that the compiler can tell that it may move between threads.
fn with_entries<'a>(table: &'a Table, manifest: &'a ManifestFile) -> BoxFuture<'a, Result<ReadManifest<'a>>> {
    async move { Ok((manifest, manifest_entries(table, manifest).await?)) }.boxed()
}

/// Reads many manifests, several at once, and shows each with its entries, in the order of `manifests`. Nothing of
/// them is kept beyond what the cache of manifests holds.
///
/// # Errors
/// As for [`manifest_entries`].
pub async fn visit_manifests<'a>(
    table: &'a Table,
    manifests: impl IntoIterator<Item = &'a ManifestFile>,
    mut visit: impl FnMut(&'a ManifestFile, &[ManifestEntry]),
) -> Result<()> {
    let reads: Vec<_> = manifests.into_iter().map(|manifest| with_entries(table, manifest)).collect();
    let mut read = stream::iter(reads).buffered(N_CONCURRENT_READS);
    while let Some((manifest, entries)) = read.try_next().await? {
        visit(manifest, &entries);
    }
    Ok(())
}

/// Takes the entries of a manifest, one after the other.
pub trait EntryVisitor: Send + 'static {
    /// Takes one.
    ///
    /// # Errors
    /// Any ends the reading.
    fn visit(&mut self, manifest: &ManifestFile, entry: &ManifestEntry) -> Result<()>;
}

/// Reads one manifest on the CPU pool and shows its entries to `visitor`. Of a long manifest, no two entries are in
/// memory at the same time and nothing is kept; a short one goes through the cache of manifests.
///
/// # Errors
/// As for [`manifest_entries`], and what `visitor` gives.
pub async fn visit_entries<V: EntryVisitor>(table: &Table, manifest: &ManifestFile, mut visitor: V) -> Result<V> {
    let owned = manifest.clone();
    if manifest.n_live().is_some_and(|n_live| n_live <= N_CACHED_ENTRIES_MAX) {
        let entries = manifest_entries(table, manifest).await?;
        return on_pool(move || {
            entries.iter().try_for_each(|entry| visitor.visit(&owned, entry))?;
            Ok(visitor)
        })
        .await?;
    }
    if manifest.is_encrypted {
        return Err(TableError::unsupported(&*manifest.path, "the manifest is encrypted"));
    }
    let partition_field_ids = partition_field_ids(table, manifest)?;
    let bytes = table.storage().read(&manifest.path).await?;
    on_pool(move || {
        for_each_entry(&bytes, &owned, &partition_field_ids, |entry| visitor.visit(&owned, &entry))?;
        Ok(visitor)
    })
    .await?
}

/// All files that are live in a snapshot.
///
/// # Errors
/// As for [`manifest_entries`].
#[boxed]
pub async fn live_files(table: &Table, snapshot: &SnapshotRef) -> Result<LiveFiles> {
    live_files_in(table, snapshot, |_| true).await
}

/// The files that are live in a snapshot, from those of its manifests that `wanted` selects.
///
/// # Errors
/// As for [`manifest_entries`].
pub async fn live_files_in(
    table: &Table,
    snapshot: &SnapshotRef,
    wanted: impl Fn(&ManifestFile) -> bool,
) -> Result<LiveFiles> {
    let list = manifest_list(table, snapshot).await?;
    let mut files = LiveFiles::default();
    for (manifest, entries) in
        read_manifests(table, list.iter().filter(|manifest| manifest.may_have_live_files() && wanted(manifest))).await?
    {
        for entry in entries.iter().filter(|entry| entry.status != EntryStatus::Deleted) {
            let file = entry.file_in(manifest);
            match file.content {
                FileContent::Data => files.data.push(file),
                FileContent::PositionDeletes | FileContent::EqualityDeletes => files.deletes.push(file),
            }
        }
    }
    Ok(files)
}

pub(crate) fn partition_field_ids(table: &Table, manifest: &ManifestFile) -> Result<Vec<FieldId>> {
    let spec_id = manifest.spec_id.get();
    let spec = table.metadata().partition_spec_by_id(spec_id).ok_or_else(|| {
        TableError::corrupt(&*manifest.path, format!("written under partition spec `{spec_id}`, which the table lacks"))
    })?;
    Ok(spec.fields().iter().map(|field| FieldId::new(field.field_id)).collect())
}

impl ManifestEntry {
    /// The file, placed in the manifest list that `manifest` comes from.
    pub fn file_in(&self, manifest: &ManifestFile) -> Arc<FileEntry> {
        let order = EntryOrder { manifest_index: manifest.index, entry_index: self.file.order.entry_index };
        if self.file.order == order {
            return self.file.clone();
        }
        Arc::new(FileEntry { order, ..(*self.file).clone() })
    }
}

//! What one snapshot added to its parent and removed from it, in rows.
//!
//! A row is a position in a data file. `Live(S)` are the rows of S that no delete removes; the rows removed
//! are `Live(P) \ Live(S)`, those added `Live(S) \ Live(P)`. Deletes are resolved to positions here, before
//! any row is read, so that rows can then be read in any order.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use async_recursion::async_recursion as boxed;
use iceberg::spec::SnapshotRef;
use roaring::RoaringTreemap;

use super::row_set::RowSet;
use super::{SnapshotChanges, kept_files_in_scope};
use crate::deletes::{
    DeleteIndex, FileDeletes, FileWithDeletes, GroupDeletes, KeySet, KeySetLimit, LiveRows, deleted_positions,
    in_reading_order, position_deletes,
};
use crate::file::{FileContent, FileEntry, PartitionTuple};
use crate::filter::BoundFilter;
use crate::ids::{FieldId, SpecId};
use crate::manifest::{ManifestContent, ManifestFile, live_files_in, manifest_list};
use crate::scan::{FileReader, Projection, RowSelect};
use crate::storage::ReadAhead;
use crate::table::Table;
use crate::{Result, bounds};

/// Rows whose keys are read at once.
const BATCH_ROWS: usize = 8192;

/// Memory for one candidate key, in the estimate of whether all fit.
const CANDIDATE_BYTES: u64 = 128;

/// Some rows of one data file.
#[derive(Debug, Clone)]
pub struct RowSource {
    /// The file.
    pub file: Arc<FileEntry>,
    /// Which of its rows.
    pub rows: RowSet,
    /// Rows before this position are left out.
    first_position: u64,
    /// Fetches this file and others of the same changes.
    ahead: Option<Arc<ReadAhead>>,
}

impl RowSource {
    /// Rows of a file that is fetched when it is read.
    pub fn new(file: Arc<FileEntry>, rows: RowSet) -> Self {
        Self { file, rows, first_position: 0, ahead: None }
    }

    /// Other rows of the same file.
    #[must_use]
    pub fn with_rows(&self, rows: RowSet) -> Self {
        Self { rows, ..self.clone() }
    }

    /// The same rows from a position on. [`RowSource::n_rows`] goes on counting all of them.
    #[must_use]
    pub fn starting_at(&self, first_position: u64) -> Self {
        Self { first_position, ..self.clone() }
    }

    /// How many rows there are.
    pub fn n_rows(&self) -> u64 {
        self.rows.n_rows(self.file.record_count)
    }

    /// Starts reading the rows, in the order of their positions.
    ///
    /// # Errors
    /// As for [`FileReader::open`].
    #[boxed]
    pub async fn read(&self, table: &Table, projection: &Projection, batch_rows: usize) -> Result<LiveRows> {
        self.read_matching(table, projection, None, batch_rows).await
    }

    /// As [`RowSource::read`], for the rows that match `filter`.
    ///
    /// # Errors
    /// As for [`LiveRows::open_matching`].
    #[boxed]
    pub async fn read_matching(
        &self,
        table: &Table,
        projection: &Projection,
        filter: Option<&Arc<BoundFilter>>,
        batch_rows: usize,
    ) -> Result<LiveRows> {
        let (deletes, positions) = match &self.rows {
            RowSet::All => (GroupDeletes::default(), None),
            RowSet::Except(positions) => (GroupDeletes::of_positions(&self.file, positions), None),
            RowSet::Only(positions) => (GroupDeletes::default(), Some(positions.clone())),
        };
        let select = RowSelect { row_groups: None, positions, first_position: self.first_position };
        LiveRows::open_matching(table, &self.file, Arc::new(deletes), projection, select, filter, batch_rows).await
    }

    fn except(file: &Arc<FileEntry>, deleted: &mut HashMap<String, RoaringTreemap>) -> Option<Self> {
        let rows = match deleted.remove(file.key()) {
            None => RowSet::All,
            Some(positions) if positions.is_empty() => RowSet::All,
            Some(positions) => RowSet::Except(Arc::new(positions)),
        };
        Some(Self::new(file.clone(), rows)).filter(|source| source.n_rows() > 0)
    }

    fn only(file: &Arc<FileEntry>, positions: RoaringTreemap) -> Option<Self> {
        (!positions.is_empty()).then(|| Self::new(file.clone(), RowSet::Only(Arc::new(positions))))
    }
}

/// The rows by which a snapshot differs from its parent.
#[derive(Debug, Clone, Default)]
pub struct RowChanges {
    /// Live in the parent and not in the snapshot, ordered by (data sequence number, file path, position).
    pub removed: Vec<RowSource>,
    /// Live in the snapshot and not in its parent, ordered by (data sequence number, place in the
    /// snapshot's manifests, position).
    pub added: Vec<RowSource>,
}

/// The rows that `snapshot` added and removed, given the files that it did.
///
/// # Errors
/// As for [`FileReader::open`] on a data or delete file; [`crate::TableError::MemoryLimit`] if `limit` is
/// too small for any division of the deletes.
#[boxed]
pub async fn row_changes(
    table: &Table,
    snapshot: &SnapshotRef,
    parent: Option<&SnapshotRef>,
    changes: &SnapshotChanges,
    limit: KeySetLimit,
) -> Result<RowChanges> {
    let mut rows = RowChanges { added: live_added(table, snapshot, changes, limit).await?, ..RowChanges::default() };

    let Some(parent) = parent else { return Ok(sorted(table, rows)) };
    let before = deletes_in_scope(table, parent, &changes.removed.data).await?;
    let mut deleted = deleted_from(table, &changes.removed.data, &before, limit).await?;
    rows.removed.extend(changes.removed.data.iter().filter_map(|file| RowSource::except(file, &mut deleted)));

    warn_of_cross_spec_deletes(table, snapshot, changes).await?;
    let kept = kept_files_in_scope(table, snapshot, changes).await?;
    if !kept.is_empty() {
        let before = DeleteIndex::new(table, &deletes_in_scope(table, parent, &kept).await?)?;
        let after = DeleteIndex::new(table, &deletes_in_scope(table, snapshot, &kept).await?)?;
        let with_deletes = |file: Arc<FileEntry>| KeptFile {
            before: before.for_file(table, &file),
            after: after.for_file(table, &file),
            file,
        };
        let groups: Vec<Vec<KeptFile>> =
            partitions(&kept).into_values().map(|group| group.into_iter().map(with_deletes).collect()).collect();
        let _ahead = table.read_ahead(|| groups.iter().flat_map(|group| KeptFile::in_reading_order(group)));
        for group in &groups {
            kept_row_changes(table, group, limit, &mut rows).await?;
        }
    }
    Ok(sorted(table, rows))
}

/// The live rows of the files that `snapshot` added, in the order of [`RowChanges::added`]: no other file is looked
/// at, so rows that came back because a delete is gone are not among them.
///
/// # Errors
/// As for [`row_changes`].
#[boxed]
pub async fn added_rows(
    table: &Table,
    snapshot: &SnapshotRef,
    changes: &SnapshotChanges,
    limit: KeySetLimit,
) -> Result<Vec<RowSource>> {
    let added = live_added(table, snapshot, changes, limit).await?;
    Ok(sorted(table, RowChanges { added, ..RowChanges::default() }).added)
}

async fn live_added(
    table: &Table,
    snapshot: &SnapshotRef,
    changes: &SnapshotChanges,
    limit: KeySetLimit,
) -> Result<Vec<RowSource>> {
    let mut deleted = deletes_of_added(table, snapshot, changes, limit).await?;
    Ok(changes.added.data.iter().filter_map(|file| RowSource::except(file, &mut deleted)).collect())
}

/// An equality delete of one partition does not reach files of another partition spec. After a change of the
/// spec, an upsert writer then leaves the old row live: that is what the table shows, so it is what is
/// delivered, but its owner should know.
async fn warn_of_cross_spec_deletes(table: &Table, snapshot: &SnapshotRef, changes: &SnapshotChanges) -> Result<()> {
    let specs: HashSet<SpecId> = changes
        .added
        .deletes
        .iter()
        .filter(|file| file.content == FileContent::EqualityDeletes && !table.is_unpartitioned(file.spec_id))
        .map(|file| file.spec_id)
        .collect();
    if specs.is_empty() {
        return Ok(());
    }
    let list = manifest_list(table, snapshot).await?;
    let suspects = list.iter().filter(|manifest| {
        manifest.content == ManifestContent::Data
            && manifest.may_have_live_files()
            && !specs.contains(&manifest.spec_id)
    });
    let n_manifests = suspects.count();
    if n_manifests > 0 {
        tracing::warn!(
            table = table.name(),
            snapshot_id = snapshot.snapshot_id(),
            cross_spec_suspect = n_manifests,
            "equality deletes do not reach files of older partition specs"
        );
    }
    Ok(())
}

fn sorted(table: &Table, mut rows: RowChanges) -> RowChanges {
    rows.removed
        .sort_by(|a, b| (a.file.data_sequence_number, a.file.key()).cmp(&(b.file.data_sequence_number, b.file.key())));
    rows.added.sort_by_key(|source| (source.file.data_sequence_number, source.file.order));
    let ahead = Arc::new(table.read_ahead(|| rows.removed.iter().chain(&rows.added).map(|source| &*source.file)));
    for source in rows.removed.iter_mut().chain(&mut rows.added) {
        source.ahead = Some(ahead.clone());
    }
    rows
}

/// Some rows of changes, of whose files only those are fetched ahead that will be read.
pub fn fetch_ahead_only(
    table: &Table,
    mut sources: Vec<RowSource>,
    is_read: impl Fn(&FileEntry) -> bool,
) -> Vec<RowSource> {
    if sources.iter().all(|source| is_read(&source.file)) {
        return sources;
    }
    let files = || sources.iter().map(|source| &*source.file).filter(|file| is_read(file));
    let ahead = Arc::new(table.read_ahead(files));
    sources.iter_mut().for_each(|source| source.ahead = Some(ahead.clone()));
    sources
}

fn partitions(files: &[Arc<FileEntry>]) -> BTreeMap<(SpecId, PartitionTuple), Vec<Arc<FileEntry>>> {
    let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for file in files {
        groups.entry((file.spec_id, file.partition.clone())).or_default().push(file.clone());
    }
    groups
}

/// Rows of the added files that are deleted already. A file with the snapshot's own number can be hit by
/// deletes of the same commit only; one that carries an older number, by any that is live.
async fn deletes_of_added(
    table: &Table,
    snapshot: &SnapshotRef,
    changes: &SnapshotChanges,
    limit: KeySetLimit,
) -> Result<HashMap<String, RoaringTreemap>> {
    let files = &changes.added.data;
    let is_fresh = |file: &Arc<FileEntry>| file.data_sequence_number.get() >= snapshot.sequence_number();
    let deletes = if files.iter().all(is_fresh) {
        changes.added.deletes.clone()
    } else {
        deletes_in_scope(table, snapshot, files).await?
    };
    deleted_from(table, files, &deletes, limit).await
}

async fn deleted_from(
    table: &Table,
    files: &[Arc<FileEntry>],
    deletes: &[Arc<FileEntry>],
    limit: KeySetLimit,
) -> Result<HashMap<String, RoaringTreemap>> {
    let mut deleted = HashMap::new();
    if deletes.is_empty() {
        return Ok(deleted);
    }
    let index = DeleteIndex::new(table, deletes)?;
    let with_deletes = |group: Vec<Arc<FileEntry>>| -> Vec<FileWithDeletes> {
        let files = group.into_iter().map(|file| (file.clone(), index.for_file(table, &file)));
        files.filter(|(_, deletes)| !deletes.is_empty()).collect()
    };
    let groups: Vec<Vec<FileWithDeletes>> = partitions(files).into_values().map(with_deletes).collect();
    let _ahead = table.read_ahead(|| in_reading_order(groups.iter().map(Vec::as_slice)));
    for group in &groups {
        deleted.extend(deleted_positions(table, group, limit).await?);
    }
    Ok(deleted)
}

/// The delete files live in `snapshot` that may apply to one of `files`, by partition and sequence number.
///
/// # Errors
/// As for [`live_files_in`].
#[boxed]
pub async fn deletes_in_scope(
    table: &Table,
    snapshot: &SnapshotRef,
    files: &[Arc<FileEntry>],
) -> Result<Vec<Arc<FileEntry>>> {
    let Some(lowest) = files.iter().map(|file| file.data_sequence_number.get()).min() else { return Ok(Vec::new()) };
    let partitions: HashSet<_> = files.iter().map(|file| (file.spec_id, &file.partition)).collect();
    let wanted = |manifest: &ManifestFile| {
        // No entry of a manifest has a higher number than the manifest.
        manifest.content == ManifestContent::Deletes
            && manifest.sequence_number >= lowest
            && (table.is_unpartitioned(manifest.spec_id)
                || partitions.iter().any(|(spec_id, partition)| {
                    *spec_id == manifest.spec_id && bounds::may_hold_partition(manifest, &partition.0)
                }))
    };
    Ok(live_files_in(table, snapshot, wanted).await?.deletes)
}

/// A data file live in both snapshots, and the deletes that apply to it in each.
struct KeptFile {
    file: Arc<FileEntry>,
    before: FileDeletes,
    after: FileDeletes,
}

impl KeptFile {
    /// The files that may have to be read to know what became of a group: its changed deletes, then the data files
    /// that equality deletes have to be looked for in.
    fn in_reading_order(group: &[Self]) -> Vec<&FileEntry> {
        let mut files: Vec<&FileEntry> = Vec::new();
        for kept in group.iter().filter(|kept| kept.before.position_identity() != kept.after.position_identity()) {
            for deletes in [&kept.before, &kept.after] {
                files.extend(deletes.vector.iter().chain(&deletes.positions).map(|file| &**file));
            }
        }
        let mut seen: HashSet<&str> = HashSet::new();
        for kept in group {
            let of = |deletes: &'_ FileDeletes| deletes.equality.iter().map(|file| file.key().to_owned()).collect();
            let (before, after): (HashSet<String>, HashSet<String>) = (of(&kept.before), of(&kept.after));
            let deletes = kept.before.equality.iter().chain(&kept.after.equality);
            let changed: Vec<&Arc<FileEntry>> =
                deletes.filter(|file| before.contains(file.key()) != after.contains(file.key())).collect();
            files.extend(changed.iter().filter(|file| seen.insert(file.key())).map(|file| &***file));
            if !changed.is_empty() {
                files.push(&kept.file);
            }
        }
        files
    }

    /// Equality deletes of `these` that `others` lack.
    fn only_in(these: &FileDeletes, others: &FileDeletes) -> FileDeletes {
        let others: HashSet<&str> = others.equality.iter().map(|file| file.key()).collect();
        let equality = these.equality.iter().filter(|file| !others.contains(file.key())).cloned().collect();
        FileDeletes { vector: None, positions: Vec::new(), equality }
    }

    /// Equality deletes that apply in both.
    fn common(&self) -> FileDeletes {
        let before: HashSet<&str> = self.before.equality.iter().map(|file| file.key()).collect();
        let equality = self.after.equality.iter().filter(|file| before.contains(file.key())).cloned().collect();
        FileDeletes { vector: None, positions: Vec::new(), equality }
    }
}

/// Rows of one data file that may have been removed or come back: all that is left to check are the
/// equality deletes that apply before and after.
#[derive(Default)]
struct Candidates {
    removed: RoaringTreemap,
    restored: RoaringTreemap,
}

impl Candidates {
    fn all(&self) -> RoaringTreemap {
        &self.removed | &self.restored
    }
}

async fn kept_row_changes(table: &Table, group: &[KeptFile], limit: KeySetLimit, rows: &mut RowChanges) -> Result<()> {
    let only = |pick: fn(&KeptFile) -> FileDeletes| -> Vec<FileWithDeletes> {
        group.iter().map(|kept| (kept.file.clone(), pick(kept))).filter(|(_, deletes)| !deletes.is_empty()).collect()
    };
    let new = only(|kept| KeptFile::only_in(&kept.after, &kept.before));
    let gone = only(|kept| KeptFile::only_in(&kept.before, &kept.after));
    let hit_by_new = deleted_positions(table, &new, limit).await?;
    let hit_by_gone = deleted_positions(table, &gone, limit).await?;

    // Deletes by position matter where they changed, and where an equality delete hit something.
    let concerned: Vec<&KeptFile> = group
        .iter()
        .filter(|kept| {
            kept.before.position_identity() != kept.after.position_identity()
                || hit_by_new.contains_key(kept.file.key())
                || hit_by_gone.contains_key(kept.file.key())
        })
        .collect();
    let before = position_deletes(table, concerned.iter().map(|kept| (&*kept.file, &kept.before))).await?;
    let after = position_deletes(table, concerned.iter().map(|kept| (&*kept.file, &kept.after))).await?;

    let none = RoaringTreemap::new();
    let mut candidates: Vec<(&KeptFile, Candidates)> = Vec::new();
    for kept in concerned {
        let of = |deleted: &'_ HashMap<String, RoaringTreemap>| deleted.get(kept.file.key()).unwrap_or(&none).clone();
        let was_deleted = of(&before) | of(&hit_by_gone);
        let is_deleted = of(&after) | of(&hit_by_new);
        let changed = Candidates { removed: &is_deleted - &was_deleted, restored: was_deleted - is_deleted };
        if !changed.removed.is_empty() || !changed.restored.is_empty() {
            candidates.push((kept, changed));
        }
    }
    exclude_deleted_in_both(table, &mut candidates, limit).await?;
    for (kept, changed) in candidates {
        rows.removed.extend(RowSource::only(&kept.file, changed.removed));
        rows.added.extend(RowSource::only(&kept.file, changed.restored));
    }
    Ok(())
}

/// Takes away the candidates that equality deletes remove both before and after: nothing happened to them.
async fn exclude_deleted_in_both(
    table: &Table,
    candidates: &mut [(&KeptFile, Candidates)],
    limit: KeySetLimit,
) -> Result<()> {
    let common: Vec<FileWithDeletes> = candidates
        .iter()
        .map(|(kept, _)| (kept.file.clone(), kept.common()))
        .filter(|(_, deletes)| !deletes.is_empty())
        .collect();
    if common.is_empty() {
        return Ok(());
    }
    let n_candidates: u64 = candidates.iter().map(|(_, changed)| changed.all().len()).sum();
    let deleted = if n_candidates.saturating_mul(CANDIDATE_BYTES) > limit.bytes_max {
        deleted_positions(table, &common, limit).await?
    } else {
        deleted_candidates(table, candidates, &common, limit).await?
    };
    for (kept, changed) in candidates {
        if let Some(deleted) = deleted.get(kept.file.key()) {
            changed.removed -= deleted;
            changed.restored -= deleted;
        }
    }
    Ok(())
}

/// Of the candidates, those that the equality deletes of `common` remove. The candidates' keys are few, so
/// the delete files are searched for them, not the other way round: memory does not grow with the deletes.
async fn deleted_candidates(
    table: &Table,
    candidates: &[(&KeptFile, Candidates)],
    common: &[FileWithDeletes],
    limit: KeySetLimit,
) -> Result<HashMap<String, RoaringTreemap>> {
    let mut deleted: HashMap<String, RoaringTreemap> = HashMap::new();
    let mut by_ids: BTreeMap<Vec<FieldId>, BTreeMap<String, Arc<FileEntry>>> = BTreeMap::new();
    for file in common.iter().flat_map(|(_, deletes)| &deletes.equality) {
        let mut ids = file.equality_ids.clone();
        ids.sort_unstable();
        by_ids.entry(ids).or_default().insert(file.key().to_owned(), file.clone());
    }
    for (ids, files) in by_ids {
        let projection = Projection::keys(table, &ids)?;
        let mut wanted = KeySet::new(table, &ids)?;
        for (kept, changed) in candidates {
            let mut rows = read_positions(table, &kept.file, changed.all(), &projection).await?;
            while let Some(batch) = rows.next().await? {
                wanted.insert(batch.batch.columns(), kept.file.data_sequence_number)?;
            }
        }
        let files: Vec<_> = files.into_values().collect();
        let wanted = Arc::new(wanted);
        let unlimited = KeySetLimit { bytes_max: limit.bytes_max.max(wanted.size_bytes().saturating_mul(2)) };
        let Some(found) =
            KeySet::load(table, &ids, &files, crate::deletes::KeyPart::WHOLE, Some(&wanted), unlimited).await?
        else {
            return deleted_positions(table, common, limit).await;
        };
        for (kept, changed) in candidates {
            let mut rows = read_positions(table, &kept.file, changed.all(), &projection).await?;
            while let Some(batch) = rows.next().await? {
                let hits = deleted.entry(kept.file.key().to_owned()).or_default();
                found.probe(batch.batch.columns(), kept.file.data_sequence_number, |index| {
                    hits.extend(batch.positions.get(index));
                })?;
            }
        }
    }
    Ok(deleted)
}

async fn read_positions(
    table: &Table,
    file: &Arc<FileEntry>,
    positions: RoaringTreemap,
    projection: &Projection,
) -> Result<crate::scan::BatchStream> {
    let select = RowSelect { positions: Some(Arc::new(positions)), ..RowSelect::default() };
    Ok(FileReader::open(table, file).await?.read(projection, select, BATCH_ROWS))
}

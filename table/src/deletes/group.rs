//! Deletes of a group of data files that share them: loaded once, applied to each file.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder};
use async_recursion::async_recursion as boxed;
use roaring::RoaringTreemap;

use super::equality::{KeySet, KeySetLimit, finer, n_parts};
use super::index::FileDeletes;
use super::key_map::KeyPart;
use super::position::position_deletes;
use crate::file::FileEntry;
use crate::ids::FieldId;
use crate::scan::{FileReader, Positions, Projection, RowSelect};
use crate::table::Table;
use crate::{Result, TableError};

/// Rows whose keys are read at once.
const BATCH_ROWS: usize = 8192;

/// A data file and the deletes that apply to it.
pub type FileWithDeletes = (Arc<FileEntry>, FileDeletes);

/// The files of some groups in the order in which they are read when one group after the other is: the deletes of
/// a group, then its data files.
pub fn in_reading_order<'a>(groups: impl IntoIterator<Item = &'a [FileWithDeletes]>) -> Vec<&'a FileEntry> {
    let mut files: Vec<&FileEntry> = Vec::new();
    for group in groups {
        let deletes = || group.iter().map(|(_, deletes)| deletes);
        let mut seen = HashSet::new();
        let mut once = |file: &'a Arc<FileEntry>| seen.insert(Arc::as_ptr(file)).then_some(&**file);
        files.extend(deletes().filter_map(|deletes| deletes.vector.as_deref()));
        files.extend(deletes().flat_map(|deletes| &deletes.positions).filter_map(&mut once));
        files.extend(deletes().flat_map(|deletes| &deletes.equality).filter_map(&mut once));
        files.extend(group.iter().map(|(data, _)| &**data));
    }
    files
}

/// The deletes of some data files of one partition, ready to be applied.
#[derive(Debug, Default)]
pub struct GroupDeletes {
    positions: HashMap<String, RoaringTreemap>,
    keys: Vec<KeySet>,
    /// Of `positions` what no equality delete brought, where some did.
    by_position: Option<HashMap<String, RoaringTreemap>>,
}

impl GroupDeletes {
    /// Loads the deletes of `group`, whose files must be of one partition spec and partition: only then do
    /// all of its equality deletes have the same scope. Keys that do not fit `limit` are resolved to
    /// positions here, in parts, so that the limit holds whatever the deletes.
    ///
    /// # Errors
    /// As for [`FileReader::open`]; [`TableError::MemoryLimit`] if the limit is too small for any division.
    #[boxed]
    pub async fn load(table: &Table, group: &[FileWithDeletes], limit: KeySetLimit) -> Result<Self> {
        let mut positions = position_deletes(table, group.iter().map(|(data, deletes)| (&**data, deletes))).await?;
        let mut by_position = None;
        let mut keys: Vec<KeySet> = Vec::new();
        for (ids, files) in equality_files_by_ids(group) {
            let used: u64 = keys.iter().map(KeySet::size_bytes).sum();
            let left = KeySetLimit { bytes_max: limit.bytes_max.saturating_sub(used) };
            let whole = match n_parts(table, &ids, &files, left) {
                Ok(1) => KeySet::load(table, &ids, &files, KeyPart::WHOLE, None, left).await?,
                _ => None,
            };
            match whole {
                Some(set) if set.is_empty() => {}
                Some(set) => keys.push(set),
                None => {
                    // Earlier sets stay in memory only if that leaves room for this one's parts.
                    let limit = if left.bytes_max < limit.bytes_max / 4 { limit } else { left };
                    by_position.get_or_insert_with(|| positions.clone());
                    resolve_in_parts(table, group, &ids, &files, limit, &mut positions).await?;
                }
            }
        }
        Ok(Self { positions, keys, by_position })
    }

    /// Deletes of one file that are known by position.
    pub fn of_positions(file: &FileEntry, deleted: &RoaringTreemap) -> Self {
        Self {
            positions: HashMap::from([(file.key().to_owned(), deleted.clone())]),
            keys: Vec::new(),
            by_position: None,
        }
    }

    /// Nothing is deleted in any file of the group.
    pub fn is_empty(&self) -> bool {
        self.positions.is_empty() && self.keys.is_empty()
    }

    /// What deletion vectors and position deletes alone remove from a file, by [`FileEntry::key`].
    pub fn by_position(&self, key: &str) -> Option<&RoaringTreemap> {
        self.by_position.as_ref().unwrap_or(&self.positions).get(key)
    }

    /// Columns whose values [`GroupDeletes::live_rows`] needs, without repetition.
    pub fn key_ids(&self) -> Vec<FieldId> {
        let mut seen = HashSet::new();
        self.keys.iter().flat_map(KeySet::ids).copied().filter(|id| seen.insert(*id)).collect()
    }

    /// Which rows of a batch are live: one bit for each row, or `None` if all are. `key_columns` are the
    /// columns [`GroupDeletes::key_ids`] of the batch, in that order.
    ///
    /// # Errors
    /// [`TableError::Internal`] if a key column is missing.
    pub fn live_rows(
        &self,
        file: &FileEntry,
        positions: &Positions,
        n_rows: usize,
        key_columns: &[ArrayRef],
    ) -> Result<Option<BooleanBuffer>> {
        let mut mask = Mask::new(n_rows);
        if let Some(deleted) = self.positions.get(file.key()) {
            for_each_deleted(deleted, positions, |index| mask.delete(index));
        }
        let ids = self.key_ids();
        for set in &self.keys {
            let columns: Vec<ArrayRef> = set
                .ids()
                .iter()
                .map(|id| {
                    let index = ids.iter().position(|other| other == id);
                    index
                        .and_then(|index| key_columns.get(index))
                        .cloned()
                        .ok_or_else(|| TableError::internal(format!("the projection lacks key column `{id}`")))
                })
                .collect::<Result<_>>()?;
            set.probe(&columns, file.data_sequence_number, |index| mask.delete(index))?;
        }
        Ok(mask.finish())
    }
}

/// Bits of live rows, made only once the first row is deleted.
struct Mask {
    n_rows: usize,
    live: Option<BooleanBufferBuilder>,
}

impl Mask {
    fn new(n_rows: usize) -> Self {
        Self { n_rows, live: None }
    }

    fn delete(&mut self, index: usize) {
        let n_rows = self.n_rows;
        let live = self.live.get_or_insert_with(|| {
            let mut live = BooleanBufferBuilder::new(n_rows);
            live.append_n(n_rows, true);
            live
        });
        if index < n_rows {
            live.set_bit(index, false);
        }
    }

    fn finish(self) -> Option<BooleanBuffer> {
        self.live.map(|mut live| live.finish())
    }
}

/// Calls `deleted` with the index of every position that is in the bitmap.
fn for_each_deleted(bitmap: &RoaringTreemap, positions: &Positions, mut deleted: impl FnMut(usize)) {
    match positions {
        Positions::List(list) => {
            for (index, _) in list.iter().enumerate().filter(|(_, position)| bitmap.contains(**position)) {
                deleted(index);
            }
        }
        Positions::Range(range) => {
            for (high, low) in bitmap.bitmaps() {
                let base = u64::from(high) << 32;
                let start = range.start.saturating_sub(base);
                let end = range.end.saturating_sub(base).min(1 << 32);
                let (Ok(start), true) = (u32::try_from(start), start < end) else { continue };
                let last = u32::try_from(end - 1).unwrap_or(u32::MAX);
                for position in low.range(start..=last) {
                    deleted(usize::try_from(base + u64::from(position) - range.start).unwrap_or(usize::MAX));
                }
            }
        }
    }
}

/// The equality delete files of a group, each once, by the columns they compare. The order of the columns
/// does not matter to what is deleted, so it does not make another set.
fn equality_files_by_ids(group: &[FileWithDeletes]) -> BTreeMap<Vec<FieldId>, Vec<Arc<FileEntry>>> {
    let mut seen = HashSet::new();
    let mut by_ids: BTreeMap<Vec<FieldId>, Vec<Arc<FileEntry>>> = BTreeMap::new();
    for file in group.iter().flat_map(|(_, deletes)| &deletes.equality) {
        if seen.insert(file.key()) {
            let mut ids = file.equality_ids.clone();
            ids.sort_unstable();
            ids.dedup();
            by_ids.entry(ids).or_default().push(file.clone());
        }
    }
    by_ids
}

/// All positions that deletes remove from each file of `group`, by [`FileEntry::key`]; files without a
/// deleted row have no entry. Reads key columns only. The group must be of one partition spec and partition.
///
/// # Errors
/// As for [`GroupDeletes::load`].
#[boxed]
pub async fn deleted_positions(
    table: &Table,
    group: &[FileWithDeletes],
    limit: KeySetLimit,
) -> Result<HashMap<String, RoaringTreemap>> {
    let mut deleted = position_deletes(table, group.iter().map(|(data, deletes)| (&**data, deletes))).await?;
    for (ids, files) in equality_files_by_ids(group) {
        resolve_in_parts(table, group, &ids, &files, limit, &mut deleted).await?;
    }
    deleted.retain(|_, positions| !positions.is_empty());
    Ok(deleted)
}

/// Finds the rows that the equality delete files `files` remove from the files of `group`: as many passes
/// over the key columns as the keys need parts.
async fn resolve_in_parts(
    table: &Table,
    group: &[FileWithDeletes],
    ids: &[FieldId],
    files: &[Arc<FileEntry>],
    limit: KeySetLimit,
    deleted: &mut HashMap<String, RoaringTreemap>,
) -> Result<()> {
    let mut n = match n_parts(table, ids, files, limit) {
        Ok(n) => n,
        Err(too_small) => {
            // A manifest that lies about its files' rows is to blame before the limit is.
            for file in files {
                FileReader::open(table, file).await?;
            }
            return Err(too_small);
        }
    };
    'division: loop {
        let n_parts = n;
        for part in 0..n_parts {
            let part = KeyPart { part, n_parts };
            let Some(set) = KeySet::load(table, ids, files, part, None, limit).await? else {
                n = finer(n, limit)?;
                continue 'division;
            };
            for (data, deletes) in group {
                if deletes.equality.iter().any(|file| same_columns(file, ids)) && !set.is_empty() {
                    let rows = matching_rows(table, data, &set).await?;
                    if !rows.is_empty() {
                        *deleted.entry(data.key().to_owned()).or_default() |= rows;
                    }
                }
            }
        }
        return Ok(());
    }
}

fn same_columns(file: &FileEntry, ids: &[FieldId]) -> bool {
    ids.iter().all(|id| file.equality_ids.contains(id)) && file.equality_ids.iter().all(|id| ids.contains(id))
}

/// Positions of the rows of `data` whose key is in `keys` with a higher data sequence number. Row groups
/// whose statistics or Bloom filters rule every key out are not read.
///
/// # Errors
/// As for [`FileReader::open`].
pub(crate) async fn matching_rows(table: &Table, data: &Arc<FileEntry>, keys: &KeySet) -> Result<RoaringTreemap> {
    let reader = FileReader::open(table, data).await?;
    let row_groups = match keys.to_ranges()? {
        Some(ranges) => Some(reader.row_groups_that_may_hold(&ranges).await?),
        None => None,
    };
    let projection = Projection::keys(table, keys.ids())?;
    let mut rows = RoaringTreemap::new();
    if row_groups.as_ref().is_some_and(Vec::is_empty) {
        return Ok(rows);
    }
    let mut batches = reader.read(&projection, RowSelect { row_groups, ..RowSelect::default() }, BATCH_ROWS);
    while let Some(batch) = batches.next().await? {
        let mut found = Vec::new();
        keys.probe(batch.batch.columns(), data.data_sequence_number, |index| {
            found.extend(batch.positions.get(index));
        })?;
        // Positions ascend from batch to batch, so they can be appended, which is faster than inserting.
        rows.append(found).map_err(|_| TableError::internal("positions of a file do not ascend"))?;
    }
    Ok(rows)
}

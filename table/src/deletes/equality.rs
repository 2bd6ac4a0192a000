//! Equality delete files: keys of deleted rows.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_schema::DataType;
use async_recursion::async_recursion as boxed;

use super::key_map::{KeyMap, KeyPart};
use crate::file::FileEntry;
use crate::ids::{DataSequenceNumber, FieldId};
use crate::scan::{FileReader, KeyRanges, Projection, RowSelect};
use crate::table::Table;
use crate::{Result, TableError, on_pool};

/// Rows of a delete file read at once.
const BATCH_ROWS: usize = 8192;

/// With more keys than this, looking at them one by one costs more than it saves.
const N_PRUNING_KEYS_MAX: usize = 100_000;

/// What one key takes in memory: an entry of a half-full hash table and its share of the filter.
const LONG_KEY_BYTES: u64 = 48;

/// The same for encoded keys of ordinary size.
const ROW_KEY_BYTES: u64 = 128;

/// Parts that keys are divided into at most.
const N_PARTS_MAX: u32 = 1 << 12;

/// How much memory a key set may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeySetLimit {
    /// Bytes.
    pub bytes_max: u64,
}

/// The keys that equality deletes over one set of columns name, each with the highest data sequence number
/// of a delete that names it. A row is deleted if its own number is lower: one set serves all data files in
/// the deletes' scope, whatever their numbers. Source: Iceberg spec, "Scan Planning".
pub struct KeySet {
    ids: Vec<FieldId>,
    types: Vec<DataType>,
    keys: KeyMap,
}

impl std::fmt::Debug for KeySet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeySet").field("ids", &self.ids).field("n_keys", &self.n_keys()).finish_non_exhaustive()
    }
}

impl KeySet {
    /// An empty set over the columns `ids`.
    ///
    /// # Errors
    /// As for [`Projection::keys`]; [`TableError::InvalidRequest`] if the columns' types cannot be compared.
    pub fn new(table: &Table, ids: &[FieldId]) -> Result<Self> {
        let projection = Projection::keys(table, ids)?;
        let types: Vec<_> = projection.arrow_schema().fields().iter().map(|field| field.data_type().clone()).collect();
        Ok(Self { ids: ids.to_vec(), keys: KeyMap::new(&types)?, types })
    }

    /// Reads those keys of `files` (equality delete files over the columns `ids`) that belong to `part`,
    /// and, with `restrict`, only those that it holds too. `None` if they take more than `limit`.
    ///
    /// # Errors
    /// As for [`FileReader::open`].
    #[boxed]
    pub async fn load(
        table: &Table,
        ids: &[FieldId],
        files: &[Arc<FileEntry>],
        part: KeyPart,
        restrict: Option<&Arc<Self>>,
        limit: KeySetLimit,
    ) -> Result<Option<Self>> {
        let mut set = Self::new(table, ids)?;
        if restrict.is_none() {
            set.reserve(files, part, limit);
        }
        let projection = Projection::keys(table, ids)?;
        for file in files {
            let mut batches = FileReader::open(table, file).await?.read(&projection, RowSelect::default(), BATCH_ROWS);
            let number = file.data_sequence_number;
            while let Some(batch) = batches.next().await? {
                let columns = batch.batch.columns().to_vec();
                let restrict = restrict.cloned();
                set = on_pool(move || {
                    let only = restrict.as_deref().map(|set| &set.keys);
                    set.keys.insert(&columns, number.get(), part, only).map(|()| set)
                })
                .await??;
                if set.size_bytes() > limit.bytes_max {
                    return Ok(None);
                }
            }
        }
        Ok(Some(set))
    }

    /// Room for all keys at once: growing step by step would need half as much again at its last step.
    fn reserve(&mut self, files: &[Arc<FileEntry>], part: KeyPart, limit: KeySetLimit) {
        let n_keys = n_keys(files) / u64::from(part.n_parts);
        // What metadata says of a file's size is believed only as far as the limit goes.
        let n_keys = (n_keys + n_keys / 64).min(limit.bytes_max / LONG_KEY_BYTES);
        self.keys.reserve(usize::try_from(n_keys).unwrap_or(0));
    }

    /// Adds the keys of some rows, as deleted below `number`.
    ///
    /// # Errors
    /// [`TableError::Internal`] if the columns are not those of the set.
    pub fn insert(&mut self, columns: &[ArrayRef], number: DataSequenceNumber) -> Result<()> {
        self.keys.insert(columns, number.get(), KeyPart::WHOLE, None)
    }

    /// Calls `deleted` with the index of each row of `columns` that the set deletes from a data file with
    /// data sequence number `number`.
    ///
    /// # Errors
    /// [`TableError::Internal`] if the columns are not those of the set.
    pub fn probe(&self, columns: &[ArrayRef], number: DataSequenceNumber, deleted: impl FnMut(usize)) -> Result<()> {
        self.keys.probe(columns, number.get(), deleted)
    }

    /// The columns that are compared.
    pub fn ids(&self) -> &[FieldId] {
        &self.ids
    }

    /// Distinct keys.
    pub fn n_keys(&self) -> usize {
        self.keys.n_keys()
    }

    /// No key.
    pub fn is_empty(&self) -> bool {
        self.n_keys() == 0
    }

    /// Memory that the keys take.
    pub fn size_bytes(&self) -> u64 {
        self.keys.size_bytes()
    }

    /// The keys themselves, to leave out row groups that hold none of them; `None` if there are too many to
    /// be worth the look.
    ///
    /// # Errors
    /// [`TableError::Internal`] if a key cannot be decoded again.
    pub fn to_ranges(&self) -> Result<Option<KeyRanges>> {
        if self.n_keys() > N_PRUNING_KEYS_MAX {
            return Ok(None);
        }
        Ok(Some(KeyRanges { ids: self.ids.clone(), arrays: self.keys.to_arrays(&self.types)? }))
    }
}

/// Into how many parts the keys of `files` have to be divided, so that one part fits `limit`.
///
/// # Errors
/// [`TableError::MemoryLimit`] if the limit is too small for any division.
pub(super) fn n_parts(table: &Table, ids: &[FieldId], files: &[Arc<FileEntry>], limit: KeySetLimit) -> Result<u32> {
    let key_bytes = match (ids, ids.first().and_then(|id| table.primitive_type(*id))) {
        ([_], Some(only)) if !matches!(only, iceberg::spec::PrimitiveType::String) => LONG_KEY_BYTES,
        _ => ROW_KEY_BYTES,
    };
    let needed = n_keys(files).saturating_mul(key_bytes);
    let n_parts = needed.div_ceil(limit.bytes_max.max(1)).max(1).checked_next_power_of_two();
    let n_parts = n_parts.and_then(|n| u32::try_from(n).ok()).filter(|n| *n <= N_PARTS_MAX);
    n_parts.ok_or_else(|| too_small(needed, limit))
}

/// What metadata says, which nobody has checked yet.
fn n_keys(files: &[Arc<FileEntry>]) -> u64 {
    files.iter().fold(0, |sum, file| sum.saturating_add(file.record_count))
}

/// The next finer division, when a part turned out larger than its estimate.
pub(super) fn finer(n_parts: u32, limit: KeySetLimit) -> Result<u32> {
    let finer = n_parts.saturating_mul(2);
    if finer > N_PARTS_MAX {
        return Err(too_small(limit.bytes_max.saturating_mul(2), limit));
    }
    Ok(finer)
}

fn too_small(needed_bytes: u64, limit: KeySetLimit) -> TableError {
    TableError::MemoryLimit {
        needed_bytes,
        limit_bytes: limit.bytes_max,
        detail: "keys of equality deletes, in any number of parts; raise --memory-limit".to_owned(),
    }
}

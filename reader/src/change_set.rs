//! The change set of one snapshot: resolved as a whole, then emitted file by file.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use arrow_array::{Array, BooleanArray, RecordBatch};
use arrow_schema::SchemaRef;
use arrow_select::filter::filter_record_batch;
use arrow_select::interleave::interleave_record_batch;
use frazil_table::changes::RowChanges;
use frazil_table::file::FileEntry;
use frazil_table::scan::PositionedBatch;
use frazil_table::{Table, TableError};
use roaring::RoaringTreemap;

use crate::Result;
use crate::error::ReadError;
use crate::event::ChangelogOperation;
use crate::images::{Images, ImagesBuilder};
use crate::options::DuplicateKeys;
use crate::resolution::{Candidate, DuplicateKey, Resolution, RowRef, Unchanged};
use crate::row_hash::RowHasher;
use crate::source::{Layout, OutputRows, Pick, Source, batch_bytes};

/// Memory that one row takes while it is resolved.
const CANDIDATE_BYTES: u64 = 96;

/// Size of decoded rows against that of their file, roughly: to guess what fits in memory.
const DECODED_RATIO: u64 = 4;

/// Parts that the rows of one snapshot are resolved in at most.
const N_PARTS_MAX: u64 = 1 << 12;

/// How a change set is computed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) duplicate_keys: DuplicateKeys,
    pub(crate) unchanged: Unchanged,
    pub(crate) memory_limit_bytes: u64,
    pub(crate) batch_rows: usize,
    /// `_row_id`s from here on were given out by the snapshot itself: such rows are new.
    pub(crate) first_new_row_id: Option<u64>,
}

/// Why a change set could not be resolved.
pub(crate) enum ResolveError {
    DuplicateKey,
    Read(ReadError),
}

impl<E: Into<ReadError>> From<E> for ResolveError {
    fn from(error: E) -> Self {
        Self::Read(error.into())
    }
}

impl From<DuplicateKey> for ResolveError {
    fn from(DuplicateKey: DuplicateKey) -> Self {
        Self::DuplicateKey
    }
}

/// The resolved change set of one snapshot.
#[derive(Debug)]
pub(crate) struct ChangeSet {
    table: Table,
    layout: Layout,
    settings: Settings,
    removed: Vec<Source>,
    added: Vec<Source>,
    resolution: Resolution,
    /// Removed rows, by source, that are before images.
    before: BTreeMap<u32, RoaringTreemap>,
    images: Option<Arc<Images>>,
}

impl ChangeSet {
    /// Computes what becomes of each row. No row has been emitted before that is known.
    pub(crate) async fn resolve(
        table: &Table,
        rows: RowChanges,
        layout: Layout,
        settings: Settings,
    ) -> std::result::Result<Self, ResolveError> {
        let sources = |rows: Vec<_>| rows.into_iter().map(Source::new).collect();
        let mut set = Self {
            table: table.clone(),
            layout,
            settings,
            removed: sources(rows.removed),
            added: sources(rows.added),
            resolution: Resolution::default(),
            before: BTreeMap::new(),
            images: None,
        };
        if !set.removed.is_empty() && !set.added.is_empty() {
            set.resolve_rows().await?;
            set.keep_images().await?;
        }
        Ok(set)
    }

    /// Rows that are added and removed, without those that were carried over.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let count = |sources: &[Source], carried: &BTreeMap<u32, RoaringTreemap>| -> u64 {
            let all: u64 = sources.iter().map(|source| source.rows.n_rows()).sum();
            all.saturating_sub(carried.values().map(RoaringTreemap::len).sum())
        };
        (count(&self.added, &self.resolution.carried_added), count(&self.removed, &self.resolution.carried_removed))
    }

    async fn resolve_rows(&mut self) -> std::result::Result<(), ResolveError> {
        let hashers = Hashers::new(&self.layout)?;
        let budget = self.settings.memory_limit_bytes / 4;
        let n_removed: u64 = self.removed.iter().map(|source| source.rows.n_rows()).sum();
        let mut n_parts =
            n_removed.saturating_mul(2 * CANDIDATE_BYTES).div_ceil(budget.max(1)).max(1).next_power_of_two();
        loop {
            match self.resolve_in_parts(&hashers, n_parts, budget).await? {
                Outcome::Resolved => return Ok(()),
                Outcome::TooLarge if n_parts < N_PARTS_MAX => n_parts *= 2,
                Outcome::TooLarge => return Err(self.too_small(self.settings.memory_limit_bytes).into()),
            }
        }
    }

    /// One pass over the rows of both sides for each part of the keys (of the whole rows, without a key).
    async fn resolve_in_parts(
        &mut self,
        hashers: &Hashers,
        n_parts: u64,
        budget: u64,
    ) -> std::result::Result<Outcome, ResolveError> {
        self.resolution = Resolution::default();
        let mut left = (Vec::new(), Vec::new());
        for part in 0..n_parts {
            let part = Part { part, n_parts };
            let Some(removed) = self.candidates(Side::Removed, hashers, part, None, budget / 2).await? else {
                return Ok(Outcome::TooLarge);
            };
            let wanted = Wanted::of(&removed);
            let Some(added) = self.candidates(Side::Added, hashers, part, Some(&wanted), budget / 2).await? else {
                return Ok(Outcome::TooLarge);
            };
            if self.layout.has_key() {
                self.resolution.resolve(removed, added, self.settings.duplicate_keys, self.settings.unchanged)?;
            } else {
                // Row ids pair across parts, which are made by the values of whole rows.
                let (removed, added) = self.resolution.carry_over(removed, added, self.settings.unchanged);
                left.0.extend(removed.into_iter().filter(|row| row.key.is_some()));
                left.1.extend(added.into_iter().filter(|row| row.key.is_some()));
            }
            let left_bytes = (left.0.len() + left.1.len()) as u64 * CANDIDATE_BYTES;
            if self.resolution.size_bytes() + left_bytes > self.settings.memory_limit_bytes / 2 {
                return Err(self.too_small(self.resolution.size_bytes() + left_bytes).into());
            }
        }
        left.0.sort_unstable_by_key(|row: &Candidate| row.at);
        left.1.sort_unstable_by_key(|row: &Candidate| row.at);
        self.resolution.pair(&left.0, &left.1, self.settings.duplicate_keys)?;
        Ok(Outcome::Resolved)
    }

    fn too_small(&self, needed_bytes: u64) -> ReadError {
        TableError::MemoryLimit {
            needed_bytes: needed_bytes.saturating_mul(2),
            limit_bytes: self.settings.memory_limit_bytes,
            detail: "pairing the rows that one snapshot removed and added; raise --memory-limit".to_owned(),
        }
        .into()
    }

    /// The rows of one side that may belong to one of the other, in order; `None` if they are too many.
    async fn candidates(
        &mut self,
        side: Side,
        hashers: &Hashers,
        part: Part,
        wanted: Option<&Wanted>,
        budget: u64,
    ) -> Result<Option<Vec<Candidate>>> {
        let Self { table, layout, settings, removed, added, .. } = self;
        let sources = match side {
            Side::Removed => removed,
            Side::Added => added,
        };
        let mut found: Vec<Candidate> = Vec::new();
        // Small sides are kept, so that emitting them needs no second read.
        let mut keep_bytes = if part.n_parts == 1 { settings.memory_limit_bytes / 8 } else { 0 };
        for (index, source) in sources.iter_mut().enumerate() {
            let index = u32::try_from(index).map_err(|_| internal("more than 2^32 files"))?;
            let is_large = source.rows.file.file_size_bytes.saturating_mul(DECODED_RATIO) > keep_bytes;
            let pick = match wanted {
                // Few rows of a large file have a partner, as a rule: their keys tell which.
                Some(wanted) if is_large && layout.has_key() && !source.is_kept() => {
                    let rows = rows_with_keys(source, table, layout, &hashers.key, wanted, settings.batch_rows).await?;
                    if rows.is_empty() {
                        continue;
                    }
                    Pick::Only(Arc::new(rows))
                }
                _ => Pick::All,
            };
            let mut kept = matches!(pick, Pick::All).then(Vec::new);
            let mut rows = source.read_all(table, layout, pick, settings.batch_rows).await?;
            while let Some(batch) = rows.next().await? {
                let hashed = hashers.hash(layout, &batch.batch, part, wanted, settings.first_new_row_id)?;
                for (row, key, hash) in hashed {
                    let position = batch.positions.get(row).ok_or_else(|| internal("a row has no position"))?;
                    found.push(Candidate { at: RowRef { source: index, position }, key, row: hash });
                }
                if found.len() as u64 * CANDIDATE_BYTES > budget {
                    return Ok(None);
                }
                keep(&mut kept, &mut keep_bytes, batch);
            }
            match kept {
                Some(batches) if part.n_parts == 1 => source.keep(batches),
                _ => source.forget(),
            }
        }
        Ok(Some(found))
    }

    /// Reads the rows that are before images, in order.
    async fn keep_images(&mut self) -> Result<()> {
        if self.resolution.pairs.is_empty() {
            return Ok(());
        }
        for row in self.resolution.pairs.values() {
            self.before.entry(row.source).or_default().insert(row.position);
        }
        let schema = self.layout.output_projection.arrow_schema().clone();
        let mut images = ImagesBuilder::new(schema, self.settings.memory_limit_bytes / 8);
        for (index, positions) in &self.before {
            let Some(source) = self.removed.get(*index as usize) else { continue };
            let pick = Pick::Only(Arc::new(positions.clone()));
            let mut rows = source.read_output(&self.table, &self.layout, pick, 0, self.settings.batch_rows).await?;
            while let Some(batch) = rows.next(&self.layout).await? {
                let refs: Vec<RowRef> = (0..batch.batch.num_rows())
                    .filter_map(|row| batch.positions.get(row))
                    .map(|position| RowRef { source: *index, position })
                    .collect();
                images.push(refs.into_iter(), batch.batch)?;
            }
        }
        self.images = Some(Arc::new(images.finish()?));
        Ok(())
    }

    /// The file of each source of removed rows, in order.
    pub(crate) fn removed_files(&self) -> Vec<Arc<FileEntry>> {
        self.removed.iter().map(|source| source.rows.file.clone()).collect()
    }

    /// The file of each source of added rows, in order.
    pub(crate) fn added_files(&self) -> Vec<Arc<FileEntry>> {
        self.added.iter().map(|source| source.rows.file.clone()).collect()
    }

    /// Schema of what is opened.
    pub(crate) fn output_schema(&self) -> &SchemaRef {
        self.layout.output_projection.arrow_schema()
    }

    /// The rows of a source that disappeared, from a position on.
    pub(crate) async fn open_removed(&self, index: usize, first_position: u64) -> Result<OutputRows> {
        let key = u32::try_from(index).map_err(|_| internal("more than 2^32 files"))?;
        let mut left_out = self.resolution.carried_removed.get(&key).cloned().unwrap_or_default();
        if let Some(before) = self.before.get(&key) {
            left_out |= before;
        }
        self.open(&self.removed, index, Pick::except(Some(&left_out)), first_position).await
    }

    /// The rows of a source that appeared, from a position on, updated ones included.
    pub(crate) async fn open_added(&self, index: usize, first_position: u64) -> Result<OutputRows> {
        let key = u32::try_from(index).map_err(|_| internal("more than 2^32 files"))?;
        self.open(&self.added, index, Pick::except(self.resolution.carried_added.get(&key)), first_position).await
    }

    async fn open(&self, sources: &[Source], index: usize, pick: Pick, first_position: u64) -> Result<OutputRows> {
        let source = sources.get(index).ok_or_else(|| internal("a source is gone"))?;
        source.read_output(&self.table, &self.layout, pick, first_position, self.settings.batch_rows).await
    }

    /// The next rows of what was opened; `None` at the end. No batch is empty.
    pub(crate) async fn next_of(&self, rows: &mut OutputRows) -> Result<Option<PositionedBatch>> {
        rows.next(&self.layout).await
    }

    /// The changes that added rows of a source are: inserts, and updates with their before images in front.
    pub(crate) async fn with_before_images(
        &self,
        index: usize,
        batch: PositionedBatch,
    ) -> Result<(Vec<ChangelogOperation>, RecordBatch)> {
        let n_rows = batch.batch.num_rows();
        let source = u32::try_from(index).map_err(|_| internal("more than 2^32 files"))?;
        let before: Vec<Option<RowRef>> = (0..n_rows)
            .map(|row| {
                let at = RowRef { source, position: batch.positions.get(row)? };
                self.resolution.pairs.get(&at).copied()
            })
            .collect();
        let (Some(images), true) = (&self.images, before.iter().any(Option::is_some)) else {
            return Ok((vec![ChangelogOperation::Insert; n_rows], batch.batch));
        };
        let images = images.gather(before.iter().copied().flatten().collect()).await?;
        let mut operations = Vec::with_capacity(n_rows + images.num_rows());
        let mut places = Vec::with_capacity(n_rows + images.num_rows());
        let mut next_image = 0;
        for (row, before) in before.iter().enumerate() {
            if before.is_some() {
                operations.extend([ChangelogOperation::UpdateBefore, ChangelogOperation::UpdateAfter]);
                places.push((0, next_image));
                next_image += 1;
            } else {
                operations.push(ChangelogOperation::Insert);
            }
            places.push((1, row));
        }
        let rows =
            interleave_record_batch(&[&images, &batch.batch], &places).map_err(|error| internal(&error.to_string()))?;
        Ok((operations, rows))
    }
}

/// Positions of the rows of a source whose key is wanted; reads key columns only.
async fn rows_with_keys(
    source: &Source,
    table: &Table,
    layout: &Layout,
    hasher: &RowHasher,
    wanted: &Wanted,
    batch_rows: usize,
) -> Result<RoaringTreemap> {
    let mut found = RoaringTreemap::new();
    let mut rows = source.read_keys(table, layout, batch_rows).await?;
    while let Some(batch) = rows.next().await? {
        let keys = hasher.hash(batch.batch.columns(), batch.batch.num_rows())?;
        let hits = keys.iter().enumerate().filter(|(_, key)| wanted.keys.contains(key));
        found.extend(hits.filter_map(|(row, _)| batch.positions.get(row)));
    }
    Ok(found)
}

fn internal(detail: &str) -> ReadError {
    TableError::Internal { detail: detail.to_owned() }.into()
}

fn keep(kept: &mut Option<Vec<PositionedBatch>>, left_bytes: &mut u64, batch: PositionedBatch) {
    let bytes = batch_bytes(&batch.batch);
    match kept {
        Some(batches) if bytes <= *left_bytes => {
            *left_bytes -= bytes;
            batches.push(batch);
        }
        _ => *kept = None,
    }
}

enum Outcome {
    Resolved,
    TooLarge,
}

#[derive(Clone, Copy)]
enum Side {
    Removed,
    Added,
}

#[derive(Clone, Copy)]
struct Part {
    part: u64,
    n_parts: u64,
}

impl Part {
    #[allow(clippy::cast_possible_truncation)] // any 64 bits of the hash will do
    fn contains(self, hash: u128) -> bool {
        hash as u64 & (self.n_parts - 1) == self.part
    }
}

/// What an added row must have in common with a removed one to be looked at.
struct Wanted {
    keys: HashSet<u128>,
    rows: HashSet<u128>,
}

impl Wanted {
    fn of(removed: &[Candidate]) -> Self {
        Self {
            keys: removed.iter().filter_map(|row| row.key).collect(),
            rows: removed.iter().map(|row| row.row).collect(),
        }
    }
}

struct Hashers {
    key: RowHasher,
    row: RowHasher,
}

/// Row of a batch, hash of its key (or its `_row_id`), hash of all its columns.
type HashedRow = (usize, Option<u128>, u128);

impl Hashers {
    fn new(layout: &Layout) -> Result<Self> {
        Ok(Self { key: RowHasher::new(layout.key_fields())?, row: RowHasher::new(layout.whole_fields())? })
    }

    /// Hashes those rows of a batch that are in `part`, and on the added side can match a removed row.
    fn hash(
        &self,
        layout: &Layout,
        batch: &RecordBatch,
        part: Part,
        wanted: Option<&Wanted>,
        first_new_row_id: Option<u64>,
    ) -> Result<Vec<HashedRow>> {
        if !layout.has_key() {
            return self.hash_without_key(layout, batch, part, wanted, first_new_row_id);
        }
        let keys = self.key.hash(layout.keys(batch), batch.num_rows())?;
        let is_candidate = |key: &u128| part.contains(*key) && wanted.is_none_or(|wanted| wanted.keys.contains(key));
        let rows: Vec<usize> =
            keys.iter().enumerate().filter(|(_, key)| is_candidate(key)).map(|(row, _)| row).collect();
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        // Whole rows are hashed for candidates only.
        let hashes = if rows.len() == batch.num_rows() {
            self.row.hash(layout.whole(batch), batch.num_rows())?
        } else {
            let mask: BooleanArray = keys.iter().map(|key| Some(is_candidate(key))).collect();
            let whole: Vec<usize> = (0..layout.n_whole).collect();
            let whole = batch.project(&whole).map_err(|error| internal(&error.to_string()))?;
            let picked = filter_record_batch(&whole, &mask).map_err(|error| internal(&error.to_string()))?;
            self.row.hash(picked.columns(), picked.num_rows())?
        };
        Ok(rows.into_iter().zip(hashes).map(|(row, hash)| (row, keys.get(row).copied(), hash)).collect())
    }

    fn hash_without_key(
        &self,
        layout: &Layout,
        batch: &RecordBatch,
        part: Part,
        wanted: Option<&Wanted>,
        first_new_row_id: Option<u64>,
    ) -> Result<Vec<HashedRow>> {
        let row_ids = layout.row_ids(batch);
        let hashes = self.row.hash(layout.whole(batch), batch.num_rows())?;
        let row_id = |row: usize| -> Option<u128> {
            let ids = row_ids.filter(|ids| ids.is_valid(row))?;
            let id = u64::try_from(ids.value(row)).ok()?;
            first_new_row_id.is_none_or(|first| id < first).then_some(u128::from(id))
        };
        Ok(hashes
            .into_iter()
            .enumerate()
            .filter(|(_, hash)| part.contains(*hash))
            .map(|(row, hash)| (row, row_id(row), hash))
            .filter(|(_, key, hash)| wanted.is_none_or(|wanted| key.is_some() || wanted.rows.contains(hash)))
            .collect())
    }
}

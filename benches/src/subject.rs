//! What is measured: our reads, and the bare decode that they are compared with.

use std::fs::File;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, RecordBatch};
use bytes::Bytes;
use frazil_reader::{Event, From, Mode, ReadOptions, RowsOptions, read_changes, read_rows};
use frazil_table::catalog::{TableLocator, load_table};
use frazil_table::deletes::{DeleteIndex, FileWithDeletes, KeyPart, KeySet, KeySetLimit, deleted_positions};
use frazil_table::file::FileEntry;
use frazil_table::manifest::{LiveFiles, live_files, manifest_list};
use frazil_table::scan::{FileReader, Projection, RowSelect};
use frazil_table::storage::{Storage, StorageCounters};
use frazil_table::{FieldId, SnapshotId, Table};
use iceberg::spec::SnapshotRef;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::reader::ChunkReader;
use parquet::schema::types::SchemaDescriptor;

use crate::events::ID;

/// Rows of one batch, for every subject.
pub const BATCH_ROWS: usize = 8192;

/// Rows that a subject has delivered, or found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Found {
    /// Their number.
    pub n_rows: u64,
    /// Sum of the column `id`, if there is one.
    pub id_sum: i64,
}

impl Found {
    /// Where all batches end.
    fn discard(&mut self, batch: &RecordBatch) {
        self.n_rows += batch.num_rows() as u64;
        if let Some(ids) = batch.column_by_name(ID).and_then(|ids| ids.as_primitive_opt::<Int64Type>()) {
            self.id_sum += ids.values().iter().sum::<i64>();
        }
    }
}

/// A table on the local disk, by its folder or metadata file.
///
/// # Errors
/// It is not there or cannot be read.
pub async fn load(path: &str) -> Result<Table> {
    Ok(load_table(&TableLocator::Path(path.to_owned()), &Storage::local()).await?)
}

fn head(table: &Table) -> Result<&SnapshotRef> {
    table.metadata().current_snapshot().context("the table has no snapshot")
}

/// The files of a table's current snapshot.
///
/// # Errors
/// A manifest cannot be read.
pub async fn files(table: &Table) -> Result<LiveFiles> {
    Ok(live_files(table, head(table)?).await?)
}

/// How the bare decode gets at a file's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BareInput {
    /// As the parquet crate reads an open file: page by page, through a small buffer.
    File,
    /// The whole file is read first.
    Memory,
}

/// The floor: decodes every column of the data files one after the other, as the parquet crate does it, and
/// applies no delete.
///
/// # Errors
/// A file cannot be read.
pub fn bare_decode(files: &LiveFiles, input: BareInput) -> Result<Found> {
    let mut found = Found::default();
    for file in &files.data {
        match input {
            BareInput::File => bare(File::open(file.key())?, |_| ProjectionMask::all(), &mut found)?,
            BareInput::Memory => {
                bare(Bytes::from(std::fs::read(file.key())?), |_| ProjectionMask::all(), &mut found)?;
            }
        }
    }
    Ok(found)
}

/// The same for the key column of the equality deletes only.
///
/// # Errors
/// A file cannot be read.
pub fn bare_key_decode(table: &Table, files: &LiveFiles) -> Result<Found> {
    let schema = table.metadata().current_schema();
    let name = schema.name_by_field_id(key_id(files)?.get()).context("the table has no such key column")?;
    let mut found = Found::default();
    for file in &files.data {
        bare(File::open(file.key())?, |schema| ProjectionMask::columns(schema, [name]), &mut found)?;
    }
    Ok(found)
}

fn bare(
    input: impl ChunkReader + 'static,
    columns: impl Fn(&SchemaDescriptor) -> ProjectionMask,
    found: &mut Found,
) -> Result<()> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(input)?;
    let columns = columns(builder.parquet_schema());
    for batch in builder.with_projection(columns).with_batch_size(BATCH_ROWS).build()? {
        found.discard(&batch?);
    }
    Ok(())
}

/// Every row that appends have added, from the first snapshot on.
///
/// # Errors
/// The table cannot be read, or not all of its snapshots only add.
pub async fn append(table: &Table) -> Result<Found> {
    changes(table, From::Earliest).await
}

async fn changes(table: &Table, from: From) -> Result<Found> {
    let options = ReadOptions { mode: Mode::Append, from, batch_rows: BATCH_ROWS, ..ReadOptions::default() };
    let mut stream = read_changes(table, options).await?;
    let mut found = Found::default();
    while let Some(event) = stream.next().await? {
        if let Event::Changes(batch) = event {
            found.discard(&batch.rows);
        }
    }
    Ok(found)
}

/// The live rows of the current snapshot.
///
/// # Errors
/// The table cannot be read.
pub async fn rows(table: &Table, memory_limit_bytes: Option<u64>) -> Result<Found> {
    let mut options = RowsOptions { batch_rows: BATCH_ROWS, ..RowsOptions::default() };
    options.memory_limit_bytes = memory_limit_bytes.unwrap_or(options.memory_limit_bytes);
    let mut stream = read_rows(table, options).await?;
    let mut found = Found::default();
    while let Some(batch) = stream.next().await? {
        found.discard(&batch);
    }
    Ok(found)
}

/// Finds the rows that the equality deletes of the current snapshot remove, from key columns only. `n_rows` are
/// the rows looked at.
///
/// # Errors
/// The table cannot be read.
pub async fn semi_join(table: &Table) -> Result<(Found, u64)> {
    let files = files(table).await?;
    let index = DeleteIndex::new(table, &files.deletes)?;
    let group: Vec<FileWithDeletes> =
        files.data.iter().map(|file| (file.clone(), index.for_file(table, file))).collect();
    let limit = KeySetLimit { bytes_max: ReadOptions::default().memory_limit_bytes / 2 };
    let deleted = deleted_positions(table, &group, limit).await?;
    let n_rows = files.data.iter().map(|file| file.record_count).sum();
    Ok((Found { n_rows, id_sum: 0 }, deleted.values().map(|positions| positions.len()).sum()))
}

/// The keys of a table's equality deletes, loaded.
///
/// # Errors
/// The table cannot be read.
pub async fn keys(table: &Table, files: &LiveFiles) -> Result<KeySet> {
    let limit = KeySetLimit { bytes_max: u64::MAX };
    let keys = KeySet::load(table, &[key_id(files)?], &files.deletes, KeyPart::WHOLE, None, limit).await?;
    keys.context("the keys do not fit into memory")
}

fn key_id(files: &LiveFiles) -> Result<FieldId> {
    let ids = files.deletes.first().map(|file| file.equality_ids.as_slice());
    ids.and_then(<[FieldId]>::first).copied().context("the table has no equality deletes")
}

/// What is left of a semi-join once the keys are loaded: decodes the key column and looks it up. Returns the
/// number of rows looked at and of those found.
///
/// # Errors
/// The table cannot be read.
pub async fn key_scan(table: &Table, files: &LiveFiles, keys: &KeySet) -> Result<(Found, u64)> {
    let projection = Projection::keys(table, keys.ids())?;
    let (mut found, mut n_deleted) = (Found::default(), 0);
    for file in &files.data {
        let mut stream = FileReader::open(table, file).await?.read(&projection, RowSelect::default(), BATCH_ROWS);
        while let Some(batch) = stream.next().await? {
            keys.probe(batch.batch.columns(), file.data_sequence_number, |_| n_deleted += 1)?;
            found.n_rows += batch.batch.num_rows() as u64;
        }
    }
    Ok((found, n_deleted))
}

/// Loaded keys and a decoded key column: what is left of a semi-join is the look-up itself.
#[derive(Debug)]
pub struct Probe {
    keys: KeySet,
    batches: Vec<(Arc<FileEntry>, ArrayRef)>,
}

impl Probe {
    /// Reads keys and key column.
    ///
    /// # Errors
    /// The table cannot be read.
    pub async fn new(table: &Table) -> Result<Self> {
        let files = files(table).await?;
        let keys = keys(table, &files).await?;
        let projection = Projection::keys(table, keys.ids())?;
        let mut batches = Vec::new();
        for file in &files.data {
            let mut stream = FileReader::open(table, file).await?.read(&projection, RowSelect::default(), BATCH_ROWS);
            while let Some(batch) = stream.next().await? {
                batches.push((file.clone(), batch.batch.column(0).clone()));
            }
        }
        Ok(Self { keys, batches })
    }

    /// Looks up every row. Returns the number of rows looked at and of those found.
    ///
    /// # Errors
    /// None that a caller could provoke.
    pub fn run(&self) -> Result<(Found, u64)> {
        let (mut found, mut n_deleted) = (Found::default(), 0);
        for (file, keys) in &self.batches {
            self.keys.probe(std::slice::from_ref(keys), file.data_sequence_number, |_| n_deleted += 1)?;
            found.n_rows += keys.len() as u64;
        }
        Ok((found, n_deleted))
    }
}

/// What reading the newest append asked of the store.
#[derive(Debug, Clone, Copy)]
pub struct NewestAppend {
    /// Rows of the append.
    pub found: Found,
    /// The metadata file.
    pub metadata: StorageCounters,
    /// The manifest list of the newest snapshot.
    pub manifest_list: StorageCounters,
    /// Everything else: manifests and data.
    pub rest: StorageCounters,
    /// Manifests in that list.
    pub n_manifests: usize,
}

/// Loads a table and reads what its newest snapshot added.
///
/// # Errors
/// The table cannot be read.
pub async fn newest_append(path: &str) -> Result<NewestAppend> {
    // Once as any reader does it, and once step by step: the manifest list is then read ahead, and is in memory
    // when the reader wants it. Both must ask for the same.
    let table = load(path).await?;
    let found = changes(&table, after_parent(&table)?).await?;
    let all = table.storage().counters();

    let table = load(path).await?;
    let counters = || table.storage().counters();
    let metadata = counters();
    let n_manifests = manifest_list(&table, head(&table)?).await?.len();
    let list = minus(counters(), metadata);
    changes(&table, after_parent(&table)?).await?;
    ensure!(counters() == all, "reading the manifest list ahead changed what was asked for");
    let rest = minus(minus(all, metadata), list);
    Ok(NewestAppend { found, metadata, manifest_list: list, rest, n_manifests })
}

fn after_parent(table: &Table) -> Result<From> {
    let parent = head(table)?.parent_snapshot_id().context("the table has one snapshot only")?;
    Ok(From::SnapshotExclusive(SnapshotId::new(parent)))
}

fn minus(all: StorageCounters, part: StorageCounters) -> StorageCounters {
    StorageCounters {
        n_requests: all.n_requests.saturating_sub(part.n_requests),
        n_bytes_read: all.n_bytes_read.saturating_sub(part.n_bytes_read),
    }
}

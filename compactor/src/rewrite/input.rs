//! What a group's inputs have that is to be written, one file after the other.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::RecordBatch;
use frazil_table::deletes::{FileWithDeletes, GroupDeletes, LiveRows};
use frazil_table::file::FileEntry;
use frazil_table::scan::{Projection, RowSelect};
use frazil_table::write::{CopiedRowGroup, CopySource, WriteOptions};
use frazil_table::{Table, TableError};
use futures::{FutureExt, StreamExt, stream};
use roaring::RoaringTreemap;
use tokio::sync::mpsc::Sender;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::checksum::Summing;
use super::internal;
use crate::Result;
use crate::result::MappedInput;

/// Rows of a batch. Encoding looks at fewer at a time, and what comes with each batch does not count.
const BATCH_ROWS: usize = 8192;

/// Files that are opened while one is read.
const FILES_AHEAD: usize = 4;

/// What is written next.
#[derive(Debug)]
pub(super) enum Piece {
    /// Live rows, decoded.
    Rows(RecordBatch),
    /// A row group as it is, and its share of the memory for such.
    RowGroup(CopiedRowGroup, OwnedSemaphorePermit),
    /// Everything was read. Without it something is missing.
    End,
}

/// An input that was read to its end.
#[derive(Debug)]
pub(super) struct ReadInput {
    key: String,
    /// With deleted ones.
    pub(super) n_rows: u64,
    pub(super) deleted: RoaringTreemap,
    /// Those of them that a deletion vector or a position delete removed.
    by_position: RoaringTreemap,
}

impl ReadInput {
    /// As [`RowMap::new`](crate::RowMap::new) takes it.
    pub(super) fn into_mapped(self) -> MappedInput {
        MappedInput { key: self.key, n_rows: self.n_rows, deleted: self.deleted, by_position: self.by_position }
    }
}

/// Which row groups are copied, and in how much memory.
#[derive(Debug, Clone)]
pub(super) struct Copying {
    options: WriteOptions,
    /// Smaller row groups are decoded, so that they come together in larger ones.
    bytes_min: u64,
    /// Larger ones are decoded, which can be done in parts.
    bytes_max: u64,
    /// Kilobytes.
    memory: Arc<Semaphore>,
}

/// Bytes that one permit stands for.
const PERMIT_BYTES: u64 = 1024;

impl Copying {
    /// For files written with `options`, whose row groups are as the table asks; `bytes_max` is all that row groups
    /// on their way may take.
    pub(super) fn new(options: &WriteOptions, bytes_max: u64) -> Self {
        let n_permits = usize::try_from(bytes_max / PERMIT_BYTES).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self {
            options: options.clone(),
            bytes_min: (options.row_group_bytes() / 4).max(1),
            bytes_max: bytes_max.min(u64::from(u32::MAX) * PERMIT_BYTES),
            memory: Arc::new(Semaphore::new(n_permits)),
        }
    }

    fn is_good(&self, n_bytes: u64) -> bool {
        n_bytes >= self.bytes_min && n_bytes + PERMIT_BYTES <= self.bytes_max
    }

    async fn admit(&self, n_bytes: u64) -> Result<OwnedSemaphorePermit> {
        let n_permits = u32::try_from(n_bytes / PERMIT_BYTES).unwrap_or(u32::MAX);
        self.memory.clone().acquire_many_owned(n_permits).await.map_err(|_| internal("copying was ended"))
    }
}

/// How an input is read.
enum Input {
    /// Decoded.
    Rows(LiveRows),
    /// Row by row group, some of which are copied.
    RowGroups(CopySource),
}

/// Reads the inputs of a group.
pub(super) struct InputReader<'a> {
    pub(super) table: &'a Table,
    pub(super) deletes: Arc<GroupDeletes>,
    pub(super) projection: &'a Projection,
    pub(super) copying: Copying,
    pub(super) pieces: Sender<Piece>,
    /// Adds up all rows that are sent.
    pub(super) summing: Option<Summing>,
}

impl InputReader<'_> {
    /// Sends what is live of `files` in their order; says what was deleted of each, and the sum of the rows.
    ///
    /// # Errors
    /// As for [`LiveRows`] and [`CopySource`]; [`TableError::Corrupt`] if a file has not as many rows as its manifest
    /// says.
    pub(super) async fn read(mut self, files: Vec<FileWithDeletes>) -> Result<(Vec<ReadInput>, Option<Summing>)> {
        let (table, projection) = (self.table, self.projection);
        let (none, of_group, copying) = (Arc::new(GroupDeletes::default()), self.deletes.clone(), self.copying.clone());
        let n_files = files.len();
        let opened = files.into_iter().map(|(file, of_file): FileWithDeletes| {
            let (of_group, none, copying) = (of_group.clone(), none.clone(), copying.clone());
            async move {
                if of_file.is_empty()
                    && let Some(source) = copyable(table, &copying, &file).await?
                {
                    return Ok::<_, TableError>((file, Input::RowGroups(source)));
                }
                // Key columns are read for the sake of files that have deletes alone.
                let deletes = if of_file.is_empty() { none } else { of_group };
                let select = RowSelect::default();
                let rows = LiveRows::open(table, &file, deletes, projection, select, BATCH_ROWS).await?;
                Ok((file, Input::Rows(rows)))
            }
            // So that the compiler can tell that it may move between threads.
            .boxed()
        });
        let mut opened = stream::iter(opened).buffered(FILES_AHEAD);
        let mut read = Vec::with_capacity(n_files);
        while let Some(opened) = opened.next().await {
            let (file, input) = opened?;
            let mut deleted = RoaringTreemap::new();
            let n_live = match input {
                Input::Rows(rows) => self.rows(rows, &mut deleted).await?,
                Input::RowGroups(source) => self.row_groups(&file, &source).await?,
            };
            let n_rows = n_live + deleted.len();
            if n_rows != file.record_count {
                let detail = format!("it has `{n_rows}` rows, its manifest says `{}`", file.record_count);
                return Err(TableError::Corrupt { path: file.path.to_string(), detail });
            }
            let by_position = self.deletes.by_position(file.key()).cloned().unwrap_or_default();
            read.push(ReadInput { key: file.key().to_owned(), n_rows, deleted, by_position });
        }
        self.send(Piece::End).await?;
        Ok((read, self.summing))
    }

    /// Sends all live rows; returns how many there are.
    async fn rows(&mut self, mut rows: LiveRows, deleted: &mut RoaringTreemap) -> Result<u64> {
        let mut n_live = 0;
        while let Some(batch) = rows.next_rows_and_deleted(deleted).await? {
            n_live += batch.num_rows() as u64;
            if let Some(summing) = &mut self.summing {
                summing.add(&batch).await?;
            }
            self.send(Piece::Rows(batch)).await?;
        }
        Ok(n_live)
    }

    /// Sends a file that has no deletes; returns its rows.
    async fn row_groups(&mut self, file: &Arc<FileEntry>, source: &CopySource) -> Result<u64> {
        let row_groups: Vec<_> = source.row_groups().collect();
        let mut n_rows = 0;
        // Row groups that are to be decoded, not yet read.
        let mut small: Range<usize> = 0..0;
        for (span, n_bytes) in row_groups {
            if !self.copying.is_good(n_bytes) {
                small.end = span.index + 1;
                continue;
            }
            n_rows += self.decoded(file, small).await?;
            small = span.index + 1..span.index + 1;
            if self.summing.is_some() {
                self.sum(file, span.index).await?;
            }
            let permit = self.copying.admit(n_bytes).await?;
            let copied = source.read(span.index).await?;
            n_rows += copied.n_rows();
            self.send(Piece::RowGroup(copied, permit)).await?;
        }
        Ok(n_rows + self.decoded(file, small).await?)
    }

    /// Sends the rows of some row groups of a file that has no deletes.
    async fn decoded(&mut self, file: &Arc<FileEntry>, row_groups: Range<usize>) -> Result<u64> {
        if row_groups.is_empty() {
            return Ok(0);
        }
        let rows = self.open(file, row_groups).await?;
        self.rows(rows, &mut RoaringTreemap::new()).await
    }

    /// Adds up the rows of a row group that is copied.
    async fn sum(&mut self, file: &Arc<FileEntry>, row_group: usize) -> Result<()> {
        let mut rows = self.open(file, row_group..row_group + 1).await?;
        while let Some(batch) = rows.next_rows().await? {
            if let Some(summing) = &mut self.summing {
                summing.add(&batch).await?;
            }
        }
        Ok(())
    }

    async fn open(&self, file: &Arc<FileEntry>, row_groups: Range<usize>) -> Result<LiveRows> {
        let select = RowSelect { row_groups: Some(row_groups.collect()), ..RowSelect::default() };
        LiveRows::open(self.table, file, Arc::default(), self.projection, select, BATCH_ROWS).await
    }

    async fn send(&self, piece: Piece) -> Result<()> {
        self.pieces.send(piece).await.map_err(|_| internal("rows are read that nobody writes"))
    }
}

/// The file, if some row group of it may and should be copied.
async fn copyable(table: &Table, copying: &Copying, file: &Arc<FileEntry>) -> Result<Option<CopySource>> {
    if !copying.is_good(copying.bytes_min) || file.file_size_bytes < copying.bytes_min {
        return Ok(None);
    }
    let source = CopySource::open(table, &copying.options, file).await?;
    Ok(source.filter(|source| source.row_groups().any(|(_, n_bytes)| copying.is_good(n_bytes))))
}

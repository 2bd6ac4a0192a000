//! The live rows of one data file.

use std::sync::Arc;

use arrow_array::{BooleanArray, RecordBatch};
use arrow_buffer::BooleanBuffer;
use arrow_select::filter::{FilterBuilder, filter_record_batch};
use async_recursion::async_recursion as boxed;
use roaring::RoaringTreemap;

use super::group::GroupDeletes;
use super::late::{LateRows, Next};
use crate::file::FileEntry;
use crate::filter::BoundFilter;
use crate::scan::{BatchStream, FileReader, PositionedBatch, Positions, Projection, RowSelect};
use crate::table::Table;
use crate::{Result, TableError};

/// Streams the rows of one data file that no delete removes, in file order; with a filter, those that match it.
#[derive(Debug)]
pub struct LiveRows {
    file: Arc<FileEntry>,
    deletes: Arc<GroupDeletes>,
    batches: Batches,
    /// Columns of the output. Those of deletes and of the filter come behind them.
    n_columns: usize,
    n_key_columns: usize,
    /// `None` too if all rows match for certain.
    filter: Option<Arc<BoundFilter>>,
    /// For going over from [`Batches::Late`] to [`Batches::Plain`].
    whole: Option<(FileReader, Projection, usize)>,
}

/// Where rows come from.
#[derive(Debug)]
pub(super) enum Batches {
    /// No rows are left, or no row of the file can match.
    Nothing,
    /// A call failed, or was dropped half-way.
    Broken,
    /// With the columns of deletes and filter, which are still to be applied.
    Plain(BatchStream),
    /// Deletes and filter have been applied.
    Late(Box<LateRows>),
}

impl LiveRows {
    /// Opens a data file. `deletes` must have been loaded for a group that contains it.
    ///
    /// # Errors
    /// As for [`FileReader::open`] and [`Projection::with_keys`].
    #[boxed]
    pub async fn open(
        table: &Table,
        file: &Arc<FileEntry>,
        deletes: Arc<GroupDeletes>,
        projection: &Projection,
        select: RowSelect,
        batch_rows: usize,
    ) -> Result<Self> {
        Self::open_matching(table, file, deletes, projection, select, None, batch_rows).await
    }

    /// As [`LiveRows::open`], for the rows that match `filter`. What cannot hold such a row is not read: the file by its
    /// partition and column statistics, row groups and pages by their own.
    ///
    /// # Errors
    /// As for [`FileReader::rows_that_may_match`].
    #[boxed]
    pub async fn open_matching(
        table: &Table,
        file: &Arc<FileEntry>,
        deletes: Arc<GroupDeletes>,
        projection: &Projection,
        select: RowSelect,
        filter: Option<&Arc<BoundFilter>>,
        batch_rows: usize,
    ) -> Result<Self> {
        let n_columns = projection.arrow_schema().fields().len();
        let keys = deletes.key_ids();
        let mut rows = Self {
            file: file.clone(),
            deletes,
            batches: Batches::Nothing,
            n_columns,
            n_key_columns: keys.len(),
            filter: None,
            whole: None,
        };
        if filter.is_some_and(|filter| !filter.may_match_file(table, file)) {
            return Ok(rows);
        }
        let reader = FileReader::open(table, file).await?;
        let Some(filter) = filter.filter(|filter| !filter.must_match_file(table, file)) else {
            let whole = projection.clone().with_keys(table, &keys)?;
            rows.batches = Batches::Plain(reader.read(&whole, select, batch_rows));
            return Ok(rows);
        };
        rows.filter = Some(filter.clone());
        let extra = Projection::keys(table, &keys)?.with_keys(table, &filter.field_ids())?;
        let whole = projection.clone().and(&extra);
        let select = select.and(reader.rows_that_may_match(filter, &whole).await?);
        rows.batches = match LateRows::new(&reader, extra, projection, &select, batch_rows)? {
            Some(late) => Batches::Late(Box::new(late)),
            None => Batches::Plain(reader.read(&whole, select, batch_rows)),
        };
        rows.whole = Some((reader, whole, batch_rows));
        Ok(rows)
    }

    /// The same file, deletes and filter with rows from elsewhere, whose first `n_columns` are the output.
    pub(super) fn with_batches(&self, n_columns: usize, batches: Batches) -> Self {
        let Self { file, deletes, n_key_columns, filter, .. } = self;
        Self {
            file: file.clone(),
            deletes: deletes.clone(),
            batches,
            n_columns,
            n_key_columns: *n_key_columns,
            filter: filter.clone(),
            whole: None,
        }
    }

    /// The next live rows with their positions; `None` at the end. No batch is empty.
    ///
    /// # Errors
    /// As for [`BatchStream::next`].
    #[boxed]
    pub async fn next(&mut self) -> Result<Option<PositionedBatch>> {
        while let Some((batch, is_final)) = self.next_batch().await? {
            let batch = if is_final { batch } else { self.live(batch)? };
            if batch.batch.num_rows() > 0 {
                return Ok(Some(batch));
            }
        }
        Ok(None)
    }

    /// The next live rows where nobody asks for their positions, which cost something to collect.
    ///
    /// # Errors
    /// As for [`BatchStream::next`].
    #[boxed]
    pub async fn next_rows(&mut self) -> Result<Option<RecordBatch>> {
        while let Some((batch, is_final)) = self.next_batch().await? {
            let rows = if is_final { batch.batch } else { self.live_rows(&batch)?.0 };
            if rows.num_rows() > 0 {
                return Ok(Some(rows));
            }
        }
        Ok(None)
    }

    /// The next rows that were looked at: those of them that are live, which may be none, and the position of the last.
    ///
    /// # Errors
    /// As for [`BatchStream::next`].
    #[boxed]
    pub async fn next_rows_to(&mut self) -> Result<Option<(RecordBatch, u64)>> {
        let Some((batch, is_final)) = self.next_batch().await? else { return Ok(None) };
        let last = batch.positions.len().checked_sub(1).and_then(|last| batch.positions.get(last));
        let last = last.ok_or_else(|| TableError::internal("a batch of a file is empty"))?;
        let rows = if is_final { batch.batch } else { self.live_rows(&batch)?.0 };
        Ok(Some((rows, last)))
    }

    /// As [`LiveRows::next_rows`]; adds the positions of the rows that deletes removed to `deleted`. When all batches
    /// have been read, every row of what was selected has been delivered or is there.
    ///
    /// # Errors
    /// As for [`BatchStream::next`]; [`TableError::Internal`] if a filter chooses rows.
    #[boxed]
    pub async fn next_rows_and_deleted(&mut self, deleted: &mut RoaringTreemap) -> Result<Option<RecordBatch>> {
        while let Some((batch, is_final)) = self.next_batch().await? {
            if is_final || self.filter.is_some() {
                return Err(TableError::internal("a filter cannot tell deleted rows from those that do not match"));
            }
            let (rows, live) = self.live_rows(&batch)?;
            if let Some(live) = live {
                let gone = (!&live).set_indices().filter_map(|index| batch.positions.get(index)).collect::<Vec<_>>();
                // Positions ascend from batch to batch, so they can be appended, which is faster than inserting.
                deleted.append(gone).map_err(|_| TableError::internal("positions of a file do not ascend"))?;
            }
            if rows.num_rows() > 0 {
                return Ok(Some(rows));
            }
        }
        Ok(None)
    }

    /// The positions of the next live rows, from rows that deletes and filter have not been applied to.
    pub(super) async fn next_positions(&mut self) -> Result<Option<Vec<u64>>> {
        let Batches::Plain(batches) = &mut self.batches else { return Ok(None) };
        let Some(batch) = batches.next().await? else { return Ok(None) };
        let live = self.live_mask(&batch)?;
        let get = |index| batch.positions.get(index);
        Ok(Some(match live {
            None => (0..batch.batch.num_rows()).filter_map(get).collect(),
            Some(live) => live.set_indices().filter_map(get).collect(),
        }))
    }

    /// The next rows, and whether deletes and filter have been applied to them.
    async fn next_batch(&mut self) -> Result<Option<(PositionedBatch, bool)>> {
        match std::mem::replace(&mut self.batches, Batches::Broken) {
            Batches::Broken => Err(TableError::internal("rows were asked for after a read had failed")),
            Batches::Nothing => {
                self.batches = Batches::Nothing;
                Ok(None)
            }
            Batches::Plain(mut batches) => {
                let batch = batches.next().await?;
                self.batches = Batches::Plain(batches);
                Ok(batch.map(|batch| (batch, false)))
            }
            Batches::Late(mut late) => match (late.next(self).await?, &self.whole) {
                (Next::Rows(batch), _) => {
                    self.batches = Batches::Late(late);
                    Ok(Some((batch, true)))
                }
                (Next::InOneGo(select), Some((reader, whole, batch_rows))) => {
                    let mut batches = reader.read(whole, select, *batch_rows);
                    let batch = batches.next().await?;
                    self.batches = Batches::Plain(batches);
                    Ok(batch.map(|batch| (batch, false)))
                }
                (Next::InOneGo(_), None) => Err(TableError::internal("a file's reader is gone")),
                (Next::End, _) => {
                    self.batches = Batches::Nothing;
                    Ok(None)
                }
            },
        }
    }

    fn live(&self, batch: PositionedBatch) -> Result<PositionedBatch> {
        let (rows, live) = self.live_rows(&batch)?;
        let positions = match live {
            None => batch.positions,
            Some(live) => {
                let kept: Vec<u64> = live.set_indices().filter_map(|index| batch.positions.get(index)).collect();
                Positions::List(kept.into())
            }
        };
        Ok(PositionedBatch { positions, batch: rows })
    }

    /// The live rows of a batch that match, without the columns of deletes and filter, and which rows they are;
    /// `None` if all.
    fn live_rows(&self, batch: &PositionedBatch) -> Result<(RecordBatch, Option<BooleanBuffer>)> {
        if self.deletes.is_empty() && self.filter.is_none() {
            return Ok((batch.batch.clone(), None));
        }
        let internal = |error: arrow_schema::ArrowError| TableError::internal(error);
        let live = self.live_mask(batch)?;
        let indices: Vec<usize> = (0..self.n_columns.min(batch.batch.num_columns())).collect();
        let output: RecordBatch = batch.batch.project(&indices).map_err(internal)?;
        let Some(live) = live else { return Ok((output, None)) };
        let mask = BooleanArray::new(live.clone(), None);
        let rows = if output.num_columns() > 1 {
            let filter = FilterBuilder::new(&mask).optimize().build();
            filter.filter_record_batch(&output).map_err(internal)?
        } else {
            filter_record_batch(&output, &mask).map_err(internal)?
        };
        Ok((rows, Some(live)))
    }
    /// The live rows of a batch that match; `None` if all.
    fn live_mask(&self, batch: &PositionedBatch) -> Result<Option<BooleanBuffer>> {
        let PositionedBatch { positions, batch } = batch;
        let extra = batch.columns().get(self.n_columns..).unwrap_or_default();
        let (keys, of_filter) = extra.split_at(self.n_key_columns.min(extra.len()));
        let live = self.deletes.live_rows(&self.file, positions, batch.num_rows(), keys)?;
        let matching = match &self.filter {
            None => None,
            Some(filter) => Some(filter.matches(of_filter, batch.num_rows())?),
        };
        Ok(match (live, matching) {
            (Some(live), Some(matching)) => Some(&live & &matching),
            (live, matching) => live.or(matching),
        })
    }
}

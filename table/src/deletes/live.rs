//! The live rows of one data file.

use std::sync::Arc;

use arrow_array::{BooleanArray, RecordBatch};
use arrow_buffer::BooleanBuffer;
use arrow_select::filter::{FilterBuilder, filter_record_batch};

use super::group::GroupDeletes;
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
    /// `None` if no row of the file can match.
    batches: Option<BatchStream>,
    /// Columns of the output. Those of deletes and of the filter come behind them.
    n_columns: usize,
    n_key_columns: usize,
    /// `None` too if all rows match for certain.
    filter: Option<Arc<BoundFilter>>,
}

impl LiveRows {
    /// Opens a data file. `deletes` must have been loaded for a group that contains it.
    ///
    /// # Errors
    /// As for [`FileReader::open`] and [`Projection::with_keys`].
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
        let mut rows =
            Self { file: file.clone(), deletes, batches: None, n_columns, n_key_columns: keys.len(), filter: None };
        if filter.is_some_and(|filter| !filter.may_match_file(table, file)) {
            return Ok(rows);
        }
        rows.filter = filter.filter(|filter| !filter.must_match_file(table, file)).cloned();
        let mut projection = projection.clone().with_keys(table, &keys)?;
        let reader = FileReader::open(table, file).await?;
        let select = match &rows.filter {
            None => select,
            Some(filter) => {
                projection = projection.with_keys(table, &filter.field_ids())?;
                select.and(reader.rows_that_may_match(filter, &projection).await?)
            }
        };
        rows.batches = Some(reader.read(&projection, select, batch_rows));
        Ok(rows)
    }

    /// The next live rows with their positions; `None` at the end. No batch is empty.
    ///
    /// # Errors
    /// As for [`BatchStream::next`].
    pub async fn next(&mut self) -> Result<Option<PositionedBatch>> {
        while let Some(batch) = self.next_batch().await? {
            let batch = self.live(batch)?;
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
    pub async fn next_rows(&mut self) -> Result<Option<RecordBatch>> {
        while let Some(batch) = self.next_batch().await? {
            let (rows, _) = self.live_rows(&batch)?;
            if rows.num_rows() > 0 {
                return Ok(Some(rows));
            }
        }
        Ok(None)
    }

    async fn next_batch(&mut self) -> Result<Option<PositionedBatch>> {
        match &mut self.batches {
            Some(batches) => batches.next().await,
            None => Ok(None),
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
        let PositionedBatch { positions, batch } = batch;
        let internal = |error: arrow_schema::ArrowError| TableError::internal(error);
        let (output, extra) = batch.columns().split_at(self.n_columns.min(batch.num_columns()));
        let (keys, of_filter) = extra.split_at(self.n_key_columns.min(extra.len()));
        let live = self.deletes.live_rows(&self.file, positions, batch.num_rows(), keys)?;
        let matching = match &self.filter {
            None => None,
            Some(filter) => Some(filter.matches(of_filter, batch.num_rows())?),
        };
        let live = match (live, matching) {
            (Some(live), Some(matching)) => Some(&live & &matching),
            (live, matching) => live.or(matching),
        };
        let indices: Vec<usize> = (0..output.len()).collect();
        let output: RecordBatch = batch.project(&indices).map_err(internal)?;
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
}

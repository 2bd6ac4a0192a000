//! The live rows of one data file.

use std::sync::Arc;

use arrow_array::{BooleanArray, RecordBatch};
use arrow_buffer::BooleanBuffer;
use arrow_select::filter::{FilterBuilder, filter_record_batch};

use super::group::GroupDeletes;
use crate::file::FileEntry;
use crate::scan::{BatchStream, FileReader, PositionedBatch, Positions, Projection, RowSelect};
use crate::table::Table;
use crate::{Result, TableError};

/// Streams the rows of one data file that no delete removes, in file order.
#[derive(Debug)]
pub struct LiveRows {
    file: Arc<FileEntry>,
    deletes: Arc<GroupDeletes>,
    batches: BatchStream,
    n_columns: usize,
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
        let n_columns = projection.arrow_schema().fields().len();
        let projection = projection.clone().with_keys(table, &deletes.key_ids())?;
        let reader = FileReader::open(table, file).await?;
        let batches = reader.read(&projection, select, batch_rows);
        Ok(Self { file: file.clone(), deletes, batches, n_columns })
    }

    /// The next live rows with their positions; `None` at the end. No batch is empty.
    ///
    /// # Errors
    /// As for [`BatchStream::next`].
    pub async fn next(&mut self) -> Result<Option<PositionedBatch>> {
        while let Some(batch) = self.batches.next().await? {
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
        while let Some(batch) = self.batches.next().await? {
            let (rows, _) = self.live_rows(&batch)?;
            if rows.num_rows() > 0 {
                return Ok(Some(rows));
            }
        }
        Ok(None)
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

    /// The live rows of a batch without the key columns, and which rows they are; `None` if all.
    fn live_rows(&self, batch: &PositionedBatch) -> Result<(RecordBatch, Option<BooleanBuffer>)> {
        if self.deletes.is_empty() {
            return Ok((batch.batch.clone(), None));
        }
        let PositionedBatch { positions, batch } = batch;
        let internal = |error: arrow_schema::ArrowError| TableError::internal(error);
        let (output, keys) = batch.columns().split_at(self.n_columns.min(batch.num_columns()));
        let live = self.deletes.live_rows(&self.file, positions, batch.num_rows(), keys)?;
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

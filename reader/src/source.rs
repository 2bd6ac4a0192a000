//! The rows that a snapshot removed or added, read once or twice.

use std::sync::Arc;

use arrow_array::{Array, BooleanArray, RecordBatch};
use arrow_select::filter::filter_record_batch;
use frazil_table::changes::{RowSet, RowSource};
use frazil_table::deletes::LiveRows;
use frazil_table::scan::{PositionedBatch, Positions, Projection};
use frazil_table::{FieldId, Table, TableError};
use iceberg::spec::Schema;
use roaring::RoaringTreemap;

use crate::Result;

/// Columns of a batch that a change set is computed from: all columns of the snapshot's schema (they decide
/// whether a row changed), the row's id, its key, and what the consumer gets.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) combined: Projection,
    pub(crate) n_whole: usize,
    row_id: Option<usize>,
    keys: std::ops::Range<usize>,
    /// Where the columns of `output_projection` stand.
    output: Vec<usize>,
    pub(crate) output_projection: Projection,
    key_projection: Projection,
}

impl Layout {
    /// The last `n_hidden` columns of `output` are those that a filter looks at, or that tell the lane of a row.
    pub(crate) fn new(
        table: &Table,
        schema: &Schema,
        key: &[FieldId],
        with_lineage: bool,
        output: Projection,
        n_hidden: usize,
    ) -> Result<Self> {
        let mut combined = Projection::of_schema(table, schema)?;
        let n_whole = combined.arrow_schema().fields().len();
        let mut n = n_whole;
        let row_id = with_lineage.then_some(n);
        if with_lineage {
            combined = combined.with_lineage();
            n += 2;
        }
        combined = combined.with_keys(table, key)?;
        let keys = n..n + key.len();
        let key_projection = Projection::keys(table, key)?;
        let n_shown = output.field_ids().len().saturating_sub(n_hidden);
        let (shown, hidden) = output.field_ids().split_at(n_shown);
        // The usual case: the consumer gets every column.
        let is_whole = shown == combined.field_ids().get(..n_whole).unwrap_or_default()
            && output.arrow_schema().fields().get(..n_shown) == combined.arrow_schema().fields().get(..n_whole);
        let output_columns = if is_whole {
            combined = combined.with_keys(table, hidden)?;
            (0..n_whole).chain(keys.end..keys.end + hidden.len()).collect()
        } else {
            combined = combined.and(&output);
            (keys.end..keys.end + output.arrow_schema().fields().len()).collect()
        };
        Ok(Self { combined, n_whole, row_id, keys, output: output_columns, output_projection: output, key_projection })
    }

    pub(crate) fn whole<'a>(&self, batch: &'a RecordBatch) -> &'a [arrow_array::ArrayRef] {
        batch.columns().get(..self.n_whole).unwrap_or_default()
    }

    pub(crate) fn keys<'a>(&self, batch: &'a RecordBatch) -> &'a [arrow_array::ArrayRef] {
        batch.columns().get(self.keys.clone()).unwrap_or_default()
    }

    pub(crate) fn has_key(&self) -> bool {
        !self.keys.is_empty()
    }

    pub(crate) fn row_ids<'a>(&self, batch: &'a RecordBatch) -> Option<&'a arrow_array::Int64Array> {
        batch.columns().get(self.row_id?)?.as_any().downcast_ref()
    }

    pub(crate) fn key_fields(&self) -> &[arrow_schema::FieldRef] {
        self.combined.arrow_schema().fields().get(self.keys.clone()).unwrap_or_default()
    }

    pub(crate) fn whole_fields(&self) -> &[arrow_schema::FieldRef] {
        self.combined.arrow_schema().fields().get(..self.n_whole).unwrap_or_default()
    }

    /// What the consumer gets of a batch with all columns.
    fn output(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let columns = self.output.iter().filter_map(|index| batch.columns().get(*index)).cloned().collect();
        let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(self.output_projection.arrow_schema().clone(), columns, &options)
            .map_err(|error| TableError::Internal { detail: error.to_string() }.into())
    }
}

/// One source of rows, kept in memory if it is small, read again otherwise.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) rows: RowSource,
    /// All columns of [`Layout`], once [`Source::keep`] was called.
    kept: Option<Arc<Vec<PositionedBatch>>>,
}

impl Source {
    pub(crate) fn new(rows: RowSource) -> Self {
        Self { rows, kept: None }
    }

    /// Reads all columns of some of the rows.
    pub(crate) async fn read_all(
        &self,
        table: &Table,
        layout: &Layout,
        pick: Pick,
        batch_rows: usize,
    ) -> Result<SourceRows> {
        Ok(match &self.kept {
            Some(kept) => SourceRows::Kept { batches: kept.clone(), next: 0, pick, first_position: 0 },
            None => SourceRows::Read(pick.apply_to(&self.rows).read(table, &layout.combined, batch_rows).await?),
        })
    }

    /// Reads the key columns of all rows.
    pub(crate) async fn read_keys(&self, table: &Table, layout: &Layout, batch_rows: usize) -> Result<LiveRows> {
        Ok(self.rows.read(table, &layout.key_projection, batch_rows).await?)
    }

    /// The rows are in memory.
    pub(crate) fn is_kept(&self) -> bool {
        self.kept.is_some()
    }

    /// Keeps rows that were read, so that they need not be read again.
    pub(crate) fn keep(&mut self, batches: Vec<PositionedBatch>) {
        self.kept = Some(Arc::new(batches));
    }

    pub(crate) fn forget(&mut self) {
        self.kept = None;
    }

    /// Reads what the consumer gets of some of the rows, from a position on.
    pub(crate) async fn read_output(
        &self,
        table: &Table,
        layout: &Layout,
        pick: Pick,
        first_position: u64,
        batch_rows: usize,
    ) -> Result<OutputRows> {
        let rows = match &self.kept {
            Some(kept) => SourceRows::Kept { batches: kept.clone(), next: 0, pick, first_position },
            None => {
                let source = pick.apply_to(&self.rows).starting_at(first_position);
                SourceRows::Read(source.read(table, &layout.output_projection, batch_rows).await?)
            }
        };
        Ok(OutputRows { is_kept: self.kept.is_some(), rows })
    }
}

/// Which rows of a source.
#[derive(Debug, Clone)]
pub(crate) enum Pick {
    All,
    Only(Arc<RoaringTreemap>),
    Except(Arc<RoaringTreemap>),
}

impl Pick {
    pub(crate) fn except(positions: Option<&RoaringTreemap>) -> Self {
        positions.filter(|positions| !positions.is_empty()).map_or(Self::All, |p| Self::Except(Arc::new(p.clone())))
    }

    fn contains(&self, position: u64) -> bool {
        match self {
            Self::All => true,
            Self::Only(positions) => positions.contains(position),
            Self::Except(positions) => !positions.contains(position),
        }
    }

    fn apply_to(&self, source: &RowSource) -> RowSource {
        let rows = match (self, &source.rows) {
            (Self::All, rows) => rows.clone(),
            (Self::Only(picked), RowSet::All) => RowSet::Only(picked.clone()),
            (Self::Only(picked), RowSet::Except(gone)) => RowSet::Only(Arc::new(&**picked - &**gone)),
            (Self::Only(picked), RowSet::Only(those)) => RowSet::Only(Arc::new(&**picked & &**those)),
            (Self::Except(left_out), RowSet::All) => RowSet::Except(left_out.clone()),
            (Self::Except(left_out), RowSet::Except(gone)) => RowSet::Except(Arc::new(&**left_out | &**gone)),
            (Self::Except(left_out), RowSet::Only(those)) => RowSet::Only(Arc::new(&**those - &**left_out)),
        };
        source.with_rows(rows)
    }

    /// Those of the rows that are at `first_position` or behind it.
    fn filter(&self, batch: &PositionedBatch, first_position: u64) -> Result<PositionedBatch> {
        let is_behind = batch.positions.get(0).is_none_or(|position| position >= first_position);
        if is_behind && matches!(self, Self::All) {
            return Ok(batch.clone());
        }
        let contains = |position: u64| position >= first_position && self.contains(position);
        let positions: Vec<u64> = (0..batch.batch.num_rows()).filter_map(|i| batch.positions.get(i)).collect();
        let mask: BooleanArray = positions.iter().map(|position| Some(contains(*position))).collect();
        let kept: Vec<u64> = positions.into_iter().filter(|position| contains(*position)).collect();
        let batch = filter_record_batch(&batch.batch, &mask)
            .map_err(|error| TableError::Internal { detail: error.to_string() })?;
        Ok(PositionedBatch { positions: Positions::List(kept.into()), batch })
    }
}

/// Rows of one source, in the order of their positions.
#[derive(Debug)]
pub(crate) enum SourceRows {
    Read(LiveRows),
    Kept { batches: Arc<Vec<PositionedBatch>>, next: usize, pick: Pick, first_position: u64 },
}

impl SourceRows {
    /// The next rows; `None` at the end. No batch is empty.
    pub(crate) async fn next(&mut self) -> Result<Option<PositionedBatch>> {
        match self {
            Self::Read(rows) => Ok(rows.next().await?),
            Self::Kept { batches, next, pick, first_position } => {
                while let Some(batch) = batches.get(*next) {
                    *next += 1;
                    let batch = pick.filter(batch, *first_position)?;
                    if batch.batch.num_rows() > 0 {
                        return Ok(Some(batch));
                    }
                }
                Ok(None)
            }
        }
    }
}

/// What the consumer gets of rows of one source.
#[derive(Debug)]
pub(crate) struct OutputRows {
    rows: SourceRows,
    /// The batches have all columns of the layout.
    is_kept: bool,
}

impl OutputRows {
    pub(crate) async fn next(&mut self, layout: &Layout) -> Result<Option<PositionedBatch>> {
        let Some(batch) = self.rows.next().await? else { return Ok(None) };
        if !self.is_kept {
            return Ok(Some(batch));
        }
        Ok(Some(PositionedBatch { batch: layout.output(&batch.batch)?, positions: batch.positions }))
    }
}

/// Memory that a batch takes.
pub(crate) fn batch_bytes(batch: &RecordBatch) -> u64 {
    batch.columns().iter().map(|column| column.get_array_memory_size() as u64).sum()
}

//! Rows in the table's sort order.
//!
//! Source: Iceberg spec, "Sorting": NaN comes after all other numbers, -0.0 before 0.0.

use arrow_array::{ArrayRef, RecordBatch};
use arrow_row::{RowConverter, Rows, SortField};
use arrow_schema::{SchemaRef, SortOptions};
use arrow_select::interleave::interleave_record_batch;
use iceberg::spec::{NullOrder, PrimitiveType, SortDirection, Transform};
use rayon::slice::ParallelSliceMut;

use super::partition::{follow, path_to};
use super::transform;
use crate::ids::FieldId;
use crate::table::Table;
use crate::{Result, TableError};

/// Gathers rows, then gives them back sorted: as many as are wanted in memory at a time.
pub struct RowSorter {
    order_id: i32,
    fields: Vec<Field>,
    converter: RowConverter,
    batches: Vec<RecordBatch>,
    keys: Vec<Rows>,
    n_bytes: usize,
}

/// Rows that have been sorted.
#[derive(Debug)]
pub struct SortedRows {
    batches: Vec<RecordBatch>,
    /// Batch and row of each, those given back already included.
    order: Vec<(usize, usize)>,
    n_given: usize,
}

#[derive(Debug)]
struct Field {
    transform: Transform,
    primitive: PrimitiveType,
    path: Vec<usize>,
}

impl RowSorter {
    /// Sorts by the table's default sort order; `None` if it has none. `schema` is that of the batches, with field ids.
    ///
    /// # Errors
    /// [`TableError::InvalidRequest`] if the rows lack a column that they are to be sorted by.
    pub fn of_table(table: &Table, schema: &SchemaRef) -> Result<Option<Self>> {
        let order = table.metadata().default_sort_order();
        if order.is_unsorted() {
            return Ok(None);
        }
        let (mut fields, mut sort_fields) = (Vec::new(), Vec::new());
        for field in &order.fields {
            let missing = || {
                let id = field.source_id;
                TableError::invalid(format!(
                    "the table is sorted by field id `{id}`, which the rows lack; sort it by another"
                ))
            };
            let path = path_to(schema.fields(), &field.source_id.to_string()).ok_or_else(missing)?;
            let primitive = table.primitive_type(FieldId::new(field.source_id)).ok_or_else(missing)?;
            let field_of = Field { transform: field.transform, primitive, path };
            let key = field_of.values(&RecordBatch::new_empty(schema.clone()))?;
            let options = SortOptions {
                descending: field.direction == SortDirection::Descending,
                nulls_first: field.null_order == NullOrder::First,
            };
            sort_fields.push(SortField::new_with_options(key.data_type().clone(), options));
            fields.push(field_of);
        }
        let converter = RowConverter::new(sort_fields).map_err(TableError::internal)?;
        let order_id = i32::try_from(order.order_id).map_err(TableError::internal)?;
        Ok(Some(Self { order_id, fields, converter, batches: Vec::new(), keys: Vec::new(), n_bytes: 0 }))
    }

    /// Id of the sort order, for [`WriteOptions::sorted_by`](super::WriteOptions::sorted_by).
    pub fn order_id(&self) -> i32 {
        self.order_id
    }

    /// Takes rows. CPU work.
    ///
    /// # Errors
    /// [`TableError::InvalidRequest`] if a value cannot be transformed as the sort order asks.
    pub fn push(&mut self, batch: RecordBatch) -> Result<()> {
        let columns = self.fields.iter().map(|field| field.values(&batch)).collect::<Result<Vec<_>>>()?;
        let keys = self.converter.convert_columns(&columns).map_err(TableError::internal)?;
        let of_order = size_of::<(usize, usize)>().saturating_mul(batch.num_rows());
        self.n_bytes = self.n_bytes.saturating_add(batch.get_array_memory_size() + keys.size() + of_order);
        self.batches.push(batch);
        self.keys.push(keys);
        Ok(())
    }

    /// Memory that the rows and what they are compared by take, in bytes.
    pub fn memory_bytes(&self) -> u64 {
        u64::try_from(self.n_bytes).unwrap_or(u64::MAX)
    }

    /// Sorts the rows that were taken, equal ones in the order in which they came, and begins anew. CPU work.
    pub fn take_sorted(&mut self) -> SortedRows {
        let (batches, keys) = (std::mem::take(&mut self.batches), std::mem::take(&mut self.keys));
        self.n_bytes = 0;
        let rows = keys.iter().enumerate().flat_map(|(batch, keys)| (0..keys.num_rows()).map(move |row| (batch, row)));
        let mut order: Vec<(usize, usize)> = rows.collect();
        let key = |(batch, row): (usize, usize)| keys.get(batch).map(|keys| keys.row(row));
        order.par_sort_by(|left, right| key(*left).cmp(&key(*right)));
        SortedRows { batches, order, n_given: 0 }
    }
}

impl SortedRows {
    /// The next rows, `n_rows` at most; `None` at the end. CPU work.
    ///
    /// # Errors
    /// [`TableError::Internal`] if the batches had different schemas.
    pub fn next(&mut self, n_rows: usize) -> Result<Option<RecordBatch>> {
        let end = self.order.len().min(self.n_given.saturating_add(n_rows));
        let Some(rows) = self.order.get(self.n_given..end).filter(|rows| !rows.is_empty()) else { return Ok(None) };
        self.n_given = end;
        let batches: Vec<&RecordBatch> = self.batches.iter().collect();
        interleave_record_batch(&batches, rows).map(Some).map_err(TableError::internal)
    }
}

impl std::fmt::Debug for RowSorter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RowSorter").field("order_id", &self.order_id).finish_non_exhaustive()
    }
}

impl Field {
    fn values(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        let source = follow(batch.columns(), &self.path)
            .ok_or_else(|| TableError::internal("a column that rows are sorted by is not there"))?;
        transform::apply(self.transform, &self.primitive, &source, "of the sort order")
    }
}

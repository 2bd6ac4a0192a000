//! What one consumer sees of the batches of a shared scan: its columns, and what its filter leaves.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, ListArray, MapArray, RecordBatch, RecordBatchOptions, StructArray, cast::AsArray};
use arrow_buffer::BooleanBuffer;
use arrow_schema::{DataType, Field, FieldRef, Fields, SchemaRef};
use frazil_table::{Table, TableError};

use super::needs::Union;
use crate::Result;
use crate::event::{ChangeBatch, ChangelogOperation, Phase, SnapshotInfo};
use crate::stream::ChangeStream;
use crate::upsert::{Keys, id_of};

/// How the batches of one schema are seen.
#[derive(Debug)]
pub(super) struct View {
    union: Arc<Union>,
    schema_id: i32,
    shown: SchemaRef,
    /// Where the columns that are shown stand in a batch of the scan.
    columns: Vec<usize>,
    /// Where those of the filter stand among the hidden columns.
    of_filter: Vec<usize>,
}

impl View {
    /// Of the batches that a scan for `union` has of snapshots with this schema; `rows` is one of them.
    ///
    /// # Errors
    /// [`TableError::Internal`] if something is missing that the consumer needs.
    pub(super) fn new(
        stream: &ChangeStream,
        table: &Table,
        union: &Arc<Union>,
        schema_id: i32,
        rows: &RecordBatch,
    ) -> Result<Self> {
        let shown = stream.shown(table, schema_id)?;
        let n_visible = rows.num_columns().saturating_sub(union.hidden.len());
        let fields = rows.schema_ref().fields();
        let place = |field: &FieldRef| fields.iter().take(n_visible).position(|other| id_of(other) == id_of(field));
        let columns: Option<Vec<usize>> = shown.fields().iter().map(place).collect();
        let filter_ids = stream.filter().map(|filter| filter.field_ids()).unwrap_or_default();
        let of_filter: Option<Vec<usize>> =
            filter_ids.iter().map(|id| union.hidden.iter().position(|other| other == id)).collect();
        match (columns, of_filter) {
            (Some(columns), Some(of_filter)) => Ok(Self { union: union.clone(), schema_id, shown, columns, of_filter }),
            _ => Err(internal("a shared scan does not have what its consumer needs").into()),
        }
    }

    /// It is one of such batches.
    pub(super) fn is_of(&self, union: &Arc<Union>, schema_id: i32) -> bool {
        self.schema_id == schema_id && Arc::ptr_eq(&self.union, union)
    }

    /// What the consumer gets of a batch, as changes of `snapshot`; `None` if that is nothing.
    pub(super) fn apply(
        &self,
        stream: &ChangeStream,
        batch: &ChangeBatch,
        snapshot: &Arc<SnapshotInfo>,
    ) -> Result<Option<ChangeBatch>> {
        let rows = self.shown(&batch.rows)?;
        let operations = batch.operations.clone();
        let (operations, rows) = match stream.filter() {
            None => (operations, rows),
            Some(filter) => {
                let n_visible = batch.rows.num_columns().saturating_sub(self.union.hidden.len());
                let columns: Vec<ArrayRef> = self
                    .of_filter
                    .iter()
                    .filter_map(|index| batch.rows.columns().get(n_visible + index).cloned())
                    .collect();
                let matching = filter.rows.matches(&columns, rows.num_rows())?;
                // Of a keyed stream, too, the rows with which it begins are there or not.
                match stream.header().exact_before || batch.snapshot.phase == Phase::Full {
                    true => filter.keep(&operations, rows, &matching)?,
                    false => self.upserts(stream, &operations, &rows, &matching)?,
                }
            }
        };
        stream.wanted(operations, rows, snapshot)
    }

    /// Rows that do not match are keys that are gone, as are those that were deletes before.
    fn upserts(
        &self,
        stream: &ChangeStream,
        operations: &[ChangelogOperation],
        rows: &RecordBatch,
        matching: &BooleanBuffer,
    ) -> Result<(Vec<ChangelogOperation>, RecordBatch)> {
        let is_there: BooleanBuffer =
            operations.iter().map(|operation| *operation != ChangelogOperation::Delete).collect();
        let keys = Keys::new(&self.shown, stream.key_ids(), &stream.header().key)?;
        keys.upserts(rows, &(matching & &is_there))
    }

    fn shown(&self, rows: &RecordBatch) -> Result<RecordBatch> {
        let columns = self.columns.iter().zip(self.shown.fields()).map(|(index, field)| {
            let column = rows.columns().get(*index).ok_or_else(|| internal("a column of a shared scan is gone"))?;
            narrowed(column, field.data_type())
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        Ok(RecordBatch::try_new_with_options(self.shown.clone(), columns, &options)
            .map_err(|error| internal(&error.to_string()))?)
    }
}

/// A column without the nested fields that another type does not have.
fn narrowed(column: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    if column.data_type() == to {
        return Ok(column.clone());
    }
    let nulls = column.nulls().cloned();
    Ok(match (column.data_type(), to) {
        (DataType::Struct(_), DataType::Struct(fields)) => Arc::new(narrowed_struct(column.as_struct(), fields)?),
        (DataType::List(_), DataType::List(element)) => {
            let list = column.as_list::<i32>();
            let values = narrowed(list.values(), element.data_type())?;
            Arc::new(arrow(ListArray::try_new(element.clone(), list.offsets().clone(), values, nulls))?)
        }
        (DataType::Map(_, _), DataType::Map(entries, is_sorted)) => {
            let map = column.as_map();
            let DataType::Struct(fields) = entries.data_type() else { return Err(misfit(column, to)) };
            // Keys and values are found by their order.
            let columns = map.entries().columns().iter().zip(fields);
            let columns = columns.map(|(column, field)| narrowed(column, field.data_type()));
            let columns = columns.collect::<Result<Vec<_>>>()?;
            let content = arrow(StructArray::try_new(fields.clone(), columns, map.entries().nulls().cloned()))?;
            Arc::new(arrow(MapArray::try_new(entries.clone(), map.offsets().clone(), content, nulls, *is_sorted))?)
        }
        _ => return Err(misfit(column, to)),
    })
}

fn narrowed_struct(array: &StructArray, fields: &Fields) -> Result<StructArray> {
    let find = |field: &Field| array.fields().iter().position(|other| id_of(other) == id_of(field));
    let columns = fields.iter().map(|field| match find(field).and_then(|index| array.columns().get(index)) {
        Some(column) => narrowed(column, field.data_type()),
        None => Err(internal("a nested column of a shared scan is gone").into()),
    });
    let columns = columns.collect::<Result<Vec<_>>>()?;
    arrow(StructArray::try_new_with_length(fields.clone(), columns, array.nulls().cloned(), array.len()))
}

fn arrow<T>(made: std::result::Result<T, arrow_schema::ArrowError>) -> Result<T> {
    made.map_err(|error| internal(&error.to_string()).into())
}

fn misfit(column: &ArrayRef, to: &DataType) -> crate::ReadError {
    internal(&format!("a column of a shared scan has type {}, wanted {to}", column.data_type())).into()
}

fn internal(detail: &str) -> TableError {
    TableError::Internal { detail: detail.to_owned() }
}

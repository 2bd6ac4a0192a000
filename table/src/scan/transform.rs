//! From decoded batches to output batches.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, Int64Array, ListArray, MapArray, RecordBatch, RecordBatchOptions, StructArray};
use arrow_buffer::NullBuffer;
use arrow_schema::{ArrowError, DataType, Field, Fields, SchemaRef};
use arrow_select::nullif;

use super::resolve::{Child, ColumnPlan, Plan, Source};
use super::{PositionedBatch, Positions};
use crate::file::FileEntry;
use crate::{Result, TableError};

type ArrowResult<T> = std::result::Result<T, ArrowError>;

/// Makes output batches of one file.
#[derive(Debug)]
pub(super) struct Transform {
    plan: Plan,
    schema: SchemaRef,
    /// For each column that is the same in every row, as many rows as a batch has at most.
    blocks: Vec<Option<ArrayRef>>,
    first_row_id: Option<i64>,
    last_updated: i64,
    path: Arc<str>,
}

impl Transform {
    /// `batch_rows` is the size of the largest batch.
    pub(super) fn new(plan: Plan, schema: SchemaRef, file: &FileEntry, batch_rows: usize) -> Result<Self> {
        let blocks = plan.columns.iter().map(|column| match column {
            ColumnPlan::Constant(constant) => constant.repeat(batch_rows).map(Some),
            _ => Ok(None),
        });
        Ok(Self {
            blocks: blocks.collect::<Result<Vec<_>>>()?,
            first_row_id: file
                .first_row_id
                .map(i64::try_from)
                .transpose()
                .map_err(|_| TableError::corrupt(&*file.path, "its first row id is out of range"))?,
            last_updated: file.data_sequence_number.get(),
            path: file.path.clone(),
            plan,
            schema,
        })
    }

    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// For each leaf of the file, whether it is decoded.
    pub(super) fn leaves(&self) -> &[bool] {
        &self.plan.leaves
    }

    /// Makes the output batch of some decoded columns. `positions` are those of its rows.
    pub(super) fn batch(&self, decoded: &[ArrayRef], positions: Positions) -> Result<PositionedBatch> {
        let n_rows = positions.len();
        let columns = self.plan.columns.iter().zip(&self.blocks);
        let columns = columns.map(|(column, block)| self.column(column, block.as_ref(), decoded, &positions, n_rows));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(n_rows));
        let batch = RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)
            .map_err(|error| self.corrupt(&error))?;
        Ok(PositionedBatch { positions, batch })
    }

    fn column(
        &self,
        column: &ColumnPlan,
        block: Option<&ArrayRef>,
        decoded: &[ArrayRef],
        positions: &Positions,
        n_rows: usize,
    ) -> Result<ArrayRef> {
        match column {
            ColumnPlan::Decoded { path, source } => {
                let array = follow(decoded, path).map_err(|error| self.corrupt(&error))?;
                source.apply(&array).map_err(|error| self.corrupt(&error))
            }
            ColumnPlan::Constant(constant) => match block {
                Some(block) if n_rows <= block.len() => Ok(block.slice(0, n_rows)),
                _ => constant.repeat(n_rows),
            },
            ColumnPlan::RowId { stored } => {
                let inherited = |row: usize| {
                    let position = i64::try_from(positions.get(row)?).ok()?;
                    self.first_row_id?.checked_add(position)
                };
                Ok(fill(stored.and_then(|index| decoded.get(index)), n_rows, inherited))
            }
            ColumnPlan::LastUpdated { stored } => {
                Ok(fill(stored.and_then(|index| decoded.get(index)), n_rows, |_| Some(self.last_updated)))
            }
        }
    }

    fn corrupt(&self, error: &ArrowError) -> TableError {
        TableError::corrupt(&*self.path, error)
    }
}

/// The stored values, and where there are none the inherited ones.
fn fill(stored: Option<&ArrayRef>, n_rows: usize, inherited: impl Fn(usize) -> Option<i64>) -> ArrayRef {
    match stored.and_then(|stored| stored.as_primitive_opt::<Int64Type>()) {
        None => Arc::new((0..n_rows).map(inherited).collect::<Int64Array>()),
        Some(stored) if stored.null_count() == 0 => Arc::new(stored.clone()),
        Some(stored) => {
            let rows = stored.iter().enumerate();
            Arc::new(rows.map(|(row, value)| value.or_else(|| inherited(row))).collect::<Int64Array>())
        }
    }
}

/// The array at `path`, null where a struct on the way is null.
fn follow(decoded: &[ArrayRef], path: &[usize]) -> ArrowResult<ArrayRef> {
    let missing = || ArrowError::SchemaError("the decoder left out a column".to_owned());
    let (first, rest) = path.split_first().ok_or_else(missing)?;
    let mut array = decoded.get(*first).ok_or_else(missing)?.clone();
    for index in rest {
        let parent = array.as_struct_opt().ok_or_else(missing)?;
        let child = parent.columns().get(*index).ok_or_else(missing)?.clone();
        array = match parent.nulls() {
            None => child,
            Some(nulls) => nullif::nullif(&child, &arrow_array::BooleanArray::new(!nulls.inner(), None))?,
        };
    }
    Ok(array)
}

impl Source {
    fn apply(&self, array: &ArrayRef) -> ArrowResult<ArrayRef> {
        let missing = || ArrowError::SchemaError("the decoder gave a column of another type".to_owned());
        match self {
            Self::Leaf(conversion, field) => conversion.apply(array, field.data_type()),
            Self::Struct(children, field) => {
                let DataType::Struct(fields) = field.data_type() else { return Err(missing()) };
                let decoded = array.as_struct_opt().ok_or_else(missing)?;
                Ok(Arc::new(struct_array(children, fields, decoded)?))
            }
            Self::List(element, field) => {
                let DataType::List(element_field) = field.data_type() else { return Err(missing()) };
                let (_, offsets, values, nulls) = array.as_list_opt::<i32>().ok_or_else(missing)?.clone().into_parts();
                let values = element.apply(&values)?;
                Ok(Arc::new(ListArray::try_new(element_field.clone(), offsets, values, nulls)?))
            }
            Self::Map(key, value, field) => {
                let DataType::Map(entries_field, sorted) = field.data_type() else { return Err(missing()) };
                let map = array.as_map_opt().ok_or_else(missing)?.clone();
                let (_, offsets, entries, nulls, _) = map.into_parts();
                let entries = map_entries(key, value, entries_field, &entries)?;
                Ok(Arc::new(MapArray::try_new(entries_field.clone(), offsets, entries, nulls, *sorted)?))
            }
        }
    }
}

fn struct_array(children: &[Child], fields: &Fields, decoded: &StructArray) -> ArrowResult<StructArray> {
    let n_rows = decoded.len();
    let arrays = children.iter().map(|child| match child {
        Child::Decoded(index, source) => {
            let column = decoded.columns().get(*index);
            source.apply(column.ok_or_else(|| ArrowError::SchemaError("the decoder left out a field".to_owned()))?)
        }
        Child::Constant(constant) => {
            constant.repeat(n_rows).map_err(|error| ArrowError::ComputeError(error.to_string()))
        }
    });
    let arrays = arrays.collect::<ArrowResult<Vec<_>>>()?;
    StructArray::try_new_with_length(fields.clone(), arrays, decoded.nulls().cloned(), n_rows)
}

fn map_entries(key: &Source, value: &Source, entries_field: &Field, decoded: &StructArray) -> ArrowResult<StructArray> {
    match (entries_field.data_type(), decoded.columns()) {
        (DataType::Struct(fields), [keys, values]) => {
            let arrays = vec![key.apply(keys)?, value.apply(values)?];
            StructArray::try_new_with_length(fields.clone(), arrays, None::<NullBuffer>, decoded.len())
        }
        _ => Err(ArrowError::SchemaError("the decoder gave a map without keys or values".to_owned())),
    }
}

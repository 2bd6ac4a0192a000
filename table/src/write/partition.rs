//! Rows by partition.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch, UInt32Array};
use arrow_row::{RowConverter, SortField};
use arrow_schema::{DataType, SchemaRef};
use arrow_select::{nullif, take};
use hashbrown::HashMap;
use iceberg::spec::{PrimitiveType, Transform};
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;

use super::transform;
use crate::file::PartitionTuple;
use crate::ids::SpecId;
use crate::table::Table;
use crate::{Result, TableError};

/// Cuts batches of one schema into partitions of one spec.
#[derive(Debug, Clone)]
pub(super) struct Splitter {
    fields: Arc<[Field]>,
}

#[derive(Debug)]
struct Field {
    name: String,
    transform: Transform,
    /// Type of the source, and the indexes that lead to it from the batch on; `None` for a void field, whose source
    /// may be gone.
    source: Option<(PrimitiveType, Vec<usize>)>,
}

/// Rows of a batch that belong to one partition.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) partition: PartitionTuple,
    pub(super) rows: RecordBatch,
    /// Their indexes in the batch, ascending.
    pub(super) indexes: Vec<u32>,
}

impl Splitter {
    /// `schema` is that of the batches, with field ids.
    ///
    /// # Errors
    /// [`TableError::InvalidRequest`] if the table has no such spec, or the batches lack the source of a field.
    pub(super) fn new(table: &Table, spec_id: SpecId, schema: &SchemaRef) -> Result<Self> {
        let spec = table.metadata().partition_spec_by_id(spec_id.get()).ok_or_else(|| {
            TableError::invalid(format!(
                "table `{}` has no partition spec `{spec_id}`; name one of its own",
                table.name()
            ))
        })?;
        let fields = spec.fields().iter().map(|field| {
            let source = if field.transform == Transform::Void {
                None
            } else {
                let missing = || {
                    TableError::invalid(format!(
                        "partition field `{}` needs the column with field id `{}`, which the rows do not have; add it",
                        field.name, field.source_id
                    ))
                };
                let id = field.source_id.to_string();
                let path = path_to(schema.fields(), &id).ok_or_else(missing)?;
                let primitive = table.primitive_type(crate::FieldId::new(field.source_id)).ok_or_else(missing)?;
                Some((primitive, path))
            };
            Ok(Field { name: field.name.clone(), transform: field.transform, source })
        });
        Ok(Self { fields: fields.collect::<Result<_>>()? })
    }

    /// The rows of each partition, in the order in which partitions first appear.
    ///
    /// # Errors
    /// [`TableError::InvalidRequest`] if a value has no partition.
    pub(super) fn split(&self, batch: &RecordBatch) -> Result<Vec<Group>> {
        let n_rows = u32::try_from(batch.num_rows())
            .map_err(|_| TableError::invalid("a batch has more than 2^32 rows; write smaller ones"))?;
        if self.fields.is_empty() || n_rows == 0 {
            let partition = PartitionTuple(self.fields.iter().map(|_| None).collect());
            return Ok(vec![Group { partition, rows: batch.clone(), indexes: (0..n_rows).collect() }]);
        }
        let columns = self.fields.iter().map(|field| field.values(batch)).collect::<Result<Vec<_>>>()?;
        let groups = group_rows(&columns)?;
        let is_one = groups.len() == 1;
        let groups = groups.into_iter().map(|indexes| {
            let first = indexes.first().and_then(|row| usize::try_from(*row).ok()).unwrap_or(0);
            let partition = PartitionTuple(columns.iter().map(|column| transform::value(column, first)).collect());
            let rows = if is_one { batch.clone() } else { taken(batch, &indexes)? };
            Ok(Group { partition, rows, indexes })
        });
        groups.collect()
    }
}

/// Some rows of a batch.
pub(super) fn taken(batch: &RecordBatch, indexes: &[u32]) -> Result<RecordBatch> {
    take::take_record_batch(batch, &UInt32Array::from(indexes.to_vec())).map_err(TableError::internal)
}

impl Field {
    fn values(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        let Some((primitive, path)) = &self.source else {
            return Ok(arrow_array::new_null_array(&DataType::Boolean, batch.num_rows()));
        };
        let source = follow(batch.columns(), path)
            .ok_or_else(|| TableError::internal(format!("the source of `{}` is not in the rows", self.name)))?;
        transform::apply(self.transform, primitive, &source, &self.name)
    }
}

/// Rows with equal values in all columns, groups in order of their first rows.
fn group_rows(columns: &[ArrayRef]) -> Result<Vec<Vec<u32>>> {
    let fields = columns.iter().map(|column| SortField::new(column.data_type().clone())).collect();
    let converter = RowConverter::new(fields).map_err(TableError::internal)?;
    let rows = converter.convert_columns(columns).map_err(TableError::internal)?;
    let mut groups: Vec<Vec<u32>> = Vec::new();
    let mut by_key: HashMap<&[u8], usize, foldhash::fast::RandomState> = HashMap::default();
    // Rows of one partition mostly follow each other.
    let mut last: Option<(&[u8], usize)> = None;
    for (index, row) in (0_u32..).zip(rows.iter()) {
        let key = row.data();
        let group = match last {
            Some((last_key, group)) if last_key == key => group,
            _ => *by_key.entry(key).or_insert_with(|| {
                groups.push(Vec::new());
                groups.len() - 1
            }),
        };
        last = Some((key, group));
        if let Some(group) = groups.get_mut(group) {
            group.push(index);
        }
    }
    Ok(groups)
}

/// Indexes that lead to the field with this id, through structs.
pub(super) fn path_to(fields: &arrow_schema::Fields, id: &str) -> Option<Vec<usize>> {
    fields.iter().enumerate().find_map(|(index, field)| {
        if field.metadata().get(PARQUET_FIELD_ID_META_KEY).is_some_and(|found| found == id) {
            return Some(vec![index]);
        }
        let DataType::Struct(children) = field.data_type() else { return None };
        let mut path = path_to(children, id)?;
        path.insert(0, index);
        Some(path)
    })
}

/// The array at `path`, null where a struct on the way is null.
pub(super) fn follow(columns: &[ArrayRef], path: &[usize]) -> Option<ArrayRef> {
    let (first, rest) = path.split_first()?;
    let mut array = columns.get(*first)?.clone();
    for index in rest {
        let parent = array.as_struct_opt()?;
        let child = parent.columns().get(*index)?.clone();
        array = match parent.nulls() {
            None => child,
            Some(nulls) => nullif::nullif(&child, &BooleanArray::new(!nulls.inner(), None)).ok()?,
        };
    }
    Some(array)
}

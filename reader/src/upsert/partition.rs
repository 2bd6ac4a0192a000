//! Are the keys of an equality delete file in the file's own partition?
//!
//! The specification asks writers for it and nothing enforces it. A delete in a partition that its key does not belong
//! to removes nothing, so it must not be taken at its word.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int32Type, Int64Type, Time64MicrosecondType,
    TimestampMicrosecondType, TimestampNanosecondType,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, TimeUnit};
use frazil_table::changes::{RowSet, RowSource};
use frazil_table::file::{FileEntry, PartitionValue};
use frazil_table::scan::Projection;
use frazil_table::{FieldId, Table};
use iceberg::spec::Transform;
use iceberg::transform::{BoxedTransformFunction, create_transform_function};

use crate::Result;

/// Whether every key of the file belongs to its partition. `false` also where that cannot be told.
pub(super) async fn holds_own_keys_only(
    table: &Table,
    file: &Arc<FileEntry>,
    key: &[FieldId],
    batch_rows: usize,
) -> Result<bool> {
    let Some(checks) = checks(table, file, key) else { return Ok(false) };
    let projection = Projection::keys(table, key)?;
    let source = RowSource::new(file.clone(), RowSet::All);
    let mut rows = source.read(table, &projection, batch_rows).await?;
    while let Some(batch) = rows.next_rows().await? {
        for check in &checks {
            let Some(column) = batch.columns().get(check.column) else { return Ok(false) };
            let Ok(values) = check.transform.transform(column.clone()) else { return Ok(false) };
            if !(0..values.len()).all(|row| value(&values, row).is_some_and(|value| value == check.expected)) {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// One field of the partition.
struct Check {
    /// Index of its source in the key.
    column: usize,
    transform: BoxedTransformFunction,
    expected: Option<PartitionValue>,
}

fn checks(table: &Table, file: &FileEntry, key: &[FieldId]) -> Option<Vec<Check>> {
    let spec = table.metadata().partition_spec_by_id(file.spec_id.get())?;
    let fields = spec.fields().iter().enumerate().filter(|(_, field)| field.transform != Transform::Void);
    fields
        .map(|(index, field)| {
            Some(Check {
                column: key.iter().position(|id| *id == FieldId::new(field.source_id))?,
                transform: create_transform_function(&field.transform).ok()?,
                expected: file.partition.0.get(index)?.clone(),
            })
        })
        .collect()
}

/// A value as partition tuples have it; the outer `None` is a type that they do not have.
fn value(array: &ArrayRef, row: usize) -> Option<Option<PartitionValue>> {
    if array.is_null(row) {
        return Some(None);
    }
    Some(Some(match array.data_type() {
        DataType::Boolean => PartitionValue::Boolean(array.as_boolean().value(row)),
        DataType::Int32 => PartitionValue::Long(array.as_primitive::<Int32Type>().value(row).into()),
        DataType::Date32 => PartitionValue::Long(array.as_primitive::<Date32Type>().value(row).into()),
        DataType::Int64 => PartitionValue::Long(array.as_primitive::<Int64Type>().value(row)),
        DataType::Time64(TimeUnit::Microsecond) => {
            PartitionValue::Long(array.as_primitive::<Time64MicrosecondType>().value(row))
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            PartitionValue::Long(array.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            PartitionValue::Long(array.as_primitive::<TimestampNanosecondType>().value(row))
        }
        DataType::Float32 => PartitionValue::Float(array.as_primitive::<Float32Type>().value(row).to_bits()),
        DataType::Float64 => PartitionValue::Double(array.as_primitive::<Float64Type>().value(row).to_bits()),
        DataType::Decimal128(..) => PartitionValue::Decimal(array.as_primitive::<Decimal128Type>().value(row)),
        DataType::Utf8 => PartitionValue::String(array.as_string::<i32>().value(row).into()),
        DataType::Binary => PartitionValue::Bytes(array.as_binary::<i32>().value(row).into()),
        DataType::FixedSizeBinary(_) => PartitionValue::Bytes(array.as_fixed_size_binary().value(row).into()),
        _ => return None,
    }))
}

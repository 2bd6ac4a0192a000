//! From Arrow batches to canonical rows, by the schema of the table's metadata: no formatting code of the
//! product takes part.

#[path = "canonical/tests.rs"]
mod tests;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int32Type, Int64Type, Time64MicrosecondType,
    TimestampMicrosecondType, TimestampNanosecondType,
};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Field as ArrowField};
use frazil_fixtures::{CanonicalRow, Field, Schema, Type, Value};

const FIELD_ID: &str = "PARQUET:field_id";
const EXTENSION_NAME: &str = "ARROW:extension:name";

/// Reads the rows of a batch, whose columns must be those of `schema`, in order.
///
/// # Errors
/// A column's name, field id or type is another, or a required column holds null.
pub fn rows_of(batch: &RecordBatch, schema: &Schema) -> Result<Vec<CanonicalRow>, String> {
    let arrow_schema = batch.schema();
    let names: Vec<&str> = arrow_schema.fields().iter().map(|field| field.name().as_str()).collect();
    let expected: Vec<&str> = schema.fields.iter().map(|field| field.name.as_str()).collect();
    if names != expected {
        return Err(format!("columns are {names:?}, expected {expected:?}"));
    }
    for (field, arrow) in schema.fields.iter().zip(arrow_schema.fields()) {
        if arrow.metadata().get(FIELD_ID) != Some(&field.id.to_string()) {
            return Err(format!(
                "column `{}` has metadata {:?}, expected field id {}",
                field.name,
                arrow.metadata(),
                field.id
            ));
        }
    }
    (0..batch.num_rows())
        .map(|index| {
            let columns = schema.fields.iter().zip(arrow_schema.fields()).zip(batch.columns());
            let values = columns
                .map(|((field, arrow), array)| Ok((field.name.clone(), value(field, arrow, array.as_ref(), index)?)));
            values.collect::<Result<Vec<_>, String>>().map(CanonicalRow)
        })
        .collect()
}

fn value(field: &Field, arrow: &ArrowField, array: &dyn Array, index: usize) -> Result<Value, String> {
    if array.data_type() == &DataType::Null || array.is_null(index) {
        return if field.required { Err(format!("`{}` is required and null", field.name)) } else { Ok(Value::Null) };
    }
    if let Some(id) = arrow.metadata().get(FIELD_ID)
        && *id != field.id.to_string()
    {
        return Err(format!("`{}` has field id {id}, expected {}", field.name, field.id));
    }
    match primitive(&field.field_type, arrow, array, index) {
        Some(value) => Ok(value),
        None => nested(&field.field_type, array, index)?.ok_or_else(|| {
            format!(
                "`{}` is {} of type {}, which is no {:?}",
                field.name,
                arrow.name(),
                array.data_type(),
                field.field_type
            )
        }),
    }
}

fn primitive(field_type: &Type, arrow: &ArrowField, array: &dyn Array, index: usize) -> Option<Value> {
    Some(match (field_type, array.data_type()) {
        (Type::Boolean, DataType::Boolean) => Value::Boolean(array.as_boolean().value(index)),
        (Type::Int, DataType::Int32) => Value::Integer(array.as_primitive::<Int32Type>().value(index).into()),
        (Type::Long, DataType::Int64) => Value::Integer(array.as_primitive::<Int64Type>().value(index)),
        (Type::Float, DataType::Float32) => Value::float(array.as_primitive::<Float32Type>().value(index)),
        (Type::Double, DataType::Float64) => Value::double(array.as_primitive::<Float64Type>().value(index)),
        (Type::Decimal { precision, scale }, DataType::Decimal128(p, s))
            if p == precision && i16::from(*s) == i16::from(*scale) =>
        {
            Value::Decimal { unscaled: array.as_primitive::<Decimal128Type>().value(index), scale: *scale }
        }
        (Type::Date, DataType::Date32) => Value::Date(array.as_primitive::<Date32Type>().value(index).into()),
        (Type::Time, DataType::Time64(arrow_schema::TimeUnit::Microsecond)) => {
            Value::Time(array.as_primitive::<Time64MicrosecondType>().value(index) * 1000)
        }
        (Type::Timestamp { zoned, nanos }, DataType::Timestamp(unit, zone)) => {
            let zone_fits = match zone.as_deref() {
                None => !zoned,
                Some(zone) => *zoned && matches!(zone, "UTC" | "+00:00"),
            };
            let nanos = match (unit, nanos) {
                (arrow_schema::TimeUnit::Microsecond, false) => {
                    i128::from(array.as_primitive::<TimestampMicrosecondType>().value(index)) * 1000
                }
                (arrow_schema::TimeUnit::Nanosecond, true) => {
                    i128::from(array.as_primitive::<TimestampNanosecondType>().value(index))
                }
                _ => return None,
            };
            zone_fits.then_some(Value::Timestamp { nanos, zoned: *zoned })?
        }
        (Type::String | Type::Variant, _) => Value::String(text(array, index)?),
        (Type::Uuid, DataType::FixedSizeBinary(16)) => {
            let is_uuid = arrow.metadata().get(EXTENSION_NAME).is_some_and(|name| name == "arrow.uuid");
            Value::Uuid(array.as_fixed_size_binary().value(index).try_into().ok().filter(|_| is_uuid)?)
        }
        (Type::Fixed(length), DataType::FixedSizeBinary(width)) if usize::try_from(*width).ok() == Some(*length) => {
            Value::Bytes(array.as_fixed_size_binary().value(index).to_vec())
        }
        (Type::Binary, DataType::Binary) => Value::Bytes(array.as_binary::<i32>().value(index).to_vec()),
        (Type::Binary, DataType::LargeBinary) => Value::Bytes(array.as_binary::<i64>().value(index).to_vec()),
        (Type::Binary, DataType::BinaryView) => Value::Bytes(array.as_binary_view().value(index).to_vec()),
        _ => return None,
    })
}

fn text(array: &dyn Array, index: usize) -> Option<String> {
    let text = match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value(index),
        DataType::LargeUtf8 => array.as_string::<i64>().value(index),
        DataType::Utf8View => array.as_string_view().value(index),
        _ => return None,
    };
    Some(text.to_owned())
}

fn nested(field_type: &Type, array: &dyn Array, index: usize) -> Result<Option<Value>, String> {
    Ok(Some(match (field_type, array.data_type()) {
        (Type::Struct(fields), DataType::Struct(arrow_fields)) => {
            let names: Vec<&String> = arrow_fields.iter().map(|field| field.name()).collect();
            let expected: Vec<&String> = fields.iter().map(|field| &field.name).collect();
            if names != expected {
                return Err(format!("struct fields are {names:?}, expected {expected:?}"));
            }
            let columns = fields.iter().zip(arrow_fields).zip(array.as_struct().columns());
            let values = columns
                .map(|((field, arrow), array)| Ok((field.name.clone(), value(field, arrow, array.as_ref(), index)?)));
            Value::Struct(values.collect::<Result<_, String>>()?)
        }
        (Type::List(element), DataType::List(arrow)) => {
            let values = array.as_list::<i32>().value(index);
            Value::List(elements(element, arrow, values.as_ref())?)
        }
        (Type::List(element), DataType::LargeList(arrow)) => {
            let values = array.as_list::<i64>().value(index);
            Value::List(elements(element, arrow, values.as_ref())?)
        }
        (Type::Map(key, item), DataType::Map(entries_field, _)) => {
            let DataType::Struct(arrow_fields) = entries_field.data_type() else { return Ok(None) };
            let entries = array.as_map().value(index);
            let keys = elements(key, &arrow_fields[0], entries.column(0).as_ref())?;
            let values = elements(item, &arrow_fields[1], entries.column(1).as_ref())?;
            Value::map(keys.into_iter().zip(values).collect())
        }
        _ => return Ok(None),
    }))
}

fn elements(field: &Field, arrow: &ArrowField, array: &dyn Array) -> Result<Vec<Value>, String> {
    (0..array.len()).map(|index| value(field, arrow, array, index)).collect()
}

//! Columns that have one value in all rows of a file: partition values, defaults, nulls.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, FixedSizeBinaryArray, Float32Array,
    Float64Array, Int32Array, Int64Array, StringArray, StructArray, Time64MicrosecondArray, TimestampMicrosecondArray,
    TimestampNanosecondArray, UInt32Array, new_null_array,
};
use arrow_buffer::NullBuffer;
use arrow_schema::DataType;
use iceberg::spec::{Literal, PrimitiveLiteral, PrimitiveType, Transform};

use super::projection::{Target, TargetKind};
use crate::file::{FileEntry, PartitionValue};
use crate::table::Table;
use crate::{Result, TableError};

/// A value that is the same in every row.
#[derive(Debug, Clone)]
pub(super) enum Constant {
    /// NULL of this type.
    Null(DataType),
    /// An array of one row.
    Value(ArrayRef),
}

impl Constant {
    /// The value `n` times.
    pub(super) fn repeat(&self, n: usize) -> Result<ArrayRef> {
        match self {
            Self::Null(data_type) => Ok(new_null_array(data_type, n)),
            Self::Value(value) => {
                let zeros = UInt32Array::from(vec![0; n]);
                arrow_select::take::take(value, &zeros, None).map_err(TableError::internal)
            }
        }
    }

    /// The value as an array of one row.
    pub(super) fn one(&self) -> ArrayRef {
        match self {
            Self::Null(data_type) => new_null_array(data_type, 1),
            Self::Value(value) => value.clone(),
        }
    }
}

/// What stands in for a field that the file does not have: its partition value, if the file is partitioned by
/// the field itself; else the default of rows written before the field was added; else NULL.
/// Source: Iceberg spec, "Column Projection".
pub(super) fn of_missing(target: &Target, table: &Table, file: &FileEntry) -> Result<Constant> {
    if let Some(value) = partition_value(target, table, file)? {
        return Ok(value);
    }
    if let Some(default) = &target.initial_default {
        return Ok(Constant::Value(literal(target, default, &file.path)?));
    }
    if target.required {
        return Err(TableError::corrupt(
            &*file.path,
            format!(
                "required column `{}` (field id `{}`) is not in the file and has no default; make the column optional",
                target.name, target.id
            ),
        ));
    }
    Ok(Constant::Null(target.arrow.data_type().clone()))
}

/// The file's value of a field that it is partitioned by without a transform.
fn partition_value(target: &Target, table: &Table, file: &FileEntry) -> Result<Option<Constant>> {
    let TargetKind::Primitive(primitive) = &target.kind else { return Ok(None) };
    let Some(spec) = table.metadata().partition_spec_by_id(file.spec_id.get()) else {
        return Err(TableError::corrupt(&*file.path, format!("the table has no partition spec `{}`", file.spec_id)));
    };
    let index = spec
        .fields()
        .iter()
        .position(|field| field.source_id == target.id && matches!(field.transform, Transform::Identity));
    let Some(index) = index else { return Ok(None) };
    let value = file.partition.0.get(index).ok_or_else(|| {
        TableError::corrupt(
            &*file.path,
            format!(
                "its partition has `{}` values, its partition spec `{}` more",
                file.partition.0.len(),
                file.spec_id
            ),
        )
    })?;
    match value {
        None if target.required => Ok(None),
        None => Ok(Some(Constant::Null(target.arrow.data_type().clone()))),
        Some(value) => match one_row(primitive, value) {
            Some(array) => Ok(Some(Constant::Value(array))),
            None => Err(misfit(target, "partition value", &file.path)),
        },
    }
}

fn misfit(target: &Target, what: &str, path: &str) -> TableError {
    TableError::corrupt(path, format!("{what} of column `{}` does not fit its type `{}`", target.name, target.arrow))
}

/// A default as an array of one row.
fn literal(target: &Target, default: &Literal, path: &str) -> Result<ArrayRef> {
    match (&target.kind, default) {
        (TargetKind::Primitive(primitive), Literal::Primitive(value)) => plain_value(value)
            .and_then(|value| one_row(primitive, &value))
            .ok_or_else(|| misfit(target, "default", path)),
        // A struct's default is an empty struct; its fields have defaults of their own.
        (TargetKind::Struct(children), Literal::Struct(_)) => {
            let arrays = children.iter().map(|child| match &child.initial_default {
                Some(default) => literal(child, default, path),
                None => Ok(new_null_array(child.arrow.data_type(), 1)),
            });
            let arrays = arrays.collect::<Result<Vec<_>>>()?;
            let fields = children.iter().map(|child| child.arrow.clone()).collect();
            let array = StructArray::try_new_with_length(fields, arrays, None::<NullBuffer>, 1)
                .map_err(|error| TableError::corrupt(path, error))?;
            Ok(Arc::new(array))
        }
        _ => Err(TableError::unsupported(path, format!("column `{}` has a default that is no primitive", target.name))),
    }
}

fn plain_value(value: &PrimitiveLiteral) -> Option<PartitionValue> {
    Some(match value {
        PrimitiveLiteral::Boolean(value) => PartitionValue::Boolean(*value),
        PrimitiveLiteral::Int(value) => PartitionValue::Long(i64::from(*value)),
        PrimitiveLiteral::Long(value) => PartitionValue::Long(*value),
        PrimitiveLiteral::Float(value) => PartitionValue::Float(value.to_bits()),
        PrimitiveLiteral::Double(value) => PartitionValue::Double(value.to_bits()),
        PrimitiveLiteral::String(value) => PartitionValue::String(value.as_str().into()),
        PrimitiveLiteral::Binary(value) => PartitionValue::Bytes(value.as_slice().into()),
        PrimitiveLiteral::Int128(value) => PartitionValue::Decimal(*value),
        PrimitiveLiteral::UInt128(value) => PartitionValue::Bytes(value.to_be_bytes().as_slice().into()),
        PrimitiveLiteral::AboveMax | PrimitiveLiteral::BelowMin => return None,
    })
}

/// The value in the Arrow type of `primitive`; `None` if it is of another kind.
fn one_row(primitive: &PrimitiveType, value: &PartitionValue) -> Option<ArrayRef> {
    use PartitionValue as V;
    use PrimitiveType as T;
    Some(match (primitive, value) {
        (T::Boolean, V::Boolean(value)) => Arc::new(BooleanArray::from(vec![*value])),
        (T::Int, V::Long(value)) => Arc::new(Int32Array::from(vec![i32::try_from(*value).ok()?])),
        (T::Date, V::Long(value)) => Arc::new(Date32Array::from(vec![i32::try_from(*value).ok()?])),
        (T::Long, V::Long(value)) => Arc::new(Int64Array::from(vec![*value])),
        (T::Time, V::Long(value)) => Arc::new(Time64MicrosecondArray::from(vec![*value])),
        (T::Timestamp | T::Timestamptz, V::Long(value)) => {
            let array = TimestampMicrosecondArray::from(vec![*value]);
            Arc::new(array.with_timezone_opt(matches!(primitive, T::Timestamptz).then_some("+00:00")))
        }
        (T::TimestampNs | T::TimestamptzNs, V::Long(value)) => {
            let array = TimestampNanosecondArray::from(vec![*value]);
            Arc::new(array.with_timezone_opt(matches!(primitive, T::TimestamptzNs).then_some("+00:00")))
        }
        (T::Float, V::Float(bits)) => Arc::new(Float32Array::from(vec![f32::from_bits(*bits)])),
        (T::Double, V::Double(bits)) => Arc::new(Float64Array::from(vec![f64::from_bits(*bits)])),
        // The column was a float when the file was written.
        (T::Double, V::Float(bits)) => Arc::new(Float64Array::from(vec![f64::from(f32::from_bits(*bits))])),
        (T::Decimal { precision, scale }, V::Decimal(value)) => {
            let (precision, scale) = (u8::try_from(*precision).ok()?, i8::try_from(*scale).ok()?);
            Arc::new(Decimal128Array::from(vec![*value]).with_precision_and_scale(precision, scale).ok()?)
        }
        (T::String, V::String(value)) => Arc::new(StringArray::from(vec![value.as_ref()])),
        (T::Binary, V::Bytes(value)) => Arc::new(BinaryArray::from(vec![value.as_ref()])),
        (T::Uuid, V::Bytes(value)) if value.len() == 16 => fixed(value)?,
        (T::Fixed(length), V::Bytes(value)) if u64::try_from(value.len()) == Ok(*length) => fixed(value)?,
        _ => return None,
    })
}

fn fixed(value: &[u8]) -> Option<ArrayRef> {
    let array = FixedSizeBinaryArray::try_from_iter(std::iter::once(value)).ok()?;
    Some(Arc::new(array))
}

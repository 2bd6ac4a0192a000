//! Values of one column, collected until a batch is full.

use std::sync::Arc;

use arrow_array::types::{
    Date32Type, Time32MillisecondType, Time64MicrosecondType, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType,
};
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Decimal128Array, FixedSizeBinaryArray, Float32Array, Float64Array, Int32Array,
    Int64Array, ListArray, MapArray, NullArray, StringArray, StructArray,
};
use arrow_buffer::{BooleanBufferBuilder, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType, FieldRef, Fields};

use super::decode::{Column, Step};
use crate::avro::Meaning;

/// Where the values of one row end in the next level's.
#[derive(Debug)]
pub(super) struct Offsets(Vec<i32>);

impl Default for Offsets {
    fn default() -> Self {
        Self(vec![0])
    }
}

impl Offsets {
    /// Ends a row that has `n` of them.
    pub(super) fn push(&mut self, n: usize) -> Result<(), String> {
        let last = self.0.last().copied().unwrap_or(0);
        let end = i32::try_from(n).ok().and_then(|n| last.checked_add(n));
        self.0.push(end.ok_or("a row holds more than can be counted")?);
        Ok(())
    }

    fn take(&mut self) -> OffsetBuffer<i32> {
        OffsetBuffer::new(ScalarBuffer::from(std::mem::take(self).0))
    }
}

/// Values by their type in the file.
#[derive(Debug)]
pub(super) enum Values {
    Null(usize),
    Boolean(BooleanBufferBuilder),
    Int(Vec<i32>, Meaning),
    Long(Vec<i64>, Meaning),
    Float(Vec<f32>),
    Double(Vec<f64>),
    Text(Offsets, Vec<u8>),
    Bytes(Offsets, Vec<u8>),
    Fixed(usize, Vec<u8>),
    Decimal { fixed: Option<usize>, precision: u8, scale: i8, unscaled: Vec<i128> },
    Struct { steps: Vec<Step>, fields: Fields, n: usize },
    List { item: Box<Column>, item_bytes_min: usize, field: FieldRef, offsets: Offsets },
    Map { key: Box<Column>, value: Box<Column>, field: FieldRef, offsets: Offsets },
}

impl Values {
    /// Something that stands where there is a null.
    pub(super) fn push_default(&mut self) -> Result<(), String> {
        match self {
            Self::Null(n) => *n += 1,
            Self::Boolean(values) => values.append(false),
            Self::Int(values, _) => values.push(0),
            Self::Long(values, _) => values.push(0),
            Self::Float(values) => values.push(0.0),
            Self::Double(values) => values.push(0.0),
            Self::Text(offsets, _)
            | Self::Bytes(offsets, _)
            | Self::List { offsets, .. }
            | Self::Map { offsets, .. } => offsets.push(0)?,
            Self::Fixed(size, bytes) => bytes.resize(bytes.len() + *size, 0),
            Self::Decimal { unscaled, .. } => unscaled.push(0),
            Self::Struct { steps, n, .. } => {
                for column in Step::read(steps) {
                    column.push_null()?;
                }
                *n += 1;
            }
        }
        Ok(())
    }

    /// Takes the values as an array.
    pub(super) fn take(&mut self, nulls: Option<NullBuffer>) -> Result<ArrayRef, ArrowError> {
        Ok(match self {
            Self::Null(n) => Arc::new(NullArray::new(std::mem::take(n))),
            Self::Boolean(values) => {
                let values = std::mem::replace(values, BooleanBufferBuilder::new(0));
                Arc::new(BooleanArray::new(values.build(), nulls))
            }
            Self::Int(values, meaning) => {
                let array = Int32Array::try_new(std::mem::take(values).into(), nulls)?;
                match meaning {
                    Meaning::Date => Arc::new(array.reinterpret_cast::<Date32Type>()),
                    Meaning::TimeMillis => Arc::new(array.reinterpret_cast::<Time32MillisecondType>()),
                    _ => Arc::new(array),
                }
            }
            Self::Long(values, meaning) => {
                let array = Int64Array::try_new(std::mem::take(values).into(), nulls)?;
                match meaning {
                    Meaning::TimeMicros => Arc::new(array.reinterpret_cast::<Time64MicrosecondType>()),
                    Meaning::TimestampMillis => Arc::new(array.reinterpret_cast::<TimestampMillisecondType>()),
                    Meaning::TimestampMicros => Arc::new(array.reinterpret_cast::<TimestampMicrosecondType>()),
                    Meaning::TimestampNanos => Arc::new(array.reinterpret_cast::<TimestampNanosecondType>()),
                    _ => Arc::new(array),
                }
            }
            Self::Float(values) => Arc::new(Float32Array::try_new(std::mem::take(values).into(), nulls)?),
            Self::Double(values) => Arc::new(Float64Array::try_new(std::mem::take(values).into(), nulls)?),
            Self::Text(offsets, bytes) => {
                Arc::new(StringArray::try_new(offsets.take(), Buffer::from(std::mem::take(bytes)), nulls)?)
            }
            Self::Bytes(offsets, bytes) => {
                Arc::new(BinaryArray::try_new(offsets.take(), Buffer::from(std::mem::take(bytes)), nulls)?)
            }
            Self::Fixed(size, bytes) => {
                let width =
                    i32::try_from(*size).map_err(|_| ArrowError::SchemaError("fixed is too long".to_owned()))?;
                Arc::new(FixedSizeBinaryArray::try_new(width, Buffer::from(std::mem::take(bytes)), nulls)?)
            }
            Self::Decimal { precision, scale, unscaled, .. } => {
                let array = Decimal128Array::try_new(std::mem::take(unscaled).into(), nulls)?;
                Arc::new(array.with_precision_and_scale(*precision, *scale)?)
            }
            Self::Struct { steps, fields, n } => {
                let arrays = Step::read(steps).map(Column::take).collect::<Result<Vec<_>, _>>()?;
                let n = std::mem::take(n);
                Arc::new(StructArray::try_new_with_length(fields.clone(), arrays, nulls, n)?)
            }
            Self::List { item, field, offsets, .. } => {
                Arc::new(ListArray::try_new(field.clone(), offsets.take(), item.take()?, nulls)?)
            }
            Self::Map { key, value, field, offsets } => {
                let DataType::Struct(fields) = field.data_type() else {
                    return Err(ArrowError::SchemaError("a map without entries".to_owned()));
                };
                let entries = StructArray::try_new(fields.clone(), vec![key.take()?, value.take()?], None)?;
                Arc::new(MapArray::try_new(field.clone(), offsets.take(), entries, nulls, false)?)
            }
        })
    }
}

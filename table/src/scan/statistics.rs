//! What a row group's statistics say about one column, in terms that keys can be compared with.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int32Type, Int64Type,
    Time64MicrosecondType, TimestampMicrosecondType, TimestampNanosecondType,
};
use arrow_array::{Array, ArrayRef, PrimitiveArray};
use arrow_schema::{DataType, TimeUnit};
use parquet::data_type::AsBytes;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::statistics::Statistics;

use super::convert::Conversion;

/// A value in the terms of the table's type.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// Booleans (0, 1), integers, dates, times, timestamps; decimals without their point.
    Number(i128),
    Float(f64),
    Bytes(Vec<u8>),
}

/// What is known about the values of a column in some rows. Without a bound anything may be there.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ColumnBounds {
    pub(super) min: Option<Value>,
    pub(super) max: Option<Value>,
    /// Some value may be null.
    pub(super) maybe_null: bool,
    /// Some value may be not null.
    pub(super) maybe_value: bool,
}

impl ColumnBounds {
    /// Nothing is known.
    pub(super) const UNKNOWN: Self = Self { min: None, max: None, maybe_null: true, maybe_value: true };

    /// All rows have the one value of `array`.
    pub(super) fn of_one(array: &ArrayRef) -> Self {
        // An array of the type `unknown` is null without saying so in its buffer.
        if array.logical_nulls().is_some_and(|nulls| nulls.is_null(0)) {
            return Self { maybe_value: false, ..Self::UNKNOWN };
        }
        let value = value(array, 0);
        Self { min: value.clone(), max: value, maybe_null: false, maybe_value: true }
    }

    /// What the statistics of a column chunk say. `stored` is its type in the file, `conversion` what becomes
    /// of its values.
    pub(super) fn of_chunk(chunk: &ColumnChunkMetaData, stored: &DataType, conversion: Conversion) -> Self {
        let Some(statistics) = chunk.statistics() else { return Self::UNKNOWN };
        Self::of_statistics(statistics, u64::try_from(chunk.num_values()).ok(), stored, conversion)
    }

    /// As [`ColumnBounds::of_chunk`], for `n_values` values, nulls included.
    pub(super) fn of_statistics(
        statistics: &Statistics,
        n_values: Option<u64>,
        stored: &DataType,
        conversion: Conversion,
    ) -> Self {
        // Values cannot be told from nulls without a count.
        let null_count = statistics.null_count_opt();
        let (min, max) = bounds(statistics, stored, conversion).unwrap_or((None, None));
        Self {
            min,
            max,
            maybe_null: null_count != Some(0),
            maybe_value: null_count.is_none() || null_count != n_values,
        }
    }

    /// Clears `alive[i]` where the rows cannot hold the key `keys[i]`.
    pub(super) fn narrow(&self, keys: &ArrayRef, alive: &mut [bool]) {
        let nulls = keys.logical_nulls();
        for (row, alive) in alive.iter_mut().enumerate().filter(|(_, alive)| **alive) {
            let is_null = nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
            *alive = if is_null { self.maybe_null } else { self.maybe_value };
        }
        let not_null = |row: usize| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
        match (&self.min, &self.max) {
            (Some(Value::Number(min)), Some(Value::Number(max))) => {
                each_number(keys, |row, value| alive[row] &= !not_null(row) || (*min <= value && value <= *max));
            }
            (Some(Value::Float(min)), Some(Value::Float(max))) => {
                // NaN is in no bounds, and may be there all the same.
                each_float(keys, |row, value| {
                    alive[row] &= !not_null(row) || value.is_nan() || (*min <= value && value <= *max);
                });
            }
            (Some(Value::Bytes(min)), Some(Value::Bytes(max))) => {
                each_bytes(keys, |row, value| {
                    alive[row] &= !not_null(row) || (min.as_slice() <= value && value <= max.as_slice());
                });
            }
            _ => {}
        }
    }
}

/// The value in row `row`, which is not null.
pub(super) fn value(array: &ArrayRef, row: usize) -> Option<Value> {
    let one = array.slice(row, 1);
    let mut value = None;
    each_number(&one, |_, number| value = Some(Value::Number(number)));
    each_float(&one, |_, float| value = Some(Value::Float(float)));
    each_bytes(&one, |_, bytes| value = Some(Value::Bytes(bytes.to_vec())));
    // A range of NaN would hold nothing.
    value.filter(|value| !matches!(value, Value::Float(float) if float.is_nan()))
}

/// Bounds in the terms of the table's type; `None` if they cannot be relied on.
fn bounds(
    statistics: &Statistics,
    stored: &DataType,
    conversion: Conversion,
) -> Option<(Option<Value>, Option<Value>)> {
    // Old writers compared bytes as signed numbers, and unsigned numbers too.
    let is_signed_number = matches!(statistics, Statistics::Boolean(_) | Statistics::Int32(_) | Statistics::Int64(_));
    let is_unsigned = matches!(stored, DataType::UInt8 | DataType::UInt16 | DataType::UInt32 | DataType::UInt64);
    if is_unsigned || (statistics.is_min_max_deprecated() && !is_signed_number) {
        return None;
    }
    let is_decimal = matches!(stored, DataType::Decimal128(_, _) | DataType::Decimal256(_, _));
    let number = |value: i64| conversion.number(value).map(|value| Value::Number(i128::from(value)));
    let float = |value: f64| (!value.is_nan()).then_some(Value::Float(value));
    let bytes = |value: &[u8]| match is_decimal {
        true => unscaled(value).map(Value::Number),
        false => Some(Value::Bytes(value.to_vec())),
    };
    macro_rules! pair {
        ($statistics:expr, $map:expr) => {
            ($statistics.min_opt().and_then($map), $statistics.max_opt().and_then($map))
        };
    }
    Some(match statistics {
        Statistics::Boolean(values) => pair!(values, |value| number(i64::from(*value))),
        Statistics::Int32(values) => pair!(values, |value| number(i64::from(*value))),
        Statistics::Int64(values) => pair!(values, |value| number(*value)),
        Statistics::Float(values) => pair!(values, |value| float(f64::from(*value))),
        Statistics::Double(values) => pair!(values, |value| float(*value)),
        Statistics::ByteArray(values) => pair!(values, |value| bytes(value.as_bytes())),
        Statistics::FixedLenByteArray(values) => pair!(values, |value| bytes(value.as_bytes())),
        // Their order was never defined.
        Statistics::Int96(_) => return None,
    })
}

/// A big-endian two's complement number of any length.
fn unscaled(bytes: &[u8]) -> Option<i128> {
    let negative = bytes.first()? & 0x80 != 0;
    let fill = if negative { 0xff } else { 0 };
    let (spare, kept) = bytes.split_at(bytes.len().saturating_sub(16));
    if spare.iter().any(|byte| *byte != fill) {
        return None;
    }
    let mut all = [fill; 16];
    all[16 - kept.len()..].copy_from_slice(kept);
    Some(i128::from_be_bytes(all))
}

/// Calls `on_value` for each row of an array of numbers; the value under a null is arbitrary.
pub(super) fn each_number(array: &ArrayRef, mut on_value: impl FnMut(usize, i128)) {
    fn each<T: ArrowPrimitiveType>(array: &PrimitiveArray<T>, on_value: &mut dyn FnMut(usize, i128))
    where
        i128: From<T::Native>,
    {
        for (row, value) in array.values().iter().enumerate() {
            on_value(row, i128::from(*value));
        }
    }
    let on_value: &mut dyn FnMut(usize, i128) = &mut on_value;
    match array.data_type() {
        DataType::Boolean => {
            for (row, value) in array.as_boolean().values().iter().enumerate() {
                on_value(row, i128::from(value));
            }
        }
        DataType::Int32 => each(array.as_primitive::<Int32Type>(), on_value),
        DataType::Int64 => each(array.as_primitive::<Int64Type>(), on_value),
        DataType::Date32 => each(array.as_primitive::<Date32Type>(), on_value),
        DataType::Time64(TimeUnit::Microsecond) => each(array.as_primitive::<Time64MicrosecondType>(), on_value),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            each(array.as_primitive::<TimestampMicrosecondType>(), on_value);
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            each(array.as_primitive::<TimestampNanosecondType>(), on_value);
        }
        DataType::Decimal128(_, _) => each(array.as_primitive::<Decimal128Type>(), on_value),
        _ => {}
    }
}

fn each_float(array: &ArrayRef, mut on_value: impl FnMut(usize, f64)) {
    match array.data_type() {
        DataType::Float32 => {
            let values = array.as_primitive::<Float32Type>().values();
            values.iter().enumerate().for_each(|(row, value)| on_value(row, f64::from(*value)));
        }
        DataType::Float64 => {
            let values = array.as_primitive::<Float64Type>().values();
            values.iter().enumerate().for_each(|(row, value)| on_value(row, *value));
        }
        _ => {}
    }
}

/// As [`each_number`], for text and bytes.
pub(super) fn each_bytes(array: &ArrayRef, mut on_value: impl FnMut(usize, &[u8])) {
    match array.data_type() {
        DataType::Utf8 => {
            let strings = array.as_string::<i32>();
            (0..strings.len()).for_each(|row| on_value(row, strings.value(row).as_bytes()));
        }
        DataType::Binary => {
            let binaries = array.as_binary::<i32>();
            (0..binaries.len()).for_each(|row| on_value(row, binaries.value(row)));
        }
        DataType::FixedSizeBinary(_) => {
            let binaries = array.as_fixed_size_binary();
            (0..binaries.len()).for_each(|row| on_value(row, binaries.value(row)));
        }
        _ => {}
    }
}

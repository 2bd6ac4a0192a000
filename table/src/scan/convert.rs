//! From the type that a file has to the type that the table has now.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Int64Type, Time32MillisecondType, Time64MicrosecondType,
    Time64NanosecondType, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
};
use arrow_array::{Array, ArrayRef, BinaryArray, Int64Array, PrimitiveArray, StringArray, new_null_array};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{ArrowError, DataType, TimeUnit};

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// How values become another type. All keep the value, as the type promotions of the spec do, or fail; only
/// units finer than the table's are cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Conversion {
    /// They are of that type.
    Same,
    /// Same numbers; another time zone label.
    Relabel,
    /// Same unscaled numbers; another precision, which must hold them.
    Precision,
    /// A wider number.
    Widen,
    /// Times a factor.
    Multiply(i64),
    /// Divided by a divisor, rounded down.
    Divide(i64),
    /// Bytes that must be UTF-8.
    BytesToText,
    /// Text as bytes.
    TextToBytes,
    /// Always null.
    Null,
}

impl Conversion {
    /// The conversion; `None` if there is none.
    pub(super) fn between(from: &DataType, to: &DataType) -> Option<Self> {
        use DataType as D;
        use TimeUnit::{Microsecond, Millisecond, Nanosecond};
        Some(match (from, to) {
            (_, D::Null) | (D::Null, _) => Self::Null,
            (from, to) if from == to => Self::Same,
            (D::Int8 | D::Int16 | D::UInt8 | D::UInt16, D::Int32 | D::Int64)
            | (D::Int32 | D::UInt32, D::Int64)
            | (D::Float32, D::Float64) => Self::Widen,
            (D::Decimal128(_, from), D::Decimal128(_, to)) if from == to => Self::Precision,
            (D::Decimal256(_, from), D::Decimal128(_, to)) if from == to => Self::Widen,
            (D::Date32, D::Timestamp(Microsecond, _)) => Self::Multiply(MICROS_PER_DAY),
            (D::Date32, D::Timestamp(Nanosecond, _)) => Self::Multiply(MICROS_PER_DAY * 1000),
            (D::Time32(Millisecond), D::Time64(Microsecond)) => Self::Multiply(1000),
            (D::Time64(Nanosecond), D::Time64(Microsecond)) => Self::Divide(1000),
            (D::Timestamp(from, _), D::Timestamp(to, _)) => match (from, to) {
                (from, to) if from == to => Self::Relabel,
                (Millisecond, Microsecond) | (Microsecond, Nanosecond) => Self::Multiply(1000),
                (Millisecond, Nanosecond) => Self::Multiply(1_000_000),
                (Nanosecond, Microsecond) => Self::Divide(1000),
                _ => return None,
            },
            (D::Binary, D::Utf8) => Self::BytesToText,
            (D::Utf8, D::Binary) => Self::TextToBytes,
            _ => return None,
        })
    }

    /// Converts `array` to type `to`.
    pub(super) fn apply(self, array: &ArrayRef, to: &DataType) -> Result<ArrayRef, ArrowError> {
        match self {
            Self::Same => Ok(array.clone()),
            Self::Null => Ok(new_null_array(to, array.len())),
            Self::Relabel => relabel(array, to),
            Self::Precision => {
                let DataType::Decimal128(precision, scale) = to else { return Err(mismatch(array, to)) };
                let decimals = array.as_primitive_opt::<Decimal128Type>().ok_or_else(|| mismatch(array, to))?.clone();
                let narrower = matches!(array.data_type(), DataType::Decimal128(from, _) if from > precision);
                if narrower {
                    decimals.validate_decimal_precision(*precision)?;
                }
                Ok(Arc::new(decimals.with_precision_and_scale(*precision, *scale)?))
            }
            Self::Widen => cast_with_options(array, to, &CastOptions { safe: false, ..CastOptions::default() }),
            Self::Multiply(factor) => scale(array, to, |value| value.checked_mul(factor)),
            Self::Divide(divisor) => scale(array, to, |value| value.checked_div_euclid(divisor)),
            Self::BytesToText => {
                let bytes = array.as_binary_opt::<i32>().ok_or_else(|| mismatch(array, to))?;
                Ok(Arc::new(StringArray::try_from_binary(bytes.clone())?))
            }
            Self::TextToBytes => {
                let text = array.as_string_opt::<i32>().ok_or_else(|| mismatch(array, to))?;
                Ok(Arc::new(BinaryArray::from(text.clone())))
            }
        }
    }

    /// What a single number becomes; `None` if it does not fit. For statistics.
    pub(super) fn number(self, value: i64) -> Option<i64> {
        match self {
            Self::Multiply(factor) => value.checked_mul(factor),
            Self::Divide(divisor) => value.checked_div_euclid(divisor),
            _ => Some(value),
        }
    }
}

fn mismatch(array: &ArrayRef, to: &DataType) -> ArrowError {
    ArrowError::CastError(format!("decoded `{}` cannot become `{to}`", array.data_type()))
}

fn relabel(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, ArrowError> {
    let DataType::Timestamp(_, zone) = to else { return Err(mismatch(array, to)) };
    if let Some(micros) = array.as_primitive_opt::<TimestampMicrosecondType>() {
        Ok(Arc::new(micros.clone().with_timezone_opt(zone.clone())))
    } else if let Some(nanos) = array.as_primitive_opt::<TimestampNanosecondType>() {
        Ok(Arc::new(nanos.clone().with_timezone_opt(zone.clone())))
    } else {
        Err(mismatch(array, to))
    }
}

fn scale(array: &ArrayRef, to: &DataType, step: impl Fn(i64) -> Option<i64>) -> Result<ArrayRef, ArrowError> {
    fn each<T>(array: &PrimitiveArray<T>, step: impl Fn(i64) -> Option<i64>) -> Result<Int64Array, ArrowError>
    where
        T: ArrowPrimitiveType,
        i64: From<T::Native>,
    {
        array.try_unary::<_, Int64Type, ArrowError>(|value| {
            let value = i64::from(value);
            step(value)
                .ok_or_else(|| ArrowError::ArithmeticOverflow(format!("`{value}` is out of range of its new unit")))
        })
    }
    let scaled = if let Some(array) = array.as_primitive_opt::<Date32Type>() {
        each(array, step)
    } else if let Some(array) = array.as_primitive_opt::<Time32MillisecondType>() {
        each(array, step)
    } else if let Some(array) = array.as_primitive_opt::<Time64NanosecondType>() {
        each(array, step)
    } else if let Some(array) = array.as_primitive_opt::<TimestampMillisecondType>() {
        each(array, step)
    } else if let Some(array) = array.as_primitive_opt::<TimestampMicrosecondType>() {
        each(array, step)
    } else if let Some(array) = array.as_primitive_opt::<TimestampNanosecondType>() {
        each(array, step)
    } else {
        Err(mismatch(array, to))
    }?;
    match to {
        DataType::Time64(TimeUnit::Microsecond) => Ok(Arc::new(scaled.reinterpret_cast::<Time64MicrosecondType>())),
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            let micros = scaled.reinterpret_cast::<TimestampMicrosecondType>();
            Ok(Arc::new(micros.with_timezone_opt(zone.clone())))
        }
        DataType::Timestamp(TimeUnit::Nanosecond, zone) => {
            let nanos = scaled.reinterpret_cast::<TimestampNanosecondType>();
            Ok(Arc::new(nanos.with_timezone_opt(zone.clone())))
        }
        _ => Err(mismatch(array, to)),
    }
}

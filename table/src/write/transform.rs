//! Partition transforms of columns.
//!
//! Source: Iceberg spec, "Partition Transforms" and "Appendix B: 32-bit Hash Requirements". Integers of any width
//! become 64-bit ones: a partition value has no other form.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int32Type, Int64Type,
    Time64MicrosecondType, TimestampMicrosecondType, TimestampNanosecondType,
};
use arrow_array::{Array, ArrayRef, BinaryArray, Float32Array, Float64Array, Int64Array, PrimitiveArray, StringArray};
use chrono::{Datelike, NaiveDate, TimeDelta};
use iceberg::spec::{PrimitiveType, Transform};

use crate::file::PartitionValue;
use crate::hash::hashes;
use crate::{Result, TableError};

const MICROS_PER_HOUR: i64 = 3_600_000_000;
const HOURS_PER_DAY: i64 = 24;

/// Values of a partition field for each row of its source column, which is of type `primitive`. `name` is the
/// partition field's, for messages.
///
/// # Errors
/// [`TableError::InvalidRequest`] if the transform does not take that type, or a date is beyond what it can tell.
pub(super) fn apply(transform: Transform, primitive: &PrimitiveType, array: &ArrayRef, name: &str) -> Result<ArrayRef> {
    let refused = || {
        let detail =
            format!("partition field `{name}` cannot apply `{transform}` to type `{primitive}`; use another spec");
        TableError::invalid(detail)
    };
    match transform {
        Transform::Identity => identity(array).ok_or_else(refused),
        Transform::Void => Ok(arrow_array::new_null_array(array.data_type(), array.len())),
        Transform::Bucket(n) => bucket(n, primitive, array).ok_or_else(refused),
        Transform::Truncate(width) => truncate(width, primitive, array).ok_or_else(refused),
        Transform::Year | Transform::Month | Transform::Day | Transform::Hour => {
            let per_hour = match primitive {
                PrimitiveType::Date if transform == Transform::Hour => return Err(refused()),
                PrimitiveType::Date => None,
                PrimitiveType::Timestamp | PrimitiveType::Timestamptz => Some(MICROS_PER_HOUR),
                PrimitiveType::TimestampNs | PrimitiveType::TimestamptzNs => Some(MICROS_PER_HOUR * 1000),
                _ => return Err(refused()),
            };
            let values = longs(array).ok_or_else(refused)?;
            let part = |value: i64| time_part(transform, per_hour, value);
            let parts = values.iter().map(|value| match value {
                None => Ok(None),
                Some(value) => part(value).map(Some).ok_or_else(|| {
                    TableError::invalid(format!("`{value}` is no date that partition field `{name}` can hold"))
                }),
            });
            Ok(Arc::new(parts.collect::<Result<Int64Array>>()?))
        }
        Transform::Unknown => Err(refused()),
    }
}

/// The value in row `row` of an array that [`apply`] made; `None` is null.
pub(super) fn value(array: &ArrayRef, row: usize) -> Option<PartitionValue> {
    if array.is_null(row) {
        return None;
    }
    if let Some(values) = array.as_primitive_opt::<Int64Type>() {
        Some(PartitionValue::Long(values.value(row)))
    } else if let Some(values) = array.as_string_opt::<i32>() {
        Some(PartitionValue::String(values.value(row).into()))
    } else if let Some(values) = array.as_primitive_opt::<Decimal128Type>() {
        Some(PartitionValue::Decimal(values.value(row)))
    } else if let Some(values) = array.as_boolean_opt() {
        Some(PartitionValue::Boolean(values.value(row)))
    } else if let Some(values) = array.as_primitive_opt::<Float32Type>() {
        Some(PartitionValue::Float(values.value(row).to_bits()))
    } else if let Some(values) = array.as_primitive_opt::<Float64Type>() {
        Some(PartitionValue::Double(values.value(row).to_bits()))
    } else {
        bytes_at(array, row).map(|bytes| PartitionValue::Bytes(bytes.into()))
    }
}

/// Integers, dates and times as plain numbers; `None` for other types.
pub(crate) fn longs(array: &ArrayRef) -> Option<Int64Array> {
    fn of<T>(array: &ArrayRef) -> Option<Int64Array>
    where
        T: ArrowPrimitiveType,
        i64: From<T::Native>,
    {
        let values: &PrimitiveArray<T> = array.as_primitive_opt()?;
        Some(values.unary(i64::from))
    }
    of::<Int64Type>(array)
        .or_else(|| of::<Int32Type>(array))
        .or_else(|| of::<Date32Type>(array))
        .or_else(|| of::<TimestampMicrosecondType>(array))
        .or_else(|| of::<TimestampNanosecondType>(array))
        .or_else(|| of::<Time64MicrosecondType>(array))
}

/// Bytes of text, binary and fixed values.
pub(crate) fn bytes_at(array: &ArrayRef, row: usize) -> Option<&[u8]> {
    if let Some(values) = array.as_string_opt::<i32>() {
        Some(values.value(row).as_bytes())
    } else if let Some(values) = array.as_binary_opt::<i32>() {
        Some(values.value(row))
    } else {
        array.as_fixed_size_binary_opt().map(|values| values.value(row))
    }
}

/// Every NaN becomes one, as they are equal as partition values.
fn identity(array: &ArrayRef) -> Option<ArrayRef> {
    if let Some(values) = array.as_primitive_opt::<Float32Type>() {
        let canonical: Float32Array = values.unary(|value| if value.is_nan() { f32::NAN } else { value });
        return Some(Arc::new(canonical));
    }
    if let Some(values) = array.as_primitive_opt::<Float64Type>() {
        let canonical: Float64Array = values.unary(|value| if value.is_nan() { f64::NAN } else { value });
        return Some(Arc::new(canonical));
    }
    match longs(array) {
        Some(values) => Some(Arc::new(values)),
        None if array.data_type().is_nested() => None,
        None => Some(array.clone()),
    }
}

fn bucket(n: u32, primitive: &PrimitiveType, array: &ArrayRef) -> Option<ArrayRef> {
    let n = i32::try_from(n).ok().filter(|n| *n > 0)?;
    // They have hashes and no buckets.
    if matches!(primitive, PrimitiveType::Boolean | PrimitiveType::Float | PrimitiveType::Double) {
        return None;
    }
    let buckets: Int64Array = hashes(array)?.unary(|hash| i64::from((hash.cast_signed() & i32::MAX) % n));
    Some(Arc::new(buckets))
}

fn truncate(width: u32, primitive: &PrimitiveType, array: &ArrayRef) -> Option<ArrayRef> {
    let n = usize::try_from(width).ok().filter(|n| *n > 0)?;
    let width = i64::from(width);
    Some(match primitive {
        // The lowest values leave the range of their type, and come out at its other end as in other writers.
        PrimitiveType::Int => {
            let width = i32::try_from(width).ok()?;
            let values = array.as_primitive_opt::<Int32Type>()?;
            let truncated: Int64Array = values.unary(|value| i64::from(value.wrapping_sub(value.rem_euclid(width))));
            Arc::new(truncated)
        }
        PrimitiveType::Long => {
            let truncated: Int64Array = longs(array)?.unary(|value: i64| value.wrapping_sub(value.rem_euclid(width)));
            Arc::new(truncated)
        }
        PrimitiveType::Decimal { .. } => {
            let values = array.as_primitive_opt::<Decimal128Type>()?;
            let truncated: PrimitiveArray<Decimal128Type> =
                values.unary(|value: i128| value.wrapping_sub(value.rem_euclid(i128::from(width))));
            Arc::new(truncated.with_data_type(array.data_type().clone()))
        }
        PrimitiveType::String => {
            let values = array.as_string_opt::<i32>()?;
            Arc::new(values.iter().map(|text| text.map(|text| prefix(text, n))).collect::<StringArray>())
        }
        PrimitiveType::Binary => {
            let values = array.as_binary_opt::<i32>()?;
            let cut = values.iter().map(|bytes| bytes.map(|bytes| bytes.get(..n).unwrap_or(bytes)));
            Arc::new(cut.collect::<BinaryArray>())
        }
        _ => return None,
    })
}

/// The first `n` code points.
pub(super) fn prefix(text: &str, n: usize) -> &str {
    text.char_indices().nth(n).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

/// `per_hour` are the units of an hour; `None` where the unit is the day.
fn time_part(transform: Transform, per_hour: Option<i64>, value: i64) -> Option<i64> {
    if transform == Transform::Hour {
        return Some(value.div_euclid(per_hour?));
    }
    let days = per_hour.map_or(value, |per_hour| value.div_euclid(per_hour * HOURS_PER_DAY));
    if transform == Transform::Day {
        return Some(days);
    }
    let date = NaiveDate::default().checked_add_signed(TimeDelta::try_days(days)?)?;
    let years = i64::from(date.year()) - 1970;
    Some(if transform == Transform::Year { years } else { years * 12 + i64::from(date.month0()) })
}

/// A two's complement number without the bytes that only repeat its sign.
pub(crate) fn minimal(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    while let [first, second, ..] = rest {
        let sign = if second & 0x80 == 0 { 0 } else { 0xff };
        if *first != sign {
            break;
        }
        rest = rest.get(1..).unwrap_or_default();
    }
    rest
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use arrow_array::{
        Date32Array, Decimal128Array, FixedSizeBinaryArray, Int32Array, Time64MicrosecondArray,
        TimestampMicrosecondArray, TimestampNanosecondArray,
    };
    use rstest::rstest;

    use super::*;

    fn uuid() -> ArrayRef {
        let bytes = uuid::Uuid::parse_str("f79c3e09-677c-4bbd-a479-3f349cb785e7").unwrap().into_bytes();
        Arc::new(FixedSizeBinaryArray::try_from_iter([bytes].into_iter()).unwrap())
    }

    /// The hashes of the spec's Appendix B, without their sign.
    #[rstest]
    #[case(PrimitiveType::Int, Arc::new(Int32Array::from(vec![34])), 2_017_239_379)]
    #[case(PrimitiveType::Long, Arc::new(Int64Array::from(vec![34])), 2_017_239_379)]
    #[case(PrimitiveType::Decimal { precision: 9, scale: 2 }, Arc::new(Decimal128Array::from(vec![1420])), -500_754_589)]
    #[case(PrimitiveType::Date, Arc::new(Date32Array::from(vec![17_486])), -653_330_422)]
    #[case(PrimitiveType::Time, Arc::new(Time64MicrosecondArray::from(vec![81_068_000_000])), -662_762_989)]
    #[case(
        PrimitiveType::Timestamp,
        Arc::new(TimestampMicrosecondArray::from(vec![1_510_871_468_000_000])),
        -2_047_944_441
    )]
    #[case(
        PrimitiveType::Timestamptz,
        Arc::new(TimestampMicrosecondArray::from(vec![1_510_871_468_000_001])),
        -1_207_196_810
    )]
    #[case(
        PrimitiveType::TimestampNs,
        Arc::new(TimestampNanosecondArray::from(vec![1_510_871_468_000_000_000])),
        -2_047_944_441
    )]
    #[case(
        PrimitiveType::TimestamptzNs,
        Arc::new(TimestampNanosecondArray::from(vec![1_510_871_468_000_001_001])),
        -1_207_196_810
    )]
    #[case(PrimitiveType::String, Arc::new(StringArray::from(vec!["iceberg"])), 1_210_000_089)]
    #[case(PrimitiveType::Uuid, uuid(), 1_488_055_340)]
    #[case(PrimitiveType::Binary, Arc::new(BinaryArray::from_vec(vec![&[0, 1, 2, 3]])), -188_683_207)]
    fn values_hash_as_the_specification_says(
        #[case] primitive: PrimitiveType,
        #[case] array: ArrayRef,
        #[case] hash: i32,
    ) {
        let n = 2_147_483_647;
        let buckets = apply(Transform::Bucket(n), &primitive, &array, "b").unwrap();
        assert_eq!(value(&buckets, 0), Some(PartitionValue::Long(i64::from(hash & i32::MAX) % i64::from(n))));
    }

    #[rstest]
    #[case(1, 10, 0)]
    #[case(-1, 10, -10)]
    #[case(-10, 10, -10)]
    #[case(19, 10, 10)]
    fn integers_are_truncated_downwards(#[case] input: i32, #[case] width: u32, #[case] expected: i64) {
        let int: ArrayRef = Arc::new(Int32Array::from(vec![input]));
        let long: ArrayRef = Arc::new(Int64Array::from(vec![i64::from(input)]));
        for (array, primitive) in [(int, PrimitiveType::Int), (long, PrimitiveType::Long)] {
            let truncated = apply(Transform::Truncate(width), &primitive, &array, "t").unwrap();
            assert_eq!(value(&truncated, 0), Some(PartitionValue::Long(expected)));
        }
    }

    #[test]
    fn decimals_text_and_bytes_are_truncated_in_their_own_way() {
        let of = |primitive: PrimitiveType, width, array: ArrayRef| {
            value(&apply(Transform::Truncate(width), &primitive, &array, "t").unwrap(), 0)
        };
        let decimal = PrimitiveType::Decimal { precision: 9, scale: 2 };
        assert_eq!(of(decimal, 50, Arc::new(Decimal128Array::from(vec![1065]))), Some(PartitionValue::Decimal(1050)));
        let text = Arc::new(StringArray::from(vec!["ice\u{1F9CA}berg"]));
        assert_eq!(of(PrimitiveType::String, 4, text), Some(PartitionValue::String("ice\u{1F9CA}".into())));
        let bytes = Arc::new(BinaryArray::from_vec(vec![&[1, 2, 3]]));
        assert_eq!(of(PrimitiveType::Binary, 2, bytes), Some(PartitionValue::Bytes([1, 2].into())));
    }

    #[test]
    fn times_before_1970_are_rounded_down() {
        let micros: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![Some(-1), Some(0), None]));
        let nanos: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![Some(-1), Some(0), None]));
        for transform in [Transform::Year, Transform::Month, Transform::Day, Transform::Hour] {
            for (array, primitive) in [(&micros, PrimitiveType::Timestamptz), (&nanos, PrimitiveType::TimestampNs)] {
                let parts = apply(transform, &primitive, array, "t").unwrap();
                let parts: Vec<_> = (0..3).map(|row| value(&parts, row)).collect();
                assert_eq!(parts, [Some(PartitionValue::Long(-1)), Some(PartitionValue::Long(0)), None]);
            }
        }
        let date: ArrayRef = Arc::new(Date32Array::from(vec![17_486]));
        let part = |transform| value(&apply(transform, &PrimitiveType::Date, &date, "t").unwrap(), 0);
        assert_eq!(part(Transform::Year), Some(PartitionValue::Long(47)));
        assert_eq!(part(Transform::Month), Some(PartitionValue::Long(574)));
        assert_eq!(part(Transform::Day), Some(PartitionValue::Long(17_486)));
    }

    #[test]
    fn what_a_transform_does_not_take_is_refused() {
        let text: ArrayRef = Arc::new(StringArray::from(vec!["a"]));
        let error = apply(Transform::Day, &PrimitiveType::String, &text, "day").unwrap_err();
        assert!(error.to_string().contains("cannot apply `day` to type `string`"), "{error}");
    }

    #[test]
    fn numbers_lose_the_bytes_that_repeat_their_sign() {
        assert_eq!(minimal(&0_i128.to_be_bytes()), [0]);
        assert_eq!(minimal(&(-1_i128).to_be_bytes()), [0xff]);
        assert_eq!(minimal(&128_i128.to_be_bytes()), [0, 0x80]);
        assert_eq!(minimal(&(-128_i128).to_be_bytes()), [0x80]);
    }
}

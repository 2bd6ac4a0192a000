//! What a partition value says about the column that it was made from.
//!
//! Source: Iceberg spec, "Partition Transforms".

use chrono::NaiveDate;
use iceberg::spec::{Datum, PrimitiveLiteral, PrimitiveType, Transform};
use iceberg::transform::create_transform_function;

use super::facts::{Facts, Outcome};
use super::predicate::{Operator, Test};
use super::value::Value;
use crate::file::PartitionValue;

/// More values than this are not hashed for every file.
const N_HASHED_VALUES_MAX: usize = 200;

const MICROS_PER_HOUR: i128 = 3_600_000_000;
const HOURS_PER_DAY: i128 = 24;

/// Values that a partition field has in some files: from the lowest to the highest, as far as they are known.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Span {
    pub(super) lowest: Option<Value>,
    pub(super) highest: Option<Value>,
    pub(super) maybe_null: bool,
    /// Some file may have a value that is not null.
    pub(super) maybe_value: bool,
    /// Some file may have NaN.
    pub(super) maybe_nan: bool,
}

impl Span {
    /// One value, or null.
    pub(super) fn of_value(value: Option<&PartitionValue>) -> Self {
        let facts = value.map_or(Facts::NULL, |value| Facts::of_value(plain(value)));
        let Facts { min, max, maybe_null, maybe_value, maybe_nan } = facts;
        Self { lowest: min, highest: max, maybe_null, maybe_value, maybe_nan }
    }
}

fn plain(value: &PartitionValue) -> Value {
    match value {
        PartitionValue::Boolean(value) => Value::Number(i128::from(*value)),
        PartitionValue::Long(value) => Value::Number(i128::from(*value)),
        PartitionValue::Float(bits) => Value::Float(f64::from(f32::from_bits(*bits))),
        PartitionValue::Double(bits) => Value::Float(f64::from_bits(*bits)),
        PartitionValue::Decimal(value) => Value::Number(*value),
        PartitionValue::String(text) => Value::Bytes(text.as_bytes().to_vec()),
        PartitionValue::Bytes(bytes) => Value::Bytes(bytes.to_vec()),
    }
}

/// What a test of the source column, of type `primitive`, may be in files with these partition values.
pub(super) fn outcome(transform: Transform, primitive: &PrimitiveType, span: &Span, test: &Test) -> Outcome {
    let (min, max) = match transform {
        Transform::Identity => (span.lowest.clone(), span.highest.clone()),
        Transform::Bucket(n) => return of_bucket(n, primitive, span, test),
        Transform::Truncate(width) => truncated(width, primitive, span),
        Transform::Year | Transform::Month | Transform::Day | Transform::Hour => {
            let number = |value: &Option<Value>| match value {
                Some(Value::Number(number)) => Some(*number),
                _ => None,
            };
            let start = number(&span.lowest).and_then(|value| start_of(transform, primitive, widened(value)));
            let end = number(&span.highest).and_then(|value| start_of(transform, primitive, value.checked_add(1)?));
            (start.map(Value::Number), end.map(|end| Value::Number(end - 1)))
        }
        Transform::Void | Transform::Unknown => return Outcome::ANY,
    };
    let Span { maybe_null, maybe_value, maybe_nan, .. } = *span;
    Facts { min, max, maybe_null, maybe_value, maybe_nan }.outcome(test)
}

/// Old writers cut times before 1970 off towards zero instead of down, so that a value stands for the one below
/// it too.
fn widened(value: i128) -> i128 {
    if value <= 0 { value - 1 } else { value }
}

/// The first value of the source column that a time transform turns into `value`.
fn start_of(transform: Transform, primitive: &PrimitiveType, value: i128) -> Option<i128> {
    let per_hour = match primitive {
        PrimitiveType::Date => None,
        PrimitiveType::Timestamp | PrimitiveType::Timestamptz => Some(MICROS_PER_HOUR),
        PrimitiveType::TimestampNs | PrimitiveType::TimestamptzNs => Some(MICROS_PER_HOUR * 1000),
        _ => return None,
    };
    let of_days = |days: i128| per_hour.map_or(Some(days), |per_hour| days.checked_mul(HOURS_PER_DAY * per_hour));
    let of_date = |year: i128, month: i128| {
        let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, u32::try_from(month).ok()?, 1)?;
        of_days(i128::from(date.signed_duration_since(NaiveDate::default()).num_days()))
    };
    match transform {
        Transform::Year => of_date(1970 + value, 1),
        Transform::Month => of_date(1970 + value.div_euclid(12), value.rem_euclid(12) + 1),
        Transform::Day => of_days(value),
        Transform::Hour => value.checked_mul(per_hour?),
        _ => None,
    }
}

/// Bounds of the values that were cut to these.
fn truncated(width: u32, primitive: &PrimitiveType, span: &Span) -> (Option<Value>, Option<Value>) {
    let length = |bytes: &[u8]| match primitive {
        PrimitiveType::String => std::str::from_utf8(bytes).map_or(usize::MAX, |text| text.chars().count()),
        _ => bytes.len(),
    };
    let highest = match &span.highest {
        Some(Value::Number(number)) => number.checked_add(i128::from(width) - 1).map(Value::Number),
        // What is shorter than the width was not cut.
        Some(Value::Bytes(bytes)) if length(bytes) < width as usize => Some(Value::Bytes(bytes.clone())),
        Some(Value::Bytes(bytes)) => successor(bytes).map(Value::Bytes),
        _ => None,
    };
    (span.lowest.clone(), highest)
}

/// Not below anything that begins with `prefix`; `None` if nothing is.
fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte < u8::MAX)?;
    let mut bytes = prefix.get(..=last)?.to_vec();
    *bytes.last_mut()? += 1;
    Some(bytes)
}

/// Buckets tell about equality only.
fn of_bucket(n: u32, primitive: &PrimitiveType, span: &Span, test: &Test) -> Outcome {
    let may_hold = |value: &Value| match (bucket(n, primitive, value), &span.lowest, &span.highest) {
        (Some(bucket), Some(lowest), Some(highest)) => {
            lowest.compare(&bucket).is_none_or(std::cmp::Ordering::is_le)
                && bucket.compare(highest).is_none_or(std::cmp::Ordering::is_le)
        }
        _ => true,
    };
    let maybe_true = match test {
        Test::Compare(Operator::Equal, value) => may_hold(value),
        Test::In { values, .. } if values.len() <= N_HASHED_VALUES_MAX => values.iter().any(|value| may_hold(&value)),
        _ => true,
    };
    let Span { maybe_null, maybe_value, .. } = *span;
    let general = Facts { min: None, max: None, maybe_null, maybe_value, maybe_nan: false }.outcome(test);
    Outcome { maybe_true: general.maybe_true && maybe_true, ..general }
}

/// The bucket of a value; `None` if that cannot be told.
fn bucket(n: u32, primitive: &PrimitiveType, value: &Value) -> Option<Value> {
    let datum = match (primitive, value) {
        (PrimitiveType::Int | PrimitiveType::Long, Value::Number(number)) => Datum::long(i64::try_from(*number).ok()?),
        (PrimitiveType::Date, Value::Number(number)) => Datum::date(i32::try_from(*number).ok()?),
        (PrimitiveType::Time, Value::Number(number)) => Datum::time_micros(i64::try_from(*number).ok()?).ok()?,
        (PrimitiveType::Timestamp | PrimitiveType::Timestamptz, Value::Number(number)) => {
            Datum::timestamp_micros(i64::try_from(*number).ok()?)
        }
        (PrimitiveType::Decimal { .. }, Value::Number(number)) => {
            Datum::try_from_bytes(&number.to_be_bytes(), primitive.clone()).ok()?
        }
        (PrimitiveType::String, Value::Bytes(bytes)) => Datum::string(std::str::from_utf8(bytes).ok()?),
        (PrimitiveType::Uuid, Value::Bytes(bytes)) => Datum::uuid(uuid::Uuid::from_slice(bytes).ok()?),
        (PrimitiveType::Binary | PrimitiveType::Fixed(_), Value::Bytes(bytes)) => Datum::binary(bytes.iter().copied()),
        // Nanoseconds are hashed as microseconds, and writers differ in how they round those before 1970.
        _ => return None,
    };
    let bucket = create_transform_function(&Transform::Bucket(n)).ok()?.transform_literal(&datum).ok()??;
    match bucket.literal() {
        PrimitiveLiteral::Int(bucket) => Some(Value::Number(i128::from(*bucket))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rstest::rstest;

    use super::*;

    fn bytes(text: &str) -> Value {
        Value::Bytes(text.as_bytes().to_vec())
    }

    /// `bucket` of as many as there can be gives the hash without its sign.
    #[rstest]
    #[case(PrimitiveType::Int, Value::Number(34), 2_017_239_379)]
    #[case(PrimitiveType::Long, Value::Number(34), 2_017_239_379)]
    #[case(PrimitiveType::Decimal { precision: 9, scale: 2 }, Value::Number(1420), -500_754_589)]
    #[case(PrimitiveType::Date, Value::Number(17_486), -653_330_422)]
    #[case(PrimitiveType::Time, Value::Number(81_068_000_000), -662_762_989)]
    #[case(PrimitiveType::Timestamp, Value::Number(1_510_871_468_000_000), -2_047_944_441)]
    #[case(PrimitiveType::Timestamptz, Value::Number(1_510_871_468_000_001), -1_207_196_810)]
    #[case(PrimitiveType::String, bytes("iceberg"), 1_210_000_089)]
    #[case(PrimitiveType::Fixed(4), Value::Bytes(vec![0, 1, 2, 3]), -188_683_207)]
    #[case(PrimitiveType::Binary, Value::Bytes(vec![0, 1, 2, 3]), -188_683_207)]
    fn values_hash_as_the_specification_says(
        #[case] primitive: PrimitiveType,
        #[case] value: Value,
        #[case] hash: i32,
    ) {
        let n = 2_147_483_647_u32;
        let expected = i128::from(hash & i32::MAX) % i128::from(n);
        assert_eq!(bucket(n, &primitive, &value), Some(Value::Number(expected)));
    }

    #[test]
    fn months_begin_where_the_calendar_says() {
        let start = |value| start_of(Transform::Month, &PrimitiveType::Date, value);
        assert_eq!(start(0), Some(0));
        assert_eq!(start(1), Some(31));
        assert_eq!(start(-1), Some(-31));
        let hour = start_of(Transform::Hour, &PrimitiveType::TimestampNs, 2);
        assert_eq!(hour, Some(7_200_000_000_000));
        assert_eq!(start_of(Transform::Year, &PrimitiveType::Date, i128::from(i64::MAX)), None);
    }

    #[test]
    fn cut_text_may_go_on() {
        let of = |text: &str| Span::of_value(Some(&PartitionValue::String(text.into())));
        let equal = |text: &str| Test::Compare(Operator::Equal, bytes(text));
        let may = |span: &Span, text: &str| {
            outcome(Transform::Truncate(3), &PrimitiveType::String, span, &equal(text)).maybe_true
        };
        assert!(
            may(&of("abc"), "abcd") && may(&of("abc"), "abc") && !may(&of("abc"), "abd1") && !may(&of("abc"), "ab")
        );
        assert!(may(&of("ab"), "ab") && !may(&of("ab"), "abc"));
    }

    #[test]
    fn the_partition_of_nulls_holds_nothing_else() {
        let span = Span::of_value(None);
        for transform in [Transform::Identity, Transform::Bucket(4), Transform::Truncate(3)] {
            let outcome = |test| outcome(transform, &PrimitiveType::Long, &span, &test);
            assert!(!outcome(Test::Compare(Operator::NotEqual, Value::Number(1))).maybe_true);
            assert!(outcome(Test::IsNull).is_always_true());
        }
    }

    #[test]
    fn times_before_1970_may_have_been_rounded_up() {
        let span = Span::of_value(Some(&PartitionValue::Long(0)));
        let test = Test::Compare(Operator::Equal, Value::Number(-1));
        let outcome = |transform| outcome(transform, &PrimitiveType::Timestamp, &span, &test);
        assert!(outcome(Transform::Day).maybe_true && outcome(Transform::Hour).maybe_true);
    }
}

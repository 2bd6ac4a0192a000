//! Partition tuples as text.

use frazil_table::file::{PartitionTuple, PartitionValue};
use frazil_table::{FieldId, SpecId, Table};
use iceberg::spec::{PrimitiveType, Transform, Type};

use crate::format::time::{Precision, write_date, write_timestamp};
use crate::format::value::{write_decimal, write_hex, write_uuid};

/// `name=value` of each field of the spec, separated by `/`. Empty if the spec has no fields.
pub(crate) fn partition_text(table: &Table, spec_id: SpecId, tuple: &PartitionTuple) -> String {
    let Some(spec) = table.metadata().partition_spec_by_id(spec_id.get()) else { return String::new() };
    let fields = spec.fields().iter().zip(tuple.0.iter()).map(|(field, value)| {
        let source = table.schema_with(FieldId::new(field.source_id));
        let source_type = source.and_then(|schema| schema.field_by_id(field.source_id));
        let primitive = source_type.and_then(|source| match source.field_type.as_ref() {
            Type::Primitive(primitive) => Some(primitive),
            _ => None,
        });
        format!("{}={}", field.name, value_text(value.as_ref(), field.transform, primitive))
    });
    fields.collect::<Vec<_>>().join("/")
}

/// A partition value as Iceberg's own paths show it: dates and times by the granularity of their transform.
fn value_text(value: Option<&PartitionValue>, transform: Transform, source: Option<&PrimitiveType>) -> String {
    let Some(value) = value else { return "null".to_owned() };
    let mut out = Vec::new();
    match value {
        PartitionValue::Boolean(value) => return value.to_string(),
        PartitionValue::Long(value) => write_long(*value, transform, source, &mut out),
        PartitionValue::Float(bits) => return f32::from_bits(*bits).to_string(),
        PartitionValue::Double(bits) => return f64::from_bits(*bits).to_string(),
        PartitionValue::Decimal(unscaled) => {
            let scale = match source {
                Some(PrimitiveType::Decimal { scale, .. }) => usize::try_from(*scale).unwrap_or_default(),
                _ => 0,
            };
            write_decimal(*unscaled, scale, &mut out);
        }
        PartitionValue::String(text) => return text.to_string(),
        PartitionValue::Bytes(bytes) if source == Some(&PrimitiveType::Uuid) => write_uuid(bytes, &mut out),
        PartitionValue::Bytes(bytes) => write_hex(bytes, &mut out),
    }
    String::from_utf8(out).unwrap_or_default()
}

fn write_long(value: i64, transform: Transform, source: Option<&PrimitiveType>, out: &mut Vec<u8>) {
    const MICROS_PER_HOUR: i64 = 3_600_000_000;
    match (transform, source) {
        (Transform::Year, _) => out.extend_from_slice((1970 + value).to_string().as_bytes()),
        (Transform::Month, _) => {
            let (year, month) = (1970 + value.div_euclid(12), value.rem_euclid(12) + 1);
            out.extend_from_slice(format!("{year:04}-{month:02}").as_bytes());
        }
        (Transform::Day, _) | (Transform::Identity, Some(PrimitiveType::Date)) => write_date(value, out),
        (Transform::Hour, _) => {
            write_timestamp(value.saturating_mul(MICROS_PER_HOUR), Precision::Micros, false, out);
            out.truncate(out.len() - ":00:00.000000".len());
        }
        (Transform::Identity, Some(PrimitiveType::Timestamp)) => write_timestamp(value, Precision::Micros, false, out),
        (Transform::Identity, Some(PrimitiveType::Timestamptz)) => write_timestamp(value, Precision::Micros, true, out),
        (Transform::Identity, Some(PrimitiveType::TimestampNs)) => write_timestamp(value, Precision::Nanos, false, out),
        (Transform::Identity, Some(PrimitiveType::TimestamptzNs)) => {
            write_timestamp(value, Precision::Nanos, true, out)
        }
        _ => out.extend_from_slice(value.to_string().as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Transform::Year, 54, "2024")]
    #[case(Transform::Month, 649, "2024-02")]
    #[case(Transform::Month, -1, "1969-12")]
    #[case(Transform::Day, 19_782, "2024-02-29")]
    #[case(Transform::Hour, 19_782 * 24 + 13, "2024-02-29T13")]
    #[case(Transform::Bucket(16), 3, "3")]
    #[case(Transform::Identity, 42, "42")]
    fn time_transforms_are_shown_by_their_granularity(
        #[case] transform: Transform,
        #[case] value: i64,
        #[case] expected: &str,
    ) {
        assert_eq!(value_text(Some(&PartitionValue::Long(value)), transform, Some(&PrimitiveType::Long)), expected);
    }

    #[test]
    fn values_are_shown_by_the_type_of_their_column() {
        let long = |value, source: PrimitiveType| {
            value_text(Some(&PartitionValue::Long(value)), Transform::Identity, Some(&source))
        };
        assert_eq!(long(19_782, PrimitiveType::Date), "2024-02-29");
        assert_eq!(long(1_510_871_468_123_456, PrimitiveType::Timestamptz), "2017-11-16T22:31:08.123456+00:00");
        let decimal = PrimitiveType::Decimal { precision: 9, scale: 2 };
        assert_eq!(value_text(Some(&PartitionValue::Decimal(1420)), Transform::Truncate(50), Some(&decimal)), "14.20");
        assert_eq!(value_text(None, Transform::Identity, None), "null");
    }
}

//! Partition values: as Avro, and what a manifest list says of those in one manifest.

use std::cmp::Ordering;

use iceberg::spec::PrimitiveType;

use super::schema::decimal_bytes;
use crate::avro::Encoder;
use crate::file::PartitionValue;
use crate::manifest::FieldSummary;
use crate::write::minimal;

/// Writes one value of a partition. Returns a message if it is none of the type.
pub(super) fn partition_value(
    encoder: &mut Encoder,
    value: Option<&PartitionValue>,
    value_type: &PrimitiveType,
) -> Result<(), String> {
    let Some(value) = value else {
        encoder.long(0);
        return Ok(());
    };
    encoder.long(1);
    match (value, value_type) {
        (PartitionValue::Boolean(value), PrimitiveType::Boolean) => encoder.boolean(*value),
        (PartitionValue::Long(value), kind) if is_whole(kind) => encoder.long(*value),
        (PartitionValue::Float(bits), PrimitiveType::Float) => encoder.raw(&bits.to_le_bytes()),
        (PartitionValue::Double(bits), PrimitiveType::Double) => encoder.raw(&bits.to_le_bytes()),
        (PartitionValue::String(text), PrimitiveType::String) => encoder.bytes(text.as_bytes()),
        (PartitionValue::Bytes(bytes), PrimitiveType::Binary) => encoder.bytes(bytes),
        (PartitionValue::Bytes(bytes), PrimitiveType::Uuid) if bytes.len() == 16 => encoder.raw(bytes),
        (PartitionValue::Bytes(bytes), PrimitiveType::Fixed(size)) if bytes.len() as u64 == *size => encoder.raw(bytes),
        (PartitionValue::Decimal(unscaled), PrimitiveType::Decimal { precision, .. }) => {
            let bytes = unscaled.to_be_bytes();
            let n_cut = usize::try_from(decimal_bytes(*precision)).ok().and_then(|n| bytes.len().checked_sub(n));
            let (cut, kept) = n_cut.and_then(|n| bytes.split_at_checked(n)).ok_or("its precision is too large")?;
            // What is cut off must be the sign only.
            let sign = if *unscaled < 0 { 0xff } else { 0 };
            if cut.iter().any(|byte| *byte != sign) {
                return Err(format!("`{unscaled}` has more digits than `{value_type}`"));
            }
            encoder.raw(kept);
        }
        (value, kind) => return Err(format!("`{value:?}` is no `{kind}`")),
    }
    Ok(())
}

fn is_whole(kind: &PrimitiveType) -> bool {
    use PrimitiveType::{Date, Int, Long, Time, Timestamp, TimestampNs, Timestamptz, TimestamptzNs};
    matches!(kind, Int | Long | Date | Time | Timestamp | Timestamptz | TimestampNs | TimestamptzNs)
}

/// Values of one partition field over the files of a manifest.
#[derive(Debug)]
pub(super) struct PartitionSummary {
    is_short: bool,
    is_floating: bool,
    contains_null: bool,
    contains_nan: bool,
    bounds: Option<(PartitionValue, PartitionValue)>,
}

impl PartitionSummary {
    pub(super) fn new(value_type: &PrimitiveType) -> Self {
        Self {
            is_short: matches!(value_type, PrimitiveType::Int | PrimitiveType::Date),
            is_floating: matches!(value_type, PrimitiveType::Float | PrimitiveType::Double),
            contains_null: false,
            contains_nan: false,
            bounds: None,
        }
    }

    pub(super) fn add(&mut self, value: Option<&PartitionValue>) {
        let Some(value) = value else {
            self.contains_null = true;
            return;
        };
        if is_nan(value) {
            self.contains_nan = true;
            return;
        }
        match &mut self.bounds {
            None => self.bounds = Some((value.clone(), value.clone())),
            Some((lower, upper)) => {
                if compare(value, lower) == Ordering::Less {
                    *lower = value.clone();
                }
                if compare(value, upper) == Ordering::Greater {
                    *upper = value.clone();
                }
            }
        }
    }

    /// What the list says, and of NaN for types that have it.
    pub(super) fn finish(&self) -> (FieldSummary, Option<bool>) {
        let single = |value: &PartitionValue| single_value(value, self.is_short);
        let summary = FieldSummary {
            contains_null: self.contains_null,
            lower_bound: self.bounds.as_ref().map(|(lower, _)| single(lower)),
            upper_bound: self.bounds.as_ref().map(|(_, upper)| single(upper)),
        };
        (summary, self.is_floating.then_some(self.contains_nan))
    }
}

fn is_nan(value: &PartitionValue) -> bool {
    match value {
        PartitionValue::Float(bits) => f32::from_bits(*bits).is_nan(),
        PartitionValue::Double(bits) => f64::from_bits(*bits).is_nan(),
        _ => false,
    }
}

fn compare(left: &PartitionValue, right: &PartitionValue) -> Ordering {
    match (left, right) {
        (PartitionValue::Float(left), PartitionValue::Float(right)) => {
            f32::from_bits(*left).total_cmp(&f32::from_bits(*right))
        }
        (PartitionValue::Double(left), PartitionValue::Double(right)) => {
            f64::from_bits(*left).total_cmp(&f64::from_bits(*right))
        }
        (left, right) => left.cmp(right),
    }
}

/// Source: Iceberg spec, appendix D, "Binary single-value serialization".
fn single_value(value: &PartitionValue, is_short: bool) -> Vec<u8> {
    match value {
        PartitionValue::Boolean(value) => vec![u8::from(*value)],
        PartitionValue::Long(value) => {
            let bytes = value.to_le_bytes();
            // A value of four bytes never has more: its type says so.
            if is_short { bytes.iter().take(4).copied().collect() } else { bytes.to_vec() }
        }
        PartitionValue::Float(bits) => bits.to_le_bytes().to_vec(),
        PartitionValue::Double(bits) => bits.to_le_bytes().to_vec(),
        PartitionValue::Decimal(unscaled) => minimal(&unscaled.to_be_bytes()).to_vec(),
        PartitionValue::String(text) => text.as_bytes().to_vec(),
        PartitionValue::Bytes(bytes) => bytes.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0, vec![0])]
    #[case(-1, vec![0xff])]
    #[case(127, vec![0x7f])]
    #[case(128, vec![0, 0x80])]
    #[case(-128, vec![0x80])]
    #[case(-129, vec![0xff, 0x7f])]
    #[case(1420, vec![0x05, 0x8c])]
    fn decimals_are_cut_to_the_fewest_bytes(#[case] value: i128, #[case] bytes: Vec<u8>) {
        assert_eq!(single_value(&PartitionValue::Decimal(value), false), bytes);
    }

    #[test]
    fn bounds_go_by_value_and_leave_out_null_and_nan() {
        let mut summary = PartitionSummary::new(&PrimitiveType::Double);
        for value in [Some(2.5_f64), Some(-7.0), None, Some(f64::NAN), Some(0.5)] {
            summary.add(value.map(|value| PartitionValue::Double(value.to_bits())).as_ref());
        }
        let (field, contains_nan) = summary.finish();
        assert_eq!(contains_nan, Some(true));
        assert!(field.contains_null);
        assert_eq!(field.lower_bound, Some((-7.0_f64).to_le_bytes().to_vec()));
        assert_eq!(field.upper_bound, Some(2.5_f64.to_le_bytes().to_vec()));
    }
}

//! Hashes of bytes and of column values that are the same in every process, version and implementation.
//!
//! Source: Iceberg spec, "Appendix B: 32-bit Hash Requirements".

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float32Type, Float64Type, UInt32Type};
use arrow_array::{Array, ArrayRef, UInt32Array};
use arrow_schema::{DataType, TimeUnit};

use crate::write::{bytes_at, longs, minimal};

/// The hash of each value of a column of a primitive type; NULL stays NULL. `None` for other types.
///
/// Values that are equal after a promotion of their type have equal hashes: integers, floats, decimals of one scale,
/// and timestamps in microseconds and nanoseconds (which hash as the microseconds that they lie in). All NaN hash
/// alike, and so do both zeros.
pub fn hashes(array: &ArrayRef) -> Option<UInt32Array> {
    Some(match array.data_type() {
        DataType::Null => UInt32Array::new_null(array.len()),
        DataType::Boolean => {
            let values = array.as_boolean();
            values.iter().map(|value| value.map(|value| of_long(i64::from(value)))).collect()
        }
        DataType::Float32 => {
            array.as_primitive::<Float32Type>().unary::<_, UInt32Type>(|value| of_double(f64::from(value)))
        }
        DataType::Float64 => array.as_primitive::<Float64Type>().unary::<_, UInt32Type>(of_double),
        DataType::Decimal128(..) => {
            let values = array.as_primitive::<Decimal128Type>();
            values.unary::<_, UInt32Type>(|value| murmur3(minimal(&value.to_be_bytes())))
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            longs(array)?.unary::<_, UInt32Type>(|value| of_long(value.div_euclid(1000)))
        }
        DataType::Utf8 | DataType::Binary | DataType::FixedSizeBinary(_) => (0..array.len())
            .map(|row| if array.is_null(row) { None } else { bytes_at(array, row).map(murmur3) })
            .collect(),
        _ => longs(array)?.unary::<_, UInt32Type>(of_long),
    })
}

fn of_long(value: i64) -> u32 {
    murmur3(&value.to_le_bytes())
}

fn of_double(value: f64) -> u32 {
    // There are many NaN, and two zeros that compare as equal.
    let canonical = if value.is_nan() { 0x7ff8_0000_0000_0000 } else { (value + 0.0).to_bits() };
    murmur3(&canonical.to_le_bytes())
}

/// Murmur3, x86, 32 bits, seed 0.
pub fn murmur3(bytes: &[u8]) -> u32 {
    const C1: u32 = 0xcc9e_2d51;
    const C2: u32 = 0x1b87_3593;
    let mix = |word: u32| word.wrapping_mul(C1).rotate_left(15).wrapping_mul(C2);
    let (words, tail) = bytes.as_chunks::<4>();
    let mut hash = words.iter().fold(0_u32, |hash, word| {
        (hash ^ mix(u32::from_le_bytes(*word))).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64)
    });
    if !tail.is_empty() {
        hash ^= mix(tail.iter().rev().fold(0, |word, byte| (word << 8) | u32::from(*byte)));
    }
    // Lengths are taken modulo 2^32, as the algorithm says.
    hash ^= u32::try_from(bytes.len() & 0xffff_ffff).unwrap_or(0);
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use arrow_array::{BooleanArray, Float32Array, Float64Array, Int32Array, Int64Array, ListArray, NullArray};

    use super::*;

    fn signed(array: ArrayRef) -> Vec<Option<i32>> {
        hashes(&array).unwrap().iter().map(|hash| hash.map(u32::cast_signed)).collect()
    }

    /// The rows of the spec's table that no bucket can show. Those of other types are tests of the transform.
    #[test]
    fn types_without_buckets_hash_as_the_specification_says() {
        assert_eq!(signed(Arc::new(BooleanArray::from(vec![true]))), [Some(1_392_991_556)]);
        assert_eq!(
            signed(Arc::new(Float32Array::from(vec![1.0, 0.0, -0.0]))),
            [Some(-142_385_009), Some(1_669_671_676), Some(1_669_671_676)]
        );
        assert_eq!(
            signed(Arc::new(Float64Array::from(vec![1.0, 0.0, -0.0]))),
            [Some(-142_385_009), Some(1_669_671_676), Some(1_669_671_676)]
        );
    }

    #[test]
    fn every_nan_is_one_and_null_has_no_hash() {
        let odd = f64::from_bits(0xfff8_0000_0000_0001);
        let found = signed(Arc::new(Float64Array::from(vec![Some(f64::NAN), Some(odd), None])));
        assert_eq!(found[0], found[1]);
        assert_eq!(found[2], None);
        assert_eq!(signed(Arc::new(NullArray::new(2))), [None, None]);
    }

    #[test]
    fn integers_hash_alike_in_any_width_and_lists_not_at_all() {
        let longs = signed(Arc::new(Int64Array::from(vec![34, -1])));
        assert_eq!(signed(Arc::new(Int32Array::from(vec![34, -1]))), longs);
        assert_eq!(longs[0], Some(2_017_239_379));
        let list: ArrayRef =
            Arc::new(ListArray::new_null(Arc::new(arrow_schema::Field::new_list_field(DataType::Int64, true)), 1));
        assert!(hashes(&list).is_none());
    }
}

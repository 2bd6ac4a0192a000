#![allow(clippy::unwrap_used)]
//! The numbers come from an implementation of Murmur3 in another language, written after its description.

use std::sync::Arc;

use arrow_array::{Int64Array, ListArray, StringArray, TimestampMicrosecondArray};
use frazil_table::storage::identity;
use rstest::rstest;

use super::*;

fn tuple(values: impl IntoIterator<Item = Option<PartitionValue>>) -> PartitionTuple {
    PartitionTuple(values.into_iter().collect())
}

#[test]
fn the_lane_of_one_column_is_its_bucket_in_iceberg() {
    let longs: ArrayRef = Arc::new(Int64Array::from(vec![Some(34), None]));
    let hashes = of_rows(&[longs], 2).unwrap();
    assert_eq!(hashes, [2_017_239_379, 0]);
    assert_eq!((lane(hashes[0], 256), lane(hashes[1], 256)), (83, 0));
    let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![1_510_871_468_000_000]));
    let hashes = of_rows(&[times], 1).unwrap();
    assert_eq!((hashes[0].cast_signed(), lane(hashes[0], 256)), (-2_047_944_441, 7));
}

#[test]
fn several_columns_and_null_are_combined_as_the_documentation_says() {
    let longs: ArrayRef = Arc::new(Int64Array::from(vec![Some(34), Some(34), None, None]));
    let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("iceberg"), None, Some("iceberg"), None]));
    let hashes = of_rows(&[longs, texts], 4).unwrap();
    assert_eq!(hashes, [3_614_878_694, 2_404_878_605, 1_210_000_089, 0]);
    let lanes = |n| hashes.iter().map(|hash| lane(*hash, n)).collect::<Vec<u16>>();
    assert_eq!(lanes(256), [230, 13, 217, 0]);
    assert_eq!(lanes(7), [5, 1, 4, 0]);
    assert_eq!(lanes(1), [0, 0, 0, 0]);
}

#[rstest]
#[case(0, tuple([]), 593_689_054, 222)]
#[case(1, tuple([None]), 476_944_147, 19)]
#[case(1, tuple([Some(PartitionValue::Boolean(true)), Some(PartitionValue::Long(-5))]), 1_352_037_165, 45)]
#[case(
    2,
    tuple([Some(PartitionValue::Float(1.5_f32.to_bits())), Some(PartitionValue::Double((-2.5_f64).to_bits()))]),
    275_960_228,
    164
)]
#[case(3, tuple([Some(PartitionValue::Decimal(1420))]), 877_736_469, 21)]
#[case(
    0,
    tuple([Some(PartitionValue::String("eu".into())), Some(PartitionValue::Bytes([0, 255].into()))]),
    1_370_716_200,
    40
)]
fn partitions_have_the_same_lane_for_ever(
    #[case] spec_id: i32,
    #[case] partition: PartitionTuple,
    #[case] hash: u32,
    #[case] expected: u16,
) {
    assert_eq!(of_partition(SpecId::new(spec_id), &partition), hash);
    assert_eq!(lane(hash, 256), expected);
}

#[test]
fn files_have_the_same_lane_for_ever_and_in_any_spelling() {
    for path in ["s3://bucket/data/00000-0.parquet", "s3a://bucket/data/00000-0.parquet"] {
        assert_eq!(of_path(identity(path)), 3_285_079_853);
    }
    for path in
        ["/warehouse/t/data/a.parquet", "file:///warehouse/t/data/a.parquet", "file:/warehouse/t/data/a.parquet"]
    {
        assert_eq!(of_path(identity(path)), 632_089_253);
        assert_eq!(lane(632_089_253, 256), 165);
    }
}

#[test]
fn what_has_no_hash_is_an_error() {
    let list: ArrayRef = Arc::new(ListArray::new_null(
        Arc::new(arrow_schema::Field::new_list_field(arrow_schema::DataType::Int64, true)),
        1,
    ));
    assert!(of_rows(&[list], 1).is_err());
}

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array, StringArray,
    TimestampMicrosecondArray,
};
use iceberg::spec::{Literal, NestedField, PrimitiveType, Type};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use rstest::rstest;

use super::{TestFile, batch, id, optional, write};
use crate::FieldId;
use crate::scan::KeyRanges;

/// A file with column 1, one row group for each array.
fn file(arrays: Vec<ArrayRef>, properties: WriterProperties, now: PrimitiveType) -> TestFile {
    let n_rows = arrays.iter().map(|array| array.len() as u64).sum();
    let batches: Vec<_> =
        arrays.into_iter().map(|array| batch(vec![(id(1, "k", array.data_type().clone()), array)])).collect();
    TestFile::new(write(&batches, properties), n_rows).schema(vec![optional(1, "k", now)])
}

async fn kept(file: &TestFile, ids: &[i32], arrays: Vec<ArrayRef>) -> Vec<usize> {
    let ids = ids.iter().map(|id| FieldId::new(*id)).collect();
    file.open().await.unwrap().row_groups_that_may_hold(&KeyRanges { ids, arrays }).await.unwrap()
}

fn longs(values: Vec<Option<i64>>) -> ArrayRef {
    Arc::new(Int64Array::from(values))
}

#[rstest]
#[case::inside(vec![Some(5)], vec![0])]
#[case::promoted_edges(vec![Some(1), Some(30)], vec![0, 1])]
#[case::between(vec![Some(12)], vec![])]
#[case::beyond_int(vec![Some(1 << 40)], vec![])]
#[case::null(vec![None], vec![1, 2])]
#[case::null_or_value(vec![None, Some(2)], vec![0, 1, 2])]
#[case::none(vec![], vec![])]
#[tokio::test]
async fn row_groups_are_kept_by_bounds_and_null_counts(#[case] keys: Vec<Option<i64>>, #[case] expected: Vec<usize>) {
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::from(vec![1, 5, 10])),
        Arc::new(Int32Array::from(vec![Some(20), None, Some(30)])),
        Arc::new(Int32Array::from(vec![None, None])),
    ];
    let file = file(arrays, WriterProperties::new(), PrimitiveType::Long);
    assert_eq!(kept(&file, &[1], vec![longs(keys)]).await, expected);
}

#[rstest]
#[case::text(
    PrimitiveType::String,
    [Arc::new(StringArray::from(vec!["a", "m"])) as ArrayRef, Arc::new(StringArray::from(vec!["n", "é"]))],
    Arc::new(StringArray::from(vec!["z"]))
)]
#[case::decimals(
    PrimitiveType::Decimal { precision: 30, scale: 2 },
    [decimals(&[-500, -2]), decimals(&[-1, 700])],
    decimals(&[0])
)]
#[case::dates(
    PrimitiveType::Timestamp,
    [Arc::new(Date32Array::from(vec![-10, -5])) as ArrayRef, Arc::new(Date32Array::from(vec![-1, 5]))],
    Arc::new(TimestampMicrosecondArray::from(vec![0]))
)]
#[case::booleans(
    PrimitiveType::Boolean,
    [Arc::new(BooleanArray::from(vec![false])) as ArrayRef, Arc::new(BooleanArray::from(vec![false, true]))],
    Arc::new(BooleanArray::from(vec![true]))
)]
#[case::doubles(
    PrimitiveType::Double,
    [Arc::new(Float64Array::from(vec![1.0, 2.0])) as ArrayRef, Arc::new(Float64Array::from(vec![-1.0, 0.0]))],
    Arc::new(Float64Array::from(vec![-0.0]))
)]
#[tokio::test]
async fn only_the_second_row_group_is_kept(
    #[case] now: PrimitiveType,
    #[case] arrays: [ArrayRef; 2],
    #[case] keys: ArrayRef,
) {
    let file = file(arrays.to_vec(), WriterProperties::new(), now);
    assert_eq!(kept(&file, &[1], vec![keys]).await, [1]);
}

fn decimals(values: &[i128]) -> ArrayRef {
    Arc::new(Decimal128Array::from(values.to_vec()).with_precision_and_scale(30, 2).unwrap())
}

#[tokio::test]
async fn nan_may_be_anywhere() {
    let arrays: Vec<ArrayRef> = vec![Arc::new(Float64Array::from(vec![1.0, f64::NAN]))];
    let file = file(arrays, WriterProperties::new(), PrimitiveType::Double);
    assert_eq!(kept(&file, &[1], vec![Arc::new(Float64Array::from(vec![f64::NAN]))]).await, [0]);
}

#[tokio::test]
async fn without_statistics_all_row_groups_are_kept() {
    let properties = WriterProperties::builder().set_statistics_enabled(EnabledStatistics::None).build();
    let file = file(vec![longs(vec![Some(1)]), longs(vec![Some(2)])], properties, PrimitiveType::Long);
    assert_eq!(kept(&file, &[1], vec![longs(vec![Some(99), None])]).await, [0, 1]);
}

#[tokio::test]
async fn bloom_filters_exclude_keys_within_the_bounds() {
    let properties = || {
        WriterProperties::builder()
            .set_bloom_filter_enabled(true)
            .set_bloom_filter_ndv(2000)
            .set_bloom_filter_fpp(0.001)
            .build()
    };
    let even: Vec<_> = (0..2000).map(|n| Some(n * 2)).collect();
    let odd: Vec<_> = (0..2000).map(|n| Some(n * 2 + 1)).collect();
    let file = file(vec![longs(even.clone()), longs(odd)], properties(), PrimitiveType::Long);
    assert_eq!(kept(&file, &[1], vec![longs(vec![Some(1001)])]).await, [1]);
    assert_eq!(kept(&file, &[1], vec![longs(vec![Some(1001), Some(4)])]).await, [0, 1]);

    // The same through int columns that were promoted, and through text.
    let ints: ArrayRef = Arc::new(Int32Array::from_iter_values((0..2000).map(|n| n * 2)));
    let file = self::file(vec![ints], properties(), PrimitiveType::Long);
    assert_eq!(kept(&file, &[1], vec![longs(vec![Some(1001)])]).await, Vec::<usize>::new());
    assert_eq!(kept(&file, &[1], vec![longs(vec![Some(1002)])]).await, [0]);
    let text: ArrayRef = Arc::new(StringArray::from_iter_values((0..2000).map(|n| format!("k{:06}", n * 2))));
    let file = self::file(vec![text], properties(), PrimitiveType::String);
    assert_eq!(kept(&file, &[1], vec![Arc::new(StringArray::from(vec!["k001001"]))]).await, Vec::<usize>::new());
    assert_eq!(kept(&file, &[1], vec![Arc::new(StringArray::from(vec!["k001002"]))]).await, [0]);
}

#[tokio::test]
async fn all_columns_of_one_key_must_fit() {
    let column = |n: i32, values: Vec<i64>| {
        let array: ArrayRef = Arc::new(Int64Array::from(values));
        (id(n, "k", array.data_type().clone()), array)
    };
    let row_group = |first: Vec<i64>, second: Vec<i64>| batch(vec![column(1, first), column(2, second)]);
    let batches = [row_group(vec![1, 2], vec![10, 20]), row_group(vec![3, 4], vec![30, 40])];
    let default =
        NestedField::optional(3, "d", Type::Primitive(PrimitiveType::Long)).with_initial_default(Literal::long(7));
    let file = TestFile::new(write(&batches, WriterProperties::new()), 4).schema(vec![
        optional(1, "a", PrimitiveType::Long),
        optional(2, "b", PrimitiveType::Long),
        default.into(),
    ]);
    // Each column alone would fit both row groups.
    let crossed = vec![longs(vec![Some(1), Some(3)]), longs(vec![Some(30), Some(10)])];
    assert_eq!(kept(&file, &[1, 2], crossed).await, Vec::<usize>::new());
    let straight = vec![longs(vec![Some(1), Some(3)]), longs(vec![Some(10), Some(10)])];
    assert_eq!(kept(&file, &[1, 2], straight).await, [0]);
    // A column that the file does not have has one value.
    let with_default = |value| vec![longs(vec![Some(3)]), longs(vec![value])];
    assert_eq!(kept(&file, &[1, 3], with_default(Some(7))).await, [1]);
    assert_eq!(kept(&file, &[1, 3], with_default(Some(8))).await, Vec::<usize>::new());
    assert_eq!(kept(&file, &[1, 3], with_default(None)).await, Vec::<usize>::new());
}

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use arrow_array::Array;
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, FixedSizeBinaryArray, Float32Array,
    Float64Array, Int32Array, Int64Array, StringArray, Time64MicrosecondArray, TimestampMicrosecondArray,
    TimestampNanosecondArray,
};
use arrow_schema::DataType;
use iceberg::spec::PrimitiveType;
use rstest::rstest;

use super::{TestFile, id, optional};

fn columns() -> Vec<(PrimitiveType, ArrayRef)> {
    let decimal = |precision, scale| {
        let array = Decimal128Array::from(vec![Some(-12345), None]).with_precision_and_scale(precision, scale);
        Arc::new(array.unwrap()) as ArrayRef
    };
    let fixed = |value: &[u8]| {
        let values = [Some(value), None].into_iter();
        let length = i32::try_from(value.len()).unwrap();
        Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(values, length).unwrap()) as ArrayRef
    };
    let micros = TimestampMicrosecondArray::from(vec![Some(-1), None]);
    let nanos = TimestampNanosecondArray::from(vec![Some(-1), None]);
    vec![
        (PrimitiveType::Boolean, Arc::new(BooleanArray::from(vec![Some(true), None]))),
        (PrimitiveType::Int, Arc::new(Int32Array::from(vec![Some(i32::MIN), None]))),
        (PrimitiveType::Long, Arc::new(Int64Array::from(vec![Some(i64::MIN), None]))),
        (PrimitiveType::Float, Arc::new(Float32Array::from(vec![Some(-0.0), None]))),
        (PrimitiveType::Double, Arc::new(Float64Array::from(vec![Some(f64::NAN), None]))),
        (PrimitiveType::Decimal { precision: 9, scale: 2 }, decimal(9, 2)),
        (PrimitiveType::Decimal { precision: 18, scale: 2 }, decimal(18, 2)),
        (PrimitiveType::Decimal { precision: 38, scale: 10 }, decimal(38, 10)),
        (PrimitiveType::Date, Arc::new(Date32Array::from(vec![Some(-1), None]))),
        (PrimitiveType::Time, Arc::new(Time64MicrosecondArray::from(vec![Some(86_399_999_999), None]))),
        (PrimitiveType::Timestamp, Arc::new(micros.clone())),
        (PrimitiveType::Timestamptz, Arc::new(micros.with_timezone("+00:00"))),
        (PrimitiveType::TimestampNs, Arc::new(nanos.clone())),
        (PrimitiveType::TimestamptzNs, Arc::new(nanos.with_timezone("+00:00"))),
        (PrimitiveType::String, Arc::new(StringArray::from(vec![Some("é"), None]))),
        (PrimitiveType::Uuid, fixed(&[1; 16])),
        (PrimitiveType::Fixed(3), fixed(&[1, 2, 255])),
        (PrimitiveType::Binary, Arc::new(BinaryArray::from(vec![Some([0, 255].as_slice()), None]))),
    ]
}

#[tokio::test]
async fn every_primitive_type_comes_back_as_it_was_written() {
    let columns = columns();
    let ids = 1..;
    let file = TestFile::of(
        ids.clone()
            .zip(&columns)
            .map(|(n, (_, array))| (id(n, "c", array.data_type().clone()), array.clone()))
            .collect(),
    );
    let file = file.schema(
        ids.zip(&columns).map(|(n, (primitive, _))| optional(n, &format!("c{n}"), primitive.clone())).collect(),
    );
    let reader = file.open().await.unwrap();
    let batches = super::read(&reader, &file.projection().unwrap(), super::RowSelect::default(), 100).await.unwrap();
    assert_eq!(batches.len(), 1);
    for ((primitive, expected), column) in columns.iter().zip(batches[0].batch.columns()) {
        assert_eq!(column.to_data(), expected.to_data(), "{primitive}");
    }
    let schema = file.projection().unwrap().arrow_schema().clone();
    assert_eq!(schema.field(15).metadata()["ARROW:extension:name"], "arrow.uuid");
    assert_eq!(schema.field(15).metadata()["PARQUET:field_id"], "16");
}

#[rstest]
#[case::int(Arc::new(Int32Array::from(vec![Some(-5), None])), PrimitiveType::Long, "-5")]
#[case::float(Arc::new(Float32Array::from(vec![Some(1.5), None])), PrimitiveType::Double, "1.5")]
#[case::decimal(
    Arc::new(Decimal128Array::from(vec![Some(-105), None]).with_precision_and_scale(5, 2).unwrap()),
    PrimitiveType::Decimal { precision: 30, scale: 2 },
    "-1.05"
)]
#[case::date_to_timestamp(Arc::new(Date32Array::from(vec![Some(-1), None])), PrimitiveType::Timestamp, "1969-12-31T00:00:00")]
#[case::date_to_nanos(Arc::new(Date32Array::from(vec![Some(1), None])), PrimitiveType::TimestampNs, "1970-01-02T00:00:00")]
#[case::text_to_bytes(Arc::new(StringArray::from(vec![Some("ab"), None])), PrimitiveType::Binary, "6162")]
#[case::bytes_to_text(Arc::new(BinaryArray::from(vec![Some(b"ab".as_slice()), None])), PrimitiveType::String, "ab")]
#[case::wider_decimal_that_fits(
    Arc::new(Decimal128Array::from(vec![Some(-105), None]).with_precision_and_scale(30, 2).unwrap()),
    PrimitiveType::Decimal { precision: 5, scale: 2 },
    "-1.05"
)]
#[tokio::test]
async fn promoted_columns_keep_their_values(
    #[case] stored: ArrayRef,
    #[case] now: PrimitiveType,
    #[case] expected: &str,
) {
    let file = TestFile::of(vec![(id(1, "c", stored.data_type().clone()), stored)]).schema(vec![optional(1, "c", now)]);
    assert_eq!(file.rows().await.unwrap(), [expected, "-"]);
}

#[rstest]
#[case::narrowing(Arc::new(Int64Array::from(vec![1])), PrimitiveType::Int, "`Int32` in the table, but `Int64`")]
#[case::other_scale(
    Arc::new(Decimal128Array::from(vec![1]).with_precision_and_scale(5, 2).unwrap()),
    PrimitiveType::Decimal { precision: 5, scale: 3 },
    "cannot become"
)]
#[case::other_length(
    Arc::new(FixedSizeBinaryArray::try_from_iter([[1, 2]].into_iter()).unwrap()),
    PrimitiveType::Uuid,
    "cannot become"
)]
#[case::text_as_number(Arc::new(StringArray::from(vec!["1"])), PrimitiveType::Int, "cannot become")]
#[case::no_text(Arc::new(BinaryArray::from(vec![[255].as_slice()])), PrimitiveType::String, "tf-8")]
#[case::date_out_of_range(Arc::new(Date32Array::from(vec![i32::MAX])), PrimitiveType::TimestampNs, "out of range")]
#[case::decimal_too_wide(
    Arc::new(Decimal128Array::from(vec![123_456]).with_precision_and_scale(6, 2).unwrap()),
    PrimitiveType::Decimal { precision: 5, scale: 2 },
    "precision"
)]
#[tokio::test]
async fn a_column_that_does_not_fit_is_an_error(
    #[case] stored: ArrayRef,
    #[case] now: PrimitiveType,
    #[case] message: &str,
) {
    let file = TestFile::of(vec![(id(1, "c", stored.data_type().clone()), stored)]).schema(vec![optional(1, "c", now)]);
    let error = file.error().await;
    assert!(error.contains(message), "{error}");
    assert!(error.contains("f.parquet"), "{error}");
}

#[tokio::test]
async fn a_schema_in_arrows_own_form_does_not_change_types() {
    let large = arrow_array::LargeStringArray::from(vec!["a"]);
    let file = TestFile::of(vec![(id(1, "c", DataType::LargeUtf8), Arc::new(large))]).schema(vec![optional(
        1,
        "c",
        PrimitiveType::String,
    )]);
    assert_eq!(file.rows().await.unwrap(), ["a"]);
}

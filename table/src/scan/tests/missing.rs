#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Int32Array, Int64Array, StringArray, StructArray};
use arrow_schema::{DataType, Field, FieldRef};
use iceberg::spec::{Literal, NestedField, PrimitiveType, Struct, StructType, Type};
use rstest::rstest;
use serde_json::json;

use super::{TestFile, id, optional};
use crate::FieldId;
use crate::file::{FileContent, FileFormat, PartitionValue};
use crate::scan::Projection;

/// `a: int` with id 1: 1, 2.
fn file() -> TestFile {
    TestFile::of(vec![(id(1, "a", DataType::Int32), Arc::new(Int32Array::from(vec![1, 2])))])
}

fn a() -> iceberg::spec::NestedFieldRef {
    optional(1, "a", PrimitiveType::Int)
}

#[rstest]
#[case::boolean(PrimitiveType::Boolean, PartitionValue::Boolean(true), "true")]
#[case::int(PrimitiveType::Int, PartitionValue::Long(-5), "-5")]
#[case::long(PrimitiveType::Long, PartitionValue::Long(-5), "-5")]
#[case::float(PrimitiveType::Float, PartitionValue::Float(1.5_f32.to_bits()), "1.5")]
#[case::float_once(PrimitiveType::Double, PartitionValue::Float(1.5_f32.to_bits()), "1.5")]
#[case::double(PrimitiveType::Double, PartitionValue::Double(1.5_f64.to_bits()), "1.5")]
#[case::decimal(PrimitiveType::Decimal { precision: 9, scale: 2 }, PartitionValue::Decimal(-105), "-1.05")]
#[case::date(PrimitiveType::Date, PartitionValue::Long(1), "1970-01-02")]
#[case::time(PrimitiveType::Time, PartitionValue::Long(1), "00:00:00.000001")]
#[case::timestamp(PrimitiveType::Timestamp, PartitionValue::Long(1), "1970-01-01T00:00:00.000001")]
#[case::timestamptz(PrimitiveType::Timestamptz, PartitionValue::Long(1), "1970-01-01T00:00:00.000001Z")]
#[case::nanos(PrimitiveType::TimestampNs, PartitionValue::Long(1), "1970-01-01T00:00:00.000000001")]
#[case::string(PrimitiveType::String, PartitionValue::String("é".into()), "é")]
#[case::uuid(PrimitiveType::Uuid, PartitionValue::Bytes([1; 16].as_slice().into()), "01010101010101010101010101010101")]
#[case::fixed(PrimitiveType::Fixed(2), PartitionValue::Bytes([1, 255].as_slice().into()), "01ff")]
#[case::binary(PrimitiveType::Binary, PartitionValue::Bytes([1, 255].as_slice().into()), "01ff")]
#[tokio::test]
async fn a_missing_column_takes_its_partition_value(
    #[case] primitive: PrimitiveType,
    #[case] value: PartitionValue,
    #[case] expected: &str,
) {
    let file = file().schema(vec![a(), optional(2, "p", primitive)]).partitioned_by(2, Some(value));
    assert_eq!(file.rows().await.unwrap(), [format!("1 | {expected}"), format!("2 | {expected}")]);
}

#[tokio::test]
async fn a_null_partition_value_is_null_and_a_stored_column_wins() {
    let file = file()
        .schema(vec![a(), optional(2, "p", PrimitiveType::Int)])
        .partitioned_by(2, None)
        .partitioned_by(1, Some(PartitionValue::Long(77)));
    assert_eq!(file.rows().await.unwrap(), ["1 | -", "2 | -"]);
}

#[tokio::test]
async fn a_partition_value_of_another_kind_is_an_error() {
    let file = file()
        .schema(vec![a(), optional(2, "p", PrimitiveType::Int)])
        .partitioned_by(2, Some(PartitionValue::String("x".into())));
    assert!(file.error().await.contains("partition value of column `p`"));
}

#[tokio::test]
async fn a_missing_column_takes_its_initial_default_then_null() {
    let with_default = NestedField::required(2, "d", Type::Primitive(PrimitiveType::String))
        .with_initial_default(Literal::string("dflt"))
        .with_write_default(Literal::string("other"));
    let file = file().schema(vec![a(), with_default.into(), optional(3, "n", PrimitiveType::Date)]);
    assert_eq!(file.rows().await.unwrap(), ["1 | dflt | -", "2 | dflt | -"]);
}

#[tokio::test]
async fn a_missing_column_takes_a_default_with_nanoseconds() {
    let mut file = file().schema(vec![
        a(),
        optional(2, "local", PrimitiveType::TimestampNs),
        optional(3, "utc", PrimitiveType::TimestamptzNs),
    ]);
    for id in [2, 3] {
        file.foreign.initial_defaults.insert(FieldId::new(id), Literal::long(1_510_871_468_123_456_789_i64));
    }
    let (local, utc) = ("2017-11-16T22:31:08.123456789", "2017-11-16T22:31:08.123456789Z");
    assert_eq!(file.rows().await.unwrap(), [format!("1 | {local} | {utc}"), format!("2 | {local} | {utc}")]);
}

#[tokio::test]
async fn an_empty_struct_as_default_takes_the_defaults_of_its_fields() {
    let child =
        NestedField::optional(4, "x", Type::Primitive(PrimitiveType::Int)).with_initial_default(Literal::int(7));
    let fields = Type::Struct(StructType::new(vec![child.into(), optional(5, "y", PrimitiveType::Int)]));
    let empty = Literal::Struct(Struct::from_iter([None, None]));
    let field = NestedField::optional(3, "s", fields).with_initial_default(empty);
    // The metadata library cannot write such a default, so the projection is made without it.
    let file = file().schema(vec![a()]);
    let projection = Projection::new(&[a(), field.into()], &Default::default()).unwrap();
    assert_eq!(file.rows_of(&projection).await.unwrap(), ["1 | {x: 7, y: -}", "2 | {x: 7, y: -}"]);
}

#[tokio::test]
async fn a_missing_required_column_is_an_error() {
    let file = file().schema(vec![NestedField::required(2, "r", Type::Primitive(PrimitiveType::Int)).into()]);
    let error = file.error().await;
    assert!(error.contains("required column `r` (field id `2`)"), "{error}");
}

#[tokio::test]
async fn rows_without_any_stored_column_are_counted() {
    let file = file().schema(vec![optional(9, "n", PrimitiveType::Int)]);
    assert_eq!(file.rows().await.unwrap(), ["-", "-"]);
    let nothing = Projection::new(&[], &Default::default()).unwrap();
    assert_eq!(file.rows_of(&nothing).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_column_of_unknown_type_is_null() {
    let mut file = file().schema(vec![a(), optional(2, "u", PrimitiveType::Boolean)]);
    file.foreign.types.insert(FieldId::new(2), "unknown".to_owned());
    assert_eq!(file.projection().unwrap().arrow_schema().field(1).data_type(), &DataType::Null);
    assert_eq!(file.rows().await.unwrap(), ["1 | -", "2 | -"]);
}

#[tokio::test]
async fn a_column_that_cannot_be_read_is_refused_unless_left_out() {
    let mut file = file().schema(vec![a(), optional(2, "v", PrimitiveType::Boolean)]);
    file.foreign.types.insert(FieldId::new(2), "variant".to_owned());
    let error = file.projection().unwrap_err();
    assert_eq!(error.code(), "UNSUPPORTED");
    assert!(error.to_string().contains("`v` has type `variant`") && error.to_string().contains("--columns"));
    let table = file.table();
    let projection = Projection::select(&table, table.metadata().current_schema(), &[FieldId::new(1)]).unwrap();
    assert_eq!(file.rows_of(&projection).await.unwrap(), ["1", "2"]);
}

#[tokio::test]
async fn a_dropped_key_column_is_found_in_an_older_schema() {
    let file = file().schema(vec![a()]).schema(vec![optional(2, "b", PrimitiveType::Int)]);
    let keys = Projection::keys(&file.table(), &[FieldId::new(1), FieldId::new(2)]).unwrap();
    assert_eq!(file.rows_of(&keys).await.unwrap(), ["1 | -", "2 | -"]);
    assert!(Projection::keys(&file.table(), &[FieldId::new(3)]).is_err());
}

fn no_id(name: &str, data_type: DataType) -> FieldRef {
    Arc::new(Field::new(name, data_type, true))
}

/// `a: int, s: struct<x: int>`, without ids.
fn file_without_ids() -> TestFile {
    let x = no_id("x", DataType::Int32);
    let inner: ArrayRef = Arc::new(Int32Array::from(vec![10, 20]));
    let array = StructArray::new(vec![x].into(), vec![inner], None);
    TestFile::of(vec![
        (no_id("a", DataType::Int32), Arc::new(Int32Array::from(vec![1, 2]))),
        (no_id("s", array.data_type().clone()), Arc::new(array)),
    ])
}

fn s(child: i32) -> iceberg::spec::NestedFieldRef {
    let fields = StructType::new(vec![optional(child, "renamed", PrimitiveType::Long)]);
    NestedField::optional(5, "t", Type::Struct(fields)).into()
}

#[tokio::test]
async fn names_are_mapped_to_ids_where_the_file_has_none() {
    let file = file_without_ids().schema(vec![s(6), optional(4, "b", PrimitiveType::Int)]).name_mapping(&json!([
        {"field-id": 4, "names": ["old", "a"]},
        {"field-id": 5, "names": ["s"], "fields": [{"field-id": 6, "names": ["x"]}]},
    ]));
    assert_eq!(file.rows().await.unwrap(), ["{renamed: 10} | 1", "{renamed: 20} | 2"]);
}

#[tokio::test]
async fn names_that_are_not_mapped_are_not_in_the_file() {
    let file = file_without_ids().schema(vec![a()]).name_mapping(&json!([{"field-id": 5, "names": ["s"]}]));
    assert_eq!(file.rows().await.unwrap(), ["-", "-"]);
}

#[tokio::test]
async fn columns_are_counted_where_there_are_neither_ids_nor_names() {
    let file = file_without_ids().schema(vec![a()]);
    assert_eq!(file.rows().await.unwrap(), ["1", "2"]);
    let fields = StructType::new(vec![optional(3, "x", PrimitiveType::Int)]);
    let file = file_without_ids().schema(vec![NestedField::optional(2, "s", Type::Struct(fields)).into()]);
    let error = file.error().await;
    assert!(error.contains("schema.name-mapping.default"), "{error}");
}

#[tokio::test]
async fn position_deletes_without_ids_are_read_by_name() {
    let mut file = TestFile::of(vec![
        (no_id("file_path", DataType::Utf8), Arc::new(StringArray::from(vec!["f"]))),
        (no_id("pos", DataType::Int64), Arc::new(Int64Array::from(vec![3]))),
    ])
    .schema(vec![a()]);
    file.entry.content = FileContent::PositionDeletes;
    let fields = [
        optional(2_147_483_546, "file_path", PrimitiveType::String),
        optional(2_147_483_545, "pos", PrimitiveType::Long),
    ];
    let projection = Projection::new(&fields, &Default::default()).unwrap();
    assert_eq!(file.rows_of(&projection).await.unwrap(), ["f | 3"]);
}

#[rstest]
#[case::inherited(None, Some(100), ["1 | 100 | 7", "2 | 101 | 7"])]
#[case::stored(Some(vec![Some(5), None]), Some(100), ["1 | 5 | 5", "2 | 101 | 7"])]
#[case::unknown(None, None, ["1 | - | 7", "2 | - | 7"])]
#[tokio::test]
async fn row_lineage_is_what_the_file_says_then_what_the_manifest_says(
    #[case] stored: Option<Vec<Option<i64>>>,
    #[case] first_row_id: Option<u64>,
    #[case] expected: [&str; 2],
) {
    let mut columns: Vec<(FieldRef, ArrayRef)> =
        vec![(id(1, "a", DataType::Int32), Arc::new(Int32Array::from(vec![1, 2])))];
    if let Some(stored) = stored {
        let array: ArrayRef = Arc::new(Int64Array::from(stored));
        columns.push((id(2_147_483_540, "_row_id", DataType::Int64), array.clone()));
        columns.push((id(2_147_483_539, "_last_updated_sequence_number", DataType::Int64), array));
    }
    let mut file = TestFile::of(columns).schema(vec![a()]);
    file.entry.first_row_id = first_row_id;
    let projection = file.projection().unwrap().with_lineage();
    assert_eq!(projection.field_ids().len(), 3);
    assert_eq!(file.rows_of(&projection).await.unwrap(), expected);
}

#[rstest]
#[case(FileFormat::Avro)]
#[case(FileFormat::Orc)]
#[tokio::test]
async fn a_file_of_another_format_than_the_manifest_says_is_refused(#[case] format: FileFormat) {
    let mut file = file().schema(vec![a()]);
    file.entry.format = format;
    let error = file.error().await;
    assert!(error.contains(&format!("not a valid {format} file")), "{error}");
}

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

//! Files that other writers made, in physical forms that this one does not write.

use std::sync::Arc;

use bytes::Bytes;
use iceberg::spec::{ListType, NestedField, PrimitiveType, Type};
use parquet::basic::Type as PhysicalType;
use parquet::data_type::{
    ByteArray, ByteArrayType, FixedLenByteArray, FixedLenByteArrayType, Int32Type, Int64Type, Int96, Int96Type,
};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;
use rstest::rstest;
use serde_json::json;

use super::{TestFile, optional};

/// A file with this schema, one row group, each column written by `fill`.
fn file(message: &str, mut fill: impl FnMut(usize, &mut SerializedColumnWriter<'_>)) -> Bytes {
    let schema = Arc::new(parse_message_type(message).unwrap());
    let mut bytes = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, Arc::new(WriterProperties::new())).unwrap();
    let mut row_group = writer.next_row_group().unwrap();
    let mut index = 0;
    while let Some(mut column) = row_group.next_column().unwrap() {
        fill(index, &mut column);
        column.close().unwrap();
        index += 1;
    }
    row_group.close().unwrap();
    writer.close().unwrap();
    bytes.into()
}

/// The column's single value, as the parquet type that it has in the file.
fn write_one(column: &mut SerializedColumnWriter<'_>, physical: PhysicalType, value: i64) {
    let defined: &[i16] = &[1];
    match physical {
        PhysicalType::INT32 => {
            let value = i32::try_from(value).unwrap();
            column.typed::<Int32Type>().write_batch(&[value], Some(defined), None)
        }
        PhysicalType::INT64 => column.typed::<Int64Type>().write_batch(&[value], Some(defined), None),
        PhysicalType::BYTE_ARRAY => {
            let value = ByteArray::from(value.to_be_bytes()[5..].to_vec());
            column.typed::<ByteArrayType>().write_batch(&[value], Some(defined), None)
        }
        _ => {
            let value = FixedLenByteArray::from(ByteArray::from(value.to_be_bytes()[3..].to_vec()));
            column.typed::<FixedLenByteArrayType>().write_batch(&[value], Some(defined), None)
        }
    }
    .unwrap();
}

#[rstest]
#[case::millis("int64 c (TIMESTAMP_MILLIS)", PhysicalType::INT64, -1, PrimitiveType::Timestamptz, "1969-12-31T23:59:59.999Z")]
#[case::nanos("int64 c (TIMESTAMP(NANOS,false))", PhysicalType::INT64, -1, PrimitiveType::Timestamp, "1969-12-31T23:59:59.999999")]
#[case::micros_as_nanos(
    "int64 c (TIMESTAMP(MICROS,true))",
    PhysicalType::INT64,
    1,
    PrimitiveType::TimestamptzNs,
    "1970-01-01T00:00:00.000001Z"
)]
#[case::time_millis("int32 c (TIME_MILLIS)", PhysicalType::INT32, 1001, PrimitiveType::Time, "00:00:01.001")]
#[case::time_nanos("int64 c (TIME(NANOS,true))", PhysicalType::INT64, 1999, PrimitiveType::Time, "00:00:00.000001")]
#[case::decimal_in_int32("int32 c (DECIMAL(9,2))", PhysicalType::INT32, -105, decimal(), "-1.05")]
#[case::decimal_in_int64("int64 c (DECIMAL(9,2))", PhysicalType::INT64, -105, decimal(), "-1.05")]
#[case::decimal_in_bytes("binary c (DECIMAL(9,2))", PhysicalType::BYTE_ARRAY, -105, decimal(), "-1.05")]
#[case::decimal_in_fixed("fixed_len_byte_array(5) c (DECIMAL(9,2))", PhysicalType::FIXED_LEN_BYTE_ARRAY, -105, decimal(), "-1.05")]
#[case::small_int("int32 c (INT_16)", PhysicalType::INT32, -3, PrimitiveType::Int, "-3")]
#[case::unsigned("int32 c (UINT_32)", PhysicalType::INT32, -1, PrimitiveType::Long, "4294967295")]
#[tokio::test]
async fn columns_in_other_physical_forms_are_read(
    #[case] column: &str,
    #[case] physical: PhysicalType,
    #[case] value: i64,
    #[case] primitive: PrimitiveType,
    #[case] expected: &str,
) {
    let message = format!("message m {{ optional {column} = 1; }}");
    let bytes = file(&message, |_, column| write_one(column, physical, value));
    let file = TestFile::new(bytes, 1).schema(vec![optional(1, "c", primitive)]);
    assert_eq!(file.rows().await.unwrap(), [expected]);
}

fn decimal() -> PrimitiveType {
    PrimitiveType::Decimal { precision: 12, scale: 2 }
}

#[rstest]
#[case::far_past(2_086_303, PrimitiveType::Timestamptz, "1000-01-01T00:00:00.000001Z")]
#[case::far_future(5_373_484, PrimitiveType::Timestamp, "9999-12-31T00:00:00.000001")]
#[case::as_nanos(2_440_589, PrimitiveType::TimestampNs, "1970-01-02T00:00:00.000001999")]
#[tokio::test]
async fn int96_reaches_as_far_as_the_tables_unit(
    #[case] julian_day: u32,
    #[case] primitive: PrimitiveType,
    #[case] expected: &str,
) {
    let mut value = Int96::new();
    value.set_data(1999, 0, julian_day);
    let bytes = file("message m { required int32 other = 2; required int96 c = 1; }", |index, column| {
        if index == 0 {
            column.typed::<Int32Type>().write_batch(&[5], None, None).unwrap();
        } else {
            column.typed::<Int96Type>().write_batch(&[value], None, None).unwrap();
        }
    });
    let file = TestFile::new(bytes, 1).schema(vec![optional(1, "c", primitive)]);
    assert_eq!(file.rows().await.unwrap(), [expected]);
}

fn list_of_ints(message: &str) -> TestFile {
    let bytes = file(message, |_, column| {
        column.typed::<Int32Type>().write_batch(&[1, 2, 3], Some(&[2, 2, 2, 0]), Some(&[0, 1, 0, 0])).unwrap();
    });
    let element = NestedField::list_element(2, Type::Primitive(PrimitiveType::Long), false).into();
    let list = Type::List(ListType::new(element));
    TestFile::new(bytes, 3).schema(vec![NestedField::optional(1, "l", list).into()])
}

#[tokio::test]
async fn a_list_without_a_group_around_its_elements_is_read() {
    let file = list_of_ints("message m { optional group l (LIST) { repeated int32 array; } }")
        .name_mapping(&json!([{"field-id": 1, "names": ["l"], "fields": [{"field-id": 2, "names": ["element"]}]}]));
    assert_eq!(file.rows().await.unwrap(), ["[1, 2]", "[3]", "-"]);
}

#[tokio::test]
async fn a_list_of_one_field_structs_without_a_group_is_told_from_a_list_with_one() {
    let message = "message m { optional group l (LIST) { repeated group array { required int32 x; } } }";
    let bytes = file(message, |_, column| {
        column.typed::<Int32Type>().write_batch(&[1, 2, 3], Some(&[2, 2, 2, 0]), Some(&[0, 1, 0, 0])).unwrap();
    });
    let fields = vec![optional(3, "x", PrimitiveType::Int)];
    let element = NestedField::list_element(2, Type::Struct(iceberg::spec::StructType::new(fields)), false).into();
    let file = TestFile::new(bytes, 3)
        .schema(vec![NestedField::optional(1, "l", Type::List(ListType::new(element))).into()])
        .name_mapping(&json!([{"field-id": 1, "names": ["l"], "fields": [
            {"field-id": 2, "names": ["element"], "fields": [{"field-id": 3, "names": ["x"]}]}]}]));
    assert_eq!(file.rows().await.unwrap(), ["[{x: 1}, {x: 2}]", "[{x: 3}]", "-"]);
}

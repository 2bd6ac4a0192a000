//! Expected texts are those of the Iceberg spec's Appendix D, written by hand.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::builder::{Int32Builder, ListBuilder, MapBuilder, StringBuilder};
use arrow_array::{
    ArrayRef, Date32Array, Decimal128Array, Float32Array, Float64Array, Int32Array, Int64Array, NullArray, StructArray,
    Time64MicrosecondArray, TimestampMicrosecondArray, TimestampNanosecondArray,
};
use rstest::rstest;

use super::*;

fn render(field: &Field, array: &ArrayRef, write: impl Fn(&ValueWriter<'_>, usize, &mut Vec<u8>)) -> Vec<String> {
    let writer = ValueWriter::new(field, array.as_ref()).unwrap();
    (0..array.len())
        .map(|row| {
            let mut out = Vec::new();
            write(&writer, row, &mut out);
            String::from_utf8(out).unwrap()
        })
        .collect()
}

fn field_of(array: &ArrayRef) -> Field {
    Field::new("c", array.data_type().clone(), true)
}

fn json(array: impl Array + 'static) -> Vec<String> {
    let array: ArrayRef = Arc::new(array);
    render(&field_of(&array), &array, |writer, row, out| writer.write_json(row, out))
}

fn text(array: impl Array + 'static) -> Vec<String> {
    let array: ArrayRef = Arc::new(array);
    render(&field_of(&array), &array, |writer, row, out| writer.write_text(row, out))
}

fn decimals(values: Vec<i128>, precision: u8, scale: i8) -> Decimal128Array {
    Decimal128Array::from(values).with_precision_and_scale(precision, scale).unwrap()
}

fn uuid_field() -> Field {
    let metadata = HashMap::from([(EXTENSION_NAME.to_owned(), UUID_EXTENSION.to_owned())]);
    Field::new("c", DataType::FixedSizeBinary(16), true).with_metadata(metadata)
}

#[test]
fn booleans_and_nulls_are_json_literals() {
    assert_eq!(json(BooleanArray::from(vec![Some(true), Some(false), None])), ["true", "false", "null"]);
    assert_eq!(json(NullArray::new(2)), ["null", "null"]);
}

#[test]
fn integers_are_numbers_with_all_their_digits() {
    assert_eq!(json(Int32Array::from(vec![34, i32::MIN])), ["34", "-2147483648"]);
    assert_eq!(json(Int64Array::from(vec![i64::MAX, i64::MIN])), ["9223372036854775807", "-9223372036854775808"]);
}

#[test]
fn floats_are_the_shortest_numbers_that_come_back_and_strings_where_json_has_none() {
    let floats = vec![1.0, -0.0, 0.1, f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
    let expected = ["1.0", "-0.0", "0.1", "\"NaN\"", "\"Infinity\"", "\"-Infinity\""];
    assert_eq!(json(Float32Array::from(floats)), expected);
    let doubles = vec![1.0, -0.0, 0.1, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    assert_eq!(json(Float64Array::from(doubles.clone())), expected);
    assert_eq!(text(Float64Array::from(doubles)), ["1.0", "-0.0", "0.1", "NaN", "Infinity", "-Infinity"]);
    assert_eq!(json(Float64Array::from(vec![f64::MAX, 5e-324])), ["1.7976931348623157e308", "5e-324"]);
}

#[rstest]
#[case(1420, 2, "\"14.20\"")]
#[case(-5, 2, "\"-0.05\"")]
#[case(0, 2, "\"0.00\"")]
#[case(2, 9, "\"0.000000002\"")]
#[case(42, 0, "\"42\"")]
#[case(99_999_999_999_999_999_999_999_999_999_999_999_999, 0, "\"99999999999999999999999999999999999999\"")]
#[case(-99_999_999_999_999_999_999_999_999_999_999_999_999, 38, "\"-0.99999999999999999999999999999999999999\"")]
fn decimals_are_exact_strings(#[case] unscaled: i128, #[case] scale: i8, #[case] expected: &str) {
    assert_eq!(json(decimals(vec![unscaled], 38, scale)), [expected]);
}

#[test]
fn dates_and_times_are_iso_strings() {
    assert_eq!(json(Date32Array::from(vec![17_486])), ["\"2017-11-16\""]);
    assert_eq!(json(Time64MicrosecondArray::from(vec![81_068_123_456])), ["\"22:31:08.123456\""]);
    let micros = TimestampMicrosecondArray::from(vec![1_510_871_468_123_456]);
    assert_eq!(json(micros.clone()), ["\"2017-11-16T22:31:08.123456\""]);
    assert_eq!(json(micros.with_timezone("+00:00")), ["\"2017-11-16T22:31:08.123456+00:00\""]);
    let nanos = TimestampNanosecondArray::from(vec![1_510_871_468_123_456_789]);
    assert_eq!(json(nanos.clone()), ["\"2017-11-16T22:31:08.123456789\""]);
    assert_eq!(json(nanos.with_timezone("+00:00")), ["\"2017-11-16T22:31:08.123456789+00:00\""]);
    assert_eq!(text(Date32Array::from(vec![17_486])), ["2017-11-16"]);
}

#[test]
fn strings_are_escaped_only_where_json_requires_it() {
    let strings = StringArray::from(vec!["iceberg", "", "a\"b\\c", "l1\nl2\t\r\u{1}", "größe 氷 /", "\u{7f}"]);
    let expected = ["\"iceberg\"", "\"\"", r#""a\"b\\c""#, r#""l1\nl2\t\r\u0001""#, "\"größe 氷 /\"", "\"\u{7f}\""];
    assert_eq!(json(strings.clone()), expected);
    for (line, value) in json(strings.clone()).iter().zip(strings.iter()) {
        assert_eq!(serde_json::from_str::<String>(line).unwrap(), value.unwrap());
    }
}

#[test]
fn text_for_people_cannot_steer_the_terminal() {
    let strings = StringArray::from(vec!["plain \"q\"", "\u{1b}[31m\n", "氷"]);
    assert_eq!(text(strings), ["plain \"q\"", r"\u{1b}[31m\n", "氷"]);
}

#[test]
fn uuid_is_text_and_fixed_and_binary_are_lower_case_hex() {
    let bytes = [0xf7, 0x9c, 0x3e, 0x09, 0x67, 0x7c, 0x4b, 0xbd, 0xa4, 0x79, 0x3f, 0x34, 0x9c, 0xb7, 0x85, 0xe7];
    let array: ArrayRef = Arc::new(FixedSizeBinaryArray::try_from_iter([bytes].into_iter()).unwrap());
    let uuid = render(&uuid_field(), &array, |writer, row, out| writer.write_json(row, out));
    assert_eq!(uuid, ["\"f79c3e09-677c-4bbd-a479-3f349cb785e7\""]);
    let fixed = render(&field_of(&array), &array, |writer, row, out| writer.write_json(row, out));
    assert_eq!(fixed, ["\"f79c3e09677c4bbda4793f349cb785e7\""]);
    assert_eq!(json(BinaryArray::from_vec(vec![&[0x00, 0x01, 0x02, 0xff], &[]])), ["\"000102ff\"", "\"\""]);
}

#[test]
fn structs_are_keyed_by_name() {
    let fields = vec![Field::new("a", DataType::Int32, true), Field::new("b \"x\"", DataType::Utf8, true)];
    let columns: Vec<ArrayRef> =
        vec![Arc::new(Int32Array::from(vec![Some(1), None])), Arc::new(StringArray::from(vec!["bar", "no"]))];
    let array = StructArray::new(fields.into(), columns, Some(vec![true, false].into()));
    assert_eq!(json(array), [r#"{"a":1,"b \"x\"":"bar"}"#, "null"]);
}

#[test]
fn lists_are_arrays_and_keep_their_place_in_a_slice() {
    let mut builder = ListBuilder::new(Int32Builder::new());
    builder.append_value([Some(1), None, Some(3)]);
    builder.append_null();
    builder.append_value([]);
    builder.append_value([Some(4)]);
    let list = builder.finish();
    assert_eq!(json(list.clone()), ["[1,null,3]", "null", "[]", "[4]"]);
    assert_eq!(json(list.slice(2, 2)), ["[]", "[4]"]);
}

#[test]
fn maps_are_two_arrays() {
    let mut builder = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
    builder.keys().append_value("a");
    builder.keys().append_value("b");
    builder.values().append_value(1);
    builder.values().append_null();
    builder.append(true).unwrap();
    builder.append(true).unwrap();
    assert_eq!(json(builder.finish()), [r#"{"keys":["a","b"],"values":[1,null]}"#, r#"{"keys":[],"values":[]}"#]);
}

#[test]
fn a_slice_shows_its_own_rows() {
    assert_eq!(json(Int64Array::from(vec![Some(1), None, Some(3)]).slice(1, 2)), ["null", "3"]);
    assert_eq!(json(decimals(vec![1, 2, 3], 9, 1).slice(2, 1)), ["\"0.3\""]);
}

#[test]
fn a_type_that_no_table_column_has_is_refused() {
    let array: ArrayRef = Arc::new(arrow_array::Int8Array::from(vec![1]));
    assert!(ValueWriter::new(&field_of(&array), array.as_ref()).is_err());
}

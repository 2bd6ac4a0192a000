//! The converter itself, on arrays made by hand.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::builder::{Int64Builder, MapBuilder, StringBuilder};
use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, Decimal128Array, FixedSizeBinaryArray, Float32Array, Int32Array, Int64Array, ListArray, RecordBatch,
    StringArray, StructArray, TimestampMicrosecondArray,
};
use arrow_schema::{DataType, Field as ArrowField, Schema as ArrowSchema};
use frazil_fixtures::{Form, Schema, canonical_row};

use super::rows_of;

fn with_metadata(name: &str, array: &ArrayRef, entries: &[(&str, &str)]) -> ArrowField {
    let metadata: HashMap<String, String> =
        entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    ArrowField::new(name, array.data_type().clone(), true).with_metadata(metadata)
}

fn batch(columns: Vec<(ArrowField, ArrayRef)>) -> RecordBatch {
    let (fields, arrays): (Vec<ArrowField>, Vec<ArrayRef>) = columns.into_iter().unzip();
    RecordBatch::try_new(Arc::new(ArrowSchema::new(fields)), arrays).unwrap()
}

fn schema(columns: &[(&str, &str)]) -> Schema {
    let fields: Vec<String> = columns
        .iter()
        .enumerate()
        .map(|(index, (name, column_type))| {
            format!(r#"{{"id": {}, "name": "{name}", "required": false, "type": {column_type}}}"#, index + 1)
        })
        .collect();
    let json = format!(r#"{{"schema-id": 0, "fields": [{}]}}"#, fields.join(", "));
    Schema::from_json(&serde_json::from_str(&json).unwrap())
}

#[test]
fn arrays_and_text_of_the_same_values_are_the_same_rows() {
    let schema = schema(&[
        ("f", r#""float""#),
        ("d", r#""decimal(9, 2)""#),
        ("t", r#""timestamptz""#),
        ("u", r#""uuid""#),
        ("l", r#"{"type": "list", "element-id": 10, "element": "int", "element-required": false}"#),
        ("s", r#"{"type": "struct", "fields": [{"id": 11, "name": "x", "required": false, "type": "string"}]}"#),
        (
            "m",
            r#"{"type": "map", "key-id": 12, "key": "string", "value-id": 13, "value": "long", "value-required": false}"#,
        ),
    ]);
    let mut map = MapBuilder::new(None, StringBuilder::new(), Int64Builder::new());
    map.keys().append_value("b");
    map.values().append_null();
    map.keys().append_value("a");
    map.values().append_value(7);
    map.append(true).unwrap();
    map.append(false).unwrap();
    let inner: ArrayRef = Arc::new(StringArray::from(vec![Some("y"), None]));
    let inner_field = Arc::new(ArrowField::new("x", DataType::Utf8, true));
    let uuids = [Some([0x11_u8; 16]), None];
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(Float32Array::from(vec![-0.0, 0.1])),
        Arc::new(Decimal128Array::from(vec![Some(-105), None]).with_precision_and_scale(9, 2).unwrap()),
        Arc::new(TimestampMicrosecondArray::from(vec![-1, 0]).with_timezone("+00:00")),
        Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(uuids.into_iter(), 16).unwrap()),
        Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None]), None])),
        Arc::new(StructArray::from(vec![(inner_field, inner)])),
        Arc::new(map.finish()),
    ];
    let columns = schema.fields.iter().zip(arrays).map(|(field, array)| {
        let id = field.id.to_string();
        let extension = ("ARROW:extension:name", "arrow.uuid");
        let entries = [("PARQUET:field_id", id.as_str()), extension];
        (with_metadata(&field.name, &array, &entries[..if field.name == "u" { 2 } else { 1 }]), array)
    });
    let expected = [
        r#"{"f": -0.0, "d": "-1.05", "t": "1969-12-31T23:59:59.999999+00:00", "u": "11111111-1111-1111-1111-111111111111",
            "l": [1, null], "s": {"x": "y"}, "m": {"keys": ["a", "b"], "values": [7, null]}}"#,
        r#"{"f": 0.1, "d": null, "t": "1970-01-01T00:00:00.000000+00:00", "u": null, "l": null, "s": {"x": null}, "m": null}"#,
    ];
    let expected =
        expected.map(|row| canonical_row(&schema, &serde_json::from_str(row).unwrap(), Form::Frazil).unwrap());
    assert_eq!(rows_of(&batch(columns.collect()), &schema).unwrap(), expected);
}

#[test]
fn another_name_id_type_or_unit_is_an_error() {
    let schema = schema(&[("c", r#""long""#)]);
    let longs: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let ints: ArrayRef = Arc::new(Int32Array::from(vec![1]));
    let ok = with_metadata("c", &longs, &[("PARQUET:field_id", "1")]);
    rows_of(&batch(vec![(ok, Arc::clone(&longs))]), &schema).unwrap();
    for (name, id, array) in [("d", "1", &longs), ("c", "2", &longs), ("c", "1", &ints)] {
        let field = with_metadata(name, array, &[("PARQUET:field_id", id)]);
        rows_of(&batch(vec![(field, Arc::clone(array))]), &schema).unwrap_err();
    }
    rows_of(&batch(vec![(with_metadata("c", &longs, &[]), Arc::clone(&longs))]), &schema).unwrap_err();
}

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use arrow_array::builder::{Int32Builder, MapBuilder, MapFieldNames, StringBuilder};
use arrow_array::{Array, ArrayRef, Int32Array, ListArray, MapArray, StringArray, StructArray};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{DataType, Field};
use iceberg::spec::{ListType, MapType, NestedField, NestedFieldRef, PrimitiveType, StructType, Type};

use super::{TestFile, id, optional};
use crate::FieldId;
use crate::scan::Projection;

fn struct_type(fields: Vec<NestedFieldRef>) -> Type {
    Type::Struct(StructType::new(fields))
}

/// `s: struct<a: int, b: string>` with ids 1, 2, 3: (1, x), NULL, (NULL, NULL).
fn structs() -> StructArray {
    StructArray::new(
        vec![id(2, "a", DataType::Int32), id(3, "b", DataType::Utf8)].into(),
        vec![
            Arc::new(Int32Array::from(vec![Some(1), Some(99), None])),
            Arc::new(StringArray::from(vec![Some("x"), Some("hidden"), None])),
        ],
        Some(NullBuffer::from(vec![true, false, true])),
    )
}

fn struct_file(fields: Vec<NestedFieldRef>) -> TestFile {
    let array = structs();
    TestFile::of(vec![(id(1, "s", array.data_type().clone()), Arc::new(array))])
        .schema(vec![NestedField::optional(1, "t", struct_type(fields)).into()])
}

#[tokio::test]
async fn children_are_found_by_id_when_added_dropped_renamed_moved_and_promoted() {
    let file = struct_file(vec![
        optional(4, "added", PrimitiveType::String),
        optional(3, "renamed", PrimitiveType::String),
        optional(2, "a", PrimitiveType::Long),
    ]);
    assert_eq!(file.rows().await.unwrap(), ["{added: -, renamed: x, a: 1}", "-", "{added: -, renamed: -, a: -}"]);
}

#[tokio::test]
async fn a_struct_of_new_children_is_null_only_where_it_was_null() {
    let file = struct_file(vec![optional(5, "added", PrimitiveType::Int)]);
    assert_eq!(file.rows().await.unwrap(), ["{added: -}", "-", "{added: -}"]);
}

#[tokio::test]
async fn a_required_child_may_be_missing_only_where_its_struct_is_null() {
    let child = |id| vec![NestedField::required(id, "a", Type::Primitive(PrimitiveType::Int)).into()];
    let error = struct_file(child(2)).error().await;
    assert!(error.contains("null") && error.contains('a'), "{error}");
    let error = struct_file(child(9)).error().await;
    assert!(error.contains("required column `t.a` (field id `9`)"), "{error}");
}

#[tokio::test]
async fn selected_leaves_keep_their_parents_and_come_in_the_order_named() {
    let file = struct_file(vec![optional(2, "a", PrimitiveType::Int), optional(3, "b", PrimitiveType::String)]);
    let table = file.table();
    let schema = table.metadata().current_schema();
    let select = |ids: &[i32]| {
        let ids: Vec<_> = ids.iter().map(|id| FieldId::new(*id)).collect();
        Projection::select(&table, schema, &ids)
    };
    assert_eq!(file.rows_of(&select(&[3]).unwrap()).await.unwrap(), ["{b: x}", "-", "{b: -}"]);
    assert_eq!(file.rows_of(&select(&[3, 2]).unwrap()).await.unwrap(), ["{a: 1, b: x}", "-", "{a: -, b: -}"]);
    assert_eq!(file.rows_of(&select(&[3, 1]).unwrap()).await.unwrap(), ["{a: 1, b: x}", "-", "{a: -, b: -}"]);
    assert!(select(&[77]).is_err_and(|error| error.to_string().contains("77")));
}

#[tokio::test]
async fn key_columns_are_taken_out_of_their_structs() {
    let file = struct_file(vec![optional(2, "a", PrimitiveType::Long)]);
    let keys = Projection::keys(&file.table(), &[FieldId::new(2)]).unwrap();
    assert_eq!(keys.arrow_schema().field(0).data_type(), &DataType::Int64);
    assert_eq!(file.rows_of(&keys).await.unwrap(), ["1", "-", "-"]);
}

#[tokio::test]
async fn lists_of_structs_evolve() {
    let element = id(2, "element", DataType::Struct(vec![id(3, "a", DataType::Int32)].into()));
    let values = StructArray::new(
        vec![id(3, "a", DataType::Int32)].into(),
        vec![Arc::new(Int32Array::from(vec![1, 2, 3]))],
        Some(NullBuffer::from(vec![true, false, true])),
    );
    let offsets = OffsetBuffer::from_lengths([2, 0, 0, 1]);
    let nulls = Some(NullBuffer::from(vec![true, true, false, true]));
    let array = ListArray::new(element, offsets, Arc::new(values), nulls);
    let file = |fields| {
        let element = NestedField::list_element(2, struct_type(fields), false).into();
        TestFile::of(vec![(id(1, "l", array.data_type().clone()), Arc::new(array.clone()) as ArrayRef)])
            .schema(vec![NestedField::optional(1, "l", Type::List(ListType::new(element))).into()])
    };
    let promoted = file(vec![optional(4, "b", PrimitiveType::Int), optional(3, "c", PrimitiveType::Long)]);
    assert_eq!(promoted.rows().await.unwrap(), ["[{b: -, c: 1}, -]", "[]", "-", "[{b: -, c: 3}]"]);
    let replaced = file(vec![optional(4, "b", PrimitiveType::Int)]);
    assert_eq!(replaced.rows().await.unwrap(), ["[{b: -}, -]", "[]", "-", "[{b: -}]"]);
}

fn map() -> MapArray {
    let names = MapFieldNames { entry: "e".to_owned(), key: "k".to_owned(), value: "v".to_owned() };
    let mut builder = MapBuilder::new(Some(names), StringBuilder::new(), Int32Builder::new())
        .with_keys_field(id(2, "k", DataType::Utf8).as_ref().clone().with_nullable(false))
        .with_values_field(id(3, "v", DataType::Int32));
    builder.keys().append_value("x");
    builder.values().append_value(1);
    builder.keys().append_value("y");
    builder.values().append_null();
    builder.append(true).unwrap();
    builder.append(false).unwrap();
    builder.append(true).unwrap();
    builder.finish()
}

fn map_type(value: PrimitiveType) -> Type {
    Type::Map(MapType::optional(2, Type::Primitive(PrimitiveType::String), 3, Type::Primitive(value)))
}

#[tokio::test]
async fn maps_are_read_and_their_values_promoted() {
    let array = map();
    let file = TestFile::of(vec![(id(1, "m", array.data_type().clone()), Arc::new(array))])
        .schema(vec![NestedField::optional(1, "m", map_type(PrimitiveType::Long)).into()]);
    assert_eq!(file.rows().await.unwrap(), ["{x: 1, y: -}", "-", "{}"]);
}

#[tokio::test]
async fn a_struct_that_holds_but_a_map_shows_where_it_is_null() {
    let map = map();
    let nulls = NullBuffer::from(vec![true, true, false]);
    let array = StructArray::new(vec![id(1, "m", map.data_type().clone())].into(), vec![Arc::new(map)], Some(nulls));
    let fields = vec![optional(9, "added", PrimitiveType::Int)];
    let file = TestFile::of(vec![(id(10, "s", array.data_type().clone()), Arc::new(array))])
        .schema(vec![NestedField::optional(10, "s", struct_type(fields)).into()]);
    assert_eq!(file.rows().await.unwrap(), ["{added: -}", "{added: -}", "-"]);
}

#[tokio::test]
async fn one_kind_of_nesting_does_not_become_another() {
    let array = structs();
    let list =
        Type::List(ListType::new(NestedField::list_element(2, Type::Primitive(PrimitiveType::Int), false).into()));
    let file = TestFile::of(vec![(id(1, "s", array.data_type().clone()), Arc::new(array))])
        .schema(vec![NestedField::optional(1, "s", list).into()]);
    assert!(file.error().await.contains("cannot become"));
}

#[tokio::test]
async fn two_structs_deep_a_key_is_null_where_either_is() {
    let inner = structs();
    let outer_nulls = NullBuffer::from(vec![true, true, false]);
    let outer = StructArray::new(
        vec![Arc::new(Field::clone(&id(1, "s", inner.data_type().clone())))].into(),
        vec![Arc::new(inner)],
        Some(outer_nulls),
    );
    let inner_type = struct_type(vec![optional(2, "a", PrimitiveType::Int), optional(3, "b", PrimitiveType::String)]);
    let fields = vec![NestedField::optional(1, "s", inner_type).into()];
    let file = TestFile::of(vec![(id(10, "o", outer.data_type().clone()), Arc::new(outer))])
        .schema(vec![NestedField::optional(10, "o", struct_type(fields)).into()]);
    let keys = Projection::keys(&file.table(), &[FieldId::new(3), FieldId::new(2)]).unwrap();
    assert_eq!(file.rows_of(&keys).await.unwrap(), ["x | 1", "- | -", "- | -"]);
}

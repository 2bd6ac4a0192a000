#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use iceberg::spec::{FormatVersion, Literal, NestedField, Operation, PrimitiveType, Transform, Type};
use rstest::rstest;
use serde_json::json;

use super::*;
use crate::ids::FieldId;

fn metadata(version: u8, fields: Value) -> Value {
    json!({
        "format-version": version,
        "table-uuid": "9c12d441-03fe-4693-9a96-a0705ddf69c1",
        "location": "file:/t",
        "last-sequence-number": 2,
        "last-updated-ms": 1_700_000_001_000_i64,
        "last-column-id": 20,
        "schemas": [{"type": "struct", "schema-id": 0, "fields": fields}],
        "current-schema-id": 0,
        "partition-specs": [{"spec-id": 0, "fields": []}],
        "default-spec-id": 0,
        "last-partition-id": 999,
        "sort-orders": [{"order-id": 0, "fields": []}],
        "default-sort-order-id": 0,
        "next-row-id": 0,
        "current-snapshot-id": 1,
        "snapshots": [snapshot(1)]
    })
}

fn snapshot(id: i64) -> Value {
    json!({
        "snapshot-id": id,
        "sequence-number": 1,
        "timestamp-ms": 1_700_000_000_000_i64,
        "manifest-list": format!("file:/t/metadata/snap-{id}.avro"),
        "summary": {"operation": "append"},
        "schema-id": 0
    })
}

/// What version 1 writers of the first releases wrote.
fn oldest() -> Value {
    json!({
        "format-version": 1,
        "location": "file:/t/",
        "last-updated-ms": 1_700_000_001_000_i64,
        "last-column-id": 2,
        "schema": {"type": "struct", "fields": id_and("a", "string")},
        "partition-spec": [
            {"name": "a", "transform": "identity", "source-id": 2},
            {"name": "id_bucket", "transform": "BUCKET[4]", "source-id": 1}
        ],
        "properties": {},
        "current-snapshot-id": -1,
        "snapshots": null
    })
}

fn id_and(name: &str, kind: impl Into<Value>) -> Value {
    json!([{"id": 1, "name": "id", "required": true, "type": "long"},
           {"id": 2, "name": name, "required": false, "type": kind.into()}])
}

fn parsed(value: &Value) -> (TableMetadata, ForeignFields) {
    parse_metadata(value.to_string().as_bytes(), "file:/m").unwrap()
}

fn refused(value: &Value) -> TableError {
    parse_metadata(value.to_string().as_bytes(), "file:/m").unwrap_err()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[rstest]
#[case(1, FormatVersion::V1)]
#[case(2, FormatVersion::V2)]
#[case(3, FormatVersion::V3)]
fn every_version_is_read_plain_and_compressed(#[case] version: u8, #[case] expected: FormatVersion) {
    let text = metadata(version, id_and("a", "string")).to_string();
    for bytes in [text.clone().into_bytes(), gzip(text.as_bytes())] {
        let (metadata, foreign) = parse_metadata(&bytes, "file:/m").unwrap();
        assert_eq!(metadata.format_version(), expected);
        assert_eq!(metadata.current_snapshot_id(), Some(1));
        assert_eq!(foreign, ForeignFields::default());
    }
}

#[test]
fn the_oldest_metadata_is_read() {
    let (metadata, _) = parsed(&oldest());
    assert_eq!(metadata.current_snapshot_id(), None);
    assert_eq!(metadata.snapshots().count(), 0);
    let fields = metadata.default_partition_spec().fields().to_vec();
    assert_eq!(fields.iter().map(|field| field.field_id).collect::<Vec<_>>(), [1000, 1001]);
    assert_eq!(fields[1].transform, Transform::Bucket(4));
}

#[test]
fn branches_and_tags_of_a_version_1_table_are_kept() {
    let mut value = metadata(1, id_and("a", "string"));
    value["snapshots"] = json!([snapshot(1), snapshot(2)]);
    value["refs"] = json!({
        "main": {"snapshot-id": 1, "type": "branch"},
        "b": {"snapshot-id": 2, "type": "BRANCH", "max-ref-age-ms": null},
        "t": {"snapshot-id": 2, "type": "tag"}
    });
    let (metadata, _) = parsed(&value);
    assert_eq!(metadata.format_version(), FormatVersion::V1);
    assert_eq!(metadata.snapshot_for_ref("main").unwrap().snapshot_id(), 1);
    assert_eq!(metadata.snapshot_for_ref("b").unwrap().snapshot_id(), 2);
    assert_eq!(metadata.snapshot_for_ref("t").unwrap().snapshot_id(), 2);
    value["refs"]["t"]["snapshot-id"] = json!(77);
    assert!(matches!(refused(&value), TableError::Corrupt { .. }));
}

#[test]
fn snapshots_of_an_upgraded_table_have_the_sequence_number_0() {
    for version in [2, 3] {
        let mut value = metadata(version, id_and("a", "string"));
        let snapshot = value["snapshots"][0].as_object_mut().unwrap();
        snapshot.remove("sequence-number");
        snapshot.remove("summary");
        snapshot.insert("parent-snapshot-id".to_owned(), json!(-1));
        snapshot.insert("manifests".to_owned(), json!(["file:/t/m.avro"]));
        value["refs"] = Value::Null;
        value["statistics"] = Value::Null;
        value["properties"] = json!({"a": 1, "b": true, "c": null, "d": "x"});
        value["table-uuid"] = Value::Null;
        let (metadata, _) = parsed(&value);
        let snapshot = metadata.snapshot_by_id(1).unwrap();
        assert_eq!((snapshot.sequence_number(), snapshot.parent_snapshot_id()), (0, None));
        // Without a promise by the writer nothing may be assumed about what the snapshot did.
        assert_eq!(snapshot.summary().operation, Operation::Overwrite);
        assert_eq!(metadata.snapshot_for_ref("main").unwrap().snapshot_id(), 1);
        assert_eq!(metadata.properties()["a"], "1");
    }
}

#[rstest]
#[case(json!({"operation": "APPEND", "added-records": 5}), Operation::Append)]
#[case(json!({"operation": "replace"}), Operation::Replace)]
#[case(json!({"operation": "delete"}), Operation::Delete)]
#[case(json!({"operation": "merge"}), Operation::Overwrite)]
#[case(json!({}), Operation::Overwrite)]
#[case(Value::Null, Operation::Overwrite)]
fn an_operation_that_is_not_known_promises_nothing(#[case] summary: Value, #[case] expected: Operation) {
    let mut value = metadata(2, id_and("a", "string"));
    value["snapshots"][0]["summary"] = summary;
    assert_eq!(parsed(&value).0.snapshot_by_id(1).unwrap().summary().operation, expected);
}

#[test]
fn partition_transforms_that_are_not_known_do_not_stop_a_reader() {
    let mut value = metadata(3, id_and("a", "string"));
    value["partition-specs"] = json!([
        {"spec-id": 0, "fields": [
            {"source-id": 2, "field-id": 1000, "name": "x", "transform": "zorder[3]"},
            {"source-ids": [1], "field-id": 1001, "name": "y", "transform": "bucket[16]"},
            {"source-ids": [1, 2], "field-id": 1002, "name": "z", "transform": "bucket[16]"},
            {"source-id": 2, "field-id": 1003, "name": "w", "transform": "Truncate[2]"}]},
    ]);
    let (metadata, _) = parsed(&value);
    let transforms: Vec<_> = metadata.default_partition_spec().fields().iter().map(|field| field.transform).collect();
    assert_eq!(transforms, [Transform::Unknown, Transform::Bucket(16), Transform::Unknown, Transform::Truncate(2)]);
}

#[test]
fn the_source_column_of_a_void_partition_field_may_be_gone() {
    let mut value = metadata(1, id_and("a", "string"));
    value["partition-specs"] = json!([{"spec-id": 0, "fields": [
        {"source-id": 9, "field-id": 1000, "name": "gone", "transform": "void"},
        {"source-id": 2, "field-id": 1001, "name": "a", "transform": "identity"}]}]);
    value["partition-spec"] = value["partition-specs"][0]["fields"].clone();
    let (metadata, _) = parsed(&value);
    assert_eq!(metadata.default_partition_spec().fields().len(), 2);
    assert_eq!(metadata.default_partition_spec().fields()[1].source_id, 2);
}

#[rstest]
#[case("unknown")]
#[case("variant")]
#[case("geometry")]
#[case("geometry(srid:4326)")]
#[case("geography(OGC:CRS84, spherical)")]
fn types_that_the_library_lacks_stand_as_boolean_and_are_named(#[case] name: &str) {
    let fields = json!([
        {"id": 1, "name": "id", "required": true, "type": "long"},
        {"id": 2, "name": "plain", "required": false, "type": name, "initial-default": null, "write-default": "x"},
        {"id": 3, "name": "list", "required": false, "type":
            {"type": "list", "element-id": 4, "element-required": true, "element": name}},
        {"id": 5, "name": "map", "required": false, "type":
            {"type": "map", "key-id": 6, "key": "string", "value-id": 7, "value-required": false, "value":
                {"type": "struct", "fields": [{"id": 8, "name": "deep", "required": false, "type": name}]}}}
    ]);
    let (metadata, foreign) = parsed(&metadata(3, fields));
    let expected: BTreeMap<_, _> = [2, 4, 8].into_iter().map(|id| (FieldId::new(id), name.to_owned())).collect();
    assert_eq!(foreign.types, expected);
    let schema = metadata.current_schema();
    for id in [2, 4, 8] {
        let field = schema.field_by_id(id).unwrap();
        assert_eq!(*field.field_type, Type::Primitive(PrimitiveType::Boolean));
        assert_eq!((field.required, &field.write_default), (id == 4, &None));
    }
}

#[test]
fn an_unknown_column_that_was_promoted_has_its_later_type_everywhere() {
    let later = json!({"type": "struct", "fields": [{"id": 3, "name": "deep", "required": false, "type": "variant"}]});
    let mut value = metadata(3, id_and("promoted", "unknown"));
    let mut newer = value["schemas"][0].clone();
    newer["schema-id"] = json!(1);
    newer["fields"][1]["type"] = later;
    value["schemas"].as_array_mut().unwrap().push(newer);
    value["current-schema-id"] = json!(1);
    let (metadata, foreign) = parsed(&value);
    assert_eq!(foreign.types.keys().map(|id| id.get()).collect::<Vec<_>>(), [3]);
    for id in [0, 1] {
        let schema = metadata.schema_by_id(id).unwrap();
        assert!(schema.field_by_id(2).unwrap().field_type.is_struct());
        assert_eq!(*schema.field_by_id(3).unwrap().field_type, Type::Primitive(PrimitiveType::Boolean));
    }
}

#[test]
fn a_type_within_its_own_promotion_does_not_go_on_for_ever() {
    let mut value = metadata(3, id_and("a", "unknown"));
    let mut newer = value["schemas"][0].clone();
    newer["schema-id"] = json!(1);
    newer["fields"][1]["type"] =
        json!({"type": "struct", "fields": [{"id": 2, "name": "a", "required": false, "type": "unknown"}]});
    value["schemas"].as_array_mut().unwrap().push(newer);
    // The ids contradict each other; that it ends is all that matters.
    drop(parse_metadata(value.to_string().as_bytes(), "file:/m"));
}

#[test]
fn type_names_are_read_in_any_case_and_others_are_refused() {
    let (metadata, _) = parsed(&metadata(2, id_and("a", "Decimal(9, 2)")));
    let kind = metadata.current_schema().field_by_id(2).unwrap().field_type.clone();
    assert_eq!(*kind, Type::decimal(9, 2).unwrap());
    let error = refused(&self::metadata(2, id_and("a", "interval")));
    assert!(matches!(error, TableError::Unsupported { .. }));
    assert!(error.to_string().contains("field id 2 has the type \"interval\""), "{error}");
}

#[test]
fn a_default_is_kept_or_the_table_is_refused_but_it_is_never_lost() {
    let mut value = metadata(3, id_and("a", "int"));
    value["schemas"][0]["fields"][1]["initial-default"] = json!(7);
    let (metadata, _) = parsed(&value);
    assert_eq!(metadata.current_schema().field_by_id(2).unwrap().initial_default, Some(Literal::int(7)));
    value["schemas"][0]["fields"][1]["initial-default"] = json!("seven");
    let error = refused(&value);
    assert!(matches!(error, TableError::Unsupported { .. }));
    assert!(error.to_string().contains("column `a` of type `int` has the initial default \"seven\""), "{error}");
}

#[rstest]
#[case("timestamp_ns", "2017-11-16T22:31:08.123456789", 1_510_871_468_123_456_789)]
#[case("timestamp_ns", "1969-12-31T23:59:59.999999999", -1)]
#[case("timestamp_ns", "2020-01-01T00:00:00", 1_577_836_800_000_000_000)]
#[case("timestamptz_ns", "2017-11-16T22:31:08.123456789+00:00", 1_510_871_468_123_456_789)]
#[case("timestamptz_ns", "2017-11-16T23:31:08.123456789+01:00", 1_510_871_468_123_456_789)]
fn a_default_with_nanoseconds_is_kept(#[case] kind: &str, #[case] text: &str, #[case] nanos: i64) {
    let mut value = metadata(3, id_and("a", kind));
    value["schemas"][0]["fields"][1]["initial-default"] = json!(text);
    let (metadata, foreign) = parsed(&value);
    assert_eq!(foreign.initial_defaults, BTreeMap::from([(FieldId::new(2), Literal::long(nanos))]));
    let field = metadata.current_schema().field_by_id(2).unwrap();
    assert_eq!(foreign.initial_default(field), Some(Literal::long(nanos)));
    // In another schema the column may be one of days, whose default the library reads.
    let days = NestedField::optional(2, "a", Type::Primitive(PrimitiveType::Date));
    assert_eq!(foreign.initial_default(&days), None);
}

#[rstest]
#[case("timestamp_ns", json!("2017-11-16T22:31:08.123456789+00:00"))]
#[case("timestamp_ns", json!("2017-11-16"))]
#[case("timestamp_ns", json!("2400-01-01T00:00:00"))]
#[case("timestamp_ns", json!(7))]
#[case("timestamptz_ns", json!("2017-11-16T22:31:08.123456789"))]
fn a_default_that_is_no_time_with_nanoseconds_is_refused(#[case] kind: &str, #[case] default: Value) {
    let mut value = metadata(3, id_and("a", kind));
    value["schemas"][0]["fields"][1]["initial-default"] = default;
    assert!(refused(&value).to_string().contains("which this version cannot read"));
}

#[test]
fn a_default_that_differs_between_schemas_is_refused() {
    let mut value = metadata(3, id_and("a", "timestamp_ns"));
    value["schemas"][0]["fields"][1]["initial-default"] = json!("2020-01-01T00:00:00");
    let mut newer = value["schemas"][0].clone();
    newer["schema-id"] = json!(1);
    value["schemas"].as_array_mut().unwrap().push(newer);
    parsed(&value);
    value["schemas"][1]["fields"][1]["initial-default"] = json!("2020-01-01T00:00:01");
    assert!(refused(&value).to_string().contains("another one in another schema"));
}

#[test]
fn encrypted_tables_are_refused() {
    let mut value = metadata(3, id_and("a", "int"));
    value["encryption-keys"] = json!([]);
    parsed(&value);
    value["snapshots"][0]["key-id"] = json!("k1");
    assert!(refused(&value).to_string().contains("the table is encrypted, key-id=\"k1\""));
    let mut value = metadata(2, id_and("a", "int"));
    value["properties"] = json!({"encryption.key-id": "k2"});
    assert!(matches!(refused(&value), TableError::Unsupported { .. }));
}

#[test]
fn manifests_within_the_metadata_stand_for_their_list() {
    let mut value = metadata(1, id_and("a", "int"));
    let snapshot = value["snapshots"][0].as_object_mut().unwrap();
    snapshot.remove("manifest-list");
    snapshot.insert("manifests".to_owned(), json!(["file:/t/m.avro"]));
    let (metadata, _) = parsed(&value);
    assert_eq!(metadata.snapshot_by_id(1).unwrap().manifest_list(), r#"manifests:["file:/t/m.avro"]"#);
    for wrong in [json!("file:/t/m.avro"), json!([1]), json!([""])] {
        value["snapshots"][0]["manifests"] = wrong;
        let error = refused(&value);
        assert!(matches!(error, TableError::Unsupported { .. }));
        assert!(error.to_string().contains("snapshot `1`"), "{error}");
    }
}

#[rstest]
#[case::later_version("/format-version", json!(4), "format version 4")]
#[case::bad_version("/format-version", json!("2"), "`format-version` is no positive integer")]
#[case::version_zero("/format-version", json!(0), "`format-version` is no positive integer")]
#[case::no_location("/location", Value::Null, "`location` is missing")]
#[case::bad_location("/location", json!(5), "`location` is not a text")]
#[case::no_schemas("/schemas", Value::Null, "`schemas` is missing")]
#[case::other_schema("/current-schema-id", json!(5), "current schema id 5")]
#[case::bad_uuid("/table-uuid", json!("xyz"), "`table-uuid` does not fit")]
#[case::bad_field("/schemas/0/fields/1/id", json!("two"), "`schemas`, element `0` does not fit")]
#[case::lost_snapshot("/current-snapshot-id", json!(5), "current snapshot id 5")]
#[case::no_manifest_list(
    "/snapshots/0/manifest-list",
    Value::Null,
    "`manifest-list` is missing in `snapshots`, element 0"
)]
#[case::bad_spec("/partition-specs/0/spec-id", json!(null), "`partition-specs`, element `0` does not fit")]
fn what_does_not_fit_is_named_with_its_file(#[case] pointer: &str, #[case] new: Value, #[case] cause: &str) {
    let mut value = metadata(2, id_and("a", "int"));
    *value.pointer_mut(pointer).unwrap() = new;
    let error = refused(&value).to_string();
    assert!(error.contains(cause) && error.contains("file:/m") && !error.contains('\n'), "{error}");
}

#[test]
fn views_and_other_json_are_told_from_tables() {
    assert!(refused(&json!({"view-uuid": "x", "format-version": 1})).to_string().contains("metadata of a view"));
    assert!(refused(&json!({})).to_string().contains("no table metadata"));
    assert!(refused(&json!([1])).to_string().contains("no JSON object"));
}

#[test]
fn a_truncated_or_damaged_file_is_an_error_at_every_length() {
    let text = metadata(3, id_and("a", "variant")).to_string();
    let zipped = gzip(text.as_bytes());
    for bytes in [text.as_bytes(), &zipped] {
        for n in 0..bytes.len() {
            let error = parse_metadata(&bytes[..n], "file:/m").unwrap_err();
            assert!(matches!(error, TableError::Corrupt { .. }), "{n} {error:?}");
        }
    }
    for index in 0..zipped.len() {
        let mut damaged = zipped.clone();
        damaged[index] ^= 0x55;
        drop(parse_metadata(&damaged, "file:/m"));
    }
}

#[test]
fn deeply_nested_json_is_refused_without_overflowing_the_stack() {
    let n = 200_000;
    for (open, close) in [("[", "]"), (r#"{"type":"list","element":"#, "}")] {
        let text = format!(r#"{{"format-version":2,"schemas":{}1{}}}"#, open.repeat(n), close.repeat(n));
        let error = parse_metadata(text.as_bytes(), "file:/m").unwrap_err();
        assert!(matches!(error, TableError::Corrupt { .. }));
    }
}

#[tokio::test]
async fn a_table_is_loaded_with_its_name_and_place() {
    let storage = Storage::local();
    let location = "memory://t/metadata/v1.gz.metadata.json";
    let bytes = gzip(metadata(3, id_and("a", "variant")).to_string().as_bytes());
    storage.write(location, bytes.into()).await.unwrap();
    let table = load(&storage, location, "db.t").await.unwrap();
    assert_eq!((table.name(), table.metadata_location()), ("db.t", location));
    assert_eq!(table.foreign_types()[&FieldId::new(2)], "variant");
}

//! Avro schemas of manifests and manifest lists, as each format version has them.
//!
//! Source: Iceberg spec, "Manifests", "Manifest Lists", and its appendix "Avro" for types and field ids.

use std::collections::HashSet;

use iceberg::spec::PrimitiveType;
use serde_json::{Value, json};

/// One field of a partition: its name, id, and the type of its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartitionColumn {
    pub(crate) name: String,
    pub(crate) field_id: i32,
    pub(crate) value_type: PrimitiveType,
}

/// Schema of a manifest's records.
pub(super) fn manifest(version: u8, partition: &[PartitionColumn]) -> Value {
    let mut fields = vec![required(0, "status", json!("int"))];
    if version == 1 {
        fields.push(required(1, "snapshot_id", json!("long")));
    } else {
        fields.push(optional(1, "snapshot_id", json!("long")));
        fields.push(optional(3, "sequence_number", json!("long")));
        fields.push(optional(4, "file_sequence_number", json!("long")));
    }
    fields.push(required(2, "data_file", data_file(version, partition)));
    record("manifest_entry", fields)
}

fn data_file(version: u8, partition: &[PartitionColumn]) -> Value {
    let mut fields = Vec::new();
    if version > 1 {
        fields.push(required(134, "content", json!("int")));
    }
    fields.extend([
        required(100, "file_path", json!("string")),
        required(101, "file_format", json!("string")),
        required(102, "partition", partition_record(partition)),
        required(103, "record_count", json!("long")),
        required(104, "file_size_in_bytes", json!("long")),
    ]);
    if version == 1 {
        fields.push(required(105, "block_size_in_bytes", json!("long")));
    }
    fields.extend([
        optional(108, "column_sizes", map((117, 118), "long")),
        optional(109, "value_counts", map((119, 120), "long")),
        optional(110, "null_value_counts", map((121, 122), "long")),
        optional(137, "nan_value_counts", map((138, 139), "long")),
        optional(125, "lower_bounds", map((126, 127), "bytes")),
        optional(128, "upper_bounds", map((129, 130), "bytes")),
        optional(131, "key_metadata", json!("bytes")),
        optional(132, "split_offsets", list(133, "long")),
    ]);
    if version > 1 {
        fields.push(optional(135, "equality_ids", list(136, "int")));
    }
    fields.push(optional(140, "sort_order_id", json!("int")));
    if version > 1 {
        fields.push(optional(143, "referenced_data_file", json!("string")));
    }
    if version > 2 {
        fields.extend([
            optional(142, "first_row_id", json!("long")),
            optional(144, "content_offset", json!("long")),
            optional(145, "content_size_in_bytes", json!("long")),
        ]);
    }
    record("r2", fields)
}

fn partition_record(columns: &[PartitionColumn]) -> Value {
    let mut named = HashSet::new();
    let fields = columns.iter().map(|column| {
        let name = sanitized(&column.name);
        let mut field = optional(column.field_id, &name, avro_type(&column.value_type, &mut named));
        if name != column.name {
            field["iceberg-field-name"] = json!(column.name);
        }
        field
    });
    let fields = fields.collect();
    record("r102", fields)
}

/// A name that Avro allows: letters, digits and `_`, no digit first. As Java writes it, so that readers by name find it.
fn sanitized(name: &str) -> String {
    let mut result = String::new();
    for (index, character) in name.chars().enumerate() {
        match character {
            '0'..='9' if index == 0 => {
                result.push('_');
                result.push(character);
            }
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' => result.push(character),
            other => {
                let mut units = [0; 2];
                for unit in other.encode_utf16(&mut units) {
                    result.push_str(&format!("_x{unit:X}"));
                }
            }
        }
    }
    result
}

/// `named` are the types with a name that the schema has already: Avro forbids to define one twice.
fn avro_type(value_type: &PrimitiveType, named: &mut HashSet<String>) -> Value {
    let timestamp = |unit: &str, utc: bool| json!({"type": "long", "logicalType": unit, "adjust-to-utc": utc});
    let mut fixed = |name: String, size: u64, logical: Value| {
        if !named.insert(name.clone()) {
            return json!(name);
        }
        let mut definition = json!({"type": "fixed", "name": name, "size": size});
        if let (Some(definition), Some(logical)) = (definition.as_object_mut(), logical.as_object()) {
            definition.extend(logical.clone());
        }
        definition
    };
    match value_type {
        PrimitiveType::Boolean => json!("boolean"),
        PrimitiveType::Int => json!("int"),
        PrimitiveType::Long => json!("long"),
        PrimitiveType::Float => json!("float"),
        PrimitiveType::Double => json!("double"),
        PrimitiveType::Date => json!({"type": "int", "logicalType": "date"}),
        PrimitiveType::Time => json!({"type": "long", "logicalType": "time-micros"}),
        PrimitiveType::Timestamp => timestamp("timestamp-micros", false),
        PrimitiveType::Timestamptz => timestamp("timestamp-micros", true),
        PrimitiveType::TimestampNs => timestamp("timestamp-nanos", false),
        PrimitiveType::TimestamptzNs => timestamp("timestamp-nanos", true),
        PrimitiveType::String => json!("string"),
        PrimitiveType::Binary => json!("bytes"),
        PrimitiveType::Uuid => fixed("uuid_fixed".to_owned(), 16, json!({"logicalType": "uuid"})),
        PrimitiveType::Fixed(size) => fixed(format!("fixed_{size}"), *size, Value::Null),
        PrimitiveType::Decimal { precision, scale } => fixed(
            format!("decimal_{precision}_{scale}"),
            decimal_bytes(*precision),
            json!({"logicalType": "decimal", "precision": precision, "scale": scale}),
        ),
    }
}

/// Bytes that a decimal of that precision needs. Source: Iceberg spec, appendix "Avro".
pub(super) fn decimal_bytes(precision: u32) -> u64 {
    let greatest = 10_i128.checked_pow(precision).map_or(i128::MAX, |power| power - 1);
    // One bit more for the sign.
    let bits = u64::from(i128::BITS - greatest.leading_zeros()) + 1;
    bits.div_ceil(8)
}

/// Schema of a manifest list's records.
pub(super) fn manifest_list(version: u8) -> Value {
    let mut fields = vec![
        required(500, "manifest_path", json!("string")),
        required(501, "manifest_length", json!("long")),
        required(502, "partition_spec_id", json!("int")),
    ];
    let summary = record(
        "r508",
        vec![
            required(509, "contains_null", json!("boolean")),
            optional(518, "contains_nan", json!("boolean")),
            optional(510, "lower_bound", json!("bytes")),
            optional(511, "upper_bound", json!("bytes")),
        ],
    );
    let partitions = optional(507, "partitions", json!({"type": "array", "items": summary, "element-id": 508}));
    let counts = [
        (504, "added_files_count", "int"),
        (505, "existing_files_count", "int"),
        (506, "deleted_files_count", "int"),
        (512, "added_rows_count", "long"),
        (513, "existing_rows_count", "long"),
        (514, "deleted_rows_count", "long"),
    ];
    if version == 1 {
        fields.push(required(503, "added_snapshot_id", json!("long")));
        fields.extend(counts.into_iter().take(3).map(|(id, name, kind)| optional(id, name, json!(kind))));
        fields.push(partitions);
        fields.extend(counts.into_iter().skip(3).map(|(id, name, kind)| optional(id, name, json!(kind))));
        fields.push(optional(519, "key_metadata", json!("bytes")));
    } else {
        fields.extend([
            required(517, "content", json!("int")),
            required(515, "sequence_number", json!("long")),
            required(516, "min_sequence_number", json!("long")),
            required(503, "added_snapshot_id", json!("long")),
        ]);
        fields.extend(counts.into_iter().map(|(id, name, kind)| required(id, name, json!(kind))));
        fields.push(partitions);
        fields.push(optional(519, "key_metadata", json!("bytes")));
    }
    if version > 2 {
        fields.push(optional(520, "first_row_id", json!("long")));
    }
    record("manifest_file", fields)
}

fn record(name: &str, fields: Vec<Value>) -> Value {
    json!({"type": "record", "name": name, "fields": fields})
}

fn required(id: i32, name: &str, kind: Value) -> Value {
    json!({"name": name, "type": kind, "field-id": id})
}

fn optional(id: i32, name: &str, kind: Value) -> Value {
    json!({"name": name, "type": ["null", kind], "default": null, "field-id": id})
}

fn list(element_id: i32, kind: &str) -> Value {
    json!({"type": "array", "items": kind, "element-id": element_id})
}

/// Keys are column ids, so it is an array of pairs: Avro's maps have text for keys.
fn map((key_id, value_id): (i32, i32), kind: &str) -> Value {
    let pair = record(
        &format!("k{key_id}_v{value_id}"),
        vec![required(key_id, "key", json!("int")), required(value_id, "value", json!(kind))],
    );
    json!({"type": "array", "items": pair, "logicalType": "map"})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_fit_for_avro_as_java_does() {
        assert_eq!(sanitized("region"), "region");
        assert_eq!(sanitized("9lives"), "_9lives");
        assert_eq!(sanitized("a-b"), "a_x2Db");
        assert_eq!(sanitized("größe"), "gr_xF6_xDFe");
    }

    /// Source: Iceberg spec, appendix "Parquet", table of decimal sizes by precision.
    #[test]
    fn decimals_take_the_fewest_bytes() {
        for (precision, bytes) in [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (9, 4), (10, 5), (18, 8), (19, 9), (38, 16)]
        {
            assert_eq!(decimal_bytes(precision), bytes, "precision {precision}");
        }
    }

    #[test]
    fn a_named_type_is_defined_once() {
        let column = |name: &str, field_id| PartitionColumn {
            name: name.to_owned(),
            field_id,
            value_type: PrimitiveType::Decimal { precision: 9, scale: 2 },
        };
        let schema = partition_record(&[column("a", 1000), column("b", 1001)]);
        assert_eq!(schema["fields"][1]["type"][1], "decimal_9_2");
    }
}

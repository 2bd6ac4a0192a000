//! What the spec makes optional, what older writers left out and what readers are told to tolerate, brought
//! into the form that the metadata library accepts. Nothing that decides which rows a table has is made up.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::Refused;
use crate::manifest::INLINE_MANIFESTS;

/// Stands in where a version 2 or 3 table has no `table-uuid`.
const NIL_UUID: &str = "00000000-0000-0000-0000-000000000000";

/// Field ids of partition specs count up from here. Source: Iceberg spec, "Partition Specs", version 1.
const FIRST_PARTITION_FIELD_ID: u64 = 1000;

/// Operations of the spec. Any other, or none, is taken for the one of which nothing can be assumed.
const OPERATIONS: [&str; 4] = ["append", "replace", "overwrite", "delete"];
const OPERATION_WITHOUT_PROMISES: &str = "overwrite";

pub(super) fn repair(root: &mut Map<String, Value>, version: u64) -> Result<(), Refused> {
    // Absent, null and empty mean the same for all of these.
    root.retain(|_, value| !value.is_null());
    if version > 1 && !root.contains_key("table-uuid") {
        root.insert("table-uuid".to_owned(), NIL_UUID.into());
    }
    repair_text_map(root.get_mut("properties"));
    refuse_encryption(root)?;
    for spec in objects(root.get_mut("partition-specs")) {
        repair_partition_fields(spec.get_mut("fields"));
    }
    repair_partition_fields(root.get_mut("partition-spec"));
    for order in objects(root.get_mut("sort-orders")) {
        objects(order.get_mut("fields")).for_each(repair_transform);
    }
    for snapshot in objects(root.get_mut("snapshots")) {
        repair_snapshot(snapshot, version)?;
    }
    if let Some(Value::Object(refs)) = root.get_mut("refs") {
        for reference in refs.values_mut() {
            lower_case(reference.get_mut("type"));
            if let Some(fields) = reference.as_object_mut() {
                fields.retain(|_, value| !value.is_null());
            }
        }
    }
    repair_default_spec(root);
    Ok(())
}

/// Elements of an array that are objects; of anything else, none.
fn objects(value: Option<&mut Value>) -> impl Iterator<Item = &mut Map<String, Value>> {
    value.and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_object_mut)
}

fn lower_case(value: Option<&mut Value>) {
    if let Some(Value::String(text)) = value {
        text.make_ascii_lowercase();
    }
}

/// Values of properties and summaries are text; some writers leave numbers, booleans and nulls.
fn repair_text_map(value: Option<&mut Value>) {
    let Some(Value::Object(map)) = value else { return };
    map.retain(|_, value| !value.is_null());
    for value in map.values_mut() {
        if matches!(value, Value::Number(_) | Value::Bool(_)) {
            *value = Value::String(value.to_string());
        }
    }
}

fn refuse_encryption(root: &mut Map<String, Value>) -> Result<(), Refused> {
    let property = root.get("properties").and_then(|properties| properties.get("encryption.key-id"));
    if let Some(key) = property {
        return Err(Refused(format!("the table is encrypted, encryption.key-id={key}")));
    }
    for snapshot in objects(root.get_mut("snapshots")) {
        if let Some(key) = snapshot.get("key-id").filter(|key| !key.is_null()) {
            return Err(Refused(format!("the table is encrypted, key-id={key}")));
        }
    }
    Ok(())
}

/// Version 1 did not write field ids: they count up from 1000 in the order of the fields.
fn repair_partition_fields(fields: Option<&mut Value>) {
    for (field, id) in objects(fields).zip(FIRST_PARTITION_FIELD_ID..) {
        field.entry("field-id").or_insert_with(|| id.into());
        repair_transform(field);
    }
}

/// Version 3 may give the source as a list; and a transform that is not known must not stop a reader: it is
/// ignored in filtering. Source: Iceberg spec, "Partition Transforms".
fn repair_transform(field: &mut Map<String, Value>) {
    let first_source = field.get("source-ids").and_then(Value::as_array).and_then(|ids| ids.first()).cloned();
    if let Some(id) = first_source {
        field.entry("source-id").or_insert(id);
    }
    let is_multi_argument = field.get("source-ids").and_then(Value::as_array).is_some_and(|ids| ids.len() > 1);
    if let Some(Value::String(transform)) = field.get_mut("transform") {
        transform.make_ascii_lowercase();
        if is_multi_argument || !is_known_transform(transform) {
            "unknown".clone_into(transform);
        }
    }
}

fn is_known_transform(transform: &str) -> bool {
    let has_width = |name: &str| {
        let width = transform.strip_prefix(name).and_then(|rest| rest.strip_prefix('[')?.strip_suffix(']'));
        width.is_some_and(|width| width.parse::<u32>().is_ok())
    };
    matches!(transform, "identity" | "year" | "month" | "day" | "hour" | "void")
        || has_width("bucket")
        || has_width("truncate")
}

fn repair_snapshot(snapshot: &mut Map<String, Value>, version: u64) -> Result<(), Refused> {
    snapshot.retain(|_, value| !value.is_null());
    if snapshot.get("parent-snapshot-id").and_then(Value::as_i64) == Some(-1) {
        snapshot.remove("parent-snapshot-id");
    }
    if snapshot.contains_key("manifest-list") {
        // Version 1 allows one of the two. Where both are there, readers take the list.
        snapshot.remove("manifests");
    } else if let Some(manifests) = snapshot.remove("manifests") {
        let list = inline_manifests(&manifests).ok_or_else(|| {
            let id = snapshot.get("snapshot-id").cloned().unwrap_or_default();
            Refused(format!("snapshot `{id}` has `manifests` that are no list of paths"))
        })?;
        snapshot.insert("manifest-list".to_owned(), list.into());
    }
    if version > 1 {
        // Snapshots of version 1 keep their number 0 when the table is upgraded, and 0 is left out.
        snapshot.entry("sequence-number").or_insert_with(|| 0.into());
    }
    let summary = snapshot.entry("summary").or_insert_with(|| Value::Object(Map::new()));
    repair_text_map(Some(summary));
    if let Value::Object(summary) = summary {
        let operation = summary.get("operation").and_then(Value::as_str).map(str::to_ascii_lowercase);
        let operation = operation.filter(|operation| OPERATIONS.contains(&operation.as_str()));
        let operation = operation.unwrap_or_else(|| OPERATION_WITHOUT_PROMISES.to_owned());
        summary.insert("operation".to_owned(), operation.into());
    }
    Ok(())
}

/// Snapshots of version 1 may name their manifests themselves, without a list. The library has no place for that, so
/// they stand where the path of the list would. Source: Iceberg spec, "Snapshots", `manifests`.
fn inline_manifests(manifests: &Value) -> Option<String> {
    let is_path = |path: &Value| path.as_str().is_some_and(|path| !path.is_empty());
    let are_paths = manifests.as_array()?.iter().all(is_path);
    are_paths.then(|| format!("{INLINE_MANIFESTS}{manifests}"))
}

/// Version 1 cannot drop partition fields, only make them `void`; then their source column may be dropped.
/// The library wants a column of the current schema there, and any will do, since the value is always null.
fn repair_default_spec(root: &mut Map<String, Value>) {
    let Some(schema) = current_schema(root) else { return };
    let mut ids = HashSet::new();
    collect_field_ids(schema, &mut ids);
    let any_id = schema.get("fields").and_then(Value::as_array).into_iter().flatten().find_map(|field| {
        field.get("type").is_some_and(Value::is_string).then(|| field.get("id").and_then(Value::as_i64)).flatten()
    });
    let Some(any_id) = any_id else { return };
    let default_id = root.get("default-spec-id").cloned();
    let point_void_at = |field: &mut Map<String, Value>| {
        let is_void = field.get("transform").and_then(Value::as_str) == Some("void");
        let has_source = field.get("source-id").and_then(Value::as_i64).is_some_and(|id| ids.contains(&id));
        if is_void && !has_source {
            field.insert("source-id".to_owned(), any_id.into());
        }
    };
    for spec in objects(root.get_mut("partition-specs")).filter(|spec| spec.get("spec-id") == default_id.as_ref()) {
        objects(spec.get_mut("fields")).for_each(point_void_at);
    }
    objects(root.get_mut("partition-spec")).for_each(point_void_at);
}

fn current_schema(root: &Map<String, Value>) -> Option<&Value> {
    let id = root.get("current-schema-id")?;
    let mut schemas = root.get("schemas").and_then(Value::as_array).into_iter().flatten();
    schemas.find(|schema| schema.get("schema-id") == Some(id)).or_else(|| root.get("schema"))
}

fn collect_field_ids(node: &Value, ids: &mut HashSet<i64>) {
    match node {
        Value::Object(fields) => {
            for (name, value) in fields {
                if matches!(name.as_str(), "id" | "element-id" | "key-id" | "value-id") {
                    ids.extend(value.as_i64());
                }
                collect_field_ids(value, ids);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| collect_field_ids(value, ids)),
        _ => {}
    }
}

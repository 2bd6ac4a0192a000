//! Which part of metadata the library refused. It tries the format versions one after the other and reports
//! only that none fits, so the parts are tried one by one here.

use iceberg::spec::{PartitionSpec, Schema, SnapshotReference, SortOrder};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Keys that every version needs, and those that versions from the number on need as well.
const REQUIRED: [(&str, u64); 13] = [
    ("location", 1),
    ("last-updated-ms", 1),
    ("last-column-id", 1),
    ("table-uuid", 2),
    ("last-sequence-number", 2),
    ("schemas", 2),
    ("current-schema-id", 2),
    ("partition-specs", 2),
    ("default-spec-id", 2),
    ("last-partition-id", 2),
    ("sort-orders", 2),
    ("default-sort-order-id", 2),
    ("next-row-id", 3),
];

const REQUIRED_OF_SNAPSHOT: [(&str, u64); 5] =
    [("snapshot-id", 1), ("timestamp-ms", 1), ("manifest-list", 1), ("sequence-number", 2), ("summary", 2)];

/// One line that names the part which does not fit; `library` is what the library said.
pub(super) fn explain(root: &Value, version: u64, library: &str) -> String {
    if let Some(key) = missing(root, &REQUIRED, version) {
        return format!("`{key}` is missing in metadata of format version {version}");
    }
    let snapshots = root.get("snapshots").and_then(Value::as_array).into_iter().flatten();
    for (index, snapshot) in snapshots.enumerate() {
        if let Some(key) = missing(snapshot, &REQUIRED_OF_SNAPSHOT, version) {
            return format!("`{key}` is missing in `snapshots`, element {index}");
        }
    }
    let parts = [
        first_error::<Schema>(root, "schema"),
        first_error::<Schema>(root, "schemas"),
        first_error::<PartitionSpec>(root, "partition-specs"),
        first_error::<SortOrder>(root, "sort-orders"),
        first_error::<SnapshotReference>(root, "refs"),
        uuid_error(root),
    ];
    if let Some(error) = parts.into_iter().flatten().next() {
        return error;
    }
    if library.contains("untagged") {
        return format!("a value in metadata of format version {version} has the wrong type");
    }
    library.to_owned()
}

fn missing(object: &Value, required: &[(&'static str, u64)], version: u64) -> Option<&'static str> {
    required.iter().find(|(key, since)| *since <= version && object.get(key).is_none()).map(|(key, _)| *key)
}

/// The first part under `key` that is no `T`: the value itself, or each of an array or a map of them.
fn first_error<T: DeserializeOwned>(root: &Value, key: &str) -> Option<String> {
    match root.get(key)? {
        Value::Array(values) => {
            let mut errors = values.iter().enumerate();
            errors.find_map(|(index, value)| error_of::<T>(value, &format!("{key}`, element `{index}")))
        }
        Value::Object(values) if key == "refs" => {
            values.iter().find_map(|(name, value)| error_of::<T>(value, &format!("{key}`, element `{name}")))
        }
        value => error_of::<T>(value, key),
    }
}

fn uuid_error(root: &Value) -> Option<String> {
    let error = uuid::Uuid::try_parse(root.get("table-uuid")?.as_str()?).err()?;
    Some(format!("`table-uuid` does not fit: {error}"))
}

fn error_of<T: DeserializeOwned>(value: &Value, what: &str) -> Option<String> {
    let error = T::deserialize(value).err()?;
    Some(format!("`{what}` does not fit: {error}"))
}

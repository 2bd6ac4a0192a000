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

/// What a value is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Integer,
    Text,
    Array,
    Object,
}

impl Kind {
    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Integer => value.is_i64(),
            Self::Text => value.is_string(),
            Self::Array => value.is_array(),
            Self::Object => value.is_object(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Integer => "an integer",
            Self::Text => "a text",
            Self::Array => "an array",
            Self::Object => "an object",
        }
    }
}

const KINDS: [(&str, Kind); 21] = [
    ("location", Kind::Text),
    ("table-uuid", Kind::Text),
    ("last-updated-ms", Kind::Integer),
    ("last-column-id", Kind::Integer),
    ("last-sequence-number", Kind::Integer),
    ("last-partition-id", Kind::Integer),
    ("current-schema-id", Kind::Integer),
    ("default-spec-id", Kind::Integer),
    ("default-sort-order-id", Kind::Integer),
    ("current-snapshot-id", Kind::Integer),
    ("next-row-id", Kind::Integer),
    ("schema", Kind::Object),
    ("schemas", Kind::Array),
    ("partition-spec", Kind::Array),
    ("partition-specs", Kind::Array),
    ("sort-orders", Kind::Array),
    ("snapshots", Kind::Array),
    ("snapshot-log", Kind::Array),
    ("metadata-log", Kind::Array),
    ("refs", Kind::Object),
    ("properties", Kind::Object),
];

const KINDS_OF_SNAPSHOT: [(&str, Kind); 9] = [
    ("snapshot-id", Kind::Integer),
    ("parent-snapshot-id", Kind::Integer),
    ("sequence-number", Kind::Integer),
    ("timestamp-ms", Kind::Integer),
    ("schema-id", Kind::Integer),
    ("first-row-id", Kind::Integer),
    ("added-rows", Kind::Integer),
    ("manifest-list", Kind::Text),
    ("summary", Kind::Object),
];

/// One line that names the part which does not fit; `library` is what the library said.
pub(super) fn explain(root: &Value, version: u64, library: &str) -> String {
    if let Some(key) = missing(root, &REQUIRED, version) {
        return format!("`{key}` is missing in metadata of format version {version}");
    }
    if let Some((key, kind)) = wrong_kind(root, &KINDS) {
        return format!("`{key}` is not {}", kind.name());
    }
    let snapshots = root.get("snapshots").and_then(Value::as_array).into_iter().flatten();
    for (index, snapshot) in snapshots.enumerate() {
        if let Some(key) = missing(snapshot, &REQUIRED_OF_SNAPSHOT, version) {
            return format!("`{key}` is missing in `snapshots`, element {index}");
        }
        if let Some((key, kind)) = wrong_kind(snapshot, &KINDS_OF_SNAPSHOT) {
            return format!("`{key}` is not {}, in `snapshots`, element {index}", kind.name());
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
    // The kind of error is the library's own business.
    library.split_once(" => ").map_or(library, |(_, cause)| cause).to_owned()
}

fn missing(object: &Value, required: &[(&'static str, u64)], version: u64) -> Option<&'static str> {
    required.iter().find(|(key, since)| *since <= version && object.get(key).is_none()).map(|(key, _)| *key)
}

fn wrong_kind(object: &Value, kinds: &[(&'static str, Kind)]) -> Option<(&'static str, Kind)> {
    kinds.iter().find(|(key, kind)| object.get(key).is_some_and(|value| !kind.fits(value))).copied()
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

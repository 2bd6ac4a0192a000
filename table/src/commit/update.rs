//! What a commit asks of a catalog: changes of a table's metadata, and what must hold for them to be made.
//!
//! As JSON both are what the REST catalog's protocol calls updates and requirements (source: Iceberg's REST catalog
//! specification, `CommitTableRequest`); other catalogs have them applied to the metadata document.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// One change of a table's metadata.
#[derive(Debug, Clone, PartialEq)]
pub enum MetadataUpdate {
    /// Adds a snapshot: its JSON as in table metadata.
    AddSnapshot(Value),
    /// Sets a branch or tag: its JSON as in the metadata's `refs`.
    SetRef {
        /// Name of the branch or tag.
        name: String,
        /// `snapshot-id`, `type`, and retention where set.
        reference: Value,
    },
    /// Drops a branch or tag.
    RemoveRef(String),
    /// Sets table properties.
    SetProperties(BTreeMap<String, String>),
    /// Drops table properties.
    RemoveProperties(Vec<String>),
}

/// What must hold of the table for a commit to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requirement {
    /// It is still this table: `table-uuid`.
    TableUuid(String),
    /// A branch or tag still stands at this snapshot; `None`: it does not exist.
    RefSnapshot {
        /// Name of the branch or tag.
        name: String,
        /// Snapshot that it stands at.
        snapshot_id: Option<i64>,
    },
}

impl MetadataUpdate {
    /// In the form of the REST catalog's protocol.
    pub fn to_json(&self) -> Value {
        match self {
            Self::AddSnapshot(snapshot) => json!({"action": "add-snapshot", "snapshot": snapshot}),
            Self::SetRef { name, reference } => {
                let mut update = json!({"action": "set-snapshot-ref", "ref-name": name});
                if let (Some(update), Some(reference)) = (update.as_object_mut(), reference.as_object()) {
                    update.extend(reference.clone());
                }
                update
            }
            Self::RemoveRef(name) => json!({"action": "remove-snapshot-ref", "ref-name": name}),
            Self::SetProperties(properties) => json!({"action": "set-properties", "updates": properties}),
            Self::RemoveProperties(names) => json!({"action": "remove-properties", "removals": names}),
        }
    }
}

impl Requirement {
    /// In the form of the REST catalog's protocol.
    pub fn to_json(&self) -> Value {
        match self {
            Self::TableUuid(uuid) => json!({"type": "assert-table-uuid", "uuid": uuid}),
            Self::RefSnapshot { name, snapshot_id } => {
                json!({"type": "assert-ref-snapshot-id", "ref": name, "snapshot-id": snapshot_id})
            }
        }
    }
}

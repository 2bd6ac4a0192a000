//! The metadata document that a commit leaves behind: the one before it, with the commit's updates made.
//!
//! Works on the JSON as it is stored, so that fields, types and snapshots that this version knows nothing of stay as
//! they are. Decides only; no I/O happens here.
//! Source: Iceberg spec, "Table Metadata Fields"; Iceberg's `TableMetadata.Builder` for what the spec leaves open.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::update::{MetadataUpdate, Requirement};
use crate::{MAIN_BRANCH, Result, TableError};

/// Property with the number of earlier metadata files that are remembered.
const PREVIOUS_VERSIONS_PROPERTY: &str = "write.metadata.previous-versions-max";
const PREVIOUS_VERSIONS_DEFAULT: usize = 100;

/// Property by which metadata files are deleted that are remembered no more.
const DELETE_PROPERTY: &str = "write.metadata.delete-after-commit.enabled";

/// Clocks of two writers may differ by this much. Source: Iceberg, `TableMetadata.ONE_MINUTE`.
const CLOCK_SKEW_MS: i64 = 60_000;

/// The document with `updates` made. `location` is where the stored document is, which the new one remembers.
///
/// # Errors
/// [`TableError::InvalidRequest`] if an update contradicts the document or another update;
/// [`TableError::Corrupt`] if the document lacks what it must have.
pub(crate) fn apply(
    document: &Map<String, Value>,
    location: &str,
    updates: &[MetadataUpdate],
    now_ms: i64,
) -> Result<Map<String, Value>> {
    let corrupt = |field: &str| TableError::corrupt(location, format!("the metadata has no valid `{field}`"));
    let version = number(document, "format-version").filter(|version| (1..=3).contains(version));
    let version = version.ok_or_else(|| corrupt("format-version"))?;
    let updated_ms = number(document, "last-updated-ms").ok_or_else(|| corrupt("last-updated-ms"))?;
    let mut draft = Draft { document: document.clone(), version, updated_ms, added_ms: BTreeMap::new() };
    let head_before = head(document);
    draft.complete_refs(head_before);
    for update in updates {
        match update {
            MetadataUpdate::AddSnapshot(snapshot) => draft.add_snapshot(snapshot)?,
            MetadataUpdate::SetRef { name, reference } => draft.set_ref(name, reference)?,
            MetadataUpdate::RemoveRef(name) => draft.remove_ref(name)?,
            MetadataUpdate::SetProperties(properties) => draft.set_properties(properties)?,
            MetadataUpdate::RemoveProperties(names) => draft.remove_properties(names)?,
        }
    }
    // Time that goes back would hide the commit from those who look for the newest.
    let newest_ms = draft.added_ms.values().copied().max().unwrap_or(i64::MIN);
    let last_updated_ms = updated_ms.max(now_ms).max(newest_ms);
    draft.log_head(head_before, last_updated_ms)?;
    draft.log_metadata(location, updated_ms)?;
    draft.document.insert("last-updated-ms".to_owned(), last_updated_ms.into());
    Ok(draft.document)
}

/// Metadata files that `before` remembers and `after`, its successor, does not, if the table's properties have such
/// files deleted.
pub(crate) fn forgotten(before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<String> {
    if !deletes_old(after) {
        return Vec::new();
    }
    let kept: BTreeSet<&str> = remembered(after).collect();
    remembered(before).filter(|file| !kept.contains(file)).map(str::to_owned).collect()
}

/// The table's properties have metadata files deleted that are remembered no more.
pub(crate) fn deletes_old(document: &Map<String, Value>) -> bool {
    let property = document.get("properties").and_then(|all| all.get(DELETE_PROPERTY));
    property.is_some_and(|value| match value {
        Value::String(text) => text.trim().eq_ignore_ascii_case("true"),
        other => other.as_bool() == Some(true),
    })
}

fn remembered(document: &Map<String, Value>) -> impl Iterator<Item = &str> {
    let log = document.get("metadata-log").and_then(Value::as_array).into_iter().flatten();
    log.filter_map(|entry| entry.get("metadata-file").and_then(Value::as_str))
}

/// The first requirement that the document does not meet, in words; `None` if it meets all.
pub(crate) fn unmet(document: &Map<String, Value>, requirements: &[Requirement]) -> Option<String> {
    requirements.iter().find_map(|requirement| match requirement {
        Requirement::TableUuid(wanted) => {
            // Tables of version 1 may have none. Then the place of the metadata is all that tells them apart.
            let found = document.get("table-uuid").and_then(Value::as_str)?;
            (!found.eq_ignore_ascii_case(wanted))
                .then(|| format!("it is another table, expected_uuid=`{wanted}`, found_uuid=`{found}`"))
        }
        Requirement::RefSnapshot { name, snapshot_id } => {
            let found = ref_snapshot(document, name);
            let shown = |id: Option<i64>| id.map_or_else(|| "none".to_owned(), |id| id.to_string());
            (found != *snapshot_id).then(|| {
                format!("ref `{name}` has moved, expected=`{}`, found=`{}`", shown(*snapshot_id), shown(found))
            })
        }
    })
}

/// Snapshot that a branch or tag stands at.
pub(crate) fn ref_snapshot(document: &Map<String, Value>, name: &str) -> Option<i64> {
    let reference = document.get("refs").and_then(|refs| refs.get(name));
    let listed = reference.and_then(|reference| reference.get("snapshot-id")).and_then(Value::as_i64);
    if name == MAIN_BRANCH { listed.or_else(|| head(document)) } else { listed }
}

/// `current-snapshot-id`; some writers say -1 for none.
fn head(document: &Map<String, Value>) -> Option<i64> {
    number(document, "current-snapshot-id").filter(|id| *id != -1)
}

fn number(object: &Map<String, Value>, name: &str) -> Option<i64> {
    object.get(name).and_then(Value::as_i64)
}

/// A document that updates are made to.
struct Draft {
    document: Map<String, Value>,
    version: i64,
    /// Time of the commit before this one.
    updated_ms: i64,
    /// Snapshots that this commit adds, and their times.
    added_ms: BTreeMap<i64, i64>,
}

impl Draft {
    /// The main branch is implied where a document has no `refs`. Once there are some, it must be one of them.
    fn complete_refs(&mut self, head: Option<i64>) {
        let is_empty = self.document.get("refs").and_then(Value::as_object).is_none_or(Map::is_empty);
        if let Some(head) = head.filter(|_| is_empty) {
            let main = json!({MAIN_BRANCH: {"snapshot-id": head, "type": "branch"}});
            self.document.insert("refs".to_owned(), main);
        }
    }

    fn add_snapshot(&mut self, snapshot: &Value) -> Result<()> {
        let Some(snapshot) = snapshot.as_object() else {
            return Err(TableError::invalid("a snapshot to be added is no JSON object"));
        };
        let field = |name: &str| {
            let missing = || TableError::invalid(format!("a snapshot to be added has no valid `{name}`"));
            number(snapshot, name).ok_or_else(missing)
        };
        let (id, timestamp_ms) = (field("snapshot-id")?, field("timestamp-ms")?);
        if self.has_snapshot(id) {
            return Err(TableError::invalid(format!("snapshot `{id}` cannot be added: the table has it already")));
        }
        if timestamp_ms.saturating_add(CLOCK_SKEW_MS) < self.updated_ms {
            return Err(TableError::invalid(format!(
                "snapshot `{id}` cannot be added: its time `{timestamp_ms}` is before that of the table, \
                 last-updated-ms=`{}`; set this machine's clock right",
                self.updated_ms
            )));
        }
        let mut snapshot = snapshot.clone();
        if self.version == 1 {
            if snapshot.remove("sequence-number").is_some_and(|number| number.as_i64() != Some(0)) {
                return Err(TableError::invalid(format!(
                    "snapshot `{id}` has a sequence number, which version 1 lacks"
                )));
            }
        } else {
            let sequence_number = field("sequence-number")?;
            let last = number(&self.document, "last-sequence-number").unwrap_or(0);
            if sequence_number <= last {
                return Err(TableError::invalid(format!(
                    "snapshot `{id}` cannot be added: its sequence number `{sequence_number}` is not above the table's \
                     last, `{last}`"
                )));
            }
            self.document.insert("last-sequence-number".to_owned(), sequence_number.into());
        }
        if self.version >= 3 {
            let (first, n_added) = (field("first-row-id")?, field("added-rows")?);
            let next = number(&self.document, "next-row-id").unwrap_or(0);
            let end = first.checked_add(n_added).filter(|_| first >= next && n_added >= 0);
            let Some(end) = end else {
                return Err(TableError::invalid(format!(
                    "snapshot `{id}` cannot be added: its rows `{first}` + `{n_added}` do not follow the table's, \
                     next-row-id=`{next}`"
                )));
            };
            self.document.insert("next-row-id".to_owned(), end.into());
        }
        self.added_ms.insert(id, timestamp_ms);
        self.array("snapshots")?.push(Value::Object(snapshot));
        Ok(())
    }

    fn set_ref(&mut self, name: &str, reference: &Value) -> Result<()> {
        let id = reference.get("snapshot-id").and_then(Value::as_i64);
        let kind = reference.get("type").and_then(Value::as_str);
        let (Some(id), Some(kind @ ("branch" | "tag"))) = (id, kind) else {
            return Err(TableError::invalid(format!(
                "ref `{name}` has no `snapshot-id`, or is neither branch nor tag"
            )));
        };
        if !self.has_snapshot(id) {
            return Err(TableError::invalid(format!("ref `{name}` cannot be set: the table has no snapshot `{id}`")));
        }
        if name == MAIN_BRANCH && kind != "branch" {
            return Err(TableError::invalid(format!(
                "`{MAIN_BRANCH}` cannot be a tag; it is the branch that is meant"
            )));
        }
        self.object("refs")?.insert(name.to_owned(), reference.clone());
        if name == MAIN_BRANCH {
            self.document.insert("current-snapshot-id".to_owned(), id.into());
        }
        Ok(())
    }

    fn remove_ref(&mut self, name: &str) -> Result<()> {
        if name == MAIN_BRANCH {
            return Err(TableError::invalid(format!("branch `{MAIN_BRANCH}` cannot be dropped; name another ref")));
        }
        self.object("refs")?.shift_remove(name);
        Ok(())
    }

    fn set_properties(&mut self, properties: &BTreeMap<String, String>) -> Result<()> {
        if properties.contains_key("format-version") {
            return Err(TableError::invalid("`format-version` is no property of a table that can be set"));
        }
        let stored = self.object("properties")?;
        for (name, value) in properties {
            stored.insert(name.clone(), value.clone().into());
        }
        Ok(())
    }

    fn remove_properties(&mut self, names: &[String]) -> Result<()> {
        let stored = self.object("properties")?;
        for name in names {
            stored.shift_remove(name);
        }
        Ok(())
    }

    /// One entry for each commit that moves the main branch. A snapshot that was there before is logged at the time
    /// of the commit: the branch was not there at the snapshot's own.
    fn log_head(&mut self, before: Option<i64>, last_updated_ms: i64) -> Result<()> {
        let Some(now) = head(&self.document).filter(|now| Some(*now) != before) else { return Ok(()) };
        let timestamp_ms = self.added_ms.get(&now).copied().unwrap_or(last_updated_ms);
        self.array("snapshot-log")?.push(json!({"timestamp-ms": timestamp_ms, "snapshot-id": now}));
        Ok(())
    }

    fn log_metadata(&mut self, location: &str, updated_ms: i64) -> Result<()> {
        let n_max = self.document.get("properties").and_then(|all| all.get(PREVIOUS_VERSIONS_PROPERTY));
        let n_max = n_max.and_then(|value| match value {
            Value::String(text) => text.trim().parse().ok(),
            other => other.as_u64().and_then(|number| usize::try_from(number).ok()),
        });
        let n_max = n_max.unwrap_or(PREVIOUS_VERSIONS_DEFAULT).max(1);
        let log = self.array("metadata-log")?;
        log.push(json!({"timestamp-ms": updated_ms, "metadata-file": location}));
        log.drain(..log.len().saturating_sub(n_max));
        Ok(())
    }

    fn has_snapshot(&self, id: i64) -> bool {
        let snapshots = self.document.get("snapshots").and_then(Value::as_array).into_iter().flatten();
        snapshots.into_iter().any(|snapshot| snapshot.get("snapshot-id").and_then(Value::as_i64) == Some(id))
    }

    /// An array of the document; made if it is absent or null.
    fn array(&mut self, name: &str) -> Result<&mut Vec<Value>> {
        let value = self.document.entry(name).or_insert(Value::Null);
        if value.is_null() {
            *value = Value::Array(Vec::new());
        }
        value.as_array_mut().ok_or_else(|| TableError::invalid(format!("`{name}` of the metadata is no list")))
    }

    /// An object of the document; made if it is absent or null.
    fn object(&mut self, name: &str) -> Result<&mut Map<String, Value>> {
        let value = self.document.entry(name).or_insert(Value::Null);
        if value.is_null() {
            *value = Value::Object(Map::new());
        }
        value.as_object_mut().ok_or_else(|| TableError::invalid(format!("`{name}` of the metadata is no object")))
    }
}

#[cfg(test)]
mod tests;

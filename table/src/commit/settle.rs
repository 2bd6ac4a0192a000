//! What became of a commit whose answer did not come.
//!
//! It was made if the table knows its id. That it does not, proves nothing by itself: the commit may be on its way, or
//! may have been made and rolled back or expired since. It was not made for sure if what its atomic step compares has
//! changed for good, and none of the metadata files from its base to the head knows it.

use serde_json::Value;

use super::outcome::PendingCommit;
use super::snapshot::COMMIT_ID;
use super::target::{CommitBase, CommitTarget};
use crate::metadata::load_document;
use crate::{Result, TableError};

/// What became of a commit.
#[derive(Debug)]
pub(super) enum Verdict {
    Committed,
    NotCommitted,
    /// It cannot be told, or not yet.
    Unknown(TableError),
}

/// Looks once.
pub(super) async fn verdict(target: &dyn CommitTarget, pending: &PendingCommit) -> Verdict {
    match look(target, pending).await {
        Ok(verdict) => verdict,
        Err(error) => Verdict::Unknown(error),
    }
}

async fn look(target: &dyn CommitTarget, pending: &PendingCommit) -> Result<Verdict> {
    let now = target.load().await?;
    let found = now.table.metadata().uuid().to_string();
    if found != pending.table_uuid {
        // The table was dropped and made anew: nothing can be read of the old one.
        return Ok(Verdict::Unknown(TableError::TableReplaced { expected: pending.table_uuid.clone(), found }));
    }
    if knows(&now, pending) {
        return Ok(Verdict::Committed);
    }
    if !target.is_superseded(pending, &now) {
        return Ok(Verdict::Unknown(TableError::catalog(
            target.name(),
            "the commit was not answered and may still be made; look again later",
        )));
    }
    let Some(between) = between(&now, &pending.base_metadata_location) else {
        return Ok(Verdict::Unknown(TableError::catalog(
            target.name(),
            "more commits were made since than the table's metadata log keeps; look for the commit by its id",
        )));
    };
    for location in between {
        let storage = now.table.storage();
        let (_, document) = load_document(storage, storage, &location, target.name()).await?;
        if document_knows(&document, pending) {
            return Ok(Verdict::Committed);
        }
    }
    Ok(Verdict::NotCommitted)
}

fn knows(now: &CommitBase, pending: &PendingCommit) -> bool {
    let metadata = now.table.metadata();
    match pending.snapshot_id {
        Some(snapshot_id) => metadata.snapshot_by_id(snapshot_id).is_some(),
        None => metadata.properties().get(COMMIT_ID) == Some(&pending.commit_id),
    }
}

fn document_knows(document: &serde_json::Map<String, Value>, pending: &PendingCommit) -> bool {
    match pending.snapshot_id {
        Some(snapshot_id) => {
            let snapshots = document.get("snapshots").and_then(Value::as_array).into_iter().flatten();
            snapshots
                .into_iter()
                .any(|snapshot| snapshot.get("snapshot-id").and_then(Value::as_i64) == Some(snapshot_id))
        }
        None => {
            let property = document.get("properties").and_then(|properties| properties.get(COMMIT_ID));
            property.and_then(Value::as_str) == Some(&pending.commit_id)
        }
    }
}

/// Metadata files between the one at `base` and the current one, without both; `None` if the log does not reach back.
fn between(now: &CommitBase, base: &str) -> Option<Vec<String>> {
    if now.table.metadata_location() == base {
        return Some(Vec::new());
    }
    let log: Vec<&str> = now.table.metadata().metadata_log().iter().map(|entry| entry.metadata_file.as_str()).collect();
    let position =
        log.iter().rposition(|location| crate::storage::identity(location) == crate::storage::identity(base))?;
    Some(log.iter().skip(position + 1).map(|location| (*location).to_owned()).collect())
}

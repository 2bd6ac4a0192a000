//! Looks at a table: its properties, and what has come since a snapshot. Only metadata is read.

use std::sync::Arc;

use frazil_table::lineage::Lineage;
use frazil_table::{SnapshotId, Table, TableError};
use iceberg::spec::{Operation, SnapshotRef};

use super::error::chain;
use super::policy;
use super::scheduler::{Growth, Seen};
use super::settings::DaemonSettings;
use crate::tables::TableResolver;

/// Loads a table, unless it is as it was before.
pub(super) async fn load(resolver: &dyn TableResolver, name: &str, before: Option<Table>) -> Result<Table, String> {
    let loaded = async {
        let source = resolver.source(name).await?;
        match before {
            None => source.load().await,
            Some(before) => Ok(source.load_if_changed(&before).await?.unwrap_or(before)),
        }
    };
    loaded.await.map_err(|error: TableError| chain(&error))
}

/// What is to be known of a table to decide when it is compacted.
///
/// # Errors
/// What is wrong with the table.
pub(super) fn seen(settings: &DaemonSettings, name: &str, table: &Table, since: Option<i64>) -> Result<Seen, String> {
    let properties = table.metadata().properties();
    let options = policy::options(settings, properties, []).map_err(|error| chain(&error))?;
    let lineage = Lineage::of_branch(table.metadata(), table.metadata_location(), &options.branch);
    let lineage = lineage.map_err(|error| chain(&error))?;
    let bytes_total = lineage.head().map_or(0, |head| count(head, "total-files-size"));
    Ok(Seen { rule: policy::rule(settings, name, properties), growth: growth(&lineage, since), bytes_total })
}

/// What writers have added after a snapshot; if it is not kept or not known, after the last compaction.
fn growth(lineage: &Lineage, since: Option<i64>) -> Growth {
    let snapshots = lineage.snapshots();
    let is_replace = |snapshot: &SnapshotRef| snapshot.summary().operation == Operation::Replace;
    let mark = since.and_then(|since| lineage.index_of(SnapshotId::new(since)));
    let last = mark.or_else(|| snapshots.iter().rposition(is_replace));
    let mut growth = Growth::default();
    let newer = snapshots.iter().skip(last.map_or(0, |last| last + 1));
    for snapshot in newer.filter(|snapshot| !is_replace(snapshot)) {
        growth.n_commits += 1;
        growth.n_files = growth.n_files.saturating_add(count(snapshot, "added-data-files"));
        growth.n_bytes = growth.n_bytes.saturating_add(count(snapshot, "added-files-size"));
        growth.n_deletes = growth.n_deletes.saturating_add(count(snapshot, "added-delete-files"));
    }
    growth
}

/// Not every engine writes every count.
fn count(snapshot: &Arc<iceberg::spec::Snapshot>, key: &str) -> u64 {
    snapshot.summary().additional_properties.get(key).and_then(|text| text.parse().ok()).unwrap_or(0)
}

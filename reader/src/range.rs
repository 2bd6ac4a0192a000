//! From "where to start" and "where to end" to the snapshots in between. Pure.

use std::sync::Arc;

use frazil_table::lineage::Lineage;
use frazil_table::{SnapshotId, Table, TableError};
use iceberg::spec::SnapshotRef;

use crate::Result;
use crate::discovery::PlannedBacklog;
use crate::options::{At, From, To};

/// What to deliver, in order.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) snapshot: SnapshotRef,
    /// `None` in the full phase, and for the first snapshot of a table.
    pub(crate) parent: Option<SnapshotRef>,
    /// All rows of the snapshot instead of its changes.
    pub(crate) is_full: bool,
    pub(crate) watermark_ms: i64,
    /// Of the snapshots that were planned together with this one, if there are several.
    pub(crate) backlog: Option<Arc<PlannedBacklog>>,
    /// The step is not from a snapshot to the next.
    pub(crate) detour: Option<Detour>,
}

/// A way around what is no longer there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detour {
    /// What was delivered is void.
    Restart {
        /// Up to where that was.
        consumed: Option<SnapshotId>,
    },
    /// The changes up to this snapshot are left out.
    Skip {
        /// Up to where changes were delivered.
        consumed: Option<SnapshotId>,
    },
    /// From the parent of the step, which is not that of the snapshot, in one change set.
    Leap,
    /// The step goes back from its parent, which is the snapshot's child.
    Undo,
}

/// The snapshots of `(from, to]` on the lineage.
pub(crate) fn steps(table: &Table, lineage: &Lineage, from: &From, to: &To) -> Result<Vec<Step>> {
    let snapshots = lineage.snapshots();
    if let (true, From::SnapshotInclusive(id) | From::SnapshotExclusive(id)) = (snapshots.is_empty(), from) {
        locate(table, lineage, *id)?;
    }
    let Some(end) = end_index(table, lineage, to)? else { return Ok(Vec::new()) };
    let start = match from {
        From::Full => return Ok(step(lineage, end, true).into_iter().collect()),
        From::Earliest => 0,
        From::Latest => snapshots.len(),
        From::SnapshotInclusive(id) => {
            let index = locate(table, lineage, *id)?;
            if index == 0 && lineage.starts_with_gap() {
                // Its change set needs its parent, which is gone.
                return Err(expired_parent(lineage, *id).into());
            }
            index
        }
        From::SnapshotExclusive(id) => locate(table, lineage, *id)? + 1,
        From::Timestamp(time_ms) => match lineage.first_at_or_after(*time_ms) {
            Some(index) => index,
            None => return Ok(Vec::new()),
        },
        From::Tag(name) => locate(table, lineage, tag(table, name)?)? + 1,
        From::Position(_) => {
            return Err(
                TableError::Internal { detail: "a position is resumed from, not started with".to_owned() }.into()
            );
        }
    };
    if start > end {
        return match from {
            From::SnapshotInclusive(_) | From::SnapshotExclusive(_) if start > end + 1 => {
                Err(TableError::invalid("the range is empty: it ends before it starts; swap --from and --to").into())
            }
            _ => Ok(Vec::new()),
        };
    }
    let steps = (start..=end).filter_map(|index| step(lineage, index, index == 0 && lineage.starts_with_gap()));
    Ok(with_backlog(steps.collect()))
}

/// Several snapshots share what the last of them tells of the others.
fn with_backlog(mut steps: Vec<Step>) -> Vec<Step> {
    if let [_, .., last] = steps.as_slice() {
        let backlog = Arc::new(PlannedBacklog::ending_with(last.snapshot.clone()));
        steps.iter_mut().for_each(|step| step.backlog = Some(backlog.clone()));
    }
    steps
}

pub(crate) fn step(lineage: &Lineage, index: usize, is_full: bool) -> Option<Step> {
    let parent = index.checked_sub(1).and_then(|index| lineage.snapshots().get(index)).filter(|_| !is_full);
    Some(Step {
        snapshot: lineage.snapshots().get(index)?.clone(),
        parent: parent.cloned(),
        is_full,
        watermark_ms: lineage.watermark_ms(index)?,
        backlog: None,
        detour: None,
    })
}

pub(crate) fn end_index(table: &Table, lineage: &Lineage, to: &To) -> Result<Option<usize>> {
    match to {
        To::Latest => Ok(lineage.snapshots().len().checked_sub(1)),
        To::Snapshot(id) => Ok(Some(locate(table, lineage, *id)?)),
        To::Timestamp(time_ms) => Ok(lineage.last_at_or_before(*time_ms)),
    }
}

fn locate(table: &Table, lineage: &Lineage, id: SnapshotId) -> Result<usize> {
    Ok(lineage.locate(table.metadata(), table.metadata_location(), id)?)
}

pub(crate) fn expired_parent(lineage: &Lineage, id: SnapshotId) -> TableError {
    let parent = lineage.snapshots().first().and_then(|oldest| oldest.parent_snapshot_id());
    TableError::SnapshotExpired { consumed: parent.map_or(id, SnapshotId::new), oldest: id }
}

pub(crate) fn tag(table: &Table, name: &str) -> Result<SnapshotId> {
    match table.metadata().snapshot_for_ref(name) {
        Some(snapshot) => Ok(SnapshotId::new(snapshot.snapshot_id())),
        None => Err(TableError::invalid(format!(
            "tag `{name}` is not in the table; `frazil inspect` lists its tags and branches"
        ))
        .into()),
    }
}

/// The snapshot that a state of the table is; `None` if the table has none yet.
pub(crate) fn state(table: &Table, branch: &str, at: &At) -> Result<Option<SnapshotRef>> {
    let lineage = || Lineage::of_branch(table.metadata(), table.metadata_location(), branch);
    Ok(match at {
        At::Latest => lineage()?.head().cloned(),
        At::Snapshot(id) => {
            let snapshot = table.metadata().snapshot_by_id(id.get()).ok_or_else(|| {
                TableError::invalid(format!(
                    "snapshot `{id}` is not in the table: it has expired or never was; `frazil inspect` lists the others"
                ))
            })?;
            Some(snapshot.clone())
        }
        At::Timestamp(time_ms) => {
            let lineage = lineage()?;
            match lineage.last_at_or_before(*time_ms) {
                Some(index) => lineage.snapshots().get(index).cloned(),
                None if lineage.snapshots().is_empty() => None,
                None => {
                    return Err(TableError::invalid(
                        "the branch has no snapshot as old as that time; `frazil inspect` lists those it has",
                    )
                    .into());
                }
            }
        }
        At::Tag(name) => table.metadata().snapshot_by_id(tag(table, name)?.get()).cloned(),
    })
}

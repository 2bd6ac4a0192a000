//! Which snapshots of a branch follow each other. Nothing is guessed over a gap.
//!
//! Source: Iceberg spec, "Snapshots" (`parent-snapshot-id`); `docs/semantics.md`, "Lineage".

use std::collections::{HashMap, HashSet};

use iceberg::spec::{SnapshotRef, TableMetadata};

use crate::ids::SnapshotId;
use crate::{Result, TableError};

/// The ancestors of a branch's head that the metadata still has, oldest first, without a gap.
/// Snapshots that were staged and never published, and those of other branches, are not among them.
#[derive(Debug, Clone)]
pub struct Lineage {
    snapshots: Vec<SnapshotRef>,
    index: HashMap<SnapshotId, usize>,
    watermarks_ms: Vec<i64>,
}

impl Lineage {
    /// The lineage of `branch`; empty if the branch has no snapshot yet.
    ///
    /// # Errors
    /// [`TableError::InvalidRequest`] if there is no such branch;
    /// [`TableError::Corrupt`] if the parents form a circle.
    pub fn of_branch(metadata: &TableMetadata, metadata_location: &str, branch: &str) -> Result<Self> {
        let head = match metadata.snapshot_for_ref(branch) {
            Some(head) => Some(head),
            // Tables written before branches existed have a current snapshot and no refs.
            None if branch == crate::MAIN_BRANCH => metadata.current_snapshot(),
            None => {
                return Err(TableError::invalid(format!(
                    "branch `{branch}` is not in the table; `main` is the default, `frazil inspect` lists the others"
                )));
            }
        };
        match head {
            None => Ok(Self { snapshots: Vec::new(), index: HashMap::new(), watermarks_ms: Vec::new() }),
            Some(head) => Self::of_head(metadata, metadata_location, head),
        }
    }

    /// The lineage that ends in `head`.
    ///
    /// # Errors
    /// [`TableError::Corrupt`] if the parents form a circle.
    pub fn of_head(metadata: &TableMetadata, metadata_location: &str, head: &SnapshotRef) -> Result<Self> {
        let mut snapshots = Vec::new();
        let mut next = Some(head);
        while let Some(snapshot) = next {
            if snapshots.len() > metadata.snapshots().len() {
                return Err(TableError::corrupt(metadata_location, "the parents of its snapshots form a circle"));
            }
            snapshots.push(snapshot.clone());
            next = snapshot.parent_snapshot_id().and_then(|parent| metadata.snapshot_by_id(parent));
        }
        snapshots.reverse();
        let index = snapshots.iter().enumerate().map(|(i, s)| (SnapshotId::new(s.snapshot_id()), i)).collect();
        // Commit times may go back a little between writers; a watermark may not.
        let watermarks_ms = snapshots
            .iter()
            .scan(i64::MIN, |max, snapshot| {
                *max = (*max).max(snapshot.timestamp_ms());
                Some(*max)
            })
            .collect();
        Ok(Self { snapshots, index, watermarks_ms })
    }

    /// The snapshots, oldest first.
    pub fn snapshots(&self) -> &[SnapshotRef] {
        &self.snapshots
    }

    /// The branch's newest snapshot; `None` if it has none.
    pub fn head(&self) -> Option<&SnapshotRef> {
        self.snapshots.last()
    }

    /// Where a snapshot stands in [`Lineage::snapshots`]; `None` if it is no ancestor of the head.
    pub fn index_of(&self, id: SnapshotId) -> Option<usize> {
        self.index.get(&id).copied()
    }

    /// The oldest snapshot has a parent that the metadata no longer has: what it changed cannot be known.
    pub fn starts_with_gap(&self) -> bool {
        self.snapshots.first().is_some_and(|oldest| oldest.parent_snapshot_id().is_some())
    }

    /// Snapshot watermark: all commits up to this time (milliseconds since the epoch) are ancestors of the
    /// snapshot at `index` or the snapshot itself. `None` if there is no such index.
    pub fn watermark_ms(&self, index: usize) -> Option<i64> {
        self.watermarks_ms.get(index).copied()
    }

    /// Index of the first snapshot whose watermark is at or after `time_ms`.
    pub fn first_at_or_after(&self, time_ms: i64) -> Option<usize> {
        let index = self.watermarks_ms.partition_point(|watermark| *watermark < time_ms);
        (index < self.snapshots.len()).then_some(index)
    }

    /// Index of the last snapshot whose watermark is at or before `time_ms`.
    pub fn last_at_or_before(&self, time_ms: i64) -> Option<usize> {
        self.watermarks_ms.partition_point(|watermark| *watermark <= time_ms).checked_sub(1)
    }

    /// Index of a snapshot that a consumer has reached or wants to start from.
    ///
    /// # Errors
    /// [`TableError::SnapshotExpired`] if the metadata no longer has it (or never had);
    /// [`TableError::LineageBroken`] if it is there and no ancestor of the head: the branch was rolled back
    /// or moved to another line.
    pub fn locate(&self, metadata: &TableMetadata, metadata_location: &str, id: SnapshotId) -> Result<usize> {
        if let Some(index) = self.index_of(id) {
            return Ok(index);
        }
        let (Some(oldest), Some(head)) = (self.snapshots.first(), self.head()) else {
            return Err(TableError::invalid(format!("snapshot `{id}` is not in the table: the branch has none")));
        };
        match metadata.snapshot_by_id(id.get()) {
            None => Err(TableError::SnapshotExpired { consumed: id, oldest: SnapshotId::new(oldest.snapshot_id()) }),
            Some(elsewhere) => {
                let other = Self::of_head(metadata, metadata_location, elsewhere)?;
                let ours: HashSet<_> = self.index.keys().collect();
                let common_ancestor =
                    other.snapshots.iter().rev().map(|s| SnapshotId::new(s.snapshot_id())).find(|id| ours.contains(id));
                Err(TableError::LineageBroken {
                    consumed: id,
                    common_ancestor,
                    head: SnapshotId::new(head.snapshot_id()),
                })
            }
        }
    }
}

/// Checks that a position taken earlier belongs to this very table.
///
/// # Errors
/// [`TableError::TableReplaced`] if the table was dropped and made again.
pub fn check_table_uuid(metadata: &TableMetadata, expected: uuid::Uuid) -> Result<()> {
    if metadata.uuid() == expected {
        return Ok(());
    }
    Err(TableError::TableReplaced { expected: expected.to_string(), found: metadata.uuid().to_string() })
}

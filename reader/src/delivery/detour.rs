//! Changes that are not from one snapshot to the next: back to a parent, or over a gap.

use frazil_table::changes::{RowChanges, row_changes, snapshot_changes};
use iceberg::spec::SnapshotRef;

use super::{Changes, Demand, Reading, is_replace};
use crate::Result;
use crate::net::Fold;
use crate::options::OnReplaceMismatch;
use crate::range::{Detour, Step};
use crate::resolution::Unchanged;
use crate::split::resolved;

impl Reading {
    /// Opens what is wanted of what a detour delivers.
    pub(crate) async fn detour(&self, step: &Step, demand: Demand<'_>) -> Result<Changes> {
        let rows = match (step.detour, &step.parent) {
            (Some(Detour::Leap), Some(before)) => self.difference(before, &step.snapshot).await?,
            (Some(Detour::Undo), Some(undone)) => match self.inverse(undone, &step.snapshot).await? {
                Some(rows) => rows,
                None => return Ok(Changes::default()),
            },
            // What is left out, and full scans, which are none of this.
            _ => return Ok(Changes::default()),
        };
        let set = self.resolve(step, rows, demand, Unchanged::Cancel).await?;
        Ok(self.wanted_of(resolved(set, self.filter.as_ref()), demand))
    }

    /// By what the rows of two snapshots differ, however far they are apart.
    async fn difference(&self, before: &SnapshotRef, now: &SnapshotRef) -> Result<RowChanges> {
        let (before, now) = (self.all_rows(before).await?, self.all_rows(now).await?);
        let mut fold = Fold::default();
        // What both have is gone from both sides before it is read.
        fold.push(&RowChanges { removed: before.added, added: Vec::new() });
        fold.push(&RowChanges { removed: Vec::new(), added: now.added });
        Ok(fold.finish())
    }

    async fn all_rows(&self, snapshot: &SnapshotRef) -> Result<RowChanges> {
        let files = snapshot_changes(&self.table, snapshot, None).await?;
        Ok(row_changes(&self.table, snapshot, None, &files, self.key_set_limit()).await?)
    }

    /// What takes back the changes that `undone` made to `parent`; `None` if none of them was delivered.
    async fn inverse(&self, undone: &SnapshotRef, parent: &SnapshotRef) -> Result<Option<RowChanges>> {
        let forward = Step {
            snapshot: undone.clone(),
            parent: Some(parent.clone()),
            is_full: false,
            watermark_ms: i64::MIN,
            detour: None,
            backlog: None,
        };
        let Some(files) = self.changed_files(&forward).await? else { return Ok(None) };
        if is_replace(&forward) && self.options.on_replace_mismatch == OnReplaceMismatch::Ignore {
            return Ok(None);
        }
        let rows = self.row_changes(&forward, &files).await?;
        let mut fold = Fold::default();
        fold.push(&RowChanges { removed: rows.added, added: rows.removed });
        Ok(Some(fold.finish()))
    }
}

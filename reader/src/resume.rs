//! Which snapshots come after what has been delivered, and what comes in place of those that are gone. Pure.
//!
//! Source: `docs/semantics.md`, "Expired positions" and "Rolled back branches".

use frazil_table::lineage::Lineage;
use frazil_table::{SnapshotId, Table, TableError};
use iceberg::spec::SnapshotRef;

use crate::Result;
use crate::options::{Mode, OnExpired, OnRollback, ReadOptions, To};
use crate::position::Base;
use crate::range::{Detour, Step, end_index, expired_parent, step};

/// What has been delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Consumed {
    pub(crate) base: Base,
    /// Snapshot after the base of which some has been delivered.
    pub(crate) started: Option<SnapshotId>,
}

impl Consumed {
    pub(crate) fn at(base: Base) -> Self {
        Self { base, started: None }
    }

    fn snapshot_id(&self) -> Option<SnapshotId> {
        match self.base {
            Base::Empty => None,
            Base::Complete(mark) | Base::InitialScan(mark) => Some(mark.snapshot_id),
        }
    }
}

/// What `table` has after what was consumed, up to `to`.
///
/// # Errors
/// [`TableError::SnapshotExpired`] and [`TableError::LineageBroken`] as the policies of the options say, or where they
/// cannot be followed; [`TableError::InvalidRequest`] for a policy that the mode has no use for.
pub(crate) fn steps_after(
    table: &Table,
    lineage: &Lineage,
    consumed: Consumed,
    to: &To,
    options: &ReadOptions,
) -> Result<Vec<Step>> {
    if let (true, Some(id)) = (lineage.snapshots().is_empty(), consumed.snapshot_id()) {
        lineage.locate(table.metadata(), table.metadata_location(), id)?;
    }
    let Some(end) = end_index(table, lineage, to)? else { return Ok(Vec::new()) };
    let view = View { table, lineage, consumed, end, options };
    match view.straight_on() {
        Err(error) => view.around(error),
        steps => Ok(steps?),
    }
}

struct View<'a> {
    table: &'a Table,
    lineage: &'a Lineage,
    consumed: Consumed,
    /// Index of the last snapshot to deliver.
    end: usize,
    options: &'a ReadOptions,
}

impl View<'_> {
    /// From one snapshot to the next, if all of them are there.
    fn straight_on(&self) -> std::result::Result<Vec<Step>, TableError> {
        let lineage = self.lineage;
        let (first, is_full) = match self.consumed.base {
            Base::Empty if lineage.starts_with_gap() => {
                let oldest = lineage.snapshots().first().map_or(0, |oldest| oldest.snapshot_id());
                return Err(expired_parent(lineage, SnapshotId::new(oldest)));
            }
            Base::Empty => (0, false),
            Base::Complete(mark) => (self.locate(mark.snapshot_id)? + 1, false),
            Base::InitialScan(mark) => (self.locate(mark.snapshot_id)?, true),
        };
        if let (Some(started), false) = (self.consumed.started, is_full)
            && lineage.snapshots().get(first).map(|next| SnapshotId::new(next.snapshot_id())) != Some(started)
        {
            // A part of it was delivered, and it is not the next one any more.
            return match self.locate(started) {
                Err(error) => Err(error),
                Ok(_) => Err(TableError::SnapshotExpired { consumed: started, oldest: self.oldest()? }),
            };
        }
        let mut steps: Vec<Step> = self.after(first.checked_sub(1));
        if let (Some(scan), true) = (steps.first_mut(), is_full) {
            (scan.is_full, scan.parent) = (true, None);
        } else if is_full {
            // A scan that has begun is brought to its end, whatever the end of the stream is.
            steps.extend(step(lineage, first, true));
        }
        Ok(steps)
    }

    fn locate(&self, id: SnapshotId) -> std::result::Result<usize, TableError> {
        self.lineage.locate(self.table.metadata(), self.table.metadata_location(), id)
    }

    fn oldest(&self) -> std::result::Result<SnapshotId, TableError> {
        let oldest = self.lineage.snapshots().first().ok_or_else(|| internal("a lineage without snapshots"))?;
        Ok(SnapshotId::new(oldest.snapshot_id()))
    }

    /// The snapshots after the one at `index`, one by one.
    fn after(&self, index: Option<usize>) -> Vec<Step> {
        let first = index.map_or(0, |index| index + 1);
        (first..=self.end).filter_map(|index| step(self.lineage, index, false)).collect()
    }

    /// In place of what is gone, what the policy says.
    fn around(&self, error: TableError) -> Result<Vec<Step>> {
        match error {
            TableError::SnapshotExpired { .. } => self.around_gap(error),
            // Neither is an ancestor of the other as far as can be seen: the links between them are gone.
            TableError::LineageBroken { consumed, common_ancestor: None, .. } if self.lineage.starts_with_gap() => {
                self.around_gap(TableError::SnapshotExpired { consumed, oldest: self.oldest()? })
            }
            TableError::LineageBroken { common_ancestor, .. } => self.around_rollback(error, common_ancestor),
            other => Err(other.into()),
        }
    }

    fn around_gap(&self, error: TableError) -> Result<Vec<Step>> {
        let consumed = self.consumed.snapshot_id();
        match self.options.on_expired {
            OnExpired::Fail => Err(error.into()),
            OnExpired::Rescan => self.restart(),
            OnExpired::Skip => {
                self.only_for(&[Mode::Changelog, Mode::Upsert, Mode::Append], "--on-expired skip")?;
                let mut oldest = step(self.lineage, 0, false).ok_or_else(|| internal("a lineage without snapshots"))?;
                oldest.detour = Some(Detour::Skip { consumed });
                Ok(std::iter::once(oldest).chain(self.after(Some(0))).collect())
            }
            OnExpired::Diff => {
                self.only_for(&[Mode::Changelog], "--on-expired diff")?;
                let (mut steps, last) = self.finish_started(error)?;
                let mut leap = step(self.lineage, 0, false).ok_or_else(|| internal("a lineage without snapshots"))?;
                (leap.parent, leap.detour) = (Some(last), Some(Detour::Leap));
                steps.push(leap);
                steps.extend(self.after(Some(0)));
                Ok(steps)
            }
        }
    }

    fn around_rollback(&self, error: TableError, common_ancestor: Option<SnapshotId>) -> Result<Vec<Step>> {
        match (self.options.on_rollback, common_ancestor) {
            (OnRollback::Rescan, _) => self.restart(),
            (OnRollback::Compensate, Some(ancestor)) => {
                self.only_for(&[Mode::Changelog], "--on-rollback compensate")?;
                let (mut steps, last) = self.finish_started(error)?;
                let line = Lineage::of_head(self.table.metadata(), self.table.metadata_location(), &last)?;
                let from = line.index_of(ancestor).ok_or_else(|| internal("an ancestor that is none"))?;
                for pair in line.snapshots().get(from..).unwrap_or_default().windows(2).rev() {
                    let [parent, undone] = pair else { continue };
                    steps.push(Step {
                        snapshot: parent.clone(),
                        parent: Some(undone.clone()),
                        is_full: false,
                        // What was said stays said.
                        watermark_ms: i64::MIN,
                        detour: Some(Detour::Undo),
                        backlog: None,
                    });
                }
                steps.extend(self.after(Some(self.locate(ancestor)?)));
                Ok(steps)
            }
            (OnRollback::Fail | OnRollback::Compensate, _) => Err(error.into()),
        }
    }

    /// The rest of the snapshot of which a part was delivered, and the snapshot whose rows have been delivered then.
    /// `error` is that of a position whose snapshots cannot be read any more.
    fn finish_started(&self, error: TableError) -> Result<(Vec<Step>, SnapshotRef)> {
        let there = |id: SnapshotId| self.table.metadata().snapshot_by_id(id.get()).cloned();
        let (Some(base), started) = (self.consumed.snapshot_id().and_then(there), self.consumed.started) else {
            return Err(error.into());
        };
        let rest = |snapshot: &SnapshotRef, parent: Option<SnapshotRef>| Step {
            snapshot: snapshot.clone(),
            is_full: parent.is_none(),
            parent,
            watermark_ms: i64::MIN,
            detour: None,
            backlog: None,
        };
        match (self.consumed.base, started) {
            (Base::Empty, _) => Err(error.into()),
            (Base::InitialScan(_), _) => Ok((vec![rest(&base, None)], base)),
            (Base::Complete(_), None) => Ok((Vec::new(), base)),
            (Base::Complete(mark), Some(id)) => {
                // What goes back or leaps is begun anew by the same policy, and goes on from its place.
                let is_back = base.parent_snapshot_id() == Some(id.get());
                let is_leap = self.lineage.index_of(id) == Some(0);
                match there(id) {
                    _ if is_back || is_leap => Ok((Vec::new(), base)),
                    Some(next) if next.parent_snapshot_id() == Some(mark.snapshot_id.get()) => {
                        Ok((vec![rest(&next, Some(base))], next))
                    }
                    _ => Err(error.into()),
                }
            }
        }
    }

    /// All rows of the last snapshot.
    fn restart(&self) -> Result<Vec<Step>> {
        let mut scan = step(self.lineage, self.end, true).ok_or_else(|| internal("a lineage without snapshots"))?;
        scan.detour = Some(Detour::Restart { consumed: self.consumed.snapshot_id() });
        Ok(vec![scan])
    }

    fn only_for(&self, modes: &[Mode], policy: &str) -> Result<()> {
        if modes.contains(&self.options.mode) {
            return Ok(());
        }
        let remedy = "it is for --mode changelog; start again with --from full, or choose rescan";
        Err(TableError::invalid(format!("policy `{policy}` is of no use in this mode: {remedy}")).into())
    }
}

fn internal(detail: &str) -> TableError {
    TableError::Internal { detail: detail.to_owned() }
}

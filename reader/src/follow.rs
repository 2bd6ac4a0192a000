//! Which snapshots come next of a table that grows while it is read. Pure.

use frazil_table::lineage::Lineage;
use frazil_table::{SnapshotId, Table, TableError};
use iceberg::spec::SnapshotRef;

use crate::Result;
use crate::error::ReadError;
use crate::options::{From, ReadOptions, To};
use crate::position::{Base, SnapshotMark};
use crate::range::{Step, steps, tag};
use crate::resume::{Consumed, steps_after};

/// How far a stream has been planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Planned {
    /// Nothing yet: the table has no snapshot to start with. The start is looked for again.
    Start(From),
    /// What comes after this.
    After(Consumed),
}

/// What comes next.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Snapshots to deliver, in order.
    pub(crate) steps: Vec<Step>,
    /// What has been delivered before them; `None` if that is not known before the first of them is there.
    pub(crate) before: Option<Base>,
    /// Where to go on after them.
    pub(crate) planned: Planned,
    /// The end that was asked for is among them or behind them: nothing comes after.
    pub(crate) is_finished: bool,
}

/// What `table` has after what was planned, up to the end that the options name.
///
/// # Errors
/// As for [`steps`] and [`steps_after`].
pub(crate) fn plan(table: &Table, lineage: &Lineage, planned: &Planned, options: &ReadOptions) -> Result<Plan> {
    let (end, is_finished) = end(lineage, &options.to);
    plan_to(table, lineage, planned, (&end, is_finished), options)
}

/// As [`plan`], for an end that must be there.
///
/// # Errors
/// As for [`plan`].
pub(crate) fn plan_range(table: &Table, lineage: &Lineage, planned: &Planned, options: &ReadOptions) -> Result<Plan> {
    plan_to(table, lineage, planned, (&options.to, true), options)
}

fn plan_to(
    table: &Table,
    lineage: &Lineage,
    planned: &Planned,
    (end, is_finished): (&To, bool),
    options: &ReadOptions,
) -> Result<Plan> {
    let (steps, before) = match planned {
        Planned::Start(from) => {
            let steps = match (steps(table, lineage, from, end), from) {
                // Whoever names a snapshot goes on after it, as with a position.
                (Err(error), From::SnapshotExclusive(id)) if is_break(&error) => {
                    let mark = SnapshotMark { snapshot_id: *id, sequence_number: 0, timestamp_ms: 0 };
                    steps_after(table, lineage, Consumed::at(Base::Complete(mark)), end, options)?
                }
                (steps, _) => steps?,
            };
            let before = before(table, lineage, from, steps.first());
            (steps, before)
        }
        Planned::After(consumed) => (steps_after(table, lineage, *consumed, end, options)?, Some(consumed.base)),
    };
    let planned = match (steps.last(), planned, before) {
        (Some(last), ..) => Planned::After(Consumed::at(Base::Complete(mark(&last.snapshot)))),
        (None, Planned::After(consumed), _) => Planned::After(*consumed),
        // What comes after nothing is everything.
        (None, Planned::Start(_), Some(Base::Empty)) => Planned::Start(From::Earliest),
        (None, Planned::Start(_), Some(base)) => Planned::After(Consumed::at(base)),
        (None, Planned::Start(from), None) => Planned::Start(from.clone()),
    };
    Ok(Plan { steps, before, planned, is_finished })
}

/// What whoever starts there has seen already.
fn before(table: &Table, lineage: &Lineage, from: &From, first: Option<&Step>) -> Option<Base> {
    if let Some(first) = first {
        return Some(match &first.parent {
            _ if first.is_full => Base::InitialScan(mark(&first.snapshot)),
            Some(parent) => Base::Complete(mark(parent)),
            None => Base::Empty,
        });
    }
    let there = |id: SnapshotId| Some(Base::Complete(mark(table.metadata().snapshot_by_id(id.get())?)));
    match (from, lineage.head()) {
        (From::SnapshotExclusive(id), _) => there(*id),
        (From::Tag(name), _) => there(tag(table, name).ok()?),
        (From::Latest, Some(head)) => Some(Base::Complete(mark(head))),
        (From::Latest | From::Earliest, None) => Some(Base::Empty),
        _ => None,
    }
}

fn is_break(error: &ReadError) -> bool {
    matches!(error, ReadError::Table(TableError::SnapshotExpired { .. } | TableError::LineageBroken { .. }))
}

pub(crate) fn mark(snapshot: &SnapshotRef) -> SnapshotMark {
    SnapshotMark {
        snapshot_id: SnapshotId::new(snapshot.snapshot_id()),
        sequence_number: snapshot.sequence_number(),
        timestamp_ms: snapshot.timestamp_ms(),
    }
}

/// The end as far as the lineage has it, and whether it is there: nothing that is committed later can be before it.
fn end(lineage: &Lineage, to: &To) -> (To, bool) {
    match to {
        To::Latest => (To::Latest, false),
        To::Snapshot(id) if lineage.index_of(*id).is_some() => (to.clone(), true),
        // It may be committed or published later.
        To::Snapshot(_) => (To::Latest, false),
        To::Timestamp(time_ms) => {
            let is_passed =
                lineage.last_at_or_before(*time_ms).map_or(0, |index| index + 1) < lineage.snapshots().len();
            (to.clone(), is_passed)
        }
    }
}

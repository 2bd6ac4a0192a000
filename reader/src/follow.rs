//! Which snapshots come next of a table that grows while it is read. Pure.

use frazil_table::lineage::Lineage;
use frazil_table::{SnapshotId, Table};

use crate::Result;
use crate::options::{From, To};
use crate::range::{Step, steps};

/// How far a stream has been planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Position {
    /// Nothing yet: the table has no snapshot to start with. The start is looked for again.
    Start(From),
    /// Everything up to this snapshot, inclusive.
    After(SnapshotId),
}

/// What comes next.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Snapshots to deliver, in order.
    pub(crate) steps: Vec<Step>,
    /// Where to go on after them.
    pub(crate) position: Position,
    /// The end that was asked for is among them or behind them: nothing comes after.
    pub(crate) is_finished: bool,
}

/// What `table` has after `position`, up to `to`; [`To::Latest`] is no end at all.
///
/// # Errors
/// [`TableError::SnapshotExpired`](frazil_table::TableError::SnapshotExpired) or
/// [`TableError::LineageBroken`](frazil_table::TableError::LineageBroken) if the position is not on the branch any
/// more.
pub(crate) fn plan(table: &Table, lineage: &Lineage, position: &Position, to: &To) -> Result<Plan> {
    let (end, is_finished) = end(lineage, to);
    let from = match position {
        Position::Start(from) => from.clone(),
        Position::After(id) => From::SnapshotExclusive(*id),
    };
    let steps = steps(table, lineage, &from, &end)?;
    let position = match (steps.last(), lineage.head(), &from) {
        (Some(last), ..) => Position::After(SnapshotId::new(last.snapshot.snapshot_id())),
        (None, Some(head), From::Latest | From::SnapshotExclusive(_) | From::Tag(_)) => {
            Position::After(SnapshotId::new(head.snapshot_id()))
        }
        // What comes after nothing is everything.
        (None, None, From::Latest) => Position::Start(From::Earliest),
        (None, ..) => Position::Start(from),
    };
    Ok(Plan { steps, position, is_finished })
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

//! Lanes that are further than the others of their stream: what they have got is not delivered to them again.

use std::ops::Range;

use frazil_table::{SnapshotId, TableError};

use super::Done;
use crate::Result;
use crate::position::{Base, CursorPlace, Part, PositionError, Stand};
use crate::range::{Detour, Step};

/// Parts of a position that stood at other places than the oldest, with which the stream goes on. In the order of
/// their lanes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ahead(Vec<Part>);

impl Ahead {
    /// Those parts of a position that are further than `oldest`.
    pub(crate) fn of(parts: impl Iterator<Item = Part>, oldest: &Stand) -> Self {
        Self(parts.filter(|part| part.at.progress() > oldest.progress()).collect())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The parts where the stream has got to `current`: lanes that it has overtaken stand there, too.
    pub(crate) fn parts(&self, lanes: &Range<u16>, current: &Stand) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut next = lanes.start;
        let push = |parts: &mut Vec<Part>, lanes: Range<u16>, at: &Stand| {
            if !lanes.is_empty() {
                parts.push(Part { lanes, at: at.clone() });
            }
        };
        for part in self.0.iter().filter(|part| part.at.progress() > current.progress()) {
            push(&mut parts, next..part.lanes.start, current);
            push(&mut parts, part.lanes.clone(), &part.at);
            next = part.lanes.end;
        }
        push(&mut parts, next..lanes.end, current);
        parts
    }

    /// What has been handled of the snapshot with an ordinal, in lanes that have something of it.
    pub(crate) fn of_snapshot(&self, ordinal: u64) -> Vec<(Range<u16>, Done)> {
        let done = |at: &Stand| match at.cursor {
            _ if at.ordinal > ordinal => Some(Done::All),
            Some(cursor) if at.ordinal == ordinal => match cursor.place {
                CursorPlace::Row(place) => Some(Done::UpTo(place)),
                CursorPlace::Begun { .. } => None,
            },
            _ => None,
        };
        self.0.iter().filter_map(|part| Some((part.lanes.clone(), done(&part.at)?))).collect()
    }

    /// The parts are of the stream that these steps come next of, as far as they tell: `base` is what has been delivered
    /// before them, and the first of them has `ordinal`.
    ///
    /// # Errors
    /// [`PositionError::Parts`] if they are not.
    pub(crate) fn check(&self, ordinal: u64, base: Option<Base>, steps: &[Step]) -> Result<()> {
        for Part { at, .. } in &self.0 {
            let Some(n_steps) = at.ordinal.checked_sub(ordinal) else { continue };
            let last = n_steps.checked_sub(1).map(usize::try_from);
            let (is_same, next) = match last {
                None => (base.and_then(Base::snapshot_id) == at.base.snapshot_id(), steps.first()),
                Some(Ok(last)) => match steps.get(last) {
                    Some(step) => (at.base.snapshot_id() == Some(id_of(step)), steps.get(last + 1)),
                    None => continue,
                },
                Some(Err(_)) => continue,
            };
            let goes_on = match (at.cursor, next) {
                (Some(cursor), Some(next)) => cursor.snapshot_id == id_of(next),
                _ => true,
            };
            if !is_same || !goes_on {
                return Err(PositionError::Parts("they are of streams that began elsewhere").into());
            }
        }
        Ok(())
    }

    /// A way around what is gone is the same for all lanes, or none is found.
    ///
    /// # Errors
    /// [`TableError::InvalidRequest`] if lanes are at different snapshots.
    pub(crate) fn check_detour(&self, ordinal: u64, detour: Detour) -> Result<()> {
        if matches!(detour, Detour::Restart { .. }) || self.0.iter().all(|part| part.at.ordinal <= ordinal) {
            return Ok(());
        }
        Err(TableError::invalid(
            "lanes of the position are at different snapshots, and one of these is gone: read each part of the position \
             for itself, or start again with --on-expired rescan or --on-rollback rescan",
        )
        .into())
    }
}

fn id_of(step: &Step) -> SnapshotId {
    SnapshotId::new(step.snapshot.snapshot_id())
}

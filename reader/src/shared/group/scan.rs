//! The events of a shared scan, and the places between snapshots that they lead past. Pure.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Boundary, PathStep};
use crate::shared::needs::{Needs, Union};

/// Where the reader of a scan stands after an event that ended a snapshot.
#[derive(Debug, Clone)]
pub(crate) struct After {
    pub(crate) boundary: Boundary,
    /// How the scan counts the next snapshot.
    pub(crate) ordinal: u64,
    /// Snapshots that it has planned.
    pub(crate) n_planned: usize,
}

/// A place between two snapshots of the scan.
#[derive(Debug)]
struct Mark {
    boundary: Boundary,
    ordinal: u64,
    /// Number of the step that follows.
    step: u64,
}

#[derive(Debug)]
struct Entry<E> {
    event: Arc<E>,
    n_bytes: u64,
    /// Where the scan stands after it, if that is between two snapshots.
    after: Option<Mark>,
    columns: Arc<Union>,
}

/// Events that may still be taken, and what comes after them. Events are numbered from 0 on.
#[derive(Debug)]
pub(super) struct Scan<E> {
    entries: VecDeque<Entry<E>>,
    /// Number of the first entry.
    first: u64,
    /// Where the scan stood before the first entry, if that is between two snapshots.
    before: Option<Mark>,
    n_bytes: u64,
    /// Those from `before` on: begun, and planned.
    steps: VecDeque<PathStep>,
    /// Number of the first of them.
    first_step: u64,
    /// What is read.
    columns: Arc<Union>,
    /// Something may have been read of the snapshot after the last entry.
    has_begun: bool,
}

impl<E> Scan<E> {
    pub(super) fn new(boundary: Boundary, ordinal: u64) -> Self {
        Self {
            entries: VecDeque::new(),
            first: 0,
            before: Some(Mark { boundary, ordinal, step: 0 }),
            n_bytes: 0,
            steps: VecDeque::new(),
            first_step: 0,
            columns: Arc::new(Union::of(std::iter::empty())),
            has_begun: false,
        }
    }

    /// Number of the first event that is there.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// Number of the event that is read next.
    pub(super) fn end(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    pub(super) fn n_bytes(&self) -> u64 {
        self.n_bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn entry(&self, number: u64) -> Option<&Entry<E>> {
        self.entries.get(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }

    /// The event of a number, and what was read for it.
    pub(super) fn event(&self, number: u64) -> Option<(Arc<E>, Arc<Union>)> {
        self.entry(number).map(|entry| (entry.event.clone(), entry.columns.clone()))
    }

    /// Where the scan stood before the event of this number, if that is between two snapshots.
    fn mark(&self, number: u64) -> Option<&Mark> {
        match number.checked_sub(self.first)? {
            0 => self.before.as_ref(),
            _ => self.entry(number - 1)?.after.as_ref(),
        }
    }

    /// The number of the event with which the scan goes on from a boundary, and how it counts the snapshot that comes
    /// then. `path` is what has to come.
    pub(super) fn place_of(&self, boundary: &Boundary, path: Option<&[PathStep]>) -> Option<(u64, u64)> {
        let (number, mark) = (self.first..=self.end()).rev().find_map(|number| {
            let mark = self.mark(number).filter(|mark| mark.boundary == *boundary)?;
            Some((number, mark))
        })?;
        let n_before = usize::try_from(mark.step.saturating_sub(self.first_step)).ok()?;
        let mut steps = self.steps.iter().skip(n_before);
        let is_on_path = path.is_none_or(|path| path.iter().all(|step| steps.next() == Some(step)));
        is_on_path.then_some((number, mark.ordinal))
    }

    /// All events from this number on have what is needed, up to the next snapshot at least.
    pub(super) fn covers(&self, number: u64, needs: &Needs) -> bool {
        let n_before = usize::try_from(number.saturating_sub(self.first)).unwrap_or(usize::MAX);
        self.entries.iter().skip(n_before).all(|entry| entry.columns.covers(needs))
            && (!self.has_begun || self.columns.covers(needs))
    }

    /// What comes after the last event, as planned.
    pub(super) fn plan(&mut self, path: Vec<PathStep>) {
        let begun = self.mark(self.end()).map(|mark| mark.step.saturating_sub(self.first_step));
        if let Some(n_begun) = begun.and_then(|n| usize::try_from(n).ok()) {
            self.steps.truncate(n_begun);
            self.steps.extend(path);
        }
    }

    /// The scan stands between two snapshots, and no other is planned.
    pub(super) fn is_dry(&self) -> bool {
        !self.has_begun
            && self.mark(self.end()).is_some_and(|mark| mark.step >= self.first_step + self.steps.len() as u64)
    }

    /// The next snapshot is begun.
    pub(super) fn begin(&mut self, columns: Arc<Union>) {
        self.columns = columns;
        self.has_begun = true;
    }

    pub(super) fn push(&mut self, event: E, n_bytes: u64, after: Option<After>) {
        let n_steps = self.first_step + self.steps.len() as u64;
        let after = after.map(|After { boundary, ordinal, n_planned }| Mark {
            boundary,
            ordinal,
            step: n_steps.saturating_sub(n_planned as u64),
        });
        self.has_begun = after.is_none();
        self.n_bytes += n_bytes;
        self.entries.push_back(Entry { event: Arc::new(event), n_bytes, after, columns: self.columns.clone() });
    }

    /// Lets the first event go.
    pub(super) fn pop(&mut self) {
        let Some(entry) = self.entries.pop_front() else { return };
        self.first += 1;
        self.n_bytes -= entry.n_bytes;
        self.before = entry.after;
        if let Some(mark) = &self.before {
            let n_behind = usize::try_from(mark.step.saturating_sub(self.first_step)).unwrap_or(usize::MAX);
            self.steps.drain(..n_behind.min(self.steps.len()));
            self.first_step = mark.step;
        }
    }
}

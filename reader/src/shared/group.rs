//! Who of a group of consumers reads what, who waits for whom, and who goes on alone. Pure.
//!
//! A group is consumers that would read the same snapshots in the same way, save for columns, filters and kinds of
//! changes. Some of them share a scan: it puts events into a ring, out of which each takes them at its own speed. An
//! event is let go when all who share the scan have taken it; later if there is room, and somebody who reads alone could
//! join there.

mod scan;

use std::collections::BTreeMap;
use std::sync::Arc;

use frazil_table::{FieldId, SnapshotId};

pub(crate) use self::scan::After;
use self::scan::Scan;
use super::Sharing;
use super::needs::{Needs, Union, is_worth};
use crate::position::Base;
use crate::range::Detour;

/// A place between two snapshots. Whoever stands there reads the same from there on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Boundary {
    pub(crate) base: Base,
    pub(crate) key: Vec<FieldId>,
    pub(crate) identifier_ids: Vec<FieldId>,
    /// Schema that was told last.
    pub(crate) schema_id: i32,
}

/// From one snapshot to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PathStep {
    pub(crate) snapshot_id: SnapshotId,
    pub(crate) parent_id: Option<SnapshotId>,
    pub(crate) is_full: bool,
    pub(crate) detour: Option<Detour>,
}

/// Tells the consumers of a group apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MemberId(u64);

/// Tells the scans of a group apart, of which there is one at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ScanId(u64);

/// What a consumer does that stands between two snapshots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    /// It reads the next snapshot alone.
    Private,
    /// It takes the events of the scan from here on. The scan counts the next snapshot as `ordinal`.
    Merge { ordinal: u64 },
    /// The same, of a scan that is to be started here, and counts as the consumer does.
    Start(ScanId),
}

/// What a consumer gets.
#[derive(Debug)]
pub(crate) enum Taken<E> {
    /// The next event, and what was read for it.
    Event(Arc<E>, Arc<Union>),
    /// There is none yet.
    Wait,
    /// It reads alone from now on.
    Detached,
}

/// What the reader of a scan does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Reads an event.
    Read,
    /// Waits until somebody takes one, comes or goes.
    Wait,
    /// Ends: nobody shares the scan any more.
    End,
}

#[derive(Debug)]
struct Member {
    needs: Arc<Needs>,
    sharing: Sharing,
    state: State,
}

#[derive(Debug)]
enum State {
    Private {
        /// Where it stands, while it has not begun the next snapshot.
        at: Option<Boundary>,
        /// It would share the scan if it stood where the scan's events begin.
        is_candidate: bool,
    },
    Shared {
        /// Number of the event that it gets next.
        next: u64,
        /// It has asked for something.
        has_asked: bool,
        /// It has asked for the next event.
        is_waiting: bool,
    },
}

impl State {
    const AWAY: Self = Self::Private { at: None, is_candidate: false };

    fn shared(next: u64) -> Self {
        Self::Shared { next, has_asked: false, is_waiting: false }
    }

    fn next(&self) -> Option<u64> {
        match self {
            Self::Shared { next, .. } => Some(*next),
            Self::Private { .. } => None,
        }
    }
}

impl Member {
    /// It would share a scan with these.
    fn agrees_with<'a>(&'a self, others: impl Iterator<Item = &'a Needs> + Clone) -> bool {
        match self.sharing {
            Sharing::Never => false,
            Sharing::Always => true,
            Sharing::Auto => is_worth(others.chain(std::iter::once(&*self.needs))),
        }
    }

    fn is_at(&self, boundary: &Boundary) -> bool {
        matches!(&self.state, State::Private { at: Some(at), .. } if at == boundary)
    }
}

/// The consumers of a group, and the scan that some of them share.
#[derive(Debug)]
pub(crate) struct Group<E> {
    buffer_bytes_max: u64,
    members: BTreeMap<MemberId, Member>,
    n_members_ever: u64,
    scan: Option<(ScanId, Scan<E>)>,
    n_scans_ever: u64,
}

impl<E> Group<E> {
    /// Without consumers. Events that wait to be taken have about so many bytes at most.
    pub(crate) fn new(buffer_bytes_max: u64) -> Self {
        Self { buffer_bytes_max, members: BTreeMap::new(), n_members_ever: 0, scan: None, n_scans_ever: 0 }
    }

    /// A consumer comes, which reads alone at first.
    pub(crate) fn enter(&mut self, needs: Needs, sharing: Sharing) -> MemberId {
        let id = MemberId(self.n_members_ever);
        self.n_members_ever += 1;
        self.members.insert(id, Member { needs: Arc::new(needs), sharing, state: State::AWAY });
        id
    }

    /// A consumer goes.
    pub(crate) fn leave(&mut self, id: MemberId) {
        self.members.remove(&id);
        self.tidy();
    }

    /// A consumer that reads alone begins its next snapshot.
    pub(crate) fn depart(&mut self, id: MemberId) {
        if let Some(Member { state: State::Private { at, .. }, .. }) = self.members.get_mut(&id) {
            *at = None;
        }
    }

    /// A consumer reads alone from where it stands.
    pub(crate) fn detach(&mut self, id: MemberId) {
        if let Some(member) = self.members.get_mut(&id) {
            member.state = State::AWAY;
        }
        self.tidy();
    }

    /// A consumer that reads alone stands between two snapshots, the next of which it counts as `ordinal`. `path` is
    /// what it is going to read, unless that is whatever comes.
    ///
    /// It joins the scan where that stood at the same place, if all events since then are still there and have what it
    /// needs. If only something that it needs is missing, that is read from the next snapshot on, and the consumer can
    /// join there. Without a scan one is started if another consumer stands at the same place.
    pub(crate) fn at_boundary(
        &mut self,
        id: MemberId,
        boundary: &Boundary,
        ordinal: u64,
        path: Option<&[PathStep]>,
    ) -> Decision {
        let Some(member) = self.members.get(&id) else { return Decision::Private };
        let (decision, state) = match &self.scan {
            Some((_, scan)) => {
                let agrees = member.agrees_with(self.sharing().map(|(other, _)| &*other.needs));
                let place = scan.place_of(boundary, path).filter(|(next, _)| scan.covers(*next, &member.needs));
                match place.filter(|_| agrees) {
                    Some((next, ordinal)) => (Decision::Merge { ordinal }, State::shared(next)),
                    None => (Decision::Private, State::Private { at: Some(boundary.clone()), is_candidate: agrees }),
                }
            }
            None => {
                let is_partner = |other: &Member| {
                    other.is_at(boundary)
                        && member.agrees_with(std::iter::once(&*other.needs))
                        && other.agrees_with(std::iter::once(&*member.needs))
                };
                let partners: Vec<MemberId> = self
                    .members
                    .iter()
                    .filter(|(other, member)| **other != id && is_partner(member))
                    .map(|(id, _)| *id)
                    .collect();
                match partners.is_empty() {
                    true => (Decision::Private, State::Private { at: Some(boundary.clone()), is_candidate: false }),
                    false => (self.start(boundary, ordinal, &partners), State::shared(0)),
                }
            }
        };
        if let Some(member) = self.members.get_mut(&id) {
            member.state = state;
        }
        decision
    }

    fn start(&mut self, boundary: &Boundary, ordinal: u64, partners: &[MemberId]) -> Decision {
        let id = ScanId(self.n_scans_ever);
        self.n_scans_ever += 1;
        self.scan = Some((id, Scan::new(boundary.clone(), ordinal)));
        // They join when they ask for their next event; what they need is read for them.
        for partner in partners {
            if let Some(Member { state: State::Private { is_candidate, .. }, .. }) = self.members.get_mut(partner) {
                *is_candidate = true;
            }
        }
        Decision::Start(id)
    }

    /// The scan that is shared now.
    pub(crate) fn scan_id(&self) -> Option<ScanId> {
        self.scan.as_ref().map(|(id, _)| *id)
    }

    /// How many consumers share the scan.
    pub(crate) fn n_sharing(&self) -> usize {
        self.sharing().count()
    }

    /// Who shares the scan, and the number of the event that it gets next.
    fn sharing(&self) -> impl Iterator<Item = (&Member, u64)> + Clone {
        self.members.values().filter_map(|member| Some((member, member.state.next()?)))
    }

    fn scan_mut(&mut self, id: ScanId) -> Option<&mut Scan<E>> {
        self.scan.as_mut().filter(|(scan_id, _)| *scan_id == id).map(|(_, scan)| scan)
    }

    /// The next event of a consumer that shares the scan.
    pub(crate) fn take(&mut self, id: MemberId) -> Taken<E> {
        let Some(State::Shared { next, has_asked, is_waiting }) =
            self.members.get_mut(&id).map(|member| &mut member.state)
        else {
            return Taken::Detached;
        };
        *has_asked = true;
        match self.scan.as_ref().and_then(|(_, scan)| scan.event(*next)) {
            Some((event, columns)) => Taken::Event(event, columns),
            None => {
                *is_waiting = true;
                Taken::Wait
            }
        }
    }

    /// The consumer has the event that it has taken.
    pub(crate) fn advance(&mut self, id: MemberId) {
        if let Some(Member { state: State::Shared { next, is_waiting, .. }, .. }) = self.members.get_mut(&id) {
            *next += 1;
            *is_waiting = false;
        }
        self.tidy();
    }

    /// Detaches those who have fallen behind by more than the buffer holds, while somebody else waits for the next
    /// event. Returns how many that are.
    pub(crate) fn make_room(&mut self) -> usize {
        let mut n_detached = 0;
        while let Some((_, scan)) = &self.scan {
            let end = scan.end();
            let is_hungry =
                |member: &Member| matches!(member.state, State::Shared { next, is_waiting: true, .. } if next == end);
            if self.has_room() || !self.members.values().any(is_hungry) {
                break;
            }
            let Some(slowest) = self.sharing().map(|(_, next)| next).min().filter(|next| *next < end) else { break };
            for member in self.members.values_mut().filter(|member| member.state.next() == Some(slowest)) {
                member.state = State::AWAY;
                n_detached += 1;
            }
            self.tidy();
        }
        n_detached
    }

    fn has_room(&self) -> bool {
        self.scan.as_ref().is_none_or(|(_, scan)| scan.is_empty() || scan.n_bytes() < self.buffer_bytes_max)
    }

    /// What the reader of a scan does next. It reads one event ahead of whoever is fastest.
    pub(crate) fn action(&self, id: ScanId) -> Action {
        let Some((_, scan)) = self.scan.as_ref().filter(|(scan_id, _)| *scan_id == id) else { return Action::End };
        let end = scan.end();
        let has_all =
            |member: &Member| matches!(member.state, State::Shared { next, has_asked: true, .. } if next == end);
        match self.has_room() && self.members.values().any(has_all) {
            true => Action::Read,
            false => Action::Wait,
        }
    }

    /// What the reader of a scan is going to deliver after what it has delivered.
    pub(crate) fn plan(&mut self, id: ScanId, path: Vec<PathStep>) {
        if let Some(scan) = self.scan_mut(id) {
            scan.plan(path);
        }
    }

    /// The scan stands between two snapshots, and there is none that it could begin.
    pub(crate) fn is_dry(&self) -> bool {
        self.scan.as_ref().is_some_and(|(_, scan)| scan.is_dry())
    }

    /// The scan begins its next snapshot; returns what it reads of it.
    pub(crate) fn begin(&mut self, id: ScanId) -> Option<Arc<Union>> {
        let (_, scan) = self.scan.as_ref().filter(|(scan_id, _)| *scan_id == id)?;
        let is_read_for = |member: &&Member| match &member.state {
            State::Shared { .. } => true,
            State::Private { at: Some(at), is_candidate: true } => scan.place_of(at, None).is_some(),
            State::Private { .. } => false,
        };
        let union = Arc::new(Union::of(self.members.values().filter(is_read_for).map(|member| &*member.needs)));
        self.scan_mut(id)?.begin(union.clone());
        Some(union)
    }

    /// An event was read. `after` says where the scan stands, if that is between two snapshots.
    pub(crate) fn push(&mut self, id: ScanId, event: E, n_bytes: u64, after: Option<After>) {
        if let Some(scan) = self.scan_mut(id) {
            scan.push(event, n_bytes, after);
        }
        self.tidy();
    }

    /// The scan cannot go on: everybody reads alone. Returns how many that are.
    pub(crate) fn fail(&mut self, id: ScanId) -> usize {
        if self.scan_id() != Some(id) {
            return 0;
        }
        let n_detached = self.n_sharing();
        self.members.values_mut().for_each(|member| member.state = State::AWAY);
        self.scan = None;
        n_detached
    }

    /// Lets go what nobody can take any more, and the scan if nobody shares it.
    fn tidy(&mut self) {
        let Some(slowest) = self.sharing().map(|(_, next)| next).min() else {
            self.scan = None;
            return;
        };
        let is_candidate = |member: &Member| matches!(member.state, State::Private { is_candidate: true, .. });
        let is_kept = self.members.values().any(is_candidate);
        let buffer_bytes_max = self.buffer_bytes_max;
        let Some((_, scan)) = &mut self.scan else { return };
        while scan.first() < slowest && (!is_kept || scan.n_bytes() >= buffer_bytes_max) {
            scan.pop();
        }
    }
}

#[cfg(test)]
mod tests;

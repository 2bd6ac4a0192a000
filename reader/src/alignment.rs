//! Who may begin the next snapshot, so that streams which share a table stay close together. Pure: no clock, no tasks.
//!
//! Source: `docs/semantics.md`, "Alignment".

mod group;
mod tables;

use std::collections::BTreeMap;
use std::time::Duration;

pub use self::group::{AlignmentGroup, AlignmentMember};
pub use self::tables::{TableAlignment, TableId};

/// How far a stream may be ahead of the slowest one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlignmentLimits {
    /// Snapshots between the one that it begins and the one that the slowest is at.
    pub max_drift_snapshots: u64,
    /// Time between the watermark of the snapshot that it begins and that of the slowest; zero is lock step: nobody
    /// begins a snapshot before all have delivered the one before.
    pub max_drift: Duration,
}

impl Default for AlignmentLimits {
    /// Enough that the streams of a table with a commit each minute rarely wait, and that nobody who waits for all of
    /// them is held up for long.
    fn default() -> Self {
        Self { max_drift_snapshots: 4, max_drift: Duration::from_secs(60) }
    }
}

/// One of several streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(u64);

/// Streams over lanes of one table, each at a snapshot. Snapshots are counted as the streams count them.
#[derive(Debug)]
pub struct Alignment {
    limits: AlignmentLimits,
    members: BTreeMap<MemberId, Member>,
    next_id: u64,
}

#[derive(Debug, Clone, Copy)]
struct Member {
    /// Ordinal of the snapshot that it is at, or begins next.
    ordinal: u64,
    /// All commits up to this time have been delivered.
    watermark_ms: Option<i64>,
    /// It has delivered all that it knows of, and holds nobody up.
    is_idle: bool,
}

impl Alignment {
    /// Of no streams yet.
    pub fn new(limits: AlignmentLimits) -> Self {
        Self { limits, members: BTreeMap::new(), next_id: 0 }
    }

    /// A stream comes in that begins with the snapshot `ordinal`, everything up to `watermark_ms` being delivered. It
    /// holds up the others from now on, also those that are far ahead.
    pub fn join(&mut self, ordinal: u64, watermark_ms: Option<i64>) -> MemberId {
        let id = MemberId(self.next_id);
        self.next_id += 1;
        self.members.insert(id, Member { ordinal, watermark_ms, is_idle: false });
        id
    }

    /// A stream ends, and holds nobody up any more.
    pub fn leave(&mut self, id: MemberId) {
        self.members.remove(&id);
    }

    /// A stream has delivered all that it knows of.
    pub fn on_idle(&mut self, id: MemberId) {
        if let Some(member) = self.members.get_mut(&id) {
            member.is_idle = true;
        }
    }

    /// A stream would begin the snapshot `ordinal`, whose watermark is `watermark_ms`: whether it may. If not, it asks
    /// again when another stream has left, is idle, or has completed a snapshot.
    pub fn on_begin(&mut self, id: MemberId, ordinal: u64, watermark_ms: i64) -> bool {
        let Some(member) = self.members.get_mut(&id) else { return true };
        (member.ordinal, member.is_idle) = (ordinal, false);
        self.may_begin(ordinal, watermark_ms)
    }

    /// A stream has delivered all of the snapshot `ordinal`.
    pub fn on_complete(&mut self, id: MemberId, ordinal: u64, watermark_ms: i64) {
        if let Some(member) = self.members.get_mut(&id) {
            member.ordinal = ordinal.saturating_add(1);
            member.watermark_ms = member.watermark_ms.max(Some(watermark_ms));
        }
    }

    fn may_begin(&self, ordinal: u64, watermark_ms: i64) -> bool {
        let Some((slowest, behind_ms)) = self.slowest() else { return true };
        // The slowest can always go on, however long there was no commit.
        let Some(n_ahead) = ordinal.checked_sub(slowest).filter(|n_ahead| *n_ahead > 0) else { return true };
        let max_drift_ms = i64::try_from(self.limits.max_drift.as_millis()).unwrap_or(i64::MAX);
        // Where nothing is complete, there is no time to compare with.
        let drift_ms = behind_ms.map_or(0, |behind_ms| watermark_ms.saturating_sub(behind_ms));
        max_drift_ms > 0 && n_ahead <= self.limits.max_drift_snapshots && drift_ms <= max_drift_ms
    }

    /// Ordinal and watermark of the streams that are furthest behind; `None` if none holds up the others.
    fn slowest(&self) -> Option<(u64, Option<i64>)> {
        let active = self.members.values().filter(|member| !member.is_idle);
        active.map(|member| (member.ordinal, member.watermark_ms)).min()
    }
}

#[cfg(test)]
mod tests;

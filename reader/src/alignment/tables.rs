//! Which of several tables may go on, so that what is joined downstream is of about the same time. Pure: the time
//! arrives as an argument.

use std::collections::BTreeMap;
use std::time::Duration;

/// One of several tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableId(u64);

/// Tables whose streams are kept close together by their watermarks, all of one kind: table watermarks or snapshot
/// watermarks, in milliseconds.
#[derive(Debug)]
pub struct TableAlignment {
    max_drift: Duration,
    idle_after: Duration,
    tables: BTreeMap<TableId, TableState>,
    next_id: u64,
}

#[derive(Debug, Clone, Copy)]
struct TableState {
    /// Delivered up to here; `None` if nothing says.
    watermark_ms: Option<i64>,
    /// Commits that are known and not delivered.
    n_pending: u64,
    /// When a commit was heard of last, or the table came in.
    last_commit: Duration,
}

impl TableAlignment {
    /// A table without a commit for `idle_after` holds no other up.
    pub fn new(max_drift: Duration, idle_after: Duration) -> Self {
        Self { max_drift, idle_after, tables: BTreeMap::new(), next_id: 0 }
    }

    /// A table comes in, delivered up to `watermark_ms`.
    pub fn join(&mut self, watermark_ms: Option<i64>, now: Duration) -> TableId {
        let id = TableId(self.next_id);
        self.next_id += 1;
        self.tables.insert(id, TableState { watermark_ms, n_pending: 0, last_commit: now });
        id
    }

    /// A table is read no more.
    pub fn leave(&mut self, id: TableId) {
        self.tables.remove(&id);
    }

    /// A table has a snapshot that is still to be delivered.
    pub fn on_commit(&mut self, id: TableId, now: Duration) {
        if let Some(table) = self.tables.get_mut(&id) {
            table.n_pending = table.n_pending.saturating_add(1);
            table.last_commit = table.last_commit.max(now);
        }
    }

    /// The oldest of them has been delivered. Watermarks never go back; `None` says nothing new.
    pub fn on_delivered(&mut self, id: TableId, watermark_ms: Option<i64>) {
        if let Some(table) = self.tables.get_mut(&id) {
            table.n_pending = table.n_pending.saturating_sub(1);
            table.watermark_ms = table.watermark_ms.max(watermark_ms);
        }
    }

    /// The table may begin a snapshot that brings it to `watermark_ms`: it is the last of those that are not idle, or
    /// not too far ahead of that. If not, it asks again when another has delivered a snapshot, has left, or is idle.
    pub fn may_begin(&self, id: TableId, watermark_ms: i64, now: Duration) -> bool {
        let others = self.tables.iter().filter(|(other, state)| **other != id && !self.is_idle_at(state, now));
        let Some(slowest_ms) = others.map(|(_, state)| state.watermark_ms).min() else { return true };
        let own_ms = self.tables.get(&id).and_then(|table| table.watermark_ms);
        if own_ms <= slowest_ms {
            return true;
        }
        let max_drift_ms = i64::try_from(self.max_drift.as_millis()).unwrap_or(i64::MAX);
        slowest_ms.is_some_and(|slowest_ms| watermark_ms.saturating_sub(slowest_ms) <= max_drift_ms)
    }

    /// Tables that hold no other up since they had no commit for long: joins downstream miss nothing but what is late.
    pub fn idle(&self, now: Duration) -> Vec<TableId> {
        self.tables.iter().filter(|(_, state)| self.is_idle_at(state, now)).map(|(id, _)| *id).collect()
    }

    fn is_idle_at(&self, table: &TableState, now: Duration) -> bool {
        table.n_pending == 0 && now.saturating_sub(table.last_commit) >= self.idle_after
    }
}

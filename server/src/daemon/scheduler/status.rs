//! What the scheduler tells of its state.

use super::{Scheduler, due};
use crate::daemon::policy::group_of;
use crate::daemon::record::RunRecord;

/// What the daemon does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DaemonStatus {
    /// Runs that are under way, then those that wait, about in the order of their turn.
    pub runs: Vec<RunRecord>,
    /// Tables that are compacted by schedule, by name.
    pub tables: Vec<TableStatus>,
    /// No scheduled runs are started at all.
    pub is_paused: bool,
    /// No runs are started at all.
    pub is_draining: bool,
}

/// A table that is compacted by schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableStatus {
    /// Its name.
    pub table: String,
    /// Group whose quota its runs count against.
    pub group: String,
    /// When it is due next, in milliseconds since the epoch; `None` if nothing is planned, or it is paused.
    pub due_at_ms: Option<i64>,
    /// No scheduled runs of it are started.
    pub is_paused: bool,
    /// Runs that failed one after the other.
    pub failures: u32,
    /// Why it is not tried for a while: what its runs failed with. `None` if it is tried.
    pub breaker_reason: Option<String>,
    /// Why it could not be looked at, which of its properties is wrong, or who else has a run of it.
    pub problem: Option<String>,
}

impl Scheduler {
    /// What it does, and knows of each table.
    pub(in crate::daemon) fn status(&self, now_ms: i64) -> DaemonStatus {
        let mut runs: Vec<_> = self.runs.iter().map(|(id, run)| (self.turn(id, run), run)).collect();
        runs.sort_by(|a, b| {
            let key = |started_ms: Option<i64>| (started_ms.is_none(), started_ms);
            key(a.1.started_ms).cmp(&key(b.1.started_ms)).then_with(|| a.0.cmp(&b.0))
        });
        let tables = self.tables.iter().map(|(table, entry)| {
            let is_paused = self.pauses.tables.contains(table);
            let rule = entry.rule.as_ref();
            let due = due::due(entry, now_ms).filter(|_| !is_paused && !self.pauses.is_all && !self.is_draining);
            TableStatus {
                table: table.clone(),
                group: rule.map_or_else(|| group_of(&self.settings, table), |rule| rule.group.as_str()).to_owned(),
                due_at_ms: due.map(|(at_ms, _)| at_ms),
                is_paused,
                failures: entry.failures,
                breaker_reason: entry.breaker_reason.clone(),
                problem: entry.problem.clone(),
            }
        });
        DaemonStatus {
            runs: runs.into_iter().map(|(turn, run)| run.record(turn.run_id)).collect(),
            tables: tables.collect(),
            is_paused: self.pauses.is_all,
            is_draining: self.is_draining,
        }
    }
}

//! What is known of one table that is compacted by schedule.

use std::time::Duration;

use super::{Growth, RunEnd};
use crate::daemon::policy::TableRule;
use crate::daemon::record::{RunRecord, RunState, Trigger};
use crate::daemon::schedule::millis;
use crate::daemon::settings::DaemonSettings;

/// One table.
#[derive(Debug, Default)]
pub(super) struct Entry {
    /// `None` until it has been looked at, and while a property of it is wrong.
    pub(super) rule: Option<TableRule>,
    /// Why it could not be looked at, or what is wrong with it.
    pub(super) problem: Option<String>,
    /// Snapshot that the last run read. What came after it counts.
    pub(super) mark: Option<i64>,
    /// What has come since, and when that was seen; `None` until it has been looked at since the last run.
    pub(super) growth: Option<(Growth, i64)>,
    pub(super) bytes_total: u64,
    /// The schedule counts from here.
    pub(super) anchor_ms: Option<i64>,
    /// When its last run began.
    pub(super) served_ms: Option<i64>,
    /// Runs that failed one after the other.
    pub(super) failures: u32,
    /// Why it is not tried any more for a while.
    pub(super) breaker_reason: Option<String>,
    /// It is not due before this, and then it is.
    pub(super) retry: Option<Retry>,
    /// What said how it is compacted when a run last did all that there was to do.
    pub(super) done_with_options: Option<String>,
    pub(super) looked_ms: Option<i64>,
    pub(super) is_looking: bool,
}

/// A run that is to be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Retry {
    pub(super) at_ms: i64,
    pub(super) trigger: Trigger,
}

/// A run that has ended.
#[derive(Debug)]
pub(super) struct EndedRun<'a> {
    pub(super) trigger: Trigger,
    /// Nothing was asked of it that is not said of the table: with a condition it may have done a part of what there is
    /// to do.
    pub(super) is_whole: bool,
    pub(super) rule_options: Option<&'a str>,
}

/// What the history knows of a table.
#[derive(Debug, Default)]
pub(super) struct Past {
    started_ms: Option<i64>,
    mark: Option<i64>,
    failures: u32,
    /// Of the last run that failed, with its reason and what it was started by.
    failed: Option<(i64, String, Trigger)>,
}

impl Past {
    #[cfg(test)]
    pub(super) fn started_ms(&self) -> Option<i64> {
        self.started_ms
    }

    /// Takes a run that came after those taken before.
    pub(super) fn add(&mut self, record: &RunRecord) {
        let is_whole = record.options.is_empty();
        if is_whole {
            self.started_ms = record.started_at_ms.max(self.started_ms);
        }
        match record.state {
            RunState::Succeeded | RunState::Partial => {
                self.mark = record.work.starting_snapshot_id.filter(|_| is_whole).or(self.mark);
                (self.failures, self.failed) = (0, None);
            }
            RunState::Failed if record.trigger != Trigger::Request => {
                self.failures = self.failures.saturating_add(1);
                let at_ms = record.ended_at_ms.unwrap_or(record.queued_at_ms);
                self.failed = Some((at_ms, record.error.clone(), record.trigger));
            }
            _ => {}
        }
    }
}

impl Entry {
    pub(super) fn new(past: Past, settings: &DaemonSettings) -> Self {
        let Past { started_ms, mark, failures, failed } = past;
        let mut entry = Self { mark, anchor_ms: started_ms, served_ms: started_ms, ..Self::default() };
        if let Some((at_ms, reason, trigger)) = failed {
            entry.failures = failures;
            entry.wait_after_failure(at_ms, reason, trigger, settings);
        }
        entry
    }

    /// Nothing was committed since a run that did everything, and nothing else is said of how it is compacted.
    pub(super) fn has_nothing_new(&self) -> bool {
        let options = self.rule.as_ref().map(|rule| &rule.options);
        self.growth.is_some_and(|(growth, _)| growth.n_commits == 0)
            && self.mark.is_some()
            && self.done_with_options.is_some()
            && self.done_with_options.as_ref() == options
    }

    /// What a run may have to rewrite.
    pub(super) fn bytes_expected(&self) -> u64 {
        match self.growth {
            Some((growth, _)) if self.mark.is_some() => growth.n_bytes.min(self.bytes_total),
            _ => self.bytes_total,
        }
    }

    pub(super) fn ended(&mut self, run: &EndedRun<'_>, end: &RunEnd, now_ms: i64, settings: &DaemonSettings) {
        match end {
            RunEnd::Busy { .. } if run.trigger == Trigger::Request => {}
            RunEnd::Busy { reason } => {
                self.problem = Some(reason.clone());
                self.retry = Some(Retry::new(later(now_ms, settings.retry_pause), run.trigger));
            }
            RunEnd::Ran { state: RunState::Succeeded | RunState::Partial, .. } if !run.is_whole => self.forgive(),
            RunEnd::Ran { state: RunState::Succeeded | RunState::Partial, work, .. } => {
                self.forgive();
                // What it did not do will be planned again by the schedule.
                let is_done = matches!(end, RunEnd::Ran { state: RunState::Succeeded, .. });
                self.done_with_options = run.rule_options.filter(|_| is_done).map(str::to_owned);
                self.mark = work.starting_snapshot_id.or(self.mark);
                (self.growth, self.looked_ms) = (None, None);
            }
            // Options that were asked for may be why it failed, and who asked may have gone away.
            RunEnd::Ran { .. } if run.trigger == Trigger::Request => {}
            RunEnd::Ran { state: RunState::Failed, error, .. } => {
                self.failures = self.failures.saturating_add(1);
                self.wait_after_failure(now_ms, error.clone(), run.trigger, settings);
            }
            RunEnd::Ran { .. } => self.rest(now_ms, settings),
        }
    }

    fn wait_after_failure(&mut self, at_ms: i64, reason: String, trigger: Trigger, settings: &DaemonSettings) {
        let pause = if self.failures >= settings.breaker_failures {
            self.breaker_reason = Some(reason);
            settings.breaker_pause
        } else {
            let doubled = 1_u32.checked_shl(self.failures.saturating_sub(1)).unwrap_or(u32::MAX);
            settings.retry_pause.saturating_mul(doubled).min(settings.retry_pause_max)
        };
        self.retry = Some(Retry::new(later(at_ms, pause), trigger));
    }

    /// A run of it was stopped by a person: it is not started again right away.
    pub(super) fn rest(&mut self, now_ms: i64, settings: &DaemonSettings) {
        self.retry = Some(Retry::new(later(now_ms, settings.retry_pause_max), Trigger::Schedule));
    }

    /// Closes the breaker, and forgets failures.
    pub(super) fn forgive(&mut self) {
        (self.failures, self.breaker_reason, self.retry) = (0, None, None);
    }
}

fn later(now_ms: i64, pause: Duration) -> i64 {
    now_ms.saturating_add(millis(pause))
}

/// Where the schedule of a table counts from that no run is known of: one of the times that are an interval apart, and
/// not the same for all tables, so that those that are seen for the first time together are not due together. It does
/// not depend on when the process began: one that is restarted again and again does not put the first run off.
pub(super) fn first_anchor_ms(table: &str, interval_ms: i64, now_ms: i64) -> i64 {
    // FNV-1a: even enough, and the same in every version of the program.
    let hash = table
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let phase_ms = i64::try_from((hash >> 1) % interval_ms.max(1).unsigned_abs()).unwrap_or(0);
    now_ms.saturating_sub(now_ms.saturating_sub(phase_ms).rem_euclid(interval_ms.max(1)))
}

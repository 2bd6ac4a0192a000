//! Decides which tables are looked at, and which are compacted when. Time and what was seen are given; no I/O happens
//! here.
//!
//! It is told what happened, and [`Scheduler::advance`] says what is to be done. Never are there two runs of one table;
//! never more runs than the settings and the group of a table allow.

mod due;
mod entry;
#[cfg(test)]
mod simulation;
mod status;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use self::entry::{Entry, Past, Retry, first_anchor_ms};
pub use self::status::{DaemonStatus, TableStatus};
use super::fair::Fair;
use super::policy::{TableRule, group_of};
use super::record::{RunRecord, RunState, RunWork, Trigger};
use super::schedule::{Schedule, millis};
use super::settings::DaemonSettings;

/// Tables that are looked at together.
const N_LOOKS_MAX: usize = 8;
/// Runs that may wait because they were asked for.
const N_REQUESTS_MAX: usize = 1_000;

/// What the driver is to do.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Action {
    /// Find out which tables there are, and tell [`Scheduler::listed`].
    List,
    /// Look at a table, and tell [`Scheduler::looked`].
    Look {
        table: String,
        /// Snapshot after which growth is counted.
        since: Option<i64>,
    },
    /// Have a table compacted, and tell [`Scheduler::ended`].
    Start { run_id: String, table: String, options: BTreeMap<String, String> },
    /// Stop a run. It is told of all the same when it has ended.
    Stop { run_id: String },
    /// A run has ended: keep it, and tell those who wait for it.
    Ended {
        record: Box<RunRecord>,
        /// It was not begun, because another process has a run of the table.
        is_busy: bool,
    },
    /// What is paused is to be kept.
    KeepPauses(Pauses),
}

/// What no scheduled runs are started of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Pauses {
    pub(super) is_all: bool,
    pub(super) tables: BTreeSet<String>,
}

/// What a look at a table found.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Seen {
    /// What the table's properties say, or which is wrong.
    pub(super) rule: Result<TableRule, String>,
    /// What has come since the snapshot that the look was told.
    pub(super) growth: Growth,
    /// Size of its files.
    pub(super) bytes_total: u64,
}

/// What writers have added, without what compactions did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Growth {
    pub(super) n_commits: u64,
    pub(super) n_files: u64,
    pub(super) n_bytes: u64,
    pub(super) n_deletes: u64,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum RunEnd {
    /// It was not begun, because another process has a run of the table.
    Busy { reason: String },
    /// It ran.
    Ran { state: RunState, work: RunWork, error: String },
}

/// Why a run that was asked for is not put in the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refused {
    AlreadyRunning { run_id: String },
    Draining,
    TooMany { n_max: usize },
}

/// A run that waits or is under way.
#[derive(Debug, Clone)]
struct Run {
    table: String,
    group: String,
    trigger: Trigger,
    options: BTreeMap<String, String>,
    /// What said how the table is compacted when it was started.
    rule_options: Option<String>,
    queued_ms: i64,
    started_ms: Option<i64>,
    bytes_expected: u64,
    is_stopping: bool,
}

/// The state of all that is decided.
#[derive(Debug)]
pub(super) struct Scheduler {
    settings: Arc<DaemonSettings>,
    run_id_prefix: String,
    n_runs: u64,
    tables: BTreeMap<String, Entry>,
    /// By id: waiting or under way.
    runs: BTreeMap<String, Run>,
    /// Ids of `runs` by table: one for each.
    by_table: BTreeMap<String, String>,
    fair: Fair,
    /// Of tables that have not been seen yet.
    past: BTreeMap<String, Past>,
    pauses: Pauses,
    is_draining: bool,
    is_listing: bool,
    listed_ms: Option<i64>,
    pending: Vec<Action>,
}

impl Scheduler {
    /// `run_id_prefix` tells its runs from those of others. `history` is what was kept of earlier runs, oldest first.
    pub(super) fn new<'a>(
        settings: Arc<DaemonSettings>,
        run_id_prefix: String,
        pauses: Pauses,
        history: impl IntoIterator<Item = &'a RunRecord>,
    ) -> Self {
        let mut past: BTreeMap<String, Past> = BTreeMap::new();
        for record in history {
            past.entry(record.table.clone()).or_default().add(record);
        }
        let mut scheduler = Self {
            run_id_prefix,
            n_runs: 0,
            tables: BTreeMap::new(),
            runs: BTreeMap::new(),
            by_table: BTreeMap::new(),
            fair: Fair::new(&settings),
            past,
            pauses,
            is_draining: false,
            is_listing: false,
            listed_ms: None,
            pending: Vec::new(),
            settings: settings.clone(),
        };
        for table in settings.tables.names() {
            scheduler.add(table);
        }
        scheduler
    }

    fn add(&mut self, table: &str) {
        if !self.tables.contains_key(table) {
            let past = self.past.remove(table).unwrap_or_default();
            self.tables.insert(table.to_owned(), Entry::new(past, &self.settings));
        }
    }

    /// These tables there are.
    pub(super) fn listed(&mut self, names: &[String], now_ms: i64) {
        self.list_failed(now_ms);
        let settings = self.settings.clone();
        let mut wanted: BTreeSet<&str> =
            names.iter().map(String::as_str).filter(|n| settings.tables.matches(n)).collect();
        wanted.extend(settings.tables.names());
        for table in &wanted {
            self.add(table);
        }
        let gone: Vec<String> = self.tables.keys().filter(|table| !wanted.contains(table.as_str())).cloned().collect();
        for table in gone {
            self.drop_scheduled(&table);
            self.tables.remove(&table);
        }
    }

    /// Which tables there are could not be found out; those that are known stay.
    pub(super) fn list_failed(&mut self, now_ms: i64) {
        self.is_listing = false;
        self.listed_ms = Some(now_ms);
    }

    /// What a look at a table found, or why it failed. `since` is what the look was told. Returns a problem that is
    /// new, for people.
    pub(super) fn looked(
        &mut self,
        table: &str,
        since: Option<i64>,
        seen: Result<Seen, String>,
        now_ms: i64,
    ) -> Option<String> {
        let before = self.tables.get(table)?.problem.clone();
        self.take_look(table, since, seen, now_ms);
        let problem = &self.tables.get(table)?.problem;
        problem.clone().filter(|_| *problem != before)
    }

    fn take_look(&mut self, table: &str, since: Option<i64>, seen: Result<Seen, String>, now_ms: i64) {
        let Some(entry) = self.tables.get_mut(table) else { return };
        entry.is_looking = false;
        entry.looked_ms = Some(now_ms);
        let seen = match seen {
            Ok(seen) => seen,
            // The rule that was known stays in force: a catalog that does not answer changes nothing.
            Err(problem) => {
                entry.problem = Some(problem);
                return;
            }
        };
        entry.bytes_total = seen.bytes_total;
        if since == entry.mark {
            entry.growth = Some((seen.growth, now_ms));
        } else {
            // A run has ended meanwhile.
            entry.looked_ms = None;
        }
        match seen.rule {
            Ok(rule) => {
                entry.problem = None;
                if entry.anchor_ms.is_none() {
                    entry.anchor_ms = Some(match &rule.schedule {
                        Some(Schedule::Every(interval)) => first_anchor_ms(table, millis(*interval), now_ms),
                        _ => now_ms,
                    });
                }
                let is_enabled = rule.is_enabled;
                entry.rule = Some(rule);
                if !is_enabled {
                    self.drop_scheduled(table);
                }
            }
            Err(problem) => {
                entry.problem = Some(problem);
                entry.rule = None;
                self.drop_scheduled(table);
            }
        }
    }

    /// Puts a run in the queue that was asked for, and returns its id.
    pub(super) fn request(
        &mut self,
        table: &str,
        options: BTreeMap<String, String>,
        now_ms: i64,
    ) -> Result<String, Refused> {
        if self.is_draining {
            return Err(Refused::Draining);
        }
        if let Some(run_id) = self.by_table.get(table) {
            let is_waiting_scheduled =
                self.runs.get(run_id).is_some_and(|run| run.started_ms.is_none() && run.trigger != Trigger::Request);
            if !is_waiting_scheduled {
                return Err(Refused::AlreadyRunning { run_id: run_id.clone() });
            }
            // It does what the one would do that waits.
            self.drop_scheduled(table);
        }
        let n_requests = self.runs.values().filter(|run| run.trigger == Trigger::Request).count();
        if n_requests >= N_REQUESTS_MAX {
            return Err(Refused::TooMany { n_max: N_REQUESTS_MAX });
        }
        Ok(self.enqueue(table, Trigger::Request, options, now_ms))
    }

    /// A run has ended that was started.
    pub(super) fn ended(&mut self, run_id: &str, end: RunEnd, now_ms: i64) {
        let Some(run) = self.runs.remove(run_id) else { return };
        self.by_table.remove(&run.table);
        let rewritten = match &end {
            RunEnd::Busy { .. } => 0,
            RunEnd::Ran { work, .. } => work.bytes_rewritten,
        };
        self.fair.ended(&run.group, run.bytes_expected, rewritten);
        if let Some(entry) = self.tables.get_mut(&run.table) {
            entry.ended(&run.ended_for_entry(), &end, now_ms, &self.settings);
        }
        let is_busy = matches!(end, RunEnd::Busy { .. });
        let (state, work, error) = match end {
            // Whoever has the lease does what was to be done.
            RunEnd::Busy { .. } if run.trigger != Trigger::Request => return,
            RunEnd::Busy { reason } => (RunState::Failed, RunWork::default(), reason),
            RunEnd::Ran { state, work, error } => (state, work, error),
        };
        let record = RunRecord { state, ended_at_ms: Some(now_ms), work, error, ..run.record(run_id) };
        self.pending.push(Action::Ended { record: Box::new(record), is_busy });
    }

    /// Stops a run, or takes it out of the queue. `false` if there is no such run.
    pub(super) fn cancel(&mut self, run_id: &str, now_ms: i64) -> bool {
        let Some(run) = self.runs.get_mut(run_id) else { return false };
        if run.started_ms.is_some() {
            if !std::mem::replace(&mut run.is_stopping, true) {
                self.pending.push(Action::Stop { run_id: run_id.to_owned() });
            }
            return true;
        }
        let (table, trigger) = (run.table.clone(), run.trigger);
        self.take_back(run_id, "it was cancelled while it waited", now_ms);
        if let Some(entry) = self.tables.get_mut(&table).filter(|_| trigger != Trigger::Request) {
            entry.rest(now_ms, &self.settings);
        }
        true
    }

    /// Starts no more scheduled runs of a table, or of any. `false` if the table is not one of the scheduled.
    pub(super) fn pause(&mut self, table: Option<&str>) -> bool {
        match table {
            None => {
                self.pauses.is_all = true;
                let tables: Vec<String> = self.by_table.keys().cloned().collect();
                tables.iter().for_each(|table| self.drop_scheduled(table));
            }
            Some(table) if self.tables.contains_key(table) => {
                self.pauses.tables.insert(table.to_owned());
                self.drop_scheduled(table);
            }
            Some(_) => return false,
        }
        self.pending.push(Action::KeepPauses(self.pauses.clone()));
        true
    }

    /// Takes a pause back, and closes breakers: of a table, or the pause of all and every breaker. `false` if the table
    /// is not one of the scheduled.
    pub(super) fn resume(&mut self, table: Option<&str>) -> bool {
        match table {
            None => {
                self.pauses.is_all = false;
                self.is_draining = false;
                self.tables.values_mut().for_each(Entry::forgive);
            }
            Some(table) => {
                let was_paused = self.pauses.tables.remove(table);
                match self.tables.get_mut(table) {
                    Some(entry) => entry.forgive(),
                    None if was_paused => {}
                    None => return false,
                }
            }
        }
        self.pending.push(Action::KeepPauses(self.pauses.clone()));
        true
    }

    /// Starts no more runs. Those that wait are given up.
    pub(super) fn drain(&mut self, now_ms: i64) {
        self.is_draining = true;
        let waiting = self.runs.iter().filter(|(_, run)| run.started_ms.is_none());
        let waiting: Vec<(String, String)> = waiting.map(|(id, run)| (id.clone(), run.table.clone())).collect();
        for (run_id, table) in waiting {
            self.drop_scheduled(&table);
            self.take_back(&run_id, "the daemon starts no more runs", now_ms);
        }
    }

    /// A run that is under way or waits.
    pub(super) fn record(&self, run_id: &str) -> Option<RunRecord> {
        self.runs.get(run_id).map(|run| run.record(run_id))
    }

    /// Ids of all runs that are under way or wait.
    pub(super) fn run_ids(&self) -> Vec<String> {
        self.runs.keys().cloned().collect()
    }

    /// The table is compacted by schedule.
    pub(super) fn has_table(&self, table: &str) -> bool {
        self.tables.contains_key(table)
    }

    /// No run is under way or waits.
    pub(super) fn is_idle(&self) -> bool {
        self.runs.is_empty()
    }

    /// What is to be done now.
    pub(super) fn advance(&mut self, now_ms: i64) -> Vec<Action> {
        let mut actions = std::mem::take(&mut self.pending);
        if self.is_draining {
            return actions;
        }
        self.look(now_ms, &mut actions);
        self.close_windows(now_ms);
        self.enqueue_due(now_ms);
        while let Some(action) = self.start_next(now_ms) {
            actions.push(action);
        }
        actions
    }

    fn look(&mut self, now_ms: i64, actions: &mut Vec<Action>) {
        let interval = millis(self.settings.look_interval);
        let is_old = |at_ms: Option<i64>| at_ms.is_none_or(|at_ms| now_ms.saturating_sub(at_ms) >= interval);
        if self.settings.tables.has_wildcards() && !self.is_listing && is_old(self.listed_ms) {
            self.is_listing = true;
            actions.push(Action::List);
        }
        let n_looking = self.tables.values().filter(|entry| entry.is_looking).count();
        let mut wanted: Vec<(&String, &mut Entry)> =
            self.tables.iter_mut().filter(|(_, entry)| !entry.is_looking && is_old(entry.looked_ms)).collect();
        wanted.sort_by_key(|(_, entry)| entry.looked_ms);
        for (table, entry) in wanted.into_iter().take(N_LOOKS_MAX.saturating_sub(n_looking)) {
            entry.is_looking = true;
            actions.push(Action::Look { table: table.clone(), since: entry.mark });
        }
    }

    /// A run whose turn has not come before its window closes waits for the next one.
    fn close_windows(&mut self, now_ms: i64) {
        let is_closed = |table: &&String| {
            let rule = self.tables.get(*table).and_then(|entry| entry.rule.as_ref());
            rule.is_some_and(|rule| !rule.windows.is_open(now_ms))
        };
        let closed: Vec<String> = self.by_table.keys().filter(is_closed).cloned().collect();
        closed.iter().for_each(|table| self.drop_scheduled(table));
    }

    fn enqueue_due(&mut self, now_ms: i64) {
        if self.pauses.is_all {
            return;
        }
        let mut due = Vec::new();
        for (table, entry) in &mut self.tables {
            if self.by_table.contains_key(table) || self.pauses.tables.contains(table) {
                continue;
            }
            let Some((at_ms, trigger)) = due::due(entry, now_ms) else { continue };
            if at_ms > now_ms {
                continue;
            }
            if trigger == Trigger::Schedule && entry.has_nothing_new() {
                (entry.anchor_ms, entry.retry) = (Some(now_ms), None);
                continue;
            }
            due.push((table.clone(), trigger));
        }
        for (table, trigger) in due {
            self.enqueue(&table, trigger, BTreeMap::new(), now_ms);
        }
    }

    fn enqueue(&mut self, table: &str, trigger: Trigger, options: BTreeMap<String, String>, now_ms: i64) -> String {
        self.n_runs += 1;
        let run_id = format!("{}-{:06}", self.run_id_prefix, self.n_runs);
        let entry = self.tables.get(table);
        let rule = entry.and_then(|entry| entry.rule.as_ref());
        let group = rule.map_or_else(|| group_of(&self.settings, table), |rule| rule.group.as_str()).to_owned();
        self.fair.queued(&group);
        let run = Run {
            table: table.to_owned(),
            group,
            trigger,
            options,
            rule_options: None,
            queued_ms: now_ms,
            started_ms: None,
            bytes_expected: 0,
            is_stopping: false,
        };
        self.by_table.insert(table.to_owned(), run_id.clone());
        self.runs.insert(run_id.clone(), run);
        run_id
    }

    /// Whose turn it is among those that wait: requests first, then the table that was served longest ago.
    fn turn<'a>(&'a self, run_id: &'a str, run: &Run) -> Turn<'a> {
        let served_ms = self.tables.get(&run.table).and_then(|entry| entry.served_ms);
        Turn {
            of_group: self.fair.served(&run.group),
            is_scheduled: run.trigger != Trigger::Request,
            served_ms,
            run_id,
        }
    }

    fn start_next(&mut self, now_ms: i64) -> Option<Action> {
        let n_running = self.runs.values().filter(|run| run.started_ms.is_some()).count();
        if n_running >= self.settings.n_concurrent_runs_max {
            return None;
        }
        let waiting = self.runs.iter().filter(|(_, run)| run.started_ms.is_none() && self.fair.has_room(&run.group));
        let (run_id, _) = waiting.min_by(|a, b| self.turn(a.0, a.1).cmp(&self.turn(b.0, b.1)))?;
        let run_id = run_id.clone();
        let run = self.runs.get_mut(&run_id)?;
        run.started_ms = Some(now_ms);
        if let Some(entry) = self.tables.get_mut(&run.table) {
            entry.served_ms = Some(now_ms);
            if run.options.is_empty() {
                entry.anchor_ms = Some(now_ms);
            }
            run.bytes_expected = entry.bytes_expected();
            run.rule_options = entry.rule.as_ref().map(|rule| rule.options.clone());
        }
        self.fair.started(&run.group, run.bytes_expected);
        Some(Action::Start { run_id, table: run.table.clone(), options: run.options.clone() })
    }

    /// Takes a scheduled run out of the queue: nothing has happened, and it will be due again.
    fn drop_scheduled(&mut self, table: &str) {
        let Some(run_id) = self.by_table.get(table) else { return };
        let is_waiting = |run: &Run| run.started_ms.is_none() && run.trigger != Trigger::Request;
        if self.runs.get(run_id).is_some_and(is_waiting) {
            if let Some(run) = self.runs.remove(run_id) {
                self.fair.dropped(&run.group);
            }
            self.by_table.remove(table);
        }
    }

    /// Takes a run out of the queue, and tells of it.
    fn take_back(&mut self, run_id: &str, error: &str, now_ms: i64) {
        let Some(run) = self.runs.remove(run_id) else { return };
        self.by_table.remove(&run.table);
        self.fair.dropped(&run.group);
        let (state, error) = (RunState::Cancelled, error.to_owned());
        let record = RunRecord { state, ended_at_ms: Some(now_ms), error, ..run.record(run_id) };
        self.pending.push(Action::Ended { record: Box::new(record), is_busy: false });
    }
}

/// The least goes first.
#[derive(Debug)]
struct Turn<'a> {
    of_group: f64,
    is_scheduled: bool,
    served_ms: Option<i64>,
    run_id: &'a str,
}

impl Turn<'_> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let of_group = self.of_group.total_cmp(&other.of_group);
        let key = |turn: &Self| (turn.is_scheduled, turn.served_ms);
        of_group.then_with(|| key(self).cmp(&key(other))).then_with(|| self.run_id.cmp(other.run_id))
    }
}

impl Run {
    fn record(&self, run_id: &str) -> RunRecord {
        RunRecord {
            run_id: run_id.to_owned(),
            table: self.table.clone(),
            group: self.group.clone(),
            trigger: self.trigger,
            options: self.options.clone(),
            state: if self.started_ms.is_some() { RunState::Running } else { RunState::Queued },
            queued_at_ms: self.queued_ms,
            started_at_ms: self.started_ms,
            ended_at_ms: None,
            work: RunWork::default(),
            error: String::new(),
        }
    }

    fn ended_for_entry(&self) -> entry::EndedRun<'_> {
        let (trigger, rule_options) = (self.trigger, self.rule_options.as_deref());
        entry::EndedRun { trigger, is_whole: self.options.is_empty(), rule_options }
    }
}

impl Retry {
    fn new(at_ms: i64, trigger: Trigger) -> Self {
        Self { at_ms, trigger }
    }
}

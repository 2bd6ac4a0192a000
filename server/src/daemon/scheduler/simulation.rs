//! Seeded runs of the scheduler with hundreds of tables, failures, other processes, operators and restarts.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rstest::rstest;

use super::*;
use crate::daemon::pattern::TablePatterns;
use crate::daemon::policy;
use crate::daemon::settings::{GroupSettings, Share, Triggers};

const BEGIN_MS: i64 = 1_795_651_200_000;
const STEP_MS: i64 = 30_000;
const N_TABLES: usize = 300;
const INTERVAL_MS: i64 = 6 * 3_600_000;
const N_RUNS_MAX: usize = 4;

/// One table of the simulated world.
#[derive(Debug, Clone, Default)]
struct Table {
    snapshot: i64,
    /// Of each snapshot in turn: bytes added.
    bytes: Vec<u64>,
    /// Every run of it fails.
    is_broken: bool,
    /// It is not there until then.
    from_ms: i64,
    last_served_ms: Option<i64>,
}

struct World {
    rng: StdRng,
    settings: Arc<DaemonSettings>,
    scheduler: Scheduler,
    now_ms: i64,
    tables: BTreeMap<String, Table>,
    /// Runs that are under way: when they end, and how.
    running: BTreeMap<String, (String, i64, RunEnd)>,
    history: Vec<RunRecord>,
    pauses: Pauses,
    paused_at: HashMap<String, i64>,
    n_started: usize,
    n_restarts: usize,
    breakers_seen: BTreeSet<String>,
    /// Longest time between two runs of a table that was neither broken nor paused.
    longest_wait_ms: i64,
}

fn settings() -> DaemonSettings {
    let group = |pattern: &str, quota: &str, n_max: Option<usize>| GroupSettings {
        tables: TablePatterns::parse([pattern]).unwrap(),
        quota: Some(Share::parse(quota).unwrap()),
        n_concurrent_runs_max: n_max,
    };
    DaemonSettings {
        tables: TablePatterns::parse(["db.**"]).unwrap(),
        schedule: Some(Schedule::Every(Duration::from_millis(INTERVAL_MS.unsigned_abs()))),
        triggers: Triggers { commits: Some(150), ..Triggers::default() },
        groups: BTreeMap::from([
            ("big".to_owned(), group("db.big.*", "50%", Some(2))),
            ("small".to_owned(), group("db.small.*", "30%", None)),
        ]),
        n_concurrent_runs_max: N_RUNS_MAX,
        ..DaemonSettings::default()
    }
}

impl World {
    fn new(seed: u64) -> Self {
        let settings = Arc::new(settings());
        let mut rng = StdRng::seed_from_u64(seed);
        let tables = (0..N_TABLES).map(|n| {
            let namespace = ["big", "small", "rest"][n % 3];
            let table = Table {
                is_broken: n % 40 == 7,
                from_ms: if n % 10 == 0 { BEGIN_MS + rng.random_range(0..24 * 3_600_000) } else { 0 },
                ..Table::default()
            };
            (format!("db.{namespace}.t{n}"), table)
        });
        let tables = tables.collect();
        Self {
            scheduler: Scheduler::new(settings.clone(), "s0".to_owned(), Pauses::default(), []),
            rng,
            settings,
            now_ms: BEGIN_MS,
            tables,
            running: BTreeMap::new(),
            history: Vec::new(),
            pauses: Pauses::default(),
            paused_at: HashMap::new(),
            n_started: 0,
            n_restarts: 0,
            breakers_seen: BTreeSet::new(),
            longest_wait_ms: 0,
        }
    }

    fn step(&mut self) {
        self.now_ms += STEP_MS;
        self.write();
        self.operate();
        let ended: Vec<String> =
            self.running.iter().filter(|(_, (_, at_ms, _))| *at_ms <= self.now_ms).map(|(id, _)| id.clone()).collect();
        for run_id in ended {
            let (_, _, end) = self.running.remove(&run_id).unwrap();
            self.scheduler.ended(&run_id, end, self.now_ms);
        }
        for action in self.scheduler.advance(self.now_ms) {
            self.perform(action);
        }
        self.check();
    }

    /// Writers commit.
    fn write(&mut self) {
        for (name, table) in &mut self.tables {
            if self.rng.random_bool(0.03) {
                table.snapshot += 1;
                let gigabytes = if name.starts_with("db.big") { 20 } else { 1 };
                table.bytes.push(gigabytes << 30);
            }
        }
    }

    /// People ask for runs, stop, pause and resume; the process is restarted.
    fn operate(&mut self) {
        let name = self.tables.keys().nth(self.rng.random_range(0..N_TABLES)).unwrap().clone();
        if self.rng.random_bool(0.03) {
            let _ = self.scheduler.request(&name, BTreeMap::new(), self.now_ms);
        }
        if self.rng.random_bool(0.006)
            && let Some(run_id) = self.scheduler.run_ids().first()
        {
            assert!(self.scheduler.cancel(run_id, self.now_ms));
        }
        if self.rng.random_bool(0.003) && self.scheduler.pause(Some(&name)) {
            self.paused_at.insert(name.clone(), self.now_ms);
        }
        if self.rng.random_bool(0.006) {
            let paused: Vec<String> = self.pauses.tables.iter().cloned().collect();
            for table in paused {
                // Counts from here: it could not be served before.
                self.scheduler.resume(Some(&table));
                self.tables.get_mut(&table).unwrap().last_served_ms = Some(self.now_ms);
            }
        }
        if self.rng.random_bool(0.001_5) {
            self.n_restarts += 1;
            // What is under way dies with the process.
            self.running.clear();
            let prefix = format!("s{}", self.n_restarts);
            self.scheduler = Scheduler::new(self.settings.clone(), prefix, self.pauses.clone(), &self.history);
        }
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::List if self.rng.random_bool(0.1) => self.scheduler.list_failed(self.now_ms),
            Action::List => {
                let there = self.tables.iter().filter(|(_, table)| table.from_ms <= self.now_ms);
                let names: Vec<String> = there.map(|(name, _)| name.clone()).collect();
                self.scheduler.listed(&names, self.now_ms);
            }
            Action::Look { table, since } => {
                let seen =
                    if self.rng.random_bool(0.02) { Err("no answer".to_owned()) } else { Ok(self.seen(&table, since)) };
                self.scheduler.looked(&table, since, seen, self.now_ms);
            }
            Action::Start { run_id, table, .. } => self.start(run_id, &table),
            Action::Stop { run_id } => {
                // It may have ended in the same moment.
                let Some(run) = self.running.get_mut(&run_id) else { return };
                let (state, work, error) = (RunState::Cancelled, RunWork::default(), "stopped".to_owned());
                (run.1, run.2) = (self.now_ms + STEP_MS, RunEnd::Ran { state, work, error });
            }
            Action::Ended { record, .. } => self.history.push(*record),
            Action::KeepPauses(pauses) => self.pauses = pauses,
        }
    }

    fn seen(&self, name: &str, since: Option<i64>) -> Seen {
        let table = &self.tables[name];
        let newer = table.bytes.iter().skip(usize::try_from(since.unwrap_or(0)).unwrap());
        let growth = Growth {
            n_commits: (table.snapshot - since.unwrap_or(0)).unsigned_abs(),
            n_bytes: newer.sum(),
            ..Growth::default()
        };
        let rule = policy::rule(&self.settings, name, &HashMap::new());
        Seen { rule, growth, bytes_total: table.bytes.iter().sum() }
    }

    fn start(&mut self, run_id: String, name: &str) {
        assert!(!self.running.values().any(|(table, ..)| table == name), "two runs of {name}");
        assert!(!self.pauses.tables.contains(name) || self.is_request(&run_id), "{name} is paused");
        self.n_started += 1;
        let table = self.tables.get_mut(name).unwrap();
        // A run may have been asked for before the table was listed.
        let since = table.last_served_ms.unwrap_or(BEGIN_MS).max(table.from_ms);
        if !table.is_broken && !self.pauses.tables.contains(name) {
            self.longest_wait_ms = self.longest_wait_ms.max(self.now_ms - since);
        }
        table.last_served_ms = Some(self.now_ms);
        let work = RunWork {
            starting_snapshot_id: Some(table.snapshot),
            bytes_rewritten: if name.starts_with("db.big") { 20 << 30 } else { 1 << 30 },
            ..RunWork::default()
        };
        // The big ones take three minutes, the others a minute or so.
        let lasts_ms = self.rng.random_range(30_000..90_000) * if name.starts_with("db.big") { 3 } else { 1 };
        let (end, lasts_ms) = match self.rng.random_range(0..100) {
            _ if table.is_broken => (failure(), 5_000),
            0..3 => (failure(), lasts_ms),
            3..6 => (RunEnd::Busy { reason: "elsewhere".to_owned() }, 0),
            6..9 => (RunEnd::Ran { state: RunState::Partial, work, error: "a part".to_owned() }, lasts_ms),
            _ => (RunEnd::Ran { state: RunState::Succeeded, work, error: String::new() }, lasts_ms),
        };
        self.running.insert(run_id, (name.to_owned(), self.now_ms + lasts_ms, end));
    }

    fn is_request(&self, run_id: &str) -> bool {
        self.scheduler.record(run_id).is_some_and(|record| record.trigger == Trigger::Request)
    }

    fn check(&mut self) {
        assert!(self.running.len() <= N_RUNS_MAX, "{} runs", self.running.len());
        let n_big = self.running.values().filter(|(table, ..)| table.starts_with("db.big")).count();
        assert!(n_big <= 2, "{n_big} runs of group big");
        for (table, entry) in &self.scheduler.tables {
            let is_open = entry.breaker_reason.is_some();
            assert_eq!(is_open, entry.failures >= self.settings.breaker_failures, "{table}");
            if is_open {
                self.breakers_seen.insert(table.clone());
            }
        }
    }
}

fn failure() -> RunEnd {
    RunEnd::Ran { state: RunState::Failed, work: RunWork::default(), error: "disk full".to_owned() }
}

#[rstest]
#[case(1)]
#[case(2)]
#[case(3)]
#[case(4)]
fn every_table_is_served_in_time_whatever_others_do(#[case] seed: u64) {
    let mut world = World::new(seed);
    for _ in 0..48 * 120 {
        world.step();
    }
    let never: Vec<&String> =
        world.tables.iter().filter(|(_, table)| table.last_served_ms.is_none()).map(|(name, _)| name).collect();
    let hours = |ms: i64| ms / 3_600_000;
    eprintln!(
        "seed {seed}: {} runs, {} restarts, longest wait {} h, breakers of {} tables",
        world.n_started,
        world.n_restarts,
        hours(world.longest_wait_ms),
        world.breakers_seen.len()
    );
    assert!(never.is_empty(), "seed {seed}: never served: {never:?}");
    // Twice the interval: a run of its own, and pauses after a failure or a stop.
    assert!(world.longest_wait_ms <= 2 * INTERVAL_MS, "seed {seed}: {} h", hours(world.longest_wait_ms));
    assert!(world.n_restarts > 0, "seed {seed}");
    let broken: BTreeSet<String> =
        world.tables.iter().filter(|(_, table)| table.is_broken).map(|(name, _)| name.clone()).collect();
    assert_eq!(world.breakers_seen, broken, "seed {seed}: breakers open for broken tables, and for no others");
    let closed =
        world.scheduler.tables.iter().filter(|(name, entry)| !broken.contains(*name) && entry.breaker_reason.is_some());
    assert_eq!(closed.count(), 0, "seed {seed}");
}

#![allow(clippy::unwrap_used)]
use std::collections::BTreeMap;

use rstest::rstest;

use super::*;
use crate::daemon::pattern::TablePatterns;
use crate::daemon::schedule::Windows;
use crate::daemon::settings::{GroupSettings, Triggers};

/// 2026-11-26T00:00:00Z, a Thursday.
const BEGIN_MS: i64 = 1_795_651_200_000;
const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

fn settings(schedule: Option<&str>) -> DaemonSettings {
    DaemonSettings {
        tables: TablePatterns::parse(["db.*"]).unwrap(),
        schedule: schedule.map(|schedule| Schedule::parse(schedule).unwrap()),
        n_concurrent_runs_max: 2,
        breaker_failures: 3,
        ..DaemonSettings::default()
    }
}

fn rule(settings: &DaemonSettings, table: &str) -> TableRule {
    crate::daemon::policy::rule(settings, table, &std::collections::HashMap::new()).unwrap()
}

fn commits(n_commits: u64) -> Growth {
    Growth { n_commits, ..Growth::default() }
}

/// A scheduler, its time, and tables that answer looks.
struct World {
    settings: Arc<DaemonSettings>,
    scheduler: Scheduler,
    now_ms: i64,
    names: Vec<String>,
    growth: BTreeMap<String, Growth>,
    rules: BTreeMap<String, TableRule>,
    /// Runs that are under way, by table.
    running: BTreeMap<String, String>,
    /// Records of those that have ended.
    ended: Vec<RunRecord>,
    started: Vec<(i64, String)>,
    pauses: Pauses,
    stopped: Vec<String>,
}

impl World {
    fn new(settings: DaemonSettings, names: &[&str]) -> Self {
        Self::restarted(settings, names, Pauses::default(), &[])
    }

    fn restarted(settings: DaemonSettings, names: &[&str], pauses: Pauses, history: &[RunRecord]) -> Self {
        let settings = Arc::new(settings);
        let scheduler = Scheduler::new(settings.clone(), "r".to_owned(), pauses.clone(), history);
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        let (growth, rules, running) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let (ended, started, stopped) = (Vec::new(), Vec::new(), Vec::new());
        let now_ms = BEGIN_MS;
        Self { settings, scheduler, now_ms, names, growth, rules, running, ended, started, pauses, stopped }
    }

    /// Does what is to be done now, but for ending runs.
    fn settle(&mut self) {
        loop {
            let actions = self.scheduler.advance(self.now_ms);
            if actions.is_empty() {
                return;
            }
            for action in actions {
                match action {
                    Action::List => self.scheduler.listed(&self.names, self.now_ms),
                    Action::Look { table, since } => {
                        let known = self.rules.get(&table).cloned();
                        let rule = Ok(known.unwrap_or_else(|| rule(&self.settings, &table)));
                        let growth = self.growth.get(&table).copied().unwrap_or(commits(1));
                        let seen = Seen { rule, growth, bytes_total: 1 << 30 };
                        self.scheduler.looked(&table, since, Ok(seen), self.now_ms);
                    }
                    Action::Start { run_id, table, .. } => {
                        self.started.push((self.now_ms, table.clone()));
                        assert_eq!(self.running.insert(table, run_id), None, "two runs of one table");
                    }
                    Action::Stop { run_id } => self.stopped.push(run_id),
                    Action::Ended { record, .. } => self.ended.push(*record),
                    Action::KeepPauses(pauses) => self.pauses = pauses,
                }
            }
        }
    }

    /// Time passes, minute by minute.
    fn pass(&mut self, ms: i64) {
        let end_ms = self.now_ms + ms;
        while self.now_ms < end_ms {
            self.now_ms = (self.now_ms + MINUTE_MS).min(end_ms);
            self.settle();
        }
    }

    fn end(&mut self, table: &str, end: RunEnd) {
        let run_id = self.running.remove(table).unwrap();
        self.scheduler.ended(&run_id, end, self.now_ms);
        self.settle();
    }

    /// Lets time pass until a run of the table begins, and returns when.
    fn until_started(&mut self, table: &str, within_ms: i64) -> Option<i64> {
        let begin_ms = self.now_ms;
        self.settle();
        while !self.running.contains_key(table) && self.now_ms < begin_ms + within_ms {
            self.pass(MINUTE_MS);
        }
        self.running.contains_key(table).then_some(self.now_ms)
    }

    fn table(&mut self, table: &str) -> TableStatus {
        let status = self.scheduler.status(self.now_ms);
        status.tables.into_iter().find(|status| status.table == table).unwrap()
    }
}

fn succeeded(starting_snapshot_id: i64) -> RunEnd {
    let work = RunWork { starting_snapshot_id: Some(starting_snapshot_id), ..RunWork::default() };
    RunEnd::Ran { state: RunState::Succeeded, work, error: String::new() }
}

fn failed(error: &str) -> RunEnd {
    RunEnd::Ran { state: RunState::Failed, work: RunWork::default(), error: error.to_owned() }
}

fn cancelled() -> RunEnd {
    RunEnd::Ran { state: RunState::Cancelled, work: RunWork::default(), error: "it was stopped".to_owned() }
}

fn busy() -> RunEnd {
    RunEnd::Busy { reason: "a run is under way elsewhere".to_owned() }
}

#[test]
fn a_table_is_compacted_within_its_interval_and_then_once_in_each() {
    let mut world = World::new(settings(Some("1h")), &["db.a", "other.b"]);
    let first = world.until_started("db.a", HOUR_MS).unwrap();
    world.pass(10 * MINUTE_MS);
    world.end("db.a", succeeded(1));
    let second = world.until_started("db.a", 2 * HOUR_MS).unwrap();
    assert_eq!(second - first, HOUR_MS);
    assert!(world.started.iter().all(|(_, table)| table == "db.a"));
}

#[test]
fn tables_that_are_seen_for_the_first_time_are_not_due_together() {
    let names: Vec<String> = (0..60).map(|n| format!("db.t{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let world = &mut World::new(DaemonSettings { n_concurrent_runs_max: 60, ..settings(Some("1h")) }, &names);
    world.pass(HOUR_MS);
    assert_eq!(world.started.len(), 60);
    let in_first_half = world.started.iter().filter(|(at_ms, _)| *at_ms < BEGIN_MS + HOUR_MS / 2).count();
    assert!((15..45).contains(&in_first_half), "{in_first_half}");
}

#[rstest]
#[case(Triggers { commits: Some(10), ..Triggers::default() }, Growth { n_commits: 10, ..Growth::default() }, Trigger::Commits)]
#[case(Triggers { files: Some(10), ..Triggers::default() }, Growth { n_files: 10, ..Growth::default() }, Trigger::Files)]
#[case(Triggers { bytes: Some(10), ..Triggers::default() }, Growth { n_bytes: 10, ..Growth::default() }, Trigger::Bytes)]
#[case(Triggers { deletes: Some(10), ..Triggers::default() }, Growth { n_deletes: 10, ..Growth::default() }, Trigger::Deletes)]
fn a_table_is_due_as_soon_as_enough_has_come(
    #[case] triggers: Triggers,
    #[case] growth: Growth,
    #[case] expected: Trigger,
) {
    let mut world = World::new(DaemonSettings { triggers, ..settings(None) }, &["db.a"]);
    let Growth { n_commits, n_files, n_bytes, n_deletes } = growth;
    let less = |n: u64| n.saturating_sub(1);
    let few = Growth {
        n_commits: less(n_commits),
        n_files: less(n_files),
        n_bytes: less(n_bytes),
        n_deletes: less(n_deletes),
    };
    world.growth.insert("db.a".to_owned(), few);
    world.pass(HOUR_MS);
    assert!(world.started.is_empty());
    world.growth.insert("db.a".to_owned(), growth);
    assert!(world.until_started("db.a", 2 * MINUTE_MS).is_some());
    world.end("db.a", succeeded(5));
    assert_eq!(world.ended[0].trigger, expected);
}

#[test]
fn what_came_before_a_run_does_not_count_for_the_next() {
    let triggers = Triggers { commits: Some(10), ..Triggers::default() };
    let mut world = World::new(DaemonSettings { triggers, ..settings(None) }, &["db.a"]);
    world.settle();
    world.growth.insert("db.a".to_owned(), commits(10));
    world.until_started("db.a", HOUR_MS).unwrap();
    let run_id = world.running.remove("db.a").unwrap();
    // A look that began before the run ended comes back after it.
    world.now_ms += MINUTE_MS;
    let looks = world.scheduler.advance(world.now_ms);
    assert_eq!(looks, [Action::List, Action::Look { table: "db.a".to_owned(), since: None }]);
    world.scheduler.ended(&run_id, succeeded(77), world.now_ms);
    let seen = Seen { rule: Ok(rule(&world.settings, "db.a")), growth: commits(10), bytes_total: 1 };
    world.scheduler.looked("db.a", None, Ok(seen), world.now_ms);
    let next = world.scheduler.advance(world.now_ms);
    assert!(next.contains(&Action::Look { table: "db.a".to_owned(), since: Some(77) }), "{next:?}");
    assert!(!next.iter().any(|action| matches!(action, Action::Start { .. })), "{next:?}");
}

#[test]
fn pauses_after_failures_double_and_then_the_breaker_opens_with_the_reason() {
    let mut world = World::new(settings(Some("1m")), &["db.a"]);
    let mut begins = Vec::new();
    for n in 1..=3 {
        begins.push(world.until_started("db.a", HOUR_MS).unwrap());
        world.end("db.a", failed(&format!("no. {n}")));
    }
    assert_eq!([begins[1] - begins[0], begins[2] - begins[1]], [MINUTE_MS, 2 * MINUTE_MS]);
    let status = world.table("db.a");
    assert_eq!((status.failures, status.breaker_reason.as_deref()), (3, Some("no. 3")));
    // After its pause one run is tried; it fails, and the breaker stays open.
    let tried = world.until_started("db.a", 7 * HOUR_MS).unwrap();
    assert_eq!(tried - begins[2], 6 * HOUR_MS);
    world.end("db.a", failed("no. 4"));
    assert_eq!(world.until_started("db.a", 5 * HOUR_MS), None);
    assert_eq!(world.table("db.a").breaker_reason.as_deref(), Some("no. 4"));
    world.until_started("db.a", 2 * HOUR_MS).unwrap();
    world.end("db.a", succeeded(1));
    let status = world.table("db.a");
    assert_eq!((status.failures, status.breaker_reason), (0, None));
}

#[test]
fn resuming_closes_the_breaker() {
    for table in [Some("db.a"), None] {
        let mut world = World::new(settings(Some("1m")), &["db.a"]);
        for _ in 0..3 {
            world.until_started("db.a", HOUR_MS).unwrap();
            world.end("db.a", failed("no"));
        }
        assert!(world.table("db.a").breaker_reason.is_some());
        assert!(world.scheduler.resume(table));
        assert!(world.until_started("db.a", 2 * MINUTE_MS).is_some());
    }
}

#[test]
fn a_run_that_was_asked_for_and_failed_is_not_held_against_the_table() {
    let mut world = World::new(settings(None), &["db.a"]);
    world.settle();
    for _ in 0..5 {
        world.scheduler.request("db.a", BTreeMap::new(), world.now_ms).unwrap();
        world.settle();
        world.end("db.a", failed("no such option"));
    }
    assert_eq!((world.table("db.a").failures, world.ended.len()), (0, 5));
}

#[test]
fn a_table_that_another_process_compacts_is_tried_later_and_counts_as_no_failure() {
    let mut world = World::new(settings(Some("1h")), &["db.a"]);
    let first = world.until_started("db.a", HOUR_MS).unwrap();
    world.end("db.a", busy());
    assert_eq!(world.table("db.a").problem.as_deref(), Some("a run is under way elsewhere"));
    let second = world.until_started("db.a", HOUR_MS).unwrap();
    assert_eq!(second - first, MINUTE_MS);
    world.end("db.a", busy());
    assert_eq!((world.table("db.a").failures, world.ended.len()), (0, 0));
    let run_id = world.scheduler.request("db.a", BTreeMap::new(), world.now_ms).unwrap();
    world.settle();
    world.running.clear();
    world.scheduler.ended(&run_id, busy(), world.now_ms);
    let told = world.scheduler.advance(world.now_ms);
    let is_told =
        |action: &Action| matches!(action, Action::Ended { record, is_busy: true } if record.run_id == run_id);
    assert!(told.iter().any(is_told), "{told:?}");
}

#[test]
fn a_table_has_one_run_at_a_time() {
    let mut world = World::new(settings(Some("1m")), &["db.a"]);
    world.until_started("db.a", HOUR_MS).unwrap();
    let run_id = world.running["db.a"].clone();
    let refused = world.scheduler.request("db.a", BTreeMap::new(), world.now_ms).unwrap_err();
    assert_eq!(refused, Refused::AlreadyRunning { run_id });
    world.pass(HOUR_MS);
    assert_eq!(world.started.len(), 1);
    let unscheduled = world.scheduler.request("x.y", BTreeMap::new(), world.now_ms).unwrap();
    let refused = world.scheduler.request("x.y", BTreeMap::new(), world.now_ms).unwrap_err();
    assert_eq!(refused, Refused::AlreadyRunning { run_id: unscheduled });
}

#[test]
fn a_run_that_is_asked_for_takes_the_place_of_one_that_waits() {
    let mut world =
        World::new(DaemonSettings { n_concurrent_runs_max: 1, ..settings(Some("1m")) }, &["db.a", "db.b", "db.c"]);
    world.until_started("db.a", 5 * MINUTE_MS);
    world.pass(5 * MINUTE_MS);
    let running = world.running.keys().next().unwrap().clone();
    let waiting = ["db.a", "db.b", "db.c"].into_iter().rfind(|table| *table != running).unwrap();
    let options = BTreeMap::from([("rewrite-all".to_owned(), "true".to_owned())]);
    let run_id = world.scheduler.request(waiting, options, world.now_ms).unwrap();
    world.end(&running, succeeded(1));
    assert_eq!(world.running, BTreeMap::from([(waiting.to_owned(), run_id)]), "requests go first");
}

#[test]
fn what_is_paused_is_not_started_and_stays_so_after_a_restart() {
    let mut world = World::new(DaemonSettings { n_concurrent_runs_max: 1, ..settings(Some("1m")) }, &["db.a", "db.b"]);
    world.pass(5 * MINUTE_MS);
    let (running, waiting) = if world.running.contains_key("db.a") { ("db.a", "db.b") } else { ("db.b", "db.a") };
    assert!(world.scheduler.pause(Some(waiting)));
    world.end(running, succeeded(1));
    world.growth.insert(running.to_owned(), commits(0));
    world.pass(HOUR_MS);
    assert!(world.started.iter().all(|(_, table)| table == running));
    assert!(world.table(waiting).is_paused && world.table(waiting).due_at_ms.is_none());
    assert!(!world.scheduler.pause(Some("x.y")) && !world.scheduler.resume(Some("x.y")));

    let mut world = World::restarted(settings(Some("1m")), &[waiting], world.pauses, &[]);
    world.pass(HOUR_MS);
    assert!(world.started.is_empty());
    assert!(world.scheduler.resume(Some(waiting)));
    world.until_started(waiting, 2 * MINUTE_MS).unwrap();
}

#[test]
fn the_pause_of_all_lets_runs_go_on_that_are_under_way_or_asked_for() {
    let mut world = World::new(settings(Some("1m")), &["db.a", "db.b"]);
    world.until_started("db.a", 5 * MINUTE_MS).unwrap();
    assert!(world.scheduler.pause(None));
    world.pass(MINUTE_MS);
    assert!(world.stopped.is_empty());
    world.end("db.a", succeeded(1));
    world.running.clear();
    world.started.clear();
    world.pass(HOUR_MS);
    assert!(world.started.is_empty() && world.scheduler.status(world.now_ms).is_paused);
    world.scheduler.request("db.a", BTreeMap::new(), world.now_ms).unwrap();
    world.settle();
    assert!(world.running.contains_key("db.a"));
    assert!(world.scheduler.resume(None));
    assert!(!world.scheduler.status(world.now_ms).is_paused);
}

#[test]
fn a_drain_gives_up_what_waits_and_lets_the_rest_end() {
    let mut world = World::new(DaemonSettings { n_concurrent_runs_max: 1, ..settings(Some("1m")) }, &["db.a", "db.b"]);
    world.pass(5 * MINUTE_MS);
    let running = world.running.keys().next().unwrap().clone();
    let asked = world.scheduler.request("x.y", BTreeMap::new(), world.now_ms).unwrap();
    world.scheduler.drain(world.now_ms);
    assert_eq!(world.scheduler.request("x.z", BTreeMap::new(), world.now_ms), Err(Refused::Draining));
    world.settle();
    assert_eq!(
        (world.ended.len(), world.ended[0].run_id == asked, world.ended[0].state),
        (1, true, RunState::Cancelled)
    );
    assert!(!world.scheduler.is_idle());
    world.end(&running, succeeded(1));
    assert!(world.scheduler.is_idle());
    world.pass(HOUR_MS);
    assert!(world.running.is_empty());
}

#[test]
fn a_run_that_is_stopped_is_not_started_again_right_away() {
    let mut world = World::new(settings(Some("1m")), &["db.a"]);
    let first = world.until_started("db.a", HOUR_MS).unwrap();
    let run_id = world.running["db.a"].clone();
    assert!(world.scheduler.cancel(&run_id, world.now_ms) && world.scheduler.cancel(&run_id, world.now_ms));
    world.settle();
    assert_eq!(world.stopped, std::slice::from_ref(&run_id));
    world.end("db.a", cancelled());
    assert!(!world.scheduler.cancel(&run_id, world.now_ms));
    let second = world.until_started("db.a", 2 * HOUR_MS).unwrap();
    assert_eq!(second - first, HOUR_MS);
    assert_eq!(world.table("db.a").failures, 0);
}

#[test]
fn a_run_waits_for_the_window_also_if_it_closes_before_its_turn() {
    let windows = Windows::parse(["02:00-03:00"]).unwrap();
    let one = DaemonSettings { n_concurrent_runs_max: 1, windows, ..settings(Some("10m")) };
    let mut world = World::new(one, &["db.a", "db.b"]);
    world.pass(2 * HOUR_MS - MINUTE_MS);
    assert!(world.started.is_empty());
    world.pass(90 * MINUTE_MS);
    assert_eq!(world.started.len(), 1);
    let first = world.started[0].1.clone();
    world.end(&first, succeeded(1));
    assert!(world.running.is_empty(), "the window has closed");
    world.pass(23 * HOUR_MS);
    assert_ne!(world.started[1].1, first, "the other one has waited for longer");
    assert_eq!(world.started[1].0, BEGIN_MS + 26 * HOUR_MS);
}

#[test]
fn what_the_history_knows_counts_after_a_restart() {
    let mut world = World::new(settings(Some("1h")), &["db.a", "db.b"]);
    world.until_started("db.a", HOUR_MS).unwrap();
    world.end("db.a", succeeded(41));
    world.until_started("db.b", HOUR_MS).unwrap();
    for n in 0..3 {
        world.until_started("db.b", 7 * HOUR_MS).unwrap();
        world.end("db.b", failed(&format!("no. {n}")));
    }
    let begun = |table: &str| world.started.iter().rev().find(|(_, name)| name == table).unwrap().0;
    let (begun_a, stopped_at_ms) = (begun("db.a"), world.now_ms);
    let mut later = World::restarted(settings(Some("1h")), &["db.a", "db.b"], Pauses::default(), &world.ended);
    later.now_ms = stopped_at_ms;
    later.scheduler.listed(&later.names, later.now_ms);
    let looks = later.scheduler.advance(later.now_ms);
    assert!(looks.contains(&Action::Look { table: "db.a".to_owned(), since: Some(41) }), "{looks:?}");
    for table in ["db.a", "db.b"] {
        let seen = Seen { rule: Ok(rule(&later.settings, table)), growth: commits(1), bytes_total: 1 };
        later.scheduler.looked(table, if table == "db.a" { Some(41) } else { None }, Ok(seen), later.now_ms);
    }
    assert_eq!(later.table("db.a").due_at_ms, Some(begun_a + HOUR_MS));
    let broken = later.table("db.b");
    assert_eq!((broken.failures, broken.breaker_reason.as_deref()), (3, Some("no. 2")));
    assert_eq!(broken.due_at_ms, Some(stopped_at_ms + 6 * HOUR_MS));
}

#[test]
fn a_table_to_which_nothing_was_committed_is_not_compacted_again() {
    let mut world = World::new(settings(Some("10m")), &["db.a"]);
    world.until_started("db.a", HOUR_MS).unwrap();
    world.end("db.a", succeeded(1));
    world.growth.insert("db.a".to_owned(), commits(0));
    world.pass(3 * HOUR_MS);
    assert_eq!(world.started.len(), 1);
    // Other options may give another plan.
    let mut other = rule(&world.settings, "db.a");
    other.options = "write.target-file-size-bytes=1".to_owned();
    world.rules.insert("db.a".to_owned(), other);
    world.until_started("db.a", 11 * MINUTE_MS).unwrap();
    world.end("db.a", succeeded(1));
    world.pass(HOUR_MS);
    assert_eq!(world.started.len(), 2);
    world.growth.insert("db.a".to_owned(), commits(1));
    world.until_started("db.a", 11 * MINUTE_MS).unwrap();
}

#[test]
fn a_run_that_was_asked_for_with_options_does_not_stand_for_one_of_the_schedule() {
    let mut world = World::new(settings(Some("1h")), &["db.a"]);
    world.settle();
    let due = world.table("db.a").due_at_ms;
    let options = BTreeMap::from([("where".to_owned(), "k = 1".to_owned())]);
    world.scheduler.request("db.a", options, world.now_ms).unwrap();
    world.settle();
    world.end("db.a", succeeded(1));
    world.growth.insert("db.a".to_owned(), commits(0));
    assert_eq!(world.table("db.a").due_at_ms, due);
    let history = world.ended.clone();
    let again = World::restarted(settings(Some("1h")), &["db.a"], Pauses::default(), &history);
    assert_eq!(again.scheduler.past["db.a"].started_ms(), None);
    world.until_started("db.a", HOUR_MS).unwrap();
}

#[test]
fn new_tables_are_found_and_those_that_are_gone_forgotten() {
    let mut world = World::new(settings(Some("10m")), &["db.a"]);
    world.pass(5 * MINUTE_MS);
    world.names = vec!["db.b".to_owned(), "other.c".to_owned()];
    world.pass(2 * MINUTE_MS);
    let tables: Vec<String> =
        world.scheduler.status(world.now_ms).tables.into_iter().map(|table| table.table).collect();
    assert_eq!(tables, ["db.b"]);
    world.until_started("db.b", 11 * MINUTE_MS).unwrap();
}

#[test]
fn a_table_that_is_switched_off_or_wrong_is_left_alone() {
    let mut world = World::new(settings(Some("10m")), &["db.a"]);
    let off = TableRule { is_enabled: false, ..rule(&world.settings, "db.a") };
    world.rules.insert("db.a".to_owned(), off);
    world.pass(2 * HOUR_MS);
    assert!(world.started.is_empty() && world.table("db.a").due_at_ms.is_none());
    world.rules.clear();
    world.until_started("db.a", 20 * MINUTE_MS).unwrap();
    world.end("db.a", succeeded(1));
    let wrong = Seen { rule: Err("`x` is wrong".to_owned()), growth: commits(1), bytes_total: 1 };
    let told = world.scheduler.looked("db.a", Some(1), Ok(wrong.clone()), world.now_ms);
    assert_eq!(told.as_deref(), Some("`x` is wrong"));
    assert_eq!(world.scheduler.looked("db.a", Some(1), Ok(wrong), world.now_ms), None, "it is told once");
    let status = world.table("db.a");
    assert_eq!((status.problem.as_deref(), status.due_at_ms), (Some("`x` is wrong"), None));
}

#[test]
fn a_catalog_that_does_not_answer_changes_nothing() {
    let mut world = World::new(settings(Some("10m")), &["db.a"]);
    world.settle();
    let due = world.table("db.a").due_at_ms;
    world.scheduler.looked("db.a", None, Err("no answer".to_owned()), world.now_ms);
    world.scheduler.list_failed(world.now_ms);
    let status = world.table("db.a");
    assert_eq!((status.problem.as_deref(), status.due_at_ms), (Some("no answer"), due));
}

#[test]
fn a_group_has_no_more_runs_at_once_than_its_settings_say() {
    let big = GroupSettings {
        tables: TablePatterns::parse(["db.big*"]).unwrap(),
        n_concurrent_runs_max: Some(1),
        ..GroupSettings::default()
    };
    let settings =
        DaemonSettings { groups: [("big".to_owned(), big)].into(), n_concurrent_runs_max: 3, ..settings(Some("1m")) };
    let mut world = World::new(settings, &["db.big1", "db.big2", "db.c", "db.d"]);
    world.pass(5 * MINUTE_MS);
    let n_big = world.running.keys().filter(|table| table.starts_with("db.big")).count();
    assert_eq!((n_big, world.running.len()), (1, 3), "{:?}", world.running);
}

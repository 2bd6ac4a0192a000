//! The compaction daemon on tables in folders: what it does by itself, what it is asked to, and who else is at work.

mod gate;
mod service;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use frazil_lock::{CommitLock, Holder, LockGuard, LockName, MemoryLock};
use frazil_server::daemon::{
    Daemon, DaemonError, DaemonHandle, DaemonParts, DaemonSettings, RunRecord, RunState, Schedule, TablePatterns,
    Trigger, Triggers, Wait,
};
use frazil_server::tables::TableResolver;
use frazil_table::catalog::{TableLocator, TableSource, table_source};
use frazil_table::storage::Storage;
use frazil_table::{Clock, TableError};
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::watch;

use crate::compaction_cases::table::Lab;

const MINUTE: Duration = Duration::from_secs(60);
/// 2026-11-26T00:00:00Z
const BEGIN_MS: i64 = 1_795_651_200_000;

/// Time that passes when the test says so.
#[derive(Debug)]
struct Stepped(watch::Sender<i64>);

impl Stepped {
    fn new() -> Self {
        Self(watch::Sender::new(BEGIN_MS))
    }

    fn advance(&self, time: Duration) {
        self.0.send_modify(|now_ms| *now_ms += i64::try_from(time.as_millis()).unwrap());
    }
}

#[async_trait]
impl Clock for Stepped {
    fn now_ms(&self) -> i64 {
        *self.0.borrow()
    }

    async fn sleep(&self, duration: Duration) {
        let end_ms = self.now_ms() + i64::try_from(duration.as_millis()).unwrap();
        self.0.subscribe().wait_for(|now_ms| *now_ms >= end_ms).await.unwrap();
    }
}

/// Tables in folders, by name.
#[derive(Debug)]
struct Folders(BTreeMap<String, String>);

#[async_trait]
impl TableResolver for Folders {
    async fn source(&self, table: &str) -> Result<Arc<dyn TableSource>, TableError> {
        let place = self
            .0
            .get(table)
            .ok_or_else(|| TableError::TableNotFound { table: table.to_owned(), detail: "no such name".to_owned() })?;
        Ok(table_source(&TableLocator::Path(place.clone()), &Storage::local()))
    }

    async fn list(&self) -> Result<Vec<String>, TableError> {
        Ok(self.0.keys().cloned().collect())
    }
}

/// A table with small files, and all that a daemon needs.
struct Site {
    folder: TempDir,
    lab: Lab,
    lock: Arc<MemoryLock>,
    clock: Arc<Stepped>,
}

impl Site {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let lab = Lab::on_disk(&format!("{}/t", folder.path().display()), 2, &[]).await;
        for n in 0..6 {
            lab.append(&[&format!("{n} eu a{n}"), &format!("{} eu b{n}", n + 10)]).await;
        }
        lab.delete_keys(&["3 - -"]).await;
        Self { folder, lab, lock: Arc::new(MemoryLock::new()), clock: Arc::new(Stepped::new()) }
    }

    fn tables(&self) -> Folders {
        Folders([("db.t".to_owned(), format!("{}/t", self.folder.path().display()))].into())
    }

    async fn daemon(&self, settings: DaemonSettings) -> Daemon {
        self.daemon_of(Arc::new(self.tables()), settings).await
    }

    async fn daemon_of(&self, tables: Arc<dyn TableResolver>, settings: DaemonSettings) -> Daemon {
        let parts = DaemonParts { tables, lock: self.lock.clone(), clock: self.clock.clone(), settings };
        Daemon::start(parts).await.unwrap()
    }

    fn scheduled(&self, interval: &str) -> DaemonSettings {
        DaemonSettings {
            tables: TablePatterns::parse(["db.*"]).unwrap(),
            schedule: Some(Schedule::parse(interval).unwrap()),
            state: Some(self.folder.path().join("state")),
            ..DaemonSettings::default()
        }
    }

    async fn n_files(&self) -> usize {
        self.lab.live().await.data.len()
    }

    /// Keeps commits to the table from being made.
    async fn hold(&self, suffix: &str) -> Box<dyn LockGuard> {
        let name = self.lab.committer.target().lock_name() + suffix;
        let holder = Holder::of_this_process("another", "test", 0);
        self.lock.acquire(&LockName::new(name).unwrap(), &holder, Duration::from_secs(60)).await.unwrap()
    }

    /// Time passes, while nothing is under way, until runs have ended, `n` in all.
    async fn until_ended(&self, daemon: &DaemonHandle, n: usize) -> Vec<RunRecord> {
        for _ in 0..200_000 {
            let ended = daemon.history(None, 100);
            if ended.len() >= n {
                return ended;
            }
            if daemon.status().await.unwrap().runs.is_empty() {
                self.clock.advance(Duration::from_secs(10));
            }
            tokio::task::yield_now().await;
        }
        panic!("no run has ended: {:?}", daemon.status().await);
    }

    /// Until the run waits to commit: it has written its files, and is in line for the lock that the test holds.
    async fn until_committing(&self) {
        let name = LockName::new(self.lab.committer.target().lock_name()).unwrap();
        while self.lock.describe(&name).await.unwrap().n_waiting == 0 {
            tokio::task::yield_now().await;
        }
    }
}

fn one_table(settings: &DaemonSettings) -> DaemonSettings {
    DaemonSettings { state: None, ..settings.clone() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_compacted_by_schedule_and_the_history_outlives_the_process() {
    let site = Site::new().await;
    let rows = site.lab.rows().await;
    let daemon = site.daemon(site.scheduled("10m")).await;
    assert_eq!(site.n_files().await, 6);
    let ended = site.until_ended(&daemon.handle(), 1).await;
    let run = &ended[0];
    assert_eq!((run.state, run.trigger, run.error.as_str()), (RunState::Succeeded, Trigger::Schedule, ""), "{run:?}");
    assert_eq!((run.work.n_data_files_rewritten, run.work.n_data_files_added), (6, 1));
    assert_eq!((site.n_files().await, site.lab.rows().await), (1, rows));
    let head = site.lab.table().await.metadata().current_snapshot_id();
    assert_eq!(run.work.snapshot_ids.last().copied(), head);
    let (began_ms, ended_ms) = (run.started_at_ms.unwrap(), run.ended_at_ms.unwrap());
    assert!((BEGIN_MS..=BEGIN_MS + 600_000).contains(&began_ms) && ended_ms >= began_ms, "{run:?}");

    // Nothing has come, so nothing is done.
    for _ in 0..60 {
        site.clock.advance(MINUTE);
        daemon.handle().status().await.unwrap();
    }
    assert_eq!(daemon.handle().history(Some("db.t"), 100), ended);
    daemon.stop().await;

    let daemon = site.daemon(site.scheduled("10m")).await;
    assert_eq!(daemon.handle().history(None, 100), ended);
    site.lab.append(&["90 eu x"]).await;
    let again = site.until_ended(&daemon.handle(), 2).await;
    assert_eq!((again[0].state, again[1] == ended[0]), (RunState::Succeeded, true), "{again:?}");
    assert_ne!(again[0].run_id, ended[0].run_id);
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn enough_delete_files_make_a_table_due() {
    let site = Site::new().await;
    let rows = site.lab.rows().await;
    let triggers = Triggers { deletes: Some(2), ..Triggers::default() };
    let daemon = site.daemon(DaemonSettings { schedule: None, triggers, ..site.scheduled("1h") }).await;
    for _ in 0..10 {
        site.clock.advance(MINUTE);
        daemon.handle().status().await.unwrap();
    }
    assert_eq!(daemon.handle().history(None, 10), []);
    site.lab.delete_keys(&["99 - -"]).await;
    let ended = site.until_ended(&daemon.handle(), 1).await;
    assert_eq!((ended[0].state, ended[0].trigger), (RunState::Succeeded, Trigger::Deletes), "{ended:?}");
    assert_eq!((site.n_files().await, site.lab.rows().await), (1, rows));
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_never_compact_a_table_at_the_same_time() {
    let site = Site::new().await;
    let settings = one_table(&DaemonSettings::default());
    let (first, second) = (site.daemon(settings.clone()).await, site.daemon(settings).await);
    let commit_lock = site.hold("").await;
    let queued = first.handle().run("db.t", BTreeMap::new(), Wait::ForQueue).await.unwrap();
    assert!(matches!(queued.state, RunState::Queued | RunState::Running));
    site.until_committing().await;
    let here = first.handle().run("db.t", BTreeMap::new(), Wait::ForEnd).await.unwrap_err();
    assert!(here.to_string().contains(&format!("by run `{}` of this server", queued.run_id)), "{here}");
    let there = second.handle().run("db.t", BTreeMap::new(), Wait::ForEnd).await.unwrap_err();
    assert!(matches!(&there, DaemonError::AlreadyRunning { detail, .. } if detail.contains("elsewhere")), "{there}");
    commit_lock.release().await.unwrap();
    let ended = site.until_ended(&first.handle(), 1).await;
    assert_eq!((ended[0].run_id.clone(), ended[0].state), (queued.run_id, RunState::Succeeded), "{ended:?}");
    let after = second.handle().run("db.t", BTreeMap::new(), Wait::ForEnd).await.unwrap();
    assert_eq!((after.state, after.work.n_data_files_rewritten), (RunState::Succeeded, 0));
    first.stop().await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheduled_run_waits_for_the_one_of_another_process() {
    let site = Site::new().await;
    let daemon = site.daemon(site.scheduled("10m")).await;
    let lease = site.hold(".compaction").await;
    let mut n_looks = 0;
    while daemon.handle().status().await.unwrap().tables.first().is_none_or(|table| table.problem.is_none()) {
        site.clock.advance(Duration::from_secs(10));
        n_looks += 1;
        assert!(n_looks < 200_000);
        tokio::task::yield_now().await;
    }
    assert_eq!((daemon.handle().history(None, 10), site.n_files().await), (vec![], 6));
    lease.release().await.unwrap();
    let ended = site.until_ended(&daemon.handle(), 1).await;
    assert_eq!((ended[0].state, site.n_files().await), (RunState::Succeeded, 1), "{ended:?}");
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_cancelled_leaves_the_table_as_it_was_and_the_lease_free() {
    let site = Site::new().await;
    let rows = site.lab.rows().await;
    let daemon = site.daemon(one_table(&DaemonSettings::default())).await;
    let commit_lock = site.hold("").await;
    let run = daemon.handle().run("db.t", BTreeMap::new(), Wait::ForQueue).await.unwrap();
    site.until_committing().await;
    daemon.handle().cancel(&run.run_id).await.unwrap();
    let ended = site.until_ended(&daemon.handle(), 1).await;
    assert_eq!((ended[0].state, ended[0].error.as_str()), (RunState::Cancelled, "it was stopped"));
    let unknown = daemon.handle().cancel(&run.run_id).await.unwrap_err();
    assert!(matches!(unknown, DaemonError::NoSuchRun { .. }), "{unknown}");
    commit_lock.release().await.unwrap();
    assert_eq!((site.n_files().await, site.lab.rows().await), (6, rows));
    let again = daemon.handle().run("db.t", BTreeMap::new(), Wait::ForEnd).await.unwrap();
    assert_eq!((again.state, site.n_files().await), (RunState::Succeeded, 1), "{again:?}");
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stops_waiting_stops_the_run() {
    let site = Site::new().await;
    let daemon = site.daemon(one_table(&DaemonSettings::default())).await;
    let commit_lock = site.hold("").await;
    let handle = daemon.handle();
    let waiting = tokio::spawn(async move { handle.run("db.t", BTreeMap::new(), Wait::ForEnd).await });
    site.until_committing().await;
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    while daemon.handle().history(None, 1).is_empty() {
        site.clock.advance(Duration::from_secs(1));
        daemon.handle().status().await.unwrap();
    }
    assert_eq!(daemon.handle().history(None, 1)[0].state, RunState::Cancelled);
    drop(commit_lock);
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_is_stopped_stops_its_runs_and_one_that_is_drained_lets_them_end() {
    let site = Site::new().await;
    let daemon = site.daemon(one_table(&DaemonSettings::default())).await;
    let commit_lock = site.hold("").await;
    let handle = daemon.handle();
    handle.run("db.t", BTreeMap::new(), Wait::ForQueue).await.unwrap();
    site.until_committing().await;
    daemon.stop().await;
    assert_eq!((handle.history(None, 1)[0].state, site.n_files().await), (RunState::Cancelled, 6));
    let ended = handle.run("db.t", BTreeMap::new(), Wait::ForEnd).await.unwrap_err();
    assert!(matches!(ended, DaemonError::Draining), "{ended}");

    let daemon = site.daemon(one_table(&DaemonSettings::default())).await;
    let handle = daemon.handle();
    handle.run("db.t", BTreeMap::new(), Wait::ForQueue).await.unwrap();
    site.until_committing().await;
    let draining = tokio::spawn({
        let handle = handle.clone();
        async move { handle.drain().await }
    });
    while !handle.status().await.unwrap().is_draining {
        tokio::task::yield_now().await;
    }
    assert!(!draining.is_finished());
    commit_lock.release().await.unwrap();
    draining.await.unwrap().unwrap();
    assert_eq!((handle.history(None, 1)[0].state, site.n_files().await), (RunState::Succeeded, 1));
    let refused = handle.run("db.t", BTreeMap::new(), Wait::ForEnd).await.unwrap_err();
    assert!(matches!(refused, DaemonError::Draining), "{refused}");
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_property_that_is_wrong_is_told_and_the_table_left_alone() {
    let site = Site::new().await;
    site.lab
        .edit(|document| {
            document.insert("properties".to_owned(), json!({"frazil.compaction.schedule": "soon"}));
        })
        .await;
    let daemon = site.daemon(site.scheduled("10m")).await;
    for _ in 0..60 {
        site.clock.advance(MINUTE);
        daemon.handle().status().await.unwrap();
    }
    let mut n_looks = 0;
    let problem = loop {
        let status = daemon.handle().status().await.unwrap();
        if let Some(problem) = status.tables.first().and_then(|table| table.problem.clone()) {
            break problem;
        }
        n_looks += 1;
        assert!(n_looks < 200_000);
        tokio::task::yield_now().await;
    };
    assert!(problem.contains("`frazil.compaction.schedule` is `soon`: neither an interval"), "{problem}");
    assert_eq!((daemon.handle().history(None, 10), site.n_files().await), (vec![], 6));
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_are_wrong_keep_the_daemon_from_starting() {
    let site = Site::new().await;
    let settings = DaemonSettings { tables: TablePatterns::default(), ..site.scheduled("10m") };
    let parts = DaemonParts {
        tables: Arc::new(Folders(BTreeMap::new())),
        lock: site.lock.clone(),
        clock: site.clock.clone(),
        settings,
    };
    let error = Daemon::start(parts).await.unwrap_err();
    assert!(error.to_string().contains("set `tables`"), "{error}");
}

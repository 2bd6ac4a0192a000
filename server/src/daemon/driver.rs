//! Performs what the scheduler decides: looks at tables, has them compacted, keeps the history, and answers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use frazil_lock::CommitLock;
use frazil_table::{Clock, Table};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tracing::{error, info, warn};
use uuid::Uuid;

use super::error::{DaemonError, chain};
use super::handle::{Command, DaemonHandle, Reply, Wait};
use super::history::History;
use super::look;
use super::record::{RunRecord, RunState};
use super::run;
use super::scheduler::{Action, Pauses, Refused, RunEnd, Scheduler, Seen};
use super::settings::DaemonSettings;
use super::stop::Stop;
use crate::tables::TableResolver;

/// Time between two questions to the scheduler.
const TICK: Duration = Duration::from_secs(1);
/// Questions that may wait for an answer.
const N_COMMANDS_MAX: usize = 64;

/// What the daemon works with.
#[derive(Debug)]
pub struct DaemonParts {
    /// Finds tables.
    pub tables: Arc<dyn TableResolver>,
    /// Under this commits are made and, by another name, runs.
    pub lock: Arc<dyn CommitLock>,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// How it is set up.
    pub settings: DaemonSettings,
}

/// A daemon at work.
#[derive(Debug)]
pub struct Daemon {
    handle: DaemonHandle,
    task: JoinHandle<()>,
}

impl Daemon {
    /// Begins, with the history and the pauses of the state folder.
    ///
    /// # Errors
    /// [`DaemonError::Settings`] if settings are wrong; [`DaemonError::State`] if the state folder cannot be used.
    pub async fn start(parts: DaemonParts) -> Result<Self, DaemonError> {
        parts.settings.check().map_err(DaemonError::Settings)?;
        let state = parts.settings.state.clone();
        let opened = tokio::task::spawn_blocking(move || match state {
            Some(folder) => History::open(&folder),
            None => Ok((History::default(), Pauses::default())),
        });
        let (history, pauses) = opened.await.map_err(|_| DaemonError::Draining)??;
        let id = Uuid::new_v4().simple().to_string();
        let run_id_prefix = id.get(..8).unwrap_or_default().to_owned();
        let settings = Arc::new(parts.settings.clone());
        let scheduler = Scheduler::new(settings, run_id_prefix, pauses, history.records());
        let (sender, commands) = mpsc::channel(N_COMMANDS_MAX);
        let handle = DaemonHandle { commands: sender, parts: Arc::new(parts), history: Arc::new(Mutex::new(history)) };
        let driver = Driver {
            parts: handle.parts.clone(),
            history: handle.history.clone(),
            scheduler,
            commands,
            has_clients: true,
            is_stopping: false,
            looks: JoinSet::new(),
            runs: JoinSet::new(),
            stops: HashMap::new(),
            waiting: HashMap::new(),
            draining: Vec::new(),
            seen: HashMap::new(),
            has_list_failed: false,
        };
        let task = tokio::spawn(driver.drive());
        Ok(Self { handle, task })
    }

    /// Asks it.
    pub fn handle(&self) -> DaemonHandle {
        self.handle.clone()
    }

    /// Stops the runs that are under way, and returns when everything has ended. To let them finish, drain it before.
    pub async fn stop(self) {
        // If it is gone, it has ended.
        self.handle.commands.send(Command::Stop).await.ok();
        if let Err(error) = self.task.await {
            error!(%error, "compaction daemon ended with a fault");
        }
    }
}

/// What a look brought.
#[derive(Debug)]
enum Looked {
    List(Result<Vec<String>, String>),
    Table { table: String, since: Option<i64>, seen: Result<Box<(Seen, Table)>, String> },
}

struct Driver {
    parts: Arc<DaemonParts>,
    history: Arc<Mutex<History>>,
    scheduler: Scheduler,
    commands: mpsc::Receiver<Command>,
    has_clients: bool,
    is_stopping: bool,
    looks: JoinSet<Looked>,
    /// Ids of the runs, and how they ended.
    runs: JoinSet<(String, RunEnd)>,
    stops: HashMap<String, Arc<Stop>>,
    /// Who waits for the end of a run.
    waiting: HashMap<String, Reply<RunRecord>>,
    draining: Vec<Reply<()>>,
    /// Tables as they were seen last, so that a look at one that has not changed costs little.
    seen: HashMap<String, Table>,
    has_list_failed: bool,
}

impl Driver {
    async fn drive(mut self) {
        let clock = self.parts.clock.clone();
        let mut tick = clock.sleep(TICK);
        loop {
            self.perform().await;
            if self.is_stopping && self.scheduler.is_idle() && self.runs.is_empty() {
                return;
            }
            tokio::select! {
                biased;
                command = self.commands.recv(), if self.has_clients => match command {
                    Some(command) => self.on_command(command),
                    None => {
                        self.has_clients = false;
                        self.stop();
                    }
                },
                Some(ended) = self.runs.join_next(), if !self.runs.is_empty() => match ended {
                    Ok((run_id, end)) => self.scheduler.ended(&run_id, end, clock.now_ms()),
                    // A run catches its own faults, and is never aborted.
                    Err(error) => error!(%error, "a compaction run ended with a fault"),
                },
                Some(looked) = self.looks.join_next(), if !self.looks.is_empty() => {
                    if let Ok(looked) = looked {
                        self.on_look(looked);
                    }
                }
                () = &mut tick => {
                    tick = clock.sleep(TICK);
                    self.stop_what_nobody_waits_for();
                }
            }
        }
    }

    fn now_ms(&self) -> i64 {
        self.parts.clock.now_ms()
    }

    async fn perform(&mut self) {
        for action in self.scheduler.advance(self.now_ms()) {
            match action {
                Action::List => {
                    let tables = self.parts.tables.clone();
                    self.looks.spawn(async move { Looked::List(tables.list().await.map_err(|error| chain(&error))) });
                }
                Action::Look { table, since } => self.look(table, since),
                Action::Start { run_id, table, options } => {
                    info!(table, run_id, "compaction run started");
                    let stop = Arc::new(Stop::new());
                    self.stops.insert(run_id.clone(), stop.clone());
                    let run = run::run(self.parts.clone(), table, options, stop);
                    self.runs.spawn(async move { (run_id, run.await) });
                }
                Action::Stop { run_id } => {
                    if let Some(stop) = self.stops.get(&run_id) {
                        stop.ask();
                    }
                }
                Action::Ended { record, is_busy } => self.on_end(*record, is_busy).await,
                Action::KeepPauses(pauses) => {
                    let history = self.history.clone();
                    self.write(move || lock(&history).keep_pauses(&pauses)).await;
                }
            }
        }
        if self.scheduler.is_idle() {
            for reply in self.draining.drain(..) {
                reply.send(Ok(())).ok();
            }
        }
    }

    fn look(&mut self, table: String, since: Option<i64>) {
        let (parts, before) = (self.parts.clone(), self.seen.remove(&table));
        self.looks.spawn(async move {
            let loaded = look::load(&*parts.tables, &table, before).await;
            let seen = loaded.and_then(|loaded| {
                let seen = look::seen(&parts.settings, &table, &loaded, since)?;
                Ok(Box::new((seen, loaded)))
            });
            Looked::Table { table, since, seen }
        });
    }

    fn on_look(&mut self, looked: Looked) {
        let now_ms = self.now_ms();
        match looked {
            Looked::List(Ok(names)) => {
                self.has_list_failed = false;
                self.scheduler.listed(&names, now_ms);
                let scheduler = &self.scheduler;
                self.seen.retain(|table, _| scheduler.has_table(table));
            }
            Looked::List(Err(error)) => {
                // Once, until it works again.
                if !std::mem::replace(&mut self.has_list_failed, true) {
                    warn!(error, "tables cannot be listed; those that are known are compacted");
                }
                self.scheduler.list_failed(now_ms);
            }
            Looked::Table { table, since, seen } => {
                let seen = seen.map(|found| {
                    let (seen, loaded) = *found;
                    self.seen.insert(table.clone(), loaded);
                    seen
                });
                if let Some(problem) = self.scheduler.looked(&table, since, seen, now_ms) {
                    warn!(table, problem, "table cannot be compacted as it is");
                }
            }
        }
    }

    async fn on_end(&mut self, record: RunRecord, is_busy: bool) {
        self.stops.remove(&record.run_id);
        let RunRecord { run_id, table, error, .. } = &record;
        match record.state {
            RunState::Failed => warn!(table, run_id, error, "compaction run failed"),
            RunState::Partial => warn!(table, run_id, error, "compaction run did only a part"),
            _ => {
                let (n_files, n_outputs) = (record.work.n_data_files_rewritten, record.work.n_data_files_added);
                info!(table, run_id, state = ?record.state, n_files, n_outputs, "compaction run ended");
            }
        }
        let (kept, history) = (record.clone(), self.history.clone());
        self.write(move || lock(&history).add(kept)).await;
        if let Some(reply) = self.waiting.remove(&record.run_id) {
            let answer = if is_busy {
                Err(DaemonError::AlreadyRunning { table: record.table, detail: record.error })
            } else {
                Ok(record)
            };
            reply.send(answer).ok();
        }
    }

    /// What cannot be kept is no reason to compact nothing.
    async fn write(&self, write: impl FnOnce() -> std::io::Result<()> + Send + 'static) {
        let written = tokio::task::spawn_blocking(write).await;
        let written = written.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        if let Err(error) = written {
            warn!(%error, "state of the compaction daemon was not written");
        }
    }

    fn on_command(&mut self, command: Command) {
        let now_ms = self.now_ms();
        match command {
            Command::Run { table, options, wait, reply } => {
                let queued = self.scheduler.request(&table, options, now_ms);
                match (queued, wait) {
                    (Ok(run_id), Wait::ForEnd) => {
                        self.waiting.insert(run_id, reply);
                    }
                    (Ok(run_id), Wait::ForQueue) => {
                        let record = self.scheduler.record(&run_id);
                        reply.send(record.ok_or(DaemonError::NoSuchRun { run_id })).ok();
                    }
                    (Err(refused), _) => {
                        reply.send(Err(refusal(table, refused))).ok();
                    }
                }
            }
            Command::Status { reply } => {
                reply.send(Ok(self.scheduler.status(now_ms))).ok();
            }
            Command::Cancel { run_id, reply } => {
                let is_known = self.scheduler.cancel(&run_id, now_ms);
                reply.send(if is_known { Ok(()) } else { Err(DaemonError::NoSuchRun { run_id }) }).ok();
            }
            Command::Pause { table, reply } => {
                let is_known = self.scheduler.pause(table.as_deref());
                reply.send(known(is_known, table)).ok();
            }
            Command::Resume { table, reply } => {
                let is_known = self.is_stopping || self.scheduler.resume(table.as_deref());
                reply.send(known(is_known, table)).ok();
            }
            Command::Drain { reply } => {
                self.scheduler.drain(now_ms);
                self.draining.push(reply);
            }
            Command::Stop => self.stop(),
        }
    }

    fn stop(&mut self) {
        self.is_stopping = true;
        self.looks.abort_all();
        let now_ms = self.now_ms();
        self.scheduler.drain(now_ms);
        for run_id in self.scheduler.run_ids() {
            self.scheduler.cancel(&run_id, now_ms);
        }
    }

    fn stop_what_nobody_waits_for(&mut self) {
        let gone = self.waiting.iter().filter(|(_, reply)| reply.is_closed()).map(|(run_id, _)| run_id.clone());
        let (gone, now_ms): (Vec<String>, i64) = (gone.collect(), self.now_ms());
        for run_id in gone {
            self.waiting.remove(&run_id);
            self.scheduler.cancel(&run_id, now_ms);
        }
    }
}

fn lock(history: &Mutex<History>) -> std::sync::MutexGuard<'_, History> {
    history.lock().unwrap_or_else(PoisonError::into_inner)
}

fn known(is_known: bool, table: Option<String>) -> Result<(), DaemonError> {
    if is_known { Ok(()) } else { Err(DaemonError::NotScheduled { table: table.unwrap_or_default() }) }
}

fn refusal(table: String, refused: Refused) -> DaemonError {
    match refused {
        Refused::AlreadyRunning { run_id } => {
            DaemonError::AlreadyRunning { table, detail: format!("by run `{run_id}` of this server") }
        }
        Refused::Draining => DaemonError::Draining,
        Refused::TooMany { n_max } => DaemonError::TooManyWait { n_max },
    }
}

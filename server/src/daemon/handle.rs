//! What others ask of the daemon.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use frazil_compactor::{CompactionOptions, CompactionPlan, plan};
use tokio::sync::{mpsc, oneshot};

use super::driver::DaemonParts;
use super::error::DaemonError;
use super::history::History;
use super::policy;
use super::record::RunRecord;
use super::scheduler::DaemonStatus;

/// Runs that are told of at once at most.
const N_HISTORY_MAX: usize = 1_000;

/// When a run that was asked for is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// When it is in the queue.
    ForQueue,
    /// When it has ended. Who stops waiting stops the run.
    ForEnd,
}

/// Answers go here.
pub(super) type Reply<T> = oneshot::Sender<Result<T, DaemonError>>;

/// What the driver is asked.
#[derive(Debug)]
pub(super) enum Command {
    Run {
        table: String,
        options: BTreeMap<String, String>,
        wait: Wait,
        reply: Reply<RunRecord>,
    },
    Status {
        reply: Reply<DaemonStatus>,
    },
    Cancel {
        run_id: String,
        reply: Reply<()>,
    },
    Pause {
        table: Option<String>,
        reply: Reply<()>,
    },
    Resume {
        table: Option<String>,
        reply: Reply<()>,
    },
    /// Answered when nothing is under way any more.
    Drain {
        reply: Reply<()>,
    },
    /// Stops what is under way, and ends.
    Stop,
}

/// Asks the daemon. Clones ask the same one, which ends when there is none left.
#[derive(Debug, Clone)]
pub struct DaemonHandle {
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) parts: Arc<DaemonParts>,
    pub(super) history: Arc<Mutex<History>>,
}

impl DaemonHandle {
    /// Has a table compacted, with these options before those of the table and the settings.
    ///
    /// # Errors
    /// [`DaemonError::AlreadyRunning`] if a run of the table is under way or waits, here or, with [`Wait::ForEnd`], in
    /// another process; [`DaemonError::TooManyWait`] and [`DaemonError::Draining`]; [`DaemonError::Table`] if an option
    /// is wrong, or the table is not there or cannot be written. How a run failed stands in its record.
    pub async fn run(
        &self,
        table: &str,
        options: BTreeMap<String, String>,
        wait: Wait,
    ) -> Result<RunRecord, DaemonError> {
        // What is wrong by itself is told before a table is looked for.
        CompactionOptions::default().set_all(given(&options))?;
        self.parts.tables.source(table).await?.commit_target().await?;
        let table = table.to_owned();
        self.ask(|reply| Command::Run { table, options, wait, reply }).await
    }

    /// What a run would rewrite, and why. Nothing is locked or written.
    ///
    /// # Errors
    /// [`DaemonError::Table`] if an option is wrong, or the table cannot be loaded or planned.
    pub async fn plan(&self, table: &str, options: &BTreeMap<String, String>) -> Result<CompactionPlan, DaemonError> {
        CompactionOptions::default().set_all(given(options))?;
        let table = self.parts.tables.source(table).await?.load().await?;
        let options = policy::options(&self.parts.settings, table.metadata().properties(), given(options))?;
        Ok(plan(&table, &options).await?)
    }

    /// The runs that are under way or wait, and what is known of each table that is compacted by schedule.
    ///
    /// # Errors
    /// [`DaemonError::Draining`] if the daemon has ended.
    pub async fn status(&self) -> Result<DaemonStatus, DaemonError> {
        self.ask(|reply| Command::Status { reply }).await
    }

    /// Stops a run, or takes it out of the queue. What it has committed stays; files that it has written and not
    /// committed are orphans. Returns before it has ended.
    ///
    /// # Errors
    /// [`DaemonError::NoSuchRun`]; [`DaemonError::Draining`] if the daemon has ended.
    pub async fn cancel(&self, run_id: &str) -> Result<(), DaemonError> {
        let run_id = run_id.to_owned();
        self.ask(|reply| Command::Cancel { run_id, reply }).await
    }

    /// Runs that have ended, newest first: of a table, or of all. At most `n_max`, and at most 1,000.
    pub fn history(&self, table: Option<&str>, n_max: usize) -> Vec<RunRecord> {
        let history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        history.newest(table, n_max.min(N_HISTORY_MAX))
    }

    /// Starts no more scheduled runs of a table, or of any, until it is resumed, also by later daemons with the same
    /// state folder. Runs that are under way go on.
    ///
    /// # Errors
    /// [`DaemonError::NotScheduled`]; [`DaemonError::Draining`] if the daemon has ended.
    pub async fn pause(&self, table: Option<&str>) -> Result<(), DaemonError> {
        let table = table.map(str::to_owned);
        self.ask(|reply| Command::Pause { table, reply }).await
    }

    /// Takes the pause of a table back and closes its breaker; or the pause of all, a drain, and every breaker. Tables
    /// that were paused by name stay so.
    ///
    /// # Errors
    /// [`DaemonError::NotScheduled`]; [`DaemonError::Draining`] if the daemon has ended.
    pub async fn resume(&self, table: Option<&str>) -> Result<(), DaemonError> {
        let table = table.map(str::to_owned);
        self.ask(|reply| Command::Resume { table, reply }).await
    }

    /// Starts no more runs at all, gives up those that wait, and returns when those under way have ended.
    ///
    /// # Errors
    /// [`DaemonError::Draining`] if the daemon has ended.
    pub async fn drain(&self) -> Result<(), DaemonError> {
        self.ask(|reply| Command::Drain { reply }).await
    }

    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, DaemonError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.map_err(|_| DaemonError::Draining)?;
        answer.await.map_err(|_| DaemonError::Draining)?
    }
}

fn given(options: &BTreeMap<String, String>) -> impl Iterator<Item = (&str, &str)> {
    options.iter().map(|(name, value)| (name.as_str(), value.as_str()))
}

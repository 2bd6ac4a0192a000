//! What can go wrong with the daemon, and what the caller can do.

use std::path::PathBuf;

use frazil_table::{Advice, TableError, with_causes};

/// Why the daemon did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DaemonError {
    /// A run of the table is under way or waits. Wait for it, or cancel it.
    #[error("table is being compacted, table=`{table}`: {detail}")]
    AlreadyRunning {
        /// The table.
        table: String,
        /// By whom.
        detail: String,
    },
    /// There is no such run under way or waiting. Look at the status for those there are.
    #[error("there is no run `{run_id}` under way or waiting")]
    NoSuchRun {
        /// What was asked for.
        run_id: String,
    },
    /// The table is not one that is compacted by schedule. Look at the status for those there are.
    #[error("table `{table}` is not compacted by schedule; add it to `tables` in [compaction]")]
    NotScheduled {
        /// What was asked for.
        table: String,
    },
    /// So many runs wait that no more are taken. Try again later.
    #[error("too many runs wait, n_max=`{n_max}`")]
    TooManyWait {
        /// Runs that may wait.
        n_max: usize,
    },
    /// The daemon starts no more runs, or has ended. Ask another, or later.
    #[error("the daemon starts no more runs")]
    Draining,
    /// The settings contradict each other. The text says what would be right.
    #[error("the settings of [compaction] are wrong: {0}")]
    Settings(String),
    /// The folder for the daemon's state cannot be used. Correct what the text names.
    #[error("state folder cannot be used, path=`{path}`: {detail}", path = .path.display())]
    State {
        /// The folder, or a file in it.
        path: PathBuf,
        /// What is wrong, and what to do.
        detail: String,
    },
    /// The table could not be found, loaded or planned.
    #[error(transparent)]
    Table(#[from] TableError),
}

impl DaemonError {
    /// Stable code for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::AlreadyRunning { .. } => "ALREADY_RUNNING",
            Self::NoSuchRun { .. } => "RUN_NOT_FOUND",
            Self::NotScheduled { .. } => "TABLE_NOT_SCHEDULED",
            Self::TooManyWait { .. } => "TOO_MANY_RUNS",
            Self::Draining => "DRAINING",
            Self::Settings(_) => "INVALID_ARGUMENT",
            Self::State { .. } => "STATE_UNAVAILABLE",
            Self::Table(error) => error.code(),
        }
    }

    /// What the caller can do.
    pub fn advice(&self) -> Advice {
        match self {
            Self::AlreadyRunning { .. } | Self::TooManyWait { .. } | Self::Draining => Advice::RetryLater,
            Self::Table(error) => error.advice(),
            _ => Advice::FixRequest,
        }
    }
}

/// An error with its causes, cut where a text has no end.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    cut(with_causes(error))
}

/// The text, cut where it has no end.
pub(super) fn cut(text: String) -> String {
    const CHARACTERS_MAX: usize = 2_000;
    match text.char_indices().nth(CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

//! How commits are made.

use std::time::Duration;

/// How commits are made, whatever the table says.
#[derive(Debug, Clone)]
pub struct CommitOptions {
    /// How long a commit waits for the lock.
    pub lock_wait: Duration,
    /// Tries of one commit at most; `None` leaves it to the table's `commit.retry.num-retries`. A try that is refused
    /// has lost against another writer, and the next one rebuilds only what depends on it.
    pub n_retries: Option<u32>,
}

impl Default for CommitOptions {
    /// Three minutes are what engines wait for Hive's lock, too.
    fn default() -> Self {
        Self { lock_wait: Duration::from_secs(180), n_retries: None }
    }
}

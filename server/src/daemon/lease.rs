//! One run of a table at a time, across processes: a lock beside the one for commits.

use std::time::Duration;

use frazil_lock::{CommitLock, Holder, LockError, LockGuard, LockName};

use super::error::chain;

/// Added to the name of the lock for commits, which a run takes for each of its commits and others need meanwhile.
const SUFFIX: &str = ".compaction";

/// Why there is no lease.
#[derive(Debug)]
pub(super) enum NoLease {
    /// Another run of the table is under way; the text says whose.
    Busy(String),
    /// The lock service does not give it.
    Failed(String),
}

/// Takes the lease of the table whose commits are locked by `lock_name`. It is not waited for.
pub(super) async fn take(lock: &dyn CommitLock, lock_name: &str, now_ms: i64) -> Result<Box<dyn LockGuard>, NoLease> {
    let failed = |error: LockError| NoLease::Failed(format!("no lease of the table: {}", chain(&error)));
    let name = LockName::new(format!("{lock_name}{SUFFIX}")).map_err(failed)?;
    let holder = Holder::of_this_process("frazil", "compaction", now_ms);
    match lock.acquire(&name, &holder, Duration::ZERO).await {
        Ok(guard) => Ok(guard),
        Err(LockError::Busy { holder: Some(holder), .. }) => {
            Err(NoLease::Busy(format!("a run is under way elsewhere, holder=`{holder}`")))
        }
        Err(LockError::Busy { holder: None, .. }) => Err(NoLease::Busy("a run is under way elsewhere".to_owned())),
        Err(error) => Err(failed(error)),
    }
}

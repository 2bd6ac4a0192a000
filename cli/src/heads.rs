//! Hears of commits from the lock service, where one is set up: those who commit under a lock in ZooKeeper set a node
//! there, upon which a table that is followed is looked at.

use std::sync::Arc;
use std::time::Duration;

use frazil_lock::{CommitLock, HeadMark, LockName};
use frazil_reader::discovery::Hints;
use frazil_table::catalog::TableSource;
use frazil_table::{Clock, SystemClock};
use tokio::task::JoinHandle;
use tracing::{debug, warn};

use crate::error::CliError;
use crate::settings::{LockKind, LockSettings};

/// Before a lock service that has failed is asked again. Commits are found without it meanwhile.
const PAUSE: Duration = Duration::from_secs(10);

/// Hears of commits until it is dropped.
#[derive(Debug)]
pub(crate) struct HeadListener(JoinHandle<()>);

impl Drop for HeadListener {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Tells `hints` of commits to the table that are made under the lock of these settings. `None` if others cannot hear
/// of commits by that lock, or nobody can commit to the table.
///
/// # Errors
/// As [`LockSettings::open`].
pub(crate) async fn listen(
    source: &Arc<dyn TableSource>,
    settings: &LockSettings,
    hints: Hints,
) -> Result<Option<HeadListener>, CliError> {
    if settings.kind() != LockKind::ZooKeeper {
        return Ok(None);
    }
    let lock = settings.open()?;
    let name = match source.clone().commit_target().await {
        Ok(target) => LockName::new(target.lock_name())?,
        Err(error) => {
            debug!(table = source.name(), %error, "commits are not heard of");
            return Ok(None);
        }
    };
    Ok(Some(HeadListener(tokio::spawn(run(lock, name, hints)))))
}

async fn run(lock: Arc<dyn CommitLock>, name: LockName, hints: Hints) {
    let mut mark = HeadMark::default();
    let mut is_told = false;
    loop {
        match lock.head_after(&name, mark).await {
            Ok(newer) => {
                (mark, is_told) = (newer, false);
                hints.notify();
            }
            Err(error) => {
                if !is_told {
                    warn!(lock = %name, %error, "commits are not heard of, and found by looking only");
                }
                is_told = true;
                SystemClock.sleep(PAUSE).await;
            }
        }
    }
}

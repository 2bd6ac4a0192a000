//! What a lock is, whatever keeps it.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{Holder, LockName, Loss, Result};

/// Locks by name. Those who wait get them in the order in which they came.
#[async_trait]
pub trait CommitLock: fmt::Debug + Send + Sync {
    /// Waits until the lock is ours, for `wait` at most; with zero it is taken only if it is free. Dropping the
    /// future at any point gives the place in line away.
    ///
    /// # Errors
    /// [`LockError::Busy`](crate::LockError::Busy) if others hold it until the wait is over,
    /// [`Unavailable`](crate::LockError::Unavailable) or [`Refused`](crate::LockError::Refused) as the lock service
    /// answers.
    async fn acquire(&self, name: &LockName, holder: &Holder, wait: Duration) -> Result<Box<dyn LockGuard>>;

    /// Who holds the lock, and who waits for it, at this moment.
    ///
    /// # Errors
    /// As the lock service answers.
    async fn describe(&self, name: &LockName) -> Result<LockLine>;

    /// Takes the lock away from `holder`, the [`id`](Member::id) of who holds it. Returns `false`, and takes nothing
    /// away, if that one holds it no longer. For operators: the holder is told, but may be in the middle of a commit.
    ///
    /// # Errors
    /// As the lock service answers.
    async fn take_away(&self, name: &LockName, holder: &str) -> Result<bool>;

    /// Tells those who watch that what the lock is for has a new state. A hint: it may come late, or be missing.
    ///
    /// # Errors
    /// As the lock service answers. A commit that was made does not fail because of it.
    async fn publish_head(&self, name: &LockName, head: &Head) -> Result<()>;

    /// What was published last; `None` if nothing was, or if it cannot be read.
    ///
    /// # Errors
    /// As the lock service answers.
    async fn head(&self, name: &LockName) -> Result<Option<Head>>;

    /// Waits until something was published under the name since `mark`, and returns the mark of that. With
    /// [`HeadMark::default`] it returns as soon as anything was ever published. Of several heads in a row only the last
    /// is told. Cancel-safe.
    ///
    /// # Errors
    /// As the lock service answers. What was published meanwhile is told to who asks again with the same mark.
    async fn head_after(&self, name: &LockName, mark: HeadMark) -> Result<HeadMark>;
}

/// Tells one published head from those before and after it, of one service and name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HeadMark(pub(crate) i64);

/// A lock that is held. Dropping it releases it some time later; [`release`](Self::release) waits for that.
#[async_trait]
pub trait LockGuard: fmt::Debug + Send + Sync {
    /// Fencing token: whoever holds the lock later has a higher one.
    fn token(&self) -> i64;

    /// The lock is ours, as far as this process can know by its own clock and without asking anyone. Once it is
    /// not, it never is again. To be asked right before what must not be done without it.
    fn is_held(&self) -> bool;

    /// Returns when the lock is lost, and how. Never returns otherwise.
    async fn lost(&self) -> Loss;

    /// Gives the lock back, and returns once the next in line can have it.
    ///
    /// # Errors
    /// [`LockError::Lost`](crate::LockError::Lost) if it was lost before, and is not held either way;
    /// [`Unavailable`](crate::LockError::Unavailable) if the service does not answer: it will release the lock when
    /// our session ends.
    async fn release(self: Box<Self>) -> Result<()>;
}

/// A lock, and those in line for it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LockLine {
    /// Who holds it; `None` if it is free.
    pub holder: Option<Member>,
    /// Who waits, in order. A line that is very long is shown in part.
    pub waiting: Vec<Member>,
    /// How many wait.
    pub n_waiting: usize,
}

/// One who holds a lock or waits for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Tells this place in line from all others, also those of the same process.
    pub id: String,
    /// Fencing token.
    pub token: i64,
    /// Who that is; `None` for other programs that share the lock.
    pub holder: Option<Holder>,
    /// What other programs say of themselves; `None` if that is no text.
    pub text: Option<String>,
    /// When the place in line was taken, in milliseconds since the epoch by the service's clock.
    pub since_ms: i64,
}

impl fmt::Display for Member {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.holder, &self.text) {
            (Some(holder), _) => write!(formatter, "{holder}"),
            (None, Some(text)) => write!(formatter, "another program, {text}"),
            (None, None) => formatter.write_str("another program"),
        }
    }
}

/// The newest state of a table, as its last committer knew it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Head {
    /// Where its metadata is, if the committer knows: a catalog that writes metadata itself need not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata_location: Option<String>,
    /// The snapshot that was committed; `None` for a commit without one.
    pub snapshot_id: Option<i64>,
}

//! Who may commit to a table now: a lock by name, within one process or in ZooKeeper.
//!
//! The lock is a queue, and not what makes commits safe: that is the catalog's atomic step. It keeps writers from
//! building commits of which all but one would be refused. This crate knows no Iceberg: it locks a name.

mod error;
mod holder;
mod lock;
mod memory;
mod name;
#[cfg(feature = "zookeeper")]
mod zookeeper;

pub use self::error::{LockError, Loss};
pub use self::holder::Holder;
pub use self::lock::{CommitLock, Head, HeadMark, LockGuard, LockLine, Member};
pub use self::memory::MemoryLock;
pub use self::name::LockName;
#[cfg(feature = "zookeeper")]
pub use self::zookeeper::{Access, Credentials, ZooKeeperLock, ZooKeeperSettings};

/// What this crate returns.
pub type Result<T, E = LockError> = std::result::Result<T, E>;

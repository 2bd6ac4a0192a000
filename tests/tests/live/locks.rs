//! Locks in ZooKeeper: the contract, and what happens when processes and servers fail.

#[path = "../contract/locks.rs"]
mod contract;
mod ensemble;
mod faults;
mod process;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use frazil_lock::{CommitLock, LockName, ZooKeeperLock, ZooKeeperSettings};

use self::contract::Subject;
use crate::service::service;

crate::lock_contract! {
    of_zookeeper => super::ZooKeeper::running(),
}

/// An ensemble; each client has a session of its own.
struct ZooKeeper {
    connect: String,
    session_timeout: Duration,
}

impl ZooKeeper {
    /// The one that all tests share.
    fn running() -> Self {
        Self::at(&service("FRAZIL_TEST_ZOOKEEPER"), Duration::from_secs(10))
    }

    fn at(address: &str, session_timeout: Duration) -> Self {
        Self { connect: format!("{address}/frazil/tests"), session_timeout }
    }

    fn client(&self) -> ZooKeeperLock {
        let (connect, session_timeout) = (self.connect.clone(), self.session_timeout);
        ZooKeeperLock::new(ZooKeeperSettings { connect, session_timeout, ..Default::default() }).unwrap()
    }
}

impl Subject for ZooKeeper {
    fn locks(&self) -> Arc<dyn CommitLock> {
        Arc::new(self.client())
    }

    fn name(&self) -> LockName {
        static N: AtomicU32 = AtomicU32::new(0);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let n = N.fetch_add(1, Ordering::Relaxed);
        LockName::new(format!("prod.db{now}_{}.table{n}", std::process::id())).unwrap()
    }
}

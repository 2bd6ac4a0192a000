//! The contract of locks, for those within one process.

#[path = "../contract/locks.rs"]
mod contract;

use std::sync::Arc;

use frazil_lock::{CommitLock, LockName, MemoryLock};

use self::contract::Subject;

crate::lock_contract! {
    in_memory => super::InMemory::default(),
}

/// There is one process only: all share its locks.
#[derive(Default)]
struct InMemory {
    locks: MemoryLock,
    n_names: std::sync::atomic::AtomicUsize,
}

impl Subject for InMemory {
    fn locks(&self) -> Arc<dyn CommitLock> {
        Arc::new(self.locks.clone())
    }

    fn name(&self) -> LockName {
        let n = self.n_names.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        LockName::new(format!("db.table{n}")).unwrap()
    }
}

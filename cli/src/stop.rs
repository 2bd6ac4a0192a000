//! A wish that the program end, for commands that have something to bring to an end first.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Told once, by a signal.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    is_asked: AtomicBool,
    is_awaited: AtomicBool,
    is_end: AtomicBool,
    asked: Notify,
}

impl Stop {
    /// Asks to end.
    pub(crate) fn ask(&self) {
        self.0.is_asked.store(true, Ordering::SeqCst);
        self.0.asked.notify_waiters();
    }

    /// From now on the program lets the command end by itself when it is asked to.
    pub(crate) fn let_me_end(&self) {
        self.0.is_awaited.store(true, Ordering::SeqCst);
    }

    /// As [`Stop::let_me_end`], and being asked to is how the command ends when all is well.
    pub(crate) fn let_me_end_well(&self) {
        self.0.is_end.store(true, Ordering::SeqCst);
        self.let_me_end();
    }

    /// The program succeeds if the command does, although it was asked to end.
    pub(crate) fn is_end(&self) -> bool {
        self.0.is_end.load(Ordering::SeqCst)
    }

    /// The command ends by itself.
    pub(crate) fn is_awaited(&self) -> bool {
        self.0.is_awaited.load(Ordering::SeqCst)
    }

    /// Waits until the program is asked to end. It may be dropped and called again.
    pub(crate) async fn asked(&self) {
        let asked = self.0.asked.notified();
        if !self.is_asked() {
            asked.await;
        }
    }

    fn is_asked(&self) -> bool {
        self.0.is_asked.load(Ordering::SeqCst)
    }
}

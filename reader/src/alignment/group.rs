//! Streams that wait for each other: the driver of [`Alignment`].

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tracing::debug;

use super::{Alignment, AlignmentLimits, MemberId};

/// Streams of one process over lanes of one table.
#[derive(Debug)]
pub struct AlignmentGroup {
    state: Mutex<Alignment>,
    /// Somebody has gone on, is idle or has left.
    changed: Notify,
}

impl AlignmentGroup {
    /// A group without streams.
    pub fn new(limits: AlignmentLimits) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(Alignment::new(limits)), changed: Notify::new() })
    }

    /// A place for a stream: [`ChangeStream::align`](crate::ChangeStream::align). Until it is given to one, it holds
    /// everybody up at the very first snapshot, so that streams which are opened one after the other can begin together.
    pub fn join(self: &Arc<Self>) -> AlignmentMember {
        let id = self.lock().join(0, None);
        AlignmentMember { group: self.clone(), id }
    }

    fn lock(&self) -> MutexGuard<'_, Alignment> {
        // What it protects is whole between any two statements that may panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Alignment)) {
        change(&mut self.lock());
        self.changed.notify_waiters();
    }
}

/// The place of one stream. It is given up when this is dropped.
#[derive(Debug)]
pub struct AlignmentMember {
    group: Arc<AlignmentGroup>,
    id: MemberId,
}

impl AlignmentMember {
    /// The stream is here.
    pub(crate) fn stands_at(&mut self, ordinal: u64, watermark_ms: Option<i64>) {
        let old = self.id;
        let mut new = old;
        self.group.change(|state| {
            new = state.join(ordinal, watermark_ms);
            state.leave(old);
        });
        self.id = new;
    }

    /// Waits until the stream may begin a snapshot. If the future is dropped, it is asked again.
    pub(crate) async fn begin(&self, ordinal: u64, watermark_ms: i64) {
        let mut has_waited = false;
        loop {
            let changed = self.group.changed.notified();
            tokio::pin!(changed);
            // Whatever changes from here on is noticed.
            changed.as_mut().enable();
            if self.group.lock().on_begin(self.id, ordinal, watermark_ms) {
                return;
            }
            if !has_waited {
                has_waited = true;
                debug!(member = ?self.id, ordinal, watermark_ms, "snapshot is begun later, since others are behind");
            }
            changed.await;
        }
    }

    pub(crate) fn complete(&self, ordinal: u64, watermark_ms: i64) {
        self.group.change(|state| state.on_complete(self.id, ordinal, watermark_ms));
    }

    pub(crate) fn idle(&self) {
        self.group.change(|state| state.on_idle(self.id));
    }
}

impl Drop for AlignmentMember {
    fn drop(&mut self) {
        self.group.change(|state| state.leave(self.id));
    }
}

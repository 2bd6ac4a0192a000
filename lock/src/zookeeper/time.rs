//! The one place where this crate looks at the clock: monotonic, and never shown to anyone.

use std::time::Duration;

use tokio::time::Instant;

/// This moment.
pub(super) fn now() -> Instant {
    Instant::now()
}

/// Returns at `moment`, or at once if that is over.
#[expect(clippy::disallowed_methods, reason = "a lock's holder has to stop when its time is over")]
pub(super) async fn until(moment: Instant) {
    tokio::time::sleep_until(moment).await;
}

/// Returns after `pause`.
#[expect(clippy::disallowed_methods, reason = "a request that was lost is not repeated at full speed")]
pub(super) async fn pause(pause: Duration) {
    tokio::time::sleep(pause).await;
}

/// When a wait is over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline(Option<Instant>);

impl Deadline {
    /// After `wait`; never if that is beyond what the clock can count.
    pub(super) fn after(wait: Duration) -> Self {
        Self(now().checked_add(wait))
    }

    /// The time is up.
    pub(super) fn is_over(self) -> bool {
        self.0.is_some_and(|moment| now() >= moment)
    }

    /// Returns when the time is up.
    pub(super) async fn reached(self) {
        match self.0 {
            Some(moment) => until(moment).await,
            None => std::future::pending().await,
        }
    }
}

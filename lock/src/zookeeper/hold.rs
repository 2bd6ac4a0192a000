//! Whether a lock is held, by the holder's own clock.
//!
//! The service gives a lock to the next in line once it has heard nothing of a session for its timeout. A holder
//! that waits to be told so learns it too late. It stops at two thirds of the timeout after it *sent* the last request
//! that was answered: the service had heard of it then or later.

use std::time::Duration;

use tokio::time::Instant;

use crate::Loss;

/// What the holder of a lock knows.
#[derive(Debug, Clone)]
pub(super) struct Hold {
    session_timeout: Duration,
    /// When the last request was sent that the quorum has confirmed.
    confirmed: Instant,
    loss: Option<Loss>,
}

impl Hold {
    /// A lock that was confirmed by the answer to what was sent at `sent`.
    pub(super) fn new(session_timeout: Duration, sent: Instant) -> Self {
        Self { session_timeout, confirmed: sent, loss: None }
    }

    /// How it was lost; `None` while it is held.
    pub(super) fn loss(&self) -> Option<Loss> {
        self.loss
    }

    /// Until when it is held without another answer.
    pub(super) fn until(&self) -> Instant {
        self.confirmed + self.session_timeout * 2 / 3
    }

    /// When it should be confirmed again: there is time for several tries.
    pub(super) fn next_check(&self) -> Instant {
        self.confirmed + self.session_timeout / 6
    }

    /// The confirmation is so recent that no other is needed.
    pub(super) fn is_fresh(&self, now: Instant) -> bool {
        now < self.next_check()
    }

    /// Time has passed. Returns whether that has changed anything.
    pub(super) fn tick(&mut self, now: Instant) -> bool {
        self.loss.is_none() && now >= self.until() && self.lose(Loss::Unconfirmed)
    }

    /// At `now` came the answer to what was sent at `sent`. An answer that comes too late does not bring back what
    /// was lost. Returns whether the lock is lost.
    pub(super) fn confirm(&mut self, sent: Instant, now: Instant) -> bool {
        self.tick(now);
        self.confirmed = self.confirmed.max(sent);
        // An answer that was long under way says nothing of this moment.
        self.tick(now);
        self.loss.is_some()
    }

    /// It is lost for good. Returns whether it was held before.
    pub(super) fn lose(&mut self, loss: Loss) -> bool {
        let was_held = self.loss.is_none();
        self.loss.get_or_insert(loss);
        was_held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A session of six seconds: checked after one, held for four.
    fn hold() -> (Hold, Instant) {
        let sent = Instant::now();
        (Hold::new(6 * SECOND, sent), sent)
    }

    #[test]
    fn it_is_held_for_two_thirds_of_the_timeout() {
        let (mut hold, sent) = hold();
        assert!(!hold.tick(sent + 4 * SECOND - Duration::from_millis(1)));
        assert_eq!(hold.loss(), None);
        assert!(hold.tick(sent + 4 * SECOND));
        assert_eq!(hold.loss(), Some(Loss::Unconfirmed));
        assert!(!hold.tick(sent + 5 * SECOND), "it is told once");
    }

    #[test]
    fn time_counts_from_when_the_answered_request_was_sent() {
        let (mut hold, sent) = hold();
        assert!(!hold.confirm(sent + SECOND, sent + 3 * SECOND));
        assert_eq!(hold.until(), sent + 5 * SECOND);
        assert_eq!(hold.next_check(), sent + 2 * SECOND);
        assert!(!hold.is_fresh(sent + 3 * SECOND));
        // An older answer that comes later shortens nothing.
        assert!(!hold.confirm(sent, sent + 3 * SECOND));
        assert_eq!(hold.until(), sent + 5 * SECOND);
    }

    #[test]
    fn an_answer_that_comes_too_late_brings_nothing_back() {
        let (mut hold, sent) = hold();
        assert!(hold.confirm(sent + 3 * SECOND, sent + 4 * SECOND));
        assert_eq!(hold.loss(), Some(Loss::Unconfirmed));
    }

    #[test]
    fn the_first_loss_counts() {
        let (mut hold, sent) = hold();
        assert!(hold.lose(Loss::Removed) && !hold.lose(Loss::SessionEnded));
        assert!(hold.confirm(sent + SECOND, sent + SECOND));
        assert!(!hold.tick(sent + 9 * SECOND));
        assert_eq!(hold.loss(), Some(Loss::Removed));
    }
}

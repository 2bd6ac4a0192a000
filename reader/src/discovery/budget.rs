//! How many requests a catalog is sent for all tables together. Pure: the time comes in.

use std::time::Duration;

/// Requests to one catalog in a second, unless another number is asked for: what a small server answers beside its
/// other work.
pub const DEFAULT_REQUESTS_PER_SECOND: u32 = 50;

/// A token bucket: requests at a steady rate, and as many as fit a second at once after a pause.
///
/// Who asks is given a moment, and moments are given out in the order of asking, so that no table starves another.
/// Moments are durations since any fixed moment.
#[derive(Debug, Clone)]
pub struct RequestBudget {
    /// Time in which one token comes.
    interval: Duration,
    /// How far ahead of the steady rate requests may be.
    burst: Duration,
    /// When the next request is due at the steady rate.
    due: Duration,
}

impl RequestBudget {
    /// A full bucket.
    pub fn new(requests_per_second: u32) -> Self {
        let interval = Duration::from_secs(1) / requests_per_second.max(1);
        Self { interval, burst: Duration::from_secs(1).saturating_sub(interval), due: Duration::ZERO }
    }

    /// Takes a token, and returns the moment from which on the request may be sent: at once if it is not after `now`.
    pub fn take(&mut self, now: Duration) -> Duration {
        let moment = self.due.saturating_sub(self.burst).max(now);
        self.due = self.due.max(now).saturating_add(self.interval);
        moment
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn requests_of_a_second_go_at_once_and_then_one_after_the_other() {
        let mut budget = RequestBudget::new(50);
        let moments: Vec<u64> = (0..55).map(|_| u64::try_from(budget.take(ms(5000)).as_millis()).unwrap()).collect();
        assert_eq!(moments[..50], [5000; 50]);
        assert_eq!(moments[50..], [5020, 5040, 5060, 5080, 5100]);
    }

    #[test]
    fn a_bucket_fills_with_time_and_no_further_than_to_the_brim() {
        let mut budget = RequestBudget::new(10);
        let mut at_once = |now| (0..100).take_while(|_| budget.take(now) <= now).count();
        assert_eq!(at_once(ms(0)), 10);
        // The eleventh was told to come at 100 ms.
        assert_eq!(at_once(ms(100)), 0);
        assert_eq!(at_once(ms(3_600_000)), 10);
    }

    #[test]
    fn in_the_long_run_no_more_requests_are_sent_than_the_rate_allows() {
        let mut budget = RequestBudget::new(50);
        let mut sent = Vec::new();
        // A hundred tables ask every 500 ms each.
        for round in 0..40 {
            sent.extend((0..100).map(|_| budget.take(ms(500 * round))));
        }
        for second in 1..40 {
            let n = sent.iter().filter(|moment| (ms(1000 * second)..ms(1000 * (second + 1))).contains(moment)).count();
            assert!(n <= 50, "{n} in second {second}");
        }
    }
}

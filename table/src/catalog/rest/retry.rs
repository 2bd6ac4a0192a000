//! Whether a request that failed is sent again, and when. Decides only; nothing is sent and nothing waits here.

use std::time::Duration;

use chrono::DateTime;

/// The pause before the first retry; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// How an attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failed {
    /// The connection was refused or broke: nothing says that the next one will.
    Connection,
    /// The server asks for patience: 429 or 503, and how long if it says so.
    Busy(Option<Duration>),
    /// Something between here and the server failed: 502 or 504.
    Gateway,
    /// All else: the same request would fail again, or make a slow server slower.
    Final,
}

/// What limits the attempts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    pub(super) n_retries: u32,
    pub(super) total: Duration,
}

impl Budget {
    /// The pause before the next attempt; `None` if there is to be none. `n_attempts` have been made, in
    /// `elapsed`; `chance` is any number, and spreads the attempts of several clients.
    pub(super) fn pause(&self, failed: Failed, n_attempts: u32, elapsed: Duration, chance: u64) -> Option<Duration> {
        if n_attempts > self.n_retries {
            return None;
        }
        let doubled = FIRST_PAUSE.saturating_mul(1_u32.checked_shl(n_attempts.saturating_sub(1)).unwrap_or(u32::MAX));
        let longest = doubled.min(PAUSE_MAX);
        // Between half of it and all of it.
        let jittered = longest / 2 + (longest / 2).mul_f64((chance % 1000) as f64 / 1000.0);
        let pause = match failed {
            Failed::Final => return None,
            Failed::Busy(Some(asked)) => asked.max(jittered),
            Failed::Busy(None) | Failed::Connection | Failed::Gateway => jittered,
        };
        // A retry that cannot end in time would only make the caller wait for the same failure.
        (elapsed.saturating_add(pause) < self.total).then_some(pause)
    }
}

/// The value of `Retry-After`: seconds, or the time of day. Source: RFC 9110, 10.2.3.
pub(super) fn retry_after(value: &str, now_ms: i64) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let at_ms = http_date_ms(value)?;
    Some(Duration::from_millis(u64::try_from(at_ms - now_ms).unwrap_or(0)))
}

/// A time as HTTP headers give it, in milliseconds since 1970.
pub(super) fn http_date_ms(value: &str) -> Option<i64> {
    DateTime::parse_from_rfc2822(value).ok().map(|time| time.timestamp_millis())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const BUDGET: Budget = Budget { n_retries: 3, total: Duration::from_secs(10) };

    #[test]
    fn pauses_double_up_to_a_limit_and_end_after_the_last_retry() {
        let budget = Budget { n_retries: 100, total: Duration::MAX };
        let pauses: Vec<u128> = (1..9)
            .map(|attempt| budget.pause(Failed::Connection, attempt, Duration::ZERO, 999).unwrap().as_millis())
            .collect();
        assert_eq!(pauses, [199, 399, 799, 1599, 3198, 4997, 4997, 4997]);
        assert!(budget.pause(Failed::Gateway, 80, Duration::ZERO, 0).unwrap() >= PAUSE_MAX / 2);
        assert!(BUDGET.pause(Failed::Connection, 3, Duration::ZERO, 0).is_some());
        assert_eq!(BUDGET.pause(Failed::Connection, 4, Duration::ZERO, 0), None);
    }

    #[test]
    fn what_would_fail_again_is_not_repeated() {
        assert_eq!(BUDGET.pause(Failed::Final, 1, Duration::ZERO, 0), None);
    }

    #[test]
    fn a_server_that_asks_for_more_time_than_there_is_ends_it() {
        let asked = Failed::Busy(Some(Duration::from_secs(4)));
        assert_eq!(BUDGET.pause(asked, 1, Duration::from_secs(5), 0), Some(Duration::from_secs(4)));
        assert_eq!(BUDGET.pause(asked, 1, Duration::from_secs(6), 0), None);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(retry_after("7", 0), Some(Duration::from_secs(7)));
        let now_ms = http_date_ms("Wed, 21 Oct 2015 07:28:00 GMT").unwrap();
        assert_eq!(retry_after("Wed, 21 Oct 2015 07:28:09 GMT", now_ms), Some(Duration::from_secs(9)));
        assert_eq!(retry_after("Wed, 21 Oct 2015 07:27:00 GMT", now_ms), Some(Duration::ZERO));
        assert_eq!(retry_after("soon", 0), None);
    }
}

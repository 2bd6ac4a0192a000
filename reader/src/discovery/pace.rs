//! When to look at a table next: soon after a change, ever later while nothing happens, and later still while looking
//! fails. Pure: time and chance come in.

use std::time::Duration;

/// Longest pause after failures, unless looks are further apart anyway.
pub const FAILURE_PAUSE_MAX: Duration = Duration::from_secs(30);

/// Pause right after a change, at most: whoever commits once mostly commits again.
const FASTEST_MAX: Duration = Duration::from_millis(100);

/// How long a table that is idle may go unlooked at, unless another time is asked for: the median age of a commit
/// that nobody tells of is then a quarter of a second, for two requests a second.
pub const DEFAULT_INTERVAL_MAX: Duration = Duration::from_millis(500);

/// What has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaceEvent {
    /// A look has found the table as it was.
    Unchanged,
    /// A look has found a new state.
    Changed,
    /// A look has failed.
    Failed,
    /// Somebody says that there may be a new state.
    Hint,
    /// Nothing; time has passed.
    Tick,
}

/// Decides when a table is looked at. Moments are durations since any fixed moment.
///
/// The interval goes from the lowest one up to `interval_max` in equal steps, one for each look without a change, and
/// back to the lowest one with a change. Pauses are up to a tenth shorter or longer than it, so that pollers that were
/// started together do not stay together. After failures the pause doubles each time.
#[derive(Debug, Clone)]
pub struct Pace {
    interval_max: Duration,
    interval: Duration,
    n_failures: u32,
    next_look: Duration,
    chance: Chance,
}

impl Pace {
    /// Looks are `interval_max` apart at most while nothing fails. The table was looked at `now`.
    pub fn new(interval_max: Duration, seed: u64, now: Duration) -> Self {
        let mut pace =
            Self { interval_max, interval: Duration::ZERO, n_failures: 0, next_look: now, chance: Chance(seed) };
        pace.on_event(PaceEvent::Changed, now);
        pace
    }

    /// Takes what has happened, and returns the moment of the next look: at once if it is not after `now`. Looks end
    /// with one of [`PaceEvent::Unchanged`], [`PaceEvent::Changed`] and [`PaceEvent::Failed`].
    pub fn on_event(&mut self, event: PaceEvent, now: Duration) -> Duration {
        match event {
            PaceEvent::Changed => {
                self.n_failures = 0;
                self.interval = self.fastest();
                self.looked(now, self.interval);
            }
            PaceEvent::Unchanged => {
                self.n_failures = 0;
                self.interval = self.interval.saturating_add(self.step()).min(self.interval_max);
                self.looked(now, self.interval);
            }
            PaceEvent::Failed => {
                self.n_failures = self.n_failures.saturating_add(1);
                self.looked(now, pause_after(self.n_failures, self.interval_max));
            }
            PaceEvent::Hint => self.next_look = self.next_look.min(now),
            PaceEvent::Tick => {}
        }
        self.next_look
    }

    /// Looks that have failed since the last one that did not.
    pub fn n_failures(&self) -> u32 {
        self.n_failures
    }

    /// A fifth of the longest interval, so that who asks for few looks gets few.
    fn fastest(&self) -> Duration {
        (self.interval_max / 5).max(FASTEST_MAX.min(self.interval_max))
    }

    fn step(&self) -> Duration {
        (self.interval_max / 10).max(Duration::from_millis(1))
    }

    fn looked(&mut self, now: Duration, pause: Duration) {
        self.next_look = now.saturating_add(self.spread(pause));
    }

    /// Up to a tenth less or more.
    fn spread(&mut self, pause: Duration) -> Duration {
        let permille = 900 + self.chance.below(201);
        pause.saturating_mul(permille) / 1000
    }
}

/// The pause after so many failures in a row: twice as long after each, up to [`FAILURE_PAUSE_MAX`].
pub fn pause_after(n_failures: u32, interval_max: Duration) -> Duration {
    let factor = 2_u32.saturating_pow(n_failures.saturating_sub(1).min(16));
    interval_max.saturating_mul(factor).min(FAILURE_PAUSE_MAX.max(interval_max))
}

/// Numbers that look random: SplitMix64.
#[derive(Debug, Clone)]
struct Chance(u64);

impl Chance {
    /// Any number below `n`, which is small.
    fn below(&mut self, n: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        u32::try_from(mixed % u64::from(n.max(1))).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Pauses before the looks that follow, each of which ends at once as `events` say.
    fn pauses(pace: &mut Pace, now: &mut Duration, events: &[PaceEvent]) -> Vec<Duration> {
        let pause = |event: &PaceEvent| {
            let next = pace.on_event(*event, *now);
            let pause = next.saturating_sub(*now);
            *now = next;
            pause
        };
        events.iter().map(pause).collect()
    }

    /// Each pause is as long as expected, up to a tenth.
    fn assert_near(pauses: &[Duration], expected_ms: &[u64]) {
        assert_eq!(pauses.len(), expected_ms.len());
        for (pause, expected) in pauses.iter().zip(expected_ms) {
            let range = ms(*expected) * 9 / 10..=ms(*expected) * 11 / 10;
            assert!(range.contains(pause), "{pauses:?} are not {expected_ms:?}");
        }
    }

    #[test]
    fn looks_are_frequent_after_a_change_and_back_off_to_the_longest_interval() {
        let mut pace = Pace::new(ms(500), 7, ms(1000));
        let mut now = pace.on_event(PaceEvent::Tick, ms(1000));
        assert_near(&[now - ms(1000)], &[100]);
        let idle = pauses(&mut pace, &mut now, &[PaceEvent::Unchanged; 11]);
        assert_near(&idle, &[150, 200, 250, 300, 350, 400, 450, 500, 500, 500, 500]);
        assert_near(&pauses(&mut pace, &mut now, &[PaceEvent::Changed, PaceEvent::Unchanged]), &[100, 150]);
    }

    #[test]
    fn an_idle_table_is_looked_at_twice_a_second_and_never_less_than_the_setting_says() {
        let mut pace = Pace::new(DEFAULT_INTERVAL_MAX, 1, Duration::ZERO);
        let mut now = Duration::ZERO;
        let all = pauses(&mut pace, &mut now, &[PaceEvent::Unchanged; 2000]);
        let settled = all.get(10..).unwrap();
        let mean = settled.iter().sum::<Duration>() / u32::try_from(settled.len()).unwrap();
        assert!((ms(497)..ms(503)).contains(&mean), "{mean:?}");
        assert!(settled.iter().max().unwrap() <= &ms(550));
    }

    #[test]
    fn intervals_keep_their_shape_whatever_the_longest_is() {
        for (interval_max, expected) in [(10_000, [2000, 3000, 4000]), (1000, [200, 300, 400]), (20, [20, 20, 20])] {
            let mut pace = Pace::new(ms(interval_max), 3, Duration::ZERO);
            let mut now = Duration::ZERO;
            let events = [PaceEvent::Changed, PaceEvent::Unchanged, PaceEvent::Unchanged];
            assert_near(&pauses(&mut pace, &mut now, &events), &expected);
        }
    }

    #[test]
    fn pauses_double_with_failures_up_to_half_a_minute_and_end_with_a_success() {
        let mut pace = Pace::new(ms(1000), 5, Duration::ZERO);
        let mut now = Duration::ZERO;
        let failing = pauses(&mut pace, &mut now, &[PaceEvent::Failed; 8]);
        assert_near(&failing, &[1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
        assert_eq!(pace.n_failures(), 8);
        // The interval is what it was before.
        assert_near(&pauses(&mut pace, &mut now, &[PaceEvent::Unchanged, PaceEvent::Failed]), &[300, 1000]);
        let mut pace = Pace::new(ms(60_000), 5, Duration::ZERO);
        assert_near(&pauses(&mut pace, &mut now, &[PaceEvent::Failed; 3]), &[60_000; 3]);
    }

    #[test]
    fn a_hint_is_followed_at_once_also_during_an_outage_and_leaves_the_interval_alone() {
        let mut pace = Pace::new(ms(500), 11, Duration::ZERO);
        assert!(pace.on_event(PaceEvent::Tick, ms(10)) > ms(10));
        assert_eq!(pace.on_event(PaceEvent::Hint, ms(10)), ms(10));
        assert_near(&[pace.on_event(PaceEvent::Unchanged, ms(12)) - ms(12)], &[150]);
        pace.on_event(PaceEvent::Failed, ms(200));
        pace.on_event(PaceEvent::Failed, ms(700));
        assert_eq!(pace.on_event(PaceEvent::Hint, ms(710)), ms(710));
        // A look that is overdue stays so.
        assert_eq!(pace.on_event(PaceEvent::Hint, ms(720)), ms(710));
    }

    #[test]
    fn pollers_that_start_together_do_not_stay_together() {
        let next = |seed| Pace::new(ms(500), seed, Duration::ZERO).on_event(PaceEvent::Tick, Duration::ZERO);
        let moments: std::collections::HashSet<_> = (0..100).map(next).collect();
        assert!(moments.len() > 60, "{moments:?}");
        assert_eq!(next(42), next(42));
    }
}

//! Table properties that commits go by. A value that cannot be read counts as not set: the table is another's.

use std::collections::HashMap;
use std::str::FromStr;
use std::time::Duration;

/// How manifests are merged. Source: Iceberg documentation, "Table behavior properties".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ManifestMerge {
    pub(super) is_enabled: bool,
    pub(super) target_bytes: u64,
    pub(super) n_min: usize,
}

impl ManifestMerge {
    pub(super) fn of(properties: &HashMap<String, String>) -> Self {
        Self {
            is_enabled: number(properties, "commit.manifest-merge.enabled", true),
            target_bytes: number(properties, "commit.manifest.target-size-bytes", 8 << 20),
            n_min: number(properties, "commit.manifest.min-count-to-merge", 100),
        }
    }
}

/// How often something is tried again, and with what pauses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Retries {
    pub(super) n_max: u32,
    pub(super) wait_min: Duration,
    pub(super) wait_max: Duration,
    pub(super) total: Duration,
}

impl Retries {
    /// After a refusal: `commit.retry.*`.
    pub(super) fn of_commits(properties: &HashMap<String, String>) -> Self {
        Self::of(properties, "commit.retry", 4, Duration::from_millis(100))
    }

    /// When an answer did not come: `commit.status-check.*`.
    pub(super) fn of_status_checks(properties: &HashMap<String, String>) -> Self {
        Self::of(properties, "commit.status-check", 3, Duration::from_secs(1))
    }

    fn of(properties: &HashMap<String, String>, prefix: &str, n_max: u32, wait_min: Duration) -> Self {
        let millis = |name: &str, default: Duration| {
            let default = u64::try_from(default.as_millis()).unwrap_or(u64::MAX);
            Duration::from_millis(number(properties, &format!("{prefix}.{name}"), default))
        };
        let n_max = number(properties, &format!("{prefix}.num-retries"), n_max);
        Self {
            n_max,
            wait_min: millis("min-wait-ms", wait_min),
            wait_max: millis("max-wait-ms", Duration::from_secs(60)),
            total: millis("total-timeout-ms", Duration::from_secs(30 * 60)),
        }
    }

    /// The pause before try `n` (1 is the first repetition); `None` if there is to be none. `chance` is any number: the
    /// pause is cut by up to a quarter, so that those who were refused together do not come back together.
    pub(super) fn pause(&self, n: u32, elapsed: Duration, chance: u64) -> Option<Duration> {
        if n == 0 || n > self.n_max || elapsed >= self.total {
            return None;
        }
        let doubled = self.wait_min.saturating_mul(1_u32.checked_shl(n - 1).unwrap_or(u32::MAX));
        let full = doubled.min(self.wait_max).min(self.total.saturating_sub(elapsed));
        let cut = full.mul_f64(0.25).as_micros().min(u128::from(u64::MAX));
        let cut = u64::try_from(cut).unwrap_or(0);
        Some(full.saturating_sub(Duration::from_micros(if cut == 0 { 0 } else { chance % cut })))
    }
}

/// The value of a property, or `default`.
pub(super) fn number<T: FromStr>(properties: &HashMap<String, String>, name: &str, default: T) -> T {
    properties.get(name).and_then(|text| text.trim().parse().ok()).unwrap_or(default)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_end() {
        let set = [("commit.retry.num-retries", "3"), ("commit.retry.max-wait-ms", "250")];
        let retries = Retries::of_commits(&set.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
        let pause = |n| retries.pause(n, Duration::ZERO, 0).map(|pause| pause.as_millis());
        assert_eq!([pause(1), pause(2), pause(3), pause(4)], [Some(100), Some(200), Some(250), None]);
        assert_eq!(retries.pause(1, Duration::from_secs(1800), 0), None);
    }

    #[test]
    fn a_pause_is_cut_by_a_quarter_at_most() {
        let retries = Retries::of_commits(&HashMap::new());
        for chance in [1, 7, 24_999, 25_000, u64::MAX] {
            let pause = retries.pause(1, Duration::ZERO, chance).unwrap_or_default();
            assert!((75..=100).contains(&pause.as_millis()), "chance={chance} pause={pause:?}");
        }
    }
}

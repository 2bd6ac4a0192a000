//! Which group goes next, so that each gets its share of the bytes that are rewritten.

use std::collections::BTreeMap;

use super::settings::{DaemonSettings, GROUP_DEFAULT};

/// What a run costs at least: one that finds nothing to do has read the table's manifests.
const COST_MIN_BYTES: u64 = 16 << 20;

/// Fair queueing by weight: the group goes next that has got the least so far for its share. A group that had no work
/// begins where the others are, and saves nothing up.
#[derive(Debug)]
pub(super) struct Fair {
    groups: BTreeMap<String, Group>,
}

#[derive(Debug, Clone)]
struct Group {
    /// Share of the bytes, of 1.
    weight: f64,
    n_running_max: usize,
    n_running: usize,
    n_queued: usize,
    /// Bytes that its runs have rewritten, by its weight.
    served: f64,
}

impl Fair {
    pub(super) fn new(settings: &DaemonSettings) -> Self {
        let mut named: BTreeMap<&str, (Option<u8>, Option<usize>)> = BTreeMap::from([(GROUP_DEFAULT, (None, None))]);
        for (name, group) in &settings.groups {
            named.insert(name, (group.quota.map(|quota| quota.percent()), group.n_concurrent_runs_max));
        }
        let taken: f64 = named.values().filter_map(|(quota, _)| quota.map(f64::from)).sum();
        let n_without: f64 = named.values().filter(|(quota, _)| quota.is_none()).map(|_| 1.0).sum();
        // Settings that leave nothing are refused; a group must have something all the same.
        let rest = ((100.0 - taken) / f64::max(n_without, 1.0)).max(1.0);
        let group = |(name, (quota, n_max)): (&str, (Option<u8>, Option<usize>))| {
            let weight = quota.map_or(rest, f64::from) / 100.0;
            let n_running_max = n_max.unwrap_or(usize::MAX);
            (name.to_owned(), Group { weight, n_running_max, n_running: 0, n_queued: 0, served: 0.0 })
        };
        Self { groups: named.into_iter().map(group).collect() }
    }

    /// A run waits. Groups are those of the settings.
    pub(super) fn queued(&mut self, group: &str) {
        let is_active = |group: &&Group| group.n_running + group.n_queued > 0;
        let least = self.groups.values().filter(is_active).map(|group| group.served).min_by(f64::total_cmp);
        let Some(group) = self.groups.get_mut(group) else { return };
        if let (0, Some(least)) = (group.n_running + group.n_queued, least) {
            group.served = group.served.max(least);
        }
        group.n_queued += 1;
    }

    /// A run waits no longer, and was not started.
    pub(super) fn dropped(&mut self, group: &str) {
        if let Some(group) = self.groups.get_mut(group) {
            group.n_queued = group.n_queued.saturating_sub(1);
        }
    }

    /// A run that waited is started, and is expected to rewrite so many bytes.
    pub(super) fn started(&mut self, group: &str, bytes: u64) {
        if let Some(group) = self.groups.get_mut(group) {
            group.n_queued = group.n_queued.saturating_sub(1);
            group.n_running += 1;
            group.served += cost(bytes) / group.weight;
        }
    }

    /// A run has ended that was expected to rewrite `expected` bytes.
    pub(super) fn ended(&mut self, group: &str, expected: u64, rewritten: u64) {
        if let Some(group) = self.groups.get_mut(group) {
            group.n_running = group.n_running.saturating_sub(1);
            group.served += (cost(rewritten) - cost(expected)) / group.weight;
        }
    }

    /// The group may start one more.
    pub(super) fn has_room(&self, group: &str) -> bool {
        self.groups.get(group).is_some_and(|group| group.n_running < group.n_running_max)
    }

    /// The lower, the sooner it is the group's turn.
    pub(super) fn served(&self, group: &str) -> f64 {
        self.groups.get(group).map_or(0.0, |group| group.served)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share need not be exact to the byte")]
fn cost(bytes: u64) -> f64 {
    bytes.max(COST_MIN_BYTES) as f64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::daemon::settings::{GroupSettings, Share};

    const GB: u64 = 1 << 30;

    fn fair() -> Fair {
        let group =
            |quota: &str| GroupSettings { quota: Some(Share::parse(quota).unwrap()), ..GroupSettings::default() };
        let groups = [("a".to_owned(), group("60%")), ("b".to_owned(), group("30%"))].into();
        Fair::new(&DaemonSettings { groups, ..DaemonSettings::default() })
    }

    /// Each of the groups always has a run that waits.
    fn bytes_of_turns(fair: &mut Fair, groups: &[&str], n_turns: usize) -> BTreeMap<String, u64> {
        let mut bytes = BTreeMap::new();
        for group in groups {
            fair.queued(group);
        }
        for _ in 0..n_turns {
            let next = groups.iter().min_by(|a, b| fair.served(a).total_cmp(&fair.served(b))).unwrap();
            fair.started(next, GB);
            fair.queued(next);
            fair.ended(next, GB, GB);
            *bytes.entry((*next).to_owned()).or_default() += GB;
        }
        bytes
    }

    #[test]
    fn groups_get_their_shares_while_all_have_work() {
        let bytes = bytes_of_turns(&mut fair(), &["a", "b", "default"], 100);
        let expected = [("a", 60), ("b", 30), ("default", 10)];
        for (group, n) in expected {
            assert!(bytes[group].abs_diff(n * GB) <= 2 * GB, "{group} {bytes:?}");
        }
    }

    #[test]
    fn what_a_group_does_not_use_goes_to_the_others_and_is_not_saved_up() {
        let mut fair = fair();
        assert_eq!(bytes_of_turns(&mut fair, &["b"], 50)["b"], 50 * GB);
        let bytes = bytes_of_turns(&mut fair, &["a", "b"], 30);
        assert!(bytes["a"].abs_diff(20 * GB) <= 2 * GB, "{bytes:?}");
    }

    #[test]
    fn a_run_that_rewrote_less_than_expected_costs_less() {
        let mut fair = fair();
        fair.queued("a");
        fair.started("a", 100 * GB);
        fair.ended("a", 100 * GB, GB);
        assert!((fair.served("a") - 1_073_741_824.0 / 0.6).abs() < 1.0);
    }
}

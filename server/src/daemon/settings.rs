//! How the daemon is set up.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use frazil_compactor::CompactionOptions;

use super::pattern::TablePatterns;
use super::schedule::{Schedule, Windows};

/// Group of tables that no other group has.
pub(super) const GROUP_DEFAULT: &str = "default";

/// How the daemon is set up. Without `tables` it compacts what it is asked to, and nothing by itself.
#[derive(Debug, Clone)]
pub struct DaemonSettings {
    /// Tables that are compacted by schedule. They are listed again at every look, so that new ones are found.
    pub tables: TablePatterns,
    /// When a table is due, unless a property of the table says otherwise.
    pub schedule: Option<Schedule>,
    /// When scheduled runs may start. A run that has started goes on when a window closes.
    pub windows: Windows,
    /// What makes a table due before its schedule does.
    pub triggers: Triggers,
    /// Compaction options by their names. Properties of a table go before them, but not before `memory-limit-bytes`,
    /// which is about this machine.
    pub options: BTreeMap<String, String>,
    /// Groups by name.
    pub groups: BTreeMap<String, GroupSettings>,
    /// Runs at once, of all groups.
    pub n_concurrent_runs_max: usize,
    /// Runs that may fail one after the other before a table is left alone for `breaker_pause`.
    pub breaker_failures: u32,
    /// How long a table is left alone then. After that one run is tried.
    pub breaker_pause: Duration,
    /// Pause after a run that failed; it doubles with every further one.
    pub retry_pause: Duration,
    /// Longest such pause.
    pub retry_pause_max: Duration,
    /// Longest time between two looks at a table.
    pub look_interval: Duration,
    /// Folder for the history of runs and for what is paused; `None` keeps both in memory only.
    pub state: Option<PathBuf>,
    /// How long a commit waits for the table's lock.
    pub lock_wait: Duration,
}

impl Default for DaemonSettings {
    fn default() -> Self {
        Self {
            tables: TablePatterns::default(),
            schedule: None,
            windows: Windows::default(),
            triggers: Triggers::default(),
            options: BTreeMap::new(),
            groups: BTreeMap::new(),
            // A run takes a gigabyte of memory and all cores by default.
            n_concurrent_runs_max: 1,
            breaker_failures: 5,
            breaker_pause: Duration::from_secs(6 * 3_600),
            retry_pause: Duration::from_secs(60),
            retry_pause_max: Duration::from_secs(3_600),
            look_interval: Duration::from_secs(60),
            state: None,
            // As `frazil compact`.
            lock_wait: Duration::from_secs(180),
        }
    }
}

impl DaemonSettings {
    /// # Errors
    /// What is wrong, and what would be right.
    pub fn check(&self) -> Result<(), String> {
        let is_scheduled = self.schedule.is_some() || !self.triggers.is_empty() || !self.windows.is_always();
        if self.tables.is_empty() && is_scheduled {
            return Err("there is a schedule, windows or triggers, and no table; set `tables`, such as \
                        tables = [\"prod.db.*\"]"
                .to_owned());
        }
        if self.n_concurrent_runs_max == 0 {
            return Err("max-concurrent-runs must be above 0".to_owned());
        }
        if self.breaker_failures == 0 {
            return Err("breaker-failures must be above 0".to_owned());
        }
        if let Some((name, _)) = self.groups.iter().find(|(_, group)| group.n_concurrent_runs_max == Some(0)) {
            return Err(format!("max-concurrent-runs of group `{name}` must be above 0"));
        }
        let sum: u32 =
            self.groups.values().filter_map(|group| group.quota).map(|quota| u32::from(quota.percent())).sum();
        let has_rest = self.groups.get(GROUP_DEFAULT).is_some_and(|group| group.quota.is_some());
        if sum > 100 || (sum == 100 && !has_rest) || (sum == 100 && self.groups.values().any(|g| g.quota.is_none())) {
            return Err(format!(
                "the quotas of all groups are {sum}% together; leave something to the groups without one and to \
                 `{GROUP_DEFAULT}`, which has the tables of no other group"
            ));
        }
        let mut options = CompactionOptions::default();
        let given = self.options.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        options.set_all(given).and_then(|()| options.check()).map_err(|error| error.to_string())
    }
}

/// What makes a table due: as much as this since its last run, without what compactions add.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Triggers {
    /// Commits.
    pub commits: Option<u64>,
    /// Data files that were added.
    pub files: Option<u64>,
    /// Bytes of files that were added.
    pub bytes: Option<u64>,
    /// Delete files that were added.
    pub deletes: Option<u64>,
}

impl Triggers {
    /// Nothing does.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Tables that share what they may take.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GroupSettings {
    /// Tables of the group, unless a property of the table says otherwise.
    pub tables: TablePatterns,
    /// Share of the bytes that are rewritten, while other groups have work too. Groups without one, and `default`, share
    /// the rest evenly.
    pub quota: Option<Share>,
    /// Runs at once.
    pub n_concurrent_runs_max: Option<usize>,
}

/// A share in whole percents, from 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u8);

impl Share {
    /// A text such as `30%`.
    ///
    /// # Errors
    /// What would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        let digits = text.trim().strip_suffix('%').map(str::trim);
        let percent = digits.and_then(|digits| digits.parse().ok()).filter(|percent| (1..=100).contains(percent));
        percent.map(Self).ok_or_else(|| "not a share from 1% to 100%, such as 30%".to_owned())
    }

    /// In percents.
    pub fn percent(self) -> u8 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rstest::rstest;

    use super::*;

    fn groups(quotas: &[(&str, Option<&str>)]) -> DaemonSettings {
        let group = |(name, quota): &(&str, Option<&str>)| {
            let quota = quota.map(|quota| Share::parse(quota).unwrap());
            ((*name).to_owned(), GroupSettings { quota, ..GroupSettings::default() })
        };
        DaemonSettings { groups: quotas.iter().map(group).collect(), ..DaemonSettings::default() }
    }

    #[rstest]
    #[case(&[], true)]
    #[case(&[("a", Some("60%")), ("b", Some("30%"))], true)]
    #[case(&[("a", Some("60%")), ("default", Some("40%"))], true)]
    #[case(&[("a", Some("60%")), ("b", Some("40%"))], false)]
    #[case(&[("a", Some("60%")), ("default", Some("40%")), ("b", None)], false)]
    #[case(&[("a", Some("60%")), ("b", Some("50%"))], false)]
    fn quotas_leave_something_to_everyone(#[case] quotas: &[(&str, Option<&str>)], #[case] is_right: bool) {
        assert_eq!(groups(quotas).check().is_ok(), is_right);
    }

    #[test]
    fn a_schedule_needs_tables() {
        let schedule = Some(Schedule::parse("1h").unwrap());
        let settings = DaemonSettings { schedule, ..DaemonSettings::default() };
        assert!(settings.check().unwrap_err().contains("set `tables`"));
        let tables = TablePatterns::parse(["a.*"]).unwrap();
        DaemonSettings { tables, ..settings }.check().unwrap();
    }

    #[test]
    fn options_are_those_of_compactions() {
        let options = BTreeMap::from([("min-input-files".to_owned(), "many".to_owned())]);
        let error = DaemonSettings { options, ..DaemonSettings::default() }.check().unwrap_err();
        assert!(error.contains("`min-input-files` cannot be `many`"), "{error}");
    }

    #[rstest]
    #[case("30%", Some(30))]
    #[case("100 %", Some(100))]
    #[case("0%", None)]
    #[case("101%", None)]
    #[case("30", None)]
    fn a_share_is_in_percents(#[case] text: &str, #[case] expected: Option<u8>) {
        assert_eq!(Share::parse(text).ok().map(Share::percent), expected);
    }
}

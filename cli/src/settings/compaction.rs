//! `[compaction]`: which tables are compacted by schedule, and how.

use std::path::PathBuf;
use std::time::Duration;

use frazil_compactor::CompactionOptions;
use frazil_server::daemon::{DaemonSettings, GroupSettings, Schedule, Share, TablePatterns, Windows};
use frazil_table::catalog::{nearest, parse_duration};

use super::{Environment, Setting};
use crate::args::parse_memory_limit;
use crate::error::CliError;

/// Settings of `[compaction]`, beside the sections `option` and `group`.
pub(super) const KEYS: [&str; 14] = [
    "tables",
    "schedule",
    "windows",
    "max-concurrent-runs",
    "trigger-commits",
    "trigger-files",
    "trigger-bytes",
    "trigger-deletes",
    "breaker-failures",
    "breaker-pause",
    "retry-pause",
    "retry-pause-max",
    "look-interval",
    "state",
];
/// Settings of `[compaction.group.NAME]`.
pub(super) const GROUP_KEYS: [&str; 3] = ["tables", "quota", "max-concurrent-runs"];
/// Those that may be lists.
const LISTS: [&str; 2] = ["tables", "windows"];
/// How variables of the environment begin; `FRAZIL_COMPACTION_MAX_CONCURRENT_RUNS` is `max-concurrent-runs`.
const VARIABLE_PREFIX: &str = "FRAZIL_COMPACTION_";

/// Which tables are compacted by schedule, and how.
#[derive(Debug, Clone, Default)]
pub(crate) struct CompactionSettings {
    daemon: DaemonSettings,
    /// What was set, and where.
    origins: Vec<(String, Setting)>,
}

impl CompactionSettings {
    /// What is set, by name, and where.
    pub(crate) fn shown(&self) -> Vec<(String, String, String)> {
        let shown = |(key, setting): &(String, Setting)| (key.clone(), setting.value.clone(), setting.origin.clone());
        self.origins.iter().map(shown).collect()
    }

    /// Something was set.
    pub(crate) fn is_set(&self) -> bool {
        !self.origins.is_empty()
    }

    /// How the daemon is set up, but for how long commits wait for their lock.
    pub(crate) fn daemon(&self) -> &DaemonSettings {
        &self.daemon
    }

    /// May be a list of texts.
    pub(super) fn is_list(key: &str) -> bool {
        LISTS.contains(&key)
    }

    /// Takes the values of one key, one unless it is a list; the error says what would be right.
    pub(super) fn set(&mut self, key: &str, values: &[String], origin: String) -> Result<(), String> {
        let daemon = &mut self.daemon;
        let texts = || values.iter().map(String::as_str);
        let value = values.first().map_or("", |value| value.trim());
        match key {
            "tables" => daemon.tables = TablePatterns::parse(texts())?,
            "schedule" => daemon.schedule = Some(Schedule::parse(value)?),
            "windows" => daemon.windows = Windows::parse(texts())?,
            "max-concurrent-runs" => daemon.n_concurrent_runs_max = above_zero(value)?,
            "trigger-commits" => daemon.triggers.commits = Some(above_zero(value)?),
            "trigger-files" => daemon.triggers.files = Some(above_zero(value)?),
            "trigger-bytes" => daemon.triggers.bytes = Some(parse_memory_limit(value)?),
            "trigger-deletes" => daemon.triggers.deletes = Some(above_zero(value)?),
            "breaker-failures" => daemon.breaker_failures = above_zero(value)?,
            "breaker-pause" => daemon.breaker_pause = duration(value)?,
            "retry-pause" => daemon.retry_pause = duration(value)?,
            "retry-pause-max" => daemon.retry_pause_max = duration(value)?,
            "look-interval" => daemon.look_interval = duration(value)?,
            "state" if value.is_empty() => return Err("expected a folder".to_owned()),
            "state" => daemon.state = Some(PathBuf::from(value)),
            _ => return Err(unknown(key, &KEYS)),
        }
        self.told(key.to_owned(), values, origin);
        Ok(())
    }

    /// Takes a compaction option; the error says what would be right.
    pub(super) fn set_option(&mut self, name: &str, value: &str, origin: String) -> Result<(), String> {
        let mut options = CompactionOptions::default();
        // Some options need this one, wherever it stands.
        options.set("partial-progress.enabled", "true").map_err(|error| error.to_string())?;
        options.set(name, value).map_err(|error| error.to_string())?;
        self.daemon.options.insert(name.to_owned(), value.to_owned());
        self.told(format!("option.{name}"), &[value.to_owned()], origin);
        Ok(())
    }

    /// Takes the values of one key of a group; the error says what would be right.
    pub(super) fn set_group(
        &mut self,
        group: &str,
        key: &str,
        values: &[String],
        origin: String,
    ) -> Result<(), String> {
        let value = values.first().map_or("", |value| value.trim());
        let settings: &mut GroupSettings = self.daemon.groups.entry(group.to_owned()).or_default();
        match key {
            "tables" => settings.tables = TablePatterns::parse(values.iter().map(String::as_str))?,
            "quota" => settings.quota = Some(Share::parse(value)?),
            "max-concurrent-runs" => settings.n_concurrent_runs_max = Some(above_zero(value)?),
            _ => return Err(unknown(key, &GROUP_KEYS)),
        }
        self.told(format!("group.{group}.{key}"), values, origin);
        Ok(())
    }

    /// A group without settings is one all the same.
    pub(super) fn add_group(&mut self, group: &str) {
        self.daemon.groups.entry(group.to_owned()).or_default();
    }

    /// # Errors
    /// What does not fit together.
    pub(super) fn check(&self) -> Result<(), String> {
        self.daemon.check()
    }

    /// Variables go over the file.
    ///
    /// # Errors
    /// [`CliError::Usage`] with what is wrong.
    pub(super) fn apply(&mut self, environment: &Environment) -> Result<(), CliError> {
        let mut is_changed = false;
        for (variable, value) in environment.with_prefix(VARIABLE_PREFIX) {
            let name = variable.get(VARIABLE_PREFIX.len()..).unwrap_or_default();
            let key = name.to_lowercase().replace('_', "-");
            let values: Vec<String> = match Self::is_list(&key) {
                true => value.split(';').map(|part| part.trim().to_owned()).collect(),
                false => vec![value.to_owned()],
            };
            self.set(&key, &values, variable.to_owned())
                .map_err(|cause| CliError::Usage(format!("variable {variable}=`{value}` is wrong: {cause}")))?;
            is_changed = true;
        }
        if is_changed {
            let wrong =
                |cause| CliError::Usage(format!("variables {VARIABLE_PREFIX}… and [compaction] together: {cause}"));
            self.check().map_err(wrong)?;
        }
        if self.is_set() && self.daemon.state.is_none() {
            self.daemon.state = environment.state_folder().map(|folder| folder.join("frazil").join("compaction"));
        }
        Ok(())
    }

    fn told(&mut self, key: String, values: &[String], origin: String) {
        self.origins.retain(|(known, _)| *known != key);
        self.origins.push((key, Setting::new(values.join("; "), origin)));
    }
}

fn above_zero<T: std::str::FromStr + PartialOrd + From<u8>>(value: &str) -> Result<T, String> {
    let number = value.parse().ok().filter(|number| *number > T::from(0_u8));
    number.ok_or_else(|| "not a number above zero".to_owned())
}

fn duration(value: &str) -> Result<Duration, String> {
    let duration = parse_duration(value).filter(|duration| !duration.is_zero());
    duration.ok_or_else(|| "not a duration above zero, such as 30s or 6h".to_owned())
}

fn unknown(key: &str, known: &[&str]) -> String {
    match nearest(key, known) {
        Some(near) => format!("unknown setting `{key}`; did you mean `{near}`?"),
        None => format!("unknown setting `{key}`; known are: {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn variables_go_over_the_file_and_lists_stand_between_semicolons() {
        let mut settings = CompactionSettings::default();
        settings.set("tables", &["a.*".to_owned()], "frazil.toml:2".to_owned()).unwrap();
        let environment = Environment::for_tests(&[
            ("FRAZIL_COMPACTION_TABLES", "db.*; !db.tmp_*"),
            ("FRAZIL_COMPACTION_SCHEDULE", "0 3 * * *"),
            ("FRAZIL_COMPACTION_WINDOWS", "mon,tue 22:00-06:00; sat 00:00-24:00"),
            ("FRAZIL_COMPACTION_MAX_CONCURRENT_RUNS", "3"),
            ("XDG_STATE_HOME", "/state"),
        ]);
        settings.apply(&environment).unwrap();
        let expected = Windows::parse(["mon,tue 22:00-06:00", "sat 00:00-24:00"]).unwrap();
        assert_eq!((settings.daemon.n_concurrent_runs_max, settings.daemon.windows.clone()), (3, expected));
        assert!(settings.daemon.tables.matches("db.t") && !settings.daemon.tables.matches("db.tmp_1"));
        assert_eq!(settings.daemon.state, Some(PathBuf::from("/state/frazil/compaction")));
        let shown = settings.shown();
        let tables = shown.iter().find(|(key, ..)| key == "tables").unwrap();
        assert_eq!((tables.1.as_str(), tables.2.as_str()), ("db.*; !db.tmp_*", "FRAZIL_COMPACTION_TABLES"));
    }

    #[test]
    fn without_settings_nothing_is_kept_on_disk() {
        let mut settings = CompactionSettings::default();
        settings.apply(&Environment::for_tests(&[("HOME", "/nobody")])).unwrap();
        assert!(!settings.is_set() && settings.daemon.state.is_none());
    }

    #[test]
    fn a_variable_that_is_wrong_is_named() {
        for (variable, value, expected) in [
            ("FRAZIL_COMPACTION_SCHEDUL", "1h", "did you mean `schedule`?"),
            ("FRAZIL_COMPACTION_BREAKER_FAILURES", "0", "not a number above zero"),
            ("FRAZIL_COMPACTION_SCHEDULE", "1h", "set `tables`"),
        ] {
            let environment = Environment::for_tests(&[(variable, value)]);
            let line = CompactionSettings::default().apply(&environment).unwrap_err().line();
            assert!(line.contains(expected), "{line}");
        }
    }
}

//! How one table is compacted: the settings, and over them what the table's properties say.

use std::collections::HashMap;

use frazil_compactor::CompactionOptions;
use frazil_table::TableError;

use super::schedule::{Schedule, Windows};
use super::settings::{DaemonSettings, GROUP_DEFAULT, Triggers};

const PREFIX: &str = "frazil.compaction.";
/// What this machine has goes before what a table says.
const MEMORY_LIMIT: &str = "memory-limit-bytes";
/// Other properties that a plan depends on.
const TARGET_SIZE: &str = "write.target-file-size-bytes";

/// When a table is compacted, and with whom it shares.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TableRule {
    pub(super) is_enabled: bool,
    pub(super) schedule: Option<Schedule>,
    pub(super) windows: Windows,
    pub(super) triggers: Triggers,
    pub(super) group: String,
    /// All that was said of how the table is compacted, as one text: if it is another, a plan may be another too.
    pub(super) options: String,
}

/// The rule of a table that has these properties.
///
/// # Errors
/// The property that is wrong, and what would be right.
pub(super) fn rule(
    settings: &DaemonSettings,
    table: &str,
    properties: &HashMap<String, String>,
) -> Result<TableRule, String> {
    let of = |name: &str| properties.get(&format!("{PREFIX}{name}")).map(|value| value.trim());
    let wrong = |name: &str, cause: String| {
        format!("table property `{PREFIX}{name}` is `{}`: {cause}; change it", of(name).unwrap_or_default())
    };
    let is_enabled = match of("enabled") {
        None | Some("true") => true,
        Some("false") => false,
        Some(_) => return Err(wrong("enabled", "not true or false".to_owned())),
    };
    let schedule = match of("schedule") {
        None => settings.schedule.clone(),
        Some("none") => None,
        Some(text) => Some(Schedule::parse(text).map_err(|cause| wrong("schedule", cause))?),
    };
    let windows = match of("windows") {
        None => settings.windows.clone(),
        Some("none") => Windows::default(),
        Some(text) => Windows::parse(text.split(';')).map_err(|cause| wrong("windows", cause))?,
    };
    let trigger = |name: &str, default: Option<u64>| match of(name) {
        None => Ok(default),
        Some("none") => Ok(None),
        Some(text) => match number(text) {
            Some(number) if number > 0 => Ok(Some(number)),
            _ => Err(wrong(name, "not a number above 0, a size such as 10GB, or none".to_owned())),
        },
    };
    let triggers = Triggers {
        commits: trigger("trigger-commits", settings.triggers.commits)?,
        files: trigger("trigger-files", settings.triggers.files)?,
        bytes: trigger("trigger-bytes", settings.triggers.bytes)?,
        deletes: trigger("trigger-deletes", settings.triggers.deletes)?,
    };
    let group = match of("group") {
        None => group_of(settings, table).to_owned(),
        Some(name) if name == GROUP_DEFAULT || settings.groups.contains_key(name) => name.to_owned(),
        Some(_) => {
            let names: Vec<&str> = settings.groups.keys().map(String::as_str).collect();
            let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            return Err(wrong("group", format!("no such group; the settings have {known}, and {GROUP_DEFAULT}")));
        }
    };
    let mut said: Vec<String> = properties
        .iter()
        .filter(|(name, _)| name.starts_with(PREFIX) || *name == TARGET_SIZE)
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    said.sort_unstable();
    Ok(TableRule { is_enabled, schedule, windows, triggers, group, options: said.join("\n") })
}

/// The group of a table by the settings alone.
pub(super) fn group_of<'a>(settings: &'a DaemonSettings, table: &str) -> &'a str {
    let found = settings.groups.iter().find(|(_, group)| group.tables.matches(table));
    found.map_or(GROUP_DEFAULT, |(name, _)| name)
}

/// How a table is compacted: the settings, over them its properties, over these what was asked for.
///
/// # Errors
/// [`TableError::InvalidRequest`] names what is wrong.
pub(super) fn options<'a>(
    settings: &DaemonSettings,
    properties: &HashMap<String, String>,
    given: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<CompactionOptions, TableError> {
    let of_settings = settings.options.iter().map(|(name, value)| (format!("{PREFIX}{name}"), value.clone()));
    let mut merged: HashMap<String, String> = of_settings.collect();
    let machine = format!("{PREFIX}{MEMORY_LIMIT}");
    let is_known =
        |name: &str| name.strip_prefix(PREFIX).is_some_and(|name| CompactionOptions::names().contains(&name));
    for (name, value) in properties.iter().filter(|(name, _)| is_known(name)) {
        if *name != machine || !merged.contains_key(name) {
            merged.insert(name.clone(), value.clone());
        }
    }
    let mut options = CompactionOptions::from_properties(&merged)?;
    options.set_all(given)?;
    options.check()?;
    Ok(options)
}

/// A number, or a size with a unit of 1,024s.
fn number(text: &str) -> Option<u64> {
    let n_digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, unit) = text.split_at_checked(n_digits)?;
    let shift = match unit.trim().to_ascii_uppercase().as_str() {
        "" | "B" => 0,
        "KB" => 10,
        "MB" => 20,
        "GB" => 30,
        "TB" => 40,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeMap;
    use std::time::Duration;

    use rstest::rstest;

    use super::*;
    use crate::daemon::pattern::TablePatterns;
    use crate::daemon::settings::GroupSettings;

    fn settings() -> DaemonSettings {
        let group = |pattern: &str| GroupSettings {
            tables: TablePatterns::parse([pattern]).unwrap(),
            ..GroupSettings::default()
        };
        DaemonSettings {
            schedule: Some(Schedule::parse("1h").unwrap()),
            windows: Windows::parse(["22:00-06:00"]).unwrap(),
            triggers: Triggers { commits: Some(100), ..Triggers::default() },
            options: BTreeMap::from([
                ("min-input-files".to_owned(), "7".to_owned()),
                ("memory-limit-bytes".to_owned(), "64MB".to_owned()),
            ]),
            groups: BTreeMap::from([("big".to_owned(), group("prod.big.*")), ("other".to_owned(), group("prod.**"))]),
            ..DaemonSettings::default()
        }
    }

    fn properties(entries: &[(&str, &str)]) -> HashMap<String, String> {
        entries.iter().map(|(name, value)| (format!("{PREFIX}{name}"), (*value).to_owned())).collect()
    }

    #[test]
    fn without_properties_the_settings_count() {
        let rule = rule(&settings(), "prod.big.t", &HashMap::new()).unwrap();
        assert!(rule.is_enabled && !rule.windows.is_always());
        assert_eq!(rule.schedule, Some(Schedule::Every(Duration::from_secs(3_600))));
        assert_eq!(rule.triggers, Triggers { commits: Some(100), ..Triggers::default() });
        assert_eq!(rule.group, "big");
        assert_eq!(group_of(&settings(), "prod.db.t"), "other");
        assert_eq!(group_of(&settings(), "test.db.t"), "default");
    }

    #[test]
    fn properties_go_over_the_settings() {
        let properties = properties(&[
            ("enabled", "false"),
            ("schedule", "none"),
            ("windows", "none"),
            ("trigger-commits", "none"),
            ("trigger-bytes", "2 GB"),
            ("trigger-deletes", "5"),
            ("group", "default"),
        ]);
        let rule = rule(&settings(), "prod.big.t", &properties).unwrap();
        assert!(!rule.is_enabled && rule.windows.is_always());
        assert_eq!(rule.schedule, None);
        let expected = Triggers { commits: None, files: None, bytes: Some(2 << 30), deletes: Some(5) };
        assert_eq!((rule.triggers, rule.group.as_str()), (expected, "default"));
    }

    #[test]
    fn windows_of_a_property_stand_between_semicolons() {
        let properties = properties(&[("windows", "mon-fri 22:00-06:00; sat,sun 00:00-24:00")]);
        let expected = Windows::parse(["mon-fri 22:00-06:00", "sat,sun 00:00-24:00"]).unwrap();
        assert_eq!(rule(&settings(), "t", &properties).unwrap().windows, expected);
    }

    #[rstest]
    #[case("enabled", "yes", "`frazil.compaction.enabled` is `yes`: not true or false; change it")]
    #[case("schedule", "soon", "`frazil.compaction.schedule` is `soon`: neither an interval")]
    #[case("windows", "night", "`frazil.compaction.windows` is `night`: window `night`: expected")]
    #[case("trigger-files", "0", "not a number above 0")]
    #[case("trigger-bytes", "99999999999TB", "not a number above 0")]
    #[case("group", "bigg", "no such group; the settings have big, other, and default")]
    fn a_property_that_is_wrong_is_named(#[case] name: &str, #[case] value: &str, #[case] expected: &str) {
        let error = rule(&settings(), "t", &properties(&[(name, value)])).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn options_come_from_the_request_then_the_table_then_the_settings() {
        let own =
            properties(&[("max-concurrent-file-group-rewrites", "3"), ("memory-limit-bytes", "9GB"), ("group", "x")]);
        let options = options(&settings(), &own, [("target-file-size-bytes", "1MB")]).unwrap();
        assert_eq!((options.min_input_files, options.max_concurrent_file_group_rewrites), (7, 3));
        assert_eq!(options.memory_limit_bytes, 64 << 20, "the settings know the machine");
        assert_eq!(options.target_file_size_bytes, Some(1 << 20));
        let own = properties(&[("min-input-files", "2"), ("memory-limit-bytes", "8MB")]);
        let options = super::options(&DaemonSettings::default(), &own, []).unwrap();
        assert_eq!((options.min_input_files, options.memory_limit_bytes), (2, 8 << 20));
        assert!(super::options(&settings(), &HashMap::new(), [("x", "1")]).is_err());
    }
}

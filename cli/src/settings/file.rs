//! The settings file `frazil.toml`: what it may hold, and where in it something is wrong.

use std::collections::BTreeMap;
use std::time::Duration;

use frazil_compactor::CompactionOptions;
use frazil_table::catalog::{is_secret, nearest, parse_duration};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::compaction::{self, CompactionSettings};
use super::lock::{self, LockSettings};
use super::positions::{self, PositionsSettings};
use super::server::{self, ServerSettings};
use super::{Environment, Properties, Setting};
use crate::args::parse_memory_limit;
use crate::error::CliError;

/// Sections of this version.
const SECTIONS: [&str; 6] = ["catalog", "compaction", "lock", "positions", "reader", "server"];
/// Settings of `[reader]`.
const READER_KEYS: [&str; 2] = ["memory-limit", "monitor-interval"];
/// Settings of a catalog that have no dot in their name; those with dots belong to Iceberg and are not checked.
const CATALOG_KEYS: [&str; 24] = [
    "type",
    "uri",
    "warehouse",
    "catalog-name",
    "token",
    "credential",
    "scope",
    "audience",
    "resource",
    "prefix",
    "oauth2-server-uri",
    "cacert",
    "ugi",
    "namespace-separator",
    "connect-timeout",
    "request-timeout",
    "total-timeout",
    "max-retries",
    "io-impl",
    "catalog-impl",
    "py-io-impl",
    "auth",
    "header",
    "ssl",
];

/// What a file says.
#[derive(Debug, Default)]
pub(super) struct FileSettings {
    pub(super) catalogs: BTreeMap<String, Properties>,
    pub(super) reader: ReaderSettings,
    pub(super) lock: LockSettings,
    pub(super) positions: PositionsSettings,
    pub(super) server: ServerSettings,
    pub(super) compaction: CompactionSettings,
}

/// How tables are read, unless the command says otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ReaderSettings {
    /// What `--memory-limit` is otherwise.
    pub(crate) memory_limit: Option<u64>,
    /// Longest time between two looks at a table that is followed.
    pub(crate) monitor_interval: Option<Duration>,
}

impl ReaderSettings {
    /// What is set, by name.
    pub(crate) fn shown(&self) -> Vec<(&'static str, String)> {
        let memory_limit = self.memory_limit.map(|bytes| ("memory-limit", format!("{bytes} bytes")));
        let interval = self.monitor_interval.map(|interval| ("monitor-interval", format!("{interval:?}")));
        memory_limit.into_iter().chain(interval).collect()
    }

    /// Takes the value of one key; the error says what would be right.
    pub(super) fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        match key {
            "memory-limit" => self.memory_limit = Some(parse_memory_limit(value)?),
            "monitor-interval" => {
                let interval = parse_duration(value).filter(|interval| !interval.is_zero());
                self.monitor_interval = Some(interval.ok_or("not a duration above zero, such as 500ms or 10s")?);
            }
            _ => return Err("not a setting of this version".to_owned()),
        }
        Ok(())
    }
}

/// Reads the text of a file; `name` is the file's, for messages.
///
/// # Errors
/// [`CliError::Usage`] with line and column of what is wrong.
pub(super) fn parse(text: &str, name: &str, environment: &Environment) -> Result<FileSettings, CliError> {
    let file = File { text, name, environment };
    let root = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        file.wrong(at, error.message().lines().next().unwrap_or("no TOML"))
    })?;
    let mut settings = FileSettings::default();
    for (key, value) in root.get_ref() {
        match &**key.get_ref() {
            "catalog" => {
                for (catalog, properties) in file.table(value, "catalog")? {
                    let properties = file.catalog(catalog.get_ref(), properties)?;
                    settings.catalogs.insert(catalog.get_ref().to_string(), properties);
                }
            }
            "compaction" => file.compaction(value, &mut settings.compaction)?,
            "lock" => file.lock(value, &mut settings.lock)?,
            "positions" => {
                file.section(value, "positions", &positions::KEYS, |key, value| settings.positions.set(key, value))?
            }
            "reader" => file.section(value, "reader", &READER_KEYS, |key, value| settings.reader.set(key, value))?,
            "server" => file.section(value, "server", &server::KEYS, |key, value| settings.server.set(key, value))?,
            other => return Err(file.unknown(key, "section", other, &SECTIONS)),
        }
    }
    Ok(settings)
}

struct File<'a> {
    text: &'a str,
    name: &'a str,
    environment: &'a Environment,
}

impl File<'_> {
    fn table<'t, 'i>(&self, value: &'t Spanned<DeValue<'i>>, name: &str) -> Result<&'t DeTable<'i>, CliError> {
        match value.get_ref() {
            DeValue::Table(table) => Ok(table),
            _ => Err(self.wrong(value.span().start, &format!("`{name}` is no section; write it as `[{name}]`"))),
        }
    }

    fn catalog(&self, name: &str, value: &Spanned<DeValue<'_>>) -> Result<Properties, CliError> {
        let table = self.table(value, &format!("catalog.{name}"))?;
        if name.is_empty() || name.contains('.') {
            return Err(self.wrong(value.span().start, "a catalog's name is empty or has a dot; choose another"));
        }
        let mut properties = Properties::new();
        for (key, value) in table {
            let plain: &str = key.get_ref();
            let is_close = nearest(plain, &CATALOG_KEYS).is_some_and(|known| known != plain);
            if !plain.contains('.') && !matches!(value.get_ref(), DeValue::Table(_)) && is_close {
                return Err(self.unknown(key, "setting", plain, &CATALOG_KEYS));
            }
            self.flatten(plain, value, &mut properties)?;
        }
        Ok(properties)
    }

    /// `s3.endpoint`, quoted or not, and a section `[catalog.x.s3]` mean the same.
    fn flatten(&self, name: &str, value: &Spanned<DeValue<'_>>, into: &mut Properties) -> Result<(), CliError> {
        if let DeValue::Table(table) = value.get_ref() {
            for (key, value) in table {
                self.flatten(&format!("{name}.{}", key.get_ref()), value, into)?;
            }
            return Ok(());
        }
        let origin = format!("{}:{}", self.name, self.line_column(value.span().start).0);
        into.insert(name.to_owned(), Setting::new(self.text_of(name, value)?, origin));
        Ok(())
    }

    /// Takes the values of a section that has plain settings only.
    fn section(
        &self,
        value: &Spanned<DeValue<'_>>,
        section: &str,
        keys: &[&str],
        mut set: impl FnMut(&str, &str) -> Result<(), String>,
    ) -> Result<(), CliError> {
        for (key, value) in self.table(value, section)? {
            let name: &str = key.get_ref();
            if !keys.contains(&name) {
                return Err(self.unknown(key, "setting", name, keys));
            }
            let text = self.text_of(name, value)?;
            let wrong = |cause: String| self.wrong(value.span().start, &format!("{name}=`{text}` is wrong: {cause}"));
            set(name, &text).map_err(wrong)?;
        }
        Ok(())
    }

    fn lock(&self, value: &Spanned<DeValue<'_>>, settings: &mut LockSettings) -> Result<(), CliError> {
        for (key, value) in self.table(value, "lock")? {
            let name: &str = key.get_ref();
            if !lock::KEYS.contains(&name) {
                return Err(self.wrong(key.span().start, &lock::unknown(name)));
            }
            let at = value.span().start;
            let text = self.text_of(name, value)?;
            let shown = if is_secret(name) { "***" } else { &text }.to_owned();
            let setting = Setting::new(text, format!("{}:{}", self.name, self.line_column(at).0));
            settings
                .set(name, setting)
                .map_err(|cause| self.wrong(at, &format!("{name}=`{shown}` is wrong: {cause}")))?;
        }
        Ok(())
    }

    fn compaction(&self, value: &Spanned<DeValue<'_>>, settings: &mut CompactionSettings) -> Result<(), CliError> {
        let section = value.span().start;
        for (key, value) in self.table(value, "compaction")? {
            match &**key.get_ref() {
                "option" => {
                    for (key, value) in self.table(value, "compaction.option")? {
                        self.compaction_option(key.get_ref(), key, value, settings)?;
                    }
                }
                "group" => {
                    for (group, value) in self.table(value, "compaction.group")? {
                        self.compaction_group(group.get_ref(), value, settings)?;
                    }
                }
                name if !compaction::KEYS.contains(&name) => {
                    let known: Vec<&str> = compaction::KEYS.into_iter().chain(["option", "group"]).collect();
                    return Err(self.unknown(key, "setting", name, &known));
                }
                name => {
                    let (texts, origin) = self.texts_of(name, value)?;
                    settings
                        .set(name, &texts, origin)
                        .map_err(|cause| self.wrong_value(name, &texts, value, &cause))?;
                }
            }
        }
        settings.check().map_err(|cause| self.wrong(section, &cause))
    }

    /// Names of options may have dots, quoted or not.
    fn compaction_option(
        &self,
        name: &str,
        key: &Spanned<impl AsRef<str>>,
        value: &Spanned<DeValue<'_>>,
        settings: &mut CompactionSettings,
    ) -> Result<(), CliError> {
        if let DeValue::Table(table) = value.get_ref() {
            for (key, value) in table {
                self.compaction_option(&format!("{name}.{}", key.get_ref()), key, value, settings)?;
            }
            return Ok(());
        }
        if !CompactionOptions::names().contains(&name) {
            return Err(self.unknown(key, "compaction option", name, CompactionOptions::names()));
        }
        let text = self.text_of(name, value)?;
        let set = settings.set_option(name, &text, self.origin(value));
        set.map_err(|cause| self.wrong(value.span().start, &cause))
    }

    fn compaction_group(
        &self,
        group: &str,
        value: &Spanned<DeValue<'_>>,
        settings: &mut CompactionSettings,
    ) -> Result<(), CliError> {
        settings.add_group(group);
        for (key, value) in self.table(value, &format!("compaction.group.{group}"))? {
            let name: &str = key.get_ref();
            if !compaction::GROUP_KEYS.contains(&name) {
                return Err(self.unknown(key, "setting", name, &compaction::GROUP_KEYS));
            }
            let (texts, origin) = self.texts_of(name, value)?;
            let set = settings.set_group(group, name, &texts, origin);
            set.map_err(|cause| self.wrong_value(name, &texts, value, &cause))?;
        }
        Ok(())
    }

    /// The texts of a list, or one; and where they are set.
    fn texts_of(&self, name: &str, value: &Spanned<DeValue<'_>>) -> Result<(Vec<String>, String), CliError> {
        let texts = match value.get_ref() {
            DeValue::Array(values) if CompactionSettings::is_list(name) => {
                values.iter().map(|value| self.text_of(name, value)).collect::<Result<_, _>>()?
            }
            _ => vec![self.text_of(name, value)?],
        };
        Ok((texts, self.origin(value)))
    }

    fn origin(&self, value: &Spanned<DeValue<'_>>) -> String {
        format!("{}:{}", self.name, self.line_column(value.span().start).0)
    }

    fn wrong_value(&self, name: &str, texts: &[String], value: &Spanned<DeValue<'_>>, cause: &str) -> CliError {
        self.wrong(value.span().start, &format!("{name}=`{}` is wrong: {cause}", texts.join("; ")))
    }

    /// A value as text, with `${NAME}` replaced by the environment's variable.
    fn text_of(&self, name: &str, value: &Spanned<DeValue<'_>>) -> Result<String, CliError> {
        match value.get_ref() {
            DeValue::String(text) => self.expand(text, value.span().start),
            DeValue::Integer(number) => Ok(number.as_str().replace('_', "")),
            DeValue::Float(number) => Ok(number.as_str().replace('_', "")),
            DeValue::Boolean(flag) => Ok(flag.to_string()),
            DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
                Err(self.wrong(value.span().start, &format!("`{name}` is no text, number or flag; put it in quotes")))
            }
        }
    }

    fn expand(&self, text: &str, at: usize) -> Result<String, CliError> {
        let mut expanded = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            expanded.push_str(before);
            let Some((name, after)) = after.split_once('}') else {
                return Err(self.wrong(at, "a `${` has no `}`; write `${NAME}`"));
            };
            let Some(value) = self.environment.get(name) else {
                return Err(self.wrong(at, &format!("the environment has no variable `{name}`; set it")));
            };
            expanded.push_str(value);
            rest = after;
        }
        expanded.push_str(rest);
        Ok(expanded)
    }

    fn unknown(&self, key: &Spanned<impl AsRef<str>>, what: &str, name: &str, known: &[&str]) -> CliError {
        let remedy = match nearest(name, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known are: {}", known.join(", ")),
        };
        self.wrong(key.span().start, &format!("unknown {what} `{name}`; {remedy}"))
    }

    fn wrong(&self, at: usize, cause: &str) -> CliError {
        let (line, column) = self.line_column(at);
        CliError::Usage(format!("settings file {}, line {line}, column {column}: {cause}", self.name))
    }

    /// Both from 1, the column in characters.
    fn line_column(&self, at: usize) -> (usize, usize) {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |index| index + 1);
        (before.matches('\n').count() + 1, before.get(line_start..).unwrap_or_default().chars().count() + 1)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rstest::rstest;

    use super::*;

    fn environment() -> Environment {
        Environment::for_tests(&[("SECRET", "geheim"), ("EMPTY", "")])
    }

    fn values(text: &str, catalog: &str) -> BTreeMap<String, String> {
        let settings = parse(text, "frazil.toml", &environment()).unwrap();
        settings.catalogs[catalog].iter().map(|(name, setting)| (name.clone(), setting.value.clone())).collect()
    }

    #[test]
    fn every_way_to_write_a_property_means_the_same() {
        let expected = BTreeMap::from([
            ("uri".to_owned(), "http://h".to_owned()),
            ("s3.endpoint".to_owned(), "http://s".to_owned()),
            ("s3.path-style-access".to_owned(), "true".to_owned()),
            ("max-retries".to_owned(), "2".to_owned()),
        ]);
        for text in [
            "[catalog.a]\nuri = 'http://h'\ns3.endpoint = 'http://s'\n\"s3.path-style-access\" = true\nmax-retries = 2",
            "[catalog.a]\nuri = 'http://h'\nmax-retries = '2'\n[catalog.a.s3]\nendpoint = 'http://s'\npath-style-access = 'true'",
        ] {
            assert_eq!(values(text, "a"), expected, "{text}");
        }
    }

    #[test]
    fn secrets_come_from_the_environment() {
        assert_eq!(values("[catalog.a]\ntoken = 'x-${SECRET}-${EMPTY}y'", "a")["token"], "x-geheim-y");
    }

    #[test]
    fn a_setting_knows_its_line() {
        let settings = parse("\n[catalog.a]\nuri = 'x'", "frazil.toml", &environment()).unwrap();
        assert_eq!(settings.catalogs["a"]["uri"].origin, "frazil.toml:3");
    }

    #[test]
    fn the_reader_has_its_own_section() {
        let text = "[reader]\nmemory-limit = '1GB'\nmonitor-interval = '500ms'";
        let settings = parse(text, "frazil.toml", &environment()).unwrap();
        assert_eq!(
            settings.reader,
            ReaderSettings { memory_limit: Some(1 << 30), monitor_interval: Some(Duration::from_millis(500)) }
        );
    }

    #[test]
    fn compaction_has_lists_options_and_groups() {
        let text = r#"
            [compaction]
            tables = ["prod.db.*", "!prod.db.tmp_*"]
            schedule = "0 3 * * *"
            windows = "22:00-06:00"
            trigger-bytes = "10GB"
            breaker-failures = 3
            option.min-input-files = 7
            option.partial-progress.enabled = true
            option."partial-progress.max-commits" = 4
            [compaction.group.big]
            tables = ["prod.db.big_*"]
            quota = "50%"
            max-concurrent-runs = 1
            [compaction.group.rest]
        "#;
        let settings = parse(text, "frazil.toml", &environment()).unwrap().compaction;
        let shown: Vec<String> =
            settings.shown().iter().map(|(key, value, at)| format!("{key}={value} {at}")).collect();
        let expected = [
            "breaker-failures=3 frazil.toml:7",
            "group.big.max-concurrent-runs=1 frazil.toml:14",
            "group.big.quota=50% frazil.toml:13",
            "group.big.tables=prod.db.big_* frazil.toml:12",
            "option.min-input-files=7 frazil.toml:8",
            "option.partial-progress.enabled=true frazil.toml:9",
            "option.partial-progress.max-commits=4 frazil.toml:10",
            "schedule=0 3 * * * frazil.toml:4",
            "tables=prod.db.*; !prod.db.tmp_* frazil.toml:3",
            "trigger-bytes=10GB frazil.toml:6",
            "windows=22:00-06:00 frazil.toml:5",
        ];
        let mut shown: Vec<&str> = shown.iter().map(String::as_str).collect();
        shown.sort_unstable();
        assert_eq!(shown, expected);
    }

    #[rstest]
    #[case("[compaction]\ntable = 'x'", "line 2, column 1: unknown setting `table`; did you mean `tables`?")]
    #[case("[compaction]\ntables = [1, []]", "line 2, column 14: `tables` is no text")]
    #[case("[compaction]\nschedule = ['1h']", "line 2, column 12: `schedule` is no text")]
    #[case("[compaction]\nschedule = 'x'", "line 2, column 12: schedule=`x` is wrong: neither an interval")]
    #[case("[compaction]\nschedule = '1h'", "line 1, column 1: there is a schedule, windows or triggers, and no table")]
    #[case("[compaction]\nwindows = ['22-6']", "line 2, column 11: windows=`22-6` is wrong: window `22-6`: expected")]
    #[case("[compaction]\noption.min-input-file = 1", "did you mean `min-input-files`?")]
    #[case("[compaction]\noption.verify = 'no'", "line 2, column 17: compaction option `verify` cannot be `no`")]
    #[case("[compaction.group.a]\nquote = '1%'", "line 2, column 1: unknown setting `quote`; did you mean `quota`?")]
    #[case("[compaction.group.a]\nquota = '0.3'", "line 2, column 9: quota=`0.3` is wrong: not a share")]
    #[case("[compaction.group]\na = 1", "line 2, column 5: `compaction.group.a` is no section")]
    #[case("[compaction]\nmax-concurrent-runs = 0", "line 2, column 23: max-concurrent-runs=`0` is wrong")]
    fn what_is_wrong_with_compaction_is_told_with_its_place(#[case] text: &str, #[case] expected: &str) {
        let line = parse(text, "frazil.toml", &environment()).unwrap_err().line();
        assert!(line.contains(expected), "{line}");
    }

    #[rstest]
    #[case(
        "[catalog.a]\nwharehouse = 'x'",
        "line 2, column 1: unknown setting `wharehouse`; did you mean `warehouse`?"
    )]
    #[case("[catalogs.a]", "line 1, column 2: unknown section `catalogs`; did you mean `catalog`?")]
    #[case(
        "[reader]\n  interval = 1",
        "line 2, column 3: unknown setting `interval`; known are: memory-limit, monitor-interval"
    )]
    #[case("[lock]\ntype = 'redis'", "line 2, column 8: type=`redis` is wrong: not one of memory, zookeeper")]
    #[case("[lock]\nconect = 'x'", "line 2, column 1: unknown setting `conect`; did you mean `connect`?")]
    #[case("[lock]\ntls-ca = 'x'", "line 2, column 1: this version has no TLS to ZooKeeper")]
    #[case("[server]\nlisten = 'x'", "line 2, column 10: listen=`x` is wrong: expected an address and a port")]
    #[case("[server]\nlistens = 'x'", "line 2, column 1: unknown setting `listens`; did you mean `listen`?")]
    #[case("[reader]\nmemory-limit = 'much'", "line 2, column 16: memory-limit=`much` is wrong")]
    #[case("[reader]\nmonitor-interval = '0s'", "line 2, column 20: monitor-interval=`0s` is wrong")]
    #[case("[catalog.a]\ntoken = '${NONE}'", "line 2, column 9: the environment has no variable `NONE`; set it")]
    #[case("[catalog.a]\ntoken = '${'", "line 2, column 9: a `${` has no `}`")]
    #[case("[catalog.a]\nuri = ['x']", "line 2, column 7: `uri` is no text, number or flag")]
    #[case("catalog = 1", "line 1, column 11: `catalog` is no section")]
    #[case("[catalog.a]\nuri = 'é' x", "line 2, column 11")]
    #[case("[catalog.a]\nuri = 1\nuri = 2", "line 3, column 1")]
    #[case("[catalog.\"a.b\"]\nuri = 1", "has a dot")]
    fn what_is_wrong_is_told_with_its_place(#[case] text: &str, #[case] expected: &str) {
        let line = parse(text, "frazil.toml", &environment()).unwrap_err().line();
        assert!(line.starts_with("error: settings file frazil.toml, line ") && line.contains(expected), "{line}");
    }
}

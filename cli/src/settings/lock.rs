//! `[lock]`: who may commit to a table now.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use frazil_lock::{Access, CommitLock, Credentials, MemoryLock, ZooKeeperLock, ZooKeeperSettings};
use frazil_table::catalog::{is_secret, nearest, parse_duration};

use super::{Environment, Setting};
use crate::error::CliError;

/// Settings of `[lock]`.
pub(super) const KEYS: [&str; 7] =
    ["type", "connect", "session-timeout", "acquire-timeout", "user", "password", "access"];
/// How variables of the environment begin; `FRAZIL_LOCK_SESSION_TIMEOUT` is `session-timeout`.
const VARIABLE_PREFIX: &str = "FRAZIL_LOCK_";
/// A commit takes seconds, and many may be in line.
const ACQUIRE_TIMEOUT_DEFAULT: Duration = Duration::from_secs(180);

/// What keeps locks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum LockKind {
    /// This process.
    #[default]
    Memory,
    /// A ZooKeeper ensemble.
    ZooKeeper,
}

/// How tables are locked.
#[derive(Debug, Clone, Default)]
pub(crate) struct LockSettings {
    kind: Option<LockKind>,
    zookeeper: ZooKeeperParts,
    acquire_timeout: Option<Duration>,
    /// What was set, and where.
    origins: Vec<(&'static str, Setting)>,
}

#[derive(Debug, Clone, Default)]
struct ZooKeeperParts {
    connect: Option<String>,
    session_timeout: Option<Duration>,
    user: Option<String>,
    password: Option<Secret>,
    access: Option<Access>,
}

/// A text that is not shown.
#[derive(Clone)]
struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

impl LockKind {
    /// As in `type`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::ZooKeeper => "zookeeper",
        }
    }
}

impl LockSettings {
    /// What is set, by name, and where. Secrets are not shown.
    pub(crate) fn shown(&self) -> Vec<(String, String, String)> {
        let shown = |(key, setting): &(&str, Setting)| {
            let value = if is_secret(key) { "***".to_owned() } else { setting.value.clone() };
            ((*key).to_owned(), value, setting.origin.clone())
        };
        self.origins.iter().map(shown).collect()
    }

    /// Something was set.
    pub(crate) fn is_set(&self) -> bool {
        !self.origins.is_empty()
    }

    /// What keeps locks.
    pub(crate) fn kind(&self) -> LockKind {
        self.kind.unwrap_or_default()
    }

    /// How long a commit waits for the lock.
    pub(crate) fn acquire_timeout(&self) -> Duration {
        self.acquire_timeout.unwrap_or(ACQUIRE_TIMEOUT_DEFAULT)
    }

    /// The lock that these settings ask for. It connects when it is used.
    ///
    /// # Errors
    /// [`CliError::Usage`] if settings are missing or contradict each other; [`CliError::Lock`] if one is wrong.
    pub(crate) fn open(&self) -> Result<Arc<dyn CommitLock>, CliError> {
        let wrong = |text: &str| CliError::Usage(format!("the settings of [lock] are wrong: {text}"));
        let parts = &self.zookeeper;
        if self.kind() == LockKind::Memory {
            if let Some((key, _)) = self.origins.iter().find(|(key, _)| !matches!(*key, "type" | "acquire-timeout")) {
                let text = format!("`{key}` is for a lock service; add type = \"zookeeper\", or remove it");
                return Err(wrong(&text));
            }
            return Ok(Arc::new(MemoryLock::new()));
        }
        let Some(connect) = parts.connect.clone() else {
            return Err(wrong("`connect` is missing; set it to host:port,host:port/path"));
        };
        let credentials = match (parts.user.clone(), parts.password.clone()) {
            (Some(user), Some(Secret(password))) => Some(Credentials { user, password }),
            (None, None) => None,
            _ => return Err(wrong("`user` and `password` belong together; set both")),
        };
        let access = parts.access.unwrap_or_default();
        if access == Access::Creator && credentials.is_none() {
            return Err(wrong("access = \"creator\" takes a user; set `user` and `password`"));
        }
        let default = ZooKeeperSettings::default();
        let session_timeout = parts.session_timeout.unwrap_or(default.session_timeout);
        let lock = ZooKeeperLock::new(ZooKeeperSettings { connect, session_timeout, credentials, access })?;
        Ok(Arc::new(lock))
    }

    /// Takes the value of one key; the error says what would be right.
    pub(super) fn set(&mut self, key: &str, setting: Setting) -> Result<(), String> {
        let Some(&key) = KEYS.iter().find(|known| **known == key) else { return Err(unknown(key)) };
        let value = setting.value.trim();
        let text = || value.to_owned();
        let duration = || {
            let duration = parse_duration(value).filter(|duration| !duration.is_zero());
            duration.ok_or("not a duration above zero, such as 6s or 3m")
        };
        match key {
            "type" => {
                self.kind = Some(match value {
                    "memory" => LockKind::Memory,
                    "zookeeper" => LockKind::ZooKeeper,
                    _ => return Err("not one of memory, zookeeper".to_owned()),
                });
            }
            "connect" => self.zookeeper.connect = Some(text()),
            "session-timeout" => self.zookeeper.session_timeout = Some(duration()?),
            "acquire-timeout" => self.acquire_timeout = Some(duration()?),
            "user" => self.zookeeper.user = Some(text()),
            // Blanks may be part of it.
            "password" => self.zookeeper.password = Some(Secret(setting.value.clone())),
            _ => {
                self.zookeeper.access = Some(match value {
                    "anyone" => Access::Anyone,
                    "creator" => Access::Creator,
                    _ => return Err("not one of anyone, creator".to_owned()),
                });
            }
        }
        self.origins.retain(|(known, _)| *known != key);
        self.origins.push((key, setting));
        Ok(())
    }

    /// Variables go over the file.
    ///
    /// # Errors
    /// [`CliError::Usage`] with what is wrong.
    pub(super) fn apply(&mut self, environment: &Environment) -> Result<(), CliError> {
        for (variable, value) in environment.with_prefix(VARIABLE_PREFIX) {
            let name = variable.get(VARIABLE_PREFIX.len()..).unwrap_or_default();
            let key = name.to_lowercase().replace('_', "-");
            let shown = if is_secret(&key) { "***" } else { value };
            self.set(&key, Setting::new(value.to_owned(), variable.to_owned()))
                .map_err(|cause| CliError::Usage(format!("variable {variable}=`{shown}` is wrong: {cause}")))?;
        }
        Ok(())
    }
}

/// What is wrong with a key that there is not.
pub(super) fn unknown(key: &str) -> String {
    if ["tls", "ssl", "keystore", "truststore", "cacert"].iter().any(|word| key.contains(word)) {
        return format!(
            "this version has no TLS to ZooKeeper, so that `{key}` cannot be kept to; remove it, and reach the ensemble \
             through a network of your own"
        );
    }
    match nearest(key, &KEYS) {
        Some(near) => format!("unknown setting `{key}`; did you mean `{near}`?"),
        None => format!("unknown setting `{key}`; known are: {}", KEYS.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rstest::rstest;

    use super::*;

    fn settings(entries: &[(&str, &str)]) -> LockSettings {
        let mut settings = LockSettings::default();
        for (key, value) in entries {
            settings.set(key, Setting::new((*value).to_owned(), "here".to_owned())).unwrap();
        }
        settings
    }

    #[test]
    fn without_settings_locks_are_within_this_process() {
        let settings = settings(&[]);
        assert_eq!((settings.kind(), settings.is_set()), (LockKind::Memory, false));
        assert_eq!(settings.acquire_timeout(), Duration::from_secs(180));
        settings.open().unwrap();
    }

    #[test]
    fn variables_go_over_the_file_and_passwords_are_not_shown() {
        let mut settings = settings(&[("type", "zookeeper"), ("connect", "a:2181"), ("user", "me")]);
        let environment = Environment::for_tests(&[
            ("FRAZIL_LOCK_CONNECT", "b:2181/x"),
            ("FRAZIL_LOCK_SESSION_TIMEOUT", "2s"),
            ("FRAZIL_LOCK_PASSWORD", "geheim"),
        ]);
        settings.apply(&environment).unwrap();
        settings.open().unwrap();
        let shown = settings.shown();
        let of = |key: &str| shown.iter().find(|(name, ..)| name == key).unwrap();
        assert_eq!((of("connect").1.as_str(), of("connect").2.as_str()), ("b:2181/x", "FRAZIL_LOCK_CONNECT"));
        assert_eq!(of("password").1, "***");
        assert!(!format!("{settings:?}{:?}", settings.shown()).contains("geheim"));
        let unknown = Environment::for_tests(&[("FRAZIL_LOCK_CONECT", "x")]);
        let error = settings.apply(&unknown).unwrap_err().line();
        assert!(
            error.contains(
                "variable FRAZIL_LOCK_CONECT=`x` is wrong: unknown setting `conect`; did you mean `connect`?"
            )
        );
    }

    #[rstest]
    #[case(&[("type", "zookeeper")], "`connect` is missing")]
    #[case(&[("connect", "a:2181")], "add type = \"zookeeper\"")]
    #[case(&[("type", "zookeeper"), ("connect", "a"), ("user", "me")], "set both")]
    #[case(&[("type", "zookeeper"), ("connect", "a"), ("access", "creator")], "takes a user")]
    #[case(&[("type", "zookeeper"), ("connect", "tcp+tls://a")], "TLS to ZooKeeper is not possible")]
    #[case(&[("type", "zookeeper"), ("connect", "a"), ("session-timeout", "1h")], "set it between")]
    fn what_does_not_fit_together_is_told(#[case] entries: &[(&str, &str)], #[case] expected: &str) {
        let line = settings(entries).open().unwrap_err().line();
        assert!(line.contains(expected), "{line}");
    }

    #[rstest]
    #[case("type", "redis", "not one of memory, zookeeper")]
    #[case("session-timeout", "soon", "not a duration above zero")]
    #[case("access", "all", "not one of anyone, creator")]
    #[case("tls-ca", "x", "this version has no TLS to ZooKeeper")]
    #[case("nonsense", "x", "known are: type, connect")]
    fn wrong_values_are_refused(#[case] key: &str, #[case] value: &str, #[case] expected: &str) {
        let setting = Setting::new(value.to_owned(), "here".to_owned());
        let cause = LockSettings::default().set(key, setting).unwrap_err();
        assert!(cause.contains(expected), "{cause}");
    }
}

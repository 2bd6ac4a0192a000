//! What surrounds the program: variables, folders and files, read once so that all else can be tested without them.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// A settings file may have this size at most.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Variables, as they were when the program began.
#[derive(Clone, Default)]
pub(crate) struct Environment {
    variables: BTreeMap<String, String>,
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Names only: values may be secrets.
        formatter.debug_set().entries(self.variables.keys()).finish()
    }
}

impl Environment {
    /// The program's own. Variables that are not UTF-8 are none that it knows.
    pub(super) fn of_program() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self { variables: std::env::vars_os().filter_map(text).collect() }
    }

    /// A variable, even if it is empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// A variable that is not empty.
    pub(super) fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).map(str::trim).filter(|value| !value.is_empty())
    }

    /// Variables whose names begin with `prefix`, in any case.
    pub(super) fn with_prefix(&self, prefix: &str) -> impl Iterator<Item = (&str, &str)> {
        let has_prefix =
            move |name: &str| name.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix));
        self.variables
            .iter()
            .filter(move |(name, _)| has_prefix(name))
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The user's folder.
    pub(super) fn home(&self) -> Option<PathBuf> {
        self.filled("HOME").or_else(|| self.filled("USERPROFILE")).map(PathBuf::from)
    }

    /// The folder for the user's settings.
    pub(super) fn config_folder(&self) -> Option<PathBuf> {
        let named = self.filled("XDG_CONFIG_HOME").or_else(|| self.filled("APPDATA")).map(PathBuf::from);
        named.or_else(|| self.home().map(|home| home.join(".config")))
    }

    /// The folder for what programs of the user keep from one run to the next.
    pub(super) fn state_folder(&self) -> Option<PathBuf> {
        let named = self.filled("XDG_STATE_HOME").or_else(|| self.filled("LOCALAPPDATA")).map(PathBuf::from);
        named.or_else(|| self.home().map(|home| home.join(".local").join("state")))
    }

    #[cfg(test)]
    pub(crate) fn for_tests(variables: &[(&str, &str)]) -> Self {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { variables }
    }
}

/// The text of a settings file; `None` if it is not there.
pub(super) fn read(path: &Path) -> io::Result<Option<String>> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.len() > FILE_BYTES_MAX => {
            return Err(io::Error::other(format!("it has more than {FILE_BYTES_MAX} bytes")));
        }
        Ok(metadata) if metadata.is_dir() => return Err(io::Error::other("it is a folder")),
        Ok(_) => {}
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    }
    std::fs::read_to_string(path).map(Some)
}

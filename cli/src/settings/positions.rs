//! `[positions]`: where consumer groups are kept.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use frazil_reader::groups::{FileGroupStore, GroupStore};
use frazil_table::catalog::parse_duration;

use super::Environment;
use crate::error::CliError;

/// Settings of `[positions]`.
pub(super) const KEYS: [&str; 3] = ["type", "path", "time-to-live"];

/// Where consumer groups are kept.
#[derive(Debug, Clone, Default)]
pub(crate) struct PositionsSettings {
    path: Option<PathBuf>,
    time_to_live: Option<Duration>,
}

impl PositionsSettings {
    /// Takes the value of one key; the error says what would be right.
    pub(super) fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        match (key, value.trim()) {
            ("type", "file") => {}
            ("type", "zookeeper" | "sql") => {
                return Err("this version keeps groups in files only; set type = \"file\"".to_owned());
            }
            ("type", _) => return Err("expected file".to_owned()),
            ("path", "") => return Err("expected a folder".to_owned()),
            ("path", path) => self.path = Some(PathBuf::from(path)),
            ("time-to-live", text) => {
                let time = parse_duration(text).filter(|time| !time.is_zero());
                self.time_to_live = Some(time.ok_or("not a duration above zero, such as 12h or 30m")?);
            }
            _ => return Err("not a setting of this version".to_owned()),
        }
        Ok(())
    }

    /// Variables of the environment go over the file.
    pub(super) fn apply(&mut self, environment: &Environment) -> Result<(), CliError> {
        let variables = [
            ("FRAZIL_POSITIONS_TYPE", "type"),
            ("FRAZIL_POSITIONS_PATH", "path"),
            ("FRAZIL_POSITIONS_TIME_TO_LIVE", "time-to-live"),
        ];
        for (variable, key) in variables {
            if let Some(value) = environment.filled(variable) {
                let wrong = |cause| CliError::Usage(format!("variable {variable}=`{value}` is wrong: {cause}"));
                self.set(key, value).map_err(wrong)?;
            }
        }
        if self.path.is_none() {
            self.path = environment.state_folder().map(|folder| folder.join("frazil").join("groups"));
        }
        Ok(())
    }

    /// How long a group that nobody reads for lives; `None` is for ever.
    pub(crate) fn time_to_live(&self) -> Option<Duration> {
        self.time_to_live
    }

    /// The store that the settings name.
    ///
    /// # Errors
    /// [`CliError::Usage`] if no folder is set and the user has none.
    pub(crate) fn open(&self) -> Result<Arc<dyn GroupStore>, CliError> {
        match &self.path {
            Some(path) => Ok(Arc::new(FileGroupStore::new(path))),
            None => Err(CliError::Usage(
                "there is no folder for consumer groups: the user has no home; set [positions] path".to_owned(),
            )),
        }
    }
}

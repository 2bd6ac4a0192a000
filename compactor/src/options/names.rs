//! Options by name: what a command line, a settings file or a procedure call gives.

use std::collections::HashMap;
use std::fmt::Display;
use std::str::FromStr;

use frazil_table::{SpecId, TableError};

use super::{CompactionOptions, JobOrder, OnConflict, OutputSequenceNumber, PartialProgress, SortRows, Verify};
use crate::Result;

/// All names, in the order in which they are told to people.
const NAMES: [&str; 22] = [
    "target-file-size-bytes",
    "min-file-size-bytes",
    "max-file-size-bytes",
    "min-input-files",
    "delete-file-threshold",
    "delete-ratio-threshold",
    "max-file-group-size-bytes",
    "max-concurrent-file-group-rewrites",
    "partial-progress.enabled",
    "partial-progress.max-commits",
    "partial-progress.max-failed-commits",
    "rewrite-job-order",
    "rewrite-all",
    "remove-dangling-deletes",
    "where",
    "output-spec-id",
    "on-conflict",
    "output-sequence-number",
    "memory-limit-bytes",
    "sort",
    "verify",
    "branch",
];

/// Options that others of these depend on; they are set first.
const FIRST: [&str; 2] = ["partial-progress.enabled", "partial-progress.max-commits"];

const BOOLEANS: [(&str, bool); 2] = [("true", true), ("false", false)];

const JOB_ORDERS: [(&str, JobOrder); 5] = [
    ("none", JobOrder::None),
    ("bytes-asc", JobOrder::BytesAsc),
    ("bytes-desc", JobOrder::BytesDesc),
    ("files-asc", JobOrder::FilesAsc),
    ("files-desc", JobOrder::FilesDesc),
];

const CONFLICTS: [(&str, OnConflict); 2] = [("remap", OnConflict::Remap), ("redo", OnConflict::Redo)];

const SEQUENCE_NUMBERS: [(&str, OutputSequenceNumber); 3] = [
    ("merged-max", OutputSequenceNumber::MergedMax),
    ("starting-snapshot", OutputSequenceNumber::StartingSnapshot),
    ("max-input", OutputSequenceNumber::MaxInput),
];

const SORTS: [(&str, SortRows); 2] = [("write-order", SortRows::WriteOrder), ("table", SortRows::TableOrder)];

const VERIFICATIONS: [(&str, Verify); 3] =
    [("count", Verify::Count), ("checksum", Verify::Checksum), ("off", Verify::Off)];

impl CompactionOptions {
    /// The names that [`set`](Self::set) knows.
    pub fn names() -> &'static [&'static str] {
        &NAMES
    }

    /// The defaults, with what the table's properties `frazil.compaction.NAME` say. Other properties with this prefix
    /// are not about how a table is compacted, and are left alone.
    ///
    /// # Errors
    /// [`TableError::InvalidRequest`] names the property whose value is not possible.
    pub fn from_properties(properties: &HashMap<String, String>) -> Result<Self> {
        const PREFIX: &str = "frazil.compaction.";
        let mut options = Self::default();
        let rest = NAMES.iter().filter(|name| !FIRST.contains(name));
        for name in FIRST.iter().chain(rest) {
            let Some(value) = properties.get(&format!("{PREFIX}{name}")) else { continue };
            options.set(name, value).map_err(|error| {
                TableError::invalid(format!("table property `{PREFIX}{name}` is wrong: {error}; change it"))
            })?;
        }
        Ok(options)
    }

    /// Sets one option by its name. Sizes may have a unit: `256MB`.
    ///
    /// # Errors
    /// [`TableError::InvalidRequest`] says which names or values are possible.
    pub fn set(&mut self, name: &str, value: &str) -> Result<()> {
        let value = value.trim();
        match name {
            "target-file-size-bytes" => self.target_file_size_bytes = Some(size(name, value)?),
            "min-file-size-bytes" => self.min_file_size_bytes = Some(size(name, value)?),
            "max-file-size-bytes" => self.max_file_size_bytes = Some(size(name, value)?),
            "min-input-files" => self.min_input_files = number(name, value)?,
            "delete-file-threshold" => {
                self.delete_file_threshold = if value == "none" { None } else { Some(number(name, value)?) };
            }
            "delete-ratio-threshold" => self.delete_ratio_threshold = number(name, value)?,
            "max-file-group-size-bytes" => self.max_file_group_size_bytes = size(name, value)?,
            "max-concurrent-file-group-rewrites" => self.max_concurrent_file_group_rewrites = number(name, value)?,
            "partial-progress.enabled" => match choice(name, value, &BOOLEANS)? {
                false => self.partial_progress = None,
                true => self.partial_progress = self.partial_progress.or(Some(PartialProgress::default())),
            },
            "partial-progress.max-commits" => {
                let progress = self.enabled_progress(name)?;
                let follows = progress.failed_commits_max == progress.commits_max;
                progress.commits_max = number(name, value)?;
                if follows {
                    progress.failed_commits_max = progress.commits_max;
                }
            }
            "partial-progress.max-failed-commits" => {
                self.enabled_progress(name)?.failed_commits_max = number(name, value)?;
            }
            "rewrite-job-order" => self.rewrite_job_order = choice(name, value, &JOB_ORDERS)?,
            "rewrite-all" => self.rewrite_all = choice(name, value, &BOOLEANS)?,
            "remove-dangling-deletes" => self.remove_dangling_deletes = choice(name, value, &BOOLEANS)?,
            "where" => self.filter = (!value.is_empty()).then(|| value.to_owned()),
            "output-spec-id" => self.output_spec_id = Some(SpecId::new(number(name, value)?)),
            "on-conflict" => self.on_conflict = choice(name, value, &CONFLICTS)?,
            "output-sequence-number" => self.output_sequence_number = choice(name, value, &SEQUENCE_NUMBERS)?,
            "memory-limit-bytes" => self.memory_limit_bytes = size(name, value)?,
            "sort" => self.sort = choice(name, value, &SORTS)?,
            "verify" => self.verify = choice(name, value, &VERIFICATIONS)?,
            "branch" if !value.is_empty() => value.clone_into(&mut self.branch),
            "branch" => return Err(TableError::invalid("compaction option `branch` names no branch")),
            _ => {
                return Err(TableError::invalid(format!(
                    "there is no compaction option `{name}`; there are {}",
                    NAMES.join(", ")
                )));
            }
        }
        Ok(())
    }

    /// Sets options by their names, in any order.
    ///
    /// # Errors
    /// As for [`set`](Self::set).
    pub fn set_all<'a>(&mut self, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<()> {
        let mut pairs: Vec<(&str, &str)> = pairs.into_iter().collect();
        pairs.sort_by_key(|(name, _)| FIRST.iter().position(|first| first == name).unwrap_or(FIRST.len()));
        pairs.into_iter().try_for_each(|(name, value)| self.set(name, value))
    }

    fn enabled_progress(&mut self, name: &str) -> Result<&mut PartialProgress> {
        self.partial_progress.as_mut().ok_or_else(|| {
            TableError::invalid(format!("compaction option `{name}` needs partial-progress.enabled=true before it"))
        })
    }
}

fn bad(name: &str, value: &str, expected: impl Display) -> TableError {
    TableError::invalid(format!("compaction option `{name}` cannot be `{value}`; expected {expected}"))
}

fn choice<T: Copy>(name: &str, value: &str, choices: &[(&str, T)]) -> Result<T> {
    let chosen = choices.iter().find(|(text, _)| text.eq_ignore_ascii_case(value));
    chosen.map(|(_, chosen)| *chosen).ok_or_else(|| {
        let texts: Vec<&str> = choices.iter().map(|(text, _)| *text).collect();
        bad(name, value, texts.join(" or "))
    })
}

fn number<T: FromStr>(name: &str, value: &str) -> Result<T> {
    value.parse().map_err(|_| bad(name, value, "a number"))
}

/// Bytes, or a number of larger units of 1,024 each.
fn size(name: &str, value: &str) -> Result<u64> {
    let n_digits = value.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, unit) = value.split_at_checked(n_digits).unwrap_or((value, ""));
    let shift = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => Some(0),
        "k" | "kb" | "kib" => Some(10),
        "m" | "mb" | "mib" => Some(20),
        "g" | "gb" | "gib" => Some(30),
        "t" | "tb" | "tib" => Some(40),
        _ => None,
    };
    let bytes = shift.and_then(|shift| digits.parse::<u64>().ok()?.checked_mul(1 << shift));
    bytes.ok_or_else(|| bad(name, value, "a number of bytes, or a size such as 256MB or 1GB"))
}

#[cfg(test)]
mod tests;

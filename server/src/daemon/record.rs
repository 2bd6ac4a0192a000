//! Runs as they are told: to clients, and in the history.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// One run on one table: under way, waiting, or ended. A line of the history, where it has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RunRecord {
    /// Unique among the runs of all daemons.
    pub run_id: String,
    /// The table, as it is named in the settings or was in the request.
    pub table: String,
    /// Group whose quota it counts against.
    pub group: String,
    /// Why it was started.
    pub trigger: Trigger,
    /// Options that were asked for, which go before those of the table and the settings.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
    /// Where it stands.
    pub state: RunState,
    /// When it was put in the queue, in milliseconds since the epoch.
    pub queued_at_ms: i64,
    /// When it began; `None` if it waits, or never began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at_ms: Option<i64>,
    /// When it ended; `None` if it has not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at_ms: Option<i64>,
    /// What it did.
    #[serde(flatten)]
    pub work: RunWork,
    /// Why it failed or was stopped, for people; empty if neither.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub error: String,
}

/// What a run did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct RunWork {
    /// Snapshot that it read first; `None` if there is none, or it did not come so far.
    pub starting_snapshot_id: Option<i64>,
    /// Snapshots that it committed, oldest first.
    pub snapshot_ids: Vec<i64>,
    /// Data files that it replaced.
    pub n_data_files_rewritten: u64,
    /// Data files that it added.
    pub n_data_files_added: u64,
    /// Size of the files that it replaced.
    pub bytes_rewritten: u64,
    /// Data files that it could not rewrite.
    pub n_data_files_failed: u64,
    /// Delete files that it removed.
    pub n_delete_files_removed: u64,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    /// It waits for its turn.
    Queued,
    /// It is under way.
    Running,
    /// It did everything that was planned.
    Succeeded,
    /// It did a part.
    Partial,
    /// It did nothing of what was planned.
    Failed,
    /// It was stopped.
    Cancelled,
}

/// Why a run was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trigger {
    /// Its time had come.
    Schedule,
    /// So many commits since the last run.
    Commits,
    /// So many data files.
    Files,
    /// So many bytes.
    Bytes,
    /// So many delete files.
    Deletes,
    /// It was asked for.
    Request,
}

impl Trigger {
    /// For programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Commits => "commits",
            Self::Files => "files",
            Self::Bytes => "bytes",
            Self::Deletes => "deletes",
            Self::Request => "request",
        }
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

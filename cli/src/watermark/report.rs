//! A watermark as one line for people, or as JSON. The names of the fields are those of `--json`.

use frazil_table::Table;
use frazil_table::watermark::{EventTime, Mark, Origin, TableWatermark};
use serde::Serialize;

use crate::error::CliError;
use crate::format::table::printable;
use crate::format::time::{commit_timestamp, duration_text, short_time};

/// A time that was to be reached.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reach {
    /// Milliseconds since the epoch.
    pub(super) time_ms: i64,
    /// The watermark is there or beyond.
    pub(super) is_reached: bool,
}

/// Everything that `watermark` shows.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    table: String,
    branch: String,
    #[serde(flatten)]
    time: TimeReport,
    /// `None` unless a time was to be reached.
    reach: Option<ReachReport>,
    writers: Vec<MarkReport>,
    warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct TimeReport {
    /// RFC 3339; `beginning` if there was no event yet, `end` if none will come any more.
    watermark: String,
    watermark_ms: i64,
    /// From the watermark to now, negative if it lies ahead; `None` at the two ends.
    lag_ms: Option<i64>,
}

#[derive(Debug, Serialize)]
struct ReachReport {
    time: String,
    time_ms: i64,
    reached: bool,
}

#[derive(Debug, Serialize)]
struct MarkReport {
    name: String,
    #[serde(flatten)]
    time: TimeReport,
    /// `snapshot_summary`, `table_property` or `column_bounds`.
    source: &'static str,
    /// Key of the summary or property; name of the column.
    key: String,
    /// `None` for a table property.
    snapshot_id: Option<i64>,
    /// When that snapshot was committed.
    committed_at: Option<String>,
    #[serde(skip)]
    committed_at_ms: Option<i64>,
    idle: bool,
}

impl Report {
    /// `now_ms` is what lags are counted to.
    pub(super) fn new(
        table: &Table,
        branch: &str,
        watermark: &TableWatermark,
        reach: Option<Reach>,
        now_ms: i64,
    ) -> Self {
        Self {
            table: table.name().to_owned(),
            branch: branch.to_owned(),
            time: TimeReport::new(watermark.time, now_ms),
            reach: reach.map(|reach| ReachReport {
                time: commit_timestamp(reach.time_ms),
                time_ms: reach.time_ms,
                reached: reach.is_reached,
            }),
            writers: watermark.marks.iter().map(|mark| MarkReport::new(mark, now_ms)).collect(),
            warnings: watermark.warnings.clone(),
        }
    }

    /// # Errors
    /// [`CliError::Internal`]: a report that cannot be written as JSON is a fault.
    pub(super) fn json(&self) -> Result<String, CliError> {
        let text =
            serde_json::to_string_pretty(self).map_err(|error| CliError::Internal(format!("report: {error}")))?;
        Ok(text + "\n")
    }

    /// A line for each writer; if there are several, one more for the lowest of them.
    pub(super) fn text(&self) -> String {
        let mut lines: Vec<String> = self.writers.iter().map(MarkReport::line).collect();
        if self.writers.len() > 1 {
            let n_idle = self.writers.iter().filter(|writer| writer.idle).count();
            let of = format!("lowest of {}", self.writers.len());
            let idle = if n_idle > 0 { format!(", of which {n_idle} idle") } else { String::new() };
            lines.push(format!("{}  {of}{idle}{}", self.time.watermark, self.time.lag_text()));
        }
        if let (Some(reach), Some(last)) = (&self.reach, lines.last_mut()) {
            let verdict = if reach.reached { "reached" } else { "not yet reached" };
            last.push_str(&format!("; {verdict} {}", reach.time));
        }
        lines.join("\n") + "\n"
    }
}

impl TimeReport {
    fn new(time: EventTime, now_ms: i64) -> Self {
        let watermark = match time {
            EventTime::BEGINNING => "beginning".to_owned(),
            EventTime::END => "end".to_owned(),
            time => commit_timestamp(time.ms()),
        };
        let lag_ms = time.is_finite().then(|| now_ms.saturating_sub(time.ms()));
        Self { watermark, watermark_ms: time.ms(), lag_ms }
    }

    fn lag_text(&self) -> String {
        match self.lag_ms {
            None => String::new(),
            Some(ms @ 0..) => format!(", lag {}", duration_text(ms.unsigned_abs())),
            Some(ms) => format!(", ahead of the clock by {}", duration_text(ms.unsigned_abs())),
        }
    }
}

impl MarkReport {
    fn new(mark: &Mark, now_ms: i64) -> Self {
        let (source, commit) = match &mark.origin {
            Origin::Summary { snapshot_id, committed_at_ms } => {
                ("snapshot_summary", Some((snapshot_id.get(), *committed_at_ms)))
            }
            Origin::Property => ("table_property", None),
            Origin::Column { snapshot_id, committed_at_ms } => {
                ("column_bounds", Some((snapshot_id.get(), *committed_at_ms)))
            }
        };
        Self {
            name: mark.name.clone(),
            time: TimeReport::new(mark.time, now_ms),
            source,
            key: mark.key.clone(),
            snapshot_id: commit.map(|(snapshot_id, _)| snapshot_id),
            committed_at: commit.map(|(_, ms)| commit_timestamp(ms)),
            committed_at_ms: commit.map(|(_, ms)| ms),
            idle: mark.is_idle,
        }
    }

    fn line(&self) -> String {
        let place = match (self.snapshot_id, self.committed_at_ms) {
            (Some(id), Some(ms)) => {
                let what = if self.source == "column_bounds" { "files of snapshot" } else { "snapshot" };
                format!("{what} {id}, committed {}", short_time(ms))
            }
            _ => "table property".to_owned(),
        };
        let idle = if self.idle { ", idle" } else { "" };
        format!("{}  {}  {place}{}{idle}", self.time.watermark, printable(&self.name), self.time.lag_text())
    }
}

//! How much history a table keeps, how much of it may go, and how fast the table grows. No I/O.

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;

use crate::format::time::commit_timestamp;

const MS_PER_DAY: u64 = 86_400_000;

/// Growth over less time says more about the moment than about the table.
const GROWTH_SPAN_MS_MIN: u64 = 3_600_000;

/// Table properties for what expiry keeps, and their defaults. Source: Iceberg documentation, "Table behavior
/// properties".
const MAX_AGE_PROPERTY: &str = "history.expire.max-snapshot-age-ms";
const MAX_AGE_MS_DEFAULT: u64 = 5 * MS_PER_DAY;
const MIN_KEPT_PROPERTY: &str = "history.expire.min-snapshots-to-keep";
const MIN_KEPT_DEFAULT: u64 = 1;

/// A snapshot, as far as its age is concerned.
#[derive(Debug, Clone)]
pub(crate) struct Commit {
    pub(crate) snapshot_id: i64,
    pub(crate) parent_snapshot_id: Option<i64>,
    pub(crate) timestamp_ms: i64,
    /// Counts of its summary; `None` where its writer gave none.
    pub(crate) added_data_files: Option<u64>,
    pub(crate) added_rows: Option<u64>,
    pub(crate) added_bytes: Option<u64>,
}

/// A branch or tag, with its own settings for expiry if it has some.
#[derive(Debug, Clone)]
pub(crate) struct Reference {
    pub(crate) snapshot_id: i64,
    pub(crate) is_branch: bool,
    pub(crate) max_snapshot_age_ms: Option<u64>,
    pub(crate) min_snapshots_to_keep: Option<u64>,
}

/// What expiry keeps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Retention {
    max_age_ms: u64,
    min_kept: u64,
}

impl Retention {
    /// The table's own settings, else Iceberg's defaults.
    pub(crate) fn of<'a>(property: impl Fn(&str) -> Option<&'a String>) -> Self {
        let number = |key: &str| property(key).and_then(|text| text.parse().ok());
        Self {
            max_age_ms: number(MAX_AGE_PROPERTY).unwrap_or(MAX_AGE_MS_DEFAULT),
            min_kept: number(MIN_KEPT_PROPERTY).unwrap_or(MIN_KEPT_DEFAULT),
        }
    }
}

/// The history of a table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct HistoryReport {
    pub(crate) snapshots: u64,
    /// `None` without snapshots.
    pub(crate) oldest_snapshot: Option<String>,
    pub(crate) oldest_snapshot_age_ms: Option<u64>,
    pub(crate) max_snapshot_age_ms: u64,
    pub(crate) min_snapshots_to_keep: u64,
    /// Snapshots that expiry would remove now: older than the age, more than are to be kept, no branch's head and no tag.
    pub(crate) expirable_snapshots: u64,
    /// `None` if the file cannot be seen.
    pub(crate) metadata_file_bytes: Option<u64>,
    /// `None` if the branch's snapshots span less than an hour.
    pub(crate) growth: Option<GrowthReport>,
}

/// What the branch's snapshots added, for each day between the oldest that is kept and the head.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct GrowthReport {
    pub(crate) span_ms: u64,
    /// To one decimal place.
    pub(crate) commits_per_day: f64,
    /// To one decimal place; `None`, here and below, where no writer gave the counts.
    pub(crate) added_data_files_per_day: Option<f64>,
    pub(crate) added_rows_per_day: Option<u64>,
    pub(crate) added_bytes_per_day: Option<u64>,
}

impl HistoryReport {
    /// `commits` are all snapshots of the table; `line` those of the branch, oldest first.
    pub(crate) fn new(
        commits: &[Commit],
        line: &[Commit],
        references: &[Reference],
        retention: Retention,
        metadata_file_bytes: Option<u64>,
        now_ms: i64,
    ) -> Self {
        let oldest_ms = commits.iter().map(|commit| commit.timestamp_ms).min();
        Self {
            snapshots: commits.len() as u64,
            oldest_snapshot: oldest_ms.map(commit_timestamp),
            oldest_snapshot_age_ms: oldest_ms.map(|oldest| age_ms(oldest, now_ms)),
            max_snapshot_age_ms: retention.max_age_ms,
            min_snapshots_to_keep: retention.min_kept,
            expirable_snapshots: n_expirable(commits, references, retention, now_ms),
            metadata_file_bytes,
            growth: growth(line),
        }
    }
}

/// 0 for what lies ahead of the clock.
fn age_ms(timestamp_ms: i64, now_ms: i64) -> u64 {
    u64::try_from(now_ms.saturating_sub(timestamp_ms)).unwrap_or(0)
}

/// Source: Iceberg spec, "Snapshot Retention Policy".
fn n_expirable(commits: &[Commit], references: &[Reference], defaults: Retention, now_ms: i64) -> u64 {
    let by_id: BTreeMap<i64, &Commit> = commits.iter().map(|commit| (commit.snapshot_id, commit)).collect();
    let mut kept: HashSet<i64> = HashSet::new();
    let mut reachable: HashSet<i64> = HashSet::new();
    for reference in references {
        kept.insert(reference.snapshot_id);
        reachable.insert(reference.snapshot_id);
        if !reference.is_branch {
            continue;
        }
        let max_age_ms = reference.max_snapshot_age_ms.unwrap_or(defaults.max_age_ms);
        let min_kept = reference.min_snapshots_to_keep.unwrap_or(defaults.min_kept);
        let mut next = by_id.get(&reference.snapshot_id).copied();
        let mut walked: HashSet<i64> = HashSet::new();
        let mut n_kept = 0;
        let mut keeps = true;
        while let Some(commit) = next {
            if !walked.insert(commit.snapshot_id) {
                break;
            }
            reachable.insert(commit.snapshot_id);
            // The first that may go ends what the branch keeps: expiry leaves no gaps.
            keeps = keeps && (n_kept < min_kept || age_ms(commit.timestamp_ms, now_ms) <= max_age_ms);
            if keeps {
                kept.insert(commit.snapshot_id);
                n_kept += 1;
            }
            next = commit.parent_snapshot_id.and_then(|parent| by_id.get(&parent).copied());
        }
    }
    let may_go = |commit: &&Commit| {
        let id = commit.snapshot_id;
        let is_old = age_ms(commit.timestamp_ms, now_ms) > defaults.max_age_ms;
        if reachable.contains(&id) { !kept.contains(&id) } else { is_old }
    };
    commits.iter().filter(may_go).count() as u64
}

fn growth(line: &[Commit]) -> Option<GrowthReport> {
    let (oldest, later) = line.split_first()?;
    let newest_ms = line.iter().map(|commit| commit.timestamp_ms).max()?;
    let span_ms = u64::try_from(newest_ms.saturating_sub(oldest.timestamp_ms)).unwrap_or(0);
    if span_ms < GROWTH_SPAN_MS_MIN {
        return None;
    }
    let per_day = |n: u64| {
        let per_day = u128::from(n) * u128::from(MS_PER_DAY) / u128::from(span_ms);
        u64::try_from(per_day).unwrap_or(u64::MAX)
    };
    // A summary leaves out what is zero; only if all leave it out, nobody counted.
    let sum = |count: fn(&Commit) -> Option<u64>| {
        let counts: Vec<u64> = later.iter().filter_map(count).collect();
        let total = counts.iter().fold(0_u64, |sum, n| sum.saturating_add(*n));
        (!counts.is_empty()).then_some(total)
    };
    Some(GrowthReport {
        span_ms,
        commits_per_day: tenths(per_day(10 * later.len() as u64)),
        added_data_files_per_day: sum(|commit| commit.added_data_files).map(|n| tenths(per_day(n.saturating_mul(10)))),
        added_rows_per_day: sum(|commit| commit.added_rows).map(per_day),
        added_bytes_per_day: sum(|commit| commit.added_bytes).map(per_day),
    })
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn tenths(n: u64) -> f64 {
    n as f64 / 10.0
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const DAY: i64 = 86_400_000;
    const NOW: i64 = 100 * DAY;

    /// Snapshots 1, 2, … of one line, committed on these days.
    fn line(days: &[i64]) -> Vec<Commit> {
        let commit = |(index, day): (usize, &i64)| {
            let id = i64::try_from(index).unwrap() + 1;
            Commit {
                snapshot_id: id,
                parent_snapshot_id: (id > 1).then_some(id - 1),
                timestamp_ms: day * DAY,
                added_data_files: Some(2),
                added_rows: Some(1000),
                added_bytes: None,
            }
        };
        days.iter().enumerate().map(commit).collect()
    }

    fn branch(snapshot_id: i64) -> Reference {
        Reference { snapshot_id, is_branch: true, max_snapshot_age_ms: None, min_snapshots_to_keep: None }
    }

    fn tag(snapshot_id: i64) -> Reference {
        Reference { is_branch: false, ..branch(snapshot_id) }
    }

    fn expirable(commits: &[Commit], references: &[Reference]) -> u64 {
        n_expirable(commits, references, Retention { max_age_ms: 5 * MS_PER_DAY, min_kept: 1 }, NOW)
    }

    #[test]
    fn snapshots_past_their_age_may_go_save_the_head() {
        assert_eq!(expirable(&line(&[80, 90, 96, 99]), &[branch(4)]), 2);
        assert_eq!(expirable(&line(&[10, 20]), &[branch(2)]), 1);
        assert_eq!(expirable(&line(&[95]), &[branch(1)]), 0);
    }

    #[test]
    fn tags_and_other_branches_keep_what_they_name() {
        let commits = line(&[80, 81, 82, 99]);
        assert_eq!(expirable(&commits, &[branch(4), tag(2)]), 2);
        let long = Reference { max_snapshot_age_ms: Some(90 * MS_PER_DAY), ..branch(3) };
        assert_eq!(expirable(&commits, &[branch(4), long]), 0);
        let many = Reference { min_snapshots_to_keep: Some(3), ..branch(4) };
        assert_eq!(expirable(&commits, &[many]), 1);
    }

    #[test]
    fn commit_times_that_go_back_leave_no_gap() {
        // The third would be young enough, but the fourth is not, and is its child.
        assert_eq!(expirable(&line(&[80, 81, 98, 82, 99]), &[branch(5)]), 4);
    }

    #[test]
    fn snapshots_of_no_branch_go_when_they_are_old() {
        let mut commits = line(&[97, 99]);
        for (id, day) in [(10, 80), (11, 98)] {
            let staged =
                Commit { snapshot_id: id, parent_snapshot_id: Some(1), timestamp_ms: day * DAY, ..commits[0].clone() };
            commits.push(staged);
        }
        assert_eq!(expirable(&commits, &[branch(2)]), 1);
    }

    #[test]
    fn parents_in_a_circle_end_the_walk() {
        let mut commits = line(&[98, 99]);
        commits[0].parent_snapshot_id = Some(2);
        assert_eq!(expirable(&commits, &[branch(2)]), 0);
    }

    #[test]
    fn growth_is_what_later_commits_added_by_the_time_between() {
        let growth = growth(&line(&[90, 91, 95])).unwrap();
        assert_eq!(growth.span_ms, 5 * MS_PER_DAY);
        // Two commits, four files and two thousand rows in five days.
        assert_eq!((growth.commits_per_day, growth.added_data_files_per_day), (0.4, Some(0.8)));
        assert_eq!((growth.added_rows_per_day, growth.added_bytes_per_day), (Some(400), None));
    }

    #[test]
    fn a_short_history_has_no_growth() {
        assert_eq!(growth(&[]), None);
        assert_eq!(growth(&line(&[90])), None);
        assert_eq!(growth(&line(&[90, 90])), None);
        // Written by a clock that went back.
        assert_eq!(growth(&line(&[90, 80])), None);
    }

    #[test]
    fn the_tables_own_settings_go_before_the_defaults() {
        let own = std::collections::HashMap::from([(MAX_AGE_PROPERTY.to_owned(), "1000".to_owned())]);
        let retention = Retention::of(|key| own.get(key));
        assert_eq!((retention.max_age_ms, retention.min_kept), (1000, 1));
    }
}

//! What a compaction did, for people and for programs.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use frazil_compactor::{CompactionOptions, CompactionReport, GroupOutcome, GroupReport, LeftAlone};
use frazil_table::Table;
use serde::Serialize;

use super::plan::codes;
use crate::format::time::duration_text;
use crate::inspect::size_text;

/// What a compaction did.
#[derive(Debug, Serialize)]
pub(super) struct RunReport {
    dry_run: bool,
    table: String,
    branch: String,
    /// Snapshot that was read first; `None` if the branch had none.
    starting_snapshot_id: Option<i64>,
    /// Snapshots that were committed, oldest first.
    snapshot_ids: Vec<i64>,
    rewritten_data_files_count: u64,
    added_data_files_count: u64,
    rewritten_bytes_count: u64,
    added_bytes_count: u64,
    failed_data_files_count: u64,
    removed_delete_files_count: u64,
    /// Rows that others deleted meanwhile, translated to the new files.
    remapped_rows_count: u64,
    /// Groups that others overtook, and that were planned again.
    overtaken_groups_count: u64,
    /// Everything that was planned is done.
    complete: bool,
    elapsed_ms: u64,
    groups: Vec<GroupText>,
    /// Ids of commits of which is not known whether they were made.
    unknown_commit_ids: Vec<String>,
    /// Why commits were not made.
    failed_commits: Vec<String>,
    left_alone: BTreeMap<String, u64>,
}

#[derive(Debug, Serialize)]
struct GroupText {
    group_id: u32,
    outcome: &'static str,
    /// `None` if it was committed.
    reason: Option<String>,
    input_files: u64,
    input_bytes: u64,
    output_files: u64,
    output_bytes: u64,
    rows_read: u64,
    rows_deleted: u64,
    elapsed_ms: u64,
}

/// Why not everything was done, in one text of many.
pub(super) fn first_reason(report: &CompactionReport) -> Option<&str> {
    let of_groups = report.groups.iter().find_map(|group| match &group.outcome {
        GroupOutcome::Failed(reason) | GroupOutcome::Conflict(reason) => Some(reason),
        GroupOutcome::Committed | GroupOutcome::Unknown => None,
    });
    report.failed_commits.first().or(of_groups).map(String::as_str)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl GroupText {
    fn new(group: &GroupReport) -> Self {
        let (outcome, reason) = match &group.outcome {
            GroupOutcome::Committed => ("committed", None),
            GroupOutcome::Conflict(reason) => ("conflict", Some(reason.clone())),
            GroupOutcome::Failed(reason) => ("failed", Some(reason.clone())),
            GroupOutcome::Unknown => ("unknown", None),
        };
        Self {
            group_id: group.group_id,
            outcome,
            reason,
            input_files: group.n_files_in,
            input_bytes: group.bytes_in,
            output_files: group.n_files_out,
            output_bytes: group.bytes_out,
            rows_read: group.n_rows_read,
            rows_deleted: group.n_rows_deleted,
            elapsed_ms: millis(group.elapsed),
        }
    }
}

impl RunReport {
    pub(super) fn new(
        table: &Table,
        options: &CompactionOptions,
        report: &CompactionReport,
        left_alone: &BTreeMap<LeftAlone, u64>,
    ) -> Self {
        let groups: Vec<GroupText> = report.groups.iter().map(GroupText::new).collect();
        let committed = groups.iter().filter(|group| group.outcome == "committed");
        Self {
            dry_run: false,
            table: table.name().to_owned(),
            branch: options.branch.clone(),
            starting_snapshot_id: report.starting_snapshot_id.map(|id| id.get()),
            snapshot_ids: report.snapshot_ids.iter().map(|id| id.get()).collect(),
            rewritten_data_files_count: report.n_data_files_rewritten(),
            added_data_files_count: report.n_data_files_added(),
            rewritten_bytes_count: report.bytes_rewritten(),
            added_bytes_count: committed.map(|group| group.output_bytes).sum(),
            failed_data_files_count: report.n_data_files_failed(),
            removed_delete_files_count: report.n_delete_files_removed,
            remapped_rows_count: report.n_rows_remapped,
            overtaken_groups_count: report.n_groups_overtaken,
            complete: report.is_complete(),
            elapsed_ms: millis(report.elapsed),
            groups,
            unknown_commit_ids: report.unknown.iter().map(|pending| pending.commit_id.clone()).collect(),
            failed_commits: report.failed_commits.clone(),
            left_alone: codes(left_alone),
        }
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let mut out = String::new();
        let left: Vec<String> =
            self.left_alone.iter().map(|(reason, n)| format!("{n} {}", reason.replace('_', " "))).collect();
        let nothing = self.groups.is_empty() && self.snapshot_ids.is_empty() && self.complete;
        // Writing to a string cannot fail.
        if nothing {
            let why = if left.is_empty() {
                "there are no data files".to_owned()
            } else {
                format!("left alone: {}", left.join(", "))
            };
            let _ = writeln!(out, "nothing to do on {} of {}: {why}", self.branch, self.table);
            return out;
        }
        let _ = writeln!(
            out,
            "rewrote {} data files ({}) into {} ({}), and removed {} delete files, in {}",
            self.rewritten_data_files_count,
            size_text(self.rewritten_bytes_count),
            self.added_data_files_count,
            size_text(self.added_bytes_count),
            self.removed_delete_files_count,
            duration_text(self.elapsed_ms)
        );
        for id in &self.snapshot_ids {
            let _ = writeln!(out, "committed snapshot {id}");
        }
        if self.remapped_rows_count > 0 {
            let _ = writeln!(
                out,
                "{} rows were deleted meanwhile, and are deleted in the new files",
                self.remapped_rows_count
            );
        }
        if self.overtaken_groups_count > 0 {
            let _ = writeln!(out, "{} groups were overtaken by others, and planned again", self.overtaken_groups_count);
        }
        for group in self.groups.iter().filter(|group| group.outcome != "committed") {
            let reason = group.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
            let _ =
                writeln!(out, "group {} ({} data files) {}{reason}", group.group_id, group.input_files, group.outcome);
        }
        for reason in &self.failed_commits {
            let _ = writeln!(out, "a commit failed: {reason}");
        }
        for id in &self.unknown_commit_ids {
            let _ = writeln!(out, "it is not known whether commit {id} was made");
        }
        if !left.is_empty() {
            let _ = writeln!(out, "left alone: {}", left.join(", "));
        }
        out
    }
}

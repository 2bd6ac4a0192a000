//! One compaction from beginning to end.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_recursion::async_recursion as boxed;
use frazil_table::commit::{
    Change, CommitOutcome, CommitRequest, Committed, Committer, Layout, RewriteCheck, SnapshotChange, dangling_deletes,
};
use frazil_table::{Table, TableError};
use futures::FutureExt;
use futures::stream::{self, StreamExt};
use tracing::{info, warn};

use crate::Result;
use crate::commit::{GroupsCommit, commit_groups};
use crate::options::CompactionOptions;
use crate::plan::CompactionPlan;
use crate::planner::plan;
use crate::report::{CompactionReport, GroupOutcome, GroupReport};
use crate::rewrite::{RewriteSettings, rewrite_group};

/// Rounds of planning: what was overtaken by others is planned again on what they committed.
const N_ROUNDS_MAX: u64 = 3;

/// Told what a run does.
pub trait Progress: Send + Sync {
    /// A plan was made.
    fn planned(&self, plan: &CompactionPlan) {
        let _ = plan;
    }

    /// A group was rewritten, and is yet to be committed.
    fn rewritten(&self, group: &GroupReport) {
        let _ = group;
    }

    /// A group ended.
    fn ended(&self, group: &GroupReport) {
        let _ = group;
    }
}

/// Nobody is told.
impl Progress for () {}

/// Compacts a table once: plans, rewrites and commits.
///
/// Groups that others overtook are planned again, twice at most. A group that fails does not keep the others from being
/// committed, and stands in the report.
///
/// # Errors
/// What loading the table and planning may give; what concerns a group or a commit stands in the report.
#[boxed]
pub async fn compact(
    committer: &Committer,
    options: &CompactionOptions,
    progress: &dyn Progress,
) -> Result<CompactionReport> {
    let started_ms = committer.clock().now_ms();
    let mut table = committer.target().load().await?.table;
    let mut report: Option<CompactionReport> = None;
    // Files that this run has written: with `rewrite_all` they would be planned again.
    let mut own: HashSet<Arc<str>> = HashSet::new();
    for round in 0..N_ROUNDS_MAX {
        if round > 0 {
            table = committer.target().load().await?.table.with_cache_of(&table);
        }
        let mut plan = plan(&table, options).await?;
        plan.leave_out_groups_of(&own);
        progress.planned(&plan);
        let report = report.get_or_insert_with(|| CompactionReport::new(&plan.base));
        report.forget_overtaken();
        let run = Run { committer, options, progress, table: &table, round };
        if !run.rewrite_and_commit(plan, report, &mut own).await {
            break;
        }
    }
    let mut report = report.unwrap_or_default();
    if options.remove_dangling_deletes {
        remove_dangling_deletes(committer, options, &table, &mut report).await?;
    }
    report.elapsed = since(started_ms, committer.clock().now_ms());
    Ok(report)
}

struct Run<'a> {
    committer: &'a Committer,
    options: &'a CompactionOptions,
    progress: &'a dyn Progress,
    table: &'a Table,
    round: u64,
}

impl Run<'_> {
    /// Does what was planned; `true` if something of it was overtaken, and planning again may help.
    async fn rewrite_and_commit(
        &self,
        plan: CompactionPlan,
        report: &mut CompactionReport,
        own: &mut HashSet<Arc<str>>,
    ) -> bool {
        let n_groups = plan.groups.len();
        let n_at_once = self.options.max_concurrent_file_group_rewrites.max(1).min(n_groups.max(1));
        let groups_of_commit = match self.options.partial_progress {
            Some(partial) => n_groups.div_ceil(partial.commits_max.max(1)).max(1),
            None => usize::MAX,
        };
        let settings = |part: usize| RewriteSettings {
            sort: self.options.sort,
            verify: self.options.verify,
            memory_limit_bytes: self.options.memory_limit_bytes / n_at_once as u64,
            part: u32::try_from(part).unwrap_or(u32::MAX),
            attempt: self.round,
        };
        let base = plan.base;
        let layout = Layout::of(self.table);
        let mut rewrites = stream::iter(plan.groups.into_iter().enumerate())
            .map(|(part, group)| {
                let settings = settings(part);
                async move {
                    let started_ms = self.committer.clock().now_ms();
                    let result = rewrite_group(self.table, &group, &settings).await;
                    (group, result, since(started_ms, self.committer.clock().now_ms()))
                }
                // So that the compiler can tell that it may move between threads.
                .boxed()
            })
            .buffer_unordered(n_at_once);
        let (mut done, mut reports) = (Vec::new(), Vec::new());
        let mut is_overtaken = false;
        loop {
            let next = rewrites.next().await;
            let is_last = next.is_none();
            match next {
                Some((group, Ok(result), elapsed)) => {
                    let rewritten = GroupReport::new(&group, Some(&result), elapsed, GroupOutcome::Committed);
                    self.progress.rewritten(&rewritten);
                    reports.push(rewritten);
                    done.push((group, result));
                }
                Some((group, Err(error), elapsed)) => {
                    warn!(table = self.table.name(), group_id = group.id, %error, "a file group was not rewritten");
                    let outcome = GroupOutcome::Failed(chain(&error));
                    self.end(report, GroupReport::new(&group, None, elapsed, outcome));
                }
                None => {}
            }
            if !done.is_empty() && (is_last || done.len() >= groups_of_commit) {
                let groups = std::mem::take(&mut done);
                let commit = GroupsCommit { base: base.clone(), layout, groups, on_conflict: self.options.on_conflict };
                is_overtaken |= self.commit(commit, std::mem::take(&mut reports), report, own).await;
            }
            if is_last {
                return is_overtaken;
            }
        }
    }

    /// `true` if a group was overtaken. `groups` says what rewriting each was.
    async fn commit(
        &self,
        commit: GroupsCommit,
        groups: Vec<GroupReport>,
        report: &mut CompactionReport,
        own: &mut HashSet<Arc<str>>,
    ) -> bool {
        own.extend(commit.groups.iter().flat_map(|(_, result)| &result.outputs).map(|file| file.path.clone()));
        let outcome = match commit_groups(self.committer, self.table, commit).await {
            Ok(outcome) => outcome,
            Err(error) => {
                warn!(table = self.table.name(), %error, "rewritten files were not committed");
                report.is_locked_out |= matches!(error, TableError::CommitLocked { .. });
                let reason = chain(&error);
                for group in groups {
                    self.end(report, GroupReport { outcome: GroupOutcome::Failed(reason.clone()), ..group });
                }
                report.failed_commits.push(reason);
                return false;
            }
        };
        if let Some(committed) = &outcome.committed {
            report.add(committed);
        }
        report.n_rows_remapped += outcome.n_rows_remapped;
        let is_unknown = outcome.unknown.is_some();
        report.unknown.extend(outcome.unknown.map(|pending| *pending));
        for group in groups {
            let conflict = outcome.conflicts.iter().find(|(id, _)| *id == group.group_id);
            let outcome = match conflict {
                Some((_, reason)) => GroupOutcome::Conflict(reason.clone()),
                None if is_unknown => GroupOutcome::Unknown,
                None => GroupOutcome::Committed,
            };
            self.end(report, GroupReport { outcome, ..group });
        }
        // Whoever does not know how a commit ended must not rewrite its files again.
        !outcome.conflicts.is_empty() && !is_unknown
    }

    fn end(&self, report: &mut CompactionReport, group: GroupReport) {
        self.progress.ended(&group);
        report.groups.push(group);
    }
}

impl CompactionReport {
    /// What was overtaken has been planned again, if it still had to be done.
    fn forget_overtaken(&mut self) {
        let n_groups = self.groups.len();
        self.groups.retain(|group| !matches!(group.outcome, GroupOutcome::Conflict(_)));
        self.n_groups_overtaken += (n_groups - self.groups.len()) as u64;
    }

    fn add(&mut self, committed: &Committed) {
        self.snapshot_ids.extend(committed.snapshot_id);
        let removed = committed.summary.get("removed-delete-files").and_then(|text| text.parse::<u64>().ok());
        self.n_delete_files_removed += removed.unwrap_or(0);
        info!(snapshot_id = committed.snapshot_id.map(|id| id.get()), "rewrite committed");
    }
}

/// Drops the delete files that no data file needs.
async fn remove_dangling_deletes(
    committer: &Committer,
    options: &CompactionOptions,
    table: &Table,
    report: &mut CompactionReport,
) -> Result<()> {
    let table = committer.target().load().await?.table.with_cache_of(table);
    let dangling = dangling_deletes(&table, &options.branch).await?;
    if dangling.is_empty() {
        return Ok(());
    }
    let change =
        SnapshotChange { retired: dangling, ..SnapshotChange::rewrite(vec![], vec![], RewriteCheck::default()) };
    let request = CommitRequest {
        branch: options.branch.clone(),
        purpose: "removal of dangling deletes".to_owned(),
        ..CommitRequest::new(Change::Snapshot(Box::new(change)))
    };
    match committer.commit(request).await? {
        CommitOutcome::Committed(committed) => report.add(&committed),
        CommitOutcome::Conflict { reason, .. } => report.failed_commits.push(reason),
        CommitOutcome::StateUnknown { pending, .. } => report.unknown.push(*pending),
    }
    Ok(())
}

fn since(start_ms: i64, now_ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(now_ms.saturating_sub(start_ms)).unwrap_or(0))
}

/// An error with its causes.
fn chain(error: &TableError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_send<T: Send>(_: &T) {}

    /// A server spawns it. That this compiles is the test.
    #[test]
    fn a_run_may_move_between_threads() {
        let _ = |committer: &Committer, options: &CompactionOptions, progress: &dyn Progress| {
            assert_send(&compact(committer, options, progress));
        };
    }
}

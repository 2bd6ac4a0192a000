//! One run of one table, from the lease to what the history keeps of it.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use frazil_compactor::{CompactionOptions, CompactionReport, GroupOutcome, compact};
use frazil_lock::{Holder, LockGuard};
use frazil_table::TableError;
use frazil_table::commit::{CommitOptions, Committer};
use futures::FutureExt;

use super::driver::DaemonParts;
use super::error::{chain, cut};
use super::lease::{self, NoLease};
use super::policy;
use super::record::{RunState, RunWork};
use super::scheduler::RunEnd;
use super::stop::{Stop, StoppableTarget};

/// Has a table compacted once. A fault of this software ends the run, and nothing else.
pub(super) async fn run(
    parts: Arc<DaemonParts>,
    table: String,
    given: BTreeMap<String, String>,
    stop: Arc<Stop>,
) -> RunEnd {
    let ran = AssertUnwindSafe(try_run(&parts, &table, &given, &stop)).catch_unwind().await;
    match ran {
        Ok(Ok(end)) => end,
        Ok(Err(error)) => ended(RunState::Failed, &stop, chain(&error)),
        Err(_) => {
            ended(RunState::Failed, &stop, "internal error: the run panicked; the log has the message".to_owned())
        }
    }
}

/// What a run needs.
struct Prepared {
    committer: Committer,
    options: CompactionOptions,
    lease: Box<dyn LockGuard>,
}

async fn try_run(
    parts: &DaemonParts,
    table: &str,
    given: &BTreeMap<String, String>,
    stop: &Arc<Stop>,
) -> Result<RunEnd, TableError> {
    const STOPPED: &str = "it was stopped";
    let prepared = tokio::select! {
        biased;
        () = stop.asked() => return Ok(ended(RunState::Cancelled, stop, STOPPED.to_owned())),
        prepared = prepare(parts, table, given, stop) => prepared?,
    };
    let Prepared { committer, options, lease } = match prepared {
        Ok(prepared) => prepared,
        Err(end) => return Ok(end),
    };
    let mut compaction = Box::pin(compact(&committer, &options, &()));
    let (state, reason) = tokio::select! {
        biased;
        report = &mut compaction => {
            drop(compaction);
            give_back(table, lease).await;
            return Ok(of_report(report?));
        }
        () = stop.asked() => (RunState::Cancelled, STOPPED.to_owned()),
        loss = lease.lost() => {
            stop.ask();
            (RunState::Failed, format!("the lease of the table was lost: {loss}"))
        }
    };
    // A commit that is at the catalog is seen through: dropped there, nobody would know what became of it.
    let finished = tokio::select! {
        biased;
        report = &mut compaction => report.ok(),
        () = stop.no_swap() => None,
    };
    drop(compaction);
    give_back(table, lease).await;
    // It may have been at its end.
    let complete = finished.filter(CompactionReport::is_complete);
    Ok(complete.map_or_else(|| ended(state, stop, reason), of_report))
}

/// Takes the lease. The inner error is how a run ends that does not get it.
async fn prepare(
    parts: &DaemonParts,
    table: &str,
    given: &BTreeMap<String, String>,
    stop: &Arc<Stop>,
) -> Result<Result<Prepared, RunEnd>, TableError> {
    let source = parts.tables.source(table).await?;
    let properties = source.load().await?.metadata().properties().clone();
    let given = given.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let options = policy::options(&parts.settings, &properties, given)?;
    let target = source.commit_target().await?;
    let now_ms = parts.clock.now_ms();
    let lease = match lease::take(&*parts.lock, &target.lock_name(), now_ms).await {
        Ok(lease) => lease,
        Err(NoLease::Busy(reason)) => return Ok(Err(RunEnd::Busy { reason })),
        Err(NoLease::Failed(reason)) => return Ok(Err(ended(RunState::Failed, stop, reason))),
    };
    let target = Arc::new(StoppableTarget { target, stop: stop.clone() });
    let holder = Holder::of_this_process("frazil", "compaction", now_ms);
    let commits = CommitOptions { lock_wait: parts.settings.lock_wait, ..CommitOptions::default() };
    let committer = Committer::new(target, parts.lock.clone(), holder, parts.clock.clone(), commits);
    Ok(Ok(Prepared { committer, options, lease }))
}

/// After the last thing that is done under it.
async fn give_back(table: &str, lease: Box<dyn LockGuard>) {
    if let Err(error) = lease.release().await {
        // It is free some time later in any case.
        tracing::warn!(table, %error, "lease of a table was not given back");
    }
}

/// A run that has no report.
fn ended(state: RunState, stop: &Stop, error: String) -> RunEnd {
    let work = RunWork { snapshot_ids: stop.committed(), ..RunWork::default() };
    RunEnd::Ran { state, work, error: cut(error) }
}

fn of_report(report: CompactionReport) -> RunEnd {
    let state = match (report.is_complete(), report.snapshot_ids.is_empty()) {
        (true, _) => RunState::Succeeded,
        (false, false) => RunState::Partial,
        (false, true) => RunState::Failed,
    };
    let unknown = report.unknown.first().map(|pending| {
        format!(
            "the outcome of commit `{}` is not known; look for its id before anything is deleted",
            pending.commit_id
        )
    });
    let of_groups = report.groups.iter().find_map(|group| match &group.outcome {
        GroupOutcome::Failed(reason) => Some(reason.clone()),
        GroupOutcome::Conflict(reason) => Some(format!("others changed its files: {reason}")),
        GroupOutcome::Committed | GroupOutcome::Unknown => None,
    });
    let error = unknown.or(of_groups).or_else(|| report.failed_commits.first().cloned()).unwrap_or_default();
    let work = RunWork {
        starting_snapshot_id: report.starting_snapshot_id.map(|id| id.get()),
        snapshot_ids: report.snapshot_ids.iter().map(|id| id.get()).collect(),
        n_data_files_rewritten: report.n_data_files_rewritten(),
        n_data_files_added: report.n_data_files_added(),
        bytes_rewritten: report.bytes_rewritten(),
        n_data_files_failed: report.n_data_files_failed(),
        n_delete_files_removed: report.n_delete_files_removed,
    };
    RunEnd::Ran { state, work, error: cut(error) }
}

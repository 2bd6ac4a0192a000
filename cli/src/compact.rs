//! `frazil compact`: one compaction of a table, now.

mod plan;
mod progress;
mod result;

use std::sync::Arc;

use frazil_compactor::{CompactionOptions, CompactionReport, compact, plan as plan_groups};
use frazil_lock::Holder;
use frazil_table::SystemClock;
use frazil_table::commit::{CommitOptions, Committer};

use self::progress::Screen;
use crate::args::{CompactArgs, GlobalArgs};
use crate::clock::now_ms;
use crate::error::CliError;
use crate::open::open_source;
use crate::output::{Look, Output};
use crate::settings::Settings;

/// Runs the command.
///
/// # Errors
/// [`CliError::Usage`] if options are wrong; [`CliError::InPart`], [`CliError::LockedOut`] and
/// [`CliError::OutcomesUnknown`] as the run ends; what loading the table, planning and writing give.
pub(crate) async fn run(args: &CompactArgs, global: &GlobalArgs) -> Result<(), CliError> {
    let given = args.options().map_err(CliError::Usage)?;
    // What is wrong by itself is told before a table is looked for.
    CompactionOptions::default().set_all(given.iter().copied())?;
    let settings = Settings::load(global)?;
    let (source, table) = open_source(&args.table, global).await?;
    let mut options = CompactionOptions::from_properties(table.metadata().properties())?;
    // What this machine has goes before what the table says, and an option of the command before both.
    if let Some(bytes) = global.memory_limit {
        options.memory_limit_bytes = bytes;
    }
    options.set_all(given)?;
    options.check()?;
    if args.dry_run {
        let plan = plan_groups(&table, &options).await?;
        let report = plan::PlanReport::new(&table, &plan);
        let text = if global.json { json(&report)? } else { report.text(Look::of_stdout()) };
        return Output::stdout().put(text.as_bytes());
    }
    let holder = Holder::of_this_process("frazil", "compact", now_ms());
    let commits = CommitOptions { lock_wait: settings.lock().acquire_timeout(), ..CommitOptions::default() };
    let target = source.commit_target().await?;
    let committer = Committer::new(target, settings.lock().open()?, holder, Arc::new(SystemClock), commits);
    let screen = Screen::of_stderr();
    let report = compact(&committer, &options, &screen).await;
    let left_alone = screen.close();
    let report = report?;
    let shown = result::RunReport::new(&table, &options, &report, &left_alone);
    let text = if global.json { json(&shown)? } else { shown.text() };
    Output::stdout().put(text.as_bytes())?;
    ended(report)
}

fn json(report: &impl serde::Serialize) -> Result<String, CliError> {
    let text = serde_json::to_string(report).map_err(|error| CliError::Internal(format!("report: {error}")))?;
    Ok(text + "\n")
}

/// How the program is to end.
fn ended(report: CompactionReport) -> Result<(), CliError> {
    if report.is_complete() {
        return Ok(());
    }
    if !report.unknown.is_empty() {
        let commit_ids = report.unknown.into_iter().map(|pending| pending.commit_id).collect();
        return Err(CliError::OutcomesUnknown { commit_ids });
    }
    let reason = result::first_reason(&report).unwrap_or_default().to_owned();
    // Later, the rest may be had as it was planned; where groups failed too, that has to be looked into.
    if report.is_locked_out && report.snapshot_ids.is_empty() {
        return Err(CliError::LockedOut { reason });
    }
    Err(CliError::InPart { reason })
}

//! `frazil watermark set`: writes a watermark, for writers that do not.

use std::sync::Arc;

use frazil_lock::Holder;
use frazil_table::commit::{Change, CommitOptions, CommitOutcome, CommitRequest, Committer, SnapshotChange};
use frazil_table::watermark::{WatermarkName, table_watermark};
use frazil_table::{SystemClock, TableError};
use serde_json::json;

use super::reach_ms;
use crate::args::{GlobalArgs, WatermarkSetArgs};
use crate::clock;
use crate::error::CliError;
use crate::format::time::commit_timestamp;
use crate::open::open_source;
use crate::output::Output;
use crate::settings::Settings;

/// Runs the command. A watermark that stands there or beyond is left alone: it never goes back.
///
/// # Errors
/// [`CliError::Usage`] if it would go back; [`CliError::Conflict`] and [`CliError::OutcomeUnknown`] as the commit ends;
/// what loading the table and committing give.
pub(super) async fn run(args: &WatermarkSetArgs, global: &GlobalArgs) -> Result<(), CliError> {
    let now_ms = clock::now_ms();
    let time_ms = reach_ms(args.time, now_ms);
    let settings = Settings::load(global)?;
    let (source, table) = open_source(&args.table, global).await?;
    let names = [WatermarkName::Writer(args.name.clone())];
    let stands_at = match table_watermark(&table, &args.branch, &names).await {
        Ok(watermark) => Some(watermark.time.ms()),
        Err(TableError::WatermarkUnknown { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    match stands_at {
        Some(stands_at) if stands_at > time_ms => {
            return Err(CliError::Usage(format!(
                "watermark `{}` stands at {} already, and never goes back; name a later time",
                args.name,
                commit_timestamp(stands_at)
            )));
        }
        Some(stands_at) if stands_at == time_ms => return told(args, global, time_ms, None),
        _ => {}
    }
    let holder = Holder::of_this_process("frazil", "watermark set", now_ms);
    let options = CommitOptions { lock_wait: settings.lock().acquire_timeout(), ..CommitOptions::default() };
    let target = source.commit_target().await?;
    let committer = Committer::new(target, settings.lock().open()?, holder, Arc::new(SystemClock), options);
    let change = SnapshotChange::append([]).with_watermark(&args.name, time_ms);
    let request =
        CommitRequest { branch: args.branch.clone(), ..CommitRequest::new(Change::Snapshot(Box::new(change))) };
    match committer.commit(request).await? {
        CommitOutcome::Committed(committed) => told(args, global, time_ms, committed.snapshot_id.map(|id| id.get())),
        CommitOutcome::Conflict { reason, .. } => Err(CliError::Conflict { reason }),
        CommitOutcome::StateUnknown { pending, cause } => {
            Err(CliError::OutcomeUnknown { commit_id: pending.commit_id, source: cause })
        }
    }
}

/// `snapshot_id` is `None` if nothing had to be committed.
fn told(args: &WatermarkSetArgs, global: &GlobalArgs, time_ms: i64, snapshot_id: Option<i64>) -> Result<(), CliError> {
    let time = commit_timestamp(time_ms);
    let text = if global.json {
        json!({ "name": args.name, "watermark": time, "watermark_ms": time_ms, "snapshot_id": snapshot_id }).to_string()
    } else {
        let how = snapshot_id.map_or_else(|| "it stood there".to_owned(), |id| format!("snapshot {id}"));
        format!("watermark {} is {time} ({how})", args.name)
    };
    Output::stdout().put(format!("{text}\n").as_bytes())
}

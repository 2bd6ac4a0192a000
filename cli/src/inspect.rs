//! `frazil inspect`: what a table is made of.

mod files;
mod health;
mod history;
mod manifests;
mod partition;
mod report;
mod text;

use frazil_table::Table;
use frazil_table::lineage::Lineage;

pub(crate) use self::partition::partition_text;
use self::report::Settings;
pub(crate) use self::text::{Grid, heading, size_text};
use crate::args::{GlobalArgs, InspectArgs};
use crate::clock::now_ms;
use crate::error::CliError;
use crate::open::open;
use crate::output::{Look, Output};

/// Runs the command.
///
/// # Errors
/// What loading the table, reading its manifests and writing give.
pub(crate) async fn run(args: &InspectArgs, global: &GlobalArgs) -> Result<(), CliError> {
    let table = open(&args.table, global).await?;
    let lineage = lineage(&table, &args.branch)?;
    let settings = Settings { n_partitions_max: args.partitions, now_ms: now_ms() };
    let report = report::gather(&table, &lineage, &args.branch, settings).await?;
    let text = if global.json {
        let mut text =
            serde_json::to_string_pretty(&report).map_err(|error| CliError::Internal(format!("report: {error}")))?;
        text.push('\n');
        text
    } else {
        text::render(&report, args.snapshots, Look::of_stdout())
    };
    Output::stdout().put(text.as_bytes())
}

fn lineage(table: &Table, branch: &str) -> Result<Lineage, CliError> {
    Ok(Lineage::of_branch(table.metadata(), table.metadata_location(), branch)?)
}

#[cfg(test)]
mod tests;

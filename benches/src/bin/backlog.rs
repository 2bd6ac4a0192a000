//! Measures a backlog of many small appends: the time to its first row, and what finding all of its files costs.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};
use frazil_benches::data::{DataFolder, small_commits};
use frazil_benches::measure::{Run, Stopwatch};
use frazil_benches::subject::Found;
use frazil_benches::table::ManifestMerging;
use frazil_reader::{Event, From, ReadOptions, read_changes};
use frazil_table::catalog::{TableLocator, load_table};
use frazil_table::changes::{Backlog, SnapshotChanges, snapshot_changes};
use frazil_table::lineage::Lineage;
use frazil_table::storage::Storage;
use frazil_table::{MAIN_BRANCH, Table};
use serde::{Deserialize, Serialize};

/// Time, CPU time and bytes of a backlog of appends, each with a manifest of its own.
#[derive(Debug, Parser)]
#[command(after_help = "Example: backlog --snapshots 2000")]
struct Arguments {
    /// Folder where the table is made and kept [default: target]
    #[arg(long)]
    data: Option<PathBuf>,
    /// Snapshots of the backlog
    #[arg(long, default_value_t = 2000)]
    snapshots: usize,
    /// Measurements of each kind, after one that is not counted
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum Command {
    /// Finds the files of every snapshot from the last manifest list
    #[command(hide = true)]
    Plan,
    /// Finds the files of every snapshot from its own manifest list
    #[command(hide = true)]
    PlanEach,
    /// Delivers all rows
    #[command(hide = true)]
    Read,
}

/// One measurement, with loading the table.
#[derive(Debug, Serialize, Deserialize)]
struct Measured {
    run: Run,
    first_row_seconds: f64,
    n_requests: u64,
    n_bytes: u64,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let home = arguments.data.clone().map_or_else(DataFolder::default, DataFolder::new);
    let path = small_commits(&home, arguments.snapshots, ManifestMerging::Never)?;
    if let Some(command) = arguments.command {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        println!("{}", serde_json::to_string(&runtime.block_on(measure(command, &path, arguments.snapshots))?)?);
        return Ok(());
    }
    println!(
        "{:<10}{:>10}{:>10}{:>10}{:>14}{:>10}{:>10}{:>9}",
        "what", "found", "wall s", "cpu s", "first row s", "requests", "MB", "peak MB"
    );
    for name in ["plan", "plan-each", "read"] {
        for round in 0..=arguments.rounds {
            let measured = in_child(name, &arguments)?;
            if round > 0 {
                print(name, &measured);
            }
        }
    }
    Ok(())
}

fn print(name: &str, measured: &Measured) {
    let Measured { run, first_row_seconds, n_requests, n_bytes } = measured;
    println!(
        "{name:<10}{:>10}{:>10.3}{:>10.3}{first_row_seconds:>14.3}{n_requests:>10}{:>10.1}{:>9}",
        run.n_rows,
        run.wall_seconds,
        run.cpu_seconds,
        *n_bytes as f64 / 1e6,
        run.peak_bytes / 1_048_576
    );
}

fn in_child(name: &str, arguments: &Arguments) -> Result<Measured> {
    let mut command = std::process::Command::new(std::env::current_exe()?);
    command.args(["--snapshots", &arguments.snapshots.to_string()]);
    if let Some(data) = &arguments.data {
        command.arg("--data").arg(data);
    }
    let output = command.arg(name).output()?;
    ensure!(output.status.success(), "`{name}` failed: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).with_context(|| format!("`{name}` printed no result"))
}

#[allow(clippy::disallowed_methods)] // Time is what is measured.
async fn measure(command: Command, path: &str, n_snapshots: usize) -> Result<Measured> {
    let stopwatch = Stopwatch::start();
    let start = Instant::now();
    let table = load_table(&TableLocator::Path(path.to_owned()), &Storage::local()).await?;
    let (n_found, first_row_seconds) = match command {
        Command::Plan => (plan(&table, true).await?, 0.0),
        Command::PlanEach => (plan(&table, false).await?, 0.0),
        Command::Read => {
            let options = ReadOptions { from: From::Earliest, ..ReadOptions::default() };
            let mut stream = read_changes(&table, options).await?;
            let (mut n_rows, mut first) = (0, None);
            while let Some(event) = stream.next().await? {
                if let Event::Changes(batch) = event {
                    first.get_or_insert_with(|| start.elapsed().as_secs_f64());
                    n_rows += batch.rows.num_rows() as u64;
                }
            }
            (n_rows, first.unwrap_or_default())
        }
    };
    ensure!(n_found >= n_snapshots as u64, "found {n_found} of {n_snapshots} snapshots");
    let run = stopwatch.stop(Found { n_rows: n_found, ..Found::default() }, 0)?;
    let counters = table.storage().counters();
    Ok(Measured { run, first_row_seconds, n_requests: counters.n_requests, n_bytes: counters.n_bytes_read })
}

/// Finds what each snapshot added. Returns the number of data files.
async fn plan(table: &Table, is_at_once: bool) -> Result<u64> {
    let lineage = Lineage::of_branch(table.metadata(), table.metadata_location(), MAIN_BRANCH)?;
    let head = lineage.head().context("a table with snapshots")?;
    let backlog = if is_at_once { Backlog::of(table, head).await? } else { Backlog::default() };
    let mut n_files = 0;
    let mut parent = None;
    for snapshot in lineage.snapshots() {
        let told: Option<SnapshotChanges> = match parent {
            Some(parent) => backlog.changes(table, snapshot, parent).await?,
            None => None,
        };
        let changes = match told {
            Some(changes) => changes,
            None => snapshot_changes(table, snapshot, parent).await?,
        };
        n_files += changes.added.data.len() as u64;
        parent = Some(snapshot);
    }
    Ok(n_files)
}

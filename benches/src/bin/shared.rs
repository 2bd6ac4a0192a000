//! Measures three consumers of one table that share a scan, beside one of them alone and beside three scans of their
//! own: CPU time, each measurement in a process of its own, in turn.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use clap::{Parser, ValueEnum};
use frazil_benches::data::{DataFolder, Events};
use frazil_benches::measure::{Run, Spread, Stopwatch};
use frazil_benches::subject::{BATCH_ROWS, Found};
use frazil_reader::discovery::{CatalogWatch, WatchSettings};
use frazil_reader::shared::{SharedScans, SharedStats, SharedStream, Sharing};
use frazil_reader::{Event, From, Mode, ReadOptions};
use frazil_table::SystemClock;
use frazil_table::catalog::{TableLocator, table_source};
use frazil_table::filter::Filter;
use frazil_table::storage::Storage;
use serde::{Deserialize, Serialize};

/// CPU time of three consumers that share a scan, beside one alone and three apart.
#[derive(Debug, Parser)]
#[command(after_help = "Example: shared --rows 10000000")]
struct Arguments {
    /// Folder where the table is made and kept [default: target]
    #[arg(long)]
    data: Option<PathBuf>,
    /// Rows of the table
    #[arg(long, default_value_t = 10_000_000)]
    rows: i64,
    /// Snapshots of the table
    #[arg(long, default_value_t = 20)]
    snapshots: usize,
    /// Files of each snapshot
    #[arg(long, default_value_t = 3)]
    files: usize,
    /// Counted runs of each subject; one more comes before them
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// One measurement, as JSON
    #[arg(long, hide = true)]
    measure: Option<Subject>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Subject {
    /// The consumer of all columns.
    One,
    /// Three consumers with scans of their own.
    Apart,
    /// Three consumers that share a scan.
    Shared,
}

/// One measurement, with loading the table.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Measured {
    run: Run,
    n_decoded_batches: u64,
    n_private_batches: u64,
    n_detached: u64,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let home = arguments.data.clone().map_or_else(DataFolder::default, DataFolder::new);
    let events = Events::new(home, arguments.rows, arguments.snapshots, arguments.files)?;
    let path = events.appended()?;
    if let Some(subject) = arguments.measure {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        println!("{}", serde_json::to_string(&runtime.block_on(measure(subject, &path))?)?);
        return Ok(());
    }
    let subjects = [Subject::One, Subject::Apart, Subject::Shared];
    let mut runs = vec![Vec::new(); subjects.len()];
    for round in 0..=arguments.rounds.max(1) {
        for (subject, runs) in subjects.iter().zip(&mut runs) {
            let measured = in_child(*subject, &arguments)?;
            if round > 0 {
                runs.push(measured);
            }
        }
    }
    let [one, apart, shared] = runs.as_slice() else { return Ok(()) };
    let check = |runs: &[Measured]| runs.iter().map(|measured| (measured.run.n_rows, measured.run.check)).next();
    ensure!(check(apart) == check(shared), "apart {:?}, but shared {:?}", check(apart), check(shared));
    println!(
        "{:<8}{:>12}{:>9}{:>9}{:>9}{:>9}{:>10}",
        "what", "rows", "cpu s", "wall s", "peak MB", "to one", "detached"
    );
    for (subject, runs) in subjects.iter().zip([one, apart, shared]) {
        print(*subject, runs, one)?;
    }
    Ok(())
}

fn print(subject: Subject, runs: &[Measured], one: &[Measured]) -> Result<()> {
    let median = |values: Vec<f64>| Spread::of(values).map(|spread| spread.median).context("no run");
    let ratios = runs.iter().zip(one).map(|(run, one)| run.run.cpu_seconds / one.run.cpu_seconds).collect();
    println!(
        "{:<8}{:>12}{:>9.3}{:>9.3}{:>9}{:>9.2}{:>10}",
        name(subject),
        runs.first().context("no run")?.run.n_rows,
        median(runs.iter().map(|run| run.run.cpu_seconds).collect())?,
        median(runs.iter().map(|run| run.run.wall_seconds).collect())?,
        runs.iter().map(|run| run.run.peak_bytes).max().unwrap_or_default() / 1_048_576,
        median(ratios)?,
        runs.iter().map(|run| run.n_detached).sum::<u64>(),
    );
    Ok(())
}

fn name(subject: Subject) -> String {
    subject.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

fn in_child(subject: Subject, arguments: &Arguments) -> Result<Measured> {
    let mut command = Command::new(std::env::current_exe()?);
    let Arguments { rows, snapshots, files, .. } = arguments;
    command.args([format!("--rows={rows}"), format!("--snapshots={snapshots}"), format!("--files={files}")]);
    if let Some(data) = &arguments.data {
        command.arg("--data").arg(data);
    }
    let output = command.arg("--measure").arg(name(subject)).output()?;
    ensure!(output.status.success(), "{subject:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).with_context(|| format!("{subject:?} printed no result"))
}

/// All columns; half of the columns; a condition on a column that is not shown.
fn consumers(subject: Subject) -> Result<Vec<ReadOptions>> {
    let base =
        || ReadOptions { mode: Mode::Append, from: From::Earliest, batch_rows: BATCH_ROWS, ..ReadOptions::default() };
    let columns = |names: [&str; 4]| Some(names.map(str::to_owned).to_vec());
    let mut all = vec![base()];
    if subject != Subject::One {
        all.push(ReadOptions { columns: columns(["id", "ts", "amount", "payload"]), ..base() });
        let filter = Some(Filter::parse("user_id < 2500000")?);
        all.push(ReadOptions { columns: columns(["id", "category", "qty", "flag"]), filter, ..base() });
    }
    Ok(all)
}

async fn measure(subject: Subject, path: &str) -> Result<Measured> {
    let stopwatch = Stopwatch::start();
    let source = table_source(&TableLocator::Path(path.to_owned()), &Storage::local());
    let watch = CatalogWatch::new(WatchSettings::default(), Arc::new(SystemClock)).load(source).await?;
    let scans = SharedScans::default();
    let sharing = if subject == Subject::Shared { Sharing::Auto } else { Sharing::Never };
    let mut streams = Vec::new();
    for options in consumers(subject)? {
        streams.push(scans.open(watch.clone(), options, false, sharing).await?);
    }
    let tasks: Vec<_> = streams.into_iter().map(|stream| tokio::spawn(drain(stream))).collect();
    let mut found = Found::default();
    for task in tasks {
        let one = task.await??;
        found.n_rows += one.n_rows;
        found.id_sum += one.id_sum;
    }
    let run = stopwatch.stop(found, found.id_sum)?;
    let SharedStats { n_decoded_batches, n_private_batches, n_detached, .. } = scans.stats();
    Ok(Measured { run, n_decoded_batches, n_private_batches, n_detached })
}

async fn drain(mut stream: SharedStream) -> Result<Found> {
    let mut found = Found::default();
    while let Some(event) = stream.next().await? {
        if let Event::Changes(batch) = event {
            found.n_rows += batch.rows.num_rows() as u64;
            if let Some(ids) = batch.rows.column_by_name("id").and_then(|ids| ids.as_primitive_opt::<Int64Type>()) {
                found.id_sum += ids.values().iter().sum::<i64>();
            }
        }
    }
    Ok(found)
}

//! Measures reads beside a bare decode of the same files, or beside Flink, in one run: every measurement in a
//! process of its own, in turn, medians of ratios of CPU time.
//!
//! Other programs on the machine change how long a measurement takes, much less how much CPU time, and hardly
//! its ratio to one made a second earlier.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::{Args, Parser, Subcommand, ValueEnum};
use frazil_benches::data::{DataFolder, DeleteScope, Events, small_commits};
use frazil_benches::events::KeyColumn;
use frazil_benches::measure::{Run, Spread, Stopwatch, alternate};
use frazil_benches::peer;
use frazil_benches::subject::{self, BareInput, NewestAppend, Probe};
use frazil_benches::table::ManifestMerging;
use frazil_table::storage::StorageCounters;

const MEGABYTE: u64 = 1024 * 1024;

/// No read may take more, whatever it reads.
const PEAK_BYTES_MAX: u64 = 512 * MEGABYTE;

/// Speed and memory of reads beside a bare decode of the same files.
#[derive(Debug, Parser)]
#[command(after_help = "Example: side_by_side all")]
struct Arguments {
    #[command(flatten)]
    table: TableArguments,
    /// Counted runs of each subject; one more comes before them
    #[arg(long, global = true, default_value_t = 5)]
    rounds: usize,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
struct TableArguments {
    /// Folder where tables are made and kept [default: target]
    #[arg(long, global = true)]
    data: Option<PathBuf>,
    /// Rows of the table
    #[arg(long, global = true, default_value_t = 10_000_000)]
    rows: i64,
    /// Snapshots of the table
    #[arg(long, global = true, default_value_t = 20)]
    snapshots: usize,
    /// Files of each snapshot
    #[arg(long, global = true, default_value_t = 3)]
    files: usize,
}

#[derive(Debug, Clone, Subcommand)]
enum Command {
    /// All of the following but `flink`
    All,
    /// Mode `append`, discarding the rows
    Append {
        /// Another table's folder or metadata file
        #[arg(long)]
        table: Option<String>,
    },
    /// Rows of a table of which 5 % are deleted by position
    PositionDeletes,
    /// Rows of a table with an equality delete file
    EqualityDeletes {
        /// Keys in that file
        #[arg(long, default_value_t = 1_000_000)]
        keys: i64,
    },
    /// Finding the rows that an equality delete file removes: by a column with consecutive values, and by one with
    /// scattered ones
    SemiJoin {
        /// Keys in that file
        #[arg(long, default_value_t = 1_000_000)]
        keys: i64,
    },
    /// An equality delete file that does not fit the memory limit
    MemoryLimit {
        /// Keys in that file
        #[arg(long, default_value_t = 10_000_000)]
        keys: i64,
        /// The limit
        #[arg(long, default_value_t = 256)]
        limit_megabytes: u64,
        /// Most memory that the process may take
        #[arg(long, default_value_t = 450)]
        peak_megabytes: u64,
    },
    /// Requests and bytes of reading the newest append
    Snapshots {
        /// Snapshots of the tables; the last commit of 1981 merges manifests
        #[arg(long, value_delimiter = ',', default_values_t = [20, 200, 1981, 2000])]
        counts: Vec<usize>,
    },
    /// Mode `append` beside Flink's source, on Flink's table
    Flink {
        /// Folder of Flink's benchmark program (`run.sh`, see docs/performance.md), compiled, its table made
        #[arg(long)]
        peer: PathBuf,
        /// Folder or metadata file of that table
        #[arg(long)]
        table: String,
        /// Runs in one process of Flink's; the first is not counted
        #[arg(long, default_value_t = 4)]
        runs: usize,
    },
    /// One measurement, as JSON
    #[command(hide = true)]
    Measure {
        subject: Subject,
        table: String,
        #[arg(long)]
        memory_limit_bytes: Option<u64>,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Subject {
    BareFile,
    BareMemory,
    BareKeys,
    Append,
    Rows,
    SemiJoin,
    KeyScan,
    Probe,
}

impl Subject {
    /// Arguments of a child that measures it.
    fn child(self, table: &str) -> Vec<String> {
        let name = self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        vec!["measure".to_owned(), name, table.to_owned()]
    }
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if let Command::Measure { subject, table, memory_limit_bytes } = &arguments.command {
        let run = runtime()?.block_on(measure(*subject, table, *memory_limit_bytes))?;
        println!("{}", serde_json::to_string(&run)?);
        return Ok(());
    }
    let rounds = arguments.rounds.max(1);
    let commands = match arguments.command.clone() {
        Command::All => vec![
            Command::Append { table: None },
            Command::PositionDeletes,
            Command::EqualityDeletes { keys: 1_000_000 },
            Command::SemiJoin { keys: 1_000_000 },
            Command::MemoryLimit { keys: 10_000_000, limit_megabytes: 256, peak_megabytes: 450 },
            Command::Snapshots { counts: vec![20, 200, 1981, 2000] },
        ],
        command => vec![command],
    };
    if !commands.iter().all(|command| matches!(command, Command::Snapshots { .. })) {
        Line::print_header();
    }
    for command in commands {
        run(command, &arguments.table, rounds)?;
    }
    Ok(())
}

/// As the command line makes it.
fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

/// What a child does: loading the table is part of every read of ours, finding the files is no part of the bare
/// decode.
async fn measure(subject: Subject, path: &str, memory_limit_bytes: Option<u64>) -> Result<Run> {
    match subject {
        Subject::BareFile | Subject::BareMemory | Subject::BareKeys => {
            let table = subject::load(path).await?;
            let files = subject::files(&table).await?;
            let watch = Stopwatch::start();
            let found = match subject {
                Subject::BareKeys => subject::bare_key_decode(&table, &files)?,
                Subject::BareMemory => subject::bare_decode(&files, BareInput::Memory)?,
                _ => subject::bare_decode(&files, BareInput::File)?,
            };
            watch.stop(found, found.id_sum)
        }
        Subject::Append => {
            let watch = Stopwatch::start();
            let found = subject::append(&subject::load(path).await?).await?;
            watch.stop(found, found.id_sum)
        }
        Subject::Rows => {
            let watch = Stopwatch::start();
            let found = subject::rows(&subject::load(path).await?, memory_limit_bytes).await?;
            watch.stop(found, found.id_sum)
        }
        Subject::SemiJoin => {
            let watch = Stopwatch::start();
            let (found, n_deleted) = subject::semi_join(&subject::load(path).await?).await?;
            watch.stop(found, i64::try_from(n_deleted)?)
        }
        Subject::KeyScan => {
            let table = subject::load(path).await?;
            let files = subject::files(&table).await?;
            let keys = subject::keys(&table, &files).await?;
            let watch = Stopwatch::start();
            let (found, n_deleted) = subject::key_scan(&table, &files, &keys).await?;
            watch.stop(found, i64::try_from(n_deleted)?)
        }
        Subject::Probe => {
            let probe = Probe::new(&subject::load(path).await?).await?;
            let watch = Stopwatch::start();
            let (found, n_deleted) = probe.run()?;
            watch.stop(found, i64::try_from(n_deleted)?)
        }
    }
}

fn run(command: Command, table: &TableArguments, rounds: usize) -> Result<()> {
    let home = table.data.clone().map_or_else(DataFolder::default, DataFolder::new);
    let events = || Events::new(home.clone(), table.rows, table.snapshots, table.files);
    match command {
        Command::All | Command::Measure { .. } => Ok(()),
        Command::Append { table: Some(table) } => {
            beside_bare("append", Subject::Append, &table, &table, 0.85, None, rounds)
        }
        Command::Append { table: None } => {
            let events = events()?;
            let path = events.appended()?;
            beside_bare("append", Subject::Append, &path, &path, 0.85, Some(events.all()), rounds)
        }
        Command::PositionDeletes => {
            let events = events()?;
            for (name, scope) in [
                ("5 % position deletes, a file for each data file", DeleteScope::File),
                ("5 % position deletes, one file for all", DeleteScope::Partition),
            ] {
                let path = events.deleted_by_position(scope)?;
                let expected = Some(events.live_under_positions());
                beside_bare(name, Subject::Rows, &path, &events.appended()?, 0.8, expected, rounds)?;
            }
            Ok(())
        }
        Command::EqualityDeletes { keys } => {
            let events = events()?;
            let deleted = events.keys(KeyColumn::Id, keys);
            let path = events.deleted_by_key(KeyColumn::Id, keys)?;
            let expected = Some(events.live_under_keys(deleted));
            let name = format!("{keys} equality-delete keys");
            beside_bare(&name, Subject::Rows, &path, &events.appended()?, 0.55, expected, rounds)
        }
        Command::SemiJoin { keys } => {
            semi_join(&events()?, KeyColumn::Id, keys, rounds)?;
            semi_join(&events()?, KeyColumn::User, keys, rounds)
        }
        Command::MemoryLimit { keys, limit_megabytes, peak_megabytes } => {
            memory_limit(&events()?, keys, limit_megabytes * MEGABYTE, peak_megabytes * MEGABYTE, rounds)
        }
        Command::Snapshots { counts } => snapshots(&home, &counts),
        Command::Flink { peer, table, runs } => flink(&peer, &table, runs, rounds),
    }
}

/// Compares a read with the bare decode of the table at `bare_path`, which has the same data files.
fn beside_bare(
    name: &str,
    subject: Subject,
    path: &str,
    bare_path: &str,
    target: f64,
    expected: Option<(u64, i64)>,
    rounds: usize,
) -> Result<()> {
    let children = [subject.child(path), Subject::BareFile.child(bare_path), Subject::BareMemory.child(bare_path)];
    let runs = alternate(&children, rounds)?;
    let [ours, from_file, from_memory] = runs.as_slice() else { return Ok(()) };
    let n_rows = from_file.first().context("no run")?.n_rows;
    for run in ours {
        let expected = expected.unwrap_or((n_rows, run.check));
        ensure!((run.n_rows, run.check) == expected, "{name}: {run:?}, but rows and sum should be {expected:?}");
    }
    Line {
        name,
        rate: rates(n_rows, ours)?,
        others: vec![
            Other { name: "bare, open files", rate: rates(n_rows, from_file)?, ratio: ratios(ours, from_file)? },
            Other {
                name: "bare, files in memory",
                rate: rates(n_rows, from_memory)?,
                ratio: ratios(ours, from_memory)?,
            },
        ],
        target: Target::Ratio(target),
        peak_bytes: peak(ours),
        peak_bytes_max: PEAK_BYTES_MAX,
    }
    .print();
    Ok(())
}

fn semi_join(events: &Events, column: KeyColumn, n_keys: i64, rounds: usize) -> Result<()> {
    let n_hits = events.n_hits(column, events.keys(column, n_keys));
    let path = events.deleted_by_key(column, n_keys)?;
    let order = match column {
        KeyColumn::Id => "",
        KeyColumn::User => ", rows scattered over them",
    };
    let subjects = [
        (format!("look-up of the decoded key column in {n_keys} keys{order}"), Subject::Probe),
        (format!("semi-join with {n_keys} loaded keys: decode and look-up{order}"), Subject::KeyScan),
        (format!("semi-join with {n_keys} keys, loading them included{order}"), Subject::SemiJoin),
    ];
    let mut children: Vec<_> = subjects.iter().map(|(_, subject)| subject.child(&path)).collect();
    children.push(Subject::BareKeys.child(&path));
    let runs = alternate(&children, rounds)?;
    let bare = runs.last().context("no run")?;
    for ((name, subject), runs) in subjects.iter().zip(&runs) {
        for run in runs {
            ensure!(run.check == n_hits, "{name}: {run:?}, but {n_hits} rows are deleted");
        }
        let n_rows = u64::try_from(events.n_rows)?;
        let decodes = !matches!(subject, Subject::Probe);
        let bare = Other { name: "bare, the key", rate: rates(n_rows, bare)?, ratio: ratios(runs, bare)? };
        Line {
            name,
            rate: rates(n_rows, runs)?,
            others: if decodes { vec![bare] } else { Vec::new() },
            target: Target::Rate(50e6),
            peak_bytes: peak(runs),
            peak_bytes_max: PEAK_BYTES_MAX,
        }
        .print();
    }
    Ok(())
}

fn memory_limit(events: &Events, n_keys: i64, limit_bytes: u64, peak_bytes_max: u64, rounds: usize) -> Result<()> {
    let deleted = events.keys(KeyColumn::Id, n_keys);
    let path = events.deleted_by_key(KeyColumn::Id, n_keys)?;
    let mut child = Subject::Rows.child(&path);
    child.extend(["--memory-limit-bytes".to_owned(), limit_bytes.to_string()]);
    let runs = alternate(&[child], rounds)?;
    let runs = runs.first().context("no run")?;
    for run in runs {
        let expected = events.live_under_keys(deleted);
        ensure!((run.n_rows, run.check) == expected, "{run:?}, but rows and sum should be {expected:?}");
    }
    Line {
        name: &format!("{n_keys} equality-delete keys, limit {} MB", limit_bytes / MEGABYTE),
        rate: rates(u64::try_from(events.n_rows)?, runs)?,
        others: Vec::new(),
        target: Target::None,
        peak_bytes: peak(runs),
        peak_bytes_max,
    }
    .print();
    Ok(())
}

fn flink(folder: &std::path::Path, table: &str, n_runs: usize, rounds: usize) -> Result<()> {
    let (mut theirs, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let warm = peer::warm_runs(folder, n_runs)?;
        let runs = alternate(&[Subject::Append.child(table)], warm.len())?;
        for run in &warm {
            eprintln!("Flink: {:.3} M rows/CPU-s, {} rows", run.rows_per_cpu_second / 1e6, run.n_rows);
        }
        theirs.extend(warm);
        ours.extend(runs.into_iter().flatten());
    }
    let n_rows = ours.first().context("no run")?.n_rows;
    let other = Spread::of(theirs.iter().map(|run| run.rows_per_cpu_second)).context("no run of Flink's")?;
    let ratio = Spread::of(ours.iter().map(|run| n_rows as f64 / run.cpu_seconds / other.median));
    Line {
        name: "append, Flink's table",
        rate: rates(n_rows, &ours)?,
        others: vec![Other { name: "Flink", rate: other, ratio: ratio.context("no run")? }],
        target: Target::Ratio(5.0),
        peak_bytes: peak(&ours),
        peak_bytes_max: PEAK_BYTES_MAX,
    }
    .print();
    Ok(())
}

/// Rows of the table for each second of CPU time.
fn rates(n_rows: u64, runs: &[Run]) -> Result<Spread> {
    Spread::of(runs.iter().map(|run| n_rows as f64 / run.cpu_seconds)).context("no run")
}

/// How much faster each run was than the other of its round.
fn ratios(runs: &[Run], others: &[Run]) -> Result<Spread> {
    Spread::of(runs.iter().zip(others).map(|(run, other)| other.cpu_seconds / run.cpu_seconds)).context("no run")
}

fn peak(runs: &[Run]) -> u64 {
    runs.iter().map(|run| run.peak_bytes).max().unwrap_or(0)
}

#[derive(Clone, Copy)]
enum Target {
    None,
    /// Ratio to the other at least.
    Ratio(f64),
    /// Rows for each second of CPU time at least.
    Rate(f64),
}

/// What a read is compared with.
struct Other {
    name: &'static str,
    rate: Spread,
    ratio: Spread,
}

/// A line of the result for each thing that a read is compared with.
struct Line<'a> {
    name: &'a str,
    rate: Spread,
    others: Vec<Other>,
    target: Target,
    peak_bytes: u64,
    peak_bytes_max: u64,
}

impl Line<'_> {
    fn print_header() {
        println!("| read | M rows/CPU-s | beside | ratio, median (min–max) | target | peak MB | most | |");
        println!("|---|---|---|---|---|---|---|---|");
    }

    fn print(&self) {
        if self.others.is_empty() {
            self.print_beside(None);
        }
        for other in &self.others {
            self.print_beside(Some(other));
        }
    }

    fn print_beside(&self, other: Option<&Other>) {
        let (target, is_met) = match self.target {
            Target::None => (String::new(), true),
            Target::Ratio(least) => (format!("≥ {least} ×"), other.is_some_and(|other| other.ratio.median >= least)),
            Target::Rate(least) => (format!("≥ {} M", least / 1e6), self.rate.median >= least),
        };
        let is_met = is_met && self.peak_bytes < self.peak_bytes_max;
        let millions = |rate: &Spread| format!("{:.2}", rate.median / 1e6);
        let ratio = |ratio: &Spread| format!("{:.2} ({:.2}–{:.2})", ratio.median, ratio.min, ratio.max);
        println!(
            "| {} | {} | {} | {} | {target} | {} | {} | {} |",
            self.name,
            millions(&self.rate),
            other.map(|other| format!("{} {}", other.name, millions(&other.rate))).unwrap_or_default(),
            other.map(|other| ratio(&other.ratio)).unwrap_or_default(),
            self.peak_bytes / MEGABYTE,
            self.peak_bytes_max / MEGABYTE,
            if is_met { "met" } else { "MISSED" },
        );
    }
}

fn snapshots(home: &DataFolder, counts: &[usize]) -> Result<()> {
    println!(
        "| newest append of | snapshots | metadata file | manifest list (manifests) | manifests and data | rows |"
    );
    println!("|---|---|---|---|---|---|");
    for (name, merging) in
        [("manifests merged at 100", ManifestMerging::At(100)), ("manifests never merged", ManifestMerging::Never)]
    {
        for count in counts {
            let path = small_commits(home, *count, merging)?;
            let NewestAppend { found, metadata, manifest_list, rest, n_manifests } =
                runtime()?.block_on(subject::newest_append(&path))?;
            println!(
                "| {name} | {count} | {} | {} ({n_manifests}) | {} | {} |",
                asked(metadata),
                asked(manifest_list),
                asked(rest),
                found.n_rows
            );
        }
    }
    Ok(())
}

fn asked(counters: StorageCounters) -> String {
    format!("{} requests, {} B", counters.n_requests, counters.n_bytes_read)
}

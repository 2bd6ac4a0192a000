//! Measures the planning of a compaction: time and memory, on tables that are manifests only.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand, ValueEnum};
use frazil_benches::measure::{Run, Stopwatch, in_child};
use frazil_benches::subject::Found;
use frazil_compactor::CompactionOptions;
use frazil_lock::{Holder, MemoryLock};
use frazil_table::catalog::{TableLocator, create_table, load_table, table_source};
use frazil_table::commit::{Change, CommitOptions, CommitOutcome, CommitRequest, Committer, NewTable, SnapshotChange};
use frazil_table::file::{ColumnMetrics, FileContent, FileFormat, PartitionTuple, PartitionValue, WrittenFile};
use frazil_table::storage::Storage;
use frazil_table::{FieldId, SpecId, SystemClock};
use serde_json::json;

const MEGABYTE: u64 = 1024 * 1024;

/// Columns of the table, each with statistics in its manifests.
const N_COLUMNS: i32 = 10;

/// Time and memory of planning the compaction of large tables.
#[derive(Debug, Parser)]
#[command(after_help = "Example: plan --files 100000")]
struct Arguments {
    /// Folder where the tables are made; they are removed again [default: target]
    #[arg(long)]
    data: Option<PathBuf>,
    /// Data files of the largest table
    #[arg(long, default_value_t = 100_000)]
    files: usize,
    /// Partitions that they are in
    #[arg(long, default_value_t = 1_000)]
    partitions: usize,
    /// Commits that wrote them
    #[arg(long, default_value_t = 100)]
    commits: usize,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// One measurement, as JSON
    #[command(hide = true)]
    Measure { table: String },
}

/// What the table's files are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Sizes {
    /// All are small: each is a candidate.
    Small,
    /// All are of the right size but those of one more commit of ten files.
    Compacted,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if let Some(Command::Measure { table }) = &arguments.command {
        println!("{}", serde_json::to_string(&runtime.block_on(measure(table))?)?);
        return Ok(());
    }
    let root = arguments.data.unwrap_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target")));
    println!("{:<12}{:>10}{:>12}{:>9}{:>9}{:>10}", "table", "files", "chosen", "wall s", "cpu s", "peak MB");
    for sizes in [Sizes::Small, Sizes::Compacted] {
        for n_files in [arguments.files / 4, arguments.files / 2, arguments.files] {
            let folder = root.join(format!("bench-plan-{}", std::process::id()));
            let path = folder.to_str().context("the folder's name is not UTF-8")?.to_owned();
            let made = runtime.block_on(make(&path, sizes, n_files, arguments.partitions, arguments.commits));
            let run = made.and_then(|()| in_child(&["measure".to_owned(), path]));
            std::fs::remove_dir_all(&folder)?;
            print(sizes, n_files, &run?);
        }
    }
    Ok(())
}

fn print(sizes: Sizes, n_files: usize, run: &Run) {
    println!(
        "{:<12}{n_files:>10}{:>12}{:>9.2}{:>9.2}{:>10}",
        format!("{sizes:?}").to_lowercase(),
        run.n_rows,
        run.wall_seconds,
        run.cpu_seconds,
        run.peak_bytes / MEGABYTE
    );
}

/// Plans, the table loaded. `n_rows` of the answer are the files that were chosen.
async fn measure(path: &str) -> Result<Run> {
    let table = load_table(&TableLocator::Path(path.to_owned()), &Storage::local()).await?;
    let stopwatch = Stopwatch::start();
    let plan = frazil_compactor::plan(&table, &CompactionOptions::default()).await?;
    let n_inputs: u64 = plan.partitions.iter().map(|partition| partition.n_inputs).sum();
    let n_files: u64 = plan.partitions.iter().map(|partition| partition.n_data_files).sum();
    let run = stopwatch.stop(Found { n_rows: n_inputs, ..Found::default() }, i64::try_from(n_files)?)?;
    drop(plan);
    Ok(run)
}

/// Writes the metadata of a table; its data files are nowhere.
async fn make(path: &str, sizes: Sizes, n_files: usize, n_partitions: usize, n_commits: usize) -> Result<()> {
    let locator = TableLocator::Path(path.to_owned());
    let storage = Storage::local();
    create_table(&locator, &storage, new_table()?).await?;
    let target = table_source(&locator, &storage).commit_target().await?;
    let holder = Holder::of_this_process("bench", "plan", 0);
    let lock = Arc::new(MemoryLock::new());
    let committer = Committer::new(target, lock, holder, Arc::new(SystemClock), CommitOptions::default());
    let append = async |numbers: std::ops::Range<usize>, size_bytes: u64| -> Result<()> {
        let files = numbers.map(|n| written(path, n, n % n_partitions.max(1), size_bytes));
        let change = Change::Snapshot(Box::new(SnapshotChange::append(files.collect::<Result<Vec<_>>>()?)));
        match committer.commit(CommitRequest::new(change)).await? {
            CommitOutcome::Committed(_) => Ok(()),
            other => bail!("the table could not be made: {other:?}"),
        }
    };
    let size_bytes = if sizes == Sizes::Small { 4 } else { 512 } * MEGABYTE;
    let per_commit = n_files.div_ceil(n_commits.max(1)).max(1);
    for start in (0..n_files).step_by(per_commit) {
        append(start..(start + per_commit).min(n_files), size_bytes).await?;
    }
    if sizes == Sizes::Compacted {
        append(n_files..n_files + 10, 4 * MEGABYTE).await?;
    }
    Ok(())
}

fn new_table() -> Result<NewTable> {
    let fields: Vec<_> = (1..=N_COLUMNS)
        .map(|id| json!({"id": id, "name": format!("c{id}"), "required": false, "type": "long"}))
        .collect();
    let schema = json!({"type": "struct", "schema-id": 0, "fields": fields});
    let mut new = NewTable::new(serde_json::from_value(schema)?);
    let spec = json!({"fields": [{"source-id": 1, "name": "c1", "transform": "identity"}]});
    new.partition_spec = serde_json::from_value(spec)?;
    Ok(new)
}

fn written(location: &str, n: usize, partition: usize, size_bytes: u64) -> Result<WrittenFile> {
    let ids = || (1..=N_COLUMNS).map(FieldId::new);
    let bound = |value: u64| ids().map(|id| (id, value.to_le_bytes().to_vec())).collect::<HashMap<_, _>>();
    let metrics = ColumnMetrics {
        value_counts: ids().map(|id| (id, 100_000)).collect(),
        null_counts: ids().map(|id| (id, 0)).collect(),
        nan_counts: HashMap::new(),
        lower_bounds: bound(n as u64),
        upper_bounds: bound(n as u64 + 100_000),
    };
    Ok(WrittenFile {
        content: FileContent::Data,
        path: format!("{location}/data/c1={partition}/{n:08}-9e107d9d-372b-4bf9-8f77-6e8a3d5b0a11.parquet").into(),
        format: FileFormat::Parquet,
        spec_id: SpecId::new(0),
        partition: PartitionTuple(Arc::from([Some(PartitionValue::Long(i64::try_from(partition)?))])),
        record_count: 100_000,
        file_size_bytes: size_bytes,
        metrics: Arc::new(metrics),
        column_sizes: ids().map(|id| (id, size_bytes / 10)).collect(),
        split_offsets: vec![4],
        equality_ids: Vec::new(),
        sort_order_id: None,
        referenced_data_file: None,
        content_range: None,
    })
}

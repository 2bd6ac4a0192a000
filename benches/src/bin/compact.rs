//! Measures rewriting of a file group beside a bare decode and encode of the same files, in one run: every measurement
//! in a process of its own, in turn, medians of ratios.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};
use frazil_benches::data::DataFolder;
use frazil_benches::devices::{Deletes, Devices};
use frazil_benches::measure::{Run, Spread, Stopwatch, alternate};
use frazil_benches::subject::{self, Found};
use frazil_compactor::{FileGroup, GroupInput, InputReason, RewriteSettings, SortRows, Verify, rewrite_group};
use frazil_table::deletes::DeleteIndex;
use frazil_table::file::FileEntry;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

const MEGABYTE: u64 = 1024 * 1024;

/// Size of the outputs.
const TARGET_BYTES: u64 = 128 * MEGABYTE;

/// Speed and memory of rewriting a file group.
#[derive(Debug, Parser)]
struct Arguments {
    /// Folder where tables are made and kept [default: target]
    #[arg(long, global = true)]
    data: Option<PathBuf>,
    /// Counted runs of each subject; one more comes before them
    #[arg(long, global = true, default_value_t = 3)]
    rounds: usize,
    /// Data files of 10,000 rows
    #[arg(long, global = true, default_value_t = 500)]
    files: i64,
    /// Data files of 32 MB
    #[arg(long, global = true, default_value_t = 64)]
    large_files: i64,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Clone, Subcommand)]
enum Command {
    /// All of the following
    All,
    /// Small files
    Plain,
    /// One row of a hundred deleted by position
    Positions,
    /// 100,000 keys in 20 equality delete files
    Keys,
    /// Ten million keys in a limit of 256 MB
    MemoryLimit,
    /// Files of one row group of 32 MiB
    RowGroups,
    /// One measurement, as JSON
    #[command(hide = true)]
    Measure { subject: String, table: String, outputs: PathBuf, memory_limit_bytes: u64 },
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if let Command::Measure { subject, table, outputs, memory_limit_bytes } = &arguments.command {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let run = runtime.block_on(measure(subject, table, outputs, *memory_limit_bytes))?;
        println!("{}", serde_json::to_string(&run)?);
        return Ok(());
    }
    let commands = match arguments.command.clone() {
        Command::All => {
            vec![Command::Plain, Command::Positions, Command::Keys, Command::MemoryLimit, Command::RowGroups]
        }
        command => vec![command],
    };
    for command in commands {
        let small = |deletes| Devices { n_files: arguments.files, rows_per_file: 10_000, deletes };
        let (name, devices, limit) = match command {
            Command::All | Command::Measure { .. } => continue,
            Command::Plain => ("plain", small(Deletes::None), 1024),
            Command::Positions => ("1 % deleted by position", small(Deletes::Positions), 1024),
            Command::Keys => ("100,000 keys in 20 files", small(Deletes::Keys(100_000)), 1024),
            Command::MemoryLimit => ("10 M keys, limit 256 MB", small(Deletes::SpreadKeys(10_000_000)), 256),
            Command::RowGroups => {
                let devices =
                    Devices { n_files: arguments.large_files, rows_per_file: 410_000, deletes: Deletes::None };
                ("row groups of 32 MiB", devices, 1024)
            }
        };
        compare(name, &devices, limit * MEGABYTE, &arguments)?;
    }
    Ok(())
}

fn compare(name: &str, devices: &Devices, memory_limit_bytes: u64, arguments: &Arguments) -> Result<()> {
    let home = arguments.data.clone().map_or_else(DataFolder::default, DataFolder::new);
    let table = devices.path(&home)?;
    let outputs = Path::new(&table).with_file_name("outputs").display().to_string();
    let child = |subject: &str| {
        ["measure", subject, &table, &outputs, &memory_limit_bytes.to_string()].map(str::to_owned).to_vec()
    };
    let runs = alternate(&[child("rewrite"), child("bare")], arguments.rounds)?;
    let [ours, bare] = runs.as_slice() else { return Ok(()) };
    for run in ours {
        let n_live = u64::try_from(devices.n_live())?;
        ensure!(run.n_rows == n_live, "{name}: {run:?}, but {n_live} rows are live");
    }
    let spread = |value: fn(&Run) -> f64, runs: &[Run]| {
        Spread::of(runs.iter().map(value)).map(|spread| spread.median).context("no run")
    };
    let ratio = |value: fn(&Run) -> f64| {
        Spread::of(ours.iter().zip(bare).map(|(ours, bare)| value(ours) / value(bare))).context("no run")
    };
    let (cpu, wall) = (ratio(|run| run.cpu_seconds)?, ratio(|run| run.wall_seconds)?);
    println!(
        "{name}: {:.2} CPU-s, {:.2} s, {} MB; bare decode and encode {:.2} CPU-s, {:.2} s; ratio {:.2} CPU ({:.2}..{:.2}), {:.2} wall ({:.2}..{:.2}); {} row groups copied",
        spread(|run| run.cpu_seconds, ours)?,
        spread(|run| run.wall_seconds, ours)?,
        ours.iter().map(|run| run.peak_bytes).max().unwrap_or(0) / MEGABYTE,
        spread(|run| run.cpu_seconds, bare)?,
        spread(|run| run.wall_seconds, bare)?,
        cpu.median,
        cpu.min,
        cpu.max,
        wall.median,
        wall.min,
        wall.max,
        ours.first().map_or(0, |run| run.check),
    );
    Ok(())
}

async fn measure(subject: &str, table: &str, outputs: &Path, memory_limit_bytes: u64) -> Result<Run> {
    std::fs::create_dir_all(outputs)?;
    let table = subject::load(table).await?;
    let files = subject::files(&table).await?;
    if subject == "bare" {
        let watch = Stopwatch::start();
        let halves = files.data.chunks(files.data.len().div_ceil(2).max(1));
        let n_rows = std::thread::scope(|scope| {
            let threads: Vec<_> =
                halves.enumerate().map(|(index, half)| scope.spawn(move || bare(half, outputs, index))).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().map_err(|_| anyhow::anyhow!("it panicked"))?)
                .sum::<Result<u64>>()
        })?;
        let run = watch.stop(Found { n_rows, id_sum: 0 }, 0)?;
        for output in std::fs::read_dir(outputs)? {
            std::fs::remove_file(output?.path())?;
        }
        return Ok(run);
    }
    let watch = Stopwatch::start();
    let index = DeleteIndex::new(&table, &files.deletes)?;
    let first = files.data.first().context("an empty table")?;
    let input = |file: &Arc<FileEntry>| GroupInput {
        file: file.clone(),
        deletes: index.for_file(&table, file),
        reason: InputReason::All,
    };
    let group = FileGroup {
        id: 0,
        spec_id: first.spec_id,
        partition: first.partition.clone(),
        inputs: files.data.iter().map(input).collect(),
        data_sequence_number: first.data_sequence_number,
        target_file_size_bytes: TARGET_BYTES,
    };
    let settings =
        RewriteSettings { sort: SortRows::WriteOrder, verify: Verify::Count, memory_limit_bytes, part: 0, attempt: 0 };
    let result = rewrite_group(&table, &group, &settings).await?;
    let n_rows = result.outputs.iter().map(|file| file.record_count).sum();
    let run = watch.stop(Found { n_rows, id_sum: 0 }, i64::try_from(result.n_row_groups_copied)?)?;
    for file in &result.outputs {
        std::fs::remove_file(file.path.as_ref())?;
    }
    Ok(run)
}

/// What any program has to do that knows nothing of tables: decodes files one after the other and encodes their rows.
/// Every output is a file of its own, as that of a rewrite is: writing over one that is there is far cheaper.
fn bare(files: &[Arc<FileEntry>], outputs: &Path, part: usize) -> Result<u64> {
    let mut n_outputs = 0_u64..;
    let mut n_rows = 0;
    let mut writer: Option<ArrowWriter<File>> = None;
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?)).build();
    for file in files {
        let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(file.key())?)?;
        for batch in builder.with_batch_size(subject::BATCH_ROWS).build()? {
            let batch = batch?;
            n_rows += batch.num_rows() as u64;
            let open = match writer.take() {
                Some(writer) => writer,
                None => {
                    let output = outputs.join(format!("bare-{part}-{}", n_outputs.next().unwrap_or(0)));
                    ArrowWriter::try_new(File::create(output)?, batch.schema(), Some(properties.clone()))?
                }
            };
            let open = writer.insert(open);
            open.write(&batch)?;
            if u64::try_from(open.bytes_written() + open.in_progress_size())? >= TARGET_BYTES
                && let Some(full) = writer.take()
            {
                full.close()?;
            }
        }
    }
    if let Some(writer) = writer {
        writer.close()?;
    }
    Ok(n_rows)
}

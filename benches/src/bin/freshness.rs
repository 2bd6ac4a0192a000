//! Measures how old a row is when a consumer has it: from the answer to its commit to its delivery. Local disk, SQLite
//! catalog.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use arrow_array::{Int64Array, RecordBatch};
use clap::Parser;
use frazil_benches::events::mix;
use frazil_benches::measure::Stopwatch;
use frazil_benches::subject::Found;
use frazil_lock::{Holder, MemoryLock};
use frazil_reader::discovery::{CatalogWatch, TableWatch, WatchSettings};
use frazil_reader::{Event, From, ReadOptions, follow_changes};
use frazil_table::catalog::{TableLocator, TableSource, create_table, table_source};
use frazil_table::commit::{Change, CommitOptions, CommitOutcome, CommitRequest, Committer, NewTable, SnapshotChange};
use frazil_table::storage::Storage;
use frazil_table::write::{AppendWriter, WriteOptions};
use frazil_table::{Clock, SystemClock};
use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// Age of rows at a consumer, with notice of commits and without.
#[derive(Debug, Parser)]
#[command(after_help = "Example: freshness --commits 100")]
struct Arguments {
    /// Folder where the table is made; it is removed again [default: target]
    #[arg(long)]
    data: Option<PathBuf>,
    /// Commits of each measurement
    #[arg(long, default_value_t = 50)]
    commits: u32,
    /// Between two commits, in milliseconds: long enough for looks to be as far apart as they get, and up to a second
    /// more
    #[arg(long, default_value_t = 2500)]
    pause: u64,
    /// For how long an idle table is watched, in seconds
    #[arg(long, default_value_t = 20)]
    idle: u64,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let root =
        arguments.data.clone().unwrap_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target")));
    std::fs::create_dir_all(&root)?;
    let folder = std::fs::canonicalize(root)?.join(format!("bench-freshness-{}", std::process::id()));
    let outcome = runtime.block_on(async {
        for is_told in [true, false] {
            let name = if is_told { "told" } else { "foreign" };
            let setup = Setup::new(&folder.join(name)).await?;
            let ages = setup.ages(is_told, &arguments).await?;
            let at = |part: f64| percentile(&ages, part).as_secs_f64() * 1e3;
            println!("{name:<10} p50 {:>7.1} ms   p99 {:>7.1} ms   max {:>7.1} ms", at(0.5), at(0.99), at(1.0));
            if !is_told {
                setup.idle(arguments.idle).await?;
            }
        }
        Ok::<_, anyhow::Error>(())
    });
    std::fs::remove_dir_all(&folder).ok();
    outcome
}

/// Counts looks.
#[derive(Debug)]
struct Counted {
    source: Arc<dyn TableSource>,
    n_looks: AtomicU64,
}

type Loading<'a, T> = std::pin::Pin<Box<dyn Future<Output = frazil_table::Result<T>> + Send + 'a>>;

impl TableSource for Counted {
    fn name(&self) -> &str {
        self.source.name()
    }

    fn load<'s, 'a>(&'s self) -> Loading<'a, frazil_table::Table>
    where
        's: 'a,
        Self: 'a,
    {
        self.source.load()
    }

    fn load_if_changed<'s, 't, 'a>(
        &'s self,
        current: &'t frazil_table::Table,
    ) -> Loading<'a, Option<frazil_table::Table>>
    where
        's: 'a,
        't: 'a,
        Self: 'a,
    {
        self.n_looks.fetch_add(1, Ordering::Relaxed);
        self.source.load_if_changed(current)
    }
}

struct Setup {
    source: Arc<Counted>,
    watch: TableWatch,
}

impl Setup {
    async fn new(folder: &std::path::Path) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let folder = folder.to_str().context("the folder's name is not UTF-8")?;
        let locator = TableLocator::Sql {
            uri: format!("sqlite://{folder}/catalog.db"),
            catalog: Some("bench".to_owned()),
            namespace: vec!["db".to_owned()],
            table: "t".to_owned(),
        };
        let schema = json!({"type": "struct", "schema-id": 0, "fields": [
            {"id": 1, "name": "id", "required": true, "type": "long"}]});
        let mut new = NewTable::new(serde_json::from_value(schema)?);
        new.location = Some(format!("{folder}/t"));
        create_table(&locator, &Storage::local(), new).await?;
        let source = table_source(&locator, &Storage::local());
        let source = Arc::new(Counted { source, n_looks: AtomicU64::new(0) });
        let catalog = CatalogWatch::new(WatchSettings::default(), Arc::new(SystemClock));
        let watch = catalog.load(source.clone()).await?;
        Ok(Self { source, watch })
    }

    /// How old each row was when it was delivered.
    #[allow(clippy::disallowed_methods)] // Time is what is measured.
    async fn ages(&self, is_told: bool, arguments: &Arguments) -> Result<Vec<Duration>> {
        let target = self.source.source.clone().commit_target().await?;
        let holder = Holder::of_this_process("bench", "freshness", 0);
        let lock = Arc::new(MemoryLock::new());
        let mut committer = Committer::new(target, lock, holder, Arc::new(SystemClock), CommitOptions::default());
        if is_told {
            committer = committer.with_listener(Arc::new(self.watch.hints()));
        }
        let (sender, mut delivered) = mpsc::unbounded_channel();
        let (watch, n_rows, runtime) = (self.watch.clone(), arguments.commits, Handle::current());
        // A stream stays on its thread.
        let consumer = tokio::task::spawn_blocking(move || runtime.block_on(consume(watch, n_rows, sender)));
        let mut ages = Vec::new();
        for id in 0..arguments.commits {
            let spread = mix(u64::from(id)) % 1000;
            SystemClock.sleep(Duration::from_millis(arguments.pause + spread)).await;
            append(&committer, i64::from(id)).await?;
            let acknowledged = Instant::now();
            let (found, moment) = delivered.recv().await.context("the consumer has ended")?;
            ensure!(found == i64::from(id), "row {found} in place of {id}");
            ages.push(moment.saturating_duration_since(acknowledged));
        }
        consumer.await??;
        ages.sort_unstable();
        Ok(ages)
    }

    /// What watching costs while nothing happens.
    async fn idle(&self, seconds: u64) -> Result<()> {
        // Until looks are as far apart as they get.
        SystemClock.sleep(Duration::from_secs(4)).await;
        let n_before = self.source.n_looks.load(Ordering::Relaxed);
        let stopwatch = Stopwatch::start();
        SystemClock.sleep(Duration::from_secs(seconds)).await;
        let run = stopwatch.stop(Found::default(), 0)?;
        let n_looks = self.source.n_looks.load(Ordering::Relaxed) - n_before;
        println!(
            "{:<10} {:.2} looks/s   {:.2} % of a core",
            "idle",
            n_looks as f64 / run.wall_seconds,
            run.cpu_seconds / run.wall_seconds * 100.0
        );
        Ok(())
    }
}

async fn append(committer: &Committer, id: i64) -> Result<()> {
    let table = committer.target().load().await?.table;
    let mut writer = AppendWriter::new(&table, &WriteOptions::of(&table)?)?;
    writer.write(&RecordBatch::try_from_iter([("id", Arc::new(Int64Array::from(vec![id])) as _)])?).await?;
    let change = Change::Snapshot(Box::new(SnapshotChange::append(writer.finish().await?)));
    match committer.commit(CommitRequest::new(change)).await? {
        CommitOutcome::Committed(_) => Ok(()),
        other => bail!("not committed: {other:?}"),
    }
}

/// Tells when which row came.
#[allow(clippy::disallowed_methods)] // Time is what is measured.
async fn consume(mut watch: TableWatch, n_rows: u32, sender: mpsc::UnboundedSender<(i64, Instant)>) -> Result<()> {
    let mut table = watch.newest();
    let options = ReadOptions { from: From::Earliest, ..ReadOptions::default() };
    let mut stream = follow_changes(&table, options).await?;
    let mut n_delivered = 0;
    while n_delivered < n_rows {
        while let Some(event) = stream.next().await? {
            let Event::Changes(batch) = event else { continue };
            let moment = Instant::now();
            let ids = batch.rows.column(0).as_any().downcast_ref::<Int64Array>().context("ids are longs")?;
            for id in ids.values() {
                n_delivered += 1;
                sender.send((*id, moment)).ok();
            }
        }
        if n_delivered == n_rows {
            break;
        }
        watch.next().await?;
        let newest = watch.newest();
        if newest.metadata_location() != table.metadata_location() {
            stream.extend(&newest).await?;
            table = newest;
        }
    }
    Ok(())
}

/// `sorted` is not empty.
fn percentile(sorted: &[Duration], part: f64) -> Duration {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Between zero and the length.
    let index = ((sorted.len() as f64 * part).ceil() as usize).saturating_sub(1);
    sorted.get(index).or(sorted.last()).copied().unwrap_or_default()
}

//! What a commit costs beside the catalog's own step: appends to a table of many manifests, and rewrites of files in
//! many of them. In memory, so that no disk and no network is measured; the lock is that of one process.
//!
//! `FRAZIL_BENCH_SHORT=1` measures a smaller table, for as short a time as CI can spare.
#![allow(clippy::disallowed_methods, reason = "a measurement reads the clock")]

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use async_trait::async_trait;
use criterion::Criterion;
use frazil_lock::{Holder, MemoryLock};
use frazil_table::catalog::{TableLocator, create_table, table_source};
use frazil_table::commit::target::{CommitBase, CommitTarget, SwapAnswer};
use frazil_table::commit::update::{MetadataUpdate, Requirement};
use frazil_table::commit::{
    AddedFile, Change, CommitOptions, CommitOutcome, CommitRequest, Committer, FileRef, NewTable, PendingCommit,
    RewriteCheck, SnapshotChange,
};
use frazil_table::file::{ColumnMetrics, FileContent, FileFormat, PartitionTuple, PartitionValue, WrittenFile};
use frazil_table::manifest::manifest_list;
use frazil_table::storage::Storage;
use frazil_table::{DataSequenceNumber, FieldId, SpecId, SystemClock, TableError};
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;

/// Metadata with more snapshots than this is cut while the table is made: they are not what is measured.
const N_SNAPSHOTS_MAX: usize = 50;

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let is_short = std::env::var_os("FRAZIL_BENCH_SHORT").is_some();
    let criterion = Criterion::default().without_plots().sample_size(10);
    let criterion = if is_short {
        criterion.warm_up_time(Duration::from_millis(50)).measurement_time(Duration::from_millis(200))
    } else {
        criterion.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(4))
    };
    let mut criterion = criterion.configure_from_args();
    let n_manifests = if is_short { 100 } else { 1_000 };
    for n_files_each in if is_short { [1, 10] } else { [1, 100] } {
        let made = runtime.block_on(Made::new(n_manifests, n_files_each))?;
        for n_added in [1, 100, 1_000] {
            measure(&mut criterion, &runtime, &made, &format!("append/{n_added} files"), |n| {
                Ok(made.append(n, n_added))
            })?;
        }
        for n_touched in [1, 10, 100, 1_000].into_iter().filter(|n| *n <= n_manifests) {
            let name = format!("rewrite/{n_touched} manifests touched");
            measure(&mut criterion, &runtime, &made, &name, |n| made.rewrite(n, n_touched))?;
        }
    }
    criterion.final_summary();
    Ok(())
}

/// A table in memory, of which each measurement gets a copy of the metadata.
struct Made {
    storage: Storage,
    document: Map<String, Value>,
    n_manifests: usize,
    n_files_each: usize,
}

impl Made {
    async fn new(n_manifests: usize, n_files_each: usize) -> Result<Self> {
        let schema = json!({"type": "struct", "schema-id": 0, "fields": [
            {"id": 1, "name": "id", "required": true, "type": "long"},
            {"id": 2, "name": "part", "required": true, "type": "long"}]});
        let mut new = NewTable::new(serde_json::from_value(schema)?);
        let spec = json!({"fields": [{"source-id": 2, "name": "part", "transform": "identity"}]});
        new.partition_spec = serde_json::from_value(spec)?;
        // There would not be so many manifests otherwise.
        new.properties.insert("commit.manifest-merge.enabled".to_owned(), "false".to_owned());
        let storage = Storage::local();
        create_table(&TableLocator::Path("memory://bench/table".to_owned()), &storage, new).await?;
        let mut made = Self { storage, document: Map::new(), n_manifests, n_files_each };
        let mut place = "memory://bench/table".to_owned();
        for manifest in 0..n_manifests {
            let committer = made.committer(&place).await?.0;
            let files = (0..n_files_each).map(|n| file(manifest, &format!("{manifest}-{n}")));
            commit(&committer, SnapshotChange::append(files)).await?;
            if (manifest + 1) % N_SNAPSHOTS_MAX == 0 || manifest + 1 == n_manifests {
                made.document = cut(committer.target().load().await?.document)?;
                place = made.copy(&format!("made{manifest}")).await?;
            }
        }
        let base = made.committer(&place).await?.0.target().load().await?;
        let head = base.table.metadata().current_snapshot().context("there is a snapshot")?;
        let found = manifest_list(&base.table, head).await?.len();
        ensure!(found == n_manifests, "the table has {found} manifests");
        Ok(made)
    }

    /// The table again, in a place of its own; data and manifests are shared.
    async fn copy(&self, name: &str) -> Result<String> {
        let place = format!("memory://bench/{name}");
        let bytes = serde_json::to_vec(&self.document)?;
        self.storage.write(&format!("{place}/metadata/v1.metadata.json"), bytes.into()).await?;
        Ok(place)
    }

    async fn committer(&self, place: &str) -> Result<(Committer, Arc<Times>)> {
        let target = table_source(&TableLocator::Path(place.to_owned()), &self.storage).commit_target().await?;
        let times = Arc::new(Times::default());
        let target = Arc::new(Timed { target, times: times.clone() });
        let holder = Holder::of_this_process("bench", "bench", 0);
        let (lock, clock) = (Arc::new(MemoryLock::new()), Arc::new(SystemClock));
        Ok((Committer::new(target, lock, holder, clock, CommitOptions::default()), times))
    }

    fn append(&self, n: usize, n_added: usize) -> SnapshotChange {
        SnapshotChange::append((0..n_added).map(|i| file(i % self.n_manifests, &format!("added{n}-{i}"))))
    }

    /// One file of each of so many manifests becomes one.
    fn rewrite(&self, n: usize, n_touched: usize) -> Result<SnapshotChange> {
        let newest = i64::try_from(self.n_manifests)?;
        let check = RewriteCheck { starting_sequence_number: newest, ..RewriteCheck::default() };
        let removed = (0..n_touched).map(|i| {
            // Spread over the table.
            let manifest = i * self.n_manifests / n_touched;
            let file = file(manifest, &format!("{manifest}-{}", self.n_files_each / 2));
            let (offset, content) = (None, FileContent::Data);
            FileRef {
                path: file.path,
                offset,
                content,
                spec_id: file.spec_id,
                partition: file.partition,
                first_row_id: None,
            }
        });
        let number = Some(DataSequenceNumber::new(newest));
        let added = AddedFile {
            data_sequence_number: number,
            inputs_sequence_number_max: number,
            ..AddedFile::from(file(0, &format!("rewritten{n}")))
        };
        Ok(SnapshotChange::rewrite(vec![added], removed.collect(), check))
    }
}

/// Metadata with the head's snapshot alone.
fn cut(mut document: Map<String, Value>) -> Result<Map<String, Value>> {
    let head = document["current-snapshot-id"].clone();
    let snapshots = document.get_mut("snapshots").and_then(Value::as_array_mut).context("there are snapshots")?;
    snapshots.retain(|snapshot| snapshot["snapshot-id"] == head);
    for snapshot in snapshots {
        snapshot.as_object_mut().context("a snapshot is an object")?.remove("parent-snapshot-id");
    }
    document.remove("snapshot-log");
    document.remove("metadata-log");
    Ok(document)
}

fn file(part: usize, name: &str) -> WrittenFile {
    let ids = [FieldId::new(1), FieldId::new(2)];
    let bounds = || ids.iter().map(|id| (*id, vec![7; 8])).collect::<HashMap<_, _>>();
    let counts = || ids.iter().map(|id| (*id, 1_000)).collect::<HashMap<_, _>>();
    WrittenFile {
        content: FileContent::Data,
        path: format!("memory://bench/table/data/part={part}/{name}.parquet").into(),
        format: FileFormat::Parquet,
        spec_id: SpecId::new(0),
        partition: PartitionTuple([Some(PartitionValue::Long(i64::try_from(part).unwrap_or(0)))].into()),
        record_count: 1_000,
        file_size_bytes: 100_000,
        metrics: Arc::new(ColumnMetrics {
            value_counts: counts(),
            null_counts: counts(),
            nan_counts: HashMap::new(),
            lower_bounds: bounds(),
            upper_bounds: bounds(),
        }),
        column_sizes: counts(),
        split_offsets: vec![4],
        equality_ids: Vec::new(),
        sort_order_id: None,
        referenced_data_file: None,
        content_range: None,
    }
}

async fn commit(committer: &Committer, change: SnapshotChange) -> Result<()> {
    match committer.commit(CommitRequest::new(Change::Snapshot(Box::new(change)))).await? {
        CommitOutcome::Committed(_) => Ok(()),
        other => bail!("{other:?}"),
    }
}

/// One commit: the whole, and of it the catalog's loading and swapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Taken {
    beside_swap: Duration,
    whole: Duration,
    load: Duration,
    swap: Duration,
}

fn measure(
    criterion: &mut Criterion,
    runtime: &Runtime,
    made: &Made,
    what: &str,
    change: impl Fn(usize) -> Result<SnapshotChange>,
) -> Result<()> {
    let n_files = made.n_manifests * made.n_files_each;
    let name = format!("commit/{} manifests, {n_files} files/{what}", made.n_manifests);
    let (n, taken) = (Cell::new(0), RefCell::new(Vec::new()));
    let once = || -> Result<Taken> {
        let number = n.replace(n.get() + 1);
        let change = change(number)?;
        runtime.block_on(async {
            let place = made.copy(&format!("{}/{number}", what.replace([' ', '/'], "-"))).await?;
            let (committer, times) = made.committer(&place).await?;
            let start = Instant::now();
            commit(&committer, change).await?;
            let whole = start.elapsed();
            let (load, swap) = (times.load.take(), times.swap.take());
            Ok(Taken { beside_swap: whole.saturating_sub(swap), whole, load, swap })
        })
    };
    // An error would look like a fast commit.
    once()?;
    criterion.bench_function(&name, |bencher| {
        bencher.iter_custom(|n_iterations| {
            let mut sum = Duration::ZERO;
            for _ in 0..n_iterations {
                match once() {
                    Ok(once) => {
                        sum += once.beside_swap;
                        taken.borrow_mut().push(once);
                    }
                    Err(error) => eprintln!("{name}: {error:#}"),
                }
            }
            sum
        });
    });
    let mut taken = taken.into_inner();
    taken.sort_unstable();
    if let (Some(median), Some(p95)) = (taken.get(taken.len() / 2), taken.get(taken.len() * 95 / 100)) {
        let Taken { beside_swap, whole, load, swap } = median;
        println!(
            "{name}: p50 {beside_swap:.2?} beside the swap (p95 {:.2?}), of which {load:.2?} load the table; with the swap's \
             {swap:.2?} {whole:.2?}; {} commits",
            p95.beside_swap,
            taken.len()
        );
    }
    Ok(())
}

/// Time spent in the catalog.
#[derive(Debug, Default)]
struct Times {
    load: Sum,
    swap: Sum,
}

#[derive(Debug, Default)]
struct Sum(Mutex<Duration>);

impl Sum {
    fn add(&self, time: Duration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += time;
    }

    fn take(&self) -> Duration {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[derive(Debug)]
struct Timed {
    target: Arc<dyn CommitTarget>,
    times: Arc<Times>,
}

#[async_trait]
impl CommitTarget for Timed {
    fn name(&self) -> &str {
        self.target.name()
    }

    fn lock_name(&self) -> String {
        self.target.lock_name()
    }

    async fn load(&self) -> Result<CommitBase, TableError> {
        let start = Instant::now();
        let base = self.target.load().await;
        self.times.load.add(start.elapsed());
        base
    }

    async fn swap(&self, base: &CommitBase, updates: &[MetadataUpdate], requirements: &[Requirement]) -> SwapAnswer {
        let start = Instant::now();
        let answer = self.target.swap(base, updates, requirements).await;
        self.times.swap.add(start.elapsed());
        answer
    }

    fn is_superseded(&self, pending: &PendingCommit, now: &CommitBase) -> bool {
        self.target.is_superseded(pending, now)
    }
}

//! A table that is written, compacted and read at the same time: orders that are placed, paid, shipped and taken away.

use std::sync::Arc;
use std::time::Duration;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use frazil_lock::{Holder, MemoryLock};
use frazil_reader::discovery::{CatalogWatch, TableWatch, WatchSettings};
use frazil_reader::{Event, ReadOptions, follow_changes};
use frazil_table::catalog::{TableLocator, create_table, table_source};
use frazil_table::commit::{Change, CommitOptions, CommitOutcome, CommitRequest, Committer, NewTable, SnapshotChange};
use frazil_table::storage::Storage;
use frazil_table::write::{UpsertWriter, WriteOptions};
use frazil_table::{Clock, SnapshotId, SystemClock, Table};
use iceberg::spec::{NestedField, PrimitiveType, Schema, Type};
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::Folded;
use super::compaction::{Compaction, compact_until};
use crate::args::GlobalArgs;
use crate::clock::now_ms;
use crate::error::CliError;
use crate::format::Content;
use crate::format::table::Table as TableText;
use crate::output::{Look, Output};

/// Between two commits of the writer.
const COMMIT_INTERVAL: Duration = Duration::from_millis(250);

/// Commits of an order's life: placed, paid, shipped, and taken away once it is this old.
const COMMITS_OF_AN_ORDER: i64 = 5;

/// Orders that are placed with each commit.
const ORDERS_PER_COMMIT: i64 = 3;

/// What the reader saw of a table that was being written.
pub(super) struct Live {
    /// The table in the end.
    pub(super) table: Table,
    pub(super) folded: Folded,
    /// Compactions that the reader came across.
    pub(super) compactions: Vec<Compaction>,
    /// Holds the table's files.
    _warehouse: TempDir,
}

impl Live {
    /// Makes a table, upserts into it for some seconds, and compacts it and reads its changes meanwhile.
    pub(super) async fn run(seconds: u64, global: &GlobalArgs) -> Result<Self, CliError> {
        let temporary = |source| CliError::Temporary { path: std::env::temp_dir(), source };
        let warehouse = tempfile::Builder::new().prefix("frazil-demo-").tempdir().map_err(temporary)?;
        let locator = TableLocator::Path(warehouse.path().join("shop/orders").display().to_string());
        let storage = Storage::local();
        create_table(&locator, &storage, orders()?).await?;
        let source = table_source(&locator, &storage);

        let clock = Arc::new(SystemClock);
        let holder = Holder::of_this_process("frazil", "demo", now_ms());
        let lock = Arc::new(MemoryLock::new());
        let watch = CatalogWatch::new(WatchSettings::default(), clock.clone()).load(source.clone()).await?;
        // Who reads hears of commits of this program at once.
        let hints = Arc::new(watch.hints());
        let committer = async |holder: &Holder| -> Result<Committer, CliError> {
            let target = source.clone().commit_target().await?;
            let committer =
                Committer::new(target, lock.clone(), holder.clone(), clock.clone(), CommitOptions::default());
            Ok(committer.with_listener(hints.clone()))
        };
        let (writer, compactor) = (committer(&holder).await?, committer(&holder).await?);
        let end_ms = now_ms().saturating_add(i64::try_from(seconds.saturating_mul(1000)).unwrap_or(i64::MAX));
        let (done, written) = oneshot::channel();
        let writing = tokio::spawn(async move {
            let outcome = write(&writer, end_ms).await;
            // Dropped or sent: it means the same.
            let _ = done.send(());
            outcome
        });
        let (ended, last) = oneshot::channel();
        let work = async {
            let last = compact_until(&compactor, written, seconds).await?;
            writing.await.map_err(|error| CliError::Internal(error.to_string()))??;
            // Nobody listens once reading has failed.
            let _ = ended.send(last);
            Ok(())
        };
        let ((), (table, folded, compactions)) = tokio::try_join!(work, read(watch, last, global))?;
        Ok(Self { table, folded, compactions, _warehouse: warehouse })
    }
}

fn orders() -> Result<NewTable, CliError> {
    let column = |id, name: &str, kind| Arc::new(NestedField::optional(id, name, Type::Primitive(kind)));
    let schema = Schema::builder()
        .with_fields([
            Arc::new(NestedField::required(1, "order_id", Type::Primitive(PrimitiveType::Long))),
            column(2, "status", PrimitiveType::String),
            column(3, "cents", PrimitiveType::Long),
        ])
        .with_identifier_field_ids([1])
        .build();
    Ok(NewTable::new(schema.map_err(|error| CliError::Internal(error.to_string()))?))
}

/// Commits until the time is over.
async fn write(committer: &Committer, end_ms: i64) -> Result<(), CliError> {
    let mut n_commits = 0;
    loop {
        let table = committer.target().load().await?.table;
        let mut writer = UpsertWriter::new(&table, &WriteOptions::of(&table)?)?;
        for (rows, is_delete) in transaction(n_commits)? {
            if is_delete { writer.delete(&rows).await? } else { writer.upsert(&rows).await? }
        }
        let changes = writer.finish().await?;
        let files = changes.data.into_iter().chain(changes.deletes);
        let change = SnapshotChange::row_delta(files, Vec::new(), Vec::new()).with_watermark("demo", now_ms());
        let outcome = committer.commit(CommitRequest::new(Change::Snapshot(Box::new(change)))).await?;
        if !matches!(outcome, CommitOutcome::Committed(_)) {
            return Err(CliError::CheckFailed("the only writer of a table's rows could not commit".to_owned()));
        }
        n_commits += 1;
        // Some commits at least, so that something has changed.
        if n_commits > COMMITS_OF_AN_ORDER && now_ms() >= end_ms {
            return Ok(());
        }
        if now_ms() < end_ms {
            SystemClock.sleep(COMMIT_INTERVAL).await;
        }
    }
}

/// What commit `n` writes, in order: rows to upsert, or keys to delete (`true`).
fn transaction(n: i64) -> Result<Vec<(RecordBatch, bool)>, CliError> {
    let placed = |commit: i64| (0..ORDERS_PER_COMMIT).map(move |order| commit * ORDERS_PER_COMMIT + order + 1);
    let mut batches = vec![(rows(placed(n), "placed")?, false)];
    if n >= 1 {
        // Twice in one transaction: only the second is there to see.
        batches.push((rows(placed(n - 1), "in payment")?, false));
        batches.push((rows(placed(n - 1), "paid")?, false));
    }
    if n >= 2 {
        batches.push((rows(placed(n - 2).skip(1), "shipped")?, false));
    }
    if n >= COMMITS_OF_AN_ORDER {
        batches.push((rows(placed(n - COMMITS_OF_AN_ORDER).take(1), "")?, true));
    }
    Ok(batches)
}

fn rows(ids: impl Iterator<Item = i64>, status: &str) -> Result<RecordBatch, CliError> {
    let ids: Vec<i64> = ids.collect();
    let columns: [(&str, ArrayRef); 3] = [
        ("order_id", Arc::new(Int64Array::from(ids.clone()))),
        ("status", Arc::new(StringArray::from_iter_values(ids.iter().map(|_| status)))),
        ("cents", Arc::new(Int64Array::from_iter_values(ids.iter().map(|id| (id * 7_919) % 9_973)))),
    ];
    RecordBatch::try_from_iter(columns).map_err(|error| CliError::Internal(error.to_string()))
}

/// Follows the table until the last snapshot, which `ended` tells, has been delivered.
async fn read(
    mut watch: TableWatch,
    mut ended: oneshot::Receiver<SnapshotId>,
    global: &GlobalArgs,
) -> Result<(Table, Folded, Vec<Compaction>), CliError> {
    let mut table = watch.newest();
    let mut stream = follow_changes(&table, ReadOptions::default()).await?;
    let mut screen = (!global.json)
        .then(|| TableText::new(Output::stdout(), &stream.header().schema, Content::Changes, Look::of_stdout(), false));
    if let Some(screen) = &mut screen {
        screen.note("A table on this machine, which is written to and compacted while its changes are read:\n")?;
    }
    let (mut folded, mut compactions) = (Folded::default(), Vec::new());
    let (mut delivered, mut last) = (None, None);
    loop {
        while let Some(event) = stream.next().await? {
            folded.take(&event, screen.as_mut())?;
            if let Event::SnapshotEnd { snapshot, .. } = &event {
                delivered = Some(snapshot.snapshot_id);
                if let Some(compaction) = Compaction::of(&table, snapshot.snapshot_id) {
                    if let Some(screen) = &mut screen {
                        screen.note(&compaction.line())?;
                    }
                    compactions.push(compaction);
                }
            }
        }
        if last.is_some() && delivered == last {
            return Ok((table, folded, compactions));
        }
        if last.is_none() {
            tokio::select! {
                ended = &mut ended => {
                    last = Some(ended.map_err(|_| CliError::Internal("the table's writers are gone".to_owned()))?);
                }
                looked = watch.next() => drop(looked?),
            }
        }
        let newest = if last.is_some() { watch.look().await? } else { watch.newest() };
        if newest.metadata_location() != table.metadata_location() {
            table = newest;
            stream.extend(&table).await?;
        }
    }
}

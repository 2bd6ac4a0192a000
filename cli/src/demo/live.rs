//! A table that is written and read at the same time: orders that are placed, paid, shipped and taken away.

use std::sync::Arc;
use std::time::Duration;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use frazil_lock::{Holder, MemoryLock};
use frazil_reader::{Event, ReadOptions, follow_changes};
use frazil_table::catalog::{TableLocator, TableSource, create_table, table_source};
use frazil_table::commit::{Change, CommitOptions, CommitOutcome, CommitRequest, Committer, NewTable, SnapshotChange};
use frazil_table::storage::Storage;
use frazil_table::write::{UpsertWriter, WriteOptions};
use frazil_table::{Clock, SnapshotId, SystemClock, Table};
use iceberg::spec::{NestedField, PrimitiveType, Schema, Type};
use tempfile::TempDir;

use super::Folded;
use crate::args::GlobalArgs;
use crate::clock::now_ms;
use crate::error::CliError;
use crate::format::Content;
use crate::format::table::Table as TableText;
use crate::output::{Look, Output};

/// Between two commits of the writer.
const COMMIT_INTERVAL: Duration = Duration::from_millis(250);

/// Between two looks of the reader.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Commits of an order's life: placed, paid, shipped, and taken away once it is this old.
const COMMITS_OF_AN_ORDER: i64 = 5;

/// Orders that are placed with each commit.
const ORDERS_PER_COMMIT: i64 = 3;

/// What the reader saw of a table that was being written.
pub(super) struct Live {
    /// The table in the end.
    pub(super) table: Table,
    pub(super) folded: Folded,
    /// Holds the table's files.
    _warehouse: TempDir,
}

impl Live {
    /// Makes a table, upserts into it for some seconds, and reads its changes meanwhile.
    pub(super) async fn run(seconds: u64, global: &GlobalArgs) -> Result<Self, CliError> {
        let temporary = |source| CliError::Temporary { path: std::env::temp_dir(), source };
        let warehouse = tempfile::Builder::new().prefix("frazil-demo-").tempdir().map_err(temporary)?;
        let locator = TableLocator::Path(warehouse.path().join("shop/orders").display().to_string());
        let storage = Storage::local();
        create_table(&locator, &storage, orders()?).await?;
        let source = table_source(&locator, &storage);

        let clock = Arc::new(SystemClock);
        let holder = Holder::of_this_process("frazil", "demo", now_ms());
        let target = source.clone().commit_target().await?;
        let lock = Arc::new(MemoryLock::new());
        let committer = Committer::new(target, lock, holder, clock, CommitOptions::default());
        let end_ms = now_ms().saturating_add(i64::try_from(seconds.saturating_mul(1000)).unwrap_or(i64::MAX));
        let writer = tokio::spawn(async move { write(&committer, end_ms).await });
        let (table, folded) = read(&*source, writer, global).await?;
        Ok(Self { table, folded, _warehouse: warehouse })
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

/// Commits until the time is over. Returns the last snapshot.
async fn write(committer: &Committer, end_ms: i64) -> Result<SnapshotId, CliError> {
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
        let CommitOutcome::Committed(committed) = outcome else {
            return Err(CliError::CheckFailed("the only writer of a table could not commit".to_owned()));
        };
        n_commits += 1;
        // Two commits at least, so that something has changed.
        if n_commits > COMMITS_OF_AN_ORDER && now_ms() >= end_ms {
            let internal = || CliError::Internal("a commit of rows made no snapshot".to_owned());
            return committed.snapshot_id.ok_or_else(internal);
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

/// Follows the table until the writer's last snapshot has been delivered.
async fn read(
    source: &dyn TableSource,
    mut writer: tokio::task::JoinHandle<Result<SnapshotId, CliError>>,
    global: &GlobalArgs,
) -> Result<(Table, Folded), CliError> {
    let mut table = source.load().await?;
    let mut stream = follow_changes(&table, ReadOptions::default()).await?;
    let mut screen = (!global.json)
        .then(|| TableText::new(Output::stdout(), &stream.header().schema, Content::Changes, Look::of_stdout(), false));
    if let Some(screen) = &mut screen {
        screen.note("A table on this machine, which is written to while its changes are read:\n")?;
    }
    let mut folded = Folded::default();
    let (mut delivered, mut last) = (None, None);
    loop {
        while let Some(event) = stream.next().await? {
            folded.take(&event, screen.as_mut())?;
            if let Event::SnapshotEnd { snapshot, .. } = &event {
                delivered = Some(snapshot.snapshot_id);
            }
        }
        if last.is_some() && delivered == last {
            return Ok((table, folded));
        }
        if last.is_none() {
            tokio::select! {
                ended = &mut writer => {
                    last = Some(ended.map_err(|error| CliError::Internal(error.to_string()))??);
                }
                () = SystemClock.sleep(POLL_INTERVAL) => {}
            }
        }
        if let Some(newer) = source.load_if_changed(&table).await? {
            table = newer.with_cache_of(&table);
            stream.extend(&table).await?;
        }
    }
}

//! Reading tables that the testkit built, into the plain form of its model, and comparing the two.

use std::sync::Arc;

use arrow_schema::SchemaRef;
use frazil_reader::{
    At, ChangelogOperation, Event, Phase, ReadError, ReadOptions, RowsOptions, SnapshotInfo, read_changes, read_rows,
};
use frazil_table::{SnapshotId, Table};
use frazil_testkit::encode::rows_of;
use frazil_testkit::model::{fold, multiset};
use frazil_testkit::{Change, Duplicates, Key, Kind, Multiset, Row, Snapshot, TestTable};

/// What a stream delivered of one snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    pub snapshot: Arc<SnapshotInfo>,
    /// Schema ids, if a change of schema was announced before the snapshot's rows.
    pub schema_change: Option<(i32, i32)>,
    /// Schema of the rows.
    pub schema: SchemaRef,
    pub changes: Vec<Change>,
    pub watermark_ms: i64,
}

impl Delivery {
    pub fn id(&self) -> i64 {
        self.snapshot.snapshot_id.get()
    }
}

fn kind(operation: ChangelogOperation) -> Kind {
    match operation {
        ChangelogOperation::Insert => Kind::Insert,
        ChangelogOperation::UpdateBefore => Kind::UpdateBefore,
        ChangelogOperation::UpdateAfter => Kind::UpdateAfter,
        ChangelogOperation::Delete => Kind::Delete,
    }
}

/// Reads a change stream to its end, or to its error; what came before the error is delivered all the same.
///
/// # Panics
/// The stream breaks a rule that every stream keeps: schemas announced, updates whole, snapshots ended.
pub async fn changes(table: &Table, options: ReadOptions) -> (Vec<Delivery>, Option<ReadError>) {
    let mut deliveries = Vec::new();
    let mut stream = match read_changes(table, options).await {
        Ok(stream) => stream,
        Err(error) => return (deliveries, Some(error)),
    };
    let mut schema = stream.header().schema.clone();
    let mut schema_id = stream.header().schema_id;
    let mut schema_change = None;
    let mut changes: Vec<Change> = Vec::new();
    loop {
        match stream.next().await {
            Err(error) => return (deliveries, Some(error)),
            Ok(None) => break,
            Ok(Some(Event::SchemaChange { snapshot, from, to, schema: next })) => {
                assert!(changes.is_empty(), "the schema changes amid a snapshot");
                assert_eq!((from, to), (schema_id, snapshot.schema_id));
                schema_change = Some((from, to));
                schema_id = to;
                schema = next;
            }
            Ok(Some(Event::Changes(batch))) => {
                assert_eq!(batch.snapshot.schema_id, schema_id, "the schema was not announced");
                assert_eq!(batch.rows.schema(), schema, "a batch has another schema than was announced");
                assert_eq!(batch.rows.num_rows(), batch.operations.len());
                let kinds: Vec<Kind> = batch.operations.iter().map(|operation| kind(*operation)).collect();
                for (index, one) in kinds.iter().enumerate() {
                    let before = index.checked_sub(1).map(|index| kinds[index]);
                    assert_eq!(*one == Kind::UpdateAfter, before == Some(Kind::UpdateBefore), "{kinds:?}");
                }
                assert_ne!(kinds.last(), Some(&Kind::UpdateBefore), "an update was cut between batches");
                changes.extend(kinds.into_iter().zip(rows_of(&batch.rows)));
            }
            Ok(Some(Event::SnapshotEnd { snapshot, snapshot_watermark_ms })) => {
                deliveries.push(Delivery {
                    snapshot,
                    schema_change: schema_change.take(),
                    schema: schema.clone(),
                    changes: std::mem::take(&mut changes),
                    watermark_ms: snapshot_watermark_ms,
                });
            }
        }
    }
    assert!(changes.is_empty(), "changes without the end of their snapshot");
    (deliveries, None)
}

/// All rows of one state.
pub async fn rows(table: &Table, options: RowsOptions) -> Result<Vec<Row>, ReadError> {
    let mut stream = read_rows(table, options).await?;
    let mut rows = Vec::new();
    while let Some(batch) = stream.next().await? {
        assert_eq!(batch.schema(), *stream.schema());
        rows.extend(rows_of(&batch));
    }
    Ok(rows)
}

/// The rows of one snapshot.
pub async fn rows_at(table: &Table, snapshot_id: i64) -> Result<Vec<Row>, ReadError> {
    rows(table, RowsOptions { at: At::Snapshot(SnapshotId::new(snapshot_id)), ..RowsOptions::default() }).await
}

/// What the model says that a stream over this line delivers; the line begins with the table or with a gap.
pub fn expected(table: &TestTable, line: &[&Snapshot], key: &Key) -> Vec<(i64, Phase, Vec<Change>)> {
    let history = table.history();
    let mut parent: Option<&Snapshot> = None;
    let mut expected = Vec::new();
    for snapshot in line {
        let is_full = parent.is_none() && snapshot.parent.is_some();
        let (phase, changes) = if is_full {
            (Phase::Full, history.full(snapshot))
        } else {
            (Phase::Incremental, history.changes(parent, snapshot, key, Duplicates::Pair))
        };
        expected.push((snapshot.id, phase, changes));
        parent = Some(snapshot);
    }
    expected
}

/// Compares deliveries with the model.
pub fn compare(deliveries: &[Delivery], expected: &[(i64, Phase, Vec<Change>)]) -> Result<(), String> {
    let ids: Vec<i64> = deliveries.iter().map(Delivery::id).collect();
    let expected_ids: Vec<i64> = expected.iter().map(|(id, _, _)| *id).collect();
    if ids != expected_ids {
        return Err(format!("snapshots {ids:?}, expected {expected_ids:?}"));
    }
    for (delivery, (id, phase, changes)) in deliveries.iter().zip(expected) {
        if delivery.snapshot.phase != *phase {
            return Err(format!("snapshot {id}: phase {:?}, expected {phase:?}", delivery.snapshot.phase));
        }
        // A full scan goes by partition and file.
        let same = if *phase == Phase::Full {
            let rows_of = |changes: &[Change]| multiset(changes.iter().map(|(_, row)| row.clone()));
            delivery.changes.iter().all(|(kind, _)| *kind == Kind::Insert)
                && rows_of(&delivery.changes) == rows_of(changes)
        } else {
            delivery.changes == *changes
        };
        if !same {
            return Err(format!(
                "snapshot {id} ({phase:?}):\n  got      {:?}\n  expected {changes:?}",
                delivery.changes
            ));
        }
    }
    Ok(())
}

/// Folds deliveries and compares the state with the rows of each snapshot (P1 and P2).
pub fn check_fold(table: &TestTable, deliveries: &[Delivery]) -> Result<(), String> {
    let history = table.history();
    let mut state = Multiset::new();
    let mut schema_id = None;
    for delivery in deliveries {
        let snapshot = &history.snapshots[&delivery.id()];
        let schema = history.schema_of(snapshot);
        if let Some(from) = schema_id {
            state = history.project_state(&state, &history.schemas[&from], schema);
        }
        schema_id = Some(snapshot.schema_id);
        fold(&mut state, &delivery.changes)
            .map_err(|change| format!("P2: no such row at {}: {change:?}", snapshot.id))?;
        let rows = history.rows(snapshot);
        if state != rows {
            return Err(format!("P1: folded rows at {} are {state:?}, expected {rows:?}", snapshot.id));
        }
    }
    Ok(())
}

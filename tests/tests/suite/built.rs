//! Reading tables that the testkit built, into the plain form of its model, and comparing the two.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_schema::SchemaRef;
use frazil_reader::{
    At, ChangeStream, ChangelogOperation, Event, Phase, ReadError, ReadOptions, RowsOptions, SnapshotInfo,
    read_changes, read_rows,
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
    /// Names of the key before and after, if a change of the key was announced before the snapshot's rows.
    pub key_change: Option<(Vec<String>, Vec<String>)>,
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
    let mut stream = match read_changes(table, options).await {
        Ok(stream) => stream,
        Err(error) => return (Vec::new(), Some(error)),
    };
    let mut collector = Collector::new(&stream);
    let error = collector.drain(&mut stream).await.err();
    if error.is_none() {
        assert!(collector.changes.is_empty(), "changes without the end of their snapshot");
    }
    (collector.deliveries, error)
}

/// Puts events together, snapshot by snapshot.
pub struct Collector {
    pub deliveries: Vec<Delivery>,
    /// Ways around what was gone, in words.
    pub detours: Vec<String>,
    schema: SchemaRef,
    schema_id: i32,
    has_pairs: bool,
    schema_change: Option<(i32, i32)>,
    key_change: Option<(Vec<String>, Vec<String>)>,
    changes: Vec<Change>,
}

impl Collector {
    pub fn new(stream: &ChangeStream) -> Self {
        let header = stream.header();
        Self {
            deliveries: Vec::new(),
            detours: Vec::new(),
            schema: header.schema.clone(),
            schema_id: header.schema_id,
            has_pairs: header.exact_before,
            schema_change: None,
            key_change: None,
            changes: Vec::new(),
        }
    }

    /// Takes all that the stream has to give. After an error it can go on.
    pub async fn drain(&mut self, stream: &mut ChangeStream) -> Result<(), ReadError> {
        while let Some(event) = stream.next().await? {
            self.push(event);
        }
        Ok(())
    }

    pub fn push(&mut self, event: Event) {
        match event {
            Event::SchemaChange { snapshot, from, to, schema: next } => {
                assert!(self.changes.is_empty(), "the schema changes amid a snapshot");
                assert_eq!((from, to), (self.schema_id, snapshot.schema_id));
                self.schema_change = Some((from, to));
                self.schema_id = to;
                self.schema = next;
            }
            Event::KeyChange { before, now, .. } => {
                assert!(self.changes.is_empty(), "the key changes amid a snapshot");
                self.key_change = Some((before, now));
            }
            Event::Changes(batch) => {
                assert_eq!(batch.snapshot.schema_id, self.schema_id, "the schema was not announced");
                assert_eq!(batch.rows.schema(), self.schema, "a batch has another schema than was announced");
                assert_eq!(batch.rows.num_rows(), batch.operations.len());
                let kinds: Vec<Kind> = batch.operations.iter().map(|operation| kind(*operation)).collect();
                for (index, one) in kinds.iter().enumerate().filter(|_| self.has_pairs) {
                    let before = index.checked_sub(1).map(|index| kinds[index]);
                    assert_eq!(*one == Kind::UpdateAfter, before == Some(Kind::UpdateBefore), "{kinds:?}");
                }
                assert_ne!(kinds.last(), Some(&Kind::UpdateBefore), "an update was cut between batches");
                self.changes.extend(kinds.into_iter().zip(rows_of(&batch.rows)));
            }
            Event::Truncate { .. } => self.detours.push("truncate".to_owned()),
            Event::Gap { is_lossy, .. } => self.detours.push(format!("gap, lossy: {is_lossy}")),
            Event::Rollback { undone, .. } => self.detours.push(format!("rollback of {undone}")),
            Event::SnapshotEnd { snapshot, snapshot_watermark_ms } => {
                self.deliveries.push(Delivery {
                    snapshot,
                    schema_change: self.schema_change.take(),
                    key_change: self.key_change.take(),
                    schema: self.schema.clone(),
                    changes: std::mem::take(&mut self.changes),
                    watermark_ms: snapshot_watermark_ms,
                });
            }
        }
    }
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

/// P5: with unique keys, a sink that keeps the newest image of each key ends as the table, whether it is told of
/// before images or not. `false` if keys are not unique, or there are none.
pub fn check_keyed_fold(
    table: &TestTable,
    line: &[&Snapshot],
    key: &Key,
    deliveries: &[Delivery],
) -> Result<bool, String> {
    let Key::Columns(key_ids) = key else { return Ok(false) };
    let history = table.history();
    let keyed = |snapshot: &Snapshot| -> Option<BTreeMap<Row, Row>> {
        let rows = history.rows(snapshot);
        let n: usize = rows.values().sum();
        let keyed: BTreeMap<Row, Row> =
            rows.into_keys().map(|row| (key_of(table, snapshot, key_ids, &row), row)).collect();
        (keyed.len() == n).then_some(keyed)
    };
    if line.iter().any(|snapshot| keyed(snapshot).is_none()) {
        return Ok(false);
    }
    let mut sink: BTreeMap<Row, Row> = BTreeMap::new();
    let mut before: Option<&Snapshot> = None;
    for (delivery, snapshot) in deliveries.iter().zip(line) {
        if let Some(before) = before {
            let (from, to) = (history.schema_of(before), history.schema_of(snapshot));
            for row in sink.values_mut() {
                let state = multiset([row.clone()]);
                *row = history.project_state(&state, from, to).into_keys().next().unwrap();
            }
        }
        for (kind, row) in &delivery.changes {
            match kind {
                Kind::Insert | Kind::UpdateAfter => {
                    sink.insert(key_of(table, snapshot, key_ids, row), row.clone());
                }
                Kind::Delete => {
                    sink.remove(&key_of(table, snapshot, key_ids, row));
                }
                Kind::UpdateBefore => {}
            }
        }
        if Some(&sink) != keyed(snapshot).as_ref() {
            return Err(format!("P5: rows by key at {} are {sink:?}", snapshot.id));
        }
        before = Some(snapshot);
    }
    Ok(true)
}

/// The key of a row that is in the schema of a snapshot.
pub fn key_of(table: &TestTable, snapshot: &Snapshot, key_ids: &[i32], row: &Row) -> Row {
    let ids = table.history().schema_of(snapshot).ids();
    key_ids.iter().map(|id| row[ids.iter().position(|column| column == id).unwrap()].clone()).collect()
}

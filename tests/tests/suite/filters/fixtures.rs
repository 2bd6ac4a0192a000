//! Filters on tables that other engines wrote: their expected rows and changes, filtered without the product.

use frazil_fixtures::{CanonicalRow, Field, FixtureTable, Rows, Schema, Type, Value as Canonical, tables};
use frazil_reader::{At, ChangelogOperation, ReadOptions, RowsOptions};
use frazil_table::SnapshotId;
use frazil_testkit::Value;
use frazil_testkit::schema::{Column, ColumnType};
use rand::SeedableRng;
use rand::rngs::SmallRng;

use super::condition::{self, Condition};
use super::filter;
use crate::fixtures::wait;
use crate::read::{self, Change};
use crate::report::Report;

/// Conditions for each snapshot.
const N_CONDITIONS: u64 = 6;

/// Values that conditions for one column are made of, at most.
const N_VALUES_MAX: usize = 50;

/// The columns of a schema that conditions are made for, with the types that they have now.
fn columns(fixture: &FixtureTable, schema: &Schema) -> Vec<Column> {
    let current = fixture.schema(fixture.current_schema_id);
    let zoned = |field: &&Field| matches!(field.field_type, Type::Timestamp { zoned: true, .. });
    let unzoned = |field: &&Field| matches!(field.field_type, Type::Timestamp { zoned: false, .. });
    // Conditions compare columns of one kind with each other, and these two cannot be compared.
    let both = schema.fields.iter().any(|field| zoned(&field)) && schema.fields.iter().any(|field| unzoned(&field));
    let columns = schema.fields.iter().filter(|field| !(both && zoned(field))).filter_map(|field| {
        let now = current.fields.iter().find(|other| other.id == field.id).unwrap_or(field);
        column(field, now)
    });
    columns.collect()
}

fn column(field: &Field, now: &Field) -> Option<Column> {
    let kind = match &now.field_type {
        Type::Boolean => ColumnType::Boolean,
        Type::Int => ColumnType::Int,
        Type::Long => ColumnType::Long,
        Type::Float => ColumnType::Float,
        Type::Double => ColumnType::Double,
        Type::Decimal { precision, scale } => ColumnType::Decimal(*precision, i8::try_from(*scale).unwrap()),
        Type::Date => ColumnType::Date,
        Type::Timestamp { nanos: false, .. } => ColumnType::Timestamp,
        Type::String => ColumnType::String,
        Type::Binary | Type::Fixed(_) => ColumnType::Binary,
        _ => return None,
    };
    let id = i32::try_from(field.id).unwrap();
    Some(Column { id, name: field.name.clone(), kind, required: false, initial_default: Value::Null })
}

/// A value in the form that conditions are worked out in.
fn value(value: &Canonical) -> Value {
    match value {
        Canonical::Null => Value::Null,
        Canonical::Boolean(value) => Value::Boolean(*value),
        Canonical::Integer(value) | Canonical::Date(value) => Value::Long(*value),
        Canonical::Float(bits) => Value::double(f64::from(f32::from_bits(*bits))),
        Canonical::Double(bits) => Value::double(f64::from_bits(*bits)),
        Canonical::Decimal { unscaled, .. } => Value::Decimal(*unscaled),
        Canonical::Timestamp { nanos, .. } => Value::Long(i64::try_from(nanos / 1000).unwrap()),
        Canonical::String(text) => Value::String(text.clone()),
        Canonical::Bytes(bytes) => Value::Bytes(bytes.clone()),
        other => panic!("no column of conditions has {other:?}"),
    }
}

fn pools<'a>(columns: &[Column], rows: impl Iterator<Item = &'a CanonicalRow>) -> Vec<(Column, Vec<Value>)> {
    let rows: Vec<&CanonicalRow> = rows.take(N_VALUES_MAX).collect();
    let pool = |column: &Column| {
        let values = rows.iter().filter_map(|row| row.get(&column.name)).map(value);
        values.filter(|value| !value.is_null()).collect()
    };
    columns.iter().map(|column| (column.clone(), pool(column))).collect()
}

/// Names come from the schema that the row is shown in.
fn holds(condition: &Condition, schema: &Schema, row: &CanonicalRow) -> bool {
    let value_of = |column: &Column| {
        let field = schema.fields.iter().find(|field| field.id == i64::from(column.id)).unwrap();
        value(row.get(&field.name).unwrap())
    };
    condition.holds(&value_of) == Some(true)
}

#[test]
fn filtered_rows_at_every_snapshot_are_those_of_the_engine_that_match() {
    let mut report = Report::new("filtered fixture rows");
    for fixture in tables() {
        let table = wait(read::open(fixture));
        report.count("tables", 1);
        for snapshot in &fixture.snapshots {
            let schema = fixture.schema(snapshot.schema_id);
            let all = fixture.expected_rows(snapshot);
            let pools = pools(&columns(fixture, schema), all.iter());
            for seed in 0..N_CONDITIONS {
                let mut dice = SmallRng::seed_from_u64(snapshot.snapshot_id.unsigned_abs() ^ seed);
                let condition = condition::random(&mut dice, &pools, 2);
                let expected: Rows = all.iter().filter(|row| holds(&condition, schema, row)).cloned().collect();
                let sql = condition.sql();
                let at = At::Snapshot(SnapshotId::new(snapshot.snapshot_id));
                let options = RowsOptions { at, filter: filter(&sql), ..RowsOptions::default() };
                report.count("reads", 1);
                report.count("rows", expected.len());
                report.count("rows left out", all.len() - expected.len());
                let place = format!("{} at {} where {sql}", fixture.label(), snapshot.snapshot_id);
                match wait(read::rows(&table, schema, options)) {
                    Ok(rows) => report.check(place, rows.difference_to(&expected).map_or(Ok(()), Err)),
                    Err(failure) => report.fail(place, failure),
                }
            }
        }
    }
    report.finish();
}

#[test]
fn filtered_changes_are_those_of_the_whole_stream_that_match() {
    let mut report = Report::new("filtered fixture changes");
    for fixture in tables() {
        let table = wait(read::open(fixture));
        let whole = match wait(read::changes(&table, fixture, ReadOptions::default())) {
            Ok(whole) if whole.outcome.is_ok() => whole,
            // Streams that end in an error are a subject of their own.
            _ => continue,
        };
        report.count("tables", 1);
        let changes: Vec<&Change> = whole.changes().collect();
        let start = fixture.schema(whole.header.schema_id.into());
        let mut columns = columns(fixture, start);
        columns.retain(|column| {
            let has_it = |schema: &Schema| schema.fields.iter().any(|field| field.id == i64::from(column.id));
            changes.iter().all(|change| has_it(fixture.schema(change.snapshot.schema_id.into())))
        });
        let of_start = changes.iter().filter(|change| i64::from(change.snapshot.schema_id) == start.schema_id);
        let pools = pools(&columns, of_start.map(|change| &change.row));
        if pools.is_empty() {
            continue;
        }
        for seed in 0..2 * N_CONDITIONS {
            let mut dice = SmallRng::seed_from_u64(seed);
            let condition = condition::random(&mut dice, &pools, 2);
            let sql = condition.sql();
            let matches =
                |change: &Change| holds(&condition, fixture.schema(change.snapshot.schema_id.into()), &change.row);
            let expected = retracted(&changes, matches);
            report.count("reads", 1);
            report.count("changes", expected.len());
            report.count("changes left out", changes.len() - expected.len());
            let place = format!("{} where {sql}", fixture.label());
            let options = ReadOptions { filter: filter(&sql), ..ReadOptions::default() };
            match wait(read::changes(&table, fixture, options)) {
                Ok(stream) if stream.outcome.is_ok() => {
                    let plain = |change: &Change| (change.operation, change.snapshot.snapshot_id, change.row.clone());
                    let mut found: Vec<_> = stream.changes().map(plain).collect();
                    let mut expected = expected;
                    // Full scans have no order of their own.
                    if changes.iter().any(|change| change.snapshot.phase == frazil_reader::Phase::Full) {
                        let by_row = |a: &(_, SnapshotId, CanonicalRow), b: &(_, SnapshotId, CanonicalRow)| {
                            (a.1.get(), &a.2).cmp(&(b.1.get(), &b.2))
                        };
                        found.sort_by(by_row);
                        expected.sort_by(by_row);
                    }
                    if found != expected {
                        let detail = format!("{} changes, expected {}", found.len(), expected.len());
                        report.fail(place, detail);
                    }
                }
                Ok(stream) => report.fail(place, stream.outcome.unwrap_err()),
                Err(failure) => report.fail(place, failure),
            }
        }
    }
    report.finish();
}

/// What the filter leaves of changes, with the kinds that it gives them.
fn retracted(
    changes: &[&Change],
    matches: impl Fn(&Change) -> bool,
) -> Vec<(ChangelogOperation, SnapshotId, CanonicalRow)> {
    let mut left = Vec::new();
    for (index, change) in changes.iter().enumerate() {
        if !matches(change) {
            continue;
        }
        let operation = match change.operation {
            ChangelogOperation::UpdateBefore if !matches(changes[index + 1]) => ChangelogOperation::Delete,
            ChangelogOperation::UpdateAfter if !matches(changes[index - 1]) => ChangelogOperation::Insert,
            same => same,
        };
        left.push((operation, change.snapshot.snapshot_id, change.row.clone()));
    }
    left
}

#[test]
fn a_column_of_type_unknown_is_null_in_every_row() {
    let fixture = frazil_fixtures::table("v3_ts_ns");
    let table = wait(read::open(fixture));
    let head = fixture.lineage("main").pop().unwrap();
    let rows = |sql: &str| {
        let options = RowsOptions { filter: filter(sql), ..RowsOptions::default() };
        wait(read::rows(&table, fixture.schema(head.schema_id), options)).unwrap()
    };
    let all = fixture.expected_rows(head);
    assert!(!all.is_empty());
    assert_eq!(rows("unk IS NULL").difference_to(&all), None);
    assert!(rows("unk IS NOT NULL").is_empty());
}

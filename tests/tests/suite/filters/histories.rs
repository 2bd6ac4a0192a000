//! Random conditions on random histories, against conditions worked out on the rows and changes of the model.

use frazil_reader::{At, FilterUpdates, Phase, ReadOptions, RowsOptions};
use frazil_table::SnapshotId;
use frazil_testkit::model::multiset;
use frazil_testkit::random::{Compaction, RandomTable, random_table};
use frazil_testkit::schema::{Column, TableSchema};
use frazil_testkit::{Change, Kind, MAIN, Row, Snapshot, Value};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::condition::{self, Condition};
use super::filter;
use crate::built;
use crate::properties::check::reading;
use crate::properties::run::{Totals, histories, logged, run};

/// Histories of the suite unless told otherwise.
const N_HISTORIES: u64 = 500;

#[test]
fn random_filters_leave_what_the_model_says() {
    let (first, n) = histories(N_HISTORIES);
    let totals = run(first, n, |seed, n_steps, runtime| {
        let random = random_table(seed, Compaction::Sound, n_steps);
        logged(&random.log, || runtime.block_on(check(&random, seed)))
    });
    totals.print("filters");
    if n >= N_HISTORIES {
        for kind in ["rows", "rows left out", "changes", "changes left out", "updates that became inserts or deletes"] {
            assert!(totals.get(kind) > n / 10, "too few of `{kind}` to mean anything");
        }
    }
}

async fn check(random: &RandomTable, seed: u64) -> Result<Totals, String> {
    let mut totals = Totals::default();
    let line = random.table.lineage(MAIN);
    let mut dice = SmallRng::seed_from_u64(seed ^ 0x5eed_f117);
    if line.is_empty() {
        return Ok(totals);
    }
    for snapshot in &line {
        check_rows(random, snapshot, &mut dice, &mut totals).await?;
    }
    for _ in 0..2 {
        check_changes(random, &line, &mut dice, &mut totals).await?;
    }
    Ok(totals)
}

async fn check_rows(
    random: &RandomTable,
    snapshot: &Snapshot,
    dice: &mut SmallRng,
    totals: &mut Totals,
) -> Result<(), String> {
    let history = random.table.history();
    let schema = history.schema_of(snapshot);
    let rows = history.rows(snapshot);
    let all: Vec<Row> = rows.into_iter().flat_map(|(row, n)| vec![row; n]).collect();
    let condition = condition::random(dice, &pools(random, schema, &all), 2);
    let mut expected: Vec<Row> = all.iter().filter(|row| holds(&condition, schema, row)).cloned().collect();
    expected.sort();
    let sql = condition.sql();
    let at = At::Snapshot(SnapshotId::new(snapshot.id));
    let options = RowsOptions { at, filter: filter(&sql), ..RowsOptions::default() };
    let mut found = built::rows(&random.table.table(), options)
        .await
        .map_err(|error| format!("rows of {} where {sql}: {error}", snapshot.id))?;
    found.sort();
    if found != expected {
        return Err(format!("rows of {} where {sql}:\n  got      {found:?}\n  expected {expected:?}", snapshot.id));
    }
    totals.add("filtered states", 1);
    totals.add("rows", expected.len());
    totals.add("rows left out", all.len() - expected.len());
    Ok(())
}

/// The columns with the type that filters see, which is the newest, and values that occur.
fn pools(random: &RandomTable, schema: &TableSchema, rows: &[Row]) -> Vec<(Column, Vec<Value>)> {
    let columns = schema.columns.iter().enumerate().map(|(index, column)| {
        let pool = rows.iter().map(|row| row[index].clone()).filter(|value| !value.is_null()).collect();
        let newest = &random.table.history().columns[&column.id];
        (Column { kind: newest.kind, ..column.clone() }, pool)
    });
    columns.collect()
}

fn holds(condition: &Condition, schema: &TableSchema, row: &Row) -> bool {
    let value_of = |column: &Column| {
        let index = schema.columns.iter().position(|other| other.id == column.id).unwrap();
        row[index].clone()
    };
    condition.holds(&value_of) == Some(true)
}

async fn check_changes(
    random: &RandomTable,
    line: &[&Snapshot],
    dice: &mut SmallRng,
    totals: &mut Totals,
) -> Result<(), String> {
    let history = random.table.history();
    let start = history.schema_of(line[0]);
    // The model shows each snapshot's rows in its own schema: columns that one of them lacks cannot be looked at.
    let mut common = start.clone();
    common.columns.retain(|column| {
        line.iter().all(|snapshot| history.schema_of(snapshot).columns.iter().any(|other| other.id == column.id))
    });
    if common.columns.is_empty() {
        return Ok(());
    }
    let all: Vec<Row> = history.rows(line[line.len() - 1]).into_keys().collect();
    let last = history.schema_of(line[line.len() - 1]);
    let indexes: Vec<usize> = common
        .columns
        .iter()
        .map(|column| last.columns.iter().position(|other| other.id == column.id).unwrap())
        .collect();
    let shown: Vec<Row> = all.iter().map(|row| indexes.iter().map(|index| row[*index].clone()).collect()).collect();
    let condition = condition::random(dice, &pools(random, &common, &shown), 2);
    let updates = if dice.random_bool(0.7) { FilterUpdates::Retract } else { FilterUpdates::Independent };
    let sql = condition.sql();
    let (options, key) = reading(random, MAIN, line);
    let options = ReadOptions { filter: filter(&sql), filter_updates: updates, ..options };
    let expected: Vec<(i64, Phase, Vec<Change>)> = built::expected(&random.table, line, &key)
        .into_iter()
        .zip(line)
        .map(|((id, phase, changes), snapshot)| {
            let left = left(&changes, updates, |row| holds(&condition, history.schema_of(snapshot), row));
            count(&changes, &left, totals);
            (id, phase, left)
        })
        .collect();
    if updates == FilterUpdates::Independent {
        return check_independent(random, options, &expected, &sql).await;
    }
    let (deliveries, error) = built::changes(&random.table.table(), options).await;
    if let Some(error) = error {
        return Err(format!("changes where {sql}: {error}"));
    }
    totals.add("filtered streams", 1);
    built::compare(&deliveries, &expected).map_err(|text| format!("where {sql}: {text}"))
}

/// Images that are filtered for themselves break the rule that updates are whole: their batches are collected here.
async fn check_independent(
    random: &RandomTable,
    options: ReadOptions,
    expected: &[(i64, Phase, Vec<Change>)],
    sql: &str,
) -> Result<(), String> {
    let found = super::retract::collected(&random.table.table(), options).await?;
    for (id, phase, changes) in expected {
        let mine = found.get(id).cloned().unwrap_or_default();
        let same = if *phase == Phase::Full {
            multiset(mine.iter().map(|(_, row)| row.clone())) == multiset(changes.iter().map(|(_, row)| row.clone()))
        } else {
            mine == *changes
        };
        if !same {
            return Err(format!(
                "independent, snapshot {id} where {sql}:\n  got      {mine:?}\n  expected {changes:?}"
            ));
        }
    }
    Ok(())
}

/// What a filter leaves of changes, by the words of the documentation.
fn left(changes: &[Change], updates: FilterUpdates, matches: impl Fn(&Row) -> bool) -> Vec<Change> {
    let mut left = Vec::new();
    let mut index = 0;
    while index < changes.len() {
        let (kind, row) = &changes[index];
        if *kind != Kind::UpdateBefore || updates == FilterUpdates::Independent {
            if matches(row) {
                left.push((*kind, row.clone()));
            }
            index += 1;
            continue;
        }
        let after = &changes[index + 1].1;
        match (matches(row), matches(after)) {
            (true, true) => {
                left.push((Kind::UpdateBefore, row.clone()));
                left.push((Kind::UpdateAfter, after.clone()));
            }
            (true, false) => left.push((Kind::Delete, row.clone())),
            (false, true) => left.push((Kind::Insert, after.clone())),
            (false, false) => {}
        }
        index += 2;
    }
    left
}

fn count(before: &[Change], after: &[Change], totals: &mut Totals) {
    totals.add("changes", after.len());
    totals.add("changes left out", before.len() - after.len());
    let pairs = |changes: &[Change]| changes.iter().filter(|(kind, _)| *kind == Kind::UpdateBefore).count();
    let singles =
        |changes: &[Change]| changes.iter().filter(|(kind, _)| matches!(kind, Kind::Insert | Kind::Delete)).count();
    if pairs(before) > pairs(after) && singles(after) > 0 {
        totals.add("updates that became inserts or deletes", 1);
    }
}

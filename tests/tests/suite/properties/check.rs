//! What must hold for the table of one random history.

use std::collections::BTreeMap;

use frazil_reader::{At, DuplicateKeys, From, Mode, Phase, ReadOptions, ReplaceCheck, RowsOptions, To};
use frazil_table::SnapshotId;
use frazil_testkit::model::{Duplicates, multiset, net};
use frazil_testkit::random::{KeySource, RandomTable};
use frazil_testkit::{Change, Key, Kind, MAIN, Row, Snapshot, Value};

use super::run::Totals;
use crate::built::{self, Delivery};

/// So little memory that delete sets are taken in parts and images go to disk. Many rows of one key may need
/// more, so that larger limits are tried in turn.
pub const TINY_MEMORY_BYTES: [u64; 4] = [4 << 10, 16 << 10, 64 << 10, 256 << 10];

pub type Outcome<T> = Result<T, String>;

/// What the model says that a stream delivers of one snapshot.
type Expected = (i64, Phase, Vec<Change>);

/// How the table is read, and the key that the model is to use.
pub fn reading(random: &RandomTable, branch: &str, line: &[&Snapshot]) -> (ReadOptions, Key) {
    let mut options = ReadOptions { branch: branch.to_owned(), ..ReadOptions::default() };
    let history = random.table.history();
    let key = match random.shape.key_source {
        KeySource::Explicit => {
            options.key = Some(random.shape.key.clone());
            // Keys that a consumer names are not renamed.
            Key::Columns(random.table.schema().ids_of(&random.shape.key.join(",")))
        }
        KeySource::Identifier | KeySource::Default => history.default_key(line[0], line[line.len() - 1]),
    };
    (options, key)
}

pub async fn changes(random: &RandomTable, options: ReadOptions) -> Outcome<Vec<Delivery>> {
    let text = format!("{options:?}");
    match built::changes(&random.table.table(), options).await {
        (deliveries, None) => Ok(deliveries),
        (_, Some(error)) => Err(format!("read failed: {error} ({error:?}) with {text}")),
    }
}

/// Checks one table in every way.
pub async fn check(random: &RandomTable, seed: u64) -> Outcome<Totals> {
    let mut totals = Totals::default();
    let line = random.table.lineage(MAIN);
    if line.is_empty() {
        let deliveries = changes(random, ReadOptions::default()).await?;
        return if deliveries.is_empty() { Ok(totals) } else { Err("changes of a table without snapshots".to_owned()) };
    }
    let (options, key) = reading(random, MAIN, &line);
    let deliveries = changes(random, options.clone()).await?;
    built::compare(&deliveries, &built::expected(&random.table, &line, &key))?;
    built::check_fold(&random.table, &deliveries)?;
    count(&mut totals, &deliveries);
    check_order_of_numbers(&deliveries)?;
    totals.add("folds by key", usize::from(built::check_keyed_fold(&random.table, &line, &key, &deliveries)?));
    check_repeated(random, &options, &deliveries, seed, &mut totals).await?;
    check_rows(random, &line, &mut totals).await?;
    match seed % 4 {
        0 => check_part(random, &options, &deliveries, &line).await?,
        1 => check_append(random, &options, &line).await?,
        2 => check_plain(random, &options, &line, &key).await?,
        _ => check_columns(random, &options, &line, &deliveries).await?,
    }
    if let Some(branch) = &random.side_branch {
        let line = random.table.lineage(branch);
        let (options, key) = reading(random, branch, &line);
        let deliveries = changes(random, options).await?;
        built::compare(&deliveries, &built::expected(&random.table, &line, &key))
            .map_err(|text| format!("branch {branch}: {text}"))?;
        totals.add("side branches", 1);
    }
    Ok(totals)
}

fn count(totals: &mut Totals, deliveries: &[Delivery]) {
    totals.add("snapshots", deliveries.len());
    for delivery in deliveries {
        for (kind, _) in &delivery.changes {
            let name = match kind {
                Kind::Insert => "+I",
                Kind::UpdateBefore => "-U",
                Kind::UpdateAfter => "+U",
                Kind::Delete => "-D",
            };
            totals.add(name, 1);
        }
        if delivery.snapshot.operation == "replace" && delivery.snapshot.phase == Phase::Incremental {
            totals.add("replace snapshots", 1);
            totals.add("replace snapshots that changed rows", usize::from(!delivery.changes.is_empty()));
        }
        totals.add("schema changes", usize::from(delivery.schema_change.is_some()));
    }
}

/// Ordinals count up, watermarks never fall.
fn check_order_of_numbers(deliveries: &[Delivery]) -> Outcome<()> {
    for (ordinal, delivery) in deliveries.iter().enumerate() {
        if delivery.snapshot.ordinal != ordinal as u64 {
            return Err(format!("snapshot {} has ordinal {}", delivery.id(), delivery.snapshot.ordinal));
        }
    }
    if deliveries.windows(2).any(|pair| pair[0].watermark_ms > pair[1].watermark_ms) {
        return Err("a watermark falls".to_owned());
    }
    Ok(())
}

/// P3: another reading delivers the same, whatever the batches, the readers, the memory and the check of replace
/// snapshots.
async fn check_repeated(
    random: &RandomTable,
    options: &ReadOptions,
    deliveries: &[Delivery],
    seed: u64,
    totals: &mut Totals,
) -> Outcome<()> {
    let batch_rows = usize::try_from(seed % 5).unwrap() + 1;
    let replace_check = if seed.is_multiple_of(2) { ReplaceCheck::Full } else { ReplaceCheck::Metadata };
    let readers = 1 + usize::try_from(seed % 4).unwrap();
    let mut again = ReadOptions { batch_rows, replace_check, readers, ..options.clone() };
    let mut repeated = Vec::new();
    for memory_limit_bytes in TINY_MEMORY_BYTES {
        again.memory_limit_bytes = memory_limit_bytes;
        let (deliveries, error) = built::changes(&random.table.table(), again.clone()).await;
        repeated = deliveries;
        match error {
            None => break,
            Some(error) if error.code() == "MEMORY_LIMIT" => totals.add("memory limits too small", 1),
            Some(error) => return Err(format!("read failed: {error} ({error:?}) with {again:?}")),
        }
    }
    for (first, second) in deliveries.iter().zip(&repeated) {
        if first != second {
            return Err(format!("P3: with {again:?}\n  then {second:?}\n  first {first:?}"));
        }
    }
    if deliveries.len() == repeated.len() { Ok(()) } else { Err("P3: another number of snapshots".to_owned()) }
}

/// The rows at every snapshot; lineage columns where the table has them.
async fn check_rows(random: &RandomTable, line: &[&Snapshot], totals: &mut Totals) -> Outcome<()> {
    let table = random.table.table();
    let history = random.table.history();
    for (index, snapshot) in line.iter().enumerate() {
        let with_lineage = index + 1 == line.len() && random.table.version() > 2;
        let mut options =
            RowsOptions { at: At::Snapshot(SnapshotId::new(snapshot.id)), with_lineage, ..RowsOptions::default() };
        if index % 2 == 1 {
            options.memory_limit_bytes = TINY_MEMORY_BYTES[1];
            options.batch_rows = 2;
        }
        let rows = built::rows(&table, options).await.map_err(|error| format!("rows at {}: {error:?}", snapshot.id))?;
        totals.add("rows read", rows.len());
        let schema = history.schema_of(snapshot);
        let expected = history.live(snapshot, schema).into_iter().map(|mut instance| {
            if with_lineage {
                instance.row.extend([Value::from(instance.row_id), Value::from(instance.updated)]);
            }
            instance.row
        });
        let (rows, expected) = (multiset(rows), multiset(expected));
        if rows != expected {
            return Err(format!("rows at {} are\n  {rows:?}, expected\n  {expected:?}", snapshot.id));
        }
    }
    Ok(())
}

/// A stream over a part of the line delivers that part.
async fn check_part(
    random: &RandomTable,
    options: &ReadOptions,
    deliveries: &[Delivery],
    line: &[&Snapshot],
) -> Outcome<()> {
    if line.len() < 3 {
        return Ok(());
    }
    let (after, to) = (line.len() / 3, line.len() - 2);
    let id = |index: usize| SnapshotId::new(line[index].id);
    let part = ReadOptions { from: From::SnapshotExclusive(id(after)), to: To::Snapshot(id(to)), ..options.clone() };
    let read = changes(random, part).await?;
    let expected = &deliveries[after + 1..=to];
    let plain = |deliveries: &[Delivery]| -> Vec<(i64, Vec<Change>)> {
        deliveries.iter().map(|delivery| (delivery.id(), delivery.changes.clone())).collect()
    };
    // Without identifier fields the key is that of the head, which is the same.
    if plain(&read) != plain(expected) {
        return Err(format!("({}, {}]: {read:?}", line[after].id, line[to].id));
    }
    Ok(())
}

/// Mode `append` delivers what snapshots add, and stops at the first that does not only add data files.
async fn check_append(random: &RandomTable, options: &ReadOptions, line: &[&Snapshot]) -> Outcome<()> {
    let expected = built::expected(&random.table, line, &Key::RowId);
    let parents = std::iter::once(None).chain(line.iter().copied().map(Some));
    let is_append = |((snapshot, parent), (_, phase, changes)): ((&&Snapshot, Option<&Snapshot>), &Expected)| match (
        *phase,
        snapshot.operation.as_str(),
    ) {
        (Phase::Full, _) => true,
        (Phase::Gap | Phase::Rollback, _) => false,
        (Phase::Incremental, "replace") => changes.is_empty(),
        (Phase::Incremental, _) => snapshot.only_adds_data(parent),
    };
    let n = line.iter().zip(parents).zip(&expected).take_while(|one| is_append(*one)).count();
    let options = ReadOptions { mode: Mode::Append, ..options.clone() };
    let (deliveries, error) = built::changes(&random.table.table(), options).await;
    built::compare(&deliveries, &expected[..n]).map_err(|text| format!("mode append: {text}"))?;
    match error.map(|error| error.code()) {
        None if n == line.len() => Ok(()),
        Some("NON_APPEND") if n < line.len() => Ok(()),
        other => Err(format!("mode append ended with {other:?} after {n} of {} snapshots", line.len())),
    }
}

/// `duplicate-keys = plain` pairs only what is one to one.
async fn check_plain(random: &RandomTable, options: &ReadOptions, line: &[&Snapshot], key: &Key) -> Outcome<()> {
    let deliveries = changes(random, ReadOptions { duplicate_keys: DuplicateKeys::Plain, ..options.clone() }).await?;
    for (delivery, pair) in deliveries.iter().skip(1).zip(line.windows(2)) {
        let expected = random.table.history().changes(Some(pair[0]), pair[1], key, Duplicates::Plain);
        if delivery.changes != expected {
            return Err(format!(
                "plain: snapshot {}:\n  got      {:?}\n  expected {expected:?}",
                pair[1].id, delivery.changes
            ));
        }
    }
    Ok(())
}

/// Fewer columns are the same changes with fewer columns.
async fn check_columns(
    random: &RandomTable,
    options: &ReadOptions,
    line: &[&Snapshot],
    deliveries: &[Delivery],
) -> Outcome<()> {
    // Names mean other columns in other schemas.
    if line.iter().any(|snapshot| snapshot.schema_id != line[0].schema_id) {
        return Ok(());
    }
    let columns = &random.table.history().schema_of(line[0]).columns;
    let chosen: Vec<usize> = (0..columns.len()).rev().filter(|index| index % 2 == 1).collect();
    let names = chosen.iter().map(|index| columns[*index].name.clone()).collect();
    let narrow = changes(random, ReadOptions { columns: Some(names), ..options.clone() }).await?;
    for (narrow, wide) in narrow.iter().zip(deliveries) {
        let projected = wide
            .changes
            .iter()
            .map(|(kind, row)| (*kind, chosen.iter().map(|index| row[*index].clone()).collect::<Row>()));
        if narrow.changes != projected.collect::<Vec<_>>() {
            return Err(format!("columns {chosen:?} of {wide:?} are {narrow:?}"));
        }
    }
    Ok(())
}

/// Net changes by step.
pub type Nets = BTreeMap<usize, BTreeMap<Row, i64>>;

/// What each step that is no maintenance changed, equal rows of both directions cancelled.
pub async fn net_by_step(random: &RandomTable) -> Outcome<Nets> {
    let line = random.table.lineage(MAIN);
    if line.is_empty() {
        return Ok(BTreeMap::new());
    }
    let (options, _) = reading(random, MAIN, &line);
    let deliveries = changes(random, options).await?;
    let by_id: BTreeMap<i64, &Delivery> = deliveries.iter().map(|delivery| (delivery.id(), delivery)).collect();
    Ok(random.steps.iter().map(|(step, id)| (*step, net(&by_id[id].changes))).collect())
}

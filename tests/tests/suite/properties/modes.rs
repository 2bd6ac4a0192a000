//! What must hold for the modes `upsert` and `net`, for updates that change nothing, and for a stream that follows
//! a table while it grows.

use std::collections::BTreeSet;

use frazil_reader::{From, Mode, Phase, ReadOptions, To, follow_changes};
use frazil_table::SnapshotId;
use frazil_testkit::model::{Duplicates, fold};
use frazil_testkit::random::RandomTable;
use frazil_testkit::{Change, Key, Kind, MAIN, Row, Snapshot};

use super::check::{Outcome, TINY_MEMORY_BYTES, changes, reading};
use super::run::Totals;
use crate::built::{self, Collector, Delivery};

/// Checks one table in every other mode.
pub async fn check(random: &RandomTable, seed: u64) -> Outcome<Totals> {
    let mut totals = Totals::default();
    let line = random.table.lineage(MAIN);
    if line.is_empty() {
        return Ok(totals);
    }
    let (options, key) = reading(random, MAIN, &line);
    check_upsert(random, &options, &line, &key, seed, &mut totals).await?;
    check_net(random, &options, &line, &key, seed, &mut totals).await?;
    check_noop_updates(random, &options, &line, &key, &mut totals).await?;
    check_followed(random, &options, &line, seed, &mut totals).await?;
    Ok(totals)
}

async fn check_upsert(
    random: &RandomTable,
    options: &ReadOptions,
    line: &[&Snapshot],
    key: &Key,
    seed: u64,
    totals: &mut Totals,
) -> Outcome<()> {
    let options = ReadOptions { mode: Mode::Upsert, ..options.clone() };
    let Key::Columns(key_ids) = key else {
        let (_, error) = built::changes(&random.table.table(), options).await;
        return match error {
            Some(error) if error.code() == "INVALID_ARGUMENT" => Ok(()),
            other => Err(format!("an upsert stream without a key: {other:?}")),
        };
    };
    let deliveries = changes(random, options.clone()).await?;
    let is_unique = built::check_keyed_fold(&random.table, line, key, &deliveries)?;
    totals.add("upserts folded by key", usize::from(is_unique));
    let mut parent = None;
    for (delivery, snapshot) in deliveries.iter().zip(line) {
        if delivery.snapshot.phase == Phase::Incremental && delivery.snapshot.operation != "replace" {
            check_keyed_changes(random, parent, snapshot, key_ids, delivery, totals)?;
        }
        parent = Some(*snapshot);
    }
    // Little memory and other batches change nothing.
    let batch_rows = usize::try_from(seed % 3).unwrap() + 1;
    for memory_limit_bytes in TINY_MEMORY_BYTES {
        let tiny = ReadOptions { memory_limit_bytes, batch_rows, readers: batch_rows, ..options.clone() };
        match built::changes(&random.table.table(), tiny).await {
            (_, Some(error)) if error.code() == "MEMORY_LIMIT" => {}
            (repeated, None) if repeated == deliveries => return Ok(()),
            (repeated, error) => return Err(format!("P3: {error:?} {repeated:?}\n  first {deliveries:?}")),
        }
    }
    Ok(())
}

/// Rows that are there now are all delivered, in order; a key that lost a row and got none is deleted; and no delete
/// is of a key that is live, unless a row with it was removed.
fn check_keyed_changes(
    random: &RandomTable,
    parent: Option<&Snapshot>,
    snapshot: &Snapshot,
    key_ids: &[i32],
    delivery: &Delivery,
    totals: &mut Totals,
) -> Outcome<()> {
    let history = random.table.history();
    let key_of = |row: &Row| built::key_of(&random.table, snapshot, key_ids, row);
    let (removed, added) = history.instances(parent, snapshot);
    let upserted: Vec<Change> = added.iter().map(|instance| (Kind::UpdateAfter, instance.row.clone())).collect();
    let n_deletes = delivery.changes.iter().take_while(|(kind, _)| *kind == Kind::Delete).count();
    let (deletes, rest) = delivery.changes.split_at(n_deletes);
    if rest != upserted {
        return Err(format!("upserts of {} are {rest:?}, expected {upserted:?}", snapshot.id));
    }
    let added: BTreeSet<Row> = added.iter().map(|instance| key_of(&instance.row)).collect();
    let gone: BTreeSet<Row> = removed.iter().map(|instance| key_of(&instance.row)).collect();
    let live: BTreeSet<Row> = history.rows(snapshot).keys().map(key_of).collect();
    let deleted: BTreeSet<Row> = deletes.iter().map(|(_, row)| key_of(row)).collect();
    if deleted.len() != deletes.len() || !gone.iter().all(|key| added.contains(key) || deleted.contains(key)) {
        return Err(format!("deletes of {} are {deletes:?}, removed were {gone:?}", snapshot.id));
    }
    if let Some(key) = deleted.iter().find(|key| added.contains(*key) || (live.contains(*key) && !gone.contains(*key)))
    {
        return Err(format!("{} deletes {key:?}, which is there", snapshot.id));
    }
    let ids = history.schema_of(snapshot).ids();
    let is_key_alone = |row: &Row| ids.iter().zip(row).all(|(id, value)| key_ids.contains(id) || value.is_null());
    if let Some((_, row)) = deletes.iter().find(|(_, row)| !is_key_alone(row)) {
        return Err(format!("{} deletes {row:?}, which is more than a key", snapshot.id));
    }
    totals.add("keyed deletes", deletes.len());
    totals.add("keyed deletes of nothing", deleted.difference(&gone).count());
    Ok(())
}

/// The changes of a range come to the difference of its two ends.
async fn check_net(
    random: &RandomTable,
    options: &ReadOptions,
    line: &[&Snapshot],
    key: &Key,
    seed: u64,
    totals: &mut Totals,
) -> Outcome<()> {
    let history = random.table.history();
    let n = line.len();
    let after = usize::try_from(seed / 7).unwrap() % n;
    let to = after + usize::try_from(seed / 3).unwrap() % (n - after);
    for (after, to) in [(None, n - 1), (Some(after), to)] {
        let (base, last) = (after.map(|index| line[index]), line[to]);
        let from = base.map_or(From::Earliest, |base| From::SnapshotExclusive(SnapshotId::new(base.id)));
        let net = ReadOptions {
            mode: Mode::Net,
            from,
            to: To::Snapshot(SnapshotId::new(last.id)),
            batch_rows: usize::try_from(seed % 4).unwrap() + 1,
            ..options.clone()
        };
        let deliveries = changes(random, net.clone()).await?;
        let [delivery] = deliveries.as_slice() else {
            if after == Some(to) && deliveries.is_empty() {
                continue;
            }
            return Err(format!("{} snapshots with {net:?}", deliveries.len()));
        };
        let mut state = base.map_or_else(Default::default, |base| {
            history.project_state(&history.rows(base), history.schema_of(base), history.schema_of(last))
        });
        fold(&mut state, &delivery.changes).map_err(|change| format!("P2: no such row: {change:?} with {net:?}"))?;
        if state != history.rows(last) {
            return Err(format!("({:?}, {}] comes to {:?}", base.map(|base| base.id), last.id, delivery.changes));
        }
        let as_set = |changes: &[Change]| -> Vec<Vec<Change>> {
            let mut set: Vec<Vec<Change>> =
                changes.chunk_by(|before, _| before.0 == Kind::UpdateBefore).map(<[_]>::to_vec).collect();
            set.sort();
            set
        };
        let expected = history.changes(base, last, key, Duplicates::Pair);
        let same_kinds = matches!(key, Key::Columns(_)) && is_unique(random, &[base, Some(last)], key);
        if same_kinds && as_set(&delivery.changes) != as_set(&expected) {
            return Err(format!("({:?}, {}] comes to {:?}, expected {expected:?}", after, last.id, delivery.changes));
        }
        totals.add("ranges summed up", 1);
        totals.add("ranges summed up by key", usize::from(same_kinds));
        for memory_limit_bytes in TINY_MEMORY_BYTES {
            match built::changes(&random.table.table(), ReadOptions { memory_limit_bytes, ..net.clone() }).await {
                (_, Some(error)) if error.code() == "MEMORY_LIMIT" => {}
                (repeated, None) if repeated == deliveries => break,
                (repeated, error) => return Err(format!("P3: {error:?} {repeated:?}\n  first {deliveries:?}")),
            }
        }
    }
    Ok(())
}

fn is_unique(random: &RandomTable, snapshots: &[Option<&Snapshot>], key: &Key) -> bool {
    let Key::Columns(key_ids) = key else { return false };
    snapshots.iter().flatten().all(|snapshot| {
        let rows = random.table.history().rows(snapshot);
        let has_key = |id: &i32| random.table.history().schema_of(snapshot).ids().contains(id);
        if !key_ids.iter().all(has_key) {
            return false;
        }
        let keys: BTreeSet<Row> = rows.keys().map(|row| built::key_of(&random.table, snapshot, key_ids, row)).collect();
        keys.len() == rows.values().sum::<usize>()
    })
}

/// Updates that change nothing are beside the changes, and change none of them.
async fn check_noop_updates(
    random: &RandomTable,
    options: &ReadOptions,
    line: &[&Snapshot],
    key: &Key,
    totals: &mut Totals,
) -> Outcome<()> {
    let noisy = changes(random, ReadOptions { emit_noop_updates: true, ..options.clone() }).await?;
    let quiet: Vec<Delivery> = noisy
        .iter()
        .map(|delivery| {
            let mut changes: Vec<Change> = Vec::new();
            let mut rest = delivery.changes.as_slice();
            while let [first, tail @ ..] = rest {
                match tail {
                    [second, tail @ ..] if first.0 == Kind::UpdateBefore && first.1 == second.1 => {
                        totals.add("updates that changed nothing", 1);
                        rest = tail;
                    }
                    _ => {
                        changes.push(first.clone());
                        rest = tail;
                    }
                }
            }
            Delivery { changes, ..delivery.clone() }
        })
        .collect();
    built::compare(&quiet, &built::expected(&random.table, line, key)).map_err(|text| format!("no-op updates: {text}"))
}

/// A stream that sees the table grow, by one or more snapshots at a time, delivers what one does that comes late.
async fn check_followed(
    random: &RandomTable,
    options: &ReadOptions,
    line: &[&Snapshot],
    seed: u64,
    totals: &mut Totals,
) -> Outcome<()> {
    // The key of a stream without identifier fields is that of the head when it starts.
    let named = random.table.schema().identifier_ids.is_empty() && options.key.is_none();
    let mode = [Mode::Changelog, Mode::Upsert, Mode::Append][usize::try_from(seed % 3).unwrap()];
    if named && mode != Mode::Append {
        return Ok(());
    }
    let on_non_append = frazil_reader::OnNonAppend::AddedOnly;
    let options = ReadOptions {
        mode,
        on_non_append,
        key: options.key.clone().filter(|_| mode != Mode::Append),
        ..options.clone()
    };
    let late = changes(random, options.clone()).await?;
    let failed = |error| format!("following failed: {error:?} with {options:?}");
    let mut at = usize::try_from(seed).unwrap() % line.len().min(3);
    let mut stream = follow_changes(&random.table.table_at(line[at].id), options.clone()).await.map_err(failed)?;
    let mut collector = Collector::new(&stream);
    collector.drain(&mut stream).await.map_err(failed)?;
    while at + 1 < line.len() {
        at = (at + 1 + usize::try_from(seed / 5).unwrap() % 3).min(line.len() - 1);
        stream.extend(&random.table.table_at(line[at].id)).await.map_err(failed)?;
        collector.drain(&mut stream).await.map_err(failed)?;
    }
    if stream.is_finished() || collector.deliveries != late {
        return Err(format!("followed: {:?}\n  late {late:?}", collector.deliveries));
    }
    totals.add("streams followed", 1);
    Ok(())
}

//! Streams that end anywhere and go on from their position: nothing is lost, repeated or in another order.

use arrow_array::RecordBatch;
use frazil_fixtures::tables;
use frazil_reader::{
    ChangeStream, ChangelogOperation, Event, From, Mode, OnExpired, OnNonAppend, OnRollback, Position, ReadError,
    ReadOptions, follow_changes, read_changes,
};
use frazil_table::Table;
use frazil_table::filter::Filter;
use frazil_testkit::Kind::{Delete, Insert, UpdateAfter, UpdateBefore};
use frazil_testkit::random::{Compaction, random_table};
use frazil_testkit::{Change, IntoRow, Kind, MAIN, TestTable};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::built::Collector;
use crate::read::open;
use crate::report::Report;

/// One row, or one thing that is told between rows. How rows were put into batches is not seen.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    Row(ChangelogOperation, u64, i64, RecordBatch),
    Marker(String),
}

pub fn push(items: &mut Vec<Item>, event: Event) {
    match event {
        Event::Changes(batch) => {
            for (row, operation) in batch.operations.iter().enumerate() {
                let (ordinal, id) = (batch.snapshot.ordinal, batch.snapshot.snapshot_id.get());
                items.push(Item::Row(*operation, ordinal, id, batch.rows.slice(row, 1)));
            }
        }
        Event::SchemaChange { snapshot, from, to, .. } => {
            items.push(Item::Marker(format!("schema {from} to {to} at {}", snapshot.ordinal)));
        }
        Event::KeyChange { snapshot, before, now } => {
            items.push(Item::Marker(format!("key {before:?} to {now:?} at {}", snapshot.ordinal)));
        }
        Event::SnapshotEnd { snapshot, snapshot_watermark_ms } => {
            items.push(Item::Marker(format!("{} is complete: {snapshot:?}", snapshot_watermark_ms)));
        }
        other => items.push(Item::Marker(format!("{other:?}"))),
    }
}

pub async fn all(table: &Table, options: ReadOptions) -> Result<Vec<Item>, ReadError> {
    let mut stream = read_changes(table, options).await?;
    let mut items = Vec::new();
    while let Some(event) = stream.next().await? {
        push(&mut items, event);
    }
    Ok(items)
}

/// As a consumer would keep it.
pub fn kept(stream: &ChangeStream) -> Option<Position> {
    let position = stream.position()?;
    let text = position.to_string();
    let read: Position = text.parse().unwrap();
    assert_eq!(read, position);
    Some(read)
}

/// Reads with a new stream after every few events, each with other limits.
async fn in_pieces(table: &Table, options: &ReadOptions, random: &mut StdRng) -> Result<(Vec<Item>, u64), ReadError> {
    let mut items = Vec::new();
    let mut options = options.clone();
    let mut n_pieces = 0;
    loop {
        options.batch_rows = [1, 2, 3, 7, 1000][random.random_range(0..5)];
        options.memory_limit_bytes = [16 << 20, 256 << 20][random.random_range(0..2)];
        let mut stream = read_changes(table, options.clone()).await?;
        n_pieces += 1;
        let n_events = random.random_range(1..if options.batch_rows < 4 { 40 } else { 6 });
        for _ in 0..n_events {
            match stream.next().await? {
                Some(event) => push(&mut items, event),
                None => return Ok((items, n_pieces)),
            }
        }
        options.from = From::Position(Box::new(kept(&stream).expect("something was delivered")));
    }
}

pub fn difference(got: &[Item], expected: &[Item]) -> Option<String> {
    if got == expected {
        return None;
    }
    let at = got.iter().zip(expected).position(|(one, other)| one != other).unwrap_or(got.len().min(expected.len()));
    Some(format!(
        "{} items, expected {}; item {at}: {:?}, expected {:?}",
        got.len(),
        expected.len(),
        got.get(at),
        expected.get(at)
    ))
}

pub fn modes() -> Vec<ReadOptions> {
    let mut all = Vec::new();
    for mode in [Mode::Changelog, Mode::Upsert, Mode::Append] {
        for from in [From::Earliest, From::Full] {
            all.push(ReadOptions { mode, from, on_non_append: OnNonAppend::AddedOnly, ..ReadOptions::default() });
        }
    }
    all
}

#[test]
fn pieces_of_every_fixture_table_are_the_whole() {
    let mut report = Report::new("positions of fixtures");
    for (index, fixture) in tables().iter().enumerate() {
        crate::fixtures::wait(async {
            let table = open(fixture).await;
            for options in modes() {
                let what = format!("{} {:?} {:?}", fixture.label(), options.mode, options.from);
                let Ok(expected) = all(&table, options.clone()).await else { continue };
                let seed = index as u64;
                let mut random = StdRng::seed_from_u64(seed);
                match in_pieces(&table, &options, &mut random).await {
                    Ok((got, n_pieces)) => {
                        report.count("streams", 1);
                        report.count("pieces", usize::try_from(n_pieces).unwrap());
                        report.count("items", got.len());
                        if let Some(text) = difference(&got, &expected) {
                            report.fail(&what, format!("seed {seed}: {text}"));
                        }
                    }
                    Err(error) => report.fail(&what, format!("seed {seed}: {error:?}")),
                }
            }
        });
    }
    report.finish();
}

#[test]
fn pieces_of_random_histories_are_the_whole() {
    let mut report = Report::new("positions of histories");
    for seed in 0..150 {
        let built = random_table(seed, Compaction::Sound, 14);
        let table = built.table.table();
        crate::fixtures::wait(async {
            for options in modes() {
                let Ok(expected) = all(&table, options.clone()).await else { continue };
                let mut random = StdRng::seed_from_u64(seed);
                match in_pieces(&table, &options, &mut random).await {
                    Ok((got, n_pieces)) => {
                        report.count("streams", 1);
                        report.count("pieces", usize::try_from(n_pieces).unwrap());
                        if let Some(text) = difference(&got, &expected) {
                            report.fail(format!("seed {seed} {:?} {:?}", options.mode, options.from), text);
                        }
                    }
                    Err(error) => report.fail(format!("seed {seed} {:?}", options.mode), format!("{error:?}")),
                }
            }
        });
    }
    report.finish();
}

fn keyed() -> TestTable {
    TestTable::v2("k int, v string", "k")
}

fn set<R: IntoRow>(changes: impl IntoIterator<Item = (Kind, R)>) -> Vec<Change> {
    changes.into_iter().map(|(kind, row)| (kind, row.into_row())).collect()
}

/// A table with updates, deletes and rows enough for many batches.
fn busy() -> TestTable {
    let mut table = keyed();
    table.append((0..30).map(|k| (k, "a")));
    table.overwrite().delete_where("k", 0..10).rows((5..10).map(|k| (k, "b"))).commit();
    table.equality_delete("k", [20, 21]);
    table.append((40..60).map(|k| (k, "c")));
    table
}

fn from_position(position: Position) -> ReadOptions {
    ReadOptions { from: From::Position(Box::new(position)), ..ReadOptions::default() }
}

/// Positions after each event of a stream in small batches, with what was delivered before them.
async fn stops(table: &Table, options: ReadOptions) -> Vec<(Position, usize)> {
    let mut stream = read_changes(table, ReadOptions { batch_rows: 3, ..options }).await.unwrap();
    let (mut items, mut stops) = (Vec::new(), Vec::new());
    while let Some(event) = stream.next().await.unwrap() {
        push(&mut items, event);
        stops.push((kept(&stream).unwrap(), items.len()));
    }
    stops
}

#[tokio::test]
async fn columns_and_filters_may_change_at_any_batch() {
    let table = busy().table();
    for from in [From::Earliest, From::Full] {
        let options = ReadOptions { from, ..ReadOptions::default() };
        let expected = all(&table, options.clone()).await.unwrap();
        let stops = stops(&table, options).await;
        assert!(stops.len() > 15);
        for (position, n_before) in stops {
            // The key is the same in both images of an update: each row decides for itself.
            let rest = all(
                &table,
                ReadOptions {
                    columns: Some(vec!["v".to_owned()]),
                    filter: Some(Filter::parse("k > 7 AND k <> 50").unwrap()),
                    batch_rows: 4,
                    ..from_position(position)
                },
            );
            let mut wanted = Vec::new();
            for item in &expected[n_before..] {
                match item {
                    Item::Row(operation, ordinal, id, row) => {
                        let keys = row.column(0).as_any().downcast_ref::<arrow_array::Int32Array>().unwrap();
                        if keys.value(0) > 7 && keys.value(0) != 50 {
                            wanted.push(Item::Row(*operation, *ordinal, *id, row.project(&[1]).unwrap()));
                        }
                    }
                    marker @ Item::Marker(_) => wanted.push(marker.clone()),
                }
            }
            assert_eq!(difference(&rest.await.unwrap(), &wanted), None, "after {n_before} items");
        }
    }
}

#[tokio::test]
async fn a_compaction_in_between_changes_nothing_of_what_comes() {
    for from in [From::Earliest, From::Full] {
        let mut table = busy();
        let options = ReadOptions { from, ..ReadOptions::default() };
        let expected = all(&table.table(), options.clone()).await.unwrap();
        let stops = stops(&table.table(), options).await;
        let files: Vec<String> = table.head(MAIN).unwrap().files.iter().map(|listed| listed.file.key()).collect();
        let rows = (5..10).map(|k| (k, "b")).chain((10..20).chain(22..30).map(|k| (k, "a")));
        let rows = rows.chain((40..60).map(|k| (k, "c")));
        let sequence = table.last_sequence();
        let mut compaction = table.replace().rows_at(sequence, rows);
        for file in files {
            compaction = compaction.remove(file);
        }
        compaction.commit();
        for (position, n_before) in stops {
            let mut rest = all(&table.table(), from_position(position)).await.unwrap();
            let end = rest.pop().unwrap();
            assert!(matches!(&end, Item::Marker(text) if text.contains("replace")), "{end:?}");
            assert_eq!(difference(&rest, &expected[n_before..]), None, "after {n_before} items");
        }
    }
}

#[tokio::test]
async fn a_table_is_followed_from_a_position() {
    let mut table = busy();
    let mut stream = follow_changes(&table.table(), ReadOptions::default()).await.unwrap();
    while stream.next().await.unwrap().is_some() {}
    let position = kept(&stream).unwrap();
    assert_eq!((position.next_ordinal(), position.snapshot_id().unwrap().get()), (4, table.main_head()));
    let mut stream = follow_changes(&table.table(), from_position(position.clone())).await.unwrap();
    assert!(stream.next().await.unwrap().is_none());
    assert_eq!(kept(&stream), Some(position));
    table.append([(70, "x")]);
    stream.extend(&table.table()).await.unwrap();
    let mut collector = Collector::new(&stream);
    collector.drain(&mut stream).await.unwrap();
    assert_eq!(collector.deliveries[0].changes, set([(Insert, (70, "x"))]));
    assert_eq!(collector.deliveries[0].snapshot.ordinal, 4);
}

#[tokio::test]
async fn a_table_without_snapshots_has_a_position_for_those_who_want_what_comes() {
    let mut table = keyed();
    let start = |from| ReadOptions { from, ..ReadOptions::default() };
    let stream = follow_changes(&table.table(), start(From::Latest)).await.unwrap();
    let position = kept(&stream).unwrap();
    assert!(follow_changes(&table.table(), start(From::Full)).await.unwrap().position().is_none());
    table.append([(1, "a")]);
    table.append([(2, "b")]);
    let items = all(&table.table(), from_position(position)).await.unwrap();
    assert_eq!(items.len(), 4, "{items:?}");
}

#[tokio::test]
async fn a_position_is_of_one_table_and_one_set_of_options() {
    let mut table = busy();
    let position = stops(&table.table(), ReadOptions::default()).await[3].0.clone();
    let changed = async |options: ReadOptions| match read_changes(&table.table(), options).await.unwrap_err() {
        ReadError::ConfigChanged { changed } => changed,
        other => panic!("{other:?}"),
    };
    let same = || from_position(position.clone());
    assert_eq!(changed(ReadOptions { mode: Mode::Upsert, ..same() }).await, "mode");
    assert_eq!(changed(ReadOptions { emit_noop_updates: true, ..same() }).await, "emit-noop-updates");
    assert_eq!(changed(ReadOptions { key: Some(vec!["v".to_owned()]), ..same() }).await, "key");
    assert!(read_changes(&table.table(), ReadOptions { key: Some(vec!["k".to_owned()]), ..same() }).await.is_ok());
    table.replace_uuid("0b6e3f0a-5a6e-4d6f-9f2b-6f1d6ff8f0a1");
    assert_eq!(read_changes(&table.table(), same()).await.unwrap_err().code(), "TABLE_REPLACED");
}

/// A stream that has read everything; then the first three of the five snapshots are gone or undone.
async fn at_second() -> (TestTable, Vec<i64>, Position) {
    let mut table = keyed();
    let mut ids = vec![table.delta("append").rows([(1, "a"), (2, "a")]).commit()];
    ids.push(table.overwrite().delete_where("k", [1]).rows([(1, "b"), (3, "b")]).commit());
    let mut stream = read_changes(&table.table(), ReadOptions::default()).await.unwrap();
    while stream.next().await.unwrap().is_some() {}
    (table, ids, kept(&stream).unwrap())
}

async fn around(table: &TestTable, options: ReadOptions) -> Result<Collector, ReadError> {
    let mut stream = read_changes(&table.table(), options).await?;
    let mut collector = Collector::new(&stream);
    collector.drain(&mut stream).await?;
    Ok(collector)
}

#[tokio::test]
async fn an_expired_position_is_dealt_with_as_the_policy_says() {
    let (mut table, ids, position) = at_second().await;
    table.overwrite().delete_where("k", [3]).rows([(3, "c"), (4, "c")]).commit();
    table.overwrite().delete_where("k", [2]).rows([(4, "x")]).delete_where("k", [4]).commit();
    table.append([(9, "z")]);
    let oldest = table.lineage(MAIN)[3].id;
    let middle = table.lineage(MAIN)[2].id;
    // A tag holds what was read last, and nothing between it and the oldest that is left.
    table.set_tag("consumer-a", ids[1]);
    table.expire([ids[0], middle]);
    let with = |on_expired| ReadOptions { on_expired, ..from_position(position.clone()) };
    let error = around(&table, with(OnExpired::Fail)).await.err().unwrap();
    assert_eq!(error.code(), "SNAPSHOT_EXPIRED", "{error:?}");
    let diff = around(&table, with(OnExpired::Diff)).await.unwrap();
    assert_eq!(diff.detours, ["gap, lossy: false"]);
    assert_eq!(
        diff.deliveries[0].changes,
        set([(Delete, (2, "a")), (UpdateBefore, (3, "b")), (UpdateAfter, (3, "c")), (Insert, (4, "x")),])
    );
    assert_eq!(diff.deliveries[0].id(), oldest);
    assert_eq!(diff.deliveries[1].changes, set([(Insert, (9, "z"))]));
    let skip = around(&table, with(OnExpired::Skip)).await.unwrap();
    assert_eq!(skip.detours, ["gap, lossy: true"]);
    assert!(skip.deliveries[0].changes.is_empty());
    assert_eq!(skip.deliveries[1].changes, set([(Insert, (9, "z"))]));
    let rescan = around(&table, with(OnExpired::Rescan)).await.unwrap();
    assert_eq!(rescan.detours, ["truncate"]);
    assert_eq!((rescan.deliveries.len(), rescan.deliveries[0].changes.len()), (1, 4));
    // Ordinals go on.
    assert_eq!(rescan.deliveries[0].snapshot.ordinal, 2);
    table.drop_tag("consumer-a");
    table.expire([ids[1]]);
    let error = around(&table, with(OnExpired::Diff)).await.err().unwrap();
    assert_eq!(error.code(), "SNAPSHOT_EXPIRED", "{error:?}");
}

#[tokio::test]
async fn a_branch_that_was_rolled_back_is_dealt_with_as_the_policy_says() {
    let (mut table, ids, _) = at_second().await;
    table.append([(7, "g")]);
    let third = table.main_head();
    let mut stream = read_changes(&table.table(), ReadOptions::default()).await.unwrap();
    while stream.next().await.unwrap().is_some() {}
    let position = kept(&stream).unwrap();
    table.set_branch(MAIN, ids[0]);
    table.append([(8, "h")]);
    let with = |on_rollback| ReadOptions { on_rollback, ..from_position(position.clone()) };
    let error = around(&table, with(OnRollback::Fail)).await.err().unwrap();
    assert_eq!(error.code(), "LINEAGE_BROKEN");
    let back = around(&table, with(OnRollback::Compensate)).await.unwrap();
    assert_eq!(back.detours, [format!("rollback of {third}"), format!("rollback of {}", ids[1])]);
    let changes: Vec<_> = back.deliveries.iter().map(|delivery| delivery.changes.clone()).collect();
    assert_eq!(
        changes,
        [
            set([(Delete, (7, "g"))]),
            set([(Delete, (3, "b")), (UpdateBefore, (1, "b")), (UpdateAfter, (1, "a"))]),
            set([(Insert, (8, "h"))]),
        ]
    );
    let rescan = around(&table, with(OnRollback::Rescan)).await.unwrap();
    assert_eq!(rescan.detours, ["truncate"]);
    assert_eq!(rescan.deliveries[0].changes.len(), 3);
}

#[tokio::test]
async fn ways_around_can_be_left_in_the_middle_too() {
    let mut table = busy();
    let second = table.lineage(MAIN)[0].id;
    let mut stream = read_changes(&table.table(), ReadOptions::default()).await.unwrap();
    while stream.next().await.unwrap().is_some() {}
    let position = kept(&stream).unwrap();
    table.set_branch(MAIN, second);
    table.append((80..90).map(|k| (k, "n")));
    let table = table.table();
    for policy in [OnRollback::Compensate, OnRollback::Rescan] {
        let options = ReadOptions { on_rollback: policy, ..from_position(position.clone()) };
        let expected = all(&table, options.clone()).await.unwrap();
        for seed in 0..20 {
            let mut random = StdRng::seed_from_u64(seed);
            let (got, _) = in_pieces(&table, &options, &mut random).await.unwrap();
            assert_eq!(difference(&got, &expected), None, "{policy:?} seed {seed}");
        }
    }
}

//! Streams over some lanes: together they are the whole, and each lane is what it would be alone.

mod aligned;
mod resumed;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hasher};

use frazil_fixtures::tables;
use frazil_reader::{
    ChangelogOperation, From, Lanes, Mode, OnNonAppend, ReadError, ReadOptions, Route, StreamHeader, read_changes,
};
use frazil_table::Table;
use frazil_table::filter::Filter;
use frazil_testkit::random::{Compaction, random_table};
use frazil_testkit::{Delta, TestTable, Transform};

use crate::fixtures::wait;
use crate::positions::{Item, modes, push};
use crate::read::open;
use crate::report::Report;

pub const ROUTES: [Route; 4] = [Route::Partition, Route::Key, Route::File, Route::Single];

/// What a stream delivered, each row as a number: equal rows have equal ones.
#[derive(Debug, Default, PartialEq)]
pub struct Told {
    /// Kind, ordinal of the snapshot, and number of each row, in order.
    pub rows: Vec<(ChangelogOperation, u64, u64)>,
    /// What was told between rows, and after how many of the snapshots' ends.
    pub markers: Vec<String>,
}

struct Digest(DefaultHasher);

impl std::fmt::Write for Digest {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.write(text.as_bytes());
        Ok(())
    }
}

impl Told {
    pub fn push(&mut self, items: Vec<Item>) {
        for item in items {
            match item {
                Item::Row(operation, ordinal, _, row) => {
                    let mut digest = Digest(DefaultHasher::new());
                    write!(digest, "{:?}", row.columns()).unwrap();
                    self.rows.push((operation, ordinal, digest.0.finish()));
                }
                Item::Marker(text) => self.markers.push(text),
            }
        }
    }
}

/// What a stream delivers from beginning to end, and how many splits its readers opened.
async fn told(table: &Table, options: ReadOptions) -> Result<(Told, StreamHeader, u64), ReadError> {
    let mut stream = read_changes(table, options).await?;
    let mut told = Told::default();
    while let Some(event) = stream.next().await? {
        let mut items = Vec::new();
        push(&mut items, event);
        told.push(items);
    }
    Ok((told, stream.header().clone(), stream.engine_stats().n_splits))
}

/// How many rows of each kind and value each snapshot has.
pub fn counted<'a>(
    rows: impl IntoIterator<Item = &'a (ChangelogOperation, u64, u64)>,
) -> BTreeMap<(u64, u8, u64), usize> {
    let mut counts = BTreeMap::new();
    for (operation, ordinal, row) in rows {
        *counts.entry((*ordinal, *operation as u8, *row)).or_default() += 1;
    }
    counts
}

/// The rows come in this order among others.
pub fn is_within<T: PartialEq>(rows: &[T], whole: &[T]) -> bool {
    let mut whole = whole.iter();
    rows.iter().all(|row| whole.any(|other| other == row))
}

/// Both images of an update stand side by side.
fn has_whole_updates(rows: &[(ChangelogOperation, u64, u64)]) -> bool {
    let before = |index: usize| index.checked_sub(1).map(|index| rows[index].0);
    let after = |row: &(ChangelogOperation, u64, u64)| row.0 == ChangelogOperation::UpdateAfter;
    rows.iter().enumerate().all(|(index, row)| after(row) == (before(index) == Some(ChangelogOperation::UpdateBefore)))
}

fn shares(route: Route, n_lanes: u16, n_streams: u16) -> Vec<Lanes> {
    Lanes { route: Some(route), n_lanes, range: 0..n_lanes }.shares(n_streams)
}

/// Reads the same by several streams, and compares.
async fn check_shares(
    table: &Table,
    options: &ReadOptions,
    (whole, header, n_splits): &(Told, StreamHeader, u64),
    lanes: Vec<Lanes>,
    report: &mut Report,
) -> Result<(), String> {
    let route = lanes[0].route.unwrap();
    let mut all = Vec::new();
    let mut n_splits_opened = 0;
    for lanes in lanes {
        let options = ReadOptions { lanes: Some(lanes.clone()), ..options.clone() };
        let (part, part_header, n_splits) = match told(table, options).await {
            Ok(part) => part,
            Err(error) if route == Route::Key && error.to_string().contains("route `key` needs a key") => {
                report.count("without key", 1);
                assert!(header.key.is_empty());
                return Ok(());
            }
            Err(error) => return Err(format!("{error:?}")),
        };
        report.count("streams", 1);
        assert_eq!(part_header.lanes, lanes);
        if part.markers != whole.markers {
            return Err(format!("{lanes:?}: markers {:?}, expected {:?}", part.markers, whole.markers));
        }
        if !is_within(&part.rows, &whole.rows) {
            return Err(format!("{lanes:?}: rows in another order"));
        }
        if header.exact_before && !has_whole_updates(&part.rows) {
            return Err(format!("{lanes:?}: half of an update"));
        }
        n_splits_opened += n_splits;
        all.extend(part.rows);
    }
    report.count("rows", all.len());
    if counted(&all) != counted(&whole.rows) {
        return Err(format!("{} rows in all, expected {}", all.len(), whole.rows.len()));
    }
    if route != Route::Key && n_splits_opened != *n_splits {
        return Err(format!("{n_splits_opened} splits opened, expected {n_splits}"));
    }
    Ok(())
}

#[test]
fn streams_of_every_fixture_table_are_together_the_whole() {
    let mut report = Report::new("lanes of fixtures");
    for (index, fixture) in tables().iter().enumerate() {
        wait(async {
            let table = open(fixture).await;
            for mode in [Mode::Changelog, Mode::Upsert, Mode::Append, Mode::Net] {
                let options = ReadOptions {
                    mode,
                    on_non_append: OnNonAppend::AddedOnly,
                    // Two count what they open.
                    readers: 2,
                    ..ReadOptions::default()
                };
                let Ok(whole) = told(&table, options.clone()).await else { continue };
                for route in ROUTES {
                    for (n_lanes, n_streams) in [(256, 1), (256, 2), (7, 7)] {
                        // Every number of streams by every route, in mode changelog; in others routes take turns.
                        let turn = ROUTES[(index + mode as usize) % 4];
                        if mode != Mode::Changelog && (n_streams != 2 || route != turn) {
                            continue;
                        }
                        let lanes = shares(route, n_lanes, n_streams);
                        let outcome = check_shares(&table, &options, &whole, lanes, &mut report).await;
                        report.check(format!("{} {mode:?} {route} {n_streams}", fixture.label()), outcome);
                    }
                }
            }
        });
    }
    assert!(report.total("streams") > 1000);
    report.finish();
}

#[test]
fn streams_of_random_histories_are_together_the_whole() {
    let mut report = Report::new("lanes of histories");
    for seed in 0..30_u16 {
        let built = random_table(seed.into(), Compaction::Sound, 14);
        let table = built.table.table();
        wait(async {
            for options in modes() {
                let options = ReadOptions { readers: 2, batch_rows: 1 + usize::from(seed) % 5, ..options };
                let Ok(whole) = told(&table, options.clone()).await else { continue };
                for route in ROUTES {
                    let lanes = shares(route, 1 + seed, [2, 3, 7][usize::from(seed) % 3]);
                    let outcome = check_shares(&table, &options, &whole, lanes, &mut report).await;
                    report.check(format!("seed {seed} {:?} {:?} {route}", options.mode, options.from), outcome);
                }
            }
        });
    }
    assert!(report.total("streams") > 1000);
    report.finish();
}

/// Key, region and value. Keys change their regions, and deletes are of all regions.
fn orders(is_partitioned: bool) -> Table {
    let mut table = TestTable::v2("k int, region string, v int", "k");
    let by_region = [("region", Transform::Identity)];
    if is_partitioned {
        assert_eq!(table.partition_by(&by_region), 0);
    }
    append(&mut table, 0..200, 0);
    let global = if is_partitioned { table.partition_by(&[]) } else { 0 };
    if is_partitioned {
        table.partition_by(&by_region);
    }
    for (deleted, rows, v) in [(0..50, 20..60, 1), (0..0, 200..300, 4), (40..220, 60..100, 3)] {
        let delta = table.overwrite().spec(global).delete_where("k", deleted).spec(0);
        in_regions(delta, rows, v).commit();
    }
    table.table()
}

fn append(table: &mut TestTable, rows: std::ops::Range<i32>, v: i32) {
    in_regions(table.delta("append"), rows, v).commit();
}

/// A file for each region.
fn in_regions(delta: Delta<'_>, rows: std::ops::Range<i32>, v: i32) -> Delta<'_> {
    let regions = ["eu", "us", "asia", "africa"];
    regions.iter().zip(0..).fold(delta, |delta, (region, index)| {
        delta.rows(rows.clone().filter(|k| (k + v) % 4 == index).map(|k| (k, *region, v)))
    })
}

/// Which streams have rows with which value in a column.
async fn streams_of(
    table: &Table,
    options: &ReadOptions,
    lanes: Vec<Lanes>,
    column: usize,
) -> HashMap<String, Vec<usize>> {
    let mut streams: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, lanes) in lanes.into_iter().enumerate() {
        let mut stream = read_changes(table, ReadOptions { lanes: Some(lanes), ..options.clone() }).await.unwrap();
        let mut items = Vec::new();
        while let Some(event) = stream.next().await.unwrap() {
            push(&mut items, event);
        }
        for item in items {
            let Item::Row(.., row) = item else { continue };
            let of_value = streams.entry(format!("{:?}", row.column(column))).or_default();
            if !of_value.contains(&index) {
                of_value.push(index);
            }
        }
    }
    streams
}

#[tokio::test]
async fn every_key_is_in_one_lane_by_route_key() {
    for is_partitioned in [false, true] {
        let table = orders(is_partitioned);
        for mode in [Mode::Changelog, Mode::Upsert, Mode::Append, Mode::Net] {
            let options = ReadOptions { mode, on_non_append: OnNonAppend::AddedOnly, ..ReadOptions::default() };
            let streams = streams_of(&table, &options, shares(Route::Key, 256, 16), 0).await;
            // At the end there are 20 to 39, 60 to 99 and 220 to 299.
            assert_eq!(streams.len(), if mode == Mode::Net { 140 } else { 300 }, "{mode:?}");
            assert!(streams.values().all(|streams| streams.len() == 1), "{mode:?}");
            let used: std::collections::BTreeSet<usize> = streams.values().flatten().copied().collect();
            assert_eq!(used.len(), 16, "{mode:?}: streams without rows");
        }
    }
}

/// The number comes from an implementation of Murmur3 in another language: 34 is in Iceberg's bucket 83 of 256.
#[tokio::test]
async fn the_lane_of_a_key_is_its_bucket() {
    let table = orders(false);
    let lanes = Lanes { route: Some(Route::Key), n_lanes: 256, range: 83..84 };
    let streams = streams_of(&table, &ReadOptions::default(), vec![lanes], 0).await;
    assert!(streams.keys().any(|key| key.contains("\n  34,\n")), "{streams:?}");
    assert!(streams.len() < 10, "{streams:?}");
}

#[tokio::test]
async fn every_partition_is_in_one_lane_by_route_partition() {
    let table = orders(true);
    let options = ReadOptions { mode: Mode::Append, on_non_append: OnNonAppend::AddedOnly, ..ReadOptions::default() };
    let streams = streams_of(&table, &options, shares(Route::Partition, 256, 256), 1).await;
    assert_eq!(streams.len(), 4);
    assert!(streams.values().all(|streams| streams.len() == 1), "{streams:?}");
}

#[tokio::test]
async fn a_key_that_moves_between_partitions_has_its_update_where_it_is_now() {
    let table = orders(true);
    let options = ReadOptions::default();
    let mut n_moved = 0;
    for lanes in shares(Route::Partition, 256, 256) {
        let mut stream = read_changes(&table, ReadOptions { lanes: Some(lanes), ..options.clone() }).await.unwrap();
        let mut items = Vec::new();
        while let Some(event) = stream.next().await.unwrap() {
            push(&mut items, event);
        }
        let rows: Vec<_> = items.iter().filter(|item| matches!(item, Item::Row(..))).collect();
        let mut regions = std::collections::BTreeSet::new();
        for (index, item) in rows.iter().enumerate() {
            let Item::Row(operation, .., row) = item else { continue };
            match operation {
                ChangelogOperation::UpdateBefore => n_moved += 1,
                ChangelogOperation::UpdateAfter => {
                    let Item::Row(before, ..) = rows[index - 1] else { panic!("{item:?}") };
                    assert_eq!(*before, ChangelogOperation::UpdateBefore);
                    regions.insert(format!("{:?}", row.column(1)));
                }
                _ => drop(regions.insert(format!("{:?}", row.column(1)))),
            }
        }
        // The regions of the four are in four lanes of their own.
        assert!(regions.len() <= 1, "{regions:?}");
    }
    assert!(n_moved >= 30, "{n_moved}");
}

#[tokio::test]
async fn keys_that_are_not_shown_decide_all_the_same() {
    for mode in [Mode::Changelog, Mode::Append, Mode::Net] {
        for from in [From::Earliest, From::Full] {
            let table = orders(false);
            let options = ReadOptions {
                mode,
                from,
                columns: Some(vec!["v".to_owned()]),
                filter: Some(Filter::parse("region <> 'us'").unwrap()),
                on_non_append: OnNonAppend::AddedOnly,
                readers: 2,
                batch_rows: 7,
                ..ReadOptions::default()
            };
            let whole = told(&table, options.clone()).await.unwrap();
            assert!(whole.0.rows.len() > 50);
            let mut report = Report::new("hidden keys");
            for n_streams in [1, 2, 7] {
                check_shares(&table, &options, &whole, shares(Route::Key, 256, n_streams), &mut report).await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn without_a_route_the_table_decides() {
    let route = async |table: &Table, mode, key: Option<&str>| {
        let key = key.map(|key| vec![key.to_owned()]);
        let options = ReadOptions { mode, key, lanes: Some(Lanes::default()), ..ReadOptions::default() };
        read_changes(table, options).await.unwrap().header().lanes.route.unwrap()
    };
    let keyed = orders(false);
    assert_eq!(route(&keyed, Mode::Changelog, None).await, Route::Key);
    // The key says nothing of the region.
    let partitioned = orders(true);
    assert_eq!(route(&partitioned, Mode::Changelog, None).await, Route::Key);
    assert_eq!(route(&partitioned, Mode::Append, None).await, Route::Key);
    assert_eq!(route(&partitioned, Mode::Changelog, Some("region")).await, Route::Partition);
    assert_eq!(route(&partitioned, Mode::Upsert, Some("region")).await, Route::Key);
    let mut plain = TestTable::v2("k int, v int", "");
    plain.append([(1, 1)]);
    assert_eq!(route(&plain.table(), Mode::Changelog, None).await, Route::File);
    plain.partition_by(&[("v", Transform::Identity)]);
    assert_eq!(route(&plain.table(), Mode::Changelog, None).await, Route::Partition);
    let whole = read_changes(&keyed, ReadOptions::default()).await.unwrap();
    assert_eq!(whole.header().lanes, Lanes::SINGLE);
}

#[tokio::test]
async fn lanes_that_cannot_be_are_refused() {
    let mut plain = TestTable::v2("k int, v int", "");
    plain.append([(1, 1)]);
    let open = async |lanes| {
        let options = ReadOptions { lanes: Some(lanes), ..ReadOptions::default() };
        read_changes(&plain.table(), options).await.map(drop).unwrap_err().to_string()
    };
    let error = open(Lanes { route: Some(Route::Key), ..Lanes::default() }).await;
    assert!(error.contains("route `key` needs a key"), "{error}");
    let error = open(Lanes { n_lanes: 8, range: 4..9, ..Lanes::default() }).await;
    assert!(error.contains("lanes 4 to 9 are no share of 8 lanes"), "{error}");
    let error = open(Lanes { n_lanes: 257, ..Lanes::default() }).await;
    assert!(error.contains("1 to 256 lanes"), "{error}");
}

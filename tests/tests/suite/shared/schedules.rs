//! Random schedules: a table grows while consumers come, read at their own speeds, and go.

use frazil_reader::discovery::TableWatch;
use frazil_reader::shared::{SharedScans, SharedSettings, Sharing};
use frazil_reader::{
    ChangeStream, ChangelogOperation, FilterUpdates, From, Mode, OnNonAppend, ReadOptions, follow_changes,
};
use frazil_table::filter::Filter;
use frazil_testkit::{TestTable, Value};
use rand::rngs::StdRng;
use rand::seq::IteratorRandom;
use rand::{Rng, SeedableRng};

use super::{Consumer, Got, drain, watch};
use crate::fixtures::wait;
use crate::report::Report;

/// A table that grows at random.
struct Random {
    table: TestTable,
    next_key: i64,
    n_columns: usize,
    n_names: usize,
}

impl Random {
    fn new() -> Self {
        let mut table = TestTable::v2("k long, v string, w int", "k");
        table.append([(0, "a", 1), (1, "b", 2)]);
        Self { table, next_key: 2, n_columns: 3, n_names: 0 }
    }

    fn row(&self, key: i64, random: &mut StdRng) -> Vec<Value> {
        let mut row = vec![Value::Long(key), Value::String(format!("v{}", random.random_range(0..20)))];
        while row.len() < self.n_columns {
            let value = random.random_range(0..10);
            row.push(if value == 0 { Value::Null } else { Value::Long(value) });
        }
        row
    }

    fn keys(&self, random: &mut StdRng) -> Vec<i64> {
        let n = random.random_range(1..8);
        (0..self.next_key).choose_multiple(random, n)
    }

    fn grow(&mut self, random: &mut StdRng) {
        match random.random_range(0..12) {
            0..=4 => {
                let n = random.random_range(1..40);
                let rows: Vec<_> = (0..n).map(|index| self.row(self.next_key + index, random)).collect();
                self.next_key += n;
                self.table.append(rows);
            }
            5..=7 => {
                let keys = self.keys(random);
                let rows: Vec<_> = keys.iter().filter(|key| **key % 3 > 0).map(|key| self.row(*key, random)).collect();
                self.table.overwrite().delete_where("k", keys).rows(rows).commit();
            }
            8 | 9 => {
                let keys = self.keys(random);
                self.table.equality_delete("k", keys);
            }
            10 => self.table.set_property("p", &random.random_range(0..9).to_string()),
            _ if random.random_bool(0.5) => {
                self.n_names += 1;
                self.table.add_column(&format!("x{}", self.n_names), "int", Value::Null);
                self.n_columns += 1;
            }
            _ => {
                self.n_names += 1;
                let old = self.table.schema().columns[1].name.clone();
                self.table.rename_column(&old, &format!("v{}", self.n_names));
            }
        }
    }

    /// What a consumer may ask for.
    fn options(&self, mode: Mode, random: &mut StdRng) -> ReadOptions {
        let names: Vec<&str> = self.table.schema().columns.iter().map(|column| column.name.as_str()).collect();
        let some = |random: &mut StdRng| {
            let others = names.iter().skip(1).filter(|_| random.random_bool(0.5));
            names.iter().take(1).chain(others).map(|name| (*name).to_owned()).collect()
        };
        let filters =
            ["k > 5".to_owned(), "w < 6".to_owned(), format!("{} < 'v5' OR k < 9", names[1]), "w IS NULL".to_owned()];
        let filter = &filters[random.random_range(0..filters.len())];
        ReadOptions {
            mode,
            from: [From::Earliest, From::Full, From::Latest][random.random_range(0..3)].clone(),
            columns: random.random_bool(0.5).then(|| some(random)),
            filter: random.random_bool(0.5).then(|| Filter::parse(filter).unwrap()),
            filter_updates: [FilterUpdates::Retract, FilterUpdates::Independent][random.random_range(0..2)],
            drop_kinds: ChangelogOperation::ALL.into_iter().filter(|_| random.random_bool(0.1)).collect(),
            on_non_append: OnNonAppend::AddedOnly,
            batch_rows: 5,
            ..ReadOptions::default()
        }
    }
}

/// A consumer, and a stream of its own that was opened at the same time.
struct Pair {
    consumer: Consumer,
    alone: ChangeStream,
    options: ReadOptions,
    /// Of ten turns it reads in so many.
    speed: u32,
}

impl Pair {
    async fn open(scans: &SharedScans, watch: &TableWatch, options: ReadOptions, random: &mut StdRng) -> Option<Self> {
        let sharing = [Sharing::Always, Sharing::Always, Sharing::Auto, Sharing::Never][random.random_range(0..4)];
        let stream = scans.open(watch.clone(), options.clone(), true, sharing).await;
        match (follow_changes(&watch.newest(), options.clone()).await, stream) {
            (Ok(alone), Ok(stream)) => {
                let speed = [1, 5, 10, 10][random.random_range(0..4)];
                Some(Self { consumer: Consumer::new(stream), alone, options, speed })
            }
            // The schema at its start does not have what it asks for.
            (alone, stream) => {
                assert_eq!(format!("{:?}", alone.unwrap_err()), format!("{:?}", stream.unwrap_err()));
                None
            }
        }
    }

    /// Takes what there is, and compares it.
    async fn finish(&mut self, watch: &mut TableWatch) -> Option<String> {
        self.consumer.drain(watch).await;
        let mut expected = Got::new(self.alone.header());
        drain(&mut self.alone, &mut expected).await;
        self.alone.extend(&watch.newest()).await.unwrap();
        drain(&mut self.alone, &mut expected).await;
        self.consumer.got.difference_to(&expected).map(|text| format!("{:?}: {text}", self.options))
    }
}

#[test]
fn consumers_that_come_and_go_at_random_get_what_they_get_alone() {
    let mut report = Report::new("random schedules");
    for seed in 0..30 {
        let mut random = StdRng::seed_from_u64(seed);
        wait(schedule(&mut report, seed, &mut random));
    }
    let of_each = ["merged", "shared batches", "private batches", "left"].map(|what| report.total(what));
    report.finish();
    assert!(of_each.iter().all(|n| *n > 10), "{of_each:?}");
}

async fn schedule(report: &mut Report, seed: u64, random: &mut StdRng) {
    let mode = [Mode::Changelog, Mode::Changelog, Mode::Upsert, Mode::Append][random.random_range(0..4)];
    let mut grown = Random::new();
    let (source, mut watch) = watch(grown.table.table());
    let settings = SharedSettings { buffer_bytes_max: [1, 6_000, 32 << 20][random.random_range(0..3)] };
    let scans = SharedScans::new(settings);
    let mut pairs: Vec<Pair> = Vec::new();
    let mut left: Option<ReadOptions> = None;
    for _ in 0..3 {
        let options = grown.options(mode, random);
        pairs.extend(Pair::open(&scans, &watch, options, random).await);
    }
    for _ in 0..150 {
        match random.random_range(0..20) {
            0 | 1 => {
                grown.grow(random);
                source.set(grown.table.table());
                watch.hints().notify();
            }
            2 if pairs.len() < 5 => {
                let options = match left.take() {
                    Some(options) => options,
                    None => grown.options(mode, random),
                };
                watch.look().await.unwrap();
                pairs.extend(Pair::open(&scans, &watch, options, random).await);
            }
            3 if pairs.len() > 2 => {
                let mut pair = pairs.remove(random.random_range(0..pairs.len()));
                // Another goes on from where it stopped.
                left = pair.consumer.stream.position().map(|position| ReadOptions {
                    from: From::Position(Box::new(position)),
                    columns: None,
                    filter: None,
                    ..pair.options.clone()
                });
                report.count("left", 1);
                let n = pair.consumer.got.items.len();
                let mut expected = Got::new(pair.alone.header());
                pair.alone.extend(&watch.newest()).await.unwrap();
                drain(&mut pair.alone, &mut expected).await;
                if pair.consumer.got.items[..] != expected.items[..n.min(expected.items.len())] {
                    report.fail(format!("seed {seed} {mode:?}"), "a consumer that left got something else");
                }
            }
            _ => {
                for pair in &mut pairs {
                    if random.random_range(0..10) < pair.speed {
                        for _ in 0..random.random_range(1..4) {
                            pair.consumer.poll(random.random_range(0..30)).await;
                        }
                    }
                }
            }
        }
    }
    for pair in &mut pairs {
        report.count("streams", 1);
        if let Some(text) = pair.finish(&mut watch).await {
            report.fail(format!("seed {seed} {mode:?}"), text);
        }
        report.count("items", pair.consumer.got.items.len());
    }
    let stats = scans.stats();
    report.count("merged", usize::try_from(stats.n_merged).unwrap());
    report.count("detached", usize::try_from(stats.n_detached).unwrap());
    report.count("shared batches", usize::try_from(stats.n_shared_batches).unwrap());
    report.count("private batches", usize::try_from(stats.n_private_batches).unwrap());
}

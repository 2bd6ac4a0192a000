//! Every table that other engines wrote, read by consumers that have little in common.

use frazil_fixtures::{FixtureTable, tables};
use frazil_reader::shared::{SharedScans, SharedSettings, Sharing};
use frazil_reader::{ChangelogOperation, FilterUpdates, From, Mode, OnNonAppend, ReadOptions};
use frazil_table::Table;
use frazil_table::filter::Filter;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::{Consumer, alone, watch};
use crate::fixtures::wait;
use crate::read::open;
use crate::report::Report;

/// Conditions that some rows of a fixture meet, in its first schema and today.
fn conditions(fixture: &FixtureTable, table: &Table) -> Vec<String> {
    let mut all: Vec<String> = fixture.expected_where().into_iter().map(|(condition, _)| condition).collect();
    let schema = table.metadata().current_schema();
    for field in schema.as_struct().fields() {
        let name = &field.name;
        match field.field_type.to_string().as_str() {
            "int" | "long" => all.push(format!("`{name}` > 3")),
            "string" => all.push(format!("`{name}` < 'g'")),
            "double" | "float" => all.push(format!("`{name}` > 1.5 OR `{name}` IS NULL")),
            _ => all.push(format!("`{name}` IS NOT NULL")),
        }
    }
    all.retain(|sql| {
        let parsed = Filter::parse(sql);
        parsed.is_ok_and(|filter| filter.bind(table, schema).is_ok())
    });
    all
}

/// Columns of a fixture, of which the first ones are its key as a rule.
fn selections(fixture: &FixtureTable, table: &Table, random: &mut StdRng) -> Option<Vec<String>> {
    let recorded = fixture.expected_columns();
    if !recorded.is_empty() && random.random_bool(0.5) {
        return Some(recorded[random.random_range(0..recorded.len())].columns.clone());
    }
    let fields = table.metadata().current_schema().as_struct().fields();
    let others = fields.iter().skip(1).filter(|_| random.random_bool(0.4));
    let mut names: Vec<String> = fields.iter().take(1).chain(others).map(|field| field.name.clone()).collect();
    if random.random_bool(0.3) {
        names.reverse();
    }
    Some(names)
}

fn consumers(base: &ReadOptions, fixture: &FixtureTable, table: &Table, random: &mut StdRng) -> Vec<ReadOptions> {
    let conditions = conditions(fixture, table);
    let all_filter = random.random_bool(0.3);
    (0..3)
        .map(|index| {
            let has_filter = index > 0 || all_filter;
            let filter = (has_filter && !conditions.is_empty())
                .then(|| Filter::parse(&conditions[random.random_range(0..conditions.len())]).unwrap());
            ReadOptions {
                columns: if index == 0 && random.random_bool(0.5) { None } else { selections(fixture, table, random) },
                filter,
                filter_updates: [FilterUpdates::Retract, FilterUpdates::Independent][random.random_range(0..2)],
                drop_kinds: ChangelogOperation::ALL.into_iter().filter(|_| random.random_bool(0.15)).collect(),
                ..base.clone()
            }
        })
        .collect()
}

#[test]
fn consumers_of_every_fixture_table_get_what_they_get_alone() {
    let mut report = Report::new("shared scans of fixtures");
    for (index, fixture) in tables().iter().enumerate().filter(|(_, fixture)| fixture.snapshots.len() < 50) {
        wait(async {
            let table = open(fixture).await;
            for (number, mode) in [Mode::Changelog, Mode::Upsert, Mode::Append].into_iter().enumerate() {
                let seed = (index * 10 + number) as u64;
                let mut random = StdRng::seed_from_u64(seed);
                let base = ReadOptions {
                    mode,
                    from: if random.random_bool(0.7) { From::Earliest } else { From::Full },
                    on_non_append: OnNonAppend::AddedOnly,
                    batch_rows: [7, 100, 8192][random.random_range(0..3)],
                    readers: [1, 1, 3][random.random_range(0..3)],
                    ..ReadOptions::default()
                };
                let place = format!("{} {mode:?} {:?} seed {seed}", fixture.label(), base.from);
                let all = consumers(&base, fixture, &table, &mut random);
                check(&mut report, &place, &table, all, &mut random).await;
            }
        });
    }
    assert!(report.total("shared batches") > 1000);
    report.finish();
}

async fn check(report: &mut Report, place: &str, table: &Table, all: Vec<ReadOptions>, random: &mut StdRng) {
    let settings = SharedSettings { buffer_bytes_max: [1, 50_000, 32 << 20][random.random_range(0..3)] };
    let scans = SharedScans::new(settings);
    let (_source, watch) = watch(table.clone());
    let mut expected = Vec::new();
    let mut consumers = Vec::new();
    for options in all {
        let got = scans.open(watch.clone(), options.clone(), false, Sharing::Always).await;
        match (alone(table, options.clone()).await, got) {
            (Ok(alone), Ok(stream)) => {
                expected.push((options, alone));
                consumers.push(Consumer::new(stream));
            }
            (Err(alone), Err(error)) if format!("{alone:?}") == format!("{error:?}") => report.count("refused", 1),
            (alone, got) => report.fail(place, format!("alone {:?}, shared {:?}", alone.err(), got.err())),
        }
    }
    while consumers.iter().any(|consumer| !consumer.is_over) {
        let index = random.random_range(0..consumers.len());
        for _ in 0..random.random_range(1..6) {
            if !consumers[index].is_over {
                consumers[index].poll(usize::MAX).await;
            }
        }
    }
    for (consumer, (options, alone)) in consumers.iter().zip(&expected) {
        report.count("streams", 1);
        report.count("items", alone.items.len());
        if let Some(text) = consumer.got.difference_to(alone) {
            report.fail(place, format!("{options:?}: {text}"));
        }
    }
    let stats = scans.stats();
    report.count("merged", usize::try_from(stats.n_merged).unwrap());
    report.count("detached", usize::try_from(stats.n_detached).unwrap());
    report.count("decoded batches", usize::try_from(stats.n_decoded_batches).unwrap());
    report.count("shared batches", usize::try_from(stats.n_shared_batches).unwrap());
    report.count("private batches", usize::try_from(stats.n_private_batches).unwrap());
}

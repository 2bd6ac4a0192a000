//! Random conditions on one table of many partition specs, row groups, pages and bloom filters: nothing that matches is
//! left out, wherever it is looked for.

use std::collections::BTreeMap;
use std::io::Write as _;

use frazil_testkit::encode::FileLayout;
use frazil_testkit::schema::Column;
use frazil_testkit::{Commit, DataSpec, Row, TestTable, Transform, Value};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::{condition, rows_where};
use crate::built;
use crate::properties::run::histories;

/// Conditions of the suite unless told otherwise.
const N_CONDITIONS: u64 = 400;

const N_ROWS: usize = 300;

const MICROS_PER_HOUR: i64 = 3_600_000_000;

fn row(random: &mut SmallRng, id: i64) -> Row {
    let null = |random: &mut SmallRng, value: Value| if random.random_bool(0.1) { Value::Null } else { value };
    let names = ["", "a", "ab", "abc", "abcd", "abd", "b", "été", "zz", "\u{10ffff}x"];
    let doubles = [0.0, -0.0, 1.5, -1.5, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300];
    let name = names[random.random_range(0..names.len())];
    let double = doubles[random.random_range(0..doubles.len())];
    let day = random.random_range(-40..60);
    let at = random.random_range(-30..30) * MICROS_PER_HOUR / 2 + random.random_range(-1..2);
    let amount = i128::from(random.random_range(-500..500));
    let raw = vec![0xff; random.random_range(0..3)];
    vec![
        id.into(),
        null(random, name.into()),
        null(random, double.into()),
        null(random, Value::Long(day)),
        null(random, Value::Long(at)),
        null(random, amount.into()),
        null(random, raw.into()),
        null(random, random_bool(id)),
    ]
}

fn random_bool(id: i64) -> Value {
    (id % 3 == 0).into()
}

/// Files of every spec, their rows in random order.
fn table(random: &mut SmallRng) -> (TestTable, Vec<Row>) {
    let mut table = TestTable::v2(
        "id long, name string, price double, day date, at timestamp, amount decimal(9,2), raw binary, ok boolean",
        "",
    );
    let specs: [&[(&str, Transform)]; 10] = [
        &[],
        &[("name", Transform::Identity)],
        &[("name", Transform::Truncate(2)), ("ok", Transform::Identity)],
        &[("id", Transform::Truncate(50))],
        &[("id", Transform::Bucket(7))],
        &[("name", Transform::Bucket(3)), ("day", Transform::Year)],
        &[("day", Transform::Month)],
        &[("day", Transform::Day)],
        &[("at", Transform::Day)],
        &[("at", Transform::Hour), ("day", Transform::Void)],
    ];
    let mut all = Vec::new();
    for fields in specs {
        let spec_id = table.partition_by(fields);
        let mut by_partition: BTreeMap<Vec<Value>, Vec<Row>> = BTreeMap::new();
        for _ in 0..N_ROWS {
            let row = row(random, i64::try_from(all.len()).unwrap());
            by_partition.entry(table.partition_of(spec_id, &row)).or_default().push(row.clone());
            all.push(row);
        }
        let mut commit = Commit::new("append");
        commit.manifests.files_max = 3;
        for (partition, rows) in by_partition {
            let layout = FileLayout {
                row_group_rows: random.random_range(5..40),
                page_rows: random.random_range(2..10),
                bloom_filters: random.random_bool(0.5),
                dictionary: random.random_bool(0.5),
                statistics: random.random_bool(0.8),
                compressed: false,
            };
            let bound_bytes = [None, Some(16), Some(1_000)][random.random_range(0..3)];
            let data = DataSpec { rows, partition: Some(partition), layout, bound_bytes, ..DataSpec::default() };
            let file = table.write_data(data);
            commit.add(file);
        }
        table.commit(commit);
    }
    (table, all)
}

#[test]
fn no_matching_row_is_left_out_by_partitions_statistics_or_bloom_filters() {
    let (first, n) = histories(N_CONDITIONS);
    let mut random = SmallRng::seed_from_u64(0x1a7_0075);
    let (test_table, all) = table(&mut random);
    let columns: Vec<(Column, Vec<Value>)> = test_table
        .schema()
        .columns
        .iter()
        .enumerate()
        .map(|(index, column)| (column.clone(), all.iter().map(|row| row[index].clone()).collect::<Vec<_>>()))
        .map(|(column, pool)| (column, pool.into_iter().filter(|value| !value.is_null()).collect()))
        .collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let table = test_table.table();
    let mut n_rows = 0;
    for seed in first..first + n {
        let mut dice = SmallRng::seed_from_u64(seed);
        let condition = condition::random(&mut dice, &columns, 2);
        let sql = condition.sql();
        let value_of = |row: &Row, column: &Column| row[usize::try_from(column.id - 1).unwrap()].clone();
        let matching = all.iter().filter(|row| condition.holds(&|column| value_of(row, column)) == Some(true));
        let mut expected: Vec<Row> = matching.cloned().collect();
        expected.sort();
        let mut found = runtime
            .block_on(built::rows(&table, rows_where(&sql)))
            .unwrap_or_else(|error| panic!("FRAZIL_SEED={seed}: {sql}: {error}"));
        found.sort();
        let missing: Vec<&Row> = expected.iter().filter(|row| found.binary_search(row).is_err()).collect();
        assert!(
            found == expected,
            "FRAZIL_SEED={seed}: {sql}\n  {} instead of {} rows, missing {missing:?}",
            found.len(),
            expected.len()
        );
        n_rows += found.len();
    }
    let line = format!("filters on {} rows in all layouts: {n} conditions, {n_rows} rows\n", all.len());
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

/// Rows wide enough that looking for pages pays, and reading the columns of the filter before the others.
#[test]
fn no_matching_row_is_left_out_by_pages() {
    let mut random = SmallRng::seed_from_u64(7);
    let mut table = TestTable::v2("id long, name string, price double, payload string", "");
    let rows: Vec<Row> = (0..6_000_i64)
        .map(|id| {
            let name = if random.random_bool(0.1) { Value::Null } else { format!("{:05}", id / 7).into() };
            let price = if random.random_bool(0.1) { f64::NAN } else { f64::from(random.random_range(0..50)) };
            vec![id.into(), name, price.into(), format!("{id:0>400}").into()]
        })
        .collect();
    let layout = FileLayout { row_group_rows: 2_500, page_rows: 100, dictionary: false, ..FileLayout::default() };
    let file = table.write_data(DataSpec { rows: rows.clone(), layout, ..DataSpec::default() });
    let path = file.path().to_owned();
    let mut commit = Commit::new("append");
    commit.add(file);
    table.commit(commit);
    // Positions are positions in the file, whatever was skipped before them.
    let deleted: Vec<usize> = (0..6_000).step_by(3).collect();
    table.delete().delete_at(&path, deleted.clone()).commit();
    table.delete().delete_where("name", ["00100", "00101"]).commit();
    let live: Vec<Row> = rows
        .into_iter()
        .enumerate()
        .filter(|(position, row)| position % 3 != 0 && row[1] != "00100".into() && row[1] != "00101".into())
        .map(|(_, row)| row)
        .collect();
    let columns: Vec<(Column, Vec<Value>)> = table
        .schema()
        .columns
        .iter()
        .enumerate()
        .take(3)
        .map(|(index, column)| (column.clone(), live.iter().map(|row| row[index].clone()).collect()))
        .collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let read = table.table();
    let (first, n) = histories(100);
    for seed in first..first + n.min(100) {
        let mut dice = SmallRng::seed_from_u64(seed);
        let condition = condition::random(&mut dice, &columns, 2);
        let sql = condition.sql();
        let value_of = |row: &Row, column: &Column| row[usize::try_from(column.id - 1).unwrap()].clone();
        let matching = live.iter().filter(|row| condition.holds(&|column| value_of(row, column)) == Some(true));
        let expected: Vec<Row> = matching.cloned().collect();
        let found = runtime.block_on(built::rows(&read, rows_where(&sql))).unwrap();
        assert!(found == expected, "FRAZIL_SEED={seed}: {sql}: {} instead of {} rows", found.len(), expected.len());
    }
}

//! What is read for a filter, of a table that is made for it: 4 regions of 5 files, each file in a manifest of its own,
//! sorted by `id`, with page indexes and bloom filters.

use std::io::Write as _;
use std::ops::RangeInclusive;

use frazil_table::Table;
use frazil_table::filter::{BoundFilter, Filter};
use frazil_table::manifest::{live_files, manifest_list};
use frazil_table::scan::{FileReader, Projection};
use frazil_testkit::encode::FileLayout;
use frazil_testkit::{Commit, DataSpec, Row, TestTable, Transform, Value};
use rstest::rstest;

use super::rows_where;
use crate::built;

const REGIONS: [&str; 4] = ["ap", "eu", "sa", "us"];
const N_FILES: usize = 5;
const N_ROWS: usize = 8_000;

/// Rows of one region have consecutive ids; `code` is scattered; `payload` makes rows wide.
fn rows(region: usize, file: usize) -> Vec<Row> {
    let first = (region * N_FILES + file) * N_ROWS;
    (first..first + N_ROWS)
        .map(|id| {
            let code = format!("{:016x}", (id as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let id = i64::try_from(id).unwrap();
            vec![id.into(), REGIONS[region].into(), code.into(), format!("{id:0>120}").into()]
        })
        .collect()
}

fn table() -> TestTable {
    let mut table = TestTable::v2("id long, region string, code string, payload string", "");
    table.partition_by(&[("region", Transform::Identity)]);
    let layout = FileLayout {
        row_group_rows: 4_000,
        page_rows: 250,
        bloom_filters: true,
        dictionary: false,
        ..FileLayout::default()
    };
    for (index, region) in REGIONS.iter().enumerate() {
        for file in 0..N_FILES {
            let partition = Some(vec![Value::from(*region)]);
            let rows = rows(index, file);
            let data = DataSpec { rows, partition, layout, bound_bytes: Some(16), ..DataSpec::default() };
            let file = table.write_data(data);
            let mut commit = Commit::new("append");
            commit.add(file);
            table.commit(commit);
        }
    }
    table
}

/// What is left to look at, level by level.
#[derive(Debug, PartialEq, Eq)]
struct Funnel {
    n_manifests: usize,
    n_files: usize,
    n_row_groups: usize,
    /// Rows of pages that may match.
    n_page_rows: u64,
}

async fn funnel(table: &Table, filter: &BoundFilter) -> Funnel {
    let snapshot = table.metadata().current_snapshot().unwrap();
    let projection = Projection::of_schema(table, table.metadata().current_schema()).unwrap();
    let manifests = manifest_list(table, snapshot).await.unwrap();
    let files = live_files(table, snapshot).await.unwrap().data;
    let files: Vec<_> = files.into_iter().filter(|file| filter.may_match_file(table, file)).collect();
    let (mut n_row_groups, mut n_page_rows) = (0, 0);
    for file in &files {
        let reader = FileReader::open(table, file).await.unwrap();
        let select = reader.rows_that_may_match(filter, &projection).await.unwrap();
        let row_groups = select.row_groups.unwrap();
        n_row_groups += row_groups.len();
        let rows_of = |index: &usize| reader.row_groups()[*index].n_rows;
        n_page_rows += select.positions.map_or_else(|| row_groups.iter().map(rows_of).sum(), |rows| rows.len());
    }
    let n_manifests = manifests.iter().filter(|manifest| filter.may_match_manifest(table, manifest)).count();
    Funnel { n_manifests, n_files: files.len(), n_row_groups, n_page_rows }
}

/// Requests and bytes of reading all rows without a filter: every manifest and every file.
const ALL: Funnel = Funnel { n_manifests: 20, n_files: 20, n_row_groups: 40, n_page_rows: 160_000 };

#[rstest]
#[case::a_partition("region = 'eu'", 40_000, Funnel { n_manifests: 5, n_files: 5, n_row_groups: 10, n_page_rows: 40_000 }, 25..=25)]
#[case::two_partitions("region IN ('eu', 'us')", 80_000, Funnel { n_manifests: 10, n_files: 10, n_row_groups: 20, n_page_rows: 80_000 }, 50..=50)]
#[case::a_prefix_of_partitions("region LIKE 'a%'", 40_000, Funnel { n_manifests: 5, n_files: 5, n_row_groups: 10, n_page_rows: 40_000 }, 25..=25)]
#[case::no_partition("region = 'xx'", 0, Funnel { n_manifests: 0, n_files: 0, n_row_groups: 0, n_page_rows: 0 }, 0..=0)]
#[case::not_a_partition("NOT region <> 'sa'", 40_000, Funnel { n_manifests: 5, n_files: 5, n_row_groups: 10, n_page_rows: 40_000 }, 25..=25)]
#[case::a_range("id BETWEEN 100000 AND 100099", 100, Funnel { n_manifests: 20, n_files: 1, n_row_groups: 1, n_page_rows: 250 }, 0..=1)]
#[case::a_range_over_row_groups("id >= 3900 AND id < 4100", 200, Funnel { n_manifests: 20, n_files: 1, n_row_groups: 2, n_page_rows: 500 }, 0..=1)]
#[case::ends("id < 10 OR id >= 159990", 20, Funnel { n_manifests: 20, n_files: 2, n_row_groups: 2, n_page_rows: 500 }, 0..=2)]
#[case::partition_and_range("region = 'us' AND id > 159999", 0, Funnel { n_manifests: 5, n_files: 0, n_row_groups: 0, n_page_rows: 0 }, 0..=0)]
#[case::a_bloom_filter("code = 'd45cee1a14ac2825'", 1, Funnel { n_manifests: 20, n_files: 20, n_row_groups: 2, n_page_rows: 8_000 }, 0..=10)]
#[case::few_rows_of_wide_ones(
    "code LIKE '%2825'",
    3,
    ALL,
    0..=25
)]
#[case::nothing_known("payload LIKE '%77777'", 1, ALL, 100..=100)]
#[tokio::test]
async fn what_cannot_match_is_not_read(
    #[case] sql: &str,
    #[case] n_rows: usize,
    #[case] expected: Funnel,
    #[case] percent_of_bytes: RangeInclusive<u64>,
) {
    let test_table = table();
    let filter = Filter::parse(sql).unwrap();
    let probe = test_table.table();
    let filter = filter.bind(&probe, probe.metadata().current_schema()).unwrap();
    let found = funnel(&probe, &filter).await;
    let (n_found, n_requests, n_bytes) = measured(&test_table, sql).await;
    let (_, all_requests, all_bytes) = measured(&test_table, "TRUE").await;
    let percent = n_bytes * 100 / all_bytes;
    let line = format!(
        "`{sql}`: {n_found} rows; manifests {}/20, files {}/20, row groups {}/40, rows of pages {}/160000; \
         requests {n_requests}/{all_requests}, bytes {n_bytes}/{all_bytes} ({percent} %)\n",
        found.n_manifests, found.n_files, found.n_row_groups, found.n_page_rows
    );
    std::io::stderr().write_all(line.as_bytes()).unwrap();
    assert_eq!(n_found, n_rows, "{line}");
    assert_eq!(found, expected, "{line}");
    assert!(percent_of_bytes.contains(&percent), "{line}");
}

/// Rows found, requests and bytes, metadata included.
async fn measured(test_table: &TestTable, sql: &str) -> (usize, u64, u64) {
    let table = test_table.table();
    let before = table.storage().counters();
    let rows = built::rows(&table, rows_where(sql)).await.unwrap();
    let after = table.storage().counters();
    (rows.len(), after.n_requests - before.n_requests, after.n_bytes_read - before.n_bytes_read)
}

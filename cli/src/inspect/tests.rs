//! Tables that other engines wrote: counts against what those engines say of them, and text as people see it.
#![allow(clippy::unwrap_used, clippy::panic)]
use std::collections::HashMap;

use frazil_fixtures::{FixtureTable, table, tables};
use frazil_table::Table;
use frazil_table::catalog::{TableLocator, table_source};
use frazil_table::lineage::Lineage;
use frazil_table::storage::{PathMap, Storage};
use rstest::rstest;

use super::report::{Report, Settings, gather};
use super::text::render;
use crate::output::Look;

async fn open(fixture: &FixtureTable) -> Table {
    let mut maps = FixtureTable::path_maps();
    // One line is enough for all spellings of a bucket.
    maps.retain(|map| !map.starts_with("s3a:"));
    let path_map = PathMap::parse(&maps).unwrap();
    let locator = TableLocator::Path(fixture.metadata_file.display().to_string());
    table_source(&locator, &Storage::local().with_path_map(path_map)).load().await.unwrap()
}

/// As of an hour after the last commit.
async fn inspect(fixture: &FixtureTable, n_partitions_max: usize) -> Report {
    let table = open(fixture).await;
    let lineage = Lineage::of_branch(table.metadata(), table.metadata_location(), "main").unwrap();
    let head_ms = lineage.head().map_or(0, |head| head.timestamp_ms());
    let settings = Settings { n_partitions_max, now_ms: head_ms + 3_600_000 };
    gather(&table, &lineage, "main", settings).await.unwrap()
}

#[tokio::test]
async fn totals_are_those_that_the_writers_put_into_their_summaries() {
    let mut n_compared = 0;
    for fixture in tables() {
        let report = inspect(fixture, usize::MAX).await;
        let Some(files) = report.files else { continue };
        let table = open(fixture).await;
        let head = table.metadata().snapshot_by_id(files.snapshot_id).unwrap();
        let summary: &HashMap<String, String> = &head.summary().additional_properties;
        let total = &files.total;
        for (key, found) in [
            ("total-data-files", total.data_files),
            ("total-delete-files", total.delete_files()),
            ("total-records", total.data_rows),
            ("total-files-size", total.data_bytes + total.delete_bytes),
            ("total-position-deletes", total.deleted_positions),
            ("total-equality-deletes", total.equality_delete_entries),
        ] {
            let Some(expected) = summary.get(key) else { continue };
            assert_eq!(&found.to_string(), expected, "{key} of {}", fixture.label());
            n_compared += 1;
        }
        let manifests = report.manifests.unwrap();
        assert!(manifests.bytes > 0 && manifests.small_manifests == manifests.count(), "{}", fixture.label());
        assert!(report.history.metadata_file_bytes.is_some_and(|bytes| bytes > 0), "{}", fixture.label());
    }
    assert!(n_compared > 200, "{n_compared}");
}

/// Expected figures were computed from the lists of files and sequence numbers that the writing engines left beside
/// the tables: data files with an older number than an equality delete of their partition, and deletes that are
/// not newer than any data file of theirs.
#[rstest]
#[case("upsert_v3", &[27, 29, 23, 4])]
#[case("upsert_v2", &[27, 29, 23, 4])]
#[case("upsert_unpartitioned_v2", &[15, 17, 13, 2])]
#[case("compacted_v2", &[14, 9, 10, 0])]
#[case("eq_upsert", &[6, 7, 5, 1])]
#[case("eq_avro", &[6, 7, 5, 1])]
#[case("eq_orc", &[6, 7, 5, 1])]
#[case("eq_global", &[4, 3, 4, 0])]
#[case("mor_pos", &[5, 0, 0, 0])]
#[case("many_small", &[40, 0, 0, 0])]
#[tokio::test]
async fn reach_of_deletes_follows_sequence_numbers_and_partitions(#[case] name: &str, #[case] expected: &[u64]) {
    let total = inspect(table(name), usize::MAX).await.files.unwrap().total;
    let found = [
        total.data_files,
        total.equality_delete_files,
        total.data_files_under_equality_deletes,
        total.dangling_delete_files,
    ];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn each_partition_has_its_own_figures() {
    let files = inspect(table("upsert_v3"), usize::MAX).await.files.unwrap();
    let figures: Vec<_> = files
        .partitions
        .iter()
        .map(|partition| {
            let counts = &partition.counts;
            (
                partition.partition.as_str(),
                counts.data_files,
                counts.data_rows,
                counts.equality_delete_files,
                counts.data_files_under_equality_deletes,
                counts.dangling_delete_files,
            )
        })
        .collect();
    // As above, from the writer's own lists.
    let expected = [
        ("id_bucket=0", 7, 25, 8, 6, 1),
        ("id_bucket=1", 8, 38, 8, 7, 1),
        ("id_bucket=2", 5, 17, 5, 4, 1),
        ("id_bucket=3", 7, 29, 8, 6, 1),
    ];
    assert_eq!(figures, expected);
}

#[tokio::test]
async fn the_partitions_with_most_to_do_are_shown_and_the_total_is_of_all() {
    let files = inspect(table("upsert_v3"), 2).await.files.unwrap();
    let shown: Vec<&str> = files.partitions.iter().map(|partition| partition.partition.as_str()).collect();
    assert_eq!((shown.len(), files.n_partitions, files.total.data_files), (2, 4, 27));
    assert!(shown.contains(&"id_bucket=1"), "{shown:?}");
    let text = render(&inspect(table("upsert_v3"), 2).await, 100, Look::default());
    assert!(text.contains("\n  2 more partitions, with fewer small files and deletes"), "{text}");
}

#[tokio::test]
async fn the_newest_snapshots_are_shown_and_the_others_counted() {
    let fixture = table("upsert_v3");
    let text = render(&inspect(fixture, 50).await, 2, Look::default());
    assert!(text.contains("\nsnapshots: 9\n  7 older ones; --snapshots shows more\n"), "{text}");
    let is_shown = |index: usize| text.contains(&format!("  {}  ", fixture.snapshots[index].snapshot_id));
    // The parent of the eighth is named too.
    assert_eq!([5, 7, 8].map(is_shown), [false, true, true]);
    let text = render(&inspect(fixture, 50).await, 0, Look::default());
    assert!(text.contains("\n  9 older ones; --snapshots shows more\n\nbranches"), "{text}");
}

const HEALTH_OF_UPSERT_V3: &str = "
health: 87 of 100
  warning   27 of 27 data files are below 384.0 MB and have others beside them to be merged with; most in id_bucket=1 (8), id_bucket=0 (7), id_bucket=3 (7)  (-10)
            why: every file costs a request, a footer and an entry in a manifest, whatever its size
            do:  rewrite the data files, beginning with partitions id_bucket=1, id_bucket=0, id_bucket=3, for example with Spark's rewrite_data_files; let writers commit less often, or distribute rows by partition before they write
  info      29 equality delete files with 112 keys apply to 23 of 27 data files; most in id_bucket=0 (8), id_bucket=1 (8), id_bucket=3 (8)  (-2)
            why: every read loads their keys and looks each row of those files up in them
            do:  rewrite the data files that they apply to, beginning with partitions id_bucket=0, id_bucket=1, id_bucket=3, for example with Spark's rewrite_data_files and delete-file-threshold 1
  info      4 of 34 delete files apply to no data file any more  (-1)
            why: they are listed, planned with and stored for nothing
            do:  remove them, for example with Spark's rewrite_data_files and remove-dangling-deletes
";

#[tokio::test]
async fn findings_are_told_with_why_and_what_to_do() {
    let text = render(&inspect(table("upsert_v3"), 50).await, 100, Look::default());
    assert!(text.ends_with(HEALTH_OF_UPSERT_V3), "{text}");
    assert!(!text.contains('\u{1b}'));
    let coloured = render(&inspect(table("upsert_v3"), 50).await, 100, Look { is_coloured: true, is_terminal: true });
    assert!(coloured.contains("\u{1b}[33mwarning \u{1b}[0m  27 of 27"), "{coloured}");
}

#[tokio::test]
async fn a_table_without_snapshots_has_no_files_and_no_health() {
    let report = inspect(table("empty"), 50).await;
    assert!(report.files.is_none() && report.health.is_none() && report.manifests.is_none());
    assert_eq!((report.history.snapshots, report.history.expirable_snapshots), (0, 0));
    let text = render(&report, 100, Look::default());
    assert!(text.contains("\nfiles: the branch has no snapshot yet\n") && !text.contains("health"), "{text}");
    assert!(text.contains("  oldest snapshot      none\n"), "{text}");
}

#[tokio::test]
async fn names_in_json_are_stable() {
    let json = serde_json::to_value(inspect(table("upsert_v3"), 50).await).unwrap();
    let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(
        keys(&json),
        "table table_uuid format_version location metadata_file last_updated last_sequence_number current_schema_id \
         schemas partition_specs properties snapshots refs history manifests files health"
    );
    assert_eq!(
        keys(&json["history"]),
        "snapshots oldest_snapshot oldest_snapshot_age_ms max_snapshot_age_ms min_snapshots_to_keep \
         expirable_snapshots metadata_file_bytes growth"
    );
    assert_eq!(
        keys(&json["manifests"]),
        "data_manifests delete_manifests bytes average_bytes small_manifest_size_bytes small_manifests"
    );
    assert_eq!(
        keys(&json["files"]),
        "branch snapshot_id small_file_size_bytes total data_files_beyond_equality_deletes n_partitions partitions"
    );
    assert_eq!(
        keys(&json["files"]["total"]),
        "data_files data_rows data_bytes average_file_size_bytes small_files small_file_ratio position_delete_files \
         equality_delete_files deletion_vectors delete_entries delete_bytes deleted_positions deleted_row_ratio \
         equality_delete_entries data_files_under_equality_deletes dangling_delete_files"
    );
    assert_eq!(keys(&json["health"]), "score findings");
    assert_eq!(keys(&json["health"]["findings"][0]), "code severity points what why remedy");
    assert_eq!(json["health"]["findings"][0]["severity"], "warning");
}

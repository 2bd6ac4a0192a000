#![allow(clippy::unwrap_used)]
use rstest::rstest;

use super::*;
use crate::inspect::history::{Commit, Reference, Retention};

/// A table in good order: 10 large files in each of two partitions.
#[derive(Clone)]
struct Sample {
    partitions: Vec<(String, Counts)>,
    total: Counts,
    beyond: u64,
    manifests: ManifestsReport,
    n_old_snapshots: usize,
    metadata_file_bytes: Option<u64>,
}

fn healthy() -> Sample {
    let counts =
        Counts { data_files: 10, data_rows: 1_000_000, data_bytes: 5120 * MB, small_files: 1, ..Counts::default() };
    let total =
        Counts { data_files: 20, data_rows: 2_000_000, data_bytes: 10_240 * MB, small_files: 2, ..Counts::default() };
    Sample {
        partitions: vec![("p=a".to_owned(), counts.clone()), ("p=b".to_owned(), counts)],
        total,
        beyond: 0,
        manifests: ManifestsReport { data_manifests: 3, bytes: 24 * MB, small_manifests: 1, ..Default::default() },
        n_old_snapshots: 0,
        metadata_file_bytes: Some(MB),
    }
}

impl Sample {
    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn assess(&self) -> Health {
        let partitions: Vec<Named<'_>> = self.partitions.iter().map(|(name, counts)| Named { name, counts }).collect();
        // Day 0 for what is too old, day 1,000 for the head.
        let n = i64::try_from(self.n_old_snapshots).unwrap();
        let commit = |id| Commit {
            snapshot_id: id,
            parent_snapshot_id: (id > 0).then(|| id - 1),
            timestamp_ms: if id == n { 86_400_000_000 } else { 0 },
            added_data_files: None,
            added_rows: None,
            added_bytes: None,
        };
        let commits: Vec<Commit> = (0..=n).map(commit).collect();
        let head =
            Reference { snapshot_id: n, is_branch: true, max_snapshot_age_ms: None, min_snapshots_to_keep: None };
        let retention = Retention::of(|_| None);
        let history = HistoryReport::new(&commits, &[], &[head], retention, self.metadata_file_bytes, 86_400_000_000);
        assess(&Facts {
            partitions: &partitions,
            total: &self.total,
            small_file_size_bytes: 384 * MB,
            data_files_beyond_equality_deletes: self.beyond,
            manifests: &self.manifests,
            history: &history,
        })
    }

    /// Changes the counts of partition `p=b`.
    fn second(&mut self) -> &mut Counts {
        &mut self.partitions[1].1
    }
}

fn codes(health: &Health) -> Vec<(&'static str, &'static str, u8)> {
    health.findings.iter().map(|finding| (finding.code, finding.severity.name(), finding.points)).collect()
}

#[test]
fn a_table_in_good_order_has_the_full_score() {
    let health = healthy().assess();
    assert_eq!((health.score, codes(&health)), (100, vec![]));
}

#[test]
fn an_empty_table_has_the_full_score() {
    let empty = Sample {
        partitions: Vec::new(),
        total: Counts::default(),
        manifests: ManifestsReport::default(),
        metadata_file_bytes: None,
        ..healthy()
    };
    assert_eq!(empty.assess().score, 100);
}

/// Each row: small files of one partition and the data files of the table, and what is found.
#[rstest]
#[case::too_few_to_merge(4, 8, None)]
#[case::a_small_share(5, 17, None)]
#[case::at_the_threshold(6, 20, Some(("SMALL_FILES", "warning", 10)))]
#[case::nearly_all_of_few(99, 100, Some(("SMALL_FILES", "warning", 10)))]
#[case::many_and_most(100, 142, Some(("SMALL_FILES", "critical", 25)))]
#[case::many_and_not_most(100, 150, Some(("SMALL_FILES", "warning", 10)))]
fn small_files_count_where_they_can_be_merged(
    #[case] small: u64,
    #[case] all: u64,
    #[case] expected: Option<(&'static str, &'static str, u8)>,
) {
    let health = healthy()
        .with(|sample| {
            sample.second().small_files = small;
            sample.total.data_files = all;
        })
        .assess();
    assert_eq!(codes(&health), Vec::from_iter(expected));
    assert_eq!(health.score, 100 - expected.map_or(0, |(_, _, points)| points));
}

#[rstest]
#[case::none(0, 0, None)]
#[case::that_apply_to_nothing(50, 0, None)]
#[case::few(9, 3, Some(("info", 2)))]
#[case::at_the_threshold(10, 3, Some(("warning", 10)))]
#[case::many(100, 3, Some(("critical", 25)))]
fn equality_deletes_count_where_they_apply(
    #[case] deletes: u64,
    #[case] under: u64,
    #[case] expected: Option<(&'static str, u8)>,
) {
    let health = healthy()
        .with(|sample| {
            sample.second().equality_delete_files = deletes;
            sample.second().data_files_under_equality_deletes = under;
            sample.total.equality_delete_files = deletes;
            sample.total.data_files_under_equality_deletes = under;
        })
        .assess();
    let expected = expected.map(|(severity, points)| ("EQUALITY_DELETES_PENDING", severity, points));
    assert_eq!(codes(&health), Vec::from_iter(expected));
}

#[rstest]
#[case::below(0.29, 0.1, None)]
#[case::in_one_partition(0.3, 0.1, Some(("warning", 10)))]
#[case::in_the_whole_table(0.5, 0.3, Some(("critical", 20)))]
fn deleted_rows_count_by_their_share(
    #[case] in_partition: f64,
    #[case] in_table: f64,
    #[case] expected: Option<(&'static str, u8)>,
) {
    let health = healthy()
        .with(|sample| {
            sample.second().deleted_row_ratio = in_partition;
            sample.second().deleted_positions = 300_000;
            sample.total.deleted_row_ratio = in_table;
        })
        .assess();
    let expected = expected.map(|(severity, points)| ("DELETED_ROWS", severity, points));
    assert_eq!(codes(&health), Vec::from_iter(expected));
}

#[rstest]
#[case::as_many_as_data_files(20, None)]
#[case::more_than_data_files(21, Some(("POSITION_DELETE_FILES", "warning", 10)))]
fn position_delete_files_count_against_data_files(
    #[case] n: u64,
    #[case] expected: Option<(&'static str, &'static str, u8)>,
) {
    let health = healthy().with(|sample| sample.total.position_delete_files = n).assess();
    assert_eq!(codes(&health), Vec::from_iter(expected));
}

#[rstest]
#[case::one(1, 5, ("info", 1))]
#[case::many_of_very_many(10, 200, ("info", 1))]
#[case::a_tenth(10, 100, ("warning", 5))]
fn dangling_deletes_count_by_their_share(
    #[case] dangling: u64,
    #[case] all: u64,
    #[case] (severity, points): (&'static str, u8),
) {
    let health = healthy()
        .with(|sample| {
            sample.total.dangling_delete_files = dangling;
            sample.total.deletion_vectors = all;
        })
        .assess();
    assert_eq!(codes(&health), [("DANGLING_DELETES", severity, points)]);
}

#[rstest]
#[case(99, None)]
#[case(100, Some(("SMALL_MANIFESTS", "warning", 10)))]
#[case(1000, Some(("SMALL_MANIFESTS", "critical", 20)))]
fn small_manifests_count(#[case] n: u64, #[case] expected: Option<(&'static str, &'static str, u8)>) {
    let health = healthy().with(|sample| sample.manifests.small_manifests = n).assess();
    assert_eq!(codes(&health), Vec::from_iter(expected));
}

#[rstest]
#[case(Some(16 * MB - 1), None)]
#[case(Some(16 * MB), Some(("METADATA_SIZE", "warning", 10)))]
#[case(Some(128 * MB), Some(("METADATA_SIZE", "critical", 20)))]
#[case(None, None)]
fn the_metadata_file_counts_by_its_size(
    #[case] bytes: Option<u64>,
    #[case] expected: Option<(&'static str, &'static str, u8)>,
) {
    let health = healthy().with(|sample| sample.metadata_file_bytes = bytes).assess();
    assert_eq!(codes(&health), Vec::from_iter(expected));
}

#[rstest]
#[case(1, ("info", 1))]
#[case(99, ("info", 1))]
#[case(100, ("warning", 10))]
fn snapshots_past_retention_count(#[case] n: usize, #[case] (severity, points): (&'static str, u8)) {
    let health = healthy().with(|sample| sample.n_old_snapshots = n).assess();
    assert_eq!(codes(&health), [("SNAPSHOTS_PAST_RETENTION", severity, points)]);
    assert!(health.findings[0].what.starts_with(&format!("{n} of {} snapshots", n + 1)));
}

#[test]
fn many_partitions_with_little_data_are_too_fine() {
    let counts = Counts { data_files: 1, data_bytes: MB, small_files: 1, ..Counts::default() };
    let partitions = (0..100).map(|day| (format!("day={day}"), counts.clone())).collect();
    let total = Counts { data_files: 100, data_bytes: 100 * MB, small_files: 100, ..Counts::default() };
    let sample = Sample { partitions, total, ..healthy() };
    // Their files are small, and nothing could merge them.
    assert_eq!(codes(&sample.assess()), [("TINY_PARTITIONS", "warning", 10)]);
}

#[rstest]
#[case::far_above_the_median(10, Some(("PARTITION_SKEW", "info", 2)))]
#[case::not_far_enough(9, None)]
fn one_partition_that_is_far_larger_is_skew(
    #[case] times: u64,
    #[case] expected: Option<(&'static str, &'static str, u8)>,
) {
    let health = healthy()
        .with(|sample| {
            let counts = sample.partitions[0].1.clone();
            sample.partitions.push(("p=c".to_owned(), counts.clone()));
            sample.partitions.push(("p=d".to_owned(), Counts { data_bytes: counts.data_bytes * times, ..counts }));
        })
        .assess();
    assert_eq!(codes(&health), Vec::from_iter(expected));
}

#[test]
fn files_that_equality_deletes_do_not_reach_are_a_warning() {
    let health = healthy().with(|sample| sample.beyond = 3).assess();
    assert_eq!(codes(&health), [("EQUALITY_DELETES_ACROSS_SPECS", "warning", 10)]);
}

#[test]
fn findings_are_sorted_by_urgency_and_name_the_worst_partitions() {
    let health = healthy()
        .with(|sample| {
            sample.second().small_files = 200;
            sample.partitions[0].1.small_files = 7;
            sample.total.data_files = 210;
            sample.total.dangling_delete_files = 1;
            sample.total.deletion_vectors = 1;
            sample.beyond = 1;
        })
        .assess();
    let severities: Vec<&str> = health.findings.iter().map(|finding| finding.severity.name()).collect();
    assert_eq!(severities, ["critical", "warning", "info"]);
    assert_eq!(health.score, 100 - 25 - 10 - 1);
    let small = &health.findings[0];
    assert!(small.what.ends_with("most in p=b (200), p=a (7)"), "{}", small.what);
    assert!(small.remedy.contains("beginning with partitions p=b, p=a"), "{}", small.remedy);
    assert!(health.findings.iter().all(|finding| !finding.why.is_empty()));
}

#[test]
fn the_score_ends_at_zero() {
    let health = healthy()
        .with(|sample| {
            sample.second().small_files = 1000;
            sample.second().equality_delete_files = 500;
            sample.second().data_files_under_equality_deletes = 1000;
            sample.second().deleted_row_ratio = 1.0;
            sample.total = Counts {
                data_files: 1000,
                equality_delete_files: 500,
                data_files_under_equality_deletes: 1000,
                deleted_row_ratio: 0.9,
                position_delete_files: 2000,
                dangling_delete_files: 500,
                ..sample.total.clone()
            };
            sample.manifests.small_manifests = 5000;
            sample.metadata_file_bytes = Some(1024 * MB);
            sample.beyond = 10;
        })
        .assess();
    assert_eq!(health.score, 0);
}

#![allow(clippy::unwrap_used)]
use rstest::rstest;

use super::*;

fn with(pairs: &[(&str, &str)]) -> Result<CompactionOptions> {
    let mut options = CompactionOptions::default();
    options.set_all(pairs.iter().copied())?;
    Ok(options)
}

#[test]
fn every_option_is_set_by_its_name() {
    let options = with(&[
        ("target-file-size-bytes", "256MB"),
        ("min-file-size-bytes", "1024"),
        ("max-file-size-bytes", "1 GiB"),
        ("min-input-files", "2"),
        ("delete-file-threshold", "none"),
        ("delete-ratio-threshold", "0.5"),
        ("max-file-group-size-bytes", "2t"),
        ("max-concurrent-file-group-rewrites", "7"),
        ("partial-progress.max-failed-commits", "3"),
        ("partial-progress.max-commits", "5"),
        ("partial-progress.enabled", "true"),
        ("rewrite-job-order", "bytes-desc"),
        ("rewrite-all", "TRUE"),
        ("remove-dangling-deletes", "true"),
        ("where", "day = '2026-01-01'"),
        ("output-spec-id", "2"),
        ("on-conflict", "redo"),
        ("output-sequence-number", "max-input"),
        ("memory-limit-bytes", "512MB"),
        ("sort", "table"),
        ("verify", "checksum"),
        ("branch", "audit"),
    ]);
    let expected = CompactionOptions {
        branch: "audit".to_owned(),
        target_file_size_bytes: Some(268_435_456),
        min_file_size_bytes: Some(1024),
        max_file_size_bytes: Some(1_073_741_824),
        min_input_files: 2,
        delete_file_threshold: None,
        delete_ratio_threshold: 0.5,
        max_file_group_size_bytes: 2_199_023_255_552,
        max_concurrent_file_group_rewrites: 7,
        partial_progress: Some(PartialProgress { commits_max: 5, failed_commits_max: 3 }),
        rewrite_job_order: JobOrder::BytesDesc,
        rewrite_all: true,
        remove_dangling_deletes: true,
        filter: Some("day = '2026-01-01'".to_owned()),
        output_spec_id: Some(SpecId::new(2)),
        on_conflict: OnConflict::Redo,
        output_sequence_number: OutputSequenceNumber::MaxInput,
        memory_limit_bytes: 536_870_912,
        sort: SortRows::TableOrder,
        verify: Verify::Checksum,
    };
    assert_eq!(options.unwrap(), expected);
    assert_eq!(CompactionOptions::names().len(), 22);
}

#[test]
fn every_name_is_known() {
    for name in CompactionOptions::names() {
        let error = CompactionOptions::default().set(name, "\u{1}").err().map(|error| error.to_string());
        assert!(error.is_none_or(|error| !error.contains("there is no")), "{name}");
    }
}

#[test]
fn commits_that_may_fail_follow_the_commits() {
    let progress = with(&[("partial-progress.enabled", "true")]).unwrap().partial_progress;
    assert_eq!(progress, Some(PartialProgress { commits_max: 10, failed_commits_max: 10 }));
    let pairs = [("partial-progress.max-commits", "4"), ("partial-progress.enabled", "true")];
    let progress = with(&pairs).unwrap().partial_progress;
    assert_eq!(progress, Some(PartialProgress { commits_max: 4, failed_commits_max: 4 }));
}

#[rstest]
#[case("min-input-file", "1", "there is no compaction option `min-input-file`; there are target-file-size-bytes, ")]
#[case("min-input-files", "-1", "compaction option `min-input-files` cannot be `-1`; expected a number")]
#[case("target-file-size-bytes", "12 parsecs", "cannot be `12 parsecs`; expected a number of bytes, or a size such as")]
#[case("target-file-size-bytes", "", "cannot be ``; expected a number of bytes")]
#[case("target-file-size-bytes", "99999999999999TB", "expected a number of bytes")]
#[case("rewrite-job-order", "big", "expected none or bytes-asc or bytes-desc or files-asc or files-desc")]
#[case("rewrite-all", "yes", "expected true or false")]
#[case("verify", "all", "expected count or checksum or off")]
#[case("branch", " ", "names no branch")]
#[case("partial-progress.max-commits", "3", "needs partial-progress.enabled=true")]
fn a_bad_name_or_value_is_told_with_what_is_possible(#[case] name: &str, #[case] value: &str, #[case] expected: &str) {
    let error = CompactionOptions::default().set(name, value).unwrap_err();
    assert_eq!(error.code(), "INVALID_ARGUMENT");
    assert!(error.to_string().contains(expected), "{error}");
}

#[rstest]
#[case(&[("target-file-size-bytes", "100"), ("min-file-size-bytes", "100")], "min-file-size-bytes must be below target")]
#[case(&[("target-file-size-bytes", "100"), ("max-file-size-bytes", "100")], "max-file-size-bytes must be above target")]
#[case(&[("min-file-size-bytes", "9"), ("max-file-size-bytes", "8")], "min-file-size-bytes must be below max")]
#[case(&[("target-file-size-bytes", "0")], "target-file-size-bytes must be above 0")]
#[case(&[("min-input-files", "0")], "min-input-files must be above 0")]
#[case(&[("delete-file-threshold", "0")], "delete-file-threshold must be above 0")]
#[case(&[("delete-ratio-threshold", "NaN")], "delete-ratio-threshold must be above 0")]
#[case(&[("delete-ratio-threshold", "1.5")], "delete-ratio-threshold must be above 0")]
#[case(&[("max-concurrent-file-group-rewrites", "0")], "max-concurrent-file-group-rewrites must be above 0")]
#[case(&[("partial-progress.enabled", "true"), ("partial-progress.max-commits", "0")], "max-commits must be above 0")]
fn contradictions_are_refused(#[case] pairs: &[(&str, &str)], #[case] expected: &str) {
    let error = with(pairs).unwrap().check().unwrap_err();
    assert!(error.to_string().contains(expected), "{error}");
}

#[test]
fn the_defaults_are_in_order() {
    CompactionOptions::default().check().unwrap();
}

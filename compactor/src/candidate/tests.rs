#![allow(clippy::unwrap_used)]
use rstest::rstest;

use super::*;
use crate::CompactionOptions;
use crate::testing::{data_file, delete_file, equality_file};

const MB: u64 = 1 << 20;

/// A target of 100 MB: small is below 75 MB, large above 180 MB; 10 delete files or 30 % are many.
fn policy() -> Policy {
    let options = CompactionOptions { target_file_size_bytes: Some(100 * MB), ..CompactionOptions::default() };
    Policy::new(&options, 1).unwrap()
}

fn facts(megabytes: u64) -> FileFacts {
    FileFacts {
        size_bytes: megabytes * MB,
        n_rows: 1_000_000,
        n_delete_files: 0,
        n_deleted_rows: 0,
        is_rewritten: false,
        is_encrypted: false,
    }
}

#[rstest]
#[case::small(facts(74), Verdict::Candidate(InputReason::Small))]
#[case::just_large_enough(facts(75), Verdict::LeftAlone(LeftAlone::RightSize))]
#[case::just_small_enough(facts(180), Verdict::LeftAlone(LeftAlone::RightSize))]
#[case::large(facts(181), Verdict::Candidate(InputReason::Large))]
#[case::few_deletes(FileFacts { n_delete_files: 9, ..facts(100) }, Verdict::LeftAlone(LeftAlone::FewDeletes))]
#[case::many_deletes(FileFacts { n_delete_files: 10, ..facts(100) }, Verdict::Candidate(InputReason::ManyDeletes))]
#[case::small_with_deletes(FileFacts { n_delete_files: 10, ..facts(1) }, Verdict::Candidate(InputReason::ManyDeletes))]
#[case::some_rows_deleted(FileFacts { n_delete_files: 1, n_deleted_rows: 299_999, ..facts(100) }, Verdict::LeftAlone(LeftAlone::FewDeletes))]
#[case::many_rows_deleted(FileFacts { n_delete_files: 1, n_deleted_rows: 300_000, ..facts(100) }, Verdict::Candidate(InputReason::DeleteRatio))]
#[case::encrypted(FileFacts { is_encrypted: true, ..facts(1) }, Verdict::LeftAlone(LeftAlone::Encrypted))]
#[case::one_row(FileFacts { n_rows: 1, ..facts(500) }, Verdict::LeftAlone(LeftAlone::Indivisible))]
#[case::huge_rows(FileFacts { n_rows: 3, ..facts(500) }, Verdict::Candidate(InputReason::Large))]
#[case::huge_rows_that_were_not_split(FileFacts { n_rows: 3, is_rewritten: true, ..facts(500) }, Verdict::LeftAlone(LeftAlone::Indivisible))]
#[case::written_for_a_larger_target(FileFacts { is_rewritten: true, ..facts(500) }, Verdict::Candidate(InputReason::Large))]
#[case::no_rows(FileFacts { n_rows: 0, ..facts(1) }, Verdict::Candidate(InputReason::Small))]
fn a_file_is_judged_by_size_and_deletes(#[case] file: FileFacts, #[case] expected: Verdict) {
    assert_eq!(judge(&policy(), &file), expected);
}

#[test]
fn thresholds_can_be_switched_off() {
    let mut policy = policy();
    policy.delete_file_threshold = None;
    let file = FileFacts { n_delete_files: 1_000, ..facts(100) };
    assert_eq!(judge(&policy, &file), Verdict::LeftAlone(LeftAlone::FewDeletes));
    policy.rewrite_all = true;
    assert_eq!(judge(&policy, &file), Verdict::Candidate(InputReason::All));
    assert_eq!(judge(&policy, &facts(100)), Verdict::Candidate(InputReason::All));
}

#[test]
fn a_file_just_above_the_maximum_is_left_if_it_would_stay_whole() {
    let options = CompactionOptions {
        target_file_size_bytes: Some(100 * MB),
        max_file_size_bytes: Some(105 * MB),
        ..CompactionOptions::default()
    };
    let policy = Policy::new(&options, 1).unwrap();
    assert_eq!(judge(&policy, &facts(106)), Verdict::Candidate(InputReason::Large), "two of 53 MB");
    let options = CompactionOptions { max_file_size_bytes: Some(120 * MB), ..options };
    let policy = Policy::new(&options, 1).unwrap();
    // 175 MB, of which 40 % are gone: one file of 105 MB.
    let file = FileFacts { n_deleted_rows: 400_000, ..facts(175) };
    let policy = Policy { delete_ratio_threshold: 1.0, ..policy };
    assert_eq!(judge(&policy, &file), Verdict::LeftAlone(LeftAlone::Indivisible));
}

#[test]
fn deletes_by_position_are_counted_where_they_name_the_file() {
    let file = data_file("f", 100, 1_000, 5);
    let vector = delete_file("v.puffin", 7, 100, Some("f"), None);
    let deletes = FileDeletes { vector: Some(vector), ..FileDeletes::default() };
    let facts = FileFacts::new(&policy(), &file, &deletes, false);
    assert_eq!((facts.n_delete_files, facts.n_deleted_rows), (1, 100));
    assert_eq!(facts.live_bytes(), 90);

    let named = delete_file("a", 7, 10, Some("f"), None);
    let bounded = delete_file("b", 7, 20, None, Some(("f", "f")));
    let shared = delete_file("c", 7, 500, None, Some(("a", "z")));
    let unbounded = delete_file("d", 7, 500, None, None);
    // It was committed before the file was, so that it cannot name it.
    let older = delete_file("e", 4, 500, None, Some(("a", "z")));
    let deletes = FileDeletes { positions: vec![named, bounded, shared, unbounded, older], ..FileDeletes::default() };
    let facts = FileFacts::new(&policy(), &file, &deletes, false);
    assert_eq!((facts.n_delete_files, facts.n_deleted_rows), (4, 30));
}

#[test]
fn equality_deletes_that_a_rewrite_applied_count_again_only_if_they_may_be_new() {
    // Rewritten by the commit with number 5, with data of number 2: the first delete was applied.
    let file = FileEntry { file_sequence_number: Some(5), ..data_file("f", 100, 1_000, 2) };
    let deletes =
        FileDeletes { equality: vec![equality_file("e", 3, 1), equality_file("e", 6, 1)], ..FileDeletes::default() };
    let n = |choice, is_rewritten| {
        let policy = Policy { output_sequence_number: choice, ..policy() };
        FileFacts::new(&policy, &file, &deletes, is_rewritten).n_delete_files
    };
    assert_eq!(n(OutputSequenceNumber::MergedMax, true), 2);
    assert_eq!(n(OutputSequenceNumber::MaxInput, true), 1);
    assert_eq!(n(OutputSequenceNumber::MaxInput, false), 2);
}

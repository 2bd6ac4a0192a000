#![allow(clippy::unwrap_used)]
use std::sync::Arc;

use frazil_table::deletes::FileDeletes;
use frazil_table::file::{EntryOrder, FileEntry};
use rstest::rstest;

use super::*;
use crate::testing::{data_file, delete_file, equality_file, partition};
use crate::{GroupReason, InputReason};

/// A target of 100: small is below 75, large above 180.
fn policy() -> Policy {
    let options = CompactionOptions { target_file_size_bytes: Some(100), ..CompactionOptions::default() };
    Policy::new(&options, 1).unwrap()
}

fn candidate(path: &str, size_bytes: u64, reason: InputReason, sequence_number: i64) -> Candidate {
    Candidate {
        file: Arc::new(data_file(path, size_bytes, 10, sequence_number)),
        deletes: FileDeletes::default(),
        reason,
        live_bytes: size_bytes,
        is_rewritten: false,
    }
}

fn small(sizes: &[u64]) -> Vec<Candidate> {
    sizes.iter().zip(1..).map(|(size, n)| candidate(&format!("f{n}"), *size, InputReason::Small, n)).collect()
}

fn paths(candidates: &[Candidate]) -> Vec<&str> {
    candidates.iter().map(|candidate| &*candidate.file.path).collect()
}

fn scope(equality_max: Option<i64>) -> SequenceScope {
    SequenceScope { snapshot: 100, equality_max: equality_max.map(DataSequenceNumber::new), n_delete_files: 0 }
}

/// Candidates of unpartitioned files.
fn selected(policy: &Policy, candidates: Vec<Candidate>, equality_max: Option<i64>) -> Selection {
    let n_data_files = candidates.len() as u64;
    let found = PartitionFindings { n_data_files, candidates, ..PartitionFindings::default() };
    let findings = BTreeMap::from([((SpecId::new(0), PartitionTuple::default()), found)]);
    select(policy, findings, |_| scope(equality_max)).unwrap()
}

#[rstest]
#[case(0, 0, 100)]
#[case(1, 1, 100)]
#[case(99, 1, 101)]
#[case(100, 1, 103)]
// Less than 10 % more than one file.
#[case(109, 1, 112)]
// Not 110 and a remainder of 10, but halves.
#[case(110, 2, 57)]
#[case(130, 2, 67)]
#[case(175, 2, 89)]
#[case(176, 2, 90)]
#[case(200, 2, 103)]
#[case(219, 2, 112)]
#[case(220, 3, 75)]
#[case(1_000, 10, 103)]
// The rest of 50 is spread over ten: 105 each.
#[case(1_050, 10, 108)]
fn files_are_cut_evenly(#[case] bytes: u64, #[case] n_files: u64, #[case] split: u64) {
    let sizes = policy().sizes;
    assert_eq!(expected_files(&sizes, bytes), n_files);
    assert_eq!(split_bytes(&sizes, bytes), split);
}

#[rstest]
#[case::alone(&[74], Err(LeftAlone::TooFewFiles))]
#[case::too_few(&[10, 10, 10, 10], Err(LeftAlone::TooFewFiles))]
#[case::enough_files(&[10, 10, 10, 10, 10], Ok(GroupReason::EnoughFiles))]
#[case::enough_bytes(&[40, 40, 40], Ok(GroupReason::EnoughBytes))]
#[case::enough_bytes_for_one(&[54, 54], Ok(GroupReason::EnoughBytes))]
// They would be two files of 60 again.
#[case::two_that_stay_two(&[60, 60], Err(LeftAlone::NothingGained))]
#[case::five_that_stay_five(&[74, 74, 74, 74, 74], Ok(GroupReason::EnoughFiles))]
#[case::empty_files(&[0, 0, 0, 0, 0], Ok(GroupReason::EnoughFiles))]
fn small_files_are_merged_if_there_are_fewer_afterwards(
    #[case] sizes: &[u64],
    #[case] expected: std::result::Result<GroupReason, LeftAlone>,
) {
    assert_eq!(choose(&policy(), &small(sizes)), expected);
}

#[test]
fn what_rewrites_left_small_has_to_become_half_as_many() {
    let rewritten = |sizes: &[u64]| -> Vec<Candidate> {
        small(sizes).into_iter().map(|candidate| Candidate { is_rewritten: true, ..candidate }).collect()
    };
    let policy = policy();
    assert_eq!(choose(&policy, &rewritten(&[40, 40, 40])), Err(LeftAlone::NothingGained));
    assert_eq!(choose(&policy, &rewritten(&[30, 30, 30, 30])), Ok(GroupReason::EnoughBytes));
    // One new file is enough to try.
    let mut mixed = rewritten(&[40, 40]);
    mixed.extend(small(&[40]));
    assert_eq!(choose(&policy, &mixed), Ok(GroupReason::EnoughBytes));
}

#[rstest]
#[case(InputReason::Large, GroupReason::LargeFile)]
#[case(InputReason::ManyDeletes, GroupReason::Deletes)]
#[case(InputReason::DeleteRatio, GroupReason::Deletes)]
#[case(InputReason::All, GroupReason::All)]
fn one_file_is_rewritten_for_its_own_reason(#[case] reason: InputReason, #[case] expected: GroupReason) {
    assert_eq!(choose(&policy(), &[candidate("f", 100, reason, 1)]), Ok(expected));
}

#[test]
fn groups_are_filled_in_write_order() {
    let policy = Policy { group_bytes_max: 100, ..policy() };
    let at = |path, size, sequence, entry_index| {
        let mut candidate = candidate(path, size, InputReason::Small, sequence);
        let order = EntryOrder { manifest_index: 0, entry_index };
        candidate.file = Arc::new(FileEntry { order, ..(*candidate.file).clone() });
        candidate
    };
    let bins = pack::pack(&policy, vec![at("d", 60, 3, 0), at("c", 30, 2, 1), at("a", 50, 1, 9), at("b", 20, 2, 0)]);
    assert_eq!(bins.iter().map(|bin| paths(bin)).collect::<Vec<_>>(), [vec!["a", "b", "c"], vec!["d"]]);
}

#[test]
fn a_file_over_the_budget_is_a_group_by_itself() {
    let policy = Policy { group_bytes_max: 100, ..policy() };
    let bins = pack::pack(&policy, small(&[10, 500, 10, 10]));
    assert_eq!(bins.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1, 2]);
    assert_eq!(pack::pack(&policy, Vec::new()).len(), 0);
}

#[test]
fn deletes_count_once_towards_the_memory_of_a_group() {
    let shared = equality_file("e", 50, 1_000);
    let with = |deletes: FileDeletes| -> Vec<Candidate> {
        small(&[10, 10, 10]).into_iter().map(|candidate| Candidate { deletes: deletes.clone(), ..candidate }).collect()
    };
    // A thousand keys of 64 bytes, and three inputs of 2 KB.
    let policy = Policy { group_memory_bytes_max: 71_000, ..policy() };
    let bins = pack::pack(&policy, with(FileDeletes { equality: vec![shared.clone()], ..FileDeletes::default() }));
    assert_eq!(bins.len(), 1);
    let mut own = with(FileDeletes::default());
    for (candidate, path) in own.iter_mut().zip(["p1", "p2", "p3"]) {
        candidate.deletes.positions = vec![delete_file(path, 50, 4_000, None, None)];
    }
    let bins = pack::pack(&policy, own);
    assert_eq!(bins.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
}

#[rstest]
#[case::no_deletes(OutputSequenceNumber::MergedMax, None, None, 7)]
#[case::of_no_input(OutputSequenceNumber::MergedMax, Some(2), None, 7)]
#[case::between_the_inputs(OutputSequenceNumber::MergedMax, Some(5), None, 7)]
#[case::above_all(OutputSequenceNumber::MergedMax, Some(9), None, 9)]
#[case::by_position(OutputSequenceNumber::MergedMax, Some(9), Some(12), 12)]
#[case::input(OutputSequenceNumber::MaxInput, Some(9), Some(12), 7)]
#[case::snapshot(OutputSequenceNumber::StartingSnapshot, Some(9), Some(12), 100)]
fn the_output_is_as_new_as_what_is_merged_into_it(
    #[case] choice: OutputSequenceNumber,
    #[case] equality_max: Option<i64>,
    #[case] position: Option<i64>,
    #[case] expected: i64,
) {
    let mut inputs = vec![candidate("a", 10, InputReason::Small, 2), candidate("b", 10, InputReason::Small, 7)];
    if let (Some(position), Some(input)) = (position, inputs.first_mut()) {
        input.deletes.positions = vec![delete_file("p", position, 1, None, None)];
    }
    let number = sequence::of_output(choice, &scope(equality_max), &inputs).unwrap();
    assert_eq!(number.get(), expected);
}

#[test]
fn a_file_newer_than_its_snapshot_is_refused() {
    let inputs = [candidate("a", 10, InputReason::Small, 101)];
    let error = sequence::of_output(OutputSequenceNumber::MergedMax, &scope(None), &inputs).unwrap_err();
    assert_eq!(error.code(), "FILE_CORRUPT");
}

#[test]
fn a_version_1_table_has_no_sequence_numbers() {
    let inputs = [candidate("a", 10, InputReason::Small, 0)];
    let scope = SequenceScope { snapshot: 0, equality_max: None, n_delete_files: 0 };
    assert_eq!(sequence::of_output(OutputSequenceNumber::MergedMax, &scope, &inputs).unwrap().get(), 0);
}

#[test]
fn partitions_are_planned_one_by_one() {
    let found = |sizes: &[u64], n_others: u64| PartitionFindings {
        n_data_files: sizes.len() as u64 + n_others,
        data_bytes: 12_345,
        candidates: small(sizes),
        left_alone: BTreeMap::from([(LeftAlone::RightSize, n_others)]),
    };
    let findings = BTreeMap::from([
        ((SpecId::new(1), partition(1)), found(&[10; 6], 1)),
        ((SpecId::new(0), partition(2)), found(&[20; 5], 0)),
        ((SpecId::new(0), partition(1)), found(&[10, 10], 3)),
    ]);
    let selection = select(&policy(), findings, |_| scope(None)).unwrap();
    let groups = selection.groups.iter().map(|group| (group.id, group.spec_id.get(), group.inputs.len()));
    assert_eq!(groups.collect::<Vec<_>>(), [(0, 0, 5), (1, 1, 6)]);
    assert_eq!(selection.groups[0].partition, partition(2));
    let choices =
        selection.choices.iter().map(|choice| (choice.group_id, choice.input_bytes, choice.n_outputs_expected));
    assert_eq!(choices.collect::<Vec<_>>(), [(0, 100, 1), (1, 60, 1)]);
    let partitions = selection.partitions.iter().map(|plan| {
        (plan.spec_id.get(), plan.n_data_files, plan.n_inputs, plan.n_data_files_expected, plan.left_alone.clone())
    });
    let expected = [
        (0, 5, 0, 5, BTreeMap::from([(LeftAlone::RightSize, 3), (LeftAlone::TooFewFiles, 2)])),
        (0, 5, 5, 1, BTreeMap::from([(LeftAlone::RightSize, 0)])),
        (1, 7, 6, 2, BTreeMap::from([(LeftAlone::RightSize, 1)])),
    ];
    assert_eq!(partitions.collect::<Vec<_>>(), expected);
}

#[rstest]
#[case(JobOrder::None, [1, 2, 3])]
#[case(JobOrder::BytesAsc, [1, 3, 2])]
#[case(JobOrder::BytesDesc, [2, 3, 1])]
#[case(JobOrder::FilesAsc, [2, 1, 3])]
#[case(JobOrder::FilesDesc, [3, 1, 2])]
fn groups_go_in_the_order_that_was_asked_for(#[case] job_order: JobOrder, #[case] expected: [i64; 3]) {
    let policy = Policy { job_order, ..policy() };
    let found = |sizes: &[u64]| PartitionFindings { candidates: small(sizes), ..PartitionFindings::default() };
    let findings = BTreeMap::from([
        ((SpecId::new(0), partition(1)), found(&[1; 6])),
        ((SpecId::new(0), partition(2)), found(&[50; 5])),
        ((SpecId::new(0), partition(3)), found(&[10; 7])),
    ]);
    let selection = select(&policy, findings, |_| scope(None)).unwrap();
    let expected: Vec<_> = expected.into_iter().map(partition).collect();
    assert_eq!(selection.groups.iter().map(|group| group.partition.clone()).collect::<Vec<_>>(), expected);
    assert_eq!(selection.groups.iter().map(|group| group.id).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(selection.choices.iter().map(|choice| choice.group_id).collect::<Vec<_>>(), [0, 1, 2]);
}

#[test]
fn a_group_of_which_nothing_is_live_is_expected_to_vanish() {
    let gone = Candidate { live_bytes: 0, ..candidate("f", 100, InputReason::DeleteRatio, 1) };
    let selection = selected(&policy(), vec![gone], None);
    assert_eq!(selection.choices[0].n_outputs_expected, 0);
    assert_eq!(selection.partitions[0].n_data_files_expected, 0);
}

/// Whatever small files there are: what a rewrite is expected to make of them is not worth rewriting.
#[test]
fn outputs_of_the_expected_sizes_plan_nothing() {
    let policy = policy();
    for bytes in 1..2_000_u64 {
        let split = split_bytes(&policy.sizes, bytes);
        let mut sizes = vec![split; usize::try_from(bytes / split).unwrap()];
        sizes.extend((bytes % split > 0).then_some(bytes % split));
        assert_eq!(sizes.len() as u64, expected_files(&policy.sizes, bytes), "{bytes}");
        assert!(sizes.iter().all(|size| *size <= policy.sizes.max), "{bytes}: {sizes:?}");
        let outputs = sizes.iter().filter(|size| **size < policy.sizes.min).copied().collect::<Vec<_>>();
        for is_rewritten in [false, true] {
            let outputs = small(&outputs).into_iter().map(|output| Candidate { is_rewritten, ..output });
            let selection = selected(&policy, outputs.collect(), None);
            assert!(selection.groups.is_empty(), "{bytes}: {sizes:?} {:?}", selection.choices);
        }
    }
}

#[rstest]
#[case(|options: &mut CompactionOptions| options.min_file_size_bytes = Some(100), "min-file-size-bytes must be below")]
#[case(|options: &mut CompactionOptions| options.max_file_size_bytes = Some(100), "max-file-size-bytes must be above")]
#[case(|options: &mut CompactionOptions| options.max_file_group_size_bytes = 99, "max-file-group-size-bytes must be")]
fn sizes_are_checked_against_the_target_of_the_table(
    #[case] change: fn(&mut CompactionOptions),
    #[case] expected: &str,
) {
    let mut options = CompactionOptions::default();
    change(&mut options);
    let error = Policy::new(&options, 100).unwrap_err();
    assert!(error.to_string().starts_with(expected), "{error}");
}

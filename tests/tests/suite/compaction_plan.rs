//! Plans of compactions: what is chosen among the files of real manifests, and what is left alone.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use frazil_compactor::{
    CompactionOptions, CompactionPlan, GroupReason, InputReason, LeftAlone, OutputSequenceNumber, plan,
};
use frazil_fixtures::tables;
use frazil_lock::{Holder, MemoryLock};
use frazil_table::catalog::{TableLocator, create_table, table_source};
use frazil_table::commit::{Change, CommitOptions, CommitOutcome, CommitRequest, Committer, NewTable, SnapshotChange};
use frazil_table::file::{FileContent, FileFormat, PartitionTuple, WrittenFile};
use frazil_table::manifest::live_files;
use frazil_table::storage::Storage;
use frazil_table::{SpecId, SystemClock, Table, TableError};
use frazil_testkit::table::DataSpec;
use frazil_testkit::{IntoRow, TestTable, Transform};

use crate::read::open;

/// Every file of a test is small, and three of them are worth merging.
fn options() -> CompactionOptions {
    CompactionOptions {
        target_file_size_bytes: Some(1 << 20),
        min_input_files: 3,
        delete_file_threshold: Some(2),
        ..CompactionOptions::default()
    }
}

async fn planned(table: &TestTable, options: &CompactionOptions) -> CompactionPlan {
    plan(&table.table(), options).await.unwrap()
}

async fn refused(table: &TestTable, options: &CompactionOptions) -> TableError {
    plan(&table.table(), options).await.unwrap_err()
}

/// Paths of the inputs of each group.
fn inputs(plan: &CompactionPlan) -> Vec<Vec<&str>> {
    plan.groups.iter().map(|group| group.inputs.iter().map(|input| &*input.file.path).collect()).collect()
}

/// Data sequence numbers of the outputs of each group.
fn numbers(plan: &CompactionPlan) -> Vec<i64> {
    plan.groups.iter().map(|group| group.data_sequence_number.get()).collect()
}

fn left(counts: &[(LeftAlone, u64)]) -> BTreeMap<LeftAlone, u64> {
    counts.iter().copied().collect()
}

#[test]
fn a_plan_may_be_made_on_any_thread() {
    fn assert_send<T: Send>(_: T) {}
    let table = TestTable::v2("k int", "").table();
    assert_send(plan(&table, &CompactionOptions::default()));
}

#[tokio::test]
async fn a_table_without_a_snapshot_plans_nothing() {
    let table = TestTable::v2("k int", "");
    let plan = planned(&table, &options()).await;
    assert!(plan.is_empty());
    assert_eq!((plan.base.snapshot_id, plan.base.sequence_number, plan.base.branch.as_str()), (None, 0, "main"));
    assert!(
        refused(&table, &CompactionOptions { branch: "b".to_owned(), ..options() }).await.to_string().contains("`b`")
    );
}

#[tokio::test]
async fn small_files_are_merged_in_write_order() {
    let mut table = TestTable::v2("k int, v string", "k");
    let paths = [table.append([(1, "a")]), table.append([(2, "b")]), table.append([(3, "c")])];
    let plan = planned(&table, &options()).await;
    assert_eq!(inputs(&plan), [paths.iter().map(String::as_str).collect::<Vec<_>>()]);
    assert_eq!(numbers(&plan), [3]);
    assert_eq!(plan.choices[0].reason, GroupReason::EnoughFiles);
    assert!(plan.groups[0].inputs.iter().all(|input| input.reason == InputReason::Small && input.deletes.is_empty()));
    assert_eq!(plan.groups[0].target_file_size_bytes, 1 << 20);
    assert_eq!(plan.partitions[0].n_data_files_expected, 1);
    assert_eq!(plan.base.snapshot_id.unwrap().get(), table.main_head());
    assert_eq!(plan.left_alone(), left(&[]));
    assert_eq!((plan.cost.n_manifests, plan.cost.n_manifests_read), (3, 3));
}

#[tokio::test]
async fn a_few_small_files_are_left_until_there_are_more() {
    let mut table = TestTable::v2("k int, v string", "k");
    table.append([(1, "a")]);
    table.append([(2, "b")]);
    let plan = planned(&table, &options()).await;
    assert!(plan.is_empty());
    assert_eq!(plan.left_alone(), left(&[(LeftAlone::TooFewFiles, 2)]));
}

#[tokio::test]
async fn what_was_just_compacted_is_left_alone() {
    let mut table = TestTable::v2("k int, v string", "k");
    let first = table.append([(1, "a"), (2, "b")]);
    // Of several commits, so that the deletes have different numbers.
    let second = table.delta("overwrite").delete_where("k", [1]).rows([(1, "c")]).commit();
    table.equality_delete("k", [2]);
    let plan = planned(&table, &options()).await;
    assert_eq!(plan.base.sequence_number, 3);
    assert_eq!(plan.groups.len(), 1);
    let reasons: Vec<_> = plan.groups[0].inputs.iter().map(|input| input.reason).collect();
    assert_eq!(reasons, [InputReason::ManyDeletes, InputReason::Small]);
    assert_eq!(plan.choices[0].reason, GroupReason::Deletes);
    assert_eq!(numbers(&plan), [3], "the newest delete is in the scope of both");

    let paths: Vec<String> = inputs(&plan)[0].iter().map(|path| (*path).to_owned()).collect();
    assert_eq!(paths[0], first);
    assert_ne!(second, table.main_head());
    // The deletes stay listed.
    let mut replace = table.replace().rows_at(3, [(1, "c")]);
    for path in paths {
        replace = replace.remove(path);
    }
    replace.commit();
    let plan = planned(&table, &options()).await;
    assert!(plan.is_empty(), "{plan:?}");
    assert_eq!(plan.left_alone(), left(&[(LeftAlone::TooFewFiles, 1)]));
    assert_eq!(plan.partitions[0].n_delete_files, 2);
}

#[tokio::test]
async fn deletes_whose_keys_are_elsewhere_count_for_the_number_of_the_output_only() {
    let mut table = TestTable::v2("k int, v string", "k");
    let data = |k: i32| DataSpec { rows: vec![(k, "a").into_row()], bound_bytes: Some(16), ..DataSpec::default() };
    for k in [1, 2, 3] {
        table.delta("append").write(data(k), None).commit();
    }
    table.equality_delete("k", [900]);
    let plan = planned(&table, &options()).await;
    assert_eq!(numbers(&plan), [4]);
    assert!(plan.groups[0].inputs.iter().all(|input| input.deletes.is_empty()));
    let of = async |output_sequence_number| {
        numbers(&planned(&table, &CompactionOptions { output_sequence_number, ..options() }).await)
    };
    assert_eq!(of(OutputSequenceNumber::MaxInput).await, [3]);
    // A later commit that has nothing to do with them.
    assert_eq!(of(OutputSequenceNumber::StartingSnapshot).await, [4]);
}

#[tokio::test]
async fn equality_deletes_of_one_partition_do_not_age_another() {
    let mut table = TestTable::v2("k int, p int", "");
    table.partition_by(&[("p", Transform::Identity)]);
    for p in [1, 2] {
        for k in [1, 2, 3] {
            table.append([(k, p)]);
        }
    }
    table.delete().delete_where_in((1,), "k", [2]).commit();
    let plan = planned(&table, &options()).await;
    assert_eq!(numbers(&plan), [7, 6]);
    assert_eq!(plan.partitions.iter().map(|partition| partition.n_delete_files).collect::<Vec<_>>(), [1, 0]);
}

#[tokio::test]
async fn rows_deleted_by_position_are_a_share_of_a_file() {
    let mut table = TestTable::v2("k int, v string", "k");
    let path = table.append((0..10).map(|k| (k, "a")));
    table.append([(20, "b")]);
    table.delete().delete_at(&path, [0, 1]).commit();
    assert!(planned(&table, &options()).await.is_empty());
    table.delete().delete_at(&path, [2]).commit();
    let options = CompactionOptions { delete_file_threshold: None, min_input_files: 5, ..options() };
    let plan = planned(&table, &options).await;
    let reasons: Vec<_> = plan.groups[0].inputs.iter().map(|input| input.reason).collect();
    assert_eq!(reasons, [InputReason::DeleteRatio, InputReason::Small]);
    assert_eq!(numbers(&plan), [4]);
    assert_eq!(plan.groups[0].inputs[0].deletes.positions.len(), 2);
}

#[tokio::test]
async fn a_deletion_vector_is_one_delete_of_many_rows() {
    let mut table = TestTable::v3("k int, v string", "k");
    let path = table.append((0..10).map(|k| (k, "a")));
    table.delete().vector(&path, [0, 1]).commit();
    assert!(planned(&table, &options()).await.is_empty());
    let few = CompactionOptions { delete_ratio_threshold: 0.2, ..options() };
    let plan = planned(&table, &few).await;
    assert_eq!(plan.groups[0].inputs[0].reason, InputReason::DeleteRatio);
    assert!(plan.groups[0].inputs[0].deletes.vector.is_some());
}

#[tokio::test]
async fn files_of_a_dropped_spec_keep_it() {
    let mut table = TestTable::v2("k int, p int", "");
    for k in [1, 2, 3] {
        table.append([(k, 7)]);
    }
    table.partition_by(&[("p", Transform::Identity)]);
    for k in [4, 5, 6, 7] {
        table.append([(k, 7)]);
    }
    let plan = planned(&table, &options()).await;
    let groups = plan.groups.iter().map(|group| (group.spec_id.get(), group.partition.0.len(), group.inputs.len()));
    assert_eq!(groups.collect::<Vec<_>>(), [(0, 0, 3), (1, 1, 4)]);
    assert_eq!(plan.base.default_spec_id.get(), 1);

    let into = |id| CompactionOptions { output_spec_id: Some(SpecId::new(id)), ..options() };
    let error = refused(&table, &into(1)).await;
    assert_eq!(error.code(), "UNSUPPORTED");
    assert!(error.to_string().contains("spec `0` cannot be rewritten into spec `1`"), "{error}");
    let error = refused(&table, &into(9)).await;
    assert!(error.to_string().contains("no partition spec `9`; it has [0, 1]"), "{error}");
}

#[tokio::test]
async fn a_condition_leaves_other_partitions_and_their_manifests_alone() {
    let mut table = TestTable::v2("k int, p int", "");
    table.partition_by(&[("p", Transform::Identity)]);
    for p in [1, 2] {
        for k in [1, 2, 3] {
            table.append([(k, p)]);
        }
    }
    table.delta("append").rows([(9, 1)]).rows([(9, 2)]).commit();
    let only = |sql: &str| CompactionOptions { filter: Some(sql.to_owned()), ..options() };
    let plan = planned(&table, &only("p = 2")).await;
    assert_eq!(plan.groups.iter().map(|group| group.inputs.len()).collect::<Vec<_>>(), [4]);
    assert_eq!((plan.cost.n_manifests, plan.cost.n_manifests_read), (7, 4));
    assert_eq!(plan.left_alone(), left(&[(LeftAlone::FilteredOut, 1)]));
    assert!(refused(&table, &only("q = 2")).await.to_string().contains('q'));
    assert!(refused(&table, &only("p = = 2")).await.to_string().contains("character"));
}

#[tokio::test]
async fn a_file_that_is_listed_twice_is_refused() {
    let mut table = TestTable::v2("k int, v string", "k");
    let file = table.write_data(DataSpec { rows: vec![(1, "a").into_row()], ..DataSpec::default() });
    table.delta("append").file(file.clone(), None).commit();
    assert!(planned(&table, &options()).await.is_empty());
    table.delta("append").file(file.clone(), None).commit();
    let error = refused(&table, &options()).await;
    assert_eq!(error.code(), "FILE_CORRUPT");
    assert!(error.to_string().contains(file.path()) && error.to_string().contains("twice"), "{error}");
}

#[tokio::test]
async fn only_the_branch_that_was_named_is_planned() {
    let mut table = TestTable::v2("k int, v string", "k");
    table.append([(1, "a")]);
    table.set_branch("audit", table.main_head());
    for k in [2, 3] {
        table.delta("append").branch("audit").rows([(k, "b")]).commit();
    }
    assert!(planned(&table, &options()).await.is_empty());
    let plan = planned(&table, &CompactionOptions { branch: "audit".to_owned(), ..options() }).await;
    assert_eq!(plan.groups[0].inputs.len(), 3);
    assert_eq!(plan.base.branch, "audit");
}

#[tokio::test]
async fn the_size_of_files_is_the_tables_unless_it_is_given() {
    let mut table = TestTable::v2("k int, v string", "k");
    for k in [1, 2, 3] {
        table.append([(k, "a")]);
    }
    table.set_property("write.target-file-size-bytes", "1");
    let of_table = CompactionOptions { target_file_size_bytes: None, ..options() };
    let plan = planned(&table, &of_table).await;
    assert_eq!(plan.left_alone(), left(&[(LeftAlone::Indivisible, 3)]), "each holds one row");
    assert_eq!(planned(&table, &options()).await.groups.len(), 1);
    table.set_property("write.target-file-size-bytes", "big");
    assert!(refused(&table, &of_table).await.to_string().contains("write.target-file-size-bytes"));
}

#[tokio::test]
async fn version_1_tables_are_planned_too() {
    let mut table = TestTable::v1("k int, v string", "");
    for k in [1, 2, 3] {
        table.append([(k, "a")]);
    }
    let plan = planned(&table, &options()).await;
    assert_eq!(plan.groups[0].inputs.len(), 3);
    assert_eq!(numbers(&plan), [0]);
}

/// A data file that is nowhere but in a manifest.
fn listed(n: usize) -> WrittenFile {
    WrittenFile {
        content: FileContent::Data,
        path: format!("memory://db/long/data/{n:05}.parquet").into(),
        format: FileFormat::Parquet,
        spec_id: SpecId::new(0),
        partition: PartitionTuple::default(),
        record_count: 10,
        file_size_bytes: 1_000,
        metrics: Arc::default(),
        column_sizes: HashMap::new(),
        split_offsets: Vec::new(),
        equality_ids: Vec::new(),
        sort_order_id: None,
        referenced_data_file: None,
        content_range: None,
    }
}

/// It is not kept in memory, unlike a short one.
#[tokio::test]
async fn a_long_manifest_is_read_in_order() {
    let (storage, locator) = (Storage::local(), TableLocator::Path("memory://db/long".to_owned()));
    let schema = r#"{"type": "struct", "fields": [{"id": 1, "name": "k", "required": false, "type": "int"}]}"#;
    create_table(&locator, &storage, NewTable::new(serde_json::from_str(schema).unwrap())).await.unwrap();
    let target = table_source(&locator, &storage).commit_target().await.unwrap();
    let holder = Holder::of_this_process("test", "test", 0);
    let lock = Arc::new(MemoryLock::new());
    let committer = Committer::new(target, lock, holder, Arc::new(SystemClock), CommitOptions::default());
    for files in [0..3_000, 3_000..3_010] {
        let change = Change::Snapshot(Box::new(SnapshotChange::append(files.map(listed))));
        let outcome = committer.commit(CommitRequest::new(change)).await.unwrap();
        assert!(matches!(outcome, CommitOutcome::Committed(_)), "{outcome:?}");
    }
    let table = committer.target().load().await.unwrap().table;
    let plan = plan(&table, &CompactionOptions::default()).await.unwrap();
    let expected: Vec<_> = (0..3_010).map(|n| format!("memory://db/long/data/{n:05}.parquet")).collect();
    assert_eq!(inputs(&plan), [expected.iter().map(String::as_str).collect::<Vec<_>>()]);
    assert_eq!((plan.cost.n_manifests, plan.choices[0].input_bytes, numbers(&plan)), (2, 3_010_000, vec![2]));
}

/// What must hold of every plan, whatever wrote the table.
async fn check(table: &Table, plan: &CompactionPlan) {
    let Some(snapshot_id) = plan.base.snapshot_id else { return };
    let snapshot = table.metadata().snapshot_by_id(snapshot_id.get()).unwrap();
    let live = live_files(table, snapshot).await.unwrap();
    let n_inputs: usize = plan.groups.iter().map(|group| group.inputs.len()).sum();
    assert_eq!(n_inputs, live.data.len(), "everything was asked for");
    assert_eq!(plan.partitions.iter().map(|partition| partition.n_data_files).sum::<u64>(), n_inputs as u64);
    let mut seen = HashSet::new();
    for group in &plan.groups {
        let number = group.data_sequence_number.get();
        assert!(number <= snapshot.sequence_number());
        for input in &group.inputs {
            assert!(seen.insert(input.file.key()), "{} is there twice", input.file.path);
            assert_eq!((input.file.spec_id, &input.file.partition), (group.spec_id, &group.partition));
            assert!(number >= input.file.data_sequence_number.get());
            let listed = live.data.iter().find(|file| file.key() == input.file.key()).unwrap();
            assert_eq!(listed.order, input.file.order);
            // By the rules of the spec: no equality delete that applies to the input applies to the output.
            for delete in live.deletes.iter().filter(|delete| !delete.equality_ids.is_empty()) {
                let is_in_scope = table.is_unpartitioned(delete.spec_id)
                    || (delete.spec_id, &delete.partition) == (group.spec_id, &group.partition);
                if is_in_scope && delete.data_sequence_number > input.file.data_sequence_number {
                    assert!(number >= delete.data_sequence_number.get());
                }
            }
        }
        assert!(group.inputs.is_sorted_by_key(|input| (input.file.data_sequence_number, input.file.order)));
    }
}

#[tokio::test]
async fn tables_of_other_engines_are_planned_whole() {
    let options = CompactionOptions { rewrite_all: true, ..CompactionOptions::default() };
    let mut n_groups = 0;
    for fixture in tables() {
        let table = open(fixture).await;
        let plan = plan(&table, &options).await.unwrap_or_else(|error| panic!("{}: {error}", fixture.label()));
        check(&table, &plan).await;
        n_groups += plan.groups.len();
    }
    assert!(n_groups > 20, "{n_groups}");
}

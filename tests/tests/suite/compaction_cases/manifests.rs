//! Cases 13 to 20: what a commit does to manifests, and which deletes go.

use std::collections::BTreeMap;

use frazil_compactor::compact;
use frazil_reader::RowsOptions;
use frazil_table::commit::{FileRef, SnapshotChange};
use frazil_table::manifest::{EntryStatus, ManifestContent};
use frazil_table::write::{DeletionVectorWriter, WriteOptions};
use frazil_testkit::table::{DataSpec, PositionSpec};
use frazil_testkit::{IntoRow, TestTable, Transform};

use super::table::{Lab, name};

/// Cases 13 and 14: of four files in one manifest one is replaced, and later another one.
#[tokio::test]
async fn files_that_stay_keep_their_numbers_and_removed_ones_do_not_come_back() {
    let mut lab = Lab::with_properties(2, true, &[("commit.manifest-merge.enabled", "false")]).await;
    lab.append(&["1 eu a", "2 us b", "3 ap c", "4 za d"]).await;
    let appended = lab.table().await.metadata().current_snapshot().unwrap().snapshot_id();
    let before: BTreeMap<String, _> =
        lab.live().await.data.iter().map(|file| (file.path.to_string(), file.clone())).collect();
    let path_of = |folder: &str| before.keys().find(|path| path.contains(&format!("p={folder}/"))).unwrap().clone();
    for (partition, n_left) in [("eu", 3), ("us", 2)] {
        lab.options.filter = Some(format!("p = '{partition}'"));
        let report = lab.compact().await;
        let id = report.snapshot_ids[0].get();
        let manifests = lab.manifests().await;
        let old = manifests.iter().find(|(_, entries)| entries.iter().any(|e| e.status == EntryStatus::Existing));
        let (manifest, entries) = old.unwrap();
        let (kept, gone): (Vec<_>, Vec<_>) = entries.iter().partition(|e| e.status == EntryStatus::Existing);
        assert_eq!((kept.len(), manifest.n_existing, manifest.n_added), (n_left, Some(n_left as u64), Some(0)));
        assert_eq!(manifest.min_sequence_number, 1);
        for entry in kept {
            let old = &before[&*entry.file.path];
            assert_eq!(entry.snapshot_id.get(), appended);
            assert_eq!(entry.file.data_sequence_number.get(), 1);
            assert_eq!(entry.file.file_sequence_number, Some(1));
            assert_eq!(entry.file.metrics, old.metrics);
        }
        // Of the second commit only: what the first one removed is not told again.
        assert_eq!(gone.len(), 1, "{gone:?}");
        assert_eq!((gone[0].status, gone[0].snapshot_id.get()), (EntryStatus::Deleted, id));
        assert_eq!(*gone[0].file.path, path_of(partition));
    }
    lab.append(&["5 eu e"]).await;
    lab.options.filter = None;
    lab.compact().await;
    assert_eq!(lab.rows().await, ["1 eu a", "2 us b", "3 ap c", "4 za d", "5 eu e"]);
    assert!(lab.live().await.data.iter().all(|file| !before.contains_key(&*file.path)));
    lab.nothing_missing_and_nothing_left().await;
}

/// Case 15: one of two delete files of a manifest is retired.
#[tokio::test]
async fn a_filtered_delete_manifest_is_a_delete_manifest() {
    let mut lab = Lab::new(2, true).await;
    lab.append(&["1 eu a", "2 eu b", "1 us c", "2 us d"]).await;
    let mut deletes = lab.equality(Some("eu"), &[1], &["1"]).await;
    deletes.extend(lab.equality(Some("us"), &[1], &["2"]).await);
    lab.commit_deletes(deletes.clone()).await;
    lab.options.filter = Some("p = 'eu'".to_owned());
    lab.compact().await;
    assert_eq!((lab.lists(&deletes[0]).await, lab.lists(&deletes[1]).await), (false, true));
    let manifests = lab.manifests().await;
    let of_deletes: Vec<_> = manifests.iter().filter(|(m, _)| m.content == ManifestContent::Deletes).collect();
    assert_eq!(of_deletes.len(), 1);
    let kept: Vec<_> = of_deletes[0].1.iter().filter(|entry| entry.status != EntryStatus::Deleted).collect();
    assert_eq!(kept.len(), 1);
    assert_eq!((kept[0].status, kept[0].file.data_sequence_number.get()), (EntryStatus::Existing, 2));
    assert_eq!(of_deletes[0].0.min_sequence_number, 2);
    assert_eq!(lab.rows().await, ["1 us c", "2 eu b"]);
}

/// Case 16: a table that was partitioned later, and then no longer.
#[tokio::test]
async fn files_and_manifests_of_an_old_spec_keep_it() {
    let lab = Lab::new(2, false).await;
    lab.append(&["1 eu a", "2 us b"]).await;
    lab.append(&["3 eu c"]).await;
    lab.respecify(true).await;
    lab.append(&["4 eu d"]).await;
    lab.append(&["5 eu e"]).await;
    let of_eu = lab.equality(Some("eu"), &[1], &["4"]).await;
    lab.commit_deletes(of_eu).await;
    lab.append(&["6 us f"]).await;
    lab.compact().await;
    let mut manifests: Vec<(i32, u64)> = lab
        .manifests()
        .await
        .iter()
        .filter(|(manifest, _)| manifest.n_live() != Some(0))
        .map(|(manifest, _)| (manifest.spec_id.get(), manifest.n_live().unwrap()))
        .collect();
    manifests.sort_unstable();
    assert_eq!(manifests, [(0, 1), (1, 2)]);
    for (manifest, entries) in lab.manifests().await {
        assert!(entries.iter().all(|entry| entry.file.spec_id == manifest.spec_id));
    }
    assert_eq!(lab.rows().await, ["1 eu a", "2 us b", "3 eu c", "5 eu e", "6 us f"]);
    // A file of the old spec alone, with the new one as the default.
    let old = lab.live().await.data.into_iter().find(|file| file.spec_id.get() == 0).unwrap();
    assert!(old.partition.0.is_empty());
    lab.compact().await;
    assert_eq!(lab.rows().await, ["1 eu a", "2 us b", "3 eu c", "5 eu e", "6 us f"]);
}

/// Case 17.
#[tokio::test]
async fn a_file_that_is_listed_twice_is_refused_before_anything_is_written() {
    let mut table = TestTable::v2("k int, v string", "");
    let file = table.write_data(DataSpec { rows: vec![(1, "a").into_row()], ..DataSpec::default() });
    for _ in 0..2 {
        table.delta("append").file(file.clone(), None).commit();
    }
    let lab = Lab::of(&table).await;
    let before = (lab.stored().await, lab.stored_metadata().await);
    let error = compact(&lab.committer, &lab.options, &()).await.unwrap_err();
    assert_eq!(error.code(), "FILE_CORRUPT");
    assert!(error.to_string().contains(file.path()), "{error}");
    assert_eq!((lab.stored().await, lab.stored_metadata().await), before);
}

/// Case 18: deletes of one file each, and one file of deletes for two.
#[tokio::test]
async fn deletes_of_a_replaced_file_go_with_it_and_those_of_others_stay() {
    let mut table = TestTable::v2("k int, v string", "");
    let first = table.append([(1, "a"), (2, "b"), (3, "c")]);
    let second = table.append([(4, "d"), (5, "e")]);
    table.delete().delete_at(&first, [0]).commit();
    let of_both = table.write_positions(PositionSpec {
        positions: [(first.clone(), 1), (second.clone(), 0)].into(),
        with_bounds: true,
        ..PositionSpec::default()
    });
    table.delta("delete").file(of_both.clone(), None).commit();
    let lab = Lab::of(&table).await;
    let mut plan = lab.plan().await;
    plan.groups[0].inputs.retain(|input| *input.file.path == *first);
    let rewrite = lab.rewrite_planned(plan, 64 << 20).await;
    lab.finish(rewrite).await;
    assert_eq!(lab.rows().await, ["3 c", "5 e"]);
    let deletes = lab.live().await.deletes;
    assert_eq!(deletes.iter().map(|file| &*file.path).collect::<Vec<_>>(), [of_both.path()]);
    lab.compact().await;
    assert!(lab.live().await.deletes.is_empty(), "both files are replaced now");
    assert_eq!(lab.rows().await, ["3 c", "5 e"]);
}

/// Case 18 with deletion vectors, which share a Puffin file.
#[tokio::test]
async fn a_vector_goes_with_its_file_and_the_other_one_in_its_puffin_file_stays() {
    let mut lab = Lab::new(3, true).await;
    lab.append(&["1 eu a", "2 eu b", "3 us c", "4 us d"]).await;
    let live = lab.live().await.data;
    let table = lab.table().await;
    let mut writer = DeletionVectorWriter::new(&table, &WriteOptions::of(&table).unwrap()).unwrap();
    for file in &live {
        writer.delete(&(&**file).into(), [0]).unwrap();
    }
    let vectors = writer.finish().await.unwrap();
    assert_eq!(name(&vectors[0].path), name(&vectors[1].path));
    lab.commit_deletes(vectors).await;
    lab.options.filter = Some("p = 'eu'".to_owned());
    lab.compact().await;
    assert_eq!(lab.rows().await, ["2 eu b", "4 us d"]);
    let deletes = lab.live().await.deletes;
    assert_eq!(deletes.len(), 1);
    assert!(deletes[0].referenced_data_file.as_ref().unwrap().contains("p=us/"));
    lab.nothing_missing_and_nothing_left().await;
}

/// Case 19: deletes of one partition are not retired because another was compacted, or a part of theirs, and are once
/// nothing in theirs is older.
#[tokio::test]
async fn deletes_are_retired_partition_by_partition() {
    let mut lab = Lab::new(2, true).await;
    lab.append(&["1 eu a", "2 eu b", "1 us c", "2 us d"]).await;
    lab.append(&["1 eu x", "3 eu e"]).await;
    let of_eu = lab.commit_deletes(lab.equality(Some("eu"), &[1], &["1"]).await).await;
    let of_us = lab.commit_deletes(lab.equality(Some("us"), &[1], &["2"]).await).await;
    let expected = ["1 us c", "2 eu b", "3 eu e"];
    lab.options.filter = Some("p = 'us'".to_owned());
    lab.compact().await;
    assert_eq!((lab.lists(&of_eu).await, lab.lists(&of_us).await), (true, false));
    assert_eq!(lab.rows().await, expected);
    // One of the two files of the partition, whichever: the other one still needs the delete.
    lab.options.filter = Some("p = 'eu'".to_owned());
    let mut plan = lab.plan().await;
    plan.groups[0].inputs.truncate(1);
    let rewrite = lab.rewrite_planned(plan, 64 << 20).await;
    lab.finish(rewrite).await;
    assert!(lab.lists(&of_eu).await);
    assert_eq!(lab.rows().await, expected);
    lab.compact().await;
    assert!(lab.live().await.deletes.is_empty());
    assert_eq!(lab.rows().await, expected);
}

/// Case 20: in version 3 rows are known by ids, which neither rewriting nor removed files change.
#[tokio::test]
async fn rows_keep_their_ids_and_the_time_of_their_last_change() {
    let lab = Lab::new(3, false).await;
    lab.append(&["1 eu a", "2 eu b"]).await;
    lab.append(&["3 eu c"]).await;
    lab.upsert(&["2 eu new"]).await;
    let lineage = || async { lab.rows_of(RowsOptions { with_lineage: true, ..RowsOptions::default() }).await };
    // Rows 0 to 2 were appended, row 3 replaces row 1.
    let expected = ["1 eu a 0 1", "2 eu new 3 3", "3 eu c 2 2"];
    assert_eq!(lineage().await, expected);
    let next_row_id = lab.table().await.metadata().next_row_id();
    assert_eq!(next_row_id, 4);
    lab.compact().await;
    assert_eq!(lineage().await, expected);
    // The three rows of the output have ids of their own given to them, which nothing reads.
    let next_row_id = lab.table().await.metadata().next_row_id();
    assert!((4..=7).contains(&next_row_id), "{next_row_id}");
    // A manifest with a removed file is written again: its other files keep their first row.
    lab.append(&["4 eu d"]).await;
    let expected = ["1 eu a 0 1", "2 eu new 3 3", "3 eu c 2 2", &format!("4 eu d {next_row_id} 5")].map(str::to_owned);
    assert_eq!(lineage().await, expected);
    lab.compact().await;
    assert_eq!(lineage().await, expected);
}

/// Case 20: a manifest whose first file is removed, without which those behind it would move up.
#[tokio::test]
async fn removed_files_leave_their_row_ids_to_nobody() {
    let mut lab = Lab::new(3, true).await;
    let files = lab.data(&["1 eu a", "2 us b", "3 us c", "4 za d"]).await;
    lab.commit(SnapshotChange::append(files.clone())).await;
    let lineage = async |lab: &Lab| lab.rows_of(RowsOptions { with_lineage: true, ..RowsOptions::default() }).await;
    let before = lineage(&lab).await;
    let mut ids: Vec<&str> = before.iter().map(|row| row.split(' ').nth(3).unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["0", "1", "2", "3"]);
    let first = FileRef::of(&*lab.entry(&files[0]).await);
    let of_first = before.iter().position(|row| row.contains(" eu ")).unwrap();
    lab.commit(SnapshotChange::overwrite([], vec![first])).await;
    let mut expected = before.clone();
    expected.remove(of_first);
    assert_eq!(lineage(&lab).await, expected);
    lab.options.filter = Some("p = 'us'".to_owned());
    lab.compact().await;
    assert_eq!(lineage(&lab).await, expected);
}

/// Spec evolution as other writers do it, with deletes of both specs.
#[tokio::test]
async fn deletes_of_two_specs_are_applied_to_their_own_files() {
    let mut table = TestTable::v2("k int, p int", "");
    table.append([(1, 7), (2, 7)]);
    table.partition_by(&[("p", Transform::Identity)]);
    table.append([(1, 7), (2, 7)]);
    table.delete().delete_where_in((7,), "k", [1]).commit();
    let lab = Lab::of(&table).await;
    assert_eq!(lab.rows().await, ["1 7", "2 7", "2 7"]);
    lab.compact().await;
    assert_eq!(lab.rows().await, ["1 7", "2 7", "2 7"]);
    assert!(lab.live().await.deletes.is_empty());
}

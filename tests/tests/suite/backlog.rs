//! What one manifest list tells of many snapshots: never anything else than each snapshot's own list, and at a cost
//! that is linear in what they wrote.

use std::collections::HashMap;

use frazil_fixtures::{history, tables};
use frazil_reader::{Event, From, ReadOptions, read_changes};
use frazil_table::Table;
use frazil_table::catalog::{TableLocator, load_table};
use frazil_table::changes::{Backlog, SnapshotChanges, snapshot_changes};
use frazil_table::file::FileEntry;
use frazil_table::lineage::Lineage;
use frazil_table::manifest::LiveFiles;
use frazil_table::storage::{PathMap, Storage};
use frazil_testkit::random::{Compaction, random_table};
use frazil_testkit::{MAIN, TestTable};

use crate::fixtures::wait;
use crate::read;
use crate::report::{Report, same};

/// What is told of each snapshot with a parent, by how the manifest list of `last` answers.
#[derive(Debug, Default)]
struct Told {
    n_proved: usize,
    n_asked: usize,
}

/// Compares what the list of the snapshot at `last` tells with each snapshot's own.
async fn compare(table: &Table, lineage: &Lineage, last: usize) -> Result<Told, String> {
    let snapshots = lineage.snapshots();
    let backlog = Backlog::of(table, &snapshots[last]).await.map_err(|error| error.to_string())?;
    let mut told = Told::default();
    for pair in snapshots[..=last].windows(2) {
        let [parent, snapshot] = pair else { continue };
        told.n_asked += 1;
        let found = backlog.changes(table, snapshot, parent).await.map_err(|error| error.to_string())?;
        let Some(found) = found else { continue };
        told.n_proved += 1;
        let own = snapshot_changes(table, snapshot, Some(parent)).await.map_err(|error| error.to_string())?;
        same(&format!("snapshot {} by {last}", snapshot.snapshot_id()), described(&found), described(&own))?;
    }
    Ok(told)
}

/// Everything of the files but where in the list their manifest stands; their order is that of the reader.
fn described(changes: &SnapshotChanges) -> String {
    fn files(files: &LiveFiles) -> Vec<String> {
        let describe = |file: &FileEntry| {
            let mut file = file.clone();
            file.order.manifest_index = 0;
            format!("{file:?}")
        };
        let mut files: Vec<_> = files.data.iter().chain(&files.deletes).collect();
        files.sort_by_key(|file| (file.data_sequence_number, file.order));
        files.into_iter().map(|file| describe(file)).collect()
    }
    format!("{:#?}", (files(&changes.added), files(&changes.removed)))
}

fn lineage(table: &Table, branch: &str) -> Lineage {
    Lineage::of_branch(table.metadata(), table.metadata_location(), branch).unwrap()
}

#[test]
fn of_tables_of_other_engines_every_list_tells_what_the_snapshots_own_lists_do() {
    let mut report = Report::new("fixture backlogs");
    for fixture in tables() {
        let table = wait(read::open(fixture));
        for branch in fixture.branches.keys() {
            let lineage = lineage(&table, branch);
            for last in 0..lineage.snapshots().len() {
                report.count("lists", 1);
                let told = wait(compare(&table, &lineage, last));
                if let Ok(told) = &told {
                    report.count("snapshots asked for", told.n_asked);
                    report.count("snapshots proved", told.n_proved);
                }
                report.check(format!("{} {branch}", fixture.label()), told.map(|_| ()));
            }
        }
    }
    report.finish();
}

#[test]
fn of_two_thousand_snapshots_every_list_tells_what_the_snapshots_own_lists_do() {
    let history = history();
    let storage = Storage::local().with_path_map(PathMap::parse(std::slice::from_ref(&history.path_map)).unwrap());
    let locator = TableLocator::Path(history.metadata_file.display().to_string());
    let table = wait(load_table(&locator, &storage)).unwrap();
    let lineage = lineage(&table, MAIN);
    assert_eq!(lineage.snapshots().len(), 2000);
    let told: Vec<Told> =
        [1999, 1000, 333].into_iter().map(|last| wait(compare(&table, &lineage, last)).unwrap()).collect();
    println!("history backlogs: {told:?}");
    assert_eq!(told.iter().map(|told| told.n_asked).collect::<Vec<_>>(), [1999, 1000, 333]);
}

#[test]
fn of_random_histories_every_list_tells_what_the_snapshots_own_lists_do() {
    let mut total = Told::default();
    for seed in 0..400 {
        let random = random_table(seed, Compaction::Sound, usize::MAX);
        let table = random.table.table();
        let lineage = lineage(&table, MAIN);
        for last in 0..lineage.snapshots().len() {
            let told = wait(compare(&table, &lineage, last)).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
            total.n_asked += told.n_asked;
            total.n_proved += told.n_proved;
        }
    }
    println!("random backlogs: {total:?}");
    assert!(total.n_proved > total.n_asked / 10, "{total:?}");
}

fn appends(n: i32) -> TestTable {
    let mut table = TestTable::v2("k int, v string", "k");
    for key in 0..n {
        table.append([(key, "x")]);
    }
    table
}

#[test]
fn appends_are_all_proved_by_the_last_list() {
    let table = appends(20).table();
    let told = wait(compare(&table, &lineage(&table, MAIN), 19)).unwrap();
    assert_eq!((told.n_proved, told.n_asked), (19, 19));
}

#[test]
fn merged_manifests_and_removed_files_prove_nothing() {
    let mut table = appends(3);
    table.delta("append").rows([(3, "x")]).merge_manifests().commit();
    // Of the first three no manifest is left; the merged one lists all that the fourth added.
    table.append([(4, "x")]);
    let loaded = table.table();
    assert_eq!(wait(compare(&loaded, &lineage(&loaded, MAIN), 4)).unwrap().n_proved, 2);

    let mut table = appends(3);
    let path = table.append([(3, "y")]);
    table.overwrite().remove(path).rows([(3, "z")]).commit();
    let loaded = table.table();
    let lineage = lineage(&loaded, MAIN);
    // Neither the snapshot that removed the file nor the one that had added it.
    assert_eq!(wait(compare(&loaded, &lineage, 4)).unwrap().n_proved, 2);
    let backlog = wait(Backlog::of(&loaded, &lineage.snapshots()[4])).unwrap();
    assert!(backlog.added_manifests(&lineage.snapshots()[4], &lineage.snapshots()[3]).is_none());
    assert!(backlog.added_manifests(&lineage.snapshots()[3], &lineage.snapshots()[2]).is_none());
}

#[test]
fn a_summary_that_counts_wrongly_proves_nothing() {
    for (at, key, value) in [
        (2, "added-data-files", "2"),
        (2, "added-data-files", "none"),
        (2, "total-data-files", "7"),
        (2, "added-delete-files", "1"),
        (2, "deleted-data-files", "1"),
        (2, "removed-delete-files", "1"),
    ] {
        let mut table = TestTable::v2("k int, v string", "k");
        for step in 0..4 {
            let delta = table.delta("append").rows([(step, "x")]);
            if step == at {
                delta.summary(key, value).commit()
            } else {
                delta.commit()
            };
        }
        let table = table.table();
        let lineage = lineage(&table, MAIN);
        let backlog = wait(Backlog::of(&table, &lineage.snapshots()[3])).unwrap();
        let is_proved = |index: usize| {
            let [parent, snapshot] = &lineage.snapshots()[index - 1..=index] else { panic!("two") };
            backlog.added_manifests(snapshot, parent).is_some()
        };
        assert!(!is_proved(2), "{key}={value}");
        assert!(is_proved(1), "{key}={value}");
    }
}

/// Requests and bytes of delivering everything from the beginning.
fn cost(n: i32) -> (u64, u64) {
    let table = appends(n);
    let loaded = table.table();
    let before = loaded.storage().counters();
    let n_rows = wait(async {
        let mut stream = read_changes(&loaded, ReadOptions { from: From::Earliest, ..ReadOptions::default() }).await?;
        let mut n_rows = 0;
        while let Some(event) = stream.next().await? {
            if let Event::Changes(batch) = event {
                n_rows += batch.rows.num_rows();
            }
        }
        Ok::<_, frazil_reader::ReadError>(n_rows)
    });
    assert_eq!(n_rows.unwrap(), usize::try_from(n).unwrap());
    let after = loaded.storage().counters();
    (after.n_requests - before.n_requests, after.n_bytes_read - before.n_bytes_read)
}

#[test]
fn a_backlog_costs_requests_and_bytes_in_proportion_to_its_length() {
    let costs: HashMap<i32, (u64, u64)> = [50, 100, 200, 400].into_iter().map(|n| (n, cost(n))).collect();
    println!("backlog costs (requests, bytes): {costs:?}");
    for n in [50, 100, 200] {
        let ((requests, bytes), (more_requests, more_bytes)) = (costs[&n], costs[&(2 * n)]);
        assert!(more_requests <= 2 * requests + 2, "{costs:?}");
        assert!(more_bytes <= 2 * bytes + bytes / 50, "{costs:?}");
    }
}

//! A compaction that is killed at any moment, beside a writer who goes on: nothing is lost, and nothing is there twice.
//!
//! The process is this binary again, with one test to run.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};
use std::time::Duration;

use frazil_compactor::compact;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use super::table::Lab;

const TASK: &str = "FRAZIL_TEST_KILLED_COMPACTION";

const N_ROUNDS: usize = 10;

/// Of the table: the two processes overtake each other all the time.
const PROPERTIES: [(&str, &str); 1] = [("commit.retry.num-retries", "100")];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_compaction_that_is_killed_loses_nothing_and_doubles_nothing() {
    for version in [2, 3] {
        let seed = 0x6b_11ed + u64::from(version);
        println!("seed={seed} version={version}");
        kill_often(version, seed).await;
    }
}

async fn kill_often(version: u8, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("t").display().to_string();
    let lab = Lab::on_disk(&place, version, &PROPERTIES).await;
    let mut model: BTreeMap<i64, String> = BTreeMap::new();
    let mut n_commits = 0;
    for round in 0..N_ROUNDS {
        let micros = random.random_range(30_000..600_000_u64);
        let task = json!({"place": place, "micros": micros}).to_string();
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "compaction_cases::killed::compacts_if_another_test_asks", "--nocapture"])
            .env(TASK, task)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let status = loop {
            n_commits += 1;
            change(&lab, &mut random, &mut model, n_commits).await;
            if let Some(status) = process.try_wait().unwrap() {
                break status;
            }
        };
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9), "{status}");
        check(&lab, &model, round).await;
    }
    let table = lab.table().await;
    let replaced = table.metadata().snapshots().filter(|snapshot| snapshot.summary().operation.as_str() == "replace");
    let n_compactions = replaced.count();
    let n_orphans = lab.stored().await.len() - listed(&lab).await.len();
    println!("n_commits={n_commits} n_compactions={n_compactions} n_orphans={n_orphans}");
    assert!(n_compactions > 0, "nothing was compacted, so that nothing was shown");
    compact(&lab.committer, &lab.options, &()).await.unwrap();
    check(&lab, &model, N_ROUNDS).await;
}

/// Appends keys that are new, replaces some, or deletes some.
async fn change(lab: &Lab, random: &mut StdRng, model: &mut BTreeMap<i64, String>, n: i64) {
    let some = |random: &mut StdRng| -> BTreeSet<i64> { (0..4).map(|_| random.random_range(0..200)).collect() };
    let row = |k: i64| format!("{k} eu {n}");
    match random.random_range(0..3) {
        0 => {
            let keys: Vec<i64> = (0..3).map(|i| 1_000 + n * 10 + i).collect();
            let rows: Vec<String> = keys.iter().map(|k| row(*k)).collect();
            lab.append(&rows.iter().map(String::as_str).collect::<Vec<_>>()).await;
            model.extend(keys.into_iter().zip(rows));
        }
        1 => {
            let keys = some(random);
            let texts: Vec<String> = keys.iter().map(i64::to_string).collect();
            lab.delete_keys(&texts.iter().map(String::as_str).collect::<Vec<_>>()).await;
            model.retain(|k, _| !keys.contains(k));
        }
        _ => {
            let keys = some(random);
            let rows: Vec<String> = keys.iter().map(|k| row(*k)).collect();
            lab.upsert(&rows.iter().map(String::as_str).collect::<Vec<_>>()).await;
            model.extend(keys.into_iter().zip(rows));
        }
    }
}

async fn listed(lab: &Lab) -> BTreeSet<String> {
    let table = lab.table().await;
    let mut listed = BTreeSet::new();
    for snapshot in table.metadata().snapshots() {
        let live = frazil_table::manifest::live_files(&table, snapshot).await.unwrap();
        let files = live.data.iter().chain(&live.deletes);
        listed.extend(files.map(|file| super::table::name(&file.path).to_owned()));
    }
    listed
}

/// The rows are those of the model, and everything that any snapshot lists is there.
async fn check(lab: &Lab, model: &BTreeMap<i64, String>, round: usize) {
    let mut expected: Vec<String> = model.values().cloned().collect();
    expected.sort();
    assert_eq!(lab.rows().await, expected, "round={round}");
    let stored = lab.stored().await;
    let missing: Vec<String> = listed(lab).await.into_iter().filter(|file| !stored.contains(file)).collect();
    assert!(missing.is_empty(), "round={round} missing={missing:?}");
}

/// Does nothing by itself: it is what a process runs that another test starts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compacts_if_another_test_asks() {
    let Ok(task) = std::env::var(TASK) else { return };
    let task: Value = serde_json::from_str(&task).unwrap();
    let micros = task["micros"].as_u64().unwrap();
    std::thread::spawn(move || {
        // The moment is any; the processor decides where it falls.
        std::thread::sleep(Duration::from_micros(micros));
        // No destructor runs, and nothing is flushed.
        let _ = Command::new("kill").args(["-9", &std::process::id().to_string()]).status();
    });
    let lab = Lab::open_on_disk(task["place"].as_str().unwrap()).await;
    loop {
        let report = compact(&lab.committer, &lab.options, &()).await.unwrap();
        assert!(report.failed_commits.is_empty() && report.unknown.is_empty(), "{report:?}");
    }
}

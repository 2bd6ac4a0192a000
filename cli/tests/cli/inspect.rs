//! `frazil inspect` where something is missing.

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use frazil_fixtures::{FixtureTable, table};
use serde_json::{Value, json};

use super::{error, run, stdout};

fn inspect(metadata_file: &str, args: &[&str]) -> Output {
    let (old, new) = FixtureTable::path_map();
    run(&[&["inspect", metadata_file, "--path-map", &format!("{old}={}", new.display())], args].concat())
}

fn metadata_file() -> PathBuf {
    table("upsert_v2").metadata_file.clone()
}

/// The metadata of a table, changed, in a folder of its own.
fn changed(folder: &tempfile::TempDir, change: impl FnOnce(&mut Value)) -> String {
    let mut metadata: Value = serde_json::from_slice(&fs::read(metadata_file()).unwrap()).unwrap();
    change(&mut metadata);
    let path = folder.path().join("v1.metadata.json");
    fs::write(&path, metadata.to_string()).unwrap();
    path.display().to_string()
}

fn files_of(output: &Output) -> Value {
    serde_json::from_str::<Value>(stdout(output)).unwrap()["files"].clone()
}

#[test]
fn files_are_counted_where_summaries_have_no_counts() {
    let folder = tempfile::tempdir().unwrap();
    let path = changed(&folder, |metadata| {
        for snapshot in metadata["snapshots"].as_array_mut().unwrap() {
            snapshot["summary"] = json!({"operation": snapshot["summary"]["operation"]});
        }
    });
    let output = inspect(&path, &["--json"]);
    let expected = inspect(&metadata_file().display().to_string(), &["--json"]);
    assert_eq!(files_of(&output)["total"], files_of(&expected)["total"]);
    let report: Value = serde_json::from_str(stdout(&output)).unwrap();
    assert!(report["snapshots"][0]["added_rows"].is_null());
}

#[test]
fn a_missing_manifest_list_is_named_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = changed(&folder, |metadata| {
        for snapshot in metadata["snapshots"].as_array_mut().unwrap() {
            snapshot["manifest-list"] = json!("file:/nosuch/snap-1.avro");
        }
    });
    let output = inspect(&path, &[]);
    let line = error(&output, 1);
    assert!(line.contains("snap-1.avro") && line.contains("file is missing"), "{line}");
}

#[test]
fn what_is_not_there_is_told_in_one_line() {
    let path = metadata_file().display().to_string();
    let output = inspect(&path, &["--branch", "nosuch"]);
    assert!(error(&output, 2).contains("branch `nosuch`"));
    let output = inspect(&path, &["--partitions", "many"]);
    assert!(error(&output, 2).contains("--partitions"));
    let output = inspect("/nosuch/v1.metadata.json", &[]);
    assert!(error(&output, 1).contains("not found"));
}

#[test]
fn no_partitions_are_shown_if_none_are_asked_for() {
    let files = files_of(&inspect(&metadata_file().display().to_string(), &["--partitions", "0", "--json"]));
    assert_eq!((&files["partitions"], &files["n_partitions"]), (&json!([]), &json!(4)));
    assert_eq!(files["total"]["data_files"], 27);
}

//! `frazil watermark`, on a table that Flink wrote: its jobs put `flink.watermark` into snapshot summaries by hand,
//! a rewrite of manifests without it came last, and then the table property `watermark` was set.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Output, Stdio};

use frazil_fixtures::{FixtureTable, table};
use rstest::rstest;
use serde_json::{Value, json};

use super::{error, frazil, path_maps, run, stdout, text};

/// 2024-03-02T02:45:00Z, the last value of the property.
const LAST_MS: i64 = 1_709_347_500_000;

fn watermark(args: &[&str]) -> Output {
    let (old, new) = FixtureTable::path_map();
    let map = format!("{old}={}", new.display());
    let metadata_file = table("append_watermark_v2").metadata_file.display().to_string();
    run(&[&["watermark", &metadata_file, "--path-map", &map], args].concat())
}

fn report(args: &[&str]) -> Value {
    serde_json::from_str(stdout(&watermark(&[args, &["--json"]].concat()))).unwrap()
}

#[test]
fn a_summary_key_is_found_in_the_nearest_ancestor_that_has_it() {
    let report = report(&["--name", "property:flink.watermark"]);
    assert_eq!(report["watermark_ms"], LAST_MS);
    assert_eq!(report["watermark"], "2024-03-02T02:45:00.000000+00:00");
    let writer = &report["writers"][0];
    assert_eq!((&writer["source"], &writer["key"]), (&"snapshot_summary".into(), &"flink.watermark".into()));
    let lineage = table("append_watermark_v2").lineage("main");
    assert_eq!(lineage.len(), 11);
    assert_eq!(writer["snapshot_id"], lineage[9].snapshot_id);
    assert!(report["lag_ms"].as_i64().unwrap() > 0 && report["reach"].is_null());
}

#[test]
fn a_table_property_is_found_where_no_summary_has_the_key() {
    let report = report(&["--name", "property:watermark"]);
    assert_eq!(report["watermark_ms"], LAST_MS);
    let writer = &report["writers"][0];
    assert_eq!(writer["source"], "table_property");
    assert!(writer["snapshot_id"].is_null() && writer["committed_at"].is_null());
}

#[test]
fn a_column_tells_how_far_back_the_newest_rows_reach() {
    // The rows of the ninth snapshot are from 02:10 to 02:55; the tenth and eleventh add none.
    let report = report(&["--name", "column:ts", "--lateness", "10m"]);
    assert_eq!(report["watermark"], "2024-03-02T02:00:00.000000+00:00");
    assert_eq!(report["writers"][0]["source"], "column_bounds");
    assert_eq!(report["writers"][0]["snapshot_id"], table("append_watermark_v2").lineage("main")[8].snapshot_id);
}

#[rstest]
#[case::before("2024-03-02T02:44:59.999Z", 0)]
#[case::exactly("2024-03-02T02:45:00Z", 0)]
#[case::exactly_in_another_zone("2024-03-02T03:45+01:00", 0)]
#[case::after("2024-03-02T02:45:00.001Z", 75)]
#[case::within_the_next_millisecond("2024-03-02T02:45:00.0000001Z", 75)]
#[case::a_day_that_has_begun("2024-03-02Z", 0)]
#[case::a_day_that_has_not("2024-03-03Z", 75)]
#[case::now("now", 75)]
fn reaching_a_time_is_told_by_the_exit_code(#[case] time: &str, #[case] code: i32) {
    let output = watermark(&["--name", "property:flink.watermark", "--reach", time]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(code), ""));
    let line = text(&output.stdout);
    assert_eq!(line.lines().count(), 1, "{line}");
    assert!(line.starts_with("2024-03-02T02:45:00.000000+00:00  property:flink.watermark  snapshot "), "{line}");
    assert!(line.contains(if code == 0 { "; reached 20" } else { "; not yet reached 20" }), "{line}");
}

#[test]
fn several_names_are_shown_each_and_the_lowest_last() {
    let output = watermark(&["--name", "property:flink.watermark", "--name", "column:ts"]);
    let lines: Vec<&str> = stdout(&output).lines().collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[2].starts_with("2024-03-02T02:10:00.000000+00:00  lowest of 2, lag "), "{lines:?}");
}

#[rstest]
#[case::no_writer(&[], 1, &["cannot tell", "branch `main`", "--name property:KEY"])]
#[case::no_writer_to_reach(&["--reach", "now"], 1, &["cannot tell"])]
#[case::no_such_writer(&["--name", "orders"], 1, &["`watermark.orders`", "check the name"])]
#[case::another_unit(&["--name", "property:flink.watermark", "--unit", "us"], 0, &[])]
#[case::a_unit_that_does_not_fit(&["--name", "property:flink.watermark", "--unit", "rfc3339"], 1, &["`flink.watermark`", "RFC 3339"])]
#[case::seconds_beyond_reason(&["--name", "property:flink.watermark", "--unit", "s"], 1, &["`flink.watermark`", "year 9999"])]
#[case::no_such_column(&["--name", "column:nosuch"], 2, &["`nosuch`", "id, ts, payload"])]
#[case::a_column_without_times(&["--name", "column:payload"], 2, &["string"])]
#[case::no_such_branch(&["--branch", "nosuch"], 2, &["branch `nosuch`"])]
#[case::a_time_without_zone(&["--reach", "2024-03-02T02:45:00"], 2, &["--reach", "zone"])]
#[case::a_wait_for_nothing(&["--wait"], 2, &["--reach"])]
#[case::a_timeout_without_a_wait(&["--reach", "now", "--timeout", "1s"], 2, &["--wait"])]
#[case::a_unit_for_nothing(&["--unit", "s"], 2, &["--unit"])]
#[case::lateness_for_nothing(&["--lateness", "1m"], 2, &["--lateness"])]
#[case::no_duration(&["--reach", "now", "--wait", "--timeout", "soon"], 2, &["soon", "30m"])]
fn what_cannot_be_told_or_asked_is_one_line(#[case] args: &[&str], #[case] code: i32, #[case] parts: &[&str]) {
    let output = watermark(args);
    if code == 0 {
        stdout(&output);
        return;
    }
    let line = error(&output, code);
    for part in parts {
        assert!(line.contains(part), "`{part}` is not in: {line}");
    }
}

#[test]
fn what_cannot_be_told_has_its_code_in_json() {
    let output = watermark(&["--json"]);
    let error: Value = serde_json::from_str(error(&output, 1)).unwrap();
    assert_eq!(error["error"]["code"], "WATERMARK_UNKNOWN");
    assert_eq!(error["error"]["advice"], "FIX_REQUEST");
}

#[test]
fn a_verdict_is_part_of_the_json() {
    let output = watermark(&["--name", "property:watermark", "--reach", "2024-03-03Z", "--json"]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(75), ""));
    let report: Value = serde_json::from_str(text(&output.stdout)).unwrap();
    assert_eq!(report["reach"]["reached"], false);
    assert_eq!(report["reach"]["time"], "2024-03-03T00:00:00.000000+00:00");
}

#[test]
fn a_wait_ends_at_once_if_the_time_was_reached_and_with_75_if_the_time_is_up() {
    let name = ["--name", "property:flink.watermark", "--wait"];
    let output = watermark(&[&name[..], &["--reach", "2024-03-02Z"]].concat());
    assert!(stdout(&output).contains("; reached "));
    let output = watermark(&[&name[..], &["--reach", "now", "--timeout", "0s"]].concat());
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(75), ""));
}

#[test]
fn a_wait_ends_at_once_if_nothing_can_be_told() {
    let output = watermark(&["--name", "nosuch", "--reach", "now", "--wait", "--timeout", "1h"]);
    assert!(error(&output, 1).contains("`watermark.nosuch`"));
}

#[test]
fn a_wait_ends_when_a_commit_brings_the_watermark() {
    let source = table("append_watermark_v2").metadata_file.parent().unwrap().to_owned();
    let version = |number: &str| {
        let names = fs::read_dir(&source).unwrap().map(|entry| entry.unwrap().path());
        names
            .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
            .find(|path| path.file_name().unwrap().to_str().unwrap().starts_with(number))
            .unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    let metadata = folder.path().join("metadata");
    fs::create_dir(&metadata).unwrap();
    let copy = |number: &str| {
        let from = version(number);
        let unfinished = folder.path().join("unfinished");
        fs::copy(&from, &unfinished).unwrap();
        fs::rename(unfinished, metadata.join(from.file_name().unwrap())).unwrap();
    };
    // After the sixth commit the watermark is 01:05.
    copy("00006");
    let mut child = frazil(&["watermark", &folder.path().display().to_string(), "-v"])
        .args(["--name", "property:flink.watermark", "--reach", "2024-03-02T02:45:00Z"])
        .args(["--wait", "--timeout", "60s", "--poll-interval", "100ms"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.by_ref().any(|line| line.unwrap().contains("not yet reached")));
    copy("00009");
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    assert!(rest.iter().any(|line| line.contains("table changed")), "{rest:?}");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("; reached 2024-03-02T02:45:00"), "{}", text(&output.stdout));
}

/// An empty table in a folder, as it can be committed to.
pub(super) fn new_table(folder: &std::path::Path) -> String {
    use frazil_table::catalog::{TableLocator, create_table};
    let path = folder.join("t").display().to_string();
    let schema = json!({"type": "struct", "fields": [
        {"id": 1, "name": "k", "required": false, "type": "long"}]});
    let new = frazil_table::commit::NewTable::new(serde_json::from_value(schema).unwrap());
    let (locator, storage) = (TableLocator::Path(path.clone()), frazil_table::storage::Storage::local());
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    runtime.block_on(create_table(&locator, &storage, new)).unwrap();
    path
}

#[test]
fn a_watermark_that_was_set_is_read_and_never_goes_back() {
    let folder = tempfile::TempDir::new().unwrap();
    let table = new_table(folder.path());
    let set = |time: &str| frazil(&["watermark", "set", &table, "--name", "loader", time]).output().unwrap();
    let output = set("2026-11-21T01:00:00Z");
    let line = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(line.starts_with("watermark loader is 2026-11-21T01:00:00") && line.contains("(snapshot "), "{line}");
    let reach = |time: &str| frazil(&["watermark", &table, "--name", "loader", "--reach", time]).output().unwrap();
    assert_eq!(reach("2026-11-21T01:00:00Z").status.code(), Some(0));
    assert_eq!(reach("2026-11-21T01:00:00.001Z").status.code(), Some(75));
    assert!(text(&set("2026-11-21T01:00:00Z").stdout).contains("it stood there"));
    let back = set("2026-11-21T00:59:59Z");
    assert_eq!(back.status.code(), Some(2));
    assert!(text(&back.stderr).contains("never goes back"), "{}", text(&back.stderr));
}

#[test]
fn a_table_that_can_only_be_read_gets_no_watermark() {
    let file = table("upsert_v2").metadata_file.display().to_string();
    let output = frazil(&["watermark", "set", &file, "--name", "w", "now"]).args(path_maps()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("can only be read"), "{}", text(&output.stderr));
}

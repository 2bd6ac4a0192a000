//! The program as its users run it: what it prints, how it ends, and what it says when it cannot.
//!
//! These tests stand beside the program, and not with the other tests of public items, because only here does
//! cargo build it for them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at what it does not expect"
)]

#[path = "cli/compact.rs"]
mod compact;
#[path = "cli/config.rs"]
mod config;
#[path = "cli/follow.rs"]
mod follow;
#[path = "cli/forms.rs"]
mod forms;
#[path = "cli/groups.rs"]
mod groups;
#[path = "cli/inspect.rs"]
mod inspect;
#[path = "cli/lock.rs"]
mod lock;
#[path = "cli/serve.rs"]
mod serve;
#[path = "cli/watermark.rs"]
mod watermark;

use std::fs;
use std::io::Cursor;
use std::process::{Command, Output, Stdio};

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{Int8Type, Int64Type};
use arrow_ipc::reader::StreamReader;
use frazil_fixtures::{FixtureTable, Form, Rows, canonical_row, change_line, table, tables};
use rstest::rstest;
use serde_json::Value;

fn frazil(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_frazil"));
    command.args(args).stdin(Stdio::null()).env_remove("CLICOLOR_FORCE");
    command
}

fn run(args: &[&str]) -> Output {
    frazil(args).output().unwrap()
}

/// `--path-map` for all fixture tables.
fn path_maps() -> Vec<String> {
    FixtureTable::path_maps().into_iter().flat_map(|map| ["--path-map".to_owned(), map]).collect()
}

/// `frazil read` of a fixture table by its folder.
fn read(table: &FixtureTable, args: &[&str]) -> Output {
    let metadata_file = table.metadata_file.display().to_string();
    frazil(&["read", &metadata_file]).args(path_maps()).args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Standard output of a run that succeeded without a word to standard error.
fn stdout(output: &Output) -> &str {
    assert_eq!(text(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
    text(&output.stdout)
}

/// The one line of a run that failed before it wrote anything.
fn error(output: &Output, code: i32) -> &str {
    assert_eq!(text(&output.stdout), "");
    assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
    let line = text(&output.stderr).strip_suffix('\n').unwrap();
    assert!(!line.contains('\n'), "{line}");
    line
}

fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn rows_of_every_table_are_those_of_its_writer() {
    for table in tables() {
        let Some(head) = table.lineage("main").pop() else { continue };
        let schema = table.schema(head.schema_id);
        let mut rows = Rows::default();
        for line in json_lines(stdout(&read(table, &["--mode", "rows"]))) {
            rows.insert(canonical_row(schema, &line, Form::Frazil).unwrap());
        }
        assert_eq!(rows.difference_to(&table.expected_rows(head)), None, "{}", table.label());
    }
}

#[test]
fn changes_of_every_table_fold_to_its_rows() {
    for table in tables() {
        let Some(head) = table.lineage("main").pop() else { continue };
        let schema = table.schema(head.schema_id);
        let output = read(table, &["--schema", &format!("pinned:{}", head.schema_id)]);
        assert_eq!(output.status.code(), Some(0), "{}: {}", table.label(), text(&output.stderr));
        let mut rows = Rows::default();
        for line in text(&output.stdout).lines() {
            let change = change_line(line).unwrap();
            let row = canonical_row(schema, &change.row, Form::Frazil).unwrap();
            match change.change_type.as_str() {
                "INSERT" | "UPDATE_AFTER" => rows.insert(row),
                _ => assert!(rows.remove(&row), "{}: takes away what is not there: {line}", table.label()),
            }
        }
        let expected = table.expected_rows_in_schema(head, schema);
        assert_eq!(rows.difference_to(&expected), None, "{}", table.label());
    }
}

#[test]
fn change_columns_come_first_and_count_snapshots() {
    let table = table("upsert_v2");
    let output = read(table, &["--from", "earliest", "--columns", "name,id"]);
    let lines = json_lines(stdout(&output));
    let names: Vec<&String> = lines[0].as_object().unwrap().keys().collect();
    let expected = ["_change_type", "_change_ordinal", "_commit_snapshot_id", "_commit_timestamp", "name", "id"];
    assert_eq!(names, expected);
    let lineage = table.lineage("main");
    for line in &lines {
        let ordinal = usize::try_from(line["_change_ordinal"].as_u64().unwrap()).unwrap();
        assert_eq!(line["_commit_snapshot_id"], lineage[ordinal].snapshot_id);
        assert!(line["_commit_timestamp"].as_str().unwrap().ends_with("000+00:00"));
    }
}

#[test]
fn an_arrow_stream_holds_the_same_changes_with_reserved_field_ids() {
    let table = table("upsert_v2");
    let lines = json_lines(stdout(&read(table, &[])));
    let output = read(table, &["--format", "arrow"]);
    assert_eq!(output.status.code(), Some(0));
    let batches: Vec<RecordBatch> =
        StreamReader::try_new(Cursor::new(output.stdout), None).unwrap().map(Result::unwrap).collect();
    let schema = batches[0].schema();
    let field_id = |name: &str| schema.field_with_name(name).unwrap().metadata().get("PARQUET:field_id").cloned();
    assert_eq!(field_id("_change_type").as_deref(), Some("2147483543"));
    assert_eq!(field_id("_change_ordinal").as_deref(), Some("2147483542"));
    assert_eq!(field_id("_commit_snapshot_id").as_deref(), Some("2147483541"));
    assert_eq!(field_id("id").as_deref(), Some("1"));
    let mut at = 0;
    for batch in &batches {
        let kinds = batch["_change_type"].as_dictionary::<Int8Type>();
        let kinds = kinds.downcast_dict::<arrow_array::StringArray>().unwrap();
        for (row, kind) in kinds.into_iter().enumerate() {
            let line = &lines[at];
            assert_eq!(line["_change_type"], kind.unwrap());
            assert_eq!(
                line["_commit_snapshot_id"],
                batch["_commit_snapshot_id"].as_primitive::<Int64Type>().value(row)
            );
            assert_eq!(line["id"], batch["id"].as_primitive::<Int64Type>().value(row));
            at += 1;
        }
    }
    assert_eq!(at, lines.len());
}

#[test]
fn an_arrow_stream_keeps_one_schema_over_schema_changes() {
    let table = table("schema_evolution_v2");
    let output = read(table, &["--format", "arrow"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let reader = StreamReader::try_new(Cursor::new(output.stdout), None).unwrap();
    assert!(reader.schema().field_with_name("title").is_ok());
    assert!(reader.map(|batch| batch.unwrap().num_rows()).sum::<usize>() > 12);
    let followed = read(table, &["--format", "arrow", "--schema", "follow"]);
    assert_eq!(followed.status.code(), Some(2));
    assert!(text(&followed.stderr).contains("one schema"));
}

#[test]
fn a_table_for_people_has_headings_and_aligned_columns_and_no_colours_in_a_pipe() {
    let table = table("upsert_v2");
    let output = read(table, &["--format", "table", "--limit", "21"]);
    let lines: Vec<&str> = stdout(&output).lines().collect();
    let first = table.lineage("main")[0].snapshot_id;
    assert!(lines[0].starts_with(&format!("snapshot {first}  overwrite  2")), "{}", lines[0]);
    assert_eq!(lines[1].split_whitespace().collect::<Vec<_>>(), ["id", "name", "qty", "amount", "score", "ts"]);
    assert_eq!(lines.iter().filter(|line| line.starts_with("+I")).count(), 20);
    assert_eq!(lines[2].find("n"), lines[3].find("n"));
    assert!(!stdout(&output).contains('\u{1b}'));
}

#[test]
fn markers_tell_where_snapshots_end_and_schemas_change() {
    let table = table("schema_evolution_v2");
    let lines = json_lines(stdout(&read(table, &["--markers"])));
    let of = |marker: &str| lines.iter().filter(|line| line["_marker"] == marker).cloned().collect::<Vec<_>>();
    assert_eq!(of("snapshot_end").len(), table.lineage("main").len());
    let changes = of("schema_change");
    assert!(!changes.is_empty());
    assert!(changes.iter().any(|change| change["columns"].as_array().unwrap().contains(&"title".into())));
    assert!(stdout(&read(table, &["--markers", "--format", "table"])).contains("-- schema "));
    assert!(!stdout(&read(table, &[])).contains("_marker"));
}

#[rstest]
#[case("0", 0)]
#[case("1", 1)]
#[case("25", 25)]
#[case("100000", 136)]
fn a_limit_is_exact(#[case] limit: &str, #[case] expected: usize) {
    for format in ["jsonl", "arrow"] {
        let output = read(table("upsert_v2"), &["--limit", limit, "--format", format]);
        assert_eq!(output.status.code(), Some(0));
        let n_rows = if format == "jsonl" {
            text(&output.stdout).lines().count()
        } else {
            let reader = StreamReader::try_new(Cursor::new(output.stdout), None).unwrap();
            reader.map(|batch| batch.unwrap().num_rows()).sum()
        };
        assert_eq!(n_rows, expected, "{format}");
    }
}

#[test]
fn kinds_can_be_left_out() {
    let lines = json_lines(stdout(&read(table("upsert_v2"), &["--drop-kinds", "update_before,delete"])));
    assert!(lines.iter().all(|line| line["_change_type"] == "INSERT" || line["_change_type"] == "UPDATE_AFTER"));
    assert!(!lines.is_empty());
}

#[test]
fn a_reader_that_closes_the_pipe_ends_the_command_quietly() {
    let (old, new) = FixtureTable::path_map();
    let metadata_file = table("upsert_v2").metadata_file.display().to_string();
    for format in ["jsonl", "arrow", "table"] {
        let mut child = frazil(&["read", &metadata_file, "--path-map", &format!("{old}={}", new.display())])
            .args(["--format", format])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""), "{format}");
    }
}

#[test]
fn a_file_is_written_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("changes.jsonl");
    let file = path.display().to_string();
    let names = || fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
    let refused = read(table("upsert_v2"), &["-o", &file, "--columns", "nosuch"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(names().is_empty());
    // This one fails in the middle, after rows have been written.
    let failed = read(table("compacted_new_seq_v2"), &["-o", &file, "--on-replace-mismatch", "fail"]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(names().is_empty());
    assert_eq!(stdout(&read(table("upsert_v2"), &["-o", &file])), "");
    assert_eq!(fs::read_to_string(&path).unwrap(), stdout(&read(table("upsert_v2"), &[])));
    assert_eq!(names(), ["changes.jsonl"]);
    let nowhere = read(table("upsert_v2"), &["-o", "/nosuch/folder/x"]);
    assert!(error(&nowhere, 1).contains("`/nosuch/folder/x`"));
}

#[rstest]
#[case(&["--columns", "nosuch"], 2, &["nosuch"])]
#[case(&["--key", "nosuch"], 2, &["nosuch"])]
#[case(&["--branch", "nosuch"], 2, &["branch `nosuch`", "frazil inspect"])]
#[case(&["--from", "tag:nosuch"], 2, &["tag `nosuch`", "frazil inspect"])]
#[case(&["--mode", "rows", "--at", "snapshot:7"], 2, &["snapshot `7`"])]
#[case(&["--from", "after:7"], 1, &["`7`", "--from earliest or --from full"])]
#[case(&["--schema", "pinned:99"], 2, &["schema `99`"])]
#[case(&["--mode", "nosuch"], 2, &["nosuch", "changelog, upsert, net, append, rows"])]
#[case(&["--mode", "upsert", "--columns", "name"], 2, &["`id`", "--columns"])]
#[case(&["--mode", "rows", "--markers"], 2, &["--markers"])]
#[case(&["--limit", "x"], 2, &["--limit"])]
#[case(&["--nosuch"], 2, &["--nosuch"])]
#[case(&["--memory-limit", "much"], 2, &["much", "512MB"])]
fn a_wrong_request_is_told_in_one_line(#[case] args: &[&str], #[case] code: i32, #[case] parts: &[&str]) {
    let output = read(table("upsert_v2"), args);
    let line = error(&output, code);
    assert!(line.starts_with("error: "), "{line}");
    for part in parts {
        assert!(line.contains(part), "`{part}` is not in: {line}");
    }
}

#[test]
fn errors_can_be_had_as_json() {
    let output = read(table("upsert_v2"), &["--from", "after:7", "--json"]);
    let error: Value = serde_json::from_str(error(&output, 1)).unwrap();
    assert_eq!(error["error"]["code"], "SNAPSHOT_EXPIRED");
    assert_eq!(error["error"]["advice"], "FIX_REQUEST");
    assert_eq!(error["error"]["details"]["consumed"], 7);
    let output = run(&["read", "--json"]);
    assert_eq!(output.status.code(), Some(2));
    let error: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(error["error"]["code"], "USAGE");
}

#[test]
fn a_table_that_is_not_there_is_named() {
    for name in ["db.orders", "/nosuch/table", "/nosuch/v1.metadata.json"] {
        let output = run(&["read", name]);
        let line = error(&output, 1);
        assert!(line.contains(name) && line.contains("not found"), "{line}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named_with_the_path_map_as_a_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let metadata_file = table("upsert_v2").metadata_file.display().to_string();
    let map = format!("{}={}", FixtureTable::path_map().0, folder.path().display());
    let output = run(&["read", &metadata_file, "--path-map", &map]);
    let line = error(&output, 1);
    assert!(line.contains(".avro") && line.contains("--path-map"), "{line}");
}

#[test]
fn tables_are_found_by_name_in_a_catalog() {
    let (old, new) = FixtureTable::path_map();
    let map = format!("{old}={}", new.display());
    let uri = format!("sqlite://{}/flink/catalog.db", new.display());
    let catalog = ["--catalog-uri", uri.as_str(), "--path-map", &map, "--mode", "rows"];
    for name in ["fx.upsert_v2", "fixtures.fx.upsert_v2"] {
        let output = run(&[&["read", name], &catalog[..]].concat());
        assert_eq!(stdout(&output).lines().count(), 62, "{name}");
    }
    let output = run(&[&["read", "fx.upsert_v3x"], &catalog[..]].concat());
    assert!(error(&output, 1).contains("upsert_v3"));
}

#[test]
fn a_table_without_snapshots_is_empty_and_no_error() {
    for args in [&["--mode", "rows"][..], &[]] {
        assert_eq!(stdout(&read(table("empty"), args)), "");
    }
}

#[test]
fn a_faulty_compaction_is_warned_of_and_shown() {
    let output = read(table("compacted_new_seq_v2"), &[]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stderr).contains("WARN"), "{}", text(&output.stderr));
    assert!(!text(&output.stdout).contains("WARN"));
}

#[test]
fn inspect_describes_a_table_as_text_and_as_json() {
    for table in tables() {
        let metadata_file = table.metadata_file.display().to_string();
        let inspect = || {
            let mut command = frazil(&["inspect", &metadata_file]);
            command.args(path_maps());
            command
        };
        let output = inspect().arg("--json").output().unwrap();
        let report: Value = serde_json::from_str(stdout(&output)).unwrap();
        assert_eq!(report["format_version"], table.format_version, "{}", table.label());
        assert_eq!(report["snapshots"].as_array().unwrap().len(), table.snapshots.len());
        assert_eq!(report["refs"].as_array().unwrap().len(), table.branches.len() + table.tags.len());
        assert_eq!(report["files"].is_null(), table.lineage("main").is_empty());
        let output = inspect().output().unwrap();
        let text = stdout(&output);
        assert!(text.contains(report["table_uuid"].as_str().unwrap()));
        for snapshot in &table.snapshots {
            assert!(text.contains(&snapshot.snapshot_id.to_string()), "{text}");
        }
    }
}

#[test]
fn inspect_counts_files_and_deletes_by_partition() {
    let (old, new) = FixtureTable::path_map();
    let metadata_file = table("upsert_v3").metadata_file.display().to_string();
    let output = run(&["inspect", &metadata_file, "--path-map", &format!("{old}={}", new.display()), "--json"]);
    let files = serde_json::from_str::<Value>(stdout(&output)).unwrap()["files"].clone();
    assert_eq!(files["total"]["data_files"], 27);
    assert_eq!(files["total"]["small_file_ratio"], 1.0);
    let partitions = files["partitions"].as_array().unwrap();
    let names: Vec<&str> = partitions.iter().map(|partition| partition["partition"].as_str().unwrap()).collect();
    assert_eq!(names, ["id_bucket=0", "id_bucket=1", "id_bucket=2", "id_bucket=3"]);
    let sum = |name: &str| partitions.iter().map(|partition| partition[name].as_u64().unwrap()).sum::<u64>();
    for name in ["data_files", "data_rows", "equality_delete_files", "deletion_vectors"] {
        assert_eq!(files["total"][name], sum(name), "{name}");
        assert!(sum(name) > 0, "{name}");
    }
}

#[test]
fn the_demo_shows_changes_and_checks_them() {
    let output = run(&["demo", "--seconds", "1"]);
    let text = stdout(&output);
    let checks: Vec<&str> = text.lines().filter(|line| line.starts_with("check: ")).collect();
    assert_eq!(checks.len(), 2, "{text}");
    assert_eq!(checks[0], "check: 136 changes of 9 snapshots fold to exactly the table's 62 rows");
    let last = text.lines().last().unwrap();
    assert!(last.ends_with(" data files and 0 delete files"), "{last}");
    let (of_flink, live) = text.split_once(checks[0]).unwrap();
    assert_eq!(of_flink.lines().filter(|line| line.starts_with("snapshot ")).count(), 9);
    for text in [of_flink, live] {
        assert!(text.contains("\n-U") && text.contains("\n+U") && text.contains("\n-D"), "{text}");
    }
    let output = run(&["demo", "--seconds", "1", "--json"]);
    let result: Value = serde_json::from_str(stdout(&output)).unwrap();
    assert_eq!(result["equal"], true);
    assert!(result["written_meanwhile"]["snapshots"].as_u64().unwrap() > 1, "{result}");
    let compactions = result["compactions"].as_array().unwrap();
    let count = |compaction: &Value, name: &str| compaction[name].as_u64().unwrap();
    assert!(!compactions.is_empty());
    for compaction in compactions {
        let files = |when: &str| {
            count(compaction, &format!("data_files_{when}")) + count(compaction, &format!("delete_files_{when}"))
        };
        assert!(files("after") < files("before"), "{result}");
    }
    assert_eq!(result["delete_files"], 0);
}

#[test]
fn colours_are_on_request_and_no_color_wins_on_a_terminal_only() {
    let coloured = frazil(&["demo", "--seconds", "1"]).env("CLICOLOR_FORCE", "1").output().unwrap();
    assert!(text(&coloured.stdout).contains("\u{1b}[32m+I"));
    let plain = frazil(&["demo", "--seconds", "1"]).env("NO_COLOR", "1").output().unwrap();
    assert!(!text(&plain.stdout).contains('\u{1b}'));
}

#[rstest]
fn completions_are_written_for_every_shell(#[values("bash", "zsh", "fish", "powershell", "elvish")] shell: &str) {
    let output = run(&["completions", shell]);
    assert!(stdout(&output).contains("frazil"));
}

#[rstest]
fn help_ends_with_an_example(
    #[values(&["--help"], &["read", "--help"], &["inspect", "--help"], &["compact", "--help"], &["watermark", "--help"], &["demo", "--help"], &["completions", "--help"])]
    args: &[&str],
) {
    let output = run(args);
    let last = stdout(&output).trim_end().rsplit("\n\n").next().unwrap().to_owned();
    assert!(last.starts_with("Example") && last.contains("  frazil "), "{last}");
}

#[test]
fn append_mode_ends_at_the_first_snapshot_that_does_more_than_add() {
    let output = read(table("upsert_v2"), &["--mode", "append"]);
    assert_eq!(output.status.code(), Some(1));
    let line = text(&output.stderr);
    assert!(line.contains("overwrite") && line.contains("; read with --mode changelog, or pass "), "{line}");
    assert!(line.contains("--on-non-append added-only") && line.lines().count() == 1, "{line}");
    let lines = json_lines(stdout(&read(table("many_small"), &["--mode", "append"])));
    assert!(!lines.is_empty() && lines.iter().all(|line| line["_change_type"] == "INSERT"));
}

/// A command that cannot end by itself: it opens a pipe that nobody reads.
#[cfg(target_os = "linux")]
#[rstest]
#[case("INT", 2, 130)]
#[case("TERM", 15, 143)]
fn a_signal_ends_the_command_with_its_own_code(#[case] name: &str, #[case] number: u32, #[case] code: i32) {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe").display().to_string();
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let (old, new) = FixtureTable::path_map();
    let metadata_file = table("upsert_v2").metadata_file.display().to_string();
    let mut child = frazil(&["read", &metadata_file, "--path-map", &format!("{old}={}", new.display())])
        .args(["-o", &pipe])
        .spawn()
        .unwrap();
    while !catches(child.id(), number) {
        std::thread::yield_now();
    }
    let signalled = Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status().unwrap();
    assert!(signalled.success());
    assert_eq!(child.wait().unwrap().code(), Some(code));
}

/// The process has its own way to deal with the signal.
#[cfg(target_os = "linux")]
fn catches(process_id: u32, signal: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{process_id}/status")).unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    u64::from_str_radix(mask.trim(), 16).unwrap() & (1 << (signal - 1)) != 0
}

#[test]
fn a_condition_leaves_the_rows_and_changes_that_match_it() {
    let table = table("upsert_v2");
    let id_of = |line: &Value| line["id"].as_i64().unwrap();
    for mode in ["rows", "changelog"] {
        let all = json_lines(stdout(&read(table, &["--mode", mode])));
        let matching: Vec<Value> = all.iter().filter(|line| id_of(line) <= 2).cloned().collect();
        assert!(!matching.is_empty() && matching.len() < all.len());
        let args = ["--mode", mode, "--where", "id <= 2 AND NOT id IS NULL"];
        assert_eq!(json_lines(stdout(&read(table, &args))), matching);
        // The limit counts what is left.
        let limited = read(table, &[&args[..], &["--limit", "1"]].concat());
        assert_eq!(json_lines(stdout(&limited)), matching[..1]);
        // The columns of the condition need not be shown.
        let names = read(table, &[&args[..], &["--columns", "name"]].concat());
        let names: Vec<Value> = json_lines(stdout(&names)).into_iter().map(|line| line["name"].clone()).collect();
        assert_eq!(names, matching.iter().map(|line| line["name"].clone()).collect::<Vec<_>>());
    }
}

#[rstest]
#[case("id =", "filter: expected a column, a value or a condition, found the end")]
#[case("count(id) > 1", "filter: at character 1: function `count` is not supported")]
#[case("Id = 1", "filter: at character 1: column `Id` is not in table")]
#[case("id = 'one'", "filter: at character 6: column `id` cannot be compared with the text 'one'")]
fn a_condition_that_cannot_be_answered_is_wrong_usage(#[case] condition: &str, #[case] cause: &str) {
    let output = read(table("upsert_v2"), &["--where", condition]);
    let line = error(&output, 2);
    assert!(line.starts_with(&format!("error: {cause}")), "{line}");
}

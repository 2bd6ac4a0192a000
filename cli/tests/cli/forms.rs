//! Modes and forms of output, read back by readers that know nothing of this program.

use std::fs::File;

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_ipc::reader::StreamReader;
use frazil_fixtures::{table, tables};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use super::{error, json_lines, read, stdout, text};

#[test]
fn upserts_are_rows_as_they_are_and_deletes_are_their_key() {
    let lines = json_lines(stdout(&read(table("upsert_v2"), &["--mode", "upsert"])));
    let of = |kind: &str| lines.iter().filter(|line| line["_change_type"] == kind).collect::<Vec<_>>();
    let deletes = of("DELETE");
    assert_eq!(deletes.len() + of("UPDATE_AFTER").len(), lines.len());
    assert!(!deletes.is_empty());
    for line in deletes {
        assert!(line["id"].is_i64() && line["name"].is_null() && line["ts"].is_null(), "{line}");
    }
    let output = read(table("upsert_v2"), &["--mode", "upsert", "--format", "arrow"]);
    let reader = StreamReader::try_new(std::io::Cursor::new(output.stdout), None).unwrap();
    assert_eq!(reader.map(|batch| batch.unwrap().num_rows()).sum::<usize>(), lines.len());
}

#[test]
fn the_net_changes_since_the_beginning_are_the_rows_of_the_table() {
    let lines = json_lines(stdout(&read(table("upsert_v2"), &["--mode", "net"])));
    assert!(lines.iter().all(|line| line["_change_type"] == "INSERT" && line["_change_ordinal"] == 0));
    assert_eq!(lines.len(), json_lines(stdout(&read(table("upsert_v2"), &["--mode", "rows"]))).len());
}

#[test]
fn a_csv_file_holds_the_values_of_the_json_lines() {
    for table in tables().iter().filter(|table| !table.lineage("main").is_empty()) {
        let output = read(table, &["--mode", "rows", "--format", "csv"]);
        let mut reader = csv::Reader::from_reader(stdout(&output).as_bytes());
        let names = reader.headers().unwrap().clone();
        let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        let lines = json_lines(stdout(&read(table, &["--mode", "rows"])));
        assert_eq!(records.len(), lines.len(), "{}", table.label());
        for (record, line) in records.iter().zip(&lines) {
            let line = line.as_object().unwrap();
            assert_eq!(names.iter().collect::<Vec<_>>(), line.keys().collect::<Vec<_>>());
            for (field, value) in record.iter().zip(line.values()) {
                match value {
                    Value::Null => assert_eq!(field, ""),
                    Value::String(text) => assert_eq!(field, text),
                    other => assert_eq!(serde_json::from_str::<Value>(field).unwrap(), *other, "{}", table.label()),
                }
            }
        }
    }
}

#[test]
fn changes_in_csv_begin_with_the_change_columns() {
    let output = read(table("upsert_v2"), &["--format", "csv", "--columns", "id,name"]);
    let lines: Vec<&str> = stdout(&output).lines().collect();
    assert_eq!(lines[0], "_change_type,_change_ordinal,_commit_snapshot_id,_commit_timestamp,id,name");
    let first = table("upsert_v2").lineage("main")[0].snapshot_id;
    assert!(lines[1].starts_with(&format!("INSERT,0,{first},2")), "{}", lines[1]);
}

fn arrow(args: &[&str], of: &frazil_fixtures::FixtureTable) -> Vec<RecordBatch> {
    let output = read(of, &[args, &["--format", "arrow"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    StreamReader::try_new(std::io::Cursor::new(output.stdout), None).unwrap().map(Result::unwrap).collect()
}

/// The one value of a column. Dictionaries may hold more values than are used.
fn value_text(column: &ArrayRef) -> String {
    match column.as_any_dictionary_opt() {
        Some(dictionary) => format!("{:?}", dictionary.values().slice(dictionary.normalized_keys()[0], 1)),
        None => format!("{column:?}"),
    }
}

#[test]
fn a_parquet_file_holds_the_columns_of_the_arrow_stream() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.parquet");
    let file = path.display().to_string();
    for table in tables().iter().filter(|table| !table.lineage("main").is_empty()) {
        for args in [&["--mode", "rows"][..], &[], &["--style", "delta"]] {
            let expected = arrow(args, table);
            let output = read(table, &[args, &["--format", "parquet", "-o", &file]].concat());
            assert_eq!(output.status.code(), Some(0), "{}: {}", table.label(), text(&output.stderr));
            let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap()).unwrap();
            let schema = reader.schema().clone();
            let batches: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
            let n_rows = |batches: &[RecordBatch]| batches.iter().map(RecordBatch::num_rows).sum::<usize>();
            assert_eq!(n_rows(&batches), n_rows(&expected), "{}", table.label());
            let Some(first) = expected.first() else { continue };
            for (field, other) in schema.fields().iter().zip(first.schema().fields()) {
                assert_eq!((field.name(), field.data_type()), (other.name(), other.data_type()), "{}", table.label());
                let id = |field: &arrow_schema::Field| field.metadata().get("PARQUET:field_id").cloned();
                assert_eq!(id(field), id(other), "{} {}", table.label(), field.name());
            }
            // Texts of rows, since the two are cut into batches at other places.
            let texts = |batches: &[RecordBatch]| -> Vec<String> {
                let rows = |batch: &RecordBatch| -> Vec<String> {
                    (0..batch.num_rows())
                        .map(|row| batch.slice(row, 1).columns().iter().map(value_text).collect())
                        .collect()
                };
                batches.iter().flat_map(rows).collect()
            };
            assert_eq!(texts(&batches), texts(&expected), "{}", table.label());
        }
    }
}

#[test]
fn debezium_messages_fold_to_the_rows_of_the_table() {
    let table = table("upsert_v2");
    let lines = json_lines(stdout(&read(table, &["--format", "debezium-json"])));
    let mut rows = std::collections::BTreeMap::new();
    for line in &lines {
        let (before, after) = (&line["before"], &line["after"]);
        match line["op"].as_str().unwrap() {
            "c" => assert!(before.is_null() && rows.insert(after["id"].as_i64().unwrap(), after.clone()).is_none()),
            "u" => {
                assert_eq!(rows.insert(after["id"].as_i64().unwrap(), after.clone()).as_ref(), Some(before));
            }
            "d" => assert!(after.is_null() && rows.remove(&before["id"].as_i64().unwrap()).as_ref() == Some(before)),
            other => panic!("{other}"),
        }
        let source = &line["source"];
        assert_eq!((source["connector"].as_str(), source["snapshot"].as_str()), (Some("frazil"), Some("false")));
        assert_eq!((&source["ts_ms"], &source["key"]), (&line["ts_ms"], &serde_json::json!(["id"])));
        assert!(table.snapshot(source["snapshot_id"].as_i64().unwrap()).is_some());
    }
    let mut expected = json_lines(stdout(&read(table, &["--mode", "rows"])));
    expected.sort_by_key(|row| row["id"].as_i64());
    assert_eq!(rows.into_values().collect::<Vec<_>>(), expected);
    assert!(lines.iter().any(|line| line["op"] == "u"));
}

#[test]
fn debezium_messages_of_the_start_are_reads_and_those_of_upserts_have_no_before_image() {
    let lines = json_lines(stdout(&read(table("upsert_v2"), &["--format", "debezium-json", "--from", "full"])));
    assert!(lines.iter().all(|line| line["op"] == "r" && line["source"]["snapshot"] == "true"));
    assert_eq!(lines.len(), 62);
    let args = ["--format", "debezium-json", "--mode", "upsert"];
    for line in json_lines(stdout(&read(table("upsert_v2"), &args))) {
        match line["op"].as_str().unwrap() {
            "u" => assert!(line["before"].is_null() && line["after"].is_object()),
            "d" => assert!(line["after"].is_null() && line["before"]["name"].is_null()),
            other => panic!("{other}"),
        }
    }
}

#[test]
fn a_limit_counts_debezium_messages_whole() {
    let all = json_lines(stdout(&read(table("upsert_v2"), &["--format", "debezium-json"])));
    let n = all.iter().position(|line| line["op"] == "u").unwrap() + 1;
    let limit = n.to_string();
    let some = json_lines(stdout(&read(table("upsert_v2"), &["--format", "debezium-json", "--limit", &limit])));
    assert_eq!(some, all[..n]);
}

#[test]
fn styles_rename_and_recode_the_change_columns() {
    let kinds = |args: &[&str]| -> std::collections::BTreeSet<String> {
        let lines = json_lines(stdout(&read(table("upsert_v2"), args)));
        lines.iter().map(|line| line["_change_type"].as_str().unwrap().to_owned()).collect()
    };
    let set = |kinds: [&str; 4]| kinds.map(str::to_owned).into_iter().collect();
    assert_eq!(kinds(&["--style", "rowkind"]), set(["+I", "-U", "+U", "-D"]));
    let delta = set(["insert", "update_preimage", "update_postimage", "delete"]);
    assert_eq!(kinds(&["--style", "delta"]), delta);
    let line = &json_lines(stdout(&read(table("upsert_v2"), &["--style", "delta", "--columns", "id"])))[0];
    let names: Vec<&String> = line.as_object().unwrap().keys().collect();
    assert_eq!(names, ["_change_type", "_commit_version", "_commit_timestamp", "id"]);
    assert_eq!(line["_commit_version"], table("upsert_v2").lineage("main")[0].sequence_number);
    let csv = read(table("upsert_v2"), &["--style", "delta", "--format", "csv", "--columns", "id"]);
    assert!(stdout(&csv).starts_with("_change_type,_commit_version,_commit_timestamp,id\ninsert,1,2"));
    let batches = arrow(&["--style", "rowkind"], table("upsert_v2"));
    let dictionary = batches[0]["_change_type"].as_any_dictionary();
    let values: Vec<Option<&str>> = dictionary.values().as_string::<i32>().iter().collect();
    assert_eq!(values, ["+I", "-U", "+U", "-D"].map(Some));
}

#[test]
fn longs_can_be_text_in_json() {
    let first = table("upsert_v2").lineage("main")[0].snapshot_id;
    let args = ["--longs", "string", "--markers", "--columns", "id,qty"];
    let lines = json_lines(stdout(&read(table("upsert_v2"), &args)));
    assert_eq!(lines[0]["_marker"], "stream_start");
    assert_eq!(lines[1]["_commit_snapshot_id"], first.to_string());
    assert!(lines[1]["id"].is_string() && lines[1]["_change_ordinal"] == "0", "{}", lines[1]);
    assert!(lines[1]["qty"].is_i64(), "a 32-bit integer stays a number: {}", lines[1]);
    let end = lines.iter().find(|line| line["_marker"] == "snapshot_end").unwrap();
    assert_eq!(end["_commit_snapshot_id"], first.to_string());
    let args = ["--longs", "string", "--format", "debezium-json"];
    let line = &json_lines(stdout(&read(table("upsert_v2"), &args)))[0];
    assert_eq!(line["source"]["snapshot_id"], first.to_string());
    assert!(line["after"]["id"].is_string());
}

#[test]
fn updates_that_change_nothing_are_shown_on_request() {
    let quiet = json_lines(stdout(&read(table("upsert_v2"), &[])));
    let output = read(table("upsert_v2"), &["--emit-noop-updates"]);
    let noisy = json_lines(stdout(&output));
    assert!(noisy.len() >= quiet.len());
}

#[test]
fn snapshots_that_do_more_than_add_can_be_passed_over() {
    let of =
        |policy: &str| json_lines(stdout(&read(table("upsert_v2"), &["--mode", "append", "--on-non-append", policy])));
    assert!(of("added-only").iter().all(|line| line["_change_type"] == "INSERT"));
    assert!(of("added-only").len() > of("skip").len());
}

#[test]
fn a_form_with_one_schema_refuses_to_follow_schemas() {
    for format in ["csv", "parquet"] {
        let output = read(table("schema_evolution_v2"), &["--format", format, "--schema", "follow"]);
        assert_eq!(output.status.code(), Some(2), "{format}");
        assert!(text(&output.stderr).contains("one schema"), "{}", text(&output.stderr));
        let output = read(table("schema_evolution_v2"), &["--format", format]);
        assert_eq!(output.status.code(), Some(0), "{format}: {}", text(&output.stderr));
    }
}

#[test]
fn a_mode_that_needs_a_key_says_so() {
    let output = read(table("many_small"), &["--mode", "upsert"]);
    let line = error(&output, 2);
    assert!(line.contains("--key"), "{line}");
}

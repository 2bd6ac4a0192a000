//! `frazil compact`, on a copy of an upsert table that Flink wrote: 27 data files and 34 delete files in four partitions.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use frazil_fixtures::table;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use tempfile::TempDir;

use super::{error, frazil, path_maps, run, stdout, text};

/// Where the writer put its tables: their metadata says so.
const STORED_FOLDER: &str = "/tmp/iceberg-fixtures/flink/fx";

/// A copy that can be committed to.
struct Copy {
    _folder: TempDir,
    path: String,
    map: String,
}

impl Copy {
    fn new() -> Self {
        Self::with(|_| ())
    }

    /// A copy whose metadata was changed before.
    fn with(change: impl FnOnce(&mut Value)) -> Self {
        Self::of("upsert_v2", change)
    }

    fn of(name: &str, change: impl FnOnce(&mut Value)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        let metadata_file = &table(name).metadata_file;
        copy_folder(metadata_file.parent().unwrap().parent().unwrap(), &path);
        let mut metadata: Value = serde_json::from_slice(&fs::read(metadata_file).unwrap()).unwrap();
        change(&mut metadata);
        // The names of a table that a folder alone keeps.
        fs::write(path.join("metadata/v1.metadata.json"), metadata.to_string()).unwrap();
        fs::write(path.join("metadata/version-hint.text"), "1").unwrap();
        let path = path.display().to_string();
        Self { _folder: folder, map: format!("{STORED_FOLDER}/{name}={path}"), path }
    }

    fn run(&self, command: &str, args: &[&str]) -> Output {
        run(&[&[command, &self.path, "--path-map", &self.map], args].concat())
    }

    fn compact(&self, args: &[&str]) -> Output {
        self.run("compact", args)
    }

    /// Data and delete files that are there.
    fn data_files(&self) -> Vec<PathBuf> {
        let partitions = fs::read_dir(Path::new(&self.path).join("data")).unwrap().map(|entry| entry.unwrap().path());
        let files = partitions.filter(|path| path.is_dir()).flat_map(|folder| fs::read_dir(folder).unwrap());
        let mut files: Vec<PathBuf> = files.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }

    fn report(&self, args: &[&str]) -> Value {
        serde_json::from_str(stdout(&self.compact(&[args, &["--json"]].concat()))).unwrap()
    }

    fn rows(&self) -> Vec<String> {
        let output = self.run("read", &["--mode", "rows"]);
        let mut rows: Vec<String> = stdout(&output).lines().map(str::to_owned).collect();
        rows.sort();
        rows
    }

    fn n_metadata_files(&self) -> usize {
        let names = fs::read_dir(Path::new(&self.path).join("metadata")).unwrap();
        names.filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().ends_with(".json")).count()
    }
}

/// Files of a table, without its metadata files.
fn copy_folder(from: &Path, to: &PathBuf) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else if entry.path().extension().is_none_or(|ending| ending != "json") {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn a_compaction_keeps_the_rows_and_leaves_nothing_to_do() {
    let copy = Copy::new();
    let before = copy.rows();
    assert_eq!(before.len(), 62);
    let report = copy.report(&[]);
    assert_eq!(report["rewritten_data_files_count"], 27);
    assert_eq!(report["added_data_files_count"], 4);
    assert_eq!(report["failed_data_files_count"], 0);
    assert_eq!(report["removed_delete_files_count"], 34);
    assert_eq!(report["complete"], true);
    assert!(report["rewritten_bytes_count"].as_u64().unwrap() > report["added_bytes_count"].as_u64().unwrap());
    let groups = report["groups"].as_array().unwrap();
    assert!(groups.len() == 4 && groups.iter().all(|group| group["outcome"] == "committed"), "{report}");
    assert_eq!(copy.rows(), before);

    let id = report["snapshot_ids"][0].as_i64().unwrap();
    let changes = copy.run("read", &["--from", &format!("snapshot:{id}")]);
    assert_eq!(stdout(&changes), "");

    let again = copy.report(&[]);
    assert_eq!(again["snapshot_ids"].as_array().unwrap().len(), 0);
    assert_eq!(again["left_alone"]["fewer_files_than_min_input_files"], 4);
    let output = copy.compact(&[]);
    let line = stdout(&output);
    assert!(line.starts_with("nothing to do on main of ") && line.contains("4 fewer files than"), "{line}");
}

#[test]
fn a_result_for_people_counts_files() {
    let output = Copy::new().compact(&["--min-input-files", "5", "--verify", "checksum"]);
    let text = stdout(&output);
    assert!(text.starts_with("rewrote 27 data files (") && text.contains("removed 34 delete files"), "{text}");
    assert!(text.contains("\ncommitted snapshot "), "{text}");
}

#[test]
fn a_dry_run_shows_the_plan_and_writes_nothing() {
    let copy = Copy::new();
    let output = copy.compact(&["--dry-run"]);
    let text = stdout(&output);
    assert!(text.contains("id_bucket=0") && text.contains("file groups"), "{text}");
    assert!(text.ends_with("data files (48.1 KB) would be rewritten: 27 -> 4 data files\n"), "{text}");
    let report = copy.report(&["--dry-run"]);
    assert_eq!((&report["dry_run"], &report["data_files"]), (&true.into(), &27.into()));
    assert_eq!((&report["delete_files"], &report["data_files_expected"]), (&34.into(), &4.into()));
    let group = &report["groups"][0];
    assert_eq!((&group["partition"], &group["input_files"]), (&"id_bucket=0".into(), &7.into()));
    assert_eq!((&group["reason"], &group["input_reasons"]["small"]), (&"deletes".into(), &5.into()));
    assert_eq!(copy.n_metadata_files(), 1);
}

#[test]
fn a_plan_says_why_nothing_is_to_be_done() {
    // One file is in a manifest that the condition rules out, so that it is not looked at.
    let output = Copy::new().compact(&["--dry-run", "--where", "id = 99999"]);
    assert!(stdout(&output).ends_with("\nnothing to do: left alone: 26 filtered out\n"), "{}", stdout(&output));
}

#[test]
fn a_condition_leaves_files_out() {
    let report = Copy::new().report(&["--dry-run", "--where", "id = 1"]);
    assert!(report["left_alone"]["filtered_out"].as_u64().unwrap() > 0, "{report}");
}

#[test]
fn table_properties_are_defaults_below_options() {
    let set = |metadata: &mut Value, name: &str, value: &str| {
        metadata["properties"][format!("frazil.compaction.{name}")] = value.into();
    };
    let copy = Copy::with(|metadata| {
        set(metadata, "where", "id = 99999");
        set(metadata, "schedule", "hourly");
    });
    assert_eq!(copy.report(&["--dry-run"])["groups"].as_array().unwrap().len(), 0);
    assert_eq!(copy.report(&["--dry-run", "--where", "id > 0"])["groups"].as_array().unwrap().len(), 4);
    let copy = Copy::with(|metadata| set(metadata, "min-input-files", "many"));
    let output = copy.compact(&[]);
    let line = error(&output, 2);
    assert!(line.contains("`frazil.compaction.min-input-files`") && line.contains("`many`"), "{line}");
}

#[test]
fn wrong_options_are_one_line() {
    let cases: [(&[&str], &str); 6] = [
        (&["--option", "nosuch=1"], "there is no compaction option `nosuch`"),
        (&["--option", "verify"], "KEY=VALUE"),
        (&["--min-input-files", "x"], "`min-input-files` cannot be `x`"),
        (&["--target-file-size-bytes", "128XB"], "256MB"),
        (&["--verify", "off", "--option", "verify=count"], "given twice"),
        (&["--branch", "nosuch"], "`nosuch`"),
    ];
    let copy = Copy::new();
    for (args, part) in cases {
        let output = copy.compact(args);
        let line = error(&output, 2);
        assert!(line.contains(part), "{line}");
    }
}

#[test]
fn only_the_branch_that_was_named_is_compacted() {
    let copy = Copy::with(|metadata| {
        let head = metadata["refs"]["main"].clone();
        metadata["refs"]["staging"] = head;
    });
    let head = table("upsert_v2").lineage("main").pop().unwrap().snapshot_id;
    let report = copy.report(&["--branch", "staging"]);
    assert_eq!((&report["branch"], &report["starting_snapshot_id"]), (&"staging".into(), &head.into()));
    assert_eq!(report["rewritten_data_files_count"], 27);
    let plan = copy.report(&["--dry-run"]);
    assert_eq!((&plan["snapshot_id"], &plan["data_files"]), (&head.into(), &27.into()));
}

#[test]
fn a_table_that_can_only_be_read_is_planned_and_not_compacted() {
    let file = table("upsert_v2").metadata_file.display().to_string();
    let compact = |args: &[&str]| frazil(&["compact", &file]).args(path_maps()).args(args).output().unwrap();
    assert!(stdout(&compact(&["--dry-run"])).contains("27 -> 4 data files"));
    let output = compact(&[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("can only be read"), "{}", text(&output.stderr));
}

#[test]
fn a_table_without_a_snapshot_has_nothing_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = super::watermark::new_table(folder.path());
    assert!(stdout(&run(&["compact", &path])).contains("there are no data files"));
    assert!(stdout(&run(&["compact", &path, "--dry-run"])).contains("no snapshot yet"));
}

#[test]
fn what_is_done_only_in_part_fails_and_says_what_is_missing() {
    let copy = Copy::new();
    let before = copy.data_files();
    // A data file of one of the four partitions is cut short.
    let plan = copy.report(&["--dry-run"]);
    let partition = plan["groups"][0]["partition"].as_str().unwrap();
    let is_data = |file: &&PathBuf| {
        let path = file.display().to_string();
        path.contains(partition) && fs::metadata(file).unwrap().len() > 1000
    };
    let file = before.iter().find(is_data).unwrap();
    let bytes = fs::read(file).unwrap();
    fs::write(file, &bytes[..bytes.len() / 2]).unwrap();

    let output = copy.compact(&["--json"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let report: Value = serde_json::from_str(text(&output.stdout)).unwrap();
    assert_eq!((&report["complete"], report["snapshot_ids"].as_array().unwrap().len()), (&false.into(), 1), "{report}");
    let outcomes: Vec<&str> =
        report["groups"].as_array().unwrap().iter().map(|group| group["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == "failed").count(), 1, "{report}");
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == "committed").count(), 3, "{report}");
    // Warnings come before it.
    let error: Value = serde_json::from_str(text(&output.stderr).lines().last().unwrap()).unwrap();
    assert_eq!(error["error"]["code"], "DONE_IN_PART");
    // Of the group that failed there is nothing: three partitions have one file more.
    assert_eq!(copy.data_files().len(), before.len() + 3);

    fs::write(file, bytes).unwrap();
    assert_eq!(copy.report(&[])["complete"], true);
}

/// Nothing listens where the lock should be: as with one that others hold, it may be had later.
#[test]
fn without_the_lock_nothing_is_committed_and_no_file_is_left() {
    let copy = Copy::new();
    let before = copy.data_files();
    let output = frazil(&["compact", &copy.path, "--path-map", &copy.map, "--json"])
        .env("FRAZIL_LOCK_TYPE", "zookeeper")
        .env("FRAZIL_LOCK_CONNECT", "127.0.0.1:1/frazil")
        .env("FRAZIL_LOCK_SESSION_TIMEOUT", "500ms")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(75), "{}", text(&output.stderr));
    let report: Value = serde_json::from_str(text(&output.stdout)).unwrap();
    assert_eq!((&report["complete"], report["snapshot_ids"].as_array().unwrap().len()), (&false.into(), 0), "{report}");
    // Warnings come before it.
    let error: Value = serde_json::from_str(text(&output.stderr).lines().last().unwrap()).unwrap();
    assert_eq!((&error["error"]["code"], &error["error"]["advice"]), (&"LOCK_BUSY".into(), &"RETRY_LATER".into()));
    assert_eq!(copy.n_metadata_files(), 1);
    assert_eq!(copy.data_files(), before);
}

/// Rows by `id` with their ids and the numbers of their last change, as Iceberg's Java reader sees them before.
#[test]
fn rows_of_a_v3_table_keep_their_ids() {
    let recorded = fs::read_dir(table("upsert_v3").folder.join("expected-lineage")).unwrap();
    let newest = recorded.map(|entry| entry.unwrap().path()).max().unwrap();
    let lines = fs::read_to_string(newest).unwrap();
    let rows = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let number = |row: &Value, name: &str| row[name].as_i64().unwrap();
    let mut expected: Vec<[i64; 3]> =
        rows.map(|row| ["id", "_row_id", "_last_updated_sequence_number"].map(|name| number(&row, name))).collect();
    expected.sort_unstable();
    assert!(expected.len() > 10);

    let copy = Copy::of("upsert_v3", |_| ());
    let (files, rows) = (copy.data_files(), copy.rows());
    let report = copy.report(&["--rewrite-all", "--verify", "checksum"]);
    assert_eq!(report["complete"], true, "{report}");
    assert_eq!(copy.rows(), rows);
    let mut found = Vec::new();
    for file in copy.data_files().iter().filter(|file| !files.contains(file)) {
        let reader = ParquetRecordBatchReaderBuilder::try_new(fs::File::open(file).unwrap()).unwrap();
        for batch in reader.build().unwrap() {
            let batch = batch.unwrap();
            let column = |name: &str| batch.column_by_name(name).unwrap();
            let ids = arrow_ids(column("id"));
            let row_ids = column("_row_id").as_primitive::<Int64Type>();
            let numbers = column("_last_updated_sequence_number").as_primitive::<Int64Type>();
            found.extend((0..batch.num_rows()).map(|row| [ids[row], row_ids.value(row), numbers.value(row)]));
        }
    }
    found.sort_unstable();
    assert_eq!(found, expected);
}

fn arrow_ids(column: &arrow_array::ArrayRef) -> Vec<i64> {
    match column.as_primitive_opt::<Int64Type>() {
        Some(ids) => ids.values().to_vec(),
        None => {
            column.as_primitive::<arrow_array::types::Int32Type>().values().iter().map(|id| i64::from(*id)).collect()
        }
    }
}

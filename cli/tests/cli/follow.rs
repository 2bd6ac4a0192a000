//! `frazil read --follow`, of a table that grows beside it.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};

use frazil_fixtures::{FixtureTable, table};
use serde_json::Value;
use tempfile::TempDir;

use super::{frazil, json_lines, read, stdout, text};

/// A table's folder whose metadata goes from one snapshot of a fixture to the next.
struct Growing {
    folder: TempDir,
    fixture: &'static FixtureTable,
    n_versions: usize,
}

impl Growing {
    fn new(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("metadata")).unwrap();
        Self { folder, fixture: table(name), n_versions: 0 }
    }

    fn snapshot(&self, index: usize) -> i64 {
        self.fixture.lineage("main")[index].snapshot_id
    }

    /// The snapshot at `index` of the lineage is the head now.
    fn grow_to(&mut self, index: usize) {
        let id = self.snapshot(index);
        self.commit(|metadata| {
            metadata["current-snapshot-id"] = id.into();
            metadata["refs"]["main"]["snapshot-id"] = id.into();
        });
    }

    fn commit(&mut self, change: impl FnOnce(&mut Value)) {
        let mut metadata: Value = serde_json::from_slice(&fs::read(&self.fixture.metadata_file).unwrap()).unwrap();
        change(&mut metadata);
        self.n_versions += 1;
        let metadata_folder = self.folder.path().join("metadata");
        let replace = |name: &str, content: &str| {
            fs::write(metadata_folder.join("new"), content).unwrap();
            fs::rename(metadata_folder.join("new"), metadata_folder.join(name)).unwrap();
        };
        replace(&format!("v{}.metadata.json", self.n_versions), &metadata.to_string());
        replace("version-hint.text", &self.n_versions.to_string());
    }

    fn follow(&self, args: &[&str]) -> Followed {
        let (old, new) = FixtureTable::path_map();
        let folder = self.folder.path().display().to_string();
        let map = format!("{old}={}", new.display());
        let mut always = vec!["read", &folder, "--path-map", &map, "--follow"];
        if !args.contains(&"--poll-interval") {
            always.extend(["--poll-interval", "20ms"]);
        }
        let mut child =
            frazil(&[&always, args].concat()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = child.stdout.take().map(BufReader::new);
        Followed { child, lines, seen: String::new() }
    }
}

/// A running command and what it has written so far.
struct Followed {
    child: Child,
    /// `None` once nobody reads any more.
    lines: Option<BufReader<ChildStdout>>,
    seen: String,
}

impl Followed {
    /// Waits for the end of a snapshot.
    fn until_end_of(&mut self, snapshot_id: i64) {
        loop {
            let mut line = String::new();
            assert!(self.lines.as_mut().unwrap().read_line(&mut line).unwrap() > 0, "it ended: {}", self.errors());
            self.seen.push_str(&line);
            let line: Value = serde_json::from_str(&line).unwrap();
            if line["_marker"] == "snapshot_end" && line["_commit_snapshot_id"] == snapshot_id {
                return;
            }
        }
    }

    fn errors(&mut self) -> String {
        let mut errors = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        errors
    }

    /// Waits for the command to end; its exit code and what it wrote to standard error.
    fn end(&mut self) -> (Option<i32>, String) {
        self.lines.as_mut().unwrap().read_to_string(&mut self.seen).unwrap();
        (self.child.wait().unwrap().code(), self.errors())
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        // Where a test fails, the command would go on without end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_table_that_grows_is_followed_without_gap_or_repetition() {
    let mut growing = Growing::new("upsert_v2");
    let n = growing.fixture.lineage("main").len();
    growing.grow_to(0);
    let end = format!("snapshot:{}", growing.snapshot(n - 1));
    let mut followed = growing.follow(&["--from", "earliest", "--to", &end, "--markers"]);
    followed.until_end_of(growing.snapshot(0));
    // One snapshot, then two at once, then the rest.
    for index in [1, 3, n - 1] {
        growing.grow_to(index);
        followed.until_end_of(growing.snapshot(index));
    }
    assert_eq!(followed.end(), (Some(0), String::new()));
    assert_eq!(followed.seen, stdout(&read(growing.fixture, &["--from", "earliest", "--markers"])));
}

#[test]
fn following_starts_with_all_rows_unless_told_otherwise() {
    let mut growing = Growing::new("upsert_v2");
    growing.grow_to(2);
    let mut followed = growing.follow(&["--markers"]);
    followed.until_end_of(growing.snapshot(2));
    let lines = json_lines(&followed.seen);
    assert_eq!(lines.last().unwrap()["phase"], "full");
    growing.grow_to(3);
    followed.until_end_of(growing.snapshot(3));
    let lines = json_lines(&followed.seen);
    let end = lines.last().unwrap();
    assert_eq!((&end["phase"], &end["_change_ordinal"]), (&"incremental".into(), &1.into()));
}

#[test]
fn a_limit_ends_it() {
    let mut growing = Growing::new("upsert_v2");
    growing.grow_to(0);
    let mut followed = growing.follow(&["--limit", "5"]);
    assert_eq!(followed.end(), (Some(0), String::new()));
    assert_eq!(followed.seen.lines().count(), 5);
}

#[cfg(unix)]
#[test]
fn it_ends_quietly_when_its_reader_is_gone_although_nothing_is_written() {
    let mut growing = Growing::new("upsert_v2");
    growing.grow_to(1);
    let mut followed = growing.follow(&["--markers", "--poll-interval", "1h"]);
    followed.until_end_of(growing.snapshot(1));
    // What `head` does once it has its lines.
    followed.lines = None;
    assert_eq!(followed.child.wait().unwrap().code(), Some(0));
    assert_eq!(followed.errors(), "");
}

#[test]
fn a_store_that_stays_away_is_told_once_and_ends_it_after_the_retry_timeout() {
    let mut growing = Growing::new("upsert_v2");
    growing.grow_to(1);
    // Nobody listens on this port.
    let store = ["s3.endpoint=http://127.0.0.1:9", "s3.region=r", "s3.access-key-id=a", "s3.secret-access-key=b"];
    let mut args = vec!["--markers", "--retry-timeout", "300ms", "--property", "storage.max-retries=0"];
    args.extend(store.iter().flat_map(|property| ["--property", property]));
    let mut followed = growing.follow(&args);
    followed.until_end_of(growing.snapshot(1));
    let id = growing.snapshot(2);
    growing.commit(|metadata| {
        metadata["current-snapshot-id"] = id.into();
        metadata["refs"]["main"]["snapshot-id"] = id.into();
        let snapshots = metadata["snapshots"].as_array_mut().unwrap();
        let snapshot = snapshots.iter_mut().find(|snapshot| snapshot["snapshot-id"] == id).unwrap();
        snapshot["manifest-list"] = "s3://bucket/list.avro".into();
    });
    let (code, errors) = followed.end();
    let lines: Vec<&str> = errors.lines().collect();
    assert_eq!((code, lines.len()), (Some(1), 2), "{errors}");
    assert!(lines[0].contains("WARN following the table failed; trying again"), "{errors}");
    assert!(lines[1].starts_with("error: storage unavailable, path=`s3://bucket/list.avro`"), "{errors}");
}

#[cfg(unix)]
#[test]
fn a_signal_ends_it_quietly_after_a_complete_line() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let mut growing = Growing::new("upsert_v2");
        growing.grow_to(1);
        let mut followed = growing.follow(&["--markers"]);
        followed.until_end_of(growing.snapshot(1));
        assert!(Command::new("kill").args([signal, &followed.child.id().to_string()]).status().unwrap().success());
        assert_eq!(followed.end(), (Some(code), String::new()), "{signal}");
        assert!(followed.seen.ends_with("}\n"));
    }
}

#[test]
fn a_file_grows_while_the_table_is_followed() {
    let mut growing = Growing::new("upsert_v2");
    growing.grow_to(0);
    let out = growing.folder.path().join("out.jsonl");
    let mut followed = growing.follow(&["-o", &out.display().to_string(), "--limit", "21"]);
    while fs::read_to_string(&out).unwrap_or_default().lines().count() < 20 {
        std::thread::yield_now();
    }
    growing.grow_to(1);
    assert_eq!(followed.end(), (Some(0), String::new()));
    assert_eq!(fs::read_to_string(&out).unwrap().lines().count(), 21);
}

#[test]
fn what_the_table_has_become_can_end_it() {
    type Change = fn(&mut Value, i64);
    let cases: [(&str, Change); 3] = [
        ("lineage is broken", |metadata, first| {
            metadata["current-snapshot-id"] = first.into();
            metadata["refs"]["main"]["snapshot-id"] = first.into();
        }),
        ("position has expired", |metadata, _| {
            let head = metadata["current-snapshot-id"].clone();
            let snapshots = metadata["snapshots"].as_array_mut().unwrap();
            snapshots.retain(|snapshot| snapshot["snapshot-id"] == head);
        }),
        ("table was replaced", |metadata, _| metadata["table-uuid"] = "0b6e3f0a-5a6e-4d6f-9f2b-6f1d6ff8f0a1".into()),
    ];
    for (message, change) in cases {
        let mut growing = Growing::new("upsert_v2");
        growing.grow_to(2);
        let mut followed = growing.follow(&["--markers"]);
        followed.until_end_of(growing.snapshot(2));
        let first = growing.snapshot(0);
        growing.commit(|metadata| change(metadata, first));
        let (code, errors) = followed.end();
        assert_eq!(code, Some(1));
        assert!(errors.contains(message) && errors.lines().count() == 1, "{errors}");
        assert!(followed.seen.ends_with("}\n"));
    }
}

#[test]
fn what_cannot_be_followed_is_refused() {
    for (args, parts) in [
        (&["--mode", "rows"][..], ["--follow", "--mode rows"]),
        (&["--mode", "net"], ["--follow", "--mode net"]),
        (&["--format", "parquet"], ["--follow", "Parquet"]),
        (&["--to", "latest"], ["--follow", "--to latest"]),
        (&["--poll-interval", "soon"], ["--poll-interval", "500ms"]),
    ] {
        let output = read(table("upsert_v2"), &[&["--follow"], args].concat());
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        for part in parts {
            assert!(text(&output.stderr).contains(part), "{}", text(&output.stderr));
        }
    }
    let output = read(table("upsert_v2"), &["--poll-interval", "1s"]);
    assert!(text(&output.stderr).contains("--follow"), "{}", text(&output.stderr));
}

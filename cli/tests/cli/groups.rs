//! `frazil read --group` and `frazil groups`.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use frazil_fixtures::{FixtureTable, table};
use serde_json::Value;

use super::{error, frazil, path_maps, read, stdout, text};

/// A run whose groups are kept in `state`.
fn command(state: &Path, command: &[&str], table: &FixtureTable, args: &[&str]) -> Command {
    let metadata_file = table.metadata_file.display().to_string();
    let mut command = frazil(&[command, &[&metadata_file]].concat());
    command.args(path_maps()).args(args).env("FRAZIL_POSITIONS_PATH", state);
    command
}

fn run(state: &Path, words: &[&str], table: &FixtureTable, args: &[&str]) -> Output {
    command(state, words, table, args).output().unwrap()
}

fn groups(state: &Path, words: &[&str]) -> Output {
    let words = [&["groups"], words].concat();
    frazil(&words).env("FRAZIL_POSITIONS_PATH", state).output().unwrap()
}

#[test]
fn a_group_goes_on_where_it_ended() {
    let state = tempfile::tempdir().unwrap();
    let table = table("upsert_v2");
    let mut got = String::new();
    for snapshot in table.lineage("main") {
        let end = format!("snapshot:{}", snapshot.snapshot_id);
        let output = run(state.path(), &["read"], table, &["--group", "g", "--to", &end, "--markers"]);
        // Each run tells what it is first.
        got.extend(stdout(&output).lines().filter(|line| !line.contains("stream_start")).flat_map(|line| [line, "\n"]));
    }
    let whole = read(table, &["--markers"]);
    let whole: String =
        stdout(&whole).lines().filter(|line| !line.contains("stream_start")).flat_map(|line| [line, "\n"]).collect();
    assert_eq!(got, whole);
    assert_eq!(stdout(&run(state.path(), &["read"], table, &["--group", "g"])), "");
}

#[cfg(unix)]
#[test]
fn a_group_that_is_stopped_anywhere_reads_every_change_once() {
    let table = table("upsert_v2");
    let whole = stdout(&read(table, &["--from", "earliest"])).to_owned();
    for (round, signal) in ["-TERM", "-INT"].into_iter().cycle().take(6).enumerate() {
        let state = tempfile::tempdir().unwrap();
        let mut got = String::new();
        while got.len() < whole.len() {
            let args = ["--group", "g", "--from", "earliest", "--follow", "--poll-interval", "20ms"];
            let mut child = command(state.path(), &["read"], table, &args);
            let mut child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            let mut lines = BufReader::new(child.stdout.take().unwrap());
            for _ in 0..=round * 7 {
                if got.len() < whole.len() {
                    assert!(lines.read_line(&mut got).unwrap() > 0, "it ended by itself");
                }
            }
            assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
            lines.read_to_string(&mut got).unwrap();
            let output = child.wait_with_output().unwrap();
            let code = if signal == "-TERM" { 143 } else { 130 };
            assert_eq!((output.status.code(), text(&output.stderr)), (Some(code), ""));
        }
        assert_eq!(got, whole, "round {round}");
    }
}

#[test]
fn one_process_at_a_time_reads_for_a_group() {
    let state = tempfile::tempdir().unwrap();
    let table = table("upsert_v2");
    let mut first = command(state.path(), &["read"], table, &["--group", "g", "--follow"]);
    let mut first = first.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    // Open until the end: a program whose output nobody reads ends.
    let mut output = BufReader::new(first.stdout.take().unwrap());
    output.read_line(&mut line).unwrap();
    let second = run(state.path(), &["read"], table, &["--group", "g"]);
    let message = error(&second, 75);
    let pid = format!("pid {}", first.id());
    assert!(message.contains("is being read by another process, group=`g`") && message.contains(&pid), "{message}");
    first.kill().unwrap();
    first.wait().unwrap();
    // Whoever was killed holds nothing.
    assert_eq!(run(state.path(), &["read"], table, &["--group", "g"]).status.code(), Some(0));
}

#[test]
fn other_options_are_refused_by_name() {
    let state = tempfile::tempdir().unwrap();
    let table = table("upsert_v2");
    run(state.path(), &["read"], table, &["--group", "g"]);
    let other = run(state.path(), &["read"], table, &["--group", "g", "--mode", "upsert"]);
    assert!(error(&other, 1).contains("changed=`mode`"), "{}", error(&other, 1));
    // What only chooses among rows may change.
    let fewer = run(state.path(), &["read"], table, &["--group", "g", "--columns", "id", "--where", "id > 3"]);
    assert_eq!(stdout(&fewer), "");
}

#[test]
fn groups_are_listed_described_set_elsewhere_and_forgotten() {
    let state = tempfile::tempdir().unwrap();
    let table = table("upsert_v2");
    let lineage = table.lineage("main");
    assert_eq!(stdout(&groups(state.path(), &["list"])), "no groups\n");
    let end = format!("snapshot:{}", lineage[1].snapshot_id);
    run(state.path(), &["read"], table, &["--group", "g", "--to", &end]);
    let list: Value = serde_json::from_str(stdout(&groups(state.path(), &["list", "--json"]))).unwrap();
    assert_eq!(list["groups"][0]["name"], "g");
    assert_eq!(list["groups"][0]["snapshot_id"], lineage[1].snapshot_id);
    let described = run(state.path(), &["groups", "describe"], table, &["--group", "g", "--json"]);
    let described: Value = serde_json::from_str(stdout(&described)).unwrap();
    assert_eq!(described["lag"]["snapshots"], lineage.len() - 2);
    assert!(described["lag"]["rows"].as_u64().unwrap() > 0 && described["lag"]["bytes"].as_u64().unwrap() > 0);
    // Only shown, then done.
    let to_start = ["--group", "g", "--to", "earliest"];
    let shown = run(state.path(), &["groups", "reset"], table, &to_start);
    assert!(stdout(&shown).contains("--execute"));
    let list: Value = serde_json::from_str(stdout(&groups(state.path(), &["list", "--json"]))).unwrap();
    assert_eq!(list["groups"][0]["snapshot_id"], lineage[1].snapshot_id);
    let exported = stdout(&groups(state.path(), &["export"])).to_owned();
    run(state.path(), &["groups", "reset"], table, &[&to_start[..], &["--execute"]].concat());
    let again = run(state.path(), &["read"], table, &["--group", "g"]);
    assert_eq!(stdout(&again).lines().count(), stdout(&read(table, &[])).lines().count());
    // What was exported is taken where there is no such group.
    let file = state.path().join("groups.json");
    fs::write(&file, exported).unwrap();
    let file = file.display().to_string();
    assert!(stdout(&groups(state.path(), &["import", &file])).starts_with("0 groups were taken, 1 were there"));
    let forgotten = run(state.path(), &["groups", "delete"], table, &["--group", "g"]);
    assert_eq!(stdout(&forgotten), "group g is forgotten\n");
    assert!(stdout(&groups(state.path(), &["import", &file])).starts_with("1 groups were taken, 0 were there"));
    let rest = run(state.path(), &["read"], table, &["--group", "g"]);
    let rest_of_whole = read(table, &["--from", &format!("after:{}", lineage[1].snapshot_id)]);
    assert_eq!(stdout(&rest).lines().count(), stdout(&rest_of_whole).lines().count());
    let missing = run(state.path(), &["groups", "describe"], table, &["--group", "other"]);
    assert!(error(&missing, 2).contains("`other`"));
}

//! `frazil lock`, as far as no lock service is needed.

use std::process::Output;

use rstest::rstest;
use serde_json::Value;

use super::watermark::new_table;
use super::{error, frazil, text};

/// Nothing listens there.
const NOWHERE: [(&str, &str); 3] = [
    ("FRAZIL_LOCK_TYPE", "zookeeper"),
    ("FRAZIL_LOCK_CONNECT", "127.0.0.1:1/frazil"),
    ("FRAZIL_LOCK_SESSION_TIMEOUT", "500ms"),
];

fn with(variables: &[(&str, &str)], args: &[&str]) -> Output {
    frazil(args).envs(variables.iter().copied()).output().unwrap()
}

#[test]
fn without_a_terminal_a_lock_is_not_taken_away_unless_it_is_said_so() {
    let output = with(&NOWHERE, &["lock", "break", "warehouse/t"]);
    let line = error(&output, 2);
    assert!(line.contains("there is no terminal") && line.ends_with("then pass --yes"), "{line}");
}

#[rstest]
#[case(&["lock", "show", "warehouse/t"])]
#[case(&["lock", "break", "warehouse/t", "--yes"])]
fn a_lock_within_one_process_cannot_be_looked_at_from_another(#[case] args: &[&str]) {
    let output = with(&[], args);
    let line = error(&output, 2);
    assert!(line.contains("type `memory`") && line.contains("type = \"zookeeper\""), "{line}");
}

#[rstest]
#[case("show", &["--json"])]
#[case("break", &["--yes", "--json"])]
fn a_service_that_is_not_there_is_told_with_its_address(#[case] command: &str, #[case] args: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let table = new_table(folder.path());
    let output = with(&NOWHERE, &[&["lock", command, &table], args].concat());
    let json: Value = serde_json::from_str(error(&output, 1)).unwrap();
    assert_eq!(json["error"]["code"], "LOCK_UNAVAILABLE");
    assert_eq!(json["error"]["advice"], "RETRY_LATER");
    assert_eq!(json["error"]["details"]["service"], "127.0.0.1:1");
}

#[test]
fn the_settings_are_checked_with_their_lock() {
    let output = with(&NOWHERE, &["config", "check"]);
    assert_eq!(output.status.code(), Some(1));
    let shown = text(&output.stdout);
    assert!(shown.contains("lock (zookeeper)\n") && shown.contains("[FRAZIL_LOCK_CONNECT]"), "{shown}");
    assert!(shown.contains("  FAILED lock: lock service unavailable, service=`127.0.0.1:1`"), "{shown}");
    assert_eq!(
        text(&output.stderr),
        "error: the lock cannot be used; the report on standard output says what is wrong with each\n"
    );
    let memory = with(&[("FRAZIL_LOCK_TYPE", "memory")], &["config", "check", "--json"]);
    let json: Value = serde_json::from_str(text(&memory.stdout)).unwrap();
    assert_eq!((&json["ok"], &json["lock"]["type"]), (&true.into(), &"memory".into()));
}

#[test]
fn tls_is_refused_and_not_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("frazil.toml");
    std::fs::write(&path, "[lock]\ntype = 'zookeeper'\nconnect = 'h:2281'\ntls = true\n").unwrap();
    let output = frazil(&["lock", "show", "db/t", "--config"]).arg(&path).output().unwrap();
    let line = error(&output, 2);
    assert!(line.contains("line 4, column 1: this version has no TLS to ZooKeeper"), "{line}");
}

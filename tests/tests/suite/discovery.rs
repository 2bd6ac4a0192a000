//! New snapshots are found: at once where a commit is told of, and by looking where it is not.

use std::sync::Arc;
use std::time::Duration;

use frazil_lock::{Holder, MemoryLock};
use frazil_reader::discovery::{CatalogWatch, TableWatch, WatchSettings};
use frazil_table::SystemClock;
use frazil_table::catalog::{TableLocator, TableSource, create_table, table_source};
use frazil_table::commit::{Change, CommitOptions, CommitOutcome, CommitRequest, Committer, NewTable};
use frazil_table::storage::Storage;
use serde_json::json;
use tempfile::TempDir;

const LONG: Duration = Duration::from_secs(60);

async fn source(folder: &TempDir) -> Arc<dyn TableSource> {
    let schema = json!({"type": "struct", "fields": [{"id": 1, "name": "k", "required": false, "type": "long"}]});
    let locator = TableLocator::Path(folder.path().join("t").display().to_string());
    create_table(&locator, &Storage::local(), NewTable::new(serde_json::from_value(schema).unwrap())).await.unwrap();
    table_source(&locator, &Storage::local())
}

async fn committer(source: &Arc<dyn TableSource>) -> Committer {
    let holder = Holder::of_this_process("tests", "discovery", 0);
    let (lock, clock) = (Arc::new(MemoryLock::new()), Arc::new(SystemClock));
    let target = source.clone().commit_target().await.unwrap();
    Committer::new(target, lock, holder, clock, CommitOptions::default())
}

async fn set(committer: &Committer, value: &str) {
    let change = Change::Properties { set: [("p".to_owned(), value.to_owned())].into(), remove: Vec::new() };
    let outcome = committer.commit(CommitRequest::new(change)).await.unwrap();
    assert!(matches!(outcome, CommitOutcome::Committed(_)), "{outcome:?}");
}

async fn watch(source: &Arc<dyn TableSource>, interval_max: Duration) -> TableWatch {
    let settings = WatchSettings { interval_max, ..WatchSettings::default() };
    CatalogWatch::new(settings, Arc::new(SystemClock)).load(source.clone()).await.unwrap()
}

/// Waits for a state with this value.
async fn until(watch: &mut TableWatch, value: &str) {
    let found = async {
        while watch.newest().metadata().properties().get("p").map(String::as_str) != Some(value) {
            watch.next().await.unwrap();
        }
    };
    tokio::time::timeout(LONG, found).await.expect("the commit is found");
}

#[tokio::test]
async fn a_commit_that_is_told_of_is_found_however_rarely_the_table_is_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let source = source(&folder).await;
    let mut watch = watch(&source, Duration::from_secs(24 * 3600)).await;
    let committer = committer(&source).await.with_listener(Arc::new(watch.hints()));
    for value in ["1", "2", "3"] {
        set(&committer, value).await;
        until(&mut watch, value).await;
    }
}

#[tokio::test]
async fn a_commit_that_nobody_tells_of_is_found_by_looking() {
    let folder = tempfile::tempdir().unwrap();
    let source = source(&folder).await;
    let mut watch = watch(&source, Duration::from_millis(20)).await;
    let committer = committer(&source).await;
    for value in ["1", "2", "3"] {
        set(&committer, value).await;
        until(&mut watch, value).await;
    }
}

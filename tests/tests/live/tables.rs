//! Tables of the fixtures in the bucket that their paths name, read from there.

use std::fs;
use std::path::{Path, PathBuf};

use frazil_fixtures::{FixtureTable, table};
use frazil_reader::{At, ReadOptions, RowsOptions};
use frazil_table::SnapshotId;
use frazil_table::catalog::{TableLocator, load_table};

use crate::read;
use crate::service::s3_storage as storage;

/// The bucket that the tables' paths name; `scripts/services/up` makes it.
const BUCKET: &str = "frazil-lake";

fn files(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Copies a table's files into the bucket, each under the key that it had, which may hold `%` and `+`.
async fn upload(fixture: &FixtureTable, bucket: &Path) {
    for path in files(&fixture.folder) {
        let key = path.strip_prefix(bucket).unwrap().to_str().unwrap();
        storage().write(&format!("s3://{BUCKET}/{key}"), fs::read(&path).unwrap().into()).await.unwrap();
    }
}

async fn check(name: &str) {
    let fixture = table(name);
    let bucket = fixture.folder.ancestors().find(|folder| folder.ends_with(BUCKET)).unwrap();
    upload(fixture, bucket).await;
    let key = fixture.metadata_file.strip_prefix(bucket).unwrap().display().to_string();
    for scheme in ["s3", "s3a", "s3n"] {
        let locator = TableLocator::Path(format!("{scheme}://{BUCKET}/{key}"));
        let table = load_table(&locator, &storage()).await.unwrap();
        for snapshot in &fixture.snapshots {
            let at = At::Snapshot(SnapshotId::new(snapshot.snapshot_id));
            let options = RowsOptions { at, ..RowsOptions::default() };
            let rows = read::rows(&table, fixture.schema(snapshot.schema_id), options).await.unwrap();
            assert_eq!(rows.difference_to(&fixture.expected_rows(snapshot)), None, "{name} by {scheme}");
        }
        let stream = read::changes(&table, fixture, ReadOptions::default()).await.unwrap();
        stream.outcome.as_ref().unwrap();
        let mut fold = frazil_fixtures::Rows::default();
        for change in stream.changes() {
            if change.operation.adds() {
                fold.insert(change.row.clone());
            } else {
                assert!(fold.remove(&change.row), "{name} by {scheme}: {}", change.row);
            }
        }
        let head = fixture.snapshot(fixture.branches["main"]).unwrap();
        assert_eq!(fold.difference_to(&fixture.expected_rows(head)), None, "{name} by {scheme}");
    }
}

#[tokio::test]
async fn a_table_with_keys_that_need_escaping_is_read_from_s3() {
    check("s3_upsert").await;
}

#[tokio::test]
async fn a_table_with_paths_of_two_schemes_is_read_from_s3() {
    check("s3a_mixed").await;
}

#[tokio::test]
async fn a_table_that_pyiceberg_wrote_is_read_from_s3() {
    check("s3_pyiceberg").await;
}

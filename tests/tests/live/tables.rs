//! Tables of the fixtures in the bucket that their paths name, read from there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use frazil_fixtures::{FixtureTable, table};
use frazil_reader::{At, ReadOptions, RowsOptions, read_rows};
use frazil_table::SnapshotId;
use frazil_table::catalog::{TableLocator, load_table};
use frazil_table::manifest::{live_files, manifest_list};
use rstest::rstest;

use crate::read;
use crate::service::s3_storage as storage;

/// The bucket that the tables' paths name; `scripts/services/up` makes it.
const BUCKET: &str = "frazil-lake";

/// Metadata file (asked for, read) and manifest list.
const N_METADATA_REQUESTS: u64 = 3;

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

/// Puts a table into the bucket; the key of its metadata file.
async fn put(fixture: &FixtureTable) -> String {
    let bucket = fixture.folder.ancestors().find(|folder| folder.ends_with(BUCKET)).unwrap();
    upload(fixture, bucket).await;
    fixture.metadata_file.strip_prefix(bucket).unwrap().display().to_string()
}

async fn check(name: &str) {
    let fixture = table(name);
    let key = put(fixture).await;
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
        let head = fixture.snapshot(fixture.branches["main"]).unwrap();
        assert_eq!(crate::folded(&stream).difference_to(&fixture.expected_rows(head)), None, "{name} by {scheme}");
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

/// Requests of reading all rows of the head, from loading the metadata; and how many they would be with one for each
/// file that the head lists.
async fn n_requests(name: &str) -> (u64, u64) {
    let fixture = table(name);
    let key = put(fixture).await;
    let storage = storage();
    let table = load_table(&TableLocator::Path(format!("s3://{BUCKET}/{key}")), &storage).await.unwrap();
    let mut rows = read_rows(&table, RowsOptions::default()).await.unwrap();
    while rows.next().await.unwrap().is_some() {}
    let n_requests = storage.counters().n_requests;
    let head = table.metadata().current_snapshot().unwrap();
    let n_manifests = manifest_list(&table, head).await.unwrap().len() as u64;
    let files = live_files(&table, head).await.unwrap();
    let deletes = files.deletes.iter().map(|file| &file.path).collect::<BTreeSet<_>>();
    let n_files = (files.data.len() + deletes.len()) as u64;
    println!("{name}: {n_requests} requests, {n_manifests} manifests, {n_files} files");
    (n_requests, N_METADATA_REQUESTS + n_manifests + n_files)
}

/// Of tables of files below 2 MB, which are fetched whole: none is asked for twice, save that the metadata file is
/// asked for once more whether it is there.
#[rstest]
#[case("s3_upsert", 24)]
#[case("s3a_mixed", 11)]
#[case("s3_pyiceberg", 13)]
#[tokio::test]
async fn a_file_of_a_small_table_costs_one_request_at_most(#[case] name: &str, #[case] expected: u64) {
    let (found, n_at_most) = n_requests(name).await;
    assert_eq!(found, expected);
    assert!(found <= n_at_most, "{found} requests, {n_at_most} if each file is asked for once");
}

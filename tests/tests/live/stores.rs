//! The S3 store that runs: the contract of stores, and a table read from it.

#[path = "../contract/stores.rs"]
mod contract;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use arrow_array::RecordBatch;
use frazil_reader::{RowsOptions, read_rows};
use frazil_table::catalog::{TableLocator, load_table};
use frazil_table::storage::{PathMap, Storage};

use self::contract::Subject;
use crate::service::s3_storage as storage;

crate::store_contract! {
    s3 => super::s3(),
}

/// The bucket that the services are started with.
const BUCKET: &str = "warehouse";

/// A folder that no other test has.
fn folder() -> String {
    static N_FOLDERS: AtomicUsize = AtomicUsize::new(0);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos();
    format!("{BUCKET}/stores/{now}-{}", N_FOLDERS.fetch_add(1, Ordering::Relaxed))
}

async fn s3() -> Subject {
    let folder = folder();
    Subject {
        storage: storage(),
        root: format!("s3://{folder}"),
        aliases: vec![format!("s3a://{folder}"), format!("s3n://{folder}")],
        _keep: Box::new(()),
    }
}

async fn rows(path: &str, storage: &Storage) -> Vec<RecordBatch> {
    let table = load_table(&TableLocator::Path(path.to_owned()), storage).await.unwrap();
    let mut stream = read_rows(&table, RowsOptions::default()).await.unwrap();
    let mut batches = Vec::new();
    while let Some(batch) = stream.next().await.unwrap() {
        batches.push(batch);
    }
    batches
}

/// Puts every file of a folder into the store.
async fn upload(storage: &Storage, folder: &std::path::Path, root: &str) -> usize {
    let mut n_files = 0;
    let mut folders = vec![(folder.to_owned(), root.to_owned())];
    while let Some((folder, root)) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{root}/{}", entry.file_name().to_str().unwrap());
            if entry.file_type().unwrap().is_dir() {
                folders.push((entry.path(), path));
            } else {
                storage.write(&path, std::fs::read(entry.path()).unwrap().into()).await.unwrap();
                n_files += 1;
            }
        }
    }
    n_files
}

#[tokio::test]
async fn a_table_copied_into_a_bucket_has_the_same_rows() {
    for name in ["mor_pos", "eq_upsert", "mor_pos_part"] {
        let fixture = frazil_fixtures::table(name);
        let (old, new) = frazil_fixtures::FixtureTable::path_map();
        let local = Storage::local().with_path_map(PathMap::parse(&[format!("{old}={}", new.display())]).unwrap());
        let here = rows(fixture.folder.to_str().unwrap(), &local).await;

        let root = format!("s3://{}", folder());
        let relative = fixture.folder.strip_prefix(new).unwrap().to_str().unwrap().to_owned();
        let copy = format!("{root}/{relative}");
        assert!(upload(&storage(), &fixture.folder, &copy).await > 3);
        let remote = storage().with_path_map(PathMap::parse(&[format!("{old}={root}")]).unwrap());
        let there = rows(&copy, &remote).await;
        assert!(here == there && !here.is_empty(), "{name}");
    }
}

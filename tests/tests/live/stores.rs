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

// HDFS refuses names with a colon.
#[cfg(feature = "hdfs")]
crate::store_contract_of!(
    hdfs,
    super::hdfs(),
    what_was_written_is_read_back,
    deep_folders_and_long_names_are_reached,
    ranges_come_in_the_order_asked_for,
    large_and_distant_ranges_are_complete,
    the_end_of_a_file_comes_with_its_size,
    an_empty_file_is_a_file,
    a_missing_file_is_named_and_a_folder_is_none,
    a_range_beyond_the_end_means_that_the_metadata_lies,
    listings_of_many_files_are_complete_and_sorted,
    many_reads_at_once_do_not_mix,
    what_is_read_ahead_is_what_is_read,
    other_spellings_lead_to_the_same_file,
    the_iceberg_crate_reads_and_writes_the_same_files,
);

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

#[cfg(feature = "hdfs")]
async fn hdfs() -> Subject {
    let root = format!("{}/{}", crate::service::service("FRAZIL_TEST_HDFS_URI"), folder());
    Subject { storage: crate::service::hdfs_storage(), root, aliases: Vec::new(), _keep: Box::new(()) }
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
    copies_have_the_same_rows(&storage(), &format!("s3://{}", folder())).await;
}

#[cfg(feature = "hdfs")]
#[tokio::test]
async fn a_table_copied_into_hdfs_has_the_same_rows() {
    let Subject { storage, root, .. } = hdfs().await;
    copies_have_the_same_rows(&storage, &root).await;
}

async fn copies_have_the_same_rows(storage: &Storage, root: &str) {
    for name in ["mor_pos", "eq_upsert", "mor_pos_part"] {
        let fixture = frazil_fixtures::table(name);
        let (old, new) = frazil_fixtures::FixtureTable::path_map();
        let local = Storage::local().with_path_map(PathMap::parse(&[format!("{old}={}", new.display())]).unwrap());
        let here = rows(fixture.folder.to_str().unwrap(), &local).await;

        let root = format!("{root}/{name}");
        let relative = fixture.folder.strip_prefix(new).unwrap().to_str().unwrap().to_owned();
        let copy = format!("{root}/{relative}");
        assert!(upload(storage, &fixture.folder, &copy).await > 3);
        let remote = storage.with_path_map(PathMap::parse(&[format!("{old}={root}")]).unwrap());
        let there = rows(&copy, &remote).await;
        assert!(here == there && !here.is_empty(), "{name}");
    }
}

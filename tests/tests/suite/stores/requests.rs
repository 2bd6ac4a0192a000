//! How many requests reading one snapshot takes, and that they do not wait for each other.

use std::time::{Duration, Instant};

use frazil_reader::{RowsOptions, read_rows};
use frazil_table::catalog::{TableLocator, load_table};
use frazil_table::storage::{AheadLimits, PathMap, Storage};
use frazil_testkit::{FakeS3, TestTable};

use crate::fixtures::wait;

/// Metadata file (asked for, read), manifest list, one manifest.
const N_METADATA_REQUESTS: usize = 4;

/// A table with one snapshot of small files, in memory.
fn table(n_files: usize) -> TestTable {
    let mut table = TestTable::v2("k int, v string", "");
    let mut delta = table.delta("append");
    for file in 0..n_files {
        let first = i32::try_from(file).unwrap() * 10;
        delta = delta.rows((first..first + 10).map(|k| (k, "value")));
    }
    delta.commit();
    table
}

async fn publish(table: &TestTable) -> FakeS3 {
    let server = FakeS3::start("bucket").await;
    for folder in ["data", "metadata"] {
        for file in table.storage().list(&format!("memory://test/table/{folder}")).await.unwrap() {
            let key = file.path.strip_prefix("memory://test/").unwrap().to_owned();
            server.put(&key, table.storage().read(&file.path).await.unwrap());
        }
    }
    server.put("table/metadata/v1.metadata.json", table.metadata_json().to_string());
    server
}

/// Reads all rows; returns how many, the requests of the server, and the time.
async fn read(server: &FakeS3, ahead: AheadLimits) -> (usize, usize, Duration) {
    let map = PathMap::parse(&["memory://test=s3://bucket".to_owned()]).unwrap();
    let storage = Storage::builder().ahead_limits(ahead).build().with_properties(server.properties());
    let path = TableLocator::Path("s3://bucket/table/metadata/v1.metadata.json".to_owned());
    server.server().forget_requests();
    let started = Instant::now();
    let table = load_table(&path, &storage.with_path_map(map)).await.unwrap();
    let mut rows = read_rows(&table, RowsOptions::default()).await.unwrap();
    let mut n_rows = 0;
    while let Some(batch) = rows.next().await.unwrap() {
        n_rows += batch.num_rows();
    }
    let elapsed = started.elapsed();
    assert_eq!(storage.counters().n_requests, server.server().n_requests() as u64);
    (n_rows, server.server().n_requests(), elapsed)
}

#[test]
fn a_small_file_costs_one_request() {
    for n_files in [1, 10, 100] {
        let table = table(n_files);
        wait(async {
            let server = publish(&table).await;
            for delay_ms in [0, 20, 50] {
                server.set_delay(Duration::from_millis(delay_ms));
                let (n_rows, n_requests, elapsed) = read(&server, AheadLimits::REMOTE).await;
                println!("files={n_files} latency={delay_ms}ms requests={n_requests} time={elapsed:?}");
                assert_eq!((n_rows, n_requests), (n_files * 10, N_METADATA_REQUESTS + n_files));
            }
        });
    }
}

#[test]
fn files_do_not_wait_for_each_other() {
    let table = table(100);
    wait(async {
        let server = publish(&table).await;
        let delay = Duration::from_millis(20);
        server.set_delay(delay);
        let (_, n_requests, elapsed) = read(&server, AheadLimits::REMOTE).await;
        let one_by_one = delay * u32::try_from(n_requests).unwrap();
        assert!(elapsed < one_by_one, "{elapsed:?} of {one_by_one:?}");
        let (_, n_requests, elapsed) = read(&server, AheadLimits::NONE).await;
        println!("files=100 latency=20ms requests={n_requests} time={elapsed:?}, nothing ahead");
        assert_eq!(n_requests, N_METADATA_REQUESTS + 200);
    });
}

#[test]
fn a_file_that_is_refused_does_not_send_requests_for_all_others() {
    let table = table(100);
    wait(async {
        let server = publish(&table).await;
        server.set_fault(|request| {
            request.path.contains("/data/").then(|| frazil_testkit::fake_s3::s3_error(403, "AccessDenied", "no"))
        });
        let map = PathMap::parse(&["memory://test=s3://bucket".to_owned()]).unwrap();
        let storage = Storage::local().with_properties(server.properties()).with_path_map(map);
        let path = TableLocator::Path("s3://bucket/table/metadata/v1.metadata.json".to_owned());
        let table = load_table(&path, &storage).await.unwrap();
        let mut rows = read_rows(&table, RowsOptions::default()).await.unwrap();
        assert!(rows.next().await.is_err());
        assert_eq!(server.server().n_requests(), N_METADATA_REQUESTS + 1);
    });
}

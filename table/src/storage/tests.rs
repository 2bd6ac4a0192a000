#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::single_range_in_vec_init)]

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, PutMultipartOptions, PutOptions, PutPayload,
    PutResult,
};
use rstest::rstest;

use super::*;

/// Names that an URL or an object store's conventions would spell otherwise.
const AWKWARD: &str = "day=1 2/50%25+a b/žluť 雪/a#b?c&d*[e]{f}~'x'/..z:\\ö%2F.parquet";

/// A store that refuses every read while it is `down`.
#[derive(Debug, Default)]
struct Faulty {
    inner: InMemory,
    down: AtomicBool,
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("faulty")
    }
}

#[async_trait::async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(&self, key: &Path, payload: PutPayload, options: PutOptions) -> object_store::Result<PutResult> {
        self.inner.put_opts(key, payload, options).await
    }
    async fn put_multipart_opts(
        &self,
        key: &Path,
        options: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(key, options).await
    }
    async fn get_opts(&self, key: &Path, options: GetOptions) -> object_store::Result<GetResult> {
        if self.down.load(Ordering::Relaxed) {
            return Err(object_store::Error::Generic { store: "faulty", source: "connection reset".into() });
        }
        self.inner.get_opts(key, options).await
    }
    fn delete_stream(
        &self,
        keys: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        self.inner.delete_stream(keys)
    }
    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.inner.list(prefix)
    }
    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }
    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> object_store::Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

fn digits(n: usize) -> Bytes {
    (0..n).map(|index| u8::try_from(index % 251).unwrap()).collect()
}

/// One storage of each kind with a folder to write to: local, memory, and one that is taken for remote.
fn kinds(folder: &tempfile::TempDir) -> Vec<(Storage, String)> {
    vec![
        (Storage::local(), folder.path().to_str().unwrap().to_owned()),
        (Storage::local(), format!("file:{}", folder.path().to_str().unwrap())),
        (Storage::local(), format!("file://{}", folder.path().to_str().unwrap())),
        (Storage::local(), "memory://bucket/table".to_owned()),
        (Storage::builder().store("far", Arc::new(Faulty::default())).build(), "far://bucket/table".to_owned()),
    ]
}

#[rstest]
#[case("/x/y", "/x/y")]
#[case("file:/x/y", "/x/y")]
#[case("file:///x/y", "/x/y")]
#[case("file:////x/y", "/x/y")]
#[case("file://localhost/x/y", "/x/y")]
#[case("file://host/x/y", "file://host/x/y")]
#[case("file://localhostx/y", "file://localhostx/y")]
#[case("file:x", "file:x")]
#[case("file:", "file:")]
#[case("s3://b/x", "s3://b/x")]
#[case("memory://x", "memory://x")]
#[case("/file:/x", "/file:/x")]
fn two_spellings_of_a_local_path_are_one(#[case] path: &str, #[case] expected: &str) {
    assert_eq!(normalize(path), expected);
}

#[tokio::test]
async fn every_kind_of_store_reads_back_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    for (storage, root) in kinds(&folder) {
        let path = format!("{root}/{AWKWARD}");
        let content = digits(10_000);
        assert!(!storage.exists(&path).await.unwrap(), "{path}");
        storage.write(&path, content.clone()).await.unwrap();
        assert!(storage.exists(&path).await.unwrap());
        assert_eq!(storage.read(&path).await.unwrap(), content);
        assert_eq!(storage.size(&path).await.unwrap(), 10_000);
        let (suffix, size) = storage.read_suffix(&path, 8).await.unwrap();
        assert_eq!((suffix, size), (content.slice(9_992..), 10_000));
        let (suffix, size) = storage.read_suffix(&path, 20_000).await.unwrap();
        assert_eq!((suffix, size), (content.clone(), 10_000));
        let ranges = [9_999..10_000, 0..4, 4..4, 5_000..5_010, 2..6];
        for (range, bytes) in ranges.iter().zip(storage.read_ranges(&path, &ranges).await.unwrap()) {
            let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
            assert_eq!(bytes, content.slice(range));
        }
        let awkward_folder = path.rsplit_once('/').unwrap().0;
        let listed = storage.list(&format!("{awkward_folder}/")).await.unwrap();
        assert_eq!(listed, [ListedFile { path: path.clone(), size: 10_000 }]);
        std::fs::remove_dir_all(folder.path()).unwrap();
        std::fs::create_dir(folder.path()).unwrap();
    }
}

#[tokio::test]
async fn local_names_are_on_disk_as_they_are_in_the_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(AWKWARD);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, b"here").unwrap();
    let storage = Storage::local();
    assert_eq!(storage.read(path.to_str().unwrap()).await.unwrap(), "here");
    let spelled = format!("file:{}/./x/..//{AWKWARD}", folder.path().to_str().unwrap());
    assert_eq!(storage.read(&spelled).await.unwrap(), "here");
}

#[tokio::test]
async fn a_missing_file_is_told_from_a_store_that_does_not_answer() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), b"x").unwrap();
    for (storage, root) in kinds(&folder) {
        for path in [format!("{root}/nothing"), format!("{root}/file/below")] {
            for outcome in [
                storage.read(&path).await.err(),
                storage.read_ranges(&path, &[0..4]).await.err(),
                storage.read_suffix(&path, 4).await.err(),
                storage.size(&path).await.err(),
            ] {
                assert!(
                    matches!(&outcome, Some(TableError::FileMissing { path: missing }) if *missing == path),
                    "{outcome:?}"
                );
            }
            assert!(!storage.exists(&path).await.unwrap());
            assert!(storage.list(&path).await.unwrap().is_empty());
        }
        assert!(!storage.exists(&root).await.unwrap(), "a folder is no file");
        assert!(matches!(storage.read(&root).await, Err(TableError::FileMissing { .. })));
    }
    let faulty = Arc::new(Faulty::default());
    let storage = Storage::builder().store("memory", faulty.clone()).build();
    storage.write("memory://x", digits(10)).await.unwrap();
    faulty.down.store(true, Ordering::Relaxed);
    for outcome in [
        storage.read("memory://x").await.err(),
        storage.read_ranges("memory://x", &[0..4]).await.err(),
        storage.exists("memory://x").await.err(),
    ] {
        let error = outcome.unwrap();
        assert_eq!(error.advice(), crate::Advice::RetryLater, "{error:?}");
    }
    faulty.down.store(false, Ordering::Relaxed);
    assert_eq!(storage.read("memory://x").await.unwrap(), digits(10));
}

#[tokio::test]
async fn a_range_beyond_the_end_means_that_the_metadata_lies() {
    let folder = tempfile::tempdir().unwrap();
    for (storage, root) in kinds(&folder) {
        let path = format!("{root}/file");
        storage.write(&path, digits(100)).await.unwrap();
        for range in [90..101, 100..101, 200..300, 0..u64::MAX, u64::MAX - 1..u64::MAX, 0..1 << 40] {
            let error = storage.read_ranges(&path, &[0..10, range.clone()]).await.unwrap_err();
            assert!(matches!(&error, TableError::Corrupt { path: at, .. } if *at == path), "{range:?} {error:?}");
        }
        #[allow(clippy::reversed_empty_ranges)]
        let reversed = 10..5;
        assert!(matches!(storage.read_ranges(&path, &[reversed]).await, Err(TableError::Corrupt { .. })));
        assert_eq!(storage.read_ranges(&path, &[0..100, 100..100]).await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn near_ranges_cost_one_request_and_counters_are_shared_by_clones() {
    let limits = RangeLimits { gap_bytes_max: 100, request_bytes_max: 1000, n_parallel: 2 };
    for scheme in ["memory", "far"] {
        let path = format!("{scheme}://t/file");
        let storage = Storage::builder().store(scheme, Arc::new(InMemory::new())).range_limits(limits).build();
        storage.write(&path, digits(100_000)).await.unwrap();
        let before = storage.counters();
        assert_eq!(before, StorageCounters { n_requests: 1, n_bytes_read: 0 });
        let clone = storage.with_path_map(PathMap::default());
        clone.read_ranges(&path, &[0..10, 100..110, 50_000..50_001, 205..210, 99_999..100_000]).await.unwrap();
        let after = storage.counters();
        assert_eq!(after, StorageCounters { n_requests: 4, n_bytes_read: 212 });
        storage.read(&path).await.unwrap();
        assert_eq!(storage.counters(), StorageCounters { n_requests: 5, n_bytes_read: 100_212 });
        storage.read_ranges(&path, &[]).await.unwrap();
        storage.read_ranges(&path, &[7..7]).await.unwrap();
        assert_eq!(storage.counters().n_requests, 5);
    }
}

#[tokio::test]
async fn a_file_over_the_limit_is_refused_before_it_is_read() {
    let storage = Storage::local();
    storage.write("memory://x", digits(100)).await.unwrap();
    assert_eq!(storage.read_limited("memory://x", 100).await.unwrap().len(), 100);
    let error = storage.read_limited("memory://x", 99).await.unwrap_err();
    assert!(matches!(error, TableError::MemoryLimit { needed_bytes: 100, limit_bytes: 99, .. }), "{error:?}");
}

#[tokio::test]
async fn only_files_directly_in_a_folder_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    for (storage, root) in kinds(&folder) {
        for name in ["b", "a", "sub/c"] {
            storage.write(&format!("{root}/list/{name}"), digits(name.len())).await.unwrap();
        }
        let paths: Vec<_> =
            storage.list(&format!("{root}/list")).await.unwrap().into_iter().map(|file| file.path).collect();
        assert_eq!(paths, [format!("{root}/list/a"), format!("{root}/list/b")]);
        assert!(storage.list(&format!("{root}/nothing")).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn paths_are_mapped_and_errors_show_both() {
    let map = PathMap::parse(&["s3://bucket=memory://here".to_owned(), "/old=memory://here/old".to_owned()]).unwrap();
    let storage = Storage::local().with_path_map(map);
    storage.write("memory://here/a/f", digits(3)).await.unwrap();
    assert_eq!(storage.read("s3://bucket/a/f").await.unwrap(), digits(3));
    assert_eq!(storage.list("s3://bucket/a").await.unwrap()[0].path, "s3://bucket/a/f");
    storage.write("file:/old/g", digits(4)).await.unwrap();
    assert_eq!(storage.read("memory://here/old/g").await.unwrap(), digits(4));
    let error = storage.read("s3://bucket/b").await.unwrap_err().to_string();
    assert!(error.contains("s3://bucket/b (mapped to memory://here/b)"), "{error}");
}

#[rstest]
#[case("s3://b/x", "no store for scheme `s3`")]
#[case("x/y", "neither absolute nor has a scheme")]
#[case("", "neither absolute nor has a scheme")]
#[case("file://host/x", "another host")]
#[case("file:x", "another host, or a relative one")]
#[tokio::test]
async fn a_path_that_no_store_serves_is_refused(#[case] path: &str, #[case] cause: &str) {
    let error = Storage::local().read(path).await.unwrap_err();
    assert!(matches!(error, TableError::Unsupported { .. }), "{error:?}");
    assert!(error.to_string().contains(cause), "{error}");
}

#[tokio::test]
async fn memory_is_shared_by_clones_and_by_nothing_else() {
    let storage = Storage::local();
    storage.clone().write("memory://x", digits(1)).await.unwrap();
    assert!(storage.exists("memory:/x").await.unwrap());
    assert!(!Storage::local().exists("memory://x").await.unwrap());
}

#[tokio::test]
async fn the_iceberg_crate_reads_and_writes_the_same_files() {
    let folder = tempfile::tempdir().unwrap();
    for (storage, root) in kinds(&folder) {
        let path = format!("{root}/{AWKWARD}");
        let io = storage.file_io();
        let mut writer = io.new_output(&path).unwrap().writer().await.unwrap();
        writer.write(digits(100)).await.unwrap();
        writer.write(digits(50)).await.unwrap();
        writer.close().await.unwrap();
        assert_eq!(storage.size(&path).await.unwrap(), 150);
        let input = io.new_input(&path).unwrap();
        assert!(input.exists().await.unwrap());
        assert_eq!(input.metadata().await.unwrap().size, 150);
        assert_eq!(input.read().await.unwrap(), storage.read(&path).await.unwrap());
        assert_eq!(input.reader().await.unwrap().read(100..150).await.unwrap(), digits(50));
        io.new_output(format!("{root}/whole")).unwrap().write(digits(7)).await.unwrap();
        assert_eq!(storage.read(&format!("{root}/whole")).await.unwrap(), digits(7));
        assert!(io.delete(&path).await.is_err());
        assert!(io.delete_prefix(&root).await.is_err());
        assert!(storage.exists(&path).await.unwrap());
        let missing = io.new_input(format!("{root}/nothing")).unwrap();
        assert!(!missing.exists().await.unwrap());
        assert!(missing.read().await.unwrap_err().to_string().contains("file is missing"));
        std::fs::remove_dir_all(folder.path()).unwrap();
        std::fs::create_dir(folder.path()).unwrap();
    }
}

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use rstest::rstest;
use serde_json::json;

use super::super::{TableLocator, table_source};
use super::*;

/// Metadata of a table without snapshots; `marker` tells one file from another.
fn metadata(marker: &str) -> bytes::Bytes {
    json!({
        "format-version": 1,
        "location": "/t",
        "last-updated-ms": 1,
        "last-column-id": 1,
        "schema": {"type": "struct", "fields": [{"id": 1, "name": "id", "required": true, "type": "long"}]},
        "properties": {"marker": marker}
    })
    .to_string()
    .into()
}

async fn store(names: &[&str]) -> Storage {
    let storage = Storage::local();
    for name in names {
        let (name, content) = name.split_once(" = ").unwrap_or((name, ""));
        let content = if name.ends_with("hint.text") { content.to_owned().into() } else { metadata(name) };
        storage.write(&format!("memory://wh/t/{name}"), content).await.unwrap();
    }
    storage
}

async fn load(path: &str, storage: &Storage) -> Result<Table> {
    load_unless_at(path, path, storage, None).await.map(|table| table.expect("nothing is known yet"))
}

async fn marker(storage: &Storage, path: &str) -> String {
    let table = load(path, storage).await.unwrap();
    assert_eq!(table.name(), path);
    table.metadata().properties()["marker"].clone()
}

#[rstest]
#[case::hint(&["metadata/v1.metadata.json", "metadata/v2.metadata.json", "metadata/version-hint.text = 2"], "v2.metadata.json")]
#[case::stale_hint(&["metadata/v1.metadata.json", "metadata/v2.metadata.json", "metadata/v3.metadata.json", "metadata/version-hint.text = 1\n"], "v3.metadata.json")]
#[case::hint_too_high(&["metadata/v1.metadata.json", "metadata/v2.metadata.json", "metadata/version-hint.text = 9"], "v2.metadata.json")]
#[case::garbage_hint(&["metadata/v9.metadata.json", "metadata/v10.metadata.json", "metadata/version-hint.text = x"], "v10.metadata.json")]
#[case::empty_hint(&["metadata/v1.metadata.json", "metadata/version-hint.text = "], "v1.metadata.json")]
#[case::no_hint(&["metadata/v2.metadata.json", "metadata/v11.metadata.json", "metadata/v3.metadata.json"], "v11.metadata.json")]
#[case::gzip(&["metadata/v1.metadata.json", "metadata/v2.gz.metadata.json", "metadata/version-hint.text = 1"], "v2.gz.metadata.json")]
#[case::old_gzip(&["metadata/v1.metadata.json.gz", "metadata/v2.metadata.json.gz"], "v2.metadata.json.gz")]
#[case::numbered(&["metadata/00000-a.metadata.json", "metadata/00010-b.metadata.json", "metadata/00009-c.metadata.json"], "00010-b.metadata.json")]
#[case::numbered_gzip(&["metadata/00000-a.metadata.json", "metadata/00001-b.gz.metadata.json"], "00001-b.gz.metadata.json")]
#[case::both_with_hint(&["metadata/v1.metadata.json", "metadata/00009-b.metadata.json", "metadata/version-hint.text = 1"], "v1.metadata.json")]
#[case::others(&["metadata/00001-b.metadata.json", "metadata/snap-9.avro", "metadata/zz-9.metadata.json", "metadata/v.metadata.json", "metadata/v+5.metadata.json", "metadata/.metadata.json"], "00001-b.metadata.json")]
#[case::without_folder(&["v1.metadata.json", "version-hint.text = 1"], "v1.metadata.json")]
#[tokio::test]
async fn the_newest_metadata_file_of_a_folder_is_found(#[case] files: &[&str], #[case] expected: &str) {
    let storage = store(files).await;
    for path in ["memory://wh/t", "memory://wh/t/", "memory://wh/t//"] {
        assert!(marker(&storage, path).await.ends_with(expected), "{path}");
    }
    if files[0].starts_with("metadata/") {
        assert!(marker(&storage, "memory://wh/t/metadata").await.ends_with(expected));
        assert!(marker(&storage, "memory://wh/t/metadata/").await.ends_with(expected));
    }
}

#[tokio::test]
async fn a_metadata_file_is_read_whatever_lies_beside_it() {
    let storage = store(&["metadata/00000-a.metadata.json", "metadata/00001-b.metadata.json", "x/odd.json"]).await;
    assert_eq!(
        marker(&storage, "memory://wh/t/metadata/00000-a.metadata.json").await,
        "metadata/00000-a.metadata.json"
    );
    assert_eq!(marker(&storage, "memory://wh/t/x/odd.json").await, "x/odd.json");
}

#[rstest]
#[case::same_number(&["metadata/00001-a.metadata.json", "metadata/00001-b.metadata.json", "metadata/00000-c.metadata.json"])]
#[case::two_kinds(&["metadata/00001-a.metadata.json", "metadata/v1.metadata.json"])]
#[tokio::test]
async fn two_files_that_could_be_meant_are_both_named(#[case] files: &[&str]) {
    let storage = store(files).await;
    let error = load("memory://wh/t", &storage).await.unwrap_err();
    assert!(matches!(error, TableError::InvalidRequest { .. }), "{error:?}");
    for file in files.iter().take(2) {
        assert!(error.to_string().contains(file), "{error}");
    }
}

#[tokio::test]
async fn where_nothing_is_the_error_says_what_was_looked_for() {
    let storage = store(&["data/x.parquet", "metadata/snap-1.avro"]).await;
    for (path, cause) in [
        ("memory://wh/t", "no `vN.metadata.json` and no `NNNNN-<uuid>.metadata.json` in `memory://wh/t/metadata`"),
        ("memory://wh/nothing", "name a table's folder or a metadata file"),
        ("memory://wh/t/metadata/v1.metadata.json", "there is no such metadata file"),
        ("memory://wh/t/data/x.parquet", "this is a file, but no `*.metadata.json`"),
        ("/nothing/here", "name a table's folder"),
    ] {
        let error = load(path, &storage).await.unwrap_err();
        assert!(matches!(&error, TableError::TableNotFound { table, .. } if table == path), "{error:?}");
        assert!(error.to_string().contains(cause), "{error}");
    }
    assert!(matches!(load("", &storage).await, Err(TableError::InvalidRequest { .. })));
    assert!(matches!(load("s3://b/t", &storage).await, Err(TableError::Unsupported { .. })));
}

#[tokio::test]
async fn local_files_are_found_below_a_file_relative_and_with_dots() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_str().unwrap();
    let storage = Storage::local();
    let file = format!("{root}/a b/t/metadata/00003-x.metadata.json");
    storage.write(&file, metadata("here")).await.unwrap();
    for path in [format!("{root}/a b/t"), format!("file:{root}/a b/t/"), format!("{root}/x/../a b//t/."), file.clone()]
    {
        assert_eq!(marker(&storage, &path).await, "here");
    }
    let missing = load(&format!("{file}/t"), &storage).await;
    assert!(matches!(missing, Err(TableError::TableNotFound { .. })), "{missing:?}");
    let up = "../".repeat(std::env::current_dir().unwrap().components().count() - 1);
    let relative = format!("{up}{}", root.trim_start_matches('/'));
    let table = load(&format!("{relative}/a b/t"), &storage).await.unwrap();
    assert_eq!(table.metadata_location(), file);
}

#[tokio::test]
async fn a_given_path_is_taken_as_it_is_and_through_the_path_map_if_nothing_is_there() {
    let storage = store(&["metadata/v1.metadata.json"]).await;
    let map = |text: &str| storage.with_path_map(PathMap::parse(&[text.to_owned()]).unwrap());
    // The new prefix begins with the old one: mapping a path that is mapped already would lead astray.
    assert_eq!(marker(&map("memory://wh=memory://wh/t"), "memory://wh/t").await, "metadata/v1.metadata.json");
    let mapped = map("/tmp/elsewhere=memory://wh");
    assert_eq!(marker(&mapped, "/tmp/elsewhere/t").await, "metadata/v1.metadata.json");
    assert_eq!(marker(&mapped, "file:///tmp/elsewhere/t/metadata/v1.metadata.json").await, "metadata/v1.metadata.json");
    let table = load("memory://wh/t", &mapped).await.unwrap();
    assert!(!table.storage().path_map().is_empty(), "paths within metadata are still mapped");
}

#[tokio::test]
async fn a_source_gives_a_table_only_when_it_changed() {
    let storage = store(&["metadata/v1.metadata.json", "metadata/version-hint.text = 1"]).await;
    let source = table_source(&TableLocator::Path("memory://wh/t".to_owned()), &storage);
    assert_eq!(source.name(), "memory://wh/t");
    let first = source.load().await.unwrap();
    assert!(source.load_if_changed(&first).await.unwrap().is_none());
    storage.write("memory://wh/t/metadata/v2.metadata.json", metadata("second")).await.unwrap();
    let second = source.load_if_changed(&first).await.unwrap().unwrap();
    assert_eq!(second.metadata().properties()["marker"], "second");
    assert!(source.load_if_changed(&second).await.unwrap().is_none());
}

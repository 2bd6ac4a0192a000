//! Metadata files that are no metadata, or contradict themselves.

use frazil_reader::{At, ReadError, RowsOptions, read_rows};
use frazil_table::{SnapshotId, TableError};
use serde_json::{Value, json};

use super::copy::{Copy, name};
use super::{assert_corrupt, assert_unsupported, check_message, wait};

/// A table whose metadata is replaced.
async fn with_metadata(content: impl Into<bytes::Bytes>) -> Copy {
    let copy = Copy::of("mor_pos").await;
    copy.write(&copy.metadata(), content).await;
    copy
}

/// A table whose metadata is changed.
async fn with_change(change: impl FnOnce(&mut Value)) -> Copy {
    let copy = Copy::of("mor_pos").await;
    let mut metadata = serde_json::from_slice(copy.content(&copy.metadata())).unwrap();
    change(&mut metadata);
    copy.write(&copy.metadata(), metadata.to_string()).await;
    copy
}

fn assert_metadata_corrupt(copy: &Copy, cause: &[&str]) {
    assert_corrupt(wait(copy.rows()), name(&copy.metadata()), cause);
}

#[test]
fn what_is_no_json_object_is_corrupt() {
    let nested = |n: usize| "[".repeat(n) + &"]".repeat(n);
    let deep_object = format!("{{\"format-version\": 2, \"properties\": {}}}", nested(100_000));
    for (content, cause) in [
        (String::new(), "no valid JSON"),
        ("\0".repeat(100), "no valid JSON"),
        ("<?xml version=\"1.0\"?>".to_owned(), "no valid JSON"),
        ("{\"format-version\": 2".to_owned(), "no valid JSON"),
        (nested(100_000), "no valid JSON"),
        (deep_object, "no valid JSON"),
        ("[]".to_owned(), "no JSON object"),
        ("2".to_owned(), "no JSON object"),
        ("{}".to_owned(), "no `format-version`"),
        ("{\"format-version\": \"2\"}".to_owned(), "`format-version`"),
        ("{\"format-version\": 0}".to_owned(), "`format-version`"),
        ("{\"format-version\": 2}".to_owned(), "is missing"),
    ] {
        let copy = wait(with_metadata(content));
        assert_metadata_corrupt(&copy, &[name(&copy.metadata()), cause]);
    }
}

#[test]
fn bytes_that_begin_like_gzip_and_go_on_otherwise_are_corrupt() {
    let copy = wait(with_metadata([&[0x1f, 0x8b][..], b"{\"format-version\": 2}"].concat()));
    assert_metadata_corrupt(&copy, &["gzip"]);
}

#[test]
fn a_wrong_type_is_named_with_its_place() {
    for (place, value, cause) in [
        ("/snapshots/0/snapshot-id", json!("1"), "snapshot-id"),
        ("/snapshots/0/timestamp-ms", json!(1.5), "timestamp-ms"),
        ("/snapshots/0/manifest-list", json!(["x"]), "manifest-list"),
        ("/snapshots", json!({}), "snapshots"),
        ("/schemas", json!("none"), "schemas"),
        ("/schemas/0/fields/0/id", json!("1"), "schemas"),
        ("/schemas/0/fields/0/type", json!("text"), "text"),
        ("/partition-specs/0/fields", json!(7), "partition-specs"),
        ("/sort-orders/0/fields", json!(7), "sort-orders"),
        ("/refs/main", json!("head"), "refs"),
        ("/last-column-id", json!("many"), "last-column-id"),
        ("/table-uuid", json!("me"), "table-uuid"),
        ("/location", json!(1), "location"),
        ("/properties", json!("none"), "properties"),
    ] {
        let copy = wait(with_change(|metadata| *metadata.pointer_mut(place).unwrap() = value));
        let error = wait(copy.load()).unwrap_err();
        assert!(matches!(error, TableError::Corrupt { .. } | TableError::Unsupported { .. }), "{place}: {error:?}");
        check_message(&error, &[name(&copy.metadata()), cause]).unwrap();
    }
}

#[test]
fn references_to_what_is_not_there_are_corrupt() {
    for (place, cause) in [
        ("/current-snapshot-id", "12345"),
        ("/refs/main/snapshot-id", "main"),
        ("/current-schema-id", "12345"),
        ("/default-spec-id", "12345"),
        ("/default-sort-order-id", "12345"),
    ] {
        let copy = wait(with_change(|metadata| *metadata.pointer_mut(place).unwrap() = 12345.into()));
        let error = wait(copy.load()).unwrap_err();
        assert!(matches!(error, TableError::Corrupt { .. }), "{place}: {error:?}");
        check_message(&error, &[name(&copy.metadata()), cause]).unwrap();
    }
}

#[test]
fn a_snapshot_in_an_unknown_schema_is_corrupt() {
    let copy = wait(with_change(|metadata| {
        for snapshot in metadata["snapshots"].as_array_mut().unwrap() {
            snapshot["schema-id"] = 77.into();
        }
    }));
    assert_metadata_corrupt(&copy, &["schema `77`"]);
}

#[test]
fn parents_that_form_a_circle_are_corrupt() {
    let copy = wait(with_change(|metadata| {
        let head = metadata["current-snapshot-id"].clone();
        for snapshot in metadata["snapshots"].as_array_mut().unwrap() {
            if snapshot.get("parent-snapshot-id").is_none() {
                snapshot["parent-snapshot-id"] = head.clone();
            }
        }
    }));
    assert_corrupt(wait(copy.changes()), name(&copy.metadata()), &["circle"]);
    assert_metadata_corrupt(&copy, &["circle"]);
}

#[test]
fn a_snapshot_that_is_its_own_parent_is_corrupt() {
    let copy = wait(with_change(|metadata| {
        let head = metadata["current-snapshot-id"].clone();
        for snapshot in metadata["snapshots"].as_array_mut().unwrap() {
            snapshot["parent-snapshot-id"] = head.clone();
        }
    }));
    assert_corrupt(wait(copy.changes()), name(&copy.metadata()), &["circle"]);
}

#[test]
fn a_snapshot_can_be_read_by_id_whatever_its_parents() {
    wait(async {
        let copy = with_change(|metadata| metadata["snapshots"][0]["parent-snapshot-id"] = 1.into()).await;
        let table = copy.load().await.unwrap();
        let at = At::Snapshot(SnapshotId::new(copy.fixture.snapshots[0].snapshot_id));
        assert!(read_rows(&table, RowsOptions { at, ..RowsOptions::default() }).await.is_ok());
    });
}

#[test]
fn later_versions_views_and_encrypted_tables_are_refused() {
    for (key, value, cause) in [
        ("format-version", json!(4), "versions 1 to 3"),
        ("view-uuid", json!("5f5e0b0c-0000-0000-0000-000000000000"), "view"),
        ("properties", json!({"encryption.key-id": "k"}), "encrypted"),
    ] {
        let copy = wait(with_change(|metadata| metadata[key] = value));
        assert_unsupported(wait(copy.rows()), name(&copy.metadata()), &[name(&copy.metadata()), cause]);
    }
}

#[test]
fn a_broken_name_mapping_is_corrupt() {
    for mapping in ["", "{", "{}", "[{\"names\": 1}]"] {
        let copy = wait(with_change(|metadata| {
            metadata["properties"]["schema.name-mapping.default"] = mapping.into();
        }));
        assert_metadata_corrupt(&copy, &["schema.name-mapping.default"]);
    }
}

#[test]
fn text_of_the_file_cannot_break_a_message_into_lines() {
    let copy = wait(with_change(|metadata| {
        metadata["schemas"][0]["fields"][0]["type"] = "te\nxt\u{1b}[31m".into();
    }));
    let Err(error) = wait(copy.load()) else { panic!("was read") };
    check_message(&error, &[name(&copy.metadata())]).unwrap();
    check_message(&wait(read_at_unknown_tag()), &[]).unwrap();
}

async fn read_at_unknown_tag() -> TableError {
    let table = Copy::of("mor_pos").await.load().await.unwrap();
    let options = RowsOptions { at: At::Tag("a\nb".to_owned()), ..RowsOptions::default() };
    match read_rows(&table, options).await {
        Err(ReadError::Table(error)) => error,
        other => panic!("{other:?}"),
    }
}

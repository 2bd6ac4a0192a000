#![allow(clippy::unwrap_used, clippy::panic)]

use rstest::rstest;

use super::*;

const BASE: &str = "file:/t/metadata/00003-a.metadata.json";
const UPDATED_MS: i64 = 1_700_000_001_000;
const NOW_MS: i64 = UPDATED_MS + 5_000;

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        other => panic!("{other}"),
    }
}

fn document(version: i64) -> Map<String, Value> {
    let mut document = object(json!({
        "format-version": version,
        "table-uuid": "9c12d441-03fe-4693-9a96-a0705ddf69c1",
        "location": "file:/t",
        "last-updated-ms": UPDATED_MS,
        "last-column-id": 2,
        "schemas": [{"type": "struct", "schema-id": 0, "fields": [
            {"id": 1, "name": "id", "required": false, "type": "long"},
            {"id": 2, "name": "shape", "required": false, "type": if version == 3 { "geometry(srid:4326)" } else { "string" },
             "tag-of-the-future": {"kept": [1, 2.5, null]}}
        ]}],
        "current-schema-id": 0,
        "partition-specs": [{"spec-id": 0, "fields": []}],
        "default-spec-id": 0,
        "last-partition-id": 999,
        "sort-orders": [{"order-id": 0, "fields": []}],
        "default-sort-order-id": 0,
        "properties": {"owner": "me"},
        "of-the-future": {"deep": {"er": "kept"}},
        "current-snapshot-id": 1,
        "snapshots": [{"snapshot-id": 1, "timestamp-ms": UPDATED_MS - 1_000, "manifest-list": "file:/t/metadata/snap-1.avro",
            "summary": {"operation": "append"}, "schema-id": 0}],
        "snapshot-log": [{"timestamp-ms": UPDATED_MS - 1_000, "snapshot-id": 1}],
        "metadata-log": [{"timestamp-ms": UPDATED_MS - 1_000, "metadata-file": "file:/t/metadata/00002-a.metadata.json"}]
    }));
    if version == 1 {
        document.insert("schema".to_owned(), document["schemas"][0].clone());
        document.insert("partition-spec".to_owned(), json!([]));
    } else {
        document.insert("last-sequence-number".to_owned(), 7.into());
        document["snapshots"][0]["sequence-number"] = 7.into();
    }
    if version == 3 {
        document.insert("next-row-id".to_owned(), 100.into());
    }
    document
}

fn snapshot(version: i64, id: i64) -> Value {
    let mut snapshot = json!({"snapshot-id": id, "parent-snapshot-id": 1, "timestamp-ms": NOW_MS + 1,
        "manifest-list": format!("file:/t/metadata/snap-{id}.avro"), "summary": {"operation": "append"}, "schema-id": 0});
    if version > 1 {
        snapshot["sequence-number"] = 8.into();
    }
    if version > 2 {
        snapshot["first-row-id"] = 100.into();
        snapshot["added-rows"] = 25.into();
    }
    snapshot
}

fn branch(id: i64) -> Value {
    json!({"snapshot-id": id, "type": "branch"})
}

fn set_ref(name: &str, id: i64) -> MetadataUpdate {
    MetadataUpdate::SetRef { name: name.to_owned(), reference: branch(id) }
}

fn properties(all: &[(&str, &str)]) -> MetadataUpdate {
    MetadataUpdate::SetProperties(all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
}

fn applied(document: &Map<String, Value>, updates: &[MetadataUpdate]) -> Map<String, Value> {
    let document = apply(document, BASE, updates, NOW_MS).unwrap();
    let bytes = serde_json::to_vec(&document).unwrap();
    crate::parse_metadata(&bytes, "new").unwrap();
    document
}

fn refused(document: &Map<String, Value>, updates: &[MetadataUpdate]) -> String {
    match apply(document, BASE, updates, NOW_MS) {
        Err(error @ TableError::InvalidRequest { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[rstest]
fn a_snapshot_on_main_changes_what_it_must_and_nothing_else(#[values(1, 2, 3)] version: i64) {
    let before = document(version);
    let updates = [MetadataUpdate::AddSnapshot(snapshot(version, 2)), set_ref("main", 2)];
    let mut after = applied(&before, &updates);
    assert_eq!(after["current-snapshot-id"], 2);
    assert_eq!(after["last-updated-ms"], NOW_MS + 1);
    assert_eq!(after["refs"], json!({"main": branch(2)}));
    assert_eq!(after["snapshots"].as_array().unwrap().len(), 2);
    assert_eq!(after["snapshots"][1], snapshot(version, 2));
    assert_eq!(
        after["snapshot-log"],
        json!([{"timestamp-ms": UPDATED_MS - 1_000, "snapshot-id": 1}, {"timestamp-ms": NOW_MS + 1, "snapshot-id": 2}])
    );
    assert_eq!(after["metadata-log"][1], json!({"timestamp-ms": UPDATED_MS, "metadata-file": BASE}));
    assert_eq!(after.get("last-sequence-number"), (version > 1).then(|| json!(8)).as_ref());
    assert_eq!(after.get("next-row-id"), (version > 2).then(|| json!(125)).as_ref());
    // All else is as it was, in the same order.
    let changed = [
        "current-snapshot-id",
        "last-updated-ms",
        "snapshots",
        "snapshot-log",
        "metadata-log",
        "last-sequence-number",
        "next-row-id",
    ];
    for name in changed.iter().filter(|name| before.contains_key(**name)) {
        after[*name] = before[*name].clone();
    }
    after.shift_remove("refs");
    assert_eq!(serde_json::to_string(&after).unwrap(), serde_json::to_string(&before).unwrap());
}

#[test]
fn a_snapshot_on_another_branch_leaves_main_alone() {
    let updates = [MetadataUpdate::AddSnapshot(snapshot(2, 2)), set_ref("audit", 2)];
    let after = applied(&document(2), &updates);
    assert_eq!(after["refs"], json!({"main": branch(1), "audit": branch(2)}));
    assert_eq!(after["current-snapshot-id"], 1);
    assert_eq!(after["snapshot-log"].as_array().unwrap().len(), 1);
}

#[test]
fn the_first_snapshot_of_a_table_is_its_head() {
    let mut before = document(1);
    before.insert("current-snapshot-id".to_owned(), (-1).into());
    before.insert("snapshots".to_owned(), Value::Null);
    before.shift_remove("snapshot-log");
    before.shift_remove("metadata-log");
    let updates = [MetadataUpdate::AddSnapshot(snapshot(1, 2)), set_ref("main", 2)];
    let after = applied(&before, &updates);
    assert_eq!((&after["current-snapshot-id"], &after["snapshots"][0]["snapshot-id"]), (&json!(2), &json!(2)));
    assert_eq!(after["snapshot-log"].as_array().unwrap().len(), 1);
    assert_eq!(after["metadata-log"].as_array().unwrap().len(), 1);
}

#[test]
fn a_head_that_moves_twice_or_not_at_all_is_logged_once_or_not_at_all() {
    let mut second = snapshot(2, 3);
    second["sequence-number"] = 9.into();
    let added = [MetadataUpdate::AddSnapshot(snapshot(2, 2)), MetadataUpdate::AddSnapshot(second)];
    let twice: Vec<_> = added.into_iter().chain([set_ref("main", 2), set_ref("main", 3)]).collect();
    let after = applied(&document(2), &twice);
    assert_eq!(after["snapshot-log"].as_array().unwrap().len(), 2);
    assert_eq!(after["snapshot-log"][1]["snapshot-id"], 3);
    assert_eq!(after["last-sequence-number"], 9);

    let after = applied(&document(2), &[set_ref("main", 1)]);
    assert_eq!(after["snapshot-log"].as_array().unwrap().len(), 1);
}

#[test]
fn a_rollback_is_logged_at_the_time_of_the_commit() {
    let moved = applied(&document(2), &[MetadataUpdate::AddSnapshot(snapshot(2, 2)), set_ref("main", 2)]);
    let back = apply(&moved, BASE, &[set_ref("main", 1)], NOW_MS + 9_000).unwrap();
    assert_eq!(back["snapshot-log"][2], json!({"timestamp-ms": NOW_MS + 9_000, "snapshot-id": 1}));
}

#[test]
fn properties_are_set_and_dropped() {
    let updates = [properties(&[("a", "1"), ("owner", "you")]), MetadataUpdate::RemoveProperties(vec!["a".to_owned()])];
    let after = applied(&document(2), &updates);
    assert_eq!(after["properties"], json!({"owner": "you"}));
    assert_eq!(after["last-updated-ms"], NOW_MS);
    assert!(refused(&document(2), &[properties(&[("format-version", "3")])]).contains("format-version"));
}

#[test]
fn refs_are_dropped_save_for_main() {
    let tagged = applied(&document(2), &[set_ref("old", 1)]);
    let after = applied(&tagged, &[MetadataUpdate::RemoveRef("old".to_owned())]);
    assert_eq!(after["refs"], json!({"main": branch(1)}));
    assert!(refused(&tagged, &[MetadataUpdate::RemoveRef("main".to_owned())]).contains("main"));
}

#[test]
fn time_never_goes_back() {
    let after = apply(&document(2), BASE, &[properties(&[])], UPDATED_MS - 50_000).unwrap();
    assert_eq!(after["last-updated-ms"], UPDATED_MS);
}

#[rstest]
#[case(None, 100)]
#[case(Some("3"), 3)]
#[case(Some("0"), 1)]
#[case(Some("many"), 100)]
fn so_many_earlier_files_are_remembered(#[case] property: Option<&str>, #[case] n_kept: usize) {
    let mut before = document(2);
    let entry = |n: i64| json!({"timestamp-ms": UPDATED_MS - 1_000 + n, "metadata-file": format!("f{n}")});
    before["metadata-log"] = (0..150).map(entry).collect();
    let updates: Vec<_> = property.iter().map(|value| properties(&[(PREVIOUS_VERSIONS_PROPERTY, value)])).collect();
    let log = apply(&before, BASE, &updates, NOW_MS).unwrap()["metadata-log"].as_array().unwrap().clone();
    assert_eq!(log.len(), n_kept);
    assert_eq!(log.last().unwrap()["metadata-file"], BASE);
}

#[test]
fn what_contradicts_the_table_is_refused() {
    let changed = |name: &str, value: Value| {
        let mut snapshot = snapshot(3, 2);
        snapshot[name] = value;
        refused(&document(3), &[MetadataUpdate::AddSnapshot(snapshot)])
    };
    assert!(changed("snapshot-id", 1.into()).contains("has it already"));
    assert!(changed("sequence-number", 7.into()).contains("not above"));
    assert!(changed("sequence-number", Value::Null).contains("sequence-number"));
    assert!(changed("first-row-id", 99.into()).contains("next-row-id=`100`"));
    assert!(changed("added-rows", (-1).into()).contains("next-row-id"));
    assert!(changed("added-rows", i64::MAX.into()).contains("next-row-id"));
    assert!(changed("timestamp-ms", (UPDATED_MS - 60_001).into()).contains("clock"));
    assert!(refused(&document(2), &[MetadataUpdate::AddSnapshot(json!(7))]).contains("no JSON object"));
    assert!(refused(&document(1), &[MetadataUpdate::AddSnapshot(snapshot(2, 2))]).contains("version 1"));
    assert!(refused(&document(2), &[set_ref("main", 5)]).contains("no snapshot `5`"));
    let tag = MetadataUpdate::SetRef { name: "main".to_owned(), reference: json!({"snapshot-id": 1, "type": "tag"}) };
    assert!(refused(&document(2), &[tag]).contains("cannot be a tag"));
    let untyped = MetadataUpdate::SetRef { name: "x".to_owned(), reference: json!({"snapshot-id": 1}) };
    assert!(refused(&document(2), &[untyped]).contains("neither branch nor tag"));
    let twice = [MetadataUpdate::AddSnapshot(snapshot(2, 2)), MetadataUpdate::AddSnapshot(snapshot(2, 2))];
    assert!(refused(&document(2), &twice).contains("has it already"));
}

#[test]
fn a_document_without_what_it_must_have_is_corrupt() {
    for name in ["format-version", "last-updated-ms"] {
        let mut broken = document(2);
        broken.shift_remove(name);
        let error = apply(&broken, BASE, &[], NOW_MS).unwrap_err();
        assert!(matches!(error, TableError::Corrupt { .. }) && error.to_string().contains(name), "{error}");
    }
}

#[test]
fn requirements_are_compared_with_the_document() {
    let mut document = document(2);
    let uuid = |text: &str| Requirement::TableUuid(text.to_owned());
    let at = |name: &str, snapshot_id| Requirement::RefSnapshot { name: name.to_owned(), snapshot_id };
    let met = [uuid("9C12D441-03fe-4693-9a96-a0705ddf69c1"), at("main", Some(1)), at("other", None)];
    assert_eq!(unmet(&document, &met), None);
    assert!(unmet(&document, &[uuid("other")]).unwrap().contains("another table"));
    let moved = unmet(&document, &[at("main", Some(2))]).unwrap();
    assert!(moved.contains("expected=`2`, found=`1`"), "{moved}");
    assert!(unmet(&document, &[at("main", None)]).is_some());
    assert!(unmet(&document, &[at("other", Some(1))]).unwrap().contains("found=`none`"));
    document["current-snapshot-id"] = (-1).into();
    assert_eq!(unmet(&document, &[at("main", None)]), None);
    document.insert("refs".to_owned(), json!({"main": branch(4)}));
    assert_eq!(unmet(&document, &[at("main", Some(4))]), None);
}

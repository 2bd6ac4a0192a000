//! Manifest lists and manifests that say what is not so.

use apache_avro::types::Value;
use apache_avro::{Reader, Writer};
use frazil_table::TableError;
use frazil_table::deletes::DeleteIndex;
use frazil_table::file::FileEntry;
use frazil_table::manifest::{ManifestContent, live_files};

use super::copy::{Copy, Kind, name};
use super::{assert_corrupt, assert_unsupported, check_message, table_error, wait};

type Fields = Vec<(String, Value)>;

/// Writes an avro file of a table anew, with every record changed.
async fn rewrite(copy: &Copy, path: &str, change: &mut impl FnMut(&mut Fields)) {
    let content = copy.content(path).clone();
    let reader = Reader::new(&content[..]).unwrap();
    let schema = reader.writer_schema().clone();
    let mut writer = Writer::new(&schema, Vec::new());
    for record in reader {
        let Value::Record(mut fields) = record.unwrap() else { panic!("no record") };
        change(&mut fields);
        writer.append(Value::Record(fields)).unwrap();
    }
    copy.write(path, writer.into_inner().unwrap()).await;
}

/// The newest snapshot's manifest list, or all its manifests of a kind.
async fn avro_files(copy: &Copy, kind: Kind) -> Vec<String> {
    match kind {
        Kind::DataManifest => copy.manifests(ManifestContent::Data).await,
        Kind::DeleteManifest => copy.manifests(ManifestContent::Deletes).await,
        kind => vec![copy.file(kind).await],
    }
}

/// The value behind a name, inside its union if it is in one.
fn value<'a>(fields: &'a mut Fields, name: &str) -> &'a mut Value {
    let (_, value) = fields.iter_mut().find(|(field, _)| field == name).unwrap_or_else(|| panic!("no field {name}"));
    match value {
        Value::Union(_, inner) => inner,
        value => value,
    }
}

fn set(fields: &mut Fields, name: &str, new: Value) {
    *value(fields, name) = new;
}

fn add(fields: &mut Fields, name: &str, n: i64) {
    match value(fields, name) {
        Value::Int(value) => *value += i32::try_from(n).unwrap(),
        Value::Long(value) => *value += n,
        other => panic!("{name} is {other:?}"),
    }
}

/// Puts a value into an optional field that may be null.
fn set_optional(fields: &mut Fields, name: &str, new: Value) {
    let (_, value) = fields.iter_mut().find(|(field, _)| field == name).unwrap();
    *value = Value::Union(1, Box::new(new));
}

fn data_file(fields: &mut Fields) -> &mut Fields {
    match value(fields, "data_file") {
        Value::Record(fields) => fields,
        other => panic!("data_file is {other:?}"),
    }
}

fn text(fields: &mut Fields, name: &str) -> String {
    match value(fields, name) {
        Value::String(text) => text.clone(),
        other => panic!("{name} is {other:?}"),
    }
}

/// A copy of `table` in whose files of this kind every record was changed, and the first of those files.
fn lying(table: &str, kind: Kind, mut change: impl FnMut(&mut Fields)) -> (Copy, String) {
    wait(async {
        let copy = Copy::of(table).await;
        let before = copy.rows().await.unwrap();
        let paths = avro_files(&copy, kind).await;
        for path in &paths {
            rewrite(&copy, path, &mut |_| {}).await;
        }
        assert_eq!(copy.rows().await.unwrap(), before, "written anew without a lie");
        for path in &paths {
            rewrite(&copy, path, &mut change).await;
        }
        (copy, paths[0].clone())
    })
}

#[test]
fn a_manifest_list_that_lies_about_files_is_corrupt() {
    for (count, lie, word) in [
        ("added_files_count", -1, "added"),
        ("added_files_count", 1, "added"),
        ("existing_files_count", 1, "existing"),
        ("deleted_files_count", 1, "deleted"),
    ] {
        let mut manifest = String::new();
        let (copy, _) = lying("mor_pos_part", Kind::ManifestList, |fields| {
            let has_added = *value(fields, "added_files_count") != Value::Int(0);
            if manifest.is_empty() && has_added {
                manifest = text(fields, "manifest_path");
                add(fields, count, lie);
            }
        });
        assert_corrupt(wait(copy.rows()), name(&manifest), &[name(&manifest), word, "its manifest list says"]);
    }
}

#[test]
fn a_manifest_that_is_said_to_hold_nothing_is_looked_at() {
    let (copy, _) = lying("many_small", Kind::ManifestList, |fields| {
        for count in ["added_files_count", "existing_files_count", "deleted_files_count"] {
            set(fields, count, Value::Int(0));
        }
    });
    for outcome in [wait(copy.rows()).map(drop), wait(copy.changes()).map(drop)] {
        assert_corrupt(outcome, "-m", &["its manifest list says `0`"]);
    }
}

#[test]
fn counts_that_cannot_be_added_up_are_corrupt() {
    for count in ["added_rows_count", "existing_rows_count"] {
        let (copy, _) = lying("many_small", Kind::ManifestList, |fields| set(fields, count, Value::Long(i64::MAX)));
        // Rows are counted nowhere: what the files say decides.
        wait(copy.rows()).unwrap();
        wait(copy.changes()).unwrap();
    }
    let (copy, list) = lying("many_small", Kind::ManifestList, |fields| {
        set(fields, "added_files_count", Value::Int(-1));
    });
    assert_corrupt(wait(copy.rows()), name(&list), &["added_files_count", "negative"]);
}

#[test]
fn a_manifest_that_lies_about_a_data_file_is_corrupt() {
    for (field, lie, cause) in [
        ("record_count", 1, "rows, the manifest says"),
        ("record_count", -1, "rows, the manifest says"),
        ("record_count", i64::MAX / 2, "rows, the manifest says"),
        ("file_size_in_bytes", 1, "bytes, the manifest says"),
        ("file_size_in_bytes", -1, "bytes, the manifest says"),
    ] {
        let mut files = Vec::new();
        let (copy, _) = lying("types_all", Kind::DataManifest, |fields| {
            let file = data_file(fields);
            files.push(text(file, "file_path"));
            add(file, field, lie);
        });
        assert_corrupt(wait(copy.rows()), name(&files[0]), &[name(&files[0]), cause]);
    }
}

#[test]
fn negative_counts_are_corrupt() {
    for field in ["record_count", "file_size_in_bytes"] {
        let (copy, manifest) = lying("types_all", Kind::DataManifest, |fields| {
            set(data_file(fields), field, Value::Long(-5));
        });
        assert_corrupt(wait(copy.rows()), name(&manifest), &[field, "negative"]);
    }
}

#[test]
fn a_manifest_that_lies_about_a_delete_file_is_corrupt() {
    for (table, kind) in [("eq_upsert", Kind::EqualityDeletes), ("mor_pos_part", Kind::PositionDeletes)] {
        for (field, lie) in [("record_count", 1), ("record_count", i64::MAX / 2), ("file_size_in_bytes", -1)] {
            let (copy, _) = lying(table, Kind::DeleteManifest, |fields| add(data_file(fields), field, lie));
            let error = table_error(wait(copy.rows())).unwrap();
            assert!(matches!(error, TableError::Corrupt { .. }), "{kind:?} {field} {lie}: {error:?}");
            check_message(&error, &["the manifest says"]).unwrap();
        }
    }
}

#[test]
fn delete_files_with_more_rows_than_can_be_counted_are_corrupt() {
    let (copy, _) = lying("eq_random", Kind::DeleteManifest, |fields| {
        set(data_file(fields), "record_count", Value::Long(i64::MAX));
    });
    for outcome in [wait(copy.rows()).map(drop), wait(copy.changes()).map(drop)] {
        let error = table_error(outcome).unwrap();
        assert!(matches!(error, TableError::Corrupt { .. }), "{error:?}");
        check_message(&error, &["the manifest says"]).unwrap();
    }
}

#[test]
fn a_deletion_vector_that_is_not_what_the_manifest_says_is_corrupt() {
    for (field, lie, cause) in [
        ("record_count", 1, "positions, its manifest says"),
        ("content_offset", 1, "deletion vector: "),
        ("content_offset", 1 << 40, "are needed but the file has"),
        ("content_size_in_bytes", 1, "deletion vector: "),
        ("content_size_in_bytes", -1, "deletion vector: "),
        ("content_size_in_bytes", 1 << 20, "are needed but the file has"),
        ("content_size_in_bytes", i64::MAX / 2, "at most"),
    ] {
        let mut vector = String::new();
        let (copy, _) = lying("upsert_v3", Kind::DeleteManifest, |fields| {
            let file = data_file(fields);
            if text(file, "file_format").eq_ignore_ascii_case("puffin") {
                // Flink names them like the data files.
                vector = text(file, "file_path");
                add(file, field, lie);
            }
        });
        assert!(!vector.is_empty(), "no vector in the manifest");
        let error = table_error(wait(copy.rows())).unwrap();
        assert!(matches!(error, TableError::Corrupt { .. }), "{field} {lie}: {error:?}");
        check_message(&error, &[cause]).unwrap();
    }
}

#[test]
fn a_deletion_vector_without_a_place_or_a_data_file_is_corrupt() {
    for (field, cause) in [
        ("content_offset", "no content offset"),
        ("content_size_in_bytes", "no content offset"),
        ("referenced_data_file", "does not name its data file"),
    ] {
        let (copy, _) = lying("upsert_v3", Kind::DeleteManifest, |fields| {
            let file = data_file(fields);
            let (_, value) = file.iter_mut().find(|(name, _)| name == field).unwrap();
            *value = Value::Union(0, Box::new(Value::Null));
        });
        let error = table_error(wait(copy.rows())).unwrap();
        assert!(matches!(error, TableError::Corrupt { .. }), "{field}: {error:?}");
        check_message(&error, &["deletion vector", cause]).unwrap();
    }
}

#[test]
fn positions_beyond_the_end_of_a_data_file_are_corrupt() {
    for table in ["mor_pos_part", "upsert_v3", "v3_dv"] {
        // Either the data manifest or the delete file is wrong: no row may be shown before that is clear.
        let victim = wait(first_deleted_from(table));
        let (copy, _) = lying(table, Kind::DataManifest, |fields| {
            let file = data_file(fields);
            if text(file, "file_path") == victim {
                set(file, "record_count", Value::Long(0));
            }
        });
        assert_corrupt(wait(copy.rows()), "", &["it deletes position", &victim, "which has `0` rows"]);
    }
}

/// The first data file of the newest snapshot from which something is deleted by position.
async fn first_deleted_from(table: &str) -> String {
    let table = Copy::of(table).await.load().await.unwrap();
    let live = live_files(&table, table.metadata().current_snapshot().unwrap()).await.unwrap();
    let index = DeleteIndex::new(&table, &live.deletes).unwrap();
    let is_deleted_from = |file: &&std::sync::Arc<FileEntry>| {
        let deletes = index.for_file(&table, file);
        deletes.equality.is_empty() && (deletes.vector.is_some() || !deletes.positions.is_empty())
    };
    live.data.iter().find(is_deleted_from).unwrap().path.to_string()
}

#[test]
fn two_deletion_vectors_of_one_file_are_corrupt() {
    let mut first = None;
    let (copy, _) = lying("upsert_v3", Kind::DeleteManifest, |fields| {
        let file = data_file(fields);
        if text(file, "file_format").eq_ignore_ascii_case("puffin") {
            let referenced = text(file, "referenced_data_file");
            let first = first.get_or_insert(referenced);
            set(file, "referenced_data_file", Value::String(first.clone()));
        }
    });
    assert_corrupt(wait(copy.rows()), ".parquet", &["two deletion vectors"]);
}

#[test]
fn an_equality_delete_of_an_unknown_column_is_corrupt() {
    for (ids, cause) in [(vec![Value::Int(999)], "field id `999`"), (vec![], "names no columns")] {
        let (copy, _) = lying("eq_upsert", Kind::DeleteManifest, |fields| {
            let file = data_file(fields);
            if *value(file, "content") == Value::Int(2) {
                set(file, "equality_ids", Value::Array(ids.clone()));
            }
        });
        let error = table_error(wait(copy.rows())).unwrap();
        assert!(matches!(error, TableError::Corrupt { .. }), "{error:?}");
        check_message(&error, &[cause]).unwrap();
    }
}

#[test]
fn a_manifest_of_another_kind_than_its_list_says_is_corrupt() {
    let (copy, _) = lying("mor_pos_part", Kind::ManifestList, |fields| {
        let Value::Int(content) = *value(fields, "content") else { panic!("content") };
        set(fields, "content", Value::Int(1 - content));
    });
    assert_corrupt(wait(copy.rows()), "-m", &["a data manifest lists a delete file"]);
}

#[test]
fn numbers_that_stand_for_nothing_are_corrupt() {
    let (copy, list) = lying("mor_pos_part", Kind::ManifestList, |fields| set(fields, "content", Value::Int(5)));
    assert_corrupt(wait(copy.rows()), name(&list), &["manifest content `5`"]);
    let (copy, _) = lying("mor_pos_part", Kind::ManifestList, |fields| {
        set(fields, "partition_spec_id", Value::Int(55));
    });
    assert_corrupt(wait(copy.rows()), "-m", &["partition spec `55`"]);
    let (copy, manifest) = lying("mor_pos_part", Kind::DataManifest, |fields| set(fields, "status", Value::Int(3)));
    assert_corrupt(wait(copy.rows()), name(&manifest), &["entry status `3`"]);
    let (copy, manifest) = lying("mor_pos_part", Kind::DataManifest, |fields| {
        set(data_file(fields), "content", Value::Int(9));
    });
    assert_corrupt(wait(copy.rows()), name(&manifest), &["file content `9`"]);
    let (copy, manifest) = lying("mor_pos_part", Kind::DataManifest, |fields| {
        set(data_file(fields), "file_format", Value::String("csv".to_owned()));
    });
    assert_corrupt(wait(copy.rows()), name(&manifest), &["file format `csv`"]);
}

#[test]
fn a_file_that_is_in_another_format_than_the_manifest_says_is_refused() {
    for (format, cause) in [("AVRO", "avro"), ("ORC", "no orc file"), ("PUFFIN", "puffin")] {
        let (copy, _) = lying("types_all", Kind::DataManifest, |fields| {
            set(data_file(fields), "file_format", Value::String(format.to_owned()));
        });
        assert_corrupt(wait(copy.rows()), ".parquet", &[cause]);
    }
    wait(async {
        let copy = Copy::of("upsert_v3").await;
        let data = copy.file(Kind::Data).await;
        let vector = copy.file(Kind::DeletionVector).await;
        let content = copy.content(&vector).clone();
        copy.write(&data, content).await;
        assert_corrupt(copy.rows().await, name(&data), &["bytes, the manifest says"]);
    });
}

#[test]
fn encrypted_files_are_refused() {
    for (kind, field) in [(Kind::ManifestList, true), (Kind::DataManifest, false)] {
        let (copy, _) = lying("mor_pos_part", kind, |fields| {
            let fields = if field { fields } else { data_file(fields) };
            set_optional(fields, "key_metadata", Value::Bytes(vec![1]));
        });
        assert_unsupported(wait(copy.rows()), "", &["encrypted"]);
    }
}

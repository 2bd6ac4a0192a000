//! Requests that a table cannot answer.

use frazil_reader::{At, From, Mode, ReadError, ReadOptions, RowsOptions, SchemaMode, To, read_changes, read_rows};
use frazil_table::{Advice, SnapshotId, Table, TableError};

use super::{check_message, wait};
use crate::read;

const NOBODY: i64 = 4_711;

fn open(name: &str) -> Table {
    wait(read::open(frazil_fixtures::table(name)))
}

fn rows_error(table: &Table, options: RowsOptions) -> TableError {
    match wait(read_rows(table, options)) {
        Err(ReadError::Table(error)) => error,
        other => panic!("{other:?}"),
    }
}

fn changes_error(table: &Table, options: ReadOptions) -> TableError {
    match wait(read_changes(table, options)) {
        Err(ReadError::Table(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// The request is wrong; the message says what, and `remedy` what would be right.
fn assert_invalid(error: &TableError, names: &[&str]) {
    assert!(matches!(error, TableError::InvalidRequest { .. }), "{error:?}");
    assert_eq!((error.advice(), error.code()), (Advice::FixRequest, "INVALID_ARGUMENT"));
    check_message(error, names).unwrap();
}

#[test]
fn an_unknown_column_is_named_with_those_there_are() {
    let table = open("mor_pos");
    let columns = Some(vec!["id".to_owned(), "nope".to_owned()]);
    let names = ["`nope`", "mor_pos", "id, "];
    assert_invalid(&rows_error(&table, RowsOptions { columns: columns.clone(), ..RowsOptions::default() }), &names);
    assert_invalid(&changes_error(&table, ReadOptions { columns, ..ReadOptions::default() }), &names);
    let key = Some(vec!["nope".to_owned()]);
    assert_invalid(&changes_error(&table, ReadOptions { key, ..ReadOptions::default() }), &names);
}

#[test]
fn an_unknown_snapshot_tag_branch_or_schema_is_named_with_where_to_look() {
    let table = open("refs");
    for at in [At::Snapshot(SnapshotId::new(NOBODY)), At::Tag("4711".to_owned())] {
        let error = rows_error(&table, RowsOptions { at, ..RowsOptions::default() });
        assert_invalid(&error, &["`4711`", "frazil inspect"]);
    }
    let branch = || "4711".to_owned();
    let rows = RowsOptions { branch: branch(), ..RowsOptions::default() };
    assert_invalid(&rows_error(&table, rows), &["`4711`", "frazil inspect"]);
    let changes = ReadOptions { branch: branch(), ..ReadOptions::default() };
    assert_invalid(&changes_error(&table, changes), &["`4711`", "frazil inspect"]);
    let tag = ReadOptions { from: From::Tag("4711".to_owned()), ..ReadOptions::default() };
    assert_invalid(&changes_error(&table, tag), &["`4711`", "frazil inspect"]);
    let schema = RowsOptions { schema: SchemaMode::Pinned(4711), ..RowsOptions::default() };
    assert_invalid(&rows_error(&table, schema), &["`4711`", "it has 0"]);
}

#[test]
fn a_start_that_the_table_does_not_have_has_expired() {
    let table = open("refs");
    for from in [From::SnapshotInclusive, From::SnapshotExclusive] {
        let error =
            changes_error(&table, ReadOptions { from: from(SnapshotId::new(NOBODY)), ..ReadOptions::default() });
        assert!(matches!(error, TableError::SnapshotExpired { .. }), "{error:?}");
        check_message(&error, &["`4711`", "oldest"]).unwrap();
    }
}

#[test]
fn a_range_that_ends_before_it_starts_is_refused() {
    let fixture = frazil_fixtures::table("mor_pos");
    let id = |index: usize| SnapshotId::new(fixture.snapshots[index].snapshot_id);
    let options =
        ReadOptions { from: From::SnapshotExclusive(id(3)), to: To::Snapshot(id(1)), ..ReadOptions::default() };
    assert_invalid(&changes_error(&open("mor_pos"), options), &["ends before it starts", "--from"]);
}

#[test]
fn a_time_before_the_first_snapshot_is_refused() {
    let error = rows_error(&open("mor_pos"), RowsOptions { at: At::Timestamp(0), ..RowsOptions::default() });
    assert_invalid(&error, &["as old as that time", "frazil inspect"]);
}

#[test]
fn a_table_without_snapshots_has_no_changes_and_no_snapshot_to_start_from() {
    let table = open("empty");
    for mode in [Mode::Append, Mode::Changelog] {
        for from in [From::Earliest, From::Latest, From::Full, From::Timestamp(0)] {
            let mut stream = wait(read_changes(&table, ReadOptions { mode, from, ..ReadOptions::default() })).unwrap();
            assert!(wait(stream.next()).unwrap().is_none());
        }
    }
    let from = From::SnapshotExclusive(SnapshotId::new(NOBODY));
    let error = changes_error(&table, ReadOptions { from, ..ReadOptions::default() });
    assert_invalid(&error, &["`4711`", "has none"]);
    let error = rows_error(&table, RowsOptions { at: At::Tag("t".to_owned()), ..RowsOptions::default() });
    assert_invalid(&error, &["`t`"]);
}

#[test]
fn a_table_without_a_key_has_changes_that_are_not_paired() {
    let table = open("ops");
    let mut stream = wait(read_changes(&table, ReadOptions::default())).unwrap();
    assert!(stream.header().key.is_empty());
    let mut n_changes = 0;
    while let Some(event) = wait(stream.next()).unwrap() {
        if let frazil_reader::Event::Changes(batch) = event {
            n_changes += batch.operations.len();
            assert!(batch.operations.iter().all(|operation| !operation.as_str().starts_with("UPDATE")));
        }
    }
    assert!(n_changes > 0);
}

#[test]
fn a_nested_column_can_be_no_part_of_a_key() {
    let key = Some(vec!["s".to_owned()]);
    let table = open("types_all");
    let nested =
        table.metadata().current_schema().as_struct().fields().iter().find(|field| field.field_type.is_struct());
    let key = nested.map(|field| vec![field.name.clone()]).or(key);
    assert_invalid(&changes_error(&table, ReadOptions { key, ..ReadOptions::default() }), &["nested"]);
}

#[test]
fn memory_that_is_too_small_for_anything_is_refused_or_enough() {
    let fixture = frazil_fixtures::table("eq_upsert");
    let table = open("eq_upsert");
    for memory_limit_bytes in [0, 1, 64] {
        let options = RowsOptions { memory_limit_bytes, ..RowsOptions::default() };
        match wait(read::rows(&table, fixture.schema(fixture.current_schema_id), options)) {
            Ok(rows) => assert_eq!(rows, fixture.expected_rows(fixture.snapshots.last().unwrap())),
            Err(read::Failure::Read(ReadError::Table(error))) => {
                assert!(matches!(error, TableError::MemoryLimit { .. }), "{error:?}");
                check_message(&error, &["limit"]).unwrap();
            }
            Err(other) => panic!("{other}"),
        }
    }
}

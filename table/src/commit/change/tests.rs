#![allow(clippy::unwrap_used)]

use rstest::rstest;

use super::*;

fn file(path: &str) -> WrittenFile {
    WrittenFile::bare(FileContent::Data, path, 1)
}

fn reference(path: &str) -> FileRef {
    FileRef {
        path: path.into(),
        offset: None,
        content: FileContent::Data,
        spec_id: SpecId::new(0),
        partition: PartitionTuple::default(),
        first_row_id: None,
    }
}

fn rewrite(number: Option<i64>) -> SnapshotChange {
    let check = RewriteCheck { starting_sequence_number: 7, ..RewriteCheck::default() };
    let added = AddedFile {
        data_sequence_number: number.map(DataSequenceNumber::new),
        inputs_sequence_number_max: Some(DataSequenceNumber::new(4)),
        ..AddedFile::from(file("/new"))
    };
    SnapshotChange::rewrite(vec![added], vec![reference("/old")], check)
}

/// Below, rows written anew after a delete vanish; above, deletes committed meanwhile miss the rows.
#[rstest]
#[case(Some(4), true)]
#[case(Some(7), true)]
#[case(Some(3), false)]
#[case(Some(8), false)]
#[case(None, false)]
fn a_rewritten_file_keeps_a_number_between_its_inputs_and_the_snapshot(
    #[case] number: Option<i64>,
    #[case] is_safe: bool,
) {
    assert_eq!(rewrite(number).check().is_ok(), is_safe);
}

#[test]
fn a_file_is_named_once() {
    let twice = SnapshotChange::append([file("file:/a"), file("/a")]).check().unwrap_err().to_string();
    assert_eq!(twice, "a file is added twice, path=`/a`");
    let both = SnapshotChange::overwrite([file("/a")], vec![reference("file:///a")]).check().unwrap_err();
    assert_eq!(both.to_string(), "a file is removed twice, or added and removed, path=`file:///a`");
}

#[test]
fn operations_are_named_as_java_names_them() {
    let deletes = || WrittenFile { content: FileContent::EqualityDeletes, ..file("/d") };
    let operation = |files: Vec<WrittenFile>, removed| SnapshotChange::row_delta(files, Vec::new(), removed).operation;
    assert_eq!(operation(vec![file("/a")], Vec::new()), Operation::Append);
    assert_eq!(operation(vec![deletes()], Vec::new()), Operation::Delete);
    assert_eq!(operation(vec![file("/a"), deletes()], Vec::new()), Operation::Overwrite);
    assert_eq!(operation(vec![deletes()], vec![reference("/v")]), Operation::Delete);
    assert_eq!(operation(vec![file("/a")], vec![reference("/v")]), Operation::Overwrite);
    assert_eq!(SnapshotChange::overwrite([], vec![reference("/v")]).operation, Operation::Delete);
}

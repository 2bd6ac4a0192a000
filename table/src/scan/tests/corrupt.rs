#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use arrow_array::{Int32Array, StringArray};
use arrow_schema::DataType;
use bytes::Bytes;
use iceberg::spec::PrimitiveType;
use parquet::file::properties::WriterProperties;
use rstest::rstest;

use super::{TestFile, batch, id, optional, write};
use crate::TableError;

fn file() -> TestFile {
    let columns = || {
        batch(vec![
            (id(1, "a", DataType::Int32), Arc::new(Int32Array::from_iter_values(0..100))),
            (id(2, "s", DataType::Utf8), Arc::new(StringArray::from_iter_values((0..100).map(|n| n.to_string())))),
        ])
    };
    let bytes = write(&[columns(), columns()], WriterProperties::builder().set_bloom_filter_enabled(true).build());
    TestFile::new(bytes, 200)
        .schema(vec![optional(1, "a", PrimitiveType::Int), optional(2, "s", PrimitiveType::String)])
}

#[tokio::test]
async fn a_manifest_that_lies_about_counts_is_an_error_with_both_numbers() {
    let mut rows = file();
    rows.entry.record_count = 201;
    let error = rows.error().await;
    assert!(error.contains("has `200` rows") && error.contains("says `201`"), "{error}");
    for lie in [-100_i64, 100] {
        let mut size = file();
        let actual = size.entry.file_size_bytes;
        size.entry.file_size_bytes = actual.checked_add_signed(lie).unwrap();
        let error = size.error().await;
        assert!(error.contains(&actual.to_string()), "{error}");
        assert!(error.contains(&size.entry.file_size_bytes.to_string()), "{error}");
    }
}

#[tokio::test]
async fn encrypted_files_are_refused() {
    let mut flagged = file();
    flagged.entry.is_encrypted = true;
    assert!(flagged.error().await.contains("encrypted"));
    let mut marked = file();
    let mut bytes = marked.bytes.to_vec();
    let end = bytes.len();
    bytes[end - 4..].copy_from_slice(b"PARE");
    marked.bytes = bytes.into();
    let error = marked.rows().await.unwrap_err();
    assert_eq!(error.code(), "UNSUPPORTED");
}

#[rstest]
#[case::footer_and_columns(include_bytes!("data/encrypted_footer.parquet"))]
#[case::a_column(include_bytes!("data/encrypted_column.parquet"))]
#[tokio::test]
async fn what_another_library_encrypted_is_refused_in_one_line(#[case] bytes: &'static [u8]) {
    let encrypted = TestFile::new(Bytes::from_static(bytes), 3).schema(vec![optional(1, "a", PrimitiveType::Int)]);
    let error = encrypted.rows().await.unwrap_err();
    assert_eq!(error.code(), "UNSUPPORTED");
    let expected = "not supported, path=`memory://bucket/data/f.parquet`: the file is encrypted; \
                    encrypted files cannot be read yet";
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn a_missing_file_is_named() {
    let file = file();
    let entry = Arc::new(file.entry.clone());
    let error = crate::scan::FileReader::open(&file.table(), &entry).await.unwrap_err();
    assert!(matches!(error, TableError::FileMissing { .. }), "{error}");
}

#[tokio::test]
async fn every_cut_is_an_error() {
    let whole = file();
    for length in (0..whole.bytes.len()).step_by(17) {
        let mut cut = file();
        cut.bytes = whole.bytes.slice(..length);
        cut.entry.file_size_bytes = length as u64;
        cut.error().await;
    }
}

#[tokio::test]
async fn no_damaged_byte_ends_the_process() {
    let whole = file();
    let mut n_refused = 0;
    for position in (0..whole.bytes.len()).rev().step_by(3) {
        for damage in [0xff, 0x01, 0x80] {
            let mut bytes = whole.bytes.to_vec();
            bytes[position] ^= damage;
            let mut damaged = file();
            damaged.bytes = Bytes::from(bytes);
            match damaged.rows().await {
                Ok(rows) => assert_eq!(rows.len(), 200),
                Err(TableError::Internal { detail }) => panic!("byte `{position}`: {detail}"),
                Err(_) => n_refused += 1,
            }
        }
    }
    assert!(n_refused > 100, "`{n_refused}`");
}

#[tokio::test]
async fn a_footer_longer_than_the_file_is_an_error() {
    let mut lying = file();
    let mut bytes = lying.bytes.to_vec();
    let end = bytes.len();
    bytes[end - 8..end - 4].copy_from_slice(&u32::MAX.to_le_bytes());
    lying.bytes = bytes.into();
    assert!(lying.error().await.contains("footer claims"));
}

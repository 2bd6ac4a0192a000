//! Files that were deleted behind the table's back.

use frazil_table::TableError;

use super::copy::{Copy, Kind, name};
use super::{check_message, table_error, wait};

#[test]
fn a_missing_file_of_any_kind_is_named() {
    wait(async {
        let mut n_kinds = 0;
        for table in ["upsert_v3", "mor_pos_part"] {
            let copy = Copy::of(table).await;
            for (kind, path) in copy.files().await {
                if kind == Kind::Metadata {
                    continue;
                }
                copy.remove(&path);
                let error = table_error(copy.rows().await).unwrap();
                assert!(matches!(error, TableError::FileMissing { .. }), "{table} {kind:?}: {error:?}");
                check_message(&error, &[name(&path), "missing"]).unwrap();
                copy.restore(&path).await;
                n_kinds += 1;
            }
        }
        assert_eq!(n_kinds, 6 + 5);
    });
}

#[test]
fn a_missing_file_ends_a_change_stream_with_its_name() {
    wait(async {
        let copy = Copy::of("upsert_v3").await;
        let path = copy.file(Kind::Data).await;
        copy.remove(&path);
        let error = table_error(copy.changes().await).unwrap();
        assert!(matches!(error, TableError::FileMissing { .. }), "{error:?}");
        check_message(&error, &[name(&path)]).unwrap();
    });
}

#[test]
fn a_table_without_its_metadata_file_is_not_found() {
    wait(async {
        let copy = Copy::of("mor_pos").await;
        copy.remove(&copy.metadata());
        let error = copy.load().await.unwrap_err();
        assert!(matches!(error, TableError::TableNotFound { .. }), "{error:?}");
        check_message(&error, &[name(&copy.metadata()), "no such metadata file"]).unwrap();
    });
}

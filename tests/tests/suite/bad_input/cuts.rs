//! Files that end too early.

use frazil_table::TableError;

use super::copy::{Copy, Kind, name};
use super::{check_message, table_error, wait};
use crate::report::Report;

/// Cuts of each file, spread over its length.
const N_CUTS: usize = 60;

/// Every cut within this many bytes of either end: headers and trailers are there.
const N_CUTS_AT_ENDS: usize = 12;

fn cuts(length: usize) -> impl Iterator<Item = usize> {
    let step = length.div_ceil(N_CUTS).max(1);
    (0..length).filter(move |cut| cut.is_multiple_of(step) || *cut < N_CUTS_AT_ENDS || length - cut <= N_CUTS_AT_ENDS)
}

#[test]
fn a_file_cut_anywhere_is_corrupt_or_loses_nothing() {
    let mut report = Report::new("cut files");
    for table in [
        "upsert_v3",
        "mor_pos_part",
        "gzip_meta",
        "types_all",
        "schema_evo",
        "many_small",
        "eq_avro",
        "avro_types_v3",
        "avro_zstd",
        "eq_orc",
        "orc_types_v3",
        "orc_snappy",
        "mixed_formats",
    ] {
        wait(async {
            let copy = Copy::of(table).await;
            let whole = copy.rows().await.unwrap();
            for (kind, path) in copy.files().await {
                report.count("files", 1);
                let content = copy.content(&path).clone();
                for cut in cuts(content.len()) {
                    report.count("cuts", 1);
                    copy.write(&path, content.slice(..cut)).await;
                    let place = format!("{table} {kind:?} {} at {cut} of {}", name(&path), content.len());
                    match copy.rows().await {
                        // What was cut off says nothing about rows: the footer of a puffin file.
                        Ok(rows) if kind == Kind::DeletionVector && rows == whole => report.count("read", 1),
                        Ok(rows) => report.fail(place, format!("{} rows of {}", rows.len(), whole.len())),
                        failed => report.check(place, table_error(failed).and_then(|error| corrupt(&error, &path))),
                    }
                }
                copy.restore(&path).await;
            }
            assert_eq!(copy.rows().await.unwrap(), whole);
        });
    }
    report.finish();
}

fn corrupt(error: &TableError, path: &str) -> Result<(), String> {
    match error {
        TableError::Corrupt { .. } => check_message(error, &[name(path)]),
        other => Err(format!("another error: {other:?}")),
    }
}

#[test]
fn a_manifest_list_without_its_records_is_corrupt() {
    wait(async {
        let copy = Copy::of("mor_pos_part").await;
        let list = copy.file(Kind::ManifestList).await;
        let content = copy.content(&list);
        // An avro file is a header that ends in a sync marker, then blocks that end in the same marker.
        let marker = content.slice(content.len() - 16..);
        let header_end = content.windows(16).position(|window| window == marker).unwrap() + 16;
        assert!(header_end < content.len());
        copy.write(&list, content.slice(..header_end)).await;
        super::assert_corrupt(copy.rows().await, name(&list), &["lists no manifests", "total-data-files"]);
    });
}

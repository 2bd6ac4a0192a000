//! Table metadata: parsed, and what every read derives from it first.

use frazil_table::lineage::Lineage;
use frazil_table::scan::Projection;
use frazil_table::storage::Storage;
use frazil_table::{Result, Table, parse_metadata};

use crate::verdict::check_error;

const PATH: &str = "memory://fuzz/v1.metadata.json";

/// Snapshots whose lineage is followed.
const HEADS_MAX: usize = 8;

pub(crate) fn run(data: &[u8]) {
    if let Err(error) = use_metadata(data) {
        check_error(&error, PATH);
    }
}

fn use_metadata(data: &[u8]) -> Result<()> {
    let (metadata, foreign) = parse_metadata(data, PATH)?;
    let table = Table::new("fuzz", metadata, PATH, Storage::local(), foreign)?;
    let metadata = table.metadata();
    let of_heads = metadata.snapshots().take(HEADS_MAX).map(|head| Lineage::of_head(metadata, PATH, head));
    for lineage in of_heads.chain([Lineage::of_branch(metadata, PATH, frazil_table::MAIN_BRANCH)]) {
        let lineage = match lineage {
            Ok(lineage) => lineage,
            Err(error) => {
                check_error(&error, PATH);
                continue;
            }
        };
        for (index, snapshot) in lineage.snapshots().iter().enumerate() {
            assert!(lineage.watermark_ms(index).is_some());
            if let Err(error) = table.schema_of(snapshot) {
                check_error(&error, PATH);
            }
        }
    }
    for schema in metadata.schemas_iter() {
        if let Err(error) = Projection::of_schema(&table, schema) {
            check_error(&error, "");
        }
    }
    Ok(())
}

/// Metadata of every version of every table, the larger ones left out: mutations of them are slow, and show
/// nothing that those of smaller ones do not.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = crate::fixture_files(|name| name.ends_with(".metadata.json"));
    seeds.retain(|seed| seed.len() < 12_000);
    seeds
}

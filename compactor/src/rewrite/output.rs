//! New files of a group.

use arrow_array::RecordBatch;
use frazil_table::Table;
use frazil_table::file::WrittenFile;
use frazil_table::scan::Projection;
use frazil_table::write::{DataFileWriter, WriteOptions};
use tokio::sync::mpsc::Receiver;

use super::checksum::{Checksum, Summing};
use super::{Memory, RewriteSettings, has_row_lineage};
use crate::Result;
use crate::options::Verify;
use crate::plan::FileGroup;

/// What was written.
#[derive(Debug)]
pub(super) struct Written {
    /// In the order in which rows were written.
    pub(super) files: Vec<WrittenFile>,
    /// Rows that were to be written.
    pub(super) n_rows: u64,
    /// Of those rows, if it is asked for.
    pub(super) checksum: Option<Checksum>,
}

/// Writes all rows that come, in their order.
///
/// # Errors
/// As for [`DataFileWriter`].
pub(super) async fn write_rows(
    table: &Table,
    group: &FileGroup,
    projection: &Projection,
    settings: &RewriteSettings,
    memory: Memory,
    mut rows: Receiver<RecordBatch>,
) -> Result<Written> {
    let mut options = WriteOptions::of(table)?
        .spec(group.spec_id)
        .target_file_size_bytes(group.target_file_size_bytes)
        .row_group_bytes_max(memory.row_group_bytes)
        .task(settings.part, settings.attempt);
    if has_row_lineage(table) {
        options = options.with_row_lineage();
    }
    let mut writer = DataFileWriter::new(table, &options)?;
    let mut n_rows = 0_u64;
    let is_summed = settings.verify == Verify::Checksum;
    let mut summing = is_summed.then(|| Summing::new(projection.arrow_schema())).transpose()?;
    while let Some(batch) = rows.recv().await {
        n_rows += batch.num_rows() as u64;
        if let Some(summing) = &mut summing {
            summing.add(&batch).await?;
        }
        writer.write_to(&group.partition, &batch).await?;
    }
    Ok(Written { files: writer.finish_in_order().await?, n_rows, checksum: summing.map(|summing| summing.total()) })
}

//! Do the outputs hold the rows that were read?

use std::sync::Arc;

use frazil_table::file::{EntryOrder, FileEntry, WrittenFile};
use frazil_table::scan::{FileReader, Projection, RowSelect};
use frazil_table::{SnapshotId, Table};

use super::checksum::{Checksum, Summing};
use super::internal;
use super::output::Written;
use crate::Result;
use crate::options::Verify;
use crate::plan::FileGroup;

/// Rows read back at once.
const BATCH_ROWS: usize = 8192;

/// What the live rows of the inputs come to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected {
    pub(super) n_rows: u64,
    /// If they were added up.
    pub(super) checksum: Option<Checksum>,
}

/// Compares what was written of `group` with what was read of its inputs. `projection` is that with which they were
/// read.
///
/// # Errors
/// [`TableError::Internal`] if rows are missing or others are there; else as for reading a file.
pub(super) async fn check(
    table: &Table,
    group: &FileGroup,
    projection: &Projection,
    written: &Written,
    expected: Expected,
    verify: Verify,
) -> Result<()> {
    let n_rows_live = expected.n_rows;
    // What costs nothing is always looked at.
    let n_rows_written = written.files.iter().map(|file| file.record_count).sum();
    same(group, "written", n_rows_live, written.n_rows)?;
    same(group, "in the outputs", n_rows_live, n_rows_written)?;
    if verify == Verify::Off {
        return Ok(());
    }
    let mut n_rows_stored = 0;
    let mut summing = expected.checksum.map(|_| Summing::new(projection.arrow_schema())).transpose()?;
    for file in &written.files {
        // Opening compares the footer with what was said of the file.
        let reader = FileReader::open(table, &entry_of(group, file)).await?;
        n_rows_stored += reader.row_groups().iter().map(|row_group| row_group.n_rows).sum::<u64>();
        if let Some(summing) = &mut summing {
            let mut batches = reader.read(projection, RowSelect::default(), BATCH_ROWS);
            while let Some(batch) = batches.next().await? {
                summing.add(&batch.batch).await?;
            }
        }
    }
    same(group, "in the footers of the outputs", n_rows_live, n_rows_stored)?;
    match (expected.checksum, summing) {
        (Some(checksum), Some(summing)) if summing.total() != checksum => {
            Err(internal(format!("the outputs of file group `{}` do not hold the rows read", group.id)))
        }
        _ => Ok(()),
    }
}

fn same(group: &FileGroup, place: &str, n_rows_live: u64, n_rows: u64) -> Result<()> {
    if n_rows == n_rows_live {
        return Ok(());
    }
    let id = group.id;
    Err(internal(format!("file group `{id}` has `{n_rows_live}` live rows, `{n_rows}` are {place}")))
}

/// The file as a commit of the group would list it.
fn entry_of(group: &FileGroup, file: &WrittenFile) -> Arc<FileEntry> {
    Arc::new(FileEntry {
        content: file.content,
        path: file.path.clone(),
        format: file.format,
        spec_id: file.spec_id,
        partition: file.partition.clone(),
        record_count: file.record_count,
        file_size_bytes: file.file_size_bytes,
        data_sequence_number: group.data_sequence_number,
        file_sequence_number: None,
        added_snapshot_id: SnapshotId::new(0),
        metrics: file.metrics.clone(),
        equality_ids: Vec::new(),
        referenced_data_file: None,
        content_range: None,
        first_row_id: None,
        is_encrypted: false,
        order: EntryOrder::default(),
    })
}

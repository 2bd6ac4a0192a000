//! Rewriting one file group: live rows of its inputs into new files.
//!
//! Reading ([`input`]) and writing ([`output`]) run side by side, a few batches apart. What was written is checked
//! ([`verify`]) before anybody can commit it.

mod checksum;
mod input;
mod output;
mod verify;

use std::sync::Arc;

use frazil_table::deletes::{FileWithDeletes, GroupDeletes, KeySetLimit, in_reading_order};
use frazil_table::scan::Projection;
use frazil_table::{Table, TableError};
use futures::future::try_join;
use iceberg::spec::FormatVersion;
use tokio::sync::mpsc;

use self::input::{ReadInput, read_inputs};
use self::output::write_rows;
use crate::Result;
use crate::options::{SortRows, Verify};
use crate::plan::FileGroup;
use crate::result::{GroupResult, RowMap};

/// Batches between reading and writing: enough to keep both busy where their speeds vary.
const BATCHES_BETWEEN: usize = 4;

/// How one file group is rewritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RewriteSettings {
    /// Order of the rows in the outputs.
    pub sort: SortRows,
    /// What is checked of the outputs.
    pub verify: Verify,
    /// Memory that this rewrite may take, in bytes.
    pub memory_limit_bytes: u64,
    /// A number for the names of the outputs: which of the rewrites of a run wrote them.
    pub part: u32,
    /// A number for the names of the outputs: which attempt it was.
    pub attempt: u64,
}

/// How the memory of a rewrite is divided.
#[derive(Debug, Clone, Copy)]
struct Memory {
    /// Keys of equality deletes.
    keys_bytes: u64,
    /// A row group that is being written.
    row_group_bytes: u64,
}

impl Memory {
    fn of(limit_bytes: u64) -> Self {
        Self { keys_bytes: limit_bytes / 4, row_group_bytes: limit_bytes / 4 }
    }
}

/// Writes the live rows of a group's inputs, all deletes applied, to new files in the table's current schema.
///
/// The inputs' rows keep their order, or are sorted within each output. In a table of format version 3 they keep their
/// `_row_id` and `_last_updated_sequence_number`. Nothing is committed. After an error, or if the call is dropped,
/// files that were finished before are orphans: no commit can know of them.
///
/// # Errors
/// [`TableError::Corrupt`] if a file is damaged or not the one that its manifest describes;
/// [`TableError::MemoryLimit`] if the limit is too small; [`TableError::Internal`] if the outputs do not hold the rows
/// that were read: do not commit, report it; else as for reading and writing.
pub async fn rewrite_group(table: &Table, group: &FileGroup, settings: &RewriteSettings) -> Result<GroupResult> {
    if settings.sort == SortRows::TableOrder && !table.metadata().default_sort_order().is_unsorted() {
        return Err(TableError::Unsupported {
            path: table.name().to_owned(),
            detail: "rows cannot be sorted yet; write them in write order".to_owned(),
        });
    }
    let memory = Memory::of(settings.memory_limit_bytes);
    let files: Vec<FileWithDeletes> =
        group.inputs.iter().map(|input| (input.file.clone(), input.deletes.clone())).collect();
    let _ahead = table.read_ahead(|| in_reading_order([files.as_slice()]));
    let deletes = Arc::new(GroupDeletes::load(table, &files, KeySetLimit { bytes_max: memory.keys_bytes }).await?);
    let mut projection = Projection::of_schema(table, table.metadata().current_schema())?;
    if has_row_lineage(table) {
        projection = projection.with_lineage();
    }

    let (rows_in, rows_out) = mpsc::channel(BATCHES_BETWEEN);
    let reading = read_inputs(table, &files, &deletes, &projection, rows_in);
    let writing = write_rows(table, group, &projection, settings, memory, rows_out);
    let (inputs, written) = try_join(reading, writing).await?;

    let n_rows_read: u64 = inputs.iter().map(|input| input.n_rows).sum();
    let n_rows_deleted: u64 = inputs.iter().map(|input| input.deleted.len()).sum();
    verify::check(table, group, &projection, n_rows_read - n_rows_deleted, &written, settings.verify).await?;
    let places = written.files.iter().map(|file| (file.path.clone(), file.record_count));
    let rows = RowMap::new(inputs.into_iter().map(ReadInput::into_parts), places);
    Ok(GroupResult {
        group_id: group.id,
        outputs: written.files,
        rows: Some(rows),
        n_rows_read,
        n_rows_deleted,
        n_row_groups_copied: 0,
    })
}

fn has_row_lineage(table: &Table) -> bool {
    table.metadata().format_version() >= FormatVersion::V3
}

fn internal(detail: impl Into<String>) -> TableError {
    TableError::Internal { detail: detail.into() }
}

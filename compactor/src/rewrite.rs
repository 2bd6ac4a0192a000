//! Rewriting one file group: live rows of its inputs into new files.
//!
//! Reading ([`input`]) and writing ([`output`]) run side by side, a few batches apart. What was written is checked
//! ([`verify`]) before anybody can commit it.

mod checksum;
mod input;
mod output;
mod verify;

use std::sync::Arc;

use async_recursion::async_recursion as boxed;
use frazil_table::commit::delete_unused;
use frazil_table::deletes::{FileWithDeletes, GroupDeletes, KeySetLimit, in_reading_order};
use frazil_table::scan::Projection;
use frazil_table::write::{RowSorter, WriteOptions, WrittenPaths};
use frazil_table::{Table, TableError};
use futures::future::join;
use iceberg::spec::FormatVersion;
use tokio::sync::mpsc;

use self::checksum::Summing;
use self::input::{Copying, InputReader, ReadInput};
use self::output::{write_pieces, write_sorted};
use self::verify::Expected;
use crate::Result;
use crate::options::{SortRows, Verify};
use crate::plan::FileGroup;
use crate::result::{GroupResult, RowMap};

/// Batches or row groups between reading and writing: enough to keep both busy where their speeds vary.
const PIECES_BETWEEN: usize = 4;

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
    /// Row groups that are being copied, or rows that are being sorted.
    shared_bytes: u64,
}

impl Memory {
    fn of(limit_bytes: u64) -> Self {
        Self { keys_bytes: limit_bytes / 4, row_group_bytes: limit_bytes / 4, shared_bytes: limit_bytes / 4 }
    }
}

/// Writes the live rows of a group's inputs, all deletes applied, to new files in the table's current schema.
///
/// The inputs' rows keep their order, or are sorted within each output. In a table of format version 3 they keep their
/// `_row_id` and `_last_updated_sequence_number`. Nothing is committed. After an error, the files that were finished
/// before are deleted: no commit can know of them. If the call is dropped, they are orphans.
///
/// # Errors
/// [`TableError::Corrupt`] if a file is damaged or not the one that its manifest describes;
/// [`TableError::MemoryLimit`] if the limit is too small; [`TableError::Internal`] if the outputs do not hold the rows
/// that were read: do not commit, report it; else as for reading and writing.
#[boxed]
pub async fn rewrite_group(table: &Table, group: &FileGroup, settings: &RewriteSettings) -> Result<GroupResult> {
    let paths = WrittenPaths::default();
    let result = rewrite(table, group, settings, &paths).await;
    if result.is_err() {
        delete_unused(table.storage(), table.name(), &paths.all()).await;
    }
    result
}

async fn rewrite(
    table: &Table,
    group: &FileGroup,
    settings: &RewriteSettings,
    paths: &WrittenPaths,
) -> Result<GroupResult> {
    let memory = Memory::of(settings.memory_limit_bytes);
    let files: Vec<FileWithDeletes> =
        group.inputs.iter().map(|input| (input.file.clone(), input.deletes.clone())).collect();
    let _ahead = table.read_ahead(|| in_reading_order([files.as_slice()]));
    let deletes = Arc::new(GroupDeletes::load(table, &files, KeySetLimit { bytes_max: memory.keys_bytes }).await?);
    let mut projection = Projection::of_schema(table, table.metadata().current_schema())?;
    if has_row_lineage(table) {
        projection = projection.with_lineage();
    }

    let mut options = WriteOptions::of(table)?
        .spec(group.spec_id)
        .target_file_size_bytes(group.target_file_size_bytes)
        .task(settings.part, settings.attempt)
        .remember_paths(paths);
    if has_row_lineage(table) {
        options = options.with_row_lineage();
    }
    let sorter = match settings.sort {
        SortRows::WriteOrder => None,
        SortRows::TableOrder => RowSorter::of_table(table, projection.arrow_schema())?,
    };
    let is_sorted = sorter.is_some();
    // A row group above the target would make a file above it, which the next plan would choose to be split again.
    let copied_bytes_max = if is_sorted { 0 } else { memory.shared_bytes.min(group.target_file_size_bytes) };
    let copying = Copying::new(&options, copied_bytes_max);
    let options = options.row_group_bytes_max(memory.row_group_bytes);
    let is_summed = settings.verify == Verify::Checksum;
    let summing = is_summed.then(|| Summing::new(projection.arrow_schema())).transpose()?;

    let (pieces, pieces_out) = mpsc::channel(PIECES_BETWEEN);
    let reader = InputReader { table, deletes, projection: &projection, copying, pieces, summing };
    let partition = &group.partition;
    let writing = async {
        match sorter {
            None => write_pieces(table, &options, partition, pieces_out).await,
            Some(sorter) => write_sorted(table, &options, partition, sorter, memory.shared_bytes, pieces_out).await,
        }
    };
    // Neither side is dropped while it works, so that no file is finished after the others have been deleted.
    let (read, written) = join(reader.read(files), writing).await;
    // Reading fails too if writing does. Where reading fails, writing ends without an error.
    let written = written?;
    let (inputs, summed) = read?;
    let written = written.ok_or_else(|| internal("rows were read that nobody has written"))?;

    let n_rows_read: u64 = inputs.iter().map(|input| input.n_rows).sum();
    let n_rows_deleted: u64 = inputs.iter().map(|input| input.deleted.len()).sum();
    let expected = Expected { n_rows: n_rows_read - n_rows_deleted, checksum: summed.map(|summed| summed.total()) };
    verify::check(table, group, &projection, &written, expected, settings.verify).await?;
    let places = written.files.iter().map(|file| (file.path.clone(), file.record_count));
    let rows = RowMap::new(inputs.into_iter().map(ReadInput::into_mapped), places);
    Ok(GroupResult {
        group_id: group.id,
        outputs: written.files,
        rows: (!is_sorted).then_some(rows),
        n_rows_read,
        n_rows_deleted,
        n_row_groups_copied: written.n_row_groups_copied,
    })
}

fn has_row_lineage(table: &Table) -> bool {
    table.metadata().format_version() >= FormatVersion::V3
}

fn internal(detail: impl Into<String>) -> TableError {
    TableError::Internal { detail: detail.into() }
}

//! Live rows of a group's inputs, one file after the other.

use std::sync::Arc;

use arrow_array::RecordBatch;
use frazil_table::deletes::{FileWithDeletes, GroupDeletes, LiveRows};
use frazil_table::file::FileEntry;
use frazil_table::scan::{Projection, RowSelect};
use frazil_table::{Table, TableError};
use futures::{StreamExt, stream};
use roaring::RoaringTreemap;
use tokio::sync::mpsc::Sender;

use super::internal;
use crate::Result;

/// Rows of a batch. Encoding looks at fewer at a time, and what comes with each batch does not count.
const BATCH_ROWS: usize = 8192;

/// Files that are opened while one is read.
const FILES_AHEAD: usize = 4;

/// An input that was read to its end.
#[derive(Debug)]
pub(super) struct ReadInput {
    key: String,
    /// With deleted ones.
    pub(super) n_rows: u64,
    pub(super) deleted: RoaringTreemap,
}

impl ReadInput {
    /// As [`RowMap::new`](crate::RowMap::new) takes it.
    pub(super) fn into_parts(self) -> (String, u64, RoaringTreemap) {
        (self.key, self.n_rows, self.deleted)
    }
}

/// Sends the live rows of `files` in their order, file by file; says what was deleted of each.
///
/// # Errors
/// As for [`LiveRows`]; [`TableError::Corrupt`] if a file has not as many rows as its manifest says.
pub(super) async fn read_inputs(
    table: &Table,
    files: &[FileWithDeletes],
    deletes: &Arc<GroupDeletes>,
    projection: &Projection,
    rows: Sender<RecordBatch>,
) -> Result<Vec<ReadInput>> {
    let none = Arc::new(GroupDeletes::default());
    let opened = files.iter().map(|(file, of_file)| {
        // Key columns are read for the sake of files that have deletes alone.
        let deletes = if of_file.is_empty() { none.clone() } else { deletes.clone() };
        async move {
            let select = RowSelect::default();
            let rows = LiveRows::open(table, file, deletes, projection, select, BATCH_ROWS).await?;
            Ok::<_, TableError>((file, rows))
        }
    });
    let mut opened = stream::iter(opened).buffered(FILES_AHEAD);
    let mut read = Vec::with_capacity(files.len());
    while let Some(opened) = opened.next().await {
        let (file, live) = opened?;
        read.push(read_input(file, live, &rows).await?);
    }
    Ok(read)
}

async fn read_input(file: &FileEntry, mut live: LiveRows, rows: &Sender<RecordBatch>) -> Result<ReadInput> {
    let mut deleted = RoaringTreemap::new();
    let mut n_live = 0_u64;
    while let Some(batch) = live.next_rows_and_deleted(&mut deleted).await? {
        n_live += batch.num_rows() as u64;
        if rows.send(batch).await.is_err() {
            return Err(internal("rows are read that nobody writes"));
        }
    }
    let n_rows = n_live + deleted.len();
    if n_rows != file.record_count {
        let detail = format!("it has `{n_rows}` rows, its manifest says `{}`", file.record_count);
        return Err(TableError::Corrupt { path: file.path.to_string(), detail });
    }
    Ok(ReadInput { key: file.key().to_owned(), n_rows, deleted })
}

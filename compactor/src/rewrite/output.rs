//! New files of a group.

use frazil_table::file::{PartitionTuple, WrittenFile};
use frazil_table::write::{DataFileWriter, RowSorter, WriteOptions};
use frazil_table::{Table, on_pool};
use tokio::sync::mpsc::Receiver;

use super::input::Piece;
use super::internal;
use crate::Result;

/// What was written.
#[derive(Debug)]
pub(super) struct Written {
    /// In the order in which rows were written.
    pub(super) files: Vec<WrittenFile>,
    /// Rows that were to be written.
    pub(super) n_rows: u64,
    /// Row groups that were copied.
    pub(super) n_row_groups_copied: u64,
}

/// Writes all that comes, in its order; `None` if its end never comes.
///
/// # Errors
/// As for [`DataFileWriter`].
pub(super) async fn write_pieces(
    table: &Table,
    options: &WriteOptions,
    partition: &PartitionTuple,
    mut pieces: Receiver<Piece>,
) -> Result<Option<Written>> {
    let mut writer = DataFileWriter::new(table, options)?;
    let (mut n_rows, mut n_row_groups_copied) = (0, 0);
    loop {
        match pieces.recv().await {
            None => return Ok(None),
            Some(Piece::End) => break,
            Some(Piece::Rows(batch)) => {
                n_rows += batch.num_rows() as u64;
                writer.write_to(partition, &batch).await?;
            }
            Some(Piece::RowGroup(row_group, _permit)) => {
                n_rows += row_group.n_rows();
                n_row_groups_copied += 1;
                writer.copy_to(partition, row_group).await?;
            }
        }
    }
    Ok(Some(Written { files: writer.finish_in_order().await?, n_rows, n_row_groups_copied }))
}

/// Rows of a sorted batch.
const BATCH_ROWS: usize = 8192;

/// Writes all rows that come, those of each file sorted. As many rows as `memory_bytes` allow are sorted together; the
/// files that they fill follow each other in the order, too. `None` if the end never comes.
///
/// # Errors
/// As for [`DataFileWriter`] and [`RowSorter`].
pub(super) async fn write_sorted(
    table: &Table,
    options: &WriteOptions,
    partition: &PartitionTuple,
    mut sorter: RowSorter,
    memory_bytes: u64,
    mut pieces: Receiver<Piece>,
) -> Result<Option<Written>> {
    let options = options.clone().sorted_by(sorter.order_id());
    let mut written = Written { files: Vec::new(), n_rows: 0, n_row_groups_copied: 0 };
    loop {
        let piece = pieces.recv().await;
        let is_end = matches!(piece, Some(Piece::End));
        match piece {
            None => return Ok(None),
            Some(Piece::End) => {}
            Some(Piece::Rows(batch)) => {
                written.n_rows += batch.num_rows() as u64;
                sorter = on_pool(move || sorter.push(batch).map(|()| sorter)).await??;
            }
            Some(Piece::RowGroup(..)) => return Err(internal("a row group cannot be sorted as it is")),
        }
        if is_end || sorter.memory_bytes() >= memory_bytes {
            let (returned, mut sorted) = on_pool(move || {
                let sorted = sorter.take_sorted();
                (sorter, sorted)
            })
            .await?;
            sorter = returned;
            let mut writer = DataFileWriter::new(table, &options)?;
            loop {
                let (rest, batch) = on_pool(move || {
                    let batch = sorted.next(BATCH_ROWS);
                    (sorted, batch)
                })
                .await?;
                sorted = rest;
                let Some(batch) = batch? else { break };
                writer.write_to(partition, &batch).await?;
            }
            written.files.extend(writer.finish_in_order().await?);
        }
        if is_end {
            return Ok(Some(written));
        }
    }
}

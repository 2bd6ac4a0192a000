//! Row groups of Parquet files, taken over as they are.
//!
//! Nothing is decoded: column chunks go to another file with their statistics and page indexes. That is right only if
//! the writer would have laid them out in the same way, which is looked at here; whether deletes apply, the caller
//! knows.

use std::ops::Range;
use std::sync::Arc;

use async_recursion::async_recursion as boxed;
use bytes::{Buf, Bytes};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::reader::{ChunkReader, Length};
use parquet::schema::types::SchemaDescriptor;

use super::batch::{LAST_UPDATED, ROW_ID, RowSchema};
use super::options::WriteOptions;
use super::parquet::descriptor;
use crate::file::{FileEntry, FileFormat};
use crate::scan::{FileReader, RowGroupSpan};
use crate::table::Table;
use crate::{Result, TableError};

/// A data file whose row groups another file may have as they are.
#[derive(Debug)]
pub struct CopySource {
    table: Table,
    file: Arc<FileEntry>,
    spans: Vec<RowGroupSpan>,
    metadata: ParquetMetaData,
}

/// A row group on its way into another file.
pub struct CopiedRowGroup {
    pub(super) chunks: Vec<CopiedChunk>,
    pub(super) metadata: RowGroupMetaData,
    pub(super) n_rows: u64,
    pub(super) n_bytes: u64,
    /// The file that it comes from.
    pub(super) file: Arc<FileEntry>,
    /// That file has no other row group.
    pub(super) is_whole_file: bool,
}

/// A column chunk with what a writer says of it, in which offsets are those of the file it comes from.
pub(super) struct CopiedChunk {
    pub(super) bytes: ChunkBytes,
    pub(super) close: ColumnCloseResult,
}

/// Some bytes of a file, found by their place in it.
pub(super) struct ChunkBytes {
    start: u64,
    bytes: Bytes,
}

impl CopySource {
    /// Opens a file for copying to files that are written with `options`. `None` if its row groups would have to be
    /// decoded: it is no Parquet file, its columns are not exactly those of the table's current schema (with row
    /// lineage, if that is to be stored), another codec was asked for, or bloom filters or whole bounds of text were.
    ///
    /// # Errors
    /// As for [`FileReader::open`].
    #[boxed]
    pub async fn open(table: &Table, options: &WriteOptions, file: &Arc<FileEntry>) -> Result<Option<Self>> {
        if file.format != FileFormat::Parquet || file.is_encrypted || !options.data.blooms.is_empty() {
            return Ok(None);
        }
        let schema = RowSchema::of_table(table, options.has_row_lineage)?;
        if options.metrics.keeps_whole_text(&schema.fields) {
            return Ok(None);
        }
        let reader = FileReader::open(table, file).await?;
        let Some(metadata) = reader.whole_metadata().await? else { return Ok(None) };
        let codec = std::mem::discriminant(&options.data.compression);
        let is_alike = |chunk: &ColumnChunkMetaData| {
            std::mem::discriminant(&chunk.compression()) == codec && is_sound(chunk, file.file_size_bytes)
        };
        let is_copyable = has_columns_of(&metadata, &descriptor(&schema)?)
            && metadata.row_groups().iter().flat_map(RowGroupMetaData::columns).all(is_alike)
            && reader.row_groups().len() == metadata.num_row_groups();
        Ok(is_copyable.then(|| Self { table: table.clone(), file: file.clone(), spans: reader.row_groups(), metadata }))
    }

    /// The row groups in file order, each with its size in bytes.
    pub fn row_groups(&self) -> impl Iterator<Item = (RowGroupSpan, u64)> {
        self.spans.iter().copied().zip(self.metadata.row_groups().iter().map(n_bytes))
    }

    /// Reads a row group, all of which is in memory then.
    ///
    /// # Errors
    /// As for [`Storage::read_ranges`](crate::storage::Storage::read_ranges).
    #[boxed]
    pub async fn read(&self, index: usize) -> Result<CopiedRowGroup> {
        let missing = || TableError::internal(format!("row group `{index}` of `{}`", self.file.path));
        let row_group = self.metadata.row_groups().get(index).ok_or_else(missing)?;
        let n_rows = u64::try_from(row_group.num_rows()).map_err(TableError::internal)?;
        let ranges: Vec<Range<u64>> = row_group.columns().iter().map(range).collect();
        let read = self.table.storage().read_ranges(&self.file.path, &ranges).await?;
        let mut chunks = Vec::with_capacity(ranges.len());
        for (leaf, (chunk, (range, bytes))) in row_group.columns().iter().zip(ranges.iter().zip(read)).enumerate() {
            let pages = self.metadata.offset_index().and_then(|of_groups| of_groups.get(index)?.get(leaf).cloned());
            let pages = pages.filter(|index| !index.page_locations.is_empty());
            let of_pages = self.metadata.column_index().and_then(|of_groups| of_groups.get(index)?.get(leaf).cloned());
            let of_pages = of_pages.filter(|index| pages.is_some() && !matches!(index, ColumnIndexMetaData::NONE));
            let close = ColumnCloseResult {
                bytes_written: bytes.len() as u64,
                rows_written: n_rows,
                metadata: chunk.clone(),
                bloom_filter: None,
                column_index: of_pages,
                offset_index: pages,
            };
            let starts = close.offset_index.iter().flat_map(|index| &index.page_locations);
            if !starts.into_iter().all(|page| u64::try_from(page.offset).is_ok_and(|start| range.contains(&start))) {
                return Err(TableError::corrupt(&*self.file.path, "a page lies outside of its column"));
            }
            chunks.push(CopiedChunk { bytes: ChunkBytes { start: range.start, bytes }, close });
        }
        Ok(CopiedRowGroup {
            n_bytes: n_bytes(row_group),
            metadata: row_group.clone(),
            chunks,
            n_rows,
            file: self.file.clone(),
            is_whole_file: self.spans.len() == 1,
        })
    }
}

impl CopiedRowGroup {
    /// Its rows.
    pub fn n_rows(&self) -> u64 {
        self.n_rows
    }

    /// Its size in bytes.
    pub fn n_bytes(&self) -> u64 {
        self.n_bytes
    }
}

impl std::fmt::Debug for CopiedRowGroup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CopiedRowGroup")
            .field("file", &self.file.path)
            .field("n_rows", &self.n_rows)
            .field("n_bytes", &self.n_bytes)
            .finish_non_exhaustive()
    }
}

impl Length for ChunkBytes {
    fn len(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

impl ChunkReader for ChunkBytes {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        let skipped = start.checked_sub(self.start).and_then(|skipped| usize::try_from(skipped).ok());
        match skipped.filter(|skipped| *skipped <= self.bytes.len()) {
            Some(skipped) => Ok(self.bytes.slice(skipped..).reader()),
            None => Err(ParquetError::General("bytes outside of a column chunk".to_owned())),
        }
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        let rest = self.get_read(start)?.into_inner();
        let end = rest.len().min(length);
        Ok(rest.slice(..end))
    }
}

fn n_bytes(row_group: &RowGroupMetaData) -> u64 {
    row_group.columns().iter().map(range).fold(0, |sum, range| sum.saturating_add(range.end - range.start))
}

fn range(chunk: &ColumnChunkMetaData) -> Range<u64> {
    let (start, length) = chunk.byte_range();
    start..start.saturating_add(length)
}

/// The columns of the file are those that the writer would make: names, ids, types, order, and which may be null.
fn has_columns_of(metadata: &ParquetMetaData, wanted: &SchemaDescriptor) -> bool {
    let schema = metadata.file_metadata().schema_descr();
    if schema.root_schema().get_fields() != wanted.root_schema().get_fields() {
        return false;
    }
    // A row whose own value is null takes that of the file it is in.
    let lineage = schema.columns().iter().enumerate().filter_map(|(leaf, column)| {
        let info = column.self_type().get_basic_info();
        (info.has_id() && [ROW_ID.0, LAST_UPDATED.0].contains(&info.id())).then_some(leaf)
    });
    lineage.into_iter().all(|leaf| {
        let chunks = metadata.row_groups().iter().filter_map(|row_group| row_group.columns().get(leaf));
        chunks.into_iter().all(|chunk| chunk.statistics().is_some_and(|all| all.null_count_opt() == Some(0)))
    })
}

/// What is said of the chunk can be said in another file: it lies where the offsets say, and its statistics are not
/// of the kind that readers only believe of some writers.
fn is_sound(chunk: &ColumnChunkMetaData, file_size: u64) -> bool {
    let has_dictionary_first =
        chunk.dictionary_page_offset().is_none_or(|offset| offset > 0 && offset < chunk.data_page_offset());
    let lies_inside = chunk.data_page_offset() > 0 && chunk.compressed_size() >= 0 && range(chunk).end <= file_size;
    let has_new_statistics = chunk.statistics().is_none_or(|all| {
        !all.is_min_max_deprecated() || (all.min_bytes_opt().is_none() && all.max_bytes_opt().is_none())
    });
    has_dictionary_first && lies_inside && has_new_statistics && chunk.file_path().is_none()
}

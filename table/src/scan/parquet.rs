//! A parquet file whose footer has been read and checked.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, Schema as ArrowSchema, TimeUnit};
use bytes::Bytes;
use parquet::DecodeResult;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::basic::Type as PhysicalType;
use parquet::file::metadata::{
    PageIndexPolicy, ParquetMetaData, ParquetMetaDataOptions, ParquetMetaDataPushDecoder, ParquetMetaDataReader,
    RowGroupMetaData,
};
use tokio::sync::OnceCell;

use super::columns::FileColumns;
use super::resolve::{Plan, Resolver};
use super::{Projection, RowGroupSpan, thrift};
use crate::file::FileEntry;
use crate::pool::{on_pool, panic_message};
use crate::table::Table;
use crate::{Result, TableError};

/// Bytes of the end of a file that are read first; nearly all footers are smaller.
const FOOTER_GUESS_BYTES: u64 = 64 * 1024;

/// A footer beyond this is not read: its parsed form would take several times as much memory.
const FOOTER_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Page indexes beyond this are not read.
pub(super) const PAGE_INDEX_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Length of the metadata and the magic bytes, at the end of every file.
const TAIL_BYTES: usize = 8;

const MAGIC: &[u8] = b"PAR1";
const MAGIC_ENCRYPTED: &[u8] = b"PARE";

/// Field of the file metadata that says that columns are encrypted.
/// Source: parquet.thrift, `FileMetaData.encryption_algorithm`.
const ENCRYPTION_ALGORITHM: i32 = 8;

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) table: Table,
    pub(super) file: Arc<FileEntry>,
    pub(super) metadata: Arc<ParquetMetaData>,
    schema: Arc<ArrowSchema>,
    columns: FileColumns,
    int96: Vec<bool>,
    spans: Vec<RowGroupSpan>,
    /// The metadata with the offset indexes, once they were needed.
    indexed: OnceCell<Arc<ParquetMetaData>>,
}

impl Inner {
    /// Reads the footer.
    pub(super) async fn open(table: &Table, file: &Arc<FileEntry>) -> Result<Self> {
        let footer = read_footer(table, file).await?;
        let (table, file) = (table.clone(), file.clone());
        on_pool(move || guarded(&file.clone().path, || Self::new(table, file, &footer))).await?
    }

    /// Encoded bytes of the columns that `projection` is made of, in these row groups.
    pub(super) fn encoded_bytes(&self, projection: &Projection, row_groups: &VecDeque<usize>) -> Result<u64> {
        let wanted = self.resolver().plan(projection)?.leaves;
        let mut n_bytes = 0_u64;
        for row_group in row_groups {
            let chunks = self.row_group(*row_group)?.columns().iter().zip(&wanted);
            let of_wanted = chunks.filter(|(_, wanted)| **wanted).map(|(chunk, _)| chunk.byte_range().1);
            n_bytes = of_wanted.fold(n_bytes, u64::saturating_add);
        }
        Ok(n_bytes)
    }

    fn new(table: Table, file: Arc<FileEntry>, footer: &[u8]) -> Result<Self> {
        let corrupt = |detail: String| TableError::corrupt(&*file.path, detail);
        let outline = thrift::outline(footer).map_err(|error| corrupt(format!("footer: {error}")))?;
        if outline.field_ids.contains(&ENCRYPTION_ALGORITHM) {
            return Err(encrypted(&file.path));
        }
        let metadata = ParquetMetaDataReader::decode_metadata(footer)
            .map_err(|error| corrupt(format!("footer cannot be parsed: {error}")))?;
        let spans = check(&metadata, &file)?;
        let metadata = Arc::new(metadata);
        let arrow = ArrowReaderMetadata::try_new(metadata.clone(), options())
            .map_err(|error| corrupt(format!("its schema cannot be read: {error}")))?;
        let columns = FileColumns::new(arrow.schema(), table.name_mapping(), file.content);
        let leaves = metadata.file_metadata().schema_descr().columns();
        if columns.columns.last().map_or(0, |column| column.leaves.end) != leaves.len() {
            return Err(corrupt("its schema cannot be read: it has groups without columns".to_owned()));
        }
        Ok(Self {
            int96: leaves.iter().map(|leaf| leaf.physical_type() == PhysicalType::INT96).collect(),
            schema: arrow.schema().clone(),
            indexed: OnceCell::new(),
            table,
            metadata,
            columns,
            spans,
            file,
        })
    }

    pub(super) fn resolver(&self) -> Resolver<'_> {
        Resolver { table: &self.table, file: &self.file, columns: &self.columns, int96: &self.int96 }
    }

    pub(super) fn spans(&self) -> &[RowGroupSpan] {
        &self.spans
    }

    pub(super) fn row_group(&self, index: usize) -> Result<&RowGroupMetaData> {
        let row_group = self.metadata.row_groups().get(index);
        row_group.ok_or_else(|| TableError::internal(format!("row group `{index}` of `{}`", self.file.path)))
    }

    /// How the parquet crate is to decode the leaves of a plan.
    pub(super) fn decoder_metadata(&self, plan: &Plan, metadata: Arc<ParquetMetaData>) -> Result<ArrowReaderMetadata> {
        let mut options = options();
        if !plan.int96_micros.is_empty() {
            let mut leaf = 0;
            let fields = self.schema.fields().iter().map(|field| in_micros(field, &plan.int96_micros, &mut leaf));
            options = options.with_schema(Arc::new(ArrowSchema::new(fields.collect::<Vec<_>>())));
        }
        ArrowReaderMetadata::try_new(metadata, options).map_err(|error| self.corrupt(error))
    }

    /// The metadata with the positions of pages, where the file has them.
    pub(super) async fn indexed(self: &Arc<Self>) -> Result<Arc<ParquetMetaData>> {
        self.indexed.get_or_try_init(|| self.read_offset_index()).await.cloned()
    }

    /// The footer read again with what decoding does without: both page indexes, and which encodings pages have.
    /// `None` if the file's indexes cannot be used.
    pub(super) async fn whole_metadata(self: &Arc<Self>) -> Result<Option<ParquetMetaData>> {
        let mut ranges = Vec::new();
        for chunk in self.metadata.row_groups().iter().flat_map(RowGroupMetaData::columns) {
            let offsets = chunk.offset_index_offset().zip(chunk.offset_index_length());
            for (offset, length) in
                offsets.into_iter().chain(chunk.column_index_offset().zip(chunk.column_index_length()))
            {
                let range = u64::try_from(offset).ok().zip(u64::try_from(length).ok());
                match range.and_then(|(start, length)| Some(start..start.checked_add(length)?)) {
                    Some(range) if range.end <= self.file.file_size_bytes => ranges.push(range),
                    _ => return Ok(None),
                }
            }
        }
        let start = ranges.iter().map(|range| range.start).min().unwrap_or(0);
        let whole = start..ranges.iter().map(|range| range.end).max().unwrap_or(0);
        if whole.end - whole.start > PAGE_INDEX_BYTES_MAX {
            return Ok(None);
        }
        let footer = read_footer(&self.table, &self.file).await?;
        let indexes = match whole.is_empty() {
            true => Bytes::new(),
            false => {
                let read = self.table.storage().read_ranges(&self.file.path, std::slice::from_ref(&whole)).await?;
                read.into_iter().next().unwrap_or_default()
            }
        };
        let this = self.clone();
        on_pool(move || guarded(&this.file.path, || this.parse_whole(&footer, whole.start, indexes, &ranges))).await?
    }

    fn parse_whole(
        &self,
        footer: &[u8],
        start: u64,
        indexes: Bytes,
        ranges: &[std::ops::Range<u64>],
    ) -> Result<Option<ParquetMetaData>> {
        for range in ranges.iter().filter(|range| !range.is_empty()) {
            let slice = usize::try_from(range.start - start).ok().zip(usize::try_from(range.end - start).ok());
            let slice = slice.and_then(|(start, end)| indexes.get(start..end));
            if slice.is_none_or(|slice| thrift::outline(slice).is_err()) {
                return Ok(None);
            }
        }
        let length = u32::try_from(footer.len()).map_err(|error| self.corrupt(error))?;
        let end = [footer, &length.to_le_bytes(), MAGIC].concat();
        let mut options = ParquetMetaDataOptions::new();
        options.set_encoding_stats_as_mask(false);
        let file_size = self.file.file_size_bytes;
        let parsed = ParquetMetaDataPushDecoder::try_new(file_size).and_then(|decoder| {
            let decoder = decoder.with_metadata_options(Some(Arc::new(options)));
            let mut decoder = decoder.with_page_index_policy(PageIndexPolicy::Optional);
            decoder.push_range(file_size - end.len() as u64..file_size, end.into())?;
            decoder.push_range(start..start + indexes.len() as u64, indexes)?;
            decoder.try_decode()
        });
        Ok(match parsed {
            Ok(DecodeResult::Data(metadata)) => Some(metadata),
            // Rows can be read without the indexes.
            Ok(_) | Err(_) => None,
        })
    }

    async fn read_offset_index(self: &Arc<Self>) -> Result<Arc<ParquetMetaData>> {
        let chunks = || self.metadata.row_groups().iter().flat_map(RowGroupMetaData::columns);
        let mut ranges = Vec::new();
        for chunk in chunks() {
            match (chunk.offset_index_offset(), chunk.offset_index_length()) {
                (Some(offset), Some(length)) => {
                    let start = u64::try_from(offset).ok();
                    let range = start.zip(u64::try_from(length).ok()).and_then(|(start, length)| {
                        Some(start..start.checked_add(length).filter(|end| *end <= self.file.file_size_bytes)?)
                    });
                    ranges.push(range.ok_or_else(|| self.corrupt("an offset index lies outside of the file"))?);
                }
                // Pages can be skipped only where they are known for all columns.
                _ => return Ok(self.metadata.clone()),
            }
        }
        let start = ranges.iter().map(|range| range.start).min().unwrap_or(0);
        let end = ranges.iter().map(|range| range.end).max().unwrap_or(0);
        if end - start > PAGE_INDEX_BYTES_MAX {
            return Ok(self.metadata.clone());
        }
        let whole = start..end;
        let bytes = self.table.storage().read_ranges(&self.file.path, std::slice::from_ref(&whole)).await?;
        let bytes = bytes.into_iter().next().unwrap_or_default();
        let this = self.clone();
        on_pool(move || guarded(&this.file.path, || this.parse_offset_index(whole.start, bytes, &ranges))).await?
    }

    fn parse_offset_index(
        &self,
        start: u64,
        bytes: Bytes,
        ranges: &[std::ops::Range<u64>],
    ) -> Result<Arc<ParquetMetaData>> {
        for range in ranges.iter().filter(|range| !range.is_empty()) {
            let slice = usize::try_from(range.start - start).ok().zip(usize::try_from(range.end - start).ok());
            let slice = slice.and_then(|(start, end)| bytes.get(start..end));
            let outline = slice.ok_or_else(|| "it is cut off".to_owned()).and_then(thrift::outline);
            outline.map_err(|error| self.corrupt(format!("offset index: {error}")))?;
        }
        let end = start + bytes.len() as u64;
        let parsed = ParquetMetaDataPushDecoder::try_new_with_metadata(
            self.file.file_size_bytes,
            self.metadata.as_ref().clone(),
        )
        .and_then(|decoder| {
            let mut decoder = decoder
                .with_column_index_policy(PageIndexPolicy::Skip)
                .with_offset_index_policy(PageIndexPolicy::Optional);
            decoder.push_range(start..end, bytes)?;
            decoder.try_decode()
        });
        match parsed {
            Ok(DecodeResult::Data(metadata)) => Ok(Arc::new(metadata)),
            Ok(_) => Err(self.corrupt("offset index: it is cut off")),
            Err(error) => Err(self.corrupt(format!("offset index: {error}"))),
        }
    }

    pub(super) fn corrupt(&self, detail: impl ToString) -> TableError {
        TableError::corrupt(&*self.file.path, detail)
    }
}

/// Runs library code on bytes that nobody vouches for: a panic there means that the file is damaged.
pub(super) fn guarded<T>(path: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| {
        Err(TableError::corrupt(path, format!("the decoder gave up: {}", panic_message(payload.as_ref()))))
    })
}

/// The schema that a writer keeps in Arrow's own form is ignored: field ids and types of the file decide.
fn options() -> ArrowReaderOptions {
    ArrowReaderOptions::new().with_skip_arrow_metadata(true)
}

pub(super) fn encrypted(path: &str) -> TableError {
    TableError::unsupported(path, "the file is encrypted; encrypted files cannot be read yet")
}

/// The bytes of the footer's metadata.
async fn read_footer(table: &Table, file: &FileEntry) -> Result<Bytes> {
    let corrupt = |detail: String| TableError::corrupt(&*file.path, detail);
    let (end, file_size) = table.storage().read_suffix(&file.path, FOOTER_GUESS_BYTES).await?;
    if file_size != file.file_size_bytes {
        return Err(corrupt(format!("the file has `{file_size}` bytes, the manifest says `{}`", file.file_size_bytes)));
    }
    let tail = end.len().checked_sub(TAIL_BYTES).and_then(|start| end.get(start..));
    let (length, magic) = match tail {
        Some([a, b, c, d, magic @ ..]) => (u64::from(u32::from_le_bytes([*a, *b, *c, *d])), magic),
        _ => return Err(corrupt(format!("a file of `{file_size}` bytes is no parquet file"))),
    };
    match magic {
        MAGIC => {}
        MAGIC_ENCRYPTED => return Err(encrypted(&file.path)),
        _ => return Err(corrupt("it does not end like a parquet file; it is cut off, or no parquet file".to_owned())),
    }
    let footer_end = file_size - TAIL_BYTES as u64;
    if length > footer_end {
        return Err(corrupt(format!("its footer claims `{length}` bytes, more than the file has")));
    }
    if length > FOOTER_BYTES_MAX {
        return Err(TableError::MemoryLimit {
            needed_bytes: length,
            limit_bytes: FOOTER_BYTES_MAX,
            detail: format!("reading the footer of `{}`", file.path),
        });
    }
    let have = end.len() - TAIL_BYTES;
    if let Some(start) = usize::try_from(length).ok().and_then(|length| have.checked_sub(length)) {
        return Ok(end.slice(start..have));
    }
    let range = footer_end - length..footer_end;
    let bytes = table.storage().read_ranges(&file.path, std::slice::from_ref(&range)).await?;
    bytes.into_iter().next().ok_or_else(|| TableError::internal("a range was not read"))
}

/// Checks what the parquet crate takes for granted. Returns where the row groups lie.
fn check(metadata: &ParquetMetaData, file: &FileEntry) -> Result<Vec<RowGroupSpan>> {
    let corrupt = |detail: String| TableError::corrupt(&*file.path, detail);
    let n_leaves = metadata.file_metadata().schema_descr().num_columns();
    let mut first_position = 0_u64;
    let mut spans = Vec::with_capacity(metadata.num_row_groups());
    for (index, row_group) in metadata.row_groups().iter().enumerate() {
        let n_rows = u64::try_from(row_group.num_rows())
            .map_err(|_| corrupt(format!("row group `{index}` claims `{}` rows", row_group.num_rows())))?;
        spans.push(RowGroupSpan { index, first_position, n_rows });
        first_position = first_position
            .checked_add(n_rows)
            .ok_or_else(|| corrupt("its row groups claim more rows than can be counted".to_owned()))?;
        if row_group.num_columns() != n_leaves {
            return Err(corrupt(format!(
                "row group `{index}` has `{}` columns, the schema `{n_leaves}`",
                row_group.num_columns()
            )));
        }
        for chunk in row_group.columns() {
            let start = chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset());
            let end = u64::try_from(start).ok().zip(u64::try_from(chunk.compressed_size()).ok());
            let end = end.and_then(|(start, length)| start.checked_add(length));
            if end.is_none_or(|end| end > file.file_size_bytes) {
                return Err(corrupt(format!(
                    "column `{}` of row group `{index}` lies outside of the file",
                    chunk.column_path()
                )));
            }
        }
    }
    let claimed = metadata.file_metadata().num_rows();
    if u64::try_from(claimed) != Ok(first_position) {
        return Err(corrupt(format!("its footer says `{claimed}` rows, its row groups have `{first_position}`")));
    }
    if first_position != file.record_count {
        return Err(corrupt(format!(
            "the file has `{first_position}` rows, the manifest says `{}`",
            file.record_count
        )));
    }
    Ok(spans)
}

/// The field with these INT96 leaves as microseconds: nanoseconds reach from 1677 to 2262 only.
fn in_micros(field: &FieldRef, int96: &[usize], leaf: &mut usize) -> FieldRef {
    let data_type = match field.data_type() {
        DataType::Struct(fields) => {
            DataType::Struct(fields.iter().map(|field| in_micros(field, int96, leaf)).collect())
        }
        DataType::List(element) => DataType::List(in_micros(element, int96, leaf)),
        DataType::Map(entries, sorted) => DataType::Map(in_micros(entries, int96, leaf), *sorted),
        other => {
            *leaf += 1;
            if int96.contains(&(*leaf - 1)) { DataType::Timestamp(TimeUnit::Microsecond, None) } else { other.clone() }
        }
    };
    Arc::new(Field::clone(field).with_data_type(data_type))
}

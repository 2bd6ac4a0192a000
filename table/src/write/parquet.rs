//! One Parquet file while it is written.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{Field, SchemaRef};
use bytes::Bytes;
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::basic::{LogicalType, Type as PhysicalType};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{ColumnPath, SchemaDescriptor, Type};
use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::batch::RowSchema;
use super::copy::{CopiedChunk, CopiedRowGroup};
use super::metrics::{Collector, MetricsConfig, uuid_ids};
use super::options::FileSettings;
use crate::file::ColumnMetrics;
use crate::ids::FieldId;
use crate::{Result, TableError};

/// Of a file that is nearly full, so many rows are written before its size is looked at.
const ROWS_PER_CHECK: usize = 1024;

/// Rows into bytes, with what the file's statistics will be. Columns are encoded side by side.
pub(super) struct Encoder {
    file: SerializedFileWriter<Vec<u8>>,
    row_groups: ArrowRowGroupWriterFactory,
    open: Option<OpenRowGroup>,
    arrow: SchemaRef,
    /// Leaves of each column.
    n_leaves: Vec<usize>,
    collector: Collector,
    n_rows: u64,
    target_bytes: u64,
    row_group_bytes: u64,
}

/// A row group whose columns are being encoded.
struct OpenRowGroup {
    leaves: Vec<ArrowColumnWriter>,
    n_rows: usize,
}

/// What is to know of a finished file.
#[derive(Debug)]
pub(super) struct Finished {
    /// The last bytes.
    pub(super) bytes: Bytes,
    pub(super) file_size_bytes: u64,
    pub(super) n_rows: u64,
    pub(super) metrics: ColumnMetrics,
    pub(super) column_sizes: HashMap<FieldId, u64>,
    pub(super) split_offsets: Vec<u64>,
}

impl Encoder {
    /// `key_values` go into the footer.
    pub(super) fn new(
        schema: &RowSchema,
        settings: &FileSettings,
        metrics: &MetricsConfig,
        key_values: Vec<(String, String)>,
    ) -> Result<Self> {
        let descriptor = descriptor(schema)?;
        let mut properties = WriterProperties::builder()
            .set_writer_version(WriterVersion::PARQUET_1_0)
            .set_created_by(concat!("frazil version ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_compression(settings.compression)
            .set_data_page_size_limit(size(settings.page_bytes))
            .set_dictionary_page_size_limit(size(settings.dictionary_bytes))
            .set_data_page_row_count_limit(size(settings.page_rows))
            .set_write_batch_size(ROWS_PER_CHECK.min(size(settings.page_rows)))
            .set_statistics_enabled(EnabledStatistics::Page)
            .set_column_index_truncate_length(Some(64))
            .set_key_value_metadata(Some(
                key_values.into_iter().map(|(key, value)| KeyValue::new(key, value)).collect(),
            ));
        for (path, rate) in blooms(&descriptor, schema, settings) {
            properties = properties
                .set_column_bloom_filter_enabled(path.clone(), true)
                .set_column_bloom_filter_fpp(path.clone(), rate)
                .set_column_bloom_filter_ndv(path, ndv_within(settings.bloom_bytes_max, rate));
        }
        let mut n_leaves = vec![0; schema.arrow.fields().len()];
        for leaf in 0..descriptor.num_columns() {
            if let Some(n) = n_leaves.get_mut(descriptor.get_column_root_idx(leaf)) {
                *n += 1;
            }
        }
        let root = descriptor.root_schema_ptr();
        let file = SerializedFileWriter::new(Vec::new(), root, Arc::new(properties.build())).map_err(failed)?;
        Ok(Self {
            row_groups: ArrowRowGroupWriterFactory::new(&file, schema.arrow.clone()),
            file,
            open: None,
            arrow: schema.arrow.clone(),
            n_leaves,
            collector: Collector::new(&schema.fields, metrics),
            n_rows: 0,
            target_bytes: settings.target_bytes,
            row_group_bytes: settings.row_group_bytes,
        })
    }

    /// Takes rows from the front of `batch` until the file is full; returns how many. CPU work.
    pub(super) fn take(&mut self, batch: &RecordBatch) -> Result<usize> {
        let mut n_taken = 0;
        while n_taken < batch.num_rows() && !(self.is_full() && self.n_rows > 0) {
            let n_left = batch.num_rows() - n_taken;
            let n_fit = self.n_rows_that_fit();
            if n_fit == 0 {
                self.end_row_group()?;
                continue;
            }
            let rows = batch.slice(n_taken, n_fit.min(n_left));
            self.encode(&rows)?;
            n_taken += rows.num_rows();
            self.n_rows += u64::try_from(rows.num_rows()).unwrap_or(0);
        }
        Ok(n_taken)
    }

    /// Rows that can be written before sizes have to be looked at: as far as the row group has shown how large they
    /// are, they do not reach beyond its end, nor far beyond that of the file. Zero if the row group is full.
    fn n_rows_that_fit(&self) -> usize {
        let Some(open) = &self.open else { return ROWS_PER_CHECK };
        let n_bytes = open.estimated_bytes();
        let row_bytes = (n_bytes / u64::try_from(open.n_rows).unwrap_or(u64::MAX).max(1)).max(1);
        let fit = |n_bytes_max: u64, n_bytes: u64| size(n_bytes_max.saturating_sub(n_bytes) / row_bytes);
        fit(self.row_group_bytes, n_bytes).min(fit(self.target_bytes, self.n_bytes()).max(ROWS_PER_CHECK))
    }

    /// Adds rows to the open row group.
    fn encode(&mut self, rows: &RecordBatch) -> Result<()> {
        let open = match self.open.take() {
            Some(open) => open,
            None => {
                let index = self.file.flushed_row_groups().len();
                let leaves = self.row_groups.create_column_writers(index).map_err(failed)?;
                OpenRowGroup { leaves, n_rows: 0 }
            }
        };
        let open = self.open.insert(open);
        open.n_rows += rows.num_rows();
        let mut rest = open.leaves.as_mut_slice();
        let mut columns = Vec::with_capacity(self.n_leaves.len());
        for ((field, column), n_leaves) in self.arrow.fields().iter().zip(rows.columns()).zip(&self.n_leaves) {
            let missing = || TableError::internal("a column has more leaves than the file");
            let (leaves, others) = rest.split_at_mut_checked(*n_leaves).ok_or_else(missing)?;
            rest = others;
            columns.push((field, column, leaves));
        }
        let collector = &mut self.collector;
        let encode = || columns.into_par_iter().try_for_each(|(field, column, leaves)| write(field, column, leaves));
        let (encoded, ()) = rayon::join(encode, || collector.add(rows));
        encoded.map_err(failed)?;
        if self.open.as_ref().is_some_and(|open| open.estimated_bytes() >= self.row_group_bytes) {
            self.end_row_group()?;
        }
        Ok(())
    }

    /// Writes the open row group, if there is one. CPU work.
    fn end_row_group(&mut self) -> Result<()> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let chunks: Vec<ArrowColumnChunk> =
            open.leaves.into_par_iter().map(ArrowColumnWriter::close).collect::<ParquetResult<_>>().map_err(failed)?;
        let mut row_group = self.file.next_row_group().map_err(failed)?;
        for chunk in chunks {
            chunk.append_to_row_group(&mut row_group).map_err(failed)?;
        }
        row_group.close().map_err(failed)?;
        Ok(())
    }

    /// Takes a row group of another file over. CPU work.
    pub(super) fn copy(&mut self, copied: CopiedRowGroup) -> Result<()> {
        self.end_row_group()?;
        self.collector.add_row_group(&copied);
        self.file.inner_mut().reserve(size(copied.n_bytes));
        let mut row_group = self.file.next_row_group().map_err(failed)?;
        for CopiedChunk { bytes, close } in copied.chunks {
            row_group.append_column(&bytes, close).map_err(failed)?;
        }
        row_group.close().map_err(failed)?;
        self.n_rows += copied.n_rows;
        Ok(())
    }

    /// The file is nearer to its target size without `n_bytes` more than with them.
    pub(super) fn is_better_without(&self, n_bytes: u64) -> bool {
        let before = self.n_bytes();
        let beyond = before.saturating_add(n_bytes).saturating_sub(self.target_bytes);
        self.n_rows > 0 && beyond > self.target_bytes.saturating_sub(before)
    }

    /// The file has reached its target size.
    pub(super) fn is_full(&self) -> bool {
        self.n_bytes() >= self.target_bytes
    }

    /// Bytes of the file so far.
    fn n_bytes(&self) -> u64 {
        let written = u64::try_from(self.file.bytes_written()).unwrap_or(u64::MAX);
        written.saturating_add(self.open.as_ref().map_or(0, OpenRowGroup::estimated_bytes))
    }

    /// Memory of the unfinished row group.
    pub(super) fn memory_bytes(&self) -> u64 {
        let leaves = self.open.iter().flat_map(|open| &open.leaves);
        leaves.fold(0, |sum, leaf| sum.saturating_add(u64::try_from(leaf.memory_size()).unwrap_or(u64::MAX)))
    }

    pub(super) fn n_rows(&self) -> u64 {
        self.n_rows
    }

    /// Bytes that are ready to be stored, in the order of the file.
    pub(super) fn ready(&mut self) -> Bytes {
        std::mem::take(self.file.inner_mut()).into()
    }

    /// Writes the footer. CPU work.
    pub(super) fn finish(mut self) -> Result<Finished> {
        self.end_row_group()?;
        let metadata = self.file.finish().map_err(failed)?;
        let file_size_bytes = u64::try_from(self.file.bytes_written()).map_err(TableError::internal)?;
        let bytes = self.ready();
        let (metrics, column_sizes) = self.collector.finish(&metadata);
        // Where the first page of each row group lies, as the Java library tells it.
        let offsets = metadata.row_groups().iter().filter_map(|group| {
            let first = group.columns().first()?;
            let offset = first.dictionary_page_offset().unwrap_or_else(|| first.data_page_offset());
            u64::try_from(offset.min(first.data_page_offset())).ok()
        });
        let split_offsets = offsets.collect();
        Ok(Finished { bytes, file_size_bytes, n_rows: self.n_rows, metrics, column_sizes, split_offsets })
    }
}

impl OpenRowGroup {
    fn estimated_bytes(&self) -> u64 {
        let sizes = self.leaves.iter().map(|leaf| u64::try_from(leaf.get_estimated_total_bytes()).unwrap_or(u64::MAX));
        sizes.fold(0, u64::saturating_add)
    }
}

/// Encodes rows of one column.
fn write(field: &Field, column: &ArrayRef, leaves: &mut [ArrowColumnWriter]) -> ParquetResult<()> {
    for (leaf, writer) in compute_leaves(field, column)?.iter().zip(leaves) {
        writer.write(leaf)?;
    }
    Ok(())
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoder").field("n_rows", &self.n_rows).finish_non_exhaustive()
    }
}

fn failed(error: ParquetError) -> TableError {
    TableError::internal(format!("a parquet file could not be encoded: {error}"))
}

fn size(n_bytes: u64) -> usize {
    usize::try_from(n_bytes).unwrap_or(usize::MAX)
}

/// The Parquet schema, in which uuids are marked as such.
pub(super) fn descriptor(schema: &RowSchema) -> Result<SchemaDescriptor> {
    let plain = ArrowSchemaConverter::new().schema_root("table").convert(&schema.arrow).map_err(failed)?;
    let uuids = uuid_ids(&schema.fields);
    if uuids.is_empty() {
        return Ok(plain);
    }
    let root = marked(plain.root_schema(), &uuids).map_err(failed)?;
    Ok(SchemaDescriptor::new(Arc::new(root)))
}

fn marked(of: &Type, uuids: &BTreeSet<i32>) -> std::result::Result<Type, ParquetError> {
    let info = of.get_basic_info();
    match of {
        Type::PrimitiveType { physical_type: PhysicalType::FIXED_LEN_BYTE_ARRAY, type_length, .. }
            if info.has_id() && uuids.contains(&info.id()) =>
        {
            Type::primitive_type_builder(of.name(), PhysicalType::FIXED_LEN_BYTE_ARRAY)
                .with_length(*type_length)
                .with_repetition(info.repetition())
                .with_logical_type(Some(LogicalType::Uuid))
                .with_id(Some(info.id()))
                .build()
        }
        Type::PrimitiveType { .. } => Ok(of.clone()),
        Type::GroupType { fields, .. } => {
            let fields =
                fields.iter().map(|field| marked(field, uuids).map(Arc::new)).collect::<std::result::Result<_, _>>()?;
            let mut builder = Type::group_type_builder(of.name())
                .with_fields(fields)
                .with_converted_type(info.converted_type())
                .with_logical_type(info.logical_type_ref().cloned())
                .with_id(info.has_id().then(|| info.id()));
            if info.has_repetition() {
                builder = builder.with_repetition(info.repetition());
            }
            builder.build()
        }
    }
}

/// Columns with a bloom filter, as Parquet names them.
fn blooms(descriptor: &SchemaDescriptor, schema: &RowSchema, settings: &FileSettings) -> Vec<(ColumnPath, f64)> {
    let mut names = HashMap::new();
    for field in &schema.fields {
        full_names(field, &field.name, &mut names);
    }
    let columns = descriptor.columns().iter().filter_map(|column| {
        let info = column.self_type().get_basic_info();
        let id = info.has_id().then(|| info.id())?;
        let rate = settings.blooms.get(names.get(&id)?)?;
        Some((column.path().clone(), *rate))
    });
    columns.collect()
}

fn full_names(field: &iceberg::spec::NestedField, name: &str, names: &mut HashMap<i32, String>) {
    use iceberg::spec::Type as T;
    let mut child = |child: &iceberg::spec::NestedField| full_names(child, &format!("{name}.{}", child.name), names);
    match field.field_type.as_ref() {
        T::Primitive(_) => {
            names.insert(field.id, name.to_owned());
        }
        T::Struct(fields) => fields.fields().iter().for_each(|field| child(field)),
        T::List(list) => child(&list.element_field),
        T::Map(map) => {
            child(&map.key_field);
            child(&map.value_field);
        }
    }
}

/// The most distinct values for which a bloom filter of this rate of false positives fits into `n_bytes`.
/// Source: Parquet format, "Bloom filter": bits = -8 n / ln(1 - rate^(1/8)).
fn ndv_within(n_bytes: u64, rate: f64) -> u64 {
    let bits_max = f64::from(u32::try_from(n_bytes.saturating_mul(8)).unwrap_or(u32::MAX));
    let fits = |ndv: u32| -8.0 * f64::from(ndv) / (1.0 - rate.powf(0.125)).ln() <= bits_max;
    let (mut low, mut high) = (1_u32, u32::MAX);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if fits(middle) { low = middle } else { high = middle - 1 }
    }
    u64::from(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bloom_filters_hold_what_fits() {
        let ndv = ndv_within(1 << 20, 0.01);
        assert!((850_000..900_000).contains(&ndv), "{ndv}");
        assert_eq!(ndv_within(1, 0.5), 2);
    }
}

//! Files of a test table: written to its storage, and described for manifests and for the model.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use iceberg::compression::CompressionCodec;
use iceberg::io::FileIO;
use iceberg::puffin::{Blob, DELETION_VECTOR_V1, PuffinReader, PuffinWriter};
use iceberg::spec::{
    DataContentType, DataFile as ManifestDataFile, DataFileBuilder, DataFileFormat, Datum, Literal, PrimitiveType,
    Struct,
};
use roaring::RoaringTreemap;

use crate::encode::{FileColumn, FileLayout, FileMetrics, parquet};
use crate::model::{File, PositionDelete};
use crate::schema::{ColumnType, PartitionSpec, TableSchema};
use crate::value::{Row, Value};

/// Field id of `file_path` in position delete files.
pub(crate) const FILE_PATH_ID: i32 = 2_147_483_546;
/// Field id of `pos` in position delete files.
pub(crate) const POS_ID: i32 = 2_147_483_545;
/// Field id of `_row_id`.
pub(crate) const ROW_ID: i32 = 2_147_483_540;
/// Field id of `_last_updated_sequence_number`.
pub(crate) const UPDATED_ID: i32 = 2_147_483_539;

/// A file that was written and can be committed.
#[derive(Debug)]
pub struct StoredFile {
    /// What the file means.
    pub file: Arc<File>,
    pub(crate) path: String,
    pub(crate) format: DataFileFormat,
    pub(crate) content: DataContentType,
    pub(crate) record_count: u64,
    pub(crate) size: u64,
    pub(crate) metrics: FileMetrics,
    pub(crate) equality_ids: Option<Vec<i32>>,
    pub(crate) referenced_data_file: Option<String>,
    pub(crate) content_range: Option<(i64, i64)>,
}

impl StoredFile {
    /// Path, and for deletion vectors the offset: what [`crate::table::Commit::remove`] takes.
    pub fn key(&self) -> String {
        self.file.key()
    }

    /// Path of the file itself.
    pub fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn is_data(&self) -> bool {
        self.content == DataContentType::Data
    }

    /// The entry's `data_file` for a manifest written under this schema.
    pub(crate) fn to_manifest(
        &self,
        schema: &TableSchema,
        spec: &PartitionSpec,
        first_row_id: Option<i64>,
    ) -> ManifestDataFile {
        let (_, partition) = self.file.scope();
        let datum = |(kind, bytes): &(ColumnType, Vec<u8>)| Datum::try_from_bytes(bytes, primitive(*kind)).unwrap();
        let bounds = |bounds: &HashMap<i32, (ColumnType, Vec<u8>)>| {
            bounds.iter().map(|(id, bound)| (*id, datum(bound))).collect::<HashMap<_, _>>()
        };
        DataFileBuilder::default()
            .content(self.content)
            .file_path(self.path.clone())
            .file_format(self.format)
            .partition(partition_struct(schema, spec, partition))
            .partition_spec_id(spec.id)
            .record_count(self.record_count)
            .file_size_in_bytes(self.size)
            .value_counts(self.metrics.value_counts.clone())
            .null_value_counts(self.metrics.null_counts.clone())
            .nan_value_counts(self.metrics.nan_counts.clone())
            .lower_bounds(bounds(&self.metrics.lower_bounds))
            .upper_bounds(bounds(&self.metrics.upper_bounds))
            .equality_ids(self.equality_ids.clone())
            .referenced_data_file(self.referenced_data_file.clone())
            .content_offset(self.content_range.map(|range| range.0))
            .content_size_in_bytes(self.content_range.map(|range| range.1))
            .first_row_id(first_row_id)
            .build()
            .unwrap()
    }
}

fn partition_struct(schema: &TableSchema, spec: &PartitionSpec, partition: &[Value]) -> Struct {
    let literals = spec.fields.iter().zip(partition).map(|(field, value)| {
        let source = schema.columns.iter().find(|column| column.id == field.source_id).unwrap().kind;
        let kind = field.transform.result(source);
        literal(kind, value)
    });
    Struct::from_iter(literals)
}

fn literal(kind: ColumnType, value: &Value) -> Option<Literal> {
    Some(match (kind, value) {
        (_, Value::Null) => return None,
        (ColumnType::Boolean, Value::Boolean(value)) => Literal::bool(*value),
        (ColumnType::Int, Value::Long(value)) => Literal::int(i32::try_from(*value).unwrap()),
        (ColumnType::Date, Value::Long(value)) => Literal::date(i32::try_from(*value).unwrap()),
        (ColumnType::Long, Value::Long(value)) => Literal::long(*value),
        (ColumnType::Timestamp, Value::Long(value)) => Literal::timestamp(*value),
        (ColumnType::String, Value::String(value)) => Literal::string(value),
        (ColumnType::Decimal(_, _), Value::Decimal(value)) => Literal::decimal(*value),
        (kind, value) => panic!("no partition value of type {kind:?} for {value:?}"),
    })
}

fn primitive(kind: ColumnType) -> PrimitiveType {
    match kind {
        ColumnType::Boolean => PrimitiveType::Boolean,
        ColumnType::Int => PrimitiveType::Int,
        ColumnType::Long => PrimitiveType::Long,
        ColumnType::Float => PrimitiveType::Float,
        ColumnType::Double => PrimitiveType::Double,
        ColumnType::Decimal(precision, scale) => {
            PrimitiveType::Decimal { precision: u32::from(precision), scale: u32::try_from(scale).unwrap() }
        }
        ColumnType::String => PrimitiveType::String,
        ColumnType::Date => PrimitiveType::Date,
        ColumnType::Timestamp => PrimitiveType::Timestamp,
        ColumnType::Binary => PrimitiveType::Binary,
    }
}

/// A parquet file and its statistics.
pub(crate) struct Encoded {
    pub(crate) bytes: Bytes,
    pub(crate) metrics: FileMetrics,
}

/// Encodes rows. Strings of bounds are cut to `bound_bytes`; `None` leaves out all statistics.
pub(crate) fn encode(columns: &[FileColumn], rows: &[Row], layout: FileLayout, bound_bytes: Option<usize>) -> Encoded {
    let metrics = bound_bytes.map_or_else(FileMetrics::default, |n| FileMetrics::new(columns, rows, n));
    Encoded { bytes: parquet(columns, rows, layout), metrics }
}

/// The rows of a position delete file, sorted as the spec demands.
pub(crate) fn encode_positions(delete: &PositionDelete, layout: FileLayout, with_bounds: bool) -> Encoded {
    let column = |id, name: &str, kind| FileColumn { id: Some(id), name: name.to_owned(), kind, required: true };
    let columns = [column(FILE_PATH_ID, "file_path", ColumnType::String), column(POS_ID, "pos", ColumnType::Long)];
    let rows: Vec<Row> = delete
        .positions
        .iter()
        .map(|(path, position)| vec![path.as_str().into(), i64::try_from(*position).unwrap().into()])
        .collect();
    // Writers keep these paths whole: a cut bound would name no file.
    encode(&columns, &rows, layout, with_bounds.then_some(usize::MAX))
}

/// Place of one deletion vector in its puffin file: offset and length.
pub(crate) type Range = (i64, i64);

/// Writes deletion vectors of several data files into one puffin file; returns its size and their places.
pub(crate) async fn write_puffin(
    io: &FileIO,
    path: &str,
    vectors: &BTreeMap<String, BTreeSet<usize>>,
) -> (u64, Vec<Range>) {
    let output = io.new_output(path).unwrap();
    let mut writer = PuffinWriter::new(&output, HashMap::new(), false).await.unwrap();
    for (data_file, positions) in vectors {
        let properties = HashMap::from([
            ("referenced-data-file".to_owned(), data_file.clone()),
            ("cardinality".to_owned(), positions.len().to_string()),
        ]);
        let blob = Blob::builder()
            .r#type(DELETION_VECTOR_V1.to_owned())
            .fields(vec![POS_ID])
            .snapshot_id(-1)
            .sequence_number(-1)
            .data(vector_blob(positions))
            .properties(properties)
            .build();
        writer.add(blob, CompressionCodec::None).await.unwrap();
    }
    writer.close().await.unwrap();
    let input = io.new_input(path).unwrap();
    let size = input.metadata().await.unwrap().size;
    let reader = PuffinReader::new(input);
    let metadata = reader.file_metadata().await.unwrap();
    let signed = |value: u64| i64::try_from(value).unwrap();
    (size, metadata.blobs().iter().map(|blob| (signed(blob.offset()), signed(blob.length()))).collect())
}

/// `deletion-vector-v1`: length of what follows up to the checksum, magic, 64-bit bitmap, CRC-32.
fn vector_blob(positions: &BTreeSet<usize>) -> Vec<u8> {
    let bitmap: RoaringTreemap = positions.iter().map(|position| *position as u64).collect();
    let mut body = vec![0xD1, 0xD3, 0x39, 0x64];
    bitmap.serialize_into(&mut body).unwrap();
    let mut blob = u32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
    blob.extend(&body);
    blob.extend(crc32(&body).to_be_bytes());
    blob
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

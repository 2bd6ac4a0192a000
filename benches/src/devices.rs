//! Tables of the shape of those that other engines' compaction is measured on: many small files of readings of
//! devices, and deletes.

use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow_schema::{DataType, Schema, SchemaRef, TimeUnit};
use iceberg::spec::{DataContentType, DataFile, DataFileBuilder, DataFileFormat};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;
use serde_json::{Value as Json, json};

use crate::data::DataFolder;
use crate::events::{mix, with_id};
use crate::table::{ManifestMerging, TableWriter};

const BATCH_ROWS: i64 = 65_536;

/// Which rows are deleted, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletes {
    /// None.
    None,
    /// One row of a hundred, by position: a delete file for each data file.
    Positions,
    /// Keys `37 i`, in files of 5,000.
    Keys(i64),
    /// Keys spread over twice the table's, in one file.
    SpreadKeys(i64),
}

/// A table of devices.
#[derive(Debug, Clone, Copy)]
pub struct Devices {
    /// Data files.
    pub n_files: i64,
    /// Rows of each.
    pub rows_per_file: i64,
    /// Deletes.
    pub deletes: Deletes,
}

impl Devices {
    /// Rows, deleted ones too.
    pub fn n_rows(&self) -> i64 {
        self.n_files * self.rows_per_file
    }

    /// Rows that are live.
    pub fn n_live(&self) -> i64 {
        let n_rows = self.n_rows();
        let n_deleted = match self.deletes {
            Deletes::None => 0,
            Deletes::Positions => (0..n_rows).filter(|id| is_deleted(*id)).count(),
            Deletes::Keys(n) => (0..n).filter(|n| n * 37 < n_rows).count(),
            Deletes::SpreadKeys(n) => (0..n).filter(|n| spread(*n, n_rows) < n_rows).count(),
        };
        n_rows - i64::try_from(n_deleted).unwrap_or(0)
    }

    /// Path of the table's metadata file; made unless it is there.
    ///
    /// # Errors
    /// A file could not be written.
    pub fn path(&self, home: &DataFolder) -> Result<String> {
        let Self { n_files, rows_per_file, deletes } = *self;
        let name = format!("bench-data-devices-{n_files}-{rows_per_file}-{deletes:?}").to_lowercase();
        let name: String = name.chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
        let folder = home.folder(&name, |folder| {
            let metadata = tokio::runtime::Builder::new_multi_thread().build()?.block_on(self.write(folder))?;
            Ok(std::fs::write(folder.join("metadata-location"), metadata)?)
        })?;
        Ok(std::fs::read_to_string(folder.join("metadata-location"))?)
    }

    async fn write(&self, folder: &Path) -> Result<String> {
        let mut table = TableWriter::new(folder, schema_json(), ManifestMerging::Never)?;
        let mut files = Vec::new();
        for index in 0..self.n_files {
            let path = folder.join(format!("{index:05}-data.parquet"));
            let ids = index * self.rows_per_file..(index + 1) * self.rows_per_file;
            let chunks = ids.clone().step_by(usize::try_from(BATCH_ROWS)?);
            write(&path, schema(), chunks.map(|first| batch(first..ids.end.min(first + BATCH_ROWS))))?;
            files.push(described(&path, DataContentType::Data, self.rows_per_file)?.build()?);
        }
        table.append(files).await?;
        match self.deletes {
            Deletes::None => {}
            Deletes::Positions => {
                let files = (0..self.n_files).map(|index| self.positions(folder, index));
                table.delete(files.collect::<Result<_>>()?).await?;
            }
            Deletes::Keys(n_keys) => {
                let keys: Vec<i64> = (0..n_keys).map(|n| n * 37).collect();
                for (index, keys) in keys.chunks(5000).enumerate() {
                    table.delete(vec![write_keys(folder, index, keys)?]).await?;
                }
            }
            Deletes::SpreadKeys(n_keys) => {
                let keys: Vec<i64> = (0..n_keys).map(|n| spread(n, self.n_rows())).collect();
                table.delete(vec![write_keys(folder, 0, &keys)?]).await?;
            }
        }
        table.finish()
    }

    fn positions(&self, folder: &Path, index: i64) -> Result<DataFile> {
        let schema = Arc::new(Schema::new(vec![
            with_id("file_path", DataType::Utf8, false, 2_147_483_546),
            with_id("pos", DataType::Int64, false, 2_147_483_545),
        ]));
        let data = folder.join(format!("{index:05}-data.parquet")).display().to_string();
        let first = index * self.rows_per_file;
        let positions: Vec<i64> = (0..self.rows_per_file).filter(|position| is_deleted(first + position)).collect();
        let n_rows = i64::try_from(positions.len())?;
        let paths: ArrayRef = Arc::new(StringArray::from(vec![data.as_str(); positions.len()]));
        let batch = RecordBatch::try_new(schema.clone(), vec![paths, Arc::new(Int64Array::from(positions))])?;
        let path = folder.join(format!("{index:05}-deletes.parquet"));
        write(&path, schema, std::iter::once(Ok(batch)))?;
        let mut file = described(&path, DataContentType::PositionDeletes, n_rows)?;
        Ok(file.referenced_data_file(Some(data)).build()?)
    }
}

fn is_deleted(id: i64) -> bool {
    id % 100 == 7
}

/// Keys in no order, half of which the table has.
fn spread(n: i64, n_rows: i64) -> i64 {
    // A prime, so that no key comes twice among the first `2 n_rows`.
    n * 15_485_863 % (2 * n_rows)
}

fn write_keys(folder: &Path, index: usize, keys: &[i64]) -> Result<DataFile> {
    let schema = Arc::new(Schema::new(vec![with_id("id", DataType::Int64, false, 1)]));
    let path = folder.join(format!("{index:05}-keys.parquet"));
    let column: ArrayRef = Arc::new(Int64Array::from(keys.to_vec()));
    write(&path, schema.clone(), std::iter::once(Ok(RecordBatch::try_new(schema, vec![column])?)))?;
    let mut file = described(&path, DataContentType::EqualityDeletes, i64::try_from(keys.len())?)?;
    Ok(file.equality_ids(Some(vec![1])).build()?)
}

fn schema_json() -> Json {
    json!({"type": "struct", "schema-id": 0, "fields": [
        {"id": 1, "name": "id", "required": true, "type": "long"},
        {"id": 2, "name": "k", "required": false, "type": "long"},
        {"id": 3, "name": "ts", "required": false, "type": "timestamptz"},
        {"id": 4, "name": "name", "required": false, "type": "string"},
        {"id": 5, "name": "payload", "required": false, "type": "string"},
        {"id": 6, "name": "v", "required": false, "type": "double"}]})
}

fn schema() -> SchemaRef {
    let zone = DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into()));
    Arc::new(Schema::new(vec![
        with_id("id", DataType::Int64, false, 1),
        with_id("k", DataType::Int64, true, 2),
        with_id("ts", zone, true, 3),
        with_id("name", DataType::Utf8, true, 4),
        with_id("payload", DataType::Utf8, true, 5),
        with_id("v", DataType::Float64, true, 6),
    ]))
}

fn batch(ids: Range<i64>) -> Result<RecordBatch> {
    let random = |id: i64, stream: u64| mix(id.unsigned_abs().wrapping_mul(16).wrapping_add(stream));
    // Two hashes of 256 bits, in hexadecimal.
    let payload = |id: i64| (0..8).map(|part| format!("{:016x}", random(id, part))).collect::<String>();
    let times = ids.clone().map(|id| 1_767_225_600_000_000 + id / 10 * 1_000_000);
    #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)] // Any number will do.
    let hash = |id: i64| i64::from(random(id, 8) as i32) * 7919;
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(ids.clone())),
        Arc::new(Int64Array::from_iter_values(ids.clone().map(hash))),
        Arc::new(TimestampMicrosecondArray::from_iter_values(times).with_timezone("+00:00")),
        Arc::new(StringArray::from_iter_values(ids.clone().map(|id| format!("device-{}", id % 5000)))),
        Arc::new(StringArray::from_iter_values(ids.clone().map(payload))),
        Arc::new(Float64Array::from_iter_values(ids.map(|id| (random(id, 9) >> 11) as f64 / (1_u64 << 53) as f64))),
    ];
    Ok(RecordBatch::try_new(schema(), columns)?)
}

/// As Iceberg's Java writers do it: zstd at level 3, and dictionaries only where they are smaller than the values.
fn write(path: &Path, schema: SchemaRef, batches: impl Iterator<Item = Result<RecordBatch>>) -> Result<()> {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .set_dictionary_enabled(false);
    for column in ["ts", "name", "file_path"] {
        properties = properties.set_column_dictionary_enabled(ColumnPath::from(column), true);
    }
    let mut writer = ArrowWriter::try_new(File::create(path)?, schema, Some(properties.build()))?;
    for batch in batches {
        writer.write(&batch?)?;
    }
    writer.close()?;
    Ok(())
}

fn described(path: &Path, content: DataContentType, n_rows: i64) -> Result<DataFileBuilder> {
    let mut file = DataFileBuilder::default();
    file.content(content)
        .file_path(path.to_str().context("the folder's name is not UTF-8")?.to_owned())
        .file_format(DataFileFormat::Parquet)
        .partition(iceberg::spec::Struct::empty())
        .partition_spec_id(0)
        .record_count(u64::try_from(n_rows)?)
        .file_size_in_bytes(std::fs::metadata(path)?.len());
    Ok(file)
}

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::single_range_in_vec_init)]

mod corrupt;
mod legacy;
mod missing;
mod nesting;
mod prune;
mod selection;
mod types;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{DataType, Field, FieldRef, Schema as ArrowSchema};
use bytes::Bytes;
use iceberg::spec::{NestedField, NestedFieldRef, PrimitiveType, Schema, TableMetadata, Type};
use parquet::arrow::{ArrowWriter, PARQUET_FIELD_ID_META_KEY};
use parquet::file::properties::WriterProperties;
use serde_json::{Value, json};

use super::{FileReader, PositionedBatch, Projection, RowSelect};
use crate::file::{ColumnMetrics, EntryOrder, FileContent, FileEntry, FileFormat, PartitionTuple, PartitionValue};
use crate::ids::{DataSequenceNumber, SnapshotId, SpecId};
use crate::metadata::ForeignFields;
use crate::storage::Storage;
use crate::table::Table;
use crate::{Result, TableError};

const PATH: &str = "memory://bucket/data/f.parquet";

/// A table with one file that no manifest lists.
struct TestFile {
    storage: Storage,
    schemas: Vec<Schema>,
    partition_fields: Vec<Value>,
    properties: BTreeMap<String, String>,
    foreign: ForeignFields,
    entry: FileEntry,
    bytes: Bytes,
}

impl TestFile {
    /// A file with these bytes and rows.
    fn new(bytes: Bytes, n_rows: u64) -> Self {
        let entry = FileEntry {
            content: FileContent::Data,
            path: PATH.into(),
            format: FileFormat::Parquet,
            spec_id: SpecId::new(0),
            partition: PartitionTuple::default(),
            record_count: n_rows,
            file_size_bytes: bytes.len() as u64,
            data_sequence_number: DataSequenceNumber::new(7),
            file_sequence_number: Some(7),
            added_snapshot_id: SnapshotId::new(1),
            metrics: Arc::new(ColumnMetrics::default()),
            equality_ids: Vec::new(),
            referenced_data_file: None,
            content_range: None,
            first_row_id: None,
            is_encrypted: false,
            order: EntryOrder::default(),
        };
        Self {
            storage: Storage::local(),
            schemas: Vec::new(),
            partition_fields: Vec::new(),
            properties: BTreeMap::new(),
            foreign: ForeignFields::default(),
            entry,
            bytes,
        }
    }

    /// A file with these columns, by field id.
    fn of(columns: Vec<(FieldRef, ArrayRef)>) -> Self {
        let n_rows = columns[0].1.len() as u64;
        Self::new(write(&[batch(columns)], WriterProperties::new()), n_rows)
    }

    /// The table's newest schema.
    fn schema(mut self, fields: Vec<NestedFieldRef>) -> Self {
        let id = i32::try_from(self.schemas.len()).unwrap();
        self.schemas.push(Schema::builder().with_schema_id(id).with_fields(fields).build().unwrap());
        self
    }

    fn partitioned_by(mut self, source_id: i32, value: Option<PartitionValue>) -> Self {
        let field_id = 1000 + self.partition_fields.len();
        self.partition_fields.push(json!({
            "source-id": source_id, "field-id": field_id, "name": format!("p{field_id}"), "transform": "identity",
        }));
        let values: Vec<_> = self.entry.partition.0.iter().cloned().chain([value]).collect();
        self.entry.partition = PartitionTuple(values.into());
        self
    }

    fn name_mapping(mut self, mapping: &Value) -> Self {
        self.properties.insert("schema.name-mapping.default".to_owned(), mapping.to_string());
        self
    }

    fn table(&self) -> Table {
        let schemas: Vec<Value> = self.schemas.iter().map(|schema| serde_json::to_value(schema).unwrap()).collect();
        let metadata: TableMetadata = serde_json::from_value(json!({
            "format-version": 3, "table-uuid": "9c12d441-03fe-4693-9a96-a0705ddf69c1", "location": "memory://bucket",
            "last-sequence-number": 7, "last-updated-ms": 0, "last-column-id": 1000, "next-row-id": 0,
            "schemas": schemas, "current-schema-id": schemas.len() - 1,
            "partition-specs": [{"spec-id": 0, "fields": self.partition_fields}], "default-spec-id": 0,
            "last-partition-id": 1100, "sort-orders": [{"order-id": 0, "fields": []}], "default-sort-order-id": 0,
            "properties": self.properties,
        }))
        .unwrap();
        let storage = self.storage.clone();
        Table::new("t", metadata, "memory://bucket/m.json", storage, self.foreign.clone()).unwrap()
    }

    async fn open(&self) -> Result<FileReader> {
        self.storage.write(PATH, self.bytes.clone()).await.unwrap();
        FileReader::open(&self.table(), &Arc::new(self.entry.clone())).await
    }

    fn projection(&self) -> Result<Projection> {
        let table = self.table();
        Projection::of_schema(&table, table.metadata().current_schema())
    }

    /// All rows in the newest schema, as text.
    async fn rows(&self) -> Result<Vec<String>> {
        self.rows_of(&self.projection()?).await
    }

    async fn rows_of(&self, projection: &Projection) -> Result<Vec<String>> {
        let batches = read(&self.open().await?, projection, RowSelect::default(), 1000).await?;
        Ok(batches.iter().flat_map(|batch| text(&batch.batch)).collect())
    }

    /// The error of reading all rows, as text.
    async fn error(&self) -> String {
        let error = self.rows().await.expect_err("reading should fail");
        assert!(!matches!(error, TableError::Internal { .. }), "{error}");
        error.to_string()
    }
}

async fn read(
    reader: &FileReader,
    projection: &Projection,
    select: RowSelect,
    batch_rows: usize,
) -> Result<Vec<PositionedBatch>> {
    let mut stream = reader.read(projection, select, batch_rows);
    let mut batches = Vec::new();
    while let Some(batch) = stream.next().await? {
        assert_eq!(batch.batch.num_rows(), batch.positions.len());
        assert_eq!(&batch.batch.schema(), projection.arrow_schema());
        batches.push(batch);
    }
    Ok(batches)
}

/// One line for each row, its values separated by ` | `; null is `-`.
fn text(batch: &RecordBatch) -> Vec<String> {
    let options = FormatOptions::new().with_null("-");
    let columns: Vec<_> =
        batch.columns().iter().map(|column| ArrayFormatter::try_new(column.as_ref(), &options).unwrap()).collect();
    let row = |row: usize| columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join(" | ");
    (0..batch.num_rows()).map(row).collect()
}

/// An Arrow field with a field id.
fn id(id: i32, name: &str, data_type: DataType) -> FieldRef {
    let metadata = HashMap::from([(PARQUET_FIELD_ID_META_KEY.to_owned(), id.to_string())]);
    Arc::new(Field::new(name, data_type, true).with_metadata(metadata))
}

fn optional(id: i32, name: &str, primitive: PrimitiveType) -> NestedFieldRef {
    NestedField::optional(id, name, Type::Primitive(primitive)).into()
}

fn batch(columns: Vec<(FieldRef, ArrayRef)>) -> RecordBatch {
    let (fields, arrays): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
    RecordBatch::try_new(Arc::new(ArrowSchema::new(fields)), arrays).unwrap()
}

/// A parquet file with one row group for each batch.
fn write(batches: &[RecordBatch], properties: WriterProperties) -> Bytes {
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batches[0].schema(), Some(properties)).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
        writer.flush().unwrap();
    }
    writer.close().unwrap();
    bytes.into()
}

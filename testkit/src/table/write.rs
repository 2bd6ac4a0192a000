//! Data and delete files of a test table.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::executor::block_on;
use iceberg::spec::{DataContentType, DataFileFormat, Datum, PrimitiveType};

use super::TestTable;
use crate::encode::{FileColumn, FileLayout, FileMetrics};
use crate::model::{DataFile, DeletionVector, EqualityDelete, File, Lineage, PositionDelete};
use crate::schema::{ColumnType, Transform};
use crate::stored::{Encoded, ROW_ID, StoredFile, UPDATED_ID, encode, encode_positions, write_puffin};
use crate::value::{Row, Value};

/// A data file to write.
#[derive(Debug, Clone, Default)]
pub struct DataSpec {
    /// Rows in the order of `column_ids`.
    pub rows: Vec<Row>,
    /// Columns of the file; `None` for those of the current schema.
    pub column_ids: Option<Vec<i32>>,
    /// Partition spec; `None` for the default one.
    pub spec_id: Option<i32>,
    /// Partition tuple; `None` takes that of the first row.
    pub partition: Option<Vec<Value>>,
    /// Layout.
    pub layout: FileLayout,
    /// Statistics in the manifest: strings of bounds are cut to this length; `None` for no statistics.
    pub bound_bytes: Option<usize>,
    /// Lineage columns.
    pub lineage: Option<Vec<Lineage>>,
    /// Names of the rows.
    pub tags: Vec<u64>,
    /// The file's columns carry no field ids, as in files of tables that were migrated.
    pub without_field_ids: bool,
}

/// An equality delete file to write.
#[derive(Debug, Clone, Default)]
pub struct EqualitySpec {
    /// Compared columns.
    pub column_ids: Vec<i32>,
    /// Rows in the order of `column_ids`, then of `extra_ids`.
    pub rows: Vec<Row>,
    /// Columns that the file has beside the compared ones.
    pub extra_ids: Vec<i32>,
    /// Partition spec; `None` for the default one.
    pub spec_id: Option<i32>,
    /// Partition tuple; needed unless the spec is unpartitioned.
    pub partition: Vec<Value>,
    /// Layout.
    pub layout: FileLayout,
    /// As in [`DataSpec::bound_bytes`].
    pub bound_bytes: Option<usize>,
}

/// A position delete file to write.
#[derive(Debug, Clone, Default)]
pub struct PositionSpec {
    /// Data files and positions.
    pub positions: BTreeSet<(String, usize)>,
    /// Partition spec; `None` for the default one.
    pub spec_id: Option<i32>,
    /// Partition tuple; needed unless the spec is unpartitioned.
    pub partition: Vec<Value>,
    /// All positions are of one data file, and the manifest names it.
    pub file_scoped: bool,
    /// The manifest has bounds of the paths.
    pub with_bounds: bool,
    /// Layout.
    pub layout: FileLayout,
}

impl TestTable {
    /// Partition tuple of a row of the current schema.
    pub fn partition_of(&self, spec_id: i32, row: &Row) -> Vec<Value> {
        let ids = self.schema().ids();
        self.partition_with(spec_id, |source_id| row[ids.iter().position(|id| *id == source_id).unwrap()].clone())
    }

    /// Partition tuple from the values of the source columns.
    pub fn partition_with(&self, spec_id: i32, value_of: impl Fn(i32) -> Value) -> Vec<Value> {
        let spec = &self.history.specs[&spec_id];
        spec.fields
            .iter()
            .map(|field| match field.transform {
                Transform::Identity => value_of(field.source_id),
                Transform::Bucket(n) => bucket(n, &value_of(field.source_id)),
                Transform::Void => Value::Null,
                transform => {
                    transformed(transform, self.history.columns[&field.source_id].kind, &value_of(field.source_id))
                }
            })
            .collect()
    }

    /// Writes a data file.
    pub fn write_data(&mut self, data: DataSpec) -> Arc<StoredFile> {
        let spec_id = data.spec_id.unwrap_or(self.default_spec_id);
        let column_ids = data.column_ids.unwrap_or_else(|| self.schema().ids());
        let partition = data.partition.unwrap_or_else(|| {
            let value_of = |id| {
                let row = data.rows.first().expect("an empty file needs an explicit partition");
                column_ids.iter().position(|column| *column == id).map_or(Value::Null, |index| row[index].clone())
            };
            if self.history.specs[&spec_id].fields.is_empty() { vec![] } else { self.partition_with(spec_id, value_of) }
        });
        let mut columns = self.file_columns(&column_ids);
        let mut rows = data.rows.clone();
        if let Some(lineage) = &data.lineage {
            for (id, name) in [(ROW_ID, "_row_id"), (UPDATED_ID, "_last_updated_sequence_number")] {
                let kind = ColumnType::Long;
                columns.push(FileColumn { id: Some(id), name: name.to_owned(), kind, required: false });
            }
            for (row, (row_id, updated)) in rows.iter_mut().zip(lineage) {
                row.extend([Value::from(*row_id), Value::from(*updated)]);
            }
        }
        if data.without_field_ids {
            for column in &mut columns {
                column.id = None;
            }
        }
        let path = self.next_path("data", "parquet");
        let encoded = encode(&columns, &rows, data.layout, data.bound_bytes);
        let record_count = rows.len() as u64;
        let file = File::Data(DataFile {
            path: path.clone(),
            spec_id,
            partition,
            column_ids,
            rows: data.rows,
            lineage: data.lineage,
            tags: data.tags,
        });
        self.store(path, file, record_count, encoded)
    }

    /// Writes an equality delete file.
    pub fn write_equality(&mut self, delete: EqualitySpec) -> Arc<StoredFile> {
        let spec_id = delete.spec_id.unwrap_or(self.default_spec_id);
        let ids: Vec<i32> = delete.column_ids.iter().chain(&delete.extra_ids).copied().collect();
        let columns = self.file_columns(&ids);
        let path = self.next_path("data", "parquet");
        let encoded = encode(&columns, &delete.rows, delete.layout, delete.bound_bytes);
        let n_ids = delete.column_ids.len();
        let file = File::Equality(EqualityDelete {
            path: path.clone(),
            spec_id,
            partition: delete.partition,
            column_ids: delete.column_ids,
            keys: delete.rows.iter().map(|row| row[..n_ids].to_vec()).collect(),
        });
        self.store(path, file, delete.rows.len() as u64, encoded)
    }

    /// Writes a position delete file.
    pub fn write_positions(&mut self, delete: PositionSpec) -> Arc<StoredFile> {
        let spec_id = delete.spec_id.unwrap_or(self.default_spec_id);
        let path = self.next_path("data", "parquet");
        let record_count = delete.positions.len() as u64;
        let positions =
            PositionDelete { path: path.clone(), spec_id, partition: delete.partition, positions: delete.positions };
        let encoded = encode_positions(&positions, delete.layout, delete.with_bounds);
        let referenced = delete.file_scoped.then(|| {
            let paths: BTreeSet<&String> = positions.positions.iter().map(|(path, _)| path).collect();
            assert_eq!(paths.len(), 1, "a file-scoped position delete names one data file");
            (*paths.first().unwrap()).clone()
        });
        let mut stored = self.stored(path, File::Position(positions), record_count, &encoded);
        stored.referenced_data_file = referenced;
        self.put(stored, encoded)
    }

    /// Writes deletion vectors of data files into one puffin file; returns them in the order of the paths.
    pub fn write_vectors(
        &mut self,
        vectors: &BTreeMap<String, BTreeSet<usize>>,
        scope_of: impl Fn(&str) -> (i32, Vec<Value>),
    ) -> Vec<Arc<StoredFile>> {
        let path = self.next_path("data", "puffin");
        let (size, ranges) = block_on(write_puffin(&self.io, &path, vectors));
        vectors
            .iter()
            .zip(ranges)
            .map(|((data_file, positions), range)| {
                let (spec_id, partition) = scope_of(data_file);
                let file = File::Vector(DeletionVector {
                    place: (path.clone(), u64::try_from(range.0).unwrap()),
                    spec_id,
                    partition,
                    data_file: data_file.clone(),
                    positions: positions.clone(),
                });
                Arc::new(StoredFile {
                    file: Arc::new(file),
                    path: path.clone(),
                    format: DataFileFormat::Puffin,
                    content: DataContentType::PositionDeletes,
                    record_count: positions.len() as u64,
                    size,
                    metrics: FileMetrics::default(),
                    equality_ids: None,
                    referenced_data_file: Some(data_file.clone()),
                    content_range: Some(range),
                })
            })
            .collect()
    }

    fn file_columns(&self, ids: &[i32]) -> Vec<FileColumn> {
        ids.iter()
            .map(|id| {
                let column = &self.history.columns[id];
                FileColumn { id: Some(*id), name: column.name.clone(), kind: column.kind, required: column.required }
            })
            .collect()
    }

    /// Paths do not sort in the order of writing, so that nothing can rely on it.
    fn next_path(&mut self, folder: &str, extension: &str) -> String {
        self.n_files += 1;
        let scrambled = (self.n_files * 40_503) % 65_521;
        format!("{}/{folder}/{scrambled:05}-{}.{extension}", self.location, self.n_files)
    }

    fn store(&self, path: String, file: File, record_count: u64, encoded: Encoded) -> Arc<StoredFile> {
        let stored = self.stored(path, file, record_count, &encoded);
        self.put(stored, encoded)
    }

    fn stored(&self, path: String, file: File, record_count: u64, encoded: &Encoded) -> StoredFile {
        let (content, equality_ids) = match &file {
            File::Data(_) => (DataContentType::Data, None),
            File::Equality(delete) => (DataContentType::EqualityDeletes, Some(delete.column_ids.clone())),
            File::Position(_) | File::Vector(_) => (DataContentType::PositionDeletes, None),
        };
        StoredFile {
            file: Arc::new(file),
            path,
            format: DataFileFormat::Parquet,
            content,
            record_count,
            size: encoded.bytes.len() as u64,
            metrics: encoded.metrics.clone(),
            equality_ids,
            referenced_data_file: None,
            content_range: None,
        }
    }

    fn put(&self, stored: StoredFile, encoded: Encoded) -> Arc<StoredFile> {
        block_on(self.storage.write(&stored.path, encoded.bytes)).unwrap();
        Arc::new(stored)
    }
}

/// What the iceberg crate makes of a value, for transforms that cut something off.
fn transformed(transform: Transform, kind: ColumnType, value: &Value) -> Value {
    let datum = match (kind, value) {
        (_, Value::Null) => return Value::Null,
        (ColumnType::Int, Value::Long(value)) => Datum::int(i32::try_from(*value).unwrap()),
        (ColumnType::Long, Value::Long(value)) => Datum::long(*value),
        (ColumnType::Date, Value::Long(value)) => Datum::date(i32::try_from(*value).unwrap()),
        (ColumnType::Timestamp, Value::Long(value)) => Datum::timestamp_micros(*value),
        (ColumnType::String, Value::String(value)) => Datum::string(value),
        (kind, value) => panic!("no {transform:?} of {value:?} as {kind:?}"),
    };
    let transform: iceberg::spec::Transform = transform.name().parse().unwrap();
    let transform = iceberg::transform::create_transform_function(&transform).unwrap();
    match transform.transform_literal_result(&datum).unwrap().literal() {
        iceberg::spec::PrimitiveLiteral::Int(value) => Value::from(*value),
        iceberg::spec::PrimitiveLiteral::Long(value) => Value::from(*value),
        iceberg::spec::PrimitiveLiteral::String(value) => Value::from(value.as_str()),
        other => panic!("no partition value: {other:?}"),
    }
}

/// Bucket of a value. Source: Iceberg spec, Appendix B, as the iceberg crate computes it.
fn bucket(n: u32, value: &Value) -> Value {
    let datum = match value {
        Value::Null => return Value::Null,
        // Integers hash as longs.
        Value::Long(value) => Datum::long(*value),
        Value::String(value) => Datum::string(value),
        other => panic!("no bucket for {other:?}"),
    };
    let transform = iceberg::transform::create_transform_function(&iceberg::spec::Transform::Bucket(n)).unwrap();
    let bucket = transform.transform_literal_result(&datum).unwrap();
    match (bucket.data_type(), bucket.literal()) {
        (PrimitiveType::Int, iceberg::spec::PrimitiveLiteral::Int(bucket)) => Value::from(*bucket),
        other => panic!("a bucket is an int: {other:?}"),
    }
}

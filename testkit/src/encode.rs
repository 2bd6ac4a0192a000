//! From plain rows to parquet files, and from record batches back to plain rows.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int32Array,
    Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use bytes::Bytes;
use parquet::arrow::{ArrowWriter, PARQUET_FIELD_ID_META_KEY};
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use crate::schema::ColumnType;
use crate::value::{Row, Value};

/// How a parquet file is laid out. The default is one plain row group.
#[derive(Debug, Clone, Copy)]
pub struct FileLayout {
    /// Rows of one row group at most.
    pub row_group_rows: usize,
    /// Rows of one page at most.
    pub page_rows: usize,
    /// Bloom filters for all columns.
    pub bloom_filters: bool,
    /// Dictionary encoding.
    pub dictionary: bool,
    /// Column statistics in the file.
    pub statistics: bool,
    /// Snappy compression.
    pub compressed: bool,
}

impl Default for FileLayout {
    fn default() -> Self {
        Self {
            row_group_rows: 1 << 20,
            page_rows: 1 << 20,
            bloom_filters: false,
            dictionary: true,
            statistics: true,
            compressed: false,
        }
    }
}

/// A column of a file: field id, name and type.
#[derive(Debug, Clone)]
pub struct FileColumn {
    /// Field id; `None` leaves it out of the file.
    pub id: Option<i32>,
    /// Name.
    pub name: String,
    /// Type.
    pub kind: ColumnType,
    /// Holds no NULL.
    pub required: bool,
}

/// Writes a parquet file.
pub fn parquet(columns: &[FileColumn], rows: &[Row], layout: FileLayout) -> Bytes {
    let fields: Vec<Field> = columns
        .iter()
        .map(|column| {
            let field = Field::new(&column.name, data_type(column.kind), !column.required);
            match column.id {
                None => field,
                Some(id) => {
                    field.with_metadata(HashMap::from([(PARQUET_FIELD_ID_META_KEY.to_owned(), id.to_string())]))
                }
            }
        })
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let arrays: Vec<ArrayRef> = columns
        .iter()
        .enumerate()
        .map(|(index, column)| array(column.kind, rows.iter().map(|row| &row[index])))
        .collect();
    let batch = RecordBatch::try_new(schema.clone(), arrays).unwrap();
    let statistics = if layout.statistics {
        parquet::file::properties::EnabledStatistics::Page
    } else {
        parquet::file::properties::EnabledStatistics::None
    };
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(layout.row_group_rows))
        .set_data_page_row_count_limit(layout.page_rows)
        .set_write_batch_size(layout.page_rows.min(1024))
        .set_bloom_filter_enabled(layout.bloom_filters)
        .set_bloom_filter_ndv(rows.len().min(layout.row_group_rows).max(64) as u64)
        .set_dictionary_enabled(layout.dictionary)
        .set_statistics_enabled(statistics)
        .set_compression(if layout.compressed { Compression::SNAPPY } else { Compression::UNCOMPRESSED })
        .build();
    let mut writer = ArrowWriter::try_new(Vec::new(), schema, Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    Bytes::from(writer.into_inner().unwrap())
}

fn data_type(kind: ColumnType) -> DataType {
    match kind {
        ColumnType::Boolean => DataType::Boolean,
        ColumnType::Int => DataType::Int32,
        ColumnType::Long => DataType::Int64,
        ColumnType::Float => DataType::Float32,
        ColumnType::Double => DataType::Float64,
        ColumnType::Decimal(precision, scale) => DataType::Decimal128(precision, scale),
        ColumnType::String => DataType::Utf8,
        ColumnType::Date => DataType::Date32,
        ColumnType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
        ColumnType::Binary => DataType::Binary,
    }
}

fn array<'a>(kind: ColumnType, values: impl Iterator<Item = &'a Value>) -> ArrayRef {
    let long = |value: &Value| match value {
        Value::Long(value) => Some(*value),
        Value::Null => None,
        other => panic!("{other:?} is not of type {kind:?}"),
    };
    let double = |value: &Value| match value {
        Value::Double(bits) => Some(f64::from_bits(*bits)),
        Value::Null => None,
        other => panic!("{other:?} is not of type {kind:?}"),
    };
    match kind {
        ColumnType::Boolean => Arc::new(
            values
                .map(|value| match value {
                    Value::Boolean(value) => Some(*value),
                    Value::Null => None,
                    other => panic!("{other:?} is not of type {kind:?}"),
                })
                .collect::<BooleanArray>(),
        ),
        ColumnType::Int => {
            Arc::new(values.map(|value| long(value).map(|value| i32::try_from(value).unwrap())).collect::<Int32Array>())
        }
        ColumnType::Date => Arc::new(
            values.map(|value| long(value).map(|value| i32::try_from(value).unwrap())).collect::<Date32Array>(),
        ),
        ColumnType::Long => Arc::new(values.map(long).collect::<Int64Array>()),
        ColumnType::Timestamp => Arc::new(values.map(long).collect::<TimestampMicrosecondArray>()),
        #[allow(clippy::cast_possible_truncation)] // Values of float columns are widened floats.
        ColumnType::Float => {
            Arc::new(values.map(|value| double(value).map(|value| value as f32)).collect::<Float32Array>())
        }
        ColumnType::Double => Arc::new(values.map(double).collect::<Float64Array>()),
        ColumnType::Decimal(precision, scale) => {
            let decimals: Decimal128Array = values
                .map(|value| match value {
                    Value::Decimal(value) => Some(*value),
                    Value::Null => None,
                    other => panic!("{other:?} is not of type {kind:?}"),
                })
                .collect();
            Arc::new(decimals.with_precision_and_scale(precision, scale).unwrap())
        }
        ColumnType::String => Arc::new(
            values
                .map(|value| match value {
                    Value::String(value) => Some(value.as_str()),
                    Value::Null => None,
                    other => panic!("{other:?} is not of type {kind:?}"),
                })
                .collect::<StringArray>(),
        ),
        ColumnType::Binary => Arc::new(
            values
                .map(|value| match value {
                    Value::Bytes(value) => Some(value.as_slice()),
                    Value::Null => None,
                    other => panic!("{other:?} is not of type {kind:?}"),
                })
                .collect::<BinaryArray>(),
        ),
    }
}

/// Rows of a record batch, in the order of its columns.
pub fn rows_of(batch: &RecordBatch) -> Vec<Row> {
    let columns: Vec<Vec<Value>> = batch.columns().iter().map(values_of).collect();
    (0..batch.num_rows()).map(|row| columns.iter().map(|column| column[row].clone()).collect()).collect()
}

macro_rules! values {
    ($array:expr, $type:ty, |$value:ident| $into:expr) => {{
        let array = $array.as_any().downcast_ref::<$type>().unwrap();
        array.iter().map(|value| value.map_or(Value::Null, |$value| $into)).collect()
    }};
}

fn values_of(array: &ArrayRef) -> Vec<Value> {
    match array.data_type() {
        DataType::Null => vec![Value::Null; array.len()],
        DataType::Boolean => values!(array, BooleanArray, |value| Value::Boolean(value)),
        DataType::Int32 => values!(array, Int32Array, |value| Value::from(value)),
        DataType::Int64 => values!(array, Int64Array, |value| Value::Long(value)),
        DataType::Date32 => values!(array, Date32Array, |value| Value::from(value)),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            values!(array, TimestampMicrosecondArray, |value| Value::Long(value))
        }
        DataType::Float32 => values!(array, Float32Array, |value| Value::from(value)),
        DataType::Float64 => values!(array, Float64Array, |value| Value::double(value)),
        DataType::Decimal128(_, _) => values!(array, Decimal128Array, |value| Value::Decimal(value)),
        DataType::Utf8 => values!(array, StringArray, |value| Value::from(value)),
        DataType::LargeUtf8 => values!(array, arrow_array::LargeStringArray, |value| Value::from(value)),
        DataType::Utf8View => values!(array, arrow_array::StringViewArray, |value| Value::from(value)),
        DataType::Binary => values!(array, BinaryArray, |value| Value::Bytes(value.to_vec())),
        DataType::LargeBinary => values!(array, arrow_array::LargeBinaryArray, |value| Value::Bytes(value.to_vec())),
        DataType::BinaryView => values!(array, arrow_array::BinaryViewArray, |value| Value::Bytes(value.to_vec())),
        other => panic!("no plain values for {other}"),
    }
}

/// Column statistics of a file, as a manifest carries them.
#[derive(Debug, Clone, Default)]
pub struct FileMetrics {
    /// Values of each column, NULL and NaN included.
    pub value_counts: HashMap<i32, u64>,
    /// NULLs.
    pub null_counts: HashMap<i32, u64>,
    /// NaNs of floating-point columns.
    pub nan_counts: HashMap<i32, u64>,
    /// Lower bounds, in the spec's binary form.
    pub lower_bounds: HashMap<i32, (ColumnType, Vec<u8>)>,
    /// Upper bounds, in the spec's binary form.
    pub upper_bounds: HashMap<i32, (ColumnType, Vec<u8>)>,
}

impl FileMetrics {
    /// Computes them; bounds of strings are cut to `string_bytes` characters.
    pub fn new(columns: &[FileColumn], rows: &[Row], string_bytes: usize) -> Self {
        let mut metrics = Self::default();
        for (index, column) in columns.iter().enumerate() {
            let Some(id) = column.id else { continue };
            let values = || rows.iter().map(|row| &row[index]);
            let n_nan = values().filter(|value| is_nan(value)).count();
            metrics.value_counts.insert(id, rows.len() as u64);
            metrics.null_counts.insert(id, values().filter(|value| value.is_null()).count() as u64);
            if matches!(column.kind, ColumnType::Float | ColumnType::Double) {
                metrics.nan_counts.insert(id, n_nan as u64);
            }
            let comparable = || values().filter(|value| !value.is_null() && !is_nan(value));
            if let Some(lowest) = comparable().min_by(|a, b| total_order(a, b)) {
                metrics
                    .lower_bounds
                    .insert(id, (column.kind, single_value(column.kind, &cut(lowest, string_bytes, false))));
            }
            if let Some(highest) = comparable().max_by(|a, b| total_order(a, b)) {
                metrics
                    .upper_bounds
                    .insert(id, (column.kind, single_value(column.kind, &cut(highest, string_bytes, true))));
            }
        }
        metrics
    }
}

fn is_nan(value: &Value) -> bool {
    matches!(value, Value::Double(bits) if f64::from_bits(*bits).is_nan())
}

fn total_order(a: &Value, b: &Value) -> std::cmp::Ordering {
    match (a, b) {
        (Value::Double(a), Value::Double(b)) => f64::from_bits(*a).total_cmp(&f64::from_bits(*b)),
        _ => a.cmp(b),
    }
}

/// Cuts an ASCII string as writers do; upper bounds are rounded up.
fn cut(value: &Value, n: usize, up: bool) -> Value {
    match value {
        Value::String(text) if text.len() > n => {
            let mut bytes = text.as_bytes()[..n].to_vec();
            if up {
                *bytes.last_mut().unwrap() += 1;
            }
            Value::String(String::from_utf8(bytes).unwrap())
        }
        other => other.clone(),
    }
}

/// Binary single-value serialization. Source: Iceberg spec, Appendix D.
fn single_value(kind: ColumnType, value: &Value) -> Vec<u8> {
    match (kind, value) {
        (ColumnType::Boolean, Value::Boolean(value)) => vec![u8::from(*value)],
        (ColumnType::Int | ColumnType::Date, Value::Long(value)) => {
            i32::try_from(*value).unwrap().to_le_bytes().to_vec()
        }
        (ColumnType::Long | ColumnType::Timestamp, Value::Long(value)) => value.to_le_bytes().to_vec(),
        #[allow(clippy::cast_possible_truncation)] // Values of float columns are widened floats.
        (ColumnType::Float, Value::Double(bits)) => (f64::from_bits(*bits) as f32).to_le_bytes().to_vec(),
        (ColumnType::Double, Value::Double(bits)) => bits.to_le_bytes().to_vec(),
        (ColumnType::Decimal(_, _), Value::Decimal(unscaled)) => {
            let bytes = unscaled.to_be_bytes();
            let sign = if *unscaled < 0 { 0xff } else { 0 };
            let redundant =
                bytes.windows(2).take_while(|pair| pair[0] == sign && (pair[1] & 0x80) == (sign & 0x80)).count();
            bytes[redundant..].to_vec()
        }
        (ColumnType::String, Value::String(value)) => value.as_bytes().to_vec(),
        (ColumnType::Binary, Value::Bytes(value)) => value.clone(),
        (kind, value) => panic!("{value:?} is not of type {kind:?}"),
    }
}

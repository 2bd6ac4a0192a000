//! Rows come back as they were written, and files are what is said of them.

use std::sync::Arc;

use arrow_array::builder::{Float32Builder, Int32Builder, ListBuilder};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, FixedSizeBinaryArray, Float32Array,
    Float64Array, Int32Array, Int64Array, RecordBatch, StringArray, StructArray, Time64MicrosecondArray,
    TimestampMicrosecondArray, TimestampNanosecondArray,
};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, Field, Schema as ArrowSchema};
use iceberg::spec::{ListType, NestedField, PrimitiveType as P, StructType, Type};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::reader::{FileReader as _, SerializedFileReader};

use super::*;
use crate::file::{FileContent, FileFormat, PartitionTuple, PartitionValue};
use crate::write::{
    AppendWriter, DataFileWriter, DeleteTarget, DeletionVectorWriter, EqualityDeleteWriter, PositionDeleteWriter,
    WriteOptions,
};

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let fields: Vec<Field> =
        columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    RecordBatch::try_new(Arc::new(ArrowSchema::new(fields)), arrays).unwrap()
}

async fn write(table: &Table, options: &WriteOptions, batches: &[RecordBatch]) -> Vec<WrittenFile> {
    let mut writer = AppendWriter::new(table, options).unwrap();
    for batch in batches {
        writer.write(batch).await.unwrap();
    }
    writer.finish().await.unwrap()
}

async fn rows(table: &Table, files: &[WrittenFile]) -> Vec<String> {
    let data: Vec<_> = files.iter().map(|file| listed(file, 1)).collect();
    live_rows(table, &data, &[]).await
}

fn every_type() -> (Vec<NestedFieldRef>, RecordBatch) {
    let uuid = [7_u8; 16];
    let primitives: Vec<(P, ArrayRef)> = vec![
        (P::Boolean, Arc::new(BooleanArray::from(vec![Some(true), Some(false), None]))),
        (P::Int, Arc::new(Int32Array::from(vec![Some(-5), Some(7), None]))),
        (P::Long, Arc::new(Int64Array::from(vec![Some(-5), Some(7), None]))),
        (P::Float, Arc::new(Float32Array::from(vec![Some(1.5), Some(f32::NAN), None]))),
        (P::Double, Arc::new(Float64Array::from(vec![Some(-0.0), Some(0.0), None]))),
        (
            P::Decimal { precision: 9, scale: 2 },
            Arc::new(Decimal128Array::from(vec![Some(-129), Some(1420), None]).with_precision_and_scale(9, 2).unwrap()),
        ),
        (
            P::Decimal { precision: 38, scale: 0 },
            Arc::new(
                Decimal128Array::from(vec![Some(1 << 100), Some(0), None]).with_precision_and_scale(38, 0).unwrap(),
            ),
        ),
        (P::Date, Arc::new(Date32Array::from(vec![Some(-1), Some(17_486), None]))),
        (P::Time, Arc::new(Time64MicrosecondArray::from(vec![Some(1), Some(81_068_000_000), None]))),
        (P::Timestamp, Arc::new(TimestampMicrosecondArray::from(vec![Some(-1), Some(1), None]))),
        (
            P::Timestamptz,
            Arc::new(TimestampMicrosecondArray::from(vec![Some(-1), Some(1), None]).with_timezone("+00:00")),
        ),
        (P::TimestampNs, Arc::new(TimestampNanosecondArray::from(vec![Some(-1), Some(1), None]))),
        (
            P::TimestamptzNs,
            Arc::new(TimestampNanosecondArray::from(vec![Some(-1), Some(1), None]).with_timezone("+00:00")),
        ),
        (P::String, Arc::new(StringArray::from(vec![Some("a string of some length"), Some("b"), None]))),
        (
            P::Uuid,
            Arc::new(
                FixedSizeBinaryArray::try_from_sparse_iter_with_size([Some(uuid), Some(uuid), None].into_iter(), 16)
                    .unwrap(),
            ),
        ),
        (
            P::Fixed(2),
            Arc::new(
                FixedSizeBinaryArray::try_from_sparse_iter_with_size([Some([1, 2]), Some([0, 9]), None].into_iter(), 2)
                    .unwrap(),
            ),
        ),
        (P::Binary, Arc::new(BinaryArray::from(vec![Some(&b"\xff"[..]), Some(b""), None]))),
    ];
    let names: Vec<String> = (1..=primitives.len()).map(|n| format!("c{n}")).collect();
    let fields =
        (1..).zip(&names).zip(&primitives).map(|((id, name), (primitive, _))| optional(id, name, primitive.clone()));
    let columns = names.iter().zip(&primitives).map(|(name, (_, array))| (name.as_str(), array.clone()));
    (fields.collect(), batch(columns.collect()))
}

#[tokio::test]
async fn values_of_every_type_come_back_with_true_counts_and_bounds() {
    let (fields, batch) = every_type();
    let table = Made::new(3, fields.clone()).table();
    // Zones may be called otherwise, as long as they are there.
    let mut columns = batch.columns().to_vec();
    columns[10] = Arc::new(TimestampMicrosecondArray::from(vec![Some(-1), Some(1), None]).with_timezone("UTC"));
    let names = batch.schema().fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>();
    let given = super::rows::batch(names.iter().map(String::as_str).zip(columns).collect());
    let files = write(&table, &WriteOptions::of(&table).unwrap(), &[given]).await;
    let [file] = files.as_slice() else { panic!("one file expected") };

    let mut expected = text(&batch);
    expected.sort();
    assert_eq!(rows(&table, &files).await, expected);

    let n_columns = i32::try_from(fields.len()).unwrap();
    assert_eq!(sorted(&file.metrics.value_counts), (1..=n_columns).map(|id| (id, 3)).collect::<Vec<_>>());
    assert_eq!(sorted(&file.metrics.null_counts), (1..=n_columns).map(|id| (id, 1)).collect::<Vec<_>>());
    assert_eq!(sorted(&file.metrics.nan_counts), [(4, 1), (5, 0)]);
    assert_eq!(file.column_sizes.len(), fields.len());
    assert!(file.column_sizes.values().all(|size| *size > 0));
    assert_eq!((file.record_count, file.split_offsets.as_slice()), (3, &[4][..]));
    assert_eq!(file.file_size_bytes, table.storage().size(&file.path).await.unwrap());

    let long = |value: i64| value.to_le_bytes().to_vec();
    let int = |value: i32| value.to_le_bytes().to_vec();
    let expected: Vec<(i32, Vec<u8>, Vec<u8>)> = vec![
        (1, vec![0], vec![1]),
        (2, int(-5), int(7)),
        (3, long(-5), long(7)),
        (4, 1.5_f32.to_le_bytes().to_vec(), 1.5_f32.to_le_bytes().to_vec()),
        (5, (-0.0_f64).to_le_bytes().to_vec(), 0.0_f64.to_le_bytes().to_vec()),
        (6, vec![0xff, 0x7f], vec![0x05, 0x8c]),
        (7, vec![0], [&[0x10][..], &[0; 12]].concat()),
        (8, int(-1), int(17_486)),
        (9, long(1), long(81_068_000_000)),
        (10, long(-1), long(1)),
        (11, long(-1), long(1)),
        (12, long(-1), long(1)),
        (13, long(-1), long(1)),
        (14, b"a string of some".to_vec(), b"b".to_vec()),
        (16, vec![0, 9], vec![1, 2]),
        (17, vec![], vec![0xff]),
    ];
    let mut bounds: Vec<_> = file
        .metrics
        .lower_bounds
        .iter()
        .map(|(id, lower)| (id.get(), lower.clone(), file.metrics.upper_bounds.get(id).unwrap().clone()))
        .collect();
    bounds.sort();
    assert_eq!(bounds, expected);
    assert_eq!(file.metrics.upper_bounds.len(), expected.len());
}

#[tokio::test]
async fn the_footer_is_what_java_readers_look_for() {
    let (mut fields, batch) = every_type();
    fields.truncate(15);
    let mut made = Made::new(3, fields);
    made.properties.insert("write.parquet.bloom-filter-enabled.column.c3", "true");
    let table = made.table();
    let batch = batch.project(&(0..15).collect::<Vec<_>>()).unwrap();
    let files = write(&table, &WriteOptions::of(&table).unwrap(), &[batch]).await;
    let bytes = table.storage().read(&files[0].path).await.unwrap();
    let reader = SerializedFileReader::new(bytes).unwrap();
    let metadata = reader.metadata();
    let pairs = metadata.file_metadata().key_value_metadata().unwrap();
    assert_eq!(pairs.iter().map(|pair| pair.key.as_str()).collect::<Vec<_>>(), ["iceberg.schema"]);
    let group = metadata.row_group(0);
    assert!(group.column(2).bloom_filter_offset().is_some() && group.column(1).bloom_filter_offset().is_none());
    assert!(group.columns().iter().all(|column| column.offset_index_offset().is_some()));
    let uuid = group.column(14).column_descr().logical_type_ref().cloned();
    assert_eq!(uuid, Some(parquet::basic::LogicalType::Uuid));
}

#[tokio::test]
async fn nested_columns_have_counts_and_bounds_outside_of_lists_only() {
    let inner = StructType::new(vec![optional(2, "x", P::Int)]);
    let list = ListType::new(NestedField::list_element(4, Type::Primitive(P::Float), false).into());
    let fields = vec![
        NestedField::optional(1, "s", Type::Struct(inner)).into(),
        NestedField::optional(3, "l", Type::List(list)).into(),
    ];
    let table = Made::new(2, fields).table();
    let mut x = Int32Builder::new();
    x.append_slice(&[1, 99, 3]);
    // The second struct is null, so that its 99 is not there.
    let structs = StructArray::try_new(
        vec![Field::new("x", DataType::Int32, true)].into(),
        vec![Arc::new(x.finish())],
        Some(NullBuffer::from(vec![true, false, true])),
    )
    .unwrap();
    let mut lists = ListBuilder::new(Float32Builder::new());
    lists.append_value([Some(1.0), Some(f32::NAN), None]);
    lists.append(true);
    lists.append(false);
    let batch = batch(vec![("s", Arc::new(structs)), ("l", Arc::new(lists.finish()))]);
    let files = write(&table, &WriteOptions::of(&table).unwrap(), &[batch]).await;
    let metrics = &files[0].metrics;
    assert_eq!(sorted(&metrics.value_counts), [(2, 3), (4, 5)]);
    assert_eq!(metrics.null_counts.get(&FieldId::new(2)), Some(&1));
    assert_eq!(sorted(&metrics.nan_counts), [(4, 1)]);
    assert_eq!(metrics.lower_bounds.keys().map(|id| id.get()).collect::<Vec<_>>(), [2]);
    assert_eq!(metrics.upper_bounds[&FieldId::new(2)], 3_i32.to_le_bytes());
    assert_eq!(rows(&table, &files).await, ["- | []", "{x: 1} | [1.0, NaN, -]", "{x: 3} | -"]);
}

#[tokio::test]
async fn metrics_modes_decide_what_is_kept() {
    let fields = (1..=4).map(|id| optional(id, &format!("c{id}"), P::String)).collect();
    let mut made = Made::new(2, fields);
    made.properties.insert("write.metadata.metrics.max-inferred-column-defaults", "3");
    made.properties.insert("write.metadata.metrics.column.c1", "counts");
    made.properties.insert("write.metadata.metrics.column.c2", "full");
    made.properties.insert("write.metadata.metrics.column.gone", "nonsense");
    let table = made.table();
    let value = || Arc::new(StringArray::from(vec!["0123456789abcdefgh"])) as ArrayRef;
    let columns = vec![("c1", value()), ("c2", value()), ("c3", value()), ("c4", value())];
    let files = write(&table, &WriteOptions::of(&table).unwrap(), &[batch(columns)]).await;
    let metrics = &files[0].metrics;
    assert_eq!(sorted(&metrics.value_counts), [(1, 1), (2, 1), (3, 1)]);
    let upper = |id| metrics.upper_bounds.get(&FieldId::new(id)).map(|bytes| String::from_utf8(bytes.clone()).unwrap());
    assert_eq!((upper(1), upper(4)), (None, None));
    assert_eq!(upper(2).unwrap(), "0123456789abcdefgh");
    assert_eq!(upper(3).unwrap(), "0123456789abcdeg");
    assert_eq!(files[0].column_sizes.len(), 4);

    made.properties.insert("write.metadata.metrics.default", "some");
    let error = WriteOptions::of(&made.table()).unwrap_err();
    assert!(error.to_string().contains("must be none, counts, truncate(n) or full"), "{error}");
}

#[tokio::test]
async fn files_are_rolled_at_their_target_size_and_cut_into_row_groups() {
    let mut made = Made::new(2, vec![required(1, "k", P::Long)]);
    made.properties.insert("write.parquet.compression-codec", "uncompressed");
    made.properties.insert("write.parquet.row-group-size-bytes", "20000");
    made.properties.insert("write.target-file-size-bytes", "60000");
    let table = made.table();
    let numbers = |range: std::ops::Range<i64>| {
        let mixed = range.map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15_u64.cast_signed()));
        batch(vec![("k", Arc::new(mixed.collect::<Int64Array>()) as ArrayRef)])
    };
    let files = write(&table, &WriteOptions::of(&table).unwrap(), &[numbers(0..20_000), numbers(20_000..20_010)]).await;
    assert!((3..=6).contains(&files.len()), "{}", files.len());
    assert_eq!(files.iter().map(|file| file.record_count).sum::<u64>(), 20_010);
    let full = &files[..files.len() - 1];
    assert!(full.iter().all(|file| (50_000..90_000).contains(&file.file_size_bytes)), "{files:?}");
    assert!(full.iter().all(|file| file.split_offsets.len() > 2 && file.split_offsets.is_sorted()));
    assert_eq!(rows(&table, &files).await.len(), 20_010);
    let paths: std::collections::HashSet<_> = files.iter().map(|file| &file.path).collect();
    assert_eq!(paths.len(), files.len());
}

#[tokio::test]
async fn rows_go_to_the_files_of_their_partition() {
    let fields = vec![optional(1, "name", P::String), optional(2, "ts", P::Timestamp)];
    let mut made = Made::new(2, fields);
    made.partition = vec![(1, "truncate[2]"), (2, "day"), (1, "void")];
    let table = made.table();
    let name: ArrayRef = Arc::new(StringArray::from(vec![Some("a/b"), Some("a/c"), None, Some("a/b")]));
    let ts: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![0, 1, -1, 86_400_000_000]));
    // One partition open at a time: each return to a partition makes another file.
    let options = WriteOptions::of(&table).unwrap().open_partitions_max(1);
    let files = write(&table, &options, &[batch(vec![("name", name), ("ts", ts)])]).await;
    let of = |name: Option<&str>, day| {
        let name = name.map(|name| PartitionValue::String(name.into()));
        PartitionTuple([name, Some(PartitionValue::Long(day)), None].into())
    };
    let mut partitions: Vec<_> = files.iter().map(|file| (file.partition.clone(), file.record_count)).collect();
    partitions.sort();
    assert_eq!(partitions, [(of(None, -1), 1), (of(Some("a/"), 0), 2), (of(Some("a/"), 1), 1)]);
    let first = files.iter().find(|file| file.record_count == 2).unwrap();
    assert!(
        first.path.starts_with("memory://bucket/t/data/p1000=a%2F/p1001=1970-01-01/p1002=null/00000-0-"),
        "{}",
        first.path
    );
    assert_eq!(rows(&table, &files).await.len(), 4);
}

#[tokio::test]
async fn rows_that_do_not_fit_are_refused_and_the_writer_goes_on() {
    let table = Made::new(2, vec![required(1, "k", P::Long), optional(2, "v", P::String)]).table();
    let mut writer = AppendWriter::new(&table, &WriteOptions::of(&table).unwrap()).unwrap();
    let long = |values: Vec<Option<i64>>| Arc::new(Int64Array::from(values)) as ArrayRef;
    let text = || Arc::new(StringArray::from(vec!["a"])) as ArrayRef;
    for (columns, expected) in [
        (vec![("v", text())], "the rows lack column `k`"),
        (vec![("k", text())], "column `k` is of type `Utf8`; give it as `Int64`"),
        (vec![("k", long(vec![Some(1)])), ("w", text())], "the table has no column `w`"),
        (vec![("k", long(vec![None]))], "the rows do not fit the table"),
    ] {
        let error = writer.write(&batch(columns)).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
    writer.write(&batch(vec![("k", long(vec![Some(1)]))])).await.unwrap();
    let files = writer.finish().await.unwrap();
    assert_eq!(rows(&table, &files).await, ["1 | -"]);
    let none = AppendWriter::new(&table, &WriteOptions::of(&table).unwrap()).unwrap().finish().await.unwrap();
    assert!(none.is_empty());
}

#[tokio::test]
async fn row_lineage_is_stored_where_asked_for() {
    let table = Made::new(3, vec![optional(1, "k", P::Long)]).table();
    let options = WriteOptions::of(&table).unwrap().with_row_lineage();
    let long = |values: Vec<Option<i64>>| Arc::new(Int64Array::from(values)) as ArrayRef;
    let rows = batch(vec![
        ("k", long(vec![Some(1), Some(2)])),
        ("_row_id", long(vec![Some(10), None])),
        ("_last_updated_sequence_number", long(vec![Some(3), None])),
    ]);
    let mut writer = DataFileWriter::new(&table, &options).unwrap();
    writer.write_to(&PartitionTuple::default(), &rows).await.unwrap();
    let files = writer.finish().await.unwrap();
    let bytes = table.storage().read(&files[0].path).await.unwrap();
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
    let mask = ProjectionMask::leaves(builder.parquet_schema(), [1, 2]);
    let read = builder.with_projection(mask).build().unwrap().next().unwrap().unwrap();
    assert_eq!(text(&read), ["10 | 3", "- | -"]);
    assert!(DataFileWriter::new(&Made::new(2, vec![optional(1, "k", P::Long)]).table(), &options).is_err());
}

#[tokio::test]
async fn position_deletes_are_of_one_data_file_each() {
    let table = Made::new(2, vec![required(1, "k", P::Long)]).table();
    let options = WriteOptions::of(&table).unwrap().target_file_size_bytes(1);
    let keys = |range: std::ops::Range<i64>| batch(vec![("k", Arc::new(range.collect::<Int64Array>()) as ArrayRef)]);
    let files = write(&table, &options, &[keys(0..5), keys(5..10)]).await;
    let mut writer = PositionDeleteWriter::new(&table, &options).unwrap();
    writer.delete(&DeleteTarget::from(&files[1]), [4, 0]).unwrap();
    writer.delete(&DeleteTarget::from(&files[0]), [2]).unwrap();
    writer.delete(&DeleteTarget::from(&files[1]), [0]).unwrap();
    let deletes = writer.finish().await.unwrap();
    let shown: Vec<_> =
        deletes.iter().map(|file| (file.record_count, file.referenced_data_file.clone().unwrap())).collect();
    assert_eq!(shown, [(1, files[0].path.clone()), (2, files[1].path.clone())]);
    let (path, pos) = (FieldId::new(2_147_483_546), FieldId::new(2_147_483_545));
    let metrics = &deletes[1].metrics;
    assert_eq!(metrics.lower_bounds[&path], files[1].path.as_bytes());
    assert_eq!(metrics.upper_bounds[&path], files[1].path.as_bytes());
    assert_eq!(
        (&metrics.lower_bounds[&pos][..], &metrics.upper_bounds[&pos][..]),
        (&[0; 8][..], &4_i64.to_le_bytes()[..])
    );
    let data: Vec<_> = files.iter().map(|file| listed(file, 1)).collect();
    let deletes: Vec<_> = deletes.iter().map(|file| listed(file, 2)).collect();
    assert_eq!(live_rows(&table, &data, &deletes).await, ["0", "1", "3", "4", "6", "7", "8"]);
}

#[tokio::test]
async fn deletion_vectors_share_a_puffin_file_that_the_library_reads() {
    let table = Made::new(3, vec![required(1, "k", P::Long)]).table();
    let options = WriteOptions::of(&table).unwrap().target_file_size_bytes(1);
    let keys = |range: std::ops::Range<i64>| batch(vec![("k", Arc::new(range.collect::<Int64Array>()) as ArrayRef)]);
    let files = write(&table, &options, &[keys(0..5), keys(5..10)]).await;
    let mut writer = DeletionVectorWriter::new(&table, &options).unwrap();
    writer.delete(&DeleteTarget::from(&files[0]), [2]).unwrap();
    writer.delete(&DeleteTarget::from(&files[1]), [0, 4]).unwrap();
    let vectors = writer.finish().await.unwrap();
    assert_eq!(vectors[0].path, vectors[1].path);
    assert!(vectors.iter().all(|file| file.format == FileFormat::Puffin));

    let input = table.storage().file_io().new_input(&vectors[0].path).unwrap();
    let reader = iceberg::puffin::PuffinReader::new(input);
    let metadata = reader.file_metadata().await.unwrap();
    let ranges: Vec<_> = metadata.blobs().iter().map(|blob| Some((blob.offset(), blob.length()))).collect();
    assert_eq!(ranges, vectors.iter().map(|file| file.content_range).collect::<Vec<_>>());
    assert_eq!(metadata.blobs()[1].properties()["cardinality"], "2");
    assert_eq!(metadata.blobs()[1].properties()["referenced-data-file"], *files[1].path);

    let data: Vec<_> = files.iter().map(|file| listed(file, 1)).collect();
    let vectors: Vec<_> = vectors.iter().map(|file| listed(file, 2)).collect();
    assert_eq!(live_rows(&table, &data, &vectors).await, ["0", "1", "3", "4", "6", "7", "8"]);
    let error = PositionDeleteWriter::new(&table, &options).unwrap_err();
    assert!(error.to_string().contains("takes deletion vectors"), "{error}");
}

#[tokio::test]
async fn equality_deletes_hold_the_key_only() {
    let table = Made::new(2, vec![required(1, "k", P::Long), optional(2, "v", P::String)]).table();
    let options = WriteOptions::of(&table).unwrap();
    let rows = batch(vec![
        ("k", Arc::new(Int64Array::from(vec![1, 2, 3])) as ArrayRef),
        ("v", Arc::new(StringArray::from(vec!["a", "b", "c"])) as ArrayRef),
    ]);
    let files = write(&table, &options, std::slice::from_ref(&rows)).await;
    let mut writer = EqualityDeleteWriter::new(&table, &options, &[FieldId::new(1)]).unwrap();
    writer.delete(&PartitionTuple::default(), &rows.slice(1, 1)).await.unwrap();
    let deletes = writer.finish().await.unwrap();
    assert_eq!(deletes[0].content, FileContent::EqualityDeletes);
    assert_eq!(deletes[0].equality_ids, [FieldId::new(1)]);
    assert_eq!(sorted(&deletes[0].metrics.value_counts), [(1, 1)]);
    let reader = SerializedFileReader::new(table.storage().read(&deletes[0].path).await.unwrap()).unwrap();
    let pairs = reader.metadata().file_metadata().key_value_metadata().cloned().unwrap();
    let keys: Vec<&str> = pairs.iter().map(|pair| pair.key.as_str()).collect();
    assert_eq!(keys, ["iceberg.schema", "delete-type", "delete-field-ids"]);
    let schema: Value = serde_json::from_str(pairs[0].value.as_ref().unwrap()).unwrap();
    assert_eq!(schema["fields"].as_array().unwrap().len(), 1);
    let data = [listed(&files[0], 1)];
    assert_eq!(live_rows(&table, &data, &[listed(&deletes[0], 2)]).await, ["1 | a", "3 | c"]);
    assert!(EqualityDeleteWriter::new(&table, &options, &[FieldId::new(9)]).is_err());
}

#[tokio::test]
async fn files_are_spread_where_the_table_asks_for_it() {
    let mut made = Made::new(2, vec![optional(1, "k", P::Long)]);
    made.partition = vec![(1, "identity")];
    made.properties.insert("write.object-storage.enabled", "true");
    let table = made.table();
    let keys = || batch(vec![("k", Arc::new(Int64Array::from(vec![7])) as ArrayRef)]);
    let files = write(&table, &WriteOptions::of(&table).unwrap().task(3, 4), &[keys()]).await;
    let rest = files[0].path.strip_prefix("memory://bucket/t/data/").unwrap();
    let names: Vec<&str> = rest.split('/').collect();
    assert_eq!(names[..4].iter().map(|name| name.len()).collect::<Vec<_>>(), [4, 4, 4, 8]);
    assert!(names[4] == "p1000=7" && names[5].starts_with("00003-4-"), "{rest}");
    assert_eq!(rows(&table, &files).await, ["7"]);

    made.properties.insert("write.data.path", "memory://bucket/elsewhere/");
    let table = made.table();
    let files = write(&table, &WriteOptions::of(&table).unwrap(), &[keys()]).await;
    assert!(files[0].path.contains("/bucket/t/p1000=7/"), "{}", files[0].path);
}

#[tokio::test]
async fn specs_and_partitions_that_the_table_does_not_have_are_refused() {
    let mut made = Made::new(2, vec![optional(1, "k", P::Long)]);
    made.partition = vec![(1, "identity")];
    let table = made.table();
    let options = WriteOptions::of(&table).unwrap();
    let error = AppendWriter::new(&table, &options.clone().spec(crate::SpecId::new(9))).unwrap_err();
    assert!(error.to_string().contains("has no partition spec `9`"), "{error}");
    let mut writer = DataFileWriter::new(&table, &options).unwrap();
    let keys = batch(vec![("k", Arc::new(Int64Array::from(vec![7])) as ArrayRef)]);
    let error = writer.write_to(&PartitionTuple::default(), &keys).await.unwrap_err();
    assert!(error.to_string().contains("does not fit spec `0`"), "{error}");
}

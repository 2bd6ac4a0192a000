#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use arrow_array::builder::{Int64Builder, ListBuilder};
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_schema::DataType;
use iceberg::spec::{ListType, NestedField, PrimitiveType, Type};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use roaring::RoaringTreemap;
use rstest::rstest;

use super::{TestFile, batch, id, optional, read, text, write};
use crate::scan::RowSelect;

const ROW_GROUP_ROWS: [i64; 4] = [1000, 1, 700, 299];

/// Rows `n`: `a = n`, `s = "s<n % 50>"` (null where n % 7 = 0), `l = [n; n % 3]` (null where n % 5 = 0).
fn batches() -> Vec<RecordBatch> {
    let mut first = 0;
    let batch_of = |n_rows: i64| {
        let rows = first..first + n_rows;
        first += n_rows;
        let mut list = ListBuilder::new(Int64Builder::new()).with_field(id(4, "element", DataType::Int64));
        for n in rows.clone() {
            (0..n % 3).for_each(|_| list.values().append_value(n));
            list.append(n % 5 != 0);
        }
        let list: ArrayRef = Arc::new(list.finish());
        let strings: StringArray = rows.clone().map(|n| (n % 7 != 0).then(|| format!("s{}", n % 50))).collect();
        batch(vec![
            (id(1, "a", DataType::Int64), Arc::new(Int64Array::from_iter_values(rows))),
            (id(2, "s", DataType::Utf8), Arc::new(strings)),
            (id(3, "l", list.data_type().clone()), list),
        ])
    };
    ROW_GROUP_ROWS.into_iter().map(batch_of).collect()
}

fn file(properties: WriterProperties) -> TestFile {
    let element = NestedField::list_element(4, Type::Primitive(PrimitiveType::Long), false).into();
    TestFile::new(write(&batches(), properties), 2000).schema(vec![
        optional(1, "a", PrimitiveType::Long),
        optional(2, "s", PrimitiveType::String),
        NestedField::optional(3, "l", Type::List(ListType::new(element))).into(),
    ])
}

fn small_pages() -> parquet::file::properties::WriterPropertiesBuilder {
    WriterProperties::builder().set_data_page_row_count_limit(64).set_write_batch_size(32)
}

#[rstest]
#[case::defaults(WriterProperties::new())]
#[case::plain(small_pages().set_dictionary_enabled(false).build())]
#[case::pages_v2(small_pages().set_writer_version(WriterVersion::PARQUET_2_0).build())]
#[case::no_index(
    small_pages().set_offset_index_disabled(true).set_statistics_enabled(EnabledStatistics::Chunk).build()
)]
#[tokio::test]
async fn positions_are_those_of_the_file_whatever_is_left_out(
    #[case] properties: WriterProperties,
    #[values(1, 7, 1024)] batch_rows: usize,
) {
    let file = file(properties);
    let expected: Vec<String> = batches().iter().flat_map(text).collect();
    let reader = file.open().await.unwrap();
    let projection = file.projection().unwrap();
    let scattered: RoaringTreemap = (0..2000).filter(|n| n % 13 == 0 || (1200..1300).contains(n)).collect();
    let few: RoaringTreemap = [0, 999, 1000, 1001, 1999, 2000, 5_000_000_000].into_iter().collect();
    let selects = [
        RowSelect::default(),
        RowSelect { row_groups: Some(vec![2, 0, 2]), ..RowSelect::default() },
        RowSelect { positions: Some(Arc::new(scattered.clone())), ..RowSelect::default() },
        RowSelect { positions: Some(Arc::new(scattered)), first_position: 1250, row_groups: None },
        RowSelect { positions: Some(Arc::new(few.clone())), ..RowSelect::default() },
        RowSelect { row_groups: Some(vec![3]), positions: Some(Arc::new(few)), ..RowSelect::default() },
        RowSelect { row_groups: Some(vec![]), ..RowSelect::default() },
        RowSelect { positions: Some(Arc::default()), ..RowSelect::default() },
        RowSelect { first_position: 1234, ..RowSelect::default() },
        RowSelect { row_groups: Some(vec![2, 0]), first_position: 777, ..RowSelect::default() },
        RowSelect { first_position: 2000, ..RowSelect::default() },
    ];
    for select in selects {
        let wanted: Vec<u64> = (select.first_position..2000)
            .filter(|n| select.positions.as_ref().is_none_or(|positions| positions.contains(*n)))
            .filter(|n| {
                let spans = reader.row_groups();
                let span =
                    spans.iter().find(|span| (span.first_position..span.first_position + span.n_rows).contains(n));
                select.row_groups.as_ref().is_none_or(|indexes| indexes.contains(&span.unwrap().index))
            })
            .collect();
        let mut positions = Vec::new();
        let mut rows = Vec::new();
        for batch in read(&reader, &projection, select.clone(), batch_rows).await.unwrap() {
            assert!((1..=batch_rows).contains(&batch.positions.len()));
            positions.extend((0..batch.positions.len()).map(|row| batch.positions.get(row).unwrap()));
            assert_eq!(batch.positions.get(batch.positions.len()), None);
            rows.extend(text(&batch.batch));
        }
        assert_eq!(positions, wanted, "{select:?}");
        let expected: Vec<_> = wanted.iter().map(|n| expected[usize::try_from(*n).unwrap()].clone()).collect();
        assert_eq!(rows, expected, "{select:?}");
    }
}

#[tokio::test]
async fn few_positions_of_a_large_row_group_fetch_few_pages() {
    let strings: StringArray = (0..100_000).map(|n| Some(format!("{n:032}"))).collect();
    let properties = WriterProperties::builder().set_dictionary_enabled(false).set_data_page_row_count_limit(1000);
    let bytes = write(&[batch(vec![(id(1, "s", DataType::Utf8), Arc::new(strings))])], properties.build());
    let file = TestFile::new(bytes, 100_000).schema(vec![optional(1, "s", PrimitiveType::String)]);
    let reader = file.open().await.unwrap();
    let before = file.storage.counters().n_bytes_read;
    let select = RowSelect { positions: Some(Arc::new([5, 50_000].into_iter().collect())), ..RowSelect::default() };
    let batches = read(&reader, &file.projection().unwrap(), select, 100).await.unwrap();
    let rows: Vec<_> = batches.iter().flat_map(|batch| text(&batch.batch)).collect();
    assert_eq!(rows, [format!("{:032}", 5), format!("{:032}", 50_000)]);
    let n_bytes = file.storage.counters().n_bytes_read - before;
    assert!(n_bytes < 200_000, "read `{n_bytes}` of `{}` bytes", file.bytes.len());
}

#[tokio::test]
async fn a_file_without_rows_has_no_batches() {
    let empty = batches()[0].slice(0, 0);
    for batches in [vec![empty.clone()], vec![empty.clone(), empty]] {
        let mut file = file(WriterProperties::new());
        file.bytes = write(&batches, WriterProperties::new());
        file.entry.file_size_bytes = file.bytes.len() as u64;
        file.entry.record_count = 0;
        assert!(file.rows().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_stream_is_over_after_its_end_and_after_an_error() {
    let file = file(WriterProperties::new());
    let reader = file.open().await.unwrap();
    let mut stream = reader.read(&file.projection().unwrap(), RowSelect::default(), 5000);
    while stream.next().await.unwrap().is_some() {}
    assert!(stream.next().await.unwrap().is_none());
    let select = RowSelect { row_groups: Some(vec![9]), ..RowSelect::default() };
    let mut stream = reader.read(&file.projection().unwrap(), select, 5000);
    assert!(stream.next().await.is_err());
    assert!(stream.next().await.is_err());
}

#[tokio::test]
async fn a_read_that_was_dropped_half_way_does_not_lose_rows_in_silence() {
    let file = file(WriterProperties::new());
    let reader = file.open().await.unwrap();
    let mut stream = reader.read(&file.projection().unwrap(), RowSelect::default(), 10);
    // Batches that are decoded ahead come at once; the others are waited for.
    while futures::poll!(Box::pin(stream.next())).is_ready() {}
    assert!(stream.next().await.is_err());
}

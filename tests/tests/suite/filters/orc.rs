//! Which stripes of ORC files are left out by their statistics: of a file that Iceberg's own writer wrote in four, with
//! ids 0 to 511, 512 to 1023, 1024 to 1535 and 1536 to 1999.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, StringArray};
use frazil_fixtures::table;
use frazil_reader::RowsOptions;
use frazil_table::filter::Filter;
use frazil_table::manifest::live_files;
use frazil_table::scan::{FileReader, KeyRanges, Projection};
use frazil_table::{FieldId, Table};
use rstest::rstest;

use super::rows_where;
use crate::read;

const N_STRIPES: usize = 4;

/// The file with the most rows.
async fn open(table: &Table) -> FileReader {
    let snapshot = table.metadata().current_snapshot().unwrap();
    let files = live_files(table, snapshot).await.unwrap().data;
    let file = files.iter().max_by_key(|file| file.record_count).unwrap();
    let reader = FileReader::open(table, file).await.unwrap();
    assert_eq!(reader.row_groups().len(), N_STRIPES);
    reader
}

#[rstest]
#[case::an_integer("id = 600", &[1])]
#[case::integers("id IN (3, 1999)", &[0, 3])]
#[case::a_range("id >= 511 AND id < 1024", &[0, 1])]
#[case::beyond_all("id > 1999", &[])]
#[case::two_columns("id < 512 AND n > 200", &[])]
#[case::where_stripes_meet("n = 146", &[1, 2])]
#[case::decimals_in_text("amount < 13", &[3])]
#[case::decimals_beyond_the_others("amount > 9995.25", &[1])]
#[case::texts("text < '1015'", &[3])]
#[case::a_prefix("text LIKE 'fff%'", &[])]
#[case::never_null("id IS NULL", &[])]
#[case::sometimes_null("word IS NULL", &[0, 1, 2, 3])]
#[case::not_null("id IS NOT NULL", &[0, 1, 2, 3])]
#[case::booleans_of_both_kinds("flag = true", &[0, 1, 2, 3])]
#[case::times_are_not_gone_by("at < TIMESTAMP '1970-01-01 00:00:00+00:00'", &[0, 1, 2, 3])]
#[tokio::test]
async fn stripes_without_a_match_are_left_out(#[case] sql: &str, #[case] expected: &[usize]) {
    let table = read::open(table("orc_zlib")).await;
    let filter = Filter::parse(sql).unwrap().bind(&table, table.metadata().current_schema()).unwrap();
    let projection = Projection::of_schema(&table, table.metadata().current_schema()).unwrap();
    let select = open(&table).await.rows_that_may_match(&filter, &projection).await.unwrap();
    assert_eq!((select.row_groups.unwrap(), select.positions), (expected.to_vec(), None));
}

#[tokio::test]
async fn stripes_without_a_key_are_left_out() {
    let table = read::open(table("orc_zlib")).await;
    let reader = open(&table).await;
    let kept = async |ids: &[i32], arrays: Vec<ArrayRef>| {
        let ids = ids.iter().copied().map(FieldId::new).collect();
        reader.row_groups_that_may_hold(&KeyRanges { ids, arrays }).await.unwrap()
    };
    let ids = |ids: Vec<Option<i64>>| Arc::new(Int64Array::from(ids)) as ArrayRef;
    let texts = |texts: Vec<Option<&str>>| Arc::new(StringArray::from(texts)) as ArrayRef;
    assert_eq!(kept(&[1], vec![ids(vec![Some(600), Some(1999)])]).await, [1, 3]);
    assert_eq!(kept(&[1], vec![ids(vec![None, Some(-1), Some(2000)])]).await, Vec::<usize>::new());
    assert_eq!(kept(&[4], vec![texts(vec![None])]).await, [0, 1, 2, 3]);
    // Each column of the key alone may be there, both together not.
    assert_eq!(kept(&[1, 4], vec![ids(vec![Some(600)]), texts(vec![Some("1015")])]).await, Vec::<usize>::new());
    assert_eq!(kept(&[1, 4], vec![ids(vec![Some(1600)]), texts(vec![Some("1015")])]).await, [3]);
}

#[tokio::test]
async fn a_filter_that_leaves_one_stripe_reads_less() {
    let fixture = table("orc_none");
    let bytes_read = async |options: RowsOptions| {
        let storage = read::storage();
        let table = frazil_table::catalog::load_table(&read::locator(fixture), &storage).await.unwrap();
        let before = storage.counters().n_bytes_read;
        let mut rows = frazil_reader::read_rows(&table, options).await.unwrap();
        let mut n_rows = 0;
        while let Some(batch) = rows.next().await.unwrap() {
            n_rows += batch.num_rows();
        }
        (n_rows, storage.counters().n_bytes_read - before)
    };
    let (n_all, all) = bytes_read(RowsOptions::default()).await;
    let (n_some, some) = bytes_read(rows_where("id BETWEEN 600 AND 700")).await;
    println!("{n_all} rows, {all} bytes; {n_some} rows, {some} bytes");
    assert!(n_some > 50 && n_some <= 101 && some < all * 3 / 4);
}

//! Table watermarks over whole tables: branches, expiry, and the estimate from a column.

use frazil_table::watermark::{EventTime, Origin, TableWatermark, TimeUnit, WatermarkName, table_watermark};
use frazil_table::{Result, SnapshotId, TableError};
use frazil_testkit::{DataSpec, MAIN, Row, TestTable, Value};
use rstest::rstest;

const DAY_MS: i64 = 86_400_000;

fn column(name: &str) -> WatermarkName {
    WatermarkName::Column { column: name.to_owned(), unit: None, lateness_ms: 0 }
}

async fn on_branch(table: &TestTable, branch: &str, names: &[WatermarkName]) -> Result<TableWatermark> {
    table_watermark(&table.table(), branch, names).await
}

async fn ms(table: &TestTable, branch: &str) -> i64 {
    on_branch(table, branch, &[]).await.unwrap().time.ms()
}

fn unknown(outcome: Result<TableWatermark>) -> String {
    match outcome {
        Err(TableError::WatermarkUnknown { detail }) => detail,
        other => panic!("{other:?}"),
    }
}

fn marked(table: &mut TestTable, branch: &str, ms: i64) -> i64 {
    table.delta("append").branch(branch).rows([(1, "a")]).summary("watermark.w", &ms.to_string()).commit()
}

#[tokio::test]
async fn each_branch_has_its_own_watermark() {
    let mut table = TestTable::v2("k int, v string", "k");
    marked(&mut table, MAIN, 10);
    // The branch begins where main is, and knows what main knew then.
    table.delta("append").branch("audit").rows([(2, "b")]).commit();
    marked(&mut table, MAIN, 20);
    assert_eq!((ms(&table, MAIN).await, ms(&table, "audit").await), (20, 10));
    marked(&mut table, "audit", 30);
    assert_eq!((ms(&table, MAIN).await, ms(&table, "audit").await), (20, 30));
    let error = on_branch(&table, "nosuch", &[]).await.unwrap_err();
    assert!(matches!(error, TableError::InvalidRequest { .. }), "{error:?}");
}

#[tokio::test]
async fn a_staged_snapshot_says_nothing_before_it_is_published() {
    let mut table = TestTable::v2("k int, v string", "k");
    marked(&mut table, MAIN, 10);
    let staged = table.delta("append").staged().rows([(2, "b")]).summary("watermark.w", "20").commit();
    assert_eq!(ms(&table, MAIN).await, 10);
    table.set_branch(MAIN, staged);
    assert_eq!(ms(&table, MAIN).await, 20);
}

#[tokio::test]
async fn the_walk_ends_where_ancestors_have_expired() {
    let mut table = TestTable::v2("k int, v string", "k");
    let first = marked(&mut table, MAIN, 10);
    table.append([(2, "b")]);
    assert_eq!(ms(&table, MAIN).await, 10);
    table.expire([first]);
    assert!(unknown(on_branch(&table, MAIN, &[]).await).contains("branch `main`"));
    table.set_property("watermark.w", "5");
    let watermark = on_branch(&table, MAIN, &[]).await.unwrap();
    assert_eq!((watermark.time.ms(), &watermark.marks[0].origin), (5, &Origin::Property));
}

#[tokio::test]
async fn the_snapshot_that_is_named_is_the_one_with_the_value() {
    let mut table = TestTable::v2("k int, v string", "k");
    table.append([(1, "a")]);
    let id = table.append_marked(50);
    table.append([(3, "c")]);
    let watermark = on_branch(&table, MAIN, &[]).await.unwrap();
    let committed_at_ms = table.history().snapshots[&id].timestamp_ms;
    let origin = Origin::Summary { snapshot_id: SnapshotId::new(id), committed_at_ms };
    assert_eq!(watermark.marks[0].origin, origin);
}

#[tokio::test]
async fn several_names_are_taken_together_and_each_must_be_there() {
    let mut table = TestTable::v2("k int, v string", "k");
    let commit = table.delta("append").rows([(1, "a")]);
    commit.summary("watermark.a", "50").summary("watermark.b", "40").summary("lag", "2").commit();
    let writer = |name: &str| WatermarkName::Writer(name.to_owned());
    let property = WatermarkName::Property { key: "lag".to_owned(), unit: TimeUnit::Seconds };
    let both = on_branch(&table, MAIN, &[writer("b"), writer("a"), property]).await.unwrap();
    let names: Vec<&str> = both.marks.iter().map(|mark| mark.name.as_str()).collect();
    assert_eq!((both.time.ms(), names), (40, vec!["b", "a", "property:lag"]));
    let missing = unknown(on_branch(&table, MAIN, &[writer("a"), writer("c")]).await);
    assert!(missing.contains("`watermark.c`") && missing.contains("`a, b`"), "{missing}");
}

trait Write {
    fn append_marked(&mut self, ms: i64) -> i64;
    fn write(&mut self, operation: &str, files: &[&[Row]]) -> i64;
}

impl Write for TestTable {
    fn append_marked(&mut self, ms: i64) -> i64 {
        marked(self, MAIN, ms)
    }

    /// Commits files with column bounds.
    fn write(&mut self, operation: &str, files: &[&[Row]]) -> i64 {
        let mut delta = self.delta(operation);
        for rows in files {
            delta = delta.write(DataSpec { rows: rows.to_vec(), bound_bytes: Some(16), ..DataSpec::default() }, None);
        }
        delta.commit()
    }
}

fn row(values: impl IntoIterator<Item = Value>) -> Row {
    values.into_iter().collect()
}

/// Rows with a key and a value of the second column.
fn rows(values: &[Option<i64>]) -> Vec<Row> {
    values.iter().map(|value| row([Value::from(1), value.map_or(Value::Null, Value::Long)])).collect()
}

#[rstest]
#[case::date("date", None, 20_000, 20_000 * DAY_MS)]
#[case::timestamp("timestamp", None, 1_700_000_000_000_999, 1_700_000_000_000)]
#[case::timestamp_before_the_epoch("timestamp", None, -1, -1)]
#[case::long_in_milliseconds("long", None, 1_700_000_000_123, 1_700_000_000_123)]
#[case::long_in_seconds("long", Some(TimeUnit::Seconds), 1_700_000_000, 1_700_000_000_000)]
#[case::long_in_microseconds("long", Some(TimeUnit::Micros), 1_700_000_000_000_999, 1_700_000_000_000)]
#[case::int_in_seconds("int", Some(TimeUnit::Seconds), 1_700_000_000, 1_700_000_000_000)]
#[tokio::test]
async fn bounds_are_read_by_the_type_of_the_column(
    #[case] kind: &str,
    #[case] unit: Option<TimeUnit>,
    #[case] lowest: i64,
    #[case] expected_ms: i64,
) {
    let mut table = TestTable::v2(&format!("k int, t {kind}"), "");
    table.write("append", &[&rows(&[Some(lowest + 5), Some(lowest), None]), &rows(&[Some(lowest + 3)])]);
    let name = WatermarkName::Column { column: "t".to_owned(), unit, lateness_ms: 0 };
    assert_eq!(on_branch(&table, MAIN, &[name]).await.unwrap().time.ms(), expected_ms);
}

#[tokio::test]
async fn lateness_is_taken_off_the_lowest_bound_of_the_newest_commit() {
    let mut table = TestTable::v2("k int, t date", "");
    table.write("append", &[&rows(&[Some(1)])]);
    let id = table.write("append", &[&rows(&[Some(30)]), &rows(&[Some(20), Some(40)])]);
    let name = WatermarkName::Column { column: "t".to_owned(), unit: None, lateness_ms: DAY_MS };
    let watermark = on_branch(&table, MAIN, &[name]).await.unwrap();
    assert_eq!(watermark.time.ms(), 19 * DAY_MS);
    assert!(matches!(watermark.marks[0].origin, Origin::Column { snapshot_id, .. } if snapshot_id.get() == id));
}

#[tokio::test]
async fn commits_that_add_no_rows_and_compactions_are_passed_over() {
    let mut table = TestTable::v2("k int, t date", "");
    let old = table.write_path(&rows(&[Some(1)]));
    let id = table.write("append", &[&rows(&[Some(20)])]);
    let rewritten = DataSpec { rows: rows(&[Some(1)]), bound_bytes: Some(16), ..DataSpec::default() };
    table.replace().remove(old).write(rewritten, Some(1)).commit();
    table.delta("append").merge_manifests().commit();
    let watermark = on_branch(&table, MAIN, &[column("t")]).await.unwrap();
    assert_eq!(watermark.time.ms(), 20 * DAY_MS);
    assert!(matches!(watermark.marks[0].origin, Origin::Column { snapshot_id, .. } if snapshot_id.get() == id));
}

trait WritePath {
    fn write_path(&mut self, rows: &[Row]) -> String;
}

impl WritePath for TestTable {
    fn write_path(&mut self, rows: &[Row]) -> String {
        let data = DataSpec { rows: rows.to_vec(), bound_bytes: Some(16), ..DataSpec::default() };
        let delta = self.delta("append").write(data, None);
        let path = delta.last_path();
        delta.commit();
        path
    }
}

#[tokio::test]
async fn files_without_a_value_say_nothing_and_files_without_bounds_end_it() {
    let mut table = TestTable::v2("k int, t date", "");
    table.write("append", &[&rows(&[None, None]), &rows(&[Some(20)])]);
    assert_eq!(on_branch(&table, MAIN, &[column("t")]).await.unwrap().time.ms(), 20 * DAY_MS);

    table.write("append", &[&rows(&[None])]);
    let only_nulls = unknown(on_branch(&table, MAIN, &[column("t")]).await);
    assert!(only_nulls.contains("column `t`"), "{only_nulls}");

    let path = table.append([rows(&[Some(30)]).remove(0)]);
    let no_bounds = unknown(on_branch(&table, MAIN, &[column("t")]).await);
    assert!(no_bounds.contains(&path) && no_bounds.contains("write.metadata.metrics.column.t"), "{no_bounds}");
}

#[tokio::test]
async fn a_bound_from_before_a_promotion_is_read_as_what_it_was() {
    let mut table = TestTable::v2("k int, t int", "");
    table.write("append", &[&rows(&[Some(7000)])]);
    table.promote_column("t", "long");
    assert_eq!(on_branch(&table, MAIN, &[column("t")]).await.unwrap().time, EventTime::from_ms(7000).unwrap());
}

#[tokio::test]
async fn a_table_without_rows_has_no_estimate() {
    let table = TestTable::v2("k int, t date", "");
    assert!(unknown(on_branch(&table, MAIN, &[column("t")]).await).contains("no snapshot"));
}

#[rstest]
#[case("nosuch", None, "`nosuch` is not in the table; its columns are k, v, t, d")]
#[case("v", None, "type string")]
#[case("t", Some(TimeUnit::Millis), "its own unit")]
#[case("k", Some(TimeUnit::Rfc3339), "RFC 3339")]
#[case("d", None, "type double")]
#[tokio::test]
async fn columns_that_hold_no_times_are_refused(
    #[case] name: &str,
    #[case] unit: Option<TimeUnit>,
    #[case] part: &str,
) {
    let mut table = TestTable::v2("k int, v string, t timestamp, d double", "");
    table.append([row([Value::from(1), Value::Null, Value::Null, Value::Null])]);
    let name = WatermarkName::Column { column: name.to_owned(), unit, lateness_ms: 0 };
    match on_branch(&table, MAIN, &[name]).await {
        Err(TableError::InvalidRequest { detail }) => assert!(detail.contains(part), "{detail}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_unreadable_or_unreasonable_bound_is_no_time() {
    let mut table = TestTable::v2("k int, t long", "");
    // Microseconds where milliseconds are due: the year 55,841.
    table.write("append", &[&rows(&[Some(1_700_000_000_000_000)])]);
    assert!(unknown(on_branch(&table, MAIN, &[column("t")]).await).contains("no usable lower bound"));
}

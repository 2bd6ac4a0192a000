//! Streams that follow a table while it grows, and streams that go on after a failure.

use frazil_reader::{From, Mode, ReadOptions, SchemaMode, To, follow_changes, read_changes};
use frazil_table::{SnapshotId, Table, TableError};
use frazil_testkit::Kind::{Delete, Insert, UpdateAfter, UpdateBefore};
use frazil_testkit::{Change, Fault, IntoRow, Kind, MAIN, TestTable};

use crate::bad_input::copy::Copy;
use crate::built::{Collector, Delivery};
use crate::report::Report;

fn keyed() -> TestTable {
    TestTable::v2("k int, v string", "k")
}

fn set<R: IntoRow>(changes: impl IntoIterator<Item = (Kind, R)>) -> Vec<Change> {
    changes.into_iter().map(|(kind, row)| (kind, row.into_row())).collect()
}

fn from(from: From) -> ReadOptions {
    ReadOptions { from, ..ReadOptions::default() }
}

/// A stream and what it has delivered so far.
struct Followed {
    stream: frazil_reader::ChangeStream,
    collector: Collector,
}

impl Followed {
    async fn open(table: &TestTable, options: ReadOptions) -> Self {
        let mut stream = follow_changes(&table.table(), options).await.unwrap();
        let mut collector = Collector::new(&stream);
        collector.drain(&mut stream).await.unwrap();
        Self { stream, collector }
    }

    /// What the table has since.
    async fn more(&mut self, table: &TestTable) -> &[Delivery] {
        let n = self.collector.deliveries.len();
        self.stream.extend(&table.table()).await.unwrap();
        self.collector.drain(&mut self.stream).await.unwrap();
        &self.collector.deliveries[n..]
    }

    async fn error(&mut self, table: &Table) -> TableError {
        match self.stream.extend(table).await.unwrap_err() {
            frazil_reader::ReadError::Table(error) => error,
            other => panic!("{other:?}"),
        }
    }

    fn ordinals(&self) -> Vec<u64> {
        self.collector.deliveries.iter().map(|delivery| delivery.snapshot.ordinal).collect()
    }
}

#[tokio::test]
async fn all_rows_come_first_and_then_every_change_once() {
    let mut table = keyed();
    table.append([(1, "a")]);
    table.append([(2, "b")]);
    let mut followed = Followed::open(&table, from(From::Full)).await;
    assert_eq!(followed.collector.deliveries[0].changes, set([(Insert, (1, "a")), (Insert, (2, "b"))]));
    assert!(followed.more(&table).await.is_empty());
    // Several snapshots between two looks.
    table.overwrite().delete_where("k", [1]).rows([(1, "x")]).commit();
    table.equality_delete("k", [2]);
    let more = followed.more(&table).await;
    assert_eq!(more[0].changes, set([(UpdateBefore, (1, "a")), (UpdateAfter, (1, "x"))]));
    assert_eq!(more[1].changes, set([(Delete, (2, "b"))]));
    assert_eq!(followed.ordinals(), [0, 1, 2]);
    assert!(!followed.stream.is_finished());
}

#[tokio::test]
async fn a_table_without_snapshots_is_followed_from_its_first() {
    for start in [From::Full, From::Earliest, From::Latest] {
        let mut table = keyed();
        let mut followed = Followed::open(&table, from(start)).await;
        assert!(followed.more(&table).await.is_empty());
        table.append([(1, "a")]);
        assert_eq!(followed.more(&table).await[0].changes, set([(Insert, (1, "a"))]));
        table.overwrite().delete_where("k", [1]).rows([(1, "b")]).commit();
        let expected = set([(UpdateBefore, (1, "a")), (UpdateAfter, (1, "b"))]);
        assert_eq!(followed.more(&table).await[0].changes, expected);
        assert_eq!(followed.ordinals(), [0, 1]);
    }
}

#[tokio::test]
async fn latest_is_what_comes_after_the_head() {
    let mut table = keyed();
    table.append([(1, "a")]);
    let mut followed = Followed::open(&table, from(From::Latest)).await;
    assert!(followed.collector.deliveries.is_empty());
    table.append([(2, "b")]);
    assert_eq!(followed.more(&table).await[0].changes, set([(Insert, (2, "b"))]));
}

#[tokio::test]
async fn a_start_in_the_future_is_waited_for() {
    let mut table = keyed();
    table.append([(1, "a")]);
    let time_ms = table.head(MAIN).unwrap().timestamp_ms + 2000;
    let mut followed = Followed::open(&table, from(From::Timestamp(time_ms))).await;
    table.append([(2, "b")]);
    assert!(followed.more(&table).await.is_empty());
    table.append([(3, "c")]);
    table.append([(4, "d")]);
    let more: Vec<_> = followed.more(&table).await.iter().map(|delivery| delivery.changes.clone()).collect();
    assert_eq!(more, [set([(Insert, (3, "c"))]), set([(Insert, (4, "d"))])]);
}

#[tokio::test]
async fn a_snapshot_that_is_the_end_ends_the_stream_when_it_comes() {
    let mut table = keyed();
    table.append([(1, "a")]);
    let end = table.delta("append").rows([(2, "b")]).staged().commit();
    let options = ReadOptions { to: To::Snapshot(SnapshotId::new(end)), ..from(From::Earliest) };
    let mut followed = Followed::open(&table, options).await;
    assert!(!followed.stream.is_finished());
    table.set_branch(MAIN, end);
    table.append([(3, "c")]);
    assert_eq!(followed.more(&table).await.len(), 1);
    assert!(followed.stream.is_finished());
    assert!(followed.more(&table).await.is_empty());
}

#[tokio::test]
async fn a_time_that_is_the_end_ends_the_stream_when_it_is_passed() {
    let mut table = keyed();
    table.append([(1, "a")]);
    let time_ms = table.head(MAIN).unwrap().timestamp_ms + 1000;
    let options = ReadOptions { to: To::Timestamp(time_ms), ..from(From::Earliest) };
    let mut followed = Followed::open(&table, options).await;
    table.append([(2, "b")]);
    assert_eq!(followed.more(&table).await.len(), 1);
    // Another commit may still have the same time.
    assert!(!followed.stream.is_finished());
    table.append([(3, "c")]);
    assert!(followed.more(&table).await.is_empty());
    assert!(followed.stream.is_finished());
}

#[tokio::test]
async fn l2_what_was_delivered_may_not_expire_between_two_looks() {
    let mut table = keyed();
    let first = table.delta("append").rows([(1, "a")]).commit();
    let mut followed = Followed::open(&table, from(From::Full)).await;
    let second = table.delta("append").rows([(2, "b")]).commit();
    let third = table.delta("append").rows([(3, "c")]).commit();
    table.expire([first, second]);
    match followed.error(&table.table()).await {
        TableError::SnapshotExpired { consumed, oldest } => assert_eq!((consumed.get(), oldest.get()), (first, third)),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn l3_a_branch_that_was_rolled_back_ends_the_stream() {
    let mut table = keyed();
    let first = table.delta("append").rows([(1, "a")]).commit();
    let second = table.delta("append").rows([(2, "b")]).commit();
    let mut followed = Followed::open(&table, from(From::Full)).await;
    table.set_branch(MAIN, first);
    match followed.error(&table.table()).await {
        TableError::LineageBroken { consumed, common_ancestor, head } => {
            assert_eq!(
                (consumed.get(), common_ancestor.map(SnapshotId::get), head.get()),
                (second, Some(first), first)
            );
        }
        other => panic!("{other:?}"),
    }
    // Nothing has happened to the stream.
    table.set_branch(MAIN, second);
    table.append([(3, "c")]);
    assert_eq!(followed.more(&table).await[0].changes, set([(Insert, (3, "c"))]));
}

#[tokio::test]
async fn l5_a_table_made_again_ends_the_stream() {
    let mut table = keyed();
    table.append([(1, "a")]);
    let mut followed = Followed::open(&table, from(From::Full)).await;
    table.replace_uuid("0b6e3f0a-5a6e-4d6f-9f2b-6f1d6ff8f0a1");
    assert!(matches!(followed.error(&table.table()).await, TableError::TableReplaced { .. }));
}

#[tokio::test]
async fn a_watermark_does_not_fall_when_the_snapshot_that_raised_it_expires() {
    let mut table = keyed();
    let early = table.delta("append").rows([(1, "a")]).at(1_800_000_000_000).commit();
    table.delta("append").rows([(2, "b")]).at(1_700_000_000_000).commit();
    let mut followed = Followed::open(&table, from(From::Earliest)).await;
    table.expire([early]);
    table.delta("append").rows([(3, "c")]).at(1_700_000_001_000).commit();
    assert_eq!(followed.more(&table).await[0].watermark_ms, 1_800_000_000_000);
}

#[tokio::test]
async fn a_pinned_schema_stays_when_the_table_gets_another() {
    let mut table = keyed();
    for is_empty in [false, true] {
        if !is_empty {
            table.append([(1, "a")]);
        }
        let options = ReadOptions { schema: SchemaMode::PinnedToEnd, ..from(From::Full) };
        let mut followed = Followed::open(&table, options).await;
        let n_columns = followed.stream.header().schema.fields().len();
        table.add_column(if is_empty { "d" } else { "c" }, "int", Option::<i32>::None);
        table.delta("append").commit();
        let more = followed.more(&table).await;
        assert_eq!((more[0].schema_change, more[0].schema.fields().len()), (None, n_columns));
        table = keyed();
    }
}

#[tokio::test]
async fn a_range_without_an_end_has_no_net_changes() {
    let options = ReadOptions { mode: Mode::Net, ..ReadOptions::default() };
    let error = follow_changes(&keyed().table(), options).await.unwrap_err();
    assert_eq!(error.code(), "INVALID_ARGUMENT");
}

/// Manifests are read once, whichever version of the table they are read for.
#[tokio::test]
async fn a_newer_state_of_the_table_keeps_what_was_read_of_the_older() {
    let mut table = keyed();
    for k in 0..20 {
        table.append([(k, "a")]);
    }
    let mut followed = Followed::open(&table, from(From::Full)).await;
    table.equality_delete("k", [3]);
    let n_requests = || table.storage().counters().n_requests;
    let n_before = n_requests();
    followed.more(&table).await;
    let n_followed = n_requests() - n_before;
    let last = from(From::SnapshotInclusive(SnapshotId::new(table.main_head())));
    let n_before = n_requests();
    assert!(crate::built::changes(&table.table(), last).await.1.is_none());
    let n_fresh = n_requests() - n_before;
    // The manifests of the data files, at least, were known.
    assert!(n_followed + 20 <= n_fresh, "{n_followed} requests, {n_fresh} without what was read before");
}

/// What a stream delivers, one line for each row or other event.
async fn story(copy: &Copy, options: ReadOptions, n: Option<(usize, Fault)>) -> (Vec<String>, usize) {
    let table = copy.load().await.unwrap();
    if let Some((n, fault)) = n {
        copy.store.fail_request(n, fault);
    }
    let (mut lines, mut n_failures) = (Vec::new(), 0);
    let mut stream = loop {
        match read_changes(&table, options.clone()).await {
            Ok(stream) => break stream,
            Err(_) => n_failures += 1,
        }
    };
    let mut is_amid = false;
    let mut n_amid = 0;
    loop {
        match stream.next().await {
            Ok(None) => return (lines, n_amid),
            Ok(Some(frazil_reader::Event::Changes(batch))) => {
                is_amid = true;
                for (row, operation) in batch.operations.iter().enumerate() {
                    lines.push(format!("{} {operation:?} {:?}", batch.snapshot.ordinal, batch.rows.slice(row, 1)));
                }
            }
            Ok(Some(event)) => {
                is_amid = false;
                lines.push(format!("{event:?}"));
            }
            Err(error) => {
                n_failures += 1;
                n_amid += usize::from(is_amid);
                assert!(n_failures < 2, "it failed again: {error:?}");
            }
        }
    }
}

#[test]
fn a_stream_goes_on_with_the_very_next_row_after_a_failed_request() {
    let mut report = Report::new("resumed streams");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let base = || ReadOptions { batch_rows: 2, ..ReadOptions::default() };
    let variants = [
        base(),
        ReadOptions { from: From::Full, ..base() },
        ReadOptions { mode: Mode::Upsert, key: Some(vec!["id".to_owned()]), ..base() },
        ReadOptions { mode: Mode::Net, ..base() },
        ReadOptions { memory_limit_bytes: 64 << 10, ..base() },
    ];
    for name in ["mor_pos_part", "eq_v3", "eq_upsert_part", "schema_evo"] {
        for options in &variants {
            runtime.block_on(async {
                let copy = Copy::of(name).await;
                let (expected, _) = story(&copy, options.clone(), None).await;
                // Every third request, and the first after which none fails.
                for n in (0..).step_by(3) {
                    let (resumed, n_amid) = story(&copy, options.clone(), Some((n, Fault::BreakOff))).await;
                    let has_failed = copy.store.take_failed();
                    report.count("failures", usize::from(has_failed));
                    report.count("failures amid a snapshot", n_amid);
                    if resumed != expected {
                        report.fail(format!("{name} request {n} with {options:?}"), format!("{resumed:#?}"));
                    }
                    if !has_failed {
                        break;
                    }
                }
            });
        }
    }
    assert!(report.total("failures amid a snapshot") > 10);
    report.finish();
}

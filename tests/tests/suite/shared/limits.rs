//! Who shares, who waits for whom, and what becomes of errors.

use std::sync::atomic::Ordering;

use frazil_reader::discovery::TableWatch;
use frazil_reader::shared::{Next, SharedScans, SharedSettings, Sharing};
use frazil_reader::{Mode, ReadError, ReadOptions, To};
use frazil_table::{SnapshotId, Table};
use frazil_testkit::TestTable;
use rstest::rstest;

use super::{Consumer, alone, columns, filter, turns, watch};

fn keyed() -> TestTable {
    TestTable::v2("k long, v string, w int", "k")
}

/// Twenty snapshots of thirty rows.
fn many() -> Table {
    let mut table = keyed();
    for n in 0..20 {
        table.append((0..30).map(|k| (n * 30 + k, "v", k)));
    }
    table.table()
}

fn small_batches() -> ReadOptions {
    ReadOptions { batch_rows: 10, ..ReadOptions::default() }
}

async fn open(scans: &SharedScans, watch: &TableWatch, options: ReadOptions, sharing: Sharing) -> Consumer {
    Consumer::new(scans.open(watch.clone(), options, false, sharing).await.unwrap())
}

async fn to_the_end(consumer: &mut Consumer) {
    while !consumer.is_over {
        consumer.poll(usize::MAX).await;
    }
}

#[tokio::test]
async fn consumers_that_read_in_step_decode_once() {
    let table = many();
    let (_source, watch) = watch(table.clone());
    let scans = SharedScans::default();
    let mut all = Vec::new();
    for names in [["k", "v"], ["k", "w"], ["v", "w"]] {
        let options = ReadOptions { columns: columns(&names), ..small_batches() };
        all.push(open(&scans, &watch, options, Sharing::Auto).await);
    }
    while all.iter().any(|consumer| !consumer.is_over) {
        for consumer in all.iter_mut().filter(|consumer| !consumer.is_over) {
            consumer.poll(usize::MAX).await;
        }
    }
    let stats = scans.stats();
    assert_eq!((stats.n_decoded_batches, stats.n_shared_batches, stats.n_private_batches), (60, 180, 0));
    assert_eq!((stats.n_merged, stats.n_detached), (3, 0));
    assert_eq!((stats.n_groups, stats.n_members), (0, 0), "whoever is through has left");
    assert!(all.iter().all(|consumer| consumer.got.items.len() == 620));
}

#[tokio::test]
async fn whoever_falls_behind_the_buffer_goes_on_alone_and_loses_nothing() {
    let table = many();
    let (_source, watch) = watch(table.clone());
    let scans = SharedScans::new(SharedSettings { buffer_bytes_max: 1 });
    let mut fast = open(&scans, &watch, small_batches(), Sharing::Always).await;
    let mut slow = open(&scans, &watch, small_batches(), Sharing::Always).await;
    let expected = alone(&table, small_batches()).await.unwrap();
    while !fast.is_over {
        for _ in 0..7 {
            if !fast.is_over {
                fast.poll(usize::MAX).await;
            }
        }
        slow.poll(usize::MAX).await;
    }
    to_the_end(&mut slow).await;
    assert_eq!(fast.got.difference_to(&expected), None);
    assert_eq!(slow.got.difference_to(&expected), None);
    let stats = scans.stats();
    assert!(stats.n_detached > 0 && stats.n_private_batches > 0, "{stats:?}");
}

#[tokio::test]
async fn a_consumer_that_does_not_read_holds_nobody_up() {
    let table = many();
    let (_source, watch) = watch(table.clone());
    let scans = SharedScans::new(SharedSettings { buffer_bytes_max: 10_000 });
    let mut still = open(&scans, &watch, small_batches(), Sharing::Auto).await;
    let mut other = open(&scans, &watch, small_batches(), Sharing::Auto).await;
    still.poll(usize::MAX).await;
    assert!(still.stream.is_shared());
    to_the_end(&mut other).await;
    assert_eq!(scans.stats().n_detached, 1);
    to_the_end(&mut still).await;
    assert_eq!(still.got.difference_to(&other.got), None);
}

#[tokio::test]
async fn nobody_is_detached_while_nobody_waits() {
    let table = many();
    let (_source, watch) = watch(table.clone());
    let scans = SharedScans::new(SharedSettings { buffer_bytes_max: 1 });
    let mut one = open(&scans, &watch, small_batches(), Sharing::Auto).await;
    let mut other = open(&scans, &watch, small_batches(), Sharing::Auto).await;
    while !one.is_over || !other.is_over {
        // Each takes what the other has taken, before it asks for more.
        one.poll(usize::MAX).await;
        other.poll(usize::MAX).await;
    }
    assert_eq!(scans.stats().n_detached, 0);
    assert_eq!(scans.stats().n_decoded_batches, 60);
}

#[tokio::test]
async fn a_consumer_that_comes_late_catches_up_and_shares() {
    let mut table = keyed();
    for n in 0..3 {
        table.append((0..30).map(|k| (n * 30 + k, "v", k)));
    }
    let (source, mut watch) = watch(table.table());
    let scans = SharedScans::default();
    let follow = async |names: &[&str]| {
        let options = ReadOptions { columns: columns(names), ..ReadOptions::default() };
        Consumer::new(scans.open(watch.clone(), options, true, Sharing::Always).await.unwrap())
    };
    let mut first = follow(&["k"]).await;
    let mut second = follow(&["k"]).await;
    for consumer in [&mut first, &mut second] {
        consumer.drain(&mut watch.clone()).await;
    }
    let mut late = follow(&["w"]).await;
    late.drain(&mut watch).await;
    // It has read everything by itself, and stands where the others stand.
    assert_eq!(scans.stats().n_members, 3);
    table.append((0..30).map(|k| (1000 + k, "v", k)));
    source.set(table.table());
    watch.look().await.unwrap();
    for consumer in [&mut first, &mut second, &mut late] {
        consumer.drain(&mut watch.clone()).await;
        assert!(consumer.stream.is_shared());
    }
    let stats = scans.stats();
    assert_eq!((stats.n_private_batches, stats.n_decoded_batches, stats.n_shared_batches), (3, 4, 9));
    let options = ReadOptions { columns: columns(&["w"]), ..ReadOptions::default() };
    assert_eq!(late.got.difference_to(&alone(&watch.newest(), options).await.unwrap()), None);
    drop((first, second, late));
    assert_eq!((scans.stats().n_groups, scans.stats().n_members), (0, 0));
}

/// Consumers by columns and filter, and how many of them share by rule.
#[rstest]
#[case::all_rows(&[("k", ""), ("v", ""), ("w", "")], 3)]
#[case::the_same_rows(&[("k", "k > 5"), ("v", "k > 5")], 2)]
#[case::some_rows_of_fewer_columns(&[("k w", ""), ("w", "k > 5")], 2)]
#[case::some_rows_of_more_columns(&[("k", ""), ("v", "k > 5")], 0)]
#[case::a_filter_by_another_column(&[("k", ""), ("k", "w > 5")], 0)]
#[case::other_rows_of_the_same_columns(&[("k w", "k > 500"), ("k w", "w < 5")], 2)]
#[case::other_rows_of_other_columns(&[("k", "k > 500"), ("w", "w < 5")], 0)]
#[tokio::test]
async fn by_rule_those_share_who_have_nothing_decoded_in_vain(
    #[case] consumers: &[(&str, &str)],
    #[case] n_sharing: usize,
) {
    let table = many();
    for (sharing, n_sharing) in [(Sharing::Auto, n_sharing), (Sharing::Always, consumers.len()), (Sharing::Never, 0)] {
        let (_source, watch) = watch(table.clone());
        let scans = SharedScans::default();
        let mut all = Vec::new();
        for (names, sql) in consumers {
            let filter = if sql.is_empty() { None } else { filter(sql) };
            let names: Vec<&str> = names.split(' ').collect();
            let options = ReadOptions { columns: columns(&names), filter, ..small_batches() };
            let expected = alone(&table, options.clone()).await.unwrap();
            all.push((open(&scans, &watch, options, sharing).await, expected));
        }
        for (consumer, _) in &mut all {
            consumer.poll(usize::MAX).await;
        }
        let n = all.iter().filter(|(consumer, _)| consumer.stream.is_shared()).count();
        assert_eq!(n, n_sharing, "{sharing:?}");
        for (consumer, expected) in &mut all {
            to_the_end(consumer).await;
            assert_eq!(consumer.got.difference_to(expected), None, "{sharing:?}");
        }
    }
}

#[tokio::test]
async fn an_error_reaches_everyone_where_it_is_and_as_it_would_alone() {
    let mut table = keyed();
    table.append((0..30).map(|k| (k, "v", k)));
    table.append((30..60).map(|k| (k, "v", k)));
    table.equality_delete("k", [5]);
    let table = table.table();
    let (_source, watch) = watch(table.clone());
    let scans = SharedScans::default();
    let mut all = Vec::new();
    for names in [["k", "v"], ["k", "w"], ["w", "v"]] {
        let options = ReadOptions { columns: columns(&names), mode: Mode::Append, ..small_batches() };
        let expected = alone(&table, options.clone()).await.unwrap();
        all.push((open(&scans, &watch, options, Sharing::Auto).await, expected));
    }
    for (consumer, expected) in &mut all {
        to_the_end(consumer).await;
        assert!(expected.error.as_ref().unwrap().contains("NonAppend"));
        assert_eq!(consumer.got.difference_to(expected), None);
        // Asked again, it fails again.
        assert!(matches!(consumer.stream.next().await, Err(ReadError::NonAppend { .. })));
    }
    assert!(scans.stats().n_shared_batches > 0);
}

#[tokio::test]
async fn ranges_that_end_elsewhere_share_what_they_have_in_common() {
    let table = many();
    let (_source, watch) = watch(table.clone());
    let scans = SharedScans::default();
    let ids: Vec<i64> = {
        let got = alone(&table, small_batches()).await.unwrap();
        let text: Vec<frazil_reader::Position> = got.positions.iter().map(|text| text.parse().unwrap()).collect();
        text.iter().map(|position| position.snapshot_id().unwrap().get()).collect()
    };
    let mut all = Vec::new();
    for end in [4, 9, 19] {
        let options = ReadOptions { to: To::Snapshot(SnapshotId::new(ids[end])), ..small_batches() };
        let expected = alone(&table, options.clone()).await.unwrap();
        assert_eq!(expected.positions.len(), end + 1);
        all.push((open(&scans, &watch, options, Sharing::Auto).await, expected));
    }
    while all.iter().any(|(consumer, _)| !consumer.is_over) {
        for (consumer, _) in all.iter_mut().filter(|(consumer, _)| !consumer.is_over) {
            consumer.poll(usize::MAX).await;
        }
    }
    for (consumer, expected) in &all {
        assert_eq!(consumer.got.difference_to(expected), None);
    }
    let stats = scans.stats();
    assert_eq!((stats.n_shared_batches, stats.n_private_batches, stats.n_decoded_batches), (15 + 30 + 60, 0, 60));
}

#[tokio::test]
async fn looks_at_the_table_are_told_of_and_their_failures_reach_everyone() {
    let (source, mut watch) = watch(many());
    let scans = SharedScans::default();
    let mut all = Vec::new();
    for _ in 0..2 {
        let stream = scans.open(watch.clone(), ReadOptions::default(), true, Sharing::Auto).await.unwrap();
        all.push(Consumer::new(stream));
    }
    for consumer in &mut all {
        // Ends with `Next::Idle`.
        consumer.drain(&mut watch.clone()).await;
        assert_eq!(consumer.got.positions.len(), 20);
    }
    source.is_away.store(true, Ordering::SeqCst);
    for consumer in &mut all {
        watch.hints().notify();
        let error = consumer.stream.next().await.unwrap_err();
        assert!(error.to_string().contains("the catalog is away"), "{error}");
    }
    source.is_away.store(false, Ordering::SeqCst);
    watch.look().await.unwrap();
    for consumer in &mut all {
        watch.hints().notify();
        assert!(matches!(consumer.stream.next_or_idle().await.unwrap(), Next::Idle));
        assert!(consumer.stream.is_shared());
    }
}

#[tokio::test]
async fn a_range_as_a_whole_is_not_shared() {
    let table = many();
    let (_source, watch) = watch(table.clone());
    let scans = SharedScans::default();
    let options = ReadOptions { mode: Mode::Net, ..small_batches() };
    let error = scans.open(watch.clone(), options.clone(), false, Sharing::Always).await.unwrap_err();
    assert!(error.to_string().contains("cannot be shared"), "{error}");
    let mut one = open(&scans, &watch, options.clone(), Sharing::Auto).await;
    let mut other = open(&scans, &watch, options.clone(), Sharing::Auto).await;
    to_the_end(&mut one).await;
    to_the_end(&mut other).await;
    assert_eq!(one.got.difference_to(&alone(&table, options).await.unwrap()), None);
    assert_eq!(scans.stats().n_merged, 0);
}

#[tokio::test]
async fn the_task_of_a_scan_ends_with_its_consumers() {
    let (_source, watch) = watch(many());
    let scans = SharedScans::default();
    let metrics = tokio::runtime::Handle::current().metrics();
    let n_before = metrics.num_alive_tasks();
    let mut one = open(&scans, &watch, small_batches(), Sharing::Auto).await;
    let other = open(&scans, &watch, small_batches(), Sharing::Auto).await;
    one.poll(usize::MAX).await;
    assert_eq!(metrics.num_alive_tasks(), n_before + 1);
    drop((one, other));
    turns(100).await;
    assert_eq!(metrics.num_alive_tasks(), n_before);
}

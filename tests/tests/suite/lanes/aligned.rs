//! Streams that wait for each other.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use frazil_reader::alignment::{AlignmentGroup, AlignmentLimits};
use frazil_reader::{Event, Lanes, ReadOptions, Route, follow_changes, read_changes};
use frazil_table::Table;
use frazil_testkit::TestTable;

const N_COMMITS: u64 = 12;

fn table() -> TestTable {
    let mut table = TestTable::v2("k int, v string", "k");
    for commit in 0..N_COMMITS {
        let first = i32::try_from(commit).unwrap() * 10;
        table.append((first..first + 10).map(|k| (k, "a")));
    }
    table
}

/// Reads the table by three streams at once, of which some are slow, and notes how far ahead of the slowest any was.
async fn furthest_ahead(table: &Table, limits: AlignmentLimits) -> u64 {
    let group = AlignmentGroup::new(limits);
    // Snapshots that each stream has completed, and the furthest that one was ahead.
    let state = Arc::new(Mutex::new(([0_u64; 3], 0_u64)));
    let mut tasks = tokio::task::JoinSet::new();
    let lanes = Lanes { route: Some(Route::Key), ..Lanes::default() }.shares(3);
    let members: Vec<_> = lanes.iter().map(|_| group.join()).collect();
    for ((index, lanes), member) in lanes.into_iter().enumerate().zip(members) {
        let options = ReadOptions { lanes: Some(lanes), batch_rows: 1, ..ReadOptions::default() };
        let mut stream = read_changes(table, options).await.unwrap();
        stream.align(member);
        let state = state.clone();
        tasks.spawn(async move {
            while let Some(event) = stream.next().await.unwrap() {
                note(&mut state.lock().unwrap(), index, &event);
                // The one is slower than the other.
                for _ in 0..index * 20 {
                    tokio::task::yield_now().await;
                }
            }
        });
    }
    while let Some(outcome) = tasks.join_next().await {
        outcome.unwrap();
    }
    let state = state.lock().unwrap();
    assert_eq!(state.0, [N_COMMITS; 3]);
    state.1
}

/// What a stream delivered: how many snapshots it has completed, and how far it is ahead of the slowest.
fn note((completed, furthest): &mut ([u64; 3], u64), index: usize, event: &Event) {
    match event {
        Event::Changes(batch) => {
            let slowest = completed.iter().min().unwrap();
            *furthest = (*furthest).max(batch.snapshot.ordinal - slowest);
        }
        Event::SnapshotEnd { .. } => completed[index] += 1,
        _ => {}
    }
}

#[tokio::test]
async fn streams_are_no_further_apart_than_they_may_be_and_all_come_to_the_end() {
    let table = table().table();
    let hours = |max_drift_snapshots| AlignmentLimits { max_drift_snapshots, max_drift: Duration::from_secs(3600) };
    assert_eq!(furthest_ahead(&table, hours(0)).await, 0);
    let ahead = furthest_ahead(&table, hours(2)).await;
    assert!((1..=2).contains(&ahead), "{ahead}");
    let step = AlignmentLimits { max_drift_snapshots: 100, max_drift: Duration::ZERO };
    assert_eq!(furthest_ahead(&table, step).await, 0);
    // Without a limit they are further apart, so that the others are not for nothing.
    assert!(furthest_ahead(&table, hours(100)).await > 2);
}

#[tokio::test]
async fn a_stream_that_waits_for_the_table_holds_nobody_up() {
    let mut table = table();
    let group = AlignmentGroup::new(AlignmentLimits { max_drift: Duration::ZERO, ..AlignmentLimits::default() });
    let mut streams = Vec::new();
    for lanes in (Lanes { route: Some(Route::Key), ..Lanes::default() }).shares(2) {
        let options = ReadOptions { lanes: Some(lanes), ..ReadOptions::default() };
        let mut stream = follow_changes(&table.table(), options).await.unwrap();
        stream.align(group.join());
        streams.push(stream);
    }
    let [one, two] = &mut streams[..] else { panic!("two streams") };
    let drain = async |stream: &mut frazil_reader::ChangeStream| {
        let mut n_ends = 0;
        while let Some(event) = stream.next().await.unwrap() {
            n_ends += u64::from(matches!(event, Event::SnapshotEnd { .. }));
        }
        n_ends
    };
    // In step they need each other.
    assert_eq!(tokio::join!(drain(one), drain(two)), (N_COMMITS, N_COMMITS));
    for k in 1000..1003 {
        table.append([(k, "b")]);
    }
    // Only one of them has heard of the commits.
    one.extend(&table.table()).await.unwrap();
    assert_eq!(drain(one).await, 3);
    two.extend(&table.table()).await.unwrap();
    assert_eq!(drain(two).await, 3);
}

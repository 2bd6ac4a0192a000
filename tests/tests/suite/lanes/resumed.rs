//! Streams that end anywhere, and go on as another number of streams over other lanes.

use frazil_fixtures::tables;
use frazil_reader::{From, Lanes, Position, ReadError, ReadOptions, Route, read_changes};
use frazil_table::Table;
use frazil_testkit::TestTable;
use frazil_testkit::random::{Compaction, random_table};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::{ROUTES, Told, counted, is_within};
use crate::fixtures::wait;
use crate::positions::{Item, kept, modes, push};
use crate::read::open;
use crate::report::Report;

fn lanes(route: Route, n_lanes: u16, range: std::ops::Range<u16>) -> Option<Lanes> {
    Some(Lanes { route: Some(route), n_lanes, range })
}

/// What each lane delivers when it is read alone, without a break.
async fn alone(table: &Table, options: &ReadOptions, route: Route, n_lanes: u16) -> Result<Vec<Told>, ReadError> {
    let mut all = Vec::new();
    for lane in 0..n_lanes {
        let options = ReadOptions { lanes: lanes(route, n_lanes, lane..lane + 1), ..options.clone() };
        let mut told = Told::default();
        told.push(crate::positions::all(table, options).await?);
        all.push(told);
    }
    Ok(all)
}

/// Cuts the lanes into ranges at random.
fn ranges(n_lanes: u16, random: &mut StdRng) -> Vec<std::ops::Range<u16>> {
    let n_cuts = random.random_range(0..5);
    let mut bounds: Vec<u16> = (0..n_cuts).map(|_| random.random_range(0..=n_lanes)).chain([0, n_lanes]).collect();
    bounds.sort_unstable();
    bounds.dedup();
    bounds.windows(2).map(|pair| pair[0]..pair[1]).collect()
}

/// Reads with other streams after every few events, from where each lane stands.
async fn in_pieces(
    table: &Table,
    options: &ReadOptions,
    route: Route,
    n_lanes: u16,
    random: &mut StdRng,
) -> Result<(Told, usize), ReadError> {
    let whole = ReadOptions { lanes: lanes(route, n_lanes, 0..n_lanes), ..options.clone() };
    let Some(mut position) = kept(&read_changes(table, whole).await?) else { return Ok((Told::default(), 0)) };
    let mut told = Told::default();
    let mut n_streams = 0;
    loop {
        let mut are_finished = true;
        let mut parts: Vec<Position> = Vec::new();
        for range in ranges(n_lanes, random) {
            let part = position.part(range.clone()).unwrap();
            assert_eq!(part.lanes().range, range);
            // Whoever has more than its share takes what it needs.
            let from = if random.random_bool(0.5) { part } else { position.clone() };
            let options = ReadOptions {
                from: From::Position(Box::new(from)),
                lanes: if random.random_bool(0.5) {
                    lanes(route, n_lanes, range.clone())
                } else {
                    Some(Lanes { route: None, n_lanes, range: range.clone() })
                },
                batch_rows: [1, 2, 3, 7, 1000][random.random_range(0..5)],
                readers: random.random_range(1..4),
                ..options.clone()
            };
            let mut stream = read_changes(table, options).await?;
            n_streams += 1;
            let mut items: Vec<Item> = Vec::new();
            let n_events = [0, 1, random.random_range(1..6), random.random_range(1..40)][random.random_range(0..4)];
            for n in 0..=n_events {
                if n == n_events {
                    are_finished = false;
                } else if let Some(event) = stream.next().await? {
                    push(&mut items, event);
                } else {
                    break;
                }
            }
            told.push(items);
            parts.push(kept(&stream).expect("it began somewhere"));
        }
        if are_finished {
            return Ok((told, n_streams));
        }
        // One way or the other.
        let joined = Position::join(parts.iter().rev().cloned()).unwrap();
        position = parts.iter().fold(position, |position, part| position.with(part).unwrap());
        assert_eq!(position, joined);
        assert_eq!(position.to_string().parse::<Position>().as_ref(), Ok(&position));
    }
}

async fn check(
    table: &Table,
    options: &ReadOptions,
    route: Route,
    seed: u64,
    report: &mut Report,
) -> Result<(), String> {
    let mut random = StdRng::seed_from_u64(seed);
    let n_lanes = [1, 2, 5][random.random_range(0..3)];
    let Ok(expected) = alone(table, options, route, n_lanes).await else { return Ok(()) };
    let (got, n_streams) =
        in_pieces(table, options, route, n_lanes, &mut random).await.map_err(|error| format!("{error:?}"))?;
    if n_streams == 0 {
        return Ok(());
    }
    report.count("histories", 1);
    report.count("streams", n_streams);
    report.count("rows", got.rows.len());
    for (lane, told) in expected.iter().enumerate() {
        if !is_within(&told.rows, &got.rows) {
            return Err(format!("lane {lane} of {n_lanes} came in another order"));
        }
        // Each snapshot ends and each schema changes for every lane; several streams say so more often.
        if !is_within(&told.markers, &got.markers) {
            return Err(format!("lane {lane} of {n_lanes}: {:?} of {:?}", got.markers, told.markers));
        }
    }
    let wanted = counted(expected.iter().flat_map(|told| &told.rows));
    if counted(&got.rows) != wanted {
        return Err(format!("{} rows, expected {}", got.rows.len(), wanted.values().sum::<usize>()));
    }
    Ok(())
}

#[test]
fn other_streams_go_on_where_the_lanes_of_fixture_tables_stand() {
    let mut report = Report::new("resumed lanes of fixtures");
    for (index, fixture) in tables().iter().enumerate() {
        wait(async {
            let table = open(fixture).await;
            for (number, options) in modes().into_iter().enumerate() {
                // Tables take turns with the options: they are many.
                if (index + number) % 3 != 0 {
                    continue;
                }
                let seed = (index * 10 + number) as u64;
                let route = ROUTES[(index / 3 + number) % 4];
                let outcome = check(&table, &options, route, seed, &mut report).await;
                report.check(format!("{} {:?} {route} seed {seed}", fixture.label(), options.mode), outcome);
            }
        });
    }
    assert!(report.total("streams") > 300);
    report.finish();
}

#[test]
fn other_streams_go_on_where_the_lanes_of_random_histories_stand() {
    let mut report = Report::new("resumed lanes of histories");
    for seed in 0..30 {
        let built = random_table(seed, Compaction::Sound, 14);
        let table = built.table.table();
        wait(async {
            for options in modes() {
                for route in ROUTES {
                    let outcome = check(&table, &options, route, seed, &mut report).await;
                    report.check(format!("seed {seed} {:?} {:?} {route}", options.mode, options.from), outcome);
                }
            }
        });
    }
    assert!(report.total("streams") > 1000);
    report.finish();
}

fn two_commits() -> Table {
    let mut table = TestTable::v2("k int, v string", "k");
    table.append((0..30).map(|k| (k, "a")));
    table.append((30..60).map(|k| (k, "b")));
    table.table()
}

/// Position of some lanes after as many events.
async fn after(table: &Table, from: From, range: std::ops::Range<u16>, n_events: usize) -> Position {
    let options = ReadOptions { from, lanes: lanes(Route::Key, 8, range), ..ReadOptions::default() };
    let mut stream = read_changes(table, options).await.unwrap();
    for _ in 0..n_events {
        stream.next().await.unwrap().unwrap();
    }
    stream.position().unwrap()
}

#[tokio::test]
async fn lanes_of_streams_that_began_elsewhere_are_refused() {
    let table = two_commits();
    let early = after(&table, From::Earliest, 0..4, 2).await;
    let late = after(&table, From::Full, 4..8, 2).await;
    // Both are at their second snapshot, and it is not the same one.
    let joined = Position::join([early, late]).unwrap();
    let options = ReadOptions {
        from: From::Position(Box::new(joined)),
        lanes: lanes(Route::Key, 8, 0..8),
        ..ReadOptions::default()
    };
    let mut stream = match read_changes(&table, options).await {
        Ok(stream) => stream,
        Err(error) => return assert!(error.to_string().contains("began elsewhere"), "{error}"),
    };
    let error = loop {
        match stream.next().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("nothing was noticed"),
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains("began elsewhere"), "{error}");
}

#[tokio::test]
async fn a_position_goes_on_with_its_own_lanes_only() {
    let table = two_commits();
    let position = after(&table, From::Earliest, 2..6, 1).await;
    let open = async |lanes: Option<Lanes>| {
        let from = From::Position(Box::new(position.clone()));
        read_changes(&table, ReadOptions { from, lanes, ..ReadOptions::default() }).await.map(|stream| {
            let lanes = &stream.header().lanes;
            (lanes.route.unwrap(), lanes.range.clone())
        })
    };
    let own = |range| Some(Lanes { route: None, n_lanes: 8, range });
    assert_eq!(open(own(2..6)).await.unwrap(), (Route::Key, 2..6));
    assert_eq!(open(own(3..4)).await.unwrap(), (Route::Key, 3..4));
    assert!(open(own(1..3)).await.unwrap_err().to_string().contains("does not cover"));
    let changed = |error: ReadError| match error {
        ReadError::ConfigChanged { changed } => changed,
        other => panic!("{other:?}"),
    };
    assert_eq!(changed(open(lanes(Route::File, 8, 2..6)).await.unwrap_err()), "route");
    assert_eq!(changed(open(lanes(Route::Key, 9, 2..6)).await.unwrap_err()), "lanes");
    assert_eq!(changed(open(None).await.unwrap_err()), "route, lanes");
}

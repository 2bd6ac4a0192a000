#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation, clippy::indexing_slicing)]
use super::*;

const MINUTE_MS: i64 = 60_000;

fn limits(max_drift_snapshots: u64, max_drift: Duration) -> AlignmentLimits {
    AlignmentLimits { max_drift_snapshots, max_drift }
}

fn of_hours(max_drift_snapshots: u64) -> AlignmentLimits {
    limits(max_drift_snapshots, Duration::from_secs(3600))
}

#[test]
fn the_limits_are_those_of_the_documentation() {
    assert_eq!(AlignmentLimits::default(), limits(4, Duration::from_secs(60)));
}

#[test]
fn nobody_is_further_ahead_than_so_many_snapshots() {
    let mut alignment = Alignment::new(of_hours(2));
    let (fast, slow) = (alignment.join(0, None), alignment.join(0, None));
    for ordinal in 0..3 {
        assert!(alignment.on_begin(fast, ordinal, ordinal.cast_signed()));
        alignment.on_complete(fast, ordinal, ordinal.cast_signed());
    }
    assert!(!alignment.on_begin(fast, 3, 3));
    assert!(alignment.on_begin(slow, 0, 0));
    assert!(!alignment.on_begin(fast, 3, 3));
    alignment.on_complete(slow, 0, 0);
    assert!(alignment.on_begin(fast, 3, 3));
}

#[test]
fn nobody_is_further_ahead_than_so_much_time() {
    let mut alignment = Alignment::new(limits(100, Duration::from_secs(60)));
    let (fast, slow) = (alignment.join(5, Some(0)), alignment.join(5, Some(0)));
    assert!(alignment.on_begin(fast, 5, MINUTE_MS));
    alignment.on_complete(fast, 5, MINUTE_MS);
    assert!(alignment.on_begin(fast, 6, MINUTE_MS));
    alignment.on_complete(fast, 6, MINUTE_MS);
    assert!(!alignment.on_begin(fast, 7, MINUTE_MS + 1));
    alignment.on_complete(slow, 5, MINUTE_MS);
    assert!(alignment.on_begin(fast, 7, MINUTE_MS + 1));
}

#[test]
fn without_drift_all_go_in_step() {
    let mut alignment = Alignment::new(limits(4, Duration::ZERO));
    let (one, two) = (alignment.join(0, None), alignment.join(0, None));
    assert!(alignment.on_begin(one, 0, 7));
    assert!(alignment.on_begin(two, 0, 7));
    alignment.on_complete(one, 0, 7);
    // Two commits of the same moment are two all the same.
    assert!(!alignment.on_begin(one, 1, 7));
    alignment.on_complete(two, 0, 7);
    assert!(alignment.on_begin(one, 1, 7));
}

#[test]
fn the_slowest_goes_on_however_long_there_was_no_commit() {
    let mut alignment = Alignment::new(AlignmentLimits::default());
    let (one, two) = (alignment.join(3, Some(0)), alignment.join(3, Some(0)));
    assert!(alignment.on_begin(one, 3, 100 * MINUTE_MS));
    assert!(alignment.on_begin(two, 3, 100 * MINUTE_MS));
}

#[test]
fn who_is_idle_or_has_left_holds_nobody_up_until_it_comes_back() {
    let mut alignment = Alignment::new(of_hours(0));
    let (one, two, three) = (alignment.join(0, None), alignment.join(0, None), alignment.join(0, None));
    assert!(!alignment.on_begin(one, 1, 0));
    alignment.on_idle(two);
    assert!(!alignment.on_begin(one, 1, 0));
    alignment.leave(three);
    assert!(alignment.on_begin(one, 1, 0));
    alignment.on_complete(one, 1, 0);
    assert!(alignment.on_begin(two, 0, 0));
    assert!(!alignment.on_begin(one, 2, 0));
    // Nobody knows of it any more.
    assert!(alignment.on_begin(three, 9, 0));
}

/// Numbers that follow from a seed.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// A stream as the test knows it.
struct Stream {
    id: MemberId,
    next: u64,
    watermark_ms: Option<i64>,
    is_busy: bool,
    is_idle: bool,
}

/// Plays streams that come, go, and read a table that grows, in an order that follows from the seed.
fn play(seed: u64) {
    let mut random = Random(seed);
    let limits = limits(random.below(5), Duration::from_millis([0, 1, 60_000, 1_000_000][random.below(4) as usize]));
    let max_drift_ms = limits.max_drift.as_millis() as i64;
    let mut watermarks: Vec<i64> = vec![0];
    let mut alignment = Alignment::new(limits);
    let mut streams: Vec<Stream> = Vec::new();
    let mut n_completed = 0;
    for _ in 0..400 {
        match random.below(12) {
            0 if streams.len() < 6 => {
                let next = random.below(watermarks.len() as u64 + 1);
                let watermark_ms = next.checked_sub(1).map(|last| watermarks[last as usize]);
                let id = alignment.join(next, watermark_ms);
                streams.push(Stream { id, next, watermark_ms, is_busy: false, is_idle: false });
            }
            1 if streams.len() > 1 => {
                let index = random.below(streams.len() as u64) as usize;
                alignment.leave(streams.remove(index).id);
            }
            2 => watermarks.push(watermarks.last().unwrap() + random.below(90_000).cast_signed()),
            _ => {}
        }
        if streams.is_empty() {
            continue;
        }
        let index = random.below(streams.len() as u64) as usize;
        let others: Vec<(u64, Option<i64>)> = streams
            .iter()
            .enumerate()
            .filter(|(other, stream)| *other != index && !stream.is_idle)
            .map(|(_, stream)| (stream.next, stream.watermark_ms))
            .collect();
        let stream = &mut streams[index];
        let Some(watermark_ms) = watermarks.get(stream.next as usize).copied() else {
            alignment.on_idle(stream.id);
            stream.is_idle = true;
            continue;
        };
        if stream.is_busy {
            alignment.on_complete(stream.id, stream.next, watermark_ms);
            (stream.is_busy, stream.next, stream.watermark_ms) = (false, stream.next + 1, Some(watermark_ms));
            n_completed += 1;
            continue;
        }
        stream.is_idle = false;
        let may_begin = alignment.on_begin(stream.id, stream.next, watermark_ms);
        let n_behind = others.iter().filter(|(ordinal, _)| *ordinal < stream.next);
        // The slowest is always let through.
        assert!(may_begin || n_behind.count() > 0, "seed {seed}: the slowest was held up");
        if may_begin {
            stream.is_busy = true;
            for (ordinal, behind_ms) in others.iter().filter(|(ordinal, _)| *ordinal < stream.next) {
                assert!(stream.next - ordinal <= limits.max_drift_snapshots, "seed {seed}: too many snapshots ahead");
                assert!(max_drift_ms > 0, "seed {seed}: out of step");
                let slowest = others.iter().min().unwrap();
                if (ordinal, behind_ms) == (&slowest.0, &slowest.1) {
                    let drift_ms = behind_ms.map_or(0, |behind_ms| watermark_ms - behind_ms);
                    assert!(drift_ms <= max_drift_ms, "seed {seed}: too much time ahead");
                }
            }
        }
    }
    assert!(n_completed > 20, "seed {seed}: {n_completed} snapshots completed");
}

#[test]
fn nobody_is_too_far_ahead_and_somebody_can_always_go_on() {
    (0..3000).for_each(play);
}

#[test]
fn a_table_waits_for_those_that_are_behind_and_not_for_idle_ones() {
    let seconds = Duration::from_secs;
    let mut tables = TableAlignment::new(seconds(60), seconds(300));
    let (orders, customers) = (tables.join(Some(0), seconds(0)), tables.join(Some(0), seconds(0)));
    assert!(tables.may_begin(orders, 10 * MINUTE_MS, seconds(1)));
    tables.on_commit(orders, seconds(1));
    tables.on_delivered(orders, Some(10 * MINUTE_MS));
    assert!(!tables.may_begin(orders, 11 * MINUTE_MS, seconds(2)));
    assert_eq!(tables.idle(seconds(2)), []);
    // The other catches up.
    tables.on_commit(customers, seconds(3));
    assert!(tables.may_begin(customers, 10 * MINUTE_MS, seconds(3)));
    tables.on_delivered(customers, Some(10 * MINUTE_MS));
    assert!(tables.may_begin(orders, 11 * MINUTE_MS, seconds(4)));
    tables.on_commit(orders, seconds(290));
    tables.on_delivered(orders, Some(11 * MINUTE_MS));
    assert!(!tables.may_begin(orders, 12 * MINUTE_MS, seconds(302)));
    // It had no commit for five minutes.
    assert_eq!(tables.idle(seconds(303)), [customers]);
    assert!(tables.may_begin(orders, 12 * MINUTE_MS, seconds(303)));
    // One that is known and not delivered is none of that.
    tables.on_commit(customers, seconds(303));
    assert_eq!(tables.idle(seconds(900)), [orders]);
    assert!(!tables.may_begin(orders, 12 * MINUTE_MS, seconds(900)));
    tables.leave(customers);
    assert!(tables.may_begin(orders, 12 * MINUTE_MS, seconds(900)));
}

#[test]
fn a_table_without_a_watermark_holds_others_up_until_it_is_idle() {
    let seconds = Duration::from_secs;
    let mut tables = TableAlignment::new(seconds(60), seconds(300));
    let known = tables.join(Some(0), seconds(0));
    let unknown = tables.join(None, seconds(0));
    assert!(!tables.may_begin(known, 1, seconds(1)));
    assert!(tables.may_begin(unknown, 1, seconds(1)));
    assert!(tables.may_begin(known, 1, seconds(300)));
}

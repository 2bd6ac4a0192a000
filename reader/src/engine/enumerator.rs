//! Which split is read next, and who has to wait. Pure: no clock, no tasks.

use std::collections::BTreeMap;

/// How many bytes may be decoded and not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Marks {
    /// Below this, splits are handed out again.
    pub(super) low_bytes: u64,
    /// From here on none is handed out.
    pub(super) high_bytes: u64,
    /// Nothing is added beyond this, save one batch of the split that is being delivered.
    pub(super) cap_bytes: u64,
}

impl Marks {
    pub(super) fn of_cap(cap_bytes: u64) -> Self {
        Self { low_bytes: cap_bytes / 4, high_bytes: cap_bytes / 2, cap_bytes }
    }
}

/// What an idle reader is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// Read the split with this index.
    HandOut(usize),
    /// Wait until rows are taken: enough are there.
    Wait,
    /// Nothing is left to be read.
    Finished,
}

/// Hands out splits in their order, and keeps what is decoded ahead of the consumer within limits.
#[derive(Debug)]
pub(super) struct Enumerator {
    n_splits: usize,
    /// The next split that is handed out.
    next: usize,
    /// The split that is being delivered.
    front: usize,
    marks: Marks,
    /// Bytes that wait to be taken, of each split that has some.
    waiting: BTreeMap<usize, u64>,
    waiting_bytes: u64,
    /// Between the marks, what was done last is gone on with.
    is_filling: bool,
}

impl Enumerator {
    pub(super) fn new(n_splits: usize, marks: Marks) -> Self {
        Self { n_splits, next: 0, front: 0, marks, waiting: BTreeMap::new(), waiting_bytes: 0, is_filling: true }
    }

    /// A reader has nothing to do.
    pub(super) fn on_idle(&mut self) -> Decision {
        if self.next >= self.n_splits {
            return Decision::Finished;
        }
        if self.waiting_bytes >= self.marks.high_bytes {
            self.is_filling = false;
        } else if self.waiting_bytes < self.marks.low_bytes {
            self.is_filling = true;
        }
        // The consumer waits for the split at the front, so it can never be held up by those behind it.
        if !self.is_filling && self.next > self.front {
            return Decision::Wait;
        }
        self.next += 1;
        Decision::HandOut(self.next - 1)
    }

    /// Whether a reader may add a batch of a split to what waits.
    pub(super) fn has_room(&self, split: usize, n_bytes: u64) -> bool {
        let is_awaited = split == self.front && !self.waiting.contains_key(&split);
        is_awaited || self.waiting_bytes.saturating_add(n_bytes) <= self.marks.cap_bytes
    }

    /// A reader has added a batch.
    pub(super) fn on_added(&mut self, split: usize, n_bytes: u64) {
        *self.waiting.entry(split).or_default() += n_bytes;
        self.waiting_bytes += n_bytes;
    }

    /// The consumer has taken a batch of the split at the front; `is_last` of those that wait.
    pub(super) fn on_taken(&mut self, n_bytes: u64, is_last: bool) {
        self.waiting_bytes = self.waiting_bytes.saturating_sub(n_bytes);
        match self.waiting.get_mut(&self.front) {
            Some(bytes) if !is_last => *bytes = bytes.saturating_sub(n_bytes),
            _ => drop(self.waiting.remove(&self.front)),
        }
    }

    /// Everything of the split at the front has been taken.
    pub(super) fn on_delivered(&mut self) {
        self.front += 1;
    }

    /// The split that is being delivered; `None` after the last.
    pub(super) fn front(&self) -> Option<usize> {
        (self.front < self.n_splits).then_some(self.front)
    }

    /// Bytes that wait to be taken.
    pub(super) fn waiting_bytes(&self) -> u64 {
        self.waiting_bytes
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::cast_possible_truncation)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// Numbers that follow from a seed.
    struct Random(u64);

    impl Random {
        fn below(&mut self, n: u64) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % n
        }
    }

    /// One split: bytes of the batches that are not read, those that wait, and its reader.
    #[derive(Default)]
    struct Output {
        unread: VecDeque<u64>,
        waiting: VecDeque<u64>,
        is_finished: bool,
    }

    const BATCH_BYTES_MAX: u64 = 100;

    /// Plays readers and a consumer in an order that follows from the seed.
    fn play(seed: u64) {
        let mut random = Random(seed);
        let marks = Marks::of_cap([0, 10, 250, 1000, 100_000][random.below(5) as usize]);
        let n_splits = random.below(12) as usize;
        let mut outputs: Vec<Output> = (0..n_splits)
            .map(|_| Output {
                unread: (0..random.below(6)).map(|_| random.below(BATCH_BYTES_MAX + 1)).collect(),
                ..Output::default()
            })
            .collect();
        let mut enumerator = Enumerator::new(n_splits, marks);
        let mut readers: Vec<Option<usize>> = vec![None; 1 + random.below(7) as usize];
        let mut handed_out = Vec::new();
        let mut n_idle_steps = 0;
        while let Some(front) = enumerator.front() {
            let mut has_moved = false;
            let reader = random.below(readers.len() as u64 + 1) as usize;
            if reader == readers.len() {
                // The consumer.
                if let Some(n_bytes) = outputs[front].waiting.pop_front() {
                    enumerator.on_taken(n_bytes, outputs[front].waiting.is_empty());
                    has_moved = true;
                } else if outputs[front].is_finished {
                    enumerator.on_delivered();
                    has_moved = true;
                }
            } else if let Some(split) = readers[reader] {
                match outputs[split].unread.front().copied() {
                    None => {
                        outputs[split].is_finished = true;
                        readers[reader] = None;
                        has_moved = true;
                    }
                    Some(n_bytes) if enumerator.has_room(split, n_bytes) => {
                        enumerator.on_added(split, n_bytes);
                        let n_bytes = outputs[split].unread.pop_front().unwrap();
                        outputs[split].waiting.push_back(n_bytes);
                        has_moved = true;
                    }
                    Some(_) => {}
                }
            } else {
                let is_low = enumerator.waiting_bytes() < marks.low_bytes;
                match enumerator.on_idle() {
                    Decision::HandOut(split) => {
                        handed_out.push(split);
                        readers[reader] = Some(split);
                        has_moved = true;
                    }
                    Decision::Wait => assert!(!is_low, "seed {seed}: a reader is idle below the low mark"),
                    Decision::Finished => assert_eq!(handed_out.len(), n_splits, "seed {seed}"),
                }
            }
            let waiting: u64 = outputs.iter().flat_map(|output| &output.waiting).sum();
            assert_eq!(enumerator.waiting_bytes(), waiting, "seed {seed}");
            assert!(waiting <= marks.cap_bytes + BATCH_BYTES_MAX, "seed {seed}: {waiting} bytes wait, {marks:?}");
            n_idle_steps = if has_moved { 0 } else { n_idle_steps + 1 };
            assert!(n_idle_steps < 10_000, "seed {seed}: nobody can go on");
        }
        assert_eq!(handed_out, (0..n_splits).collect::<Vec<_>>(), "seed {seed}");
        assert!(outputs.iter().all(|output| output.unread.is_empty() && output.waiting.is_empty()), "seed {seed}");
    }

    #[test]
    fn every_split_is_delivered_in_order_and_within_the_limits_in_whatever_order_things_happen() {
        (0..3000).for_each(play);
    }

    #[test]
    fn between_the_marks_what_was_done_last_is_gone_on_with() {
        let mut enumerator = Enumerator::new(4, Marks { low_bytes: 10, high_bytes: 20, cap_bytes: 100 });
        assert_eq!(enumerator.on_idle(), Decision::HandOut(0));
        enumerator.on_added(0, 15);
        assert_eq!(enumerator.on_idle(), Decision::HandOut(1));
        enumerator.on_added(0, 5);
        assert_eq!(enumerator.on_idle(), Decision::Wait);
        enumerator.on_taken(5, false);
        assert_eq!(enumerator.on_idle(), Decision::Wait);
        enumerator.on_taken(15, true);
        assert_eq!(enumerator.on_idle(), Decision::HandOut(2));
    }

    #[test]
    fn the_split_that_is_asked_for_is_never_held_up_by_those_behind_it() {
        let mut enumerator = Enumerator::new(3, Marks::of_cap(100));
        assert_eq!(enumerator.on_idle(), Decision::HandOut(0));
        assert_eq!(enumerator.on_idle(), Decision::HandOut(1));
        enumerator.on_added(1, 100);
        assert!(!enumerator.has_room(1, 1));
        assert!(enumerator.has_room(0, 1_000_000));
        enumerator.on_added(0, 1_000_000);
        assert!(!enumerator.has_room(0, 1));
    }
}

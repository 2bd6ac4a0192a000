//! Splits read by several readers at once, and delivered in their order.
//!
//! The `enumerator` decides who reads what and who waits; `readers` does it.

mod enumerator;
mod readers;

use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) use readers::Readers;

/// What the readers of a stream have done so far. All zero with one reader, which needs no engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EngineStats {
    /// Change sets that were read.
    pub n_change_sets: u64,
    /// Splits that a reader was given: each is the rows of one file.
    pub n_splits: u64,
    /// Times that a reader got no split, since enough rows were waiting to be taken.
    pub n_waits_for_buffer: u64,
    /// Times that a reader kept rows back, since the buffer was full.
    pub n_waits_for_room: u64,
    /// Times that rows were asked for before they were there.
    pub n_waits_for_rows: u64,
    /// Most bytes that were decoded and not taken at once.
    pub buffer_bytes_peak: u64,
}

/// Counts for [`EngineStats`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    n_change_sets: AtomicU64,
    n_splits: AtomicU64,
    n_waits_for_buffer: AtomicU64,
    n_waits_for_room: AtomicU64,
    n_waits_for_rows: AtomicU64,
    buffer_bytes_peak: AtomicU64,
}

impl Counters {
    pub(crate) fn stats(&self) -> EngineStats {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        EngineStats {
            n_change_sets: get(&self.n_change_sets),
            n_splits: get(&self.n_splits),
            n_waits_for_buffer: get(&self.n_waits_for_buffer),
            n_waits_for_room: get(&self.n_waits_for_room),
            n_waits_for_rows: get(&self.n_waits_for_rows),
            buffer_bytes_peak: get(&self.buffer_bytes_peak),
        }
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

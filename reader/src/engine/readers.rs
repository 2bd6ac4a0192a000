//! Readers as tasks: they decode splits ahead of the consumer, which gets the rows in the order of the splits.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use frazil_table::TableError;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tracing::debug;

use super::enumerator::{Decision, Enumerator, Marks};
use super::{Counters, count};
use crate::Result;
use crate::place::Delivered;
use crate::source::batch_bytes;
use crate::split::Split;

/// The readers of one change set. They end when this is dropped.
#[derive(Debug)]
pub(crate) struct Readers {
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Rows were taken: readers look again.
    taken: Notify,
    /// Rows were added: the consumer looks again.
    added: Notify,
    counters: Arc<Counters>,
}

#[derive(Debug)]
struct State {
    enumerator: Enumerator,
    /// Not handed out, each with the position that it starts at.
    splits: VecDeque<(Split, u64)>,
    /// What was read of splits that are not delivered.
    outputs: BTreeMap<usize, Output>,
}

#[derive(Debug, Default)]
struct Output {
    batches: VecDeque<(Result<Delivered>, u64)>,
    is_finished: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // What it protects is whole between any two statements that may panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Readers {
    /// Starts `n_readers` of them, or as many as there are splits. Each split comes with the position that it starts at.
    pub(crate) fn start(
        splits: VecDeque<(Split, u64)>,
        n_readers: usize,
        buffer_bytes_max: u64,
        counters: Arc<Counters>,
    ) -> Self {
        let n_readers = n_readers.min(splits.len());
        debug!(n_splits = splits.len(), n_readers, buffer_bytes_max, "readers started");
        count(&counters.n_change_sets);
        let enumerator = Enumerator::new(splits.len(), Marks::of_cap(buffer_bytes_max));
        let state = State { enumerator, splits, outputs: BTreeMap::new() };
        let shared =
            Arc::new(Shared { state: Mutex::new(state), taken: Notify::new(), added: Notify::new(), counters });
        let mut tasks = JoinSet::new();
        for _ in 0..n_readers {
            tasks.spawn(read(shared.clone()));
        }
        Self { shared, _tasks: tasks }
    }

    /// The next changes; `None` at the end. If the future is dropped, nothing is lost.
    pub(crate) async fn next(&mut self) -> Result<Option<Delivered>> {
        let mut has_waited = false;
        loop {
            let added = self.shared.added.notified();
            tokio::pin!(added);
            // Whatever is added from here on is noticed.
            added.as_mut().enable();
            if let Some(next) = self.take() {
                self.shared.taken.notify_waiters();
                return next.transpose();
            }
            if !has_waited {
                has_waited = true;
                count(&self.shared.counters.n_waits_for_rows);
            }
            added.await;
        }
    }

    /// `None` if what comes next is not there yet; with `None` inside at the end.
    fn take(&self) -> Option<Option<Result<Delivered>>> {
        let mut state = self.shared.lock();
        let State { enumerator, outputs, .. } = &mut *state;
        loop {
            let Some(front) = enumerator.front() else { return Some(None) };
            let output = outputs.get_mut(&front)?;
            if let Some((delivered, n_bytes)) = output.batches.pop_front() {
                enumerator.on_taken(n_bytes, output.batches.is_empty());
                return Some(Some(delivered));
            }
            if !output.is_finished {
                return None;
            }
            outputs.remove(&front);
            enumerator.on_delivered();
            // A reader may have waited for its split to be at the front.
            self.shared.taken.notify_waiters();
        }
    }
}

/// Reads splits until none is left, or one fails.
async fn read(shared: Arc<Shared>) {
    while let Some((index, split, first_position)) = next_split(&shared).await {
        let mut reader = Reader { shared: &shared, index, is_finished: false };
        if let Err(error) = reader.read(split, first_position).await {
            // The consumer gets it after all that comes before it.
            reader.finish(Some(error));
            return;
        }
        reader.finish(None);
    }
}

async fn next_split(shared: &Shared) -> Option<(usize, Split, u64)> {
    loop {
        let taken = shared.taken.notified();
        tokio::pin!(taken);
        taken.as_mut().enable();
        {
            let mut state = shared.lock();
            match state.enumerator.on_idle() {
                Decision::HandOut(index) => {
                    let (split, first_position) = state.splits.pop_front()?;
                    state.outputs.entry(index).or_default();
                    count(&shared.counters.n_splits);
                    debug!(split = index, path = %split.file.path, "split handed out");
                    return Some((index, split, first_position));
                }
                Decision::Wait => {
                    let waiting_bytes = state.enumerator.waiting_bytes();
                    debug!(waiting_bytes, "no split handed out, since enough rows wait to be taken");
                    count(&shared.counters.n_waits_for_buffer);
                }
                Decision::Finished => return None,
            }
        }
        taken.await;
    }
}

/// A reader at one split.
struct Reader<'a> {
    shared: &'a Shared,
    index: usize,
    is_finished: bool,
}

impl Reader<'_> {
    async fn read(&self, split: Split, first_position: u64) -> Result<()> {
        let mut rows = split.open(first_position).await?;
        while let Some(delivered) = rows.next().await? {
            self.add(delivered).await;
        }
        Ok(())
    }

    /// Adds a batch to what waits, once there is room for it.
    async fn add(&self, delivered: Delivered) {
        let n_bytes = batch_bytes(&delivered.rows);
        let mut has_waited = false;
        loop {
            let taken = self.shared.taken.notified();
            tokio::pin!(taken);
            taken.as_mut().enable();
            {
                let mut state = self.shared.lock();
                if state.enumerator.has_room(self.index, n_bytes) {
                    state.enumerator.on_added(self.index, n_bytes);
                    let peak_bytes = state.enumerator.waiting_bytes();
                    self.shared.counters.buffer_bytes_peak.fetch_max(peak_bytes, Ordering::Relaxed);
                    state.outputs.entry(self.index).or_default().batches.push_back((Ok(delivered), n_bytes));
                    drop(state);
                    self.shared.added.notify_waiters();
                    return;
                }
                if !has_waited {
                    has_waited = true;
                    debug!(split = self.index, n_bytes, "rows kept back, since the buffer is full");
                    count(&self.shared.counters.n_waits_for_room);
                }
            }
            taken.await;
        }
    }

    fn finish(&mut self, error: Option<crate::ReadError>) {
        self.is_finished = true;
        let mut state = self.shared.lock();
        let output = state.outputs.entry(self.index).or_default();
        output.batches.extend(error.map(|error| (Err(error), 0)));
        output.is_finished = true;
        drop(state);
        self.shared.added.notify_waiters();
    }
}

impl Drop for Reader<'_> {
    /// A reader that panicked must not leave the consumer waiting.
    fn drop(&mut self) {
        if !self.is_finished {
            let error = TableError::Internal { detail: "a reader ended amid a file".to_owned() };
            self.finish(Some(error.into()));
        }
    }
}

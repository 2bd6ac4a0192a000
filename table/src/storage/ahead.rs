//! Files fetched before they are asked for: so that reading many files is no chain of requests, each waiting for
//! the one before.
//!
//! A reader says which files it is about to read, in which order. Small ones are fetched whole, of others the end,
//! where their footers are. Readers need not know: what they ask the storage for comes from here where it is.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinHandle;

use crate::Result;

/// How much is fetched before it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AheadLimits {
    /// Bytes that are held, those that were read already included.
    pub bytes_max: u64,
    /// Files of at most this size are fetched whole.
    pub whole_file_bytes_max: u64,
    /// Of larger files, this much of the end.
    pub tail_bytes: u64,
    /// Requests under way at once, for one reader.
    pub n_parallel: usize,
}

impl AheadLimits {
    /// Nothing is fetched ahead: for stores on this machine, where a request costs little.
    pub const NONE: Self = Self { bytes_max: 0, whole_file_bytes_max: 0, tail_bytes: 0, n_parallel: 0 };
    /// For stores behind a network: the time of a request is that of about two megabytes.
    pub const REMOTE: Self =
        Self { bytes_max: 64 << 20, whole_file_bytes_max: 2 << 20, tail_bytes: 64 << 10, n_parallel: 16 };

    /// What is fetched of a file of this size. `None` if nothing is.
    fn wanted(&self, file_size: u64) -> Option<Range<u64>> {
        let n_bytes = if file_size <= self.whole_file_bytes_max { file_size } else { self.tail_bytes.min(file_size) };
        (n_bytes > 0 && n_bytes <= self.bytes_max).then(|| file_size - n_bytes..file_size)
    }
}

/// Part of a file.
#[derive(Debug, Clone)]
pub(super) struct Held {
    /// Where `bytes` begin.
    pub(super) start: u64,
    pub(super) bytes: Bytes,
    /// Size of the whole file, as the store told it.
    pub(super) file_size: u64,
}

impl Held {
    /// Bytes of a range, if they are here.
    pub(super) fn get(&self, range: &Range<u64>) -> Option<Bytes> {
        let start = usize::try_from(range.start.checked_sub(self.start)?).ok()?;
        let end = usize::try_from(range.end.checked_sub(self.start)?).ok()?;
        (start <= end && end <= self.bytes.len()).then(|| self.bytes.slice(start..end))
    }

    /// The last `n_bytes` of the file, or all of a shorter one, if they are here.
    pub(super) fn suffix(&self, n_bytes: u64) -> Option<Bytes> {
        self.get(&(self.file_size.saturating_sub(n_bytes)..self.file_size))
    }
}

/// Fetches part of a file.
type Fetch = Box<dyn Fn(Arc<str>, Range<u64>) -> BoxFuture<'static, Result<Held>> + Send + Sync>;

/// What is held, of all readers of a storage.
pub(super) struct Ahead {
    limits: AheadLimits,
    /// A permit for each byte that may be held.
    room: Arc<Semaphore>,
    state: Mutex<State>,
}

impl fmt::Debug for Ahead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ahead").field("limits", &self.limits).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct State {
    /// Files that will be read, and of which reader.
    announced: HashMap<Arc<str>, (Arc<Queue>, usize)>,
    slots: HashMap<Arc<str>, Slot>,
    /// Files that their readers are done with, longest ago first. They stay while there is room: another reader
    /// may come.
    passed: VecDeque<Arc<str>>,
}

struct Slot {
    /// `None` while the request is under way.
    held: watch::Receiver<Option<Held>>,
    queue: Arc<Queue>,
    index: usize,
    _room: OwnedSemaphorePermit,
}

/// What one reader is about to read.
struct Queue {
    files: Vec<(Arc<str>, u64)>,
    /// Files before this one are done with.
    n_passed: Mutex<usize>,
    /// The reader has got its first file. Before that nothing is fetched ahead, so that a store that is down or
    /// refuses is asked once.
    has_begun: watch::Sender<bool>,
    fetch: Fetch,
}

/// A part of a file that is to be fetched now.
struct Claim {
    path: Arc<str>,
    range: Range<u64>,
    sender: watch::Sender<Option<Held>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What these locks protect is whole between any two statements.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    /// There are, or will be, bytes of the file. Of a reader that ended, requests under way ended with it.
    fn is_live(&self, path: &str) -> bool {
        self.slots.get(path).is_some_and(|slot| slot.held.borrow().is_some() || slot.held.has_changed().is_ok())
    }
}

/// Fetches the files of one reader. Dropping it ends that.
#[must_use = "fetching ends when this is dropped"]
pub struct ReadAhead(Option<Running>);

struct Running {
    ahead: Arc<Ahead>,
    queue: Arc<Queue>,
    task: Option<JoinHandle<()>>,
}

impl fmt::Debug for ReadAhead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n_files = self.0.as_ref().map_or(0, |running| running.queue.files.len());
        f.debug_struct("ReadAhead").field("n_files", &n_files).finish()
    }
}

impl ReadAhead {
    /// Fetches nothing.
    pub(crate) fn none() -> Self {
        Self(None)
    }
}

impl Drop for ReadAhead {
    fn drop(&mut self) {
        if let Some(Running { ahead, queue, task }) = self.0.take() {
            if let Some(task) = task {
                task.abort();
            }
            ahead.pass(&queue, queue.files.len());
        }
    }
}

impl Ahead {
    pub(super) fn new(limits: AheadLimits) -> Self {
        let n_permits = usize::try_from(limits.bytes_max).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self { limits, room: Arc::new(Semaphore::new(n_permits)), state: Mutex::default() }
    }

    /// Announces `files`, paths with the sizes that metadata gives; parts of them are got by calling `fetch`.
    pub(super) fn start(self: &Arc<Self>, files: Vec<(Arc<str>, u64)>, fetch: Fetch) -> ReadAhead {
        let runtime = tokio::runtime::Handle::try_current();
        let (Ok(runtime), false) = (runtime, files.is_empty() || self.limits == AheadLimits::NONE) else {
            return ReadAhead::none();
        };
        let queue = Queue { files, n_passed: Mutex::new(0), has_begun: watch::Sender::new(false), fetch };
        let queue = Arc::new(queue);
        let mut state = lock(&self.state);
        for (index, (path, _)) in queue.files.iter().enumerate() {
            state.announced.entry(path.clone()).or_insert_with(|| (queue.clone(), index));
        }
        drop(state);
        let task = (queue.files.len() > 1).then(|| runtime.spawn(self.clone().run(queue.clone())));
        ReadAhead(Some(Running { ahead: self.clone(), queue, task }))
    }

    async fn run(self: Arc<Self>, queue: Arc<Queue>) {
        if queue.has_begun.subscribe().wait_for(|has_begun| *has_begun).await.is_err() {
            return;
        }
        let mut under_way = FuturesUnordered::new();
        for (index, (path, _)) in queue.files.iter().enumerate() {
            while under_way.len() >= self.limits.n_parallel.max(1) {
                // Whoever reads a file that failed finds out what is wrong with it.
                if under_way.next().await == Some(false) {
                    return;
                }
            }
            let Some(n_permits) = self.n_permits(&queue, index) else { continue };
            if self.is_needless(&queue, index, path) {
                continue;
            }
            let mut room = Box::pin(self.room.clone().acquire_many_owned(n_permits));
            // Room comes from readers that go on; meanwhile what is under way must go on too.
            let room = loop {
                tokio::select! {
                    biased;
                    room = &mut room => break room,
                    Some(is_fetched) = under_way.next(), if !under_way.is_empty() => if !is_fetched { return },
                }
            };
            let Ok(room) = room else { return };
            if let Some(claim) = self.claim(&queue, index, room) {
                under_way.push(async { self.fetch(&queue, claim).await.is_ok() });
            }
        }
        while let Some(true) = under_way.next().await {}
    }

    /// Room that a file needs. `None` if nothing of it is fetched ahead.
    fn n_permits(&self, queue: &Queue, index: usize) -> Option<u32> {
        let (_, file_size) = queue.files.get(index)?;
        let range = self.limits.wanted(*file_size)?;
        u32::try_from(range.end - range.start).ok()
    }

    /// The file is here, or its reader has gone past it.
    fn is_needless(&self, queue: &Queue, index: usize, path: &str) -> bool {
        let n_passed = *lock(&queue.n_passed);
        index < n_passed || lock(&self.state).is_live(path)
    }

    /// Takes it on to fetch a file. `None` if that is needless.
    fn claim(&self, queue: &Arc<Queue>, index: usize, room: OwnedSemaphorePermit) -> Option<Claim> {
        let (path, file_size) = queue.files.get(index)?;
        let range = self.limits.wanted(*file_size)?;
        let mut state = lock(&self.state);
        if index < *lock(&queue.n_passed) || state.is_live(path) {
            return None;
        }
        let (sender, held) = watch::channel(None);
        state.slots.insert(path.clone(), Slot { held, queue: queue.clone(), index, _room: room });
        Some(Claim { path: path.clone(), range, sender })
    }

    async fn fetch(&self, queue: &Queue, claim: Claim) -> Result<Held> {
        let fetched = (queue.fetch)(claim.path.clone(), claim.range).await;
        match &fetched {
            Ok(held) => {
                claim.sender.send_replace(Some(held.clone()));
            }
            Err(_) => {
                lock(&self.state).slots.remove(&claim.path);
            }
        }
        fetched
    }

    /// What is held of a file; waits for a request that is under way. Its reader is done with the files before.
    /// A file that was announced and is not there yet is fetched now, if `wants` is served by that. `None` if
    /// whoever asks has to ask the store.
    ///
    /// # Errors
    /// As for reading the file.
    pub(super) async fn held(&self, path: &str, wants: Wants) -> Result<Option<Held>> {
        let found = {
            let state = lock(&self.state);
            let slot = state.slots.get(path).map(|slot| (slot.held.clone(), slot.queue.clone(), slot.index));
            match (slot, state.announced.get(path)) {
                (Some((held, queue, index)), _) => Found::Slot(held, queue, index),
                (None, Some((queue, index))) => Found::Announced(queue.clone(), *index),
                (None, None) => return Ok(None),
            }
        };
        match found {
            Found::Slot(mut held, queue, index) => {
                self.pass(&queue, index);
                match held.wait_for(Option::is_some).await {
                    Ok(held) => Ok(held.clone()),
                    Err(_) => Ok(None),
                }
            }
            Found::Announced(queue, index) => {
                self.pass(&queue, index);
                let is_whole =
                    queue.files.get(index).is_some_and(|(_, size)| *size <= self.limits.whole_file_bytes_max);
                let n_permits = self.n_permits(&queue, index).filter(|_| is_whole || wants == Wants::End);
                let room = n_permits.and_then(|n| self.room.clone().try_acquire_many_owned(n).ok());
                let Some(claim) = room.and_then(|room| self.claim(&queue, index, room)) else {
                    queue.has_begun.send_replace(true);
                    return Ok(None);
                };
                let held = self.fetch(&queue, claim).await?;
                queue.has_begun.send_replace(true);
                Ok(Some(held))
            }
        }
    }

    /// The files of `queue` before `end` are done with.
    fn pass(&self, queue: &Arc<Queue>, end: usize) {
        let mut state = lock(&self.state);
        let passed = {
            let mut n_passed = lock(&queue.n_passed);
            let passed = *n_passed..end.max(*n_passed);
            *n_passed = passed.end;
            passed
        };
        for (path, _) in queue.files.get(passed).unwrap_or_default() {
            if state.announced.get(path).is_some_and(|(of, _)| Arc::ptr_eq(of, queue)) {
                state.announced.remove(path);
            }
            if state.slots.get(path).is_some_and(|slot| Arc::ptr_eq(&slot.queue, queue)) {
                state.passed.push_back(path.clone());
            }
        }
        // Half of the room is for what will be read.
        let free_bytes_min = usize::try_from(self.limits.bytes_max / 2).unwrap_or(usize::MAX);
        while self.room.available_permits() < free_bytes_min {
            let Some(path) = state.passed.pop_front() else { break };
            state.slots.remove(&path);
        }
    }
}

/// What somebody asks of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wants {
    /// Its last bytes.
    End,
    /// Bytes that may stand anywhere.
    Any,
}

enum Found {
    Slot(watch::Receiver<Option<Held>>, Arc<Queue>, usize),
    Announced(Arc<Queue>, usize),
}

#[cfg(test)]
mod tests;

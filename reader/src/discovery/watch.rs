//! One poller for a table, shared by all who want to know its newest state.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use async_recursion::async_recursion as boxed;
use frazil_table::catalog::TableSource;
use frazil_table::commit::CommitListener;
use frazil_table::{Clock, SnapshotId, Table, TableError};
use futures::FutureExt;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tracing::debug;

use super::budget::{DEFAULT_REQUESTS_PER_SECOND, RequestBudget};
use super::pace::{DEFAULT_INTERVAL_MAX, Pace, PaceEvent};

/// How the tables of a catalog are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatchSettings {
    /// Looks at a table that is idle are so far apart; [`Pace`] says more.
    pub interval_max: Duration,
    /// Looks at all tables together, in a second.
    pub requests_per_second: u32,
    /// Spreads the looks of processes that were started together: another number in each.
    pub seed: u64,
}

impl Default for WatchSettings {
    fn default() -> Self {
        Self { interval_max: DEFAULT_INTERVAL_MAX, requests_per_second: DEFAULT_REQUESTS_PER_SECOND, seed: 0 }
    }
}

/// What comes of a look at a table: its newest state, whether or not that is another than before.
pub type Looked = frazil_table::Result<Table>;

/// The pollers of the tables of one catalog: one for each table, whoever asks, and one budget of requests for all.
#[derive(Debug)]
pub struct CatalogWatch {
    settings: WatchSettings,
    budget: SharedBudget,
    clock: Arc<dyn Clock>,
    tables: Mutex<HashMap<String, Weak<Shared>>>,
    n_started: AtomicU64,
}

impl CatalogWatch {
    /// No table is looked at yet. `clock` is for waiting.
    pub fn new(settings: WatchSettings, clock: Arc<dyn Clock>) -> Self {
        let budget = SharedBudget::new(settings.requests_per_second);
        Self { settings, budget, clock, tables: Mutex::default(), n_started: AtomicU64::new(0) }
    }

    /// Watches a table; it is loaded if nobody watches it yet.
    ///
    /// # Errors
    /// As [`TableSource::load`].
    #[boxed]
    pub async fn load(&self, source: Arc<dyn TableSource>) -> frazil_table::Result<TableWatch> {
        if let Some(watch) = self.known(source.name()) {
            return Ok(watch);
        }
        let table = source.load().await?;
        Ok(self.watch(source, table))
    }

    /// Watches a table that was loaded just now. Must be called within a tokio runtime, where the poller then runs.
    ///
    /// What `source` calls itself tells the table from others of the catalog.
    pub fn watch(&self, source: Arc<dyn TableSource>, table: Table) -> TableWatch {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shared) = tables.get(source.name()).and_then(Weak::upgrade) {
            return TableWatch::of(shared);
        }
        tables.retain(|_, shared| shared.strong_count() > 0);
        let name = source.name().to_owned();
        let seed = self.settings.seed.wrapping_add(self.n_started.fetch_add(1, Ordering::Relaxed));
        let pace = Pace::new(self.settings.interval_max, seed, self.budget.now());
        let (sender, seen) = watch::channel(Seen { table, n_looks: 0, failure: None });
        let shared = Arc::new(Shared { hints: Hints::default(), n_begun: Arc::default(), seen });
        let poller = Poller {
            source,
            sender,
            pace,
            budget: self.budget.clone(),
            clock: self.clock.clone(),
            hints: shared.hints.clone(),
            n_begun: shared.n_begun.clone(),
        };
        // It ends by itself when nobody watches the table any more, and owns nothing that would have to be handed back.
        tokio::spawn(poller.run());
        tables.insert(name, Arc::downgrade(&shared));
        TableWatch::of(shared)
    }

    fn known(&self, name: &str) -> Option<TableWatch> {
        let tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        tables.get(name).and_then(Weak::upgrade).map(TableWatch::of)
    }
}

/// The newest state of a table. Clones share one poller, which ends when the last of them is dropped.
#[derive(Debug, Clone)]
pub struct TableWatch {
    shared: Arc<Shared>,
    seen: watch::Receiver<Seen>,
}

/// What all who watch a table share.
#[derive(Debug)]
struct Shared {
    hints: Hints,
    n_begun: Arc<AtomicU64>,
    /// From which those who come later get theirs.
    seen: watch::Receiver<Seen>,
}

/// What is known of a table.
#[derive(Debug, Clone)]
struct Seen {
    table: Table,
    /// Looks that have ended.
    n_looks: u64,
    /// Why the last one failed.
    failure: Option<Arc<TableError>>,
}

impl Seen {
    fn looked(&self) -> Looked {
        match &self.failure {
            None => Ok(self.table.clone()),
            Some(failure) => Err(TableError::again(failure)),
        }
    }
}

impl TableWatch {
    fn of(shared: Arc<Shared>) -> Self {
        Self { seen: shared.seen.clone(), shared }
    }

    /// The newest state that is known, without waiting.
    pub fn newest(&self) -> Table {
        self.seen.borrow().table.clone()
    }

    /// Waits for a look that this handle has not heard of; of several, the last. Cancel-safe.
    ///
    /// # Errors
    /// What the look failed with. The table is looked at again all the same.
    #[boxed]
    pub async fn next(&mut self) -> Looked {
        match self.seen.changed().await {
            Ok(()) => self.seen.borrow_and_update().looked(),
            Err(_) => Err(ended()),
        }
    }

    /// Looks at the table: the answer is that of a look which begins after this is called. Cancel-safe.
    ///
    /// # Errors
    /// As [`TableWatch::next`].
    #[boxed]
    pub async fn look(&mut self) -> Looked {
        let n_wanted = self.shared.n_begun.load(Ordering::SeqCst).saturating_add(1);
        self.shared.hints.notify();
        match self.seen.wait_for(|seen| seen.n_looks >= n_wanted).await {
            Ok(seen) => seen.looked(),
            Err(_) => Err(ended()),
        }
    }

    /// By which others tell that the table may have changed.
    pub fn hints(&self) -> Hints {
        self.shared.hints.clone()
    }
}

fn ended() -> TableError {
    TableError::Internal { detail: "the poller of a table has ended".to_owned() }
}

/// Tells the poller of one table that there may be a new state: it looks at once. What the state is, only the look
/// says. Does not keep the poller alive.
#[derive(Debug, Clone, Default)]
pub struct Hints(Arc<Notify>);

impl Hints {
    /// There may be a new state. Several in a row are as good as one.
    pub fn notify(&self) {
        self.0.notify_one();
    }
}

impl CommitListener for Hints {
    fn committed(&self, _snapshot_id: Option<SnapshotId>) {
        self.notify();
    }
}

/// Looks at one table.
struct Poller {
    source: Arc<dyn TableSource>,
    sender: watch::Sender<Seen>,
    pace: Pace,
    budget: SharedBudget,
    clock: Arc<dyn Clock>,
    hints: Hints,
    n_begun: Arc<AtomicU64>,
}

impl Poller {
    async fn run(mut self) {
        while self.is_time().await {
            let Some(event) = self.look().await else { break };
            self.pace.on_event(event, self.budget.now());
        }
        debug!(table = self.source.name(), "nobody watches the table any more");
    }

    /// Waits for the next look. `false` if there is nobody who wants to know.
    async fn is_time(&mut self) -> bool {
        let mut next = self.pace.on_event(PaceEvent::Tick, self.budget.now());
        loop {
            let pause = next.saturating_sub(self.budget.now());
            if pause.is_zero() {
                break;
            }
            tokio::select! {
                biased;
                () = self.sender.closed() => return false,
                () = self.hints.0.notified() => next = self.pace.on_event(PaceEvent::Hint, self.budget.now()),
                () = self.clock.sleep(pause) => break,
            }
        }
        let pause = self.budget.take();
        if pause.is_zero() {
            return true;
        }
        tokio::select! {
            biased;
            () = self.sender.closed() => false,
            () = self.clock.sleep(pause) => true,
        }
    }

    /// Looks, and tells what came of it. `None` if there is nobody who wants to know.
    async fn look(&mut self) -> Option<PaceEvent> {
        // What was hinted at before the look is seen by it. Whoever asks for a look counts before it gives the hint, so
        // that no hint is taken away from a look that is asked for.
        let _ = self.hints.0.notified().now_or_never();
        self.n_begun.fetch_add(1, Ordering::SeqCst);
        let current = self.sender.borrow().table.clone();
        let looked = tokio::select! {
            biased;
            () = self.sender.closed() => return None,
            looked = self.source.load_if_changed(&current) => looked,
        };
        let (event, newer, failure) = match looked {
            Ok(None) => (PaceEvent::Unchanged, None, None),
            Ok(Some(newer)) => {
                debug!(table = newer.name(), metadata_location = newer.metadata_location(), "table changed");
                (PaceEvent::Changed, Some(newer.with_cache_of(&current)), None)
            }
            Err(error) => (PaceEvent::Failed, None, Some(Arc::new(error))),
        };
        self.sender.send_modify(|seen| {
            seen.n_looks += 1;
            seen.failure = failure;
            if let Some(newer) = newer {
                seen.table = newer;
            }
        });
        Some(event)
    }
}

/// The budget of a catalog, and the clock by which it and the paces of the tables count.
#[derive(Debug, Clone)]
struct SharedBudget {
    budget: Arc<Mutex<RequestBudget>>,
    start: Instant,
}

impl SharedBudget {
    fn new(requests_per_second: u32) -> Self {
        Self { budget: Arc::new(Mutex::new(RequestBudget::new(requests_per_second))), start: Instant::now() }
    }

    /// Time since the start. Monotonic.
    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Takes a token; returns how long to wait before it may be used.
    fn take(&self) -> Duration {
        let now = self.now();
        self.budget.lock().unwrap_or_else(PoisonError::into_inner).take(now).saturating_sub(now)
    }
}

#[cfg(test)]
mod tests;

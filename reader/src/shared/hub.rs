//! Reads for all who share a scan: one stream, in a task of its own, that ends when nobody shares the scan any more.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use frazil_table::{FieldId, Table, TableError};
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tracing::debug;

use super::group::{Action, After, Group, ScanId};
use super::{Counters, count};
use crate::Result;
use crate::discovery::TableWatch;
use crate::event::Event;
use crate::position::Position;
use crate::source::batch_bytes;
use crate::stream::ChangeStream;

/// Memory that an event takes beside its rows, roughly.
const EVENT_BYTES: u64 = 1024;

/// One event of a shared scan.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) event: Event,
    /// Where the scan stands after it.
    pub(super) position: Option<Position>,
    /// The state of the table that the scan knew.
    pub(super) table: Table,
}

/// A group, as its consumers and the task of its scan hold it.
#[derive(Debug)]
pub(super) struct Handle {
    state: Mutex<State>,
    /// For consumers: there are events, or somebody was detached.
    pub(super) told: Notify,
    /// For the task: somebody asks for an event, comes or goes.
    asked: Notify,
    counters: Arc<Counters>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) group: Group<Told>,
    /// The newest state of the table that the scan knows.
    table: Option<Table>,
    task: Option<(ScanId, AbortHandle)>,
}

impl State {
    /// The scan can read these columns, if there is one.
    pub(super) fn knows(&self, ids: &[FieldId]) -> bool {
        let Some(table) = self.table.as_ref().filter(|_| self.group.scan_id().is_some()) else { return true };
        ids.iter().all(|id| table.schema_with(*id).is_some())
    }

    /// The scan has nothing left of this state of the table.
    pub(super) fn has_read(&self, table: &Table) -> bool {
        let is_known = |known: &Table| known.is_same_state(table);
        self.group.is_dry() && self.table.as_ref().is_some_and(is_known)
    }
}

impl Handle {
    pub(super) fn new(buffer_bytes_max: u64, counters: Arc<Counters>) -> Self {
        let state = State { group: Group::new(buffer_bytes_max), table: None, task: None };
        Self { state: Mutex::new(state), told: Notify::new(), asked: Notify::new(), counters }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the group.
    pub(super) fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.lock())
    }

    /// A consumer does something that the task may have waited for.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let outcome = change(&mut state);
        if let Some((id, _)) = &state.task
            && state.group.scan_id() != Some(*id)
            && let Some((_, task)) = state.task.take()
        {
            // What it reads is of no use to anybody.
            task.abort();
        }
        drop(state);
        self.asked.notify_one();
        outcome
    }

    /// How many consumers share the scan.
    pub(super) fn n_sharing(&self) -> usize {
        self.look(|state| state.group.n_sharing())
    }

    /// Has a scan read by `stream`. Must be called within a tokio runtime.
    pub(super) fn start(self: &Arc<Self>, id: ScanId, stream: ChangeStream, watch: TableWatch) {
        let mut state = self.lock();
        if state.group.scan_id() != Some(id) {
            return;
        }
        state.group.plan(id, stream.path());
        state.table = Some(stream.table().clone());
        let end = End { handle: self.clone(), id };
        let task = tokio::spawn(async move {
            let end = end;
            if let Err(error) = end.handle.read(id, stream, watch).await {
                // Whoever goes on alone meets it again.
                debug!(%error, "a shared scan has ended");
            }
        });
        state.task = Some((id, task.abort_handle()));
    }

    /// The scan cannot go on.
    pub(super) fn fail(&self, id: ScanId) {
        let n_detached = self.lock().group.fail(id);
        count(&self.counters.n_detached, n_detached);
        self.told.notify_waiters();
    }

    async fn read(&self, id: ScanId, mut stream: ChangeStream, mut watch: TableWatch) -> Result<()> {
        loop {
            let (n_detached, action) = {
                let mut state = self.lock();
                (state.group.make_room(), state.group.action(id))
            };
            if n_detached > 0 {
                debug!(table = stream.table().name(), n_detached, "slow consumers of a shared scan go on alone");
                count(&self.counters.n_detached, n_detached);
                self.told.notify_waiters();
            }
            match action {
                Action::End => return Ok(()),
                Action::Wait => self.asked.notified().await,
                Action::Read if stream.boundary().is_some() && stream.n_planned() == 0 => {
                    let newest = watch.newest();
                    if newest.is_same_state(stream.table()) {
                        tokio::select! {
                            biased;
                            () = self.asked.notified() => {}
                            looked = watch.next() => match looked {
                                // The watch looks again; consumers hear of it from watches of their own.
                                Ok(_) => {}
                                Err(error @ TableError::Internal { .. }) => return Err(error.into()),
                                Err(_) => {}
                            },
                        }
                        continue;
                    }
                    // Only now, so that every snapshot is delivered as it was planned in the state that is known.
                    stream.extend(&newest).await?;
                    let mut state = self.lock();
                    state.group.plan(id, stream.path());
                    state.table = Some(stream.table().clone());
                    drop(state);
                    self.told.notify_waiters();
                }
                Action::Read => {
                    if stream.boundary().is_some() {
                        let Some(union) = self.lock().group.begin(id) else { return Ok(()) };
                        stream.read_for(&union);
                    }
                    if let Some(event) = stream.next().await? {
                        self.push(id, &stream, event);
                    }
                }
            }
        }
    }

    fn push(&self, id: ScanId, stream: &ChangeStream, event: Event) {
        let n_bytes = match &event {
            Event::Changes(batch) => {
                count(&self.counters.n_decoded_batches, 1);
                batch_bytes(&batch.rows) + batch.operations.len() as u64
            }
            _ => 0,
        };
        let after = stream.boundary().map(|(boundary, position)| After {
            boundary,
            ordinal: position.next_ordinal(),
            n_planned: stream.n_planned(),
        });
        let told = Told { event, position: stream.position(), table: stream.table().clone() };
        self.lock().group.push(id, told, n_bytes + EVENT_BYTES, after);
        self.told.notify_waiters();
    }
}

/// Ends a scan with its task, however that ends.
struct End {
    handle: Arc<Handle>,
    id: ScanId,
}

impl Drop for End {
    fn drop(&mut self) {
        self.handle.fail(self.id);
    }
}

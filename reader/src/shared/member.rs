//! The end of a shared scan that a consumer holds: it reads alone or takes what is read for several, and nobody can tell
//! which by what it delivers.

use std::pin::pin;
use std::sync::Arc;

use frazil_table::Table;
use tracing::debug;

use super::group::{Decision, MemberId, PathStep, Taken};
use super::hub::{Handle, Told};
use super::needs::Union;
use super::view::View;
use super::{SharedScans, Sharing, count};
use crate::Result;
use crate::discovery::TableWatch;
use crate::event::{Event, SnapshotInfo, StreamHeader};
use crate::options::To;
use crate::position::{Position, Stand};
use crate::stream::ChangeStream;

/// What [`SharedStream::next_or_idle`] gives.
#[derive(Debug, Clone)]
pub enum Next {
    /// An event.
    Event(Event),
    /// The table was looked at, and all that it had then has been delivered.
    Idle,
    /// The end of the range.
    End,
}

/// The changes of a table, read alone or together with others.
///
/// It delivers what a [`ChangeStream`] of the same options does, in the same order and at the same positions; only how
/// rows are put into batches may differ. The futures are cancel-safe: nothing is lost if one is dropped.
#[derive(Debug)]
pub struct SharedStream {
    scans: SharedScans,
    watch: TableWatch,
    follow: bool,
    sharing: Sharing,
    header: StreamHeader,
    /// Reads, or knows what is needed to go on alone.
    stream: ChangeStream,
    membership: Option<Membership>,
    /// While it takes what is read for several.
    shared: Option<Shared>,
    /// It has not been detached, or got through a snapshot since.
    may_merge: bool,
    /// The table was looked at since the consumer was told so.
    has_looked: bool,
    is_over: bool,
}

/// A place in a group, which is given back when this is dropped.
#[derive(Debug)]
struct Membership {
    group: Arc<Handle>,
    id: MemberId,
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.group.change(|state| state.group.leave(self.id));
    }
}

/// How a consumer goes along with a shared scan.
#[derive(Debug)]
struct Shared {
    /// Where the consumer stands.
    position: Position,
    /// What its ordinals are ahead of those of the scan, wrapping.
    shift: u64,
    /// Snapshots that are left up to its end, if that is known.
    n_left: Option<usize>,
    /// The state of the table with which its last event was read; `None` if there was none.
    table: Option<Table>,
    view: Option<View>,
    /// A snapshot as the scan tells of it, and as the consumer counts it.
    snapshot: Option<(Arc<SnapshotInfo>, Arc<SnapshotInfo>)>,
}

impl SharedStream {
    pub(super) fn new(
        scans: SharedScans,
        stream: ChangeStream,
        watch: TableWatch,
        follow: bool,
        sharing: Sharing,
    ) -> Self {
        let header = stream.header().clone();
        let mut this = Self {
            scans,
            watch,
            follow,
            sharing,
            header,
            stream,
            membership: None,
            shared: None,
            may_merge: true,
            has_looked: false,
            is_over: false,
        };
        // So that those who are opened together share from the first row on.
        this.meet();
        this
    }

    /// What the stream is.
    pub fn header(&self) -> &StreamHeader {
        &self.header
    }

    /// Where the stream stands after the event that was given last, as [`ChangeStream::position`].
    pub fn position(&self) -> Option<Position> {
        match &self.shared {
            Some(shared) => Some(shared.position.clone()),
            None => self.stream.position(),
        }
    }

    /// It takes what is read for several.
    pub fn is_shared(&self) -> bool {
        self.shared.is_some() && !self.is_over
    }

    /// The next event; waits for it if the stream follows the table. `None` at the end of the range. Cancel-safe.
    ///
    /// After an error the stream can be asked again.
    ///
    /// # Errors
    /// As for [`ChangeStream::next`] and [`ChangeStream::extend`]; what a look at the table failed with.
    pub async fn next(&mut self) -> Result<Option<Event>> {
        loop {
            match self.next_or_idle().await? {
                Next::Event(event) => return Ok(Some(event)),
                Next::Idle => {}
                Next::End => return Ok(None),
            }
        }
    }

    /// As [`SharedStream::next`]; where the stream follows the table and has nothing new, each look at the table is told
    /// of.
    ///
    /// # Errors
    /// As for [`SharedStream::next`].
    pub async fn next_or_idle(&mut self) -> Result<Next> {
        loop {
            if self.is_over {
                return Ok(Next::End);
            }
            let next = match self.shared.is_some() {
                true => self.next_shared().await?,
                false => self.next_private().await?,
            };
            match next {
                Some(Next::End) => {
                    self.is_over = true;
                    self.membership = None;
                }
                Some(next) => return Ok(next),
                None => {}
            }
        }
    }

    /// `None` if there is another way to go on.
    async fn next_private(&mut self) -> Result<Option<Next>> {
        if self.meet() {
            return Ok(None);
        }
        self.depart();
        if let Some(event) = self.stream.next().await? {
            match &event {
                Event::SnapshotEnd { .. } => self.may_merge = true,
                Event::Changes(_) => count(&self.scans.counters().n_private_batches, 1),
                _ => {}
            }
            return Ok(Some(Next::Event(event)));
        }
        if !self.follow || self.stream.is_finished() {
            return Ok(Some(Next::End));
        }
        let newest = self.watch.newest();
        if !newest.is_same_state(self.stream.table()) {
            self.stream.extend(&newest).await?;
        } else if std::mem::take(&mut self.has_looked) {
            return Ok(Some(Next::Idle));
        } else {
            self.watch.next().await?;
            self.has_looked = true;
        }
        Ok(None)
    }

    /// The rest of what the stream is going to read: `Some(None)` if that is whatever comes, `None` if it cannot be
    /// known, or there is nothing.
    fn rest(&self) -> Option<Option<Vec<PathStep>>> {
        if self.stream.is_finished() {
            return Some(self.stream.path()).filter(|path| !path.is_empty()).map(Some);
        }
        (self.stream.options().to == To::Latest).then_some(None)
    }

    /// Joins a scan if one is, or can be, where this stream stands.
    fn meet(&mut self) -> bool {
        if self.sharing == Sharing::Never || !self.may_merge {
            return false;
        }
        let (Some((boundary, position)), Some(path)) = (self.stream.boundary(), self.rest()) else { return false };
        let (scans, stream, sharing) = (&self.scans, &self.stream, self.sharing);
        let needs = stream.needs();
        let filter_ids = needs.filter_ids();
        let Membership { group, id } = self.membership.get_or_insert_with(|| {
            let group = scans.group_of(stream);
            let id = group.change(|state| state.group.enter(needs, sharing));
            Membership { group, id }
        });
        let ordinal = position.next_ordinal();
        let decision = group.change(|state| match state.knows(&filter_ids) {
            true => state.group.at_boundary(*id, &boundary, ordinal, path.as_deref()),
            // It knows an older state of the table.
            false => Decision::Private,
        });
        let scan_ordinal = match decision {
            Decision::Private => return false,
            Decision::Merge { ordinal } => ordinal,
            Decision::Start(scan) => match stream.for_sharing(&position) {
                Ok(reader) => {
                    group.start(scan, reader, self.watch.clone());
                    ordinal
                }
                Err(error) => {
                    debug!(%error, "a shared scan cannot be started");
                    group.fail(scan);
                    self.may_merge = false;
                    return false;
                }
            },
        };
        count(&scans.counters().n_merged, 1);
        self.shared = Some(Shared {
            position,
            shift: ordinal.wrapping_sub(scan_ordinal),
            n_left: path.map(|path| path.len()),
            table: None,
            view: None,
            snapshot: None,
        });
        true
    }

    /// The next snapshot is about to be begun, if there is one.
    fn depart(&self) {
        if let Some(Membership { group, id }) = &self.membership
            && (self.stream.n_planned() > 0 || self.stream.boundary().is_none())
        {
            group.change(|state| state.group.depart(*id));
        }
    }

    /// `None` if there is another way to go on.
    async fn next_shared(&mut self) -> Result<Option<Next>> {
        let Some((group, id)) = self.membership.as_ref().map(|of| (of.group.clone(), of.id)) else {
            self.go_on_alone()?;
            return Ok(None);
        };
        loop {
            let mut told = pin!(group.told.notified());
            // What is told from here on is heard of.
            told.as_mut().enable();
            match group.change(|state| state.group.take(id)) {
                Taken::Event(told, union) => match self.see(&told, &union) {
                    Ok(event) => {
                        group.change(|state| state.group.advance(id));
                        self.took(&told);
                        match event {
                            Some(event) => return Ok(Some(Next::Event(event))),
                            None if self.has_ended() => return Ok(Some(Next::End)),
                            None => {}
                        }
                    }
                    Err(error) => {
                        debug!(%error, "a consumer cannot use what is read for several");
                        group.change(|state| state.group.detach(id));
                        count(&self.scans.counters().n_detached, 1);
                    }
                },
                Taken::Detached => {
                    self.go_on_alone()?;
                    return Ok(None);
                }
                Taken::Wait if self.has_ended() => return Ok(Some(Next::End)),
                Taken::Wait if !self.follow => told.await,
                Taken::Wait => {
                    let newest = self.watch.newest();
                    if self.has_looked && group.look(|state| state.has_read(&newest)) {
                        self.has_looked = false;
                        return Ok(Some(Next::Idle));
                    }
                    tokio::select! {
                        biased;
                        () = told => {}
                        looked = self.watch.next() => {
                            looked?;
                            self.has_looked = true;
                        }
                    }
                }
            }
        }
    }

    fn has_ended(&self) -> bool {
        self.shared.as_ref().is_some_and(|shared| shared.n_left == Some(0))
    }

    /// What this consumer gets of an event; `None` if that is nothing.
    fn see(&mut self, told: &Told, union: &Arc<Union>) -> Result<Option<Event>> {
        let Self { stream, shared: Some(shared), scans, .. } = self else { return Ok(None) };
        let mut event = match &told.event {
            Event::Changes(batch) => {
                let schema_id = batch.snapshot.schema_id;
                if !shared.view.as_ref().is_some_and(|view| view.is_of(union, schema_id)) {
                    shared.view = Some(View::new(stream, &told.table, union, schema_id, &batch.rows)?);
                }
                let snapshot = shared.counted(&batch.snapshot);
                let Some(view) = &shared.view else { return Ok(None) };
                let Some(batch) = view.apply(stream, batch, &snapshot)? else { return Ok(None) };
                count(&scans.counters().n_shared_batches, 1);
                return Ok(Some(Event::Changes(batch)));
            }
            other => other.clone(),
        };
        match &mut event {
            Event::SchemaChange { snapshot, to, schema, .. } => {
                *schema = stream.shown(&told.table, *to)?;
                *snapshot = shared.counted(snapshot);
            }
            Event::SnapshotEnd { snapshot, snapshot_watermark_ms } => {
                let before_ms = shared.position.snapshot_watermark_ms().unwrap_or(i64::MIN);
                *snapshot_watermark_ms = before_ms.max(*snapshot_watermark_ms);
                *snapshot = shared.counted(snapshot);
            }
            Event::KeyChange { snapshot, .. }
            | Event::Truncate { snapshot, .. }
            | Event::Gap { snapshot, .. }
            | Event::Rollback { snapshot, .. } => *snapshot = shared.counted(snapshot),
            Event::Changes(_) => {}
        }
        Ok(Some(event))
    }

    /// The consumer stands after an event of the scan.
    fn took(&mut self, told: &Told) {
        let Some(shared) = &mut self.shared else { return };
        let mut watermark_ms = shared.position.snapshot_watermark_ms();
        if let Event::SnapshotEnd { snapshot_watermark_ms, .. } = &told.event {
            watermark_ms = watermark_ms.max(Some(*snapshot_watermark_ms));
            shared.n_left = shared.n_left.map(|n_left| n_left.saturating_sub(1));
        }
        if let Some(position) = &told.position {
            // The lanes of what is shared stand at one place.
            let stand = position.oldest();
            shared.position = position.at(Stand {
                ordinal: stand.ordinal.wrapping_add(shared.shift),
                snapshot_watermark_ms: watermark_ms,
                ..stand.clone()
            });
        }
        shared.table = Some(told.table.clone());
    }

    fn go_on_alone(&mut self) -> Result<()> {
        let Some(shared) = &self.shared else { return Ok(()) };
        // Where nothing was taken, the stream stands where it stood.
        if let Some(table) = &shared.table {
            let own = self.stream.table();
            let is_older = table.metadata().last_updated_ms() < own.metadata().last_updated_ms();
            // A range is one of the state in which it was opened.
            let table = if shared.n_left.is_some() || is_older { own } else { table };
            self.stream = self.stream.again(table, &shared.position)?;
        }
        self.shared = None;
        self.may_merge = false;
        Ok(())
    }
}

impl Shared {
    /// A snapshot of the scan, as the consumer counts it.
    fn counted(&mut self, snapshot: &Arc<SnapshotInfo>) -> Arc<SnapshotInfo> {
        if self.shift == 0 {
            return snapshot.clone();
        }
        match &self.snapshot {
            Some((of_scan, own)) if Arc::ptr_eq(of_scan, snapshot) => own.clone(),
            _ => {
                let ordinal = snapshot.ordinal.wrapping_add(self.shift);
                let own = Arc::new(SnapshotInfo { ordinal, ..snapshot.as_ref().clone() });
                self.snapshot = Some((snapshot.clone(), own.clone()));
                own
            }
        }
    }
}

// Streams are read by tasks that move between threads.
const _: fn(SharedStream) = |mut stream| {
    fn is_send(_: impl Send) {}
    is_send(stream.next());
    is_send(stream.next_or_idle());
};

//! Makes commits: takes the lock, loads, validates, writes, has the catalog swap, and settles what is unknown.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_recursion::async_recursion as boxed;
use frazil_lock::{CommitLock, Head, Holder, LockError, LockGuard, LockName};
use serde_json::{Value, json};
use tracing::{info, warn};
use uuid::Uuid;

use super::assemble::MetadataFiles;
use super::change::{Change, CommitRequest};
use super::cleanup::{delete_old_metadata, delete_uncommitted};
use super::document::{apply, deletes_old, forgotten};
use super::listener::CommitListener;
use super::options::CommitOptions;
use super::outcome::{CommitOutcome, Committed, PendingCommit};
use super::properties::Retries;
use super::rebase::{Misfit, Rebase, Unmended};
use super::settle::{Verdict, verdict};
use super::snapshot::{self, Attempt, Built, COMMIT_ID, Identity, Reused};
use super::target::{CommitBase, CommitTarget, SwapAnswer};
use super::update::{MetadataUpdate, Requirement};
use crate::ids::SnapshotId;
use crate::storage::Storage;
use crate::table::Table;
use crate::{Clock, Result, TableError};

/// One try that is mended more often does not come to an end.
const N_REBASES_MAX: usize = 10;

/// Commits to one table. Everyone who commits to it should use the same lock.
#[derive(Debug, Clone)]
pub struct Committer {
    target: Arc<dyn CommitTarget>,
    lock: Arc<dyn CommitLock>,
    holder: Holder,
    clock: Arc<dyn Clock>,
    options: CommitOptions,
    listeners: Vec<Arc<dyn CommitListener>>,
}

/// What is prepared for the swap.
struct Prepared {
    updates: Vec<MetadataUpdate>,
    requirements: Vec<Requirement>,
    /// Files that the new state needs, among those written.
    needed: Vec<String>,
    base_snapshot_id: Option<i64>,
    /// Of the snapshot; empty if there is none.
    summary: BTreeMap<String, String>,
}

/// How one try ended that did not end the commit.
enum Tried {
    Done(CommitOutcome),
    /// Another writer was faster; the next try may succeed.
    Again(String),
}

impl Committer {
    /// `holder` is what the lock shows of this program.
    pub fn new(
        target: Arc<dyn CommitTarget>,
        lock: Arc<dyn CommitLock>,
        holder: Holder,
        clock: Arc<dyn Clock>,
        options: CommitOptions,
    ) -> Self {
        Self { target, lock, holder, clock, options, listeners: Vec::new() }
    }

    /// Tells `listener` of each commit that is made, as soon as the catalog has it.
    #[must_use]
    pub fn with_listener(mut self, listener: Arc<dyn CommitListener>) -> Self {
        self.listeners.push(listener);
        self
    }

    /// The table that it commits to.
    pub fn target(&self) -> &Arc<dyn CommitTarget> {
        &self.target
    }

    /// Where it takes the time from.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Makes a commit.
    ///
    /// # Errors
    /// [`TableError::InvalidRequest`] if the request is wrong whatever the table holds; [`TableError::CommitLocked`] if
    /// others hold the lock too long; what loading the table and writing metadata may give. After an error nothing was
    /// committed, and the metadata files that were written are deleted.
    #[boxed]
    pub async fn commit(&self, request: CommitRequest) -> Result<CommitOutcome> {
        self.commit_rebased(request, &mut Unmended).await
    }

    /// As [`Committer::commit`]; what does not fit the table any more is mended by `rebase`.
    ///
    /// # Errors
    /// As [`Committer::commit`], and what `rebase` gives.
    #[boxed]
    pub async fn commit_rebased(&self, request: CommitRequest, rebase: &mut dyn Rebase) -> Result<CommitOutcome> {
        if let Change::Snapshot(change) = &request.change {
            change.check()?;
        }
        let mut run = Run::new(self, request, rebase);
        let outcome = run.finish().await;
        if outcome.is_err() {
            run.delete_all().await;
        }
        run.release().await;
        outcome
    }

    /// Finds out what became of a commit whose answer did not come, and deletes its metadata files if it was not made.
    #[boxed]
    pub async fn settle(&self, pending: &PendingCommit, storage: &Storage) -> Settled {
        match verdict(&*self.target, pending).await {
            Verdict::Committed => {
                self.tell(pending.snapshot_id.map(SnapshotId::new));
                Settled::Committed(pending.committed())
            }
            Verdict::NotCommitted => {
                delete_uncommitted(storage, self.target.name(), &pending.files).await;
                Settled::NotCommitted
            }
            Verdict::Unknown(cause) => Settled::Unknown(cause),
        }
    }

    fn tell(&self, snapshot_id: Option<SnapshotId>) {
        for listener in &self.listeners {
            listener.committed(snapshot_id);
        }
    }
}

/// What became of a commit whose answer did not come.
#[derive(Debug)]
#[must_use]
pub enum Settled {
    /// It is part of the table's history, or was.
    Committed(Committed),
    /// It was not made and never will be; its metadata files are gone.
    NotCommitted,
    /// It still cannot be told. Delete nothing, and look again later.
    Unknown(TableError),
}

/// One commit under way.
struct Run<'a> {
    committer: &'a Committer,
    rebase: &'a mut dyn Rebase,
    request: CommitRequest,
    /// As it was loaded last: what was read of its manifests is kept.
    table: Option<Table>,
    identity: Identity,
    guard: Option<Box<dyn LockGuard>>,
    files: Option<MetadataFiles>,
    reused: Reused,
    n_attempts: u32,
    started_ms: i64,
}

impl<'a> Run<'a> {
    fn new(committer: &'a Committer, request: CommitRequest, rebase: &'a mut dyn Rebase) -> Self {
        Self {
            started_ms: committer.clock.now_ms(),
            committer,
            rebase,
            request,
            table: None,
            identity: new_identity(),
            guard: None,
            files: None,
            reused: Reused::default(),
            n_attempts: 0,
        }
    }

    async fn finish(&mut self) -> Result<CommitOutcome> {
        loop {
            self.n_attempts += 1;
            self.hold_lock().await?;
            let mut base = self.committer.target.load().await?;
            if let Some(table) = &self.table {
                base.table = base.table.with_cache_of(table);
            }
            self.table = Some(base.table.clone());
            let reason = match self.attempt(&base).await? {
                Tried::Done(outcome) => return Ok(outcome),
                Tried::Again(reason) => reason,
            };
            let retries = Retries::of_commits(base.table.metadata().properties());
            let retries = Retries { n_max: self.committer.options.n_retries.unwrap_or(retries.n_max), ..retries };
            let Some(pause) = retries.pause(self.n_attempts, self.elapsed(), chance()) else {
                return Ok(self
                    .conflict(format!("other writers came first, n_attempts=`{}`: {reason}", self.n_attempts))
                    .await);
            };
            info!(table = self.committer.target.name(), n_attempts = self.n_attempts, reason, "commit is tried again");
            self.committer.clock.sleep(pause).await;
        }
    }

    /// Takes the lock, or keeps it if it is still ours.
    async fn hold_lock(&mut self) -> Result<()> {
        if self.guard.as_ref().is_some_and(|guard| guard.is_held()) {
            return Ok(());
        }
        self.release().await;
        let committer = self.committer;
        let name = LockName::new(committer.target.lock_name()).map_err(|error| lock_error(&error))?;
        let holder = Holder { purpose: self.request.purpose.clone(), ..committer.holder.clone() };
        let guard = committer.lock.acquire(&name, &holder, committer.options.lock_wait).await;
        self.guard = Some(guard.map_err(|error| lock_error(&error))?);
        Ok(())
    }

    async fn attempt(&mut self, base: &CommitBase) -> Result<Tried> {
        let prepared = match self.prepare(base).await? {
            Ok(prepared) => prepared,
            Err(reason) => return Ok(Tried::Done(self.conflict(reason).await)),
        };
        // The lock is a queue, and not what makes this safe; but who has lost it must not write.
        if !self.guard.as_ref().is_some_and(|guard| guard.is_held()) {
            return Ok(Tried::Again("the lock was lost".to_owned()));
        }
        let target = &self.committer.target;
        match target.swap(base, &prepared.updates, &prepared.requirements).await {
            SwapAnswer::Swapped => Ok(Tried::Done(self.committed(base, prepared).await)),
            SwapAnswer::Refused { reason } => Ok(Tried::Again(reason)),
            SwapAnswer::Failed(error) => Err(error),
            SwapAnswer::Unknown(cause) => self.settle(base, prepared, cause).await,
        }
    }

    /// The inner error says why the change does not fit.
    async fn prepare(&mut self, base: &CommitBase) -> Result<std::result::Result<Prepared, String>> {
        let uuid = base.table.metadata().uuid().to_string();
        let mut requirements = vec![Requirement::TableUuid(uuid)];
        let commit_id = BTreeMap::from([(COMMIT_ID.to_owned(), self.identity.commit_id.clone())]);
        let mut summary = BTreeMap::new();
        let (updates, needed, base_snapshot_id) = match &self.request.change {
            Change::Snapshot(_) => {
                let built = match self.build(base).await? {
                    Ok(built) => built,
                    Err(reason) => return Ok(Err(reason)),
                };
                let branch = self.request.branch.as_str();
                summary = built.summary;
                requirements.push(Requirement::RefSnapshot { name: branch.to_owned(), snapshot_id: built.parent });
                let updates = vec![
                    MetadataUpdate::AddSnapshot(built.json),
                    MetadataUpdate::SetRef { name: branch.to_owned(), reference: moved(base, branch, &self.identity) },
                ];
                (updates, built.needed, built.parent)
            }
            Change::Properties { set, remove } => {
                let set = set.clone().into_iter().chain(commit_id).collect();
                let mut updates = vec![MetadataUpdate::SetProperties(set)];
                if !remove.is_empty() {
                    updates.push(MetadataUpdate::RemoveProperties(remove.clone()));
                }
                (updates, Vec::new(), ref_now(base, &self.request.branch))
            }
            Change::SetRef { name, reference } => {
                requirements.push(Requirement::RefSnapshot { name: name.clone(), snapshot_id: ref_now(base, name) });
                let set = MetadataUpdate::SetRef { name: name.clone(), reference: reference.clone() };
                (vec![set, MetadataUpdate::SetProperties(commit_id)], Vec::new(), ref_now(base, name))
            }
            Change::RemoveRef(name) => {
                let now = ref_now(base, name);
                if now.is_none() {
                    return Err(TableError::invalid(format!("there is no branch or tag `{name}`")));
                }
                requirements.push(Requirement::RefSnapshot { name: name.clone(), snapshot_id: now });
                let remove = MetadataUpdate::RemoveRef(name.clone());
                (vec![remove, MetadataUpdate::SetProperties(commit_id)], Vec::new(), now)
            }
        };
        Ok(Ok(Prepared { updates, requirements, needed, base_snapshot_id, summary }))
    }

    /// The snapshot to commit, mended until it fits. The inner error says why it cannot be made to.
    async fn build(&mut self, base: &CommitBase) -> Result<std::result::Result<Built, String>> {
        if self.files.is_none() {
            self.files = Some(MetadataFiles::new(&base.table, &self.identity.commit_id));
        }
        for _ in 0..=N_REBASES_MAX {
            let (Change::Snapshot(change), Some(files)) = (&self.request.change, &mut self.files) else {
                return Err(TableError::internal("no snapshot to build"));
            };
            let attempt = Attempt {
                number: self.n_attempts,
                now_ms: self.committer.clock.now_ms(),
                fencing_token: self.guard.as_ref().map(|guard| guard.token()),
            };
            let branch = self.request.branch.as_str();
            let built = snapshot::build(base, branch, change, &self.identity, attempt, &mut self.reused, files).await?;
            let misfit = match built {
                Ok(built) => return Ok(Ok(built)),
                Err(misfit) => misfit,
            };
            let Misfit { reason, .. } = &misfit;
            info!(table = self.committer.target.name(), reason, "a change does not fit any more");
            let Some(mended) = self.rebase.rebase(&base.table, change, &misfit).await? else {
                return Ok(Err(misfit.reason));
            };
            mended.check()?;
            self.request.change = Change::Snapshot(Box::new(mended));
        }
        Ok(Err(format!("the change was mended `{N_REBASES_MAX}` times and still does not fit")))
    }

    /// The request left, and no answer came.
    async fn settle(&mut self, base: &CommitBase, prepared: Prepared, cause: TableError) -> Result<Tried> {
        let committer = self.committer;
        let name = committer.target.name();
        warn!(table = name, %cause, "the outcome of a commit is unknown");
        let pending = self.pending(base, &prepared);
        let retries = Retries::of_status_checks(base.table.metadata().properties());
        let mut n_checks = 0;
        let started_ms = committer.clock.now_ms();
        loop {
            n_checks += 1;
            match verdict(&*committer.target, &pending).await {
                Verdict::Committed => return Ok(Tried::Done(self.committed(base, prepared).await)),
                Verdict::NotCommitted => return Ok(Tried::Again("another writer came first".to_owned())),
                Verdict::Unknown(error) => {
                    let elapsed = since(started_ms, committer.clock.now_ms());
                    let Some(pause) = retries.pause(n_checks, elapsed, chance()) else {
                        warn!(table = name, commit_id = pending.commit_id, %error, "a commit stays unknown");
                        // Its files may be needed: from here on they belong to whoever settles it.
                        self.files = None;
                        let pending = Box::new(pending);
                        return Ok(Tried::Done(CommitOutcome::StateUnknown { pending, cause }));
                    };
                    committer.clock.sleep(pause).await;
                }
            }
        }
    }

    fn pending(&self, base: &CommitBase, prepared: &Prepared) -> PendingCommit {
        PendingCommit {
            snapshot_id: matches!(self.request.change, Change::Snapshot(_)).then(|| self.identity.snapshot_id.get()),
            base_snapshot_id: prepared.base_snapshot_id,
            files: self.files.as_ref().map(|files| files.written.clone()).unwrap_or_default(),
            n_attempts: self.n_attempts,
            ..PendingCommit::new(base, &self.request.branch, &self.identity.commit_id)
        }
    }

    async fn committed(&mut self, base: &CommitBase, prepared: Prepared) -> CommitOutcome {
        let is_snapshot = matches!(self.request.change, Change::Snapshot(_));
        let snapshot_id = is_snapshot.then_some(self.identity.snapshot_id);
        let table = self.committer.target.name();
        self.committer.tell(snapshot_id);
        info!(table, snapshot_id = snapshot_id.map(SnapshotId::get), n_attempts = self.n_attempts, "committed");
        // Lists of earlier tries, and manifests that went into a merged one: no snapshot lists them.
        if let Some(files) = self.files.take() {
            let left: Vec<String> =
                files.written.iter().filter(|file| !prepared.needed.contains(file)).cloned().collect();
            delete_uncommitted(files.storage(), table, &left).await;
        }
        self.publish(snapshot_id).await;
        self.forget_old_metadata(base, &prepared.updates).await;
        let commit_id = self.identity.commit_id.clone();
        let (n_attempts, summary) = (self.n_attempts, prepared.summary);
        CommitOutcome::Committed(Committed { snapshot_id, commit_id, n_attempts, summary })
    }

    /// Deletes metadata files that the table does not remember any more, if its properties say so.
    async fn forget_old_metadata(&self, base: &CommitBase, updates: &[MetadataUpdate]) {
        let target = &self.committer.target;
        // Most tables never do: the document is made once more only for those that may.
        let may_begin = updates.iter().any(|update| matches!(update, MetadataUpdate::SetProperties(_)));
        if !target.may_delete_old_metadata() || !(may_begin || deletes_old(&base.document)) {
            return;
        }
        let location = base.table.metadata_location();
        // As the catalog has just made it, but for the time, which does not matter here.
        if let Ok(after) = apply(&base.document, location, updates, self.started_ms) {
            let files = forgotten(&base.document, &after);
            delete_old_metadata(base.table.storage(), target.name(), location, &files).await;
        }
    }

    /// A hint for readers, so that they need not wait for their next look.
    async fn publish(&self, snapshot_id: Option<SnapshotId>) {
        let committer = self.committer;
        let Ok(name) = LockName::new(committer.target.lock_name()) else { return };
        let head = Head { metadata_location: None, snapshot_id: snapshot_id.map(SnapshotId::get) };
        if let Err(error) = committer.lock.publish_head(&name, &head).await {
            warn!(table = committer.target.name(), %error, "the new head was not published");
        }
    }

    async fn conflict(&mut self, reason: String) -> CommitOutcome {
        self.delete_all().await;
        CommitOutcome::Conflict { request: Box::new(self.request.clone()), reason }
    }

    /// Every try was refused, or never sent: nothing refers to what was written.
    async fn delete_all(&mut self) {
        if let Some(files) = self.files.take() {
            delete_uncommitted(files.storage(), self.committer.target.name(), &files.written).await;
        }
        self.reused = Reused::default();
    }

    async fn release(&mut self) {
        if let Some(guard) = self.guard.take()
            && let Err(error) = guard.release().await
        {
            warn!(table = self.committer.target.name(), %error, "the lock was not released");
        }
    }

    fn elapsed(&self) -> Duration {
        since(self.started_ms, self.committer.clock.now_ms())
    }
}

impl PendingCommit {
    fn committed(&self) -> Committed {
        Committed {
            snapshot_id: self.snapshot_id.map(SnapshotId::new),
            commit_id: self.commit_id.clone(),
            n_attempts: self.n_attempts,
            summary: BTreeMap::new(),
        }
    }
}

/// Where a branch or tag is.
fn ref_now(base: &CommitBase, name: &str) -> Option<i64> {
    base.table.metadata().snapshot_for_ref(name).map(|head| head.snapshot_id())
}

/// The branch at its new snapshot; what else it is stays.
fn moved(base: &CommitBase, branch: &str, identity: &Identity) -> Value {
    let reference = base.document.get("refs").and_then(|refs| refs.get(branch));
    let mut reference = match reference {
        Some(Value::Object(reference)) => reference.clone(),
        _ => serde_json::Map::new(),
    };
    reference.insert("snapshot-id".to_owned(), json!(identity.snapshot_id.get()));
    reference.insert("type".to_owned(), json!("branch"));
    Value::Object(reference)
}

fn new_identity() -> Identity {
    let commit_id = Uuid::new_v4();
    let (high, low) = Uuid::new_v4().as_u64_pair();
    // Positive, and never 0: as Java makes them.
    let snapshot_id = i64::try_from((high ^ low) >> 1).unwrap_or(i64::MAX).max(1);
    Identity { snapshot_id: SnapshotId::new(snapshot_id), commit_id: commit_id.to_string() }
}

/// Any number: what spreads pauses.
fn chance() -> u64 {
    Uuid::new_v4().as_u64_pair().1
}

fn since(start_ms: i64, now_ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(now_ms.saturating_sub(start_ms)).unwrap_or(0))
}

fn lock_error(error: &LockError) -> TableError {
    TableError::CommitLocked { detail: error.to_string() }
}

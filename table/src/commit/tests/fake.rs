//! A catalog in memory that does what a test tells it to, and a clock that does not wait.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use frazil_lock::{Holder, MemoryLock};
use iceberg::spec::{FormatVersion, NestedField, PrimitiveType, Schema, Transform, Type, UnboundPartitionSpec};
use serde_json::{Map, Value};

use crate::commit::change::{CommitRequest, SnapshotChange};
use crate::commit::document::{apply, unmet};
use crate::commit::target::{CommitBase, CommitTarget, SwapAnswer};
use crate::commit::update::{MetadataUpdate, Requirement};
use crate::commit::{Change, CommitOptions, CommitOutcome, Committed, Committer, NewTable, PendingCommit};
use crate::file::{FileContent, PartitionTuple, PartitionValue, WrittenFile};
use crate::ids::FieldId;
use crate::metadata::load_document;
use crate::storage::Storage;
use crate::{Clock, Result, TableError};

pub(super) const LOCATION: &str = "memory://test/table";

/// What happens to one swap.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Fault {
    /// The answer is lost, and the commit was made.
    LostAfter,
    /// The answer is lost, and the request, too.
    LostBefore,
    /// The answer is lost, and the request arrives after this many looks at the table.
    Late(u32),
    /// Another writer commits right before.
    Raced(Box<SnapshotChange>),
    /// The answer is lost, the commit was not made, and another writer commits right after.
    LostAndOvertaken(Box<SnapshotChange>),
    /// The commit was made, its answer is lost, and this many others come right after.
    LostThenOthers(u32),
    /// The catalog refuses for good.
    Forbidden,
}

#[derive(Debug, Default)]
struct State {
    location: String,
    n_files: u32,
    faults: VecDeque<Fault>,
    late: Option<(u32, Vec<MetadataUpdate>, String)>,
}

#[derive(Debug)]
pub(super) struct FakeTarget {
    pub(super) storage: Storage,
    state: Mutex<State>,
    n_snapshots: Mutex<i64>,
}

impl FakeTarget {
    pub(super) async fn new(version: FormatVersion, properties: &[(&str, &str)]) -> Arc<Self> {
        let column = |id, name: &str, kind| Arc::new(NestedField::optional(id, name, Type::Primitive(kind)));
        let schema = Schema::builder()
            .with_fields([column(1, "k", PrimitiveType::Long), column(2, "region", PrimitiveType::String)])
            .build()
            .unwrap();
        let spec = UnboundPartitionSpec::builder()
            .add_partition_field(2, "region".to_owned(), Transform::Identity)
            .unwrap()
            .build();
        let properties = properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let new = NewTable {
            partition_spec: spec,
            format_version: version,
            properties: properties.collect::<BTreeMap<_, _>>(),
            ..NewTable::new(schema)
        };
        let document = new.document(LOCATION).unwrap();
        let target = Self { storage: Storage::local(), state: Mutex::default(), n_snapshots: Mutex::new(0) };
        target.put(&document).await;
        Arc::new(target)
    }

    pub(super) fn will(&self, faults: impl IntoIterator<Item = Fault>) {
        self.state.lock().unwrap().faults.extend(faults);
    }

    /// Faults that no swap has met yet.
    pub(super) fn n_faults_left(&self) -> usize {
        self.state.lock().unwrap().faults.len()
    }

    async fn put(&self, document: &Map<String, Value>) {
        let location = {
            let mut state = self.state.lock().unwrap();
            state.n_files += 1;
            format!("{LOCATION}/metadata/{:05}-x.metadata.json", state.n_files)
        };
        let bytes = Bytes::from(serde_json::to_vec(document).unwrap());
        self.storage.write(&location, bytes).await.unwrap();
        self.state.lock().unwrap().location = location;
    }

    async fn document(&self) -> (String, Map<String, Value>) {
        let location = self.state.lock().unwrap().location.clone();
        let (_, document) = load_document(&self.storage, &self.storage, &location, "t").await.unwrap();
        (location, document)
    }

    /// The table becomes one of version 3, whose rows get ids by its next commit.
    pub(super) async fn upgrade(&self) {
        let (_, mut document) = self.document().await;
        document.insert("format-version".to_owned(), 3.into());
        document.insert("next-row-id".to_owned(), 0.into());
        self.put(&document).await;
    }

    async fn make(&self, updates: &[MetadataUpdate]) {
        let (location, document) = self.document().await;
        let document = apply(&document, &location, updates, 0).unwrap();
        self.put(&document).await;
    }

    /// Another writer's commit, which needs no lock and always succeeds.
    pub(super) async fn commit_of_another(self: &Arc<Self>, change: SnapshotChange) -> Committed {
        let faults = std::mem::take(&mut self.state.lock().unwrap().faults);
        let outcome = Box::pin(committer(self.clone()).commit(CommitRequest::new(change.into_change()))).await;
        self.state.lock().unwrap().faults = faults;
        match outcome.unwrap() {
            CommitOutcome::Committed(committed) => committed,
            other => panic!("{other:?}"),
        }
    }

    async fn bump(&self) {
        let n = {
            let mut n = self.n_snapshots.lock().unwrap();
            *n += 1;
            *n
        };
        self.make(&[MetadataUpdate::SetProperties(BTreeMap::from([("bump".to_owned(), n.to_string())]))]).await;
    }
}

impl SnapshotChange {
    pub(super) fn into_change(self) -> Change {
        Change::Snapshot(Box::new(self))
    }
}

/// A writer of its own lock, so that others can come between.
pub(super) fn committer(target: Arc<FakeTarget>) -> Committer {
    let holder = Holder::of_this_process("test", "test", 0);
    let clock = Arc::new(FakeClock::default());
    Committer::new(Arc::new(Shared(target)), Arc::new(MemoryLock::default()), holder, clock, CommitOptions::default())
}

/// [`FakeTarget`] makes commits of its own, for which it has to be shared.
#[derive(Debug)]
struct Shared(Arc<FakeTarget>);

#[async_trait]
impl CommitTarget for Shared {
    fn name(&self) -> &str {
        "t"
    }

    fn lock_name(&self) -> String {
        "t".to_owned()
    }

    async fn load(&self) -> Result<CommitBase> {
        let due = {
            let mut state = self.0.state.lock().unwrap();
            match state.late.take() {
                Some((0, updates, base)) => (state.location == base).then_some(updates),
                Some((n, updates, base)) => {
                    state.late = Some((n - 1, updates, base));
                    None
                }
                None => None,
            }
        };
        if let Some(updates) = due {
            self.0.make(&updates).await;
        }
        let location = self.0.state.lock().unwrap().location.clone();
        let storage = &self.0.storage;
        let (table, document) = load_document(storage, storage, &location, "t").await?;
        Ok(CommitBase { table, document })
    }

    async fn swap(&self, base: &CommitBase, updates: &[MetadataUpdate], requirements: &[Requirement]) -> SwapAnswer {
        let target = &self.0;
        let fault = target.state.lock().unwrap().faults.pop_front();
        let lost = || SwapAnswer::Unknown(TableError::catalog("t", "no answer"));
        match &fault {
            Some(Fault::Raced(change)) => drop(target.commit_of_another((**change).clone()).await),
            Some(Fault::Forbidden) => return SwapAnswer::Failed(TableError::invalid("forbidden")),
            Some(Fault::LostBefore) => return lost(),
            Some(Fault::LostAndOvertaken(change)) => {
                target.commit_of_another((**change).clone()).await;
                return lost();
            }
            _ => {}
        }
        let (location, document) = target.document().await;
        if location != base.table.metadata_location() {
            return SwapAnswer::Refused { reason: "it is no longer current".to_owned() };
        }
        if let Some(reason) = unmet(&document, requirements) {
            return SwapAnswer::Refused { reason };
        }
        if let Some(Fault::Late(n)) = fault {
            target.state.lock().unwrap().late = Some((n, updates.to_vec(), location));
            return lost();
        }
        target.make(updates).await;
        match fault {
            Some(Fault::LostAfter) => lost(),
            Some(Fault::LostThenOthers(n)) => {
                for _ in 0..n {
                    target.bump().await;
                }
                lost()
            }
            _ => SwapAnswer::Swapped,
        }
    }

    fn is_superseded(&self, pending: &PendingCommit, now: &CommitBase) -> bool {
        pending.base_metadata_location != now.table.metadata_location()
    }

    fn may_delete_old_metadata(&self) -> bool {
        true
    }
}

/// Waiting takes no time.
#[derive(Debug, Default)]
struct FakeClock(Mutex<i64>);

#[async_trait]
impl Clock for FakeClock {
    fn now_ms(&self) -> i64 {
        *self.0.lock().unwrap()
    }

    async fn sleep(&self, duration: Duration) {
        *self.0.lock().unwrap() += i64::try_from(duration.as_millis()).unwrap();
    }
}

/// A file that only manifests know.
pub(super) fn file(content: FileContent, name: &str, region: Option<&str>, record_count: u64) -> WrittenFile {
    WrittenFile {
        partition: PartitionTuple([region.map(|region| PartitionValue::String(region.into()))].into()),
        split_offsets: vec![4],
        equality_ids: if content == FileContent::EqualityDeletes { vec![FieldId::new(1)] } else { Vec::new() },
        ..WrittenFile::bare(content, &format!("{LOCATION}/data/{name}.parquet"), record_count)
    }
}

pub(super) fn data(name: &str) -> WrittenFile {
    file(FileContent::Data, name, Some("eu"), 10)
}

//! A small table of the product's own making, and what may happen to its commits.
//!
//! Rows are written as text, `"1 eu a"`: values in the order of the columns, `-` for NULL.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use async_trait::async_trait;
use frazil_compactor::{
    CommittedGroups, CompactionOptions, CompactionPlan, CompactionReport, FileGroup, GroupResult, GroupsCommit,
    OnConflict, RewriteSettings, SortRows, Verify, commit_groups, compact, plan, rewrite_group,
};
use frazil_lock::{Holder, MemoryLock};
use frazil_reader::RowsOptions;
use frazil_table::catalog::{TableLocator, create_table, table_source};
use frazil_table::commit::target::{CommitBase, CommitTarget, SwapAnswer};
use frazil_table::commit::update::{MetadataUpdate, Requirement};
use frazil_table::commit::{
    Change, CommitOptions, CommitOutcome, CommitRequest, Committed, Committer, FileRef, Layout, NewTable,
    PendingCommit, SnapshotChange,
};
use frazil_table::file::{FileEntry, PartitionTuple, PartitionValue, WrittenFile};
use frazil_table::manifest::{LiveFiles, ManifestEntry, ManifestFile, live_files, manifest_list, read_manifests};
use frazil_table::storage::Storage;
use frazil_table::write::{
    AppendWriter, DeleteTarget, DeletionVectorWriter, EqualityDeleteWriter, PositionDeleteWriter, UpsertWriter,
    WriteOptions,
};
use frazil_table::{Clock, FieldId, SpecId, SystemClock, Table, TableError};
use frazil_testkit::{TestTable, Value};
use serde_json::{Map, Value as Json, json};

use crate::built;

const PLACE: &str = "memory://db/t";

/// What happens to one swap of the compaction's commits.
#[derive(Debug)]
pub enum Fault {
    /// Another writer commits right before.
    Raced(SnapshotChange),
    /// It is made, and its answer is lost.
    LostAfter,
    /// Neither it nor an answer arrives.
    LostBefore,
    /// It does not arrive, and another writer commits.
    LostAndOvertaken(SnapshotChange),
    /// It is made, its answer is lost, and another writer commits on top of it.
    LostThenSuperseded(SnapshotChange),
    /// The catalog refuses for good.
    Forbidden,
}

/// The table, with faults.
#[derive(Debug)]
struct Scripted {
    target: Arc<dyn CommitTarget>,
    other: Committer,
    faults: Mutex<VecDeque<Fault>>,
    storage: Storage,
    /// Requests to the store so far: when a swap began, and when it ended.
    n_requests: Mutex<Vec<(u64, u64)>>,
}

#[async_trait]
impl CommitTarget for Scripted {
    fn name(&self) -> &str {
        self.target.name()
    }

    fn lock_name(&self) -> String {
        self.target.lock_name()
    }

    async fn load(&self) -> frazil_table::Result<CommitBase> {
        self.target.load().await
    }

    async fn swap(&self, base: &CommitBase, updates: &[MetadataUpdate], requirements: &[Requirement]) -> SwapAnswer {
        let lost = || SwapAnswer::Unknown(TableError::catalog("t", "no answer"));
        let fault = self.faults.lock().unwrap().pop_front();
        let before = self.storage.counters().n_requests;
        let answer = match fault {
            None => self.target.swap(base, updates, requirements).await,
            Some(Fault::Raced(change)) => {
                made(&self.other, change).await;
                self.target.swap(base, updates, requirements).await
            }
            Some(Fault::LostAfter) => {
                assert!(matches!(self.target.swap(base, updates, requirements).await, SwapAnswer::Swapped));
                lost()
            }
            Some(Fault::LostBefore) => lost(),
            Some(Fault::LostAndOvertaken(change)) => {
                made(&self.other, change).await;
                lost()
            }
            Some(Fault::LostThenSuperseded(change)) => {
                assert!(matches!(self.target.swap(base, updates, requirements).await, SwapAnswer::Swapped));
                made(&self.other, change).await;
                lost()
            }
            Some(Fault::Forbidden) => SwapAnswer::Failed(TableError::catalog("t", "forbidden")),
        };
        self.n_requests.lock().unwrap().push((before, self.storage.counters().n_requests));
        answer
    }

    fn is_superseded(&self, pending: &PendingCommit, now: &CommitBase) -> bool {
        self.target.is_superseded(pending, now)
    }
}

/// Waiting takes no time.
#[derive(Debug)]
struct Unhurried(Mutex<i64>);

#[async_trait]
impl Clock for Unhurried {
    fn now_ms(&self) -> i64 {
        *self.0.lock().unwrap()
    }

    async fn sleep(&self, duration: Duration) {
        *self.0.lock().unwrap() += i64::try_from(duration.as_millis()).unwrap();
    }
}

fn committer(target: Arc<dyn CommitTarget>) -> Committer {
    let holder = Holder::of_this_process("test", "test", 0);
    let clock = Arc::new(Unhurried(Mutex::new(SystemClock.now_ms())));
    Committer::new(target, Arc::new(MemoryLock::new()), holder, clock, CommitOptions::default())
}

async fn made(committer: &Committer, change: SnapshotChange) -> Committed {
    let outcome = Box::pin(committer.commit(CommitRequest::new(Change::Snapshot(Box::new(change))))).await;
    match outcome.unwrap() {
        CommitOutcome::Committed(committed) => committed,
        other => panic!("{other:?}"),
    }
}

/// Files that were rewritten and are not committed yet.
pub struct Rewrite {
    pub plan: CompactionPlan,
    pub layout: Layout,
    pub table: Table,
    pub groups: Vec<(FileGroup, GroupResult)>,
}

impl Rewrite {
    /// Its output files.
    pub fn outputs(&self) -> Vec<&WrittenFile> {
        self.groups.iter().flat_map(|(_, result)| &result.outputs).collect()
    }
}

/// A table, its writers and its compaction.
pub struct Lab {
    pub storage: Storage,
    place: String,
    scripted: Arc<Scripted>,
    /// Of the compaction.
    pub committer: Committer,
    /// What is compacted, and how: all files, unless a test says otherwise.
    pub options: CompactionOptions,
}

impl Lab {
    /// Columns `k long, p string, v string`, all optional; partitioned by `p` or not.
    pub async fn new(version: u8, is_partitioned: bool) -> Self {
        Self::with_properties(version, is_partitioned, &[]).await
    }

    pub async fn with_properties(version: u8, is_partitioned: bool, properties: &[(&str, &str)]) -> Self {
        Self::on_storage(Storage::local(), version, is_partitioned, properties).await
    }

    pub async fn on_storage(storage: Storage, version: u8, is_partitioned: bool, properties: &[(&str, &str)]) -> Self {
        let new = new_table(version, is_partitioned, properties);
        create_table(&TableLocator::Path(PLACE.to_owned()), &storage, new).await.unwrap();
        Self::at(PLACE, storage).await
    }

    /// An unpartitioned table in a folder, which other processes can open.
    pub async fn on_disk(folder: &str, version: u8, properties: &[(&str, &str)]) -> Self {
        let new = new_table(version, false, properties);
        create_table(&TableLocator::Path(folder.to_owned()), &Storage::local(), new).await.unwrap();
        Self::open_on_disk(folder).await
    }

    pub async fn open_on_disk(folder: &str) -> Self {
        Self::at(folder, Storage::local()).await
    }

    /// A table of another writer, as it is now.
    pub async fn of(table: &TestTable) -> Self {
        table.save();
        Self::at("memory://test/table", table.storage().clone()).await
    }

    async fn at(place: &str, storage: Storage) -> Self {
        let source = table_source(&TableLocator::Path(place.to_owned()), &storage);
        let target = source.commit_target().await.unwrap();
        let scripted = Arc::new(Scripted {
            target: target.clone(),
            other: committer(target),
            faults: Mutex::default(),
            storage: storage.clone(),
            n_requests: Mutex::default(),
        });
        let options = CompactionOptions {
            target_file_size_bytes: Some(1 << 20),
            rewrite_all: true,
            verify: Verify::Checksum,
            ..CompactionOptions::default()
        };
        let committer = committer(scripted.clone());
        Self { storage, place: place.to_owned(), scripted, committer, options }
    }

    /// What the next swaps of the compaction meet.
    pub fn will(&self, faults: impl IntoIterator<Item = Fault>) {
        self.scripted.faults.lock().unwrap().extend(faults);
    }

    pub fn n_faults_left(&self) -> usize {
        self.scripted.faults.lock().unwrap().len()
    }

    /// Requests to the store between one swap and the next: what each try but the first has cost.
    pub fn requests_of_tries(&self) -> Vec<u64> {
        let swaps = self.scripted.n_requests.lock().unwrap();
        swaps.windows(2).map(|pair| pair[1].0 - pair[0].1).collect()
    }

    pub async fn table(&self) -> Table {
        self.scripted.target.load().await.unwrap().table
    }

    /// Changes the metadata as another engine might, which has what the product lacks: new schemas, expiry.
    pub async fn edit(&self, change: impl FnOnce(&mut Map<String, Json>)) {
        let CommitBase { table, mut document } = self.scripted.target.load().await.unwrap();
        change(&mut document);
        let (folder, name) = table.metadata_location().rsplit_once('/').unwrap();
        let number: u64 = name.strip_prefix('v').unwrap().split_once('.').unwrap().0.parse().unwrap();
        let next = format!("{folder}/v{}.metadata.json", number + 1);
        self.storage.write(&next, Json::Object(document).to_string().into_bytes().into()).await.unwrap();
        assert_eq!(self.table().await.metadata_location(), next);
    }

    /// Makes another schema the current one.
    pub async fn evolve(&self, fields: Json) {
        self.edit(|document| {
            let schemas = document["schemas"].as_array_mut().unwrap();
            let id = schemas.len();
            schemas.push(json!({"type": "struct", "schema-id": id, "fields": fields}));
            document["current-schema-id"] = json!(id);
            document["last-column-id"] = json!(10);
        })
        .await;
    }

    /// Partitions by `p` from now on, or no longer.
    pub async fn respecify(&self, is_partitioned: bool) {
        self.edit(|document| {
            let specs = document["partition-specs"].as_array_mut().unwrap();
            let id = specs.len();
            let field = json!({"source-id": 2, "field-id": 1000, "name": "p", "transform": "identity"});
            specs.push(json!({"spec-id": id, "fields": if is_partitioned { vec![field] } else { vec![] }}));
            document["default-spec-id"] = json!(id);
            document["last-partition-id"] = json!(1000);
        })
        .await;
    }

    /// Data files with these rows, in the current schema and spec: one for each partition.
    pub async fn data(&self, rows: &[&str]) -> Vec<WrittenFile> {
        let table = self.table().await;
        let mut writer = AppendWriter::new(&table, &WriteOptions::of(&table).unwrap()).unwrap();
        let ids: Vec<i32> = table.metadata().current_schema().as_struct().fields().iter().map(|f| f.id).collect();
        writer.write(&batch(&table, &ids, rows)).await.unwrap();
        writer.finish().await.unwrap()
    }

    /// Equality deletes of keys in one partition, or in the whole table.
    pub async fn equality(&self, partition: Option<&str>, ids: &[i32], keys: &[&str]) -> Vec<WrittenFile> {
        let table = self.table().await;
        let n_fields = usize::from(partition.is_some());
        let specs = table.metadata().partition_specs_iter();
        let spec = specs.into_iter().find(|spec| spec.fields().len() == n_fields).unwrap();
        let options = WriteOptions::of(&table).unwrap().spec(SpecId::new(spec.spec_id()));
        let field_ids: Vec<FieldId> = ids.iter().copied().map(FieldId::new).collect();
        let mut writer = EqualityDeleteWriter::new(&table, &options, &field_ids).unwrap();
        writer.delete(&tuple(partition), &batch(&table, ids, keys)).await.unwrap();
        writer.finish().await.unwrap()
    }

    /// Position deletes, or a deletion vector in version 3.
    pub async fn positions(&self, target: impl Into<DeleteTarget>, rows: &[u64]) -> Vec<WrittenFile> {
        let (table, target) = (self.table().await, target.into());
        let options = WriteOptions::of(&table).unwrap();
        if table.metadata().format_version() as u8 > 2 {
            let mut writer = DeletionVectorWriter::new(&table, &options).unwrap();
            writer.delete(&target, rows.iter().copied()).unwrap();
            return writer.finish().await.unwrap();
        }
        let mut writer = PositionDeleteWriter::new(&table, &options).unwrap();
        writer.delete(&target, rows.iter().copied()).unwrap();
        writer.finish().await.unwrap()
    }

    /// A change that replaces rows by their `k`.
    pub async fn upsertion(&self, rows: &[&str]) -> SnapshotChange {
        let table = self.table().await;
        let options = WriteOptions::of(&table).unwrap();
        let mut writer = UpsertWriter::with_key(&table, &options, &[FieldId::new(1)]).unwrap();
        writer.upsert(&batch(&table, &[1, 2, 3], rows)).await.unwrap();
        let changes = writer.finish().await.unwrap();
        SnapshotChange::row_delta(changes.data.into_iter().chain(changes.deletes), Vec::new(), Vec::new())
    }

    /// Commits as another writer, whom nothing disturbs.
    pub async fn commit(&self, change: SnapshotChange) -> Committed {
        made(&self.scripted.other, change).await
    }

    /// Appends rows; returns the file of the first of their partitions.
    pub async fn append(&self, rows: &[&str]) -> WrittenFile {
        let files = self.data(rows).await;
        self.commit(SnapshotChange::append(files.clone())).await;
        files.into_iter().next().unwrap()
    }

    /// Deletes rows by `k` in an unpartitioned table; returns the delete file.
    pub async fn delete_keys(&self, keys: &[&str]) -> WrittenFile {
        self.commit_deletes(self.equality(None, &[1], keys).await).await
    }

    pub async fn delete_at(&self, target: impl Into<DeleteTarget>, rows: &[u64]) -> WrittenFile {
        self.commit_deletes(self.positions(target, rows).await).await
    }

    pub async fn commit_deletes(&self, files: Vec<WrittenFile>) -> WrittenFile {
        self.commit(SnapshotChange::row_delta(files.clone(), Vec::new(), Vec::new())).await;
        files.into_iter().next().unwrap()
    }

    pub async fn upsert(&self, rows: &[&str]) {
        let change = self.upsertion(rows).await;
        self.commit(change).await;
    }

    pub async fn plan(&self) -> CompactionPlan {
        plan(&self.table().await, &self.options).await.unwrap()
    }

    /// Plans and rewrites; the commit is still to come.
    pub async fn rewrite(&self) -> Rewrite {
        let plan = self.plan().await;
        self.rewrite_planned(plan, 64 << 20).await
    }

    pub async fn rewrite_planned(&self, plan: CompactionPlan, memory_limit_bytes: u64) -> Rewrite {
        let table = self.table().await;
        let mut groups = Vec::new();
        for (part, group) in (0..).zip(&plan.groups) {
            let (sort, verify) = (SortRows::WriteOrder, Verify::Checksum);
            let settings = RewriteSettings { sort, verify, memory_limit_bytes, part, attempt: 0 };
            groups.push((group.clone(), rewrite_group(&table, group, &settings).await.unwrap()));
        }
        Rewrite { plan, layout: Layout::of(&table), table, groups }
    }

    pub async fn try_commit(&self, rewrite: Rewrite) -> Result<CommittedGroups, TableError> {
        self.commit_resolved(rewrite, OnConflict::Remap).await
    }

    pub async fn commit_resolved(
        &self,
        rewrite: Rewrite,
        on_conflict: OnConflict,
    ) -> Result<CommittedGroups, TableError> {
        let Rewrite { plan, layout, table, groups } = rewrite;
        commit_groups(&self.committer, &table, GroupsCommit { base: plan.base, layout, groups, on_conflict }).await
    }

    /// Commits a rewrite of which every group must go through.
    pub async fn finish(&self, rewrite: Rewrite) -> CommittedGroups {
        let outcome = self.try_commit(rewrite).await.unwrap();
        assert!(outcome.committed.is_some() && outcome.conflicts.is_empty(), "{outcome:?}");
        outcome
    }

    /// A whole run, which must succeed.
    pub async fn compact(&self) -> CompactionReport {
        let report = compact(&self.committer, &self.options, &()).await.unwrap();
        assert!(report.is_complete(), "{report:?}");
        report
    }

    /// All rows, sorted.
    pub async fn rows(&self) -> Vec<String> {
        self.rows_of(RowsOptions::default()).await
    }

    pub async fn rows_of(&self, options: RowsOptions) -> Vec<String> {
        let rows = built::rows(&self.table().await, options).await.unwrap();
        let mut rows: Vec<String> = rows.iter().map(|row| row.iter().map(text).collect::<Vec<_>>().join(" ")).collect();
        rows.sort();
        rows
    }

    pub async fn live(&self) -> LiveFiles {
        let table = self.table().await;
        live_files(&table, table.metadata().current_snapshot().unwrap()).await.unwrap()
    }

    /// The entry of a live data file.
    pub async fn entry(&self, file: &WrittenFile) -> Arc<FileEntry> {
        self.live().await.data.into_iter().find(|entry| entry.path == file.path).unwrap()
    }

    /// The delete file is live.
    pub async fn lists(&self, delete: &WrittenFile) -> bool {
        let same = |entry: &Arc<FileEntry>| entry.path == delete.path && entry.content_range == delete.content_range;
        self.live().await.deletes.iter().any(same)
    }

    pub async fn manifests(&self) -> Vec<(ManifestFile, Vec<ManifestEntry>)> {
        let table = self.table().await;
        let list = manifest_list(&table, table.metadata().current_snapshot().unwrap()).await.unwrap();
        let read = read_manifests(&table, list.iter()).await.unwrap();
        read.into_iter().map(|(manifest, entries)| (manifest.clone(), entries.to_vec())).collect()
    }

    /// Data and delete files that are there, by name.
    pub async fn stored(&self) -> BTreeSet<String> {
        let root = format!("{}/data", self.place);
        let partitions = self.storage.list_folders(&root).await.unwrap();
        let mut folders: Vec<String> = partitions.iter().map(|partition| format!("{root}/{partition}")).collect();
        folders.push(root);
        let mut names = BTreeSet::new();
        for folder in folders {
            let files = self.storage.list(&folder).await.unwrap();
            names.extend(files.iter().map(|file| name(&file.path).to_owned()));
        }
        names
    }

    /// Manifests and lists that are there, by name.
    pub async fn stored_metadata(&self) -> BTreeSet<String> {
        let files = self.storage.list(&format!("{}/metadata", self.place)).await.unwrap();
        let avro = files.iter().filter(|file| file.path.ends_with(".avro"));
        avro.map(|file| name(&file.path).to_owned()).collect()
    }

    /// Every file that any snapshot lists is there, and no other.
    pub async fn nothing_missing_and_nothing_left(&self) {
        let table = self.table().await;
        let (mut files, mut metadata) = (BTreeSet::new(), BTreeSet::new());
        for snapshot in table.metadata().snapshots() {
            metadata.insert(name(snapshot.manifest_list()).to_owned());
            let list = manifest_list(&table, snapshot).await.unwrap();
            metadata.extend(list.iter().map(|manifest| name(&manifest.path).to_owned()));
            let live = live_files(&table, snapshot).await.unwrap();
            files.extend(live.data.iter().chain(&live.deletes).map(|file| name(&file.path).to_owned()));
        }
        assert_eq!(self.stored().await, files);
        assert_eq!(self.stored_metadata().await, metadata);
    }

    /// Drops the deletes that Iceberg's Java library drops when it commits: those below the lowest sequence number that
    /// the list gives for a manifest of data.
    pub async fn let_a_java_writer_commit(&self) {
        let of_data = |manifest: &ManifestFile| manifest.content == frazil_table::manifest::ManifestContent::Data;
        let manifests = self.manifests().await;
        let lowest = manifests.iter().filter(|(manifest, _)| of_data(manifest)).map(|(m, _)| m.min_sequence_number);
        let Some(lowest) = lowest.min() else { return };
        let deletes = self.live().await.deletes;
        let dropped = deletes.iter().filter(|delete| delete.data_sequence_number.get() < lowest);
        let dropped: Vec<FileRef> = dropped.map(|delete| FileRef::of(delete)).collect();
        self.commit(SnapshotChange::overwrite([], dropped)).await;
    }
}

fn new_table(version: u8, is_partitioned: bool, properties: &[(&str, &str)]) -> NewTable {
    let schema = json!({"type": "struct", "schema-id": 0, "fields": [
        {"id": 1, "name": "k", "required": false, "type": "long"},
        {"id": 2, "name": "p", "required": false, "type": "string"},
        {"id": 3, "name": "v", "required": false, "type": "string"}]});
    let mut new = NewTable::new(serde_json::from_value(schema).unwrap());
    if is_partitioned {
        let spec = json!({"fields": [{"source-id": 2, "name": "p", "transform": "identity"}]});
        new.partition_spec = serde_json::from_value(spec).unwrap();
    }
    new.format_version = serde_json::from_value(json!(version)).unwrap();
    new.properties = properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    new
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => format!("{other:?}"),
    }
}

pub fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

/// The partition `p`; none in an unpartitioned table.
pub fn tuple(partition: Option<&str>) -> PartitionTuple {
    PartitionTuple(partition.map(|p| Some(PartitionValue::String(p.into()))).into_iter().collect())
}

/// Rows of some columns.
fn batch(table: &Table, ids: &[i32], rows: &[&str]) -> RecordBatch {
    let schema = table.metadata().current_schema();
    let rows: Vec<Vec<&str>> = rows.iter().map(|row| row.split(' ').collect()).collect();
    let columns = ids.iter().enumerate().map(|(index, id)| {
        let field = schema.field_by_id(*id).unwrap();
        let values = rows.iter().map(|row| row.get(index).copied().filter(|value| *value != "-"));
        let array: ArrayRef = match field.field_type.to_string().as_str() {
            "long" => Arc::new(values.map(|value| value.map(|v| v.parse::<i64>().unwrap())).collect::<Int64Array>()),
            _ => Arc::new(values.collect::<StringArray>()),
        };
        (field.name.clone(), array, true)
    });
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

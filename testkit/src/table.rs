//! A table that is written commit by commit, as any Iceberg writer might have: real files in memory, and beside
//! them the same history as plain data for the model.

mod manifests;
mod metadata;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use frazil_table::storage::Storage;
use futures::executor::block_on;
use iceberg::io::FileIO;
use serde_json::{Value as Json, json};

use self::manifests::ManifestState;
use crate::model::{History, Listed, Snapshot};
use crate::schema::{Column, ColumnType, PartitionField, PartitionSpec, TableSchema, Transform};
use crate::stored::StoredFile;
use crate::value::Value;

pub use self::write::{DataSpec, EqualitySpec, PositionSpec};

/// Name of the default branch.
pub const MAIN: &str = "main";

/// Commit time of the first snapshot; each later one is a second younger.
pub const FIRST_COMMIT_MS: i64 = 1_700_000_000_000;

/// A file that a commit adds.
#[derive(Debug, Clone)]
pub struct Addition {
    /// The file.
    pub file: Arc<StoredFile>,
    /// Explicit data sequence number; `None` inherits that of the snapshot.
    pub data_sequence: Option<i64>,
}

/// How a commit arranges its manifests.
#[derive(Debug, Clone, Copy)]
pub struct ManifestLayout {
    /// All manifests of one kind and partition spec are rewritten into one.
    pub merge: bool,
    /// New manifests come before the old ones in the list.
    pub new_first: bool,
    /// Files of one new manifest at most.
    pub files_max: usize,
}

impl Default for ManifestLayout {
    fn default() -> Self {
        Self { merge: false, new_first: false, files_max: usize::MAX }
    }
}

/// What one commit changes.
#[derive(Debug, Clone)]
pub struct Commit {
    /// Operation in the summary.
    pub operation: String,
    /// Branch that moves; made from `main` if it does not exist.
    pub branch: String,
    /// Files added.
    pub add: Vec<Addition>,
    /// [`StoredFile::key`] of live files removed.
    pub remove: Vec<String>,
    /// Arrangement of manifests.
    pub manifests: ManifestLayout,
    /// More summary properties.
    pub summary: BTreeMap<String, String>,
    /// No branch moves: the snapshot waits to be published.
    pub staged: bool,
    /// Commit time, if not the next second.
    pub timestamp_ms: Option<i64>,
}

impl Commit {
    /// A commit to `main` that changes nothing yet.
    pub fn new(operation: &str) -> Self {
        Self {
            operation: operation.to_owned(),
            branch: MAIN.to_owned(),
            add: Vec::new(),
            remove: Vec::new(),
            manifests: ManifestLayout::default(),
            summary: BTreeMap::new(),
            staged: false,
            timestamp_ms: None,
        }
    }

    /// Adds a file with inherited sequence number.
    pub fn add(&mut self, file: Arc<StoredFile>) {
        self.add.push(Addition { file, data_sequence: None });
    }
}

/// A table under construction.
#[derive(Debug)]
pub struct TestTable {
    storage: Storage,
    io: FileIO,
    location: String,
    uuid: String,
    version: u8,
    history: History,
    current_schema_id: i32,
    default_spec_id: i32,
    last_column_id: i32,
    last_sequence: i64,
    next_row_id: u64,
    n_files: u64,
    n_commits: i64,
    manifests: BTreeMap<i64, Vec<ManifestState>>,
    snapshots_json: BTreeMap<i64, Json>,
    branches: BTreeMap<String, i64>,
    tags: BTreeMap<String, i64>,
    expired: BTreeSet<i64>,
    properties: BTreeMap<String, String>,
    // Parsed once: every manifest carries them.
    iceberg_schemas: BTreeMap<i32, iceberg::spec::SchemaRef>,
    iceberg_specs: BTreeMap<i32, iceberg::spec::PartitionSpec>,
}

impl TestTable {
    /// A table of a format version whose columns are given as in `k int, v string`. The columns named in `key`
    /// (separated by commas, may be empty) are its identifier fields.
    pub fn new(version: u8, columns: &str, key: &str) -> Self {
        let storage = Storage::local();
        let io = storage.file_io();
        let key: Vec<&str> = key.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        let mut schema = TableSchema::default();
        for (index, column) in split_columns(columns).into_iter().enumerate() {
            let (name, kind) = column.split_once(' ').unwrap_or_else(|| panic!("no type: {column}"));
            let id = i32::try_from(index).unwrap() + 1;
            let required = key.contains(&name);
            if required {
                schema.identifier_ids.push(id);
            }
            schema.columns.push(Column {
                id,
                name: name.to_owned(),
                kind: ColumnType::parse(kind),
                required,
                initial_default: Value::Null,
            });
        }
        let mut table = Self {
            storage,
            io,
            location: "memory://test/table".to_owned(),
            uuid: "f79c3e09-677c-4bbd-a479-3f349cb785e7".to_owned(),
            version,
            history: History::default(),
            current_schema_id: 0,
            default_spec_id: 0,
            last_column_id: schema.columns.last().map_or(0, |column| column.id),
            last_sequence: 0,
            next_row_id: 0,
            n_files: 0,
            n_commits: 0,
            manifests: BTreeMap::new(),
            snapshots_json: BTreeMap::new(),
            branches: BTreeMap::new(),
            tags: BTreeMap::new(),
            expired: BTreeSet::new(),
            properties: BTreeMap::new(),
            iceberg_schemas: BTreeMap::new(),
            iceberg_specs: BTreeMap::new(),
        };
        table.set_schema(schema);
        table.set_spec(PartitionSpec::default());
        table
    }

    /// A v1 table; see [`TestTable::new`].
    pub fn v1(columns: &str, key: &str) -> Self {
        Self::new(1, columns, key)
    }

    /// A v2 table; see [`TestTable::new`].
    pub fn v2(columns: &str, key: &str) -> Self {
        Self::new(2, columns, key)
    }

    /// A v3 table; see [`TestTable::new`].
    pub fn v3(columns: &str, key: &str) -> Self {
        Self::new(3, columns, key)
    }

    /// Everything that the table was, as plain data.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Format version.
    pub fn version(&self) -> u8 {
        self.version
    }

    /// The schema that new files are written in.
    pub fn schema(&self) -> &TableSchema {
        &self.history.schemas[&self.current_schema_id]
    }

    /// The spec that new files are written under.
    pub fn spec(&self) -> &PartitionSpec {
        &self.history.specs[&self.default_spec_id]
    }

    /// The store that holds the files.
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// Sequence number of the last commit.
    pub fn last_sequence(&self) -> i64 {
        self.last_sequence
    }

    /// Head of a branch.
    pub fn head(&self, branch: &str) -> Option<&Snapshot> {
        self.branches.get(branch).map(|id| &self.history.snapshots[id])
    }

    /// Id of the head of `main`, which must exist.
    pub fn main_head(&self) -> i64 {
        self.branches[MAIN]
    }

    /// A snapshot is still in the metadata.
    pub fn is_kept(&self, snapshot_id: i64) -> bool {
        self.snapshots_json.contains_key(&snapshot_id) && !self.expired.contains(&snapshot_id)
    }

    /// Snapshots of a branch that are still in the metadata, oldest first.
    pub fn lineage(&self, branch: &str) -> Vec<&Snapshot> {
        self.branches.get(branch).map_or_else(Vec::new, |head| self.history.lineage(*head, |id| self.is_kept(id)))
    }

    /// Commits; returns the new snapshot's id.
    pub fn commit(&mut self, commit: Commit) -> i64 {
        self.n_commits += 1;
        let id = 5_000_000_000 + self.n_commits;
        let parent = self.branches.get(&commit.branch).or_else(|| self.branches.get(MAIN)).copied();
        let sequence = if self.version == 1 { 0 } else { self.last_sequence + 1 };
        self.last_sequence = sequence;
        let timestamp_ms = commit.timestamp_ms.unwrap_or(FIRST_COMMIT_MS + self.n_commits * 1000);

        let first_row_id = self.next_row_id;
        let manifests = self.arrange_manifests(&commit, parent, id, sequence);
        let list_path = format!("{}/metadata/snap-{id}.avro", self.location);
        let manifests = block_on(self.write_list(&list_path, manifests, parent, id, sequence));

        let files: Vec<Listed> = manifests
            .iter()
            .enumerate()
            .flat_map(|(manifest, state)| {
                state.entries.iter().enumerate().filter(|(_, entry)| entry.is_live()).map(move |(index, entry)| {
                    Listed {
                        file: entry.file.file.clone(),
                        data_sequence: entry.data_sequence,
                        first_row_id: entry.first_row_id,
                        order: (manifest, index),
                    }
                })
            })
            .collect();
        let mut summary = summary(&commit, &manifests, id);
        summary.extend(commit.summary.clone());
        let mut snapshot_json = json!({
            "snapshot-id": id,
            "timestamp-ms": timestamp_ms,
            "manifest-list": list_path,
            "schema-id": self.current_schema_id,
            "summary": summary,
        });
        if self.version > 1 {
            snapshot_json["sequence-number"] = json!(sequence);
        }
        if let Some(parent) = parent {
            snapshot_json["parent-snapshot-id"] = json!(parent);
        }
        if self.version > 2 {
            snapshot_json["first-row-id"] = json!(first_row_id);
            snapshot_json["added-rows"] = json!(self.next_row_id - first_row_id);
        }
        self.snapshots_json.insert(id, snapshot_json);
        self.manifests.insert(id, manifests);
        let snapshot = Snapshot {
            id,
            parent,
            sequence,
            operation: commit.operation,
            schema_id: self.current_schema_id,
            timestamp_ms,
            files,
        };
        self.history.snapshots.insert(id, snapshot);
        if !commit.staged {
            self.branches.insert(commit.branch, id);
        }
        id
    }

    /// Moves a branch to a snapshot, back or forward; makes it if it does not exist.
    pub fn set_branch(&mut self, branch: &str, snapshot_id: i64) {
        self.branches.insert(branch.to_owned(), snapshot_id);
    }

    /// Sets a tag.
    pub fn set_tag(&mut self, tag: &str, snapshot_id: i64) {
        self.tags.insert(tag.to_owned(), snapshot_id);
    }

    /// Drops a tag.
    pub fn drop_tag(&mut self, tag: &str) {
        self.tags.remove(tag);
    }

    /// Drops snapshots from the metadata. Their files stay.
    pub fn expire(&mut self, snapshot_ids: impl IntoIterator<Item = i64>) {
        self.expired.extend(snapshot_ids);
    }

    /// Raises the format version.
    pub fn upgrade(&mut self, version: u8) {
        assert!(version >= self.version, "format versions only go up");
        self.version = version;
    }

    /// Sets a table property.
    pub fn set_property(&mut self, name: &str, value: &str) {
        self.properties.insert(name.to_owned(), value.to_owned());
    }

    /// Makes the table another one of the same name: another `table-uuid`.
    pub fn replace_uuid(&mut self, uuid: &str) {
        uuid.clone_into(&mut self.uuid);
    }

    /// Adds an optional column; `initial_default` other than NULL needs v3. Returns its id.
    pub fn add_column(&mut self, name: &str, kind: &str, initial_default: impl Into<Value>) -> i32 {
        self.last_column_id += 1;
        let id = self.last_column_id;
        let column = Column {
            id,
            name: name.to_owned(),
            kind: ColumnType::parse(kind),
            required: false,
            initial_default: initial_default.into(),
        };
        self.evolve(|schema| schema.columns.push(column));
        id
    }

    /// Drops a column.
    pub fn drop_column(&mut self, name: &str) {
        self.evolve(|schema| schema.columns.retain(|column| column.name != name));
    }

    /// Renames a column.
    pub fn rename_column(&mut self, from: &str, to: &str) {
        self.evolve(|schema| {
            let column = schema.columns.iter_mut().find(|column| column.name == from).unwrap();
            to.clone_into(&mut column.name);
        });
    }

    /// Gives a column a wider type.
    pub fn promote_column(&mut self, name: &str, kind: &str) {
        self.evolve(|schema| {
            let column = schema.columns.iter_mut().find(|column| column.name == name).unwrap();
            column.kind = ColumnType::parse(kind);
        });
    }

    /// Changes the identifier fields; the names are separated by commas.
    pub fn set_identifier(&mut self, names: &str) {
        self.evolve(|schema| {
            schema.identifier_ids = schema.ids_of(names);
            for column in &mut schema.columns {
                column.required |= schema.identifier_ids.contains(&column.id);
            }
        });
    }

    /// Moves a column to the front.
    pub fn move_first(&mut self, name: &str) {
        self.evolve(|schema| {
            let index = schema.columns.iter().position(|column| column.name == name).unwrap();
            let column = schema.columns.remove(index);
            schema.columns.insert(0, column);
        });
    }

    fn evolve(&mut self, change: impl FnOnce(&mut TableSchema)) {
        let mut schema = self.schema().clone();
        schema.id = self.history.schemas.keys().max().unwrap() + 1;
        change(&mut schema);
        self.set_schema(schema);
    }

    fn set_schema(&mut self, schema: TableSchema) {
        let parsed: iceberg::spec::Schema = serde_json::from_value(schema.to_json()).unwrap();
        self.iceberg_schemas.insert(schema.id, Arc::new(parsed));
        self.current_schema_id = schema.id;
        self.history.columns.extend(schema.columns.iter().map(|column| (column.id, column.clone())));
        self.history.schemas.insert(schema.id, schema);
    }

    /// Adds a partition spec and makes it the default; no fields for an unpartitioned one. Returns its id.
    pub fn partition_by(&mut self, fields: &[(&str, Transform)]) -> i32 {
        let next_field_id = self.last_partition_id() + 1;
        // Before the first snapshot the table has the spec from its creation.
        let id =
            if self.n_commits == 0 && self.n_files == 0 { 0 } else { self.history.specs.keys().max().unwrap() + 1 };
        let fields = fields
            .iter()
            .enumerate()
            .map(|(index, (column, transform))| PartitionField {
                source_id: self.schema().column(column).id,
                field_id: next_field_id + i32::try_from(index).unwrap(),
                name: format!("{column}_{id}_{index}"),
                transform: *transform,
            })
            .collect();
        self.set_spec(PartitionSpec { id, fields });
        id
    }

    fn set_spec(&mut self, spec: PartitionSpec) {
        let parsed: iceberg::spec::PartitionSpec = serde_json::from_value(spec.to_json()).unwrap();
        self.iceberg_specs.insert(spec.id, parsed);
        self.default_spec_id = spec.id;
        self.history.specs.insert(spec.id, spec);
    }

    fn last_partition_id(&self) -> i32 {
        let fields = self.history.specs.values().flat_map(|spec| &spec.fields);
        fields.map(|field| field.field_id).max().unwrap_or(999)
    }
}

/// Splits at commas outside parentheses.
fn split_columns(columns: &str) -> Vec<&str> {
    let mut depth = 0;
    columns
        .split(|c| {
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            c == ',' && depth == 0
        })
        .map(str::trim)
        .filter(|column| !column.is_empty())
        .collect()
}

/// Operation and counts, as writers put them into a snapshot's summary.
fn summary(commit: &Commit, manifests: &[ManifestState], snapshot_id: i64) -> BTreeMap<String, String> {
    // Totals are written also where they are zero, as Iceberg's Java library does; other counts are left out then.
    let mut counts: BTreeMap<&str, u64> =
        ["total-data-files", "total-delete-files", "total-records"].map(|total| (total, 0)).into();
    for entry in manifests.iter().flat_map(|manifest| manifest.entries.iter()) {
        let is_data = entry.file.is_data();
        if entry.is_live() {
            *counts.entry(if is_data { "total-data-files" } else { "total-delete-files" }).or_default() += 1;
            if is_data {
                *counts.entry("total-records").or_default() += entry.file.record_count;
            }
        }
        if entry.snapshot_id != snapshot_id {
            continue;
        }
        let (files, records) = match (entry.status, is_data) {
            (manifests::Status::Added, true) => ("added-data-files", Some("added-records")),
            (manifests::Status::Added, false) => ("added-delete-files", None),
            (manifests::Status::Deleted, true) => ("deleted-data-files", Some("deleted-records")),
            (manifests::Status::Deleted, false) => ("removed-delete-files", None),
            (manifests::Status::Existing, _) => continue,
        };
        *counts.entry(files).or_default() += 1;
        if let Some(records) = records {
            *counts.entry(records).or_default() += entry.file.record_count;
        }
    }
    let mut summary: BTreeMap<String, String> =
        counts.into_iter().map(|(name, count)| (name.to_owned(), count.to_string())).collect();
    summary.insert("operation".to_owned(), commit.operation.clone());
    summary
}

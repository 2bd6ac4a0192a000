//! A fixture table in memory, whose files can be damaged.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use frazil_fixtures::{FixtureTable, Rows, STORED_PREFIX};
use frazil_reader::{ReadOptions, RowsOptions};
use frazil_table::catalog::{TableLocator, load_table};
use frazil_table::file::FileContent;
use frazil_table::manifest::{ManifestContent, live_files, manifest_list};
use frazil_table::storage::{PathMap, Storage};
use frazil_table::{Table, TableError};
use frazil_testkit::FaultyStore;

use crate::read::{self, Failure, Stream};

/// Where the files are; their stored paths are mapped here.
const ROOT: &str = "memory://fx";

/// What a file is to a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Metadata,
    ManifestList,
    DataManifest,
    DeleteManifest,
    Data,
    PositionDeletes,
    EqualityDeletes,
    DeletionVector,
}

/// A fixture table whose files are in a store of its own.
pub struct Copy {
    pub fixture: &'static FixtureTable,
    pub store: Arc<FaultyStore>,
    storage: Storage,
    /// Whole content, by path in the store.
    files: BTreeMap<String, Bytes>,
}

impl Copy {
    pub async fn of(name: &str) -> Self {
        let fixture = frazil_fixtures::table(name);
        let store = Arc::new(FaultyStore::in_memory());
        let path_map = PathMap::parse(&[format!("{STORED_PREFIX}={ROOT}")]).unwrap();
        let storage = Storage::builder().store("memory", store.clone()).path_map(path_map).build();
        let mut files = BTreeMap::new();
        collect(&fixture.folder, &mut files);
        for (path, content) in &files {
            storage.write(path, content.clone()).await.unwrap();
        }
        Self { fixture, store, storage, files }
    }

    /// The table's metadata file.
    pub fn metadata(&self) -> String {
        in_store(&self.fixture.metadata_file)
    }

    /// What a file held at first.
    pub fn content(&self, path: &str) -> &Bytes {
        self.files.get(path).unwrap_or_else(|| panic!("no file {path}"))
    }

    pub async fn write(&self, path: &str, content: impl Into<Bytes>) {
        self.storage.write(path, content.into()).await.unwrap();
    }

    pub async fn restore(&self, path: &str) {
        self.write(path, self.content(path).clone()).await;
    }

    pub fn remove(&self, path: &str) {
        self.store.remove(path.strip_prefix("memory://").unwrap());
    }

    /// Loads the table anew: what another handle has cached does not matter.
    pub async fn load(&self) -> Result<Table, TableError> {
        load_table(&TableLocator::Path(self.metadata()), &self.storage).await
    }

    /// Rows of the newest snapshot, of a table that is loaded anew.
    pub async fn rows(&self) -> Result<Rows, Failure> {
        let table = self.load().await.map_err(read_failure)?;
        rows_of(&table, self.fixture).await
    }

    /// The changes of all snapshots, of a table that is loaded anew.
    pub async fn changes(&self) -> Result<Stream, Failure> {
        let table = self.load().await.map_err(read_failure)?;
        changes_of(&table, self.fixture).await
    }

    /// One file of each kind that the newest snapshot has.
    pub async fn files(&self) -> BTreeMap<Kind, String> {
        let table = self.load().await.unwrap();
        let snapshot = table.metadata().current_snapshot().unwrap();
        let place = |path: &str| table.storage().path_map().apply(path).into_owned();
        let mut files =
            BTreeMap::from([(Kind::Metadata, self.metadata()), (Kind::ManifestList, place(snapshot.manifest_list()))]);
        for manifest in &*manifest_list(&table, snapshot).await.unwrap() {
            let kind = match manifest.content {
                ManifestContent::Data => Kind::DataManifest,
                ManifestContent::Deletes => Kind::DeleteManifest,
            };
            if manifest.may_have_live_files() {
                files.entry(kind).or_insert_with(|| place(&manifest.path));
            }
        }
        let live = live_files(&table, snapshot).await.unwrap();
        for file in live.data.iter().chain(&live.deletes) {
            let kind = match file.content {
                FileContent::Data => Kind::Data,
                FileContent::EqualityDeletes => Kind::EqualityDeletes,
                FileContent::PositionDeletes if file.is_deletion_vector() => Kind::DeletionVector,
                FileContent::PositionDeletes => Kind::PositionDeletes,
            };
            files.entry(kind).or_insert_with(|| place(&file.path));
        }
        files
    }

    /// Manifests of the newest snapshot that may list live files.
    pub async fn manifests(&self, content: ManifestContent) -> Vec<String> {
        let table = self.load().await.unwrap();
        let list = manifest_list(&table, table.metadata().current_snapshot().unwrap()).await.unwrap();
        let wanted = list.iter().filter(|manifest| manifest.content == content && manifest.may_have_live_files());
        wanted.map(|manifest| table.storage().path_map().apply(&manifest.path).into_owned()).collect()
    }

    /// The one file of a kind that is damaged.
    pub async fn file(&self, kind: Kind) -> String {
        self.files().await.remove(&kind).unwrap_or_else(|| panic!("{} has no {kind:?}", self.fixture.label()))
    }
}

/// Rows of the newest snapshot.
pub async fn rows_of(table: &Table, fixture: &FixtureTable) -> Result<Rows, Failure> {
    read::rows(table, fixture.schema(fixture.current_schema_id), RowsOptions::default()).await
}

/// The changes of all snapshots; an error half-way is an error.
pub async fn changes_of(table: &Table, fixture: &FixtureTable) -> Result<Stream, Failure> {
    let mut stream = read::changes(table, fixture, ReadOptions::default()).await?;
    std::mem::replace(&mut stream.outcome, Ok(())).map(|()| stream)
}

fn read_failure(error: TableError) -> Failure {
    Failure::Read(error.into())
}

/// Name of a file alone: what messages are searched for.
pub fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn collect(folder: &Path, files: &mut BTreeMap<String, Bytes>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.insert(in_store(&path), fs::read(&path).unwrap().into());
        }
    }
}

fn in_store(path: &Path) -> String {
    format!("{ROOT}/{}", path.strip_prefix(frazil_fixtures::unpack()).unwrap().display())
}

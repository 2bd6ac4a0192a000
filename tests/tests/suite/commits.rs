//! The atomic step of the catalogs that need no service, and what is made of answers that are lost.

#[path = "../contract/commits.rs"]
mod contract;
mod rest;

use std::path::Path;
use std::sync::Arc;

use frazil_table::catalog::{
    CatalogConfig, CatalogKind, TableLocator, TableName, TableSource, create_table, open_catalog, table_source,
};
use frazil_table::commit::target::SwapAnswer;
use frazil_table::commit::{NewTable, PendingCommit};
use frazil_table::storage::Storage;
use frazil_table::{SystemClock, TableError};
use frazil_testkit::{FaultyStore, WriteFault};
use rstest::rstest;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Row};
use tempfile::TempDir;

use self::contract::{Subject, assert_refused, assert_swapped, made, new_table, properties, snapshot, unmoved};

crate::commit_contract! {
    of_folders => super::Folders::local(),
    of_folders_in_memory => super::Folders::in_memory(),
    of_folders_in_a_far_store => super::Folders::far(),
    of_a_warehouse => super::Catalogued::warehouse(),
    of_sqlite => super::Catalogued::sqlite(),
    of_sqlite_by_its_uri => super::SqliteUri::new(),
}

crate::commit_contract_of!(
    committers_of_a_folder,
    super::Folders::local(),
    many_commit_at_once_and_every_acknowledged_commit_is_there_once,
);
crate::commit_contract_of!(
    committers_of_a_folder_in_memory,
    super::Folders::in_memory(),
    many_commit_at_once_and_every_acknowledged_commit_is_there_once,
);
crate::commit_contract_of!(
    committers_of_sqlite,
    super::Catalogued::sqlite(),
    many_commit_at_once_and_every_acknowledged_commit_is_there_once,
);

/// Tables without a catalog.
pub struct Folders {
    storage: Storage,
    root: String,
    store: Option<Arc<FaultyStore>>,
    _folder: Option<TempDir>,
}

impl Folders {
    async fn local() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_str().unwrap().to_owned();
        Self { storage: Storage::local(), root, store: None, _folder: Some(folder) }
    }

    async fn in_memory() -> Self {
        Self { storage: Storage::local(), root: "memory://db".to_owned(), store: None, _folder: None }
    }

    /// Not on this machine, as far as anyone can tell.
    async fn far() -> Self {
        let store = Arc::new(FaultyStore::in_memory());
        let storage = Storage::builder().store("far", store.clone()).build();
        Self { storage, root: "far://bucket/db".to_owned(), store: Some(store), _folder: None }
    }

    fn locator(&self, table: &str) -> TableLocator {
        TableLocator::Path(format!("{}/{table}", self.root))
    }

    fn store(&self) -> &FaultyStore {
        self.store.as_ref().unwrap()
    }
}

#[async_trait::async_trait]
impl Subject for Folders {
    async fn create(&self, table: &str, new: NewTable) -> Result<(), TableError> {
        create_table(&self.locator(table), &self.storage, new).await
    }

    async fn source(&self, table: &str) -> Arc<dyn TableSource> {
        table_source(&self.locator(table), &self.storage)
    }

    fn storage(&self) -> Option<Storage> {
        Some(self.storage.clone())
    }
}

/// Tables of a catalog that settings name.
struct Catalogued {
    kind: CatalogKind,
    uri: String,
    warehouse: String,
    storage: Storage,
    folder: TempDir,
}

impl Catalogued {
    fn new(kind: CatalogKind, storage: Storage) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let warehouse = format!("{}/w", folder.path().display());
        let uri = format!("sqlite:///{}/catalog.db", folder.path().display());
        Self { kind, uri, warehouse, storage, folder }
    }

    async fn warehouse() -> Self {
        Self::new(CatalogKind::Path, Storage::local())
    }

    async fn sqlite() -> Self {
        Self::new(CatalogKind::Sql, Storage::local())
    }

    fn name(table: &str) -> TableName {
        TableName { namespace: vec!["db".to_owned()], table: table.to_owned() }
    }

    async fn catalog(&self) -> Arc<dyn frazil_table::catalog::Catalog> {
        let settings = [("uri", &self.uri), ("warehouse", &self.warehouse)];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.clone()));
        let config = CatalogConfig { name: "test".to_owned(), kind: self.kind, properties: settings.into() };
        open_catalog(config, &self.storage, Arc::new(SystemClock)).await.unwrap()
    }

    /// Current and previous place of a table's metadata, in the database.
    async fn pointer(&self, table: &str) -> (String, Option<String>) {
        let file = self.folder.path().join("catalog.db");
        let mut connection = SqliteConnectOptions::new().filename(file).connect().await.unwrap();
        let query = sqlx::query("SELECT * FROM iceberg_tables WHERE table_name = ?1").bind(table.to_owned());
        let row = query.fetch_one(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        (row.get("metadata_location"), row.get("previous_metadata_location"))
    }

    async fn execute(&self, statement: &'static str) {
        let file = self.folder.path().join("catalog.db");
        let mut connection = SqliteConnectOptions::new().filename(file).connect().await.unwrap();
        sqlx::query(statement).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }
}

#[async_trait::async_trait]
impl Subject for Catalogued {
    async fn create(&self, table: &str, new: NewTable) -> Result<(), TableError> {
        self.catalog().await.create_table(&Self::name(table), new).await
    }

    async fn source(&self, table: &str) -> Arc<dyn TableSource> {
        self.catalog().await.table_source(Self::name(table))
    }

    fn storage(&self) -> Option<Storage> {
        Some(self.storage.clone())
    }
}

/// Tables of a database that a URI alone names.
struct SqliteUri {
    folder: TempDir,
}

impl SqliteUri {
    async fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn locator(&self, table: &str) -> TableLocator {
        TableLocator::Sql {
            uri: format!("sqlite:///{}/catalog.db", self.folder.path().display()),
            catalog: Some("by_uri".to_owned()),
            namespace: vec!["a".to_owned(), "b".to_owned()],
            table: table.to_owned(),
        }
    }
}

#[async_trait::async_trait]
impl Subject for SqliteUri {
    async fn create(&self, table: &str, mut new: NewTable) -> Result<(), TableError> {
        new.location = Some(format!("file://{}/{table}/", self.folder.path().display()));
        create_table(&self.locator(table), &Storage::local(), new).await
    }

    async fn source(&self, table: &str) -> Arc<dyn TableSource> {
        table_source(&self.locator(table), &Storage::local())
    }

    fn storage(&self) -> Option<Storage> {
        Some(Storage::local())
    }
}

async fn names(storage: &Storage, folder: &str) -> Vec<String> {
    let files = storage.list(folder).await.unwrap();
    files.iter().map(|file| file.path.rsplit('/').next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_folder_counts_its_versions_and_hints_at_the_newest() {
    let folders = Folders::local().await;
    let target = made(&folders, "t").await;
    for n in 0..3 {
        let base = target.load().await.unwrap();
        assert_swapped(&target.swap(&base, &[properties(&[("n", &n.to_string())])], &[]).await);
    }
    let folder = format!("{}/t/metadata", folders.root);
    let versions = (1..=4).map(|n| format!("v{n}.metadata.json"));
    assert_eq!(
        names(&folders.storage, &folder).await,
        versions.chain(["version-hint.text".to_owned()]).collect::<Vec<_>>()
    );
    assert_eq!(folders.storage.read(&format!("{folder}/version-hint.text")).await.unwrap(), "4");
}

#[tokio::test]
async fn a_base_whose_next_version_was_cleaned_up_is_stale_all_the_same() {
    let folders = Folders::local().await;
    let target = made(&folders, "t").await;
    let base = target.load().await.unwrap();
    for _ in 0..2 {
        let base = target.load().await.unwrap();
        assert_swapped(&target.swap(&base, &[properties(&[("a", "1")])], &[]).await);
    }
    std::fs::remove_file(format!("{}/t/metadata/v2.metadata.json", folders.root)).unwrap();
    assert_refused(&target.swap(&base, &[properties(&[("b", "1")])], &[]).await);
    assert!(!Path::new(&format!("{}/t/metadata/v2.metadata.json", folders.root)).exists());
}

#[tokio::test]
async fn an_answer_that_is_lost_after_the_file_was_created_leaves_the_outcome_unknown() {
    let folders = Folders::far().await;
    let target = made(&folders, "t").await;
    let base = target.load().await.unwrap();
    folders.store().fail_writes("v2.", WriteFault::LoseAnswer);
    let answer = target.swap(&base, &snapshot(&base, 9), &unmoved(&base)).await;
    assert!(matches!(answer, SwapAnswer::Unknown(TableError::Storage { .. })), "{answer:?}");
    folders.store().heal_writes();
    let now = target.load().await.unwrap();
    assert_eq!(now.table.metadata().current_snapshot_id(), Some(9));
    assert!(target.is_superseded(&PendingCommit::new(&base, "main", "x"), &now));
    assert_refused(&target.swap(&base, &snapshot(&base, 10), &unmoved(&base)).await);
}

#[tokio::test]
async fn a_request_that_is_lost_on_its_way_leaves_the_outcome_unknown_too() {
    let folders = Folders::far().await;
    let target = made(&folders, "t").await;
    let base = target.load().await.unwrap();
    folders.store().fail_writes("v2.", WriteFault::Lose);
    let answer = target.swap(&base, &snapshot(&base, 9), &unmoved(&base)).await;
    assert!(matches!(answer, SwapAnswer::Unknown(_)), "{answer:?}");
    folders.store().heal_writes();
    // It may still arrive.
    assert!(!target.is_superseded(&PendingCommit::new(&base, "main", "x"), &target.load().await.unwrap()));
    assert_swapped(&target.swap(&base, &snapshot(&base, 10), &unmoved(&base)).await);
}

#[rstest]
#[case::that_knows_no_condition(WriteFault::NoCondition)]
#[case::that_ignores_the_condition(WriteFault::IgnoreCondition)]
#[tokio::test]
async fn a_store_is_refused(#[case] fault: WriteFault) {
    let folders = Folders::far().await;
    let target = made(&folders, "t").await;
    let base = target.load().await.unwrap();
    let before = folders.storage.read(base.table.metadata_location()).await.unwrap();
    folders.store().fail_writes("metadata.json", fault);
    match target.swap(&base, &snapshot(&base, 9), &unmoved(&base)).await {
        SwapAnswer::Failed(error @ TableError::Unsupported { .. }) => {
            assert!(error.to_string().contains("storage.written-under-lock"), "{error}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(names(&folders.storage, "far://bucket/db/t/metadata").await, ["v1.metadata.json", "version-hint.text"]);
    assert_eq!(folders.storage.read(base.table.metadata_location()).await.unwrap(), before);

    // The operator vouches for the lock.
    let vouched = [("storage.written-under-lock".to_owned(), "true".to_owned())];
    let storage = folders.storage.with_properties(vouched.into());
    let target = table_source(&folders.locator("t"), &storage).commit_target().await.unwrap();
    assert_swapped(&target.swap(&base, &snapshot(&base, 9), &unmoved(&base)).await);
    assert_refused(&target.swap(&base, &snapshot(&base, 10), &unmoved(&base)).await);
    assert_eq!(target.load().await.unwrap().table.metadata().current_snapshot_id(), Some(9));
}

#[tokio::test]
async fn what_only_catalogs_write_can_only_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = Catalogued::sqlite().await;
    sqlite.create("t", new_table(2)).await.unwrap();
    let (location, _) = sqlite.pointer("t").await;
    let of_catalog = location.split("/metadata/").next().unwrap().to_owned();
    for path in [location, of_catalog] {
        let error = table_source(&TableLocator::Path(path), &Storage::local()).commit_target().await.unwrap_err();
        assert!(matches!(error, TableError::Unsupported { .. }), "{error:?}");
        assert!(error.to_string().contains("; name the table"), "{error}");
    }
    let settings = [("uri".to_owned(), "thrift://127.0.0.1:9".to_owned())];
    let hive = CatalogConfig { name: "h".to_owned(), kind: CatalogKind::Hive, properties: settings.into() };
    let hive = open_catalog(hive, &Storage::local(), Arc::new(SystemClock)).await.unwrap();
    let created = hive.create_table(&Catalogued::name("t"), new_table(2)).await.unwrap_err();
    let error = hive.table_source(Catalogued::name("t")).commit_target().await.unwrap_err();
    assert_eq!(created.to_string(), error.to_string());
    assert!(error.to_string().contains("REST and SQL catalogs"), "{error}");
    let nothing = TableLocator::Path(folder.path().to_str().unwrap().to_owned());
    let error = table_source(&nothing, &Storage::local()).commit_target().await.unwrap_err();
    assert!(matches!(error, TableError::TableNotFound { .. }), "{error:?}");
}

#[tokio::test]
async fn a_database_remembers_the_place_before() {
    let sqlite = Catalogued::sqlite().await;
    let target = made(&sqlite, "t").await;
    assert_eq!(target.lock_name(), "test.db.t");
    let (first, none) = sqlite.pointer("t").await;
    assert_eq!(none, None);
    let base = target.load().await.unwrap();
    assert_swapped(&target.swap(&base, &[properties(&[("a", "1")])], &[]).await);
    let (second, before) = sqlite.pointer("t").await;
    assert_eq!(before.as_ref(), Some(&first));
    assert!(first.contains("/w/db/t/metadata/00000-") && second.contains("/w/db/t/metadata/00001-"), "{second}");
}

#[tokio::test]
async fn a_database_of_the_first_schema_is_written_as_it_is() {
    let sqlite = Catalogued::sqlite().await;
    let target = made(&sqlite, "t").await;
    sqlite.execute("ALTER TABLE iceberg_tables DROP COLUMN iceberg_type").await;
    let base = target.load().await.unwrap();
    assert_swapped(&target.swap(&base, &[properties(&[("a", "1")])], &[]).await);
    sqlite.create("u", new_table(2)).await.unwrap();
    assert_eq!(sqlite.source("t").await.load().await.unwrap().metadata().properties()["a"], "1");
}

#[tokio::test]
async fn a_view_is_not_written() {
    let sqlite = Catalogued::sqlite().await;
    let target = made(&sqlite, "t").await;
    let base = target.load().await.unwrap();
    sqlite.execute("UPDATE iceberg_tables SET iceberg_type = 'VIEW'").await;
    assert_refused(&target.swap(&base, &[properties(&[("a", "1")])], &[]).await);
    assert!(sqlite.source("t").await.commit_target().await.is_err());
}

#[tokio::test]
async fn a_database_that_refuses_the_statement_has_not_made_the_commit() {
    let sqlite = Catalogued::sqlite().await;
    let target = made(&sqlite, "t").await;
    let base = target.load().await.unwrap();
    sqlite
        .execute("CREATE TRIGGER no BEFORE UPDATE ON iceberg_tables BEGIN SELECT RAISE(ABORT, 'not today'); END")
        .await;
    let answer = target.swap(&base, &[properties(&[("a", "1")])], &[]).await;
    assert!(matches!(answer, SwapAnswer::Failed(_)), "{answer:?}");
    let folder = base.table.metadata_location().rsplit_once('/').unwrap().0;
    assert_eq!(names(&sqlite.storage, folder).await.len(), 1, "the file of a commit that was not made is gone");
}

#[tokio::test]
async fn nothing_is_sent_if_the_metadata_file_cannot_be_written() {
    let store = Arc::new(FaultyStore::in_memory());
    let storage = Storage::builder().store("far", store.clone()).build();
    let mut sqlite = Catalogued::new(CatalogKind::Sql, storage);
    sqlite.warehouse = "far://bucket/w".to_owned();
    let target = made(&sqlite, "t").await;
    let base = target.load().await.unwrap();
    let before = sqlite.pointer("t").await;
    for fault in [WriteFault::Lose, WriteFault::LoseAnswer] {
        store.fail_writes("00001-", fault);
        let answer = target.swap(&base, &[properties(&[("a", "1")])], &[]).await;
        assert!(matches!(answer, SwapAnswer::Failed(TableError::Storage { .. })), "{answer:?}");
        assert_eq!(sqlite.pointer("t").await, before);
    }
    store.heal_writes();
    assert_swapped(&target.swap(&base, &[properties(&[("a", "1")])], &[]).await);
}

/// Metadata that other engines wrote, of every version and with every type, takes a commit and keeps all else.
#[tokio::test]
async fn metadata_of_other_engines_takes_a_commit() {
    let mut folders = Vec::new();
    metadata_folders(frazil_fixtures::unpack(), &mut folders);
    let storage = Storage::local();
    let mut n_committed = 0;
    for (index, file) in folders.iter().enumerate() {
        let folder = format!("memory://fixtures/{index}/metadata");
        let ending = if file.ends_with(".gz.metadata.json") { "gz.metadata.json" } else { "metadata.json" };
        storage.write(&format!("{folder}/v7.{ending}"), std::fs::read(file).unwrap().into()).await.unwrap();
        let locator = TableLocator::Path(format!("memory://fixtures/{index}"));
        let target = match table_source(&locator, &storage).commit_target().await {
            Ok(target) => target,
            // What cannot be read cannot be written.
            Err(TableError::Unsupported { .. } | TableError::Corrupt { .. }) => continue,
            Err(error) => panic!("{file}: {error}"),
        };
        let base = target.load().await.unwrap();
        assert_swapped(&target.swap(&base, &[properties(&[("frazil.commit-id", "x")])], &[]).await);
        let (mut before, mut after) = (base.document, target.load().await.unwrap().document);
        assert_eq!(after["properties"]["frazil.commit-id"], "x", "{file}");
        for document in [&mut before, &mut after] {
            for changed in ["properties", "metadata-log", "last-updated-ms", "refs"] {
                document.remove(changed);
            }
        }
        assert_eq!(before, after, "{file}");
        n_committed += 1;
    }
    assert!(n_committed > 30, "only {n_committed} of {}", folders.len());
}

/// The last metadata file of every folder with such files.
fn metadata_folders(folder: &Path, found: &mut Vec<String>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    let files = entries.iter().filter_map(|path| path.to_str()).filter(|path| path.ends_with(".metadata.json"));
    found.extend(files.max_by_key(|path| (path.len(), path.to_owned())).map(str::to_owned));
    entries.iter().filter(|path| path.is_dir()).for_each(|path| metadata_folders(path, found));
}

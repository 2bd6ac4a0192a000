//! What every kind of catalog has to do, written once and run against each: [`catalog_contract!`](crate::catalog_contract) makes a test of
//! every function here for one kind.

use std::sync::Arc;

use frazil_table::catalog::{Catalog, CatalogConfig, TableName, open_catalog};
use frazil_table::storage::Storage;
use frazil_table::{SystemClock, Table, TableError};

/// A catalog to be tried.
#[async_trait::async_trait]
pub trait Subject: Send + Sync {
    /// How it is reached.
    fn config(&self) -> CatalogConfig;

    /// A namespace of one level that no other test uses.
    fn namespace(&self) -> String;

    /// Makes a table, at the metadata file that `metadata(version)` wrote.
    async fn register(&self, table: &TableName, location: &str);

    /// Moves the pointer of a table to another metadata file.
    async fn move_to(&self, table: &TableName, location: &str);

    /// A folder for metadata files of a table.
    fn folder(&self, table: &TableName) -> String;
}

/// The catalog as the program opens it.
pub async fn open(subject: &dyn Subject) -> Arc<dyn Catalog> {
    open_catalog(subject.config(), &Storage::local(), Arc::new(SystemClock)).await.unwrap()
}

pub fn name(namespace: &str, table: &str) -> TableName {
    TableName { namespace: vec![namespace.to_owned()], table: table.to_owned() }
}

/// Writes the metadata of one version of a table; returns where it is.
pub async fn write_metadata(folder: &str, version: u64) -> String {
    let metadata = serde_json::json!({
        "format-version": 2,
        "table-uuid": "9c12d441-03fe-4693-9a96-a0705ddf69c1",
        "location": folder,
        "last-sequence-number": 0,
        "last-updated-ms": 1_600_000_000_000_i64 + i64::try_from(version).unwrap(),
        "last-column-id": 1,
        "current-schema-id": 0,
        "schemas": [{"type": "struct", "schema-id": 0,
            "fields": [{"id": 1, "name": "id", "required": true, "type": "long"}]}],
        "default-spec-id": 0,
        "partition-specs": [{"spec-id": 0, "fields": []}],
        "last-partition-id": 999,
        "default-sort-order-id": 0,
        "sort-orders": [{"order-id": 0, "fields": []}],
        "properties": {"version": version.to_string()},
        "snapshots": [], "snapshot-log": [], "metadata-log": [], "refs": {}
    });
    let location = format!("{folder}/metadata/v{version}.metadata.json");
    Storage::local().write(&location, metadata.to_string().into()).await.unwrap();
    location
}

/// Makes a table at its first version.
pub async fn make(subject: &dyn Subject, table: &TableName) -> String {
    let location = write_metadata(&subject.folder(table), 1).await;
    subject.register(table, &location).await;
    location
}

pub fn version(table: &Table) -> &str {
    &table.metadata().properties()["version"]
}

/// Paths of the local file system have several spellings.
fn same_place(left: &str, right: &str) -> bool {
    let plain = |path: &str| format!("/{}", path.trim_start_matches("file:").trim_start_matches('/'));
    plain(left) == plain(right)
}

pub async fn a_table_is_loaded_by_its_name(subject: &dyn Subject) {
    let table = name(&subject.namespace(), "orders");
    let location = make(subject, &table).await;
    let source = open(subject).await.table_source(table.clone());
    assert_eq!(source.name(), table.to_string());
    let loaded = source.load().await.unwrap();
    assert_eq!((loaded.name(), version(&loaded)), (table.to_string().as_str(), "1"));
    assert!(same_place(loaded.metadata_location(), &location), "{}", loaded.metadata_location());
}

pub async fn names_are_listed(subject: &dyn Subject) {
    let namespace = subject.namespace();
    for table in ["t1", "t2"] {
        make(subject, &name(&namespace, table)).await;
    }
    let catalog = open(subject).await;
    assert!(catalog.list_namespaces(&[]).await.unwrap().contains(&vec![namespace.clone()]));
    assert!(catalog.list_namespaces(std::slice::from_ref(&namespace)).await.unwrap().is_empty());
    let mut tables = catalog.list_tables(&[namespace]).await.unwrap();
    tables.sort();
    assert_eq!(tables, ["t1", "t2"]);
}

pub async fn a_change_is_seen_and_its_absence_too(subject: &dyn Subject) {
    let table = name(&subject.namespace(), "followed");
    make(subject, &table).await;
    let source = open(subject).await.table_source(table.clone());
    let first = source.load().await.unwrap();
    assert!(source.load_if_changed(&first).await.unwrap().is_none());
    let location = write_metadata(&subject.folder(&table), 2).await;
    subject.move_to(&table, &location).await;
    let second = source.load_if_changed(&first).await.unwrap().expect("the pointer has moved");
    assert_eq!(version(&second), "2");
    assert!(source.load_if_changed(&second).await.unwrap().is_none());
    // Another who still holds the first state is told of the change as well.
    assert_eq!(version(&source.load_if_changed(&first).await.unwrap().unwrap()), "2");
}

pub async fn a_missing_table_is_answered_with_names_like_it(subject: &dyn Subject) {
    let namespace = subject.namespace();
    make(subject, &name(&namespace, "orders")).await;
    let wanted = name(&namespace, "ordres");
    match open(subject).await.table_source(wanted.clone()).load().await {
        Err(TableError::TableNotFound { table, detail }) => {
            assert_eq!(table, wanted.to_string());
            assert!(detail.contains(&format!("{namespace}.orders")), "{detail}");
        }
        other => panic!("{other:?}"),
    }
}

pub async fn a_missing_namespace_is_told(subject: &dyn Subject) {
    make(subject, &name(&subject.namespace(), "orders")).await;
    let wanted = name("no_such_namespace", "orders");
    match open(subject).await.table_source(wanted.clone()).load().await {
        Err(TableError::TableNotFound { table, detail }) => {
            assert_eq!(table, wanted.to_string());
            assert!(!detail.is_empty() && !detail.contains('\n'), "{detail}");
        }
        other => panic!("{other:?}"),
    }
}

pub async fn a_pointer_to_a_file_that_is_not_there_is_told(subject: &dyn Subject) {
    let table = name(&subject.namespace(), "gone");
    let location = make(subject, &table).await;
    let source = open(subject).await.table_source(table);
    source.load().await.unwrap();
    std::fs::remove_file(location.trim_start_matches("file:")).unwrap();
    match source.load().await {
        Err(TableError::TableNotFound { .. } | TableError::FileMissing { .. } | TableError::Catalog { .. }) => {}
        // A REST server may remember the metadata.
        Ok(table) => assert_eq!(version(&table), "1"),
        other => panic!("{other:?}"),
    }
}

/// Makes a test of everything that a catalog has to do. `$make` is a future that gives a [`Subject`].
#[macro_export]
macro_rules! catalog_contract {
    ($($name:ident => $make:expr),+ $(,)?) => {
        $($crate::catalog_contract_of!(
            $name, $make,
            a_table_is_loaded_by_its_name,
            names_are_listed,
            a_change_is_seen_and_its_absence_too,
            a_missing_table_is_answered_with_names_like_it,
            a_missing_namespace_is_told,
            a_pointer_to_a_file_that_is_not_there_is_told,
        );)+
    };
}

/// A module with a test of each of these for one kind of catalog.
#[macro_export]
macro_rules! catalog_contract_of {
    ($name:ident, $make:expr, $($check:ident),+ $(,)?) => {
        mod $name {
            $(
                #[tokio::test]
                async fn $check() {
                    super::contract::$check(&$make.await).await;
                }
            )+
        }
    };
}

//! Catalogs: the contract for those that need no service, and how a REST catalog fails.

#[path = "../contract/catalogs.rs"]
mod contract;
mod fake_rest;
pub mod http_server;
mod rest;
mod rest_failures;

use std::collections::BTreeMap;

use frazil_table::catalog::{CatalogConfig, CatalogKind, TableName};
use frazil_table::storage::Storage;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tempfile::TempDir;

use self::contract::Subject;
use self::fake_rest::FakeRest;

crate::catalog_contract! {
    of_a_warehouse => super::Warehouse::new(),
    of_sqlite => super::Sqlite::new(),
    of_rest => super::FakeRest::start(),
}

/// Settings of a catalog.
pub fn config(kind: CatalogKind, properties: &[(&str, &str)]) -> CatalogConfig {
    let properties: BTreeMap<String, String> =
        properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    CatalogConfig { name: "test".to_owned(), kind, properties }
}

/// Folders of a warehouse.
struct Warehouse {
    folder: TempDir,
}

impl Warehouse {
    async fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> String {
        self.folder.path().to_str().unwrap().to_owned()
    }
}

#[async_trait::async_trait]
impl Subject for Warehouse {
    fn config(&self) -> CatalogConfig {
        config(CatalogKind::Path, &[("warehouse", &self.path())])
    }

    fn namespace(&self) -> String {
        "db".to_owned()
    }

    /// The file is the pointer.
    async fn register(&self, _: &TableName, _: &str) {}

    async fn move_to(&self, _: &TableName, _: &str) {}

    fn folder(&self, table: &TableName) -> String {
        format!("{}/{}/{}", self.path(), table.namespace.join("/"), table.table)
    }
}

/// An SQLite database.
struct Sqlite {
    folder: TempDir,
}

impl Sqlite {
    async fn new() -> Self {
        let sqlite = Self { folder: tempfile::tempdir().unwrap() };
        sqlite
            .execute(
                "CREATE TABLE iceberg_tables(catalog_name VARCHAR(255) NOT NULL,table_namespace VARCHAR(255) NOT NULL,\
                 table_name VARCHAR(255) NOT NULL,metadata_location VARCHAR(1000),\
                 previous_metadata_location VARCHAR(1000),iceberg_type VARCHAR(5),\
                 PRIMARY KEY (catalog_name, table_namespace, table_name))",
                &[],
            )
            .await;
        sqlite
    }

    async fn execute(&self, statement: &'static str, values: &[&str]) {
        let file = self.folder.path().join("catalog.db");
        let mut connection =
            SqliteConnectOptions::new().filename(file).create_if_missing(true).connect().await.unwrap();
        let query = values.iter().fold(sqlx::query(statement), |query, value| query.bind((*value).to_owned()));
        query.execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }
}

#[async_trait::async_trait]
impl Subject for Sqlite {
    fn config(&self) -> CatalogConfig {
        let uri = format!("sqlite:///{}", self.folder.path().join("catalog.db").display());
        config(CatalogKind::Sql, &[("uri", &uri)])
    }

    fn namespace(&self) -> String {
        "db".to_owned()
    }

    async fn register(&self, table: &TableName, location: &str) {
        let namespace = table.namespace.join(".");
        let statement = "INSERT INTO iceberg_tables VALUES ('test', ?1, ?2, ?3, NULL, 'TABLE')";
        self.execute(statement, &[&namespace, &table.table, location]).await;
    }

    async fn move_to(&self, table: &TableName, location: &str) {
        let statement = "UPDATE iceberg_tables SET metadata_location = ?1 WHERE table_name = ?2";
        self.execute(statement, &[location, &table.table]).await;
    }

    fn folder(&self, table: &TableName) -> String {
        format!("{}/{}", self.folder.path().display(), table.table)
    }
}

/// The metadata that a file holds.
async fn metadata_at(location: &str) -> serde_json::Value {
    serde_json::from_slice(&Storage::local().read(location).await.unwrap()).unwrap()
}

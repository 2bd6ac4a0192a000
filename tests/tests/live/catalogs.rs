//! The contract of catalogs against services that run.

#[path = "../contract/catalogs.rs"]
pub mod contract;
mod hive;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use frazil_table::catalog::{CatalogConfig, CatalogKind, TableName};
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;

use self::contract::Subject;
use self::hive::Hive;
use crate::service::{host_and_port, service};

crate::catalog_contract! {
    of_rest => super::Rest::new(),
    of_postgres => super::Postgres::new(),
    of_hive_3 => super::Hive::new("FRAZIL_TEST_HIVE3_URI"),
    of_hive_4 => super::Hive::new("FRAZIL_TEST_HIVE4_URI"),
}

/// A namespace that no other test and no earlier run has.
pub fn own_namespace() -> String {
    static N: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    format!("t{now}_{}_{}", std::process::id(), N.fetch_add(1, Ordering::Relaxed))
}

fn config(kind: CatalogKind, uri: &str) -> CatalogConfig {
    CatalogConfig { name: "test".to_owned(), kind, properties: [("uri".to_owned(), uri.to_owned())].into() }
}

/// Iceberg's own REST server.
pub struct Rest {
    pub uri: String,
    pub namespace: String,
    folder: TempDir,
}

impl Rest {
    pub async fn new() -> Self {
        let rest = Self {
            uri: service("FRAZIL_TEST_REST_URI"),
            namespace: own_namespace(),
            folder: tempfile::tempdir().unwrap(),
        };
        rest.ask("POST", "namespaces", &format!(r#"{{"namespace":["{}"],"properties":{{}}}}"#, rest.namespace));
        rest
    }

    fn ask(&self, method: &str, path: &str, body: &str) {
        let mut stream = TcpStream::connect(host_and_port(&self.uri)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let request = format!(
            "{method} /v1/{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 2"), "{method} {path}: {answer}");
    }
}

#[async_trait::async_trait]
impl Subject for Rest {
    fn config(&self) -> CatalogConfig {
        config(CatalogKind::Rest, &self.uri)
    }

    fn namespace(&self) -> String {
        self.namespace.clone()
    }

    async fn register(&self, table: &TableName, location: &str) {
        let body = format!(r#"{{"name":"{}","metadata-location":"file://{location}"}}"#, table.table);
        self.ask("POST", &format!("namespaces/{}/register", self.namespace), &body);
    }

    async fn move_to(&self, table: &TableName, location: &str) {
        self.ask("DELETE", &format!("namespaces/{}/tables/{}?purgeRequested=false", self.namespace, table.table), "");
        self.register(table, location).await;
    }

    fn folder(&self, table: &TableName) -> String {
        format!("{}/{}", self.folder.path().display(), table.table)
    }
}

/// A Postgres database with the table of Iceberg's JDBC catalog, in its schema V1.
struct Postgres {
    uri: String,
    namespace: String,
    folder: TempDir,
}

impl Postgres {
    async fn new() -> Self {
        let uri = service("FRAZIL_TEST_POSTGRES_URI");
        let postgres = Self { uri, namespace: own_namespace(), folder: tempfile::tempdir().unwrap() };
        let mut connection = PgConnection::connect(&postgres.uri).await.unwrap();
        // Tests run at once, and `IF NOT EXISTS` alone does not keep two from making the same table.
        sqlx::query("SELECT pg_advisory_lock(7)").execute(&mut connection).await.unwrap();
        let table = "CREATE TABLE IF NOT EXISTS iceberg_tables(catalog_name VARCHAR(255) NOT NULL,\
             table_namespace VARCHAR(255) NOT NULL,table_name VARCHAR(255) NOT NULL,metadata_location VARCHAR(1000),\
             previous_metadata_location VARCHAR(1000),iceberg_type VARCHAR(5),\
             PRIMARY KEY (catalog_name, table_namespace, table_name))";
        sqlx::query(table).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        postgres
    }

    async fn execute(&self, statement: &'static str, values: &[&str]) {
        let mut connection = PgConnection::connect(&self.uri).await.unwrap();
        let query = values.iter().fold(sqlx::query(statement), |query, value| query.bind((*value).to_owned()));
        query.execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }
}

#[async_trait::async_trait]
impl Subject for Postgres {
    fn config(&self) -> CatalogConfig {
        config(CatalogKind::Sql, &self.uri)
    }

    fn namespace(&self) -> String {
        self.namespace.clone()
    }

    async fn register(&self, table: &TableName, location: &str) {
        let statement = "INSERT INTO iceberg_tables VALUES ('test', $1, $2, $3, NULL, 'TABLE')";
        self.execute(statement, &[&self.namespace, &table.table, location]).await;
    }

    async fn move_to(&self, table: &TableName, location: &str) {
        let statement =
            "UPDATE iceberg_tables SET metadata_location = $1 WHERE table_namespace = $2 AND table_name = $3";
        self.execute(statement, &[location, &self.namespace, &table.table]).await;
    }

    fn folder(&self, table: &TableName) -> String {
        format!("{}/{}", self.folder.path().display(), table.table)
    }
}

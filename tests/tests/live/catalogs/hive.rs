//! Hive metastores, with entries made as Iceberg's Hive catalog makes them.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use frazil_fixtures::{FixtureTable, Located, table, tables};
use frazil_reader::{At, ReadOptions, RowsOptions};
use frazil_table::catalog::{CatalogConfig, CatalogKind, TableName, open_catalog};
use frazil_table::{SnapshotId, SystemClock};
use rstest::rstest;
use tempfile::TempDir;

use super::contract::Subject;
use super::{config, own_namespace};
use crate::read;
use crate::service::{host_and_port, service};

/// A metastore of one version.
pub struct Hive {
    uri: String,
    namespace: String,
    folder: TempDir,
}

/// A struct in Thrift's binary protocol, field by field.
#[derive(Default)]
struct Struct(Vec<u8>);

impl Struct {
    fn field(mut self, kind: u8, id: u8, value: &[u8]) -> Self {
        self.0.extend([kind, 0, id]);
        self.0.extend(value);
        self
    }

    fn text(self, id: u8, value: &str) -> Self {
        self.field(11, id, &text(value))
    }

    fn number(self, id: u8, value: i32) -> Self {
        self.field(8, id, &value.to_be_bytes())
    }

    fn flag(self, id: u8, value: bool) -> Self {
        self.field(2, id, &[u8::from(value)])
    }

    fn texts(self, id: u8, values: &[(&str, &str)]) -> Self {
        let mut bytes = vec![11, 11];
        bytes.extend(u32::try_from(values.len()).unwrap().to_be_bytes());
        values.iter().for_each(|(name, value)| bytes.extend([text(name), text(value)].concat()));
        self.field(13, id, &bytes)
    }

    fn inner(self, id: u8, value: Self) -> Self {
        self.field(12, id, &value.ended())
    }

    fn ended(mut self) -> Vec<u8> {
        self.0.push(0);
        self.0
    }
}

fn text(value: &str) -> Vec<u8> {
    [&u32::try_from(value.len()).unwrap().to_be_bytes()[..], value.as_bytes()].concat()
}

impl Hive {
    pub async fn new(variable: &str) -> Self {
        let hive = Self { uri: service(variable), namespace: own_namespace(), folder: tempfile::tempdir().unwrap() };
        let folder = hive.folder.path().display().to_string();
        let database = Struct::default().text(1, &hive.namespace).text(2, "").text(3, &format!("file:{folder}"));
        hive.call("create_database", Struct::default().inner(1, database.texts(4, &[])));
        hive
    }

    /// A call that gives nothing back: the result has no field, or else an exception.
    fn call(&self, method: &str, arguments: Struct) {
        let mut stream = TcpStream::connect(host_and_port(&self.uri)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let head = [&[0x80, 1, 0, 1][..], &text(method), &[0, 0, 0, 1]].concat();
        stream.write_all(&[head.clone(), arguments.ended()].concat()).unwrap();
        let mut answer = vec![0; head.len() + 1];
        stream.read_exact(&mut answer).unwrap();
        if (answer[3], answer.last()) != (2, Some(&0)) {
            let mut rest = vec![0; 2_000];
            let n_bytes = stream.read(&mut rest).unwrap_or(0);
            panic!("{method}: {}", String::from_utf8_lossy(&rest[..n_bytes]));
        }
    }
}

#[async_trait::async_trait]
impl Subject for Hive {
    fn config(&self) -> CatalogConfig {
        config(CatalogKind::Hive, &self.uri)
    }

    fn namespace(&self) -> String {
        self.namespace.clone()
    }

    async fn register(&self, table: &TableName, location: &str) {
        let serde = Struct::default().text(1, &table.table).text(2, "org.apache.iceberg.mr.hive.HiveIcebergSerDe");
        let storage = Struct::default()
            .field(15, 1, &[12, 0, 0, 0, 0])
            .text(2, &format!("file:{}", self.folder(table)))
            .text(3, "org.apache.iceberg.mr.hive.HiveIcebergInputFormat")
            .text(4, "org.apache.iceberg.mr.hive.HiveIcebergOutputFormat")
            .flag(5, false)
            .number(6, 0)
            .inner(7, serde.texts(3, &[]));
        let parameters = [("EXTERNAL", "TRUE"), ("table_type", "ICEBERG"), ("metadata_location", location)];
        let entry = Struct::default()
            .text(1, &table.table)
            .text(2, &self.namespace)
            .text(3, "test")
            .inner(7, storage)
            .field(15, 8, &[12, 0, 0, 0, 0])
            .texts(9, &parameters)
            .text(12, "EXTERNAL_TABLE");
        self.call("create_table", Struct::default().inner(1, entry));
    }

    async fn move_to(&self, table: &TableName, location: &str) {
        self.call("drop_table", Struct::default().text(1, &self.namespace).text(2, &table.table).flag(3, false));
        self.register(table, location).await;
    }

    fn folder(&self, table: &TableName) -> String {
        format!("{}/{}", self.folder.path().display(), table.table)
    }
}

/// Registers a table that another engine wrote, and reads it by its name: rows of all snapshots, and what its changes
/// come to.
async fn check(hive: &Hive, fixture: &FixtureTable) {
    let name = TableName { namespace: vec![hive.namespace()], table: fixture.name.clone() };
    hive.register(&name, &fixture.metadata_file.display().to_string()).await;
    let catalog = open_catalog(hive.config(), &read::storage(), Arc::new(SystemClock)).await.unwrap();
    let table = catalog.table_source(name).load().await.unwrap();
    for snapshot in &fixture.snapshots {
        let at = At::Snapshot(SnapshotId::new(snapshot.snapshot_id));
        let options = RowsOptions { at, ..RowsOptions::default() };
        let rows = read::rows(&table, fixture.schema(snapshot.schema_id), options).await.unwrap();
        assert_eq!(rows.difference_to(&fixture.expected_rows(snapshot)), None, "{}", fixture.label());
    }
    let stream = read::changes(&table, fixture, ReadOptions::default()).await.unwrap();
    stream.outcome.as_ref().unwrap();
    let head = fixture.snapshot(fixture.branches["main"]).unwrap();
    let difference = crate::folded(&stream).difference_to(&fixture.expected_rows(head));
    assert_eq!(difference, None, "{}", fixture.label());
}

#[rstest]
#[case::version_3("FRAZIL_TEST_HIVE3_URI")]
#[case::version_4("FRAZIL_TEST_HIVE4_URI")]
#[tokio::test]
async fn tables_of_other_engines_are_read_by_their_names(#[case] variable: &str) {
    let hive = Hive::new(variable).await;
    let of_hive = tables().iter().filter(|fixture| matches!(fixture.located, Located::Hive { .. }));
    let fixtures: Vec<&FixtureTable> = of_hive.chain([table("upsert_v2")]).collect();
    assert!(fixtures.len() > 1, "a table that Spark wrote through a metastore is among the fixtures");
    for fixture in fixtures {
        check(&hive, fixture).await;
    }
}

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use rstest::rstest;
use tempfile::TempDir;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

use super::super::{TableLocator, load_table, table_source};
use super::*;
use crate::storage::PathMap;

const V0: &str = "CREATE TABLE iceberg_tables(catalog_name VARCHAR(255) NOT NULL,table_namespace VARCHAR(255) NOT NULL,\
    table_name VARCHAR(255) NOT NULL,metadata_location VARCHAR(1000),previous_metadata_location VARCHAR(1000),\
    PRIMARY KEY (catalog_name, table_namespace, table_name))";
const V1: &str = "CREATE TABLE iceberg_tables(catalog_name VARCHAR(255) NOT NULL,table_namespace VARCHAR(255) NOT NULL,\
    table_name VARCHAR(255) NOT NULL,metadata_location VARCHAR(1000),previous_metadata_location VARCHAR(1000),\
    iceberg_type VARCHAR(5),PRIMARY KEY (catalog_name, table_namespace, table_name))";
const PYICEBERG: &str = "CREATE TABLE iceberg_tables (catalog_name VARCHAR(255) NOT NULL, \
    table_namespace VARCHAR(255) NOT NULL, table_name VARCHAR(255) NOT NULL, metadata_location VARCHAR(1000), \
    previous_metadata_location VARCHAR(1000), PRIMARY KEY (catalog_name, table_namespace, table_name))";

struct Fixture {
    folder: TempDir,
}

impl Fixture {
    async fn new(statements: &[&str]) -> Self {
        let fixture = Self { folder: tempfile::tempdir().unwrap() };
        let options = SqliteConnectOptions::new().filename(fixture.path()).create_if_missing(true);
        let mut connection = options.connect().await.unwrap();
        for statement in statements {
            sqlx::query(statement).execute(&mut connection).await.unwrap();
        }
        connection.close().await.unwrap();
        fixture
    }

    fn path(&self) -> String {
        format!("{}/catalog.db", self.folder.path().to_str().unwrap())
    }

    async fn locate(&self, catalog: Option<&str>, namespace: &str, table: &str) -> Result<String> {
        metadata_location(&self.path(), catalog, namespace, table).await
    }
}

fn row(catalog: &str, namespace: &str, table: &str, rest: &str) -> String {
    format!("INSERT INTO iceberg_tables VALUES ('{catalog}','{namespace}','{table}',{rest})")
}

#[rstest]
#[case::v0(V0, "'memory://a/m.json',NULL")]
#[case::v1(V1, "'memory://a/m.json',NULL,'TABLE'")]
#[case::upgraded(V1, "'memory://a/m.json','memory://a/l.json',NULL")]
#[case::pyiceberg(PYICEBERG, "'memory://a/m.json',NULL")]
#[tokio::test]
async fn the_pointer_is_read_from_every_version_of_the_schema(#[case] schema: &str, #[case] rest: &str) {
    let fixture = Fixture::new(&[schema, &row("c", "a.b", "t", rest), &row("c", "a", "t''; --x", rest)]).await;
    assert_eq!(fixture.locate(None, "a.b", "t").await.unwrap(), "memory://a/m.json");
    assert_eq!(fixture.locate(Some("c"), "a.b", "t").await.unwrap(), "memory://a/m.json");
    assert_eq!(fixture.locate(None, "a", "t'; --x").await.unwrap(), "memory://a/m.json");
}

#[tokio::test]
async fn a_table_is_loaded_through_the_path_map() {
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage::local();
    let metadata = r#"{"format-version":1,"location":"/old/t","last-updated-ms":1,"last-column-id":1,
        "schema":{"type":"struct","fields":[{"id":1,"name":"id","required":true,"type":"long"}]}}"#;
    let file = format!("{}/t/metadata/00000-x.metadata.json", folder.path().to_str().unwrap());
    storage.write(&file, metadata.into()).await.unwrap();
    let fixture =
        Fixture::new(&[V1, &row("c", "a.b", "t", "'file:/old/t/metadata/00000-x.metadata.json',NULL,'TABLE'")]).await;
    let locator = TableLocator::Sql {
        uri: format!("jdbc:sqlite:{}", fixture.path()),
        catalog: None,
        namespace: vec!["a".to_owned(), "b".to_owned()],
        table: "t".to_owned(),
    };
    let map = PathMap::parse(&[format!("/old={}", folder.path().to_str().unwrap())]).unwrap();
    let table = load_table(&locator, &storage.with_path_map(map)).await.unwrap();
    assert_eq!(table.name(), "a.b.t");
    assert_eq!(table.metadata_location(), "file:/old/t/metadata/00000-x.metadata.json");
    let source = table_source(&locator, table.storage());
    assert!(source.load_if_changed(&table).await.unwrap().is_none());
    let error = load_table(&locator, &storage).await.unwrap_err();
    assert!(
        matches!(&error, TableError::TableNotFound { detail, .. } if detail.contains("map its paths")),
        "{error:?}"
    );
}

/// A database as a writer leaves it that dies between its first change and the end of its transaction.
async fn left_half_way(fixture: &Fixture) -> TempDir {
    let mut writer = SqliteConnectOptions::new().filename(fixture.path()).connect().await.unwrap();
    // With so little memory the writer begins to change the file itself before it commits.
    for statement in
        ["PRAGMA cache_size = 1", "BEGIN IMMEDIATE", "UPDATE iceberg_tables SET metadata_location = '/half.json'"]
    {
        sqlx::query(statement).execute(&mut writer).await.unwrap();
    }
    let copy = tempfile::tempdir().unwrap();
    for file in ["catalog.db", "catalog.db-journal"] {
        std::fs::copy(fixture.folder.path().join(file), copy.path().join(file)).unwrap();
    }
    copy
}

#[tokio::test]
async fn what_a_writer_left_half_way_is_undone_by_the_next_reader() {
    let rows: Vec<String> = (0..200).map(|n| row("c", "a", &format!("t{n:0200}"), "'/m.json',NULL,'TABLE'")).collect();
    let mut statements = vec![V1];
    statements.extend(rows.iter().map(String::as_str));
    let fixture = Fixture::new(&statements).await;
    let copy = left_half_way(&fixture).await;
    let uri = format!("{}/catalog.db", copy.path().to_str().unwrap());
    let reader = SqliteConnectOptions::new().filename(&uri).read_only(true);
    let refused = sqlx::query("SELECT * FROM iceberg_tables").fetch_all(&mut reader.connect().await.unwrap()).await;
    assert!(refused.is_err(), "the copy needs no recovery");
    for n in 0..200 {
        let table = format!("t{n:0200}");
        assert_eq!(metadata_location(&uri, None, "a", &table).await.unwrap(), "/m.json");
    }
    assert!(!copy.path().join("catalog.db-journal").exists());
}

#[tokio::test]
async fn several_catalogs_ask_for_a_name() {
    let rest = "'/m.json',NULL,'TABLE'";
    let fixture =
        Fixture::new(&[V1, &row("one", "a", "t", rest), &row("two", "a", "t", "'/n.json',NULL,'TABLE'")]).await;
    assert_eq!(fixture.locate(Some("two"), "a", "t").await.unwrap(), "/n.json");
    let error = fixture.locate(None, "a", "t").await.unwrap_err();
    assert!(matches!(&error, TableError::InvalidRequest { detail } if detail.contains("one, two")), "{error:?}");
    let error = fixture.locate(Some("three"), "a", "t").await.unwrap_err();
    assert!(matches!(&error, TableError::InvalidRequest { detail } if detail.contains("one, two")), "{error:?}");
}

#[tokio::test]
async fn an_unknown_table_is_answered_with_the_names_most_like_it() {
    let rows: Vec<String> = (0..30).map(|n| row("c", "db", &format!("t{n}"), "'/m.json',NULL,'TABLE'")).collect();
    let mut statements = vec![V1];
    statements.extend(rows.iter().map(String::as_str));
    let order_row = row("c", "db", "orders", "'/m.json',NULL,'TABLE'");
    let view_row = row("c", "db", "order", "'/m.json',NULL,'VIEW'");
    statements.extend([order_row.as_str(), view_row.as_str()]);
    let fixture = Fixture::new(&statements).await;
    let TableError::TableNotFound { table, detail } = fixture.locate(None, "db", "ordres").await.unwrap_err() else {
        panic!("another error")
    };
    assert_eq!(table, "db.ordres");
    assert!(detail.starts_with("catalog `c` has: db.orders, "), "{detail}");
    assert_eq!(detail.matches("db.").count(), 10);
    assert!(!detail.contains("db.order,"), "views are not suggested: {detail}");
    let error = fixture.locate(None, "db", "order").await.unwrap_err();
    assert!(
        matches!(&error, TableError::Unsupported { detail, .. } if detail.contains("`db.order` is a view")),
        "{error:?}"
    );
}

#[tokio::test]
async fn tables_are_listed_by_name_without_views() {
    let fixture = Fixture::new(&[
        V1,
        &row("c", "b", "t2", "'/m',NULL,'TABLE'"),
        &row("c", "a", "v", "'/m',NULL,'VIEW'"),
        &row("c", "a", "t1", "'/m',NULL,NULL"),
        &row("d", "a", "t3", "'/m',NULL,'TABLE'"),
    ])
    .await;
    let names = |tables: Vec<CatalogTable>| -> Vec<String> {
        tables.into_iter().map(|entry| format!("{}.{}.{}", entry.catalog, entry.namespace, entry.table)).collect()
    };
    assert_eq!(names(list_tables(&fixture.path(), None).await.unwrap()), ["c.a.t1", "c.b.t2", "d.a.t3"]);
    assert_eq!(names(list_tables(&fixture.path(), Some("d")).await.unwrap()), ["d.a.t3"]);
}

#[tokio::test]
async fn a_database_that_is_no_catalog_is_named_with_the_cause() {
    let fixture = Fixture::new(&[V1]).await;
    let error = fixture.locate(None, "a", "t").await.unwrap_err();
    assert!(
        matches!(&error, TableError::TableNotFound { detail, .. } if detail.contains("lists no tables")),
        "{error:?}"
    );

    let fixture = Fixture::new(&["CREATE TABLE other(x INT)"]).await;
    let error = fixture.locate(None, "a", "t").await.unwrap_err();
    assert!(
        matches!(&error, TableError::TableNotFound { detail, .. } if detail.contains("no table `iceberg_tables`")),
        "{error:?}"
    );

    let fixture = Fixture::new(&["CREATE TABLE iceberg_tables(x INT)"]).await;
    let error = fixture.locate(None, "a", "t").await.unwrap_err();
    assert!(matches!(&error, TableError::Corrupt { .. }), "{error:?}");

    let fixture = Fixture::new(&[V0, &row("c", "a", "t", "NULL,NULL")]).await;
    let error = fixture.locate(None, "a", "t").await.unwrap_err();
    assert!(
        matches!(&error, TableError::Corrupt { detail, .. } if detail.contains("no metadata location")),
        "{error:?}"
    );

    std::fs::write(fixture.path(), vec![b'x'; 5000]).unwrap();
    let error = fixture.locate(None, "a", "t").await.unwrap_err();
    assert!(matches!(&error, TableError::Corrupt { detail, .. } if detail.contains("no SQLite database")), "{error:?}");
}

#[tokio::test]
async fn a_database_that_is_not_there_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = format!("{}/none.db", folder.path().to_str().unwrap());
    let error = metadata_location(&path, None, "a", "t").await.unwrap_err();
    assert!(matches!(&error, TableError::TableNotFound { detail, .. } if detail.contains(&path)), "{error:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn every_spelling_of_the_uri_means_the_same_file() {
    let fixture = Fixture::new(&[V1, &row("c", "a", "t", "'/m.json',NULL,'TABLE'")]).await;
    let path = fixture.path();
    let relative = format!(
        "{}{path}",
        "../".repeat(std::env::current_dir().unwrap().components().count() - 1).trim_end_matches('/')
    );
    for uri in [
        path.clone(),
        format!("file:{path}"),
        format!("file://{path}"),
        format!("sqlite://{path}"),
        format!("sqlite:///{path}"),
        format!("sqlite+pysqlite:///{path}"),
        format!("sqlite:{path}?mode=ro"),
        format!("jdbc:sqlite:{path}"),
        format!("jdbc:sqlite:file:{path}"),
        format!("jdbc:sqlite:file://{path}?mode=ro&cache=shared"),
        relative.clone(),
        format!("sqlite:{relative}"),
        format!("sqlite:///{relative}"),
        format!("jdbc:sqlite:{relative}"),
    ] {
        assert_eq!(metadata_location(&uri, None, "a", "t").await.expect(&uri), "/m.json", "{uri}");
    }
    for uri in ["mysql://me:geheim@host/db", "jdbc:mysql://host/db", "oracle+cx://host/db"] {
        let error = metadata_location(uri, None, "a", "t").await.unwrap_err();
        assert!(matches!(&error, TableError::Unsupported { .. }), "{error:?}");
        assert!(!error.to_string().contains("geheim"), "{error}");
    }
    for uri in ["jdbc:sqlite::memory:", "sqlite://", "sqlite:"] {
        let error = metadata_location(uri, None, "a", "t").await.unwrap_err();
        assert!(matches!(&error, TableError::InvalidRequest { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn reading_leaves_the_database_as_it_was() {
    let fixture = Fixture::new(&[V1, &row("c", "a", "t", "'/m.json',NULL,'TABLE'")]).await;
    let before = std::fs::read(fixture.path()).unwrap();
    fixture.locate(None, "a", "t").await.unwrap();
    assert_eq!(std::fs::read(fixture.path()).unwrap(), before);
    assert_eq!(std::fs::read_dir(fixture.folder.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_database_that_a_writer_has_open_is_read() {
    let fixture = Fixture::new(&["PRAGMA journal_mode = WAL", V1, &row("c", "a", "t", "'/m.json',NULL,'TABLE'")]).await;
    let mut writer = SqliteConnectOptions::new().filename(fixture.path()).connect().await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut writer).await.unwrap();
    sqlx::query("UPDATE iceberg_tables SET metadata_location = '/n.json'").execute(&mut writer).await.unwrap();
    assert_eq!(fixture.locate(None, "a", "t").await.unwrap(), "/m.json");
    sqlx::query("COMMIT").execute(&mut writer).await.unwrap();
    assert_eq!(fixture.locate(None, "a", "t").await.unwrap(), "/n.json");
    writer.close().await.unwrap();
}

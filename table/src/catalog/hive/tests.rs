#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use rstest::rstest;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use super::*;
use crate::catalog::CatalogKind;

/// A metastore that answers every call with what `respond` makes of its method, and counts connections.
struct FakeMetastore {
    uri: String,
    n_connections: Arc<AtomicUsize>,
}

/// What a fake does on a call.
#[derive(Clone)]
enum Respond {
    /// The result's fields.
    Reply(Vec<u8>),
    UnknownMethod,
    Close,
    Hang,
    Bytes(Vec<u8>),
}

impl FakeMetastore {
    async fn start(respond: impl Fn(&str) -> Respond + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("thrift://{}", listener.local_addr().unwrap());
        let n_connections = Arc::new(AtomicUsize::new(0));
        let (counter, respond) = (Arc::clone(&n_connections), Arc::new(respond));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(serve(stream, Arc::clone(&respond)));
            }
        });
        Self { uri, n_connections }
    }

    fn n_connections(&self) -> usize {
        self.n_connections.load(Ordering::Relaxed)
    }
}

async fn serve(mut stream: TcpStream, respond: Arc<impl Fn(&str) -> Respond>) -> Option<()> {
    loop {
        stream.read_u32().await.ok()?;
        let n_bytes = stream.read_u32().await.ok()?;
        let mut method = vec![0; n_bytes as usize];
        stream.read_exact(&mut method).await.ok()?;
        let sequence = stream.read_u32().await.ok()?;
        // The arguments of the calls in these tests arrive with the rest.
        let mut arguments = vec![0; 4096];
        let _ = stream.read(&mut arguments).await.ok()?;
        let head = |kind: u8| {
            let mut bytes = vec![0x80, 1, 0, kind];
            bytes.extend(n_bytes.to_be_bytes());
            bytes.extend(&method);
            bytes.extend(sequence.to_be_bytes());
            bytes
        };
        let bytes = match respond(std::str::from_utf8(&method).unwrap()) {
            Respond::Reply(fields) => [head(2), fields, vec![0]].concat(),
            Respond::UnknownMethod => [head(3), vec![8, 0, 2, 0, 0, 0, 1, 0]].concat(),
            Respond::Close => return None,
            Respond::Hang => std::future::pending().await,
            Respond::Bytes(bytes) => bytes,
        };
        stream.write_all(&bytes).await.ok()?;
    }
}

fn text(text: &str) -> Vec<u8> {
    let mut bytes = u32::try_from(text.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend(text.as_bytes());
    bytes
}

fn names(names: &[&str]) -> Respond {
    let mut bytes = vec![15, 0, 0, 11];
    bytes.extend(u32::try_from(names.len()).unwrap().to_be_bytes());
    names.iter().for_each(|name| bytes.extend(text(name)));
    Respond::Reply(bytes)
}

/// An entry with parameters, as a struct's content.
fn entry(parameters: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = vec![11, 0, 1, 0, 0, 0, 1, b't', 13, 0, 9, 11, 11];
    bytes.extend(u32::try_from(parameters.len()).unwrap().to_be_bytes());
    for (name, value) in parameters {
        bytes.extend([text(name), text(value)].concat());
    }
    bytes.push(0);
    bytes
}

const ICEBERG: [(&str, &str); 2] = [("Table_Type", "iceberg"), ("METADATA_LOCATION", "s3://b/m.json")];

/// As metastore 4: no `get_table`.
fn version_4(parameters: &'static [(&'static str, &'static str)]) -> impl Fn(&str) -> Respond {
    move |method| match method {
        "get_table_req" => Respond::Reply([vec![12, 0, 0, 12, 0, 1], entry(parameters), vec![0]].concat()),
        "get_all_databases" => names(&["db", "default"]),
        "get_all_tables" => names(&["orders", "t"]),
        _ => Respond::UnknownMethod,
    }
}

/// A declared exception of the result.
fn exception(field: u8, message: &str) -> Respond {
    Respond::Reply([vec![12, 0, field, 11, 0, 1], text(message), vec![0]].concat())
}

fn catalog(uri: &str) -> HiveCatalog {
    let properties = [("uri", uri), ("request-timeout", "300ms"), ("connect-timeout", "300ms")];
    let properties = properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let config = CatalogConfig { name: "hms".to_owned(), kind: CatalogKind::Hive, properties };
    HiveCatalog::new(config, Storage::local()).unwrap()
}

fn table(name: &str) -> TableName {
    let mut levels: Vec<String> = name.split('.').map(str::to_owned).collect();
    let table = levels.pop().unwrap();
    TableName { namespace: levels, table }
}

#[tokio::test]
async fn the_pointer_is_read_whatever_the_case_of_the_parameters() {
    let server = FakeMetastore::start(version_4(&ICEBERG)).await;
    let location = catalog(&server.uri).metadata_location(&table("db.t")).await.unwrap();
    assert_eq!(location, "s3://b/m.json");
    assert_eq!(server.n_connections(), 1);
}

#[tokio::test]
async fn an_old_metastore_is_asked_with_its_own_call() {
    let server = FakeMetastore::start(|method| match method {
        "get_table" => Respond::Reply([vec![12, 0, 0], entry(&ICEBERG)].concat()),
        _ => Respond::UnknownMethod,
    })
    .await;
    assert_eq!(catalog(&server.uri).metadata_location(&table("db.t")).await.unwrap(), "s3://b/m.json");
}

#[tokio::test]
async fn a_missing_table_or_database_is_answered_with_names_like_it() {
    let server = FakeMetastore::start(|method| match method {
        "get_table_req" => exception(2, "hive.db.ordres table not found"),
        "get_all_databases" => names(&["db", "default"]),
        "get_all_tables" => names(&["orders", "t"]),
        _ => Respond::UnknownMethod,
    })
    .await;
    let catalog = catalog(&server.uri);
    let missing = catalog.metadata_location(&table("db.ordres")).await.unwrap_err().to_string();
    assert!(missing.contains("catalog `hms` has: db.orders"), "{missing}");
    let missing = catalog.metadata_location(&table("dbb.orders")).await.unwrap_err().to_string();
    assert!(missing.contains("no namespace `dbb`; it has: db,"), "{missing}");
    let missing = catalog.metadata_location(&table("a.b.orders")).await.unwrap_err().to_string();
    assert!(missing.contains("one level"), "{missing}");
}

#[rstest]
#[case(&[("table_type", "ICEBERG-VIEW")], "is a view")]
#[case(&[("table_type", "hudi")], "of type `hudi`")]
#[case(&[], "plain Hive table")]
#[case(&[("table_type", "ICEBERG")], "no `metadata_location`")]
#[tokio::test]
async fn what_is_no_iceberg_table_is_told(#[case] parameters: &'static [(&str, &str)], #[case] cause: &str) {
    let server = FakeMetastore::start(version_4(parameters)).await;
    let error = catalog(&server.uri).metadata_location(&table("db.t")).await.unwrap_err().to_string();
    assert!(error.contains(cause) && error.contains("`db.t`"), "{error}");
}

#[rstest]
#[case::closes(Respond::Close, "closes the connection")]
#[case::hangs(Respond::Hang, "no answer within 300ms")]
#[case::http(Respond::Bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()), "no Thrift message")]
#[case::refuses(exception(1, "Got exception: boom"), "boom")]
#[case::nothing(Respond::Reply(Vec::new()), "answers nothing")]
#[tokio::test]
async fn a_metastore_that_fails_is_asked_once_and_told_in_one_line(#[case] respond: Respond, #[case] cause: &str) {
    let server = FakeMetastore::start(move |_| respond.clone()).await;
    let error = catalog(&server.uri).metadata_location(&table("db.t")).await.unwrap_err();
    assert!(matches!(error, TableError::Catalog { .. }), "{error:?}");
    let error = error.to_string();
    assert!(error.contains(cause) && error.contains("hms") && error.contains("; ") && !error.contains('\n'), "{error}");
    assert_eq!(server.n_connections(), 1, "{error}");
}

#[tokio::test]
async fn the_next_server_is_asked_where_one_does_not_answer() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let server = FakeMetastore::start(version_4(&ICEBERG)).await;
    let uris = format!("thrift://{closed},{}", server.uri);
    assert_eq!(catalog(&uris).metadata_location(&table("db.t")).await.unwrap(), "s3://b/m.json");
    let error = catalog(&format!("thrift://{closed}")).list_namespaces(&[]).await.unwrap_err().to_string();
    assert!(error.contains("cannot connect") && error.contains(&closed.to_string()), "{error}");
}

#[rstest]
#[case("hive.kerberos-authentication")]
#[case("hive.metastore.use.SSL")]
fn what_needs_another_protocol_is_refused_by_name(#[case] property: &str) {
    let properties = [("uri", "thrift://h"), (property, "true")];
    let properties = properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let config = CatalogConfig { name: "hms".to_owned(), kind: CatalogKind::Hive, properties };
    let error = HiveCatalog::new(config, Storage::local()).unwrap_err().to_string();
    assert!(error.contains(property), "{error}");
}

#[test]
fn waiting_has_a_limit_by_default() {
    let limits = catalog("thrift://h").limits;
    assert!(limits.total >= limits.request && limits.total <= Duration::from_secs(60));
}

//! What a REST catalog is asked, and what is made of its answers.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use frazil_table::catalog::{Catalog, CatalogConfig, CatalogKind, TableName, open_catalog};
use frazil_table::storage::Storage;
use frazil_table::{Clock, SystemClock};
use serde_json::{Value, json};

use super::config;
use super::contract::{Subject, make, name, open, version, write_metadata};
use super::fake_rest::FakeRest;
use super::http_server::{HttpServer, Request, Response};

/// A clock that stands until it is moved, on which waiting takes no time.
#[derive(Debug, Default)]
pub struct StandingClock {
    now_ms: AtomicI64,
    pub slept: Mutex<Vec<Duration>>,
}

#[async_trait::async_trait]
impl Clock for StandingClock {
    fn now_ms(&self) -> i64 {
        self.now_ms.load(Ordering::Relaxed)
    }

    async fn sleep(&self, duration: Duration) {
        self.slept.lock().unwrap().push(duration);
        self.now_ms.fetch_add(i64::try_from(duration.as_millis()).unwrap(), Ordering::Relaxed);
    }
}

pub async fn open_at(config: CatalogConfig, clock: Arc<dyn Clock>) -> Arc<dyn Catalog> {
    open_catalog(config, &Storage::local(), clock).await.unwrap()
}

fn targets(requests: &[Request]) -> Vec<String> {
    requests.iter().map(|request| format!("{} {}", request.method, request.target)).collect()
}

fn settings(uri: &str, more: &[(&str, &str)]) -> CatalogConfig {
    let mut properties = vec![("uri", uri)];
    properties.extend(more);
    config(CatalogKind::Rest, &properties)
}

#[tokio::test]
async fn an_unchanged_table_is_one_request_without_a_body() {
    let rest = FakeRest::start().await;
    let table = name("db", "t");
    make(&rest, &table).await;
    let source = open(&rest).await.table_source(table.clone());
    let first = source.load().await.unwrap();
    assert_eq!(
        targets(&rest.server.requests()),
        ["GET /v1/config", "GET /v1/ws/namespaces/db/tables/t"],
        "one look at the configuration, one at the table"
    );
    assert!(source.load_if_changed(&first).await.unwrap().is_none());
    let requests = rest.server.requests();
    assert_eq!(requests.len(), 3);
    assert_eq!(requests[2].header("If-None-Match"), Some(format!("\"{}\"", first.metadata_location()).as_str()));
}

#[tokio::test]
async fn a_server_without_etags_is_compared_by_location() {
    let rest = FakeRest::with(|_, response| match response {
        Response::Full(status, headers, body) => {
            let headers = headers.into_iter().filter(|(name, _)| name != "ETag").collect();
            Response::Full(status, headers, body)
        }
        other => other,
    })
    .await;
    let table = name("db", "t");
    make(&rest, &table).await;
    let source = open(&rest).await.table_source(table.clone());
    let first = source.load().await.unwrap();
    assert!(source.load_if_changed(&first).await.unwrap().is_none());
    assert_eq!(rest.server.requests()[2].header("If-None-Match"), None);
    rest.move_to(&table, &write_metadata(&rest.folder(&table), 2).await).await;
    assert_eq!(version(&source.load_if_changed(&first).await.unwrap().unwrap()), "2");
}

#[tokio::test]
async fn warehouse_prefix_separator_and_headers_are_sent() {
    let server = HttpServer::start(|request| match request.target.as_str() {
        "/base/v1/config?warehouse=s3%3A%2F%2Fwh" => Response::json(
            200,
            &json!({"defaults": {"prefix": "ignored"}, "overrides": {"prefix": "p/q", "namespace-separator": "%2E"}}),
        ),
        _ => Response::json(200, &json!({"identifiers": [{"namespace": ["a", "b"], "name": "t"}]})),
    })
    .await;
    let uri = format!("{}/base/", server.uri);
    let more = [("warehouse", "s3://wh"), ("header.X-Team", "ice"), ("token", "abc"), ("prefix", "own")];
    let catalog = open_at(settings(&uri, &more), Arc::new(SystemClock)).await;
    assert_eq!(catalog.list_tables(&["a".to_owned(), "b c".to_owned()]).await.unwrap(), ["t"]);
    let requests = server.requests();
    assert_eq!(requests[1].target, "/base/v1/p/q/namespaces/a%2Eb%20c/tables");
    for request in &requests {
        assert_eq!(request.header("Authorization"), Some("Bearer abc"));
        assert_eq!(request.header("X-Iceberg-Access-Delegation"), Some("vended-credentials"));
        assert_eq!(request.header("X-Team"), Some("ice"));
        assert!(request.header("User-Agent").unwrap().starts_with("frazil/"));
    }
}

#[tokio::test]
async fn lists_are_read_page_after_page_and_end_where_the_server_repeats_itself() {
    let server = HttpServer::start(|request| match request.target.as_str() {
        "/v1/config" => Response::json(200, &json!({})),
        "/v1/namespaces" => Response::json(200, &json!({"namespaces": [["a"]], "next-page-token": "2 &"})),
        _ => Response::json(200, &json!({"namespaces": [["b", "c"], 7, [1]], "next-page-token": "2 &"})),
    })
    .await;
    let catalog = open_at(settings(&server.uri, &[]), Arc::new(SystemClock)).await;
    assert_eq!(catalog.list_namespaces(&[]).await.unwrap(), [vec!["a"], vec!["b", "c"]]);
    assert_eq!(targets(&server.requests())[1..], ["GET /v1/namespaces", "GET /v1/namespaces?pageToken=2%20%26"]);
}

/// A catalog with a token endpoint, whose tokens are `t1`, `t2`, …; `accepts` says which of them it takes.
async fn with_tokens(accepts: impl Fn(&str) -> bool + Send + Sync + 'static) -> HttpServer {
    let n_tokens = AtomicUsize::new(0);
    HttpServer::start(move |request| {
        if request.target == "/v1/oauth/tokens" {
            let n = n_tokens.fetch_add(1, Ordering::Relaxed) + 1;
            let token = json!({"access_token": format!("t{n}"), "token_type": "bearer", "expires_in": 3600});
            return Response::json(200, &token);
        }
        match request.header("Authorization").and_then(|header| header.strip_prefix("Bearer ")) {
            Some(token) if accepts(token) => Response::json(200, &json!({"namespaces": [["db"]]})),
            _ => Response::error(401, "NotAuthorizedException", "token is not valid"),
        }
    })
    .await
}

#[tokio::test]
async fn a_token_is_fetched_once_and_again_before_it_expires() {
    let server = with_tokens(|_| true).await;
    let clock = Arc::new(StandingClock::default());
    let more = [("credential", "id:s&cret"), ("scope", "a b")];
    let catalog = open_at(settings(&server.uri, &more), Arc::clone(&clock) as Arc<dyn Clock>).await;
    for _ in 0..3 {
        catalog.list_namespaces(&[]).await.unwrap();
    }
    let requests = server.requests();
    assert_eq!(requests.iter().filter(|request| request.method == "POST").count(), 1);
    assert_eq!(requests[0].body, "grant_type=client_credentials&client_id=id&client_secret=s%26cret&scope=a+b");
    assert_eq!(requests.last().unwrap().header("Authorization"), Some("Bearer t1"));
    // The hour is nearly over.
    clock.now_ms.store(3_580_000, Ordering::Relaxed);
    catalog.list_namespaces(&[]).await.unwrap();
    assert_eq!(server.requests().last().unwrap().header("Authorization"), Some("Bearer t2"));
}

#[tokio::test]
async fn a_token_that_is_refused_is_replaced_once() {
    let server = with_tokens(|token| token == "t2").await;
    let catalog = open_at(settings(&server.uri, &[("credential", "id:secret")]), Arc::new(SystemClock)).await;
    assert_eq!(catalog.list_namespaces(&[]).await.unwrap(), [["db"]]);
    let server = with_tokens(|_| false).await;
    let catalog = open_at(settings(&server.uri, &[("credential", "id:secret")]), Arc::new(SystemClock)).await;
    let error = catalog.list_namespaces(&[]).await.unwrap_err().to_string();
    assert!(error.contains("token is not valid") && error.contains("`credential`"), "{error}");
    assert_eq!(
        targets(&server.requests()),
        ["POST /v1/oauth/tokens", "GET /v1/config", "POST /v1/oauth/tokens", "GET /v1/config"]
    );
}

/// A table's answer whose storage is the S3 server at `endpoint`, with these credentials.
fn table_with_credentials(endpoint: &str, key: &str, expires_at_ms: i64) -> Value {
    json!({
        "metadata-location": "s3://bucket/t/metadata/v1.metadata.json",
        "metadata": {
            "format-version": 1, "location": "s3://bucket/t", "last-updated-ms": 1, "last-column-id": 1,
            "schema": {"type": "struct", "fields": [{"id": 1, "name": "id", "required": true, "type": "long"}]}
        },
        "config": {"s3.endpoint": endpoint, "s3.path-style-access": "true", "client.region": "us-east-1"},
        "storage-credentials": [credential(key, expires_at_ms)]
    })
}

fn credential(key: &str, expires_at_ms: i64) -> Value {
    json!({"prefix": "s3://bucket/t/", "config": {
        "s3.access-key-id": key, "s3.secret-access-key": "secret", "s3.session-token": "session",
        "s3.session-token-expires-at-ms": expires_at_ms.to_string()
    }})
}

fn table() -> TableName {
    name("db", "t")
}

#[tokio::test]
async fn vended_credentials_sign_requests_to_the_store_and_are_renewed() {
    let store = HttpServer::start(|_| {
        Response::Full(
            200,
            vec![
                ("ETag".to_owned(), "\"1\"".to_owned()),
                ("Last-Modified".to_owned(), "Wed, 21 Oct 2015 07:28:00 GMT".to_owned()),
            ],
            b"content".to_vec(),
        )
    })
    .await;
    let endpoint = store.uri.clone();
    let rest = HttpServer::start(move |request| match request.target.as_str() {
        "/v1/config" => {
            let endpoints = ["GET /v1/{prefix}/namespaces/{namespace}/tables/{table}/credentials"];
            Response::json(200, &json!({"endpoints": endpoints}))
        }
        // They have ended already, so they are asked for again before they are used.
        "/v1/namespaces/db/tables/t" => Response::json(200, &table_with_credentials(&endpoint, "FIRST", 1)),
        "/v1/namespaces/db/tables/t/credentials" => {
            Response::json(200, &json!({"storage-credentials": [credential("SECOND", i64::MAX)]}))
        }
        _ => Response::error(404, "NoSuchTableException", "no"),
    })
    .await;
    let catalog = open_at(settings(&rest.uri, &[]), Arc::new(SystemClock)).await;
    let table = catalog.table_source(table()).load().await.unwrap();
    for _ in 0..3 {
        assert_eq!(table.storage().read("s3://bucket/t/data.bin").await.unwrap(), "content");
    }
    let asked = store.requests();
    let last = asked.last().unwrap();
    assert_eq!(last.target, "/bucket/t/data.bin");
    assert!(last.header("Authorization").unwrap().contains("Credential=SECOND/"), "{last:?}");
    assert_eq!(last.header("X-Amz-Security-Token"), Some("session"));
    let n_renewals = rest.requests().iter().filter(|request| request.target.ends_with("/credentials")).count();
    assert_eq!(n_renewals, 1);
}

#[tokio::test]
async fn a_catalog_that_wants_to_sign_requests_is_refused_by_name() {
    let rest = HttpServer::start(|request| match request.target.as_str() {
        "/v1/config" => Response::json(200, &json!({})),
        _ => {
            let mut answer = table_with_credentials("http://127.0.0.1:1", "k", 1);
            answer["config"]["s3.remote-signing-enabled"] = json!("true");
            answer.as_object_mut().unwrap().remove("storage-credentials");
            Response::json(200, &answer)
        }
    })
    .await;
    let catalog = open_at(settings(&rest.uri, &[]), Arc::new(SystemClock)).await;
    let error = catalog.table_source(table()).load().await.unwrap_err().to_string();
    assert!(error.contains("s3.remote-signing-enabled") && error.contains("vend credentials"), "{error}");
}

#[tokio::test]
async fn a_view_is_told_from_a_missing_table() {
    let rest = FakeRest::with(|request, response| {
        if request.target == "/v1/ws/namespaces/db/views/report" { Response::json(200, &json!({})) } else { response }
    })
    .await;
    make(&rest, &name("db", "orders")).await;
    let error = open(&rest).await.table_source(name("db", "report")).load().await.unwrap_err().to_string();
    assert!(error.contains("`db.report` is a view"), "{error}");
}

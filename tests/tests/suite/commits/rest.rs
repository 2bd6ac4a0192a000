//! What is made of a REST catalog's answers to a commit, each of which is asked for once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use frazil_table::catalog::{Catalog, CatalogConfig, CatalogKind, TableName, open_catalog};
use frazil_table::commit::PendingCommit;
use frazil_table::commit::target::{CommitTarget, SwapAnswer};
use frazil_table::storage::Storage;
use frazil_table::{SystemClock, TableError};
use rstest::rstest;
use serde_json::{Value, json};

use super::contract::{new_table, properties, snapshot, unmoved};
use crate::catalogs::http_server::{HttpServer, Request, Response};

/// A catalog with one table, which makes every commit that it is sent, and answers as it is told.
struct Server {
    http: HttpServer,
    metadata: Arc<Mutex<Value>>,
}

impl Server {
    async fn start(answer: impl Fn() -> Response + Send + Sync + 'static) -> Self {
        let metadata = Arc::new(Mutex::new(json!({
            "format-version": 2, "table-uuid": "9c12d441-03fe-4693-9a96-a0705ddf69c1", "location": "memory://t",
            "last-sequence-number": 0, "last-updated-ms": 1_600_000_000_000_i64, "last-column-id": 1,
            "current-schema-id": 0, "schemas": [{"type": "struct", "schema-id": 0,
                "fields": [{"id": 1, "name": "id", "required": true, "type": "long"}]}],
            "default-spec-id": 0, "partition-specs": [{"spec-id": 0, "fields": []}], "last-partition-id": 999,
            "default-sort-order-id": 0, "sort-orders": [{"order-id": 0, "fields": []}], "properties": {}})));
        let (kept, n_commits) = (metadata.clone(), AtomicUsize::new(0));
        let http = HttpServer::start(move |request: &Request| {
            if request.target == "/v1/config" {
                return Response::json(200, &json!({"defaults": {}, "overrides": {"prefix": "ws"}}));
            }
            if request.target.contains("/views/") {
                return Response::error(404, "NoSuchViewException", "no");
            }
            let mut metadata = kept.lock().unwrap();
            if request.method == "POST" {
                let body: Value = serde_json::from_str(&request.body).unwrap();
                if request.target.ends_with("/t") {
                    metadata["properties"]["commit"] = body["updates"][0]["updates"]["commit"].clone();
                    n_commits.fetch_add(1, Ordering::Relaxed);
                }
                return answer();
            }
            let location = format!("memory://t/metadata/{}.json", n_commits.load(Ordering::Relaxed));
            Response::json(200, &json!({"metadata-location": location, "metadata": *metadata, "config": {}}))
        });
        Self { http: http.await, metadata }
    }

    async fn catalog(&self, more: &[(&str, &str)]) -> Arc<dyn Catalog> {
        catalog_at(&self.http.uri, more).await
    }

    fn posts(&self) -> Vec<Request> {
        self.http.requests().into_iter().filter(|request| request.method == "POST").collect()
    }
}

async fn catalog_at(uri: &str, more: &[(&str, &str)]) -> Arc<dyn Catalog> {
    let settings = [("uri", uri), ("request-timeout", "400ms")].into_iter().chain(more.iter().copied());
    let properties = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let config = CatalogConfig { name: "prod".to_owned(), kind: CatalogKind::Rest, properties };
    open_catalog(config, &Storage::local(), Arc::new(SystemClock)).await.unwrap()
}

fn table() -> TableName {
    TableName { namespace: vec!["a".to_owned(), "b".to_owned()], table: "t".to_owned() }
}

async fn target(catalog: Arc<dyn Catalog>) -> Arc<dyn CommitTarget> {
    catalog.table_source(table()).commit_target().await.unwrap()
}

/// What is made of an answer: `S`wapped, `R`efused, `F`ailed, `U`nknown; and the state afterwards.
async fn outcome(answer: impl Fn() -> Response + Send + Sync + 'static) -> (SwapAnswer, usize, bool) {
    let server = Server::start(answer).await;
    let target = target(server.catalog(&[]).await).await;
    let base = target.load().await.unwrap();
    let answer = target.swap(&base, &[properties(&[("commit", "c1")])], &unmoved(&base)).await;
    let now = target.load().await.unwrap();
    let is_made = now.table.metadata().properties().get("commit").is_some_and(|id| id == "c1");
    (answer, server.posts().len(), is_made)
}

fn html(status: u16) -> Response {
    Response::Full(status, vec![("Content-Type".to_owned(), "text/html".to_owned())], b"<html>".to_vec())
}

#[rstest]
#[case::closes(|| Response::Close)]
#[case::hangs(|| Response::Hang)]
#[case::no_http(|| Response::Raw(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()))]
#[case::half_a_head(|| Response::Raw(b"HTTP/1.1 200 OK\r\nContent-".to_vec()))]
#[case::unknown(|| Response::error(500, "CommitStateUnknownException", "who knows"))]
#[case::gateway(|| html(502))]
#[case::busy(|| Response::error(503, "SlowDownException", "later"))]
#[case::gateway_timeout(|| Response::error(504, "CommitStateUnknownException", "too late"))]
#[case::request_timeout(|| html(408))]
#[case::login_page(|| html(200))]
#[case::accepted(|| Response::json(202, &json!({})))]
#[tokio::test]
async fn without_a_definite_answer_the_outcome_is_unknown(#[case] answer: fn() -> Response) {
    let (answer, n_posts, is_made) = outcome(answer).await;
    match answer {
        SwapAnswer::Unknown(error) => assert!(!error.to_string().contains('\n'), "{error}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(n_posts, 1, "it is sent once");
    assert!(is_made, "the state shows what became of it");
}

#[rstest]
#[case::whole(|| Response::json(200, &json!({"metadata-location": "x", "metadata": {}})))]
#[case::nothing(|| Response::Full(204, Vec::new(), Vec::new()))]
#[case::broken_json(|| Response::Raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9000\r\n\r\n{\"me".to_vec()))]
#[case::endless(|| Response::Endless)]
#[tokio::test]
async fn a_commit_is_made_once_the_server_says_so(#[case] answer: fn() -> Response) {
    let (answer, n_posts, is_made) = outcome(answer).await;
    assert!(matches!(answer, SwapAnswer::Swapped) && n_posts == 1 && is_made, "{answer:?} {n_posts}");
}

#[tokio::test]
async fn a_conflict_is_a_refusal() {
    let conflict = || Response::error(409, "CommitFailedException", "branch main has changed");
    match outcome(conflict).await {
        (SwapAnswer::Refused { reason }, 1, _) => assert_eq!(reason, "branch main has changed"),
        other => panic!("{other:?}"),
    }
}

#[rstest]
#[case::bad_request(400, "ValidationException", "CATALOG_REFUSED")]
#[case::unauthorized(401, "NotAuthorizedException", "CATALOG_REFUSED")]
#[case::forbidden(403, "ForbiddenException", "CATALOG_REFUSED")]
#[case::not_found(404, "NoSuchTableException", "TABLE_NOT_FOUND")]
#[case::unprocessable(422, "UnprocessableEntityException", "CATALOG_REFUSED")]
#[case::too_many(429, "TooManyRequestsException", "CATALOG_UNAVAILABLE")]
#[tokio::test]
async fn other_refusals_are_failures(#[case] status: u16, #[case] kind: &'static str, #[case] code: &str) {
    match outcome(move || Response::error(status, kind, "no")).await {
        (SwapAnswer::Failed(error), 1, _) => {
            assert_eq!(error.code(), code, "{error}");
            assert!(!error.to_string().contains('\n'), "{error}");
        }
        other => panic!("{other:?}"),
    }
}

#[rstest]
#[case(302)]
#[case(307)]
#[tokio::test]
async fn a_redirect_is_not_followed(#[case] status: u16) {
    let redirect = move || Response::Full(status, vec![("Location".to_owned(), "/v1/config".to_owned())], Vec::new());
    match outcome(redirect).await {
        (SwapAnswer::Failed(error), 1, _) => {
            assert!(error.to_string().contains("redirects to `/v1/config`"), "{error}")
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_connection_that_is_never_made_is_a_failure() {
    let server = Server::start(|| Response::Close).await;
    let base = target(server.catalog(&[]).await).await.load().await.unwrap();
    // A port on which nobody listens.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let target = target(catalog_at(&uri, &[("max-retries", "0")]).await).await;
    let answer = target.swap(&base, &[properties(&[("commit", "c1")])], &[]).await;
    assert!(matches!(answer, SwapAnswer::Failed(TableError::Catalog { .. })), "{answer:?}");
}

#[tokio::test]
async fn a_commit_is_sent_as_the_protocol_has_it() {
    let server = Server::start(|| Response::json(200, &json!({}))).await;
    let target = target(server.catalog(&[("token", "geheim")]).await).await;
    assert_eq!(target.lock_name(), "prod.a.b.t");
    let base = target.load().await.unwrap();
    assert!(base.document.contains_key("table-uuid"));
    let answer = target.swap(&base, &snapshot(&base, 7), &unmoved(&base)).await;
    assert!(matches!(answer, SwapAnswer::Swapped), "{answer:?}");
    let post = server.posts().remove(0);
    assert_eq!(post.target, "/v1/ws/namespaces/a%1Fb/tables/t");
    assert_eq!(post.header("authorization"), Some("Bearer geheim"));
    let body: Value = serde_json::from_str(&post.body).unwrap();
    assert_eq!(body["identifier"], json!({"namespace": ["a", "b"], "name": "t"}));
    assert_eq!(
        body["requirements"],
        json!([
            {"type": "assert-table-uuid", "uuid": "9c12d441-03fe-4693-9a96-a0705ddf69c1"},
            {"type": "assert-ref-snapshot-id", "ref": "main", "snapshot-id": null}
        ])
    );
    assert_eq!(body["updates"][0]["action"], "add-snapshot");
    assert_eq!(body["updates"][0]["snapshot"]["snapshot-id"], 7);
    assert_eq!(
        body["updates"][1],
        json!({"action": "set-snapshot-ref", "ref-name": "main", "snapshot-id": 7, "type": "branch"})
    );
}

#[tokio::test]
async fn a_commit_of_properties_does_not_supersede_one_of_a_branch() {
    let server = Server::start(|| Response::json(200, &json!({}))).await;
    let target = target(server.catalog(&[]).await).await;
    let base = target.load().await.unwrap();
    assert!(matches!(target.swap(&base, &[properties(&[("commit", "1")])], &[]).await, SwapAnswer::Swapped));
    let now = target.load().await.unwrap();
    assert_ne!(base.table.metadata_location(), now.table.metadata_location());
    assert!(!target.is_superseded(&PendingCommit::new(&base, "main", "x"), &now));
    {
        let mut metadata = server.metadata.lock().unwrap();
        let mut head = json!({"snapshot-id": 3, "sequence-number": 1, "timestamp-ms": 1_600_000_000_000_i64});
        head["manifest-list"] = "memory://t/s".into();
        head["summary"] = json!({"operation": "append"});
        metadata["last-sequence-number"] = 1.into();
        metadata["snapshots"] = json!([head]);
        metadata["current-snapshot-id"] = 3.into();
        metadata["refs"] = json!({"main": {"snapshot-id": 3, "type": "branch"}});
    }
    assert!(target.is_superseded(&PendingCommit::new(&base, "main", "x"), &target.load().await.unwrap()));
    assert!(!target.is_superseded(&PendingCommit::new(&base, "audit", "x"), &target.load().await.unwrap()));
}

#[rstest]
#[case(409, "AlreadyExistsException", "already")]
#[case(404, "NoSuchNamespaceException", "no namespace `a.b`")]
#[case(403, "ForbiddenException", "403")]
#[case(500, "RuntimeException", "500")]
#[tokio::test]
async fn a_table_that_is_not_made_says_why(#[case] status: u16, #[case] kind: &'static str, #[case] expected: &str) {
    let server = Server::start(move || Response::error(status, kind, "no")).await;
    let error = server.catalog(&[]).await.create_table(&table(), new_table(2)).await.unwrap_err();
    assert!(error.to_string().contains(expected), "{error}");
    assert_eq!(server.posts().len(), 1);
}

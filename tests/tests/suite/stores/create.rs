//! Files that are created only where there is none: what is made of a store's answers, each asked for once.

use bytes::Bytes;
use frazil_table::storage::{CreateAnswer, Storage};
use frazil_testkit::http_server::{Ending, HttpServer, Request, Response};
use rstest::rstest;

fn s3(server: &HttpServer, more: &[(&str, &str)]) -> Storage {
    let endpoint = server.url();
    let settings = [
        ("s3.endpoint", endpoint.as_str()),
        ("s3.region", "us-east-1"),
        ("s3.access-key-id", "k"),
        ("s3.secret-access-key", "s"),
        ("storage.request-timeout", "400ms"),
    ];
    let all = settings.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Storage::local().with_properties(all.collect())
}

fn error(status: u16, code: &str) -> Response {
    Response::new(status, format!("<Error><Code>{code}</Code><Message>m</Message></Error>"))
}

/// The answer, and the requests that were sent.
async fn created(answer: impl Fn() -> Response + Send + Sync + 'static) -> (CreateAnswer, Vec<Request>) {
    let server = HttpServer::start(move |_| answer()).await;
    let answer = s3(&server, &[]).create_new("s3://bucket/v2", Bytes::from_static(b"content")).await;
    (answer, server.requests())
}

#[tokio::test]
async fn the_condition_is_sent_with_the_content() {
    let (answer, requests) = created(|| Response::new(200, "").header("etag", "\"1\"")).await;
    assert!(matches!(answer, CreateAnswer::Created), "{answer:?}");
    assert_eq!((requests.len(), requests[0].method.as_str()), (1, "PUT"));
    assert_eq!((requests[0].header("if-none-match"), requests[0].body.as_slice()), ("*", b"content".as_slice()));
}

#[rstest]
#[case::precondition(|| error(412, "PreconditionFailed"))]
#[case::another_at_the_same_time(|| error(409, "ConditionalRequestConflict"))]
#[tokio::test]
async fn a_condition_that_does_not_hold_is_told_once(#[case] answer: fn() -> Response) {
    let (answer, requests) = created(answer).await;
    assert!(matches!(answer, CreateAnswer::Exists) && requests.len() == 1, "{answer:?} {requests:?}");
}

#[rstest]
#[case::no_right(|| error(403, "AccessDenied"))]
#[case::no_bucket(|| error(404, "NoSuchBucket"))]
#[case::no_such_header(|| error(400, "InvalidRequest"))]
#[tokio::test]
async fn a_refusal_is_definite(#[case] answer: fn() -> Response) {
    let (answer, requests) = created(answer).await;
    assert!(matches!(answer, CreateAnswer::Failed(_)) && requests.len() == 1, "{answer:?} {requests:?}");
}

#[rstest]
#[case::internal(|| error(500, "InternalError"))]
#[case::busy(|| error(503, "SlowDown"))]
#[case::too_late(|| error(504, "GatewayTimeout"))]
#[case::closed(|| Response::new(200, "").ending(Ending::Dropped))]
#[case::silent(|| Response::new(200, "").ending(Ending::Silent))]
#[tokio::test]
async fn all_else_is_unknown_and_not_repeated(#[case] answer: fn() -> Response) {
    let (answer, requests) = created(answer).await;
    match answer {
        CreateAnswer::Unknown(error) => assert!(!error.to_string().contains('\n'), "{error}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(requests.len(), 1);
}

#[tokio::test]
async fn a_store_that_is_not_there_has_created_nothing() {
    let server = HttpServer::start(|_| Response::new(200, "")).await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let answer = s3(&server, &[("s3.endpoint", &nobody)]).create_new("s3://bucket/v2", Bytes::new()).await;
    assert!(matches!(answer, CreateAnswer::Failed(_)), "{answer:?}");
}

#[tokio::test]
async fn under_a_lock_the_file_is_looked_for_first() {
    let server = HttpServer::start(|request| match request.method.as_str() {
        "HEAD" if request.path.ends_with("/there") => {
            Response::new(200, "").header("last-modified", "Wed, 21 Oct 2015 07:28:00 GMT").header("etag", "\"1\"")
        }
        "HEAD" => error(404, "NoSuchKey"),
        _ => Response::new(200, "").header("etag", "\"1\""),
    })
    .await;
    let storage = s3(&server, &[("storage.written-under-lock", "true")]);
    let answer = storage.create_new("s3://bucket/there", Bytes::from_static(b"x")).await;
    assert!(matches!(answer, CreateAnswer::Exists), "{answer:?}");
    let answer = storage.create_new("s3://bucket/new", Bytes::from_static(b"x")).await;
    assert!(matches!(answer, CreateAnswer::Created), "{answer:?}");
    let methods: Vec<String> = server.requests().into_iter().map(|request| request.method).collect();
    assert_eq!(methods, ["HEAD", "HEAD", "PUT"]);
}

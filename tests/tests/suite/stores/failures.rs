//! How stores behind a network fail: one line with cause and remedy, within the time that is allowed, after as many
//! requests as are allowed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use frazil_table::storage::{Storage, StoreLimits};
use frazil_table::{Advice, TableError};
use frazil_testkit::FakeS3;
use frazil_testkit::fake_s3::s3_error;
use frazil_testkit::http_server::{Ending, HttpServer, Response};
use rstest::rstest;

const SECRETS: &[&str] = &["test-secret", "hush"];

/// Quick ones, so that tests do not wait.
const LIMITS: StoreLimits = StoreLimits {
    connect_time_max: Duration::from_millis(500),
    request_time_max: Duration::from_millis(300),
    n_retries_max: 2,
    retry_time_max: Duration::from_millis(600),
};

fn properties(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    entries.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn storage(server: &FakeS3, changes: &[(&str, &str)]) -> Storage {
    let mut all = server.properties();
    all.extend(properties(changes));
    Storage::local().with_properties(all).with_store_limits(LIMITS)
}

/// The error's line, as the command line shows it: everything is on one line, and no secret on it.
fn line(error: &TableError) -> String {
    let mut text = error.to_string();
    if let Some(source) = std::error::Error::source(error) {
        text = format!("{text}: {source}");
    }
    assert!(!text.contains('\n') && text.len() < 700, "{text}");
    assert!(SECRETS.iter().all(|secret| !text.contains(secret)), "{text}");
    assert!(text.contains("; "), "no remedy: {text}");
    text
}

#[rstest]
#[case(403, "AccessDenied", "Access Denied", &["HTTP 403 AccessDenied", "s3:GetObject"])]
#[case(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist", &["check s3.access-key-id"])]
#[case(403, "SignatureDoesNotMatch", "The request signature", &["check s3.secret-access-key"])]
#[case(400, "ExpiredToken", "The provided token has expired.", &["ExpiredToken", "s3.session-token"])]
#[case(403, "RequestTimeTooSkewed", "The difference is too large", &["this machine's clock differs"])]
#[case(404, "NoSuchBucket", "The specified bucket does not exist", &["`bucket` does not exist", "s3.endpoint"])]
#[case(400, "AuthorizationHeaderMalformed", "the region 'x' is wrong", &["another region: set s3.region"])]
#[case(301, "PermanentRedirect", "use another endpoint", &["another region: set s3.region"])]
#[case(405, "MethodNotAllowed", "Not allowed", &["HTTP 405 MethodNotAllowed"])]
#[tokio::test]
async fn a_refusal_is_final_and_says_what_to_do(
    #[case] status: u16,
    #[case] code: &'static str,
    #[case] message: &'static str,
    #[case] texts: &[&str],
) {
    let server = FakeS3::start("bucket").await;
    server.set_fault(move |_| Some(s3_error(status, code, message)));
    let storage = storage(&server, &[]);
    for (index, error) in [
        storage.read("s3://bucket/x").await.unwrap_err(),
        storage.read_ranges("s3://bucket/x", &[0..10]).await.unwrap_err(),
        storage.list("s3://bucket/x").await.unwrap_err(),
    ]
    .iter()
    .enumerate()
    {
        assert!(matches!(error, TableError::StorageRefused { .. }), "{index}: {error:?}");
        assert_eq!(error.advice(), Advice::FixRequest);
        let line = line(error);
        assert!(texts.iter().all(|text| line.contains(text)), "{index}: {line}");
    }
    assert_eq!(server.server().n_requests(), 3, "one for each");
}

#[tokio::test]
async fn the_bucket_s_region_is_told_where_the_answer_has_it() {
    let server = FakeS3::start("bucket").await;
    server.set_fault(|_| Some(Response::new(301, "").header("x-amz-bucket-region", "eu-north-1")));
    let error = storage(&server, &[]).size("s3://bucket/x").await.unwrap_err();
    assert!(line(&error).contains("is in region `eu-north-1`: set s3.region"), "{error}");
    assert_eq!(server.server().n_requests(), 1);
}

#[tokio::test]
async fn the_difference_of_the_clocks_is_told() {
    let server = FakeS3::start("bucket").await;
    server.set_fault(|_| {
        Some(Response::new(
            403,
            "<Error><Code>RequestTimeTooSkewed</Code><Message>too large</Message>\
             <RequestTime>20261125T130000Z</RequestTime><ServerTime>2026-11-25T12:00:00Z</ServerTime></Error>",
        ))
    });
    let error = storage(&server, &[]).read("s3://bucket/x").await.unwrap_err();
    assert!(line(&error).contains("clock is 3600 s ahead"), "{error}");
}

#[tokio::test]
async fn wrong_keys_are_refused_once() {
    let server = FakeS3::start("bucket").await;
    server.set_access_key("another");
    let error = storage(&server, &[]).read("s3://bucket/x").await.unwrap_err();
    assert!(line(&error).contains("check s3.access-key-id"), "{error}");
    let error = storage(&server, &[("s3.anonymous", "true")]).read("s3://bucket/x").await.unwrap_err();
    assert!(matches!(error, TableError::StorageRefused { .. }), "{error:?}");
    assert_eq!(server.server().n_requests(), 2);
    assert_eq!(server.server().requests()[1].header("authorization"), "");
}

#[tokio::test]
async fn one_file_that_is_refused_does_not_concern_the_others() {
    let server = FakeS3::start("bucket").await;
    server.put("a", "aaaa");
    server.put("b", "bbbb");
    server.set_fault(|request| request.path.ends_with("/b").then(|| s3_error(403, "AccessDenied", "Access Denied")));
    let storage = storage(&server, &[]);
    assert_eq!(storage.read("s3://bucket/a").await.unwrap(), "aaaa");
    let error = storage.read("s3://bucket/b").await.unwrap_err();
    assert!(line(&error).contains("path=`s3://bucket/b`"), "{error}");
    assert_eq!(storage.read("s3://bucket/a").await.unwrap(), "aaaa");
    assert_eq!(server.server().n_requests(), 3);
}

#[tokio::test]
async fn a_server_s_fault_is_tried_again_as_often_as_allowed() {
    let server = FakeS3::start("bucket").await;
    server.set_fault(|_| Some(s3_error(503, "SlowDown", "Please reduce your request rate.")));
    let error = storage(&server, &[]).read("s3://bucket/x").await.unwrap_err();
    assert_eq!((error.advice(), error.code()), (Advice::RetryLater, "STORAGE_UNAVAILABLE"));
    assert!(line(&error).contains("HTTP 503 SlowDown"), "{error}");
    assert_eq!(server.server().n_requests(), 3);
    server.server().forget_requests();
    let error = storage(&server, &[("storage.max-retries", "0")]).read("s3://bucket/x").await.unwrap_err();
    assert_eq!((error.advice(), server.server().n_requests()), (Advice::RetryLater, 1));
}

#[tokio::test]
async fn a_server_that_recovers_is_read() {
    let server = FakeS3::start("bucket").await;
    server.put("x", "here");
    let n_failed = std::sync::atomic::AtomicUsize::new(0);
    server.set_fault(move |_| {
        let n = n_failed.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        (n < 2).then(|| Response::new(500, "").ending(if n == 0 { Ending::Dropped } else { Ending::Whole }))
    });
    assert_eq!(storage(&server, &[]).read("s3://bucket/x").await.unwrap(), "here");
    assert_eq!(server.server().n_requests(), 3);
}

#[rstest]
#[case::drops(Response::new(200, "").ending(Ending::Dropped), 3)]
#[case::never_answers(Response::new(200, "").ending(Ending::Silent), 3)]
#[tokio::test]
async fn a_server_that_does_not_answer_is_given_up_in_time(#[case] response: Response, #[case] n_requests_max: usize) {
    let server = FakeS3::start("bucket").await;
    server.set_fault(move |_| Some(response.clone()));
    let started = Instant::now();
    let error = storage(&server, &[]).read("s3://bucket/x").await.unwrap_err();
    assert!(started.elapsed() < LIMITS.retry_time_max + LIMITS.request_time_max + Duration::from_secs(3));
    assert_eq!(error.advice(), Advice::RetryLater, "{error:?}");
    let line = line(&error);
    assert!(line.contains(&server.server().url()) && line.contains("check s3.endpoint"), "{line}");
    assert!((1..=n_requests_max).contains(&server.server().n_requests()), "{}", server.server().n_requests());
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_gone_on_with() {
    let server = FakeS3::start("bucket").await;
    let content: Vec<u8> = (0..100_000_u32).map(|index| u8::try_from(index % 251).unwrap()).collect();
    server.put("x", content.clone());
    let is_first = std::sync::atomic::AtomicBool::new(true);
    let body = content.clone();
    server.set_fault(move |_| {
        is_first.swap(false, std::sync::atomic::Ordering::SeqCst).then(|| {
            Response::new(200, body.clone())
                .header("etag", "\"100000\"")
                .header("last-modified", "Wed, 25 Nov 2026 00:00:00 GMT")
                .ending(Ending::Cut(60_000))
        })
    });
    assert_eq!(storage(&server, &[]).read("s3://bucket/x").await.unwrap(), content);
    assert_eq!(server.server().n_requests(), 2);
    assert!(server.server().requests()[1].header("range").starts_with("bytes=60000-"));
}

#[tokio::test]
async fn a_closed_port_is_named_with_its_endpoint() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let all =
        properties(&[("s3.endpoint", &endpoint), ("s3.access-key-id", "k"), ("s3.secret-access-key", "test-secret")]);
    let storage = Storage::local().with_properties(all).with_store_limits(LIMITS);
    let error = storage.read("s3://bucket/x").await.unwrap_err();
    let line = line(&error);
    assert!(line.contains(&endpoint) && line.contains("refused") && line.contains("check s3.endpoint"), "{line}");
    assert_eq!(error.advice(), Advice::RetryLater);
}

#[rstest]
#[case(200)]
#[case(404)]
#[case(403)]
#[tokio::test]
async fn a_web_page_is_no_store(#[case] status: u16) {
    let server = HttpServer::start(move |_| {
        Response::new(status, "<!DOCTYPE html>\n<html><body>Welcome</body></html>").header("content-type", "text/html")
    })
    .await;
    let all = properties(&[
        ("s3.endpoint", &server.url()),
        ("s3.access-key-id", "k"),
        ("s3.secret-access-key", "test-secret"),
    ]);
    let storage = Storage::local().with_properties(all).with_store_limits(LIMITS);
    for error in
        [storage.read("s3://bucket/x").await.unwrap_err(), storage.read_suffix("s3://bucket/x", 10).await.unwrap_err()]
    {
        assert!(!matches!(error, TableError::FileMissing { .. }), "{error:?}");
        assert!(line(&error).contains("is no S3 server: check s3.endpoint"), "{error:?}");
    }
    assert!(server.n_requests() <= 4, "{}", server.n_requests());
}

#[tokio::test]
async fn a_plain_server_behind_https_is_a_matter_of_tls_and_not_tried_again() {
    let server = FakeS3::start("bucket").await;
    let endpoint = server.server().url().replace("http://", "https://");
    let storage = storage(&server, &[("s3.endpoint", &endpoint)]);
    let error = storage.read("s3://bucket/x").await.unwrap_err();
    assert!(matches!(error, TableError::StorageRefused { .. }), "{error:?}");
    assert!(line(&error).contains("no TLS connection") && line(&error).contains("storage.ca-bundle"), "{error:?}");
}

#[rstest]
#[case("s3.endpoint", "127.0.0.1:9000")]
#[case("s3.endpoint", "http://host:99999")]
#[case("s3.region", "eu west")]
#[case("s3.region", "evil.example/")]
#[case("s3.access-key-id", "key\nkey")]
#[case("s3.session-token", "to ken")]
#[case("s3.anonymous", "yes")]
#[case("storage.request-timeout", "soon")]
#[case("storage.ca-bundle", "/no/such/file")]
#[case("s3.signer", "S3V4RestSigner")]
#[tokio::test]
async fn a_property_that_cannot_be_is_named_before_anything_is_sent(#[case] name: &str, #[case] value: &str) {
    let server = FakeS3::start("bucket").await;
    let error = storage(&server, &[(name, value)]).read("s3://bucket/x").await.unwrap_err();
    assert!(matches!(error, TableError::InvalidRequest { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains(name) || text.contains("is no name of a region"), "{text}");
    assert!(!text.contains('\n'), "{text}");
    assert_eq!(server.server().n_requests(), 0);
}

#[rstest]
#[case("s3://my bucket/x")]
#[case("s3://bucket?x/y")]
#[case("s3://bücket/x")]
#[case("s3:///x")]
#[case("s3:x")]
#[case("gs://a b/x")]
#[case("abfss://a b@c.dfs.core.windows.net/x")]
#[case("s3://bucket//x//y")]
#[tokio::test]
async fn a_path_that_no_store_can_have_is_refused_before_anything_is_sent(#[case] path: &str) {
    let server = FakeS3::start("bucket").await;
    let error =
        storage(&server, &[("adls.account-key", "aGk="), ("gcs.oauth2.token", "t")]).read(path).await.unwrap_err();
    assert_eq!(error.advice(), Advice::FixRequest, "{error:?}");
    assert!(!error.to_string().contains('\n'));
    assert_eq!(server.server().n_requests(), 0);
}

#[tokio::test]
async fn half_a_pair_of_keys_is_refused() {
    let all = properties(&[("s3.endpoint", "http://127.0.0.1:1"), ("s3.access-key-id", "k")]);
    let error = Storage::local().with_properties(all).read("s3://bucket/x").await.unwrap_err();
    assert!(error.to_string().contains("`s3.secret-access-key` is not; set both"), "{error}");
}

#[tokio::test]
async fn without_credentials_the_machine_s_are_asked_for_once() {
    let metadata = HttpServer::start(|_| Response::new(404, "")).await;
    let server = FakeS3::start("bucket").await;
    let all = properties(&[("s3.endpoint", &server.server().url()), ("s3.metadata-endpoint", &metadata.url())]);
    let storage = Storage::local().with_properties(all).with_store_limits(LIMITS);
    let error = storage.read("s3://bucket/x").await.unwrap_err();
    assert!(matches!(error, TableError::StorageRefused { .. }), "{error:?}");
    assert!(line(&error).contains("no credentials") && line(&error).contains("AWS_ACCESS_KEY_ID"), "{error:?}");
    assert_eq!((metadata.n_requests(), server.server().n_requests()), (1, 0));
}

#[tokio::test]
async fn the_machine_s_credentials_are_used_until_they_end() {
    let metadata = HttpServer::start(|request| match request.path.as_str() {
        "/latest/api/token" => Response::new(200, "imds-token"),
        path if path.ends_with("/security-credentials/") => Response::new(200, "role"),
        _ => Response::new(
            200,
            r#"{"AccessKeyId": "machine-key", "SecretAccessKey": "hush", "Token": "hush-token", "Expiration": "2126-01-01T00:00:00Z"}"#,
        ),
    })
    .await;
    let server = FakeS3::start("bucket").await;
    server.set_access_key("machine-key");
    server.put("x", "here");
    let all = properties(&[("s3.endpoint", &server.server().url()), ("s3.metadata-endpoint", &metadata.url())]);
    let storage = Storage::local().with_properties(all).with_store_limits(LIMITS);
    for _ in 0..3 {
        assert_eq!(storage.read("s3://bucket/x").await.unwrap(), "here");
    }
    assert_eq!((metadata.n_requests(), server.server().n_requests()), (3, 3));
    assert_eq!(server.server().requests()[0].header("x-amz-security-token"), "hush-token");
}

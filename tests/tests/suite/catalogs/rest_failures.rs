//! How a REST catalog fails: one line with the cause and the remedy, in time, after few requests.

use std::sync::Arc;
use std::time::{Duration, Instant};

use frazil_table::catalog::{CatalogConfig, CatalogKind};
use frazil_table::{Clock, SystemClock, TableError};
use rstest::rstest;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, crypto::ring::default_provider};

use super::config;
use super::contract::name;
use super::http_server::{HttpServer, Response, serve};
use super::rest::{StandingClock, open_at};

const CERTIFICATE: &[u8] = include_bytes!("tls/certificate.pem");
const KEY: &[u8] = include_bytes!("tls/key.pem");

fn settings(uri: &str, more: &[(&str, &str)]) -> CatalogConfig {
    let mut properties = vec![("uri", uri), ("request-timeout", "400ms"), ("total-timeout", "3s")];
    properties.extend(more);
    config(CatalogKind::Rest, &properties)
}

/// The error of a look at the catalog, with what holds for all of them.
async fn failure(config: CatalogConfig, clock: Arc<dyn Clock>) -> TableError {
    let begun = Instant::now();
    let error = match frazil_table::catalog::open_catalog(config, &frazil_table::storage::Storage::local(), clock).await
    {
        Ok(catalog) => catalog.list_namespaces(&[]).await.unwrap_err(),
        Err(error) => error,
    };
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    let line = error.to_string();
    assert!(!line.contains('\n') && line.len() < 2_000, "{line}");
    assert!(!line.contains("geheim"), "a secret is shown: {line}");
    error
}

/// What it says, and how often the server was asked.
async fn against(respond: impl Fn() -> Response + Send + Sync + 'static, more: &[(&str, &str)]) -> (TableError, usize) {
    let server = HttpServer::start(move |_| respond()).await;
    let error = failure(settings(&server.uri, more), Arc::new(StandingClock::default())).await;
    (error, server.n_requests())
}

fn html() -> Response {
    let headers = vec![("Content-Type".to_owned(), "text/html".to_owned())];
    Response::Full(200, headers, b"<html>Welcome to nginx!</html>".to_vec())
}

#[rstest]
#[case::html(html, "no JSON object; check `uri`", 1)]
#[case::json_list(|| Response::json(200, &json!([])), "no JSON object", 1)]
#[case::no_such_page(|| Response::Full(404, Vec::new(), b"<html>".to_vec()), "status 404; check `uri`", 1)]
#[case::forbidden(|| Response::error(403, "ForbiddenException", "no right"), "(403): no right; ask for the right", 1)]
#[case::unauthorized(|| Response::error(401, "NotAuthorizedException", "who?"), "(401): who?; check `token`", 1)]
#[case::server_error(|| Response::error(500, "RuntimeException", "boom\n at x.y"), "(500): boom at x.y; look into", 1)]
#[case::gateway(|| Response::Full(502, Vec::new(), Vec::new()), "failed (502)", 4)]
#[case::busy(|| Response::error(503, "SlowDownException", "later"), "patience (503): later; try again later", 4)]
#[case::closes(|| Response::Close, "the connection to", 4)]
#[case::no_http(|| Response::Raw(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()), "broke", 4)]
#[case::hangs(|| Response::Hang, "within 400ms; check the server, or allow more with `request-timeout`", 1)]
#[case::endless(|| Response::Endless, "; ", 1)]
#[case::redirects(|| Response::Full(302, vec![("Location".to_owned(), "/again".to_owned())], Vec::new()), "redirects without end", 11)]
#[tokio::test]
async fn a_server_that_fails_is_told_with_the_remedy(
    #[case] respond: fn() -> Response,
    #[case] expected: &str,
    #[case] n_requests_max: usize,
) {
    let (error, n_requests) = against(respond, &[("token", "geheim")]).await;
    let line = error.to_string();
    assert!(line.contains(expected) && line.contains("test"), "{line}");
    assert_eq!(n_requests, n_requests_max, "{line}");
}

#[tokio::test]
async fn pauses_grow_and_a_server_that_asks_for_more_than_there_is_ends_them() {
    let clock = Arc::new(StandingClock::default());
    let server = HttpServer::start(|_| Response::error(429, "TooMany", "slow").with_header("Retry-After", "1")).await;
    failure(settings(&server.uri, &[]), Arc::clone(&clock) as Arc<dyn Clock>).await;
    let slept = clock.slept.lock().unwrap().clone();
    assert_eq!(slept, [Duration::from_secs(1); 2], "the third would end after the limit of 3 s");
    let server = HttpServer::start(|_| Response::error(429, "TooMany", "slow").with_header("Retry-After", "60")).await;
    let error = failure(settings(&server.uri, &[]), Arc::new(StandingClock::default())).await;
    assert!(error.to_string().contains("max-retries"), "{error}");
    assert_eq!(server.n_requests(), 1);
}

#[tokio::test]
async fn what_passes_is_not_told() {
    let n = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let server = HttpServer::start(move |_| match n.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
        0 => Response::Close,
        1 => Response::error(503, "SlowDownException", "later"),
        _ => Response::json(200, &json!({"namespaces": []})),
    })
    .await;
    let catalog = open_at(settings(&server.uri, &[]), Arc::new(StandingClock::default())).await;
    assert!(catalog.list_namespaces(&[]).await.unwrap().is_empty());
    assert_eq!(server.n_requests(), 4);
}

#[tokio::test]
async fn a_closed_port_and_an_unknown_host_are_told() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = failure(settings(&format!("http://{closed}"), &[]), Arc::new(StandingClock::default())).await;
    let line = error.to_string();
    assert!(line.contains("cannot connect") && line.contains("refused") && line.contains("check `uri`"), "{line}");
    for wrong in ["localhost:8181", "thrift://h", "http://"] {
        let error = failure(settings(wrong, &[]), Arc::new(SystemClock)).await;
        assert!(matches!(error, TableError::InvalidRequest { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn credentials_that_the_token_endpoint_refuses_are_told_without_them() {
    let respond = || Response::json(401, &json!({"error": "invalid_client", "error_description": "unknown client"}));
    let (error, n_requests) = against(respond, &[("credential", "id:geheim")]).await;
    let line = error.to_string();
    assert!(matches!(error, TableError::CatalogRefused { .. }), "{line}");
    assert!(line.contains("invalid_client: unknown client") && line.contains("`credential`"), "{line}");
    assert_eq!(n_requests, 1);
    let (error, _) = against(|| Response::json(200, &json!({"token": 3})), &[("credential", "id:geheim")]).await;
    assert!(error.to_string().contains("no `access_token`"), "{error}");
    let (error, _) = against(html, &[("credential", "id:geheim")]).await;
    assert!(error.to_string().contains("`oauth2-server-uri`"), "{error}");
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_told_where_credentials_are_refused() {
    let respond = || {
        let date = "Wed, 21 Oct 2015 07:28:00 GMT";
        Response::error(401, "NotAuthorizedException", "Token is not yet valid").with_header("Date", date)
    };
    let server = HttpServer::start(move |_| respond()).await;
    let error = failure(settings(&server.uri, &[("token", "geheim")]), Arc::new(StandingClock::default())).await;
    let line = error.to_string();
    assert!(line.contains("clock is 1445412480 s behind the server's"), "{line}");
}

#[tokio::test]
async fn an_answer_without_metadata_is_no_table() {
    for body in [json!({"metadata-location": "x"}), json!({"metadata": 7}), json!({"metadata": {"format-version": 9}})]
    {
        let server = HttpServer::start(move |request| match request.target.as_str() {
            "/v1/config" => Response::json(200, &json!({"defaults": [], "overrides": "x", "endpoints": 3})),
            _ => Response::json(200, &body),
        })
        .await;
        let catalog = open_at(settings(&server.uri, &[]), Arc::new(StandingClock::default())).await;
        let error = catalog.table_source(name("db", "t")).load().await.unwrap_err().to_string();
        assert!(!error.contains('\n'), "{error}");
    }
}

#[tokio::test]
async fn a_warehouse_that_the_server_does_not_have_is_told() {
    let respond = || Response::error(400, "BadRequestException", "Unknown warehouse");
    let (error, n_requests) = against(respond, &[("warehouse", "nowhere")]).await;
    let line = error.to_string();
    assert!(line.contains("warehouse=`nowhere`: Unknown warehouse; check `warehouse`"), "{line}");
    assert_eq!(n_requests, 1);
}

/// A server with a certificate that no authority signed.
async fn with_tls() -> String {
    let key = PrivateKeyDer::from_pem_slice(KEY).unwrap();
    let certificate = CertificateDer::from_pem_slice(CERTIFICATE).unwrap();
    let tls = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let stream = acceptor.accept(stream).await.ok()?;
                let respond = |_: &super::http_server::Request| Response::json(200, &json!({"namespaces": [["db"]]}));
                serve(stream, Arc::new(respond), Arc::default()).await
            });
        }
    });
    uri
}

#[tokio::test]
async fn a_certificate_is_accepted_only_if_its_authority_is_named() {
    let uri = with_tls().await;
    let error = failure(settings(&uri, &[]), Arc::new(StandingClock::default())).await.to_string();
    assert!(error.contains("certificate") && error.contains("`ssl.cabundle`"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, CERTIFICATE).unwrap();
    for property in ["ssl.cabundle", "cacert"] {
        let trusted = settings(&uri, &[(property, file.to_str().unwrap())]);
        let catalog = open_at(trusted, Arc::new(SystemClock)).await;
        assert_eq!(catalog.list_namespaces(&[]).await.unwrap(), [["db"]]);
    }
    let plain = failure(settings(&uri.replace("https", "http"), &[]), Arc::new(StandingClock::default())).await;
    assert!(matches!(plain, TableError::Catalog { .. }), "{plain}");
}

#[tokio::test]
async fn https_to_a_plain_server_is_told() {
    let server = HttpServer::start(|_| html()).await;
    let uri = server.uri.replace("http", "https");
    let error = failure(settings(&uri, &[]), Arc::new(StandingClock::default())).await.to_string();
    assert!(error.contains("TLS") || error.contains("broke") || error.contains("cannot connect"), "{error}");
}

#[rstest]
#[case(&[("ssl.cabundle", "/no/such/file.pem")], "ssl.cabundle")]
#[case(&[("rest.sigv4-enabled", "true")], "SigV4")]
#[case(&[("request-timeout", "soon")], "request-timeout")]
#[case(&[("header.bad name", "x")], "no HTTP header")]
#[tokio::test]
async fn settings_that_cannot_be_used_are_told_before_anything_is_sent(
    #[case] more: &[(&str, &str)],
    #[case] expected: &str,
) {
    let (error, n_requests) = against(html, more).await;
    assert!(error.to_string().contains(expected), "{error}");
    assert_eq!(n_requests, 0);
}

#[tokio::test]
async fn a_file_without_certificates_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, "no certificate").unwrap();
    let error =
        failure(settings("https://h", &[("ssl.cabundle", file.to_str().unwrap())]), Arc::new(SystemClock)).await;
    assert!(error.to_string().contains("no certificate in PEM form"), "{error}");
}

//! Google Cloud Storage and Azure storage, against servers that answer as much as reading needs: what is asked of
//! them is what their protocols say.

use std::collections::BTreeMap;
use std::sync::Arc;

use frazil_table::TableError;
use frazil_table::storage::{CredentialSource, Storage, StorageCredential};
use frazil_testkit::http_server::{HttpServer, Request, Response};

const CONTENT: &str = "0123456789";

fn properties(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    entries.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Answers with [`CONTENT`], or the range of it that is asked for.
fn object(request: &Request) -> Response {
    let described = |response: Response| {
        response
            .header("etag", "\"0x1\"")
            .header("last-modified", "Wed, 25 Nov 2026 00:00:00 GMT")
            .header("x-goog-generation", "1")
            .header("x-ms-blob-type", "BlockBlob")
    };
    let range = request.headers.get("range").or(request.headers.get("x-ms-range"));
    match range.and_then(|range| range.strip_prefix("bytes=")).and_then(|range| range.split_once('-')) {
        None => {
            let mut response = described(Response::new(200, CONTENT));
            response.content_length = Some(CONTENT.len() as u64);
            response
        }
        Some((start, end)) => {
            let (start, end) = (start.parse::<usize>().unwrap(), end.parse::<usize>().unwrap().min(CONTENT.len() - 1));
            described(Response::new(206, &CONTENT.as_bytes()[start..=end]))
                .header("content-range", format!("bytes {start}-{end}/{}", CONTENT.len()))
        }
    }
}

#[tokio::test]
async fn google_s_objects_are_read_with_a_token() {
    let server = HttpServer::start(object).await;
    let storage = Storage::local().with_properties(properties(&[
        ("gcs.service.host", &server.url()),
        ("gcs.oauth2.token", "hush"),
        ("gcs.user-project", "billed"),
    ]));
    assert_eq!(storage.read("gs://bucket/a b/c=1%2F.parquet").await.unwrap(), CONTENT);
    assert_eq!(storage.read_ranges("gs://bucket/x", &[2..5]).await.unwrap(), ["234"]);
    assert_eq!(storage.size("gs://bucket/x").await.unwrap(), 10);
    for request in server.requests() {
        assert!(request.decoded_path().starts_with("/bucket/"), "{}", request.path);
        assert_eq!(request.header("authorization"), "Bearer hush");
        assert_eq!(request.header("x-goog-user-project"), "billed");
    }
    assert_eq!(server.requests()[0].decoded_path(), "/bucket/a b/c=1%2F.parquet");
}

#[tokio::test]
async fn google_s_public_buckets_are_read_without_a_token() {
    let server = HttpServer::start(object).await;
    let storage =
        Storage::local().with_properties(properties(&[("gcs.service.host", &server.url()), ("gcs.no-auth", "true")]));
    assert_eq!(storage.read("gs://bucket/x").await.unwrap(), CONTENT);
    assert_eq!((server.n_requests(), server.requests()[0].header("authorization")), (1, ""));
}

#[tokio::test]
async fn a_token_that_google_does_not_take_goes_before_other_credentials_and_is_refused() {
    let server = HttpServer::start(|_| {
        Response::new(401, r#"{"error": {"code": 401, "message": "Invalid Credentials", "status": "UNAUTHENTICATED"}}"#)
    })
    .await;
    let storage = Storage::local().with_properties(properties(&[
        ("gcs.service.host", &server.url()),
        ("gcs.oauth2.token", "hush"),
        ("gcs.application-credentials", "/no/such/file"),
    ]));
    let text = storage.read("gs://bucket/x").await.unwrap_err().to_string();
    assert!(text.contains("HTTP 401 UNAUTHENTICATED, \"Invalid Credentials\""), "{text}");
    assert!(text.contains("gcs.oauth2.token") && !text.contains("hush"), "{text}");
    assert_eq!(server.n_requests(), 1);
}

#[tokio::test]
async fn a_credentials_file_that_is_none_is_named_without_its_content() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("account.json");
    std::fs::write(&path, "hush").unwrap();
    let storage = Storage::local().with_properties(properties(&[
        ("gcs.service.host", "http://127.0.0.1:1"),
        ("gcs.application-credentials", path.to_str().unwrap()),
    ]));
    let error = storage.read("gs://bucket/x").await.unwrap_err();
    assert!(!format!("{error:?} {error}").contains("hush"), "{error:?}");
}

#[tokio::test]
async fn google_s_missing_files_and_buckets_are_told_apart() {
    let server = HttpServer::start(|request| match request.decoded_path().as_str() {
        "/bucket/x" => Response::new(
            404,
            "<?xml version='1.0'?><Error><Code>NoSuchKey</Code><Message>No such object</Message></Error>",
        ),
        _ => Response::new(
            404,
            "<?xml version='1.0'?><Error><Code>NoSuchBucket</Code><Message>no bucket</Message></Error>",
        ),
    })
    .await;
    let storage =
        Storage::local().with_properties(properties(&[("gcs.service.host", &server.url()), ("gcs.oauth2.token", "t")]));
    assert!(matches!(storage.read("gs://bucket/x").await, Err(TableError::FileMissing { .. })));
    let error = storage.read("gs://nowhere/x").await.unwrap_err();
    assert!(error.to_string().contains("`nowhere` does not exist"), "{error}");
}

#[tokio::test]
async fn azure_s_blobs_are_read_with_the_account_s_key_from_the_blob_endpoint() {
    let server = HttpServer::start(object).await;
    let storage = Storage::local()
        .with_properties(properties(&[("adls.endpoint", &server.url()), ("adls.account-key", "aHVzaA==")]));
    for path in [
        "abfss://files@account.dfs.core.windows.net/a b/c=1%2F.parquet",
        "abfs://files@account.dfs.core.windows.net/a b/c=1%2F.parquet",
        "wasbs://files@account.blob.core.windows.net/a b/c=1%2F.parquet",
    ] {
        assert_eq!(storage.read(path).await.unwrap(), CONTENT);
    }
    assert_eq!(storage.read_ranges("abfss://files@account.dfs.core.windows.net/x", &[2..5]).await.unwrap(), ["234"]);
    for request in server.requests() {
        assert!(request.header("authorization").starts_with("SharedKey account:"), "{request:?}");
        assert!(!request.header("x-ms-version").is_empty());
        assert!(!(request.header("x-ms-date").is_empty() && request.header("date").is_empty()));
    }
    assert!(server.requests()[..3].iter().all(|request| request.decoded_path() == "/files/a b/c=1%2F.parquet"));
}

#[tokio::test]
async fn azure_s_signatures_are_sent_as_they_are_and_never_shown() {
    let server = HttpServer::start(|request| match request.decoded_path().as_str() {
        "/files/x" => object(request),
        _ => Response::new(403, "").header("x-ms-error-code", "AuthenticationFailed"),
    })
    .await;
    for name in ["adls.sas-token", "adls.sas-token.account", "adls.sas-token.account.dfs.core.windows.net"] {
        let storage = Storage::local().with_properties(properties(&[
            ("adls.endpoint", &server.url()),
            (name, "sv=2024-01-01&sr=c&sig=hu%2Bsh%2F%3D"),
        ]));
        server.forget_requests();
        assert_eq!(storage.read("abfss://files@account.dfs.core.windows.net/x").await.unwrap(), CONTENT);
        let request = &server.requests()[0];
        assert_eq!((request.query["sig"].as_str(), request.query["sr"].as_str()), ("hu+sh/=", "c"), "{name}");
        let error = storage.read("abfss://files@account.dfs.core.windows.net/y").await.unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(text.contains("AuthenticationFailed") && text.contains("adls.sas-token"), "{text}");
        assert!(!text.contains("hu%2Bsh") && !text.contains("hu+sh"), "{text}");
    }
}

#[tokio::test]
async fn azure_s_client_secrets_are_exchanged_for_a_token() {
    let server = HttpServer::start(|request| match request.method.as_str() {
        "POST" => Response::new(200, r#"{"access_token": "hush-token", "expires_in": 3600}"#)
            .header("content-type", "application/json"),
        _ => object(request),
    })
    .await;
    let storage = Storage::local().with_properties(properties(&[
        ("adls.endpoint", &server.url()),
        ("adls.authority-host", &server.url()),
        ("adls.tenant-id", "tenant"),
        ("adls.client-id", "client"),
        ("adls.client-secret", "hush"),
    ]));
    for _ in 0..2 {
        assert_eq!(storage.read("abfss://files@account.dfs.core.windows.net/x").await.unwrap(), CONTENT);
    }
    let requests = server.requests();
    assert_eq!(requests.len(), 3, "one token for both");
    assert_eq!(requests[0].path, "/tenant/oauth2/v2.0/token");
    assert_eq!(requests[1].header("authorization"), "Bearer hush-token");
}

#[tokio::test]
async fn azure_s_machines_get_a_token_of_their_own() {
    let server = HttpServer::start(|request| match request.query.get("resource") {
        Some(_) if request.header("metadata") == "true" => {
            Response::new(200, r#"{"access_token": "hush", "expires_on": "4102444800"}"#)
        }
        _ => object(request),
    })
    .await;
    let storage = Storage::local().with_properties(properties(&[
        ("adls.endpoint", &server.url()),
        ("adls.metadata-endpoint", &format!("{}/metadata/identity/oauth2/token", server.url())),
    ]));
    assert_eq!(storage.read("abfss://files@account.dfs.core.windows.net/x").await.unwrap(), CONTENT);
    assert_eq!(server.requests()[1].header("authorization"), "Bearer hush");
}

#[tokio::test]
async fn azure_s_connection_strings_name_account_key_and_server() {
    let server = HttpServer::start(object).await;
    let text = format!(
        "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=aHVzaA==;BlobEndpoint={}/devstoreaccount1;",
        server.url()
    );
    let storage = Storage::local().with_properties(properties(&[("adls.connection-string", &text)]));
    assert_eq!(storage.read("abfss://files/x").await.unwrap(), CONTENT);
    let request = &server.requests()[0];
    assert_eq!(request.path, "/devstoreaccount1/files/x");
    assert!(request.header("authorization").starts_with("SharedKey devstoreaccount1:"));
}

#[tokio::test]
async fn an_account_that_is_not_named_is_asked_for() {
    let storage = Storage::local().with_properties(properties(&[("adls.account-key", "aHVzaA==")]));
    let error = storage.read("abfss://files/x").await.unwrap_err();
    assert!(matches!(error, TableError::InvalidRequest { .. }), "{error:?}");
    assert!(error.to_string().contains("adls.account-name"), "{error}");
}

#[tokio::test]
async fn vended_tokens_and_signatures_are_used() {
    #[derive(Debug)]
    struct Catalog;
    #[async_trait::async_trait]
    impl CredentialSource for Catalog {
        async fn credentials(&self) -> frazil_table::Result<Vec<StorageCredential>> {
            let vended = |prefix: &str, name: &str, value: &str| StorageCredential {
                prefix: prefix.to_owned(),
                properties: properties(&[(name, value)]),
                expires_at_ms: None,
            };
            Ok(vec![
                vended("gs://bucket", "gcs.oauth2.token", "vended"),
                vended("abfss://files@account.dfs.core.windows.net/", "adls.sas-token.account", "sig=vended"),
            ])
        }
    }
    let server = HttpServer::start(object).await;
    let all = properties(&[("gcs.service.host", &server.url()), ("adls.endpoint", &server.url())]);
    let storage = Storage::local().with_properties(all).with_credentials(Arc::new(Catalog));
    storage.read("gs://bucket/x").await.unwrap();
    storage.read("abfss://files@account.dfs.core.windows.net/x").await.unwrap();
    let requests = server.requests();
    assert_eq!(requests[0].header("authorization"), "Bearer vended");
    assert_eq!(requests[1].query["sig"], "vended");
}

//! Where the credentials of stores come from.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use frazil_table::storage::{CredentialSource, Storage, StorageCredential};
use frazil_table::{Result, TableError};
use frazil_testkit::FakeS3;
use frazil_testkit::fake_s3::s3_error;
use frazil_testkit::http_server::{HttpServer, Response};

fn properties(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    entries.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Vends keys `vended-1`, `vended-2`, … for one folder.
#[derive(Debug, Default)]
struct Catalog {
    n_asked: AtomicUsize,
}

#[async_trait::async_trait]
impl CredentialSource for Catalog {
    async fn credentials(&self) -> Result<Vec<StorageCredential>> {
        let n = self.n_asked.fetch_add(1, Ordering::SeqCst) + 1;
        let key = format!("vended-{n}");
        Ok(vec![StorageCredential {
            prefix: "s3://bucket/table".to_owned(),
            properties: properties(&[
                ("s3.access-key-id", &key),
                ("s3.secret-access-key", "hush"),
                ("s3.session-token", "hush-token"),
            ]),
            expires_at_ms: None,
        }])
    }
}

async fn server_with_files() -> FakeS3 {
    let server = FakeS3::start("bucket").await;
    for key in ["table/a", "table/b", "elsewhere/c"] {
        server.put(key, key);
    }
    server
}

#[tokio::test]
async fn vended_credentials_serve_their_prefix_and_the_catalog_s_properties_the_rest() {
    let server = server_with_files().await;
    let catalog = Arc::new(Catalog::default());
    let storage = Storage::local().with_properties(server.properties()).with_credentials(catalog.clone());
    for path in ["s3://bucket/table/a", "s3a://bucket/table/b", "s3://bucket/elsewhere/c"] {
        storage.read(path).await.unwrap();
    }
    let requests = server.server().requests();
    let keys = ["vended-1", "vended-1", "test-key"];
    for (request, key) in requests.iter().zip(keys) {
        assert!(request.header("authorization").contains(&format!("Credential={key}/")), "{request:?}");
        assert_eq!(request.header("x-amz-security-token").is_empty(), key == "test-key");
    }
    assert_eq!((requests.len(), catalog.n_asked.load(Ordering::SeqCst)), (3, 1));
    assert!(!format!("{storage:?}").contains("hush") && !format!("{storage:?}").contains("test-secret"));
}

#[tokio::test]
async fn expired_credentials_are_renewed_once_and_the_request_repeated() {
    let server = server_with_files().await;
    server.set_fault(|request| {
        let is_old = request.header("authorization").contains("Credential=vended-1/");
        is_old.then(|| s3_error(400, "ExpiredToken", "The provided token has expired."))
    });
    let catalog = Arc::new(Catalog::default());
    let storage = Storage::local().with_properties(server.properties()).with_credentials(catalog.clone());
    assert_eq!(storage.read("s3://bucket/table/a").await.unwrap(), "table/a");
    assert_eq!(storage.read("s3://bucket/table/b").await.unwrap(), "table/b");
    assert_eq!((server.server().n_requests(), catalog.n_asked.load(Ordering::SeqCst)), (3, 2));
}

#[tokio::test]
async fn credentials_that_stay_expired_are_asked_for_no_more_than_once_for_each_request() {
    let server = server_with_files().await;
    server.set_fault(|_| Some(s3_error(400, "ExpiredToken", "The provided token has expired.")));
    let catalog = Arc::new(Catalog::default());
    let storage = Storage::local().with_properties(server.properties()).with_credentials(catalog.clone());
    let error = storage.read("s3://bucket/table/a").await.unwrap_err();
    assert!(error.to_string().contains("the credentials have ended"), "{error}");
    assert_eq!((server.server().n_requests(), catalog.n_asked.load(Ordering::SeqCst)), (2, 2));
}

#[tokio::test]
async fn a_file_that_is_denied_does_not_send_everyone_to_the_catalog() {
    let server = server_with_files().await;
    server.set_fault(|_| Some(s3_error(403, "AccessDenied", "Access Denied")));
    let catalog = Arc::new(Catalog::default());
    let storage = Storage::local().with_properties(server.properties()).with_credentials(catalog.clone());
    for _ in 0..3 {
        storage.read("s3://bucket/table/a").await.unwrap_err();
    }
    assert_eq!((server.server().n_requests(), catalog.n_asked.load(Ordering::SeqCst)), (3, 1));
}

#[tokio::test]
async fn a_catalog_that_vends_nothing_says_so_itself() {
    #[derive(Debug)]
    struct Away;
    #[async_trait::async_trait]
    impl CredentialSource for Away {
        async fn credentials(&self) -> Result<Vec<StorageCredential>> {
            Err(TableError::invalid("the catalog vends nothing"))
        }
    }
    let server = server_with_files().await;
    let storage = Storage::local().with_properties(server.properties()).with_credentials(Arc::new(Away));
    let error = storage.read("s3://bucket/table/a").await.unwrap_err();
    assert!(error.to_string().contains("the catalog vends nothing"), "{error}");
    assert_eq!(server.server().n_requests(), 0);
}

#[tokio::test]
async fn a_role_is_taken_on_with_the_keys_that_are_there() {
    let sts = HttpServer::start(|_| {
        Response::new(
            200,
            "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>role-key</AccessKeyId>\
             <SecretAccessKey>hush</SecretAccessKey><SessionToken>hush-token</SessionToken>\
             <Expiration>2126-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>",
        )
    })
    .await;
    let server = server_with_files().await;
    server.set_access_key("role-key");
    let mut all = server.properties();
    all.extend(properties(&[
        ("s3.role-arn", "arn:aws:iam::123456789012:role/reader"),
        ("s3.role-session-name", "me"),
        ("client.assume-role.external-id", "e+x/1"),
        ("s3.sts-endpoint", &sts.url()),
    ]));
    let storage = Storage::local().with_properties(all);
    for _ in 0..3 {
        storage.read("s3://bucket/table/a").await.unwrap();
    }
    assert_eq!((sts.n_requests(), server.server().n_requests()), (1, 3));
    let asked = &sts.requests()[0];
    assert_eq!(asked.query["RoleArn"], "arn:aws:iam::123456789012:role/reader");
    assert_eq!((asked.query["RoleSessionName"].as_str(), asked.query["ExternalId"].as_str()), ("me", "e+x/1"));
    let authorization = asked.header("authorization");
    assert!(authorization.contains("Credential=test-key/") && authorization.contains("/eu-test-1/sts/"));
    assert_eq!(server.server().requests()[0].header("x-amz-security-token"), "hush-token");
}

#[tokio::test]
async fn a_role_that_is_refused_is_named() {
    let sts =
        HttpServer::start(|_| s3_error(403, "AccessDenied", "User x is not authorized to perform sts:AssumeRole"))
            .await;
    let server = server_with_files().await;
    let mut all = server.properties();
    all.extend(properties(&[("s3.role-arn", "arn:aws:iam::1:role/r"), ("s3.sts-endpoint", &sts.url())]));
    let error = Storage::local().with_properties(all).read("s3://bucket/table/a").await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("the role `arn:aws:iam::1:role/r` cannot be taken on: HTTP 403 AccessDenied"), "{text}");
    assert!(text.contains("; check s3.role-arn") && !text.contains('\n'), "{text}");
    assert_eq!((sts.n_requests(), server.server().n_requests()), (1, 0));
}

#[tokio::test]
async fn a_container_s_credentials_come_from_where_it_says() {
    let agent = HttpServer::start(|request| match request.header("authorization") {
        "pod-token" => Response::new(
            200,
            r#"{"AccessKeyId": "pod-key", "SecretAccessKey": "hush", "Token": "hush-token", "Expiration": "2126-01-01T00:00:00Z"}"#,
        ),
        _ => Response::new(401, ""),
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let token_file = folder.path().join("token");
    std::fs::write(&token_file, "pod-token").unwrap();
    let server = server_with_files().await;
    server.set_access_key("pod-key");
    let storage = Storage::local().with_properties(properties(&[
        ("s3.endpoint", &server.server().url()),
        ("s3.container-credentials-full-uri", &agent.url()),
        ("s3.container-authorization-token-file", token_file.to_str().unwrap()),
    ]));
    assert_eq!(storage.read("s3://bucket/table/a").await.unwrap(), "table/a");
}

#[tokio::test]
async fn a_web_identity_s_token_file_that_is_missing_is_named() {
    let server = server_with_files().await;
    let storage = Storage::local().with_properties(properties(&[
        ("s3.endpoint", &server.server().url()),
        ("s3.role-arn", "arn:aws:iam::1:role/r"),
        ("s3.web-identity-token-file", "/no/such/token"),
    ]));
    let error = storage.read("s3://bucket/table/a").await.unwrap_err();
    let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    let text = format!("{error}: {source}");
    assert!(text.contains("/no/such/token"), "{text}");
}

//! HTTP below the stores: every request passes here, and answers that refuse become short and free of secrets.

use futures::StreamExt;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
};

use reqwest::StatusCode;
use reqwest::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, LOCATION};

use super::answer::Answer;
use super::failure::{NoCredentials, Untrusted, innermost};

/// Of an answer that refuses, this much is looked at.
const REFUSAL_BYTES_MAX: usize = 64 << 10;

/// Hosts that give credentials to programs that run in a cloud, and nothing outside of one.
const METADATA_HOSTS: &[&str] = &[
    "169.254.169.254",
    "fd00:ec2::254",
    "169.254.170.2",
    "169.254.170.23",
    "fd00:ec2::23",
    "metadata.google.internal",
];

/// Makes HTTP clients for stores.
#[derive(Debug, Clone, Default)]
pub(super) struct Connector {
    /// Host and port of a metadata service that the properties name.
    metadata_authority: Option<String>,
}

impl Connector {
    /// `metadata_endpoint`: URL of a service that gives credentials, beside the well-known ones.
    pub(super) fn new(metadata_endpoint: Option<&str>) -> Self {
        let authority =
            metadata_endpoint.and_then(|url| url.split("://").nth(1)).and_then(|rest| rest.split('/').next());
        Self { metadata_authority: authority.map(str::to_owned) }
    }

    fn is_metadata(&self, request: &HttpRequest) -> bool {
        let uri = request.uri();
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        METADATA_HOSTS.contains(&host)
            || uri.authority().is_some_and(|authority| self.metadata_authority.as_deref() == Some(authority.as_str()))
    }
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let inner = ReqwestConnector::default().connect(options)?;
        Ok(HttpClient::new(Service { inner, connector: self.clone() }))
    }
}

#[derive(Debug)]
struct Service {
    inner: HttpClient,
    connector: Connector,
}

#[async_trait::async_trait]
impl HttpService for Service {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let is_metadata = self.connector.is_metadata(&request);
        let response = match self.inner.execute(request).await {
            Ok(response) => response,
            Err(error) if is_metadata => return Err(no_credentials(innermost(&error))),
            // A certificate that is not trusted now will not be a second later.
            Err(error) if is_tls(&error) => {
                return Err(HttpError::new(HttpErrorKind::Unknown, Untrusted(innermost(&error))));
            }
            Err(error) => return Err(error),
        };
        let status = response.status();
        let is_page = is_page(&response);
        let is_refusal = status.is_client_error() || status.is_server_error() || is_bare_redirect(&response) || is_page;
        if !is_refusal {
            return Ok(response);
        }
        let (mut parts, body) = response.into_parts();
        let mut text: Vec<u8> = Vec::new();
        let mut chunks = body.bytes_stream();
        while let Some(Ok(chunk)) = chunks.next().await {
            text.extend_from_slice(&chunk);
            if text.len() >= REFUSAL_BYTES_MAX {
                text.truncate(REFUSAL_BYTES_MAX);
                break;
            }
        }
        let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let answer = Answer::parse(
            status.as_u16(),
            &String::from_utf8_lossy(&text),
            header("x-amz-bucket-region"),
            header("x-ms-error-code"),
        );
        if is_metadata && status.is_client_error() {
            return Err(no_credentials(answer.shown()));
        }
        // A redirect without a place to go to is a refusal, as is a page, and with this status is taken for one.
        if status.is_redirection() || is_page {
            parts.status = StatusCode::BAD_REQUEST;
        }
        parts.headers.remove(CONTENT_LENGTH);
        parts.headers.remove(CONTENT_ENCODING);
        Ok(HttpResponse::from_parts(parts, answer.encode().into()))
    }
}

fn is_bare_redirect(response: &HttpResponse) -> bool {
    response.status().is_redirection()
        && response.status() != StatusCode::NOT_MODIFIED
        && !response.headers().contains_key(LOCATION)
}

/// A web server's page in place of an object: an object has an entity tag.
fn is_page(response: &HttpResponse) -> bool {
    let headers = response.headers();
    let is_html = headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    response.status().is_success() && is_html && !headers.contains_key(ETAG)
}

fn no_credentials(cause: String) -> HttpError {
    HttpError::new(HttpErrorKind::Unknown, NoCredentials(cause))
}

/// The TLS library's errors are private to the HTTP client; their texts are what is left.
fn is_tls(error: &HttpError) -> bool {
    let text = innermost(error);
    ["certificate", "fatal alert", "corrupt message", "handshake", "InvalidMessage", "InvalidContentType"]
        .iter()
        .any(|word| text.contains(word))
}

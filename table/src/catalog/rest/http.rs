//! Requests to a REST catalog: limits on time, size and number, and failures in words.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, DATE, ETAG, HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Map, Value};

use super::retry::{Budget, Failed, http_date_ms, retry_after};
use crate::catalog::config::{Limits, without_secrets};
use crate::{Clock, Result, TableError};

/// What of an error's body is looked at.
const ERROR_BYTES_MAX: usize = 64 << 10;
/// Clocks that differ by more than this explain why credentials are refused.
const CLOCK_SKEW_MS: i64 = 2 * 60 * 1000;
/// Characters of a server's message that are shown.
const MESSAGE_CHARACTERS_MAX: usize = 300;

/// An answer without error.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) etag: Option<String>,
    pub(super) body: Vec<u8>,
    is_json: bool,
}

impl Answer {
    /// The JSON object that the answer is; `None` if it is none.
    pub(super) fn json(&self) -> Option<Map<String, Value>> {
        if self.is_json { serde_json::from_slice(&self.body).ok() } else { None }
    }
}

/// Why there is no such answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server said no.
    Refused(Refusal),
    /// There was no answer, or none that can be used.
    Other(TableError),
}

/// What the server said.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    /// `type` of the error, such as `NoSuchTableException`; empty if it has none.
    pub(super) kind: String,
    pub(super) message: String,
    /// How far this machine's clock is ahead of the server's.
    skew_ms: i64,
}

/// How a request ended that changes something, sent once.
#[derive(Debug)]
pub(super) enum Posted {
    /// The server did it.
    Done,
    /// The server did not do it, and says why.
    Refused(Refusal),
    /// No server was asked, or it did not take the request.
    NotSent(TableError),
    /// It may have done it, or may yet do it.
    Unknown(TableError),
}

/// The outcome of a request with all its attempts.
pub(super) type Sent<T> = std::result::Result<T, Failure>;

/// The outcome of one attempt, and what a failure means for the next.
type Attempted<T> = std::result::Result<T, (Failure, Failed)>;

impl From<TableError> for Failure {
    fn from(error: TableError) -> Self {
        Self::Other(error)
    }
}

/// Sends requests to one catalog.
#[derive(Debug)]
pub(super) struct Http {
    pub(super) catalog: String,
    pub(super) client: Client,
    pub(super) limits: Limits,
    pub(super) clock: Arc<dyn Clock>,
}

impl Http {
    /// Sends what `request` builds, again after failures that may pass. The body may have `bytes_max`.
    pub(super) async fn send(&self, url: &str, bytes_max: usize, request: impl Fn() -> RequestBuilder) -> Sent<Answer> {
        let attempts = self.attempts(url, bytes_max, request);
        match tokio::time::timeout(self.limits.total, attempts).await {
            Ok(outcome) => outcome,
            Err(_) => Err(self.too_slow(url, self.limits.total, "total-timeout").into()),
        }
    }

    async fn attempts(&self, url: &str, bytes_max: usize, request: impl Fn() -> RequestBuilder) -> Sent<Answer> {
        let budget = Budget { n_retries: self.limits.n_retries, total: self.limits.total };
        let started_ms = self.clock.now_ms();
        let mut n_attempts = 0;
        loop {
            let (failure, failed) = match self.attempt(url, bytes_max, request()).await {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            n_attempts += 1;
            let now_ms = self.clock.now_ms();
            let elapsed = Duration::from_millis(u64::try_from(now_ms - started_ms).unwrap_or(0));
            match budget.pause(failed, n_attempts, elapsed, now_ms.unsigned_abs()) {
                Some(pause) => {
                    tracing::debug!(catalog = %self.catalog, n_attempts, ?pause, "catalog request is repeated");
                    self.clock.sleep(pause).await;
                }
                None => return Err(failure),
            }
        }
    }

    async fn attempt(&self, url: &str, bytes_max: usize, request: RequestBuilder) -> Attempted<Answer> {
        let response = match request.timeout(self.limits.request).send().await {
            Ok(response) => response,
            Err(error) => return Err(self.not_sent(url, &error)),
        };
        let status = response.status();
        let headers = response.headers().clone();
        let is_error = status.is_client_error() || status.is_server_error();
        let body = self.body(url, response, if is_error { ERROR_BYTES_MAX } else { bytes_max }, is_error).await?;
        let content_type = text(&headers, CONTENT_TYPE.as_str()).unwrap_or_default().to_ascii_lowercase();
        if !is_error {
            let etag = text(&headers, ETAG.as_str()).map(str::to_owned);
            return Ok(Answer { status, etag, body, is_json: !content_type.contains("html") });
        }
        let now_ms = self.clock.now_ms();
        let failed = match status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                Failed::Busy(text(&headers, RETRY_AFTER.as_str()).and_then(|value| retry_after(value, now_ms)))
            }
            StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => Failed::Gateway,
            _ => Failed::Final,
        };
        Err((Failure::Refused(self.refusal_of(status, &headers, &body)), failed))
    }

    /// Sends a request that changes something, once: nobody could tell a refusal of the second from one because of
    /// the first.
    pub(super) async fn send_once(&self, url: &str, request: RequestBuilder) -> Posted {
        let response = match request.timeout(self.limits.request).send().await {
            Ok(response) => response,
            Err(error) => {
                let is_unsent = error.is_connect() || error.is_builder();
                let (Failure::Other(error), _) = self.not_sent(url, &error) else {
                    return Posted::Unknown(TableError::internal("a request that was not answered was refused"));
                };
                return if is_unsent { Posted::NotSent(error) } else { Posted::Unknown(error) };
            }
        };
        let status = response.status();
        let headers = response.headers().clone();
        let content_type = text(&headers, CONTENT_TYPE.as_str()).unwrap_or_default().to_ascii_lowercase();
        match status.as_u16() {
            // What else the answer says is not needed: the table is loaded again.
            200 | 204 if !content_type.contains("html") => return Posted::Done,
            400..=499 if status != StatusCode::REQUEST_TIMEOUT => {}
            300..=399 => {
                let to = text(&headers, LOCATION.as_str()).unwrap_or("nowhere");
                let detail = format!(
                    "`{}` redirects to `{}` ({status}); set `uri` to where it leads",
                    without_secrets(url),
                    without_secrets(to)
                );
                return Posted::NotSent(TableError::catalog(&self.catalog, detail));
            }
            _ => {
                let refusal = self.refusal(url, status, &headers, response).await;
                return Posted::Unknown(self.refused(url, &refusal));
            }
        }
        Posted::Refused(self.refusal(url, status, &headers, response).await)
    }

    /// What a server said with an error. A body that does not arrive says nothing.
    async fn refusal(&self, url: &str, status: StatusCode, headers: &HeaderMap, response: Response) -> Refusal {
        let body = self.body(url, response, ERROR_BYTES_MAX, true).await.unwrap_or_default();
        self.refusal_of(status, headers, &body)
    }

    fn refusal_of(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Refusal {
        let now_ms = self.clock.now_ms();
        let skew_ms = text(headers, DATE.as_str()).and_then(http_date_ms).map_or(0, |date_ms| now_ms - date_ms);
        let (kind, message) = error_of(body);
        Refusal { status, kind, message, skew_ms }
    }

    /// The body of a response. Of an error's, what fits is enough.
    async fn body(&self, url: &str, mut response: Response, bytes_max: usize, may_be_cut: bool) -> Attempted<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(None) => return Ok(body),
                Ok(Some(chunk)) => {
                    let n_free = bytes_max - body.len();
                    body.extend_from_slice(chunk.get(..chunk.len().min(n_free)).unwrap_or_default());
                    if chunk.len() > n_free && may_be_cut {
                        return Ok(body);
                    }
                    if chunk.len() > n_free {
                        let detail = format!(
                            "the answer to `{}` has more than {bytes_max} bytes; check that `uri` is an Iceberg REST catalog",
                            without_secrets(url)
                        );
                        return Err((TableError::catalog(&self.catalog, detail).into(), Failed::Final));
                    }
                }
                Err(error) => return Err(self.not_sent(url, &error)),
            }
        }
    }

    /// What to make of a request without an answer.
    fn not_sent(&self, url: &str, error: &reqwest::Error) -> (Failure, Failed) {
        let url = without_secrets(url);
        let cause = innermost(error);
        let lower = chain(error).to_ascii_lowercase();
        if error.is_timeout() {
            let (limit, property) = if error.is_connect() {
                (self.limits.connect, "connect-timeout")
            } else {
                (self.limits.request, "request-timeout")
            };
            return (self.too_slow(&url, limit, property).into(), Failed::Final);
        }
        let (detail, failed) = if lower.contains("certificate") {
            (
                format!(
                    "the TLS certificate of `{url}` is not accepted: {cause}; if it is signed by an own authority, name the authority's file with `ssl.cabundle`"
                ),
                Failed::Final,
            )
        } else if lower.contains("corrupt message") || lower.contains("invalidcontenttype") {
            (
                format!("`{url}` does not speak TLS: {cause}; check whether `uri` has to begin with http://"),
                Failed::Final,
            )
        } else if error.is_builder() {
            (
                format!(
                    "`{url}` is no address: {cause}; set `uri` to the catalog's address, such as https://host/path"
                ),
                Failed::Final,
            )
        } else if error.is_redirect() {
            (format!("`{url}` redirects without end: {cause}; set `uri` to where it leads"), Failed::Final)
        } else if lower.contains("dns") || lower.contains("lookup") {
            (format!("the host of `{url}` is not known: {cause}; check `uri`"), Failed::Final)
        } else if error.is_connect() {
            (format!("cannot connect to `{url}`: {cause}; check `uri` and that the server runs"), Failed::Connection)
        } else {
            (format!("the connection to `{url}` broke: {cause}; check the server, then try again"), Failed::Connection)
        };
        (TableError::catalog(&self.catalog, detail).into(), failed)
    }

    fn too_slow(&self, url: &str, limit: Duration, property: &str) -> TableError {
        TableError::catalog(
            &self.catalog,
            format!(
                "no answer from `{}` within {limit:?}; check the server, or allow more with `{property}`",
                without_secrets(url)
            ),
        )
    }

    /// The JSON of an answer.
    pub(super) fn json(&self, url: &str, answer: &Answer) -> Result<Value> {
        answer.json().map(Value::Object).ok_or_else(|| self.no_catalog(url, "the answer is no JSON object"))
    }

    /// The error for a warehouse that the server does not have.
    pub(super) fn refused_warehouse(&self, url: &str, refusal: &Refusal, warehouse: Option<&str>) -> TableError {
        let said = &refusal.message;
        match warehouse {
            Some(warehouse) => TableError::invalid(format!(
                "catalog `{}` has no such warehouse, warehouse=`{warehouse}`: {said}; check `warehouse`",
                self.catalog
            )),
            None => self.refused(url, refusal),
        }
    }

    pub(super) fn no_catalog(&self, url: &str, cause: &str) -> TableError {
        TableError::catalog(
            &self.catalog,
            format!(
                "`{}` does not answer as an Iceberg REST catalog: {cause}; check `uri`, which is the address before `/v1`",
                without_secrets(url)
            ),
        )
    }

    /// The error that tells why there is no token.
    pub(super) fn refused_token(&self, url: &str, refusal: &Refusal) -> TableError {
        let said = if refusal.message.is_empty() { String::new() } else { format!(": {}", refusal.message) };
        TableError::denied(
            &self.catalog,
            format!(
                "the token endpoint `{}` does not accept the credentials ({}){said}; check `credential` and `scope`",
                without_secrets(url),
                refusal.status.as_u16()
            ),
        )
    }

    /// The error that tells what the server said.
    pub(super) fn refused(&self, url: &str, refusal: &Refusal) -> TableError {
        let url = without_secrets(url);
        let Refusal { status, message, skew_ms, .. } = refusal;
        let said = if message.is_empty() { String::new() } else { format!(": {message}") };
        let number = status.as_u16();
        let about_time =
            ["skew", "clock", "not yet valid", "expired"].iter().any(|word| message.to_lowercase().contains(word));
        match number {
            401 | 403 | 419 if skew_ms.abs() > CLOCK_SKEW_MS => TableError::denied(
                &self.catalog,
                format!(
                    "the catalog answers {number}{said}; this machine's clock is {} s {} the server's: set it right",
                    skew_ms.abs() / 1000,
                    if *skew_ms > 0 { "ahead of" } else { "behind" }
                ),
            ),
            401 | 419 => {
                let clock = if about_time { ", and this machine's clock" } else { "" };
                TableError::denied(
                    &self.catalog,
                    format!(
                        "the catalog does not accept the credentials ({number}){said}; check `token` or `credential` and `scope`{clock}"
                    ),
                )
            }
            403 => TableError::denied(
                &self.catalog,
                format!("the credentials do not allow `{url}` (403){said}; ask for the right to read, or use others"),
            ),
            404 | 405 if refusal.kind.is_empty() => self.no_catalog(&url, &format!("status {number}{said}")),
            406 | 501 => TableError::unsupported(
                &url,
                format!("the catalog does not offer this ({number}){said}; it is needed to read tables"),
            ),
            429 | 503 => TableError::catalog(
                &self.catalog,
                format!(
                    "`{url}` asks for patience ({number}){said}; try again later, or allow more with `max-retries` and `total-timeout`"
                ),
            ),
            500.. => TableError::catalog(
                &self.catalog,
                format!("`{url}` failed ({number}){said}; look into the server's log, then try again"),
            ),
            _ => TableError::catalog(
                &self.catalog,
                format!("`{url}` refuses the request ({number}){said}; check the catalog's settings"),
            ),
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Type and message of an error: the catalog's `{"error": {…}}`, OAuth2's `{"error": "…"}`; of all else nothing,
/// since a page for people says nothing in one line.
fn error_of(body: &[u8]) -> (String, String) {
    let Ok(Value::Object(root)) = serde_json::from_slice(body) else { return (String::new(), String::new()) };
    let field = |value: Option<&Value>| value.and_then(Value::as_str).map(shortened).unwrap_or_default();
    match root.get("error") {
        Some(Value::Object(error)) => (field(error.get("type")), field(error.get("message"))),
        Some(Value::String(code)) => {
            let description = field(root.get("error_description"));
            let message =
                if description.is_empty() { shortened(code) } else { format!("{}: {description}", shortened(code)) };
            (shortened(code), message)
        }
        _ => (String::new(), field(root.get("message"))),
    }
}

/// Text of a server on one line, of limited length.
fn shortened(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MESSAGE_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    // The outermost names the address, which the message has already.
    if cause.source().is_none() && std::ptr::addr_eq(cause, error) {
        "no answer".to_owned()
    } else {
        shortened(&cause.to_string())
    }
}

/// All that a failure and its causes say.
fn chain(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut cause: Option<&dyn Error> = error.source();
    while let Some(inner) = cause {
        text.push_str(&inner.to_string());
        text.push(' ');
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_catalogs_and_of_oauth2_are_read() {
        let catalog = br#"{"error": {"message": "no\n such  table", "type": "NoSuchTableException", "code": 404}}"#;
        assert_eq!(error_of(catalog), ("NoSuchTableException".to_owned(), "no such table".to_owned()));
        let oauth = br#"{"error": "invalid_client", "error_description": "who?"}"#;
        assert_eq!(error_of(oauth), ("invalid_client".to_owned(), "invalid_client: who?".to_owned()));
        for other in [&b"<html>"[..], b"[]", b"{\"error\": 3}", b"", b"\xff"] {
            assert_eq!(error_of(other), (String::new(), String::new()));
        }
    }

    #[test]
    fn a_message_without_end_is_cut() {
        assert_eq!(shortened(&"é".repeat(100_000)).chars().count(), MESSAGE_CHARACTERS_MAX + 1);
    }
}

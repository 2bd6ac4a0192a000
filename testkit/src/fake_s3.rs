//! A server that speaks as much of S3's protocol as reading and writing whole objects needs.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::http_server::{HttpServer, Request, Response};

/// Objects at most in one answer of a listing, so that several are needed.
const LISTED_MAX: usize = 3;

type Objects = BTreeMap<String, Vec<u8>>;
type Fault = dyn Fn(&Request) -> Option<Response> + Send + Sync;

/// A running server with one bucket. It ends when this is dropped.
pub struct FakeS3 {
    server: HttpServer,
    state: Arc<State>,
}

struct State {
    bucket: String,
    objects: Mutex<Objects>,
    /// Answers in place of the right ones.
    fault: Mutex<Option<Box<Fault>>>,
    /// Access key that requests must be signed with. `None`: any, or none.
    access_key: Mutex<Option<String>>,
    delay: Mutex<Duration>,
}

impl std::fmt::Debug for FakeS3 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FakeS3").field("bucket", &self.state.bucket).finish_non_exhaustive()
    }
}

impl FakeS3 {
    /// Starts a server that has `bucket`.
    pub async fn start(bucket: &str) -> Self {
        let state = Arc::new(State {
            bucket: bucket.to_owned(),
            objects: Mutex::default(),
            fault: Mutex::default(),
            access_key: Mutex::default(),
            delay: Mutex::default(),
        });
        let handler = state.clone();
        let server = HttpServer::start(move |request| {
            let delay = *lock(&handler.delay);
            handler.answer(request).delayed(delay)
        })
        .await;
        Self { server, state }
    }

    /// The server below, with what was asked of it.
    pub fn server(&self) -> &HttpServer {
        &self.server
    }

    /// Properties by which its bucket is reached.
    pub fn properties(&self) -> BTreeMap<String, String> {
        [
            ("s3.endpoint", self.server.url().as_str()),
            ("s3.region", "eu-test-1"),
            ("s3.access-key-id", "test-key"),
            ("s3.secret-access-key", "test-secret"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    /// Puts an object.
    pub fn put(&self, key: &str, bytes: impl Into<Vec<u8>>) {
        lock(&self.state.objects).insert(key.to_owned(), bytes.into());
    }

    /// Every request is answered by `fault` where it gives an answer.
    pub fn set_fault(&self, fault: impl Fn(&Request) -> Option<Response> + Send + Sync + 'static) {
        *lock(&self.state.fault) = Some(Box::new(fault));
    }

    /// Requests must be signed with this access key.
    pub fn set_access_key(&self, key: &str) {
        *lock(&self.state.access_key) = Some(key.to_owned());
    }

    /// Every answer comes this much later.
    pub fn set_delay(&self, delay: Duration) {
        *lock(&self.state.delay) = delay;
    }
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An error as S3 words it.
pub fn s3_error(status: u16, code: &str, message: &str) -> Response {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message>\
         <RequestId>0123</RequestId><HostId>abc\n</HostId></Error>"
    );
    Response::new(status, body).header("content-type", "application/xml")
}

impl State {
    fn answer(&self, request: &Request) -> Response {
        if let Some(response) = lock(&self.fault).as_ref().and_then(|fault| fault(request)) {
            return response;
        }
        if let Some(key) = lock(&self.access_key).as_ref() {
            let is_signed = request.header("authorization").contains(&format!("Credential={key}/"));
            if !is_signed {
                return s3_error(
                    403,
                    "InvalidAccessKeyId",
                    "The AWS Access Key Id you provided does not exist in our records.",
                );
            }
        }
        let path = request.decoded_path();
        let (bucket, key) = path.trim_start_matches('/').split_once('/').unwrap_or((path.trim_matches('/'), ""));
        if bucket != self.bucket {
            return s3_error(404, "NoSuchBucket", "The specified bucket does not exist");
        }
        match request.method.as_str() {
            "GET" if request.query.contains_key("list-type") => self.list(request),
            "GET" | "HEAD" => self.get(key, request),
            "PUT" => self.put(key, request),
            _ => s3_error(405, "MethodNotAllowed", "The specified method is not allowed against this resource."),
        }
    }

    fn get(&self, key: &str, request: &Request) -> Response {
        let objects = lock(&self.objects);
        let Some(object) = objects.get(key) else {
            return s3_error(404, "NoSuchKey", "The specified key does not exist.");
        };
        let size = object.len();
        let described = |response: Response| {
            response
                .header("etag", format!("\"{size}\""))
                .header("last-modified", "Wed, 25 Nov 2026 00:00:00 GMT")
                .header("accept-ranges", "bytes")
        };
        let Some(range) = request.header("range").strip_prefix("bytes=") else {
            let mut response = described(Response::new(200, object.clone()));
            response.content_length = Some(size as u64);
            return response;
        };
        let (start, end) = range.split_once('-').unwrap_or((range, ""));
        let (start, end) = match (start.parse::<usize>(), end.parse::<usize>()) {
            (Ok(start), Ok(end)) => (start, end.saturating_add(1).min(size)),
            (Ok(start), Err(_)) => (start, size),
            (Err(_), Ok(suffix)) => (size.saturating_sub(suffix), size),
            (Err(_), Err(_)) => return s3_error(400, "InvalidArgument", "range"),
        };
        if start >= size {
            return s3_error(416, "InvalidRange", "The requested range is not satisfiable");
        }
        described(Response::new(206, &object[start..end]))
            .header("content-range", format!("bytes {start}-{}/{size}", end - 1))
    }

    fn put(&self, key: &str, request: &Request) -> Response {
        let mut objects = lock(&self.objects);
        if request.header("if-none-match") == "*" && objects.contains_key(key) {
            return s3_error(
                412,
                "PreconditionFailed",
                "At least one of the pre-conditions you specified did not hold",
            );
        }
        objects.insert(key.to_owned(), request.body.clone());
        Response::new(200, "").header("etag", "\"new\"")
    }

    fn list(&self, request: &Request) -> Response {
        let text = |name: &str| request.query.get(name).cloned().unwrap_or_default();
        let (prefix, delimiter, token) = (text("prefix"), text("delimiter"), text("continuation-token"));
        let objects = lock(&self.objects);
        let (mut contents, mut prefixes, mut last) = (String::new(), Vec::new(), None);
        let after = if token.is_empty() { Bound::Unbounded } else { Bound::Excluded(token) };
        let mut n_listed = 0;
        for (key, object) in objects.range::<String, _>((after, Bound::Unbounded)) {
            let Some(rest) = key.strip_prefix(&prefix) else { continue };
            if n_listed == LISTED_MAX {
                break;
            }
            last = Some(key.clone());
            n_listed += 1;
            if let Some((folder, _)) = rest.split_once(&delimiter).filter(|_| !delimiter.is_empty()) {
                let folder = format!("{prefix}{folder}{delimiter}");
                if !prefixes.contains(&folder) {
                    prefixes.push(folder);
                }
                continue;
            }
            contents.push_str(&format!(
                "<Contents><Key>{}</Key><LastModified>2026-11-25T00:00:00.000Z</LastModified><ETag>\"x\"</ETag>\
                 <Size>{}</Size></Contents>",
                escape(key),
                object.len()
            ));
        }
        let n_left = last.as_ref().map_or(0, |last| {
            let left = objects.range::<String, _>((Bound::Excluded(last), Bound::Unbounded));
            left.filter(|(key, _)| key.starts_with(&prefix)).count()
        });
        let next = match (n_left, last) {
            (1.., Some(last)) => format!("<NextContinuationToken>{}</NextContinuationToken>", escape(&last)),
            _ => String::new(),
        };
        let prefixes: String = prefixes
            .iter()
            .map(|prefix| format!("<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>", escape(prefix)))
            .collect();
        Response::new(
            200,
            format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult><Name>{}</Name><IsTruncated>{}</IsTruncated>\
                 {next}{contents}{prefixes}</ListBucketResult>",
                self.bucket,
                n_left > 0
            ),
        )
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

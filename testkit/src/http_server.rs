//! A small HTTP/1.1 server on the loopback interface, whose answers a function gives: for stores and catalogs that
//! answer well, wrongly, late or not at all.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Size of a request's head and body at most.
const REQUEST_BYTES_MAX: usize = 64 << 20;

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `GET`, ….
    pub method: String,
    /// Path as it was sent, percent-encoded.
    pub path: String,
    /// Query, decoded.
    pub query: BTreeMap<String, String>,
    /// By lower-case name.
    pub headers: BTreeMap<String, String>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Request {
    /// Path, decoded.
    pub fn decoded_path(&self) -> String {
        decode(&self.path, false)
    }

    /// A header; empty if it was not sent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// What is answered.
#[derive(Debug, Clone)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Headers beside `content-length`.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
    /// `content-length`, if it is to be another than the body's; for answers to `HEAD`.
    pub content_length: Option<u64>,
    /// Time before anything is sent.
    pub delay: Duration,
    /// How the answer ends.
    pub ending: Ending,
}

/// How an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Completely; the connection stays.
    Whole,
    /// The connection is closed after this many bytes of the body.
    Cut(usize),
    /// The connection is closed before anything is sent.
    Dropped,
    /// Nothing is sent, and the connection stays open.
    Silent,
}

impl Response {
    /// A status and a body.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        Self { status, headers: Vec::new(), body, content_length: None, delay: Duration::ZERO, ending: Ending::Whole }
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// With another ending.
    #[must_use]
    pub fn ending(mut self, ending: Ending) -> Self {
        self.ending = ending;
        self
    }

    /// Sent later.
    #[must_use]
    pub fn delayed(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

type Handler = dyn Fn(&Request) -> Response + Send + Sync;

/// A running server. It ends when this is dropped.
#[derive(Debug)]
pub struct HttpServer {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    task: JoinHandle<()>,
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl HttpServer {
    /// Listens on a free port of the loopback interface.
    ///
    /// # Panics
    /// There is none.
    pub async fn start(handler: impl Fn(&Request) -> Response + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (seen, handler): (_, Arc<Handler>) = (requests.clone(), Arc::new(handler));
        let task = tokio::spawn(async move {
            // Connections end with the server.
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                connections.spawn(serve(stream, handler.clone(), seen.clone()));
                while connections.try_join_next().is_some() {}
            }
        });
        Self { address, requests, task }
    }

    /// `http://127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Host and port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Requests so far, in the order in which they came.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.requests).clone()
    }

    /// Number of requests so far.
    pub fn n_requests(&self) -> usize {
        lock(&self.requests).len()
    }

    /// Forgets the requests so far.
    pub fn forget_requests(&self) {
        lock(&self.requests).clear();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(stream: TcpStream, handler: Arc<Handler>, requests: Arc<Mutex<Vec<Request>>>) {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    loop {
        let request = match next_request(&mut read).await {
            Next::Request(request) => request,
            Next::Closed => return,
            Next::Other => {
                let _ = write.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
                return;
            }
        };
        lock(&requests).push(request.clone());
        let response = handler(&request);
        if !response.delay.is_zero() {
            #[expect(clippy::disallowed_methods, reason = "a late answer is what is asked for")]
            tokio::time::sleep(response.delay).await;
        }
        match response.ending {
            Ending::Dropped => return,
            Ending::Silent => std::future::pending::<()>().await,
            Ending::Whole | Ending::Cut(_) => {}
        }
        let length = response.content_length.unwrap_or(response.body.len() as u64);
        let mut bytes = format!("HTTP/1.1 {} X\r\ncontent-length: {length}\r\n", response.status).into_bytes();
        for (name, value) in &response.headers {
            bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        let body = if request.method == "HEAD" { &[][..] } else { &response.body };
        let cut = match response.ending {
            Ending::Cut(n_bytes) => n_bytes.min(body.len()),
            _ => body.len(),
        };
        bytes.extend_from_slice(&body[..cut]);
        if write.write_all(&bytes).await.is_err() || matches!(response.ending, Ending::Cut(_)) {
            return;
        }
    }
}

/// What came over a connection.
enum Next {
    Request(Request),
    Closed,
    /// Bytes of another protocol, such as TLS.
    Other,
}

async fn next_request(read: &mut (impl AsyncReadExt + Unpin)) -> Next {
    match read.read_u8().await {
        Ok(first) if first.is_ascii_uppercase() => read_request(first, read).await.map_or(Next::Closed, Next::Request),
        Ok(_) => Next::Other,
        Err(_) => Next::Closed,
    }
}

async fn read_request(first: u8, read: &mut (impl AsyncReadExt + Unpin)) -> Option<Request> {
    let mut head = vec![first];
    while !head.ends_with(b"\r\n\r\n") {
        head.push(read.read_u8().await.ok()?);
        if head.len() > REQUEST_BYTES_MAX {
            return None;
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let query = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name, true), decode(value, true))
    });
    let (path, query) = (path.to_owned(), query.collect());
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length: usize = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length.min(REQUEST_BYTES_MAX)];
    read.read_exact(&mut body).await.ok()?;
    Some(Request { method, path, query, headers, body })
}

fn decode(text: &str, plus_is_space: bool) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        let hex = bytes.get(index + 1..index + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        match (bytes[index], hex.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'%', Some(byte)) => {
                decoded.push(byte);
                index += 2;
            }
            (b'+', _) if plus_is_space => decoded.push(b' '),
            (byte, _) => decoded.push(byte),
        }
        index += 1;
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

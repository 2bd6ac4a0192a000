//! A small HTTP server on this machine, which answers as a test tells it and keeps what it was asked.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    /// Path and parameters, as they were encoded.
    pub target: String,
    headers: Vec<(String, String)>,
    pub body: String,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// What is answered.
#[derive(Debug, Clone)]
pub enum Response {
    /// Status, headers, and a body.
    Full(u16, Vec<(String, String)>, Vec<u8>),
    /// The connection is closed without an answer.
    Close,
    /// Nothing, for as long as the client waits.
    Hang,
    /// These bytes, then the connection is closed.
    Raw(Vec<u8>),
    /// A body without end.
    Endless,
}

impl Response {
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::Full(status, vec![("Content-Type".to_owned(), "application/json".to_owned())], body.to_string().into())
    }

    /// An error as Iceberg's REST specification has it.
    pub fn error(status: u16, kind: &str, message: &str) -> Self {
        Self::json(status, &serde_json::json!({"error": {"message": message, "type": kind, "code": status}}))
    }

    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        if let Self::Full(_, headers, _) = &mut self {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }
}

type Handler = dyn Fn(&Request) -> Response + Send + Sync;

/// The server. It ends with the test's runtime.
pub struct HttpServer {
    pub uri: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl HttpServer {
    pub async fn start(handler: impl Fn(&Request) -> Response + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (kept, handler): (_, Arc<Handler>) = (Arc::clone(&requests), Arc::new(handler));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&handler), Arc::clone(&kept)));
            }
        });
        Self { uri, requests }
    }

    /// What was asked so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    pub fn n_requests(&self) -> usize {
        self.requests.lock().unwrap().len()
    }
}

/// Answers one request after the other, until the client has no more.
pub async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    handler: Arc<Handler>,
    requests: Arc<Mutex<Vec<Request>>>,
) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let request = read(&mut stream).await?;
        let response = handler(&request);
        requests.lock().unwrap().push(request);
        match response {
            Response::Full(status, headers, body) => {
                let mut head = format!("HTTP/1.1 {status} Status\r\nContent-Length: {}\r\n", body.len());
                headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
                // In one piece: what follows would wait for the first to be acknowledged.
                stream.write_all(&[head.as_bytes(), b"\r\n", &body].concat()).await.ok()?;
                stream.flush().await.ok()?;
            }
            Response::Close => return None,
            Response::Hang => std::future::pending().await,
            Response::Raw(bytes) => {
                stream.write_all(&bytes).await.ok()?;
                stream.flush().await.ok()?;
                return None;
            }
            Response::Endless => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"a\":\"").await.ok()?;
                loop {
                    stream.write_all(&[b'x'; 1 << 16]).await.ok()?;
                }
            }
        }
    }
}

async fn read(stream: &mut (impl AsyncBufReadExt + Unpin)) -> Option<Request> {
    let mut line = String::new();
    let mut lines = Vec::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            text => lines.push(text.to_owned()),
        }
    }
    let mut first = lines.first()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: Vec<(String, String)> = lines
        .iter()
        .skip(1)
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let mut body = vec![0; length.map_or(0, |(_, value)| value.parse().unwrap())];
    stream.read_exact(&mut body).await.ok()?;
    Some(Request { method, target, headers, body: String::from_utf8(body).unwrap() })
}

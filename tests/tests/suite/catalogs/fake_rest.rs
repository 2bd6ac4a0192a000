//! A REST catalog on this machine, of what a reader needs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use frazil_table::catalog::{CatalogConfig, CatalogKind, TableName};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::contract::Subject;
use super::http_server::{HttpServer, Request, Response};
use super::{config, metadata_at};

/// Tables by namespace and name, each with where its metadata is and what it says.
type Tables = BTreeMap<(String, String), (String, Value)>;

/// The catalog, with the folder of its tables.
pub struct FakeRest {
    pub server: HttpServer,
    tables: Arc<Mutex<Tables>>,
    folder: TempDir,
}

impl FakeRest {
    pub async fn start() -> Self {
        Self::with(|_, response| response).await
    }

    /// A catalog whose answers `change` may replace.
    pub async fn with(change: impl Fn(&Request, Response) -> Response + Send + Sync + 'static) -> Self {
        let tables: Arc<Mutex<Tables>> = Arc::default();
        let seen = Arc::clone(&tables);
        let server = HttpServer::start(move |request| {
            let response = respond(request, &seen.lock().unwrap());
            change(request, response)
        })
        .await;
        Self { server, tables, folder: tempfile::tempdir().unwrap() }
    }

    async fn put(&self, table: &TableName, location: &str) {
        let metadata = metadata_at(location).await;
        let key = (table.namespace.join("\u{1f}"), table.table.clone());
        self.tables.lock().unwrap().insert(key, (location.to_owned(), metadata));
    }
}

fn respond(request: &Request, tables: &Tables) -> Response {
    let path = request.target.split('?').next().unwrap();
    let parts: Vec<String> = path.split('/').skip(1).map(decoded).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    match parts.as_slice() {
        ["v1", "config"] => Response::json(200, &json!({"defaults": {}, "overrides": {"prefix": "ws"}})),
        ["v1", "ws", "namespaces"] => {
            let parent = request.target.split_once("parent=").map(|(_, parent)| decoded(parent));
            let mut names: Vec<&str> = tables.keys().map(|(namespace, _)| namespace.as_str()).collect();
            names.dedup();
            // All namespaces here have one level.
            let listed: Vec<Value> = names.iter().filter(|_| parent.is_none()).map(|name| json!([name])).collect();
            Response::json(200, &json!({"namespaces": listed}))
        }
        ["v1", "ws", "namespaces", namespace, "tables"] => {
            let here = tables.keys().filter(|(known, _)| known == namespace);
            let listed: Vec<Value> = here.map(|(_, name)| json!({"namespace": [namespace], "name": name})).collect();
            if listed.is_empty() {
                return Response::error(404, "NoSuchNamespaceException", "Namespace does not exist");
            }
            Response::json(200, &json!({"identifiers": listed}))
        }
        ["v1", "ws", "namespaces", namespace, "tables", table] => {
            let key = ((*namespace).to_owned(), (*table).to_owned());
            let Some((location, metadata)) = tables.get(&key) else {
                return Response::error(404, "NoSuchTableException", "Table does not exist");
            };
            let etag = format!("\"{location}\"");
            if request.header("If-None-Match") == Some(&etag) {
                return Response::Full(304, Vec::new(), Vec::new());
            }
            let body = json!({"metadata-location": location, "metadata": metadata, "config": {}});
            Response::json(200, &body).with_header("ETag", &etag)
        }
        _ => Response::error(404, "NoSuchViewException", "View does not exist"),
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).unwrap()
}

#[async_trait::async_trait]
impl Subject for FakeRest {
    fn config(&self) -> CatalogConfig {
        config(CatalogKind::Rest, &[("uri", &self.server.uri)])
    }

    fn namespace(&self) -> String {
        "db".to_owned()
    }

    async fn register(&self, table: &TableName, location: &str) {
        self.put(table, location).await;
    }

    async fn move_to(&self, table: &TableName, location: &str) {
        self.put(table, location).await;
    }

    fn folder(&self, table: &TableName) -> String {
        format!("{}/{}", self.folder.path().display(), table.table)
    }
}

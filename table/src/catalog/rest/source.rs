//! One table of a REST catalog, as often as asked.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use serde_json::{Map, Value};

use super::RestCatalog;
use super::commit::RestTarget;
use super::credentials::{KnownStorage, storage};
use crate::catalog::{Catalog, TableName, TableSource};
use crate::commit::target::CommitTarget;
use crate::table::Table;
use crate::{Result, TableError, metadata};

/// The current state of a table, and the mark by which the server knows it.
#[derive(Debug)]
pub(super) struct RestSource {
    catalog: Arc<RestCatalog>,
    table: TableName,
    name: String,
    seen: Mutex<Seen>,
}

/// What is kept of the answer that came last.
#[derive(Debug, Clone, Default)]
struct Seen {
    metadata_location: String,
    /// The mark by which the server knows that state; `None` if it gives none.
    etag: Option<String>,
    storage: Option<KnownStorage>,
}

impl RestSource {
    pub(super) fn new(catalog: Arc<RestCatalog>, table: TableName) -> Self {
        let name = table.to_string();
        Self { catalog, table, name, seen: Mutex::default() }
    }

    fn seen(&self) -> Seen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The current state, and its metadata as the server has it.
    ///
    /// # Errors
    /// As [`TableSource::load`].
    pub(super) async fn load_document(&self) -> Result<(Table, Map<String, Value>)> {
        let (answer, etag, url) = self.ask().await?;
        let document = answer.get("metadata").and_then(Value::as_object).cloned().unwrap_or_default();
        Ok((self.read(answer, etag, &url).await?, document))
    }

    /// Asks for the current state, whatever is known. Returns the answer, its mark, and where it comes from.
    async fn ask(&self) -> Result<(Map<String, Value>, Option<String>, String)> {
        let Some((answer, url)) = self.catalog.table_answer(&self.table, None).await? else {
            return Err(TableError::catalog(
                self.catalog.name(),
                format!("`{}` is answered with 304 though no state was named; look into the server's log", self.name),
            ));
        };
        let etag = answer.etag.clone();
        Ok((self.catalog.table_json(&url, answer).await?, etag, url))
    }

    /// The table that an answer holds.
    async fn read(&self, mut answer: Map<String, Value>, etag: Option<String>, url: &str) -> Result<Table> {
        let metadata = answer.remove("metadata");
        let metadata = metadata.ok_or_else(|| self.catalog.http.no_catalog(url, "the answer has no `metadata`"))?;
        let location = answer.get("metadata-location").and_then(Value::as_str);
        // A table that is only staged has none; every answer with it counts as another state then.
        let location = location.map_or_else(|| format!("{url}#metadata"), str::to_owned);
        let known = storage(&self.catalog, &self.table, &Value::Object(answer), self.seen().storage).await?;
        let table = metadata::from_json(metadata, &location, &self.name, known.storage.clone()).await?;
        let seen = Seen { metadata_location: location, etag, storage: Some(known) };
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = seen;
        Ok(table)
    }
}

#[async_trait]
impl TableSource for RestSource {
    fn name(&self) -> &str {
        &self.name
    }

    async fn load(&self) -> Result<Table> {
        let (answer, etag, url) = self.ask().await?;
        self.read(answer, etag, &url).await
    }

    async fn load_if_changed(&self, current: &Table) -> Result<Option<Table>> {
        let seen = self.seen();
        let etag = seen.etag.filter(|_| seen.metadata_location == current.metadata_location());
        let Some((answer, url)) = self.catalog.table_answer(&self.table, etag.as_deref()).await? else {
            return Ok(None);
        };
        let etag = answer.etag.clone();
        let json = self.catalog.table_json(&url, answer).await?;
        let location = json.get("metadata-location").and_then(Value::as_str);
        if location == Some(current.metadata_location()) {
            return Ok(None);
        }
        self.read(json, etag, &url).await.map(Some)
    }

    async fn commit_target(self: Arc<Self>) -> Result<Arc<dyn CommitTarget>> {
        Ok(Arc::new(RestTarget::new(Arc::clone(&self.catalog), self.table.clone())))
    }
}

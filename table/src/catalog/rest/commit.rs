//! Commits to tables of a REST catalog: the server checks the requirements, makes the updates and writes the metadata.
//! Source: Iceberg REST catalog specification, `updateTable` and `createTable`.

use std::sync::Arc;

use async_trait::async_trait;
use reqwest::Client;
use reqwest::header::AUTHORIZATION;
use reqwest::redirect::Policy;
use serde_json::{Value, json};

use super::http::{Failure, Posted, Refusal};
use super::source::RestSource;
use super::{RestCatalog, client};
use crate::catalog::{Catalog, TableName, TableSource};
use crate::commit::NewTable;
use crate::commit::PendingCommit;
use crate::commit::target::{CommitBase, CommitTarget, SwapAnswer, lock_name_in_catalog};
use crate::commit::update::{MetadataUpdate, Requirement};
use crate::{Result, TableError};

/// A table of a REST catalog.
#[derive(Debug)]
pub(super) struct RestTarget {
    catalog: Arc<RestCatalog>,
    table: TableName,
    source: RestSource,
}

impl RestTarget {
    pub(super) fn new(catalog: Arc<RestCatalog>, table: TableName) -> Self {
        let source = RestSource::new(Arc::clone(&catalog), table.clone());
        Self { catalog, table, source }
    }
}

impl RestCatalog {
    /// A client that goes where it is sent and nowhere else: after some redirects a request is sent on as one that
    /// only reads, whose answer would be taken for that to the change.
    async fn poster(&self) -> Result<&Client> {
        let make = || client(&self.config, &self.storage, self.http.limits, Policy::none());
        self.poster.get_or_try_init(make).await
    }

    /// Sends a change once. Not even credentials that are refused are renewed for a second try.
    async fn post(&self, url: &str, body: &Value) -> Posted {
        let prepared = async {
            let server = self.server().await?;
            let header = server.auth.header(&self.http, None).await?;
            let request = self.poster().await?.post(url).json(body);
            Ok::<_, TableError>(match header {
                Some(header) => request.header(AUTHORIZATION, header),
                None => request,
            })
        };
        match prepared.await {
            Ok(request) => self.http.send_once(url, request).await,
            Err(error) => Posted::NotSent(error),
        }
    }

    pub(super) async fn create(&self, table: &TableName, new: &NewTable) -> Result<()> {
        let url = self.server().await?.addresses.tables(&table.namespace);
        match self.post(&url, &new.request(&table.table)?).await {
            Posted::Done => Ok(()),
            Posted::Refused(refusal) if refusal.status.as_u16() == 409 => Err(TableError::invalid(format!(
                "there is a table or view `{table}` already: {}; choose another name",
                refusal.message
            ))),
            Posted::Refused(refusal) if refusal.status.as_u16() == 404 && !refusal.kind.is_empty() => {
                Err(TableError::TableNotFound {
                    table: table.to_string(),
                    detail: format!(
                        "catalog `{}` has no namespace `{}`; make it first",
                        self.name(),
                        table.namespace.join(".")
                    ),
                })
            }
            Posted::Refused(refusal) => Err(self.refused_change(&url, &refusal)),
            Posted::NotSent(error) | Posted::Unknown(error) => Err(error),
        }
    }

    /// The error for a change that the server refuses as it is.
    fn refused_change(&self, url: &str, refusal: &Refusal) -> TableError {
        match refusal.status.as_u16() {
            400 | 422 if !refusal.kind.is_empty() => TableError::denied(
                self.name(),
                format!("{} ({}); change what is asked for", refusal.message, refusal.kind),
            ),
            _ => self.failed(url, Failure::Refused(refusal.clone())),
        }
    }
}

#[async_trait]
impl CommitTarget for RestTarget {
    fn name(&self) -> &str {
        self.source.name()
    }

    fn lock_name(&self) -> String {
        lock_name_in_catalog(self.catalog.name(), &self.table)
    }

    async fn load(&self) -> Result<CommitBase> {
        let (table, document) = self.source.load_document().await?;
        Ok(CommitBase { table, document })
    }

    async fn swap(&self, _: &CommitBase, updates: &[MetadataUpdate], requirements: &[Requirement]) -> SwapAnswer {
        let url = match self.catalog.server().await {
            Ok(server) => server.addresses.table(&self.table),
            Err(error) => return SwapAnswer::Failed(error),
        };
        let body = json!({
            "identifier": {"namespace": self.table.namespace, "name": self.table.table},
            "requirements": requirements.iter().map(Requirement::to_json).collect::<Vec<_>>(),
            "updates": updates.iter().map(MetadataUpdate::to_json).collect::<Vec<_>>(),
        });
        match self.catalog.post(&url, &body).await {
            Posted::Done => SwapAnswer::Swapped,
            Posted::Refused(refusal) if refusal.status.as_u16() == 409 => {
                let said = if refusal.message.is_empty() { "a requirement does not hold" } else { &refusal.message };
                SwapAnswer::Refused { reason: said.to_owned() }
            }
            Posted::Refused(refusal) if refusal.status.as_u16() == 404 => {
                SwapAnswer::Failed(self.catalog.no_table(&self.table, &url, &refusal).await)
            }
            Posted::Refused(refusal) => SwapAnswer::Failed(self.catalog.refused_change(&url, &refusal)),
            Posted::NotSent(error) => SwapAnswer::Failed(error),
            Posted::Unknown(error) => SwapAnswer::Unknown(error),
        }
    }

    /// A commit that leaves the branch alone, such as of properties, does not refuse one that is on its way.
    fn is_superseded(&self, pending: &PendingCommit, now: &CommitBase) -> bool {
        let head = now.table.metadata().snapshot_for_ref(&pending.branch).map(|head| head.snapshot_id());
        head != pending.base_snapshot_id
    }
}

//! `frazil.v1.Tables`: what tables are, and how far they are complete.

use std::collections::BTreeMap;

use frazil_proto::v1;
use frazil_proto::v1::tables_server::{Tables, TablesServer};
use frazil_reader::discovery::TableWatch;
use frazil_table::lineage::Lineage;
use frazil_table::watermark::{Origin, TableWatermark, TimeUnit, WatermarkName, table_watermark};
use frazil_table::{Advice, MAIN_BRANCH, Table, TableError};
use futures::StreamExt;
use futures::stream::BoxStream;
use tonic::{Request, Response, Status};

use crate::service::Service;
use crate::status::{invalid, of_table, status};

/// Most writers of a request.
const NAMES_MAX: usize = 1_000;

/// The service behind a port.
pub(crate) struct TablesApi(Service);

impl TablesApi {
    pub(crate) fn server(service: Service) -> TablesServer<Self> {
        TablesServer::new(Self(service))
    }
}

#[tonic::async_trait]
impl Tables for TablesApi {
    type WaitWatermarkStream = BoxStream<'static, Result<v1::GetWatermarkResponse, Status>>;

    async fn list_tables(
        &self,
        request: Request<v1::ListTablesRequest>,
    ) -> Result<Response<v1::ListTablesResponse>, Status> {
        list_tables(&self.0, request.get_ref()).await.map(Response::new)
    }

    async fn get_table(&self, request: Request<v1::GetTableRequest>) -> Result<Response<v1::GetTableResponse>, Status> {
        get_table(&self.0, request.get_ref()).await.map(Response::new)
    }

    async fn get_watermark(
        &self,
        request: Request<v1::GetWatermarkRequest>,
    ) -> Result<Response<v1::GetWatermarkResponse>, Status> {
        get_watermark(&self.0, request.get_ref()).await.map(Response::new)
    }

    async fn wait_watermark(
        &self,
        request: Request<v1::WaitWatermarkRequest>,
    ) -> Result<Response<Self::WaitWatermarkStream>, Status> {
        wait_watermark(self.0.clone(), request.into_inner()).await.map(Response::new)
    }
}

pub(crate) async fn list_tables(
    service: &Service,
    request: &v1::ListTablesRequest,
) -> Result<v1::ListTablesResponse, Status> {
    let mut tables = service.resolver().list().await.map_err(|error| of_table(&error))?;
    if !request.catalog.is_empty() {
        let prefix = format!("{}.", request.catalog);
        tables.retain(|table| table.starts_with(&prefix));
    }
    tables.sort_unstable();
    Ok(v1::ListTablesResponse { tables })
}

async fn get_table(service: &Service, request: &v1::GetTableRequest) -> Result<v1::GetTableResponse, Status> {
    let table = service.table(&request.table).await?;
    let metadata = table.metadata();
    let lineage = Lineage::of_branch(metadata, table.metadata_location(), branch(&request.branch));
    let lineage = lineage.map_err(|error| of_table(&error))?;
    let head = lineage.head();
    let schema = metadata.current_schema();
    let schema_json = serde_json::to_string(schema.as_ref())
        .map_err(|error| crate::status::internal(format!("a schema as JSON: {error}")))?;
    let identifiers = schema.identifier_field_ids().filter_map(|id| schema.name_by_field_id(id).map(str::to_owned));
    let mut identifier_fields: Vec<String> = identifiers.collect();
    identifier_fields.sort_unstable();
    let summary = head.map(|head| {
        let summary = head.summary();
        let mut all: BTreeMap<String, String> =
            summary.additional_properties.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        all.insert("operation".to_owned(), summary.operation.as_str().to_owned());
        all
    });
    Ok(v1::GetTableResponse {
        table: table.name().to_owned(),
        table_uuid: metadata.uuid().to_string(),
        format_version: match metadata.format_version() {
            iceberg::spec::FormatVersion::V1 => 1,
            iceberg::spec::FormatVersion::V2 => 2,
            iceberg::spec::FormatVersion::V3 => 3,
        },
        metadata_location: table.metadata_location().to_owned(),
        snapshot_id: head.map(|head| head.snapshot_id()),
        committed_at_ms: head.map(|head| head.timestamp_ms()),
        schema_id: schema.schema_id(),
        schema_json,
        identifier_fields,
        snapshots: metadata.snapshots().count() as u64,
        summary: summary.unwrap_or_default(),
        properties: metadata.properties().iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
    })
}

pub(crate) async fn get_watermark(
    service: &Service,
    request: &v1::GetWatermarkRequest,
) -> Result<v1::GetWatermarkResponse, Status> {
    let names = names(&request.names)?;
    let table = service.table(&request.table).await?;
    let found = table_watermark(&table, branch(&request.branch), &names).await.map_err(|error| of_table(&error))?;
    Ok(shown(found, request.reach_ms))
}

/// The watermark whenever it changes, until it has reached the time that is asked for.
///
/// # Errors
/// As [`get_watermark`]; what goes wrong later ends the stream, unless it may pass.
pub(crate) async fn wait_watermark(
    service: Service,
    request: v1::WaitWatermarkRequest,
) -> Result<BoxStream<'static, Result<v1::GetWatermarkResponse, Status>>, Status> {
    let names = names(&request.names)?;
    let mut watch = service.watch(&request.table).await?;
    let table = watch.look().await.map_err(|error| of_table(&error))?;
    let branch = branch(&request.branch).to_owned();
    // What is wrong with the request is told at once.
    let first = found(&table, &branch, &names, request.reach_ms).await;
    if let Err(error) = &first
        && error.advice() != Advice::RetryLater
    {
        return Err(of_table(error));
    }
    let wait = Wait {
        service,
        watch,
        seen: table.metadata_location().to_owned(),
        branch,
        names,
        reach_ms: request.reach_ms,
        told: None,
        next: Some(first),
        is_done: false,
    };
    Ok(futures::stream::unfold(wait, Wait::next).boxed())
}

struct Wait {
    service: Service,
    watch: TableWatch,
    /// Metadata of the state that was looked at last.
    seen: String,
    branch: String,
    names: Vec<WatermarkName>,
    reach_ms: Option<i64>,
    told: Option<v1::GetWatermarkResponse>,
    /// What was found and not told yet.
    next: Option<Result<v1::GetWatermarkResponse, TableError>>,
    is_done: bool,
}

impl Wait {
    async fn next(mut self) -> Option<(Result<v1::GetWatermarkResponse, Status>, Self)> {
        if self.is_done {
            return None;
        }
        loop {
            match self.next.take() {
                Some(Ok(found)) if self.told.as_ref() != Some(&found) => {
                    self.is_done = found.reached;
                    self.told = Some(found.clone());
                    return Some((Ok(found), self));
                }
                Some(Err(error)) if error.advice() != Advice::RetryLater => {
                    self.is_done = true;
                    return Some((Err(of_table(&error)), self));
                }
                _ => {}
            }
            let stopping = self.service.stopping().clone();
            let looked = tokio::select! {
                biased;
                () = stopping.cancelled() => {
                    self.is_done = true;
                    let message = "the server is stopping; ask again, here or elsewhere";
                    let stopped = status(tonic::Code::Unavailable, "SERVER_STOPPING", message, Advice::RetryLater);
                    return Some((Err(stopped), self));
                }
                looked = self.watch.next() => looked,
            };
            match looked {
                Ok(table) if table.metadata_location() == self.seen => {}
                Ok(table) => {
                    self.next = Some(found(&table, &self.branch, &self.names, self.reach_ms).await);
                    table.metadata_location().clone_into(&mut self.seen);
                }
                Err(error) => self.next = Some(Err(error)),
            }
        }
    }
}

async fn found(
    table: &Table,
    branch: &str,
    names: &[WatermarkName],
    reach_ms: Option<i64>,
) -> Result<v1::GetWatermarkResponse, TableError> {
    Ok(shown(table_watermark(table, branch, names).await?, reach_ms))
}

fn branch(branch: &str) -> &str {
    if branch.is_empty() { MAIN_BRANCH } else { branch }
}

/// Writers by name; times of properties and columns are milliseconds where they have no unit of their own.
fn names(names: &[String]) -> Result<Vec<WatermarkName>, Status> {
    if names.len() > NAMES_MAX {
        return Err(invalid(format!("`names` has more than {NAMES_MAX} names, the most")));
    }
    let name = |name: &String| match name.split_once(':') {
        _ if name.is_empty() => Err(invalid("`names` has an empty name")),
        Some(("property", key)) if !key.is_empty() => {
            Ok(WatermarkName::Property { key: key.to_owned(), unit: TimeUnit::Millis })
        }
        Some(("column", column)) if !column.is_empty() => {
            Ok(WatermarkName::Column { column: column.to_owned(), unit: None, lateness_ms: 0 })
        }
        Some(("property" | "column", _)) => Err(invalid(format!("`{name}` names nothing after its colon"))),
        _ => Ok(WatermarkName::Writer(name.clone())),
    };
    names.iter().map(name).collect()
}

fn shown(found: TableWatermark, reach_ms: Option<i64>) -> v1::GetWatermarkResponse {
    let watermark_ms = found.time.ms();
    let writers = found.marks.into_iter().map(|mark| v1::WriterWatermark {
        watermark_ms: mark.time.ms(),
        snapshot_id: match mark.origin {
            Origin::Summary { snapshot_id, .. } | Origin::Column { snapshot_id, .. } => Some(snapshot_id.get()),
            Origin::Property => None,
        },
        name: mark.name,
        key: mark.key,
        is_idle: mark.is_idle,
    });
    v1::GetWatermarkResponse {
        watermark_ms,
        reached: reach_ms.is_some_and(|reach_ms| watermark_ms >= reach_ms),
        writers: writers.collect(),
        warnings: found.warnings,
    }
}

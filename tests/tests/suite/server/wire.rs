//! A server on a port of its own, and what clients see of it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow_array::RecordBatch;
use arrow_flight::decode::DecodedPayload;
use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::{FlightClient, FlightDescriptor, Ticket};
use async_trait::async_trait;
use frazil_fixtures::tables;
use frazil_proto::v1::StreamMetadata;
use frazil_reader::discovery::WatchSettings;
use frazil_reader::groups::FileGroupStore;
use frazil_server::flight::tickets::Tickets;
use frazil_server::{Limits, ServeSettings, Service, ServiceParts, TableResolver, serve};
use frazil_table::catalog::{TableSource, table_source};
use frazil_table::{SystemClock, Table, TableError};
use futures::StreamExt;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::read::{locator, storage};

/// Nothing here takes so long.
pub const LONG: Duration = Duration::from_secs(60);

/// Key with which the servers of these tests sign.
pub const KEY: [u8; 32] = [7; 32];

/// All fixture tables by their labels, and tables that a test holds.
#[derive(Debug, Default)]
pub struct Tables {
    pub held: BTreeMap<String, Arc<Held>>,
}

/// A table whose state a test sets.
#[derive(Debug)]
pub struct Held {
    name: String,
    state: Mutex<Table>,
}

impl Held {
    pub fn new(name: &str, table: Table) -> Arc<Self> {
        Arc::new(Self { name: name.to_owned(), state: Mutex::new(table) })
    }

    pub fn set(&self, table: Table) {
        *self.state.lock().unwrap() = table;
    }

    fn get(&self) -> Table {
        self.state.lock().unwrap().clone()
    }
}

/// A table that a test holds, as a place where it is found.
#[derive(Debug)]
struct HeldSource(Arc<Held>);

#[async_trait]
impl TableSource for HeldSource {
    fn name(&self) -> &str {
        &self.0.name
    }

    async fn load(&self) -> frazil_table::Result<Table> {
        Ok(self.0.get())
    }

    async fn load_if_changed(&self, current: &Table) -> frazil_table::Result<Option<Table>> {
        let table = self.0.get();
        Ok((table.metadata_location() != current.metadata_location()).then_some(table))
    }
}

#[async_trait]
impl TableResolver for Tables {
    async fn source(&self, table: &str) -> Result<Arc<dyn TableSource>, TableError> {
        if let Some(held) = self.held.get(table) {
            return Ok(Arc::new(HeldSource(held.clone())));
        }
        let fixture = tables().iter().find(|fixture| fixture.label() == table);
        let fixture = fixture.ok_or_else(|| TableError::TableNotFound {
            table: table.to_owned(),
            detail: "there is no such fixture".to_owned(),
        })?;
        Ok(table_source(&locator(fixture), &storage()))
    }

    async fn list(&self) -> Result<Vec<String>, TableError> {
        Ok(self.held.keys().cloned().chain(tables().iter().map(|fixture| fixture.label())).collect())
    }
}

/// A server that ends with its test.
pub struct Server {
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
    _groups: Option<TempDir>,
}

impl Server {
    pub async fn start(tables: Tables) -> Self {
        Self::with(tables, Limits::default(), ServeSettings::default()).await
    }

    pub async fn with(tables: Tables, limits: Limits, settings: ServeSettings) -> Self {
        let groups = tempfile::tempdir().unwrap();
        let service = Service::new(ServiceParts {
            tables: Arc::new(tables),
            watching: WatchSettings { interval_max: Duration::from_millis(20), requests_per_second: 1_000, seed: 1 },
            groups: Arc::new(FileGroupStore::new(groups.path())),
            tickets: Tickets::new(&KEY),
            limits,
            owner: "tests".to_owned(),
            daemon: None,
            clock: Arc::new(SystemClock),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            let stopped = async { stopped.await.unwrap_or_default() };
            serve(service, settings, listener, stopped).await.unwrap();
        });
        Self { address, stop: Some(stop), task, _groups: Some(groups) }
    }

    /// Tells it to end.
    pub fn stop(&mut self) {
        let _ = self.stop.take().unwrap().send(());
    }

    /// Waits until it has ended.
    pub async fn ended(self) {
        tokio::time::timeout(LONG, self.task).await.expect("the server ends").unwrap();
    }

    pub async fn channel(&self) -> Channel {
        Channel::from_shared(format!("http://{}", self.address)).unwrap().connect().await.unwrap()
    }

    pub async fn client(&self) -> FlightClient {
        let inner = FlightServiceClient::new(self.channel().await).max_decoding_message_size(64 << 20);
        FlightClient::new_from_inner(inner)
    }
}

/// One batch of a stream, and what came with it.
#[derive(Debug, Clone)]
pub struct Got {
    pub rows: RecordBatch,
    pub metadata: StreamMetadata,
}

/// A request as JSON, as a descriptor.
pub fn command(request: &Value) -> FlightDescriptor {
    FlightDescriptor::new_cmd(request.to_string().into_bytes())
}

/// The error of a call, as the server sent it.
pub fn status(error: arrow_flight::error::FlightError) -> Status {
    match error {
        arrow_flight::error::FlightError::Tonic(status) => *status,
        other => panic!("no answer of the server: {other:?}"),
    }
}

/// Code and reason of an answer.
pub fn reason(status: &Status) -> (Code, String) {
    (status.code(), status.get_details_error_info().map(|info| info.reason).unwrap_or_default())
}

/// The ticket of the only endpoint for a request.
pub async fn ticket(client: &mut FlightClient, request: &Value) -> Result<Ticket, Status> {
    let info = client.get_flight_info(command(request)).await.map_err(status)?;
    let [endpoint] = info.endpoint.as_slice() else { panic!("{} endpoints", info.endpoint.len()) };
    Ok(endpoint.ticket.clone().unwrap())
}

/// A stream that is being read.
pub struct Reading {
    decoder: arrow_flight::decode::FlightDataDecoder,
}

impl Reading {
    pub async fn open(client: &mut FlightClient, ticket: Ticket) -> Result<Self, Status> {
        let stream = client.do_get(ticket).await.map_err(status)?;
        Ok(Self { decoder: stream.into_inner() })
    }

    /// The next batch; `None` at the end.
    pub async fn next(&mut self) -> Option<Result<Got, Status>> {
        loop {
            let next = tokio::time::timeout(LONG, self.decoder.next()).await.expect("a message comes");
            let data = match next? {
                Ok(data) => data,
                Err(error) => return Some(Err(status(error))),
            };
            if let DecodedPayload::RecordBatch(rows) = data.payload {
                let metadata = serde_json::from_slice(&data.inner.app_metadata).unwrap();
                return Some(Ok(Got { rows, metadata }));
            }
        }
    }
}

/// All batches of a request, and how the stream ended.
pub async fn read_all(client: &mut FlightClient, request: &Value) -> (Vec<Got>, Result<(), Status>) {
    let ticket = match ticket(client, request).await {
        Ok(ticket) => ticket,
        Err(status) => return (Vec::new(), Err(status)),
    };
    let mut reading = match Reading::open(client, ticket).await {
        Ok(reading) => reading,
        Err(status) => return (Vec::new(), Err(status)),
    };
    let mut batches = Vec::new();
    while let Some(next) = reading.next().await {
        match next {
            Ok(got) => batches.push(got),
            Err(status) => return (batches, Err(status)),
        }
    }
    (batches, Ok(()))
}

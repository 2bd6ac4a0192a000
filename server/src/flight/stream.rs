//! One stream of rows: a task that reads as fast as its client takes, and says with every batch where it stands.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_flight::FlightData;
use arrow_schema::ArrowError;
use bytes::Bytes;
use frazil_proto::v1::{
    Gap, KeyChange, Marker, Rollback, SchemaChange, SnapshotEnd, StreamMetadata, Truncate, marker::Kind,
};
use frazil_reader::change_columns::{ChangeColumns, Style};
use frazil_reader::discovery::{DEFAULT_INTERVAL_MAX, TableWatch, pause_after};
use frazil_reader::{ChangeStream, Event, Position, ReadError, RowStream, SnapshotInfo};
use frazil_table::watermark::watermark_as_of;
use frazil_table::{Advice, Clock, Table};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::Sender;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};
use tracing::{debug, info};

use super::encode::{Encoder, parts};
use crate::metrics::StreamMetrics;
use crate::service::Limits;
use crate::status::{internal, of_read, reason_of, status};

/// Messages that wait for the client, beside those that the connection holds.
pub(super) const N_WAITING_MAX: usize = 2;

type Sending<T> = Result<T, Ended>;

/// Why nothing more is sent.
#[derive(Debug)]
pub(super) enum Ended {
    /// The client has gone.
    Gone,
    /// The client is told why.
    With(Box<Status>),
}

impl From<Status> for Ended {
    fn from(status: Status) -> Self {
        Self::With(Box::new(status))
    }
}

impl From<ArrowError> for Ended {
    fn from(error: ArrowError) -> Self {
        internal(format!("encoding a batch: {error}")).into()
    }
}

/// The sending side of a stream.
pub(super) struct Outlet {
    pub(super) sender: Sender<FlightData>,
    /// The client cancelled the flight.
    pub(super) cancelled: CancellationToken,
    /// The server is to end.
    pub(super) stopping: CancellationToken,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) limits: Limits,
    pub(super) metrics: StreamMetrics,
    /// One of the streams that may be open.
    pub(super) _permit: OwnedSemaphorePermit,
}

/// What is sent.
pub(super) enum Content {
    Rows(Box<RowStream>),
    /// Changes of the table, and, with a watch, those that come.
    Changes(Box<ChangeStream>, Table, Option<TableWatch>),
}

/// Sends everything, and tells the client how it ended: whoever was sent a part only must not take it for the whole.
pub(super) async fn run(outlet: Outlet, content: Content, end: oneshot::Sender<Result<(), Status>>) {
    let ended = match content {
        Content::Rows(stream) => rows(&outlet, *stream).await,
        Content::Changes(stream, table, watch) => Changes::new(&outlet, table, &stream).run(*stream, watch).await,
    };
    match ended {
        // Nobody hears of it if the client has gone.
        Ok(()) => drop(end.send(Ok(()))),
        Err(Ended::Gone) => debug!("the client of a stream has gone"),
        Err(Ended::With(status)) => {
            outlet.metrics.failed(&reason_of(&status));
            if status.code() == Code::Internal {
                tracing::error!(message = status.message(), "a stream failed");
            }
            drop(end.send(Err(*status)));
        }
    }
}

async fn rows(outlet: &Outlet, mut stream: RowStream) -> Sending<()> {
    let columns = ChangeColumns::of_rows(stream.schema());
    let mut encoder = Encoder::new(columns.schema().clone());
    outlet.send(encoder.schema()).await?;
    loop {
        let next = tokio::select! {
            biased;
            ended = outlet.ended() => return Err(ended),
            next = stream.next() => next.map_err(|error| of_read(&error))?,
        };
        let Some(batch) = next else { return Ok(()) };
        outlet.metrics.sent(batch.num_rows(), 0);
        for part in parts(&columns.rows(&batch)?, None) {
            for message in encoder.batch(&part, metadata(&StreamMetadata::default())?)? {
                outlet.send(message).await?;
            }
        }
    }
}

impl Outlet {
    /// Gives a message to the client, which may take its time, but not for ever.
    async fn send(&self, message: FlightData) -> Sending<()> {
        tokio::select! {
            biased;
            permit = self.sender.reserve() => {
                let n_bytes = message.data_header.len() + message.data_body.len() + message.app_metadata.len();
                permit.map_err(|_| Ended::Gone)?.send(message);
                self.metrics.sent(0, n_bytes);
                Ok(())
            }
            () = self.cancelled.cancelled() => Err(cancelled()),
            () = self.clock.sleep(self.limits.stall_timeout) => {
                info!("a client was dropped that had stopped reading");
                let message = format!(
                    "nothing was read for {:?}; go on from the position of the last batch",
                    self.limits.stall_timeout
                );
                Err(status(Code::Aborted, "CLIENT_STALLED", &message, Advice::RetryLater).into())
            }
        }
    }

    /// Returns when nothing more is to be sent.
    async fn ended(&self) -> Ended {
        tokio::select! {
            biased;
            () = self.sender.closed() => Ended::Gone,
            () = self.cancelled.cancelled() => cancelled(),
            () = self.stopping.cancelled() => {
                let message = "the server is stopping; go on from the position of the last batch, here or elsewhere";
                status(Code::Unavailable, "SERVER_STOPPING", message, Advice::RetryLater).into()
            }
        }
    }
}

fn cancelled() -> Ended {
    status(Code::Cancelled, "CANCELLED", "the flight was cancelled", Advice::FixRequest).into()
}

fn metadata(metadata: &StreamMetadata) -> Result<Bytes, Status> {
    serde_json::to_vec(metadata).map(Bytes::from).map_err(|error| internal(format!("metadata of a batch: {error}")))
}

/// A stream of changes.
struct Changes<'a> {
    outlet: &'a Outlet,
    /// Newest state that the stream knows.
    table: Table,
    columns: ChangeColumns,
    encoder: Encoder,
    /// Position of the stream after what was sent.
    position: String,
    snapshot_watermark_ms: Option<i64>,
    last_checked_ms: i64,
    beat: Pin<Box<dyn Future<Output = ()> + Send + 'a>>,
}

impl<'a> Changes<'a> {
    fn new(outlet: &'a Outlet, table: Table, stream: &ChangeStream) -> Self {
        let columns = ChangeColumns::of_changes(&stream.header().schema, Style::Iceberg);
        let encoder = Encoder::new(columns.schema().clone());
        let last_checked_ms = outlet.clock.now_ms();
        let beat = outlet.clock.sleep(outlet.limits.heartbeat_interval);
        let position = String::new();
        Self { outlet, table, columns, encoder, position, snapshot_watermark_ms: None, last_checked_ms, beat }
    }

    async fn run(mut self, mut stream: ChangeStream, mut watch: Option<TableWatch>) -> Sending<()> {
        let schema = self.encoder.schema();
        self.outlet.send(schema).await?;
        let position = stream.position();
        self.snapshot_watermark_ms = position.as_ref().and_then(Position::snapshot_watermark_ms);
        self.position = position.map(|position| position.to_string()).unwrap_or_default();
        let mut outage = Outage::default();
        loop {
            let next = tokio::select! {
                biased;
                ended = self.outlet.ended() => return Err(ended),
                next = stream.next() => next,
            };
            match (next, &mut watch) {
                (Ok(Some(event)), _) => {
                    outage = Outage::default();
                    let after = text_of_position(&stream);
                    self.event(event, after).await?;
                }
                (Ok(None), None) => return Ok(()),
                (Ok(None), Some(_)) if stream.is_finished() => return Ok(()),
                (Ok(None), Some(watch)) => match self.newer(watch).await? {
                    None => {}
                    Some(Ok(newer)) => match stream.extend(&newer).await {
                        Ok(()) => {
                            outage = Outage::default();
                            self.table = newer;
                        }
                        Err(error) => self.wait(&mut outage, &error).await?,
                    },
                    // The watch pauses before it looks again.
                    Some(Err(error)) => {
                        outage.failed(&error.into(), self.outlet)?;
                    }
                },
                (Err(error), Some(_)) => self.wait(&mut outage, &error).await?,
                (Err(error), None) => return Err(of_read(&error).into()),
            }
        }
    }

    /// Waits for another state of the table. `None` if there was something else to do; it is to be called again.
    async fn newer(&mut self, watch: &mut TableWatch) -> Sending<Option<frazil_table::Result<Table>>> {
        let newest = watch.newest();
        if !newest.is_same_state(&self.table) {
            return Ok(Some(Ok(newest)));
        }
        let looked = tokio::select! {
            biased;
            ended = self.outlet.ended() => return Err(ended),
            looked = watch.next() => Some(looked),
            () = &mut self.beat => None,
        };
        match looked {
            None => self.heartbeat().await?,
            Some(Ok(newest)) => {
                self.last_checked_ms = self.outlet.clock.now_ms();
                if !newest.is_same_state(&self.table) {
                    return Ok(Some(Ok(newest)));
                }
            }
            Some(Err(error)) => return Ok(Some(Err(error))),
        }
        Ok(None)
    }

    async fn heartbeat(&mut self) -> Sending<()> {
        let last_checked_ms = Some(self.last_checked_ms);
        self.nothing(StreamMetadata { last_checked_ms, ..StreamMetadata::default() }).await
    }

    /// Waits before what failed is tried again; heartbeats go on.
    async fn wait(&mut self, outage: &mut Outage, error: &ReadError) -> Sending<()> {
        let n_failures = outage.failed(error, self.outlet)?;
        let outlet = self.outlet;
        let mut pause = outlet.clock.sleep(pause_after(n_failures, DEFAULT_INTERVAL_MAX));
        loop {
            tokio::select! {
                biased;
                ended = outlet.ended() => return Err(ended),
                () = &mut pause => return Ok(()),
                () = &mut self.beat => {}
            }
            self.heartbeat().await?;
        }
    }

    /// `after` is the position of the stream after the event.
    async fn event(&mut self, event: Event, after: String) -> Sending<()> {
        let (snapshot, kind) = match event {
            Event::Changes(batch) => {
                let rows = self.columns.changes(&batch)?;
                let snapshot_id = batch.snapshot.snapshot_id.get();
                return self.rows(&rows, &batch.operations, snapshot_id, after).await;
            }
            Event::SnapshotEnd { snapshot, snapshot_watermark_ms } => {
                self.snapshot_watermark_ms = Some(snapshot_watermark_ms);
                self.outlet.metrics.watermark(snapshot_watermark_ms);
                let SnapshotInfo { ordinal, timestamp_ms, ref operation, .. } = *snapshot;
                let operation = operation.clone();
                (snapshot, Kind::SnapshotEnd(SnapshotEnd { ordinal, timestamp_ms, operation }))
            }
            Event::SchemaChange { snapshot, from, to, .. } => {
                (snapshot, Kind::SchemaChange(SchemaChange { from_schema_id: from, to_schema_id: to }))
            }
            Event::KeyChange { snapshot, before, now } => (snapshot, Kind::KeyChange(KeyChange { before, now })),
            Event::Truncate { snapshot, consumed } => {
                (snapshot, Kind::Truncate(Truncate { consumed_snapshot_id: consumed.map(|id| id.get()) }))
            }
            Event::Gap { snapshot, consumed, is_lossy } => {
                (snapshot, Kind::Gap(Gap { consumed_snapshot_id: consumed.map(|id| id.get()), is_lossy }))
            }
            Event::Rollback { snapshot, undone } => {
                (snapshot, Kind::Rollback(Rollback { undone_snapshot_id: undone.get() }))
            }
        };
        self.position = after;
        let table_watermark_ms = match &kind {
            Kind::SnapshotEnd(_) => self.table_watermark_ms(&snapshot),
            _ => None,
        };
        self.nothing(StreamMetadata {
            table_watermark_ms,
            snapshot_id: Some(snapshot.snapshot_id.get()),
            marker: Some(Marker { kind: Some(kind) }),
            ..StreamMetadata::default()
        })
        .await
    }

    fn table_watermark_ms(&self, snapshot: &SnapshotInfo) -> Option<i64> {
        let snapshot = self.table.metadata().snapshot_by_id(snapshot.snapshot_id.get())?;
        watermark_as_of(&self.table, snapshot).map(|time| time.ms())
    }

    async fn rows(
        &mut self,
        rows: &RecordBatch,
        operations: &[frazil_reader::ChangelogOperation],
        snapshot_id: i64,
        after: String,
    ) -> Sending<()> {
        self.outlet.metrics.sent(rows.num_rows(), 0);
        let parts = parts(rows, Some(operations));
        let last = parts.len() - 1;
        for (index, part) in parts.iter().enumerate() {
            // A part of a batch is no place to go on from: whoever stops there gets the whole batch again.
            if index == last {
                self.position.clone_from(&after);
            }
            let metadata =
                self.filled(StreamMetadata { snapshot_id: Some(snapshot_id), ..StreamMetadata::default() })?;
            for message in self.encoder.batch(part, metadata)? {
                self.outlet.send(message).await?;
            }
        }
        self.beat = self.outlet.clock.sleep(self.outlet.limits.heartbeat_interval);
        Ok(())
    }

    /// A batch without rows.
    async fn nothing(&mut self, metadata: StreamMetadata) -> Sending<()> {
        let metadata = self.filled(metadata)?;
        for message in self.encoder.nothing(metadata)? {
            self.outlet.send(message).await?;
        }
        self.beat = self.outlet.clock.sleep(self.outlet.limits.heartbeat_interval);
        Ok(())
    }

    fn filled(&self, batch: StreamMetadata) -> Result<Bytes, Status> {
        metadata(&StreamMetadata {
            position: self.position.clone(),
            snapshot_watermark_ms: self.snapshot_watermark_ms,
            ..batch
        })
    }
}

fn text_of_position(stream: &ChangeStream) -> String {
    stream.position().map(|position| position.to_string()).unwrap_or_default()
}

/// Failures since the last success.
#[derive(Debug, Default)]
struct Outage {
    n_failures: u32,
    since_ms: Option<i64>,
}

impl Outage {
    /// How many there are now.
    ///
    /// # Errors
    /// The failure, if it will not pass or has lasted too long.
    fn failed(&mut self, error: &ReadError, outlet: &Outlet) -> Sending<u32> {
        let now_ms = outlet.clock.now_ms();
        let lasted_ms = now_ms.saturating_sub(*self.since_ms.get_or_insert(now_ms));
        let limit_ms = i64::try_from(outlet.limits.retry_timeout.as_millis()).unwrap_or(i64::MAX);
        if error.advice() != Advice::RetryLater || lasted_ms > limit_ms {
            return Err(of_read(error).into());
        }
        self.n_failures = self.n_failures.saturating_add(1);
        if self.n_failures == 1 {
            tracing::warn!(%error, "a stream cannot go on for now");
        }
        Ok(self.n_failures)
    }
}

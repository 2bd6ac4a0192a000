//! Arrow Flight: rows and changes of tables, and a few actions, so that Arrow is all a client needs.

mod actions;
mod encode;
mod flights;
mod offer;
mod stream;
pub mod tickets;

use arrow_flight::flight_service_server::{FlightService, FlightServiceServer};
use arrow_flight::{
    Action, ActionType, Criteria, Empty, FlightData, FlightDescriptor, FlightInfo, HandshakeRequest, HandshakeResponse,
    PollInfo, PutResult, SchemaResult, Ticket,
};
use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::sync::{mpsc, oneshot};
use tonic::codegen::tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Response, Status, Streaming};

use self::flights::Flights;
use self::stream::{Content, N_WAITING_MAX, Outlet};
use crate::request::{Reading, reading};
use crate::service::Service;
use crate::status::{internal, invalid, of_read, status};

/// Bytes of a request, at most: names, a condition, a position.
const REQUEST_BYTES_MAX: usize = 1 << 20;

/// Tables that are looked at together for a list.
const N_LISTED_AT_ONCE: usize = 8;

type Answer<T> = Result<Response<T>, Status>;
type Answers<T> = BoxStream<'static, Result<T, Status>>;

/// Arrow Flight's service.
#[derive(Debug)]
pub(crate) struct FlightApi {
    service: Service,
    flights: Flights,
}

impl FlightApi {
    /// The service, to be put behind a port.
    pub(crate) fn server(service: Service) -> FlightServiceServer<Self> {
        let api = Self { service, flights: Flights::default() };
        FlightServiceServer::new(api).max_decoding_message_size(REQUEST_BYTES_MAX)
    }
}

#[tonic::async_trait]
impl FlightService for FlightApi {
    type HandshakeStream = Answers<HandshakeResponse>;
    type ListFlightsStream = Answers<FlightInfo>;
    type DoGetStream = Answers<FlightData>;
    type DoPutStream = Answers<PutResult>;
    type DoExchangeStream = Answers<FlightData>;
    type DoActionStream = Answers<arrow_flight::Result>;
    type ListActionsStream = Answers<ActionType>;

    async fn handshake(&self, _request: Request<Streaming<HandshakeRequest>>) -> Answer<Self::HandshakeStream> {
        Err(unimplemented("there is no handshake; send `authorization: Bearer …` with each call"))
    }

    async fn list_flights(&self, request: Request<Criteria>) -> Answer<Self::ListFlightsStream> {
        let expression = request.into_inner().expression;
        let prefix = std::str::from_utf8(&expression).map_err(|_| invalid("the criteria are no UTF-8 text"))?;
        let tables = self.service.resolver().list().await.map_err(|error| crate::status::of_table(&error))?;
        let tables: Vec<String> = tables.into_iter().filter(|table| table.starts_with(prefix)).collect();
        let service = self.service.clone();
        let infos = futures::stream::iter(tables)
            .map(move |table| {
                let service = service.clone();
                async move { offer::listed(&service, table).await }
            })
            .buffered(N_LISTED_AT_ONCE)
            // What cannot be read is no flight; asking for it by name says why.
            .filter_map(|info| async move { info.ok().map(Ok) });
        Ok(Response::new(infos.boxed()))
    }

    async fn get_flight_info(&self, request: Request<FlightDescriptor>) -> Answer<FlightInfo> {
        let descriptor = request.into_inner();
        let request = offer::request_of(&descriptor)?;
        Ok(Response::new(offer::flight_info(&self.service, request, descriptor).await?))
    }

    async fn poll_flight_info(&self, _request: Request<FlightDescriptor>) -> Answer<PollInfo> {
        Err(unimplemented("flights are ready at once; call GetFlightInfo"))
    }

    async fn get_schema(&self, request: Request<FlightDescriptor>) -> Answer<SchemaResult> {
        let request = offer::request_of(&request.into_inner())?;
        let opened = offer::open(&self.service, &request).await?;
        Ok(Response::new(SchemaResult { schema: opened.schema_bytes()? }))
    }

    async fn do_get(&self, request: Request<Ticket>) -> Answer<Self::DoGetStream> {
        let offer = self.service.tickets().open(&request.into_inner().ticket, self.service.clock().now_ms())?;
        let cancelled = self.flights.begin(offer.flight_id, offer.expires_at_ms, self.service.clock().now_ms())?;
        if self.service.stopping().is_cancelled() {
            let message = "the server is stopping; ask another one, or later";
            return Err(status(Code::Unavailable, "SERVER_STOPPING", message, frazil_table::Advice::RetryLater));
        }
        let permit = self.service.streams().clone().try_acquire_owned().map_err(|_| {
            let message = "as many streams are open as the server serves; end one, or try again later";
            status(Code::ResourceExhausted, "STREAMS_EXHAUSTED", message, frazil_table::Advice::RetryLater)
        })?;
        let (content, table) = content(&self.service, offer).await?;
        let metrics = self.service.metrics().stream(&table);
        let (sender, receiver) = mpsc::channel(N_WAITING_MAX);
        let (end, ended) = oneshot::channel();
        let outlet = Outlet {
            sender,
            cancelled,
            stopping: self.service.stopping().clone(),
            clock: self.service.clock().clone(),
            limits: self.service.limits(),
            metrics,
            _permit: permit,
        };
        // Ends by itself when the client goes, the flight is cancelled or the server is to end.
        tokio::spawn(stream::run(outlet, content, end));
        let ended = futures::stream::once(ended).filter_map(async |ended| match ended {
            Ok(Ok(())) => None,
            Ok(Err(status)) => Some(Err(status)),
            Err(_) => Some(Err(internal("the task of a stream has ended amid it"))),
        });
        // What waits is sent first, and then how it ended.
        Ok(Response::new(ReceiverStream::new(receiver).map(Ok).chain(ended).boxed()))
    }

    async fn do_put(&self, _request: Request<Streaming<FlightData>>) -> Answer<Self::DoPutStream> {
        Err(unimplemented("tables are not written through this service"))
    }

    async fn do_exchange(&self, _request: Request<Streaming<FlightData>>) -> Answer<Self::DoExchangeStream> {
        Err(unimplemented("streams are read by DoGet"))
    }

    async fn do_action(&self, request: Request<Action>) -> Answer<Self::DoActionStream> {
        let answers = actions::run(&self.service, &self.flights, request.into_inner()).await?;
        Ok(Response::new(answers))
    }

    async fn list_actions(&self, _request: Request<Empty>) -> Answer<Self::ListActionsStream> {
        let actions = actions::ALL.iter().map(|(name, description)| {
            Ok(ActionType { r#type: (*name).to_owned(), description: (*description).to_owned() })
        });
        Ok(Response::new(futures::stream::iter(actions.collect::<Vec<_>>()).boxed()))
    }
}

/// Opens what was offered, and says of which table it is.
async fn content(service: &Service, offer: tickets::Offer) -> Result<(Content, String), Status> {
    let request = offer.request.ok_or_else(|| invalid("the ticket offers nothing"))?;
    let (name, watch) = service.watch_named(&request.table).await?;
    let table = watch.newest();
    let mut reading = reading(&request, &service.limits())?;
    if offer.end_lane > 0
        && let Reading::Changes(options, _) = &mut reading
        && let Some(lanes) = &mut options.lanes
    {
        let lane = |lane| u16::try_from(lane).map_err(|_| invalid("the ticket offers lanes that there are not"));
        lanes.range = lane(offer.first_lane)?..lane(offer.end_lane)?;
    }
    let content = match reading {
        Reading::Rows(options) => {
            let rows = frazil_reader::read_rows(&table, *options).await.map_err(|error| of_read(&error))?;
            Content::Rows(Box::new(rows))
        }
        Reading::Changes(options, false) => {
            let stream = frazil_reader::read_changes(&table, *options).await.map_err(|error| of_read(&error))?;
            Content::Changes(Box::new(stream), table, None)
        }
        Reading::Changes(options, true) => {
            let stream = frazil_reader::follow_changes(&table, *options).await.map_err(|error| of_read(&error))?;
            Content::Changes(Box::new(stream), table, Some(watch))
        }
    };
    Ok((content, name))
}

fn unimplemented(message: &str) -> Status {
    status(Code::Unimplemented, "UNSUPPORTED", message, frazil_table::Advice::FixRequest)
}

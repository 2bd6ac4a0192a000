//! Actions: what a client with Arrow alone needs beside rows. Each takes a message of `frazil.v1` or of Flight itself as
//! protobuf or JSON, and answers in the same form.

use arrow_flight::{
    Action, CancelFlightInfoRequest, CancelFlightInfoResult, CancelStatus, FlightEndpoint, RenewFlightEndpointRequest,
};
use bytes::Bytes;
use frazil_proto::v1;
use frazil_proto::v1::compaction_server::Compaction;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use prost::Message;
use tonic::{Code, Request, Status};

use super::flights::Flights;
use super::offer::{endpoint, is_json, message};
use super::tickets::Offer;
use crate::compaction_service::CompactionService;
use crate::service::Service;
use crate::status::{internal, invalid, status};
use crate::{changes_service, tables_service};

/// Names of all actions, and what they do.
pub(super) const ALL: [(&str, &str); 12] = [
    ("CancelFlightInfo", "Ends the streams of a flight. Body: arrow.flight.protocol.CancelFlightInfoRequest"),
    ("RenewFlightEndpoint", "A ticket that lives longer. Body: arrow.flight.protocol.RenewFlightEndpointRequest"),
    ("commit-position", "Keeps a position for a group. Body: frazil.v1.CommitPositionRequest"),
    ("describe-group", "Where a group stands. Body: frazil.v1.DescribeGroupRequest"),
    ("list-groups", "All groups. Body: frazil.v1.ListGroupsRequest"),
    ("reset-group", "Moves a group to another place. Body: frazil.v1.ResetGroupRequest"),
    ("delete-group", "Forgets a group. Body: frazil.v1.DeleteGroupRequest"),
    ("watermark", "Up to which event time a table is complete. Body: frazil.v1.GetWatermarkRequest"),
    ("wait-watermark", "The same whenever it changes, until a time is reached. Body: frazil.v1.WaitWatermarkRequest"),
    ("compact", "Has a table compacted. Body: frazil.v1.RunRequest"),
    ("compaction-status", "What is compacted, and what is due. Body: frazil.v1.StatusRequest"),
    ("list-tables", "Names of all tables. Body: frazil.v1.ListTablesRequest"),
];

/// Runs an action.
///
/// # Errors
/// `INVALID_ARGUMENT` for what is no action or has the wrong body; else what the action gives.
pub(super) async fn run(
    service: &Service,
    flights: &Flights,
    action: Action,
) -> Result<BoxStream<'static, Result<arrow_flight::Result, Status>>, Status> {
    let body = &action.body;
    let one = match action.r#type.as_str() {
        "CancelFlightInfo" => cancel(service, flights, body)?,
        "RenewFlightEndpoint" => renew(service, body)?,
        "commit-position" => {
            let request: v1::CommitPositionRequest = message(body, "the body")?;
            answer(body, &changes_service::commit_position(service, &request).await?)?
        }
        "describe-group" => {
            let request: v1::DescribeGroupRequest = message(body, "the body")?;
            answer(body, &changes_service::describe_group(service, &request).await?)?
        }
        "list-groups" => {
            let request: v1::ListGroupsRequest = message(body, "the body")?;
            answer(body, &changes_service::list_groups(service, &request).await?)?
        }
        "reset-group" => {
            let request: v1::ResetGroupRequest = message(body, "the body")?;
            answer(body, &changes_service::reset_group(service, &request).await?)?
        }
        "delete-group" => {
            let request: v1::DeleteGroupRequest = message(body, "the body")?;
            answer(body, &changes_service::delete_group(service, &request).await?)?
        }
        "watermark" => {
            let request: v1::GetWatermarkRequest = message(body, "the body")?;
            answer(body, &tables_service::get_watermark(service, &request).await?)?
        }
        "wait-watermark" => {
            let request: v1::WaitWatermarkRequest = message(body, "the body")?;
            let form = body.clone();
            let answers = tables_service::wait_watermark(service.clone(), request).await?;
            return Ok(answers.and_then(move |found| futures::future::ready(answer(&form, &found))).boxed());
        }
        "compact" => {
            let request: v1::RunRequest = message(body, "the body")?;
            answer(body, &compaction(service)?.run_now(request).await?)?
        }
        "compaction-status" => {
            let request: v1::StatusRequest = message(body, "the body")?;
            answer(body, compaction(service)?.status(Request::new(request)).await?.get_ref())?
        }
        "list-tables" => {
            let request: v1::ListTablesRequest = message(body, "the body")?;
            answer(body, &tables_service::list_tables(service, &request).await?)?
        }
        other => {
            let names: Vec<&str> = ALL.iter().map(|(name, _)| *name).collect();
            return Err(invalid(format!("`{other}` is no action; there are {}", names.join(", "))));
        }
    };
    Ok(futures::stream::iter([Ok(one)]).boxed())
}

fn compaction(service: &Service) -> Result<CompactionService, Status> {
    let daemon = service.daemon().ok_or_else(|| {
        let message = "this server compacts nothing";
        status(Code::Unimplemented, "UNSUPPORTED", message, frazil_table::Advice::FixRequest)
    })?;
    Ok(CompactionService::new(daemon.clone()))
}

/// The answer, in the form of the request.
fn answer<M: Message + serde::Serialize>(request: &Bytes, answer: &M) -> Result<arrow_flight::Result, Status> {
    let body = if is_json(request) {
        serde_json::to_vec(answer).map_err(|error| internal(format!("an answer: {error}")))?.into()
    } else {
        answer.encode_to_vec().into()
    };
    Ok(arrow_flight::Result { body })
}

fn decoded<M: Message + Default>(body: &Bytes) -> Result<M, Status> {
    M::decode(body.clone()).map_err(|error| invalid(format!("the body is wrong: {error}")))
}

/// What an endpoint's ticket offers.
fn offer_of(service: &Service, endpoint: &FlightEndpoint) -> Result<Offer, Status> {
    let ticket = endpoint.ticket.as_ref().ok_or_else(|| invalid("the endpoint has no ticket"))?;
    service.tickets().open(&ticket.ticket, service.clock().now_ms())
}

fn cancel(service: &Service, flights: &Flights, body: &Bytes) -> Result<arrow_flight::Result, Status> {
    let request: CancelFlightInfoRequest = decoded(body)?;
    let info = request.info.ok_or_else(|| invalid("the body has no flight"))?;
    for endpoint in &info.endpoint {
        let offer = offer_of(service, endpoint)?;
        flights.cancel(offer.flight_id, offer.expires_at_ms, service.clock().now_ms())?;
    }
    let result = CancelFlightInfoResult { status: CancelStatus::Cancelled.into() };
    Ok(arrow_flight::Result { body: result.encode_to_vec().into() })
}

fn renew(service: &Service, body: &Bytes) -> Result<arrow_flight::Result, Status> {
    let request: RenewFlightEndpointRequest = decoded(body)?;
    let old = request.endpoint.ok_or_else(|| invalid("the body has no endpoint"))?;
    let mut offer = offer_of(service, &old)?;
    offer.expires_at_ms = service.ticket_expires_at_ms();
    Ok(arrow_flight::Result { body: endpoint(service, &offer).encode_to_vec().into() })
}

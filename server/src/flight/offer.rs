//! From a descriptor to a flight: what is read is looked at, and start and end are fixed, so that all endpoints read the
//! same.

use arrow_flight::flight_descriptor::DescriptorType;
use arrow_flight::{FlightDescriptor, FlightEndpoint, FlightInfo, Ticket};
use arrow_schema::SchemaRef;
use bytes::Bytes;
use frazil_proto::v1;
use frazil_proto::v1::ReadChangesRequest;
use frazil_reader::change_columns::{ChangeColumns, Style};
use frazil_reader::{From, Lanes, ReadOptions, Route, StreamHeader, To, follow_changes, read_changes, read_rows};
use frazil_table::Table;
use frazil_table::lineage::Lineage;
use prost::Message;
use serde_json::json;
use tonic::Status;

use super::encode::schema_bytes;
use super::tickets::Offer;
use crate::request::{Reading, reading};
use crate::service::Service;
use crate::status::{internal, invalid, of_read, of_table};

/// What a descriptor asks for: the changes of the table that a path names, or what a command says, as protobuf or JSON.
///
/// # Errors
/// `INVALID_ARGUMENT`.
pub(super) fn request_of(descriptor: &FlightDescriptor) -> Result<ReadChangesRequest, Status> {
    match descriptor.r#type() {
        DescriptorType::Path => {
            if descriptor.path.is_empty() || descriptor.path.iter().any(String::is_empty) {
                return Err(invalid("the path of the descriptor is no table; give catalog, namespace and table"));
            }
            Ok(ReadChangesRequest { table: descriptor.path.join("."), ..ReadChangesRequest::default() })
        }
        DescriptorType::Cmd => message(&descriptor.cmd, "the command of the descriptor"),
        DescriptorType::Unknown => Err(invalid("the descriptor has no type; give a path or a command")),
    }
}

/// A message in either form. `what` says what it is, for people.
///
/// # Errors
/// `INVALID_ARGUMENT`.
pub(super) fn message<M>(bytes: &[u8], what: &str) -> Result<M, Status>
where
    M: Message + Default + serde::de::DeserializeOwned,
{
    if is_json(bytes) {
        return serde_json::from_slice(bytes).map_err(|error| invalid(format!("{what} is wrong: {error}")));
    }
    M::decode(bytes).map_err(|error| invalid(format!("{what} is neither JSON nor protobuf: {error}")))
}

/// No message begins with `{` in protobuf: it would be field 15 as a group, which there is not.
pub(super) fn is_json(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().first() == Some(&b'{')
}

/// What was found to be read.
pub(super) struct Opened {
    /// With start and end that do not move.
    request: ReadChangesRequest,
    table: Table,
    schema: SchemaRef,
    header: Option<StreamHeader>,
}

impl Opened {
    pub(super) fn schema_bytes(&self) -> Result<Bytes, Status> {
        schema_bytes(&self.schema).map_err(|error| internal(format!("a schema: {error}")))
    }

    /// For clients: what the stream is.
    fn metadata(&self) -> Bytes {
        let header = self.header.as_ref();
        let metadata = json!({
            "table": self.table.name(),
            "table_uuid": self.table.metadata().uuid(),
            "position": self.request.start.strip_prefix("position:"),
            "key": header.map(|header| &header.key),
            "exact_before": header.map(|header| header.exact_before),
            "schema_id": header.map(|header| header.schema_id),
        });
        metadata.to_string().into()
    }
}

/// Looks at the table, and finds out what a request means now.
///
/// # Errors
/// What the request, the table and the group give.
pub(super) async fn open(service: &Service, request: &ReadChangesRequest) -> Result<Opened, Status> {
    let mut request = request.clone();
    let table = service.table(&request.table).await?;
    if !request.group.is_empty() {
        let group = service.group(&request.group, &table).await?;
        if let Some(group) = group {
            request.start = format!("position:{}", group.position);
        }
    }
    match reading(&request, &service.limits())? {
        Reading::Rows(options) => {
            let rows = read_rows(&table, *options).await.map_err(|error| of_read(&error))?;
            let schema = rows.schema().clone();
            if (request.at.is_empty() || request.at == "latest")
                && let Some(id) = head(&table, &request.branch)?
            {
                request.at = format!("snapshot:{id}");
            }
            Ok(Opened { request, table, schema, header: None })
        }
        Reading::Changes(options, is_followed) => {
            let fixed = fixed(&table, *options.clone(), is_followed)?;
            let stream = match is_followed {
                true => follow_changes(&table, fixed.clone()).await,
                false => read_changes(&table, fixed.clone()).await,
            };
            let stream = stream.map_err(|error| of_read(&error))?;
            if let Some(position) = stream.position() {
                request.start = format!("position:{position}");
            }
            if let To::Snapshot(id) = fixed.to {
                request.end = format!("snapshot:{id}");
            }
            let header = stream.header().clone();
            if request.endpoints > 1 || request.lanes > 0 {
                request.lanes = header.lanes.n_lanes.into();
                request.route = header.lanes.route.map_or(v1::Route::Unspecified, route).into();
            }
            let schema = ChangeColumns::of_changes(&header.schema, Style::Iceberg).schema().clone();
            Ok(Opened { request, table, schema, header: Some(header) })
        }
    }
}

fn route(route: Route) -> v1::Route {
    match route {
        Route::Partition => v1::Route::Partition,
        Route::Key => v1::Route::Key,
        Route::File => v1::Route::File,
        Route::Single => v1::Route::Single,
    }
}

/// The options with an end that does not move.
fn fixed(table: &Table, options: ReadOptions, is_followed: bool) -> Result<ReadOptions, Status> {
    if is_followed || options.to != To::Latest {
        return Ok(options);
    }
    let is_at_head = |id: &i64| match &options.from {
        From::Position(position) => position.snapshot_id().map(|id| id.get()) == Some(*id),
        From::Latest => true,
        _ => false,
    };
    let to = match head(table, &options.branch)? {
        Some(id) if !is_at_head(&id) => To::Snapshot(frazil_table::SnapshotId::new(id)),
        _ => To::Latest,
    };
    Ok(ReadOptions { to, ..options })
}

fn head(table: &Table, branch: &str) -> Result<Option<i64>, Status> {
    let branch = if branch.is_empty() { frazil_table::MAIN_BRANCH } else { branch };
    let lineage = Lineage::of_branch(table.metadata(), table.metadata_location(), branch);
    let lineage = lineage.map_err(|error| of_table(&error))?;
    Ok(lineage.head().map(|head| head.snapshot_id()))
}

/// The flight for a request.
///
/// # Errors
/// As [`open`].
pub(super) async fn flight_info(
    service: &Service,
    request: ReadChangesRequest,
    descriptor: FlightDescriptor,
) -> Result<FlightInfo, Status> {
    let opened = open(service, &request).await?;
    let offer = Offer {
        request: Some(opened.request.clone()),
        flight_id: service.tickets().flight_id()?,
        expires_at_ms: service.ticket_expires_at_ms(),
        ..Offer::default()
    };
    let endpoints = match &opened.header {
        Some(header) if request.endpoints > 1 => {
            let n_endpoints = u16::try_from(request.endpoints).unwrap_or(u16::MAX);
            let shares = header.lanes.shares(n_endpoints).into_iter();
            let offer_of = |lanes: Lanes| Offer {
                first_lane: lanes.range.start.into(),
                end_lane: lanes.range.end.into(),
                ..offer.clone()
            };
            shares.map(|lanes| endpoint(service, &offer_of(lanes))).collect()
        }
        _ => vec![endpoint(service, &offer)],
    };
    Ok(FlightInfo {
        schema: opened.schema_bytes()?,
        flight_descriptor: Some(descriptor),
        // Between lanes there is no order inside a snapshot.
        ordered: endpoints.len() == 1,
        endpoint: endpoints,
        total_records: -1,
        total_bytes: -1,
        app_metadata: opened.metadata(),
    })
}

/// An endpoint that stands for an offer.
pub(super) fn endpoint(service: &Service, offer: &Offer) -> FlightEndpoint {
    FlightEndpoint {
        ticket: Some(Ticket { ticket: service.tickets().sign(offer) }),
        // Whoever asks here gets it here.
        location: Vec::new(),
        expiration_time: Some(timestamp(offer.expires_at_ms)),
        app_metadata: Bytes::new(),
    }
}

fn timestamp(ms: i64) -> prost_types::Timestamp {
    let nanos = i32::try_from(ms.rem_euclid(1_000)).unwrap_or(0).saturating_mul(1_000_000);
    prost_types::Timestamp { seconds: ms.div_euclid(1_000), nanos }
}

/// The flight of all changes of a table, for a list. It has no endpoint: asking for it by its descriptor gives one.
///
/// # Errors
/// As loading the table gives.
pub(super) async fn listed(service: &Service, table: String) -> Result<FlightInfo, Status> {
    let request = ReadChangesRequest { table: table.clone(), ..ReadChangesRequest::default() };
    let opened = open(service, &request).await?;
    Ok(FlightInfo {
        schema: opened.schema_bytes()?,
        flight_descriptor: Some(FlightDescriptor::new_path(table.split('.').map(str::to_owned).collect())),
        endpoint: Vec::new(),
        total_records: -1,
        total_bytes: -1,
        ordered: true,
        app_metadata: opened.metadata(),
    })
}

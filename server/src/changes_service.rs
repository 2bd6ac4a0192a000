//! `frazil.v1.Changes`: consumer groups.

use frazil_proto::v1;
use frazil_proto::v1::changes_server::{Changes, ChangesServer};
use frazil_reader::groups::{Group, lag};
use frazil_reader::{From, Position, position_at};
use frazil_table::{Advice, Table};
use tonic::{Code, Request, Response, Status};

use crate::service::{Service, group_key};
use crate::status::{invalid, of_group, of_read, of_table, status};

/// The service behind a port.
pub(crate) struct ChangesApi(Service);

impl ChangesApi {
    pub(crate) fn server(service: Service) -> ChangesServer<Self> {
        ChangesServer::new(Self(service))
    }
}

#[tonic::async_trait]
impl Changes for ChangesApi {
    async fn list_groups(
        &self,
        request: Request<v1::ListGroupsRequest>,
    ) -> Result<Response<v1::ListGroupsResponse>, Status> {
        list_groups(&self.0, request.get_ref()).await.map(Response::new)
    }

    async fn describe_group(
        &self,
        request: Request<v1::DescribeGroupRequest>,
    ) -> Result<Response<v1::DescribeGroupResponse>, Status> {
        describe_group(&self.0, request.get_ref()).await.map(Response::new)
    }

    async fn commit_position(
        &self,
        request: Request<v1::CommitPositionRequest>,
    ) -> Result<Response<v1::CommitPositionResponse>, Status> {
        commit_position(&self.0, request.get_ref()).await.map(Response::new)
    }

    async fn reset_group(
        &self,
        request: Request<v1::ResetGroupRequest>,
    ) -> Result<Response<v1::ResetGroupResponse>, Status> {
        reset_group(&self.0, request.get_ref()).await.map(Response::new)
    }

    async fn delete_group(
        &self,
        request: Request<v1::DeleteGroupRequest>,
    ) -> Result<Response<v1::DeleteGroupResponse>, Status> {
        delete_group(&self.0, request.get_ref()).await.map(Response::new)
    }
}

pub(crate) async fn list_groups(
    service: &Service,
    request: &v1::ListGroupsRequest,
) -> Result<v1::ListGroupsResponse, Status> {
    let of_table = match request.table.as_str() {
        "" => None,
        table => Some(service.table(table).await?.metadata().uuid()),
    };
    let now_ms = service.clock().now_ms();
    let groups = service.groups().list().await.map_err(|error| of_group(&error))?;
    let groups = groups.iter().filter(|group| of_table.is_none_or(|uuid| group.table_uuid == uuid));
    Ok(v1::ListGroupsResponse { groups: groups.map(|group| shown(group, now_ms)).collect() })
}

pub(crate) async fn describe_group(
    service: &Service,
    request: &v1::DescribeGroupRequest,
) -> Result<v1::DescribeGroupResponse, Status> {
    let table = service.table(&request.table).await?;
    let group = service.known_group(&request.group, &table).await?;
    let position = position_of(&group)?;
    let lag = lag(&table, &position).map_err(|error| of_table(&error))?;
    Ok(v1::DescribeGroupResponse {
        group: Some(shown(&group, service.clock().now_ms())),
        lag: lag.map(|lag| v1::Lag {
            snapshots: lag.snapshots as u64,
            rows: lag.rows,
            bytes: lag.bytes,
            time_ms: lag.time_ms,
        }),
    })
}

pub(crate) async fn commit_position(
    service: &Service,
    request: &v1::CommitPositionRequest,
) -> Result<v1::CommitPositionResponse, Status> {
    let position: Position =
        request.position.parse().map_err(|error| of_read(&frazil_reader::ReadError::Position(error)))?;
    let table = service.table(&request.table).await?;
    if position.table_uuid() != table.metadata().uuid() {
        let message =
            format!("the position is of another table than `{}`, or of one that it has replaced", table.name());
        return Err(status(Code::FailedPrecondition, "TABLE_REPLACED", &message, Advice::FixRequest));
    }
    let known = service.group(&request.group, &table).await?;
    let version = known.as_ref().map_or(0, |group| group.version);
    if let Some(expected) = request.expected_version
        && expected != version
    {
        let message = format!("group `{}` has version {version}, and not {expected}", request.group);
        return Err(status(Code::Aborted, "GROUP_CHANGED", &message, Advice::ReloadAndRetry));
    }
    let position = whole(&request.group, known.as_ref(), position)?;
    let version = version.saturating_add(1);
    let time_to_live_ms = known.and_then(|group| group.time_to_live_ms);
    store(service, &table, &request.group, position.to_string(), version, time_to_live_ms).await?;
    service.metrics().positions_kept.inc();
    Ok(v1::CommitPositionResponse { version })
}

/// A position of some lanes moves those lanes, and leaves the others where they are.
fn whole(name: &str, known: Option<&Group>, position: Position) -> Result<Position, Status> {
    let lanes = position.lanes();
    if lanes.range == (0..lanes.n_lanes) {
        return Ok(position);
    }
    let Some(known) = known else {
        let message = format!(
            "group `{name}` is not there, and the position is of some lanes only; keep the position of the whole flight \
             first, which comes with it"
        );
        return Err(status(Code::FailedPrecondition, "GROUP_NOT_FOUND", &message, Advice::FixRequest));
    };
    position_of(known)?.with(&position).map_err(|error| of_read(&error.into()))
}

pub(crate) async fn reset_group(
    service: &Service,
    request: &v1::ResetGroupRequest,
) -> Result<v1::ResetGroupResponse, Status> {
    let table = service.table(&request.table).await?;
    let group = service.known_group(&request.group, &table).await?;
    let from: From =
        request.start.parse().map_err(|error| invalid(format!("start `{}` is wrong: {error}", request.start)))?;
    if matches!(from, From::Position(_)) {
        return Err(invalid("`start` is a position; keep it by CommitPosition"));
    }
    let position = position_at(&table, &position_of(&group)?, &from).map_err(|error| of_read(&error))?.to_string();
    let version = group.version.saturating_add(1);
    let moved = match request.dry_run {
        true => Group { position, version, ..group },
        false => store(service, &table, &request.group, position, version, group.time_to_live_ms).await?,
    };
    Ok(v1::ResetGroupResponse { group: Some(shown(&moved, service.clock().now_ms())) })
}

pub(crate) async fn delete_group(
    service: &Service,
    request: &v1::DeleteGroupRequest,
) -> Result<v1::DeleteGroupResponse, Status> {
    let table = service.table(&request.table).await?;
    let group = service.known_group(&request.group, &table).await?;
    let key = group_key(&request.group, &table)?;
    service.groups().delete(&key, group.version).await.map_err(|error| of_group(&error))?;
    Ok(v1::DeleteGroupResponse {})
}

async fn store(
    service: &Service,
    table: &Table,
    name: &str,
    position: String,
    version: u64,
    time_to_live_ms: Option<u64>,
) -> Result<Group, Status> {
    let group = Group {
        name: group_key(name, table)?.name().to_owned(),
        table_uuid: table.metadata().uuid(),
        table: table.name().to_owned(),
        position,
        version,
        updated_at_ms: service.clock().now_ms(),
        owner: service.owner().to_owned(),
        time_to_live_ms,
    };
    service.groups().store(&group).await.map_err(|error| of_group(&error))?;
    Ok(group)
}

fn position_of(group: &Group) -> Result<Position, Status> {
    group.position().map_err(|error| of_read(&error.into()))
}

fn shown(group: &Group, now_ms: i64) -> v1::Group {
    let position = group.position().ok();
    v1::Group {
        name: group.name.clone(),
        table: group.table.clone(),
        table_uuid: group.table_uuid.to_string(),
        position: group.position.clone(),
        version: group.version,
        updated_at_ms: group.updated_at_ms,
        owner: group.owner.clone(),
        is_dead: group.is_dead(now_ms),
        branch: position.as_ref().map(|position| position.branch().to_owned()).unwrap_or_default(),
        snapshot_id: position.as_ref().and_then(Position::snapshot_id).map(|id| id.get()),
        snapshot_watermark_ms: position.as_ref().and_then(Position::snapshot_watermark_ms),
    }
}

//! The gRPC service `Compaction`: what clients ask of the daemon.

use std::collections::BTreeMap;

use frazil_compactor::CompactionPlan;
use frazil_proto::v1::compaction_server::Compaction;
use frazil_proto::v1::{
    CancelRequest, CancelResponse, CompactionRun, DrainRequest, DrainResponse, HistoryRequest, HistoryResponse,
    PauseRequest, PauseResponse, PlanRequest, PlanResponse, PlannedGroup, ResumeRequest, ResumeResponse, RunRequest,
    RunResponse, RunState as ProtoState, ScheduledTable, StatusRequest, StatusResponse,
};
use frazil_table::with_causes;
use tonic::{Code, Request, Response, Status};

use crate::daemon::{DaemonError, DaemonHandle, DaemonStatus, RunRecord, RunState, TableStatus, Wait};
use crate::status::{invalid, of_table, status};

const HISTORY_LIMIT_DEFAULT: usize = 100;

/// Answers clients on behalf of a daemon.
#[derive(Debug, Clone)]
pub struct CompactionService {
    daemon: DaemonHandle,
}

impl CompactionService {
    /// For `tonic`, wrap it in `frazil_proto::v1::compaction_server::CompactionServer`.
    pub fn new(daemon: DaemonHandle) -> Self {
        Self { daemon }
    }

    /// Has a table compacted, as [`Compaction::run`].
    pub(crate) async fn run_now(&self, request: RunRequest) -> Result<RunResponse, Status> {
        let RunRequest { table, options, wait } = request;
        required(&table)?;
        let wait = if wait { Wait::ForEnd } else { Wait::ForQueue };
        let record = self.daemon.run(&table, options, wait).await.map_err(|error| status_of(&error))?;
        Ok(RunResponse { run: Some(run_of(record)) })
    }
}

#[tonic::async_trait]
impl Compaction for CompactionService {
    async fn plan(&self, request: Request<PlanRequest>) -> Result<Response<PlanResponse>, Status> {
        let PlanRequest { table, options } = request.into_inner();
        required(&table)?;
        let plan = self.daemon.plan(&table, &options).await.map_err(|error| status_of(&error))?;
        Ok(Response::new(plan_of(&plan)))
    }

    async fn run(&self, request: Request<RunRequest>) -> Result<Response<RunResponse>, Status> {
        self.run_now(request.into_inner()).await.map(Response::new)
    }

    async fn status(&self, _: Request<StatusRequest>) -> Result<Response<StatusResponse>, Status> {
        let DaemonStatus { runs, tables, is_paused, is_draining } =
            self.daemon.status().await.map_err(|error| status_of(&error))?;
        Ok(Response::new(StatusResponse {
            runs: runs.into_iter().map(run_of).collect(),
            tables: tables.into_iter().map(table_of).collect(),
            is_paused,
            is_draining,
        }))
    }

    async fn cancel(&self, request: Request<CancelRequest>) -> Result<Response<CancelResponse>, Status> {
        let run_id = request.into_inner().run_id;
        if run_id.is_empty() {
            return Err(missing("run_id"));
        }
        self.daemon.cancel(&run_id).await.map_err(|error| status_of(&error))?;
        Ok(Response::new(CancelResponse {}))
    }

    async fn history(&self, request: Request<HistoryRequest>) -> Result<Response<HistoryResponse>, Status> {
        let HistoryRequest { table, limit } = request.into_inner();
        let n_max = match usize::try_from(limit) {
            Ok(0) => HISTORY_LIMIT_DEFAULT,
            Ok(limit) => limit,
            Err(_) => usize::MAX,
        };
        let runs = self.daemon.history(named(&table), n_max);
        Ok(Response::new(HistoryResponse { runs: runs.into_iter().map(run_of).collect() }))
    }

    async fn pause(&self, request: Request<PauseRequest>) -> Result<Response<PauseResponse>, Status> {
        let table = request.into_inner().table;
        self.daemon.pause(named(&table)).await.map_err(|error| status_of(&error))?;
        Ok(Response::new(PauseResponse {}))
    }

    async fn resume(&self, request: Request<ResumeRequest>) -> Result<Response<ResumeResponse>, Status> {
        let table = request.into_inner().table;
        self.daemon.resume(named(&table)).await.map_err(|error| status_of(&error))?;
        Ok(Response::new(ResumeResponse {}))
    }

    async fn drain(&self, _: Request<DrainRequest>) -> Result<Response<DrainResponse>, Status> {
        self.daemon.drain().await.map_err(|error| status_of(&error))?;
        Ok(Response::new(DrainResponse {}))
    }
}

fn named(table: &str) -> Option<&str> {
    Some(table).filter(|table| !table.is_empty())
}

fn required(table: &str) -> Result<(), Status> {
    if table.is_empty() { Err(missing("table")) } else { Ok(()) }
}

fn missing(field: &str) -> Status {
    invalid(format!("`{field}` is empty; it is required"))
}

fn run_of(record: RunRecord) -> CompactionRun {
    let RunRecord { run_id, table, group, trigger, state, work, error, .. } = record;
    let state = match state {
        RunState::Queued => ProtoState::Queued,
        RunState::Running => ProtoState::Running,
        RunState::Succeeded => ProtoState::Succeeded,
        RunState::Partial => ProtoState::Partial,
        RunState::Failed => ProtoState::Failed,
        RunState::Cancelled => ProtoState::Cancelled,
    };
    CompactionRun {
        run_id,
        table,
        state: state.into(),
        trigger: trigger.as_str().to_owned(),
        queued_at_ms: record.queued_at_ms,
        started_at_ms: record.started_at_ms,
        ended_at_ms: record.ended_at_ms,
        snapshot_ids: work.snapshot_ids,
        rewritten_data_files_count: work.n_data_files_rewritten,
        added_data_files_count: work.n_data_files_added,
        rewritten_bytes_count: work.bytes_rewritten,
        failed_data_files_count: work.n_data_files_failed,
        removed_delete_files_count: work.n_delete_files_removed,
        error,
        group,
    }
}

fn table_of(status: TableStatus) -> ScheduledTable {
    let TableStatus { table, group, due_at_ms, is_paused, failures, breaker_reason, problem } = status;
    ScheduledTable {
        table,
        group,
        due_at_ms,
        is_paused,
        failures,
        breaker_reason: breaker_reason.unwrap_or_default(),
        problem: problem.unwrap_or_default(),
    }
}

fn plan_of(plan: &CompactionPlan) -> PlanResponse {
    let code = |text: &str| text.replace(' ', "-");
    let groups = plan.groups.iter().map(|group| {
        let choice = plan.choices.iter().find(|choice| choice.group_id == group.id);
        let mut reasons: Vec<String> = choice.iter().map(|choice| code(choice.reason.as_str())).collect();
        for input in &group.inputs {
            let reason = code(input.reason.as_str());
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
        PlannedGroup {
            group_id: group.id,
            input_files: group.inputs.len() as u64,
            input_bytes: group.inputs.iter().map(|input| input.file.file_size_bytes).sum(),
            reasons,
        }
    });
    let mut left_alone: BTreeMap<String, u64> = BTreeMap::new();
    for (reason, n_files) in plan.left_alone() {
        left_alone.insert(code(reason.as_str()), n_files);
    }
    PlanResponse {
        starting_snapshot_id: plan.base.snapshot_id.map(|id| id.get()),
        groups: groups.collect(),
        left_alone,
    }
}

fn status_of(error: &DaemonError) -> Status {
    let code = match error {
        DaemonError::Table(error) => return of_table(error),
        DaemonError::AlreadyRunning { .. } => Code::AlreadyExists,
        DaemonError::NoSuchRun { .. } | DaemonError::NotScheduled { .. } => Code::NotFound,
        DaemonError::TooManyWait { .. } => Code::ResourceExhausted,
        DaemonError::Draining => Code::Unavailable,
        _ => Code::FailedPrecondition,
    };
    status(code, error.code(), &with_causes(error), error.advice())
}

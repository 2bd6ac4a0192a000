//! The gRPC service, over a port of this machine.

use std::collections::BTreeMap;

use frazil_proto::v1::compaction_client::CompactionClient;
use frazil_proto::v1::compaction_server::CompactionServer;
use frazil_proto::v1::{
    CancelRequest, DrainRequest, HistoryRequest, PauseRequest, PlanRequest, ResumeRequest, RunRequest,
    RunState as ProtoState, StatusRequest,
};
use frazil_server::CompactionService;
use frazil_server::daemon::{Daemon, DaemonSettings};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::{Site, one_table};

type Client = CompactionClient<Channel>;

/// Serves the daemon until the sender is dropped.
async fn serve(daemon: &Daemon) -> (Client, oneshot::Sender<()>, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let service = CompactionServer::new(CompactionService::new(daemon.handle()));
    let server = tokio::spawn(async move {
        let stopped = async { drop(stopped.await) };
        let incoming = TcpIncoming::from(listener);
        Server::builder().add_service(service).serve_with_incoming_shutdown(incoming, stopped).await.unwrap();
    });
    let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
    (CompactionClient::new(channel), stop, server)
}

fn run_request(options: &[(&str, &str)], wait: bool) -> RunRequest {
    let options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    RunRequest { table: "db.t".to_owned(), options, wait }
}

fn reason(status: &Status) -> (Code, String, String) {
    let details = status.get_error_details();
    let info = details.error_info().unwrap();
    assert_eq!(info.domain, "frazil");
    (status.code(), info.reason.clone(), info.metadata["advice"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_plans_runs_and_looks_at_what_was_done() {
    let site = Site::new().await;
    let rows = site.lab.rows().await;
    let daemon = site.daemon(one_table(&DaemonSettings::default())).await;
    let (mut client, stop, server) = serve(&daemon).await;

    let request = PlanRequest { table: "db.t".to_owned(), options: BTreeMap::new() };
    let plan = client.plan(request).await.unwrap().into_inner();
    assert_eq!(plan.starting_snapshot_id, site.lab.table().await.metadata().current_snapshot_id());
    assert_eq!(plan.groups.len(), 1, "{plan:?}");
    assert_eq!(
        (plan.groups[0].input_files, plan.groups[0].reasons.clone()),
        (6, vec!["enough-files".into(), "small".into()])
    );

    let run = client.run(run_request(&[], true)).await.unwrap().into_inner().run.unwrap();
    assert_eq!((run.state(), run.trigger.as_str(), run.group.as_str()), (ProtoState::Succeeded, "request", "default"));
    assert_eq!((run.rewritten_data_files_count, run.added_data_files_count), (6, 1), "{run:?}");
    assert_eq!(run.rewritten_bytes_count, plan.groups[0].input_bytes);
    assert_eq!((site.n_files().await, site.lab.rows().await), (1, rows));

    let request = PlanRequest { table: "db.t".to_owned(), options: BTreeMap::new() };
    let plan = client.plan(request).await.unwrap().into_inner();
    assert_eq!((plan.groups.len(), plan.left_alone.values().sum::<u64>()), (0, 1), "{plan:?}");
    let all = client.run(run_request(&[("rewrite-all", "true")], true)).await.unwrap().into_inner().run.unwrap();
    assert_eq!(all.rewritten_data_files_count, 1, "{all:?}");

    let history = client.history(HistoryRequest { table: String::new(), limit: 0 }).await.unwrap().into_inner().runs;
    assert_eq!(history, [all.clone(), run]);
    let newest = client.history(HistoryRequest { table: "db.t".to_owned(), limit: 1 }).await.unwrap().into_inner().runs;
    assert_eq!(newest, [all]);
    drop((client, stop));
    server.await.unwrap();
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_has_a_code_a_reason_and_advice() {
    let site = Site::new().await;
    let daemon = site.daemon(one_table(&DaemonSettings::default())).await;
    let (mut client, stop, server) = serve(&daemon).await;
    let fix = |code: Code, reason: &str| (code, reason.to_owned(), "FIX_REQUEST".to_owned());

    let error = client.run(RunRequest { table: String::new(), ..run_request(&[], true) }).await.unwrap_err();
    assert_eq!(reason(&error), fix(Code::InvalidArgument, "INVALID_ARGUMENT"));
    let error = client.run(RunRequest { table: "db.x".to_owned(), ..run_request(&[], false) }).await.unwrap_err();
    assert_eq!(reason(&error), fix(Code::NotFound, "TABLE_NOT_FOUND"));
    let error = client.run(run_request(&[("rewrite-al", "true")], false)).await.unwrap_err();
    assert_eq!(reason(&error), fix(Code::InvalidArgument, "INVALID_ARGUMENT"));
    assert!(error.message().contains("there is no compaction option `rewrite-al`"), "{error}");
    let error = client.cancel(CancelRequest { run_id: "x".to_owned() }).await.unwrap_err();
    assert_eq!(reason(&error), fix(Code::NotFound, "RUN_NOT_FOUND"));
    let error = client.pause(PauseRequest { table: "db.t".to_owned() }).await.unwrap_err();
    assert_eq!(reason(&error), fix(Code::NotFound, "TABLE_NOT_SCHEDULED"));

    let lease = site.hold(".compaction").await;
    let error = client.run(run_request(&[], true)).await.unwrap_err();
    assert_eq!(reason(&error), (Code::AlreadyExists, "ALREADY_RUNNING".to_owned(), "RETRY_LATER".to_owned()));
    assert!(error.message().contains("another on "), "{error}");
    lease.release().await.unwrap();
    client.drain(DrainRequest {}).await.unwrap();
    let error = client.run(run_request(&[], false)).await.unwrap_err();
    assert_eq!(reason(&error), (Code::Unavailable, "DRAINING".to_owned(), "RETRY_LATER".to_owned()));
    client.resume(ResumeRequest::default()).await.unwrap();
    let run = client.run(run_request(&[], true)).await.unwrap().into_inner().run.unwrap();
    assert_eq!(run.state(), ProtoState::Succeeded);
    drop((client, stop));
    server.await.unwrap();
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_sees_what_is_scheduled_and_pauses_it() {
    let site = Site::new().await;
    let daemon = site.daemon(site.scheduled("1h")).await;
    let (mut client, stop, server) = serve(&daemon).await;
    let mut n_looks = 0;
    let due_at_ms = loop {
        let status = client.status(StatusRequest {}).await.unwrap().into_inner();
        if let Some(due_at_ms) = status.tables.first().and_then(|table| table.due_at_ms) {
            break due_at_ms;
        }
        n_looks += 1;
        assert!(n_looks < 200_000);
    };
    assert!((super::BEGIN_MS..=super::BEGIN_MS + 3_600_000).contains(&due_at_ms), "{due_at_ms}");
    client.pause(PauseRequest { table: "db.t".to_owned() }).await.unwrap();
    client.pause(PauseRequest::default()).await.unwrap();
    let status = client.status(StatusRequest {}).await.unwrap().into_inner();
    assert!(status.is_paused && status.tables[0].is_paused && status.tables[0].due_at_ms.is_none(), "{status:?}");
    client.resume(ResumeRequest { table: "db.t".to_owned() }).await.unwrap();
    client.resume(ResumeRequest::default()).await.unwrap();
    let status = client.status(StatusRequest {}).await.unwrap().into_inner();
    assert_eq!((status.is_paused, status.tables[0].due_at_ms), (false, Some(due_at_ms)), "{status:?}");
    drop((client, stop));
    server.await.unwrap();
    daemon.stop().await;
}

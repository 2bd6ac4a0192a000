//! Groups and watermarks by gRPC, and by the actions of Flight.

use frazil_proto::v1;
use frazil_proto::v1::changes_client::ChangesClient;
use frazil_proto::v1::tables_client::TablesClient;
use frazil_testkit::TestTable;
use serde_json::json;
use tonic::Code;

use super::wire::{Held, Server, Tables, read_all, reason};

async fn server(name: &str, table: &TestTable) -> (Server, std::sync::Arc<Held>) {
    let held = Held::new(name, table.table());
    let mut tables = Tables::default();
    tables.held.insert(name.to_owned(), held.clone());
    (Server::start(tables).await, held)
}

fn table_of(n_snapshots: i32) -> TestTable {
    let mut table = TestTable::v2("k int, v string", "k");
    for k in 0..n_snapshots {
        table.append([(k, "v")]);
    }
    table
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_goes_on_where_its_position_was_kept() {
    let (server, _held) = server("db.t", &table_of(3)).await;
    let mut flights = server.client().await;
    let mut groups = ChangesClient::new(server.channel().await);
    let (batches, _) = read_all(&mut flights, &json!({ "table": "db.t", "group": "g" })).await;
    assert_eq!(batches.iter().map(|got| got.rows.num_rows()).sum::<usize>(), 3);
    let after_first = &batches.iter().find(|got| got.metadata.marker.is_some()).unwrap().metadata.position;
    let commit = |expected_version| v1::CommitPositionRequest {
        table: "db.t".to_owned(),
        group: "g".to_owned(),
        position: after_first.clone(),
        expected_version,
    };
    assert_eq!(groups.commit_position(commit(Some(0))).await.unwrap().into_inner().version, 1);
    let conflict = groups.commit_position(commit(Some(0))).await.unwrap_err();
    assert_eq!(reason(&conflict), (Code::Aborted, "GROUP_CHANGED".to_owned()));
    let (rest, _) = read_all(&mut flights, &json!({ "table": "db.t", "group": "g" })).await;
    assert_eq!(rest.iter().map(|got| got.rows.num_rows()).sum::<usize>(), 2);

    let which = v1::DescribeGroupRequest { table: "db.t".to_owned(), group: "g".to_owned() };
    let described = groups.describe_group(which.clone()).await.unwrap().into_inner();
    assert_eq!(described.lag.unwrap().snapshots, 2);
    let reset = |dry_run| v1::ResetGroupRequest {
        table: "db.t".to_owned(),
        group: "g".to_owned(),
        start: "latest".to_owned(),
        dry_run,
    };
    groups.reset_group(reset(true)).await.unwrap();
    let lag = |answer: v1::DescribeGroupResponse| answer.lag.unwrap().snapshots;
    assert_eq!(lag(groups.describe_group(which.clone()).await.unwrap().into_inner()), 2, "a dry run moves nothing");
    groups.reset_group(reset(false)).await.unwrap();
    assert_eq!(lag(groups.describe_group(which.clone()).await.unwrap().into_inner()), 0);
    let all = groups.list_groups(v1::ListGroupsRequest::default()).await.unwrap().into_inner();
    assert_eq!(all.groups.len(), 1);
    let delete = v1::DeleteGroupRequest { table: "db.t".to_owned(), group: "g".to_owned() };
    groups.delete_group(delete.clone()).await.unwrap();
    assert_eq!(groups.delete_group(delete).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(groups.describe_group(which).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_position_of_another_table_is_refused() {
    let (server, _held) = server("db.t", &table_of(1)).await;
    let (batches, _) = read_all(&mut server.client().await, &json!({ "table": "flink.upsert_v2" })).await;
    let request = v1::CommitPositionRequest {
        table: "db.t".to_owned(),
        group: "g".to_owned(),
        position: batches[0].metadata.position.clone(),
        expected_version: None,
    };
    let refused = ChangesClient::new(server.channel().await).commit_position(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_for_a_watermark_is_told_when_it_is_reached() {
    let mut table = TestTable::v2("k int", "k");
    table.delta("append").rows([(1,)]).summary("watermark.w", "1000").commit();
    let (server, held) = server("db.t", &table).await;
    let mut client = TablesClient::new(server.channel().await);
    let request = v1::WaitWatermarkRequest {
        table: "db.t".to_owned(),
        reach_ms: Some(2_000),
        ..v1::WaitWatermarkRequest::default()
    };
    let mut answers = client.wait_watermark(request).await.unwrap().into_inner();
    let first = answers.message().await.unwrap().unwrap();
    assert_eq!((first.watermark_ms, first.reached), (1_000, false));
    table.delta("append").rows([(2,)]).summary("watermark.w", "2500").commit();
    held.set(table.table());
    let last = tokio::time::timeout(super::wire::LONG, answers.message()).await.unwrap().unwrap().unwrap();
    assert_eq!((last.watermark_ms, last.reached), (2_500, true));
    assert_eq!(answers.message().await.unwrap(), None);

    let unknown = v1::GetWatermarkRequest { table: "flink.upsert_v2".to_owned(), ..v1::GetWatermarkRequest::default() };
    let refused = client.get_watermark(unknown).await.unwrap_err();
    assert_eq!(reason(&refused), (Code::FailedPrecondition, "WATERMARK_UNKNOWN".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_watermark_of_the_table_comes_with_the_end_of_each_snapshot() {
    let mut table = TestTable::v2("k int", "k");
    table.delta("append").rows([(1,)]).summary("watermark.w", "1000").commit();
    table.delta("append").rows([(2,)]).summary("watermark.w", "2500").commit();
    let (server, _held) = server("db.t", &table).await;
    let (batches, outcome) = read_all(&mut server.client().await, &json!({ "table": "db.t" })).await;
    outcome.unwrap();
    let watermarks: Vec<i64> = batches.iter().filter_map(|got| got.metadata.table_watermark_ms).collect();
    assert_eq!(watermarks, [1_000, 2_500]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_are_listed_and_told_of() {
    let (server, _held) = server("db.t", &table_of(2)).await;
    let mut client = TablesClient::new(server.channel().await);
    let tables = client.list_tables(v1::ListTablesRequest::default()).await.unwrap().into_inner().tables;
    assert!(tables.contains(&"db.t".to_owned()) && tables.is_sorted());
    let request = v1::GetTableRequest { table: "db.t".to_owned(), ..v1::GetTableRequest::default() };
    let told = client.get_table(request).await.unwrap().into_inner();
    assert_eq!((told.format_version, told.snapshots, told.identifier_fields), (2, 2, vec!["k".to_owned()]));
    assert_eq!(told.summary["operation"], "append");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_sent_is_counted_for_prometheus() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (server, _held) = server("prod.db.t", &table_of(3)).await;
    let (_, outcome) = read_all(&mut server.client().await, &json!({ "table": "prod.db.t" })).await;
    outcome.unwrap();
    let mut connection = tokio::net::TcpStream::connect(server.address).await.unwrap();
    connection.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(super::wire::LONG, connection.read_to_string(&mut answer)).await.unwrap().unwrap();
    let line = r#"frazil_stream_rows_total{catalog="prod",namespace="db",table="t"} 3"#;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(line), "{answer}");
}

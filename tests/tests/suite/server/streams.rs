//! What comes through the wire is what is read here, whose rows are compared with those of other engines elsewhere.

use std::time::Duration;

use arrow_array::RecordBatch;
use frazil_fixtures::{FixtureTable, tables};
use frazil_proto::v1::marker::Kind;
use frazil_reader::change_columns::{ChangeColumns, Style};
use frazil_reader::{Event, Mode, ReadOptions, SchemaMode, read_changes, read_rows};
use frazil_server::{Limits, ServeSettings};
use frazil_table::Table;
use frazil_testkit::TestTable;
use serde_json::{Value, json};
use tonic::Code;

use super::wire::{Got, Held, Reading, Server, Tables, read_all, reason, ticket};
use crate::read;
use crate::report::Report;

/// Rows one by one, each with its change columns: where batches end is not compared.
type Rows = Vec<RecordBatch>;

fn one_by_one(batch: &RecordBatch) -> impl Iterator<Item = RecordBatch> {
    (0..batch.num_rows()).map(|row| batch.slice(row, 1))
}

fn rows_of(batches: &[Got]) -> Rows {
    batches.iter().flat_map(|got| one_by_one(&got.rows)).collect()
}

/// Rows, ends of snapshots with positions, and the reason of an error.
#[derive(Debug, PartialEq)]
struct Story {
    rows: Rows,
    ends: Vec<(i64, String)>,
    failure: Option<String>,
}

async fn here(table: &Table, mode: Mode) -> Story {
    let mut story = Story { rows: Vec::new(), ends: Vec::new(), failure: None };
    let options = ReadOptions { mode, schema: SchemaMode::PinnedToEnd, ..ReadOptions::default() };
    let mut stream = match read_changes(table, options).await {
        Ok(stream) => stream,
        Err(error) => return Story { failure: Some(error.code().to_owned()), ..story },
    };
    let columns = ChangeColumns::of_changes(&stream.header().schema, Style::Iceberg);
    loop {
        match stream.next().await {
            Ok(Some(Event::Changes(batch))) => story.rows.extend(one_by_one(&columns.changes(&batch).unwrap())),
            Ok(Some(Event::SnapshotEnd { snapshot, .. })) => {
                story.ends.push((snapshot.snapshot_id.get(), stream.position().unwrap().to_string()));
            }
            Ok(Some(_)) => {}
            Ok(None) => return story,
            Err(error) => return Story { failure: Some(error.code().to_owned()), ..story },
        }
    }
}

fn there(batches: &[Got], outcome: Result<(), tonic::Status>) -> Story {
    let ends = batches.iter().filter_map(|got| match got.metadata.marker.as_ref()?.kind.as_ref()? {
        Kind::SnapshotEnd(_) => Some((got.metadata.snapshot_id?, got.metadata.position.clone())),
        _ => None,
    });
    Story { rows: rows_of(batches), ends: ends.collect(), failure: outcome.err().map(|status| reason(&status).1) }
}

fn modes() -> [(Mode, &'static str); 4] {
    [
        (Mode::Append, "MODE_APPEND"),
        (Mode::Upsert, "MODE_UPSERT"),
        (Mode::Changelog, "MODE_CHANGELOG"),
        (Mode::Net, "MODE_NET"),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_of_every_table_come_through_the_wire_as_they_are_read_here() {
    let server = Server::start(Tables::default()).await;
    let mut client = server.client().await;
    let mut report = Report::new("changes through the wire");
    for fixture in tables() {
        let table = read::open(fixture).await;
        for (mode, name) in modes() {
            let expected = here(&table, mode).await;
            let request = json!({ "table": fixture.label(), "mode": name });
            let (batches, outcome) = read_all(&mut client, &request).await;
            let got = there(&batches, outcome);
            report.count("streams", 1);
            report.count("rows", got.rows.len());
            if got != expected {
                let (n, of) = (got.rows.len(), expected.rows.len());
                let what = format!("{n} rows of {of}, {:?}, expected {:?}", got.failure, expected.failure);
                report.fail(format!("{} {name}", fixture.label()), what);
            }
        }
    }
    report.finish();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_every_table_come_through_the_wire_as_they_are_read_here() {
    let server = Server::start(Tables::default()).await;
    let mut client = server.client().await;
    let mut report = Report::new("rows through the wire");
    for fixture in tables() {
        let table = read::open(fixture).await;
        let mut expected = Vec::new();
        let mut failure = None;
        match read_rows(&table, frazil_reader::RowsOptions::default()).await {
            Ok(mut stream) => loop {
                match stream.next().await {
                    Ok(Some(batch)) => expected.extend(one_by_one(&batch)),
                    Ok(None) => break,
                    Err(error) => {
                        failure = Some(error.code().to_owned());
                        break;
                    }
                }
            },
            Err(error) => failure = Some(error.code().to_owned()),
        }
        let (batches, outcome) = read_all(&mut client, &json!({ "table": fixture.label(), "mode": "MODE_ROWS" })).await;
        report.count("tables", 1);
        report.count("rows", expected.len());
        if rows_of(&batches) != expected || outcome.err().map(|status| reason(&status).1) != failure {
            report.fail(fixture.label(), "other rows came");
        }
    }
    report.finish();
}

/// One with updates, deletes and several files.
fn upserts() -> &'static FixtureTable {
    tables().iter().find(|fixture| fixture.label() == "flink.upsert_v2").unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reading_goes_on_from_the_position_of_any_batch() {
    let server = Server::start(Tables::default()).await;
    let mut client = server.client().await;
    let request = json!({ "table": upserts().label(), "batch_rows": 2 });
    let (batches, outcome) = read_all(&mut client, &request).await;
    outcome.unwrap();
    assert!(batches.len() > 20, "{} batches", batches.len());
    for (index, got) in batches.iter().enumerate() {
        let start = format!("position:{}", got.metadata.position);
        // Another client, with batches of another size.
        let request = json!({ "table": upserts().label(), "batch_rows": 1 + index % 5, "start": start });
        let (rest, outcome) = read_all(&mut server.client().await, &request).await;
        outcome.unwrap();
        assert_eq!(rows_of(&rest), rows_of(&batches[index + 1..]), "after batch {index}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn columns_filters_and_kinds_are_the_clients_choice() {
    let server = Server::start(Tables::default()).await;
    let mut client = server.client().await;
    let request = json!({
        "table": upserts().label(), "columns": ["name", "id"], "filter": "id <= 3",
        "drop_kinds": ["CHANGE_TYPE_UPDATE_BEFORE", "CHANGE_TYPE_DELETE"],
    });
    let (batches, outcome) = read_all(&mut client, &request).await;
    outcome.unwrap();
    let schema = batches[0].rows.schema();
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names, ["_change_type", "_change_ordinal", "_commit_snapshot_id", "_commit_timestamp", "name", "id"]);
    let (all, _) = read_all(&mut client, &json!({ "table": upserts().label() })).await;
    let n_rows = rows_of(&batches).len();
    assert!(n_rows > 3 && n_rows < rows_of(&all).len() / 2, "{n_rows} rows");
}

fn keyed(rows: &[(i32, &str)]) -> TestTable {
    let mut table = TestTable::v2("k int, v string", "k");
    table.append(rows.to_vec());
    table
}

fn with(name: &str, table: &TestTable) -> (Tables, std::sync::Arc<Held>) {
    let held = Held::new(name, table.table());
    let mut tables = Tables::default();
    tables.held.insert(name.to_owned(), held.clone());
    (tables, held)
}

async fn next(reading: &mut Reading) -> Got {
    reading.next().await.expect("the stream goes on").unwrap()
}

/// Rows until the end of a snapshot.
async fn snapshot(reading: &mut Reading) -> (Rows, Got) {
    let mut rows = Vec::new();
    loop {
        let got = next(reading).await;
        rows.extend(one_by_one(&got.rows));
        if got.metadata.marker.is_some() {
            return (rows, got);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_follows_delivers_what_is_committed_and_says_that_it_lives() {
    let mut table = keyed(&[(1, "a"), (2, "b")]);
    let (tables, held) = with("db.t", &table);
    let limits = Limits { heartbeat_interval: Duration::from_millis(50), ..Limits::default() };
    let server = Server::with(tables, limits, ServeSettings::default()).await;
    let mut client = server.client().await;
    let ticket = ticket(&mut client, &json!({ "table": "db.t", "follow": true })).await.unwrap();
    let mut reading = Reading::open(&mut client, ticket).await.unwrap();
    let (rows, end) = snapshot(&mut reading).await;
    assert_eq!(rows.len(), 2);
    let beat = next(&mut reading).await;
    assert!(beat.metadata.last_checked_ms.is_some() && beat.rows.num_rows() == 0, "{:?}", beat.metadata);
    assert_eq!(beat.metadata.position, end.metadata.position);
    table.overwrite().delete_where("k", [1]).rows([(1, "x"), (3, "c")]).commit();
    held.set(table.table());
    let (rows, end) = loop {
        let (rows, end) = snapshot(&mut reading).await;
        if !rows.is_empty() {
            break (rows, end);
        }
    };
    assert_eq!(rows.len(), 3, "the images of an update, and a new row");
    assert!(end.metadata.snapshot_watermark_ms.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_ends_says_where_to_go_on() {
    let table = keyed(&[(1, "a")]);
    let (tables, _held) = with("db.t", &table);
    let mut server = Server::start(tables).await;
    let mut client = server.client().await;
    let ticket = ticket(&mut client, &json!({ "table": "db.t", "follow": true })).await.unwrap();
    let mut reading = Reading::open(&mut client, ticket).await.unwrap();
    let (_, end) = snapshot(&mut reading).await;
    assert!(!end.metadata.position.is_empty());
    server.stop();
    let status = loop {
        match reading.next().await.expect("the stream says how it ends") {
            Ok(got) => assert_eq!(got.rows.num_rows(), 0),
            Err(status) => break status,
        }
    };
    assert_eq!(reason(&status), (Code::Unavailable, "SERVER_STOPPING".to_owned()));
    drop((reading, client));
    server.ended().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_stops_reading_is_dropped_and_can_go_on() {
    let text = "x".repeat(10_000);
    let table = keyed(&(0..4_000).map(|k| (k, text.as_str())).collect::<Vec<_>>());
    let (tables, _held) = with("db.t", &table);
    let limits = Limits { stall_timeout: Duration::from_millis(300), ..Limits::default() };
    let server = Server::with(tables, limits, ServeSettings::default()).await;
    let mut client = server.client().await;
    let request = json!({ "table": "db.t", "batch_rows": 50, "columns": ["k", "v"] });
    let ticket = ticket(&mut client, &request).await.unwrap();
    let mut reading = Reading::open(&mut client, ticket).await.unwrap();
    let mut batches = vec![next(&mut reading).await];
    tokio::time::sleep(Duration::from_secs(2)).await;
    let ended = loop {
        match reading.next().await.expect("the stream says how it ends") {
            Ok(got) => batches.push(got),
            Err(status) => break status,
        }
    };
    assert_eq!(reason(&ended), (Code::Aborted, "CLIENT_STALLED".to_owned()));
    let n_rows = rows_of(&batches).len();
    assert!(n_rows < 4_000, "the server went on sending to a client that did not read");
    let position = &batches.last().unwrap().metadata.position;
    let request: Value = json!({ "table": "db.t", "start": format!("position:{position}") });
    let (rest, outcome) = read_all(&mut client, &request).await;
    outcome.unwrap();
    assert_eq!(n_rows + rows_of(&rest).len(), 4_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endpoints_share_the_rows_by_key_and_a_group_moves_lane_by_lane() {
    let server = Server::start(Tables::default()).await;
    let mut client = server.client().await;
    let table = upserts().label();
    let (whole, _) = read_all(&mut client, &json!({ "table": table })).await;
    let request = json!({ "table": table, "endpoints": 3, "group": "g", "route": "ROUTE_KEY" });
    let info = client.get_flight_info(super::wire::command(&request)).await.unwrap();
    assert_eq!((info.endpoint.len(), info.ordered), (3, false));
    let metadata: Value = serde_json::from_slice(&info.app_metadata).unwrap();
    let commit = |position: &str| frazil_proto::v1::CommitPositionRequest {
        table: table.clone(),
        group: "g".to_owned(),
        position: position.to_owned(),
        expected_version: None,
    };
    let mut groups = frazil_proto::v1::changes_client::ChangesClient::new(server.channel().await);
    groups.commit_position(commit(metadata["position"].as_str().unwrap())).await.unwrap();
    let mut shares: Vec<Rows> = Vec::new();
    for endpoint in info.endpoint {
        let mut reading = Reading::open(&mut client, endpoint.ticket.unwrap()).await.unwrap();
        let mut batches = Vec::new();
        while let Some(got) = reading.next().await {
            batches.push(got.unwrap());
        }
        // The first of them has been handled in whole, the others not at all.
        if shares.is_empty() {
            groups.commit_position(commit(&batches.last().unwrap().metadata.position)).await.unwrap();
        }
        shares.push(rows_of(&batches));
    }
    let n_rows: usize = shares.iter().map(Vec::len).sum();
    assert_eq!(n_rows, rows_of(&whole).len());
    assert!(shares.iter().all(|share| !share.is_empty()));
    let again = json!({ "table": table, "endpoints": 2, "group": "g", "route": "ROUTE_KEY" });
    let info = client.get_flight_info(super::wire::command(&again)).await.unwrap();
    let mut rest = 0;
    for endpoint in info.endpoint {
        let mut reading = Reading::open(&mut client, endpoint.ticket.unwrap()).await.unwrap();
        while let Some(got) = reading.next().await {
            rest += got.unwrap().rows.num_rows();
        }
    }
    assert_eq!(rest, n_rows - shares[0].len(), "lanes that were handled do not come again");
}

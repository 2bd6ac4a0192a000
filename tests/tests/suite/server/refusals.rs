//! What is refused, with which code, and that others are not disturbed.

use std::time::Duration;

use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::{
    Action, CancelFlightInfoRequest, FlightDescriptor, FlightEndpoint, FlightInfo, RenewFlightEndpointRequest, Ticket,
};
use frazil_server::auth::Tokens;
use frazil_server::{Limits, ServeSettings};
use frazil_testkit::TestTable;
use futures::TryStreamExt;
use prost::Message;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tonic::{Code, Request};

use super::wire::{Held, Reading, Server, Tables, command, read_all, reason, status, ticket};

const TABLE: &str = "flink.upsert_v2";

async fn refused(server: &Server, descriptor: FlightDescriptor) -> (Code, String) {
    reason(&status(server.client().await.get_flight_info(descriptor).await.unwrap_err()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_requests_are_refused_by_name() {
    let server = Server::start(Tables::default()).await;
    let wrong: [(FlightDescriptor, Code, &str); 12] = [
        (command(&json!({ "table": "no.such" })), Code::NotFound, "TABLE_NOT_FOUND"),
        (command(&json!({ "table": "" })), Code::InvalidArgument, "INVALID_ARGUMENT"),
        (command(&json!({ "tabel": TABLE })), Code::InvalidArgument, "INVALID_ARGUMENT"),
        (command(&json!({ "table": TABLE, "columns": ["none"] })), Code::InvalidArgument, "INVALID_ARGUMENT"),
        (command(&json!({ "table": TABLE, "filter": "id >" })), Code::InvalidArgument, "INVALID_ARGUMENT"),
        (command(&json!({ "table": TABLE, "start": "snapshot:1" })), Code::FailedPrecondition, "SNAPSHOT_EXPIRED"),
        (command(&json!({ "table": TABLE, "start": "position:x" })), Code::InvalidArgument, "INVALID_ARGUMENT"),
        (command(&json!({ "table": TABLE, "group": "../x" })), Code::InvalidArgument, "USAGE"),
        (FlightDescriptor::new_cmd(vec![0xff; 100]), Code::InvalidArgument, "INVALID_ARGUMENT"),
        (FlightDescriptor::new_cmd("{"), Code::InvalidArgument, "INVALID_ARGUMENT"),
        (FlightDescriptor::new_path(Vec::new()), Code::InvalidArgument, "INVALID_ARGUMENT"),
        (FlightDescriptor::default(), Code::InvalidArgument, "INVALID_ARGUMENT"),
    ];
    for (descriptor, code, expected) in wrong {
        let what = format!("{descriptor:?}");
        assert_eq!(refused(&server, descriptor).await, (code, expected.to_owned()), "{what}");
    }
    // Larger than any request is.
    let (code, _) = refused(&server, FlightDescriptor::new_cmd(vec![b' '; 2 << 20])).await;
    assert_eq!(code, Code::OutOfRange);
    let (batches, outcome) = read_all(&mut server.client().await, &json!({ "table": TABLE })).await;
    assert!(outcome.is_ok() && !batches.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tickets_that_were_not_given_or_have_expired_are_refused() {
    let limits = Limits { ticket_time_to_live: Duration::from_millis(1), ..Limits::default() };
    let server = Server::with(Tables::default(), limits, ServeSettings::default()).await;
    let mut client = server.client().await;
    let expired = ticket(&mut client, &json!({ "table": TABLE })).await.unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    let mut forged = expired.ticket.to_vec();
    *forged.last_mut().unwrap() ^= 1;
    for (bytes, code, expected) in [
        (expired.ticket.to_vec(), Code::FailedPrecondition, "TICKET_EXPIRED"),
        (forged, Code::InvalidArgument, "TICKET_INVALID"),
        (Vec::new(), Code::InvalidArgument, "TICKET_INVALID"),
        (vec![1; 20], Code::InvalidArgument, "TICKET_INVALID"),
        (vec![1; 600], Code::InvalidArgument, "TICKET_INVALID"),
    ] {
        let status = Reading::open(&mut client, Ticket { ticket: bytes.into() }).await.err().unwrap();
        assert_eq!(reason(&status), (code, expected.to_owned()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_known_token_nothing_is_answered() {
    // printf %s secret | sha256sum
    let hash = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
    let tokens = Some(Tokens::parse(&format!("team {hash}")).unwrap());
    let server = Server::with(Tables::default(), Limits::default(), ServeSettings { tls: None, tokens }).await;
    assert_eq!(
        refused(&server, command(&json!({ "table": TABLE }))).await,
        (Code::Unauthenticated, "UNAUTHENTICATED".to_owned())
    );
    for (token, expected) in [("Bearer secret", Ok(())), ("Bearer wrong", Err(Code::Unauthenticated))] {
        let mut client = FlightServiceClient::new(server.channel().await);
        let mut request = Request::new(command(&json!({ "table": TABLE })));
        request.metadata_mut().insert("authorization", token.parse().unwrap());
        let outcome = client.get_flight_info(request).await.map(|_| ()).map_err(|status| status.code());
        assert_eq!(outcome, expected, "{token}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_streams_than_are_served_are_refused_until_one_ends() {
    let limits = Limits { streams_max: 1, ..Limits::default() };
    let server = Server::with(Tables::default(), limits, ServeSettings::default()).await;
    let mut client = server.client().await;
    let request = json!({ "table": TABLE, "follow": true });
    let first = ticket(&mut client, &request).await.unwrap();
    let second = ticket(&mut client, &request).await.unwrap();
    let reading = Reading::open(&mut client, first).await.unwrap();
    let refused = Reading::open(&mut client, second.clone()).await.err().unwrap();
    assert_eq!(reason(&refused), (Code::ResourceExhausted, "STREAMS_EXHAUSTED".to_owned()));
    drop(reading);
    let again = async {
        loop {
            match Reading::open(&mut client, second.clone()).await {
                Ok(_) => return,
                Err(status) => assert_eq!(status.code(), Code::ResourceExhausted),
            }
        }
    };
    tokio::time::timeout(super::wire::LONG, again).await.expect("the place is free again");
}

async fn act(server: &Server, name: &str, body: Vec<u8>) -> Result<Vec<Vec<u8>>, tonic::Status> {
    let mut client = server.client().await;
    let answers = client.do_action(Action::new(name, body)).await.map_err(status)?;
    let answers: Vec<_> = answers.try_collect().await.map_err(status)?;
    Ok(answers.into_iter().map(|answer| answer.to_vec()).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_flight_ends_and_a_renewed_ticket_lives_longer() {
    let mut table = TestTable::v2("k int", "k");
    table.append([(1,)]);
    let mut tables = Tables::default();
    tables.held.insert("db.t".to_owned(), Held::new("db.t", table.table()));
    let server = Server::start(tables).await;
    let mut client = server.client().await;
    let info = client.get_flight_info(command(&json!({ "table": "db.t", "follow": true }))).await.unwrap();
    let ticket = info.endpoint[0].ticket.clone().unwrap();
    let mut reading = Reading::open(&mut client, ticket.clone()).await.unwrap();
    assert!(reading.next().await.unwrap().is_ok());

    let renew = RenewFlightEndpointRequest { endpoint: Some(info.endpoint[0].clone()) };
    let renewed = act(&server, "RenewFlightEndpoint", renew.encode_to_vec()).await.unwrap();
    let renewed = FlightEndpoint::decode(renewed[0].as_slice()).unwrap();
    let seconds = |endpoint: &FlightEndpoint| endpoint.expiration_time.as_ref().unwrap().seconds;
    assert!(seconds(&renewed) >= seconds(&info.endpoint[0]));
    Reading::open(&mut client, renewed.ticket.clone().unwrap()).await.unwrap();

    let cancel = CancelFlightInfoRequest { info: Some(FlightInfo { endpoint: vec![renewed], ..info }) };
    act(&server, "CancelFlightInfo", cancel.encode_to_vec()).await.unwrap();
    let ended = loop {
        if let Err(status) = reading.next().await.expect("the stream says how it ends") {
            break status;
        }
    };
    assert_eq!(ended.code(), Code::Cancelled);
    assert_eq!(Reading::open(&mut client, ticket).await.err().unwrap().code(), Code::Cancelled);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_action_is_refused_with_the_names_of_those_there_are() {
    let server = Server::start(Tables::default()).await;
    let status = act(&server, "drop-table", Vec::new()).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("commit-position"), "{}", status.message());
    let answer = act(&server, "list-groups", b"{}".to_vec()).await.unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&answer[0]).unwrap(), json!({}));
    assert!(act(&server, "watermark", b"{\"x\": 1}".to_vec()).await.is_err());
}

/// Clients that do not speak the protocol, or stop in the middle of a word.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn noise_on_the_port_disturbs_nobody() {
    let server = Server::start(Tables::default()).await;
    let mut idle = Vec::new();
    for noise in ["", "\0\0\0", "GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n", "PRI * HT"]
    {
        for _ in 0..20 {
            let mut connection = tokio::net::TcpStream::connect(server.address).await.unwrap();
            connection.write_all(noise.as_bytes()).await.unwrap();
            idle.push(connection);
        }
    }
    let mut connection = tokio::net::TcpStream::connect(server.address).await.unwrap();
    connection.write_all(b"GET /nothing HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(super::wire::LONG, connection.read_to_end(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with(b"HTTP/1.1"), "{}", String::from_utf8_lossy(&answer));
    let (batches, outcome) = read_all(&mut server.client().await, &json!({ "table": TABLE })).await;
    assert!(outcome.is_ok() && !batches.is_empty());
}

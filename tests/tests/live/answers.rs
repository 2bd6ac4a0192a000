//! Every service is there and speaks its protocol. Where these fail, the others say nothing about this project.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::service::{host_and_port, service};

/// Sends bytes and reads the answer: all of it, or as much as `n_bytes_max`.
fn ask(variable: &str, request: &[u8], n_bytes_max: u64) -> Vec<u8> {
    let address = service(variable);
    let mut stream = TcpStream::connect(host_and_port(&address)).unwrap_or_else(|error| panic!("{address}: {error}"));
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = Vec::new();
    stream.take(n_bytes_max).read_to_end(&mut answer).unwrap_or_else(|error| panic!("{address}: {error}"));
    answer
}

fn get(variable: &str, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    String::from_utf8_lossy(&ask(variable, request.as_bytes(), 1 << 20)).into_owned()
}

#[test]
fn both_rest_catalogs_say_their_configuration() {
    for variable in ["FRAZIL_TEST_REST_URI", "FRAZIL_TEST_REST_S3_URI"] {
        let answer = get(variable, "/v1/config");
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"defaults\""), "{variable}: {answer}");
    }
}

#[test]
fn the_s3_store_has_the_bucket_of_the_warehouse() {
    let answer = get("FRAZIL_TEST_S3_ENDPOINT", "/");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("<Name>warehouse</Name>"), "{answer}");
}

/// A call without arguments in Thrift's binary protocol, and the name that the answer's text has to hold.
#[test]
fn both_hive_metastores_say_their_name() {
    let name = b"getName";
    let mut call = vec![0x80, 0x01, 0, 1, 0, 0, 0, u8::try_from(name.len()).unwrap()];
    call.extend(name);
    call.extend([0, 0, 0, 0, 0]);
    // Version and kind (2 is a reply), the name again, a sequence number, field 0 of type 11 and its text.
    let mut expected = vec![0x80, 0x01, 0, 2, 0, 0, 0, u8::try_from(name.len()).unwrap()];
    expected.extend(name);
    expected.extend([0, 0, 0, 0, 11, 0, 0]);
    for variable in ["FRAZIL_TEST_HIVE3_URI", "FRAZIL_TEST_HIVE4_URI"] {
        let answer = ask(variable, &call, expected.len() as u64);
        assert_eq!(answer, expected, "{variable}");
    }
}

/// The request for TLS is answered with one byte before any login.
#[test]
fn postgres_answers_whether_it_speaks_tls() {
    let answer = ask("FRAZIL_TEST_POSTGRES_URI", &[0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f], 1);
    assert!(answer == b"N" || answer == b"S", "{answer:?}");
}

#[test]
fn zookeeper_is_well() {
    assert_eq!(ask("FRAZIL_TEST_ZOOKEEPER", b"ruok", 16), b"imok");
}

#[test]
fn the_address_of_a_service_is_found_in_every_form() {
    for address in ["127.0.0.1:1", "thrift://127.0.0.1:1", "http://127.0.0.1:1/", "postgresql://a:b@127.0.0.1:1/c"] {
        assert_eq!(host_and_port(address), "127.0.0.1:1", "{address}");
    }
}

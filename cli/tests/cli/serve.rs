//! `frazil serve`: how it starts, what it refuses, and how it ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Stdio};

use super::{error, frazil, run};

/// A server that ends with its test.
struct Server {
    child: Child,
    output: BufReader<ChildStdout>,
    address: String,
    _state: tempfile::TempDir,
}

impl Server {
    fn start(args: &[&str]) -> Self {
        let state = tempfile::tempdir().unwrap();
        let mut child = frazil(&["serve", "--listen", "127.0.0.1:0"])
            .args(args)
            .env("XDG_STATE_HOME", state.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("listening on grpc://").unwrap_or_else(|| panic!("{line:?}"));
        Self { address: address.to_owned(), child, output, _state: state }
    }

    fn metrics(&self) -> String {
        let mut connection = TcpStream::connect(&self.address).unwrap();
        connection.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_folder_is_served_without_settings_and_a_signal_ends_it_well() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(&[folder.path().to_str().unwrap()]);
    assert!(server.metrics().contains("frazil_streams_open 0"));
    let pid = rustix::process::Pid::from_child(&server.child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    let mut rest = String::new();
    server.output.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
}

#[test]
fn what_cannot_be_served_is_told_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    assert!(error(&run(&["serve", "/no/such/folder"]), 2).contains("name a folder of tables"));
    assert!(error(&run(&["serve", path, "--listen", "0.0.0.0:0"]), 2).contains("there is no TLS and tokens"));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = frazil(&["serve", path, "--listen", &address]).env("XDG_STATE_HOME", path).output().unwrap();
    assert!(error(&output, 1).contains("another program listens there"));
}

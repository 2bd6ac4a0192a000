//! An ensemble of one test alone, whose servers it may kill.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

/// Servers that end with the test.
pub struct Ensemble {
    folder: TempDir,
    java_options: String,
    /// Connect string.
    pub address: String,
}

/// The script that starts servers, and contenders of another kind.
pub fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/services/zookeeper.sh")
}

impl Ensemble {
    pub fn start(n_servers: usize) -> Self {
        Self::start_with(n_servers, |_| String::new())
    }

    /// `java_options` is given the folder of the ensemble.
    pub fn start_with(n_servers: usize, java_options: impl FnOnce(&Path) -> String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let java_options = java_options(folder.path());
        let mut ensemble = Self { folder, java_options, address: String::new() };
        ensemble.run(&["start"], &[&n_servers.to_string()]);
        let address = std::fs::read_to_string(ensemble.folder.path().join("address")).unwrap();
        address.trim().clone_into(&mut ensemble.address);
        ensemble
    }

    /// Without waiting for the output to end: servers inherit it.
    fn run(&self, before: &[&str], after: &[&str]) {
        let mut command = Command::new(script());
        command.args(before).arg(self.folder.path()).args(after);
        command.env("ZK_JAVA_OPTIONS", &self.java_options);
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        assert!(command.status().unwrap().success(), "{command:?}");
    }

    pub fn kill(&self, server: usize) {
        self.run(&["kill"], &[&server.to_string()]);
    }

    pub fn pause(&self, server: usize) {
        self.run(&["pause"], &[&server.to_string()]);
    }

    pub fn resume(&self, server: usize) {
        self.run(&["resume"], &[&server.to_string()]);
    }

    /// Starts a server that was killed, on the data it had.
    pub fn restart(&self, server: usize) {
        self.run(&["restart"], &[&server.to_string()]);
    }

    /// Number of the server that leads.
    pub fn leader(&self) -> usize {
        let is_leader = |address: &str| ask(address, "srvr").contains("Mode: leader");
        1 + self.address.split(',').position(is_leader).expect("there is a leader")
    }
}

impl Drop for Ensemble {
    fn drop(&mut self) {
        let _ = Command::new(script()).arg("stop").arg(self.folder.path()).status();
    }
}

/// What a server answers to one of its four-letter words; nothing if it does not.
pub fn ask(address: &str, word: &str) -> String {
    let Ok(mut stream) = TcpStream::connect(address) else { return String::new() };
    stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let mut answer = String::new();
    let _ = stream.write_all(word.as_bytes()).and_then(|()| stream.read_to_string(&mut answer));
    answer
}

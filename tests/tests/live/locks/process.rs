//! A process that holds a lock, to be killed or stopped: this binary again, with one test to run.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use frazil_lock::LockName;

use super::contract::{LONG, holder};
use super::{Subject, ZooKeeper};

const CONNECT: &str = "FRAZIL_TEST_HOLDER_CONNECT";
const NAME: &str = "FRAZIL_TEST_HOLDER_NAME";
const SESSION_MS: &str = "FRAZIL_TEST_HOLDER_SESSION_MS";
/// Lines of the harness itself stand between ours.
const PREFIX: &str = "holder: ";

/// A process that holds a lock.
pub struct Process {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Process {
    /// Returns when it holds the lock.
    pub fn hold(zookeeper: &ZooKeeper, name: &LockName) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "locks::process::holds_a_lock_if_another_test_asks", "--nocapture"])
            .env(CONNECT, &zookeeper.connect)
            .env(NAME, name.as_str())
            .env(SESSION_MS, zookeeper.session_timeout.as_millis().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (questions, answers) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut process = Self { child, questions, answers };
        assert_eq!(process.answer(), "true");
        process
    }

    fn answer(&mut self) -> String {
        for line in (&mut self.answers).lines() {
            let line = line.unwrap();
            if let Some((_, answer)) = line.split_once(PREFIX) {
                return answer.to_owned();
            }
        }
        panic!("the process has ended");
    }

    /// Asks whether it holds the lock; a process that is stopped will see the question later.
    pub fn ask(&mut self) {
        writeln!(self.questions, "?").unwrap();
    }

    pub fn is_held(&mut self) -> bool {
        self.answer() == "true"
    }

    pub fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Does nothing by itself: it is what a process runs that [`Process`] starts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn holds_a_lock_if_another_test_asks() {
    let variable = |name: &str| std::env::var(name).ok();
    let (Some(connect), Some(name), Some(ms)) = (variable(CONNECT), variable(NAME), variable(SESSION_MS)) else {
        return;
    };
    let zookeeper = ZooKeeper { connect, session_timeout: Duration::from_millis(ms.parse().unwrap()) };
    let locks = zookeeper.locks();
    let guard = locks.acquire(&LockName::new(name).unwrap(), &holder("process"), LONG).await.unwrap();
    println!("{PREFIX}{}", guard.is_held());
    // The question is read by a thread, and answered by it before anything else runs.
    tokio::task::block_in_place(|| {
        for question in std::io::stdin().lock().lines() {
            question.unwrap();
            println!("{PREFIX}{}", guard.is_held());
        }
    });
}

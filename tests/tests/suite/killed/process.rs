//! A process that commits until it is killed: this binary again, with one test to run.

use std::fmt;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use frazil_lock::{CommitLock, Head, HeadMark, Holder, LockGuard, LockLine, LockName, Loss, MemoryLock};
use frazil_table::commit::target::{CommitBase, CommitTarget, SwapAnswer};
use frazil_table::commit::update::{MetadataUpdate, Requirement};
use frazil_table::commit::{
    Change, CommitOptions, CommitOutcome, CommitRequest, Committer, FileRef, PendingCommit, SnapshotChange,
};
use frazil_table::file::{FileContent, PartitionTuple, WrittenFile};
use frazil_table::storage::Storage;
use frazil_table::{SpecId, SystemClock};
use frazil_testkit::{Decision, Request, WatchedStore, Watcher};
use serde_json::{Value, json};

use super::{Kind, committed, committer, location, snapshot};
use crate::integrity::data_file;

const TASK: &str = "FRAZIL_TEST_KILLED_TASK";
/// Lines of the harness itself stand between ours.
const PREFIX: &str = "killed: ";

/// What the process does.
#[derive(Debug, Clone, Copy)]
pub enum Work {
    /// Three commits, whose steps count.
    Steps,
    /// Appends until it is killed.
    Appends {
        /// Tells its files from those of others.
        round: u32,
    },
    /// Three appends, each of which may fail: no file may be larger than this.
    Tries {
        /// In blocks of the shell's `ulimit -f`.
        blocks_max: u32,
    },
}

/// When it is killed.
#[derive(Debug, Clone, Copy)]
pub enum Moment {
    /// Before the step with this number.
    Step(u64),
    /// So many microseconds after it began.
    Micros(u64),
    /// Not at all.
    Never,
}

/// A commit that the process has told of.
#[derive(Debug, Clone, Default)]
pub struct Said {
    pub added: Vec<String>,
    pub removed: Vec<String>,
    pub is_acknowledged: bool,
    /// An error said that it was not made, and what it said.
    pub failure: Option<String>,
    /// Once it is acknowledged.
    pub snapshot_id: Option<i64>,
}

/// What a process has left to know of it.
pub struct Output {
    pub said: Vec<Said>,
    pub last_step: String,
    /// It came to its end.
    pub is_finished: bool,
}

/// Runs a process until it is killed, or ends.
pub fn run(kind: Kind, root: &str, work: Work, moment: Moment) -> Output {
    let (step, micros) = match moment {
        Moment::Step(step) => (Some(step), None),
        Moment::Micros(micros) => (None, Some(micros)),
        Moment::Never => (None, None),
    };
    let (round, blocks_max) = match work {
        Work::Steps => (None, None),
        Work::Appends { round } => (Some(round), None),
        Work::Tries { blocks_max } => (None, Some(blocks_max)),
    };
    let is_folder = kind == Kind::Folder;
    let task = json!({"is-folder": is_folder, "root": root, "step": step, "micros": micros, "round": round,
        "tries": blocks_max.is_some()});
    let program = std::env::current_exe().unwrap();
    let mut command = match blocks_max {
        None => Command::new(program),
        Some(blocks_max) => {
            // A write beyond the limit is an error, and not the end of the process.
            let limited = r#"trap "" XFSZ; ulimit -f "$1"; shift; exec "$@""#;
            let mut shell = Command::new("sh");
            shell.args(["-c", limited, "sh"]).arg(blocks_max.to_string()).arg(program);
            shell
        }
    };
    let output = command
        .args(["--exact", "killed::process::commits_if_another_test_asks", "--nocapture"])
        .env(TASK, task.to_string())
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut parsed = Output { said: Vec::new(), last_step: String::new(), is_finished: false };
    for line in text.lines().filter_map(|line| Some(line.split_once(PREFIX)?.1)) {
        let line: Value = serde_json::from_str(line).unwrap();
        let texts = |name: &str| serde_json::from_value::<Vec<String>>(line[name].clone()).unwrap();
        if let Some(step) = line["step"].as_str() {
            step.clone_into(&mut parsed.last_step);
        } else if let Some(n) = line["acknowledged"].as_u64() {
            let said = &mut parsed.said[usize::try_from(n).unwrap()];
            (said.is_acknowledged, said.snapshot_id) = (true, line["snapshot"].as_i64());
        } else if let Some(n) = line["failed"].as_u64() {
            let said = &mut parsed.said[usize::try_from(n).unwrap()];
            said.failure = Some(line["error"].as_str().unwrap().to_owned());
        } else if line["finished"] == true {
            parsed.is_finished = true;
        } else {
            parsed.said.push(Said { added: texts("added"), removed: texts("removed"), ..Said::default() });
        }
    }
    assert!(parsed.is_finished || was_killed(output.status), "{}: {text}", output.status);
    parsed
}

fn was_killed(status: ExitStatus) -> bool {
    std::os::unix::process::ExitStatusExt::signal(&status) == Some(9)
}

/// One write, which a kill cannot cut: the harness's output is shared by threads.
fn say(line: &Value) {
    println!("{PREFIX}{line}");
}

/// No destructor runs, and nothing is flushed.
fn kill_this_process() -> ! {
    let _ = Command::new("kill").args(["-9", &std::process::id().to_string()]).status();
    loop {
        std::thread::park();
    }
}

/// Counts steps, and kills the process before one of them.
struct Steps {
    n: AtomicU64,
    kill_at: Option<u64>,
}

impl Steps {
    fn step(&self, name: impl fmt::Display) {
        if self.n.fetch_add(1, Ordering::Relaxed) + 1 == self.kill_at.unwrap_or(0) {
            say(&json!({"step": name.to_string()}));
            kill_this_process();
        }
    }
}

impl fmt::Debug for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Steps")
    }
}

impl Watcher for Steps {
    fn before(&self, request: Request, key: &str) -> Decision {
        self.step(format_args!("before {request:?} of {}", name_of(key)));
        Decision::Pass
    }

    fn after(&self, request: Request, key: &str) {
        if request.writes() || request == Request::Delete {
            self.step(format_args!("after {request:?} of {}", name_of(key)));
        }
    }
}

fn name_of(key: &str) -> &str {
    key.rsplit('/').next().unwrap_or(key)
}

#[derive(Debug)]
struct SteppedLock(MemoryLock, Arc<Steps>);

#[derive(Debug)]
struct SteppedGuard(Box<dyn LockGuard>, Arc<Steps>);

#[async_trait]
impl CommitLock for SteppedLock {
    async fn acquire(
        &self,
        name: &LockName,
        holder: &Holder,
        wait: Duration,
    ) -> frazil_lock::Result<Box<dyn LockGuard>> {
        self.1.step("before the lock is taken");
        let guard = self.0.acquire(name, holder, wait).await?;
        self.1.step("after the lock was taken");
        Ok(Box::new(SteppedGuard(guard, self.1.clone())))
    }

    async fn describe(&self, name: &LockName) -> frazil_lock::Result<LockLine> {
        self.0.describe(name).await
    }

    async fn take_away(&self, name: &LockName, holder: &str) -> frazil_lock::Result<bool> {
        self.0.take_away(name, holder).await
    }

    async fn publish_head(&self, name: &LockName, head: &Head) -> frazil_lock::Result<()> {
        self.1.step("before the head is published");
        self.0.publish_head(name, head).await
    }

    async fn head(&self, name: &LockName) -> frazil_lock::Result<Option<Head>> {
        self.0.head(name).await
    }

    async fn head_after(&self, name: &LockName, mark: HeadMark) -> frazil_lock::Result<HeadMark> {
        self.0.head_after(name, mark).await
    }
}

#[async_trait]
impl LockGuard for SteppedGuard {
    fn token(&self) -> i64 {
        self.0.token()
    }

    fn is_held(&self) -> bool {
        self.1.step("before the lock is asked");
        self.0.is_held()
    }

    async fn lost(&self) -> Loss {
        self.0.lost().await
    }

    async fn release(self: Box<Self>) -> frazil_lock::Result<()> {
        let Self(guard, steps) = *self;
        steps.step("before the lock is released");
        let released = guard.release().await;
        steps.step("after the lock was released");
        released
    }
}

/// The table, with another writer who is faster once.
#[derive(Debug)]
struct SteppedTarget {
    target: Arc<dyn CommitTarget>,
    steps: Arc<Steps>,
    root: String,
    other: Arc<dyn CommitTarget>,
    was_raced: AtomicBool,
}

#[async_trait]
impl CommitTarget for SteppedTarget {
    fn name(&self) -> &str {
        self.target.name()
    }

    fn lock_name(&self) -> String {
        self.target.lock_name()
    }

    async fn load(&self) -> frazil_table::Result<CommitBase> {
        self.steps.step("before the table is loaded");
        let base = self.target.load().await;
        self.steps.step("after the table was loaded");
        base
    }

    async fn swap(&self, base: &CommitBase, updates: &[MetadataUpdate], requirements: &[Requirement]) -> SwapAnswer {
        if !self.was_raced.swap(true, Ordering::Relaxed) {
            let file = data_file(&Storage::local(), &location(&self.root), "raced").await;
            Told(1).append(&committer(self.other.clone()), [file]).await;
        }
        self.steps.step("before the swap");
        let answer = self.target.swap(base, updates, requirements).await;
        self.steps.step("after the swap");
        answer
    }

    fn is_superseded(&self, pending: &PendingCommit, now: &CommitBase) -> bool {
        self.target.is_superseded(pending, now)
    }
}

/// The number of a commit, in the order in which they are announced.
struct Told(u64);

impl Told {
    async fn commit(&self, committer: &Committer, added: &[WrittenFile], removed: &[&str], change: Change) {
        let added: Vec<&str> = added.iter().map(|file| &*file.path).collect();
        say(&json!({"added": added, "removed": removed}));
        let committed = committed(committer, change).await;
        say(&json!({"acknowledged": self.0, "snapshot": committed.snapshot_id.map(|id| id.get())}));
    }

    async fn append<const N: usize>(&self, committer: &Committer, files: [WrittenFile; N]) {
        let change = snapshot(SnapshotChange::append(files.clone()));
        self.commit(committer, &files, &[], change).await;
    }
}

async fn three_commits(kind: Kind, root: &str, steps: Arc<Steps>) {
    let plain = Storage::local();
    let watched = Storage::builder().store("file", Arc::new(WatchedStore::local(steps.clone()))).build();
    let [a, b, c] = ["a", "b", "c"].map(|name| data_file(&plain, root, name));
    let (a, b, c) = (a.await, b.await, c.await);
    let target = SteppedTarget {
        target: kind.source(root, &watched).commit_target().await.unwrap(),
        steps: steps.clone(),
        root: root.to_owned(),
        other: kind.source(root, &plain).commit_target().await.unwrap(),
        was_raced: AtomicBool::new(false),
    };
    let lock = Arc::new(SteppedLock(MemoryLock::new(), steps));
    let holder = Holder::of_this_process("test", "test", 0);
    let clock = Arc::new(SystemClock);
    let committer = Committer::new(Arc::new(target), lock, holder, clock, CommitOptions::default());
    // Number 1 is the other writer's.
    Told(0).append(&committer, [a, b]).await;
    let old = format!("{}/data/base0.parquet", location(root));
    let removed = FileRef {
        path: old.as_str().into(),
        offset: None,
        content: FileContent::Data,
        spec_id: SpecId::new(0),
        partition: PartitionTuple::default(),
        first_row_id: None,
    };
    let change = snapshot(SnapshotChange::overwrite([c.clone()], vec![removed]));
    Told(2).commit(&committer, &[c], &[&old], change).await;
    let set = [("killed".to_owned(), "no".to_owned())].into();
    Told(3).commit(&committer, &[], &[], Change::Properties { set, remove: Vec::new() }).await;
}

async fn appends(kind: Kind, root: &str, round: u64) {
    let storage = Storage::local();
    let committer = committer(kind.source(root, &storage).commit_target().await.unwrap());
    for n in 0.. {
        let file = data_file(&storage, &location(root), &format!("round{round}-{n}")).await;
        Told(n).append(&committer, [file]).await;
    }
}

/// Appends whose files are there already.
async fn tries(kind: Kind, root: &str) {
    let storage = Storage::local();
    let committer = committer(kind.source(root, &storage).commit_target().await.unwrap());
    for n in 0..3 {
        let file = data_file(&storage, &location(root), &format!("try{n}")).await;
        say(&json!({"added": [&file.path], "removed": []}));
        let request = CommitRequest::new(snapshot(SnapshotChange::append([file])));
        match committer.commit(request).await {
            Ok(CommitOutcome::Committed(committed)) => {
                say(&json!({"acknowledged": n, "snapshot": committed.snapshot_id.map(|id| id.get())}));
            }
            Ok(CommitOutcome::StateUnknown { .. }) => {}
            Ok(other) => panic!("{other:?}"),
            Err(error) => say(&json!({"failed": n, "error": error.to_string()})),
        }
    }
}

/// Does nothing by itself: it is what a process runs that [`run`] starts.
#[tokio::test]
async fn commits_if_another_test_asks() {
    let Ok(task) = std::env::var(TASK) else { return };
    let task: Value = serde_json::from_str(&task).unwrap();
    let kind = if task["is-folder"] == true { Kind::Folder } else { Kind::Sqlite };
    let root = task["root"].as_str().unwrap();
    if let Some(micros) = task["micros"].as_u64() {
        std::thread::spawn(move || {
            // The moment is any; the processor decides where it falls.
            std::thread::sleep(Duration::from_micros(micros));
            kill_this_process();
        });
    }
    match task["round"].as_u64() {
        Some(round) => appends(kind, root, round).await,
        None if task["tries"] == true => tries(kind, root).await,
        None => {
            let steps = Arc::new(Steps { n: AtomicU64::new(0), kill_at: task["step"].as_u64() });
            three_commits(kind, root, steps).await;
        }
    }
    say(&json!({"finished": true}));
}

//! What a lock costs: taking it and giving it back, alone and among contenders, and how long it takes to follow a
//! process that was killed.
//!
//! Those in ZooKeeper are measured where `FRAZIL_TEST_ZOOKEEPER` is the address of an ensemble;
//! `scripts/services/zookeeper.sh start DIR` starts one. `FRAZIL_BENCH_SHORT=1` measures for as short a time as CI can
//! spare.
#![allow(
    clippy::disallowed_methods,
    reason = "a measurement reads the clock, and is told by the environment what to measure"
)]

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use criterion::{Criterion, Throughput};
use frazil_lock::{CommitLock, Holder, LockName, MemoryLock, ZooKeeperLock, ZooKeeperSettings};
use tokio::runtime::Runtime;

/// Set for the process that is to be killed: the address of the ensemble.
const HOLD: &str = "FRAZIL_BENCH_LOCK_HOLD";
const WAIT: Duration = Duration::from_secs(60);
const SESSION_TIMEOUT: Duration = Duration::from_secs(2);
const N_CONTENDERS: usize = 32;
/// How long percentiles of one who takes the lock alone are measured.
const TIME_ALONE: Duration = Duration::from_secs(1);

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if let Ok(address) = std::env::var(HOLD) {
        return runtime.block_on(hold_until_killed(&address));
    }
    let is_short = std::env::var_os("FRAZIL_BENCH_SHORT").is_some();
    let criterion = Criterion::default().without_plots().sample_size(10);
    let criterion = if is_short {
        criterion.warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1))
    } else {
        criterion
    };
    let mut criterion = criterion.configure_from_args();
    let memory: Arc<dyn CommitLock> = Arc::new(MemoryLock::new());
    alone(&mut criterion, &runtime, "memory", &*memory)?;
    contended(&mut criterion, &runtime, "memory", &vec![memory; N_CONTENDERS])?;
    if let Ok(address) = std::env::var("FRAZIL_TEST_ZOOKEEPER") {
        alone(&mut criterion, &runtime, "zookeeper", &*zookeeper(&address)?)?;
        let clients: Result<Vec<_>> = (0..N_CONTENDERS).map(|_| zookeeper(&address)).collect();
        contended(&mut criterion, &runtime, "zookeeper", &clients?)?;
        take_over(&runtime, &address, if is_short { 1 } else { 5 })?;
    }
    criterion.final_summary();
    Ok(())
}

fn zookeeper(address: &str) -> Result<Arc<dyn CommitLock>> {
    let connect = format!("{address}/frazil/benches");
    let settings = ZooKeeperSettings { connect, session_timeout: SESSION_TIMEOUT, ..Default::default() };
    Ok(Arc::new(ZooKeeperLock::new(settings)?))
}

fn name(what: &str) -> Result<LockName> {
    Ok(LockName::new(format!("bench.{what}.{}", std::process::id()))?)
}

fn holder() -> Holder {
    Holder::of_this_process("bench", "bench", 0)
}

async fn take_and_release(locks: &dyn CommitLock, name: &LockName, holder: &Holder) -> Result<i64> {
    let guard = locks.acquire(name, holder, WAIT).await?;
    let token = guard.token();
    guard.release().await?;
    Ok(token)
}

fn alone(criterion: &mut Criterion, runtime: &Runtime, kind: &str, locks: &dyn CommitLock) -> Result<()> {
    let (name, holder) = (name("alone")?, holder());
    // An error would look like a fast lock.
    let first = runtime.block_on(take_and_release(locks, &name, &holder))?;
    criterion.bench_function(&format!("lock/{kind}/acquire and release"), |bencher| {
        bencher.iter(|| runtime.block_on(take_and_release(locks, &name, &holder)));
    });
    let mut times = Vec::new();
    let started = Instant::now();
    while started.elapsed() < TIME_ALONE {
        let start = Instant::now();
        let token = runtime.block_on(take_and_release(locks, &name, &holder))?;
        times.push(start.elapsed());
        ensure!(token > first, "tokens do not grow");
    }
    times.sort_unstable();
    let at = |percent: usize| times.get(times.len() * percent / 100).copied().unwrap_or_default();
    let n = times.len();
    println!("lock/{kind}/acquire and release: p50 {:.2?}, p95 {:.2?}, p99 {:.2?}, n={n}", at(50), at(95), at(99));
    Ok(())
}

/// As many who want one lock at the same time; the time is that of one taking.
fn contended(criterion: &mut Criterion, runtime: &Runtime, kind: &str, clients: &[Arc<dyn CommitLock>]) -> Result<()> {
    let (name, holder) = (name("contended")?, holder());
    for client in clients {
        runtime.block_on(take_and_release(&**client, &name, &holder))?;
    }
    let mut group = criterion.benchmark_group(format!("lock/{kind}"));
    group.throughput(Throughput::Elements(u64::try_from(clients.len())?));
    group.bench_function(format!("{} contenders, once each", clients.len()), |bencher| {
        bencher.iter(|| {
            runtime.block_on(async {
                let takes = clients.iter().map(|client| {
                    let (client, name, holder) = (Arc::clone(client), name.clone(), holder.clone());
                    tokio::spawn(async move { take_and_release(&*client, &name, &holder).await.is_ok() })
                });
                for take in takes.collect::<Vec<_>>() {
                    // One that failed would look like a fast one.
                    assert!(take.await.is_ok_and(|is_taken| is_taken), "a contender has not got the lock");
                }
            });
        });
    });
    group.finish();
    Ok(())
}

/// From `kill -9` of the holder until the next has the lock.
fn take_over(runtime: &Runtime, address: &str, n_times: usize) -> Result<()> {
    let mut times = Vec::new();
    for _ in 0..n_times {
        let name = name("killed")?;
        let mut process = Command::new(std::env::current_exe()?)
            .env(HOLD, address)
            .env("FRAZIL_BENCH_LOCK_NAME", name.as_str())
            .stdout(Stdio::piped())
            .spawn()?;
        process.stdout.take().context("the process has an output")?.read_exact(&mut [0])?;
        let locks = zookeeper(address)?;
        // With a session, so that this is not measured as well.
        runtime.block_on(locks.describe(&name))?;
        process.kill()?;
        let killed = Instant::now();
        runtime.block_on(async {
            let guard = locks.acquire(&name, &holder(), WAIT).await?;
            times.push(killed.elapsed());
            guard.release().await
        })?;
        process.wait()?;
    }
    times.sort_unstable();
    println!("lock/zookeeper/take-over after kill -9, session timeout {SESSION_TIMEOUT:?}: {times:?}");
    Ok(())
}

async fn hold_until_killed(address: &str) -> Result<()> {
    let name = LockName::new(std::env::var("FRAZIL_BENCH_LOCK_NAME")?)?;
    let locks = zookeeper(address)?;
    let guard = locks.acquire(&name, &holder(), WAIT).await?;
    println!("held");
    let loss = guard.lost().await;
    anyhow::bail!("the lock was lost: {loss}")
}

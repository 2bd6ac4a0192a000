//! What must hold when processes are killed or stopped, and when servers are.

use std::fs::File;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use frazil_lock::{Access, CommitLock, Credentials, LockError, Loss, ZooKeeperLock, ZooKeeperSettings};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::contract::{LONG, holder, until_free, until_waiting};
use super::ensemble::{Ensemble, ask, script};
use super::process::Process;
use super::{Subject, ZooKeeper};
use crate::service::{host_and_port, service};

const SEED: u64 = 11;

fn with_timeout(session_timeout: Duration) -> ZooKeeper {
    ZooKeeper::at(&service("FRAZIL_TEST_ZOOKEEPER"), session_timeout)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lock_of_a_process_that_was_killed_is_free_within_its_session() {
    let zookeeper = with_timeout(Duration::from_secs(2));
    let locks = zookeeper.locks();
    let mut random = SmallRng::seed_from_u64(SEED);
    println!("seed {SEED}");
    for _ in 0..3 {
        let name = zookeeper.name();
        let process = Process::hold(&zookeeper, &name);
        let (own, own_name) = (zookeeper.locks(), name.clone());
        let next = tokio::spawn(async move {
            let guard = own.acquire(&own_name, &holder("next"), LONG).await.unwrap();
            (Instant::now(), guard)
        });
        until_waiting(&*locks, &name, 1).await;
        tokio::time::sleep(Duration::from_millis(random.random_range(0..700))).await;
        process.signal("-KILL");
        let killed = Instant::now();
        let (taken, guard) = next.await.unwrap();
        let elapsed = taken - killed;
        println!("taken over after {elapsed:?}");
        assert!(elapsed <= zookeeper.session_timeout + Duration::from_millis(500), "{elapsed:?}, seed {SEED}");
        guard.release().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_was_stopped_for_longer_than_its_session_knows_before_it_does_anything() {
    let zookeeper = with_timeout(Duration::from_secs(1));
    let name = zookeeper.name();
    let mut process = Process::hold(&zookeeper, &name);
    process.ask();
    assert!(process.is_held());
    // A short stop costs nothing.
    process.signal("-STOP");
    tokio::time::sleep(Duration::from_millis(200)).await;
    process.ask();
    process.signal("-CONT");
    assert!(process.is_held());

    process.signal("-STOP");
    let guard = zookeeper.locks().acquire(&name, &holder("next"), LONG).await.unwrap();
    process.ask();
    process.signal("-CONT");
    assert!(!process.is_held(), "its lock has gone to another");
    assert!(guard.is_held());
    guard.release().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_those_who_wait_one_watches_each_node() {
    let zookeeper = ZooKeeper::running();
    let (locks, name) = (zookeeper.locks(), zookeeper.name());
    let guard = locks.acquire(&name, &holder("0"), LONG).await.unwrap();
    let mut waits = Vec::new();
    for n in 1..=6 {
        let (own, own_name) = (zookeeper.locks(), name.clone());
        waits.push(tokio::spawn(async move {
            own.acquire(&own_name, &holder("n"), LONG).await.unwrap().release().await.unwrap();
        }));
        until_waiting(&*locks, &name, n).await;
    }
    let line = locks.describe(&name).await.unwrap();
    // The last one has listed the line, and may not watch yet.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let watches = ask(host_and_port(&service("FRAZIL_TEST_ZOOKEEPER")), "wchp");
    let n_watching = |id: &str| {
        let (_, after) = watches.split_once(&format!("/{id}\n")).unwrap_or_default();
        after.lines().take_while(|line| line.starts_with('\t')).count()
    };
    assert_eq!(n_watching(&line.holder.unwrap().id), 2, "the holder itself and the first that waits: {watches}");
    let n_watching: Vec<usize> = line.waiting.iter().map(|member| n_watching(&member.id)).collect();
    assert_eq!(n_watching, [1, 1, 1, 1, 1, 0], "{watches}");
    guard.release().await.unwrap();
    for wait in waits {
        wait.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_is_not_there_is_told_within_the_session_timeout() {
    let zookeeper = ZooKeeper::at("127.0.0.1:1", Duration::from_millis(600));
    let asked = Instant::now();
    let answer = zookeeper.locks().acquire(&zookeeper.name(), &holder("a"), Duration::ZERO).await;
    assert!(matches!(answer, Err(LockError::Unavailable { .. })), "{answer:?}");
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_started_again_costs_nobody_the_lock_or_the_place_in_line() {
    let ensemble = Ensemble::start(1);
    let zookeeper = ZooKeeper::at(&ensemble.address, Duration::from_secs(30));
    let (locks, name) = (zookeeper.locks(), zookeeper.name());
    let guard = locks.acquire(&name, &holder("a"), LONG).await.unwrap();
    let (own, own_name) = (zookeeper.locks(), name.clone());
    let next = tokio::spawn(async move { own.acquire(&own_name, &holder("b"), LONG).await.unwrap() });
    let before = until_waiting(&*locks, &name, 1).await;
    ensemble.kill(1);
    ensemble.restart(1);
    assert!(guard.is_held());
    let after = until_waiting(&*locks, &name, 1).await;
    assert_eq!(after, before);
    guard.release().await.unwrap();
    let next = next.await.unwrap();
    assert!(next.is_held());
    next.release().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_an_answer_a_holder_stops_before_its_session_can_have_ended() {
    let ensemble = Ensemble::start(1);
    let zookeeper = ZooKeeper::at(&ensemble.address, Duration::from_secs(3));
    let (locks, name) = (zookeeper.locks(), zookeeper.name());
    let guard = locks.acquire(&name, &holder("a"), LONG).await.unwrap();
    // Longer than it would be held without confirmations.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(guard.is_held());
    ensemble.pause(1);
    let paused = Instant::now();
    let loss = guard.lost().await;
    let elapsed = paused.elapsed();
    println!("lost after {elapsed:?}");
    assert_eq!(loss, Loss::Unconfirmed);
    assert!(!guard.is_held());
    assert!(elapsed <= Duration::from_millis(2_300), "{elapsed:?}");
    ensemble.resume(1);
    let released = guard.release().await;
    assert!(matches!(released, Err(LockError::Lost { loss: Loss::Unconfirmed, .. })), "{released:?}");
    // With the session that is left, or a new one.
    let guard = locks.acquire(&name, &holder("b"), LONG).await.unwrap();
    guard.release().await.unwrap();
    until_free(&*locks, &name).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn contenders_go_on_without_overlap_when_the_leader_is_killed() {
    let ensemble = Ensemble::start(3);
    let zookeeper = Arc::new(ZooKeeper::at(&ensemble.address, Duration::from_secs(4)));
    let name = zookeeper.name();
    let (inside, n_held) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let until = Instant::now() + Duration::from_secs(12);
    let mut contenders = Vec::new();
    for index in 0..6 {
        let (locks, name) = (zookeeper.locks(), name.clone());
        let (inside, n_held) = (Arc::clone(&inside), Arc::clone(&n_held));
        contenders.push(tokio::spawn(async move {
            let mut n_errors = 0;
            while Instant::now() < until {
                let guard = match locks.acquire(&name, &holder(&index.to_string()), LONG).await {
                    Ok(guard) => guard,
                    Err(LockError::Unavailable { .. }) => {
                        n_errors += 1;
                        continue;
                    }
                    Err(unexpected) => panic!("{unexpected}"),
                };
                if guard.is_held() {
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two hold the lock");
                    n_held.fetch_add(1, Ordering::SeqCst);
                    inside.fetch_sub(1, Ordering::SeqCst);
                }
                match guard.release().await {
                    Ok(()) => {}
                    Err(LockError::Unavailable { .. } | LockError::Lost { .. }) => n_errors += 1,
                    Err(unexpected) => panic!("{unexpected}"),
                }
            }
            n_errors
        }));
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = n_held.load(Ordering::SeqCst);
    ensemble.kill(ensemble.leader());
    let mut n_errors = 0;
    for contender in contenders {
        n_errors += contender.await.unwrap();
    }
    let n_held = n_held.load(Ordering::SeqCst);
    println!("{before} times before the leader was killed, {} after, {n_errors} errors", n_held - before);
    assert!(before > 0 && n_held > before, "they go on");
    until_free(&*zookeeper.locks(), &name).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ensemble_that_wants_to_know_who_asks_is_told_by_sasl() {
    let ensemble = Ensemble::start_with(1, |folder| {
        let login = folder.join("login.conf");
        let module = "org.apache.zookeeper.server.auth.DigestLoginModule required user_frazil=\"geheim\";";
        std::fs::write(&login, format!("Server {{ {module} }};\n")).unwrap();
        format!(
            "-Djava.security.auth.login.config={} -Dzookeeper.sessionRequireClientSASLAuth=true \
             -Dzookeeper.authProvider.1=org.apache.zookeeper.server.auth.SASLAuthenticationProvider",
            login.display()
        )
    });
    let zookeeper = ZooKeeper::at(&ensemble.address, Duration::from_secs(3));
    let name = zookeeper.name();
    let as_user = |credentials: Option<(&str, &str)>, access| {
        let credentials =
            credentials.map(|(user, password)| Credentials { user: user.to_owned(), password: password.to_owned() });
        let (connect, session_timeout) = (zookeeper.connect.clone(), zookeeper.session_timeout);
        ZooKeeperLock::new(ZooKeeperSettings { connect, session_timeout, credentials, access }).unwrap()
    };
    for access in [Access::Anyone, Access::Creator] {
        let locks = as_user(Some(("frazil", "geheim")), access);
        let guard = locks.acquire(&name, &holder("a"), LONG).await.unwrap();
        guard.release().await.unwrap();
    }
    for credentials in [None, Some(("frazil", "wrong")), Some(("nobody", "geheim"))] {
        let answer = as_user(credentials, Access::Anyone).acquire(&name, &holder("b"), Duration::ZERO).await;
        let error = answer.unwrap_err();
        assert!(matches!(error, LockError::Refused { .. }), "{credentials:?}: {error:?}");
        assert!(!format!("{error:?}").contains("geheim"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quorum_that_is_lost_and_comes_back_is_used_again() {
    let ensemble = Ensemble::start(3);
    let zookeeper = ZooKeeper::at(&ensemble.address, Duration::from_secs(4));
    let (locks, name) = (zookeeper.locks(), zookeeper.name());
    let guard = locks.acquire(&name, &holder("a"), LONG).await.unwrap();
    let leader = ensemble.leader();
    let others: Vec<usize> = (1..=3).filter(|server| *server != leader).collect();
    // Frozen and not ended, so that the leader cannot know at once that it leads nobody.
    for server in &others {
        ensemble.pause(*server);
    }
    let paused = Instant::now();
    assert_eq!(guard.lost().await, Loss::Unconfirmed);
    assert!(paused.elapsed() <= Duration::from_millis(3_000), "{:?}", paused.elapsed());
    let busy = locks.acquire(&name, &holder("b"), Duration::from_millis(100)).await;
    assert!(busy.is_err(), "without a quorum there is no lock");
    for server in &others {
        ensemble.resume(*server);
    }
    drop(guard);
    let mut n_tries = 0;
    let guard = loop {
        n_tries += 1;
        match locks.acquire(&name, &holder("c"), LONG).await {
            Ok(guard) => break guard,
            Err(error) => assert!(matches!(error, LockError::Unavailable { .. }) && n_tries < 20, "{error:?}"),
        }
    };
    guard.release().await.unwrap();
    until_free(&*locks, &name).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn java_programs_with_curator_are_in_the_same_line() {
    const N_TIMES: usize = 500;
    let zookeeper = ZooKeeper::running();
    let (locks, name) = (zookeeper.locks(), zookeeper.name());
    let folder = tempfile::tempdir().unwrap();
    let marker = folder.path().join("held");
    let path = format!("/frazil/tests/locks/{name}");
    let guard = locks.acquire(&name, &holder("first"), LONG).await.unwrap();
    let mut java = Command::new(script())
        .args(["contend", host_and_port(&service("FRAZIL_TEST_ZOOKEEPER")), &path])
        .arg(&marker)
        .arg(N_TIMES.to_string())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    // Both begin together, and Curator's place is shown as what it is.
    let line = until_waiting(&*locks, &name, 1).await;
    assert_eq!(line.waiting[0].holder, None);
    assert!(line.waiting[0].text.is_some(), "its address: {line:?}");
    guard.release().await.unwrap();
    let mut tokens = Vec::new();
    for _ in 0..N_TIMES {
        let guard = locks.acquire(&name, &holder("rust"), LONG).await.unwrap();
        tokens.push(guard.token());
        drop(File::create_new(&marker).expect("nobody else holds it"));
        std::fs::remove_file(&marker).unwrap();
        guard.release().await.unwrap();
    }
    let status = tokio::task::spawn_blocking(move || java.wait().unwrap()).await.unwrap();
    assert!(status.success(), "Curator has met another holder");
    assert!(tokens.is_sorted_by(|a, b| a < b));
    until_free(&*locks, &name).await;
}

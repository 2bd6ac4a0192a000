//! What every kind of lock has to do, written once and run against each: [`lock_contract!`](crate::lock_contract) makes
//! a test of every function here for one kind.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use frazil_lock::{CommitLock, Head, HeadMark, Holder, LockError, LockGuard, LockLine, LockName, Loss};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// Locks to be tried.
pub trait Subject: Send + Sync {
    /// Locks as one process sees them; each call is another process, where the kind of lock allows it.
    fn locks(&self) -> Arc<dyn CommitLock>;

    /// A name that no other test and no earlier run uses.
    fn name(&self) -> LockName;
}

/// Long enough for anything that has to happen.
pub const LONG: Duration = Duration::from_secs(30);
/// What is told "at once" is told within this time, on a machine that does other things as well.
const AT_ONCE: Duration = Duration::from_secs(1);

pub fn holder(purpose: &str) -> Holder {
    Holder::of_this_process("tests", purpose, 1_764_000_000_000)
}

/// Returns when `n` wait for the lock.
pub async fn until_waiting(locks: &dyn CommitLock, name: &LockName, n: usize) -> LockLine {
    let asked = Instant::now();
    while asked.elapsed() < LONG {
        let line = locks.describe(name).await.unwrap();
        if line.n_waiting == n {
            return line;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("there never were {n} who wait: {:?}", locks.describe(name).await);
}

/// Returns when nobody is in line.
pub async fn until_free(locks: &dyn CommitLock, name: &LockName) {
    let asked = Instant::now();
    while asked.elapsed() < LONG {
        if locks.describe(name).await.unwrap() == LockLine::default() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("somebody stays in line: {:?}", locks.describe(name).await);
}

fn purposes(line: &LockLine) -> Vec<String> {
    line.waiting.iter().map(|member| member.holder.clone().unwrap().purpose).collect()
}

pub async fn a_free_lock_is_had_without_waiting(subject: &dyn Subject) {
    let (locks, name) = (subject.locks(), subject.name());
    for _ in 0..3 {
        let guard = locks.acquire(&name, &holder("a"), Duration::ZERO).await.unwrap();
        assert!(guard.is_held());
        guard.release().await.unwrap();
        assert_eq!(locks.describe(&name).await.unwrap(), LockLine::default(), "released means released");
    }
}

pub async fn a_lock_that_is_held_is_busy_and_says_who_holds_it(subject: &dyn Subject) {
    let (one, other, name) = (subject.locks(), subject.locks(), subject.name());
    let guard = one.acquire(&name, &holder("first"), LONG).await.unwrap();
    for wait in [Duration::ZERO, Duration::from_millis(50)] {
        match other.acquire(&name, &holder("second"), wait).await {
            Err(LockError::Busy { name: busy, holder: Some(member) }) => {
                assert_eq!(busy, name.as_str());
                assert_eq!(member.holder, Some(holder("first")));
                assert_eq!(member.token, guard.token());
            }
            unexpected => panic!("{unexpected:?}"),
        }
        let line = one.describe(&name).await.unwrap();
        assert_eq!(line.n_waiting, 0, "a wait that is over leaves nothing");
    }
    guard.release().await.unwrap();
}

pub async fn a_process_excludes_itself_too(subject: &dyn Subject) {
    let (locks, name) = (subject.locks(), subject.name());
    let guard = locks.acquire(&name, &holder("a"), LONG).await.unwrap();
    let busy = locks.acquire(&name, &holder("b"), Duration::ZERO).await;
    assert!(matches!(busy, Err(LockError::Busy { .. })), "{busy:?}");
    guard.release().await.unwrap();
}

pub async fn those_who_wait_are_shown_and_served_in_order(subject: &dyn Subject) {
    let (locks, name) = (subject.locks(), subject.name());
    let guard = locks.acquire(&name, &holder("0"), LONG).await.unwrap();
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    let mut waits = Vec::new();
    for index in 1..=4_usize {
        let (own, own_name, order) = (subject.locks(), name.clone(), Arc::clone(&order));
        waits.push(tokio::spawn(async move {
            let guard = own.acquire(&own_name, &holder(&index.to_string()), LONG).await.unwrap();
            order.lock().unwrap().push((index, guard.token()));
            guard.release().await.unwrap();
        }));
        until_waiting(&*locks, &name, index).await;
    }
    let line = locks.describe(&name).await.unwrap();
    assert_eq!(purposes(&line), ["1", "2", "3", "4"]);
    assert_eq!(line.holder.unwrap().token, guard.token());
    let first = guard.token();
    guard.release().await.unwrap();
    for wait in waits {
        wait.await.unwrap();
    }
    let served = order.lock().unwrap().clone();
    assert_eq!(served.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [1, 2, 3, 4]);
    let tokens: Vec<i64> = [first].into_iter().chain(served.iter().map(|(_, token)| *token)).collect();
    assert!(tokens.is_sorted_by(|a, b| a < b), "tokens grow: {tokens:?}");
}

pub async fn different_names_are_different_locks(subject: &dyn Subject) {
    let (locks, name) = (subject.locks(), subject.name());
    let mut guards = Vec::new();
    for end in ["", "/", "%2F", ".", "..", "/x", "é 雪", "a\nb", "A", "a"] {
        let name = LockName::new(format!("{name}{end}")).unwrap();
        guards.push(locks.acquire(&name, &holder(end), Duration::ZERO).await.unwrap());
    }
    for guard in guards {
        guard.release().await.unwrap();
    }
}

pub async fn a_guard_that_is_dropped_releases(subject: &dyn Subject) {
    let (one, other, name) = (subject.locks(), subject.locks(), subject.name());
    drop(one.acquire(&name, &holder("a"), LONG).await.unwrap());
    other.acquire(&name, &holder("b"), LONG).await.unwrap().release().await.unwrap();
    until_free(&*one, &name).await;
}

pub async fn a_lock_that_is_taken_away_is_lost_at_once_and_for_good(subject: &dyn Subject) {
    let (one, operator, name) = (subject.locks(), subject.locks(), subject.name());
    let guard = one.acquire(&name, &holder("hangs"), LONG).await.unwrap();
    let (next, next_name) = (subject.locks(), name.clone());
    let next = tokio::spawn(async move { next.acquire(&next_name, &holder("next"), LONG).await.unwrap() });
    let line = until_waiting(&*operator, &name, 1).await;
    let shown = line.holder.unwrap().id;
    assert!(guard.is_held());
    assert!(tokio::time::timeout(Duration::from_millis(50), guard.lost()).await.is_err());
    assert!(operator.take_away(&name, &shown).await.unwrap());
    let loss = tokio::time::timeout(AT_ONCE, guard.lost()).await.expect("the holder is told at once");
    assert_eq!(loss, Loss::Removed);
    assert!(!guard.is_held());
    let next = next.await.unwrap();
    assert!(next.is_held() && !guard.is_held());
    // The one that was shown holds it no longer: its successor is left alone.
    assert!(!operator.take_away(&name, &shown).await.unwrap());
    assert!(next.is_held());
    let released = guard.release().await;
    assert!(matches!(released, Err(LockError::Lost { loss: Loss::Removed, .. })), "{released:?}");
    next.release().await.unwrap();
}

pub async fn only_who_holds_it_can_lose_it(subject: &dyn Subject) {
    let (locks, name) = (subject.locks(), subject.name());
    assert!(!locks.take_away(&name, "nobody").await.unwrap());
    let guard = locks.acquire(&name, &holder("a"), LONG).await.unwrap();
    let (own, own_name) = (subject.locks(), name.clone());
    let wait = tokio::spawn(async move { own.acquire(&own_name, &holder("b"), LONG).await.unwrap() });
    let line = until_waiting(&*locks, &name, 1).await;
    assert!(!locks.take_away(&name, &line.waiting[0].id).await.unwrap(), "one that waits is left alone");
    assert!(!locks.take_away(&name, "../x").await.unwrap());
    assert!(guard.is_held());
    guard.release().await.unwrap();
    wait.await.unwrap().release().await.unwrap();
}

pub async fn a_head_is_told_to_those_who_wait_for_it(subject: &dyn Subject) {
    let (one, other, name) = (subject.locks(), subject.locks(), subject.name());
    // Where locks are of one process, others see nothing of each other.
    let publish = async |snapshot_id: i64| {
        let head = Head { metadata_location: None, snapshot_id: Some(snapshot_id) };
        one.publish_head(&name, &head).await.unwrap();
    };
    let mut waiting = pin!(other.head_after(&name, HeadMark::default()));
    let before = tokio::time::timeout(Duration::from_millis(100), waiting.as_mut()).await;
    assert!(before.is_err(), "nothing was published yet");
    publish(1).await;
    let first = tokio::time::timeout(LONG, waiting).await.unwrap().unwrap();
    assert_eq!(other.head_after(&name, HeadMark::default()).await.unwrap(), first);
    let mut waiting = pin!(other.head_after(&name, first));
    let before = tokio::time::timeout(Duration::from_millis(100), waiting.as_mut()).await;
    assert!(before.is_err(), "nothing was published since");
    let asked = Instant::now();
    publish(1).await;
    let second = tokio::time::timeout(LONG, waiting).await.unwrap().unwrap();
    assert!(asked.elapsed() < AT_ONCE, "{:?}", asked.elapsed());
    assert_ne!(first, second, "the same head once more is news too");
    // What was published while nobody waited is told at once.
    publish(2).await;
    publish(3).await;
    let third = tokio::time::timeout(LONG, other.head_after(&name, second)).await.unwrap().unwrap();
    assert_eq!(other.head_after(&name, second).await.unwrap(), third);
}

pub async fn a_head_is_what_was_published_last(subject: &dyn Subject) {
    let (one, other, name) = (subject.locks(), subject.locks(), subject.name());
    assert_eq!(other.head(&name).await.unwrap(), None);
    for snapshot_id in [Some(1), None, Some(i64::MAX)] {
        let head = Head { metadata_location: Some(format!("s3://b/{snapshot_id:?}.json")), snapshot_id };
        one.publish_head(&name, &head).await.unwrap();
        assert_eq!(one.head(&name).await.unwrap(), Some(head));
    }
    assert_eq!(other.head(&name).await.unwrap().unwrap().snapshot_id, Some(i64::MAX));
}

/// Polls a future so many times at most.
struct Polls<F> {
    future: Pin<Box<F>>,
    n_left: usize,
}

impl<F: Future> Future for Polls<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.n_left == 0 {
            return Poll::Ready(None);
        }
        self.n_left -= 1;
        match self.future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            // The poll that is one too many drops it, at whatever it waits for.
            Poll::Pending if self.n_left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }
}

pub async fn a_wait_that_is_dropped_anywhere_leaves_nothing(subject: &dyn Subject) {
    const N_WAITS: usize = 200;
    const SEED: u64 = 7;
    let (locks, waiting, name) = (subject.locks(), subject.locks(), subject.name());
    let mut random = SmallRng::seed_from_u64(SEED);
    let who = holder("b");
    let guard = locks.acquire(&name, &holder("a"), LONG).await.unwrap();
    for index in 0..N_WAITS {
        let n_polls = random.random_range(0..10_usize);
        let until = Duration::from_micros(random.random_range(0..20_000));
        let wait = Polls { future: Box::pin(waiting.acquire(&name, &who, LONG)), n_left: n_polls };
        // One that has been polled so often as it takes to be in line is dropped some time later.
        let dropped = tokio::time::timeout(until, wait).await;
        assert!(!matches!(dropped, Ok(Some(_))), "seed {SEED}, wait {index}: {dropped:?}");
    }
    let line = until_waiting(&*locks, &name, 0).await;
    assert_eq!(line.holder.unwrap().token, guard.token(), "seed {SEED}");
    // Waits that are dropped while their turn comes pass it on.
    for index in 0..50 {
        let n_polls = random.random_range(0..16_usize);
        let free = subject.name();
        let wait = Polls { future: Box::pin(waiting.acquire(&free, &who, LONG)), n_left: n_polls };
        drop(tokio::time::timeout(LONG, wait).await.unwrap_or_else(|_| panic!("seed {SEED}, wait {index}")));
        until_free(&*locks, &free).await;
    }
    guard.release().await.unwrap();
    until_free(&*locks, &name).await;
}

/// Eight who take the lock fifty times each. Returns the tokens in the order in which they were given.
pub async fn contend(subject: &dyn Subject, n_contenders: usize, n_times: usize) -> Vec<i64> {
    let name = subject.name();
    let inside = Arc::new(AtomicUsize::new(0));
    let tokens = Arc::new(std::sync::Mutex::new(Vec::new()));
    let mut contenders = Vec::new();
    for index in 0..n_contenders {
        let (locks, name) = (subject.locks(), name.clone());
        let (inside, tokens) = (Arc::clone(&inside), Arc::clone(&tokens));
        contenders.push(tokio::spawn(async move {
            for _ in 0..n_times {
                let guard = locks.acquire(&name, &holder(&index.to_string()), LONG).await.unwrap();
                assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two hold the lock");
                tokens.lock().unwrap().push(guard.token());
                tokio::task::yield_now().await;
                assert!(guard.is_held());
                assert_eq!(inside.fetch_sub(1, Ordering::SeqCst), 1);
                guard.release().await.unwrap();
            }
        }));
    }
    for contender in contenders {
        contender.await.unwrap();
    }
    let tokens = tokens.lock().unwrap().clone();
    assert_eq!(tokens.len(), n_contenders * n_times);
    tokens
}

pub async fn contenders_never_overlap_and_their_tokens_grow(subject: &dyn Subject) {
    let tokens = contend(subject, 8, 50).await;
    assert!(tokens.is_sorted_by(|a, b| a < b), "{tokens:?}");
}

pub async fn a_lock_is_an_object_that_tasks_can_share(subject: &dyn Subject) {
    let (locks, name) = (subject.locks(), subject.name());
    let counter = Arc::new(AtomicI64::new(0));
    let tasks = (0..4).map(|_| {
        let (locks, name, counter) = (Arc::clone(&locks), name.clone(), Arc::clone(&counter));
        tokio::spawn(async move {
            let guard: Box<dyn LockGuard> = locks.acquire(&name, &holder("task"), LONG).await.unwrap();
            let before = counter.load(Ordering::SeqCst);
            tokio::task::yield_now().await;
            counter.store(before + 1, Ordering::SeqCst);
            let mut lost = pin!(guard.lost());
            let is_pending = std::future::poll_fn(|context| Poll::Ready(lost.as_mut().poll(context).is_pending()));
            assert!(is_pending.await);
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    assert_eq!(counter.load(Ordering::SeqCst), 4);
    until_free(&*locks, &name).await;
}

/// Makes a test of everything that a lock has to do. `$make` gives a [`Subject`].
#[macro_export]
macro_rules! lock_contract {
    ($($name:ident => $make:expr),+ $(,)?) => {
        $($crate::lock_contract_of!(
            $name, $make,
            a_free_lock_is_had_without_waiting,
            a_lock_that_is_held_is_busy_and_says_who_holds_it,
            a_process_excludes_itself_too,
            those_who_wait_are_shown_and_served_in_order,
            different_names_are_different_locks,
            a_guard_that_is_dropped_releases,
            a_lock_that_is_taken_away_is_lost_at_once_and_for_good,
            only_who_holds_it_can_lose_it,
            a_head_is_what_was_published_last,
            a_head_is_told_to_those_who_wait_for_it,
            a_wait_that_is_dropped_anywhere_leaves_nothing,
            contenders_never_overlap_and_their_tokens_grow,
            a_lock_is_an_object_that_tasks_can_share,
        );)+
    };
}

/// A module with a test of each of these for one kind of lock.
#[macro_export]
macro_rules! lock_contract_of {
    ($name:ident, $make:expr, $($check:ident),+ $(,)?) => {
        mod $name {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $check() {
                    super::contract::$check(&$make).await;
                }
            )+
        }
    };
}

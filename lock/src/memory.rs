//! Locks within one process.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use crate::{CommitLock, Head, HeadMark, Holder, LockError, LockGuard, LockLine, LockName, Loss, Member, Result};

/// Locks that exclude each other within one process: clones share them, others know nothing of them.
#[derive(Debug, Clone, Default)]
pub struct MemoryLock {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    last_token: i64,
    /// No line is empty; the first in each holds the lock.
    lines: HashMap<LockName, VecDeque<Place>>,
    /// Who waits for a head makes the entry.
    heads: HashMap<LockName, watch::Sender<Published>>,
}

#[derive(Debug)]
struct Place {
    token: i64,
    holder: Holder,
    turn: watch::Sender<Turn>,
}

/// What was published last under a name, and how often something was.
#[derive(Debug, Clone, Default)]
struct Published {
    n: i64,
    head: Option<Head>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Waiting,
    Held,
    Removed,
}

impl MemoryLock {
    /// Locks that nobody holds.
    pub fn new() -> Self {
        Self::default()
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        // Nothing that is done under the mutex can leave it half done.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn join(&self, name: &LockName, holder: &Holder) -> Spot {
        let mut shared = self.shared();
        shared.last_token += 1;
        let token = shared.last_token;
        let line = shared.lines.entry(name.clone()).or_default();
        let (sender, turn) = watch::channel(if line.is_empty() { Turn::Held } else { Turn::Waiting });
        line.push_back(Place { token, holder: holder.clone(), turn: sender });
        Spot { locks: self.clone(), name: name.clone(), token, turn }
    }
}

impl Shared {
    /// Takes a place out of its line; if it was the first, the next one's turn has come.
    fn leave(&mut self, name: &LockName, token: i64) {
        let Some(line) = self.lines.get_mut(name) else { return };
        let Some(index) = line.iter().position(|place| place.token == token) else { return };
        line.remove(index);
        if index == 0
            && let Some(next) = line.front()
        {
            next.turn.send_replace(Turn::Held);
        }
        if line.is_empty() {
            self.lines.remove(name);
        }
    }
}

/// A place in line, which is left when this is dropped.
#[derive(Debug)]
struct Spot {
    locks: MemoryLock,
    name: LockName,
    token: i64,
    turn: watch::Receiver<Turn>,
}

impl Drop for Spot {
    fn drop(&mut self) {
        self.locks.shared().leave(&self.name, self.token);
    }
}

#[async_trait]
impl CommitLock for MemoryLock {
    async fn acquire(&self, name: &LockName, holder: &Holder, wait: Duration) -> Result<Box<dyn LockGuard>> {
        let mut spot = self.join(name, holder);
        let is_held = spot.turn.wait_for(|turn| *turn != Turn::Waiting);
        // A turn that comes together with the end of the wait is passed on when the spot is dropped.
        if tokio::time::timeout(wait, is_held).await.is_ok() {
            return Ok(Box::new(spot));
        }
        let holder = self.describe(name).await?.holder.map(Box::new);
        Err(LockError::Busy { name: name.to_string(), holder })
    }

    async fn describe(&self, name: &LockName) -> Result<LockLine> {
        let shared = self.shared();
        let mut members = shared.lines.get(name).into_iter().flatten().map(|place| Member {
            id: place.token.to_string(),
            token: place.token,
            holder: Some(place.holder.clone()),
            text: None,
            since_ms: place.holder.since_ms,
        });
        let holder = members.next();
        let waiting: Vec<Member> = members.collect();
        Ok(LockLine { holder, n_waiting: waiting.len(), waiting })
    }

    async fn take_away(&self, name: &LockName, holder: &str) -> Result<bool> {
        let mut shared = self.shared();
        let first = shared.lines.get(name).and_then(VecDeque::front);
        let Some(first) = first.filter(|first| first.token.to_string() == holder) else { return Ok(false) };
        // Told before the next one is: never are there two who believe that they hold it.
        first.turn.send_replace(Turn::Removed);
        let token = first.token;
        shared.leave(name, token);
        Ok(true)
    }

    async fn publish_head(&self, name: &LockName, head: &Head) -> Result<()> {
        let mut shared = self.shared();
        shared.heads.entry(name.clone()).or_default().send_modify(|published| {
            published.n += 1;
            published.head = Some(head.clone());
        });
        Ok(())
    }

    async fn head(&self, name: &LockName) -> Result<Option<Head>> {
        Ok(self.shared().heads.get(name).and_then(|published| published.borrow().head.clone()))
    }

    async fn head_after(&self, name: &LockName, mark: HeadMark) -> Result<HeadMark> {
        let mut published = self.shared().heads.entry(name.clone()).or_default().subscribe();
        let newer = published.wait_for(|published| published.n > mark.0).await;
        // The sender is as old as the locks, which are borrowed.
        newer.map(|published| HeadMark(published.n)).map_err(|_| LockError::Invalid("locks are gone".to_owned()))
    }
}

#[async_trait]
impl LockGuard for Spot {
    fn token(&self) -> i64 {
        self.token
    }

    fn is_held(&self) -> bool {
        *self.turn.borrow() == Turn::Held
    }

    async fn lost(&self) -> Loss {
        let mut turn = self.turn.clone();
        // The sender of a removed place is gone, and its last word stays.
        let _ = turn.wait_for(|turn| *turn == Turn::Removed).await;
        Loss::Removed
    }

    async fn release(self: Box<Self>) -> Result<()> {
        if self.is_held() { Ok(()) } else { Err(LockError::Lost { name: self.name.to_string(), loss: Loss::Removed }) }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    const LONG: Duration = Duration::from_secs(3_600);

    fn name(name: &str) -> LockName {
        LockName::new(name).unwrap()
    }

    fn holder(purpose: &str) -> Holder {
        Holder::of_this_process("test", purpose, 0)
    }

    fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[tokio::test]
    async fn a_lock_without_anyone_in_line_takes_no_memory() {
        let locks = MemoryLock::new();
        let guard = locks.acquire(&name("t"), &holder("a"), Duration::ZERO).await.unwrap();
        let busy = locks.acquire(&name("t"), &holder("b"), Duration::ZERO).await.unwrap_err();
        assert!(busy.to_string().contains("lock is busy, name=`t`, holder=`test on "), "{busy}");
        guard.release().await.unwrap();
        assert!(locks.shared().lines.is_empty());
    }

    #[tokio::test]
    async fn a_turn_that_came_to_a_wait_that_was_dropped_is_passed_on() {
        let locks = MemoryLock::new();
        let (t, [a, b, c]) = (name("t"), ["a", "b", "c"].map(holder));
        let first = locks.acquire(&t, &a, LONG).await.unwrap();
        let mut third = pin!(locks.acquire(&t, &c, LONG));
        {
            let mut second = pin!(locks.acquire(&t, &b, LONG));
            assert!(poll(second.as_mut()).is_pending() && poll(third.as_mut()).is_pending());
            assert_eq!(locks.describe(&t).await.unwrap().n_waiting, 2);
            first.release().await.unwrap();
            assert!(poll(third.as_mut()).is_pending());
        }
        let Poll::Ready(Ok(third)) = poll(third.as_mut()) else { panic!("it is the only one left") };
        assert!(third.is_held());
    }
}

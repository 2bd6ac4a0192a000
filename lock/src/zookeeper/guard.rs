//! A lock that is held: confirmed again and again, until it is released or lost.

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{debug, warn};
use zookeeper_client as zk;

use super::ask::{failed, retry};
use super::hold::Hold;
use super::session::Session;
use super::time;
use crate::{LockError, LockGuard, LockName, Loss, Result};

/// A lock is watched when it has been held for so long.
const WATCH_PAUSE: Duration = Duration::from_millis(20);

/// A lock that is held.
#[derive(Debug)]
pub(super) struct Guard {
    session: Session,
    name: String,
    service: String,
    path: String,
    token: i64,
    hold: watch::Sender<Hold>,
    keeper: JoinHandle<()>,
    /// The node is known to be gone.
    is_gone: bool,
}

impl Guard {
    pub(super) fn new(session: Session, name: &LockName, service: &str, path: String, token: i64, hold: Hold) -> Self {
        let hold = watch::Sender::new(hold);
        let keeper = Keeper { session: session.clone(), path: path.clone(), hold: hold.clone() };
        debug!(%name, token, "lock acquired");
        Self {
            session,
            name: name.to_string(),
            service: service.to_owned(),
            path,
            token,
            hold,
            keeper: tokio::spawn(keeper.keep(name.to_string())),
            is_gone: false,
        }
    }

    /// How it was lost, at this moment.
    fn loss(&self) -> Option<Loss> {
        let now = time::now();
        self.hold.send_if_modified(|hold| hold.tick(now));
        self.hold.borrow().loss()
    }
}

#[async_trait]
impl LockGuard for Guard {
    fn token(&self) -> i64 {
        self.token
    }

    fn is_held(&self) -> bool {
        self.loss().is_none()
    }

    async fn lost(&self) -> Loss {
        let mut hold = self.hold.subscribe();
        // The sender lives as long as this guard.
        let lost = hold.wait_for(|hold| hold.loss().is_some()).await;
        lost.ok().and_then(|hold| hold.loss()).unwrap_or(Loss::SessionEnded)
    }

    async fn release(mut self: Box<Self>) -> Result<()> {
        self.keeper.abort();
        let loss = self.loss();
        // Also a lock that was lost by our clock may still be in the way of others.
        let limit = self.session.timeout();
        let removed = match tokio::time::timeout(limit, self.session.remove(&self.path)).await {
            Ok(removed) => removed,
            Err(_) => Err(zk::Error::Timeout),
        };
        let name = self.name.clone();
        let was_there = match (removed, loss) {
            (Ok(was_there), _) => was_there,
            (Err(_), Some(loss)) => return Err(LockError::Lost { name, loss }),
            (Err(zk::Error::SessionExpired), None) => {
                self.is_gone = true;
                return Err(LockError::Lost { name, loss: Loss::SessionEnded });
            }
            (Err(error), None) => return Err(failed(&self.service, &format!("releasing lock `{name}`"), error)),
        };
        self.is_gone = true;
        match loss {
            Some(loss) => Err(LockError::Lost { name, loss }),
            None if !was_there => Err(LockError::Lost { name, loss: Loss::Removed }),
            None => {
                debug!(name, "lock released");
                Ok(())
            }
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.keeper.abort();
        if !self.is_gone {
            let (session, path) = (self.session.clone(), std::mem::take(&mut self.path));
            self.session.in_background(async move { remove_left(&session, &path).await });
        }
    }
}

async fn remove_left(session: &Session, path: &str) {
    if let Err(error) = session.remove(path).await {
        debug!(%error, path, "lock goes with the session");
    }
}

/// Keeps a lock: tells at once when it is lost.
struct Keeper {
    session: Session,
    path: String,
    hold: watch::Sender<Hold>,
}

impl Keeper {
    async fn keep(self, name: String) {
        let loss = tokio::select! {
            biased;
            loss = self.out_of_time() => loss,
            loss = self.removed() => loss,
            loss = self.unconfirmed() => loss,
        };
        self.hold.send_if_modified(|hold| hold.lose(loss));
        warn!(name, %loss, "lock was lost");
        if loss == Loss::Unconfirmed {
            // The session may live on, and others wait.
            remove_left(&self.session, &self.path).await;
        }
    }

    /// Returns when the lock has not been confirmed for too long.
    async fn out_of_time(&self) -> Loss {
        loop {
            let until = self.hold.borrow().until();
            time::until(until).await;
            let now = time::now();
            self.hold.send_if_modified(|hold| hold.tick(now));
            if let Some(loss) = self.hold.borrow().loss() {
                return loss;
            }
        }
    }

    /// Confirms the lock from time to time. Returns when it is gone.
    async fn unconfirmed(&self) -> Loss {
        loop {
            let next = self.hold.borrow().next_check();
            time::until(next).await;
            match self.session.confirm(&self.path).await {
                Ok((true, sent)) => {
                    let now = time::now();
                    self.hold.send_if_modified(|hold| hold.confirm(sent, now));
                    if let Some(loss) = self.hold.borrow().loss() {
                        return loss;
                    }
                }
                Ok((false, _)) => return Loss::Removed,
                Err(error) => self.without_answer(&error).await,
            }
        }
    }

    /// Watches our node. Returns when it is gone.
    async fn removed(&self) -> Loss {
        let client = self.session.client();
        // Most locks are given back sooner, and cost no watch.
        time::pause(WATCH_PAUSE).await;
        loop {
            match retry(|| client.check_and_watch_stat(&self.path)).await {
                Ok((None, _)) => return Loss::Removed,
                Ok((Some(_), watch)) => {
                    let event = watch.changed().await;
                    if event.event_type == zk::EventType::Session && event.session_state.is_terminated() {
                        return Loss::SessionEnded;
                    }
                }
                Err(zk::Error::SessionExpired) => return Loss::SessionEnded,
                Err(error) => self.without_answer(&error).await,
            }
        }
    }

    /// There is nothing more to learn from the service: the clock has the last word.
    async fn without_answer(&self, error: &zk::Error) {
        debug!(%error, path = self.path, "lock cannot be confirmed");
        time::pause(self.session.timeout() / 10).await;
    }
}

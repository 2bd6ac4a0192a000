//! Locks in ZooKeeper, in the layout of Curator's `InterProcessMutex`, so that Java programs can share them.
//!
//! Everyone in line has an ephemeral sequential node; the first holds the lock, and each other watches the one before
//! it. What is decided ([`queue`], [`hold`], [`layout`]) stands apart from what is done.

mod ask;
mod guard;
mod hold;
mod layout;
mod queue;
mod session;
mod settings;
mod ticket;
mod time;

use std::time::Duration;

use async_trait::async_trait;
use tracing::debug;
use zookeeper_client as zk;

use self::ask::{failed, retry};
use self::layout::Layout;
use self::session::{Session, Sessions};
pub use self::settings::{Access, Credentials, ZooKeeperSettings};
use self::ticket::{Outcome, Ticket};
use self::time::Deadline;
use crate::holder::cut;
use crate::{CommitLock, Head, HeadMark, Holder, LockError, LockGuard, LockLine, LockName, Member, Result};

/// Members of a line that are described at most.
const MEMBERS_MAX: usize = 64;
/// Data of another program's node that is shown at most.
const TEXT_BYTES_MAX: usize = 1_024;

/// Locks in a ZooKeeper ensemble. All that are held or waited for share one session, which is opened when the first
/// is asked for and again after it has ended.
#[derive(Debug)]
pub struct ZooKeeperLock {
    layout: Layout,
    sessions: Sessions,
}

impl ZooKeeperLock {
    /// Locks as `settings` say. Connects later, when a lock is asked for.
    ///
    /// # Errors
    /// [`LockError::Invalid`] with what is wrong in the settings.
    pub fn new(settings: ZooKeeperSettings) -> Result<Self> {
        let address = settings.address()?;
        let (layout, hosts) = (Layout::new(address.root), address.hosts.to_owned());
        Ok(Self { layout, sessions: Sessions::new(settings, hosts) })
    }

    /// What the ensemble is told is done within this time, or has failed.
    fn limit(&self) -> Duration {
        self.sessions.settings().session_timeout
    }

    fn failed(&self, what: &str, error: zk::Error) -> LockError {
        failed(self.sessions.hosts(), what, error)
    }

    /// Ends what takes too long.
    async fn within<T>(&self, limit: Duration, what: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
            Err(LockError::Unavailable {
                service: self.sessions.hosts().to_owned(),
                detail: format!("{what}: no answer within {limit:?}"),
                source: None,
            })
        })
    }

    async fn acquire_before(&self, name: &LockName, holder: &Holder, deadline: Deadline) -> Result<Box<dyn LockGuard>> {
        let folder = self.layout.lock(name);
        let data = holder.to_json();
        loop {
            let session = self.sessions.get().await?;
            let mut ticket = Ticket::new(&session, &folder);
            let outcome = ticket.wait_in_line(&self.layout, &data, deadline).await;
            match outcome {
                Ok(Outcome::Ours(hold)) => return Ok(Box::new(ticket.into_guard(name, self.sessions.hosts(), hold))),
                Ok(Outcome::TimeUp(holder)) => {
                    ticket.leave().await;
                    return Err(LockError::Busy { name: name.to_string(), holder: holder.map(Box::new) });
                }
                // The place in line is lost; there may be time for another.
                Ok(Outcome::Gone) if !deadline.is_over() => debug!(%name, "place in line is gone"),
                Err(zk::Error::SessionExpired | zk::Error::ClientClosed) if !deadline.is_over() => {
                    debug!(%name, "session has ended in line");
                }
                Ok(Outcome::Gone) => {
                    return Err(LockError::Busy { name: name.to_string(), holder: None });
                }
                Err(error) => return Err(self.failed(&format!("lock `{name}`"), error)),
            }
        }
    }

    async fn describe_in(&self, session: &Session, name: &LockName) -> Result<LockLine, zk::Error> {
        let folder = self.layout.lock(name);
        let children = session.children(&folder).await?;
        let line = queue::line(&children);
        let mut members = Vec::new();
        let mut n_gone = 0;
        for node in line.iter().take(MEMBERS_MAX) {
            match session.member(&folder, node).await? {
                Some(member) => members.push(member),
                // Gone since the line was listed.
                None => n_gone += 1,
            }
        }
        let n_members = line.len().saturating_sub(n_gone);
        let mut members = members.into_iter();
        let holder = members.next();
        Ok(LockLine { holder, waiting: members.collect(), n_waiting: n_members.saturating_sub(1) })
    }

    async fn publish_in(&self, session: &Session, path: &str, data: &[u8]) -> Result<(), zk::Error> {
        let client = session.client();
        loop {
            match retry(|| client.set_data(path, data, None)).await {
                Err(zk::Error::NoNode) => {}
                other => return other.map(|_| ()),
            }
            session.make_folder(self.layout.heads()).await?;
            let options = zk::CreateMode::Persistent.with_acls(session.acls());
            match retry(|| client.create(path, data, &options)).await {
                // Another was faster: theirs is replaced.
                Err(zk::Error::NodeExists) => {}
                other => return other.map(|_| ()),
            }
        }
    }
}

#[async_trait]
impl CommitLock for ZooKeeperLock {
    async fn acquire(&self, name: &LockName, holder: &Holder, wait: Duration) -> Result<Box<dyn LockGuard>> {
        let limit = wait.saturating_add(self.limit());
        let work = self.acquire_before(name, holder, Deadline::after(wait));
        self.within(limit, &format!("lock `{name}`"), work).await
    }

    async fn describe(&self, name: &LockName) -> Result<LockLine> {
        let what = format!("who holds lock `{name}`");
        let work = async {
            let session = self.sessions.get().await?;
            self.describe_in(&session, name).await.map_err(|error| self.failed(&what, error))
        };
        self.within(self.limit() * 2, &what, work).await
    }

    async fn take_away(&self, name: &LockName, holder: &str) -> Result<bool> {
        let what = format!("taking lock `{name}` away");
        let work = async {
            let session = self.sessions.get().await?;
            let folder = self.layout.lock(name);
            let taken = session.take_away(&folder, holder).await;
            taken.map_err(|error| self.failed(&what, error))
        };
        self.within(self.limit() * 2, &what, work).await
    }

    async fn publish_head(&self, name: &LockName, head: &Head) -> Result<()> {
        let what = format!("head of `{name}`");
        let data = serde_json::to_vec(head).map_err(|error| LockError::Invalid(format!("head as JSON: {error}")))?;
        let work = async {
            let session = self.sessions.get().await?;
            let published = self.publish_in(&session, &self.layout.head(name), &data).await;
            published.map_err(|error| self.failed(&what, error))
        };
        self.within(self.limit(), &what, work).await
    }

    async fn head(&self, name: &LockName) -> Result<Option<Head>> {
        let what = format!("head of `{name}`");
        let work = async {
            let session = self.sessions.get().await?;
            let path = self.layout.head(name);
            match retry(|| session.client().get_data(&path)).await {
                Ok((data, _)) => Ok(serde_json::from_slice(&data).ok()),
                Err(zk::Error::NoNode) => Ok(None),
                Err(error) => Err(self.failed(&what, error)),
            }
        };
        self.within(self.limit(), &what, work).await
    }

    async fn head_after(&self, name: &LockName, mark: HeadMark) -> Result<HeadMark> {
        let what = format!("watching the head of `{name}`");
        let path = self.layout.head(name);
        loop {
            let session = self.sessions.get().await?;
            let client = session.client();
            let looked = async {
                // The watch is set before the answer is looked at, so that nothing can come between the two.
                let looked = retry(|| client.check_and_watch_stat(&path)).await;
                looked.map_err(|error| self.failed(&what, error))
            };
            let (stat, watch) = self.within(self.limit(), &what, looked).await?;
            let now = stat.map_or(mark, |stat| HeadMark(stat.mzxid));
            if now != mark {
                return Ok(now);
            }
            // Whatever it is, looking again tells; where the session has ended, in a new one.
            watch.changed().await;
        }
    }
}

/// What a node says of who made it.
fn member(node: &str, data: &[u8], stat: &zk::Stat) -> Member {
    let holder = Holder::from_json(data);
    let text = data.get(..TEXT_BYTES_MAX).unwrap_or(data);
    let text = std::str::from_utf8(text).ok().map(|text| cut(text.trim())).filter(|text| !text.is_empty());
    Member {
        id: node.to_owned(),
        token: stat.czxid,
        text: text.filter(|_| holder.is_none()),
        holder,
        since_ms: stat.ctime,
    }
}

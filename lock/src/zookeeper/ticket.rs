//! A place in line, from taking it until the lock is ours. Dropping it at any point leaves nothing behind.

use tokio::time::Instant;
use zookeeper_client as zk;

use super::guard::Guard;
use super::hold::Hold;
use super::layout::{Layout, member_prefix};
use super::queue::{Turn, line, turn};
use super::session::Session;
use super::time::{self, Deadline};
use crate::{LockName, Member};

/// How waiting in line ended.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The lock is ours.
    Ours(Hold),
    /// The time is up, and this one has the lock.
    TimeUp(Option<Member>),
    /// The place was taken away from us.
    Gone,
}

/// A place in line.
#[derive(Debug)]
pub(super) struct Ticket {
    session: Session,
    folder: String,
    prefix: String,
    node: Option<Node>,
    /// There may be a node that has to be removed.
    is_armed: bool,
}

#[derive(Debug, Clone)]
struct Node {
    name: String,
    /// Transaction that made it: grows over the whole ensemble, and unlike the sequence number never starts again.
    czxid: i64,
}

/// A place that was taken.
struct Created {
    node: Node,
    /// When it was asked for.
    sent: Instant,
    /// The line as it was then, if it is known.
    children: Option<Vec<String>>,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.is_armed {
            let Self { session, folder, prefix, .. } = self;
            let (session, folder, prefix) = (session.clone(), std::mem::take(folder), std::mem::take(prefix));
            self.session.in_background(async move { session.remove_member(&folder, &prefix).await });
        }
    }
}

impl Ticket {
    pub(super) fn new(session: &Session, folder: &str) -> Self {
        let (session, folder) = (session.clone(), folder.to_owned());
        Self { session, folder, prefix: member_prefix(), node: None, is_armed: false }
    }

    /// Takes a place and waits until it is the first, or the time is up.
    pub(super) async fn wait_in_line(
        &mut self,
        layout: &Layout,
        data: &[u8],
        deadline: Deadline,
    ) -> Result<Outcome, zk::Error> {
        let Some(Created { node, sent, mut children }) = self.create(layout, data).await? else {
            return Ok(Outcome::Gone);
        };
        self.node = Some(node.clone());
        loop {
            let children = match children.take() {
                Some(children) => children,
                None => self.session.children(&self.folder).await?,
            };
            match turn(&children, &node.name) {
                Turn::First => return self.confirmed(&node, sent).await,
                Turn::Gone => return Ok(Outcome::Gone),
                Turn::After(before) => {
                    let before = format!("{}/{before}", self.folder);
                    if deadline.is_over() || !self.until_gone(&before, deadline).await? {
                        return self.time_up(&children).await;
                    }
                }
            }
        }
    }

    /// Makes our node. `None` if it was made and is gone again.
    async fn create(&mut self, layout: &Layout, data: &[u8]) -> Result<Option<Created>, zk::Error> {
        let path = format!("{}/{}", self.folder, self.prefix);
        let options = zk::CreateMode::EphemeralSequential.with_acls(self.session.acls());
        loop {
            self.is_armed = true;
            let sent = time::now();
            // Sent one after the other without waiting: requests of a session are answered in their order, so that the
            // line has our node in it.
            let created = self.session.client().create(&path, data, &options);
            let listed = self.session.client().list_children(&self.folder);
            let (created, listed) = tokio::join!(created, listed);
            match created {
                Ok((stat, sequence)) => {
                    let node = Node { name: format!("{}{sequence}", self.prefix), czxid: stat.czxid };
                    return Ok(Some(Created { node, sent, children: listed.ok() }));
                }
                // Also when the folder was removed because it was empty.
                Err(zk::Error::NoNode) => {
                    if let Err(zk::Error::NoNode) = self.session.make_container(&self.folder).await {
                        self.session.make_folder(layout.locks()).await?;
                        self.session.make_container(&self.folder).await?;
                    }
                }
                // It may have been made, and is then found by its prefix.
                Err(zk::Error::ConnectionLoss) => {
                    let children = self.session.children_after_sync(&self.folder).await?;
                    if let Some(name) = children.into_iter().find(|node| node.starts_with(&self.prefix)) {
                        let member = self.session.member(&self.folder, &name).await?;
                        let node = member.map(|member| Node { name, czxid: member.token });
                        return Ok(node.map(|node| Created { node, sent, children: None }));
                    }
                    time::pause(std::time::Duration::from_millis(20)).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits until a node is gone. Returns `false` if the time was up before.
    async fn until_gone(&self, path: &str, deadline: Deadline) -> Result<bool, zk::Error> {
        let client = self.session.client();
        let watch = match super::ask::retry(|| client.get_and_watch_data(path)).await {
            Ok((_, _, watch)) => watch,
            Err(zk::Error::NoNode) => return Ok(true),
            Err(error) => return Err(error),
        };
        tokio::select! {
            biased;
            event = watch.changed() => match event.event_type {
                zk::EventType::Session => Err(zk::Error::SessionExpired),
                _ => Ok(true),
            },
            () = deadline.reached() => Ok(false),
        }
    }

    /// The lock is ours, if it is so by an answer that is not old.
    async fn confirmed(&self, node: &Node, created: Instant) -> Result<Outcome, zk::Error> {
        let timeout = self.session.timeout();
        let hold = Hold::new(timeout, created);
        if hold.is_fresh(time::now()) {
            return Ok(Outcome::Ours(hold));
        }
        let (is_there, sent) = self.session.confirm(&format!("{}/{}", self.folder, node.name)).await?;
        Ok(if is_there { Outcome::Ours(Hold::new(timeout, sent)) } else { Outcome::Gone })
    }

    async fn time_up(&self, children: &[String]) -> Result<Outcome, zk::Error> {
        let first = line(children).into_iter().next().unwrap_or_default();
        Ok(Outcome::TimeUp(self.session.member(&self.folder, first).await?))
    }

    /// Gives the place away, and returns when that is done. If it cannot be, it is tried on in the background.
    pub(super) async fn leave(mut self) {
        let Some(node) = &self.node else { return };
        if self.session.remove(&format!("{}/{}", self.folder, node.name)).await.is_ok() {
            self.is_armed = false;
        }
    }

    /// What keeps the lock from now on.
    pub(super) fn into_guard(mut self, name: &LockName, service: &str, hold: Hold) -> Guard {
        self.is_armed = false;
        let (node, czxid) = match self.node.take() {
            Some(node) => (node.name, node.czxid),
            // Not reached: a hold is only given for a node.
            None => (String::new(), 0),
        };
        Guard::new(self.session.clone(), name, service, format!("{}/{node}", self.folder), czxid, hold)
    }
}

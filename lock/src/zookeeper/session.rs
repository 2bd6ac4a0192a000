//! The session with the ensemble that all locks of a process share, and what is asked in it.

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tracing::{debug, info};
use zookeeper_client as zk;

use super::ask::{failed, retry};
use super::settings::{Access, Credentials, ZooKeeperSettings};
use super::{member, queue, time};
use crate::{Member, Result};

/// Opens sessions, one at a time.
#[derive(Debug)]
pub(super) struct Sessions {
    settings: ZooKeeperSettings,
    hosts: String,
    /// Held across connecting, so that all who ask meanwhile get the same session.
    current: Mutex<Option<Session>>,
}

/// A session. Its nodes go with it, and it goes when the last clone is dropped.
#[derive(Debug, Clone)]
pub(super) struct Session {
    client: zk::Client,
    access: Access,
    /// For what has to be cleaned up when a future is dropped, maybe outside of the runtime.
    runtime: Handle,
}

impl Sessions {
    pub(super) fn new(settings: ZooKeeperSettings, hosts: String) -> Self {
        Self { hosts, settings, current: Mutex::new(None) }
    }

    pub(super) fn settings(&self) -> &ZooKeeperSettings {
        &self.settings
    }

    pub(super) fn hosts(&self) -> &str {
        &self.hosts
    }

    /// The session in use, or a new one if it has ended. It may have no connection at this moment.
    pub(super) async fn get(&self) -> Result<Session> {
        let mut current = self.current.lock().await;
        if let Some(session) = current.as_ref()
            && !session.client.state().is_terminated()
        {
            return Ok(session.clone());
        }
        let mut connector = zk::Client::connector().with_session_timeout(self.settings.session_timeout);
        if let Some(Credentials { user, password }) = &self.settings.credentials {
            connector = connector.with_sasl(zk::SaslOptions::digest_md5(user.clone(), password.clone()));
        }
        let client =
            connector.connect(&self.hosts).await.map_err(|error| failed(&self.hosts, "opening a session", error))?;
        info!(service = %self.hosts, session_timeout = ?client.session_timeout(), "session with lock service opened");
        let session = Session { client, access: self.settings.access, runtime: Handle::current() };
        *current = Some(session.clone());
        Ok(session)
    }
}

impl Session {
    pub(super) fn client(&self) -> &zk::Client {
        &self.client
    }

    /// As the ensemble has agreed to.
    pub(super) fn timeout(&self) -> Duration {
        self.client.session_timeout()
    }

    pub(super) fn acls(&self) -> zk::Acls<'static> {
        match self.access {
            Access::Anyone => zk::Acls::anyone_all(),
            Access::Creator => zk::Acls::creator_all(),
        }
    }

    /// Runs what has to be done after a future was dropped. It ends with the session at the latest.
    pub(super) fn in_background(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(work);
    }

    /// Makes a folder that stays, and those above it.
    pub(super) async fn make_folder(&self, path: &str) -> Result<(), zk::Error> {
        retry(|| async {
            let options = zk::CreateMode::Persistent.with_acls(self.acls());
            self.client.mkdir(path, &options).await
        })
        .await
    }

    /// Makes a folder that the ensemble removes once it is empty again.
    pub(super) async fn make_container(&self, path: &str) -> Result<(), zk::Error> {
        let options = zk::CreateMode::Container.with_acls(self.acls());
        match retry(|| self.client.create(path, &[], &options)).await {
            Ok(_) | Err(zk::Error::NodeExists) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Children of a folder; none if it is not there.
    pub(super) async fn children(&self, folder: &str) -> Result<Vec<String>, zk::Error> {
        match retry(|| self.client.list_children(folder)).await {
            Err(zk::Error::NoNode) => Ok(Vec::new()),
            answer => answer,
        }
    }

    /// Children of a folder, with everything that was asked for in this session before, through whichever server.
    pub(super) async fn children_after_sync(&self, folder: &str) -> Result<Vec<String>, zk::Error> {
        match retry(|| self.client.sync(folder)).await {
            Ok(()) | Err(zk::Error::NoNode) => self.children(folder).await,
            Err(error) => Err(error),
        }
    }

    /// Who has this node in line; `None` if it is gone.
    pub(super) async fn member(&self, folder: &str, node: &str) -> Result<Option<Member>, zk::Error> {
        let path = format!("{folder}/{node}");
        match retry(|| self.client.get_data(&path)).await {
            Ok((data, stat)) => Ok(Some(member(node, &data, &stat))),
            Err(zk::Error::NoNode) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether a node is there, confirmed by a majority of the ensemble and not by one server, which may have been
    /// cut off from it: a transaction that changes nothing. Returns when it was sent.
    pub(super) async fn confirm(&self, path: &str) -> Result<(bool, Instant), zk::Error> {
        retry(|| async {
            let sent = time::now();
            match self.client.new_check_writer(path, None)?.commit().await {
                Ok(_) => Ok((true, sent)),
                Err(zk::CheckWriteError::CheckFailed { source: zk::Error::NoNode }) => Ok((false, sent)),
                Err(
                    zk::CheckWriteError::CheckFailed { source }
                    | zk::CheckWriteError::RequestFailed { source }
                    | zk::CheckWriteError::OperationFailed { source, .. },
                ) => Err(source),
            }
        })
        .await
    }

    /// Removes a node. Returns `false` if it was not there at the first try.
    pub(super) async fn remove(&self, path: &str) -> Result<bool, zk::Error> {
        let mut n_tries = 0;
        let removed = retry(|| {
            n_tries += 1;
            self.client.delete(path, None)
        });
        match removed.await {
            Ok(()) => Ok(true),
            // The try before may have removed it, and its answer was lost.
            Err(zk::Error::NoNode) => Ok(n_tries > 1),
            Err(error) => Err(error),
        }
    }

    /// Removes what begins with the prefix of one member, whether or not it is known to have been made.
    pub(super) async fn remove_member(&self, folder: &str, prefix: &str) {
        let children = match self.children_after_sync(folder).await {
            Ok(children) => children,
            Err(error) => return debug!(%error, folder, "place in line goes with the session"),
        };
        for node in children.iter().filter(|node| node.starts_with(prefix)) {
            if let Err(error) = self.remove(&format!("{folder}/{node}")).await {
                debug!(%error, folder, "place in line goes with the session");
            }
        }
    }

    /// Removes the first in line if it is `holder`.
    pub(super) async fn take_away(&self, folder: &str, holder: &str) -> Result<bool, zk::Error> {
        let children = self.children_after_sync(folder).await?;
        match queue::line(&children).first() {
            // Its name is its own: nobody else's node can be removed.
            Some(first) if *first == holder => self.remove(&format!("{folder}/{first}")).await,
            _ => Ok(false),
        }
    }
}

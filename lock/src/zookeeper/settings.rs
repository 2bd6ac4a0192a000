//! How an ensemble is reached.

use std::fmt;
use std::time::Duration;

use crate::{LockError, Result};

/// Shorter sessions end while the machine is merely busy.
const SESSION_TIMEOUT_MIN: Duration = Duration::from_millis(400);
/// After a crash a lock is free only when the session has ended.
const SESSION_TIMEOUT_MAX: Duration = Duration::from_secs(600);

/// How an ensemble is reached, and what may be done there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZooKeeperSettings {
    /// `host:port,host:port/path`: servers of one ensemble, and the node below which everything is kept.
    pub connect: String,
    /// After this time without a word from us our locks are free. The ensemble may negotiate another. While it does not
    /// answer, what is asked of it fails after this time.
    pub session_timeout: Duration,
    /// Who we are, by SASL with DIGEST-MD5; `None` for anyone.
    pub credentials: Option<Credentials>,
    /// Who may use the nodes that we make.
    pub access: Access,
}

/// A user of an ensemble.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Name of the user.
    pub user: String,
    /// A secret; not shown by `Debug`.
    pub password: String,
}

/// Who may use a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Access {
    /// Anyone, as with Curator's default.
    #[default]
    Anyone,
    /// Only the user who made it. All who share a lock are then one user.
    Creator,
}

impl Default for ZooKeeperSettings {
    fn default() -> Self {
        Self {
            connect: String::new(),
            // What ZooKeeper's own clients use, and three ticks of a server's default.
            session_timeout: Duration::from_secs(6),
            credentials: None,
            access: Access::Anyone,
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// A connect string in parts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Address<'a> {
    /// Servers, with commas.
    pub(super) hosts: &'a str,
    /// Empty, or begins with `/` and does not end with one.
    pub(super) root: &'a str,
}

impl ZooKeeperSettings {
    /// Checks everything.
    ///
    /// # Errors
    /// [`LockError::Invalid`] with what is wrong.
    pub(super) fn address(&self) -> Result<Address<'_>> {
        let timeout = self.session_timeout;
        if !(SESSION_TIMEOUT_MIN..=SESSION_TIMEOUT_MAX).contains(&timeout) {
            return Err(LockError::Invalid(format!(
                "session-timeout=`{timeout:?}` is wrong; set it between {SESSION_TIMEOUT_MIN:?} and {SESSION_TIMEOUT_MAX:?}"
            )));
        }
        if let Some(Credentials { user, .. }) = &self.credentials
            && user.is_empty()
        {
            return Err(LockError::Invalid("the user of the lock service is empty; set a name".to_owned()));
        }
        address(&self.connect).map_err(|cause| {
            // It may have a password in front of a host, where some clients take one.
            let shown = self.connect.rsplit('@').next().unwrap_or_default();
            LockError::Invalid(format!("connect=`{shown}` is wrong: {cause}"))
        })
    }
}

fn address(connect: &str) -> Result<Address<'_>, &'static str> {
    if connect.contains("tls://") || connect.contains("ssl://") {
        return Err(
            "TLS to ZooKeeper is not possible in this version; use a port without TLS in a network of your own",
        );
    }
    if connect.contains("://") || connect.contains('@') {
        return Err("write it as host:port,host:port/path");
    }
    let (hosts, root) = match connect.find('/') {
        Some(at) => connect.split_at(at),
        None => (connect, ""),
    };
    let is_host = |host: &str| {
        let (name, port) = host.rsplit_once(':').unwrap_or((host, "2181"));
        !name.is_empty() && !name.contains(char::is_whitespace) && port.parse::<u16>().is_ok_and(|port| port > 0)
    };
    if !hosts.split(',').all(is_host) {
        return Err("each server is host:port, with commas between them");
    }
    let root = root.strip_suffix('/').unwrap_or(root);
    let is_element = |element: &str| {
        !matches!(element, "" | "." | "..") && !element.contains(|c: char| c.is_control() || c == ',' || c == ' ')
    };
    if !root.is_empty() && !root.split('/').skip(1).all(is_element) {
        return Err("the path after the servers is /name or /name/name, once and at the end");
    }
    if root == "/zookeeper" || root.starts_with("/zookeeper/") {
        return Err("the path /zookeeper is ZooKeeper's own; choose another");
    }
    Ok(Address { hosts, root })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(connect: &str) -> ZooKeeperSettings {
        ZooKeeperSettings { connect: connect.to_owned(), ..Default::default() }
    }

    #[test]
    fn a_connect_string_has_servers_and_a_path() {
        for (connect, hosts, root) in [
            ("localhost", "localhost", ""),
            ("a:2181,b:2182", "a:2181,b:2182", ""),
            ("a:2181,b:2182/frazil", "a:2181,b:2182", "/frazil"),
            ("a:2181/x/y/", "a:2181", "/x/y"),
            ("a:2181/", "a:2181", ""),
            ("[::1]:2181/x", "[::1]:2181", "/x"),
        ] {
            assert_eq!(settings(connect).address().unwrap(), Address { hosts, root }, "{connect}");
        }
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (connect, cause) in [
            ("", "each server is host:port"),
            ("a:0", "each server is host:port"),
            ("a:x", "each server is host:port"),
            ("a:2181,,b", "each server is host:port"),
            ("a:2181/x,b:2181/x", "once and at the end"),
            ("a:2181//x", "once and at the end"),
            ("a:2181/../x", "once and at the end"),
            ("a:2181/zookeeper", "choose another"),
            ("tcp+tls://a:2181", "TLS to ZooKeeper is not possible"),
            ("zk://a:2181", "write it as"),
            ("me:geheim@a:2181", "write it as"),
        ] {
            let text = settings(connect).address().unwrap_err().to_string();
            assert!(text.contains(cause) && !text.contains("geheim"), "{connect}: {text}");
        }
        let short = ZooKeeperSettings { session_timeout: Duration::from_millis(1), ..settings("a") };
        let text = short.address().unwrap_err().to_string();
        assert_eq!(text, "session-timeout=`1ms` is wrong; set it between 400ms and 600s");
    }

    #[test]
    fn a_password_is_not_shown() {
        let credentials = Credentials { user: "me".to_owned(), password: "geheim".to_owned() };
        let text = format!("{:?}", ZooKeeperSettings { credentials: Some(credentials), ..settings("a") });
        assert!(text.contains("me") && !text.contains("geheim"), "{text}");
    }
}

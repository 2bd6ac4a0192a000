//! Where things are: `{root}/locks/{name}/_c_{uuid}-lock-{sequence}` and `{root}/heads/{name}`.

use uuid::Uuid;

use crate::LockName;

/// Stands between a member's id and its number, in Curator's layout.
const LOCK: &str = "lock-";

/// Paths under one root.
#[derive(Debug)]
pub(super) struct Layout {
    locks: String,
    heads: String,
}

impl Layout {
    /// `root` is empty, or begins with `/` and does not end with one.
    pub(super) fn new(root: &str) -> Self {
        Self { locks: format!("{root}/locks"), heads: format!("{root}/heads") }
    }

    /// The folder of all locks.
    pub(super) fn locks(&self) -> &str {
        &self.locks
    }

    /// The folder of all heads.
    pub(super) fn heads(&self) -> &str {
        &self.heads
    }

    /// The folder of one lock, whose children are those in line.
    pub(super) fn lock(&self, name: &LockName) -> String {
        format!("{}/{}", self.locks, name.escaped())
    }

    /// The node of one head.
    pub(super) fn head(&self, name: &LockName) -> String {
        format!("{}/{}", self.heads, name.escaped())
    }
}

/// How the name of a member's node begins. It is its own, so that the node is found also when the answer to its
/// creation was lost.
pub(super) fn member_prefix() -> String {
    format!("_c_{}-{LOCK}", Uuid::new_v4())
}

/// The number that ZooKeeper gave a member's node; `None` for a node that is no member.
pub(super) fn sequence(node: &str) -> Option<i64> {
    let (_, number) = node.rsplit_once(LOCK)?;
    number.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_paths_below_the_root() {
        let name = LockName::new("db/t").unwrap();
        let layout = Layout::new("/frazil");
        assert_eq!(layout.lock(&name), "/frazil/locks/db%2Ft");
        assert_eq!(layout.head(&name), "/frazil/heads/db%2Ft");
        assert_eq!(Layout::new("").locks(), "/locks");
    }

    #[test]
    fn members_are_those_of_curator() {
        assert_eq!(sequence("_c_5b1b0b5a-2f5f-4a57-9d14-5b6f3a0f2f0a-lock-0000000012"), Some(12));
        // Without Curator's protection, and beyond the first two billion.
        assert_eq!(sequence("lock-0000000003"), Some(3));
        assert_eq!(sequence("lock-2147483648"), Some(2_147_483_648));
        for other in ["", "lock-", "leases", "_c_x-lease-0000000001", "lock-1x"] {
            assert_eq!(sequence(other), None, "{other}");
        }
        let prefix = member_prefix();
        assert_eq!(sequence(&format!("{prefix}0000000007")), Some(7));
        assert_ne!(prefix, member_prefix());
    }
}

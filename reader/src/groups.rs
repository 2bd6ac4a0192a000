//! Consumer groups: positions that are kept under a name, so that whoever reads next goes on where the last one ended.

mod file;
mod lag;

use std::fmt;

use async_trait::async_trait;
use frazil_table::Advice;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use self::file::FileGroupStore;
pub use self::lag::{Lag, lag};
use crate::position::Position;

/// Longest name of a group.
const NAME_BYTES_MAX: usize = 128;

/// A group of one table. Groups of other tables may have the same name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupKey {
    name: String,
    table_uuid: Uuid,
}

impl GroupKey {
    /// The group `name` of a table.
    ///
    /// # Errors
    /// [`GroupError::Invalid`] for a name that is empty, too long, begins with a dot, or has anything but ASCII letters,
    /// digits, `.`, `_` and `-`: it becomes part of file names and paths.
    pub fn new(name: &str, table_uuid: Uuid) -> Result<Self, GroupError> {
        let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if name.is_empty() || name.len() > NAME_BYTES_MAX || name.starts_with('.') || !name.bytes().all(is_fine) {
            return Err(GroupError::Invalid(format!(
                "group `{}` has no name that can be used; take up to {NAME_BYTES_MAX} letters, digits, `.`, `_` and `-`",
                name.escape_default()
            )));
        }
        Ok(Self { name: name.to_owned(), table_uuid })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The table that it reads.
    pub fn table_uuid(&self) -> Uuid {
        self.table_uuid
    }
}

impl fmt::Display for GroupKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)
    }
}

/// What is kept of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Group {
    /// Its name.
    pub name: String,
    /// The table that it reads.
    pub table_uuid: Uuid,
    /// The table as it was named, for people.
    pub table: String,
    /// Text of its [`Position`].
    pub position: String,
    /// Counts up with every change, from 1.
    pub version: u64,
    /// When it was changed last, milliseconds since the epoch.
    pub updated_at_ms: i64,
    /// Who changed it last, for people.
    pub owner: String,
    /// It is dead when it has not been changed for so long; `None` if it lives for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_to_live_ms: Option<u64>,
}

impl Group {
    /// What it is found by.
    ///
    /// # Errors
    /// As [`GroupKey::new`].
    pub fn key(&self) -> Result<GroupKey, GroupError> {
        GroupKey::new(&self.name, self.table_uuid)
    }

    /// Its position.
    ///
    /// # Errors
    /// [`PositionError`](crate::PositionError).
    pub fn position(&self) -> Result<Position, crate::PositionError> {
        self.position.parse()
    }

    /// Nobody has read on for longer than it may live.
    pub fn is_dead(&self, now_ms: i64) -> bool {
        let limit = self.time_to_live_ms.map(|limit| i64::try_from(limit).unwrap_or(i64::MAX));
        limit.is_some_and(|limit| now_ms.saturating_sub(self.updated_at_ms) > limit)
    }
}

/// Why a group could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GroupError {
    /// Another process reads for the group. Stop it, or wait until it ends.
    #[error("group is being read by another process, group=`{name}`, owner=`{owner}`")]
    Busy {
        /// The group.
        name: String,
        /// Who reads.
        owner: String,
    },
    /// Somebody else has changed the group since it was looked at. Look again.
    #[error("group was changed by somebody else, group=`{name}`")]
    Changed {
        /// The group.
        name: String,
    },
    /// The request makes no sense. The text says what would.
    #[error("{0}")]
    Invalid(String),
    /// What is kept of the group is damaged. Restore the file, or reset the group.
    #[error("group is damaged, path=`{path}`: {detail}")]
    Damaged {
        /// Where it is kept.
        path: String,
        /// What is wrong.
        detail: String,
    },
    /// The place where groups are kept cannot be used.
    #[error("groups cannot be kept, path=`{path}`")]
    Unavailable {
        /// The place.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl GroupError {
    /// What the caller can do.
    pub fn advice(&self) -> Advice {
        match self {
            Self::Busy { .. } => Advice::RetryLater,
            Self::Changed { .. } => Advice::ReloadAndRetry,
            Self::Unavailable { .. } | Self::Invalid(_) | Self::Damaged { .. } => Advice::FixRequest,
        }
    }

    /// Stable code for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Busy { .. } => "GROUP_BUSY",
            Self::Changed { .. } => "GROUP_CHANGED",
            Self::Invalid(_) => "USAGE",
            Self::Damaged { .. } => "GROUP_DAMAGED",
            Self::Unavailable { .. } => "GROUPS_UNAVAILABLE",
        }
    }
}

/// The right to read for a group. It ends when it is dropped, also with the process.
pub trait GroupClaim: Send + Sync + fmt::Debug {}

/// Where groups are kept.
#[async_trait]
pub trait GroupStore: Send + Sync + fmt::Debug {
    /// A group; `None` if there is none.
    ///
    /// # Errors
    /// [`GroupError::Damaged`], [`GroupError::Unavailable`].
    async fn load(&self, key: &GroupKey) -> Result<Option<Group>, GroupError>;

    /// Keeps `group` in place of the version before its own; version 1 is new. When this returns it has been kept.
    ///
    /// # Errors
    /// [`GroupError::Changed`] if the version there is another one; as [`GroupStore::load`].
    async fn store(&self, group: &Group) -> Result<(), GroupError>;

    /// Forgets a group, if it still is of this version.
    ///
    /// # Errors
    /// As [`GroupStore::store`].
    async fn delete(&self, key: &GroupKey, version: u64) -> Result<(), GroupError>;

    /// All groups, in the order of their tables and names.
    ///
    /// # Errors
    /// As [`GroupStore::load`].
    async fn list(&self) -> Result<Vec<Group>, GroupError>;

    /// Takes the right to read for a group. `owner` says to others who has it.
    ///
    /// # Errors
    /// [`GroupError::Busy`] if another has it; [`GroupError::Unavailable`].
    async fn claim(&self, key: &GroupKey, owner: &str) -> Result<Box<dyn GroupClaim>, GroupError>;
}

#[cfg(test)]
mod tests;

//! What can go wrong with a lock, and what the caller can do.

use std::fmt;

use crate::lock::Member;

/// Cause of an error in a library below.
pub(crate) type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why there is no lock.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Others hold it, and did so until the wait was over. Try again later; nothing of this try is left.
    #[error("lock is busy, name=`{name}`, holder={}", holder_text(.holder.as_deref()))]
    Busy {
        /// The lock.
        name: String,
        /// Who holds it; `None` if that changed while it was looked up.
        holder: Option<Box<Member>>,
    },
    /// The lock service does not answer. Try again later.
    #[error("lock service unavailable, service=`{service}`: {detail}")]
    Unavailable {
        /// Its address.
        service: String,
        /// What was tried.
        detail: String,
        /// What the client says.
        #[source]
        source: Option<Source>,
    },
    /// The lock was lost before it was released. What was done under it may have met others; verify it.
    #[error("lock was lost, name=`{name}`: {loss}")]
    Lost {
        /// The lock.
        name: String,
        /// How.
        loss: Loss,
    },
    /// The settings or a name are wrong. The text says what would be right.
    #[error("{0}")]
    Invalid(String),
    /// The lock service knows us and does not let us. Check the credentials and what they allow.
    #[error("lock service refused, service=`{service}`: {detail}")]
    Refused {
        /// Its address.
        service: String,
        /// What was tried.
        detail: String,
        /// What the client says.
        #[source]
        source: Option<Source>,
    },
}

/// How a lock that was held came to be held no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Loss {
    /// The service has not confirmed it for so long that it may have given it to others.
    Unconfirmed,
    /// Somebody took it away, such as an operator.
    Removed,
    /// The service has ended the session.
    SessionEnded,
}

impl fmt::Display for Loss {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Unconfirmed => "the lock service has not confirmed it in time",
            Self::Removed => "it was taken away",
            Self::SessionEnded => "the lock service has ended the session",
        })
    }
}

fn holder_text(holder: Option<&Member>) -> String {
    holder.map_or_else(|| "unknown".to_owned(), |holder| format!("`{holder}`"))
}

//! One failure, told to several who wait for the same outcome.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use super::TableError;

/// The cause of an error that several have.
#[derive(Debug)]
struct SharedCause(Arc<TableError>);

impl SharedCause {
    fn cause(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

impl fmt::Display for SharedCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.cause() {
            Some(cause) => fmt::Display::fmt(cause, f),
            None => fmt::Display::fmt(&self.0, f),
        }
    }
}

impl Error for SharedCause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause().and_then(Error::source)
    }
}

impl TableError {
    /// The same error once more, with the same causes.
    #[must_use]
    pub fn again(error: &Arc<Self>) -> Self {
        let source = || Box::new(SharedCause(Arc::clone(error)));
        match Self::clone_parts(error) {
            Some(again) => again,
            None => match &**error {
                Self::Storage { path, .. } => Self::Storage { path: path.clone(), source: source() },
                other => Self::Internal { detail: other.to_string() },
            },
        }
    }

    /// `None` for an error with a cause, which cannot be cloned.
    fn clone_parts(&self) -> Option<Self> {
        Some(match self {
            Self::Storage { .. } => return None,
            Self::TableNotFound { table, detail } => {
                Self::TableNotFound { table: table.clone(), detail: detail.clone() }
            }
            Self::FileMissing { path } => Self::FileMissing { path: path.clone() },
            Self::StorageRefused { path, detail } => {
                Self::StorageRefused { path: path.clone(), detail: detail.clone() }
            }
            Self::Catalog { catalog, detail } => Self::Catalog { catalog: catalog.clone(), detail: detail.clone() },
            Self::CatalogRefused { catalog, detail } => {
                Self::CatalogRefused { catalog: catalog.clone(), detail: detail.clone() }
            }
            Self::Corrupt { path, detail } => Self::Corrupt { path: path.clone(), detail: detail.clone() },
            Self::Unsupported { path, detail } => Self::Unsupported { path: path.clone(), detail: detail.clone() },
            Self::InvalidRequest { detail } => Self::InvalidRequest { detail: detail.clone() },
            Self::SnapshotExpired { consumed, oldest } => {
                Self::SnapshotExpired { consumed: *consumed, oldest: *oldest }
            }
            Self::LineageBroken { consumed, common_ancestor, head } => {
                Self::LineageBroken { consumed: *consumed, common_ancestor: *common_ancestor, head: *head }
            }
            Self::TableReplaced { expected, found } => {
                Self::TableReplaced { expected: expected.clone(), found: found.clone() }
            }
            Self::WatermarkUnknown { detail } => Self::WatermarkUnknown { detail: detail.clone() },
            Self::MemoryLimit { needed_bytes, limit_bytes, detail } => {
                Self::MemoryLimit { needed_bytes: *needed_bytes, limit_bytes: *limit_bytes, detail: detail.clone() }
            }
            Self::CommitLocked { detail } => Self::CommitLocked { detail: detail.clone() },
            Self::Internal { detail } => Self::Internal { detail: detail.clone() },
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_error_that_is_told_again_has_the_same_text_code_and_causes() {
        let inner = std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer");
        let storage = TableError::Storage { path: "s3://b/x".to_owned(), source: Box::new(inner) };
        for error in [storage, TableError::catalog("prod", "it is away; wait"), TableError::invalid("no such column")] {
            let error = Arc::new(error);
            let again = TableError::again(&error);
            assert_eq!((again.to_string(), again.code()), (error.to_string(), error.code()));
            let cause = |error: &TableError| error.source().map(ToString::to_string);
            assert_eq!(cause(&again), cause(&error));
        }
    }
}

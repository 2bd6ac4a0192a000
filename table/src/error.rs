//! What can go wrong with a table, and what the caller can do about it.

mod again;

use crate::ids::SnapshotId;

/// What the caller of a failed operation can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advice {
    /// The same request may succeed later, unchanged.
    RetryLater,
    /// Load the table again, then repeat the request.
    ReloadAndRetry,
    /// Find out what happened before doing anything else.
    VerifyFirst,
    /// The request or the table must change first.
    FixRequest,
    /// A fault of this software.
    ReportBug,
}

impl Advice {
    /// The name used in `--json` errors.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RetryLater => "RETRY_LATER",
            Self::ReloadAndRetry => "RELOAD_AND_RETRY",
            Self::VerifyFirst => "VERIFY_FIRST",
            Self::FixRequest => "FIX_REQUEST",
            Self::ReportBug => "REPORT_BUG",
        }
    }
}

/// Characters of a path or detail that a message shows. File names have 255 at most, paths of stores 1,024 bytes.
const TEXT_CHARACTERS_MAX: usize = 1_200;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why an operation on a table failed. Each variant is one way for the caller to act.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// There is no table, catalog entry or metadata at that place. Check the name.
    #[error("table not found, table=`{table}`: {detail}")]
    TableNotFound {
        /// The table as the caller named it.
        table: String,
        /// Where was looked, and what a valid name looks like.
        detail: String,
    },
    /// A file that metadata lists is not in the store: it was deleted behind the table's back, or the
    /// path is mapped wrongly. Restore it, or pass a path map.
    #[error("file is missing, path=`{path}`")]
    FileMissing {
        /// Path as metadata gives it.
        path: String,
    },
    /// The store did not answer. The same request may be sent again later.
    #[error("storage unavailable, path=`{path}`")]
    Storage {
        /// Path as metadata gives it.
        path: String,
        /// What the store said.
        #[source]
        source: Source,
    },
    /// The store refuses: a bucket, key, right or region is wrong. The same request is refused again; change
    /// what the text names.
    #[error("storage refuses, path=`{path}`: {detail}")]
    StorageRefused {
        /// Path as metadata gives it.
        path: String,
        /// What the store said, and what to do.
        detail: String,
    },
    /// A catalog did not answer, or not in a way that can be understood. The same request may be sent again later.
    #[error("catalog unavailable, catalog=`{catalog}`: {detail}")]
    Catalog {
        /// The catalog by its name, else by its address without secrets.
        catalog: String,
        /// What happened, and what to do about it.
        detail: String,
    },
    /// A catalog refuses what was asked with these credentials, or without any. Change what the text names.
    #[error("catalog refuses, catalog=`{catalog}`: {detail}")]
    CatalogRefused {
        /// The catalog by its name, else by its address without secrets.
        catalog: String,
        /// What was refused and why, and what to do about it.
        detail: String,
    },
    /// A file's content contradicts its format or the metadata that lists it. Restore the file.
    #[error("file is corrupt, path=`{path}`: {detail}")]
    Corrupt {
        /// Path as metadata gives it.
        path: String,
        /// What does not fit.
        detail: String,
    },
    /// The table uses something that this version cannot read. Nothing of it was guessed.
    #[error("not supported, path=`{path}`: {detail}")]
    Unsupported {
        /// The file or table concerned.
        path: String,
        /// What is not supported, and a way around it if there is one.
        detail: String,
    },
    /// The request names something that the table does not have, or contradicts itself.
    #[error("{detail}")]
    InvalidRequest {
        /// What is wrong, with what would be right.
        detail: String,
    },
    /// The position is older than the oldest snapshot kept on this branch. Start over with a full scan.
    #[error("position has expired, after=`{consumed}`, oldest=`{oldest}`")]
    SnapshotExpired {
        /// The snapshot that was asked for.
        consumed: SnapshotId,
        /// The oldest snapshot that the branch still has.
        oldest: SnapshotId,
    },
    /// The branch no longer contains the position: it was rolled back or replaced by another line.
    #[error(
        "lineage is broken, after=`{consumed}`, common_ancestor=`{}`, head=`{head}`",
        .common_ancestor.map_or_else(|| "none".to_owned(), |id| id.to_string())
    )]
    LineageBroken {
        /// The snapshot that was asked for; still in the metadata, but no ancestor of `head`.
        consumed: SnapshotId,
        /// The youngest snapshot that both lines share; `None` if none is kept.
        common_ancestor: Option<SnapshotId>,
        /// Where the branch is now.
        head: SnapshotId,
    },
    /// The table was dropped and made again under the same name: positions of the old one mean nothing.
    #[error("table was replaced, expected_uuid=`{expected}`, found_uuid=`{found}`")]
    TableReplaced {
        /// `table-uuid` that the position belongs to.
        expected: String,
        /// `table-uuid` found now.
        found: String,
    },
    /// The table does not say up to which event time it is complete, or says it in a way that cannot be read.
    #[error("cannot tell the watermark: {detail}")]
    WatermarkUnknown {
        /// What is missing or cannot be read, and what to do where that depends on it.
        detail: String,
    },
    /// Less memory is allowed than one step needs at least. Raise the limit.
    #[error("memory limit is too small, needed_bytes=`{needed_bytes}`, limit_bytes=`{limit_bytes}`: {detail}")]
    MemoryLimit {
        /// What one step would need.
        needed_bytes: u64,
        /// What is allowed.
        limit_bytes: u64,
        /// The step.
        detail: String,
    },
    /// The lock under which commits are made was not to be had. Nothing was committed; try again later.
    #[error("commit lock is not to be had: {detail}")]
    CommitLocked {
        /// Who holds it, or why the lock service does not give it.
        detail: String,
    },
    /// A fault of this software or of a library below it.
    #[error("internal error: {detail}")]
    Internal {
        /// What was being done.
        detail: String,
    },
}

impl TableError {
    /// What the caller can do.
    pub fn advice(&self) -> Advice {
        match self {
            Self::Storage { .. } | Self::Catalog { .. } | Self::CommitLocked { .. } => Advice::RetryLater,
            Self::Internal { .. } => Advice::ReportBug,
            Self::TableReplaced { .. } => Advice::ReloadAndRetry,
            _ => Advice::FixRequest,
        }
    }

    /// Stable code for programs, as in `--json` errors and gRPC `ErrorInfo.reason`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TableNotFound { .. } => "TABLE_NOT_FOUND",
            Self::FileMissing { .. } => "FILE_MISSING",
            Self::Storage { .. } => "STORAGE_UNAVAILABLE",
            Self::StorageRefused { .. } => "STORAGE_REFUSED",
            Self::Catalog { .. } => "CATALOG_UNAVAILABLE",
            Self::CatalogRefused { .. } => "CATALOG_REFUSED",
            Self::Corrupt { .. } => "FILE_CORRUPT",
            Self::Unsupported { .. } => "UNSUPPORTED",
            Self::InvalidRequest { .. } => "INVALID_ARGUMENT",
            Self::SnapshotExpired { .. } => "SNAPSHOT_EXPIRED",
            Self::LineageBroken { .. } => "LINEAGE_BROKEN",
            Self::TableReplaced { .. } => "TABLE_REPLACED",
            Self::WatermarkUnknown { .. } => "WATERMARK_UNKNOWN",
            Self::MemoryLimit { .. } => "MEMORY_LIMIT",
            Self::CommitLocked { .. } => "COMMIT_LOCKED",
            Self::Internal { .. } => "INTERNAL",
        }
    }

    pub(crate) fn corrupt(path: impl Into<String>, detail: impl ToString) -> Self {
        Self::Corrupt { path: one_line(&path.into()), detail: one_line(&detail.to_string()) }
    }

    pub(crate) fn unsupported(path: impl Into<String>, detail: impl ToString) -> Self {
        Self::Unsupported { path: one_line(&path.into()), detail: one_line(&detail.to_string()) }
    }

    /// `detail` says what happened, then `; ` and the remedy.
    pub fn catalog(catalog: impl Into<String>, detail: impl ToString) -> Self {
        Self::Catalog { catalog: one_line(&catalog.into()), detail: one_line(&detail.to_string()) }
    }

    /// `detail` says what was refused and why, then `; ` and the remedy.
    pub(crate) fn denied(catalog: impl Into<String>, detail: impl ToString) -> Self {
        Self::CatalogRefused { catalog: one_line(&catalog.into()), detail: one_line(&detail.to_string()) }
    }

    /// A request that names something the table does not have, or contradicts itself.
    pub fn invalid(detail: impl ToString) -> Self {
        Self::InvalidRequest { detail: one_line(&detail.to_string()) }
    }

    pub(crate) fn internal(detail: impl ToString) -> Self {
        Self::Internal { detail: one_line(&detail.to_string()) }
    }
}

/// An error and its causes as one text, for people.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        // Some libraries repeat their cause in their own text.
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

/// Text of a file or of a library, fit for a message: what would break the line or steer a terminal is escaped,
/// and text without end is cut.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(TEXT_CHARACTERS_MAX));
    for (index, character) in text.chars().enumerate() {
        if index >= TEXT_CHARACTERS_MAX {
            line.push('…');
            break;
        }
        if character.is_control() { line.extend(character.escape_default()) } else { line.push(character) }
    }
    line
}

//! What can go wrong, in one line, with what to do about it.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use arrow_schema::ArrowError;
use frazil_lock::LockError;
use frazil_reader::ReadError;
use frazil_reader::groups::GroupError;
use frazil_table::{Advice, TableError, with_causes};
use serde_json::{Map, Value, json};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// The command line is wrong. The text says what would be right.
    #[error("{0}")]
    Usage(String),
    /// The library could not do it.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A consumer group could not be used.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// The lock of a table could not be had, or looked at.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The lock has changed hands since it was shown.
    #[error("lock has changed hands, lock=`{name}`: nothing was taken away")]
    LockChanged { name: String },
    /// A commit was not made, because of what others committed.
    #[error("nothing was committed: {reason}")]
    Conflict { reason: String },
    /// A commit was sent, and what became of it is not known.
    #[error("it is not known whether the commit was made, commit_id=`{commit_id}`")]
    OutcomeUnknown {
        /// `frazil.commit-id` in the snapshot's summary.
        commit_id: String,
        #[source]
        source: TableError,
    },
    /// A compaction did not do everything that was planned. The report says what it did.
    #[error("the compaction was done only in part: {reason}")]
    InPart { reason: String },
    /// What a compaction rewrote could not be committed, because others held the lock.
    #[error("the compaction could not commit: {reason}")]
    LockedOut { reason: String },
    /// A compaction sent commits, and what became of them is not known.
    #[error("it is not known whether commits of the compaction were made, commit_ids=`{}`", commit_ids.join("`, `"))]
    OutcomesUnknown {
        /// `frazil.commit-id` in the summaries of the snapshots.
        commit_ids: Vec<String>,
    },
    /// Whoever was asked did not agree.
    #[error("lock was left as it is, lock=`{name}`")]
    LockKept { name: String },
    /// The lock of the settings cannot be used; the report says why.
    #[error("the lock cannot be used")]
    LockFailed,
    /// The output could not be written.
    #[error("cannot write, output=`{target}`")]
    Output {
        /// A file, or standard output.
        target: String,
        #[source]
        source: io::Error,
    },
    /// A temporary file or folder could not be made.
    #[error("cannot use the temporary folder, path=`{}`", path.display())]
    Temporary {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The folded changes are not the table.
    #[error("check failed: {0}")]
    CheckFailed(String),
    /// Not all catalogs of the settings can be used; the report says why.
    #[error("{n_failed} of {n_catalogs} catalogs cannot be used")]
    CatalogsFailed { n_failed: usize, n_catalogs: usize },
    /// The server's port could not be had.
    #[error("cannot listen, address=`{address}`")]
    Listen {
        address: std::net::SocketAddr,
        #[source]
        source: io::Error,
    },
    /// The server could not be started, or ended.
    #[error(transparent)]
    Serve(#[from] frazil_server::ServeError),
    /// The daemon that compacts tables could not be started.
    #[error(transparent)]
    Daemon(#[from] frazil_server::daemon::DaemonError),
    /// A fault of this software.
    #[error("internal error: {0}")]
    Internal(String),
    /// The watermark has not reached the time asked for. The output says how far it is.
    #[error("not yet reached")]
    NotYet,
    /// Whoever read the output has seen enough.
    #[error("the output was closed")]
    ClosedPipe,
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
    /// Asked to stop by the system.
    #[error("terminated")]
    Terminated,
}

impl From<TableError> for CliError {
    fn from(error: TableError) -> Self {
        Self::Read(error.into())
    }
}

impl CliError {
    /// What writing to `target` gave.
    pub(crate) fn output(target: &str, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::BrokenPipe => Self::ClosedPipe,
            _ => Self::Output { target: target.to_owned(), source },
        }
    }

    /// What writing Arrow data to `target` gave.
    pub(crate) fn arrow(target: &str, source: ArrowError) -> Self {
        match source {
            ArrowError::IoError(_, source) => Self::output(target, source),
            other => Self::Internal(format!("arrow stream: {other}")),
        }
    }

    /// Nobody has to be told.
    pub(crate) fn is_quiet(&self) -> bool {
        matches!(self, Self::NotYet | Self::ClosedPipe | Self::Interrupted | Self::Terminated)
    }

    /// The status that the program ends with.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::ClosedPipe => 0,
            // An argument that the table contradicts is wrong usage as much as one that cannot be parsed.
            Self::Usage(_)
            | Self::Read(ReadError::Table(TableError::InvalidRequest { .. }))
            | Self::Lock(LockError::Invalid(_))
            | Self::Group(GroupError::Invalid(_)) => 2,
            Self::NotYet
            | Self::Lock(LockError::Busy { .. })
            | Self::Group(GroupError::Busy { .. } | GroupError::Changed { .. })
            | Self::Read(ReadError::Table(TableError::CommitLocked { .. }))
            | Self::Conflict { .. }
            | Self::LockedOut { .. }
            | Self::LockChanged { .. } => 75,
            Self::Interrupted => 130,
            Self::Terminated => 143,
            _ => 1,
        })
    }

    /// Stable name for programs.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Usage(_) => "USAGE",
            Self::Read(error) => error.code(),
            Self::Lock(error) => lock_code(error),
            Self::Group(error) => error.code(),
            Self::Conflict { .. } => "COMMIT_CONFLICT",
            Self::OutcomeUnknown { .. } | Self::OutcomesUnknown { .. } => "COMMIT_STATE_UNKNOWN",
            Self::InPart { .. } => "DONE_IN_PART",
            Self::LockedOut { .. } => "LOCK_BUSY",
            Self::LockChanged { .. } => "LOCK_CHANGED",
            Self::LockKept { .. } => "LOCK_KEPT",
            Self::LockFailed => "LOCK_FAILED",
            Self::Output { .. } => "OUTPUT_FAILED",
            Self::Temporary { .. } => "TEMPORARY_FOLDER",
            Self::CheckFailed(_) => "CHECK_FAILED",
            Self::CatalogsFailed { .. } => "CATALOGS_FAILED",
            Self::Listen { .. } => "LISTEN_FAILED",
            Self::Serve(_) => "SERVE_FAILED",
            Self::Daemon(error) => error.code(),
            Self::Internal(_) => "INTERNAL",
            Self::NotYet => "NOT_YET",
            Self::ClosedPipe => "CLOSED",
            Self::Interrupted => "INTERRUPTED",
            Self::Terminated => "TERMINATED",
        }
    }

    /// What can be done about it.
    pub(crate) fn advice(&self) -> Advice {
        match self {
            Self::Read(error) => error.advice(),
            Self::Group(error) => error.advice(),
            Self::Daemon(error) => error.advice(),
            Self::Internal(_) | Self::CheckFailed(_) => Advice::ReportBug,
            Self::Lock(LockError::Lost { .. }) | Self::OutcomeUnknown { .. } | Self::OutcomesUnknown { .. } => {
                Advice::VerifyFirst
            }
            Self::Conflict { .. } => Advice::ReloadAndRetry,
            Self::Lock(LockError::Busy { .. } | LockError::Unavailable { .. }) => Advice::RetryLater,
            Self::Usage(_)
            | Self::Lock(_)
            | Self::LockKept { .. }
            | Self::LockFailed
            | Self::Output { .. }
            | Self::Listen { .. }
            | Self::Serve(_)
            | Self::CatalogsFailed { .. } => Advice::FixRequest,
            Self::LockChanged { .. }
            | Self::InPart { .. }
            | Self::LockedOut { .. }
            | Self::NotYet
            | Self::Temporary { .. }
            | Self::ClosedPipe
            | Self::Interrupted
            | Self::Terminated => Advice::RetryLater,
        }
    }

    /// The error and its causes, on one line.
    pub(crate) fn message(&self) -> String {
        let message = with_causes(self);
        message.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The line for people, without a line break.
    pub(crate) fn line(&self) -> String {
        match self.remedy() {
            Some(remedy) => format!("error: {}; {remedy}", self.message()),
            None => format!("error: {}", self.message()),
        }
    }

    /// The form for programs.
    pub(crate) fn json(&self) -> Value {
        let message = match self.remedy() {
            Some(remedy) => format!("{}; {remedy}", self.message()),
            None => self.message(),
        };
        json!({ "error": {
            "code": self.code(),
            "message": message,
            "advice": self.advice().as_str(),
            "details": self.details(),
        }})
    }

    /// What to do, in terms of this program's options. `None` if the message itself says it.
    fn remedy(&self) -> Option<String> {
        let remedy = match self {
            Self::Read(error) => return read_remedy(error),
            Self::Group(error) => return group_remedy(error).map(str::to_owned),
            Self::Lock(LockError::Busy { .. }) | Self::LockedOut { .. } => {
                "try again later; `frazil lock show` says who holds it and who waits"
            }
            Self::Lock(LockError::Unavailable { .. }) => {
                "check `connect` of [lock] and that the service can be reached, then try again"
            }
            Self::Lock(LockError::Refused { .. }) => "check `user` and `password` of [lock], and what they allow",
            Self::Lock(LockError::Lost { .. }) => "look whether the commit was made before it is tried again",
            Self::Conflict { .. } => "try again",
            Self::InPart { .. } => {
                "the report says which groups and why; what was committed stays, and another run does the rest"
            }
            Self::OutcomesUnknown { .. } => {
                "look later whether snapshots have these `frazil.commit-id`s, and delete no files before"
            }
            Self::OutcomeUnknown { .. } => {
                "look later whether a snapshot has this `frazil.commit-id` before it is tried again"
            }
            Self::LockChanged { .. } => "look again with `frazil lock show`",
            Self::LockKept { .. } => "answer `y`, or pass --yes, to take it away",
            Self::Output { .. } => "check that the place is writable and has room, or choose another with -o",
            Self::Temporary { .. } => "free space there, or set TMPDIR to another folder",
            Self::CatalogsFailed { .. } | Self::LockFailed => {
                "the report on standard output says what is wrong with each"
            }
            Self::Listen { source, .. } => Self::listen_remedy(source),
            Self::Daemon(_) => "check `[compaction]` of the settings",
            Self::Serve(_) => "check the certificates and key of [server]",
            Self::CheckFailed(_) => "this is a fault: please report it",
            Self::Internal(_) => "please report it, with the command and its output under -v",
            Self::Lock(LockError::Invalid(_))
            | Self::NotYet
            | Self::Usage(_)
            | Self::ClosedPipe
            | Self::Interrupted
            | Self::Terminated => return None,
        };
        Some(remedy.to_owned())
    }

    /// Values of the error, by name.
    fn details(&self) -> Value {
        let details = match self {
            Self::Read(error) => read_details(error),
            Self::Lock(LockError::Busy { name, holder }) => {
                vec![("lock", json!(name)), ("holder", json!(holder.as_ref().map(ToString::to_string)))]
            }
            Self::Lock(LockError::Lost { name, .. }) | Self::LockChanged { name } | Self::LockKept { name } => {
                vec![("lock", json!(name))]
            }
            Self::Lock(LockError::Unavailable { service, .. } | LockError::Refused { service, .. }) => {
                vec![("service", json!(service))]
            }
            Self::Output { target, .. } => vec![("output", json!(target))],
            Self::OutcomeUnknown { commit_id, .. } => vec![("commit_id", json!(commit_id))],
            Self::OutcomesUnknown { commit_ids } => vec![("commit_ids", json!(commit_ids))],
            Self::Temporary { path, .. } => vec![("path", json!(path.display().to_string()))],
            _ => Vec::new(),
        };
        Value::Object(Map::from_iter(details.into_iter().map(|(name, value)| (name.to_owned(), value))))
    }
}

fn group_remedy(error: &GroupError) -> Option<&'static str> {
    match error {
        GroupError::Busy { .. } => Some("stop it or wait for its end, or read for another group"),
        GroupError::Changed { .. } => Some("look with `frazil groups list`, then try again"),
        GroupError::Damaged { .. } => Some("restore the file from a copy, or remove it to start anew"),
        GroupError::Unavailable { .. } => Some("check that the folder is writable, or set [positions] path"),
        _ => None,
    }
}

fn lock_code(error: &LockError) -> &'static str {
    match error {
        LockError::Busy { .. } => "LOCK_BUSY",
        LockError::Unavailable { .. } => "LOCK_UNAVAILABLE",
        LockError::Lost { .. } => "LOCK_LOST",
        LockError::Refused { .. } => "LOCK_REFUSED",
        LockError::Invalid(_) => "USAGE",
    }
}

fn read_remedy(error: &ReadError) -> Option<String> {
    let remedy = match error {
        ReadError::Table(error) => return table_remedy(error),
        ReadError::ReplaceMismatch { .. } => {
            "pass --on-replace-mismatch emit to get the rows that changed, or ignore to go on without them"
        }
        ReadError::DuplicateKey { .. } => "pass --duplicate-keys pair or plain, or name another key with --key",
        ReadError::KeyChanged { snapshot_id, .. } => {
            return Some(format!(
                "read up to the snapshot before it, then start again with --from snapshot:{snapshot_id}; \
                 or go on with --on-key-change continue, or name a key for all snapshots with --key"
            ));
        }
        ReadError::NonAppend { .. } => {
            "read with --mode changelog, or pass --on-non-append added-only to get the rows of the files that it added, \
             or skip to go on without them"
        }
        ReadError::ConfigChanged { .. } => {
            "pass the options that the position was taken with, or start again with --from full"
        }
        ReadError::Position(_) => "pass a position as it was given out, or start again with --from full",
        ReadError::Spill(_) => "free space in the temporary folder, or set TMPDIR to another one",
        _ => return None,
    };
    Some(remedy.to_owned())
}

fn table_remedy(error: &TableError) -> Option<String> {
    let remedy = match error {
        // What follows a semicolon is a remedy that fits the case better than one for all of its kind.
        TableError::TableNotFound { detail, .. }
        | TableError::Unsupported { detail, .. }
        | TableError::Corrupt { detail, .. }
        | TableError::WatermarkUnknown { detail }
        | TableError::Catalog { detail, .. }
        | TableError::CatalogRefused { detail, .. }
            if detail.contains("; ") =>
        {
            return None;
        }
        TableError::TableNotFound { .. } => {
            "check the name, which is a table's folder, a metadata file, or namespace.table with --catalog-uri"
        }
        TableError::FileMissing { .. } => {
            "restore the file, or pass --path-map OLD=NEW if the table was copied or mounted elsewhere"
        }
        TableError::Storage { .. } => "check that the place can be reached and read, then try again",
        TableError::Catalog { .. } => "check the catalog's settings and that it can be reached, then try again",
        TableError::CatalogRefused { .. } => "check the credentials and what they allow",
        TableError::Corrupt { .. } => "restore the file from a copy, or read snapshots that do not list it",
        TableError::Unsupported { .. } => "this version cannot read it, and nothing was guessed",
        TableError::SnapshotExpired { .. } => "start again with --from earliest or --from full",
        TableError::LineageBroken { common_ancestor: Some(ancestor), .. } => {
            return Some(format!(
                "start again after what both lines share with --from after:{ancestor}, or with --from full"
            ));
        }
        TableError::LineageBroken { .. } | TableError::TableReplaced { .. } => "start again with --from full",
        TableError::WatermarkUnknown { .. } => {
            "let the writers put `watermark.<name>` into snapshot summaries, or name another source with \
             --name property:KEY or --name column:NAME"
        }
        TableError::MemoryLimit { .. } => "raise --memory-limit",
        TableError::Internal { .. } => "please report it, with the command and its output under -v",
        _ => return None,
    };
    Some(remedy.to_owned())
}

fn read_details(error: &ReadError) -> Vec<(&'static str, Value)> {
    match error {
        ReadError::Table(error) => table_details(error),
        ReadError::ReplaceMismatch { snapshot_id, n_added, n_removed } => vec![
            ("snapshot_id", json!(snapshot_id.get())),
            ("n_rows_added", json!(n_added)),
            ("n_rows_removed", json!(n_removed)),
        ],
        ReadError::DuplicateKey { snapshot_id, key } => {
            vec![("snapshot_id", json!(snapshot_id.get())), ("key", json!(key))]
        }
        ReadError::KeyChanged { snapshot_id, before, now } => {
            vec![("snapshot_id", json!(snapshot_id.get())), ("before", json!(before)), ("now", json!(now))]
        }
        ReadError::NonAppend { snapshot_id, operation } => {
            vec![("snapshot_id", json!(snapshot_id.get())), ("operation", json!(operation))]
        }
        ReadError::ConfigChanged { changed } => vec![("changed", json!(changed))],
        _ => Vec::new(),
    }
}

fn table_details(error: &TableError) -> Vec<(&'static str, Value)> {
    match error {
        TableError::TableNotFound { table, .. } => vec![("table", json!(table))],
        TableError::FileMissing { path }
        | TableError::Storage { path, .. }
        | TableError::Corrupt { path, .. }
        | TableError::Unsupported { path, .. } => vec![("path", json!(path))],
        TableError::Catalog { catalog, .. } | TableError::CatalogRefused { catalog, .. } => {
            vec![("catalog", json!(catalog))]
        }
        TableError::SnapshotExpired { consumed, oldest } => {
            vec![("consumed", json!(consumed.get())), ("oldest_available", json!(oldest.get()))]
        }
        TableError::LineageBroken { consumed, common_ancestor, head } => vec![
            ("consumed", json!(consumed.get())),
            ("common_ancestor", json!(common_ancestor.map(|id| id.get()))),
            ("head", json!(head.get())),
        ],
        TableError::TableReplaced { expected, found } => {
            vec![("expected_uuid", json!(expected)), ("found_uuid", json!(found))]
        }
        TableError::MemoryLimit { needed_bytes, limit_bytes, .. } => {
            vec![("needed_bytes", json!(needed_bytes)), ("limit_bytes", json!(limit_bytes))]
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use frazil_table::SnapshotId;

    use super::*;

    fn expired() -> CliError {
        TableError::SnapshotExpired { consumed: SnapshotId::new(7), oldest: SnapshotId::new(9) }.into()
    }

    #[test]
    fn the_line_names_the_thing_the_cause_and_the_remedy() {
        assert_eq!(
            expired().line(),
            "error: position has expired, after=`7`, oldest=`9`; start again with --from earliest or --from full"
        );
        let ancestor = Some(SnapshotId::new(3));
        let broken = TableError::LineageBroken {
            consumed: SnapshotId::new(7),
            common_ancestor: ancestor,
            head: SnapshotId::new(9),
        };
        assert!(CliError::from(broken).line().ends_with("with --from after:3, or with --from full"));
    }

    #[test]
    fn a_remedy_names_options_and_values_that_exist() {
        use clap::CommandFactory;
        let id = SnapshotId::new(7);
        let text = String::new;
        let of_read = [
            ReadError::ReplaceMismatch { snapshot_id: id, n_added: 1, n_removed: 0 },
            ReadError::DuplicateKey { snapshot_id: id, key: text() },
            ReadError::KeyChanged { snapshot_id: id, before: text(), now: text() },
            ReadError::NonAppend { snapshot_id: id, operation: text() },
        ];
        let of_table = [
            TableError::TableNotFound { table: text(), detail: text() },
            TableError::FileMissing { path: text() },
            TableError::SnapshotExpired { consumed: id, oldest: id },
            TableError::LineageBroken { consumed: id, common_ancestor: Some(id), head: id },
            TableError::LineageBroken { consumed: id, common_ancestor: None, head: id },
            TableError::WatermarkUnknown { detail: text() },
            TableError::MemoryLimit { needed_bytes: 2, limit_bytes: 1, detail: text() },
        ];
        let mut command = crate::args::Cli::command();
        command.build();
        let errors = of_read.map(CliError::from).into_iter().chain(of_table.map(CliError::from));
        for remedy in errors.map(|error| error.remedy().unwrap()) {
            let words: Vec<&str> = remedy.split([' ', ',', ';']).filter(|word| !word.is_empty()).collect();
            let mut n_options = 0;
            for (index, word) in words.iter().enumerate() {
                let Some(name) = word.strip_prefix("--") else { continue };
                n_options += 1;
                let options = command.get_subcommands().flat_map(clap::Command::get_arguments);
                let options: Vec<_> = options.filter(|option| option.get_long() == Some(name)).collect();
                assert!(!options.is_empty(), "--{name}: {remedy}");
                let mut choices = options.iter().flat_map(|option| option.get_possible_values()).peekable();
                let value = words.get(index + 1).copied().unwrap_or_default();
                assert!(choices.peek().is_none() || choices.any(|choice| choice.matches(value, false)), "{remedy}");
            }
            assert!(n_options > 0, "{remedy}");
        }
    }

    #[test]
    fn causes_are_chained_on_one_line() {
        let source = io::Error::other("first\n  second");
        let error = CliError::from(TableError::Storage { path: "s3://b/x".to_owned(), source: source.into() });
        assert!(error.line().starts_with("error: storage unavailable, path=`s3://b/x`: first second; check that"));
    }

    #[test]
    fn json_has_code_message_advice_and_details() {
        let json = expired().json();
        let error = json.get("error").unwrap();
        assert_eq!(error["code"], "SNAPSHOT_EXPIRED");
        assert_eq!(error["advice"], "FIX_REQUEST");
        assert_eq!(error["details"], json!({ "consumed": 7, "oldest_available": 9 }));
        assert!(error["message"].as_str().unwrap().ends_with("--from full"));
        let retry = CliError::from(TableError::Storage { path: "x".to_owned(), source: "down".into() });
        assert_eq!(retry.json()["error"]["advice"], "RETRY_LATER");
    }

    #[test]
    fn exit_codes_are_those_of_the_interface() {
        let code = |error: CliError| format!("{:?}", error.exit_code());
        let expected = |code: u8| format!("{:?}", ExitCode::from(code));
        assert_eq!(code(expired()), expected(1));
        assert_eq!(code(CliError::Usage("x".to_owned())), expected(2));
        assert_eq!(code(TableError::invalid("column `x` is not in the table").into()), expected(2));
        assert_eq!(code(LockError::Busy { name: "t".to_owned(), holder: None }.into()), expected(75));
        assert_eq!(code(LockError::Invalid("x".to_owned()).into()), expected(2));
        assert_eq!(code(CliError::LockKept { name: "t".to_owned() }), expected(1));
        assert_eq!(code(CliError::Interrupted), expected(130));
        assert_eq!(code(CliError::Terminated), expected(143));
        assert_eq!(code(CliError::ClosedPipe), expected(0));
    }

    #[test]
    fn a_closed_pipe_is_no_failure_however_it_arrives() {
        let broken = || io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(CliError::output("standard output", broken()).is_quiet());
        let arrow = ArrowError::IoError("x".to_owned(), broken());
        assert!(CliError::arrow("standard output", arrow).is_quiet());
        let full = CliError::output("out", io::Error::from(io::ErrorKind::StorageFull));
        assert!(!full.is_quiet() && full.line().contains("-o"));
    }
}

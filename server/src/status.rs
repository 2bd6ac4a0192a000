//! Errors as gRPC tells them: a code, one line for people, and `google.rpc.ErrorInfo` for programs.

use std::collections::HashMap;
use std::error::Error;

use frazil_reader::ReadError;
use frazil_reader::groups::GroupError;
use frazil_table::{Advice, TableError, with_causes};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// `ErrorInfo.domain`.
const DOMAIN: &str = "frazil";

/// Bytes of a message that are told: it travels in a header, of which clients take 8 KiB or so.
const MESSAGE_BYTES_MAX: usize = 2_000;

/// An answer with a stable reason.
pub(crate) fn status(code: Code, reason: &str, message: &str, advice: Advice) -> Status {
    let mut message = message.split_whitespace().collect::<Vec<_>>().join(" ");
    if message.len() > MESSAGE_BYTES_MAX {
        let end = (0..=MESSAGE_BYTES_MAX).rev().find(|end| message.is_char_boundary(*end)).unwrap_or(0);
        message.truncate(end);
        message.push('…');
    }
    let metadata = HashMap::from([("advice".to_owned(), advice.as_str().to_owned())]);
    Status::with_error_details(code, message, ErrorDetails::with_error_info(reason, DOMAIN, metadata))
}

/// The stable reason of an answer.
pub(crate) fn reason_of(status: &Status) -> String {
    status.get_details_error_info().map_or_else(|| "UNKNOWN".to_owned(), |info| info.reason)
}

/// The request is wrong. The text says what would be right.
pub(crate) fn invalid(message: impl AsRef<str>) -> Status {
    status(Code::InvalidArgument, "INVALID_ARGUMENT", message.as_ref(), Advice::FixRequest)
}

/// A fault of this software.
pub(crate) fn internal(message: impl AsRef<str>) -> Status {
    status(Code::Internal, "INTERNAL", message.as_ref(), Advice::ReportBug)
}

/// Reading failed.
pub(crate) fn of_read(error: &ReadError) -> Status {
    of(error, error.code(), error.advice())
}

/// A table could not be used.
pub(crate) fn of_table(error: &TableError) -> Status {
    of(error, error.code(), error.advice())
}

/// A consumer group could not be used.
pub(crate) fn of_group(error: &GroupError) -> Status {
    of(error, error.code(), error.advice())
}

fn of(error: &dyn Error, reason: &str, advice: Advice) -> Status {
    status(code_of(reason), reason, &with_causes(error), advice)
}

fn code_of(reason: &str) -> Code {
    match reason {
        "TABLE_NOT_FOUND" => Code::NotFound,
        "INVALID_ARGUMENT" | "USAGE" | "POSITION_INVALID" => Code::InvalidArgument,
        "MEMORY_LIMIT" => Code::ResourceExhausted,
        "GROUP_CHANGED" => Code::Aborted,
        "STORAGE_UNAVAILABLE"
        | "CATALOG_UNAVAILABLE"
        | "SPILL_FAILED"
        | "GROUPS_UNAVAILABLE"
        | "GROUP_BUSY"
        | "COMMIT_LOCKED" => Code::Unavailable,
        "FILE_MISSING" | "FILE_CORRUPT" | "GROUP_DAMAGED" => Code::DataLoss,
        "UNSUPPORTED" => Code::Unimplemented,
        "INTERNAL" => Code::Internal,
        // What the table is or has become stands against it.
        _ => Code::FailedPrecondition,
    }
}

#[cfg(test)]
mod tests {
    use frazil_table::SnapshotId;

    use super::*;

    #[test]
    fn programs_are_told_the_reason_and_what_to_do() {
        let id = SnapshotId::new(7);
        let status = of_table(&TableError::SnapshotExpired { consumed: id, oldest: SnapshotId::new(9) });
        assert_eq!(status.code(), Code::FailedPrecondition);
        let info = status.get_details_error_info().unwrap();
        assert_eq!((info.reason.as_str(), info.domain.as_str()), ("SNAPSHOT_EXPIRED", "frazil"));
        assert_eq!(info.metadata["advice"], "FIX_REQUEST");
        assert_eq!(status.message(), "position has expired, after=`7`, oldest=`9`");
    }

    #[test]
    fn messages_are_one_line_and_have_an_end() {
        let status = invalid(format!("a\n  b {}", "ä".repeat(5_000)));
        assert!(status.message().starts_with("a b ä") && status.message().ends_with('…'));
        assert!(status.message().len() < 2_010);
    }
}

//! From a request to the options of a read.

use frazil_proto::v1;
use frazil_proto::v1::ReadChangesRequest;
use frazil_reader::{
    At, ChangelogOperation, DEFAULT_BATCH_ROWS, DuplicateKeys, FilterUpdates, From, Lanes, Mode, N_LANES_MAX,
    OnExpired, OnKeyChange, OnNonAppend, OnReplaceMismatch, OnRollback, ReadOptions, ReplaceCheck, Route, RowsOptions,
    SchemaMode, To,
};
use frazil_table::MAIN_BRANCH;
use frazil_table::filter::Filter;
use tonic::Status;

use crate::service::Limits;
use crate::status::invalid;

/// Most rows of a batch.
const BATCH_ROWS_MAX: u32 = 1 << 20;
/// Most files that are read at once for one stream.
const READERS_MAX: u32 = 64;
/// Most names in a list.
const NAMES_MAX: usize = 10_000;

/// What is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Changes; with the flag, also those that come later.
    Changes(Box<ReadOptions>, bool),
    /// The rows of one snapshot.
    Rows(Box<RowsOptions>),
}

/// What a request asks for.
///
/// # Errors
/// `INVALID_ARGUMENT` names the field that is wrong and says what would be right.
pub(crate) fn reading(request: &ReadChangesRequest, limits: &Limits) -> Result<Reading, Status> {
    check_sizes(request)?;
    let mode = match choice("mode", v1::Mode::try_from(request.mode))? {
        v1::Mode::Append => Mode::Append,
        v1::Mode::Upsert => Mode::Upsert,
        v1::Mode::Unspecified | v1::Mode::Changelog => Mode::Changelog,
        v1::Mode::Net => Mode::Net,
        v1::Mode::Rows => return rows(request, limits).map(|options| Reading::Rows(Box::new(options))),
    };
    if !request.at.is_empty() {
        return Err(invalid("`at` is for MODE_ROWS; changes have a `start` and an `end`"));
    }
    let from = match request.start.as_str() {
        "" if request.follow => From::Full,
        "" => From::default(),
        text => text.parse().map_err(|error| invalid(format!("start `{text}` is wrong: {error}")))?,
    };
    let to = match request.end.as_str() {
        "" => To::default(),
        text => text.parse().map_err(|error| invalid(format!("end `{text}` is wrong: {error}")))?,
    };
    let drop_kinds: Vec<ChangelogOperation> =
        request.drop_kinds.iter().map(|kind| operation(*kind)).collect::<Result<_, _>>()?;
    let options = ReadOptions {
        mode,
        from,
        to,
        branch: branch(request),
        key: names("key", &request.key)?,
        columns: names("columns", &request.columns)?,
        filter: filter(request)?,
        drop_kinds,
        schema: schema(request)?,
        emit_noop_updates: request.emit_noop_updates,
        lanes: lanes(request)?,
        readers: usize::try_from(request.readers.max(1)).unwrap_or(1),
        memory_limit_bytes: limits.stream_memory_bytes,
        batch_rows: batch_rows(request),
        ..policies(request)?
    };
    Ok(Reading::Changes(Box::new(options), request.follow))
}

/// The lanes that are spread over the endpoints; `None` if there is one stream in one order.
fn lanes(request: &ReadChangesRequest) -> Result<Option<Lanes>, Status> {
    let route = match choice("route", v1::Route::try_from(request.route))? {
        v1::Route::Unspecified => None,
        v1::Route::Partition => Some(Route::Partition),
        v1::Route::Key => Some(Route::Key),
        v1::Route::File => Some(Route::File),
        v1::Route::Single => Some(Route::Single),
    };
    if request.endpoints <= 1 && request.lanes == 0 && route.is_none() {
        return Ok(None);
    }
    let n_lanes = match u16::try_from(request.lanes) {
        Ok(0) => N_LANES_MAX,
        Ok(n_lanes) if n_lanes <= N_LANES_MAX => n_lanes,
        _ => return Err(invalid(format!("`lanes` is above {N_LANES_MAX}, the most"))),
    };
    if request.endpoints > u32::from(n_lanes) {
        return Err(invalid(format!("`endpoints` is above {n_lanes}, the number of lanes")));
    }
    Ok(Some(Lanes { route, n_lanes, range: 0..n_lanes }))
}

fn policies(request: &ReadChangesRequest) -> Result<ReadOptions, Status> {
    Ok(ReadOptions {
        filter_updates: match choice("filter_updates", v1::FilterUpdates::try_from(request.filter_updates))? {
            v1::FilterUpdates::Unspecified | v1::FilterUpdates::Retract => FilterUpdates::Retract,
            v1::FilterUpdates::Independent => FilterUpdates::Independent,
        },
        duplicate_keys: match choice("duplicate_keys", v1::DuplicateKeys::try_from(request.duplicate_keys))? {
            v1::DuplicateKeys::Unspecified | v1::DuplicateKeys::Pair => DuplicateKeys::Pair,
            v1::DuplicateKeys::Plain => DuplicateKeys::Plain,
            v1::DuplicateKeys::Error => DuplicateKeys::Error,
        },
        replace_check: match choice("replace_check", v1::ReplaceCheck::try_from(request.replace_check))? {
            v1::ReplaceCheck::Unspecified | v1::ReplaceCheck::Metadata => ReplaceCheck::Metadata,
            v1::ReplaceCheck::Trust => ReplaceCheck::Trust,
            v1::ReplaceCheck::Full => ReplaceCheck::Full,
        },
        on_replace_mismatch: match choice(
            "on_replace_mismatch",
            v1::OnReplaceMismatch::try_from(request.on_replace_mismatch),
        )? {
            v1::OnReplaceMismatch::Unspecified | v1::OnReplaceMismatch::Emit => OnReplaceMismatch::Emit,
            v1::OnReplaceMismatch::Fail => OnReplaceMismatch::Fail,
            v1::OnReplaceMismatch::Ignore => OnReplaceMismatch::Ignore,
        },
        on_non_append: match choice("on_non_append", v1::OnNonAppend::try_from(request.on_non_append))? {
            v1::OnNonAppend::Unspecified | v1::OnNonAppend::Fail => OnNonAppend::Fail,
            v1::OnNonAppend::Skip => OnNonAppend::Skip,
            v1::OnNonAppend::AddedOnly => OnNonAppend::AddedOnly,
        },
        on_key_change: match choice("on_key_change", v1::OnKeyChange::try_from(request.on_key_change))? {
            v1::OnKeyChange::Unspecified | v1::OnKeyChange::Fail => OnKeyChange::Fail,
            v1::OnKeyChange::Continue => OnKeyChange::Continue,
        },
        on_expired: match choice("on_expired", v1::OnExpired::try_from(request.on_expired))? {
            v1::OnExpired::Unspecified | v1::OnExpired::Fail => OnExpired::Fail,
            v1::OnExpired::Diff => OnExpired::Diff,
            v1::OnExpired::Rescan => OnExpired::Rescan,
            v1::OnExpired::Skip => OnExpired::Skip,
        },
        on_rollback: match choice("on_rollback", v1::OnRollback::try_from(request.on_rollback))? {
            v1::OnRollback::Unspecified | v1::OnRollback::Fail => OnRollback::Fail,
            v1::OnRollback::Compensate => OnRollback::Compensate,
            v1::OnRollback::Rescan => OnRollback::Rescan,
        },
        ..ReadOptions::default()
    })
}

fn rows(request: &ReadChangesRequest, limits: &Limits) -> Result<RowsOptions, Status> {
    let is_of_changes = request.follow
        || !request.start.is_empty()
        || !request.end.is_empty()
        || !request.group.is_empty()
        || !request.drop_kinds.is_empty()
        || request.endpoints > 1
        || request.lanes > 0
        || request.route != 0;
    if is_of_changes {
        return Err(invalid(
            "`start`, `end`, `follow`, `group`, `drop_kinds`, `endpoints`, `lanes` and `route` are for changes; MODE_ROWS \
             takes the state from `at`",
        ));
    }
    Ok(RowsOptions {
        at: match request.at.as_str() {
            "" => At::default(),
            text => text.parse().map_err(|error| invalid(format!("at `{text}` is wrong: {error}")))?,
        },
        branch: branch(request),
        columns: names("columns", &request.columns)?,
        filter: filter(request)?,
        schema: match schema(request)? {
            SchemaMode::PinnedToEnd => SchemaMode::Follow,
            schema => schema,
        },
        memory_limit_bytes: limits.stream_memory_bytes,
        batch_rows: batch_rows(request),
        ..RowsOptions::default()
    })
}

fn check_sizes(request: &ReadChangesRequest) -> Result<(), Status> {
    if request.readers > READERS_MAX {
        return Err(invalid(format!("`readers` is above {READERS_MAX}, the most")));
    }
    if request.batch_rows > BATCH_ROWS_MAX {
        return Err(invalid(format!("`batch_rows` is above {BATCH_ROWS_MAX}, the most")));
    }
    Ok(())
}

fn batch_rows(request: &ReadChangesRequest) -> usize {
    match usize::try_from(request.batch_rows) {
        Ok(n_rows @ 1..) => n_rows,
        _ => DEFAULT_BATCH_ROWS,
    }
}

fn branch(request: &ReadChangesRequest) -> String {
    if request.branch.is_empty() { MAIN_BRANCH.to_owned() } else { request.branch.clone() }
}

fn filter(request: &ReadChangesRequest) -> Result<Option<Filter>, Status> {
    match request.filter.as_str() {
        "" => Ok(None),
        text => Filter::parse(text).map(Some).map_err(|error| invalid(format!("filter is wrong: {error}"))),
    }
}

/// `None` for an empty list, which means all.
fn names(field: &str, names: &[String]) -> Result<Option<Vec<String>>, Status> {
    if names.len() > NAMES_MAX {
        return Err(invalid(format!("`{field}` has more than {NAMES_MAX} names, the most")));
    }
    if names.iter().any(String::is_empty) {
        return Err(invalid(format!("`{field}` has an empty name")));
    }
    Ok((!names.is_empty()).then(|| names.to_vec()))
}

fn schema(request: &ReadChangesRequest) -> Result<SchemaMode, Status> {
    match (choice("schema", v1::SchemaMode::try_from(request.schema))?, request.schema_id) {
        (v1::SchemaMode::Unspecified | v1::SchemaMode::PinnedToEnd, None) => Ok(SchemaMode::PinnedToEnd),
        (v1::SchemaMode::Pinned, Some(id)) => Ok(SchemaMode::Pinned(id)),
        (v1::SchemaMode::Pinned, None) => Err(invalid("SCHEMA_MODE_PINNED needs `schema_id`")),
        (_, Some(_)) => Err(invalid("`schema_id` is for SCHEMA_MODE_PINNED")),
    }
}

fn operation(kind: i32) -> Result<ChangelogOperation, Status> {
    match choice("drop_kinds", v1::ChangeType::try_from(kind))? {
        v1::ChangeType::Insert => Ok(ChangelogOperation::Insert),
        v1::ChangeType::UpdateBefore => Ok(ChangelogOperation::UpdateBefore),
        v1::ChangeType::UpdateAfter => Ok(ChangelogOperation::UpdateAfter),
        v1::ChangeType::Delete => Ok(ChangelogOperation::Delete),
        v1::ChangeType::Unspecified => Err(invalid("`drop_kinds` names no kind of change")),
    }
}

fn choice<T, E>(field: &str, value: Result<T, E>) -> Result<T, Status> {
    value.map_err(|_| invalid(format!("`{field}` has a value that this version does not know")))
}

#[cfg(test)]
mod tests {
    use frazil_table::SnapshotId;
    use rstest::rstest;

    use super::*;

    fn of_json(json: &str) -> Result<Reading, Status> {
        reading(&serde_json::from_str(json).unwrap(), &Limits::default())
    }

    #[test]
    fn what_is_left_out_has_the_defaults_of_the_command() {
        let Reading::Changes(options, false) = of_json(r#"{"table": "a.b"}"#).unwrap() else { panic!("no changes") };
        let expected =
            ReadOptions { schema: SchemaMode::PinnedToEnd, memory_limit_bytes: 64 << 20, ..ReadOptions::default() };
        assert_eq!(*options, expected);
        let Reading::Changes(options, true) = of_json(r#"{"table": "a.b", "follow": true}"#).unwrap() else {
            panic!("not followed")
        };
        assert_eq!(options.from, From::Full);
    }

    #[test]
    fn what_is_given_is_taken() {
        let json = r#"{"table": "a.b", "mode": "MODE_APPEND", "start": "after:7", "end": "snapshot:9", "branch": "dev",
            "columns": ["a", "b.c"], "filter": "a > 1", "drop_kinds": ["CHANGE_TYPE_DELETE"], "onNonAppend": "ON_NON_APPEND_SKIP",
            "schema": "SCHEMA_MODE_PINNED", "schema_id": 3, "readers": 4, "batch_rows": 100}"#;
        let Reading::Changes(options, false) = of_json(json).unwrap() else { panic!("no changes") };
        assert_eq!(options.mode, Mode::Append);
        assert_eq!(options.from, From::SnapshotExclusive(SnapshotId::new(7)));
        assert_eq!(options.to, To::Snapshot(SnapshotId::new(9)));
        assert_eq!(options.branch, "dev");
        assert_eq!(options.columns, Some(vec!["a".to_owned(), "b.c".to_owned()]));
        assert_eq!(options.drop_kinds, [ChangelogOperation::Delete]);
        assert_eq!(options.on_non_append, OnNonAppend::Skip);
        assert_eq!(options.schema, SchemaMode::Pinned(3));
        assert_eq!((options.readers, options.batch_rows), (4, 100));
    }

    #[test]
    fn a_choice_of_a_later_version_is_refused() {
        let request = ReadChangesRequest { mode: 99, ..ReadChangesRequest::default() };
        let status = reading(&request, &Limits::default()).unwrap_err();
        assert!(status.message().contains("`mode`"), "{}", status.message());
    }

    #[rstest]
    #[case(r#"{"start": "first"}"#, "start `first`")]
    #[case(r#"{"end": "earliest"}"#, "end `earliest`")]
    #[case(r#"{"at": "latest"}"#, "`at` is for MODE_ROWS")]
    #[case(r#"{"mode": "MODE_ROWS", "follow": true}"#, "MODE_ROWS takes the state from `at`")]
    #[case(r#"{"filter": "a >"}"#, "filter is wrong")]
    #[case(r#"{"columns": [""]}"#, "`columns` has an empty name")]
    #[case(r#"{"drop_kinds": [0]}"#, "`drop_kinds`")]
    #[case(r#"{"schema_id": 1}"#, "`schema_id` is for SCHEMA_MODE_PINNED")]
    #[case(r#"{"schema": "SCHEMA_MODE_PINNED"}"#, "needs `schema_id`")]
    #[case(r#"{"lanes": 257}"#, "`lanes` is above 256")]
    #[case(r#"{"lanes": 4, "endpoints": 5}"#, "`endpoints` is above 4")]
    #[case(r#"{"readers": 65}"#, "`readers` is above 64")]
    #[case(r#"{"batch_rows": 1048577}"#, "`batch_rows` is above")]
    fn what_is_wrong_is_named(#[case] json: &str, #[case] expected: &str) {
        let status = of_json(json).unwrap_err();
        assert_eq!(status.code(), tonic::Code::InvalidArgument);
        assert!(status.message().contains(expected), "{}", status.message());
    }
}

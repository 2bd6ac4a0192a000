//! A store that fails now and then.

use frazil_fixtures::Rows;
use frazil_table::{Advice, TableError};
use frazil_testkit::Fault;

use super::copy::{Copy, changes_of, rows_of};
use super::{check_message, table_error, wait};
use crate::read::{Failure, Stream};
use crate::report::Report;

/// Tables with each kind of delete file, small enough to be read once for each request.
const TABLES: [&str; 4] = ["mor_pos_part", "eq_v3", "eq_upsert_part", "schema_evo"];

fn story(stream: &Stream) -> Vec<String> {
    stream.changes().map(|change| format!("{:?} {}", change.operation, change.row)).collect()
}

/// The store is to blame: the request can be repeated as it is.
fn retryable<T>(outcome: Result<T, Failure>) -> Result<(), String> {
    let error = table_error(outcome)?;
    match &error {
        TableError::Storage { source, .. } if source.to_string().contains("connection reset") => {
            if error.advice() != Advice::RetryLater {
                return Err(format!("advice {:?}", error.advice()));
            }
            check_message(&error, &["memory://fx", "storage unavailable"])
        }
        other => Err(format!("another error: {other:?}")),
    }
}

async fn rows_and_changes(copy: &Copy) -> Result<(Rows, Vec<String>), Failure> {
    let table = copy.load().await.map_err(|error| Failure::Read(error.into()))?;
    let rows = rows_of(&table, copy.fixture).await?;
    Ok((rows, story(&changes_of(&table, copy.fixture).await?)))
}

#[test]
fn every_failed_request_is_a_storage_error_and_a_retry_gives_the_right_rows() {
    let mut report = Report::new("failed requests");
    for (name, fault) in TABLES.into_iter().flat_map(|table| [(table, Fault::Refuse), (table, Fault::BreakOff)]) {
        wait(async {
            let copy = Copy::of(name).await;
            let expected = rows_and_changes(&copy).await.unwrap();
            for n in 0.. {
                copy.store.fail_request(n, fault);
                let outcome = rows_and_changes(&copy).await;
                if !copy.store.take_failed() {
                    assert_eq!(outcome.unwrap(), expected, "{name}: without a fault");
                    break;
                }
                report.count("requests", 1);
                report.check(format!("{name} request {n} {fault:?}"), retryable(outcome));
            }
        });
    }
    report.finish();
}

#[test]
fn a_table_handle_can_be_used_on_after_a_failed_request() {
    let mut report = Report::new("retries with one handle");
    for name in TABLES {
        wait(async {
            let copy = Copy::of(name).await;
            let expected = rows_and_changes(&copy).await.unwrap();
            for n in 0.. {
                let table = copy.load().await.unwrap();
                copy.store.fail_request(n, Fault::Refuse);
                let first = changes_of(&table, copy.fixture).await;
                if !copy.store.take_failed() {
                    break;
                }
                report.count("requests", 1);
                report.check(format!("{name} request {n}"), retryable(first));
                assert_eq!(story(&changes_of(&table, copy.fixture).await.unwrap()), expected.1);
                assert_eq!(rows_of(&table, copy.fixture).await.unwrap(), expected.0);
            }
        });
    }
    report.finish();
}

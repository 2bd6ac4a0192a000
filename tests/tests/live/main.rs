//! Tests against services that run: catalogs, stores, a lock service. `scripts/services/up` starts them, and
//! `scripts/test live` starts them, runs these tests and stops them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "a test may stop at what it does not expect"
)]

mod answers;
#[path = "../suite/canonical.rs"]
mod canonical;
mod catalogs;
mod commits;
#[path = "../contract/integrity.rs"]
mod integrity;
mod locks;
#[path = "../suite/read.rs"]
#[expect(dead_code, reason = "shared with the other binary")]
mod read;
mod read_back;
mod service;
mod stores;
mod tables;

use frazil_fixtures::Rows;

/// What changes come to.
fn folded(stream: &read::Stream) -> Rows {
    let mut rows = Rows::default();
    for change in stream.changes() {
        if change.operation.adds() {
            rows.insert(change.row.clone());
        } else {
            assert!(rows.remove(&change.row), "takes away what is not there: {}", change.row);
        }
    }
    rows
}

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
#[path = "../suite/read.rs"]
#[expect(dead_code, reason = "shared with the other binary")]
mod read;
mod service;
mod stores;
mod tables;

//! Tests that use public items only, in one binary. Each module is a subject.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "a test may stop at what it does not expect"
)]

mod backlog;
mod bad_input;
mod built;
mod canonical;
mod cases;
mod catalogs;
mod commits;
mod compaction_cases;
mod compaction_daemon;
mod compaction_plan;
mod compaction_rewrite;
mod discovery;
mod filters;
mod fixtures;
mod follow;
#[path = "../contract/integrity.rs"]
mod integrity;
mod killed;
mod lanes;
mod locks;
mod places;
mod positions;
mod properties;
mod read;
mod report;
mod server;
mod shared;
mod stores;
mod watermark;
mod written;

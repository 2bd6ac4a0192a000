//! The program's clock. Libraries have none: what depends on the time is given it.

/// Milliseconds since the epoch. Read it once for each report, so that all of it refers to one moment.
#[expect(clippy::disallowed_methods, reason = "the one place where the program asks for the time of day")]
pub(crate) fn now_ms() -> i64 {
    chrono::Utc::now().timestamp_millis()
}

/// A number that is another in each process: for what should not happen in all of them at the same moment.
pub(crate) fn seed() -> u64 {
    now_ms().unsigned_abs().rotate_left(32) ^ u64::from(std::process::id())
}

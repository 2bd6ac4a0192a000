//! The program's clock. Libraries have none: what depends on the time is given it.

/// Milliseconds since the epoch. Read it once for each report, so that all of it refers to one moment.
#[expect(clippy::disallowed_methods, reason = "the one place where the program asks for the time of day")]
pub(crate) fn now_ms() -> i64 {
    chrono::Utc::now().timestamp_millis()
}

//! The time of day, for credentials that end at one.

/// Milliseconds since 1970.
pub(super) fn now_ms() -> i64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "when a credential ends, and with it whether a request can succeed, is a matter of the time of day"
    )]
    chrono::Utc::now().timestamp_millis()
}

//! Who holds a lock, for those who wait and for operators.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A text of a holder may have this many characters at most.
const TEXT_CHARS_MAX: usize = 256;

/// Who asks for a lock. Stored with it as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Name of the machine.
    pub host: String,
    /// Id of the process on it.
    pub pid: u32,
    /// Name of the program.
    pub program: String,
    /// What the lock is for, such as `commit`.
    pub purpose: String,
    /// When it was asked for, in milliseconds since the epoch by the machine's own clock.
    #[serde(rename = "since")]
    pub since_ms: i64,
}

impl Holder {
    /// This process.
    pub fn of_this_process(program: &str, purpose: &str, since_ms: i64) -> Self {
        // Only for people to read: a machine that does not tell its name can use locks all the same.
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let host = match host.trim() {
            "" => "unknown",
            host => host,
        };
        Self { host: cut(host), pid: std::process::id(), program: cut(program), purpose: cut(purpose), since_ms }
    }

    /// What is stored.
    #[cfg(feature = "zookeeper")]
    pub(crate) fn to_json(&self) -> Vec<u8> {
        let Self { host, pid, program, purpose, since_ms } = self;
        serde_json::json!({
            "host": cut(host), "pid": pid, "program": cut(program), "purpose": cut(purpose), "since": since_ms,
        })
        .to_string()
        .into_bytes()
    }

    /// `None` for what another program stored, which is free to store what it likes.
    #[cfg(feature = "zookeeper")]
    pub(crate) fn from_json(bytes: &[u8]) -> Option<Self> {
        let holder: Self = serde_json::from_slice(bytes).ok()?;
        Some(Self { host: cut(&holder.host), program: cut(&holder.program), purpose: cut(&holder.purpose), ..holder })
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, pid, program, purpose, .. } = self;
        write!(formatter, "{program} on {host}, pid {pid}, {purpose}")
    }
}

/// The text as it may be shown: not too long, and without control characters.
pub(crate) fn cut(text: &str) -> String {
    text.chars().take(TEXT_CHARS_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_a_host_and_an_id() {
        let holder = Holder::of_this_process("frazil", "commit\nof x", 7);
        assert!(!holder.host.is_empty() && holder.pid > 0);
        assert_eq!((holder.purpose.as_str(), holder.since_ms), ("commit of x", 7));
    }

    #[cfg(feature = "zookeeper")]
    #[test]
    fn what_is_stored_is_read_again_and_the_data_of_others_is_no_holder() {
        let holder = Holder::of_this_process("frazil", &"x".repeat(10_000), 7);
        let json = holder.to_json();
        assert!(json.len() < 2_000);
        assert_eq!(Holder::from_json(&json).unwrap(), holder);
        let value: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(value["since"], 7);
        for foreign in [&b""[..], b"10.0.0.1", b"{}", b"\xff\xfe"] {
            assert_eq!(Holder::from_json(foreign), None);
        }
    }
}

//! Names of locks.

use std::fmt;

use crate::{LockError, Result};

/// A name may have this many bytes at most.
const BYTES_MAX: usize = 1_000;

/// What is locked. Any text: two who use the same name exclude each other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LockName(String);

impl LockName {
    /// A name.
    ///
    /// # Errors
    /// [`LockError::Invalid`] if it is empty or has more than 1,000 bytes.
    pub fn new(name: impl Into<String>) -> Result<Self> {
        let name = name.into();
        if name.is_empty() || name.len() > BYTES_MAX {
            let n_bytes = name.len();
            return Err(LockError::Invalid(format!(
                "a lock's name has {n_bytes} bytes; choose one that has between 1 and {BYTES_MAX}"
            )));
        }
        Ok(Self(name))
    }

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As one element of a path, different for different names: what may mean something there is written as `%XX`.
    #[cfg(feature = "zookeeper")]
    pub(crate) fn escaped(&self) -> String {
        let is_dots = matches!(self.0.as_str(), "." | "..");
        let mut escaped = String::with_capacity(self.0.len());
        for byte in self.0.bytes() {
            let is_plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') || (byte == b'.' && !is_dots);
            if is_plain {
                escaped.push(char::from(byte));
            } else {
                escaped.push_str(&format!("%{byte:02X}"));
            }
        }
        escaped
    }
}

impl fmt::Display for LockName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_a_length_within_limits() {
        assert!(LockName::new("").is_err());
        assert!(LockName::new("x".repeat(1_000)).is_ok());
        let error = LockName::new("x".repeat(1_001)).unwrap_err().to_string();
        assert_eq!(error, "a lock's name has 1001 bytes; choose one that has between 1 and 1000");
    }

    #[cfg(feature = "zookeeper")]
    #[test]
    fn different_names_are_different_path_elements_without_meaning() {
        let escaped = |name: &str| LockName::new(name).unwrap().escaped();
        assert_eq!(escaped("prod.db.orders_v2-x"), "prod.db.orders_v2-x");
        assert_eq!(escaped("s3://bucket/warehouse/t"), "s3%3A%2F%2Fbucket%2Fwarehouse%2Ft");
        assert_eq!((escaped("."), escaped(".."), escaped("...")), ("%2E".into(), "%2E%2E".into(), "...".into()));
        assert_eq!((escaped("a%2Fb"), escaped("a/b")), ("a%252Fb".into(), "a%2Fb".into()));
        assert_eq!(escaped("é\0"), "%C3%A9%00");
    }
}

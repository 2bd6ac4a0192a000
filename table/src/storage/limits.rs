//! How long, and how often, a store behind a network is asked before it is given up.

use std::time::Duration;

use object_store::{BackoffConfig, ClientOptions, RetryConfig};

use super::properties::Properties;
use crate::Result;

/// Limits of every request to a store behind a network. A request that fails is repeated while both
/// `n_retries_max` and `retry_time_max` allow it, so that no operation takes longer than `retry_time_max` and
/// one `request_time_max` more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreLimits {
    /// For a connection to be made.
    pub connect_time_max: Duration,
    /// For one request, with all of its answer.
    pub request_time_max: Duration,
    /// Repetitions of a request that was not answered, or answered with a server's error (5xx, 429, 408).
    /// Other refusals are not repeated.
    pub n_retries_max: usize,
    /// From the first request of an operation; later none is repeated.
    pub retry_time_max: Duration,
}

impl Default for StoreLimits {
    fn default() -> Self {
        Self {
            connect_time_max: Duration::from_secs(5),
            // The largest request has 16 MB: half a megabyte per second is slow, but goes on.
            request_time_max: Duration::from_secs(30),
            // With doubling pauses from a tenth of a second to five, some ten seconds of a store that is down.
            n_retries_max: 6,
            retry_time_max: Duration::from_secs(60),
        }
    }
}

impl StoreLimits {
    /// These, with what the properties say in place of it.
    pub(super) fn with_properties(mut self, properties: &Properties) -> Result<Self> {
        let milliseconds = |name: &str| Ok(properties.number(&[name])?.map(Duration::from_millis));
        for family in ["http-client.apache", "http-client.urlconnection"] {
            if let Some(time) = milliseconds(&format!("{family}.connection-timeout-ms"))? {
                self.connect_time_max = time;
            }
        }
        if let Some(time) = properties.duration(&["storage.connect-timeout", "s3.connect-timeout"])? {
            self.connect_time_max = time;
        }
        if let Some(time) = properties.duration(&["storage.request-timeout", "s3.request-timeout"])? {
            self.request_time_max = time;
        }
        if let Some(number) = properties.number(&["storage.max-retries", "s3.retry.num-retries"])? {
            self.n_retries_max = usize::try_from(number).unwrap_or(usize::MAX);
        }
        if let Some(time) = properties.duration(&["storage.retry-timeout"])? {
            self.retry_time_max = time;
        }
        Ok(self)
    }

    pub(super) fn retry(&self) -> RetryConfig {
        RetryConfig {
            backoff: BackoffConfig {
                init_backoff: Duration::from_millis(100),
                max_backoff: Duration::from_secs(5),
                base: 2.0,
            },
            max_retries: self.n_retries_max,
            retry_timeout: self.retry_time_max,
        }
    }

    pub(super) fn client(&self) -> ClientOptions {
        ClientOptions::new().with_connect_timeout(self.connect_time_max).with_timeout(self.request_time_max)
    }
}

//! Credentials that a catalog vends for prefixes of paths.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use tokio::sync::Mutex;
use tracing::{debug, warn};

use super::location::canonical;
use crate::Result;

/// Where vended credentials come from, as often as asked.
#[async_trait::async_trait]
pub trait CredentialSource: fmt::Debug + Send + Sync {
    /// Asks the catalog for the credentials that hold from now on.
    ///
    /// # Errors
    /// Whatever the catalog answers; the operation that needed the credentials fails with it.
    async fn credentials(&self) -> Result<Vec<StorageCredential>>;
}

/// Properties for the paths under a prefix. Source: Iceberg REST specification, `StorageCredential`.
#[derive(Clone, PartialEq, Eq)]
pub struct StorageCredential {
    /// What paths must begin with; `s3` stands for every path of that scheme. The longest that fits wins.
    pub prefix: String,
    /// Properties by the names that Iceberg's file IO has, over those of the catalog.
    pub properties: BTreeMap<String, String>,
    /// When the credentials end, in milliseconds since 1970. `None` if it is not told, or never.
    pub expires_at_ms: Option<i64>,
}

impl fmt::Debug for StorageCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names only: values are secrets.
        f.debug_struct("StorageCredential")
            .field("prefix", &self.prefix)
            .field("properties", &self.properties.keys().collect::<Vec<_>>())
            .field("expires_at_ms", &self.expires_at_ms)
            .finish()
    }
}

/// Credentials are asked for again this long before they end: a request that has left must arrive while they hold.
const RENEW_BEFORE_MS: i64 = 5 * 60 * 1_000;

/// A refusal that may have other causes than the credentials' age asks for new ones at most this often.
const REFUSAL_RENEWS_AFTER_MS: i64 = 60 * 1_000;

/// Tells the time of day, in milliseconds since 1970.
pub(super) type Clock = fn() -> i64;

/// Vended credentials as last asked for. One request to the catalog is under way at most.
pub(super) struct Vended {
    source: Arc<dyn CredentialSource>,
    clock: Clock,
    current: Mutex<Option<Arc<Batch>>>,
}

/// What one request to the catalog gave.
#[derive(Debug)]
pub(super) struct Batch {
    credentials: Vec<StorageCredential>,
    asked_at_ms: i64,
    /// The earliest end of one of them.
    expires_at_ms: Option<i64>,
}

/// Why credentials are asked for although there are some.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RenewCause {
    /// The store said that they have ended.
    Expired,
    /// The store refused for a reason that may be that.
    Denied,
}

impl fmt::Debug for Vended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vended").field("source", &self.source).finish_non_exhaustive()
    }
}

impl Batch {
    fn new(credentials: Vec<StorageCredential>, asked_at_ms: i64) -> Self {
        let expires_at_ms = credentials.iter().filter_map(|credential| credential.expires_at_ms).min();
        Self { credentials, asked_at_ms, expires_at_ms }
    }

    /// The credential with the longest prefix of `path`. `None` if the catalog vends none for it.
    pub(super) fn for_path(&self, path: &str) -> Option<&StorageCredential> {
        let path = canonical(path);
        let fits = |credential: &&StorageCredential| path.starts_with(&canonical_prefix(&credential.prefix));
        self.credentials.iter().filter(fits).max_by_key(|credential| canonical_prefix(&credential.prefix).len())
    }

    /// The credential that was vended for exactly this prefix.
    pub(super) fn for_prefix(&self, prefix: &str) -> Option<&StorageCredential> {
        self.credentials.iter().find(|credential| credential.prefix == prefix)
    }

    /// They last for a while yet. Those that live shorter than the margin are used until they end.
    fn is_fresh(&self, now_ms: i64) -> bool {
        self.expires_at_ms.is_none_or(|end| {
            let margin = RENEW_BEFORE_MS.min((end - self.asked_at_ms) / 2);
            now_ms < end - margin
        })
    }

    fn has_ended(&self, now_ms: i64) -> bool {
        self.expires_at_ms.is_some_and(|end| end <= now_ms)
    }
}

fn canonical_prefix(prefix: &str) -> String {
    // A catalog may vend for a whole scheme: `s3`, without a colon.
    if prefix.contains(':') { canonical(prefix).into_owned() } else { canonical(&format!("{prefix}://")).into_owned() }
}

impl Vended {
    pub(super) fn new(source: Arc<dyn CredentialSource>, clock: Clock) -> Self {
        Self { source, clock, current: Mutex::default() }
    }

    /// Credentials that hold now; asks the catalog if there are none yet, or they end soon.
    pub(super) async fn current(&self) -> Result<Arc<Batch>> {
        let mut current = self.current.lock().await;
        let now_ms = (self.clock)();
        let known = current.clone();
        match known {
            Some(batch) if batch.is_fresh(now_ms) => Ok(batch),
            Some(batch) if !batch.has_ended(now_ms) => match self.ask(now_ms).await {
                Ok(renewed) => Ok(Arc::clone(current.insert(renewed))),
                Err(error) => {
                    // The catalog may be away for a moment: what holds still serves.
                    warn!(%error, "vended credentials were not renewed");
                    Ok(batch)
                }
            },
            _ => Ok(Arc::clone(current.insert(self.ask(now_ms).await?))),
        }
    }

    /// Called when the store refused `used`. Returns other credentials if there are, asking the catalog if it
    /// may have some; `None` if the refusal stands.
    pub(super) async fn renew(&self, used: &Arc<Batch>, cause: RenewCause) -> Result<Option<Arc<Batch>>> {
        let mut current = self.current.lock().await;
        if let Some(batch) = current.as_ref().filter(|batch| !Arc::ptr_eq(batch, used)) {
            return Ok(Some(Arc::clone(batch)));
        }
        let now_ms = (self.clock)();
        if cause == RenewCause::Denied && now_ms - used.asked_at_ms < REFUSAL_RENEWS_AFTER_MS {
            return Ok(None);
        }
        Ok(Some(Arc::clone(current.insert(self.ask(now_ms).await?))))
    }

    async fn ask(&self, now_ms: i64) -> Result<Arc<Batch>> {
        let credentials = self.source.credentials().await?;
        debug!(n_credentials = credentials.len(), "credentials vended");
        Ok(Arc::new(Batch::new(credentials, now_ms)))
    }
}

#[cfg(test)]
mod tests;

//! What a REST catalog says of the stores of a table: their properties, and credentials that expire.
//! Source: REST specification, `LoadTableResult` and `LoadCredentialsResponse`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use serde_json::Value;

use super::http::Failure;
use super::{ANSWER_BYTES_MAX, RestCatalog, TABLE_BYTES_MAX, text_map};
use crate::catalog::TableName;
use crate::storage::{CredentialSource, Storage, StorageCredential};
use crate::{Result, TableError};

/// Credentials for prefixes that are taken from one answer, at most.
const CREDENTIALS_MAX: usize = 1000;

/// Properties that hold what a store signs with, and the scheme of the paths that they are for.
const SECRETS: [(&str, &str); 4] =
    [("s3.session-token", "s3"), ("gcs.oauth2.token", "gs"), ("adls.sas-token", "abfss"), ("adls.sas-token.", "abfss")];

/// When vended credentials end, in milliseconds since 1970, by the names that Iceberg's file IO has.
const EXPIRY_NAMES: [&str; 3] =
    ["s3.session-token-expires-at-ms", "gcs.oauth2.token-expires-at", "adls.sas-token-expires-at-ms"];

/// The storage of a table, and what it was made of.
#[derive(Debug, Clone)]
pub(super) struct KnownStorage {
    properties: BTreeMap<String, String>,
    prefixes: Vec<String>,
    pub(super) storage: Storage,
}

/// The storage that an answer with a table asks for; `known` if it is the same, whose connections are open and
/// whose credentials renew themselves.
pub(super) async fn storage(
    catalog: &Arc<RestCatalog>,
    table: &TableName,
    answer: &Value,
    known: Option<KnownStorage>,
) -> Result<KnownStorage> {
    let server = catalog.server().await?;
    let mut config = text_map(answer.get("config"));
    let credentials = vended(answer, &config);
    if is_true(&config, "s3.remote-signing-enabled") && credentials.is_empty() {
        return Err(TableError::unsupported(
            table.to_string(),
            format!(
                "catalog `{}` wants to sign every request to the store (`s3.remote-signing-enabled`), which cannot be used; \
                 let it vend credentials, or give the store's own with `s3.access-key-id` and `s3.secret-access-key`",
                catalog.config.name
            ),
        ));
    }
    for name in ["s3.remote-signing-enabled", "s3.signer.uri", "s3.signer.endpoint", "s3.signer"] {
        config.remove(name);
    }
    if !credentials.is_empty() {
        config.retain(|name, _| !EXPIRY_NAMES.iter().any(|expiry| name.starts_with(expiry)));
    }
    let mut properties = server.config.properties.clone();
    properties.extend(config);
    let prefixes: Vec<String> = credentials.iter().map(|credential| credential.prefix.clone()).collect();
    if let Some(known) = known
        && known.prefixes == prefixes
        && (!prefixes.is_empty() || known.properties == properties)
    {
        return Ok(known);
    }
    let storage = catalog.storage.with_properties(properties.clone());
    let storage = if credentials.is_empty() {
        storage
    } else {
        let catalog = Arc::clone(catalog);
        storage.with_credentials(Arc::new(Vended {
            catalog,
            table: table.clone(),
            first: Mutex::new(Some(credentials)),
        }))
    };
    Ok(KnownStorage { properties, prefixes, storage })
}

/// Credentials of an answer. Servers that know no prefixes put them among the properties.
fn vended(answer: &Value, config: &BTreeMap<String, String>) -> Vec<StorageCredential> {
    let listed = answer.get("storage-credentials").and_then(Value::as_array).into_iter().flatten();
    let listed: Vec<StorageCredential> = listed
        .filter_map(|entry| {
            let prefix = entry.get("prefix").and_then(Value::as_str)?.to_owned();
            let properties = text_map(entry.get("config"));
            let expires_at_ms = expiry(&properties);
            Some(StorageCredential { prefix, properties, expires_at_ms })
        })
        .take(CREDENTIALS_MAX)
        .collect();
    if !listed.is_empty() {
        return listed;
    }
    let is_named = |secret: &str, name: &str| name == secret || (secret.ends_with('.') && name.starts_with(secret));
    let mut schemes: Vec<&str> = SECRETS
        .iter()
        .filter(|(secret, _)| config.keys().any(|name| is_named(secret, name)))
        .map(|(_, scheme)| *scheme)
        .collect();
    schemes.dedup();
    let credential = |scheme: &str| StorageCredential {
        prefix: scheme.to_owned(),
        properties: config.clone(),
        expires_at_ms: expiry(config),
    };
    schemes.into_iter().map(credential).collect()
}

/// The earliest end that the properties name.
fn expiry(properties: &BTreeMap<String, String>) -> Option<i64> {
    let is_expiry = |name: &str| EXPIRY_NAMES.iter().any(|expiry| name.starts_with(expiry));
    properties.iter().filter(|(name, _)| is_expiry(name)).filter_map(|(_, value)| value.parse().ok()).min()
}

fn is_true(properties: &BTreeMap<String, String>, name: &str) -> bool {
    properties.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

/// Credentials for one table, asked for again before they end.
#[derive(Debug)]
struct Vended {
    catalog: Arc<RestCatalog>,
    table: TableName,
    /// Those that came with the table.
    first: Mutex<Option<Vec<StorageCredential>>>,
}

#[async_trait]
impl CredentialSource for Vended {
    async fn credentials(&self) -> Result<Vec<StorageCredential>> {
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner).take();
        let catalog = &self.catalog;
        let now_ms = catalog.http.clock.now_ms();
        let hold =
            |all: &Vec<StorageCredential>| all.iter().all(|one| one.expires_at_ms.is_none_or(|end| end > now_ms));
        if let Some(first) = first.filter(hold) {
            return Ok(first);
        }
        let server = catalog.server().await?;
        let table_url = server.addresses.table(&self.table);
        if server.has_credentials_endpoint {
            let url = format!("{table_url}/credentials");
            match catalog.get(&server.auth, &url, ANSWER_BYTES_MAX, None).await {
                Ok(answer) => {
                    let found = vended(&catalog.http.json(&url, &answer)?, &BTreeMap::new());
                    if !found.is_empty() {
                        return Ok(found);
                    }
                }
                // It is not there for every table: they come with the table too.
                Err(Failure::Refused(refusal)) if matches!(refusal.status.as_u16(), 404..=406 | 501) => {}
                Err(failure) => return Err(catalog.failed(&url, failure)),
            }
        }
        let answer = catalog.get(&server.auth, &table_url, TABLE_BYTES_MAX, None).await;
        let answer = answer.map_err(|failure| catalog.failed(&table_url, failure))?;
        let json = catalog.http.json(&table_url, &answer)?;
        let config = text_map(json.get("config"));
        Ok(vended(&json, &config))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn credentials_of_prefixes_come_before_those_among_the_properties() {
        let config = BTreeMap::from([("s3.session-token".to_owned(), "t".to_owned())]);
        let answer = json!({"storage-credentials": [
            {"prefix": "s3://b/t", "config": {"s3.access-key-id": "k", "s3.session-token-expires-at-ms": "17"}},
            {"config": {}}, 7
        ]});
        let found = vended(&answer, &config);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].prefix.as_str(), found[0].expires_at_ms), ("s3://b/t", Some(17)));
        let found = vended(&json!({"storage-credentials": []}), &config);
        assert_eq!((found[0].prefix.as_str(), found[0].expires_at_ms), ("s3", None));
    }

    #[test]
    fn properties_without_expiring_secrets_are_no_credentials() {
        let config = BTreeMap::from([("s3.endpoint".to_owned(), "http://x".to_owned())]);
        assert!(vended(&json!({"storage-credentials": "none"}), &config).is_empty());
    }

    #[test]
    fn shared_access_tokens_are_named_by_account() {
        let config = BTreeMap::from([
            ("adls.sas-token.acc.dfs.core.windows.net".to_owned(), "sig".to_owned()),
            ("adls.sas-token-expires-at-ms.acc.dfs.core.windows.net".to_owned(), "99".to_owned()),
        ]);
        let found = vended(&json!({}), &config);
        assert_eq!((found[0].prefix.as_str(), found[0].expires_at_ms), ("abfss", Some(99)));
    }
}

//! Azure storage (Blob, and Data Lake Storage Gen2 through its Blob endpoint): from properties to a store of one
//! container.

use std::collections::BTreeMap;
use std::sync::Arc;

use object_store::azure::{AzureAccessKey, AzureCredential, MicrosoftAzureBuilder};
use object_store::{ClientOptions, StaticCredentialProvider};

use super::properties::{Endpoint, Properties, check_name};
use crate::{Result, TableError};

/// Another server than the account's: an emulator, or a private endpoint.
pub(super) const ENDPOINT: &[&str] = &["adls.endpoint"];
const ACCOUNT: &[&str] = &["adls.account-name", "adls.auth.shared-key.account.name"];
/// The cloud that is meant if a path does not name a host.
const PUBLIC_CLOUD: &str = "core.windows.net";

/// Account, container and server that `container@account.dfs.core.windows.net`, or `container` alone, stands for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) account: String,
    pub(super) container: String,
    /// Of the Blob service; what the library talks to.
    pub(super) endpoint: Endpoint,
}

/// Takes the authority of a path apart.
///
/// # Errors
/// [`TableError::InvalidRequest`] if the account is not named, or a name cannot be.
pub(super) fn target(authority: &str, properties: &Properties) -> Result<Target> {
    let (container, host) = match authority.split_once('@') {
        Some((container, host)) => (container, Some(host)),
        None => (authority, None),
    };
    let (account, cloud) = match host {
        Some(host) => match host.split_once(".dfs.").or_else(|| host.split_once(".blob.")) {
            Some((account, cloud)) => (Some(account), cloud),
            // A host of its own: the account is its first label, if the properties name no other.
            None => (properties.token(ACCOUNT)?.or(host.split(['.', ':']).next()), PUBLIC_CLOUD),
        },
        None => (None, PUBLIC_CLOUD),
    };
    let account = match account.or(properties.token(ACCOUNT)?) {
        Some(account) => account.to_owned(),
        None => connection(properties, None).get("AccountName").cloned().ok_or_else(|| {
            TableError::invalid(
                "the path names no storage account; write it as `abfss://container@account.dfs.core.windows.net/…`, or \
                 set adls.account-name",
            )
        })?,
    };
    check_name("container", container)?;
    check_name("storage account", &account)?;
    check_name("cloud", cloud)?;
    let given = properties.endpoint(ENDPOINT)?.or(given_host(&account, properties)?);
    let endpoint =
        given.unwrap_or_else(|| Endpoint { url: format!("https://{account}.blob.{cloud}"), is_plain: false });
    Ok(Target { account, container: container.to_owned(), endpoint })
}

/// The server by the names that pyiceberg has, or of a connection string.
fn given_host(account: &str, properties: &Properties) -> Result<Option<Endpoint>> {
    let connection = connection(properties, Some(account));
    let scheme = properties.token(&["adls.blob-storage-scheme"])?.unwrap_or("https");
    let url = match properties.token(&["adls.blob-storage-authority", "adls.account-host"])? {
        Some(host) => format!("{scheme}://{host}"),
        None => match connection.get("BlobEndpoint") {
            Some(url) => url.clone(),
            None => return Ok(None),
        },
    };
    let url = Properties::from(BTreeMap::from([("adls.blob-storage-authority".to_owned(), url)]));
    url.endpoint(&["adls.blob-storage-authority"])
}

/// What `properties` say of the container.
///
/// # Errors
/// [`TableError::InvalidRequest`] if a value cannot be.
pub(super) fn builder(
    target: &Target,
    properties: &Properties,
    client: ClientOptions,
) -> Result<MicrosoftAzureBuilder> {
    let mut builder = MicrosoftAzureBuilder::new()
        .with_account(&target.account)
        .with_container_name(&target.container)
        .with_endpoint(target.endpoint.url.clone())
        .with_client_options(client.with_allow_http(target.endpoint.is_plain));
    if is_anonymous(properties)? {
        return Ok(builder.with_skip_signature(true));
    }
    if let Some(credential) = credential(&target.account, properties)? {
        return Ok(builder.with_credentials(Arc::new(StaticCredentialProvider::new(credential))));
    }
    if let Some(id) = properties.token(&["adls.client-id"])? {
        builder = builder.with_client_id(id);
    }
    if let Some(secret) = properties.token(&["adls.client-secret"])? {
        builder = builder.with_client_secret(secret);
    }
    if let Some(tenant) = properties.token(&["adls.tenant-id"])? {
        builder = builder.with_tenant_id(tenant);
    }
    if let Some(path) = properties.text(&["adls.federated-token-file"]) {
        builder = builder.with_federated_token_file(path);
    }
    if let Some(Endpoint { url, .. }) = properties.endpoint(&["adls.authority-host"])? {
        builder = builder.with_authority_host(url);
    }
    if let Some(Endpoint { url, .. }) = properties.endpoint(METADATA_ENDPOINT)? {
        builder = builder.with_msi_endpoint(url);
    }
    Ok(builder)
}

/// Where a machine in the cloud asks for credentials.
pub(super) const METADATA_ENDPOINT: &[&str] = &["adls.metadata-endpoint"];

/// No request is signed.
///
/// # Errors
/// [`TableError::InvalidRequest`] for a value that is no flag.
pub(super) fn is_anonymous(properties: &Properties) -> Result<bool> {
    Ok(properties.flag(&["adls.anonymous"])?.unwrap_or(false))
}

/// Token, shared access signature or key that the properties give for an account. `None` if they give none.
///
/// # Errors
/// [`TableError::InvalidRequest`] if it cannot be used.
pub(super) fn credential(account: &str, properties: &Properties) -> Result<Option<AzureCredential>> {
    if let Some(token) = properties.token(&["adls.token"])? {
        return Ok(Some(AzureCredential::BearerToken(token.to_owned())));
    }
    // A catalog vends signatures under the account's host name.
    let of_account = properties
        .under("adls.sas-token.")
        .find(|(name, value)| !value.is_empty() && (*name == account || name.split('.').next() == Some(account)));
    let connection = connection(properties, Some(account));
    let signature = of_account
        .map(|(_, value)| value)
        .or(properties.text(&["adls.sas-token"]))
        .or(connection.get("SharedAccessSignature").map(String::as_str));
    if let Some(signature) = signature {
        return signature_pairs(signature).map(|pairs| Some(AzureCredential::SASToken(pairs)));
    }
    let key = properties
        .text(&["adls.account-key", "adls.auth.shared-key.account.key"])
        .or(connection.get("AccountKey").map(String::as_str));
    match key {
        Some(key) => {
            let key = AzureAccessKey::try_new(key)
                .map_err(|_| TableError::invalid("storage property `adls.account-key` is no base64 text"))?;
            Ok(Some(AzureCredential::AccessKey(key)))
        }
        None => Ok(None),
    }
}

/// `sv=…&sig=…`, its values decoded, since they are encoded again when they are sent.
fn signature_pairs(signature: &str) -> Result<Vec<(String, String)>> {
    let wrong = || TableError::invalid("storage property `adls.sas-token` is no text such as `sv=…&sig=…`");
    let query = signature.trim_start_matches('?');
    // The URL library decodes as forms do, where `+` is a space; a signature's `+` may be as it is.
    let url = reqwest::Url::parse(&format!("https://x/?{}", query.replace('+', "%2B"))).map_err(|_| wrong())?;
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    if !pairs.iter().any(|(name, value)| name == "sig" && !value.is_empty()) {
        return Err(wrong());
    }
    Ok(pairs)
}

/// The parts of a connection string.
fn connection(properties: &Properties, account: Option<&str>) -> BTreeMap<String, String> {
    let of_account = account.and_then(|account| {
        let mut all = properties.under("adls.connection-string.");
        all.find(|(name, _)| *name == account || name.split('.').next() == Some(account)).map(|(_, value)| value)
    });
    let text = of_account.or(properties.text(&["adls.connection-string"])).unwrap_or_default();
    let parts = text.split(';').filter_map(|part| part.trim().split_once('='));
    parts.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

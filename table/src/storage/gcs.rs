//! Google Cloud Storage: from properties to a store of one bucket.

use std::sync::Arc;

use object_store::gcp::{GcpCredential, GoogleCloudStorageBuilder};
use object_store::{ClientOptions, HeaderMap, HeaderValue, StaticCredentialProvider};

use super::properties::{Endpoint, Properties, check_name};
use crate::{Result, TableError};

/// Another host than Google's: an emulator, or a private endpoint.
pub(super) const ENDPOINT: &[&str] = &["gcs.service.host", "gcs.endpoint"];
const TOKEN: &[&str] = &["gcs.oauth2.token"];

/// What `properties` say of `bucket`.
///
/// # Errors
/// [`TableError::InvalidRequest`] if a value cannot be.
pub(super) fn builder(
    bucket: &str,
    properties: &Properties,
    client: ClientOptions,
) -> Result<GoogleCloudStorageBuilder> {
    check_name("bucket", bucket)?;
    let endpoint = properties.endpoint(ENDPOINT)?;
    let is_plain = endpoint.as_ref().is_some_and(|endpoint| endpoint.is_plain);
    let mut client = client.with_allow_http(is_plain);
    if let Some(project) = properties.token(&["gcs.user-project"])? {
        let value = HeaderValue::from_str(project).map_err(TableError::invalid)?;
        client = client.with_default_headers(HeaderMap::from_iter(
            [(USER_PROJECT, value)].map(|(name, value)| (reqwest::header::HeaderName::from_static(name), value)),
        ));
    }
    let mut builder = GoogleCloudStorageBuilder::new().with_bucket_name(bucket).with_client_options(client);
    if let Some(Endpoint { url, .. }) = endpoint {
        builder = builder.with_base_url(&url);
    }
    if is_anonymous(properties)? {
        // Without a provider of its own the library would look for credentials all the same.
        let nobody = GcpCredential { bearer: String::new() };
        return Ok(builder.with_skip_signature(true).with_credentials(Arc::new(StaticCredentialProvider::new(nobody))));
    }
    if let Some(token) = token(properties)? {
        return Ok(builder.with_credentials(Arc::new(StaticCredentialProvider::new(token))));
    }
    if let Some(key) = properties.text(&["gcs.service-account-key"]) {
        builder = builder.with_service_account_key(key);
    } else if let Some(path) = properties.text(&["gcs.application-credentials"]) {
        builder = builder.with_application_credentials(path);
    }
    Ok(builder)
}

/// The header by which the project is charged that asks, not the one that owns the bucket.
const USER_PROJECT: &str = "x-goog-user-project";

/// No request is signed.
///
/// # Errors
/// [`TableError::InvalidRequest`] for a value that is no flag.
pub(super) fn is_anonymous(properties: &Properties) -> Result<bool> {
    Ok(properties.flag(&["gcs.no-auth", "gcs.anonymous"])?.unwrap_or(false))
}

/// The token that the properties give. `None` if they give none.
///
/// # Errors
/// [`TableError::InvalidRequest`] if it cannot be sent.
pub(super) fn token(properties: &Properties) -> Result<Option<GcpCredential>> {
    Ok(properties.token(TOKEN)?.map(|token| GcpCredential { bearer: token.to_owned() }))
}

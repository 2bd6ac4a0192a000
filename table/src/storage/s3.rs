//! S3 and what speaks its protocol: from properties to a store of one bucket.

use std::sync::Arc;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, AwsCredential};
use object_store::{ClientOptions, StaticCredentialProvider};

use super::properties::{Endpoint, Properties, check_name};
use super::sts::Role;
use crate::{Result, TableError};

/// Where requests are sent to if neither a region nor an endpoint says where, and what is signed for where an
/// endpoint has no regions.
const REGION_DEFAULT: &str = "us-east-1";

const REGION: &[&str] = &["s3.region", "client.region"];
pub(super) const ENDPOINT: &[&str] = &["s3.endpoint"];
const ACCESS_KEY: &[&str] = &["s3.access-key-id", "client.access-key-id"];
const SECRET_KEY: &[&str] = &["s3.secret-access-key", "client.secret-access-key"];
const SESSION_TOKEN: &[&str] = &["s3.session-token", "client.session-token"];
const ROLE_ARN: &[&str] = &["s3.role-arn", "client.role-arn", "client.assume-role.arn"];
const ROLE_SESSION_NAME: &[&str] =
    &["s3.role-session-name", "client.role-session-name", "client.assume-role.session-name"];
const WEB_IDENTITY_TOKEN_FILE: &[&str] = &["s3.web-identity-token-file"];
const STS_ENDPOINT: &[&str] = &["s3.sts-endpoint"];
const CONTAINER_FULL_URI: &[&str] = &["s3.container-credentials-full-uri"];
/// Where a machine in the cloud asks for credentials.
pub(super) const METADATA_ENDPOINT: &[&str] = &["s3.metadata-endpoint"];

/// What `properties` say of `bucket`. `region` is where the bucket is, if it was asked.
///
/// # Errors
/// [`TableError::InvalidRequest`] if a value cannot be, or one is missing that another needs.
pub(super) fn builder(
    bucket: &str,
    region: Option<&str>,
    properties: &Properties,
    client: ClientOptions,
) -> Result<AmazonS3Builder> {
    check_name("bucket", bucket)?;
    let endpoint = properties.endpoint(ENDPOINT)?;
    let is_plain = endpoint.as_ref().is_some_and(|endpoint| endpoint.is_plain);
    let is_virtual_hosted = is_virtual_hosted(bucket, properties)?;
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_client_options(client.with_allow_http(is_plain))
        .with_virtual_hosted_style_request(is_virtual_hosted);
    if let Some(Endpoint { url, .. }) = endpoint {
        builder = builder.with_endpoint(if is_virtual_hosted { with_bucket_in_host(&url, bucket) } else { url });
    }
    let region = properties.text(REGION).or(region).unwrap_or(REGION_DEFAULT);
    check_name("region", region)?;
    with_credentials(builder.with_region(region), properties)
}

/// Neither a region nor an endpoint is named: the bucket has to be asked where it is.
pub(super) fn lacks_region(properties: &Properties) -> bool {
    properties.text(REGION).is_none() && properties.text(ENDPOINT).is_none()
}

/// No request is signed.
///
/// # Errors
/// [`TableError::InvalidRequest`] for a value that is no flag.
pub(super) fn is_anonymous(properties: &Properties) -> Result<bool> {
    Ok(properties.flag(&["s3.anonymous"])?.unwrap_or(false))
}

/// Keys that the properties give. `None` if they give none.
///
/// # Errors
/// [`TableError::InvalidRequest`] if one of two is missing, or a value cannot be sent.
pub(super) fn keys(properties: &Properties) -> Result<Option<AwsCredential>> {
    match (properties.token(ACCESS_KEY)?, properties.token(SECRET_KEY)?) {
        (Some(key_id), Some(secret_key)) => Ok(Some(AwsCredential {
            key_id: key_id.to_owned(),
            secret_key: secret_key.to_owned(),
            token: properties.token(SESSION_TOKEN)?.map(str::to_owned),
        })),
        (Some(_), None) => Err(half_of_a_pair("s3.access-key-id", "s3.secret-access-key")),
        (None, Some(_)) => Err(half_of_a_pair("s3.secret-access-key", "s3.access-key-id")),
        (None, None) => Ok(None),
    }
}

/// In this order: none, keys, a token file with a role, the container's, the machine's.
fn with_credentials(mut builder: AmazonS3Builder, properties: &Properties) -> Result<AmazonS3Builder> {
    if is_anonymous(properties)? {
        return Ok(builder.with_skip_signature(true));
    }
    if let Some(keys) = keys(properties)? {
        return Ok(builder.with_credentials(Arc::new(StaticCredentialProvider::new(keys))));
    }
    let sts_endpoint = properties.endpoint(STS_ENDPOINT)?.map(|endpoint| endpoint.url);
    let metadata_endpoint = properties.endpoint(METADATA_ENDPOINT)?.map(|endpoint| endpoint.url);
    let container_uri = properties.endpoint(CONTAINER_FULL_URI)?.map(|endpoint| endpoint.url);
    let values = [
        (AmazonS3ConfigKey::WebIdentityTokenFile, properties.text(WEB_IDENTITY_TOKEN_FILE)),
        (AmazonS3ConfigKey::RoleArn, properties.token(ROLE_ARN)?),
        (AmazonS3ConfigKey::RoleSessionName, properties.token(ROLE_SESSION_NAME)?),
        (AmazonS3ConfigKey::StsEndpoint, sts_endpoint.as_deref()),
        (AmazonS3ConfigKey::MetadataEndpoint, metadata_endpoint.as_deref()),
        (
            AmazonS3ConfigKey::ContainerCredentialsRelativeUri,
            properties.token(&["s3.container-credentials-relative-uri"])?,
        ),
        (AmazonS3ConfigKey::ContainerCredentialsFullUri, container_uri.as_deref()),
        (
            AmazonS3ConfigKey::ContainerAuthorizationTokenFile,
            properties.text(&["s3.container-authorization-token-file"]),
        ),
    ];
    for (key, value) in values {
        if let Some(value) = value {
            builder = builder.with_config(key, value);
        }
    }
    Ok(builder)
}

/// The role to take on with the credentials that the properties give otherwise. `None` if there is none, or a token
/// file takes their place.
///
/// # Errors
/// [`TableError::InvalidRequest`] if a value cannot be.
pub(super) fn role(properties: &Properties, region: Option<&str>) -> Result<Option<Role>> {
    let Some(arn) = properties.token(ROLE_ARN)? else { return Ok(None) };
    if is_anonymous(properties)? || properties.text(WEB_IDENTITY_TOKEN_FILE).is_some() {
        return Ok(None);
    }
    let region = properties.text(&["client.assume-role.region"]).or(properties.text(REGION)).or(region);
    let region = region.unwrap_or(REGION_DEFAULT);
    check_name("region", region)?;
    Ok(Some(Role {
        arn: arn.to_owned(),
        session_name: properties.token(ROLE_SESSION_NAME)?.unwrap_or("frazil").to_owned(),
        external_id: properties.token(&["client.assume-role.external-id"])?.map(str::to_owned),
        region: region.to_owned(),
        endpoint: properties.endpoint(STS_ENDPOINT)?.map(|endpoint| endpoint.url),
    }))
}

fn half_of_a_pair(given: &str, missing: &str) -> TableError {
    TableError::invalid(format!("storage property `{given}` is set but `{missing}` is not; set both, or neither"))
}

/// The bucket is part of the host name. Amazon wants that, where the name can be one label of a certificate;
/// other servers seldom offer it.
fn is_virtual_hosted(bucket: &str, properties: &Properties) -> Result<bool> {
    if let Some(forced) = properties.flag(&["s3.force-virtual-addressing"])? {
        return Ok(forced);
    }
    if let Some(is_path_style) = properties.flag(&["s3.path-style-access"])? {
        return Ok(!is_path_style);
    }
    Ok(properties.text(ENDPOINT).is_none() && !bucket.contains('.'))
}

fn with_bucket_in_host(endpoint: &str, bucket: &str) -> String {
    match endpoint.trim_end_matches('/').split_once("://") {
        Some((scheme, host)) => format!("{scheme}://{bucket}.{host}"),
        None => endpoint.to_owned(),
    }
}

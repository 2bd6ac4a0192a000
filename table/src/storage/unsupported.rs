//! Properties that change what a store means, and that are not offered: they are refused by name. Others that are
//! not known are left alone.

use tracing::debug;

use super::location::RemoteKind;
use super::properties::Properties;
use crate::{Result, TableError};

/// When a property is refused.
#[derive(Debug, Clone, Copy)]
enum When {
    /// Whatever its value.
    Set,
    /// Unless it is `false`.
    On,
    /// If its value contains this.
    Contains(&'static str),
}

const VENDED: &str = "let the catalog vend credentials instead";

/// Kind of store, name (a `*` at its end stands for any rest), when, what it would do, what to do instead.
const REFUSED: &[(RemoteKind, &str, When, &str, &str)] = &[
    (RemoteKind::S3, "s3.remote-signing-enabled", When::On, "lets the catalog sign every request", VENDED),
    (RemoteKind::S3, "s3.signer", When::Set, "lets another service sign every request", VENDED),
    (RemoteKind::S3, "s3.access-grants.enabled", When::On, "asks S3 Access Grants for credentials", VENDED),
    (RemoteKind::S3, "s3.access-points.*", When::Set, "replaces buckets by access points", "use --path-map for that"),
    (
        RemoteKind::S3,
        "s3.sse.type",
        When::Contains("custom"),
        "encrypts objects with a key of the client (SSE-C)",
        "copy the table to a bucket that encrypts by itself",
    ),
    (
        RemoteKind::S3,
        "client.factory",
        When::Contains("LakeFormation"),
        "asks Lake Formation for credentials",
        "use a REST catalog that vends them",
    ),
    (
        RemoteKind::Gcs,
        "gcs.decryption-key",
        When::Set,
        "decrypts objects with a key of the client",
        "copy the table to a bucket that encrypts by itself",
    ),
    (
        RemoteKind::Gcs,
        "gcs.impersonate*",
        When::Set,
        "takes another account's identity",
        "set that account's gcs.oauth2.token",
    ),
    (RemoteKind::Hdfs, "hdfs.user", When::Set, "sets the user", "set HADOOP_USER_NAME in the environment for that"),
    (
        RemoteKind::Hdfs,
        "hdfs.kerberos_ticket",
        When::Set,
        "names a cache of Kerberos tickets",
        "set KRB5CCNAME in the environment for that",
    ),
];

/// Looks for properties of `kind` that cannot be followed.
///
/// # Errors
/// [`TableError::InvalidRequest`] that names the first one.
pub(super) fn check(kind: RemoteKind, properties: &Properties) -> Result<()> {
    for (_, name, when, effect, remedy) in REFUSED.iter().filter(|(of, ..)| *of == kind) {
        let given = match name.strip_suffix('*') {
            Some(prefix) => properties.names().find(|given| given.starts_with(prefix)),
            None => Some(*name),
        };
        let Some((given, value)) = given.and_then(|given| Some((given, properties.text(&[given])?))) else { continue };
        let is_refused = match when {
            When::Set => true,
            When::On => !value.eq_ignore_ascii_case("false"),
            When::Contains(word) => value.contains(word),
        };
        if is_refused {
            return Err(TableError::invalid(format!(
                "storage property `{given}` is not offered: it {effect}; remove it, and {remedy}"
            )));
        }
    }
    Ok(())
}

/// How the names of properties begin that stores of a kind understand.
const PREFIXES: &[(RemoteKind, &str)] =
    &[(RemoteKind::S3, "s3."), (RemoteKind::Gcs, "gcs."), (RemoteKind::Azure, "adls."), (RemoteKind::Hdfs, "hdfs.")];

/// Names, beside those read from elsewhere, that are understood; a `*` at the end stands for any rest.
const KNOWN: &[&str] = &[
    "s3.access-key-id",
    "s3.anonymous",
    "s3.ca-bundle",
    "s3.connect-timeout",
    "s3.container-*",
    "s3.endpoint",
    "s3.force-virtual-addressing",
    "s3.metadata-endpoint",
    "s3.path-style-access",
    "s3.region",
    "s3.request-timeout",
    "s3.retry.num-retries",
    "s3.role-arn",
    "s3.role-session-name",
    "s3.secret-access-key",
    "s3.session-token",
    "s3.sts-endpoint",
    "s3.web-identity-token-file",
    "gcs.anonymous",
    "gcs.application-credentials",
    "gcs.endpoint",
    "gcs.no-auth",
    "gcs.oauth2.token",
    "gcs.service-account-key",
    "gcs.service.host",
    "gcs.user-project",
    "adls.account-host",
    "adls.account-key",
    "adls.account-name",
    "adls.anonymous",
    "adls.auth.*",
    "adls.authority-host",
    "adls.blob-storage-authority",
    "adls.blob-storage-scheme",
    "adls.client-id",
    "adls.client-secret",
    "adls.connection-string*",
    "adls.endpoint",
    "adls.federated-token-file",
    "adls.metadata-endpoint",
    "adls.sas-token*",
    "adls.tenant-id",
    "adls.token",
    "hdfs.host",
    "hdfs.port",
];

/// Logs which properties of `kind` have no effect.
pub(super) fn log_ignored(kind: RemoteKind, properties: &Properties) {
    let is_known = |name: &str| {
        KNOWN.iter().any(|known| known.strip_suffix('*').map_or(name == *known, |start| name.starts_with(start)))
    };
    for (_, prefix) in PREFIXES.iter().filter(|(of, _)| *of == kind) {
        for name in properties.names().filter(|name| name.starts_with(prefix) && !is_known(name)) {
            debug!(name, "storage property has no effect");
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeMap;

    use rstest::rstest;

    use super::*;

    fn checked(kind: RemoteKind, name: &str, value: &str) -> Result<()> {
        check(kind, &BTreeMap::from([(name.to_owned(), value.to_owned())]).into())
    }

    #[rstest]
    #[case(RemoteKind::S3, "s3.remote-signing-enabled", "true")]
    #[case(RemoteKind::S3, "s3.signer", "S3V4RestSigner")]
    #[case(RemoteKind::S3, "s3.access-points.my-bucket", "arn:x")]
    #[case(RemoteKind::S3, "s3.sse.type", "custom")]
    #[case(RemoteKind::S3, "client.factory", "org.apache.iceberg.aws.lakeformation.LakeFormationAwsClientFactory")]
    #[case(RemoteKind::Gcs, "gcs.decryption-key", "x")]
    #[case(RemoteKind::Gcs, "gcs.impersonate.service-account", "x")]
    fn what_changes_the_meaning_is_refused_by_name(#[case] kind: RemoteKind, #[case] name: &str, #[case] value: &str) {
        let error = checked(kind, name, value).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("; remove it, and "), "{error}");
    }

    #[rstest]
    #[case(RemoteKind::S3, "s3.remote-signing-enabled", "false")]
    #[case(RemoteKind::S3, "s3.sse.type", "kms")]
    #[case(RemoteKind::S3, "s3.write.tags.x", "y")]
    #[case(RemoteKind::S3, "gcs.decryption-key", "x")]
    #[case(RemoteKind::Gcs, "s3.signer", "x")]
    fn what_has_no_effect_on_reading_is_left_alone(#[case] kind: RemoteKind, #[case] name: &str, #[case] value: &str) {
        checked(kind, name, value).unwrap();
    }
}

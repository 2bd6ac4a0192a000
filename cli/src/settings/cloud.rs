//! The standard variables of clouds, as properties of stores.

use std::collections::BTreeMap;

use super::Environment;

/// Variables and the properties that they are; of several for one property the first counts.
const VARIABLES: [(&str, &str); 31] = [
    ("AWS_ACCESS_KEY_ID", "s3.access-key-id"),
    ("AWS_SECRET_ACCESS_KEY", "s3.secret-access-key"),
    ("AWS_SESSION_TOKEN", "s3.session-token"),
    ("AWS_REGION", "client.region"),
    ("AWS_DEFAULT_REGION", "client.region"),
    ("AWS_ENDPOINT_URL_S3", "s3.endpoint"),
    ("AWS_ENDPOINT_URL", "s3.endpoint"),
    ("AWS_ENDPOINT_URL_STS", "s3.sts-endpoint"),
    ("AWS_ROLE_SESSION_NAME", "s3.role-session-name"),
    ("AWS_WEB_IDENTITY_TOKEN_FILE", "s3.web-identity-token-file"),
    ("AWS_ROLE_ARN", "s3.role-arn"),
    ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "s3.container-credentials-relative-uri"),
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "s3.container-credentials-full-uri"),
    ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "s3.container-authorization-token-file"),
    ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "s3.metadata-endpoint"),
    ("AWS_CA_BUNDLE", "s3.ca-bundle"),
    ("GOOGLE_APPLICATION_CREDENTIALS", "gcs.application-credentials"),
    ("GOOGLE_SERVICE_ACCOUNT_KEY", "gcs.service-account-key"),
    ("STORAGE_EMULATOR_HOST", "gcs.service.host"),
    ("AZURE_STORAGE_ACCOUNT_NAME", "adls.account-name"),
    ("AZURE_STORAGE_ACCOUNT", "adls.account-name"),
    ("AZURE_STORAGE_ACCOUNT_KEY", "adls.account-key"),
    ("AZURE_STORAGE_KEY", "adls.account-key"),
    ("AZURE_STORAGE_CONNECTION_STRING", "adls.connection-string"),
    ("AZURE_STORAGE_SAS_TOKEN", "adls.sas-token"),
    ("AZURE_CLIENT_ID", "adls.client-id"),
    ("AZURE_CLIENT_SECRET", "adls.client-secret"),
    ("AZURE_TENANT_ID", "adls.tenant-id"),
    ("AZURE_FEDERATED_TOKEN_FILE", "adls.federated-token-file"),
    ("AZURE_AUTHORITY_HOST", "adls.authority-host"),
    ("AZURE_STORAGE_ENDPOINT", "adls.endpoint"),
];

/// Properties that together say who asks: one of them in settings means that none is taken from elsewhere.
const IDENTITIES: [&[&str]; 3] = [
    &[
        "s3.access-key-id",
        "s3.secret-access-key",
        "s3.session-token",
        "client.access-key-id",
        "client.secret-access-key",
        "client.session-token",
        "s3.anonymous",
        "s3.profile-name",
        "s3.role-arn",
        "s3.web-identity-token-file",
        "s3.container-credentials-relative-uri",
        "s3.container-credentials-full-uri",
    ],
    &["gcs.application-credentials", "gcs.service-account-key", "gcs.oauth2.token", "gcs.anonymous", "gcs.no-auth"],
    &[
        "adls.account-key",
        "adls.sas-token",
        "adls.connection-string",
        "adls.client-id",
        "adls.client-secret",
        "adls.tenant-id",
        "adls.federated-token-file",
        "adls.token",
        "adls.anonymous",
    ],
];

/// Properties that the environment names.
pub(super) fn properties(environment: &Environment) -> BTreeMap<String, String> {
    let mut properties = BTreeMap::new();
    for (variable, property) in VARIABLES {
        if let Some(value) = environment.filled(variable) {
            properties.entry(property.to_owned()).or_insert_with(|| value.to_owned());
        }
    }
    // A role without a token to take it on with is for a program that has keys; those go first.
    if !properties.contains_key("s3.web-identity-token-file") {
        properties.remove("s3.role-arn");
        properties.remove("s3.role-session-name");
    }
    properties
}

/// `own` over `general`; who asks comes from one of them and is never mixed.
pub(super) fn merged(general: &BTreeMap<String, String>, own: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut all = general.clone();
    for identity in IDENTITIES {
        let is_part = |name: &str| {
            identity
                .iter()
                .any(|part| name == *part || name.strip_prefix(part).is_some_and(|rest| rest.starts_with('.')))
        };
        if own.keys().any(|name| is_part(name)) {
            all.retain(|name, _| !is_part(name));
        }
    }
    all.extend(own.iter().map(|(name, value)| (name.clone(), value.clone())));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
        entries.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn variables_become_properties_and_the_first_counts() {
        let environment = Environment::for_tests(&[
            ("AWS_REGION", "eu-1"),
            ("AWS_DEFAULT_REGION", "us-1"),
            ("AWS_ENDPOINT_URL", "http://s"),
            ("AWS_ROLE_ARN", "arn"),
            ("AZURE_STORAGE_KEY", " k "),
            ("AWS_SESSION_TOKEN", ""),
        ]);
        assert_eq!(
            properties(&environment),
            map(&[("client.region", "eu-1"), ("s3.endpoint", "http://s"), ("adls.account-key", "k")])
        );
    }

    #[test]
    fn credentials_of_two_places_are_not_mixed() {
        let general = map(&[
            ("s3.access-key-id", "a"),
            ("s3.session-token", "t"),
            ("client.region", "r"),
            ("adls.account-key", "k"),
        ]);
        let own = map(&[("s3.access-key-id", "b"), ("s3.secret-access-key", "s"), ("adls.sas-token.acc", "sig")]);
        assert_eq!(
            merged(&general, &own),
            map(&[
                ("s3.access-key-id", "b"),
                ("s3.secret-access-key", "s"),
                ("client.region", "r"),
                ("adls.sas-token.acc", "sig")
            ])
        );
    }
}

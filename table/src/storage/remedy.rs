//! What to do about a store's refusal, in terms of the properties that make the store.

use super::answer::Answer;
use super::failure::Origin;
use super::location::RemoteKind;

/// The answer says that the bucket, and not the file, does not exist.
pub(super) fn is_missing_bucket(answer: &Answer) -> bool {
    matches!(answer.code.as_str(), "NoSuchBucket" | "ContainerNotFound" | "FilesystemNotFound")
        || answer.message.contains("bucket does not exist")
}

/// The remedy that an answer's code or status asks for. `None` if it tells nothing.
pub(super) fn of_answer(origin: &Origin, answer: &Answer) -> Option<String> {
    if answer.is_page {
        return Some(unclear(origin));
    }
    if is_missing_bucket(answer) {
        return Some(format!("`{}` does not exist there: check its name{}", origin.authority, endpoint_too(origin)));
    }
    match origin.kind {
        RemoteKind::S3 => s3(origin, answer),
        RemoteKind::Gcs => gcs(origin, answer),
        RemoteKind::Azure => azure(origin, answer),
        RemoteKind::Hdfs => None,
    }
}

fn s3(origin: &Origin, answer: &Answer) -> Option<String> {
    let region = || match &answer.region {
        Some(region) => format!("the bucket `{}` is in region `{region}`: set s3.region to that", origin.authority),
        None => format!("the bucket `{}` is in another region: set s3.region, or s3.endpoint", origin.authority),
    };
    Some(match answer.code.as_str() {
        "PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException" => region(),
        "RequestTimeTooSkewed" => match answer.ahead_seconds {
            Some(seconds) if seconds >= 0 => {
                format!("this machine's clock is {seconds} s ahead of the store's: set it")
            }
            Some(seconds) => format!("this machine's clock is {} s behind the store's: set it", -seconds),
            None => "this machine's clock differs from the store's: set it".to_owned(),
        },
        "InvalidAccessKeyId" => "the store does not know the access key: check s3.access-key-id".to_owned(),
        "SignatureDoesNotMatch" => {
            "the secret key does not belong to the access key: check s3.secret-access-key".to_owned()
        }
        "ExpiredToken" | "TokenRefreshRequired" | "ExpiredTokenException" | "RequestExpired" => {
            "the credentials have ended: get new ones for s3.access-key-id, s3.secret-access-key and s3.session-token"
                .to_owned()
        }
        "InvalidToken" => "check s3.session-token, which belongs to the access key it came with".to_owned(),
        _ => match answer.status {
            301 | 307 => region(),
            401 | 403 if origin.is_anonymous => {
                "no credentials were sent (s3.anonymous): set s3.access-key-id and s3.secret-access-key".to_owned()
            }
            401 | 403 => "these credentials may not do that: they need s3:GetObject on the file, and s3:ListBucket on \
                          the bucket, without which a missing file is refused too"
                .to_owned(),
            _ => return None,
        },
    })
}

fn gcs(origin: &Origin, answer: &Answer) -> Option<String> {
    Some(match answer.status {
        401 | 403 if origin.is_anonymous => {
            "no credentials were sent (gcs.no-auth): set gcs.oauth2.token or gcs.application-credentials".to_owned()
        }
        401 => {
            "the token is wrong or has ended: renew gcs.oauth2.token or check gcs.application-credentials".to_owned()
        }
        403 => "the account may not do that: it needs storage.objects.get on the bucket".to_owned(),
        400 if answer.code == "invalid_grant" => {
            "Google does not accept the account's key: check gcs.application-credentials and this machine's clock"
                .to_owned()
        }
        _ => return None,
    })
}

fn azure(origin: &Origin, answer: &Answer) -> Option<String> {
    Some(match answer.code.as_str() {
        "AuthenticationFailed" | "InvalidAuthenticationInfo" => {
            "the key or token is wrong or has ended: check adls.account-key, adls.sas-token, or the client secret, and \
             this machine's clock"
                .to_owned()
        }
        "AuthorizationPermissionMismatch" | "AuthorizationFailure" | "InsufficientAccountPermissions" => {
            "the identity may not do that: it needs the role Storage Blob Data Reader".to_owned()
        }
        "AccountIsDisabled" => "enable the storage account".to_owned(),
        _ => match answer.status {
            401 | 403 | 404 | 409 if origin.is_anonymous => {
                "no credentials were sent (adls.anonymous): set adls.account-key or another".to_owned()
            }
            401 | 403 => {
                "check adls.account-key, adls.sas-token, or the client secret, and what they may do".to_owned()
            }
            _ => return None,
        },
    })
}

/// No credentials were found.
pub(super) fn no_credentials(origin: &Origin) -> String {
    match origin.kind {
        RemoteKind::S3 => {
            "set s3.access-key-id and s3.secret-access-key (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY or a \
                           profile), or s3.anonymous=true for a public bucket"
        }
        RemoteKind::Gcs => {
            "set gcs.oauth2.token or gcs.application-credentials (GOOGLE_APPLICATION_CREDENTIALS), or \
                            gcs.no-auth=true for a public bucket"
        }
        RemoteKind::Azure => {
            "set adls.account-key, adls.sas-token, or adls.tenant-id, adls.client-id and \
                              adls.client-secret"
        }
        RemoteKind::Hdfs => "set HADOOP_USER_NAME, or get a Kerberos ticket with kinit",
    }
    .to_owned()
}

/// TLS was not agreed on.
pub(super) fn untrusted(origin: &Origin) -> String {
    let name = endpoint_name(origin.kind);
    format!(
        "check {name}, or set storage.ca-bundle to a file with the certificate of the authority that signed the server's"
    )
}

/// The store refuses for a reason of its own.
pub(super) fn refused(origin: &Origin) -> String {
    format!("check the bucket's name and {}, and what the credentials may do", endpoint_name(origin.kind))
}

/// The store did not answer.
pub(super) fn unavailable(origin: &Origin) -> String {
    format!("check {} and the network, then try again", endpoint_name(origin.kind))
}

/// Something answered that is no store, or not one of this kind.
pub(super) fn unclear(origin: &Origin) -> String {
    format!("what answers is no {} server: check {}", origin.kind.name(), endpoint_name(origin.kind))
}

fn endpoint_name(kind: RemoteKind) -> &'static str {
    match kind {
        RemoteKind::S3 => "s3.endpoint",
        RemoteKind::Gcs => "gcs.service.host",
        RemoteKind::Azure => "the account's name and adls.endpoint",
        RemoteKind::Hdfs => "hdfs.host and hdfs.port",
    }
}

fn endpoint_too(origin: &Origin) -> String {
    match origin.endpoint {
        Some(_) => format!(", and {}", endpoint_name(origin.kind)),
        None => String::new(),
    }
}

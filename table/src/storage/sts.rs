//! Taking on a role: AWS's Security Token Service gives other credentials for those one has.

use std::fmt;
use std::sync::Arc;

use object_store::CredentialProvider;
use object_store::aws::{AwsAuthorizer, AwsCredential, AwsCredentialProvider};
use object_store::client::{HttpClient, HttpRequest, HttpRequestBody};
use tokio::sync::Mutex;

use super::answer::{Answer, element, parse_time};
use super::credentials::Clock;
use super::failure::innermost;
use crate::TableError;

/// How long the credentials are to hold.
const DURATION_SECONDS: &str = "3600";

/// They are asked for again this long before they end.
const RENEW_BEFORE_MS: i64 = 5 * 60 * 1_000;

/// Requests for one set of credentials.
const N_REQUESTS_MAX: usize = 2;

/// The role, and where it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Role {
    pub(super) arn: String,
    pub(super) session_name: String,
    pub(super) external_id: Option<String>,
    pub(super) region: String,
    /// URL of the service; `None` for the region's own.
    pub(super) endpoint: Option<String>,
}

/// Gives the credentials of a role.
pub(super) struct AssumeRole {
    pub(super) role: Role,
    /// Whose credentials the role is asked for with.
    pub(super) base: AwsCredentialProvider,
    pub(super) client: HttpClient,
    pub(super) clock: Clock,
    pub(super) current: Mutex<Option<(Arc<AwsCredential>, i64)>>,
}

impl fmt::Debug for AssumeRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AssumeRole").field("role", &self.role).finish_non_exhaustive()
    }
}

#[async_trait::async_trait]
impl CredentialProvider for AssumeRole {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        // One request at a time: who comes meanwhile waits for its answer.
        let mut current = self.current.lock().await;
        let now_ms = (self.clock)();
        if let Some((credential, end_ms)) = current.as_ref()
            && now_ms < end_ms - RENEW_BEFORE_MS
        {
            return Ok(Arc::clone(credential));
        }
        let base = self.base.get_credential().await?;
        let (credential, end_ms) = self.ask(&base).await.map_err(|cause| {
            let detail = format!(
                "the role `{}` cannot be taken on: {cause}; check s3.role-arn, and that the credentials may do it",
                self.role.arn
            );
            let error = TableError::StorageRefused { path: self.url(), detail };
            object_store::Error::Generic { store: "STS", source: Box::new(error) }
        })?;
        Ok(Arc::clone(&current.insert((Arc::new(credential), end_ms)).0))
    }
}

impl AssumeRole {
    fn url(&self) -> String {
        self.role.endpoint.clone().unwrap_or_else(|| format!("https://sts.{}.amazonaws.com", self.role.region))
    }

    async fn ask(&self, base: &AwsCredential) -> Result<(AwsCredential, i64), String> {
        let mut url = reqwest::Url::parse(&self.url()).map_err(|error| error.to_string())?;
        url.query_pairs_mut()
            .append_pair("Action", "AssumeRole")
            .append_pair("Version", "2011-06-15")
            .append_pair("DurationSeconds", DURATION_SECONDS)
            .append_pair("RoleArn", &self.role.arn)
            .append_pair("RoleSessionName", &self.role.session_name);
        if let Some(id) = &self.role.external_id {
            url.query_pairs_mut().append_pair("ExternalId", id);
        }
        let mut n_requests = 0;
        loop {
            let mut request = HttpRequest::new(HttpRequestBody::empty());
            *request.uri_mut() = url.as_str().parse().map_err(|_| "its URL cannot be".to_owned())?;
            AwsAuthorizer::new(base, "sts", &self.role.region).authorize(&mut request, None);
            n_requests += 1;
            let outcome = self.client.execute(request).await;
            let is_last = n_requests == N_REQUESTS_MAX;
            match outcome {
                Ok(response) if response.status().is_server_error() && !is_last => {}
                Ok(response) => {
                    let body = response.into_body().bytes().await.map_err(|error| innermost(&error))?;
                    return read(&String::from_utf8_lossy(&body));
                }
                Err(error) if is_last => return Err(innermost(&error)),
                Err(_) => {}
            }
        }
    }
}

/// The credentials in an answer.
fn read(body: &str) -> Result<(AwsCredential, i64), String> {
    if let Some(answer) = Answer::find(body) {
        return Err(answer.shown());
    }
    // What cannot stand in a header could not be sent.
    let text = |name| element(body, name).filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic()));
    let found = || {
        let credential = AwsCredential {
            key_id: text("AccessKeyId")?,
            secret_key: text("SecretAccessKey")?,
            token: Some(text("SessionToken")?),
        };
        Some((credential, parse_time(&text("Expiration")?)?.timestamp_millis()))
    };
    found().ok_or_else(|| "the answer has no credentials".to_owned())
}

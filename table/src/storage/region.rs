//! In which region a bucket of Amazon's is, asked of Amazon.

use object_store::client::{HttpClient, HttpErrorKind, HttpRequest, HttpRequestBody};
use reqwest::Method;
use tracing::debug;

use super::failure::innermost;
use crate::TableError;

/// Answers for buckets of all regions.
pub(super) const AMAZON: &str = "https://s3.us-east-1.amazonaws.com";

/// Why there is no region. Each text says what to do.
#[derive(Debug, thiserror::Error)]
pub(super) enum RegionError {
    #[error("the bucket `{0}` does not exist; check its name, or set s3.endpoint if it is not Amazon's")]
    NoBucket(String),
    #[error("the region of the bucket `{0}` was not told; set s3.region")]
    NoRegion(String),
    /// Later there may be an answer.
    #[error("the region of the bucket `{bucket}` could not be asked for: {cause}; set s3.region, or try again")]
    Unanswered { bucket: String, cause: String },
}

impl RegionError {
    pub(super) fn into_error(self, path: &str) -> TableError {
        let (path, detail) = (path.to_owned(), self.to_string());
        match self {
            Self::Unanswered { .. } => TableError::Storage { path, source: detail.into() },
            Self::NoBucket(_) | Self::NoRegion(_) => TableError::StorageRefused { path, detail },
        }
    }
}

/// Region of `bucket`, asked of the server at `base`. Nothing is signed: the answer has the region even where it
/// refuses.
///
/// # Errors
/// If the server does not answer, or not with a region.
pub(super) async fn of_bucket(
    client: &HttpClient,
    base: &str,
    bucket: &str,
    n_retries_max: usize,
) -> Result<String, RegionError> {
    let uri = format!("{base}/{bucket}").parse().map_err(|_| RegionError::NoBucket(bucket.to_owned()))?;
    let mut request = HttpRequest::new(HttpRequestBody::empty());
    *request.method_mut() = Method::HEAD;
    *request.uri_mut() = uri;
    let mut n_retries = 0;
    let response = loop {
        match client.execute(request.clone()).await {
            Ok(response) => break response,
            Err(error) if error.kind() != HttpErrorKind::Unknown && n_retries < n_retries_max.min(2) => n_retries += 1,
            Err(error) => {
                return Err(RegionError::Unanswered { bucket: bucket.to_owned(), cause: innermost(&error) });
            }
        }
    };
    let region = response.headers().get("x-amz-bucket-region").and_then(|value| value.to_str().ok());
    match region {
        Some(region) => {
            debug!(bucket, region, "region of the bucket asked");
            Ok(region.to_owned())
        }
        None if response.status() == reqwest::StatusCode::NOT_FOUND => Err(RegionError::NoBucket(bucket.to_owned())),
        None => Err(RegionError::NoRegion(bucket.to_owned())),
    }
}

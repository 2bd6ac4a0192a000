//! From a store's error to what it means, and to one line with cause and remedy.

use std::error::Error;

use object_store::client::{HttpError, HttpErrorKind};

use super::answer::Answer;
use super::location::RemoteKind;
use super::remedy;
use crate::TableError;

/// No credentials were given, and the cloud's metadata service gave none.
#[derive(Debug, thiserror::Error)]
#[error("no credentials, and none from the metadata service: {0}")]
pub(super) struct NoCredentials(pub(super) String);

/// A connection was made, but TLS was not agreed on.
#[derive(Debug, thiserror::Error)]
#[error("no TLS connection: {0}")]
pub(super) struct Untrusted(pub(super) String);

/// Text of the cause that an error ends with.
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    chain(error).last().map(ToString::to_string).unwrap_or_default()
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// What there is to know of a place behind a network, to word its failures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) kind: RemoteKind,
    /// Bucket; container and account; name node.
    pub(super) authority: String,
    /// URL of the endpoint; `None` for the cloud's own.
    pub(super) endpoint: Option<String>,
    pub(super) is_anonymous: bool,
}

/// What a failure means for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// There is no such file.
    Missing,
    /// The credentials have ended.
    Expired,
    /// The store does not do it, and will not do it later.
    Refused,
    /// The store did not answer, or has a fault.
    Unavailable,
    /// The answer is not what was asked for; a range beyond the end, or no store's answer.
    Unclear,
}

/// A store's error, looked through.
#[derive(Debug)]
pub(super) struct Failure {
    answer: Option<Answer>,
    verdict: Verdict,
    /// What happened, without a remedy.
    text: String,
    is_untrusted: bool,
    lacks_credentials: bool,
    /// The error of this crate that lies below, such as a catalog's that vends no credentials.
    inner: Option<String>,
}

impl Failure {
    pub(super) fn of(error: &object_store::Error) -> Self {
        let texts: Vec<String> = chain(error).map(ToString::to_string).collect();
        let answer = texts.iter().find_map(|text| Answer::find(text));
        let lacks_credentials = chain(error).any(|error| error.is::<NoCredentials>());
        let is_untrusted = chain(error).any(|error| error.is::<Untrusted>());
        let transport = chain(error).find_map(|error| error.downcast_ref::<HttpError>());
        let inner = chain(error).find_map(|error| error.downcast_ref::<TableError>()).map(ToString::to_string);
        let verdict = match (&answer, transport) {
            _ if lacks_credentials || is_untrusted => Verdict::Refused,
            (Some(answer), _) => verdict_of(answer),
            (None, _) if matches!(error, object_store::Error::NotFound { .. }) => Verdict::Missing,
            (None, Some(_)) => Verdict::Unavailable,
            (None, None) if inner.is_some() => Verdict::Refused,
            (None, None) if is_hdfs_unavailable(error) => Verdict::Unavailable,
            (None, None) => Verdict::Unclear,
        };
        let text = match (&answer, transport) {
            (Some(answer), _) => answer.shown(),
            (None, Some(error)) if error.kind() == HttpErrorKind::Timeout => {
                format!("no answer in time{}", after_requests(&texts))
            }
            (None, Some(error)) => format!("{}{}", innermost(error), after_requests(&texts)),
            (None, None) => innermost(error),
        };
        Self { answer, verdict, text, is_untrusted, lacks_credentials, inner }
    }

    pub(super) fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// The store, or what stands before it, said that it has not done what was asked. An answer that may come from
    /// something in between, or late, is none.
    pub(super) fn is_definite_refusal(&self) -> bool {
        let is_refusal =
            |answer: &Answer| matches!(answer.status, 400..=499) && !matches!(answer.status, 408 | 425 | 429);
        self.lacks_credentials
            || self.is_untrusted
            || self.inner.is_some()
            || self.answer.as_ref().is_some_and(is_refusal)
    }

    /// The error for the caller.
    pub(super) fn into_error(self, origin: &Origin, path: &str) -> TableError {
        let remedy = if let Some(inner) = &self.inner {
            return TableError::StorageRefused { path: path.to_owned(), detail: inner.clone() };
        } else if self.lacks_credentials {
            Some(remedy::no_credentials(origin))
        } else if self.is_untrusted {
            Some(remedy::untrusted(origin))
        } else {
            self.answer.as_ref().and_then(|answer| remedy::of_answer(origin, answer))
        };
        let what = match &origin.endpoint {
            Some(endpoint) => format!("{} at {endpoint}", origin.kind.name()),
            None => origin.kind.name().to_owned(),
        };
        match self.verdict {
            Verdict::Missing => TableError::FileMissing { path: path.to_owned() },
            Verdict::Expired | Verdict::Refused => {
                let remedy = remedy.unwrap_or_else(|| remedy::refused(origin));
                TableError::StorageRefused { path: path.to_owned(), detail: format!("{what}: {}; {remedy}", self.text) }
            }
            Verdict::Unavailable => {
                let remedy = remedy.unwrap_or_else(|| remedy::unavailable(origin));
                TableError::Storage { path: path.to_owned(), source: format!("{what}: {}; {remedy}", self.text).into() }
            }
            Verdict::Unclear => {
                let remedy = remedy::unclear(origin);
                TableError::Storage { path: path.to_owned(), source: format!("{what}: {}; {remedy}", self.text).into() }
            }
        }
    }
}

/// HDFS has a protocol of its own, in which no status says what kind of failure it is.
fn is_hdfs_unavailable(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::Generic { store: "HdfsObjectStore", .. })
        && chain(error).any(|error| error.is::<std::io::Error>())
}

fn verdict_of(answer: &Answer) -> Verdict {
    const EXPIRED: &[&str] = &["ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"];
    match answer.status {
        404 if remedy::is_missing_bucket(answer) || answer.is_page => Verdict::Refused,
        404 => Verdict::Missing,
        416 => Verdict::Unclear,
        _ if EXPIRED.contains(&answer.code.as_str()) => Verdict::Expired,
        401 => Verdict::Expired,
        408 | 429 | 500.. => Verdict::Unavailable,
        _ => Verdict::Refused,
    }
}

/// How often was asked, if the store's library tells.
fn after_requests(texts: &[String]) -> String {
    let n_retries = texts.iter().find_map(|text| {
        let (_, rest) = text.split_once(", after ")?;
        rest.split_once(" retries")?.0.parse::<u32>().ok()
    });
    n_retries.map(|n_retries| format!(" after {} requests", n_retries.saturating_add(1))).unwrap_or_default()
}

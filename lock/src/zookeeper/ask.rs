//! Requests that the loss of a connection does not end, and what the answers mean for the caller.

use std::time::Duration;

use zookeeper_client as zk;

use super::time;
use crate::LockError;

/// Before a request that went with its connection is sent on the next one.
const PAUSE: Duration = Duration::from_millis(20);
/// A request that is lost so often finds no service. The client itself gives up when the session must have ended.
const TRIES_MAX: usize = 100;

/// Repeats a request whose answer was lost. Whether the lost one was carried out is not known, so it is for requests
/// that may be.
///
/// A request that is made while there is no connection waits for one until the session ends.
pub(super) async fn retry<T, F>(mut request: impl FnMut() -> F) -> Result<T, zk::Error>
where
    F: Future<Output = Result<T, zk::Error>>,
{
    let mut n_tries = 0;
    loop {
        n_tries += 1;
        match request().await {
            Err(zk::Error::ConnectionLoss) if n_tries < TRIES_MAX => time::pause(PAUSE).await,
            answer => return answer,
        }
    }
}

/// The error for the caller: `what` was asked of the ensemble at `hosts`.
pub(super) fn failed(hosts: &str, what: &str, error: zk::Error) -> LockError {
    let service = hosts.to_owned();
    let detail = what.to_owned();
    match error {
        zk::Error::NoAuth | zk::Error::AuthFailed | zk::Error::InvalidAcl | zk::Error::QuotaExceeded => {
            LockError::Refused { service, detail, source: Some(error.into()) }
        }
        zk::Error::Unimplemented => LockError::Refused {
            service,
            detail: format!("{what}: this takes ZooKeeper 3.5 or newer"),
            source: Some(error.into()),
        },
        zk::Error::BadArguments(detail) => {
            LockError::Invalid(format!("lock service {service}, {what}: {detail}; correct the settings"))
        }
        _ => LockError::Unavailable { service, detail, source: Some(error.into()) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_tell_whether_it_helps_to_try_again() {
        let of = |error| failed("h:2181", "lock `t`", error);
        assert!(matches!(of(zk::Error::NoAuth), LockError::Refused { .. }));
        assert!(matches!(of(zk::Error::AuthFailed), LockError::Refused { .. }));
        assert!(matches!(of(zk::Error::BadArguments(&"x")), LockError::Invalid(_)));
        for error in [zk::Error::Timeout, zk::Error::ConnectionLoss, zk::Error::SessionExpired, zk::Error::NoHosts] {
            assert!(matches!(of(error), LockError::Unavailable { .. }));
        }
        let text = of(zk::Error::Timeout).to_string();
        assert_eq!(text, "lock service unavailable, service=`h:2181`: lock `t`");
    }

    #[tokio::test]
    async fn only_a_lost_connection_is_tried_again() {
        let mut answers = vec![Ok(7), Err(zk::Error::ConnectionLoss), Err(zk::Error::ConnectionLoss)];
        assert_eq!(retry(|| std::future::ready(answers.pop().unwrap())).await, Ok(7));
        let mut answers = vec![Ok(7), Err(zk::Error::SessionExpired)];
        assert_eq!(retry(|| std::future::ready(answers.pop().unwrap())).await, Err(zk::Error::SessionExpired));
    }
}

//! The pool for work that would hold up the async runtime: decoding, hashing, sorting.

use crate::{Result, TableError};

/// Runs `work` on the CPU pool and waits for it. Work over 500 µs belongs here, not on the runtime.
///
/// # Errors
/// [`TableError::Internal`] if `work` panicked: the fault stays with this one request.
pub async fn on_pool<T, F>(work: F) -> Result<T>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    let (send, receive) = tokio::sync::oneshot::channel();
    rayon::spawn(move || {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        // The receiver is gone if the request was cancelled; nobody wants the result then.
        let _ = send.send(outcome);
    });
    match receive.await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(_)) | Err(_) => Err(TableError::internal("a decoding task panicked")),
    }
}

//! The pool for work that would hold up the async runtime: decoding, hashing, sorting.

use std::any::Any;

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
        Ok(Err(payload)) => {
            Err(TableError::internal(format!("a decoding task panicked: {}", panic_message(payload.as_ref()))))
        }
        Err(_) => Err(TableError::internal("a decoding task ended without a result")),
    }
}

/// Whether the calling thread works for [`on_pool`]: a panic there is told by an error, so a program's panic hook
/// has nothing to add.
pub fn is_on_pool() -> bool {
    rayon::current_thread_index().is_some()
}

/// What a panic was about.
pub(crate) fn panic_message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("no message")
}

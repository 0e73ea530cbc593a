//! Blocking work (files, RSA) off the async threads, on any runtime.

/// Runs blocking work on a thread of its own pool and answers its result.
///
/// Dropping the future does not stop work that has begun: it runs to its end, so a commit begun this way either
/// completes or, if it had not begun, leaves nothing. A panic of the work is passed on.
pub async fn unblock<T, F>(work: F) -> T
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    ::blocking::unblock(work).await
}

//! Work for a worker thread, of whatever kind. Knows nothing of HTTP, nor of how programs are graded.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use sandbox_api::EngineKind;

use crate::SandboxError;
use crate::engine::Worker;

/// Offers work to idle worker threads: called with the most pieces that are of use, and with what makes one. Nothing is
/// made for threads that are busy.
pub(crate) type OfferWork<'a> = &'a dyn Fn(usize, &dyn Fn() -> Box<dyn QueuedWork>);

/// A request that a worker can serve.
pub(crate) trait Work: Send + Sync + 'static {
    /// The report on the request.
    type Report: Send + 'static;

    /// Serves the request; called once more where the first worker was lost.
    fn perform(
        self: &Arc<Self>,
        worker: &mut Worker,
        is_cancelled: &dyn Fn() -> bool,
        offer_work: OfferWork<'_>,
    ) -> Result<Self::Report, SandboxError>;
}

/// A piece of work in the queue, of whatever kind, with the way its report goes.
pub(crate) trait QueuedWork: Send {
    /// The engine that the work is for.
    fn engine(&self) -> EngineKind;

    /// True once nobody waits for the work.
    fn is_abandoned(&self) -> bool;

    /// Does the work and keeps its report. A panic costs the worker, and with it whatever was left half done.
    fn attempt(
        &mut self,
        worker: &mut Worker,
        is_cancelled: &dyn Fn() -> bool,
        offer_work: OfferWork<'_>,
    ) -> Result<(), SandboxError>;

    /// Sends the report that was kept, or the error.
    fn reply(self: Box<Self>, result: Result<(), SandboxError>);
}

/// The result that a caller waits for.
pub(crate) type ServedResult<R> = Result<R, SandboxError>;

/// Calls `work`; a panic becomes the loss of the worker.
pub(crate) fn catch_panic<T>(work: impl FnOnce() -> Result<T, SandboxError>) -> Result<T, SandboxError> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(SandboxError::WorkerLost("grading panicked; see the server's log".to_owned())))
}

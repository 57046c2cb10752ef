//! An entry of the queue, and a caller's request in it.

use std::sync::Arc;
use std::time::Instant;

use sandbox_api::EngineKind;
use tokio::sync::oneshot;

use super::work::{OfferWork, QueuedWork, ServedResult, Work, catch_panic};
use crate::SandboxError;
use crate::engine::Worker;

/// An entry of the queue.
pub(super) struct Ticket {
    pub id: u64,
    pub deadline: Option<Instant>,
    /// Since when the caller waits; `None` for help with another ticket of the same id.
    pub queued: Option<Instant>,
    pub work: Box<dyn QueuedWork>,
}

/// A request in the queue, whose caller waits at the other end of a channel.
pub(super) struct QueuedRequest<W: Work> {
    request: Arc<W>,
    engine: EngineKind,
    report: Option<W::Report>,
    reply: oneshot::Sender<ServedResult<W::Report>>,
}

impl<W: Work> QueuedRequest<W> {
    pub(super) fn new(request: Arc<W>, engine: EngineKind) -> (Self, oneshot::Receiver<ServedResult<W::Report>>) {
        let (reply, receiver) = oneshot::channel();
        (Self { request, engine, report: None, reply }, receiver)
    }
}

impl<W: Work> QueuedWork for QueuedRequest<W> {
    fn engine(&self) -> EngineKind {
        self.engine
    }

    fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn attempt(
        &mut self,
        worker: &mut Worker,
        is_cancelled: &dyn Fn() -> bool,
        offer_work: OfferWork<'_>,
    ) -> Result<(), SandboxError> {
        let (request, reply) = (&self.request, &self.reply);
        let is_cancelled = || reply.is_closed() || is_cancelled();
        self.report = Some(catch_panic(|| request.perform(worker, &is_cancelled, offer_work))?);
        Ok(())
    }

    fn reply(self: Box<Self>, result: Result<(), SandboxError>) {
        let Self { report, reply, .. } = *self;
        let no_report = || SandboxError::WorkerLost("the work ended without a report".to_owned());
        let report = result.and_then(|()| report.ok_or_else(no_report));
        // The channel is closed where the caller has gone.
        let _ = reply.send(report);
    }
}

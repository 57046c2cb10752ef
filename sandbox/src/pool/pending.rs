//! A caller's end of a request in the queue.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use super::shared::Shared;
use super::work::ServedResult;
use crate::SandboxError;

/// A report to come. Dropping it cancels the request.
pub(crate) struct Pending<R> {
    pub(super) served: oneshot::Receiver<ServedResult<R>>,
    pub(super) cancel: CancelOnDrop,
}

/// Cancels its request when dropped before the report came: takes it out of the queue, or ends the worker that serves
/// it.
pub(super) struct CancelOnDrop {
    pub id: u64,
    pub client: Arc<str>,
    pub shared: Arc<Shared>,
    pub is_answered: bool,
}

impl<R> Future for Pending<R> {
    type Output = ServedResult<R>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<ServedResult<R>> {
        let served = std::task::ready!(Pin::new(&mut self.served).poll(context));
        self.cancel.is_answered = true;
        // A ticket that is dropped unanswered was displaced from the queue, or the queue was closed.
        let gone = if self.cancel.shared.is_closed() { SandboxError::Closed } else { SandboxError::Busy };
        Poll::Ready(served.unwrap_or(Err(gone)))
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        if !self.is_answered {
            self.shared.abandon(&self.client, self.id);
        }
    }
}

//! One thread that serves the queue, with a worker process of each engine that its requests named.
//!
//! A worker that is lost is replaced and its request run once more; a second loss is the request's error.

use std::sync::Arc;
use std::time::Instant;

use sandbox_api::EngineKind;

use super::shared::Shared;
use super::ticket::Ticket;
use super::work::QueuedWork;
use crate::SandboxError;
use crate::engine::{Engines, Worker};
use crate::lock::lock;
use crate::metrics::Loss;

/// State of the thread.
pub(super) struct WorkerThread {
    index: usize,
    engines: Engines,
    workers: [Option<Worker>; EngineKind::ALL.len()],
    shared: Arc<Shared>,
}

impl WorkerThread {
    /// A thread without a worker.
    pub(super) fn new(index: usize, engines: Engines, shared: Arc<Shared>) -> Self {
        Self { index, engines, workers: Default::default(), shared }
    }

    /// Starts a worker of the engine that most requests take.
    pub(super) fn warm(&mut self) -> Result<(), SandboxError> {
        self.ensure_worker(self.engines.chooser().usual()).map(|_| ())
    }

    /// Serves tickets until the queue is closed.
    pub(super) fn serve(&mut self) {
        while let Some(mut ticket) = self.shared.queue.pop() {
            if let Some(queued) = ticket.queued {
                self.shared.metrics.waited(queued.elapsed());
            }
            let kind = ticket.work.engine();
            lock(&self.shared.slots[self.index]).busy = Some((ticket.id, kind));
            let result = self.attempt(kind, &mut ticket);
            lock(&self.shared.slots[self.index]).busy = None;
            ticket.work.reply(result);
        }
        EngineKind::ALL.iter().for_each(|kind| self.lose_worker(*kind));
    }

    fn attempt(&mut self, kind: EngineKind, ticket: &mut Ticket) -> Result<(), SandboxError> {
        let shared = self.shared.clone();
        let (id, deadline) = (ticket.id, ticket.deadline);
        let is_late = move || deadline.is_some_and(|deadline| deadline <= Instant::now());
        let is_cancelled = || is_late() || shared.is_closed();
        let offer_work = |most: usize, make: &dyn Fn() -> Box<dyn QueuedWork>| {
            shared.queue.offer(most, || Ticket { id, deadline, queued: None, work: make() });
        };
        let mut lost_before = false;
        loop {
            // The worker first: a ticket that is abandoned while it starts finds no process to kill, so look again
            // after it.
            let worker = self.ensure_worker(kind)?;
            if is_late() {
                return Err(SandboxError::DeadlinePassed);
            }
            if shared.is_closed() || ticket.work.is_abandoned() {
                return Err(SandboxError::Closed);
            }
            let reason = match ticket.work.attempt(worker, &is_cancelled, &offer_work) {
                Err(SandboxError::WorkerLost(reason)) => reason,
                // A worker's end cuts its program short: the verdict may be on a program that was not through.
                _ if worker.has_ended() => "it ended while it had a request".to_owned(),
                // A submission that was cut short between two cases has no report.
                Ok(()) if is_late() => return Err(SandboxError::DeadlinePassed),
                Ok(()) if shared.is_closed() => return Err(SandboxError::Closed),
                result => return result,
            };
            self.lose_worker(kind);
            let is_abandoned = is_cancelled() || ticket.work.is_abandoned();
            shared.metrics.worker_replaced(kind, if is_abandoned { Loss::Cancelled } else { Loss::Lost });
            if is_abandoned {
                continue; // the checks above say why
            }
            if lost_before {
                return Err(SandboxError::WorkerLost(reason));
            }
            tracing::warn!(worker = self.index, engine = %kind, reason, "a worker was lost and is replaced");
            lost_before = true;
        }
    }

    fn ensure_worker(&mut self, kind: EngineKind) -> Result<&mut Worker, SandboxError> {
        let worker = match self.workers[kind as usize].take() {
            Some(worker) => worker,
            None => {
                let worker = self.engines.start(kind)?;
                let mut slot = lock(&self.shared.slots[self.index]);
                // `Shared::close` kills the processes in the slots; a worker that comes later is dropped here, which
                // ends it.
                if self.shared.is_closed() {
                    return Err(SandboxError::Closed);
                }
                slot.processes[kind as usize] = Some(worker.id());
                worker
            }
        };
        Ok(self.workers[kind as usize].insert(worker))
    }

    /// Drops a worker. Its process id goes first: once the process is reaped, the number may be another process's.
    fn lose_worker(&mut self, kind: EngineKind) {
        lock(&self.shared.slots[self.index]).processes[kind as usize] = None;
        self.workers[kind as usize] = None;
    }
}

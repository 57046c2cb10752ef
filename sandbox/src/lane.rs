//! One thread that serves the queue, with a worker process of each engine that was asked for.
//!
//! A worker that is lost is replaced and its request run once more; a second loss is the request's error.

use std::sync::Arc;
use std::time::Instant;

use sandbox_api::EngineKind;

use crate::SandboxError;
use crate::engine::{Engines, Worker};
use crate::grade::Board;
use crate::metrics::Loss;
use crate::pool::{Shared, held};
use crate::ticket::{Helper, Ticket};

/// The thread's state.
pub(crate) struct Lane {
    index: usize,
    engines: Engines,
    workers: [Option<Worker>; EngineKind::ALL.len()],
    shared: Arc<Shared>,
}

impl Lane {
    /// A lane without a worker.
    pub fn new(index: usize, engines: Engines, shared: Arc<Shared>) -> Self {
        Self { index, engines, workers: Default::default(), shared }
    }

    /// Starts a worker of the engine for requests that name none.
    pub fn warm(&mut self) -> Result<(), SandboxError> {
        self.ensure_worker(self.engines.default_kind()).map(|_| ())
    }

    /// Serves tickets until the queue is closed.
    pub fn serve(&mut self) {
        while let Some(mut ticket) = self.shared.queue.pop() {
            if let Some(queued) = ticket.queued {
                self.shared.metrics.waited(queued.elapsed());
            }
            let kind = ticket.errand.engine().unwrap_or(self.engines.default_kind());
            held(&self.shared.slots[self.index]).busy = Some((ticket.id, kind));
            let result = self.attempt(kind, &mut ticket);
            held(&self.shared.slots[self.index]).busy = None;
            ticket.errand.reply(kind, result);
        }
        EngineKind::ALL.into_iter().for_each(|kind| self.lose_worker(kind));
    }

    fn attempt(&mut self, kind: EngineKind, ticket: &mut Ticket) -> Result<(), SandboxError> {
        let shared = self.shared.clone();
        let (id, deadline) = (ticket.id, ticket.deadline);
        let is_late = move || deadline.is_some_and(|deadline| deadline <= Instant::now());
        let is_cancelled = || is_late() || shared.is_closed();
        let call_help = |board: &Arc<Board>, most: usize| {
            let help = || Ticket { id, deadline, queued: None, errand: Box::new(Helper::new(board.clone(), kind)) };
            shared.queue.offer(most, help);
        };
        let mut lost_before = false;
        loop {
            // First the worker: whoever gives the ticket up while it starts finds no process to end.
            let worker = self.ensure_worker(kind)?;
            if is_late() {
                return Err(SandboxError::DeadlinePassed);
            }
            if shared.is_closed() || ticket.errand.is_abandoned() {
                return Err(SandboxError::Closed);
            }
            let reason = match ticket.errand.attempt(worker, &is_cancelled, &call_help) {
                Err(SandboxError::WorkerLost(reason)) => reason,
                // Its programs are cut short with it: what looks like a verdict may be no more than that.
                _ if worker.has_ended() => "it ended while it had a request".to_owned(),
                // It may have been cut short between two cases, and then there is no report.
                Ok(()) if is_late() => return Err(SandboxError::DeadlinePassed),
                Ok(()) if shared.is_closed() => return Err(SandboxError::Closed),
                result => return result,
            };
            self.lose_worker(kind);
            let is_abandoned = is_cancelled() || ticket.errand.is_abandoned();
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
                let mut slot = held(&self.shared.slots[self.index]);
                // Closing kills the processes it sees here; one that comes later ends itself by being dropped.
                if self.shared.is_closed() {
                    return Err(SandboxError::Closed);
                }
                slot.processes[kind as usize] = Some(worker.id());
                worker
            }
        };
        Ok(self.workers[kind as usize].insert(worker))
    }

    /// Forgets the process id before the process is reaped, so that no other one can be killed in its place.
    fn lose_worker(&mut self, kind: EngineKind) {
        held(&self.shared.slots[self.index]).processes[kind as usize] = None;
        self.workers[kind as usize] = None;
    }
}

//! The pool: threads that serve one queue, each with worker processes of its own. Knows no program, no test and no
//! HTTP.
//!
//! A request ([`Work`]) becomes a ticket in the fair queue; a worker thread takes it, has one of its workers perform
//! it, and sends the report to whoever holds the [`Pending`].

mod pending;
mod queue;
mod shared;
mod ticket;
mod work;
mod worker_thread;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

use sandbox_api::EngineKind;

use self::pending::CancelOnDrop;
pub(crate) use self::pending::Pending;
use self::queue::Pushed;
use self::shared::Shared;
use self::ticket::{QueuedRequest, Ticket};
pub(crate) use self::work::{OfferWork, QueuedWork, ServedResult, Work, catch_panic};
use self::worker_thread::WorkerThread;
use crate::SandboxError;
use crate::engine::Engines;
use crate::lock::lock;
use crate::metrics::Metrics;

/// The worker threads and their queue.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    next_id: AtomicU64,
}

impl Pool {
    /// Starts `workers` threads and waits until each has its process.
    pub(crate) fn start(
        engines: &Engines,
        workers: usize,
        capacity: usize,
        metrics: Arc<Metrics>,
    ) -> Result<Self, SandboxError> {
        let shared = Arc::new(Shared::new(capacity, workers, metrics));
        let (started, starts) = std::sync::mpsc::channel();
        let mut threads = Vec::new();
        for index in 0..workers {
            let mut thread = WorkerThread::new(index, engines.clone(), shared.clone());
            let started = started.clone();
            let handle = std::thread::Builder::new().name(format!("sandbox-{index}")).spawn(move || {
                let _ = started.send(thread.warm());
                drop(started);
                thread.serve();
            });
            threads.push(handle.map_err(|error| SandboxError::Start(error.to_string()))?);
        }
        drop(started);
        let (threads, next_id) = (Mutex::new(threads), AtomicU64::new(0));
        let pool = Self { shared, threads, next_id };
        for result in starts {
            result?;
        }
        Ok(pool)
    }

    /// Queues a client's request for an engine.
    ///
    /// # Errors
    /// The queue is full, the server is ending, or the deadline has passed.
    pub(crate) fn submit<W: Work>(
        &self,
        client: &Arc<str>,
        deadline: Option<Instant>,
        engine: EngineKind,
        request: &Arc<W>,
    ) -> Result<Pending<W::Report>, SandboxError> {
        let queued = Instant::now();
        if deadline.is_some_and(|deadline| deadline <= queued) {
            return Err(SandboxError::DeadlinePassed);
        }
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let (queued_request, served) = QueuedRequest::new(request.clone(), engine);
        let ticket = Ticket { id, deadline, queued: Some(queued), work: Box::new(queued_request) };
        match self.shared.queue.push(client, id, ticket) {
            Pushed::Waits => {}
            // Its caller sees the channel closed.
            Pushed::Displaced(other) => drop(other),
            Pushed::Full(_) => return Err(SandboxError::Busy),
            Pushed::Closed(_) => return Err(SandboxError::Closed),
        }
        let cancel = CancelOnDrop { id, client: client.clone(), shared: self.shared.clone(), is_answered: false };
        Ok(Pending { served, cancel })
    }

    /// Number of tickets that wait.
    pub(crate) fn depth(&self) -> usize {
        self.shared.queue.len()
    }

    /// Number of clients whose tickets wait.
    pub(crate) fn clients(&self) -> usize {
        self.shared.queue.clients()
    }

    /// Number of worker threads.
    pub(crate) fn workers(&self) -> usize {
        self.shared.slots.len()
    }

    /// Number of worker threads that have a ticket in hand.
    pub(crate) fn busy(&self) -> usize {
        self.shared.slots.iter().filter(|slot| lock(slot).busy.is_some()).count()
    }

    /// The process ids of the workers that run.
    pub(crate) fn worker_ids(&self) -> Vec<u32> {
        self.shared.slots.iter().flat_map(|slot| lock(slot).processes).flatten().collect()
    }

    /// Takes no more tickets, drops those that wait, kills what runs, and waits for the threads.
    pub(crate) fn close(&self) {
        self.shared.close();
        for thread in std::mem::take(&mut *lock(&self.threads)) {
            let _ = thread.join();
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.close();
    }
}

//! A bounded queue and the threads that serve it, each with a worker process of its own.
//!
//! A worker that is lost is replaced and its request run once more; a second loss is the request's error.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::sync::oneshot;

use crate::engine::{Engines, Worker};
use crate::metrics::Metrics;
use crate::{EngineKind, GradeReport, GradeRequest, RunReport, RunRequest, SandboxError};

/// What waits in the queue.
pub(crate) enum Ticket {
    Grade(Box<GradeRequest>, oneshot::Sender<Result<GradeReport, SandboxError>>),
    Run(Box<RunRequest>, oneshot::Sender<Result<RunReport, SandboxError>>),
}

/// The process ids of one thread's workers, by engine.
type Processes = [Option<u32>; EngineKind::ALL.len()];

struct Shared {
    queue: Mutex<VecDeque<Ticket>>,
    arrived: Condvar,
    capacity: usize,
    is_closed: AtomicBool,
    metrics: Arc<Metrics>,
    /// The process ids of each thread's workers, one of each engine that was asked for.
    running: Vec<Mutex<Processes>>,
}

/// The workers.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Pool {
    /// Starts `workers` threads and waits until each has its process.
    pub fn start(
        engines: &Engines,
        workers: usize,
        capacity: usize,
        metrics: Arc<Metrics>,
    ) -> Result<Self, SandboxError> {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            arrived: Condvar::new(),
            capacity,
            is_closed: AtomicBool::new(false),
            metrics,
            running: (0..workers).map(|_| Mutex::default()).collect(),
        });
        let (started, starts) = std::sync::mpsc::channel();
        let mut threads = Vec::new();
        for index in 0..workers {
            let mut lane =
                Lane { index, engines: engines.clone(), workers: Default::default(), shared: shared.clone() };
            let started = started.clone();
            let thread = std::thread::Builder::new().name(format!("sandbox-{index}")).spawn(move || {
                let _ = started.send(lane.ensure_worker(lane.engines.default_kind()).map(|_| ()));
                drop(started);
                lane.serve();
            });
            threads.push(thread.map_err(|error| SandboxError::Start(error.to_string()))?);
        }
        drop(started);
        let pool = Self { shared, threads: Mutex::new(threads) };
        for result in starts {
            result?;
        }
        Ok(pool)
    }

    /// Queues a ticket.
    pub fn submit(&self, ticket: Ticket) -> Result<(), SandboxError> {
        if self.shared.is_closed.load(Ordering::SeqCst) {
            return Err(SandboxError::Closed);
        }
        let mut queue = held(&self.shared.queue);
        if queue.len() >= self.shared.capacity {
            return Err(SandboxError::Busy);
        }
        queue.push_back(ticket);
        self.shared.arrived.notify_one();
        Ok(())
    }

    /// Tickets that wait.
    pub fn depth(&self) -> usize {
        held(&self.shared.queue).len()
    }

    /// Workers there are.
    pub fn workers(&self) -> usize {
        self.shared.running.len()
    }

    /// The process ids of the workers that run.
    pub fn worker_ids(&self) -> Vec<u32> {
        self.shared.running.iter().flat_map(|slot| *held(slot)).flatten().collect()
    }

    /// Takes no more tickets, drops those that wait, kills what runs, and waits for the threads.
    pub fn close(&self) {
        self.shared.is_closed.store(true, Ordering::SeqCst);
        held(&self.shared.queue).clear();
        self.shared.arrived.notify_all();
        for slot in &self.shared.running {
            for id in held(slot).iter().flatten() {
                let _ = kill(Pid::from_raw(*id as i32), Signal::SIGKILL);
            }
        }
        for thread in std::mem::take(&mut *held(&self.threads)) {
            let _ = thread.join();
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.close();
    }
}

/// A lock's value, also after a thread panicked with it: each value here is whole between statements.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One thread with its workers, one of each engine that was asked for.
struct Lane {
    index: usize,
    engines: Engines,
    workers: [Option<Worker>; EngineKind::ALL.len()],
    shared: Arc<Shared>,
}

impl Lane {
    fn serve(&mut self) {
        while let Some(ticket) = self.next() {
            match ticket {
                Ticket::Grade(request, reply) => {
                    let result = self.attempt(request.engine, &reply, |worker, is_cancelled| {
                        crate::grade::grade(worker, &request, is_cancelled)
                    });
                    let _ = reply.send(result);
                }
                Ticket::Run(request, reply) => {
                    let result = self.attempt(request.engine, &reply, |worker, _| crate::grade::run(worker, &request));
                    let _ = reply.send(result);
                }
            }
        }
        EngineKind::ALL.into_iter().for_each(|kind| self.lose_worker(kind));
    }

    fn next(&self) -> Option<Ticket> {
        let mut queue = held(&self.shared.queue);
        loop {
            if self.shared.is_closed.load(Ordering::SeqCst) {
                return None;
            }
            match queue.pop_front() {
                Some(ticket) => return Some(ticket),
                None => queue = self.shared.arrived.wait(queue).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    fn attempt<T>(
        &mut self,
        engine: Option<EngineKind>,
        reply: &oneshot::Sender<Result<T, SandboxError>>,
        task: impl Fn(&mut Worker, &dyn Fn() -> bool) -> Result<T, SandboxError>,
    ) -> Result<T, SandboxError> {
        let kind = engine.unwrap_or(self.engines.default_kind());
        let shared = self.shared.clone();
        let is_cancelled = || reply.is_closed() || shared.is_closed.load(Ordering::SeqCst);
        let mut lost_before = false;
        loop {
            if is_cancelled() {
                return Err(SandboxError::Closed);
            }
            let result = self.ensure_worker(kind).and_then(|worker| task(worker, &is_cancelled));
            let Err(SandboxError::WorkerLost(reason)) = result else {
                return result;
            };
            self.lose_worker(kind);
            if lost_before || is_cancelled() {
                return Err(SandboxError::WorkerLost(reason));
            }
            tracing::warn!(worker = self.index, engine = %kind, reason, "a worker was lost and is replaced");
            shared.metrics.workers_replaced.fetch_add(1, Ordering::Relaxed);
            lost_before = true;
        }
    }

    fn ensure_worker(&mut self, kind: EngineKind) -> Result<&mut Worker, SandboxError> {
        let worker = match self.workers[kind as usize].take() {
            Some(worker) => worker,
            None => {
                let mut slot = held(&self.shared.running[self.index]);
                if self.shared.is_closed.load(Ordering::SeqCst) {
                    return Err(SandboxError::Closed);
                }
                let worker = self.engines.start(kind)?;
                slot[kind as usize] = Some(worker.id());
                worker
            }
        };
        Ok(self.workers[kind as usize].insert(worker))
    }

    /// Forgets the process id before the process is reaped, so that no other one can be killed in its place.
    fn lose_worker(&mut self, kind: EngineKind) {
        held(&self.shared.running[self.index])[kind as usize] = None;
        self.workers[kind as usize] = None;
    }
}

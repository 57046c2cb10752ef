//! The workers: threads that serve the queue, each with worker processes of its own (`lane.rs`).

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use sandbox_api::EngineKind;

use crate::SandboxError;
use crate::engine::Engines;
use crate::lane::Lane;
use crate::metrics::Metrics;
use crate::queue::{FairQueue, Pushed};
use crate::ticket::{Job, Pending, Place, Ticket, Work};

/// How long work that nobody waits for may go on before its worker is ended: most programs are through sooner, and a new
/// worker costs more than they do.
const ABANDONED: Duration = Duration::from_millis(250);

/// What one thread's workers are doing.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    /// The process ids of the workers, by engine.
    pub processes: [Option<u32>; EngineKind::ALL.len()],
    /// The ticket in hand and the engine that serves it.
    pub busy: Option<(u64, EngineKind)>,
}

/// What the threads and the callers share.
pub(crate) struct Shared {
    pub queue: FairQueue<Ticket>,
    pub metrics: Arc<Metrics>,
    pub slots: Vec<Mutex<Slot>>,
    is_closed: AtomicBool,
}

impl Shared {
    /// Whether the server is ending.
    pub fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::SeqCst)
    }

    /// Takes a ticket out of the queue, or ends the worker that serves it unless it is through in a moment.
    pub fn abandon(self: &Arc<Self>, client: &Arc<str>, id: u64) {
        if self.queue.remove(client, id).is_some() {
            return;
        }
        let shared = self.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                tokio::time::sleep(ABANDONED).await;
                shared.end(id);
            });
        }
    }

    /// Kills the worker process that serves a ticket; its thread replaces it.
    fn end(&self, id: u64) {
        for slot in &self.slots {
            let slot = held(slot);
            if let Some((busy, kind)) = slot.busy
                && busy == id
                && let Some(process) = slot.processes[kind as usize]
            {
                end_worker(process);
            }
        }
    }
}

/// Kills a worker's process, with what is in a process group of its own.
fn end_worker(process: u32) {
    let process = Pid::from_raw(process as i32);
    let _ = killpg(process, Signal::SIGKILL);
    let _ = kill(process, Signal::SIGKILL);
}

/// The workers.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    next_id: AtomicU64,
    default_engine: EngineKind,
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
            queue: FairQueue::new(capacity),
            metrics,
            slots: (0..workers).map(|_| Mutex::default()).collect(),
            is_closed: AtomicBool::new(false),
        });
        let (started, starts) = std::sync::mpsc::channel();
        let mut threads = Vec::new();
        for index in 0..workers {
            let mut lane = Lane::new(index, engines.clone(), shared.clone());
            let started = started.clone();
            let thread = std::thread::Builder::new().name(format!("sandbox-{index}")).spawn(move || {
                let _ = started.send(lane.warm());
                drop(started);
                lane.serve();
            });
            threads.push(thread.map_err(|error| SandboxError::Start(error.to_string()))?);
        }
        drop(started);
        let (threads, next_id) = (Mutex::new(threads), AtomicU64::new(0));
        let pool = Self { shared, threads, next_id, default_engine: engines.default_kind() };
        for result in starts {
            result?;
        }
        Ok(pool)
    }

    /// Queues work for a client.
    ///
    /// # Errors
    /// The queue is full, the server is ending, or the deadline has passed.
    pub fn submit<W: Work>(
        &self,
        client: &Arc<str>,
        deadline: Option<Instant>,
        work: W,
    ) -> Result<Pending<W::Report>, SandboxError> {
        let queued = Instant::now();
        if deadline.is_some_and(|deadline| deadline <= queued) {
            return Err(SandboxError::DeadlinePassed);
        }
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let (job, answered) = Job::new(work);
        let ticket = Ticket { id, deadline, queued: Some(queued), errand: Box::new(job) };
        match self.shared.queue.push(client, id, ticket) {
            Pushed::Waits => {}
            // Dropping it answers its caller.
            Pushed::Displaced(other) => drop(other),
            Pushed::Full(_) => return Err(SandboxError::Busy),
            Pushed::Closed(_) => return Err(SandboxError::Closed),
        }
        let place = Place { id, client: client.clone(), shared: self.shared.clone(), is_answered: false };
        Ok(Pending { answered, place })
    }

    /// The engine for requests that name none.
    pub fn default_engine(&self) -> EngineKind {
        self.default_engine
    }

    /// Tickets that wait.
    pub fn depth(&self) -> usize {
        self.shared.queue.len()
    }

    /// Clients whose tickets wait.
    pub fn clients(&self) -> usize {
        self.shared.queue.clients()
    }

    /// Threads there are.
    pub fn workers(&self) -> usize {
        self.shared.slots.len()
    }

    /// Threads that have a ticket in hand.
    pub fn busy(&self) -> usize {
        self.shared.slots.iter().filter(|slot| held(slot).busy.is_some()).count()
    }

    /// The process ids of the workers that run.
    pub fn worker_ids(&self) -> Vec<u32> {
        self.shared.slots.iter().flat_map(|slot| held(slot).processes).flatten().collect()
    }

    /// Takes no more tickets, drops those that wait, kills what runs, and waits for the threads.
    pub fn close(&self) {
        self.shared.is_closed.store(true, Ordering::SeqCst);
        self.shared.queue.close();
        for slot in &self.shared.slots {
            for id in held(slot).processes.iter().flatten() {
                end_worker(*id);
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
pub(crate) fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! State that worker threads and their callers share: the queue, the counts, and which process serves which ticket.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use sandbox_api::EngineKind;

use super::queue::FairQueue;
use super::ticket::Ticket;
use crate::lock::lock;
use crate::metrics::Metrics;

/// Time that an abandoned request may run on before its worker is killed: most programs end sooner, and a new worker
/// costs more than they do.
const ABANDONED: Duration = Duration::from_millis(250);

/// One thread's workers.
#[derive(Debug, Default)]
pub(super) struct Slot {
    /// The process ids of the workers, by engine.
    pub processes: [Option<u32>; EngineKind::ALL.len()],
    /// The ticket in hand and the engine that serves it.
    pub busy: Option<(u64, EngineKind)>,
}

/// State that worker threads and callers share.
pub(super) struct Shared {
    pub queue: FairQueue<Ticket>,
    pub metrics: Arc<Metrics>,
    pub slots: Vec<Mutex<Slot>>,
    is_closed: AtomicBool,
}

impl Shared {
    pub(super) fn new(capacity: usize, workers: usize, metrics: Arc<Metrics>) -> Self {
        Self {
            queue: FairQueue::new(capacity),
            metrics,
            slots: (0..workers).map(|_| Mutex::default()).collect(),
            is_closed: AtomicBool::new(false),
        }
    }

    /// True once the server has begun to shut down.
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::SeqCst)
    }

    /// Takes no more tickets, drops those that wait, and kills the workers.
    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
        self.queue.close();
        for slot in &self.slots {
            for id in lock(slot).processes.iter().flatten() {
                kill_worker(*id);
            }
        }
    }

    /// Takes a ticket out of the queue, or kills the worker that serves it unless it ends within [`ABANDONED`].
    pub(super) fn abandon(self: &Arc<Self>, client: &Arc<str>, id: u64) {
        if self.queue.remove(client, id).is_some() {
            return;
        }
        let shared = self.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                tokio::time::sleep(ABANDONED).await;
                shared.kill_worker_of(id);
            });
        }
    }

    /// Kills the worker process that serves a ticket; its thread replaces it.
    fn kill_worker_of(&self, id: u64) {
        for slot in &self.slots {
            let slot = lock(slot);
            if let Some((busy, kind)) = slot.busy
                && busy == id
                && let Some(process) = slot.processes[kind as usize]
            {
                kill_worker(process);
            }
        }
    }
}

/// Kills a worker's process, and its process group where it leads one.
fn kill_worker(process: u32) {
    let process = Pid::from_raw(process as i32);
    let _ = killpg(process, Signal::SIGKILL);
    let _ = kill(process, Signal::SIGKILL);
}
